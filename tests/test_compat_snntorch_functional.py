"""snntorch's losses, metrics and spike generators: closed numbers of every argument, and what is refused."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat.snntorch import functional, spikegen

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
