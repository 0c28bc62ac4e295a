import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from snnjax import decode, losses

READOUTS = {
    losses.cross_entropy_count: decode.count,
    losses.cross_entropy_rate: decode.rate,
    losses.cross_entropy_max_membrane: decode.max_membrane,
    losses.cross_entropy_sum_membrane: decode.sum_membrane,
}
every_readout = pytest.mark.parametrize("loss", list(READOUTS), ids=lambda f: f.__name__)


def draw(shape, dtype="float64", seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def reference(logits, label, smoothing=0.0):
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.exp(logits).sum())
    target = np.full(logits.size, smoothing / logits.size)
    target[label] += 1 - smoothing
    return -(target * log_p).sum()


# cross_entropy


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scalar_of_the_same_dtype(dtype):
    ys, mask = jax.ShapeDtypeStruct((7, 5), dtype), jax.ShapeDtypeStruct((7,), bool)
    out = [jax.eval_shape(lambda ys: losses.rate_bounds(ys, 0, 0.5), ys)]
    for smoothing in (0, 0.1):
        loss = functools.partial(losses.cross_entropy, smoothing=smoothing)
        out += [jax.eval_shape(loss, jax.ShapeDtypeStruct((5,), dtype), 2)]
        for of_sequence in READOUTS:
            loss = functools.partial(of_sequence, smoothing=smoothing)
            out += [jax.eval_shape(loss, ys, 2), jax.eval_shape(loss, ys, 2, mask)]
    assert all(loss.dtype == dtype and loss.shape == () for loss in out)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0])
def test_cross_entropy_equals_numpy(smoothing):
    logits = draw((5,))
    for label in range(5):
        loss = losses.cross_entropy(logits, label, smoothing=smoothing)
        np.testing.assert_allclose(loss, reference(logits, label, smoothing), 1e-14)


def test_cross_entropy_closed_forms():
    np.testing.assert_allclose(losses.cross_entropy(jnp.zeros(7), 3), np.log(7), 1e-15)
    np.testing.assert_allclose(losses.cross_entropy(jnp.zeros(7), 3, smoothing=0.5), np.log(7))
    # Large logits overflow exp, and must not matter.
    np.testing.assert_allclose(losses.cross_entropy(jnp.array([1e4, 0.0]), 1), 1e4)
    assert losses.cross_entropy(jnp.array([1e4, 0.0]), 0) == 0


def test_cross_entropy_gradient_is_softmax_minus_target():
    logits = draw((4,))
    gradient = jax.grad(lambda logits: losses.cross_entropy(logits, 2, smoothing=0.2))
    expected = jax.nn.softmax(logits) - np.array([0.05, 0.05, 0.85, 0.05])
    np.testing.assert_allclose(jax.jit(gradient)(logits), expected, 1e-14)


def test_a_class_may_be_ruled_out():
    logits = jnp.array([0.0, -jnp.inf, 0.0])
    loss, gradient = jax.value_and_grad(losses.cross_entropy)(logits, 0)
    np.testing.assert_allclose(loss, np.log(2))
    np.testing.assert_allclose(gradient, [-0.5, 0, 0.5])


@pytest.mark.parametrize(
    "label",
    [2, np.int64(2), np.uint8(2), np.array(2), jnp.array(2), jnp.array(2, "uint8"), jnp.int8(2)],
)
def test_kinds_of_labels(label):
    logits = draw((3,))
    np.testing.assert_allclose(losses.cross_entropy(logits, label), reference(logits, 2))
    jitted = jax.jit(losses.cross_entropy)(logits, label)
    np.testing.assert_allclose(jitted, reference(logits, 2))


def test_small_integer_labels_with_many_classes():
    logits = draw((300,))
    for label in (jnp.array(127, "int8"), jnp.array(255, "uint8")):
        expected = reference(logits, int(label))
        np.testing.assert_allclose(losses.cross_entropy(logits, label), expected)
        np.testing.assert_allclose(jax.jit(losses.cross_entropy)(logits, label), expected)
    assert jnp.isnan(jax.jit(losses.cross_entropy)(logits, jnp.array(-1, "int8")))


