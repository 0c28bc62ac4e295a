import inspect
import re
import sys
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from PIL import Image

from snnjax import plot


class Sigmoid:
    """The least that `plot.surrogate` asks for."""

    def primitive(self, v):
        return jax.nn.sigmoid(4 * v)

    def derivative(self, v):
        return 4 * jax.nn.sigmoid(4 * v) * jax.nn.sigmoid(-4 * v)


_HISTORY = [
    {"epoch": 1, "train_loss": 0.9, "test_loss": 1.0, "test_accuracy": 0.5, "rate": 0.1},
    {"epoch": 2, "train_loss": 0.5, "test_loss": 0.7, "test_accuracy": None, "rate": 0.2},
    {"epoch": 3, "train_loss": 0.4, "test_loss": 0.8, "test_accuracy": 0.8},
    {"epoch": 4, "train_loss": 0.3, "test_loss": 0.9, "test_accuracy": 0.7, "rate": 0.3},
]

# Each function once with plain arguments, for the laws that all of them obey.
_DRAW = {
    "raster": lambda **kw: plot.raster(np.eye(10), **kw),
    "membrane": lambda **kw: plot.membrane(np.eye(10), np.eye(10), threshold=0.5, **kw),
    "firing_rates": lambda **kw: plot.firing_rates({"a": np.array([0.1, 0.2])}, **kw),
    "curves": lambda **kw: plot.curves(_HISTORY, ["train_loss"], **kw),
    "confusion_matrix": lambda **kw: plot.confusion_matrix(np.eye(3), **kw),
    "surrogate": lambda **kw: plot.surrogate(Sigmoid(), **kw),
}


@pytest.fixture(autouse=True)
def _no_figures_left():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(params=sorted(_DRAW))
def draw(request):
    return _DRAW[request.param]


def _texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def _legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def _lines(ax) -> dict[str, np.ndarray]:
    """The lines that the legend names."""
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}
    return {name: values for name, values in lines.items() if not name.startswith("_")}


def _offsets(collection) -> np.ndarray:
    return np.asarray(collection.get_offsets())


# --- Laws of all functions --------------------------------------------------------------------


def test_draws_into_given_axes_and_makes_no_figure(draw):
    figure, axs = plt.subplots(1, 2)
    before = plt.get_fignums()
    assert draw(ax=axs[1]) is axs[1]
    assert plt.get_fignums() == before
    assert not axs[0].has_data()
    assert len(figure.axes) == 2  # no colour bar steals room


def test_makes_one_new_figure(draw):
    first, second = draw(), draw()
    assert len(plt.get_fignums()) == 2
    assert first.figure is not second.figure
    assert not second.spines["top"].get_visible()
    assert not second.spines["right"].get_visible()


def test_settings_of_matplotlib_stay(draw):
    before = dict(matplotlib.rcParams)
    draw().figure.canvas.draw()
    assert dict(matplotlib.rcParams) == before


