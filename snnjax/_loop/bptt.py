"""Backpropagation through time, with everything kept in memory."""

from typing import Any

from .._types import Trajectory
from ._base import AbstractLoop, RunChunk


class BPTT(AbstractLoop):
    """Backpropagation through the whole sequence; memory grows with the number of steps.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), loop=snn.BPTT())
    ```
    """

    def __call__(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        return run_chunk(state, xs, 0)
