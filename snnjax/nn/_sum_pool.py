"""Pooling by the sum."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ._windows import Size, check_windows, reduced, windows_of


class SumPool(eqx.Module):
    """The number of spikes in every window: `out = sum of x over the window`.

    Unlike a mean it keeps the size of a spike, so that the neurons behind it hear as much of one spike as those behind
    a convolution do. Over any number of spatial axes.

    **Arguments:**

    - `kernel_size`: of a window; a number for all spatial axes, or one for each.
    - `stride`: between windows; None for `kernel_size`.
    - `padding`: zeros on both sides.

    Called with one step `(channels, *space)`; raises an `InputError` (a `ValueError`) for other numbers of axes, and
    for windows that do not fit.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    assert snn.nn.SumPool(2)(jnp.ones((3, 4, 6))).tolist() == jnp.full((3, 2, 3), 4.0).tolist()
    ```
    """

    kernel_size: Size = eqx.field(static=True)
    stride: Size | None = eqx.field(default=None, static=True)
    padding: Size = eqx.field(default=0, static=True)

    def __check_init__(self) -> None:
        check_windows(self)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        with jax.named_scope("snn.SumPool"):
            return reduced(x, windows_of(self, x.shape), 0.0, jax.lax.add)
