"""The nonlinear reduced neurons of `brainpy.state`, with and without a refractory period."""

from typing import Any

from ..._integrator import ExponentialEuler
from ..._neuron.adaptive_quadratic import AdaptiveQIF
from ..._neuron.adex import AdEx
from ..._neuron.exponential_integrate_and_fire import ExpIF as _ExpIF
from ..._neuron.generalised import GIF
from ..._neuron.izhikevich import Izhikevich as _Izhikevich
from ..._neuron.quadratic import QIF
from ..._order import ResetFirst
from ..._surrogate import AbstractSurrogate
from ._base import ChosenReset, CoreNeuron, Scaled, Size
from ._make import NO_PEAK, SPIKE, firing, made, plain_values


def ExpIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    V_th: Any = -30.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_T: Any = -59.9,
    delta_T: Any = 3.48,
    V_initializer: Any = -65.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V_rest - V + delta_T exp((V - V_T) / delta_T) + R x`; the exponent is held at 20."""
    return _exp_if(**locals())


def ExpIFRef(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    tau_ref: Any = 1.7,
    V_th: Any = -30.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_T: Any = -59.9,
    delta_T: Any = 3.48,
    V_initializer: Any = -65.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    ref_var: bool = False,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`ExpIF`, and refractory for `tau_ref`."""
    return _exp_if(**locals())


def _exp_if(in_size: Size, spk_fun: Any, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    p = plain_values(constants)
    cell = _ExpIF(
        tau=p["tau"],
        resistance=p["R"],
        rest=p["V_rest"],
        rheobase=p["V_T"],
        slope_factor=p["delta_T"],
        threshold=p["V_th"],
        peak=NO_PEAK,
        **firing(p, spk_fun, spk_reset),
    )
    return made(cell, in_size, spk_fun, spk_reset, name, p, {"v": p["V_initializer"]})


def AdExIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    tau_w: Any = 30.0,
    V_th: Any = -55.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_T: Any = -59.9,
    delta_T: Any = 3.48,
    a: Any = 1.0,
    b: Any = 1.0,
    V_initializer: Any = -65.0,
    w_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`ExpIF` less `R w`; `tau_w w' = a (V - V_rest) - w` with the new V, `w` jumps by `b`."""
    return _adex(**locals())


