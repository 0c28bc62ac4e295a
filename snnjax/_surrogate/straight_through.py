"""The straight-through estimator: the spike as if it were a line."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._misc import cast
from .._parameter import Param, parameter
from ._base import AbstractSurrogate


class StraightThrough(AbstractSurrogate):
    """A constant derivative, however far from the threshold.

    `primitive(v) = 1/2 + k v`, `derivative(v) = k`, with `k = slope`.

    **Arguments:**

    - `slope`: the derivative. A number, an array, or a wrapped parameter; an array is trained.
    - `inclusive`: fire at `v >= 0` instead of `v > 0`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    spike = snn.StraightThrough()
    v = jnp.array(0.3)
    assert spike(v) == 1.0 and jax.grad(spike)(v) == spike.derivative(v)
    ```

    Source: Y. Bengio, N. Leonard and A. Courville, Estimating or propagating gradients through stochastic
    neurons for conditional computation, 2013.
    """

    slope: Param = parameter(1.0)
    inclusive: bool = eqx.field(default=False, static=True)

    def primitive(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return 0.5 + cast(self.slope, v.dtype) * v

    def derivative(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return cast(self.slope, v.dtype) * jnp.ones_like(v)
