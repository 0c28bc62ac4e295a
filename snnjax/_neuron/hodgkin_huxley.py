"""The Hodgkin-Huxley neuron."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key, Params
from ._base import AbstractNeuron, pure
from ._conductance import Relaxation, Variable, exponential, fire_crossing, gate, keep, linoid, membrane, moved, steady


class HodgkinHuxleyState(eqx.Module):
    """State of a `HodgkinHuxley`: the membrane, sodium activation and inactivation, potassium activation."""

    v: Float[Array, "*shape"]
    m: Float[Array, "*shape"]
    h: Float[Array, "*shape"]
    n: Float[Array, "*shape"]


def _gates(v: Variable) -> tuple[Relaxation, Relaxation, Relaxation]:
    """How fast the gates `m`, `h` and `n` open and close."""
    m = linoid((v + 40) / 10), 4 * exponential(-(v + 65) / 18)
    h = 0.07 * exponential(-(v + 65) / 20), jax.nn.sigmoid((v + 35) / 10)
    n = 0.1 * linoid((v + 55) / 10), 0.125 * exponential(-(v + 65) / 80)
    return m, h, n


def _rates(params: Params, state: HodgkinHuxleyState, x: Variable) -> tuple[HodgkinHuxleyState, HodgkinHuxleyState]:
    dtype = state.v.dtype
    v = membrane(
        params,
        state.v,
        x,
        sodium=cast(params.sodium_conductance, dtype) * state.m**3 * state.h,
        potassium=cast(params.potassium_conductance, dtype) * state.n**4,
    )
    m, h, n = map(gate, (state.m, state.h, state.n), *zip(*_gates(state.v), strict=True))
    rate, speed = zip(v, m, h, n, strict=True)
    return HodgkinHuxleyState(*rate), HodgkinHuxleyState(*speed)


class HodgkinHuxley(AbstractNeuron[HodgkinHuxleyState]):
    """Hodgkin-Huxley neuron: the squid giant axon at 6.3 degrees Celsius, with the resting potential at -65 mV.

    ```
    sodium = sodium_conductance * m^3 * h,  potassium = potassium_conductance * n^4
    capacitance * v' = x - sodium * (v - sodium_reversal) - potassium * (v - potassium_reversal)
                         - leak_conductance * (v - leak_reversal)
    m' = opening_m(v) * (1 - m) - closing_m(v) * m              and so h and n, per ms:

        opening_m = 0.1 (v + 40) / (1 - exp(-(v + 40) / 10))    closing_m = 4 exp(-(v + 65) / 18)
        opening_h = 0.07 exp(-(v + 65) / 20)                    closing_h = 1 / (1 + exp(-(v + 35) / 10))
        opening_n = 0.01 (v + 55) / (1 - exp(-(v + 55) / 10))   closing_n = 0.125 exp(-(v + 65) / 80)
    z = 1 where v crosses the threshold upward
    ```

    There is no reset. The input is held over the step.

    **Arguments:**

    - `sodium_conductance`, `potassium_conductance`, `leak_conductance`: with all gates open, in mS/cm2.
    - `sodium_reversal`, `potassium_reversal`, `leak_reversal`: in mV.
    - `capacitance`: in uF/cm2.
    - `threshold`: in mV.
    - `start`: membrane in the beginning, in mV; the gates start where they settle at it.
    - `dt`: length of a step, in ms; at the default, rates of firing are within 3 % of those of small steps.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `integrator`: `ExponentialEuler()`, `RungeKutta4()` or `Euler()`; each has `substeps`. Where the latter two
        would diverge under a strong input, the membrane is held between the reversal potentials and where the leak
        alone would bring it, and has no gradient there.

    The input is in uA/cm2. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.HodgkinHuxley(), jnp.full(2000, 10.0))            # 100 ms
    assert zs.sum() == 7
    ```

    Source: A. L. Hodgkin and A. F. Huxley, A quantitative description of membrane current and its application to
    conduction and excitation in nerve, 1952, equations 12 to 15 and 20 to 26; with voltages as they are measured today.
    """

    sodium_conductance: Param = parameter(120.0)
    potassium_conductance: Param = parameter(36.0)
    leak_conductance: Param = parameter(0.3)
    sodium_reversal: Param = parameter(50.0)
    potassium_reversal: Param = parameter(-77.0)
    leak_reversal: Param = parameter(-54.387)
    capacitance: Param = parameter(1.0)
    threshold: Param = parameter(0.0)
    start: Param = parameter(-65.0)
    dt: Param = parameter(0.05)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = eqx.field(default=ResetLast(), init=False)

    def __check_init__(self) -> None:
        check_positive(self, "dt", "capacitance")
        check_positive(self, "sodium_conductance", "potassium_conductance", "leak_conductance")
        check_finite(self, "sodium_reversal", "potassium_reversal", "leak_reversal", "threshold", "start")

    def init_state(self, x: Any, *, key: Key = None) -> HodgkinHuxleyState:
        del key
        v = starting(x, self.start)
        return HodgkinHuxleyState(v, *(steady(*rates) for rates in _gates(v)))

    def drift(self, state: HodgkinHuxleyState, x: Float[Array, "*shape"]) -> HodgkinHuxleyState:
        """The derivative of the state with respect to time, per ms."""
        return _rates(self, state, x)[0]

    def integrate(self, state: HodgkinHuxleyState, x: Float[Array, "*shape"]) -> HodgkinHuxleyState:
        return moved(_rates, self, state, x, "sodium", "potassium")

    fire = fire_crossing
    spiked = keep


hodgkin_huxley = pure(HodgkinHuxley, "hodgkin_huxley")
