"""The laws that every cell, container and loop must keep, in float64 and in float32.

Compiling is what takes time here, so the runs that several laws look at are made once per model and precision (`runs`),
from as few compiled programs as will do, and each law is a test of its own that compares two of them.
"""

import copy
import functools
import io

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import (
    N,
    all_cells,
    all_containers,
    all_loops,
    all_models,
    assert_close,
    assert_equal,
    attached,
    drive,
    in_dtype,
    make,
    relax,
    step_by_step,
)

T, SPLIT, BATCH = 10, 5, 3

# A product of matrices over all steps adds in another order than one over a single step.
RTOL = {"float32": 1e-5, "float64": 1e-12}

models = pytest.mark.parametrize("name", all_models)
cells = pytest.mark.parametrize("name", all_cells)
precisions = pytest.mark.parametrize("precision", RTOL)
# What compiles a program of its own, and says nothing about rounding.
double = pytest.mark.parametrize("precision", ["float64"])


def key_for(name):
    """A key for the models that need one; random numbers are slow to compile."""
    return jr.key(5) if "dropout" in name or "random" in name else None


def keys_for(name, count):
    key = key_for(name)
    return None if key is None else jr.split(key, count)


def model_and_input(name, precision, shape=(T, N)):
    return make(all_models[name], precision), drive(jr.key(len(name)), shape, precision)


def everything(state, out):
    return state, out


@functools.cache
def runs(name, precision):
    """Every run of a model that a law looks at. Runs of equal shapes share a compiled program."""
    model, xs = model_and_input(name, precision)
    batch = drive(jr.key(3), (T, BATCH, N), precision)
    key, keys = key_for(name), keys_for(name, BATCH)
    whole = snn.unroll(model, xs, key=key)
    # The keys of chunks are the caller's, and so would be their random numbers.
    certain = model if key is None else eqx.nn.inference_mode(relax(model) if "random" in name else model)
    middle, first = snn.unroll(certain, xs[:SPLIT], certain.init_state(xs[0]))
    end, second = snn.unroll(certain, xs[SPLIT:], middle)
    return {
        "whole": whole,
        "certain": whole if key is None else snn.unroll(certain, xs),
        "chunks": (end, jnp.concatenate([first, second])),
        "recorded": snn.unroll(model, xs, key=key, record=everything),
        "probed": snn.unroll(snn.probe(model), xs, key=key)[1],
        "other future": snn.unroll(model, xs.at[6:].set(9.0), key=key)[1],
        "batch": jax.vmap(lambda x, k: snn.unroll(model, x, key=k), in_axes=(1, 0))(batch, keys),
        "one by one": [snn.unroll(model, batch[:, i], key=None if keys is None else keys[i]) for i in range(BATCH)],
    }


@functools.cache
def stepped(name, precision):
    """Final state, outputs and states of a Python loop over single steps."""
    model, xs = model_and_input(name, precision)
    return step_by_step(model, xs, key=key_for(name))


@models
@precisions
def test_unroll_equals_stepping(name, precision):
    final, ys, _ = stepped(name, precision)
    assert_close(runs(name, precision)["whole"], (final, ys), RTOL[precision])


@models
@precisions
def test_recorded_states_are_those_of_stepping(name, precision):
    _, ys, states = stepped(name, precision)
    assert_close(runs(name, precision)["recorded"][1], (states, ys), RTOL[precision])


@models
def test_outputs_are_worth_testing(name):
    """No law says anything about a model that puts out zeros."""
    ys = runs(name, "float64")["whole"][1]
    assert jnp.count_nonzero(ys) > 0
    assert jnp.unique(ys).size > 1


@models
@precisions
def test_chunked_equals_whole(name, precision):
    assert_close(runs(name, precision)["chunks"], runs(name, precision)["certain"], RTOL[precision])


