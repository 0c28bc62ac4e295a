"""Who hears whom in a graph: which edges are a step late, what runs together, and in which order."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple


class Wire(NamedTuple):
    """A connection between nodes by name. `waits`: what is heard is at least one step old."""

    source: str
    target: str
    waits: bool


class Wiring(NamedTuple):
    """How a graph is run.

    `groups`: nodes that run together, in the order in which they run; those of a circle, or one that is in none.
    `circles`: the groups that hear themselves, and are stepped. `late`: for every wire, whether it passes on what its
    source put out in the step before.
    """

    groups: tuple[tuple[str, ...], ...]
    circles: frozenset[tuple[str, ...]]
    late: tuple[bool, ...]


@lru_cache
def wire_up(names: tuple[str, ...], wires: tuple[Wire, ...]) -> Wiring:
    """Nodes in their given order, so far as nothing has to run before what it hears in the same step.

    Where nodes hear each other in a circle without a delay, an edge from a node to an earlier one, or to itself, is a
    step late.
    """
    place = {name: i for i, name in enumerate(names)}
    reached = _reached(names, wires)
    at_once = [w for w in wires if not w.waits]
    reached_at_once = _reached(names, at_once)

    def is_late(w: Wire) -> bool:
        in_circle = w.source == w.target or w.source in reached_at_once[w.target]
        return not w.waits and in_circle and place[w.source] >= place[w.target]

    late = tuple(map(is_late, wires))
    before: dict[str, set[str]] = {name: set() for name in names}
    for w, is_late_wire in zip(wires, late, strict=True):
        if not (w.waits or is_late_wire):
            before[w.target].add(w.source)
    groups: list[tuple[str, ...]] = []
    grouped = {name: frozenset({name, *(o for o in reached[name] if name in reached[o])}) for name in names}
    heard = {name: {w.source for w in wires if w.target == name} for name in names}
    left = list(dict.fromkeys(grouped[name] for name in names))
    done: set[str] = set()
    while left:
        # The first group that hears nothing which has not run; there is one, because groups are whole circles.
        group = next(g for g in left if set().union(*(heard[name] for name in g)) <= done | g)
        left.remove(group)
        groups.append(_sorted([name for name in names if name in group], before))
        done |= group
    return Wiring(tuple(groups), frozenset(g for g in groups if g[0] in reached[g[0]]), late)


def _reached(names: Iterable[str], wires: Iterable[Wire]) -> dict[str, set[str]]:
    """The nodes that what each puts out can reach."""
    following: dict[str, set[str]] = {name: set() for name in names}
    for w in wires:
        following[w.source].add(w.target)
    found = {}
    for name in following:
        todo, seen = [name], set()
        while todo:
            new = following[todo.pop()] - seen
            seen |= new
            todo += new
        found[name] = seen
    return found


def _sorted(names: list[str], before: dict[str, set[str]]) -> tuple[str, ...]:
    """In the given order, but after what has to run before."""
    ordered: list[str] = []
    while len(ordered) < len(names):
        ordered.append(next(n for n in names if n not in ordered and before[n].intersection(names) <= set(ordered)))
    return tuple(ordered)
