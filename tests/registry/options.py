"""The options that every spiking cell shares: orders, spikes, floors; and the smallest cells."""

import jax.numpy as jnp

import snnjax as snn

cells = {
    "IF-leak-floor": lambda: snn.IF(leak=jnp.array(0.1), reset=snn.Floor(snn.SubtractReset(), -0.1)),
    "LIF-reset-first": lambda: snn.LIF(tau=jnp.array(4.0), rest=jnp.array(-0.3), order=snn.ResetFirst(late=True)),
    "LIF-fire-first": lambda: snn.LIF(tau=jnp.array(4.0), order=snn.FireFirst()),
    "CubaLIF-fire-first-late": lambda: snn.CubaLIF(
        tau=4.0, arrival=snn.NextStep(), normalise_current=True, order=snn.FireFirst(late=True)
    ),
    "CubaLIF-immediate": lambda: snn.CubaLIF(tau=jnp.array(4.0), arrival=snn.Immediate()),
    "LIF-multi": lambda: snn.LIF(tau=4.0, threshold=0.4, surrogate=snn.MultiSpike(snn.ATan(jnp.array(2.0)), 3)),
    "LIF-random": lambda: snn.LIF(tau=4.0, surrogate=snn.EscapeNoise(width=jnp.array(0.3)), reset=snn.ZeroReset()),
    "ALIF-raised": lambda: snn.ALIF(
        tau=4.0, tau_a=jnp.array(20.0), normalise_adaptation=True, decay_before_fire=True, reset_raised=True
    ),
    "ExponentialSynapse": lambda: snn.ExponentialSynapse(tau_i=jnp.array(3.0), arrival=snn.BeforeDecay()),
    "Refractory": lambda: snn.Refractory(snn.CubaLIF(tau=jnp.array(4.0), arrival=snn.HeardUndecayed()), 2.0),
}
containers = {"Scale": lambda: snn.Sequential(snn.LIF(tau=3.0), snn.Scale(jnp.array(2.5)))}
