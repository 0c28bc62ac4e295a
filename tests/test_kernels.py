"""The schedule of `unroll`: equal to JAX's own differentiation of a plain loop, and as small as it says."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn
from snnjax._kernel._cut import smallest_cut
from snnjax._kernel._trace import leading_to, traced
from snnjax._primitive import Linear, fold, rows, run, unfold

from .helpers import N, all_containers, assert_close, drive, make, step_by_step

T, BATCH = 7, 3
NETWORKS = ["Sequential-deep", "Recurrent", "Recurrent-in-Sequential", "Residual-shortcut", "Parallel-Concatenate"]


def weighted(ys):
    return (jnp.sin(jnp.arange(ys.size, dtype=ys.dtype)).reshape(ys.shape) * ys).sum()


def loss_of(model, kernel, loop=snn.BPTT()):
    """The parameters, and a loss of them and of a batch."""
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    def loss(params, xs):
        def one(x):
            return snn.unroll(eqx.combine(params, rest), x, kernel=kernel, loop=loop)[1]

        return weighted(jax.vmap(one, in_axes=1, out_axes=1)(xs))

    return params, loss


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_tangents_are_those_of_a_plain_loop(name):
    xs = drive(jr.key(1), (T, BATCH, N), "float64")
    found = []
    for kernel in (snn.Recompute(), snn.Autodiff()):
        params, loss = loss_of(make(all_containers[name], "float64"), kernel)
        direction = jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), (params, xs))

        @jax.jit
        def both(params, xs, loss=loss, direction=direction):
            return jax.grad(loss, (0, 1))(params, xs), jax.jvp(loss, (params, xs), direction)

        found.append(both(params, xs))
    assert jnp.abs(found[1][0][1]).max() > 0
    assert_close(*found, rtol=1e-10)


RESIDUALS = {
    "exact": (snn.ExactResiduals(), 0, 1e-9),
    "16 bits": (snn.SixteenBitResiduals(), 1e-6, 5e-3),
    "8 bits": (snn.EightBitResiduals(), 1e-4, 5e-2),
}


@pytest.mark.parametrize(("residuals", "least", "most"), RESIDUALS.values(), ids=RESIDUALS)
def test_residuals_change_gradients_a_little_and_outputs_not_at_all(residuals, least, most):
    model = snn.Sequential(
        eqx.nn.Linear(N, N, key=jr.key(0), dtype=jnp.float64),
        snn.Recurrent(snn.LIF(tau=jnp.array(5.0)), eqx.nn.Linear(N, N, key=jr.key(1), dtype=jnp.float64)),
        snn.ALIF(tau=5.0),
    )
    xs = 3 * drive(jr.key(1), (30, BATCH, N), "float64")
    found = []
    for kernel in (snn.Recompute(residuals), snn.Autodiff()):
        params, loss = loss_of(model, kernel)
        found.append(jax.jit(jax.value_and_grad(loss))(params, xs))
    assert found[0][0] == found[1][0]
    errors = [
        float(jnp.abs(a - b).max() / jnp.abs(b).max())
        for a, b in zip(jax.tree.leaves(found[0][1]), jax.tree.leaves(found[1][1]), strict=True)
    ]
    assert least <= max(errors) < most


def test_rounded_residuals_refuse_second_derivatives():
    def loss(x):
        return snn.unroll(snn.LIF(), x, kernel=snn.Recompute(snn.EightBitResiduals()))[1].sum()

    with pytest.raises(NotImplementedError, match="more often than it can be"):
        jax.hessian(loss)(jnp.ones((3, 2)))


def test_second_derivatives_are_symmetric():
    """JAX before 0.12 forgets custom derivatives inside of loops when it goes in reverse; here the orders agree."""
    params, loss = loss_of(make(all_containers["Recurrent"], "float64"), snn.Recompute())
    xs = drive(jr.key(1), (T, BATCH, N), "float64")
    direction = jax.tree.map(jnp.ones_like, (params, xs))
    forward_over_reverse = jax.jit(lambda p, x: jax.jvp(jax.grad(loss, (0, 1)), (p, x), direction)[1])(params, xs)
    reverse_over_forward = jax.jit(jax.grad(lambda p, x: jax.jvp(loss, (p, x), direction)[1], (0, 1)))(params, xs)
    assert max(float(jnp.abs(a).max()) for a in jax.tree.leaves(reverse_over_forward)) > 0.1
    assert_close(forward_over_reverse, reverse_over_forward, rtol=1e-10)


def kept_arrays(function, *args):
    """The shapes of what the backward pass of a function takes over from its forward pass."""
    return [leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(lambda *a: jax.vjp(function, *a)[1], *args))]


@pytest.mark.parametrize(
    ("cell", "arrays"), [(snn.LIF(), 1), (snn.CubaLIF(), 1), (snn.ALIF(), 1), (snn.LI(), 0)], ids=lambda c: repr(c)[:7]
)
def test_one_array_per_step_is_kept(cell, arrays):
    xs = jnp.ones((11, 5))
    shapes = kept_arrays(lambda xs: snn.unroll(cell, xs)[1], xs)
    assert shapes.count((11, 5)) == arrays
    assert all(shape == () or shape[0] != 11 for shape in shapes if shape != (11, 5))


def test_weights_with_several_uses():
    class Tied(snn.AbstractCell):
        weight: jax.Array

        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            v = self.weight @ jnp.tanh(self.weight @ state + x)
            return v, v

    class Decaying(Tied):
        def __call__(self, state, x, *, key=None):
            v = self.weight @ state + x + (self.weight * state[None]).sum(1)
            return v, jnp.tanh(v)

    xs = jr.normal(jr.key(0), (T, BATCH, N))
    for cell in (Tied, Decaying):
        found = []
        for kernel in (snn.Recompute(), snn.Autodiff()):
            params, loss = loss_of(cell(0.3 * jr.normal(jr.key(1), (N, N))), kernel)
            found.append(jax.jit(jax.grad(loss, (0, 1)))(params, xs))
        assert_close(*found, rtol=1e-10)


def test_no_sum_over_neurons_in_a_backward_loop():
    """What a number shared by all neurons and examples gets from each is added up after the loop."""
    params, loss = loss_of(snn.LIF(tau=jnp.array(3.0), threshold=jnp.array(0.5)), snn.Recompute())
    jaxpr = traced(jax.grad(loss), params, jnp.ones((T, BATCH, 5))).jaxpr
    (back,) = (e for e in jaxpr.eqns if e.primitive.name == "snnjax_loop" and e.params["reverse"])
    step = back.params["jaxpr"].jaxpr
    assert "reduce_sum" not in str(leading_to(step.outvars, step.eqns)[0])
    assert [v.aval.shape for v in back.outvars].count((BATCH, 5)) == 3  # the state, and two numbers


def test_no_product_of_weights_in_a_backward_loop():
    """The weights of a feedback get their gradient from a product over all steps, and the first state's."""
    model = snn.Recurrent(snn.LIF(tau=3.0), eqx.nn.Linear(5, 5, key=jr.key(0)))
    params, loss = loss_of(model, snn.Recompute())
    jaxpr = traced(jax.grad(loss), params, jnp.ones((T, BATCH, 5))).jaxpr
    assert [e.primitive.name for e in jaxpr.eqns].count("snnjax_outer") == str(jaxpr).count("snnjax_outer") == 2
    loops = [e for e in jaxpr.eqns if e.primitive.name == "snnjax_loop"]
    assert not any(a.shape == (5, 5) for e in loops for v in e.outvars for a in [v.aval])


