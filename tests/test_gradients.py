"""The report on gradients, and the slopes that it chooses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn
from snnjax import metrics, train

STEPS = 9
XS = jr.uniform(jr.key(3), (4, STEPS, 6), maxval=2.0)
LABELS = jnp.array([0, 1, 2, 0])


def _linear(seed, size_in=6, size_out=6):
    return eqx.nn.Linear(size_in, size_out, key=jr.key(seed))


def _network(surrogate=snn.SuperSpike(2.0)):
    return snn.Sequential(
        _linear(0),
        snn.LIF(tau=snn.Positive(3.0), surrogate=surrogate),
        snn.Recurrent(snn.LIF(tau=5.0, surrogate=surrogate), _linear(1)),
        _linear(2, 6, 3),
        snn.LI(tau=4.0),
    )


def _loss(ys, label):
    return snn.losses.cross_entropy(snn.decode.mean_membrane(ys), label)


def by_hand(model, x, label):
    """The gradient with respect to every input of every neuron, from a Python loop over the steps."""
    project, a, recurrent, last, c = snn.resolve(model).layers
    b, feedback = recurrent.cell, recurrent.feedback

    def value(pushes):
        states = [a.init_state(jnp.zeros(6)), b.init_state(jnp.zeros(6)), c.init_state(jnp.zeros(3))]
        heard, ys = jnp.zeros(6), []
        for t in range(STEPS):
            states[0], z = a(states[0], project(x[t]) + pushes[0][t])
            states[1], heard = b(states[1], z + feedback(heard) + pushes[1][t])
            states[2], y = c(states[2], last(heard) + pushes[2][t])
            ys.append(y)
        return _loss(jnp.stack(ys), label)

    return jax.grad(value)([jnp.zeros((STEPS, 6)), jnp.zeros((STEPS, 6)), jnp.zeros((STEPS, 3))])


NAMES = ("layers[1] (LIF)", "layers[2].cell (LIF)", "layers[4] (LI)")


# Flat and smooth; and one that is exactly 0 away from the threshold.
@pytest.mark.parametrize("surrogate", [snn.SuperSpike(2.0), snn.Triangle(3.0)], ids=["SuperSpike", "Triangle"])
def test_report_equals_a_loop_by_hand(surrogate):
    model = _network(surrogate)
    report = metrics.gradient_report(model, _loss, XS, LABELS, limit=3.0)
    assert report.layers == NAMES
    hand = jax.jit(jax.vmap(lambda x, label: by_hand(model, x, label)))(XS, LABELS)
    hand = [np.asarray(g) for g in hand]
    sizes = np.concatenate([np.abs(g).ravel() for g in hand])
    median = np.median(sizes[sizes > 0])
    np.testing.assert_allclose(report.median, median, rtol=1e-10)
    for i, g in enumerate(hand):
        np.testing.assert_allclose(report.norm[i], np.sqrt((g**2).sum(axis=2).mean(axis=0)), rtol=1e-10)
        np.testing.assert_allclose(report.dead[i], (g == 0).all(axis=0).mean(axis=1))
        np.testing.assert_allclose(report.always_dead[i], (g == 0).all(axis=(0, 1)).mean())
        np.testing.assert_allclose(report.exploding[i], (np.abs(g) > 3 * median).mean(axis=(0, 2)))
        np.testing.assert_allclose(report.total()[i], np.sqrt((g**2).sum() / 4), rtol=1e-10)
    np.testing.assert_allclose(report.spread(), np.std(np.log10(report.total())), rtol=1e-10)
    assert report.exploding.max() > 0
    assert (report.dead.max() > 0) == isinstance(surrogate, snn.Triangle)


def test_report_names_parameters_rates_and_the_loss():
    model = _network()
    report = metrics.gradient_report(model, _loss, XS, LABELS)

    def mean_loss(model):
        _, ys = jax.vmap(lambda x: snn.unroll(model, x))(XS)
        return jax.vmap(_loss)(ys, LABELS).mean()

    value, gradient = eqx.filter_value_and_grad(mean_loss)(model)
    np.testing.assert_allclose(report.loss, value)
    norms = dict(zip(report.leaves, report.leaf_norm, strict=True))
    assert len(norms) == 7
    np.testing.assert_allclose(norms["layers[1].tau.raw"], np.abs(gradient[1].tau.raw), rtol=1e-10)
    np.testing.assert_allclose(norms["layers[0].weight"], np.linalg.norm(gradient[0].weight), rtol=1e-10)
    rates = metrics.firing_rates(model, XS)
    np.testing.assert_allclose(report.rate[:2], [rates[name] for name in NAMES[:2]])
    assert np.isnan(report.rate[2])
    rows = str(report).splitlines()
    assert len(rows) == 1 + 3 + 2 + 7
    assert f"{float(rates[NAMES[0]]):.4f}" in rows[1]
    assert f"{float(report.total()[1]):.2e}" in rows[2]


def test_report_on_a_long_sequence_is_that_of_every_step():
    """Networks run in tiles of time; a push must meet its own step."""
    xs = jnp.tile(0.4, (1, 130, 3))
    report = metrics.gradient_report(snn.Sequential(snn.LI(tau=4.0)), lambda ys: ys[70].sum(), xs)
    expected = np.where(np.arange(130) <= 70, np.sqrt(3) * np.exp(-(70.0 - np.arange(130)) / 4), 0)
    np.testing.assert_allclose(report.norm[0], expected, rtol=1e-10)
    np.testing.assert_array_equal(report.dead[0], np.arange(130) > 70)


def test_silent_and_exploding_networks_show():
    silent = snn.Sequential(_linear(0), snn.LIF(threshold=100.0, surrogate=snn.Triangle()), _linear(1), snn.LI())
    report = metrics.gradient_report(silent, lambda ys: ys.sum(), XS)
    assert report.always_dead[0] == 1
    assert report.rate[0] == 0
    assert report.spread() == jnp.inf
    loud = snn.Sequential(_linear(0), snn.LI(), lambda x: 1e300 * x, lambda x: 1e300 * x, snn.LI())
    report = metrics.gradient_report(loud, lambda ys: ys.sum(), XS)
    assert np.all(report.exploding[0] == 1)
    assert report.spread() == jnp.inf


def test_graphs_and_random_layers():
    graph = snn.Graph(
        {"in": _linear(0), "a": snn.LIF(tau=3.0), "drop": eqx.nn.Dropout(0.5), "b": snn.ALIF(), "back": _linear(1)},
        [("input", "in"), ("in", "a"), ("a", "drop"), ("drop", "b"), ("b", "back"), ("back", "a"), ("b", "output")],
    )
    report = metrics.gradient_report(graph, lambda ys: ys.mean(), XS, key=jr.key(0))
    assert report.layers == ("nodes['a'] (LIF)", "nodes['b'] (ALIF)")
    assert np.all(np.isfinite(report.norm))


def test_norms_that_look_at_the_batch():
    """The gradient of the whole batch's loss: an example moves the statistics that others are normalised with."""

    def build():
        return snn.Sequential(snn.LI(tau=3.0), snn.nn.ThresholdBatchNorm(6), snn.LI(tau=2.0))

    model = snn.with_statistics(*eqx.nn.make_with_state(build)())
    report = metrics.gradient_report(model, lambda ys: jnp.sum(ys**2), XS)

    def mean_loss(pushes):
        def one(x, push):
            return jnp.sum(snn.unroll(model, x + push)[1] ** 2)

        return jax.vmap(one, axis_name="batch")(XS, pushes).mean()

    g = 4 * np.asarray(jax.grad(mean_loss)(jnp.zeros_like(XS)))
    np.testing.assert_allclose(report.norm[0], np.sqrt((g**2).sum(axis=2).mean(axis=0)), rtol=1e-8)


