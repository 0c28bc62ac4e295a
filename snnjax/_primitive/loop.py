"""`jax.lax.scan` with a tighter compiled form on CPUs, and a reverse pass that keeps nothing but its inputs.

The loop is a primitive of its own for three reasons. What a `scan` puts out begins as an array of zeros, which XLA
makes, once for all loops of a program, at its very start: every output takes memory from then on, and is written twice.
Here it begins as copies of a number that only exists when the loop begins. A `scan` that is linear in some of its
inputs is transposed by keeping all that its steps multiply with; here the transposed step computes it again. And a
`scan` over chunks of time puts a mapped axis in front of the time inside of them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir

from ._reverse import Linear, split, transposed

_while = jex.Primitive("snnjax_loop")
_while.multiple_results = True

# A step of a loop: (constants, carry, x) to (carry, y), all of them lists.
Body = Callable[[list, list, list], tuple[list, list]]


def run(
    body: Body,
    constants: list,
    carry: list,
    xs: list,
    *,
    steps: int,
    lead: int = 0,
    reverse: bool = False,
    linear: Linear | None = None,
    overwrite: int = 0,
) -> tuple[list, list]:
    """The carry after all steps, and what the steps put out, stacked.

    With `linear` it can be transposed, and is differentiated as the `lax.scan` that it equals; without, it has no
    derivative. `lead`: after how many axes of one x, and of one output, the batch of a `jax.vmap` stands. `overwrite`:
    how many of the first xs are likely needed by nothing else, so that outputs can take their memory.
    """
    one = [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in xs]
    counts = len(constants), len(carry)
    closed = jax.make_jaxpr(lambda *args: _flatten(body(*split(args, *counts))))(*constants, *carry, *one)
    jaxpr, captured = closed.jaxpr, len(closed.consts)
    out = _while.bind(
        *closed.consts,
        *constants,
        *carry,
        *xs,
        jaxpr=jex.ClosedJaxpr(jaxpr.replace(constvars=[], invars=[*jaxpr.constvars, *jaxpr.invars]), []),
        constants=captured + len(constants),
        carry=len(carry),
        steps=steps,
        lead=lead,
        reverse=reverse,
        linear=linear and Linear((False,) * captured + linear.constants, linear.xs),
        overwrite=overwrite,
    )
    return out[: len(carry)], out[len(carry) :]


def _flatten(pair: tuple[list, list]) -> list:
    return [*pair[0], *pair[1]]


def _reference(*args: Any, jaxpr: Any, constants: int, carry: int, steps: int, reverse: bool, **_: Any) -> list:
    """The loop as a `lax.scan`."""
    consts, state, xs = split(args, constants, carry)
    step = jex.jaxpr_as_fun(jaxpr)

    def body(state: list, x: list) -> tuple[list, list]:
        out = step(*consts, *state, *x)
        return out[:carry], out[carry:]

    final, ys = jax.lax.scan(body, state, xs, length=steps, reverse=reverse)
    return [*final, *ys]


def _tight(
    *args: Any, jaxpr: Any, constants: int, carry: int, steps: int, reverse: bool, overwrite: int, **_: Any
) -> list:
    """The loop with outputs that begin as an x of their shape, or as copies of a number of an input."""
    consts, state, xs = split(args, constants, carry)
    step = jex.jaxpr_as_fun(jaxpr)
    # The first of the xs, because in the reverse pass it is the one that exists last.
    seeds = [a for a in (*xs, *state, *consts) if jnp.issubdtype(a.dtype, jnp.number) and a.size]
    over = _pairs(
        [(x.shape[1:], x.dtype) for x in xs[:overwrite]], [(y.shape, y.dtype) for y in jaxpr.out_avals[carry:]]
    )

    def begin(index: int, aval: Any) -> jax.Array:
        if index in over:
            return xs[over[index]]
        if not seeds or not (jnp.issubdtype(aval.dtype, jnp.number) or aval.dtype == bool):
            return jnp.zeros((steps, *aval.shape), aval.dtype)
        # Each another number, or XLA would make one array and copy it. (Other sizes than of time may be symbols.)
        first, *others = seeds[0].shape or [1]
        at = [min(index, first - 1), *(0 for _ in others)] if any(seeds[0] is x for x in xs) else [0] * seeds[0].ndim
        seed = jax.lax.slice(seeds[0], at, [i + 1 for i in at]).reshape(())
        return jnp.broadcast_to(jax.lax.convert_element_type(seed, aval.dtype), (steps, *aval.shape))

    def at(a: jax.Array, t: Any) -> jax.Array:
        return jax.lax.dynamic_index_in_dim(a, t, keepdims=False)

    def body(i: Any, values: tuple[list, dict, list]) -> tuple[list, dict, list]:
        state, ahead, buffers = values
        t = steps - 1 - i if reverse else i
        out = step(*consts, *state, *(ahead[i] if i in ahead else at(x, t) for i, x in enumerate(xs)))
        written = [jax.lax.dynamic_update_index_in_dim(b, y, t, 0) for b, y in zip(buffers, out[carry:], strict=True)]
        # What is written over is read one step before.
        following = jnp.maximum(t - 1, 0) if reverse else jnp.minimum(t + 1, steps - 1)
        return out[:carry], {i: at(written[j], following) for j, i in over.items()}, written

    ahead = {i: xs[i][steps - 1 if reverse else 0] for i in over.values()}
    buffers = [begin(i, aval) for i, aval in enumerate(jaxpr.out_avals[carry:])]
    final, _, ys = jax.lax.fori_loop(0, steps, body, (list(state), ahead, buffers))
    return [*final, *ys]


def _pairs(xs: Sequence[Any], outs: Sequence[Any]) -> dict[int, int]:
    """Positions of outputs, and of the xs that are like them; each once."""
    found: dict[int, int] = {}
    for j, out in enumerate(outs):
        i = next((i for i, x in enumerate(xs) if x == out and i not in found.values()), None)
        if i is not None:
            found[j] = i
    return found


def _abstract(*avals: Any, jaxpr: Any, constants: int, carry: int, steps: int, **_: Any) -> list:
    del avals, constants
    return [aval if i < carry else aval.update(shape=(steps, *aval.shape)) for i, aval in enumerate(jaxpr.out_avals)]


def _batched(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> tuple[list, list]:
    jaxpr, constants, carry, lead = params["jaxpr"], params["constants"], params["carry"], params["lead"]
    size = next(a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None)
    moved, axes = [], []
    for i, (a, d, aval) in enumerate(zip(args, dims, jaxpr.in_avals, strict=True)):
        axis = min(lead, aval.ndim) if i >= constants + carry else 0
        if d is None and constants <= i < constants + carry:
            a, d = jnp.broadcast_to(a, (size, *a.shape)), 0
        moved.append(a if d is None else jnp.moveaxis(a, d, axis + 1 if i >= constants + carry else axis))
        axes.append(None if d is None else axis)
    out_axes = [min(lead, aval.ndim) if i >= carry else 0 for i, aval in enumerate(jaxpr.out_avals)]
    outs = _while.bind(*moved, **{**params, "jaxpr": _mapped(jaxpr, tuple(axes), tuple(out_axes), size)})
    return outs, [axis + 1 if i >= carry else axis for i, axis in enumerate(out_axes)]


# Loops with equal steps share what is made of the step, which JAX then also lowers once.
@lru_cache
def _mapped(jaxpr: Any, axes: tuple, out_axes: tuple, size: Any) -> Any:
    """A step for many examples."""

    def shape(aval: Any, axis: int | None) -> tuple:
        return aval.shape if axis is None else (*aval.shape[:axis], size, *aval.shape[axis:])

    step = jax.vmap(jex.jaxpr_as_fun(jaxpr), in_axes=axes, out_axes=list(out_axes), axis_size=size)
    return jax.make_jaxpr(step)(
        *(jax.ShapeDtypeStruct(shape(aval, axis), aval.dtype) for aval, axis in zip(jaxpr.in_avals, axes, strict=True))
    )


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list, list]:
    linear = params["linear"]
    if linear is None:
        raise NotImplementedError(
            "a loop was differentiated more often than it can be: where residuals are rounded, once. Use "
            "`kernel=snn.Recompute()` for derivatives of derivatives."
        )
    zero = [type(t) is ad.Zero for t in tangents]
    if all(z or f for z, f in zip(zero, linear.flags(params["carry"]), strict=True)):
        moved = [
            jnp.zeros_like(p) if z and f else (p if not f else t)
            for p, t, z, f in zip(primals, tangents, zero, linear.flags(params["carry"]), strict=True)
        ]
        return _while.bind(*primals, **params), _while.bind(*moved, **params)
    tangents = [ad.instantiate_zeros(t) for t in tangents]
    return jax.jvp(partial(_reference, **params), tuple(primals), tuple(tangents))


def _transpose(cts: Sequence[Any], *args: Any, **params: Any) -> list:
    """Backwards through the steps, each of which is transposed where it stands."""
    carry, counts = params["carry"], (params["constants"], params["carry"])
    # A linear argument that is known here is zero.
    asked = tuple(ad.is_undefined_primal(a) for a in args)
    heard = tuple(type(ct) is not ad.Zero for ct in cts[carry:])
    back = transposed(params["jaxpr"], *counts, params["linear"], asked, heard)
    constants, _, xs = split(args, *counts)
    asked_constants, _, asked_xs = split(asked, *counts)
    known = [a for a, f in zip(constants, params["linear"].constants, strict=True) if not f]
    outs = _while.bind(
        *known,
        *(ad.instantiate_zeros(ct) for ct in cts[:carry]),
        *(jnp.zeros(total.shape, total.dtype) for total in back.totals),
        *(ct for ct, h in zip(cts[carry:], heard, strict=True) if h),
        *(a for a, f in zip(xs, params["linear"].xs, strict=True) if not f),
        jaxpr=back.step,
        constants=len(known),
        carry=carry + len(back.totals),
        steps=params["steps"],
        lead=params["lead"],
        reverse=not params["reverse"],
        linear=back.linear,
        overwrite=sum(heard),
    )
    ct_carry, totals, ct_xs = split(outs, carry, len(back.totals))
    ct_constants = (total.finish(a) for total, a in zip(back.totals, totals, strict=True))
    return [
        *(next(ct_constants) if a else None for a in asked_constants),
        *(ct if a else None for ct, a in zip(ct_carry, asked[len(constants) :], strict=False)),
        *(ct_xs.pop(0) if a else None for a in asked_xs),
    ]


_while.def_abstract_eval(_abstract)
_while.def_impl(lambda *args, **params: jax.jit(partial(_tight, **params))(*args))
mlir.register_lowering(_while, mlir.lower_fun(_reference, multiple_results=True))
mlir.register_lowering(_while, mlir.lower_fun(_tight, multiple_results=True), platform="cpu")
batching.primitive_batchers[_while] = _batched
ad.primitive_jvps[_while] = _jvp
ad.primitive_transposes[_while] = _transpose
