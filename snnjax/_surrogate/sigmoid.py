"""The derivative of a logistic sigmoid."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Sigmoid(AbstractSurrogate):
    """The derivative of a logistic sigmoid.

    `primitive(v) = sigmoid(k v)`, `derivative(v) = k sigmoid(k v) (1 - sigmoid(k v))`, with `k = slope`.

    **Arguments:**

    - `slope`: steepness, per unit of membrane. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.Sigmoid()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: F. Zenke and T. P. Vogels, The remarkable robustness of surrogate gradient learning, 2021.
    """

    slope: Param = parameter(4.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return jax.nn.sigmoid(k * v)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        # Written with sigmoid(-k v) for 1 - sigmoid(k v), which would round to zero above the threshold.
        return k * jax.nn.sigmoid(k * v) * jax.nn.sigmoid(-k * v)
