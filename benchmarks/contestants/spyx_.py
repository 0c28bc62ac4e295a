"""spyx."""

from typing import Any

import jax.numpy as jnp
import spyx.nn as sn
from flax import nnx

from ._jax import contestant
from ._workload import DECAY, Contestant, Workload


def make(workload: Workload) -> Contestant:
    rngs = nnx.Rngs(0)

    def linear(weight: Any) -> Any:
        layer = nnx.Linear(*weight.shape, use_bias=False, rngs=rngs)
        layer.kernel[...] = jnp.asarray(weight)
        return layer

    def neuron(n: int) -> Any:
        return (sn.RLIF if workload.recurrent else sn.LIF)((n,), beta=DECAY, rngs=rngs)

    weights = [linear(w) for w in workload.weights]
    if workload.is_layer:
        model = sn.Sequential(*(part for weight in weights for part in (weight, neuron(workload.size))))
    else:
        readout = sn.LI((20,), beta=DECAY, rngs=rngs)
        model = sn.Sequential(weights[0], neuron(128), weights[1], neuron(128), weights[2], readout)
    graph, params = nnx.split(model)
    return contestant(workload, params, lambda p, xs: sn.run(nnx.merge(graph, p), xs)[0], jnp.asarray(workload.inputs))
