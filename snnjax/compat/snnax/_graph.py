"""Networks of snnax: layers connected by a graph."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..._cell import AbstractCell, AbstractSequenceCell, RunPart, as_cell, step_output
from ..._container import Concatenate
from ..._errors import InputError, inside
from ..._misc import split_key, split_keys
from ..._types import Key, Keys, Out, Trajectory
from ._compound import first_output, told_output

Ids = tuple[tuple[int, ...], ...]


class GraphStructure(eqx.Module):
    """Which layer hears what.

    **Arguments:**

    - `num_layers`: how many layers there are.
    - `input_layer_ids`: for every layer, which of the network's inputs it hears; or a flat list of the layers that
        hear the only input.
    - `input_connectivity`: for every layer, which layers it hears. A layer that comes before it is heard in the same
        step; itself, or one that comes after it, as it was in the step before.
    - `final_layer_ids`: which layers are put out; the last one if it is left out.

    Raises a `ValueError` for lists of another length, and for layers that do not exist or hear nothing.

    ```python
    from snnjax.compat.snnax import GraphStructure

    # Input to 0, 0 to 1, both to 2, and 2 back to 0.
    GraphStructure(3, input_layer_ids=[[0], [], []], input_connectivity=[[2], [0], [0, 1]])
    ```
    """

    num_layers: int = eqx.field(static=True)
    input_layer_ids: Ids = eqx.field(static=True)
    input_connectivity: Ids = eqx.field(static=True)
    final_layer_ids: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        num_layers: int,
        input_layer_ids: Sequence[Any],
        input_connectivity: Sequence[Sequence[int]],
        final_layer_ids: Sequence[int] | None = None,
    ):
        if all(isinstance(entry, Integral) for entry in input_layer_ids):
            _check_ids("input_layer_ids", input_layer_ids, num_layers)
            input_layer_ids = [[0] if layer in input_layer_ids else [] for layer in range(num_layers)]
        self.num_layers = num_layers
        self.input_layer_ids = _nested("input_layer_ids", input_layer_ids, num_layers)
        self.input_connectivity = _nested("input_connectivity", input_connectivity, num_layers)
        self.final_layer_ids = (num_layers - 1,) if final_layer_ids is None else tuple(final_layer_ids)

    def __check_init__(self) -> None:
        if not self.final_layer_ids:
            raise ValueError(
                "final_layer_ids was given an empty list; it takes at least one layer. Leave it out for the last."
            )
        _check_ids("final_layer_ids", self.final_layer_ids, self.num_layers)
        for layer, (inputs, layers) in enumerate(zip(self.input_layer_ids, self.input_connectivity, strict=True)):
            _check_ids(f"input_layer_ids[{layer}]", inputs, None)
            _check_ids(f"input_connectivity[{layer}]", layers, self.num_layers)
            if not inputs and not layers:
                raise ValueError(
                    f"layer {layer} hears nothing; every layer takes an input of the network or another layer. Add it "
                    f"to input_layer_ids or input_connectivity."
                )

    def is_heard_later(self, layer: int) -> bool:
        """Whether a layer is heard by itself, or by one that does not come after it."""
        return any(layer in heard for heard in self.input_connectivity[: layer + 1])


def _nested(name: str, given: Sequence[Any], num_layers: int) -> Ids:
    if len(given) != num_layers or not all(isinstance(entry, Sequence) for entry in given):
        raise ValueError(
            f"{name} was given {given}; it takes {num_layers} lists, one per layer, as `num_layers` says. A layer "
            f"without any has an empty list."
        )
    return tuple(tuple(entry) for entry in given)


def _check_ids(name: str, ids: Sequence[int], below: int | None) -> None:
    for index in ids:
        if not isinstance(index, Integral) or index < 0 or (below is not None and index >= below):
            accepted = "0 and above" if below is None else f"0 to {below - 1}"
            raise ValueError(f"{name} was given {index!r}; it takes whole numbers {accepted}. Count layers from 0.")


def gen_feed_forward_struct(num_layers: int) -> GraphStructure:
    """Every layer hears the one before it; the first hears the input."""
    heard = [[] if layer == 0 else [layer - 1] for layer in range(num_layers)]
    return GraphStructure(num_layers, [[0], *([] for _ in heard[1:])], heard)


class GraphState(eqx.Module):
    """State of a `StatefulModel`.

    `layers` holds the states of the layers, `outs` what they put out in this step, None for one that is not heard in
    the next.
    """

    layers: tuple
    outs: tuple


class StatefulModel(AbstractSequenceCell[GraphState]):
    """Layers that hear each other along a graph.

    The layers run in their order, each fed with what `graph_structure` says: other layers first, then inputs of the
    network, put together by `combine`. Several inputs are a tuple of arrays.

    **Arguments:**

    - `graph_structure`: who hears whom.
    - `layers`: cells, Equinox layers and functions.
    - `combine`: a function of the list of what a layer hears, if there is more than one: `snn.Concatenate(axis=0)` as
        in the library, `snn.Sum()`, or your own.
    - `delay_per_layer`: every layer, also one without state, hears the others one step later, as the library computes;
        before the first step a layer without state puts out what it makes of nothing (its bias).

    Puts out the output of the final layer, or a tuple of them. Raises a `ValueError` if the number of layers is not
    that of the graph, and an `InputError` for missing inputs, and for a feedback whose shape cannot be told.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn
    from snnjax.compat import snnax

    graph = snnax.GraphStructure(2, [[0], []], [[1], [0]])                        # 0 hears the input and 1
    layers = [eqx.nn.Linear(3 + 4, 4, key=jax.random.key(0)), snnax.LIF([0.9, 0.8])]
    model = snnax.StatefulModel(graph, layers)
    final, zs = snn.unroll(model, jax.random.normal(jax.random.key(1), (20, 3)))
    ```
    """

    graph_structure: GraphStructure
    layers: tuple[Any, ...] = eqx.field(converter=tuple)
    combine: Callable = Concatenate(axis=0)
    delay_per_layer: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        if len(self.layers) != self.graph_structure.num_layers:
            raise ValueError(
                f"StatefulModel was given {len(self.layers)} layers for a graph of {self.graph_structure.num_layers}; "
                f"it takes as many. Give the graph the number of layers."
            )
        for index, layer in enumerate(self.layers):
            with inside(f"layers[{index}]"):
                as_cell(layer)

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def _is_late(self, source: int, layer: int) -> bool:
        return self.delay_per_layer or source >= layer

    def _is_kept(self, source: int) -> bool:
        return self.delay_per_layer or self.graph_structure.is_heard_later(source)

    def _inputs(self, x: Any) -> list:
        inputs = list(x) if isinstance(x, tuple | list) else [x]
        wanted = 1 + max((i for ids in self.graph_structure.input_layer_ids for i in ids), default=-1)
        if len(inputs) < wanted:
            raise InputError(
                f"StatefulModel was given {len(inputs)} inputs; its graph takes {wanted}. Pass a tuple of arrays."
            )
        return inputs

    def _heard(self, layer: int, now: Sequence, before: Sequence, inputs: Sequence) -> list:
        graph = self.graph_structure
        sources = [(before if self._is_late(i, layer) else now)[i] for i in graph.input_connectivity[layer]]
        return sources + [inputs[i] for i in graph.input_layer_ids[layer]]

    def _joined(self, heard: list) -> Any:
        return heard[0] if len(heard) == 1 else self.combine(heard)

    def _put_out(self, outs: Sequence) -> Any:
        final = [outs[layer] for layer in self.graph_structure.final_layer_ids]
        return final[0] if len(final) == 1 else tuple(final)

    def _expected(self, layer: int, inputs: list, asked: frozenset = frozenset()) -> Any:
        """The shape of what a layer puts out, found without its inputs if need be; None if it cannot be told."""
        told = told_output(self.layers[layer], inputs[0].dtype)
        if told is not None or layer in asked:
            return told
        graph = self.graph_structure
        heard = [self._expected(i, inputs, asked | {layer}) for i in graph.input_connectivity[layer]]
        heard = [part for part in heard if part is not None] + [inputs[i] for i in graph.input_layer_ids[layer]]
        if not heard:
            return None
        return eqx.filter_eval_shape(lambda parts: first_output(self.layers[layer], self._joined(parts)), heard)

    def init_state(self, x: Any, *, key: Key = None) -> GraphState:
        # From zeros: of the data, only shapes may reach a state. Built from the data, so that sharding is carried.
        inputs = [jnp.zeros_like(value) for value in self._inputs(x)]
        keys = split_key(key, len(self.layers))
        before: list = [None] * len(self.layers)
        for index in range(len(self.layers)):
            if self.graph_structure.is_heard_later(index):
                before[index] = self._silence(index, inputs)
        states, now = [], []
        for index, layer in enumerate(self.layers):
            with inside(f"layers[{index}]"):
                heard = self._joined(self._heard(index, now, before, inputs))
                states.append(as_cell(layer).init_state(heard, key=keys[index]))
                now.append(step_output(as_cell(layer), states[-1], heard))
            if before[index] is not None and jnp.shape(now[-1]) != before[index].shape:
                raise InputError(_UNKNOWN.format(index, before[index].shape, jnp.shape(now[-1])))
            if self.delay_per_layer:
                before[index] = first_output(layer, heard)
            elif self._is_kept(index):
                before[index] = jax.tree.map(jnp.zeros_like, now[-1])
        return GraphState(layers=tuple(states), outs=tuple(before))

    def _silence(self, layer: int, inputs: list) -> Any:
        expected = self._expected(layer, inputs)
        if expected is None:
            raise InputError(_UNKNOWN.format(layer, "unknown", "unknown"))
        return jnp.zeros_like(inputs[0], shape=expected.shape, dtype=expected.dtype)

    def _kept(self, outs: Sequence) -> tuple:
        return tuple(out if self._is_kept(index) else None for index, out in enumerate(outs))

    def __call__(self, state: GraphState, x: Any, *, key: Key = None) -> tuple[GraphState, Out]:
        inputs, keys = self._inputs(x), split_key(key, len(self.layers))
        after, outs = [], []
        for index, layer in enumerate(self.layers):
            with inside(f"layers[{index}]"):
                heard = self._joined(self._heard(index, outs, state.outs, inputs))
                new, out = as_cell(layer)(state.layers[index], heard, key=keys[index])
            after.append(new)
            outs.append(out)
        return GraphState(layers=tuple(after), outs=self._kept(outs)), self._put_out(outs)

    def scan(
        self, run: RunPart, state: GraphState, xs: Trajectory, keys: Keys
    ) -> tuple[GraphState, Trajectory, PyTree]:
        if any(map(self.graph_structure.is_heard_later, range(len(self.layers)))):
            return run("", _Stepped(self), state, xs, keys)
        inputs, layer_keys = self._inputs(xs), split_keys(keys, len(self.layers))
        final, states, outs, late = [], [], [], []
        for index, layer in enumerate(self.layers):
            heard = jax.vmap(self._joined)(self._heard(index, outs, late, inputs))
            after, out, kept = run(f"layers[{index}]", as_cell(layer), state.layers[index], heard, layer_keys[index])
            final.append(after)
            states.append(kept)
            outs.append(out)
            late.append(_one_later(state.outs[index], out) if self._is_kept(index) else None)
        ends = jax.tree.map(lambda out: out[-1], outs)
        last = GraphState(layers=tuple(final), outs=self._kept(ends))
        return last, self._put_out(outs), GraphState(layers=tuple(states), outs=self._kept(outs))


_UNKNOWN = (
    "the output of layers[{0}] is heard by a layer that does not come after it, and its shape could not be told: "
    "expected {1}, found {2}. A loop takes a layer that fixes its own size: put an `eqx.nn.Linear` into it, give the "
    "neuron `shape=`, or use `combine=snn.Sum()`."
)


def _one_later(first: Any, outs: Trajectory) -> Trajectory:
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b[:-1]]), first, outs)


class _Stepped(AbstractCell):
    """A sequence cell that is stepped through."""

    layer: StatefulModel

    def init_state(self, x: Any, *, key: Key = None) -> GraphState:
        return self.layer.init_state(x, key=key)

    def __call__(self, state: GraphState, x: Any, *, key: Key = None) -> tuple[GraphState, Out]:
        return self.layer(state, x, key=key)
