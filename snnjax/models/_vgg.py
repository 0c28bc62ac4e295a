"""A chain of convolutions."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from .._cell import AbstractCell
from .._container import Sequential
from .._neuron import LIF
from ._heads import AbstractHead, LinearHead
from ._parts import Norm, check_sizes, convolution, group_norm

#: Channels of the convolutions between pools.
VGG11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))


def vgg(
    classes: int,
    in_channels: int = 3,
    stages: Sequence[Sequence[int]] = VGG11,
    hidden_sizes: Sequence[int] = (),
    side: int = 1,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    pool: Callable = eqx.nn.MaxPool2d(2, 2),
    head: AbstractHead = LinearHead(),
    *,
    key: Array,
) -> Sequential:
    """Spiking VGG, by default VGG-11: convolutions of 3 by 3 with norm and neurons, pools, dense layers, a head.

    **Arguments:**

    - `classes`: number of outputs.
    - `in_channels`: of the images.
    - `stages`: the channels of the convolutions between pools.
    - `hidden_sizes`: neurons of the dense layers; (4096, 4096) in the original, none is usual for small images.
    - `side`: the images that the dense layers see have this height and width, by adaptive mean pooling; 7 in the
        original, 1 for small images.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `norm`: makes a layer from the number of channels.
    - `pool`: a layer behind every stage.
    - `head`: `LinearHead()`, `LeakyHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_channels, height, width)`, both at least 32 for five stages, to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.vgg(10, 3, stages=((4,), (8, 8)), key=k1)
    final, scores = snn.unroll(model, jax.random.normal(k2, (5, 3, 8, 8)))
    assert scores.shape == (5, 10)
    ```

    Source: K. Simonyan and A. Zisserman, Very deep convolutional networks for large-scale image recognition, 2015,
    configuration A.
    """
    channels = tuple(size for stage in stages for size in stage)
    sizes = {"channels": channels, "hidden_sizes": tuple(hidden_sizes), "side": side}
    check_sizes("vgg", classes=classes, in_channels=in_channels, **sizes)
    keys = iter(jr.split(key, len(channels) + len(hidden_sizes) + 1))
    layers: list[Any] = []
    size = in_channels
    for stage in stages:
        for out in stage:
            layers += [convolution(size, out, key=next(keys)), norm(out), neuron]
            size = out
        layers.append(pool)
    layers += [eqx.nn.AdaptiveAvgPool2d(side), jnp.ravel]
    size *= side**2
    for hidden in hidden_sizes:
        layers += [eqx.nn.Linear(size, hidden, key=next(keys)), neuron]
        size = hidden
    return Sequential(*layers, head(size, classes, key=next(keys)))