def test_nothing_is_shown(draw, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a window was shown")

    monkeypatch.setattr(plt, "show", refuse)
    draw()


def test_axes_must_be_axes(draw):
    _, axs = plt.subplots(2)
    with pytest.raises(TypeError, match=r"ax is a ndarray.*one matplotlib Axes.*Pick one"):
        draw(ax=axs)


def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    message = "snnjax.plot needs matplotlib: python -m pip install 'snnjax[plot]'"
    with pytest.raises(ImportError, match=re.escape(message)):
        draw()


def _overlap(a, b) -> bool:
    # A hair's breadth is no overlap.
    return a.x0 + 1 < b.x1 and b.x0 + 1 < a.x1 and a.y0 + 1 < b.y1 and b.y0 + 1 < a.y1


_CROWDED = {
    **_DRAW,
    "raster of one": lambda **kw: plot.raster(np.eye(10)[:, :1], title="layer", **kw),
    "raster of 500": lambda **kw: plot.raster(np.ones((50, 500)), title="layer", **kw),
    "six membranes": lambda **kw: plot.membrane(
        np.ones((9, 6)), np.eye(9)[:, :6], neurons=range(6), threshold=2.0, title="layer", **kw
    ),
    "NaN": lambda **kw: plot.membrane(np.array([0.0, 1.0, np.nan]), title="layer", **kw),
    "twelve layers": lambda **kw: plot.firing_rates(
        {f"a long layer name {i}": np.arange(5) * 0.1 * i for i in range(12)}, lower=0.1, **kw
    ),
    "four curves": lambda **kw: plot.curves(
        _HISTORY, ["train_loss", "test_loss", "test_accuracy", "rate"], **kw
    ),
    "long classes": lambda **kw: plot.confusion_matrix(
        np.arange(144).reshape(12, 12), class_names=[f"class {i}" for i in range(12)], **kw
    ),
}


@pytest.mark.parametrize("name", sorted(_CROWDED))
def test_labels_do_not_overlap_and_stay_inside(name):
    ax: Any = _CROWDED[name]()
    ax.figure.canvas.draw()
    legend = [] if ax.get_legend() is None else ax.get_legend().get_texts()
    # Slanted labels have boxes that overlap although the letters do not.
    ticks = [
        label
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for place, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
        if min(low, high) <= place <= max(low, high) and label.get_rotation() == 0
    ]
    texts = [*ax.texts, *legend, *ticks, ax.title, ax.xaxis.label, ax.yaxis.label]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    for i, (text, box) in enumerate(boxes):
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= ax.figure.bbox.width + 1, text
        assert box.y1 <= ax.figure.bbox.height + 1, text
        for other_text, other in boxes[:i]:
            assert not _overlap(box, other), (text, other_text)


@pytest.mark.parametrize("name", ["membrane", "four curves", "surrogate", "six membranes"])
@pytest.mark.parametrize("size", [(6.4, 4.8), (3.0, 2.0)])
def test_legend_covers_no_line(name, size):
    ax: Any = plt.subplots(figsize=size, layout="constrained")[1]
    _CROWDED[name](ax=ax)
    ax.figure.canvas.draw()
    bottom = ax.get_legend().get_window_extent().y0
    top = max(np.nanmax(values) for values in _lines(ax).values() if len(values))
    # In the small figure half of the height is kept for the data, whatever the legend needs.
    if size[0] > 4:
        assert ax.transData.transform((0, top))[1] < bottom
    height = ax.transData.transform((0, top))[1] - ax.transAxes.transform((0, 0))[1]
    assert height > 0.4 * ax.bbox.height


def test_examples_of_the_docstrings_run():
    functions = [f for name, f in vars(plot).items() if inspect.isfunction(f) and name[0] != "_"]
    examples = {}
    for function in functions:
        if function.__module__ == "snnjax.plot":
            found = re.findall(r"```python\n(.*?)```", inspect.getdoc(function) or "", re.DOTALL)
            examples[function.__name__] = found
    assert {*_DRAW, "save"} == set(examples)
    for name, (example,) in examples.items():
        exec(compile(example, name, "exec"), {})


# --- raster -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (7, 1), (20, 5), (30, 4, 3), (5, 500)])
def test_raster_draws_every_spike_at_its_place(shape, dtype):
    zs = jnp.asarray(np.random.default_rng(0).random(shape) < 0.3, dtype)
    ax = plot.raster(zs, dt=0.5, unit="ms")
    (marks,) = ax.collections
    when, who = np.nonzero(np.asarray(zs).reshape(shape[0], -1))
    np.testing.assert_allclose(_offsets(marks), np.stack([when * 0.5, who], axis=1))
    assert ax.get_xlabel() == "time (ms)"
    assert ax.get_ylabel() == "neuron"
    assert _texts(ax) == []
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert (left, right) == (-0.25, (shape[0] - 0.5) * 0.5)
    neurons = np.prod(shape[1:], dtype=int)
    assert bottom <= -0.5
    assert top >= neurons - 0.5


@settings(deadline=None, max_examples=15)
@given(steps=st.integers(1, 30), neurons=st.integers(1, 40), seed=st.integers(0, 10))
def test_raster_count_and_rate(steps, neurons, seed):
    zs = np.random.default_rng(seed).random((steps, neurons)) < 0.2
    figure, ax = plt.subplots()
    plot.raster(zs, ax=ax)
    assert len(_offsets(ax.collections[0])) == zs.sum()
    assert ax.get_title() == f"mean rate {zs.mean():.3g} spikes/step"
    assert ("no spikes" in _texts(ax)) == (not zs.any())
    plt.close(figure)


def test_raster_rate_is_per_time():
    zs = np.zeros((10, 4))
    zs[:3, 0] = 1  # 3 spikes of 4 neurons in 5 ms
    assert plot.raster(zs, dt=0.5, unit="ms").get_title() == "mean rate 0.15 spikes/ms"
    # 2 s a step: "seconds" has a singular
    title = plot.raster(zs, dt=2, unit="seconds", title="hidden").get_title()
    assert title == "hidden\nmean rate 0.0375 spikes/second"


def test_raster_says_events_where_entries_are_not_one():
    ax = plot.raster(np.array([[0.0, 2.0], [-1.0, 0.0]]))
    assert ax.get_title() == "mean rate 0.5 events/step"
    assert len(_offsets(ax.collections[0])) == 2


def test_raster_without_spikes():
    ax = plot.raster(jnp.zeros((5, 3)))
    assert _texts(ax) == ["no spikes"]
    assert len(_offsets(ax.collections[0])) == 0
    assert ax.get_title() == "mean rate 0 spikes/step"


def test_raster_marks_shrink_with_the_number_of_neurons():
    sizes, rows = [], []
    for neurons in (1, 10, 30, 100, 500):
        ax: Any = plot.raster(np.ones((5, neurons)))
        sizes.append(float(np.sqrt(ax.collections[0].get_sizes()[0])))
        rows.append(ax.get_window_extent().height * 72 / ax.figure.dpi / neurons)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 1  # a point is still seen
    # Rows do not touch as long as there is room for them.
    assert all(size < row for size, row in zip(sizes[:3], rows[:3], strict=True))


@pytest.mark.parametrize("neurons", [1, 2, 7, 40])
def test_raster_ticks_are_neurons_and_steps(neurons):
    ax = plot.raster(np.ones((3, neurons)))
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        ticks = [t for t in axis.get_majorticklocs() if limits[0] <= t <= limits[1]]
        assert len(ticks) > 0
        np.testing.assert_array_equal(ticks, np.round(ticks))


@pytest.mark.parametrize(
    ("zs", "error", "match"),
    [
        (np.float64(1.0), ValueError, r"zs is a scalar.*\(time, \*neurons\).*Give"),
        (np.zeros((0, 3)), ValueError, r"zs has shape \(0, 3\).*at least one.*Give"),
        (np.zeros((3, 0)), ValueError, r"zs has shape \(3, 0\).*at least one.*Give"),
        (np.array([0.0, np.nan]), ValueError, r"zs holds 1 NaN.*of 2.*finite.*Look"),
        (np.array([1j]), TypeError, r"zs is a ndarray.*real numbers.*Convert"),
        (np.array(["1"]), TypeError, r"zs is a ndarray.*real numbers.*Convert"),
        (np.array([None]), TypeError, r"zs is a ndarray.*real numbers.*Convert"),
    ],
)
def test_raster_refuses(zs, error, match):
    with pytest.raises(error, match=match):
        plot.raster(np.asarray(zs))
    assert plt.get_fignums() == []  # no empty figure is left behind


def test_raster_refuses_keys_and_tracers(getkey):
    with pytest.raises(TypeError, match=r"zs is a .*real numbers.*Convert"):
        plot.raster(jr.split(getkey(), 3))
    with pytest.raises(TypeError, match=r"zs is traced.*need numbers.*outside"):
        jax.jit(plot.raster)(jnp.ones((3, 2)))


@pytest.mark.parametrize("dt", [0.0, -1, float("nan"), float("inf")])
def test_length_of_a_step_must_be_positive(dt):
    for draw in (plot.raster, plot.membrane):
        with pytest.raises(ValueError, match=r"dt=.*positive.*unit='ms'"):
            draw(np.ones((3, 2)), dt=dt, unit="ms")


# --- membrane ---------------------------------------------------------------------------------


def test_membrane_draws_chosen_neurons(dtype):
    vs = jnp.asarray(np.random.default_rng(0).normal(size=(20, 3, 4)), dtype)
    ax = plot.membrane(vs, neurons=[7, 2], dt=0.5, unit="ms", title="hidden")
    lines = _lines(ax)
    assert list(lines) == ["neuron 7", "neuron 2"] == _legend(ax)
    flat = np.asarray(vs).reshape(20, 12)
    for i in (7, 2):
        np.testing.assert_array_equal(lines[f"neuron {i}"], flat[:, i])
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_xdata()), np.arange(20) * 0.5)
    assert (ax.get_title(), ax.get_xlabel()) == ("hidden", "time (ms)")
    assert ax.get_ylabel() == "membrane"
    assert len(ax.collections) == 0


