"""The step of a loop, and its pullback, for lanes."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._elementwise import Lanes, computing, refusal, stored
from ._time_loop import Pull
from ._trace import Loop, variables

# Operations of a segment that still fit: compiled for an H100, no cell with fewer spilled registers into memory, and the
# Runge-Kutta method with 780 did.
_UNROLLED = 500

# Operations of a step that do not fit: one of 1500 is compiled for a minute, and spills registers.
_TOO_MANY = 1000


def _inexact(atoms: Iterable[Any]) -> tuple[int, ...]:
    return tuple(i for i, atom in enumerate(atoms) if jnp.issubdtype(atom.aval.dtype, jnp.inexact))


class LaneStep:
    """What a loop does in every step, in lanes: `step`, `advance` without outputs, and `pull`, which goes back.

    Raises `NotElementwise`.
    """

    def __init__(self, loop: Loop, backend: Any):
        self._loop, self._backend = loop, backend
        if (count := computing(loop.body)) > _TOO_MANY:
            what = f"{count} operations, of at most {_TOO_MANY}"
            raise refusal("is too long for the registers of a GPU, perhaps because of its substeps", what)
        size = loop.state_size
        used = {v for eqn in loop.body for v in variables(eqn.invars)}.union(variables(loop.jaxpr.outvars))
        state, xs = loop.jaxpr.invars[:size], loop.jaxpr.invars[size:]
        #: The inputs that are read; keys are passed to every cell, and most have no use for them.
        self.read = tuple(i for i, v in enumerate(xs) if v in used)
        self._ins = (loop.known, state, [xs[i] for i in self.read])
        self._outs = (loop.jaxpr.outvars[:size], loop.jaxpr.outvars[size:])
        for variable in (*self._ins[1], *self._ins[2]):
            if jnp.issubdtype(variable.aval.dtype, jax.dtypes.prng_key):
                raise refusal("draws random numbers in the step", "it uses a key")
        self._shape = max((v.aval.shape for part in self._ins[1:] for v in part), key=math.prod, default=())
        #: The number of lanes.
        self.count = math.prod(self._shape)
        self._whole = self._lanes(lambda *args: sum(self._apply(args), []))
        self._states = self._lanes(lambda *args: self._apply(args)[0])
        #: The positions of what can be differentiated among the invariants, the inputs that are read, and the outputs.
        self.inexact = tuple(map(_inexact, (self._ins[0], self._ins[2], self._outs[1])))
        #: The same for the state.
        self.moving = _inexact(state)

    def _lanes(self, function: Any, more: Sequence[Any] = ()) -> Lanes:
        atoms = [*sum(map(list, self._ins), []), *more]
        avals = [jax.ShapeDtypeStruct(atom.aval.shape, atom.aval.dtype) for atom in atoms]
        return Lanes(function, avals, self._shape, self._backend, linear=len(more))

    def _split(self, args: Sequence[Any], *more: int) -> list[list]:
        """Flat arguments as invariants, state, inputs, and lists of the given lengths."""
        parts, rest = [], list(args)
        for length in (*map(len, self._ins), *more):
            parts.append(rest[:length])
            rest = rest[length:]
        return parts

    def _apply(self, args: Sequence[Any]) -> tuple[list, list]:
        invariants, state, read = self._split(args)
        xs = dict(zip(self.read, read, strict=True))
        count = len(self._loop.jaxpr.invars) - len(state)
        return self._loop.ends(self._loop.values(invariants, state, [xs.get(i) for i in range(count)]))

    def segment(self, most: int) -> int:
        """How many steps fit into the registers of a reverse kernel, but no more than `most`."""
        return min(most, max(1, _UNROLLED // computing(self._whole.eqns)))

    @property
    def dtypes(self) -> tuple[list, list]:
        """Those of the state's and the outputs' lanes."""
        final, outs = ([stored(atom.aval.dtype) for atom in part] for part in self._outs)
        return final, outs

    def step(self, invariants: list, state: list, x: list) -> tuple[list, list]:
        """The next state, and the outputs."""
        outs = self._whole([*invariants, *state, *x])
        return outs[: len(state)], outs[len(state) :]

    def advance(self, invariants: list, state: list, x: list) -> list:
        """The next state."""
        return self._states([*invariants, *state, *x])

    def pull(self, invariants: Sequence[int], xs: Sequence[int], outs: Sequence[int]) -> Pull:
        """The pullback of a step: from cotangents of the state and of `outs` to those of `invariants`, state and `xs`."""

        def function(*args: Any) -> list:
            *parts, d_state, d_outs = self._split(args, len(self.moving), len(outs))
            wanted = invariants, self.moving, xs

            def of(*moving: Any) -> tuple[list, list]:
                mixed = [list(part) for part in parts]
                for part, positions, values in zip(mixed, wanted, moving, strict=True):
                    for i, value in zip(positions, values, strict=True):
                        part[i] = value
                state, results = self._apply(sum(mixed, []))
                return [state[i] for i in self.moving], [results[i] for i in outs]

            _, vjp = jax.vjp(of, *([part[i] for i in where] for part, where in zip(parts, wanted, strict=True)))
            return sum(vjp((d_state, d_outs)), [])

        cotangents = [*(self._outs[0][i] for i in self.moving), *(self._outs[1][i] for i in outs)]
        lanes = self._lanes(function, cotangents)
        first, second = len(invariants), len(invariants) + len(self.moving)

        def pull(*args: list) -> tuple[list, list, list]:
            results = lanes(sum(args, []))
            return results[:first], results[first:second], results[second:]

        return pull

    def enter(
        self, invariants: Sequence[Array], state: Sequence[Array], xs: Sequence[Array]
    ) -> tuple[list, list, list]:
        """Values as lanes, `(lanes,)` or `(time, lanes)`. The transpose adds up what numbers get from all lanes."""

        def lanes(value: Any, *time: int) -> Array:
            value = jnp.asarray(value)
            value = value.reshape(*time, -1).astype(stored(value.dtype))
            return jnp.broadcast_to(value, (*time, self.count))

        read = [xs[i] for i in self.read]
        return list(map(lanes, invariants)), list(map(lanes, state)), [lanes(x, x.shape[0]) for x in read]

    def leave(self, final: list[Array], outs: list[Array]) -> list[Array]:
        """Lanes as values: the final state and the outputs in one list."""

        def value(lanes: Array, atom: Any) -> Array:
            shape = atom.aval.shape
            kept = lanes if math.prod(shape) == self.count else lanes[..., :1]  # numbers are the same in every lane
            return kept.reshape(*lanes.shape[:-1], *shape).astype(atom.aval.dtype)

        return [
            value(v, atom)
            for part, atoms in zip((final, outs), self._outs, strict=True)
            for v, atom in zip(part, atoms)
        ]
