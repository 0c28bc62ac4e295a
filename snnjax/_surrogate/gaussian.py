"""A Gaussian derivative: the integral is the error function."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Gaussian(AbstractSurrogate):
    """A normal density around the threshold, of standard deviation `1 / slope`.

    `primitive(v) = (1 + erf(k v / sqrt(2))) / 2`, `derivative(v) = k exp(-(k v)^2 / 2) / sqrt(2 pi)`, with `k = slope`.

    **Arguments:**

    - `slope`: one over the standard deviation, per unit of membrane. A number, an array, or a
        wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.Gaussian()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: B. Yin, F. Corradi and S. M. Bohte, Accurate and efficient time-domain classification with adaptive
    spiking recurrent neural networks, 2021.
    """

    slope: Param = parameter(2.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return (1 + jax.scipy.special.erf(k * v / math.sqrt(2))) / 2

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k * jnp.exp(-((k * v) ** 2) / 2) / math.sqrt(2 * math.pi)
