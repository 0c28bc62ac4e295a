"""Norms through time: against numpy in float64, over batches, pieces of time and devices, in training and inference."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import snnjax as snn

from .helpers import assert_close

STEPS, BATCH = 6, 4


def build(name, size=3):
    make = {
        "threshold": lambda: snn.nn.ThresholdBatchNorm(size, 0.5, 2.0, dtype=jnp.float64),
        "through time": lambda: snn.nn.BatchNormThroughTime(size, STEPS, dtype=jnp.float64),
        "temporal effective": lambda: snn.nn.temporal_effective_batch_norm(size, STEPS, dtype=jnp.float64),
    }[name]
    model, statistics = eqx.nn.make_with_state(make)()
    leaves, structure = jax.tree.flatten(eqx.filter(model, snn.trainable(model)))
    keys = jr.split(jr.key(7), len(leaves))
    leaves = [leaf + 0.3 * jr.normal(key, leaf.shape, leaf.dtype) for leaf, key in zip(leaves, keys, strict=True)]
    changed = jax.tree.unflatten(structure, leaves)
    return eqx.combine(changed, model), statistics


def over_batch(model, statistics, xs, **options):
    def one(model, statistics, xs):
        _, ys, statistics = snn.unroll(model, xs, statistics=statistics, **options)
        return ys, statistics

    return jax.vmap(one, in_axes=(None, None, 0), out_axes=(0, None), axis_name="batch")(model, statistics, xs)


def by_numpy(name, model, xs, running=None):
    """The outputs, and the means and (unbiased) variances; `xs` is `(batch, time, channels, *space)`."""
    axes = (0, *range(3, xs.ndim)) if name == "through time" else (0, 1, *range(3, xs.ndim))
    count = np.prod([xs.shape[axis] for axis in axes])
    mean, variance = xs.mean(axes, keepdims=True), xs.var(axes, keepdims=True)
    if running is not None:
        lead = (1, STEPS, 3) if name == "through time" else (1, 1, 3)
        mean, variance = (np.asarray(a).reshape(*lead, *(1,) * (xs.ndim - 3)) for a in running)
    shape = (1, -1, *(1,) * (xs.ndim - 3))
    normal = (xs - mean) / np.sqrt(variance + 1e-5)
    if name == "through time":
        ys = np.asarray(model.weight).reshape(1, STEPS, -1, *(1,) * (xs.ndim - 3)) * normal
    else:
        norm = model if name == "threshold" else model[0]
        factor = 0.5 * 2.0 if name == "threshold" else 1.0
        ys = factor * np.asarray(norm.weight).reshape(1, *shape) * normal + np.asarray(norm.bias).reshape(1, *shape)
    if name == "temporal effective":
        ys = np.asarray(model[1].weight).reshape(1, -1, *(1,) * (xs.ndim - 2)) * ys
    kept = (STEPS, 3) if name == "through time" else (3,)
    return ys, (mean.reshape(kept), variance.reshape(kept) * count / (count - 1))


NAMES = ["threshold", "through time", "temporal effective"]


@pytest.mark.parametrize("space", [(), (5,), (4, 5)], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_against_numpy(name, space):
    model, statistics = build(name)
    first, second = 3 + 2 * jr.normal(jr.key(0), (2, BATCH, STEPS, 3, *space))
    ys, statistics = over_batch(model, statistics, first)
    expected, (mean, variance) = by_numpy(name, model, np.asarray(first))
    assert_close(ys, expected, rtol=1e-11, atol=1e-11)
    running = 0.1 * mean, 0.9 + 0.1 * variance
    (found,) = jax.tree.leaves(statistics, is_leaf=lambda n: isinstance(n, tuple))
    assert_close(found, running, rtol=1e-11, atol=1e-11)
    ys, after = over_batch(eqx.nn.inference_mode(model), statistics, second)
    assert_close(ys, by_numpy(name, model, np.asarray(second), running)[0], rtol=1e-11, atol=1e-11)
    assert eqx.tree_equal(after, statistics)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_formula(name):
    """Finite differences of the numpy formula: the means of the batch carry gradients too."""
    model, statistics = build(name)
    xs = jr.normal(jr.key(0), (BATCH, STEPS, 3))
    weights = np.asarray(jr.normal(jr.key(1), xs.shape))
    found = jax.grad(lambda xs: jnp.sum(over_batch(model, statistics, xs)[0] * weights))(xs)
    for i, index in enumerate(np.ndindex(xs.shape)):
        if i % 7 == 0:
            nudge = np.zeros(xs.shape)
            nudge[index] = 1e-6
            high, low = (np.sum(by_numpy(name, model, np.asarray(xs) + s * nudge)[0] * weights) for s in (1, -1))
            assert abs((high - low) / 2e-6 - found[index]) < 1e-7


def network(name, key):
    k1, k2, k3 = jr.split(key, 3)
    norms = {
        "threshold": lambda: snn.nn.ThresholdBatchNorm(8),
        "through time": lambda: snn.nn.BatchNormThroughTime(8, 250),
        "temporal effective": lambda: snn.nn.temporal_effective_batch_norm(8, 250),
    }[name]
    body = snn.Sequential(eqx.nn.Linear(8, 8, key=k2), norms(), snn.LIF(tau=5.0))
    return snn.Sequential(
        eqx.nn.Linear(5, 8, key=k1), norms(), snn.LIF(tau=5.0), snn.Residual(body), eqx.nn.Linear(8, 2, key=k3)
    )


def loss_and_gradient(model, statistics, xs, loop):
    def loss(trained):
        ys, after = over_batch(eqx.combine(trained, model), statistics, xs, loop=loop)
        return jnp.sum(ys**2), after

    trained = eqx.filter(model, eqx.is_inexact_array)
    return eqx.filter_jit(jax.value_and_grad(loss, has_aux=True))(trained)


@pytest.mark.parametrize("loop", [snn.CheckpointedBPTT(), snn.CheckpointedBPTT(7), snn.Budget(10**5)], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_memory_saving_loops_give_the_same(name, loop):
    """Also sequences so long that the engine would otherwise cut them."""
    model, statistics = eqx.nn.make_with_state(network)(name, jr.key(0))
    xs = jr.normal(jr.key(1), (BATCH, 220, 5))
    if name == "through time" and isinstance(loop, snn.Budget):
        with pytest.raises(snn.InputError, match="norms whose means are over a batch"):
            loss_and_gradient(model, statistics, xs, loop)
        return
    plain = loss_and_gradient(model, statistics, xs, snn.BPTT())
    assert_close(loss_and_gradient(model, statistics, xs, loop), plain, rtol=1e-9, atol=1e-12)


def test_truncation_cuts_states_only():
    """Chunk by chunk for each neuron layer, and no gradient through the states between chunks."""
    lif, readout = snn.LIF(tau=5.0, threshold=0.5), snn.LI(tau=8.0)
    make = eqx.nn.make_with_state(lambda: snn.Sequential(snn.nn.ThresholdBatchNorm(3), lif, readout))
    model, statistics = make()
    xs = jr.normal(jr.key(1), (BATCH, 30, 3))

    def in_pieces(cell, xs):
        state, outs = None, []
        for piece in jnp.split(xs, 3):
            state, ys = snn.unroll(cell, piece, jax.lax.stop_gradient(state))
            outs.append(ys)
        return jnp.concatenate(outs)

    def by_hand(xs):
        normal, _ = over_batch(model[0], statistics.substate(model[0]), xs)
        return jnp.sum(jax.vmap(lambda xs: in_pieces(readout, in_pieces(lif, xs)))(normal) ** 2)

    def by_loop(xs):
        return jnp.sum(over_batch(model, statistics, xs, loop=snn.TruncatedBPTT(10))[0] ** 2)

    truncated = jax.grad(by_loop)(xs)
    assert_close(truncated, jax.grad(by_hand)(xs), rtol=1e-9, atol=1e-12)
    whole = jax.grad(lambda xs: jnp.sum(over_batch(model, statistics, xs)[0] ** 2))(xs)
    assert float(jnp.max(jnp.abs(whole - truncated))) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_one_device_and_two(name):
    model, statistics = eqx.nn.make_with_state(network)(name, jr.key(0))
    xs = jr.normal(jr.key(1), (BATCH, 20, 5))
    alone = over_batch(model, statistics, xs)
    mesh = jax.make_mesh((2,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    lying = jax.device_put(xs, NamedSharding(mesh, PartitionSpec("devices")))
    assert_close(eqx.filter_jit(over_batch)(model, statistics, lying), alone, rtol=1e-12, atol=1e-12)


def test_statistics_over_the_devices_of_a_shard_map():
    make = eqx.nn.make_with_state(snn.nn.ThresholdBatchNorm)
    norm, statistics = make(3)
    both, both_statistics = make(3, axis_name=("batch", "devices"))
    xs = jr.normal(jr.key(1), (BATCH, 20, 3))
    mesh = jax.make_mesh((2,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = PartitionSpec("devices")
    mapped = jax.shard_map(
        lambda xs: over_batch(both, both_statistics, xs),
        mesh=mesh,
        in_specs=rows,
        out_specs=(rows, PartitionSpec()),
        check_vma=False,
    )
    (ys, after), (expected, expected_after) = jax.jit(mapped)(xs), over_batch(norm, statistics, xs)
    assert_close(ys, expected, rtol=1e-12, atol=1e-12)
    assert_close(jax.tree.leaves(after), jax.tree.leaves(expected_after), rtol=1e-12, atol=1e-12)


def test_stepped_by_hand_in_training():
    """Statistics of each step need no other step."""
    model, statistics = build("through time")
    xs = jr.normal(jr.key(0), (BATCH, STEPS, 3))
    ys, after = over_batch(model, statistics, xs)

    def pieces(xs):
        state, left, out = None, None, []
        for piece in (xs[:1], xs[1:4], xs[4:]):
            # The statistics are in the state from the second piece on.
            state, ys, left = snn.unroll(model, piece, state, statistics=jax.tree.map(jnp.copy, statistics))
            out.append(ys)
        return jnp.concatenate(out), left

    assert_close(jax.vmap(pieces, out_axes=(0, None), axis_name="batch")(xs), (ys, after), rtol=1e-12, atol=1e-12)


def test_in_a_feedback_loop():
    norm, statistics = eqx.nn.make_with_state(snn.nn.BatchNormThroughTime)(3, STEPS)
    body = snn.Sequential(norm, snn.LIF(tau=3.0))
    model = snn.Recurrent(body, eqx.nn.Linear(3, 3, key=jr.key(3)))
    ys, _ = over_batch(model, statistics, 3 * jr.normal(jr.key(0), (BATCH, STEPS, 3)))
    assert 0 < float(ys.mean()) < 1


def test_a_sequence_in_pieces_is_refused():
    norm, statistics = eqx.nn.make_with_state(snn.nn.ThresholdBatchNorm)(3, axis_name=None)
    xs = jr.normal(jr.key(0), (STEPS, 3))
    final, _, after = snn.unroll(norm, xs, statistics=statistics)
    with pytest.raises(snn.InputError, match="whole sequence at once in training"):
        snn.unroll(norm, xs, final, statistics=after)
    looped = snn.Recurrent(snn.Sequential(norm, snn.LIF()), eqx.nn.Linear(3, 3, key=jr.key(3)))
    with pytest.raises(snn.InputError, match="inside of a feedback loop"):
        snn.unroll(looped, xs, statistics=after)
    used, _ = jax.eval_shape(lambda: (final, None))
    with pytest.raises(snn.InputError, match="in pieces"):
        eqx.combine(norm, norm)(final, xs[0])
    assert used.seen


def test_what_is_missing_is_named():
    norm, statistics = eqx.nn.make_with_state(snn.nn.ThresholdBatchNorm)(3)
    xs = jr.normal(jr.key(0), (STEPS, 3))
    with pytest.raises(snn.InputError, match="axis_name='batch'"):
        snn.unroll(norm, xs, statistics=statistics)
    with pytest.raises(snn.InputError, match="statistics=statistics"):
        snn.unroll(eqx.nn.inference_mode(norm), xs)
    with pytest.raises(snn.InputError, match="channels first"):
        snn.unroll(eqx.nn.inference_mode(norm), xs.T, statistics=statistics)
    others, _ = eqx.nn.make_with_state(lambda: [snn.nn.ThresholdBatchNorm(3), snn.nn.ThresholdBatchNorm(3)])()
    with pytest.raises(snn.InputError, match="a model takes its own"):
        snn.unroll(others[1], xs, statistics=statistics)
    short, of_two = eqx.nn.make_with_state(snn.nn.BatchNormThroughTime)(3, 2, axis_name=None)
    with pytest.raises(snn.InputError, match="it has numbers for 2"):
        snn.unroll(short, xs, statistics=of_two)
    with pytest.raises(ValueError, match="1 minus that"):
        snn.nn.ThresholdBatchNorm(3, momentum=1.0)
    with pytest.raises(ValueError, match="num_steps was given 0"):
        snn.nn.BatchNormThroughTime(3, 0)


def test_steps_beyond_the_last_are_not_a_number():
    norm = snn.nn.StepScale(2)
    state = norm.init_state(jnp.ones(3))
    for expected in (False, False, True):
        state, y = norm(state, jnp.ones(3))
        assert bool(jnp.isnan(y).all()) == expected


def test_running_statistics_are_no_parameters():
    norm = snn.nn.ThresholdBatchNorm(3)  # before `make_with_state` the model holds them
    spec = snn.trainable(norm)
    assert spec.weight
    assert spec.bias
    assert not any(jax.tree.leaves(spec.running))


@pytest.mark.parametrize("mode", ["batch", "ema"])
def test_norms_of_equinox(mode):
    """Their statistics are those of each step, and run from step to step."""
    make = eqx.nn.make_with_state(lambda: snn.Sequential(eqx.nn.BatchNorm(3, "batch", mode=mode), snn.LIF()))
    model, statistics = make()
    xs = jr.normal(jr.key(0), (BATCH, STEPS, 3))
    zs, after = over_batch(model, statistics, xs)

    def by_hand(xs):
        state, kept, out = model[1].init_state(xs[0]), jax.tree.map(jnp.copy, statistics), []
        for x in xs:
            x, kept = model[0](x, kept)
            state, z = model[1](state, x)
            out.append(z)
        return jnp.stack(out), kept

    expected = jax.vmap(by_hand, out_axes=(0, None), axis_name="batch")(xs)
    assert_close((zs, after), expected, rtol=1e-12)


def test_spectral_and_weight_norm():
    k1, k2 = jr.split(jr.key(0))
    linear = eqx.nn.Linear(3, 4, key=k1)
    layers = eqx.nn.SpectralNorm(linear, "weight", key=k2), snn.LIF(), eqx.nn.WeightNorm(eqx.nn.Linear(4, 2, key=k2))
    model, statistics = eqx.nn.make_with_state(lambda: snn.Sequential(*layers))()
    xs = jr.normal(k1, (200, 3))
    _, ys, after = snn.unroll(model, xs, statistics=statistics)
    assert ys.shape == (200, 2)
    # After 200 power iterations the layer's largest singular value is 1.
    stateful, kept = model[0], jax.tree.map(jnp.copy, after)
    matrix = jax.vmap(lambda x: stateful(x, jax.tree.map(jnp.copy, kept))[0] - linear.bias)(jnp.eye(3))
    assert_close(jnp.linalg.norm(matrix, 2), jnp.asarray(1.0), rtol=1e-6)


@pytest.mark.usefixtures("standard_promotion")
def test_a_deep_net_trains_with_the_statistics_of_its_batches():
    """Once the weights rest, inference with what was kept comes close to training mode."""
    model, statistics = eqx.nn.make_with_state(network)("threshold", jr.key(0))
    xs = 4 + 3 * jr.normal(jr.key(1), (32, 10, 5))
    labels = (xs.mean((1, 2)) > 4).astype(int)
    optimiser = optax.adam(1e-2)
    opt_state = optimiser.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model, statistics, opt_state):
        def loss(model):
            ys, after = over_batch(model, statistics, xs)
            return optax.softmax_cross_entropy_with_integer_labels(ys.mean(1), labels).mean(), after

        (value, statistics), gradients = eqx.filter_value_and_grad(loss, has_aux=True)(model)
        updates, opt_state = optimiser.update(gradients, opt_state)
        return eqx.apply_updates(model, updates), statistics, opt_state, value

    values = []
    for _ in range(60):
        model, statistics, opt_state, value = step(model, statistics, opt_state)
        values.append(float(value))
    ys = xs
    for _ in range(60):
        ys, statistics = eqx.filter_jit(over_batch)(model, statistics, xs)
    kept, _ = over_batch(eqx.nn.inference_mode(model), statistics, xs)
    training, inference = (float((ys.mean(1).argmax(1) == labels).mean()) for ys in (ys, kept))
    assert values[-1] < 0.5 * values[0]
    assert training > 0.9
    assert abs(training - inference) < 0.05


@pytest.mark.usefixtures("standard_promotion")
def test_fit_keeps_statistics(tmp_path):
    """Trained, stopped, resumed; the statistics are part of the model, and those of the last batch are in them."""
    digits = snn.data.load("digits").train
    some = jax.tree.map(lambda a: a[:96], digits)

    def build():
        model, statistics = eqx.nn.make_with_state(
            lambda key: snn.Sequential(
                eqx.nn.Linear(64, 16, key=key), snn.nn.ThresholdBatchNorm(16), snn.LIF(), eqx.nn.Linear(16, 10, key=key)
            )
        )(jr.key(0))
        return snn.with_statistics(model, statistics)

    loss = snn.train.Classify(encode=lambda x, key: snn.encode.direct(x, 4), readout=snn.decode.mean_membrane)
    options: dict[str, Any] = {"key": jr.key(1), "batch_size": 32, "progress": False, "validation": some}
    whole = snn.train.fit(build(), optax.adam(1e-2), loss, some, epochs=4, **options)
    snn.train.fit(build(), optax.adam(1e-2), loss, some, epochs=2, folder=tmp_path, **options)
    resumed = snn.train.fit(build(), optax.adam(1e-2), loss, some, epochs=4, folder=tmp_path, resume=True, **options)
    assert bool(eqx.tree_equal(resumed.model, whole.model))
    assert whole.history[-1]["validation_accuracy"] > 0.4  # 12 steps, chance is 0.1

    # One step by hand: the running mean moves towards that of the batch.
    model, batch = build(), next(snn.data.batches(some, 32))
    optimiser = optax.sgd(0.0)
    opt_state = optimiser.init(eqx.filter(model, snn.trainable(model)))
    after, _, metrics = snn.train.make_step(optimiser, loss)(model, opt_state, batch, jr.key(0))
    currents = jax.vmap(model[0])(batch.example.x)
    assert_close(after[1].running.init[0], 0.1 * currents.mean(0), rtol=1e-5)
    assert "statistics" not in metrics
    assert snn.memory(model, jnp.ones((4, 64)), batch=8)
