"""What all spiking neurons share: a step made of three functions, and the simplest forms of two of them."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import cast, decay_factor
from .._order import AbstractOrder
from .._types import Key, Params, State


class AbstractNeuron(AbstractCell[State]):
    """A cell that integrates, fires and resets, in the order of its field `order`.

    A subclass has the fields `order` and whatever its functions read, and gives three methods. `fire_membrane` and
    `reset_membrane` serve for two of them wherever the state has a membrane `v`, and the neuron a `threshold`, a
    `surrogate` and a `reset`.
    """

    order: eqx.AbstractVar[AbstractOrder]

    @abc.abstractmethod
    def integrate(self, state: State, x: Any) -> State:
        """The state moved on by one step, without any spike."""

    @abc.abstractmethod
    def fire(self, before: State, state: State, key: Key) -> Float[Array, "..."]:
        """The spikes of `state`, in its dtype; `before` is the state before the step."""

    @abc.abstractmethod
    def spiked(self, state: State, z: Float[Array, "..."]) -> State:
        """The state after the spikes `z`."""

    def __call__(self, state: State, x: Any, *, key: Key = None) -> tuple[State, Float[Array, "..."]]:
        return _step(type(self), self, state, x, key)


def _step(model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
    with jax.named_scope(f"snn.{model.__name__}"):
        state, z = params.order(model, params, state, x, key)
        return state, z.astype(x.dtype)


def pure(model: type[AbstractNeuron], name: str) -> Callable[..., tuple[Any, Array]]:
    """The step of a neuron as a pure function `(params, state, x) -> (state, spikes)`.

    `params` is the neuron itself, or anything with its fields.
    """

    def step(params: Params, state: Any, x: Any, *, key: Key = None) -> tuple[Any, Float[Array, "..."]]:
        return _step(model, params, state, x, key)

    step.__name__ = step.__qualname__ = name
    step.__doc__ = f"One step of `{model.__name__}`, `(params, state, x) -> (state, spikes)`.\n\n{model.__doc__}"
    return step


def fire_membrane(self: Any, before: Any, state: Any, key: Key) -> Float[Array, "..."]:
    """Spikes where the membrane is above the threshold: `z = H(v - threshold)`."""
    del before
    return self.surrogate.fire(state.v, self.threshold, key=key)


def reset_membrane(self: Any, state: Any, z: Float[Array, "..."]) -> Any:
    """The reset of the membrane, and nothing else."""
    return eqx.tree_at(lambda s: s.v, state, self.reset(state.v, z, self.threshold))


def leak(params: Params, v: Float[Array, "*shape"], current: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The membrane equation of every leaky cell, solved over one step.

    `v = rest + decay * (v - rest) + gain * current`, `gain = 1`, or `1 - decay` with `normalise_input`.
    """
    decay = decay_factor(params.tau, params.decay, params.dt, v.dtype)
    gain = 1 - decay if params.normalise_input else 1
    if isinstance(params.rest, float) and params.rest == 0.0:
        return decay * v + gain * current
    rest = cast(params.rest, v.dtype)
    return rest + decay * (v - rest) + gain * current
