"""Online inference: a model that is fed as its input arrives."""

import statistics
import time
from collections import deque
from typing import Any

import jax

from ._cell import as_cell
from ._errors import InputError
from ._misc import split_key
from ._parameter import resolve
from ._types import Key, Out, Trajectory
from ._unroll import unroll


class Stream:
    """A model with its state, for input that comes step by step, or chunk by chunk.

    The state goes on from call to call; what is put out is what `unroll` puts out for the whole sequence. (For a model
    that draws random numbers the keys differ, since they are split per call.) Every shape of input is compiled once:
    the first call of a shape takes longer, and is not part of the latency.

    **Arguments:**

    - `model`: a cell or a layer.
    - `key`: a PRNG key, for stochastic models.

    **Attributes:** `state`, which may be kept and set again (None before the first input); `steps`, the number of steps
    so far; `latency`, the median seconds per step of the last 100 calls (NaN before there is one).

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    stream = snn.Stream(snn.LIF(tau=10.0))
    for x in 0.3 * jnp.ones((5, 8)):
        z = stream(x)                                          # one step
    zs = stream.chunk(0.3 * jnp.ones((20, 8)))                 # or many
    stream.reset()
    ```
    """

    def __init__(self, model: Any, *, key: Key = None):
        self._model = resolve(as_cell(model))
        self._key = key
        self._seen: set = set()
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the state before the first step."""
        self.state: Any = None
        self.steps = 0
        self._seconds: deque[float] = deque(maxlen=100)

    @property
    def latency(self) -> float:
        return statistics.median(self._seconds) if self._seconds else float("nan")

    def __call__(self, x: Any) -> Out:
        """One step: the output for one step's input."""
        return jax.tree.map(lambda a: a[0], self.chunk(jax.tree.map(lambda a: jax.numpy.asarray(a)[None], x)))

    def chunk(self, xs: Trajectory) -> Trajectory:
        """Many steps: the outputs for inputs with time on axis 0."""
        lengths = {jax.numpy.shape(leaf)[:1] for leaf in jax.tree.leaves(xs)}
        if len(lengths) != 1 or lengths <= {(), (0,)}:
            raise InputError(
                f"Stream.chunk was given inputs with {sorted(lengths)} steps; it takes arrays of equally many, at least "
                f"one, with time on axis 0. For a single step call the stream itself."
            )
        self._key, key = split_key(self._key, 2)
        shapes = (self.state is None, *(jax.numpy.shape(leaf) for leaf in jax.tree.leaves(xs)))
        begin = time.perf_counter()
        state, ys = unroll(self._model, xs, self.state, key=key)
        jax.block_until_ready(ys)
        steps = jax.tree.leaves(xs)[0].shape[0]
        if shapes in self._seen:
            self._seconds.append((time.perf_counter() - begin) / steps)
        self._seen.add(shapes)
        self.state, self.steps = state, self.steps + steps
        return ys
