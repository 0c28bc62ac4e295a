"""Spikes over time."""

import numpy as np

from ._axes import BLUE, AnyArray, Axes, add_title, finite, over_time, prepare, time_axis


def raster(
    zs: AnyArray, *, dt: float | int = 1.0, unit: str = "steps", title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draws one mark per spike: time to the right, neuron upwards.

    The title ends with the mean rate, `spikes / (neurons * time * dt)`; a nonzero entry counts as one spike.

    **Arguments:**

    - `zs`: spikes of shape `(time, *neurons)`; neurons are numbered in C order.
    - `dt`, `unit`: length of a step, and its unit.
    - `title`, `ax`: what to write above, and the axes to draw into (a new figure if `None`).

    **Returns:** the axes. Raises a `ValueError` if `zs` has no time axis, is empty or holds NaN.

    ```python
    import numpy as np, snnjax as snn
    ax = snn.plot.raster(np.random.default_rng(0).random((100, 30)) < 0.1, title="hidden")
    ```
    """
    spikes = finite("zs", over_time("zs", zs))
    steps, neurons = spikes.shape
    when, who = np.nonzero(spikes)

    ax = prepare(ax, height=1.8 if neurons < 10 else 3.6)
    half = max(0.4, 0.005 * neurons)  # among many neurons a mark is higher than its row, to be seen
    width = float(np.clip(250 / steps, 0.5, 1.5))
    ax.vlines(when * dt, who - half, who + half, colors=BLUE, lw=width)
    if len(when) == 0:
        ax.text(0.5, 0.5, "no spikes", transform=ax.transAxes, ha="center", va="center")
    rate = len(when) / (spikes.size * dt)
    add_title(ax, title, f"mean rate {rate:.3g} spikes/{'step' if unit == 'steps' else unit}")
    time_axis(ax, steps, dt, unit)
    ax.set_ylim(-half - 0.1, neurons - 0.9 + half)
    ax.locator_params(axis="y", nbins=5, integer=True, min_n_ticks=1)
    ax.set_ylabel("neuron")
    return ax
