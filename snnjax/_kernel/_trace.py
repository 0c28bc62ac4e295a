"""A step as a list of operations, parted into those that are the same in every step and those that are not."""

import functools
import math
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

import jax
import jax.extend.core as jex

from ._base import Step

#: Calls that only group operations; they are opened, so that each operation can be looked at.
GROUPS = frozenset({"jit", "pjit", "closed_call"})

#: Computes a traced function from its arguments, one operation after the other.
Opening = Callable[[Any, Sequence[Any]], list]


class Loop:
    """A step, traced once.

    `invariants()` computes what is the same in every step, outside of the loop; `step` is the rest, on lists of leaves.
    `opening` opens calls in the step. What is larger than what it is made of is computed outside only with `grown`.
    """

    def __init__(self, step: Step, state: Any, x: Any, opening: Opening | None = None, grown: bool = False):
        leaves, self.inputs = jax.tree.flatten((state, x))
        self.outputs: Any = None
        self.state_size = len(jax.tree.leaves(state))

        def flat(*leaves: Any) -> list:
            out, self.outputs = jax.tree.flatten(step(*jax.tree.unflatten(self.inputs, leaves)))
            return out

        closed = traced(flat, *leaves, opening=opening)
        self.jaxpr, self._consts = closed.jaxpr, closed.consts
        known = set(self.jaxpr.constvars)
        self.before, self.body = [], []
        for eqn in self.jaxpr.eqns:
            invars = variables(eqn.invars)
            if invars and known.issuperset(invars) and not eqn.effects and (grown or not _grows(eqn)):
                self.before.append(eqn)
                known.update(eqn.outvars)
            else:
                self.body.append(eqn)
        used = [v for eqn in self.body for v in variables(eqn.invars)] + variables(self.jaxpr.outvars)
        #: The variables that the body takes from outside of the loop.
        self.known = list(dict.fromkeys(v for v in used if v in known))

    @property
    def is_opaque(self) -> bool:
        """Whether a step has effects, or operations (loops, branches) that are differentiated as a whole."""
        return bool(self.jaxpr.effects) or any(
            _holds_functions(eqn) and eqn.primitive.name != "custom_jvp_call" for eqn in self.body
        )

    def invariants(self) -> list[jax.Array]:
        return part(self.jaxpr, self.jaxpr.constvars, self.known, self.before)(*self._consts)

    def values(
        self,
        invariants: Sequence[Any],
        state: Sequence[Any],
        x: Sequence[Any],
        alter: dict[Any, Callable] | None = None,
    ) -> dict:
        """The values of all variables of a step; `alter` changes some of them when they are computed."""
        values = dict(zip([*self.known, *self.jaxpr.invars], [*invariants, *state, *x], strict=True))
        for eqn in self.body:
            outs = bound(self.jaxpr, eqn, [read(values, v) for v in eqn.invars])
            for v, out in zip(eqn.outvars, outs, strict=True):
                values[v] = alter[v](out) if alter and v in alter else out
        return values

    def ends(self, values: dict) -> tuple[list, list]:
        """The state after a step, and the outputs."""
        outs = [read(values, v) for v in self.jaxpr.outvars]
        return outs[: self.state_size], outs[self.state_size :]


def part(jaxpr: jex.Jaxpr, given: Sequence[Any], wanted: Sequence[Any], eqns: Iterable[Any] | None = None) -> Callable:
    """A function from values of the variables `given` to those of `wanted`, by the operations that this takes."""
    kept, _ = leading_to(wanted, jaxpr.eqns if eqns is None else eqns, given)
    return jex.jaxpr_as_fun(jex.ClosedJaxpr(_with(jaxpr, list(given), kept, list(wanted)), []))


