"""What the nonlinear integrate-and-fire neurons share: upstrokes, a step that stays finite, named constants."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._misc import as_current, cast
from .._parameter import concrete
from .._types import Params

#: Where the exponent of an upstroke is held. `exp(20)` is far beyond any spike, and its square is still a float32.
LARGEST_EXPONENT = 20.0

#: Where a membrane is held by default, in mV. From here a reset in float32 still lands within 1e-4 mV.
PEAK = 1000.0


def exponential_upstroke(params: Params, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`slope_factor * exp((v - rheobase) / slope_factor)`, with its exponent held at 20."""
    slope_factor = cast(params.slope_factor, v.dtype)
    exponent = (v - cast(params.rheobase, v.dtype)) / slope_factor
    return slope_factor * jnp.exp(jnp.minimum(exponent, jnp.full_like(v, LARGEST_EXPONENT)))


def quadratic_upstroke(params: Params, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`curvature * (v - rest) * (v - critical)`."""
    return cast(params.curvature, v.dtype) * (v - cast(params.rest, v.dtype)) * (v - cast(params.critical, v.dtype))


def moved_below_peak(drift: Callable[[Params, Any, Any], Any], params: Params, state: Any, x: Any) -> Any:
    """One step of `drift(params, state, x)`, with the membrane held at `peak` in the drift and after the step.

    A membrane that runs away then stays finite in any number of steps, whatever the reset leaves of it.
    """

    def below(state: Any) -> Any:
        peak = jnp.broadcast_to(jnp.asarray(cast(params.peak, state.v.dtype), state.v.dtype), state.v.shape)
        return eqx.tree_at(lambda s: s.v, state, jnp.minimum(state.v, peak))

    current = as_current(x, state.v)
    return below(params.integrator(lambda s: drift(params, below(s), current), state, params.dt))


def check_peak(owner: Any) -> None:
    """Refuse a peak that no spike could pass."""
    peak, threshold = concrete(owner.peak), concrete(owner.threshold)
    if peak is not None and threshold is not None and not np.all(peak > threshold):
        raise ValueError(
            f"{type(owner).__name__}.peak was given {peak}; it takes values above the threshold, {threshold}, or there "
            f"would be no spikes. Raise it: it only keeps runaway membranes finite."
        )


def named(owner: type, presets: Mapping[str, dict[str, float]], name: str) -> dict[str, float]:
    """The constants of a preset."""
    if name not in presets:
        raise ValueError(
            f"{owner.__name__}.preset was given {name!r}; it takes one of {', '.join(presets)}. For other "
            f"constants use {owner.__name__}(...)."
        )
    return presets[name]
