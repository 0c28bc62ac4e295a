"""Parses the command line and runs it."""

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ._config import DEFAULTS, ENCODINGS, NEURONS, Config, check, load_config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snnjax",
        description="Train and look at spiking neural networks on data that comes with the package.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser(
        "train",
        help="train a network, and write a run folder with metrics, checkpoint and pictures",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    tasks = train.add_subparsers(dest="task", required=True)
    for name, default in DEFAULTS.items():
        _add_training_options(tasks, name, default)
    evaluate = commands.add_parser("evaluate", help="test accuracy and firing rates of a run")
    evaluate.add_argument("run", type=Path, help="a folder written by `snnjax train`")
    commands.add_parser("info", help="versions and devices")
    return parser


def _add_training_options(tasks: argparse._SubParsersAction, name: str, default: Config) -> None:
    parser = tasks.add_parser(
        name,
        help={"digits": "8x8 images of digits", "vowels": "speakers by their vowels"}[name],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--epochs", type=int, default=default.epochs, help="times through the training data")
    add("--batch-size", type=int, default=default.batch_size, help="examples per step")
    add("--hidden", type=int, nargs="+", default=default.hidden, help="neurons per hidden layer")
    add("--neuron", choices=NEURONS, default=default.neuron, help="the hidden neurons")
    add(
        "--encoding",
        choices=ENCODINGS[name],
        default=default.encoding,
        help="how values become input",
    )
    add("--steps", type=int, default=default.steps, help="time steps per image or frame")
    add(
        "--learning-rate",
        type=float,
        default=default.learning_rate,
        help="at the start; falls as a cosine",
    )
    add("--seed", type=int, default=default.seed, help="decides everything random")
    add("--out", type=Path, default=None, help="run folder (default: a new one under runs/)")
    add("--resume", action="store_true", help="continue the run in --out from its checkpoint")
    add("--no-plots", action="store_true", help="no pictures, and nothing is installed for them")


def _train(options: argparse.Namespace) -> None:
    fields = {f.name: getattr(options, f.name) for f in dataclasses.fields(Config)}
    config = Config(**{**fields, "hidden": tuple(options.hidden)})
    check(config)
    folder = options.out or Path("runs") / f"{config.task}-{time.strftime('%Y%m%d-%H%M%S')}"
    if options.resume and options.out is None:
        raise ValueError("--resume was given without --out; it continues the run in a folder. Name it by --out.")
    if (folder / "config.json").exists():
        _check_same_run(config, folder, options.resume)
    from ._extras import ensure_pictures

    pictures = not options.no_plots and ensure_pictures()

    from ..train import evaluate, fit
    from ._report import draw
    from ._task import build

    task = build(config)
    folder.mkdir(parents=True, exist_ok=True)
    config.save(folder / "config.json")
    begin = time.perf_counter()
    fitted = fit(
        task.model,
        task.optimiser,
        task.training_loss,
        task.dataset.train,
        epochs=config.epochs,
        key=task.key,
        batch_size=config.batch_size,
        validation=task.dataset.test,  # only to be looked at: nothing is chosen by it
        folder=folder,
        resume=options.resume,
    )
    print(f"trained for {len(fitted.history)} epochs in {time.perf_counter() - begin:.1f} s")
    if pictures:
        draw(task, fitted.model, fitted.history, folder)
    print(f"run folder: {folder}")
    test = evaluate(fitted.model, task.loss, task.dataset.test, key=task.key)
    print(f"test accuracy: {test['accuracy']:.4f}")


def _check_same_run(config: Config, folder: Path, resume: bool) -> None:
    if not resume:
        raise ValueError(
            f"--out was given {folder}, which already holds a run; it takes a new folder, or --resume to continue "
            f"that run. Nothing was changed."
        )
    before, now = dataclasses.asdict(load_config(folder)), dataclasses.asdict(config)
    changed = [f"{k}: {before[k]} -> {now[k]}" for k in now if before[k] != now[k]]
    if changed:
        raise ValueError(
            f"--resume was given other options than the run in {folder} ({'; '.join(changed)}); a run continues "
            f"with the options it was begun with. Repeat those, or begin a new run."
        )


def _evaluate(options: argparse.Namespace) -> None:
    config = load_config(options.run)
    from ..train import evaluate, restore
    from ._task import build

    task = build(config)
    fitted = restore(options.run, task.model, task.optimiser, key=task.key)
    test = evaluate(fitted.model, task.loss, task.dataset.test, key=task.key)
    print(f"{config.task}: {len(fitted.history)} of {config.epochs} epochs")
    for name, rate in test["rates"].items():
        print(f"firing rate of {name}: {rate:.4f} spikes per neuron and step")
    print(f"test loss: {test['loss']:.4f}")
    print(f"test accuracy: {test['accuracy']:.4f}")


def _info() -> None:
    import jax

    print(f"python {platform.python_version()} on {platform.platform()}")
    for name in ("snnjax", "jax", "jaxlib", "equinox", "optax", "numpy", "jaxtyping"):
        print(f"{name} {importlib.metadata.version(name)}")
    for name in ("matplotlib", "tqdm"):
        found = importlib.util.find_spec(name) is not None
        print(f"{name} {importlib.metadata.version(name) if found else 'not installed (extra: plot)'}")
    for device in jax.devices():
        print(f"device {device} ({device.device_kind})")


def main(arguments: Sequence[str] | None = None) -> int:
    """The `snnjax` command. Returns the exit status: 0, or 2 for options that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        {"train": _train, "evaluate": _evaluate, "info": lambda _: _info()}[options.command](options)
    except (ValueError, FileNotFoundError) as error:
        print(f"snnjax: {error}", file=sys.stderr)
        return 2
    return 0
