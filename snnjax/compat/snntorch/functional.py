"""snntorch's losses, accuracies and regularisers (`snntorch.functional`), by their names there.

A loss is made with its options, and called with outputs of shape `(time, batch, classes)` and integer targets of shape
`(batch,)`. `reduction` is "mean", "sum" or "none"; with a `weight` per class only "mean" reduces, as there. Squared
errors are weighted along their last axis, the classes, by the weights of the targets, as there: this takes as many
examples as classes, or one.
"""

import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from ... import losses, metrics
from . import quant as quant
from . import stdp_learner as stdp_learner
from ._targets import targets_rate

Outputs: TypeAlias = Float[Array, "time batch classes"]
Targets: TypeAlias = Int[Array | np.ndarray, " batch"]
Weight: TypeAlias = Float[Array | np.ndarray, " classes"] | None
_Values: TypeAlias = Float[Array, "..."]


def _check(reduction: str, population_code: bool = False, num_classes: int = False) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction was given {reduction!r}; it takes 'mean', 'sum' or 'none'. Use 'mean'.")
    if population_code != bool(num_classes):
        raise ValueError(
            f"a loss was given population_code={population_code} and num_classes={num_classes}; it takes both or "
            f"neither. Several outputs of one class are counted together only if their number of classes is known."
        )


def _reduced(loss: _Values, reduction: str, weight: Weight) -> _Values:
    if reduction == "mean":
        return jnp.mean(loss)
    return jnp.sum(loss) if reduction == "sum" and weight is None else loss


def _pooled(zs: Outputs, num_classes: int) -> Float[Array, "batch pools"]:
    """Spike counts of the classes, the outputs of a class being neighbours."""
    if zs.shape[-1] % num_classes:
        raise ValueError(
            f"num_classes is {num_classes} for {zs.shape[-1]} outputs; it takes a divisor. Give every class the same "
            f"number of outputs."
        )
    return jnp.sum(jnp.sum(zs, axis=0).reshape(zs.shape[1], num_classes, -1), axis=-1)


def _cross_entropy(logits: Float[Array, "batch classes"], targets: Targets, weight: Weight) -> Float[Array, " batch"]:
    losses._is_class(targets, logits.shape[-1], "targets")  # under vmap the values are no longer known
    loss = jax.vmap(losses.cross_entropy)(logits, jnp.asarray(targets))
    return loss if weight is None else loss * jnp.asarray(weight).astype(loss.dtype)[targets]


def _weighted(error: _Values, targets: Any, weight: Weight) -> _Values:
    """A squared error with the weights of the targets along its last axis."""
    if weight is None:
        return error
    factors = jnp.asarray(weight).astype(error.dtype)[targets]
    if factors.shape not in ((1,), error.shape[-1:]):
        raise ValueError(
            f"a weighted squared error was given {factors.size} targets for {error.shape[-1]} classes; the weights of "
            f"the targets are along the classes, as in the library, and take equal numbers. Weight examples by hand, "
            f"with reduction='none'."
        )
    return error * factors.reshape((1,) * (error.ndim - 1) + factors.shape)


class ce_rate_loss(eqx.Module):
    """The cross entropy of the outputs of each step, averaged over time.

    `population_code` weights the first `outputs / num_classes` outputs by `weight[0]`, the others by `weight[1]`, and
    does nothing else: targets are still indices of outputs.
    """

    population_code: bool = eqx.field(default=False, static=True)
    num_classes: int = eqx.field(default=False, static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction, self.population_code, self.num_classes)
        if self.population_code and self.weight is None:
            raise ValueError(
                "ce_rate_loss was given population_code=True and no weight; it takes two weights then. For counts per "
                "class use ce_count_loss(population_code=True)."
            )

    def __call__(self, spk_out: Outputs, targets: Targets) -> _Values:
        weight = self.weight
        if weight is not None and self.population_code:
            outputs = spk_out.shape[-1]
            is_first = jnp.arange(outputs) < outputs // self.num_classes
            weight = jnp.where(is_first, weight[0], weight[1])
        loss = jax.vmap(lambda zs: _cross_entropy(zs, targets, weight))(spk_out)
        return _reduced(jnp.mean(loss, axis=0), self.reduction, weight)


class ce_count_loss(eqx.Module):
    """The cross entropy of the spike counts; `population_code` adds up the outputs of each of `num_classes`."""

    population_code: bool = eqx.field(default=False, static=True)
    num_classes: int = eqx.field(default=False, static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction, self.population_code, self.num_classes)

    def __call__(self, spk_out: Outputs, targets: Targets) -> _Values:
        counts = _pooled(spk_out, self.num_classes) if self.population_code else jnp.sum(spk_out, axis=0)
        return _reduced(_cross_entropy(counts, targets, self.weight), self.reduction, self.weight)


