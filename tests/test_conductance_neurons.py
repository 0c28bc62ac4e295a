"""Conductance-based neurons, and the integrators: closed forms, published numbers, orders of convergence."""

from types import SimpleNamespace
from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax._integrator import relative_growth
from snnjax._neuron._conductance import exponential, linoid

from .helpers import assert_close, assert_equal

INTEGRATORS = [(snn.Euler(), 1.0, 0.1), (snn.ExponentialEuler(), 1.0, 0.1), (snn.RungeKutta4(), 4.0, 0.2)]
integrators = pytest.mark.parametrize(("integrator", "order", "within"), INTEGRATORS, ids=lambda p: repr(p))
NEURONS = [snn.HodgkinHuxley(), snn.WangBuzsaki(), snn.MorrisLecar(), snn.FitzHughNagumo()]
neurons = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: type(neuron).__name__)


def order_of(errors):
    """The order that a row of errors shows, of steps that halve."""
    return np.mean(np.log2(np.asarray(errors)[:-1] / np.asarray(errors)[1:]))


def spike_times(neuron, x, duration):
    """When each neuron fires under constant inputs `x`."""
    steps = round(duration / neuron.dt)
    run = jax.jit(lambda x: snn.unroll(neuron, jnp.broadcast_to(x, (steps, *x.shape)))[1])
    zs = np.asarray(run(jnp.asarray(x)))
    return [np.flatnonzero(zs[:, i]) * neuron.dt for i in range(zs.shape[1])]


# Integrators


@integrators
def test_order_on_a_damped_rotation(integrator, order, within):
    """`v' = -v / 2 + w`, `w' = -v - w / 2` is solved by `exp(-t / 2) (cos t, -sin t)`."""

    @jax.jit
    def end(steps, dt):
        drift = lambda s: (-s[0] / 2 + s[1], -s[0] - s[1] / 2)  # noqa: E731
        return jax.lax.fori_loop(0, steps, lambda _, s: integrator(drift, s, dt), (jnp.array(1.0), jnp.array(0.0)))

    exact = np.exp(-1.0) * np.array([np.cos(2.0), -np.sin(2.0)])
    errors = [np.abs(np.array(end(steps, 2.0 / steps)) - exact).max() for steps in (40, 80, 160, 320)]
    assert abs(order_of(errors) - order) < within


@integrators
def test_order_on_hodgkin_huxley_below_threshold(integrator, order, within):
    neuron = snn.HodgkinHuxley(integrator=integrator)

    @jax.jit
    def end(steps, dt):
        moving = eqx.tree_at(lambda n: n.dt, neuron, dt)
        state = moving.init_state(jnp.zeros(()))
        return jax.lax.fori_loop(0, steps, lambda _, s: moving.integrate(s, jnp.array(1.5)), state)

    fine = snn.HodgkinHuxley(integrator=snn.RungeKutta4(), dt=8.0 / 1280)
    exact = snn.unroll(fine, jnp.full(1280, 1.5))[0]
    assert exact.v < -55
    errors = [
        max(
            float(jnp.abs(a - b)) for a, b in zip(jax.tree.leaves(end(n, 8.0 / n)), jax.tree.leaves(exact), strict=True)
        )
        for n in (80, 160, 320)
    ]
    assert abs(order_of(errors) - order) < within


def test_exponential_euler_is_exact_where_a_variable_is_linear():
    drift = lambda s: (3.0 * (0.7 - s[0]), -0.2 * s[1])  # noqa: E731
    v, w = snn.ExponentialEuler()(drift, (jnp.array(5.0), jnp.array(2.0)), 4.0)
    np.testing.assert_allclose(v, 0.7 + 4.3 * np.exp(-12.0), rtol=1e-14)
    np.testing.assert_allclose(w, 2.0 * np.exp(-0.8), rtol=1e-14)


def test_sequential_hears_the_variables_before():
    """Of `v' = w`, `w' = v`, without own linear parts: a symplectic Euler step."""
    drift = lambda s: (s[1], s[0])  # noqa: E731
    start = (jnp.array(1.0), jnp.array(2.0))
    assert snn.ExponentialEuler()(drift, start, 0.5) == (2.0, 2.5)
    assert snn.ExponentialEuler(sequential=True)(drift, start, 0.5) == (2.0, 3.0)


