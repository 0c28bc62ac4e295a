"""A model as a StableHLO artifact, that runs without snnjax."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp

from ._errors import InputError
from ._unroll import unroll


def stablehlo(
    model: Any,
    input_shape: Sequence[int],
    steps: int,
    *,
    dtype: Any = jnp.float32,
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
) -> bytes:
    """The compiled computation of a model over whole sequences, as bytes: a portable StableHLO artifact.

    The artifact takes one array `(batch, steps, *input_shape)` of any batch size and returns the outputs
    `(batch, steps, *output_shape)`. The weights are in it; every sequence begins in the initial state. To run it,
    only JAX is needed: `jax.export.deserialize(artifact).call(xs)`.

    **Arguments:**

    - `model`: a cell or a network without random numbers.
    - `input_shape`: shape of one step of one example.
    - `steps`: the number of time steps.
    - `dtype`: of the inputs.
    - `platforms`: what it is compiled for.

    **Returns:** the artifact, to be written to a file as it is.

    Raises an `InputError` for a number of steps below 1, an `ImportError` without the extra `export`, and whatever
    `unroll` raises for inputs of this shape.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    artifact = snn.export.stablehlo(snn.LIF(), input_shape=(3,), steps=10)
    zs = jax.export.deserialize(bytearray(artifact)).call(jnp.ones((2, 10, 3), jnp.float32))
    assert zs.shape == (2, 10, 3)
    ```
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ImportError("stablehlo needs flatbuffers to write an artifact. Install it: pip install 'snnjax[export]'.")
    if steps < 1:
        raise InputError(f"stablehlo was given {steps} steps; it takes at least 1. A sequence has a fixed length.")
    model = eqx.nn.inference_mode(model)
    (batch,) = jax.export.symbolic_shape("batch")
    example = jax.ShapeDtypeStruct((batch, steps, *input_shape), dtype)

    @jax.jit
    def run(xs: jax.Array) -> Any:
        return jax.vmap(lambda x: unroll(model, x)[1])(xs)

    return bytes(jax.export.export(run, platforms=tuple(platforms))(example).serialize())
