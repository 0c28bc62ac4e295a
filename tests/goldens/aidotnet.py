"""AiDotNet."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn
from snnjax.compat.aidotnet import SpikingLayer

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays

_TYPES = {
    "if": "IntegrateAndFire",
    "lif": "LeakyIntegrateAndFire",
    "izhikevich": "Izhikevich",
    "adex": "AdaptiveExponential",
    "hh": "HodgkinHuxley",
}


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.aidotnet`: one example, states and spikes."""
    word = case.behaviour.split(".")[1]
    if word not in _TYPES:
        raise Unsupported(case.behaviour)
    weights, biases = jnp.asarray(case.arrays["W"]), jnp.asarray(case.arrays["b"])
    layer = SpikingLayer(
        *weights.shape,
        _TYPES[word],
        tau=case.params["tau"],
        refractory_period=case.params["refractoryPeriod"],
        key=jr.key(0),
    )
    layer = eqx.tree_at(lambda m: (m.weights, m.biases), layer, (weights, biases))

    def record(state: Any, out: Any) -> Arrays:
        inner = getattr(state, "state", state)
        found = {f"state_{name}": getattr(inner, name) for name in inner.__dataclass_fields__}
        if hasattr(state, "countdown"):
            found["state_rc"] = state.countdown
        return {**found, "spikes": out}

    return snn.unroll(layer, jnp.asarray(case.arrays["x"]), record=record)[1]
