"""Initial weights by firing rate."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_equal

XS = jr.uniform(jr.key(9), (16, 20, 12))


def deep(depth, width=32, neuron=snn.LIF):
    keys = jr.split(jr.key(0), depth)
    widths = [12] + [width] * depth
    layers = []
    for i in range(depth):
        layers += [eqx.nn.Linear(widths[i], widths[i + 1], key=keys[i]), neuron(tau=4.0)]
    return snn.Sequential(*layers)


def test_a_deep_network_is_silent_and_then_is_not():
    model = deep(6)
    naive = list(snn.metrics.firing_rates(model, XS).values())
    assert naive[-1] == 0
    matched = snn.metrics.firing_rates(snn.init.match_rates(model, XS, lower=0.05, upper=0.2), XS)
    assert len(matched) == 6
    assert all(0.05 <= rate <= 0.2 for rate in matched.values())


def test_layers_in_range_are_left_alone():
    model = snn.init.match_rates(deep(2), XS)
    assert_equal(eqx.filter(snn.init.match_rates(model, XS), eqx.is_array), eqx.filter(model, eqx.is_array))


def test_only_a_gain_is_changed():
    model = deep(2)
    matched = snn.init.match_rates(model, XS, lower=0.3, upper=0.35)
    for before, after in zip(model.layers[::2], matched.layers[::2], strict=True):
        gain = after.weight / before.weight
        assert jnp.allclose(gain, gain[0, 0])
        assert jnp.allclose(after.bias / before.bias, gain[0, 0])


def test_saturated_layers_are_quietened():
    loud = jax.tree.map(lambda a: 100 * jnp.abs(a) if eqx.is_array(a) else a, deep(1))
    assert snn.metrics.firing_rates(loud, XS)["layers[1] (LIF)"] > 0.9
    rate = snn.metrics.firing_rates(snn.init.match_rates(loud, XS), XS)["layers[1] (LIF)"]
    assert 0.05 <= rate <= 0.25


def test_containers_of_all_kinds():
    k = jr.split(jr.key(0), 6)
    model = snn.Sequential(
        eqx.nn.Linear(12, 16, key=k[0]),
        snn.Recurrent(snn.ALIF(tau=3.0), eqx.nn.Linear(16, 16, key=k[1])),
        eqx.nn.Dropout(0.2),
        snn.Residual(snn.Sequential(eqx.nn.Linear(16, 16, key=k[2]), snn.CubaLIF())),
        snn.Parallel(
            snn.Sequential(eqx.nn.Linear(16, 8, key=k[3]), snn.LIF(tau=2.0)),
            snn.Sequential(eqx.nn.Linear(16, 8, key=k[4]), eqx.nn.LayerNorm(8), snn.LIF(tau=9.0)),
        ),
        eqx.nn.Linear(8, 3, key=k[5]),
        snn.LI(),
    )
    matched = snn.init.match_rates(model, XS, lower=0.1, upper=0.3)
    rates = snn.metrics.firing_rates(eqx.nn.inference_mode(matched), XS)
    assert len(rates) == 4
    assert all(0.1 <= rate <= 0.3 for rate in rates.values())
    assert_equal(matched.layers[5].weight, model.layers[5].weight)  # no spiking layer behind it
    assert_equal(matched.layers[1].feedback.weight, model.layers[1].feedback.weight)
    assert not matched.layers[2].inference


def test_a_layer_that_cannot_fire():
    no_bias = snn.Sequential(eqx.nn.Linear(12, 4, use_bias=False, key=jr.key(0)), snn.LIF())
    with pytest.raises(ValueError, match=r"layers\[1\] \(LIF\) with a rate of 0.0000, and no gain"):
        snn.init.match_rates(no_bias, jnp.zeros_like(XS))


def test_a_layer_with_nothing_in_front():
    with pytest.raises(ValueError, match="LIF with a rate of"):
        snn.init.match_rates(snn.LIF(threshold=100.0), XS)


@pytest.mark.parametrize("bounds", [(0.0, 0.5), (0.5, 0.1), (0.5, 1.0)])
def test_empty_ranges(bounds):
    with pytest.raises(ValueError, match="0 < lower < upper < 1"):
        snn.init.match_rates(deep(1), XS, lower=bounds[0], upper=bounds[1])


class Unit(snn.AbstractCell):
    """A container of a user's own, unknown to the library."""

    up: eqx.nn.Linear
    first: snn.LIF
    across: eqx.nn.Linear
    second: snn.LIF

    def init_state(self, x, *, key=None):
        width = jnp.zeros_like(self.up(x))
        return self.first.init_state(width), self.second.init_state(width)

    def __call__(self, state, x, *, key=None):
        first, z = self.first(state[0], self.up(x))
        second, z = self.second(state[1], self.across(z))
        return (first, second), z


