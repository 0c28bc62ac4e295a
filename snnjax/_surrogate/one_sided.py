"""Another surrogate from an offset on, and a leak below."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast, check_finite
from .._parameter import Param, parameter
from ._altered import AbstractAltered
from ._base import AbstractSurrogate
from .straight_through import StraightThrough


class OneSided(AbstractAltered):
    """A surrogate above an offset, and a constant derivative below it.

    ```
    derivative(v) = surrogate.derivative(v)                  where v > offset
                    leak                                     elsewhere
    ```

    The primitive is its integral, and zero at the offset.

    `OneSided()` takes the spike as its own derivative; `OneSided(StraightThrough(k), leak=a, closed=True)` is a leaky
    ReLU; `OneSided(FakeNumericalGradient(1.0))` is the log-tailed ReLU; `OneSided(SuperSpike(25.0), offset=1.0)` is
    sparse, as no membrane less than 1 above the threshold has a gradient.

    **Arguments:**

    - `surrogate`: the derivative above the offset; it also says whether ties fire.
    - `offset`: where it begins, relative to the threshold, in the unit of the membrane. A number, an array, or a
        wrapped parameter; an array is trained.
    - `leak`: the derivative below.
    - `closed`: `v >= offset` instead of `v > offset`.

    Raises a `ValueError` for values that are not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.OneSided(snn.StraightThrough(), leak=0.5)
    assert spike.derivative(jnp.array([-0.2, 0.0, 0.2])).tolist() == [0.5, 0.5, 1.0]
    ```

    Source: J. K. Eshraghian et al., Training spiking neural networks using lessons from deep learning, 2023, for the
    leaky spike operator of snnTorch; N. Perez-Nieves and D. F. M. Goodman, Sparse spiking gradient descent, 2021, for
    the sparse one.
    """

    surrogate: AbstractSurrogate = StraightThrough()
    offset: Param = parameter(0.0)
    leak: Param = parameter(0.0)
    closed: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "offset", "leak")

    def _is_above(self, v: Array) -> Array:
        offset = cast(self.offset, v.dtype)
        return v >= offset if self.closed else v > offset

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        offset = cast(self.offset, v.dtype) * jnp.ones_like(v)
        above = self.surrogate.primitive(v) - self.surrogate.primitive(offset)
        return jnp.where(self._is_above(v), above, cast(self.leak, v.dtype) * (v - offset))

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        leak = cast(self.leak, v.dtype) * jnp.ones_like(v)
        return jnp.where(self._is_above(v), self.surrogate.derivative(v), leak)
