"""Delays of neurons and of synapses, and that they can be learned."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn


def test_delays_of_neurons_are_trained():
    """The derivative for a delay that is no whole number, by finite differences."""
    xs = jnp.asarray(np.outer(np.sin(np.arange(20.0)), [1.0, 2.0, 3.0]))

    def loss(steps):
        return jnp.sum(snn.unroll(snn.VariableDelay(steps, longest=5), xs)[1] ** 3)

    at = jnp.array([0.4, 2.7, 4.2])
    step = 1e-6
    numeric = jnp.array([(loss(at + step * d) - loss(at - step * d)) / (2 * step) for d in jnp.eye(3)])
    np.testing.assert_allclose(jax.grad(loss)(at), numeric, rtol=1e-6)


def test_whole_delays_of_neurons():
    xs = jr.normal(jr.key(0), (20, 3))
    ys = snn.unroll(snn.VariableDelay(jnp.array([0.0, 3.0, 5.0]), longest=5), xs)[1]
    for n, steps in enumerate((0, 3, 5)):
        np.testing.assert_array_equal(ys[steps:, n], xs[: len(xs) - steps, n])
        np.testing.assert_array_equal(ys[:steps, n], 0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: snn.VariableDelay(jnp.ones(3)), "without `longest`"),
        (lambda: snn.VariableDelay(float("nan"), 3), "given nan"),
        (lambda: snn.VariableDelay(4.0, longest=3), "in this order"),
        (lambda: snn.VariableDelay(jnp.array([-1.0]), longest=3), "from least=0 to longest=3"),
        (lambda: snn.VariableDelay(1.0, longest=3, least=4), "in this order"),
        (lambda: snn.DelayedLinear(0, 2, 3, key=jr.key(0)), "in_features was given 0"),
        (lambda: snn.DelayedLinear(2, 2, -1, key=jr.key(0)), "longest was given -1"),
    ],
)
def test_delays_that_cannot_be(build, message):
    with pytest.raises(snn.InputError, match=message):
        build()
    with pytest.raises(snn.InputError, match=r"given one step of shape \(3,\); it takes \(2,\)"):
        snn.unroll(snn.DelayedLinear(2, 2, 3, key=jr.key(0)), jnp.ones((4, 3)))


@pytest.mark.parametrize("sigma", [None, 0.7, 1e-3, 30.0])
def test_delayed_synapses_are_the_sum_over_all_of_them(sigma):
    """Weight, delay and spread of every synapse in plain loops."""
    layer = snn.DelayedLinear(3, 2, longest=4, sigma=sigma, key=jr.key(0))
    layer = eqx.tree_at(lambda layer: layer.delay, layer, jnp.array([[0.0, 1.0, 4.0], [2.25, 3.6, 9.0]]))
    xs = np.asarray(jr.normal(jr.key(1), (12, 3)))
    expected = np.zeros((12, 2)) + np.asarray(layer.bias)
    for o in range(2):
        for i in range(3):
            away = np.arange(5) - min(float(layer.delay[o, i]), 4)
            spread = np.maximum(0, 1 - np.abs(away))
            if sigma is not None:
                exponent = -(away**2) / (2 * sigma**2)
                spread = np.exp(exponent - exponent.max())
                spread /= spread.sum()
            for t in range(12):
                for k in range(min(t, 4) + 1):
                    expected[t, o] += float(layer.weight[o, i]) * spread[k] * xs[t - k, i]
    np.testing.assert_allclose(snn.unroll(layer, jnp.asarray(xs))[1], expected, rtol=1e-12, atol=1e-14)
    state, outs = layer.init_state(jnp.asarray(xs[0])), []
    for x in jnp.asarray(xs):
        state, out = layer(state, x)
        outs.append(out)
    np.testing.assert_allclose(jnp.stack(outs), expected, rtol=1e-12, atol=1e-14)


def test_rounded_delays():
    layer = snn.DelayedLinear(3, 2, longest=4, sigma=0.01, key=jr.key(0))
    whole = snn.rounded(layer)
    assert whole.sigma is None
    np.testing.assert_array_equal(whole.delay, np.round(layer.delay.resolve()))
    xs = jr.normal(jr.key(1), (12, 3))
    np.testing.assert_allclose(snn.unroll(whole, xs)[1], snn.unroll(layer, xs)[1], rtol=1e-9)


# Three neurons that fire where at least three of six inputs coincide, after a delay of each.
INPUTS, NEURONS, LONGEST, STEPS = 6, 3, 20, 120


def coincidences(key, delays, count):
    spikes = jr.bernoulli(key, 0.2, (count, STEPS, INPUTS)).astype(float)
    late = [[jnp.roll(spikes[:, :, i], delays[n][i], axis=1) for i in range(INPUTS)] for n in range(NEURONS)]
    return spikes, jnp.stack([sum(one) for one in late], axis=-1) > 2.5


def learned(longest, delays, steps=400):
    """A network that is trained to fire so, with its spread narrowed on the way; and its accuracy on new data."""
    layer = snn.DelayedLinear(INPUTS, NEURONS, longest, sigma=snn.Fixed(1.0), key=jr.key(0))
    shape = (NEURONS, INPUTS)
    begin = snn.Interval(jnp.full(shape, longest / 2), 0, longest) if longest else layer.delay
    values = jnp.ones(shape), jnp.full(NEURONS, -2.5), begin
    layer = eqx.tree_at(lambda layer: (layer.weight, layer.bias, layer.delay), layer, values)
    is_delay = eqx.tree_at(
        lambda layer: layer.delay,
        jax.tree.map(lambda _: False, layer),
        jax.tree.map(lambda _: True, layer.delay),
    )
    params, rest = eqx.partition(layer, is_delay if longest else snn.trainable(layer))
    optimiser = optax.adam(optax.cosine_decay_schedule(0.2, steps))

    def out(layer, xs):  # after all delays have passed
        return jax.vmap(lambda x: snn.unroll(layer, x)[1])(xs)[:, LONGEST:]

    @jax.jit
    def step(params, state, sigma, key):
        layer = eqx.tree_at(lambda layer: layer.sigma, rest, snn.Fixed(sigma))
        xs, wanted = coincidences(key, delays, 32)

        def loss(params):
            return optax.sigmoid_binary_cross_entropy(out(eqx.combine(params, layer), xs), wanted[:, LONGEST:]).mean()

        updates, state = optimiser.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    state = optimiser.init(params)
    for i in range(steps):
        sigma = jnp.array(max(0.4, LONGEST / 2 * 0.04 ** (1.25 * i / steps)))
        params, state = step(params, state, sigma, jr.fold_in(jr.key(2), i))
    layer = snn.rounded(eqx.combine(params, rest))
    xs, wanted = coincidences(jr.key(3), delays, 64)
    fires, wanted = out(layer, xs) > 0, wanted[:, LONGEST:]
    return eqx.combine(params, rest), (fires[wanted].mean() + (~fires)[~wanted].mean()) / 2


@pytest.mark.usefixtures("standard_promotion")  # optax needs it
def test_delays_are_recovered_from_what_they_do():
    """To within half a step, in a task that weights alone do not solve."""
    delays = np.random.default_rng(0).integers(0, LONGEST + 1, (NEURONS, INPUTS)).tolist()
    layer, accuracy = learned(LONGEST, delays)
    np.testing.assert_allclose(layer.delay.resolve(), delays, atol=0.5)
    assert accuracy > 0.99
    _, without = learned(0, delays)
    assert without < 0.6
