"""Synapses, and the neurons that contain them, against closed forms and published numbers."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close

NEVER = 1e9  # a threshold out of reach
CERTAIN = (snn.AMPA, snn.GABAA, snn.NMDA, snn.ShortTermPlasticity, snn.ShortTermDepression)


def one_spike(steps, at=0):
    return jnp.zeros(steps).at[at].set(1.0)


def response(cell, steps=200):
    return np.asarray(snn.unroll(cell, one_spike(steps))[1])


def recorded(cell, xs, *names):
    return snn.unroll(cell, xs, record=lambda state, out: tuple(getattr(state, name) for name in names))[1]


# Currents: what one input makes.

# When an input is heard: the time since then, in steps, and the steps in which it is not heard at all.
ARRIVALS = {
    "after": (snn.AfterDecay(), 0, 0),
    "before": (snn.BeforeDecay(), 1, 0),
    "undecayed": (snn.HeardUndecayed(), 0, 0),
    "next": (snn.NextStep(), -1, 1),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_impulse_responses(arrival, dt):
    """Exponential, alpha function, and difference of exponentials, to the last digits whatever the step."""
    arrives, ahead, silent = ARRIVALS[arrival]
    t = np.maximum((np.arange(200) + ahead) * dt, 0.0)
    shapes = {
        snn.ExponentialSynapse(tau_i=7.0, dt=dt, arrival=arrives): np.exp(-t / 7),
        snn.AlphaSynapse(tau_i=7.0, dt=dt, arrival=arrives): t / 7 * np.exp(1 - t / 7),
        snn.AlphaSynapse(tau_i=7.0, dt=dt, arrival=arrives, normalise_peak=False): t / 7 * np.exp(-t / 7),
        snn.DoubleExponentialSynapse(7.0, 2.0, dt=dt, arrival=arrives, normalise_peak=False): (
            np.exp(-t / 7) - np.exp(-t / 2)
        ),
    }
    for synapse, expected in shapes.items():
        expected[:silent] = 0.0
        np.testing.assert_allclose(response(synapse), expected, rtol=1e-11, atol=1e-14)


def test_alpha_current_peaks_at_its_time_constant():
    current = response(snn.AlphaSynapse(tau_i=12.0, dt=0.5))
    assert current.argmax() == 24
    np.testing.assert_allclose(current.max(), 1.0, rtol=1e-12)


@pytest.mark.parametrize(("tau", "rise"), [(8.0, 2.0), (2.0, 8.0), (5.0, 4.9)])
def test_double_exponential_current_peaks_at_one(tau, rise):
    """At the time of the closed form, also with the two time constants the other way round."""
    current = response(snn.DoubleExponentialSynapse(tau, rise, dt=0.01), 4000)
    np.testing.assert_allclose(current.argmax() * 0.01, tau * rise / (tau - rise) * np.log(tau / rise), atol=0.01)
    np.testing.assert_allclose(current.max(), 1.0, rtol=1e-5)


def test_alpha_current_is_the_limit_of_double_exponential_currents():
    near = response(snn.DoubleExponentialSynapse(tau_i=6.0, tau_rise=6.0001))
    np.testing.assert_allclose(near, response(snn.AlphaSynapse(tau_i=6.0)), atol=1e-5)


def test_areas_under_the_currents():
    """That of an exponential and of an alpha current is the time constant."""
    for kind, options in ((snn.ExponentialSynapse, {}), (snn.AlphaSynapse, {"normalise_peak": False})):
        current = response(kind(tau_i=5.0, dt=0.01, **options), 20000)
        np.testing.assert_allclose(current.sum() * 0.01, 5.0, rtol=2e-3)


def test_alpha_current_with_its_source_held():
    """Exponential Euler: a chain of two exponential synapses; of first order, so half the step halves the error."""
    xs = jr.bernoulli(jr.key(0), 0.2, (60,)).astype(float)
    held = snn.AlphaSynapse(tau_i=4.0, normalise_peak=False, exact=False)
    chain = snn.Sequential(
        snn.ExponentialSynapse(tau_i=4.0, arrival=snn.NextStep()),
        snn.ExponentialSynapse(tau_i=4.0, normalise_current=True),
    )
    assert_close(snn.unroll(held, xs)[1], snn.unroll(chain, xs)[1], rtol=1e-12)

    def error(dt):
        currents = (response(snn.AlphaSynapse(4.0, dt, exact=exact), int(40 / dt)) for exact in (True, False))
        return np.abs(np.subtract(*currents)).max()

    assert 1.8 < error(0.1) / error(0.05) < 2.2


def test_currents_add_up():
    """All three are linear filters: the response is the convolution with that to one input."""
    xs = jr.normal(jr.key(0), (100,))
    for synapse in (snn.ExponentialSynapse(), snn.AlphaSynapse(), snn.DoubleExponentialSynapse()):
        expected = np.convolve(xs, response(synapse, 100))[:100]
        np.testing.assert_allclose(snn.unroll(synapse, xs)[1], expected, rtol=1e-9, atol=1e-12)


# Kinetic receptors.


def test_receptor_rises_and_falls_exponentially():
    """As Destexhe, Mainen and Sejnowski solve it: in the pulse to g_inf with rate a T + b, then down with rate b."""
    synapse = snn.AMPA(binding=1.1, unbinding=0.19, concentration=1.0, duration=1.0, dt=0.1)
    t = (np.arange(100) + 1) * 0.1
    at_end = 1.1 / 1.29 * (1 - np.exp(-1.29))
    rising = 1.1 / 1.29 * (1 - np.exp(-1.29 * t))
    expected = np.where(t < 1.05, rising, at_end * np.exp(-0.19 * (t - 1)))
    np.testing.assert_allclose(response(synapse, 100), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [snn.AMPA, snn.GABAA])
@pytest.mark.parametrize("coarse", [0.25, 0.7, 2.0])
def test_receptor_is_exact_whatever_the_step(kind, coarse):
    """Also where the pulse, of 1.4 ms here, ends within a step or is shorter than one."""
    fine = coarse / 50
    few, many = round(8.4 / coarse), round(8.4 / coarse) * 50
    slow = snn.unroll(kind(duration=1.4, dt=coarse), one_spike(few))[1]
    fast = snn.unroll(kind(duration=1.4, dt=fine), one_spike(many))[1]
    np.testing.assert_allclose(slow, fast[49::50], rtol=1e-10)


def test_receptors_under_constant_transmitter():
    """A spike in every step: a T / (a T + b), and for NMDA that of the bound fraction in its place."""
    xs = jnp.ones(5000)
    for kind in (snn.AMPA, snn.GABAA):
        g = snn.unroll(kind(binding=0.7, unbinding=0.2, concentration=0.5), xs)[1][-1]
        np.testing.assert_allclose(g, 0.35 / 0.55, rtol=1e-12)
    for sequential in (False, True):
        synapse = snn.NMDA(2.0, 0.01, 0.7, 0.2, 0.5, 1.0, sequential=sequential)
        final, g = snn.unroll(synapse, xs)
        np.testing.assert_allclose(final.bound, 0.35 / 0.55, rtol=1e-12)
        np.testing.assert_allclose(g[-1], 2 * 0.35 / 0.55 / (2 * 0.35 / 0.55 + 0.01), rtol=1e-12)


def test_a_second_spike_starts_the_pulse_anew():
    synapse = snn.AMPA(duration=2.0, dt=0.5)
    (remaining,) = recorded(synapse, one_spike(8) + one_spike(8, at=2), "remaining")
    np.testing.assert_allclose(remaining, [1.5, 1.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0], atol=1e-14)


def test_nmda_against_fine_integration():
    """Second order in the step, first order with `sequential`; the reference is Runge-Kutta with the pulse as it is."""
    h = 0.01

    def drift(state, transmitter):
        g, bound = state
        return np.array([2 * bound * (1 - g) - 0.01 * g, transmitter * (1 - bound) - 0.5 * bound])

    state, expected = np.zeros(2), []
    for n in range(2000):
        transmitter = float(n < 50)
        k1 = drift(state, transmitter)
        k2 = drift(state + h / 2 * k1, transmitter)
        k3 = drift(state + h / 2 * k2, transmitter)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + drift(state + h * k3, transmitter))
        expected.append(state[0])

    def error(dt, **options):
        every = round(dt / h)
        g = snn.unroll(snn.NMDA(dt=dt, **options), one_spike(round(20 / dt)))[1]
        return np.abs(g - np.array(expected)[every - 1 :: every]).max()

    assert 3.5 < error(0.1) / error(0.05) < 4.5
    assert 1.7 < error(0.1, sequential=True) / error(0.05, sequential=True) < 2.3
    assert error(0.05) < 1e-3


def test_nmda_rises_after_the_transmitter_is_gone():
    """The second-order rise: the open fraction peaks later than the bound one, and outlasts AMPA by far."""
    g, bound = recorded(snn.NMDA(dt=0.1), one_spike(2000), "g", "bound")
    assert bound.argmax() == 4
    assert g.argmax() > 30
    ampa = response(snn.AMPA(dt=0.1), 2000)
    assert g[1000] / g.max() > 0.3
    assert ampa[1000] / ampa.max() < 1e-6


@pytest.mark.parametrize("kind", CERTAIN)
def test_a_spike_is_between_zero_and_one(kind):
    """What is outside counts as 0 or 1; a spike, and its absence, pass the gradient from the inside."""
    cell = kind(dt=0.3)

    @jax.jit
    @jax.vmap
    @jax.value_and_grad
    def total(x):
        return snn.unroll(cell, x * one_spike(20))[1].sum()

    h = 1e-6
    (below, zero, above_zero, below_one, one, above), slopes = total(jnp.array([-1.0, 0.0, h, 1.0 - h, 1.0, 1e3]))
    assert below == zero == 0
    assert above == one > 0
    np.testing.assert_allclose(slopes[1], (above_zero - zero) / h, rtol=1e-4)
    np.testing.assert_allclose(slopes[4], (one - below_one) / h, rtol=1e-4)
    assert slopes[1] > 0
    assert slopes[4] > 0


# Short-term plasticity.


@pytest.mark.parametrize(("utilisation", "tau_u", "tau_r"), [(0.5, 20.0, 800.0), (0.05, 1000.0, 130.0)])
@pytest.mark.parametrize("interval", [1, 10, 40])
def test_plasticity_of_a_regular_train(utilisation, tau_u, tau_r, interval):
    """The recursion of Markram, Wang and Tsodyks, and its fixed point."""
    synapse = snn.ShortTermPlasticity(utilisation, tau_u, tau_r)
    xs = jnp.zeros((200, interval)).at[:, -1].set(1.0).reshape(-1)
    out = np.asarray(snn.unroll(synapse, xs)[1]).reshape(200, interval)
    assert not out[:, :-1].any()
    du, dr = math.exp(-interval / tau_u), math.exp(-interval / tau_r)
    u, r, expected = utilisation, 1.0, []
    for _ in range(200):
        expected.append(u * r)
        r = r * (1 - u) * dr + 1 - dr
        u = u * du + utilisation * (1 - u * du)
    np.testing.assert_allclose(out[:, -1], expected, rtol=1e-11)
    u = utilisation / (1 - (1 - utilisation) * du)
    np.testing.assert_allclose(out[-1, -1], u * (1 - dr) / (1 - (1 - u) * dr), rtol=1e-3)


def test_depression_of_a_regular_train():
    xs = jnp.zeros((400, 5)).at[:, -1].set(1.0).reshape(-1)
    out = snn.unroll(snn.ShortTermDepression(0.2, tau_r=50.0), xs)[1]
    decay = math.exp(-5 / 50)
    assert out[4] == 1.0
    np.testing.assert_allclose(out[-1], (1 - decay) / (1 - 0.8 * decay), rtol=1e-12)


def test_depression_is_plasticity_without_facilitation():
    """With a facilitation that is forgotten at once; scaled by the utilisation."""
    xs = jr.bernoulli(jr.key(0), 0.3, (200,)).astype(float)
    both = snn.unroll(snn.ShortTermPlasticity(0.3, tau_u=1e-3, tau_r=40.0), xs)[1]
    assert_close(both, 0.3 * snn.unroll(snn.ShortTermDepression(0.3, tau_r=40.0), xs)[1], rtol=1e-12)


def test_jumps_before_the_decay_are_of_first_order():
    """They differ from the exact ones by a fraction of a step's decay, and not at all without one."""
    xs = jr.bernoulli(jr.key(0), 0.3, (200,)).astype(float)
    for kind in (snn.ShortTermPlasticity, snn.ShortTermDepression):
        for dt, bound in ((1.0, 0.02), (1e-9, 1e-9)):
            early, late = (snn.unroll(kind(0.3, dt=dt, jump_before_decay=b), xs)[1] for b in (True, False))
            assert 0 < jnp.abs(early - late).max() < bound


