"""Cells of SpikingJelly whose equations the core does not have."""

import jax.numpy as jnp
import jax.random as jr

from snnjax.compat import spikingjelly
from snnjax.compat.spikingjelly.klif import KLIF

cells = {
    "spikingjelly.KLIFNode": lambda: KLIF(
        neuron=spikingjelly.LIFNode(3.0, False, jnp.array(0.8), -0.2), k=jnp.array(1.1), scale_reset=True
    ),
    "spikingjelly.ComplementaryLIFNode": lambda: spikingjelly.ComplementaryLIFNode(
        3.0, jnp.array(0.8), spikingjelly.surrogate.ATan()
    ),
}
containers = {"spikingjelly.SpikingGRUCell": lambda: spikingjelly.SpikingGRUCell(4, 4, key=jr.key(0))}
