"""The layers of snnax without a neuron's state: pooling to spikes, flattening, counting."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import as_current, resting, state_dtype
from ..._parameter import Param, parameter
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._arguments import Shape, prepared
from ._surrogate import DEFAULT_SPIKE, SpikeFunction, spike_function


class SpikingPool(eqx.Module):
    """Spikes where the pooled input reaches the threshold: `z = H(pool(x) - threshold)`."""

    pool: eqx.nn.Pool
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = DEFAULT_SPIKE

    def __call__(self, x: Float[Array, "channels *space"], *, key: Key = None) -> Float[Array, "channels *space2"]:
        state_dtype(x)
        with jax.named_scope("snn.SpikingPool"):
            return self.surrogate.fire(self.pool(x), self.threshold, key=key)


def SpikingMaxPool1d(
    *args: Any, threshold: Param = 1.0, spike_fn: SpikeFunction = DEFAULT_SPIKE, **kwargs: Any
) -> SpikingPool:
    """`H(maxpool(x) - threshold)`, for one step of shape (channels, length). Arguments as `eqx.nn.MaxPool1d`."""
    return SpikingPool(eqx.nn.MaxPool1d(*args, **kwargs), threshold, spike_function(spike_fn))


def SpikingMaxPool2d(
    *args: Any, threshold: Param = 1.0, spike_fn: SpikeFunction = DEFAULT_SPIKE, **kwargs: Any
) -> SpikingPool:
    """`H(maxpool(x) - threshold)`, for one step of shape (channels, height, width). Arguments as `eqx.nn.MaxPool2d`."""
    return SpikingPool(eqx.nn.MaxPool2d(*args, **kwargs), threshold, spike_function(spike_fn))


class Flatten(eqx.Module):
    """One step of one example as a vector, the last axis fastest."""

    def __call__(self, x: Array, *, key: Key = None) -> Array:
        del key
        return x.reshape(-1)


class SpikeCountState(eqx.Module):
    """State of a `SpikeCounter`: the sum of its input so far."""

    count: Float[Array, "*shape"]


class CountSpikes(AbstractCell[SpikeCountState]):
    """Hands its input on, and adds it up in its state."""

    def init_state(self, x: Any, *, key: Key = None) -> SpikeCountState:
        del key
        return SpikeCountState(count=resting(x))

    def __call__(
        self, state: SpikeCountState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[SpikeCountState, Float[Array, "*shape"]]:
        del key
        return SpikeCountState(count=state.count + as_current(x, state.count)), x


def SpikeCounter(shape: Shape | None = None) -> AbstractCell:
    """Puts out its input, and counts it in the state: `state.count`."""
    return prepared(CountSpikes(), shape, None)
