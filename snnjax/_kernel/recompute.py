"""The loop that keeps the least of every step, and computes the rest again."""

import functools
from typing import Any

import jax

from .._primitive import fold, placed, unfold
from .._types import Trajectory
from ._base import AbstractKernel, Step
from ._cut import is_dear
from ._differentiable import differentiable
from ._tangent import Flat
from ._trace import Loop
from ._weights import add_tangent, products
from .chunks import scan_chunks
from .residuals import AbstractResiduals, ExactResiduals


class Recompute(AbstractKernel):
    """Keeps as few bytes of every step as the gradient can be computed from, and computes the rest again.

    For most neurons that is one array per step. What is the same in every step (a decay from a time constant) is
    computed once, outside of the loop. Weights that are used in every step get their gradient as one product over all
    steps, after the reverse loop; numbers that all neurons share get theirs summed up there. Steps with effects (such
    as callbacks), with a loop or branch of their own, or with a `jax.custom_vjp`, or inside of a `jax.shard_map` or on
    a mesh with explicit axes, are run as by `Autodiff`. A cell alone with many inputs (32 MiB), whose steps are cheap,
    keeps on a CPU only the state before every tenth step or so: its inputs are there anyhow, and to compute so few
    steps again takes less time than to store what they put out.

    **Arguments:**

    - `residuals`: how what is kept of a step is kept: `ExactResiduals()`, or in fewer bits, with an error.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=snn.Recompute())
    ```
    """

    residuals: AbstractResiduals = ExactResiduals()

    def __call__(self, step: Step, state: Any, xs: Trajectory, *, owned: bool = False) -> tuple[Any, Trajectory]:
        if placed(state, xs):
            return jax.lax.scan(step, state, xs)
        loop = Loop(step, state, jax.tree.map(lambda a: a[0], xs))
        if loop.is_opaque:
            return jax.lax.scan(step, state, xs)
        if not owned and type(self.residuals) is ExactResiduals and (size := _segment(loop, xs)):
            count = jax.tree.leaves(xs)[0].shape[0] // size
            segments = jax.tree.map(lambda a: fold(a, count, size), xs)
            final, outs = scan_chunks(lambda *args: self._steps(loop, *args), state, segments, again=True)
            return final, jax.tree.map(unfold, outs)
        return self._steps(loop, state, xs, owned)

    def _steps(self, loop: Loop, state: Any, xs: Trajectory, owned: bool = False) -> tuple[Any, Trajectory]:
        found = products(loop)

        def tapped(constants: Flat, state: Flat, x: Flat, taps: Flat) -> tuple[Flat, Flat, Flat]:
            pairs = zip(found, taps, strict=True)
            alter = {p.result: functools.partial(add_tangent, tap) for p, tap in pairs if tap is not None}
            values = loop.values(constants, state, x, alter)
            return *loop.ends(values), [values[p.factor] for p in found]

        args = loop.invariants(), jax.tree.leaves(state), jax.tree.leaves(xs)
        final, outs = differentiable(tapped, found, *args, owned=owned, residuals=self.residuals)
        return jax.tree.unflatten(loop.outputs, [*final, *outs])


# From this size on, memory is taken from the operating system anew in every call, which costs more than arithmetic.
_LARGE = 2**25


def _segment(loop: Loop, xs: Trajectory) -> int | None:
    """How many steps are best computed again, from the state before them; None for no steps at all."""
    total = jax.tree.leaves(xs)[0].shape[0]
    large = sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(xs)) >= _LARGE
    if jax.default_backend() != "cpu" or not large or any(is_dear(eqn) for eqn in loop.body):
        return None
    return next((size for size in (10, *range(11, 21), *range(9, 4, -1)) if total % size == 0 and total > size), None)