KERNELS = {
    "Recompute": snn.Recompute(),
    "16 bits": snn.Recompute(snn.SixteenBitResiduals()),
    "8 bits": snn.Recompute(snn.EightBitResiduals()),
    "Autodiff": snn.Autodiff(),
    "ParallelInTime": snn.ParallelInTime(otherwise=snn.Recompute()),
}


@pytest.mark.parametrize("loop", [snn.BPTT(), snn.CheckpointedBPTT(3), snn.TruncatedBPTT(3)], ids=str)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_examples_one_by_one_mapped_and_on_two_devices(kernel, loop):
    """The gradient of a batch is the sum of those of its examples, wherever they are; `Fused` has a test of its own."""
    layers = [eqx.nn.Linear(N, N, key=key, dtype=jnp.float64) for key in jr.split(jr.key(0))]
    model = snn.Sequential(layers[0], snn.Recurrent(snn.LIF(tau=jnp.array(5.0)), layers[1]), snn.LI(tau=3.0))
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    xs = 3 * drive(jr.key(1), (T, 4, N), "float64")

    def loss(params, x):
        return weighted(snn.unroll(eqx.combine(params, rest), x, kernel=kernel, loop=loop)[1])

    def batch(params, xs):
        return jax.vmap(loss, (None, 1))(params, xs).sum()

    gradient = jax.jit(jax.grad(batch))
    whole = gradient(params, xs)
    assert jnp.abs(whole.layers[0].weight).max() > 0
    one = jax.jit(jax.grad(loss))
    assert_close(jax.tree.map(lambda *g: sum(g), *(one(params, xs[:, i]) for i in range(4))), whole, rtol=1e-9)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "batch"))
    assert_close(gradient(params, jax.device_put(xs, sharding)), whole, rtol=1e-9)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 4])
