"""The derivative of a hyperbolic tangent."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Tanh(AbstractSurrogate):
    """The derivative of a hyperbolic tangent, with unit height.

    ```
    primitive(v) = 1/2 + tanh(k v) / k
    derivative(v) = 1 - tanh(k v)^2 = sech(k v)^2,  k = slope
    ```

    The shape of `Sigmoid(2 k)`, with unit height instead of unit area.

    **Arguments:**

    - `slope`: steepness, per unit of membrane. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.Tanh(3.0).derivative(jnp.array(0.0)) == 1.0
    ```

    Source: S. Wozniak, A. Pantazi, T. Bohnstingl and E. Eleftheriou, Deep learning incorporating biologically inspired
    neural dynamics and in-memory computing, 2020.
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 + jnp.tanh(k * v) / k

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        u = 2 * cast(self.slope, v.dtype) * v
        # Not 1 - tanh^2, which would round to zero in the tails.
        return 4 * jax.nn.sigmoid(u) * jax.nn.sigmoid(-u)
