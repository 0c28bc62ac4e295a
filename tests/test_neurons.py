"""Neurons against closed forms."""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import all_resets, assert_close, assert_equal

NEVER = 1e9  # a threshold out of reach


def membrane(neuron, xs):
    return snn.unroll(neuron, xs, record=lambda state, out: state.v)[1]


@pytest.mark.parametrize("tau", [1.5, 20.0, 2000.0])
def test_lif_decays_exponentially(tau):
    xs = jnp.zeros(100).at[0].set(1.0)
    expected = np.exp(-np.arange(100) / tau)
    np.testing.assert_allclose(membrane(snn.LIF(tau=tau, threshold=NEVER), xs), expected, rtol=1e-12)


def test_dt_and_tau_share_a_unit():
    xs = jnp.ones((50, 2))
    in_steps = snn.unroll(snn.LIF(tau=10.0), xs)
    in_seconds = snn.unroll(snn.LIF(tau=0.01, dt=0.001), xs)
    assert_close(in_steps, in_seconds, rtol=1e-12)


def test_decay_is_another_way_to_say_tau():
    xs = jr.normal(jr.key(0), (50, 2))
    a = snn.unroll(snn.LIF(tau=10.0), xs)
    b = snn.unroll(snn.LIF(decay=math.exp(-0.1)), xs)
    assert_close(a, b, rtol=1e-12)


@pytest.mark.parametrize("drive", [1.05, 1.5, 3.0])
def test_lif_interspike_interval(drive):
    """With a hard reset and input gain 1 - decay: the first n with drive (1 - decay^n) > threshold."""
    tau = 30.0
    neuron = snn.LIF(tau=tau, reset=snn.ZeroReset(), normalise_input=True)
    _, zs = snn.unroll(neuron, drive * jnp.ones(1000))
    interval = math.floor(-tau * math.log(1 - 1 / drive)) + 1
    assert set(np.diff(np.flatnonzero(zs))) == {interval}
    assert np.flatnonzero(zs)[0] == interval - 1


def test_input_gain():
    """A constant drive settles at its own value, or at drive / (1 - decay)."""
    xs = 0.7 * jnp.ones(2000)
    decay = math.exp(-1 / 20)
    for neuron in (snn.LIF, snn.LI):
        options = {} if neuron is snn.LI else {"threshold": NEVER}
        unit = membrane(neuron(**options), xs)[-1]
        normalised = membrane(neuron(normalise_input=True, **options), xs)[-1]
        np.testing.assert_allclose(unit, 0.7 / (1 - decay), rtol=1e-12)
        np.testing.assert_allclose(normalised, 0.7, rtol=1e-12)


def test_if_counts_its_input():
    _, zs = snn.unroll(snn.IF(threshold=1.0), 0.3 * jnp.ones(99))
    assert zs.sum() == math.floor(99 * 0.3)
    _, none = snn.unroll(snn.IF(), jnp.zeros(10))
    assert none.sum() == 0


def test_ties_do_not_fire_unless_asked_to():
    _, exclusive = snn.unroll(snn.IF(), jnp.array([1.0]))
    _, inclusive = snn.unroll(snn.IF(surrogate=snn.ATan(inclusive=True)), jnp.array([1.0]))
    assert (exclusive.item(), inclusive.item()) == (0.0, 1.0)


def test_cuba_lif_is_a_difference_of_exponentials():
    """One input spike: v[n] = sum_k decay^(n-k) decay_i^k."""
    tau, tau_i = 12.0, 4.0
    a, b = math.exp(-1 / tau), math.exp(-1 / tau_i)
    n = np.arange(80)
    expected = (a ** (n + 1) - b ** (n + 1)) / (a - b)
    neuron = snn.CubaLIF(tau=tau, tau_i=tau_i, threshold=NEVER)
    np.testing.assert_allclose(membrane(neuron, jnp.zeros(80).at[0].set(1.0)), expected, rtol=1e-11)


def test_alif_threshold_after_a_spike():
    """The adaptation is a leaky count of the spikes so far, and slows the neuron down."""
    neuron = snn.ALIF(tau=10.0, tau_a=50.0, strength=0.5)
    xs = 0.5 * jnp.ones(400)
    _, (a, zs) = snn.unroll(neuron, xs, record=lambda state, out: (state.a, out))
    expected = np.zeros(401)
    for t, z in enumerate(np.asarray(zs)):
        expected[t + 1] = math.exp(-1 / 50) * expected[t] + z
    np.testing.assert_allclose(a, expected[1:], rtol=1e-12)
    intervals = np.diff(np.flatnonzero(zs))
    assert intervals[-1] > intervals[0]
    _, plain = snn.unroll(snn.LIF(tau=10.0), xs)
    assert zs.sum() < plain.sum()


def test_alif_without_strength_is_lif():
    xs = jr.normal(jr.key(0), (100, 3))
    _, zs = snn.unroll(snn.ALIF(tau=7.0, strength=0.0), xs)
    assert_equal(zs, snn.unroll(snn.LIF(tau=7.0), xs)[1])


def test_order_is_integrate_fire_reset_in_one_step():
    """A layer adds no delay, and the stored membrane is the one after the reset."""
    state, z = snn.LIF()(snn.LIF().init_state(jnp.zeros(1)), jnp.array([1.75]))
    assert z.item() == 1.0
    assert state.v.item() == 0.75
    two = snn.Sequential(snn.LIF(), lambda z: 2.0 * z, snn.LIF())
    _, zs = snn.unroll(two, jnp.array([[1.75]]))
    assert zs.item() == 1.0