def leading_to(wanted: Iterable[Any], eqns: Iterable[Any], given: Iterable[Any] = ()) -> tuple[list, set]:
    """The operations, in order, by which the variables `wanted` are computed from `given`; and all variables in it.

    Operations with effects are always among them.
    """
    needed, kept, known = set(variables(wanted)), [], set(given)
    for eqn in reversed(list(eqns)):
        if eqn.effects or any(v in needed and v not in known for v in eqn.outvars):
            kept.append(eqn)
            needed.update(variables(eqn.invars))
    return kept[::-1], needed


def _with(jaxpr: jex.Jaxpr, invars: list, eqns: list, outvars: list) -> jex.Jaxpr:
    effects = set().union(*(eqn.effects for eqn in eqns))
    unnamed = jaxpr.debug_info.with_unknown_names()
    return jaxpr.replace(constvars=[], invars=invars, outvars=outvars, eqns=eqns, effects=effects, debug_info=unnamed)


def variables(atoms: Iterable[Any]) -> list:
    return [a for a in atoms if not isinstance(a, jex.Literal)]


def read(values: dict, atom: Any) -> Any:
    return atom.val if isinstance(atom, jex.Literal) else values[atom]


def _grows(eqn: Any) -> bool:
    """Whether the result takes more memory than what it is made of, so that it is better made where it is used."""
    taken = max((math.prod(v.aval.shape) for v in eqn.invars), default=0)
    return sum(math.prod(v.aval.shape) for v in eqn.outvars) > taken


def traced(function: Callable, *args: Any, opening: Opening | None = None) -> jex.ClosedJaxpr:
    """The operations of a function, without groups."""
    closed = jax.make_jaxpr(function)(*args)
    opening = opening or functools.partial(opened, groups=GROUPS)
    return jax.make_jaxpr(lambda *leaves: opening(closed, leaves))(*jax.tree.leaves(args))


def opened(
    closed: Any, args: Sequence[Any], groups: Set[str], bind: Callable[[Any, Any, list], list] | None = None
) -> list:
    """The results of a traced function, computed without the calls named in `groups`; `bind` computes one operation."""
    bind = bind or bound
    values = dict(zip([*closed.jaxpr.constvars, *closed.jaxpr.invars], [*closed.consts, *args], strict=True))
    for eqn in closed.jaxpr.eqns:
        inputs = [read(values, v) for v in eqn.invars]
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
    return [read(values, v) for v in closed.jaxpr.outvars]


def _held(eqn: Any) -> Any:
    """The traced function that a call holds."""
    held = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
    return held if isinstance(held, jex.ClosedJaxpr) else jex.ClosedJaxpr(held, [])


def _only_carries(scan: Any) -> bool:
    """Whether a loop passes values on, but neither goes through an array nor makes one."""
    body = _held(scan)
    pairs = [*zip(scan.invars, body.in_avals, strict=True), *zip(scan.outvars, body.out_avals, strict=True)]
    return all(variable.aval.shape == aval.shape for variable, aval in pairs)


def _holds_functions(eqn: Any) -> bool:
    held = (p for param in eqn.params.values() for p in (param if isinstance(param, tuple) else [param]))
    return any(callable(p) or isinstance(p, jex.Jaxpr | jex.ClosedJaxpr) for p in held)


def bound(jaxpr: Any, eqn: Any, args: Sequence[Any]) -> list:
    """The results of one operation."""
    if not _holds_functions(eqn):
        outs = eqn.primitive.bind(*args, **eqn.params)
        return list(outs) if eqn.primitive.multiple_results else [outs]
    # An operation that holds functions, such as a custom derivative, is only understood by JAX itself.
    values = {v: a for v, a in zip(eqn.invars, args, strict=True) if not isinstance(v, jex.Literal)}
    kept = [v for v in eqn.outvars if not _is_dropped(v)]
    one = jex.ClosedJaxpr(_with(jaxpr, list(values), [eqn], kept), [])
    outs = iter(jex.jaxpr_as_fun(one)(*values.values()))
    return [None if _is_dropped(v) else next(outs) for v in eqn.outvars]


def _is_dropped(variable: Any) -> bool:
    return type(variable).__name__ == "DropVar"
