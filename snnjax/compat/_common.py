"""What several libraries share and the core does not want: clipped parameters, other cuts of the gradient."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._cell import AbstractCell
from .._misc import cast
from .._parameter import AbstractParameter, Param, parameter
from .._reset import AbstractReset
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


class Begun(AbstractCell):
    """A cell that starts at other values: `start` maps names of state fields to numbers or arrays."""

    cell: AbstractCell
    start: dict[str, Any]

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        state = self.cell.init_state(x, key=key)
        for name, value in self.start.items():
            old = getattr(state, name)
            new = jnp.zeros_like(old) + jnp.broadcast_to(jnp.asarray(cast(value, old.dtype), old.dtype), old.shape)
            state = eqx.tree_at(lambda s, name=name: getattr(s, name), state, new)
        return state

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        return self.cell(state, x, key=key)