# Outputs.


@pytest.mark.parametrize(
    ("v", "unblocked"),
    # 1 / (1 + [Mg] / 3.57 mM * exp(-0.062 v / mV)) of Jahr and Stevens (1990), at 1 mM.
    [(-80.0, 0.024425), (-65.0, 0.059668), (-40.0, 0.230155), (-20.0, 0.508141), (0.0, 0.781182), (40.0, 0.977080)],
)
def test_magnesium_block(v, unblocked):
    block = snn.MagnesiumBlock(reversal=5.0, scale=2.0)
    g = jnp.array(0.3)
    np.testing.assert_allclose(block.conductance(g, jnp.array(v)), 0.6 * unblocked, rtol=2e-5)
    np.testing.assert_allclose(block(g, jnp.array(v)), 0.6 * unblocked * (5 - v), rtol=2e-5)


def test_half_block_depends_on_magnesium():
    """Half is blocked at log([Mg] / 3.57) / 0.062, and nothing without magnesium."""
    for magnesium in (0.1, 1.2, 4.0):
        v = jnp.array(math.log(magnesium / 3.57) / 0.062 + 3.0)
        block = snn.MagnesiumBlock(concentration=magnesium, offset=3.0)
        np.testing.assert_allclose(block.conductance(jnp.array(1.0), v), 0.5, rtol=1e-12)
    free, plain = snn.MagnesiumBlock(-3.0, concentration=0.0), snn.ConductanceOutput(-3.0)
    v = jnp.linspace(-100.0, 50.0, 7)
    assert_close(free(jnp.ones(7), v), plain(jnp.ones(7), v), rtol=0.0)


