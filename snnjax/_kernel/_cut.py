"""What a loop keeps of every step: the fewest bytes from which all that the gradient needs can be computed again."""

import math
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from ._trace import variables

# Not worth computing twice.
_DEAR = {"dot_general", "conv_general_dilated", "sort", "cumsum", "random_bits", "threefry2x32", "scan", "while"}
_DEAR |= {"snnjax_loop", "snnjax_rows", "snnjax_rows_tangent", "snnjax_outer", "snnjax_gather", "snnjax_scatter"}


def smallest_cut(eqns: Sequence[Any], given: Sequence[Any], kept: Sequence[Any], needed: Sequence[Any]) -> list:
    """The variables to keep.

    **Arguments:**

    - `eqns`: the operations of a step, in order.
    - `given`: the variables that come into a step and must be kept if they are to be known again.
    - `kept`: those that are kept in any case.
    - `needed`: those that must be known again.

    What depends on none of the given variables is free. The cut is the minimum vertex cut of the graph of the step
    between the given and the needed variables, by augmenting paths; of several it is the one closest to what is needed.
    """
    source, sink = "source", "sink"
    capacity: dict[Any, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    made = {v: eqn for eqn in eqns for v in eqn.outvars}
    touched = dict.fromkeys(given)  # in order, so that equal steps are cut equally
    for eqn in eqns:
        if any(v in touched for v in variables(eqn.invars)):
            touched.update(dict.fromkeys(eqn.outvars))
    for v in touched:
        # A variable is an edge between two nodes, whose capacity is what keeping it costs.
        cost = 0 if v in kept else max(math.prod(v.aval.shape), 1) * v.aval.dtype.itemsize
        capacity[v, "in"][v, "out"] = cost
        eqn = made.get(v)
        if eqn is None or is_dear(eqn):
            capacity[source][v, "in"] = math.inf
        if eqn is not None:
            for u in variables(eqn.invars):
                if u in touched:
                    capacity[u, "out"][v, "in"] = math.inf
    for v in needed:
        if v in touched:
            capacity[v, "out"][sink] = math.inf
    while (path := _path(capacity, source, sink)) is not None:
        width = min(capacity[a][b] for a, b in path)
        for a, b in path:
            capacity[a][b] -= width
            capacity[b][a] += width
    reaching = _reaching(capacity, sink)
    return [v for v in touched if (v, "out") in reaching and (v, "in") not in reaching]


def is_dear(eqn: Any) -> bool:
    """Whether it is better kept than computed again."""
    if eqn.effects or eqn.primitive.name in _DEAR:
        return True
    inner = (getattr(param, "jaxpr", None) for param in eqn.params.values())
    return any(is_dear(e) for jaxpr in inner if jaxpr is not None for e in jaxpr.eqns)


def _path(capacity: dict, source: Any, sink: Any) -> list | None:
    came_from, queue = {source: None}, deque([source])
    while queue:
        a = queue.popleft()
        for b, c in list(capacity[a].items()):
            if c > 0 and b not in came_from:
                came_from[b] = a
                queue.append(b)
    if sink not in came_from:
        return None
    path, b = [], sink
    while (a := came_from[b]) is not None:
        path.append((a, b))
        b = a
    return path


def _reaching(capacity: dict, sink: Any) -> set:
    into = defaultdict(list)
    for a, edges in capacity.items():
        for b, c in edges.items():
            if c > 0:
                into[b].append(a)
    found, queue = {sink}, deque([sink])
    while queue:
        for a in into[queue.popleft()]:
            if a not in found:
                found.add(a)
                queue.append(a)
    return found
