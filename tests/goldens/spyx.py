"""spyx."""

from typing import Any

import jax
import jax.numpy as jnp

from snnjax.compat import spyx

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve, trace

# Words of a behaviour and the names in the library.
_NEURONS = {
    "alif": "ALIF",
    "cubalif": "CuBaLIF",
    "if": "IF",
    "li": "LI",
    "lif": "LIF",
    "psu_lif": "PSU_LIF",
    "rcubalif": "RCuBaLIF",
    "rif": "RIF",
    "rlif": "RLIF",
}
_TRAINED = ("alpha", "beta", "gamma", "recurrent_w")


def _neuron(case: Case, name: str) -> Arrays:
    params = case.params
    trained = {key: jnp.asarray(params[key], jnp.float64) for key in _TRAINED if key in params}
    make = getattr(spyx, _NEURONS[name])
    shape = case.arrays["W"].shape[1:]
    fixed: dict[str, Any] = {}
    if name != "li":
        fixed = {"threshold": params["threshold"], "activation": spyx.superspike(params["superspike_k"])}

    def states(state: Any, out: Any) -> Arrays:
        names = {"v": "V", "i": "I", "a": "T"}
        return {f"state_{names[field]}": getattr(state, field) for field in state.__dataclass_fields__}

    output = "out" if name == "li" else "spikes"
    return trace(case, lambda p: make(shape, **p, **fixed), states, trained, output=output)


def _losses(case: Case) -> Arrays:
    traces, targets = jnp.asarray(case.arrays["traces"]), jnp.asarray(case.arrays["targets"])
    found: Arrays = {"val_integral_accuracy": spyx.integral_accuracy()(traces, targets)[0]}
    losses = {
        "integral_crossentropy": spyx.integral_crossentropy(case.params["smoothing"]),
        "mse_spikerate": spyx.mse_spikerate(case.params["sparsity"]),
    }
    for name, loss in losses.items():
        found[f"val_{name}"], found[f"grad_{name}"] = jax.value_and_grad(loss)(traces, targets)
    return found


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.spyx`."""
    kind, *rest = case.behaviour.split(".")[1:]
    kind = kind.replace("psulif", "psu_lif").replace("cuba_lif", "cubalif").replace("associative_lif", "psu_lif")
    if kind in _NEURONS:
        return _neuron(case, kind)
    if kind == "axn":
        name = rest[0].split("_")[0]
        return curve(case, getattr(spyx, name)(**case.params))
    if case.behaviour == "spyx.fn.losses":
        return _losses(case)
    raise Unsupported(case.behaviour)
