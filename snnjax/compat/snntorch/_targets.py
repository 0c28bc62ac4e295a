"""What an output layer should fire: spike trains and spike times made of labels."""

import inspect
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Num

from ..._types import Key
from ...losses import _check_integer, _is_class
from ._latency import latency
from ._rate import need_key, rate_conv, refuse

Labels: TypeAlias = Num[Array | np.ndarray, " batch"]


def to_one_hot(targets: Labels, num_classes: int) -> Float[Array, "batch classes"]:
    """One row per label; a label out of range raises, or is a row of NaN under a JAX transformation."""
    _check_integer(targets, "targets")
    valid = _is_class(targets, num_classes, "targets")
    return jnp.where(valid[:, None], jax.nn.one_hot(targets, num_classes, dtype=jnp.result_type(float)), jnp.nan)


def to_one_hot_inverse(one_hot_targets: Num[Array | np.ndarray, "*shape"]) -> Num[Array, "*shape"]:
    """1 where there is 0, and 0 elsewhere."""
    one_hot = jnp.asarray(one_hot_targets)
    return (one_hot == 0).astype(one_hot.dtype)


def from_one_hot(one_hot_label: Num[Array | np.ndarray, "*shape"]) -> Num[Array, " ones"]:
    """The first index of every 1: of one vector its label; of a matrix the rows, not the labels, as there."""
    return jnp.nonzero(jnp.asarray(one_hot_label) == 1)[0]


def target_rate_code(
    num_steps: int,
    first_spike_time: int = 0,
    rate: float | int = 1,
    firing_pattern: str = "regular",
    *,
    key: Key = None,
) -> tuple[Float[Array, " time"], Num[Array, " spikes"]]:
    """A spike train of a rate per step, and its spike times: "regular", or drawn "uniform" or "poisson"."""
    pattern = firing_pattern.lower()
    if not 0 <= rate <= 1 or first_spike_time > num_steps or pattern not in ("regular", "uniform", "poisson"):
        refuse(
            f"target_rate_code was given rate={rate}, first_spike_time={first_spike_time}, num_steps={num_steps}, "
            f"firing_pattern={firing_pattern!r}",
            "it takes 0 <= rate <= 1, first_spike_time <= num_steps, and 'regular', 'uniform' or 'poisson'",
            "Give spikes per step, at most one",
        )
    dtype = jnp.result_type(float)
    if rate == 0:
        return jnp.zeros(num_steps, dtype), jnp.zeros(0, jnp.int32)
    if pattern == "poisson":
        probability = jnp.full(num_steps, rate, dtype).at[:first_spike_time].set(0)
        spikes = rate_conv(probability, key=key)
        return spikes, jnp.nonzero(spikes)[0]
    times: Any = np.arange(first_spike_time, num_steps, 1 / rate).astype(np.float32)
    if pattern == "uniform":
        times = jr.uniform(need_key(key, "target_rate_code"), times.shape, minval=first_spike_time, maxval=num_steps)
    times = jnp.asarray(times).astype(jnp.int32)
    return jnp.zeros(num_steps, dtype).at[times].set(1), times


def rate_interpolate(
    spike_time: Num[Array | np.ndarray, " spikes"],
    num_steps: int,
    on_target: float | int = 1,
    off_target: float | int = 0,
) -> Float[Array, " time"]:
    """A ramp from `off_target` up to `on_target` before every spike; the spike times must be known."""
    ramps, current = [], -1
    for time in np.unique(np.asarray(spike_time)):
        gap = int(time) - current
        ramps.append(np.array([on_target]) if gap == 1 else np.linspace(off_target, on_target, gap))
        current = int(time)
    ramps.append(np.full(num_steps - 1 - current, off_target))
    return jnp.asarray(np.concatenate(ramps), jnp.result_type(float))


