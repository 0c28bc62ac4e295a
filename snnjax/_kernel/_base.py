"""What a kernel is: how the loop of one cell over the steps is run and differentiated."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import PyTree

from .._types import Trajectory

#: One step, in the order of a `lax.scan` body.
Step = Callable[[Any, Any], tuple[Any, PyTree]]


class AbstractKernel(eqx.Module):
    """A way to run the loop of one cell. All kernels compute the same numbers; they differ in time and memory."""

    @abc.abstractmethod
    def __call__(self, step: Step, state: Any, xs: Trajectory, *, owned: bool = False) -> tuple[Any, Trajectory]:
        """Run all steps.

        **Arguments:**

        - `step`: `step(state, x)` returns the next state and what is put out.
        - `state`: the state before the first step.
        - `xs`: the inputs (and keys), time on axis 0.
        - `owned`: whether the inputs were made for this loop, by the layer before, so that their memory can be used for
            something else; otherwise they are the user's, and there anyhow.

        **Returns:** the state after the last step, and what was put out, time on axis 0.
        """