@pytest.mark.parametrize(
    ("reset", "after"),
    [
        (snn.SubtractReset(), [0.5, 0.6]),
        (snn.ZeroReset(), [0.0, 0.6]),
        (snn.ValueReset(-0.25), [-0.25, 0.6]),
        (snn.NoReset(), [1.5, 0.6]),
    ],
    ids=repr,
)
def test_resets(reset, after):
    v, z = jnp.array([1.5, 0.6]), jnp.array([1.0, 0.0])
    np.testing.assert_allclose(reset(v, z, 1.0), after)


@pytest.mark.parametrize("name", all_resets)
def test_detach_cuts_the_reset(name):
    """Forward nothing changes; the derivative loses what came through the spike, and nothing else."""
    v = jnp.array([1.3, 0.4])
    make = all_resets[name]
    spike = snn.Sigmoid()

    def after(detach, v):
        return make(detach=detach)(v, spike(v - 1.0), 1.0)

    assert_equal(after(True, v), after(False, v))
    z, slope = spike(v - 1.0), spike.derivative(v - 1.0)
    direct = {"ZeroReset": 1 - z, "ValueReset": 1 - z}.get(name, 1)
    through = {"ZeroReset": -v * slope, "ValueReset": -v * slope, "NoReset": 0}.get(name, -slope)
    cut = jax.vmap(jax.grad(lambda v: after(True, v)))(v)
    whole = jax.vmap(jax.grad(lambda v: after(False, v)))(v)
    np.testing.assert_allclose(cut, direct * jnp.ones(2))
    np.testing.assert_allclose(whole, (direct + through) * jnp.ones(2))


def test_reset_value_is_learnable():
    def total(value):
        return snn.unroll(snn.LIF(reset=snn.ValueReset(value)), 0.4 * jnp.ones(30))[0].v

    assert jax.grad(total)(jnp.array(0.1)) != 0


@pytest.mark.parametrize(
    ("function", "module"),
    [
        (snn.functional.integrate_and_fire, snn.IF()),
        (snn.functional.lif, snn.LIF(tau=jnp.array(4.0))),
        (snn.functional.cuba_lif, snn.CubaLIF()),
        (snn.functional.alif, snn.ALIF()),
        (snn.functional.li, snn.LI()),
    ],
)
def test_function_and_module_are_one(function, module):
    x = jnp.array([0.3, 1.7])
    state = module.init_state(x)
    assert_equal(function(module, state, x), module(state, x))
    fields = SimpleNamespace(**{name: getattr(module, name) for name in module.__dataclass_fields__})
    assert_equal(function(fields, state, x), module(state, x))


def test_slow_integration_in_bfloat16():
    """A bfloat16 membrane with tau = 2000 would stick at a quarter of the true value."""
    xs = jnp.full((8000,), 1e-3, jnp.bfloat16)
    final, _ = snn.unroll(snn.LI(tau=2000.0), xs)
    decay = math.exp(-1 / 2000)
    exact = float(jnp.bfloat16(1e-3)) * (1 - decay**8000) / (1 - decay)
    np.testing.assert_allclose(final.v, exact, rtol=1e-4)


def test_heterogeneous_neurons():
    """Time constants of any shape that broadcasts to the neurons."""
    taus = jnp.array([2.0, 10.0, 50.0])
    xs = 0.3 * jnp.ones((40, 3))
    _, zs = snn.unroll(snn.LIF(tau=taus), xs)
    for i, tau in enumerate(taus):
        assert_equal(zs[:, i], snn.unroll(snn.LIF(tau=float(tau)), xs[:, i])[1])


def test_delay_line():
    xs = jnp.arange(1.0, 7.0)
    _, ys = snn.unroll(snn.Delay(2), xs)
    assert ys.tolist() == [0, 0, 1, 2, 3, 4]
    final, ys = snn.unroll(snn.Delay(9), xs)
    assert ys.tolist() == [0] * 6
    assert final.tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6]


def test_a_subclass_of_linear_keeps_its_own_ways():
    """It must not be taken for the matrix product that its parent is."""
    import equinox as eqx

    class Doubled(eqx.nn.Linear):
        def __call__(self, x, *, key=None):
            return 2 * (self.weight @ x)

    layer = Doubled(3, 2, key=jr.key(0))
    xs = jr.normal(jr.key(1), (5, 3))
    _, ys = snn.unroll(layer, xs)
    np.testing.assert_allclose(ys, 2 * xs @ layer.weight.T, rtol=1e-12)


def test_recurrent_hears_the_step_before():
    """A linear cell with feedback w: v[t] = x[t] + w v[t-1]."""
    import equinox as eqx

    feedback = eqx.nn.Linear(1, 1, use_bias=False, key=jr.key(0))
    feedback = eqx.tree_at(lambda f: f.weight, feedback, jnp.array([[0.5]]))
    _, ys = snn.unroll(snn.Recurrent(jnp.negative, feedback), jnp.array([[1.0], [0.0], [0.0]]))
    assert ys[:, 0].tolist() == [-1.0, 0.5, -0.25]
