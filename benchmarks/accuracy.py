"""Accuracies of four tasks, with the seeds, the time, and the commands that reproduce them.

    python benchmarks/accuracy.py digits
    python benchmarks/accuracy.py vowels
    python benchmarks/accuracy.py spoken   --data fsdd_recordings.tar.gz
    python benchmarks/accuracy.py speakers --data fsdd_recordings.tar.gz --seeds 1

- `digits`: images of 8 x 8 pixels, the split that ships with the library; a convolutional network of LIF neurons.
- `vowels`: which of nine speakers said /ae/, the split of the authors; a recurrent network of adaptive neurons.
- `spoken`: the Free Spoken Digit Dataset, the official split (indices 0-4 of every speaker and digit for the test, 5-49
  for training); a recurrent network of adaptive neurons.
- `speakers`: the same network; each of the six speakers is left out of training in turn, and is the test.

The archive of the recordings is not part of this repository: https://github.com/Jakobovski/free-spoken-digit-dataset.

**How settings were chosen.** The accuracies are those after the last epoch, whose number was set beforehand. Settings
were compared on parts of the training data: a fifth of it for `digits`, each of five fifths for `vowels`. For
`speakers` features were compared by a support vector machine, and networks, on two speakers, lucas and theo, after
training on the other four. So its settings have seen these two; the mean of the other four, which took part in no
choice, is reported beside the mean of all six. `spoken` takes the same settings, which were tried on the indices 5-9
before; that lucas' and theo's words of its test took part in the choice of features is the one exception to the rule
that no test split decides anything. `--validate` tests in this way (on one fifth for `vowels`), on no test split.

All neurons but the readout put out spikes, 0 or 1; surrogate gradients by `snn.train.make_step`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import _images
import _nets
import _speech
import _vowels
import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax
from _recordings import read
from _report import RESULTS, Page, write
from jaxtyping import Array

import snnjax as snn

CHOSEN_WITH = ("lucas", "theo")


class Recipe(NamedTuple):
    """How a network is trained."""

    network: Callable[..., snn.Sequential]
    encode: Callable
    varied: Callable
    epochs: int
    batch: int
    rate: float


class Trial(NamedTuple):
    """What one network learns, and what it is tested on."""

    name: str
    train: snn.data.Split
    test: snn.data.Split


RECIPES = {
    "digits": Recipe(partial(_nets.convolutional, 0.3), _images.seen, _images.varied, epochs=40, batch=64, rate=3e-3),
    "vowels": Recipe(
        partial(_nets.recurrent, 12, 128, 2, 9, 0.5), _vowels.heard, _vowels.varied, epochs=100, batch=54, rate=3e-3
    ),
    "spoken": Recipe(
        partial(_nets.recurrent, 192, 192, 2, 10, 0.2), _speech.heard, _speech.varied, epochs=40, batch=100, rate=3e-3
    ),
}
RECIPES["speakers"] = RECIPES["spoken"]


def _part(split: snn.data.Split, rows: np.ndarray) -> snn.data.Split:
    return snn.data.Split(split.x[rows], split.label[rows], None)


def _embedded(name: str, features: Callable, validate: bool) -> Iterator[Trial]:
    data = snn.data.load(name)
    train, test = features(data.train, data.train), features(data.test, data.train)
    if validate:
        order = np.random.default_rng(0).permutation(len(train.label))
        fifth = len(order) // 5
        train, test = _part(train, order[fifth:]), _part(train, order[:fifth])
    yield Trial(name, train, test)


def digits(options: argparse.Namespace) -> Iterator[Trial]:
    return _embedded("digits", _images.images, options.validate)


def vowels(options: argparse.Namespace) -> Iterator[Trial]:
    return _embedded("vowels", _vowels.utterances, options.validate)


def spoken(options: argparse.Namespace) -> Iterator[Trial]:
    recordings = read(options.data)
    split = snn.data.Split(_speech.words(recordings), recordings.label, None)
    least = 5 if options.validate else 0
    is_test = (recordings.take >= least) & (recordings.take < least + 5)
    yield Trial("spoken", _part(split, recordings.take >= least + 5), _part(split, is_test))


def speakers(options: argparse.Namespace) -> Iterator[Trial]:
    recordings = read(options.data)
    split = snn.data.Split(_speech.words(recordings), recordings.label, None)
    for speaker in CHOSEN_WITH if options.validate else sorted(set(recordings.speaker)):
        unheard = CHOSEN_WITH if options.validate else (speaker,)
        rows = ~np.isin(recordings.speaker, unheard)
        yield Trial(speaker, _part(split, rows), _part(split, recordings.speaker == speaker))


TASKS = {"digits": digits, "vowels": vowels, "spoken": spoken, "speakers": speakers}


def mean_membrane(ys: Array, mask: None) -> Array:
    """Three times the mean of the readout over time: confident sooner."""
    return 3 * snn.decode.mean_membrane(ys, mask)


def count(model: Any) -> int:
    """Numbers that are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, snn.trainable(model))))


