"""Norse's regularisation: something that is added up over the steps, for a term in the loss."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .neurons import membrane


def spike_accumulator(z: Float[Array, "*shape"], s: Any, state: Any = None) -> Float[Array, ""]:
    """The number of spikes so far; the state `s` of the cell is not used."""
    del s
    return jnp.sum(z) if state is None else state + jnp.sum(z)


def voltage_accumulator(z: Float[Array, "*shape"], s: Any, state: Any = None) -> Float[Array, "*shape"]:
    """The sum of the membranes so far, of a cell or of a synapse and a cell."""
    del z
    return membrane(s) if state is None else state + membrane(s)


def regularize_step(
    z: Float[Array, "*shape"], s: Any, accumulator: Callable = spike_accumulator, state: Any = None
) -> tuple[Float[Array, "*shape"], Any]:
    """The spikes, and what was added up with those of this step.

    The library's `RegularizationCell` keeps the sum on itself; here it is handed on, or recorded by `unroll`.

    **Arguments:**

    - `z`, `s`: the spikes of a cell, and its state.
    - `accumulator`: a function `(z, s, state) -> state`: `spike_accumulator`, `voltage_accumulator`, or another.
    - `state`: the sum so far, or None.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import norse

    z, total = norse.regularize_step(jnp.array([1.0, 0.0]), None)
    z, total = norse.regularize_step(jnp.array([1.0, 1.0]), None, state=total)
    assert total == 3.0
    ```
    """
    return z, accumulator(z, s, state)
