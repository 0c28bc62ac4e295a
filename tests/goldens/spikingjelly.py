"""SpikingJelly."""

import inspect
import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn
from snnjax.compat import spikingjelly
from snnjax.compat.spikingjelly import encoding, functional, surrogate

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
    "simple_if": spikingjelly.SimpleIFNode,
    "simple_lif": spikingjelly.SimpleLIFNode,
    "activation_aware_if": spikingjelly.ActivationAwareIFNode,
    "ternary_if": spikingjelly.TernaryIFNode,
    "ternary_lif": spikingjelly.TernaryLIFNode,
    "klif": spikingjelly.KLIFNode,
    "clif": spikingjelly.ComplementaryLIFNode,
    "liaf": spikingjelly.LIAFNode,
    "ilif": spikingjelly.ILIFNode,
    "gated_lif": spikingjelly.GatedLIFNode,
    "sltt": spikingjelly.SLTTLIFNode,
    "ottt": spikingjelly.OTTTLIFNode,
    "raf": spikingjelly.RAFNode,
    "stbif": spikingjelly.STBIFNode,
    "dsr_if": spikingjelly.DSRIFNode,
    "dsr_lif": spikingjelly.DSRLIFNode,
}
_OTHERWISE = {
    "halfthresholdif": "half_threshold_if",
    "cuba_lif": "cubalif",
    "parametric_lif": "plif",
    "masked_psn": "maskedpsn",
    "sliding_psn": "slidingpsn",
    "simpleif": "simple_if",
    "simplelif": "simple_lif",
    "activationawareif": "activation_aware_if",
    "ternaryif": "ternary_if",
    "ternarylif": "ternary_lif",
    "complementary_lif": "clif",
    "complementarylif": "clif",
    "glif": "gated_lif",
    "gatedlif": "gated_lif",
    "slttlif": "sltt",
    "sltt_lif": "sltt",
    "otttlif": "ottt",
    "ottt_lif": "ottt",
    "dsrif": "dsr_if",
    "dsrlif": "dsr_lif",
}
#: Functions of the membrane that a LIAF puts out, by their names in torch.
_ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "identity": lambda v: v}
_PARALLEL = {
    "psn": spikingjelly.PSN,
    "maskedpsn": spikingjelly.MaskedPSN,
    "slidingpsn": spikingjelly.SlidingPSN,
}


def _surrogate(text: str) -> Any:
    """`ATan alpha=2.9353: formula` names a surrogate and its arguments."""
    name, _, arguments = text.split(":")[0].partition(" ")
    values = {key: float(value) for key, value in re.findall(r"(\w+)=([-\d.e]+)", arguments)}
    if name == "MultiLevelSpikeCount":
        return surrogate.MultiLevelSpikeCount(int(values["max_spike_count"]))
    return getattr(surrogate, name)(**values)


def _arguments(make: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The recorded parameters that are arguments of the constructor; none of the others may be left out silently."""
    known = {"amp", "surrogate", "lambda_"}
    accepted = dict(inspect.signature(make).parameters)
    if make is spikingjelly.LIAFNode:
        accepted |= inspect.signature(spikingjelly.LIFNode).parameters
    assert params.keys() <= known | accepted.keys(), params.keys() - known - accepted.keys()
    found = {name: value for name, value in params.items() if name in accepted}
    if "lambda_" in params:
        found["lambda_init"] = params["lambda_"]
    if "act" in found:
        found["act"] = _ACTIVATIONS[found["act"].split(".")[-1].lower()]
    if "key" in accepted:
        found["key"] = jr.key(0)
    return {**found, "surrogate_function": _surrogate(params["surrogate"])} if "surrogate" in params else found


def _states(case: Case) -> Any:
    names = [name.removeprefix("state_") for name in case.expected if name.startswith("state_")]
    fields = {"c": "i", "q": "v", "acc_q": "sent"}

    def states(state: Any, out: Any) -> Arrays:
        if isinstance(state, tuple):  # of a neuron with a layer behind it
            state = state[0]
        if hasattr(state, "trace"):  # of an online neuron, which keeps its own state beside it
            return {f"state_{name}": state.trace if name == "trace" else state.neuron.v for name in names}
        return {f"state_{name}": getattr(state, fields.get(name, name)) for name in names}

    return states


def _node(case: Case, kind: str) -> Arrays:
    make = _NODES[kind]
    node = make(**_arguments(make, case.params))
    trained = {name: jnp.asarray(a) for name, a in case.arrays.items() if name.startswith("param_")}

    def build(parameters: Arrays) -> Any:
        built = node
        for name, value in parameters.items():
            built = _with_parameter(built, name.removeprefix("param_"), value)
        return snn.Sequential(built, lambda out: out[0]) if kind == "ottt" else built

    return trace(case, build, _states(case), trained, scale=case.params["amp"])


def _with_parameter(node: Any, name: str, value: Any) -> Any:
    """The node with a parameter of the library in its place."""
    if name == "w":
        return eqx.tree_at(lambda n: n.decay.raw, node, -value)
    if name == "k":
        return eqx.tree_at(lambda n: n.k, node, value)
    field = {"v_threshold": "threshold"}.get(name, name)
    if hasattr(getattr(node, field), "shape"):
        return eqx.tree_at(lambda n: getattr(n, field), node, value)
    raw = getattr(node, field).raw
    return eqx.tree_at(lambda n: getattr(n, field).raw, node, value.reshape(raw.shape))


def _parallel(case: Case, kind: str) -> Arrays:
    make = _PARALLEL[kind]
    node = make(**_arguments(make, case.params))
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
    populations = {
        "pop": encoding.PopEncoder,
        "popspikedeterministic": encoding.PopSpikeEncoderDeterministic,
    }
    name = name.replace("_", "").lower().replace("encoder", "")
    if name in populations:
        return {"spikes": jax.vmap(populations[name](**case.params), out_axes=1)(x)}
    if name not in encoders:
        raise Unsupported(case.behaviour)
    return {"spikes": encoders[name](x, **case.params)}


def _loss(case: Case, name: str) -> Arrays:
    """A loss of outputs `x` (time, batch, classes) by `targets`, or of spikes (batch, ...) by labels."""
    x, targets = jnp.asarray(case.arrays["x"]), jnp.asarray(case.arrays["targets"])
    if name in ("tet", "temporal_efficient_training_cross_entropy"):
        one = functional.temporal_efficient_training_cross_entropy

        def loss(x: Any) -> Any:
            return jax.vmap(one, in_axes=(1, 0))(x, targets).mean()

    elif name in ("spike_similar", "spike_similar_loss"):

        def loss(x: Any) -> Any:
            options = {key: value for key, value in case.params.items() if key in ("kernel_type", "loss_type")}
            others = [value for key, value in case.params.items() if key not in options]
            kinds = {"kernel_type": "linear", "loss_type": "mse", **options}
            return functional.spike_similar_loss(x, targets, kinds["kernel_type"], kinds["loss_type"], *others)

    else:
        raise Unsupported(case.behaviour)
    value, gradient = jax.value_and_grad(loss)(x)
    return {"loss": value, "grad_x": gradient}


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
    if kind == "loss":
        return _loss(case, rest[0])
    if kind == "surrogate":
        spike = getattr(surrogate, rest[0])(**case.params)
        return curve(case, spike, getattr(spike, "primitive", None))
    raise Unsupported(case.behaviour)