@pytest.mark.parametrize("label", [-1, 3, 250, np.int64(-1), np.array(3), 2**40])
def test_label_out_of_range(label):
    message = rf"label is {label}, but there are 3 classes. Accepted are 0 to 2"
    with pytest.raises(ValueError, match=message):
        losses.cross_entropy(jnp.zeros(3), label)
    with pytest.raises(ValueError, match=message):  # a known label of traced logits
        jax.jit(lambda logits: losses.cross_entropy(logits, label))(jnp.zeros(3))
    loss, gradient = jax.jit(jax.value_and_grad(losses.cross_entropy))(jnp.zeros(3), label)
    assert jnp.isnan(loss)
    assert jnp.isnan(gradient).all()


def test_label_out_of_range_in_a_batch():
    batch_loss = jax.vmap(losses.cross_entropy)
    out = batch_loss(jnp.zeros((4, 3)), jnp.array([0, -1, 3, 2]))
    np.testing.assert_array_equal(jnp.isnan(out), [False, True, True, False])


def test_vmap_equals_eager():
    logits, labels = draw((6, 4)), jnp.array([0, 1, 2, 3, 0, 1])
    eager = [losses.cross_entropy(logits[i], labels[i]) for i in range(6)]
    batch = jax.jit(jax.vmap(losses.cross_entropy))
    np.testing.assert_allclose(batch(logits, labels), eager, 1e-14)


def test_label_shape(unchecked):
    for label in (jnp.zeros(10, int), np.zeros((1,), int), [0, 1]):
        with pytest.raises(ValueError, match=r"label has shape .*jax.vmap.*axes are swapped"):
            losses.cross_entropy(jnp.zeros(3), jnp.asarray(label))
    # The mistake in question: as many labels as steps, because time and batch were confused.
    with pytest.raises(ValueError, match="as many labels as time steps"):
        losses.cross_entropy_count(jnp.zeros((10, 3)), jnp.zeros(10, int))


@pytest.mark.parametrize("label", [1.0, np.float32(1), jnp.array(1.0), True, jnp.array([0.0, 1.0])])
def test_label_dtype(label, unchecked):
    with pytest.raises(TypeError, match=r"label has dtype .*Accepted are integer class indices"):
        losses.cross_entropy(jnp.zeros(3), label)


def test_logits_errors(unchecked):
    for shape in ((), (2, 3), (0,)):
        with pytest.raises(ValueError, match=r"logits have shape .*\(classes,\).*jax.vmap"):
            losses.cross_entropy(jnp.zeros(shape), 0)
    with pytest.raises(TypeError, match=r"logits have dtype int.*astype\(jnp.float32\)"):
        losses.cross_entropy(jnp.zeros(3, int), 0)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_range(smoothing):
    with pytest.raises(ValueError, match=rf"smoothing is {smoothing}. Accepted is 0 <= smoothing"):
        losses.cross_entropy(jnp.zeros(3), 0, smoothing=smoothing)


# Losses of sequences


@every_readout
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_readouts(loss, smoothing):
    ys, mask = draw((6, 4)), np.arange(6) < 4
    for keep in (None, mask):
        out = loss(ys, 1, keep, smoothing=smoothing)
        expected = reference(READOUTS[loss](ys, keep), 1, smoothing)
        np.testing.assert_allclose(out, expected, 1e-14)


def test_readouts_by_hand():
    zs = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])

    def binary(difference):
        return np.log1p(np.exp(-difference))

    np.testing.assert_allclose(losses.cross_entropy_count(zs, 0), binary(1))
    np.testing.assert_allclose(losses.cross_entropy_rate(zs, 0), binary(0.25))
    np.testing.assert_allclose(losses.cross_entropy_max_membrane(2 * zs, 0), binary(0))
    np.testing.assert_allclose(losses.cross_entropy_sum_membrane(2 * zs, 0), binary(2))


