"""A sigmoid below the threshold and a logarithm above."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_positive
from .._parameter import Param, parameter
from ._base import AbstractSurrogate
from .sigmoid import Sigmoid


class S2NN(AbstractSurrogate):
    """A sigmoid below the threshold and a logarithm above: a membrane far above threshold still learns.

    ```
    primitive(v) = sigmoid(k v)                              where v < 0,   k = slope
                   1/2 + tail log(1 + v)                     where v >= 0
    derivative(v) = k sigmoid(k v) (1 - sigmoid(k v))        where v < 0
                    tail / (1 + v)                           where v >= 0
    ```

    **Arguments:**

    - `slope`: steepness below the threshold, per unit of membrane. A number, an array, or a wrapped parameter; an
        array is trained.
    - `tail`: the derivative just above the threshold.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.S2NN(tail=0.5).derivative(jnp.array(1.0)) == 0.25
    ```

    Source: K. Suetake, S. Ikegawa, R. Saiin and Y. Sawada, S2NN: Time step reduction of spiking surrogate gradients
    for training energy efficient single-step neural networks, 2022.
    """

    slope: Param = parameter(4.0)
    tail: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "tail")

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        above = jnp.maximum(v, jnp.zeros_like(v))
        logarithm = 0.5 + cast(self.tail, v.dtype) * jnp.log1p(above)
        return jnp.where(v < 0, Sigmoid(self.slope).primitive(v), logarithm)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        above = jnp.maximum(v, jnp.zeros_like(v))
        return jnp.where(v < 0, Sigmoid(self.slope).derivative(v), cast(self.tail, v.dtype) / (1 + above))
