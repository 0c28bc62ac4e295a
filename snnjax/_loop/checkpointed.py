"""Backpropagation through time that recomputes chunks instead of remembering them."""

import math
from typing import Any

import equinox as eqx

from .._types import Trajectory
from ._base import AbstractLoop, RunChunk, num_steps
from ._chunks import in_chunks


def _near_root(total: int) -> int:
    """A number near the square root, if possible one that divides: a shorter last chunk costs a copy of the inputs."""
    root = math.ceil(math.sqrt(total))
    dividing = [size for size in range((root + 1) // 2, 2 * root + 1) if total % size == 0]
    return min(dividing, key=lambda size: size + total // size, default=root)


class CheckpointedBPTT(AbstractLoop):
    """The exact gradient in O(sqrt T) memory: keeps the state between chunks and recomputes the rest.

    The forward pass is run twice. Any number of steps will do: the last chunk may be shorter, which costs a copy of the
    inputs.

    **Arguments:**

    - `size`: steps per chunk; None takes a number near the square root of the steps, which is also the fastest.

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
        return in_chunks(run_chunk, state, xs, self.size or _near_root(num_steps(xs)), again=True)