@every_readout
def test_gradient_with_padding(loss):
    mask = jnp.array([True, True, False])
    ys = jnp.where(mask[:, None], draw((3, 2)), jnp.nan)
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    value, gradient = value_and_grad(ys, 1, mask)
    expected, expected_gradient = value_and_grad(ys[:2], 1)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(gradient[:2], expected_gradient)
    np.testing.assert_array_equal(gradient[2], 0.0)


@every_readout
def test_readouts_of_a_batch(loss):
    ys, labels = draw((5, 6, 4)), jnp.array([0, 1, 2, 0, 1])
    mask = np.arange(6) < np.array([6, 5, 4, 3, 2])[:, None]
    eager = jnp.stack([loss(ys[i], labels[i], mask[i]) for i in range(5)])
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(ys, labels, mask), eager, 1e-13)
    time_major = jax.jit(jax.vmap(loss, in_axes=(1, 0, 0)))(ys.swapaxes(0, 1), labels, mask)
    np.testing.assert_allclose(time_major, eager, 1e-13)


@every_readout
def test_readout_errors(loss, unchecked):
    with pytest.raises(ValueError, match=r"logits have shape \(3, 2\).*without its time axis"):
        loss(jnp.zeros((5, 3, 2)), 0)
    with pytest.raises(ValueError, match=r"mask has shape \(3,\)"):
        loss(jnp.zeros((5, 3)), 0, jnp.ones(3, bool))
    with pytest.raises(ValueError, match="label is 3, but there are 3 classes"):
        loss(jnp.zeros((5, 3)), 3)
    with pytest.raises(ValueError, match="smoothing is 2"):
        loss(jnp.zeros((5, 3)), 0, smoothing=2)


# rate_bounds


def test_rate_bounds_by_hand():
    # Rates 0, 0.25, 0.5, 1.
    zs = jnp.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]], float)
    np.testing.assert_allclose(losses.rate_bounds(zs, 0.25, 0.5), (0.25**2 + 0.5**2) / 4)
    assert losses.rate_bounds(zs, 0, 1) == 0
    gradient = jax.jit(jax.grad(lambda zs: losses.rate_bounds(zs, 0.25, 0.5)))(zs)
    # d/dz of (lower - rate)^2 / 4 neurons / 4 steps; neurons inside or on the bounds get nothing.
    expected = np.tile([-2 * 0.25 / 16, 0, 0, 2 * 0.5 / 16], (4, 1))
    np.testing.assert_allclose(gradient, expected)


def test_rate_bounds_mask_and_shapes():
    mask = np.array([True, True, False, False])
    zs = jnp.asarray(np.where(mask[:, None, None], np.zeros((4, 2, 3)), np.nan))
    of_zs = jax.value_and_grad(lambda zs, mask: losses.rate_bounds(zs, 0.5, 0.9, mask))
    loss, gradient = jax.jit(of_zs)(zs, mask)
    assert loss == 0.25
    assert jnp.isfinite(gradient).all()
    assert jnp.isnan(losses.rate_bounds(zs, 0.5, 0.9))
    batch = jax.jit(jax.vmap(lambda zs, mask: losses.rate_bounds(zs, 0.5, 0.9, mask)))
    np.testing.assert_array_equal(batch(zs[None], mask[None]), [0.25])


@pytest.mark.parametrize("bounds", [(-0.1, 0.5), (0.6, 0.5), (float("nan"), 1.0)])
def test_rate_bounds_order(bounds):
    with pytest.raises(ValueError, match=r"lower is .* Accepted is 0 <= lower <= upper"):
        losses.rate_bounds(jnp.zeros((4, 2)), *bounds)


# layer_rate_bounds, synchrony


