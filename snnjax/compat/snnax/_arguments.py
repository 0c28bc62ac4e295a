"""What the constructors of snnax have in common: constants, shapes, resets, initial states."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._parameter import AbstractParameter, Param
from ..._reset import AbstractReset, ZeroReset
from ..._types import Key
from .._common import Clipped, DetachedReset, Prepared, SubtractValue

#: A decay constant, or several: numbers, an array with the constants on axis 0, or wrapped parameters.
Constants = Param | Sequence[Any]
#: The shape of one step of one example.
Shape = int | Sequence[int]


_MEMBRANE = jax.tree_util.GetAttrKey("v")


class Initialised(AbstractCell):
    """A cell whose membrane starts at `init_fn(shape, key)`."""

    cell: AbstractCell
    init_fn: Callable

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        start = jnp.asarray(self.init_fn(x.shape, key))
        if start.shape not in ((), x.shape):
            raise InputError(
                f"init_fn returned an array of shape {start.shape} for a layer of shape {x.shape}; it takes "
                f"`(shape, key)` and returns an array of that shape."
            )

        def begun(path: Any, leaf: Array) -> Array:
            return jnp.zeros_like(leaf) + start.astype(leaf.dtype) if path[-1] == _MEMBRANE else leaf

        # By name, not by place: a probe may lie around the neuron's own state.
        return jax.tree.map_with_path(begun, self.cell.init_state(x, key=key))

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        return self.cell(state, x, key=key)


def prepared(cell: AbstractCell, shape: Shape | None, init_fn: Callable | None) -> AbstractCell:
    """The cell with the initial state and the shape of a constructor."""
    if init_fn is not None:
        cell = Initialised(cell, init_fn)
    return cell if shape is None else Prepared(cell, shape=_shape(shape))


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _trained(value: Any, shape: Shape | None) -> Any:
    """A number as a trained array, as large as the layer if that is known; a wrapped parameter as it is."""
    if isinstance(value, AbstractParameter):
        return value
    array = jnp.asarray(value)
    array = array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(jnp.result_type(float))
    return array if shape is None else jnp.broadcast_to(array, _shape(shape))


def _is_several(given: Any) -> bool:
    return isinstance(given, list | tuple) or (not isinstance(given, AbstractParameter) and jnp.ndim(given) > 0)


def constants(given: Any, name: str, count: tuple[int, ...], shape: Shape | None) -> list[Any]:
    """The constants on axis 0 of what was given, each of them trained. A bare number is one constant."""
    parts = list(given) if _is_several(given) else [given]
    if len(parts) not in count:
        raise ValueError(
            f"{name} was given {given}, of length {len(parts)}; it takes {' or '.join(map(str, count))} constants on "
            f"axis 0. For one of them per neuron give it a further axis, as in shape (1, neurons), or give `shape`."
        )
    return [_trained(part, shape) for part in parts]


def clipped(value: Any, lower: float, upper: float) -> Any:
    """The parameter clipped to its range; a wrapped parameter keeps its own range."""
    return value if isinstance(value, AbstractParameter) else Clipped(value, lower, upper)


def decays(given: Any, name: str, count: tuple[int, ...], shape: Shape | None) -> list[Any]:
    """Decay constants, clipped to [0.5, 1]."""
    return [clipped(value, 0.5, 1.0) for value in constants(given, name, count, shape)]


def leaks(given: Any, shape: Shape | None) -> Any:
    """One constant leak, alone or in a list of one; or one per neuron."""
    alone = _is_several(given) and len(given) == 1
    return _trained(given[0] if alone and not _is_several(given[0]) else given, shape)


def cut_reset(reset: AbstractReset, stop_reset_grad: bool) -> AbstractReset:
    return DetachedReset(reset=reset) if stop_reset_grad else reset


def end_reset(reset_val: Any, stop_reset_grad: bool) -> AbstractReset:
    """To zero, or by a value."""
    return cut_reset(ZeroReset() if reset_val is None else SubtractValue(value=reset_val), stop_reset_grad)
