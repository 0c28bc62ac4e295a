"""Backpropagation through time that is cut at fixed intervals."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from .._types import Trajectory
from ._base import AbstractLoop, RunChunk
from ._chunks import in_chunks


class TruncatedBPTT(AbstractLoop):
    """No gradient flows from one window of steps into the one before; outputs are unchanged.

    The windows begin at step 0, the last may be shorter. The first window still passes its gradient to the
    initial state, and the last window to the final state.

    **Arguments:**

    - `window`: steps per window.

    Raises a `ValueError` for a window below 1.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((1000, 3)), loop=snn.TruncatedBPTT(50))
    ```

    Source: R. J. Williams and J. Peng, An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories, 1990.
    """

    window: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.window < 1:
            raise ValueError(
                f"TruncatedBPTT.window was given {self.window}; it takes a number of steps of at least 1. "
                f"For the whole sequence use BPTT."
            )

    def __call__(self, run_chunk: RunChunk, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        def cut_before(state: Any, xs: Trajectory, start: Int[Array, ""] | int) -> Any:
            return run_chunk(_detach_unless_first(state, start), xs, start)

        return in_chunks(cut_before, state, xs, self.window)


def _detach_unless_first(state: Any, start: Int[Array, ""] | int) -> Any:
    if isinstance(start, int) and start == 0:
        return state
    dynamic, static = eqx.partition(state, eqx.is_inexact_array)
    first = jnp.asarray(start == 0)
    kept = jax.tree.map(
        lambda leaf: jax.lax.select(jnp.broadcast_to(first, leaf.shape), leaf, jax.lax.stop_gradient(leaf)),
        dynamic,
    )
    return eqx.combine(kept, static)
