"""sinabs.

The first words of a behaviour say which layer it is, and everything else is read from the settings: the rest of a name
may say otherwise. States are those after a step, also where a file says that the library's own recordings are not.

sinabs counts spikes in float32, whatever else it runs in, so that products with spikes and gradients to spikes are
rounded. In a long sequence that fires a lot the gradient grows a thousandfold, and a last digit with it. The layers are
therefore run with the same rounding (`_Rounding`, `_RoundedReset`), which is no part of the library.
"""

import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import snnjax as snn
from snnjax._misc import decay_factor
from snnjax.compat import sinabs

from ._case import Case
from ._check import Unsupported
from ._trace import trace


def _rounded(x: Any) -> Any:
    """Rounded to float32, and so is its gradient; a cast there and back would be optimised away."""
    return jax.lax.reduce_precision(jnp.asarray(x, float), exponent_bits=8, mantissa_bits=23)


@jax.custom_vjp
def _uses(z: Any) -> tuple:
    """The spikes for the reset, for the adaptation, and for whatever comes after: their gradients add in float32."""
    return z, z, z


def _uses_backward(_: Any, gradients: tuple) -> tuple:
    reset, adaptation, out = map(_rounded, gradients)
    return (_rounded(_rounded(out + adaptation) + reset),)


_uses.defvjp(lambda z: (_uses(z), None), _uses_backward)


class _Rounding(snn.AbstractOrder):
    """Integrate, fire, reset, with the rounding of sinabs; a scalar decay times spikes is a product in float32."""

    def __call__(self, model: Any, params: Any, state: Any, x: Any, key: Any) -> tuple:
        after = model.integrate(params, state, x)
        reset, jump, out = _uses(model.fire(params, state, after, key))
        moved = model.spiked(params, after, reset)
        if hasattr(moved, "a"):
            gain = 1 - decay_factor(params.tau_a, params.decay_a, params.dt, x.dtype)
            error = _rounded(_rounded(gain) * jump) - gain * jump if jnp.ndim(gain) == 0 else 0.0
            adapted = model.spiked(params, after, jump).a + error
            moved = eqx.tree_at(lambda s: s.a, moved, adapted)
        return moved, out


class _RoundedReset(snn.AbstractReset):
    """A reset that multiplies a scalar threshold with spikes in float32."""

    reset: snn.AbstractReset
    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Any, z: Any, threshold: Any) -> Any:
        return v + _rounded(self.reset.apply(jnp.zeros_like(v), z, _rounded(threshold)))


def _with_rounding(layer: type) -> Any:
    class Rounded(layer):
        def _options(self) -> dict:
            return {**super()._options(), "order": _Rounding()}

    return Rounded


_LAYERS = {
    "lif": sinabs.LIF,
    "iaf": sinabs.IAF,
    "alif": sinabs.ALIF,
    "expleak": sinabs.ExpLeak,
    "lif_recurrent": sinabs.LIFRecurrent,
    "iaf_recurrent": sinabs.IAFRecurrent,
    "alif_recurrent": sinabs.ALIFRecurrent,
}


def run(case: Case) -> dict:
    kind = re.sub("_?squeeze$", "", case.behaviour.split(".")[1])  # a squeezed layer makes the same numbers
    functions = {"surrogate": _surrogate, "quantize": _quantize, "sumpool": _sumpool}
    if kind in functions:
        return functions[kind](case)
    if kind not in _LAYERS:
        raise Unsupported(case.behaviour)
    return _layer(case, kind)


def _derivative(params: dict) -> Any:
    return getattr(sinabs, params["name"])(**{n: v for n, v in params.items() if n != "name"})


def _spike(params: dict) -> Any:
    """The spike function: "single", "multi", or "max" with its limit in the word or beside it."""
    spike = str(params["spike"])
    if spike in ("single", "multi"):
        return {"single": sinabs.SingleSpike, "multi": sinabs.MultiSpike}[spike]()
    digits = re.fullmatch(r"max\D*(\d*)", spike)
    if digits is None:
        raise Unsupported(f"spike {spike}")
    limits = [params.get(name) for name in ("max_num_spikes_per_bin", "max_num_spikes", "max_spikes", "n")]
    limit = digits[1] or next((n for n in limits if n is not None), None)
    return sinabs.MaxSpike(None if limit is None else int(limit))


def _reset(params: dict, raised: bool) -> Any:
    if params["reset"] == "reset":
        return sinabs.MembraneReset(params.get("reset_value", 0.0))
    value = params.get("subtract_value")
    if value is not None:
        return _RoundedReset(sinabs.MembraneSubtract(float(np.float32(value))))
    plain = raised or np.ndim(params["threshold"]) > 0
    return sinabs.MembraneSubtract() if plain else _RoundedReset(sinabs.MembraneSubtract())


