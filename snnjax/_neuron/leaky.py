"""The leaky integrate-and-fire neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import as_current, check_decay, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure, reset_membrane


class LIFState(eqx.Module):
    """State of a `LIF`: the membrane after the reset (before it, with the order `ResetFirst`)."""

    v: Float[Array, "*shape"]


class LIF(AbstractNeuron[LIFState]):
    """Leaky integrate-and-fire neuron.

    ```
    decay = exp(-dt / tau)
    v = rest + decay * (v - rest) + gain * x          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative; `MultiSpike` and `GradedSpike` change what it puts out.
    - `reset`: what a spike does to the membrane; `Floor` keeps it from falling too low.
    - `decay`: the factor per step, instead of `tau`; from 0 to 1.
    - `normalise_input`: scale the input by `1 - decay`, so that a constant drive settles at its own value.
    - `rest`: where the membrane decays to, and starts.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

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
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        del key
        return LIFState(v=starting(x, self.rest))

    def integrate(self, state: LIFState, x: Float[Array, "*shape"]) -> LIFState:
        return LIFState(v=leak(self, state.v, as_current(x, state.v)))

    fire = fire_membrane
    spiked = reset_membrane


lif = pure(LIF, "lif")
