"""Input as events beside input as an array: time of the first layer and of a whole training step, over the density.

    python benchmarks/events.py [--rounds 15] [--out FOLDER]

The network is the SHD-shaped one of `libraries.py` (700-128-128-20, 100 steps, batch 128, one Adam step). All programs
take turns in one process; what to quote is the median over the rounds of the ratio of a pair. Results are printed and
written as JSON with versions and device.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from _report import RESULTS, Page, write
from _turns import in_turn, timed
from contestants import snnjax_
from contestants._workload import Workload

import snnjax as snn

DENSITIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


def programs(density: float) -> dict[str, Any]:
    """Pairs of functions without arguments, each with the input as an array and as events."""
    workload = Workload("shd", density=density)
    events = snn.Events.from_dense(workload.inputs)
    weight = jnp.asarray(workload.weights[0].T)
    sent = jnp.ones((workload.steps, workload.batch, weight.shape[0]))

    def project(weight: Any, xs: Any) -> Any:
        return xs.project(weight) if isinstance(xs, snn.Events) else xs @ weight.T

    forward = jax.jit(project)
    backward = jax.jit(lambda weight, xs: jax.vjp(lambda weight: project(weight, xs), weight)[1](sent))
    made = {}
    for name, xs in (("array", jnp.asarray(workload.inputs)), ("events", events)):
        made["product", name] = partial(forward, weight, xs)
        made["weight gradient", name] = partial(backward, weight, xs)
        made["training step", name] = snnjax_.make(workload, events=name == "events").backward
    return {"capacity": events.indices.shape[-1], "made": made}


def measure(density: float, rounds: int) -> dict[str, Any]:
    both = programs(density)
    seconds = in_turn({name: partial(timed, run) for name, run in both["made"].items()}, rounds)
    result: dict[str, Any] = {"density": density, "capacity": both["capacity"]}
    for what in ("product", "weight gradient", "training step"):
        pairs = list(zip(seconds[what, "events"], seconds[what, "array"], strict=True))
        result[what] = {
            "events_ms": 1e3 * statistics.median(a for a, _ in pairs),
            "array_ms": 1e3 * statistics.median(b for _, b in pairs),
            "ratio": statistics.median(a / b for a, b in pairs),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="input as events and as an array")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    results = []
    page = Page()
    page.say("| density | longest list | product | weight gradient | training step |\n|---|---|---|---|---|")
    for density in DENSITIES:
        r = measure(density, options.rounds)
        results.append(r)
        cells = [f"{density:.1%}", str(r["capacity"])]
        cells += [f"{r[what]['ratio']:.2f}" for what in ("product", "weight gradient", "training step")]
        page.say("| " + " | ".join(cells) + " |")
    path = write(options.out, "events", {"jax_device": str(jax.devices()[0]), "results": results}, page)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
