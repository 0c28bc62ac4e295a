"""snnjax on a GPU: against the time of the matrix products, against the memory's speed, and beside other libraries.

    python benchmarks/gpu.py [--part layer loop libraries] [--rounds 10] [--small] [--out FOLDER]

It takes less than 8 minutes; each part runs in processes of its own, with a limit of time, so that one that fails
leaves the others. What is reported:

- `layer`: `Linear(16384, 16384)` and LIF, 500 steps, batch 16 (the open-neuromorphic benchmark), with each kernel, in
  float32 with TF32 products and in bfloat16; over the time of the same matrix products alone, in the same precision.
- `loop`: LIF alone, 1000 steps of 100,000 neurons, with each kernel; over the time in which the bytes that must be
  read and written can be copied, on the same device.
- `libraries`: the SHD-shaped networks, as in `libraries.py`, with SpikingJelly's Triton and CUDA implementations.

Memory is the peak by XLA's account: the program's arguments, results and temporary memory. `--small` takes small sizes
and, without a GPU, the kernels' interpreter: to see that everything runs.

To install, for CUDA 13, the libraries to compare with as in `libraries.py`:

    pip install -e . "jax[cuda13]" cupy-cuda13x torch triton
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libraries
from _report import RESULTS, Page, write

SECONDS = {"layer": 150, "loop": 90, "libraries": 200}
CONTESTANTS = [
    "snnjax",
    "snnjax fused",
    "snnjax events",
    "bare scan",
    "spyx",
    "jaxpike",
    "spikingjelly",
    "spikingjelly cuda",
    "spikingjelly triton",
]


def median(call: Callable[[], Any], rounds: int) -> float:
    """Seconds, after three calls to warm up."""
    import jax

    seconds = []
    for i in range(rounds + 3):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        if i >= 3:
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def measured(function: Callable, *args: Any, rounds: int) -> dict[str, float]:
    """Time and memory of a compiled function."""
    import jax

    begin = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    found = {"compile_seconds": time.perf_counter() - begin}
    memory = compiled.memory_analysis()
    if memory is not None:
        held = memory.argument_size_in_bytes + memory.output_size_in_bytes
        found |= {
            "temporary_mib": memory.temp_size_in_bytes / 2**20,
            "peak_mib": (held + memory.temp_size_in_bytes) / 2**20,
        }
    return found | {"ms": 1e3 * median(lambda: compiled(*args), rounds)}


def kernels() -> dict[str, Any]:
    import jax

    import snnjax as snn

    interpret = jax.default_backend() != "gpu"
    return {
        "recompute": snn.Recompute(),
        "autodiff": snn.Autodiff(),
        "fused": snn.Fused(interpret=interpret),
        "fused triton": snn.Fused(backend="triton", interpret=interpret),
    }


def rows(cases: dict[str, tuple[Callable, tuple]], rounds: int) -> dict[str, Any]:
    """Each is compiled and timed; one that fails says why."""
    found = {}
    for name, (function, args) in cases.items():
        try:
            found[name] = measured(function, *args, rounds=rounds)
        except Exception as error:  # a kernel that does not compile here must not hide the others
            found[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
        print(f"  {name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def layer(rounds: int, small: bool) -> dict[str, Any]:
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    import snnjax as snn

    steps, batch, n = (20, 4, 128) if small else (500, 16, 16384)
    report: dict[str, Any] = {"steps": steps, "batch": batch, "neurons": n}
    for name, dtype, precision in (("float32 (TF32)", "float32", "tensorfloat32"), ("bfloat16", "bfloat16", None)):
        k1, k2 = jr.split(jr.key(0))
        xs = jr.normal(k1, (steps, batch, n), dtype)
        linear = eqx.nn.Linear(n, n, use_bias=False, key=k2, dtype=dtype)
        lif = snn.LIF(decay=0.9, threshold=1.0, surrogate=snn.SuperSpike(10.0))

        def run(linear: Any, xs: Any, kernel: Any, lif: Any = lif) -> Any:
            model = snn.Sequential(linear, lif)
            return jax.vmap(lambda x: snn.unroll(model, x, kernel=kernel)[1], in_axes=1, out_axes=1)(xs)

        def backward(linear: Any, xs: Any, kernel: Any, run: Callable = run) -> Any:
            return eqx.filter_grad(lambda linear: run(linear, xs, kernel).astype(jnp.float32).sum())(linear)

        def product(weight: Any, xs: Any) -> Any:
            return xs @ weight.T

        def products(weight: Any, xs: Any, gs: Any) -> Any:
            """Those of forward and backward: the inputs' gradient is not asked for."""
            return xs @ weight.T, jnp.einsum("tbm,tbn->mn", gs, xs)

        with jax.default_matmul_precision(precision):
            forward_cases: dict[str, Any] = {"products": (product, (linear.weight, xs))}
            backward_cases: dict[str, Any] = {"products": (products, (linear.weight, xs, xs))}
            for kernel_name, kernel in kernels().items():
                forward_cases[kernel_name] = (lambda m, xs, k=kernel, f=run: f(m, xs, k)), (linear, xs)
                backward_cases[kernel_name] = (lambda m, xs, k=kernel, f=backward: f(m, xs, k)), (linear, xs)
            passes = {"forward": rows(forward_cases, rounds), "backward": rows(backward_cases, rounds)}
        for found in passes.values():
            limit = found["products"].get("ms")
            for result in found.values():
                if limit and "ms" in result:
                    result["over_products"] = result["ms"] / limit
        report[name] = passes
    return report


