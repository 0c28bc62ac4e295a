"""snnjax beside the other libraries: time, firing rate and memory of the same networks.

    python benchmarks/libraries.py [--workload layer:512 layer:2048 shd shd-recurrent] [--rounds 15] [--out FOLDER]

Every library runs in a process of its own, in its best mode (`benchmarks/contestants/`, one file each), and they take
turns in any order: in each round each does one forward pass and one forward and backward pass (on the SHD-shaped
networks: a whole Adam step), while the others wait. Decay, threshold and reset are matched as far as a library allows,
and the firing rate of the first layer is reported; surrogates are each library's nearest, since their cost is the same.
What to quote is the median over the rounds of the ratio to the best other library (that with the lowest median);
absolute times are noise on most machines. A library that is not installed, or fails, is left out with its reason.
Memory is the growth of the process's peak while running.

To install all of them into one environment:

    pip install -e . flax grain brainpy brainstate braintools "torch==2.13.0" loguru nir pbr h5py
    pip install --no-deps jaxpike spyx snntorch norse nirtorch sinabs spikingjelly
    pip install --no-deps git+https://github.com/neuromorphs/snnax  # runs with an older JAX only; left out otherwise
"""

import argparse
import importlib
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from _report import RESULTS, Page, commit, write

# Name: its file in `contestants`, the arguments of its `make`, and the packages whose versions are reported.
CONTESTANTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "snnjax": ("snnjax_", {}, ("snnjax", "jax")),
    "snnjax events": ("snnjax_", {"events": True}, ("snnjax", "jax")),
    "snnjax fused": ("snnjax_", {"kernel": "Fused"}, ("snnjax", "jax")),
    "snnjax checkpointed": ("snnjax_", {"loop": "CheckpointedBPTT"}, ("snnjax", "jax")),
    "bare scan": ("bare_scan", {}, ("jax",)),
    "jaxpike": ("jaxpike_", {}, ("jaxpike", "jax")),
    "jaxpike checkpointed": ("jaxpike_", {"checkpointed": True}, ("jaxpike", "jax")),
    "spyx": ("spyx_", {}, ("spyx", "jax")),
    "brainpy": ("brainpy_", {}, ("brainpy", "jax")),
    "spikingjelly cuda": ("spikingjelly_", {"implementation": "cuda"}, ("spikingjelly", "torch")),
    "spikingjelly triton": ("spikingjelly_", {"implementation": "triton"}, ("spikingjelly", "torch")),
    "spikingjelly": ("spikingjelly_", {}, ("spikingjelly", "torch")),
    "snntorch": ("snntorch_", {}, ("snntorch", "torch")),
    "norse": ("norse_", {}, ("norse", "torch")),
    "sinabs": ("sinabs_", {}, ("sinabs", "torch")),
}
#: For these a GPU is needed; see `gpu.py`.
ON_GPUS = ("snnjax fused", "spikingjelly cuda", "spikingjelly triton")
#: Those whose programs can be looked at before they run.
JAX_CONTESTANTS = [n for n, (_, _, packages) in CONTESTANTS.items() if "jax" in packages and n not in ON_GPUS]
#: Not another library.
OURS = ("snnjax", "snnjax events", "snnjax fused", "snnjax checkpointed", "bare scan")
PASSES = ("forward", "backward")
WORKLOADS = ["layer:512", "layer:2048", "shd", "shd-recurrent"]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compiled(lower: Callable[[str], Any] | None, what: str) -> dict[str, float]:
    """Trace and compile a pass as if for the first time, and look at the program."""
    import jax

    if lower is None:
        raise TypeError("only the programs of JAX libraries can be looked at")
    jax.clear_caches()
    begin = time.perf_counter()
    lowered = lower(what)
    traced = time.perf_counter()
    program = lowered.compile()
    end = time.perf_counter()
    memory = program.memory_analysis()
    return {"trace": traced - begin, "compile": end - traced, "temporary_bytes": memory.temp_size_in_bytes}


def work(contestant: str, workload: str) -> None:
    """One library: a line of JSON for each command that comes in."""
    sys.path.insert(0, str(Path(__file__).parent))
    from contestants._workload import Workload

    file, arguments, packages = CONTESTANTS[contestant]
    module = importlib.import_module(f"contestants.{file}")
    shape = Workload.parse(workload)
    _ = shape.inputs, shape.weights  # made before the memory is measured
    before = peak_mib()
    made = module.make(shape, **arguments)
    versions = {package: metadata.version(package) for package in packages}
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints is not an answer

    def answer(value: Any) -> None:
        print(json.dumps(value), file=out, flush=True)

    answer(versions)
    for line in sys.stdin:
        command = line.strip()
        if command == "quit":
            return
        if command == "rate":
            answer(made.rate())
        elif command == "memory":
            answer(peak_mib() - before)
        elif command.startswith("compile"):
            answer(compiled(made.lower, command.removeprefix("compile ")))
        else:
            begin = time.perf_counter()
            getattr(made, command)()
            answer(time.perf_counter() - begin)