class Own(snn.AbstractCell):
    """A neuron of a user's own with weights inside."""

    linear: eqx.nn.Linear
    surrogate: snn.AbstractSpike = snn.SuperSpike()

    def init_state(self, x, *, key=None):
        return jnp.zeros_like(self.linear(x))

    def __call__(self, state, x, *, key=None):
        v = 0.8 * state + self.linear(x)
        z = self.surrogate(v - 1)
        return v * (1 - z), z


def _linear(seed, size_in=12, size_out=16):
    return eqx.nn.Linear(size_in, size_out, key=jr.key(seed))


def _graph():
    nodes = {
        "in": _linear(0),
        "exc": snn.LIF(tau=3.0),
        "down": _linear(1, 16, 16),
        "up": _linear(2, 16, 16),
        "inh": snn.ALIF(tau=5.0),
        "skip": _linear(3),
        "joined": snn.Sequential(_linear(4, 16, 16), snn.LIF(tau=3.0)),
    }
    edges = [("input", "in"), ("in", "exc"), ("exc", "down"), ("down", "inh"), ("inh", "up"), ("up", "exc")]
    edges += [("input", "skip"), ("skip", "joined"), ("inh", "joined"), ("joined", "output")]
    return snn.Graph(nodes, edges)


def _residual(depth=8):
    """Membranes are added, not spikes: the weights of a body drive the neurons of the next block."""
    blocks = [snn.Residual(snn.Sequential(snn.LIF(tau=2.0), _linear(i, 16, 16))) for i in range(1, depth)]
    return snn.Sequential(_linear(0), *blocks, snn.LIF(tau=2.0))


def _convolutional():
    k1, k2 = jr.split(jr.key(0))
    return snn.Sequential(
        lambda x: x.reshape(1, 3, 4),
        eqx.nn.Conv2d(1, 6, 3, padding=1, key=k1),
        snn.LIF(tau=2.0),
        eqx.nn.AvgPool2d(2, 1),
        eqx.nn.Conv2d(6, 4, 2, key=k2),
        snn.CubaLIF(),
    )


def _normed():
    """A projection and its norm in a chain of their own, as blocks of convolutions have them."""
    block = snn.Sequential(snn.Sequential(_linear(0), snn.nn.ThresholdBatchNorm(16)), snn.LIF(tau=2.0))
    return block, snn.Sequential(snn.Sequential(_linear(1, 16, 16), eqx.nn.LayerNorm(16)), snn.LIF(tau=2.0))


MODELS = {
    "norms": (lambda: snn.with_statistics(*eqx.nn.make_with_state(lambda: snn.Sequential(*_normed()))()), 2),
    "graph": (_graph, 3),
    "residual": (_residual, 8),
    "spikes added": (lambda: snn.Sequential(*[snn.Residual(_chain(i)) for i in range(6)]), 12),
    "convolutional": (_convolutional, 2),
    "nested": (lambda: snn.Sequential(snn.Sequential(_linear(0), snn.Sequential(snn.LIF())), _chain(1, 16)), 3),
    "delays": (lambda: snn.Sequential(snn.DelayedLinear(12, 8, longest=3, key=jr.key(0)), snn.LIF()), 1),
    "wrapped": (lambda: snn.Sequential(snn.Stateless(_linear(0)), snn.Probe(snn.LIF())), 1),
    "own container": (
        lambda: snn.Sequential(Unit(_linear(0), snn.LIF(), _linear(1, 16, 16), snn.LIF()), _linear(2, 16)),
        2,
    ),
    "own neuron": (lambda: snn.Sequential(_linear(1, 12, 12), Own(_linear(0))), 1),
}


