"""The neurons and synapses of `brainpy.state`, against its equations written out by hand."""

import inspect

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import brainpy as bp

N, DT = 3, 0.5
SIGMOID = bp.surrogate.Sigmoid(4.0)


def drive(steps=40, mean=2.0, deviation=3.0):
    return np.asarray(mean + deviation * jr.normal(jr.key(3), (steps, N)))


def exponential_euler(v, rate, derivative):
    """`v' = rate`, with the derivative of the rate by `v`."""
    return v + rate * np.expm1(DT * derivative) / derivative


# Generators of (membrane, spikes) per step. Resets come first, from the stored membrane.


def lif(xs, spk_reset, tau_ref=None):
    v, last = np.full(N, 0.1), np.full(N, -1e7)
    for step, x in enumerate(xs):
        z = (v >= 1.0) * 1.0
        v = v - z * ((1.0 if spk_reset == "soft" else v) - -0.2)
        moved = exponential_euler(v, (0.1 - v + 1.5 * x) / 5.0, -1 / 5.0)
        held = step * DT - last < (0.0 if tau_ref is None else tau_ref)
        v = np.where(held, v, moved)
        z = (v >= 1.0) * 1.0
        last = np.where(z > 0, step * DT, last)
        yield v, z


def alif(xs, spk_reset):
    v, a = np.full(N, 0.1), np.zeros(N)
    for x in xs:
        z = (v >= 1.0 + 0.3 * a) * 1.0
        v, a = v - z * ((1.0 if spk_reset == "soft" else v) - -0.2), a + z
        v = exponential_euler(v, (0.1 - v + 1.5 * x) / 5.0, -1 / 5.0)
        a = a * np.exp(-DT / 20.0)
        yield v, (v >= 1.0 + 0.3 * a) * 1.0


def coba(xs, spk_reset):
    v, g = np.full(N, 0.1), np.zeros(N)
    for x in xs:
        z = (v >= 1.0) * 1.0
        v = v - z * ((1.0 if spk_reset == "soft" else v) - -0.2)
        g = g * np.exp(-DT / 3.0) + 0.1 * x
        v = exponential_euler(v, (0.1 - v + 1.5 * g * (4.0 - v)) / 5.0, -(1 + 1.5 * g) / 5.0)
        yield v, (v >= 1.0) * 1.0


def izhikevich(xs, spk_reset):
    v, u = np.full(N, -65.0), np.zeros(N)
    for x in xs:
        z = (v >= 30.0) * 1.0
        v, u = np.where(z > 0, -60.0, v), u + 6.0 * z
        v = exponential_euler(v, 0.04 * v**2 + 5 * v + 140 - u + 5 * x, 0.08 * v + 5)
        u = exponential_euler(u, 0.03 * (0.2 * v - u), -0.03)
        yield v, (v >= 30.0) * 1.0


_LIF = {"R": 1.5, "tau": 5.0, "V_reset": -0.2, "V_rest": 0.1, "V_initializer": 0.1, "dt": DT}
NEURONS = {
    "LIF": (lambda spk_reset: bp.LIF(N, **_LIF, spk_reset=spk_reset), lif, 1.0),
    "LIFRef": (
        lambda spk_reset: bp.LIFRef(N, tau_ref=1.5, **_LIF, spk_reset=spk_reset),
        lambda xs, spk_reset: lif(xs, spk_reset, 1.5),
        1.0,
    ),
    "ALIF": (lambda spk_reset: bp.ALIF(N, beta=0.3, tau_a=20.0, **_LIF, spk_reset=spk_reset), alif, 1.0),
    "CobaLIF": (lambda spk_reset: bp.CobaLIF(N, E=4.0, tau_syn=3.0, **_LIF, spk_reset=spk_reset), coba, 0.1),
    "Izhikevich": (lambda spk_reset: bp.Izhikevich(N, 0.03, c=-60.0, d=6.0, dt=DT), izhikevich, 5.0),
}


@pytest.mark.parametrize(
    ("name", "spk_reset"),
    [
        ("LIF", "hard"),
        ("LIFRef", "soft"),
        ("LIFRef", "hard"),
        ("ALIF", "soft"),
        ("CobaLIF", "soft"),
        ("Izhikevich", ""),
    ],
)
def test_equations(name, spk_reset):
    make, equations, scale = NEURONS[name]
    xs = drive()
    _, (states, zs) = snn.unroll(make(spk_reset), jnp.asarray(scale * xs), record=lambda state, out: (state, out))
    vs = getattr(states, "state", states).v
    vs_wanted, zs_wanted = map(np.stack, zip(*equations(xs, spk_reset), strict=True))
    assert 0 < zs_wanted.sum() < zs_wanted.size
    np.testing.assert_array_equal(zs, zs_wanted)
    np.testing.assert_allclose(vs, vs_wanted, rtol=1e-8)


