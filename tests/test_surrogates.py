"""Spikes and their derivatives: against numeric derivatives, in both modes, of first and second order."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import snnjax as snn

from .helpers import all_surrogates, relax

surrogates = pytest.mark.parametrize("name", all_surrogates)

# Away from the kinks of Triangle and of |v|, where no numeric derivative exists.
POINTS = jnp.array([-2.3, -0.83, -0.31, -0.04, 0.03, 0.29, 0.77, 1.9])


@pytest.fixture
def surrogate(name):
    return all_surrogates[name]


@surrogates
def test_spikes_are_zero_or_one(surrogate, dtype):
    v = jnp.array([-jnp.inf, -1.0, 0.0, 1.0, jnp.inf], dtype)
    z = surrogate(v)
    assert z.dtype == dtype
    assert z.tolist() == [0, 0, 0, 1, 1]
    inclusive = eqx.tree_at(lambda s: s.slope, type(surrogate)(inclusive=True), surrogate.slope)
    assert inclusive(v).tolist() == [0, 0, 1, 1, 1]


@surrogates
def test_derivative_is_that_of_the_primitive(surrogate):
    step = 1e-6
    numeric = (surrogate.primitive(POINTS + step) - surrogate.primitive(POINTS - step)) / (2 * step)
    np.testing.assert_allclose(surrogate.derivative(POINTS), numeric, rtol=1e-7, atol=1e-9)


@surrogates
def test_both_modes_give_the_derivative(surrogate):
    np.testing.assert_array_equal(jax.vmap(jax.grad(surrogate))(POINTS), surrogate.derivative(POINTS))
    _, forward = jax.jvp(surrogate, (POINTS,), (jnp.ones_like(POINTS),))
    np.testing.assert_array_equal(forward, surrogate.derivative(POINTS))


@surrogates
def test_second_order(surrogate):
    """The derivative of the derivative, in every order of the two modes."""
    step = 1e-5
    numeric = (surrogate.derivative(POINTS + step) - surrogate.derivative(POINTS - step)) / (2 * step)
    for outer in (jax.jacfwd, jax.jacrev):
        for inner in (jax.jacfwd, jax.jacrev):
            second = jax.vmap(outer(inner(surrogate)))(POINTS)
            np.testing.assert_allclose(second, numeric, rtol=1e-6, atol=1e-6)


@surrogates
def test_slope_is_learnable(surrogate):
    """Its derivative is that of the primitive, numerically."""
    make = type(surrogate)

    def through(slope):
        return jnp.sum(jnp.sin(POINTS) * make(slope=slope)(POINTS))

    def relaxed(slope):
        return jnp.sum(jnp.sin(POINTS) * make(slope=slope).primitive(POINTS))

    at, step = jnp.array(1.1), 1e-6
    numeric = (relaxed(at + step) - relaxed(at - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(through)(at), numeric, rtol=1e-7)
    np.testing.assert_allclose(jax.jvp(through, (at,), (jnp.ones(()),))[1], numeric, rtol=1e-7)


@surrogates
def test_a_constant_slope_gets_no_gradient(surrogate):
    gradient = eqx.filter_grad(lambda s: s(jnp.array(0.3)))(surrogate)
    assert jax.tree.leaves(gradient) == []


@surrogates
@pytest.mark.parametrize("precision", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_finite_far_away(surrogate, precision):
    v = jnp.array([-1e4, -1e2, 0.0, 1e2, 1e4], precision)
    slopes = jax.vmap(jax.grad(surrogate))(v)
    assert slopes.dtype == precision
    assert jnp.isfinite(slopes).all()
    assert jnp.isfinite(jax.vmap(jax.grad(jax.grad(surrogate)))(v)).all()


@surrogates
def test_derivative_peaks_at_the_threshold(surrogate):
    v = jnp.linspace(-3, 3, 301)
    peak = surrogate.derivative(jnp.zeros(()))
    assert 0.95 * peak < jnp.max(surrogate.derivative(v)) <= peak * (1 + 1e-12)
    np.testing.assert_allclose(surrogate.derivative(v), surrogate.derivative(-v), rtol=1e-12)
    assert (surrogate.derivative(v) >= 0).all()


@surrogates
def test_equal_by_value_and_cached_by_value(surrogate):
    other = type(surrogate)()
    assert other == surrogate
    assert hash(other) == hash(surrogate)
    counted = eqx.filter_jit(eqx.debug.assert_max_traces(lambda s, v: s(v), max_traces=1))
    counted(surrogate, POINTS)
    counted(other, POINTS)


@pytest.mark.parametrize(
    ("surrogate", "at_zero", "area"),
    [
        (snn.Sigmoid(4.0), 1.0, 1.0),
        (snn.ATan(2.0), 1.0, 1.0),
        (snn.Triangle(1.0), 1.0, 1.0),
        (snn.Gaussian(2.0), 2 / np.sqrt(2 * np.pi), 1.0),
        (snn.SuperSpike(10.0), 1.0, 0.2),
    ],
    ids=repr,
)
def test_published_shapes(surrogate, at_zero, area):
    """Height at the threshold, and area (that of SuperSpike is 2 / slope)."""
    np.testing.assert_allclose(surrogate.derivative(jnp.zeros(())), at_zero, rtol=1e-12)
    v = jnp.linspace(-2000, 2000, 4_000_001)
    np.testing.assert_allclose(np.trapezoid(surrogate.derivative(v), v), area, rtol=1e-3)


def test_superspike_has_its_square():
    np.testing.assert_allclose(snn.SuperSpike(10.0).derivative(jnp.array(0.1)), 0.25)


def test_a_surrogate_of_ones_own():
    class Box(snn.AbstractSurrogate):
        slope: float = 1.0
        inclusive: bool = eqx.field(default=False, static=True)

        def primitive(self, v):
            return jnp.clip(0.5 + self.slope * v, 0, 1)

        def derivative(self, v):
            return self.slope * (jnp.abs(self.slope * v) < 0.5).astype(v.dtype)

    xs = jnp.linspace(0.0, 0.4, 20)[:, None]
    gradient = jax.grad(lambda x: snn.unroll(snn.LIF(surrogate=Box()), x)[1].sum())(xs)
    relaxed = relax(snn.LIF(surrogate=Box()))
    assert jnp.count_nonzero(gradient) > 0
    assert jnp.isfinite(snn.unroll(relaxed, xs)[1]).all()
