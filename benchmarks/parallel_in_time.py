"""A readout's loop over time beside the same by an associative scan, on whatever device JAX finds.

    python benchmarks/parallel_in_time.py [--shape 1000x1000 10000x100] [--rounds 15] [--out FOLDER]

`LI`, forward, and forward and backward, with `kernel=snn.Recompute()` and with `kernel=snn.ParallelInTime()`, in turn.
What to quote is the median of the ratios.
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

import snnjax as snn

KERNELS = {"loop": snn.Recompute(), "parallel": snn.ParallelInTime()}


def race(steps: int, neurons: int, rounds: int) -> dict[str, Any]:
    xs = jax.random.normal(jax.random.key(0), (steps, neurons))
    report = {}
    for name in ("forward", "backward"):
        programs = {}
        for kernel_name, kernel in KERNELS.items():

            def run(tau: Any, xs: Any, kernel: Any = kernel) -> Any:
                return jnp.sum(jnp.square(snn.unroll(snn.LI(tau=tau), xs, kernel=kernel)[1]))

            function = run if name == "forward" else jax.grad(run, (0, 1))
            args = jnp.array(20.0), xs
            programs[kernel_name] = partial(timed, jax.jit(function).lower(*args).compile(), *args)
        seconds = in_turn(programs, rounds)
        ratios = [p / s for s, p in zip(seconds["loop"], seconds["parallel"], strict=True)]
        report[name] = {
            "ms": {kernel_name: 1e3 * statistics.median(spent) for kernel_name, spent in seconds.items()},
            "ratio": statistics.median(ratios),
            "quartiles": statistics.quantiles(ratios, n=4),
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="a loop beside an associative scan")
    parser.add_argument("--shape", nargs="+", default=["100x16384", "1000x1000", "10000x100"], help="steps x neurons")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    report, page = {}, Page()
    for shape in options.shape:
        steps, neurons = map(int, shape.split("x"))
        found = report[shape] = race(steps, neurons, options.rounds)
        ratios = ", ".join(f"{name} {found[name]['ratio']:.2f}" for name in found)
        page.say(f"- {steps} steps of {neurons} neurons: {ratios}")
    path = write(options.out, "parallel_in_time", {"jax_device": str(jax.devices()[0]), "ratios": report}, page)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
