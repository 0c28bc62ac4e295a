"""What a loop is: how a sequence is cut into chunks, and what the backward pass does between them."""

import abc
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from .._types import Trajectory


@runtime_checkable
class RunChunk(Protocol):
    """Runs the model over consecutive steps; `start` is the index of the first of them."""

    def __call__(self, state: Any, xs: Trajectory, start: Int[Array, ""] | int, /) -> tuple[Any, Trajectory]: ...


class AbstractLoop(eqx.Module):
    """A way through time. All loops compute the same outputs; they differ in the backward pass."""

    @abc.abstractmethod
    def __call__(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        """Run the whole sequence.

        **Arguments:**

        - `run_chunk`: runs consecutive steps.
        - `state`: the state before the first step.
        - `xs`: the inputs (and keys), time on axis 0.

        **Returns:** the state after the last step, and the outputs, time on axis 0.
        """


def num_steps(xs: Trajectory) -> int:
    """The length of axis 0."""
    return jax.tree.leaves(xs)[0].shape[0]


def _cut(xs: Trajectory, size: int, count: int) -> PyTree:
    """The first `count * size` steps as `count` chunks."""
    return jax.tree.map(lambda a: a[: count * size].reshape(count, size, *a.shape[1:]), xs)


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

        def body(state: Any, chunk: Any) -> tuple[Any, Trajectory]:
            xs, start = chunk
            return run_chunk(state, xs, start)

        starts = jnp.arange(count) * size
        state, ys = jax.lax.scan(body, state, (_cut(xs, size, count), starts))
        pieces.append(jax.tree.map(lambda a: a.reshape(count * size, *a.shape[2:]), ys))
    if rest:
        state, ys = run_chunk(state, jax.tree.map(lambda a: a[-rest:], xs), count * size)
        pieces.append(ys)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
