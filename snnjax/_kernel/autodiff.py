"""The loop as JAX itself differentiates it."""

from typing import Any

import jax

from .._types import Trajectory
from ._base import AbstractKernel, Step


class Autodiff(AbstractKernel):
    """A plain `jax.lax.scan`: every intermediate value that the gradient needs is kept.

    For steps that `Recompute` cannot take, such as those with ordered callbacks, and to compare with.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=snn.Autodiff())
    ```
    """

    def __call__(self, step: Step, state: Any, xs: Trajectory, *, owned: bool = False) -> tuple[Any, Trajectory]:
        return jax.lax.scan(step, state, xs)