def test_membrane_one_neuron_forms():
    vs = np.arange(6.0).reshape(3, 2)
    for neurons in (1, np.array(1), [1], np.array([1]), jnp.array([1])):
        _, ax = plt.subplots()
        assert list(_lines(plot.membrane(vs, neurons=neurons, ax=ax))) == ["neuron 1"]
    assert list(_lines(plot.membrane(vs[:, 0]))) == ["neuron 0"]


def test_membrane_default_is_the_three_most_active():
    zs = np.zeros((10, 6))
    for neuron, count in {0: 1, 2: 5, 3: 2, 5: 7}.items():
        zs[:count, neuron] = 1
    ax = plot.membrane(np.zeros((10, 6)), zs)
    assert _legend(ax) == ["neuron 2", "neuron 3", "neuron 5"]
    assert _legend(plot.membrane(np.zeros((10, 6)))) == ["neuron 0", "neuron 2", "neuron 5"]
    assert _legend(plot.membrane(np.zeros((10, 2)))) == ["neuron 0", "neuron 1"]


def test_membrane_spikes_are_rows_above_the_traces():
    vs = np.random.default_rng(0).normal(size=(12, 3))
    zs = np.zeros((12, 3), bool)
    zs[[2, 5], 0] = zs[7, 1] = True
    ax = plot.membrane(vs, zs, neurons=[0, 1, 2], threshold=1.5, dt=2)
    rows = [_offsets(row) for row in ax.collections]
    assert [list(row[:, 0]) for row in rows] == [[4.0, 10.0], [14.0], []]
    heights = [row[0, 1] for row in rows if len(row)]
    assert min(heights) > max(vs.max(), 1.5)
    assert heights[0] > heights[1]  # in the order of the legend
    assert max(heights) < ax.get_ylim()[1]
    for row, line in zip(ax.collections, ax.lines, strict=False):
        colour = to_rgba(line.get_color())
        np.testing.assert_array_equal(row.get_edgecolor()[0], colour)


