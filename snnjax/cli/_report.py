"""The pictures of a run."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Int, PyTree

from .. import decode, metrics, plot
from .._neuron import ALIF
from .._parameter import resolve
from .._probe import Probe, Probed, observations, probe
from .._unroll import unroll
from ..data import batches
from ._task import Task


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
    """Write all pictures of a run: activity on one test example, rates, curves, confusion."""
    model = eqx.nn.inference_mode(model)
    example = jax.tree.map(lambda a: jnp.asarray(a[0]), task.dataset.test)
    xs = task.encode(example.x, task.key)
    xs = xs if example.mask is None else xs[: int(example.mask.sum())]
    _, seen = unroll(probe(model), xs, key=task.key, record=observations)
    title = f"test example 0, class {int(example.label)}"
    plot.save(_raster(xs, seen, title), folder / "raster.png")
    plot.save(_membranes(model, seen, title), folder / "membranes.png")
    plot.save(plot.firing_rates(_rates(task, model)), folder / "rates.png")
    plot.save(_curves(history), folder / "curves.png")
    predicted, labels = jnp.asarray(predict(task, model)), jnp.asarray(task.dataset.test.label)
    matrix = metrics.confusion_matrix(predicted, labels, task.dataset.num_classes)
    plot.save(plot.confusion_matrix(matrix), folder / "confusion.png")


def _stacked(count: int, title: str) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(count, figsize=(7, 2.6 * count), squeeze=False, layout="constrained")
    figure.suptitle(title)
    return axes[:, 0]


def _raster(xs: Array, seen: dict, title: str) -> Any:
    """The input as an image, and the spikes of every spiking layer."""
    spiking = {name: layer for name, layer in seen.items() if layer.spiking}
    axes = _stacked(len(spiking) + 1, title)
    axes[0].imshow(np.asarray(xs).T, aspect="auto", origin="lower", cmap="gray_r", interpolation="nearest")
    axes[0].set(title="input", xlabel="time (steps)", ylabel="channel")
    for (name, layer), ax in zip(spiking.items(), axes[1:], strict=True):
        plot.raster(layer.out, title=name, ax=ax)
    return axes[0]


def _membranes(model: PyTree, seen: dict, title: str) -> Any:
    """Three neurons of every spiking layer before their resets, and the classes that score highest."""
    probes = jax.tree.leaves(probe(resolve(model)), is_leaf=lambda node: isinstance(node, Probe))
    cells: dict[str, Any] = {p.name: p.cell for p in probes if isinstance(p, Probe)}
    axes = _stacked(len(seen), title)
    for (name, layer), ax in zip(seen.items(), axes, strict=True):
        mean = np.asarray(layer.out).mean(axis=0)
        if layer.spiking:
            # Neurons that fire now and then, each at another rate, show more than silent ones.
            neurons = sorted({int(np.argmin(np.abs(mean - rate))) for rate in (0.15, 0.35, 0.6)})
            v = layer.before.v
            threshold = _threshold(cells[name], layer, v)
            plot.membrane(v, layer.out, threshold=threshold, neurons=neurons, title=name, ax=ax)
        else:
            highest = np.sort(np.argsort(-mean)[:4])
            plot.membrane(layer.out, neurons=highest, title=f"{name}: the four highest classes", ax=ax)
    return axes[0]


def _threshold(cell: Any, layer: Probed, v: Array) -> Array:
    """The threshold in each step; that of an adaptive neuron hears the adaptation of the step before."""
    raised = 0.0
    if isinstance(cell, ALIF):
        raised = cell.strength * jnp.concatenate([jnp.zeros_like(v[:1]), layer.state.a[:-1]])
    return jnp.broadcast_to(cell.threshold + raised, v.shape)


def _rates(task: Task, model: PyTree) -> dict[str, np.ndarray]:
    """The rate of every spiking neuron, averaged over up to 64 test examples."""
    some = jax.tree.map(lambda a: jnp.asarray(a[:64]), task.dataset.test)

    def one(example: Any, key: Array) -> dict[str, Array]:
        xs = task.encode(example.x, key)
        _, seen = unroll(probe(model), xs, key=key, record=observations)
        return {n: decode.rate(layer.out, example.mask) for n, layer in seen.items() if layer.spiking}

    rates = jax.jit(jax.vmap(one))(some, jr.split(task.key, some.x.shape[0]))
    return {name: np.asarray(rate).mean(axis=0) for name, rate in rates.items()}


def _curves(history: list[dict]) -> Any:
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    plot.curves(history, ["train_loss", "validation_loss"], ylabel="loss", ax=left)
    plot.curves(history, ["train_accuracy", "validation_accuracy"], ylabel="accuracy", ax=right)
    return left
