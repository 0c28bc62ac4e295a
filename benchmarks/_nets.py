"""The networks whose accuracies are reported: binary spikes between the layers, a leaky readout at the end."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

import snnjax as snn

_SURROGATE = snn.SuperSpike(5.0)


def adaptive(neurons: int, *, key: Array) -> snn.AdLIF:
    """Neurons with adaptation, whose constants are drawn for each, and trained."""
    keys = iter(jr.split(key, 4))

    def between(low: float, high: float) -> Array:
        return jr.uniform(next(keys), (neurons,), minval=low, maxval=high)

    return snn.AdLIF(
        tau=snn.Interval(between(3.0, 12.0), 1, 30),
        tau_w=snn.Interval(between(8.0, 40.0), 3, 80),
        coupling=snn.Interval(between(0.05, 0.4), -0.5, 2),
        jump=snn.Interval(between(0.1, 0.6), 0, 2),
        normalise_adaptation=False,
        reset=snn.SubtractReset(),
        surrogate=_SURROGATE,
    )


def normed(*shape: int) -> eqx.nn.LayerNorm:
    """Norms the currents of one step, to a strength at which neurons fire."""
    norm = eqx.nn.LayerNorm(shape)
    return eqx.tree_at(lambda norm: norm.weight, norm, jnp.full(shape, 2.0))


def recurrent(inputs: int, neurons: int, layers: int, outputs: int, dropout: float, *, key: Array) -> snn.Sequential:
    """Layers of adaptive neurons that hear their own spikes of the step before."""
    chain, size = [], inputs
    *layer_keys, key = jr.split(key, layers + 1)
    for layer_key in layer_keys:
        k1, k2, k3 = jr.split(layer_key, 3)
        feedback = eqx.nn.Linear(neurons, neurons, use_bias=False, key=k2)
        chain += [eqx.nn.Linear(size, neurons, key=k1), normed(neurons)]
        chain += [snn.Recurrent(adaptive(neurons, key=k3), feedback), eqx.nn.Dropout(dropout)]
        size = neurons
    return snn.Sequential(*chain, eqx.nn.Linear(size, outputs, key=key), snn.LI(tau=10.0, normalise_input=True))


def convolutional(dropout: float, *, key: Array) -> snn.Sequential:
    """Two layers of convolution for images of 8 x 8 pixels."""
    k1, k2, k3 = jr.split(key, 3)
    return snn.Sequential(
        eqx.nn.Conv2d(1, 16, 3, padding=1, key=k1),
        normed(16, 8, 8),
        snn.LIF(tau=3.0, normalise_input=True, surrogate=_SURROGATE),
        eqx.nn.Conv2d(16, 32, 3, stride=2, padding=1, key=k2),
        normed(32, 4, 4),
        snn.LIF(tau=3.0, normalise_input=True, surrogate=_SURROGATE),
        jnp.ravel,
        eqx.nn.Dropout(dropout),
        eqx.nn.Linear(32 * 4 * 4, 10, key=k3),
        snn.LI(tau=4.0, normalise_input=True),
    )