def _chain(seed, size=12):
    return snn.Sequential(
        _linear(2 * seed, size, size), snn.LIF(tau=3.0), _linear(2 * seed + 1, size, size), snn.LIF(tau=3.0)
    )


@pytest.mark.parametrize("name", MODELS)
def test_models_of_all_kinds_come_into_the_range(name):
    make, layers = MODELS[name]
    model = make()
    before = snn.metrics.firing_rates(model, XS)
    assert any(not 0.25 <= rate <= 0.35 for rate in before.values())
    after = snn.metrics.firing_rates(snn.init.match_rates(model, XS, lower=0.25, upper=0.35), XS)
    assert len(after) == layers
    assert all(0.25 <= rate <= 0.35 for rate in after.values())


def test_feedback_is_not_scaled_and_delays_neither():
    graph = snn.init.match_rates(_graph(), XS)
    assert_equal(graph["up"].weight, _graph()["up"].weight)
    delayed = snn.Sequential(snn.DelayedLinear(12, 8, longest=3, key=jr.key(0)), snn.LIF())
    assert_equal(snn.init.match_rates(delayed, XS, lower=0.3, upper=0.35)[0].delay, delayed[0].delay)


def test_matching_inside_jit_and_over_seeds():
    def matched(seed):
        k1, k2 = jr.split(seed)
        first, second = eqx.nn.Linear(12, 16, key=k1), eqx.nn.Linear(16, 16, key=k2)
        return snn.init.match_rates(snn.Sequential(first, snn.LIF(), second, snn.LIF()), XS)

    eager, jitted = matched(jr.key(1)), eqx.filter_jit(matched)(jr.key(1))
    np.testing.assert_allclose(eager[2].weight, jitted[2].weight, rtol=1e-5)
    many = eqx.filter_vmap(matched)(jr.split(jr.key(0), 3))
    rates = eqx.filter_vmap(lambda model: snn.metrics.firing_rates(model, XS))(many)
    assert all(np.all((rate >= 0.05) & (rate <= 0.25)) for rate in rates.values())


def test_failing_inside_jit_is_a_runtime_error_that_names_the_layer():
    no_bias = snn.Sequential(eqx.nn.Linear(12, 4, use_bias=False, key=jr.key(0)), snn.LIF())
    with pytest.raises(RuntimeError, match=r"layers\[1\] \(LIF\) and no gain"):
        jax.block_until_ready(eqx.filter_jit(snn.init.match_rates)(no_bias, jnp.zeros_like(XS))[0].weight)


def test_one_search_for_all_layers():
    def sizes(depth):
        text = str(eqx.filter_make_jaxpr(lambda xs: snn.init.match_rates(deep(depth), xs))(XS)[0])
        return text.count(" while["), text.count("error_if") < 2

    assert sizes(2)[0] == sizes(4)[0]


