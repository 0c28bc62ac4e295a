"""The leaky integrator: a neuron without spikes, for reading out."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, check_decay, check_finite, check_positive, starting
from .._parameter import Param, parameter
from .._types import Key, Params
from ._base import leak


class LIState(eqx.Module):
    """State of an `LI`: the membrane."""

    v: Float[Array, "*shape"]


def li(params: Params, state: LIState, x: Float[Array, "*shape"]) -> tuple[LIState, Float[Array, "*shape"]]:
    """One step of the leaky integrator, elementwise.

    ```
    decay = exp(-dt / tau)
    v = rest + decay * (v - rest) + gain * x          gain = 1, or 1 - decay with normalise_input
    ```

    **Arguments:**

    - `params`: an `LI`, or anything with its fields.
    - `state`: the membrane before the step.
    - `x`: the input current, of the shape of the state.

    **Returns:** the state after the step, and its membrane in the dtype of `x`.
    """
    v = leak(params, state.v, as_current(x, state.v))
    return LIState(v=v), v.astype(x.dtype)


class LI(AbstractCell[LIState]):
    """Leaky integrator: puts out its membrane and never fires. See `functional.li`.

    **Arguments:**

    - `tau`: membrane time constant, in the unit of `dt` (steps by default).
    - `dt`: length of a step.
    - `decay`: the factor per step, instead of `tau`; between 0 and 1.
    - `normalise_input`: scale the input by `1 - decay`.
    - `rest`: where the membrane decays to, and starts.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, vs = snn.unroll(snn.LI(decay=0.5), jnp.ones(3))
    assert vs.tolist() == [1.0, 1.5, 1.75]
    ```

    Source: W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, 2014, chapter 1.3.
    """

    tau: Param = parameter(20.0)
    dt: Param = parameter(1.0)
    decay: Param | None = parameter(None)
    normalise_input: bool = eqx.field(default=False, static=True)
    rest: Param = parameter(0.0)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay", "tau")
        check_finite(self, "rest")

    def init_state(self, x: Any, *, key: Key = None) -> LIState:
        del key
        return LIState(v=starting(x, self.rest))

    def __call__(
        self, state: LIState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[LIState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.LI"):
            return li(self, state, x)
