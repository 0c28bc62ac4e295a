import ast
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnjax import _penalties, decode, encode, losses, metrics

# The examples in the docstrings of encode, decode, losses and metrics


def documented():
    for module in (encode, decode, losses, _penalties, metrics):
        for name, function in vars(module).items():
            if getattr(function, "__module__", "") == module.__name__ and name[0] != "_":
                yield pytest.param(function, id=f"{module.__name__}.{name}")


@pytest.mark.parametrize("function", list(documented()))
def test_examples_run_and_their_numbers_are_real(function):
    (example,) = re.findall(r"```python\n(.*?)```", function.__doc__, re.DOTALL)
    namespace, shown = {}, 0
    for line in map(str.strip, example.strip().splitlines()):
        code, _, number = line.partition("  # ")
        try:
            expected = ast.literal_eval(number.strip())
        except (SyntaxError, ValueError):  # an ordinary line
            exec(line, namespace)
            continue
        np.testing.assert_allclose(eval(code, namespace), expected, 1e-7)
        shown += 1
    assert shown


# is_correct, accuracy


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_is_kept(dtype):
    def struct(*shape):
        return jax.ShapeDtypeStruct(shape, dtype)

    mask, labels = jax.ShapeDtypeStruct((5,), bool), jax.ShapeDtypeStruct((5,), int)
    out = [jax.eval_shape(metrics.is_correct, struct(3), 1)]
    out += [jax.eval_shape(metrics.accuracy, struct(5, 3), labels)]
    for metric in ACTIVITY:
        out += [jax.eval_shape(metric, struct(5, 2, 2)), jax.eval_shape(metric, struct(5), mask)]
    assert all(number.dtype == dtype and number.shape == () for number in out)


def test_is_correct():
    logits = jnp.array([0.1, 0.9, 0.3])
    for label, expected in enumerate([0.0, 1.0, 0.0]):
        assert metrics.is_correct(logits, label) == expected
        assert jax.jit(metrics.is_correct)(logits, label) == expected
    assert metrics.is_correct(jnp.zeros(3), np.array(0)) == 1  # ties: the first


def test_is_correct_does_not_hide_nan():
    # argmax takes NaN for the largest: class 1 would count as correct.
    assert jnp.isnan(metrics.is_correct(jnp.array([0.0, jnp.nan]), 1))


@pytest.mark.parametrize("label", [-1, 3])
def test_is_correct_label_out_of_range(label):
    with pytest.raises(ValueError, match=f"label is {label}, but there are 3 classes"):
        metrics.is_correct(jnp.zeros(3), label)
    assert jnp.isnan(jax.jit(metrics.is_correct)(jnp.zeros(3), label))


def test_is_correct_errors(unchecked):
    with pytest.raises(ValueError, match=r"logits have shape \(2, 3\)"):
        metrics.is_correct(jnp.zeros((2, 3)), 0)
    with pytest.raises(ValueError, match=r"label has shape \(2,\)"):
        metrics.is_correct(jnp.zeros(3), jnp.zeros(2, int))
    with pytest.raises(TypeError, match="label has dtype float"):
        metrics.is_correct(jnp.zeros(3), jnp.array(1.0))
    with pytest.raises(TypeError, match="logits have dtype int"):
        metrics.is_correct(jnp.zeros(3, int), 1)


def test_accuracy_equals_numpy():
    rng = np.random.default_rng(0)
    logits, labels = jnp.asarray(rng.normal(size=(50, 4))), rng.integers(0, 4, 50)
    expected = (np.asarray(logits).argmax(1) == labels).mean()
    for accuracy in (metrics.accuracy, jax.jit(metrics.accuracy)):
        np.testing.assert_allclose(accuracy(logits, labels), expected, 1e-14)


def test_accuracy_errors(unchecked):
    message = r"logits have shape .* and labels have shape .*Accepted are \(n, classes\) and \(n,\)"
    for shape, labels_shape in [((5, 3), (4,)), ((5, 3), (5, 1)), ((3,), ()), ((0, 3), (0,))]:
        with pytest.raises(ValueError, match=message):
            metrics.accuracy(jnp.zeros(shape), jnp.zeros(labels_shape, int))
    with pytest.raises(TypeError, match="labels has dtype float"):
        metrics.accuracy(jnp.zeros((5, 3)), jnp.zeros(5))
    with pytest.raises(ValueError, match="labels is 3, but there are 3 classes"):
        metrics.accuracy(jnp.zeros((2, 3)), jnp.array([0, 3]))
    assert jnp.isnan(jax.jit(metrics.accuracy)(jnp.zeros((2, 3)), jnp.array([0, 3])))


# firing_rate, silent_fraction, saturated_fraction

ZS = [[1, 0, 0, 1], [1, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 1]]
ACTIVITY = {
    metrics.firing_rate: 10 / 20,
    metrics.silent_fraction: 1 / 4,
    metrics.saturated_fraction: 1 / 4,
}
every_activity = pytest.mark.parametrize("metric", list(ACTIVITY), ids=lambda f: f.__name__)


@every_activity
def test_activity_by_hand(metric):
    zs = jnp.array(ZS, "float32")
    np.testing.assert_allclose(metric(zs), ACTIVITY[metric], 1e-6)
    np.testing.assert_allclose(jax.jit(metric)(zs), ACTIVITY[metric], 1e-6)
    np.testing.assert_allclose(jax.jit(metric)(zs.reshape(5, 2, 2)), ACTIVITY[metric], 1e-6)