def test_outputs_far_away_are_finite():
    for dtype in (jnp.float32, jnp.float64):
        for output in (snn.MagnesiumBlock(), snn.ConductanceOutput(), snn.CurrentOutput()):
            for v in (-1e4, 1e4):
                value, slope = jax.value_and_grad(output, argnums=1)(jnp.array(1.0, dtype), jnp.array(v, dtype))
                assert jnp.isfinite(value)
                assert jnp.isfinite(slope)


def test_currents_of_outputs():
    g, v = jnp.array(0.5), jnp.array(-70.0)
    assert snn.ConductanceOutput(-80.0, scale=3.0)(g, v) == -15.0
    assert snn.CurrentOutput(-2.0)(g, v) == -1.0
    assert snn.CurrentOutput().conductance(g, v) == 0.0


# Neurons.


@pytest.mark.parametrize("order", [snn.ResetLast(), snn.ResetFirst(), snn.FireFirst(late=True)])
@pytest.mark.parametrize("arrival", [snn.AfterDecay(), snn.HeardUndecayed()])
def test_current_based_neurons_are_a_synapse_and_a_membrane(order, arrival):
    xs = 0.3 + jr.normal(jr.key(0), (100, 3))
    membrane = {"tau": 8.0, "rest": -0.1, "order": order, "normalise_input": True, "threshold": 0.4}
    current = {"tau_i": 3.0, "arrival": arrival}
    pairs = [
        (snn.CubaLIFAlpha, snn.AlphaSynapse, {"exact": False}),
        (snn.CubaLIFDoubleExponential, snn.DoubleExponentialSynapse, {"tau_rise": 1.5, "normalise_peak": False}),
    ]
    for neuron, synapse, options in pairs:
        zs = snn.unroll(neuron(**membrane, **current, **options), xs)[1]
        parts = snn.Sequential(synapse(**current, **options), snn.LIF(**membrane))
        assert_close(zs, snn.unroll(parts, xs)[1], rtol=0.0)
        assert zs.sum() > 5


