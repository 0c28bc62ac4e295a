"""The integrate-and-fire neuron: no leak, or a constant one."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import as_current, cast, check_finite, resting
from .._order import AbstractOrder, ResetLast
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._base import AbstractNeuron, fire_membrane, pure, reset_membrane


class IFState(eqx.Module):
    """State of an `IF`: the membrane after the reset."""

    v: Float[Array, "*shape"]


class IF(AbstractNeuron[IFState]):
    """Integrate-and-fire neuron: counts its input and never forgets.

    ```
    v = v - leak + x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    **Arguments:**

    - `threshold`: in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.
    - `leak`: what the membrane loses in every step. It falls without end while there is no input: give it a bottom
        by `reset=snn.Floor(snn.SubtractReset(), 0.0)`.
    - `order`: `ResetLast()`, or an order of other libraries, `ResetFirst()` or `FireFirst()`.

    Raises a `ValueError` for a threshold or a leak that is not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.IF(threshold=1.0), 0.26 * jnp.ones(8))
    assert zs.tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    ```

    Source: L. Lapicque, Recherches quantitatives sur l'excitation electrique des nerfs traitee comme une
    polarisation, 1907.
    """

    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = SuperSpike()
    reset: AbstractReset = SubtractReset()
    leak: Param = parameter(0.0)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_finite(self, "threshold", "leak")

    def init_state(self, x: Any, *, key: Key = None) -> IFState:
        del key
        return IFState(v=resting(x))

    def integrate(self, state: IFState, x: Float[Array, "*shape"]) -> IFState:
        v = state.v + as_current(x, state.v)
        if isinstance(self.leak, float) and self.leak == 0.0:
            return IFState(v=v)
        return IFState(v=v - cast(self.leak, v.dtype))

    fire = fire_membrane
    spiked = reset_membrane


integrate_and_fire = pure(IF, "integrate_and_fire")
