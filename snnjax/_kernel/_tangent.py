"""The derivative of a step: what must be kept of the step, and the linear rest."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import _primitive
from .._primitive import as_one_step
from ._cut import smallest_cut
from ._trace import leading_to, part, traced, variables
from ._weights import Product
from .residuals import AbstractResiduals, ExactResiduals

Flat = list[Any]
Kept = dict[Any, Flat]


def is_inexact(a: Any) -> bool:
    return jnp.issubdtype(a.dtype, jnp.inexact)


class MixedError(Exception):
    """An operation that computes values together with tangents, such as a loop, stands in the way."""


class Tangent:
    """The derivative of a step from lists of (constants, state, x) to the state, the outputs and `factors`.

    `moving`: which constants, state and x have a tangent. The factors have none, and are kept.
    """

    def __init__(
        self,
        step: Callable,
        args: Sequence[Flat],
        moving: Sequence[Sequence[bool]],
        lead: int,
        steps: int,
        again: bool,
        residuals: AbstractResiduals,
    ):
        flat, self._moving = jax.tree.leaves(args), jax.tree.leaves(moving)
        self._lead, self._steps, self._residuals = lead, steps, residuals
        shape = jax.tree.structure(tuple(args))

        def both(primals: Flat, tangents: Flat) -> tuple:
            def of(*changing: Any) -> tuple[tuple, tuple]:
                values = iter(changing)
                merged = [next(values) if m else p for m, p in zip(self._moving, primals, strict=True)]
                state, outs, factors = step(*jax.tree.unflatten(shape, merged))
                return ([s for s in state if is_inexact(s)], [o for o in outs if is_inexact(o)]), (state, outs, factors)

            _, tangents, primals = jax.jvp(of, self._changing(primals), tangents, has_aux=True)
            return primals, tangents

        structure = None

        def flat_both(primals: Flat, tangents: Flat) -> Flat:
            nonlocal structure
            leaves, structure = jax.tree.flatten(both(primals, tangents))
            return leaves

        closed = traced(flat_both, flat, self._changing(flat))
        self._jaxpr, self._consts = closed.jaxpr, closed.consts
        (self._state, self._outs, factors), (self._d_state, self._d_outs) = jax.tree.unflatten(
            structure, closed.jaxpr.outvars
        )
        self._primals, self._tangents = closed.jaxpr.invars[: len(flat)], closed.jaxpr.invars[len(flat) :]
        first_state, first_x = len(args[0]), len(args[0]) + len(args[1])
        self._constants = [*closed.jaxpr.constvars, *self._primals[:first_state]]
        self._states, self._x = self._primals[first_state:first_x], self._primals[first_x:]
        self.factors, kept = factors, variables(factors)
        primal, needed = self._parted()
        made = {*self._jaxpr.constvars, *self._primals, *(v for eqn in primal for v in eqn.outvars)}
        if not made.issuperset(variables([*self._state, *self._outs, *factors])):
            raise MixedError
        given = self._primals[first_state:]
        cut = given if again else smallest_cut(primal, given, kept, needed)
        #: The variables that are kept of every step.
        self.kept = list(dict.fromkeys([*kept, *cut]))
        at_hand = [*self._constants, *self.kept, *self._tangents]
        _, of_rest = leading_to([*self._d_state, *self._d_outs], self._jaxpr.eqns, at_hand)
        self._read = [v for v in self.kept if v in of_rest]
        #: Factors that are an output of the step before, and which output.
        self._delayed = {
            before: self._outs.index(after)
            for before, after in zip(self._states, self._state, strict=True)
            if before in factors and before not in of_rest and after in self._outs
        }
        self._emitted = [v for v in self.kept if v not in self._x and v not in self._delayed]
        #: Whether an input is kept as it is.
        self.keeps_inputs = any(v in self._x for v in self.kept)

    def _changing(self, args: Sequence[Any]) -> Flat:
        return [a for a, m in zip(args, self._moving, strict=True) if m]

    def _parted(self) -> tuple[list, list]:
        """The operations that no tangent enters, and the variables that the others take from them."""
        linear, primal = set(self._tangents), []
        needed = []
        for eqn in self._jaxpr.eqns:
            used = variables(eqn.invars)
            if linear.isdisjoint(used):
                primal.append(eqn)
            else:
                linear.update(eqn.outvars)
                needed += [v for v in used if v not in linear]
        return primal, [*needed, *(v for v in variables([*self._d_state, *self._d_outs]) if v not in linear)]

    def primal(self, constants: Flat, state: Flat, x: Flat) -> tuple[Flat, Flat]:
        """The step, putting out what must be kept after its own outputs."""
        outs = [*self._state, *self._outs, *self._emitted]
        after = part(self._jaxpr, [*self._jaxpr.constvars, *self._primals], outs)(*self._consts, *constants, *state, *x)
        known = len(state) + len(self._outs)
        emitted = [self._codec(v).encode(a) for v, a in zip(self._emitted, after[known:], strict=True)]
        return after[: len(state)], [*after[len(state) : known], *jax.tree.leaves(emitted)]

    def _codec(self, variable: Any) -> AbstractResiduals:
        """Factors of products, most often spikes, are kept as they are; so is what is no floating-point number."""
        rounded = variable not in self.factors and is_inexact(variable.aval)
        return self._residuals if rounded else ExactResiduals()

    def split(self, outs: Flat, state: Flat, xs: Flat) -> tuple[Flat, Kept]:
        """The step's own outputs, and all that is kept: what was put out for it, and what there is anyhow."""
        left = iter(outs[len(self._outs) :])
        kept = {v: [next(left) for _ in range(self._parts(v))] for v in self._emitted}
        first = dict(zip(self._states, state, strict=True))
        kept |= {v: [outs[i], as_one_step(first[v])] for v, i in self._delayed.items()}
        kept |= {v: [x] for v, x in zip(self._x, xs, strict=False)}  # of taps there is only the tangent
        return outs[: len(self._outs)], kept

    def over_all_steps(self, product: Product, factor: Any, kept: Kept, weights: jax.Array) -> jax.Array:
        """A product with other weights, for all steps."""
        terms = [product.over_all_steps(a, weights) for a in kept[factor]]
        return _delay(*terms) if factor in self._delayed else terms[0]

    def _parts(self, variable: Any) -> int:
        return len(jax.eval_shape(self._codec(variable).encode, variable.aval))

    def run(self, constants: Flat, kept: Kept, d_constants: Flat, d_state: Flat, d_xs: Flat) -> tuple[Flat, Flat]:
        """The tangents of the state after all steps, and of the outputs; of what can have one."""
        given = [*self._constants, *self._read, *self._tangents]
        rest = part(self._jaxpr, given, [*self._d_state, *self._d_outs])
        known = len(self._consts) + len(constants)
        arrays, structure = jax.tree.flatten([kept[v] for v in self._read])

        def body(constants: Flat, d_state: Flat, x: Flat) -> tuple[Flat, Flat]:
            d_x, parts = x[: len(d_xs)], jax.tree.unflatten(structure, x[len(d_xs) :])
            again = [
                parts[i][0] if v not in self._emitted else self._codec(v).decode(parts[i], v.aval)
                for i, v in enumerate(self._read)
            ]
            out = rest(*constants[:known], *again, *constants[known:], *d_state, *d_x)
            return out[: len(d_state)], out[len(d_state) :]

        linear = _primitive.Linear(
            (False,) * known + (True,) * len(d_constants), (True,) * len(d_xs) + (False,) * len(arrays)
        )
        every = [*self._consts, *constants, *d_constants]
        return _primitive.run(body, every, d_state, [*d_xs, *arrays], steps=self._steps, lead=self._lead, linear=linear)


def _delay(stacked: jax.Array, first: jax.Array) -> jax.Array:
    """`first` and all but the last of `stacked`; by padding, which leaves the batch of a `jax.vmap` where it is."""

    def pad(a: jax.Array, before: int, after: int) -> jax.Array:
        return jax.lax.pad(a, jnp.zeros((), a.dtype), [(before, after, 0), *[(0, 0, 0)] * (a.ndim - 1)])

    return pad(stacked, 1, -1) + pad(first, 0, len(stacked) - 1)
