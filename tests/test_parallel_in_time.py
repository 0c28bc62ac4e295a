"""All steps of a linear cell at once, against the loop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import snnjax as snn

from .helpers import all_cells, drive, make
from .test_fused import assert_agree, value_and_gradients

T, M = 11, 5
KERNEL = snn.ParallelInTime()

# The cells of the registry whose state is linear in itself; with each of the others the kernel says that it is not, but
# where a cell has a way through time of its own.
LINEAR = ["LI", "ExponentialSynapse", "AlphaSynapse", "DoubleExponentialSynapse", "RunningSum", "ShortTermDepression"]


@pytest.mark.parametrize("name", all_cells)
def test_every_cell_equals_the_loop_or_is_refused(name):
    model = make(all_cells[name], "float64")
    xs = drive(jr.key(0), (T, M), "float64")
    refused = None
    try:
        jax.eval_shape(lambda xs, key: snn.unroll(model, xs, key=key, kernel=KERNEL), xs, jr.key(0))
    except snn.NotLinear as error:
        refused = str(error)
    assert name not in LINEAR or refused is None
    if refused is None and name != "LIF-random":
        assert_agree(model, xs, KERNEL, rtol=1e-9)


def test_cells_with_a_reset_are_refused():
    with pytest.raises(snn.NotLinear, match="not linear in the state"):
        snn.unroll(snn.LIF(), jnp.ones((T, M)), kernel=KERNEL)


class Filter(snn.AbstractCell):
    """Two states that hear each other, a decay that the input sets, and an output that is not linear."""

    coupling: jax.Array

    def init_state(self, x, *, key=None):
        return jnp.full_like(x, 0.3), jnp.full_like(x, -0.2)

    def __call__(self, state, x, *, key=None):
        fast, slow = state
        fast = jax.nn.sigmoid(x) * fast - self.coupling * slow + x
        slow = 0.9 * slow + (fast - slow) / 7 + jnp.where(x > 0, slow, fast)
        return (fast, slow), jnp.tanh(fast) + slow * x


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_states_that_hear_each_other(steps):
    assert_agree(Filter(jnp.array(0.3)), drive(jr.key(1), (steps, M), "float64"), KERNEL, rtol=1e-9)


def test_float32():
    xs = drive(jr.key(2), (500, M), "float32")
    model = make(all_cells["LI"], "float32")
    assert_agree(model, xs, KERNEL, rtol=1e-4)
    assert value_and_gradients(model, xs, KERNEL)[0][1].dtype == jnp.float32


def test_batches_and_networks():
    model = snn.Sequential(eqx.nn.Linear(M, 3, key=jr.key(0), dtype=jnp.float64), snn.LIF(), snn.LI(tau=jnp.array(3.0)))
    kernel = snn.ParallelInTime(otherwise=snn.Recompute())
    xs = drive(jr.key(3), (T, 4, M), "float64")

    def grads(kernel):
        def loss(model):
            return jax.vmap(lambda x: snn.unroll(model, x, kernel=kernel)[1], in_axes=1)(xs).sum()

        return jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(loss))(model))

    for a, b in zip(grads(kernel), grads(snn.Recompute()), strict=True):
        assert jnp.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_neurons_that_read_each_other_are_refused():
    class Ring(snn.AbstractCell):
        def init_state(self, x, *, key=None):
            return jnp.zeros_like(x)

        def __call__(self, state, x, *, key=None):
            state = 0.5 * jnp.roll(state, 1) + x
            return state, state

    with pytest.raises(snn.NotLinear):
        snn.unroll(Ring(), jnp.ones((T, M)), kernel=KERNEL)
