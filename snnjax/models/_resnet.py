"""What residual networks share: the stem, and stages of blocks."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.random as jr
from jaxtyping import Array

from ._parts import Norm, convolution

#: Blocks of the four stages.
RESNET18, RESNET34 = (2, 2, 2, 2), (3, 4, 6, 3)


class Stem(eqx.Module):
    """The first layers of a residual network, for small images; `Stem(7, 2, eqx.nn.MaxPool2d(3, 2, 1))` for large ones.

    **Arguments:**

    - `kernel_size`, `stride`: of the convolution.
    - `pool`: a layer behind it, or None.
    """

    kernel_size: int = eqx.field(default=3, static=True)
    stride: int = eqx.field(default=1, static=True)
    pool: Callable | None = None

    def __call__(self, in_channels: int, out_channels: int, norm: Norm, neurons: Sequence[Any], *, key: Array) -> list:
        """Convolution, norm, whatever `neurons` are, and the pool."""
        first = convolution(in_channels, out_channels, self.kernel_size, self.stride, key=key)
        return [first, norm(out_channels), *neurons, *([] if self.pool is None else [self.pool])]


def stages(block: Callable, width: int, blocks: Sequence[int], key: Array) -> tuple[list, int]:
    """`block(channels_in, channels_out, stride, key=key)` of every stage, and the channels in the end.

    Every stage but the first halves height and width, and doubles the channels.
    """
    layers, channels = [], width
    keys = iter(jr.split(key, sum(blocks)))
    for i, count in enumerate(blocks):
        out = width * 2**i
        for j in range(count):
            layers.append(block(channels, out, 2 if i > 0 and j == 0 else 1, key=next(keys)))
            channels = out
    return layers, channels