def test_potential_of_the_alpha_neuron():
    """One input: the alpha function filtered by the membrane, in closed form for small steps."""
    tau, tau_i, dt = 20.0, 4.0, 0.005
    neuron = snn.CubaLIFAlpha(tau, tau_i, NEVER, dt, normalise_input=True)
    (v,) = recorded(neuron, one_spike(8000), "v")
    t = dt * np.arange(8000)
    k = 1 / tau_i - 1 / tau
    expected = math.e / (tau * tau_i) * (np.exp(-t / tau) - np.exp(-t / tau_i) * (1 + k * t)) / k**2
    np.testing.assert_allclose(v, expected, atol=1e-3 * expected.max())


def test_conductance_based_membrane_is_exact():
    """For held conductances: to the mean of the potentials, each weighted by its conductance, and so much faster."""
    xs = jnp.tile(jnp.array([[0.6], [0.9]]), (300, 1, 1))
    neuron = snn.CobaLIF(20.0, threshold=NEVER, dt=0.5, arrival=snn.Immediate(), separate=True, resistance=2.0)
    (v,) = recorded(neuron, xs, "v")
    conductance = 1 + 2 * (0.6 + 0.9)
    goal = (-60 + 2 * (0.6 * 0.0 + 0.9 * -80.0)) / conductance
    t = 0.5 * (np.arange(300) + 1)
    np.testing.assert_allclose(v[:, 0], goal + (-60 - goal) * np.exp(-t * conductance / 20), rtol=1e-12)


