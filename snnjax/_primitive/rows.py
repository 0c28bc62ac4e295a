"""The product of many rows with a matrix, whose gradient is one product of two matrices.

With rows of shape (time, batch, n), JAX's own gradient for the matrix sums over two axes at once, for which XLA on a
CPU first copies one of the operands in another order. Here the axes in front are one.
"""

import functools
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from .varying import varies

_rows = jex.Primitive("snnjax_rows")
_outer = jex.Primitive("snnjax_outer")


def rows(xs: Float[Array, "... n"], matrix: Float[Array, "a b"], over: int) -> Float[Array, "... m"]:
    """Every row of `xs` times the matrix, summed over the matrix' axis `over`; all of one dtype."""
    if varies(xs, matrix):
        return _rows_product(xs, matrix, over=over)
    return _rows.bind(xs, matrix, over=over)


def _rows_product(xs: Any, matrix: Any, *, over: int) -> Any:
    return jax.lax.dot_general(xs, matrix, (((xs.ndim - 1,), (over,)), ((), ())))


def _outer_product(a: Any, b: Any) -> Any:
    """(..., m) and (..., n) to (m, n), summed over all axes in front."""
    flat_a, flat_b = (x.reshape(-1, x.shape[-1]) for x in (a, b))
    return jax.lax.dot_general(flat_a, flat_b, (((0,), (0,)), ((), ())))


def _rows_batched(args: tuple, dims: tuple, *, over: int) -> tuple:
    (xs, matrix), (d, of_matrix) = args, dims
    if of_matrix is not None:
        return jax.vmap(functools.partial(_rows_product, over=over), in_axes=dims)(xs, matrix), 0
    if d == xs.ndim - 1:
        xs, d = jnp.moveaxis(xs, d, 0), 0
    return _rows.bind(xs, matrix, over=over), d


def _outer_batched(args: tuple, dims: tuple) -> tuple:
    return jax.vmap(_outer_product, in_axes=dims)(*args), 0


def _rows_of_matrix(ct: Any, xs: Any, matrix: Any, *, over: int) -> Any:
    del matrix
    return _outer.bind(ct, xs) if over == 1 else _outer.bind(xs, ct)


_rows.def_abstract_eval(lambda xs, matrix, *, over: xs.update(shape=(*xs.shape[:-1], matrix.shape[1 - over])))
_outer.def_abstract_eval(lambda a, b: a.update(shape=(a.shape[-1], b.shape[-1])))
batching.primitive_batchers[_rows] = _rows_batched
batching.primitive_batchers[_outer] = _outer_batched
ad.defbilinear(_rows, lambda ct, xs, matrix, *, over: _rows.bind(ct, matrix, over=1 - over), _rows_of_matrix)
ad.defbilinear(_outer, lambda ct, a, b: _rows.bind(b, ct, over=1), lambda ct, a, b: _rows.bind(a, ct, over=0))
for _primitive, _product in ((_rows, _rows_product), (_outer, _outer_product)):
    _primitive.def_impl(jax.jit(_product, static_argnames=["over"] if _primitive is _rows else None))
    mlir.register_lowering(_primitive, mlir.lower_fun(_product, multiple_results=False))
