"""Pictures of spiking networks, drawn with matplotlib.

Every function draws one picture into matplotlib axes and returns them, so pictures are arranged,
relabelled and saved with ordinary matplotlib. Arrays are those of ONE example, with time on
axis 0. Nothing here shows a window or changes matplotlib's settings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Shaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    # matplotlib is optional: the annotation must not import it.
    Axes = Any

# Ranks and shapes are checked in the functions, not by the annotation: their messages say what to
# do, and they are there without a type checker too.
AnyArray = Shaped[Array | np.ndarray, "..."]
Number = float | int | np.number

# Okabe and Ito, "Color universal design" (2008): told apart with any colour vision.
_BLUE, _VERMILLION, _GREEN = "#0072B2", "#D55E00", "#009E73"
_ORANGE, _PURPLE, _SKY = "#E69F00", "#CC79A7", "#56B4E9"
_PALETTE = (_BLUE, _VERMILLION, _GREEN, _ORANGE, _PURPLE, _SKY)
_GREY = "0.5"
# Leading digits of the numbers along an axis.
_ROUND = (1, 2, 2.5, 5, 10)

_MISSING_MATPLOTLIB = (
    "matplotlib could not be imported. "
    "snnjax.plot needs matplotlib: python -m pip install 'snnjax[plot]'"
)


# --- What every picture needs -------------------------------------------------------------------


def _axes(ax, width: float = 6.4, height: float = 4.0) -> Axes:
    """The axes to draw into: those given, or the only ones of a new figure."""
    try:
        import matplotlib.axes
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(_MISSING_MATPLOTLIB) from error
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    if not isinstance(ax, matplotlib.axes.Axes):
        raise TypeError(
            f"ax is a {type(ax).__name__}, but it must be one matplotlib Axes or None. "
            "Pick one of the axes, e.g. `fig, axs = plt.subplots(2)` and then `ax=axs[0]`."
        )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _points(ax) -> tuple[float, float]:
    """Width and height of the axes in points, the unit of markers and fonts."""
    box = ax.get_window_extent()
    scale = 72 / ax.figure.dpi
    return max(box.width * scale, 1.0), max(box.height * scale, 1.0)


def _font_points(size: str) -> float:
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=size).get_size_in_points()


def _legend_on_top(ax, low: float, high: float, ylabel: str, rows: int = 0) -> np.ndarray:
    """Fits the y axis to low..high, labels it, and puts the legend into free space above it.

    A legend inside the axes cannot meet a neighbouring picture or a title set later; free space
    above the data keeps it from covering a line. Returns the heights of `rows` equally spaced
    rows between data and legend.
    """
    from matplotlib.ticker import MaxNLocator

    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = 0.0, 1.0
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # a flat line still needs a height
        pad = 0.1 * abs(high) or 0.5
        low, high = low - pad, high + pad
    ticks = np.asarray(MaxNLocator(nbins=5, steps=_ROUND).tick_values(low, high))
    slack = 1e-9 * (high - low)
    ax.set_yticks(ticks[(ticks >= low - slack) & (ticks <= high + slack)])

    labels = ax.get_legend_handles_labels()[1]
    font = _font_points("small")
    width, height = _points(ax)
    # A letter is about 0.55 fonts wide; the line beside it and the gap take 4 fonts.
    entry = font * (0.55 * max(map(len, labels)) + 4)
    columns = int(np.clip(width // entry, 1, len(labels)))
    legend_band = 1.6 * font * -(-len(labels) // columns) + font
    row_band = 8.0 * rows
    # In a very flat picture half the height stays with the data.
    shrink = min(1.0, 0.5 * height / (legend_band + row_band))
    legend_band, row_band = shrink * legend_band, shrink * row_band
    unit = (high - low) / (0.96 * height - legend_band - row_band)  # data units of one point

    ax.set_ylim(low - 0.04 * height * unit, high + unit * (legend_band + row_band))
    # The axis line ends where the numbers mean something, and its label stands at its middle.
    ax.spines["left"].set_bounds(low, high)
    bottom, top = ax.get_ylim()
    ax.set_ylabel(ylabel, y=((low + high) / 2 - bottom) / (top - bottom))
    ax.legend(
        loc="upper left",
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.0,
        handlelength=1.6,
        columnspacing=1.4,
    )
    return high + unit * row_band * (np.arange(rows) + 0.75) / max(rows, 1)


def _time_axis(ax, steps: int, dt: float, unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(-0.5 * dt, (steps - 0.5) * dt)
    ax.set_xlabel(f"time ({unit})")
    # Whole steps only, as there is nothing between them.
    locator = MaxNLocator(nbins="auto", steps=_ROUND, integer=dt == 1, min_n_ticks=1)
    ax.xaxis.set_major_locator(locator)


def _per(unit: str) -> str:
    """One of a unit: "steps" -> "step", but "ms" and "s" stay."""
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit


# --- Checks --------------------------------------------------------------------------------------


def _numpy(name: str, value) -> np.ndarray:
    """The numbers of an array as float64, or an error."""
    if isinstance(value, Tracer):
        raise TypeError(
            f"{name} is traced (it has no values inside jax.jit, jax.grad or jax.vmap), but plots "
            f"need numbers. Return {name} from the transformed function and plot it outside."
        )
    try:
        array = np.asarray(value)
        if array.dtype.kind in "cMmOSU":  # complex numbers, dates, objects and text
            raise TypeError(f"no real numbers: {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} is a {type(value).__name__} that holds something else than real numbers, but "
            "plots take jax or numpy arrays of numbers or booleans. Convert it first."
        ) from error


def _all_finite(name: str, value: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(value)):
        raise ValueError(
            f"{name} holds {np.sum(~np.isfinite(value))} NaN or infinite values of {value.size}, "
            "but only finite numbers can be drawn here. Look for the place where the first of them "
            "comes from."
        )
    return value


def _flat_in_time(name: str, value) -> np.ndarray:
    """(time, *neurons) as (time, neurons)."""
    value = _numpy(name, value)
    if value.ndim == 0:
        raise ValueError(
            f"{name} is a scalar, but an array of shape (time, *neurons) is needed, with time on "
            "axis 0. Give the array of all steps of one example."
        )
    if value.size == 0:
        raise ValueError(
            f"{name} has shape {value.shape}: there is no time step or no neuron in it, but at "
            "least one of each is needed. Give the array of all steps of one example, "
            "of shape (time, *neurons)."
        )
    return value.reshape(value.shape[0], -1)


def _check_time(dt, unit: str) -> float:
    dt = float(dt)
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(
            f"dt={dt}, but the length of a step must be a positive number. Give it in the unit "
            f"named by unit={unit!r}, or leave both out to count steps."
        )
    return dt


# --- Spikes and membranes -------------------------------------------------------------------------


def raster(
    zs: AnyArray,
    *,
    dt: Number = 1.0,
    unit: str = "steps",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws one mark per spike: time to the right, neuron upwards.

    The line under the title is the mean rate of a neuron, the number of spikes divided by
    `neurons * time * dt`. Each nonzero entry counts as one, whatever its size; where some are not
    1 (graded, signed or several spikes in a step) the word is "events" instead of "spikes".

    **Arguments:**

    - `zs`: spikes of shape `(time, *neurons)`; the neurons are numbered in C order.
    - `dt`: length of a step, in `unit`; the entry `k` on the time axis is drawn at `k * dt`.
    - `unit`: name of the unit of time.
    - `title`: written above the picture.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `ValueError` if `zs` has no time axis, is empty or holds NaN, or if `dt` is not
    positive, and a `TypeError` if `zs` is traced, e.g. inside `jax.jit`.

    ```python
    import jax.random as jr
    from snnjax import plot

    zs = jr.bernoulli(jr.key(0), 0.1, (100, 30))
    ax = plot.raster(zs, title="hidden")
    ```
    """
    spikes = _all_finite("zs", _flat_in_time("zs", zs))
    dt = _check_time(dt, unit)
    steps, neurons = spikes.shape
    when, who = np.nonzero(spikes)

    ax = _axes(ax, height=float(np.clip(1.5 + 0.05 * neurons, 1.8, 4.0)))
    width, height = _points(ax)
    row = height / neurons
    step = width / steps
    if row >= 3:
        size, marker, thickness = min(0.75 * row, 14.0), "|", float(np.clip(0.6 * step, 0.6, 1.5))
    else:  # ticks of neighbouring rows would melt together
        size, marker, thickness = float(np.clip(min(row, step), 1.2, 3.0)), "o", 0.0
    ax.scatter(
        when * dt,
        who,
        s=size**2,
        marker=marker,
        linewidths=thickness,
        color=_BLUE,
        rasterized=len(when) > 20_000,  # keeps vector files small
    )
    if len(when) == 0:
        ax.text(0.5, 0.5, "no spikes", transform=ax.transAxes, ha="center", va="center")

    word = "spikes" if np.all(spikes[when, who] == 1) else "events"
    rate = f"mean rate {len(when) / (spikes.size * dt):.3g} {word}/{_per(unit)}"
    ax.set_title(rate if title is None else f"{title}\n{rate}", fontsize="medium")
    _time_axis(ax, steps, dt, unit)
    _index_axis(ax, neurons)
    return ax


