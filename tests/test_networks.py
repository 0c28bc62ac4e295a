"""Ready-made networks: their equations, their sizes, that every part fires and is trained, and what they refuse."""

import functools
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close, step_by_step

STEPS, CLASSES = 6, 3
IMAGE, VECTOR = (2, 8, 8), (5,)
KEY = jr.key(0)
LIVELY = snn.LIF(tau=2.0)  # few neurons and steps must be enough for some spikes

# Small versions, and the shape of one step.
NETWORKS = {
    "recurrent_snn": (lambda: snn.models.recurrent_snn(5, (6, 4), CLASSES, snn.LIF(tau=3.0), key=KEY), VECTOR),
    "recurrent_snn, population": (
        lambda: snn.models.recurrent_snn(5, (6,), CLASSES, head=snn.models.PopulationHead(4, LIVELY), key=KEY),
        VECTOR,
    ),
    "lsnn": (lambda: snn.models.lsnn(5, 4, 4, CLASSES, tau=5.0, surrogate=snn.SuperSpike(), key=KEY), VECTOR),
    "delay_network": (lambda: snn.models.delay_network(5, (8, 8), CLASSES, longest=3, sigma=1.0, key=KEY), VECTOR),
    "vgg": (
        lambda: snn.models.vgg(CLASSES, 2, ((4,), (4, 4)), (8,), 2, snn.LIF(tau=2.0, threshold=0.3), key=KEY),
        IMAGE,
    ),
    "sew_resnet": (lambda: snn.models.sew_resnet(CLASSES, 2, (1, 1), 4, LIVELY, key=KEY), IMAGE),
    "ms_resnet": (lambda: snn.models.ms_resnet(CLASSES, 2, (1, 1), 4, LIVELY, key=KEY), IMAGE),
    "spikformer": (lambda: snn.models.spikformer(CLASSES, 2, 8, 1, 1, LIVELY, scale=1.0, key=KEY), IMAGE),
    "state_space_network": (lambda: snn.models.state_space_network(5, CLASSES, 6, 2, 4, LIVELY, key=KEY), VECTOR),
}
networks = pytest.mark.parametrize("name", NETWORKS)


@functools.cache
def sequence(name):
    """A model, and a drive that is not the same for all channels."""
    build, shape = NETWORKS[name]
    return build(), 2 + 3 * jr.normal(jr.key(1), (STEPS, *shape))


@eqx.filter_jit
def gradient_of(model, xs):
    trained, rest = eqx.partition(model, snn.trainable(model))

    @eqx.filter_grad(has_aux=True)
    def gradient(trained):
        def record(state, out):
            return out, snn.observations(state)

        _, (ys, seen) = snn.unroll(snn.probe(eqx.combine(trained, rest)), xs, record=record)
        weights = jnp.sin(jnp.arange(ys.size, dtype=ys.dtype)).reshape(ys.shape)
        return jnp.sum(weights * ys), (ys, {name: jnp.mean(p.out != 0) for name, p in seen.items() if p.spiking})

    return gradient(trained)


@functools.cache
def run(name):
    """The gradient of a weighted sum of the scores, the scores, and the rates of all layers: of one program."""
    gradient, (ys, rates) = gradient_of(*sequence(name))
    return gradient, ys, rates


@networks
def test_networks_equal_stepping(name):
    ys = run(name)[1]
    assert ys.shape == (STEPS, CLASSES)
    assert_close(step_by_step(*sequence(name))[1], ys, 1e-12)


@networks
def test_every_parameter_has_a_gradient(name):
    """Finite, and not zero, in every array that is trained."""
    gradient = run(name)[0]
    leaves = jax.tree.leaves_with_path(gradient)
    assert len(leaves) > 3
    for path, leaf in leaves:
        assert jnp.isfinite(leaf).all(), path
        assert jnp.any(leaf != 0), path


