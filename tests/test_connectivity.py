"""Sparse, masked, signed and banded layers against dense matrices; wiring rules against their statistics."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn

nn = snn.nn
# Of inputs: whole blocks, a last block that is shorter, fewer than one block.
SIZES = [128, 200, 150, 7, 1]


def _layer(n_in=150, n_out=40, probability=0.2, bias=True, seed=0):
    k1, k2 = jr.split(jr.key(seed))
    layer = nn.SparseLinear(nn.fixed_probability(n_in, n_out, probability, key=k1), use_bias=bias, key=k2)
    return jax.tree.map(lambda a: a.astype(jnp.float64) if eqx.is_inexact_array(a) else a, layer)


def _matrix(layer):
    """The weights as a matrix, entered one by one."""
    matrix = np.zeros((layer.out_features, layer.in_features))
    for pre, post, weight in zip(layer.pre, layer.post, np.asarray(layer.weight), strict=True):
        matrix[post, pre] += weight
    return matrix


def _inputs(shape, active, seed=0):
    """So many inputs of each step are not zero; neither ones nor of one sign."""
    generator = np.random.default_rng(seed)
    xs = np.zeros((math.prod(shape[:-1]), shape[-1]))
    for x in xs:
        x[generator.choice(shape[-1], active, replace=False)] = generator.normal(size=active)
    return jnp.asarray(xs.reshape(shape))


# Sparse


@pytest.mark.parametrize("n_in", SIZES)
@pytest.mark.parametrize("part", [0, 0.03, 0.5, 1])
def test_sparse_product_is_that_of_the_matrix(n_in, part):
    """Silent, few active inputs (the sum over these), many (the sum over all): one result."""
    layer = _layer(n_in, 60, 0.8)
    x = _inputs((n_in,), math.ceil(part * n_in))
    expected = _matrix(layer) @ np.asarray(x) + np.asarray(layer.bias)
    np.testing.assert_allclose(layer(x), expected, atol=1e-13)
    np.testing.assert_allclose(eqx.filter_jit(layer)(x), expected, atol=1e-13)
    np.testing.assert_array_equal(layer.dense(), _matrix(layer))


def test_few_and_many_active_inputs_take_different_ways():
    """Else the test above would look at one of them twice."""
    from snnjax._primitive.synapses import _worthwhile

    layer = _layer(200, 60, 0.8)
    assert 6 <= _worthwhile(layer.pre.size, layer.longest) < 100


@pytest.mark.parametrize("where", ["first", "last", "both ends of a row"])
def test_every_position_is_found(where):
    layer = _layer(150, 300, 0.9)
    at = {"first": [0], "last": [149], "both ends of a row": [63, 64, 127, 128]}[where]
    x = np.zeros(150)
    x[at] = np.arange(1.0, len(at) + 1)
    np.testing.assert_allclose(layer(jnp.asarray(x)), _matrix(layer) @ x + np.asarray(layer.bias), atol=1e-13)


def test_any_number_of_spikes():
    """No capacity: from none to all, counted exactly."""
    synapses = nn.fixed_out_degree(100, 1000, 500, key=jr.key(0))
    layer = nn.SparseLinear(synapses, jnp.ones(synapses.count), use_bias=False)
    product = eqx.filter_jit(layer)
    for active in range(0, 101, 10):
        assert product(jnp.zeros(100).at[:active].set(1)).sum() == 500 * active


def test_not_a_number_is_not_silence():
    layer = _layer(bias=False)
    out = layer(jnp.zeros(150).at[3].set(jnp.nan))
    np.testing.assert_array_equal(jnp.isnan(out), _matrix(layer)[:, 3] != 0)


def test_pairs_that_stand_twice_add_up():
    synapses = nn.Synapses([1, 0, 1], [0, 1, 0], in_features=2, out_features=2)
    layer = nn.SparseLinear(synapses, jnp.array([1.0, 2.0, 3.0]), use_bias=False)
    np.testing.assert_array_equal(layer.dense(), [[0, 5], [1, 0]])
    np.testing.assert_array_equal(layer(jnp.array([1.0, 1.0])), [5, 1])


@pytest.mark.parametrize("active", [4, 150])
@pytest.mark.parametrize("lead", [(), (6,), (3, 2)])
def test_gradients_are_those_of_the_matrix(lead, active):
    layer = _layer(150, 90, 0.8)
    xs = _inputs((*lead, 150), active)
    sent = jr.normal(jr.key(1), (*lead, 90))

    def loss(layer, xs):
        product = layer
        for _ in lead:
            product = jax.vmap(product)
        return (sent * product(xs)).sum()

    gradient, of_xs = eqx.filter_grad(lambda both: loss(*both))((layer, xs))
    matrix, sums = _matrix(layer), "tab"[: len(lead)]
    np.testing.assert_allclose(of_xs, np.asarray(sent) @ matrix, atol=1e-13)
    dense = np.einsum(f"{sums}o,{sums}i->oi", sent, xs)
    np.testing.assert_allclose(gradient.weight, dense[layer.post, layer.pre], atol=1e-13)
    np.testing.assert_allclose(gradient.bias, np.asarray(sent).reshape(-1, 90).sum(0), atol=1e-13)


def test_derivatives_of_any_order_and_both_modes():
    layer = _layer(30, 20, 0.5, bias=False)
    x, dx, d2x = (_inputs((30,), 30, seed) for seed in range(3))
    matrix = jnp.asarray(_matrix(layer))

    def dense_of(weight):
        return jnp.zeros((20, 30)).at[layer.post, layer.pre].add(weight)

    def sparse(weight, x):
        return (eqx.tree_at(lambda m: m.weight, layer, weight)(x) ** 3).sum()

    def dense(weight, x):
        return ((dense_of(weight) @ x) ** 3).sum()

    tangents = (jnp.sin(layer.weight), dx)
    for derive in (jax.grad, lambda f, i: lambda w, x: jax.jvp(jax.grad(f, i), (w, x), tangents)[1]):
        for argument in (0, 1):
            np.testing.assert_allclose(
                derive(sparse, argument)(layer.weight, x), derive(dense, argument)(layer.weight, x), rtol=1e-10
            )
    np.testing.assert_allclose(jax.jvp(layer, (x,), (dx,))[1], matrix @ dx, atol=1e-13)
    third = jax.hessian(lambda x: jax.jvp(lambda x: sparse(layer.weight, x), (x,), (d2x,))[1])(x)
    expected = jax.hessian(lambda x: jax.jvp(lambda x: dense(layer.weight, x), (x,), (d2x,))[1])(x)
    np.testing.assert_allclose(third, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("active", [2, 150])
def test_batches_ensembles_and_gradients_of_each_example(axis, active):
    layer = _layer(bias=False)
    xs = _inputs((5, 150), active)
    placed = jnp.moveaxis(xs, 0, axis)
    expected = np.asarray(xs) @ _matrix(layer).T
    np.testing.assert_allclose(jax.vmap(layer, in_axes=axis)(placed), expected, atol=1e-13)

    weights = jr.normal(jr.key(1), (4, layer.pre.size))

    def with_weights(weight, x):
        return eqx.tree_at(lambda m: m.weight, layer, weight)(x)

    found = jax.vmap(lambda w: jax.vmap(lambda x: with_weights(w, x), in_axes=axis)(placed))(weights)
    each = [np.asarray(xs) @ _matrix(eqx.tree_at(lambda m: m.weight, layer, w)).T for w in weights]
    np.testing.assert_allclose(found, each, atol=1e-12)

    def gradient(x):
        return jax.grad(lambda w: (with_weights(w, x) ** 2).sum())(layer.weight)

    one_by_one = [2 * expected[b][layer.post] * np.asarray(xs)[b][layer.pre] for b in range(5)]
    np.testing.assert_allclose(jax.vmap(gradient, in_axes=axis)(placed), one_by_one, atol=1e-12)


@pytest.mark.parametrize("recurrent", [False, True])
def test_training_gradient_of_a_spiking_network_is_that_of_the_matrix(recurrent):
    layer = _layer(20, 20, 0.4)
    linear = eqx.nn.Linear(20, 20, key=jr.key(0), dtype=jnp.float64)
    linear = eqx.tree_at(lambda m: (m.weight, m.bias), linear, (jnp.asarray(_matrix(layer)), layer.bias))
    xs = 0.5 + jr.normal(jr.key(2), (25, 3, 20))

    def loss(layer):
        neuron = snn.LIF(tau=3.0, threshold=0.4)
        model = snn.Recurrent(neuron, layer) if recurrent else snn.Sequential(layer, neuron, layer, snn.LI())
        ys = jax.vmap(lambda x: snn.unroll(model, x)[1], in_axes=1)(xs)
        return (ys**2).mean(), ys

    (_, ys), found = eqx.filter_value_and_grad(loss, has_aux=True)(layer)
    (_, expected_ys), expected = eqx.filter_value_and_grad(loss, has_aux=True)(linear)
    assert jnp.abs(ys).sum() > 10
    np.testing.assert_allclose(ys, expected_ys, atol=1e-12)
    np.testing.assert_allclose(found.weight, np.asarray(expected.weight)[layer.post, layer.pre], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found.bias, expected.bias, rtol=1e-9)


@pytest.mark.parametrize("active", [0, 4, 100])
def test_add_to_a_total(active):
    layer = _layer(150, 90, 0.8)
    total, x = jr.normal(jr.key(0), (90,)), _inputs((150,), active)
    expected = np.asarray(total) + _matrix(layer) @ np.asarray(x) + np.asarray(layer.bias)
    np.testing.assert_allclose(layer.add_to(total, x), expected, atol=1e-13)

    def pair(function):
        def both(layer, total, x):
            return function(layer, total, x), jax.vmap(lambda x: function(layer, total, x))(jnp.stack([x, 2 * x]))

        return lambda args: sum((jnp.cos(jnp.arange(a.size)).reshape(a.shape) * a**2).sum() for a in both(*args))

    found = eqx.filter_grad(pair(lambda layer, total, x: layer.add_to(total, x)))((layer, total, x))
    wanted = eqx.filter_grad(pair(lambda layer, total, x: total + layer(x)))((layer, total, x))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)
    dx, dtotal = jnp.sin(jnp.arange(150.0)), jnp.cos(jnp.arange(90.0))
    tangent = jax.jvp(layer.add_to, (total, x), (dtotal, dx))[1]
    np.testing.assert_allclose(tangent, np.asarray(dtotal) + _matrix(layer) @ np.asarray(dx), atol=1e-12)
    batched = jax.vmap(layer.add_to, in_axes=(0, None))(jnp.stack([total, 0 * total]), x)
    np.testing.assert_allclose(batched, np.stack([expected, expected - np.asarray(total)]), atol=1e-13)


def test_spikes_of_any_dtype_and_events():
    layer = _layer()
    spikes = np.random.default_rng(0).random((9, 150)) < 0.1
    expected = spikes @ _matrix(layer).T + np.asarray(layer.bias)
    assert layer(jnp.asarray(spikes[0])).dtype == jnp.float64
    np.testing.assert_allclose(layer(jnp.asarray(spikes[0])), expected[0], atol=1e-13)
    for xs in (jnp.asarray(spikes), jnp.asarray(spikes, jnp.int32), snn.Events.from_dense(spikes)):
        np.testing.assert_allclose(snn.unroll(layer, xs)[1], expected, atol=1e-13)


def test_memory_is_that_of_the_synapses():
    """12 bytes per synapse, 4 per neuron and layer; a matrix would have 4 GB."""
    synapses = nn.fixed_in_degree(32_000, 32_000, 10, key=jr.key(0))
    layer = nn.SparseLinear(synapses, jnp.ones(320_000, jnp.float32), use_bias=False)
    assert sum(a.nbytes for a in jax.tree.leaves(layer)) == 12 * 320_000 + 4 * 32_001
    x = jnp.zeros(32_000, jnp.float32).at[:50].set(1)
    peak = jax.jit(lambda x: layer(x)).lower(x).compile().memory_analysis()
    assert peak.temp_size_in_bytes < 5 * 12 * 320_000
    assert int(layer(x).sum()) == synapses.out_degrees[:50].sum()


def test_no_synapses_at_all():
    layer = nn.SparseLinear(nn.fixed_probability(5, 3, 0.0, key=jr.key(0)), jnp.zeros(0), use_bias=False)
    assert layer(jnp.ones(5)).tolist() == [0, 0, 0]
    assert jax.vmap(layer)(jnp.ones((2, 5))).shape == (2, 3)
    gradient = jax.grad(lambda w: jax.vmap(eqx.tree_at(lambda m: m.weight, layer, w))(jnp.ones((2, 5))).sum())
    assert gradient(jnp.zeros(0)).shape == (0,)


def test_sharded_over_devices():
    """A batch that lies on two devices."""
    layer = _layer(bias=False)
    xs = _inputs((4, 150), 10)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("batch")
    expected = np.asarray(xs) @ _matrix(layer).T
    mapped = jax.shard_map(jax.vmap(layer), mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_allclose(jax.jit(mapped)(xs), expected, atol=1e-13)
    placed = jax.device_put(xs, jax.sharding.NamedSharding(mesh, spec))
    np.testing.assert_allclose(jax.jit(jax.vmap(layer))(placed), expected, atol=1e-13)


@pytest.mark.usefixtures("unchecked")
def test_sparse_errors():
    synapses = nn.fixed_in_degree(10, 5, 3, key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"no key; it takes one"):
        nn.SparseLinear(synapses)
    with pytest.raises(snn.InputError, match=r"weights of shape \(3,\); it takes \(15,\)"):
        nn.SparseLinear(synapses, jnp.ones(3), use_bias=False)
    layer = nn.SparseLinear(synapses, key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"SparseLinear was given one step of shape \(5,\); it takes \(10,\)"):
        layer(jnp.ones(5))
    with pytest.raises(snn.InputError, match=r"a total of shape \(4,\); it takes \(5,\)"):
        layer.add_to(jnp.ones(4), jnp.ones(10))
    with pytest.raises(snn.InputError, match="Time is axis 0"):
        snn.unroll(layer, jnp.ones((10, 10, 10)))


# Masks


def test_mask_survives_training(standard_promotion):
    """Weight decay and Adam move masked weights; the product must not notice."""
    mask = np.random.default_rng(0).random((6, 12)) < 0.4
    layer = nn.MaskedLinear(mask, key=jr.key(0))
    assert jnp.abs(layer.weight).max() <= 1
    model = snn.Sequential(layer, snn.LI(tau=3.0))
    xs, target = jr.normal(jr.key(1), (20, 12)), jr.normal(jr.key(2), (20, 6))
    optimiser = optax.adamw(1e-2, weight_decay=0.1)
    trained, rest = eqx.partition(model, snn.trainable(model))
    assert trained[0].mask.value is None
    opt_state = optimiser.init(trained)

    def loss(trained):
        return jnp.square(snn.unroll(eqx.combine(trained, rest), xs)[1] - target).mean()

    losses = []
    for _ in range(30):
        value, gradient = eqx.filter_value_and_grad(loss)(trained)
        assert (np.asarray(gradient[0].weight)[~mask] == 0).all()
        updates, opt_state = optimiser.update(gradient, opt_state, trained)
        trained = eqx.apply_updates(trained, updates)
        losses.append(value)
    assert losses[-1] < 0.9 * losses[0]
    after = eqx.combine(trained, rest)[0]
    assert (after.weight != layer.weight).all()  # masked weights too: decay
    jacobian = jax.jacobian(after)(xs[0])
    np.testing.assert_array_equal(np.asarray(jacobian) != 0, mask)
    np.testing.assert_allclose(jacobian, np.asarray(after.weight) * mask, rtol=1e-6)


def test_masked_and_sparse_layers_agree():
    synapses = nn.fixed_probability(30, 20, 0.3, key=jr.key(0))
    sparse = nn.SparseLinear(synapses, key=jr.key(1))
    masked = nn.MaskedLinear(synapses.mask(), key=jr.key(2))
    masked = eqx.tree_at(lambda m: (m.weight, m.bias), masked, (sparse.dense() + 5.0 * ~synapses.mask(), sparse.bias))
    xs = jr.normal(jr.key(3), (7, 30))
    np.testing.assert_allclose(snn.unroll(masked, xs)[1], snn.unroll(sparse, xs)[1], atol=1e-6)


@pytest.mark.usefixtures("unchecked")
def test_mask_errors():
    with pytest.raises(snn.InputError, match=r"a mask of shape \(3,\); it takes a matrix"):
        nn.MaskedLinear(np.ones(3), key=jr.key(0))
    layer = nn.MaskedLinear(np.ones((3, 4)), key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"MaskedLinear was given one step of shape \(3,\); it takes \(4,\)"):
        layer(jnp.ones(3))


# Signs


def test_signed_keeps_value_sign_and_zero():
    values = jnp.array([[0.5, -2.0], [0.0, 1e-3]])
    weight = nn.Signed(values)
    np.testing.assert_allclose(weight.resolve(), values, rtol=1e-12)
    trained = snn.trainable(weight)
    assert trained.raw
    assert not trained.sign
    gradient = eqx.filter_grad(lambda w: (jnp.array([[1.0, 2.0], [3.0, 4.0]]) * w.resolve()).sum())(weight)
    np.testing.assert_allclose(gradient.raw, jnp.array([[0.5, -4.0], [0.0, 4e-3]]), rtol=1e-12)
    with pytest.raises(snn.InputError, match="it takes finite values"):
        nn.Signed(jnp.array([1.0, jnp.inf]))


def _train(layer, optimiser, steps=20):
    """Toward a target that asks for the other sign of every weight."""
    xs = jax.nn.relu(jr.normal(jr.key(1), (40, layer.weight.resolve().shape[-1])))
    target = -snn.unroll(layer, xs)[1]
    trained, rest = eqx.partition(layer, snn.trainable(layer))
    opt_state = optimiser.init(trained)

    @eqx.filter_jit
    def step(trained, opt_state):
        def loss(trained):
            return jnp.square(snn.unroll(eqx.combine(trained, rest), xs)[1] - target).mean()

        value, gradient = eqx.filter_value_and_grad(loss)(trained)
        updates, opt_state = optimiser.update(gradient, opt_state, trained)
        return eqx.apply_updates(trained, updates), opt_state, value

    losses = []
    for _ in range(steps):
        trained, opt_state, value = step(trained, opt_state)
        losses.append(value)
    assert losses[-1] < losses[0]
    return eqx.combine(trained, rest)


@pytest.mark.parametrize("optimiser", [optax.sgd(10.0), optax.adam(0.3)], ids=["sgd", "adam"])
def test_dale_signs_survive_training(standard_promotion, optimiser):
    layer = nn.DaleLinear(20, 8, excitatory=0.75, use_bias=False, key=jr.key(0))
    before, after = layer.weight.resolve(), _train(layer, optimiser).weight.resolve()
    assert (jnp.abs(after / before - 1) > 0.05).mean() > 0.5
    assert (after[:, :15] > 0).all()
    assert (after[:, 15:] < 0).all()


def test_signs_of_sparse_weights_survive_training(standard_promotion):
    synapses = nn.fixed_in_degree(20, 20, 5, key=jr.key(0))
    values = np.where(synapses.pre < 16, 0.2, -0.8)
    layer = nn.SparseLinear(synapses, nn.Signed(jnp.asarray(values)), use_bias=False)
    xs = jax.nn.relu(jr.normal(jr.key(1), (40, 20)))
    trained, rest = eqx.partition(layer, snn.trainable(layer))
    for _ in range(10):
        gradient = eqx.filter_grad(lambda t: jnp.square(snn.unroll(eqx.combine(t, rest), xs)[1] - 3).mean())(trained)
        trained = jax.tree.map(lambda p, g: p - 2 * g, trained, gradient)
    after = eqx.combine(trained, rest).weight.resolve()
    np.testing.assert_array_equal(jnp.sign(after), np.sign(values))
    assert jnp.abs(after - values).max() > 0.1


@pytest.mark.parametrize("part", [0.0, 0.5, 0.8, 1.0])
def test_dale_layers_start_balanced(part):
    layer = nn.DaleLinear(400, 300, excitatory=part, key=jr.key(0))
    weight = np.asarray(layer.weight.resolve())
    assert ((weight > 0).sum(axis=1) == round(400 * part)).all()
    # Of the squares: 120,000 draws whose squares have a relative spread of sqrt(5), so 3 % is more than 4 deviations.
    assert abs((weight**2).sum(axis=1).mean() * 3 - 1) < 0.03
    if 0 < part < 1:
        # The sum of a row spreads by sqrt(half of 1/3) or so; its mean over 300 rows by less than 0.04.
        assert abs(weight.sum(axis=1).mean()) < 0.12
    np.testing.assert_allclose(layer(jnp.ones(400)), weight.sum(axis=1), atol=1e-10)


@pytest.mark.usefixtures("unchecked")
def test_dale_errors():
    with pytest.raises(snn.InputError, match="was given 3; it takes the part of the inputs, from 0 to 1"):
        nn.DaleLinear(4, 4, 3, key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"DaleLinear\.in_features was given 0"):
        nn.DaleLinear(0, 4, key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"DaleLinear was given one step of shape \(3,\); it takes \(4,\)"):
        nn.DaleLinear(4, 4, key=jr.key(0))(jnp.ones(3))


# Bands


def _band(layer, circular):
    width, n = layer.weight.shape
    matrix = np.zeros((n, n))
    for o in range(n):
        for d in range(width):
            i = o + d - width // 2
            if circular or 0 <= i < n:
                matrix[o, i % n] += np.asarray(layer.weight)[d, o]
    return matrix


@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("radius", [0, 2, 12])
def test_band_is_that_of_the_matrix(radius, circular):
    layer = nn.BandedLinear(25, radius, circular=circular, key=jr.key(0))
    assert layer.weight.shape == (2 * radius + 1, 25)
    xs, sent = jr.normal(jr.key(1), (6, 25)), jr.normal(jr.key(2), (6, 25))
    matrix = _band(layer, circular)
    np.testing.assert_allclose(snn.unroll(layer, xs)[1], np.asarray(xs) @ matrix.T + layer.bias[None], atol=1e-12)
    gradient = eqx.filter_grad(lambda both: (sent * snn.unroll(*both)[1]).sum())((layer, xs))
    np.testing.assert_allclose(gradient[1], np.asarray(sent) @ matrix, atol=1e-12)
    dense = np.asarray(sent).T @ np.asarray(xs)
    for d in range(2 * radius + 1):
        for o in range(25):
            i = o + d - radius
            expected = dense[o, i % 25] if circular or 0 <= i < 25 else 0
            np.testing.assert_allclose(gradient[0].weight[d, o], expected, atol=1e-12)


def test_equal_weights_along_the_band_are_a_convolution():
    layer = nn.BandedLinear(30, 2, use_bias=False, key=jr.key(0))
    shared = jnp.array([1.0, -2.0, 0.5, 3.0, 1.5])
    layer = eqx.tree_at(lambda m: m.weight, layer, jnp.broadcast_to(shared[:, None], (5, 30)))
    conv = eqx.nn.Conv1d(1, 1, 5, padding=2, use_bias=False, key=jr.key(1), dtype=jnp.float64)
    conv = eqx.tree_at(lambda m: m.weight, conv, shared.reshape(1, 1, 5))
    x = jr.normal(jr.key(2), (30,))
    np.testing.assert_allclose(layer(x), conv(x[None])[0], atol=1e-12)


@pytest.mark.usefixtures("unchecked")
def test_band_errors():
    for features, radius, circular in ((5, 5, False), (5, -1, False), (5, 3, True), (0, 0, False)):
        with pytest.raises(snn.InputError, match=f"features={features} and radius={radius}; it takes"):
            nn.BandedLinear(features, radius, circular=circular, key=jr.key(0))
    with pytest.raises(snn.InputError, match=r"BandedLinear was given one step of shape \(3,\); it takes \(4,\)"):
        nn.BandedLinear(4, 1, key=jr.key(0))(jnp.ones(3))


# Shared weights


def test_a_shared_layer_works_inside_of_containers():
    """`eqx.nn.Shared` ties two weights: the gradient is the sum of those of both places."""

    def network(first, second):
        return snn.Sequential(first, snn.LIF(tau=3.0, threshold=0.3), second, snn.LI())

    first, second = (eqx.nn.Linear(6, 6, key=k, dtype=jnp.float64) for k in jr.split(jr.key(0)))
    shared = eqx.nn.Shared(network(first, second), lambda m: m[2].weight, lambda m: m[0].weight)
    assert len(jax.tree.leaves(eqx.filter(shared, eqx.is_array))) == 3  # one matrix, two biases
    xs = 0.5 + jr.normal(jr.key(1), (20, 6))

    def loss(model):
        return jnp.square(snn.unroll(model, xs)[1] - 1).mean()

    tied = network(first, eqx.tree_at(lambda m: m.weight, second, first.weight))
    found = eqx.filter_grad(lambda shared: loss(shared()))(shared)
    expected = eqx.filter_grad(loss)(tied)
    total = expected[0].weight + expected[2].weight
    assert jnp.abs(expected[0].weight).max() > 1e-6
    assert jnp.abs(expected[2].weight).max() > 1e-6
    np.testing.assert_allclose(found.pytree[0].weight, total, atol=1e-12)


# Wiring


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("probability", [0.001, 0.02, 0.5, 0.97])
def test_fixed_probability_is_binomial(probability, itself):
    n = 400
    synapses = nn.fixed_probability(n, n, probability, self_connections=itself, key=jr.key(3))
    pairs = n * (n if itself else n - 1)
    # Five standard deviations.
    assert abs(synapses.count - pairs * probability) < 5 * math.sqrt(pairs * probability * (1 - probability))
    matrix = synapses.mask()
    assert matrix.sum() == synapses.count  # no pair twice
    assert itself or not matrix.diagonal().any()
    variance = n * probability * (1 - probability)
    for degrees in (synapses.in_degrees, synapses.out_degrees):
        # The variance of 400 binomial numbers spreads by sqrt(2 / 400), or a little more for rare ones.
        assert abs(degrees.var() / variance - 1) < 6 * math.sqrt((2 + 1 / variance) / n)
    # The halves of the matrix are equally full: nothing is left out at an end.
    halves = matrix[: n // 2].sum(), matrix[:, : n // 2].sum()
    for half in halves:
        assert abs(half - synapses.count / 2) < 5 * math.sqrt(synapses.count / 4) + 1


@pytest.mark.parametrize("itself", [True, False])
def test_probability_zero_and_one(itself):
    assert nn.fixed_probability(9, 9, 0.0, self_connections=itself, key=jr.key(0)).count == 0
    full = nn.fixed_probability(9, 9, 1.0, self_connections=itself, key=jr.key(0)).mask()
    np.testing.assert_array_equal(full, np.ones((9, 9), bool) if itself else ~np.eye(9, dtype=bool))
    assert nn.fixed_probability(2, 7, 1.0, key=jr.key(0)).mask().shape == (7, 2)
    assert nn.fixed_probability(1, 1, 1.0, self_connections=False, key=jr.key(0)).count == 0


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("rule", ["in", "out"])
def test_fixed_numbers_are_exact(rule, itself):
    make = nn.fixed_in_degree if rule == "in" else nn.fixed_out_degree
    synapses = make(50, 50, 13, self_connections=itself, key=jr.key(0))
    degrees, others = synapses.in_degrees, synapses.out_degrees
    degrees, others = (degrees, others) if rule == "in" else (others, degrees)
    assert (degrees == 13).all()
    assert others.min() < 13 < others.max()
    matrix = synapses.mask()
    assert matrix.sum() == synapses.count == 650  # all partners differ
    assert itself == matrix.diagonal().any()
    assert make(50, 50, 0, key=jr.key(0)).count == 0
    assert make(12, 12, 11, self_connections=False, key=jr.key(0)).mask().sum() == 132


def test_partners_are_drawn_uniformly():
    synapses = nn.fixed_in_degree(40, 20_000, 5, key=jr.key(0))
    # Each of 40 inputs: 2500 times, with a deviation of 47.
    assert np.abs(synapses.out_degrees - 2500).max() < 250


def test_keys_decide():
    make = [
        lambda key: nn.fixed_probability(30, 30, 0.2, key=key),
        lambda key: nn.fixed_in_degree(30, 30, 4, key=key),
        lambda key: nn.distance_dependent(np.eye(30), np.eye(30), nn.GaussianProfile(1.0), key=key),
    ]
    for rule in make:
        a, b, c = (rule(jr.key(seed)).mask() for seed in (0, 0, 1))
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_probability_falls_with_the_distance():
    generator = np.random.default_rng(0)
    pre, post = generator.random((500, 2)), generator.random((700, 2))
    distance = np.linalg.norm(pre[None] - post[:, None], axis=-1)
    matrix = nn.distance_dependent(pre, post, nn.GaussianProfile(0.2, peak=0.8), key=jr.key(0)).mask()
    edges = np.linspace(0, 0.6, 9)
    for near, far in itertools.pairwise(edges):
        ring = (distance >= near) & (distance < far)
        chance = (0.8 * np.exp(-(distance[ring] ** 2) / (2 * 0.2**2))).sum()
        assert abs(matrix[ring].sum() - chance) < 5 * math.sqrt(chance)


@pytest.mark.parametrize("period", [None, 10.0])
def test_disc_connects_all_that_is_near(period):
    line = np.arange(10.0)[:, None]
    synapses = nn.distance_dependent(
        line, line, nn.DiscProfile(2.0), period=period, self_connections=False, key=jr.key(0)
    )
    apart = np.abs(line - line.T)
    apart = apart if period is None else np.minimum(apart, 10 - apart)
    np.testing.assert_array_equal(synapses.mask(), (apart <= 2) & (apart > 0))
    # Populations of different sizes have no neuron in common.
    assert nn.distance_dependent(line, line[:3], nn.DiscProfile(20.0), key=jr.key(0)).count == 30


def test_profiles():
    distance = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(nn.GaussianProfile(2.0, 0.5)(distance), 0.5 * np.exp(-(distance**2) / 8))
    np.testing.assert_allclose(nn.ExponentialProfile(2.0, 0.5)(distance), 0.5 * np.exp(-distance / 2))
    np.testing.assert_allclose(nn.DiscProfile(1.0, 0.5)(distance), [0.5, 0.5, 0])
    for profile in (nn.GaussianProfile, nn.ExponentialProfile, nn.DiscProfile):
        for arguments in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.5)):
            with pytest.raises(ValueError, match=rf"{profile.__name__} was given .* it takes"):
                profile(*arguments)


@pytest.mark.usefixtures("unchecked")
def test_wiring_errors():
    key = jr.key(0)
    with pytest.raises(snn.InputError, match=r"given 1\.5; it takes a probability"):
        nn.fixed_probability(3, 3, 1.5, key=key)
    with pytest.raises(snn.InputError, match="out_features was given 0"):
        nn.fixed_probability(3, 0, 0.5, key=key)
    with pytest.raises(snn.InputError, match="3 inputs and 4 outputs; it takes as many of both"):
        nn.fixed_probability(3, 4, 0.5, self_connections=False, key=key)
    with pytest.raises(
        snn.InputError, match="fixed number of 4 synapses per neuron was asked for; there can be 0 to 3"
    ):
        nn.fixed_in_degree(3, 9, 4, key=key)
    with pytest.raises(snn.InputError, match="there can be 0 to 8"):
        nn.fixed_out_degree(9, 9, 9, self_connections=False, key=key)
    with pytest.raises(snn.InputError, match=r"positions of shapes \(3,\) and \(3, 2\)"):
        nn.distance_dependent(np.ones(3), np.ones((3, 2)), nn.DiscProfile(1.0), key=key)
    with pytest.raises(snn.InputError, match="2 numbers for pre and 1 for post"):
        nn.Synapses([0, 1], [0], 2, 2)
    with pytest.raises(
        snn.InputError, match=r"Synapses.post .* from 0 to 2; it takes a list of whole numbers from 0 to 1"
    ):
        nn.Synapses([0, 1], [0, 2], 2, 2)
    with pytest.raises(snn.InputError, match=r"Synapses.pre .* float64"):
        nn.Synapses([0.0, 1.0], [0, 1], 2, 2)


@pytest.mark.parametrize("lead", [(), (3, 2)])
def test_what_other_devices_run(lead):
    """Accelerators go through all synapses; these functions run here too."""
    from snnjax._primitive import synapses as primitive

    layer = _layer(30, 20, 0.5)
    xs, sent = _inputs((*lead, 30), 5), jr.normal(jr.key(1), (*lead, 20))
    matrix = _matrix(layer)
    lists, sizes = (layer.pre, layer.post, layer.start), {"size": 20, "longest": layer.longest}
    spread = primitive._spread_rows(xs, layer.weight, *lists, **sizes)
    np.testing.assert_allclose(spread, np.asarray(xs) @ matrix.T, atol=1e-13)
    collected = primitive._collect_rows(sent, layer.weight, *lists, **sizes, in_turn=False)
    np.testing.assert_allclose(collected, np.asarray(sent) @ matrix, atol=1e-13)
    paired = primitive._pair_rows(xs, sent, *lists, **sizes, in_turn=False)
    dense = np.einsum(f"{'tb'[: len(lead)]}o,{'tb'[: len(lead)]}i->oi", sent, xs)
    np.testing.assert_allclose(paired, dense[layer.post, layer.pre], atol=1e-13)


def test_lowers_for_accelerators():
    layer = _layer(30, 20, 0.5)
    gradient = jax.grad(lambda x: (jax.vmap(layer)(x) ** 2).sum() + (layer.add_to(x[0, :20], x[1]) ** 2).sum())
    for platform in ("cuda", "tpu"):
        lowered = jax.jit(gradient).trace(jnp.ones((3, 30))).lower(lowering_platforms=(platform,))
        assert "stablehlo.scatter" in lowered.as_text()