def test_membrane_threshold_number():
    ax = plot.membrane(np.zeros((5, 4)), threshold=jnp.asarray(1.5))
    lines = _lines(ax)
    np.testing.assert_array_equal(lines["threshold"], [1.5, 1.5])
    assert ax.lines[-1].get_linestyle() == "--"
    assert ax.get_ylim()[1] > 1.5
    assert len(ax.lines) == 4


def test_membrane_threshold_over_time():
    threshold = np.linspace(1, 2, 5)
    lines = _lines(plot.membrane(np.zeros((5, 4)), threshold=threshold))
    np.testing.assert_array_equal(lines["threshold"], threshold)


def test_membrane_threshold_of_each_neuron():
    vs = np.zeros((5, 2, 2))
    threshold = 1 + np.arange(20.0).reshape(5, 2, 2)
    ax = plot.membrane(vs, threshold=threshold, neurons=[3, 1])
    assert _legend(ax) == ["neuron 3", "neuron 1", "threshold"]
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 3  # one per neuron, and the entry of the legend
    flat = threshold.reshape(5, 4)
    for line, trace, i in zip(dashed, ax.lines, [3, 1], strict=False):
        np.testing.assert_array_equal(np.asarray(line.get_ydata()), flat[:, i])
        assert line.get_color() == trace.get_color()


def test_membrane_broadcast_constants_of_neurons():
    # What the message about ambiguous thresholds advises works.
    vs = jnp.zeros((4, 4))
    threshold = jnp.broadcast_to(jnp.arange(1.0, 5.0), vs.shape)
    ax = plot.membrane(vs, threshold=threshold, neurons=[2])
    np.testing.assert_array_equal(np.asarray(ax.lines[1].get_ydata()), np.full(4, 3.0))


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "inf")])
@pytest.mark.parametrize("step", [3, 9])
def test_membrane_notes_the_first_bad_value(value, word, step):
    vs = np.random.default_rng(0).normal(size=(12, 5))
    vs[step:, 4] = value
    # The neuron is not among those drawn, and its NaN is told all the same.
    ax = plot.membrane(vs, neurons=[0, 1])
    assert _texts(ax) == [f"{word} from step {step} (neuron 4)"]
    drawn = _lines(plot.membrane(vs, neurons=[4]))["neuron 4"]
    np.testing.assert_array_equal(np.isnan(drawn), np.arange(12) >= step)
    assert np.all(np.isfinite(ax.get_ylim()))


