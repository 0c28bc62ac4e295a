"""The Wang-Buzsaki neuron."""

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


class WangBuzsakiState(eqx.Module):
    """State of a `WangBuzsaki`: the membrane, sodium inactivation, potassium activation."""

    v: Float[Array, "*shape"]
    h: Float[Array, "*shape"]
    n: Float[Array, "*shape"]


def _gates(v: Variable) -> tuple[Relaxation, Relaxation]:
    """How fast the gates `h` and `n` open and close, but for their common `speed`."""
    h = 0.07 * exponential(-(v + 58) / 20), jax.nn.sigmoid((v + 28) / 10)
    n = 0.1 * linoid((v + 34) / 10), 0.125 * exponential(-(v + 44) / 80)
    return h, n


def _rates(params: Params, state: WangBuzsakiState, x: Variable) -> tuple[WangBuzsakiState, WangBuzsakiState]:
    dtype = state.v.dtype
    m = steady(linoid((state.v + 35) / 10), 4 * exponential(-(state.v + 60) / 18))
    v = membrane(
        params,
        state.v,
        x,
        sodium=cast(params.sodium_conductance, dtype) * m**3 * state.h,
        potassium=cast(params.potassium_conductance, dtype) * state.n**4,
    )
    speed = cast(params.speed, dtype)
    (h_opening, h_closing), (n_opening, n_closing) = _gates(state.v)
    h = gate(state.h, speed * h_opening, speed * h_closing)
    n = gate(state.n, speed * n_opening, speed * n_closing)
    rate, relaxation = zip(v, h, n, strict=True)
    return WangBuzsakiState(*rate), WangBuzsakiState(*relaxation)


class WangBuzsaki(AbstractNeuron[WangBuzsakiState]):
    """Wang-Buzsaki neuron: a fast-spiking interneuron of the hippocampus. It fires at any low rate (type 1).

    ```
    m = opening_m / (opening_m + closing_m)
    sodium = sodium_conductance * m^3 * h,  potassium = potassium_conductance * n^4
    capacitance * v' = x - sodium * (v - sodium_reversal) - potassium * (v - potassium_reversal)
                         - leak_conductance * (v - leak_reversal)
    h' = speed * (opening_h(v) * (1 - h) - closing_h(v) * h)    and so n, per ms:

        opening_m = 0.1 (v + 35) / (1 - exp(-(v + 35) / 10))    closing_m = 4 exp(-(v + 60) / 18)
        opening_h = 0.07 exp(-(v + 58) / 20)                    closing_h = 1 / (1 + exp(-(v + 28) / 10))
        opening_n = 0.01 (v + 34) / (1 - exp(-(v + 34) / 10))   closing_n = 0.125 exp(-(v + 44) / 80)
    z = 1 where v crosses the threshold upward
    ```

    There is no reset. The input is held over the step. Sodium activation follows the membrane at once; the exponential
    integrator holds it over the step.

    **Arguments:**

    - `sodium_conductance`, `potassium_conductance`, `leak_conductance`: with all gates open, in mS/cm2.
    - `sodium_reversal`, `potassium_reversal`, `leak_reversal`: in mV.
    - `capacitance`: in uF/cm2.
    - `speed`: of the gates `h` and `n`, a factor without unit.
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

    inputs = jnp.array([0.1, 0.2, 1.0])
    _, zs = snn.unroll(snn.WangBuzsaki(), jnp.broadcast_to(inputs, (100_000, 3)))        # 1 s
    assert zs.sum(axis=0).tolist() == [0, 8, 58]
    ```

    Source: X.-J. Wang and G. Buzsaki, Gamma oscillation by synaptic inhibition in a hippocampal interneuronal network
    model, 1996, equations 2.1 to 2.3.
    """

    sodium_conductance: Param = parameter(35.0)
    potassium_conductance: Param = parameter(9.0)
    leak_conductance: Param = parameter(0.1)
    sodium_reversal: Param = parameter(55.0)
    potassium_reversal: Param = parameter(-90.0)
    leak_reversal: Param = parameter(-65.0)
    capacitance: Param = parameter(1.0)
    speed: Param = parameter(5.0)
    threshold: Param = parameter(0.0)
    start: Param = parameter(-64.0)
    dt: Param = parameter(0.01)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = eqx.field(default=ResetLast(), init=False)

    def __check_init__(self) -> None:
        check_positive(self, "dt", "capacitance", "speed")
        check_positive(self, "sodium_conductance", "potassium_conductance", "leak_conductance")
        check_finite(self, "sodium_reversal", "potassium_reversal", "leak_reversal", "threshold", "start")

    def init_state(self, x: Any, *, key: Key = None) -> WangBuzsakiState:
        del key
        v = starting(x, self.start)
        return WangBuzsakiState(v, *(steady(*rates) for rates in _gates(v)))

    def drift(self, state: WangBuzsakiState, x: Float[Array, "*shape"]) -> WangBuzsakiState:
        """The derivative of the state with respect to time, per ms."""
        return _rates(self, state, x)[0]

    def integrate(self, state: WangBuzsakiState, x: Float[Array, "*shape"]) -> WangBuzsakiState:
        return moved(_rates, self, state, x, "sodium", "potassium")

    fire = fire_crossing
    spiked = keep


wang_buzsaki = pure(WangBuzsaki, "wang_buzsaki")
