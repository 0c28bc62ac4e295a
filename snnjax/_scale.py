"""A gain: a stateless layer that multiplies."""

import equinox as eqx
from jaxtyping import Array, Float

from ._misc import cast, check_finite
from ._parameter import Param, parameter


class Scale(eqx.Module):
    """Multiplies every value: an input gain in front of a neuron, graded spikes behind it.

    **Arguments:**

    - `factor`: a number, an array that broadcasts to the values (and is trained), or a wrapped parameter.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    graded = snn.Sequential(snn.IF(), snn.Scale(2.5))
    assert snn.unroll(graded, jnp.array([1.5, 0.2]))[1].tolist() == [2.5, 0.0]
    ```
    """

    factor: Param = parameter(1.0)

    def __check_init__(self) -> None:
        check_finite(self, "factor")

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return cast(self.factor, x.dtype) * x
