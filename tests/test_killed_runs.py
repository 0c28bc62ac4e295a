"""A run that is killed at any moment and resumed ends as one that was left alone."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import optax
import pytest

import snnjax as snn

from .helpers import assert_equal
from .test_train import KEY, arrays, make_model

RUN_TO_KILL = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
from tests import test_train
import jax
jax.config.update("jax_enable_x64", True)
print("ready", flush=True)
test_train.fit(epochs=int(sys.argv[3]), folder=sys.argv[2], resume=True)
"""


def _launch(folder, epochs):
    root = Path(__file__).parent.parent
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", RUN_TO_KILL, str(root), str(folder), str(epochs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


@pytest.mark.slow
def test_killing_a_run_at_random_moments(tmp_path):
    """Twenty kills, resuming after each, end in the same parameters as a run that was left alone."""
    epochs, kills = 400, 20
    moments = random.Random(0)
    with _launch(tmp_path / "alone", epochs) as alone:
        alone.stdout.readline()
        begin = time.perf_counter()
        assert alone.wait() == 0
    span = 1.2 * (time.perf_counter() - begin) / kills
    killed_while_running = 0
    for _ in range(kills):
        with _launch(tmp_path / "killed", epochs) as process:
            process.stdout.readline()
            # The compilation takes a second or two; some kills fall into it, most into the epochs.
            time.sleep(moments.uniform(0.0, 2.0 + 2 * span))
            killed_while_running += process.poll() is None
            process.kill()
    assert killed_while_running >= kills // 2
    with _launch(tmp_path / "killed", epochs) as process:
        assert process.wait() == 0
    runs = [snn.train.restore(tmp_path / name, make_model(), optax.adam(1e-2), key=KEY) for name in ("alone", "killed")]
    assert_equal(arrays(runs[0].model), arrays(runs[1].model))
    assert_equal(arrays(runs[0].opt_state), arrays(runs[1].opt_state))
    assert runs[0].history == runs[1].history
    assert len(runs[0].history) == epochs
