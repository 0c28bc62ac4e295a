"""The nonlinear integrate-and-fire neurons: closed forms, published constants, and another simulator."""

import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_equal

FAR = 1e5  # a voltage out of reach
NEURONS = (snn.Izhikevich, snn.ExpIF, snn.AdEx, snn.QIF, snn.AdaptiveQIF, snn.GIF)


def run(neuron, xs):
    """All states, and the numbers of the steps with a spike."""
    _, (states, zs) = jax.jit(lambda xs: snn.unroll(neuron, xs, record=lambda state, z: (state, z)))(jnp.asarray(xs))
    return states, np.flatnonzero(zs)


def spike_times(neuron, x, duration):
    return run(neuron, jnp.full(round(duration / neuron.dt), x))[1] * neuron.dt


# The spike times of Brian 2.10.1 in ms, by forward Euler, with a current of 10 from 20 ms to 200 ms and steps of 0.5
# ms; and the state at the start of the last step.
# fmt: off
IZHIKEVICH = {
    "RS": ([24, 47, 93, 139, 185], (-71.60313889235627, -3.2393859359300388)),
    "IB": ([24, 27.5, 33, 73.5, 106, 138.5, 171], (-57.28907301595848, -7.439845977596005)),
    "CH": ([24, 26.5, 29, 31.5, 34.5, 38, 42.5, 90, 93, 96.5, 100.5, 106.5, 155.5, 158.5, 162, 166, 172],
           (-68.34632707881028, -5.230981266826644)),
    "FS": ([24, 29.5, 37, 45.5, 54.5, 63.5, 72, 80.5, 89, 98, 107.5, 116.5, 125.5, 135, 144.5, 153.5, 162, 171, 180,
            188.5, 197], (-62.86411837917399, -7.85859843880293)),
    "LTS": ([23, 27, 31.5, 37.5, 45.5, 57.5, 72, 86.5, 101, 115, 129, 143, 157, 171, 185, 199],
            (-65.0, -6.001482531633178)),
}
# The same with 800 pA and steps of 0.1 ms.
ADEX = {
    "tonic": ([28, 32.9, 37.9, 42.9, 47.9, 52.9, 58, 63.1, 68.2, 73.3, 78.4, 83.5, 88.6, 93.7, 98.8, 103.9, 109, 114.1,
               119.2, 124.3, 129.4, 134.5, 139.6, 144.7, 149.8, 154.9, 160, 165.1, 170.2, 175.3, 180.4, 185.5, 190.6,
               195.7], (-45.90535037007976, 39.312089129741814)),
    "adapting": ([28.2, 33.7, 39.8, 46.6, 54.4, 63.3, 73.8, 86.3, 101.5, 120.3, 143.5, 171.5],
                 (-46.93571677888713, 505.61753715340365)),
    "brette_gerstner": ([37.7, 60.6, 91.5, 134.8, 192], (-60.731120002000104, 267.99656253470346)),
}
# fmt: on


@pytest.mark.parametrize(("name", "golden"), IZHIKEVICH.items(), ids=IZHIKEVICH)
def test_izhikevich_fires_as_in_brian(name, golden):
    neuron = snn.Izhikevich.preset(name, dt=0.5)
    states, spikes = run(neuron, jnp.where(jnp.arange(400) >= 40, 10.0, 0.0))
    np.testing.assert_array_equal(spikes * 0.5, golden[0])
    # Fast spiking magnifies rounding errors a billion times until here.
    np.testing.assert_allclose((states.v[398], states.u[398]), golden[1], rtol=1e-6 if name == "FS" else 1e-10)


@pytest.mark.parametrize(("name", "golden"), ADEX.items(), ids=ADEX)
def test_adex_fires_as_in_brian(name, golden):
    neuron = snn.AdEx.preset(name, integrator=snn.Euler())
    states, spikes = run(neuron, jnp.where(jnp.arange(2000) >= 200, 800.0, 0.0))
    np.testing.assert_allclose(spikes * 0.1, golden[0], atol=1e-9)
    np.testing.assert_allclose((states.v[1997], states.w[1997]), golden[1], rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "constants"),
    [
        ("RS", (0.02, 0.2, -65, 8)),
        ("IB", (0.02, 0.2, -55, 4)),
        ("CH", (0.02, 0.2, -50, 2)),
        ("FS", (0.1, 0.2, -65, 2)),
        ("LTS", (0.02, 0.25, -65, 2)),
        ("TC", (0.02, 0.25, -65, 0.05)),
        ("RZ", (0.1, 0.26, -65, 2)),
    ],
)
def test_izhikevich_presets_are_those_of_the_paper(name, constants):
    neuron = snn.Izhikevich.preset(name)
    a, b, c, d = constants
    assert (neuron.a, neuron.b, neuron.d) == (a, b, d)
    assert_equal(neuron.reset, snn.ValueReset(value=float(c)))
    assert (neuron.quadratic, neuron.linear, neuron.constant, neuron.threshold) == (0.04, 5, 140, 30)
    state = neuron.init_state(jnp.zeros(()))
    assert (state.v, state.u) == (-65, b * -65)


