"""A Gaussian with two negative lobes."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from .._misc import cast, check_finite, check_positive
from .._parameter import Param, parameter
from ._base import AbstractSurrogate
from .gaussian import Gaussian


class MultiGaussian(AbstractSurrogate):
    """A Gaussian, less two wide Gaussians at one standard deviation to its sides.

    ```
    derivative(v) = (1 + h) N(v; center, sigma) - h N(v; sigma, s sigma) - h N(v; -sigma, s sigma)
    sigma = 1 / slope,  h = lobe,  s = lobe_width
    ```

    `N(v; m, sigma)` is a normal density of mean `m`; the primitive has its distribution functions instead.

    **Arguments:**

    - `slope`: one over the standard deviation, per unit of membrane. A number, an array, or a wrapped parameter; an
        array is trained.
    - `lobe`: weight of the two negative lobes, no unit.
    - `lobe_width`: standard deviation of the lobes, in those of the Gaussian in the middle.
    - `center`: mean of the Gaussian in the middle, in the unit of the membrane. The lobes stay where they are.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope or a width that is not above 0, and for a lobe or a center that is not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.MultiGaussian()
    assert spike.derivative(jnp.array(0.0)) > 0 > spike.derivative(jnp.array(2.0))
    ```

    Source: B. Yin, F. Corradi and S. M. Bohte, Accurate and efficient time-domain classification with adaptive spiking
    recurrent neural networks, 2021.
    """

    slope: Param = parameter(2.0)
    lobe: Param = parameter(0.15)
    lobe_width: Param = parameter(6.0)
    center: Param = parameter(0.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "lobe_width")
        check_finite(self, "lobe", "center")

    def _parts(self, v: Array) -> tuple[Any, Any, Gaussian, Gaussian]:
        k, s = cast(self.slope, v.dtype), cast(self.lobe_width, v.dtype)
        return cast(self.lobe, v.dtype), 1 / k, Gaussian(k), Gaussian(k / s)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        h, sigma, middle, lobe = self._parts(v)
        lobes = lobe.primitive(v - sigma) + lobe.primitive(v + sigma)
        return (1 + h) * middle.primitive(v - cast(self.center, v.dtype)) - h * lobes

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        h, sigma, middle, lobe = self._parts(v)
        lobes = lobe.derivative(v - sigma) + lobe.derivative(v + sigma)
        return (1 + h) * middle.derivative(v - cast(self.center, v.dtype)) - h * lobes
