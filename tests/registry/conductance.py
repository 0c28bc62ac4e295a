"""Conductance-based neurons; their thresholds lie just above the rest, eleven steps are too few for an upstroke."""

import jax.numpy as jnp

import snnjax as snn

cells = {
    "HodgkinHuxley": lambda: snn.HodgkinHuxley(
        sodium_conductance=jnp.array(120.0), leak_reversal=jnp.array(-54.387), threshold=-64.7, dt=0.5
    ),
    "WangBuzsaki": lambda: snn.WangBuzsaki(
        speed=snn.Positive(5.0), threshold=jnp.array(-63.7), dt=0.5, integrator=snn.Euler(substeps=20)
    ),
    "MorrisLecar": lambda: snn.MorrisLecar(
        calcium_width=jnp.array(18.0),
        capacitance=snn.Positive(2.0),
        threshold=-60.5,
        dt=0.5,
        integrator=snn.RungeKutta4(),
    ),
    "FitzHughNagumo": lambda: snn.FitzHughNagumo(
        b=jnp.array(0.8), tau_w=snn.Positive(12.5), threshold=-1.0, dt=0.5, surrogate=snn.SuperSpike(jnp.array(2.0))
    ),
}
