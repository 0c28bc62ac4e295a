"""The loop over chunks of steps, in each of which a network is run layer by layer."""

from collections.abc import Callable
from typing import Any

import jax

from .._primitive import placed
from .._types import Trajectory
from ._differentiable import differentiable
from ._tangent import Flat
from ._trace import Loop


def scan_chunks(run: Callable, state: Any, chunks: Trajectory, again: bool = False) -> tuple[Any, Trajectory]:
    """`jax.lax.scan(run, state, chunks)`, in which the batch of a `jax.vmap` stays behind the axis of time.

    A `scan` puts it first in every chunk, and copies all data for that. `again`: keep only the state between chunks,
    and run each again in the backward pass.
    """
    body = jax.checkpoint(run, prevent_cse=False) if again else run
    if placed(state, chunks):
        return jax.lax.scan(body, state, chunks)
    loop = Loop(run, state, jax.tree.map(lambda a: a[0], chunks))
    if loop.is_opaque:
        return jax.lax.scan(body, state, chunks)

    def step(constants: Flat, state: Flat, x: Flat, _: Flat) -> tuple[Flat, Flat, Flat]:
        return *loop.ends(loop.values(constants, state, x)), []

    leaves, xs = jax.tree.leaves(state), jax.tree.leaves(chunks)
    final, outs = differentiable(step, [], loop.invariants(), leaves, xs, lead=1, again=again)
    return jax.tree.unflatten(loop.outputs, [*final, *outs])
