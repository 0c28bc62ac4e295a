"""The current-based leaky integrate-and-fire neuron: a synapse in front of the membrane."""

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


class CubaLIFState(eqx.Module):
    """State of a `CubaLIF`: the membrane after the reset, and the synaptic current."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]


def cuba_lif(
    params: Params, state: CubaLIFState, x: Float[Array, "*shape"]
) -> tuple[CubaLIFState, Float[Array, "*shape"]]:
    """One step of the current-based leaky integrate-and-fire neuron, elementwise.

    ```
    decay_i = exp(-dt / tau_i),  decay = exp(-dt / tau)
    i = decay_i * i + x
    v = decay * v + gain * i          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    The input reaches the membrane in the step in which it comes.

    **Arguments:**

    - `params`: a `CubaLIF`, or anything with its fields.
    - `state`: membrane and current before the step.
    - `x`: the input current, of the shape of the state.

    **Returns:** the state after the step, and the spikes in the dtype of `x`.
    """
    dtype = state.v.dtype
    decay_i = decay_factor(params.tau_i, params.decay_i, params.dt, dtype)
    decay = decay_factor(params.tau, params.decay, params.dt, dtype)
    gain = 1 - decay if params.normalise_input else 1
    i = decay_i * state.i + as_current(x, state.v)
    v = decay * state.v + gain * i
    z = params.surrogate(v - cast(params.threshold, dtype))
    return CubaLIFState(v=params.reset(v, z, params.threshold), i=i), z.astype(x.dtype)


class CubaLIF(AbstractCell[CubaLIFState]):
    """Leaky integrate-and-fire neuron with an exponential synaptic current. See `functional.cuba_lif`.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_i`: synaptic time constant, in the same unit.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`, `decay_i`: the factors per step, instead of `tau` and `tau_i`; between 0 and 1.
    - `normalise_input`: scale the current into the membrane by `1 - decay`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.CubaLIF(tau=20.0, tau_i=5.0), 0.1 * jnp.ones((100, 4)))
    ```

    Source: E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in spiking neural networks, 2019,
    equations 3 and 4 (there the membrane hears the current of the step before).
    """

    tau: Param = parameter(20.0)
    tau_i: Param = parameter(5.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSurrogate = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    decay_i: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_i", "tau_i")
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFState:
        del key
        return CubaLIFState(v=resting(x), i=resting(x))

    def __call__(
        self, state: CubaLIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[CubaLIFState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.CubaLIF"):
            return cuba_lif(self, state, x)
