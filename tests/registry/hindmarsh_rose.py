"""The bursting oscillator."""

import jax.numpy as jnp

import snnjax as snn

# Strong inputs, and a threshold in the lower half of the wave: it is crossed in few steps.
containers = {
    "HindmarshRose": lambda: snn.Sequential(
        snn.Scale(8.0), snn.HindmarshRose(b=jnp.array(3.0), s=jnp.array(4.0), dt=0.2, threshold=-0.5)
    )
}
