"""The integrate-and-fire neuron without a leak."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import as_current, cast, check_finite, resting
from .._parameter import Param, parameter
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSurrogate, SuperSpike
from .._types import Key, Params


class IFState(eqx.Module):
    """State of an `IF`: the membrane after the reset."""

    v: Float[Array, "*shape"]


def integrate_and_fire(
    params: Params, state: IFState, x: Float[Array, "*shape"]
) -> tuple[IFState, Float[Array, "*shape"]]:
    """One step of the integrate-and-fire neuron, elementwise.

    ```
    v = v + x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    **Arguments:**

    - `params`: an `IF`, or anything with its fields.
    - `state`: the membrane before the step.
    - `x`: the input current, of the shape of the state.

    **Returns:** the state after the step, and the spikes in the dtype of `x`.
    """
    v = state.v + as_current(x, state.v)
    z = params.surrogate(v - cast(params.threshold, v.dtype))
    return IFState(v=params.reset(v, z, params.threshold)), z.astype(x.dtype)


class IF(AbstractCell[IFState]):
    """Integrate-and-fire neuron: counts its input and never forgets. See `functional.integrate_and_fire`.

    **Arguments:**

    - `threshold`: in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the membrane.

    Raises a `ValueError` for a threshold that is not finite.

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
    surrogate: AbstractSurrogate = SuperSpike()
    reset: AbstractReset = SubtractReset()

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> IFState:
        del key
        return IFState(v=resting(x))

    def __call__(
        self, state: IFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[IFState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.IF"):
            return integrate_and_fire(self, state, x)
