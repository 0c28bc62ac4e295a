"""Norse's thresholds: a spike function by the name of its derivative, and logic made of them."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._surrogate import AbstractSurrogate, Gaussian, SuperSpike
from ..._surrogate import Triangle as _Triangle
from ..._surrogate.circular import Circular
from ..._surrogate.damped import Damped
from ..._surrogate.tanh import Tanh
from ..._types import Key

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


def sign(x: Float[Array, "*shape"], method: str, alpha: float) -> Float[Array, "*shape"]:
    """`2 threshold(x) - 1`: -1 or 1."""
    return 2 * threshold(x, method, alpha) - 1


def heaviside(data: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 where `data > 0`, else 0; without a gradient."""
    return threshold(data, "heaviside", 1.0)


def super_fn(x: Float[Array, "*shape"], alpha: float = 100.0) -> Float[Array, "*shape"]:
    """Spikes with the derivative `1 / (1 + |x|)^2`, whatever `alpha` is, as in the library."""
    return threshold(x, "super", alpha)


def triangle_fn(x: Float[Array, "*shape"], alpha: float = 0.3) -> Float[Array, "*shape"]:
    """Spikes with the derivative `alpha max(0, 1 - |x|)`."""
    return threshold(x, "triangle", alpha)


def heavi_tanh_fn(x: Float[Array, "*shape"], k: float) -> Float[Array, "*shape"]:
    """Spikes with the derivative `1 - tanh(k x)^2`."""
    return threshold(x, "tanh", k)


def heavi_circ_fn(x: Float[Array, "*shape"], k: float) -> Float[Array, "*shape"]:
    """Spikes with the derivative `(1 + (x / k)^2)^(-3/2)`."""
    return threshold(x, "circ", k)


def heavi_erfc_fn(x: Float[Array, "*shape"], k: float) -> Float[Array, "*shape"]:
    """Spikes with the derivative `2 exp(-(k x)^2) / sqrt(pi)`."""
    return threshold(x, "heavi_erfc", k)


def _random(p: Array, x: Array, method: str, alpha: float, key: Key) -> Array:
    if key is None:
        raise InputError(
            "a stochastic threshold was given no key; it draws random spikes, and takes a PRNG key: "
            "`key=jax.random.key(0)`."
        )
    z = jax.random.bernoulli(key, p).astype(x.dtype)
    slope = threshold(x, method, alpha)
    return jax.lax.stop_gradient(z) + (slope - jax.lax.stop_gradient(slope))


def logistic_fn(x: Float[Array, "*shape"], k: float, *, key: Key) -> Float[Array, "*shape"]:
    """Random spikes of the probability `(1 + tanh(k x)) / 2`, with the derivative `1 - tanh(k x)^2`."""
    return _random((1 + jnp.tanh(k * x)) / 2, x, "tanh", k, key)


def circ_dist_fn(x: Float[Array, "*shape"], k: float, *, key: Key) -> Float[Array, "*shape"]:
    """Random spikes of the probability `(1 + x / sqrt(x^2 + k^2)) / 2`, with the derivative of `heavi_circ_fn`."""
    return _random((1 + x / jnp.sqrt(x**2 + k**2)) / 2, x, "circ", k, key)


def logical_and(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`x y`, of spikes."""
    return x * y


def logical_xor(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`|x - y|`, of spikes."""
    return jnp.abs(x - y)


def logical_or(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """A spike where `x + y > 0`."""
    return super_fn(x + y)


def muller_c(
    y_prev: Float[Array, "*shape"], x_1: Float[Array, "*shape"], x_2: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """The next state of Muller's C-element: the inputs where they agree, else the state before."""
    return super_fn(x_1 * x_2 + (x_1 + x_2) * y_prev)


def posedge_detector(z: Float[Array, "*shape"], z_prev: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 where spikes begin: `(1 - z_prev) z`."""
    return (1 - z_prev) * z
