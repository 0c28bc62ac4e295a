"""A triangular derivative: the integral of a ramp up and a ramp down."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Triangle(AbstractSurrogate):
    """A triangle around the threshold: no gradient for neurons further away than `1 / slope`.

    `primitive(v) = a smooth step, quadratic on each side of 0`, `derivative(v) = k max(0, 1 - k|v|)`, with `k = slope`.

    **Arguments:**

    - `slope`: one over the half width, per unit of membrane. A number, an array, or a
        wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.Triangle()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: S. K. Esser et al., Convolutional networks for fast, energy-efficient neuromorphic computing, 2016;
    G. Bellec et al., Long short-term memory and learning-to-learn in networks of spiking neurons, 2018 (there
    damped by a factor of 0.3).
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        ramp = jnp.maximum(1 - k * jnp.abs(v), jnp.zeros_like(v)) ** 2 / 2
        return jnp.where(v < 0, ramp, 1 - ramp)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k * jnp.maximum(1 - k * jnp.abs(v), jnp.zeros_like(v))
