"""SpikingJelly's neurons, surrogates and encoders, against its equations written out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax.compat import spikingjelly as sj
from snnjax.compat.spikingjelly import encoding, surrogate

N = 3


def drive(steps=30):
    return np.asarray(0.4 + 0.8 * jr.normal(jr.key(2), (steps, N)))


# Charges of the library: the new membrane, and for one neuron an adaptation `w` after it.
CHARGES = {
    "IFNode": ({}, lambda v, w, x, r: v + x),
    "LIFNode": ({"tau": 1.8}, lambda v, w, x, r: v + (x - (v - r)) / 1.8),
    "LIFNode-nodecay": ({"tau": 1.8, "decay_input": False}, lambda v, w, x, r: v - (v - r) / 1.8 + x),
    "ParametricLIFNode": ({"init_tau": 1.8}, lambda v, w, x, r: v + (x - (v - r)) / 1.8),
    "ParametricLIFNode-nodecay": (
        {"init_tau": 1.8, "decay_input": False},
        lambda v, w, x, r: v - (v - r) / 1.8 + x,
    ),
    "QIFNode": (
        {"tau": 2.0, "v_c": 0.6, "a0": 0.9, "v_rest": 0.1},
        lambda v, w, x, r: v + (x + 0.9 * (v - 0.1) * (v - 0.6)) / 2.0,
    ),
    "EIFNode": (
        {"tau": 2.0, "delta_T": 0.5, "theta_rh": 0.7, "v_rest": 0.1},
        lambda v, w, x, r: v + (x + 0.1 - v + 0.5 * np.exp((v - 0.7) / 0.5)) / 2.0,
    ),
    "IzhikevichNode": (
        {"tau": 2.0, "v_c": 0.6, "a0": 0.9, "v_rest": 0.1, "w_rest": 0.2, "tau_w": 3.0, "a": 0.4, "b": 0.3},
        lambda v, w, x, r: v + (x + 0.9 * (v - 0.1) * (v - 0.6) - w) / 2.0,
    ),
}


@pytest.mark.parametrize("v_reset", [-0.2, None])
@pytest.mark.parametrize("name", CHARGES)
def test_charge_fire_reset(name, v_reset):
    options, charge = CHARGES[name]
    node = getattr(sj, name.split("-")[0])(**options, v_threshold=0.7, v_reset=v_reset)
    rest = 0.0 if v_reset is None else v_reset
    v, w, wanted = np.full(N, rest), np.full(N, options.get("w_rest", 0.0)), []
    # A soft reset lets the nonlinear ones run away: they are driven for a short time.
    short = v_reset is None and ("a0" in options or name == "EIFNode")
    xs = 0.6 + drive(8) if short else drive()
    for x in xs:
        v = charge(v, w, x, rest)
        z = (v >= 0.7) * 1.0
        if "a" in options:
            w = w + (options["a"] * (v - options["v_rest"]) - w) / options["tau_w"] + options["b"] * z
        v = v - 0.7 * z if v_reset is None else (1 - z) * v + z * v_reset
        wanted.append((v, z))
    _, (vs, zs) = snn.unroll(node, jnp.asarray(xs), record=lambda state, out: (state.v, out))
    vs_wanted, zs_wanted = map(np.stack, zip(*wanted, strict=True))
    assert 0 < zs_wanted.sum() < zs_wanted.size
    np.testing.assert_array_equal(zs, zs_wanted)
    np.testing.assert_allclose(vs, vs_wanted, rtol=1e-9, atol=1e-9)


def test_spikes_fire_at_the_threshold():
    assert snn.unroll(sj.IFNode(), jnp.array([1.0, 0.5]))[1].tolist() == [1.0, 0.0]
    _, vs = snn.unroll(sj.HalfThresholdIFNode(1.0), jnp.array([0.25, 0.5]), record=lambda state, out: state.v)
    assert vs.tolist() == [0.75, 0.25]


def test_cuba_lif():
    node = sj.CUBALIFNode(c_decay=0.5, v_decay=0.25, v_threshold=2.0, v_reset=None)
    final, zs = snn.unroll(node, jnp.array([1.0, 1.0, 1.0]))
    # c = 1, 1.5, 1.75; v = 1, 1.75, 2.1875
    assert (final.i.item(), final.v.item(), zs.tolist()) == (1.75, 0.1875, [0.0, 0.0, 1.0])


def test_without_spikes():
    xs = jnp.array([1.0, 1.0])
    _, vs = snn.unroll(sj.NonSpikingIFNode(), xs, record=lambda state, out: state.v)
    assert vs.tolist() == [1.0, 2.0]
    assert snn.unroll(sj.NonSpikingLIFNode(tau=2.0), xs)[1].tolist() == [0.5, 0.75]


@pytest.mark.parametrize("make", [sj.IFNode, sj.LIFNode, sj.ParametricLIFNode, sj.QIFNode, sj.EIFNode])
@pytest.mark.parametrize("v_reset", [-0.2, None])
def test_detach_reset_cuts_the_spike_in_the_reset(make, v_reset):
    """Two steps by hand: the second membrane hears the first input through the membrane alone."""

    def second(x, detach):
        node = make(v_reset=v_reset, detach_reset=detach)
        state, _ = node(node.init_state(jnp.zeros(())), x)
        return state.v

    x = jnp.array(0.6)  # below the threshold: a hard reset that is detached leaves the derivative of the charge
    cut, whole = jax.grad(second)(x, True), jax.grad(second)(x, False)
    node = make(v_reset=v_reset)
    neuron = getattr(node, "cell", node)
    charged = jax.grad(lambda x: neuron.integrate(node.init_state(x), x).v)(x)
    assert cut == pytest.approx(charged)
    assert whole != pytest.approx(cut)


def test_the_adaptation_keeps_its_gradient():
    """`detach_reset` is about the membrane: the jump of `w` still hears the spike."""

    def adaptation(x):
        node = sj.IzhikevichNode(b=0.5, detach_reset=True)
        return node(node.init_state(jnp.zeros(())), x)[0].w

    assert jax.grad(adaptation)(jnp.array(1.0)) > 0


def test_the_trained_time_constant():
    node = sj.ParametricLIFNode(3.0)
    assert jax.nn.sigmoid(-node.decay.raw) == pytest.approx(1 / 3)


def test_parallel_neurons():
    xs = jnp.asarray(drive(6))
    key = jr.key(0)
    full = sj.PSN(6, key=key)
    bound = 1 / np.sqrt(6)
    assert bool((jnp.abs(full.weight) <= bound).all())
    drives = full.weight @ xs
    np.testing.assert_array_equal(snn.unroll(full, xs)[1], drives >= 1.0)

    lag = np.subtract.outer(np.arange(6), np.arange(6))
    band = (lag >= 0) & (lag < 2)
    for masking in (0.3, 1.0):
        masked = sj.MaskedPSN(2, 6, masking, key=key)
        mask = masking * band + (1 - masking)
        weights = 4 * full.weight
        masked = eqx.tree_at(lambda m: m.weight, masked, weights)
        np.testing.assert_array_equal(snn.unroll(masked, xs)[1], (weights * mask) @ xs >= 1.0)

    sliding = sj.SlidingPSN(3)
    assert sliding.weight.tolist() == [0.25, 0.5, 1.0]
    padded = jnp.concatenate([jnp.zeros((2, N)), xs])
    wanted = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + padded[2:] >= 1.0
    np.testing.assert_array_equal(snn.unroll(sliding, xs)[1], wanted)
    assert sj.SlidingPSN(3, exp_init=False, key=key).weight.shape == (3,)


SLOPES = {
    "PiecewiseQuadratic": ({"alpha": 0.8}, lambda x: np.maximum(0, 0.8 - 0.64 * np.abs(x))),
    "PiecewiseExp": ({"alpha": 0.8}, lambda x: 0.4 * np.exp(-0.8 * np.abs(x))),
    "SoftSign": ({"alpha": 0.8}, lambda x: 0.4 / (1 + 0.8 * np.abs(x)) ** 2),
    "SuperSpike": ({"alpha": 0.8}, lambda x: 0.8 / (1 + np.abs(x)) ** 2),
    "ATan": ({"alpha": 0.8}, lambda x: 0.4 / (1 + (np.pi * 0.4 * x) ** 2)),
    "NonzeroSignLogAbs": ({"alpha": 0.8}, lambda x: 1 / (1.25 + np.abs(x))),
    "Erf": ({"alpha": 0.8}, lambda x: 0.8 / np.sqrt(np.pi) * np.exp(-((0.8 * x) ** 2))),
    "PiecewiseLeakyReLU": ({"w": 0.5, "c": 0.1}, lambda x: np.where(np.abs(x) < 0.5, 1.0, 0.1)),
    "SquarewaveFourierSeries": ({"n": 2, "T_period": 8.0}, lambda x: 0.5 * np.cos(np.pi * x / 4)),
    "QPseudoSpike": ({"alpha": 3.0}, lambda x: (1 + np.abs(x)) ** -3),
    "LeakyKReLU": ({"leak": 0.2, "k": 0.7}, lambda x: np.where(x < 0, 0.2, 0.7)),
    "FakeNumericalGradient": ({"alpha": 0.9}, lambda x: np.minimum(1 / np.abs(x), 0.9)),
    "LogTailedReLU": ({"alpha": 0.1}, lambda x: np.where(x <= 0, 0.1, np.where(x <= 1, 1.0, 1 / x))),
    "Rect": ({"alpha": 0.8}, lambda x: np.where(np.abs(x) < 0.625, 0.8, 0.0)),
    "DeterministicPass": ({}, lambda x: np.ones_like(x)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_surrogates(name):
    options, slope = SLOPES[name]
    xs = jnp.array([-2.1, -0.6, -0.3, 0.1, 0.55, 1.7])
    spike = getattr(surrogate, name)(**options)
    assert spike(jnp.array([-0.1, 0.0, 0.1])).tolist() == [0, 1, 1]
    derivative = jax.vmap(jax.grad(spike))(xs)
    np.testing.assert_allclose(derivative, slope(np.asarray(xs)), rtol=1e-12)
    if name not in ("FakeNumericalGradient", "SuperSpike"):
        smooth = getattr(surrogate, name)(**options, spiking=False)
        np.testing.assert_allclose(jax.vmap(jax.grad(smooth))(xs), derivative, rtol=1e-9)


def test_a_smooth_neuron_puts_out_the_primitive():
    node = sj.IFNode(surrogate_function=surrogate.Sigmoid(4.0, spiking=False))
    assert node(node.init_state(jnp.zeros(())), jnp.array(1.0))[1] == 0.5


def test_encoders():
    x = jnp.array([0.0, 0.5, 1.0])
    assert encoding.latency(x, 5).argmax(0).tolist() == [4, 2, 0]
    assert encoding.latency(x, 5, "log").argmax(0).tolist() == [4, round(4 - np.log(1 + np.expm1(4) / 2)), 0]
    # Binary digits: 0.625 is 101.
    assert encoding.weighted_phase(jnp.array([0.625, 0.25]), 3).T.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert encoding.periodic(jnp.array([1.0, 0.0]), 5).tolist() == [1, 0, 1, 0, 1]
    assert encoding.poisson(jnp.array([0.0, 1.0]), 20, key=jr.key(0)).mean(0).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sj.LIFNode(tau=1.0), "tau was given as 1.0; it takes time constants above 1"),
        (lambda: sj.PSN(4, key=None), "given no key.*takes a PRNG key"),
        (lambda: surrogate.QPseudoSpike(1.0), "given alpha=1.0; it takes values above 1"),
        (lambda: surrogate.SquarewaveFourierSeries(1), "given n=1;.*takes n of at least 2"),
        (lambda: encoding.latency(jnp.ones(2), 4, "square"), "enc_function='square'; it takes 'linear' or 'log'"),
        (lambda: encoding.poisson(jnp.ones(2), 4, key=None), "given no key; it takes a PRNG key"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
