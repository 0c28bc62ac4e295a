"""sinabs layers, with spike functions of snnjax, whose derivatives belong to a function of their own."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn
from snnjax.compat import sinabs

cells = {
    "sinabs.ALIF": lambda: sinabs.ALIF(
        jnp.array(4.0), jnp.array(20.0), jnp.array(3.0), jnp.array(0.4), 0.2, snn.SuperSpike()
    ),
}
containers = {
    "sinabs.IAFRecurrent": lambda: sinabs.IAFRecurrent(
        eqx.nn.Linear(4, 4, key=jr.key(2)), spike_fn=snn.Sigmoid(), tau_syn=jnp.array(2.0)
    ),
}
