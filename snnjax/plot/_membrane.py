"""Membranes over time."""

from collections.abc import Sequence

import numpy as np

from . import _axes
from ._axes import AnyArray, Axes, finite, over_time


def membrane(
    vs: AnyArray,
    zs: AnyArray | None = None,
    *,
    threshold: float | int | AnyArray | None = None,
    neurons: int | Sequence[int] | AnyArray | None = None,
    dt: float | int = 1.0,
    unit: str = "steps",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the membrane of a few neurons, with their threshold (dashed) and spikes (ticks above).

    A `v` recorded after the reset need not touch the threshold where a spike is. Values that are
    not finite leave a gap; the title names the first of them, whether its neuron is drawn or not.

    **Arguments:**

    - `vs`: membranes of shape `(time, *neurons)`.
    - `zs`: spikes, of the same shape.
    - `threshold`: a number, or an array of the shape of `vs`.
    - `neurons`: at most 6 to draw, in C order; by default the three that spike most (without `zs`, the first).
    - `dt`, `unit`: length of a step, and its unit.
    - `title`, `ax`: what to write above, and the axes to draw into (a new figure if `None`).

    **Returns:** the axes. Raises a `ValueError` if `vs` has no time axis or is empty, if `zs` or
    `threshold` do not have its shape, or if a neuron does not exist.

    ```python
    import numpy as np, snnjax as snn
    vs = np.sin(np.linspace(0, 20, 100))
    ax = snn.plot.membrane(vs, vs > 0.9, threshold=0.9, dt=0.5, unit="ms")
    ```
    """
    v = over_time("vs", vs)
    spikes = None if zs is None else _like(vs, "zs", zs)
    if threshold is not None and np.ndim(threshold) == 0:
        threshold = np.full(np.shape(vs), threshold)
    limits = None if threshold is None else _like(vs, "threshold", threshold)
    chosen = dict(zip(_choose(neurons, spikes, v.shape[1]), _axes.PALETTE, strict=False))

    ax = _axes.prepare(ax)
    times = np.arange(len(v)) * dt
    for i, colour in chosen.items():
        marker = "o" if len(v) == 1 else None  # a line of one point is invisible
        ax.plot(times, v[:, i], color=colour, lw=1.3, marker=marker, label=f"neuron {i}")
    if limits is not None:
        _draw_threshold(ax, times, limits, chosen)
    if spikes is not None:
        _draw_spikes(ax, times, spikes, chosen)
    bad = np.argwhere(~np.isfinite(v))
    note = f"NaN or inf from step {bad[0][0]} (neuron {bad[0][1]})" if len(bad) else ""
    _axes.add_title(ax, title, note)
    _axes.time_axis(ax, len(v), dt, unit)
    ax.set_ylabel("membrane")
    ax.legend(**_axes.BESIDE)
    return ax


def _like(vs, name: str, value) -> np.ndarray:
    if np.shape(value) != np.shape(vs):
        raise ValueError(
            f"vs has shape {np.shape(vs)} and {name} has shape {np.shape(value)}, but both must have "
            "the same shape. Record both from the same layer and example; a threshold per neuron "
            "is jnp.broadcast_to(threshold, vs.shape)."
        )
    return finite(name, over_time(name, value))


def _choose(neurons, spikes: np.ndarray | None, count: int) -> list[int]:
    if neurons is None:
        activity = np.zeros(count) if spikes is None else np.count_nonzero(spikes, axis=0)
        return sorted(np.argsort(-activity, kind="stable")[:3].tolist())
    chosen = np.atleast_1d(neurons).tolist()
    # A mask of booleans, read as numbers, would draw neurons 0 and 1.
    known = all(type(i) is int and 0 <= i < count for i in chosen)
    if not known or not 1 <= len(chosen) <= len(_axes.PALETTE):
        raise ValueError(
            f"neurons is {neurons}, but vs has the neurons 0 to {count - 1}, and 1 to 6 can be told "
            "apart. Choose among these numbers; several axes of neurons count in C order."
        )
    return chosen


def _draw_threshold(ax: Axes, times, limits: np.ndarray, chosen) -> None:
    if np.ptp(limits[:, [*chosen]]) == 0:
        ax.axhline(limits[0, min(chosen)], color=_axes.GREY, ls="--", lw=1, label="threshold")
    else:
        for i, colour in chosen.items():
            ax.plot(times, limits[:, i], color=colour, ls="--", lw=1, label=f"threshold {i}")


def _draw_spikes(ax: Axes, times, spikes: np.ndarray, chosen) -> None:
    """One row of ticks per neuron above the traces, in the order of the legend."""
    low, high = ax.get_ylim()
    row = 0.06 * (high - low)
    for k, (i, colour) in enumerate(reversed(chosen.items())):
        bottom = high + k * row
        ax.vlines(times[spikes[:, i] != 0], bottom, bottom + 0.8 * row, colors=colour, lw=1.2)
    ax.set_ylim(low, high + len(chosen) * row)
