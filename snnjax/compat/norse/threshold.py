"""Norse's thresholds: a spike function by the name of its derivative."""

import math
from collections.abc import Callable

from jaxtyping import Array, Float

from ..._surrogate import AbstractSurrogate, Gaussian, SuperSpike
from ..._surrogate import Triangle as _Triangle
from ..._surrogate.circular import Circular
from ..._surrogate.damped import Damped
from ..._surrogate.tanh import Tanh

_METHODS: dict[str, Callable[[float], AbstractSurrogate]] = {
    "heaviside": lambda alpha: Damped(SuperSpike(), 0.0),
    "super": lambda alpha: SuperSpike(1.0),  # whatever alpha is: the library leaves it out
    "triangle": lambda alpha: Damped(_Triangle(1.0), alpha),
    "tanh": lambda alpha: Tanh(alpha),
    "circ": lambda alpha: Circular(1 / alpha),
    "heavi_erfc": lambda alpha: Damped(Gaussian(alpha * math.sqrt(2)), 2 / alpha),
}


def surrogate(method: str, alpha: float) -> AbstractSurrogate:
    """The spike function that a `method` names."""
    if method not in _METHODS:
        raise ValueError(
            f"the method was given as {method!r}; it takes one of {', '.join(_METHODS)}. The stochastic ones, logistic "
            f"and circ_dist, are no thresholds there either: use EscapeNoise."
        )
    return _METHODS[method](alpha)


def threshold(x: Float[Array, "*shape"], method: str, alpha: float) -> Float[Array, "*shape"]:
    """Spikes where `x > 0`, with the derivative that `method` names."""
    return surrogate(method, alpha)(x)
