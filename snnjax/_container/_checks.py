"""What a graph can be made of."""

from typing import Any

from .._errors import InputError
from ._edge import node_of, part_of


def names_of(field: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise InputError(f"Graph.{field} was given {given!r}; it takes a sequence of names, such as `({given!r},)`.")
    return tuple(given)


def check(graph: Any) -> None:
    """Every name exists once, and is heard or hears something."""
    names = [*graph.inputs, *graph.order, *graph.outputs]
    for name in names:
        if not isinstance(name, str) or not name or "." in name or names.count(name) > 1:
            raise InputError(
                f"Graph was given the name {name!r}; names of nodes, inputs and outputs are strings without a dot, and "
                f"each stands for one of them."
            )
    for edge in graph.edges:
        for what, end, accepted in (
            ("source", edge.source, (*graph.inputs, *graph.order)),
            ("target", edge.target, (*graph.order, *graph.outputs)),
        ):
            if node_of(end) not in accepted:
                raise InputError(
                    f"edge {edge} was given the {what} {node_of(end)!r}; it takes one of {', '.join(accepted)}."
                )
        if part_of(edge.target) and node_of(edge.target) in graph.outputs:
            raise InputError(f"edge {edge}: an output has no parts. Give the graph one more of `outputs`.")
    for name in (*graph.order, *graph.outputs):
        parts = {part_of(graph.edges[i].target) for i in graph.hears(name)}
        if not parts:
            raise InputError(f"{name!r} hears nothing. Add an edge to it, such as `({names[0]!r}, {name!r})`.")
        if "" in parts and len(parts) > 1:
            named = ", ".join(sorted(parts - {""}))
            raise InputError(f"{name!r} hears both as a whole and by its parts {named}; it takes one of the two.")
    for name in graph.inputs:
        if not any(node_of(edge.source) == name for edge in graph.edges):
            raise InputError(f"nothing hears the input {name!r}. Add an edge from it, or leave it out of `inputs`.")
    for name in graph.joins:
        if name not in (*graph.order, *graph.outputs):
            raise InputError(f"joins names {name!r}; it takes {', '.join((*graph.order, *graph.outputs))}.")
