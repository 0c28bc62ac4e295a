"""The spike and its surrogate derivative.

Forward, a spike is the step function `z = H(v)` of the membrane's distance from the threshold. Its derivative is
zero almost everywhere, so every derivative is taken of a smooth primitive instead. There is one rule for all
surrogates, a `custom_jvp`, so that forward mode, reverse mode, both of second order, `vmap` and `jit` work.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_positive
from .._parameter import Param
from .._types import Key


class AbstractSpike(eqx.Module):
    """What a neuron's `surrogate` field holds: how a membrane and a threshold make a spike.

    Most of them are surrogates; the others change what a surrogate puts out (`MultiSpike`, `GradedSpike`) or draw
    spikes at random (`EscapeNoise`).
    """

    @abc.abstractmethod
    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        """Spikes in the dtype of `v`.

        **Arguments:**

        - `v`: the membrane before the reset.
        - `threshold`: a number or an array that broadcasts to `v`.
        - `key`: a PRNG key, for random spikes.
        """


class AbstractSurrogate(AbstractSpike):
    """A spike function with a surrogate derivative: called as `z = surrogate(v - threshold)`.

    Fires where its argument is above zero (`inclusive=True`: at or above zero). A derivative with respect to the
    slope, for a slope that is an array, is that of the smooth primitive.

    To write another one, subclass it, give it the fields `slope` and `inclusive`, and the two methods
    `derivative` and `primitive`; `derivative` must be the derivative of `primitive`.
    """

    slope: eqx.AbstractVar[Param]
    inclusive: eqx.AbstractVar[bool]

    def __check_init__(self) -> None:
        check_positive(self, "slope")

    @abc.abstractmethod
    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The smooth function that stands in for the step function."""

    @abc.abstractmethod
    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The derivative of `primitive`, used in place of the derivative of the step function."""

    def __call__(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Spikes: 1 where `v > 0` (or `v >= 0`), else 0, in the dtype of `v`."""
        return _fire(v, self)

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        """Spikes of a membrane: `z = H(v - threshold)`."""
        del key
        return self(v - cast(threshold, v.dtype))


@eqx.filter_custom_jvp
def _fire(v: Array, surrogate: AbstractSurrogate) -> Array:
    fires = v >= 0 if surrogate.inclusive else v > 0
    return fires.astype(v.dtype)


@_fire.def_jvp
def _fire_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    v, surrogate = primals
    v_tangent, surrogate_tangent = tangents
    tangent = jnp.zeros_like(v)
    if v_tangent is not None:
        tangent = surrogate.derivative(v) * v_tangent
    if jax.tree.leaves(surrogate_tangent):
        _, slope_tangent = eqx.filter_jvp(lambda s: s.primitive(v), (surrogate,), (surrogate_tangent,))
        tangent = tangent + slope_tangent
    return _fire(v, surrogate), tangent