@models
@precisions
def test_vmap_equals_loop_over_examples(name, precision):
    batch = runs(name, precision)["batch"]
    for i, alone in enumerate(runs(name, precision)["one by one"]):
        assert_close(jax.tree.map(lambda a, i=i: a[i], batch), alone, RTOL[precision])


@models
@precisions
def test_recording_changes_nothing(name, precision):
    """Spikes are equal to the bit; a membrane may round once more where the compiler fuses otherwise."""
    final, ys = runs(name, precision)["whole"]
    again, (states, outs) = runs(name, precision)["recorded"]
    ulp = 4 * float(jnp.finfo(ys.dtype).eps)
    assert_close((final, ys), (again, outs), rtol=ulp)
    assert_close(jax.tree.map(lambda a: a[-1], states), final, rtol=ulp)


@models
@precisions
def test_probing_changes_nothing(name, precision):
    ys = runs(name, precision)["whole"][1]
    assert_close(ys, runs(name, precision)["probed"], rtol=4 * float(jnp.finfo(ys.dtype).eps))


@models
@precisions
def test_the_future_does_not_change_the_past(name, precision):
    ys, changed = runs(name, precision)["whole"][1], runs(name, precision)["other future"]
    assert_close(ys[:6], changed[:6], rtol=4 * float(jnp.finfo(ys.dtype).eps))


@models
@precisions
def test_dtype_is_kept(name, precision):
    for leaf in jax.tree.leaves(runs(name, precision)["whole"]):
        assert leaf.dtype == precision


@models
@double
def test_jit_equals_eager(name, precision):
    model, xs = model_and_input(name, precision)
    steps = 3 if key_for(name) is None else T  # the keys of the steps depend on their number
    with jax.disable_jit():
        eager = snn.unroll(model, xs[:steps], key=key_for(name))
    states, outs = runs(name, precision)["recorded"][1]
    jitted = jax.tree.map(lambda a: a[steps - 1], states), outs[:steps]
    assert_close(jitted, eager, RTOL[precision])


@models
def test_state_keeps_its_structure(name):
    model, xs = model_and_input(name, "float64")
    state = model.init_state(xs[0], key=key_for(name))
    struct = model.init_state(jax.ShapeDtypeStruct(xs[0].shape, xs.dtype), key=key_for(name))
    assert_equal(state, struct)
    after = runs(name, "float64")["whole"][0]
    assert jax.tree.structure(after) == jax.tree.structure(state)


@eqx.filter_jit
def run_and_gradient(model, xs, loop, key):
    """The gradient of a loss of outputs and final state, to parameters and inputs; and these themselves."""
    trained, rest = eqx.partition(model, snn.trainable(model))
    weights = jnp.sin(jnp.arange(xs.size, dtype=xs.dtype)).reshape(xs.shape)

    @eqx.filter_grad(has_aux=True)
    def gradient(arguments):
        trained, xs = arguments
        final, ys = snn.unroll(eqx.combine(trained, rest), xs, key=key, loop=loop)
        ends = [jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(final)]
        return jnp.sum(weights * ys) + sum(ends, start=jnp.zeros((), xs.dtype)), (final, ys)

    return gradient((trained, xs))


@functools.cache
def lowered_gradient(name, precision, loop):
    return run_and_gradient.lower(*model_and_input(name, precision), loop, key_for(name))


@functools.cache
def gradient_program(name, precision, loop):
    """Equal programs are compiled once: a loop that does not cut this sequence is another way to write `BPTT`."""
    lowered, plain = lowered_gradient(name, precision, loop), lowered_gradient(name, precision, snn.BPTT())
    if lowered is not plain and lowered.as_text() == plain.as_text():
        return gradient_program(name, precision, snn.BPTT())
    return lowered.compile()


@functools.cache
def gradient(name, precision, loop=snn.BPTT()):
    return gradient_program(name, precision, loop)(*model_and_input(name, precision), loop, key_for(name))


