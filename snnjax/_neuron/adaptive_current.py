"""The leaky integrate-and-fire neuron with an adaptation current."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ZeroReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure


class AdLIFState(eqx.Module):
    """State of an `AdLIF`: the membrane after the reset, and the adaptation current."""

    v: Float[Array, "*shape"]
    w: Float[Array, "*shape"]


class AdLIF(AbstractNeuron[AdLIFState]):
    """Leaky integrate-and-fire neuron with an adaptation current, which membrane and spikes feed: it can resonate.

    ```
    decay = exp(-dt / tau),  decay_w = exp(-dt / tau_w)
    v = rest + decay * (v - rest) + (1 - decay) * (x - w)
    z = H(v - threshold)
    v = reset(v, z, threshold)
    w = decay_w * w + (1 - decay_w) * (coupling * (v - rest) + jump * z)
    ```

    This is the symplectic Euler form: `w` hears the membrane of the same step. It rings down by
    `sqrt(decay * decay_w)` per step however strong the coupling is, and is stable for
    `-1 < coupling < (1 + decay) (1 + decay_w) / ((1 - decay) (1 - decay_w))`. With `symplectic=False` it is plain
    Euler: `w` hears the membrane of the step before, and oscillates without end, or grows, for a
    `coupling >= (1 - decay * decay_w) / ((1 - decay) (1 - decay_w))`.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_w`: time constant of the adaptation, in the same unit.
    - `threshold`: in the unit of the membrane.
    - `coupling`: how strongly the membrane feeds the adaptation.
    - `jump`: how strongly a spike does.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`, `decay_w`: the factors per step, instead of `tau` and `tau_w`; between 0 and 1.
    - `normalise_input`: scale `x - w` by `1 - decay`, as above; False leaves that out.
    - `normalise_adaptation`: scale what feeds `w` by `1 - decay_w`, as above; False leaves that out.
    - `rest`: where the membrane decays to, and starts.
    - `symplectic`: see above.
    - `couple_after_reset`: whether the symplectic form hears the membrane after the reset, or before it.
    - `detach`: cut the gradient through the spike into the adaptation.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.AdLIF(threshold=10.0)                         # silent: look at the membrane
    _, vs = snn.unroll(neuron, jnp.ones(200), record=lambda state, z: state.v)
    assert vs.max() > 0.3 and vs.min() < 0.0                   # it overshoots 1 / (1 + coupling), and rings
    ```

    Source: M. Baronig, R. Ferrand, S. Sabathiel and R. Legenstein, Advancing spatio-temporal processing through
    adaptation in spiking neural networks, 2025 (2024 as a preprint), the symplectic Euler discretization; plain Euler
    as in A. Bittar and P. N. Garner, A surrogate gradient spiking baseline for speech command recognition, 2022.
    """

    tau: Param = parameter(20.0)
    tau_w: Param = parameter(100.0)
    threshold: Param = parameter(1.0)
    coupling: Param = parameter(20.0)
    jump: Param = parameter(50.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = ZeroReset()
    decay: Param | None = parameter(None)
    decay_w: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=True, static=True)
    normalise_adaptation: bool = eqx.field(default=True, static=True)
    rest: Param = parameter(0.0)
    symplectic: bool = eqx.field(default=True, static=True)
    couple_after_reset: bool = eqx.field(default=True, static=True)
    detach: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_w", "tau_w")
        check_finite(self, "threshold", "coupling", "jump", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> AdLIFState:
        del key
        return AdLIFState(v=starting(x, self.rest), w=resting(x))

    def integrate(self, state: AdLIFState, x: Float[Array, "*shape"]) -> AdLIFState:
        v = leak(self, state.v, as_current(x, state.v) - state.w)
        if self.symplectic and self.couple_after_reset:
            return AdLIFState(v=v, w=state.w)
        return AdLIFState(v=v, w=_coupled(self, state.w, v if self.symplectic else state.v))

    fire = fire_membrane

    def spiked(self, state: AdLIFState, z: Float[Array, "*shape"]) -> AdLIFState:
        v = self.reset(state.v, z, self.threshold)
        w = _coupled(self, state.w, v) if self.symplectic and self.couple_after_reset else state.w
        jump = cast(self.jump, w.dtype) * (jax.lax.stop_gradient(z) if self.detach else z)
        return AdLIFState(v=v, w=w + _gain(self, w) * jump)


def _gain(params: Any, w: Float[Array, "*shape"]) -> Any:
    decay_w = decay_factor(params.tau_w, params.decay_w, params.dt, w.dtype)
    return 1 - decay_w if params.normalise_adaptation else 1


def _coupled(params: Any, w: Float[Array, "*shape"], v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The adaptation after a step, without the spikes."""
    decay_w = decay_factor(params.tau_w, params.decay_w, params.dt, w.dtype)
    distance = v - cast(params.rest, w.dtype)
    return decay_w * w + _gain(params, w) * cast(params.coupling, w.dtype) * distance


ad_lif = pure(AdLIF, "ad_lif")
