"""Random spikes and changes, and the checks that all spike generators share."""

from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ... import encode
from ..._errors import InputError
from ..._parameter import concrete
from ..._types import Key

Data: TypeAlias = Float[Array | np.ndarray, "*shape"]


def refuse(given: str, accepted: str, remedy: str) -> None:
    raise ValueError(f"{given}; {accepted}. {remedy}")


def nan_where(wrong: Array, values: Array, message: str) -> Array:
    """The values, NaN where they are wrong; raises where that is known."""
    known = concrete(wrong)
    if known is not None and known.any():
        raise ValueError(message)
    return jnp.where(jnp.broadcast_to(wrong, values.shape), jnp.nan, values)


def need_key(key: Key, what: str) -> Array:
    if key is None:
        raise InputError(
            f"{what} draws spikes and was given no key; it takes a PRNG key. Give `key=jax.random.key(0)`."
        )
    return key


def check_times(num_steps: int, first_spike_time: int) -> None:
    if num_steps < 0 or first_spike_time < 0 or (num_steps and first_spike_time > num_steps - 1):
        refuse(
            f"num_steps is {num_steps} and first_spike_time is {first_spike_time}",
            "they take 0 <= first_spike_time < num_steps",
            "Make the first spike earlier, or the train longer",
        )


def rate_conv(data: Data, *, key: Key = None) -> Float[Array, "*shape"]:
    """One spike with probability `data`, cut to [0, 1], for every value."""
    return encode.rate(jnp.clip(jnp.asarray(data), 0, 1), 1, key=need_key(key, "rate_conv"))[0]


def rate(
    data: Float[Array | np.ndarray, "..."],
    num_steps: int = False,
    gain: float | int = 1,
    offset: float | int = 0,
    first_spike_time: int = 0,
    time_var_input: bool = False,
    *,
    key: Key = None,
) -> Float[Array, "..."]:
    """Spikes with probability `gain * data + offset`, cut to [0, 1], in each of `num_steps` steps from the first on.

    `time_var_input`: `data` has time in front already, and is drawn as it is, behind `first_spike_time` empty steps.
    Gain and offset, which the library drops here, are refused.
    """
    check_times(num_steps, first_spike_time)
    key = need_key(key, "rate")
    if time_var_input:
        if num_steps or gain != 1 or offset != 0:
            refuse(
                f"rate was given num_steps={num_steps}, gain={gain}, offset={offset} for an input that has a time axis",
                "it takes none of them with time_var_input=True",
                "Scale the data first",
            )
        spikes = rate_conv(data, key=key)
        return jnp.concatenate([jnp.zeros((first_spike_time, *spikes.shape[1:]), spikes.dtype), spikes])
    if not num_steps:
        refuse("rate was given no num_steps", "it takes num_steps, or time_var_input=True", "Give one of them")
    spikes = encode.rate(jnp.clip(gain * jnp.asarray(data) + offset, 0, 1), num_steps, key=key)
    return spikes.at[:first_spike_time].set(0)


def delta(
    data: Float[Array | np.ndarray, "time *shape"],
    threshold: float | int = 0.1,
    padding: bool = False,
    off_spike: bool = False,
) -> Float[Array, "time *shape"]:
    """A spike where a value is `threshold` or more above that of the step before; `off_spike`: -1 where as far below.

    Before the first step comes zero; with `padding` the first step itself.
    """
    data = jnp.asarray(data)
    first = data[:1] if padding else jnp.zeros_like(data[:1])
    moved = data - jnp.concatenate([first, data[:-1]])
    spikes = (moved >= threshold).astype(data.dtype)
    return spikes - (moved <= -threshold).astype(data.dtype) if off_spike else spikes
