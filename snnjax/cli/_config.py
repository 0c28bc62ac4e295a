"""What a run is made of: the options of `snnjax train`, kept beside its results."""

import dataclasses
import json
from pathlib import Path
from typing import Any

NEURONS = ("lif", "cubalif", "alif", "if")
ENCODINGS = {"digits": ("direct", "rate", "latency"), "vowels": ("direct", "delta")}


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of a run."""

    task: str
    epochs: int
    batch_size: int
    hidden: tuple[int, ...]
    neuron: str
    encoding: str
    steps: int
    learning_rate: float
    seed: int

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


DEFAULTS = {
    "digits": Config(
        task="digits",
        epochs=80,
        batch_size=64,
        hidden=(512,),
        neuron="lif",
        encoding="direct",
        steps=8,
        learning_rate=2e-3,
        seed=0,
    ),
    "vowels": Config(
        task="vowels",
        epochs=60,
        batch_size=32,
        hidden=(128,),
        neuron="alif",
        encoding="direct",
        steps=1,
        learning_rate=3e-3,
        seed=0,
    ),
}


def load_config(folder: Path) -> Config:
    """The options of the run in a folder. Raises a `ValueError` for what is not a run."""
    path = folder / "config.json"
    try:
        values: dict[str, Any] = json.loads(path.read_text())
        return Config(**{**values, "hidden": tuple(values["hidden"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} was given as a run, but its config.json cannot be read ({error}). Give a folder that "
            f"`snnjax train` has written."
        ) from error


def check(config: Config) -> None:
    """Refuse options that cannot be meant. Raises a `ValueError`."""
    positive = ("epochs", "batch_size", "steps", "learning_rate")
    for name in positive:
        if getattr(config, name) <= 0:
            raise ValueError(
                f"--{name.replace('_', '-')} was given {getattr(config, name)}; it takes a number above 0."
            )
    if any(width < 1 for width in config.hidden):
        raise ValueError(f"--hidden was given {list(config.hidden)}; it takes widths of at least 1.")
    if config.encoding not in ENCODINGS[config.task]:
        raise ValueError(
            f"--encoding was given {config.encoding} for {config.task}; it takes one of "
            f"{', '.join(ENCODINGS[config.task])}."
        )
