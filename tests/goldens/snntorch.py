"""snntorch."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import snnjax as snn
from snnjax.compat import snntorch
from snnjax.compat.snntorch import functional, spikegen, surrogate

from ._case import Case
from ._check import Unsupported, differences
from ._trace import Arrays, curve, trace

_NEURONS: dict[str, Callable] = {
    "leaky": snntorch.Leaky,
    "lapicque": snntorch.Lapicque,
    "synaptic": snntorch.Synaptic,
    "alpha": snntorch.Alpha,
    "rleaky": snntorch.RLeaky,
    "rsynaptic": snntorch.RSynaptic,
    "stateleaky": snntorch.StateLeaky,
    "deltaleaky": snntorch.DeltaLeaky,
}
#: Those that hold layers, and are given `x` itself: how they are built, and where a layer is, by its name there.
_NETWORKS: dict[str, tuple[Callable, dict[str, Callable]]] = {
    "linearleaky": (snntorch.LinearLeaky, {"linear": lambda c: c[0]}),
    "associativeleaky": (
        snntorch.AssociativeLeaky,
        {name: lambda c, name=name: getattr(c, name) for name in ("to_v", "to_k", "to_alpha", "to_q")},
    ),
    "sconv2dlstm": (snntorch.SConv2dLSTM, {"conv": lambda c: c.conv}),
}
_STATES = {"mem": "v", "syn": "i", "syn_exc": "exc", "syn_inh": "inh"}


def _single(z: Any) -> Any:
    return z.astype(jnp.float32).astype(z.dtype)


class _SinglePrecision(snn.AbstractSpike):
    """Spikes in float32, as the library makes them: their gradients are rounded on the way back.

    A chaotic network multiplies that to more than the tolerance. The reset's threshold, times such a spike, is rounded
    too, but not the one that the membrane is compared with: `rounding` is the difference.
    """

    surrogate: snn.AbstractSpike
    rounding: Any

    def fire(self, v: Any, threshold: Any, *, key: Any = None) -> Any:
        return _single(self.surrogate.fire(v, threshold + self.rounding, key=key))


def _surrogate(name: str, params: dict[str, Any]) -> Any:
    return getattr(surrogate, {"straight_through": "straight_through_estimator"}.get(name, name))(**params)


def _array(name: str, value: Any) -> Any:
    """A constructor's number in the precision that it had where the file was recorded."""
    if isinstance(value, bool) or value is None or name == "kernel_truncation_steps":
        return value
    times_a_spike = name in ("threshold", "V", "graded_spikes_factor") and not isinstance(value, list)
    return jnp.asarray(np.float32(value) if times_a_spike else value, jnp.float64)