def test_presets_can_be_changed():
    reset = snn.ValueReset(value=-52.0)
    neuron = snn.Izhikevich.preset("CH", d=3.0, reset=reset)
    assert (neuron.a, neuron.d) == (0.02, 3)
    assert_equal(neuron.reset, reset)
    adex = snn.AdEx.preset("bursting", b=jnp.array(90.0), rest=-60.0)
    assert (adex.b, adex.rest, adex.tau_w) == (90, -60, 120)
    assert_equal(adex.reset, snn.ValueReset(value=-46.0))
    assert_equal(snn.AdEx.preset("brette_gerstner"), snn.AdEx())


def test_unknown_presets_list_the_known_ones():
    with pytest.raises(ValueError, match=r"Izhikevich\.preset was given 'XX'.*RS, IB, CH, FS, LTS, TC, RZ.*Izhikevich"):
        snn.Izhikevich.preset("XX")
    with pytest.raises(ValueError, match=r"AdEx\.preset was given 'RS'.*tonic, adapting"):
        snn.AdEx.preset("RS")


def test_izhikevich_rests_where_its_nullclines_cross():
    """0.04 v^2 + (5 - b) v + 140 = 0 at -70 mV, for b = 0.2."""
    states, spikes = run(snn.Izhikevich(start=-70.0), jnp.zeros(1000))
    assert spikes.size == 0
    np.testing.assert_allclose(states.v, -70, rtol=1e-12)
    np.testing.assert_allclose(states.u, -14, rtol=1e-12)


def test_thalamo_cortical_cells_rebound():
    """They fire a burst when they are let go from hyperpolarisation (figure 2 of the paper)."""
    xs = jnp.where(jnp.arange(3000) < 2000, -10.0, 0.0)
    rebound = run(snn.Izhikevich.preset("TC", start=-63.0), xs)[1]
    assert rebound.size > 1
    assert rebound[0] > 2000
    assert rebound[-1] < 2600  # 60 ms later
    assert run(snn.Izhikevich.preset("RS"), xs)[1].size == 0


def test_firing_patterns_are_what_they_are_called():
    intervals = {
        name: np.diff(spike_times(snn.AdEx.preset(name), x, 800.0))
        for name, x in [("tonic", 500.0), ("adapting", 500.0), ("initial_burst", 400.0), ("bursting", 210.0)]
    }
    assert np.ptp(intervals["tonic"]) < 1
    assert (np.diff(intervals["adapting"][:7]) > 0).all()
    assert (intervals["initial_burst"][:2] < 10).all()
    assert (intervals["initial_burst"][3:] > 50).all()
    assert (intervals["bursting"][3::2] < 10).all()
    assert (intervals["bursting"][4::2] > 100).all()
    accelerating = np.diff(spike_times(snn.AdEx.preset("accelerating"), 300.0, 400.0))
    assert (np.diff(accelerating) < 0.11).all()
    assert accelerating[-1] < 0.7 * accelerating[0]


@pytest.mark.parametrize(
    ("neuron", "rheobase", "margin"),
    [
        (snn.ExpIF(resistance=2.0), (65 - 59.9 - 3.48) / 2, 0.05),
        (snn.QIF(resistance=2.0), 0.07 * 15**2 / 4 / 2, 0.05),
        # Its negative adaptation moves the critical voltage to rest + (critical - rest) + a / curvature.
        (snn.AdaptiveQIF(), 0.7e-3 * (20 - 2 / 0.7) ** 2 / 4, 5e-4),
        # With adaptation by `a` the leak counts as leak_conductance + a; a slow current starts it without overshoot.
        (snn.AdEx(a=0.0), 30 * (70.6 - 50.4 - 2), 5.0),
    ],
    ids=["ExpIF", "QIF", "AdaptiveQIF", "AdEx"],
)
def test_rheobase(neuron, rheobase, margin):
    """Closed forms: the current at which rest and critical voltage merge."""
    assert spike_times(neuron, rheobase - margin, 1500.0).size == 0
    assert spike_times(neuron, rheobase + margin, 1500.0).size > 0


