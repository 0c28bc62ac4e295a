"""The whole loop of lanes as an operation that JAX can differentiate, and map over examples."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ._elementwise import widened
from ._lane_step import LaneStep
from ._time_loop import cut, forward, reverse


def _mapped(function: Callable[..., list]) -> Callable[..., list]:
    """A function of arrays with lanes on their last axis, for which examples are more lanes."""
    call = custom_vmap(function)

    @call.def_vmap
    def rule(size: int, batched: list, *ins: Array) -> tuple[list, list]:
        def merged(value: Array, is_batched: bool) -> Array:
            if not is_batched:
                value = jnp.broadcast_to(value, (size, *value.shape))
            # Time stays the first axis. XLA drops the move where the caller's examples were on the second axis before.
            value = jnp.moveaxis(value, 0, -2)
            return value.reshape(*value.shape[:-2], -1)

        outs = call(*map(merged, ins, batched))
        apart = [jnp.moveaxis(out.reshape(*out.shape[:-1], size, -1), -2, 0) for out in outs]
        return apart, [True] * len(apart)

    return call


def _launched(launch: Callable, tile: int, kernel: Callable, ins: Any, results: Any, title: str) -> Any:
    """Run a kernel over lanes.

    `ins` is a tree of arrays, `results` one of `(rows, dtype)`, or `((), dtype)`; `kernel(access, ins, outs)` is given
    references in the same trees.
    """
    leaves, given = jax.tree.flatten(ins)
    wanted, made = jax.tree.flatten(results, is_leaf=lambda r: isinstance(r, jax.ShapeDtypeStruct))

    def body(access: Any, refs: list) -> None:
        kernel(access, jax.tree.unflatten(given, refs[: len(leaves)]), jax.tree.unflatten(made, refs[len(leaves) :]))

    @_mapped
    def call(*ins: Array) -> list:
        lanes = ins[0].shape[-1]
        missing = max(0, tile - lanes)
        if missing:
            ins = tuple(jnp.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, missing)], mode="edge") for a in ins)
        shapes = [jax.ShapeDtypeStruct((*rows.shape, lanes + missing), rows.dtype) for rows in wanted]
        outs = launch(body, list(ins), shapes, title)
        return [out[..., :lanes] for out in outs] if missing else outs

    return jax.tree.unflatten(made, call(*leaves))


class _Moving(eqx.Module):
    """The positions of the inputs that are differentiated."""

    invariants: tuple[int, ...] = eqx.field(static=True)
    xs: tuple[int, ...] = eqx.field(static=True)


def run(
    lanes: LaneStep,
    launch: Callable,
    tile: int,
    segment: int,
    steps: int,
    invariants: list[Array],
    state: list[Array],
    xs: list[Array],
) -> tuple[list[Array], list[Array]]:
    """The final state and the outputs, from lanes as `LaneStep.enter` gives them."""
    segments = cut(steps, segment)
    struct = jax.ShapeDtypeStruct

    def go(invariants: list, state: list, xs: list, keep: bool) -> Any:
        """Forward; the states at the start of every segment are the third result, if they are kept."""
        final, outs = lanes.dtypes
        starts = [struct((segments.number,), dtype) for dtype in final] if keep else []
        results = [struct((), dtype) for dtype in final], [struct((steps,), dtype) for dtype in outs], starts
        kernel = forward(lanes.step, segments)
        return _launched(launch, tile, kernel, (invariants, state, xs), results, "snn_fused")

    @jax.custom_vjp
    def whole(invariants: list, state: list, xs: list) -> tuple[list, list]:
        return go(invariants, state, xs, keep=False)[:2]

    def there(*given: Any) -> Any:
        invariants, state, xs = ([leaf.value for leaf in part] for part in given)
        final, outs, starts = go(invariants, state, xs, keep=True)
        perturbed = (
            tuple(i for i in positions if part[i].perturbed)
            for positions, part in zip(lanes.inexact, (given[0], given[2]), strict=False)
        )
        return (final, outs), (_Moving(*perturbed), invariants, starts, xs)

    def back(kept: Any, cotangents: Any) -> Any:
        moving, invariants, starts, xs = kept
        d_final, d_outs = cotangents
        # An output that nothing depends on costs no memory traffic.
        heard = tuple(i for i in lanes.inexact[2] if not isinstance(d_outs[i], SymbolicZero))
        d_final = [_instantiated(d_final[i]) for i in lanes.moving]
        ins = invariants, starts, xs, d_final, [d_outs[i] for i in heard]
        results = (
            [struct((), widened(invariants[i].dtype)) for i in moving.invariants],
            [struct((), d.dtype) for d in d_final],
            [struct((steps,), xs[i].dtype) for i in moving.xs],
        )
        kernel = reverse(lanes.advance, lanes.pull(moving.invariants, moving.xs, heard), segments)
        found = _launched(launch, tile, kernel, ins, results, "snn_fused_reverse")
        places = (moving.invariants, invariants), (lanes.moving, starts), (moving.xs, xs)
        return tuple(_placed(d, where, like) for d, (where, like) in zip(found, places, strict=True))

    whole.defvjp(there, back, symbolic_zeros=True)
    return whole(invariants, state, xs)


def _instantiated(cotangent: Any) -> Array:
    if isinstance(cotangent, SymbolicZero):
        aval: Any = cotangent.aval
        return jnp.zeros(aval.shape, aval.dtype)
    return cotangent


def _placed(values: list[Array], positions: tuple[int, ...], like: list[Array]) -> list:
    """Cotangents at their positions, in the dtypes of what they belong to; None where there are none."""
    placed: list = [None] * len(like)
    for value, i in zip(values, positions, strict=True):
        placed[i] = value.astype(like[i].dtype)
    return placed