def _number(value: Any) -> Any:
    return jnp.asarray(value, float) if isinstance(value, list) else value


def _options(params: dict, name: str) -> dict:
    """The arguments of a layer, without those that are trained."""
    options = {"min_v_mem": _number(params.get("min_v_mem"))}
    if name != "iaf":
        options |= {
            "norm_input": params.get("norm_input", name != "expleak"),
            "train_alphas": params.get("train_alphas", False),
        }
    if name != "expleak":
        options |= {
            "spike_threshold": _number(params["threshold"]),
            "spike_fn": _spike(params),
            "reset_fn": _reset(params, raised=name == "alif"),
            "surrogate_grad_fn": _derivative(params["surrogate"]),
        }
    if name == "alif":
        options["adapt_scale"] = _number(params["adapt_scale"])
    return options


def _layer(case: Case, kind: str) -> dict:
    params, arrays = case.params, case.arrays
    name, recurrent = kind.removesuffix("_recurrent"), kind.endswith("_recurrent")
    names = [n for n in ("tau_mem", "tau_syn", "tau_adapt") if params.get(n) is not None]
    taus = {n: jnp.asarray(params[n], float) for n in names}
    alphas = {n.replace("tau", "alpha"): jnp.exp(-1 / tau) for n, tau in taus.items()}
    if params.get("train_alphas"):  # they begin as float32 numbers, which the file has
        parameters = {n: jnp.asarray(arrays.get(n, alpha)) for n, alpha in alphas.items()}
    else:
        parameters = dict(taus)
    if recurrent:
        parameters |= {n: jnp.asarray(arrays[n]) for n in ("W_rec", "b_rec") if n in arrays}
    options = _options(params, name)

    def back(given: dict, spikes: Any) -> Any:
        return given["W_rec"] @ _rounded(spikes) + given.get("b_rec", 0.0)

    def build(given: dict) -> Any:
        arguments = {n: given.get(n, tau) for n, tau in taus.items()}
        if recurrent:
            arguments["rec_connect"] = lambda spikes: back(given, spikes)
        layer = (_LAYERS[kind] if name == "expleak" else _with_rounding(_LAYERS[kind]))(**arguments, **options)
        for n in alphas.keys() & given.keys():
            layer = eqx.tree_at(lambda layer, n=n: getattr(layer, n), layer, given[n])
        return layer

    layer = build(parameters)

    def states(state: Any, out: Any) -> dict:
        del out
        return {f"state_{n}": array for n, array in layer.recorded(state).items()}

    found = trace(case, build, states, parameters, output="out" if name == "expleak" else "spikes")
    current = found["cur"]
    if recurrent:
        heard = jax.vmap(jax.vmap(lambda spikes: back(parameters, spikes)))(found["spikes"])
        found["cur_total"] = current = current.at[1:].add(heard[:-1])
    if "tau_syn" not in taus:  # recorded nevertheless: what enters the membrane
        scaled = name == "alif" and options["norm_input"]
        found["state_i_syn"] = (1 - layer.alpha_mem_calculated) * current if scaled else current
    return {**found, **alphas}


def _surrogate(case: Case) -> dict:
    params = {**case.params}
    threshold = params.pop("threshold")
    derivative = _derivative({"name": case.behaviour.split(".")[2], **params})
    v = jnp.asarray(case.arrays["v_mem"])
    found = {"grad": derivative(v, threshold)}
    for kind in [n.removeprefix("value_") for n in case.expected if n.startswith("value_")]:
        spike = eqx.tree_at(lambda s: s.surrogate, _spike({"spike": kind}), derivative)
        fire = lambda v, spike=spike: spike.fire(v, threshold)  # noqa: E731
        found |= {f"value_{kind}": fire(v), f"dvalue_{kind}": jax.vmap(jax.grad(fire))(v)}
    return found


def _function(case: Case, function: Any) -> dict:
    """A function without parameters: its output, a weighted sum of it, and the gradient of that."""

    def loss(x: Any) -> Any:
        out = function(x)
        return jnp.sum(jnp.asarray(case.arrays["loss_w"]) * out), out

    (value, out), gradient = jax.value_and_grad(loss, has_aux=True)(jnp.asarray(case.arrays["x"]))
    return {"loss": value, "out": out, "grad_x": gradient}


def _quantize(case: Case) -> dict:
    return _function(case, sinabs.Quantize())


def _sumpool(case: Case) -> dict:
    kernel, stride = (
        tuple(v) if isinstance(v, list) else v for v in (case.params["kernel"], case.params.get("stride"))
    )
    return _function(case, sinabs.SumPool2d(kernel, stride, case.params.get("ceil_mode", False)))
