"""How the functions of this package make their neurons."""

from typing import Any

from ..._cell import AbstractCell
from ..._order import ResetFirst
from ..._surrogate import AbstractSurrogate
from ._base import CoreNeuron, Scaled, Size, reset_by_name
from ._units import plain
from .surrogate import ReluGrad

#: The default of every model there.
SPIKE = ReluGrad()

#: The library lets a membrane run away; the core would hold it.
NO_PEAK = 1e30

_UNITS = {
    **dict.fromkeys(("tau", "tau_a", "tau_w", "tau_syn", "tau_ref", "tau_f", "tau_d", "tau_decay", "tau_rise"), "ms"),
    **dict.fromkeys(
        ("V_th", "V_reset", "V_rest", "V_T", "delta_T", "V_c", "E", "V_th_inf", "V_th_reset", "beta"), "mV"
    ),
    **dict.fromkeys(("ENa", "EK", "EL", "V_Ca", "V_K", "V_leak", "V1", "V2", "V3", "V4", "V_initializer"), "mV"),
    **dict.fromkeys(("A1", "A2", "w_initializer", "I1_initializer", "I2_initializer"), "mA"),
    **dict.fromkeys(("gNa", "gK", "gL", "g_Ca", "g_K", "g_leak"), "mS"),
    **dict.fromkeys(("k1", "k2", "phi"), "kHz"),
    **dict.fromkeys(("dt", "T_dur"), "ms"),
    **dict.fromkeys(("V_th_initializer", "beta"), "mV"),
    "R": "ohm",
    "C": "uF",
    "c": "1/mV",
}


def plain_values(values: dict[str, Any], **units: str) -> dict[str, Any]:
    """Constants as plain numbers in their documented units; `units` goes before the common ones."""
    return {name: plain(value, units.get(name, _UNITS.get(name))) for name, value in values.items()}


def firing(p: dict[str, Any], spk_fun: AbstractSurrogate, spk_reset: str, base: Any = None) -> dict[str, Any]:
    """The fields of a core neuron that say how it fires and resets: at the beginning of the next step."""
    return {
        "surrogate": Scaled(spk_fun, p["V_reset"], base),
        "reset": reset_by_name(spk_reset, p["V_reset"]),
        "order": ResetFirst(),
        "dt": p["dt"],
    }


def made(
    cell: AbstractCell,
    in_size: Size,
    spk_fun: AbstractSurrogate,
    spk_reset: str,
    name: str | None,
    p: dict[str, Any],
    start: dict[str, Any],
    gain: Any = 1.0,
    edge: bool = False,
) -> CoreNeuron:
    """The neuron of the library around one of the core."""
    if p.get("ref_var"):
        raise ValueError(
            "ref_var was given True; there is no variable `refractory` here, and it takes False. Compute it from the "
            "state: `state.step * dt - state.last_spike_time < tau_ref`."
        )
    common = {"in_size": in_size, "spk_fun": spk_fun, "spk_reset": spk_reset, "name": name, "edge": edge}
    return CoreNeuron(cell=cell, gain=gain, start=start, tau_ref=p.get("tau_ref"), dt=p["dt"], **common)
