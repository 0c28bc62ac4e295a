"""The adaptive exponential integrate-and-fire neuron."""

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
from ._nonlinear import PEAK, check_peak, exponential_upstroke, moved_below_peak, named


def _naud(
    capacitance: float, leak_conductance: float, rest: float, a: float, tau_w: float, b: float, reset: float
) -> dict[str, float]:
    """A row of the table of Naud et al.; the upstrokes of all rows begin at -50 mV."""
    return {
        "capacitance": capacitance,
        "leak_conductance": leak_conductance,
        "rest": rest,
        "rheobase": -50.0,
        "slope_factor": 2.0,
        "threshold": -40.0,
        "a": a,
        "tau_w": tau_w,
        "b": b,
        "reset": reset,
    }


_PRESETS = {
    "brette_gerstner": {"reset": -70.6},
    "tonic": _naud(200.0, 10.0, -70.0, 2.0, 30.0, 0.0, -58.0),
    "adapting": _naud(200.0, 12.0, -70.0, 2.0, 300.0, 60.0, -58.0),
    "initial_burst": _naud(130.0, 18.0, -58.0, 4.0, 150.0, 120.0, -50.0),
    "bursting": _naud(200.0, 10.0, -58.0, 2.0, 120.0, 100.0, -46.0),
    "accelerating": _naud(200.0, 12.0, -70.0, -10.0, 300.0, 0.0, -58.0),
}


class AdExState(eqx.Module):
    """State of an `AdEx`: the membrane in mV, after the reset, and the adaptation current in pA."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


class AdEx(AbstractNeuron[AdExState]):
    """Adaptive exponential integrate-and-fire neuron: an exponential upstroke and an adaptation current.

    ```
    upstroke = slope_factor * exp((v - rheobase) / slope_factor)      exponents above 20 count as 20
    capacitance * v' = leak_conductance * (upstroke - (v - rest)) - w + x
    tau_w * w' = a * (v - rest) - w
    z = H(v - threshold)
    v = reset(v, z, threshold)
    w = w + b * z
    ```

    The default constants are those of Brette and Gerstner, "brette_gerstner". `AdEx.preset(name)` gives firing patterns
    of Naud et al.: "tonic", "adapting", "initial_burst", "bursting" and "accelerating". The papers let the upstroke run
    on to 20 or 0 mV; here it is cut off five slope factors above the rheobase, where nothing can stop it any more.

    **Arguments:**

    - `capacitance`: in pF.
    - `leak_conductance`: in nS.
    - `rest`: where the membrane decays to, and starts, in mV.
    - `rheobase`: where the upstroke begins, in mV.
    - `slope_factor`: how wide the beginning of the upstroke is, in mV.
    - `tau_w`: time constant of the adaptation, in ms.
    - `a`: how strongly the adaptation follows the membrane, in nS.
    - `b`: how much a spike raises the adaptation, in pA.
    - `threshold`: where the spike is cut off, in mV.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `reset`: what a spike does to the membrane.
    - `peak`: the membrane is held here, in mV; a membrane that is held has no gradient.
    - `integrator`: how the equations are solved: `ExponentialEuler()`, `Euler()` or `RungeKutta4()`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    The input is in pA. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.AdEx.preset("adapting", b=jnp.linspace(0.0, 80.0, 4))  # four neurons, four trained adaptations
    state, zs = snn.unroll(neuron, jnp.full((1000, 4), 500.0))          # 100 ms
    ```

    Source: R. Brette and W. Gerstner, Adaptive exponential integrate-and-fire model as an effective description of
    neuronal activity, 2005; R. Naud, N. Marcille, C. Clopath and W. Gerstner, Firing patterns in the adaptive
    exponential integrate-and-fire model, 2008, table 1.
    """

    capacitance: Param = parameter(281.0)
    leak_conductance: Param = parameter(30.0)
    rest: Param = parameter(-70.6)
    rheobase: Param = parameter(-50.4)
    slope_factor: Param = parameter(2.0)
    tau_w: Param = parameter(144.0)
    a: Param = parameter(4.0)
    b: Param = parameter(80.5)
    threshold: Param = parameter(-40.4)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-70.6)
    peak: Param = parameter(PEAK)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "capacitance", "leak_conductance", "slope_factor", "tau_w", "dt")
        check_finite(self, "rest", "rheobase", "a", "b", "threshold", "peak")
        check_peak(self)

    @classmethod
    def preset(cls, name: str, **options: Any) -> "AdEx":
        """A published firing pattern.

        **Arguments:**

        - `name`: "brette_gerstner", "tonic", "adapting", "initial_burst", "bursting" or "accelerating".
        - `options`: fields of the neuron, which go before those of the preset.

        Raises a `ValueError` for another name.
        """
        constants = named(cls, _PRESETS, name)
        return cls(**{**constants, "reset": ValueReset(value=constants["reset"]), **options})

    def init_state(self, x: Any, *, key: Key = None) -> AdExState:
        del key
        return AdExState(v=starting(x, self.rest), w=resting(x))

    def drift(self, state: AdExState, x: Float[Array, "*shape"]) -> AdExState:
        """The derivative of the state with respect to time, per ms."""
        v, w, dtype = state.v, state.w, state.v.dtype
        above = v - cast(self.rest, dtype)
        membrane = cast(self.leak_conductance, dtype) * (exponential_upstroke(self, v) - above) - w + x
        return AdExState(
            v=membrane / cast(self.capacitance, dtype),
            w=(cast(self.a, dtype) * above - w) / cast(self.tau_w, dtype),
        )

    def integrate(self, state: AdExState, x: Float[Array, "*shape"]) -> AdExState:
        return moved_below_peak(AdEx.drift, self, state, x)

    fire = fire_membrane

    def spiked(self, state: AdExState, z: Float[Array, "*shape"]) -> AdExState:
        return AdExState(v=self.reset(state.v, z, self.threshold), w=state.w + cast(self.b, z.dtype) * z)


adex = pure(AdEx, "adex")
