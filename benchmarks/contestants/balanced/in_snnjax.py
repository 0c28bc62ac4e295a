"""The balanced network in snnjax: `in_snnjax.py FOLDER NAME {float32,float64}`."""

import os
import sys
import time
from math import exp
from pathlib import Path
from typing import Any

# One thread, as Brian2 has.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
os.environ["JAX_PLATFORMS"] = os.environ.get("JAX_PLATFORMS", "cpu")

import equinox as eqx
import jax
import jax.numpy as jnp
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

import snnjax as snn


class State(eqx.Module):
    """The spikes of the step before, the currents, excitatory before inhibitory ones, and the states of the neurons."""

    z: Any
    i: Any
    neurons: Any


class Balanced(snn.AbstractCell[State]):
    """Excitatory neurons first. Puts out eight neurons' spikes per byte; `v` is where the membranes begin."""

    synapses: snn.nn.SparseLinear
    v: jax.Array
    neurons: snn.AbstractCell

    def init_state(self, x: Any, *, key: Any = None) -> State:
        del x, key
        rest = jnp.zeros_like(self.v)
        neurons = eqx.tree_at(lambda s: s.state.v, self.neurons.init_state(rest), self.v)
        return State(rest, jnp.concatenate([rest, rest]), neurons)

    def __call__(self, state: State, x: Any, *, key: Any = None) -> tuple[State, Any]:
        del x, key
        i = self.synapses.add_to(state.i, state.z)
        exciting, inhibiting = jnp.split(i, 2)
        drive = gain(TAU_EXCITATORY) * exciting + gain(TAU_INHIBITORY) * inhibiting
        neurons, z = self.neurons(state.neurons, drive)
        decay = jnp.repeat(jnp.exp(-DT / jnp.array([TAU_EXCITATORY, TAU_INHIBITORY], i.dtype)), z.size)
        return State(z, decay * i, neurons), packed(z)


def gain(tau: float) -> float:
    """What a decaying current of 1 adds to the membrane within a step: the exact solution, as Brian2 takes."""
    return tau / (TAU - tau) * (exp(-DT / TAU) - exp(-DT / tau))


def packed(z: Any) -> Any:
    """Neuron `i` is bit `i // columns` of byte `i % columns`."""
    bits = z.astype(jnp.uint8).reshape(8, -1) << jnp.arange(8, dtype=jnp.uint8)[:, None]
    return bits.sum(axis=0, dtype=jnp.uint8)


def unpacked(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps and neurons of all spikes; most of the bytes are zero and looked at eight at a time."""
    columns = bits.shape[1]
    flat = bits.ravel() if bits.size % 8 == 0 else np.concatenate([bits.ravel(), np.zeros(-bits.size % 8, np.uint8)])
    words = np.flatnonzero(flat.view(np.uint64))
    word, byte = np.nonzero(flat.reshape(-1, 8)[words])
    at = 8 * words[word] + byte
    which, bit = np.nonzero(np.unpackbits(flat[at][:, None], axis=1, bitorder="little"))
    steps, column = np.divmod(at[which], columns)
    return steps, bit * columns + column


def network(given: dict[str, np.ndarray], synapses: snn.nn.Synapses, weight: np.ndarray, dtype: Any) -> Balanced:
    """`synapses` lead to one half of the outputs where they excite, to the other where they inhibit."""
    membrane = snn.LIF(tau=TAU, dt=DT, threshold=THRESHOLD, rest=REST, reset=snn.ValueReset(value=RESET))
    return Balanced(
        snn.nn.SparseLinear(synapses, jnp.asarray(weight, dtype), use_bias=False),
        jnp.asarray(given["v"], dtype),
        # Brian2 looks at a neuron again in the step that begins one refractory period after the spike.
        snn.Refractory(membrane, period=REFRACTORY - DT, dt=DT),
    )


def compiled(model: Balanced, steps: int) -> Any:
    def simulate(model: Balanced) -> Any:
        return snn.unroll(model, jnp.zeros(steps, model.v.dtype))[1]

    program = eqx.filter_jit(simulate).lower(model).compile()
    return lambda: np.asarray(program(model))


def main() -> None:
    folder, name, dtype = Path(sys.argv[1]), *sys.argv[2:4]
    jax.config.update("jax_enable_x64", dtype == "float64")
    given = load(folder)
    neurons, steps = len(given["v"]), int(given["steps"])
    inhibitory = given["pre"] >= int(EXCITATORY_PART * neurons)
    weight = scale(neurons) * np.where(inhibitory, INHIBITORY, EXCITATORY)
    begin = time.perf_counter()
    synapses = snn.nn.Synapses(given["pre"], given["post"] + neurons * inhibitory, neurons, 2 * neurons)
    model = network(given, synapses, weight, dtype)
    built = time.perf_counter() - begin
    begin = time.perf_counter()
    simulate = compiled(model, steps)
    to_compile = time.perf_counter() - begin

    def run() -> tuple:
        seconds, (at, who) = clocked(lambda: unpacked(simulate()))
        return seconds, at, who

    def profile() -> dict[str, float]:
        """Processor time of the parts, from networks without synapses, and with synapses of weight 0.

        The neurons of both fire as if they were alone, some six times as often: what more spikes cost is known from
        them. Looking for spikes is what remains.
        """
        none = network(given, snn.nn.Synapses([], [], neurons, 2 * neurons), np.zeros(0), dtype)
        silent = network(given, synapses, np.zeros(synapses.count), dtype)
        programs = simulate, compiled(none, steps), compiled(silent, steps)
        whole, alone, many = (min(clocked(program)[0]["cpu"] for _ in range(7)) for program in programs)
        bits = simulate()
        spikes, more = unpacked(bits)[0].size, unpacked(programs[2]())[0].size
        synapses_of_spikes = spikes * (many - whole) / (more - spikes)
        return {
            "neurons": alone,
            "looking for spikes": whole - alone - synapses_of_spikes,
            "synapses of spikes": synapses_of_spikes,
            "lists of spikes": min(clocked(lambda: unpacked(bits))[0]["cpu"] for _ in range(7)),
        }

    serve(folder, name, {"version": snn.__version__, "built": built, "compiled": to_compile}, run, profile)


if __name__ == "__main__":
    main()
