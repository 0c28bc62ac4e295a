"""The derivative of an algebraic sigmoid."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Circular(AbstractSurrogate):
    """The derivative of `v / sqrt(1 + v^2)`, with unit height.

    ```
    primitive(v) = 1/2 + v / sqrt(1 + (k v)^2)
    derivative(v) = (1 + (k v)^2)^(-3/2),  k = slope
    ```

    **Arguments:**

    - `slope`: steepness, per unit of membrane. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.Circular(3.0).derivative(jnp.array(0.0)) == 1.0
    ```

    Source: C. Pehle and J. E. Pedersen, Norse: a deep learning library for spiking neural networks, 2021 (there with
    `alpha = 1 / slope`).
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 + v / jnp.sqrt(1 + (k * v) ** 2)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return (1 / jnp.sqrt(1 + (k * v) ** 2)) ** 3
