"""Training: one step, one evaluation, and a loop around them, each short enough to paste and change.

A loss is a function of one example, `loss(model, example, key) -> (value, metrics)`, where `metrics` is a dictionary
of scalars (or of dictionaries of scalars) that are averaged. `Classify` is one; write your own for anything else.
"""

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PyTree

from . import checkpoint, decode
from ._loop import BPTT, AbstractLoop
from ._parameter import as_parameter, trainable
from ._probe import observations, probe
from ._progress import progress_bar
from ._types import Key
from ._unroll import unroll
from .data import Batch, batches
from .losses import cross_entropy
from .metrics import firing_rate, is_correct

if TYPE_CHECKING:
    import optax

#: A layer is called silent or saturated when its mean rate, in spikes per neuron and step, leaves this range.
SILENT, SATURATED = 1e-3, 0.9


def _outputs_and_spikes(state: Any, out: Any) -> tuple[Any, dict[str, Array]]:
    return out, {name: seen.out for name, seen in observations(state).items() if seen.spiking}


class Classify(eqx.Module):
    """The loss of a classifier: unroll, read out one score per class, cross-entropy.

    Called as `value, metrics = loss(model, example, key)`. The metrics are `accuracy` and, under `rates`, the
    mean firing rate of every spiking layer.

    **Arguments:**

    - `readout`: a decoder from `snnjax.decode`, called as `readout(ys, mask)`.
    - `encode`: a function `(x, key) -> xs` that makes the input sequence of one example; None takes the
        example as it is.
    - `loop`: how the backward pass goes through time.
    - `smoothing`: label smoothing, from 0 to below 1.

    An example is `(x, label)` or `(x, label, mask)`.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    key = jax.random.key(0)
    model = snn.Sequential(eqx.nn.Linear(8, 3, key=key), snn.LI())
    loss = snn.train.Classify(encode=lambda x, key: snn.encode.direct(x, 16))
    value, metrics = loss(model, (jax.random.uniform(key, (8,)), 2), key)
    ```
    """

    readout: Callable = decode.max_membrane
    encode: Callable | None = None
    loop: AbstractLoop = BPTT()
    smoothing: float = 0.0

    def logits(
        self, model: PyTree, example: Any, key: Key
    ) -> tuple[Float[Array, " classes"], dict[str, Array]]:
        """The scores of the classes for one example, and the firing rate of every spiking layer."""
        x, _, *rest = example
        mask = rest[0] if rest else None
        encode_key, model_key = jr.split(key)
        xs = x if self.encode is None else self.encode(x, encode_key)
        _, (ys, spikes) = unroll(
            probe(model), xs, key=model_key, loop=self.loop, record=_outputs_and_spikes
        )
        return self.readout(ys, mask), {n: firing_rate(zs, mask) for n, zs in spikes.items()}

    def __call__(self, model: PyTree, example: Any, key: Key) -> tuple[Float[Array, ""], dict]:
        scores, rates = self.logits(model, example, key)
        label = example[1]
        metrics = {"accuracy": is_correct(scores, label), "rates": rates}
        return cross_entropy(scores, label, smoothing=self.smoothing), metrics


def batch_loss(
    loss: Callable, model: PyTree, batch: Batch, key: Key
) -> tuple[Float[Array, ""], dict]:
    """Mean loss and mean metrics over the rows of a batch that count.

    **Arguments:**

    - `loss`: `loss(model, example, key) -> (value, metrics)` for one example.
    - `model`: any pytree.
    - `batch`: examples on axis 0, and their weights; see `snnjax.data.batches`.
    - `key`: split into one key per row.

    **Returns:** the mean loss, and the mean metrics with the loss among them.
    """
    keys = jr.split(key, batch.weight.shape[0])
    values, metrics = eqx.filter_vmap(loss, in_axes=(None, 0, 0))(model, batch.example, keys)

    def mean(per_row: Array) -> Array:
        weight = jnp.asarray(batch.weight).astype(per_row.dtype)
        return jnp.sum(per_row * weight) / jnp.sum(weight)

    value = mean(values)
    return value, {"loss": value, **jax.tree.map(mean, metrics)}


def update(
    optimiser: "optax.GradientTransformation",
    loss: Callable,
    model: PyTree,
    opt_state: PyTree,
    batch: Batch,
    key: Key,
) -> tuple[PyTree, PyTree, dict]:
    """One step of training, not compiled: for `vmap` over seeds, `pmap`, or a loop of your own.

    **Arguments:**

    - `optimiser`: an optax optimiser, made ready by `optimiser.init(eqx.filter(model, trainable(model)))`.
    - `loss`: for one example.
    - `model`, `opt_state`: what is trained.
    - `batch`: see `snnjax.data.batches`.
    - `key`: for encoders and stochastic layers.

    **Returns:** the new model, the new optimiser state, and the metrics of this batch.
    """
    trained, rest = eqx.partition(model, trainable(model))

    @eqx.filter_grad(has_aux=True)
    def gradient(trained: PyTree) -> tuple[Array, dict]:
        return batch_loss(loss, eqx.combine(trained, rest), batch, key)

    gradients, metrics = gradient(trained)
    updates, opt_state = optimiser.update(gradients, opt_state, trained)
    return eqx.combine(eqx.apply_updates(trained, updates), rest), opt_state, metrics


