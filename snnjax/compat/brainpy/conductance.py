"""The conductance-based neurons and oscillators of `brainpy.state`: a spike is a rising edge, there is no reset.

`spk_reset` is accepted there and not used; here only its default is taken.
"""

from typing import Any

from ..._cell import AbstractCell
from ..._neuron.fitzhugh_nagumo import FitzHughNagumo as _FitzHughNagumo
from ..._neuron.hindmarsh_rose import HindmarshRose as _HindmarshRose
from ..._neuron.hodgkin_huxley import HodgkinHuxley
from ..._neuron.morris_lecar import MorrisLecar as _MorrisLecar
from ..._neuron.wang_buzsaki import WangBuzsaki
from ..._surrogate import AbstractSurrogate
from ._base import CoreNeuron, Scaled, Size
from ._make import SPIKE, made, plain_values


def _edge(
    cell: AbstractCell,
    in_size: Size,
    spk_fun: AbstractSurrogate,
    spk_reset: str,
    name: str | None,
    p: dict[str, Any],
    start: dict[str, Any],
) -> CoreNeuron:
    if spk_reset != "soft":
        raise ValueError(
            f"spk_reset was given {spk_reset!r}; this neuron has no reset, and it takes the default 'soft'."
        )
    start = {field: value for field, value in start.items() if value is not None}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start, edge=True)


def HH(
    in_size: Size,
    ENa: Any = 50.0,
    gNa: Any = 120.0,
    EK: Any = -77.0,
    gK: Any = 36.0,
    EL: Any = -54.387,
    gL: Any = 0.03,
    V_th: Any = 20.0,
    C: Any = 1.0,
    V_initializer: Any = -65.0,
    m_initializer: Any = None,
    h_initializer: Any = None,
    n_initializer: Any = None,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """Hodgkin-Huxley neuron. The leak of the library, 0.03, is a tenth of the original.

    Gates without an initializer begin where they settle at the initial membrane, which is drawn there and -65 here.
    """
    p = plain_values(
        dict(ENa=ENa, gNa=gNa, EK=EK, gK=gK, EL=EL, gL=gL, V_th=V_th, C=C, dt=dt, V_initializer=V_initializer)
    )
    settled = {} if callable(p["V_initializer"]) else {"start": p["V_initializer"]}
    cell = HodgkinHuxley(
        sodium_conductance=p["gNa"],
        potassium_conductance=p["gK"],
        leak_conductance=p["gL"],
        sodium_reversal=p["ENa"],
        potassium_reversal=p["EK"],
        leak_reversal=p["EL"],
        capacitance=p["C"],
        threshold=p["V_th"],
        dt=p["dt"],
        surrogate=Scaled(spk_fun),
        **settled,
    )
    start = {"v": p["V_initializer"], "m": m_initializer, "h": h_initializer, "n": n_initializer}
    return _edge(cell, in_size, spk_fun, spk_reset, name, p, start)


def WangBuzsakiHH(
    in_size: Size,
    ENa: Any = 55.0,
    gNa: Any = 35.0,
    EK: Any = -90.0,
    gK: Any = 9.0,
    EL: Any = -65.0,
    gL: Any = 0.1,
    V_th: Any = 20.0,
    phi: Any = 5.0,
    C: Any = 1.0,
    V_initializer: Any = -65.0,
    h_initializer: Any = 0.6,
    n_initializer: Any = 0.32,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """Wang-Buzsaki interneuron; `phi` has no unit."""
    p = plain_values(
        dict(ENa=ENa, gNa=gNa, EK=EK, gK=gK, EL=EL, gL=gL, V_th=V_th, C=C, dt=dt, V_initializer=V_initializer)
    )
    cell = WangBuzsaki(
        sodium_conductance=p["gNa"],
        potassium_conductance=p["gK"],
        leak_conductance=p["gL"],
        sodium_reversal=p["ENa"],
        potassium_reversal=p["EK"],
        leak_reversal=p["EL"],
        capacitance=p["C"],
        speed=phi,
        threshold=p["V_th"],
        dt=p["dt"],
        surrogate=Scaled(spk_fun),
    )
    start = {"v": p["V_initializer"], "h": h_initializer, "n": n_initializer}
    return _edge(cell, in_size, spk_fun, spk_reset, name, p, start)


def MorrisLecar(
    in_size: Size,
    V_Ca: Any = 130.0,
    g_Ca: Any = 4.4,
    V_K: Any = -84.0,
    g_K: Any = 8.0,
    V_leak: Any = -60.0,
    g_leak: Any = 2.0,
    C: Any = 20.0,
    V1: Any = -1.2,
    V2: Any = 18.0,
    V3: Any = 2.0,
    V4: Any = 30.0,
    phi: Any = 0.04,
    V_th: Any = 10.0,
    V_initializer: Any = -65.0,
    W_initializer: Any = 0.02,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """Morris-Lecar neuron. The initial membrane is drawn there, and -65 here."""
    constants = {**locals()}
    for other in ("in_size", "W_initializer", "spk_fun", "spk_reset", "name"):
        del constants[other]
    p = plain_values(constants)
    cell = _MorrisLecar(
        calcium_conductance=p["g_Ca"],
        potassium_conductance=p["g_K"],
        leak_conductance=p["g_leak"],
        calcium_reversal=p["V_Ca"],
        potassium_reversal=p["V_K"],
        leak_reversal=p["V_leak"],
        calcium_middle=p["V1"],
        calcium_width=p["V2"],
        potassium_middle=p["V3"],
        potassium_width=p["V4"],
        speed=p["phi"],
        capacitance=p["C"],
        threshold=p["V_th"],
        dt=p["dt"],
        surrogate=Scaled(spk_fun),
    )
    return _edge(cell, in_size, spk_fun, spk_reset, name, p, {"v": p["V_initializer"], "w": W_initializer})


def FitzHughNagumo(
    in_size: Size,
    a: Any = 0.7,
    b: Any = 0.8,
    tau: Any = 1.0,
    tau_w: Any = 12.5,
    V_th: Any = 1.0,
    V_initializer: Any = -1.2,
    w_initializer: Any = -0.62,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V - V^3 / 3 - w + x`, `tau_w w' = V + a - b w`, without units."""
    p = plain_values(dict(tau=tau, tau_w=tau_w, dt=dt))
    cell = _FitzHughNagumo(
        a=a, b=b, tau=p["tau"], tau_w=p["tau_w"], threshold=V_th, dt=p["dt"], surrogate=Scaled(spk_fun)
    )
    return _edge(cell, in_size, spk_fun, spk_reset, name, p, {"v": V_initializer, "w": w_initializer})


def HindmarshRose(
    in_size: Size,
    a: Any = 1.0,
    b: Any = 3.0,
    c: Any = 1.0,
    d: Any = 5.0,
    r: Any = 0.006,
    s: Any = 4.0,
    V_r: Any = -1.6,
    tau: Any = 1.0,
    V_th: Any = 1.0,
    V_initializer: Any = -1.6,
    y_initializer: Any = -10.0,
    z_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = y - a V^3 + b V^2 - z + x`, without units; `z` is `w` in the state."""
    p = plain_values(dict(tau=tau, dt=dt))
    options = dict(a=a, b=b, c=c, d=d, r=r, s=s, rest=V_r, threshold=V_th)
    cell = _HindmarshRose(**options, tau=p["tau"], dt=p["dt"], surrogate=Scaled(spk_fun))
    start = {"v": V_initializer, "y": y_initializer, "w": z_initializer}
    return _edge(cell, in_size, spk_fun, spk_reset, name, p, start)
