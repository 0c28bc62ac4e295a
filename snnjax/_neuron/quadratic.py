"""The quadratic integrate-and-fire neuron."""

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
from ._nonlinear import PEAK, check_peak, moved_below_peak, quadratic_upstroke


class QIFState(eqx.Module):
    """State of a `QIF`: the membrane in mV, after the reset."""

    v: Float[Array, "*shape"]


class QIF(AbstractNeuron[QIFState]):
    """Quadratic integrate-and-fire neuron: falls to its rest, and runs away above a critical voltage.

    ```
    tau * v' = curvature * (v - rest) * (v - critical) + resistance * x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    A constant input fires it above `curvature * (critical - rest)^2 / (4 * resistance)`.

    **Arguments:**

    - `tau`: time constant, in ms.
    - `resistance`: in MOhm.
    - `rest`: where the membrane falls to, and starts, in mV.
    - `critical`: above this voltage the membrane rises by itself, in mV.
    - `curvature`: of the parabola, in 1/mV.
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

    state, zs = snn.unroll(snn.QIF(resistance=100.0), jnp.full((1000, 4), 0.1))  # 100 ms
    ```

    Source: P. E. Latham, B. J. Richmond, P. G. Nelson and S. Nirenberg, Intrinsic dynamics in neuronal networks I:
    Theory, 2000; as in W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 5.3.
    """

    tau: Param = parameter(10.0)
    resistance: Param = parameter(1.0)
    rest: Param = parameter(-65.0)
    critical: Param = parameter(-50.0)
    curvature: Param = parameter(0.07)
    threshold: Param = parameter(-30.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-68.0)
    peak: Param = parameter(PEAK)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "tau", "curvature", "dt")
        check_finite(self, "resistance", "rest", "critical", "threshold", "peak")
        check_peak(self)

    def init_state(self, x: Any, *, key: Key = None) -> QIFState:
        del key
        return QIFState(v=starting(x, self.rest))

    def drift(self, state: QIFState, x: Float[Array, "*shape"]) -> QIFState:
        """The derivative of the state with respect to time, per ms."""
        dtype = state.v.dtype
        driven = quadratic_upstroke(self, state.v) + cast(self.resistance, dtype) * x
        return QIFState(v=driven / cast(self.tau, dtype))

    def integrate(self, state: QIFState, x: Float[Array, "*shape"]) -> QIFState:
        return moved_below_peak(QIF.drift, self, state, x)

    fire = fire_membrane
    spiked = reset_membrane


quadratic = pure(QIF, "quadratic")
