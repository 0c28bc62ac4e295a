"""What the linear layers check and convert."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from .._errors import InputError
from .._misc import type_name
from .._parameter import Param


def operands(layer: Any, x: Any, size: int, weight: Param) -> tuple[Array, Array]:
    """One step's input, which must have the shape `(size,)`, and the weights, in one dtype; spikes may be of any."""
    if jnp.shape(x) != (size,):
        raise InputError(
            f"{type_name(layer)} was given one step of shape {jnp.shape(x)}; it takes ({size},). Time is axis 0 of the "
            f"sequence, a batch is `jax.vmap` over `unroll`."
        )
    weight = jnp.asarray(weight)
    dtype = jnp.result_type(x.dtype, weight.dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else weight.dtype
    return x.astype(dtype), weight.astype(dtype)


def add_bias(y: Array, bias: Array | None) -> Array:
    return y if bias is None else y + bias.astype(y.dtype)
