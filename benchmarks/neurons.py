"""The loop of one neuron: a user's own beside the built-in one, and both beside JAX's differentiation of a plain loop.

    python benchmarks/neurons.py [--rounds 11] [--small] [--out FOLDER]

`layer` is `Linear(512, 512)` and the neuron, 500 steps, batch 16; `alone` the neuron by itself, 1000 steps of 100,000
neurons; forward and backward, with trained time constant and threshold. All take turns; what to quote is the median of
the ratios. `--small` takes small sizes, to see that it runs.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from _report import RESULTS, Page, write
from _turns import in_turn, timed
from jaxtyping import Array

import snnjax as snn


class OwnLIF(snn.AbstractCell):
    """A neuron as a user writes it."""

    tau: Array
    threshold: Array
    surrogate: snn.AbstractSurrogate = snn.SuperSpike(10.0)

    def init_state(self, x: Any, *, key: Any = None) -> Array:
        return jnp.zeros_like(x)

    def __call__(self, state: Array, x: Any, *, key: Any = None) -> tuple[Array, Array]:
        v = jnp.exp(-1 / self.tau) * state + x
        z = self.surrogate(v - self.threshold)
        return v - z * self.threshold, z


PARAMETERS: dict[str, Any] = {"tau": jnp.array(10.0), "threshold": jnp.array(1.0)}
CASES = {
    "built-in": (snn.LIF(**PARAMETERS, surrogate=snn.SuperSpike(10.0)), snn.Recompute()),
    "own": (OwnLIF(**PARAMETERS), snn.Recompute()),
    "built-in, autodiff": (snn.LIF(**PARAMETERS, surrogate=snn.SuperSpike(10.0)), snn.Autodiff()),
}


def layer(cell: Any, kernel: Any, small: bool) -> tuple[Callable, tuple]:
    steps, batch, n = (20, 4, 32) if small else (500, 16, 512)
    model = snn.Sequential(eqx.nn.Linear(n, n, use_bias=False, key=jr.key(0)), cell)
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    def loss(params: Any, xs: Any) -> Any:
        model = eqx.combine(params, rest)
        return jax.vmap(lambda x: snn.unroll(model, x, kernel=kernel)[1], in_axes=1, out_axes=1)(xs).sum()

    return jax.grad(loss), (params, jr.normal(jr.key(1), (steps, batch, n)))


def alone(cell: Any, kernel: Any, small: bool) -> tuple[Callable, tuple]:
    params, rest = eqx.partition(cell, eqx.is_inexact_array)

    def loss(params: Any, xs: Any) -> Any:
        return snn.unroll(eqx.combine(params, rest), xs, kernel=kernel)[1].mean()

    return jax.grad(loss), (params, jr.uniform(jr.key(1), (20, 100) if small else (1000, 100_000)))


def race(workload: Callable, rounds: int, small: bool) -> dict[str, Any]:
    programs = {}
    report: dict[str, Any] = {}
    for name, case in CASES.items():
        function, args = workload(*case, small)
        compiled = jax.jit(function).lower(*args).compile()
        memory = compiled.memory_analysis()
        report[name] = {"temporary_mib": 0 if memory is None else memory.temp_size_in_bytes / 2**20}
        programs[name] = partial(timed, compiled, *args)
    seconds = in_turn(programs, rounds)
    for name, spent in seconds.items():
        report[name]["ms"] = 1e3 * statistics.median(spent)
        for other in CASES:
            report[name][f"over {other}"] = statistics.median(a / b for a, b in zip(spent, seconds[other], strict=True))
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description="the loop of one neuron")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--small", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    page, report = Page(), {}
    for workload in (layer, alone):
        found = report[workload.__name__] = race(workload, options.rounds, options.small)
        page.say(
            f"\n| {workload.__name__} | ms | over built-in | over autodiff | temporary MiB |\n|---|---|---|---|---|"
        )
        for name, r in found.items():
            ratios = f"{r['over built-in']:.2f} | {r['over built-in, autodiff']:.2f}"
            page.say(f"| {name} | {r['ms']:.1f} | {ratios} | {r['temporary_mib']:.1f} |")
    print(f"written to {write(options.out, 'neurons', report, page)}")


if __name__ == "__main__":
    main()
