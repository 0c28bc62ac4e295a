"""Sigma-delta neurons: they send what changed, and know what they have sent."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._synapse import AbstractArrival, AfterDecay
from .._synapse.exponential import exponential_current
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, leak, pure


class SigmaDeltaState(eqx.Module):
    """State of a `SigmaDelta`: the input current, the membrane, and the feedback."""

    i: Float[Array, "*shape"]
    v: Float[Array, "*shape"]
    f: Float[Array, "*shape"]


class SigmaDelta(AbstractNeuron[SigmaDeltaState]):
    """Sigma-delta neuron: fires so that its decoded spikes follow its input.

    ```
    decay_i = exp(-dt / tau_i),  decay = exp(-dt / tau),  decay_f = exp(-dt / tau_f)
    i = decay_i * i + gain_i * x                      gain_i = 1, or 1 - decay_i with normalise_current
    v = decay * v + gain * (i - f)                    gain = 1, or 1 - decay with normalise_input
    z = H(v - threshold)
    f = decay_f * f + z
    ```

    There is no reset: a spike takes effect through the feedback, from the next step on. The feedback is the decoder:
    `LI(decay=decay_f)` on the spikes gives `f` again. The neuron has no negative spikes and follows inputs from zero
    to `1 / (1 - decay_f)` only; `SignedSigmaDelta` follows all.

    **Arguments:**

    - `tau_i`: time constant of the input current, in the unit of `dt` (steps by default).
    - `tau`: membrane time constant, in the same unit: the longer, the smaller the lasting error.
    - `tau_f`: time constant of the feedback, in the same unit.
    - `threshold`: in the unit of the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `decay_i`, `decay`, `decay_f`: the factors per step, instead of the time constants; between 0 and 1.
    - `normalise_current`: scale the input by `1 - decay_i`.
    - `normalise_input`: scale what the membrane hears by `1 - decay`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.SigmaDelta(tau_f=10.0)
    _, zs = snn.unroll(neuron, 0.5 * jnp.ones((100, 3)))
    _, decoded = snn.unroll(snn.LI(tau=10.0), zs)
    ```

    Source: Y. C. Yoon, LIF and simplified SRM neurons encode signals into spikes via a form of asynchronous pulse
    sigma-delta modulation, 2017.
    """

    tau_i: Param = parameter(5.0)
    tau: Param = parameter(20.0)
    tau_f: Param = parameter(20.0)
    threshold: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    decay_i: Param | None = parameter(None)
    decay: Param | None = parameter(None)
    decay_f: Param | None = parameter(None)
    normalise_current: bool = eqx.field(default=False, static=True)
    normalise_input: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    # Read by the shared equations of current and membrane.
    rest: ClassVar[float] = 0.0
    arrival: ClassVar[AbstractArrival] = AfterDecay()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay_i", "tau_i")
        check_decay(self, "decay", "tau")
        check_decay(self, "decay_f", "tau_f")
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> SigmaDeltaState:
        del key
        return SigmaDeltaState(i=resting(x), v=resting(x), f=resting(x))

    def integrate(self, state: SigmaDeltaState, x: Float[Array, "*shape"]) -> SigmaDeltaState:
        i, _ = exponential_current(self, state.i, x)
        return SigmaDeltaState(i=i, v=leak(self, state.v, i - state.f), f=state.f)

    fire = fire_membrane

    def spiked(self, state: SigmaDeltaState, z: Float[Array, "*shape"]) -> SigmaDeltaState:
        decay_f = decay_factor(self.tau_f, self.decay_f, self.dt, state.f.dtype)
        return SigmaDeltaState(i=state.i, v=state.v, f=decay_f * state.f + z)


class SignedSigmaDeltaState(eqx.Module):
    """State of a `SignedSigmaDelta`: what has been sent so far."""

    estimate: Float[Array, "*shape"]


class SignedSigmaDelta(AbstractCell[SignedSigmaDeltaState]):
    """Sends the change of its input, in whole quanta of either sign: the sum of all it sent is never far off.

    ```
    e = quantum * round((x - estimate) / quantum)
    estimate = estimate + e                           or x, with closed_loop=False
    out = e
    ```

    `RunningSum` decodes: it stays within half a quantum of `x`. An `LI` in front smooths the input. The derivative of
    the rounding is that of the identity (straight through). Without the closed loop a step knows the input of the
    step before instead of what was sent, and the errors of the rounding add up.

    **Arguments:**

    - `quantum`: the smallest change that is sent, in the unit of the input.
    - `closed_loop`: see above.

    **Returns** from a step the state, and `e` in the dtype of the input. Raises a `ValueError` for a quantum that is
    not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, es = snn.unroll(snn.SignedSigmaDelta(0.25), jnp.array([0.6, 0.7, 0.7, -0.1]))
    assert es.tolist() == [0.5, 0.25, 0.0, -0.75]
    ```

    Source: P. O'Connor and M. Welling, Sigma delta quantized networks, 2016.
    """

    quantum: Param = parameter(0.1)
    closed_loop: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "quantum")

    def init_state(self, x: Any, *, key: Key = None) -> SignedSigmaDeltaState:
        del key
        return SignedSigmaDeltaState(estimate=resting(x))

    def __call__(
        self, state: SignedSigmaDeltaState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[SignedSigmaDeltaState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.SignedSigmaDelta"):
            current, quantum = as_current(x, state.estimate), cast(self.quantum, state.estimate.dtype)
            quanta = (current - state.estimate) / quantum
            e = quantum * (quanta + jax.lax.stop_gradient(jnp.round(quanta) - quanta))
            estimate = state.estimate + e if self.closed_loop else current
            return SignedSigmaDeltaState(estimate=estimate), e.astype(x.dtype)


class RunningSumState(eqx.Module):
    """State of a `RunningSum`."""

    total: Float[Array, "*shape"]


class RunningSum(AbstractCell[RunningSumState]):
    """The sum of all inputs so far: decodes what a `SignedSigmaDelta` sends, also behind a linear layer.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    xs = jnp.sin(0.1 * jnp.arange(100.0))
    _, decoded = snn.unroll(snn.Sequential(snn.SignedSigmaDelta(0.1), snn.RunningSum()), xs)
    assert abs(decoded - xs).max() < 0.0501
    ```

    Source: P. O'Connor and M. Welling, Sigma delta quantized networks, 2016.
    """

    def init_state(self, x: Any, *, key: Key = None) -> RunningSumState:
        del key
        return RunningSumState(total=resting(x))

    def __call__(
        self, state: RunningSumState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[RunningSumState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.RunningSum"):
            total = state.total + as_current(x, state.total)
            return RunningSumState(total=total), total.astype(x.dtype)


sigma_delta = pure(SigmaDelta, "sigma_delta")
