"""Export: an artifact computes what the model does, for batches of any size, without the library."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import snnjax as snn


def make():
    k1, k2 = jr.split(jr.key(0))
    linear = eqx.nn.Linear(3, 5, key=k1, dtype=jnp.float32)
    return snn.Sequential(linear, snn.LIF(tau=3.0), eqx.nn.Linear(5, 2, key=k2, dtype=jnp.float32), snn.LI())


def test_artifact_equals_model():
    model = make()
    loaded = jax.export.deserialize(bytearray(snn.export.stablehlo(model, (3,), 8)))
    for batch in (1, 4):
        xs = jr.normal(jr.key(batch), (batch, 8, 3), jnp.float32)
        expected = jax.vmap(lambda x: snn.unroll(model, x)[1])(xs)
        np.testing.assert_allclose(loaded.call(xs), expected, rtol=1e-6, atol=1e-6)


def test_artifact_needs_only_jax(tmp_path):
    model = make()
    (tmp_path / "model.bin").write_bytes(snn.export.stablehlo(model, (3,), 4))
    code = (
        "import sys, jax, jax.export, jax.numpy as jnp\n"
        "run = jax.export.deserialize(bytearray(open('model.bin', 'rb').read()))\n"
        "print(run.call(jnp.ones((2, 4, 3), jnp.float32)).tolist())\n"
        "assert 'snnjax' not in sys.modules and 'equinox' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    expected = jax.vmap(lambda x: snn.unroll(model, x)[1])(jnp.ones((2, 4, 3), jnp.float32))
    np.testing.assert_allclose(eval(done.stdout), expected, rtol=1e-6, atol=1e-6)


def test_dropout_is_off_in_an_artifact():
    model = snn.Sequential(eqx.nn.Dropout(0.5), snn.LI())
    loaded = jax.export.deserialize(bytearray(snn.export.stablehlo(model, (3,), 2)))
    np.testing.assert_allclose(loaded.call(jnp.ones((1, 2, 3), jnp.float32))[0, 0], 1.0)


def test_no_steps():
    with pytest.raises(ValueError, match="0 steps; it takes at least 1"):
        snn.export.stablehlo(snn.LIF(), (3,), 0)
