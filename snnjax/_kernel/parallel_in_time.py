"""All steps of a linear loop at once."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from .._errors import InputError
from .._types import Trajectory
from ._base import AbstractKernel, Step
from ._elementwise import squeezed
from ._trace import Loop, leading_to

# Operations that are linear in what depends on the state, if only one of the others' arguments does.
_SUMS = {"add", "sub", "neg", "add_any", "copy", "convert_element_type", "broadcast_in_dim", "reshape", "squeeze"}
_SCALED = {"mul": (0, 1), "div": (0,), "select_n": (1, 2)}


class NotLinear(InputError):
    """A step that `ParallelInTime` cannot take: its next state is not a linear function of the state.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    try:
        snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=snn.ParallelInTime())
    except snn.NotLinear as error:
        print(error)  # a spike resets the membrane
    ```
    """


class ParallelInTime(AbstractKernel):
    """All steps at once, for cells whose state is linear in itself: readouts, synapses, filters, no cell with a reset.

    With `s[t+1] = A[t] s[t] + b[t]`, where `A` is a small matrix per neuron, all states follow from an associative
    scan: `log2(T)` operations on whole arrays in place of `T` on single steps. `A` and `b` are found from the cell's
    own step, and the outputs are computed from the states, for all steps at once. Equal to the other kernels up to
    rounding.

    It does more arithmetic and takes more memory than a loop. On a CPU the loop is faster; on other devices it has not
    been timed by us (`benchmarks/parallel_in_time.py`), so that it is never chosen by itself.

    **Arguments:**

    - `otherwise`: the kernel of the cells that are not linear; None raises an error for them.

    Raises `NotLinear` (a `ValueError`), with the name of the operation, where the next state is not linear in the
    state, or reads other neurons.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, vs = snn.unroll(snn.LI(tau=5.0), jnp.ones((10, 3)), kernel=snn.ParallelInTime())
    ```

    Source: G. E. Blelloch, Prefix sums and their applications, 1990, section 1.4.
    """

    otherwise: AbstractKernel | None = None

    def __call__(self, step: Step, state: Any, xs: Trajectory, *, owned: bool = False) -> tuple[Any, Trajectory]:
        loop = Loop(step, state, jax.tree.map(lambda a: a[0], xs))
        if (obstacle := _obstacle(loop)) is not None:
            if self.otherwise is None:
                raise NotLinear(
                    f"ParallelInTime was given a step whose next state is not linear in the state ({obstacle}). It "
                    f"takes cells without a reset, such as readouts, synapses and filters, whose neurons do not read "
                    f"each other. Use `kernel=snn.Recompute()`, or `snn.ParallelInTime(otherwise=snn.Recompute())`."
                )
            return self.otherwise(step, state, xs, owned=owned)
        leaves, structure = jax.tree.flatten(state)
        if not leaves:
            return state, jax.vmap(lambda x: step(state, x)[1])(xs)

        def following(leaves: list, x: Any) -> list:
            return jax.tree.leaves(step(jax.tree.unflatten(structure, leaves), x)[0])

        zeros = [jnp.zeros_like(s) for s in leaves]

        def slopes(x: Any) -> list:
            """The matrix, as its columns: how every leaf of the next state changes with one of the state."""
            one = [
                [jnp.ones_like(s) if i == j else z for j, (s, z) in enumerate(zip(leaves, zeros, strict=True))]
                for i in range(len(leaves))
            ]
            return [jax.jvp(lambda s: following(s, x), (zeros,), (direction,))[1] for direction in one]

        columns = jax.vmap(slopes)(xs)
        shifts = jax.vmap(lambda x: following(zeros, x))(xs)
        _, shift = jax.lax.associative_scan(_compose, (columns, shifts))
        product = jax.lax.associative_scan(_multiply, columns)
        after = [a + b for a, b in zip(_apply(product, [s[None] for s in leaves]), shift, strict=True)]
        before = [jnp.concatenate([s[None], a[:-1]]) for s, a in zip(leaves, after, strict=True)]
        outs = jax.vmap(lambda s, x: step(jax.tree.unflatten(structure, s), x)[1])(before, xs)
        return jax.tree.unflatten(structure, [a[-1] for a in after]), outs


def _apply(columns: list, vector: list) -> list:
    """A matrix times a vector, neuron by neuron."""
    terms = [[a * v for a in column] for column, v in zip(columns, vector, strict=True)]
    return [functools.reduce(jnp.add, row) for row in zip(*terms, strict=True)]


def _multiply(first: list, second: list) -> list:
    return [_apply(second, column) for column in first]


def _compose(first: tuple, second: tuple) -> tuple:
    """`first`, and then `second`."""
    (a, b), (c, d) = first, second
    return _multiply(a, c), [x + y for x, y in zip(_apply(c, b), d, strict=True)]


def _obstacle(loop: Loop) -> str | None:
    """The first operation on the way from the state to the next state that is not linear, neuron by neuron."""
    before, after = loop.jaxpr.invars[: loop.state_size], loop.jaxpr.outvars[: loop.state_size]
    if any(not jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in before):
        return "it has whole numbers"
    moving = set(before)
    shape = {squeezed(v.aval.shape) for v in before}
    if len(shape) > 1:
        return "its parts differ in shape"
    for eqn in leading_to(after, loop.body)[0]:
        places = [i for i, v in enumerate(eqn.invars) if not hasattr(v, "val") and v in moving]
        if not places:
            continue
        moving.update(eqn.outvars)
        name = eqn.primitive.name
        linear = name in _SUMS or (name in _SCALED and _fits(name, places))
        alike = all(squeezed(v.aval.shape) in shape | {()} for v in eqn.outvars)
        if not linear or not alike or any(not jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in eqn.outvars):
            return f"`{name}`"
    return None


def _fits(name: str, places: list[int]) -> bool:
    several = name == "select_n"
    return all(i in _SCALED[name] for i in places) and (several or len(places) == 1)
