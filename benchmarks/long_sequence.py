"""Sequences of any length in memory that does not grow with them.

    python benchmarks/long_sequence.py [--steps 10000 100000 300000] [--chunk 500] [--batch 8]

A network 70-128-128-20 with a leaky readout hears a stream whose inputs are made chunk by chunk, and so are never all
in memory. `stream` is `snn.Stream`, one example; `train` is a batch that is trained by truncated backpropagation: an
Adam step per chunk, with the state of the network passed on. Each runs in a process of its own, for each number of
steps. What is reported is the peak of the process's resident memory beyond that after the third chunk, the temporary
memory of the program of one chunk by the compiler's account, and the time per step; for three lengths, because what an
allocator holds grows for a while, and then stays.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _report import RESULTS, Page, write

INPUTS, OUTPUTS = 70, 20


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(part: str, steps: int, size: int, batch: int) -> dict[str, Any]:
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    import snnjax as snn

    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    model = snn.Sequential(
        eqx.nn.Linear(INPUTS, 128, key=k1),
        snn.LIF(tau=jnp.array(20.0)),
        eqx.nn.Linear(128, 128, key=k2),
        snn.ALIF(),
        eqx.nn.Linear(128, OUTPUTS, key=k3),
        snn.LI(),
    )
    rng = np.random.default_rng(0)
    shape = jax.ShapeDtypeStruct((size, INPUTS), jnp.float32)

    def chunk(*batch: int) -> np.ndarray:
        return (rng.random((size, *batch, INPUTS)) < 0.1).astype(np.float32)

    if part == "stream":
        stream = snn.Stream(model)
        temporary = snn.memory(model, shape, loops=[snn.BPTT()]).forward["BPTT()"]

        def advance() -> Any:
            return stream.chunk(chunk())

    else:
        optimiser = optax.adam(1e-3)
        params, rest = eqx.partition(model, snn.trainable(model))
        held: dict[str, Any] = {"params": params, "optimiser": optimiser.init(params)}
        held["state"] = jax.vmap(model.init_state)(jnp.zeros((batch, INPUTS)))

        @jax.jit
        def step(params: Any, optimiser_state: Any, state: Any, xs: Any, target: Any) -> tuple:
            def loss(params: Any) -> tuple:
                model = eqx.combine(params, rest)
                run = jax.vmap(lambda s, x: snn.unroll(model, x, s), in_axes=(0, 1), out_axes=(0, 1))
                state_after, ys = run(state, xs)
                return jnp.mean((ys - target) ** 2), state_after

            (value, state), gradient = jax.value_and_grad(loss, has_aux=True)(params)
            updates, optimiser_state = optimiser.update(gradient, optimiser_state)
            return optax.apply_updates(params, updates), optimiser_state, state, value

        def arguments() -> tuple:
            xs = chunk(batch)
            return held["params"], held["optimiser"], held["state"], xs, xs[..., :OUTPUTS]

        compiled = step.lower(*arguments()).compile()
        analysis = compiled.memory_analysis()
        assert analysis is not None, "this backend tells no sizes"
        temporary = analysis.temp_size_in_bytes

        def advance() -> Any:
            held["params"], held["optimiser"], held["state"], value = compiled(*arguments())
            return jax.block_until_ready(value)

    for _ in range(3):
        advance()
    before, begin = peak_mib(), time.perf_counter()
    for _ in range(steps // size - 4):
        advance()
    out = advance()
    seconds = time.perf_counter() - begin
    return {
        "steps": steps,
        "growth_mib": peak_mib() - before,
        "peak_mib": peak_mib(),
        "temporary_mib_of_a_chunk": temporary / 2**20,
        "inputs_mib_if_kept": steps * (1 if part == "stream" else batch) * INPUTS * 4 / 2**20,
        "microseconds_per_step": 1e6 * seconds / (steps - 3 * size),
        "finite": bool(np.isfinite(out).all()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="memory of long sequences")
    parser.add_argument("--steps", nargs="+", type=int, default=[10_000, 100_000, 300_000])
    parser.add_argument("--chunk", type=int, default=500, help="steps per chunk")
    parser.add_argument("--batch", type=int, default=8, help="sequences that are trained at once")
    parser.add_argument("--part", nargs="+", default=["stream", "train"], choices=["stream", "train"])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(run(options.part[0], options.steps[0], options.chunk, options.batch)))
        return
    page = Page()
    report: dict[str, Any] = {"chunk": options.chunk, "batch": options.batch}
    for part in options.part:
        report[part] = []
        for steps in options.steps:
            command = [sys.executable, __file__, "--worker", "--part", part, "--steps", str(steps)]
            command += ["--chunk", str(options.chunk), "--batch", str(options.batch)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            found = json.loads(done.stdout)
            report[part].append(found)
            page.say(
                f"- {part}, {steps} steps: {found['microseconds_per_step']:.1f} us per step, peak memory grew by "
                f"{found['growth_mib']:.1f} MiB to {found['peak_mib']:.0f} MiB, the program of a chunk "
                f"takes {found['temporary_mib_of_a_chunk']:.2f} MiB; "
                f"the inputs would be {found['inputs_mib_if_kept']:.0f} MiB"
            )
    print(f"written to {write(options.out, 'long_sequence', report, page)}")


if __name__ == "__main__":
    main()
