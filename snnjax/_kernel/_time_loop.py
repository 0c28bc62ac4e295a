"""The loop over time inside of a kernel, forward and in reverse, for whatever runs it.

Every program of the grid takes some lanes through all steps, with their state in registers. Time is cut into segments. The
forward loop writes down the state at the start of each; the reverse loop reads it, computes the segment again, and goes
back through it step by step. What a segment reads is read at its beginning, all at once, so that memory is waited for only
once. The steps that make up no whole segment are segments of one step each: a shorter one would be compiled again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

#: Of one step, on lists of lanes: `(invariants, state, x) -> (state, outs)`.
Step = Callable[[list, list, list], tuple[list, list]]
#: The same without the outputs.
Advance = Callable[[list, list, list], list]
#: Of one step: `(invariants, state, x, d_state, d_outs) -> (d_invariants, d_state, d_x)`.
Pull = Callable[[list, list, list, list, list], tuple[list, list, list]]


@runtime_checkable
class Access(Protocol):
    """How a program of the grid reaches its own lanes, `tile` of them."""

    tile: int

    def load(self, ref: Any, step: Any = None) -> Array: ...

    def store(self, ref: Any, value: Array, step: Any = None) -> None: ...

    def settle(self, value: Array) -> Array:
        """A value as the loop carries it."""
        ...


class Segments(NamedTuple):
    """How time is cut: `whole` segments of `size` steps, and `rest` segments of one."""

    size: int
    whole: int
    rest: int

    @property
    def count(self) -> int:
        return self.whole + self.rest


def cut(steps: int, size: int) -> Segments:
    """Segments of at most `size` steps."""
    return Segments(size, *divmod(steps, size))


def _repeat(count: int, body: Callable[[Any, Any], Any], carry: Any) -> Any:
    """`carry = body(i, carry)` for each `i < count`."""
    # An index of 64 bits costs registers.
    return jax.lax.fori_loop(np.int32(0), np.int32(count), body, carry) if count else carry


def forward(step: Step, segments: Segments) -> Callable[[Access, Any, Any], None]:
    """The kernel that runs all steps: from `(invariants, state, xs)` to `(final, outs, starts)`.

    `starts` are the states before each segment, and may be empty.
    """
    size, whole, rest = segments

    def kernel(access: Access, ins: Any, to: Any) -> None:
        invariants, state = ([access.load(ref) for ref in refs] for refs in ins[:2])

        def segment(index: Any, first: Any, count: int, state: list) -> list:
            for ref, value in zip(to[2], state, strict=False):
                access.store(ref, value, index)
            read = [[access.load(ref, first + k) for ref in ins[2]] for k in range(count)]
            for k, x in enumerate(read):
                state, outs = step(invariants, state, x)
                for ref, value in zip(to[1], outs, strict=True):
                    access.store(ref, value, first + k)
            return [access.settle(value) for value in state]

        state = _repeat(whole, lambda i, s: segment(i, i * size, size, s), state)
        state = _repeat(rest, lambda i, s: segment(whole + i, whole * size + i, 1, s), state)
        for ref, value in zip(to[0], state, strict=True):
            access.store(ref, value)

    return kernel


def reverse(advance: Advance, pull: Pull, segments: Segments) -> Callable[[Access, Any, Any], None]:
    """The kernel that goes back: from `(invariants, starts, xs, d_final, d_outs)` to `(d_invariants, d_state, d_xs)`."""
    size, whole, rest = segments

    def kernel(access: Access, ins: Any, to: Any) -> None:
        invariants, d_state = ([access.load(ref) for ref in refs] for refs in (ins[0], ins[3]))
        total = [access.settle(jnp.zeros((access.tile,), ref.dtype)) for ref in to[0]]

        def segment(index: Any, first: Any, count: int, carry: Any) -> Any:
            d_state, total = carry
            state = [access.load(ref, index) for ref in ins[1]]
            xs, d_outs = (
                [[access.load(ref, first + k) for ref in refs] for k in range(count)] for refs in (ins[2], ins[4])
            )
            states = [state]
            for x in xs[:-1]:
                states.append([access.settle(value) for value in advance(invariants, states[-1], x)])
            for k in reversed(range(count)):
                d_invariants, d_state, d_x = pull(invariants, states[k], xs[k], d_state, d_outs[k])
                d_state = [access.settle(value) for value in d_state]
                total = [
                    access.settle(sum_ + d.astype(sum_.dtype)) for sum_, d in zip(total, d_invariants, strict=True)
                ]
                for ref, value in zip(to[2], d_x, strict=True):
                    access.store(ref, value, first + k)
            return d_state, total

        def back(count: int, body: Callable[[Any, Any], Any], carry: Any) -> Any:
            return _repeat(count, lambda i, c: body(count - 1 - i, c), carry)

        carry = back(rest, lambda i, c: segment(whole + i, whole * size + i, 1, c), (d_state, total))
        d_state, total = back(whole, lambda i, c: segment(i, i * size, size, c), carry)
        for refs, values in ((to[0], total), (to[1], d_state)):
            for ref, value in zip(refs, values, strict=True):
                access.store(ref, value)

    return kernel
