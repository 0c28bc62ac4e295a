"""Adaptation currents, sigma-delta, spike response and resonators: closed forms, published equations."""

import math
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close, assert_equal

NEVER = 1e9  # a threshold out of reach


def drive(steps, *shape, seed=0):
    return 0.3 + 0.8 * jr.normal(jr.key(seed), (steps, *shape))


def record(cell, xs, *fields):
    """What a run puts out, and fields of its state, as numpy arrays over time."""
    outs, states = snn.unroll(cell, xs, record=lambda state, out: (out, state))[1]
    return [np.asarray(outs), *(np.asarray(getattr(states, field)) for field in fields)]


# --- AdLIF ---


def published_adlif(xs, alpha, beta, a, b, threshold, symplectic):
    """The published equations with a reset to zero; in plain Euler the adaptation hears the membrane before."""
    u, w = np.zeros(xs.shape[1:]), np.zeros(xs.shape[1:])
    seen = []
    for x in xs:
        before = u
        u = alpha * u + (1 - alpha) * (x - w)
        s = (u > threshold) * 1.0
        u = u * (1 - s)
        w = beta * w + (1 - beta) * (a * (u if symplectic else before) + b * s)
        seen.append((s, u, w))
    return [np.stack(arrays) for arrays in zip(*seen, strict=True)]


@pytest.mark.parametrize("symplectic", [True, False])
def test_adlif_is_the_published_one(symplectic):
    xs = 3 * drive(200, 3)
    neuron = snn.AdLIF(tau=5.0, tau_w=30.0, coupling=4.0, jump=10.0, symplectic=symplectic)
    expected = published_adlif(np.asarray(xs), math.exp(-1 / 5), math.exp(-1 / 30), 4.0, 10.0, 1.0, symplectic)
    found = record(neuron, xs, "v", "w")
    assert 5 < found[0].sum() < 300
    assert_close(found, expected, rtol=1e-11)


@pytest.mark.parametrize("coupling", [5.0, 100.0, 1500.0])
def test_symplectic_adlif_rings_down_equally_fast_for_every_coupling(coupling):
    """Without spikes the membrane obeys v[t + 1] = trace v[t] - alpha beta v[t - 1]."""
    alpha, beta = math.exp(-1 / 20), math.exp(-1 / 100)
    neuron = snn.AdLIF(coupling=coupling, threshold=NEVER)
    _, v = record(neuron, jnp.zeros(2000).at[0].set(1.0), "v")
    trace = alpha + beta - (1 - alpha) * (1 - beta) * coupling
    np.testing.assert_allclose(v[2:], trace * v[1:-1] - alpha * beta * v[:-2], atol=1e-12)
    envelope = (alpha * beta) ** (np.arange(2000) / 2)
    assert abs(v / envelope).max() < 1.0
    assert abs(v / envelope)[-300:].max() > 1e-3


def test_adlif_diverges_where_the_documentation_says():
    alpha, beta = math.exp(-1 / 20), math.exp(-1 / 100)
    plain = (1 - alpha * beta) / ((1 - alpha) * (1 - beta))
    symplectic = (1 + alpha) * (1 + beta) / ((1 - alpha) * (1 - beta))

    def end(**options):
        v = record(snn.AdLIF(threshold=1e300, **options), jnp.zeros(3000).at[0].set(1.0), "v")[1]
        return abs(v[-200:]).max() / abs(v[:200]).max()

    assert end(coupling=0.8 * plain, symplectic=False) < 0.01
    assert end(coupling=1.2 * plain, symplectic=False) > 100
    assert end(coupling=10 * plain) < 1e-6
    assert end(coupling=0.99 * symplectic) < 0.01
    assert end(coupling=1.01 * symplectic) > 100
    assert end(coupling=-0.9) < 0.1
    assert end(coupling=-1.5) > 100


def test_adlif_slows_down():
    times = np.flatnonzero(record(snn.AdLIF(coupling=0.0, jump=30.0), 3.0 * jnp.ones(300))[0])
    assert np.diff(times)[0] < np.diff(times)[-1]


