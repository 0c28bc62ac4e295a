"""An order of operations that the compiler would not choose."""

from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def after(value: Any, done: Any) -> Any:
    """`value`, for what is to be computed after `done` on a CPU, so that what `done` was made of is not needed then.

    XLA removes its own barriers on CPUs before it orders the operations. So a zero is added that it does not know to be
    one.
    """
    if jax.default_backend() != "cpu" or not done.size:
        return value
    zero = jnp.minimum((done.ravel()[0] > 0).astype(jnp.int32), 0)
    return value + zero.astype(value.dtype)


@after.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return after(*primals), tangents[0]