def test_layer_rate_bounds_equals_numpy():
    zs = (draw((9, 4, 3)) > 0.3).astype("float64")
    mask = np.arange(9) < 6
    rate = np.asarray(zs)[:6].mean()
    for lower, upper in ((rate + 0.1, 1), (0, rate - 0.1), (0, 1)):
        expected = max(lower - rate, 0) ** 2 + max(rate - upper, 0) ** 2
        np.testing.assert_allclose(losses.layer_rate_bounds(zs, lower, upper, mask), expected, atol=1e-15)
    assert losses.rate_bounds(zs, 0, rate) > losses.layer_rate_bounds(zs, 0, rate) == 0
    assert jnp.isnan(losses.layer_rate_bounds(zs, 0, 1, jnp.zeros(9, bool)))
    with pytest.raises(ValueError, match=r"lower is 0\.5 and upper is 0\.1"):
        losses.layer_rate_bounds(zs, 0.5, 0.1)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("valid", [20, 13])
def test_synchrony_equals_covariances(width, valid):
    zs = np.asarray(draw((20, 5)) > 0.2, float)
    counts = np.stack([zs[t : t + width].sum(axis=0) for t in range(valid - width + 1)])
    covariance = np.cov(counts.T, bias=True)
    expected = (covariance.sum() - np.trace(covariance)) / (4 * np.trace(covariance))
    mask = None if valid == 20 else np.arange(20) < valid
    np.testing.assert_allclose(losses.synchrony(jnp.asarray(zs), mask, width=width), expected, rtol=1e-12)
    np.testing.assert_allclose(losses.synchrony(jnp.asarray(zs)[:, None], mask, width=width), expected, rtol=1e-12)


def test_synchrony_of_independent_neurons_is_zero_whatever_their_number():
    for neurons in (2, 10, 100):
        zs = jax.random.bernoulli(jax.random.key(neurons), 0.2, (4000, neurons)).astype(float)
        # A mean over N (N - 1) / 2 correlations of 4000 steps.
        assert abs(losses.synchrony(zs)) < 4 * np.sqrt(2 / (neurons * (neurons - 1)) / 4000)
        np.testing.assert_allclose(losses.synchrony(jnp.tile(zs[:, :1], (1, neurons))), 1, rtol=1e-12)


def test_synchrony_in_wider_windows():
    """Two neurons that always fire two steps apart."""
    zs = np.zeros((400, 2))
    starts = np.cumsum(np.random.default_rng(0).integers(8, 20, 20))
    zs[starts, 0] = zs[starts + 2, 1] = 1
    assert losses.synchrony(jnp.asarray(zs)) < 0 < 0.6 < losses.synchrony(jnp.asarray(zs), width=10)


def test_synchrony_where_nothing_can_be_said():
    constant = jnp.ones((5, 3))
    assert losses.synchrony(constant) == 0 == losses.synchrony(jnp.zeros((5, 3)))
    assert losses.synchrony(jnp.asarray(draw((5, 1)))) == 0
    assert jnp.isnan(losses.synchrony(constant, jnp.zeros(5, bool)))
    assert jnp.isnan(losses.synchrony(jnp.asarray(draw((5, 3))).at[2, 1].set(jnp.nan)))
    assert not jnp.isnan(jax.grad(losses.synchrony)(constant)).any()
    for width in (0, 6):
        with pytest.raises(ValueError, match=f"width is {width}, of 5 steps"):
            losses.synchrony(constant, width=width)


def test_the_gradient_of_synchrony_equals_finite_differences():
    zs = draw((7, 3))
    gradient = jax.grad(lambda zs: losses.synchrony(zs, width=2))(zs)
    step = 1e-6
    for at in ((0, 0), (3, 2), (6, 1)):
        up, down = (losses.synchrony(zs.at[at].add(sign * step), width=2) for sign in (1, -1))
        np.testing.assert_allclose(gradient[at], (up - down) / (2 * step), rtol=1e-6, atol=1e-9)


def test_descending_on_synchrony_desynchronises():
    key = jax.random.key(0)
    zs = jnp.tile(jax.random.uniform(key, (30, 1)), (1, 6)) + 0.1 * jax.random.uniform(key, (30, 6))
    before = losses.synchrony(zs)
    gradient = jax.jit(jax.grad(lambda zs: jax.nn.relu(losses.synchrony(zs))))
    for _ in range(200):
        zs = zs - 5.0 * gradient(zs)
    assert before > 0.9
    assert losses.synchrony(zs) < 0.1
