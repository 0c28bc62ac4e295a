"""Peak temporary memory of the same networks, by the compiler's account, and what a checkpointed loop costs in time.

    python benchmarks/memory.py [--workload layer:512 shd shd-recurrent] [--long shd:0:4096:1:8] [--rounds 9]

The first part asks the compiler what the forward pass, and the forward and backward pass, of each JAX library take
beside their arguments and results. Nothing is run for it, and it does not matter how busy the machine is.

The second part is snnjax on long sequences, `CheckpointedBPTT` against `BPTT`: the ratio of their memory, and the
median ratio of their times, measured in turn.

To install the other libraries see `libraries.py`; one that is missing is left out with its reason.
"""

import argparse
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

from _report import RESULTS, Page, write
from _turns import in_turn
from libraries import JAX_CONTESTANTS, PASSES, Worker

MIB = 2**20
NAMES = [name for name in JAX_CONTESTANTS if name != "snnjax events"]  # which has a benchmark of its own


def temporary(workload: str, names: list[str], logs: Path) -> dict[str, Any]:
    """For each contestant the MiB of both passes, or why there are none."""
    results: dict[str, Any] = {}
    for name in names:
        print(f"  {workload}: {name}", file=sys.stderr, flush=True)
        worker = None
        try:
            worker = Worker(name, workload, logs / f"memory-{workload}-{name}.log".replace(" ", "-").replace(":", "-"))
            programs = {one: worker.ask(f"compile {one}") for one in PASSES}
            results[name] = {one: programs[one]["temporary_bytes"] / MIB for one in PASSES}
            results[name]["versions"] = worker.versions
        except (RuntimeError, BrokenPipeError) as error:
            results[name] = {"left_out": str(error)}
        finally:
            if worker is not None:
                worker.quit()
    return results


def against_plain(workload: str, rounds: int, logs: Path) -> dict[str, Any]:
    """`CheckpointedBPTT` against `BPTT`: memory, and time in turn."""
    names = ("snnjax", "snnjax checkpointed")
    workers = {}
    for name in names:
        workers[name] = Worker(name, workload, logs / f"long-{name}.log".replace(" ", "-"))
    bytes_ = {name: workers[name].ask("compile backward")["temporary_bytes"] for name in names}
    seconds = in_turn({name: partial(workers[name].ask, "backward") for name in names}, rounds)
    for worker in workers.values():
        worker.quit()
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    return {
        "mib": {name: value / MIB for name, value in bytes_.items()},
        "memory_ratio": bytes_["snnjax checkpointed"] / bytes_["snnjax"],
        "ms": {name: 1e3 * statistics.median(values) for name, values in seconds.items()},
        "time_ratio": statistics.median(ratios),
        "time_ratio_quartiles": statistics.quantiles(ratios, n=4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="temporary memory, by the compiler's account")
    parser.add_argument("--workload", nargs="*", default=["layer:512", "layer:2048", "shd", "shd-recurrent"])
    parser.add_argument(
        "--long", nargs="*", default=["layer:512:4096:1:4", "shd:0:4096:1:8", "shd-recurrent:0:4096:1:8"]
    )
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    logs = options.out / "logs"
    logs.mkdir(parents=True, exist_ok=True)

    page = Page()
    report: dict[str, Any] = {"temporary_mib": {}, "checkpointed_against_plain": {}}
    for workload in options.workload:
        results = report["temporary_mib"][workload] = temporary(workload, options.only, logs)
        page.say(f"\n| {workload} | forward MiB | forward and backward MiB |\n|---|---|---|")
        for name, found in results.items():
            shown = found.get("left_out") or " | ".join(f"{found[one]:.1f}" for one in PASSES)
            page.say(f"| {name} | {shown} |")
    for workload in options.long:
        found = report["checkpointed_against_plain"][workload] = against_plain(workload, options.rounds, logs)
        low, _, high = found["time_ratio_quartiles"]
        plain, checkpointed = found["mib"].values()
        page.say(
            f"\n{workload}: CheckpointedBPTT takes 1/{1 / found['memory_ratio']:.1f} of the memory of BPTT "
            f"({checkpointed:.1f} / {plain:.1f} MiB) and {found['time_ratio']:.2f} times its time "
            f"(quartiles {low:.2f} to {high:.2f})"
        )
    print(f"written to {write(options.out, 'memory', report, page)}")


if __name__ == "__main__":
    main()
