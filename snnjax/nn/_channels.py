"""What all norms check, and how one number per channel is laid along the inputs."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from .._errors import InputError
from .._misc import check_positive


def check_norm(owner: Any) -> None:
    """Refuse a size below 1, a momentum outside of [0, 1), and an `eps` that is not above 0."""
    name = type(owner).__name__
    if owner.size < 1:
        raise ValueError(f"{name}.size was given {owner.size}; it takes a number of channels of at least 1.")
    if not 0 <= owner.momentum < 1:
        raise ValueError(
            f"{name}.momentum was given {owner.momentum}; it takes values from 0 to below 1, the weight of the past. "
            f"Where another library's momentum is the weight of the new, pass 1 minus that."
        )
    check_positive(owner, "eps")


def check_channels(owner: Any, shape: tuple[int, ...]) -> None:
    """Refuse a step's input whose axis 0 is not of the norm's size."""
    if not shape or shape[0] != owner.size:
        raise InputError(
            f"{type(owner).__name__} was given one step of shape {shape}; it takes ({owner.size}, ...), channels "
            f"first. Pass the number of channels as `size`, or move the channels with `jnp.moveaxis`."
        )


def along_channels(ndim: int, dtype: Any) -> Callable[[Any], Array]:
    """A function that gives `(*steps, size)` numbers the axes of inputs `(*steps, size, *space)`."""

    def along(values: Any) -> Array:
        values = jnp.asarray(values, dtype)
        front = values[None] if values.ndim < 2 else values
        return front.reshape(*front.shape, *(1,) * (ndim - 2))

    return along


def holding(index: eqx.nn.StateIndex, value: Any) -> eqx.nn.State:
    """What a norm keeps, with a value for the next sequence."""
    return eqx.nn.State(eqx.tree_at(lambda index: index.init, index, value))
