import inspect
import re
import sys
from typing import Any

import jax.numpy as jnp
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

import snnjax as snn
from snnjax import plot

_HISTORY = [
    {"epoch": 1, "train_loss": 0.9, "test_loss": 1.0, "test_accuracy": 0.5, "rate": 0.1},
    {"epoch": 2, "train_loss": 0.5, "test_loss": 0.7, "test_accuracy": None, "rate": 0.2},
    {"epoch": 3, "train_loss": 0.4, "test_loss": 0.8, "test_accuracy": 0.8},
    {"epoch": 4, "train_loss": 0.3, "test_loss": np.nan, "test_accuracy": 0.7, "rate": 0.3},
]


def _graph():
    edges = [("input", "a"), ("a", "b"), snn.Edge("b", "a", delay=2.5), ("b", "b"), ("a", "output"), ("b", "output")]
    return snn.Graph({"a": snn.LIF(), "b": snn.LI()}, edges)


def _report(norm=((1.0, 10.0, 0.0), (0.1, 1e-3, 1e-9))):
    norm = jnp.array(norm)
    per_layer, scalar = jnp.zeros(len(norm)), jnp.array(1.0)
    layers, nothing = ("first", "second")[: len(norm)], jnp.zeros(0)
    options = {"leaves": (), "leaf_norm": nothing, "median": scalar, "limit": scalar, "loss": scalar}
    return snn.metrics.GradientReport(layers, norm, 0 * norm, 0 * norm, per_layer, per_layer, **options)


# Each function once with plain arguments, for the laws that all of them obey.
_DRAW = {
    "raster": lambda **kw: plot.raster(np.eye(10), **kw),
    "membrane": lambda **kw: plot.membrane(np.eye(10), np.eye(10), threshold=0.5, **kw),
    "firing_rates": lambda **kw: plot.firing_rates({"a": np.array([0.1, 0.2])}, **kw),
    "curves": lambda **kw: plot.curves(_HISTORY, ["train_loss"], **kw),
    "confusion_matrix": lambda **kw: plot.confusion_matrix(np.eye(3), **kw),
    "gradients": lambda **kw: plot.gradients(_report(), **kw),
    "graph": lambda **kw: plot.graph(_graph(), **kw),
    "surrogate": lambda **kw: plot.surrogate(snn.SuperSpike(), **kw),
}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


_every = pytest.mark.parametrize("draw", _DRAW.values(), ids=_DRAW)


def _texts(texts) -> list[str]:
    return [text.get_text() for text in texts]


def _legend(ax) -> list[str]:
    return _texts(ax.get_legend().get_texts())


def _lines(ax) -> dict[Any, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}


def _marks(collection) -> np.ndarray:
    """The places (time, middle) of vertical marks."""
    return np.array([segment.mean(axis=0) for segment in collection.get_segments()]).reshape(-1, 2)


@_every
def test_draws_into_given_axes_and_keeps_their_title(draw):
    figure, axs = plt.subplots(1, 2)
    axs[1].set_title("mine")
    assert draw(ax=axs[1]) is axs[1]
    assert axs[1].get_title().startswith("mine")
    assert (len(plt.get_fignums()), len(figure.axes), axs[0].has_data()) == (1, 2, False)


@_every
def test_makes_one_new_figure_and_changes_no_settings(draw, monkeypatch):
    monkeypatch.delattr(plt, "show")
    before = dict(matplotlib.rcParams)
    first, second = draw(), draw()
    assert len({*plt.get_fignums(), first.figure, second.figure}) == 4
    assert [second.spines[side].get_visible() for side in ("left", "top", "right")] == [True, False, False]
    assert dict(matplotlib.rcParams) == before


@_every
def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=re.escape("needs matplotlib: python -m pip install 'snnjax[plot]'")):
        draw()


@pytest.mark.parametrize("name", [*_DRAW, "save"])
def test_examples_of_the_docstrings_run(name):
    (example,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(plot, name)) or "", re.DOTALL)
    exec(compile(example, name, "exec"), {})


def test_legend_beside_the_axes_covers_no_data():
    figure, axs = plt.subplots(2, figsize=(6, 5), layout="constrained")
    boxes: Any = [_DRAW[name](ax=ax).get_legend() for name, ax in zip(("membrane", "surrogate"), axs, strict=True)]
    figure.canvas.draw()
    for ax, box in zip(axs, boxes, strict=True):
        assert ax.get_window_extent().x1 <= box.get_window_extent().x0
        assert box.get_window_extent().x1 <= figure.bbox.x1


