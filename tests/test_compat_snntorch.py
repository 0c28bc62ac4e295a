"""snntorch's names: small closed numbers of every argument, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import snntorch
from snnjax.compat.snntorch import functional, quant, spikegen, surrogate

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


# --- losses and accuracies ---

SPIKES = jnp.array([[[1.0, 0.0]], [[1.0, 1.0]]])  # two steps, one example, two classes: it fires 2 and 1
ZERO, ONE = np.array([0]), np.array([1])


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (functional.ce_rate_loss(), (softplus(-1) + softplus(0)) / 2),
        (functional.ce_count_loss(), softplus(-1)),
        (functional.ce_max_membrane_loss(), softplus(0)),
        (functional.ce_temporal_loss(), softplus(-1)),
        (functional.ce_temporal_loss(inverse="reciprocal"), softplus(-0.5)),
        (functional.mse_count_loss(), (0**2 + 1**2) / 2 / 2),
        (functional.mse_count_loss(correct_rate=0.5, incorrect_rate=0.5), (1**2 + 0**2) / 2 / 2),
        (functional.mse_membrane_loss(), (0 + 0 + 0 + 1) / 4),
        (functional.mse_membrane_loss(on_target=2.0, off_target=1.0), (1 + 1 + 1 + 0) / 4),
        (functional.mse_temporal_loss(on_target=1, off_target=0), (0.5**2 + 0.5**2) / 2),
        (functional.mse_temporal_loss(on_target=1, off_target=0, tolerance=1.5), 0.0),
        (functional.mse_temporal_loss(), (0 + 0.5**2) / 2),  # all targets are zero, as there
    ],
)
def test_losses(loss, expected):
    np.testing.assert_allclose(loss(SPIKES, ZERO), expected, rtol=1e-6)


TWO = jnp.concatenate([SPIKES, SPIKES], axis=1)
BOTH = np.array([0, 1])


@pytest.mark.parametrize("name", ["ce_rate_loss", "ce_count_loss", "ce_max_membrane_loss", "ce_temporal_loss"])
def test_reductions_and_weights_of_cross_entropies(name):
    make = getattr(functional, name)
    each = make(reduction="none")(TWO, BOTH)
    assert each.shape == (2,)
    np.testing.assert_allclose(make()(TWO, BOTH), each.mean(), rtol=1e-6)
    np.testing.assert_allclose(make(reduction="sum")(TWO, BOTH), each.sum(), rtol=1e-6)
    weight = jnp.array([1.0, 3.0])
    weighted = each * weight
    by_examples = name != "ce_temporal_loss"
    mean, total = (weighted.mean(), weighted) if by_examples else (weighted.sum() / 4, weighted.sum())
    np.testing.assert_allclose(make(weight=weight)(TWO, BOTH), mean, rtol=1e-6)
    np.testing.assert_allclose(make(weight=weight, reduction="sum")(TWO, BOTH), total, rtol=1e-6)


@pytest.mark.parametrize("name", ["mse_count_loss", "mse_membrane_loss", "mse_temporal_loss"])
def test_reductions_and_weights_of_squared_errors(name):
    make = getattr(functional, name)
    each = make(reduction="none")(TWO, BOTH)
    assert each.shape == (2, 2)
    np.testing.assert_allclose(make()(TWO, BOTH), each.mean(), rtol=1e-6)
    np.testing.assert_allclose(make(reduction="sum")(TWO, BOTH), each.sum(), rtol=1e-6)
    weight = jnp.array([1.0, 3.0])
    np.testing.assert_allclose(make(weight=weight)(TWO, BOTH), (each * weight[None]).mean(), rtol=1e-6)
    with pytest.raises(ValueError, match="take equal numbers"):
        make(weight=weight)(jnp.concatenate([TWO, SPIKES], axis=1), np.array([0, 1, 1]))


def test_population_codes():
    zs = jnp.zeros((3, 1, 4)).at[:, 0, 1].set(1).at[0, 0, 2].set(1)  # the classes fire 3 and 1
    pooled = {"population_code": True, "num_classes": 2}
    np.testing.assert_allclose(functional.ce_count_loss(**pooled)(zs, ZERO), softplus(-2), rtol=1e-6)
    np.testing.assert_allclose(functional.mse_count_loss(**pooled)(zs, ZERO), (3**2 + 1) / 2 / 3, rtol=1e-6)
    assert functional.accuracy_rate(zs, ZERO, **pooled) == 1.0
    assert functional.accuracy_rate(zs, ZERO) == 0.0
    # The rates weight the first half of the outputs by the first number.
    plain = functional.ce_rate_loss()(zs, ZERO)
    weighted = functional.ce_rate_loss(**pooled, weight=jnp.array([2.0, 5.0]))
    np.testing.assert_allclose(weighted(zs, ZERO), 2 * plain, rtol=1e-6)
    with pytest.raises(ValueError, match="it takes a divisor"):
        functional.ce_count_loss(population_code=True, num_classes=3)(zs, ZERO)


def test_targets_that_vary_in_time():
    vs = jnp.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
    loss = functional.mse_membrane_loss(time_var_targets=True, reduction="none")
    assert loss(vs, BOTH).tolist() == [[0.0, 0.0], [0.5, 0.5]]
    with pytest.raises(ValueError, match="a target per step"):
        loss(vs, ZERO)


def test_gradient_of_spike_times():
    """-1 at the first spike, for silence at the last step."""
    zs = jnp.zeros((4, 1, 2)).at[1, 0, 0].set(1.0)
    loss = functional.mse_temporal_loss(target_is_time=True, reduction="sum")
    gradient = jax.grad(loss)(zs, jnp.array([[0, -4]]))
    expected = np.zeros((4, 1, 2))
    expected[1, 0, 0], expected[3, 0, 1] = -2 * 1 / 16, -2 * 3 / 16
    np.testing.assert_allclose(gradient, expected)


def test_several_spikes_per_neuron():
    zs = jnp.zeros((5, 1, 1)).at[jnp.array([0, 2]), 0, 0].set(1.0)
    loss = functional.mse_temporal_loss(on_target=[0, 1, 1], off_target=[0, 0, 0], multi_spike=True, reduction="none")
    # The times are 0, 2, and the last step; steps that are taken by one neuron are taken for all.
    np.testing.assert_allclose(loss(zs, ZERO)[:, 0, 0], np.array([0, 1, 9]) / 25, atol=1e-6)
    two = jnp.concatenate([zs, zs.at[0].set(0)], axis=1)
    seen = functional.mse_temporal_loss(target_is_time=True, multi_spike=True, reduction="none")(
        two, jnp.zeros((2, 2, 1))
    )
    np.testing.assert_allclose(seen[..., 0], np.array([[0, 4], [16, 16]]) / 25, atol=1e-6)


def test_accuracies_and_sparsity():
    assert functional.accuracy_rate(SPIKES, ZERO) == 1.0
    assert functional.accuracy_temporal(SPIKES[::-1], ONE) == 0.0  # both fire at once: the first counts
    assert functional.accuracy_temporal(SPIKES, ONE) == 0.0
    np.testing.assert_allclose(functional.l1_rate_sparsity(Lambda=0.5)(SPIKES), 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: functional.ce_count_loss(reduction="max"), "'mean', 'sum' or 'none'"),
        (lambda: functional.ce_count_loss(population_code=True), "both or neither"),
        (lambda: functional.mse_count_loss(num_classes=3), "both or neither"),
        (lambda: functional.ce_rate_loss(population_code=True, num_classes=2), "two weights"),
        (lambda: functional.ce_temporal_loss(inverse="log"), "'negate' or 'reciprocal'"),
        (lambda: functional.mse_temporal_loss(multi_spike=True), "two lists of one length"),
        (lambda: functional.mse_temporal_loss(on_target=[1], off_target=[0, 1], multi_spike=True), "of one length"),
        (lambda: functional.mse_temporal_loss(target_is_time=True)(SPIKES, np.zeros((1, 3))), "target times of shape"),
        (lambda: functional.ce_count_loss()(SPIKES, np.array([2])), "there are 2 classes"),
    ],
)
def test_refused_losses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- spike generators ---

HALF = jnp.array([[0.0, 0.5, 1.0]])


def test_rate(getkey):
    zs = spikegen.rate(HALF, 2000, gain=0.8, offset=0.1, first_spike_time=3, key=getkey())
    assert zs.shape == (2000, 1, 3)
    assert not zs[:3].any()
    expected = np.array([0.1, 0.5, 0.9]) * 1997
    assert np.all(np.abs(zs.sum(axis=(0, 1)) - expected) < 5 * np.sqrt(1997 * 0.25))
    # Cut to [0, 1], and as it is with a time axis.
    assert spikegen.rate(jnp.array([-3.0, 7.0]), 2, key=getkey()).tolist() == [[0, 1], [0, 1]]
    trains = spikegen.rate(jnp.array([[0.0], [1.0]]), time_var_input=True, first_spike_time=1, key=getkey())
    assert trains.tolist() == [[0], [0], [1]]
    assert spikegen.rate_conv(jnp.array([0.0, 1.0]), key=getkey()).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 1, 0, 0]),
        ({"threshold": 0.25}, [1, 1, 0, 0]),
        ({"padding": True}, [0, 1, 0, 0]),
        ({"padding": True, "threshold": 0.25}, [0, 1, 0, 0]),
        ({"off_spike": True}, [0, 1, -1, 0]),
    ],
)
def test_delta(options, expected):
    data = jnp.array([0.25, 0.75, 0.25, 0.25])
    assert spikegen.delta(data, **{"threshold": 0.5, **options}).tolist() == expected


def test_latency_codes():
    data = jnp.array([1.0, 0.5, 0.0])
    times, below = spikegen.latency_code(data, threshold=0.25, tau=4, linear=True, first_spike_time=1)
    assert times.tolist() == [1.0, 3.0, 4.0]
    assert below.tolist() == [False, False, True]
    assert spikegen.latency_code_linear(data, 9, threshold=0.25, normalize=True).tolist() == [0.0, 4.0, 6.0]
    logarithmic = spikegen.latency_code_log(data, threshold=0.25, tau=2.0, epsilon=0.25)
    np.testing.assert_allclose(logarithmic, 2 * np.log([4 / 3, 2, 2]), rtol=1e-6)
    stretched = spikegen.latency_code_log(data, 11, threshold=0.25, epsilon=0.25, normalize=True, first_spike_time=2)
    np.testing.assert_allclose(stretched, [2 + 8 * np.log(4 / 3) / np.log(2), 10, 10], rtol=1e-6)


def test_latency():
    data, linear = jnp.array([1.0, 0.5, 0.0]), {"linear": True, "threshold": 0.25, "tau": 4}
    assert spikegen.latency(data, 4, **linear).argmax(axis=0).tolist() == [0, 2, 3]
    assert spikegen.latency(data, 4, **linear, clip=True).sum(axis=0).tolist() == [1, 1, 0]
    assert spikegen.latency(data, 3, **linear, bypass=True).sum(axis=0).tolist() == [1, 1, 0]
    assert spikegen.latency(data, **linear, bypass=True).shape == (4, 3)
    levels = spikegen.latency(data, 4, **linear, on_target=2.0, off_target=0.5)
    assert levels[:, 1].tolist() == [0.5, 0.5, 2.0, 0.5]
    ramps = spikegen.latency(data, 4, **linear, interpolate=True, on_target=2, off_target=1)
    assert ramps[:, 1].tolist() == [1.0, 1.5, 2.0, 1.0]
    assert ramps[:, 0].tolist() == [2.0, 1.0, 1.0, 1.0]


def test_latency_under_a_transformation_is_nan_where_it_would_raise():
    def encode(data):
        return spikegen.latency(data, 3, linear=True, threshold=0.25, tau=4)

    assert jnp.isnan(jax.jit(encode)(jnp.array([1.0, 0.0, 2.0]))).all(axis=0).tolist() == [False, True, True]


def test_one_hot():
    one_hot = spikegen.to_one_hot(np.array([2, 0]), 3)
    assert one_hot.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert spikegen.to_one_hot_inverse(one_hot).tolist() == [[1, 1, 0], [0, 1, 1]]
    assert spikegen.from_one_hot(one_hot[0]).tolist() == [2]
    assert jnp.isnan(jax.jit(spikegen.to_one_hot, static_argnums=1)(jnp.array([3, 0]), 3)[0]).all()


def test_target_rates(getkey):
    labels = np.array([1])
    assert spikegen.targets_rate(labels, 2).tolist() == [[0, 1]]
    assert spikegen.targets_rate(labels, 2, on_target=3, off_target=1).tolist() == [[1, 3]]
    assert spikegen.targets_rate(labels, 2, on_target=0, off_target=-1).tolist() == [[0, 0]]  # as there
    assert spikegen.targets_rate(labels, 2, on_target=-1, off_target=2).tolist() == [[2, -1]]
    late = spikegen.targets_rate(labels, 2, num_steps=3, first_spike_time=1, off_target=-1)
    assert late[:, 0].tolist() == [[-1, -1], [0, 1], [0, 1]]
    slow = spikegen.targets_rate(labels, 2, num_steps=4, correct_rate=0.5, incorrect_rate=0.25)
    assert slow[:, 0].T.tolist() == [[1, 0, 0, 0], [1, 0, 1, 0]]
    ramps = spikegen.targets_rate(labels, 2, num_steps=4, correct_rate=0.5, interpolate=True, first_spike_time=1)
    assert ramps[:, 0, 1].tolist() == [0, 1, 0, 1]
    assert spikegen.rate_interpolate(np.array([0, 3]), 5, 2, 1).tolist() == [2, 1, 1.5, 2, 1]
    for pattern in ("uniform", "poisson"):
        options = {"num_steps": 400, "correct_rate": 0.5, "firing_pattern": pattern, "first_spike_time": 100}
        drawn = spikegen.targets_rate(labels, 2, **options, key=getkey())[:, 0, 1]
        assert not drawn[:100].any()
        assert 80 < drawn.sum() < 200
        with pytest.raises(snn.InputError, match="no key"):
            spikegen.targets_rate(labels, 2, **options)


def test_targets_convert():
    labels, options = np.array([1]), {"num_steps": 5, "normalize": True, "linear": True, "threshold": 0.25}
    times = spikegen.targets_convert(labels, 2, code="latency", correct_rate=1, **options)
    assert times[:, 0].argmax(axis=0).tolist() == [3, 0]
    assert spikegen.targets_convert(labels, 2, on_target=3, tau=1).tolist() == [[0, 3]]
    wide = spikegen.targets_latency(labels, 2, **options, on_target=3, first_spike_time=1)
    assert wide[:, 0].max(axis=0).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spikegen.rate(HALF, key=jr.key(0)), "rate was given no num_steps"),
        (lambda: spikegen.rate(HALF, 3), "no key"),
        (lambda: spikegen.rate(HALF, 3, first_spike_time=3, key=jr.key(0)), "first_spike_time < num_steps"),
        (lambda: spikegen.rate(HALF, 3, time_var_input=True, key=jr.key(0)), "takes none of them"),
        (lambda: spikegen.rate(HALF, gain=2, time_var_input=True, key=jr.key(0)), "takes none of them"),
        (lambda: spikegen.latency(HALF), "it takes num_steps"),
        (lambda: spikegen.latency(HALF, 3, threshold=1.0), "0 < threshold < 1"),
        (lambda: spikegen.latency(HALF, 3, tau=50), "beyond the last of 3 steps"),
        (lambda: spikegen.latency(2 * HALF, 3, normalize=True), "outside \\[0, 1\\]"),
        (lambda: spikegen.latency(HALF, 9, clip=True, interpolate=True), "one of them"),
        (lambda: spikegen.latency_interpolate(HALF, 3, 0, 1), "Swap them"),
        (lambda: spikegen.to_one_hot(np.array([3]), 3), "there are 3 classes"),
        (lambda: spikegen.targets_rate(ONE, 2, correct_rate=0.1, incorrect_rate=0.2), "incorrect_rate <= correct_rate"),
        (lambda: spikegen.targets_rate(ONE, 2, correct_rate=0.5), "no num_steps"),
        (lambda: spikegen.target_rate_code(3, firing_pattern="bursts"), "'regular', 'uniform' or 'poisson'"),
        (lambda: spikegen.targets_convert(ONE, 2, code="phase"), "'rate' or 'latency'"),
        (lambda: spikegen.targets_convert(ONE, 2, tau=2.0), "tau=2.0 for code='rate'"),
        (lambda: spikegen.targets_convert(ONE, 2, code="latency", num_steps=9, on_target=2), "on_target=2 for code"),
    ],
)
def test_refused_spike_generators(make, message):
    with pytest.raises(ValueError, match=message):
        make()
