"""The gradient of weights that are used in every step, as one product after the loop.

In a loop that is differentiated step by step, every step adds its outer product to the gradient of a weight matrix. But
these need nothing that only the reverse loop knows in order: with the inputs `u` of a product `u[t] @ W` kept, and the
gradient `g` of its results, the gradient of `W` is `u.T @ g`, one product over all steps.

It follows from where the tangent comes in: that of the product is `u[t] @ dW + du[t] @ W`, and its first term is
computed for all steps at once and enters the loop from outside.
"""

from typing import Any

import jax
import jax.numpy as jnp

from .._primitive import rows
from ._trace import Loop, variables


class Product:
    """A product in the body of a loop, of something that changes, `factor`, with weights that do not.

    `weights`: their position among the loop's invariants. `x`: the position of the input that the result is added to
    anyhow, and which is used for nothing else; None if there is none.
    """

    def __init__(self, loop: Loop, eqn: Any):
        self.eqn = eqn
        self.side = 0 if eqn.invars[0] in loop.known else 1
        self.weights = loop.known.index(eqn.invars[self.side])
        self.factor = eqn.invars[1 - self.side]
        self.result = eqn.outvars[0]
        self.x = _summand(loop, self.result)

    def over_all_steps(self, inputs: jax.Array, weights: jax.Array) -> jax.Array:
        """`inputs[t] @ weights` for all steps."""
        (contracted, batched) = self.eqn.params["dimension_numbers"]
        if inputs.ndim == weights.ndim == 2 and not any(batched) and inputs.dtype == self.result.aval.dtype:
            return rows(inputs, weights, over=contracted[self.side][0])

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
    """The products of the body whose weights' gradients can be taken out of the loop: weights used for nothing else."""
    found = []
    for eqn in loop.body:
        if eqn.primitive.name == "dot_general":
            known = [v in loop.known for v in eqn.invars]
            if sum(known) == 1 and all(jnp.issubdtype(v.aval.dtype, jnp.floating) for v in eqn.invars):
                found.append(Product(loop, eqn))
    eqns = [p.eqn for p in found]
    others = [v for eqn in loop.body if not any(eqn is e for e in eqns) for v in variables(eqn.invars)]
    elsewhere = {*others, *variables(loop.jaxpr.outvars)}
    return [p for p in found if loop.known[p.weights] not in elsewhere]


@jax.custom_jvp
def add_tangent(tap: jax.Array, value: jax.Array) -> jax.Array:
    """The value, with the tangent of `tap` added to its own."""
    return value


@add_tangent.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return primals[1], tangents[0] + tangents[1]
