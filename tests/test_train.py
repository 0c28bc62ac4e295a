"""The training loop: what it computes, what it writes, what it refuses, and that it can be killed."""

import json
import sys
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import snnjax as snn

from .helpers import assert_equal

pytestmark = pytest.mark.usefixtures("standard_promotion")

KEY = jr.key(0)
LOSS = snn.train.Classify(encode=lambda x, key: snn.encode.direct(x, 6))


def make_data(rows=50, seed=0):
    """Three classes, told by which of three inputs is strongest."""
    x = np.random.default_rng(seed).random((rows, 3)).astype(np.float64)
    return snn.data.Split(x, x.argmax(axis=1).astype(np.int32), None)


def make_model(width=8, gain=3.0):
    k1, k2 = jr.split(jr.key(1))
    first = eqx.nn.Linear(3, width, key=k1)
    first = jax.tree.map(lambda a: gain * a, first)
    return snn.Sequential(first, snn.LIF(tau=jnp.array(4.0)), eqx.nn.Linear(width, 3, key=k2), snn.LI(tau=4.0))


def fit(model=None, data=None, loss=LOSS, **options):
    options = {"epochs": 3, "key": KEY, "batch_size": 16, "progress": False} | options
    model = make_model() if model is None else model
    data = make_data() if data is None else data
    return snn.train.fit(model, optax.adam(1e-2), loss, data, **options)


def arrays(tree):
    return eqx.filter(tree, eqx.is_array)


def test_fit_learns():
    fitted = fit(make_model(32), make_data(200), epochs=30, validation=make_data(100, seed=9))
    assert fitted.history[-1]["train_loss"] < 0.5 * fitted.history[0]["train_loss"]
    assert fitted.history[-1]["validation_accuracy"] > 0.85


def test_one_trace_for_all_batches_and_epochs():
    """Also for the last batch, which has 2 rows of 16, and for parameters given as weakly typed arrays."""
    counted = eqx.debug.assert_max_traces(LOSS, max_traces=1)
    fit(loss=counted)


def test_loss_is_the_mean_over_the_rows_that_count():
    model, data = make_model(), make_data(5)
    batch = next(snn.data.batches(data, 8))
    value, metrics = snn.train.batch_loss(LOSS, model, batch, KEY)
    alone = [LOSS(model, (data.x[i], int(data.label[i])), KEY) for i in range(5)]
    np.testing.assert_allclose(value, np.mean([v for v, _ in alone]), rtol=1e-12)
    np.testing.assert_allclose(metrics["accuracy"], np.mean([m["accuracy"] for _, m in alone]))


def test_update_is_a_step_of_gradient_descent():
    model, batch = make_model(), next(snn.data.batches(make_data(8), 8))
    optimiser = optax.sgd(0.1)
    state = optimiser.init(eqx.filter(model, snn.trainable(model)))
    after, _, _ = snn.train.update(optimiser, LOSS, model, state, batch, KEY)
    gradient = eqx.filter_grad(lambda m: snn.train.batch_loss(LOSS, m, batch, KEY)[0])(model)
    expected = model.layers[0].weight - 0.1 * gradient.layers[0].weight
    np.testing.assert_allclose(after.layers[0].weight, expected, rtol=1e-12)


def test_fixed_parameters_stay():
    taus = jnp.linspace(2.0, 9.0, 8)
    model = eqx.tree_at(lambda m: m.layers[1], make_model(), snn.LIF(tau=snn.Fixed(taus)))
    fitted = fit(model, epochs=1)
    assert_equal(fitted.model.layers[1].tau.value, taus)


def test_evaluate_weights_batches_by_their_rows():
    data = make_data(21)
    whole = snn.train.evaluate(make_model(), LOSS, data, batch_size=21, key=KEY)
    parts = snn.train.evaluate(make_model(), LOSS, data, batch_size=8, key=KEY)
    assert whole.keys() == parts.keys()
    np.testing.assert_allclose(whole["loss"], parts["loss"], rtol=1e-12)


def test_evaluate_switches_dropout_off():
    model = snn.Sequential(*make_model().layers[:2], eqx.nn.Dropout(0.5), *make_model().layers[2:])
    first = snn.train.evaluate(model, LOSS, make_data(), key=jr.key(1))
    assert first == snn.train.evaluate(model, LOSS, make_data(), key=jr.key(2))


def test_masks_leave_padding_out():
    """Whatever stands beyond the mask changes neither the loss nor the rates."""
    loss = snn.train.Classify()
    x, mask = jr.normal(KEY, (12, 3)), jnp.arange(12) < 7
    model = make_model()
    masked = loss(model, (x, 1, mask), KEY)
    assert_equal(masked, loss(model, (x.at[7:].set(5.0), 1, mask), KEY))
    short = loss(model, (x[:7], 1), KEY)
    np.testing.assert_allclose(masked[0], short[0], rtol=1e-12)


