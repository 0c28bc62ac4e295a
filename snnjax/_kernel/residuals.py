"""In how many bits the loop keeps what the gradient is computed from."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


class AbstractResiduals(eqx.Module):
    """A way to keep a floating-point array of one step until the backward pass. Outputs are not touched by it."""

    @abc.abstractmethod
    def encode(self, value: Any) -> list[jax.Array]:
        """The array in the arrays that are kept."""

    @abc.abstractmethod
    def decode(self, kept: list[jax.Array], like: Any) -> jax.Array:
        """The array again, with the dtype of `like`."""


class ExactResiduals(AbstractResiduals):
    """Everything is kept as it is: the gradient is that of JAX, up to rounding.

    ```python
    import snnjax as snn

    kernel = snn.Recompute(residuals=snn.ExactResiduals())  # what `unroll` does by default
    ```
    """

    def encode(self, value: Any) -> list[jax.Array]:
        return [value]

    def decode(self, kept: list[jax.Array], like: Any) -> jax.Array:
        del like
        return kept[0]


class SixteenBitResiduals(AbstractResiduals):
    """Kept as bfloat16: half of the memory of float32, with a relative error of at most 2^-8 in each kept number.

    Gradients are off by about 0.1 % of the largest; outputs are exact. Second derivatives raise an error.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    kernel = snn.Recompute(residuals=snn.SixteenBitResiduals())
    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=kernel)
    ```
    """

    def encode(self, value: Any) -> list[jax.Array]:
        # As whole numbers, because arrays of bfloat16 in a loop are converted as a whole in every step on CPUs.
        return [jax.lax.bitcast_convert_type(value.astype(jnp.bfloat16), jnp.uint16)]

    def decode(self, kept: list[jax.Array], like: Any) -> jax.Array:
        return jax.lax.bitcast_convert_type(kept[0], jnp.bfloat16).astype(like.dtype)


class EightBitResiduals(AbstractResiduals):
    """Kept in 255 equal levels between the step's largest and its negative: a quarter of the memory of float32.

    Each kept number is off by at most 1/254 of the largest of its step, which makes gradients off by the order of 1 %
    of the largest, for some parameters 3 %; outputs are exact. Second derivatives raise an error.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    kernel = snn.Recompute(residuals=snn.EightBitResiduals())
    final, zs = snn.unroll(snn.LIF(), jnp.ones((10, 3)), kernel=kernel)
    ```
    """

    def encode(self, value: Any) -> list[jax.Array]:
        largest = jnp.max(jnp.abs(value))
        level = jnp.where(largest > 0, largest, 1) / 127
        return [jnp.round(value / level).astype(jnp.int8), level]

    def decode(self, kept: list[jax.Array], like: Any) -> jax.Array:
        return kept[0].astype(like.dtype) * kept[1]