@pytest.mark.parametrize(
    ("neuron", "mean"),
    [
        (snn.LIF(tau=10.0), 0.0),
        (snn.LIF(tau=10.0, threshold=-50.0, rest=-65.0, normalise_input=True), 0.3),
        (snn.CubaLIF(tau=20.0, tau_i=5.0), 0.3),
    ],
    ids=["LIF", "LIF in mV", "CubaLIF"],
)
@pytest.mark.slow
def test_membranes_fluctuate_as_wanted(neuron, mean):
    """Poisson spikes of a known rate: the weights of the paper's formula, and the membranes of its assumption."""
    inputs, neurons, rate, sigma = 300, 200, 0.05, 0.4
    xs = jr.poisson(jr.key(1), rate, (4, 1000, inputs)).astype(jnp.float32)
    layer = eqx.nn.Linear(inputs, neurons, dtype=jnp.float32, key=jr.key(0))
    model = snn.init.fluctuation_driven(snn.Sequential(layer, neuron), xs, sigma=sigma, mean=mean, key=jr.key(2))
    distance = neuron.threshold - neuron.rest

    gain = 1 - np.exp(-1 / neuron.tau) if neuron.normalise_input else 1
    kernel = gain * np.exp(-np.arange(1000) / neuron.tau)
    if isinstance(neuron, snn.CubaLIF):
        kernel = np.convolve(kernel, np.exp(-np.arange(1000) / neuron.tau_i))[:1000]
    weight_mean = mean * distance / (inputs * rate * kernel.sum())
    weight_std = np.sqrt((sigma * distance) ** 2 / (inputs * rate * np.square(kernel).sum()) - weight_mean**2)
    weight = np.asarray(model[0].weight, np.float64)
    assert not model[0].bias.any()
    # 60,000 weights: 0.3 % is one standard error of their deviation. The sample's rates are 1 % from the true ones.
    np.testing.assert_allclose(weight.std(), weight_std, rtol=0.03)
    np.testing.assert_allclose(weight.mean(), weight_mean, atol=4 * weight_std / np.sqrt(weight.size), rtol=0.05)

    free = eqx.tree_at(lambda m: m[1].reset, model, snn.NoReset())
    vs = jax.vmap(lambda x: snn.unroll(free, x, record=lambda state, z: state[1].v)[1])(xs)[:, 200:]
    vs = (np.asarray(vs, np.float64) - neuron.rest) / distance
    # Four stretches of some 40 to 80 independent values each, of 200 neurons.
    np.testing.assert_allclose(np.sqrt(vs.var(axis=(0, 1)).mean()), sigma, rtol=0.05)
    # The mean of a neuron is off by what its own weights sum to, which is independent between neurons.
    off = sigma * np.sqrt(rate) * kernel.sum() / np.sqrt(np.square(kernel).sum()) / np.sqrt(neurons)
    np.testing.assert_allclose(vs.mean(), mean, atol=4 * off)


def _spiking(shape, rate=0.1, seed=3):
    return jr.bernoulli(jr.key(seed), rate, shape).astype(float)


def test_feedback_gets_its_part_of_the_fluctuations():
    xs = _spiking((8, 200, 12))
    model = snn.Sequential(_linear(0, 12, 200), snn.Recurrent(snn.LIF(tau=5.0), _linear(1, 200, 200)))
    without = snn.init.fluctuation_driven(model, xs, alpha=1.0, key=jr.key(0))
    half = snn.init.fluctuation_driven(model, xs, alpha=0.5, key=jr.key(0))
    assert not without[1].feedback.weight.any()
    np.testing.assert_allclose(half[0].weight, np.sqrt(0.5) * without[0].weight, rtol=1e-5)

    # What the formula says of the spikes that the layer has by itself.
    _, zs = jax.vmap(lambda x: snn.unroll(without, x))(xs)
    before = jnp.pad(zs, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    leaky = snn.LI(tau=5.0)
    ys = np.asarray(jax.vmap(lambda x: snn.unroll(leaky, x)[1])(before))
    expected = np.sqrt(0.5 / (200 * ys.var(axis=(0, 1)).mean()))
    np.testing.assert_allclose(np.std(half[1].feedback.weight), expected, rtol=0.02)


def test_constant_currents_that_differ_between_examples():
    """Pixels as currents: no fluctuations in time, and still a standard deviation over the examples."""
    xs = jnp.broadcast_to(jr.uniform(jr.key(0), (64, 1, 100)), (64, 40, 100))
    model = snn.Sequential(_linear(0, 100, 300), snn.LIF(tau=3.0))
    model = snn.init.fluctuation_driven(model, xs, sigma=0.5, key=jr.key(1))
    free = eqx.tree_at(lambda m: m[1].reset, model, snn.NoReset())
    vs = jax.vmap(lambda x: snn.unroll(free, x, record=lambda state, z: state[1].v)[1])(xs)
    np.testing.assert_allclose(np.sqrt(np.var(vs, axis=(0, 1)).mean()), 0.5, rtol=0.05)


@pytest.mark.parametrize("name", ["graph", "residual", "spikes added", "convolutional", "nested", "delays"])
def test_fluctuations_in_models_of_all_kinds(name):
    make, _ = MODELS[name]
    model = snn.init.fluctuation_driven(make(), _spiking((8, 60, 12), 0.2), key=jr.key(0))
    rates = snn.metrics.firing_rates(model, _spiking((8, 60, 12), 0.2))
    assert all(0.01 <= rate <= 0.6 for rate in rates.values()), rates


def test_fluctuations_inside_jit():
    xs, model = _spiking((4, 30, 12)), snn.Sequential(_linear(0), snn.LIF())
    eager = snn.init.fluctuation_driven(model, xs, key=jr.key(0))
    jitted = eqx.filter_jit(lambda model: snn.init.fluctuation_driven(model, xs, key=jr.key(0)))(model)
    np.testing.assert_allclose(eager[0].weight, jitted[0].weight, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "options", "match"),
    [
        (deep(1), {"sigma": 0.0}, "sigma=0.0.*takes sigma > 0"),
        (deep(1), {"alpha": 1.5}, "alpha=1.5.*at most 1"),
        (deep(1), {"sigma": 0.1, "mean": 100.0}, "a mean that makes larger fluctuations.*larger sigma"),
        (snn.LIF(), {}, "LIF driven by nothing that has weights.*match_rates"),
        (snn.Sequential(_linear(0), eqx.nn.LayerNorm(16), snn.LIF()), {}, "driven by LayerNorm.*match_rates"),
        (Own(_linear(0)), {}, "driven by Own.*match_rates"),
    ],
)
def test_what_fluctuations_cannot_do(model, options, match):
    with pytest.raises(ValueError, match=match):
        snn.init.fluctuation_driven(model, XS, key=jr.key(0), **options)