def AdExIFRef(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    tau_w: Any = 30.0,
    tau_ref: Any = 1.7,
    V_th: Any = -55.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_T: Any = -59.9,
    delta_T: Any = 3.48,
    a: Any = 1.0,
    b: Any = 1.0,
    V_initializer: Any = -65.0,
    w_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    ref_var: bool = False,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`AdExIF`, and refractory for `tau_ref`."""
    return _adex(**locals())


def _adex(in_size: Size, spk_fun: Any, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    p = plain_values(constants, a="siemens", b="mA")
    cell = AdEx(
        capacitance=p["tau"] / p["R"],
        leak_conductance=1 / p["R"],
        rest=p["V_rest"],
        rheobase=p["V_T"],
        slope_factor=p["delta_T"],
        tau_w=p["tau_w"],
        a=p["a"],
        b=p["b"],
        threshold=p["V_th"],
        peak=NO_PEAK,
        integrator=ExponentialEuler(sequential=True),
        **firing(p, spk_fun, spk_reset),
    )
    start = {"v": p["V_initializer"], "w": p["w_initializer"]}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start)


def QuaIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    V_th: Any = -30.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_c: Any = -50.0,
    c: Any = 0.07,
    V_initializer: Any = -65.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = c (V - V_rest) (V - V_c) + R x`."""
    p = plain_values(
        dict(R=R, tau=tau, V_th=V_th, V_reset=V_reset, V_rest=V_rest, V_c=V_c, c=c, dt=dt, V_initializer=V_initializer)
    )
    cell = QIF(
        tau=p["tau"],
        resistance=p["R"],
        rest=p["V_rest"],
        critical=p["V_c"],
        curvature=p["c"],
        threshold=p["V_th"],
        peak=NO_PEAK,
        **firing(p, spk_fun, spk_reset),
    )
    return made(cell, in_size, spk_fun, spk_reset, name, p, {"v": p["V_initializer"]})


def AdQuaIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    tau_w: Any = 10.0,
    V_th: Any = -30.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_c: Any = -50.0,
    c: Any = 0.07,
    a: Any = 1.0,
    b: Any = 0.1,
    V_initializer: Any = -65.0,
    w_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`QuaIF` less `R w`; `tau_w w' = a (V - V_rest) - w` with the new V, `w` jumps by `b`."""
    return _adaptive_quadratic(**locals())


def AdQuaIFRef(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 10.0,
    tau_w: Any = 10.0,
    tau_ref: Any = 1.7,
    V_th: Any = -30.0,
    V_reset: Any = -68.0,
    V_rest: Any = -65.0,
    V_c: Any = -50.0,
    c: Any = 0.07,
    a: Any = 1.0,
    b: Any = 0.1,
    V_initializer: Any = -65.0,
    w_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    ref_var: bool = False,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`AdQuaIF`, and refractory for `tau_ref`."""
    return _adaptive_quadratic(**locals())


def _adaptive_quadratic(in_size: Size, spk_fun: Any, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    p = plain_values(constants, a="siemens", b="mA")
    cell = AdaptiveQIF(
        tau=p["tau"],
        resistance=p["R"],
        rest=p["V_rest"],
        critical=p["V_c"],
        curvature=p["c"],
        tau_w=p["tau_w"],
        a=p["a"],
        b=p["b"],
        threshold=p["V_th"],
        peak=NO_PEAK,
        integrator=ExponentialEuler(sequential=True),
        **firing(p, spk_fun, spk_reset),
    )
    start = {"v": p["V_initializer"], "w": p["w_initializer"]}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start)


def Izhikevich(
    in_size: Size,
    a: Any = 0.02,
    b: Any = 0.2,
    c: Any = -65.0,
    d: Any = 8.0,
    V_th: Any = 30.0,
    V_initializer: Any = -65.0,
    u_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "hard",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`V' = 0.04 V^2 + 5 V + 140 - u + x`, `u' = a (b V - u)` with the new V; at a spike `V = c`, `u + d`.

    There the reset is a choice of `c`, without a gradient to the spike, whatever `spk_reset` says: so only 'hard' is
    taken.
    """
    return _izhikevich(**locals())


def IzhikevichRef(
    in_size: Size,
    a: Any = 0.02,
    b: Any = 0.2,
    c: Any = -65.0,
    d: Any = 8.0,
    V_th: Any = 30.0,
    tau_ref: Any = 0.0,
    V_initializer: Any = -65.0,
    u_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "hard",
    ref_var: bool = False,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`Izhikevich`, and refractory for `tau_ref`."""
    return _izhikevich(**locals())


def _izhikevich(in_size: Size, spk_fun: Any, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    if spk_reset != "hard":
        raise ValueError(f"Izhikevich was given spk_reset={spk_reset!r}; its reset is to c, and it takes 'hard'.")
    p = plain_values(constants, a="kHz", b="kHz", c="mV", d="mV/ms", u_initializer="mV/ms")
    cell = _Izhikevich(
        a=p["a"],
        b=p["b"],
        d=p["d"],
        threshold=p["V_th"],
        dt=p["dt"],
        peak=NO_PEAK,
        surrogate=Scaled(spk_fun),
        reset=ChosenReset(p["c"]),
        integrator=ExponentialEuler(sequential=True),
        order=ResetFirst(),
    )
    start = {"v": p["V_initializer"], "u": p["u_initializer"]}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start)


def Gif(
    in_size: Size,
    R: Any = 20.0,
    tau: Any = 20.0,
    V_rest: Any = -70.0,
    V_reset: Any = -70.0,
    V_th_inf: Any = -50.0,
    V_th_reset: Any = -60.0,
    V_th_initializer: Any = -50.0,
    a: Any = 0.0,
    b: Any = 0.01,
    k1: Any = 0.2,
    k2: Any = 0.02,
    R1: Any = 0.0,
    R2: Any = 1.0,
    A1: Any = 0.0,
    A2: Any = 0.0,
    V_initializer: Any = -70.0,
    I1_initializer: Any = 0.0,
    I2_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V_rest - V + R (I1 + I2 + x)` with a threshold that moves: see the core's `GIF`."""
    return _gif(**locals())


def GifRef(
    in_size: Size,
    R: Any = 20.0,
    tau: Any = 20.0,
    tau_ref: Any = 1.7,
    V_rest: Any = -70.0,
    V_reset: Any = -70.0,
    V_th_inf: Any = -50.0,
    V_th_reset: Any = -60.0,
    V_th_initializer: Any = -50.0,
    a: Any = 0.0,
    b: Any = 0.01,
    k1: Any = 0.2,
    k2: Any = 0.02,
    R1: Any = 0.0,
    R2: Any = 1.0,
    A1: Any = 0.0,
    A2: Any = 0.0,
    V_initializer: Any = -70.0,
    I1_initializer: Any = 0.0,
    I2_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    ref_var: bool = False,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`Gif`, and refractory for `tau_ref`."""
    return _gif(**locals())


def _gif(in_size: Size, spk_fun: Any, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    p = plain_values(constants, a="kHz", b="kHz")
    cell = GIF(
        tau=p["tau"],
        resistance=p["R"],
        rest=p["V_rest"],
        threshold=p["V_th_inf"],
        threshold_reset=p["V_th_reset"],
        **{name: p[name] for name in ("a", "b", "k1", "k2")},
        **{name.lower(): p[name] for name in ("R1", "R2", "A1", "A2")},
        # The refractory one keeps the reset currents for the membrane of the same step.
        integrator=ExponentialEuler(sequential="tau_ref" not in p),
        **firing(p, spk_fun, spk_reset),
    )
    start = {
        "v": p["V_initializer"],
        "i1": p["I1_initializer"],
        "i2": p["I2_initializer"],
        "threshold": p["V_th_initializer"],
    }
    return made(cell, in_size, spk_fun, spk_reset, name, p, start)