@pytest.mark.parametrize("name", ["HH", "HindmarshRose"])
def test_a_spike_is_a_rising_edge(name):
    """One spike where the membrane passes the threshold, none while it stays above."""
    neuron = getattr(bp, name)(1, dt=0.05)
    start = neuron.init_state()
    xs = jnp.full((60, 1), 500.0 if name == "HH" else 5.0)
    _, (vs, zs) = snn.unroll(neuron, xs, record=lambda state, out: (state.v, out))
    above = (np.concatenate([start.v, vs.ravel()]) >= neuron.cell.threshold) * 1.0
    np.testing.assert_array_equal(zs.ravel(), above[1:] * (1 - above[:-1]))
    assert 1 <= zs.sum() < above.sum()


def _with(state, v):
    return type(state)(**{**{name: getattr(state, name) for name in state.__dataclass_fields__}, "v": v})


def test_the_edge_has_two_gradients():
    """`H(v) (1 - H(v before))`: a spike before takes the spike of now, and its gradient."""
    neuron = bp.FitzHughNagumo(1, V_th=1.0, spk_fun=SIGMOID, dt=0.1)
    state = neuron.init_state()

    def out(v):
        return neuron.update(_with(state, v), jnp.zeros(1))[1].sum()

    low, high = jnp.array([0.9]), jnp.array([1.2])
    assert jax.grad(out)(high) < 0
    assert jax.grad(out)(low) > 0


def test_the_surrogate_hears_the_scaled_voltage():
    neuron = bp.LIF(1, V_th=3.0, V_reset=1.0, spk_fun=SIGMOID)
    state = neuron.init_state()
    slope = jax.grad(lambda v: neuron.get_spike(_with(state, v)).sum())(jnp.array([2.5]))
    s = 1 / (1 + np.exp(1.0))  # (2.5 - 3) / (3 - 1) = -1 / 4
    assert slope.item() == pytest.approx(4 * s * (1 - s) / 2)


def test_a_hard_reset_detaches_the_membrane_it_subtracts():
    def after(v):
        state, _ = neuron.update(_with(neuron.init_state(), v), jnp.zeros(1))
        return state.v.sum()

    neuron = bp.LIF(1, tau=1e9, spk_reset="hard", spk_fun=bp.surrogate.LeakyRelu(0.0, 2.0))
    # v - z (stop(v) - 0) at v = 1.5, with the slope 2: 1 - 2 * 1.5.
    assert jax.grad(after)(jnp.array([1.5])).item() == pytest.approx(-2.0)


@pytest.mark.parametrize("edge", [False, True])
def test_states_are_values(edge):
    neuron = bp.FitzHughNagumo((2, 3)) if edge else bp.LIF((2, 3), V_initializer=0.5)
    state = neuron.init_state(batch_size=4)
    assert state.v.shape == (4, 2, 3)
    assert neuron.init_state().v.shape == (2, 3)
    assert neuron.init_state(jnp.zeros((2, 3), jnp.float32)).v.dtype == jnp.float32
    assert neuron.reset_state(4).v.shape == (4, 2, 3)
    assert neuron.get_spike(state).shape == (4, 2, 3)
    after, z = neuron.update(state, jnp.zeros((4, 2, 3)))
    assert z.shape == after.v.shape
    with pytest.raises(ValueError, match=r"in_size=\(2, 3\)\) was given an input of shape \(3,\)"):
        neuron.init_state(jnp.zeros(3))


def test_initializers():
    drawn = bp.LIF(4, V_initializer=lambda key, shape: jr.uniform(key, shape))
    assert jnp.unique(drawn.init_state(batch_size=2, key=jr.key(0)).v).size == 8
    with pytest.raises(ValueError, match=r"initializer of v was given no key;.*takes a PRNG key"):
        drawn.init_state()
    given = bp.CubaLIF(2, R=2.0, g_initializer=jnp.array([1.0, 2.0])).init_state()
    assert given.i.tolist() == [2.0, 4.0]