@networks
def test_every_layer_fires(name):
    """As they are made, and also the last of them; none in every step."""
    rates = run(name)[2]
    assert rates
    for layer, rate in rates.items():
        assert 0.01 < rate < 0.99, layer


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda: snn.models.vgg(10, 3, ((16,), (32,), (64, 64), (128, 128), (128, 128)), key=KEY),
        lambda: snn.models.sew_resnet(10, width=16, key=KEY),
        lambda: snn.models.ms_resnet(10, width=16, key=KEY),
        lambda: snn.models.spikformer(10, width=128, heads=4, key=KEY),
    ],
)
def test_deep_networks_fire_as_they_are_made(build):
    """Of the default depth: neither silent nor saturated in any layer, for an image that is shown for four steps."""
    xs = jnp.broadcast_to(jr.normal(KEY, (2, 1, 3, 32, 32)), (2, 4, 3, 32, 32))
    rates = snn.metrics.firing_rates(build(), xs)
    assert all(0.01 < rate < 0.2 for rate in rates.values())


@pytest.mark.parametrize("name", ["recurrent_snn", "delay_network", "sew_resnet", "state_space_network"])
def test_plans_of_networks(name):
    """Only neurons, and what remembers, are looped: all weights but those of feedback have all steps at once."""
    model, xs = sequence(name)
    looped = [line for line in str(snn.explain(model, xs)).splitlines()[1:-1] if "all steps at once" not in line]
    kinds = {line.split()[1] for line in looped}
    assert kinds <= {"LIF", "LI", "Recurrent", "DelayedLinear", "DiagonalStateSpace"}


def count_of(build):
    """The number of parameters of a network that is not made."""
    return snn.models.parameter_count(eqx.filter_eval_shape(build, KEY))


def conv(inputs, outputs, size=3):
    return inputs * outputs * size**2 + 2 * outputs  # with the norm behind it


LARGE = snn.models.Stem(7, 2, eqx.nn.MaxPool2d(3, 2, 1))
RESNETS = {"sew": snn.models.sew_resnet, "ms": snn.models.ms_resnet}


@pytest.mark.parametrize("kind", RESNETS)
@pytest.mark.parametrize(
    ("classes", "blocks", "stem", "expected"),
    [
        # Those of the networks without spikes, resnet18 and resnet34 of torchvision; the last is for small images.
        (1000, snn.models.RESNET18, LARGE, 11_689_512),
        (1000, snn.models.RESNET34, LARGE, 21_797_672),
        (10, snn.models.RESNET18, snn.models.Stem(), 11_173_962),
    ],
)
def test_parameters_of_residual_networks(kind, classes, blocks, stem, expected):
    count = count_of(lambda key: RESNETS[kind](classes, blocks=blocks, stem=stem, key=key))
    total, size = conv(3, 64, stem.kernel_size), 64
    for i, repeats in enumerate(blocks):
        out = 64 * 2**i
        total += conv(size, out) + (2 * repeats - 1) * conv(out, out) + (conv(size, out, 1) if i else 0)
        size = out
    assert count == total + 513 * classes == expected


@pytest.mark.parametrize(
    ("classes", "options", "expected"),
    [
        # That of vgg11_bn of torchvision, less its biases of convolutions, which a norm takes away again.
        (1000, {"hidden_sizes": (4096, 4096), "side": 7}, 132_868_840 - 2752),
        (10, {}, 9_228_362),
    ],
)
def test_parameters_of_vgg(classes, options, expected):
    count = count_of(lambda key: snn.models.vgg(classes, **options, key=key))
    sizes = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    total = sum(conv(a, b) for a, b in itertools.pairwise(sizes))
    dense = [512 * options.get("side", 1) ** 2, *options.get("hidden_sizes", ()), classes]
    total += sum(a * b + b for a, b in itertools.pairwise(dense))
    assert count == total == expected


