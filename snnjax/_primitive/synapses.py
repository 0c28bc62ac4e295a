"""Sums over a list of synapses, in time proportional to the number of synapses whose input is not zero.

`weight[s] * x[pre[s]] * g[post[s]]`, summed over all synapses, is linear in each of the three. Leaving one of them out
gives the product (`spread`), its gradient for the input (`collect`) and that for the weights (`pair`); the derivatives
of each are the other two. The list is sorted by `pre`; the synapses of input `i` are `start[i]` to `start[i + 1]`.

On a CPU the inputs that are not zero are found one after the other. There is no list of spikes whose capacity could be
exceeded: when so many inputs are active that it takes less time to go through all synapses, this is done with the rest.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

from .placed import placed

# What the loop spends on an input beside its synapses, in the time that one synapse takes.
_OVERHEAD = 500

_spread = jex.Primitive("snnjax_spread")
_spread_onto = jex.Primitive("snnjax_spread_onto")
_collect = jex.Primitive("snnjax_collect")
_pair = jex.Primitive("snnjax_pair")


def spread(
    x: Float[Array, " inputs"],
    weight: Float[Array, " synapses"],
    pre: Int[Array, " synapses"],
    post: Int[Array, " synapses"],
    start: Int[Array, " inputs+1"],
    *,
    size: int,
    longest: int,
) -> Float[Array, " size"]:
    """For each of `size` outputs the sum of `weight[s] * x[pre[s]]` over its synapses.

    `longest`: the largest number of synapses of an input. `x` and `weight` are of one dtype.
    """
    if placed(x, weight):
        return _spread_all(x, weight, pre, post, size=size)
    return _spread.bind(x, weight, pre, post, start, size=size, longest=longest)


def spread_onto(
    total: Float[Array, " size"],
    x: Float[Array, " inputs"],
    weight: Float[Array, " synapses"],
    pre: Int[Array, " synapses"],
    post: Int[Array, " synapses"],
    start: Int[Array, " inputs+1"],
    *,
    longest: int,
) -> Float[Array, " size"]:
    """`total + spread(x, ...)`, of one dtype; in a loop over time it changes only what the active synapses reach."""
    if placed(total, x, weight):
        return _add_all(total, x, weight, pre, post)
    return _spread_onto.bind(total, x, weight, pre, post, start, size=total.shape[0], longest=longest)


def _add_all(total: Any, x: Any, weight: Any, pre: Any, post: Any) -> Any:
    return total.at[post].add(weight * x.at[pre].get(mode="promise_in_bounds"), mode="promise_in_bounds")


def _spread_all(x: Any, weight: Any, pre: Any, post: Any, *, size: int) -> Any:
    return _add_all(jnp.zeros_like(x, shape=(size,)), x, weight, pre, post)


def _pair_all(x: Any, g: Any, pre: Any, post: Any) -> Any:
    return x.at[pre].get(mode="promise_in_bounds") * g.at[post].get(mode="promise_in_bounds")


def _for_active(x: Any, act: Callable, carry: Any, most: int) -> tuple[Any, Any, Any]:
    """`carry = act(carry, i, x[i])` for every `i` where `x` is not zero, in order; NaN is not zero.

    Stops after `most` inputs, and one, if there are more. Returns whether it did, the last input, and the carry.
    """
    size = x.shape[0]
    # First a block is looked for with anything in it, then the inputs inside.
    block = min(size, max(64, math.isqrt(size)))
    whole = size // block * block
    flags = (x[:whole].reshape(-1, block) != 0).any(axis=1)
    if whole < size:
        flags = jnp.concatenate([flags, (x[whole:] != 0).any(keepdims=True)])

    def goes_on(state: Any) -> Any:
        return state[0].astype(bool).any() & (state[1] >= 0)

    def next_block(state: Any) -> Any:
        flags, left, last, carry = state
        at = jnp.argmax(flags).astype(jnp.int32)
        # The last block begins earlier than it should, where the inputs are not a whole number of blocks.
        begin = jnp.minimum(at * block, size - block)
        values = jax.lax.dynamic_slice(x, (begin,), (block,))
        if whole < size:
            values = jnp.where(jnp.arange(block, dtype=jnp.int32) >= at * block - begin, values, 0)

        def next_input(state: Any) -> Any:
            values, left, _, carry = state
            i = jnp.argmax(values != 0).astype(jnp.int32)
            return values.at[i].set(0), left - 1, begin + i, act(carry, begin + i, values[i])

        _, left, last, carry = jax.lax.while_loop(goes_on, next_input, (values, left, last, carry))
        return flags.at[at].set(False), left, last, carry

    begin = flags, jnp.array(most, jnp.int32), jnp.array(-1, jnp.int32), carry
    _, left, last, carry = jax.lax.while_loop(goes_on, next_block, begin)
    return left < 0, last, carry


def _row(start: Any, i: Any, synapses: int, longest: int) -> tuple:
    """Where a window of `longest` synapses begins that holds those of input `i`, and which of it these are."""
    begin = jnp.minimum(start[i], synapses - longest)
    within = begin + jnp.arange(longest, dtype=start.dtype)
    return begin, (within >= start[i]) & (within < start[i + 1])


def _worthwhile(synapses: int, longest: int) -> int:
    """Up to how many inputs it takes less time to add up their synapses than all."""
    return synapses // (longest + _OVERHEAD)


def _add_active(total: Any, x: Any, weight: Any, pre: Any, post: Any, start: Any, *, longest: int) -> Any:
    synapses = weight.shape[0]
    if synapses == 0:
        return total

    def add(total: Any, i: Any, value: Any) -> Any:
        begin, mine = _row(start, i, synapses, longest)
        weights = jax.lax.dynamic_slice(weight, (begin,), (longest,))
        targets = jax.lax.dynamic_slice(post, (begin,), (longest,))
        return total.at[targets].add(jnp.where(mine, weights * value, 0), mode="promise_in_bounds")

    def add_rest(total: Any) -> Any:
        rest = jnp.where(jnp.arange(x.shape[0], dtype=jnp.int32) > last, x, 0)
        return _add_all(total, rest, weight, pre, post)

    most = _worthwhile(synapses, longest)
    if most == 0:
        return _add_all(total, x, weight, pre, post)
    more, last, total = _for_active(x, add, total, most)
    return jax.lax.cond(more, add_rest, lambda total: total, total)


def _each(function: Callable, *args: Any, together: int = 1) -> Any:
    """A function of vectors for each along the leading axes, `together` at a time."""
    lead = args[0].shape[:-1]
    if not lead:
        return function(*args)
    flat = tuple(a.reshape(-1, a.shape[-1]) for a in args)
    ys = jax.lax.map(lambda args: function(*args), flat, batch_size=None if together == 1 else together)
    return ys.reshape(*lead, *ys.shape[1:])


def _together(synapses: int) -> int:
    """How many vectors hardware that wants much to do gets at once: their products are all in memory."""
    return max(1, 2**24 // max(synapses, 1))


def _spread_rows(x: Any, weight: Any, pre: Any, post: Any, start: Any, *, size: int, longest: int) -> Any:
    del start, longest
    one = partial(_spread_all, weight=weight, pre=pre, post=post, size=size)
    return _each(one, x, together=_together(pre.shape[0]))


def _spread_rows_in_turn(x: Any, *synapses: Any, size: int, longest: int) -> Any:
    zeros = jnp.zeros_like(x, shape=(size,))
    return _each(lambda x: _add_active(zeros, x, *synapses, longest=longest), x)


def _spread_onto_in_turn(total: Any, *args: Any, size: int, longest: int) -> Any:
    del size
    return _add_active(total, *args, longest=longest)


def _spread_onto_added(total: Any, *args: Any, **sizes: int) -> Any:
    return total + _spread.bind(*args, **sizes)


def _collect_rows(
    g: Any, weight: Any, pre: Any, post: Any, start: Any, *, size: int, longest: int, in_turn: bool
) -> Any:
    del size, longest
    one = partial(_spread_all, weight=weight, pre=post, post=pre, size=start.shape[0] - 1)
    return _each(one, g, together=1 if in_turn else _together(pre.shape[0]))


def _pair_rows(x: Any, g: Any, pre: Any, post: Any, start: Any, *, size: int, longest: int, in_turn: bool) -> Any:
    """Summed over all leading axes."""
    del size
    synapses = pre.shape[0]
    if x.ndim == 1 or synapses == 0:
        return _pair_all(x.reshape(-1, x.shape[-1])[0], g.reshape(-1, g.shape[-1])[0], pre, post)

    def step(total: Any, one: Any) -> Any:
        x, g = one

        def add(total: Any, i: Any, value: Any) -> Any:
            begin, mine = _row(start, i, synapses, longest)
            heard = g.at[jax.lax.dynamic_slice(post, (begin,), (longest,))].get(mode="promise_in_bounds")
            before = jax.lax.dynamic_slice(total, (begin,), (longest,))
            return jax.lax.dynamic_update_slice(total, before + jnp.where(mine, value * heard, 0), (begin,))

        def add_all(total: Any) -> Any:
            return total + _pair_all(x, g, pre, post)

        if not in_turn:
            return add_all(total), None
        few = (x != 0).sum() <= _worthwhile(synapses, longest)
        return jax.lax.cond(few, lambda total: _for_active(x, add, total, x.shape[0])[2], add_all, total), None

    zeros = jnp.zeros_like(x, shape=(synapses,))
    return jax.lax.scan(step, zeros, (x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])))[0]


def _mapped(function: Callable, args: tuple, dims: tuple) -> tuple:
    """For each of a batch in turn: a loop inside of `jax.vmap` would go on for all until the last is done."""
    moved = [a if d is None else jnp.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)]

    def one(batched: list) -> Any:
        left = iter(batched)
        return function(*(a if d is None else next(left) for a, d in zip(args, dims, strict=True)))

    return jax.lax.map(one, [a for a, d in zip(moved, dims, strict=True) if d is not None]), 0


def _product_batched(primitive: jex.Primitive, args: tuple, dims: tuple, **sizes: int) -> tuple:
    if any(d is not None for d in dims[1:]):
        return _mapped(partial(primitive.bind, **sizes), args, dims)
    x, d = args[0], dims[0]
    if d == x.ndim - 1:
        x, d = jnp.moveaxis(x, d, 0), 0
    return primitive.bind(x, *args[1:], **sizes), d


def _spread_onto_batched(args: tuple, dims: tuple, **sizes: int) -> tuple:
    total = args[0][None] if dims[0] is None else jnp.moveaxis(args[0], dims[0], 0)
    if all(d is None for d in dims[1:]):
        return total + _spread.bind(*args[1:], **sizes)[None], 0
    added, d = _product_batched(_spread, args[1:], dims[1:], **sizes)
    return total + jnp.moveaxis(added, d, 0), 0


def _spread_onto_jvp(primals: tuple, tangents: tuple, **sizes: int) -> tuple:
    out = _spread_onto.bind(*primals, **sizes)
    parts = [] if type(tangents[0]) is ad.Zero else [tangents[0]]
    if any(type(t) is not ad.Zero for t in tangents[1:3]):
        parts.append(_tangent(_spread, primals[1:], tangents[1:], **sizes))
    return out, sum(parts[1:], parts[0])


def _jvp(primitive: jex.Primitive, primals: tuple, tangents: tuple, **sizes: int) -> tuple:
    return primitive.bind(*primals, **sizes), _tangent(primitive, primals, tangents, **sizes)


def _tangent(primitive: jex.Primitive, primals: tuple, tangents: tuple, **sizes: int) -> Any:
    """Of a function that is linear in each of its first two arguments."""
    a, b, *lists = primals
    parts = []
    if type(tangents[0]) is not ad.Zero:
        parts.append(primitive.bind(tangents[0], b, *lists, **sizes))
    if type(tangents[1]) is not ad.Zero:
        parts.append(primitive.bind(a, tangents[1], *lists, **sizes))
    return sum(parts[1:], parts[0])


def _spread_transposed(ct: Any, x: Any, weight: Any, *lists: Any, **sizes: int) -> list:
    if ad.is_undefined_primal(x):
        return [_collect.bind(ct, weight, *lists, **sizes), *[None] * 4]
    return [None, _pair.bind(x, ct, *lists, **sizes), *[None] * 3]


def _collect_transposed(ct: Any, g: Any, weight: Any, *lists: Any, **sizes: int) -> list:
    if ad.is_undefined_primal(g):
        return [_spread.bind(ct, weight, *lists, **sizes), *[None] * 4]
    return [None, _pair.bind(ct, g, *lists, **sizes), *[None] * 3]


def _pair_transposed(ct: Any, x: Any, g: Any, *lists: Any, **sizes: int) -> list:
    if ad.is_undefined_primal(x):
        return [_collect.bind(g, ct, *lists, **sizes), *[None] * 4]
    return [None, _spread.bind(x, ct, *lists, **sizes), *[None] * 3]


def _define(primitive: jex.Primitive, shape: Callable, everywhere: Callable, cpu: Callable) -> None:
    primitive.def_abstract_eval(shape)
    primitive.def_impl(jax.jit(cpu, static_argnames=("size", "longest")))
    mlir.register_lowering(primitive, mlir.lower_fun(everywhere, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(cpu, multiple_results=False), platform="cpu")


_define(
    _spread,
    lambda x, *_, size, longest: x.update(shape=(*x.shape[:-1], size)),
    _spread_rows,
    _spread_rows_in_turn,
)
_define(
    _collect,
    lambda g, weight, pre, post, start, *, size, longest: g.update(shape=(*g.shape[:-1], start.shape[0] - 1)),
    partial(_collect_rows, in_turn=False),
    partial(_collect_rows, in_turn=True),
)
_define(
    _pair,
    lambda x, g, pre, *_, size, longest: x.update(shape=pre.shape),
    partial(_pair_rows, in_turn=False),
    partial(_pair_rows, in_turn=True),
)
_define(_spread_onto, lambda total, *_, size, longest: total, _spread_onto_added, _spread_onto_in_turn)
for _primitive in (_spread, _collect, _pair):
    ad.primitive_jvps[_primitive] = partial(_jvp, _primitive)
ad.primitive_jvps[_spread_onto] = _spread_onto_jvp
ad.primitive_transposes[_spread] = _spread_transposed
ad.primitive_transposes[_collect] = _collect_transposed
ad.primitive_transposes[_pair] = _pair_transposed
batching.primitive_batchers[_spread] = partial(_product_batched, _spread)
batching.primitive_batchers[_collect] = partial(_product_batched, _collect)
batching.primitive_batchers[_pair] = lambda args, dims, **sizes: _mapped(partial(_pair.bind, **sizes), args, dims)
batching.primitive_batchers[_spread_onto] = _spread_onto_batched
