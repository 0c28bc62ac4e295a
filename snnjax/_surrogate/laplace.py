"""Exponential derivatives: the density of a Laplace distribution, and the same with unit height."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Laplace(AbstractSurrogate):
    """An exponential decay to both sides of the threshold, with unit area: a Laplace density.

    ```
    primitive(v) = 1/2 + sign(v) (1 - exp(-k|v|)) / 2
    derivative(v) = (k / 2) exp(-k|v|),  k = slope
    ```

    **Arguments:**

    - `slope`: how fast the derivative falls off, per unit of membrane. A number, an array, or a wrapped parameter;
        an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.Laplace(2.0).derivative(jnp.array(0.0)) == 1.0
    ```

    Source: W. Fang et al., SpikingJelly: an open-source machine learning infrastructure platform for spike-based
    intelligence, 2023 (there PiecewiseExp). The shape is that of `Slayer`, with unit area.
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 - jnp.sign(v) * jnp.expm1(-k * jnp.abs(v)) / 2

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k / 2 * jnp.exp(-k * jnp.abs(v))


class Slayer(AbstractSurrogate):
    """An exponential decay to both sides of the threshold, with unit height.

    ```
    primitive(v) = 1/2 + sign(v) (1 - exp(-k|v|)) / k
    derivative(v) = exp(-k|v|),  k = slope
    ```

    **Arguments:**

    - `slope`: how fast the derivative falls off, per unit of membrane. A number, an array, or a wrapped parameter;
        an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.Slayer(3.0).derivative(jnp.array(0.0)) == 1.0
    ```

    Source: S. B. Shrestha and G. Orchard, SLAYER: Spike layer error reassignment in time, 2018; its amplitude is
    that of `Damped`.
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 - jnp.sign(v) * jnp.expm1(-k * jnp.abs(v)) / k

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return jnp.exp(-k * jnp.abs(v))