@pytest.mark.parametrize(
    ("width", "depth", "heads", "millions"), [(256, 4, 8, 4.15), (384, 2, 12, 5.76), (384, 4, 12, 9.32)]
)
def test_parameters_of_spikformers(width, depth, heads, millions):
    """Zhou et al., 2023; cut after two digits."""
    count = count_of(lambda key: snn.models.spikformer(10, 3, width, depth, heads, key=key))
    sizes = [3, width // 8, width // 4, width // 2, width, width]
    patches = sum(conv(a, b) for a, b in itertools.pairwise(sizes))
    block = 4 * (width * width + 3 * width) + 8 * width * width + 3 * (4 * width + width)
    assert count == patches + depth * block + 10 * width + 10
    assert math.floor(count / 1e4) / 100 == millions


@pytest.mark.parametrize(
    ("sizes", "classes", "millions"), [((256, 256), 20, 0.2), ((512, 512), 35, 0.7), ((512, 512, 512), 35, 1.2)]
)
def test_parameters_of_delay_networks(sizes, classes, millions):
    """Hammouamri et al., 2024, for the 140 inputs of SHD and SSC."""
    count = count_of(lambda key: snn.models.delay_network(140, sizes, classes, 25, key=key))
    whole = [140, *sizes, classes]
    assert count == 2 * sum(a * b for a, b in itertools.pairwise(whole)) + 2 * sum(sizes)
    assert round(count / 1e6, 1) == millions


def test_parameters_of_other_networks():
    count = count_of(lambda key: snn.models.recurrent_snn(700, (128, 64), 20, key=key))
    assert count == 701 * 128 + 128 * 128 + 129 * 64 + 64 * 64 + 65 * 20
    count = count_of(lambda key: snn.models.lsnn(80, 120, 100, 10, key=key))
    # As in Bellec et al., 2018, for images pixel by pixel; the strengths of adaptation are not trained.
    assert count == 80 * 220 + 220 * 220 + 221 * 10 == 68_210
    count = count_of(lambda key: snn.models.state_space_network(2, 10, 128, 4, 16, key=key))
    memory = 2 * 128 + 4 * 128 * 16  # dt and skip; damping, frequency, and the real and imaginary parts of c
    assert count == 3 * 128 + 4 * (2 * 128 + memory + 129 * 128) + 2 * 128 + 129 * 10
    mixed = {"a": jnp.ones((2, 3)), "b": snn.Fixed(jnp.ones(5)), "c": 1.0, "d": jnp.arange(4)}
    assert snn.models.parameter_count(mixed) == 6


def test_a_recurrent_network_is_its_equations():
    model = snn.models.recurrent_snn(3, (4,), 2, snn.LIF(tau=3.0), snn.models.LeakyHead(snn.LI(tau=5.0)), key=KEY)
    xs = np.asarray(2 + 4 * jr.normal(jr.key(1), (9, 3)))
    first, recurrent, (last, _) = model[0], model[1], model[2].layers
    v, z, y, outs, spikes = np.zeros(4), np.zeros(4), np.zeros(2), [], 0
    for x in xs:
        current = np.asarray(first.weight) @ x + np.asarray(first.bias) + np.asarray(recurrent.feedback.weight) @ z
        v = np.exp(-1 / 3) * v + current
        z = (v > 1).astype(float)
        v = v - z
        y = np.exp(-1 / 5) * y + np.asarray(last.weight) @ z + np.asarray(last.bias)
        outs.append(y)
        spikes += z.sum()
    assert 3 < spikes < 33
    np.testing.assert_allclose(snn.unroll(model, jnp.asarray(xs))[1], outs, rtol=1e-12, atol=1e-14)


def test_regular_and_adaptive_neurons_of_an_lsnn():
    """Under a constant drive, without feedback: the first fire at a constant rate, the others ever more slowly."""
    model = snn.models.lsnn(1, 3, 2, 2, tau=10.0, tau_a=100.0, strength=20.0, key=KEY)
    values = jnp.ones((5, 1)), jnp.zeros((5, 5))
    model = eqx.tree_at(lambda m: (m[0].weight, m[1].feedback.weight), model, values)
    _, zs = snn.unroll(model, jnp.full((120, 1), 0.6), record=lambda state, out: state[1].out)
    early, late = zs[:40].sum(axis=0), zs[-40:].sum(axis=0)
    np.testing.assert_allclose(late[:3], early[:3], atol=1)
    assert (late[3:] < 0.7 * early[3:]).all()
    assert early[3:].max() < early[:3].min()


def test_populations_are_averaged():
    mean = snn.models.PopulationMean(3)
    assert mean(jnp.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])).tolist() == [2 / 3, 1 / 3]
    head = snn.models.PopulationHead(4, snn.IF())(5, 3, key=KEY)
    xs = jr.normal(jr.key(1), (7, 5))
    linear = head[0]
    v, outs = np.zeros(12), []
    for x in np.asarray(xs):
        v = v + np.asarray(linear.weight) @ x + np.asarray(linear.bias)
        z = (v > 1).astype(float)
        v = v - z
        outs.append([z[i : i + 4].mean() for i in (0, 4, 8)])
    np.testing.assert_allclose(snn.unroll(head, xs)[1], outs, rtol=1e-12)
    assert np.sum(outs) > 0


