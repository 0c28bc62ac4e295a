"""Means and variances over a batch, and what is kept of them between sequences."""

import math
from collections.abc import Hashable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import InputError

#: The `axis_name` of a `jax.vmap` or `jax.shard_map`, several of them, or None for a batch of one.
AxisName: TypeAlias = Hashable | tuple[Hashable, ...] | None


def moments(xs: Array, axes: tuple[int, ...], axis_name: AxisName, owner: str) -> tuple[Array, Array, int]:
    """Mean, variance (of the numbers, not an estimate of where they come from), and how many numbers these are of.

    ```
    mean = E[x],   variance = E[(x - mean)^2]         over the given axes and over the named axis
    ```

    In two passes: the difference of two large means would lose all digits of a small variance.
    """
    count = math.prod(xs.shape[axis] for axis in axes) * _size(axis_name, owner)

    def over_all(values: Array) -> Array:
        inside = jnp.mean(values, axis=axes, keepdims=True)
        return inside if axis_name is None else jax.lax.pmean(inside, axis_name)

    mean = over_all(xs)
    variance = over_all((xs - mean) ** 2)
    return mean, variance, count


def _size(axis_name: Any, owner: str) -> int:
    try:
        return 1 if axis_name is None else jax.lax.psum(1, axis_name)
    except NameError as error:
        raise InputError(
            f"{owner} takes its means over the axis {axis_name!r}, which was not found. Write "
            f"`jax.vmap(..., axis_name={axis_name!r})` over the batch, pass `axis_name=None` for statistics of "
            f"each sequence alone, or use `eqx.nn.inference_mode(model)`."
        ) from error


def normalised(xs: Array, mean: Array, variance: Array, eps: float) -> Array:
    """`(x - mean) / sqrt(variance + eps)`."""
    return (xs - mean) * jax.lax.rsqrt(variance + jnp.asarray(eps, variance.dtype))


def moved(
    running: tuple[Float[Array, "*shape"], Float[Array, "*shape"]],
    mean: Float[Array, "*shape"],
    variance: Float[Array, "*shape"],
    count: int,
    momentum: float,
) -> tuple[Array, Array]:
    """The running mean and variance after one more batch; without gradients.

    ```
    running = momentum * running + (1 - momentum) * new,   the new variance times count / (count - 1)
    ```
    """
    unbiased = variance * (count / max(count - 1, 1))

    def step(old: Array, new: Array) -> Array:
        return momentum * old + (1 - momentum) * jax.lax.stop_gradient(new).astype(old.dtype)

    return step(running[0], mean), step(running[1], unbiased)
