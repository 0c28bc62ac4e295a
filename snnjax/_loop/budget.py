"""Backpropagation through time within a given memory."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.extend.core as jex

from .._errors import InputError
from .._types import Trajectory
from ._base import AbstractLoop, RunChunk, num_steps
from ._memory import backward_bytes
from .bptt import BPTT
from .checkpointed import CheckpointedBPTT


class Budget(AbstractLoop):
    """The exact gradient within a given memory: `BPTT` if it fits, else `CheckpointedBPTT` in chunks that do.

    The compiler is asked: the forward and backward pass of the model is compiled for each loop in turn, and the first
    that fits is taken. This happens whenever `unroll` is traced, and makes compiling two or three times as long.
    Inputs, outputs, parameters and their gradients, which every loop has, are not counted; neither is what a loss, or
    layers outside of `unroll`, need.

    **Arguments:**

    - `bytes`: the temporary memory of a forward and backward pass.
    - `batch`: the examples that share it, if `unroll` is under a `jax.vmap`, which it cannot see from inside.

    Raises an `InputError` if no loop fits; the message says how much the best of them needs. Also where the model
    cannot be compiled on its own, as inside of a `jax.shard_map`.

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
        # Longer chunks than the square root of the steps take more memory and are no faster; half as long ones may take
        # less, since a step of a chunk takes more memory than a state between chunks.
        half = max(math.isqrt(num_steps(xs)) // 2, 1)
        needed = []
        for loop in (BPTT(), CheckpointedBPTT(), CheckpointedBPTT(half)):
            needed.append(self._needed(loop, run_chunk, state, xs))
            if needed[-1] <= self.bytes:
                return loop
        raise InputError(
            f"Budget was given {self.bytes} bytes for {num_steps(xs)} steps of {self.batch} examples; this model takes "
            f"at least {min(needed)}, by CheckpointedBPTT, and {needed[0]} by BPTT. Give more, make the batch smaller, "
            f"or cut the sequence into several calls of `unroll` that pass the state on."
        )

    def _needed(self, loop: AbstractLoop, run_chunk: RunChunk, state: Any, xs: Trajectory) -> int:
        # What `run_chunk` closes over, the parameters, must be arguments for a program of its own.
        closed = jax.make_jaxpr(lambda state, xs: loop(run_chunk, state, xs))(state, xs)
        num_state = len(jax.tree.leaves(state))

        def run(params: tuple, xs: list) -> tuple:
            consts, state = params
            outs = jex.jaxpr_as_fun(jex.ClosedJaxpr(closed.jaxpr, consts))(*state, *xs)
            return outs[:num_state], outs[num_state:]

        params, leaves = (closed.consts, jax.tree.leaves(state)), jax.tree.leaves(xs)
        if self.batch > 1:
            leaves = [jax.ShapeDtypeStruct((a.shape[0], self.batch, *a.shape[1:]), a.dtype) for a in leaves]
        many = run if self.batch == 1 else jax.vmap(run, in_axes=(None, 1), out_axes=(0, 1))
        try:
            return backward_bytes(many, params, leaves)
        except (ValueError, AssertionError, NameError) as error:  # the latter two: JAX's, for means over a named axis
            raise InputError(
                f"Budget could not compile this model on its own: {error}\nIt takes models without parts that are only "
                f"known where they are used. Inside of a `jax.shard_map` choose the loop with the help of `snn.memory` "
                f"yourself, and for norms whose means are over a batch."
            ) from error
