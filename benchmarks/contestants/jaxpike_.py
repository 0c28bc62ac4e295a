"""jaxpike; `checkpointed` is its memory-saving way to unroll, and on a CPU its fastest."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxpike

from ._jax import contestant
from ._workload import TAU, Contestant, Workload

GAIN = 1 / 0.1  # a membrane there takes `1 - decay` of its input


def make(workload: Workload, checkpointed: bool = False) -> Contestant:
    unroll = jaxpike.unroll_checkpointed if checkpointed else jaxpike.unroll
    key = jax.random.key(0)

    def dense(weight: Any) -> Any:
        layer = jaxpike.Dense(*weight.shape, key=key)
        weight = GAIN * jnp.asarray(weight)
        return eqx.tree_at(lambda d: d.weight, layer, weight if layer.weight.shape == weight.shape else weight.T)

    def neuron() -> Any:
        return jaxpike.LIF(tau=TAU)

    weights = [dense(w) for w in workload.weights]
    if workload.is_layer:
        model = jaxpike.Sequential(*(part for weight in weights for part in (weight, neuron())))
    elif workload.recurrent:
        first, second = (dense(w) for w in workload.feedback)
        nodes = {"a": weights[0], "h": neuron(), "ra": first, "b": weights[1], "g": neuron(), "rb": second}
        nodes |= {"c": weights[2], "o": jaxpike.LeakyIntegrator(tau=TAU)}
        edges = [("input", "a"), ("a", "h"), ("h", "ra"), ("ra", "h"), ("h", "b"), ("b", "g"), ("g", "rb"), ("rb", "g")]
        model = jaxpike.Graph(nodes=nodes, edges=[*edges, ("g", "c"), ("c", "o")], output="o")
    else:
        readout = jaxpike.LeakyIntegrator(tau=TAU)
        model = jaxpike.Sequential(weights[0], neuron(), weights[1], neuron(), weights[2], readout)
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    return contestant(workload, params, lambda p, xs: unroll(eqx.combine(p, rest), xs)[0], jnp.asarray(workload.inputs))
