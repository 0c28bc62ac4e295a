"""The fused kernel against JAX's own differentiation of a loop, in the interpreter: no GPU is needed, nor claimed."""

import contextlib
import functools
import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import snnjax as snn

from .helpers import all_cells, assert_close, drive, make

# No whole number of segments, nor of tiles.
T, M = 7, 6
FUSED = snn.Fused(segment=2, tile=4, backend="triton", interpret=True)

# Cells that a kernel cannot take, and what the error says of them.
REFUSED = {
    "LIF-random": "draws random numbers in the step",
    "WangBuzsaki": "too long for the registers",  # twenty substeps
}

mosaic = pytest.mark.skipif(jax.__version_info__ < (0, 12), reason="Mosaic's interpreter came with JAX 0.12")


def weights(tree):
    """Different numbers for every element."""
    return jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), tree)


def value_and_gradients(model, xs, kernel, state=None):
    """The final state, the outputs, and gradients with respect to parameters, initial state and inputs."""
    state = snn.resolve(model).init_state(xs[0]) if state is None else state
    moving, still = eqx.partition((model, state, xs), eqx.is_inexact_array)

    @jax.jit
    def run(moving):
        def outputs(moving):
            model, state, xs = eqx.combine(moving, still)
            final, ys = snn.unroll(model, xs, state, kernel=kernel)
            return eqx.filter((final, ys), eqx.is_inexact_array), (final, ys)

        heard, pull, results = jax.vjp(outputs, moving, has_aux=True)
        return results, pull(weights(heard))[0]

    return run(moving)


def assert_agree(model, xs, kernel=FUSED, rtol=1e-10, state=None):
    assert_close(
        value_and_gradients(model, xs, kernel, state), value_and_gradients(model, xs, snn.Autodiff(), state), rtol
    )


@pytest.mark.parametrize("name", [name for name in all_cells if name not in REFUSED])
def test_fused_equals_autodiff(name):
    assert_agree(make(all_cells[name], "float64"), drive(jr.key(len(name)), (T, M), "float64"))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_cells_say_why(name):
    key = jr.key(0) if "random" in name else None
    with pytest.raises(snn.NotElementwise, match=REFUSED[name]):
        snn.unroll(make(all_cells[name], "float64"), jnp.ones((T, M)), key=key, kernel=FUSED)


@pytest.mark.parametrize(("steps", "lanes", "segment"), [(11, 6, 4), (3, 3, 4), (1, 9, 1)])
def test_any_number_of_steps_and_neurons(steps, lanes, segment):
    kernel = snn.Fused(segment=segment, tile=4, backend="triton", interpret=True)
    model = snn.CubaLIF(tau=jnp.linspace(2.0, 9.0, lanes), tau_i=jnp.array(3.0))
    assert_agree(model, drive(jr.key(1), (steps, lanes), "float64"), kernel)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_any_shape(shape):
    model = snn.ALIF(tau=jnp.array(5.0), strength=jnp.full((*(1 for _ in shape[1:]), *shape[-1:]), 0.4))
    assert_agree(model, drive(jr.key(2), (T, *shape), "float64"))


@pytest.mark.parametrize("name", ["LIF-trained", "ALIF"])
def test_float32(name):
    assert_agree(make(all_cells[name], "float32"), drive(jr.key(3), (T, M), "float32"), rtol=1e-5)


def test_substeps_are_written_out():
    model = snn.FitzHughNagumo(b=jnp.array(0.8), threshold=-1.0, dt=0.5, integrator=snn.Euler(substeps=3))
    assert_agree(model, drive(jr.key(4), (T, M), "float64"))


