"""The loop of an elementwise cell as one kernel for GPUs."""

import importlib
from typing import Any

import equinox as eqx
import jax

from .._errors import InputError
from .._types import Trajectory
from ._base import AbstractKernel, Step
from ._elementwise import NotElementwise, prepared
from ._lane_loop import run
from ._lane_step import LaneStep
from ._trace import Loop

_BACKENDS = ("mosaic", "triton")


class Fused(AbstractKernel):
    """All steps of an elementwise cell in ONE kernel, forward and in reverse, made from the cell's own step. For GPUs.

    An ordinary loop launches several kernels per step and sends the state through memory between them. Here every
    neuron of every example is a lane, the kernel takes a tile of lanes through all steps with their state in registers,
    and the backward pass does the same in reverse: it reads the state at the start of every segment of `segment` steps,
    computes the segment once more, and goes back through it. The results are those of the other kernels, up to
    rounding.

    Any cell whose neurons do not look at each other can be run so, the user's own included. What is the same in
    every step (a decay from a time constant) is computed outside, by JAX. Under `jax.vmap` examples become lanes too.

    Not supported: forward mode (`jax.jvp`, `jax.linearize`) and derivatives of derivatives, for which JAX raises an
    error of its own; use `Recompute`. XLA cannot part a kernel between devices: call `unroll` inside of
    `jax.shard_map` over the batch, where every device runs the kernel on its own examples.

    **Arguments:**

    - `segment`: steps between two saved states, at most: those of more than a hundred operations come in shorter
        segments, which fit into registers. Longer ones save memory, but need registers and time to compile.
    - `tile`: lanes per program of the grid: a power of two; with `backend="mosaic"` a multiple of 128.
    - `backend`: `"mosaic"` (Mosaic GPU, Hopper or newer, JAX 0.10 or newer), or `"triton"`, which JAX 0.12
        deprecates.
    - `interpret`: run the kernel by JAX's interpreter on any device, slowly, for tests.
    - `otherwise`: the kernel of the cells that are not elementwise; None raises an error for them.

    Raises `NotElementwise` (a `ValueError`), with the name of the operation, for a step that reads other neurons, draws
    random numbers, or uses what the backend cannot compile.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    kernel = snn.Fused(backend="triton", interpret=True)       # without a GPU
    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=kernel)
    ```
    """

    segment: int = eqx.field(default=8, static=True)
    tile: int = eqx.field(default=128, static=True)
    backend: str = eqx.field(default="mosaic", static=True)
    interpret: bool = eqx.field(default=False, static=True)
    otherwise: AbstractKernel | None = None

    def __check_init__(self) -> None:
        if self.backend not in _BACKENDS:
            raise InputError(
                f"Fused.backend was given {self.backend!r}; it takes one of {', '.join(map(repr, _BACKENDS))}. "
                f"For other devices than GPUs use `snn.Recompute()`."
            )
        smallest = 128 if self.backend == "mosaic" else 1
        if self.tile < smallest or self.tile & (self.tile - 1):
            raise InputError(
                f"Fused.tile was given {self.tile}; it takes a power of two of at least {smallest} with "
                f"backend={self.backend!r}. 128 suits most GPUs."
            )
        if self.segment < 1:
            raise InputError(
                f"Fused.segment was given {self.segment}; it takes a number of steps of at least 1. 8 suits most cells."
            )

    def __call__(self, step: Step, state: Any, xs: Trajectory, *, owned: bool = False) -> tuple[Any, Trajectory]:
        # Not imported by `import snnjax`: Pallas takes a second.
        backend = importlib.import_module(f"._{self.backend}", __package__)
        loop = Loop(step, state, jax.tree.map(lambda a: a[0], xs), prepared, grown=True)
        try:
            lanes = LaneStep(loop, backend)
            if self.otherwise is not None:
                lanes.pull(*lanes.inexact)  # a step can be elementwise whose derivative is not
        except NotElementwise:
            if self.otherwise is None:
                raise
            return self.otherwise(step, state, xs, owned=owned)
        leaves, steps = jax.tree.leaves(state), jax.tree.leaves(xs)
        entered = lanes.enter(loop.invariants(), leaves, steps)

        def launch(*args: Any) -> list:
            return backend.launch(*args, tile=self.tile, interpret=self.interpret)

        final, outs = run(lanes, launch, self.tile, lanes.segment(self.segment), steps[0].shape[0], *entered)
        return jax.tree.unflatten(loop.outputs, lanes.leave(final, outs))
