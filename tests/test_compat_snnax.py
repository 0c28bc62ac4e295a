"""The layers, networks and spike functions of snnax, against its equations written out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import snnax

N = 3


def drive(steps=40, size=N):
    return np.asarray(0.4 + 1.2 * jr.normal(jr.key(1), (steps, size)))


def softplus(r):
    return np.log1p(np.exp(r))


def reset_at_end(v, z, r):
    return v * (1 - z) if r is None else v - r * z


# The equations as snnax publishes them: generators of (state, out) per step.


def simple_iaf(xs, r, leak):
    v = np.zeros(N)
    for x in xs:
        v = v - leak + x
        z = (v >= 0.8) * 1.0
        v = reset_at_end(v, z, r)
        yield v, z


def iaf_one(xs, r, leak):
    v, i = np.zeros(N), np.zeros(N)
    for x in xs:
        v, i = v - leak + i, 0.7 * i + (1 - 0.7) * x
        z = (v >= 0.8) * 1.0
        v = reset_at_end(v, z, r)
        yield v, z


def iaf_with_membrane_decay(xs, r, leak, a, b):
    v, i = np.zeros(N), np.zeros(N)
    for x in xs:
        v, i = a * (v - leak) + (1 - a) * i, b * i + (1 - b) * x
        z = (v >= 0.1) * 1.0
        v = reset_at_end(v, z, r)
        yield v, z


def simple_lif(xs, r):
    v = np.zeros(N)
    for x in xs:
        v = 0.6 * v + (1 - 0.6) * x
        z = (v >= 0.8) * 1.0
        v = reset_at_end(v, z, None if r is None else softplus(r))
        yield v, z


def lif(xs, r, soft):
    v, i, z = np.zeros(N), np.zeros(N), np.zeros(N)
    for x in xs:
        v = v - (1.0 if r is None else r) * z if soft else v - (v - (r or 0.0)) * z
        v = 0.7 * v + (1 - 0.7) * i
        i = 0.55 * i + (1 - 0.55) * x
        z = (v >= 0.3) * 1.0
        yield v, z


def adaptive(xs, r):
    v, a = np.zeros(N), np.zeros(N)
    for x in xs:
        v = 0.6 * v + (1 - 0.6) * (x + a)
        z = (v >= 0.5) * 1.0
        a = (1 - 0.9) * 0.4 * v + 0.9 * a - 0.3 * z
        v = reset_at_end(v, z, r)
        yield v, z


def sigma_delta(xs, d0, d1, d2):
    i, m, f = np.zeros(N), np.zeros(N), np.zeros(N)
    for x in xs:
        i = d0 * i + x
        m = d1 * m + i - f
        z = (m >= 1.0) * 1.0
        f = d2 * f + z
        yield m, z


NEURONS = {
    "SimpleIAF": (lambda: snnax.SimpleIAF(0.1, 0.8), lambda xs: simple_iaf(xs, None, 0.1)),
    "SimpleIAF-value": (
        lambda: snnax.SimpleIAF(leak=[0.1], threshold=0.8, reset_val=0.5),
        lambda xs: simple_iaf(xs, 0.5, 0.1),
    ),
    "IAF": (lambda: snnax.IAF([0.7], [0.05], 0.8), lambda xs: iaf_one(xs, None, 0.05)),
    "IAF-value": (lambda: snnax.IAF([0.7], threshold=0.8, reset_val=0.5), lambda xs: iaf_one(xs, 0.5, 0.0)),
    "IAF-two": (
        lambda: snnax.IAF([0.9, 0.7], leak=0.05, threshold=0.1),
        lambda xs: iaf_with_membrane_decay(xs, None, 0.05, 0.9, 0.7),
    ),
    "SimpleLIF": (lambda: snnax.SimpleLIF(0.6, threshold=0.8), lambda xs: simple_lif(xs, None)),
    "SimpleLIF-value": (lambda: snnax.SimpleLIF([0.6], threshold=0.8, reset_val=-0.3), lambda xs: simple_lif(xs, -0.3)),
    "LIF": (lambda: snnax.LIF([0.7, 0.55], threshold=0.3), lambda xs: lif(xs, None, False)),
    "LIF-value": (lambda: snnax.LIF([0.7, 0.55], threshold=0.3, reset_val=-0.2), lambda xs: lif(xs, -0.2, False)),
    "LIFSoftReset": (lambda: snnax.LIFSoftReset([0.7, 0.55], threshold=0.3), lambda xs: lif(xs, None, True)),
    "LIFSoftReset-value": (
        lambda: snnax.LIFSoftReset([0.7, 0.55], threshold=0.3, reset_val=0.4),
        lambda xs: lif(xs, 0.4, True),
    ),
    "AdaptiveLIF": (lambda: snnax.AdaptiveLIF([0.6], 0.9, 0.3, 0.4, threshold=0.5), lambda xs: adaptive(xs, None)),
    "AdaptiveLIF-value": (
        lambda: snnax.AdaptiveLIF(0.6, [0.9], [0.3], [0.4], threshold=0.5, reset_val=0.2),
        lambda xs: adaptive(xs, 0.2),
    ),
    "SigmaDelta": (lambda: snnax.SigmaDelta([0.7, 0.5, 0.8]), lambda xs: sigma_delta(xs, 0.7, 0.5, 0.8)),
    "SigmaDelta-documented": (lambda: snnax.SigmaDelta(), lambda xs: sigma_delta(xs, 1.0, 0.0, 1.0)),
}


@pytest.mark.parametrize("name", NEURONS)
def test_neurons_keep_their_equations(name):
    make, equations = NEURONS[name]
    xs = drive()
    _, (vs, zs) = snn.unroll(make(), jnp.asarray(xs), record=lambda state, z: (state.v, z))
    wanted_vs, wanted_zs = (np.stack(part) for part in zip(*equations(xs), strict=True))
    assert 0 < wanted_zs.mean() < 0.9
    np.testing.assert_array_equal(zs, wanted_zs)
    np.testing.assert_allclose(vs, wanted_vs, rtol=1e-12, atol=1e-12)


def test_the_leaky_integrator_puts_out_its_membrane():
    _, vs = snn.unroll(snnax.LI(0.75), jnp.ones((6, 1)))
    np.testing.assert_allclose(vs[:, 0], 1 - 0.75 ** np.arange(1, 7), rtol=1e-12)
    assert snnax.LI is snnax.SimpleLI


@pytest.mark.parametrize("stop", [True, False])
def test_stop_reset_grad_cuts_the_whole_reset(stop):
    """v = x - reset(x) with reset = x z; the surrogate is 1 / (1 + 10 |x - 1|)."""
    neuron = snnax.SimpleIAF(stop_reset_grad=stop)
    state = neuron.init_state(jnp.zeros(()))
    slope = jax.grad(lambda x: neuron(state, x)[0].v)(jnp.array(1.4))
    np.testing.assert_allclose(slope, 1.0 if stop else -1.4 / 5, rtol=1e-12)


@pytest.mark.parametrize("make", [snnax.SimpleLIF, snnax.SimpleLI])
def test_decays_are_clipped_without_gradient(make):
    xs = jnp.asarray(drive())

    def mean(decay):
        final, ys = snn.unroll(make(decay), xs)
        return ys.sum() + final.v.sum()

    value, slope = jax.value_and_grad(mean)(jnp.array([0.2]))
    assert value == mean(jnp.array([0.5]))
    assert slope == 0.0
    assert jax.grad(mean)(jnp.array([0.8])) != 0.0


def test_the_adaptation_is_clipped():
    xs = jnp.asarray(drive())

    def run(step, coupling):
        return snn.unroll(snnax.AdaptiveLIF(0.6, 0.9, step, coupling, threshold=0.5), xs)[0].a

    np.testing.assert_array_equal(run(5.0, -3.0), run(2.0, -1.0))
    np.testing.assert_array_equal(run(-1.0, 3.0), run(0.0, 1.0))
    assert not np.allclose(run(2.0, 1.0), run(1.0, 1.0))


def test_numbers_of_the_equations_are_trained_and_thresholds_only_as_arrays():
    def leaves(layer):
        return len(jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array)))

    assert leaves(snnax.LIF([0.9, 0.8])) == 2
    assert leaves(snnax.LIF([0.9, 0.8], threshold=jnp.array(1.0), reset_val=jnp.array(0.1))) == 4
    assert leaves(snnax.AdaptiveLIF([0.9])) == 4
    assert leaves(snnax.IAF([0.9], 0.1)) == 2
    assert leaves(snnax.SigmaDelta()) == 0
    # A wrapped parameter keeps its own range: no clipping to 0.5.
    final, _ = snn.unroll(snnax.LI(snn.Fixed(0.25)), jnp.ones((1, 1)))
    assert final.v == 0.75


LAYERS_WITH_SHAPE = {
    "SimpleIAF": lambda **o: snnax.SimpleIAF(0.1, **o),
    "IAF": lambda **o: snnax.IAF([0.9], **o),
    "SimpleLI": lambda **o: snnax.SimpleLI([0.9], **o),
    "SimpleLIF": lambda **o: snnax.SimpleLIF(0.9, **o),
    "LIF": lambda **o: snnax.LIF([0.9, 0.8], **o),
    "LIFSoftReset": lambda **o: snnax.LIFSoftReset([0.9, 0.8], **o),
    "AdaptiveLIF": lambda **o: snnax.AdaptiveLIF([0.9], **o),
    "SigmaDelta": lambda **o: snnax.SigmaDelta([0.9, 0.8, 0.7], **o),
}


@pytest.mark.parametrize("name", LAYERS_WITH_SHAPE)
def test_shape_makes_one_parameter_per_neuron(name):
    layer = LAYERS_WITH_SHAPE[name](shape=(2, N))
    assert {leaf.shape for leaf in jax.tree.leaves(eqx.filter(layer, eqx.is_array))} == {(2, N)}
    xs = jnp.asarray(drive(4, 2 * N)).reshape(4, 2, N)
    plain = LAYERS_WITH_SHAPE[name]()
    np.testing.assert_array_equal(snn.unroll(layer, xs)[1], snn.unroll(plain, xs)[1])
    with pytest.raises(snn.InputError, match=r"shape \(2, 3\) was given"):
        layer.init_state(jnp.zeros(N))


@pytest.mark.parametrize("name", LAYERS_WITH_SHAPE)
def test_init_fn_makes_the_first_membrane(name):
    layer = LAYERS_WITH_SHAPE[name](init_fn=lambda shape, key: jr.uniform(key, shape))
    state = layer.init_state(jnp.zeros((2, N), jnp.float32), key=jr.key(3))
    assert state.v.dtype == jnp.float32
    np.testing.assert_array_equal(state.v, jr.uniform(jr.key(3), (2, N)).astype(jnp.float32))
    probed = snn.probe(layer).init_state(jnp.zeros((2, N), jnp.float32), key=jr.key(3))
    np.testing.assert_array_equal(probed.state.v, state.v)
    wrong = LAYERS_WITH_SHAPE[name](init_fn=lambda shape, key: jnp.zeros(7))
    with pytest.raises(snn.InputError, match=r"array of shape \(7,\)"):
        wrong.init_state(jnp.zeros(N))


def test_a_membrane_that_begins_above_the_threshold_has_not_fired():
    layer = snnax.LIF([0.5, 0.5], init_fn=lambda shape, key: 4.0)
    state, z = layer(layer.init_state(jnp.zeros(1)), jnp.zeros(1))
    assert (state.v, z) == (2.0, 1.0)
    state, z = layer(state, jnp.zeros(1))
    assert (state.v, z) == (0.0, 0.0)


def test_constants_per_neuron_in_an_array():
    decays = jnp.array([[0.6, 0.7, 0.8], [0.9, 0.5, 0.75]])
    xs = jnp.asarray(drive())
    _, zs = snn.unroll(snnax.LIF(decays, threshold=0.3), xs)
    for n in range(N):
        _, alone = snn.unroll(snnax.LIF(decays[:, n], threshold=0.3), xs[:, n])
        np.testing.assert_array_equal(zs[:, n], alone)


def test_wrong_numbers_of_constants():
    with pytest.raises(ValueError, match=r"LIF.decay_constants was given \[0.9\], of length 1; it takes 2 constants"):
        snnax.LIF([0.9])
    with pytest.raises(ValueError, match="takes 1 or 2"):
        snnax.IAF([0.9, 0.8, 0.7])
    with pytest.raises(ValueError, match="takes 3"):
        snnax.SigmaDelta(0.5)


def test_any_function_is_a_spike_function(unchecked):
    neuron = snnax.SimpleIAF(threshold=0.5, spike_fn=jnp.tanh, stop_reset_grad=False)
    _, out = neuron(neuron.init_state(jnp.zeros(1)), jnp.array([0.75]))
    np.testing.assert_allclose(out, np.tanh([0.25]), rtol=1e-12)
    with pytest.raises(TypeError, match="spike_fn was given 3"):
        snnax.LIF([0.9, 0.8], spike_fn=3)


def test_surrogates():
    v = jnp.array([-0.7, -0.2, 0.0, 0.3, 0.7])
    superspike, sigmoid = snnax.superspike_surrogate(5.0), snnax.sigmoid_surrogate()
    piecewise = snnax.piecewise_surrogate(0.5)
    for spike in (superspike, sigmoid, piecewise):
        assert spike(v).tolist() == [0, 0, 1, 1, 1]
    slope = lambda spike: jax.vmap(jax.grad(spike))(v)  # noqa: E731
    np.testing.assert_allclose(slope(superspike), 1 / (1 + 5 * np.abs(v)), rtol=1e-12)
    s = 1 / (1 + np.exp(-v))
    np.testing.assert_allclose(slope(sigmoid), s * (1 - s), rtol=1e-12)
    assert slope(piecewise).tolist() == [0, 1, 1, 1, 0]
    with pytest.raises(ValueError, match="it takes 1"):
        snnax.sigmoid_surrogate(2.0)


def test_pooling_makes_spikes(unchecked):
    x = jnp.array([[0.2, 0.9, 0.1, 1.3, 0.4, 0.6]])
    assert snnax.MaxPool1d(2, 2, threshold=0.8)(x).tolist() == [[1, 1, 0]]
    assert snnax.MaxPool1d(3, stride=1, padding=1, threshold=1.3)(x).tolist() == [[0, 0, 1, 1, 1, 0]]
    image = jr.normal(jr.key(0), (2, 5, 6))
    pool = snnax.SpikingMaxPool2d(
        2, 2, use_ceil=True, threshold=jnp.array(0.4), spike_fn=snnax.piecewise_surrogate(9.0)
    )
    wanted = [
        [image[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max() for i in range(3) for j in range(3)] for c in (0, 1)
    ]
    np.testing.assert_array_equal(pool(image).reshape(2, 9), np.asarray(wanted) >= 0.4)
    # Under this surrogate every maximum gets a gradient of 1, and the threshold all of them together.
    assert jax.grad(lambda x: pool(x).sum())(image).sum() == 18.0
    assert eqx.filter_grad(lambda p: p(image).sum())(pool).threshold == -18.0
    with pytest.raises(snn.InputError, match="int"):
        pool(jnp.ones((2, 4, 4), int))


def test_flatten_and_spike_counter():
    assert snnax.Flatten()(jnp.arange(6.0).reshape(2, 3)).tolist() == [0, 1, 2, 3, 4, 5]
    xs = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    final, outs = snn.unroll(snnax.SpikeCounter((2,)), xs)
    assert final.count.tolist() == [2, 1]
    np.testing.assert_array_equal(outs, xs)


def batch_norm(layer, xs, state_axis=None):
    """Run over (time, batch, features)."""
    run = lambda x: snn.unroll(layer, x)  # noqa: E731
    return jax.vmap(run, in_axes=1, out_axes=(state_axis, 1), axis_name="batch_axis")(jnp.asarray(xs))


def test_batch_norm_in_training_and_inference():
    xs = np.asarray(2.0 + 3.0 * jr.normal(jr.key(0), (6, 5, N)))
    layer = snnax.BatchNormLayer(eps=0.1, forget_weight=0.25, gamma=0.7)
    state, ys = batch_norm(layer, xs)

    mean, variance, weight = np.zeros(N), np.zeros(N), 0.0
    for t, x in enumerate(xs):
        wanted = 0.7 * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 0.1)
        np.testing.assert_allclose(ys[t], wanted, rtol=1e-12, atol=1e-12)
        mean = 0.75 * mean + 0.25 * x.mean(axis=0)
        variance = 0.75 * variance + 0.25 * x.var(axis=0)
        weight = 0.75 * weight + 0.25
    np.testing.assert_allclose(state.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(state.variance, variance, rtol=1e-12)

    ready = eqx.nn.inference_mode(layer.with_statistics(state))
    after, ys = snn.unroll(ready, jnp.asarray(xs[:, 0]))
    wanted = 0.7 * (xs[:, 0] - mean / weight) / np.sqrt(variance / weight + 0.1)
    np.testing.assert_allclose(ys, wanted, rtol=1e-12)
    np.testing.assert_array_equal(after.mean, state.mean)
    assert not any(jax.tree.leaves(snn.trainable(ready)))

    # Training goes on from the statistics; a batch of them is refused.
    again, _ = batch_norm(layer.with_statistics(state), xs[:1])
    np.testing.assert_allclose(again.mean, 0.75 * mean + 0.25 * xs[0].mean(axis=0), rtol=1e-12)
    with pytest.raises(snn.InputError, match=r"statistics of shape \(5, 3\)"):
        layer.with_statistics(batch_norm(layer, xs, 0)[0]).init_state(jnp.zeros(N))


def test_batch_norm_without_a_batch():
    layer = snnax.BatchNormLayer(0.0, 0.1)
    with pytest.raises(snn.InputError, match="axis_name='batch_axis'"):
        snn.unroll(layer, jnp.ones((2, N)))
    _, ys = snn.unroll(eqx.nn.inference_mode(layer), jnp.full((2, N), 3.0))
    np.testing.assert_allclose(ys, 0.8 * 3.0, rtol=1e-12)
    with pytest.raises(ValueError, match=r"forget_weight was given 1\.5"):
        snnax.BatchNormLayer(1e-5, 1.5)
    with pytest.raises(ValueError, match=r"eps was given -1\.0"):
        snnax.BatchNormLayer(-1.0, 0.5)


def zero_weights(model):
    return jax.tree.map(lambda a: jnp.zeros_like(a) if eqx.is_array(a) and a.ndim > 1 else a, model)


def run_block(block, xs):
    run = lambda x: snn.unroll(block, x)[1]  # noqa: E731
    return jax.vmap(run, in_axes=1, out_axes=1, axis_name="batch_axis")(xs)


@pytest.mark.parametrize("kind", ["LIF", "SigmaDelta"])
def test_the_skip_of_a_resnet_block_is_real(kind):
    block = snnax.ResNetBlock(["l", "l"], [[4, 3], [3, 4]], kind, key=jr.key(0))
    xs = jr.normal(jr.key(1), (4, 5, 4))
    np.testing.assert_array_equal(run_block(zero_weights(block), xs), xs)
    gradient = eqx.filter_grad(lambda block: run_block(block, xs).sum())(block)
    assert jnp.any(gradient.body.layers[0].weight != 0)


def test_a_resnet_block_of_convolutions():
    block = snnax.ResNetBlock(["c", "c"], [[2, 3, 3, 1, 1], [3, 2, 3, 1, 1]], "SigmaDelta", key=jr.key(0))
    xs = jr.normal(jr.key(1), (4, 5, 2, 4, 4))
    spikes = run_block(block, xs) - xs
    assert set(np.unique(spikes.round(9))) == {0.0, 1.0}


def test_resnet_blocks_of_linear_layers():
    block = snnax.ResNetBlock("cl", [[1, 2, 3, 2, 1], [8, 5]], shortcut=eqx.nn.Sequential([]), key=jr.key(0))
    assert isinstance(block.body.layers[3], snnax.Flatten)
    x = jnp.ones((3, 1, 4, 4))
    ready = eqx.nn.inference_mode(block)
    with pytest.raises(snn.InputError, match=r"body that puts out \(3, 5\) for a skip of \(3, 1, 4, 4\)"):
        snn.unroll(ready, x)
    fits = snnax.ResNetBlock("cl", [[1, 2, 3, 2, 1], [8, 5]], shortcut=lambda x: x[0, 0, :1] + jnp.arange(5.0))
    _, ys = snn.unroll(eqx.nn.inference_mode(zero_weights(fits)), x)
    np.testing.assert_array_equal(ys, np.tile(1 + np.arange(5.0), (3, 1)))
    with pytest.raises(ValueError, match="was given 'x'"):
        snnax.ResNetBlock(["x"], [[1, 2]])
    with pytest.raises(ValueError, match="'IF'; it takes 'LIF' or 'SigmaDelta'"):
        snnax.ResNetBlock(["l"], [[1, 2]], "IF")
    with pytest.raises(ValueError, match="1 letters and 2 lists"):
        snnax.ResNetBlock(["l"], [[1, 2], [2, 1]])


def linear(seed, size, out):
    return eqx.nn.Linear(size, out, key=jr.key(seed))


def test_a_graph_with_everything():
    """Two inputs, a skip, a feedback, a layer that hears itself, two outputs; by a loop over steps."""
    graph = snnax.GraphStructure(
        num_layers=4,
        input_layer_ids=[[0], [], [1, 0], []],
        input_connectivity=[[1], [0], [0, 2], [2, 0]],
        final_layer_ids=[3, 1],
    )
    l0, l1, l2, l3 = linear(0, 3 + 2, 2), snnax.LIF([0.6, 0.6], threshold=0.05), linear(1, 2 + 4 + 2 + 3, 4), jnp.tanh
    model = snnax.StatefulModel(graph, [l0, l1, l2, l3])
    xs, us = jr.normal(jr.key(2), (12, 3)), jr.normal(jr.key(3), (12, 2))

    state, out1, out2, wanted = l1.init_state(jnp.zeros(2)), jnp.zeros(2), jnp.zeros(4), []
    for x, u in zip(xs, us, strict=True):
        out0 = l0(jnp.concatenate([out1, x]))
        state, out1 = l1(state, out0)
        out2 = l2(jnp.concatenate([out0, out2, u, x]))
        wanted.append(jnp.concatenate([jnp.tanh(jnp.concatenate([out2, out0])), out1]))

    final, (y3, y1) = snn.unroll(model, (xs, us))
    np.testing.assert_allclose(jnp.concatenate([y3, y1], axis=1), jnp.stack(wanted), rtol=1e-12)
    assert y1.sum() > 0
    assert final.outs[0] is None
    np.testing.assert_allclose(final.outs[2], out2, rtol=1e-12)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda m: snn.unroll(m, (xs, us))[1][0].sum()))(model)
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient))
    with pytest.raises(snn.InputError, match="was given 1 inputs; its graph takes 2"):
        snn.unroll(model, xs)


def test_the_graph_of_the_documentation():
    """Five layers, with 2 heard by 1, and 3 by itself; here what is heard is added."""
    graph = snnax.GraphStructure(
        num_layers=5,
        input_layer_ids=[[0], [], [], [0, 1], []],
        final_layer_ids=[4],
        input_connectivity=[[], [0, 2], [1], [2, 3], [3]],
    )
    layers = [lambda x: 2 * x, lambda x: x + 1, lambda x: 0.5 * x, lambda x: 0.1 * x, lambda x: -x]
    model = snnax.StatefulModel(graph, layers, combine=snn.Sum())
    xs, us = jnp.array([[1.0], [2.0], [0.0]]), jnp.array([[0.0], [1.0], [5.0]])
    h2, h3, wanted = 0.0, 0.0, []
    for x, u in zip(xs, us, strict=True):
        h1 = 2 * x + h2 + 1
        h2 = 0.5 * h1
        h3 = 0.1 * (h2 + h3 + x + u)
        wanted.append(-h3)
    np.testing.assert_allclose(snn.unroll(model, (xs, us))[1], jnp.stack(wanted), rtol=1e-12)


def test_feed_forward_is_a_chain_and_flat_inputs_work():
    chain = snnax.gen_feed_forward_struct(3)
    assert chain.input_connectivity == ((), (0,), (1,))
    assert chain.input_layer_ids == ((0,), (), ())
    assert chain.final_layer_ids == (2,)
    assert snnax.GraphStructure(3, [0], [[], [0], [1]]) == chain
    layers = [linear(0, N, 4), snnax.LIF([0.6, 0.6], threshold=0.05), linear(1, 4, 2), snnax.LI([0.9])]
    xs = jnp.asarray(drive())
    wanted = snn.unroll(snn.Sequential(*layers), xs)[1]
    assert len(jnp.unique(wanted)) > 2
    np.testing.assert_array_equal(snn.unroll(snnax.Sequential(*layers), xs)[1], wanted)
    model = snnax.StatefulModel(snnax.gen_feed_forward_struct(4), layers)
    np.testing.assert_array_equal(snn.unroll(model, xs)[1], wanted)
    assert model[1] is layers[1]
    assert len(model) == 4


def test_a_delay_per_layer():
    """Every layer hears the step before; before the first, layers without state put out what they make of nothing."""
    first, neuron, last = linear(0, N, 4), snnax.SimpleLIF([0.6], threshold=0.1), linear(1, 4, 2)
    xs = jnp.asarray(drive(10))
    state, out0, out1, wanted = neuron.init_state(jnp.zeros(4)), first.bias, jnp.zeros(4), []
    for x in xs:
        heard0, heard1 = out0, out1
        out0 = first(x)
        state, out1 = neuron(state, heard0)
        wanted.append(last(heard1))
    model = snnax.Sequential(first, neuron, last, delay_per_layer=True)
    final, ys = snn.unroll(model, xs)
    np.testing.assert_allclose(ys, jnp.stack(wanted), rtol=1e-12)
    np.testing.assert_allclose(final.layers[1].v, state.v, rtol=1e-12)
    assert len(jnp.unique(ys)) > 4
    compound = snnax.Sequential(snnax.CompoundLayer([first, neuron]), last, delay_per_layer=True)
    _, ys = snn.unroll(compound, xs)
    state, out1, wanted = neuron.init_state(jnp.zeros(4)), jnp.zeros(4), []
    for x in xs:
        wanted.append(last(out1))
        state, out1 = neuron(state, first(x))
    np.testing.assert_allclose(ys, jnp.stack(wanted), rtol=1e-12)


def test_parallel_adds():
    layers = [linear(0, 3, 2), snnax.LI([0.5])]
    xs, us = jr.normal(jr.key(0), (5, 3)), jr.normal(jr.key(1), (5, 2))
    _, vs = snn.unroll(layers[1], us)
    _, ys = snn.unroll(snnax.Parallel(*layers), (xs, us))
    np.testing.assert_allclose(ys, jax.vmap(layers[0])(xs) + vs, rtol=1e-12)
    _, ys = snn.unroll(snnax.Parallel([jnp.sin, jnp.cos]), xs)
    np.testing.assert_allclose(ys, jnp.sin(xs) + jnp.cos(xs), rtol=1e-12)
    with pytest.raises(snn.InputError, match="3 inputs for 2 layers"):
        snn.unroll(snnax.Parallel(*layers), (xs, us, us))


def test_local_feedback():
    compound = snnax.CompoundLayer(linear(0, N + 4, 4), snnax.SimpleLIF([0.6], threshold=0.1))
    readout = linear(1, 4, 2)
    xs = jnp.asarray(drive(10))
    state, out, wanted = compound.init_state(jnp.zeros(N + 4)), jnp.zeros(4), []
    for x in xs:
        state, out = compound(state, jnp.concatenate([out, x]))
        wanted.append(readout(out))
    # What a layer hears: other layers first, then inputs.
    _, ys = snn.unroll(snnax.SequentialLocalFeedback(compound, readout), xs)
    np.testing.assert_allclose(ys, jnp.stack(wanted), rtol=1e-12)

    first, norm, neuron = linear(2, N, N), eqx.nn.LayerNorm(N), snnax.LIF([0.6, 0.6], threshold=0.1)
    model = snnax.SequentialLocalFeedback([first, norm, neuron], feedback_layers={1: 0}, combine=snn.Sum())
    _, zs = snn.unroll(model, xs)
    state, back, wanted = neuron.init_state(jnp.zeros(N)), jnp.zeros(N), []
    for x in xs:
        back = norm(first(back + x))
        state, z = neuron(state, back)
        wanted.append(z)
    np.testing.assert_array_equal(zs, jnp.stack(wanted))
    with pytest.raises(ValueError, match="feedback_layers was given 0: 1"):
        snnax.SequentialLocalFeedback(first, norm, feedback_layers={0: 1})


def test_a_neuron_with_a_shape_closes_a_loop():
    graph = snnax.GraphStructure(2, [[0], []], [[1], [0]])
    model = snnax.StatefulModel(graph, [lambda x: x[:2] + x[2:4], snnax.LI([0.5], shape=(2,))])
    _, ys = snn.unroll(model, jnp.ones((2, 2)))
    np.testing.assert_allclose(ys, [[0.5, 0.5], [1.0, 1.0]], rtol=1e-12)


def test_wrong_graphs_are_refused():
    with pytest.raises(ValueError, match=r"input_connectivity\[1\] was given 2; it takes whole numbers 0 to 1"):
        snnax.GraphStructure(2, [[0], []], [[], [2]])
    with pytest.raises(ValueError, match=r"input_connectivity\[1\] was given -1"):
        snnax.GraphStructure(2, [[0], []], [[], [-1]])
    with pytest.raises(ValueError, match="takes 2 lists, one per layer"):
        snnax.GraphStructure(2, [[0]], [[], [0]])
    with pytest.raises(ValueError, match="layer 1 hears nothing"):
        snnax.GraphStructure(2, [[0], []], [[], []])
    with pytest.raises(ValueError, match="final_layer_ids was given 5"):
        snnax.GraphStructure(2, [[0], []], [[], [0]], [5])
    with pytest.raises(ValueError, match="final_layer_ids was given an empty list"):
        snnax.GraphStructure(2, [[0], []], [[], [0]], [])
    with pytest.raises(ValueError, match="given 1 layers for a graph of 2"):
        snnax.StatefulModel(snnax.gen_feed_forward_struct(2), [jnp.tanh])
    with pytest.raises(TypeError, match="takes cells, Equinox layers and functions"):
        snnax.StatefulModel(snnax.gen_feed_forward_struct(1), [3])
    # A neuron that hears itself beside its input would have to grow by its own size.
    growing = snnax.StatefulModel(snnax.GraphStructure(1, [[0]], [[0]]), [snnax.LI([0.9])])
    with pytest.raises(snn.InputError, match=r"layers\[0\] is heard by .* expected \(3,\), found \(6,\)"):
        snn.unroll(growing, jnp.ones((2, 3)))
    endless = snnax.StatefulModel(snnax.GraphStructure(2, [[], [0]], [[1], [1]]), [jnp.tanh, linear(0, 7, 4)])
    with pytest.raises(snn.InputError, match=r"layers\[1\]"):
        snn.unroll(endless, jnp.ones((2, 4)))


def test_srm_keeps_its_equations():
    layer = linear(0, N, 2)
    xs = jnp.asarray(drive())
    options = {"decay_constants": [0.6, 0.7], "r_decay_constants": [0.8], "threshold": 0.2}
    p, q, r, z, wanted = np.zeros(N), np.zeros(N), np.zeros(2), np.zeros(2), []
    for x in xs:
        p = 0.6 * p + 0.4 * x
        q = 0.7 * q + 0.3 * p
        r = 0.8 * r + 0.9 * z
        z = (np.asarray(layer(q)) - 0.9 * r >= 0.2) * 1.0
        wanted.append(z)
    _, zs = snn.unroll(snnax.SRM(layer, **options, reset_val=0.9), xs)
    assert 0 < np.mean(wanted) < 0.9
    np.testing.assert_array_equal(zs, np.stack(wanted))
    # The value is clipped to 2; without one nothing is refractory.
    high = [snn.unroll(snnax.SRM(layer, **options, reset_val=value), xs)[1] for value in (2.0, 3.0)]
    np.testing.assert_array_equal(*high)
    free = snn.unroll(snnax.SRM(layer, **options), xs)[1]
    assert free.sum() > zs.sum() > high[0].sum()


def test_srm_makes_its_own_layer():
    xs = jnp.asarray(drive())
    sizes = {"decay_constants": [0.6, 0.7], "input_shape": N, "shape": (2,), "reset_val": 0.5}
    model = snnax.SRM(**sizes, key=jr.key(5))
    assert isinstance(model[2], eqx.nn.Linear)
    assert snn.unroll(model, xs)[1].shape == (40, 2)
    assert model[0].cell.decay.value.shape == (N,)
    assert model[3].cell.decay_r.value.shape == (2,)
    assert snn.unroll(snnax.SRM(decay_constants=[0.6, 0.7]), xs)[1].shape == (40, N)
    start = snnax.SRM(decay_constants=[0.6, 0.7], init_fn=lambda shape, key: 2.0).init_state(xs[0])
    assert start[0].v.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="SRM was given no layer"):
        snnax.SRM(**sizes)


@pytest.mark.parametrize("stop", [True, False])
def test_srm_stops_the_gradient_of_its_refractoriness(stop):
    """Two steps: the second membrane is `x - r` with the first spike in `r`."""
    model = snnax.SRM(decay_constants=[0.5, 0.5], reset_val=1.0, stop_reset_grad=stop)

    def second(x):
        state = model.init_state(jnp.zeros(()))
        state, _ = model(state, x)
        return state[3].r

    slope = jax.grad(second)(jnp.array(6.0))
    # Filtered twice, 6 is 1.5: the surrogate is 1 / (1 + 10 * 0.5), the filters a quarter.
    np.testing.assert_allclose(slope, 0.0 if stop else 0.25 / 6, rtol=1e-12)