def _neuron(case: Case) -> Arrays:
    kind = case.behaviour.split(".")[1]
    given = dict(case.params)
    spike = dict(given.pop("surrogate"))
    options: Arrays = {"reset_mechanism": given.pop("reset", "none")}
    if kind in ("alpha", "lapicque"):
        assert given.pop("reset_delay")  # no argument of theirs
    if kind == "deltaleaky":
        given.setdefault("delta_threshold", 1.0)
        given = {name: given[name] for name in ("beta", "delta_threshold")}
    if kind == "stateleaky":
        options["channels"] = case.arrays["W"].shape[1]
        given.pop("reset_delay", None)
    if kind in ("stateleaky", "deltaleaky"):
        del options["reset_mechanism"]
    if kind == "lapicque" and "R" in given and "C" in given:
        del given["beta"]  # recorded as well, but it follows from them
    recurrent, dense = kind in ("rleaky", "rsynaptic"), "W_rec" in case.arrays
    if recurrent:
        options |= {"all_to_all": dense, "key": jax.random.key(0)}
    if dense:
        options["linear_features"] = case.arrays["W_rec"].shape[0]
    values = {name: _array(name, value) for name, value in given.items()}
    limit = "delta_threshold" if kind == "deltaleaky" else "threshold"
    rounding = jnp.asarray(given[limit], jnp.float64) - values[limit]
    options["spike_grad"] = _SinglePrecision(_surrogate(spike.pop("name"), spike), rounding)

    def build(parameters: Arrays) -> Any:
        if "tau" in parameters:
            parameters["beta"] = 1 - 1 / parameters.pop("tau") + 1e-12
        weights = [parameters.pop(name) for name in ("W_rec", "b_rec") if name in parameters]
        learned = {f"learn_{name}": True for name in parameters if name != "V"}
        cell = _NEURONS[kind](**{**values, **options, **parameters, **learned})
        if dense:
            cell = eqx.tree_at(lambda c: [c.feedback.weight, c.feedback.bias], cell, weights)
        if recurrent:
            back = [_single, cell.feedback] if dense else [_single, cell.feedback, _single]
            cell = eqx.tree_at(lambda c: c.feedback, cell, snn.Sequential(*back))
        return cell

    def states(state: Any, out: Any) -> Arrays:
        del out
        holder = next(s for s in jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "v")) if hasattr(s, "v"))
        return {f"state_{name}": getattr(holder, field) for name, field in _STATES.items() if hasattr(holder, field)}

    names = [name.removeprefix("grad_") for name in case.arrays if name.startswith("grad_")]
    every = {
        **values,
        "tau": 1 / (1 - values.get("beta", 0.0) + 1e-12),
        **{name: jnp.asarray(case.arrays[name]) for name in ("W_rec", "b_rec") if dense},
    }
    return trace(case, build, states, {name: every[name] for name in names if name not in ("x", "W", "cur")})


def _network(case: Case) -> Arrays:
    kind = case.behaviour.split(".")[1]
    given = {"threshold": 1.0, **case.params}
    make, layers = _NETWORKS[kind]
    if "reset" in given and kind == "sconv2dlstm":
        given["reset_mechanism"] = given["reset"]
    spike, rounding = dict(given.pop("surrogate", {"name": "atan"})), 0.0
    given = {name: value for name, value in given.items() if name in inspect.signature(make).parameters}
    surrogate = _SinglePrecision(_surrogate(spike.pop("name"), spike), rounding)
    options = {"surrogate" if kind == "associativeleaky" else "spike_grad": surrogate, "key": jax.random.key(0)}
    names = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    names = [name for name in names if f"param_{name}" in case.arrays]
    learned = [name for name in ("beta", "tau", "threshold") if f"grad_{name}" in case.arrays]

    def run(parameters: Arrays, xs: Any) -> tuple[Any, Arrays]:
        parameters = dict(parameters)
        if "tau" in parameters:
            parameters["beta"] = 1 - 1 / parameters.pop("tau") + 1e-12
        numbers = {name: parameters[name] for name in ("beta", "threshold") if name in parameters}
        cell = make(**{**given, **numbers, **options, **{f"learn_{name}": True for name in numbers}})
        for name in names:
            layer, part = name.split(".")
            find = functools.partial(lambda layer, part, c: getattr(layers[layer](c), part), layer, part)
            cell = eqx.tree_at(find, cell, parameters[name].reshape(find(cell).shape))

        def record(state: Any, out: Any) -> Arrays:
            state = state[1] if isinstance(state, tuple) else state
            found = {n: getattr(state, f) for n, f in _STATES.items() if hasattr(state, f)}
            return {**{f"state_{name}": value for name, value in found.items()}, "spikes": out}

        seen = jax.vmap(lambda xs: snn.unroll(cell, xs, record=record)[1], in_axes=1, out_axes=1)(xs)
        return jnp.sum(jnp.asarray(case.arrays.get("loss_w", 0.0)) * seen["spikes"]), seen

    every = {name: jnp.asarray(case.arrays[f"param_{name}"]) for name in names}
    for name in learned:
        every[name] = _array("tau", 1 / (1 - given["beta"] + 1e-12) if name == "tau" else given[name])
    (loss, seen), (gradient, grad_x) = jax.jit(jax.value_and_grad(run, (0, 1), has_aux=True))(
        every, jnp.asarray(case.arrays["x"])
    )
    return {"loss": loss, **seen, "grad_x": grad_x} | {
        f"grad_{n}": g.reshape(case.arrays.get(f"grad_{n}", g).shape) for n, g in gradient.items()
    }


