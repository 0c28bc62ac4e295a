"""Backpropagation through time within a given memory."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .._errors import InputError
from .._types import Trajectory
from ._base import AbstractLoop, RunChunk, num_steps
from .bptt import BPTT
from .checkpointed import CheckpointedBPTT


def _bytes(tree: Any) -> int:
    return sum(a.size * jnp.dtype(a.dtype).itemsize for a in jax.tree.leaves(tree) if eqx.is_array_like(a))


class Budget(AbstractLoop):
    """The exact gradient, with chunks as long as a given memory allows: `BPTT` if it fits, else `CheckpointedBPTT`.

    What the backward pass keeps is found by tracing it: all that the forward pass of a chunk hands over to its backward
    pass, and the state before each chunk. Inputs and outputs, which every loop has, are not counted.

    **Arguments:**

    - `bytes`: the memory for what is kept between the forward and the backward pass.
    - `batch`: examples that share it, if `unroll` is under a `jax.vmap`, which it cannot see from inside.

    Raises an `InputError` if even the best chunks do not fit; the message says how much they need.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((1000, 3)), loop=snn.Budget(100_000))
    ```
    """

    bytes: int = eqx.field(static=True)
    batch: int = eqx.field(default=1, static=True)

    def __check_init__(self) -> None:
        if self.bytes < 1 or self.batch < 1:
            raise ValueError(
                f"Budget was given bytes={self.bytes} and batch={self.batch}; it takes a number of bytes, and of "
                f"examples, of at least 1. `snn.memory(model, xs)` says what each loop needs."
            )

    def __call__(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        return self.choose(run_chunk, state, xs)(run_chunk, state, xs)

    def choose(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> AbstractLoop:
        """The loop that is used for this sequence."""
        total = num_steps(xs)
        kept = [self.batch * _kept(run_chunk, state, xs, size) for size in (1, 2)]
        per_step = max(kept[1] - kept[0], 0)
        fixed = max(kept[0] - per_step, 0)
        if fixed + total * per_step <= self.bytes:
            return BPTT()
        per_chunk = self.batch * _bytes(state)

        def needed(size: int) -> int:
            return -(-total // size) * per_chunk + fixed + size * per_step

        best = min(range(1, total + 1), key=needed)
        if needed(best) > self.bytes:
            raise InputError(
                f"Budget was given {self.bytes} bytes for {total} steps of {self.batch} examples; it takes at least "
                f"{needed(best)} for this model. Give more, or cut the gradient by TruncatedBPTT."
            )
        return CheckpointedBPTT(max(size for size in range(best, total + 1) if needed(size) <= self.bytes))


def _kept(run_chunk: RunChunk, state: Any, xs: Trajectory, size: int) -> int:
    """Bytes that the backward pass of a chunk takes over from its forward pass, but for inputs."""

    def residuals(state: Any, xs: Trajectory) -> Any:
        moving, still = eqx.partition((state, xs), eqx.is_inexact_array)

        def of(moving: Any) -> Any:
            return run_chunk(*eqx.combine(moving, still), 0)

        return jax.vjp(of, moving)[1]

    chunk = jax.tree.map(lambda a: a[:size], xs)
    return _bytes(jax.eval_shape(residuals, state, chunk))