_REFUSED = [
    (lambda: plot.raster(np.array(1.0)), r"zs has shape \(\).*\(time, \*neurons\).*Give all"),
    (lambda: plot.raster(np.zeros((0, 3))), r"zs has shape \(0, 3\).*at least one.*Give all"),
    (lambda: plot.raster(np.array([0.0, np.nan])), r"zs holds NaN.*finite.*Look"),
    (lambda: plot.membrane(np.zeros((0, 4))), r"vs has shape \(0, 4\).*at least one.*Give all"),
    (lambda: plot.membrane(np.zeros((5, 4)), np.zeros((5, 3))), r"\(5, 4\) and zs has shape \(5, 3\).*same.*Record"),
    (lambda: plot.membrane(np.eye(4), np.full((4, 4), np.nan)), r"zs holds NaN.*finite.*Look"),
    # One value per step, or one per neuron?
    (lambda: plot.membrane(np.eye(4), threshold=np.ones(4)), r"threshold has shape \(4,\).*same.*broadcast_to"),
    (lambda: plot.firing_rates({}), r"rates has the minima \{\}.*needed.*Give"),
    (lambda: plot.firing_rates({"a": 0.1, "b": -0.1}), r"-0\.1.*>= 0.*Give"),
    (lambda: plot.firing_rates({"a": 0.1, "b": np.zeros(0)}), r"'b'.*nan.*Give"),
    (lambda: plot.firing_rates({"a": np.array(np.inf)}), r"rates\['a'\].*finite.*Look"),
    (lambda: plot.firing_rates({"a": 0.1}, lower=0.5, upper=0.1), r"lower=0.5, upper=0.1.*lower <= upper.*Give"),
    (lambda: plot.curves(_HISTORY, ["loss"]), r"'epoch'.*\['loss'\].*'test_accuracy', 'test_loss'.*Choose"),
    (lambda: plot.curves(_HISTORY, ["rate"], x="step"), r"'step'.*\['rate'\].*'epoch'.*Choose"),
    (lambda: plot.curves([], "loss"), r"0 rows.*Choose"),
    (lambda: plot.confusion_matrix(np.ones((2, 3))), r"shape \(2, 3\).*\(classes, classes\).*Count"),
    (lambda: plot.confusion_matrix(np.zeros((2, 2))), r"sum 0.*Count at least one"),
    (lambda: plot.confusion_matrix(np.array([[3, -1], [0, 1]])), r"minimum -1.*>= 0.*Count"),
    (lambda: plot.confusion_matrix(np.full((2, 2), np.nan)), r"matrix holds NaN.*finite.*Look"),
]


for _n in ([0, 4], -1, [], [0] * 7, np.array([True, False, True, False])):
    _REFUSED.append((lambda n=_n: plot.membrane(np.zeros((5, 4)), neurons=n), r"neurons is .*0 to 3.*1 to 6.*Choose"))


@pytest.mark.parametrize(("call", "match"), _REFUSED)
def test_refuses_and_leaves_no_figure(call, match):
    with pytest.raises(ValueError, match=match):
        call()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("shape", "rate"), [((7,), 0.3), ((1, 1), 1), ((9, 5), 0), ((9, 4, 3), 0.3), ((5, 500), 0.1)])
def test_raster_draws_every_spike_at_its_place(shape, rate, dtype):
    zs = np.random.default_rng(0).random(shape) < rate
    assert plot.raster(zs).get_title() == f"mean rate {zs.mean():.3g} spikes/step"
    ax = plot.raster(jnp.asarray(zs, dtype), dt=0.5, unit="ms", title="hidden")
    when, who = np.nonzero(zs.reshape(shape[0], -1))
    np.testing.assert_allclose(_marks(ax.collections[0]), np.stack([when * 0.5, who], axis=1), atol=1e-9)
    assert ax.get_title() == f"hidden: mean rate {zs.mean() / 0.5:.3g} spikes/ms"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "neuron")
    assert _texts(ax.texts) == ([] if zs.any() else ["no spikes"])
    assert ax.get_xlim() == (-0.25, (shape[0] - 0.5) * 0.5)
    bottom, top = ax.get_ylim()
    assert bottom <= -0.5 < zs[0].size - 0.5 <= top
    assert all(tick == round(tick) for tick in ax.get_yticks())


