"""Pooling to spikes, step by step."""

import math

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._misc import check_finite
from .._parameter import Param, parameter
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from ._windows import Size, check_windows, reduced, windows_of


class SpikingMaxPool(eqx.Module):
    """Spikes where the largest value of a window is above a threshold: `z = H(max of x over the window - threshold)`.

    For spikes of size 1 and a threshold below 1 it is their logical or: a window fires in every step in which any of
    its neurons does. The layer has no state, and leaves the time loop. A pool that lets the spikes of one neuron of
    each window pass is `GatedMaxPool`. Over any number of spatial axes.

    **Arguments:**

    - `kernel_size`: of a window; a number for all spatial axes, or one for each.
    - `stride`: between windows; None for `kernel_size`.
    - `padding`: on both sides; never the largest value.
    - `threshold`: in the unit of the input.
    - `surrogate`: the spike function and its derivative, which goes to the largest value of the window.

    Called with one step `(channels, *space)`; raises an `InputError` (a `ValueError`) for other numbers of axes, and
    for windows that do not fit.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    z = snn.nn.SpikingMaxPool(2)(jnp.array([[0.0, 1.0, 0.0, 0.0]]))
    assert z.tolist() == [[1.0, 0.0]]
    ```
    """

    kernel_size: Size = eqx.field(static=True)
    stride: Size | None = eqx.field(default=None, static=True)
    padding: Size = eqx.field(default=0, static=True)
    threshold: Param = parameter(0.5)
    surrogate: AbstractSpike = SuperSpike()

    def __check_init__(self) -> None:
        check_windows(self)
        check_finite(self, "threshold")

    def __call__(self, x: Float[Array, "..."], *, key: Key = None) -> Float[Array, "..."]:
        with jax.named_scope("snn.SpikingMaxPool"):
            largest = reduced(x, windows_of(self, x.shape), -math.inf, jax.lax.max)
            return self.surrogate.fire(largest, self.threshold, key=key)
