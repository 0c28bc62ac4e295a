"""The leaky neurons of snnax, and its leaky integrator."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._neuron import LI as _LI
from ..._neuron import LIF as _LIF
from ..._neuron import CubaLIF as _CubaLIF
from ..._neuron import CubaLIFState
from ..._parameter import AbstractParameter, Param, parameter
from ..._reset import AbstractReset, ValueReset, ZeroReset
from ..._synapse import NextStep
from ..._types import Key
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


class ResetLaterState(eqx.Module):
    """State of a `ResetLater`: the membrane before the reset, the current, and the spikes of this step."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]
    z: Float[Array, "*shape"]


class ResetLater(AbstractCell[ResetLaterState]):
    """A neuron that is reset at the beginning of the next step, by the spikes that it remembers.

    The order `ResetFirst` finds them again from the stored membrane; that differs in the first step, where a membrane
    has not fired yet, wherever it is.
    """

    neuron: _CubaLIF

    def init_state(self, x: Any, *, key: Key = None) -> ResetLaterState:
        state = self.neuron.init_state(x, key=key)
        return ResetLaterState(v=state.v, i=state.i, z=jnp.zeros_like(state.v))

    def __call__(
        self, state: ResetLaterState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ResetLaterState, Float[Array, "*shape"]]:
        with jax.named_scope("snn.ResetLater"):
            before = self.neuron.spiked(CubaLIFState(v=state.v, i=state.i), state.z)
            after = self.neuron.integrate(before, x)
            z = self.neuron.fire(before, after, key)
            return ResetLaterState(v=after.v, i=after.i, z=z), z.astype(x.dtype)


def _reset_later(
    given: Constants, name: str, spike_fn: SpikeFunction, threshold: Param, reset: AbstractReset, shape: Shape | None
) -> ResetLater:
    decay, decay_i = decays(given, name, (2,), shape)
    neuron = _CubaLIF(
        decay=decay,
        decay_i=decay_i,
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        reset=reset,
        normalise_input=True,
        normalise_current=True,
        arrival=NextStep(),
    )
    return ResetLater(neuron)


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
    neuron = _reset_later(decay_constants, "LIF.decay_constants", spike_fn, threshold, reset, shape)
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
    neuron = _reset_later(decay_constants, "LIFSoftReset.decay_constants", spike_fn, threshold, reset, shape)
    return prepared(neuron, shape, init_fn)
