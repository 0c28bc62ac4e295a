"""Edifice."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn
from snnjax.compat import edifice

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve


def _lif(case: Case) -> Arrays:
    """A constant input for as many steps as were recorded."""
    reset = "soft" if "soft" in case.behaviour else "hard"
    current = jnp.asarray(case.arrays["x"] @ case.arrays["W"])
    beta = jnp.exp(-1 / jnp.asarray(case.params["tau"], jnp.float64))
    v, vs, zs = jnp.zeros_like(current), [], []
    for _ in case.arrays["spikes"]:
        v, z = edifice.lif_neuron(v, current, beta, case.params["threshold"], reset=reset)
        vs.append(v)
        zs.append(z)
    spikes = jnp.stack(zs)
    return {"spikes": spikes, "state_v": jnp.stack(vs), "rate": edifice.rate_decode(jnp.swapaxes(spikes, 0, 1))}


def _network(case: Case) -> Arrays:
    first, *hidden, last = case.params["sizes"]
    steps = len(case.arrays["spikes"])
    options = {"tau": case.params["tau"], "threshold": case.params["threshold"]}
    model = edifice.build(first, hidden, last, steps, **options, key=jr.key(0))
    for i in range(len(hidden) + 1):
        weights = jnp.asarray(case.arrays[f"W{i}"].T)
        model = eqx.tree_at(lambda m, i=i: m.network.layers[2 * i].weight, model, weights)
    x = jnp.asarray(case.arrays["x"])
    xs = jnp.broadcast_to(x, (steps, *x.shape))

    def one(xs: jax.Array) -> list[jax.Array]:
        seen = snn.unroll(snn.probe(model.network), xs, record=snn.observations)[1]
        return [probed.out for probed in seen.values()]

    layers = jax.vmap(one, in_axes=1, out_axes=1)(xs)
    found = {f"spikes_layer{i}": zs for i, zs in enumerate(layers)}
    return {**found, "spikes": layers[-1], "rate": model(x)}


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.edifice`."""
    kind = case.behaviour.split(".")[1]
    if kind == "lif":
        return _lif(case)
    if kind == "network":
        return _network(case)
    if kind == "surrogate":
        slope = case.params["slope"]
        hard = curve(case, lambda x: edifice.surrogate_gradient(x, slope))
        soft = curve(case, lambda x: edifice.surrogate_gradient(x, slope, smooth=True))
        return {
            "hard": hard["value"],
            "grad_fast_sigmoid": hard["grad"],
            "soft": soft["value"],
            "grad_soft": soft["grad"],
        }
    raise Unsupported(case.behaviour)
