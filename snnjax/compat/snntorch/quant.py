"""snntorch's quantised states (`snntorch.functional.quant`): a function for a neuron's `state_quant`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._misc import cast
from ..._parameter import Fixed, Param


class StateQuant(eqx.Module):
    """Rounds to the nearest of some levels, the lower one of two; its derivative is 1."""

    levels: Param

    def __call__(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        levels = jnp.asarray(cast(self.levels, v.dtype))
        shape = (-1,) + (1,) * v.ndim
        nearest = levels[jnp.argmin(jnp.abs(levels.reshape(shape) - jax.lax.stop_gradient(v)[None]), axis=0)]
        return nearest + (v - jax.lax.stop_gradient(v))  # adds zero, and the gradient of v


def _gaps(start: float | int, stop: float | int, ratios: np.ndarray) -> np.ndarray:
    """`start`, and the points towards `stop` whose distances have the given ratios."""
    return start + np.concatenate([[0.0], np.cumsum(ratios)]) * (stop - start) / max(ratios.sum(), 1e-30)


def state_quant(
    num_bits: int = 8,
    uniform: bool = True,
    thr_centered: bool = True,
    threshold: float | int = 1,
    lower_limit: float | int = 0,
    upper_limit: float | int = 0.2,
    multiplier: float | None = None,
) -> StateQuant:
    """`2^num_bits` levels from `-threshold (1 + lower_limit)` to `threshold (1 + upper_limit)`.

    Equally far apart, or else closer together the nearer they are to the threshold (`thr_centered`) or to zero: each
    distance is `multiplier` times the one further out; it has a default for every number of bits.
    """
    if num_bits < 1 or (multiplier is not None and uniform):
        raise ValueError(
            f"state_quant was given num_bits={num_bits}, uniform={uniform}, multiplier={multiplier}; it takes at least "
            f"one bit, and a multiplier only for levels that are not uniform. Set uniform=False."
        )
    lowest, highest, count = -threshold * (1 + lower_limit), threshold * (1 + upper_limit), 2**num_bits
    if uniform:
        return StateQuant(Fixed(np.linspace(lowest, highest, count)))
    if multiplier is None:
        multiplier = {1: 0.05, 2: 0.1, 3: 0.3, 4: 0.5, 5: 0.7, 6: 0.9, 7: 0.925}.get(num_bits, 0.95)
    centre = threshold if thr_centered else 0.0
    below = int(np.floor(count * ((centre - lowest) / (highest - lowest))))
    lower = _gaps(lowest, centre, multiplier ** np.arange(below))[:-1]
    upper = _gaps(centre, highest, multiplier ** np.arange(count - below)[::-1])[1:]
    return StateQuant(Fixed(np.concatenate([lower, upper])))
