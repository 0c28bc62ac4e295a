"""Norse's constants, with its defaults, and the behaviours of its Izhikevich neuron."""

from collections.abc import Callable
from typing import Any

import equinox as eqx


class LIFParameters(eqx.Module):
    """Constants of a `LIFCell`."""

    tau_syn_inv: Any = 1 / 5e-3
    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class LIFBoxParameters(eqx.Module):
    """Constants of a `LIFBoxCell`; `reset_method` is 'value' or 'subtract', or a function, `reset_value` or
    `reset_subtract`."""

    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0
    reset_method: str | Callable = eqx.field(default="value", static=True)


class LIFExParameters(eqx.Module):
    """Constants of a `LIFExCell`."""

    delta_T: Any = 0.5
    tau_syn_inv: Any = 1 / 5e-3
    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class LIFAdExParameters(eqx.Module):
    """Constants of a `LIFAdExCell`."""

    adaptation_current: Any = 4.0
    adaptation_spike: Any = 0.02
    delta_T: Any = 0.5
    tau_ada_inv: Any = 2.0
    tau_syn_inv: Any = 1 / 5e-3
    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class LIFRefracParameters(eqx.Module):
    """Constants of a `LIFRefracCell`."""

    lif: LIFParameters = LIFParameters()
    rho_reset: Any = 5.0


class LIFAdExRefracParameters(eqx.Module):
    """Constants of a `LIFAdExRefracCell`."""

    lif_adex: LIFAdExParameters = LIFAdExParameters()
    rho_reset: Any = 5.0


class LSNNParameters(eqx.Module):
    """Constants of an `LSNNCell`."""

    tau_syn_inv: Any = 1 / 5e-3
    tau_mem_inv: Any = 1 / 1e-2
    tau_adapt_inv: Any = 1 / 800
    v_leak: Any = 0.0
    v_th: Any = 1.0
    v_reset: Any = 0.0
    beta: Any = 1.8
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class LIParameters(eqx.Module):
    """Constants of an `LICell`."""

    tau_syn_inv: Any = 1 / 5e-3
    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0


class LIBoxParameters(eqx.Module):
    """Constants of an `LIBoxCell`."""

    tau_mem_inv: Any = 1 / 1e-2
    v_leak: Any = 0.0


class IAFParameters(eqx.Module):
    """Constants of an `IAFCell`."""

    v_th: Any = 1.0
    v_reset: Any = 0.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class CobaLIFParameters(eqx.Module):
    """Constants of a `CobaLIFCell`."""

    tau_syn_exc_inv: Any = 1 / 5
    tau_syn_inh_inv: Any = 1 / 5
    c_m_inv: Any = 1 / 0.2
    g_l: Any = 1 / 20 * 1 / 0.2
    e_rev_I: Any = -100.0
    e_rev_E: Any = 60.0
    v_rest: Any = -20.0
    v_reset: Any = -70.0
    v_thresh: Any = -10.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class IzhikevichParameters(eqx.Module):
    """Constants of an `IzhikevichCell`."""

    a: Any
    b: Any
    c: Any
    d: Any
    sq: Any = 0.04
    mn: Any = 5.0
    bias: Any = 140.0
    v_th: Any = 30.0
    tau_inv: Any = 250.0
    method: str = eqx.field(default="super", static=True)
    alpha: Any = 100.0


class IzhikevichSpikingBehavior(eqx.Module):
    """Constants of an `IzhikevichCell`, and where it starts."""

    p: IzhikevichParameters
    v: Any
    u: Any


def create_izhikevich_spiking_behavior(
    a: Any, b: Any, c: Any, d: Any, v_rest: Any, u_rest: Any, tau_inv: Any = 250.0
) -> IzhikevichSpikingBehavior:
    """A behaviour that starts at `v_rest` and `b * u_rest`."""
    return IzhikevichSpikingBehavior(IzhikevichParameters(a, b, c, d, tau_inv=tau_inv), v_rest, u_rest * b)


def _behavior(a: float, b: float, c: float, d: float, v: float, tau_inv: float = 250.0, **constants: Any) -> Any:
    p = IzhikevichParameters(a, b, c, d, tau_inv=tau_inv, **constants)
    return IzhikevichSpikingBehavior(p, v, v * b)


#: The behaviours of E. M. Izhikevich, Which model to use for cortical spiking neurons?, 2004, figure 1, by their names.
behaviors: dict[str, IzhikevichSpikingBehavior] = {
    "tonic_spiking": _behavior(0.02, 0.2, -65.0, 6.0, -70.0),
    "phasic_spiking": _behavior(0.02, 0.25, -65.0, 6.0, -64.0),
    "tonic_bursting": _behavior(0.02, 0.2, -50.0, 2.0, -70.0),
    "phasic_bursting": _behavior(0.02, 0.25, -55.0, 0.05, -64.0, 200.0),
    "mixed_mode": _behavior(0.02, 0.2, -55.0, 4.0, -70.0),
    "spike_frequency_adaptation": _behavior(0.01, 0.2, -65.0, 8.0, -70.0),
    "class_1_exc": _behavior(0.02, -0.1, -55.0, 6.0, -60.0, mn=4.1, bias=108.0),
    "class_2_exc": _behavior(0.2, 0.26, -65.0, 0.0, -64.0),
    "spike_latency": _behavior(0.02, 0.2, -65.0, 6.0, -70.0),
    "subthreshold_oscillation": _behavior(0.05, 0.26, -60.0, 0.0, -62.0),
    "resonator": _behavior(0.1, 0.26, -60.0, -1.0, -62.0),
    "integrator": _behavior(0.02, -0.1, -55.0, 6.0, -60.0, mn=4.1, bias=108.0),
    "rebound_spike": _behavior(0.03, 0.25, -60.0, 4.0, -64.0, 200.0),
    "rebound_burst": _behavior(0.03, 0.25, -52.0, 0.0, -64.0, 200.0),
    "threshold_variability": _behavior(0.03, 0.25, -60.0, 4.0, -64.0),
    "bistability": _behavior(0.1, 0.26, -60.0, 0.0, -61.0),
    "dap": _behavior(1.0, 0.2, -60.0, -21.0, -70.0, 100.0),
    "accomodation": IzhikevichSpikingBehavior(IzhikevichParameters(0.02, 1.0, -55.0, 4.0, tau_inv=500.0), -65.0, -16.0),
    "inhibition_induced_spiking": _behavior(-0.02, -1.0, -60.0, 8.0, -63.8),
    "inhibition_induced_bursting": _behavior(-0.026, -1.0, -45.0, -2.0, -63.8),
}
