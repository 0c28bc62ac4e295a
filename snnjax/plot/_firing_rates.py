"""Firing rates of layers."""

from collections.abc import Mapping

import numpy as np

from ._axes import GREEN, GREY, ORANGE, SKY, AnyArray, Axes, finite, prepare


def firing_rates(
    rates: Mapping[str, float | int | AnyArray],
    *,
    lower: float | int | None = None,
    upper: float | int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the mean firing rate of each layer as a bar, the first on top.

    A whisker spans the 5 % to 95 % quantiles of the neurons; bars outside the wanted range are orange.

    **Arguments:**

    - `rates`: by layer, spikes per step: a number, or an array with one rate per neuron.
    - `lower`, `upper`: the wanted range of the mean rate, shaded; either may be left open.

    **Returns:** the axes: `ax`, or those of a new figure. Raises a `ValueError` for no
    layer, a layer without neurons, a rate that is negative or not finite, or `lower > upper`.

    ```python
    import numpy as np, snnjax as snn
    ax = snn.plot.firing_rates({"hidden": np.array([0.0, 0.1, 0.3]), "output": 0.02}, upper=0.2)
    ```
    """
    layers = [finite(f"rates[{name!r}]", value) for name, value in rates.items()]
    start, stop = lower or 0.0, np.inf if upper is None else upper
    lowest = [layer.min() if layer.size else np.nan for layer in layers]
    if not (np.min(lowest or np.nan) >= 0 and 0 <= start <= stop):
        raise ValueError(
            f"rates has the minima {dict(zip(rates, lowest, strict=True))} (nan: no neurons), lower={lower}, upper="
            f"{upper}, but rates >= 0 and 0 <= lower <= upper are needed. Give e.g. {{'hidden': zs.mean(axis=0)}}."
        )
    means = np.array([layer.mean() for layer in layers])
    low, high = np.array([np.quantile(layer, [0.05, 0.95]) for layer in layers]).T
    ends = np.maximum(means, high)
    rows = np.arange(len(layers))
    right = 1.25 * max(ends.max(), start, upper or 0.0) or 1.0  # room for the numbers

    ax = prepare(ax, height=1.1 + 0.4 * len(layers))
    inside = (start <= means) & (means <= stop)
    ax.barh(rows, means, height=0.6, color=[SKY if i else ORANGE for i in inside])
    ax.hlines(rows, low, high, colors=GREY, lw=1.5)
    for row, layer in enumerate(layers):
        text = f"{means[row]:.3g}" if layer.any() else "silent"
        ax.text(ends[row], row, f" {text}", va="center", fontsize="small")
    ax.set_xlabel("mean rate (spikes/step)")
    if lower is not None or upper is not None:
        ax.axvspan(start, min(stop, right), color=GREEN, alpha=0.15, lw=0, zorder=0)
        ax.set_xlabel("mean rate (spikes/step), wanted range shaded")
    ax.set_xlim(0, right)
    ax.set_yticks(rows, list(rates))
    ax.set_ylim(len(layers) - 0.4, -0.6)
    return ax
