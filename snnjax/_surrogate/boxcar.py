"""A box around the threshold, with a leak outside of it."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_finite, check_positive
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class Boxcar(AbstractSurrogate):
    """A constant derivative in a window around the threshold, and another one outside of it.

    ```
    derivative(v) = slope  where |v| < width / 2,  else leak
    primitive(v) = 1/2 + slope w + leak (v - w),  w = v clipped to the window
    ```

    **Arguments:**

    - `slope`: the derivative inside of the window. A number, an array, or a wrapped parameter; an array is trained.
    - `width`: of the window, in the unit of the membrane; None for `1 / slope`, which has unit area.
    - `leak`: the derivative outside, so that neurons far from the threshold still learn.
    - `closed`: the edges belong to the window. It matters where a silent membrane sits exactly on an edge.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope or a width that is not above 0, and for a leak that is not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.Boxcar(0.5, leak=0.01)
    assert spike.derivative(jnp.array([-0.9, 1.1])).tolist() == jnp.array([0.5, 0.01]).tolist()
    ```

    Source: Y. Wu et al., Spatio-temporal backpropagation for training high-performance spiking neural networks, 2018,
    curve h1.
    """

    slope: Param = parameter(0.5)
    width: Param | None = parameter(None)
    leak: Param = parameter(0.0)
    closed: bool = eqx.field(default=False, static=True)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "leak")
        if self.width is not None:
            check_positive(self, "width")

    def _half_width(self, v: Array) -> Any:
        if self.width is None:
            return 0.5 / cast(self.slope, v.dtype)
        return cast(self.width, v.dtype) / 2

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        half = self._half_width(v)
        inside = jnp.clip(v, -half, half)
        return 0.5 + cast(self.slope, v.dtype) * inside + cast(self.leak, v.dtype) * (v - inside)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        half, ones = self._half_width(v), jnp.ones_like(v)
        inside = jnp.abs(v) <= half if self.closed else jnp.abs(v) < half
        return jnp.where(inside, cast(self.slope, v.dtype) * ones, cast(self.leak, v.dtype) * ones)
