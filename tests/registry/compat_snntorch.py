"""snntorch's neurons."""

import jax.random as jr

from snnjax.compat import snntorch

cells = {
    "snntorch-Leaky-twice": lambda: snntorch.Leaky(0.8, learn_beta=True, reset_mechanism="zero", reset_delay=False),
    "snntorch-Alpha": lambda: snntorch.Alpha(
        0.9, 0.6, threshold=0.5, learn_alpha=True, learn_beta=True, learn_threshold=True, reset_mechanism="none"
    ),
    "snntorch-StateLeaky-truncated": lambda: snntorch.StateLeaky(
        0.8, 4, learn_beta=True, learn_graded_spikes_factor=True, kernel_truncation_steps=3
    ),
}
containers = {
    "snntorch-AssociativeLeaky": lambda: snntorch.AssociativeLeaky(4, d_value=2, d_key=3, key=jr.key(0)),
    "snntorch-RSynaptic-Recurrent": lambda: snntorch.RSynaptic(
        0.6, 0.8, linear_features=4, inhibition=True, learn_alpha=True, learn_beta=True, key=jr.key(0)
    ),
}
