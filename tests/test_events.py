"""Input as events equals input as zeros and ones: outputs and gradients, and no spike is lost."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.experimental import sparse

import snnjax as snn

SIZE, OUT, T, BATCH = 40, 3, 7, 5
# Lists that are short enough for sums of columns, and such that are not.
CAPACITIES = {"sums": 5, "product": 30}


def _spikes(shape=(T, SIZE), rate=0.02):
    counts = np.random.default_rng(0).random((*shape,)) < rate
    return counts.astype(np.float64) + np.roll(counts, 1, axis=0)  # now and then two spikes at once


def _model(bias=True):
    linear = eqx.nn.Linear(SIZE, OUT, use_bias=bias, key=jr.key(0), dtype=jnp.float64)
    return snn.Sequential(linear, snn.LIF(tau=jnp.array(5.0), threshold=0.1))


def _batch(model, xs):
    return jax.vmap(lambda x: snn.unroll(model, x)[1], in_axes=1, out_axes=1)(xs)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("capacity", CAPACITIES.values(), ids=CAPACITIES)
def test_outputs_and_gradients_are_those_of_the_array(capacity, bias):
    spikes = _spikes((T, BATCH, SIZE))
    events = snn.Events.from_dense(spikes, capacity)
    weights = jr.normal(jr.key(1), (T, BATCH, OUT))

    def loss(model, xs):
        ys = _batch(model, xs)
        return (weights * ys).sum(), ys

    (_, ys), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(_model(bias), events)
    (_, expected), expected_gradient = eqx.filter_value_and_grad(loss, has_aux=True)(_model(bias), jnp.asarray(spikes))
    assert ys.sum() > 3
    np.testing.assert_array_equal(ys, expected)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(expected_gradient), strict=True):
        assert jnp.abs(b).max() > 0
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("capacity", CAPACITIES.values(), ids=CAPACITIES)
def test_gradients_of_each_example(capacity):
    spikes = _spikes((T, BATCH, SIZE))

    def gradients(xs):
        def of(x):
            def loss(model):
                return snn.unroll(model, x, record=lambda s, z: s[1].v)[1].sum()

            return eqx.filter_grad(loss)(_model())[0].weight

        return jax.vmap(of, in_axes=1)(xs)

    found = gradients(snn.Events.from_dense(spikes, capacity))
    expected = gradients(jnp.asarray(spikes))
    assert found.shape == (BATCH, OUT, SIZE)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_forward_mode_and_an_ensemble_of_weights():
    events = snn.Events.from_dense(_spikes(), 5)
    weights = jr.normal(jr.key(0), (4, OUT, SIZE))
    found = jax.vmap(events.project)(weights)
    np.testing.assert_allclose(found, jnp.einsum("ti,eoi->eto", events.dense(jnp.float64), weights), atol=1e-12)
    _, tangent = jax.jvp(events.project, (weights[0],), (weights[1],))
    np.testing.assert_allclose(tangent, found[1], atol=1e-12)
    second = jax.jvp(jax.grad(lambda w: (events.project(w) ** 3).sum()), (weights[0],), (weights[1],))[1]
    dense = events.dense(jnp.float64)
    expected = jax.jvp(jax.grad(lambda w: ((dense @ w.T) ** 3).sum()), (weights[0],), (weights[1],))[1]
    np.testing.assert_allclose(second, expected, rtol=1e-10)


def test_one_step_at_a_time_and_other_layers():
    spikes = _spikes()
    events = snn.Events.from_dense(spikes)
    model = _model()
    state = model.init_state(jax.tree.map(lambda a: a[0], events))
    ys = []
    for t in range(T):
        state, y = model(state, jax.tree.map(lambda a, t=t: a[t], events))
        ys.append(y)
    np.testing.assert_allclose(jnp.stack(ys), snn.unroll(model, events)[1], atol=1e-12)
    doubled = snn.unroll(snn.Sequential(lambda x: 2 * x, _model()), events)[1]
    np.testing.assert_array_equal(doubled, snn.unroll(_model(), jnp.asarray(2 * spikes))[1])


def test_conversions_lose_nothing():
    spikes = _spikes((T, BATCH, SIZE), rate=0.3)
    np.testing.assert_array_equal(snn.Events.from_dense(spikes).dense(), spikes)
    ones = (spikes[:, 0] > 0).astype(np.float32)
    bcoo = sparse.BCOO.fromdense(jnp.asarray(ones), n_batch=1)
    np.testing.assert_array_equal(snn.Events.from_bcoo(bcoo).dense(), ones)
    outside = snn.Events(jnp.array([[-1, 0, 2, 99]]), 3)
    np.testing.assert_array_equal(outside.dense(), [[1, 0, 1]])
    np.testing.assert_array_equal(outside.project(jnp.eye(3)), [[1, 0, 1]])
    silent = snn.Events.from_dense(np.zeros((2, 8)))
    np.testing.assert_array_equal(silent.project(jnp.ones((1, 8))), np.zeros((2, 1)))


def test_bad_input():
    with pytest.raises(ValueError, match="takes integers"):
        snn.Events(jnp.ones((3, 2)), 4)
    with pytest.raises(ValueError, match="at least 1"):
        snn.Events(jnp.ones((3, 2), int), 0)
    with pytest.raises(snn.InputError, match="at least 3"):
        snn.Events.from_dense(np.ones((2, 3)), capacity=2)
    with pytest.raises(snn.InputError, match="numbers of spikes"):
        snn.Events.from_dense(np.full((2, 3), 0.5))
    with pytest.raises(snn.InputError, match="n_batch=1"):
        snn.Events.from_bcoo(sparse.BCOO.fromdense(jnp.ones((2, 3))))
    with pytest.raises(snn.InputError, match="shape"):
        snn.unroll(_model(), snn.Events.from_dense(np.ones((2, SIZE + 1))))