def test_membrane_all_nan():
    ax = plot.membrane(np.full((4, 2), np.nan), np.zeros((4, 2)))
    assert _texts(ax) == ["NaN from step 0 (neuron 0)"]
    ax.figure.canvas.draw()


def test_membrane_single_step_is_visible():
    ax = plot.membrane(np.ones((1, 2)))
    assert ax.lines[0].get_marker() == "o"
    ax.figure.canvas.draw()


@pytest.mark.parametrize("level", [0.0, 3.0, -70.0, 1e-9])
def test_membrane_flat_trace_has_a_height(level):
    ax = plot.membrane(np.full((5, 1), level))
    low, high = ax.get_ylim()
    assert low < level < high
    assert len(ax.get_yticks()) > 0


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"vs": np.array(1.0)}, ValueError, r"vs is a scalar.*\(time, \*neurons\).*Give"),
        ({"vs": np.zeros((0, 4))}, ValueError, r"vs has shape \(0, 4\).*at least one.*Give"),
        (
            {"zs": np.zeros((5, 3))},
            ValueError,
            r"vs has shape \(5, 4\) and zs has shape \(5, 3\).*same.*Record",
        ),
        ({"zs": np.full((5, 4), np.nan)}, ValueError, r"zs holds 20 NaN.*finite.*Look"),
        ({"neurons": [0, 4]}, ValueError, r"neurons=\[4\].*0 to 3.*Choose"),
        ({"neurons": -1}, ValueError, r"neurons=\[-1\].*0 to 3.*Choose"),
        ({"neurons": []}, ValueError, r"0 neurons are chosen.*1 to 6.*Choose"),
        ({"neurons": [0] * 7}, ValueError, r"7 neurons are chosen.*1 to 6.*Choose fewer"),
        (
            {"neurons": np.array([True, False])},
            TypeError,
            r"type bool.*whole numbers.*np.flatnonzero",
        ),
        (
            {"threshold": np.ones(4)},
            ValueError,
            r"threshold has shape \(4,\).*neither.*must be a number.*broadcast_to",
        ),
        (
            {"vs": np.zeros((4, 4)), "threshold": np.ones(4)},
            ValueError,
            r"one value per step or one per neuron.*must be a number.*broadcast_to",
        ),
        ({"threshold": np.array(np.nan)}, ValueError, r"threshold holds 1 NaN.*finite.*Look"),
    ],
)
def test_membrane_refuses(arguments, error, match):
    with pytest.raises(error, match=match):
        plot.membrane(**{"vs": np.zeros((5, 4)), **arguments})
    assert plt.get_fignums() == []


# --- firing_rates -----------------------------------------------------------------------------


def test_firing_rates_bars_and_whiskers(dtype):
    hidden = jnp.asarray(np.random.default_rng(0).random((6, 5)), dtype)
    ax: Any = plot.firing_rates({"hidden": hidden, "output": 0.25, "dead": jnp.zeros(4)})
    widths = [bar.get_width() for bar in ax.patches]
    mean = np.asarray(hidden, np.float64).mean()
    np.testing.assert_allclose(widths, [mean, 0.25, 0.0], rtol=1e-12)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["hidden", "output", "dead"]
    assert _texts(ax) == [f"{mean:.3g}", "0.25", "silent"]
    assert ax.yaxis_inverted()  # the first layer on top
    whisker, dead = (np.asarray(line.get_xdata()) for line in ax.lines)
    quantiles = np.quantile(np.asarray(hidden, np.float64), [0.05, 0.95])
    np.testing.assert_allclose(whisker, quantiles, rtol=1e-12)
    np.testing.assert_array_equal(dead, [0.0, 0.0])
    assert ax.get_xlabel() == "mean rate (spikes/step)"
    assert ax.get_title() == ""


@pytest.mark.parametrize(
    ("lower", "upper", "title", "texts", "shade"),
    [
        (0.05, 0.2, "0.05 to 0.2", ["0.01 (low)", "0.1", "0.4 (high)", "silent"], (0.05, 0.2)),
        (0.05, None, "0.05 or more", ["0.01 (low)", "0.1", "0.4", "silent"], (0.05, 0.5)),
        (None, 0.2, "up to 0.2", ["0.01", "0.1", "0.4 (high)", "silent"], (0.0, 0.2)),
    ],
)
def test_firing_rates_wanted_range(lower, upper, title, texts, shade):
    rates = {"a": 0.01, "b": 0.1, "c": 0.4, "d": 0.0}
    ax = plot.firing_rates(rates, lower=lower, upper=upper)
    assert ax.get_title() == f"shaded: wanted range, {title}"
    assert _texts(ax) == texts
    *bars, span = ax.patches
    assert len(bars) == 4
    extent = span.get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose([extent.x0, extent.x1], shade, atol=1e-9)
    colours = [bar.get_facecolor() for bar in bars]
    assert colours[0] == colours[1] if lower is None else colours[0] != colours[1]


