"""The pictures of a run."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int, PyTree

from .. import metrics, plot
from .._probe import observations, probe
from .._unroll import unroll
from ..data import batches
from ._task import Task

PICTURES = ("raster.png", "membranes.png", "rates.png", "curves.png", "confusion.png")


@eqx.filter_jit
def _predict_batch(loss: Any, model: PyTree, example: Any, keys: Array) -> Int[Array, " batch"]:
    scores, _ = eqx.filter_vmap(loss.logits, in_axes=(None, 0, 0))(model, example, keys)
    return jnp.argmax(scores, axis=-1)


def predict(task: Task, model: PyTree) -> np.ndarray:
    """The predicted class of every test example."""
    model = eqx.nn.inference_mode(model)
    parts = []
    for i, batch in enumerate(batches(task.dataset.test, 256)):
        keys = jr.split(jr.fold_in(task.key, i), 256)
        labels = np.asarray(_predict_batch(task.loss, model, batch.example, keys))
        parts.append(labels[batch.weight > 0])
    return np.concatenate(parts)


def draw(task: Task, model: PyTree, history: list[dict], folder: Path) -> None:
    """Write all pictures of a run: activity of one test example, rates, curves, confusion."""
    import matplotlib.pyplot as plt

    model = eqx.nn.inference_mode(model)
    first = jax.tree.map(lambda a: jnp.asarray(a[0]), task.dataset.test)
    xs = task.loss.encode(first.x, task.key) if task.loss.encode else first.x
    length = xs.shape[0] if first.mask is None else int(first.mask.sum())
    _, seen = unroll(probe(model), xs[:length], key=task.key, record=observations)
    spiking = {name: layer for name, layer in seen.items() if layer.spiking}
    title = f"test example 0, class {int(first.label)}"

    def stacked(count: int) -> Any:
        figure, axes = plt.subplots(count, figsize=(7, 2.6 * count), squeeze=False, layout="constrained")
        figure.suptitle(title)
        return axes[:, 0]

    axes = stacked(len(spiking) + 1)
    plot.raster((xs[:length] > 0).astype(xs.dtype), title="input (above zero)", ax=axes[0])
    for (name, layer), ax in zip(spiking.items(), axes[1:], strict=True):
        plot.raster(layer.out, title=name, ax=ax)
    plot.save(axes[0], folder / "raster.png")

    axes = stacked(len(seen))
    for (name, layer), ax in zip(seen.items(), axes, strict=True):
        if layer.spiking:
            plot.membrane(layer.before.v, layer.out, threshold=_threshold(model, name), title=name, ax=ax)
        else:
            plot.membrane(layer.out, title=f"{name}: one trace per class", ax=ax)
    plot.save(axes[0], folder / "membranes.png")

    rates = {name: np.asarray(layer.out).mean(axis=0) for name, layer in spiking.items()}
    plot.save(plot.firing_rates(rates), folder / "rates.png")

    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    plot.curves(history, ["train_loss", "validation_loss"], ax=left)
    plot.curves(history, ["train_accuracy", "validation_accuracy"], ax=right)
    plot.save(left, folder / "curves.png")

    matrix = metrics.confusion_matrix(
        jnp.asarray(predict(task, model)),
        jnp.asarray(task.dataset.test.label),
        task.dataset.num_classes,
    )
    plot.save(plot.confusion_matrix(matrix), folder / "confusion.png")


def _threshold(model: PyTree, name: str) -> float:
    """The resting threshold of the neuron that a probe's name points to."""
    found = {}

    def look(path: Any, node: Any) -> None:
        del path
        found[node.name] = node.cell

    is_probe = lambda node: type(node).__name__ == "Probe"  # noqa: E731
    jax.tree_util.tree_map_with_path(
        lambda path, node: look(path, node) if is_probe(node) else None,
        probe(model),
        is_leaf=is_probe,
    )
    return float(found[name].threshold)