class Mixed(snn.AbstractCell):
    """A refractory neuron with states of every kind: integers, booleans, a clock, a number that all neurons share."""

    decay: Any
    gain: Any

    def init_state(self, x, *, key=None):
        zeros = jnp.zeros_like(x)
        return {
            "v": zeros,
            "left": zeros.astype(jnp.int8),
            "high": zeros.astype(bool),
            "clock": jnp.zeros((), jnp.int32),
            "drift": jnp.ones((), x.dtype),
        }

    def __call__(self, state, x, *, key=None):
        active = (state["left"] == 0) & ~state["high"]
        drift = state["drift"] * self.gain
        v = jnp.where(active, self.decay * state["v"] + drift * x, state["v"])
        z = snn.SuperSpike()(v - 1)
        left = jnp.where(z > 0, jnp.int8(2), jnp.maximum(state["left"] - jnp.int8(1), jnp.int8(0)))
        after = {"v": v - z, "left": left, "high": v > 2.5, "clock": state["clock"] + 1, "drift": drift}
        return after, {"z": z, "fired": z > 0, "time": state["clock"], "drift": drift**2}


def test_states_and_outputs_of_any_kind():
    assert_agree(Mixed(jnp.array(0.9), jnp.array(1.1)), drive(jr.key(5), (T, M), "float64"))


def test_bfloat16():
    """Inputs and outputs of 16 bits, state and gradients of 32; only the inputs' gradient is rounded more."""
    model = make(all_cells["LIF-trained"], "float32")
    assert_agree(model, drive(jr.key(6), (T, M), "bfloat16"), rtol=1e-2)
    (final, zs), (grads, _, d_xs) = value_and_gradients(model, drive(jr.key(6), (T, M), "bfloat16"), FUSED)
    assert zs.dtype == d_xs.dtype == jnp.bfloat16
    assert final.v.dtype == grads.threshold.dtype == jnp.float32


@jax.custom_vjp
def _spike(v, width):
    return (v > 0).astype(v.dtype)


def _spike_backward(kept, d):
    v, width = kept
    d_v = d / (1 + jnp.abs(v) / width) ** 2
    return d_v, jnp.sum(d_v * v)  # of all neurons: they share the width


_spike.defvjp(lambda v, width: (_spike(v, width), (v, width)), _spike_backward)


class Custom(snn.AbstractCell):
    """A neuron whose spike has a rule for the backward pass alone."""

    width: Any

    def init_state(self, x, *, key=None):
        return jnp.zeros_like(x)

    def __call__(self, v, x, *, key=None):
        v = 0.9 * v + x
        z = _spike(v - 1, self.width)
        return v - z, z


def test_rules_for_the_backward_pass_alone():
    assert_agree(Custom(jnp.array(0.5)), drive(jr.key(7), (T, M), "float64"))


@pytest.mark.parametrize("axis", [0, 1])
def test_examples_are_lanes(axis):
    """`vmap` of `grad` and `grad` of `vmap`, with inputs on either axis, and parameters that the examples share."""
    model = make(all_cells["LIF-trained"], "float64")
    xs = jnp.moveaxis(drive(jr.key(8), (3, T, M), "float64"), 0, axis)

    def loss(model, x, kernel):
        final, zs = snn.unroll(model, x, kernel=kernel)
        return jnp.sum(weights(zs) * zs) + jnp.sum(final.v**2)

    def both(kernel):
        def total(model, xs):
            return jnp.sum(jax.vmap(lambda x: loss(model, x, kernel), in_axes=axis)(xs))

        each = jax.vmap(jax.grad(functools.partial(loss, kernel=kernel), (0, 1)), (None, axis))
        return jax.jit(jax.grad(total, (0, 1)))(model, xs), jax.jit(each)(model, xs)

    assert_close(both(FUSED), both(snn.Autodiff()), 1e-10)


def test_ensembles_of_batches():
    """`vmap` over parameters, of `vmap` over examples that all members of the ensemble share."""
    taus, xs = jnp.array([3.0, 5.0, 8.0]), drive(jr.key(9), (2, T, M), "float64")

    def loss(tau, xs, kernel):
        _, zs = jax.vmap(lambda x: snn.unroll(snn.LIF(tau=tau), x, kernel=kernel))(xs)
        return jnp.sum(weights(zs) * zs)

    def grads(kernel):
        return jax.jit(jax.vmap(jax.grad(functools.partial(loss, kernel=kernel), (0, 1)), (0, None)))(taus, xs)

    assert_close(grads(FUSED), grads(snn.Autodiff()), 1e-10)


