"""Changes of a sequence that training draws at random."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float


def at(xs: Float[Array, "time *shape"], steps: Float[Array, " new"]) -> Float[Array, "new *shape"]:
    """The sequence at fractions of steps, by lines between neighbours; its ends go on before and after it."""
    steps = jnp.clip(steps, 0, xs.shape[0] - 1)
    whole = jnp.clip(steps.astype(int), 0, xs.shape[0] - 2)
    rest = (steps - whole.astype(steps.dtype)).reshape(-1, *(1 for _ in xs.shape[1:]))
    return xs[whole] * (1 - rest) + xs[whole + 1] * rest


def blank(xs: Float[Array, "time *shape"], longest: float, key: Array) -> Float[Array, "time *shape"]:
    """Zeros in a random place, for up to so many steps."""
    k1, k2 = jr.split(key)
    total = xs.shape[0]
    width = longest * jr.uniform(k1, (), xs.dtype)
    first = (total - width) * jr.uniform(k2, (), xs.dtype)
    step = jnp.arange(total, dtype=xs.dtype).reshape(-1, *(1 for _ in xs.shape[1:]))
    return jnp.where((step >= first) & (step < first + width), 0, xs)
