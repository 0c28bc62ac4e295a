"""One step of training, and one evaluation."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PyTree

from .._parameter import trainable
from .._statistics import with_statistics
from ..data import Batch, batches

if TYPE_CHECKING:
    import optax


def batch_loss(loss: Callable, model: PyTree, batch: Batch, key: Array) -> tuple[Float[Array, ""], dict]:
    """Mean loss and mean metrics over the rows of a batch that count.

    **Arguments:**

    - `loss`: `loss(model, example, key) -> (value, metrics)` for one example. It is mapped over the axis `"batch"`.
    - `model`: any pytree.
    - `batch`: examples on axis 0, and their weights; see `snnjax.data.batches`.
    - `key`: split into one key per row.

    **Returns:** the mean loss, and the mean metrics with the loss among them. Under `statistics`, if there are any, is
    what norms keep between batches.
    """
    keys = jr.split(key, batch.weight.shape[0])
    values, metrics = eqx.filter_vmap(loss, in_axes=(None, 0, 0), axis_name="batch")(model, batch.example, keys)
    statistics = metrics.pop("statistics", None)
    kept = {} if statistics is None else {"statistics": jax.tree.map(lambda of_rows: of_rows[0], statistics)}

    def mean(per_row: Array) -> Array:
        weight = jnp.asarray(batch.weight).astype(per_row.dtype)
        return jnp.sum(per_row * weight) / jnp.sum(weight)

    value = mean(values)
    return value, {"loss": value, **jax.tree.map(mean, metrics), **kept}


def update(
    optimiser: "optax.GradientTransformation",
    loss: Callable,
    model: PyTree,
    opt_state: PyTree,
    batch: Batch,
    key: Array,
) -> tuple[PyTree, PyTree, dict]:
    """One step of training, not compiled: for `vmap` over seeds, `pmap`, or a loop of your own.

    **Arguments:**

    - `optimiser`: an optax optimiser, made ready by `optimiser.init(eqx.filter(model, trainable(model)))`.
    - `loss`: for one example.
    - `model`, `opt_state`: what is trained. What norms keep between batches is inside of the model, see
        `with_statistics`, and is replaced by what the loss has under `statistics` among its metrics.
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
    model = eqx.combine(eqx.apply_updates(trained, updates), rest)
    if "statistics" in metrics:
        model = with_statistics(model, metrics.pop("statistics"))
    return model, opt_state, metrics


def make_step(optimiser: "optax.GradientTransformation", loss: Callable) -> Callable:
    """The compiled `step(model, opt_state, batch, key) -> (model, opt_state, metrics)`. See `update`."""

    @eqx.filter_jit
    def step(model: PyTree, opt_state: PyTree, batch: Batch, key: Array) -> tuple:
        return update(optimiser, loss, model, opt_state, batch, key)

    return step


@eqx.filter_jit
def _evaluate_batch(loss: Callable, model: PyTree, batch: Batch, key: Array) -> dict:
    metrics = batch_loss(loss, model, batch, key)[1]
    metrics.pop("statistics", None)
    return metrics


def evaluate(model: PyTree, loss: Callable, data: PyTree, *, batch_size: int = 256, key: Array) -> dict:
    """Mean loss and metrics over a data set, with dropout and the like switched off.

    **Arguments:**

    - `model`: any pytree.
    - `loss`: for one example.
    - `data`: arrays with examples on axis 0; for `Classify` a `snnjax.data.Split`, or `snnjax.data.Buckets`.
    - `batch_size`: rows per compiled call.
    - `key`: for encoders that draw random numbers.

    **Returns:** a dictionary of floats, with `loss` among them.
    """
    model = eqx.nn.inference_mode(model)
    parts = []
    for i, batch in enumerate(batches(data, batch_size)):
        metrics = _evaluate_batch(loss, model, batch, jr.fold_in(key, i))
        parts.append((metrics, float(batch.weight.sum())))
    return average(parts)


def average(parts: list[tuple[dict, float]]) -> dict:
    """Metrics of batches, averaged by their numbers of examples, as Python floats."""
    total = sum(weight for _, weight in parts)
    weighted = [jax.tree.map(lambda m, w=w: float(m) * w / total, metrics) for metrics, w in parts]
    return jax.tree.map(lambda *terms: math.fsum(terms), *weighted)
