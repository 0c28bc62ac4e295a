"""Ready-made networks: what they compute, that they learn, and what they refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn


def small(**options):
    return snn.models.SNN(4, (6, 5), 3, num_timesteps=7, key=jr.key(0), **options)


@pytest.mark.parametrize("reset", [snn.SubtractReset(), snn.ZeroReset()], ids=["soft", "hard"])
def test_snn_is_its_equations(reset):
    model = small(reset=reset, tau=3.0, threshold=0.6)
    x = np.abs(np.asarray(jr.normal(jr.key(1), (2, 4))))
    beta = np.exp(-1 / 3.0)
    vs = [0.0, 0.0, 0.0]
    total = 0
    for _ in range(7):
        z = x
        for i in range(3):
            vs[i] = beta * vs[i] + z @ np.asarray(model.network[2 * i].weight).T
            z = (vs[i] > 0.6).astype(float)
            vs[i] = vs[i] - 0.6 * z if isinstance(reset, snn.SubtractReset) else vs[i] * (1 - z)
        total = total + z
    assert total.sum() > 0
    np.testing.assert_allclose(model(jnp.asarray(x)), total / 7, rtol=1e-12)
    np.testing.assert_allclose(model(jnp.asarray(x[0])), total[0] / 7, rtol=1e-12)


def test_snn_spikes_are_zero_or_one_while_it_trains():
    model = small()
    x = jnp.ones((5, 4))

    def loss(model):
        rates = model(x)
        return jnp.sum(rates), rates

    gradient, rates = eqx.filter_grad(loss, has_aux=True)(model)
    np.testing.assert_allclose(rates * 7, jnp.round(rates * 7), atol=1e-12)
    assert all(jnp.any(g != 0) for g in jax.tree.leaves(gradient))


@pytest.mark.parametrize("options", [{"input_size": 0}, {"hidden_sizes": (3, 0)}, {"num_timesteps": 0}])
def test_snn_sizes(options):
    with pytest.raises(ValueError, match=r"SNN was given the sizes .* at least 1"):
        snn.models.SNN(**{"input_size": 4, "hidden_sizes": (3,), "output_size": 2, **options}, key=jr.key(0))


@pytest.mark.usefixtures("unchecked")
def test_snn_inputs():
    with pytest.raises(ValueError, match=r"input of shape \(2, 3, 4\); it takes one example"):
        small()(jnp.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"layers\[0\].*shape \(5,\)"):
        small()(jnp.ones((2, 5)))


@pytest.mark.slow
@pytest.mark.usefixtures("standard_promotion")
def test_snn_learns_digits():
    """The reference classifier, on the held-out split; the same commands as in its docstring and nothing tuned."""
    data = snn.data.load("digits")
    train_key, model_key = jr.split(jr.key(0))
    model = snn.models.SNN(64, (256, 128), 10, key=model_key)
    model = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, model)
    epochs, size = 20, 64
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-3, epochs * (len(data.train.x) // size)))
    state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model, state, x, label):
        def loss(model):
            return optax.softmax_cross_entropy_with_integer_labels(10.0 * model(x), label).mean()

        updates, state = optimiser.update(eqx.filter_grad(loss)(model), state)
        return eqx.apply_updates(model, updates), state

    for epoch_key in jr.split(train_key, epochs):
        order = np.asarray(jr.permutation(epoch_key, len(data.train.x)))
        for batch in np.array_split(order[: len(order) // size * size], len(order) // size):
            model, state = step(model, state, jnp.asarray(data.train.x[batch]), jnp.asarray(data.train.label[batch]))
    predicted = eqx.filter_jit(lambda m, x: m(x))(model, jnp.asarray(data.test.x)).argmax(axis=-1)
    accuracy = float((predicted == data.test.label).mean())
    print(f"test accuracy {accuracy:.4f}")
    assert accuracy >= 0.96