def test_firing_rates_without_any_spike():
    ax = plot.firing_rates({"a": 0.0, "b": np.zeros(3)})
    assert _texts(ax) == ["silent", "silent"]
    assert ax.get_xlim()[1] > 0


@pytest.mark.parametrize(
    ("rates", "options", "error", "match"),
    [
        ({}, {}, ValueError, r"rates is empty.*at least one layer.*Give"),
        ({"a": -0.1}, {}, ValueError, r"rate of 'a' is negative \(-0.1\).*0 or more.*Give"),
        ({"a": np.zeros(0)}, {}, ValueError, r"rate of 'a' has no neurons.*at least.*Give"),
        ({"a": float("nan")}, {}, ValueError, r"rate of 'a' holds 1 NaN.*finite.*Look"),
        ({"a": 0.1}, {"lower": 0.5, "upper": 0.1}, ValueError, r"lower=0.5 and upper=0.1.*Change"),
        ({"a": 0.1}, {"lower": -0.5}, ValueError, r"lower=-0.5.*0 <= lower.*Change"),
        ({"a": 0.1}, {"upper": float("nan")}, ValueError, r"upper=nan.*needed.*Change"),
    ],
)
def test_firing_rates_refuses(rates, options, error, match):
    with pytest.raises(error, match=match):
        plot.firing_rates(rates, **options)
    assert plt.get_fignums() == []


# --- curves -----------------------------------------------------------------------------------


def test_curves_lines_and_best_values():
    ax = plot.curves(_HISTORY, ["train_loss", "test_loss"])
    first, second = ax.lines
    np.testing.assert_array_equal(np.asarray(first.get_xdata()), [1, 2, 3, 4])
    np.testing.assert_array_equal(np.asarray(first.get_ydata()), [0.9, 0.5, 0.4, 0.3])
    np.testing.assert_array_equal(np.asarray(second.get_ydata()), [1.0, 0.7, 0.8, 0.9])
    assert _legend(ax) == [
        "train_loss (best 0.3 at epoch 4)",
        "test_loss (best 0.7 at epoch 2)",
    ]
    marks = [_offsets(mark)[0].tolist() for mark in ax.collections]
    assert marks == [[4, 0.3], [2, 0.7]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_curves_accuracy_is_best_where_largest_and_none_is_skipped():
    ax = plot.curves(_HISTORY, "test_accuracy", ylabel="share")
    np.testing.assert_array_equal(np.asarray(ax.lines[0].get_xdata()), [1, 3, 4])
    assert _legend(ax) == ["test_accuracy (best 0.8 at epoch 3)"]
    assert ax.get_ylabel() == "share"


def test_curves_other_names_have_no_best():
    ax = plot.curves(_HISTORY, ["rate"])
    assert _legend(ax) == ["rate"]
    assert len(ax.collections) == 0
    np.testing.assert_array_equal(np.asarray(ax.lines[0].get_xdata()), [1, 2, 4])
    assert ax.get_ylabel() == "rate"
    _, ax = plt.subplots()
    assert plot.curves(_HISTORY, ["rate", "test_loss"], ax=ax).get_ylabel() == ""


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "inf")])
def test_curves_say_where_values_are_not_finite(value, word):
    history = [{"step": 10 * i, "loss": [3.0, 1.0, value, value][i]} for i in range(4)]
    ax = plot.curves(history, ["loss"], x="step")
    assert _legend(ax) == [f"loss (best 1 at step 10), {word} from step 20"]
    np.testing.assert_array_equal(np.asarray(ax.lines[0].get_ydata()), [3, 1, np.nan, np.nan])
    ax = plot.curves(history[2:], ["loss"], x="step")
    assert _legend(ax) == [f"loss, {word} from step 20"]
    ax.figure.canvas.draw()


def test_curves_take_scalars_of_jax(dtype):
    history = [{"epoch": jnp.asarray(i), "loss": jnp.asarray(0.5 * i, dtype)} for i in range(3)]
    ax = plot.curves(history, ["loss"])
    np.testing.assert_array_equal(np.asarray(ax.lines[0].get_ydata()), [0, 0.5, 1])


