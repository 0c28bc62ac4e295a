"""snntorch's neurons over whole sequences, convolutional LSTM and layers: closed numbers, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import snntorch

XS = jnp.array([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
#: The factors per step of a beta of 0.5 and of 0: the time constants are 2 and 1.
SLOW, FAST = np.exp(-0.5), np.exp(-1.0)


def unrolled(cell, xs=XS, **options):
    return snn.unroll(cell, xs, record=lambda state, out: (state, out), **options)[1]


# --- StateLeaky and LinearLeaky ---


def test_state_leaky_decays_by_its_time_constant():
    state, zs = unrolled(snntorch.StateLeaky(jnp.array([0.5, 0.0]), 2, threshold=0.5))
    expected = [[1, 1], [SLOW, FAST], [SLOW**2 + 2, FAST**2], [SLOW**3 + 2 * SLOW, FAST**3]]
    np.testing.assert_allclose(state.v, expected, rtol=1e-6)
    assert zs.tolist() == [[1, 1], [1, 0], [1, 0], [1, 0]]


def test_state_leaky_forgets_what_it_does_not_hear():
    cell = snntorch.StateLeaky(jnp.array([0.5, 0.0]), 2, threshold=0.5, kernel_truncation_steps=2)
    expected = [[1, 1], [SLOW, FAST], [2, 0], [2 * SLOW, 0]]
    state, zs = unrolled(cell)
    np.testing.assert_allclose(state.v, expected, rtol=1e-6, atol=1e-7)
    assert zs.tolist() == [[1, 1], [1, 0], [1, 0], [1, 0]]
    now = snntorch.StateLeaky(0.5, 2, kernel_truncation_steps=1)
    np.testing.assert_allclose(unrolled(now)[0].v, XS, rtol=1e-6)
    # More steps than there are inputs are the same as all of them.
    all_steps, many = (snntorch.StateLeaky(0.5, 2, kernel_truncation_steps=n) for n in (None, 9))
    np.testing.assert_allclose(unrolled(all_steps)[0].v, unrolled(many)[0].v, rtol=1e-6)


@pytest.mark.parametrize("steps", [None, 3])
def test_state_leaky_puts_out_rounded_membranes(steps):
    cell = snntorch.StateLeaky(0.5, 2, output=False, state_quant=jnp.round, kernel_truncation_steps=steps)
    np.testing.assert_allclose(unrolled(cell)[1], [[1, 1], [1, 1], [2, 0], [1, 0]])
    # Rounded to 1, a membrane does not reach what it is above of unrounded: 0.61 > 0.6, and 2.37 > 2.2.
    spiking = snntorch.StateLeaky(0.5, 2, threshold=2.2, state_quant=jnp.round, kernel_truncation_steps=steps)
    assert not unrolled(spiking)[1].any()
    assert unrolled(snntorch.StateLeaky(0.5, 2, threshold=2.2, kernel_truncation_steps=steps))[1].any()


def test_state_leaky_multiplies_by_its_factor_twice():
    cell = snntorch.StateLeaky(0.5, 2, threshold=0.5, graded_spikes_factor=3.0)
    assert unrolled(cell)[1].tolist() == [[9, 9], [9, 9], [9, 0], [9, 0]]

    def total(factor):
        learned = snntorch.StateLeaky(
            0.5, 2, threshold=0.5, graded_spikes_factor=factor, learn_graded_spikes_factor=True
        )
        return unrolled(learned)[1].sum()

    value, slope = jax.value_and_grad(total)(jnp.array(3.0))
    assert (value, slope) == (54.0, 36.0)  # six spikes


@pytest.mark.parametrize("steps", [None, 3])
def test_state_leaky_learns_its_time_constant(steps):
    cell = snntorch.StateLeaky(0.5, 2, learn_beta=True, output=False, kernel_truncation_steps=steps)
    assert len(jax.tree.leaves(eqx.filter(cell, snn.trainable(cell)))) == 1

    def last(cell):
        return unrolled(cell)[1][2, 0]  # exp(-2 / tau) + 2

    slope = eqx.filter_grad(last)(cell).tau
    np.testing.assert_allclose(slope, np.exp(-1.0) * 2 / 4, rtol=1e-5)


def test_linear_leaky_is_a_layer_and_a_neuron(getkey):
    cell = snntorch.LinearLeaky(0.5, 2, 1, output=False, kernel_truncation_steps=2, key=getkey())
    cell = eqx.tree_at(lambda c: [c[0].weight, c[0].bias], cell, [jnp.array([[1.0, 2.0]]), jnp.array([0.5])])
    np.testing.assert_allclose(unrolled(cell)[1][:2, 0], [3.5, 0.5 + 3.5 * SLOW], rtol=1e-6)
    half = snntorch.LinearLeaky(0.5, 2, 1, bias=False, dtype=jnp.float16, key=getkey())
    assert half[0].weight.dtype == jnp.float16
    assert half[0].bias is None


# --- AssociativeLeaky ---


LINEAR = ("weight", "bias")


def test_associative_leaky_adds_up_products(getkey):
    def layers(cell):
        return [getattr(layer, name) for layer in (cell.to_v, cell.to_k, cell.to_alpha, cell.to_q) for name in LINEAR]

    weights = [([2.0], [0.0]), ([1.0, 2.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, np.log(3.0)]), ([1.0, 0.5], [0.0, 1.0])]
    weights = [array for weight, bias in weights for array in (jnp.array(weight)[:, None], jnp.array(bias))]
    cell = eqx.tree_at(layers, snntorch.AssociativeLeaky(1, 1, 2, key=getkey()), weights)
    state, ys = unrolled(cell, jnp.array([[1.0], [0.5]]))
    # Decays of 0.5 and 0.75; writes 2 x (x, 2 x).
    np.testing.assert_allclose(state.v[:, 0], [[2.0, 4.0], [1.0 + 0.5, 3.0 + 1.0]], rtol=1e-6)
    np.testing.assert_allclose(state.product, [[0.5, 0.75], [0.25, 0.5625]], rtol=1e-6)
    # All four are spikes; the queries are (x, 0.5 x + 1).
    np.testing.assert_allclose(ys[:, 0], [1.0 + 1.5, 0.5 + 1.25], rtol=1e-6)


def test_associative_leaky_without_projection_and_from_its_size(getkey):
    key = getkey()
    cell = snntorch.AssociativeLeaky.from_num_spiking_neurons(3, 9, use_q_projection=False, key=key)
    same = snntorch.AssociativeLeaky(3, 3, 3, 9, use_q_projection=False, key=key)
    assert eqx.tree_equal(cell, same)
    state, ys = unrolled(cell, 4 * jr.normal(getkey(), (6, 3)))
    assert ys.any()
    assert ys.tolist() == (state.v > 1).reshape(6, 9).tolist()


def test_what_associative_leaky_writes_fades(getkey):
    """A product of decays of 1e-8 halves what is written."""
    cell = snntorch.AssociativeLeaky(1, 1, 1, use_q_projection=False, key=getkey())
    fresh = cell.init_state(jnp.zeros(1))
    decay = cell(fresh, jnp.ones(1))[0].product
    faded = eqx.tree_at(lambda s: s.product, fresh, 1e-8 / decay)
    whole, half = (cell(state, jnp.ones(1))[0].v for state in (fresh, faded))
    np.testing.assert_allclose(half, whole / 2, rtol=1e-5)


# --- SConv2dLSTM ---


def conv_lstm(weights, **options):
    """One channel, kernels of one pixel: the gates are `weights @ (x, v)`."""
    cell = snntorch.SConv2dLSTM(1, 1, 1, bias=False, **{"threshold": 0.2, **options}, key=jr.key(0))
    return eqx.tree_at(lambda c: c.conv.weight, cell, jnp.array(weights).reshape(4, 2, 1, 1))


#: Gates of one half, and what comes in is the input.
HALF = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
IMAGES = jnp.array([[[[1.0, 2.0], [0.0, -1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])


@pytest.mark.parametrize("reset_mechanism", ["none", "subtract", "zero"])
def test_sconv2dlstm(reset_mechanism):
    state, zs = unrolled(conv_lstm(HALF, reset_mechanism=reset_mechanism), IMAGES)
    i = [np.tanh(IMAGES[0]) / 2, np.tanh(IMAGES[0]) / 4]
    v = [np.tanh(i[0]) / 2, np.tanh(i[1]) / 2]
    fired = v[0] > 0.2
    v[1] = {"none": v[1], "subtract": v[1] - 0.2 * fired, "zero": v[1] * ~fired}[reset_mechanism]
    np.testing.assert_allclose(state.i, i, rtol=1e-5)
    np.testing.assert_allclose(state.v, v, rtol=1e-5, atol=1e-7)
    assert zs.tolist() == (np.stack(v) > 0.2).tolist()
    assert fired.sum() == 1


@pytest.mark.parametrize(("pool", "spikes"), [({"max_pool": 2}, [[[1]]]), ({"avg_pool": (1, 2)}, [[[1], [0]]])])
def test_sconv2dlstm_pools_before_it_fires(pool, spikes):
    # The membranes are 0.18, 0.22, 0 and -0.18.
    state, zs = unrolled(conv_lstm(HALF, **{"threshold": 0.19}, **pool), IMAGES)
    assert zs[0].tolist() == spikes
    assert state.v.shape == IMAGES.shape


def test_sconv2dlstm_hears_its_output():
    cell = conv_lstm([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 3.0]])
    state, _ = unrolled(cell, IMAGES)
    v = np.tanh(np.tanh(IMAGES[0]) / 2) / 2
    np.testing.assert_allclose(state.i[1], np.tanh(IMAGES[0]) / 4 + np.tanh(3 * v) / 2, rtol=1e-5)


def test_sconv2dlstm_rounds_before_and_after_pooling():
    def coarse(v):
        return jnp.round(v * 10) / 10

    cell = conv_lstm(HALF, avg_pool=2, threshold=0.09, state_quant=coarse)
    state, zs = unrolled(cell, jnp.array([[[[1.0, 1.0], [0.0, 0.0]]]]))
    # Rounded: 0.2, 0.2, 0, 0; their mean 0.1.
    np.testing.assert_allclose(state.v[0, 0], [[0.2, 0.2], [0.0, 0.0]], rtol=1e-6)
    assert zs.item() == 1
    # The mean 0.05 of one 0.2 is rounded to zero.
    assert unrolled(cell, jnp.array([[[[1.0, 0.0], [0.0, 0.0]]]]))[1].item() == 0


def test_sconv2dlstm_keeps_sizes_and_dtypes(getkey):
    cell = snntorch.SConv2dLSTM(2, 3, (3, 5), learn_threshold=True, key=getkey())
    xs = jr.normal(getkey(), (4, 2, 6, 5), jnp.float32)
    state, zs = unrolled(cell, xs)
    assert (state.v.shape, zs.shape, state.v.dtype, zs.dtype) == ((4, 3, 6, 5), (4, 3, 6, 5), xs.dtype, xs.dtype)
    assert len(jax.tree.leaves(eqx.filter(cell, snn.trainable(cell)))) == 3
    slope = eqx.filter_grad(lambda cell: snn.unroll(cell, xs)[1].sum())(cell)
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(slope))
    with pytest.raises(snn.InputError, match=r"it takes \(2, height, width\)"):
        snn.unroll(cell, xs[:, :1])


# --- layers ---


def test_graded_spikes(getkey):
    layer = snntorch.GradedSpikes(2, constant_factor=2.5)
    assert layer(jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).tolist() == [[2.5, 0.0, 2.5], [0.0, 2.5, 0.0]]
    drawn = snntorch.GradedSpikes(1000, key=getkey())
    assert 0.5 <= drawn.weights.min() < 0.52
    assert 1.48 < drawn.weights.max() <= 1.5
    network = snn.Sequential(snn.IF(), layer)
    assert snn.unroll(network, jnp.array([[1.5, 0.2]]))[1].tolist() == [[2.5, 0.0]]
    assert len(jax.tree.leaves(eqx.filter(network, snn.trainable(network)))) == 1
    with pytest.raises(snn.InputError, match="it takes 2 neurons"):
        layer(jnp.ones(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snntorch.StateLeaky(1.1, 2), "one number of at most 1"),
        (lambda: snntorch.StateLeaky(jnp.ones(3), 2), "for 2 channels"),
        (lambda: snntorch.StateLeaky(0.5, 2, kernel_truncation_steps=0), "at least 1"),
        (lambda: snntorch.StateLeaky(0.5, 2, output=False, learn_threshold=True), "given learn_threshold and output"),
        (lambda: snntorch.StateLeaky(0.5, 2, output=False, graded_spikes_factor=2.0), "given graded_spikes_factor and"),
        (lambda: snntorch.LinearLeaky(0.5, 2, 2), "a key to draw its weights"),
        (lambda: snntorch.AssociativeLeaky(2, 2, 2), "a key to draw its weights"),
        (lambda: snntorch.AssociativeLeaky(2, 2, 2, 5, key=jr.key(0)), "num_spiking_neurons=5"),
        (lambda: snntorch.AssociativeLeaky.from_num_spiking_neurons(2, 8, key=jr.key(0)), "a square number"),
        (lambda: snntorch.SConv2dLSTM(1, 1, 2, key=jr.key(0)), "odd sizes"),
        (lambda: snntorch.SConv2dLSTM(1, 1, 3), "a key to draw the weights"),
        (lambda: snntorch.SConv2dLSTM(1, 1, 3, max_pool=2, avg_pool=2, key=jr.key(0)), "at most one"),
        (lambda: snntorch.SConv2dLSTM(1, 1, 3, output=True, key=jr.key(0)), "was given output=True"),
        (lambda: snntorch.GradedSpikes(3), "and no key"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
