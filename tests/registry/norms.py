"""Norms through time, with the statistics they begin with; in training see `test_norms`."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

import snnjax as snn

_N = 4


def _in_front(make: Callable) -> snn.AbstractCell:
    """In front of neurons, in inference mode, where it can be stepped."""
    model, statistics = eqx.nn.make_with_state(lambda: snn.Sequential(make(), snn.LIF(tau=3.0)))()
    return snn.with_statistics(eqx.nn.inference_mode(model), statistics)


containers = {
    "ThresholdBatchNorm": lambda: _in_front(lambda: snn.nn.ThresholdBatchNorm(_N, jnp.array(1.5))),
    "BatchNormThroughTime": lambda: _in_front(lambda: snn.nn.BatchNormThroughTime(_N, 300)),
    "StepScale": lambda: snn.Sequential(snn.LIF(tau=3.0), snn.nn.StepScale(300)),
    "Stateful": lambda: _in_front(
        lambda: snn.Stateful(eqx.nn.SpectralNorm(eqx.nn.Linear(_N, _N, key=jr.key(0)), "weight", key=jr.key(1)))
    ),
}