def test_substeps_are_steps_under_a_held_input():
    xs = jnp.array([5.0, -3.0, 20.0])
    for integrator, _, _ in INTEGRATORS:
        coarse = snn.FitzHughNagumo(dt=0.08, integrator=type(integrator)(substeps=4))
        fine = snn.FitzHughNagumo(dt=0.02, integrator=integrator)
        assert_close(snn.unroll(coarse, xs)[0], snn.unroll(fine, jnp.repeat(xs, 4))[0], rtol=1e-13)


@pytest.mark.parametrize("neuron", [snn.HodgkinHuxley(), snn.MorrisLecar()], ids=["HodgkinHuxley", "MorrisLecar"])
def test_speeds_are_the_derivatives_of_the_drift(neuron):
    """What the exponential integrator is told of the gates and conductances is what it would find by itself."""
    state = neuron.init_state(jnp.zeros(3))
    state = eqx.tree_at(lambda s: s.v, state, jnp.array([-60.0, -20.0, 30.0]))
    x = jnp.array([1.0, -2.0, 3.0])
    told = jax.jit(neuron.integrate)(state, x)
    found = jax.jit(lambda s: snn.ExponentialEuler()(lambda s: neuron.drift(s, x), s, neuron.dt))(state)
    same = [name for name in told.__dataclass_fields__ if isinstance(neuron, snn.HodgkinHuxley) or name != "v"]
    for name in same:
        np.testing.assert_allclose(getattr(told, name), getattr(found, name), rtol=1e-12)


# Rate functions


def test_removable_singularities_are_removed():
    """Of `u / (1 - exp(-u)) = 1 + u / 2 + u^2 / 12 - ...`, value and derivatives, from both sides of the series."""
    u = np.array([0.0, 1e-12, -1e-12, 1e-6, -1e-6, 9.9e-3, 1.01e-2, -1.01e-2, 0.02])
    series = 1 + u / 2 + u**2 / 12 - u**4 / 720 + u**6 / 30240
    slope = 0.5 + u / 6 - u**3 / 180 + u**5 / 5040
    both = jax.value_and_grad(linoid)
    value, first, second = jax.jit(jax.vmap(lambda u: (*both(u), jax.grad(jax.grad(linoid))(u))))(u)
    np.testing.assert_allclose(value, series, rtol=1e-14)
    np.testing.assert_allclose(first, slope, rtol=1e-12)
    np.testing.assert_allclose(second, 1 / 6 - u**2 / 60, rtol=1e-8)
    far = np.array([-20.0, -3.0, 3.0, 20.0])
    np.testing.assert_allclose(jax.jit(linoid)(far), far / (1 - np.exp(-far)), rtol=1e-14)
    np.testing.assert_allclose(jax.jit(relative_growth)(far), np.expm1(far) / far, rtol=1e-14)


@pytest.mark.parametrize("function", [linoid, exponential, relative_growth])
def test_rates_are_finite_everywhere(function, dtype):
    u = jnp.array([-1e15, -1e6, -100.0, -1.0, 0.0, 1.0, 100.0, 1e6, 1e15], dtype)
    for values in jax.jit(jax.vmap(jax.value_and_grad(function)))(u):
        assert jnp.isfinite(values).all()
        assert values.dtype == dtype


def test_hodgkin_huxley_at_its_singular_voltages():
    """At -40 and -55 mV the quotients of the paper are 0 / 0; their limits are 1 and 0.1 per ms."""
    neuron = snn.HodgkinHuxley()
    closed = neuron.init_state(jnp.zeros(2))
    closed = eqx.tree_at(lambda s: (s.v, s.m, s.n), closed, (jnp.array([-40.0, -55.0]), jnp.zeros(2), jnp.zeros(2)))

    @jax.jit
    @jax.jacfwd
    def slopes(v):
        return neuron.drift(eqx.tree_at(lambda s: s.v, closed, v), jnp.zeros(2))

    rate, slope = jax.jit(neuron.drift)(closed, jnp.zeros(2)), slopes(closed.v)
    np.testing.assert_allclose((rate.m[0], rate.n[1]), (1.0, 0.1), rtol=1e-14)
    np.testing.assert_allclose((slope.m[0, 0], slope.n[1, 1]), (0.05, 0.005), rtol=1e-12)


