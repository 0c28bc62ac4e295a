"""What loops do beyond agreeing: memory, and where a gradient is cut."""

import functools
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import snnjax as snn

from .helpers import assert_close

K1, K2, K3 = jr.split(jr.key(0), 3)


def make_model():
    return snn.Sequential(
        eqx.nn.Linear(8, 16, key=K1), snn.LIF(tau=jnp.array(10.0)), eqx.nn.Linear(16, 4, key=K2), snn.LI()
    )


def temporary_bytes(loop, steps, batch=None):
    """What the compiled gradient needs beside its arguments and results, by the compiler's own account."""
    model = make_model()

    @jax.jit
    def gradient(weight, xs):
        def loss(weight, xs):
            return _loss(eqx.tree_at(lambda m: m.layers[0].weight, model, weight), xs, loop)

        many = loss if batch is None else jax.vmap(loss, in_axes=(None, 1))
        return jax.grad(lambda weight: jnp.sum(many(weight, xs)))(weight)

    xs = jax.ShapeDtypeStruct((steps, 8) if batch is None else (steps, batch, 8), jnp.float64)
    compiled = gradient.lower(model.layers[0].weight, xs).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def _loss(model, xs, loop):
    """Of the final state only, so that no output is kept."""
    final, _ = snn.unroll(model, xs, loop=loop, record=lambda state, out: ())
    return jnp.sum(final[3].v ** 2)


def test_checkpointed_memory_grows_with_the_square_root_of_time():
    plain = [temporary_bytes(snn.BPTT(), steps) for steps in (1024, 4096, 16384)]
    checkpointed = [temporary_bytes(snn.CheckpointedBPTT(), steps) for steps in (1024, 4096, 16384)]
    assert plain[2] - plain[1] > 3.8 * (plain[1] - plain[0])
    assert checkpointed[1] < 2.5 * checkpointed[0]
    assert checkpointed[2] < 2.5 * checkpointed[1]
    assert checkpointed[1] < plain[1] / 8


def test_chunks_do_not_copy_the_inputs():
    """Nor does a batch of them, 250 KiB here, and a length whose square root does not divide it."""
    alone = temporary_bytes(snn.CheckpointedBPTT(), 1000)
    assert temporary_bytes(snn.CheckpointedBPTT(), 1000, batch=4) < 5 * alone < 1000 * 4 * 8 * 8 / 2
    # A length that the chunks do not divide is copied.
    assert temporary_bytes(snn.CheckpointedBPTT(37), 1000, batch=4) > 1000 * 4 * 8 * 8


def test_chunks_under_every_transformation():
    """The scan over chunks has rules of its own: they must be those of a scan, in any order, also for keys."""
    model = snn.Sequential(eqx.nn.Linear(8, 6, key=K1), snn.LIF(tau=jnp.array(3.0)), snn.LI())
    params, rest = eqx.partition(model, eqx.is_array)
    xs, keys = 2.0 * jr.normal(K3, (13, 3, 8)), jr.split(K1, 3)
    seeds = jax.tree.map(lambda a: jnp.stack([a, 1.1 * a]), params)

    def one(params, x, key, loop):
        return jnp.sin(snn.unroll(eqx.combine(params, rest), x, key=key, loop=loop)[1])

    @functools.partial(jax.jit, static_argnums=0)
    def everything(loop):
        def many(params, xs):
            return jax.vmap(lambda x, key: one(params, x, key, loop), (1, 0), 1)(xs, keys)

        def each(x, key):
            return jax.grad(lambda x: jnp.sum(one(params, x, key, loop)))(x)

        whole = jax.value_and_grad(lambda params, xs: jnp.sum(many(params, xs)), (0, 1))
        return {
            "gradient": jax.vmap(lambda params: whole(params, xs))(seeds),
            "gradient of each": jax.vmap(each, (1, 0), 1)(xs, keys),
            "forward mode": jax.jvp(many, (params, xs), (params, jnp.ones_like(xs)))[1],
        }

    plain, chunked = everything(snn.BPTT()), everything(snn.CheckpointedBPTT(4))
    for name, expected in plain.items():
        assert_close(chunked[name], expected, rtol=1e-10)
    assert_close(chunked["gradient of each"], chunked["gradient"][1][1][0], rtol=1e-10)


def test_chunks_with_a_mean_over_a_named_batch():
    class Centred(snn.AbstractCell):
        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            state = 0.9 * state + x - jax.lax.pmean(x, "batch")
            return state, state

    xs = jr.normal(K3, (12, 3, 8))
    outs = [
        jax.vmap(lambda x, loop=loop: snn.unroll(Centred(), x, loop=loop)[1], 1, 1, axis_name="batch")(xs)
        for loop in (snn.BPTT(), snn.CheckpointedBPTT(4))
    ]
    assert_close(outs[1], outs[0], rtol=1e-12)


BUDGETED = {
    "two layers": lambda: (snn.LIF(tau=jnp.array(10.0)), eqx.nn.Linear(16, 16, key=K2), snn.LIF()),
    "recurrent": lambda: (snn.Recurrent(snn.ALIF(), eqx.nn.Linear(16, 16, key=K2)),),
}