@pytest.mark.parametrize("loop", [snn.CheckpointedBPTT(3), snn.TruncatedBPTT(3)], ids=["checkpointed", "truncated"])
def test_chunks(loop):
    """The kernel inside of a scan, and of `jax.checkpoint`."""
    model, xs = make(all_cells["ALIF"], "float64"), drive(jr.key(10), (T, M), "float64")

    def grads(kernel):
        def loss(model, xs):
            return jnp.sum(jnp.cos(snn.unroll(model, xs, loop=loop, kernel=kernel)[1] + xs))

        return jax.jit(jax.grad(loss, (0, 1)))(model, xs)

    assert_close(grads(FUSED), grads(snn.Autodiff()), 1e-10)


def test_networks_and_recordings():
    linear = eqx.nn.Linear(M, M, key=jr.key(0))
    model = snn.Sequential(linear, snn.LIF(tau=jnp.array(3.0)), linear, snn.LI(tau=3.0))
    xs = drive(jr.key(11), (T, M), "float64")

    def run(kernel):
        return snn.unroll(model, xs, record=lambda state, out: (state, out), check=True, kernel=kernel)

    assert_close(run(FUSED), run(snn.Autodiff()), 1e-10)


def test_devices_run_the_kernel_on_their_own_examples():
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    model, xs = make(all_cells["LIF-trained"], "float64"), drive(jr.key(12), (T, 4, M), "float64")
    spec = jax.sharding.PartitionSpec(None, "batch")

    def run(model, xs):
        return jax.vmap(lambda x: snn.unroll(model, x, kernel=FUSED), in_axes=1, out_axes=(0, 1))(xs)[1]

    def loss(run):
        return lambda model, xs: jnp.sum(weights(xs) * run(model, xs))

    # The interpreter of kernels does not say on which axes its results vary.
    parted = jax.shard_map(
        run, mesh=mesh, in_specs=(jax.sharding.PartitionSpec(), spec), out_specs=spec, check_vma=False
    )
    assert_close(
        jax.jit(jax.grad(loss(parted), (0, 1)))(model, xs), jax.jit(jax.grad(loss(run), (0, 1)))(model, xs), 1e-10
    )


@mosaic
@pytest.mark.parametrize("name", ["LIF-trained", "ALIF", "norse.LIFRefracCell"])
def test_mosaic(name):
    kernel = snn.Fused(segment=2, interpret=True)
    assert_agree(make(all_cells[name], "float32"), drive(jr.key(13), (5, 130), "float32"), kernel, 1e-5)


@mosaic
def test_mosaic_states_of_any_kind():
    kernel = snn.Fused(segment=2, interpret=True)
    model = make(lambda: Mixed(jnp.array(0.9), jnp.array(1.1)), "float32")
    assert_agree(model, drive(jr.key(14), (5, 3), "float32"), kernel, 1e-5)


def _abstract_h100():
    """What JAX must know of a GPU to make a kernel for it; before 0.11 it needs nothing."""
    if jax.__version_info__ < (0, 11):
        return contextlib.nullcontext()
    device = jax.sharding.AbstractDevice(device_kind="NVIDIA H100 80GB HBM3", num_cores=132, platform="gpu")
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((), (), abstract_device=device))