def test_adlif_options():
    """One step from rest by hand, with a spike: x = 4, decay = 1/2, decay_w = 1/4."""
    options = {"decay": 0.5, "decay_w": 0.25, "coupling": 2.0, "jump": 3.0}

    def w(**more):
        return record(snn.AdLIF(**options, **more), jnp.array([4.0]), "w")[1].item()

    assert w() == 0.75 * 3.0  # the membrane has been reset to 0
    assert w(couple_after_reset=False) == 0.75 * (2.0 * 2.0 + 3.0)
    assert w(symplectic=False) == 0.75 * 3.0
    assert w(normalise_adaptation=False, couple_after_reset=False) == 2.0 * 2.0 + 3.0
    assert w(rest=-0.5, couple_after_reset=False) == 0.75 * (2.0 * (1.5 + 0.5) + 3.0)
    assert w(rest=-0.5) == 0.75 * (2.0 * (0.0 + 0.5) + 3.0)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda detach: snn.AdLIF(coupling=0.0, jump=50.0, detach=detach), "w"),
        (lambda detach: snn.SpikeResponse(tau_p=1.0, tau_q=2.0, detach=detach), "r"),
    ],
)
def test_detach_cuts_the_gradient_through_the_spike(make, field):
    def last(x, detach):
        return getattr(snn.unroll(make(detach), x[None])[0], field)

    assert jax.grad(last)(jnp.array(30.0), False) != 0
    assert jax.grad(last)(jnp.array(30.0), True) == 0
    assert last(jnp.array(30.0), True) == last(jnp.array(30.0), False) > 0


# --- the parametric LIF, and the spiking readout ---


def test_parametric_lif_is_the_published_one():
    """H = V + (X - V) / tau, 1 / tau = sigmoid(w), reset to 0, for one tau per neuron."""
    xs, tau = 2 * drive(100, 3), np.array([1.5, 2.0, 10.0])
    neuron = snn.parametric_lif(jnp.asarray(tau), reset=snn.ZeroReset())
    v, expected = np.zeros(3), []
    for x in np.asarray(xs):
        v = v + (x - v) / tau
        z = (v > 1.0) * 1.0
        v = v * (1 - z)
        expected.append((z, v))
    assert_close(record(neuron, xs, "v"), [np.stack(a) for a in zip(*expected, strict=True)], rtol=1e-12)
    np.testing.assert_allclose(jax.nn.sigmoid(-neuron.decay.raw), 1 / tau)


def test_parametric_lif_trains_its_time_constant():
    gradient = eqx.filter_grad(lambda neuron: snn.unroll(neuron, 1.2 * jnp.ones((20, 3)))[1].sum())
    assert gradient(snn.parametric_lif(2.0)).decay.raw != 0
    assert jnp.all(gradient(snn.parametric_lif(jnp.array([2.0, 3.0, 4.0]))).decay.raw != 0)


def test_spiking_readout_is_weights_and_a_lif():
    readout = snn.spiking_readout(4, 3, tau=5.0, threshold=0.1, key=jr.key(0))
    xs = drive(30, 4)
    plain = snn.LIF(tau=5.0, threshold=0.1, normalise_input=True)
    final, zs = snn.unroll(readout, xs)
    assert zs.sum() > 0
    assert_close((final[1], zs), snn.unroll(plain, xs @ readout[0].weight.T), rtol=1e-12)


# --- sigma-delta ---


def test_sigma_delta_by_hand():
    """i' = di i + x; e = i' - f; m' = dm m + e; s = H(m' - th); f' = df f + s."""
    xs = drive(100, 3)
    di, dm, df, threshold = 0.6, 0.8, 0.7, 0.4
    i, m, f, expected = np.zeros(3), np.zeros(3), np.zeros(3), []
    for x in np.asarray(xs):
        i = di * i + x
        m = dm * m + (i - f)
        s = (m > threshold) * 1.0
        f = df * f + s
        expected.append((s, i, m, f))
    neuron = snn.SigmaDelta(decay_i=di, decay=dm, decay_f=df, threshold=threshold)
    found = record(neuron, xs, "i", "v", "f")
    assert_close(found, [np.stack(a) for a in zip(*expected, strict=True)], rtol=1e-11)


@pytest.mark.parametrize("level", [0.5, 3.0, 8.0])
def test_sigma_delta_decoder_follows(level):
    """The decoded spikes are on average the input current; a long membrane leaves no lasting error."""
    neuron = snn.SigmaDelta(tau_i=3.0, tau=1e4, tau_f=10.0, normalise_current=True)
    zs, f = record(neuron, level * jnp.ones(4000), "f")
    _, decoded = snn.unroll(snn.LI(tau=10.0), jnp.asarray(zs))
    np.testing.assert_allclose(decoded, f, rtol=1e-12)
    np.testing.assert_allclose(decoded[2000:].mean(), level, rtol=0.01)


