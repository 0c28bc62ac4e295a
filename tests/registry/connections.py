"""Sparse and structured connections, in and in front of a recurrent layer."""

import jax.numpy as jnp
import jax.random as jr

import snnjax as snn


def _sparse(seed: int, **options) -> snn.nn.SparseLinear:
    k1, k2 = jr.split(jr.key(seed))
    return snn.nn.SparseLinear(snn.nn.fixed_probability(4, 4, 0.5, key=k1), key=k2, **options)


def _signed() -> snn.nn.SparseLinear:
    synapses = snn.nn.fixed_in_degree(4, 4, 2, self_connections=False, key=jr.key(2))
    return snn.nn.SparseLinear(synapses, snn.nn.Signed(jnp.linspace(-0.9, 0.8, 8)), use_bias=False)


containers = {
    "SparseLinear": lambda: snn.Sequential(_sparse(0), snn.LIF(tau=3.0)),
    "SparseLinear-Recurrent": lambda: snn.Sequential(snn.Recurrent(snn.LIF(tau=3.0), _signed()), _sparse(1), snn.LI()),
    "MaskedLinear-Recurrent": lambda: snn.Recurrent(
        snn.LIF(tau=3.0), snn.nn.MaskedLinear(jnp.eye(4) + jnp.eye(4, k=1), key=jr.key(3))
    ),
    "DaleLinear-Recurrent": lambda: snn.Sequential(
        snn.Recurrent(snn.LIF(tau=3.0), snn.nn.DaleLinear(4, 4, 0.5, key=jr.key(4))), snn.LI()
    ),
    "BandedLinear-Recurrent": lambda: snn.Sequential(
        snn.nn.BandedLinear(4, 1, circular=True, key=jr.key(5)),
        snn.Recurrent(snn.LIF(tau=3.0), snn.nn.BandedLinear(4, 2, key=jr.key(6))),
    ),
}
