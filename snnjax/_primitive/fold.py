"""Axis 0 in two, two leading axes in one, or one more, where a batch of `jax.vmap` stays where it is.

`reshape` moves a batch axis to the front, so that data with the batch on axis 1 is copied. Here only the axes of time
are touched.
"""

import math
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from .placed import placed

_reshape = jex.Primitive("snnjax_reshape_leading")


def fold(a: Array, count: int, size: int) -> Array:
    """(count * size, ...) as (count, size, ...)."""
    return _reshaped(a, old=(count * size,), new=(count, size))


def unfold(a: Array) -> Array:
    """(count, size, ...) as (count * size, ...)."""
    return _reshaped(a, old=a.shape[:2], new=(a.shape[0] * a.shape[1],))


def as_one_step(a: Array) -> Array:
    """(...) as (1, ...)."""
    return _reshaped(a, old=(), new=(1,))


def _reshaped(a: Array, *, old: tuple, new: tuple) -> Array:
    return (_lowered if placed(a) else _reshape.bind)(a, old=old, new=new)


def _lowered(a: Array, *, old: tuple, new: tuple) -> Array:
    return jax.lax.reshape(a, (*new, *a.shape[len(old) :]))


def _abstract(a: Any, *, old: tuple, new: tuple) -> Any:
    assert a.shape[: len(old)] == old
    assert math.prod(old) == math.prod(new)
    return a.update(shape=(*new, *a.shape[len(old) :]))


def _batched(args: tuple, dims: tuple, *, old: tuple, new: tuple) -> tuple:
    (a,), (d,) = args, dims
    if d < len(old):
        a, d = jnp.moveaxis(a, d, len(old)), len(old)
    return _reshape.bind(a, old=old, new=new), d + len(new) - len(old)


_reshape.def_abstract_eval(_abstract)
_reshape.def_impl(_lowered)
mlir.register_lowering(_reshape, mlir.lower_fun(_lowered, multiple_results=False))
batching.primitive_batchers[_reshape] = _batched
ad.deflinear2(_reshape, lambda ct, _, *, old, new: [_reshape.bind(ct, old=new, new=old)])
