"""The difference quotient of the step function itself."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class FakeNumericalGradient(AbstractSurrogate):
    """One over the distance to the threshold, cut off at a height.

    ```
    derivative(v) = min(1 / |v|, k),  k = slope
    primitive(v) = 1/2 + k v                                 where k|v| <= 1
                   1/2 + sign(v) (1 + log(k|v|))             where k|v| > 1
    ```

    The upper half alone, `OneSided(FakeNumericalGradient(1.0))`, is the log-tailed ReLU.

    **Arguments:**

    - `slope`: the largest derivative. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    Raises a `ValueError` for a slope that is not above 0.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.FakeNumericalGradient(0.5).derivative(jnp.array([0.1, -4.0])).tolist() == [0.5, 0.25]
    ```

    Source: W. Fang et al., SpikingJelly: an open-source machine learning infrastructure platform for spike-based
    intelligence, 2023. The log-tailed ReLU: Z. Cai, X. He, J. Sun and N. Vasconcelos, Deep learning with low precision
    by half-wave Gaussian quantization, 2017.
    """

    slope: Param = parameter(0.3)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        u = cast(self.slope, v.dtype) * v
        beyond = jnp.maximum(jnp.abs(u), jnp.ones_like(v))
        return 0.5 + jnp.clip(u, -1, 1) + jnp.sign(v) * jnp.log(beyond)

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        k = cast(self.slope, v.dtype)
        return k / jnp.maximum(k * jnp.abs(v), jnp.ones_like(v))
