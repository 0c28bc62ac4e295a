"""Convolution, pooling, up-sampling and dropout: against plain loops, and out of the time loop."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import step_by_step

METHOD = jax.image.ResizeMethod


def windows(x, size, stride, padding, empty=0.0):
    """For every place of a window, in order, the values in it: a plain loop. (channels, *space, members)."""
    x = np.pad(np.asarray(x), [(0, 0), *((p, p) for p in padding)], constant_values=empty)
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], size, stride, strict=True)]
    out = np.zeros((len(x), *counts, int(np.prod(size))))
    for c in range(len(x)):
        for place in itertools.product(*map(range, counts)):
            here = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, stride, size, strict=True))
            out[(c, *place)] = x[(c, *here)].ravel()
    return out


# The shape of a step, and the arguments of a pool, in full.
POOLS = [
    ((2, 7), (3,), (3,), (0,)),
    ((3, 6, 7), (2, 3), (2, 3), (0, 0)),
    ((2, 5, 6), (3, 2), (1, 2), (1, 0)),
    ((1, 4, 5, 3), (2, 2, 2), (2, 1, 1), (0, 0, 1)),
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLS)
def test_pools_are_loops_over_windows(shape, size, stride, padding, dtype):
    x = jr.normal(jr.key(0), shape, dtype)
    total = snn.nn.SumPool(size, stride, padding)(x)
    assert total.dtype == dtype
    expected = windows(x, size, stride, padding).sum(axis=-1)
    # Sums of at most eight numbers of size 1.
    np.testing.assert_allclose(total, expected, rtol=1e-6, atol=1e-6 if dtype == "float32" else 1e-14)
    spikes = snn.nn.SpikingMaxPool(size, stride, padding, threshold=0.8)(x)
    expected = windows(x, size, stride, padding, -np.inf).max(axis=-1) > 0.8
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(spikes, expected)


@pytest.mark.parametrize("count", [True, False], ids=["count", "first"])
@pytest.mark.parametrize(("shape", "size", "stride", "padding"), POOLS)
def test_gated_pools_are_loops_over_windows(shape, size, stride, padding, count):
    zs = np.asarray(jr.bernoulli(jr.key(1), 0.3, (9, *shape)).astype(float))
    score = snn.nn.SpikeCount() if count else snn.nn.FirstSpike()
    _, ys = snn.unroll(snn.nn.GatedMaxPool(size, stride, padding, score), jnp.asarray(zs))
    for t in range(9):
        if count:
            scores = zs[: t + 1].sum(axis=0)
        else:
            first = np.argmax(zs, axis=0)  # of those that have fired
            scores = np.where(zs[: t + 1].any(axis=0), 9.0 - first, 0.0)
        scores, spikes = (windows(a, size, stride, padding) for a in (scores, zs[t]))
        wins = scores == scores.max(axis=-1, keepdims=True)
        np.testing.assert_array_equal(ys[t], (wins & (spikes > 0)).any(axis=-1))


def test_gated_pools_fire_at_the_rate_of_the_busiest():
    rates = jnp.array([[0.1, 0.5, 0.3, 0.2]])
    zs = jr.bernoulli(jr.key(0), rates[None], (4000, 1, 4)).astype(float)
    _, gated = snn.unroll(snn.nn.GatedMaxPool(4), zs)
    _, either = snn.unroll(snn.nn.SpikingMaxPool(4), zs)
    np.testing.assert_allclose(gated.mean(), zs[:, 0, 1].mean(), atol=0.01)
    np.testing.assert_allclose(either.mean(), 1 - jnp.prod(1 - rates), atol=0.03)  # four standard deviations


def test_gradients_of_pools_go_to_the_winner():
    x = jnp.array([[0.2, 0.9, 0.1, 0.7]])
    surrogate = snn.SuperSpike()
    gradient = jax.grad(lambda x: snn.nn.SpikingMaxPool(2, surrogate=surrogate)(x).sum())(x)
    slopes = surrogate.derivative(jnp.array([0.9 - 0.5, 0.7 - 0.5]))
    np.testing.assert_allclose(gradient, [[0, slopes[0], 0, slopes[1]]], rtol=1e-12)
    xs = jnp.array([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]])
    gradient = jax.grad(lambda xs: snn.unroll(snn.nn.GatedMaxPool(2), 1.5 * xs)[1].sum())(xs)
    # Where two are equal, they share it.
    np.testing.assert_array_equal(gradient, 1.5 * jnp.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]]))


@pytest.mark.parametrize(("shape", "factor"), [((2, 3), 3), ((2, 3, 4), (2, 3)), ((1, 2, 2, 3), 2)])
def test_up_sampling(shape, factor):
    x = jr.normal(jr.key(0), shape)
    factors = (factor,) * (len(shape) - 1) if isinstance(factor, int) else factor
    near, linear = np.asarray(x), np.asarray(x)
    for axis, f in enumerate(factors, start=1):
        near = np.repeat(near, f, axis=axis)
        n = linear.shape[axis]
        at = (np.arange(n * f) + 0.5) / f - 0.5  # the centre of a new pixel, in old ones
        linear = np.apply_along_axis(lambda a, at=at, n=n: np.interp(at, np.arange(n), a), axis, linear)
    np.testing.assert_array_equal(snn.nn.Upsample(factor)(x), near)
    np.testing.assert_allclose(snn.nn.Upsample(factor, METHOD.LINEAR)(x), linear, rtol=1e-12, atol=1e-14)


def test_channels_last_is_a_change_of_axes():
    conv, pool = eqx.nn.Conv2d(3, 4, 3, padding=1, key=jr.key(0)), snn.nn.GatedMaxPool(2)
    xs = jr.normal(jr.key(1), (6, 4, 8, 3))
    _, ys = snn.unroll(snn.nn.channels_last(conv, snn.LIF(), pool), xs)
    _, first = snn.unroll(snn.Sequential(conv, snn.LIF(), pool), jnp.moveaxis(xs, -1, 1))
    assert ys.shape == (6, 2, 4, 4)
    np.testing.assert_array_equal(ys, jnp.moveaxis(first, 1, -1))
    assert ys.sum() > 0


def layers(dims):
    """What Equinox has for convolutional networks, from (4, 6, ...) on."""
    k1, k2, k3 = jr.split(jr.key(dims), 3)
    size = {1: "1d", 2: "2d", 3: "3d"}[dims]
    return {
        "conv": eqx.nn.Conv(dims, 4, 6, 3, padding=1, key=k1),
        "grouped": eqx.nn.Conv(dims, 4, 6, 3, groups=2, key=k2),
        "depthwise": eqx.nn.Conv(dims, 4, 4, 3, stride=2, groups=4, use_bias=False, key=k2),
        "transposed": eqx.nn.ConvTranspose(dims, 4, 3, 2, stride=2, key=k3),
        "average": getattr(eqx.nn, f"AvgPool{size}")(2, 2),
        "maximum": getattr(eqx.nn, f"MaxPool{size}")(3, 2, 1),
        "adaptive": getattr(eqx.nn, f"AdaptiveAvgPool{size}")(3),
        "adaptive-maximum": getattr(eqx.nn, f"AdaptiveMaxPool{size}")(2),
    }


@pytest.mark.parametrize(
    ("name", "dims"), [*((name, 2) for name in layers(2)), *itertools.product(["conv", "grouped", "adaptive"], [1, 3])]
)
def test_layers_of_equinox_leave_the_time_loop(name, dims):
    model = snn.Sequential(layers(dims)[name], snn.LIF(tau=3.0, threshold=0.3))
    xs = jr.normal(jr.key(0), (5, 4, *(6, 5, 4)[:dims]))
    final, ys, _ = step_by_step(model, xs)
    assert ys.sum() > 0
    again, outs = snn.unroll(model, xs)
    np.testing.assert_array_equal(outs, ys)
    np.testing.assert_allclose(again[1].v, final[1].v, rtol=1e-12, atol=1e-14)
    assert "all steps at once" in str(snn.explain(model, xs)).splitlines()[1]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_convolution_over_a_batch_of_sequences_is_one(groups):
    """Steps and examples are the batch of a single convolution, with groups too, and none is inside of a loop."""
    model = snn.Sequential(eqx.nn.Conv2d(4, 8, 3, groups=groups, key=jr.key(0)), snn.LIF())
    run = jax.vmap(lambda xs: snn.unroll(model, xs)[1], in_axes=1, out_axes=1)
    text = jax.jit(run).lower(jnp.ones((5, 3, 4, 6, 6))).as_text()
    lines = [line for line in text.splitlines() if "stablehlo.convolution" in line]
    assert len(lines) == 1
    assert "tensor<15x4x6x6x" in lines[0]
    assert f"feature_group_count = {groups}" in text


def test_one_mask_for_the_whole_sequence(dtype):
    layer = snn.nn.SequenceDropout(0.25)
    xs = jr.normal(jr.key(0), (7, 2000), dtype)
    mask, ys = snn.unroll(layer, xs, key=jr.key(1))
    np.testing.assert_array_equal(jnp.unique(mask), jnp.array([0, 1 / 0.75], dtype))
    np.testing.assert_array_equal(ys, xs * mask[None])
    np.testing.assert_allclose((mask == 0).mean(), 0.25, atol=0.04)  # four standard deviations
    other, _ = snn.unroll(layer, xs, key=jr.key(2))
    assert (other != mask).any()
    # Chunks share the mask, whatever their key.
    np.testing.assert_array_equal(snn.unroll(layer, xs, mask, key=jr.key(3))[1], ys)
    # In inference nothing is left out, with a state of training too.
    quiet = eqx.nn.inference_mode(layer)
    np.testing.assert_array_equal(snn.unroll(quiet, xs)[1], xs)
    np.testing.assert_array_equal(snn.unroll(quiet, xs, mask)[1], xs)
    # Examples of a batch have masks of their own.
    masks, _ = jax.vmap(lambda key: snn.unroll(layer, xs, key=key))(jr.split(jr.key(4), 2))
    assert (masks[0] != masks[1]).any()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: snn.nn.SumPool(0), r"SumPool.kernel_size was given 0; it takes whole numbers of at least 1"),
        (lambda: snn.nn.SumPool(2, (1, 0)), r"SumPool.stride was given \(1, 0\)"),
        (lambda: snn.nn.GatedMaxPool(2, 2, -1), r"GatedMaxPool.padding was given -1; it takes whole .* at least 0"),
        (lambda: snn.nn.SumPool(2)(jnp.ones(4)), r"SumPool was given one step of shape \(4,\)"),
        (lambda: snn.nn.SumPool((2, 2))(jnp.ones((1, 4))), r"it takes \(channels, \*space\)"),
        (lambda: snn.unroll(snn.nn.GatedMaxPool(5), jnp.ones((3, 1, 4))), r"shorter than a window"),
        (lambda: snn.nn.Upsample(0), r"Upsample.factor was given 0"),
        (lambda: snn.nn.Upsample((2, 2))(jnp.ones((1, 4))), r"Upsample was given one step of shape \(1, 4\)"),
        (lambda: snn.nn.SequenceDropout(1.0), r"SequenceDropout.p was given 1.0"),
        (lambda: snn.unroll(snn.nn.SequenceDropout(), jnp.ones((3, 4))), r"was given no key; it takes a PRNG key"),
    ],
)
def test_layers_that_cannot_be(build, message):
    with pytest.raises(snn.InputError, match=message):
        build()