class ce_max_membrane_loss(eqx.Module):
    """The cross entropy of the largest membranes; of equal ones the first gets the gradient."""

    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction)

    def __call__(self, mem_out: Outputs, targets: Targets) -> _Values:
        largest = jnp.take_along_axis(mem_out, jnp.argmax(mem_out, axis=0)[None], axis=0)[0]
        return _reduced(_cross_entropy(largest, targets, self.weight), self.reduction, self.weight)


class mse_count_loss(eqx.Module):
    """The squared error of the spike counts, over the number of steps.

    Aimed at are `int(steps * correct_rate)` spikes of the right class and `int(steps * incorrect_rate)` of the others;
    with `population_code` as many per output, added up over each of `num_classes`.
    """

    correct_rate: float | int = eqx.field(default=1, static=True)
    incorrect_rate: float | int = eqx.field(default=0, static=True)
    population_code: bool = eqx.field(default=False, static=True)
    num_classes: int = eqx.field(default=False, static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction, self.population_code, self.num_classes)

    def __call__(self, spk_out: Outputs, targets: Targets) -> _Values:
        steps, _, outputs = spk_out.shape
        counts = _pooled(spk_out, self.num_classes) if self.population_code else jnp.sum(spk_out, axis=0)
        size = outputs / self.num_classes if self.population_code else 1
        on, off = int(steps * self.correct_rate * size), int(steps * self.incorrect_rate * size)
        aim = targets_rate(targets, counts.shape[-1], on_target=on, off_target=off).astype(counts.dtype)
        return _reduced(_weighted((counts - aim) ** 2, targets, self.weight) / steps, self.reduction, self.weight)


class mse_membrane_loss(eqx.Module):
    """The squared error of the membranes of each step, averaged over time.

    With `time_var_targets` there is one target per step, the same for all examples.
    """

    time_var_targets: bool = eqx.field(default=False, static=True)
    on_target: float | int = eqx.field(default=1, static=True)
    off_target: float | int = eqx.field(default=0, static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction)

    def __call__(self, mem_out: Outputs, targets: Int[Array | np.ndarray, " labels"]) -> _Values:
        count = mem_out.shape[0 if self.time_var_targets else 1]
        if targets.shape != (count,):
            raise ValueError(
                f"mse_membrane_loss was given targets of shape {targets.shape} for membranes of shape {mem_out.shape}; "
                f"it takes ({count},). With time_var_targets there is a target per step, else per example."
            )
        aim = targets_rate(targets, mem_out.shape[-1], on_target=self.on_target, off_target=self.off_target)
        aim = aim[:, None] if self.time_var_targets else aim[None]
        error = jnp.mean((mem_out - aim.astype(mem_out.dtype)) ** 2, axis=0)
        return _reduced(_weighted(error, targets, self.weight), self.reduction, self.weight)


def _first_spike(zs: _Values) -> Float[Array, "batch classes"]:
    """The step of the first spike, the last step where there is none."""
    number = jnp.arange(1, len(zs) + 1, dtype=zs.dtype).reshape(-1, 1, 1) * zs
    first = jnp.take_along_axis(number, jnp.argmax(number != 0, axis=0)[None], axis=0)[0]
    return jnp.where(first == 0, len(zs), first) - 1


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _spike_times(count: int, zs: _Values) -> Float[Array, "count batch classes"]:
    """The first `count` spike times. After each, the steps in which any neuron had it are emptied for all, as there."""
    times = []
    for _ in range(count):
        times.append(_first_spike(zs))
        taken = jnp.zeros(len(zs), bool).at[times[-1].astype(jnp.int32).ravel()].set(True)
        zs = jnp.where(taken[:, None, None], 0, zs)
    return jnp.stack(times)


