"""Windows over the spatial axes of one step, `(channels, *space)`."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import InputError
from .._misc import type_name

#: One number for all spatial axes, or one for each.
Size = int | tuple[int, ...]


class Windows(NamedTuple):
    """For every spatial axis: the size of a window, the distance between windows, and what is added on both sides."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


def check_windows(layer: Any) -> None:
    """Refuse a `kernel_size`, `stride` or `padding` that no input could have."""
    for field, least in (("kernel_size", 1), ("stride", 1), ("padding", 0)):
        given = getattr(layer, field)
        if given is not None and any(size < least for size in ((given,) if isinstance(given, int) else given)):
            raise InputError(
                f"{type_name(layer)}.{field} was given {given}; it takes whole numbers of at least {least}, one for "
                f"all spatial axes or one for each."
            )


def windows_of(layer: Any, shape: tuple[int, ...]) -> Windows:
    """The windows of a layer over one step of this shape."""
    axes = len(shape) - 1
    stride = layer.kernel_size if layer.stride is None else layer.stride
    sizes = [(size,) * axes if isinstance(size, int) else size for size in (layer.kernel_size, stride, layer.padding)]
    windows = Windows(*sizes)
    fits = axes >= 1 and all(len(size) == axes for size in windows)
    if not fits or any(n + 2 * p < k for n, k, p in zip(shape[1:], windows.size, windows.padding, strict=True)):
        raise InputError(
            f"{type_name(layer)} was given one step of shape {shape}, for windows of size {layer.kernel_size}; it "
            f"takes (channels, *space), with as many spatial axes as there are sizes, and none shorter than a window. "
            f"Time is axis 0 of the sequence, a batch is `jax.vmap` over `unroll`."
        )
    return windows


def reduced(x: Float[Array, "..."], windows: Windows, start: float, reduce: Callable) -> Float[Array, "..."]:
    """Every window put together by `reduce`; what is added at the borders is `start`."""
    padding = [(0, 0), *((p, p) for p in windows.padding)]
    first = np.asarray(start, x.dtype)
    return jax.lax.reduce_window(x, first, reduce, (1, *windows.size), (1, *windows.stride), padding)


def spread(x: Float[Array, "..."], windows: Windows) -> Float[Array, "..."]:
    """The members of every window along a new first axis; what is added at the borders is zero."""
    x = jnp.pad(x, [(0, 0), *((p, p) for p in windows.padding)])
    axes = list(zip(x.shape[1:], windows.size, windows.stride, strict=True))
    members = []
    for offset in itertools.product(*map(range, windows.size)):
        ends = [o + (n - k) // s * s + 1 for o, (n, k, s) in zip(offset, axes, strict=True)]
        members.append(jax.lax.slice(x, (0, *offset), (x.shape[0], *ends), (1, *windows.stride)))
    return jnp.stack(members)
