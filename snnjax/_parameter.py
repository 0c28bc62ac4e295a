"""Parameters with a role: positive, in an interval, or fixed.

The role of a number is told by its type. A Python float is a constant, an array is a free parameter, and
the wrappers here are parameters with a constraint. A range is reached by a change of variable and never by
clipping, because a clip has no gradient at the edge.
"""

import abc
import operator
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree


def _operator(function: Callable) -> Callable:
    """A method that applies `function` to the resolved value, `self` on the left."""

    def method(self: "AbstractParameter", *others: Any) -> Array:
        return function(self.resolve(), *others)

    return method


def _reflected(function: Callable) -> Callable:
    """A method that applies `function` to the resolved value, `self` on the right."""

    def method(self: "AbstractParameter", other: Any) -> Array:
        return function(other, self.resolve())

    return method


class AbstractParameter(eqx.Module):
    """A parameter that is stored in other coordinates than it is used in.

    `resolve()` gives the value. In arithmetic, and in every `jax.numpy` function, a wrapper behaves as its
    value does, so that a cell can be stepped by hand without thinking of wrappers.
    """

    #: Whether constructors check that the value is in range. A wrapper that keeps a range by itself needs no check.
    checked: ClassVar[bool] = True

    @abc.abstractmethod
    def resolve(self) -> Array:
        """The value, as the equations use it."""

    def __jax_array__(self) -> Array:
        return self.resolve()

    __neg__ = _operator(operator.neg)
    __add__ = _operator(operator.add)
    __sub__ = _operator(operator.sub)
    __mul__ = _operator(operator.mul)
    __truediv__ = _operator(operator.truediv)
    __pow__ = _operator(operator.pow)
    __lt__ = _operator(operator.lt)
    __le__ = _operator(operator.le)
    __gt__ = _operator(operator.gt)
    __ge__ = _operator(operator.ge)
    __radd__ = _reflected(operator.add)
    __rsub__ = _reflected(operator.sub)
    __rmul__ = _reflected(operator.mul)
    __rtruediv__ = _reflected(operator.truediv)
    __rpow__ = _reflected(operator.pow)


#: What a numeric field of a cell may hold.
Param: TypeAlias = ArrayLike | AbstractParameter


def as_float_array(value: ArrayLike, name: str) -> Float[Array, "..."]:
    """`value` as a floating-point array: a Python number takes JAX's default dtype."""
    if isinstance(value, int | float):
        # Not weakly typed: an optimiser's first update would drop the weak type, and so retrace.
        return jnp.asarray(value, dtype=jnp.result_type(float))
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"{name} was given values of dtype {array.dtype}; it takes floating-point numbers. "
            f"Convert with `.astype(jnp.float32)`."
        )
    return array


def concrete(value: Any) -> np.ndarray | None:
    """`value` as a numpy array, or None where there is no value to look at yet (under a trace)."""
    if isinstance(value, AbstractParameter):
        value = value.resolve()
    if isinstance(value, jax.core.Tracer | jax.ShapeDtypeStruct):
        return None
    return np.asarray(value)


