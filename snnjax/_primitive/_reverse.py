"""The step of a loop, transposed: what the loop does in each step on its way back."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.extend.core as jex
import jax.numpy as jnp


class Linear(NamedTuple):
    """Which constants and which x a loop is linear in; it is then linear in all of the carry."""

    constants: tuple[bool, ...]
    xs: tuple[bool, ...]

    def flags(self, carry: int) -> list[bool]:
        return [*self.constants, *[True] * carry, *self.xs]


def split(args: Sequence[Any], first: int, second: int) -> tuple[list, list, list]:
    """So many, so many more, and the rest."""
    return list(args[:first]), list(args[first : first + second]), list(args[first + second :])


class Total(NamedTuple):
    """The cotangent of a constant, added up over the steps.

    Where that of one step is itself a sum over `axes` (a number that all neurons share), the steps add up what it sums:
    one more array to add in a step that goes through such arrays anyhow takes less time than a reduction.
    """

    shape: tuple[int, ...]
    dtype: Any
    axes: tuple[int, ...]

    def finish(self, total: jax.Array) -> jax.Array:
        return total.sum(self.axes) if self.axes else total


class Transposed(NamedTuple):
    """`step`: from (known constants, cotangents of the carry, totals, cotangents put out, known xs) to (cotangents of
    the carry, totals, cotangents of xs)."""

    step: Any
    totals: tuple[Total, ...]
    linear: Linear


@lru_cache
def transposed(
    jaxpr: Any, constants: int, carry: int, linear: Linear, asked: tuple[bool, ...], heard: tuple[bool, ...]
) -> Transposed:
    """`asked`: the arguments whose cotangents are wanted; `heard`: which of what is put out has one."""
    step = jex.jaxpr_as_fun(jaxpr)
    avals = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in jaxpr.in_avals]
    at_constants, at_carry, at_xs = split(range(len(avals)), constants, carry)
    sums, ct_xs = ([i for i in part if asked[i]] for part in (at_constants, at_xs))
    flags = linear.flags(carry)
    known_constants, known_xs = ([i for i in part if not flags[i]] for part in (at_constants, at_xs))
    outs = [i for i, h in enumerate(heard) if h]
    unknown = [*sums, *at_carry, *ct_xs]

    def once(values: list, ct_carry: list, ct_outs: list, x: list) -> tuple:
        ct_ys = dict(zip(outs, ct_outs, strict=True))
        given = dict(zip([*known_constants, *known_xs], [*values, *x], strict=True))

        def of(*moving: Any) -> list:
            every = given | dict(zip(unknown, moving, strict=True))
            return step(*(every[i] if i in every else _zeros(a) for i, a in enumerate(avals)))

        every = [*ct_carry, *(ct_ys.get(i, _zeros(a)) for i, a in enumerate(jaxpr.out_avals[carry:]))]
        return jax.linear_transpose(of, *(avals[i] for i in unknown))(every)

    given = [
        [avals[i] for i in known_constants],
        [avals[i] for i in at_carry],
        [jax.ShapeDtypeStruct(a.shape, a.dtype) for i, a in enumerate(jaxpr.out_avals[carry:]) if heard[i]],
        [avals[i] for i in known_xs],
    ]
    closed = jax.make_jaxpr(once)(*given)
    found = [_summed(closed.jaxpr, v) for v in closed.jaxpr.outvars[: len(sums)]]
    totals = tuple(Total(terms[0].aval.shape, terms[0].aval.dtype, axes) for terms, axes in found)
    every = [*(v for terms, _ in found for v in terms), *closed.jaxpr.outvars[len(sums) :]]
    unnamed = closed.jaxpr.debug_info.with_unknown_names()
    parts = jex.jaxpr_as_fun(jex.ClosedJaxpr(closed.jaxpr.replace(outvars=every, debug_info=unnamed), closed.consts))

    def back(values: list, ct_carry: list, so_far: list, ct_outs: list, x: list) -> list:
        made = iter(parts(*values, *ct_carry, *ct_outs, *x))
        added = [sum((next(made) for _ in terms), start) for start, (terms, _) in zip(so_far, found, strict=True)]
        rest = list(made)
        return [*rest[:carry], *added, *rest[carry:]]

    given.insert(2, [jax.ShapeDtypeStruct(total.shape, total.dtype) for total in totals])
    return Transposed(
        jax.make_jaxpr(back)(*given),
        totals,
        Linear((False,) * len(known_constants), (True,) * len(outs) + (False,) * len(known_xs)),
    )


def _summed(jaxpr: Any, variable: Any) -> tuple[list, tuple[int, ...]]:
    """Variables of one shape, and axes: `variable` is the sum over all of that."""
    made = {v: eqn for eqn in jaxpr.eqns for v in eqn.outvars}
    terms, todo = [], [variable]
    while todo:
        eqn = None if isinstance(todo[0], jex.Literal) else made.get(todo[0])
        if eqn is not None and eqn.primitive.name == "add_any":
            todo[:1] = eqn.invars
        elif eqn is not None and eqn.primitive.name == "reduce_sum":
            terms.append((eqn.invars[0], tuple(map(int, eqn.params["axes"]))))
            todo.pop(0)
        else:
            return [variable], ()
    if len({(v.aval.shape, v.aval.dtype, axes) for v, axes in terms}) > 1:
        return [variable], ()
    return [v for v, _ in terms], terms[0][1]


def _zeros(aval: Any) -> jax.Array:
    return jnp.zeros(aval.shape, aval.dtype)
