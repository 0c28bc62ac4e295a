"""The registries that the laws are parametrized over: a new member is tested by one new line."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import snnjax as snn

from . import registry

N = 4  # neurons of every model in the registries

all_surrogates: dict[str, snn.AbstractSurrogate] = {
    "SuperSpike": snn.SuperSpike(),
    "Sigmoid": snn.Sigmoid(),
    "ATan": snn.ATan(),
    "Triangle": snn.Triangle(),
    "Gaussian": snn.Gaussian(),
    "StraightThrough": snn.StraightThrough(),
    **registry.collected("surrogates"),
}

all_resets: dict[str, Callable[..., snn.AbstractReset]] = {
    "SubtractReset": snn.SubtractReset,
    "ZeroReset": snn.ZeroReset,
    "ValueReset": snn.ValueReset,
    "NoReset": snn.NoReset,
    "Floor": lambda **options: snn.Floor(snn.SubtractReset(), -0.1, **options),
}

all_loops: dict[str, snn.AbstractLoop] = {
    "BPTT": snn.BPTT(),
    "CheckpointedBPTT(4)": snn.CheckpointedBPTT(4),
    "TruncatedBPTT(1000)": snn.TruncatedBPTT(1000),
}

# Elementwise cells, for states of any shape.
all_cells: dict[str, Callable[[], snn.AbstractCell]] = {
    "IF": lambda: snn.IF(),
    "IF-trained": lambda: snn.IF(threshold=jnp.array(0.7), reset=snn.ValueReset(-0.2)),
    "LIF": lambda: snn.LIF(tau=5.0),
    "LIF-trained": lambda: snn.LIF(
        tau=snn.Positive(5.0), threshold=jnp.array(0.8), surrogate=snn.Sigmoid(jnp.array(3.0))
    ),
    "LIF-decay-zero": lambda: snn.LIF(decay=snn.Interval(0.8, 0, 1), reset=snn.ZeroReset(), surrogate=snn.ATan()),
    "LIF-normalised": lambda: snn.LIF(tau=5.0, threshold=0.2, normalise_input=True),
    "LIF-fixed": lambda: snn.LIF(tau=snn.Fixed(5.0), reset=snn.SubtractReset(detach=True)),
    "CubaLIF": lambda: snn.CubaLIF(tau=jnp.array(6.0), tau_i=snn.Positive(3.0)),
    "ALIF": lambda: snn.ALIF(tau=5.0, tau_a=jnp.array(20.0), strength=jnp.array(0.4), surrogate=snn.Gaussian()),
    "LI": lambda: snn.LI(tau=snn.Positive(5.0)),
    "Delay(0)": lambda: snn.Delay(0),
    "Delay(3)": lambda: snn.Delay(3),
    "VariableDelay": lambda: snn.VariableDelay(snn.Interval(1.6, 0, 4), longest=4),
    "Probe": lambda: snn.Probe(snn.LIF(tau=jnp.array(5.0), surrogate=snn.Triangle())),
    **registry.collected("cells"),
}


def _linear(seed: int, bias: bool = True) -> eqx.nn.Linear:
    return eqx.nn.Linear(N, N, use_bias=bias, key=jr.key(seed))


def _fold(x: Any) -> Any:
    return x[:N] + x[N:]


# Networks from N inputs to N outputs.
all_containers: dict[str, Callable[[], snn.AbstractCell]] = {
    "Stateless": lambda: snn.Stateless(_linear(0)),
    "Sequential": lambda: snn.Sequential(_linear(0), snn.LIF(tau=3.0), _linear(1), snn.LI(tau=3.0)),
    "Sequential-deep": lambda: snn.Sequential(
        _linear(0, bias=False),
        snn.ALIF(tau=jnp.array(5.0)),
        snn.Delay(2),
        jnp.tanh,
        snn.Sequential(_linear(1), eqx.nn.LayerNorm(N), snn.CubaLIF()),
    ),
    "Sequential-dropout": lambda: snn.Sequential(
        _linear(0), snn.LIF(tau=3.0), eqx.nn.Dropout(0.5), _linear(1), snn.LI()
    ),
    "Recurrent": lambda: snn.Recurrent(snn.LIF(tau=5.0), _linear(0)),
    "Recurrent-in-Sequential": lambda: snn.Sequential(
        _linear(0),
        snn.Recurrent(snn.Sequential(snn.LIF(tau=3.0), _linear(1)), snn.Delay(2)),
        snn.LI(),
    ),
    "Residual": lambda: snn.Residual(snn.Sequential(_linear(0), snn.LIF(tau=3.0))),
    "Residual-shortcut": lambda: snn.Residual(snn.LIF(tau=3.0), snn.Sequential(_linear(1), snn.LI(tau=2.0))),
    "DelayedLinear": lambda: snn.DelayedLinear(N, N, longest=3, sigma=snn.Fixed(0.8), key=jr.key(3)),
    "DelayedLinear-mixed": lambda: snn.DelayedLinear(N, N, longest=3, use_bias=False, key=jr.key(4)),
    "Graph": lambda: snn.Graph(
        {"in": _linear(0), "exc": snn.LIF(tau=jnp.array(3.0)), "inh": snn.ALIF(), "back": _linear(1), "out": snn.LI()},
        [
            ("input", "in"),
            ("in", "exc"),
            ("exc", "inh"),
            ("inh", "back"),
            snn.Edge("back", "exc", delay=1.5),
            ("exc", "exc"),
            snn.Edge("exc", "out", delay=2),
            ("input", "out"),
            ("out", "output"),
        ],
    ),
    "Parallel-Sum": lambda: snn.Parallel(snn.LIF(tau=3.0), _linear(0), snn.LI()),
    "Parallel-Concatenate": lambda: snn.Sequential(
        snn.Parallel(snn.LIF(tau=3.0), snn.LIF(tau=30.0), combine=snn.Concatenate()),
        _fold,
    ),
    **registry.collected("containers"),
}

all_models: dict[str, Callable[[], snn.AbstractCell]] = {**all_cells, **all_containers}


def in_dtype(tree: Any, dtype: Any) -> Any:
    """The tree with every floating-point array in `dtype`."""
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def make(factory: Callable[[], Any], dtype: Any) -> Any:
    return in_dtype(factory(), dtype)


def drive(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Currents that make neurons fire now and then, and that never put a membrane on its threshold."""
    return (0.3 + 0.8 * jr.normal(key, shape)).astype(dtype)