class Worker:
    """The process of one library."""

    def __init__(self, contestant: str, workload: str, log: Path):
        command = [sys.executable, __file__, "--worker", contestant, "--workload", workload]
        environment = os.environ | {"PYTHONWARNINGS": "ignore"}
        self.log = log
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=environment,
        )
        self.versions = self._answer()

    def ask(self, command: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            lines = [line for line in self.log.read_text().splitlines() if line.strip()]
            raise RuntimeError(lines[-1] if lines else "it ended without a word")
        return json.loads(line)

    def quit(self) -> None:
        self.process.kill()
        self.process.wait()


def race(workload: str, names: list[str], rounds: int, logs: Path) -> dict[str, Any]:
    """Medians of one workload: times, ratios, memory."""
    workers, left_out, first = {}, {}, {}
    for name in names:
        if name == "snnjax events" and workload.startswith("layer"):
            continue  # its inputs are currents
        print(f"  {workload}: starting {name}", file=sys.stderr, flush=True)
        worker = None
        try:
            worker = Worker(name, workload, logs / f"{workload}-{name}.log".replace(" ", "-").replace(":", "-"))
            first[name] = {one: worker.ask(one) for one in PASSES}
            for one in PASSES:  # warm
                worker.ask(one)
            workers[name] = worker
        except (RuntimeError, BrokenPipeError) as error:
            left_out[name] = str(error)
            if worker is not None:
                worker.quit()
    seconds: dict[str, dict[str, list[float]]] = {name: {one: [] for one in PASSES} for name in workers}
    shuffle = random.Random(0)
    for round_ in range(rounds):
        print(f"  {workload}: round {round_ + 1} of {rounds}", file=sys.stderr, end="\r", flush=True)
        for one in PASSES:
            # In any order: who comes after a library whose threads still spin would always be the same.
            turn = shuffle.sample(list(workers), len(workers))
            for name in turn:
                seconds[name][one].append(workers[name].ask(one))
    results = {}
    for name, worker in workers.items():
        result: dict[str, Any] = {
            "versions": worker.versions,
            "rate": worker.ask("rate"),
            "memory_mib": worker.ask("memory"),
        }
        for one in PASSES:
            mine = seconds[name][one]
            others = [seconds[other][one] for other in workers if other not in (name, *OURS)]
            best = min(others, key=statistics.median) if others else mine
            ratios = [a / b for a, b in zip(mine, best, strict=True)]
            result[one] = {
                "ms": 1e3 * statistics.median(mine),
                "ratio_to_best_other": statistics.median(ratios),
                "quartiles": statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios,
                "first_call_seconds": first[name][one],
            }
        results[name] = result
        worker.quit()
    about = {"workload": workload, "rounds": rounds, "commit": commit()}
    return about | {"results": results, "left_out": left_out}


def table(report: dict[str, Any]) -> str:
    lines = [
        f"| {report['workload']}, {report['rounds']} rounds | forward ms | ratio | forward+backward ms | ratio "
        "| memory MiB | rate |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, r in sorted(report["results"].items(), key=lambda item: item[1]["backward"]["ms"]):
        cells = [name]
        for one in PASSES:
            cells += [f"{r[one]['ms']:.1f}", f"{r[one]['ratio_to_best_other']:.2f}"]
        cells += [f"{r['memory_mib']:.0f}", "" if math.isnan(r["rate"]) else f"{r['rate']:.3f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"left out: {name}: {why}" for name, why in report["left_out"].items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="snnjax beside the other libraries")
    parser.add_argument(
        "--workload", nargs="+", default=WORKLOADS, help="layer:SIZE, shd, shd-recurrent; see contestants/_workload.py"
    )
    parser.add_argument(
        "--only", nargs="+", default=[n for n in CONTESTANTS if n not in ON_GPUS], choices=list(CONTESTANTS)
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--add", action="store_true", help="keep the other workloads of an earlier report")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.workload[0])
        return
    logs = options.out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    path, page = options.out / "libraries.json", Page()
    earlier = json.loads(path.read_text())["reports"] if options.add and path.exists() else []
    reports = [report for report in earlier if report["workload"] not in options.workload]
    for report in reports:
        page.say("\n" + table(report))
    for workload in options.workload:
        report = race(workload, options.only, options.rounds, logs)
        reports.append(report)
        page.say("\n" + table(report))
        path = write(options.out, "libraries", {"reports": reports}, page)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
