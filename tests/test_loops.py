"""What loops do beyond agreeing: memory, and where a gradient is cut."""

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


def temporary_bytes(loop, steps):
    """What the compiled gradient needs beside its arguments and results, by the compiler's own account."""
    model = make_model()
    xs = jax.ShapeDtypeStruct((steps, 8), jnp.float64)

    @jax.jit
    def gradient(weight, xs):
        trained = eqx.tree_at(lambda m: m.layers[0].weight, model, weight)
        return jax.grad(lambda w: _loss(eqx.tree_at(lambda m: m.layers[0].weight, trained, w), xs, loop))(weight)

    compiled = gradient.lower(model.layers[0].weight, xs).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def _loss(model, xs, loop):
    """Of the final state only, so that no output is kept."""
    final, _ = snn.unroll(model, xs, loop=loop, record=lambda state, out: ())
    return jnp.sum(final[3].v ** 2)


def test_checkpointed_memory_grows_with_the_square_root_of_time():
    plain = [temporary_bytes(snn.BPTT(), steps) for steps in (1024, 4096, 16384)]
    checkpointed = [temporary_bytes(snn.CheckpointedBPTT(), steps) for steps in (1024, 4096, 16384)]
    assert plain[1] > 3.8 * plain[0]
    assert checkpointed[1] < 2.5 * checkpointed[0]
    assert checkpointed[2] < 2.5 * checkpointed[1]
    assert checkpointed[1] < plain[1] / 8


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