@models
@precisions
def test_all_loops_agree(name, precision):
    """On the outputs, and on the gradient: it sums over steps in another order, so ten times the tolerance."""
    plain_gradient, plain_values = gradient(name, precision)
    for loop in all_loops.values():
        other_gradient, other_values = gradient(name, precision, loop)
        assert_close(other_values, plain_values, RTOL[precision])
        assert_close(other_gradient, plain_gradient, 10 * RTOL[precision])


@models
def test_no_gradient_is_lost(name):
    """Every trained leaf of every registered model gets a gradient that is finite and not zero."""
    (trained, _), _ = gradient(name, "float64")
    for path, leaf in jax.tree.leaves_with_path(trained):
        assert jnp.any(leaf != 0), path
        assert jnp.isfinite(leaf).all(), path


@models
@double
def test_gradients_are_finite_under_strong_drive(name, precision):
    model, xs = model_and_input(name, precision)
    strong, _ = gradient_program(name, precision, snn.BPTT())(model, 1e3 * xs, snn.BPTT(), key_for(name))
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(strong))


@models
def test_gradient_equals_finite_differences(name):
    """Of the model with its spikes replaced by their smooth primitives, in reverse and in forward mode."""
    model, xs = model_and_input(name, "float64")
    trained, rest = eqx.partition(relax(attached(model)), snn.trainable(relax(attached(model))))
    at, unflatten = jax.flatten_util.ravel_pytree((trained, xs))
    weights = jnp.sin(jnp.arange(xs.size)).reshape(xs.shape)
    direction = jnp.cos(jnp.arange(at.size))
    step = 1e-6

    def value(flat):
        trained, xs = unflatten(flat)
        _, ys = snn.unroll(eqx.combine(trained, rest), xs, key=key_for(name))
        return jnp.sum(weights * ys)

    @jax.jit
    def program(at):
        numeric = (value(at + step * direction) - value(at - step * direction)) / (2 * step)
        return numeric, jax.grad(value)(at) @ direction, jax.jvp(value, (at,), (direction,))[1]

    numeric, reverse, forward = program(at)
    np.testing.assert_allclose(reverse, numeric, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-10)


@models
def test_second_call_does_not_retrace(name):
    @eqx.filter_jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def loss(model, xs, key):
        return snn.unroll(model, xs, key=key)[1].sum()

    model, xs = model_and_input(name, "float64")
    loss(model, xs, key_for(name))
    other = jax.tree.map(lambda a: 0.9 * a if eqx.is_inexact_array(a) else a, model)
    loss(other, xs + 0.1, None if key_for(name) is None else jr.key(6))


@pytest.mark.parametrize("steps", [20, 200], ids=["in one", "in tiles"])
def test_layers_that_are_alike_are_traced_once(steps):
    calls = []

    class Counting(snn.LIF):
        def __call__(self, state, x, *, key=None):
            calls.append(1)
            return super().__call__(state, x, key=key)

    model = snn.Sequential(*(Counting(tau=jnp.array(5.0 + i)) for i in range(6)))
    jax.jit(jax.grad(lambda xs: snn.unroll(model, xs)[1].sum())).lower(jnp.ones((steps, 3)))
    assert len(calls) == 2  # once for the shape of the output, once for the loop


@cells
@double
def test_states_of_any_shape(name, precision):
    model, _ = model_and_input(name, precision)
    model = relax(model) if "random" in name else model
    inputs = {shape: drive(jr.key(1), (T, *shape), precision) for shape in [(), (1,), (2, 3, 3)]}

    @eqx.filter_jit
    def program(model, inputs):
        return {
            shape: (snn.unroll(model, xs)[1], snn.unroll(model, xs.reshape(T, -1))[1]) for shape, xs in inputs.items()
        }

    for shape, (ys, flat) in program(model, inputs).items():
        assert ys.shape == (T, *shape)
        assert_close(ys.reshape(T, -1), flat, RTOL[precision])


