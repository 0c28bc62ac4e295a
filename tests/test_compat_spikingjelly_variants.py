"""SpikingJelly's other neurons, losses, encoders and recurrent layers, against numbers worked out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import spikingjelly as sj
from snnjax.compat.spikingjelly import encoding, functional, surrogate


def membranes(node, xs):
    return snn.unroll(node, jnp.asarray(xs), record=lambda state, out: (state.v, out))[1]


def check(node, xs, vs, zs):
    """Membranes after the reset, and outputs; all numbers are exact in binary."""
    found_v, found_z = membranes(node, xs)
    np.testing.assert_allclose(found_v, vs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found_z, zs, rtol=1e-12, atol=1e-12)


def test_simple_nodes_start_at_zero():
    check(sj.SimpleIFNode(1.0, -0.5), [0.5, 0.5, 0.5], [0.5, -0.5, 0.0], [0, 1, 0])
    assert sj.IFNode(1.0, -0.5).init_state(jnp.zeros(())).v == -0.5
    # v = v + (-0.5 - v + x) / 2
    check(sj.SimpleLIFNode(2.0, True, 1.0, -0.5), [0.5, 2.5, 0.0], [0.0, -0.5, -0.5], [0, 1, 0])
    check(sj.SimpleLIFNode(2.0, False, 1.0, -0.5), [0.5, 1.0, 0.0], [0.25, 0.875, 0.1875], [0, 0, 0])


def test_ternary_spikes():
    xs = [1.5, -1.0, -1.5, 0.25]
    check(sj.TernaryIFNode(1.0, None), xs, [0.5, -0.5, -1.0, -0.75], [1, 0, -1, 0])
    check(sj.TernaryIFNode(1.0, 0.25), xs, [0.25, -0.75, 0.25, 0.5], [1, 0, -1, 0])
    check(sj.TernaryLIFNode(2.0, True, 1.0, None), [3.0, -4.0], [0.5, -0.75], [1, -1])
    check(sj.TernaryLIFNode(2.0, False, 1.0, 0.5), [1.0, -2.5], [0.5, 0.5], [1, -1])


@pytest.mark.parametrize("v_reset", [None, 0.25])
def test_ternary_resets_hear_both_surrogates(v_reset):
    """A hard reset is by the sum of the two spikes, a soft one by their difference: so are the derivatives."""
    spike = surrogate.Rect(0.25)  # derivative 1/4 up to a distance of 2

    def after(x):
        node = sj.TernaryIFNode(1.0, v_reset, spike)
        return node(node.init_state(jnp.zeros(())), x)[0].v

    def output(x):
        node = sj.TernaryIFNode(1.0, v_reset, spike)
        return node(node.init_state(jnp.zeros(())), x)[1]

    # From 0.25 (0 with a soft reset) by 1/2, v = 0.75 (1/2): both surrogates are heard, each with 1/4.
    x = jnp.array(0.5)
    assert jax.grad(output)(x) == 0.5
    # soft: v - z, so 1 - 1/2; hard: (1 - e) v + e / 4, and e has the derivative 1/4 - 1/4.
    assert jax.grad(after)(x) == (0.5 if v_reset is None else 1.0)


def test_klif():
    # v = relu(k (v + (x - v) / 2)), k = 2
    xs = [0.25, 1.5, -4.0, 1.0]
    node = eqx.tree_at(lambda n: n.k, sj.KLIFNode(v_reset=None), jnp.array(2.0))
    check(node, xs, [0.25, 0.75, 0.0, 0.0], [0, 1, 0, 1])
    # with scale_reset v / 2 - z / 2 is stored
    node = eqx.tree_at(lambda n: n.k, sj.KLIFNode(True, v_reset=None), jnp.array(2.0))
    check(node, xs, [0.125, 0.3125, 0.0, 0.0], [0, 1, 0, 1])
    # a hard reset goes to the value itself
    node = eqx.tree_at(lambda n: n.k, sj.KLIFNode(True, v_reset=0.25), jnp.array(2.0))
    check(node, [0.25, 3.0], [0.375, 0.25], [0, 1])


def test_complementary_lif():
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    v = m = 0.0
    wanted = []
    for x in (xs := [1.5, 1.0, 0.5, 2.0]):
        v = v - v / 2 + x
        m, z = m * sigmoid(v / 2), float(v >= 1)
        m = m + z
        v = v - z * (1 + sigmoid(m))
        wanted.append((v, z))
    check(sj.ComplementaryLIFNode(2.0), xs, *zip(*wanted, strict=True))
    assert [z for _, z in wanted] == [1, 0, 0, 1]


@pytest.mark.parametrize("threshold_related", [False, True])
def test_liaf_puts_out_the_membrane_before_the_reset(threshold_related):
    node = sj.LIAFNode(jnp.square, threshold_related, tau=2.0, v_threshold=1.0, v_reset=None)
    # before the reset v = 1/2, 3/2, 1/4
    outs = np.square(np.array([0.5, 1.5, 0.25]) - threshold_related)
    check(node, [1.0, 2.5, 0.0], [0.5, 0.5, 0.25], outs)


def test_integer_spikes():
    # tau = 4 / 3: v = v / 4 + x; in thresholds of 1/2, at most 4; halves are rounded to even.
    node = sj.ILIFNode(v_threshold=0.5)
    check(node, [1.25, -1.0, 9.0, 0.0], [0.25, -0.9375, 6.765625, 0.19140625], [2, 0, 4, 3])

    def spike(x, **options):
        node = sj.ILIFNode(v_threshold=0.5, surrogate_function=surrogate.MultiLevelSpikeCount(4, **options))
        return node(node.init_state(x), x)[1]

    slope = jax.vmap(jax.grad(spike))
    assert slope(jnp.array([-0.1, 0.0, 0.3, 2.0, 2.1])).tolist() == [0, 2, 2, 2, 0]
    wide = jax.vmap(jax.grad(lambda x: spike(x, grad_window=(-1.0, 1.0))))
    assert wide(jnp.array([-0.5, 0.5, 0.6])).tolist() == [2, 2, 0]


def test_multi_level_spike_count_unrounded():
    smooth = surrogate.MultiLevelSpikeCount(2, spiking=False)
    xs = jnp.array([-0.5, 0.0, 1.25, 2.0, 2.5])
    assert smooth(xs).tolist() == [0, 0, 1.25, 2, 2]
    assert jax.vmap(jax.grad(smooth))(xs).tolist() == [0, 1, 1, 1, 0]
    assert smooth.fire(jnp.array(1.5), 1.0) == 0.5


def test_poisson_pass():
    spike = surrogate.PoissonPass()
    zs = spike(jnp.full(4000, 0.25), key=jr.key(0))
    assert set(np.unique(zs)) == {0.0, 1.0}
    assert abs(zs.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 4000)
    assert jax.grad(lambda x: spike(x, key=jr.key(0)))(jnp.array(0.3)) == 1.0
    assert surrogate.PoissonPass(spiking=False)(jnp.array(0.3)) == 0.3
    _, zs = snn.unroll(sj.IFNode(0.0, surrogate_function=spike), jnp.ones((3, 2)), key=jr.key(0))
    assert zs.tolist() == [[1, 1]] * 3


def test_resonate_and_fire_resets_the_membrane_alone():
    # A quarter turn per step without much damping: u and v change places.
    decay = 0.5
    b, omega = np.log(decay), np.pi / 2
    node = sj.RAFNode(b, omega, 1.0, v_threshold=0.75, v_reset=-0.25)
    state, states = node.init_state(jnp.zeros(())), []
    for x in [2.0, 0.5, 0.0]:
        state, z = node(state, jnp.array(x))
        states.append((state.u.item(), state.v.item(), z.item()))
    # start (0, -1/4); (1/8 + 2, 0); (1/2, 17/16 -> -1/4); (1/8, 1/4)
    np.testing.assert_allclose(states, [(2.125, 0, 0), (0.5, -0.25, 1), (0.125, 0.25, 0)], atol=1e-12)
    soft = sj.RAFNode(b, omega, 1.0, v_threshold=0.75, v_reset=None)
    final, _ = snn.unroll(soft, jnp.array([2.0, 0.5]))
    assert (final.u.item(), final.v.item()) == pytest.approx((0.5, 0.25))


def test_activation_aware_thresholds():
    node = sj.ActivationAwareIFNode(jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0]), channel_dim=-2)
    _, zs = snn.unroll(node, jnp.full((4, 2, 3), 0.5))
    # v = 0.5 fires with the offset, then -0.5 + ...; the second fires at 2.
    assert zs[:, 0, 0].tolist() == [1, 0, 1, 0]
    assert zs[:, 1, 0].tolist() == [0, 0, 0, 1]
    assert not any(jax.tree.leaves(snn.trainable(node)))


def test_gated_lif():
    """With gates of 1 a leaky neuron reset to zero, with gates of 0 one with a constant leak and a soft reset."""
    node = sj.GatedLIFNode(T=4, init_tau=0.5, init_v_threshold=0.5, init_linear_decay=0.125, key=jr.key(0))
    assert all(abs(gate.raw) <= 0.1 for gate in (node.alpha, node.beta, node.gamma))
    assert node.conduct.raw.shape == (4,)
    shapes = sj.GatedLIFNode(T=4, inplane=2, key=jr.key(0))
    assert shapes.tau.raw.shape == (2, 1, 1)
    assert shapes.conduct.raw.shape == (4, 2, 1, 1)
    assert shapes.linear_decay.resolve().ravel()[0] == pytest.approx(0.5 / 8)
    assert shapes.v_subreset.resolve().ravel()[0] == pytest.approx(0.5)

    def gated(value):
        return eqx.tree_at(lambda n: (n.alpha, n.beta, n.gamma), node, (jnp.array(value),) * 3)

    # gates 1: v = v / 2 (1 - z) + x / 2;  gates 0: v = v - 1/8 + x - z / 2
    check(gated(1.0), [2.0, 1.5, 0.5, 0.0], [1.0, 0.75, 0.25, 0.125], [1, 1, 0, 0])
    check(gated(0.0), [1.0, 0.0, 0.5, 0.0], [0.875, 0.25, 0.625, 0.0], [1, 0, 1, 0])
    with pytest.raises(Exception, match="more than 4 steps"):
        snn.unroll(node, jnp.ones(5))


def test_no_gradient_goes_through_time():
    def gradient(make):
        def total(xs):
            out = snn.unroll(make(v_reset=None, decay_input=False), xs)[1]
            return (out[0] if isinstance(out, tuple) else out)[-1]

        return jax.grad(total)(jnp.array([0.5, 0.25]))

    # Only the last step's input: the derivative of a sigmoid of 4 v at v = 1/2 - 1.
    s = 1 / (1 + np.exp(2))
    for make in (sj.SLTTLIFNode, sj.OTTTLIFNode):
        np.testing.assert_allclose(gradient(make), [0, 4 * s * (1 - s)], rtol=1e-9)
    assert (gradient(sj.LIFNode) > 0).all()


def test_traces():
    _, (zs, traces) = snn.unroll(sj.OTTTLIFNode(tau=2.0), jnp.array([1.0, 1.0, 0.0]))
    assert zs.tolist() == [1, 1, 0]
    assert traces.tolist() == [1, 1.5, 0.75]


def test_layers_learn_from_traces():
    weight = jnp.array([[2.0]])
    z, trace = jnp.array([1.0]), jnp.array([1.5])

    def out(weight, z, trace):
        return sj.GradwithTrace(lambda x: weight @ x)((z, trace))[0]

    value, slopes = jax.value_and_grad(out, (0, 1, 2))(weight, z, trace)
    assert (value, *(s.item() for s in slopes)) == (2.0, 1.5, 2.0, 0.0)

    def pooled(z, trace):
        return sum(y.sum() for y in sj.SpikeTraceOp(lambda x: 3 * x)((z, trace)))

    assert [s.item() for s in jax.grad(pooled, (0, 1))(z, trace)] == [3.0, 0.0]

    linear = eqx.nn.Linear(2, 2, key=jr.key(0))
    model = sj.OTTTSequential(linear, sj.OTTTLIFNode(), jnp.negative, sj.OTTTLIFNode(), linear)
    kinds = [type(getattr(layer, "layer", layer)).__name__ for layer in model.layers]
    assert kinds == ["Linear", "TracedLIF", "SpikeTraceOp", "function", "TracedLIF", "GradwithTrace"]


def test_differentiation_on_the_representation():
    """Graded spikes, and the derivative of the clipped rate, worked out by hand."""
    weights = jnp.array([1.0, 2.0, 3.0, 6.0])

    def total(node, xs):
        return (weights @ snn.unroll(node, xs)[1]).sum()

    def gradients(node, xs):
        threshold, slope = jax.grad(lambda t, xs: total(eqx.tree_at(lambda n: n.threshold, node, t), xs), (0, 1))(
            node.threshold, xs
        )
        return threshold.item(), slope

    node = sj.DSRIFNode(T=4, v_threshold=2.0, alpha=0.5, v_threshold_grad_scaling=3.0)
    # v = 1/2, 5/4 - 2, -1/4, 3/4;  rates 5/8, 5/2 above the threshold, and -1
    xs = jnp.array([[0.5, 3.0, -1.0], [0.75, 3.0, -1.0], [0.5, 3.0, -1.0], [1.0, 1.0, -1.0]])
    final, zs = snn.unroll(node, xs)
    assert zs[:, 0].tolist() == [0, 2, 0, 0]
    assert final.v[0] == 0.75
    threshold, slope = gradients(node, xs)
    # the mean of the weights goes to every input inside, three times their sum to the threshold below the second
    assert slope.tolist() == [[3.0, 0.0, 0.0]] * 4
    assert threshold == 36.0

    leaky = sj.DSRLIFNode(T=4, v_threshold=1.0, tau=0.5, delta_t=0.5, alpha=0.5)
    # decay 1/e; spikes of 1 / delta_t where v >= 1/2
    v, wanted = 0.0, []
    for x in [0.5, 1.0, 0.5, 0.25]:
        v = np.exp(-1) * v + (1 - np.exp(-1)) * x
        z = float(v >= 0.5)
        v -= z
        wanted.append(2 * z)
    xs = jnp.array([[0.5, 4.0], [1.0, 4.0], [0.5, 4.0], [0.25, 4.0]])
    assert snn.unroll(leaky, xs)[1][:, 0].tolist() == wanted
    late = np.exp(-np.arange(3.0, -1.0, -1.0))
    mean = (late / late.sum() * weights).sum()
    threshold, slope = gradients(leaky, xs)
    np.testing.assert_allclose(slope, [[mean / 0.5, 0.0]] * 4, rtol=1e-12)
    assert threshold == pytest.approx(mean * 4 * 0.5)

    low = eqx.tree_at(lambda n: n.threshold, node, jnp.array(0.001))
    assert gradients(low, xs[:, 1:2])[0] == 0
    assert snn.unroll(low, xs)[1].max() == 0.01
    constant = sj.DSRIFNode(T=4, v_threshold=2.0, v_threshold_training=False)
    assert not any(jax.tree.leaves(snn.trainable(constant)))
    with pytest.raises(Exception, match="was stepped; it takes whole sequences"):
        node(node.init_state(jnp.zeros(())), jnp.array(1.0))


def test_bipolar_neuron_sends_the_quantised_input():
    node = sj.STBIFNode(0.5, level=4)
    # v = 1/2 + x / q, in quanta: 3.5 sends three, of which three are the most; -2 takes them back, but no more.
    xs = jnp.array([1.5, 0.0, 0.0, 1.0, -4.0, 0.0, 0.0, 0.0])
    _, outs = snn.unroll(node, xs)
    assert outs.tolist() == [0.5, 0.5, 0.5, 0.0, -0.5, -0.5, -0.5, 0.0]
    _, outs = snn.unroll(sj.STBIFNode(0.5, level=4, sym=True), -xs)
    assert outs.tolist() == [-0.5, -0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 0.0]
    _, outs = snn.unroll(sj.STBIFNode(0.5, level=4, pos_max=1.0), xs)
    assert outs.tolist() == [0.5, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0]


def test_tables_of_few_spikes():
    binary = sj.FewSpikeTable([2.0, 1.0], [2.0, 1.0], [2.0, 1.0])
    coarse = sj.FewSpikeTable([4.0, 2.0], [4.0, 2.0], [10.0, 1.0])
    xs = jnp.array([-3.0, 0.5, 1.5, 3.5, 6.0])
    node = sj.FewSpikeNode(binary, surrogate.Rect(0.1))
    assert node.spikes(xs).tolist() == [[0, 0, 0, 2, 2], [0, 0, 1, 1, 1]]
    assert node(xs).tolist() == [0, 0, 1, 3, 3]
    # z0 = H(x - 2), z1 = H(x - 2 z0 - 1), both with the derivative 1/10: 2/10 + (1 - 2/10) / 10
    assert jax.grad(node)(jnp.array(1.5)) == pytest.approx(0.28)
    assert sj.OutlierAwareThresholdNode(binary, coarse, 3.0)(xs).tolist() == [-3, 0, 1, 1, 11]
    clamped = sj.OutlierAwareThresholdNode(binary, coarse, 3.0, 5.0, surrogate.Rect(0.1))
    assert clamped(xs).tolist() == [-3, 0, 1, 1, 10]
    assert jax.grad(clamped)(jnp.array(6.0)) == 0
    assert sj.HGNode([binary, coarse, binary], [1.5, 4.0])(xs).tolist() == [0, 0, 1, 1, 3]


def test_kernels():
    x, y = jnp.array([[1.0, 2.0], [0.0, 1.0]]), jnp.array([[1.0, 0.0]])
    assert functional.kernel_dot_product(x, y).tolist() == [[1], [0]]
    assert functional.kernel_dot_product(x, y, "polynomial", 2).tolist() == [[1], [0]]
    assert functional.kernel_dot_product(x, y, "sigmoid", 2.0)[1, 0] == 0.5
    np.testing.assert_allclose(functional.kernel_dot_product(x, y, "gaussian", 2.0), np.exp([[-0.5], [-0.25]]))


def test_spike_similar_loss():
    spikes = jnp.array([[[1.0], [0.0]], [[1.0], [1.0]], [[0.0], [0.0]]])
    labels = jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    # Cosines 1, 1/sqrt(2), and 0 with the silent one; wanted is 1 but between the first and the last.
    c = 1 / np.sqrt(2)
    loss = functional.spike_similar_loss(spikes, labels)
    assert loss == pytest.approx((2 * (1 - c) ** 2 + 1 + 2) / 9, abs=1e-7)
    assert functional.spike_similar_loss(spikes, labels, "linear", "l1") == pytest.approx(
        (2 * (1 - c) + 3) / 9, abs=1e-7
    )
    cross = functional.spike_similar_loss(spikes, labels, "gaussian", "bce", 1.0)
    p01, p02, p12 = np.exp(-0.5), np.exp(-0.5), np.exp(-1.0)
    wanted = -2 * (np.log(p01) + np.log(1 - p02) + np.log(p12)) / 9
    assert cross == pytest.approx(wanted)
    alone = jnp.ones((1, 1))
    assert jax.grad(functional.spike_similar_loss)(alone, alone, "polynomial", "l1", 1) == 0
    for kind in ("mse", "l1", "bce"):
        gradient = jax.grad(functional.spike_similar_loss)(spikes, labels, "linear", kind)
        assert jnp.isfinite(gradient).all()


def test_temporal_efficient_training():
    xs = jnp.array([[0.0, 0.0], [np.log(3.0), 0.0]])
    # -log(1/2) and -log(3/4), each step by itself
    wanted = (np.log(2) + np.log(4 / 3)) / 2
    assert functional.temporal_efficient_training_cross_entropy(xs, 0) == pytest.approx(wanted)
    places = jnp.stack([xs, -xs], axis=-1)
    loss = functional.temporal_efficient_training_cross_entropy(places, jnp.array([0, 1]))
    assert loss == pytest.approx(wanted)
    with pytest.raises(ValueError, match="label is 2"):
        functional.temporal_efficient_training_cross_entropy(xs, 2)


def test_small_functions():
    assert functional.redundant_one_hot(jnp.array([1]), 2, 3).tolist() == [[0, 0, 0, 1, 1, 1]]
    assert functional.first_spike_index(jnp.array([[0.0, 1, 1], [0, 0, 0]])).tolist() == [
        [False, True, False],
        [False] * 3,
    ]
    xs = jnp.array([1.0, 2.0, 3.0])
    assert [functional.delay(xs, n).tolist() for n in (0, 1, 3, 5)] == [[1, 2, 3], [0, 1, 2], [0, 0, 0], [0, 0, 0]]


def test_populations():
    options = (2, 3, 4, (-1.0, 1.0), 0.5)
    currents = encoding.PopEncoder(*options)(jnp.array([0.0, 1.0]))
    far, near = np.exp(-2.0), 1.0
    np.testing.assert_allclose(currents, [[far, near, far, np.exp(-8.0), far, near]] * 4, rtol=1e-12)
    zs = encoding.PopSpikeEncoderDeterministic(*options)(jnp.array([0.5, 1.0]))
    # exp(-1/2) = 0.607 is heard by two fields: it fires in steps 2 and 4, at 1.213 and 1.428.
    assert zs[:, 1].tolist() == zs[:, 2].tolist() == [0, 1, 0, 1]
    assert zs[:, 5].tolist() == [1, 1, 1, 1]
    drawn = encoding.PopSpikeEncoderRandom(1, 3, 2000, (-1.0, 1.0), 0.5)(jnp.array([0.0]), key=jr.key(0))
    assert drawn[:, 1].all()
    assert abs(drawn[:, 0].mean() - far) < 4 * np.sqrt(far * (1 - far) / 2000)
    gradient = eqx.filter_grad(lambda e: e(jnp.array([0.25, 0.5])).sum())(
        encoding.PopSpikeEncoderDeterministic(*options)
    )
    assert all((g != 0).all() for g in jax.tree.leaves(gradient))


def with_weights(cell, ih, hh, biases=None):
    gates = cell.gates
    gates = eqx.tree_at(lambda g: (g.weight_ih, g.weight_hh), gates, (jnp.asarray(ih), jnp.asarray(hh)))
    if biases is not None:
        gates = eqx.tree_at(lambda g: (g.bias_ih, g.bias_hh), gates, tuple(map(jnp.asarray, biases)))
    return eqx.tree_at(lambda c: c.gates, cell, gates)


def test_recurrent_cells():
    key = jr.key(0)
    vanilla = sj.SpikingVanillaRNNCell(1, 1, key=key)
    assert all(jnp.abs(a).max() <= 1 for a in jax.tree.leaves(vanilla.gates))
    vanilla = with_weights(vanilla, [[1.0]], [[-2.0]], ([0.25], [-0.75]))
    # fires at x - 1/2 - 2 h >= 0
    assert snn.unroll(vanilla, jnp.ones((4, 1)))[1][:, 0].tolist() == [1, 0, 1, 0]

    lstm = with_weights(sj.SpikingLSTMCell(1, 1, False, key=key), [[1.0], [1.0], [1.0], [-1.0]], [[0.0]] * 4)
    final, hs = snn.unroll(lstm, jnp.array([[1.0], [0.0], [-1.0], [0.0]]))
    # i, f, g at x >= 0, o at x <= 0: c = 1, 2 -> 1, 0, 1
    assert hs[:, 0].tolist() == [0, 1, 0, 1]
    assert final.c.tolist() == [1]

    smooth = surrogate.Sigmoid(1.0, spiking=False)
    gru = with_weights(sj.SpikingGRUCell(1, 1, False, smooth, key=key), [[0.0], [0.0], [1.0]], [[0.0], [0.0], [2.0]])
    _, hs = snn.unroll(gru, jnp.array([[1.0], [0.5]]))
    # r = z = 1/2: h = n / 2 + h / 2, n = sigmoid(x + h)
    first = 0.5 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(hs[:, 0], [first, 0.5 / (1 + np.exp(-0.5 - first)) + first / 2], rtol=1e-12)


def test_the_cut_of_the_memory_has_a_gradient():
    spike = surrogate.DeterministicPass(spiking=False)
    lstm = with_weights(
        sj.SpikingLSTMCell(1, 1, False, spike, key=jr.key(0)), [[1.0], [0.0], [1.0], [1.0]], [[0.0]] * 4
    )

    def out(x):
        return snn.unroll(lstm, x[None, None])[1][0, 0]

    # c = x^2 = 4 -> 1, h = c x: the derivative is 1 * dx + x dc = 1 + 2 * 4
    value, slope = jax.value_and_grad(out)(jnp.array(2.0))
    assert (value, slope) == (2.0, 9.0)


@pytest.mark.parametrize("make", [sj.SpikingVanillaRNN, sj.SpikingGRU, sj.SpikingLSTM])
def test_stacks(make):
    model = make(3, 2, 2, dropout_p=0.5, key=jr.key(0))
    _, hs = snn.unroll(model, jnp.ones((4, 3)), key=jr.key(1))
    assert hs.shape == (4, 2)
    assert [type(getattr(layer, "layer", layer)).__name__ for layer in model.layers][1] == "Dropout"
    assert model.layers[2].gates.weight_ih.shape[1] == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sj.SimpleLIFNode(2.0, True, v_reset=None), "v_reset=None; it takes a number"),
        (lambda: sj.TernaryIFNode(0.0), "v_threshold=0.0.*takes a threshold above 0"),
        (lambda: sj.TernaryLIFNode(v_reset=1.0), "v_reset=1.0.*strictly between"),
        (lambda: sj.ILIFNode(surrogate_function=surrogate.MultiLevelSpikeCount(2, False)), "spiking=True"),
        (lambda: surrogate.MultiLevelSpikeCount(0), "max_spike_count=0.*at least 1"),
        (lambda: surrogate.MultiLevelSpikeCount(2, True, (1.0, 0.0)), "two ends in order"),
        (lambda: surrogate.PoissonPass()(jnp.ones(2)), "given no key; it takes a PRNG key"),
        (lambda: sj.RAFNode(b=0.1), "b=0.1.*takes a b below 0"),
        (lambda: sj.SLTTLIFNode(tau=1.0), "tau was given as 1.0"),
        (lambda: sj.ActivationAwareIFNode(-1.0), "v_threshold=-1.0; it takes finite values above 0"),
        (lambda: sj.ActivationAwareIFNode(jnp.ones(2), channel_dim=1), "channel_dim=1.*channel_dim below 0"),
        (lambda: sj.GatedLIFNode(4), "key=None.*takes a PRNG key"),
        (lambda: sj.GatedLIFNode(4, init_tau=1.0, key=jr.key(0)), "Interval"),
        (lambda: sj.DSRIFNode(T=4, v_threshold=0.001), "given T=4, v_threshold=0.001"),
        (lambda: sj.DSRLIFNode(T=4, tau=0.0), "tau=0.0.*takes times above 0"),
        (lambda: snn.unroll(sj.DSRIFNode(T=4), jnp.ones(5)), "given 5 steps; it takes exactly 4"),
        (lambda: sj.STBIFNode(0.0, 4), "q_threshold=0.0.*takes a step above 0"),
        (lambda: sj.FewSpikeTable([1.0], [1.0, 2.0], [1.0]), r"given h of shape \(2,\)"),
        (lambda: sj.OutlierAwareThresholdNode(*[sj.FewSpikeTable(*[[1.0]] * 3)] * 2, 2.0, 1.0), "clamp_value=1.0"),
        (
            lambda: sj.HGNode([sj.FewSpikeTable(*[[1.0]] * 3)] * 2, [2.0, 1.0]),
            "HGNode was given 2 tables.*one end less",
        ),
        (lambda: sj.OTTTSequential(sj.LIFNode()), "OTTTSequential was given.*takes OTTTLIFNode"),
        (lambda: sj.SpikingLSTM(2, 2, 1, bidirectional=True, key=jr.key(0)), "bidirectional=True.*takes False"),
        (lambda: sj.SpikingGRU(2, 2, 2, True, 0.5, True, key=jr.key(0)), "invariant_dropout_mask=True"),
        (lambda: sj.SpikingVanillaRNN(2, 2, 1), "given no key"),
        (lambda: sj.SpikingVanillaRNNCell(2, 2), "given no key"),
        (
            lambda: sj.SpikingGRUCell(2, 2, True, surrogate.Erf(), surrogate.Erf(spiking=False), key=jr.key(0)),
            "two that spike, or two with spiking=False",
        ),
        (
            lambda: snn.unroll(sj.SpikingLSTMCell(2, 2, key=jr.key(0)), jnp.ones((3, 4))),
            r"one step of shape \(4,\); it takes \(2,\)",
        ),
        (lambda: functional.kernel_dot_product(jnp.ones((1, 1)), jnp.ones((1, 1)), "cosine"), "kernel='cosine'"),
        (lambda: functional.kernel_dot_product(jnp.ones((1, 1)), jnp.ones((1, 1)), "gaussian", 0.0), "sigma=0.0"),
        (lambda: functional.spike_similar_loss(jnp.ones((1, 1)), jnp.ones((1, 1)), "linear", "l2"), "loss_type='l2'"),
        (lambda: functional.delay(jnp.ones(3), -1), "delay_steps=-1"),
        (lambda: encoding.PopEncoder(1, 2, 3, (0.0, 1.0), 0.0), "std=0.0.*a width above 0"),
        (
            lambda: encoding.PopEncoder(1, 2, 3, (0.0, 1.0), 0.1)(jnp.ones(2)),
            r"shape \(2,\); it takes one example, \(1,\)",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises((ValueError, RuntimeError), match=message):
        make()
