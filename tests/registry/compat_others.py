"""Cells of other libraries that are put together differently from those of the core."""

import jax
import jax.numpy as jnp

import snnjax as snn
from snnjax.compat import brainpy, norse, spyx

_FAST = {"tau_syn_inv": 300.0, "tau_mem_inv": 400.0, "v_th": 0.2, "method": "tanh", "alpha": 2.0}
_BRAINPY = {"spk_fun": brainpy.surrogate.Sigmoid(2.0), "dt": 1.0}


def _recurrent(size: int = 4) -> jax.Array:
    return 0.4 * jax.random.normal(jax.random.key(1), (size, size))


def _oscillator() -> snn.AbstractCell:
    neuron = brainpy.FitzHughNagumo(4, V_th=0.4, V_initializer=0.0, spk_fun=brainpy.surrogate.Sigmoid(2.0), dt=0.5)
    return snn.Sequential(snn.Scale(3.0), neuron)


cells = {
    "norse.LSNNCell": lambda: norse.LSNNCell(norse.LSNNParameters(**_FAST, tau_adapt_inv=jnp.array(50.0))),
    "norse.LIFRefracCell": lambda: norse.LIFRefracCell(norse.LIFRefracParameters(norse.LIFParameters(**_FAST), 2.0)),
}
containers = {
    "spyx.RLIF-Recurrent": lambda: spyx.RLIF(4, 0.8, 0.5, spyx.tanh(1.5), recurrent_w=_recurrent()),
    "brainpy.LIFRef": lambda: brainpy.LIFRef(4, tau_ref=2.0, V_th=jnp.array(0.3), **_BRAINPY),
    "brainpy.FitzHughNagumo": _oscillator,
}