def test_conductance_based_neuron_against_fine_integration():
    """Decaying conductances: the error of holding them over a step is of first order."""

    def at_end(dt):
        xs = jnp.zeros(round(20 / dt)).at[0].set(0.5).at[round(4 / dt)].set(-0.8)
        return snn.unroll(snn.CobaLIF(threshold=NEVER, dt=dt), xs)[0].v

    finest = at_end(1e-3)
    errors = [abs(at_end(dt) - finest) for dt in (0.2, 0.1)]
    assert 1.8 < errors[0] / errors[1] < 2.2
    assert errors[1] < 0.05


def test_sign_tells_which_conductance():
    xs = jr.normal(jr.key(0), (50, 4))
    signed = snn.CobaLIF(decay_excitatory=0.5, decay_inhibitory=0.8)
    separate = snn.CobaLIF(decay_excitatory=0.5, decay_inhibitory=0.8, separate=True)
    both = jnp.stack([jnp.maximum(xs, 0.0), jnp.maximum(-xs, 0.0)], axis=1)
    assert_close(snn.unroll(signed, xs), snn.unroll(separate, both), rtol=0.0)
    e, i = recorded(signed, jnp.array([2.0, -3.0]), "g_excitatory", "g_inhibitory")
    np.testing.assert_allclose([e, i], [[2.0, 1.0], [0.0, 3.0]], rtol=1e-12)


def test_a_signed_input_of_zero_has_half_of_both_derivatives():
    neuron = snn.CobaLIF(threshold=NEVER)
    at = neuron.init_state(jnp.zeros(1))
    slopes = jax.jit(jax.vmap(jax.grad(lambda x: neuron(at, x[None])[0].v.sum())))
    zero, above, below = slopes(jnp.array([0.0, 1e-9, -1e-9]))
    assert above > below > 0
    np.testing.assert_allclose(zero, (above + below) / 2, rtol=1e-6)


def test_benchmark_neuron_fires_and_is_inhibited():
    """With the synapses of the benchmark, 6 nS and 67 nS of a leak of 10 nS."""
    xs = 0.6 * jr.bernoulli(jr.key(0), 0.03, (2000,)).astype(float)
    neuron = snn.CobaLIF(dt=0.1)
    _, zs = snn.unroll(neuron, xs)
    assert zs.sum() > 5
    _, silenced = snn.unroll(neuron, xs.at[::50].set(-6.7))
    assert silenced.sum() == 0


def test_receptors_drive_a_conductance_based_neuron():
    """NMDA receptors add more beside AMPA than alone: at rest, magnesium blocks them."""
    neuron = snn.CobaLIF(
        threshold=NEVER,
        dt=0.1,
        rest=-70.0,
        excitatory=snn.MagnesiumBlock(),
        inhibitory=snn.ConductanceOutput(0.0),  # a second one that excites
        arrival=snn.Immediate(),
        separate=True,
    )
    slow, fast = response(snn.NMDA(dt=0.1), 400), 2 * response(snn.AMPA(dt=0.1), 400)

    def depolarisation(*conductances):
        (v,) = recorded(neuron, jnp.stack(conductances, axis=1), "v")
        return (v + 70).sum()

    alone = depolarisation(slow, 0 * fast)
    assert 0 < alone < 0.7 * (depolarisation(slow, fast) - depolarisation(0 * slow, fast))


# All of them.

