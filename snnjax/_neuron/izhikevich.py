"""The Izhikevich neuron."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, Euler
from .._misc import cast, check_finite, check_positive, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ValueReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure
from ._nonlinear import PEAK, check_peak, moved_below_peak, named

# Figure 2 of the paper. The reset is `c` there.
_PRESETS = {
    "RS": {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0},
    "IB": {"a": 0.02, "b": 0.2, "c": -55.0, "d": 4.0},
    "CH": {"a": 0.02, "b": 0.2, "c": -50.0, "d": 2.0},
    "FS": {"a": 0.1, "b": 0.2, "c": -65.0, "d": 2.0},
    "LTS": {"a": 0.02, "b": 0.25, "c": -65.0, "d": 2.0},
    "TC": {"a": 0.02, "b": 0.25, "c": -65.0, "d": 0.05},
    "RZ": {"a": 0.1, "b": 0.26, "c": -65.0, "d": 2.0},
}


class IzhikevichState(eqx.Module):
    """State of an `Izhikevich`: the membrane in mV, after the reset, and its recovery in mV/ms."""

    v: Float[Array, "*shape"]
    u: Float[Array, "*shape"]


class Izhikevich(AbstractNeuron[IzhikevichState]):
    """Izhikevich neuron: a quadratic membrane and a linear recovery.

    ```
    v' = quadratic * v^2 + linear * v + constant - u + x
    u' = a * (b * v - u)
    z = H(v - threshold)
    v = reset(v, z, threshold)
    u = u + d * z
    ```

    `Izhikevich.preset(name)` gives the published kinds: regular spiking "RS", intrinsically bursting "IB", chattering
    "CH", fast spiking "FS", low-threshold spiking "LTS", thalamo-cortical "TC" and resonator "RZ".

    **Arguments:**

    - `a`: how fast the recovery is, in 1/ms.
    - `b`: how strongly it follows the membrane, in 1/ms.
    - `d`: how much a spike raises it, in mV/ms.
    - `threshold`: where the spike is cut off, in mV.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `reset`: what a spike does to the membrane; the paper's `c` is the value of a `ValueReset`, in mV.
    - `start`: the membrane at the start, in mV; the recovery starts at `b * start`.
    - `quadratic`, `linear`, `constant`: of the membrane, in 1/(mV ms), 1/ms and mV/ms.
    - `peak`: the membrane is held here, in mV; a membrane that is held has no gradient.
    - `integrator`: how the equations are solved: `Euler()`, `RungeKutta4()` or `ExponentialEuler()`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    The input is in mV/ms. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.Izhikevich.preset("CH", dt=0.2)
    state, zs = snn.unroll(neuron, jnp.full((1000, 4), 10.0))  # 200 ms
    ```

    Source: E. M. Izhikevich, Simple model of spiking neurons, 2003, equations 1 to 3 and figure 2.
    """

    a: Param = parameter(0.02)
    b: Param = parameter(0.2)
    d: Param = parameter(8.0)
    threshold: Param = parameter(30.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-65.0)
    start: Param = parameter(-65.0)
    quadratic: Param = parameter(0.04)
    linear: Param = parameter(5.0)
    constant: Param = parameter(140.0)
    peak: Param = parameter(PEAK)
    integrator: AbstractIntegrator = Euler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_finite(self, "a", "b", "d", "threshold", "start", "quadratic", "linear", "constant", "peak")
        check_peak(self)

    @classmethod
    def preset(cls, name: str, **options: Any) -> "Izhikevich":
        """A published kind of neuron.

        **Arguments:**

        - `name`: "RS", "IB", "CH", "FS", "LTS", "TC" or "RZ".
        - `options`: fields of the neuron, which go before those of the preset.

        Raises a `ValueError` for another name.
        """
        constants = named(cls, _PRESETS, name)
        fields = {field: value for field, value in constants.items() if field != "c"}
        return cls(**{"reset": ValueReset(value=constants["c"]), **fields, **options})

    def init_state(self, x: Any, *, key: Key = None) -> IzhikevichState:
        del key
        v = starting(x, self.start)
        return IzhikevichState(v=v, u=cast(self.b, v.dtype) * v)

    def drift(self, state: IzhikevichState, x: Float[Array, "*shape"]) -> IzhikevichState:
        """The derivative of the state with respect to time, per ms."""
        v, u, dtype = state.v, state.u, state.v.dtype
        v_rate = cast(self.quadratic, dtype) * v**2 - u + cast(self.linear, dtype) * v + x + cast(self.constant, dtype)
        return IzhikevichState(v=v_rate, u=cast(self.a, dtype) * (cast(self.b, dtype) * v - u))

    def integrate(self, state: IzhikevichState, x: Float[Array, "*shape"]) -> IzhikevichState:
        return moved_below_peak(Izhikevich.drift, self, state, x)

    fire = fire_membrane

    def spiked(self, state: IzhikevichState, z: Float[Array, "*shape"]) -> IzhikevichState:
        return IzhikevichState(v=self.reset(state.v, z, self.threshold), u=state.u + cast(self.d, z.dtype) * z)


izhikevich = pure(Izhikevich, "izhikevich")
