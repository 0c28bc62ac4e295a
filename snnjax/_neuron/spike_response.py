"""The spike response model: the membrane as a sum of kernels."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._misc import as_current, cast, check_decay, check_finite, check_positive, decay_factor, resting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, pure


class SpikeResponseState(eqx.Module):
    """State of a `SpikeResponse`: the input filtered once and twice, and the refractoriness."""

    p: Float[Array, "*shape"]
    q: Float[Array, "*shape"]
    r: Float[Array, "*shape"]


class SpikeResponse(AbstractNeuron[SpikeResponseState]):
    """Spike response model: a double exponential answers every input, a negative exponential every spike.

    ```
    decay_p = exp(-dt / tau_p),  decay_q = exp(-dt / tau_q),  decay_r = exp(-dt / tau_r)
    p = decay_p * p + (1 - decay_p) * x
    q = decay_q * q + (1 - decay_q) * p
    z = H(q - strength * r - threshold)
    r = decay_r * r + z
    ```

    Nothing is reset: a spike makes the neuron refractory, from the next step on. A linear layer belongs in front.

    **Arguments:**

    - `tau_p`, `tau_q`: time constants of the response to an input, in the unit of `dt` (steps by default).
    - `tau_r`: time constant of the refractoriness, in the same unit.
    - `threshold`: in the unit of the membrane `q - strength * r`.
    - `strength`: how much a spike lowers the membrane.
    - `dt`: length of a step.
    - `surrogate`: the spike function and its derivative.
    - `decay_p`, `decay_q`, `decay_r`: the factors per step, instead of the time constants; between 0 and 1.
    - `detach`: cut the gradient through the spike into the refractoriness.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.SpikeResponse(tau_p=5.0, tau_q=10.0, tau_r=20.0)
    _, zs = snn.unroll(neuron, 1.5 * jnp.ones((100, 3)))
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 6.4; with
    these kernels J. Kaiser, H. Mostafa and E. Neftci, Synaptic plasticity dynamics for deep continuous local learning,
    2020.
    """

    tau_p: Param = parameter(5.0)
    tau_q: Param = parameter(20.0)
    tau_r: Param = parameter(20.0)
    threshold: Param = parameter(1.0)
    strength: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    decay_p: Param | None = parameter(None)
    decay_q: Param | None = parameter(None)
    decay_r: Param | None = parameter(None)
    detach: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay_p", "tau_p")
        check_decay(self, "decay_q", "tau_q")
        check_decay(self, "decay_r", "tau_r")
        check_finite(self, "threshold", "strength")

    def init_state(self, x: Any, *, key: Key = None) -> SpikeResponseState:
        del key
        return SpikeResponseState(p=resting(x), q=resting(x), r=resting(x))

    def integrate(self, state: SpikeResponseState, x: Float[Array, "*shape"]) -> SpikeResponseState:
        dtype = state.p.dtype
        decay_p = decay_factor(self.tau_p, self.decay_p, self.dt, dtype)
        decay_q = decay_factor(self.tau_q, self.decay_q, self.dt, dtype)
        p = decay_p * state.p + (1 - decay_p) * as_current(x, state.p)
        return SpikeResponseState(p=p, q=decay_q * state.q + (1 - decay_q) * p, r=state.r)

    def fire(self, before: SpikeResponseState, state: SpikeResponseState, key: Key) -> Float[Array, "*shape"]:
        del before
        v = state.q - cast(self.strength, state.r.dtype) * state.r
        return self.surrogate.fire(v, self.threshold, key=key)

    def spiked(self, state: SpikeResponseState, z: Float[Array, "*shape"]) -> SpikeResponseState:
        decay_r = decay_factor(self.tau_r, self.decay_r, self.dt, state.r.dtype)
        z = jax.lax.stop_gradient(z) if self.detach else z
        return SpikeResponseState(p=state.p, q=state.q, r=decay_r * state.r + z)


spike_response = pure(SpikeResponse, "spike_response")
