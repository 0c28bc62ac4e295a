"""The sum of some rows of a table, for many lists of rows; its gradient touches those rows only."""

from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

from .placed import placed

_gather = jex.Primitive("snnjax_gather")
_scatter = jex.Primitive("snnjax_scatter")


def gather(indices: Int[Array, "... k"], table: Float[Array, "n m"]) -> Float[Array, "... m"]:
    """The sum of `table[i]` over the k indices; those outside of the table count as nothing."""
    if placed(indices, table):
        return _gathered(indices, table)
    return _gather.bind(indices, table)


def _inside(indices: Any, size: int) -> Any:
    """The indices, with `size` for each that is outside of the table."""
    return jnp.where((indices >= 0) & (indices < size), indices, size)


def _gathered(indices: Any, table: Any) -> Any:
    """All at once, for hardware that wants much to do."""
    rows = jnp.take(table, _inside(indices, table.shape[0]), axis=0, mode="fill", fill_value=0)
    return rows.sum(axis=-2)


def _gathered_in_turn(indices: Any, table: Any) -> Any:
    """One row after the other, so that nothing larger than the results of one step is ever made."""
    padded = jnp.concatenate([table, jnp.zeros((1, table.shape[1]), table.dtype)])

    def of_step(indices: Any) -> Any:
        def add(k: Any, total: Any) -> Any:
            row = jax.lax.dynamic_index_in_dim(indices, k, axis=-1, keepdims=False)
            return total + padded.at[row].get(mode="promise_in_bounds")

        begin = jnp.zeros((*indices.shape[:-1], table.shape[1]), table.dtype)
        return jax.lax.fori_loop(0, indices.shape[-1], add, begin)

    indices = _inside(indices, table.shape[0])
    return of_step(indices) if indices.ndim == 1 else jax.lax.map(of_step, indices)


def _scattered(indices: Any, values: Any, *, size: int) -> Any:
    """What each row of the table is given: the sum of the values of the lists that it is in."""
    flat = _inside(indices, size).reshape(-1, indices.shape[-1])
    values = values.reshape(-1, values.shape[-1])

    def add(k: Any, total: Any) -> Any:
        row = jax.lax.dynamic_index_in_dim(flat, k, axis=1, keepdims=False)
        return total.at[row].add(values, mode="promise_in_bounds")

    begin = jnp.zeros((size + 1, values.shape[1]), values.dtype)
    return jax.lax.fori_loop(0, flat.shape[1], add, begin)[:size]


def _gather_batched(args: tuple, dims: tuple) -> tuple:
    (indices, table), (d, of_table) = args, dims
    if of_table is not None:
        return jax.vmap(_gathered_in_turn, in_axes=dims)(indices, table), 0
    if d == indices.ndim - 1:
        indices, d = jnp.moveaxis(indices, d, 0), 0
    return _gather.bind(indices, table), d


def _scatter_batched(args: tuple, dims: tuple, *, size: int) -> tuple:
    return jax.vmap(lambda i, v: _scattered(i, v, size=size), in_axes=dims)(*args), 0


_gather.def_abstract_eval(lambda i, table: table.update(shape=(*i.shape[:-1], table.shape[1])))
_scatter.def_abstract_eval(lambda i, values, *, size: values.update(shape=(size, values.shape[-1])))
_gather.def_impl(jax.jit(_gathered_in_turn))
_scatter.def_impl(jax.jit(_scattered, static_argnames="size"))
mlir.register_lowering(_gather, mlir.lower_fun(_gathered, multiple_results=False))
mlir.register_lowering(_gather, mlir.lower_fun(_gathered_in_turn, multiple_results=False), platform="cpu")
mlir.register_lowering(_scatter, mlir.lower_fun(_scattered, multiple_results=False))
batching.primitive_batchers[_gather] = _gather_batched
batching.primitive_batchers[_scatter] = _scatter_batched
ad.defjvp(_gather, None, lambda d, i, table: _gather.bind(i, d))
ad.defjvp(_scatter, None, lambda d, i, values, *, size: _scatter.bind(i, d, size=size))
ad.primitive_transposes[_gather] = lambda ct, i, table: [None, _scatter.bind(i, ct, size=table.aval.shape[0])]
ad.primitive_transposes[_scatter] = lambda ct, i, values, *, size: [None, _gather.bind(i, ct)]
