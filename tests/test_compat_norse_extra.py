"""Norse's coupled and refractory cells, decoders, filters, stochastic thresholds: numbers worked out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import norse

# With these rates a step of 1 ms forgets everything: v = x and i = 0, unless something else adds to them.
_WHOLE = {"tau_syn_inv": 1000.0, "tau_mem_inv": 1000.0}
_ONE = {"input_weights": jnp.eye(2), "recurrent_weights": jnp.zeros((2, 2))}


def _inner(record):
    """Record from the cell inside of a recurrent one."""
    return lambda state, z: (*record(state[1].cell), z)


def test_refractory_adaptive_exponential():
    """The membrane and the spikes are held, the adaptation goes on and jumps at the spike that is held back."""
    p = norse.LIFAdExParameters(
        adaptation_current=0.0, adaptation_spike=0.25, delta_T=1e-3, tau_ada_inv=500.0, v_th=1.0, v_reset=-0.5, **_WHOLE
    )
    cell = norse.LIFAdExRefracCell(norse.LIFAdExRefracParameters(p, 1.0))
    _, (v, w, rho, zs) = snn.unroll(
        cell, jnp.array([2.0, 2.0, 2.0, 0.5]), record=lambda s, z: (s.lif[1].v, s.lif[1].w, s.rho, z)
    )
    assert zs.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert v.tolist() == [-0.5, -0.5, -0.5, -0.5]
    assert rho.tolist() == [1.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(w, [0.25, 0.375, 0.4375, 0.21875])


def test_refractory_recurrence_hears_the_spikes_that_were_let_through():
    p = norse.LIFAdExParameters(adaptation_current=0.0, adaptation_spike=0.0, delta_T=1e-3, **_WHOLE)
    weights = {"input_weights": jnp.eye(1), "recurrent_weights": jnp.array([[0.6]]), "autapses": True}
    cell = norse.LIFAdExRefracRecurrent(1, 1, norse.LIFAdExRefracParameters(p, 1.0), **weights)
    # The second spike is held back, so the third input of 0.6 stays alone.
    assert snn.unroll(cell, jnp.array([[2.0], [2.0], [0.6]]))[1].ravel().tolist() == [1.0, 0.0, 0.0]


def test_coupled_membranes():
    """By hand: v1 = 0.4 x1, then both draw on the other with 0.25 per ms; after the reset."""
    p = norse.LIFParameters(tau_syn_inv=1000.0, tau_mem_inv=400.0, v_th=1.0)
    g = jnp.array([[0.0, 250.0], [250.0, 0.0]])
    cell = norse.LIFMCRecurrentCell(2, 2, p, g, **_ONE)
    xs = jnp.array([[2.0, 0.0], [3.0, 0.0]])
    _, (v, zs) = snn.unroll(cell, xs, record=_inner(lambda s: (s.v,)))
    # 1: v = (0.8, 0), coupled (0.8, 0.2). 2: (0.48 + 1.2, 0.12) fires, reset (0, 0.12), coupled (0.03, 0.12).
    assert zs.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    np.testing.assert_allclose(v, [[0.8, 0.2], [0.03, 0.12]])


def test_coupled_refractory_membranes():
    """The coupling is per step, and goes on in the refractory period, where it makes the neuron fire."""
    p = norse.LIFRefracParameters(norse.LIFParameters(v_th=1.0, v_reset=0.25, **_WHOLE), 2.0)
    g = jnp.array([[0.0, 4.0], [0.0, 0.0]])
    cell = norse.LIFMCRefracRecurrentCell(2, 2, p, g, **_ONE)
    xs = jnp.array([[2.0, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    _, (v, rho, zs) = snn.unroll(cell, xs, record=_inner(lambda s: (s.lif.v, s.rho)))
    # 1: the input is heard a step later. 2: v = (2, 0.5), the first fires. 3: it is held, but gets 4 * 0.5 and fires
    # again; the second is at 0.
    assert zs.tolist() == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    assert v.tolist() == [[0.0, 0.0], [0.25, 0.5], [0.25, 0.0], [0.25, 0.0]]
    assert rho.tolist() == [[0.0, 0.0], [2.0, 0.0], [2.0, 0.0], [1.0, 0.0]]


def test_coupling_is_drawn():
    cell = norse.LIFMCRecurrentCell(2, 400, key=jr.key(0))
    assert cell[1].cell.g_coupling.std() == pytest.approx(1 / 20, rel=0.02)
    assert not np.allclose(cell[1].cell.g_coupling, cell[1].feedback.weight * np.sqrt(0.5))


def test_correlation_sensor():
    """By hand, a decay of a half per step."""
    p = norse.CorrelationSensorParameters(eta_p=1.0, eta_m=2.0, tau_ac_inv=500.0, tau_c_inv=500.0)
    zero = jnp.zeros((2, 1))
    state = norse.CorrelationSensorState(zero, zero, zero)
    seen = []
    for pre, post in (([1.0, 0.0], 0.0), ([0.0, 0.0], 0.0), ([0.0, 0.0], 1.0), ([0.0, 1.0], 0.0), ([0.0, 0.0], 0.0)):
        state = norse.correlation_sensor_step(jnp.array(pre), jnp.array([post]), state, p)
        seen.append([*state.post_pre.ravel(), *state.correlation_trace.ravel(), *state.anti_correlation_trace.ravel()])
    assert np.asarray(seen).tolist() == [
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0.5, 0, 0, 0],
        [1, 1, 0.25, 0, 2, 2],  # a spike behind: the correlation is held from now on, the other decays
        [1, 0, 0.25, 1, 1, 1],
        [1, 0, 0.25, 0.5, 0.5, 1],
    ]


def test_correlated_neurons_are_the_recurrent_ones():
    weights = {"input_weights": jr.normal(jr.key(0), (3, 2)), "recurrent_weights": jr.normal(jr.key(1), (3, 3))}
    p = norse.LIFParameters(v_th=0.2)
    xs = (jr.uniform(jr.key(2), (20, 2)) < 0.5).astype(float)
    cell = norse.LIFCorrelation(2, 3, norse.LIFCorrelationParameters(p), **weights)
    final, zs = snn.unroll(cell, xs)
    np.testing.assert_array_equal(zs, snn.unroll(norse.LIFRecurrentCell(2, 3, p, autapses=True, **weights), xs)[1])
    assert zs.sum() > 0
    sensors = norse.CorrelationSensorState(*(jnp.zeros((3, 3)),) * 3)
    for before, after in zip(jnp.zeros((1, 3)).tolist() + zs[:-1].tolist(), zs, strict=True):
        sensors = norse.correlation_sensor_step(jnp.array(before), after, sensors)
    assert eqx.tree_equal(final.recurrent_correlation_state, sensors, rtol=1e-12)


def test_linear_leaky_integrator():
    p = norse.LIParameters(tau_syn_inv=1000.0, tau_mem_inv=500.0)
    cell = norse.LILinearCell(2, 1, p, input_weights=jnp.array([[1.0, -2.0]]))
    assert snn.unroll(cell, jnp.array([[4.0, 1.0], [0.0, 0.0]]))[1].tolist() == [[1.0], [0.5]]
    assert norse.LILinearCell(400, 100, key=jr.key(0))[0].weight.std() == pytest.approx(1 / 20, rel=0.02)


def test_resets():
    z, v = jnp.array([0.0, 1.0]), jnp.array([0.5, 1.5])
    assert norse.reset_value(z, v, -0.25, 1.0).tolist() == [0.5, -0.25]
    assert norse.reset_subtract(z, v, -0.25, 1.0).tolist() == [0.5, 0.5]
    for named, function in (("subtract", norse.reset_subtract), ("value", norse.reset_value)):
        cells = [norse.LIFBoxCell(norse.LIFBoxParameters(reset_method=method)) for method in (named, function)]
        assert eqx.tree_equal(*cells)


def test_spikes_to_times():
    zs = jnp.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    steps = norse.SpikesToTimesDecoder(2, convert_indices_to_times=False)
    assert steps(zs).tolist() == [[1.0, 0.0, np.inf], [3.0, 2.0, np.inf]]
    np.testing.assert_allclose(norse.SpikesToTimesDecoder(dt=0.5)(zs), [[0.5, 0.0, np.inf]])
    assert norse.SpikesToTimesDecoder(9)(zs).shape == (4, 3)
    weights = jnp.array([[3.0, 5.0, 7.0], [11.0, 13.0, 17.0]])
    _, pull = jax.vjp(steps, zs)
    assert pull(weights)[0].tolist() == [[0, -5, 0], [-3, 0, 0], [0, -13, 0], [-11, 0, 0]]


def test_sum_decode():
    assert norse.sum_decode(jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [4.0, 6.0]
    assert norse.sum_decode(jnp.array([[1.0, 2.0], [3.0, 4.0]]), 1).tolist() == [3.0, 7.0]


def test_exponential_filter():
    layer = norse.ExpFilter(2, 1, 250.0, 4e-3, jnp.array([[1.0, 2.0]]), key=jr.key(0))
    bias = layer[0].bias
    _, ys = snn.unroll(layer, jnp.array([[1.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(ys, [3 + bias, np.exp(-1) * (3 + bias) + bias])
    np.testing.assert_allclose(norse.exp_filter_step(ys[0], 0 * ys[0] + bias, np.exp(-1)), ys[1])


def test_short_term_plasticity():
    """By hand: u decays by a half per step, a quarter of what is missing recovers."""
    p = norse.TsodyksMakramParameters(tau_f_inv=500.0, tau_d_inv=250.0, U=0.5)
    state = norse.TsodyksMakramState(u=jnp.array(0.0), x=jnp.array(1.0))
    seen = []
    for z in (1.0, 0.0, 1.0):
        out, state = norse.stp_step(jnp.array(z), state, p)
        seen.append((out.item(), state.u.item(), state.x.item()))
    # 3: u = 0.125 + 0.5 * 0.75 = 0.5, out = 0.5 * 0.625, x = 0.625 + 0.25 * 0.375 - 0.3125.
    assert seen == [(0.5, 0.5, 0.5), (0.0, 0.25, 0.625), (0.3125, 0.5, 0.40625)]


@pytest.mark.parametrize(
    ("algorithm", "rise", "fall"),
    [
        ("additive", 1.0, 1.0),
        ("additive_step", 1.0, 1.0),
        ("multiplicative_pow", 0.75**2, 0.25**2),
        ("multiplicative_relu", 0.75, 0.25),
    ],
)
def test_spike_timing_dependent_plasticity(algorithm, rise, fall):
    """Traces of 1 and 0.5 before, 2 behind, which lose a half; a weight of 0.25 between 0 and 1."""
    p = norse.STDPParameters(
        2.0, 4.0, 500.0, 500.0, eta_plus=0.1, eta_minus=0.01, stdp_algorithm=algorithm, mu=2.0, hardbound=False
    )
    state = norse.STDPState(t_pre=jnp.array([1.0, 0.5]), t_post=jnp.array([2.0]))
    w, state = norse.stdp_step_linear(jnp.array([1.0, 0.0]), jnp.array([1.0]), jnp.full((1, 2), 0.25), state, p)
    assert (state.t_pre.tolist(), state.t_post.tolist()) == ([1.5, 0.25], [3.0])
    np.testing.assert_allclose(w, [[0.25 + 0.1 * rise * 1.5 - 0.01 * fall * 3.0, 0.25 + 0.1 * rise * 0.25]])


def test_plasticity_of_a_batch_within_bounds():
    """Over a batch the changes are summed; then the weights are clipped, and at a bound a step leaves them alone."""
    pre, post = jnp.zeros((3, 1)), jnp.ones((3, 1))
    state = norse.STDPState(t_pre=jnp.ones((3, 1)), t_post=jnp.zeros((3, 1)))
    p = norse.STDPParameters(tau_pre_inv=0.0, eta_plus=0.125)
    assert norse.stdp_step_linear(pre, post, jnp.array([[0.5]]), state, p)[0].tolist() == [[0.875]]
    assert norse.stdp_step_linear(pre, post, jnp.array([[0.75]]), state, p)[0].tolist() == [[1.0]]
    p = norse.STDPParameters(tau_pre_inv=0.0, eta_plus=0.125, stdp_algorithm="additive_step", hardbound=False)
    assert norse.stdp_step_linear(pre, post, jnp.array([[1.0]]), state, p)[0].tolist() == [[1.0]]


def test_accumulators():
    z, state = jnp.array([1.0, 0.0, 1.0]), norse.LIFCell().init_state(jnp.ones(3))
    assert norse.regularize_step(z, state, state=5.0)[1] == 7.0
    assert norse.voltage_accumulator(z, state, jnp.ones(3)).tolist() == [1.0, 1.0, 1.0]
    of_two = norse.LIFExCell(norse.LIFExParameters(v_leak=0.5)).init_state(jnp.ones(3))
    out, total = norse.regularize_step(z, of_two, norse.voltage_accumulator)
    assert out is z
    assert total.tolist() == [0.5, 0.5, 0.5]


STOCHASTIC = {
    "logistic_fn": (lambda x, k: (1 + np.tanh(k * x)) / 2, lambda x, k: 1 - np.tanh(k * x) ** 2),
    "circ_dist_fn": (lambda x, k: (1 + x / np.sqrt(x**2 + k**2)) / 2, lambda x, k: (1 + (x / k) ** 2) ** -1.5),
}


@pytest.mark.parametrize("name", STOCHASTIC)
def test_stochastic_thresholds(name):
    probability, slope = STOCHASTIC[name]
    xs = jnp.array([-1.5, -0.2, 0.3, 2.0])
    many = jnp.broadcast_to(xs, (5000, 4))
    zs, pull = jax.vjp(lambda x: getattr(norse, name)(x, 0.8, key=jr.key(0)), many)
    assert set(np.unique(zs)) == {0.0, 1.0}
    # Five standard deviations of a mean of 5000 draws.
    np.testing.assert_allclose(zs.mean(0), probability(np.asarray(xs), 0.8), atol=0.036)
    np.testing.assert_allclose(pull(jnp.ones_like(many))[0][0], slope(np.asarray(xs), 0.8), rtol=1e-12)


def test_threshold_functions():
    xs = jnp.array([-0.5, 0.0, 0.25])
    slopes = {
        norse.super_fn: [1 / 2.25, 1.0, 0.64],
        norse.triangle_fn: [0.15, 0.3, 0.225],
        lambda x: norse.heavi_circ_fn(x, 0.5): [2**-1.5, 1.0, 0.8**1.5],
        lambda x: norse.heavi_erfc_fn(x, 2.0): [2 / np.sqrt(np.pi) * np.exp(-u) for u in (1.0, 0.0, 0.25)],
        lambda x: norse.heavi_tanh_fn(x, 2.0): [1 - np.tanh(u) ** 2 for u in (1.0, 0.0, 0.5)],
        norse.heaviside: [0.0, 0.0, 0.0],
        lambda x: norse.sign(x, "super", 1.0) / 2 + 0.5: [1 / 2.25, 1.0, 0.64],
    }
    for function, wanted in slopes.items():
        zs, pull = jax.vjp(function, xs)
        assert zs.tolist() == [0.0, 0.0, 1.0]
        np.testing.assert_allclose(pull(jnp.ones(3))[0], wanted, rtol=1e-12)


def test_logic():
    x, y = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 0.0, 1.0])
    assert norse.logical_and(x, y).tolist() == [0, 0, 0, 1]
    assert norse.logical_or(x, y).tolist() == [0, 1, 1, 1]
    assert norse.logical_xor(x, y).tolist() == [0, 1, 1, 0]
    assert norse.posedge_detector(x, y).tolist() == [0, 0, 1, 0]
    assert norse.muller_c(jnp.zeros(4), x, y).tolist() == [0, 0, 0, 1]
    assert norse.muller_c(jnp.ones(4), x, y).tolist() == [0, 1, 1, 1]


def test_current_encoders():
    """v = 0.25 + 0.5 (x - 0.25); the upstroke at the threshold adds half of `delta_T`."""
    p = norse.LIFParameters(tau_mem_inv=500.0, v_reset=-0.5)
    z, v = norse.lif_current_encoder(jnp.array([1.25, 3.25]), jnp.array([0.25, 0.25]), p)
    assert (z.tolist(), v.tolist()) == ([0.0, 1.0], [0.75, -0.5])
    steep = norse.LIFExParameters(delta_T=0.25, tau_mem_inv=500.0, v_reset=-0.5)
    z, v = norse.lif_ex_current_encoder(jnp.array([0.25, 1.25]), jnp.array([1.0, 1.0]), steep)
    assert (z.tolist(), v.tolist()) == ([0.0, 1.0], [0.75, -0.5])


def test_encoders_hold_settings():
    x = jnp.array([1.25, 3.0])
    p = norse.LIFParameters(tau_mem_inv=500.0)
    assert norse.ConstantCurrentLIFEncoder(3, p)(x).tolist() == [[0, 1], [0, 1], [1, 1]]
    assert norse.SpikeLatencyLIFEncoder(3, p)(x).tolist() == [[0, 1], [0, 0], [1, 0]]
    assert norse.SpikeLatencyEncoder()(jnp.ones((2, 1))).tolist() == [[1], [0]]
    distances = norse.PopulationEncoder(2, 1.0, lambda d: d, lambda a, b: a - b)(jnp.array([0.5]))
    assert distances.tolist() == [[0.5, -0.5]]
    certain = jnp.array([1.0, 0.0, -1.0])
    key = jr.key(0)
    assert norse.PoissonEncoder(2, 1000.0)(certain, key=key).tolist() == [[1, 0, 0]] * 2
    assert norse.SignedPoissonEncoder(2, 1000.0)(certain, key=key).tolist() == [[1, 0, -1]] * 2
    steps = snn.Sequential(norse.SignedPoissonEncoderStep(500.0), norse.PoissonEncoderStep())
    _, zs = snn.unroll(steps, jnp.broadcast_to(certain, (2000, 3)), key=key)
    np.testing.assert_allclose(zs.mean(0), [0.5, 0.0, 0.0], atol=0.06)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: norse.LIFMCRecurrentCell(2, 2, g_coupling=jnp.ones(2), **_ONE), r"shape \(2,\); it takes \(2, 2\)"),
        (lambda: norse.LIFMCRefracRecurrentCell(2, 2, **_ONE), "neither weights nor a key"),
        (lambda: norse.LILinearCell(2, 2), "neither weights nor a key"),
        (lambda: norse.SpikesToTimesDecoder(0), "was given 0; it takes a whole number from 1 on"),
        (lambda: norse.STDPParameters(stdp_algorithm="none"), "given 'none'; it takes one of additive, additive_step"),
        (lambda: norse.ExpFilter(2, 2, 0.0), "given as 0.0; ExpFilter takes values above 0"),
        (lambda: norse.ExpFilter(2, 2), "given no key; it draws its bias"),
        (lambda: norse.ExpFilter(2, 3, input_weights=jnp.ones((2, 3)), key=jr.key(0)), r"takes \(3, 2\)"),
        (lambda: norse.logistic_fn(jnp.ones(2), 1.0, key=None), "given no key; it draws random spikes"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
