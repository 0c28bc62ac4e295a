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


@dataclasses.dataclass(frozen=True)
class Workload:
    """`layer`: `Linear(n, n)` and LIF. `shd`: 700-128-128-20 with a leaky readout; recurrent in `shd-recurrent`."""

    name: str
    size: int
    density: float = 0.02  # of the spikes of `shd`

    @property
    def is_layer(self) -> bool:
        return self.name == "layer"

    @property
    def recurrent(self) -> bool:
        return self.name == "shd-recurrent"

    @property
    def steps(self) -> int:
        return 500 if self.is_layer else 100

    @property
    def batch(self) -> int:
        return 16 if self.is_layer else 128

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
        shapes = [(self.size, self.size)] if self.is_layer else [(700, 128), (128, 128), (128, 20)]
        scales = [1 / np.sqrt(self.size)] if self.is_layer else [0.15, 0.12, 0.1]
        return [self._normal(2 + i, shape, s) for i, (shape, s) in enumerate(zip(shapes, scales, strict=True))]

    @functools.cached_property
    def feedback(self) -> list[np.ndarray]:
        """(spikes, inputs) of the recurrent weights of both hidden layers."""
        return [self._normal(7 + i, (128, 128), 0.05) for i in range(2)] if self.recurrent else []

    @staticmethod
    def _normal(seed: int, shape: tuple[int, int], scale: float) -> np.ndarray:
        return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)
