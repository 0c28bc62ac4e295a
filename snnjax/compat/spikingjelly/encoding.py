"""SpikingJelly's encoders as functions: an input of any shape in [0, 1], spikes with time on axis 0."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._types import Key


def latency(x: Float[Array, "*shape"], T: int, enc_function: str = "linear") -> Float[Array, "time *shape"]:
    """One spike per value, the earlier the larger it is: `LatencyEncoder`.

    At `round((T - 1) (1 - x))`, or at `round(T - 1 - log(alpha x + 1))`, `alpha = exp(T - 1) - 1`, with 'log'.
    """
    if enc_function == "linear":
        times = (T - 1.0) * (1.0 - x)
    elif enc_function == "log":
        times = T - 1.0 - jnp.log(jnp.expm1(jnp.asarray(T - 1.0, x.dtype)) * x + 1.0)
    else:
        raise ValueError(f"latency was given enc_function={enc_function!r}; it takes 'linear' or 'log'.")
    return jax.nn.one_hot(jnp.round(times).astype(jnp.int32), T, axis=0, dtype=x.dtype)


def weighted_phase(x: Float[Array, "*shape"], K: int) -> Float[Array, "time *shape"]:
    """The binary digits of every value, the highest first: `WeightedPhaseEncoder`, for values up to `1 - 2^-K`."""
    rest, digits = x, []
    for i in range(K):
        weight = 0.5 ** (i + 1)
        digits.append((rest >= weight).astype(x.dtype))
        rest = rest - weight * digits[-1]
    return jnp.stack(digits)


def periodic(spike: Float[Array, "period *shape"], T: int) -> Float[Array, "time *shape"]:
    """A spike train again and again: `PeriodicEncoder`."""
    return spike[jnp.arange(T) % len(spike)]


def poisson(x: Float[Array, "*shape"], T: int, *, key: Key) -> Float[Array, "time *shape"]:
    """A spike with probability `x` in every step: `PoissonEncoder`."""
    if key is None:
        raise InputError("poisson draws random spikes and was given no key; it takes a PRNG key.")
    drawn = jr.uniform(key, (T, *x.shape), x.dtype)
    return (drawn <= jnp.broadcast_to(x, drawn.shape)).astype(x.dtype)