def test_curves_of_two_histories_share_axes():
    other = [{"epoch": i, "loss": 10.0 + i} for i in range(3)]
    ax = plot.curves(_HISTORY, ["train_loss"])
    plot.curves(other, ["loss"], ax=ax)
    assert len(_legend(ax)) == 2
    low, high = ax.get_ylim()
    assert low < 0.3
    assert high > 12


def test_curves_beyond_the_palette_differ():
    names = [f"layer{i}" for i in range(14)]
    ax = plot.curves([dict.fromkeys(names, 1.0) | {"epoch": i} for i in range(3)], names)
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 14


@pytest.mark.parametrize(
    ("history", "names", "options", "error", "match"),
    [
        ([], ["loss"], {}, ValueError, r"history has 0 rows.*at least one.*Give"),
        (_HISTORY, [], {}, ValueError, r"names has 0 names.*at least one.*Give"),
        (
            _HISTORY,
            ["loss"],
            {},
            ValueError,
            r"value for 'loss'.*\['epoch', 'rate', 'test_accuracy', 'test_loss', 'train_loss'\]"
            r".*Choose",
        ),
        ([{"epoch": 1, "loss": None}], ["loss"], {}, ValueError, r"'loss'.*\['epoch'\]"),
        (_HISTORY, ["rate"], {"x": "step"}, ValueError, r"Row 0.*no 'step'.*needs.*Add"),
        ([{"epoch": 1, "loss": "low"}], ["loss"], {}, TypeError, r"'loss' in row 0.*Convert"),
        (
            [{"epoch": 1, "loss": np.ones(3)}],
            ["loss"],
            {},
            ValueError,
            r"'loss' in row 0.*shape \(3,\).*one number.*Reduce",
        ),
        (
            [{"epoch": float("nan"), "loss": 1.0}],
            ["loss"],
            {},
            ValueError,
            r"'epoch' of history holds 1 NaN.*finite.*Look",
        ),
    ],
)
def test_curves_refuse(history, names, options, error, match):
    with pytest.raises(error, match=match):
        plot.curves(history, names, **options)
    assert plt.get_fignums() == []


# --- confusion_matrix -------------------------------------------------------------------------


def test_confusion_matrix_rows_are_true_classes():
    counts = jnp.array([[9, 1, 0], [2, 6, 0], [0, 0, 0]])
    ax = plot.confusion_matrix(counts, class_names=["a", "b", "c"])
    (image,) = ax.images
    shares = [[0.9, 0.1, 0], [0.25, 0.75, 0], [0, 0, 0]]  # a class without examples stays white
    np.testing.assert_allclose(np.asarray(image.get_array()), shares, rtol=1e-12)
    assert image.get_clim() == (0, 1)
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    # Texts are at (column, row).
    assert cells == {(j, i): str(int(counts[i, j])) for i in range(3) for j in range(3)}
    assert ax.get_title() == "accuracy 83.3 %"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["a", "b", "c"]
    assert ax.yaxis_inverted()


