"""Names for the kinds of values that pass between cells, loops and drivers."""

from typing import Any, TypeAlias, TypeVar

from jaxtyping import Array, PyTree

State = TypeVar("State")

#: What a cell returns besides its state: an array, or any pytree of arrays.
Out: TypeAlias = PyTree
#: One key, new style (`jax.random.key`) or old style (`jax.random.PRNGKey`), or None.
Key: TypeAlias = Array | None
#: One key per step, time on axis 0, or None.
Keys: TypeAlias = Array | None
#: A pytree whose leaves have time on axis 0.
Trajectory: TypeAlias = PyTree
#: Anything with the fields that a pure transition function reads, usually the module itself.
Params: TypeAlias = Any
