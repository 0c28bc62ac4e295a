"""The gradient of weights that are used in every step, as one product after the loop.

In a loop that is differentiated step by step, every step adds its outer product to the gradient of a weight matrix. But
these need nothing that only the reverse loop knows in order: with the inputs `u` of a product `u[t] @ W` kept, and the
gradient `g` of its results, the gradient of `W` is `u.T @ g`, one product over all steps.

It is written as a rule for tangents, so that forward mode, and derivatives of derivatives, are as they always are: the
tangent of the product is `u[t] @ dW + du[t] @ W`; the first term is computed for all steps at once and enters the loop from
outside.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from ._trace import Loop, variables


class Product:
    """A product in the body of a loop, of something that changes with weights that do not.

    `weights`: their position among the loop's invariants. `x`: the position of the input that the result is added to
    anyhow, and which is used for nothing else; None if there is none, and zeros must be added to carry the tangent.
    """

    def __init__(self, loop: Loop, eqn: Any):
        self.eqn = eqn
        self.side = 0 if eqn.invars[0] in loop.known else 1
        self.weights = loop.known.index(eqn.invars[self.side])
        self.x = _summand(loop, eqn.outvars[0])

    def over_all_steps(self, inputs: jax.Array, weights: jax.Array) -> jax.Array:
        """`inputs[t] @ weights` for all steps."""

        def one(u: jax.Array) -> jax.Array:
            args = (weights, u) if self.side == 0 else (u, weights)
            return self.eqn.primitive.bind(*args, **self.eqn.params)

        return jax.vmap(one)(inputs)


def _summand(loop: Loop, result: Any) -> int | None:
    """The input that `result` is only ever added to, and that is used for nothing else."""
    xs = loop.jaxpr.invars[loop.state_size :]

    def only_use(variable: Any) -> Any:
        uses = [eqn for eqn in loop.body for v in variables(eqn.invars) if v is variable]
        return uses[0] if len(uses) == 1 and variable not in variables(loop.jaxpr.outvars) else None

    while (eqn := only_use(result)) is not None and eqn.primitive.name == "add":
        other = eqn.invars[1] if eqn.invars[0] is result else eqn.invars[0]
        if other in xs and only_use(other) is eqn:
            return xs.index(other)
        result = eqn.outvars[0]
    return None


def products(loop: Loop) -> list[Product]:
    """The products of the body whose weights' gradients can be taken out of the loop."""
    found = []
    for eqn in loop.body:
        if eqn.primitive.name == "dot_general":
            known = [v in loop.known for v in eqn.invars]
            if sum(known) == 1 and all(jnp.issubdtype(v.aval.dtype, jnp.floating) for v in eqn.invars):
                found.append(Product(loop, eqn))
    return found


def _is_none(leaf: Any) -> bool:
    return leaf is None


def scan(loop: Loop, found: list[Product], wrap: Callable, invariants: list, state: list, xs: list) -> tuple[list, list]:
    """`jax.lax.scan` of the loop's body in `wrap`; the weights of the products `found` get their gradients outside.

    All on lists of leaves.
    """
    weights = {p.weights for p in found}
    places = {id(p.eqn): p for p in found}

    def run(invariants: list, state: list, xs: list, added: list | None) -> tuple[list, list, list]:
        """The final state, the outputs, and the inputs of the products, to whose results `added` is added."""

        def body(state: list, x: tuple) -> tuple[list, tuple]:
            x, added_now = x
            terms, inputs = iter(added_now or ()), []

            def then(eqn: Any, args: list, outs: list) -> list:
                product = places.get(id(eqn))
                if product is None or added is None:
                    return outs
                inputs.append(args[1 - product.side])
                return outs if product.x is not None else [outs[0] + next(terms)]

            values = loop.begin(invariants, state, x)
            loop.run(loop.body, values, then)
            state, outs = loop.end(values)
            return state, (outs, inputs)

        state, (outs, inputs) = jax.lax.scan(wrap(body), state, (xs, added))
        return state, outs, inputs

    @jax.custom_jvp
    def whole(invariants: list, state: list, xs: list) -> tuple[list, list]:
        return run(invariants, state, xs, None)[:2]

    def whole_jvp(primals: tuple, tangents: tuple) -> tuple:
        tangents = jax.tree.map(lambda d: None if isinstance(d, SymbolicZero) else d, tangents)
        d_weights = [tangents[0][p.weights] for p in found]
        d_invariants = [None if i in weights else d for i, d in enumerate(tangents[0])]
        d_state, d_xs = tangents[1:]
        heard = {p.x for p, d in zip(found, d_weights, strict=True) if d is not None}
        # What is differentiated inside the loop: all that has a tangent, but the weights.
        parts = d_invariants, d_state, [primals[2][i] if i in heard else d for i, d in enumerate(d_xs)]
        moving = jax.tree.map(lambda d, v: None if d is None else v, parts, primals, is_leaf=_is_none)
        results = [p.eqn.outvars[0].aval for p in found if p.x is None]
        zeros = [jnp.zeros((xs[0].shape[0], *result.shape), result.dtype) for result in results]

        def of(moving: tuple, zeros: list) -> tuple:
            merged = jax.tree.map(lambda m, v: v if m is None else m, moving, primals, is_leaf=_is_none)
            final, outs, inputs = run(*merged, zeros)
            return (final, outs), inputs

        primal, linear, inputs = jax.linearize(of, moving, zeros, has_aux=True)
        d_zeros = []
        for product, u, d in zip(found, inputs, d_weights, strict=True):
            term = None if d is None else product.over_all_steps(u, d)
            if product.x is None:
                d_zeros.append(jnp.zeros_like(zeros[len(d_zeros)]) if term is None else term)
            elif term is not None:
                d_xs[product.x] = term if d_xs[product.x] is None else d_xs[product.x] + term
        return primal, linear((d_invariants, d_state, d_xs), d_zeros)

    whole.defjvp(whole_jvp, symbolic_zeros=True)
    return whole(invariants, state, xs)
