"""Edifice's functions and its network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import edifice


def test_a_step_by_hand():
    """`v = beta v + I`; the published hard reset is to zero, the soft one subtracts."""
    v, current = jnp.array([1.0, 1.0]), jnp.array([1.0, 0.25])
    after, z = edifice.lif_neuron(v, current, 0.5, 1.0)
    assert (after.tolist(), z.tolist()) == ([0.0, 0.75], [1.0, 0.0])
    after, z = edifice.lif_neuron(v, current, 0.5, 1.0, reset="soft")
    assert (after.tolist(), z.tolist()) == ([0.5, 0.75], [1.0, 0.0])


def test_the_slope_is_that_of_the_surrogate():
    derivative = jax.grad(lambda i: edifice.lif_neuron(jnp.array(0.0), i, 0.5, 1.0, slope=5.0)[1])(jnp.array(1.2))
    assert derivative == pytest.approx(5.0 / (1 + 5.0 * 0.2) ** 2)


def test_surrogate_gradient():
    x = jnp.array([-0.1, 0.0, 0.2])
    assert edifice.surrogate_gradient(x).tolist() == [0.0, 0.0, 1.0]
    slopes = jax.grad(lambda x: edifice.surrogate_gradient(x, 10.0).sum())(x)
    np.testing.assert_allclose(slopes, [10 / 4, 10.0, 10 / 9])
    np.testing.assert_allclose(edifice.surrogate_gradient(x, 10.0, smooth=True), 1 / (1 + np.exp(-10 * np.asarray(x))))


def test_rates():
    zs = jnp.array([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]])
    assert edifice.rate_decode(zs).tolist() == [[0.75, 0.25]]


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_the_network_is_its_functions(reset):
    options = {"tau": 3.0, "threshold": 0.4, "slope": 10.0}
    model = edifice.build(5, (4,), 2, 6, **options, reset=reset, key=jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (3, 5))
    beta, vs, zs = np.exp(-1 / 3.0), [jnp.zeros((3, 4)), jnp.zeros((3, 2))], []
    weights = [layer.weight.astype(x.dtype) for layer in model.network.layers[::2]]
    for _ in range(6):
        z = x
        for k, weight in enumerate(weights):
            vs[k], z = edifice.lif_neuron(vs[k], z @ weight.T, beta, 0.4, reset=reset, slope=10.0)
        zs.append(z)
    wanted = edifice.rate_decode(jnp.stack(zs, axis=1))
    assert wanted.sum() > 0
    np.testing.assert_allclose(model(x), wanted)
    np.testing.assert_allclose(model(x[0]), wanted[0])


def test_the_defaults_are_those_of_edifice():
    model = edifice.build(7, key=jax.random.key(0))
    assert [layer.weight.shape for layer in model.network.layers[::2]] == [(256, 7), (128, 256), (10, 128)]
    assert model.num_timesteps == 25
    neuron = model.network.layers[1]
    assert isinstance(neuron, snn.LIF)
    assert (neuron.tau, neuron.threshold) == (2.0, 1.0)
    assert isinstance(neuron.reset, snn.SubtractReset)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: edifice.lif_neuron(jnp.zeros(1), jnp.zeros(1), 0.5, 1.0, reset="none"),
            "given 'none'.*'soft'.*'hard'",
        ),
        (lambda: edifice.build(0, key=jax.random.key(0)), "sizes.*at least 1"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
