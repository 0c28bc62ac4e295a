"""Synapses, and the neurons that contain them."""

import jax.numpy as jnp

import snnjax as snn


def _both(x):
    return jnp.stack([x, 0.5 * x])


cells = {
    "AlphaSynapse": lambda: snn.AlphaSynapse(tau_i=jnp.array(3.0), arrival=snn.HeardUndecayed()),
    "DoubleExponentialSynapse": lambda: snn.DoubleExponentialSynapse(
        tau_i=snn.Positive(6.0), tau_rise=jnp.array(1.5), arrival=snn.BeforeDecay()
    ),
    "AMPA": lambda: snn.AMPA(binding=jnp.array(1.1), duration=jnp.array(1.3), dt=0.5),
    "GABAA": lambda: snn.GABAA(unbinding=snn.Positive(0.18), concentration=jnp.array(0.5), dt=0.5),
    "NMDA": lambda: snn.NMDA(opening=jnp.array(2.0), closing=jnp.array(0.1), unbinding=jnp.array(0.5)),
    "ShortTermPlasticity": lambda: snn.ShortTermPlasticity(
        utilisation=snn.Interval(0.3, 0, 1), tau_u=jnp.array(8.0), tau_r=jnp.array(12.0)
    ),
    "ShortTermDepression": lambda: snn.ShortTermDepression(
        utilisation=0.4, tau_r=jnp.array(12.0), jump_before_decay=True
    ),
    "CubaLIFAlpha": lambda: snn.CubaLIFAlpha(tau=jnp.array(6.0), tau_i=jnp.array(2.0)),
    "CubaLIFDoubleExponential": lambda: snn.CubaLIFDoubleExponential(
        tau=6.0, tau_i=jnp.array(4.0), tau_rise=jnp.array(1.0)
    ),
    "CobaLIF": lambda: snn.CobaLIF(
        tau=4.0,
        tau_excitatory=jnp.array(2.0),
        tau_inhibitory=jnp.array(3.0),
        threshold=0.5,
        excitatory=snn.ConductanceOutput(jnp.array(2.0)),
        inhibitory=snn.ConductanceOutput(-1.0, scale=jnp.array(0.7)),
        rest=jnp.array(0.0),
        reset=snn.ValueReset(0.0),
    ),
}
containers = {}