def loop(rounds: int, small: bool) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import jax.random as jr

    import snnjax as snn

    steps, neurons = (20, 512) if small else (1000, 100_000)
    xs = jr.uniform(jr.key(0), (steps, neurons))
    lif = snn.LIF(decay=0.9)
    copied = measured(lambda xs: xs + 1, xs, rounds=rounds)
    one = copied["ms"] / 2  # for one array to be read or written

    def run(xs: Any, kernel: Any) -> Any:
        return snn.unroll(lif, xs, kernel=kernel)[1]

    def backward(xs: Any, gs: Any, kernel: Any) -> Any:
        zs, pull = jax.vjp(lambda xs: run(xs, kernel), xs)
        return zs, pull(gs)[0]

    # Arrays over time that must be read or written: xs, zs; and again xs, gs, and their gradient.
    cases = {name: ((lambda xs, k=kernel: run(xs, k)), (xs,)) for name, kernel in kernels().items()}
    back = {
        name: ((lambda xs, gs, k=kernel: backward(xs, gs, k)), (xs, jnp.ones_like(xs)))
        for name, kernel in kernels().items()
    }
    passes = {"forward": rows(cases, rounds), "backward": rows(back, rounds)}
    for found, arrays in zip(passes.values(), (2, 5), strict=True):
        for result in found.values():
            if "ms" in result:
                result["over_memory_bound"] = result["ms"] / (arrays * one)
    gigabytes = 2 * xs.nbytes / (copied["ms"] * 1e6)
    return {"steps": steps, "neurons": neurons, "copy_gigabytes_per_second": gigabytes} | passes


def race(rounds: int, small: bool, logs: Path) -> dict[str, Any]:
    logs.mkdir(parents=True, exist_ok=True)
    workloads = ["shd:0:10:1:4"] if small else ["shd", "shd-recurrent"]
    reports = [libraries.race(workload, CONTESTANTS, rounds, logs) for workload in workloads]
    for report in reports:
        print("\n" + libraries.table(report) + "\n", file=sys.stderr, flush=True)
    return {"reports": reports}


def device() -> str:
    import jax

    return f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description="snnjax on a GPU")
    parser.add_argument("--part", nargs="+", default=list(SECONDS), choices=list(SECONDS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        (part,) = options.part
        if part == "libraries":
            found = race(options.rounds, options.small, options.out / "logs")
        else:
            found = {"layer": layer, "loop": loop}[part](options.rounds, options.small) | {"device": device()}
        print(json.dumps(found))
        return
    report: dict[str, Any] = {"small": options.small}
    path = options.out / "gpu.json"
    # So that several processes share the device.
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    for part in options.part:
        print(f"{part}: at most {SECONDS[part]} s", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--worker", "--part", part, "--rounds", str(options.rounds)]
        command += ["--out", str(options.out)] + ["--small"] * options.small
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, env=environment, timeout=SECONDS[part], check=True
            )
            report[part] = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            report[part] = {"failed": str(error)}
        path = write(options.out, "gpu", report, Page())  # after every part, so that nothing is lost
    print(json.dumps({part: report[part] for part in options.part}, indent=2))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
