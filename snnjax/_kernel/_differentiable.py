"""A loop and its derivative, which keeps the least of every step and computes the rest again."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from .. import _primitive
from ._tangent import Flat, MixedError, Tangent, is_inexact
from ._weights import Product
from .residuals import AbstractResiduals, ExactResiduals

# (constants, state, x, taps) to (state, outs, factors), all lists; `taps` go to the products, None for none.
_Step = Callable[[Flat, Flat, Flat, Flat], tuple[Flat, Flat, Flat]]


def differentiable(
    step: _Step,
    found: Sequence[Product],
    constants: Flat,
    state: Flat,
    xs: Flat,
    *,
    lead: int = 0,
    again: bool = False,
    owned: bool = False,
    residuals: AbstractResiduals = ExactResiduals(),
) -> tuple[Flat, Flat]:
    """The state after the loop, and the stacked outputs.

    `found`: products in the step whose weights get their gradient outside of the loop. `lead`: as for
    `_primitive.run`. `again`: keep only the state before each step and the inputs, and run the step again backwards.
    `owned`: whether the inputs may be written over. `residuals`: how the rest is kept.
    """

    def plain(constants: Flat, state: Flat, x: Flat) -> tuple[Flat, Flat]:
        return step(constants, state, x, [None] * len(found))[:2]

    def scan(constants: Flat, state: Flat, xs: Flat) -> tuple[Flat, Flat]:
        body = jax.checkpoint(lambda state, x: plain(constants, state, x), prevent_cse=False)
        return jax.lax.scan(body, state, xs)

    @jax.custom_jvp
    def whole(constants: Flat, state: Flat, xs: Flat) -> tuple[Flat, Flat]:
        return _primitive.run(plain, constants, state, xs, steps=len(xs[0]), lead=lead, overwrite=len(xs) * owned)

    def whole_jvp(primals: tuple, tangents: tuple) -> tuple:
        d = [[None if _is_zero(t) else t for t in part] for part in tangents]
        try:
            return _push_forward(step, found, lead, again, owned, residuals, primals, *d)
        except MixedError:
            return jax.jvp(scan, primals, jax.tree.map(_as_array, tuple(tangents)))

    whole.defjvp(whole_jvp, symbolic_zeros=True)
    return whole(constants, state, xs)


def _push_forward(
    step: _Step,
    found: Sequence[Product],
    lead: int,
    again: bool,
    owned: bool,
    residuals: AbstractResiduals,
    primals: tuple,
    d_constants: Flat,
    d_state: Flat,
    d_xs: Flat,
) -> tuple:
    """The results of the loop, and their tangents."""
    constants, state, xs = primals
    d_weights = [d_constants[p.weights] for p in found]
    d_constants = [None if any(p.weights == i for p in found) else d for i, d in enumerate(d_constants)]
    d_state = [jnp.zeros_like(s) if d is None and is_inexact(s) else d for s, d in zip(state, d_state, strict=True)]
    # What the tangent of the weights adds to that of a product enters the loop with an input's tangent, or as one more.
    entering = [p for p, d in zip(found, d_weights, strict=True) if d is not None]
    own = [p for p in entering if p.x is None]
    x_moves = [d is not None or any(p.x == i for p in entering) for i, d in enumerate(d_xs)]

    def with_taps(constants: Flat, state: Flat, x: Flat) -> tuple[Flat, Flat, Flat]:
        taps = dict(zip(own, x[len(xs) :], strict=True))
        after, outs, factors = step(constants, state, x[: len(xs)], [taps.get(p) for p in found])
        return after, outs, [f for f, p in zip(factors, found, strict=True) if p in entering]

    zeros = [jnp.zeros(p.result.aval.shape, p.result.aval.dtype) for p in own]
    moving = [d is not None for d in d_constants], [d is not None for d in d_state], [*x_moves, *[True] * len(own)]
    one, steps = [*(x[0] for x in xs), *zeros], len(xs[0])
    tangent = Tangent(with_taps, (constants, state, one), moving, lead, steps, again, residuals)

    def keeping(constants: Flat, state: Flat, x: Flat) -> tuple[Flat, Flat]:
        return tangent.primal(constants, state, [*x, *zeros])

    spare = owned and not tangent.keeps_inputs
    if type(residuals) is ExactResiduals:
        final, outs = differentiable(
            lambda *args: (*keeping(*args[:3]), []), [], constants, state, xs, lead=lead, owned=spare
        )
    else:
        # What is rounded has no derivative of its own.
        final, outs = _primitive.run(keeping, constants, state, xs, steps=steps, lead=lead, overwrite=len(xs) * spare)
    outs, kept = tangent.split(outs, state, xs)

    d_taps = []
    for product, factor, weights in zip(entering, tangent.factors, _given(d_weights), strict=True):
        term = tangent.over_all_steps(product, factor, kept, weights)
        if product.x is None:
            d_taps.append(term)
        else:
            d_x = d_xs[product.x]
            d_xs[product.x] = term if d_x is None else d_x + term
    d_final, d_outs = tangent.run(constants, kept, _given(d_constants), _given(d_state), [*_given(d_xs), *d_taps])
    return (final, outs), (_beside(final, d_final), _beside(outs, d_outs))


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is SymbolicZero or tangent.dtype == jax.dtypes.float0


def _as_array(tangent: Any) -> Any:
    if type(tangent) is not SymbolicZero:
        return tangent
    shape, dtype = tuple(tangent.shape), np.dtype(tangent.dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return np.zeros(shape, dtype) if dtype == jax.dtypes.float0 else jnp.zeros(shape, dtype)


def _given(tangents: Flat) -> Flat:
    return [d for d in tangents if d is not None]


def _beside(values: Flat, tangents: Flat) -> Flat:
    """The tangents of all values, of which whole numbers have none."""
    left = iter(tangents)
    return [next(left) if is_inexact(v) else np.zeros(v.shape, jax.dtypes.float0) for v in values]
