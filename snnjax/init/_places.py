"""Where in a model the spiking layers are, and which weights drive each of them."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._cell import AbstractCell, Stateful, Stateless
from .._container import Edge, Graph, Parallel, Recurrent, Residual, Sequential
from .._misc import type_name
from .._parameter import AbstractParameter
from .._probe import Probe, is_neuron_cell, is_spiking
from .._reset import AbstractReset
from .._surrogate import AbstractSpike
from .._whole_sequence import AbstractWholeSequenceCell

_Get = Callable[[PyTree], Any]


class Weights(NamedTuple):
    """A layer with weights, by its path in the model."""

    path: str
    get: _Get


class Heard(NamedTuple):
    """The nearest layers with weights in front of something, and those that bring what was put out a step before."""

    weights: tuple[Weights, ...] = ()
    feedback: tuple[Weights, ...] = ()


class Place(NamedTuple):
    """A spiking layer by the name of its probe, how to find it, and what it hears."""

    name: str
    get: _Get
    heard: Heard


_PROJECTIONS = (eqx.nn.Linear, eqx.nn.Conv, eqx.nn.ConvTranspose)
_NO_LAYERS = (AbstractSpike, AbstractReset, AbstractParameter, Edge)


def places(model: PyTree) -> list[Place]:
    """The spiking layers of a model, in the order of computation."""
    return _walk(model, "", lambda m: m, Heard())[0]


def scaled(model: PyTree, weights: tuple[Weights, ...], gain: Any) -> PyTree:
    """The model with these weights times a gain, biases included."""
    if not weights:
        return model

    def get(model: PyTree) -> list:
        return [w.get(model) for w in weights]

    return eqx.tree_at(get, model, [_times(layer, gain) for layer in get(model)])


def without_dropout(model: PyTree) -> PyTree:
    """The model in inference mode, but for norms: they do what they do in training, where rates matter."""

    def is_norm(node: Any) -> bool:
        return isinstance(node, eqx.Module) and any(map(_is_kept, vars(node).values()))

    quiet = eqx.nn.inference_mode(model)
    return jax.tree.map(lambda after, before: before if is_norm(after) else after, quiet, model, is_leaf=is_norm)


def _times(layer: Any, gain: Any) -> Any:
    if not isinstance(layer, AbstractCell):
        # What a norm keeps between sequences is none of its weights.
        return jax.tree.map(lambda a: a * _as(gain, a) if eqx.is_inexact_array(a) else a, layer, is_leaf=_is_kept)
    # A cell may hold numbers that are no weights, such as delays.
    if any(isinstance(p, _PROJECTIONS) for p in _projections(layer)):
        return jax.tree.map(lambda n: _times(n, gain) if _is_projection(n) else n, layer, is_leaf=_is_projection)
    changed = {name: _times(getattr(layer, name), gain) for name in _weight_fields(layer)}
    return eqx.tree_at(lambda layer: [getattr(layer, name) for name in changed], layer, list(changed.values()))


def _as(gain: Any, a: Any) -> Any:
    return jax.numpy.asarray(gain).astype(a.dtype)


def _weight_fields(cell: AbstractCell) -> list[str]:
    """The fields of a cell of one of the usual names that hold something to scale."""
    names = [f.name for f in dataclasses.fields(cell) if f.name in ("weight", "bias")]
    return [name for name in names if jax.tree.leaves(eqx.filter(getattr(cell, name), eqx.is_inexact_array))]


def _is_kept(node: Any) -> bool:
    return isinstance(node, eqx.nn.StateIndex)


def _is_projection(node: Any) -> bool:
    return isinstance(node, _PROJECTIONS)


def _projections(node: Any) -> list:
    return [leaf for leaf in jax.tree.leaves(node, is_leaf=_is_projection) if _is_projection(leaf)]


def _has_weights(layer: Any) -> bool:
    if isinstance(layer, AbstractCell):
        return "weight" in _weight_fields(layer) or bool(_projections(layer))
    return bool(jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array)))


def _then(get: _Get, step: _Get) -> _Get:
    return lambda model: step(get(model))


def _children(node: Any, path: str, get: _Get) -> Iterator[tuple[Any, str, _Get]]:
    """What a container holds, in order, with the paths that probes use."""
    if isinstance(node, dict):
        for key in node:
            yield node[key], f"{path}[{key!r}]", _then(get, lambda m, key=key: m[key])
    elif isinstance(node, tuple | list):
        for i, child in enumerate(node):
            yield child, f"{path}[{i}]", _then(get, lambda m, i=i: m[i])
    elif isinstance(node, AbstractCell):
        for field in dataclasses.fields(node):
            if not field.metadata.get("static", False):
                name = field.name
                yield getattr(node, name), f"{path}.{name}", _then(get, lambda m, name=name: getattr(m, name))


_Found = tuple[list[Place], tuple[Weights, ...]]


def _walk(node: Any, path: str, get: _Get, heard: Heard) -> _Found:
    """The spiking layers inside `node`, and the weights nearest to what it puts out; `heard` is what drives it."""
    if isinstance(node, _NO_LAYERS):
        return [], heard.weights
    if isinstance(node, Stateless | Stateful):
        return _walk(node.layer, f"{path}.layer", _then(get, lambda m: m.layer), heard)
    if isinstance(node, Graph):
        return _in_graph(node, path, get, heard)
    if isinstance(node, Recurrent):
        return _in_recurrent(node, path, get, heard)
    if isinstance(node, Parallel | Residual):
        return _in_branches(node, path, get, heard)
    if isinstance(node, Sequential | tuple | list | dict):
        return _one_after_another(node, path, get, heard)
    if isinstance(node, Probe):  # firing rates list it by its own name, or as what it is
        found, weights = _walk(node.cell, f"{path}.cell", _then(get, lambda m: m.cell), heard)
        name = node.name or type_name(node)
        return [Place(name, place.get, place.heard) for place in found], weights
    if is_neuron_cell(node) or isinstance(node, AbstractWholeSequenceCell):
        return _at_neuron(node, path, get, heard)
    if isinstance(node, AbstractCell):
        return _one_after_another(node, path, get, heard)
    if isinstance(node, eqx.Module) and _has_weights(node):
        return [], (Weights(path, get),)
    return [], heard.weights


def _at_neuron(node: AbstractCell, path: str, get: _Get, heard: Heard) -> _Found:
    own = (Weights(path, get),) if _has_weights(node) else ()
    if not is_spiking(node):
        return [], own or heard.weights
    place, kind = path.removeprefix("."), type_name(node)
    heard = Heard(own, heard.feedback) if own else heard
    return [Place(f"{place} ({kind})" if place else kind, get, heard)], heard.weights


def _one_after_another(node: Any, path: str, get: _Get, heard: Heard) -> _Found:
    """A chain; the fields of a cell of the user's own are taken for one, in their order."""
    found = []
    for child, child_path, child_get in _children(node, path, get):
        inner, weights = _walk(child, child_path, child_get, heard)
        found += inner
        if weights != heard.weights or inner:  # what came back from a step before is now behind
            heard = Heard(weights)
    return found, heard.weights


