"""What a plan says against what is counted by hand, and the account of memory against the compiler's own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

import snnjax as snn

K1, K2, K3 = jr.split(jr.key(0), 3)
T = 50


class Projected(snn.AbstractCell):
    """A cell of a user's that holds a layer and a neuron, and steps them itself."""

    projection: eqx.nn.Linear
    neuron: snn.LIF

    def init_state(self, x, *, key=None):
        return self.neuron.init_state(jnp.zeros(self.projection.out_features, x.dtype))

    def __call__(self, state, x, *, key=None):
        return self.neuron(state, self.projection(x))


class Twice(snn.AbstractSequenceCell):
    """A container of a user's, which runs its part over the whole sequence twice."""

    cell: snn.AbstractCell

    def init_state(self, x, *, key=None):
        return self.cell.init_state(x), self.cell.init_state(x)

    def __call__(self, state, x, *, key=None):
        first, x = self.cell(state[0], x)
        second, x = self.cell(state[1], x)
        return (first, second), x

    def scan(self, run, state, xs, keys):
        first, xs, first_states = run("first", self.cell, state[0], xs, keys)
        second, xs, second_states = run("second", self.cell, state[1], xs, keys)
        return (first, second), xs, (first_states, second_states)


def make_network():
    return snn.Sequential(
        eqx.nn.Linear(8, 4, use_bias=False, key=K1),
        snn.LIF(tau=jnp.array(20.0)),
        snn.Recurrent(snn.LIF(), eqx.nn.Linear(4, 4, key=K2)),
        snn.Residual(snn.LIF()),
        snn.Parallel(snn.LI(), snn.Sequential(snn.IF())),
        snn.Delay(2),
        Twice(snn.LI()),
        Projected(eqx.nn.Linear(4, 3, key=K3), snn.LIF()),
    )


@pytest.fixture(scope="module")
def plan():
    """Of a network that does not exist: neither its weights nor its inputs have values."""
    return snn.explain(eqx.filter_eval_shape(make_network), jax.ShapeDtypeStruct((T, 8), jnp.float64))


def test_every_part_is_listed_in_its_order_with_its_schedule(plan):
    assert [(part.path, part.name, part.schedule) for part in plan.parts] == [
        ("layers[0]", "Linear", "all steps at once"),
        ("layers[1]", "LIF", "loop"),
        ("layers[2]", "Recurrent", "loop"),
        ("layers[3].body", "LIF", "loop"),
        ("layers[3].shortcut", "_identity", "all steps at once"),
        ("layers[4].branches[0]", "LI", "loop"),
        ("layers[4].branches[1].layers[0]", "IF", "loop"),
        ("layers[5]", "Delay", "its own way through time"),
        ("layers[6].first", "LI", "loop"),
        ("layers[6].second", "LI", "loop"),
        ("layers[7]", "Projected", "loop"),
    ]


def test_reasons(plan):
    parts = {part.path: part.why for part in plan.parts}
    assert "no state" in parts["layers[0]"]
    assert "done once: 2" in parts["layers[1]"]  # exp(-1 / tau)
    assert "cell (LIF) and feedback (Linear) step together" in parts["layers[2]"]
    assert "gradient is made after the loop: 1" in parts["layers[2]"]
    assert "take nothing of the state" not in parts["layers[2]"]
    assert "take nothing of the state: 1" in parts["layers[7]"]


def test_shapes_operations_and_bytes_counted_by_hand(plan):
    parts = {part.path: part for part in plan.parts}
    linear, lif, leaky = parts["layers[0]"], parts["layers[1]"], parts["layers[6].first"]
    assert (linear.given, linear.returned) == ("float64[50,8]", "float64[50,4]")
    assert linear.operations == T * 2 * 8 * 4  # a multiplication and an addition per weight
    assert linear.kept == T * 8 * 8  # its inputs, of 8 bytes
    assert lif.kept == 2 * T * 4 * 8  # its inputs and its membranes
    assert leaky.operations == T * 2 * 4  # v = decay v + x
    assert leaky.kept == 0  # a constant decay: nothing of it is in its gradient
    assert plan.steps == plan.tile == T
    assert max(part.kept for part in plan.parts) < plan.kept <= sum(part.kept for part in plan.parts)