def targets_rate(
    targets: Labels,
    num_classes: int,
    num_steps: int = False,
    first_spike_time: int = 0,
    correct_rate: float | int = 1,
    incorrect_rate: float | int = 0,
    on_target: float | int = 1,
    off_target: float | int = 0,
    firing_pattern: str = "regular",
    interpolate: bool = False,
    *,
    key: Key = None,
) -> Float[Array, "..."]:
    """Spike trains to aim at: the right class at `correct_rate`, the others at `incorrect_rate`.

    With the rates 1 and 0 from the first step on there is no time axis: every step is the same. A spike is `on_target`,
    the rest `max(0, off_target)` if that is the smaller one. `interpolate` gives ramps, see `rate_interpolate`. (Other
    rates than 1 and 0 cannot run there; here they do what is described there.)
    """
    if not 0 <= incorrect_rate <= correct_rate <= 1:
        refuse(
            f"correct_rate is {correct_rate} and incorrect_rate is {incorrect_rate}",
            "they take 0 <= incorrect_rate <= correct_rate <= 1",
            "Give spikes per step",
        )
    one_hot, all_or_none = to_one_hot(targets, num_classes), correct_rate == 1 and incorrect_rate == 0
    if all_or_none and first_spike_time == 0 and not interpolate:
        if on_target > off_target:
            return jnp.maximum(one_hot * on_target, off_target)
        return one_hot * on_target + (1 - one_hot) * off_target
    if not num_steps:
        refuse("targets_rate was given no num_steps", "it takes them for trains of spikes", "Give num_steps")
    right_key, wrong_key = (None, None) if key is None else jr.split(key)
    right, right_times = target_rate_code(num_steps, first_spike_time, correct_rate, firing_pattern, key=right_key)
    wrong, wrong_times = target_rate_code(num_steps, first_spike_time, incorrect_rate, firing_pattern, key=wrong_key)
    if interpolate:
        right = rate_interpolate(right_times, num_steps, on_target, off_target)
        wrong = rate_interpolate(wrong_times, num_steps, on_target, off_target)
    spikes = right[:, None, None] * one_hot[None] + wrong[:, None, None] * (1 - one_hot)[None]
    if interpolate:
        return spikes
    spikes = jnp.maximum(spikes * on_target, off_target)
    return spikes.at[:first_spike_time].set(off_target) if all_or_none else spikes


def targets_latency(
    targets: Labels,
    num_classes: int,
    num_steps: int = False,
    first_spike_time: int = 0,
    on_target: float | int = 1,
    off_target: float | int = 0,
    interpolate: bool = False,
    threshold: float | int = 0.01,
    tau: float | int = 1,
    clip: bool = False,
    normalize: bool = False,
    linear: bool = False,
    epsilon: float = 1e-07,
    bypass: bool = False,
) -> Float[Array, "time batch classes"]:
    """`latency` of the one-hot labels: the right class first, the others last."""
    one_hot = to_one_hot(targets, num_classes)
    levels = {"on_target": on_target, "off_target": off_target, "epsilon": epsilon}
    flags = {"clip": clip, "normalize": normalize, "linear": linear, "interpolate": interpolate, "bypass": bypass}
    return latency(one_hot, num_steps, threshold, tau, first_spike_time, **levels, **flags)


_OPTIONS = {
    code: {name: option.default for name, option in inspect.signature(function).parameters.items()}
    for code, function in {"rate": targets_rate, "latency": targets_latency}.items()
}
#: What the library takes, but does not hand on.
_DROPPED = ("on_target", "off_target", "interpolate", "epsilon")


def targets_convert(targets: Labels, num_classes: int, code: str = "rate", **options: Any) -> Float[Array, "..."]:
    """`targets_rate` or `targets_latency`, by `code`; `options` are theirs.

    Options of the other one are refused unless they have their default. So are levels and ramps for latencies, which
    the library drops: call `targets_latency` for them.
    """
    if code not in _OPTIONS:
        refuse(f"code is {code!r}", "it takes 'rate' or 'latency'", "Give one of them")
    every = _OPTIONS["rate"] | _OPTIONS["latency"]
    used = {}
    for name, value in options.items():
        if name in _OPTIONS[code] and not (code == "latency" and name in _DROPPED):
            used[name] = value
        elif name not in every or value != every[name]:
            refuse(
                f"targets_convert was given {name}={value!r} for code={code!r}",
                f"it takes {sorted(_OPTIONS[code])}",
                "Leave it out, or call `targets_latency` itself",
            )
    return (targets_rate if code == "rate" else targets_latency)(targets, num_classes, **used)