@pytest.mark.parametrize("quantum", [0.01, 0.3, 2.0])
def test_signed_sigma_delta_stays_within_half_a_quantum(quantum):
    xs = jnp.cumsum(jr.normal(jr.key(0), (2000, 3)), axis=0)
    coder = snn.SignedSigmaDelta(quantum)
    es, estimate = record(coder, xs, "estimate")
    _, decoded = snn.unroll(snn.RunningSum(), jnp.asarray(es))
    assert abs(decoded - xs).max() <= 0.5 * quantum * (1 + 1e-9)
    np.testing.assert_array_equal(decoded, estimate)
    np.testing.assert_allclose(es / quantum, np.round(es / quantum), atol=1e-9)
    assert es.min() < 0 < es.max()


def test_signed_sigma_delta_sends_a_constant_once():
    assert record(snn.SignedSigmaDelta(0.25), 1.1 * jnp.ones(5))[0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_open_loop_drifts():
    xs = jnp.cumsum(0.3 * jnp.ones(100))
    _, closed = snn.unroll(snn.Sequential(snn.SignedSigmaDelta(1.0), snn.RunningSum()), xs)
    _, opened = snn.unroll(snn.Sequential(snn.SignedSigmaDelta(1.0, closed_loop=False), snn.RunningSum()), xs)
    assert abs(closed - xs).max() <= 0.5
    assert opened[-1] == 0.0  # every change is less than half a quantum


def test_signed_sigma_delta_gradient_is_straight_through():
    def first(x, quantum):
        return snn.unroll(snn.SignedSigmaDelta(quantum), x[None])[1][0]

    x, quantum = jnp.array(0.87), jnp.array(0.2)
    np.testing.assert_allclose(first(x, quantum), 0.8)
    by_x, by_quantum = jax.grad(first, (0, 1))(x, quantum)
    np.testing.assert_allclose(by_x, 1.0)
    np.testing.assert_allclose(by_quantum, 4 - 0.87 / 0.2)


# --- spike response ---


def test_spike_response_to_an_impulse():
    """A difference of exponentials: q[n] = (1 - a) (1 - b) (a^(n + 1) - b^(n + 1)) / (a - b)."""
    a, b, n = math.exp(-1 / 4), math.exp(-1 / 15), np.arange(100)
    neuron = snn.SpikeResponse(tau_p=4.0, tau_q=15.0, threshold=NEVER)
    q = record(neuron, jnp.zeros(100).at[0].set(1.0), "q")[1]
    np.testing.assert_allclose(q, (1 - a) * (1 - b) * (a ** (n + 1) - b ** (n + 1)) / (a - b), rtol=1e-11)


def test_spike_response_refractoriness():
    """The membrane is q less `strength` times the exponentials of all earlier spikes."""
    g, xs = 0.8, 4 * drive(200)
    zs, q, r = record(snn.SpikeResponse(tau_p=2.0, tau_q=4.0, decay_r=g, strength=0.7), xs, "q", "r")
    assert 5 < zs.sum() < 150
    for t in range(200):
        earlier = sum(g ** (t - 1 - s) for s in np.flatnonzero(zs[:t]))
        assert zs[t] == (q[t] - 0.7 * earlier > 1.0)
        np.testing.assert_allclose(r[t], g * earlier + zs[t], rtol=1e-11)


# --- resonators ---


@pytest.mark.parametrize("to_membrane", [False, True])
def test_resonate_and_fire_rings(to_membrane):
    """An impulse starts a damped oscillation: u + i v = (1, or i) decay^n exp(i omega dt n)."""
    neuron = snn.ResonateAndFire(tau=30.0, omega=0.8, dt=0.5, threshold=NEVER, input_to_membrane=to_membrane)
    _, u, v = record(neuron, jnp.zeros(200).at[0].set(1.0), "u", "v")
    n = 0.5 * np.arange(200)
    z = (1j if to_membrane else 1) * np.exp((-1 / 30 + 0.8j) * n)
    np.testing.assert_allclose(u, z.real, atol=1e-13)
    np.testing.assert_allclose(v, z.imag, atol=1e-13)


def test_resonance():
    """The amplitude under a sine of frequency nu is that of the linear filter, and greatest near omega."""
    omega, tau = 0.4, 40.0
    n, amplitudes = np.arange(2000), {}
    for nu in (0.1, 0.3, 0.39, 0.4, 0.41, 0.5, 0.9):
        v = record(snn.ResonateAndFire(tau=tau, omega=omega, threshold=NEVER), jnp.sin(nu * n), "v")[1]
        pole = np.exp(-1 / tau + 1j * omega)

        def response(w, pole=pole):
            """Of the complex state to exp(i w n)."""
            return 1 / (1 - pole * np.exp(-1j * w))

        state = (response(nu) * np.exp(1j * nu * n) - response(-nu) * np.exp(-1j * nu * n)) / 2j
        np.testing.assert_allclose(v[1000:], state.imag[1000:], atol=1e-8)
        amplitudes[nu] = abs(v[1000:]).max()
    assert max(amplitudes, key=amplitudes.get) == omega


def test_resonate_and_fire_is_reset_to_the_threshold():
    xs = jnp.array([2.0, 0.0, 0.0, 0.0])
    zs, u, v = record(snn.ResonateAndFire(omega=0.9, threshold=0.7), xs, "u", "v")
    first = int(zs.argmax())
    assert (zs.sum(), u[first]) == (1.0, 0.0)
    np.testing.assert_allclose(v[first], 0.7, rtol=1e-15)
    _, u, v = record(snn.ResonateAndFire(omega=0.9, threshold=0.7, reset=snn.SubtractReset()), xs, "u", "v")
    np.testing.assert_allclose(v[first], 2 * math.exp(-1 / 20) * math.sin(0.9) - 0.7)
    np.testing.assert_allclose(u[first], 2 * math.exp(-1 / 20) * math.cos(0.9))


def test_balanced_resonate_and_fire_is_the_published_one():
    """With the names of the source: u real, v imaginary, and b from the refractoriness of the step before."""
    omega, offset, dt = 8.0, 1.5, 0.01
    xs = jnp.sin(8.0 * 0.01 * jnp.arange(2000.0))[:, None] * jnp.array([[40.0, 20.0]])
    u, v, q, expected = np.zeros(2), np.zeros(2), np.zeros(2), []
    for x in np.asarray(xs):
        b = (-1 + math.sqrt(1 - (dt * omega) ** 2)) / dt - offset - q
        u, v = u + dt * (b * u - omega * v + x), v + dt * (omega * u + b * v)
        z = (u > 1.0 + q) * 1.0
        q = 0.9 * q + z
        expected.append((z, u, v, q))
    expected = [np.stack(a) for a in zip(*expected, strict=True)]
    found = record(snn.BalancedResonateAndFire(omega=omega, offset=offset), xs, "v", "u", "q")
    found[2] = -found[2]
    assert found[0].sum() > 50
    assert_close(found, expected, rtol=1e-9)


@pytest.mark.parametrize("omega", [0.5, 10.0, 60.0, 99.0])
def test_balanced_at_the_divergence_boundary(omega):
    """Without offset and spikes a swing is neither damped nor amplified, however coarse the step."""
    neuron = snn.BalancedResonateAndFire(omega=omega, offset=0.0, threshold=NEVER, decay_q=0.1)
    _, u, v = record(neuron, jnp.zeros(5000).at[0].set(100.0), "u", "v")
    np.testing.assert_allclose(u**2 + v**2, 1.0, rtol=1e-9)


def test_balanced_stays_bounded_at_the_edge_of_what_it_takes():
    neuron = snn.BalancedResonateAndFire(omega=5.0, offset=0.0, dt=0.1, decay_q=0.9, threshold=0.01)
    edge = 2 * math.sqrt(1 - 0.25) / 0.1 - 10.0
    neuron = eqx.tree_at(lambda n: n.offset, neuron, edge)
    zs, v = record(neuron, 1e3 * drive(5000), "v")
    assert zs.mean() > 0.3
    assert abs(v).max() < 0.1 * 5e3 * 50


# --- all of them ---

LONG = {
    "AdLIF": lambda: snn.AdLIF(),
    "AdLIF-euler": lambda: snn.AdLIF(coupling=5.0, symplectic=False),
    "SigmaDelta": lambda: snn.SigmaDelta(),
    "SignedSigmaDelta": lambda: snn.Sequential(snn.SignedSigmaDelta(0.1), snn.RunningSum()),
    "SpikeResponse": lambda: snn.SpikeResponse(),
    "ResonateAndFire": lambda: snn.ResonateAndFire(),
    "BalancedResonateAndFire": lambda: snn.BalancedResonateAndFire(),
    "SlidingParallelSpiking": lambda: snn.SlidingParallelSpiking(jnp.array([0.3, 0.5, 1.0], jnp.float32)),
    "ParallelLIF": lambda: snn.ParallelLIF(),
}


@pytest.mark.parametrize("name", LONG)
def test_a_hundred_thousand_strong_random_steps_stay_finite(name):
    xs = jr.uniform(jr.key(0), (100_000, 2), jnp.float32, -1e3, 1e3)
    final, ys = snn.unroll(LONG[name](), xs)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((final, ys)))
    assert jnp.count_nonzero(ys) > 0


