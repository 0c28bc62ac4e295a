"""The leaky integrate-and-fire family of `brainpy.state`.

Common to all neurons of this package: plain numbers are in the unit of the default (ms, mV, mA with R in ohm, kHz for
rates), quantities of a units library are converted; the reset comes at the beginning of the next step from the stored
membrane; a step is exponential Euler with `dt` in ms; the surrogate hears `(V - V_th) / (V_th - V_reset)`.
`V_initializer` and its kind take a number, an array, or a function `(key, shape)`.
"""

from typing import Any

from ..._neuron import ALIF as _ALIF
from ..._neuron import LIF as _LIF
from ..._neuron import CubaLIF as _CubaLIF
from ..._neuron.conductance_based import CobaLIF as _CobaLIF
from ..._surrogate import AbstractSurrogate
from ..._synapse.output import ConductanceOutput
from ._base import CoreNeuron, Size
from ._make import SPIKE, firing, made, plain_values


def IF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    V_th: Any = 1.0,
    V_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = -V + R x`. It leaks, whatever it is called; the reset is to 0, or by `V_th`."""
    return _lif(**locals(), V_reset=0.0, V_rest=0.0)


def LIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    V_th: Any = 1.0,
    V_reset: Any = 0.0,
    V_rest: Any = 0.0,
    V_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V_rest - V + R x`."""
    return _lif(**locals())


def LIFRef(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    tau_ref: Any = 5.0,
    V_th: Any = 1.0,
    V_reset: Any = 0.0,
    V_rest: Any = 0.0,
    V_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`LIF`, and refractory for `tau_ref`."""
    return _lif(**locals())


def _lif(in_size: Size, spk_fun: AbstractSurrogate, spk_reset: str, name: str | None, **constants: Any) -> CoreNeuron:
    p = plain_values(constants)
    options = firing(p, spk_fun, spk_reset)
    cell = _LIF(tau=p["tau"], threshold=p["V_th"], rest=p["V_rest"], normalise_input=True, **options)
    return made(cell, in_size, spk_fun, spk_reset, name, p, {"v": p["V_initializer"]}, gain=p["R"])


def ALIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    tau_a: Any = 100.0,
    V_th: Any = 1.0,
    V_reset: Any = 0.0,
    V_rest: Any = 0.0,
    beta: Any = 0.1,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    V_initializer: Any = 0.0,
    a_initializer: Any = 0.0,
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`LIF` with the threshold `V_th + beta a`; `a` jumps by 1 at a spike and decays with `tau_a`.

    The soft reset subtracts `V_th - V_reset`, not the raised threshold.
    """
    p = plain_values(dict(R=R, tau=tau, tau_a=tau_a, V_th=V_th, V_reset=V_reset, V_rest=V_rest, beta=beta, dt=dt))
    cell = _ALIF(
        tau=p["tau"],
        tau_a=p["tau_a"],
        threshold=p["V_th"],
        strength=p["beta"],
        rest=p["V_rest"],
        normalise_input=True,
        decay_before_fire=True,
        **firing(p, spk_fun, spk_reset, base=p["V_th"]),
    )
    start = {"v": plain_values({"V_initializer": V_initializer})["V_initializer"], "a": a_initializer}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start, gain=p["R"])


def CubaLIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    tau_syn: Any = 5.0,
    V_th: Any = 1.0,
    V_reset: Any = 0.0,
    V_rest: Any = 0.0,
    V_initializer: Any = 0.0,
    g_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V_rest - V + R g`; the input jumps the current `g`, which decays with `tau_syn`. State `i = R g`."""
    p = plain_values(
        dict(R=R, tau=tau, tau_syn=tau_syn, V_th=V_th, V_reset=V_reset, V_rest=V_rest, dt=dt, g=g_initializer), g="mA"
    )
    options = firing(p, spk_fun, spk_reset)
    cell = _CubaLIF(
        tau=p["tau"], tau_i=p["tau_syn"], threshold=p["V_th"], rest=p["V_rest"], normalise_input=True, **options
    )
    start = {"v": plain_values({"V_initializer": V_initializer})["V_initializer"], "i": p["R"] * p["g"]}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start, gain=p["R"])


def CobaLIF(
    in_size: Size,
    R: Any = 1.0,
    tau: Any = 5.0,
    tau_syn: Any = 5.0,
    E: Any = 0.0,
    V_th: Any = 1.0,
    V_reset: Any = 0.0,
    V_rest: Any = 0.0,
    V_initializer: Any = 0.0,
    g_initializer: Any = 0.0,
    spk_fun: AbstractSurrogate = SPIKE,
    spk_reset: str = "soft",
    name: str | None = None,
    *,
    dt: Any = 0.1,
) -> CoreNeuron:
    """`tau V' = V_rest - V + R g (E - V)`; the input jumps the conductance `g`, which decays with `tau_syn`.

    The state has the two signs of `g` apart: `g = g_excitatory - g_inhibitory`.
    """
    p = plain_values(
        dict(R=R, tau=tau, tau_syn=tau_syn, E=E, V_th=V_th, V_reset=V_reset, V_rest=V_rest, dt=dt, g=g_initializer),
        g="siemens",
    )
    cell = _CobaLIF(
        tau=p["tau"],
        tau_excitatory=p["tau_syn"],
        tau_inhibitory=p["tau_syn"],
        excitatory=ConductanceOutput(p["E"]),
        inhibitory=ConductanceOutput(p["E"], scale=-1.0),
        resistance=p["R"],
        rest=p["V_rest"],
        threshold=p["V_th"],
        **firing(p, spk_fun, spk_reset),
    )
    start = {"v": plain_values({"V_initializer": V_initializer})["V_initializer"], "g_excitatory": p["g"]}
    return made(cell, in_size, spk_fun, spk_reset, name, p, start)
