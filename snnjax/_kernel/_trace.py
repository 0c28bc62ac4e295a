"""A step as a list of operations, parted into those that are the same in every step and those that are not."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np
from jax.typing import ArrayLike

from ._base import Step

# Calls that only group operations; they are opened, so that each operation can be looked at.
_GROUPS = {"jit", "pjit", "closed_call"}


class Loop:
    """A step, traced once.

    `invariants()` computes what is the same in every step, outside of the loop; `step(invariants, state, x)` is the
    rest, on lists of leaves.
    """

    def __init__(self, step: Step, state: Any, x: Any):
        leaves, self.inputs = jax.tree.flatten((state, x))
        self.state_size = len(jax.tree.leaves(state))

        def flat(*leaves: Any) -> list:
            out, self.outputs = jax.tree.flatten(step(*jax.tree.unflatten(self.inputs, leaves)))
            return out

        closed = jax.make_jaxpr(flat)(*leaves)
        # Traced again with all groups opened.
        closed = jax.make_jaxpr(lambda *args: _open(closed, args))(*leaves)
        self.jaxpr, self._consts = closed.jaxpr, closed.consts
        known = set(self.jaxpr.constvars)
        self._before, self.body = [], []
        for eqn in self.jaxpr.eqns:
            invars = variables(eqn.invars)
            if invars and known.issuperset(invars) and not eqn.effects and not _grows(eqn):
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
            outs = _bind(self.jaxpr, eqn, args)
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
    return sum(np.prod(v.aval.shape, dtype=int) for v in eqn.outvars) > taken


def _open(closed: Any, args: Sequence[ArrayLike]) -> list:
    values = dict(zip([*closed.jaxpr.constvars, *closed.jaxpr.invars], [*closed.consts, *args], strict=True))
    for eqn in closed.jaxpr.eqns:
        inputs = [_read(values, v) for v in eqn.invars]
        if eqn.primitive.name in _GROUPS:
            outs = _open(eqn.params.get("jaxpr") or eqn.params["call_jaxpr"], inputs)
        else:
            outs = _bind(closed.jaxpr, eqn, inputs)
        values.update(zip(eqn.outvars, outs, strict=True))
    return [_read(values, v) for v in closed.jaxpr.outvars]


def _bind(jaxpr: Any, eqn: Any, args: Sequence[Any]) -> list:
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
