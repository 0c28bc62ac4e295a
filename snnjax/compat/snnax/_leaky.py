"""The leaky neurons of snnax, and its leaky integrator."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import check_finite, resting
from ..._neuron import LI as _LI
from ..._neuron import LIF as _LIF
from ..._neuron import AbstractNeuron
from ..._neuron._base import fire_membrane, leak, reset_membrane
from ..._order import AbstractOrder
from ..._parameter import AbstractParameter, Param, parameter
from ..._reset import AbstractReset, ValueReset, ZeroReset
from ..._surrogate import AbstractSpike
from ..._synapse import AbstractArrival, NextStep
from ..._synapse.exponential import exponential_current
from ..._types import Key, Params
from .._common import SubtractValue
from ._arguments import Constants, Shape, cut_reset, decays, end_reset, prepared
from ._surrogate import DEFAULT_SPIKE, SpikeFunction, spike_function


def SimpleLI(
    decay_constants: Constants,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> AbstractCell:
    """`v = decay v + (1 - decay) x`, which is put out."""
    del key
    (decay,) = decays(decay_constants, "SimpleLI.decay_constants", (1,), shape)
    return prepared(_LI(decay=decay, normalise_input=True), shape, init_fn)


class _Softplus(AbstractParameter):
    """A value above zero by the softplus of what is stored."""

    value: Param = parameter(0.0)

    def resolve(self) -> Float[Array, "..."]:
        return jax.nn.softplus(jnp.asarray(self.value))


def SimpleLIF(
    decay_constants: Constants,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    threshold: Param = 1.0,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> AbstractCell:
    """`v = decay v + (1 - decay) x`, `z = H(v - threshold)`; then `v = 0`, or `v - softplus(reset_val)`."""
    del key
    (decay,) = decays(decay_constants, "SimpleLIF.decay_constants", (1,), shape)
    value = None if reset_val is None else _Softplus(reset_val)
    neuron = _LIF(
        decay=decay,
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        reset=end_reset(value, stop_reset_grad),
        normalise_input=True,
    )
    return prepared(neuron, shape, init_fn)


class ResetLaterLIFState(eqx.Module):
    """State of a `ResetLaterLIF`: the membrane before the reset, the current, and the spikes of this step."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]
    z: Float[Array, "*shape"]


class _ResetLater(AbstractOrder):
    """Reset by the spikes of the step before, integrate, fire.

    The order `ResetFirst` finds the earlier spikes again from the stored membrane; that differs in the first step,
    where nothing has fired yet, wherever the membrane is.
    """

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        after = model.integrate(params, model.spiked(params, state, state.z), x)
        z = model.fire(params, state, after, key)
        return ResetLaterLIFState(v=after.v, i=after.i, z=z), z


class ResetLaterLIF(AbstractNeuron[ResetLaterLIFState]):
    """Current-based leaky integrate-and-fire neuron that is reset at the beginning of the next step.

    ```
    v = reset(v, z, threshold)                        with the spikes of the step before
    v = decay * v + (1 - decay) * i
    i = decay_i * i + (1 - decay_i) * x
    z = H(v - threshold)
    ```
    """

    decay: Param
    decay_i: Param
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = DEFAULT_SPIKE
    reset: AbstractReset = ZeroReset()
    order: AbstractOrder = _ResetLater()

    # What the core's equations read besides.
    tau: ClassVar[float] = 20.0
    tau_i: ClassVar[float] = 5.0
    dt: ClassVar[float] = 1.0
    rest: ClassVar[float] = 0.0
    normalise_input: ClassVar[bool] = True
    normalise_current: ClassVar[bool] = True
    arrival: ClassVar[AbstractArrival] = NextStep()

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> ResetLaterLIFState:
        del key
        return ResetLaterLIFState(v=resting(x), i=resting(x), z=resting(x))

    def integrate(self, state: ResetLaterLIFState, x: Float[Array, "*shape"]) -> ResetLaterLIFState:
        i, heard = exponential_current(self, state.i, x)
        return ResetLaterLIFState(v=leak(self, state.v, heard), i=i, z=state.z)

    fire = fire_membrane
    spiked = reset_membrane


def _reset_later(
    given: Constants, name: str, threshold: Param, spike_fn: SpikeFunction, reset: AbstractReset, shape: Shape | None
) -> ResetLaterLIF:
    decay, decay_i = decays(given, f"{name}.decay_constants", (2,), shape)
    surrogate = spike_function(spike_fn)
    return ResetLaterLIF(decay=decay, decay_i=decay_i, threshold=threshold, surrogate=surrogate, reset=reset)


def LIF(
    decay_constants: Constants,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    threshold: Param = 1.0,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> AbstractCell:
    """Membrane and current, `decay_constants = [decay, decay_i]`.

    `v = decay v + (1 - decay) i`, `i = decay_i i + (1 - decay_i) x`, `z = H(v - threshold)`. A spike sets `v` to zero,
    or to `reset_val`, at the beginning of the next step: the stored membrane is the one before the reset.
    """
    del key
    reset = cut_reset(ZeroReset() if reset_val is None else ValueReset(value=reset_val), stop_reset_grad)
    neuron = _reset_later(decay_constants, "LIF", threshold, spike_fn, reset, shape)
    return prepared(neuron, shape, init_fn)


def LIFSoftReset(
    decay_constants: Constants,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    threshold: Param = 1.0,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> AbstractCell:
    """`LIF` whose spikes subtract `reset_val`, or 1 (not the threshold) if none is given."""
    del key
    reset = cut_reset(SubtractValue(value=1.0 if reset_val is None else reset_val), stop_reset_grad)
    neuron = _reset_later(decay_constants, "LIFSoftReset", threshold, spike_fn, reset, shape)
    return prepared(neuron, shape, init_fn)