@pytest.mark.parametrize("name", BUDGETED)
def test_budget_is_kept(name):
    """By the compiler's account of the user's own program, up to the outputs, which its loss keeps."""
    first, last = eqx.nn.Linear(8, 16, key=K1), eqx.nn.Linear(16, 2, key=K3)
    params, rest = eqx.partition(snn.Sequential(first, *BUDGETED[name](), last, snn.LI()), eqx.is_array)
    xs = jr.normal(K3, (500, 2, 8))

    def program(loop):
        def run(params, x):
            return snn.unroll(eqx.combine(params, rest), x, loop=loop)[1]

        gradient = jax.value_and_grad(lambda params, xs: jnp.sum(jax.vmap(run, (None, 1), 1)(params, xs) ** 2))
        compiled = jax.jit(gradient).lower(params, xs).compile()
        return compiled.memory_analysis().temp_size_in_bytes, compiled(params, xs)

    plain_bytes, plain = program(snn.BPTT())
    budget = plain_bytes // 5
    chunked_bytes, chunked = program(snn.Budget(budget, batch=2))
    assert chunked_bytes < 1.1 * budget + 500 * 2 * 2 * 8
    assert_close(chunked, plain, rtol=1e-10)


def test_budget_takes_the_first_loop_that_fits_and_says_how_much_is_needed():
    xs = jnp.ones((400, 8))

    def chosen(bytes):
        loops = []

        class Watched(snn.AbstractLoop):
            def __call__(self, run_chunk, state, xs):
                loops.append(snn.Budget(bytes).choose(run_chunk, state, xs))
                return loops[0](run_chunk, state, xs)

        snn.unroll(snn.LIF(tau=jnp.array(5.0)), xs, loop=Watched())
        return loops[0]

    with pytest.raises(
        snn.InputError, match="given 99 bytes for 400 steps of 1 examples; this model takes at"
    ) as raised:
        chosen(99)
    least, most = map(int, re.search(r"at least (\d+), by .* and (\d+) by BPTT", str(raised.value)).groups())
    assert 400 * 8 * 8 <= most < 2.1 * 400 * 8 * 8  # the membranes
    assert chosen(most) == snn.BPTT()
    assert isinstance(chosen(most - 1), snn.CheckpointedBPTT)
    assert isinstance(chosen(least), snn.CheckpointedBPTT)


def test_budget_refuses():
    for wrong in ({"bytes": 0}, {"bytes": 1, "batch": 0}):
        with pytest.raises(ValueError, match="of at least 1"):
            snn.Budget(**wrong)
    assert snn.Budget(10) == snn.Budget(10, batch=1)


@pytest.mark.parametrize("window", [1, 4, 5, 12, 50])
def test_truncation_cuts_between_windows_and_nowhere_else(window):
    """Against windows run one by one, with the state detached by hand."""
    model, xs = make_model(), 2.0 * jr.normal(K3, (12, 8))
    start = jax.tree.map(lambda a: 0.1 + a, model.init_state(xs[0]))

    def by_hand(model, xs, state):
        total = 0.0
        for begin in range(0, 12, window):
            if begin > 0:
                state = jax.lax.stop_gradient(state)
            state, ys = snn.unroll(model, xs[begin : begin + window], state)
            total += jnp.sum(ys**2)
        return total + jnp.sum(state[3].v)

    def by_loop(model, xs, state):
        state, ys = snn.unroll(model, xs, state, loop=snn.TruncatedBPTT(window))
        return jnp.sum(ys**2) + jnp.sum(state[3].v)

    gradients = [eqx.filter_grad(lambda args, f=f: f(*args))((model, xs, start)) for f in (by_hand, by_loop)]
    assert_close(gradients[1], gradients[0], rtol=1e-10)
    if window < 12:
        whole = eqx.filter_grad(lambda args: by_loop_whole(*args))((model, xs, start))
        assert not jnp.allclose(whole[1], gradients[1][1])


def by_loop_whole(model, xs, state):
    state, ys = snn.unroll(model, xs, state)
    return jnp.sum(ys**2) + jnp.sum(state[3].v)


def test_truncated_gradient_reaches_the_initial_and_the_final_state():
    model, xs = make_model(), 0.1 * jr.normal(K3, (12, 8))
    start = jax.tree.map(lambda a: 0.1 + a, model.init_state(xs[0]))
    through = jax.grad(lambda s: snn.unroll(model, xs, s, loop=snn.TruncatedBPTT(5))[1][:5].sum())(start)
    assert jnp.all(through[3].v != 0)
    after = jax.grad(lambda x: snn.unroll(model, x, loop=snn.TruncatedBPTT(5))[0][3].v.sum())(xs)
    assert jnp.all(after[:10] == 0)
    assert jnp.any(after[10:] != 0)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 13, 16, 17])
def test_any_number_of_steps(steps):
    """Primes, squares and one more than squares: no step is lost or doubled in the cutting."""
    xs = jr.normal(K3, (steps, 8))
    for loop in (snn.CheckpointedBPTT(), snn.CheckpointedBPTT(3), snn.TruncatedBPTT(4)):
        assert_close(snn.unroll(make_model(), xs, loop=loop), snn.unroll(make_model(), xs), rtol=1e-12)
