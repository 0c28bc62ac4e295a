"""The current-based leaky integrate-and-fire neuron: a synapse in front of the membrane."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import check_decay, check_finite, check_positive, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._synapse import AbstractArrival, AfterDecay
from .._synapse.exponential import exponential_current
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure, reset_membrane


class CubaLIFState(eqx.Module):
    """State of a `CubaLIF`: the membrane after the reset, and the synaptic current."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]


class CubaLIF(AbstractNeuron[CubaLIFState]):
    """Leaky integrate-and-fire neuron with an exponential synaptic current.

    ```
    decay_i = exp(-dt / tau_i),  decay = exp(-dt / tau)
    i = decay_i * i + gain_i * x                      gain_i = 1, or 1 - decay_i with normalise_current
    v = rest + decay * (v - rest) + gain * i          gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    The input reaches the membrane in the step in which it comes; `arrival` changes that.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `tau_i`: synaptic time constant, in the same unit.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay`, `decay_i`: the factors per step, instead of `tau` and `tau_i`; between 0 and 1.
    - `normalise_input`: scale the current into the membrane by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_current`: scale the input into the current by `1 - decay_i`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.CubaLIF(tau=20.0, tau_i=5.0), 0.1 * jnp.ones((100, 4)))
    ```

    Source: E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in spiking neural networks, 2019,
    equations 3 and 4 (there the membrane hears the current of the step before, `arrival=NextStep()`).
    """

    tau: Param = parameter(20.0)
    tau_i: Param = parameter(5.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    decay: Param | None = parameter(None)
    decay_i: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)
    arrival: AbstractArrival = AfterDecay()
    normalise_current: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_i", "tau_i")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFState:
        del key
        return CubaLIFState(v=starting(x, self.rest), i=resting(x))

    def integrate(self, state: CubaLIFState, x: Float[Array, "*shape"]) -> CubaLIFState:
        i, heard = exponential_current(self, state.i, x)
        return CubaLIFState(v=leak(self, state.v, heard), i=i)

    fire = fire_membrane
    spiked = reset_membrane


cuba_lif = pure(CubaLIF, "cuba_lif")
