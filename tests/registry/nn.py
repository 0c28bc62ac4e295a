"""Convolution and pooling over one step, and dropout over a sequence."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn


def _image(x):  # 4 -> (2, 4, 4)
    x = x.reshape(4)
    return jnp.sin(jnp.arange(1, 9, dtype=x.dtype)).reshape(2, 4, 1) * x.reshape(1, 1, 4)


def _flat(x):
    return x.reshape(-1)[:4]


def _column(x):  # 4 -> (4, 1), channels last
    return x[:, None]


def _conv(seed, *sizes, **options):
    return eqx.nn.Conv2d(*sizes, key=jr.key(seed), **options)


containers = {
    "nn-pools": lambda: snn.Sequential(
        _column,
        snn.nn.channels_last(snn.nn.Upsample(2), snn.nn.SumPool(3, 2, 1), snn.LIF(tau=3.0)),
        _image,
        _conv(0, 2, 4, 3, padding=1, groups=2),
        snn.nn.SpikingMaxPool(2, threshold=jnp.array(0.2)),
        _flat,
    ),
    "nn-gated-pools": lambda: snn.Sequential(
        _image,
        _conv(1, 2, 4, 3, padding=1),
        snn.LIF(tau=3.0),
        snn.nn.GatedMaxPool(2, 1, 1),
        snn.nn.GatedMaxPool((1, 2), score=snn.nn.FirstSpike()),
        snn.LI(),
        _flat,
    ),
    "nn-sequence-dropout": lambda: snn.Sequential(snn.nn.SequenceDropout(0.4), snn.LIF(tau=3.0)),
}
