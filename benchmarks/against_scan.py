"""`unroll` against a hand-written `jax.lax.scan`: run time, compile time, temporary memory.

    python benchmarks/against_scan.py [--rounds 40] [--out benchmarks/results]

One layer, `Linear(n, n)` and `LIF`, on a batch of sequences. The hand-written code does what an expert would:
the projection is one matrix product outside the loop, the loop is a bare scan over a batched membrane. Both are
compiled, checked to agree, and then timed in turn; the medians of the paired ratios are what to quote, because
absolute times on a shared machine are noise. The results are printed, and written as JSON with versions and device.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from _report import commit
from _turns import in_turn, timed
from jaxtyping import Array

import snnjax as snn

TAU, THRESHOLD, SLOPE = 20.0, 1.0, 10.0


@jax.custom_jvp
def spike(v: Array) -> Array:
    return (v > 0).astype(v.dtype)


@spike.defjvp
def _spike_jvp(primals: tuple, tangents: tuple) -> tuple:
    (v,), (v_tangent,) = primals, tangents
    return spike(v), v_tangent / (1 + SLOPE * jnp.abs(v)) ** 2


def by_hand(weight: Array, xs: Array) -> Array:
    """xs: (time, batch, n)."""
    decay = jnp.exp(-1.0 / TAU)

    def step(v: Array, x: Array) -> tuple[Array, Array]:
        v = decay * v + x
        z = spike(v - THRESHOLD)
        return v - THRESHOLD * z, z

    currents = xs @ weight.T
    return jax.lax.scan(step, jnp.zeros_like(currents[0]), currents)[1]


def by_unroll(weight: Array, xs: Array) -> Array:
    linear = eqx.nn.Linear(weight.shape[1], weight.shape[0], use_bias=False, key=jr.key(0))
    linear = eqx.tree_at(lambda layer: layer.weight, linear, weight)
    model = snn.Sequential(linear, snn.LIF(tau=TAU, threshold=THRESHOLD))
    return jax.vmap(lambda x: snn.unroll(model, x)[1], in_axes=1, out_axes=1)(xs)


def forward_backward(run: Callable) -> Callable:
    def loss(weight: Array, xs: Array) -> Array:
        return jnp.mean(run(weight, xs) ** 2)

    return jax.grad(loss)


def compile_program(function: Callable, *args: Array) -> tuple[Callable, float, int]:
    """The compiled program, its compile time, and the bytes of temporary memory it needs."""
    begin = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    seconds = time.perf_counter() - begin
    memory = compiled.memory_analysis()
    return compiled, seconds, 0 if memory is None else memory.temp_size_in_bytes


def compare(name: str, ours: Callable, theirs: Callable, args: tuple, rounds: int) -> dict:
    programs = {}
    compile_seconds, temporary = {}, {}
    for label, function in (("unroll", ours), ("scan", theirs)):
        programs[label], compile_seconds[label], temporary[label] = compile_program(function, *args)
    error = float(jnp.max(jnp.abs(programs["unroll"](*args) - programs["scan"](*args))))
    seconds = in_turn({label: partial(timed, program, *args) for label, program in programs.items()}, rounds)
    ratios = [a / b for a, b in zip(seconds["unroll"], seconds["scan"], strict=True)]
    return {
        "what": name,
        "ratio_median": statistics.median(ratios),
        "ratio_quartiles": statistics.quantiles(ratios, n=4),
        "run_ms_median": {k: 1e3 * statistics.median(v) for k, v in seconds.items()},
        "compile_ms": {k: 1e3 * v for k, v in compile_seconds.items()},
        "temporary_mib": {k: v / 2**20 for k, v in temporary.items()},
        "largest_difference": error,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="unroll against a hand-written scan")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--neurons", type=int, default=512)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--out", type=Path, default=None, help="folder for the JSON file")
    options = parser.parse_args()

    n = options.neurons
    weight = jr.normal(jr.key(0), (n, n)) / jnp.sqrt(n)
    xs = jr.bernoulli(jr.key(1), 0.3, (options.steps, options.batch, n)).astype(weight.dtype)
    args = (weight, xs)
    results = [
        compare("forward", by_unroll, by_hand, args, options.rounds),
        compare(
            "forward+backward",
            forward_backward(by_unroll),
            forward_backward(by_hand),
            args,
            options.rounds,
        ),
    ]
    print(f"Linear({n}, {n}) + LIF, {options.steps} steps, batch {options.batch}")
    for r in results:
        low, _, high = r["ratio_quartiles"]
        print(
            f"{r['what']:>17}: unroll / scan = {r['ratio_median']:.3f} (quartiles {low:.3f} to {high:.3f}), "
            f"run {r['run_ms_median']['unroll']:.1f} / {r['run_ms_median']['scan']:.1f} ms, "
            f"compile {r['compile_ms']['unroll']:.0f} / {r['compile_ms']['scan']:.0f} ms, "
            f"temporary {r['temporary_mib']['unroll']:.1f} / {r['temporary_mib']['scan']:.1f} MiB, "
            f"largest difference {r['largest_difference']:.1e}"
        )
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        report = {
            "options": {k: str(v) for k, v in vars(options).items() if k != "out"},
            "versions": {
                "snnjax": snn.__version__,
                "jax": jax.__version__,
                "equinox": eqx.__version__,
                "python": platform.python_version(),
            },
            "commit": commit(),
            "device": str(jax.devices()[0]),
            "firing_rate": float(jnp.mean(by_hand(*args))),
            "results": results,
        }
        path = options.out / "against_scan.json"
        path.write_text(json.dumps(report, indent=2) + "\n")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