@models
def test_sizes_that_are_easily_confused(name):
    """One step, one example, and as many steps as examples and as neurons: (steps, batch)."""
    model, _ = model_and_input(name, "float64")
    sizes = [(1, 3), (4, 1), (1, 1), (N, N)]
    inputs = {size: drive(jr.key(1), (*size, N), "float64") for size in sizes}

    run = jax.vmap(lambda x, k: snn.unroll(model, x, key=k)[1], in_axes=(1, 0), out_axes=1)
    for (steps, batch), xs in inputs.items():
        keys = keys_for(name, batch)
        ys, first = run(xs, keys), snn.unroll(model, xs[:, 0], key=None if keys is None else keys[0])[1]
        assert ys.shape == (steps, batch, N)
        assert_close(ys[:, 0], first, RTOL["float64"])


@models
@precisions
def test_leaves_survive_a_file(name, precision):
    model, _ = model_and_input(name, precision)
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, model)
    file.seek(0)
    blank = jax.tree.map(lambda a: jnp.zeros_like(a) if eqx.is_array(a) else a, model)
    loaded = eqx.tree_deserialise_leaves(file, blank)
    assert_equal(eqx.filter(loaded, eqx.is_array), eqx.filter(model, eqx.is_array))


@models
def test_equal_by_value(name):
    a, b = all_models[name](), all_models[name]()
    assert a is not b
    assert bool(eqx.tree_equal(a, b))
    assert type(a).__name__ in repr(a)


@cells
def test_copies_are_equal(name):
    cell = all_cells[name]()
    assert bool(eqx.tree_equal(copy.deepcopy(cell), cell))


@models
def test_bfloat16_inputs_keep_a_float32_state(name):
    model = in_dtype(all_models[name](), jnp.bfloat16)
    xs = drive(jr.key(0), (3, N), jnp.bfloat16)
    final, ys = snn.unroll(model, xs, key=key_for(name))
    assert ys.dtype == jnp.bfloat16
    # What a cell puts out and keeps has the dtype of its input; what a layer of Equinox keeps is its own affair.
    words = ("Delay", "Probe", "deep", "Recurrent", "Graph", "Stateful")
    if not any(word in name for word in words):
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(final))


def test_the_registries_are_complete():
    """A public cell, loop, surrogate or reset that no law tests is an omission."""
    from .helpers import all_resets, all_surrogates

    public = {getattr(snn, name) for name in dir(snn) if isinstance(getattr(snn, name), type)}

    def members(base):
        return {kind for kind in public if issubclass(kind, base) and not kind.__name__.startswith("Abstract")}

    in_models = {
        type(node)
        for factory in all_models.values()
        for node in jax.tree.leaves(_parts(factory()), is_leaf=lambda n: isinstance(n, snn.AbstractCell))
    }
    assert members(snn.AbstractCell) <= in_models
    # A budget takes one of the others.
    assert members(snn.AbstractLoop) == {type(loop) for loop in all_loops.values()} | {snn.Budget}
    assert members(snn.AbstractSurrogate) == {type(s) for s in all_surrogates.values()}
    assert members(snn.AbstractReset) == {type(make()) for make in all_resets.values()}
    assert set(all_containers) | set(all_cells) == set(all_models)
    # The options of neurons, wherever they are in the registered models.
    used = {
        type(node)
        for factory in all_models.values()
        for part in _parts(factory())
        for node in vars(part).values()
        if isinstance(node, snn.AbstractOrder | snn.AbstractIntegrator | snn.AbstractArrival | snn.AbstractSpike)
    }
    for base in (snn.AbstractOrder, snn.AbstractIntegrator, snn.AbstractArrival):
        assert members(base) <= used, base
    assert members(snn.AbstractSpike) <= used | members(snn.AbstractSurrogate)


def _parts(model):
    """A model and all cells inside of it."""
    inner = [
        node
        for node in jax.tree.leaves(model, is_leaf=lambda n: n is not model and isinstance(n, snn.AbstractCell))
        if isinstance(node, snn.AbstractCell)
    ]
    return [model, *(part for node in inner for part in _parts(node))]