@every_activity
@given(mask=st.lists(st.booleans(), min_size=5, max_size=5).filter(any))
@settings(max_examples=10, deadline=None)
def test_activity_masked_steps_do_not_exist(metric, mask):
    zs, mask = np.array(ZS, "float64"), np.array(mask)
    padded, metric = np.where(mask[:, None], zs, np.nan), jax.jit(metric)
    np.testing.assert_allclose(metric(padded, mask), metric(zs[mask]), 1e-14)


@every_activity
def test_activity_of_a_batch(metric):
    rng = np.random.default_rng(0)
    zs = jnp.asarray(rng.integers(0, 2, (3, 5, 4)), "float64")
    mask = np.arange(5) < np.array([5, 3, 1])[:, None]
    eager = jnp.stack([metric(zs[i], mask[i]) for i in range(3)])
    np.testing.assert_allclose(jax.jit(jax.vmap(metric))(zs, mask), eager, 1e-14)


@every_activity
def test_activity_does_not_hide_nan(metric):
    zs = jnp.array(ZS, "float32")
    assert jnp.isnan(metric(zs.at[2, 1].set(jnp.nan)))
    assert jnp.isnan(metric(zs, jnp.zeros(5, bool)))


@every_activity
def test_activity_errors(metric, unchecked):
    with pytest.raises(ValueError, match=r"mask has shape \(4,\) for zs of shape \(5, 4\)"):
        metric(jnp.array(ZS, "float32"), jnp.ones(4, bool))
    with pytest.raises(TypeError, match="zs has dtype int"):
        metric(jnp.array(ZS))
    with pytest.raises(ValueError, match=r"zs has shape \(\)"):
        metric(jnp.array(1.0))


def test_signed_spikes_are_activity():
    zs = jnp.array([[1.0, 0.0], [-1.0, 0.0]])
    assert metrics.silent_fraction(zs) == 0.5
    assert metrics.saturated_fraction(zs) == 0.5


def test_saturation_at_the_limit_does_not_depend_on_rounding():
    steps, dtype = 1000, "bfloat16"  # which cannot count so far
    for limit in (0.007, 0.127, 0.508, 0.57, 0.9, 1.0):
        fires = round(steps * limit)
        zs = jnp.asarray(np.arange(steps)[:, None] < np.array([fires - 1, fires]), dtype)
        assert metrics.saturated_fraction(zs, limit=limit) == 0.5
        assert metrics.saturated_fraction(zs, np.ones(steps, bool), limit=limit) == 0.5
    assert jax.jit(metrics.saturated_fraction)(zs[:10]) == 1


@pytest.mark.parametrize("limit", [0.0, 1.1, float("nan")])
def test_saturation_limit(limit):
    with pytest.raises(ValueError, match=rf"limit is {limit}. Accepted is 0 < limit <= 1"):
        metrics.saturated_fraction(jnp.ones((3, 2)), limit=limit)


# confusion_matrix


def test_confusion_matrix_equals_counting():
    rng = np.random.default_rng(0)
    predictions, labels = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    expected = np.zeros((3, 3), int)
    for prediction, label in zip(predictions, labels, strict=True):
        expected[label, prediction] += 1
    out = metrics.confusion_matrix(predictions, labels, 3)
    assert jnp.issubdtype(out.dtype, jnp.integer)
    np.testing.assert_array_equal(out, expected)
    halves = jax.vmap(lambda p, q: metrics.confusion_matrix(p, q, 3))(predictions.reshape(2, 20), labels.reshape(2, 20))
    np.testing.assert_array_equal(halves.sum(0), expected)
    assert metrics.confusion_matrix(np.zeros(0, int), np.zeros(0, int), 2).sum() == 0


def test_confusion_matrix_axes():
    out = metrics.confusion_matrix(jnp.array([2]), jnp.array([0]), classes=3)
    assert out[0, 2] == 1  # row: the truth, column: the prediction


@pytest.mark.parametrize("bad", [-1, 3])
def test_confusion_matrix_out_of_range(bad):
    good, wrong = jnp.array([0, 1]), jnp.array([0, bad])
    with pytest.raises(ValueError, match=f"predictions is {bad}, but there are 3 classes"):
        metrics.confusion_matrix(wrong, good, 3)
    with pytest.raises(ValueError, match=f"labels is {bad}, but there are 3 classes"):
        metrics.confusion_matrix(good, wrong, 3)
    jitted = eqx.filter_jit(metrics.confusion_matrix)
    for pair in ((wrong, good), (good, wrong)):
        with pytest.raises(eqx.EquinoxRuntimeError, match="predictions or labels are out of range"):
            jitted(*pair, 3)


def test_confusion_matrix_errors(unchecked):
    with pytest.raises(ValueError, match=r"predictions have shape \(3,\) and labels .* \(2,\)"):
        metrics.confusion_matrix(jnp.zeros(3, int), jnp.zeros(2, int), 3)
    with pytest.raises(ValueError, match=r"predictions have shape \(3, 2\).*jnp.argmax"):
        metrics.confusion_matrix(jnp.zeros((3, 2)), jnp.zeros(3, int), 3)
    with pytest.raises(TypeError, match="predictions has dtype float"):
        metrics.confusion_matrix(jnp.zeros(3), jnp.zeros(3, int), 3)
    with pytest.raises(TypeError, match="labels has dtype float"):
        metrics.confusion_matrix(jnp.zeros(3, int), jnp.zeros(3), 3)
    with pytest.raises(ValueError, match=r"classes is 0\. Accepted is classes >= 1"):
        metrics.confusion_matrix(jnp.zeros(3, int), jnp.zeros(3, int), 0)
