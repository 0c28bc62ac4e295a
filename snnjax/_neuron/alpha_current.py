"""The current-based leaky integrate-and-fire neuron whose synaptic current is an alpha function."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import check_decay, check_finite, check_positive, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._synapse import AbstractArrival, AfterDecay
from .._synapse.alpha import alpha_current
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure, reset_membrane


class CubaLIFAlphaState(eqx.Module):
    """State of a `CubaLIFAlpha`: the membrane after the reset, the synaptic current, and what feeds it."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]
    h: Float[Array, "*shape"]


class CubaLIFAlpha(AbstractNeuron[CubaLIFAlphaState]):
    """Leaky integrate-and-fire neuron with an alpha-shaped synaptic current: `AlphaSynapse` and `LIF` in one cell.

    ```
    i, h = AlphaSynapse                               one input x gives the current x * t / tau_i * exp(1 - t / tau_i)
    decay = exp(-dt / tau)
    v = rest + decay * (v - rest) + gain * i          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    The current begins at zero, so the membrane hears an input from the next step on; `arrival` changes that.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_i`: synaptic time constant, in the same unit.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`: the factor per step of the membrane, instead of `tau`; between 0 and 1.
    - `normalise_input`: scale the current into the membrane by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_peak`, `exact`: as in `AlphaSynapse`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.CubaLIFAlpha(tau=20.0, tau_i=5.0), 0.1 * jnp.ones((100, 4)))
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 1.3; the current as in
    A. Roth and M. C. W. van Rossum, Modeling synapses, 2009, equation 6.3.
    """

    tau: Param = parameter(20.0)
    tau_i: Param = parameter(5.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)
    arrival: AbstractArrival = AfterDecay()
    normalise_peak: bool = eqx.field(default=True, static=True)
    exact: bool = eqx.field(default=True, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt", "tau_i")
        check_decay(self, "decay", "tau")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFAlphaState:
        del key
        return CubaLIFAlphaState(v=starting(x, self.rest), i=resting(x), h=resting(x))

    def integrate(self, state: CubaLIFAlphaState, x: Float[Array, "*shape"]) -> CubaLIFAlphaState:
        i, h, heard = alpha_current(self, state.i, state.h, x)
        return CubaLIFAlphaState(v=leak(self, state.v, heard), i=i, h=h)

    fire = fire_membrane
    spiked = reset_membrane


cuba_lif_alpha = pure(CubaLIFAlpha, "cuba_lif_alpha")
