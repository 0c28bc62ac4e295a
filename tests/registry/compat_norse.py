"""Norse's cells of several compartments."""

import jax
import jax.numpy as jnp

from snnjax.compat import norse

_FAST = {"tau_syn_inv": 300.0, "tau_mem_inv": 400.0, "v_th": 0.2, "method": "tanh", "alpha": 2.0}


def _coupled():
    k1, k2 = jax.random.split(jax.random.key(1))
    p = norse.LIFRefracParameters(norse.LIFParameters(**_FAST), 2.0)
    # Negative, so that the membranes stay bounded.
    coupling = -0.1 * jnp.eye(4) + 0.02 * jax.random.normal(k1, (4, 4))
    return norse.LIFMCRefracRecurrentCell(4, 4, p, coupling, autapses=True, key=k2)


containers = {"norse.LIFMCRefracRecurrentCell": _coupled}
