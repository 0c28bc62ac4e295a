"""snnax."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import snnjax as snn
from snnjax.compat import snnax

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve, trace

# Words of a behaviour and the names in the library.
_NEURONS = {
    "adaptivelif": "AdaptiveLIF",
    "iaf": "IAF",
    "li": "LI",
    "lif": "LIF",
    "lifsoftreset": "LIFSoftReset",
    "sigmadelta": "SigmaDelta",
    "simpleiaf": "SimpleIAF",
    "simpleli": "SimpleLI",
    "simplelif": "SimpleLIF",
}
# Names of parameters in a file, and of arguments.
_ARGUMENTS = {
    "decay": "decay_constants",
    "ada_decay": "ada_decay_constant",
    "ada_step": "ada_step_val",
    "ada_coupling": "ada_coupling_var",
    "r_decay": "r_decay_constants",
    "reset_val": "reset_val",
    "leak": "leak",
    "threshold": "threshold",
    "stop_reset_grad": "stop_reset_grad",
}
# Names of states in a file, and here.
_STATES = {
    "AdaptiveLIF": {"mem": "v", "ada": "a"},
    "IAF": {"mem": "v", "syn": "i"},
    "LIF": {"mem": "v", "syn": "i"},
    "LIFSoftReset": {"mem": "v", "syn": "i"},
    "SigmaDelta": {"i": "i", "i_mem": "v", "s": "f"},
}
_SURROGATES = {
    "superspike": snnax.superspike_surrogate,
    "sigmoid": snnax.sigmoid_surrogate,
    "piecewise": snnax.piecewise_surrogate,
}


def _fields(name: str) -> dict[str, str]:
    return _STATES.get(name, {"mem": "v"})


def _spike_function(case: Case) -> Any:
    name = case.meta.get("surrogate", "superspike").split()[0].rstrip(":")
    return _SURROGATES.get(name, snnax.superspike_surrogate)(case.params["beta"])


def _arguments(case: Case, **trained: Any) -> dict[str, Any]:
    """Arguments of a constructor: what is in the file's settings, and the trained ones as arrays."""
    return {_ARGUMENTS[name]: value for name, value in {**case.params, **trained}.items() if name in _ARGUMENTS}


def _recorded(case: Case) -> Arrays:
    """The values of the parameters whose gradient is in the file."""
    names = [name.removeprefix("param_") for name in case.arrays if name.startswith("param_")]
    return {name: jnp.asarray(case.arrays[f"param_{name}"]) for name in names}


def _neuron(case: Case, name: str) -> Arrays:
    spiking = name not in ("LI", "SimpleLI")

    def build(trained: Arrays) -> Any:
        arguments = _arguments(case, **trained)
        if spiking:
            arguments["spike_fn"] = _spike_function(case)
        return getattr(snnax, name)(**arguments)

    def states(state: Any, out: Any) -> Arrays:
        return {"state_spike": out, **{f"state_{key}": getattr(state, field) for key, field in _fields(name).items()}}

    found = trace(case, build, states, _recorded(case), output="spikes" if spiking else "out")
    if name == "SigmaDelta":  # the error is the input less the feedback of the step before
        found["state_e"] = found["state_i"] - _one_later(found["state_s"])
    return found


def _one_later(array: Any) -> Any:
    return jnp.concatenate([jnp.zeros_like(array[:1]), array[:-1]])


def _counter(case: Case) -> Arrays:
    found = trace(
        case,
        lambda _: snnax.SpikeCounter(case.arrays["W"].shape[1:]),
        lambda state, out: {"state_count": state.count, "state_spike": out},
        output="out",
    )
    return {**found, **{f"grad_{name}": jnp.zeros_like(value) for name, value in _recorded(case).items()}}


def _srm(case: Case) -> Arrays:
    arrays = {name: jnp.asarray(value) for name, value in case.arrays.items()}
    weights, bias = arrays["W"], arrays["b"]
    linear = eqx.nn.Linear(weights.shape[0], weights.shape[1], key=jax.random.key(0))
    recorded = _recorded(case)

    @jax.value_and_grad
    def loss(arguments: Arrays) -> Any:
        return jnp.sum(arrays["loss_w"] * run(arguments)["spikes"])

    def run(arguments: Arrays) -> Arrays:
        layer = eqx.tree_at(lambda m: (m.weight, m.bias), linear, (arguments["W"].T, bias))
        trained = {name: arguments[name] for name in recorded}
        cell = snnax.SRM(layer, **_arguments(case, **trained), spike_fn=_spike_function(case))

        def record(state: Any, out: Any) -> Arrays:
            seen = {"state_p": state[0].v, "state_q": state[1].v, "state_r": state[3].r}
            return {**seen, "state_spike": out, "spikes": out}

        return jax.vmap(lambda x: snn.unroll(cell, x, record=record)[1], in_axes=1, out_axes=1)(arguments["x"])

    at = {"x": arrays["x"], "W": weights, **recorded}
    value, gradient = loss(at)
    found = run(at)
    value_of_reset = jnp.clip(recorded["reset_val"][0], 0, 2) if "reset_val" in recorded else 0.0
    found["state_r"] = value_of_reset * _one_later(found["state_r"])
    return {"loss": value, **found, **{f"grad_{name}": array for name, array in gradient.items()}}


