"""The edges of a graph."""

from typing import Any, NamedTuple

import equinox as eqx

from .._delay import AbstractDelay, as_delay
from .._errors import InputError, inside


class Edge(eqx.Module):
    """A connection of a `Graph`.

    **Arguments:**

    - `source`: the name of a node, or of an input of the graph; `"name.part"` for one of several outputs of a node.
    - `target`: the name of a node, or of an output of the graph; `"name.part"` for one of several inputs of a node.
    - `delay`: in steps: a whole number; a fraction, for which two steps are mixed; or a `VariableDelay`, which can be
        trained.

    ```python
    import snnjax as snn

    snn.Edge("inhibitory", "excitatory", delay=2)
    ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    delay: AbstractDelay | None

    def __init__(self, source: str, target: str, delay: Any = 0):
        self.source, self.target = source, target
        with inside(f"edge {source} -> {target}"):
            self.delay = as_delay(delay)

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


class Line(NamedTuple):
    """An edge as it is run: with the delay of one step, if it `closes` a circle."""

    source: str
    target: str
    delay: AbstractDelay | None
    closes: bool

    def __str__(self) -> str:
        part = f" (as {part_of(self.target)})" if part_of(self.target) else ""
        return self.source + part + ("" if self.delay is None else f" {self.delay.age} later")


def node_of(end: str) -> str:
    """The node of an end of an edge, `"node"` or `"node.part"`."""
    return end.partition(".")[0]


def part_of(end: str) -> str:
    return end.partition(".")[2]


def take(edge: Edge, value: Any) -> Any:
    """What an edge takes of what its source puts out."""
    part = part_of(edge.source)
    if not part:
        return value
    if not isinstance(value, dict) or part not in value:
        has = f"puts out {', '.join(value)}" if isinstance(value, dict) else "has one output, without a name"
        raise InputError(f"edge {edge}: {node_of(edge.source)} {has}; there is no {part!r}. Name one that there is.")
    return value[part]
