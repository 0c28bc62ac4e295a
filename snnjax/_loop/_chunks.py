"""A scan over chunks of time that a batch passes through without being copied.

A chunk is a scan of its own, so that chunks are a scan in a scan. `jax.vmap` brings the batch to the front of what a
scan takes: of an array `(time, batch, *shape)` it would make `(chunk, batch, step, *shape)` for the outer scan, which
is a transposed copy of all inputs, and as much again for the outputs and for their gradients. On long sequences, which
chunks are there for, these copies are larger than all that the chunks save.

So the outer scan is an operation of its own, which `jax.vmap` passes on to the chunk, with the batch behind time. As
soon as it is differentiated it is an ordinary scan.
"""

from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir

from .._types import Trajectory
from ._base import RunChunk, num_steps

_chunks = jex.Primitive("snnjax_chunks")
_chunks.multiple_results = True


def in_chunks(run_chunk: RunChunk, state: Any, xs: Trajectory, size: int) -> tuple[Any, Trajectory]:
    """Run chunks of `size` steps one after the other in a scan, and then the shorter rest, if any."""
    total = num_steps(xs)
    if total <= size:
        return run_chunk(state, xs, 0)
    count, rest = divmod(total, size)
    pieces = []
    if count == 1:
        state, ys = run_chunk(state, jax.tree.map(lambda a: a[:size], xs), 0)
        pieces.append(ys)
    elif count > 1:
        whole = jax.tree.map(lambda a: a[: count * size], xs) if rest else xs
        state, ys = _scan_chunks(run_chunk, state, whole, size)
        pieces.append(ys)
    if rest:
        state, ys = run_chunk(state, jax.tree.map(lambda a: a[-rest:], xs), count * size)
        pieces.append(ys)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)


def _scan_chunks(run_chunk: RunChunk, state: Any, xs: Trajectory, size: int) -> tuple[Any, Trajectory]:
    """The same where `size` divides the number of steps."""
    leaves, structure = jax.tree.flatten((state, xs))
    num_state = len(jax.tree.leaves(state))
    outputs: Any = None

    def flat(start: Any, *leaves: Any) -> list:
        nonlocal outputs
        state, xs = jax.tree.unflatten(structure, leaves)
        out, outputs = jax.tree.flatten(run_chunk(state, xs, start))
        return out

    first = [*leaves[:num_state], *(leaf[:size] for leaf in leaves[num_state:])]
    chunk = jax.make_jaxpr(flat)(jnp.zeros((), int), *first)
    outs = _bind(chunk, chunk.consts, leaves, num_state, size)
    return jax.tree.unflatten(outputs, outs)


def _bind(chunk: Any, consts: list, leaves: list, num_state: int, size: int) -> list:
    return _chunks.bind(*consts, *leaves, chunk=chunk.jaxpr, num_consts=len(consts), num_state=num_state, size=size)


def _scan(*args: Any, chunk: Any, num_consts: int, num_state: int, size: int) -> list:
    consts, state, xs = args[:num_consts], args[num_consts:][:num_state], args[num_consts + num_state :]
    run = jex.jaxpr_as_fun(jex.ClosedJaxpr(chunk, consts))
    count = num_steps(xs) // size

    def body(state: list, x: tuple) -> tuple[list, list]:
        outs = run(x[0], *state, *x[1])
        return outs[:num_state], outs[num_state:]

    cut = [a.reshape(count, size, *a.shape[1:]) for a in xs]
    state, ys = jax.lax.scan(body, list(state), (jnp.arange(count) * size, cut))
    return [*state, *(a.reshape(count * size, *a.shape[2:]) for a in ys)]


def _shapes(*args: Any, chunk: Any, num_consts: int, num_state: int, size: int) -> list:
    del size
    steps = args[num_consts + num_state].shape[0]
    outs = [v.aval for v in chunk.outvars]
    return outs[:num_state] + [a.update(shape=(steps, *a.shape[1:])) for a in outs[num_state:]]


def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[list, list]:
    moves = [not isinstance(t, ad.Zero) for t in tangents]

    def scan(*moving: Any) -> list:
        rest = iter(moving)
        return _scan(*(next(rest) if m else p for p, m in zip(primals, moves, strict=True)), **params)

    moving = [p for p, m in zip(primals, moves, strict=True) if m]
    outs, d_outs = jax.jvp(scan, moving, [t for t in tangents if not isinstance(t, ad.Zero)])
    # Integers and keys have no tangents.
    for i, (out, d_out) in enumerate(zip(outs, d_outs, strict=True)):
        if d_out.dtype == jax.dtypes.float0:
            d_outs[i] = ad.Zero.from_primal_value(out)  # pyright: ignore[reportAttributeAccessIssue]
    return outs, d_outs


def _vmap(axis: Any, args: Any, dims: Any, *, chunk: Any, num_consts: int, num_state: int, size: int) -> tuple:
    consts, xs = list(args[:num_consts]), args[num_consts + num_state :]
    const_axes, state_axes, x_axes = dims[:num_consts], dims[num_consts:][:num_state], dims[num_consts + num_state :]
    state = [
        jnp.broadcast_to(a, (axis.size, *a.shape)) if d is None else jnp.moveaxis(a, d, 0)
        for a, d in zip(args[num_consts:][:num_state], state_axes, strict=True)
    ]
    xs = [a if d is None else jnp.moveaxis(a, d, 1) for a, d in zip(xs, x_axes, strict=True)]
    in_axes = (None, *const_axes, *(0 for _ in state), *(None if d is None else 1 for d in x_axes))
    out_axes = [0] * num_state + [1] * (len(chunk.outvars) - num_state)

    def flat(start: Any, *args: Any) -> list:
        return jex.jaxpr_as_fun(jex.ClosedJaxpr(chunk, args[:num_consts]))(start, *args[num_consts:])

    mapped = jax.vmap(flat, in_axes, out_axes, axis_name=axis.name, axis_size=axis.size, spmd_axis_name=axis.spmd_name)
    first = [a[:size] for a in xs]
    batched = jax.make_jaxpr(lambda start, *args: mapped(start, *consts, *args))(jnp.zeros((), int), *state, *first)
    return _bind(batched, batched.consts, [*state, *xs], num_state, size), out_axes


_chunks.def_impl(_scan)
_chunks.def_abstract_eval(_shapes)
ad.primitive_jvps[_chunks] = _jvp
batching.fancy_primitive_batchers[_chunks] = _vmap
mlir.register_lowering(_chunks, mlir.lower_fun(_scan, multiple_results=True))
