"""The exponential integrate-and-fire neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ValueReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure, reset_membrane
from ._nonlinear import PEAK, check_peak, exponential_upstroke, moved_below_peak


class ExpIFState(eqx.Module):
    """State of an `ExpIF`: the membrane in mV, after the reset."""

    v: Float[Array, "*shape"]


class ExpIF(AbstractNeuron[ExpIFState]):
    """Exponential integrate-and-fire neuron: a leaky membrane whose upstroke is exponential.

    ```
    upstroke = slope_factor * exp((v - rheobase) / slope_factor)      exponents above 20 count as 20
    tau * v' = -(v - rest) + upstroke + resistance * x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    A constant input fires it above `(rheobase - rest - slope_factor) / resistance`.

    **Arguments:**

    - `tau`: membrane time constant, in ms.
    - `resistance`: in MOhm.
    - `rest`: where the membrane decays to, and starts, in mV.
    - `rheobase`: where the upstroke begins, in mV.
    - `slope_factor`: how wide the beginning of the upstroke is, in mV.
    - `threshold`: where the spike is cut off, in mV.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `reset`: what a spike does to the membrane.
    - `peak`: the membrane is held here, in mV; a membrane that is held has no gradient.
    - `integrator`: how the equation is solved: `ExponentialEuler()`, `Euler()` or `RungeKutta4()`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    The input is in nA. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.ExpIF(resistance=100.0), jnp.full((1000, 4), 0.05))  # 100 ms
    ```

    Source: N. Fourcaud-Trocme, D. Hansel, C. van Vreeswijk and N. Brunel, How spike generation mechanisms determine
    the neuronal response to fluctuating inputs, 2003; as in W. Gerstner, W. M. Kistler, R. Naud and L. Paninski,
    Neuronal Dynamics, 2014, chapter 5.2.
    """

    tau: Param = parameter(10.0)
    resistance: Param = parameter(1.0)
    rest: Param = parameter(-65.0)
    rheobase: Param = parameter(-59.9)
    slope_factor: Param = parameter(3.48)
    threshold: Param = parameter(-40.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-68.0)
    peak: Param = parameter(PEAK)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "tau", "slope_factor", "dt")
        check_finite(self, "resistance", "rest", "rheobase", "threshold", "peak")
        check_peak(self)

    def init_state(self, x: Any, *, key: Key = None) -> ExpIFState:
        del key
        return ExpIFState(v=starting(x, self.rest))

    def drift(self, state: ExpIFState, x: Float[Array, "*shape"]) -> ExpIFState:
        """The derivative of the state with respect to time, per ms."""
        v, dtype = state.v, state.v.dtype
        driven = exponential_upstroke(self, v) + cast(self.resistance, dtype) * x
        return ExpIFState(v=(driven - (v - cast(self.rest, dtype))) / cast(self.tau, dtype))

    def integrate(self, state: ExpIFState, x: Float[Array, "*shape"]) -> ExpIFState:
        return moved_below_peak(ExpIF.drift, self, state, x)

    fire = fire_membrane
    spiked = reset_membrane


exponential_integrate_and_fire = pure(ExpIF, "exponential_integrate_and_fire")
