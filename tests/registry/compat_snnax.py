"""Layers and networks of snnax. Resets that are cut out of the gradient have no finite differences to agree with."""

import equinox as eqx
import jax
import jax.numpy as jnp

import snnjax as snn
from snnjax.compat import snnax

_ATTACHED = {"stop_reset_grad": False}


def _linear(seed: int, size: int = 4) -> eqx.nn.Linear:
    linear = eqx.nn.Linear(size, 4, key=jax.random.key(seed))
    return eqx.tree_at(lambda m: m.weight, linear, 3 * linear.weight)


def _feedback() -> snnax.StatefulModel:
    graph = snnax.GraphStructure(3, [[0], [], []], [[1], [0], [1, 0]])
    layers = [_linear(0, 8), snnax.SimpleLIF([0.6], threshold=0.3, **_ATTACHED), _linear(1, 8)]
    return snnax.StatefulModel(graph, layers)


def _normalised() -> snn.AbstractCell:
    return snnax.BatchNormLayer(1e-5, 0.1, jnp.array(0.8), inference=True)


cells = {
    "snnax.LIF": lambda: snnax.LIF([0.6, 0.7], threshold=jnp.array(0.2), reset_val=jnp.array(-0.1), **_ATTACHED),
    "snnax.BatchNormLayer": _normalised,
}
containers = {
    "snnax.StatefulModel-Recurrent": _feedback,
}
