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


def _delayed() -> snn.AbstractCell:
    neuron = snnax.SimpleLIF([0.6], threshold=0.3, **_ATTACHED)
    return snnax.Sequential(_linear(0), neuron, _linear(1), delay_per_layer=True)


def _normalised() -> snn.AbstractCell:
    return snnax.BatchNormLayer(1e-5, 0.1, jnp.array(0.8), inference=True)


cells = {
    "snnax.SimpleIAF": lambda: snnax.SimpleIAF(0.1, jnp.array(0.7), **_ATTACHED),
    "snnax.IAF": lambda: snnax.IAF([0.7], 0.05, reset_val=jnp.array(0.6), **_ATTACHED),
    "snnax.SimpleLI": lambda: snnax.SimpleLI([0.8]),
    "snnax.SimpleLIF": lambda: snnax.SimpleLIF([0.6], threshold=0.4, reset_val=jnp.array(-0.5), **_ATTACHED),
    "snnax.LIF": lambda: snnax.LIF([0.6, 0.7], threshold=jnp.array(0.2), reset_val=jnp.array(-0.1), **_ATTACHED),
    "snnax.LIFSoftReset": lambda: snnax.LIFSoftReset([0.6, 0.7], threshold=0.2, reset_val=jnp.array(0.3), **_ATTACHED),
    "snnax.AdaptiveLIF": lambda: snnax.AdaptiveLIF([0.6], threshold=0.3, **_ATTACHED),
    "snnax.SigmaDelta": lambda: snnax.SigmaDelta([0.7, 0.5, 0.8], threshold=0.6),
    "snnax.SpikeCounter": lambda: snnax.SpikeCounter(),
    "snnax.BatchNormLayer": _normalised,
}
containers = {
    "snnax.SRM": lambda: snnax.SRM(
        _linear(2), decay_constants=[0.6, 0.7], threshold=0.3, reset_val=0.6, stop_reset_grad=False
    ),
    "snnax.StatefulModel-Recurrent": _feedback,
    "snnax.Sequential-Delay": _delayed,
}
