"""Residual networks whose skips carry currents."""

import functools
from collections.abc import Sequence

import jax.random as jr
from jaxtyping import Array

from .._cell import AbstractCell
from .._container import Residual, Sequential
from .._neuron import LIF
from ._heads import AbstractHead, LinearHead
from ._parts import Norm, check_sizes, convolution, group_norm, mean_over_space
from ._resnet import RESNET18, Stem, stages


def ms_block(
    channels_in: int,
    channels_out: int,
    stride: int = 1,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    *,
    key: Array,
) -> Residual:
    """A block of `ms_resnet`: `out = body(x) + shortcut(x)`, currents and no spikes.

    The body is twice neuron, convolution, norm. The shortcut is the input itself; where the block changes its shape, a
    convolution of 1 by 1 and a norm.

    **Arguments:** as in `ms_resnet`; `stride` is that of the first convolution.

    **Returns:** a cell from `(channels_in, height, width)` to `(channels_out, ...)`.

    ```python
    import jax
    import snnjax as snn

    block = snn.models.ms_block(4, 8, stride=2, key=jax.random.key(0))
    final, ys = snn.unroll(block, jax.random.normal(jax.random.key(1), (5, 4, 8, 8)))
    assert ys.shape == (5, 8, 4, 4)
    ```
    """
    k1, k2, k3 = jr.split(key, 3)
    body = Sequential(
        neuron,
        convolution(channels_in, channels_out, 3, stride, key=k1),
        norm(channels_out),
        neuron,
        convolution(channels_out, channels_out, key=k2),
        norm(channels_out),
    )
    if stride == 1 and channels_in == channels_out:
        return Residual(body)
    return Residual(body, Sequential(convolution(channels_in, channels_out, 1, stride, key=k3), norm(channels_out)))


def ms_resnet(
    classes: int,
    in_channels: int = 3,
    blocks: Sequence[int] = RESNET18,
    width: int = 64,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    stem: Stem = Stem(),
    head: AbstractHead = LinearHead(),
    *,
    key: Array,
) -> Sequential:
    """MS-ResNet, by default of 18 layers: the skips carry the currents of membranes, and never meet a neuron.

    Between the stem, which has no neurons, and the last layer of neurons, in front of the head, is an unbroken sum.

    **Arguments:**

    - `classes`: number of outputs.
    - `in_channels`: of the images.
    - `blocks`: of every stage: `RESNET18`, `RESNET34`, or others.
    - `width`: channels of the first stage; every other one has twice those of the one before.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `norm`: makes a layer from the number of channels.
    - `stem`: the first layers.
    - `head`: `LinearHead()`, `LeakyHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_channels, height, width)` to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.ms_resnet(10, blocks=(1, 1), width=4, key=k1)
    final, scores = snn.unroll(model, jax.random.normal(k2, (5, 3, 8, 8)))
    assert scores.shape == (5, 10)
    ```

    Source: Y. Hu, L. Deng, Y. Wu, M. Yao and G. Li, Advancing spiking neural networks toward deep residual learning,
    2024; there with batch norm scaled by the threshold.
    """
    check_sizes("ms_resnet", classes=classes, in_channels=in_channels, blocks=tuple(blocks), width=width)
    k1, k2, k3 = jr.split(key, 3)
    first = stem(in_channels, width, norm, [], key=k1)
    block = functools.partial(ms_block, neuron=neuron, norm=norm)
    layers, channels = stages(block, width, blocks, k2)
    return Sequential(*first, *layers, neuron, mean_over_space, head(channels, classes, key=k3))
