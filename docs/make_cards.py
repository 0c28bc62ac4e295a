"""Makes docs/neurons.md: a card for every neuron, with its equations, a membrane trace and an f-I curve.

Everything is taken from the cells themselves. Run from the root: `python docs/make_cards.py`, needs the extra `plot`.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import snnjax as snn

DOCS = Path(__file__).parent
STEPS_OF_CURVE = 25


class Card(NamedTuple):
    """A neuron, the drives of its f-I curve, the one of its trace, and how long, in the unit of its dt."""

    cell: Any
    lowest: float
    highest: float
    shown: float
    duration: float = 100.0
    unit: str = "steps"
    current: str = "input"


CARDS = {
    "IF": Card(snn.IF(), 0.0, 1.0, 0.15),
    "LIF": Card(snn.LIF(tau=20.0), 0.0, 0.5, 0.1),
    "CubaLIF": Card(snn.CubaLIF(tau=20.0, tau_i=5.0), 0.0, 0.1, 0.02),
    "CubaLIFAlpha": Card(snn.CubaLIFAlpha(), 0.0, 0.1, 0.02),
    "CubaLIFDoubleExponential": Card(snn.CubaLIFDoubleExponential(), 0.0, 0.1, 0.02),
    "CobaLIF": Card(snn.CobaLIF(dt=0.1), 0.0, 0.02, 0.008, 200.0, "ms", "conductance"),
    "ALIF": Card(snn.ALIF(tau=20.0, tau_a=100.0), 0.0, 0.5, 0.15, 200.0),
    "AdLIF": Card(snn.AdLIF(), 0.0, 1.0, 0.3, 200.0),
    "ExpIF": Card(snn.ExpIF(resistance=100.0), 0.0, 0.2, 0.05, 200.0, "ms", "nA"),
    "QIF": Card(snn.QIF(resistance=100.0), 0.0, 0.3, 0.08, 200.0, "ms", "nA"),
    "AdaptiveQIF": Card(snn.AdaptiveQIF(), 0.0, 0.4, 0.1, 500.0, "ms", "nA"),
    "AdEx": Card(snn.AdEx.preset("adapting"), 0.0, 1000.0, 500.0, 300.0, "ms", "pA"),
    "GIF": Card(snn.GIF(a=0.005, a1=10.0, a2=-0.6), 0.0, 4.0, 2.0, 300.0, "ms", "nA"),
    "Izhikevich": Card(snn.Izhikevich.preset("RS"), 0.0, 30.0, 10.0, 300.0, "ms", "mV/ms"),
    "HodgkinHuxley": Card(snn.HodgkinHuxley(), 0.0, 40.0, 10.0, 100.0, "ms", "uA/cm2"),
    "MorrisLecar": Card(snn.MorrisLecar(), 0.0, 200.0, 100.0, 500.0, "ms", "uA/cm2"),
    "WangBuzsaki": Card(snn.WangBuzsaki(), 0.0, 10.0, 1.0, 100.0, "ms", "uA/cm2"),
    "FitzHughNagumo": Card(snn.FitzHughNagumo(), 0.0, 1.5, 0.5, 200.0, "units", "input"),
    "HindmarshRose": Card(snn.HindmarshRose(), 0.0, 4.0, 2.0, 600.0, "units", "input"),
    "ResonateAndFire": Card(snn.ResonateAndFire(), 0.0, 1.0, 0.5, 200.0),
    "BalancedResonateAndFire": Card(snn.BalancedResonateAndFire(), 0.0, 60.0, 40.0, 20.0),
    "SigmaDelta": Card(snn.SigmaDelta(), 0.0, 1.0, 0.3),
    "SpikeResponse": Card(snn.SpikeResponse(), 0.0, 5.0, 2.0),
    "ParallelLIF": Card(snn.ParallelLIF(), 0.0, 0.5, 0.1),
}


def equations(kind: type) -> str:
    """The first block of a docstring that is not an example."""
    for block in re.findall(r"```\n(.*?)```", kind.__doc__ or "", re.DOTALL):
        return "\n".join(line.removeprefix("    ") for line in block.rstrip().splitlines())
    raise ValueError(f"{kind.__name__} has no equations in its docstring.")


def summary(kind: type) -> str:
    """The first line of a docstring."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def membrane(state: Any) -> Any:
    """What a card shows of a state."""
    for name in ("v", "m"):
        if hasattr(state, name):
            return getattr(state, name)
    return jax.tree.leaves(state)[0]


def measure(card: Card) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Drives, rates per unit of time, the shown membrane and its spikes, and dt."""
    dt = float(getattr(card.cell, "dt", 1.0))
    steps = round(card.duration / dt)
    drives = jnp.append(jnp.linspace(card.lowest, card.highest, STEPS_OF_CURVE), card.shown)
    xs = jnp.broadcast_to(drives, (steps, len(drives)))
    record = lambda state, z: (membrane(state), z)  # noqa: E731
    if isinstance(card.cell, snn.AbstractSequenceCell):
        record = lambda state, z: (state.v, z)  # noqa: E731
    _, (vs, zs) = snn.unroll(card.cell, xs, record=record)
    rates = np.asarray(zs.sum(axis=0)) / (steps * dt)
    return np.asarray(drives[:-1]), rates[:-1], np.asarray(vs[:, -1]), np.asarray(zs[:, -1]), dt


def picture(name: str, card: Card, path: Path) -> None:
    """The trace with its spikes, and the curve beside it."""
    drives, rates, v, z, dt = measure(card)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.0), width_ratios=(2, 1), layout="constrained")
    time = np.arange(len(v)) * dt
    left.plot(time, v, color="C0", linewidth=1)
    top = v.max() + 0.08 * (np.ptp(v) or 1.0)
    left.plot(time[z > 0], np.full(int((z > 0).sum()), top), "|", color="C3", markersize=6)
    left.set(xlabel=f"time ({card.unit})", ylabel="membrane", title=f"{name}, {card.current} {card.shown:g}")
    right.plot(drives, 1000 * rates if card.unit == "ms" else rates, color="C0")
    right.set(xlabel=card.current, ylabel="Hz" if card.unit == "ms" else f"spikes per {card.unit.rstrip('s')}")
    figure.savefig(path, dpi=70)
    plt.close(figure)


def main() -> None:
    """Write the page and its pictures."""
    (DOCS / "images" / "neurons").mkdir(parents=True, exist_ok=True)
    lines = [
        "# The neurons",
        "",
        "Made by `python docs/make_cards.py` from the cells themselves: the equations of a step, a membrane under a",
        "constant input (red: spikes), and the firing rate against the input. Sources are in the docstrings.",
        "",
    ]
    for name, card in CARDS.items():
        picture(name, card, DOCS / "images" / "neurons" / f"{name}.png")
        kind = type(card.cell)
        lines += [f"## {name}", "", summary(kind), "", "```", equations(kind), "```", ""]
        lines += [f"![{name}: a membrane trace and an f-I curve](images/neurons/{name}.png)", ""]
        print(name, flush=True)
    (DOCS / "neurons.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
