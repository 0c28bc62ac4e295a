"""snnjax, with its defaults, or another loop or kernel; the input as an array, or as events."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn

from ._jax import contestant
from ._workload import DECAY, SLOPE, THRESHOLD, Contestant, Workload


def linear(weight: Any) -> eqx.nn.Linear:
    """Of (inputs, outputs)."""
    inputs, outputs = weight.shape
    layer = eqx.nn.Linear(inputs, outputs, use_bias=False, key=jr.key(0))
    return eqx.tree_at(lambda layer: layer.weight, layer, jnp.asarray(weight).T)


def network(workload: Workload) -> snn.Sequential:
    def neuron() -> snn.LIF:
        return snn.LIF(decay=DECAY, threshold=THRESHOLD, surrogate=snn.SuperSpike(SLOPE))

    if workload.is_layer:
        return snn.Sequential(*(part for weight in workload.weights for part in (linear(weight), neuron())))
    feedback = [linear(w) for w in workload.feedback]
    hidden = [snn.Recurrent(neuron(), feedback[i]) if feedback else neuron() for i in range(2)]
    first, second, last = (linear(w) for w in workload.weights)
    return snn.Sequential(first, hidden[0], second, hidden[1], last, snn.LI(decay=DECAY))


def make(workload: Workload, loop: str = "BPTT", kernel: str = "Recompute", events: bool = False) -> Contestant:
    model, through_time = network(workload), getattr(snn, loop)()
    steps = snn.Fused(otherwise=snn.Recompute()) if kernel == "Fused" else getattr(snn, kernel)()
    params, rest = eqx.partition(model, snn.trainable(model))

    def run(params: Any, xs: Any) -> Any:
        model = eqx.combine(params, rest)
        return jax.vmap(lambda x: snn.unroll(model, x, loop=through_time, kernel=steps)[1], in_axes=1, out_axes=1)(xs)

    xs = snn.Events.from_dense(workload.inputs) if events else jnp.asarray(workload.inputs)
    return contestant(workload, params, run, xs)
