"""The exponential synapse."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, check_decay, check_positive, decay_factor, resting
from .._parameter import Param, parameter
from .._types import Key, Params
from ._arrival import AbstractArrival, AfterDecay


class ExponentialSynapseState(eqx.Module):
    """State of an `ExponentialSynapse`: the current, or the conductance."""

    i: Float[Array, "*shape"]


def exponential_current(
    params: Params, i: Float[Array, "*shape"], x: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """One step of an exponential current: the current after the step, and what of it is heard.

    Reads `tau_i`, `decay_i`, `dt`, `arrival` and `normalise_current` of `params`.
    """
    decay = decay_factor(params.tau_i, params.decay_i, params.dt, i.dtype)
    x = as_current(x, i)
    return params.arrival(i, (1 - decay) * x if params.normalise_current else x, decay)


class ExponentialSynapse(AbstractCell[ExponentialSynapseState]):
    """Exponential synapse: every input jumps a current, which then decays.

    ```
    decay_i = exp(-dt / tau_i)
    i = decay_i * i + gain * x        gain = 1, or 1 - decay_i with normalise_current
    out = i
    ```

    `arrival` moves the input before the decay, or into the next step.

    **Arguments:**

    - `tau_i`: time constant, in the unit of `dt` (steps by default).
    - `dt`: length of a step.
    - `decay_i`: the factor per step, instead of `tau_i`; between 0 and 1.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_current`: scale the input by `1 - decay_i`, so that a constant input settles at its own value.

    **Returns** from a step the state, and the current in the dtype of the input. Raises a `ValueError` for values out
    of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, current = snn.unroll(snn.ExponentialSynapse(decay_i=0.5), jnp.array([1.0, 0.0, 0.0]))
    assert current.tolist() == [1.0, 0.5, 0.25]
    ```

    Source: A. Roth and M. C. W. van Rossum, Modeling synapses, in Computational Modeling Methods for Neuroscientists,
    2009, equation 6.2.
    """

    tau_i: Param = parameter(5.0)
    dt: Param = parameter(1.0)
    decay_i: Param | None = parameter(None)
    arrival: AbstractArrival = AfterDecay()
    normalise_current: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "dt")
        check_decay(self, "decay_i", "tau_i")

    def init_state(self, x: Any, *, key: Key = None) -> ExponentialSynapseState:
        del key
        return ExponentialSynapseState(i=resting(x))

    def __call__(
        self, state: ExponentialSynapseState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ExponentialSynapseState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.ExponentialSynapse"):
            i, heard = exponential_current(self, state.i, x)
            return ExponentialSynapseState(i=i), heard.astype(x.dtype)