# Rest


@pytest.mark.parametrize(
    ("neuron", "rest"),
    [
        (snn.HodgkinHuxley(), -65.0),
        (snn.WangBuzsaki(), -64.0),
        (snn.MorrisLecar(), -60.9),
        (snn.FitzHughNagumo(), -1.2),
    ],
    ids=lambda p: type(p).__name__,
)
def test_rest_is_a_fixed_point(neuron, rest):
    """Where the papers have it, and of every integrator."""
    x = jnp.zeros(())
    flat, unflatten = jax.flatten_util.ravel_pytree(neuron.init_state(x))
    drift = lambda flat: jax.flatten_util.ravel_pytree(neuron.drift(unflatten(flat), x))[0]  # noqa: E731
    improve = jax.jit(lambda flat: (jax.jacfwd(drift)(flat), drift(flat)))
    for _ in range(8):  # Newton's method
        flat = flat - np.linalg.solve(*improve(flat))
    state = unflatten(flat)
    assert abs(state.v - rest) < 0.25
    kinds = [eqx.tree_at(lambda n: n.integrator, neuron, integrator) for integrator, _, _ in INTEGRATORS]
    for after in jax.jit(lambda state: [kind.integrate(state, x) for kind in kinds])(state):
        assert_close(after, state, rtol=1e-12)


@neurons
def test_gates_start_where_they_settle(neuron):
    state = neuron.init_state(jnp.zeros(3))
    assert (state.v == neuron.start).all()
    rate = jax.jit(neuron.drift)(state, jnp.zeros(3))
    for name in set(rate.__dataclass_fields__) - {"v"}:
        np.testing.assert_allclose(getattr(rate, name), 0, atol=1e-15)


# Where firing begins


def onsets(neuron, voltages):
    """The inputs at which the equilibrium changes its stability, along the equilibria at `voltages`."""

    def equilibrium(v):
        at = eqx.tree_at(lambda n: n.start, neuron, v)
        state = at.init_state(jnp.zeros(()))
        capacitance = getattr(neuron, "capacitance", getattr(neuron, "tau", None))
        x = -neuron.drift(state, jnp.zeros(())).v * capacitance
        flat, unflatten = jax.flatten_util.ravel_pytree(state)
        jacobian = jax.jacfwd(lambda f: jax.flatten_util.ravel_pytree(neuron.drift(unflatten(f), x))[0])(flat)
        return x, jacobian

    x, jacobians = jax.jit(jax.vmap(equilibrium))(jnp.asarray(voltages))
    growth = np.linalg.eigvals(np.asarray(jacobians)).real.max(-1)
    (changes,) = np.nonzero(np.diff(np.sign(growth)))
    part = growth[changes] / (growth[changes] - growth[changes + 1])
    return np.asarray(x)[changes] + part * np.diff(x)[changes]


def test_onset_of_hodgkin_huxley():
    """Hopf bifurcations at 9.78 and 154.5 uA/cm2: J. Rinzel and R. N. Miller, Numerical calculation of stable and
    unstable periodic solutions to the Hodgkin-Huxley equations, 1980."""
    np.testing.assert_allclose(onsets(snn.HodgkinHuxley(), np.linspace(-65, -30, 3501)), [9.78, 154.5], rtol=2e-3)


def test_onset_of_morris_lecar():
    """Hopf bifurcations near 94 and 212 uA/cm2: J. Rinzel and G. B. Ermentrout, 1998."""
    np.testing.assert_allclose(onsets(snn.MorrisLecar(), np.linspace(-55, 20, 3001)), [94, 212], atol=0.5)


