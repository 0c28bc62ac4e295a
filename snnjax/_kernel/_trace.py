"""A step as a list of operations, parted into those that are the same in every step and those that are not."""

import functools
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np

from ._base import Step

#: Calls that only group operations; they are opened, so that each operation can be looked at.
GROUPS = frozenset({"jit", "pjit", "closed_call"})

#: Computes a traced function from its arguments, one operation after the other.
Opening = Callable[[Any, Sequence[Any]], list]


class Loop:
    """A step, traced once.

    `invariants()` computes what is the same in every step, outside of the loop; `step(invariants, state, x)` is the
    rest, on lists of leaves. `opening` opens calls in the step. What is larger than what it is made of is computed outside
    only with `grown`.
    """

    def __init__(self, step: Step, state: Any, x: Any, opening: Opening | None = None, grown: bool = False):
        leaves, self.inputs = jax.tree.flatten((state, x))
        self.state_size = len(jax.tree.leaves(state))

        def flat(*leaves: Any) -> list:
            out, self.outputs = jax.tree.flatten(step(*jax.tree.unflatten(self.inputs, leaves)))
            return out

        closed = jax.make_jaxpr(flat)(*leaves)
        # Traced again with all groups opened.
        opening = opening or functools.partial(opened, groups=GROUPS)
        closed = jax.make_jaxpr(lambda *args: opening(closed, args))(*leaves)
        self.jaxpr, self._consts = closed.jaxpr, closed.consts
        known = set(self.jaxpr.constvars)
        self._before, self.body = [], []
        for eqn in self.jaxpr.eqns:
            invars = variables(eqn.invars)
            if invars and known.issuperset(invars) and not eqn.effects and (grown or not _grows(eqn)):
                self._before.append(eqn)
                known.update(eqn.outvars)
            else:
                self.body.append(eqn)
        used = [v for eqn in self.body for v in variables(eqn.invars)] + variables(self.jaxpr.outvars)
        #: The variables that the body takes from outside of the loop.
        self.known = list(dict.fromkeys(v for v in used if v in known))

    def invariants(self) -> list[jax.Array]:
        values = dict(zip(self.jaxpr.constvars, self._consts, strict=True))
        self.run(self._before, values)
        return [values[v] for v in self.known]

    def begin(self, invariants: Sequence[Any], state: Sequence[Any], x: Sequence[Any]) -> dict:
        """The values of the variables before the body runs."""
        return dict(zip([*self.known, *self.jaxpr.invars], [*invariants, *state, *x], strict=True))

    def end(self, values: dict) -> tuple[list, list]:
        """The state after the body, and the outputs."""
        outs = [_read(values, v) for v in self.jaxpr.outvars]
        return outs[: self.state_size], outs[self.state_size :]

    def step(self, invariants: Sequence[Any], state: Sequence[Any], x: Sequence[Any]) -> tuple[list, list]:
        values = self.begin(invariants, state, x)
        self.run(self.body, values)
        return self.end(values)

    def run(self, eqns: Iterable[Any], values: dict, then: Callable[[Any, list, list], list] | None = None) -> None:
        """Compute operations one after the other; `then` may change what one puts out."""
        for eqn in eqns:
            args = [_read(values, v) for v in eqn.invars]
            outs = bound(self.jaxpr, eqn, args)
            if then is not None:
                outs = then(eqn, args, outs)
            values.update(zip(eqn.outvars, outs, strict=True))


def variables(atoms: Iterable[Any]) -> list:
    return [a for a in atoms if not isinstance(a, jex.Literal)]


def _read(values: dict, atom: Any) -> Any:
    return atom.val if isinstance(atom, jex.Literal) else values[atom]


def _grows(eqn: Any) -> bool:
    """Whether the result takes more memory than what it is made of, so that it is better made where it is used."""
    taken = max((np.prod(v.aval.shape, dtype=int) for v in eqn.invars), default=0)
    return bool(sum(np.prod(v.aval.shape, dtype=int) for v in eqn.outvars) > taken)


def opened(closed: Any, args: Sequence[Any], groups: Set[str], bind: Callable[[Any, Any, list], list] | None = None) -> list:
    """The results of a traced function, computed without the calls named in `groups`; `bind` computes one operation."""
    bind = bind or bound
    values = dict(zip([*closed.jaxpr.constvars, *closed.jaxpr.invars], [*closed.consts, *args], strict=True))
    for eqn in closed.jaxpr.eqns:
        inputs = [_read(values, v) for v in eqn.invars]
        name = eqn.primitive.name
        if name not in groups or (name == "scan" and not _only_carries(eqn)):
            outs = bind(closed.jaxpr, eqn, inputs)
        elif name == "scan":
            outs = inputs[len(inputs) - len(eqn.outvars) :]
            for _ in range(eqn.params["length"]):
                outs = opened(_held(eqn), [*inputs[: len(inputs) - len(outs)], *outs], groups, bind)
        else:
            outs = opened(_held(eqn), inputs, groups, bind)
        values.update(zip(eqn.outvars, outs, strict=True))
    return [_read(values, v) for v in closed.jaxpr.outvars]


def _held(eqn: Any) -> Any:
    """The traced function that a call holds."""
    held = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
    return held if isinstance(held, jex.ClosedJaxpr) else jex.ClosedJaxpr(held, [])


def _only_carries(scan: Any) -> bool:
    """Whether a loop passes values on, but neither goes through an array nor makes one."""
    body = _held(scan)
    pairs = [*zip(scan.invars, body.in_avals, strict=True), *zip(scan.outvars, body.out_avals, strict=True)]
    return all(variable.aval.shape == aval.shape for variable, aval in pairs)


def bound(jaxpr: Any, eqn: Any, args: Sequence[Any]) -> list:
    """The results of one operation."""
    if not any(callable(p) or isinstance(p, jex.Jaxpr | jex.ClosedJaxpr) for p in eqn.params.values()):
        outs = eqn.primitive.bind(*args, **eqn.params)
        return list(outs) if eqn.primitive.multiple_results else [outs]
    # An operation that holds functions, such as a custom derivative, is only understood by JAX itself.
    values = {v: a for v, a in zip(eqn.invars, args, strict=True) if not isinstance(v, jex.Literal)}
    kept = [v for v in eqn.outvars if not _is_dropped(v)]
    unnamed = jaxpr.debug_info.with_unknown_names()
    one = jaxpr.replace(
        constvars=[], invars=list(values), outvars=kept, eqns=[eqn], effects=eqn.effects, debug_info=unnamed
    )
    outs = iter(jex.jaxpr_as_fun(jex.ClosedJaxpr(one, []))(*values.values()))
    return [None if _is_dropped(v) else next(outs) for v in eqn.outvars]


def _is_dropped(variable: Any) -> bool:
    return type(variable).__name__ == "DropVar"
