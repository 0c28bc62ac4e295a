"""The training loop."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PyTree

from .._progress import progress_bar
from ..data import batches
from ..data._batches import count_batches
from ._run import Fitted, Run, begin, fresh, save
from ._slope import with_slope
from ._step import average, evaluate, make_step

if TYPE_CHECKING:
    import optax

#: A layer is called silent or saturated when its mean rate, in spikes per neuron and step, leaves this range.
SILENT, SATURATED = 1e-3, 0.9


def fit(
    model: PyTree,
    optimiser: "optax.GradientTransformation",
    loss: Callable,
    data: PyTree,
    *,
    epochs: int,
    key: Array,
    batch_size: int = 64,
    validation: PyTree | None = None,
    patience: int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    slope: Callable | None = None,
) -> Fitted:
    """Train a model: shuffled batches, one compilation, a progress bar, evaluation, checkpoints.

    **Arguments:**

    - `model`: any pytree; every array in it that is not under `Fixed` is trained. Norms that keep statistics have them
        inside: `snn.with_statistics(*eqx.nn.make_with_state(build)(key))`.
    - `optimiser`: an optax optimiser.
    - `loss`: `loss(model, example, key) -> (value, metrics)` for one example, such as `Classify()`.
    - `data`: arrays with examples on axis 0; for `Classify` a `snnjax.data.Split`, or `snnjax.data.Buckets`.
    - `epochs`: how often to go through the data, all in all (also when resuming).
    - `key`: decides the order of the data and everything random.
    - `batch_size`: rows per step.
    - `validation`: data to evaluate on after every epoch.
    - `patience`: stop when the validation loss has not improved for so many epochs, and return the best model.
    - `folder`: where to write `metrics.jsonl` (a line per epoch) and `checkpoint.npz` (after every epoch).
    - `resume`: continue from the folder's checkpoint, bit for bit as if never interrupted.
    - `progress`: show the bar.
    - `slope`: the slope of all surrogates by the number of steps taken, such as
        `optax.linear_schedule(1.0, 25.0, 1000)`, or None to leave them as they are; see `with_slope`.

    **Returns:** a `Fitted`: the model, the history, the optimiser's state.

    Warns (`UserWarning`) of layers that are silent or saturated after the first batch. Raises a
    `FloatingPointError` if the loss becomes NaN or infinite, and a `ValueError` for a folder that already holds a run
    when not resuming, or one of another run when resuming.

    ```python
    import equinox as eqx
    import jax
    import optax
    import snnjax as snn

    key = jax.random.key(0)
    digits = snn.data.load("digits")
    model = snn.Sequential(eqx.nn.Linear(64, 10, key=key), snn.LI(tau=4.0))
    loss = snn.train.Classify(encode=lambda x, key: snn.encode.direct(x, 4))
    fitted = snn.train.fit(model, optax.adam(1e-2), loss, digits.train, epochs=1, key=key, progress=False)
    ```
    """
    if patience is not None and validation is None:
        raise ValueError(
            f"fit was given patience={patience} and no validation data; early stopping needs some. Hold a "
            f"part of the training data back and pass it as `validation`."
        )
    settings = {"batch_size": batch_size, "patience": patience}
    if slope is not None:
        model = with_slope(model, slope(0))
    start = fresh(model, optimiser, key, early_stopping=patience is not None)
    run, history = begin(start, folder, resume, settings)
    step = make_step(optimiser, loss)
    steps_per_epoch = count_batches(data, batch_size)

    with progress_bar(epochs * steps_per_epoch, int(run.epoch) * steps_per_epoch, progress) as bar:
        for epoch in range(int(run.epoch), epochs):
            if _is_exhausted(history, patience):
                break
            order_key, step_key, validation_key = jr.split(jr.fold_in(run.key, epoch), 3)
            model, opt_state, parts = run.model, run.opt_state, []
            for i, batch in enumerate(batches(data, batch_size, key=order_key)):
                if slope is not None:
                    model = with_slope(model, slope(epoch * steps_per_epoch + i))
                model, opt_state, metrics = step(model, opt_state, batch, jr.fold_in(step_key, i))
                parts.append((metrics, float(batch.weight.sum())))
                if epoch == 0 and i == 0:
                    _warn_of_extreme_rates(metrics)
                bar.update(1)
            row = {"epoch": epoch + 1, **_named("train", average(parts))}
            if validation is not None:
                measured = evaluate(model, loss, validation, key=validation_key)
                row |= _named("validation", measured)
            _stop_if_not_finite(row)
            history = [*history, row]
            bar.set_postfix_str(_summary(row))
            improved = patience is not None and _epochs_since_best(history) == 0
            best = model if improved else run.best
            run = Run(model, opt_state, best, run.key, jnp.asarray(epoch + 1))
            save(run, folder, history, settings)
    return Fitted(run.model if patience is None else run.best, history, run.opt_state)


def _epochs_since_best(history: list[dict]) -> int:
    # A loss that is not a number is no improvement, but would be the smallest for `argmin`.
    losses = np.nan_to_num([row["validation_loss"] for row in history], nan=np.inf, posinf=np.inf)
    return len(losses) - 1 - int(np.argmin(losses))


def _is_exhausted(history: list[dict], patience: int | None) -> bool:
    return bool(history) and patience is not None and _epochs_since_best(history) >= patience


def _named(part: str, metrics: dict) -> dict:
    return {f"{part}_{name}": value for name, value in metrics.items()}


def _summary(row: dict) -> str:
    numbers = {name: value for name, value in row.items() if isinstance(value, float)}
    words = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in numbers.items()]
    return ", ".join([f"epoch {row['epoch']}", *words])


def _stop_if_not_finite(row: dict) -> None:
    if not math.isfinite(row["train_loss"]):
        raise FloatingPointError(
            f"the loss is {row['train_loss']} in epoch {row['epoch']}; it must be finite. Look for inputs that "
            f"are not finite (`unroll(..., check=True)` names the layer), labels outside 0 to classes - 1, or a "
            f"learning rate that is too high. The checkpoint of the epoch before is untouched."
        )


def _warn_of_extreme_rates(metrics: dict) -> None:
    for name, rate in metrics.get("rates", {}).items():
        if SILENT <= float(rate) <= SATURATED:
            continue
        state, consequence, remedy = (
            ("silent", "hardly any gradient reaches it", "up")
            if float(rate) < SILENT
            else ("saturated", "it carries hardly any information", "down")
        )
        warnings.warn(
            f"{name} is {state} after the first batch, with {float(rate):.4f} spikes per neuron and step; "
            f"{SILENT} to {SATURATED} is healthy, and outside {consequence}. Scale the weights in front of it "
            f"{remedy}, for instance with `snnjax.init.match_rates`.",
            stacklevel=3,
        )
