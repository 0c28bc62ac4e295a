"""Resonate-and-fire neurons: damped oscillators that answer to inputs of their own frequency."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, concrete, parameter
from .._reset import AbstractReset, ZeroReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure


class ResonateAndFireState(eqx.Module):
    """State of a `ResonateAndFire`: current and membrane, the real and the imaginary part of one complex number."""

    u: Float[Array, "*shape"]
    v: Float[Array, "*shape"]


class ResonateAndFire(AbstractNeuron[ResonateAndFireState]):
    """Resonate-and-fire neuron: a rotating and decaying complex number `u + i v`, solved exactly over a step.

    ```
    decay = exp(-dt / tau),  angle = omega * dt
    u = decay * (cos(angle) * u - sin(angle) * v) + x
    v = decay * (sin(angle) * u + cos(angle) * v)     with the u of the step before
    z = H(v - threshold)
    u = reset(u, z, 0)
    v = threshold + reset(v - threshold, z, threshold)
    ```

    With `input_to_membrane` the input is added to `v` instead of `u`. The reset acts on the distance from the point
    `(0, threshold)`: `ZeroReset()` puts the neuron there, `NoReset()` lets it swing.

    **Arguments:**

    - `tau`: time constant of the damping, in the unit of `dt` (steps by default).
    - `omega`: angular frequency, in radians per that unit.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: see above.
    - `decay`: the damping per step, instead of `tau`; between 0 and 1.
    - `input_to_membrane`: see above.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron, ts = snn.ResonateAndFire(tau=50.0, omega=0.3, threshold=5.0), jnp.arange(500.0)
    _, resonant = snn.unroll(neuron, jnp.sin(0.3 * ts))
    _, faster = snn.unroll(neuron, jnp.sin(0.6 * ts))
    assert resonant.sum() > 0 and faster.sum() == 0
    ```

    Source: E. M. Izhikevich, Resonate-and-fire neurons, 2001 (with `ZeroReset()`: the reset to `i`).
    """

    tau: Param = parameter(20.0)
    omega: Param = parameter(0.3)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = ZeroReset()
    decay: Param | None = parameter(None)
    input_to_membrane: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_finite(self, "omega", "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> ResonateAndFireState:
        del key
        return ResonateAndFireState(u=resting(x), v=resting(x))

    def integrate(self, state: ResonateAndFireState, x: Float[Array, "*shape"]) -> ResonateAndFireState:
        x, dtype = as_current(x, state.v), state.v.dtype
        decay = decay_factor(self.tau, self.decay, self.dt, dtype)
        angle = cast(self.omega, dtype) * cast(self.dt, dtype)
        cos, sin = decay * jnp.cos(angle), decay * jnp.sin(angle)
        u, v = cos * state.u - sin * state.v, sin * state.u + cos * state.v
        return ResonateAndFireState(u=u, v=v + x) if self.input_to_membrane else ResonateAndFireState(u=u + x, v=v)

    fire = fire_membrane

    def spiked(self, state: ResonateAndFireState, z: Float[Array, "*shape"]) -> ResonateAndFireState:
        distance = state.v - cast(self.threshold, state.v.dtype)
        # The change is added, so that a membrane without a spike is not rounded to the digits of the threshold.
        v = state.v + (self.reset(distance, z, self.threshold) - distance)
        return ResonateAndFireState(u=self.reset(state.u, z, 0.0), v=v)


class BalancedResonateAndFireState(eqx.Module):
    """State of a `BalancedResonateAndFire`: the complex membrane as in `ResonateAndFire`, and the refractoriness."""

    u: Float[Array, "*shape"]
    v: Float[Array, "*shape"]
    q: Float[Array, "*shape"]


class BalancedResonateAndFire(AbstractNeuron[BalancedResonateAndFireState]):
    """Balanced resonate-and-fire neuron: never diverges, and is refractory instead of reset.

    ```
    p = (sqrt(1 - (dt * omega)^2) - 1) / dt           the divergence boundary: with damping p a swing stays as it is
    b = p - offset - q
    v = v + dt * (b * v + omega * u + x)
    u = u + dt * (b * u - omega * v)                  with the v of the step before
    z = H(v - threshold - q)
    q = decay_q * q + z
    ```

    A spike raises the threshold, and damps the swing but keeps its phase.

    **Arguments:**

    - `omega`: angular frequency, in radians per unit of `dt`; at least 0, and `dt * omega < 1`. Trained safely as
        `Interval(omega, 0, 1 / dt)`.
    - `offset`: damping beyond the boundary, in the inverse unit of `dt`; at least 0.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step; 0.01 is a hundredth of a second for an `omega` in radians per second.
    - `surrogate`: the spike function and its derivative.
    - `decay_q`: what is left of the refractoriness after a step; between 0 and 1.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range, and for those that would let a busy neuron diverge: stable is
    `dt * (offset + q) <= 2 sqrt(1 - (dt * omega)^2)`, and `q` grows up to `1 / (1 - decay_q)`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron, ts = snn.BalancedResonateAndFire(omega=10.0, offset=1.0), 0.01 * jnp.arange(500.0)
    _, zs = snn.unroll(neuron, 20.0 * jnp.sin(10.0 * ts))
    assert zs.sum() > 0
    ```

    Source: S. Higuchi, S. Kairat, S. M. Bohte and S. Otte, Balanced resonate-and-fire neurons, 2024: the membrane, its
    divergence boundary, smooth reset and refractory period. There `v` is called the real part `u`, and `-u` the
    imaginary part `v`.
    """

    omega: Param = parameter(10.0)
    offset: Param = parameter(1.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(0.01)
    surrogate: AbstractSpike = SuperSpike()
    decay_q: Param = parameter(0.9)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_finite(self, "omega", "offset", "threshold", "decay_q")
        omega, offset, dt, decay_q = map(concrete, (self.omega, self.offset, self.dt, self.decay_q))
        if omega is None or offset is None or dt is None or decay_q is None:
            return
        if not (np.all(omega >= 0) and np.all(dt * omega < 1)):
            raise ValueError(
                f"BalancedResonateAndFire.omega was given {omega} with dt={dt}; it takes values from 0 up to, but "
                f"without, 1 / dt. Take shorter steps; to train it safely use Interval(omega, 0, 1 / dt)."
            )
        if not (np.all(offset >= 0) and np.all((decay_q > 0) & (decay_q < 1))):
            raise ValueError(
                f"BalancedResonateAndFire was given offset={offset} and decay_q={decay_q}; it takes an offset of at "
                f"least 0, and a decay between 0 and 1. To train them safely use Positive and Interval."
            )
        if not np.all(dt * (offset + 1 / (1 - decay_q)) <= 2 * np.sqrt(1 - (dt * omega) ** 2)):
            raise ValueError(
                f"BalancedResonateAndFire was given dt={dt}, omega={omega}, offset={offset} and decay_q={decay_q}, "
                f"with which a busy neuron diverges; it takes dt * (offset + 1 / (1 - decay_q)) of at most "
                f"2 * sqrt(1 - (dt * omega)^2). Take shorter steps."
            )

    def init_state(self, x: Any, *, key: Key = None) -> BalancedResonateAndFireState:
        del key
        return BalancedResonateAndFireState(u=resting(x), v=resting(x), q=resting(x))

    def integrate(self, state: BalancedResonateAndFireState, x: Float[Array, "*shape"]) -> BalancedResonateAndFireState:
        u, v, q = state.u, state.v, state.q
        dt, omega = cast(self.dt, v.dtype), cast(self.omega, v.dtype)
        # The boundary without the difference of two numbers that are nearly equal.
        boundary = -dt * omega**2 / (1 + jnp.sqrt(1 - (dt * omega) ** 2))
        b = boundary - cast(self.offset, v.dtype) - q
        return BalancedResonateAndFireState(
            u=u + dt * (b * u - omega * v), v=v + dt * (b * v + omega * u + as_current(x, v)), q=q
        )

    def fire(
        self, before: BalancedResonateAndFireState, state: BalancedResonateAndFireState, key: Key
    ) -> Float[Array, "*shape"]:
        del before
        return self.surrogate.fire(state.v - state.q, self.threshold, key=key)

    def spiked(self, state: BalancedResonateAndFireState, z: Float[Array, "*shape"]) -> BalancedResonateAndFireState:
        q = cast(self.decay_q, z.dtype) * state.q + z
        return BalancedResonateAndFireState(u=state.u, v=state.v, q=q)


resonate_and_fire = pure(ResonateAndFire, "resonate_and_fire")
balanced_resonate_and_fire = pure(BalancedResonateAndFire, "balanced_resonate_and_fire")
