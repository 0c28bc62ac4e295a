"""Networks of any wiring."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._cell import AbstractCell, AbstractSequenceCell, RunPart, as_cell, step_output
from .._delay import Delay
from .._errors import InputError, inside
from .._misc import split_key, split_keys, type_name
from .._types import Key, Keys, Out, Trajectory
from ._checks import check, names_of
from ._edge import Edge, Line, node_of, part_of, take
from ._shapes import first_output, silent, structs, told, words
from ._wiring import Wire, Wiring, wire_up
from .joins import Sum


class GraphState(eqx.Module):
    """State of a `Graph`: `state["name"]` is that of a node; `lines` holds what is on its way along delayed edges."""

    nodes: dict[str, PyTree]
    lines: tuple[PyTree, ...]

    def __getitem__(self, name: str) -> PyTree:
        return self.nodes[name]


class Graph(AbstractSequenceCell[GraphState]):
    """Nodes that hear each other along edges: skips, feedback, several inputs and outputs, delays.

    A node hears, in the same step, what its sources put out; several sources are added up, or joined as `joins` says.
    Nodes run in the order in which they are given, except that a node runs after those that it hears. Where nodes hear
    each other in a circle that has no delay, **an edge from a node to an earlier one, or to itself, carries what was
    put out in the step before** (zeros before the first), exactly as `delay=1` would.

    Nodes outside of circles run over all steps before the next ones do; a circle is stepped. So a projection into a
    circle belongs into a node of its own.

    **Arguments:**

    - `nodes`: names and cells, layers, or functions; another `Graph` is a node like any other.
    - `edges`: `(source, target)` pairs and `Edge`s. A node with several inputs (a graph, or a cell that takes a dict)
        hears by `"name.part"`; one with several outputs is heard in the same way.
    - `inputs`: the names of what the graph is given: one array, or a dict by name, or a tuple in this order.
    - `outputs`: the names of what it puts out: one array, or a dict by name.
    - `joins`: for nodes and outputs with several sources, a function of the list of what they hear, in the order of the
        edges: `Sum()`, `Concatenate(axis)`, `Product()`, `Gate()`, or your own.

    Raises an `InputError` (a `ValueError`) that names node and edge: for names that do not exist or are used twice, for
    nodes that hear nothing, for a fraction of a step as the only delay in a circle, for shapes that do not fit, and for
    a circle in which no layer says its size.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2, k3, k4 = jax.random.split(jax.random.key(0), 4)
    model = snn.Graph(
        nodes={
            "in": eqx.nn.Linear(8, 4, key=k1),
            "exc": snn.LIF(),
            "back": eqx.nn.Linear(4, 4, key=k2),
            "out": eqx.nn.Linear(4, 2, key=k3),
        },
        edges=[
            ("input", "in"),
            ("in", "exc"),
            snn.Edge("exc", "back", delay=2),
            ("back", "exc"),
            ("exc", "out"),
            ("out", "output"),
        ],
    )
    record = lambda state, out: state["exc"].v
    final, vs = snn.unroll(model, jax.random.normal(k4, (50, 8)), record=record)
    ```
    """

    nodes: dict[str, Any]
    edges: tuple[Edge, ...]
    joins: dict[str, Callable]
    inputs: tuple[str, ...] = eqx.field(static=True)
    outputs: tuple[str, ...] = eqx.field(static=True)
    order: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        nodes: Mapping[str, Any],
        edges: Sequence[Edge | tuple[str, str]],
        inputs: Sequence[str] = ("input",),
        outputs: Sequence[str] = ("output",),
        joins: Mapping[str, Callable] | None = None,
    ):
        self.nodes, self.order = dict(nodes), tuple(nodes)
        self.edges = tuple(edge if isinstance(edge, Edge) else Edge(*edge) for edge in edges)
        self.inputs, self.outputs = names_of("inputs", inputs), names_of("outputs", outputs)
        self.joins = dict(joins or {})

    def __check_init__(self) -> None:
        check(self)
        for name in self.order:
            with inside(name):
                as_cell(self.nodes[name])
        self.connections()

    def __getitem__(self, name: str) -> Any:
        return self.nodes[name]

    def __str__(self) -> str:
        rows = ["Graph"]
        for name in (*self.run_order, *self.outputs):
            heard = [line for line in self.connections() if node_of(line.target) == name]
            what = f" ({_kind(self.nodes[name])})" if name in self.nodes else ""
            join = f", joined by {type_name(self.joins[name])}" if name in self.joins else ""
            rows.append(f"  {name}{what} hears {', '.join(map(str, heard))}{join}")
        return "\n".join(rows)

    def _wiring(self) -> Wiring:
        wires = (
            Wire(node_of(e.source), node_of(e.target), e.delay is not None and e.delay.least >= 1)
            for e in self.edges
            if self._is_between_nodes(e)
        )
        return wire_up(self.order, tuple(wires))

    def _is_between_nodes(self, edge: Edge) -> bool:
        return node_of(edge.source) in self.order and node_of(edge.target) in self.order

    @property
    def run_order(self) -> tuple[str, ...]:
        """The names of the nodes, in the order in which they are run in a step."""
        return tuple(name for group in self._wiring().groups for name in group)

    def connections(self) -> list[Line]:
        """The edges with their delays, that of one step of an edge that closes a circle included."""
        late, lines = iter(self._wiring().late), []
        for edge in self.edges:
            closes = self._is_between_nodes(edge) and next(late)
            if closes and edge.delay is not None:
                raise InputError(
                    f"edge {edge} closes a circle with a delay that may be below one step; it takes one of at least 1. "
                    f"Give it `VariableDelay(..., least=1)`, or leave the delay out: it is then one step."
                )
            lines.append(Line(edge.source, edge.target, Delay(1) if closes else edge.delay, closes))
        return lines

    def _given(self, x: Any) -> dict[str, Any]:
        """The inputs by name."""
        by_name = isinstance(x, dict) and set(x) == set(self.inputs)
        if by_name:
            return dict(x)
        if len(self.inputs) == 1:
            return {self.inputs[0]: x}
        if isinstance(x, tuple | list) and len(x) == len(self.inputs):
            return dict(zip(self.inputs, x, strict=True))
        given = f"{len(x)} arrays" if isinstance(x, tuple | list) else "one array"
        given = f"a dict of {', '.join(map(str, x))}" if isinstance(x, dict) else given
        raise InputError(
            f"Graph was given {given}; it takes its inputs {', '.join(self.inputs)} as a dict by name, or as a tuple "
            f"in this order."
        )

    def _put_out(self, values: Mapping[str, Any]) -> Any:
        outs = {name: values[name] for name in self.outputs}
        return outs if len(outs) > 1 else outs[self.outputs[0]]

    def hears(self, name: str) -> list[int]:
        return [i for i, edge in enumerate(self.edges) if node_of(edge.target) == name]

    def _joined(self, name: str, heard: Mapping[int, Any], over_time: bool = False) -> Any:
        """What a node or an output hears, by edge, as one value, or a dict of its parts."""
        parts: dict[str, list[int]] = {}
        for i in heard:
            parts.setdefault(part_of(self.edges[i].target), []).append(i)
        joined = {part: self._join(name, {i: heard[i] for i in edges}, over_time) for part, edges in parts.items()}
        return joined[""] if list(joined) == [""] else joined

    def _join(self, name: str, heard: Mapping[int, Any], over_time: bool) -> Any:
        values = list(heard.values())
        if len(values) == 1:
            return values[0]
        join = self.joins.get(name, Sum())
        try:
            if any(isinstance(value, jax.ShapeDtypeStruct) for value in values):
                return eqx.filter_eval_shape(join, values)
            return jax.vmap(join)(values) if over_time else join(values)
        except (TypeError, ValueError) as error:
            found = ", ".join(f"{self.edges[i].source} of shape {jnp.shape(v)[over_time:]}" for i, v in heard.items())
            raise InputError(
                f"{type_name(join)} cannot join what is heard: {found}. Put a layer between, or give `joins` another "
                f"function for this name, such as `Concatenate()`."
            ) from error

    def init_state(self, x: Any, *, key: Key = None) -> GraphState:
        inputs, guesses = self._given(x), {}
        state, outs = self._first(inputs, guesses, key)
        for last in (False, True):  # what was only guessed is known the second time
            wrong = {name: outs[name] for name, guess in guesses.items() if structs(guess) != structs(outs[name])}
            if not wrong:
                break
            if last:
                name, out = next(iter(wrong.items()))
                raise InputError(_UNKNOWN.format(f"{words(out)} where {words(guesses[name])} is expected"), name)
            guesses.update(wrong)
            state, outs = self._first(inputs, guesses, key)
        return state

    def _first(self, inputs: dict[str, Any], guesses: dict[str, Any], key: Key) -> tuple[GraphState, dict[str, Any]]:
        """The state before the first step, and the values then; `guesses` are of what is heard before it is known."""
        keys = dict(zip(self.order, split_key(key, len(self.order)), strict=True))
        states: dict[str, Any] = {}
        values = dict(inputs)

        def value(i: int) -> Any:
            source = node_of(self.edges[i].source)
            if source not in values and source not in guesses:
                guesses[source] = silent(self._expected(source, inputs), inputs)
            return take(self.edges[i], values[source] if source in values else guesses[source])

        for name in self.run_order:
            with inside(name):
                cell = as_cell(self.nodes[name])
                heard = self._joined(name, {i: value(i) for i in self.hears(name)})
                states[name] = cell.init_state(heard, key=keys[name])
                values[name] = step_output(cell, states[name], heard)
        lines = tuple(line.delay and line.delay.init_state(value(i)) for i, line in enumerate(self.connections()))
        return GraphState({name: states[name] for name in self.order}, lines), values

    def _expected(self, name: str, inputs: dict[str, Any], asked: frozenset = frozenset()) -> Any:
        """The shape of what a node puts out, told from that part of what it hears that is known; None if nothing is."""
        size = told(self.nodes[name], jax.tree.leaves(inputs)[0].dtype)
        if size is not None or name in asked:
            return size
        heard = {}
        for i in self.hears(name):
            source = node_of(self.edges[i].source)
            value = inputs[source] if source in inputs else self._expected(source, inputs, asked | {name})
            if value is not None:
                heard[i] = take(self.edges[i], value)
        if heard:
            return eqx.filter_eval_shape(lambda heard: first_output(self.nodes[name], self._joined(name, heard)), heard)
        if not asked:
            raise InputError(_UNKNOWN.format("an unknown shape"), name)
        return None

    def _step(
        self, names: Sequence[str], state: GraphState, values: dict[str, Any], arrived: Mapping[int, Any], key: Key
    ) -> tuple[GraphState, dict[str, Any]]:
        """One step of some nodes and outputs, from the values of other nodes, or what has arrived from them by edge."""
        keys = dict(zip(self.order, split_key(key, len(self.order)), strict=True))
        lines, nodes, moved = self.connections(), dict(state.nodes), list(state.lines)

        def arriving(i: int) -> Any:
            source, delay = lines[i].source, lines[i].delay
            if i in arrived:
                return arrived[i]
            if delay is not None and delay.least >= 1:
                return delay.due(state.lines[i])
            value = take(self.edges[i], values[node_of(source)])
            if delay is not None:
                moved[i], value = delay(state.lines[i], value)
            return value

        for name in names:
            with inside(name):
                heard = self._joined(name, {i: arriving(i) for i in self.hears(name)})
                if name in nodes:
                    nodes[name], values[name] = as_cell(self.nodes[name])(nodes[name], heard, key=keys[name])
                else:
                    values[name] = heard
        for i, (source, target, delay, _) in enumerate(lines):
            if node_of(target) in names and i not in arrived and delay is not None and delay.least >= 1:
                moved[i], _ = delay(state.lines[i], take(self.edges[i], values[node_of(source)]))
        return GraphState(nodes, tuple(moved)), values

    def __call__(self, state: GraphState, x: Any, *, key: Key = None) -> tuple[GraphState, Out]:
        state, values = self._step([*self.run_order, *self.outputs], state, self._given(x), {}, key)
        return state, self._put_out(values)

    def scan(self, run: RunPart, state: GraphState, xs: Trajectory, keys: Keys) -> tuple:
        lines, wiring = self.connections(), self._wiring()
        node_keys = dict(zip(self.order, split_keys(keys, len(self.order)), strict=True))
        values = self._given(xs)
        nodes, moved = dict(state.nodes), list(state.lines)
        node_states: dict[str, Any] = dict.fromkeys(self.order)
        line_states: list[Any] = [None] * len(lines)

        def arriving(i: int) -> Any:
            value = take(self.edges[i], values[node_of(lines[i].source)])
            if (delay := lines[i].delay) is not None:
                moved[i], value, line_states[i] = run(str(self.edges[i]), delay, state.lines[i], value, None)
            return value

        def heard(name: str) -> Any:
            with inside(name):
                return self._joined(name, {i: arriving(i) for i in self.hears(name)}, over_time=True)

        for group in wiring.groups:
            if group not in wiring.circles:
                (name,) = group
                cell = as_cell(self.nodes[name])
                nodes[name], values[name], node_states[name] = run(
                    name, cell, nodes[name], heard(name), node_keys[name]
                )
                continue
            nodes_of = {name: self.nodes[name] for name in group}
            circle = Circle(eqx.tree_at(lambda graph: graph.nodes, self, nodes_of), group)
            entering = {i: arriving(i) for i in circle.entering}
            final, outs, states = run(f"({', '.join(group)})", circle, circle.part(state), entering, keys)
            nodes.update(final.nodes)
            values.update(outs)
            moved = [a if b is None else b for a, b in zip(moved, final.lines, strict=True)]
            if states is not None:
                node_states.update(states.nodes)
                line_states = [a if b is None else b for a, b in zip(line_states, states.lines, strict=True)]
        values.update({name: heard(name) for name in self.outputs})
        return GraphState(nodes, tuple(moved)), self._put_out(values), GraphState(node_states, tuple(line_states))


class Circle(AbstractCell[GraphState]):
    """Nodes of a graph that hear each other, as one cell; its input is what arrives from outside, by edge."""

    graph: Graph
    names: tuple[str, ...] = eqx.field(static=True)

    def _inner(self, i: int) -> bool:
        edge = self.graph.edges[i]
        return node_of(edge.source) in self.names and node_of(edge.target) in self.names

    @property
    def entering(self) -> list[int]:
        return [i for name in self.names for i in self.graph.hears(name) if not self._inner(i)]

    def part(self, state: GraphState) -> GraphState:
        """What the state of the graph says of the circle."""
        lines = (line if self._inner(i) else None for i, line in enumerate(state.lines))
        return GraphState({name: state.nodes[name] for name in self.names}, tuple(lines))

    def init_state(self, x: Any, *, key: Key = None) -> GraphState:
        raise NotImplementedError("the graph makes the state of its circles")

    def __call__(self, state: GraphState, x: Any, *, key: Key = None) -> tuple[GraphState, Out]:
        state, values = self.graph._step(self.names, state, {}, x, key)
        heard_outside = {node_of(e.source) for i, e in enumerate(self.graph.edges) if not self._inner(i)}
        return state, {name: value for name, value in values.items() if name in heard_outside}


def _kind(layer: Any) -> str:
    cell = as_cell(layer)
    return type_name(getattr(cell, "layer", cell))


_UNKNOWN = (
    "puts out {0}, and is heard, in a circle, before that is known. A circle takes a layer that says its size: put an "
    "`eqx.nn.Linear` into it, or use `Sum()` to join what is heard with an input."
)
