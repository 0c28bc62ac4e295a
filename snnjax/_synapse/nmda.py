"""NMDA receptors."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import cast, check_positive, resting
from .._parameter import Param, parameter
from .._types import Key
from ._release import bind, relax


class NMDAState(eqx.Module):
    """State of an `NMDA`: the open and the bound fraction, and how long the transmitter still stays."""

    g: Float[Array, "*shape"]
    bound: Float[Array, "*shape"]
    remaining: Float[Array, "*shape"]


class NMDA(AbstractCell[NMDAState]):
    """NMDA receptors: transmitter binds to them, and the bound ones open, which makes a slow rise.

    ```
    bound' = binding * T * (1 - bound) - unbinding * bound
    g' = opening * bound * (1 - g) - closing * g
    T = concentration for `duration` after a spike, else 0
    out = g
    ```

    `bound` is solved exactly, also where a pulse ends within a step, and `g` for the mean of `bound` before and after
    the step, to second order in `dt`. The input is the spike of one presynaptic neuron; weights come behind the
    synapse, and the block by magnesium in `MagnesiumBlock`.

    **Arguments:**

    - `opening`: rate at which bound receptors open, per ms.
    - `closing`: rate at which they close, per ms.
    - `binding`: rate of binding, per mM and ms.
    - `unbinding`: rate of unbinding, per ms.
    - `concentration`: of the transmitter during a pulse, in mM.
    - `duration`: of a pulse, in ms.
    - `dt`: length of a step, in ms.
    - `sequential`: let `g` hear `bound` as it is after the step, as other libraries do; of first order.

    **Returns** from a step the state, and the open fraction, from 0 to 1, in the dtype of the input. Raises a
    `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, g = snn.unroll(snn.NMDA(dt=0.1), jnp.zeros(1000).at[0].set(1.0))
    assert g[-1] > g.max() / 4                                 # 100 ms later
    ```

    Source: G. B. Ermentrout and D. H. Terman, Mathematical Foundations of Neuroscience, 2010, chapter 7.
    """

    opening: Param = parameter(2.0)
    closing: Param = parameter(0.01)
    binding: Param = parameter(1.0)
    unbinding: Param = parameter(0.5)
    concentration: Param = parameter(1.0)
    duration: Param = parameter(0.5)
    dt: Param = parameter(1.0)
    sequential: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "opening", "closing", "binding", "unbinding", "concentration", "duration", "dt")

    def init_state(self, x: Any, *, key: Key = None) -> NMDAState:
        del key
        return NMDAState(g=resting(x), bound=resting(x), remaining=resting(x))

    def __call__(
        self, state: NMDAState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[NMDAState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.NMDA"):
            dtype = state.g.dtype
            bound, remaining = bind(self, state.bound, state.remaining, x)
            heard = bound if self.sequential else (state.bound + bound) / 2
            opening, closing = cast(self.opening, dtype) * heard, cast(self.closing, dtype)
            g = relax(state.g, opening, closing, cast(self.dt, dtype))
            return NMDAState(g=g, bound=bound, remaining=remaining), g.astype(x.dtype)
