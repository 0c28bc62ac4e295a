"""The balanced network that every contestant simulates, and how a contestant is talked to. Needs NumPy only.

Benchmark 2 of Brette et al., Simulation of networks of spiking neurons: a review of tools and strategies, 2007 (CUBA),
after Vogels and Abbott, 2005: ms and mV. The published weights are those of 4000 neurons with 80 synapses each on
average; for others they are scaled by the square root of 80 / synapses, which keeps the variance of the input.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DT = 0.1
TAU, TAU_EXCITATORY, TAU_INHIBITORY = 20.0, 5.0, 10.0
THRESHOLD, RESET, REST = -50.0, -60.0, -49.0
REFRACTORY = 5.0
EXCITATORY, INHIBITORY = 1.62, -9.0
PROBABILITY = 0.02
EXCITATORY_PART = 0.8
PUBLISHED_NEURONS = 4000
_MARK = "@@ "


def scale(neurons: int) -> float:
    return float(np.sqrt(PUBLISHED_NEURONS / neurons))


def load(folder: Path) -> dict[str, np.ndarray]:
    """`pre`, `post`: the synapses; `v`: where the membranes begin; `steps`: how many there are."""
    with np.load(folder / "network.npz") as file:
        return dict(file)


def say(**report: Any) -> None:
    print(_MARK + json.dumps(report), flush=True)


def hear(stream: Any) -> dict[str, Any]:
    """The next report of a contestant, past whatever else is printed."""
    for line in stream:
        if line.startswith(_MARK):
            return json.loads(line.removeprefix(_MARK))
    raise RuntimeError("a contestant ended without a report; what it printed last is above")


def serve(folder: Path, name: str, prepared: dict[str, Any], run: Callable, profile: Callable) -> None:
    """Do what the lines of the standard input say, until it ends. `run()` returns seconds, steps, neurons."""
    say(**prepared)
    for line in sys.stdin:
        if line.strip() == "run":
            report, steps, neurons = run()
            np.savez(folder / f"{name}.npz", steps=steps, neurons=neurons)
            say(**report)
        else:
            say(**profile())


def clocked(function: Callable) -> tuple[dict[str, float], Any]:
    """Seconds on the clock, and of the processor, that a call takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}, result


def statistics(steps: np.ndarray, neurons: np.ndarray, size: int, total: int) -> dict[str, float]:
    """The mean rate, and the mean coefficient of variation of the intervals of neurons with four spikes or more."""
    order = np.lexsort((steps, neurons))
    trains = np.split(steps[order] * DT, np.flatnonzero(np.diff(neurons[order])) + 1)
    intervals = [np.diff(train) for train in trains if len(train) >= 4]
    variation = [float(i.std() / i.mean()) for i in intervals]
    tenths = np.histogram(steps, bins=10, range=(0, total))[0]
    return {
        "rate_hz": steps.size / size / (total * DT / 1000),
        "cv": float(np.mean(variation)),
        "neurons_in_cv": len(variation),
        "slowest_tenth_hz": float(10 * tenths.min() / size / (total * DT / 1000)),
        "fastest_tenth_hz": float(10 * tenths.max() / size / (total * DT / 1000)),
    }
