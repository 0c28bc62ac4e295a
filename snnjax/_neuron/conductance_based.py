"""The leaky integrate-and-fire neuron with synaptic conductances."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import InputError
from .._integrator import AbstractIntegrator, ExponentialEuler, Relaxing
from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting, starting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, ValueReset
from .._surrogate import AbstractSpike, SuperSpike
from .._synapse import AbstractArrival, AfterDecay
from .._synapse.output import AbstractOutput, ConductanceOutput
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure, reset_membrane


class CobaLIFState(eqx.Module):
    """State of a `CobaLIF`: the membrane after the reset, and the two conductances."""

    v: Float[Array, "*shape"]
    g_excitatory: Float[Array, "*shape"]
    g_inhibitory: Float[Array, "*shape"]


class CobaLIF(AbstractNeuron[CobaLIFState]):
    """Leaky integrate-and-fire neuron with exponential conductances, one that excites and one that inhibits.

    ```
    g_excitatory = exp(-dt / tau_excitatory) * g_excitatory + max(x, 0)
    g_inhibitory = exp(-dt / tau_inhibitory) * g_inhibitory + max(-x, 0)
    tau * v' = rest - v + resistance * (excitatory(g_excitatory, v) + inhibitory(g_inhibitory, v))
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    An output is `g * (reversal - v)` unless another one is given. The membrane is solved exactly for conductances that
    are held over the step, by exponential Euler, and stays between the potentials that draw it, whatever the input.
    With `arrival=Immediate()` the input is the conductance itself, for synapses in front of the neuron.

    **Arguments:**

    - `tau`: membrane time constant without synaptic input, in ms.
    - `tau_excitatory`, `tau_inhibitory`: time constants of the conductances, in ms.
    - `threshold`: in mV.
    - `dt`: length of a step, in ms.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `decay_excitatory`, `decay_inhibitory`: the factors per step, instead of the time constants; between 0 and 1.
    - `excitatory`, `inhibitory`: what a conductance does to the membrane: `ConductanceOutput`, `MagnesiumBlock`, or
        `CurrentOutput`; potentials in mV.
    - `resistance`: of the membrane, in the inverse unit of the conductances. With 1 they are multiples of the leak.
    - `rest`: where the membrane decays to, and starts, in mV.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`,
        `Immediate()`.
    - `separate`: take the two inputs stacked on the first axis, excitatory before inhibitory, instead of one whose sign
        tells which it is; the input then has the shape `(2, *shape)`. What is below zero counts as 0.
    - `integrator`: of the membrane.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    state, zs = snn.unroll(snn.CobaLIF(dt=0.1), 0.05 * jnp.ones((1000, 4)))
    assert -80.0 < state.v.min() and state.v.max() <= -50.0 and zs.sum() > 0
    ```

    Source: R. Brette et al., Simulation of networks of spiking neurons: a review of tools and strategies, 2007,
    benchmark 1, whose parameters are the defaults.
    """

    tau: Param = parameter(20.0)
    tau_excitatory: Param = parameter(5.0)
    tau_inhibitory: Param = parameter(10.0)
    threshold: Param = parameter(-50.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = ValueReset(value=-60.0)
    decay_excitatory: Param | None = parameter(None)
    decay_inhibitory: Param | None = parameter(None)
    excitatory: AbstractOutput = ConductanceOutput(0.0)
    inhibitory: AbstractOutput = ConductanceOutput(-80.0)
    resistance: Param = parameter(1.0)
    rest: Param = parameter(-60.0)
    arrival: AbstractArrival = AfterDecay()
    separate: bool = eqx.field(default=False, static=True)
    integrator: AbstractIntegrator = ExponentialEuler()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "tau", "dt", "resistance")
        check_decay(self, "decay_excitatory", "tau_excitatory")
        check_decay(self, "decay_inhibitory", "tau_inhibitory")
        check_finite(self, "threshold", "rest")

    def init_state(self, x: Any, *, key: Key = None) -> CobaLIFState:
        del key
        one = _one_of_two(x) if self.separate else x
        return CobaLIFState(v=starting(one, self.rest), g_excitatory=resting(one), g_inhibitory=resting(one))

    def integrate(self, state: CobaLIFState, x: Float[Array, "..."]) -> CobaLIFState:
        dtype = state.v.dtype
        x = as_current(x, state.v)
        zero = jnp.zeros((), dtype)
        # Where a signed input is zero, half of the derivative goes to either side.
        inputs = jnp.where(x < 0, zero, x) if self.separate else (jnp.maximum(x, zero), jnp.maximum(-x, zero))
        decay = decay_factor(self.tau_excitatory, self.decay_excitatory, self.dt, dtype)
        g_excitatory, exciting = self.arrival(state.g_excitatory, inputs[0], decay)
        decay = decay_factor(self.tau_inhibitory, self.decay_inhibitory, self.dt, dtype)
        g_inhibitory, inhibiting = self.arrival(state.g_inhibitory, inputs[1], decay)

        def rates(v: Array) -> tuple[Array, Array]:
            resistance, tau = cast(self.resistance, dtype), cast(self.tau, dtype)
            current = self.excitatory(exciting, v) + self.inhibitory(inhibiting, v)
            conductance = self.excitatory.conductance(exciting, v) + self.inhibitory.conductance(inhibiting, v)
            return (cast(self.rest, dtype) - v + resistance * current) / tau, (1 + resistance * conductance) / tau

        v = self.integrator(Relaxing(rates), state.v, self.dt)
        return CobaLIFState(v=v, g_excitatory=g_excitatory, g_inhibitory=g_inhibitory)

    fire = fire_membrane
    spiked = reset_membrane


def _one_of_two(x: Any) -> Any:
    """The shape and dtype of one of two stacked inputs, from the data if there are any."""
    if not x.shape or x.shape[0] != 2:
        raise InputError(
            f"CobaLIF(separate=True) was given an input of shape {x.shape}; it takes the excitatory and the inhibitory "
            f"input stacked on the first axis, (2, ...). Stack them with `jnp.stack([excitatory, inhibitory])`."
        )
    return x[0] if isinstance(x, jax.Array) else jax.ShapeDtypeStruct(x.shape[1:], x.dtype)


coba_lif = pure(CobaLIF, "coba_lif")