SILENT = snn.LIF(threshold=1e9)
JOINS = {"ADD": snn.Sum(), "AND": snn.Product(), "IAND": snn.models.InverseAnd()}


@pytest.mark.parametrize(("join", "expected"), [("ADD", [0, 1, 1, 2]), ("AND", [0, 0, 0, 1]), ("IAND", [0, 1, 0, 0])])
def test_joins_of_spikes(join, expected):
    body, skip = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 0.0, 1.0])
    assert JOINS[join]([body, skip]).tolist() == expected


@pytest.mark.parametrize(("join", "passes"), [("ADD", 1), ("AND", 0), ("IAND", 1)])
def test_a_block_whose_neurons_are_silent_is_the_identity(join, passes):
    xs = jr.bernoulli(jr.key(1), 0.5, (STEPS, 4, 6, 6)).astype(float)
    block = snn.models.sew_block(4, 4, neuron=SILENT, join=JOINS[join], key=KEY)
    np.testing.assert_array_equal(snn.unroll(block, xs)[1], passes * xs)
    np.testing.assert_array_equal(snn.unroll(snn.models.ms_block(4, 4, neuron=SILENT, key=KEY), xs)[1], xs)


@pytest.mark.parametrize("block", [snn.models.sew_block, snn.models.ms_block])
def test_blocks_are_body_and_skip(block):
    """With their parts run by hand; the skip of a block that changes the shape is a projection."""
    made = block(4, 8, 2, LIVELY, key=KEY)
    xs = jr.bernoulli(jr.key(1), 0.5, (STEPS, 4, 6, 6)).astype(float)
    body, skip = (made.body, made.shortcut) if isinstance(made, snn.Residual) else made.branches
    expected = snn.unroll(body, xs)[1] + snn.unroll(skip, xs)[1]
    assert expected.shape == (STEPS, 8, 3, 3)
    np.testing.assert_allclose(snn.unroll(made, xs)[1], expected, rtol=1e-12)
    assert (skip[0].kernel_size, skip[0].stride) == ((1, 1), (2, 2))
    binary = set(np.unique(expected)) <= {0, 1, 2}
    assert binary == (block is snn.models.sew_block)


@pytest.mark.parametrize(("channels", "tokens", "heads"), [(6, 2, 2), (6, 9, 3), (4, 4, 1)])
def test_attention_is_its_equation(channels, tokens, heads):
    q, k, v = (np.asarray(jr.bernoulli(key, 0.6, (channels, tokens)).astype(float)) for key in jr.split(KEY, 3))
    expected, size = np.zeros((channels, tokens)), channels // heads
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        for n in range(tokens):
            for m in range(tokens):
                expected[own, n] += (q[own, n] @ k[own, m]) * v[own, m]
    out = snn.models.SpikingAttention(heads, 0.125)([jnp.asarray(a) for a in (q, k, v)])
    np.testing.assert_array_equal(out, 0.125 * expected)
    assert expected.max() > 1


def test_attention_is_within_a_step():
    """No token of another step is seen: what a later step sees changes nothing."""
    block = snn.models.attention_block(8, 2, LIVELY, key=KEY)
    xs = jr.bernoulli(jr.key(1), 0.5, (STEPS, 8, 5)).astype(float)
    ys, other = snn.unroll(block, xs)[1], snn.unroll(block, xs.at[4:].set(1 - xs[4:]))[1]
    np.testing.assert_array_equal(ys[:4], other[:4])
    assert (ys[4:] != other[4:]).any()


