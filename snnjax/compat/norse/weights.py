"""Norse's cells with weights: those that hear themselves, and a leaky integrator."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Recurrent, Sequential
from ..._misc import split_key
from ..._types import Key
from .neurons import (
    IzhikevichCell,
    LICell,
    LIFAdExCell,
    LIFAdExRefracCell,
    LIFCell,
    LIFExCell,
    LIFRefracCell,
    LSNNCell,
)
from .parameters import (
    IzhikevichSpikingBehavior,
    LIFAdExParameters,
    LIFAdExRefracParameters,
    LIFExParameters,
    LIFParameters,
    LIFRefracParameters,
    LIParameters,
    LSNNParameters,
)


class _WithoutAutapses(eqx.Module):
    """Recurrent weights whose diagonal counts as zero, and is not trained."""

    weight: Float[Array, "hidden hidden"]

    def __call__(self, z: Float[Array, " hidden"]) -> Float[Array, " hidden"]:
        return (self.weight - jnp.diag(jnp.diag(self.weight))).astype(z.dtype) @ z


class _Weights(eqx.Module):
    """Weights without a bias."""

    weight: Float[Array, "hidden inputs"]

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        return self.weight.astype(x.dtype) @ x


def drawn(key: Key, rows: int, columns: int, deviation: float) -> Float[Array, "rows columns"]:
    """Normal weights of a deviation."""
    if key is None:
        raise ValueError(
            "a cell was given neither weights nor a key; without weights they are drawn, so it takes one of them. Pass "
            "`key=jax.random.key(0)`."
        )
    return deviation * jr.normal(key, (rows, columns))


def recurrent(
    cell: AbstractCell,
    input_size: int,
    hidden_size: int,
    *,
    input_weights: Array | None = None,
    recurrent_weights: Array | None = None,
    autapses: bool = False,
    key: Key = None,
) -> Sequential:
    """A recurrent cell of Norse: input weights, and a cell that hears its spikes of the step before.

    Weights that are not given are drawn, normal with the deviation `sqrt(2 / hidden_size)`. Without `autapses` no
    neuron hears itself.
    """
    k1, k2 = split_key(key, 2)
    deviation = math.sqrt(2 / hidden_size)
    if input_weights is None:
        input_weights = drawn(k1, hidden_size, input_size, deviation)
    if recurrent_weights is None:
        recurrent_weights = drawn(k2, hidden_size, hidden_size, deviation)
    feedback = _Weights(recurrent_weights) if autapses else _WithoutAutapses(recurrent_weights)
    return Sequential(_Weights(input_weights), Recurrent(cell, feedback))


def LILinearCell(
    input_size: int,
    hidden_size: int,
    p: LIParameters = LIParameters(),
    dt: Any = 0.001,
    *,
    input_weights: Array | None = None,
    key: Key = None,
) -> Sequential:
    """Weights, and an `LICell`. Weights that are not given are drawn, normal with the deviation `1 / sqrt(inputs)`."""
    if input_weights is None:
        input_weights = drawn(key, hidden_size, input_size, 1 / math.sqrt(input_size))
    return Sequential(_Weights(input_weights), LICell(p, dt))


def LIFRecurrentCell(
    input_size: int, hidden_size: int, p: LIFParameters = LIFParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFCell` that hears itself; the keyword arguments are those of `recurrent`."""
    return recurrent(LIFCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def LIFExRecurrentCell(
    input_size: int, hidden_size: int, p: LIFExParameters = LIFExParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFExCell` that hears itself."""
    return recurrent(LIFExCell(p, dt), input_size, hidden_size, **weights)


def LIFAdExRecurrentCell(
    input_size: int, hidden_size: int, p: LIFAdExParameters = LIFAdExParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFAdExCell` that hears itself."""
    return recurrent(LIFAdExCell(p, dt), input_size, hidden_size, **weights)


def LIFRefracRecurrentCell(
    input_size: int, hidden_size: int, p: LIFRefracParameters = LIFRefracParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFRefracCell` that hears itself."""
    return recurrent(LIFRefracCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def LIFAdExRefracRecurrentCell(
    input_size: int,
    hidden_size: int,
    p: LIFAdExRefracParameters = LIFAdExRefracParameters(),
    dt: Any = 0.001,
    **weights: Any,
) -> Sequential:
    """`LIFAdExRefracCell` that hears itself."""
    return recurrent(LIFAdExRefracCell(p, dt), input_size, hidden_size, **weights)


def LSNNRecurrentCell(
    input_size: int, hidden_size: int, p: LSNNParameters = LSNNParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LSNNCell` that hears itself."""
    return recurrent(LSNNCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def IzhikevichRecurrentCell(
    input_size: int, hidden_size: int, spiking_method: IzhikevichSpikingBehavior, dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`IzhikevichCell` that hears itself."""
    return recurrent(IzhikevichCell(spiking_method, dt), input_size, hidden_size, **weights)


LIFRecurrent, LIFExRecurrent, LIFAdExRecurrent = LIFRecurrentCell, LIFExRecurrentCell, LIFAdExRecurrentCell
LIFRefracRecurrent, LIFAdExRefracRecurrent = LIFRefracRecurrentCell, LIFAdExRefracRecurrentCell
LSNNRecurrent, IzhikevichRecurrent = LSNNRecurrentCell, IzhikevichRecurrentCell
