"""What several inputs of a node become."""

import functools
import operator
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._errors import InputError


def _check_equal(owner: eqx.Module, outs: Sequence[Array]) -> None:
    if len({jnp.shape(out) for out in outs}) > 1:
        raise InputError(
            f"{type(owner).__name__} was given outputs of shapes {[jnp.shape(out) for out in outs]}; it takes equal "
            f"shapes. Use `Concatenate()`, or make the branches equally wide."
        )


class Sum(eqx.Module):
    """Adds the outputs of branches; they must have equal shapes."""

    def __call__(self, outs: Sequence[Array]) -> Array:
        _check_equal(self, outs)
        return functools.reduce(operator.add, outs)


class Product(eqx.Module):
    """Multiplies the outputs of branches; they must have equal shapes."""

    def __call__(self, outs: Sequence[Array]) -> Array:
        _check_equal(self, outs)
        return functools.reduce(operator.mul, outs)


class Gate(eqx.Module):
    """The first output, times the sigmoid of every other one; they must have equal shapes."""

    def __call__(self, outs: Sequence[Array]) -> Array:
        _check_equal(self, outs)
        return functools.reduce(lambda out, gate: out * jax.nn.sigmoid(gate), outs)


class Concatenate(eqx.Module):
    """Puts the outputs of branches side by side.

    **Arguments:**

    - `axis`: of one step's output, the last by default.
    """

    axis: int = eqx.field(default=-1, static=True)

    def __call__(self, outs: Sequence[Array]) -> Array:
        return jnp.concatenate(outs, axis=self.axis)