def test_modes_are_exact_under_a_constant_drive():
    """The solution of `ds/dt = a s + 1` from zero is `(exp(a t) - 1) / a`."""
    cell = snn.models.DiagonalStateSpace(2, 5, longest=0.5, key=KEY)
    xs = jnp.broadcast_to(jnp.array([1.0, -2.0])[None], (30, 2))
    final, ys = snn.unroll(cell, xs)
    dt, a = np.asarray(cell.dt.resolve()), -np.asarray(cell.damping.resolve()) + 1j * np.asarray(cell.frequency)
    c = np.asarray(cell.c_real) + 1j * np.asarray(cell.c_imag)
    for t in range(30):
        s = (np.exp(a * dt * (t + 1)) - 1) / a * np.asarray(xs[t])[:, None]
        expected = 2 * (c * s).real.sum(axis=1) + np.asarray(cell.skip) * np.asarray(xs[t])
        np.testing.assert_allclose(ys[t], expected, rtol=1e-11)
    np.testing.assert_allclose(jax.lax.complex(final.u, final.v), s, rtol=1e-11, atol=1e-13)


def test_a_state_space_network_is_parallel_in_time():
    model = snn.models.state_space_network(2, 3, 4, 2, 3, snn.ParallelLIF(tau=2.0), key=KEY)
    xs = jr.normal(jr.key(1), (40, 2))
    _, ys = snn.unroll(model, xs)
    np.testing.assert_allclose(snn.unroll(model, xs, kernel=snn.ParallelInTime())[1], ys, rtol=1e-10)


def test_norms_and_neurons_are_those_that_are_given():
    sizes = []

    def norm(channels):
        sizes.append(channels)
        return eqx.nn.Identity()

    options = {"neuron": snn.ALIF(), "norm": norm, "key": KEY}
    made = {
        (4, 4, 8, 8): lambda: snn.models.vgg(3, 2, ((4, 4), (8, 8)), **options),
        (4, 4, 4, 8, 8, 8): lambda: snn.models.sew_resnet(3, 2, (1, 1), 4, **options),
        (2, 4, 8, 16, 16, 16, 16, 16, 16, 64, 16): lambda: snn.models.spikformer(3, 2, 16, 1, 1, **options),
        (7, 6): lambda: snn.models.delay_network(5, (7, 6), 3, 2, **options),
        (5, 5, 5): lambda: snn.models.state_space_network(2, 3, 5, 2, 2, **options),
    }
    for expected, build in made.items():
        sizes.clear()
        spiking = [n for n in jax.tree.leaves(build(), is_leaf=lambda n: isinstance(n, snn.AbstractNeuron))]
        kinds = {type(n) for n in spiking if isinstance(n, snn.AbstractNeuron)} - {snn.LI}
        assert kinds == {snn.ALIF}
        assert tuple(sizes) == expected


NORMS = {
    "ThresholdBatchNorm": snn.nn.ThresholdBatchNorm,
    "BatchNormThroughTime": lambda size: snn.nn.BatchNormThroughTime(size, STEPS),
    "temporal_effective_batch_norm": lambda size: snn.nn.temporal_effective_batch_norm(size, STEPS),
}


