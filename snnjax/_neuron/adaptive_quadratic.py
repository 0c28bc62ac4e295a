"""The adaptive quadratic integrate-and-fire neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import cast, check_finite, check_positive, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ValueReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure
from ._nonlinear import PEAK, check_peak, moved_below_peak, quadratic_upstroke


class AdaptiveQIFState(eqx.Module):
    """State of an `AdaptiveQIF`: the membrane in mV, after the reset, and the adaptation current in nA."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


class AdaptiveQIF(AbstractNeuron[AdaptiveQIFState]):
    """Adaptive quadratic integrate-and-fire neuron: a quadratic membrane and an adaptation current.

    ```
    tau * v' = curvature * (v - rest) * (v - critical) + resistance * (x - w)
    tau_w * w' = a * (v - rest) - w
    z = H(v - threshold)
    v = reset(v, z, threshold)
    w = w + b * z
    ```

    The default constants are those of the regular spiking neuron of the source, which writes the equations with
    `C = tau / resistance`, `k = curvature / resistance`, `1 / tau_w` for `a`, `a` for `b`, and `b` for `d`.

    **Arguments:**

    - `tau`: time constant, in ms.
    - `resistance`: in MOhm.
    - `rest`: where the membrane falls to, and starts, in mV.
    - `critical`: above this voltage the membrane rises by itself, in mV.
    - `curvature`: of the parabola, in 1/mV.
    - `tau_w`: time constant of the adaptation, in ms.
    - `a`: how strongly the adaptation follows the membrane, in uS.
    - `b`: how much a spike raises the adaptation, in nA.
    - `threshold`: where the spike is cut off, in mV.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `reset`: what a spike does to the membrane.
    - `peak`: the membrane is held here, in mV; a membrane that is held has no gradient.
    - `integrator`: how the equations are solved: `ExponentialEuler()`, `Euler()` or `RungeKutta4()`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    The input is in nA. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.AdaptiveQIF(dt=0.5), jnp.full((1000, 4), 0.1))  # 500 ms
    ```

    Source: E. M. Izhikevich, Dynamical Systems in Neuroscience, 2007, chapter 8.2.
    """

    tau: Param = parameter(100.0)
    resistance: Param = parameter(1000.0)
    rest: Param = parameter(-60.0)
    critical: Param = parameter(-40.0)
    curvature: Param = parameter(0.7)
    tau_w: Param = parameter(1 / 0.03)
    a: Param = parameter(-0.002)
    b: Param = parameter(0.1)
    threshold: Param = parameter(35.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-50.0)
    peak: Param = parameter(PEAK)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "tau", "curvature", "tau_w", "dt")
        check_finite(self, "resistance", "rest", "critical", "a", "b", "threshold", "peak")
        check_peak(self)

    def init_state(self, x: Any, *, key: Key = None) -> AdaptiveQIFState:
        del key
        return AdaptiveQIFState(v=starting(x, self.rest), w=resting(x))

    def drift(self, state: AdaptiveQIFState, x: Float[Array, "*shape"]) -> AdaptiveQIFState:
        """The derivative of the state with respect to time, per ms."""
        v, w, dtype = state.v, state.w, state.v.dtype
        driven = quadratic_upstroke(self, v) + cast(self.resistance, dtype) * (x - w)
        followed = cast(self.a, dtype) * (v - cast(self.rest, dtype))
        return AdaptiveQIFState(v=driven / cast(self.tau, dtype), w=(followed - w) / cast(self.tau_w, dtype))

    def integrate(self, state: AdaptiveQIFState, x: Float[Array, "*shape"]) -> AdaptiveQIFState:
        return moved_below_peak(AdaptiveQIF.drift, self, state, x)

    fire = fire_membrane

    def spiked(self, state: AdaptiveQIFState, z: Float[Array, "*shape"]) -> AdaptiveQIFState:
        return AdaptiveQIFState(v=self.reset(state.v, z, self.threshold), w=state.w + cast(self.b, z.dtype) * z)


adaptive_quadratic = pure(AdaptiveQIF, "adaptive_quadratic")