def test_inputs_that_do_not_vary():
    with pytest.raises(ValueError, match=r"layers\[1\] \(LIF\) with an input that does not vary"):
        snn.init.fluctuation_driven(deep(1), jnp.zeros_like(XS), key=jr.key(0))


@pytest.mark.parametrize("radius", [0.5, 1.2])
def test_sparse_matrices(radius, dtype):
    make = snn.init.Sparse(density=0.2, radius=radius)
    weight = np.asarray(make(jr.key(0), (80, 80), dtype))
    assert weight.dtype == dtype
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(weight)).max(), radius, rtol=1e-5)
    assert abs(np.mean(weight != 0) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 6400)
    jitted = jax.jit(lambda key: make(key, (80, 80), dtype))(jr.key(0))
    np.testing.assert_allclose(weight, jitted, rtol=1e-4)


def test_new_weights_of_feedback_only():
    inner = snn.Recurrent(snn.LIF(), _linear(0, 16, 16))
    model = snn.Sequential(_linear(1), snn.Recurrent(snn.Sequential(inner, _linear(2, 16, 16)), _linear(3, 16, 16)))
    new = snn.init.recurrent(model, jax.nn.initializers.orthogonal(0.7), key=jr.key(0))
    for layer in (new[1].feedback, new[1].cell[0].feedback):
        np.testing.assert_allclose(layer.weight @ layer.weight.T, 0.49 * np.eye(16), atol=1e-6)
        assert not layer.bias.any()
    assert not np.allclose(new[1].feedback.weight, new[1].cell[0].feedback.weight)
    assert_equal(new[0].weight, model[0].weight)
    assert_equal(new[1].cell[1].weight, model[1].cell[1].weight)


def test_sparse_and_recurrent_refuse():
    with pytest.raises(ValueError, match=r"density 0.0.*above 0"):
        snn.init.Sparse(density=0.0)
    with pytest.raises(ValueError, match=r"shape \(3, 4\).*square"):
        snn.init.Sparse()(jr.key(0), (3, 4))
    with pytest.raises(ValueError, match=r"no `Recurrent` has an eqx.nn.Linear"):
        snn.init.recurrent(deep(1), snn.init.Sparse(), key=jr.key(0))


def test_gains_go_to_the_norm_and_not_to_its_statistics():
    make, _ = MODELS["norms"]
    model = make()
    matched = snn.init.match_rates(model, XS, lower=0.25, upper=0.35)
    before, after = model[0][0], matched[0][0]
    assert_equal(after[0].weight, before[0].weight)
    assert float(after[1].weight[0]) != 1
    assert_equal(after[1].running.init, before[1].running.init)
