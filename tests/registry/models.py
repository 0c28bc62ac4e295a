"""What is new in the ready-made networks: blocks with skips, attention, modes. 4 inputs and 4 outputs each."""

import jax.numpy as jnp
import jax.random as jr

import snnjax as snn

_NEURON = snn.LIF(tau=3.0, threshold=0.4)


def _image(x):  # 4 -> (2, 4, 4)
    return jnp.sin(jnp.arange(1, 9, dtype=x.dtype)).reshape(2, 4, 1) * x.reshape(1, 1, 4)


def _tokens(x):  # 4 -> (4, 3)
    return x[:, None] * jnp.arange(1, 4, dtype=x.dtype)[None]


def _sums(x):  # -> 4
    return x.reshape(4, -1).sum(axis=1)


containers = {
    "DiagonalStateSpace": lambda: snn.models.DiagonalStateSpace(4, 3, longest=0.3, key=jr.key(0)),
    "models-blocks": lambda: snn.Sequential(
        _image,
        snn.models.ms_block(2, 4, 2, _NEURON, key=jr.key(1)),
        _NEURON,
        snn.models.sew_block(4, 4, 1, _NEURON, join=snn.models.InverseAnd(), key=jr.key(2)),
        _sums,
    ),
    "models-attention": lambda: snn.Sequential(
        _tokens, snn.models.attention_block(4, 2, _NEURON, scale=1.0, key=jr.key(3)), _sums
    ),
}
