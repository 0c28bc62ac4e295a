"""SpikingJelly."""

import inspect
import re
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from snnjax.compat import spikingjelly
from snnjax.compat.spikingjelly import encoding, surrogate

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve, trace

_NODES = {
    "if": spikingjelly.IFNode,
    "half_threshold_if": spikingjelly.HalfThresholdIFNode,
    "lif": spikingjelly.LIFNode,
    "plif": spikingjelly.ParametricLIFNode,
    "cubalif": spikingjelly.CUBALIFNode,
    "qif": spikingjelly.QIFNode,
    "eif": spikingjelly.EIFNode,
    "izhikevich": spikingjelly.IzhikevichNode,
}
_OTHERWISE = {
    "halfthresholdif": "half_threshold_if",
    "cuba_lif": "cubalif",
    "parametric_lif": "plif",
    "masked_psn": "maskedpsn",
    "sliding_psn": "slidingpsn",
}
_PARALLEL = {
    "psn": spikingjelly.PSN,
    "maskedpsn": spikingjelly.MaskedPSN,
    "slidingpsn": spikingjelly.SlidingPSN,
}


def _surrogate(text: str) -> Any:
    """`ATan alpha=2.9353: formula` names a surrogate and its arguments."""
    name, arguments = text.split(":")[0].split(" ", 1)
    return getattr(surrogate, name)(**{key: float(value) for key, value in re.findall(r"(\w+)=([-\d.e]+)", arguments)})


def _arguments(make: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The recorded parameters that are arguments of the constructor; none of the others may be left out silently."""
    known = {"amp", "surrogate", "lambda_"}
    accepted = inspect.signature(make).parameters
    assert params.keys() <= known | accepted.keys(), params.keys() - known - accepted.keys()
    found = {name: value for name, value in params.items() if name in accepted}
    if "lambda_" in params:
        found["lambda_init"] = params["lambda_"]
    return {**found, "surrogate_function": _surrogate(params["surrogate"])}


def _states(case: Case) -> Any:
    names = [name.removeprefix("state_") for name in case.expected if name.startswith("state_")]
    fields = {"c": "i"}
    return lambda state, out: {f"state_{name}": getattr(state, fields.get(name, name)) for name in names}


def _node(case: Case, kind: str) -> Arrays:
    make = _NODES[kind]
    node = make(**_arguments(make, case.params))
    trained = {name: jnp.asarray(a) for name, a in case.arrays.items() if name.startswith("param_")}

    def build(parameters: Arrays) -> Any:
        if "param_w" in parameters:
            return eqx.tree_at(lambda n: n.decay.raw, node, -parameters["param_w"])
        return node

    return trace(case, build, _states(case), trained, scale=case.params["amp"])


def _parallel(case: Case, kind: str) -> Arrays:
    make = _PARALLEL[kind]
    node = make(**_arguments(make, case.params), key=jr.key(0))
    trained = {name: jnp.asarray(a) for name, a in case.arrays.items() if name.startswith("param_")}

    def build(parameters: Arrays) -> Any:
        weight, bias = parameters["param_weight"], parameters["param_bias"]
        return eqx.tree_at(lambda n: (n.weight, n.threshold), node, (weight, -bias.reshape(node.threshold.shape)))

    return trace(case, build, lambda state, out: {}, trained, scale=case.params["amp"])


def _encoding(case: Case, name: str) -> Arrays:
    x = jnp.asarray(case.arrays["x"])
    encoders = {
        "latency": encoding.latency,
        "weightedphase": encoding.weighted_phase,
        "periodic": encoding.periodic,
    }
    name = name.replace("_", "").lower().removesuffix("encoder")
    if name not in encoders:
        raise Unsupported(case.behaviour)
    return {"spikes": encoders[name](x, **case.params)}


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.spikingjelly`."""
    kind, *rest = case.behaviour.split(".")[1:]
    kind = _OTHERWISE.get(kind.lower(), kind)
    if kind in _NODES:
        return _node(case, kind)
    if kind in _PARALLEL:
        return _parallel(case, kind)
    if kind == "encoding":
        return _encoding(case, rest[0])
    if kind == "surrogate":
        spike = getattr(surrogate, rest[0])(**case.params)
        return curve(case, spike, getattr(spike, "primitive", None))
    raise Unsupported(case.behaviour)
