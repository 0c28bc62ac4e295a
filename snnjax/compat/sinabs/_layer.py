"""What all layers share: arrays with axes (batch, time, ...), and recordings."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PyTree

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._misc import type_name
from ..._types import Key
from ..._unroll import unroll


class Result(NamedTuple):
    """What a layer makes of a batch of sequences.

    - `outputs`: spikes, in the layout of the input.
    - `state`: after the last step, with the batch on axis 0; begin the next piece with it.
    - `recordings`: with `record_states`, the states after each step, (batch, time, ...), by their names in sinabs.
    """

    outputs: Array
    state: PyTree
    recordings: dict[str, Array]

    @property
    def firing_rate(self) -> Array:
        """Spikes per neuron and step."""
        return jnp.mean(self.outputs)


class StatefulLayer(AbstractCell[Any]):
    """A cell of snnjax that also takes arrays with axes (batch, time, ...).

    A subclass gives `cell`, the cell of snnjax that it is, and `leaves`, which finds the arrays in a state.
    """

    shape: eqx.AbstractVar[tuple[int, ...] | None]
    record_states: eqx.AbstractVar[bool]

    @property
    @abc.abstractmethod
    def cell(self) -> AbstractCell:
        """The cell of snnjax that this layer is."""

    @abc.abstractmethod
    def leaves(self, state: PyTree) -> dict[str, Any]:
        """The arrays in a state, by their names in sinabs."""

    def derived(self, named: dict[str, Any]) -> dict[str, Any]:
        """What is recorded besides the arrays in a state, made from them."""
        del named
        return {}

    def recorded(self, state: PyTree) -> dict[str, Any]:
        """What `record_states` records of a state, by its names in sinabs; for `snn.unroll(layer, xs, record=...)`."""
        named = self.leaves(state)
        return {**named, **self.derived(named)}

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        return self.cell.init_state(x, key=key)

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        return self.cell(state, x, key=key)

    def _record(self, state: PyTree, out: Any) -> tuple[Any, dict[str, Any]]:
        return out, self.recorded(state) if self.record_states else {}

    def run(self, input_data: Float[Array, "..."], state: PyTree = None, *, key: Key = None) -> Result:
        """A batch of sequences.

        **Arguments:**

        - `input_data`: of shape (batch, time, ...).
        - `state`: the state to begin with, from an earlier run or `reset_states`; None to begin at rest.
        - `key`: a PRNG key, for what is random in `rec_connect`.

        **Returns:** outputs, state and recordings, see `Result`.

        Raises an `InputError` for other layouts, and for a state of another batch size.
        """
        data = jnp.asarray(input_data)
        if data.ndim < 2:
            raise InputError(
                f"{type_name(self)} was given data of shape {data.shape}; it takes (batch, time, ...). For one example "
                f"use `data[None]`."
            )
        sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(state)}
        if sizes - {data.shape[:1]}:
            raise InputError(
                f"{type_name(self)} was given a state for a batch of {sorted(sizes)} and data for {data.shape[0]} "
                f"examples; it takes as many of both. Leave the state out, or use `reset_states`."
            )
        keys = None if key is None else jr.split(key, data.shape[0])

        def one(xs: Any, state: Any, key: Any) -> Any:
            return unroll(self, xs, state, key=key, record=self._record)

        final, (outputs, recordings) = jax.vmap(one)(data, state, keys)
        return Result(outputs, final, recordings)

    def forward(self, input_data: Float[Array, "..."], state: PyTree = None) -> Array:
        """The outputs of `run`, and nothing else."""
        return self.run(input_data, state).outputs

    def reset_states(
        self,
        randomize: bool = False,
        value_ranges: dict[str, tuple[float, float]] | None = None,
        *,
        shape: tuple[int, ...] | None = None,
        key: Key = None,
    ) -> PyTree:
        """A state for `run`, at rest or random.

        **Arguments:**

        - `randomize`: draw every element from a uniform distribution.
        - `value_ranges`: where from, by the name of the state, such as `{"v_mem": (-1.0, 1.0)}`; others from 0 to 1.
        - `shape`: (batch, ...); None for the `shape` of the layer.
        - `key`: a PRNG key, to draw with.

        Raises a `ValueError` without any shape, for a name that no state has, and without a key to draw with.
        """
        shape = self.shape if shape is None else shape
        if shape is None:
            raise ValueError(
                f"{type_name(self)}.reset_states was given no shape, nor was the layer; it takes (batch, ...). To "
                f"begin at rest leave the state out of `run`."
            )
        state = jax.vmap(self.init_state)(jnp.zeros(shape))
        named, ranges = self.leaves(state), value_ranges or {}
        if set(ranges) - set(named):
            raise ValueError(
                f"{type_name(self)}.reset_states was given ranges for {sorted(ranges)}; its states are "
                f"{sorted(named)}. Leave the others out."
            )
        if not randomize:
            return state
        if key is None:
            raise InputError(
                f"{type_name(self)}.reset_states draws random numbers and was given no key; it takes a PRNG key. Pass "
                f"`key=jax.random.key(0)`."
            )
        drawn = [
            jr.uniform(k, leaf.shape, leaf.dtype, *ranges.get(name, (0.0, 1.0)))
            for (name, leaf), k in zip(named.items(), jr.split(key, len(named)), strict=True)
        ]
        return eqx.tree_at(lambda state: list(self.leaves(state).values()), state, drawn)
