"""What several libraries share and the core does not want: clipped parameters, other cuts of the gradient."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._cell import AbstractCell
from .._errors import InputError
from .._misc import cast, check_finite
from .._order import AbstractOrder
from .._parameter import AbstractParameter, Param, parameter
from .._reset import AbstractReset
from .._surrogate import AbstractSpike
from .._types import Key


class Clipped(AbstractParameter):
    """A parameter that is clipped to a range whenever it is used: outside the range it has no gradient.

    The core reaches ranges by `Interval`, which never loses the gradient.
    """

    value: Param = parameter(0.0)
    lower: float = eqx.field(default=0.0, static=True)
    upper: float = eqx.field(default=1.0, static=True)

    checked: ClassVar[bool] = False

    def resolve(self) -> Float[Array, "..."]:
        return jnp.clip(jnp.asarray(self.value), self.lower, self.upper)


class Unchecked(AbstractParameter):
    """A parameter of any value, as libraries have it that train decays without a range."""

    value: Param = parameter(0.0)

    checked: ClassVar[bool] = False

    def resolve(self) -> Float[Array, "..."]:
        return jnp.asarray(self.value)


class DetachedReset(AbstractReset):
    """A reset whose whole change of the membrane has no gradient, not only its spike."""

    reset: AbstractReset
    detach: bool = eqx.field(default=True, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        after = jax.lax.stop_gradient(self.reset.apply(v, z, threshold))
        return after + (v - jax.lax.stop_gradient(v))  # adds zero, and the gradient of v


class SubtractValue(AbstractReset):
    """A soft reset by a value of its own, whatever the threshold: `v = v - z * value`."""

    value: Param = parameter(1.0)
    detach: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "value")

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return v - z * cast(self.value, v.dtype)


class DetachedResetLast(AbstractOrder):
    """`ResetLast`, but no gradient flows through what a spike does."""

    def __call__(self, model: Any, params: Any, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        after = model.integrate(params, state, x)
        z = model.fire(params, state, after, key)
        return model.spiked(params, after, jax.lax.stop_gradient(z)), z


class Prepared(AbstractCell):
    """A cell that starts at other values, and takes inputs of one shape only.

    `start` maps names of state fields to numbers or arrays; `shape` is what a library's constructor was told, None
    for any.
    """

    cell: AbstractCell
    start: dict[str, Any] = eqx.field(default_factory=dict)
    shape: tuple[int, ...] | None = eqx.field(default=None, static=True)

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        if self.shape is not None and tuple(x.shape) != self.shape:
            raise InputError(
                f"a layer made for the shape {self.shape} was given an input of shape {tuple(x.shape)}; it takes one "
                f"step of one example of its own shape. A batch is `jax.vmap` over `unroll`."
            )
        state = self.cell.init_state(x, key=key)
        for name, value in self.start.items():
            old = getattr(state, name)
            new = jnp.zeros_like(old) + jnp.broadcast_to(jnp.asarray(value).astype(old.dtype), old.shape)
            state = eqx.tree_at(lambda s, name=name: getattr(s, name), state, new)
        return state

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        return self.cell(state, x, key=key)


class CustomSpike(AbstractSpike):
    """A spike whose derivative is any function of the distance from the threshold."""

    function: Callable = eqx.field(static=True)
    inclusive: bool = eqx.field(default=False, static=True)

    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return _custom_spike(self.function, self.inclusive, v)

    def fire(self, v: Float[Array, "..."], threshold: Param, *, key: Key = None) -> Float[Array, "..."]:
        del key
        return self(v - cast(threshold, v.dtype))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _custom_spike(function: Callable, inclusive: bool, v: Array) -> Array:
    return (v >= 0 if inclusive else v > 0).astype(v.dtype)


@_custom_spike.defjvp
def _custom_spike_jvp(function: Callable, inclusive: bool, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (v,), (tangent,) = primals, tangents
    return _custom_spike(function, inclusive, v), function(v) * tangent