def as_parameter(value: Any) -> Any:
    """The converter of numeric fields: every array becomes a JAX array that is not weakly typed.

    A numpy array would not be seen as a parameter, and `jnp.array(20.0)` is weakly typed, which an
    optimiser's first update drops: the second step would compile again.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = jnp.asarray(value)
    if isinstance(value, jax.Array):
        return jax.lax.convert_element_type(value, value.dtype)
    return value


def parameter(default: Param | None) -> Any:
    """A numeric field of a cell, with its default."""
    return eqx.field(default=default, converter=as_parameter)


class Positive(AbstractParameter):
    """A trained parameter that stays above zero: `value = exp(raw)`, and `raw` is trained.

    **Arguments:**

    - `value`: where it starts, a number or an array of any shape, every element > 0.

    Raises a `ValueError` for values that are not positive and finite.

    ```python
    import snnjax as snn

    neuron = snn.LIF(tau=snn.Positive(20.0))
    ```
    """

    raw: Float[Array, "..."]

    def __init__(self, value: ArrayLike):
        array = as_float_array(value, "Positive")
        seen = concrete(array)
        if seen is not None and not np.all((seen > 0) & np.isfinite(seen)):
            raise ValueError(
                f"Positive was given {value}; it takes finite values above 0. For a parameter that "
                f"may have either sign use a plain array."
            )
        self.raw = jnp.log(array)

    def resolve(self) -> Float[Array, "..."]:
        return jnp.exp(self.raw)


class Interval(AbstractParameter):
    """A trained parameter that stays inside an open interval.

    `value = lower + (upper - lower) * sigmoid(raw)`, and `raw` is trained.

    **Arguments:**

    - `value`: where it starts, a number or an array of any shape, inside the interval.
    - `lower`, `upper`: the ends, finite numbers.

    Raises a `ValueError` for an empty interval or a value that is not inside it.

    ```python
    import snnjax as snn

    neuron = snn.LIF(decay=snn.Interval(0.9, 0.0, 1.0))
    ```
    """

    raw: Float[Array, "..."]
    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)

    def __init__(self, value: ArrayLike, lower: float | int, upper: float | int):
        array = as_float_array(value, "Interval")
        if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
            raise ValueError(
                f"Interval was given the ends {lower} and {upper}; it takes finite ends with "
                f"lower < upper. For a half-open range use Positive."
            )
        seen = concrete(array)
        if seen is not None and not np.all((seen > lower) & (seen < upper)):
            raise ValueError(
                f"Interval was given {value}; it takes values strictly between {lower} and {upper}. "
                f"Widen the interval, or start further inside."
            )
        self.lower, self.upper = float(lower), float(upper)
        fraction = (array - self.lower) / (self.upper - self.lower)
        self.raw = jnp.log(fraction) - jnp.log1p(-fraction)

    def resolve(self) -> Float[Array, "..."]:
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(self.raw)


class Fixed(AbstractParameter):
    """An array of constants: a new value does not recompile, and no gradient reaches it.

    **Arguments:**

    - `value`: a number or an array of any shape.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(tau=snn.Fixed(jnp.linspace(5.0, 50.0, 128)))
    ```
    """

    value: Float[Array, "..."]

    def __init__(self, value: ArrayLike):
        self.value = as_float_array(value, "Fixed")

    def resolve(self) -> Float[Array, "..."]:
        return jax.lax.stop_gradient(self.value)


def _is_parameter(node: Any) -> bool:
    return isinstance(node, AbstractParameter)


def resolve(model: PyTree) -> PyTree:
    """The model with every wrapped parameter replaced by its value.

    `unroll` calls it once, outside the time loop. Whoever steps a cell by hand in a long loop should too.

    **Arguments:**

    - `model`: any pytree.

    **Returns:** the same pytree, without `Positive`, `Interval` or `Fixed`.

    ```python
    import snnjax as snn

    assert abs(snn.resolve(snn.LIF(tau=snn.Positive(20.0))).tau - 20.0) < 1e-4
    ```
    """
    return jax.tree.map(lambda node: node.resolve() if _is_parameter(node) else node, model, is_leaf=_is_parameter)


def trainable(model: PyTree) -> PyTree:
    """Which leaves of a model are trained: every floating-point array that is not under `Fixed`, nor kept statistics.

    **Arguments:**

    - `model`: any pytree.

    **Returns:** a pytree of the same structure with True or False at each leaf, for `eqx.partition`,
    `eqx.filter` and `optax.masked`.

    ```python
    import equinox as eqx
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(tau=jnp.array(20.0), threshold=snn.Fixed(1.0))
    trained, rest = eqx.partition(neuron, snn.trainable(neuron))
    assert rest.tau is None and trained.threshold.value is None
    ```
    """

    def is_constant(node: Any) -> bool:
        return isinstance(node, Fixed | eqx.nn.StateIndex)

    def spec(node: Any) -> PyTree:
        if is_constant(node):
            return jax.tree.map(lambda _: False, node)
        return jax.tree.map(eqx.is_inexact_array, node)

    return jax.tree.map(spec, model, is_leaf=lambda node: is_constant(node) or _is_parameter(node))
