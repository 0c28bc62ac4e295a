"""Two-state kinetic receptors: AMPA and GABA-A."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import check_positive, resting
from .._parameter import Param, parameter
from .._types import Key
from ._release import bind


class ReceptorState(eqx.Module):
    """State of an `AMPA` or a `GABAA`: the open fraction, and how long the transmitter still stays."""

    g: Float[Array, "*shape"]
    remaining: Float[Array, "*shape"]


class _TwoState(AbstractCell[ReceptorState]):
    """What the receptors share whose channels are open or closed, and open where transmitter is bound."""

    binding: eqx.AbstractVar[Param]
    unbinding: eqx.AbstractVar[Param]
    concentration: eqx.AbstractVar[Param]
    duration: eqx.AbstractVar[Param]
    dt: eqx.AbstractVar[Param]

    def __check_init__(self) -> None:
        check_positive(self, "binding", "unbinding", "concentration", "duration", "dt")

    def init_state(self, x: Any, *, key: Key = None) -> ReceptorState:
        del key
        return ReceptorState(g=resting(x), remaining=resting(x))

    def __call__(
        self, state: ReceptorState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ReceptorState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope(f"snn.{type(self).__name__}"):
            g, remaining = bind(self, state.g, state.remaining, x)
            return ReceptorState(g=g, remaining=remaining), g.astype(x.dtype)


class AMPA(_TwoState):
    """AMPA receptors: a pulse of transmitter opens a fraction of them, which then closes.

    ```
    g' = binding * T * (1 - g) - unbinding * g
    T = concentration for `duration` after a spike, else 0
    out = g
    ```

    Solved exactly, also where a pulse ends within a step. The input is the spike of one presynaptic neuron, so weights
    come behind the synapse: `Sequential(AMPA(), Linear(...))`. A second spike within the pulse starts it anew; an input
    between 0 and 1 gives a pulse so much shorter, and what is outside counts as 0 or 1.

    **Arguments:**

    - `binding`: rate of opening, per mM and ms.
    - `unbinding`: rate of closing, per ms.
    - `concentration`: of the transmitter during a pulse, in mM.
    - `duration`: of a pulse, in ms.
    - `dt`: length of a step, in ms.

    **Returns** from a step the state, and the open fraction, from 0 to 1, in the dtype of the input; an output such as
    `ConductanceOutput(0.0)` makes it a current. Raises a `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, g = snn.unroll(snn.AMPA(dt=0.1), jnp.zeros(100).at[0].set(1.0))
    assert g.argmax() == 9                                     # at the end of the pulse of 1 ms
    ```

    Source: A. Destexhe, Z. F. Mainen and T. J. Sejnowski, An efficient method for computing synaptic conductances based
    on a kinetic model of receptor binding, 1994, equations 1 to 4.
    """

    binding: Param = parameter(1.1)
    unbinding: Param = parameter(0.19)
    concentration: Param = parameter(1.0)
    duration: Param = parameter(1.0)
    dt: Param = parameter(1.0)


class GABAA(_TwoState):
    """GABA-A receptors: a pulse of transmitter opens a fraction of them, which then closes.

    ```
    g' = binding * T * (1 - g) - unbinding * g
    T = concentration for `duration` after a spike, else 0
    out = g
    ```

    The equations of `AMPA` with other rates. The open fraction is positive; what makes it inhibit is the reversal
    potential, as in `ConductanceOutput(-80.0)`.

    **Arguments:**

    - `binding`: rate of opening, per mM and ms.
    - `unbinding`: rate of closing, per ms.
    - `concentration`: of the transmitter during a pulse, in mM.
    - `duration`: of a pulse, in ms.
    - `dt`: length of a step, in ms.

    **Returns** from a step the state, and the open fraction, from 0 to 1, in the dtype of the input. Raises a
    `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    inhibition = snn.ConductanceOutput(reversal=-80.0, scale=0.5)
    _, g = snn.unroll(snn.GABAA(dt=0.1), jnp.zeros(100).at[0].set(1.0))
    assert inhibition(g, jnp.full(100, -65.0)).max() <= 0.0
    ```

    Source: A. Destexhe, Z. F. Mainen and T. J. Sejnowski, An efficient method for computing synaptic conductances based
    on a kinetic model of receptor binding, 1994, equations 1 to 4.
    """

    binding: Param = parameter(5.0)
    unbinding: Param = parameter(0.18)
    concentration: Param = parameter(1.0)
    duration: Param = parameter(1.0)
    dt: Param = parameter(1.0)
