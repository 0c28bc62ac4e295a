"""Numbers that differ from step to step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._cell import AbstractSequenceCell, RunPart
from .._errors import InputError
from .._misc import state_dtype
from .._parameter import Param
from .._types import Key, Keys, Trajectory


def first_step(x: Any) -> Float[Array, ""]:
    """Zero, made from the data: see `resting`. A state has gradients, and therefore no integers."""
    return jnp.zeros_like(x, shape=(), dtype=state_dtype(x))


def steps_from(step: Float[Array, ""], total: int) -> Int[Array, " total"]:
    """The indices of `total` steps from `step` on."""
    return step.astype(jnp.int32) + jnp.arange(total, dtype=jnp.int32)


def at_step(of_all: Any, step: Float[Array, ""], total: int) -> Array:
    """The rows of `total` steps from `step` on; NaN where there are none."""
    return jnp.asarray(of_all).at[steps_from(step, total)].get(mode="fill", fill_value=jnp.nan)


def check_steps(owner: Any, num_steps: int, given: int = 1) -> None:
    """Refuse no steps, and sequences of more."""
    name = type(owner).__name__
    if num_steps < 1:
        raise ValueError(f"{name}.num_steps was given {num_steps}; it takes a number of steps of at least 1.")
    if given > num_steps:
        raise InputError(
            f"{name} was given a sequence of {given} steps; it has numbers for {num_steps}. Build it with a larger "
            f"`num_steps`."
        )


class StepScale(AbstractSequenceCell[Float[Array, ""]]):
    """A factor for each time step.

    ```
    out[t] = weight[t] * x[t]
    ```

    **Arguments:**

    - `num_steps`: steps of the longest sequence. `weight`, `(num_steps,)`, begins with ones and is trained.

    Raises an `InputError` for sequences of more steps; stepped by hand beyond the last step it puts out NaN.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, ys = snn.unroll(snn.nn.StepScale(20), jnp.ones((20, 3)))
    ```

    Source: C. Duan, J. Ding, S. Chen, Z. Yu and T. Huang, Temporal effective batch normalization in spiking neural
    networks, 2022, equation 7.
    """

    weight: Param
    num_steps: int = eqx.field(static=True)

    def __init__(self, num_steps: int, *, dtype: Any = None):
        check_steps(self, num_steps)
        self.weight, self.num_steps = jnp.ones(num_steps, dtype), num_steps

    def init_state(self, x: Any, *, key: Key = None) -> Float[Array, ""]:
        del key
        return first_step(x)

    def __call__(self, state: Float[Array, ""], x: Array, *, key: Key = None) -> tuple[Float[Array, ""], Array]:
        del key
        return state + 1, at_step(self.weight, state, 1).astype(x.dtype).reshape((1,) * x.ndim) * x

    def scan(
        self, run: RunPart, state: Float[Array, ""], xs: Trajectory, keys: Keys
    ) -> tuple[Float[Array, ""], Trajectory, Any]:
        del run, keys
        total = xs.shape[0]
        check_steps(self, self.num_steps, total)
        with jax.named_scope("snn.StepScale"):
            factors = at_step(self.weight, state, total).astype(xs.dtype)
            outs = factors.reshape(-1, *(1,) * (xs.ndim - 1)) * xs
        return state + total, outs, state + jnp.arange(1, total + 1).astype(state.dtype)