class Trainer:
    """Trains networks of one recipe; what is compiled for one serves the others."""

    def __init__(self, recipe: Recipe, examples: int):
        self.recipe = recipe
        steps = recipe.epochs * -(-examples // recipe.batch)
        schedule = optax.warmup_cosine_decay_schedule(0.0, recipe.rate, steps // 10, steps, recipe.rate / 100)
        adam = optax.adamw(schedule, weight_decay=1e-3)
        self.optimiser = optax.chain(optax.clip_by_global_norm(1.0), adam)
        loss = snn.train.Classify(readout=mean_membrane, encode=recipe.varied, smoothing=0.1)
        self.step = snn.train.make_step(self.optimiser, loss)
        self.loss = snn.train.Classify(readout=mean_membrane, encode=recipe.encode)

    def __call__(self, trial: Trial, seed: int) -> dict[str, Any]:
        begin = time.perf_counter()
        k1, k2, k3 = jr.split(jr.key(seed), 3)
        model = self.recipe.network(key=k1)
        opt_state = self.optimiser.init(eqx.filter(model, snn.trainable(model)))
        done, metrics = 0, {}
        for epoch in range(1, self.recipe.epochs + 1):
            for batch in snn.data.batches(trial.train, self.recipe.batch, key=jr.fold_in(k2, epoch)):
                model, opt_state, metrics = self.step(model, opt_state, batch, jr.fold_in(k3, done))
                done += 1
            if epoch in (1, self.recipe.epochs) or epoch % 5 == 0:
                spent = time.perf_counter() - begin
                line = f"{trial.name}, seed {seed}, epoch {epoch}: training loss {float(metrics['loss']):.3f}"
                print(f"{line}, {spent:.0f} s", file=sys.stderr, flush=True)
        seconds = time.perf_counter() - begin
        measured = snn.train.evaluate(model, self.loss, trial.test, key=k3)
        return {
            "test": trial.name,
            "seed": seed,
            "accuracy": measured["accuracy"],
            "train_examples": len(trial.train.label),
            "test_examples": len(trial.test.label),
            "parameters": count(model),
            "rates": measured["rates"],
            "seconds": seconds,
        }


def _mean(results: list[dict[str, Any]]) -> float:
    return float(np.mean([result["accuracy"] for result in results]))


def main() -> None:
    parser = argparse.ArgumentParser(description="accuracies of four tasks")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--data", type=Path, help="archive of the recordings, for spoken and speakers")
    parser.add_argument("--epochs", type=int, help="fewer, to see that it runs")
    parser.add_argument("--validate", action="store_true", help="test on a part of the training data")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    options = parser.parse_args()
    if options.task in ("spoken", "speakers") and options.data is None:
        parser.error(f"{options.task} needs --data, the archive of the recordings")
    if options.seeds < 1:
        parser.error(f"--seeds was given {options.seeds}; it takes at least 1")
    begin = time.perf_counter()
    recipe = RECIPES[options.task]
    recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
    trials = list(TASKS[options.task](options))
    trainer = Trainer(recipe, max(len(trial.train.label) for trial in trials))
    page, results = Page(), []
    page.say("| test | seed | accuracy | parameters | seconds |\n|---|---|---|---|---|")
    for trial in trials:
        for seed in range(options.seeds):
            results.append(trainer(trial, seed))
            shown = "{test} | {seed} | {accuracy:.4f} | {parameters} | {seconds:.0f}".format(**results[-1])
            page.say(f"| {shown} |")
    report: dict[str, Any] = {
        "command": " ".join(["python benchmarks/accuracy.py", *_without_folders(sys.argv[1:])]),
        "backend": jax.default_backend(),
        "seeds": options.seeds,
        "validated": options.validate,
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "results": results,
        "mean_accuracy": _mean(results),
        "seconds": time.perf_counter() - begin,
    }
    page.say(f"\n{options.task}: mean accuracy {report['mean_accuracy']:.4f}, {report['seconds']:.0f} s in all")
    if options.task == "speakers" and not options.validate:
        unseen = [result for result in results if result["test"] not in CHOSEN_WITH]
        report["mean_accuracy_of_speakers_no_setting_has_seen"] = _mean(unseen)
        page.say(f"without {' and '.join(CHOSEN_WITH)}, which settings were chosen with: {_mean(unseen):.4f}")
    name = f"accuracy_{options.task}" + "_validation" * options.validate
    print(f"written to {write(options.out, name, report, page)}")


def _without_folders(arguments: list[str]) -> list[str]:
    """Paths of this machine say nothing to others."""
    return [Path(argument).name if "/" in argument else argument for argument in arguments]


if __name__ == "__main__":
    main()
