"""A delay line."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._cell import AbstractSequenceCell, RunPart
from ._types import Key, Keys, Trajectory


class Delay(AbstractSequenceCell[Array]):
    """Puts out its input some steps later: `out[t] = x[t - steps]`, and zeros before there was any.

    The state is the last `steps` inputs, oldest first, so that streaming and chunking are exact.

    **Arguments:**

    - `steps`: the delay in steps, at least 0.

    Raises a `ValueError` for a negative or fractional number of steps.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    final, ys = snn.unroll(snn.Delay(2), jnp.array([1.0, 2.0, 3.0, 4.0]))
    assert ys.tolist() == [0.0, 0.0, 1.0, 2.0]
    ```
    """

    steps: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 0:
            raise ValueError(
                f"Delay.steps was given {self.steps!r}; it takes a whole number of steps of at least 0. "
                f"Divide a time by dt and round it."
            )

    def init_state(self, x: Any, *, key: Key = None) -> Array:
        del key
        return jnp.zeros_like(x, shape=(self.steps, *x.shape))

    def __call__(self, state: Array, x: Array, *, key: Key = None) -> tuple[Array, Array]:
        del key
        line = jnp.concatenate([state, x[None]])
        return line[1:], line[0]

    def scan(self, run: RunPart, state: Array, xs: Trajectory, keys: Keys) -> tuple[Array, Trajectory, Array]:
        del run, keys
        with jax.named_scope("snn.Delay"):
            line = jnp.concatenate([state, xs])
            total = xs.shape[0]
            windows = jnp.arange(total)[:, None] + jnp.arange(1, self.steps + 1)[None, :]
            # The states are only looked at when something is recorded; otherwise nothing computes them.
            return line[total:], line[:total], line[windows]