def test_outputs_in_the_memory_of_inputs(steps, reverse):
    """They are those of a loop with memory of its own, and an input that is used afterwards is still there."""
    xs = drive(jr.key(1), (2, steps, N), "float64")

    def body(constants, carry, x):
        (v,) = carry
        return [0.5 * v + x[1]], [v * x[0], x[0] + 1, v]

    def ran(xs, overwrite):
        a, b = xs * 2  # made in the program
        return run(body, [], [b[0]], [a, b], steps=steps, reverse=reverse, overwrite=overwrite), b

    jitted = jax.jit(ran, static_argnums=1)
    assert_close(jitted(xs, 2), jitted(xs, 0), rtol=0)
    assert_close(jitted(xs, 1), jitted(xs, 0), rtol=0)
    batch = jnp.stack([xs, xs + 1], 2)
    assert_close(*(jax.jit(jax.vmap(lambda x, n=n: ran(x, n), in_axes=2))(batch) for n in (2, 0)), rtol=0)


@pytest.mark.parametrize(("recurrent", "arrays"), [(False, 4), (True, 5)])
def test_memory_of_a_network(recurrent, arrays):
    """Two arrays over time are kept for each of two layers; backwards nothing is added, but to a recurrent layer."""
    layers = [eqx.nn.Linear(64, n, use_bias=False, key=jr.key(0), dtype=jnp.float32) for n in (64, 64, 64, 2)]
    cell = snn.Recurrent(snn.LIF(), layers[0]) if recurrent else snn.LIF()
    model = snn.Sequential(layers[1], cell, layers[2], cell, layers[3])
    params, loss = loss_of(model, snn.Recompute())
    xs = jnp.zeros((50, 32, 64), jnp.float32)
    memory = jax.jit(jax.grad(loss)).lower(params, xs).compile().memory_analysis()
    assert memory.temp_size_in_bytes / xs.nbytes == pytest.approx(arrays, rel=0.12)


def test_a_large_cell_alone_keeps_its_state_now_and_then():
    """It computes the steps between again, from the inputs."""
    xs = drive(jr.key(1), (100, 2**17), "float32")
    found, sizes = [], []
    for kernel in (snn.Recompute(), snn.Autodiff()):
        params, rest = eqx.partition(snn.LIF(tau=jnp.array(5.0), threshold=jnp.array(0.8)), eqx.is_inexact_array)

        def loss(params, xs, kernel=kernel, rest=rest):
            return jnp.mean(snn.unroll(eqx.combine(params, rest), xs, kernel=kernel)[1])

        compiled = jax.jit(jax.grad(loss, (0, 1))).lower(params, xs).compile()
        sizes.append(compiled.memory_analysis().temp_size_in_bytes)
        found.append(compiled(params, xs))
    assert jnp.abs(found[1][0].tau).item() > 0
    assert_close(*found, rtol=1e-4)
    assert sizes[0] < 0.3 * sizes[1]


@pytest.mark.parametrize("steps", [230, 300])
def test_tiles_of_time_are_the_whole(steps):
    """Networks are run in tiles of steps on long sequences, with a rest or without."""
    model = make(all_containers["Recurrent-in-Sequential"], "float64")
    xs = drive(jr.key(1), (steps, N), "float64")
    final, ys = snn.unroll(model, xs)
    assert_close((final, ys), step_by_step(model, xs)[:2], rtol=1e-12)
    gradients = []
    for loop in (snn.BPTT(), snn.TruncatedBPTT(1000)):  # the second is never cut into tiles
        params, loss = loss_of(model, snn.Recompute(), loop)
        gradients.append(jax.jit(jax.grad(loss, (0, 1)))(params, xs[:, None]))
    assert_close(*gradients, rtol=1e-9)


def test_a_step_with_a_loop_or_a_branch_of_its_own():
    class Solver(snn.AbstractCell):
        rate: jax.Array

        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            v = jax.lax.fori_loop(0, 3, lambda _, v: v + self.rate * (x - v), state)
            v = jax.lax.cond(x.sum() > 0, lambda v: v, lambda v: 2 * v, v)
            return v, v

    xs = jr.normal(jr.key(0), (T, BATCH, N))
    found = []
    for kernel in (snn.Recompute(), snn.Autodiff()):
        params, loss = loss_of(Solver(jnp.array(0.3)), kernel)
        found.append(jax.jit(jax.grad(loss, (0, 1)))(params, xs))
    assert_close(*found, rtol=1e-12)


def test_callbacks_in_a_step_are_called_in_order():
    seen = []

    class Talking(snn.AbstractCell):
        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            jax.debug.callback(lambda x: seen.append(float(x)), x, ordered=True)
            return state + x, state

    snn.unroll(Talking(), jnp.arange(5.0))
    jax.effects_barrier()
    assert seen == [0, 1, 2, 3, 4]


