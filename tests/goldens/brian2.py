"""Brian2, which has no layers but solves equations: every simulation in a file, by its own method and step.

Solutions are not compared to the last digits: a neuron that fires again and again multiplies a difference in rounding
by the same factor at every spike, in one of these files from 1e-14 to 5e-6 mV. Spikes come in the same number and
order, within two steps; states agree within 1e-4 (mV, pA, or 1). A single Runge-Kutta stage with another input changes
them by half a millivolt.
"""

import re
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import snnjax as snn

from ._case import Case
from ._check import Unsupported
from ._trace import Arrays

_METHODS = {"euler": snn.Euler, "rk4": snn.RungeKutta4, "exponential_euler": snn.ExponentialEuler}


class Simulation(NamedTuple):
    """One of the simulations in a file: how the names of its arrays end, its method, its step in ms."""

    suffix: str
    method: str
    dt: float

    @property
    def integrator(self) -> snn.AbstractIntegrator:
        if self.method not in _METHODS:
            raise Unsupported(f"the method {self.method}")
        return _METHODS[self.method]()


def hodgkin_huxley(case: Case, simulation: Simulation) -> snn.AbstractCell:
    p = case.params
    return snn.HodgkinHuxley(
        sodium_conductance=p["gNa"],
        potassium_conductance=p["gK"],
        leak_conductance=p["gL"],
        sodium_reversal=p["ENa"],
        potassium_reversal=p["EK"],
        leak_reversal=p["EL"],
        capacitance=p["C"],
        dt=simulation.dt,
        integrator=simulation.integrator,
    )


def lif_exact(case: Case, simulation: Simulation) -> snn.AbstractCell:
    p = case.params
    neuron = snn.LIF(
        tau=p["tau"],
        threshold=p["threshold"],
        dt=simulation.dt,
        reset=snn.ValueReset(p["v_reset"]),
        normalise_input=True,
    )
    # The step in which a neuron fires is the first of its refractory period there.
    silent = round(p["refractory_ms"] / simulation.dt) - 1
    return snn.Refractory(neuron, float(silent)) if silent > 0 else neuron


def izhikevich(case: Case, simulation: Simulation) -> snn.AbstractCell:
    p = case.params
    return snn.Izhikevich(
        a=p["a"],
        b=p["b"],
        d=p["d"],
        threshold=p["threshold"],
        dt=simulation.dt,
        surrogate=snn.SuperSpike(inclusive=True),
        reset=snn.ValueReset(p["c"]),
        integrator=simulation.integrator,
    )


def adex(case: Case, simulation: Simulation) -> snn.AbstractCell:
    p = case.params
    return snn.AdEx(
        capacitance=p["C"],
        leak_conductance=p["gL"],
        rest=p["EL"],
        rheobase=p["VT"],
        slope_factor=p["DT"],
        tau_w=p["tauw"],
        a=p["a"],
        b=p["b"],
        threshold=p["cut"],
        dt=simulation.dt,
        reset=snn.ValueReset(p["Vr"]),
        integrator=simulation.integrator,
    )


_MODELS = {"hodgkin_huxley": hodgkin_huxley, "lif_exact": lif_exact, "izhikevich": izhikevich, "adex": adex}


class _HearsAhead(snn.AbstractCell):
    """A neuron whose last Runge-Kutta stage hears the input at the end of the step, which is that of the next step."""

    neuron: Any
    capacitance: float

    def init_state(self, x: Any, *, key: Any = None) -> Any:
        return self.neuron.init_state(x[0], key=key)

    def __call__(self, state: Any, x: Any, *, key: Any = None) -> tuple[Any, Any]:
        now, ahead = x
        after = self.neuron.integrate(state, now)
        heard = after.v + self.neuron.dt / 6 * (ahead - now) / self.capacitance
        after = eqx.tree_at(lambda s: s.v, after, heard)
        z = self.neuron.fire(state, after, key)
        return self.neuron.spiked(after, z), z


def simulations(case: Case) -> list[Simulation]:
    """The simulations in a file, told by the names of their spike times."""
    found = []
    for name in case.expected:
        if not name.startswith("spike_times_ms"):
            continue
        suffix = name.removeprefix("spike_times_ms")
        named = re.fullmatch(r"_(\w+)_dt([\d.]+)", suffix)
        if named:
            found.append(Simulation(suffix, named[1], float(named[2])))
        else:
            dt = float(case.meta["dt"]) / {"": 1, "_dt_quarter": 4}[suffix]
            found.append(Simulation(suffix, case.params.get("method", "exact"), dt))
    return found


def _simulate(case: Case, simulation: Simulation) -> Arrays:
    cell = _MODELS[case.behaviour.split(".")[1]](case, simulation)
    end, dt = simulation.suffix, simulation.dt
    times = case.arrays[f"t_ms{end}" if f"t_ms{end}" in case.arrays else "t_ms"]
    every = round(float(times[1] - times[0]) / dt)
    currents = jnp.asarray(case.arrays["I"])
    rows = np.arange(len(times) * every + 1) // round(float(case.arrays["I_dt_ms"]) / dt)
    xs = currents[np.minimum(rows, len(currents) - 1)]
    ahead = simulation.method == "rk4"
    inputs = (xs[:-1], xs[1:]) if ahead else xs[:-1]
    if ahead:
        cell = _HearsAhead(cell, float(case.params.get("C", 1.0)))

    state = cell.init_state(jax.tree.map(lambda x: x[0], inputs))
    for field in getattr(state, "__dataclass_fields__", {}):
        if f"{field}0" in case.params:
            start = jnp.full(xs.shape[1:], float(case.params[f"{field}0"]))
            state = eqx.tree_at(lambda s, field=field: getattr(s, field), state, start)

    def record(state: Any, out: Any) -> Any:
        return getattr(state, "state", state), out

    states, zs = jax.jit(lambda xs, state: snn.unroll(cell, xs, state, record=record)[1])(inputs, state)
    steps, neurons = np.nonzero(np.asarray(zs))
    # A state is recorded where its step begins.
    before = jax.tree.map(
        lambda s, first: np.concatenate([first[None], s])[:-1][::every], states, record(state, None)[0]
    )
    recorded = {f"state_{field}{end}": getattr(before, field) for field in before.__dataclass_fields__}
    return {
        f"t_ms{end}": np.arange(len(times)) * every * dt,
        f"spike_times_ms{end}": steps * dt,
        f"spike_neuron{end}": neurons,
        f"v{end}": before.v,
        **recorded,
    }


def compare(case: Case) -> list[str]:
    """What does not agree, a line each."""
    if case.behaviour.split(".")[1] not in _MODELS:
        raise Unsupported(case.behaviour)
    found: Arrays = {"I": case.arrays["I"]}
    within: dict[str, float] = {}
    for simulation in simulations(case):
        found |= _simulate(case, simulation)
        within |= {f"spike_times_ms{simulation.suffix}": 2.001 * simulation.dt, f"spike_neuron{simulation.suffix}": 0.0}
    lines = []
    for name, wanted in case.expected.items():
        shape = np.shape(found.get(name, ()))
        if name not in found or shape != wanted.shape:
            lines.append(f"{name}: shape {shape}, recorded {wanted.shape}")
            continue
        error = np.max(np.abs(found[name] - wanted), initial=0.0)
        if not error <= within.get(name, 1e-4):
            lines.append(f"{name}: differs by {error:.3g}")
    return lines
