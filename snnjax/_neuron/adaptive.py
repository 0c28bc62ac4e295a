"""The leaky integrate-and-fire neuron with an adaptive threshold."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Params
from ._base import AbstractNeuron, leak, pure


class ALIFState(eqx.Module):
    """State of an `ALIF`: the membrane after the reset, and the adaptation (a leaky count of spikes)."""

    v: Float[Array, "*shape"]
    a: Float[Array, "*shape"]


class ALIF(AbstractNeuron[ALIFState]):
    """Leaky integrate-and-fire neuron whose threshold rises with every spike (the neuron of the LSNN).

    ```
    decay = exp(-dt / tau),  decay_a = exp(-dt / tau_a)
    v = rest + decay * (v - rest) + gain * x          gain = 1, or 1 - decay with normalise_input
    z = H(v - (threshold + strength * a))
    v = reset(v, z, threshold)
    a = decay_a * a + gain_a * z                      gain_a = 1, or 1 - decay_a with normalise_adaptation
    ```

    A spike raises the threshold from the next step on. The reset takes off the resting threshold, or the raised one
    with `reset_raised`. With `decay_before_fire` the adaptation decays before the neuron fires: it is then
    `a = decay_a * a` in the integration, and `a = a + gain_a * z` at a spike.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_a`: time constant of the adaptation, in the same unit.
    - `threshold`: at rest, in the unit of the membrane.
    - `strength`: how much a spike raises the threshold.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`, `decay_a`: the factors per step, instead of `tau` and `tau_a`; between 0 and 1.
    - `normalise_input`: scale the input by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.
    - `normalise_adaptation`: scale the spikes by `1 - decay_a`, so that `a` is a mean rate.
    - `decay_before_fire`: see above.
    - `reset_raised`: hand the raised threshold to the reset.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.ALIF(decay=snn.Interval(0.9, 0, 1), tau_a=100.0)
    state, zs = snn.unroll(neuron, 0.3 * jnp.ones((100, 4)))
    ```

    Source: G. Bellec et al., A solution to the learning dilemma for recurrent networks of spiking neurons,
    2020, equations 6 to 10.
    """

    tau: Param = parameter(20.0)
    tau_a: Param = parameter(200.0)
    threshold: Param = parameter(1.0)
    strength: Param = parameter(0.2)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    decay_a: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)
    normalise_adaptation: bool = eqx.field(default=False, static=True)
    decay_before_fire: bool = eqx.field(default=False, static=True)
    reset_raised: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_a", "tau_a")
        check_finite(self, "threshold", "strength", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> ALIFState:
        del key
        return ALIFState(v=starting(x, self.rest), a=resting(x))

    def integrate(self, state: ALIFState, x: Float[Array, "*shape"]) -> ALIFState:
        decay_a = decay_factor(self.tau_a, self.decay_a, self.dt, state.a.dtype)
        a = decay_a * state.a if self.decay_before_fire else state.a
        return ALIFState(v=leak(self, state.v, as_current(x, state.v)), a=a)

    def fire(self, before: ALIFState, state: ALIFState, key: Key) -> Float[Array, "*shape"]:
        del before
        return self.surrogate.fire(state.v, _raised(self, state.a), key=key)

    def spiked(self, state: ALIFState, z: Float[Array, "*shape"]) -> ALIFState:
        decay_a = decay_factor(self.tau_a, self.decay_a, self.dt, state.a.dtype)
        threshold = _raised(self, state.a) if self.reset_raised else self.threshold
        jump = (1 - decay_a) * z if self.normalise_adaptation else z
        a = state.a if self.decay_before_fire else decay_a * state.a
        return ALIFState(v=self.reset(state.v, z, threshold), a=a + jump)


def _raised(params: Params, a: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return cast(params.threshold, a.dtype) + cast(params.strength, a.dtype) * a


alif = pure(ALIF, "alif")