def test_early_stopping_returns_the_best_model():
    """The validation labels are wrong, so that learning makes the validation loss worse."""
    wrong = make_data(40, seed=9)._replace(label=(make_data(40, seed=9).label + 1) % 3)
    fitted = fit(epochs=50, validation=wrong, patience=3)
    losses = [row["validation_loss"] for row in fitted.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4
    again = snn.train.evaluate(fitted.model, LOSS, wrong, key=KEY)
    np.testing.assert_allclose(again["loss"], losses[best], rtol=1e-9)


def test_a_loss_that_is_nan_is_no_improvement():
    from snnjax.train._fit import _epochs_since_best

    losses = [0.7, 0.5, float("nan"), float("inf")]
    assert _epochs_since_best([{"validation_loss": loss} for loss in losses]) == 2


def test_a_run_folder(tmp_path):
    fitted = fit(folder=tmp_path, validation=make_data(10))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == fitted.history
    assert [row["epoch"] for row in lines] == [1, 2, 3]
    assert {"train_loss", "train_accuracy", "train_rates", "validation_loss"} <= lines[0].keys()
    restored = snn.train.restore(tmp_path, make_model(), optax.adam(1e-2), key=KEY)
    assert_equal(arrays(restored.model), arrays(fitted.model))
    assert restored.history == fitted.history


@pytest.mark.parametrize("patience", [None, 100])
def test_resuming_equals_never_stopping(tmp_path, patience):
    options = {"validation": make_data(10), "patience": patience}
    whole = fit(epochs=5, folder=tmp_path / "whole", **options)
    fit(epochs=2, folder=tmp_path / "parts", **options)
    parts = fit(epochs=5, folder=tmp_path / "parts", resume=True, **options)
    assert_equal(arrays(parts.model), arrays(whole.model))
    assert_equal(arrays(parts.opt_state), arrays(whole.opt_state))
    files = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert files[0] == files[1]


def test_metrics_of_an_unfinished_epoch_are_dropped_on_resuming(tmp_path):
    """A kill between the checkpoint and the line of metrics, or in the middle of the line."""
    fit(epochs=2, folder=tmp_path)
    file = tmp_path / "metrics.jsonl"
    file.write_text(file.read_text()[:-20])
    fitted = fit(epochs=3, folder=tmp_path, resume=True)
    assert [json.loads(line) for line in file.read_text().splitlines()] == fitted.history


def test_resuming_nothing_begins(tmp_path):
    assert len(fit(folder=tmp_path / "new", resume=True).history) == 3


def test_a_finished_run_is_left_alone(tmp_path):
    fit(folder=tmp_path)
    with pytest.raises(ValueError, match="already holds a run"):
        fit(folder=tmp_path)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    fit(folder=tmp_path, resume=True)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_resuming_another_run_is_refused(tmp_path):
    fit(folder=tmp_path)
    with pytest.raises(ValueError, match="batch_size"):
        fit(folder=tmp_path, resume=True, batch_size=8)
    with pytest.raises(ValueError, match="another key"):
        fit(folder=tmp_path, resume=True, key=jr.key(7))
    with pytest.raises(snn.checkpoint.CheckpointError, match=r"layers\[0\]"):
        fit(make_model(width=9), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="no folder"):
        fit(resume=True)


def test_patience_needs_validation_data():
    with pytest.raises(ValueError, match="no validation data"):
        fit(patience=3)


@pytest.mark.parametrize(("gain", "word", "remedy"), [(1e-4, "silent", "up"), (1e4, "saturated", "down")])
def test_extreme_layers_are_named(gain, word, remedy):
    model = make_model(gain=gain)
    if word == "saturated":
        positive = jax.tree.map(jnp.abs, model.layers[0])
        model = eqx.tree_at(lambda m: m.layers[0], model, positive)
    with pytest.warns(UserWarning, match=rf"layers\[1\] \(LIF\) is {word} .* {remedy}"):
        fit(model, epochs=1)


def test_healthy_layers_are_not_named():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(epochs=1)


def test_labels_out_of_range_stop_the_training(tmp_path):
    data = make_data()
    data.label[3] = 3
    with pytest.raises(FloatingPointError, match="labels outside"):
        fit(data=data, folder=tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists()


def test_labels_of_another_length():
    data = make_data()
    with pytest.raises(ValueError, match=r"x has 50 rows, label has 49 rows"):
        fit(data=data._replace(label=data.label[:49]))


def test_time_and_batch_swapped():
    """Sequences with time first: as many labels as examples, but the first axis is not that of examples."""
    xs = np.zeros((20, 50, 3))
    with pytest.raises(ValueError, match=r"x has 20 rows, label has 50 rows"):
        fit(data=snn.data.Split(xs, make_data().label, None), loss=snn.train.Classify())


def test_progress_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    fit(progress=True)
    shown = capsys.readouterr().err
    assert "epoch 3" in shown
    assert "train loss" in shown


def test_progress_with_tqdm(capsys):
    fit(progress=True)
    shown = capsys.readouterr().err
    assert "12/12" in shown
    assert "train accuracy" in shown


def test_penalties_are_summed_over_spiking_layers():
    k1, k2 = jr.split(jr.key(0))
    model = snn.Sequential(eqx.nn.Linear(64, 8, key=k1), snn.LIF(), eqx.nn.Linear(8, 5, key=k2), snn.ALIF(), snn.LI())
    encode = LOSS.encode

    def penalty(zs, mask):
        return 0.5 * snn.losses.rate_bounds(zs, 0.3, 0.4, mask)

    example, key = (jr.uniform(jr.key(1), (64,)), 2), jr.key(0)
    plain, _ = snn.train.Classify(encode=encode)(model, example, key)
    value, metrics = snn.train.Classify(encode=encode, penalty=penalty)(model, example, key)
    _, seen = snn.unroll(snn.probe(model), encode(example[0], key), record=snn.observations)
    expected = sum(penalty(seen[name].out, None) for name in ("layers[1] (LIF)", "layers[3] (ALIF)"))
    assert expected > 0
    np.testing.assert_allclose(metrics["penalty"], expected, rtol=1e-6)
    np.testing.assert_allclose(value, plain + expected, rtol=1e-6)
