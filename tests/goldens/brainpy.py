"""brainpy.state."""

from typing import Any

import jax
import jax.numpy as jnp

import snnjax as snn
from snnjax.compat import brainpy

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, trace

# How a field of a state here is called there, where it is not the same in capitals.
_FIELDS = {
    "V": "v",
    "g": "i",
    "a": "a",
    "w": "w",
    "u": "u",
    "m": "m",
    "h": "h",
    "n": "n",
    "W": "w",
    "I1": "i1",
    "I2": "i2",
    "V_th": "threshold",
    "y": "y",
    "z": "w",
}


def _neuron(case: Case, name: str) -> Arrays:
    params = case.params
    constants = {key: value for key, (value, _) in params["all"].items()}
    spike = {**params["surrogate"]}
    options: dict[str, Any] = {"spk_fun": getattr(brainpy.surrogate, spike.pop("name"))(**spike), "dt": case.meta["dt"]}
    if params["reset"] is not None:
        options["spk_reset"] = params["reset"]
    if "ref_var" in constants:
        constants["ref_var"] = bool(constants["ref_var"])
    recorded = [key.removeprefix("state_") for key in case.expected if key.startswith("state_")]
    for key in recorded:
        initial = case.arrays.get(f"init_{key}")
        if initial is not None and key != "last_spike_time":
            options[f"{key}_initializer"] = jnp.asarray(initial[0])
    make = getattr(brainpy, name)
    size = case.arrays["W"].shape[1:]
    resistance = constants.get("R", 1.0)

    def states(state: Any, out: Any) -> Arrays:
        found = {}
        inner = getattr(state, "state", state)
        for key in recorded:
            if key == "last_spike_time":
                found[f"state_{key}"] = state.last_spike_time
            elif key == "g":
                found["state_g"] = _conductance(inner, resistance)
            else:
                found[f"state_{key}"] = getattr(inner, _FIELDS[key])
        return found

    return trace(case, lambda _: make(size, **constants, **options), states, scale=params["amp"], base=params["base"])


def _one_by_one(case: Case, name: str) -> Arrays:
    """A run per example: initial states that were drawn differ between them."""

    def example(i: int) -> Arrays:
        arrays = {}
        for key, array in case.arrays.items():
            each = array[:, i : i + 1] if array.ndim == 3 else array
            arrays[key] = array[i : i + 1] if key.startswith("init_") else each
        return _neuron(case._replace(arrays=arrays), name)

    found = [example(i) for i in range(case.arrays["x"].shape[1])]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts, 1) if parts[0].ndim == 3 else sum(parts), *found)


def _conductance(state: Any, resistance: float) -> Any:
    if hasattr(state, "g_excitatory"):
        return state.g_excitatory - state.g_inhibitory
    return state.i / resistance


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.brainpy`."""
    name = case.behaviour.split(".")[1]
    if not hasattr(brainpy, name):
        raise Unsupported(case.behaviour)
    if "all" in case.params:
        drawn = any(key.startswith("init_") and (array != array[:1]).any() for key, array in case.arrays.items())
        return _one_by_one(case, name) if drawn else _neuron(case, name)
    return _synapse(case, name)


def _synapse(case: Case, name: str) -> Arrays:
    make = getattr(brainpy, name)
    synapse = make(case.arrays["x"].shape[1:], **case.params, dt=case.meta["dt"])
    xs = jnp.asarray(case.arrays["x"]).astype(float)
    _, seen = snn.unroll(synapse, xs, record=lambda state, out: {**synapse.variables(state), "out": out})
    found = {key if key == "out" else f"state_{key}": value for key, value in seen.items()}
    return found
