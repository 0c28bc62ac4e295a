"""Numbers that keep their sign."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from .._errors import InputError
from .._parameter import AbstractParameter, as_float_array, concrete


class Signed(AbstractParameter):
    """A trained parameter whose elements keep the sign they start with.

    `value = sign * exp(raw)`, and `raw` is trained.

    An element that starts at zero stays zero, so that `Signed(mask * values)` is sparse as well.

    **Arguments:**

    - `value`: where it starts, a number or an array of any shape.

    Raises an `InputError` for values that are not finite.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    weight = snn.nn.Signed(jnp.array([0.5, -2.0, 0.0]))
    assert jnp.allclose(weight.resolve(), jnp.array([0.5, -2.0, 0.0]))
    ```
    """

    raw: Float[Array, "..."]
    # Whole numbers are not trained.
    sign: Int[Array, "..."]

    def __init__(self, value: ArrayLike):
        array: Any = as_float_array(value, "Signed")
        seen = concrete(array)
        if seen is not None and not np.all(np.isfinite(seen)):
            raise InputError(f"Signed was given {value}; it takes finite values. Zeros stay zero for ever.")
        self.sign = jnp.sign(array).astype(jnp.int8)
        self.raw = jnp.log(jnp.where(array == 0, jnp.ones_like(array), jnp.abs(array)))

    def resolve(self) -> Float[Array, "..."]:
        return self.sign.astype(self.raw.dtype) * jnp.exp(self.raw)
