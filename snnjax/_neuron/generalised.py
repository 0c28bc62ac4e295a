"""The generalised linear integrate-and-fire neuron."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._integrator import AbstractIntegrator, ExponentialEuler
from .._misc import as_current, cast, check_finite, check_positive, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ValueReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, pure


class GIFState(eqx.Module):
    """State of a `GIF`: two spike-induced currents in nA, the threshold and the membrane in mV; after the spike."""

    i1: Float[Array, "*shape"]
    i2: Float[Array, "*shape"]
    threshold: Float[Array, "*shape"]
    v: Float[Array, "*shape"]


class GIF(AbstractNeuron[GIFState]):
    """Generalised integrate-and-fire neuron (Mihalas and Niebur): linear between spikes, rich in what a spike does.

    ```
    tau * v' = -(v - rest) + resistance * (i1 + i2 + x)
    i1' = -k1 * i1
    i2' = -k2 * i2
    threshold' = a * (v - rest) - b * (threshold - settled)          settled is the field `threshold`
    z = H(v - threshold)
    v = reset(v, z, threshold)
    i1 = i1 + z * (r1 * i1 + a1 - i1)
    i2 = i2 + z * (r2 * i2 + a2 - i2)
    threshold = threshold + z * (max(threshold, threshold_reset) - threshold)
    ```

    **Arguments:**

    - `tau`: membrane time constant, in ms.
    - `resistance`: in MOhm.
    - `rest`: where the membrane decays to, and starts, in mV.
    - `threshold`: where the threshold settles at rest, and starts, in mV.
    - `threshold_reset`: the lowest threshold after a spike, in mV.
    - `a`: how strongly the threshold follows the membrane, in 1/ms.
    - `b`: how fast the threshold settles, in 1/ms.
    - `k1`, `k2`: how fast the currents decay, in 1/ms.
    - `r1`, `r2`: what a spike leaves of the currents, a factor.
    - `a1`, `a2`: what a spike adds to the currents, in nA.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative, of a voltage in mV.
    - `reset`: what a spike does to the membrane; it is given the threshold of the moment.
    - `integrator`: how the equations are solved: `ExponentialEuler()`, `Euler()` or `RungeKutta4()`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    The input is in nA. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    bursting = snn.GIF(a=0.005, a1=10.0, a2=-0.6)
    state, zs = snn.unroll(bursting, jnp.full((2000, 4), 2.0))  # 200 ms
    ```

    Source: S. Mihalas and E. Niebur, A generalized linear integrate-and-fire neural model produces diverse spiking
    behaviors, 2009, section 2 and table 1; with `tau = C / G` and `resistance = 1 / G` at a capacitance of 1 nF.
    """

    tau: Param = parameter(20.0)
    resistance: Param = parameter(20.0)
    rest: Param = parameter(-70.0)
    threshold: Param = parameter(-50.0)
    threshold_reset: Param = parameter(-60.0)
    a: Param = parameter(0.0)
    b: Param = parameter(0.01)
    k1: Param = parameter(0.2)
    k2: Param = parameter(0.02)
    r1: Param = parameter(0.0)
    r2: Param = parameter(1.0)
    a1: Param = parameter(0.0)
    a2: Param = parameter(0.0)
    dt: Param = parameter(0.1)
    surrogate: AbstractSpike = SuperSpike(slope=0.1)
    reset: AbstractReset = ValueReset(value=-70.0)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "tau", "b", "k1", "k2", "dt")
        check_finite(self, "resistance", "rest", "threshold", "threshold_reset", "a", "r1", "r2", "a1", "a2")

    def init_state(self, x: Any, *, key: Key = None) -> GIFState:
        del key
        return GIFState(i1=resting(x), i2=resting(x), threshold=starting(x, self.threshold), v=starting(x, self.rest))

    def drift(self, state: GIFState, x: Float[Array, "*shape"]) -> GIFState:
        """The derivative of the state with respect to time, per ms."""
        dtype = state.v.dtype
        above = state.v - cast(self.rest, dtype)
        driven = cast(self.resistance, dtype) * (state.i1 + state.i2 + x)
        raised = state.threshold - cast(self.threshold, dtype)
        return GIFState(
            i1=-cast(self.k1, dtype) * state.i1,
            i2=-cast(self.k2, dtype) * state.i2,
            threshold=cast(self.a, dtype) * above - cast(self.b, dtype) * raised,
            v=(driven - above) / cast(self.tau, dtype),
        )

    def integrate(self, state: GIFState, x: Float[Array, "*shape"]) -> GIFState:
        current = as_current(x, state.v)
        return self.integrator(lambda s: GIF.drift(self, s, current), state, self.dt)

    def fire(self, before: GIFState, state: GIFState, key: Key) -> Float[Array, "*shape"]:
        del before
        return self.surrogate.fire(state.v, state.threshold, key=key)

    def spiked(self, state: GIFState, z: Float[Array, "*shape"]) -> GIFState:
        dtype = z.dtype
        lowest = jnp.broadcast_to(jnp.asarray(cast(self.threshold_reset, dtype), dtype), z.shape)
        return GIFState(
            i1=state.i1 + z * (cast(self.r1, dtype) * state.i1 + cast(self.a1, dtype) - state.i1),
            i2=state.i2 + z * (cast(self.r2, dtype) * state.i2 + cast(self.a2, dtype) - state.i2),
            threshold=state.threshold + z * (jnp.maximum(lowest, state.threshold) - state.threshold),
            v=self.reset(state.v, z, state.threshold),
        )


generalised = pure(GIF, "generalised")
