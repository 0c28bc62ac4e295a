"""A chain as one layer, and what can be known of a layer before it runs."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..._cell import AbstractSequenceCell, RunPart, Stateless, as_cell, step_output
from ..._container import Sequential
from ..._types import Key, Keys, Out, Trajectory
from .._common import Prepared


def listed(layers: tuple) -> tuple:
    """Layers one by one, or all in one list: the library's text and its code differ."""
    return tuple(layers[0]) if len(layers) == 1 and isinstance(layers[0], list | tuple) else layers


class CompoundLayer(AbstractSequenceCell[tuple]):
    """Layers in a chain within a step, as one layer of a network; `layers` one by one, or as one list.

    The state is a tuple with one entry per layer.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn
    from snnjax.compat.snnax import LIF, CompoundLayer

    compound = CompoundLayer(eqx.nn.Linear(3, 4, key=jax.random.key(0)), eqx.nn.LayerNorm(4), LIF([0.9, 0.8]))
    final, zs = snn.unroll(compound, jax.random.normal(jax.random.key(1), (20, 3)))
    ```
    """

    chain: Sequential

    def __init__(self, *layers: Any):
        self.chain = Sequential(*listed(layers))

    def __getitem__(self, index: int) -> Any:
        return self.chain[index]

    def __len__(self) -> int:
        return len(self.chain)

    def init_state(self, x: Any, *, key: Key = None) -> tuple:
        return self.chain.init_state(x, key=key)

    def __call__(self, state: tuple, x: Any, *, key: Key = None) -> tuple[tuple, Out]:
        return self.chain(state, x, key=key)

    def scan(self, run: RunPart, state: tuple, xs: Trajectory, keys: Keys) -> tuple[tuple, Trajectory, PyTree]:
        return run("", self.chain, state, xs, keys)


def _parts(layer: Any) -> tuple:
    """The layers of a chain; nothing for another layer."""
    chain = layer.chain if isinstance(layer, CompoundLayer) else layer
    return chain.layers if isinstance(chain, Sequential) else ()


def told_output(layer: Any, dtype: Any) -> jax.ShapeDtypeStruct | None:
    """What a layer says about the shape of its output by itself, None if nothing."""
    if isinstance(layer, eqx.nn.Linear):
        shape = () if layer.out_features == "scalar" else (layer.out_features,)
        return jax.ShapeDtypeStruct(shape, layer.weight.dtype)
    if isinstance(layer, Prepared) and layer.shape is not None:
        return jax.ShapeDtypeStruct(layer.shape, dtype)
    told = None
    for part in _parts(layer):
        own = told_output(part, dtype)
        told = own if own is not None or told is None else eqx.filter_eval_shape(first_output, part, told)
    return told


def first_output(layer: Any, x: Any) -> Any:
    """What a layer puts out before the first step, where it is heard a step later: zeros for one with a state."""
    if _parts(layer):
        for part in _parts(layer):
            x = first_output(part, x)
        return x
    cell = as_cell(layer)
    out = step_output(cell, cell.init_state(x), x)
    return out if isinstance(cell, Stateless) else jax.tree.map(jnp.zeros_like, out)
