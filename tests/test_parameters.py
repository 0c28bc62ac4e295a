"""Roles of parameters: constant, free, positive, in an interval, fixed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close

ALL = [snn.Positive(2.5), snn.Interval(2.5, 1, 4), snn.Fixed(2.5)]


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: type(p).__name__)
def test_value_is_what_was_given(parameter):
    np.testing.assert_allclose(parameter.resolve(), 2.5, rtol=1e-12)
    np.testing.assert_allclose(snn.resolve({"a": parameter})["a"], 2.5, rtol=1e-12)


@pytest.mark.parametrize("parameter", ALL, ids=lambda p: type(p).__name__)
def test_arithmetic_is_that_of_the_value(parameter):
    p, x = parameter, jnp.array([1.0, 3.0])
    results = [p + x, x + p, p - 1, 1 - p, p * x, x * p, 5 / p, p / 5, p**2, 2**p, -p, jnp.exp(p)]
    v = 2.5
    expected = [v + x, x + v, v - 1, 1 - v, v * x, x * v, 5 / v, v / 5, v**2, 2**v, -v, np.exp(v)]
    for a, b in zip(results, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert [bool(b) for b in (p > 2, p >= 3, p < 3, p <= 2)] == [True, False, True, False]
    assert (x > p).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_arrays_keep_shape_and_dtype(shape, dtype):
    value = jnp.full(shape, 0.4, dtype)
    for parameter in (snn.Positive(value), snn.Interval(value, 0, 1), snn.Fixed(value)):
        resolved = parameter.resolve()
        assert resolved.shape == shape
        assert resolved.dtype == dtype
        np.testing.assert_allclose(resolved, 0.4, rtol=1e-6)


def test_training_stays_in_the_range():
    """However far the optimiser goes, the value stays inside, and keeps a gradient on the way."""
    for parameter, low, high in [(snn.Positive(0.1), 0, np.inf), (snn.Interval(0.9, 0, 1), 0, 1)]:
        for sign in (-1.0, 1.0):
            p = parameter
            for _ in range(20):
                gradient = eqx.filter_grad(lambda p, sign=sign: sign * p.resolve())(p)
                assert gradient.raw != 0
                p = eqx.apply_updates(p, jax.tree.map(lambda g: -0.5 * jnp.sign(g), gradient))
            assert low < p.resolve() < high


def test_fixed_gets_no_gradient():
    model = snn.LIF(tau=snn.Fixed(4.0), threshold=jnp.array(1.0))
    xs = jnp.linspace(0.1, 0.6, 20)
    gradient = eqx.filter_grad(lambda m: snn.unroll(m, xs)[0].v)(model)
    assert gradient.tau.value == 0
    assert gradient.threshold != 0


def test_trainable_is_a_filter():
    model = snn.Sequential(
        eqx.nn.Linear(2, 2, key=jax.random.key(0)),
        snn.CubaLIF(tau=jnp.array(3.0), tau_i=snn.Fixed(2.0), threshold=snn.Positive(1.0)),
    )
    spec = snn.trainable(model)
    assert spec.layers[0].weight is True
    neuron = spec.layers[1]
    assert (neuron.tau, neuron.tau_i.value, neuron.threshold.raw, neuron.dt) == (True, False, True, False)


def test_numpy_arrays_are_parameters_too():
    neuron = snn.LIF(tau=np.array([2.0, 3.0]))
    assert snn.trainable(neuron).tau is True


def test_arrays_are_not_weakly_typed():
    """A weak type would be lost in the first update, and the second step would compile again."""
    assert jnp.array(20.0).weak_type
    assert not snn.LIF(tau=jnp.array(20.0)).tau.weak_type
    assert not snn.Positive(20.0).raw.weak_type


@pytest.mark.parametrize("wrap", [jnp.array, snn.Positive, lambda v: snn.Interval(v, 0, 100), snn.Fixed])
def test_every_role_computes_the_same(wrap):
    xs = jax.random.normal(jax.random.key(0), (50, 3))
    expected = snn.unroll(snn.LIF(tau=5.0), xs)
    assert_close(snn.unroll(snn.LIF(tau=wrap(5.0)), xs), expected, rtol=1e-10)


@pytest.mark.parametrize("wrap", [jnp.array, snn.Positive, snn.Fixed])
def test_a_new_value_does_not_recompile(wrap):
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def run(neuron, xs):
        return snn.unroll(neuron, xs)[1]

    run(snn.LIF(tau=wrap(5.0)), jnp.ones(4))
    run(snn.LIF(tau=wrap(6.0)), jnp.ones(4))
