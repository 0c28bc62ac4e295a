"""The product of many rows with a matrix, whose gradient is one product of two matrices.

With rows of shape (time, batch, n), JAX's own gradient for the matrix sums over two axes at once, for which XLA on a
CPU first copies one of the operands in another order. Here the axes in front are one. And the gradient for the matrix
is taken before that for the rows, so that the rows are not in memory together with their gradient.
"""

import functools
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from .order import after
from .placed import placed

_rows = jex.Primitive("snnjax_rows")
_outer = jex.Primitive("snnjax_outer")
_tangent = jex.Primitive("snnjax_rows_tangent")


def rows(xs: Float[Array, "... n"], matrix: Float[Array, "a b"], over: int) -> Float[Array, "... m"]:
    """Every row of `xs` times the matrix, summed over the matrix' axis `over`; all of one dtype."""
    if placed(xs, matrix):
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


def _sum(xs: Any, matrix: Any, d_xs: Any, d_matrix: Any, *, over: int) -> Any:
    return _rows.bind(xs, d_matrix, over=over) + _rows.bind(d_xs, matrix, over=over)


def _rows_jvp(primals: Any, tangents: Any, *, over: int) -> tuple:
    (xs, matrix), (d_xs, d_matrix) = primals, tangents
    out = _rows.bind(xs, matrix, over=over)
    if type(d_matrix) is ad.Zero:
        return out, _rows.bind(d_xs, matrix, over=over)
    if type(d_xs) is ad.Zero:
        return out, _rows.bind(xs, d_matrix, over=over)
    return out, _tangent.bind(xs, matrix, d_xs, d_matrix, over=over)


def _rows_transposed(ct: Any, xs: Any, matrix: Any, *, over: int) -> list:
    if ad.is_undefined_primal(xs):
        return [_rows.bind(ct, matrix, over=1 - over), None]
    return [None, _matrix_of(ct, xs, over)]


def _matrix_of(ct: Any, xs: Any, over: int) -> Any:
    return _outer.bind(ct, xs) if over == 1 else _outer.bind(xs, ct)


def _tangent_jvp(primals: Any, tangents: Any, *, over: int) -> tuple:
    given = tuple(ad.instantiate_zeros(t) for t in tangents)
    return jax.jvp(functools.partial(_sum, over=over), tuple(primals), given)


def _tangent_transposed(ct: Any, xs: Any, matrix: Any, d_xs: Any, d_matrix: Any, *, over: int) -> list:
    of_matrix = _matrix_of(ct, xs, over) if ad.is_undefined_primal(d_matrix) else None
    if not ad.is_undefined_primal(d_xs):
        return [None, None, None, of_matrix]
    matrix = matrix if of_matrix is None else after(matrix, of_matrix)
    return [None, None, _rows.bind(ct, matrix, over=1 - over), of_matrix]


def _tangent_batched(args: tuple, dims: tuple, *, over: int) -> tuple:
    xs, matrix, d_xs, d_matrix = args
    d, of_matrix, d_d, of_d_matrix = dims
    if of_matrix is None and of_d_matrix is None and d == d_d != xs.ndim - 1:
        return _tangent.bind(xs, matrix, d_xs, d_matrix, over=over), d
    return jax.vmap(functools.partial(_sum, over=over), in_axes=dims)(*args), 0


def _rows_shape(xs: Any, matrix: Any, *_: Any, over: int) -> Any:
    return xs.update(shape=(*xs.shape[:-1], matrix.shape[1 - over]))


_rows.def_abstract_eval(_rows_shape)
_tangent.def_abstract_eval(_rows_shape)
_outer.def_abstract_eval(lambda a, b: a.update(shape=(a.shape[-1], b.shape[-1])))
batching.primitive_batchers[_rows] = _rows_batched
batching.primitive_batchers[_tangent] = _tangent_batched
batching.primitive_batchers[_outer] = _outer_batched
ad.primitive_jvps[_rows] = _rows_jvp
ad.primitive_jvps[_tangent] = _tangent_jvp
ad.primitive_transposes[_rows] = _rows_transposed
ad.primitive_transposes[_tangent] = _tangent_transposed
ad.defbilinear(_outer, lambda ct, a, b: _rows.bind(b, ct, over=1), lambda ct, a, b: _rows.bind(a, ct, over=0))
for _primitive, _product in ((_rows, _rows_product), (_tangent, _sum), (_outer, _outer_product)):
    _primitive.def_impl(jax.jit(_product, static_argnames=None if _primitive is _outer else ["over"]))
    mlir.register_lowering(_primitive, mlir.lower_fun(_product, multiple_results=False))
