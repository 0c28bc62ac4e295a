"""What a loop is: how a sequence is cut into chunks, and what the backward pass does between them."""

import abc
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
from jaxtyping import Array, Int

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