ALL = [
    snn.ExponentialSynapse(),
    snn.AlphaSynapse(),
    snn.DoubleExponentialSynapse(),
    snn.AMPA(),
    snn.GABAA(),
    snn.NMDA(),
    snn.ShortTermPlasticity(),
    snn.ShortTermDepression(),
    snn.ShortTermPlasticity(jump_before_decay=True),
    snn.CubaLIFAlpha(),
    snn.CubaLIFDoubleExponential(),
    snn.CobaLIF(),
    snn.CobaLIF(excitatory=snn.MagnesiumBlock(), reset=snn.SubtractReset()),
]


@pytest.mark.parametrize("cell", ALL, ids=lambda c: type(c).__name__)
def test_strong_input_stays_finite(cell):
    """A hundred thousand steps, in single precision."""
    xs = jr.uniform(jr.key(0), (100_000,), jnp.float32, -1e3, 1e3)
    final, outs = snn.unroll(cell, xs)
    for leaf in jax.tree.leaves((final, outs)):
        assert leaf.dtype == jnp.float32
        assert jnp.isfinite(leaf).all()
    if isinstance(cell, CERTAIN):
        assert outs.min() >= 0
        assert outs.max() <= 1


def test_conductance_based_membrane_stays_between_its_potentials():
    xs = jr.uniform(jr.key(0), (10_000,), jnp.float32, -1e3, 1e3)
    (v,) = recorded(snn.CobaLIF(threshold=NEVER), xs, "v")
    assert v.min() >= -80.001
    assert v.max() <= 0.001


@pytest.mark.parametrize("kind", [snn.AlphaSynapse, snn.CubaLIFAlpha])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_time_constants_are_checked(kind, value):
    for field in ("tau_i", "dt"):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\.{field} was given .*finite values above 0"):
            kind(**{field: value})


@pytest.mark.parametrize("kind", [snn.DoubleExponentialSynapse, snn.CubaLIFDoubleExponential])
def test_equal_time_constants_are_refused(kind):
    with pytest.raises(ValueError, match=r"equal time constants.*different ones.*alpha"):
        kind(tau_i=3.0, tau_rise=jnp.array([1.0, 3.0]))
    with pytest.raises(ValueError, match="tau_rise was given -1"):
        kind(tau_rise=-1.0)


@pytest.mark.parametrize("field", ["binding", "unbinding", "concentration", "duration", "dt"])
def test_rates_are_checked(field):
    for kind in (snn.AMPA, snn.GABAA, snn.NMDA):
        with pytest.raises(ValueError, match=rf"{kind.__name__}\.{field} was given 0.*above 0"):
            kind(**{field: 0.0})
    with pytest.raises(ValueError, match="closing"):
        snn.NMDA(closing=-1.0)


def test_utilisation_is_a_fraction():
    for kind in (snn.ShortTermPlasticity, snn.ShortTermDepression):
        for value, message in ((1.5, "up to 1"), (0.0, "above 0"), (math.nan, "above 0")):
            with pytest.raises(ValueError, match=f"utilisation was given .*{message}"):
                kind(utilisation=value)
        with pytest.raises(ValueError, match="tau_r was given"):
            kind(tau_r=0.0)


def test_outputs_are_checked():
    with pytest.raises(ValueError, match=r"concentration was given -1.*at least 0.*ConductanceOutput"):
        snn.MagnesiumBlock(concentration=-1.0)
    with pytest.raises(ValueError, match="half_block"):
        snn.MagnesiumBlock(half_block=0.0)
    with pytest.raises(ValueError, match="reversal"):
        snn.ConductanceOutput(math.nan)
    with pytest.raises(ValueError, match="scale"):
        snn.CurrentOutput(math.inf)


def test_conductance_based_neuron_is_checked():
    with pytest.raises(ValueError, match="both tau_inhibitory and decay_inhibitory"):
        snn.CobaLIF(tau_inhibitory=3.0, decay_inhibitory=0.5)
    for field in ("tau", "tau_excitatory", "resistance", "dt"):
        with pytest.raises(ValueError, match=rf"CobaLIF\.{field} was given -1"):
            snn.CobaLIF(**{field: -1.0})
    for shape in ((), (3,)):
        with pytest.raises(snn.InputError, match=r"separate=True.*\(2, \.\.\.\).*jnp\.stack"):
            snn.CobaLIF(separate=True).init_state(jnp.zeros(shape))
