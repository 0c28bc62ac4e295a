"""The page of results in the documentation: tables and a picture, made from the reports in `benchmarks/results`.

python benchmarks/picture.py [--results benchmarks/results] [--docs docs]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from _report import RESULTS
from libraries import OURS

DOCS = Path(__file__).parent.parent / "docs"
TITLES = {
    "layer:512": "Linear(512, 512) and LIF\n500 steps, batch 16",
    "layer:2048": "Linear(2048, 2048) and LIF\n500 steps, batch 16",
    "shd": "700-128-128-20, a training step\n100 steps, batch 128",
    "shd-recurrent": "the same, recurrent",
}

SECTIONS = (
    (
        "libraries",
        "Beside other libraries",
        "Ratio: to the best other library in the same pass, that with the lowest median (`bare scan` is JAX written by "
        "hand, and no library). The backward pass of `shd` is an Adam step. Memory: what the process grew by. Rate: "
        "spikes per neuron and step, where spikes are what the network puts out.",
    ),
    (
        "neurons",
        "One neuron",
        "A neuron of twelve lines beside the built-in one, and both beside JAX's differentiation of a plain loop; "
        "forward and backward, time constant and threshold trained.",
    ),
    (
        "memory",
        "Memory",
        "Temporary memory by the compiler's account, beside arguments and results; and what a checkpointed loop costs.",
    ),
    ("compile_time", "Compiling", "Seconds to trace and compile a forward and backward pass."),
    ("long_sequence", "Long sequences", "A stream, and truncated training, on sequences that are never all in memory."),
    ("events", "Events", "Time with the input as events over that with an array, SHD-shaped, batch 128."),
    (
        "balanced_10000",
        "A balanced network",
        "One second of a random network of excitatory and inhibitory neurons (CUBA) beside Brian2, in its default mode "
        "and as C++; the same synapses and initial membranes, one thread each. In snnjax most of the time goes into "
        "the neurons, whose state XLA goes through several times per step; in float64 twice as much.",
    ),
    (
        "balanced_4000",
        "A balanced network of the published size",
        "The same with 4000 neurons and the published weights.",
    ),
    (
        "parallel_in_time",
        "Parallel in time",
        "Time of a readout by an associative scan over that of its loop: on this device the loop is better.",
    ),
)


def picture(reports: list[dict[str, Any]], path: Path) -> None:
    """Bars of the time of forward and backward over that of snnjax."""
    figure, axes = plt.subplots(1, len(reports), figsize=(3.4 * len(reports), 4.2), layout="constrained", squeeze=False)
    for ax, report in zip(axes[0], reports, strict=True):
        results = {n: r for n, r in report["results"].items() if n != "snnjax checkpointed"}
        times = {name: r["backward"]["ms"] / results["snnjax"]["backward"]["ms"] for name, r in results.items()}
        names = sorted(times, key=times.__getitem__, reverse=True)
        colours = ["tab:orange" if n.startswith("snnjax") else "grey" if n in OURS else "tab:blue" for n in names]
        bars = ax.barh(names, [times[name] for name in names], color=colours)
        ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        ax.set_xscale("log")
        ax.set_xlim(0.3, 2.5 * max(times.values()))
        ax.set_title(TITLES.get(report["workload"], report["workload"]), fontsize=9)
        ax.tick_params(labelsize=8)
        ax.set_xlabel("time over that of snnjax", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def about(report: dict[str, Any]) -> str:
    """Where and when a report was made."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    device = report["device"]
    return (
        f"Measured on {report['measured'][:10]} on {device['cores']} cores of a {device['processor'].strip()}, without "
        f"a GPU; {versions}; commit {report['commit']}."
    )


def page(folder: Path) -> str:
    def read(name: str) -> dict[str, Any]:
        return json.loads((folder / f"{name}.json").read_text())

    lines = [
        "# Results of the benchmarks",
        "",
        "Made by `python benchmarks/picture.py` from the reports in `benchmarks/results`, which say more. Times on a "
        "shared machine are noise: quote the ratios, which are medians over rounds in which all took turns.",
        "",
        "![Times of forward and backward passes](libraries.svg)",
    ]
    for name, title, words in SECTIONS:
        report = json.loads((folder / f"{name}.json").read_text())
        lines += ["", f"## {title}", "", words, "", report["page"].strip(), "", about(report)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="tables and a picture of the results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, default=DOCS)
    options = parser.parse_args()
    reports = json.loads((options.results / "libraries.json").read_text())["reports"]
    picture(reports, options.docs / "libraries.svg")
    (options.docs / "results.md").write_text(page(options.results))
    print(f"written to {options.docs / 'results.md'} and {options.docs / 'libraries.svg'}")


if __name__ == "__main__":
    main()
