"""Spikes and their derivatives: against numeric derivatives, in both modes, of first and second order."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import snnjax as snn
from snnjax._surrogate.boxcar import Boxcar
from snnjax._surrogate.circular import Circular
from snnjax._surrogate.damped import Damped, Shifted
from snnjax._surrogate.fake_numerical_gradient import FakeNumericalGradient
from snnjax._surrogate.fourier_square_wave import FourierSquareWave
from snnjax._surrogate.laplace import Laplace, Slayer
from snnjax._surrogate.log_abs import LogAbs
from snnjax._surrogate.multi_gaussian import MultiGaussian
from snnjax._surrogate.one_sided import OneSided
from snnjax._surrogate.periodic_exponential import PeriodicExponential
from snnjax._surrogate.q_pseudo_spike import QPseudoSpike
from snnjax._surrogate.s2nn import S2NN
from snnjax._surrogate.soft_sign import SoftSign
from snnjax._surrogate.tanh import Tanh

from .helpers import all_surrogates, relax

surrogates = pytest.mark.parametrize("name", all_surrogates)

# Away from every kink, where no numeric derivative exists: those of |v|, and the edges of the registry's windows.
POINTS = jnp.array([-2.3, -0.83, -0.31, -0.04, 0.03, 0.29, 0.77, 1.9])
FAR = jnp.array([-1e4, -1e2, -0.5, 0.0, 0.5, 1e2, 1e4])
PRECISIONS = (jnp.float32, jnp.bfloat16, jnp.float16)

LOPSIDED = {"S2NN", "PeriodicExponential", "Shifted", "OneSided", "OneSided-sparse"}
NEGATIVE = {"FourierSquareWave", "MultiGaussian"}


@pytest.fixture
def surrogate(name):
    return all_surrogates[name]


def replace_in_core(surrogate, **changes):
    """The surrogate with other fields, or with those of the one that it wraps."""
    if hasattr(surrogate, "surrogate"):
        return dataclasses.replace(surrogate, surrogate=replace_in_core(surrogate.surrogate, **changes))
    return dataclasses.replace(surrogate, **changes)


def numeric(function, at, step):
    return (function(at + step) - function(at - step)) / (2 * step)


@functools.cache
def facts(name):
    """All that the tests compare, of one surrogate: compiled once, as compiling is what takes the time."""
    surrogate = all_surrogates[name]
    numbers, structure = jax.tree.flatten(surrogate)
    numbers = jnp.array(numbers)
    modes = (jax.jacfwd, jax.jacrev)

    def weighed(function, numbers):
        made = jax.tree.unflatten(structure, list(numbers))
        return jnp.sum(jnp.sin(POINTS) * getattr(made, function)(POINTS))

    def along(axis):
        return numeric(lambda n: weighed("primitive", n), numbers, 1e-6 * axis)

    @jax.jit
    def compute():
        return {
            "derivative": surrogate.derivative(POINTS),
            "numeric": numeric(surrogate.primitive, POINTS, 1e-6),
            "modes": [jax.vmap(mode(surrogate))(POINTS) for mode in modes],
            "seconds": [jax.vmap(outer(inner(surrogate)))(POINTS) for outer in modes for inner in modes],
            "numeric_second": numeric(surrogate.derivative, POINTS, 1e-5),
            "numbers": [mode(lambda n: weighed("__call__", n))(numbers) for mode in modes],
            "numeric_numbers": jax.vmap(along)(jnp.eye(len(numbers))).diagonal(),
            "far": [jax.vmap(jax.value_and_grad(jax.grad(surrogate)))(FAR.astype(p)) for p in PRECISIONS],
        }

    return compute()


@surrogates
def test_spikes_are_zero_or_one(surrogate, dtype):
    v = jnp.array([-jnp.inf, -1.0, 0.0, 1.0, jnp.inf], dtype)
    z = surrogate(v)
    assert z.dtype == dtype
    assert z.tolist() == [0, 0, 0, 1, 1]
    assert replace_in_core(surrogate, inclusive=True)(v).tolist() == [0, 0, 1, 1, 1]


@surrogates
def test_derivative_is_that_of_the_primitive(name):
    np.testing.assert_allclose(facts(name)["derivative"], facts(name)["numeric"], rtol=1e-7, atol=1e-9)


@surrogates
def test_both_modes_give_the_derivative(name):
    for found in facts(name)["modes"]:
        np.testing.assert_allclose(found, facts(name)["derivative"], rtol=1e-14)


@surrogates
def test_second_order(name):
    """The derivative of the derivative, in every order of the two modes."""
    for second in facts(name)["seconds"]:
        np.testing.assert_allclose(second, facts(name)["numeric_second"], rtol=1e-6, atol=1e-6)


@surrogates
def test_every_number_is_learnable(name, surrogate):
    """The derivative with respect to the slope, and every other field, is that of the primitive, numerically."""
    assert surrogate.slope in jax.tree.leaves(surrogate)
    for found in facts(name)["numbers"]:
        np.testing.assert_allclose(found, facts(name)["numeric_numbers"], rtol=1e-6, atol=1e-8)


@surrogates
def test_finite_far_away(name):
    for precision, (first, second) in zip(PRECISIONS, facts(name)["far"], strict=True):
        assert first.dtype == second.dtype == precision
        assert jnp.isfinite(jnp.stack([first, second])).all()


@surrogates
def test_primitive_has_no_jumps(surrogate):
    """The pieces of a primitive meet: what it rises by is the area under the derivative."""
    v = np.linspace(-4, 4, 4001)
    area = np.trapezoid(surrogate.derivative(jnp.asarray(v)), v)
    first, last = surrogate.primitive(jnp.array([-4.0, 4.0]))
    np.testing.assert_allclose(last - first, area, rtol=1e-2)


@surrogates
def test_derivative_peaks_at_the_threshold(name, surrogate):
    v = jnp.linspace(-3, 3, 301)
    derivative = np.asarray(surrogate.derivative(v))
    if name not in LOPSIDED:
        assert derivative.max() == derivative[150]
        np.testing.assert_allclose(derivative, derivative[::-1], rtol=1e-12, atol=1e-12)
    assert (derivative >= 0).all() == (name not in NEGATIVE)


@surrogates
def test_a_constant_slope_gets_no_gradient(surrogate):
    gradient = eqx.filter_grad(lambda s: s(jnp.array(0.3)))(surrogate)
    assert jax.tree.leaves(gradient) == []


@surrogates
def test_equal_by_value_and_cached_by_value(surrogate):
    other = dataclasses.replace(surrogate)
    assert other is not surrogate
    assert other == surrogate
    assert hash(other) == hash(surrogate)
    assert replace_in_core(surrogate, slope=0.123) != surrogate
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
        (SoftSign(2.0), 1.0, 1.0),
        (Laplace(1.0), 0.5, 1.0),
        (Slayer(4.0), 1.0, 0.5),
        (Boxcar(2.0), 2.0, 1.0),
        (Boxcar(0.5, width=3.0), 0.5, 1.5),
        (Tanh(4.0), 1.0, 0.5),
        (QPseudoSpike(2 / (3.0 - 1), exponent=3.0), 1.0, 1.0),
        (MultiGaussian(2.0, lobe=0.2), None, 1.2 - 2 * 0.2),
        (Circular(4.0), 1.0, 0.5),
        (Damped(snn.Triangle(1.0), 0.3), 0.3, 0.3),
        (Shifted(Laplace(2.0), 3.0), np.exp(-6.0), 1.0),
        (OneSided(Laplace(2.0), offset=0.0), 0.0, 0.5),
    ],
    ids=repr,
)
def test_published_shapes(surrogate, at_zero, area):
    """Height at the threshold, and area (that of SuperSpike is 2 / slope)."""
    if at_zero is not None:
        np.testing.assert_allclose(surrogate.derivative(jnp.zeros(())), at_zero, rtol=1e-12)
    v = np.sinh(np.linspace(-12, 12, 100_001))  # to 80000, and finer towards zero
    np.testing.assert_allclose(np.trapezoid(surrogate.derivative(jnp.asarray(v)), v), area, rtol=1e-3)


def _density(v, mean, deviation):
    return np.exp(-(((v - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


@pytest.mark.parametrize(
    ("surrogate", "v", "expected"),
    [
        (SoftSign(2.0), -0.75, 1 / 6.25),
        (Laplace(3.0), -0.5, 1.5 * np.exp(-1.5)),
        (Slayer(3.0), 0.5, np.exp(-1.5)),
        (LogAbs(4.0), 0.75, 1.0),
        (Tanh(2.0), 0.4, 1 - np.tanh(0.8) ** 2),
        (FourierSquareWave(4 / 8.0, terms=2), 0.5, 4 / 8 * (np.cos(np.pi / 8) + np.cos(3 * np.pi / 8))),
        (FourierSquareWave(4 / 3.0, terms=1), -0.7, 4 / 3 * np.cos(2 * np.pi * 0.7 / 3)),
        (S2NN(4.0), -0.25, 4 * np.e / (1 + np.e) ** 2),
        (S2NN(4.0, tail=0.5), 0.25, 0.4),
        (S2NN(4.0, tail=0.5), 0.0, 0.5),
        (QPseudoSpike(2 / (2.5 + 1), exponent=2.5), -0.7, 1.4**-2.5),
        (QPseudoSpike(2 / (2.5 - 1), exponent=2.5), 0.3, 1.4**-2.5),
        (QPseudoSpike(10.0, exponent=1.0), 0.1, 0.5),
        (QPseudoSpike(10.0, exponent=2.0), 0.1, 0.25),
        (FakeNumericalGradient(2.0), -0.4, 2.0),
        (FakeNumericalGradient(2.0), -4.0, 0.25),
        (FakeNumericalGradient(2.0), 0.0, 2.0),
        (Boxcar(0.5, leak=0.01), 0.99, 0.5),
        (Boxcar(0.5, leak=0.01), 1.0, 0.01),
        (Boxcar(0.5, leak=0.01, closed=True), -1.0, 0.5),
        (Boxcar(0.5, width=0.4), 0.21, 0.0),
        (Circular(1 / 3.0), 4.0, 3 / 5 - 3 * 16 / 125),
        (
            MultiGaussian(2.0, lobe=0.15, lobe_width=6.0),
            0.6,
            1.15 * _density(0.6, 0, 0.5) - 0.15 * (_density(0.6, 0.5, 3) + _density(0.6, -0.5, 3)),
        ),
        (
            MultiGaussian(2.0, lobe=0.3, lobe_width=2.0, center=0.2),
            0.6,
            1.3 * _density(0.6, 0.2, 0.5) - 0.3 * (_density(0.6, 0.5, 1) + _density(0.6, -0.5, 1)),
        ),
        (PeriodicExponential(2.0, period=0.8), -0.5, np.exp(-1.0)),
        (PeriodicExponential(2.0, period=0.8), 0.3, np.exp(-1.2)),
        (PeriodicExponential(2.0, period=0.8), 0.5, np.exp(-1.2)),
        (PeriodicExponential(2.0, period=0.8), 1.6, 1.0),
        (Damped(Shifted(Slayer(1.5), 1.0), 25.0), 0.2, 25 * np.exp(-1.2)),
        (OneSided(), 0.0, 0.0),
        (OneSided(), 1e-3, 1.0),
        (OneSided(snn.StraightThrough(0.8), leak=0.1, closed=True), 0.0, 0.8),
        (OneSided(snn.StraightThrough(0.8), leak=0.1, closed=True), -1e-3, 0.1),
        (OneSided(snn.SuperSpike(25.0), offset=1.0), 0.9, 0.0),
        (OneSided(snn.SuperSpike(25.0), offset=1.0), 1.2, 1 / 31**2),
        (OneSided(FakeNumericalGradient(1.0), leak=0.1), 0.0, 0.1),
        (OneSided(FakeNumericalGradient(1.0), leak=0.1), 0.5, 1.0),
        (OneSided(FakeNumericalGradient(1.0), leak=0.1), 4.0, 0.25),
        (snn.Gaussian(np.sqrt(2) * 2.0), 0.3, 2 / np.sqrt(np.pi) * np.exp(-0.36)),
        (snn.SuperSpike(10.0), 0.1, 0.25),
    ],
    ids=repr,
)
def test_published_values(surrogate, v, expected):
    """The formulas of the papers and libraries, worked out by hand; at the ties too."""
    np.testing.assert_allclose(surrogate.derivative(jnp.array(v)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("surrogate", "v", "expected"),
    [
        (LogAbs(4.0), 0.75, np.log(4)),
        (SoftSign(2.0), 0.5, 0.75),
        (FourierSquareWave(0.5, terms=2), 2.0, 0.5 + 2 / np.pi * (1 - 1 / 3)),
        (QPseudoSpike(10.0, exponent=1.0), -0.1, 0.5 - np.log(2) / 10),
        (QPseudoSpike(1.0, exponent=3.0), 1.0, 0.875),
        (PeriodicExponential(2.0, period=1.0), 3.0, 0.5 + 3 * (1 - np.exp(-2)) / 2),
        (S2NN(4.0, tail=0.5), 1.0, 0.5 + np.log(2) / 2),
        (OneSided(FakeNumericalGradient(1.0)), 4.0, 1 + np.log(4)),
    ],
    ids=repr,
)
def test_primitives(surrogate, v, expected):
    np.testing.assert_allclose(surrogate.primitive(jnp.array(v)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Boxcar(-1.0), "Boxcar.slope was given -1.0"),
        (lambda: Boxcar(width=0.0), "Boxcar.width was given 0.0"),
        (lambda: Boxcar(leak=jnp.nan), "Boxcar.leak was given nan"),
        (lambda: FourierSquareWave(terms=0), "FourierSquareWave.terms was given 0"),
        (lambda: S2NN(tail=-1.0), "S2NN.tail was given -1.0"),
        (lambda: QPseudoSpike(exponent=0.0), "QPseudoSpike.exponent was given 0.0"),
        (lambda: MultiGaussian(lobe_width=0.0), "MultiGaussian.lobe_width was given 0.0"),
        (lambda: PeriodicExponential(period=0.0), "PeriodicExponential.period was given 0.0"),
        (lambda: Damped(factor=jnp.inf), "Damped.factor was given inf"),
        (lambda: Shifted(offset=jnp.nan), "Shifted.offset was given nan"),
        (lambda: OneSided(offset=jnp.nan), "OneSided.offset was given nan"),
    ],
)
def test_bad_numbers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


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