def test_confusion_matrix_default_names_and_text_colours():
    ax = plot.confusion_matrix(np.array([[1234567, 0], [1, 1]]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1"]
    texts = {text.get_text(): text.get_color() for text in ax.texts}
    assert texts["1234567"] == "white"  # on dark blue
    assert texts["0"] == "0.7"


def test_confusion_matrix_of_shares():
    ax = plot.confusion_matrix(np.array([[0.9, 0.1], [0.25, 0.75]]))
    assert _texts(ax) == ["0.9", "0.1", "0.25", "0.75"]
    assert ax.get_title() == "accuracy 82.5 %"


def test_confusion_matrix_counts_are_left_out_where_unreadable():
    _, ax = plt.subplots(figsize=(2, 2))
    assert _texts(plot.confusion_matrix(np.eye(30), ax=ax)) == []
    assert len(_texts(plot.confusion_matrix(np.eye(30)))) == 900


def test_confusion_matrix_long_names_are_slanted():
    def rotation(names):
        ax = plot.confusion_matrix(np.eye(4), class_names=names)
        return {label.get_rotation() for label in ax.get_xticklabels()}

    assert rotation(["a", "b", "c", "d"]) == {0}
    assert rotation(["a very long name"] * 4) == {45}


@pytest.mark.parametrize(
    ("matrix", "options", "match"),
    [
        (np.array(1.0), {}, r"matrix has shape \(\).*\(classes, classes\).*Count"),
        (np.ones((2, 3)), {}, r"matrix has shape \(2, 3\).*\(classes, classes\).*Count"),
        (np.ones((0, 0)), {}, r"matrix has shape \(0, 0\).*\(classes, classes\).*Count"),
        (np.zeros((2, 2)), {}, r"sum 0.*at least one example.*Give counts"),
        (np.array([[3, -1], [0, 1]]), {}, r"smallest entry -1.*0 or more.*Give counts"),
        (np.full((2, 2), np.nan), {}, r"matrix holds 4 NaN.*finite.*Look"),
        (np.eye(2), {"class_names": ["a"]}, r"1 names and matrix has 2 classes.*one name.*Give"),
    ],
)
def test_confusion_matrix_refuses(matrix, options, match):
    with pytest.raises(ValueError, match=match):
        plot.confusion_matrix(matrix, **options)
    assert plt.get_fignums() == []


# --- surrogate --------------------------------------------------------------------------------


def test_surrogate_draws_primitive_and_derivative():
    ax = plot.surrogate(Sigmoid(), low=-1, high=3)
    lines = _lines(ax)
    assert _legend(ax) == ["spike", "primitive", "derivative"] == list(lines)
    v = np.asarray(ax.lines[0].get_xdata())
    assert (v[0], v[-1]) == (-1, 3) == ax.get_xlim()
    sigmoid = 1 / (1 + np.exp(-4 * v))
    # Two ways to compute an exponential differ by a few units in the last place.
    np.testing.assert_allclose(lines["primitive"], sigmoid, rtol=1e-12)
    np.testing.assert_allclose(lines["derivative"], 4 * sigmoid * (1 - sigmoid), rtol=1e-10)
    np.testing.assert_array_equal(lines["spike"], v > 0)
    assert ax.get_title() == "Sigmoid"
    assert ax.get_xlabel() == "membrane minus threshold"


class _NoDerivative:
    def primitive(self, v):
        return v


class _Shape(_NoDerivative):
    def derivative(self, v):
        return jnp.sum(v)


class _NaN(_NoDerivative):
    def derivative(self, v):
        return v / jnp.zeros_like(v)


@pytest.mark.parametrize(
    ("value", "options", "error", "match"),
    [
        (_NoDerivative(), {}, TypeError, r"_NoDerivative without.*derivative\(v\).*add it"),
        (object(), {}, TypeError, r"object without the method primitive\(v\).*add it"),
        (_Shape(), {}, ValueError, r"derivative\(v\) has shape \(\).*elementwise.*Write"),
        (_NaN(), {}, ValueError, r"derivative\(v\) holds 401 NaN.*finite.*Look"),
        (Sigmoid(), {"low": 1, "high": 1}, ValueError, r"low=1 and high=1.*low < high.*Change"),
        (Sigmoid(), {"low": -np.inf}, ValueError, r"low=-inf.*finite.*Change"),
    ],
)
def test_surrogate_refuses(value, options, error, match):
    with pytest.raises(error, match=match):
        plot.surrogate(value, **options)
    assert plt.get_fignums() == []


# --- save -------------------------------------------------------------------------------------


@pytest.mark.parametrize("subfigure", [False, True])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_save_writes_a_png_and_closes_the_figure(tmp_path, subfigure, kind):
    figure: Any = plt.figure(figsize=(4, 3))
    ax = (figure.subfigures(1, 2)[0] if subfigure else figure).subplots()
    other = plt.figure()
    path = tmp_path / "picture.png"
    plot.save(plot.raster(np.eye(10), ax=ax), kind(path))
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert plt.get_fignums() == [other.number]
    with Image.open(path) as image:
        # PNG stores whole dots per metre.
        assert image.info["dpi"] == pytest.approx((120, 120), rel=1e-3)


def test_save_leaves_no_empty_border(tmp_path):
    _, ax = plt.subplots(figsize=(6, 6))
    ax.set_position((0.4, 0.4, 0.2, 0.2))
    plot.save(ax, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert max(image.size) < 3 * 120


def test_save_refuses_other_formats(tmp_path):
    ax = plot.raster(np.eye(3))
    with pytest.raises(ValueError, match=r"path is .*picture.pdf.*PNG.*end in"):
        plot.save(ax, tmp_path / "picture.pdf")
    assert len(plt.get_fignums()) == 1