@pytest.mark.parametrize(
    ("norm", "build"),
    [
        ("ThresholdBatchNorm", lambda **options: snn.models.sew_resnet(CLASSES, 2, (1, 1), 4, **options)),
        ("BatchNormThroughTime", lambda **options: snn.models.vgg(CLASSES, 2, ((4,), (4,)), **options)),
        ("temporal_effective_batch_norm", lambda **options: snn.models.ms_resnet(CLASSES, 2, (1,), 4, **options)),
    ],
)
def test_networks_with_statistics_of_the_batch(norm, build):
    """Every trained array gets a gradient in training; what is kept moves, and is used in inference."""
    model, statistics = eqx.nn.make_with_state(build)(neuron=LIVELY, norm=NORMS[norm], key=KEY)
    batch = 2 + 3 * jr.normal(jr.key(1), (STEPS, 4, *IMAGE))

    def run(model, statistics):
        def one(xs):
            _, ys, after = snn.unroll(model, xs, statistics=statistics)
            return ys, after

        return jax.vmap(one, in_axes=1, out_axes=(1, None), axis_name="batch")(batch)

    @eqx.filter_jit
    @eqx.filter_grad(has_aux=True)
    def train(trained, rest, statistics):
        ys, after = run(eqx.combine(trained, rest), statistics)
        return jnp.sum(jnp.sin(jnp.arange(ys.size, dtype=ys.dtype)) * ys.ravel()), (ys, after)

    trained, rest = eqx.partition(model, snn.trainable(model))
    gradient, (ys, after) = train(trained, rest, statistics)
    assert ys.shape == (STEPS, 4, CLASSES)
    assert sum(leaf.size for leaf in jax.tree.leaves(gradient)) == snn.models.parameter_count(model)
    for path, leaf in jax.tree.leaves_with_path(gradient):
        assert jnp.isfinite(leaf).all(), path
        assert jnp.any(leaf != 0), path
    assert not eqx.tree_equal(after, statistics)
    quiet = eqx.nn.inference_mode(model)
    first, second = run(quiet, statistics)[0], run(quiet, after)[0]
    assert jnp.isfinite(second).all()
    assert (first != second).any()


@pytest.mark.parametrize("name", ["recurrent_snn", "lsnn", "vgg"])
def test_rates_of_networks_are_matched(name):
    """Also where there is no norm, by the weights in front of every layer."""
    build, shape = NETWORKS[name]
    model = snn.models.vgg(3, 2, ((4,), (4,)), norm=lambda _: eqx.nn.Identity(), key=KEY) if name == "vgg" else build()
    xs = jr.uniform(jr.key(1), (4, 10, *shape))
    assert min(snn.metrics.firing_rates(model, xs).values()) < 0.15
    rates = snn.metrics.firing_rates(snn.init.match_rates(model, xs, lower=0.15, upper=0.3), xs)
    assert all(0.15 <= rate <= 0.3 for rate in rates.values())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: snn.models.recurrent_snn(0, (3,), 2, key=KEY), "recurrent_snn was given in_features=0; it takes a"),
        (lambda: snn.models.recurrent_snn(3, (3, 0), 2, key=KEY), r"hidden_sizes=\(3, 0\); it takes numbers above 0"),
        (lambda: snn.models.lsnn(3, 0, 0, 2, key=KEY), "lsnn was given regular=0 and adaptive=0"),
        (lambda: snn.models.delay_network(3, (3,), 0, 2, key=KEY), "delay_network was given classes=0"),
        (lambda: snn.models.vgg(3, stages=((4,), (0,)), key=KEY), r"vgg was given channels=\(4, 0\)"),
        (lambda: snn.models.sew_resnet(3, blocks=(1, 0), key=KEY), r"sew_resnet was given blocks=\(1, 0\)"),
        (lambda: snn.models.ms_resnet(3, width=0, key=KEY), "ms_resnet was given width=0"),
        (lambda: snn.models.spikformer(3, width=12, heads=2, key=KEY), "spikformer was given width=12 and heads=2"),
        (lambda: snn.models.spikformer(3, depth=0, key=KEY), "spikformer was given depth=0"),
        (lambda: snn.models.SpikingAttention(4)([jnp.ones((6, 2))] * 3), "6 channels for 4 heads"),
        (lambda: snn.models.state_space_network(3, 2, modes=0, key=KEY), "state_space_network was given modes=0"),
        (lambda: snn.unroll(snn.models.DiagonalStateSpace(3, 2, key=KEY), jnp.ones((4, 2))), r"it takes \(3,\)"),
        (lambda: snn.models.PopulationHead(0), "PopulationHead.size was given 0"),
        (lambda: snn.models.PopulationMean(3)(jnp.ones(4)), "4 neurons for populations of 3"),
    ],
)
def test_networks_that_cannot_be(build, message):
    with pytest.raises(snn.InputError, match=message):
        build()