def make_step(optimiser: "optax.GradientTransformation", loss: Callable) -> Callable:
    """The compiled `step(model, opt_state, batch, key) -> (model, opt_state, metrics)`. See `update`."""

    @eqx.filter_jit
    def step(model: PyTree, opt_state: PyTree, batch: Batch, key: Key) -> tuple:
        return update(optimiser, loss, model, opt_state, batch, key)

    return step


@eqx.filter_jit
def _evaluate_batch(loss: Callable, model: PyTree, batch: Batch, key: Key) -> dict:
    return batch_loss(loss, model, batch, key)[1]


def evaluate(
    model: PyTree, loss: Callable, data: PyTree, *, batch_size: int = 256, key: Key
) -> dict:
    """Mean loss and metrics over a data set, with dropout and the like switched off.

    **Arguments:**

    - `model`: any pytree.
    - `loss`: for one example.
    - `data`: arrays with examples on axis 0; for `Classify` a `snnjax.data.Split`.
    - `batch_size`: rows per compiled call.
    - `key`: for encoders that draw random numbers.

    **Returns:** a dictionary of floats, with `loss` among them.
    """
    model = eqx.nn.inference_mode(model)
    parts = []
    for i, batch in enumerate(batches(data, batch_size)):
        metrics = _evaluate_batch(loss, model, batch, jr.fold_in(key, i))
        parts.append((metrics, float(batch.weight.sum())))
    return _average(parts)


def _average(parts: list[tuple[dict, float]]) -> dict:
    """Metrics of batches, averaged by their numbers of examples, as Python floats."""
    total = sum(weight for _, weight in parts)
    weighted = [jax.tree.map(lambda m, w=w: float(m) * w / total, metrics) for metrics, w in parts]
    return jax.tree.map(lambda *terms: math.fsum(terms), *weighted)


class Fitted(NamedTuple):
    """What `fit` returns.

    `model` is the one after the last epoch, or the best on the validation data if `patience` was given; `history`
    has a dictionary of metrics per epoch; `opt_state` belongs to the last epoch.
    """

    model: PyTree
    history: list[dict]
    opt_state: PyTree


class _Run(eqx.Module):
    """What a checkpoint holds."""

    model: PyTree
    opt_state: PyTree
    best: PyTree
    key: Array
    epoch: Array