def test_expif_without_upstroke_is_a_leaky_membrane():
    xs = jr.uniform(jr.key(0), (200,), maxval=10.0)
    states, _ = run(snn.ExpIF(resistance=3.0, rheobase=FAR, threshold=0.0), xs)
    decay, v, expected = math.exp(-0.01), 0.0, []
    for x in np.asarray(xs):
        v = decay * v + (1 - decay) * 3 * x
        expected.append(v - 65)
    np.testing.assert_allclose(states.v, expected, rtol=1e-12)


def test_expif_is_adex_without_adaptation():
    xs = jr.uniform(jr.key(1), (2000,), maxval=2000.0)
    adex = snn.AdEx(a=0.0, b=0.0)
    expif = snn.ExpIF(
        tau=281 / 30, resistance=1 / 30, rest=-70.6, rheobase=-50.4, slope_factor=2.0, threshold=-40.4, reset=adex.reset
    )
    (left, spikes), (right, others) = run(adex, xs), run(expif, xs)
    assert spikes.size > 0
    np.testing.assert_array_equal(spikes, others)
    np.testing.assert_allclose(left.v, right.v, rtol=1e-9)


def test_adex_adaptation_adds_to_the_leak():
    """Far below the upstroke `v - rest` settles at `x / (leak_conductance + a)`, and `w` at `a` times that."""
    states, _ = run(snn.AdEx(a=10.0, rheobase=FAR, threshold=0.0, dt=1.0), jnp.full(2000, 120.0))
    np.testing.assert_allclose(states.v[-1] + 70.6, 120 / 40, rtol=1e-6)
    np.testing.assert_allclose(states.w[-1], 10 * 120 / 40, rtol=1e-6)


def test_qif_falls_to_rest_or_runs_away():
    neuron = snn.QIF()
    state = neuron.init_state(jnp.zeros(5))
    start = type(state)(v=jnp.array([-90.0, -65.0, -50.1, -50.0, -49.9]))
    end, zs = snn.unroll(neuron, jnp.zeros((5000, 5)), start)
    np.testing.assert_allclose(end.v, [-65, -65, -65, -50, -65], atol=1e-9)
    np.testing.assert_array_equal(zs.sum(0), [0, 0, 0, 0, 1])


@pytest.mark.parametrize("x", [6.0, 12.0, 40.0])
def test_qif_interval(x):
    """The time from reset to threshold, which is an arcus tangens."""
    neuron = snn.QIF(dt=0.01, integrator=snn.RungeKutta4())
    excess = x - 0.07 * 15**2 / 4
    scale = math.sqrt(0.07 / excess)
    exact = 10 / (0.07 / scale) * (math.atan((-30 + 57.5) * scale) - math.atan((-68 + 57.5) * scale))
    times = spike_times(neuron, x, 200.0)
    np.testing.assert_allclose(np.diff(times), exact, atol=0.011)  # the spike waits for the end of its step


def test_adaptive_qif_is_izhikevich_in_other_coordinates():
    """0.04 v^2 + 5 v + 140 = 0.04 (v - rest) (v - critical), and w = u - b rest."""
    rest, critical = ((-5 + sign * math.sqrt(2.6)) / 0.08 for sign in (-1, 1))
    options = {"threshold": 30.0, "integrator": snn.Euler(), "reset": snn.ValueReset(value=-65.0)}
    quadratic = snn.AdaptiveQIF(
        tau=1.0, resistance=1.0, rest=rest, critical=critical, curvature=0.04, tau_w=50.0, a=0.2, b=8.0, **options
    )
    xs = jr.uniform(jr.key(0), (2000,), maxval=20.0)
    left, spikes = run(snn.Izhikevich(start=rest, **options), xs)
    right, others = run(quadratic, xs - 0.2 * rest)
    assert spikes.size > 3
    np.testing.assert_array_equal(spikes, others)
    np.testing.assert_allclose(left.u, right.w + 0.2 * rest, atol=1e-8)