def test_onset_of_fitzhugh_nagumo():
    """The trace of the Jacobian is zero at `v = -+sqrt(1 - b tau / tau_w)`."""
    v = np.array([-1, 1]) * np.sqrt(1 - 0.8 / 12.5)
    np.testing.assert_allclose(
        onsets(snn.FitzHughNagumo(), np.linspace(-1.5, 1.5, 3001)), v**3 / 3 - v + (v + 0.7) / 0.8, rtol=1e-4
    )


def test_onset_of_wang_buzsaki():
    """Type 1: firing begins where the equilibrium vanishes, at the maximum of the current that holds it, 0.16 uA/cm2
    (X.-J. Wang and G. Buzsaki, 1996); from there the rate grows as the square root."""
    neuron = snn.WangBuzsaki(dt=0.02, integrator=snn.RungeKutta4())

    def holding(v):
        at = eqx.tree_at(lambda n: n.start, neuron, v)
        return -neuron.drift(at.init_state(jnp.zeros(())), jnp.zeros(())).v

    onset = float(jax.vmap(holding)(jnp.linspace(-64, -54, 2001)).max())
    np.testing.assert_allclose(onset, 0.16, atol=0.005)
    times = spike_times(neuron, onset + np.array([-0.01, 0.01, 0.04]), 1000.0)
    assert len(times[0]) == 0
    slow, fast = (1000 / np.diff(t).mean() for t in times[1:])
    assert slow < 10
    assert 1.8 < fast / slow < 2.2


# Firing


def test_hodgkin_huxley_fires():
    """Silent at rest, and at 10 uA/cm2 repetitively with 60 to 70 Hz; RungeKutta4 and the default integrator agree."""
    at_rest, firing = spike_times(snn.HodgkinHuxley(), [0.0, 10.0], 500.0)
    assert len(at_rest) == 0
    assert 60 < 1000 / np.diff(firing).mean() < 70
    assert np.diff(firing)[2:].std() < 0.1
    (exact,) = spike_times(snn.HodgkinHuxley(integrator=snn.RungeKutta4()), [10.0], 500.0)
    np.testing.assert_allclose(np.diff(firing)[2:].mean(), np.diff(exact)[2:].mean(), rtol=0.03)


def test_hodgkin_huxley_fires_once_under_a_weak_step():
    """Between the threshold of a single spike and that of repetitive firing, near 6.2 uA/cm2."""
    (once,) = spike_times(snn.HodgkinHuxley(), [4.0], 200.0)
    assert len(once) == 1


def test_morris_lecar_oscillates():
    below, between, above = spike_times(snn.MorrisLecar(), [60.0, 150.0, 250.0], 1000.0)
    assert len(below) <= 1
    assert len(above) <= 1
    assert len(between) > 10
    assert np.diff(between)[2:].std() < 0.1


def test_fitzhugh_nagumo_has_a_limit_cycle():
    """From everywhere the same orbit, between the stable branches of the cubic."""
    neuron = snn.FitzHughNagumo(start=jnp.array([-2.0, 0.0, 1.5]))
    xs = jnp.full((3000, 3), 0.5)
    _, (v, zs) = snn.unroll(neuron, xs, record=lambda state, z: (state.v, z))
    late = np.asarray(v[1500:])
    np.testing.assert_allclose(late.max(0), late.max(), atol=0.02)
    np.testing.assert_allclose(late.min(0), late.min(), atol=0.02)
    assert late.max() > 1.5
    assert late.min() < -1.5
    assert (zs.sum(0) >= 6).all()


# A spike is a crossing


@neurons
def test_one_spike_per_crossing(neuron):
    threshold = neuron.threshold
    shape = neuron.init_state(jnp.zeros(6))
    at = lambda v: eqx.tree_at(lambda s: s.v, shape, jnp.asarray(v) + threshold)  # noqa: E731
    z = neuron.fire(at([-1.0, -1.0, 1.0, 1.0, 0.0, -1.0]), at([1.0, -0.5, 1.0, -1.0, 1.0, 0.0]), None)
    assert z.tolist() == [1, 0, 0, 0, 1, 0]
    after, before = at([0.5] * 6), at([-0.5] * 6)
    assert_equal(neuron.spiked(after, z), after)
    assert neuron.order == snn.ResetLast()

    def total(before, after):
        return neuron.fire(before, after, None).sum()

    to_before, to_after = jax.jit(jax.grad(total, argnums=(0, 1)))(before, after)
    assert (to_before.v == 0).all()
    np.testing.assert_allclose(to_after.v, neuron.surrogate.derivative(jnp.full(6, 0.5)), rtol=1e-12)


