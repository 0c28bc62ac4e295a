"""Batch experiments: many seeds in one compilation, and the same over two devices."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import snnjax as snn

from .helpers import assert_close

SEEDS = 16
OPTIMISER = optax.adam(1e-2)
LOSS = snn.train.Classify(encode=lambda x, key: snn.encode.rate(x, 12, key=key))


pytestmark = pytest.mark.usefixtures("standard_promotion")


def make_run(key):
    """A model, its optimiser state, and the key of its training: all from one seed."""
    k1, k2, k3 = jr.split(key, 3)
    model = snn.Sequential(
        eqx.nn.Linear(6, 8, key=k1),
        snn.LIF(tau=snn.Positive(4.0), threshold=jnp.asarray(0.5, jnp.float64)),
        eqx.nn.Linear(8, 3, key=k2),
        snn.LI(tau=4.0),
    )
    return model, OPTIMISER.init(eqx.filter(model, snn.trainable(model))), k3


def train_step(run, batch):
    model, opt_state, key = run
    key, step_key = jr.split(key)
    model, opt_state, metrics = snn.train.update(OPTIMISER, LOSS, model, opt_state, batch, step_key)
    return (model, opt_state, key), metrics["loss"]


def _batch():
    x = jr.uniform(jr.key(1), (10, 6))
    label = jr.randint(jr.key(2), (10,), 0, 3)
    return snn.data.Batch((x, label), jnp.ones(10))


@pytest.fixture
def batch():
    return _batch()


@pytest.fixture
def one_by_one():
    return _one_by_one()


@functools.cache
def _one_by_one():
    """What every way of running all seeds at once must give: two steps of each, run alone."""
    batch = _batch()
    step = eqx.filter_jit(train_step)
    runs = [make_run(jr.key(seed)) for seed in range(SEEDS)]
    losses = []
    for i, run in enumerate(runs):
        run, first = step(run, batch)
        runs[i], second = step(run, batch)
        losses.append(jnp.stack([first, second]))
    dynamic = [eqx.filter(run, eqx.is_array) for run in runs]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *dynamic), jnp.stack(losses, axis=1)


def all_seeds():
    keys = jnp.stack([jr.key(seed) for seed in range(SEEDS)])
    return eqx.filter_vmap(make_run)(keys)


def two_steps(step, runs, batch):
    runs, first = step(runs, batch)
    runs, second = step(runs, batch)
    return eqx.filter(runs, eqx.is_array), jnp.stack([first, second])


def test_vmap_over_seeds(batch, one_by_one):
    one_trace = eqx.debug.assert_max_traces(train_step, max_traces=1)
    step = eqx.filter_jit(eqx.filter_vmap(one_trace, in_axes=(eqx.if_array(0), None)))
    assert_close(two_steps(step, all_seeds(), batch), one_by_one, rtol=1e-6)


def test_seeds_over_two_devices_by_sharding(batch, one_by_one):
    mesh = jax.make_mesh((2,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    over_devices = NamedSharding(mesh, PartitionSpec("seed"))
    runs = eqx.filter_shard(all_seeds(), over_devices)
    step = eqx.filter_jit(eqx.filter_vmap(train_step, in_axes=(eqx.if_array(0), None)))
    after, losses = two_steps(step, runs, batch)
    weight = after[0].layers[0].weight
    assert len(weight.sharding.device_set) == 2
    assert weight.addressable_shards[0].data.shape[0] == SEEDS // 2
    assert_close((after, losses), one_by_one, rtol=1e-6)


def test_seeds_over_two_devices_by_pmap(batch, one_by_one):
    dynamic, static = eqx.partition(all_seeds(), eqx.is_array)
    per_device = jax.tree.map(lambda a: a.reshape(2, SEEDS // 2, *a.shape[1:]), dynamic)

    def step(dynamic, batch):
        run, loss = train_step(eqx.combine(dynamic, static), batch)
        return eqx.filter(run, eqx.is_array), loss

    parallel = jax.pmap(jax.vmap(step, in_axes=(0, None)), in_axes=(0, None))
    dynamic, first = parallel(per_device, batch)
    dynamic, second = parallel(dynamic, batch)
    flat = jax.tree.map(lambda a: a.reshape(SEEDS, *a.shape[2:]), dynamic)
    losses = jnp.stack([first.reshape(SEEDS), second.reshape(SEEDS)])
    assert_close((flat, losses), one_by_one, rtol=1e-6)


def test_a_batch_over_two_devices(batch):
    """One model, its batch split over devices: the same step as on one device."""
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec("batch"))
    run = make_run(jr.key(0))
    step = eqx.filter_jit(train_step)
    sharded, loss = step(run, jax.device_put(batch, split))
    alone, expected = step(run, batch)
    assert_close(eqx.filter(sharded, eqx.is_array), eqx.filter(alone, eqx.is_array), rtol=1e-6)
    assert_close(loss, expected, rtol=1e-9)


def network():
    k1, k2 = jr.split(jr.key(0))
    return snn.Sequential(
        eqx.nn.Linear(6, 8, key=k1),
        snn.Recurrent(snn.ALIF(tau=3.0), eqx.nn.Linear(8, 8, key=k2)),
        snn.Delay(2),
        snn.Residual(snn.CubaLIF()),
        snn.LI(),
    )


@pytest.mark.parametrize("steps", [12, 200], ids=["in one", "in tiles"])
@pytest.mark.parametrize("axis", [0, 2], ids=["examples", "neurons"])
def test_a_mesh_with_explicit_axes(steps, axis):
    """There, types say how arrays lie on devices, and every operation must keep account of it."""
    mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Explicit,))
    model, xs = eqx.filter(network(), eqx.is_array), jr.normal(jr.key(1), (4, steps, 6))
    static = eqx.filter(network(), eqx.is_array, inverse=True)

    @jax.jit
    def gradient(model, xs):
        def loss(model, xs):
            return jnp.sum(jax.vmap(lambda x: snn.unroll(eqx.combine(model, static), x)[1])(xs) ** 2)

        return jax.value_and_grad(loss, (0, 1))(model, xs)

    alone = gradient(model, xs)
    with jax.set_mesh(mesh):
        lying = jax.device_put(xs, NamedSharding(mesh, PartitionSpec(*[None] * axis, "d")))
        found = gradient(jax.device_put(model, NamedSharding(mesh, PartitionSpec())), lying)
    assert found[1][1].sharding.spec[axis] == "d"
    assert_close(jax.device_get(found), jax.device_get(alone), rtol=1e-10)


@pytest.mark.parametrize("loop", [snn.BPTT(), snn.CheckpointedBPTT(4), snn.TruncatedBPTT(5)], ids=repr)
def test_unroll_inside_shard_map(loop):
    """Initial states are built from the data: a constant would not vary over the devices."""
    model = network()
    xs = jr.normal(jr.key(1), (12, 4, 6))
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = PartitionSpec(None, "batch")

    def run(xs):
        return jax.vmap(lambda x: snn.unroll(model, x, loop=loop)[1], in_axes=1, out_axes=1)(xs)

    sharded = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec))(xs)
    assert_close(jnp.asarray(jax.device_get(sharded)), run(xs), rtol=1e-12)


def test_a_budget_inside_shard_map():
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    run = jax.shard_map(
        lambda x: snn.unroll(snn.LI(), x, loop=snn.Budget(10_000))[1],
        mesh=mesh,
        in_specs=PartitionSpec(None, "batch"),
        out_specs=PartitionSpec(None, "batch"),
    )
    with pytest.raises(snn.InputError, match=r"Inside of a `jax\.shard_map` choose the loop"):
        jax.jit(run)(jnp.ones((12, 4)))
