"""snntorch's plasticity by spike times: closed numbers."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from snnjax.compat.snntorch.functional import stdp_learner

LAYER = eqx.tree_at(lambda layer: layer.weight, eqx.nn.Linear(2, 1, key=jr.key(0)), jnp.array([[2.0, 3.0]]))
IN, OUT = jnp.array([[[1.0, 0.0]], [[0.0, 1.0]]]), jnp.array([[[0.0]], [[1.0]]])


def test_a_step_of_plasticity():
    pre, post, change = stdp_learner.stdp_linear_single_step(LAYER, IN[0], OUT[0], None, None, 4.0, 2.0)
    assert (pre.tolist(), post.tolist(), change.tolist()) == ([[1, 0]], [[0]], [[0, 0]])
    pre, post, change = stdp_learner.stdp_linear_single_step(LAYER, IN[1], OUT[1], pre, post, 4.0, 2.0)
    # The first weight has only potentiation, 2 x 0.75; for the second both are 3.
    assert (pre.tolist(), post.tolist(), change.tolist()) == ([[0.75, 1]], [[1]], [[1.5, 0]])


def test_functions_of_the_weights_and_the_batch():
    ones = jnp.ones((3, 2)), jnp.ones((3, 1))
    _, _, change = stdp_learner.stdp_linear_single_step(
        LAYER, *ones, None, None, 2.0, 2.0, lambda w: 0.5 + 0 * w, lambda w: w**2
    )
    assert change.tolist() == [[3 * 3.5, 3 * 8.5]]


def test_learner_adds_up_and_goes_on():
    learner = stdp_learner.STDPLearner(LAYER, 4.0, 2.0)
    traces, change = learner.step(IN, OUT, scale=10.0)
    assert change.tolist() == [[15.0, 0.0]]
    first, once = learner.step(IN[:1], OUT[:1])
    second, again = learner.step(IN[1:], OUT[1:], first)
    assert eqx.tree_equal(second, traces)
    assert (once + again).tolist() == [[1.5, 0.0]]


def test_mstdp_keeps_examples_apart():
    ins, outs = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[1.0], [0.0]])
    pre, post, change = stdp_learner.mstdp_linear_single_step(LAYER, ins, outs, ins, outs, 1.0, 2.0)
    np.testing.assert_allclose(pre, ins * (1 + np.exp(-1)), rtol=1e-6)
    np.testing.assert_allclose(post, outs * (1 + np.exp(-0.5)), rtol=1e-6)
    np.testing.assert_allclose(change[0], [[2 * (np.exp(-1) - np.exp(-0.5)), 0.0]], rtol=1e-5)
    assert not change[1].any()


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_are_layers_with_shared_weights(getkey, stride):
    """Every weight changes by the sum over all pairs of pixels that it connects."""
    layer = eqx.nn.Conv1d(2, 3, 3, stride=stride, padding=1, key=getkey())
    x, trace = jr.normal(getkey(), (2, 2, 2, 5))
    places = 5 if stride == 1 else 3
    z, after = jr.normal(getkey(), (2, 2, 3, places))
    pre, post, change = stdp_learner.stdp_conv1d_single_step(layer, x, z, trace, after, 4.0, 2.0)
    expected = np.zeros((3, 2, 3))
    padded_x, padded_pre = (np.pad(a, ((0, 0), (0, 0), (1, 1))) for a in (x, 0.75 * trace + x))
    post_trace = np.asarray(0.5 * after + z)
    for tap in range(3):
        for place in range(places):
            at = place * stride + tap
            expected[:, :, tap] += np.einsum("bo,bi->oi", z[:, :, place], padded_pre[:, :, at])
            expected[:, :, tap] -= np.einsum("bo,bi->oi", post_trace[:, :, place], padded_x[:, :, at])
    np.testing.assert_allclose(change, expected * layer.weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pre, 0.75 * trace + x, rtol=1e-6)
    np.testing.assert_allclose(post, post_trace, rtol=1e-6)
