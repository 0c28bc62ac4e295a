"""Quantities of a training history."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._axes import PALETTE, Axes, prepare


def curves(
    history: Sequence[Mapping[str, Any]],
    names: str | Sequence[str],
    *,
    x: str = "epoch",
    ylabel: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws quantities of a training history as lines.

    The best value of a line is circled and in the legend: the largest if its name contains "accuracy", the
    smallest if it contains "loss". Rows without a name are left out of its line, and names that no row has too.

    **Arguments:**

    - `history`: rows of named numbers, e.g. one per epoch.
    - `names`: the names to draw.
    - `x`: the name of the horizontal axis.
    - `ylabel`: label of the vertical axis; by default the words that all names share.

    **Returns:** the axes: `ax`, or those of a new figure. Raises a `ValueError` if no
    row has both `x` and one of the names.

    ```python
    import snnjax as snn
    ax = snn.plot.curves([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}], ["loss"])
    ```
    """
    names = [names] if isinstance(names, str) else list(names)
    points = {name: _points(history, x, name) for name in names}
    points = {name: line for name, line in points.items() if line.size}
    if not points:
        raise ValueError(
            f"No row of history has {x!r} together with one of {names}: its {len(history)} rows have "
            f"the names {sorted({name for row in history for name in row})}. Choose among these."
        )
    ax = prepare(ax)
    for i, (name, (where, values)) in enumerate(points.items()):
        # Beyond the palette the dashes tell lines apart.
        colour, dashes = PALETTE[i % 6], ("-", "--", ":")[i // 6 % 3]
        label = name
        finite = np.isfinite(values)
        better = 1 if "accuracy" in name else -1 if "loss" in name else 0  # the direction
        if better and finite.any():
            best = np.argmax(np.where(finite, better * values, -np.inf))
            label += f" (best {values[best]:.4g} at {x} {where[best]:g})"
            ax.plot(where[best], values[best], "o", ms=8, color=colour, mfc="none")
        marker = "." if len(values) <= 40 else None
        ax.plot(where, values, color=colour, ls=dashes, lw=1.5, marker=marker, label=label)
    shared = [w for w in next(iter(points)).split("_") if all(w in name.split("_") for name in points)]
    ax.set_ylabel("_".join(shared) if ylabel is None else ylabel)
    ax.set_xlabel(x)
    ax.locator_params(axis="x", integer=True)  # whole epochs, where they fit
    ax.legend(loc="best", fontsize="small", frameon=False)
    return ax


def _points(history, x: str, name: str) -> np.ndarray:
    """The places and the values of a name, of shape (2, rows)."""
    rows = [row for row in history if row.get(x) is not None and row.get(name) is not None]
    return np.array([[float(row[x]), float(row[name])] for row in rows]).T
