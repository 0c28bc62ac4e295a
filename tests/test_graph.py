"""Graphs against plain Python loops written by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn

from .helpers import assert_close

T, N = 9, 4
KEYS = jr.split(jr.key(0), 8)


def linear(i, inputs=N, outputs=N):
    return eqx.nn.Linear(inputs, outputs, key=KEYS[i])


def lif(tau=3.0):
    return snn.LIF(tau=jnp.array(tau), threshold=0.3)


def drive(i, n=N, steps=T):
    return jr.normal(jr.fold_in(jr.key(1), i), (steps, n))


class Hand:
    """Nodes of a graph, stepped by hand; the names of what they have put out give the values of the last steps."""

    def __init__(self, graph):
        self.nodes, self.states, self.before = graph.nodes, {}, {}

    def __call__(self, name, x):
        cell = snn.as_cell(self.nodes[name])
        state = self.states[name] if name in self.states else cell.init_state(x)
        self.states[name], out = cell(state, x)
        self.before.setdefault(name, []).append(out)
        return out

    def ago(self, name, steps, n=N):
        values = self.before.get(name, [])
        return values[-steps] if len(values) >= steps else jnp.zeros(n)


def skip():
    graph = snn.Graph(
        {"a": linear(0), "b": lif(), "c": linear(1)},
        [("input", "a"), ("a", "b"), ("b", "c"), ("input", "c"), ("c", "output"), ("a", "output")],
    )

    def step(hand, x):
        a = hand("a", x)
        return hand("c", hand("b", a) + x) + a

    return graph, step


def feedback_through_two():
    graph = snn.Graph(
        {"in": linear(0), "exc": lif(), "there": linear(1), "inh": lif(5.0), "back": linear(2)},
        [
            ("input", "in"),
            ("in", "exc"),
            ("exc", "there"),
            ("there", "inh"),
            ("inh", "back"),
            ("back", "exc"),
            ("exc", "output"),
        ],
    )

    def step(hand, x):
        exc = hand("exc", hand("in", x) + hand.ago("back", 1))
        hand("back", hand("inh", hand("there", exc)))
        return exc

    return graph, step


def feedback_to_itself():
    graph = snn.Graph({"a": lif()}, [("input", "a"), ("a", "a"), ("a", "output")])
    return graph, lambda hand, x: hand("a", x + hand.ago("a", 1))


def delayed(steps):
    graph = snn.Graph(
        {"a": linear(0), "b": lif(), "back": linear(1)},
        [("input", "a"), ("a", "b"), ("b", "back"), snn.Edge("back", "b", delay=steps), ("b", "output")],
    )
    whole, part = int(steps), steps % 1

    def step(hand, x):
        heard = (1 - part) * hand.ago("back", whole) + (part * hand.ago("back", whole + 1) if part else 0)
        b = hand("b", hand("a", x) + heard)
        hand("back", b)
        return b

    return graph, step


def delayed_skip(steps):
    """No circle, and a source that is given after its target."""
    graph = snn.Graph(
        {"c": lif(), "a": linear(0), "b": lif(5.0)},
        [("input", "a"), ("a", "b"), snn.Edge("a", "c", delay=steps), ("b", "c"), ("c", "output")],
    )
    whole, part = int(steps), steps % 1

    def step(hand, x):
        b = hand("b", hand("a", x))
        late = (1 - part) * hand.ago("a", whole + 1) + (part * hand.ago("a", whole + 2) if part else 0)
        return hand("c", b + late)

    return graph, step


def concatenated():
    graph = snn.Graph(
        {"a": lif(), "b": linear(0), "c": linear(1, 3 * N)},
        [("input", "a"), ("input", "b"), ("b", "c"), ("a", "c"), ("c", "c"), ("c", "output")],
        joins={"c": snn.Concatenate()},
    )
    return graph, lambda hand, x: hand("c", jnp.concatenate([hand("b", x), hand("a", x), hand.ago("c", 1)]))


def products_and_gates():
    graph = snn.Graph(
        {"a": linear(0), "b": linear(1), "c": lif(), "d": snn.LI(tau=3.0)},
        [("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("a", "d"), ("c", "d"), ("b", "d"), ("d", "output")],
        joins={"c": snn.Product(), "d": snn.Gate()},
    )

    def step(hand, x):
        a, b = hand("a", x), hand("b", x)
        return hand("d", a * jax.nn.sigmoid(hand("c", a * b)) * jax.nn.sigmoid(b))

    return graph, step


def nested():
    inner, by_hand = feedback_through_two()
    graph = snn.Graph(
        {"first": linear(3), "inner": inner, "last": snn.LI(tau=4.0)},
        [("input", "first"), ("first", "inner"), ("inner", "last"), ("last", "first"), ("last", "output")],
    )

    def step(hand, x):
        inside = hand.__dict__.setdefault("inside", Hand(hand.nodes["inner"]))
        return hand("last", by_hand(inside, hand("first", x + hand.ago("last", 1))))

    return graph, step


def two_circles():
    graph = snn.Graph(
        {"a": lif(), "back": linear(0), "b": lif(), "c": snn.CubaLIF()},
        [
            ("input", "a"),
            ("a", "back"),
            ("back", "a"),
            ("a", "b"),
            ("b", "c"),
            snn.Edge("c", "b", delay=2),
            ("c", "output"),
        ],
    )

    def step(hand, x):
        a = hand("a", x + hand.ago("back", 1))
        hand("back", a)
        return hand("c", hand("b", a + hand.ago("c", 2)))

    return graph, step


WIRINGS = {
    "skip": skip,
    "feedback through two nodes": feedback_through_two,
    "feedback to itself": feedback_to_itself,
    "feedback of 1": lambda: delayed(1),
    "feedback of 3": lambda: delayed(3),
    "feedback of 2.5": lambda: delayed(2.5),
    "delay of 1": lambda: delayed_skip(1),
    "delay of 3": lambda: delayed_skip(3),
    "delay of 2.5": lambda: delayed_skip(2.5),
    "delay of a half": lambda: delayed_skip(0.5),
    "concatenation": concatenated,
    "products and gates": products_and_gates,
    "nested": nested,
    "two circles": two_circles,
}


def assert_by_hand(graph, step, xs):
    params, static = eqx.partition(graph, eqx.is_inexact_array)

    def by_graph(params, xs):
        return snn.unroll(eqx.combine(params, static), xs)[1]

    def by_hand(params, xs):
        hand = Hand(eqx.combine(params, static))
        steps = len(jax.tree.leaves(xs)[0])
        outs = [step(hand, jax.tree.map(lambda a, t=t: a[t], xs)) for t in range(steps)]
        return jax.tree.map(lambda *a: jnp.stack(a), *outs)

    @jax.jit
    def both(params, xs):
        def loss(run):
            return lambda *args: sum(jnp.sum(jnp.sin(leaf + 0.1)) for leaf in jax.tree.leaves(run(*args)))

        return [(run(params, xs), jax.grad(loss(run), (0, 1))(params, xs)) for run in (by_graph, by_hand)]

    found, expected = both(params, xs)
    assert any(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(found))
    assert_close(found, expected, rtol=1e-10)


@pytest.mark.parametrize("name", WIRINGS)
def test_wirings_equal_loops_by_hand(name):
    graph, step = WIRINGS[name]()
    assert_by_hand(graph, step, drive(0))


@pytest.mark.parametrize("name", WIRINGS)
def test_chunks_and_streams_equal_the_whole(name):
    graph, xs = WIRINGS[name]()[0], drive(0)
    final, whole = snn.unroll(graph, xs)
    state, parts = None, []
    for chunk in (xs[:2], xs[2:3], xs[3:]):
        state, ys = snn.unroll(graph, chunk, state)
        parts.append(ys)
    assert_close((state, jnp.concatenate(parts)), (final, whole), rtol=1e-12)
    stream = snn.Stream(graph)
    assert_close(jnp.stack([stream(x) for x in xs]), whole, rtol=1e-12)


def test_several_inputs_and_outputs():
    graph = snn.Graph(
        {"a": linear(0), "b": linear(1, 2), "c": lif()},
        [("x", "a"), ("u", "b"), ("a", "c"), ("b", "c"), ("c", "spikes"), ("u", "copy")],
        inputs=("x", "u"),
        outputs=("spikes", "copy"),
    )

    def step(hand, given):
        return {"spikes": hand("c", hand("a", given["x"]) + hand("b", given["u"])), "copy": given["u"]}

    given = {"x": drive(0), "u": drive(1, 2)}
    assert_by_hand(graph, step, given)
    assert_close(snn.unroll(graph, (given["x"], given["u"]))[1], snn.unroll(graph, given)[1], rtol=0)
    outer = snn.Graph(
        {"two": graph, "both": linear(2)},
        [("input", "two.x"), ("speed", "two.u"), ("two.spikes", "both"), ("two.copy", "copy"), ("both", "output")],
        inputs=("input", "speed"),
        outputs=("output", "copy"),
    )
    outs = snn.unroll(outer, (given["x"], given["u"]))[1]
    expected = snn.unroll(graph, given)[1]
    assert_close(outs["copy"], expected["copy"], rtol=0)
    assert_close(outs["output"], jax.vmap(linear(2))(expected["spikes"]), rtol=1e-12)


def test_a_recurrent_convolution():
    def conv(i, channels):
        return eqx.nn.Conv2d(channels, 2, 3, padding=1, key=KEYS[i])

    graph = snn.Graph(
        {"conv": conv(0, 1), "lif": lif(), "back": conv(1, 2)},
        [("input", "conv"), ("conv", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")],
    )

    def step(hand, x):
        z = hand("lif", hand("conv", x) + (hand.before["back"][-1] if "back" in hand.before else 0))
        hand("back", z)
        return z

    assert_by_hand(graph, step, jr.normal(jr.key(0), (5, 1, 6, 5)))


def test_only_circles_are_stepped():
    graph = feedback_through_two()[0]
    plan = snn.explain(graph, drive(0))
    parts = {part.path: part.schedule for part in plan.parts}
    assert parts == {"in": "all steps at once", "(exc, there, inh, back)": "loop"}
    assert "nodes['there'] (Linear)" in str(plan)
    assert "weights whose gradient is made after the loop: 2" in str(plan)


def test_recording_by_name():
    graph, xs = feedback_through_two()[0], drive(0)
    _, (vs, zs) = snn.unroll(graph, xs, record=lambda state, out: (state["inh"].v, out))
    assert vs.shape == (T, N)
    assert_close(zs, snn.unroll(graph, xs)[1], rtol=0)
    state = graph.init_state(xs[0])
    for t, x in enumerate(xs):
        state, _ = graph(state, x)
        np.testing.assert_allclose(state["inh"].v, vs[t], rtol=1e-12)


def test_print():
    assert str(delayed(3)[0]).splitlines() == [
        "Graph",
        "  a (Linear) hears input",
        "  b (LIF) hears a, back 3 steps later",
        "  back (Linear) hears b",
        "  output hears b",
    ]
    assert "  exc (LIF) hears in, back 1 step later" in str(feedback_through_two()[0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: snn.Graph({"a": lif()}, [("input", "b"), ("a", "output")]), r"edge input -> b.*target 'b'.*a, output"),
        (lambda: snn.Graph({"a": lif()}, [("x", "a"), ("a", "output")]), r"edge x -> a.*source 'x'.*input, a"),
        (lambda: snn.Graph({"a": lif(), "b": lif()}, [("input", "a"), ("a", "output")]), "'b' hears nothing"),
        (lambda: snn.Graph({"a": lif()}, [("input", "a")]), "'output' hears nothing"),
        (lambda: snn.Graph({"a": lif()}, [("a", "a"), ("a", "output")]), "nothing hears the input 'input'"),
        (lambda: snn.Graph({"input": lif()}, [("input", "output")]), "the name 'input'"),
        (lambda: snn.Graph({"a.b": lif()}, [("input", "a.b")]), r"the name 'a\.b'"),
        (lambda: snn.Graph({"a": lif()}, [("input", "a"), ("a", "output")], inputs="input"), "a sequence of names"),
        (lambda: snn.Graph({"a": lif()}, [("input", "a"), ("a", "output")], joins={"b": snn.Sum()}), "joins names 'b'"),
        (lambda: snn.Edge("a", "b", delay=-1), "edge a -> b.*given -1"),
        (lambda: snn.Edge("a", "b", delay=jnp.ones(3)), "VariableDelay"),
        (
            lambda: snn.Graph({"a": lif()}, [("input", "a"), snn.Edge("a", "a", delay=0.5), ("a", "output")]),
            "edge a -> a closes a circle with a delay that may be below one step",
        ),
    ],
)
def test_errors_name_node_and_edge(build, message):
    with pytest.raises(snn.InputError, match=f"(?s){message}"):
        build()


def test_errors_of_shapes_name_the_node():
    graph = snn.Graph(
        {"a": linear(0), "b": lif()}, [("input", "a"), ("a", "b"), ("wide", "b"), ("b", "output")], ("input", "wide")
    )
    with pytest.raises(snn.InputError, match=r"^b: Sum cannot join.*a of shape \(4,\), wide of shape \(7,\)"):
        snn.unroll(graph, (drive(0), drive(1, 7)))
    with pytest.raises(snn.InputError, match=r"^a: Linear was given one step of shape \(7,\)"):
        snn.unroll(graph, (drive(0, 7), drive(1, 7)))
    with pytest.raises(snn.InputError, match="Graph was given one array; it takes its inputs input, wide"):
        snn.unroll(graph, drive(0))
    growing = snn.Graph({"a": lif()}, [("input", "a"), ("a", "a"), ("a", "output")], joins={"a": snn.Concatenate()})
    with pytest.raises(snn.InputError, match=r"^a: puts out .* is heard, in a circle, before that is known"):
        snn.unroll(growing, drive(0))
