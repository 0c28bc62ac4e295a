"""An exponential around every multiple of the threshold, for several spikes in one step."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_positive
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class PeriodicExponential(AbstractSurrogate):
    """A peak at the threshold and again after every period above it, as `MultiSpike` fires once more at each.

    ```
    derivative(v) = exp(-k|v|)                               where v < 0,   k = slope
                    exp(-2 k|r|),  r = v - n period          where v >= 0,  n = floor(v / period + 1/2)
    ```

    The peaks above the threshold fall off twice as fast. The primitive is the integral, a staircase of smooth steps.

    **Arguments:**

    - `slope`: how fast the derivative falls off below the threshold, per unit of membrane. A number, an array, or a
        wrapped parameter; an array is trained.
    - `period`: distance of the peaks, in the unit of the membrane: the threshold of the neuron.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for values that are not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.PeriodicExponential(period=0.5)
    assert spike.derivative(jnp.array([0.0, 0.5, 1.0])).tolist() == [1.0, 1.0, 1.0]
    ```

    Source: P. Weidel and S. Sheik, WaveSense: efficient temporal convolutions with spiking neural networks for keyword
    spotting, 2021.
    """

    slope: Param = parameter(2.0)
    period: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "period")

    def _nearest(self, v: Array) -> tuple[Array, Array]:
        """How many periods above the threshold the nearest peak is, and the distance to it."""
        period = cast(self.period, v.dtype)
        n = jnp.floor(jnp.maximum(v, jnp.zeros_like(v)) / period + 0.5)
        return n, v - n * period

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k, period = cast(self.slope, v.dtype), cast(self.period, v.dtype)
        n, r = self._nearest(v)
        below = jnp.exp(k * jnp.minimum(v, jnp.zeros_like(v)))
        above = 1 - n * jnp.expm1(-k * period * jnp.ones_like(v)) - jnp.sign(r) * jnp.expm1(-2 * k * jnp.abs(r)) / 2
        return jnp.where(v < 0, below, above) / k

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        _, r = self._nearest(v)
        return jnp.exp(-k * jnp.abs(r) * jnp.where(v < 0, jnp.ones_like(v), 2 * jnp.ones_like(v)))
