"""The current-based leaky integrate-and-fire neuron whose synaptic current is a difference of exponentials."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import check_decay, check_finite, check_positive, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._synapse import AbstractArrival, AfterDecay
from .._synapse.double_exponential import check_double_exponential, double_exponential_current
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure, reset_membrane


class CubaLIFDoubleExponentialState(eqx.Module):
    """State of a `CubaLIFDoubleExponential`: the membrane after the reset, and the two parts of the current."""

    v: Float[Array, "*shape"]
    slow: Float[Array, "*shape"]
    fast: Float[Array, "*shape"]


class CubaLIFDoubleExponential(AbstractNeuron[CubaLIFDoubleExponentialState]):
    """Leaky integrate-and-fire neuron whose current rises and falls: `DoubleExponentialSynapse` and `LIF` in one cell.

    ```
    slow = exp(-dt / tau_i) * slow + x
    fast = exp(-dt / tau_rise) * fast + x
    decay = exp(-dt / tau)
    v = rest + decay * (v - rest) + gain * peak * (slow - fast)     gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    `peak` makes the current of a single input peak at its own value, or is 1 without `normalise_peak`. The current
    begins at zero, so the membrane hears an input from the next step on; `arrival` changes that.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_i`: time constant of the current's fall, in the same unit.
    - `tau_rise`: time constant of its rise, in the same unit; never equal to `tau_i`.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`: the factor per step of the membrane, instead of `tau`; between 0 and 1.
    - `normalise_input`: scale the current into the membrane by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_peak`: as in `DoubleExponentialSynapse`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.CubaLIFDoubleExponential(tau=20.0, tau_i=10.0, tau_rise=2.0)
    state, zs = snn.unroll(neuron, 0.1 * jnp.ones((100, 4)))
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 1.3; the current as in
    A. Roth and M. C. W. van Rossum, Modeling synapses, 2009, equations 6.4 to 6.6.
    """

    tau: Param = parameter(20.0)
    tau_i: Param = parameter(10.0)
    tau_rise: Param = parameter(1.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)
    arrival: AbstractArrival = AfterDecay()
    normalise_peak: bool = eqx.field(default=True, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_double_exponential(self)
        check_decay(self, "decay", "tau")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFDoubleExponentialState:
        del key
        return CubaLIFDoubleExponentialState(v=starting(x, self.rest), slow=resting(x), fast=resting(x))

    def integrate(self, state: CubaLIFDoubleExponentialState, x: Float[Array, "*shape"]) -> Any:
        slow, fast, heard = double_exponential_current(self, state.slow, state.fast, x)
        return CubaLIFDoubleExponentialState(v=leak(self, state.v, heard), slow=slow, fast=fast)

    fire = fire_membrane
    spiked = reset_membrane


cuba_lif_double_exponential = pure(CubaLIFDoubleExponential, "cuba_lif_double_exponential")
