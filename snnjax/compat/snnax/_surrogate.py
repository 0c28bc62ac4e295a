"""The spike functions of snnax: they fire at the threshold too, `z = H(v)` with `H(0) = 1`."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from ..._misc import cast
from ..._parameter import Param
from ..._surrogate import AbstractSpike, Sigmoid
from ..._surrogate.boxcar import Boxcar
from ..._surrogate.q_pseudo_spike import QPseudoSpike
from ..._types import Key

#: What a layer takes as `spike_fn`: called as `spike_fn(v - threshold)`.
SpikeFunction = AbstractSpike | Callable


class FunctionSpike(AbstractSpike):
    """Any function of the distance from the threshold, with whatever derivative it has."""

    function: Callable

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        del key
        return self.function(v - cast(threshold, v.dtype)).astype(v.dtype)


def spike_function(spike_fn: Any) -> AbstractSpike:
    """A `spike_fn` as the core's neurons take it."""
    if isinstance(spike_fn, AbstractSpike):
        return spike_fn
    if not callable(spike_fn):
        raise TypeError(
            f"spike_fn was given {spike_fn!r}; it takes a spike function of the core, or a function that is called "
            f"with v - threshold. Give `superspike_surrogate(10.0)`."
        )
    return FunctionSpike(spike_fn)


def superspike_surrogate(beta: Param = 10.0) -> QPseudoSpike:
    """Derivative `1 / (1 + beta |v|)`: without the square that `snn.SuperSpike` has."""
    return QPseudoSpike(beta, exponent=1.0, inclusive=True)


def sigmoid_surrogate(beta: float = 1.0) -> Sigmoid:
    """Derivative `sigmoid(v) (1 - sigmoid(v))`; only for `beta = 1`."""
    if beta != 1:
        raise ValueError(
            f"sigmoid_surrogate was given beta={beta}; it takes 1, as in the library. For other slopes use "
            f"`snn.Sigmoid(beta, inclusive=True)`, whose derivative is beta times higher."
        )
    return Sigmoid(1.0, inclusive=True)


def piecewise_surrogate(beta: float = 0.5) -> Boxcar:
    """Derivative 1 where `|v| < beta`, else 0."""
    return Boxcar(1.0, width=2 * beta, inclusive=True)


#: What every layer fires with unless it is told otherwise.
DEFAULT_SPIKE = superspike_surrogate(10.0)
