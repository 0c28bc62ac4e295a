"""The leaky integrate-and-fire neuron without a reset, computed for all steps at once."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractSequenceCell, RunPart
from .._misc import as_current, check_decay, check_finite, check_positive, decay_factor, starting
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Keys
from ._base import leak
from .leaky import LIFState


class ParallelLIF(AbstractSequenceCell[LIFState]):
    """Leaky integrate-and-fire neuron that is never reset: equal to `LIF(reset=NoReset())`, and parallel in time.

    ```
    decay = exp(-dt / tau)
    v = rest + decay * (v - rest) + gain * x          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    ```

    Without a reset the membrane is linear in its inputs, and an associative scan computes all of a sequence's steps in
    a number of rounds that grows with the logarithm of the sequence's length.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `decay`: the factor per step, instead of `tau`; between 0 and 1.
    - `normalise_input`: scale the input by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.ParallelLIF(decay=0.5), jnp.array([0.75, 0.75, 0.0, 0.0]))
    assert zs.tolist() == [0.0, 1.0, 0.0, 0.0]
    ```

    Source: the scan is that of G. E. Blelloch, Prefix sums and their applications, 1990, section 1.4.1.
    """

    tau: Param = parameter(20.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        del key
        return LIFState(v=starting(x, self.rest))

    def __call__(
        self, state: LIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[LIFState, Float[Array, "*shape"]]:
        with jax.named_scope("snn.ParallelLIF"):
            v = leak(self, state.v, as_current(x, state.v))
            return LIFState(v=v), self.surrogate.fire(v, self.threshold, key=key).astype(x.dtype)

    def scan(
        self, run: RunPart, state: LIFState, xs: Float[Array, "time *shape"], keys: Keys
    ) -> tuple[LIFState, Float[Array, "time *shape"], LIFState]:
        del run
        with jax.named_scope("snn.ParallelLIF"):
            start = state.v
            # A step is v -> decay * v + offset. What the state brings along is part of the first offset.
            before = jnp.zeros_like(xs, dtype=start.dtype).at[0].set(start)
            offsets = jax.vmap(lambda v, x: leak(self, v, x))(before, as_current(xs, start))
            decay = jnp.asarray(decay_factor(self.tau, self.decay, self.dt, start.dtype), start.dtype)
            shape = (xs.shape[0], *(1,) * (start.ndim - decay.ndim), *decay.shape)
            _, vs = jax.lax.associative_scan(_one_after_the_other, (jnp.broadcast_to(decay, shape), offsets))
            zs = fire_all(self.surrogate, vs, self.threshold, keys)
            return LIFState(v=vs[-1]), zs.astype(xs.dtype), LIFState(v=vs)


def _one_after_the_other(first: Any, second: Any) -> tuple[Array, Array]:
    """Two affine maps `(decay, offset)` as one."""
    return first[0] * second[0], second[0] * first[1] + second[1]


def fire_all(
    surrogate: AbstractSpike, vs: Float[Array, "time *shape"], threshold: Param, keys: Keys, each: bool = False
) -> Float[Array, "time *shape"]:
    """The spikes of all steps; with `each` there is a threshold for every step."""
    axis = 0 if each else None
    if keys is None:
        return jax.vmap(lambda v, limit: surrogate.fire(v, limit), in_axes=(0, axis))(vs, threshold)
    return jax.vmap(lambda v, limit, key: surrogate.fire(v, limit, key=key), in_axes=(0, axis, 0))(vs, threshold, keys)
