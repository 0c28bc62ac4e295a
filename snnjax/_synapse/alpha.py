"""The alpha synapse."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, cast, check_positive, decay_factor, resting
from .._parameter import Param, parameter
from .._types import Key, Params
from ._arrival import AbstractArrival, AfterDecay


class AlphaSynapseState(eqx.Module):
    """State of an `AlphaSynapse`: the current, or the conductance, and what feeds it."""

    i: Float[Array, "*shape"]
    h: Float[Array, "*shape"]


def alpha_current(
    params: Params, i: Float[Array, "*shape"], h: Float[Array, "*shape"], x: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """One step of an alpha current: the current after the step, what feeds it, and what of the current is heard.

    Reads `tau_i`, `dt`, `arrival`, `normalise_peak` and `exact` of `params`.
    """
    dtype = h.dtype
    x = as_current(x, h)
    decay = jnp.zeros_like(h) + decay_factor(params.tau_i, None, params.dt, dtype)
    fed = decay * (cast(params.dt, dtype) / cast(params.tau_i, dtype)) if params.exact else 1 - decay
    # `(i, h)` decays by a matrix with `decay` on its diagonal and `fed` beside it. Such matrices add and multiply as a
    # number and its derivative do, so the derivative of any arrival is the same arrival for the current.
    drive = math.e * x if params.normalise_peak else x
    (h, _), (i, heard) = jax.jvp(params.arrival, (h, drive, decay), (i, jnp.zeros_like(x), fed))
    return i, h, heard


class AlphaSynapse(AbstractCell[AlphaSynapseState]):
    """Alpha synapse: every input makes a current that rises and falls with one time constant.

    ```
    decay_i = exp(-dt / tau_i)
    i = decay_i * i + fed * h         fed = decay_i * dt / tau_i, or 1 - decay_i without exact
    h = decay_i * h + gain * x        gain = e with normalise_peak, or 1
    out = i
    ```

    After one input `x` the current is `x * t / tau_i * exp(1 - t / tau_i)`, to the last digit: its peak is `x`, at
    `tau_i`. The current begins at zero, so an input is heard from the next step on; with `BeforeDecay()` it comes at
    the beginning of its step, and is heard at the end of it. The time constant is not given as a factor per step.

    **Arguments:**

    - `tau_i`: time constant, in the unit of `dt` (steps by default).
    - `dt`: length of a step.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_peak`: scale the input so that the current of a single one peaks at its own value. Without it the area
        under the current is `tau_i`, as that of an `ExponentialSynapse`.
    - `exact`: solve the two equations together; else `h` is held over the step, as in exponential Euler.

    **Returns** from a step the state, and the current in the dtype of the input. Raises a `ValueError` for values out
    of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, current = snn.unroll(snn.AlphaSynapse(tau_i=5.0), jnp.zeros(20).at[0].set(1.0))
    assert current.argmax() == 5
    ```

    Source: A. Roth and M. C. W. van Rossum, Modeling synapses, in Computational Modeling Methods for Neuroscientists,
    2009, equation 6.3.
    """

    tau_i: Param = parameter(5.0)
    dt: Param = parameter(1.0)
    arrival: AbstractArrival = AfterDecay()
    normalise_peak: bool = eqx.field(default=True, static=True)
    exact: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "tau_i", "dt")

    def init_state(self, x: Any, *, key: Key = None) -> AlphaSynapseState:
        del key
        return AlphaSynapseState(i=resting(x), h=resting(x))

    def __call__(
        self, state: AlphaSynapseState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[AlphaSynapseState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.AlphaSynapse"):
            i, h, heard = alpha_current(self, state.i, state.h, x)
            return AlphaSynapseState(i=i, h=h), heard.astype(x.dtype)
