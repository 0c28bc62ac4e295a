"""The refractory period, as a wrapper around any spiking cell."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._cell import AbstractCell
from .._errors import InputError
from .._misc import cast, check_positive, resting, type_name
from .._parameter import Param, parameter
from .._types import Key


class RefractoryState(eqx.Module):
    """State of a `Refractory`: the state of the cell, and how long each neuron is still refractory."""

    state: PyTree
    remaining: Float[Array, "*shape"]


class Refractory(AbstractCell[RefractoryState]):
    """A spiking cell that is silent for a while after every spike.

    ```
    held = remaining > 0
    state, z = cell(state, x)         where not held; else the state stays, and z = 0
    remaining = period                where z > 0
              = remaining - dt        where held
    ```

    While a neuron is refractory its whole state stands still and its input is lost; the spike is truly blocked,
    whatever the membrane is. A synapse that must go on belongs in front of the wrapper, as a cell of its own.

    **Arguments:**

    - `cell`: an elementwise cell whose output are spikes of the shape of its input, such as `LIF()`.
    - `period`: how long a neuron stays silent, in the unit of `dt` (steps by default); `period / dt` steps, rounded up.
    - `dt`: length of a step.

    Raises a `ValueError` for a period that is not above 0, and an `InputError` for a cell whose state has not the shape
    of its input.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.Refractory(snn.IF(), period=2.0), 2.0 * jnp.ones(6))
    assert zs.tolist() == [1, 0, 0, 1, 0, 0]
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 1.3.
    """

    cell: AbstractCell
    period: Param = parameter(2.0)
    dt: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_positive(self, "period", "dt")

    def init_state(self, x: Any, *, key: Key = None) -> RefractoryState:
        state = self.cell.init_state(x, key=key)
        for leaf in jax.tree.leaves(state):
            if leaf.shape != x.shape:
                raise InputError(
                    f"Refractory was given {type_name(self.cell)}, whose state has an array of shape {leaf.shape} for "
                    f"an input of shape {x.shape}; it takes elementwise cells, with states of the shape of their "
                    f"input. Wrap the neuron alone, not the network around it."
                )
        return RefractoryState(state=state, remaining=resting(x))

    def __call__(
        self, state: RefractoryState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[RefractoryState, Float[Array, "*shape"]]:
        with jax.named_scope("snn.Refractory"):
            moved, z = self.cell(state.state, x, key=key)
            dtype = state.remaining.dtype
            dt = cast(self.dt, dtype)
            # Half a step of slack: a sum of rounded steps must not hold the neuron for one step more.
            held = state.remaining > dt / 2
            kept = jax.tree.map(lambda old, new: jnp.where(held, old, new), state.state, moved)
            z = jnp.where(held, jnp.zeros_like(z), z)
            waited = jnp.where(held, state.remaining - dt, jnp.zeros_like(state.remaining))
            remaining = jnp.where(z > 0, cast(self.period, dtype), waited)
            return RefractoryState(state=kept, remaining=remaining), z
