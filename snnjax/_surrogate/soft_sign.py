"""The derivative of a soft sign."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class SoftSign(AbstractSurrogate):
    """The derivative of a soft sign, scaled to run from 0 to 1.

    ```
    primitive(v) = 1/2 + k v / (2 (1 + k|v|))
    derivative(v) = (k / 2) / (1 + k|v|)^2,  k = slope
    ```

    The shape of `SuperSpike`, with unit area instead of unit height.

    **Arguments:**

    - `slope`: steepness, per unit of membrane. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.SoftSign(2.0).derivative(jnp.array(0.5)) == 0.25
    ```

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010,
    for the soft sign; W. Fang et al., SpikingJelly: an open-source machine learning infrastructure platform for
    spike-based intelligence, 2023, for its use as a surrogate.
    """

    slope: Param = parameter(2.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return 0.5 + k * v / (1 + k * jnp.abs(v)) / 2

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        # Squared last: in half precision the square of the denominator would overflow.
        return k / 2 * (1 / (1 + k * jnp.abs(v))) ** 2