def _index_axis(ax, neurons: int) -> None:
    from matplotlib.ticker import MaxNLocator

    margin = 0.01 * neurons
    ax.set_ylim(-0.5 - margin, neurons - 0.5 + margin)
    if neurons == 1:
        ax.set_yticks([0])
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_ROUND, integer=True))
    ax.set_ylabel("neuron")


def membrane(
    vs: AnyArray,
    zs: AnyArray | None = None,
    *,
    threshold: Number | AnyArray | None = None,
    neurons: int | Sequence[int] | AnyArray | None = None,
    dt: Number = 1.0,
    unit: str = "steps",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the membrane of a few neurons, with their threshold and spikes.

    Spikes are ticks above the traces, one row per neuron, in the colour of its trace. A recorded
    `v` is the membrane after the reset, so it need not touch the threshold where a spike is.
    Values that are not finite leave a gap, and a note names the first one, whether or not its
    neuron is drawn.

    **Arguments:**

    - `vs`: membranes of shape `(time, *neurons)`.
    - `zs`: spikes, of the same shape.
    - `threshold`: a number, or an adaptive threshold: one for all neurons of shape `(time,)`, or
        each its own, of the shape of `vs`. Constants per neuron:
        `jnp.broadcast_to(threshold, vs.shape)`.
    - `neurons`: which to draw, at most 6, numbered in C order. By default the three that spike
        most, or three spread evenly if `zs` is not given.
    - `dt`: length of a step, in `unit`; the entry `k` on the time axis is drawn at `k * dt`.
    - `unit`: name of the unit of time.
    - `title`: written above the picture.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `ValueError` if `vs` has no time axis or is empty, if the shapes of `zs` or
    `threshold` do not fit, if a neuron does not exist, or if `dt` is not positive.

    ```python
    import jax.numpy as jnp
    from snnjax import plot

    vs = jnp.sin(jnp.linspace(0, 20, 100))[:, None] * jnp.array([[0.5, 1.2]])
    ax = plot.membrane(vs, vs > 1, threshold=1.0, dt=0.5, unit="ms")
    ```
    """
    dt = _check_time(dt, unit)
    v = _flat_in_time("vs", vs)
    z = None if zs is None else _spikes_like(vs, zs)
    thresholds = None if threshold is None else _thresholds(vs, threshold)
    chosen = _chosen(neurons, z, v.shape[1])

    ax = _axes(ax, height=4.0 if z is None else 3.8 + 0.1 * len(chosen))
    times = np.arange(v.shape[0]) * dt
    drawn = np.where(np.isfinite(v), v, np.nan)  # infinite values would spoil the y axis
    for colour, i in zip(_PALETTE, chosen, strict=False):
        alone = len(times) == 1
        marker = "o" if alone else None  # a line of one point is invisible
        ax.plot(times, drawn[:, i], color=colour, lw=1.3, marker=marker, label=f"neuron {i}")
    seen = [drawn[:, chosen]]
    if thresholds is not None:
        seen.append(_draw_thresholds(ax, times, thresholds, chosen))

    finite = np.concatenate([part[np.isfinite(part)] for part in seen])
    low, high = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    bad = ~np.isfinite(v)
    if bad.any() and finite.size:  # room for the note below the traces
        low -= 0.15 * ((high - low) or 1.0)
    rows = _legend_on_top(ax, low, high, "membrane", 0 if z is None else len(chosen))
    if z is not None:
        # The first neuron of the legend is the uppermost row.
        for colour, i, y in zip(_PALETTE, chosen, rows[::-1], strict=False):
            when = times[z[:, i] != 0]
            ax.scatter(when, np.full(when.shape, y), s=36, marker="|", lw=1.2, color=colour)
    if bad.any():
        _note_not_finite(ax, v, bad, dt, high)
    _time_axis(ax, len(times), dt, unit)
    if title is not None:
        ax.set_title(title, fontsize="medium")
    return ax


def _spikes_like(vs, zs) -> np.ndarray:
    if np.shape(vs) != np.shape(zs):
        raise ValueError(
            f"vs has shape {np.shape(vs)} and zs has shape {np.shape(zs)}, but both must have the "
            "same shape (time, *neurons). Record both from the same layer and the same example."
        )
    return _all_finite("zs", _flat_in_time("zs", zs))


def _thresholds(vs, threshold) -> np.ndarray:
    """As (), (time, 1) or (time, neurons)."""
    values = _all_finite("threshold", _numpy("threshold", threshold))
    shape = np.shape(vs)
    per_neuron = shape[1:] == values.shape
    if values.ndim == 0:
        return values
    if values.shape == shape:
        return values.reshape(shape[0], -1)
    if values.shape == shape[:1] and not per_neuron:
        return values[:, None]
    reason = (
        "which could be one value per step or one per neuron"
        if values.shape == shape[:1]
        else "which fits neither the time nor the shape of vs"
    )
    raise ValueError(
        f"threshold has shape {values.shape} and vs has shape {shape}, {reason}. It must be a "
        f"number, of shape {shape[:1]} (time) or of shape {shape}. For constants per neuron give "
        "`jnp.broadcast_to(threshold, vs.shape)`."
    )


def _draw_thresholds(ax, times, thresholds: np.ndarray, chosen) -> np.ndarray:
    """Dashed lines; returns the values drawn."""
    style = {"ls": (0, (4, 2)), "lw": 1.0}
    if thresholds.ndim == 0:
        ax.axhline(float(thresholds), color=_GREY, label="threshold", **style)
        return thresholds.reshape(1)
    if thresholds.shape[1] == 1:
        # One neuron with its own threshold, or one threshold for all: grey stays unmistakable.
        ax.plot(times, thresholds[:, 0], color=_GREY, label="threshold", **style)
        return thresholds
    for colour, i in zip(_PALETTE, chosen, strict=False):
        ax.plot(times, thresholds[:, i], color=colour, alpha=0.8, **style)
    ax.plot([], [], color=_GREY, label="threshold", **style)  # one entry in the legend for all
    return thresholds[:, chosen]


def _chosen(neurons, spikes: np.ndarray | None, count: int) -> list[int]:
    """The numbers of the neurons to draw."""
    if neurons is None and spikes is None:
        return sorted({int(i) for i in np.linspace(0, count - 1, min(3, count))})
    if neurons is None:
        activity = np.count_nonzero(np.asarray(spikes), axis=0)
        return sorted(int(i) for i in np.argsort(-activity, kind="stable")[:3])
    chosen = np.asarray(neurons).reshape(-1)
    if not 1 <= len(chosen) <= len(_PALETTE):
        raise ValueError(
            f"{len(chosen)} neurons are chosen, but 1 to {len(_PALETTE)} can be told apart in one "
            "picture. Choose fewer, or draw several pictures."
        )
    if chosen.dtype.kind not in "iu":
        # A mask of booleans, read as numbers, would draw neurons 0 and 1.
        raise TypeError(
            f"neurons={neurons} are of type {chosen.dtype}, but whole numbers of neurons are "
            "needed. Turn a mask into numbers with np.flatnonzero(mask)."
        )
    outside = [int(i) for i in chosen if not 0 <= i < count]
    if outside:
        raise ValueError(
            f"neurons={outside} do not exist: vs has {count} neurons, numbered 0 to {count - 1}. "
            "Choose among these numbers; with several axes of neurons they count in C order."
        )
    return [int(i) for i in chosen]


def _note_not_finite(ax, v: np.ndarray, bad: np.ndarray, dt: float, high: float) -> None:
    step = int(np.argmax(bad.any(axis=1)))
    neuron = int(np.argmax(bad[step]))
    word = "NaN" if np.isnan(v[step, neuron]) else "inf"
    bottom, top = ax.get_ylim()
    ax.vlines(step * dt, bottom, np.nanmin([high, top]), color=_VERMILLION, lw=0.8, ls=":")
    to_the_left = step > len(v) / 2
    ax.annotate(
        f"{word} from step {step} (neuron {neuron})",
        (step * dt, 0.0),
        xycoords=ax.get_xaxis_transform(),
        xytext=(-4 if to_the_left else 4, 3),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        va="bottom",
        fontsize="small",
        color=_VERMILLION,
    )


# --- Reports -------------------------------------------------------------------------------------


def firing_rates(
    rates: Mapping[str, Number | AnyArray],
    *,
    lower: Number | None = None,
    upper: Number | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the mean firing rate of each layer as a bar.

    Layers stand in the order of `rates`, the first on top. A whisker spans the 5 % to 95 %
    quantiles of the neurons. A layer whose every rate is 0 is marked "silent", one outside the
    wanted range "low" or "high".

    **Arguments:**

    - `rates`: by layer, the rate in spikes per step: a number, or an array with one rate per
        neuron, of any shape.
    - `lower`, `upper`: the wanted range of the mean rate, shaded; either may be left open.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `ValueError` if there is no layer, a layer has no neurons or a rate that is negative
    or not finite, or if `lower` is above `upper`.

    ```python
    import jax.numpy as jnp
    from snnjax import plot

    rates = {"hidden": jnp.array([0.0, 0.1, 0.3]), "output": 0.02}
    ax = plot.firing_rates(rates, lower=0.01, upper=0.2)
    ```
    """
    if len(rates) == 0:
        raise ValueError(
            "rates is empty, but at least one layer is needed. "
            'Give its rate by its name, e.g. {"hidden": zs.mean(axis=0)}.'
        )
    layers = {name: _rates(name, value) for name, value in rates.items()}
    _check_range(lower, upper)

    ax = _axes(ax, height=1.1 + 0.4 * len(layers))
    means = np.array([layer.mean() for layer in layers.values()])
    rows = np.arange(len(layers))
    inside = [_verdict(mean, lower, upper) == "" for mean in means]
    ax.barh(rows, means, height=0.6, color=[_SKY if ok else _ORANGE for ok in inside])

    ends = means.copy()  # where the number of each bar begins
    for row, layer in enumerate(layers.values()):
        if layer.size > 1:
            low, high = np.quantile(layer, [0.05, 0.95])
            ink = ax.xaxis.label.get_color()  # seen on dark backgrounds as well
            ax.plot([low, high], [row, row], color=ink, lw=1.2, marker="|", ms=6)
            ends[row] = max(means[row], high)
    right = max(ends.max(), upper or 0.0, lower or 0.0) or 1.0
    for row, (mean, layer) in enumerate(zip(means, layers.values(), strict=True)):
        silent = not layer.any()
        ax.annotate(
            "silent" if silent else f"{mean:.3g}{_verdict(mean, lower, upper)}",
            (ends[row], row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color=_VERMILLION if silent else None,
        )

    # Room on the right for the numbers.
    ax.set_xlim(0, right * 1.25)
    if lower is not None or upper is not None:
        _shade_range(ax, lower, upper)
    ax.set_yticks(rows, list(layers))
    ax.set_ylim(len(layers) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("mean rate (spikes/step)")
    return ax


def _rates(name: str, value) -> np.ndarray:
    layer = _all_finite(f"The rate of {name!r}", _numpy(f"The rate of {name!r}", value)).ravel()
    if layer.size == 0 or layer.min() < 0:
        problem = "has no neurons" if layer.size == 0 else f"is negative ({layer.min():.3g})"
        raise ValueError(
            f"The rate of {name!r} {problem}, but a rate is a number of spikes per step, 0 or "
            "more, of at least one neuron. Give e.g. `zs.mean(axis=0)`."
        )
    return layer


def _check_range(lower, upper) -> None:
    bounds = [float(bound) for bound in (lower, upper) if bound is not None]
    if not np.all(np.isfinite(bounds)) or sorted(bounds) != bounds or min([*bounds, 0.0]) < 0:
        raise ValueError(
            f"lower={lower} and upper={upper} are no range, but 0 <= lower <= upper is needed, in "
            "spikes per step. Change them, or leave one out for an open range."
        )


def _verdict(mean: float, lower, upper) -> str:
    if lower is not None and mean < lower:
        return " (low)"
    if upper is not None and mean > upper:
        return " (high)"
    return ""


def _shade_range(ax, lower, upper) -> None:
    left, right = ax.get_xlim()
    start = left if lower is None else lower
    ax.axvspan(start, right if upper is None else upper, color=_GREEN, alpha=0.15, lw=0, zorder=0)
    if lower is None:
        wanted = f"up to {upper:g}"
    elif upper is None:
        wanted = f"{lower:g} or more"
    else:
        wanted = f"{lower:g} to {upper:g}"
    ax.set_title(f"shaded: wanted range, {wanted}", fontsize="medium")


def curves(
    history: Sequence[Mapping[str, Any]],
    names: str | Sequence[str],
    *,
    x: str = "epoch",
    ylabel: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws quantities of a training history as lines.

    The best value of a line is marked and written in the legend: the largest if its name contains
    "accuracy", the smallest if it contains "loss". A row in which a name is missing or `None` is
    skipped for that line. NaN and infinite values leave a gap, and the legend says where the
    first is.

    **Arguments:**

    - `history`: rows of named numbers, e.g. one per epoch.
    - `names`: the names to draw.
    - `x`: the name of the horizontal axis.
    - `ylabel`: label of the vertical axis; by default the word that all names share.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `ValueError` if there is no row or no name, if no row has a name, if a row lacks `x`,
    or if a value is not one number.

    ```python
    from snnjax import plot

    history = [{"epoch": 1, "test_accuracy": 0.5}, {"epoch": 2, "test_accuracy": 0.8}]
    ax = plot.curves(history, ["test_accuracy"])
    ```
    """
    names = [names] if isinstance(names, str) else list(names)
    if len(history) == 0 or len(names) == 0:
        raise ValueError(
            f"history has {len(history)} rows and names has {len(names)} names, but at least one "
            'of each is needed. Give e.g. [{"epoch": 1, "train_loss": 0.5}] and ["train_loss"].'
        )
    lines = [_line(history, x, name) for name in names]

    ax = _axes(ax)
    for i, (name, (where, values)) in enumerate(zip(names, lines, strict=True)):
        colour = _PALETTE[i % len(_PALETTE)]
        # Beyond the palette the dashes tell lines apart.
        dashes = ("-", "--", ":")[i // len(_PALETTE) % 3]
        finite = np.isfinite(values)
        best = _best(name, values)
        label = name
        if best is not None:
            label += f" (best {values[best]:.4g} at {x} {where[best]:g})"
            ax.scatter(
                where[best], values[best], s=70, facecolors="none", edgecolors=colour, lw=1.5
            )
        if not finite.all():
            first = int(np.argmin(finite))
            word = "NaN" if np.isnan(values[first]) else "inf"
            label += f", {word} from {x} {where[first]:g}"
        marker = "." if len(values) <= 40 else None
        shown = np.where(finite, values, np.nan)
        ax.plot(where, shown, color=colour, ls=dashes, lw=1.5, marker=marker, label=label)

    if all(np.all(where == np.round(where)) for where, _ in lines):
        from matplotlib.ticker import MaxNLocator

        locator = MaxNLocator(nbins="auto", steps=_ROUND, integer=True, min_n_ticks=1)
        ax.xaxis.set_major_locator(locator)
    ax.set_xlabel(x)
    # The limits of all data in these axes: something may have been drawn here before.
    low, high = ax.dataLim.intervaly
    _legend_on_top(ax, low, high, _shared_word(names) if ylabel is None else ylabel)
    return ax


def _line(history, x: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a name has values, and the values."""
    where, values = [], []
    for i, row in enumerate(history):
        if row.get(name) is None:
            continue
        if row.get(x) is None:
            raise ValueError(
                f"Row {i} of history has {name!r} but no {x!r}; its names are {sorted(row)}. "
                f"Every row that is drawn needs its place on the horizontal axis. Add {x!r} to "
                "the row, or name another one with x=."
            )
        where.append(_one_number(i, x, row[x]))
        values.append(_one_number(i, name, row[name]))
    if not values:
        available = sorted({key for row in history for key in row if row[key] is not None})
        raise ValueError(
            f"No row of history has a value for {name!r}. The available names are {available}. "
            "Choose among these."
        )
    return _all_finite(f"{x!r} of history", np.array(where)), np.array(values)


def _one_number(row: int, name: str, value) -> float:
    number = _numpy(f"{name!r} in row {row} of history", value)
    if number.size != 1:
        raise ValueError(
            f"{name!r} in row {row} of history has shape {number.shape}, but one number per row is "
            "needed. Reduce it first, e.g. by its mean."
        )
    return float(number.reshape(()))


def _best(name: str, values: np.ndarray) -> int | None:
    """The place of the best value, if the name says what is good."""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    if "accuracy" in name.lower():
        return int(np.argmax(np.where(finite, values, -np.inf)))
    if "loss" in name.lower():
        return int(np.argmin(np.where(finite, values, np.inf)))
    return None


def _shared_word(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    words = [name.split("_") for name in names]
    return "_".join(word for word in words[0] if all(word in other for other in words))


def confusion_matrix(
    matrix: AnyArray,
    *,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a confusion matrix: rows are true classes, columns predicted ones.

    Cells hold counts, left out where the axes are too small to read them. Their colour is the
    share of the row, so that rare classes are seen as well as frequent ones. The title is the
    accuracy, the sum of the diagonal over the sum of all.

    **Arguments:**

    - `matrix`: counts of shape `(classes, classes)`; `matrix[i, j]` examples of class `i` were
        taken for class `j`.
    - `class_names`: one name per class; their numbers by default.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `ValueError` if the matrix is not square, holds negative or no counts or NaN, or if
    the number of names is not that of the classes.

    ```python
    import jax.numpy as jnp
    from snnjax import plot

    ax = plot.confusion_matrix(jnp.array([[9, 1], [2, 8]]), class_names=["left", "right"])
    ```
    """
    counts = _numpy("matrix", matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(
            f"matrix has shape {counts.shape}, but (classes, classes) is needed: rows are true "
            "classes, columns predicted ones. Count the examples of each pair of classes first."
        )
    _all_finite("matrix", counts)
    if counts.min() < 0 or counts.sum() == 0:
        raise ValueError(
            f"matrix has the smallest entry {counts.min():g} and the sum {counts.sum():g}, but "
            "counts are 0 or more and there must be at least one example. Give counts."
        )
    classes = len(counts)
    names = [str(i) for i in range(classes)] if class_names is None else list(class_names)
    if len(names) != classes:
        raise ValueError(
            f"class_names has {len(names)} names and matrix has {classes} classes, but one name "
            "per class is needed. Give as many, in the order of the rows."
        )

    side = float(np.clip(1.8 + 0.42 * classes, 3.4, 11.0))
    ax = _axes(ax, width=side, height=side)
    of_row = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, of_row, out=np.zeros_like(counts), where=of_row > 0)
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)

    cell = min(_points(ax)) / classes
    _write_counts(ax, counts, shares, cell)
    longest = max(map(len, names))
    size = float(np.clip(0.8 * cell, 4.0, 10.0))
    slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    fits = 0.8 * size * longest < cell
    ax.set_xticks(range(classes), names, fontsize=size, **({} if fits else slanted))
    ax.set_yticks(range(classes), names, fontsize=size)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    accuracy = np.trace(counts) / counts.sum()
    ax.set_title(f"accuracy {100 * accuracy:.1f} %", fontsize="medium")
    return ax


def _write_counts(ax, counts: np.ndarray, shares: np.ndarray, cell: float) -> None:
    whole = np.all(counts == np.round(counts))
    texts = [[f"{c:.0f}" if whole else f"{c:.2g}" for c in row] for row in counts]
    longest = max(len(text) for row in texts for text in row)
    size = min(cell / (0.75 * max(longest, 2)), 10.0)
    if size < 4:  # a grey smear instead of numbers
        return
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            # Zeros step back, so that the mistakes stand out.
            dark = "0.7" if counts[i, j] == 0 else "0.1"
            colour = "white" if shares[i, j] > 0.55 else dark
            ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)


def surrogate(
    surrogate: Any,
    *,
    low: Number = -2.0,
    high: Number = 2.0,
    ax: Axes | None = None,
) -> Axes:
    """Draws a surrogate derivative and the smooth function that it is the derivative of.

    The forward pass uses the step, drawn in grey; the backward pass uses the derivative.

    **Arguments:**

    - `surrogate`: has the elementwise methods `derivative(v)` and `primitive(v)`, with `v` the
        distance of the membrane to the threshold.
    - `low`, `high`: the range of `v`.
    - `ax`: matplotlib axes to draw into; a new figure if `None`.

    **Returns:** the axes.

    Raises a `TypeError` if a method is missing, and a `ValueError` if it changes the shape of `v`
    or gives NaN, or if `low` is not below `high`.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax import plot

    class Sigmoid:
        def primitive(self, v):
            return jax.nn.sigmoid(4 * v)

        def derivative(self, v):
            return 4 * jax.nn.sigmoid(4 * v) * jax.nn.sigmoid(-4 * v)

    ax = plot.surrogate(Sigmoid(), low=-1.0, high=1.0)
    ```
    """
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"low={low} and high={high}, but finite numbers with low < high are needed. "
            "Change them, e.g. low=-2.0, high=2.0."
        )
    v = np.linspace(float(low), float(high), 401)
    primitive = _evaluate(surrogate, "primitive", v)
    derivative = _evaluate(surrogate, "derivative", v)

    ax = _axes(ax)
    ax.plot(v, v > 0, color=_GREY, lw=1.0, drawstyle="steps-mid", label="spike")
    ax.plot(v, primitive, color=_BLUE, lw=1.6, ls=(0, (5, 2)), label="primitive")
    ax.plot(v, derivative, color=_VERMILLION, lw=1.6, label="derivative")
    ax.set_xlim(float(low), float(high))
    ax.set_xlabel("membrane minus threshold")
    both = np.concatenate([primitive, derivative, [0.0, 1.0]])
    _legend_on_top(ax, both.min(), both.max(), "")
    ax.set_title(type(surrogate).__name__, fontsize="medium")
    return ax


def _evaluate(surrogate, method: str, v: np.ndarray) -> np.ndarray:
    function = getattr(surrogate, method, None)
    if not callable(function):
        raise TypeError(
            f"surrogate is a {type(surrogate).__name__} without the method {method}(v), but both "
            "derivative(v) and primitive(v) are needed. Give a surrogate of snnjax, or add it."
        )
    values = _numpy(f"surrogate.{method}(v)", function(jnp.asarray(v)))
    if values.shape != v.shape:
        raise ValueError(
            f"surrogate.{method}(v) has shape {values.shape} for v of shape {v.shape}, but it must "
            "work elementwise. Write it so that it keeps the shape of v."
        )
    return _all_finite(f"surrogate.{method}(v)", values)


def save(ax: Axes, path: str | Path) -> None:
    """Saves the figure that the axes belong to as a PNG file, and closes it.

    The file has 120 dots per inch and no empty border.

    **Arguments:**

    - `ax`: matplotlib axes, as the functions of this module return them.
    - `path`: the file, ending in ".png"; an existing one is replaced.

    **Returns:** nothing.

    Raises a `ValueError` if `path` does not end in ".png".

    ```python
    import tempfile
    from pathlib import Path
    import numpy as np
    from snnjax import plot

    with tempfile.TemporaryDirectory() as folder:
        plot.save(plot.raster(np.eye(20)), Path(folder) / "spikes.png")
    ```
    """
    if Path(path).suffix.lower() != ".png":
        raise ValueError(
            f"path is {str(path)!r}, but the file is a PNG image and its name must say so. "
            'Let it end in ".png", or use ax.figure.savefig for other formats.'
        )
    figure = _axes(ax).figure.canvas.figure  # the whole figure, also from within a subfigure
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=120, bbox_inches="tight", format="png")
    plt.close(figure)
