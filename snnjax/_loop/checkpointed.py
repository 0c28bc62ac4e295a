"""Backpropagation through time that recomputes chunks instead of remembering them."""

import math
from typing import Any

import equinox as eqx

from .._types import Trajectory
from ._base import AbstractLoop, RunChunk, in_chunks, num_steps


class CheckpointedBPTT(AbstractLoop):
    """The exact gradient in O(sqrt T) memory: keeps the state between chunks and recomputes the rest.

    The forward pass is run twice. Any number of steps will do: the last chunk may be shorter.

    **Arguments:**

    - `size`: steps per chunk; None takes the square root of their number.

    Raises a `ValueError` for a size below 1.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((1000, 3)), loop=snn.CheckpointedBPTT())
    ```

    Source: T. Chen, B. Xu, C. Zhang and C. Guestrin, Training deep nets with sublinear memory cost, 2016.
    """

    size: int | None = eqx.field(default=None, static=True)

    def __check_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(
                f"CheckpointedBPTT.size was given {self.size}; it takes a number of steps of at least 1. "
                f"Leave it out for the square root of the sequence's length."
            )

    def __call__(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        size = self.size or math.ceil(math.sqrt(num_steps(xs)))
        return in_chunks(run_chunk, state, xs, size, again=True)