def test_what_has_no_gradients():
    with pytest.raises(ValueError, match="a model without neurons"):
        metrics.gradient_report(_linear(0), lambda ys: ys.sum(), XS)
    with pytest.raises(ValueError, match=r"a loss of shape \(6,\).*mean or the sum"):
        metrics.gradient_report(snn.LIF(), lambda ys: ys.sum(axis=0), XS)


def _deep(depth, surrogate):
    layers = []
    for i in range(depth):
        layers += [_linear(i), snn.LIF(tau=2.0, surrogate=surrogate)]
    return snn.init.match_rates(snn.Sequential(*layers, _linear(depth, 6, 3), snn.LI(tau=4.0)), XS)


def test_the_slope_is_the_one_of_least_spread():
    model, slopes = _deep(5, snn.SuperSpike()), (0.5, 1.0, 5.0, 25.0)
    best = train.choose_slope(model, _loss, XS, LABELS, slopes=slopes)
    spreads = {}
    for slope in slopes:
        given = jax.tree.map(
            lambda node, slope=slope: snn.SuperSpike(slope) if isinstance(node, snn.SuperSpike) else node,
            model,
            is_leaf=lambda node: isinstance(node, snn.SuperSpike),
        )
        norms = np.asarray(metrics.gradient_report(given, _loss, XS, LABELS).total())
        spreads[slope] = np.log10(norms).std()
    assert best == min(spreads, key=spreads.get)
    assert best < 10  # steep surrogates let the gradient vanish
    assert spreads[25.0] > 1


