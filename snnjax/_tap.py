"""Taps on layers: to hear what enters them, and to push it a little."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ._cell import AbstractCell, AbstractSequenceCell, RunPart, step_output
from ._container import Edge
from ._misc import type_name
from ._probe import is_neuron_cell, is_spiking
from ._types import Key, Keys, Out, Trajectory


class Tapped(eqx.Module):
    """State of a `Tap`: that of its cell, what entered it in this step and what left it, and the steps so far."""

    state: PyTree
    heard: PyTree
    out: PyTree
    step: Int[Array, "..."]
    name: str = eqx.field(static=True)
    spiking: bool = eqx.field(static=True)


class Tap(AbstractSequenceCell[Tapped]):
    """A cell that keeps what it hears, and hears `push[step]` besides, if there is a push.

    The gradient with respect to a push of zeros is that with respect to the cell's input at every step.
    """

    cell: AbstractCell
    name: str = eqx.field(static=True)
    push: Float[Array, "time *shape"] | None = None

    def init_state(self, x: Any, *, key: Key = None) -> Tapped:
        state = self.cell.init_state(x, key=key)
        x = jax.tree.map(jnp.zeros_like, x)
        out = jax.tree.map(jnp.zeros_like, step_output(self.cell, state, x))
        return self._tapped(state, x, out, jnp.asarray(0))

    def _tapped(self, state: Any, heard: Any, out: Any, step: Array) -> Tapped:
        return Tapped(state, heard, out, step, self.name, is_spiking(self.cell))

    def __call__(self, state: Tapped, x: Any, *, key: Key = None) -> tuple[Tapped, Out]:
        if self.push is not None:
            x = x + self.push[state.step]
        inner, out = self.cell(state.state, x, key=key)
        return self._tapped(inner, x, out, state.step + 1), out

    def scan(self, run: RunPart, state: Tapped, xs: Trajectory, keys: Keys) -> tuple[Tapped, Trajectory, Tapped]:
        steps = jax.tree.leaves(xs)[0].shape[0]
        if self.push is not None:
            xs = xs + jax.lax.dynamic_slice_in_dim(self.push, state.step, steps)
        inner, outs, states = run("", self.cell, state.state, xs, keys)
        counts = state.step + 1 + jnp.arange(steps)
        heard, out = jax.tree.map(lambda a: a[-1], (xs, outs))
        return self._tapped(inner, heard, out, counts[-1]), outs, self._tapped(states, xs, outs, counts)


def tap(model: PyTree, pushes: Mapping[str, Array] | None = None) -> PyTree:
    """The model with a tap on every neuron, named as by `probe`, and with the pushes given by name."""

    def wrap(path: Any, node: Any) -> Any:
        if not is_neuron_cell(node):
            return node
        place, kind = jax.tree_util.keystr(path).removeprefix("."), type_name(node)
        name = f"{place} ({kind})" if place else kind
        return Tap(node, name, (pushes or {}).get(name))

    def is_whole(node: Any) -> bool:
        return isinstance(node, Edge) or is_neuron_cell(node)

    return jax.tree_util.tree_map_with_path(wrap, model, is_leaf=is_whole)


def taps(state: Any) -> dict[str, Tapped]:
    """What the taps of a model hold, by name."""
    leaves = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Tapped))
    return {leaf.name: leaf for leaf in leaves if isinstance(leaf, Tapped)}


def names_of(tapped: PyTree) -> list[str]:
    """The names of the taps of a model, in its order."""
    leaves = jax.tree.leaves(tapped, is_leaf=lambda node: isinstance(node, Tap))
    return [leaf.name for leaf in leaves if isinstance(leaf, Tap)]
