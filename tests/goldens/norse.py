"""Norse."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

import snnjax as snn
from snnjax.compat import norse
from snnjax.compat._common import Prepared

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays, curve, trace

# Words of a behaviour: the cell there, and its parameters.
_CELLS = {
    "lif": (norse.LIFCell, norse.LIFParameters),
    "lif_box": (norse.LIFBoxCell, norse.LIFBoxParameters),
    "lif_ex": (norse.LIFExCell, norse.LIFExParameters),
    "lif_adex": (norse.LIFAdExCell, norse.LIFAdExParameters),
    "li": (norse.LICell, norse.LIParameters),
    "li_box": (norse.LIBoxCell, norse.LIBoxParameters),
    "iaf": (norse.IAFCell, norse.IAFParameters),
    "lsnn": (norse.LSNNCell, norse.LSNNParameters),
    "coba_lif": (norse.CobaLIFCell, norse.CobaLIFParameters),
}


def _parameters(kind: Any, params: dict[str, Any]) -> Any:
    names = kind.__dataclass_fields__
    return kind(**{name: value for name, value in params.items() if name in names})


class _FromZero(snn.AbstractCell):
    """A cell whose whole state begins at zero."""

    cell: snn.AbstractCell

    def init_state(self, x: Any, *, key: Any = None) -> Any:
        return jax.tree.map(jnp.zeros_like, self.cell.init_state(x, key=key))

    def __call__(self, state: Any, x: Any, *, key: Any = None) -> tuple[Any, Any]:
        return self.cell(state, x, key=key)


def _refractory(params: dict[str, Any]) -> Any:
    return norse.LIFRefracParameters(_parameters(norse.LIFParameters, params), params["rho_reset"])


def _cell(case: Case, word: str, recurrent: bool) -> Any:
    """The cell, beginning where the recording does: at zero."""
    dt, params = case.meta["dt"], case.params
    if word == "izhikevich":
        behavior = norse.behaviors[case.behaviour.split(".")[2].removesuffix("_rec")]
        behavior = eqx.tree_at(lambda b: b.p, behavior, _parameters(norse.IzhikevichParameters, params))
        return norse.IzhikevichCell(behavior, dt)
    detach = {"detach_reset": True} if recurrent and word in ("lif", "lsnn", "lif_refrac") else {}
    if word == "lif_refrac":
        return _FromZero(norse.LIFRefracCell(_refractory(params), dt, **detach))
    if word == "lif_adex_refrac":
        adex = _parameters(norse.LIFAdExParameters, params)
        p = norse.LIFAdExRefracParameters(adex, params["rho_reset"])
        return _FromZero(norse.LIFAdExRefracCell(p, dt))
    if word not in _CELLS:
        raise Unsupported(case.behaviour)
    make, kind = _CELLS[word]
    if word == "lif_box":
        subtracts = "subtract" in str(params.get("reset_method", "")) or "subtract" in case.behaviour
        params = {**params, "reset_method": "subtract" if subtracts else "value"}
    p = _parameters(kind, params)
    cell = make(p) if word == "iaf" else make(p, dt, **detach)
    if isinstance(cell, snn.Sequential):
        synapse, neuron = cell.layers
        # The functions of the library start `b`, which is the threshold, at zero; its modules do not.
        start = {"v": 0.0, "a": -p.v_th / p.beta} if word == "lsnn" else {"v": 0.0}
        return snn.Sequential(synapse, Prepared(neuron, start))
    return Prepared(cell, {"v": 0.0})


def _variables(case: Case, word: str, state: Any) -> Arrays:
    """The variables of a state of a cell, by the library's names."""
    if word in ("lif_refrac", "lif_mc_refrac"):
        return {"lif_v": state.lif.v, "lif_i": state.lif.i, "rho": state.rho}
    if word == "lif_adex_refrac":
        synapse, neuron = state.lif
        return {"lif_adex_v": neuron.v, "lif_adex_i": synapse.i, "lif_adex_a": neuron.w, "rho": state.rho}
    found: Arrays = {}
    for part in jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "__dataclass_fields__")):
        if part is not None:
            found |= {name: getattr(part, name) for name in part.__dataclass_fields__}
    if "beta" in case.params:
        found["b"] = case.params["v_th"] + case.params["beta"] * found["a"]
    if word == "lif_adex":
        found["a"] = found["w"]
    if "g_excitatory" in found:
        found |= {"g_e": found["g_excitatory"], "g_i": found["g_inhibitory"]}
    return found


def _feed_forward(case: Case, word: str) -> Arrays:
    cell = _cell(case, word, recurrent=False)

    def states(state: Any, out: Any) -> Arrays:
        return {f"state_{name}": value for name, value in _variables(case, word, state).items()}

    output = "out" if "out" in case.arrays else "spikes"
    return trace(case, lambda _: cell, states, scale=case.params["amp"], base=case.params["base"], output=output)