def test_a_subclass():
    class Counter(bp.Neuron):
        V_th: float = 2.0

        def init_state(self, x=None, *, batch_size=None, key=None):
            return self.zeros(x, batch_size)

        def get_spike(self, state):
            return self.spk_fun((state - self.V_th) / self.V_th)

        def update(self, state, x):
            z = self.get_spike(state + x)
            return (state + x) * (1 - z), z

    counter = Counter(1, spk_reset="hard", name="counter")
    assert snn.unroll(counter, jnp.ones((4, 1)))[1].ravel().tolist() == [0.0, 1.0, 0.0, 1.0]
    assert counter.reset_state(3).shape == (3, 1)
    assert counter.varshape == (1,)


class Quantity:
    """As in pint: a number in a unit, and a conversion."""

    def __init__(self, magnitude, unit):
        self.magnitude, self.unit = magnitude, unit

    def to(self, unit):
        factors = {"ms": 1.0, "s": 1e3, "mV": 1.0, "V": 1e3}
        return Quantity(self.magnitude * factors[self.unit] / factors[unit], unit)


def test_quantities_are_converted():
    a = bp.LIF(2, tau=Quantity(0.02, "s"), V_th=Quantity(0.001, "V"), dt=Quantity(0.5, "ms"))
    b = bp.LIF(2, tau=20.0, V_th=1.0, dt=0.5)
    xs = jnp.asarray(drive()[:, :2])
    np.testing.assert_allclose(snn.unroll(a, xs)[0].v, snn.unroll(b, xs)[0].v)
    a, b = bp.Expon(2, tau=Quantity(0.008, "s")), bp.Expon(2, tau=8.0)
    np.testing.assert_allclose(snn.unroll(a, xs)[1], snn.unroll(b, xs)[1])


