"""Neurons that are parallel in time: equal to loops over steps, and to each other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close, assert_equal, step_by_step

STEPS = 9


def drive(steps, *shape):
    return 0.3 + 0.8 * jr.normal(jr.key(0), (steps, *shape))


def weights():
    return jr.normal(jr.key(1), (STEPS, STEPS)), jnp.linspace(-0.2, 0.6, STEPS)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [None, 1, 4])
def test_parallel_spiking_is_a_loop_over_pairs_of_steps(causal, window):
    weight, threshold = weights()
    xs, masking = drive(STEPS, 3), 0.6
    if window is None:
        neuron = snn.ParallelSpiking(weight, threshold, causal=causal)
    else:
        neuron = snn.MaskedParallelSpiking(weight, window, masking, threshold, causal=causal)
    expected = np.zeros((STEPS, 3))
    for t in range(STEPS):
        v = np.zeros(3)
        for s in range(t + 1 if causal else STEPS):
            heard = window is None or 0 <= t - s < window
            v = v + (1.0 if heard else 1 - masking) * weight[t, s] * xs[s]
        expected[t] = v > threshold[t]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(snn.unroll(neuron, xs)[1], expected)


def test_parallel_spiking_variants_agree():
    weight, threshold = weights()
    xs, kernel = drive(STEPS, 3), jnp.array([0.3, -0.7, 1.1])
    causal = snn.unroll(snn.ParallelSpiking(weight, threshold), xs)[1]
    assert_equal(causal, snn.unroll(snn.ParallelSpiking(jnp.tril(weight), threshold, causal=False), xs)[1])
    assert_equal(causal, snn.unroll(snn.MaskedParallelSpiking(weight, STEPS, threshold=threshold), xs)[1])
    band = sum(kernel[2 - k] * jnp.eye(STEPS, k=-k) for k in range(3))
    masked = snn.MaskedParallelSpiking(band, 3, threshold=0.2)
    assert_equal(snn.unroll(masked, xs)[1], snn.unroll(snn.SlidingParallelSpiking(kernel, 0.2), xs)[1])


def test_sliding_parallel_spiking_can_be_a_membrane():
    xs = drive(60, 2)
    kernel = 2.0 ** jnp.arange(-51.0, 1.0)  # what is left out is below the last digit
    sliding = snn.unroll(snn.SlidingParallelSpiking(kernel, 1.0), xs)[1]
    assert_equal(sliding, snn.unroll(snn.ParallelLIF(decay=0.5), xs)[1])


def test_parallel_gradients_reach_weights_and_thresholds():
    weight, threshold = weights()
    xs = drive(STEPS, 3)
    for neuron in (snn.ParallelSpiking(weight, threshold, causal=False), snn.ParallelSpiking(weight, threshold)):
        gradient = eqx.filter_grad(lambda n: snn.unroll(n, xs)[1].sum())(neuron)
        assert jnp.all(gradient.threshold != 0)
        assert jnp.all((gradient.weight != 0) == (jnp.tril(jnp.ones_like(weight)) > 0 if neuron.causal else True))


def test_parallel_spiking_refuses_more_steps_than_weights():
    neuron = snn.ParallelSpiking(*weights())
    with pytest.raises(snn.InputError, match=r"given 10 steps; it takes at most 9.*SlidingParallelSpiking"):
        snn.unroll(neuron, drive(STEPS + 1, 3))
    final, _ = snn.unroll(neuron, drive(6, 3))
    assert final.step == 6
    with pytest.raises(Exception, match="more than 9 steps since its first"):
        snn.unroll(neuron, drive(4, 3), final)[1].block_until_ready()
    end, _ = snn.unroll(neuron, drive(3, 3), final)
    with pytest.raises(Exception, match="more than 9 steps since its first"):
        neuron(end, jnp.ones(3))


def test_neurons_that_hear_the_future_take_whole_sequences_only():
    neuron = snn.ParallelSpiking(*weights(), causal=False)
    with pytest.raises(snn.InputError, match="given 5 steps; it takes exactly 9, with causal=False"):
        snn.unroll(neuron, drive(5, 3))
    with pytest.raises(snn.InputError, match="given 4 steps; it takes exactly 9, with causal=False"):
        snn.unroll(neuron, drive(STEPS, 3), loop=snn.CheckpointedBPTT(4))
    with pytest.raises(Exception, match="stepped with causal=False"):
        neuron(neuron.init_state(jnp.ones(3)), jnp.ones(3))
    weight = eqx.nn.Linear(3, 3, key=jr.key(0))
    _, zs = snn.unroll(snn.Sequential(weight, neuron, weight), drive(STEPS, 3))
    assert jnp.unique(zs).size > 3


@pytest.mark.parametrize(
    "options",
    [
        {"decay": 0.9, "threshold": 1.2},
        {"tau": jnp.array([2.0, 5.0, 9.0]), "rest": -0.3, "normalise_input": True, "threshold": 0.1},
    ],
)
def test_parallel_lif_is_a_lif_without_reset(options):
    xs = drive(20, 3)
    parallel, plain = snn.ParallelLIF(**options), snn.LIF(reset=snn.NoReset(), **options)
    assert 0 < snn.unroll(plain, xs)[1].mean() < 1
    everything = lambda state, out: (state, out)  # noqa: E731
    assert_close(snn.unroll(parallel, xs, record=everything), snn.unroll(plain, xs, record=everything), rtol=1e-11)
    assert_close(step_by_step(parallel, xs[:5]), step_by_step(plain, xs[:5]), rtol=0.0)

    def loss(xs, neuron):
        return jnp.sum(jnp.sin(jnp.arange(60.0)).reshape(20, 3) * snn.unroll(neuron, xs)[1])

    assert_close(jax.grad(loss)(xs, parallel), jax.grad(loss)(xs, plain), rtol=1e-10)


@pytest.mark.parametrize("kernel", [None, jnp.array([0.5, 1.0])])
def test_parallel_neurons_draw_the_same_spikes_as_step_by_step(kernel):
    spike = snn.EscapeNoise()
    cell = snn.ParallelLIF(surrogate=spike) if kernel is None else snn.SlidingParallelSpiking(kernel, surrogate=spike)
    xs = drive(12, 3)
    zs = snn.unroll(cell, xs, key=jr.key(3))[1]
    assert 0 < zs.mean() < 1
    assert_equal(jax.lax.stop_gradient(zs), step_by_step(cell, xs, key=jr.key(3))[1])