@pytest.mark.parametrize("backend", ["mosaic", "triton"])
def test_kernels_are_made_for_gpus(backend):
    """As far as a machine without one can tell: `aot_h100.py` goes on from here to machine code."""
    if backend == "mosaic" and jax.__version_info__ < (0, 10):
        pytest.skip("Mosaic kernels need JAX 0.10")
    model = make(lambda: Mixed(jnp.array(0.9), jnp.array(1.1)), "float32")

    def loss(gain, xs):
        with_gain = eqx.tree_at(lambda m: m.gain, model, gain)
        final, outs = jax.vmap(lambda x: snn.unroll(with_gain, x, kernel=snn.Fused(backend=backend)))(xs)
        return jnp.sum(outs["z"]) + jnp.sum(final["v"])

    shapes = jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct((3, 20, 100), jnp.float32)
    with _abstract_h100():
        lowered = jax.jit(jax.grad(loss, (0, 1))).trace(*shapes).lower(lowering_platforms=("cuda",))
    text = lowered.as_text()
    assert text.count("custom_call @mosaic_gpu") + text.count("custom_call @__gpu$xla.gpu.triton") == 2


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda s, x: (s + jnp.roll(x, 1), s), "moves values.*`(concatenate|slice)`"),
        (lambda s, x: (s + jnp.ones((M, M)) @ x, s), "other neurons.*`dot_general`"),
        (lambda s, x: (s + x - jnp.max(s), s), "other neurons.*`reduce_max`"),
        (lambda s, x: (s + x - jnp.mean(s), s), "other neurons.*`reduce_sum`"),
        (lambda s, x: (jnp.cumsum(s + x), s), "other neurons.*`cumsum`"),
        (lambda s, x: (s + jr.normal(jr.key(0), x.shape), s), "random numbers"),
        (lambda s, x: (jax.lax.cond(True, jnp.sin, jnp.cos, s) + x, s), "loop or a branch.*`cond`"),
        (lambda s, x: (s + jnp.abs(jax.lax.complex(s, x)), s), "complex numbers"),
        (lambda s, x: (s + jax.scipy.special.erf(x), s), "`erf`, which kernels of `backend='triton'`"),
        (lambda s, x: (s + x, jnp.stack([s, s])), "moves values|stack|one value per neuron"),
    ],
)
def test_refused_steps_name_the_operation(step, words):
    with pytest.raises(snn.NotElementwise, match=words) as caught:
        FUSED(step, jnp.zeros(M), jnp.ones((T, M)))
    assert "snn.Recompute()" in str(caught.value)


def test_a_refused_layer_is_named():
    model = snn.Sequential(snn.LIF(), snn.Recurrent(snn.LIF(), eqx.nn.Linear(M, M, key=jr.key(0))))
    with pytest.raises(snn.NotElementwise, match=r"^layers\[1\].*`dot_general`"):
        snn.unroll(model, jnp.ones((T, M)), kernel=FUSED)


def test_what_is_refused_can_be_run_otherwise():
    kernel = snn.Fused(segment=2, tile=4, backend="triton", interpret=True, otherwise=snn.Recompute())
    model = snn.Sequential(
        snn.LIF(tau=jnp.array(3.0)), snn.Recurrent(snn.LIF(tau=3.0), eqx.nn.Linear(M, M, key=jr.key(0)))
    )
    assert_agree(model, drive(jr.key(15), (T, M), "float64"), kernel)


def test_a_backward_rule_that_reads_other_neurons_is_refused():
    @jax.custom_vjp
    def centred(v):
        return v

    centred.defvjp(lambda v: (v, v), lambda v, d: (d * jnp.mean(v),))
    with pytest.raises(snn.NotElementwise, match="reduce_sum"):
        jax.grad(lambda s: jnp.sum(FUSED(lambda s, x: (centred(s) + x, s), s, jnp.ones((T, M)))[0]))(jnp.ones(M))


def test_a_sum_over_neurons_in_the_backward_pass_is_not_read_by_neurons():
    @jax.custom_vjp
    def clipped(v, width):
        return v * width

    # Correct for no function: but if it is wanted, then of the whole sum.
    clipped.defvjp(lambda v, w: (v * w, w), lambda w, d: (d * w, jnp.clip(jnp.sum(d), -1.0, 1.0)))
    with pytest.raises(snn.NotElementwise, match="Fused"):
        jax.grad(lambda w: jnp.sum(FUSED(lambda s, x: (clipped(s, w) + x, s), jnp.ones(M), jnp.ones((T, M)))[0]))(1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"backend": "cuda"}, "'mosaic', 'triton'"),
        ({"tile": 100}, "power of two"),
        ({"tile": 64}, "at least 128"),
        ({"segment": 0}, "at least 1"),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises(snn.InputError, match=words):
        snn.Fused(**options)


def test_forward_mode_is_not_there():
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda x: snn.unroll(snn.LIF(), x, kernel=FUSED)[1], (jnp.ones((T, M)),), (jnp.ones((T, M)),))


def test_importing_takes_no_pallas_along():
    code = "import sys, snnjax; snnjax.Fused(); print('jax.experimental.pallas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