def _in_branches(node: Parallel | Residual, path: str, get: _Get, heard: Heard) -> _Found:
    """Branches with one input. Weights of their own, if there are any, are what their sum is scaled by."""
    found, own, passed = [], [], []
    if isinstance(node, Parallel):
        branches = list(_children(node.branches, f"{path}.branches", _then(get, lambda m: m.branches)))
    else:
        branches = [child for child in _children(node, path, get) if child[0] is not None]
    for child, child_path, child_get in branches:
        inner, weights = _walk(child, child_path, child_get, heard)
        found += inner
        (passed if weights == heard.weights else own).extend(weights)
    return found, tuple(own or heard.weights)


def _in_recurrent(node: Recurrent, path: str, get: _Get, heard: Heard) -> _Found:
    back_places, back = _walk(node.feedback, f"{path}.feedback", _then(get, lambda m: m.feedback), Heard())
    heard = Heard(heard.weights, heard.feedback + back)
    found, weights = _walk(node.cell, f"{path}.cell", _then(get, lambda m: m.cell), heard)
    return found + back_places, weights


def _in_graph(graph: Graph, path: str, get: _Get, heard: Heard) -> _Found:
    nodes = {
        child_path: (child, child_get)
        for child, child_path, child_get in _children(graph.nodes, f"{path}.nodes", _then(get, lambda m: m.nodes))
    }
    put_out: dict[str, tuple[Weights, ...]] = dict.fromkeys(graph.inputs, heard.weights)

    def drives(target: str) -> Heard:
        weights, feedback = [], []
        for edge in graph.edges:
            source = edge.source.partition(".")[0]
            if edge.target.partition(".")[0] != target:
                continue
            if source in put_out:
                weights += [w for w in put_out[source] if w not in weights]
            else:  # it runs later, and is heard a step late
                later = f"{path}.nodes[{source!r}]"
                feedback += _walk(nodes[later][0], later, nodes[later][1], Heard())[1]
        return Heard(tuple(weights), tuple(feedback))

    found = []
    for name in graph.run_order:
        child_path = f"{path}.nodes[{name!r}]"
        child, child_get = nodes[child_path]
        inner, put_out[name] = _walk(child, child_path, child_get, drives(name))
        found += inner
    outs = [w for name in graph.outputs for w in drives(name).weights]
    return found, tuple(dict.fromkeys(outs))