def test_gif_is_linear_between_spikes():
    """Membrane and currents decay exactly; the threshold follows them to first order in the step."""
    errors = []
    for dt in (0.2, 0.1):
        neuron = snn.GIF(a=0.02, dt=dt)
        states, spikes = run(neuron, jnp.full(round(40 / dt), 0.8))
        assert spikes.size == 0
        t = dt * np.arange(1, states.v.size + 1)
        np.testing.assert_allclose(states.v + 70, 16 * -np.expm1(-t / 20), rtol=1e-11)
        # threshold' = 0.02 * 16 (1 - exp(-t / 20)) - 0.01 (threshold + 50)
        exact = 0.32 * (-np.expm1(-0.01 * t) / 0.01 - (np.exp(-0.01 * t) - np.exp(-0.05 * t)) / 0.04)
        errors.append(np.abs(states.threshold + 50 - exact).max())
    assert errors[1] < 0.1
    np.testing.assert_allclose(errors[0] / errors[1], 2, rtol=0.05)


def test_gif_currents_decay():
    neuron = snn.GIF(threshold=FAR, threshold_reset=0.0)
    start = neuron.init_state(jnp.zeros(()))
    start = type(start)(i1=jnp.array(3.0), i2=jnp.array(-2.0), threshold=start.threshold, v=start.v)
    end, _ = snn.unroll(neuron, jnp.zeros(100), start)  # 10 ms
    np.testing.assert_allclose((end.i1, end.i2), (3 * math.exp(-2), -2 * math.exp(-0.2)), rtol=1e-12)


def test_gif_fires_at_the_interval_of_a_leaky_membrane():
    """1.5 V/s drive it to 30 mV above rest, and the threshold is 20 mV above (figure 1A of the paper)."""
    times = spike_times(snn.GIF(), 1.5, 300.0)
    np.testing.assert_allclose(np.diff(times), 20 * math.log(30 / 10), atol=0.1)


def test_gif_bursts():
    """Figure 1L of the paper: groups of spikes with long pauses."""
    intervals = np.diff(spike_times(snn.GIF(a=0.005, a1=10.0, a2=-0.6), 2.0, 500.0))
    assert ((intervals < 10) | (intervals > 90)).all()
    assert (intervals > 90).sum() >= 3


def test_what_a_spike_does_to_a_gif():
    neuron = snn.GIF(r1=0.5, a1=2.0, a2=-1.0, threshold_reset=-45.0, reset=snn.SubtractReset())
    values = {"i1": 4.0, "i2": 3.0, "threshold": -52.0, "v": -48.0}
    state = type(neuron.init_state(jnp.zeros(2)))(**{name: jnp.full(2, value) for name, value in values.items()})
    after = neuron.spiked(state, jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(after.i1, [4, 4])
    np.testing.assert_array_equal(after.i2, [3, 2])
    np.testing.assert_array_equal(after.threshold, [-52, -45])
    np.testing.assert_array_equal(after.v, [-48, 4])  # the threshold of the moment is taken off


@pytest.mark.parametrize(
    ("neuron", "x", "integrator", "order"),
    [
        (snn.Izhikevich, 2.0, snn.Euler(), 1),
        (snn.AdEx, 400.0, snn.Euler(), 1),
        (snn.AdEx, 400.0, snn.ExponentialEuler(), 1),
        (snn.AdaptiveQIF, 0.04, snn.Euler(sequential=True), 1),
        # With one variable, exponential Euler knows the whole Jacobian.
        (snn.ExpIF, 1.5, snn.ExponentialEuler(), 2),
        (snn.QIF, 3.5, snn.ExponentialEuler(), 2),
    ],
)
def test_methods_converge(neuron, x, integrator, order):
    """To the solution of the fourth-order method, over 10 ms without spikes."""

    def end(integrator, dt):
        final, _ = snn.unroll(neuron(dt=dt, integrator=integrator), jnp.full(round(10 / dt), x))
        return final.v

    exact = end(snn.RungeKutta4(), 0.02)
    errors = [abs(end(integrator, dt) - exact) for dt in (0.2, 0.1)]
    np.testing.assert_allclose(errors[0] / errors[1], 2**order, rtol=0.1)


def test_sequential_methods_use_the_new_membrane():
    state = snn.AdEx().init_state(jnp.zeros(()))
    x = jnp.array(1000.0)
    for method in (snn.Euler, snn.ExponentialEuler):
        both = snn.AdEx(integrator=method(), a=40.0).integrate(state, x)
        after = snn.AdEx(integrator=method(sequential=True), a=40.0).integrate(state, x)
        assert both.v == after.v
        assert both.w == 0
        assert after.w > 0
    np.testing.assert_allclose(
        snn.AdEx(integrator=snn.Euler(sequential=True), a=40.0).integrate(state, x).w,
        0.1 / 144 * 40 * (0.1 / 281) * (1000 + 30 * 2 * math.exp(-20.2 / 2)),
        rtol=1e-9,
    )


@pytest.mark.parametrize("reset", [None, snn.SubtractReset(), snn.NoReset()], ids=["own", "soft", "none"])
@pytest.mark.parametrize("neuron", NEURONS)
def test_nothing_overflows(neuron, reset):
    """In float32, over 1e5 random steps with inputs up to 1e3, whatever the reset leaves of the membrane."""
    options = {} if reset is None else {"reset": reset}
    cell = neuron(dt=1.0, **options)
    xs = 1e3 * jr.uniform(jr.key(0), (100_000, 4), jnp.float32, -1.0)

    def record(state, z):
        return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state)]).all()

    _, finite = jax.jit(lambda xs: snn.unroll(cell, xs, record=record))(xs)
    assert finite.all()


