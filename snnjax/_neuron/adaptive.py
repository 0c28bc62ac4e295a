"""The leaky integrate-and-fire neuron with an adaptive threshold."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import (
    as_current,
    cast,
    check_decay,
    check_finite,
    check_positive,
    decay_factor,
    resting,
)
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSurrogate, SuperSpike
from .._types import Key, Params


class ALIFState(eqx.Module):
    """State of an `ALIF`: the membrane after the reset, and the adaptation (a leaky count of spikes)."""

    v: Float[Array, "*shape"]
    a: Float[Array, "*shape"]


def alif(params: Params, state: ALIFState, x: Float[Array, "*shape"]) -> tuple[ALIFState, Float[Array, "*shape"]]:
    """One step of the adaptive leaky integrate-and-fire neuron, elementwise.

    ```
    decay = exp(-dt / tau),  decay_a = exp(-dt / tau_a)
    v = decay * v + gain * x          gain = 1, or 1 - decay with normalise_input
    z = H(v - (threshold + strength * a))
    v = reset(v, z, threshold)
    a = decay_a * a + z
    ```

    A spike raises the threshold from the next step on. The reset takes off the resting threshold.

    **Arguments:**

    - `params`: an `ALIF`, or anything with its fields.
    - `state`: membrane and adaptation before the step.
    - `x`: the input current, of the shape of the state.

    **Returns:** the state after the step, and the spikes in the dtype of `x`.
    """
    dtype = state.v.dtype
    decay = decay_factor(params.tau, params.decay, params.dt, dtype)
    decay_a = decay_factor(params.tau_a, params.decay_a, params.dt, dtype)
    gain = 1 - decay if params.normalise_input else 1
    v = decay * state.v + gain * as_current(x, state.v)
    raised = cast(params.threshold, dtype) + cast(params.strength, dtype) * state.a
    z = params.surrogate(v - raised)
    after = ALIFState(v=params.reset(v, z, params.threshold), a=decay_a * state.a + z)
    return after, z.astype(x.dtype)


class ALIF(AbstractCell[ALIFState]):
    """Leaky integrate-and-fire neuron whose threshold rises with every spike. See `functional.alif`.

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
    surrogate: AbstractSurrogate = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    decay_a: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_a", "tau_a")
        check_finite(self, "threshold", "strength")

    def init_state(self, x: Any, *, key: Key = None) -> ALIFState:
        del key
        return ALIFState(v=resting(x), a=resting(x))

    def __call__(
        self, state: ALIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ALIFState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.ALIF"):
            return alif(self, state, x)
