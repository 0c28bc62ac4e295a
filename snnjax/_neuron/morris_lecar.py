"""The Morris-Lecar neuron."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Params
from ._base import AbstractNeuron, pure
from ._conductance import Variable, bounded_cosh, fire_crossing, keep, membrane, moved


class MorrisLecarState(eqx.Module):
    """State of a `MorrisLecar`: the membrane, and potassium activation."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


def _open(v: Variable, middle: Param, width: Param) -> Variable:
    """Which part of the channels a voltage opens."""
    return (1 + jnp.tanh((v - cast(middle, v.dtype)) / cast(width, v.dtype))) / 2


def _rates(params: Params, state: MorrisLecarState, x: Variable) -> tuple[MorrisLecarState, MorrisLecarState]:
    dtype = state.v.dtype
    v = membrane(
        params,
        state.v,
        x,
        calcium=cast(params.calcium_conductance, dtype) * _open(state.v, params.calcium_middle, params.calcium_width),
        potassium=cast(params.potassium_conductance, dtype) * state.w,
    )
    distance = (state.v - cast(params.potassium_middle, dtype)) / (2 * cast(params.potassium_width, dtype))
    speed = cast(params.speed, dtype) * bounded_cosh(distance)
    goal = _open(state.v, params.potassium_middle, params.potassium_width)
    return MorrisLecarState(v[0], speed * (goal - state.w)), MorrisLecarState(v[1], speed)


class MorrisLecar(AbstractNeuron[MorrisLecarState]):
    """Morris-Lecar neuron: the muscle fibre of the barnacle, with calcium and potassium channels.

    ```
    m = (1 + tanh((v - calcium_middle) / calcium_width)) / 2
    goal = (1 + tanh((v - potassium_middle) / potassium_width)) / 2
    capacitance * v' = x - calcium_conductance * m * (v - calcium_reversal)
                         - potassium_conductance * w * (v - potassium_reversal) - leak_conductance * (v - leak_reversal)
    w' = speed * cosh((v - potassium_middle) / (2 * potassium_width)) * (goal - w)
    z = 1 where v crosses the threshold upward
    ```

    There is no reset. The input is held over the step. Calcium activation follows the membrane at once; the
    exponential integrator holds it over the step. The constants are those under which firing begins at a rate well
    above zero (type 2).

    **Arguments:**

    - `calcium_conductance`, `potassium_conductance`, `leak_conductance`: with all channels open, in mS/cm2.
    - `calcium_reversal`, `potassium_reversal`, `leak_reversal`: in mV.
    - `calcium_middle`, `calcium_width`, `potassium_middle`, `potassium_width`: where half of the channels are open, and
        over which voltage they open, in mV.
    - `speed`: of potassium activation, per ms.
    - `capacitance`: in uF/cm2.
    - `threshold`: in mV.
    - `start`: membrane in the beginning, in mV; `w` starts where it settles at it.
    - `dt`: length of a step, in ms; at the default, rates of firing are within 3 % of those of small steps.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `integrator`: `ExponentialEuler()`, `RungeKutta4()` or `Euler()`; each has `substeps`. Where the latter two
        would diverge under a strong input, the membrane is held between the reversal potentials and where the leak
        alone would bring it, and has no gradient there.

    The input is in uA/cm2. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.MorrisLecar(), jnp.full(10000, 100.0))            # 1 s
    assert 5 < zs.sum() < 20
    ```

    Source: C. Morris and H. Lecar, Voltage oscillations in the barnacle giant muscle fiber, 1981, equations 9; the
    constants of J. Rinzel and G. B. Ermentrout, Analysis of neural excitability and oscillations, 1998, section 7.2.
    """

    calcium_conductance: Param = parameter(4.4)
    potassium_conductance: Param = parameter(8.0)
    leak_conductance: Param = parameter(2.0)
    calcium_reversal: Param = parameter(120.0)
    potassium_reversal: Param = parameter(-84.0)
    leak_reversal: Param = parameter(-60.0)
    calcium_middle: Param = parameter(-1.2)
    calcium_width: Param = parameter(18.0)
    potassium_middle: Param = parameter(2.0)
    potassium_width: Param = parameter(30.0)
    speed: Param = parameter(0.04)
    capacitance: Param = parameter(20.0)
    threshold: Param = parameter(0.0)
    start: Param = parameter(-60.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = eqx.field(default=ResetLast(), init=False)

    def __check_init__(self) -> None:
        check_positive(self, "dt", "capacitance", "speed", "calcium_width", "potassium_width")
        check_positive(self, "calcium_conductance", "potassium_conductance", "leak_conductance")
        check_finite(self, "calcium_reversal", "potassium_reversal", "leak_reversal", "threshold", "start")
        check_finite(self, "calcium_middle", "potassium_middle")

    def init_state(self, x: Any, *, key: Key = None) -> MorrisLecarState:
        del key
        v = starting(x, self.start)
        return MorrisLecarState(v=v, w=_open(v, self.potassium_middle, self.potassium_width))

    def drift(self, state: MorrisLecarState, x: Float[Array, "*shape"]) -> MorrisLecarState:
        """The derivative of the state with respect to time, per ms."""
        return _rates(self, state, x)[0]

    def integrate(self, state: MorrisLecarState, x: Float[Array, "*shape"]) -> MorrisLecarState:
        return moved(_rates, self, state, x, "calcium", "potassium")

    fire = fire_crossing
    spiked = keep


morris_lecar = pure(MorrisLecar, "morris_lecar")