# Every argument of a constructor does something, or is refused.
CONSTANTS = {
    "ALIF": {"a_initializer": 0.1},
    "AdExIFRef": {"V_initializer": -58.0},
    "GifRef": {"I1_initializer": 0.2, "I2_initializer": 0.2},
    "MorrisLecar": {"V_initializer": -20.0},
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_constant_does_something(name):
    """Of the dynamics: `V_th`, resets and periods are in the tests above."""
    make = getattr(bp, name)
    of_spikes = {"V_th", "V_reset", "tau_ref", "b", "d", "c", "beta", "R1", "R2", "A1", "A2", "V_th_reset", "k1", "k2"}
    others = {"in_size", "spk_fun", "spk_reset", "name", "ref_var"}
    defaults = {key: p.default for key, p in inspect.signature(make).parameters.items()}
    defaults |= CONSTANTS[name]
    values = {key: value for key, value in defaults.items() if key not in others | of_spikes}

    @jax.jit
    def end(values):
        neuron = make(1, **values)
        state = neuron.init_state()
        for _ in range(3):
            state, _ = neuron.update(state, jnp.full(1, 0.5))
        return jnp.stack([leaf.sum() for leaf in jax.tree.leaves(getattr(state, "state", state))])

    with_gradient = jax.jacfwd(end)({key: jnp.asarray(float(value)) for key, value in values.items()})
    assert {key for key, gradient in with_gradient.items() if not gradient.any()} == set()


def pulse_synapse(xs, alpha, beta, T, steps):
    g, age, out = 0.0, 99, []
    for x in xs:
        age = 0 if x else age + 1
        a = alpha * T * (age < steps)
        g = exponential_euler(g, a * (1 - g) - beta * g, -(a + beta))
        out.append(g)
    return out


def test_receptors():
    xs = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    found = snn.unroll(bp.AMPA(1, alpha=1.1, beta=0.3, T=0.6, T_dur=1.2, dt=DT), jnp.asarray(xs)[:, None])[1]
    np.testing.assert_allclose(found.ravel(), pulse_synapse(xs, 1.1, 0.3, 0.6, 3), rtol=1e-12)
    found = snn.unroll(bp.GABAa(1, dt=DT), jnp.asarray(xs)[:, None])[1]
    np.testing.assert_allclose(found.ravel(), pulse_synapse(xs, 0.53, 0.18, 1.0, 2), rtol=1e-12)
    g, wanted = 0.0, []
    for bound in pulse_synapse(xs, 1.0, 0.5, 1.0, 1):
        g = exponential_euler(g, 2.0 * bound * (1 - g) - 0.01 * g, -(2.0 * bound + 0.01))
        wanted.append(g)
    np.testing.assert_allclose(
        snn.unroll(bp.BioNMDA(1, dt=DT), jnp.asarray(xs)[:, None])[1].ravel(), wanted, rtol=1e-12
    )


def test_currents():
    impulse = jnp.zeros((400, 1)).at[0].set(1.0)
    decaying = snn.unroll(bp.Expon(1, tau=4.0, dt=DT), impulse)[1].ravel()
    np.testing.assert_allclose(decaying, np.exp(-np.arange(400) * DT / 4.0), rtol=1e-9)
    double = bp.DualExpon(1, tau_decay=6.0, tau_rise=1.5, amplitude=2.0, normalize=False, dt=DT)
    t = np.arange(400) * DT
    np.testing.assert_allclose(
        snn.unroll(double, impulse)[1].ravel(), 2 * (np.exp(-t / 6) - np.exp(-t / 1.5)), rtol=1e-9, atol=1e-12
    )
    fine = snn.unroll(bp.DualExpon(1, tau_decay=6.0, tau_rise=1.5, dt=0.01), jnp.zeros((600, 1)).at[0].set(1.0))[1]
    assert fine.max() == pytest.approx(1.0, abs=1e-4)
    g, h, wanted = 0.0, 0.0, []
    for x in impulse.ravel().tolist():
        g, h = g * np.exp(-DT / 3) + h * -np.expm1(-DT / 3), h * np.exp(-DT / 3) + x
        wanted.append(g)
    np.testing.assert_allclose(
        snn.unroll(bp.Alpha(1, tau=3.0, dt=DT), impulse)[1].ravel(), wanted, rtol=1e-9, atol=1e-12
    )


def test_plasticity():
    """A spike hears the resources of this step, and takes from those of the step before."""
    xs = np.array([1.0, 0.0, 1.0, 1.0])
    recover, forget, alone, both = np.exp(-DT / 50.0), np.exp(-DT / 80.0), [], []
    x, u, r = 1.0, 0.3, 1.0
    for z in xs:
        recovered = 1 - (1 - x) * recover
        alone.append(z * recovered)
        x = recovered - z * 0.3 * x
        u, recovered = u * forget + z * 0.3 * (1 - u), 1 - (1 - r) * recover
        both.append(z * u * recovered)
        r = recovered - z * u * r
    found = snn.unroll(bp.STD(1, tau=50.0, U=0.3, dt=DT), jnp.asarray(xs)[:, None])[1]
    np.testing.assert_allclose(found.ravel(), alone, rtol=1e-9)
    synapse = bp.STP(1, U=0.3, tau_f=80.0, tau_d=50.0, dt=DT)
    np.testing.assert_allclose(snn.unroll(synapse, jnp.asarray(xs)[:, None])[1].ravel(), both, rtol=1e-9)
    start = synapse.variables(synapse.init_state())
    assert (start["u"].item(), start["x"].item()) == (0.3, 1.0)


def test_outputs():
    g, v = jnp.array([0.5]), jnp.array([-20.0])
    assert bp.COBA(10.0)(g, v).item() == 15.0
    assert bp.CUBA(3.0)(g, v).item() == 1.5
    block = 1 + 1.1 / 3.4 * np.exp(0.06 * (2.0 + 20.0))
    assert bp.MgBlock(5.0, 1.1, 0.06, 3.4, 2.0)(g, v).item() == pytest.approx(0.5 * 25.0 / block)


def test_surrogates_fire_at_zero():
    for name in ("Sigmoid", "Arctan", "ReluGrad", "SlayerGrad", "InvSquareGrad", "GaussianGrad", "S2NN"):
        assert getattr(bp.surrogate, name)()(jnp.array([-0.1, 0.0, 0.1])).tolist() == [0, 1, 1]
    relu = jax.grad(lambda x: bp.surrogate.ReluGrad(0.3, 2.0)(x).sum())(jnp.array([0.5, 3.0]))
    np.testing.assert_allclose(relu, [0.3 * 1.5, 0.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.LIF(3, spk_reset="none"), "spk_reset was given 'none'; it takes 'soft' or 'hard'"),
        (lambda: bp.LIF(0), "in_size was given 0; it takes sizes of at least 1"),
        (lambda: bp.HH(3, spk_reset="hard"), "given 'hard'; this neuron has no reset, and it takes the default"),
        (lambda: bp.ExpIFRef(3, ref_var=True), "ref_var was given True;.*takes False. Compute it"),
        (lambda: bp.surrogate.S2NN(epsilon=0.1), "given epsilon=0.1;.*takes small values"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
