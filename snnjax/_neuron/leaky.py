"""The leaky integrate-and-fire neuron."""

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


class LIFState(eqx.Module):
    """State of a `LIF`: the membrane after the reset."""

    v: Float[Array, "*shape"]


def lif(params: Params, state: LIFState, x: Float[Array, "*shape"]) -> tuple[LIFState, Float[Array, "*shape"]]:
    """One step of the leaky integrate-and-fire neuron, elementwise.

    ```
    decay = exp(-dt / tau)
    v = decay * v + gain * x          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    **Arguments:**

    - `params`: a `LIF`, or anything with its fields.
    - `state`: the membrane before the step.
    - `x`: the input current, of the shape of the state.

    **Returns:** the state after the step, and the spikes in the dtype of `x`.
    """
    decay = decay_factor(params.tau, params.decay, params.dt, state.v.dtype)
    gain = 1 - decay if params.normalise_input else 1
    v = decay * state.v + gain * as_current(x, state.v)
    z = params.surrogate(v - cast(params.threshold, v.dtype))
    return LIFState(v=params.reset(v, z, params.threshold)), z.astype(x.dtype)


class LIF(AbstractCell[LIFState]):
    """Leaky integrate-and-fire neuron. See `functional.lif` for its equations.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`: the factor per step, instead of `tau`; between 0 and 1.
    - `normalise_input`: scale the input by `1 - decay`, so that a constant drive settles at its own value.

    Numbers are constants, arrays (of any shape that broadcasts to the neurons) are trained, and `Positive`,
    `Interval`, `Fixed` are what they say. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(tau=jnp.linspace(5.0, 50.0, 4))          # four neurons, four trained time constants
    state, zs = snn.unroll(neuron, 0.2 * jnp.ones((100, 4)))
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 1.3; the
    discrete form with a soft reset as in E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in
    spiking neural networks, 2019.
    """

    tau: Param = parameter(20.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSurrogate = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        del key
        return LIFState(v=resting(x))

    def __call__(
        self, state: LIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[LIFState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.LIF"):
            return lif(self, state, x)
