"""The loop that keeps the state before each step, and recomputes the rest."""

from typing import Any

import jax

from .._types import Trajectory
from ._base import AbstractKernel, Step
from ._trace import Loop
from ._weights import products, scan


def _checkpointed(body: Any) -> Any:
    # Inside a loop there is nothing for common-subexpression elimination to undo. Products are dear: they are kept.
    return jax.checkpoint(body, prevent_cse=False, policy=jax.checkpoint_policies.dots_saveable)


class Recompute(AbstractKernel):
    """Keeps the state before every step, and recomputes what else the gradient needs: less memory, and less time.

    What is the same in every step (a decay from a time constant) is computed once, outside of the loop. Weights that
    are used in every step get their gradient as one product over all steps, after the reverse loop.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=snn.Recompute())
    ```
    """

    def __call__(self, step: Step, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        loop = Loop(step, state, jax.tree.map(lambda a: a[0], xs))
        leaves, steps = jax.tree.leaves(state), jax.tree.leaves(xs)
        invariants, found = loop.invariants(), products(loop)
        if found:
            final, outs = scan(loop, found, _checkpointed, invariants, leaves, steps)
        else:
            body = _checkpointed(lambda state, x: loop.step(invariants, state, x))
            final, outs = jax.lax.scan(body, leaves, steps)
        return jax.tree.unflatten(loop.outputs, [*final, *outs])