def test_the_cut_is_the_smallest():
    def step(v, x, big):
        small = v * 2 + x  # one number tells all that is needed
        return jnp.exp(small) * big, jnp.sin(small)

    closed = jax.make_jaxpr(step)(jnp.ones(()), jnp.ones(()), jnp.ones(9))
    needed = [eqn.outvars[0] for eqn in closed.eqns if eqn.primitive.name in ("exp", "sin")]
    cut = smallest_cut(closed.eqns, closed.jaxpr.invars[:2], [], needed)
    assert len(cut) == 1
    assert cut[0].aval.shape == ()
    kept = closed.jaxpr.invars[:2]
    assert smallest_cut(closed.eqns, closed.jaxpr.invars, kept, [closed.jaxpr.outvars[0]])[-1] in [
        closed.jaxpr.invars[2],
        closed.jaxpr.outvars[0],
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_is_a_scan(reverse):
    """The loop of all schedules, forward, batched along any axis, transposed, and differentiated."""

    def body(constants, carry, x):
        (w,), (c,), (x,) = constants, carry, x
        c = w * c + x
        return [c], [3 * c - x]

    def by_loop(w, c, xs):
        final, ys = run(body, [w], [c], [xs], steps=6, reverse=reverse, linear=Linear((False,), (True,)))
        return final[0], ys[0]

    def by_scan(w, c, xs):
        return jax.lax.scan(lambda c, x: (w * c + x, 3 * (w * c + x) - x), c, xs, reverse=reverse)

    w, c, xs = jnp.array(0.7), jr.normal(jr.key(0), (4,)), jr.normal(jr.key(1), (6, 4))
    batch = jr.normal(jr.key(2), (6, 4, 5))
    found = []
    for loop in (by_loop, by_scan):
        total = lambda w, c, xs, loop=loop: sum(map(weighted, loop(w, c, xs)))  # noqa: E731
        found.append(
            (
                loop(w, c, xs),
                jax.grad(total, (1, 2))(w, c, xs),
                jax.vmap(loop, in_axes=(None, None, 2), out_axes=(0, 2))(w, c, batch),
                jax.vmap(jax.grad(total, (1, 2)), in_axes=(0, None, 2))(jnp.arange(5.0) / 5, c, batch),
                jax.jvp(loop, (w, c, xs), (1 + w, 2 * c, 3 * xs)),
            )
        )
    assert_close(*found, rtol=1e-12)


def test_time_is_folded_without_moving_a_batch():
    a = jnp.arange(48.0).reshape(6, 2, 4)
    np.testing.assert_array_equal(fold(a, 3, 2), a.reshape(3, 2, 2, 4))
    np.testing.assert_array_equal(unfold(fold(a, 3, 2)), a)
    for axis in range(3):
        batched = jax.vmap(lambda a: unfold(3 * fold(a, 3, 2)), in_axes=axis, out_axes=axis)(jnp.moveaxis(a, 1, axis))
        np.testing.assert_array_equal(batched, 3 * jnp.moveaxis(a, 1, axis))
    np.testing.assert_array_equal(jax.grad(lambda a: (fold(a, 3, 2) ** 2).sum())(a), 2 * a)


def test_rows_are_a_product():
    xs, w = jr.normal(jr.key(0), (5, 3, 4)), jr.normal(jr.key(1), (2, 4))
    np.testing.assert_allclose(rows(xs, w, over=1), xs @ w.T, atol=1e-12)
    np.testing.assert_allclose(rows(xs @ w.T, w, over=0), xs @ w.T @ w, atol=1e-12)

    def loss(product):
        return lambda xs, w: weighted(product(xs, w))

    ours, plain = loss(lambda xs, w: rows(xs, w, over=1)), loss(lambda xs, w: xs @ w.T)
    assert_close(jax.grad(ours, (0, 1))(xs, w), jax.grad(plain, (0, 1))(xs, w), rtol=1e-12)
    for axes in ((1, None), (2, None), (None, 0), (1, 0)):
        mapped = [jnp.moveaxis(jnp.stack([xs, 2 * xs]), 0, axes[0]) if axes[0] is not None else xs]
        mapped.append(jnp.stack([w, 3 * w]) if axes[1] is not None else w)
        found = [jax.vmap(jax.grad(f, (0, 1)), in_axes=axes)(*mapped) for f in (ours, plain)]
        assert_close(*found, rtol=1e-12)
    hessians = [jax.hessian(lambda w, f=f: f(xs, w) ** 2)(w) for f in (ours, plain)]
    assert_close(*hessians, rtol=1e-10)
