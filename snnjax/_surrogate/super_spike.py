"""SuperSpike: the derivative of a fast sigmoid."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class SuperSpike(AbstractSurrogate):
    """The derivative of a fast sigmoid: heavy tails, so that neurons far from threshold still learn.

    `primitive(v) = 1/2 + v / (1 + k|v|)`, `derivative(v) = 1 / (1 + k|v|)^2`, with `k = slope`.

    **Arguments:**

    - `slope`: how fast the derivative falls off, per unit of membrane. A number, an array, or a
        wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.SuperSpike()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: F. Zenke and S. Ganguli, SuperSpike: Supervised learning in multilayer spiking neural networks,
    2018, equation 3. The derivative is 1 at the threshold for every slope, as there.
    """

    slope: Param = parameter(10.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 + v / (1 + k * jnp.abs(v))

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        # Squared last: in half precision the square of the denominator would overflow.
        return (1 / (1 + k * jnp.abs(v))) ** 2