@pytest.mark.parametrize(
    ("name", "neuron"),
    [
        ("ad_lif", lambda: snn.AdLIF()),
        ("sigma_delta", lambda: snn.SigmaDelta()),
        ("spike_response", lambda: snn.SpikeResponse()),
        ("resonate_and_fire", lambda: snn.ResonateAndFire()),
        ("balanced_resonate_and_fire", lambda: snn.BalancedResonateAndFire()),
    ],
)
def test_pure_functions_are_the_step(name, neuron):
    neuron, x = neuron(), 3.0 * jnp.ones(2)
    state = neuron.init_state(x)
    assert_equal(getattr(snn.functional, name)(neuron, state, x), neuron(state, x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.AdLIF(tau_w=0.0), "AdLIF.tau_w was given 0.0; it takes finite values above 0"),
        (lambda: snn.AdLIF(decay_w=1.5), "AdLIF.decay_w was given 1.5; it takes values strictly between 0 and 1"),
        (lambda: snn.AdLIF(coupling=math.nan), "AdLIF.coupling was given nan; it takes finite values"),
        (lambda: snn.parametric_lif(1.0), "parametric_lif was given tau=1.0; it takes time constants above 1 step"),
        (lambda: snn.SigmaDelta(decay_f=0.5, tau_f=3.0), "SigmaDelta was given both tau_f and decay_f"),
        (lambda: snn.SignedSigmaDelta(0.0), "SignedSigmaDelta.quantum was given 0.0; it takes finite values above 0"),
        (lambda: snn.SpikeResponse(tau_q=-1.0), "SpikeResponse.tau_q was given -1.0"),
        (
            lambda: snn.BalancedResonateAndFire(omega=100.0),
            "omega was given 100.0 with dt=0.01; it takes values from 0",
        ),
        (lambda: snn.BalancedResonateAndFire(omega=-1.0), "omega was given -1.0"),
        (
            lambda: snn.BalancedResonateAndFire(offset=-1.0),
            "offset=-1.0 and decay_q=0.9; it takes an offset of at least",
        ),
        (lambda: snn.BalancedResonateAndFire(omega=0.1, dt=1.0), "with which a busy neuron diverges"),
        (lambda: snn.ParallelSpiking(jnp.ones((3, 4))), "ParallelSpiking.weight was given with the shape (3, 4)"),
        (lambda: snn.ParallelSpiking(jnp.ones((3, 3)), jnp.ones(4)), "threshold was given with the shape (4,)"),
        (lambda: snn.MaskedParallelSpiking(jnp.ones((3, 3)), 0), "MaskedParallelSpiking.window was given 0"),
        (lambda: snn.MaskedParallelSpiking(jnp.ones((3, 3)), 2, 1.5), "MaskedParallelSpiking.masking was given 1.5"),
        (
            lambda: snn.SlidingParallelSpiking(jnp.ones((3, 3))),
            "weight was given with the shape (3, 3); it takes (window,)",
        ),
        (lambda: snn.ParallelLIF(decay=2.0), "ParallelLIF.decay was given 2.0"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("cell", [snn.LI, lambda: snn.SigmaDelta(), lambda: snn.ParallelLIF()])
@pytest.mark.usefixtures("unchecked")
def test_integer_currents_are_refused(cell):
    with pytest.raises(snn.InputError, match="takes floating-point currents"):
        snn.unroll(cell(), jnp.ones((5, 3), int))