def _loss(case: Case) -> Arrays:
    name = case.meta.get("loss", case.behaviour.split(".")[2])
    params = {n: jnp.asarray(v) if n == "weight" and v is not None else v for n, v in case.params.items()}
    outputs, targets = jnp.asarray(case.arrays["inp"]), case.arrays.get("targets")
    if name == "accuracy":
        pooled = functional.accuracy_rate(outputs, case.arrays["targets_pop"], population_code=True, num_classes=3)
        return {
            "accuracy_rate": functional.accuracy_rate(outputs, targets),
            "accuracy_temporal": functional.accuracy_temporal(outputs, targets),
            "accuracy_rate_pop": pooled,
        }
    function = getattr(functional, name)(**params)
    if targets is None:
        return {"loss": function(outputs)}
    if params.get("population_code"):
        targets = case.arrays.get("targets_pop", targets)
    value, pullback = jax.vjp(lambda outputs: function(outputs, targets), outputs)
    return {"loss": value, "grad_inp": pullback(jnp.ones_like(value))[0]}


def _spike_generator(case: Case) -> Arrays:
    name, params = case.behaviour.split(".")[2].rstrip("0123456789"), case.params
    if name.startswith("targets"):
        return {"out": getattr(spikegen, name)(case.arrays["targets"], **params)}
    data = jnp.asarray(case.arrays["data"])
    if name.startswith("rate"):
        return {"spikes": spikegen.rate(data, **params, key=jax.random.key(0))}
    found = {"spikes": getattr(spikegen, name)(data, **params)}
    if name == "latency":
        taken = inspect.signature(spikegen.latency_code).parameters.keys() & params.keys()
        found["spike_times"] = spikegen.latency_code(data, **{option: params[option] for option in taken})[0]
    return found


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.snntorch`."""
    kind, word = [*case.behaviour.split("."), ""][1:3]
    if kind in _NEURONS:
        return _neuron(case)
    if kind in _NETWORKS:
        return _network(case)
    if kind == "surrogate":
        return curve(case, lambda x: _surrogate(word, case.params).fire(x, 0.0))
    if kind == "loss":
        return _loss(case)
    if kind == "spikegen":
        return _spike_generator(case)
    raise Unsupported(case.behaviour)


def compare(case: Case) -> list[str]:
    """What does not agree. Counts of random spikes, ours and the recorded, lie within 5 deviations of their mean."""
    if "spike_count" not in case.arrays:
        return differences(case, run(case))
    p, first = case.params, case.params.get("first_spike_time", 0)
    spikes = np.asarray(_spike_generator(case)["spikes"])
    mean = np.clip(p.get("gain", 1) * case.arrays["data"] + p.get("offset", 0), 0, 1)
    steps = p["num_steps"] - first
    most = 5 * np.sqrt(steps * mean * (1 - mean))
    lines = []
    for name, counts in {"spikes": spikes.sum(0), "recorded": case.arrays["spike_count"]}.items():
        if np.any(np.abs(counts - steps * mean) > most):
            lines.append(f"{name}: counts {counts.ravel()}, expected {(steps * mean).ravel()}")
    for name, rows in {"spikes": spikes, "recorded": case.arrays.get("first_rows", spikes)}.items():
        if rows[:first].any() or not np.isin(rows, (0, 1)).all():
            lines.append(f"{name}: spikes before the first step, or others than 0 and 1")
    return lines
