"""Functions that compute every neuron from its own values alone, as operations on lanes: vectors of any length.

A lane is one neuron of one example. A step that never looks at another lane can be run on any number of them at once,
in vectors as long as the hardware likes; that is what a kernel needs to know of it.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._errors import InputError
from ._trace import GROUPS, bound, leading_to, opened, variables


class NotElementwise(InputError):
    """A step that `Fused` cannot take: a neuron is not computed from its own state and input alone.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    recurrent = snn.Recurrent(snn.LIF(), jnp.flip)  # every neuron hears another one
    try:
        snn.unroll(recurrent, jnp.ones((10, 3)), kernel=snn.Fused())
    except snn.NotElementwise as error:
        print(error)
    ```
    """


# What is said of operations that users are likely to meet.
_REASONS = (
    ("draws random numbers in the step", ("random_", "threefry", "rng_")),
    (
        "reads the values of other neurons",
        ("dot_general", "conv_", "reduce_", "arg", "cum", "sort", "gather", "scatter"),
    ),
    (
        "moves values from one neuron to another",
        ("rev", "transpose", "concatenate", "slice", "dynamic_", "pad", "roll"),
    ),
    ("uses complex numbers", ("complex", "real", "imag", "conj")),
    ("has a loop or a branch of its own", ("while", "scan", "cond")),
    ("calls back to Python", ("debug_", "pure_callback", "io_callback")),
)
_REMEDIES = {
    "draws random numbers in the step": "Draw them before, and pass them as part of `xs`; or use",
}


def refusal(reason: str, what: str = "") -> NotElementwise:
    """The error, in three parts."""
    return NotElementwise(
        f"Fused was given a step that {reason}{f' ({what})' if what else ''}. It takes steps in which every neuron is "
        f"computed from its own state and input by elementwise operations. {_REMEDIES.get(reason, 'Use')} "
        f"`kernel=snn.Recompute()`, or `snn.Fused(otherwise=snn.Recompute())` to fuse what can be."
    )


def _refuse(name: str) -> NotElementwise:
    for reason, beginnings in _REASONS:
        if name.startswith(beginnings):
            return refusal(reason, f"`{name}`")
    return refusal("uses an operation that is not known to be elementwise", f"`{name}`")


# Calls that a kernel cannot make. The first are opened before anything is differentiated, the others after it: what
# they say about derivatives is then no longer of interest.
_BEFORE = GROUPS | {"scan", "checkpoint", "remat", "remat2"}
_AFTER = _BEFORE | {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin"}

# Operations that give a lane its own value back, whatever they do to shapes.
_IDENTITIES = {
    *("broadcast_in_dim", "reshape", "squeeze", "reduce_sum", "stop_gradient", "copy", "copy_p"),
    *("pvary", "reshard", "sharding_constraint"),
}

_WHITELIST = _IDENTITIES | {
    *("add", "sub", "mul", "div", "rem", "neg", "sign", "abs", "max", "min", "clamp", "square", "add_any"),
    *("floor", "ceil", "round", "is_finite", "integer_pow", "pow", "polynomial", "sqrt", "rsqrt", "cbrt"),
    *("exp", "exp2", "expm1", "log", "log1p", "log2", "logistic", "erf", "erf_inv", "one_minus_square"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "not", "select_n", "convert_element_type"),
    *("shift_left", "shift_right_logical", "shift_right_arithmetic", "bitcast_convert_type"),
}  # fmt: skip

# Operations that say something else about numbers of more bits.
_BITWISE = {"bitcast_convert_type", "shift_right_logical"}

# Operations that may be done to the parts of a sum instead of the sum.
_LINEAR = _IDENTITIES | {"add", "sub", "neg", "mul", "div", "add_any", "convert_element_type", "select_n"}


def _size(shape: Iterable[int]) -> int:
    return math.prod(shape)


def squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    """The shape without axes of length one, which say nothing about the order of lanes."""
    return tuple(n for n in shape if n != 1)


def computing(eqns: Iterable[Any]) -> int:
    """How many of the operations compute anything."""
    return sum(eqn.primitive.name not in _IDENTITIES for eqn in eqns)


def prepared(closed: Any, args: Sequence[Any]) -> list:
    """An opening for `Loop`: of calls that a kernel cannot make, and of the small arrays that operations spread out."""
    return opened(closed, args, _BEFORE, _spreading)


def _spreading(jaxpr: Any, eqn: Any, args: list) -> list:
    # Operations of several axes stretch those of length one by themselves. Done apart, it is done outside of the loop.
    shape = eqn.outvars[0].aval.shape
    if eqn.primitive.name in _WHITELIST - _IDENTITIES:
        axes = tuple(range(len(shape)))
        stretched = [jnp.ndim(a) == len(shape) and jnp.shape(a) != shape for a in args]
        args = [jax.lax.broadcast_in_dim(a, shape, axes) if s else a for a, s in zip(args, stretched, strict=True)]
    return bound(jaxpr, eqn, args)


class Lanes:
    """A function of arrays of one shape, and of numbers, for lanes of any count.

    **Arguments:**

    - `function`: of flat arguments; returns a list.
    - `args`: arrays, or their shapes and dtypes.
    - `shape`: the shape of all that is not a number.
    - `backend`: what compiles the kernel: the operations it lacks (`unknown`), and `rewrites` of some of them.
    - `linear`: so many of the last arguments are cotangents, in which the function is linear. A number that depends on
        them is taken as a sum over the lanes: every lane has its part of it, and the caller adds them up.

    Lanes of booleans are passed in and out as `stored` says. Raises `NotElementwise`.
    """

    def __init__(
        self, function: Callable[..., list], args: Sequence[Any], shape: tuple[int, ...], backend: Any, linear: int = 0
    ):
        closed = jax.make_jaxpr(function)(*args)
        closed = jax.make_jaxpr(lambda *args: opened(closed, args, _AFTER))(*args)
        self.jaxpr, self.eqns = closed.jaxpr, leading_to(closed.jaxpr.outvars, closed.jaxpr.eqns)[0]
        self._shape, self._size, self._backend = squeezed(shape), _size(shape), backend
        moving = set(self.jaxpr.invars[len(self.jaxpr.invars) - linear :])
        for eqn in self.eqns:
            self._check_name(eqn.primitive.name)
        for eqn in self.eqns:
            self._check(eqn, moving)
        for variable in variables(self.jaxpr.outvars):
            self._check_shape(variable)
        self._computations = [_computation(eqn, backend.rewrites) for eqn in self.eqns]
        for variable in self.jaxpr.constvars:
            if _size(variable.aval.shape) != 1:
                raise refusal("uses an array that is not a parameter", f"shape {variable.aval.shape}")
        self._constants = {v: jnp.reshape(c, ()) for v, c in zip(self.jaxpr.constvars, closed.consts, strict=True)}

    def _is_number(self, atom: Any) -> bool:
        return _size(atom.aval.shape) == 1 != self._size

    def _check_shape(self, variable: Any) -> None:
        shape = variable.aval.shape
        if _size(shape) != 1 and squeezed(shape) != self._shape:
            raise refusal("uses an array that is not one value per neuron", f"shape {shape}")

    def _check_name(self, name: str) -> None:
        if name not in _WHITELIST:
            raise _refuse(name)
        if name in self._backend.unknown:
            raise refusal(f"uses `{name}`, which kernels of `backend={self._backend.name!r}` cannot compute")

    def _check(self, eqn: Any, moving: set) -> None:
        name = eqn.primitive.name
        for variable in (*variables(eqn.invars), *eqn.outvars):
            self._check_shape(variable)
            if jnp.issubdtype(variable.aval.dtype, jnp.complexfloating):
                raise refusal("uses complex numbers", f"`{name}`")
        carried = moving.intersection(variables(eqn.invars))
        moving.update(eqn.outvars if carried else ())
        adds_up = name == "reduce_sum" and _size(eqn.invars[0].aval.shape) != _size(eqn.outvars[0].aval.shape)
        if adds_up and not carried:
            raise _refuse(name)
        # A sum over lanes that is not made yet may not be used as if it were.
        numbers = any(self._is_number(v) for v in carried)
        if numbers and not (name in _LINEAR and all(self._is_number(v) for v in eqn.outvars)):
            raise _refuse(name)

    def __call__(self, args: Sequence[Array]) -> list[Array]:
        """The results for vectors of lanes."""
        count = args[0].shape
        values: dict[Any, Any] = {v: jnp.full(count, c, v.aval.dtype) for v, c in self._constants.items()}
        values.update((v, _enter(a, v.aval.dtype)) for v, a in zip(self.jaxpr.invars, args, strict=True))
        # Numbers are made into lanes, once each, so that nothing else needs to know of them.
        atoms: list[Any] = [a for atoms in (*(e.invars for e in self.eqns), self.jaxpr.outvars) for a in atoms]
        for atom in atoms:
            if isinstance(atom, jex.Literal):
                dtype = jnp.result_type(atom.aval)
                key = np.asarray(atom.val).tobytes(), dtype  # as bytes, zero differs from minus zero
                if key not in values:
                    values[key] = jnp.full(count, atom.val, dtype)
                values[id(atom)] = values[key]
        for eqn, compute in zip(self.eqns, self._computations, strict=True):
            found = [values[id(a) if isinstance(a, jex.Literal) else a] for a in eqn.invars]
            values[eqn.outvars[0]] = compute(*found)
        return [_leave(values[id(a) if isinstance(a, jex.Literal) else a]) for a in self.jaxpr.outvars]


def stored(dtype: Any) -> Any:
    """The dtype in which lanes are kept in memory: kernels have no memory of booleans."""
    return jnp.dtype(jnp.int8) if dtype == jnp.bool_ else dtype


def _enter(value: Array, dtype: Any) -> Array:
    return value != 0 if dtype == jnp.bool_ and value.dtype != jnp.bool_ else value


def _leave(value: Array) -> Array:
    return value.astype(stored(value.dtype))


def _computation(eqn: Any, rewrites: Mapping[str, Callable]) -> Callable[..., Array]:
    """An operation as a function of lanes."""
    name, dtype = eqn.primitive.name, eqn.outvars[0].aval.dtype
    if name in _IDENTITIES:
        return lambda x, *_: x
    if name == "convert_element_type":
        return lambda x: jax.lax.convert_element_type(x, dtype)
    if name == "add_any":
        operation = jax.lax.add
    else:
        operation = functools.partial(rewrites.get(name, eqn.primitive.bind), **eqn.params)
    types = [a.aval.dtype for a in (*eqn.invars, *eqn.outvars)]
    if name in _BITWISE or all(widened(t) == t for t in types):
        return operation
    # Compilers of kernels lack most functions of fewer bits.
    return lambda *args: operation(*(a.astype(widened(a.dtype)) for a in args)).astype(dtype)


def widened(dtype: Any) -> Any:
    """The dtype in which lanes are computed with and added up: of at least 32 bits."""
    if dtype == jnp.bool_ or dtype.itemsize >= 4:
        return dtype
    kind = jnp.float32 if jnp.issubdtype(dtype, jnp.floating) else jnp.int32
    return jnp.dtype(jnp.uint32 if jnp.issubdtype(dtype, jnp.unsignedinteger) else kind)