@pytest.mark.parametrize(
    ("neuron", "integrator"),
    [
        (snn.Izhikevich, snn.RungeKutta4(substeps=5)),
        (snn.ExpIF, snn.ExponentialEuler()),
        (snn.AdEx, snn.Euler(substeps=20)),
        (snn.QIF, snn.ExponentialEuler()),
        (snn.AdaptiveQIF, snn.Euler(substeps=20)),
    ],
)
def test_runaway_membranes_stop_at_the_peak(neuron, integrator):
    cell = neuron(dt=2.0, reset=snn.NoReset(), integrator=integrator)

    def last(xs):
        state, _ = snn.unroll(cell, xs)
        return state.v

    xs = jnp.full(20, 1e3, jnp.float32)
    assert last(xs) == 1000
    assert jnp.isfinite(jax.jit(jax.grad(last))(xs)).all()


def test_hard_resets_are_exact_in_float32():
    """A membrane that overshoots by a million millivolts would come back with an error of whole millivolts."""
    state, z = snn.ExpIF(dt=1.0)(snn.ExpIF().init_state(jnp.zeros((), jnp.float32)), jnp.array(1e6, jnp.float32))
    assert z == 1
    np.testing.assert_allclose(state.v, -68, atol=1e-4)


@pytest.mark.parametrize(
    ("function", "module"),
    [
        (snn.functional.izhikevich, snn.Izhikevich(a=jnp.array(0.03))),
        (snn.functional.exponential_integrate_and_fire, snn.ExpIF()),
        (snn.functional.adex, snn.AdEx()),
        (snn.functional.quadratic, snn.QIF()),
        (snn.functional.adaptive_quadratic, snn.AdaptiveQIF()),
        (snn.functional.generalised, snn.GIF(a1=jnp.array(1.0))),
    ],
)
def test_function_and_module_are_one(function, module):
    x = jnp.array([0.3, 1e4])
    state = module.init_state(x)
    assert_equal(function(module, state, x), module(state, x))
    fields = SimpleNamespace(**{name: getattr(module, name) for name in module.__dataclass_fields__})
    assert_equal(function(fields, state, x), module(state, x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.Izhikevich(dt=0.0), r"Izhikevich\.dt was given 0\.0.*above 0"),
        (lambda: snn.Izhikevich(b=math.nan), r"Izhikevich\.b was given nan"),
        (lambda: snn.Izhikevich(peak=30.0), r"Izhikevich\.peak was given 30\.0.*above the threshold, 30\.0"),
        (lambda: snn.ExpIF(slope_factor=0.0), r"ExpIF\.slope_factor was given 0\.0"),
        (lambda: snn.ExpIF(threshold=jnp.array([0.0, 2e3])), r"ExpIF\.peak was given 1000.*no spikes"),
        (lambda: snn.AdEx(capacitance=-1.0), r"AdEx\.capacitance was given -1\.0"),
        (lambda: snn.AdEx(peak=math.inf), r"AdEx\.peak was given inf"),
        (lambda: snn.QIF(curvature=-0.1), r"QIF\.curvature was given -0\.1"),
        (lambda: snn.AdaptiveQIF(tau_w=0.0), r"AdaptiveQIF\.tau_w was given 0\.0"),
        (lambda: snn.GIF(k2=0.0), r"GIF\.k2 was given 0\.0"),
        (lambda: snn.GIF(a1=math.inf), r"GIF\.a1 was given inf"),
    ],
)
def test_wrong_constants_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
