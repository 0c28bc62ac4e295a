"""A cell that hears its own output of the step before."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._cell import AbstractCell, as_cell, step_output
from .._errors import InputError, inside
from .._misc import split_key
from .._types import Key, Out


class RecurrentState(eqx.Module):
    """State of a `Recurrent`: of the cell, of the feedback layer, and the output of the step before."""

    cell: PyTree
    feedback: PyTree
    out: Array


class Recurrent(AbstractCell[RecurrentState]):
    """Feeds a cell's output back to its input, one step later: `out = cell(x + feedback(out_before))`.

    The input projection belongs in front of it, outside the time loop:
    `Sequential(Linear(n_in, n), Recurrent(LIF(), Linear(n, n)))`.

    **Arguments:**

    - `cell`: a cell, usually a neuron.
    - `feedback`: a layer or cell from outputs to inputs, usually an `eqx.nn.Linear`.

    Raises an `InputError` if the feedback's output does not have the shape of the input.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    feedback = eqx.nn.Linear(4, 4, use_bias=False, key=k2)
    model = snn.Sequential(eqx.nn.Linear(8, 4, key=k1), snn.Recurrent(snn.LIF(), feedback))
    final, zs = snn.unroll(model, jax.random.normal(k3, (50, 8)))
    ```
    """

    cell: Any
    feedback: Any

    def __check_init__(self) -> None:
        self._parts()

    def _parts(self) -> tuple:
        return as_cell(self.cell), as_cell(self.feedback)

    def init_state(self, x: Any, *, key: Key = None) -> RecurrentState:
        cell, feedback = self._parts()
        k1, k2 = split_key(key, 2)
        with inside("cell"):
            cell_state = cell.init_state(x, key=k1)
            out = jax.tree.map(jnp.zeros_like, step_output(cell, cell_state, x))
        with inside("feedback"):
            return RecurrentState(cell_state, feedback.init_state(out, key=k2), out)

    def __call__(self, state: RecurrentState, x: Any, *, key: Key = None) -> tuple[RecurrentState, Out]:
        cell, feedback = self._parts()
        k1, k2 = split_key(key, 2)
        with inside("feedback"):
            feedback_state, back = feedback(state.feedback, state.out, key=k2)
        if jnp.shape(back) != jnp.shape(x):
            raise InputError(
                f"Recurrent was given a feedback that puts out {jnp.shape(back)} for an input of "
                f"{jnp.shape(x)}; it takes equal shapes. Put the input projection in front: "
                f"`Sequential(Linear(n_in, n), Recurrent(cell, Linear(n, n)))`."
            )
        with inside("cell"):
            cell_state, out = cell(state.cell, x + back, key=k1)
        return RecurrentState(cell_state, feedback_state, out), out