def test_more_input_is_more_spikes_to_the_gradient():
    neuron = snn.HodgkinHuxley()
    slopes = jax.jit(jax.grad(lambda x: snn.unroll(neuron, jnp.broadcast_to(x, (400, 5)))[1].sum()))
    assert (slopes(jnp.array([3.0, 6.0, 9.0, 13.0, 18.0])) > 0).all()


# Extremes


def strong(key, steps, dtype):
    """Inputs of up to 1e3, fast, and held for long."""
    k1, k2 = jr.split(key)
    fast = jr.uniform(k1, (steps, 1), dtype, -1e3, 1e3)
    held = 1e3 * jnp.repeat(jnp.sign(jr.normal(k2, (steps // 100, 1), dtype)), 100, axis=0)
    return jnp.concatenate([fast, held], axis=1)


@pytest.mark.parametrize(
    "neuron",
    [*NEURONS, snn.HodgkinHuxley(integrator=snn.Euler()), snn.HodgkinHuxley(integrator=snn.RungeKutta4())],
    ids=lambda neuron: type(neuron).__name__ + type(neuron.integrator).__name__,
)
def test_a_hundred_thousand_strong_steps(neuron):
    """All finite, in single precision; every gate between closed and open."""

    def watch(carry, x):
        state, finite, low, high = carry
        state, z = neuron(state, x)
        leaves = jax.tree.leaves(state)
        gates = jnp.stack(leaves[1:])
        finite &= jnp.isfinite(jnp.stack([*leaves, z])).all()
        return (state, finite, jnp.minimum(low, gates.min()), jnp.maximum(high, gates.max())), None

    @jax.jit
    def run(xs):
        zero = jnp.zeros((), xs.dtype)
        return jax.lax.scan(watch, (neuron.init_state(xs[0]), jnp.array(True), zero, zero), xs)[0]

    _, finite, low, high = run(strong(jr.key(0), 100_000, jnp.float32))
    assert finite
    if not isinstance(neuron, snn.FitzHughNagumo):
        assert low >= 0
        assert high <= 1


# As every neuron


@pytest.mark.parametrize(
    ("function", "neuron"),
    list(zip(("hodgkin_huxley", "wang_buzsaki", "morris_lecar", "fitzhugh_nagumo"), NEURONS, strict=True)),
    ids=lambda p: p if isinstance(p, str) else "",
)
def test_function_and_module_are_one(function, neuron):
    x = jnp.array([0.3, 50.0])
    state = neuron.init_state(x)
    fields = SimpleNamespace(**{name: getattr(neuron, name) for name in neuron.__dataclass_fields__})
    assert_equal(getattr(snn.functional, function)(fields, state, x), neuron(state, x))


@neurons
def test_wrong_constants_are_refused(neuron):
    kind = type(neuron)
    for field in {"dt", "capacitance", "leak_conductance", "speed", "tau"} & set(neuron.__dataclass_fields__):
        with pytest.raises(ValueError, match=f"{kind.__name__}.{field} was given 0.0; it takes finite values above 0"):
            kind(**{field: 0.0})
    with pytest.raises(ValueError, match="threshold was given inf"):
        kind(threshold=float("inf"))
    with pytest.raises(TypeError, match="order"):
        kind(order=snn.ResetFirst())


def test_substeps_must_be_a_number_of_steps(unchecked):
    wrong: tuple[Any, ...] = (0, 2.0)
    for substeps in wrong:
        with pytest.raises(ValueError, match="substeps was given"):
            snn.Euler(substeps=substeps)
