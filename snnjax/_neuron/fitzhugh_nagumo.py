"""The FitzHugh-Nagumo neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import as_current, cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Params
from ._base import AbstractNeuron, pure
from ._conductance import Variable, fire_crossing, keep


class FitzHughNagumoState(eqx.Module):
    """State of a `FitzHughNagumo`: the membrane, and the recovery."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


def _drift(params: Params, state: FitzHughNagumoState, x: Variable) -> FitzHughNagumoState:
    v, w, dtype = state.v, state.w, state.v.dtype
    return FitzHughNagumoState(
        v=(v - v**3 / 3 - w + x) / cast(params.tau, dtype),
        w=(v + cast(params.a, dtype) - cast(params.b, dtype) * w) / cast(params.tau_w, dtype),
    )


class FitzHughNagumo(AbstractNeuron[FitzHughNagumoState]):
    """FitzHugh-Nagumo neuron: the least that is excitable, and fires in a limit cycle.

    ```
    tau * v' = v - v^3 / 3 - w + x
    tau_w * w' = v + a - b * w
    z = 1 where v crosses the threshold upward
    ```

    There is no reset. The input is held over the step. Membrane, recovery and input have no unit; the time constants
    share that of `dt`.

    **Arguments:**

    - `a`, `b`: where the recovery settles, at `w = (v + a) / b`.
    - `tau`: time constant of the membrane.
    - `tau_w`: time constant of the recovery.
    - `threshold`: in the unit of the membrane.
    - `start`: membrane in the beginning; the recovery starts where it settles at it.
    - `dt`: length of a step; at the default, rates of firing are within 3 % of those of small steps.
    - `surrogate`: the spike function and its derivative.
    - `integrator`: `ExponentialEuler()`, `RungeKutta4()` or `Euler()`; each has `substeps`. Under inputs far above 1
        only the first is stable.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.FitzHughNagumo(), jnp.full(2000, 0.5))            # 200 time constants
    assert zs.sum() == 5
    ```

    Source: R. FitzHugh, Impulses and physiological states in theoretical models of nerve membrane, 1961, equations 1
    and 2; as it is written today, with the sign of `v` and of `x` turned, and `tau_w = 1 / 0.08`.
    """

    a: Param = parameter(0.7)
    b: Param = parameter(0.8)
    tau: Param = parameter(1.0)
    tau_w: Param = parameter(12.5)
    threshold: Param = parameter(1.0)
    start: Param = parameter(-1.1994)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=2.0)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = eqx.field(default=ResetLast(), init=False)

    def __check_init__(self) -> None:
        check_positive(self, "tau", "tau_w", "dt", "b")
        check_finite(self, "a", "threshold", "start")

    def init_state(self, x: Any, *, key: Key = None) -> FitzHughNagumoState:
        del key
        v = starting(x, self.start)
        return FitzHughNagumoState(v=v, w=(v + cast(self.a, v.dtype)) / cast(self.b, v.dtype))

    def drift(self, state: FitzHughNagumoState, x: Float[Array, "*shape"]) -> FitzHughNagumoState:
        """The derivative of the state with respect to time."""
        return _drift(self, state, x)

    def integrate(self, state: FitzHughNagumoState, x: Float[Array, "*shape"]) -> FitzHughNagumoState:
        current = as_current(x, state.v)
        return self.integrator(lambda s: _drift(self, s, current), state, self.dt)

    fire = fire_crossing
    spiked = keep


fitzhugh_nagumo = pure(FitzHughNagumo, "fitzhugh_nagumo")
