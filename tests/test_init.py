"""Initial weights by firing rate."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import snnjax as snn

from .helpers import assert_equal

XS = jr.uniform(jr.key(9), (16, 20, 12))


def deep(depth, width=32, neuron=snn.LIF):
    keys = jr.split(jr.key(0), depth)
    widths = [12] + [width] * depth
    layers = []
    for i in range(depth):
        layers += [eqx.nn.Linear(widths[i], widths[i + 1], key=keys[i]), neuron(tau=4.0)]
    return snn.Sequential(*layers)


def test_a_deep_network_is_silent_and_then_is_not():
    model = deep(6)
    naive = list(snn.metrics.firing_rates(model, XS).values())
    assert naive[-1] == 0
    matched = snn.metrics.firing_rates(snn.init.match_rates(model, XS, lower=0.05, upper=0.2), XS)
    assert len(matched) == 6
    assert all(0.05 <= rate <= 0.2 for rate in matched.values())


def test_layers_in_range_are_left_alone():
    model = snn.init.match_rates(deep(2), XS)
    assert_equal(eqx.filter(snn.init.match_rates(model, XS), eqx.is_array), eqx.filter(model, eqx.is_array))


def test_only_a_gain_is_changed():
    model = deep(2)
    matched = snn.init.match_rates(model, XS, lower=0.3, upper=0.35)
    for before, after in zip(model.layers[::2], matched.layers[::2], strict=True):
        gain = after.weight / before.weight
        assert jnp.allclose(gain, gain[0, 0])
        assert jnp.allclose(after.bias / before.bias, gain[0, 0])


def test_saturated_layers_are_quietened():
    loud = jax.tree.map(lambda a: 100 * jnp.abs(a) if eqx.is_array(a) else a, deep(1))
    assert snn.metrics.firing_rates(loud, XS)["layers[1] (LIF)"] > 0.9
    rate = snn.metrics.firing_rates(snn.init.match_rates(loud, XS), XS)["layers[1] (LIF)"]
    assert 0.05 <= rate <= 0.25


def test_containers_of_all_kinds():
    k = jr.split(jr.key(0), 6)
    model = snn.Sequential(
        eqx.nn.Linear(12, 16, key=k[0]),
        snn.Recurrent(snn.ALIF(tau=3.0), eqx.nn.Linear(16, 16, key=k[1])),
        eqx.nn.Dropout(0.2),
        snn.Residual(snn.Sequential(eqx.nn.Linear(16, 16, key=k[2]), snn.CubaLIF())),
        snn.Parallel(
            snn.Sequential(eqx.nn.Linear(16, 8, key=k[3]), snn.LIF(tau=2.0)),
            snn.Sequential(eqx.nn.Linear(16, 8, key=k[4]), eqx.nn.LayerNorm(8), snn.LIF(tau=9.0)),
        ),
        eqx.nn.Linear(8, 3, key=k[5]),
        snn.LI(),
    )
    matched = snn.init.match_rates(model, XS, lower=0.1, upper=0.3)
    rates = snn.metrics.firing_rates(eqx.nn.inference_mode(matched), XS)
    assert len(rates) == 4
    assert all(0.1 <= rate <= 0.3 for rate in rates.values())
    assert_equal(matched.layers[5].weight, model.layers[5].weight)  # no spiking layer behind it
    assert_equal(matched.layers[1].feedback.weight, model.layers[1].feedback.weight)
    assert not matched.layers[2].inference


def test_a_layer_that_cannot_fire():
    no_bias = snn.Sequential(eqx.nn.Linear(12, 4, use_bias=False, key=jr.key(0)), snn.LIF())
    with pytest.raises(ValueError, match=r"layers\[1\] \(LIF\) with a rate of 0.0000, and no gain"):
        snn.init.match_rates(no_bias, jnp.zeros_like(XS))


def test_a_layer_with_nothing_in_front():
    with pytest.raises(ValueError, match="LIF with a rate of"):
        snn.init.match_rates(snn.LIF(threshold=100.0), XS)


@pytest.mark.parametrize("bounds", [(0.0, 0.5), (0.5, 0.1), (0.5, 1.0)])
def test_empty_ranges(bounds):
    with pytest.raises(ValueError, match="0 < lower < upper < 1"):
        snn.init.match_rates(deep(1), XS, lower=bounds[0], upper=bounds[1])
