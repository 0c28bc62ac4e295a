"""What is run: the same numbers for every library."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# The neuron everybody is asked for: v = DECAY v + x, a spike above THRESHOLD, which is then subtracted.
DECAY, THRESHOLD, SLOPE = 0.9, 1.0, 10.0
TAU = -1.0 / np.log(DECAY)
LEARNING_RATE = 1e-3


class Contestant(NamedTuple):
    """What a library is timed on. Each call returns when its results are there."""

    forward: Callable[[], Any]
    backward: Callable[[], Any]  # forward and backward; a whole Adam step on the SHD-shaped workloads
    rate: Callable[[], float]  # spikes per neuron and step, of the first layer
    lower: Callable[[str], Any] | None = None  # JAX only: the program of "forward" or "backward", not yet compiled


@dataclasses.dataclass(frozen=True)
class Workload:
    """`layer`: `Linear(n, n)` and LIF. `shd`: 700-128-128-20 with a leaky readout; recurrent in `shd-recurrent`.

    `length` and `examples` replace the usual numbers of steps and sequences; `depth` is how often a `layer` is repeated
    (in the JAX libraries).
    """

    name: str
    size: int = 0
    length: int = 0
    depth: int = 1
    examples: int = 0
    density: float = 0.02  # of the spikes of `shd`

    @classmethod
    def parse(cls, text: str) -> "Workload":
        """`NAME`, or `NAME:SIZE`, and so on up to `NAME:SIZE:LENGTH:DEPTH:EXAMPLES`."""
        name, *numbers = text.split(":")
        return cls(name, *map(int, numbers))

    @property
    def is_layer(self) -> bool:
        return self.name == "layer"

    @property
    def recurrent(self) -> bool:
        return self.name == "shd-recurrent"

    @property
    def steps(self) -> int:
        return self.length or (500 if self.is_layer else 100)

    @property
    def batch(self) -> int:
        return self.examples or (16 if self.is_layer else 128)

    @functools.cached_property
    def inputs(self) -> np.ndarray:
        """(steps, batch, inputs): normal currents for the layer, spikes for the network."""
        rng = np.random.default_rng(0)
        if self.is_layer:
            return rng.standard_normal((self.steps, self.batch, self.size), dtype=np.float32)
        return (rng.random((self.steps, self.batch, 700)) < self.density).astype(np.float32)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        return np.random.default_rng(1).integers(0, 20, self.batch)

    @functools.cached_property
    def weights(self) -> list[np.ndarray]:
        """(inputs, outputs) of every feed-forward layer."""
        shapes = [(self.size, self.size)] * self.depth if self.is_layer else [(700, 128), (128, 128), (128, 20)]
        scales = [1 / np.sqrt(self.size)] * self.depth if self.is_layer else [0.15, 0.12, 0.1]
        return [self._normal(2 + i, shape, s) for i, (shape, s) in enumerate(zip(shapes, scales, strict=True))]

    @functools.cached_property
    def feedback(self) -> list[np.ndarray]:
        """(spikes, inputs) of the recurrent weights of both hidden layers."""
        return [self._normal(7 + i, (128, 128), 0.05) for i in range(2)] if self.recurrent else []

    @staticmethod
    def _normal(seed: int, shape: tuple[int, int], scale: float) -> np.ndarray:
        return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)
