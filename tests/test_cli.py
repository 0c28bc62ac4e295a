"""The command line."""

import json
import subprocess
import sys

import pytest

from snnjax.cli import main

pytestmark = pytest.mark.usefixtures("standard_promotion")

QUICK = ["--epochs", "1", "--hidden", "16", "--steps", "2"]
PICTURES = {"raster.png", "membranes.png", "rates.png", "curves.png", "confusion.png"}


def test_a_run_from_beginning_to_end(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "digits", *QUICK, "--out", str(run)]) == 0
    said = capsys.readouterr().out
    assert "test accuracy: 0." in said
    files = {path.name for path in run.iterdir()}
    assert files == PICTURES | {"config.json", "metrics.jsonl", "checkpoint.npz"}
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in PICTURES)
    assert json.loads((run / "config.json").read_text())["hidden"] == [16]

    assert main(["evaluate", str(run)]) == 0
    evaluated = capsys.readouterr().out
    accuracy = next(line for line in said.splitlines() if "accuracy" in line)
    assert accuracy in evaluated
    assert "firing rate of layers[1] (LIF)" in evaluated

    assert main(["train", "digits", *QUICK, "--out", str(run)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    changed = ["train", "digits", *QUICK, "--seed", "4", "--out", str(run), "--resume"]
    assert main(changed) == 2
    assert "seed: 0 -> 4" in capsys.readouterr().err
    assert main(["train", "digits", *QUICK, "--out", str(run), "--resume", "--no-plots"]) == 0
    assert accuracy in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["rate", "latency"])
def test_encodings_of_digits(tmp_path, encoding):
    options = [*QUICK, "--encoding", encoding, "--no-plots", "--out", str(tmp_path / "run")]
    assert main(["train", "digits", *options]) == 0
    assert not list((tmp_path / "run").glob("*.png"))


@pytest.mark.parametrize("neuron", ["if", "lif", "cubalif", "alif"])
def test_neurons_and_vowels(tmp_path, neuron):
    options = [*QUICK, "--neuron", neuron, "--no-plots", "--out", str(tmp_path / "run")]
    encoding = ["--encoding", "delta"] if neuron == "if" else []
    assert main(["train", "vowels", *options, *encoding]) == 0


def test_pictures_of_vowels(tmp_path):
    assert main(["train", "vowels", *QUICK, "--out", str(tmp_path / "run")]) == 0
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == PICTURES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["train", "digits", "--epochs", "0"], "--epochs was given 0"),
        (["train", "digits", "--hidden", "0"], "--hidden was given"),
        (["train", "digits", "--learning-rate", "-1"], "--learning-rate was given -1"),
        (["train", "digits", "--resume"], "without --out"),
        (["evaluate", "nowhere"], "cannot be read"),
    ],
)
def test_options_that_cannot_be_used(options, message, capsys):
    assert main(options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["train"], ["train", "mnist"], ["train", "vowels", "--encoding", "latency"]])
def test_options_that_do_not_exist(options, capsys):
    with pytest.raises(SystemExit) as exit:
        main(options)
    assert exit.value.code == 2
    assert "usage: snnjax" in capsys.readouterr().err


def test_info():
    done = subprocess.run(
        [sys.executable, "-c", "from snnjax.cli import main; main(['info'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    for word in ("snnjax 0.", "jax ", "equinox ", "device "):
        assert word in done.stdout


def test_extras_come_from_the_package_itself(monkeypatch, capsys):
    """What is installed for pictures is what `pip install snnjax[plot]` would install."""
    from snnjax.cli import _extras

    commands = []

    def run(command, check):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(_extras, "_MODULES", ("a_module_that_is_missing",))
    monkeypatch.setattr(_extras.subprocess, "run", run)
    assert not _extras.ensure_pictures()
    assert commands[0][:4] == [sys.executable, "-m", "pip", "install"]
    assert any(part.startswith("matplotlib") for part in commands[0])
    assert any(part.startswith("tqdm") for part in commands[0])
    assert "going on without pictures" in capsys.readouterr().err
