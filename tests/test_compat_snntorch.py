"""snntorch's neurons and surrogates: closed numbers of every argument, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import snntorch
from snnjax.compat.snntorch import quant, surrogate

CONSTANT = jnp.full((4, 1), 0.75)


def run(cell, xs=CONSTANT, key=None):
    """The membranes and the spikes of one neuron (or as many as there are inputs)."""

    def record(state, out):
        found = jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "v"))
        return next(s.v for s in found if hasattr(s, "v")), out

    vs, zs = snn.unroll(cell, xs, key=key, record=record)[1]
    return np.squeeze(vs).tolist(), np.squeeze(zs).tolist()


# --- neurons ---


@pytest.mark.parametrize(
    ("options", "vs", "zs"),
    [
        ({}, [0.75, 1.125, 0.3125, 0.90625], [0, 1, 0, 0]),
        ({"reset_mechanism": "zero"}, [0.75, 1.125, 0.75, 1.125], [0, 1, 0, 1]),
        ({"reset_mechanism": "none"}, [0.75, 1.125, 1.3125, 1.40625], [0, 1, 1, 1]),
        # The second reset comes at once; a membrane reset below the threshold is not reset again.
        ({"reset_delay": False}, [0.75, 0.125, 0.8125, 0.15625], [0, 1, 0, 1]),
        ({"reset_delay": False, "reset_mechanism": "zero"}, [0.75, 0.0, 0.75, 0.0], [0, 1, 0, 1]),
        ({"reset_delay": False, "reset_mechanism": "none"}, [0.75, 1.125, 1.3125, 1.40625], [0, 1, 1, 1]),
        ({"threshold": 0.5}, [0.75, 0.625, 0.5625, 0.53125], [1, 1, 1, 1]),
        ({"beta": 1.5}, [0.75, 1.5, 1.25, 1.0], [0, 1, 1, 0]),  # cut to 1
        ({"beta": -1.0}, [0.75, 0.75, 0.75, 0.75], [0, 0, 0, 0]),  # cut to 0
        ({"graded_spikes_factor": 2.5}, [0.75, 1.125, 0.3125, 0.90625], [0, 2.5, 0, 0]),
        ({"state_quant": jnp.round}, [1.0, 1.0, 1.0, 1.0], [0, 0, 0, 0]),
    ],
)
def test_leaky(options, vs, zs):
    assert run(snntorch.Leaky(**{"beta": 0.5, **options})) == (vs, zs)


def test_a_reset_that_overshoots_is_given_back():
    """A membrane that is still above the threshold after its reset is reset twice, then gets one reset back."""
    vs, zs = run(snntorch.Leaky(beta=0.5, reset_delay=False), jnp.array([[2.5], [0.25], [0.0]]))
    # 2.5 fires, 1.5 remains, and is above; 0.75 + 0.25 - 1 = 0 does not fire, and the reset is given back.
    assert (vs, zs) == ([1.5, 1.0, 0.5], [1, 0, 0])


@pytest.mark.parametrize(
    ("reset_mechanism", "vs"),
    [
        ("subtract", [0.75, 1.5, 1.0625, 0.9375]),
        ("zero", [0.75, 1.5, 0.0, 1.40625]),  # takes the new current with it
        ("none", [0.75, 1.5, 2.0625, 2.4375]),
    ],
)
def test_synaptic(reset_mechanism, vs):
    cell = snntorch.Synaptic(alpha=0.5, beta=0.5, reset_mechanism=reset_mechanism)
    seen = snn.unroll(cell, CONSTANT, record=lambda state, out: state)[1]
    assert seen.v[:, 0].tolist() == vs
    assert seen.i[:, 0].tolist() == [0.75, 1.125, 1.3125, 1.40625]


@pytest.mark.parametrize(
    ("circuit", "gain", "decay"),
    [
        ({"R": 2.0, "C": 4.0, "time_step": 0.5}, 0.125, 1 - 0.5 / 8),
        ({"beta": 0.5}, np.log(2), 1 - np.log(2)),
        ({"beta": 0.5, "R": 2.0}, 2 * np.log(2), 1 - np.log(2)),
        ({"beta": 0.5, "C": 4.0, "time_step": 0.5}, 0.125, 1 - np.log(2)),
    ],
)
def test_lapicque(circuit, gain, decay):
    vs, _ = run(snntorch.Lapicque(**circuit, threshold=100.0))
    expected, v = [], 0.0
    for x in (0.75,) * 4:
        v = gain * x + decay * v
        expected.append(v)
    np.testing.assert_allclose(vs, expected, rtol=1e-6)


def test_lapicque_learns_beta():
    """Without R and C both the decay and the gain follow beta, with C only the decay."""

    def last(beta, **circuit):
        return jnp.sum(snn.unroll(snntorch.Lapicque(beta=beta, learn_beta=True, **circuit), CONSTANT)[0][1].v)

    beta = jnp.array(0.5, jnp.float64)
    for circuit, gain in ({}, lambda b: -jnp.log(b)), ({"C": 4.0}, lambda b: 0.25 + 0 * b):

        def closed(b, gain=gain):
            decay = 1 + jnp.log(b)
            return 0.75 * gain(b) * (1 + decay + decay**2 + decay**3)

        np.testing.assert_allclose(jax.grad(last)(beta, **circuit), jax.grad(closed)(beta), rtol=1e-6)


def test_alpha_rises_and_falls():
    cell = snntorch.Alpha(alpha=0.5, beta=0.25, reset_mechanism="none")
    vs, _ = run(cell, jnp.array([[1.0], [0.0], [0.0]]))
    # The gain is log(0.5) / (log(0.25) - log(0.5)) + 1 = 2; the currents cancel in the first step.
    np.testing.assert_allclose(vs, [0.0, 2 * (0.5 - 0.25), 2 * (0.25 - 0.0625)], atol=1e-6)


@pytest.mark.parametrize(
    ("reset_mechanism", "expected"),
    [
        ("zero", (0.0, 0.0, 0.0)),
        # exc = 0.5 * 0.5 - threshold, inh = 0, and the membrane gets what inh was.
        ("subtract", (2 * (0.25 * 4 - 0.0625 * 4) - 1.0, 1.0 - 0.25, 0.0)),
        ("none", (2 * (0.25 * 4 - 0.0625 * 4), 1.0, -0.25)),
    ],
)
def test_alpha_resets(reset_mechanism, expected):
    cell = snntorch.Alpha(alpha=0.5, beta=0.25, threshold=0.25, reset_mechanism=reset_mechanism)
    final, zs = snn.unroll(cell, jnp.array([[4.0], [0.0], [0.0]]))
    assert zs[:, 0].tolist()[:2] == [0, 1]
    np.testing.assert_allclose([final.v[0], final.exc[0], final.inh[0]], expected, atol=1e-6)


def test_recurrent_neurons_hear_their_spikes_one_step_later():
    xs = jnp.array([[1.5], [0.0], [0.0]])
    vs, zs = run(snntorch.RLeaky(beta=0.5, V=2.0, all_to_all=False), xs)
    assert (vs, zs) == ([1.5, 0.75 + 2.0 - 1.0, 0.875 + 2.0 - 1.0], [1, 1, 1])
    vs, _ = run(snntorch.RLeaky(beta=0.5, V=2.0, all_to_all=False, reset_mechanism="zero"), xs)
    assert vs == [1.5, 0.0, 0.0]
    vs, _ = run(snntorch.RSynaptic(alpha=0.5, beta=0.5, V=2.0, all_to_all=False), xs)
    assert vs == [1.5, 0.75 + 0.75 + 2.0 - 1.0, 1.25 + 0.5 * 2.75 + 2.0 - 1.0]


def test_dense_and_convolutional_feedback(getkey):
    cell = snntorch.RLeaky(beta=0.5, linear_features=2, key=getkey())
    weights = [jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.array([0.0, 0.25])]
    cell = eqx.tree_at(lambda c: [c.feedback.weight, c.feedback.bias], cell, weights)
    final, _ = snn.unroll(cell, jnp.array([[0.0, 2.0], [0.0, 0.0]]))
    assert final.cell.v.tolist() == [1.0, 0.5 * 2.25 + 0.25 - 1.0]
    images = snntorch.RSynaptic(0.5, 0.5, conv2d_channels=3, kernel_size=(3, 1), key=getkey())
    assert snn.unroll(images, jnp.ones((2, 3, 5, 4)))[1].shape == (2, 3, 5, 4)
    assert jax.tree.leaves(images.feedback)[0].shape == (3, 3, 3, 1)


def test_reset_delay_of_the_recurrent_ones():
    """As in the library: RLeaky resets at once, RSynaptic does not notice."""
    xs = jnp.array([[1.5], [0.0]])
    assert run(snntorch.RLeaky(0.5, V=0.0, all_to_all=False, reset_delay=False), xs)[0] == [0.5, 0.25]
    late, early = (run(snntorch.RSynaptic(0.5, 0.5, V=0.0, all_to_all=False, reset_delay=d), xs) for d in (True, False))
    assert late == early == ([1.5, 0.75 + 0.75 - 1.0], [1, 0])


def test_delta_leaky_fires_at_changes():
    vs, zs = run(snntorch.DeltaLeaky(0.5, 0.5), jnp.array([[1.0], [0.5], [-1.0]]))
    assert (vs, zs) == ([1.0, 1.0, -0.5], [1, 0, 1])


def test_leaky_parallel_never_falls_below_zero(getkey):
    cell = snntorch.LeakyParallel(1, 1, beta=0.5, threshold=0.5, graded_spikes_factor=3.0, key=getkey())
    cell = eqx.tree_at(lambda c: [c[0].weight, c[0].bias], cell, [jnp.ones((1, 1)), jnp.zeros(1)])
    assert run(cell, jnp.array([[1.0], [-2.0], [0.25]])) == ([1.0, 0.0, 0.25], [3.0, 0.0, 0.0])
    trained = snntorch.LeakyParallel(2, 3, beta=1.5, learn_beta=True, key=getkey())
    assert snn.resolve(trained)[1].decay.tolist() == [1.0, 1.0, 1.0]


def test_slstm_is_an_lstm_with_a_threshold(getkey):
    cell = snntorch.SLSTM(3, 3, threshold=0.1, reset_mechanism="subtract", key=getkey())
    xs = jr.normal(getkey(), (2, 3))
    h, c = cell.lstm(xs[0], (jnp.zeros(3), jnp.zeros(3)))
    expected, _ = cell.lstm(xs[1], (h, c))
    final, _ = snn.unroll(cell, xs)
    np.testing.assert_allclose(final.v, expected - jnp.where(h > 0.1, 0.1, 0.0), rtol=1e-5)


NEURONS = {
    "Leaky": lambda **options: snntorch.Leaky(0.5, **options),
    "Synaptic": lambda **options: snntorch.Synaptic(0.5, 0.5, **options),
    "Lapicque": lambda **options: snntorch.Lapicque(beta=0.5, **options),
    "Alpha": lambda **options: snntorch.Alpha(0.5, 0.25, **options),
    "RLeaky": lambda **options: snntorch.RLeaky(0.5, all_to_all=False, **options),
    "RSynaptic": lambda **options: snntorch.RSynaptic(0.5, 0.5, all_to_all=False, **options),
}
LEARNED = {
    "Leaky": ["beta", "threshold", "graded_spikes_factor"],
    "Synaptic": ["alpha", "beta", "threshold"],
    "Lapicque": ["beta", "threshold"],
    "Alpha": ["alpha", "beta", "threshold"],
    "RLeaky": ["beta", "threshold"],
    "RSynaptic": ["alpha", "beta", "threshold"],
}


@pytest.mark.parametrize("name", NEURONS)
def test_what_is_learned_is_an_array(name):
    def count(**options):
        cell = NEURONS[name](**options)
        return len(jax.tree.leaves(eqx.filter(cell, snn.trainable(cell))))

    none = {"learn_recurrent": False} if name.startswith("R") else {}
    assert count(**none) == 0
    for parameter in LEARNED[name]:
        assert count(**none, **{f"learn_{parameter}": True}) == 1
    if name.startswith("R"):
        assert count() == 1
        frozen = snntorch.RLeaky(0.5, linear_features=3, learn_recurrent=False, key=jr.key(0))
        assert not jax.tree.leaves(eqx.filter(frozen, snn.trainable(frozen)))


@pytest.mark.parametrize("name", NEURONS)
def test_inhibition_lets_one_neuron_fire(name):
    xs = jnp.tile(jnp.array([[1.5, 3.0, 2.5]]), (6, 1))
    free = snn.unroll(NEURONS[name](), xs)[1]
    inhibited = snn.unroll(NEURONS[name](inhibition=True), xs)[1]
    assert free.sum(axis=1).max() > 1
    assert inhibited.sum(axis=1).max() == 1
    with pytest.raises(snn.InputError, match="inhibition was given a membrane of shape"):
        snn.unroll(NEURONS[name](inhibition=True), xs[..., None])


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("option", ["init_hidden", "output"])
def test_calling_styles_are_refused(name, option):
    with pytest.raises(ValueError, match=f"{name} was given {option}=True"):
        NEURONS[name](**{option: True})


@pytest.mark.parametrize("name", NEURONS)
def test_surrogates_and_resets(name):
    xs = jnp.full((5, 1), 0.7)

    def gradient(**options):
        return jax.grad(lambda xs: snn.unroll(NEURONS[name](**options), xs)[1].sum())(xs)

    assert jnp.all(gradient(surrogate_disable=True) == 0)
    assert jnp.any(gradient() != gradient(spike_grad=surrogate.fast_sigmoid()))
    with pytest.raises(ValueError, match="reset_mechanism was given 'soft'"):
        NEURONS[name](reset_mechanism="soft")


def test_no_gradient_passes_through_a_late_reset():
    xs = jnp.array([[1.5], [0.0]])

    def last(xs, **options):
        return snn.unroll(snntorch.Leaky(0.5, **options), xs)[0].v.sum()

    assert jax.grad(last)(xs)[0].item() == 0.5
    assert jax.grad(last)(xs, reset_delay=False)[0].item() != 0.5


@pytest.mark.parametrize(("beta", "slope"), [(-0.1, 0.0), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (1.1, 0.0)])
def test_gradient_of_a_clamped_decay(beta, slope):
    """All of it at the edges, nothing outside."""

    def last(beta):
        return snn.unroll(snntorch.Leaky(beta, learn_beta=True), jnp.array([[1.0], [0.0]]))[0].v.sum()

    assert jax.grad(last)(jnp.array(beta)) == slope


def test_constants_may_be_arrays():
    cell = snntorch.Leaky(beta=jnp.array([1.0, 0.5]), threshold=jnp.array([5.0, 5.0]))
    assert snn.unroll(cell, jnp.ones((2, 2)))[0].v.tolist() == [2.0, 1.5]
    assert not jax.tree.leaves(eqx.filter(cell, snn.trainable(cell)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snntorch.Lapicque(R=1.0), "it takes R and C"),
        (lambda: snntorch.Lapicque(beta=0.5, R=1.0, C=1.0), "it takes R and C"),
        (lambda: snntorch.Lapicque(R=1.0, C=2.0, learn_beta=True), "learns beta only"),
        (lambda: snntorch.Lapicque(beta=1.0), "strictly between 0 and 1"),
        (lambda: snntorch.Alpha(0.5, 0.5), "0 <= beta < alpha <= 1"),
        (lambda: snntorch.Leaky(0.5, inhibition=True, graded_spikes_factor=2.0), "does not scale inhibited spikes"),
        (lambda: snntorch.RLeaky(0.5, key=jr.key(0)), "either the first, or both"),
        (lambda: snntorch.RLeaky(0.5, conv2d_channels=3, key=jr.key(0)), "either the first, or both"),
        (lambda: snntorch.RLeaky(0.5, linear_features=2, kernel_size=3, key=jr.key(0)), "either the first, or both"),
        (lambda: snntorch.RLeaky(0.5, linear_features=2), "was given no key"),
        (lambda: snntorch.RLeaky(0.5, all_to_all=False, linear_features=2), "one weight per neuron"),
        (lambda: snntorch.SLSTM(2, 3, key=jr.key(0)), "equal sizes"),
        (lambda: snntorch.LeakyParallel(2, 3), "was given no key"),
        (lambda: quant.state_quant(multiplier=0.5), "not uniform"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- surrogates and quantisers ---


@pytest.mark.parametrize(
    ("spike", "slopes"),
    [
        (surrogate.atan(2.0), [1 / (1 + np.pi**2), 1.0, 1 / (1 + np.pi**2)]),
        (surrogate.fast_sigmoid(3), [1 / 16, 1.0, 1 / 16]),
        (surrogate.sigmoid(2), [0.2099872, 0.5, 0.2099872]),
        (surrogate.straight_through_estimator(), [1.0, 1.0, 1.0]),
        (surrogate.triangular(0.5), [0.5, -0.5, -0.5]),
        (surrogate.spike_rate_escape(1, 4), [4 * np.exp(-2), 4 * np.exp(-1), 4.0]),
        (surrogate.heaviside(), [0.0, 0.0, 1.0]),
        (surrogate.LSO(0.25), [0.25, 0.25, 1.0]),
        (surrogate.SFS(1, 0.5), [0.0, 0.0, 0.25]),
        (surrogate.SSO(mean=5.0, variance=0.0), [0.0, 0.0, 1.0]),
        (surrogate.custom_surrogate(lambda x, grad, spikes: grad * (x + 2 * spikes)), [-1.0, 0.0, 3.0]),
    ],
)
def test_surrogates(spike, slopes):
    v = jnp.array([-1.0, 0.0, 1.0])
    zs, tangent = jax.jvp(lambda v: spike.fire(v, 0.0), (v,), (jnp.ones(3),))
    assert zs.tolist() == [0, 0, 1]
    np.testing.assert_allclose(tangent, slopes, rtol=1e-5)


def test_sso_draws_its_derivative(getkey):
    spike, v = surrogate.SSO(mean=0.5, variance=0.2), -jnp.ones(1000)
    slopes = jax.grad(lambda v: spike.fire(v, 0.0, key=jr.key(1)).sum())(v)
    assert 0 <= slopes.min() < 0.02  # uniform on [0, 0.2)
    assert 0.18 < slopes.max() <= 0.2
    with pytest.raises(snn.InputError, match="was given no key"):
        spike.fire(v, 0.0)


def test_custom_surrogates_are_equal_by_their_function():
    def function(x, grad, spikes):
        return grad * x + spikes

    assert surrogate.custom_surrogate(function) == surrogate.custom_surrogate(function)


def test_state_quant():
    def rounded(v, **options):
        return quant.state_quant(**options)(jnp.array(v))

    # Four levels: -1, -0.267, 0.467, 1.2.
    np.testing.assert_allclose(rounded([-9.0, -0.6, 0.2, 2.0], num_bits=2), [-1, -0.8 / 3, 1.4 / 3, 1.2], rtol=1e-6)
    np.testing.assert_allclose(rounded([-9.0, 9.0], num_bits=1, threshold=2, lower_limit=0.5), [-3.0, 2.4], rtol=1e-6)
    # Two levels around the threshold, or from zero upwards.
    coarse = {"num_bits": 1, "uniform": False}
    np.testing.assert_allclose(rounded([-9.0, 9.0], **coarse), [-1.0, 1.2], rtol=1e-6)
    at_zero = rounded([-9.0, 9.0], **coarse, thr_centered=False, multiplier=0.5, upper_limit=0.5)
    np.testing.assert_allclose(at_zero, [0.5, 1.5], rtol=1e-6)
    assert jax.grad(quant.state_quant())(jnp.array(0.3)) == 1.0
