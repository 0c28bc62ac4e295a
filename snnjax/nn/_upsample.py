"""Up-sampling."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._errors import InputError
from ._windows import Size


class Upsample(eqx.Module):
    """More pixels along every spatial axis, `factor` times as many.

    **Arguments:**

    - `factor`: a whole number for all spatial axes, or one for each.
    - `method`: `jax.image.ResizeMethod.NEAREST` repeats pixels, so that spikes stay spikes; `LINEAR` and the others
        interpolate between the centres of pixels.

    Called with one step `(channels, *space)`, `space` any number of axes. Raises an `InputError` (a `ValueError`) for
    factors below 1, and for another number of axes.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.nn.Upsample(2)(jnp.array([[1.0, 0.0]])).tolist() == [[1, 1, 0, 0]]
    ```
    """

    factor: Size = eqx.field(static=True)
    method: jax.image.ResizeMethod = eqx.field(default=jax.image.ResizeMethod.NEAREST, static=True)

    def __check_init__(self) -> None:
        if any(factor < 1 for factor in ((self.factor,) if isinstance(self.factor, int) else self.factor)):
            raise InputError(
                f"Upsample.factor was given {self.factor}; it takes whole numbers of at least 1. For fewer pixels "
                f"use a pooling layer."
            )

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        factors = (self.factor,) * (x.ndim - 1) if isinstance(self.factor, int) else self.factor
        if x.ndim < 2 or len(factors) != x.ndim - 1:
            raise InputError(
                f"Upsample was given one step of shape {x.shape} for the factor {self.factor}; it takes (channels, "
                f"*space), with as many spatial axes as there are factors. Time is axis 0 of the sequence, a batch is "
                f"`jax.vmap` over `unroll`."
            )
        shape = (x.shape[0], *(n * factor for n, factor in zip(x.shape[1:], factors, strict=True)))
        with jax.named_scope("snn.Upsample"):
            return jax.image.resize(x, shape, self.method)