def step_by_step(cell: Any, xs: Any, key: Any = None) -> tuple[Any, Any, Any]:
    """What `unroll` must equal: a Python loop over the steps. The final state, the outputs, all states."""
    cell = snn.resolve(cell)
    init_key, step_key = (None, None) if key is None else jr.split(key)
    state = cell.init_state(xs[0], key=init_key)
    keys = [None if step_key is None else jr.fold_in(step_key, t) for t in range(len(xs))]
    step = eqx.filter_jit(lambda cell, state, x, key: cell(state, x, key=key))
    outs, states = [], []
    for x, step_key in zip(xs, keys, strict=True):
        state, out = step(cell, state, x, step_key)
        outs.append(out)
        states.append(state)

    def stack(trees: list) -> Any:
        return jax.tree.map(lambda *parts: jnp.stack(parts), *trees)

    return state, stack(outs), stack(states)


def assert_close(a: Any, b: Any, rtol: float, atol: float | None = None) -> None:
    """Equal structure, shapes and dtypes, and close values: `atol` is in units of the largest, but at least of 1."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        assert jnp.shape(x) == jnp.shape(y), path
        assert jnp.result_type(x) == jnp.result_type(y), path
        if jnp.issubdtype(jnp.result_type(x), jax.dtypes.prng_key):
            x, y = jr.key_data(x), jr.key_data(y)
        scale = np.max(np.abs(y), initial=1.0, where=np.isfinite(y)) if atol is None else 1.0
        limit = scale * (rtol if atol is None else atol)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=limit, err_msg=str(path))


def assert_equal(a: Any, b: Any) -> None:
    """Equal to the bit."""
    assert_close(a, b, rtol=0.0, atol=0.0)


class Relaxed(snn.AbstractSpike):
    """A spike function whose forward pass is its smooth primitive and whose derivative is still the surrogate's.

    With it, finite differences of the forward pass test the derivative that training uses.
    """

    spike: Any

    def fire(self, v: Any, threshold: Any, *, key: Any = None) -> Any:
        del key
        if isinstance(self.spike, snn.EscapeNoise):
            return self.spike.probability(v, threshold)
        return self(v - jnp.asarray(threshold, v.dtype))

    def __call__(self, v: Any) -> Any:
        surrogate = self.spike if isinstance(self.spike, snn.AbstractSurrogate) else self.spike.surrogate
        return _relaxed(v, surrogate)


@eqx.filter_custom_jvp
def _relaxed(v: Any, surrogate: Any) -> Any:
    return surrogate.primitive(v)


@_relaxed.def_jvp
def _relaxed_jvp(primals: Any, tangents: Any) -> Any:
    v, surrogate = primals
    _, tangent = eqx.filter_jvp(lambda v, s: s(v), primals, tangents)
    return surrogate.primitive(v), tangent


def relax(model: Any) -> Any:
    """The model with every spike replaced by its smooth primitive."""

    def is_spike(node: Any) -> bool:
        return isinstance(node, snn.AbstractSurrogate | snn.MultiSpike | snn.EscapeNoise)

    return jax.tree.map(lambda n: Relaxed(n) if is_spike(n) else n, model, is_leaf=is_spike)


def attached(model: Any) -> Any:
    """The model with no reset detached: a derivative that leaves a path out is that of no function."""

    def is_reset(node: Any) -> bool:
        return isinstance(node, snn.AbstractReset)

    def attach(node: Any) -> Any:
        return dataclasses.replace(node, detach=False) if is_reset(node) else node

    return jax.tree.map(attach, model, is_leaf=is_reset)
