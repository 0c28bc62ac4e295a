"""A power law with a free exponent."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_positive
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class QPseudoSpike(AbstractSurrogate):
    """A power law: the exponent says how heavy the tails are.

    ```
    derivative(v) = (1 + k|v|)^(-q),  k = slope,  q = exponent
    primitive(v) = 1/2 + sign(v) ((1 + k|v|)^(1 - q) - 1) / (k (1 - q))
                   1/2 + sign(v) log(1 + k|v|) / k           where q = 1
    ```

    It has unit area for `slope = 2 / (exponent - 1)`, as in the paper; others choose `2 / (exponent + 1)`. With
    exponent 2 it is `SuperSpike`.

    **Arguments:**

    - `slope`: how fast the derivative falls off, per unit of membrane. A number, an array, or a wrapped parameter;
        an array is trained.
    - `exponent`: of the tails.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert abs(snn.QPseudoSpike(2.0, exponent=3.0).derivative(jnp.array(0.5)) - 1 / 8) < 1e-6
    ```

    Source: L. Herranz-Celotti and J. Rouat, Surrogate gradients design, 2022.
    """

    slope: Param = parameter(2.0)
    exponent: Param = parameter(2.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "exponent")

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        logarithm = jnp.log1p(k * jnp.abs(v))
        power = (1 - cast(self.exponent, v.dtype)) * logarithm
        # (exp(power) - 1) / power, by its series around zero: there the quotient has no derivative.
        small = jnp.abs(power) < 1e-3
        safe = jnp.where(small, jnp.ones_like(v), power)
        series = 1 + power / 2 * (1 + power / 3 * (1 + power / 4 * (1 + power / 5)))
        return 0.5 + jnp.sign(v) * logarithm * jnp.where(small, series, jnp.expm1(safe) / safe) / k

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return jnp.exp(-cast(self.exponent, v.dtype) * jnp.log1p(k * jnp.abs(v)))