def _recurrent(case: Case, word: str) -> Arrays:
    arguments = {name: jnp.asarray(case.arrays[name]) for name in ("x", "W_in", "W_rec")}
    if word in ("lif_mc", "lif_mc_refrac"):
        coupling = case.arrays["g_coupling"] if "g_coupling" in case.arrays else case.params["g_coupling"]
        arguments["g_coupling"] = jnp.asarray(coupling)
    hidden, inputs = arguments["W_in"].shape

    def run(arguments: Arrays) -> tuple[Any, Arrays]:
        weights = {"input_weights": arguments["W_in"], "recurrent_weights": arguments["W_rec"], "autapses": True}
        if "g_coupling" in arguments:
            make, p = norse.LIFMCRecurrentCell, _parameters(norse.LIFParameters, case.params)
            if word == "lif_mc_refrac":
                make, p = norse.LIFMCRefracRecurrentCell, _refractory(case.params)
            cell = make(inputs, hidden, p, arguments["g_coupling"], case.meta["dt"], **weights)
            cell = eqx.tree_at(lambda c: c[1].cell, cell, replace_fn=_FromZero)
        else:
            cell = norse.recurrent(_cell(case, word, recurrent=True), inputs, hidden, **weights)

        def record(state: Any, out: Any) -> Arrays:
            inner = state[1].cell
            found = {f"state_{name}": value for name, value in _variables(case, word, inner).items()}
            return {**found, **dict.fromkeys(("state_z", "state_lif_z", "state_lif_adex_z", "spikes"), out)}

        seen = jax.vmap(lambda xs: snn.unroll(cell, xs, record=record)[1], in_axes=1, out_axes=1)(arguments["x"])
        return jnp.sum(jnp.asarray(case.arrays["loss_w"]) * seen["spikes"]), seen

    (loss, seen), gradient = jax.jit(jax.value_and_grad(run, has_aux=True))(arguments)
    found = {"loss": loss, **seen, **{f"grad_{name}": value for name, value in gradient.items()}}
    return {**found, **{name: value for name, value in arguments.items() if name == "g_coupling"}}


def _plasticity(case: Case) -> Arrays:
    name = "z" if "z" in case.arrays else "x"
    p = _parameters(norse.TsodyksMakramParameters, case.params)

    def step(state: Any, z: Any) -> tuple[Any, Arrays]:
        out, state = norse.stp_step(z, state, p, case.meta["dt"])
        return state, {"out": out, "state_u": state.u, "state_x": state.x}

    def run(zs: Any) -> tuple[Any, Arrays]:
        rest = norse.TsodyksMakramState(jnp.zeros(zs.shape[1:]), jnp.ones(zs.shape[1:]))
        seen = jax.lax.scan(step, rest, zs)[1]
        return jnp.sum(jnp.asarray(case.arrays.get("loss_w", 0.0)) * seen["out"]), seen

    zs = jnp.asarray(case.arrays[name])
    (loss, seen), gradient = jax.value_and_grad(run, has_aux=True)(zs)
    return {"loss": loss, **seen, name: zs, f"grad_{name}": gradient}


def _filter(case: Case) -> Arrays:
    cell = norse.ExpFilter(1, 1, case.params["tau_filter_inv"], case.meta["dt"], jnp.ones((1, 1)), bias=False)[1]
    scale, base = case.params.get("amp", 1.0), case.params.get("base", 0.0)
    return trace(case, lambda _: cell, lambda state, out: {}, scale=scale, base=base, output="out")


def _decoder(case: Case, name: str) -> Arrays:
    zs, params = jnp.asarray(case.arrays["x"]), case.params
    if name == "sum":
        return {"out": norse.sum_decode(zs, params.get("dimension", 0))}
    if name == "spikes_to_times":
        names = ("spike_count", "convert_indices_to_times")
        decoder = norse.SpikesToTimesDecoder(**{n: params[n] for n in names if n in params}, dt=case.meta["dt"])
        return {"out": decoder(zs)}
    raise Unsupported(case.behaviour)


def _encoder(case: Case, name: str) -> Arrays:
    x, params = jnp.asarray(case.arrays["x"]), case.params
    if name == "population":
        return {"out": norse.population_encode(x, params["out_features"], params["scale"])}
    if name == "spike_latency":
        return {"spikes": norse.spike_latency_encode(x)}
    if name in ("constant_current_lif", "spike_latency_lif"):
        p = _parameters(norse.LIFParameters, params)
        return {"spikes": getattr(norse, f"{name}_encode")(x, params["seq_length"], p, case.meta["dt"])}
    raise Unsupported(case.behaviour)


def run(case: Case) -> Arrays:
    """What the library's file holds, computed by `snnjax.compat.norse`."""
    kind, *rest = case.behaviour.split(".")[1:]
    if kind == "encode":
        return _encoder(case, rest[0])
    if kind == "decode":
        return _decoder(case, rest[0])
    if kind in ("stp", "tsodyks_makram"):
        return _plasticity(case)
    if kind == "exp_filter":
        return _filter(case)
    if kind == "threshold":
        return curve(case, norse.surrogate(case.params["method"], case.params["alpha"]))
    if "W_rec" in case.arrays:
        return _recurrent(case, kind.removesuffix("_rec"))
    return _feed_forward(case, kind.removesuffix("_ff"))
