"""What the networks are put together from."""

from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import InputError

#: Makes the normalisation of a layer from the number of its channels, which are axis 0 of its input.
Norm: TypeAlias = Callable[[int], Any]


def group_norm(channels: int) -> eqx.nn.GroupNorm:
    """All channels as one group: no statistics of the batch, and none over time."""
    return eqx.nn.GroupNorm(1, channels)


def mean_over_space(x: Float[Array, "channels *space"]) -> Float[Array, " channels"]:
    return jnp.mean(x, axis=tuple(range(1, x.ndim)))


def identity(x: Any) -> Any:
    return x


def convolution(channels_in: int, channels_out: int, size: int = 3, stride: int = 1, *, key: Array) -> eqx.nn.Conv2d:
    """A convolution in front of a norm: it needs no bias."""
    padding = (size - 1) // 2
    return eqx.nn.Conv2d(channels_in, channels_out, size, stride, padding, use_bias=False, key=key)


def check_sizes(model: str, **sizes: Any) -> None:
    """Refuse sizes below 1, alone or in a sequence."""
    for name, given in sizes.items():
        several = isinstance(given, tuple | list)
        if any(size < 1 for size in (given if several else (given,))):
            raise InputError(
                f"{model} was given {name}={given}; it takes {'numbers' if several else 'a number'} above 0."
            )
