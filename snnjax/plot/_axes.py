"""What the pictures share: axes, colours, checks of arrays, and saving."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Shaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:  # matplotlib is optional: the annotation must not import it
    Axes = Any

# Shapes are checked in the functions, not by the annotation: their messages say what to do.
AnyArray = Shaped[Array | np.ndarray, "..."]

# Okabe and Ito, "Color universal design", 2008: told apart with any colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY = PALETTE
GREY = "0.4"

# A legend that stands beside the axes, where it covers no data.
BESIDE: Any = dict(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)


def prepare(ax: Axes | None, height: float | int = 4.0, width: float | int = 6.4) -> Axes:
    """The axes given, or those of a new figure, without the lines at the top and on the right."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            message = "snnjax.plot needs matplotlib: python -m pip install 'snnjax[plot]'"
            raise ImportError(message) from error
        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def add_title(ax: Axes, title: str | None, note: str = "") -> None:
    """The title given, or the one that is there already, and a note behind it."""
    parts = (ax.get_title() if title is None else title, note)
    ax.set_title(": ".join(part for part in parts if part), fontsize="medium")


def time_axis(ax: Axes, steps: int, dt: float | int, unit: str) -> None:
    ax.set_xlim(-0.5 * dt, (steps - 0.5) * dt)
    ax.set_xlabel(f"time ({unit})")
    ax.locator_params(axis="x", integer=True)  # whole steps, where they fit


def finite(name: str, value: Any) -> np.ndarray:
    numbers = np.asarray(value, np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"{name} holds NaN or infinite values, but only finite numbers can be drawn here. "
            "Look for the first of them, and for what made it."
        )
    return numbers


def over_time(name: str, value: Any) -> np.ndarray:
    """An array of shape (time, *neurons) as (time, neurons)."""
    numbers = np.asarray(value, np.float64)
    if numbers.ndim == 0 or numbers.size == 0:
        raise ValueError(
            f"{name} has shape {numbers.shape}, but (time, *neurons) is needed, with at least one "
            "step and one neuron. Give all steps of one example, with time on axis 0."
        )
    return numbers.reshape(len(numbers), -1)


def save(ax: Axes, path: str | Path) -> None:
    """Saves the figure that the axes belong to, without empty borders, and closes it.

    **Arguments:**

    - `ax`: matplotlib axes, as the functions of this module return them.
    - `path`: the file, replaced if it exists; its ending is the format, e.g. ".png".

    ```python
    import tempfile, numpy as np, snnjax as snn
    with tempfile.TemporaryDirectory() as folder:
        snn.plot.save(snn.plot.raster(np.eye(20)), f"{folder}/spikes.png")
    ```
    """
    import matplotlib.pyplot as plt

    figure = ax.figure.canvas.figure  # the whole figure, also from within a subfigure
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
