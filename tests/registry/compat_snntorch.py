"""snntorch's neurons."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn
from snnjax.compat import snntorch

cells = {
    "snntorch-Leaky-twice": lambda: snntorch.Leaky(0.8, learn_beta=True, reset_mechanism="zero", reset_delay=False),
    "snntorch-Alpha": lambda: snntorch.Alpha(
        0.9, 0.6, threshold=0.5, learn_alpha=True, learn_beta=True, learn_threshold=True, reset_mechanism="none"
    ),
    "snntorch-DeltaLeaky": lambda: snntorch.DeltaLeaky(0.5, 0.8, learn_beta=True),
}
containers = {
    "snntorch-Lapicque": lambda: snntorch.Lapicque(beta=0.7, C=2.0, learn_beta=True, threshold=0.5),
    "snntorch-RSynaptic-Recurrent": lambda: snntorch.RSynaptic(
        0.6, 0.8, linear_features=4, inhibition=True, learn_alpha=True, learn_beta=True, key=jr.key(0)
    ),
    "snntorch-LeakyParallel": lambda: snntorch.LeakyParallel(
        4, 4, beta=0.8, threshold=0.2, learn_beta=True, graded_spikes_factor=jnp.array(1.5), key=jr.key(0)
    ),
    "snntorch-SLSTM": lambda: snn.Sequential(
        snn.Scale(3.0), eqx.nn.Linear(4, 4, key=jr.key(1)), snntorch.SLSTM(4, 4, threshold=0.1, key=jr.key(0))
    ),
}
