"""What synapses share that are driven by presynaptic spikes: release, the transmitter's pulse, and its binding."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import as_current, cast
from .._types import Params

Variable = Float[Array, "*shape"]


def released(x: Variable, like: Variable) -> Variable:
    """The fraction of the release sites that release: the spike itself, held between 0 and 1.

    At 0 and at 1, where spikes are, its derivative is 1; a plain clip would halve it there.
    """
    x = as_current(x, like)
    return jnp.where(x < 0, jnp.zeros_like(x), jnp.where(x > 1, jnp.ones_like(x), x))


def relax(value: Variable, rise: Any, fall: Any, time: Any) -> Variable:
    """The exact solution of `value' = rise * (1 - value) - fall * value` after `time`."""
    goal = rise / (rise + fall)
    return goal + (value - goal) * jnp.exp(-(rise + fall) * time)


def bind(params: Params, bound: Variable, remaining: Variable, x: Variable) -> tuple[Variable, Variable]:
    """The bound fraction of a receptor after a step, and how long the transmitter still stays.

    A spike starts the pulse of transmitter anew; a pulse that ends within the step acts for its part of the step only.
    Reads `binding`, `unbinding`, `concentration`, `duration` and `dt` of `params`.
    """
    dtype = bound.dtype
    unbinding, dt = cast(params.unbinding, dtype), cast(params.dt, dtype)
    rise = cast(params.binding, dtype) * cast(params.concentration, dtype)
    remaining = remaining + released(x, remaining) * (cast(params.duration, dtype) - remaining)
    present = jnp.where(remaining < dt, remaining, jnp.zeros_like(remaining) + dt)
    bound = relax(bound, rise, unbinding, present)
    return relax(bound, 0.0, unbinding, dt - present), remaining - present
