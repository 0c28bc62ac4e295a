"""Gradients of layers over time."""

import numpy as np

from .._gradients import GradientReport
from ._axes import Axes, add_title, prepare, time_axis


def gradients(
    report: GradientReport,
    *,
    dt: float | int = 1.0,
    unit: str = "steps",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the norm of the gradient that reaches each layer at each step, on a logarithmic colour scale.

    One row per layer, the first on top. White is no gradient at all, black one that is not finite. The scale spans
    what there is, but at most twelve powers of ten below the largest.

    **Arguments:**

    - `report`: what `metrics.gradient_report` returns.
    - `dt`: length of a step.
    - `unit`: of `dt`, for the label.
    - `title`: of the axes.

    **Returns:** the axes: `ax`, or those of a new figure.

    ```python
    import jax, jax.numpy as jnp, snnjax as snn
    xs = jax.random.uniform(jax.random.key(0), (2, 30, 5))
    report = snn.metrics.gradient_report(snn.LIF(), lambda zs: zs.mean(), xs)
    ax = snn.plot.gradients(report)
    ```
    """
    norm = np.asarray(report.norm, np.float64)
    is_finite = np.isfinite(norm)
    alive = norm[is_finite & (norm > 0)]
    top = np.log10(alive.max()) if alive.size else 0.0
    bottom = max(np.log10(alive.min()), top - 12) if alive.size else -1.0
    shown = np.log10(np.where(is_finite & (norm > 0), norm, 1.0))
    rows, steps = norm.shape

    ax = prepare(ax, height=1.3 + 0.35 * rows)
    if alive.size:
        masked = np.ma.masked_where(~is_finite | (norm == 0), shown)
        extent = (-0.5 * dt, (steps - 0.5) * dt, rows - 0.5, -0.5)
        image = ax.imshow(masked, cmap="viridis", aspect="auto", interpolation="nearest", extent=extent)
        image.set_clim(bottom, max(top, bottom + 0.1))
        beside = ax.inset_axes((1.02, 0, 0.03, 1))  # no axes of the figure's own, whose layout is not ours
        ax.figure.colorbar(image, cax=beside, label="log10 of the gradient's norm")
    for row, step in zip(*np.nonzero(~is_finite), strict=True):
        ax.axvspan((step - 0.5) * dt, (step + 0.5) * dt, 1 - (row + 1) / rows, 1 - row / rows, color="black", lw=0)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_yticks(range(rows), list(report.layers))
    time_axis(ax, steps, dt, unit)
    add_title(ax, title)
    return ax
