"""How long a forward and backward step takes to compile, and how many programs sequences of many lengths take.

    python benchmarks/compile_time.py [--depth 1 8] [--steps 100 1000] [--rounds 7] [--only snnjax "bare scan"]

The first part compiles the gradient of `depth` times `Linear(128, 128)` and LIF with each JAX library, in processes of
their own that take turns. Every round starts without caches; tracing (Python) and compiling (XLA) are timed apart, and
the first round, which also imports, is left out. What to quote is the median, and the ratio to a bare scan.

The second part trains a network on sequences of 50 lengths, as they are and padded by `data.bucket`, and counts the
programs and the seconds.

To install the other libraries see `libraries.py`; one that is missing is left out with its reason.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from _report import RESULTS, Page, write
from libraries import JAX_CONTESTANTS, Worker

WIDTH = 128
NAMES = [name for name in JAX_CONTESTANTS if name != "snnjax events"]  # compiled like the other


def race(workload: str, names: list[str], rounds: int, logs: Path) -> dict[str, Any]:
    """Medians of the seconds of tracing and of compiling the backward pass."""
    workers: dict[str, Worker] = {}
    results: dict[str, Any] = {}
    for name in names:
        try:
            workers[name] = Worker(name, workload, logs / f"compile-{name}.log".replace(" ", "-"))
            workers[name].ask("compile backward")
        except (RuntimeError, BrokenPipeError) as error:
            results[name] = {"left_out": str(error)}
            workers.pop(name, None)
    found: dict[str, list[dict]] = {name: [] for name in workers}
    for i in range(rounds):
        print(f"  {workload}: round {i + 1} of {rounds}", file=sys.stderr, end="\r", flush=True)
        for name, worker in workers.items():
            found[name].append(worker.ask("compile backward"))
    for name, worker in workers.items():
        totals = [one["trace"] + one["compile"] for one in found[name]]
        results[name] = {
            "seconds": statistics.median(totals),
            "least_seconds": min(totals),
            "trace_seconds": statistics.median(one["trace"] for one in found[name]),
            "compile_seconds": statistics.median(one["compile"] for one in found[name]),
            "versions": worker.versions,
        }
        worker.quit()
    scan = results.get("bare scan", {}).get("seconds")
    for result in results.values():
        if scan and "seconds" in result:
            result["ratio_to_bare_scan"] = result["seconds"] / scan
    return results


def many_lengths(count: int) -> dict[str, Any]:
    """One epoch over sequences of `count` lengths, with and without buckets."""
    import equinox as eqx
    import jax
    import numpy as np
    import optax

    import snnjax as snn

    rng = np.random.default_rng(0)
    lengths = range(20, 20 + count)
    sequences = [rng.normal(size=(steps, 20)).astype(np.float32) for steps in lengths]
    labels = rng.integers(0, 5, count)
    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.Sequential(eqx.nn.Linear(20, 64, key=k1), snn.LIF(), eqx.nn.Linear(64, 5, key=k2), snn.LI())
    results = {}
    for name, given in (("as they are", list(lengths)), ("powers of two", None)):
        traces = []

        def loss(model: Any, example: Any, key: Any, traces: list = traces) -> Any:
            traces.append(example[0].shape)
            return snn.train.Classify()(model, example, key)

        optimiser = optax.adam(1e-3)
        step = snn.train.make_step(optimiser, loss)
        state = optimiser.init(eqx.filter(model, snn.trainable(model)))
        jax.clear_caches()
        begin = time.perf_counter()
        for batch in snn.data.batches(snn.data.bucket(sequences, labels, given), 8):
            jax.block_until_ready(step(model, state, batch, k1)[2])
        results[name] = {"lengths": count, "programs": len(set(traces)), "seconds": time.perf_counter() - begin}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="compile times")
    parser.add_argument("--depth", nargs="*", type=int, default=[1, 8])
    parser.add_argument("--steps", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", type=int, default=50, help="how many lengths of sequences; 0 leaves this part out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    logs = options.out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    page = Page()
    report: dict[str, Any] = {"compile": {}}
    for depth in options.depth:
        for steps in options.steps:
            workload = f"layer:{WIDTH}:{steps}:{depth}"
            results = report["compile"][workload] = race(workload, options.only, options.rounds, logs)
            page.say(f"\n| {depth} x Linear({WIDTH}) + LIF, {steps} steps | seconds | tracing | XLA | / bare scan |")
            page.say("|---|---|---|---|---|")
            for name, r in results.items():
                if "left_out" in r:
                    page.say(f"| {name} | {r['left_out']} |")
                    continue
                cells = [f"{r[key]:.2f}" for key in ("seconds", "trace_seconds", "compile_seconds")]
                page.say(f"| {name} | {' | '.join(cells)} | {r.get('ratio_to_bare_scan', float('nan')):.2f} |")
    if options.lengths:
        report["many_lengths"] = many_lengths(options.lengths)
        for name, r in report["many_lengths"].items():
            page.say(f"\n{r['lengths']} lengths, {name}: {r['programs']} programs, {r['seconds']:.1f} s for an epoch")
    print(f"written to {write(options.out, 'compile_time', report, page)}")


if __name__ == "__main__":
    main()
