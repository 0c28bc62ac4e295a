"""One second of a balanced random network, side by side with Brian2 (https://briansimulator.org).

    python benchmarks/balanced.py [--neurons 10000] [--rounds 9] [--brian2 PYTHON] [--out FOLDER]

80 % of the neurons excite, 20 % inhibit, each pair is connected with probability 2 %: the network CUBA of Brette et al.
(2007) after Vogels and Abbott (2005), in steps of 0.1 ms; see `contestants/balanced/_model.py`. All contestants get the
same synapses and the same initial membranes, integrate exactly, and deliver a spike in the next step. Each is a process
of one thread, they take turns; compiling is timed apart. `--brian2` is a Python that has Brian2, which needs an older
NumPy than others may want (`pip install brian2 cython "numpy<2.3"`, and a C++ compiler); without it snnjax runs alone.
Times are of the simulation and of making lists of all spikes; those of Brian2 are without what it does before a run.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from _report import RESULTS, Page, write
from contestants.balanced._model import DT, PROBABILITY, hear
from contestants.balanced._model import statistics as statistics_of

import snnjax as snn

FOLDER = Path(__file__).parent / "contestants" / "balanced"
OURS = {"snnjax float32": ("in_snnjax.py", "float32"), "snnjax float64": ("in_snnjax.py", "float64")}
THEIRS = {
    "Brian2 Cython float64": ("in_brian2.py", "cython", "float64"),
    "Brian2 C++ float64": ("in_brian2.py", "cpp", "float64"),
    "Brian2 C++ float32": ("in_brian2.py", "cpp", "float32"),
}
PROFILED = ("in_brian2.py", "cpp", "float64", "profile")


class Contestant:
    """A process that simulates when it is told to."""

    def __init__(self, python: str, folder: Path, name: str, script: str, *options: str):
        self.name, self.file = name, folder / f"{name.replace(' ', '_')}.npz"
        command = [python, str(FOLDER / script), str(folder), self.file.stem, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.prepared = hear(self.process.stdout)

    def ask(self, what: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        print(what, file=self.process.stdin, flush=True)
        return hear(self.process.stdout)

    def spikes(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.file) as file:
            return file["steps"], file["neurons"]

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def draw(folder: Path, neurons: int, steps: int, seed: int) -> int:
    """The network of this seed, for all; the number of its synapses."""
    synapses = snn.nn.fixed_probability(neurons, neurons, PROBABILITY, key=jax.random.key(seed))
    v = np.random.default_rng(seed).uniform(-60.0, -50.0, neurons)
    np.savez(folder / "network.npz", pre=synapses.pre, post=synapses.post, v=v, steps=steps)
    return synapses.count


def same_until(a: Contestant, b: Contestant, steps: int) -> float:
    """The ms up to which two spike trains are equal."""
    one, other = (set(zip(*map(list, c.spikes()), strict=True)) for c in (a, b))
    return DT * float(min((step for step, _ in one ^ other), default=steps))


def measure(contestants: list[Contestant], neurons: int, steps: int, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[dict[str, float]]] = {c.name: [] for c in contestants}
    for i in range(rounds + 1):
        for contestant in contestants[i % len(contestants) :] + contestants[: i % len(contestants)]:
            spent = contestant.ask("run")
            if i > 0:
                seconds[contestant.name].append(spent)
    return {
        c.name: {
            **c.prepared,
            **{kind: [s[kind] for s in seconds[c.name]] for kind in seconds[c.name][0]},
            **statistics_of(*c.spikes(), neurons, steps),
        }
        for c in contestants
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="a balanced random network")
    parser.add_argument("--neurons", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=10_000, help="of 0.1 ms")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--brian2", default=sys.executable if importlib.util.find_spec("brian2") else None)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    page = Page()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synapses = draw(folder, options.neurons, options.steps, options.seed)
        page.say(f"{options.neurons} neurons, {synapses} synapses, {options.steps * DT:.0f} ms\n")
        contestants = [Contestant(sys.executable, folder, name, *what) for name, what in OURS.items()]
        if options.brian2:
            contestants += [Contestant(options.brian2, folder, name, *what) for name, what in THEIRS.items()]
        found = measure(contestants, options.neurons, options.steps, options.rounds)
        report: dict[str, Any] = {"neurons": options.neurons, "synapses": synapses, "results": found}
        page.say(
            "| | median s | fastest s | processor s | compiled in s | rate Hz | CV |\n|---|---|---|---|---|---|---|"
        )
        for name, r in found.items():
            times = f"{statistics.median(r['wall']):.3f} | {min(r['wall']):.3f} | {min(r['cpu']):.3f}"
            page.say(f"| {name} | {times} | {r['compiled']:.1f} | {r['rate_hz']:.3f} | {r['cv']:.3f} |")
        report["profile"] = {c.name: c.ask("profile") for c in contestants if "C++" not in c.name}
        by_name = {c.name: c for c in contestants}
        if options.brian2:
            report["ratios"] = {}
            page.say(f"\nRatios of times on the clock; Brian2 {found['Brian2 Cython float64']['version']}:\n")
            for ours in OURS:
                for theirs in THEIRS:
                    ratios = [a / b for a, b in zip(found[ours]["wall"], found[theirs]["wall"], strict=True)]
                    report["ratios"][f"{ours} / {theirs}"] = statistics.median(ratios)
                    cpu = min(found[ours]["cpu"]) / min(found[theirs]["cpu"])
                    page.say(f"- {ours} / {theirs}: {statistics.median(ratios):.2f}, of processor time {cpu:.2f}")
            report["same_spikes_until_ms"] = same_until(
                by_name["snnjax float64"], by_name["Brian2 C++ float64"], options.steps
            )
            page.say(f"- float64: the same spikes as in C++ for the first {report['same_spikes_until_ms']:.1f} ms")
            profiled = Contestant(options.brian2, folder, "profiled", *PROFILED)
            report["profile"]["Brian2 C++ float64"] = profiled.ask("profile")
            contestants.append(profiled)
        page.say("\nProcessor seconds:\n")
        for name, parts in report["profile"].items():
            page.say(f"- {name}: " + ", ".join(f"{part} {value:.3f}" for part, value in parts.items()))
        for contestant in contestants:
            contestant.end()
    path = write(options.out, f"balanced_{options.neurons}", report, page)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