def test_membrane_traces_spikes_and_threshold(dtype):
    vs = np.random.default_rng(0).normal(size=(12, 2, 2)).astype(dtype)
    zs = np.zeros((12, 2, 2), bool)
    zs[[2, 5], 1, 1] = zs[7, 0, 0] = True
    ax = plot.membrane(jnp.asarray(vs), zs, neurons=[3, 0], threshold=1.5, dt=2, unit="ms")
    assert _legend(ax) == ["neuron 3", "neuron 0", "threshold"]
    for line, neuron in zip(ax.lines, (vs[:, 1, 1], vs[:, 0, 0]), strict=False):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([np.arange(12) * 2, neuron], axis=1))
    np.testing.assert_array_equal(_lines(ax)["threshold"], 1.5)
    rows = [_marks(row) for row in reversed(ax.collections)]
    assert [row[:, 0].tolist() for row in rows] == [[4, 10], [14]]
    # The rows are in the order and the colours of the legend, above all lines.
    assert ax.get_ylim()[1] > rows[0][0, 1] > rows[1][0, 1] > max(vs.max(), 1.5)
    for row, line in zip(reversed(ax.collections), ax.lines, strict=False):
        assert to_hex(np.asarray(row.get_edgecolor())[0]) == to_hex(line.get_color())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "membrane")


def test_membrane_draws_three_neurons_by_default():
    zs = np.zeros((10, 6))
    for neuron, count in {0: 1, 2: 5, 3: 2, 5: 7}.items():
        zs[:count, neuron] = 1
    assert _legend(plot.membrane(zs, zs)) == ["neuron 2", "neuron 3", "neuron 5"]
    assert _legend(plot.membrane(zs)) == ["neuron 0", "neuron 1", "neuron 2"]
    assert _legend(plot.membrane(zs[:, 0])) == ["neuron 0"]
    assert _legend(plot.membrane(zs, neurons=jnp.array(4))) == ["neuron 4"]


def test_membrane_threshold_of_each_neuron():
    vs = jnp.zeros((5, 2, 2))
    ax = plot.membrane(vs, threshold=jnp.broadcast_to(jnp.arange(4.0).reshape(2, 2), vs.shape), neurons=[3, 1])
    assert _legend(ax) == ["neuron 3", "neuron 1", "threshold 3", "threshold 1"]
    np.testing.assert_array_equal(_lines(ax)["threshold 3"], np.full(5, 3.0))
    assert ax.lines[2].get_color() == ax.lines[0].get_color()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_membrane_notes_the_first_bad_value(value):
    vs = np.random.default_rng(0).normal(size=(12, 5))
    vs[3:, 4] = value
    # The neuron is not among those drawn, and it is told all the same.
    assert plot.membrane(vs, title="hidden").get_title() == "hidden: NaN or inf from step 3 (neuron 4)"
    assert np.isfinite(plot.membrane(vs, vs > 1, neurons=4).get_ylim()).all()


def test_firing_rates_bars_and_whiskers(dtype):
    hidden = np.random.default_rng(0).random((6, 5)).astype(dtype)
    ax: Any = plot.firing_rates({"hidden": jnp.asarray(hidden), "output": 0.25, "dead": np.zeros(4)}, upper=0.3)
    *bars, span = ax.patches
    mean = hidden.astype(np.float64).mean()
    np.testing.assert_allclose([bar.get_width() for bar in bars], [mean, 0.25, 0.0], rtol=1e-12)
    assert bars[0].get_facecolor() != bars[1].get_facecolor() == bars[2].get_facecolor()
    assert (span.get_x(), span.get_width()) == pytest.approx((0.0, 0.3))
    assert _texts(ax.get_yticklabels()) == ["hidden", "output", "dead"]
    assert _texts(ax.texts) == [f" {mean:.3g}", " 0.25", " silent"]
    assert ax.yaxis_inverted()  # the first layer on top
    whisker = ax.collections[0].get_segments()[0]
    np.testing.assert_allclose(whisker[:, 0], np.quantile(hidden.astype(np.float64), [0.05, 0.95]), rtol=1e-12)
    assert ax.get_xlabel() == "mean rate (spikes/step), wanted range shaded"


