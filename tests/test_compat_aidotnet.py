"""compat.aidotnet: the layer of the reference document, that it learns when stacked, and that it survives files."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn
from snnjax.compat.aidotnet import SpikingLayer, SpikingNeuronType

from .helpers import assert_equal

TYPES = [kind.value for kind in SpikingNeuronType]


def make(kind="LeakyIntegrateAndFire", **options):
    return SpikingLayer(4, 3, kind, key=jr.key(0), **options)


def drive(kind):
    strong = {"Izhikevich": 300.0, "AdaptiveExponential": 3000.0, "HodgkinHuxley": 300.0}.get(kind, 8.0)
    return strong * jnp.abs(jr.normal(jr.key(1), (40, 4)))


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_fires_has_gradients_and_stays_finite(kind):
    layer = make(kind)

    def loss(layer):
        zs = snn.unroll(layer, drive(kind))[1]
        return zs.sum(), zs

    gradient, zs = eqx.filter_grad(loss, has_aux=True)(layer)
    assert set(np.unique(zs)) <= {0.0, 1.0}
    assert jnp.any(gradient.weights != 0)
    assert jnp.isfinite(gradient.weights).all()


def test_lif_is_its_equations():
    """A membrane that leaks while it is refractory, and hears nothing then."""
    layer = make(tau=5.0, refractory_period=2.0)
    xs = drive("LeakyIntegrateAndFire")
    v, countdown, expected = np.zeros(3), np.zeros(3), []
    for x in np.asarray(xs):
        waits = countdown >= 0.001
        v = v * (1 - 1 / 5.0) + np.where(waits, 0.0, x @ np.asarray(layer.weights))
        countdown = countdown - waits
        z = v > 0.5 - 1e-4
        v, countdown = np.where(z, 0.0, v), np.where(z, 2.0, countdown)
        expected.append(z)
    np.testing.assert_array_equal(snn.unroll(layer, xs)[1], np.array(expected, float))


def test_parameters_are_one_vector():
    """Weights row by row, a row per input, then the biases."""
    layer = make()
    assert layer.parameter_count == 15
    vector = jnp.arange(15.0)
    changed = layer.update_parameters(vector)
    np.testing.assert_array_equal(changed.weights, vector[:12].reshape(4, 3))
    np.testing.assert_array_equal(changed.biases, vector[12:])
    np.testing.assert_array_equal(changed.get_parameters(), vector)
    with pytest.raises(ValueError, match=r"shape \(14,\); this layer has \(15,\)"):
        layer.update_parameters(jnp.zeros(14))


def test_gradient_step_and_reset():
    layer = make()
    gradient = eqx.filter_grad(lambda m: snn.unroll(m, drive(""))[1].sum())(layer)
    moved = layer.apply_gradients(gradient, 0.1)
    np.testing.assert_allclose(moved.weights, layer.weights - 0.1 * gradient.weights)
    state, _ = snn.unroll(layer, drive(""))
    assert_equal(layer.reset_state(state), layer.init_state(jnp.zeros(4)))


def test_any_batch():
    xs = jr.normal(jr.key(2), (5, 20, 4))
    layer = make()
    batch = jax.vmap(lambda x: snn.unroll(layer, 5 * x)[1])(xs)
    for i in range(5):
        assert_equal(batch[i], snn.unroll(layer, 5 * xs[i])[1])


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_keeps_parameters_and_settings(kind, tmp_path):
    layer = make(kind, tau=7.0, refractory_period=3.0)
    layer.serialize(tmp_path / "layer")
    assert bool(eqx.tree_equal(SpikingLayer.deserialize(tmp_path / "layer"), layer))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neuron_type": "Poisson"}, "'Poisson'; it takes one of LeakyIntegrateAndFire, IntegrateAndFire"),
        ({"tau": 1.0}, "tau above 1"),
        ({"refractory_period": -1.0}, "at least 0 steps"),
        ({"output_size": 0}, "sizes of at least 1"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        SpikingLayer(**{"input_size": 4, "output_size": 3, **options}, key=jr.key(0))


@pytest.mark.usefixtures("unchecked")
def test_another_input_size():
    with pytest.raises(ValueError, match=r"shape \(5,\); it takes \(4,\) per step"):
        snn.unroll(make(), jnp.ones((7, 5)))


@pytest.mark.slow
@pytest.mark.usefixtures("standard_promotion")
def test_a_stack_of_three_learns_digits_and_survives(tmp_path):
    """Surrogate gradients through the stack, to 0.95; then a file and an artifact with equal outputs."""
    data = snn.data.load("digits")
    keys = jr.split(jr.key(0), 4)
    sizes = [(64, 256), (256, 128), (128, 10)]
    layers = [
        SpikingLayer(*size, refractory_period=1.0, key=key, scale=3.0 / size[0] ** 0.5)
        for size, key in zip(sizes, keys, strict=False)
    ]
    model = snn.Sequential(*layers)
    model = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, model)
    epochs, size, steps = 15, 64, 20
    optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, epochs * (len(data.train.x) // size)))
    state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))

    def rates(model, x):
        return jax.vmap(lambda x: snn.unroll(model, snn.encode.direct(x, steps))[1].mean(axis=0))(x)

    @eqx.filter_jit
    def step(model, state, x, label):
        def loss(model):
            return optax.softmax_cross_entropy_with_integer_labels(20.0 * rates(model, x), label).mean()

        updates, state = optimiser.update(eqx.filter_grad(loss)(model), state)
        return eqx.apply_updates(model, updates), state

    for epoch_key in jr.split(keys[3], epochs):
        order = np.asarray(jr.permutation(epoch_key, len(data.train.x)))
        for batch in np.array_split(order[: len(order) // size * size], len(order) // size):
            model, state = step(model, state, jnp.asarray(data.train.x[batch]), jnp.asarray(data.train.label[batch]))
    x = jnp.asarray(data.test.x)
    outputs = eqx.filter_jit(rates)(model, x)
    accuracy = float((outputs.argmax(axis=-1) == data.test.label).mean())
    print(f"test accuracy {accuracy:.4f}")
    assert accuracy >= 0.95

    for i, layer in enumerate(model.layers):
        layer.serialize(tmp_path / str(i))
    loaded = snn.Sequential(*(SpikingLayer.deserialize(tmp_path / str(i)) for i in range(3)))
    assert_equal(eqx.filter_jit(rates)(loaded, x), outputs)
    snn.checkpoint.save(tmp_path / "stack", model)
    again, _ = snn.checkpoint.load(tmp_path / "stack", loaded)
    assert_equal(eqx.filter_jit(rates)(again, x), outputs)
    artifact = jax.export.deserialize(bytearray(snn.export.stablehlo(model, (64,), steps)))
    xs = jnp.broadcast_to(x[:, None], (len(x), steps, 64))
    np.testing.assert_array_equal(artifact.call(xs).mean(axis=1), outputs)