def _network(case: Case, name: str, delayed: bool) -> Arrays:
    """Layers `Linear, neuron, Linear, neuron, ...`, one after the other."""
    arrays = {name: jnp.asarray(value) for name, value in case.arrays.items()}
    count = len(case.params["decay"])
    at = {"x": arrays["x"]}
    for i in range(count):
        at |= {f"W{i}": arrays[f"W{i}"], f"b{i}": arrays[f"b{i}"], f"decay{i}": jnp.asarray(case.params["decay"][i])}

    def build(arguments: Arrays) -> Any:
        layers = []
        for i in range(count):
            linear = eqx.nn.Linear(*arguments[f"W{i}"].shape[::-1], key=jax.random.key(0))
            values = (arguments[f"W{i}"], arguments[f"b{i}"])
            layers.append(eqx.tree_at(lambda m: (m.weight, m.bias), linear, values))
            options = {**_arguments(case), "decay_constants": arguments[f"decay{i}"], "spike_fn": _spike_function(case)}
            layers.append(getattr(snnax, name)(**options))
        if delayed:
            return snnax.Sequential(*layers, delay_per_layer=True)
        return snnax.CompoundLayer([snn.Probe(snn.as_cell(layer)) for layer in layers])

    def record(state: Any, out: Any) -> Arrays:
        seen = {"spikes": out, "out": out}
        for i in range(2 * count):
            inner, put_out = (state.layers[i], state.outs[i]) if delayed else (state[i].state, state[i].out)
            if i % 2 == 0:
                seen[f"state{i}_out"] = put_out
            else:
                fields = {f"state{i}_{key}": getattr(inner, field) for key, field in _fields(name).items()}
                seen |= {f"state{i}_spike": put_out, **fields}
        return seen

    @jax.jit
    def run(arguments: Arrays) -> Arrays:
        return snn.unroll(build(arguments), arguments["x"], record=record)[1]

    value, gradient = jax.value_and_grad(lambda a: jnp.sum(arrays["loss_w"] * run(a)["spikes"]))(at)
    start = build(at).init_state(at["x"][0])
    firsts = {f"init{i}": out for i, out in enumerate(start.outs)} if delayed else {}
    return {"loss": value, **run(at), **firsts, **{f"grad_{name}": array for name, array in gradient.items()}}


def _batch_norm(case: Case) -> Arrays:
    layer = snnax.BatchNormLayer(**case.params)
    xs, weights = jnp.asarray(case.arrays["x"]), jnp.asarray(case.arrays["loss_w"])

    def record(state: Any, out: Any) -> Any:
        return (state.mean, state.variance), out

    def run(xs: Any) -> Any:
        axes = {"in_axes": 1, "out_axes": (None, 1), "axis_name": "batch_axis"}
        return jax.vmap(lambda x: snn.unroll(layer, x, record=record)[1], **axes)(xs)

    (mean, variance), outs = run(xs)
    loss, gradient = jax.value_and_grad(lambda xs: jnp.sum(weights * run(xs)[1]))(xs)
    seen = {"state_moving_mean": mean, "state_moving_var": variance, "out": outs}
    return {**seen, "loss": loss, "grad_x": gradient}


def _pool(case: Case, name: str) -> Arrays:
    params = case.params
    make = {"maxpool1d": snnax.MaxPool1d, "maxpool2d": snnax.MaxPool2d}[name]
    options = {"threshold": params["threshold"], "spike_fn": _spike_function(case)}
    layer = make(params["kernel"], params["stride"], params.get("padding", 0), **options)
    x, weights = jnp.asarray(case.arrays["x"]), jnp.asarray(case.arrays["loss_w"])
    return {"spikes": layer(x), "grad_x": jax.grad(lambda x: jnp.sum(weights * layer(x)))(x)}


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.snnax`."""
    kind, *rest = case.behaviour.split(".")[1:]
    if kind in _NEURONS:
        return _neuron(case, _NEURONS[kind])
    if kind in ("maxpool1d", "maxpool2d"):
        return _pool(case, kind)
    if kind in ("sequential", "compound"):
        word = rest[0].rstrip("0123456789") if rest else "lif"
        return _network(case, _NEURONS[word], delayed=kind == "sequential")
    if kind == "surrogate" and rest[0] in _SURROGATES:
        return curve(case, _SURROGATES[rest[0]](case.params["beta"]))
    if kind == "batchnorm_legacy":
        return _batch_norm(case)
    if kind == "flatten":
        return {"out": snnax.Flatten()(jnp.asarray(case.arrays["x"]))}
    if kind == "spikecounter":
        return _counter(case)
    if kind == "srm":
        return _srm(case)
    raise Unsupported(case.behaviour)
