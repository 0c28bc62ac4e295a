"""A run on disk: its checkpoint and its metrics."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PyTree

from .. import checkpoint
from .._parameter import as_parameter, trainable

if TYPE_CHECKING:
    import optax


class Fitted(NamedTuple):
    """What `fit` returns.

    `model` is the one after the last epoch, or the best on the validation data if `patience` was given; `history`
    has a dictionary of metrics per epoch; `opt_state` belongs to the last epoch.
    """

    model: PyTree
    history: list[dict]
    opt_state: PyTree


class Run(eqx.Module):
    """What a checkpoint holds."""

    model: PyTree
    opt_state: PyTree
    best: PyTree
    key: Array
    epoch: Array


def fresh(model: PyTree, optimiser: "optax.GradientTransformation", key: Array, early_stopping: bool) -> Run:
    """A run before its first step; also what a checkpoint is loaded into."""
    model = jax.tree.map(lambda leaf: as_parameter(leaf) if eqx.is_array(leaf) else leaf, model)
    opt_state = optimiser.init(eqx.filter(model, trainable(model)))
    return Run(model, opt_state, model if early_stopping else None, key, jnp.asarray(0))


def restore(folder: str | Path, model: PyTree, optimiser: "optax.GradientTransformation", *, key: Array) -> Fitted:
    """The last checkpoint of a run that `fit` wrote, without training on.

    **Arguments:**

    - `folder`: the run's folder.
    - `model`, `optimiser`, `key`: as they were given to `fit` (their values do not matter, their shapes do).

    **Returns:** what `fit` would have returned after the last complete epoch.

    Raises a `CheckpointError` if the file is damaged or belongs to another model.
    """
    path = Path(folder) / "checkpoint.npz"
    early_stopping = checkpoint.read_metadata(path)["settings"]["patience"] is not None
    run, metadata = checkpoint.load(path, fresh(model, optimiser, key, early_stopping))
    best = run.best if early_stopping else run.model
    return Fitted(best, metadata["history"], run.opt_state)


def begin(run: Run, folder: str | Path | None, resume: bool, settings: dict) -> tuple[Run, list[dict]]:
    """The run to continue, or the fresh one."""
    if folder is None:
        if resume:
            raise ValueError("fit was given resume=True and no folder; it continues from a folder. Pass it.")
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


def save(run: Run, folder: str | Path | None, history: list[dict], settings: dict) -> None:
    """Write the checkpoint, then the line of metrics: a kill in between is mended by `begin`."""
    if folder is not None:
        metadata = {"settings": settings, "history": history}
        checkpoint.save(Path(folder) / "checkpoint.npz", run, metadata)
        with open(Path(folder) / "metrics.jsonl", "a") as file:
            file.write(json.dumps(history[-1]) + "\n")


def _write_metrics(folder: Path, history: list[dict]) -> None:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