def test_with_slope_changes_every_surrogate_and_no_spike():
    model = snn.Sequential(
        _linear(0),
        snn.LIF(surrogate=snn.Damped(snn.ATan(jnp.array(3.0)), 0.5)),
        snn.ALIF(surrogate=snn.MultiSpike(snn.Sigmoid())),
    )
    changed = train.with_slope(model, 7.0)
    assert float(changed[1].surrogate.slope.resolve()) == 7
    assert changed[1].surrogate.factor == 0.5
    assert float(changed[2].surrogate.surrogate.slope.resolve()) == 7
    assert not any(jax.tree.leaves(snn.trainable(changed[1].surrogate)))
    np.testing.assert_array_equal(snn.unroll(changed, XS[0])[1], snn.unroll(model, XS[0])[1])
    with pytest.raises(ValueError, match="without surrogates"):
        train.with_slope(snn.LI(), 7.0)
    with pytest.raises(ValueError, match=r"slope was given 0\.0"):
        train.with_slope(model, 0.0)


@pytest.mark.parametrize(
    "slope", [lambda value: jnp.array(value), lambda value: snn.Fixed(value)], ids=["array", "Fixed"]
)
def test_a_slope_that_is_an_array_does_not_compile_anew(slope):
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def gradient(neuron, xs):
        return jax.grad(lambda xs: snn.unroll(neuron, xs)[1].sum())(xs)

    found = [gradient(snn.LIF(surrogate=snn.SuperSpike(slope=slope(value))), 0.3 * XS[0]) for value in (1.0, 25.0)]
    for value, g in zip((1.0, 25.0), found, strict=True):
        expected = jax.grad(lambda xs, v=value: snn.unroll(snn.LIF(surrogate=snn.SuperSpike(v)), xs)[1].sum())(
            0.3 * XS[0]
        )
        np.testing.assert_allclose(g, expected, rtol=1e-12)


def test_no_slope_helps_a_dead_network():
    dead = snn.Sequential(_linear(0), snn.LIF(threshold=100.0, surrogate=snn.Triangle()), _linear(1, 6, 3), snn.LI())
    with pytest.raises(ValueError, match=r"the slopes \(1.0, 5.0\).*gradient_report.*match_rates"):
        train.choose_slope(dead, _loss, XS, LABELS, slopes=(1, 5))


@pytest.mark.usefixtures("standard_promotion")
def test_fit_follows_a_schedule_of_slopes():
    digits = snn.data.load("digits").train
    data = type(digits)(digits.x[:96], digits.label[:96], None)
    model = snn.Sequential(_linear(0, 64, 8), snn.LIF(tau=2.0), _linear(1, 8, 10), snn.LI())
    loss = train.Classify(encode=lambda x, key: snn.encode.direct(x, 4))
    asked = []

    def slope(step):
        asked.append(step)
        return optax.linear_schedule(1.0, 25.0, 5)(step)

    options = {"epochs": 2, "key": jr.key(0), "batch_size": 32, "progress": False}
    fitted = train.fit(model, optax.sgd(0.1), loss, data, slope=slope, **options)
    assert asked == [0, 0, 1, 2, 3, 4, 5]
    assert float(fitted.model[1].surrogate.slope.resolve()) == 25
    # The same by hand.
    optimiser = optax.sgd(0.1)
    by_hand = train.with_slope(model, 1.0)
    opt_state = optimiser.init(eqx.filter(by_hand, snn.trainable(by_hand)))
    step = train.make_step(optimiser, loss)
    for epoch in range(2):
        order_key, step_key, _ = jr.split(jr.fold_in(jr.key(0), epoch), 3)
        for i, batch in enumerate(snn.data.batches(data, 32, key=order_key)):
            by_hand = train.with_slope(by_hand, optax.linear_schedule(1.0, 25.0, 5)(3 * epoch + i))
            by_hand, opt_state, _ = step(by_hand, opt_state, batch, jr.fold_in(step_key, i))
    np.testing.assert_array_equal(fitted.model[0].weight, by_hand[0].weight)
    constant = train.fit(train.with_slope(model, 1.0), optax.sgd(0.1), loss, data, **options)
    assert not np.allclose(fitted.model[0].weight, constant.model[0].weight)
