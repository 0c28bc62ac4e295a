"""The nonlinear integrate-and-fire neurons, in small units, so that the drive of the laws moves them."""

import jax.numpy as jnp

import snnjax as snn

_SPIKE = snn.SuperSpike(slope=1.0)

cells = {
    "Izhikevich": lambda: snn.Izhikevich(
        a=jnp.array(0.1),
        d=jnp.array(2.0),
        start=-50.0,
        constant=jnp.array(150.0),
        dt=0.5,
        reset=snn.ValueReset(value=jnp.array(-52.0)),
    ),
    "ExpIF": lambda: snn.ExpIF(
        tau=jnp.array(2.0),
        rest=0.0,
        rheobase=jnp.array(0.5),
        slope_factor=snn.Positive(0.3),
        threshold=jnp.array(1.0),
        dt=1.0,
        surrogate=_SPIKE,
        reset=snn.ValueReset(value=-0.2),
    ),
    "AdEx": lambda: snn.AdEx(
        capacitance=2.0,
        leak_conductance=jnp.array(1.0),
        rest=0.0,
        rheobase=0.5,
        slope_factor=0.3,
        tau_w=jnp.array(5.0),
        a=jnp.array(0.2),
        b=jnp.array(0.3),
        threshold=1.0,
        dt=1.0,
        surrogate=_SPIKE,
        reset=snn.SubtractReset(),
        integrator=snn.ExponentialEuler(sequential=True),
        order=snn.ResetFirst(),
    ),
    "QIF": lambda: snn.QIF(
        tau=2.0,
        rest=0.0,
        critical=jnp.array(0.8),
        curvature=jnp.array(1.5),
        threshold=1.0,
        dt=1.0,
        surrogate=_SPIKE,
        reset=snn.SubtractReset(),
    ),
    "AdaptiveQIF": lambda: snn.AdaptiveQIF(
        tau=2.0,
        resistance=jnp.array(1.2),
        rest=0.0,
        critical=0.8,
        curvature=1.0,
        tau_w=3.0,
        a=jnp.array(0.2),
        b=jnp.array(0.1),
        threshold=1.0,
        dt=1.0,
        surrogate=_SPIKE,
        reset=snn.ValueReset(value=-0.2),
        integrator=snn.Euler(sequential=True),
    ),
    "GIF": lambda: snn.GIF(
        tau=4.0,
        resistance=jnp.array(2.0),
        rest=0.0,
        threshold=jnp.array(1.0),
        threshold_reset=0.7,
        a=jnp.array(0.05),
        b=jnp.array(0.1),
        r1=jnp.array(0.3),
        a1=jnp.array(-0.2),
        a2=jnp.array(0.1),
        dt=1.0,
        surrogate=_SPIKE,
        reset=snn.ValueReset(value=0.0),
    ),
}
