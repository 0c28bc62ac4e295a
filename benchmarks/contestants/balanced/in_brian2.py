"""The balanced network in Brian2: `in_brian2.py FOLDER NAME {cython,cpp} {float64,float32} [profile]`."""

import sys
import time
from pathlib import Path
from typing import Any

import brian2 as b
import numpy as np
from _model import (
    DT,
    EXCITATORY,
    EXCITATORY_PART,
    INHIBITORY,
    REFRACTORY,
    RESET,
    REST,
    TAU,
    TAU_EXCITATORY,
    TAU_INHIBITORY,
    THRESHOLD,
    clocked,
    load,
    scale,
    serve,
)
from brian2 import ms, mV

EQUATIONS = """
dv/dt = (ge + gi - (v - rest)) / tau : volt (unless refractory)
dge/dt = -ge / tau_e : volt
dgi/dt = -gi / tau_i : volt
"""


def network(folder: Path) -> tuple[b.Network, Any, int]:
    given = load(folder)
    neurons = len(given["v"])
    exciting = int(EXCITATORY_PART * neurons)
    names = {
        "tau": TAU * ms,
        "tau_e": TAU_EXCITATORY * ms,
        "tau_i": TAU_INHIBITORY * ms,
        "rest": REST * mV,
        "threshold": THRESHOLD * mV,
        "v_reset": RESET * mV,
        "we": scale(neurons) * EXCITATORY * mV,
        "wi": scale(neurons) * INHIBITORY * mV,
    }
    b.defaultclock.dt = DT * ms
    group = b.NeuronGroup(
        neurons,
        EQUATIONS,
        threshold="v > threshold",
        reset="v = v_reset",
        refractory=REFRACTORY * ms,
        method="exact",
        namespace=names,
    )
    group.v = given["v"] * mV
    parts = [group]
    for variable, weight, chosen in (("ge", "we", given["pre"] < exciting), ("gi", "wi", given["pre"] >= exciting)):
        synapses = b.Synapses(group, group, on_pre=f"{variable} += {weight}", namespace=names)
        synapses.connect(i=given["pre"][chosen], j=given["post"][chosen])
        parts.append(synapses)
    monitor = b.SpikeMonitor(group)
    return b.Network(*parts, monitor), monitor, int(given["steps"])


def spikes(monitor: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.round(np.asarray(monitor.t / ms) / DT).astype(int), np.asarray(monitor.i)


def in_process(folder: Path, name: str) -> None:
    """The default mode: a Python loop over steps of compiled Cython."""
    begin = time.perf_counter()
    net, monitor, steps = network(folder)
    built = time.perf_counter() - begin
    net.store()
    begin = time.perf_counter()
    net.run(DT * ms)
    compiled = time.perf_counter() - begin

    def run() -> tuple:
        # A run of one step tells what of a run is preparation.
        net.restore()
        prepare, _ = clocked(lambda: net.run(DT * ms))
        net.restore()
        seconds, _ = clocked(lambda: net.run(steps * DT * ms))
        whole = {f"with_preparation_{kind}": spent for kind, spent in seconds.items()}
        return {kind: seconds[kind] - prepare[kind] for kind in seconds} | whole, *spikes(monitor)

    def profile() -> dict[str, float]:
        net.restore()
        net.run(steps * DT * ms, profile=True)
        return {part: float(spent / b.second) for part, spent in net.profiling_info}

    serve(folder, name, {"version": b.__version__, "built": built, "compiled": compiled}, run, profile)


def standalone(folder: Path, name: str, profiled: bool) -> None:
    """C++ for the whole simulation, timed around its loop: what Brian2 itself tells is processor time."""
    where = folder / f"{name}_code"
    b.set_device("cpp_standalone", directory=str(where), build_on_run=False)
    begin = time.perf_counter()
    net, monitor, steps = network(folder)
    spent = where / "seconds.txt"
    clocks = "clock_gettime(CLOCK_MONOTONIC, &{0}); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_{0});"
    read = "timespec {0}, cpu_{0}; " + clocks
    since = "{0}end.tv_sec - {0}begin.tv_sec + 1e-9 * ({0}end.tv_nsec - {0}begin.tv_nsec)"
    b.device.insert_code("before_network_run", read.format("begin"))
    b.device.insert_code(
        "after_network_run",
        f'{read.format("end")} std::ofstream("{spent}") << {since.format("")} << " " << {since.format("cpu_")};',
    )
    net.run(steps * DT * ms, profile=profiled)
    built = time.perf_counter() - begin
    begin = time.perf_counter()
    b.device.build(directory=str(where), compile=True, run=False, with_output=False)
    compiled = time.perf_counter() - begin

    def run() -> tuple:
        b.device.run(str(where), with_output=False, run_args=[])
        wall, cpu = map(float, spent.read_text().split())
        return {"wall": wall, "cpu": cpu}, *spikes(monitor)

    def profile() -> dict[str, float]:
        run()
        return {part: float(spent / b.second) for part, spent in net.profiling_info}

    serve(folder, name, {"version": b.__version__, "built": built, "compiled": compiled}, run, profile)


def main() -> None:
    folder, name, mode, dtype = Path(sys.argv[1]), *sys.argv[2:5]
    b.prefs.core.default_float_dtype = getattr(np, dtype)
    if mode == "cpp":
        standalone(folder, name, profiled="profile" in sys.argv)
    else:
        b.prefs.codegen.target = mode
        in_process(folder, name)


if __name__ == "__main__":
    main()
