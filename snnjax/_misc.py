"""Small helpers that the neurons share: checks of constants, dtypes, decays."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ._errors import InputError
from ._parameter import AbstractParameter, Param, concrete
from ._types import Key, Keys


def _numbers(owner: Any, field: str) -> np.ndarray | None:
    """The values of a numeric field, or None under a trace. Raises for what is not a real number."""
    given = getattr(owner, field)
    values = concrete(given)
    if values is None:
        return None
    is_integer = np.issubdtype(values.dtype, np.integer)
    if is_integer and isinstance(given, jax.Array):
        raise TypeError(
            f"{type(owner).__name__}.{field} was given an array of dtype {values.dtype}; arrays are "
            f"parameters and must be floating-point. Convert with `.astype(jnp.float32)`."
        )
    if not (is_integer or jnp.issubdtype(values.dtype, jnp.floating)):
        raise TypeError(
            f"{type(owner).__name__}.{field} was given {given!r}; it takes a number, a floating-point array, or "
            f"one of Positive, Interval, Fixed."
        )
    return values


def _refuse(owner: Any, field: str, accepted: str, remedy: str) -> None:
    given = getattr(owner, field)
    shown = given.resolve() if isinstance(given, AbstractParameter) else given
    raise ValueError(f"{type(owner).__name__}.{field} was given {shown}; it takes {accepted}. {remedy}")


def check_positive(owner: Any, *fields: str) -> None:
    """Refuse time constants and steps that are not finite and above zero."""
    for field in fields:
        values = _numbers(owner, field)
        if values is not None and not np.all((values > 0) & np.isfinite(values)):
            remedy = "Give it in the unit of dt (steps by default); to train it safely use Positive."
            _refuse(owner, field, "finite values above 0", remedy)


def check_finite(owner: Any, *fields: str) -> None:
    """Refuse NaN and infinity."""
    for field in fields:
        values = _numbers(owner, field)
        if values is not None and not np.all(np.isfinite(values)):
            remedy = "To switch firing off use a cell without spikes, LI."
            _refuse(owner, field, "finite values", remedy)


def check_decay(owner: Any, field: str, tau_field: str) -> None:
    """Refuse a decay outside (0, 1), and one that is given together with its time constant."""
    if getattr(owner, field) is None:
        check_positive(owner, tau_field)
        return
    given = getattr(owner, field)
    checked = not isinstance(given, AbstractParameter) or given.checked
    values = _numbers(owner, field) if checked else None
    if values is not None and not np.all((values > 0) & (values < 1)):
        remedy = "1 never forgets (use IF), 0 never remembers; to train it safely use Interval."
        _refuse(owner, field, "values strictly between 0 and 1", remedy)
    default = type(owner).__dataclass_fields__[tau_field].default
    tau = getattr(owner, tau_field)
    if not isinstance(tau, float) or tau != default:
        raise ValueError(
            f"{type(owner).__name__} was given both {tau_field} and {field}; they say the same thing, "
            f"{field} = exp(-dt / {tau_field}). Give one of them."
        )


def cast(value: Param, dtype: jnp.dtype) -> Any:
    """A parameter in the dtype of the state. Python numbers stay as they are: they adapt by themselves."""
    if isinstance(value, AbstractParameter):
        value = value.resolve()
    return value if isinstance(value, int | float) else jnp.asarray(value).astype(dtype)


def decay_factor(tau: Param, decay: Param | None, dt: Param, dtype: jnp.dtype) -> Any:
    """The factor per step of an exponential decay: `decay` if given, else `exp(-dt / tau)`."""
    if decay is not None:
        return cast(decay, dtype)
    if isinstance(tau, int | float) and isinstance(dt, int | float):
        return math.exp(-dt / tau)
    return jnp.exp(-cast(dt, dtype) / cast(tau, dtype))


def state_dtype(x: Any) -> jnp.dtype:
    """The dtype of a state driven by `x`: that of `x`, but at least float32.

    A bfloat16 integrator with a time constant of 2000 steps sticks at a quarter of the true value.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InputError(
            f"the neuron was given a current of dtype {x.dtype}; it takes floating-point currents. "
            f"If these are spikes or counts, convert them with `xs.astype(jnp.float32)`."
        )
    return x.dtype if jnp.finfo(x.dtype).bits >= 32 else jnp.dtype(jnp.float32)


def resting(x: Any) -> Float[Array, "..."]:
    """Zeros of the shape of `x` in the dtype of the state, built from the data.

    A constant would not carry the sharding or the mapped axes of `x`, which breaks inside `shard_map`.
    """
    return jnp.zeros_like(x, dtype=state_dtype(x))


def starting(x: Any, value: Param) -> Float[Array, "..."]:
    """A state of the shape of `x` that begins at `value`, built from the data like `resting`."""
    zeros = resting(x)
    if isinstance(value, int | float):
        return zeros + value if value else zeros
    return zeros + jnp.broadcast_to(cast(value, zeros.dtype), zeros.shape)


def as_current(x: Float[Array, "..."], v: Float[Array, "..."]) -> Float[Array, "..."]:
    """The input in the dtype of the state."""
    state_dtype(x)
    return x.astype(v.dtype)


def split_key(key: Key, num: int) -> tuple[Key, ...]:
    """One key per part, or None for each."""
    return (None,) * num if key is None else tuple(jr.split(key, num))


def split_keys(keys: Keys, num: int) -> tuple[Keys, ...]:
    """What `split_key` does, for the keys of a whole sequence: the same numbers in every schedule."""
    if keys is None:
        return (None,) * num
    split = jax.vmap(lambda key: jr.split(key, num))(keys)
    return tuple(split[:, i] for i in range(num))


def type_name(layer: Any) -> str:
    """How a layer is called in messages: its class, or the name of a function."""
    if isinstance(layer, eqx.Module):
        return type(layer).__name__
    return getattr(layer, "__name__", type(layer).__name__)
