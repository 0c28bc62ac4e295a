"""Online inference: a model that is fed as its input arrives."""

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ._cell import as_cell
from ._kernel import AbstractKernel, Recompute
from ._loop import BPTT
from ._misc import split_key
from ._parameter import resolve
from ._types import Key, Out, Trajectory
from ._unroll import check_time, run_whole


class Stream:
    """A model with its state, for input that comes step by step, or chunk by chunk.

    The state goes on from call to call, and every step has the random numbers that it would have in the whole
    sequence, so that the outputs are those of `unroll`. Single steps are other programs than sequences, and products of
    other shapes, so that a membrane may be rounded otherwise in its last bit.

    Every shape of input is compiled once, when it is first seen; that call is not part of the latency. To have it
    behind you, feed a step of zeros and `reset`.

    One stream is one example. For many at once write `jax.vmap` over `unroll`, and keep their states yourself, as in
    the second example.

    **Arguments:**

    - `model`: a cell or a layer.
    - `key`: a PRNG key, for stochastic models; with that of `unroll` the outputs are those of `unroll`.
    - `kernel`: as for `unroll`.

    **Attributes:** `state`, which may be kept and set again (None before the first input); `steps`, the number of steps
    so far; `latency`, the median seconds per step of the last 100 calls (NaN before there is one), from the call to the
    output being there.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    stream = snn.Stream(snn.LIF(tau=10.0))
    for x in 0.3 * jnp.ones((5, 8)):
        z = stream(x)                                          # one step
    zs = stream.chunk(0.3 * jnp.ones((20, 8)))                 # or many
    print(f"{1e6 * stream.latency:.0f} microseconds per step")
    stream.reset()
    ```

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    model, xs = snn.LIF(tau=10.0), 0.3 * jnp.ones((5, 16, 8))  # time, batch, features
    states = jax.vmap(model.init_state)(xs[0])
    step = jax.jit(jax.vmap(lambda state, x: snn.unroll(model, x[None], state)))
    for x in xs:
        states, zs = step(states, x)
    ```
    """

    def __init__(self, model: Any, *, key: Key = None, kernel: AbstractKernel = Recompute()):
        # Taken apart once: at every call that would take longer than a step.
        self._arrays, rest = eqx.partition(resolve(as_cell(model)), eqx.is_array)
        self._key = key

        def begin(arrays: Any, x: Any, key: Key) -> Any:
            return eqx.combine(arrays, rest).init_state(x, key=split_key(key, 2)[0])

        def chunk(arrays: Any, state: Any, xs: Trajectory, key: Key, start: Any) -> tuple[Any, Trajectory]:
            return run_whole(eqx.combine(arrays, rest), xs, state, key, None, BPTT(), False, kernel, start=start)

        def step(arrays: Any, state: Any, x: Any, key: Key, start: Any) -> tuple[Any, Out]:
            state, ys = chunk(arrays, state, jax.tree.map(lambda a: a[None], x), key, start)
            return state, jax.tree.map(lambda a: a[0], ys)

        self._begin, self._chunk, self._step = jax.jit(begin), jax.jit(chunk), jax.jit(step)
        self._compiled: set = set()
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the state before the first step. What was compiled is kept."""
        self.state: Any = None
        self.steps = 0
        self._seconds: deque[float] = deque(maxlen=100)

    @property
    def latency(self) -> float:
        return statistics.median(self._seconds) if self._seconds else math.nan

    def __call__(self, x: Any) -> Out:
        """One step: the output for one step's input."""
        return self._advance(self._step, x, x, 1)

    def chunk(self, xs: Trajectory) -> Trajectory:
        """Many steps: the outputs for inputs with time on axis 0."""
        check_time(xs)
        return self._advance(self._chunk, xs, jax.tree.map(lambda a: a[0], xs), jax.tree.leaves(xs)[0].shape[0])

    def _advance(self, program: Callable, inputs: Any, first: Any, steps: int) -> Any:
        if self.state is None:
            self.state = self._begin(self._arrays, first, self._key)
        begin = time.perf_counter()
        self.state, outs = jax.block_until_ready(program(self._arrays, self.state, inputs, self._key, self.steps))
        seconds = time.perf_counter() - begin
        self.steps += steps
        kind = program, *((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(inputs))
        if kind in self._compiled:
            self._seconds.append(seconds / steps)
        self._compiled.add(kind)
        return outs
