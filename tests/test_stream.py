"""A model that is fed as its input arrives puts out what it puts out for the whole sequence."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close, assert_equal

K1, K2, K3 = jr.split(jr.key(0), 3)

ELEMENTWISE = snn.Sequential(
    snn.ALIF(tau=snn.Positive(5.0)),
    snn.Delay(3),
    snn.LIF(tau=4.0, surrogate=snn.EscapeNoise(width=0.3)),  # draws random numbers
    snn.Residual(snn.CubaLIF()),
)
XS = 1 + jr.normal(K1, (24, 5))


def fed(stream, sizes):
    """The outputs for chunks of some sizes; 0 is one step, not as a chunk."""
    outs, start = [], 0
    for size in sizes:
        outs.append(stream.chunk(XS[start : start + size]) if size else stream(XS[start])[None])
        start += size or 1
    assert start == len(XS)
    return jnp.concatenate(outs)


def test_any_cutting_equals_the_whole():
    """Spikes to the bit, with the same random numbers; a membrane may round where a single step is fused otherwise."""
    final, whole = snn.unroll(ELEMENTWISE, XS, key=K2)
    assert jnp.any(whole != snn.unroll(ELEMENTWISE, XS, key=K3)[1])
    stream = snn.Stream(ELEMENTWISE, key=K2)
    for sizes in ([0] * 24, [7, 0, 0, 7, 0, 7], [24]):
        assert_equal(fed(stream, sizes), whole)
        assert_close(stream.state, final, rtol=1e-15)
        assert stream.steps == 24
        stream.reset()
        assert (stream.state, stream.steps) == (None, 0)


def test_a_network():
    """A product of one step may round otherwise than one of many."""
    model = snn.Sequential(eqx.nn.Linear(5, 6, key=K1), snn.LIF(tau=jnp.array(3.0)))
    assert_close(fed(snn.Stream(model), [7, 0, 0, 7, 0, 7]), snn.unroll(model, XS)[1], rtol=1e-13)


def test_setting_the_state():
    model = snn.LIF(tau=5.0, surrogate=snn.EscapeNoise(width=0.3))
    stream = snn.Stream(model, key=K2)
    stream.chunk(XS[:7])
    kept = stream.state
    second = stream.chunk(XS[7:14])
    stream.state, stream.steps = kept, 7
    assert_equal(stream.chunk(XS[7:14]), second)
    stream.state = 0.0
    with pytest.raises(snn.InputError, match="not a state of this LIF"):
        stream.chunk(XS[:6])


def test_latency_is_the_median_of_the_last_hundred_calls_without_compiling(monkeypatch):
    """Compiling takes 1000 seconds here, a call 5 for the first 60, and then 1."""
    stream, calls, now = snn.Stream(snn.LI()), 0, 0.0
    compiled = set()

    def clock():
        return now

    monkeypatch.setattr("time.perf_counter", clock)
    program = stream._chunk

    def slow(arrays, state, xs, *rest):
        nonlocal now, calls
        now += 1000.0 if xs.shape not in compiled else 5.0 if calls < 60 else 1.0
        calls += xs.shape in compiled
        compiled.add(xs.shape)
        return program(arrays, state, xs, *rest)

    stream._chunk = slow
    assert math.isnan(stream.latency)
    stream.chunk(XS[:2])
    assert math.isnan(stream.latency)
    for _ in range(60):
        stream.chunk(XS[:2])
    assert stream.latency == 2.5  # per step
    stream.chunk(XS[:4])
    assert stream.latency == 2.5
    for _ in range(51):
        stream.chunk(XS[:2])
    assert stream.latency == 0.5  # of the last hundred, 49 took 5 and 51 took 1
    stream.reset()
    assert math.isnan(stream.latency)


def test_one_program_per_shape():
    traces = []

    def counted(x):
        traces.append(x.shape)
        return x

    stream = snn.Stream(snn.Sequential(counted, snn.LI()))
    for _ in range(3):
        stream(np.ones(5))
    once = len(traces)
    stream.reset()
    for x in XS:
        stream(x)
    assert len(traces) == once


@pytest.mark.usefixtures("unchecked")
def test_wrong_inputs():
    stream = snn.Stream(snn.LI())
    with pytest.raises(snn.InputError, match="time on axis 0"):
        stream.chunk(1.0)
    with pytest.raises(snn.InputError, match="at least one time step"):
        stream.chunk(XS[:0])
    with pytest.raises(TypeError, match="takes cells, Equinox layers and functions"):
        snn.Stream(3)
    stream.chunk(XS[:7])
    with pytest.raises(snn.InputError, match="not a state of this LI"):
        stream(XS[0, :3])


def test_many_streams_by_vmap():
    """The way that the docstring shows."""
    model, xs = snn.LIF(tau=10.0), 0.5 + jr.normal(K1, (6, 4, 3))
    states = jax.vmap(model.init_state)(xs[0])
    step = jax.jit(jax.vmap(lambda state, x: snn.unroll(model, x[None], state)))
    outs = []
    for x in xs:
        states, zs = step(states, x)
        outs.append(zs[:, 0])
    assert_equal(jnp.stack(outs), jax.vmap(lambda x: snn.unroll(model, x)[1], 1, 1)(xs))
