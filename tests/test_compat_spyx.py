"""spyx's neurons, activations, losses and metrics, against its equations written out by hand."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn
from snnjax.compat import spyx

N = 3
W = np.asarray(0.5 * jr.normal(jr.key(5), (N, N)))


def drive(steps=25):
    return np.asarray(0.4 + 0.8 * jr.normal(jr.key(2), (steps, N)))


# Generators of (membrane, spikes) per step: a neuron fires before it hears its input.


def lif(xs, beta, threshold, recurrent=0.0):
    v = np.zeros(N)
    for x in xs:
        z = (v > threshold) * 1.0
        v = beta * v + x + z @ (recurrent * W) - z * threshold
        yield v, z


def alif(xs):
    v, a = np.zeros(N), np.zeros(N)
    for x in xs:
        z = (v > 0.5 + a) * 1.0
        v, a = 0.8 * v + x - z * (0.5 + a), 0.9 * a + (1 - 0.9) * z
        yield v, z


def cuba(xs, recurrent=0.0):
    v, i = np.zeros(N), np.zeros(N)
    for x in xs:
        z = (v > 0.7) * 1.0
        i = 0.6 * i + x + z @ (recurrent * W)
        v = 0.8 * (v - z * 0.7) + i
        yield v, z


NEURONS = {
    "IF": (lambda: spyx.IF(N, 0.7), lambda xs: lif(xs, 1.0, 0.7)),
    "LIF": (lambda: spyx.LIF(N, 0.8, 0.7), lambda xs: lif(xs, 0.8, 0.7)),
    "LIF-clipped": (lambda: spyx.LIF(N, 1.4, 0.7), lambda xs: lif(xs, 1.0, 0.7)),
    "ALIF": (lambda: spyx.ALIF((N,), 0.8, 0.9, 0.5), alif),
    "CuBaLIF": (lambda: spyx.CuBaLIF((N,), 0.6, 0.8, 0.7), cuba),
    "RIF": (lambda: spyx.RIF(N, 0.7, recurrent_w=jnp.asarray(W)), lambda xs: lif(xs, 1.0, 0.7, 1.0)),
    "RLIF": (lambda: spyx.RLIF(N, 0.8, 0.7, recurrent_w=jnp.asarray(W)), lambda xs: lif(xs, 0.8, 0.7, 1.0)),
    "RCuBaLIF": (lambda: spyx.RCuBaLIF(N, 0.6, 0.8, 0.7, recurrent_w=jnp.asarray(W)), lambda xs: cuba(xs, 1.0)),
}


@pytest.mark.parametrize("name", NEURONS)
def test_equations(name):
    make, equations = NEURONS[name]
    xs = drive()
    _, (vs, zs) = snn.unroll(make(), jnp.asarray(xs), record=lambda state, out: (state.v, out))
    vs_wanted, zs_wanted = map(np.stack, zip(*equations(xs), strict=True))
    assert 0 < zs_wanted.sum() < zs_wanted.size
    np.testing.assert_array_equal(zs, zs_wanted)
    np.testing.assert_allclose(vs, vs_wanted, rtol=1e-9, atol=1e-12)


def test_without_a_reset_or_spikes():
    xs = jnp.array([[1.0], [0.5], [0.5]])
    assert snn.unroll(spyx.LI(1, 0.5), xs)[1].ravel().tolist() == [1.0, 1.0, 1.0]
    assert snn.unroll(spyx.PSU_LIF(1, 0.5, 0.9), xs)[1].ravel().tolist() == [1.0, 1.0, 1.0]
    assert snn.unroll(spyx.PSU_LIF(1, 0.5, 1.0), xs)[1].ravel().tolist() == [0.0, 0.0, 0.0]


def test_parameters_are_drawn_per_neuron():
    neuron = spyx.CuBaLIF(1000, key=jr.key(0)).cell
    for decay in (neuron.decay.value, neuron.decay_i.value):
        assert decay.shape == (1000,)
        assert float(jnp.abs(decay - 0.5).max()) <= 0.5
        assert decay.std() == pytest.approx(0.25 * 0.88, rel=0.1)  # a normal that is cut at two deviations
    assert spyx.RIF(3, key=jr.key(0)).cell.recurrent_w.shape == (3, 3)


def test_a_layer_knows_its_shape():
    with pytest.raises(ValueError, match=r"shape \(3,\) was given an input of shape \(4,\)"):
        spyx.LIF(3, 0.5).init_state(jnp.zeros(4))


SLOPES = {
    "superspike": ({"k": 5.0}, lambda x: 1 / (1 + 5 * np.abs(x)) ** 2),
    "arctan": ({"k": 1.5}, lambda x: 1 / (np.pi * (1 + (1.5 * np.pi * x) ** 2))),
    "triangular": ({"k": 2.0}, lambda x: np.maximum(0, 1 - 2 * np.abs(x))),
    "tanh": ({"k": 1.5}, lambda x: 4 / (np.exp(-1.5 * x) + np.exp(1.5 * x)) ** 2),
    "boxcar": ({"width": 1.0, "height": 0.7}, lambda x: np.where(np.abs(x) < 0.5, 0.7, 0.0)),
    "custom": ({}, lambda x: x),
}


@pytest.mark.parametrize("name", SLOPES)
def test_activations(name):
    options, slope = SLOPES[name]
    xs = jnp.array([-0.6, -0.2, 0.0, 0.1, 0.55])
    spike = getattr(spyx, name)(**options)
    assert spike(xs).tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(jax.vmap(jax.grad(spike))(xs), slope(np.asarray(xs)), rtol=1e-12)


def test_a_derivative_of_ones_own_trains():
    neuron = spyx.LIF(1, 0.5, 1.0, spyx.custom(lambda v: jnp.full_like(v, 2.0)))
    slopes = jax.grad(lambda xs: snn.unroll(neuron, xs)[1].sum())(jnp.array([[0.5], [0.0]]))
    assert slopes.ravel().tolist() == [2.0, 0.0]  # heard one step later, and never after the last


TRACES = jr.normal(jr.key(3), (4, 12, 5))
TARGETS = jnp.array([0, 3, 4, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_losses(smoothing):
    labels = optax.smooth_labels(jax.nn.one_hot(TARGETS, 5), smoothing)
    wanted = optax.softmax_cross_entropy(TRACES.sum(1), labels).mean()
    assert spyx.integral_crossentropy(smoothing)(TRACES, TARGETS) == pytest.approx(wanted)
    wanted = ((TRACES.mean(1) - labels * 0.4 * 12) ** 2).mean()
    assert spyx.mse_spikerate(0.4, smoothing)(TRACES, TARGETS) == pytest.approx(wanted)


def test_time_may_be_the_first_axis():
    turned = jnp.swapaxes(TRACES, 0, 1)
    for make in (spyx.integral_crossentropy, spyx.mse_spikerate):
        assert make(time_axis=0)(turned, TARGETS) == pytest.approx(make()(TRACES, TARGETS))
    accuracy, predictions = spyx.integral_accuracy(time_axis=0)(turned, TARGETS)
    assert predictions.tolist() == TRACES.sum(1).argmax(-1).tolist()
    assert accuracy == np.mean(np.asarray(predictions) == np.asarray(TARGETS))


def test_regularisers():
    spikes = jnp.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])  # (batch, time, neurons)
    # Means over the batch: 1, 1/2, 1/2, 0 fall short of 3/4 by 0, 1/4, 1/4, 3/4.
    assert spyx.silence_reg(0.75)([spikes]) == pytest.approx(2 / 16 + 9 / 16)
    # Means over the layer: 1/2 and 1/2.
    assert spyx.sparsity_reg(0.25)([spikes, spikes]) == pytest.approx(4 * 0.25**2 / 2)
    assert spyx.sparsity_reg(-1.5)(spikes) == pytest.approx(2 * (2 - 0.5))  # linear beyond 1
    assert spyx.sparsity_reg(0.25, norm=jnp.abs)(spikes) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spyx.LIF(3), "beta was not given, and no key either.*takes a PRNG key. Give"),
        (lambda: spyx.RIF(3), "neither recurrent_w nor a key"),
        (lambda: spyx.RIF((2, 3), key=jr.key(0)), "hidden_shape=.*takes one number.*Flatten"),
        (lambda: spyx.custom(fwd=jnp.sign), "given fwd=.*0 or 1.*Leave fwd out"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
