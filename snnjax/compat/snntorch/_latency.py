"""One spike per value, the earlier the larger the value."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._parameter import concrete
from ._rate import Data, check_times, nan_where, refuse


def _check_latency(num_steps: int, threshold: float | int, tau: float | int, first: int, normalize: bool) -> None:
    check_times(num_steps, first)
    if not 0 < threshold < 1 or not tau > 0 or (normalize and not num_steps):
        refuse(
            f"latency was given threshold={threshold}, tau={tau}, normalize={normalize}, num_steps={num_steps}",
            "it takes 0 < threshold < 1, tau > 0, and num_steps to normalise to",
            "Scale the data to [0, 1]",
        )


def latency_code_linear(
    data: Data,
    num_steps: int = False,
    threshold: float | int = 0.01,
    tau: float | int = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
) -> Float[Array, "*shape"]:
    """Spike times `min(tau (1 - data), tau (1 - threshold)) + first_spike_time`.

    `normalize` takes `num_steps - 1 - first_spike_time` for `tau`.
    """
    _check_latency(num_steps, threshold, tau, first_spike_time, normalize)
    tau = num_steps - 1 - first_spike_time if normalize else tau
    times = jnp.minimum(-tau * (jnp.asarray(data) - 1), tau * (1 - threshold)) + first_spike_time
    if not normalize:
        return times
    lowest, highest = jnp.min(times), jnp.max(times)  # below zero only for data above one
    return jnp.where(lowest < 0, (times - lowest) / (highest - lowest) * (num_steps - 1), times)


def latency_code_log(
    data: Data,
    num_steps: int = False,
    threshold: float | int = 0.01,
    tau: float | int = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
    epsilon: float = 1e-07,
) -> Float[Array, "*shape"]:
    """Spike times of a leaky membrane, `tau log(data / (data - threshold)) + first_spike_time`.

    Data below the threshold count as `threshold + epsilon`, the latest time. `normalize` stretches the times so that
    the latest is `num_steps - 1`.
    """
    _check_latency(num_steps, threshold, tau, first_spike_time, normalize)
    data = jnp.maximum(jnp.asarray(data), threshold + epsilon)
    times = tau * jnp.log(data / (data - threshold))
    if normalize:
        times = times * ((num_steps - first_spike_time - 1) / jnp.max(times))
    return times + first_spike_time


def latency_code(
    data: Data,
    num_steps: int = False,
    threshold: float | int = 0.01,
    tau: float | int = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
    linear: bool = False,
    epsilon: float = 1e-07,
) -> tuple[Float[Array, "*shape"], Array]:
    """Spike times, by `latency_code_linear` or `latency_code_log`, and where the data are below the threshold."""
    options = (num_steps, threshold, tau, first_spike_time, normalize)
    times = latency_code_linear(data, *options) if linear else latency_code_log(data, *options, epsilon)
    return times, jnp.asarray(data) < threshold


def latency_interpolate(
    spike_time: Data, num_steps: int, on_target: float | int = 1, off_target: float | int = 0
) -> Float[Array, "time *shape"]:
    """A ramp from `off_target` at the start to `on_target` at the spike, and `off_target` after it."""
    if on_target < off_target:
        refuse(
            f"on_target is {on_target} and off_target is {off_target}", "it takes on_target >= off_target", "Swap them"
        )
    times = jnp.round(jnp.asarray(spike_time))
    step = jnp.arange(num_steps, dtype=times.dtype).reshape((num_steps,) + (1,) * times.ndim)
    at_once, never = times == 0, times > num_steps
    ramp = step / jnp.where(at_once | never, 0.5, times)[None]
    ramp = ramp.at[0].set(at_once.astype(times.dtype)) * (on_target - off_target) + off_target
    return jnp.where(ramp > on_target, off_target, ramp)


def latency(
    data: Data,
    num_steps: int = False,
    threshold: float | int = 0.01,
    tau: float | int = 1,
    first_spike_time: int = 0,
    on_target: float | int = 1,
    off_target: float | int = 0,
    clip: bool = False,
    normalize: bool = False,
    linear: bool = False,
    interpolate: bool = False,
    bypass: bool = False,
    epsilon: float = 1e-07,
) -> Float[Array, "time *shape"]:
    """One spike per value in [0, 1], the earlier the larger, at `round(latency_code(...))`.

    A spike is `on_target`, the rest `max(0, off_target)`. `clip` leaves out the spikes of values below the threshold.
    `interpolate` gives ramps, see `latency_interpolate`. A spike later than the last step raises, or is left out with
    `bypass`; with `bypass` and no `num_steps` there are as many steps as the latest spike needs.
    """
    if clip and interpolate:
        refuse("latency was given clip and interpolate", "it takes one of them", "A ramp has no spike to leave out")
    data = jnp.asarray(data)
    times, below = latency_code(data, num_steps, threshold, tau, first_spike_time, normalize, linear, epsilon)
    if not num_steps:
        latest = concrete(jnp.max(times))
        if not bypass or latest is None:
            raise ValueError(
                f"latency was given num_steps={num_steps} and bypass={bypass}; it takes num_steps, or bypass=True and "
                f"data whose values are known. Give num_steps."
            )
        num_steps = int(np.round(latest)) + 1
    index = jnp.round(times).astype(jnp.int32)
    late = index > num_steps - 1
    if interpolate:
        spikes = latency_interpolate(times, num_steps, on_target, off_target)
    else:
        spikes = jax.nn.one_hot(index, num_steps, axis=0, dtype=data.dtype)  # nothing where the index is too large
        spikes = jnp.where(below[None], 0, spikes) if clip else spikes
        spikes = jnp.maximum(spikes * on_target, off_target)
    wrong = (data < 0) | (data > 1) | jnp.isnan(data) | (late & (not bypass))
    return nan_where(
        wrong[None],
        spikes,
        f"latency was given data outside [0, 1], or spike times beyond the last of {num_steps} steps. Scale the data, "
        f"decrease tau or set normalize=True; bypass=True leaves the late spikes out.",
    )
