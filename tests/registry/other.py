"""Adaptation currents, sigma-delta, spike response, resonators, and the neurons that are parallel in time."""

import jax.numpy as jnp

import snnjax as snn

_WEIGHT = jnp.sin(jnp.arange(144.0)).reshape(12, 12)  # over 12 steps

cells = {
    "AdLIF": lambda: snn.AdLIF(
        tau=jnp.array(3.0), tau_w=jnp.array(8.0), coupling=jnp.array(1.5), jump=jnp.array(3.0), threshold=jnp.array(0.3)
    ),
    "SigmaDelta": lambda: snn.SigmaDelta(
        tau_i=jnp.array(2.0), tau=jnp.array(4.0), tau_f=snn.Positive(3.0), threshold=jnp.array(0.5)
    ),
    # So fine that finite differences do not notice the rounding.
    "SignedSigmaDelta": lambda: snn.SignedSigmaDelta(1e-14),
    "RunningSum": lambda: snn.RunningSum(),
    "SpikeResponse": lambda: snn.SpikeResponse(
        tau_p=jnp.array(2.0),
        tau_q=snn.Positive(3.0),
        decay_r=snn.Interval(0.7, 0, 1),
        strength=jnp.array(0.4),
        threshold=jnp.array(0.2),
    ),
    "ResonateAndFire": lambda: snn.ResonateAndFire(
        tau=jnp.array(8.0), omega=jnp.array(0.7), threshold=jnp.array(0.4), surrogate=snn.Gaussian()
    ),
    "BalancedResonateAndFire": lambda: snn.BalancedResonateAndFire(
        omega=snn.Interval(3.0, 0, 10),
        offset=snn.Positive(0.5),
        threshold=jnp.array(0.1),
        dt=0.1,
        decay_q=snn.Interval(0.5, 0, 1),
    ),
    "ParallelSpiking": lambda: snn.ParallelSpiking(_WEIGHT, jnp.linspace(0.1, 0.4, 12)),
    "MaskedParallelSpiking": lambda: snn.MaskedParallelSpiking(
        _WEIGHT, window=3, masking=jnp.array(0.7), threshold=jnp.array(0.2), surrogate=snn.ATan()
    ),
    "SlidingParallelSpiking": lambda: snn.SlidingParallelSpiking(jnp.array([0.3, -0.4, 1.1]), jnp.array(0.2)),
    "ParallelLIF": lambda: snn.ParallelLIF(
        tau=snn.Positive(4.0), threshold=jnp.array(0.3), rest=jnp.array(-0.2), normalise_input=True
    ),
}
