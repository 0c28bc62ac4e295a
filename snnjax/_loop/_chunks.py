"""Sequences cut into chunks of steps, which are run one after the other."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._kernel import scan_chunks
from .._primitive import fold, unfold
from .._types import Trajectory
from ._base import RunChunk, num_steps

_TILE = 100


def tile(total: int) -> int:
    """How many steps of a network are best run layer by layer before the next ones.

    Few enough that what passes between the layers stays in the cache, and needs little memory; so many that the
    products over them are still large. Lengths that divide the sequence are preferred: no rest has to be joined to it.
    """
    if total < 2 * _TILE:
        return total
    return next((size for size in sorted(range(64, 161), key=lambda s: abs(s - _TILE)) if total % size == 0), _TILE)


def _cut(xs: Trajectory, size: int, count: int) -> PyTree:
    """The first `count * size` steps as `count` chunks."""
    return jax.tree.map(lambda a: fold(a[: count * size], count, size), xs)


def in_chunks(
    run_chunk: RunChunk, state: Any, xs: Trajectory, size: int, again: bool = False
) -> tuple[Any, Trajectory]:
    """Run chunks of `size` steps one after the other in a loop, and then the shorter rest, if any.

    `again`: keep only the state before each chunk, and run each again in the backward pass.
    """
    total = num_steps(xs)
    alone = jax.checkpoint(run_chunk, static_argnums=2) if again else run_chunk
    if total <= size:
        return alone(state, xs, 0)
    count, rest = divmod(total, size)
    pieces = []
    if count == 1:
        state, ys = alone(state, jax.tree.map(lambda a: a[:size], xs), 0)
        pieces.append(ys)
    elif count > 1:

        def body(state: Any, chunk: Any) -> tuple[Any, Trajectory]:
            xs, start = chunk
            return run_chunk(state, xs, start)

        starts = jnp.arange(count) * size
        state, ys = scan_chunks(body, state, (_cut(xs, size, count), starts), again)
        pieces.append(jax.tree.map(unfold, ys))
    if rest:
        state, ys = alone(state, jax.tree.map(lambda a: a[-rest:], xs), count * size)
        pieces.append(ys)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