@_spike_times.defjvp
def _spike_times_jvp(count: int, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """More of a spike is an earlier spike: the derivative is -1 at its step. A step named twice has the last one's."""
    times = _spike_times(count, *primals)
    again = jnp.stack([jnp.any(times[i + 1 :] == times[i : i + 1], axis=0) for i in range(count)])
    return times, jnp.where(again, 0, -jnp.take_along_axis(tangents[0], times.astype(jnp.int32), axis=0))


class mse_temporal_loss(eqx.Module):
    """The squared error of the first spike times, over the number of steps.

    A neuron that never fires counts as firing in the last step. The derivative of a time is -1 at its spike: more of
    the spike is an earlier spike.

    - `target_is_time`: targets are spike times, `(batch, classes)`; below zero they count from the end.
    - `on_target`, `off_target`: the times of the right class and of the others. The library makes them by
        `spikegen.targets_rate`, so that of an `on_target` above `off_target`, both at zero or above remain.
    - `tolerance`: times nearer than this to their target have no error.
    - `multi_spike`: several spikes per neuron; `on_target` and `off_target` are lists of times, or the targets
        `(spikes, batch, classes)`.
    """

    target_is_time: bool = eqx.field(default=False, static=True)
    on_target: float | int | Sequence = eqx.field(default=0, static=True)
    off_target: float | int | Sequence = eqx.field(default=-1, static=True)
    tolerance: float | int = eqx.field(default=0, static=True)
    multi_spike: bool = eqx.field(default=False, static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction)
        lengths = [len(t) if isinstance(t, Sequence) else None for t in (self.on_target, self.off_target)]
        if not self.target_is_time and (lengths[0] != lengths[1] or self.multi_spike != (lengths[0] is not None)):
            raise ValueError(
                f"mse_temporal_loss was given on_target={self.on_target}, off_target={self.off_target} and "
                f"multi_spike={self.multi_spike}; it takes two numbers, or with multi_spike two lists of one length. "
                f"Give every spike of a class its time."
            )

    def __call__(self, spk_rec: Outputs, targets: Num[Array | np.ndarray, "..."]) -> _Values:
        steps, _, classes = spk_rec.shape
        aim = jnp.asarray(targets) if self.target_is_time else self._times(targets, classes)
        aim = aim.astype(spk_rec.dtype)
        aim = jnp.where(aim < 0, steps + aim, aim)
        times = _spike_times(len(aim) if self.multi_spike else 1, spk_rec)
        times = times if self.multi_spike else times[0]
        if times.shape != aim.shape:
            raise ValueError(
                f"mse_temporal_loss was given target times of shape {aim.shape}; it takes {times.shape}. Give a time "
                f"for each example and class."
            )
        near = jnp.abs(times - aim) < self.tolerance
        error = (jnp.where(near, aim, times) / steps - aim / steps) ** 2
        return _reduced(_weighted(error, targets, self.weight), self.reduction, self.weight)

    def _times(self, targets: Any, classes: int) -> _Values:
        on: Any = self.on_target
        off: Any = self.off_target
        if not self.multi_spike:
            return targets_rate(targets, classes, on_target=on, off_target=off)
        pairs = zip(on, off, strict=True)
        return jnp.stack([targets_rate(targets, classes, on_target=a, off_target=b) for a, b in pairs])


class ce_temporal_loss(eqx.Module):
    """The cross entropy of the first spike times: negated, or with `inverse="reciprocal"` as `1 / (time + 1)`.

    Here "mean" is over the weights, not the examples, and "sum" reduces.
    """

    inverse: str = eqx.field(default="negate", static=True)
    reduction: str = eqx.field(default="mean", static=True)
    weight: Weight = None

    def __check_init__(self) -> None:
        _check(self.reduction)
        if self.inverse not in ("negate", "reciprocal"):
            raise ValueError(f"inverse was given {self.inverse!r}; it takes 'negate' or 'reciprocal'. Use 'negate'.")

    def __call__(self, spk_rec: Outputs, targets: Targets) -> Float[Array, "..."]:
        times = _spike_times(1, spk_rec)[0]
        logits = -times if self.inverse == "negate" else 1 / (times + 1)
        loss = _cross_entropy(logits, targets, self.weight)
        if self.weight is None or self.reduction != "mean":
            return _reduced(loss, self.reduction, None)
        return jnp.sum(loss) / jnp.sum(jnp.asarray(self.weight).astype(loss.dtype)[targets])


class l1_rate_sparsity(eqx.Module):
    """`Lambda` times the number of spikes."""

    Lambda: float = eqx.field(default=1e-5, static=True)

    def __call__(self, spk_out: _Values) -> Float[Array, ""]:
        return self.Lambda * jnp.sum(spk_out)


def accuracy_rate(
    spk_out: Outputs, targets: Targets, population_code: bool = False, num_classes: int = False
) -> Float[Array, ""]:
    """The fraction of examples whose class fires most, the first of equal ones; see `ce_count_loss`."""
    _check("mean", population_code, num_classes)
    counts = _pooled(spk_out, num_classes) if population_code else jnp.sum(spk_out, axis=0)
    return metrics.accuracy(counts, targets)


def accuracy_temporal(spk_out: Outputs, targets: Targets) -> Float[Array, ""]:
    """The fraction of examples whose class fires first, the first of equal ones; silence counts as the last step."""
    return metrics.accuracy(-_first_spike(spk_out), targets)
