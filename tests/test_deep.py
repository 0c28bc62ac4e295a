"""Deep networks: silent with ordinary weights; with ours every layer fires and learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn

from . import deep
from .helpers import in_dtype

DEPTH, WIDTH, STEPS = 12, 64, 8
DIGITS = snn.data.load("digits")
XS, LABELS = deep.direct(DIGITS.train, 64, STEPS)
XS = XS.astype(jnp.float32)
READOUT = snn.decode.mean_membrane
LOSS = snn.train.Classify(readout=READOUT, encode=lambda x, key: snn.encode.direct(x.astype(jnp.float32), STEPS))

pytestmark = pytest.mark.usefixtures("standard_promotion")


def dense(key, neuron=lambda: snn.LIF(tau=2.0)):
    """Twelve layers with the ordinary weights of Equinox, and a readout."""
    keys = jr.split(key, DEPTH + 1)
    layers = []
    for key in keys[:-1]:
        layers += [eqx.nn.Linear(WIDTH, WIDTH, key=key), neuron()]
    return in_dtype(snn.Sequential(*layers, eqx.nn.Linear(WIDTH, 10, key=keys[-1]), snn.LI(tau=8.0)), jnp.float32)


def rates_by_layer(model):
    rates = snn.metrics.firing_rates(model, XS)
    return [float(rates[f"layers[{2 * i + 1}] (LIF)"]) for i in range(DEPTH)]


def test_ordinary_weights_are_silent():
    rates = rates_by_layer(dense(jr.key(0)))
    assert max(rates[2:]) == 0
    report = snn.metrics.gradient_report(dense(jr.key(0)), snn.losses.cross_entropy_sum_membrane, XS, LABELS)
    by_layer = dict(zip(report.leaves, report.leaf_norm, strict=True))
    assert by_layer["layers[24].weight"] == 0  # the readout hears nothing


@pytest.mark.slow
def test_twelve_dense_layers_fire_and_learn():
    model = deep.prepare(dense(jr.key(0)), XS, LABELS, READOUT)
    assert all(0.05 <= rate <= 0.25 for rate in rates_by_layer(model))
    seen = deep.train(model, LOSS, DIGITS.train, steps=120, learning_rate=5e-3, key=jr.key(1))
    deep.assert_every_layer_fires(seen, DEPTH)
    deep.assert_learns(seen, classes=10)


@pytest.mark.slow
def test_fluctuations_alone_keep_twelve_layers_firing():
    model = snn.init.fluctuation_driven(dense(jr.key(0)), XS, key=jr.key(2))
    assert all(0.01 <= rate <= 0.6 for rate in rates_by_layer(model))


@pytest.mark.slow
def test_thresholds_and_time_constants_of_deep_layers_are_trained_and_stay_in_range():
    def neuron():
        return snn.LIF(decay=snn.Interval(jnp.full(WIDTH, 0.6), 0, 1), threshold=snn.Positive(jnp.ones(WIDTH)))

    before = deep.prepare(dense(jr.key(0), neuron), XS, LABELS, READOUT)
    report = snn.metrics.gradient_report(before, lambda ys, y: snn.losses.cross_entropy(READOUT(ys), y), XS, LABELS)
    norms = dict(zip(report.leaves, report.leaf_norm, strict=True))
    optimiser = optax.adam(0.05)
    step = snn.train.make_step(optimiser, LOSS)
    model, opt_state = before, optimiser.init(eqx.filter(before, snn.trainable(before)))
    for number, batch in enumerate(snn.data.batches(DIGITS.train, 64, key=jr.key(3))):
        if number == 10:
            break
        model, opt_state, _ = step(model, opt_state, batch, jr.key(number))
    for i in range(1, 2 * DEPTH, 2):
        assert norms[f"layers[{i}].decay.raw"] > 0
        assert norms[f"layers[{i}].threshold.raw"] > 0
        old, new = snn.resolve(before.layers[i]), snn.resolve(model.layers[i])
        assert np.mean(np.abs(new.threshold - old.threshold) > 1e-4) > 0.9
        assert np.mean(np.abs(new.decay - old.decay) > 1e-4) > 0.9
        assert np.all(new.threshold > 0)
        assert np.all((new.decay > 0) & (new.decay < 1))


def test_a_new_slope_does_not_compile_anew():
    model = snn.train.with_slope(dense(jr.key(0)), 1.0)

    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def gradient(model, xs):
        return eqx.filter_grad(lambda model: jnp.sum(snn.unroll(model, xs)[1]))(model)

    values = [gradient(snn.train.with_slope(model, slope), XS[0]).layers[-2].weight for slope in (1.0, 25.0)]
    assert jax.tree.all(jax.tree.map(lambda a: bool(jnp.all(jnp.isfinite(a))), values))


@pytest.mark.slow
def test_a_residual_network_with_statistics_of_the_batch_comes_into_range():
    def build(key):
        return snn.models.sew_resnet(10, 1, (1, 1), 8, norm=snn.nn.ThresholdBatchNorm, key=key)

    model = in_dtype(snn.with_statistics(*eqx.nn.make_with_state(build)(jr.key(0))), jnp.float32)
    images = jnp.asarray(DIGITS.train.x[:16]).reshape(16, 1, 8, 8).astype(jnp.float32)
    xs = jax.vmap(lambda x: snn.encode.direct(x, 4))(images)
    rates = snn.metrics.firing_rates(snn.init.match_rates(model, xs), xs)
    assert len(rates) == 6
    assert all(0.05 <= rate <= 0.25 for rate in rates.values())


def sew_resnet18(norm):
    def build(key):
        return snn.models.sew_resnet(10, 1, width=8, norm=norm, key=key)

    model, statistics = eqx.nn.make_with_state(build)(jr.key(0))
    return in_dtype(snn.with_statistics(model, statistics), jnp.float32)


@pytest.mark.slow
def test_a_sew_resnet_18_fires_and_learns():
    """As it is made: what its norms put out is of the size of the threshold."""
    loss = snn.train.Classify(
        readout=READOUT, encode=lambda x, key: snn.encode.direct(x.reshape(1, 8, 8).astype(jnp.float32), 4)
    )
    model = sew_resnet18(snn.nn.ThresholdBatchNorm)
    seen = deep.train(model, loss, DIGITS.train, steps=65, learning_rate=5e-3, key=jr.key(1))
    deep.assert_every_layer_fires(seen, 20)
    deep.assert_learns(seen, classes=10)


@pytest.mark.slow
def test_a_sew_resnet_18_without_norms_is_silent():
    images = jnp.asarray(DIGITS.train.x[:16]).reshape(16, 1, 8, 8).astype(jnp.float32)
    xs = jax.vmap(lambda x: snn.encode.direct(x, 4))(images)
    rates = snn.metrics.firing_rates(sew_resnet18(lambda channels: eqx.nn.Identity()), xs)
    assert len(rates) == 20
    assert sum(float(rate) == 0 for rate in rates.values()) >= 18