def test_curves_lines_and_best_values():
    ax = plot.curves(_HISTORY, ["train_loss", "test_loss", "missing"])
    _, train, mark, test = ax.lines
    np.testing.assert_array_equal(train.get_xydata(), [[1, 0.9], [2, 0.5], [3, 0.4], [4, 0.3]])
    np.testing.assert_array_equal(test.get_xydata(), [[1, 1.0], [2, 0.7], [3, 0.8], [4, np.nan]])
    assert _legend(ax) == ["train_loss (best 0.3 at epoch 4)", "test_loss (best 0.7 at epoch 2)"]
    np.testing.assert_array_equal(mark.get_xydata(), [[2, 0.7]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_curves_of_accuracy_and_others():
    ax = plot.curves(_HISTORY, ["rate", "test_accuracy"], ylabel="share")
    assert (_legend(ax), ax.get_ylabel()) == (["rate", "test_accuracy (best 0.8 at epoch 3)"], "share")
    np.testing.assert_array_equal(np.asarray(ax.lines[0].get_xdata()), [1, 2, 4])


def test_confusion_matrix_rows_are_true_classes():
    counts = jnp.array([[9, 1, 0], [2, 6, 0], [0, 0, 0]])
    ax = plot.confusion_matrix(counts, class_names=["a", "b", "c"])
    shares = np.array([[0.9, 0.1, 0], [0.25, 0.75, 0], [0, 0, 0]])  # a class without examples stays white
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), shares, rtol=1e-12)
    cells = {text.get_position(): text.get_text() for text in ax.texts}  # at (column, row)
    assert cells == {(j, i): str(int(counts[i, j])) for i in range(3) for j in range(3)}
    assert ax.get_title() == "accuracy 83.3 %"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert _texts(ax.get_xticklabels()) == _texts(ax.get_yticklabels()) == ["a", "b", "c"]


@pytest.mark.parametrize("slope", [10.0, snn.Positive(4.0)])
def test_surrogate_draws_primitive_and_derivative(slope):
    ax = plot.surrogate(snn.SuperSpike(slope), low=-1.0, high=3.0)
    k = float(snn.resolve(slope))
    v = np.linspace(-1, 3, 401)
    assert _legend(ax) == ["spike", "primitive", "derivative"]
    # A wrapped parameter goes through a bijection, so not exact.
    np.testing.assert_allclose(_lines(ax)["primitive"], 0.5 + v / (1 + k * abs(v)), rtol=1e-5)
    np.testing.assert_allclose(_lines(ax)["derivative"], 1 / (1 + k * abs(v)) ** 2, rtol=1e-5)
    off = abs(v) > 1e-9
    np.testing.assert_array_equal(_lines(ax)["spike"][off], v[off] > 0)
    assert (ax.get_title(), ax.get_xlim()) == ("SuperSpike", (-1, 3))


def test_save_writes_a_png_without_borders_and_closes_the_figure(tmp_path):
    whole, parts, other = plt.figure(figsize=(6, 6)), plt.figure(), plt.figure()
    plot.save(_DRAW["raster"](ax=whole.add_axes((0.4, 0.4, 0.2, 0.2))), tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        assert max(image.size) < 400  # of 720
    subfigure: Any = parts.subfigures(1, 2)
    plot.save(_DRAW["raster"](ax=subfigure[0].subplots()), str(tmp_path / "part.png"))
    assert plt.get_fignums() == [other.number]


def test_graph_shows_every_name_and_every_age():
    ax = plot.graph(_graph(), title="two")
    shown = [text for text in _texts(ax.texts) if text]
    assert shown == ["input", "a", "b", "output", "2.5 steps", "1 step"]
    arrows = [text for text in ax.texts if text.get_text() == "" and text.arrow_patch is not None]
    assert len(arrows) == 6
    columns = {text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text()}
    assert columns["input"] < columns["a"] < columns["b"] < columns["output"]


def test_gradients_are_drawn_by_layer_and_step():
    ax = plot.gradients(_report(), dt=2.0, unit="ms", title="after one epoch")
    drawn = ax.images[0].get_array()
    np.testing.assert_allclose(drawn.compressed(), [0, 1, -1, -3, -9], atol=1e-6)
    np.testing.assert_array_equal(drawn.mask, [[False, False, True], [False, False, False]])
    assert ax.images[0].get_clim() == (pytest.approx(-9), pytest.approx(1))
    assert _texts(ax.get_yticklabels()) == ["first", "second"]
    assert ax.get_ylim() == (1.5, -0.5)  # the first on top
    assert ax.get_xlim() == (-1, 5)
    assert (ax.get_title(), ax.get_xlabel()) == ("after one epoch", "time (ms)")


def test_gradients_that_are_zero_or_not_finite():
    ax = plot.gradients(_report(((0.0, 0.0, 0.0),)))
    assert not ax.images
    ax = plot.gradients(_report(((1.0, jnp.inf, 1.0), (1e-30, 1.0, 1.0))))
    assert ax.images[0].get_clim()[0] == pytest.approx(-12)
    (mark,) = ax.patches
    assert (mark.get_x(), mark.get_width(), mark.get_y(), mark.get_height()) == (0.5, 1.0, 0.5, 0.5)
