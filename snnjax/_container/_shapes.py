"""Shapes of what layers put out, told before they have run."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._cell import as_cell, step_output
from .sequential import Sequential


def told(layer: Any, dtype: Any) -> Any:
    """What a layer says of the shape of its output by itself; None if nothing."""
    if isinstance(layer, eqx.nn.Linear):
        shape = () if layer.out_features == "scalar" else (layer.out_features,)
        return jax.ShapeDtypeStruct(shape, layer.weight.dtype)
    out = None
    for part in layer.layers if isinstance(layer, Sequential) else ():
        own = told(part, dtype)
        out = own if own is not None or out is None else eqx.filter_eval_shape(first_output, part, out)
    return out


def first_output(layer: Any, x: Any) -> Any:
    cell = as_cell(layer)
    return step_output(cell, cell.init_state(x), x)


def silent(like: PyTree, inputs: PyTree) -> PyTree:
    """Zeros of known shapes; made from the data, so that they lie on devices as it does."""
    data = jax.tree.leaves(inputs)[0]
    return jax.tree.map(lambda a: jnp.zeros_like(data, shape=a.shape, dtype=a.dtype), like)


def structs(tree: PyTree) -> tuple:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(jnp.shape(a), jnp.result_type(a)) for a in leaves]


def words(tree: PyTree) -> str:
    return ", ".join(str(jnp.shape(a)) for a in jax.tree.leaves(tree))
