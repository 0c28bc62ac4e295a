"""The other layout of channels."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from .._container import Sequential


def _channels_to_front(x: Array) -> Array:
    return jnp.moveaxis(x, -1, 0)


def _channels_to_back(x: Array) -> Array:
    return jnp.moveaxis(x, 0, -1)


def channels_last(*layers: Any) -> Sequential:
    """Layers for data whose channels are the last axis, `(*space, channels)`, as images often are.

    Convolutions, pooling and norms have their channels first, here and in Equinox. The chain between one change of
    layout and the next is best long: a whole network may stand in it.

    **Arguments:**

    - `*layers`: cells, layers and functions, in order; from `(channels, *space)` to `(channels, *space)`.

    **Returns:** a `Sequential` of the layers between two that move the axis: `layers[i]` is its layer `i + 1`.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.nn.channels_last(eqx.nn.Conv2d(2, 4, 3, key=k1), snn.LIF())
    final, zs = snn.unroll(model, jax.random.normal(k2, (10, 8, 8, 2)))
    assert zs.shape == (10, 6, 6, 4)
    ```
    """
    return Sequential(_channels_to_front, *layers, _channels_to_back)
