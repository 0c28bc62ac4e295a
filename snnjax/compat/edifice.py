"""Edifice's spiking network, by its names there: `build`, `lif_neuron`, `rate_decode`, `surrogate_gradient`.

Its text names two resets, a soft one in the overview and a hard one in `lif_neuron`: both are here. A spike there may
be a sigmoid, "0 or ~1"; here it is exactly 0 or 1, and the sigmoid is an option by name.
"""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from .._neuron import LIF as _LIF
from .._neuron import LIFState
from .._parameter import Param
from .._reset import AbstractReset, SubtractReset, ZeroReset
from .._surrogate import AbstractSurrogate, SuperSpike
from .._surrogate.damped import Damped
from ..models import SNN
from ._common import Unchecked

_RESETS: dict[str, AbstractReset] = {"soft": SubtractReset(), "hard": ZeroReset()}


def _reset(name: str) -> AbstractReset:
    if name not in _RESETS:
        raise ValueError(f"reset was given {name!r}; it takes 'soft' (subtract the threshold) or 'hard' (to zero).")
    return _RESETS[name]


def _surrogate(slope: float) -> AbstractSurrogate:
    """Derivative `slope / (1 + slope |v|)^2`."""
    return Damped(SuperSpike(slope=slope), slope)


def surrogate_gradient(
    x: Float[Array, "*shape"], slope: float = 25.0, *, smooth: bool = False
) -> Float[Array, "*shape"]:
    """Spikes where `x > 0`, with the derivative `slope / (1 + slope |x|)^2`; with `smooth`, `sigmoid(slope x)`."""
    return jax.nn.sigmoid(slope * x) if smooth else _surrogate(slope)(x)


def lif_neuron(
    membrane: Float[Array, "*shape"],
    input_current: Float[Array, "*shape"],
    beta: Param,
    threshold: Param,
    *,
    reset: str = "hard",
    slope: float = 25.0,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """One step: the new membrane and the spikes.

    `v = beta v + I`, `z = H(v - threshold)`, `v = v (1 - z)`, or `v - z threshold` with `reset="soft"`.
    """
    neuron = _LIF(decay=Unchecked(beta), threshold=threshold, reset=_reset(reset), surrogate=_surrogate(slope))
    state, z = neuron(LIFState(v=membrane), input_current)
    return state.v, z


def rate_decode(spike_train: Float[Array, "batch time hidden"]) -> Float[Array, "batch hidden"]:
    """Mean over the steps: firing rates in [0, 1]."""
    return spike_train.mean(axis=1)


def build(
    input_size: int,
    hidden_sizes: Sequence[int] = (256, 128),
    output_size: int = 10,
    num_timesteps: int = 25,
    tau: float = 2.0,
    threshold: float = 1.0,
    *,
    reset: str = "soft",
    slope: float = 25.0,
    key: Array,
) -> SNN:
    """The network `(batch, input_size) -> (batch, output_size)`, all layers without bias."""
    options = {"reset": _reset(reset), "surrogate": _surrogate(slope)}
    return SNN(input_size, hidden_sizes, output_size, num_timesteps, tau, threshold, **options, key=key)
