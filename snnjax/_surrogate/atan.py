"""The derivative of an arc tangent."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class ATan(AbstractSurrogate):
    """The derivative of an arc tangent, scaled to run from 0 to 1.

    `primitive(v) = 1/2 + arctan(pi k v / 2) / pi`, `derivative(v) = (k / 2) / (1 + (pi k v / 2)^2)`, with `k = slope`.

    **Arguments:**

    - `slope`: steepness, per unit of membrane. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.ATan()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: W. Fang et al., Incorporating learnable membrane time constant to enhance learning of spiking
    neural networks, 2021.
    """

    slope: Param = parameter(2.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 + jnp.arctan(jnp.pi / 2 * k * v) / jnp.pi

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k / 2 / (1 + (jnp.pi / 2 * k * v) ** 2)
