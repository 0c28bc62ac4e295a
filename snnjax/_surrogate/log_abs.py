"""A logarithm to both sides: very heavy tails, at the price of one division."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class LogAbs(AbstractSurrogate):
    """The derivative of a logarithm to both sides of the threshold; its tails have no finite area.

    ```
    primitive(v) = sign(v) log(1 + k|v|)
    derivative(v) = 1 / (1/k + |v|) = k / (1 + k|v|),  k = slope
    ```

    With unit height, `1 / (1 + k|v|)`, it is `QPseudoSpike(k, exponent=1.0)`.

    **Arguments:**

    - `slope`: height at the threshold, per unit of membrane. A number, an array, or a wrapped parameter; an array is
        trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.LogAbs(2.0).derivative(jnp.array(0.5)) == 1.0
    ```

    Source: W. Fang et al., SpikingJelly: an open-source machine learning infrastructure platform for spike-based
    intelligence, 2023 (there NonzeroSignLogAbs).
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return jnp.sign(v) * jnp.log1p(k * jnp.abs(v))

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k / (1 + k * jnp.abs(v))
