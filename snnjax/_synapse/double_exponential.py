"""The double exponential synapse."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, cast, check_positive, decay_factor, resting
from .._parameter import Param, concrete, parameter
from .._types import Key, Params
from ._arrival import AbstractArrival, AfterDecay


class DoubleExponentialSynapseState(eqx.Module):
    """State of a `DoubleExponentialSynapse`: two currents, whose difference is the synapse's."""

    slow: Float[Array, "*shape"]
    fast: Float[Array, "*shape"]


def double_exponential_current(
    params: Params, slow: Float[Array, "*shape"], fast: Float[Array, "*shape"], x: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"], Float[Array, "*shape"]]:
    """One step of a double exponential current: its two parts after the step, and the current that is heard.

    Reads `tau_i`, `tau_rise`, `dt`, `arrival` and `normalise_peak` of `params`.
    """
    x = as_current(x, slow)
    slow, heard = params.arrival(slow, x, decay_factor(params.tau_i, None, params.dt, slow.dtype))
    fast, taken = params.arrival(fast, x, decay_factor(params.tau_rise, None, params.dt, fast.dtype))
    current = heard - taken
    return slow, fast, current / _peak(params, slow.dtype) if params.normalise_peak else current


def _peak(params: Params, dtype: jnp.dtype) -> Array:
    """The largest value of `exp(-t / tau_i) - exp(-t / tau_rise)`."""
    tau, rise = (jnp.asarray(cast(t, dtype), dtype) for t in (params.tau_i, params.tau_rise))
    time = tau * rise / (tau - rise) * jnp.log(tau / rise)
    return jnp.exp(-time / tau) - jnp.exp(-time / rise)


def check_double_exponential(owner: Any) -> None:
    """Refuse time constants that are not above 0, or are equal."""
    check_positive(owner, "tau_i", "tau_rise", "dt")
    tau, rise = concrete(owner.tau_i), concrete(owner.tau_rise)
    if tau is not None and rise is not None and np.any(tau == rise):
        raise ValueError(
            f"{type(owner).__name__} was given equal time constants, tau_i {tau} and tau_rise {rise}; it takes "
            f"different ones, since it is their difference that is heard. For equal ones use an alpha current."
        )


class DoubleExponentialSynapse(AbstractCell[DoubleExponentialSynapseState]):
    """Double exponential synapse: every input makes a current that rises with one time constant and falls with another.

    ```
    slow = exp(-dt / tau_i) * slow + x
    fast = exp(-dt / tau_rise) * fast + x
    out = gain * (slow - fast)
    ```

    After one input `x` the current is `gain * x * (exp(-t / tau_i) - exp(-t / tau_rise))`. It peaks at
    `tau_i * tau_rise / (tau_i - tau_rise) * log(tau_i / tau_rise)`, with `normalise_peak` at `x` itself. It begins at
    zero, so an input is heard from the next step on; `arrival` changes that.

    **Arguments:**

    - `tau_i`: time constant of the fall, in the unit of `dt` (steps by default).
    - `tau_rise`: time constant of the rise, in the same unit; usually the shorter one, and never equal to `tau_i`.
    - `dt`: length of a step.
    - `arrival`: when an input is heard: `AfterDecay()`, `BeforeDecay()`, `HeardUndecayed()`, `NextStep()`.
    - `normalise_peak`: choose the gain so that the current of a single input peaks at its own value; else it is 1.

    **Returns** from a step the state, and the current in the dtype of the input. Raises a `ValueError` for values out
    of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    synapse = snn.DoubleExponentialSynapse(tau_i=20.0, tau_rise=2.0, dt=0.1)
    _, current = snn.unroll(synapse, jnp.zeros(500).at[0].set(1.0))
    assert 0.9999 < current.max() <= 1.0
    ```

    Source: A. Roth and M. C. W. van Rossum, Modeling synapses, in Computational Modeling Methods for Neuroscientists,
    2009, equations 6.4 to 6.6.
    """

    tau_i: Param = parameter(10.0)
    tau_rise: Param = parameter(1.0)
    dt: Param = parameter(1.0)
    arrival: AbstractArrival = AfterDecay()
    normalise_peak: bool = eqx.field(default=True, static=True)

    def __check_init__(self) -> None:
        check_double_exponential(self)

    def init_state(self, x: Any, *, key: Key = None) -> DoubleExponentialSynapseState:
        del key
        return DoubleExponentialSynapseState(slow=resting(x), fast=resting(x))

    def __call__(
        self, state: DoubleExponentialSynapseState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[DoubleExponentialSynapseState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.DoubleExponentialSynapse"):
            slow, fast, heard = double_exponential_current(self, state.slow, state.fast, x)
            return DoubleExponentialSynapseState(slow=slow, fast=fast), heard.astype(x.dtype)