def fit(
    model: PyTree,
    optimiser: "optax.GradientTransformation",
    loss: Callable,
    data: PyTree,
    *,
    epochs: int,
    key: Key,
    batch_size: int = 64,
    validation: PyTree | None = None,
    patience: int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Fitted:
    """Train a model: shuffled batches, one compilation, a progress bar, evaluation, checkpoints.

    **Arguments:**

    - `model`: any pytree; every array in it that is not under `Fixed` is trained.
    - `optimiser`: an optax optimiser.
    - `loss`: `loss(model, example, key) -> (value, metrics)` for one example, such as `Classify()`.
    - `data`: arrays with examples on axis 0; for `Classify` a `snnjax.data.Split`.
    - `epochs`: how often to go through the data, all in all (also when resuming).
    - `key`: decides the order of the data and everything random.
    - `batch_size`: rows per step.
    - `validation`: data to evaluate on after every epoch.
    - `patience`: stop when the validation loss has not improved for so many epochs, and return the best model.
    - `folder`: where to write `metrics.jsonl` (a line per epoch) and `checkpoint.npz` (after every epoch).
    - `resume`: continue from the folder's checkpoint, bit for bit as if never interrupted.
    - `progress`: show the bar.

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
    model = jax.tree.map(lambda leaf: as_parameter(leaf) if eqx.is_array(leaf) else leaf, model)
    opt_state = optimiser.init(eqx.filter(model, trainable(model)))
    best = None if patience is None else model
    run = _Run(model, opt_state, best, key, jnp.asarray(0))
    settings = {"batch_size": batch_size, "patience": patience}
    run, history = _begin(run, folder, resume, settings)
    step = make_step(optimiser, loss)
    steps_per_epoch = math.ceil(jax.tree.leaves(data)[0].shape[0] / batch_size)

    with progress_bar(
        epochs * steps_per_epoch, int(run.epoch) * steps_per_epoch, progress
    ) as progress_shown:
        for epoch in range(int(run.epoch), epochs):
            if _is_exhausted(history, patience):
                break
            order_key, step_key, validation_key = jr.split(jr.fold_in(run.key, epoch), 3)
            model, opt_state, parts = run.model, run.opt_state, []
            for i, batch in enumerate(batches(data, batch_size, key=order_key)):
                model, opt_state, metrics = step(
                    model, opt_state, batch, jr.fold_in(step_key, i)
                )
                parts.append((metrics, float(batch.weight.sum())))
                if epoch == 0 and i == 0:
                    _warn_of_extreme_rates(metrics)
                progress_shown.update(1)
            row = {"epoch": epoch + 1, "train": _average(parts)}
            if validation is not None:
                row["validation"] = evaluate(model, loss, validation, key=validation_key)
            _stop_if_not_finite(row)
            history = [*history, row]
            progress_shown.set_postfix_str(_summary(row))
            if patience is not None:
                best = model if _epochs_since_best(history) == 0 else run.best
            run = _Run(model, opt_state, best, run.key, jnp.asarray(epoch + 1))
            _save(run, folder, history, settings)
    return Fitted(run.model if patience is None else run.best, history, run.opt_state)


def _epochs_since_best(history: list[dict]) -> int:
    losses = [row["validation"]["loss"] for row in history]
    return len(losses) - 1 - int(np.argmin(losses))


def _is_exhausted(history: list[dict], patience: int | None) -> bool:
    return bool(history) and patience is not None and _epochs_since_best(history) >= patience


def _summary(row: dict) -> str:
    words = [f"epoch {row['epoch']}"]
    for part in ("train", "validation"):
        numbers = {k: v for k, v in row.get(part, {}).items() if isinstance(v, float)}
        words += [f"{part} {name} {value:.4f}" for name, value in numbers.items()]
    return ", ".join(words)


def _stop_if_not_finite(row: dict) -> None:
    if not math.isfinite(row["train"]["loss"]):
        raise FloatingPointError(
            f"the loss is {row['train']['loss']} in epoch {row['epoch']}; it must be finite. Look for inputs that "
            f"are not finite (`unroll(..., check=True)` names the layer), labels outside 0 to classes - 1, or a "
            f"learning rate that is too high. The checkpoint of the epoch before is untouched."
        )


def _warn_of_extreme_rates(metrics: dict) -> None:
    for name, rate in metrics.get("rates", {}).items():
        if not SILENT <= float(rate) <= SATURATED:
            silent = float(rate) < SILENT
            warnings.warn(
                f"{name} is {'silent' if silent else 'saturated'} after the first batch: {float(rate):.4f} spikes "
                f"per neuron and step, where {SILENT} to {SATURATED} is healthy. "
                f"{'No gradient may reach it. Scale the weights in front of it up' if silent else 'It carries no information. Scale the weights in front of it down'}"
                f", for instance with `snnjax.init.match_rates`.",
                stacklevel=3,
            )


def _begin(
    run: _Run, folder: str | Path | None, resume: bool, settings: dict
) -> tuple[_Run, list[dict]]:
    """The run to continue, or the fresh one."""
    if folder is None:
        if resume:
            raise ValueError(
                "fit was given resume=True and no folder; it continues from a folder. Pass it."
            )
        return run, []
    path = Path(folder) / "checkpoint.npz"
    if not path.exists():
        Path(folder).mkdir(parents=True, exist_ok=True)
        _write_metrics(Path(folder), [])
        return run, []
    if not resume:
        raise ValueError(
            f"fit was given the folder {folder}, which already holds a run; it takes a new folder, or resume=True "
            f"to continue that run. Nothing was changed."
        )
    loaded, metadata = checkpoint.load(path, run)
    if metadata["settings"] != settings:
        raise ValueError(
            f"fit was given {settings} to resume a run of {metadata['settings']}; a run continues with the "
            f"settings it was begun with. Use those, or begin a new run in another folder."
        )
    if not np.array_equal(jr.key_data(loaded.key), jr.key_data(run.key)):
        raise ValueError(
            "fit was given another key than the run it should resume; a run continues with the key it was begun "
            "with. Pass that key, or begin a new run in another folder."
        )
    _write_metrics(Path(folder), metadata["history"])
    return loaded, metadata["history"]


def _save(run: _Run, folder: str | Path | None, history: list[dict], settings: dict) -> None:
    if folder is not None:
        metadata = {"settings": settings, "history": history}
        checkpoint.save(Path(folder) / "checkpoint.npz", run, metadata)
        with open(Path(folder) / "metrics.jsonl", "a") as file:
            file.write(json.dumps(history[-1]) + "\n")


def _write_metrics(folder: Path, history: list[dict]) -> None:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
