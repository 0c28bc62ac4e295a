"""The loop that keeps the least of every step, and computes the rest again."""

import functools
from typing import Any

import jax

from .._primitive import varies
from .._types import Trajectory
from ._base import AbstractKernel, Step
from ._differentiable import differentiable
from ._tangent import Flat
from ._trace import Loop
from ._weights import add_tangent, products
from .residuals import AbstractResiduals, ExactResiduals


class Recompute(AbstractKernel):
    """Keeps as few bytes of every step as the gradient can be computed from, and computes the rest again.

    For most neurons that is one array per step. What is the same in every step (a decay from a time constant) is
    computed once, outside of the loop. Weights that are used in every step get their gradient as one product over all
    steps, after the reverse loop. Steps with effects (such as callbacks), with a loop or branch of their own, or with a
    `jax.custom_vjp`, or inside of a `jax.shard_map`, are run as by `Autodiff`.

    **Arguments:**

    - `residuals`: how what is kept of a step is kept: `ExactResiduals()`, or in fewer bits, with an error.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=snn.Recompute())
    ```
    """

    residuals: AbstractResiduals = ExactResiduals()

    def __call__(self, step: Step, state: Any, xs: Trajectory) -> tuple[Any, Trajectory]:
        if varies(state, xs):
            return jax.lax.scan(step, state, xs)
        loop = Loop(step, state, jax.tree.map(lambda a: a[0], xs))
        if loop.is_opaque:
            return jax.lax.scan(step, state, xs)
        found = products(loop)

        def tapped(constants: Flat, state: Flat, x: Flat, taps: Flat) -> tuple[Flat, Flat, Flat]:
            pairs = zip(found, taps, strict=True)
            alter = {p.result: functools.partial(add_tangent, tap) for p, tap in pairs if tap is not None}
            values = loop.values(constants, state, x, alter)
            return *loop.ends(values), [values[p.factor] for p in found]

        leaves, steps = jax.tree.leaves(state), jax.tree.leaves(xs)
        final, outs = differentiable(tapped, found, loop.invariants(), leaves, steps, residuals=self.residuals)
        return jax.tree.unflatten(loop.outputs, [*final, *outs])