def test_print(plan):
    lines = str(plan).splitlines()
    assert lines[0].split() == ["layer", "given", "returned", "operations", "kept", "schedule"]
    assert lines[1].split()[:8] == ["layers[0]", "Linear", "float64[50,8]", "float64[50,4]", "3.2", "k", "3.125", "KiB"]
    assert "in all" in lines[-1]
    assert "50 steps" in lines[-1]
    assert len(lines) == len(plan.parts) + 2


def test_long_sequences_are_run_in_tiles():
    """The parts are those of the whole sequence nevertheless."""
    plan = snn.explain(snn.Sequential(eqx.nn.Linear(8, 4, key=K1), snn.LIF()), jnp.ones((1000, 8)))
    assert [part.given for part in plan.parts] == ["float64[1000,8]", "float64[1000,4]"]
    assert (plan.steps, plan.tile) == (1000, 100)
    assert "1000 steps, 100 at a time" in str(plan)


def test_a_cell_alone_and_a_random_one():
    xs = jnp.ones((T, 3))
    (part,) = snn.explain(snn.LIF(), xs).parts
    assert (part.path, part.name, part.given) == ("", "LIF", "float64[50,3]")
    (part,) = snn.explain(snn.Probe(snn.LIF()), xs, kernel=snn.Autodiff()).parts
    assert (part.path, part.name) == ("", "LIF")
    (part,) = snn.explain(eqx.nn.Dropout(), xs, key=K1).parts
    assert part.schedule == "all steps at once"
    with pytest.raises(snn.InputError, match="no key"):
        snn.explain(eqx.nn.Dropout(), xs)
    with pytest.raises(snn.InputError, match=r"layers\[0\]: Linear was given one step of shape \(3,\)"):
        snn.explain(make_network(), xs)


def test_memory_is_that_of_the_compiled_program():
    """Of a batch, a random layer and a parameter that is not trained among what is run."""
    model = snn.Sequential(
        eqx.nn.Linear(8, 4, key=K1), snn.LIF(tau=snn.Fixed(20.0)), eqx.nn.Dropout(), snn.LIF(tau=jnp.array(5.0))
    )
    xs, batch = jax.ShapeDtypeStruct((400, 8), jnp.float64), 3
    report = snn.memory(model, xs, batch=batch, key=K1)
    assert list(report.backward) == ["BPTT()", "CheckpointedBPTT()"]
    params, rest = eqx.partition(model, snn.trainable(model))

    def run(params, xs):
        def one(x, key):
            return snn.unroll(eqx.combine(params, rest), x, key=key)[1]

        return jax.vmap(one, (1, 0), 1)(xs, jr.split(K1, batch))

    inputs = jax.ShapeDtypeStruct((400, batch, 8), jnp.float64)
    weights = jax.eval_shape(run, params, inputs)
    backward = jax.jit(lambda p, xs, w: jax.vjp(run, p, xs)[1](w)[0]).lower(params, inputs, weights).compile()
    for found, compiled in (
        (report.forward["BPTT()"], jax.jit(run).lower(params, inputs).compile()),
        (report.backward["BPTT()"], backward),
    ):
        assert found == pytest.approx(compiled.memory_analysis().temp_size_in_bytes, rel=0.1)
    assert report.backward["CheckpointedBPTT()"] < report.backward["BPTT()"] / 4
    lines = str(report).splitlines()
    assert lines[0].split() == ["loop", "forward", "forward", "and", "backward"]
    assert lines[2].startswith("CheckpointedBPTT()  ")
