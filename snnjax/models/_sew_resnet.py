"""Residual networks whose skips carry spikes."""

import functools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._container import Parallel, Sequential, Sum
from .._neuron import LIF
from ._heads import AbstractHead, LinearHead
from ._parts import Norm, check_sizes, convolution, group_norm, identity, mean_over_space
from ._resnet import RESNET18, Stem, stages


class InverseAnd(eqx.Module):
    """Of two inputs `(1 - first) * second`: the second, where the first is silent."""

    def __call__(self, outs: Sequence[Float[Array, "*shape"]]) -> Float[Array, "*shape"]:
        first, second = outs
        return (1 - first) * second


def sew_block(
    channels_in: int,
    channels_out: int,
    stride: int = 1,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    join: Callable = Sum(),
    *,
    key: Array,
) -> Parallel:
    """A block of `sew_resnet`: `out = join([body(x), shortcut(x)])`.

    The body is twice convolution, norm, neuron. The shortcut is the input itself; where the block changes its shape, a
    convolution of 1 by 1, norm and neuron.

    **Arguments:** as in `sew_resnet`; `stride` is that of the first convolution.

    **Returns:** a cell from `(channels_in, height, width)` to `(channels_out, ...)`.

    ```python
    import jax
    import snnjax as snn

    block = snn.models.sew_block(4, 4, join=snn.Product(), key=jax.random.key(0))
    final, zs = snn.unroll(block, jax.random.uniform(jax.random.key(1), (5, 4, 8, 8)).round())
    ```
    """
    k1, k2, k3 = jr.split(key, 3)
    body = Sequential(
        convolution(channels_in, channels_out, 3, stride, key=k1),
        norm(channels_out),
        neuron,
        convolution(channels_out, channels_out, key=k2),
        norm(channels_out),
        neuron,
    )
    if stride == 1 and channels_in == channels_out:
        return Parallel(body, identity, combine=join)
    projection = convolution(channels_in, channels_out, 1, stride, key=k3)
    return Parallel(body, Sequential(projection, norm(channels_out), neuron), combine=join)


def sew_resnet(
    classes: int,
    in_channels: int = 3,
    blocks: Sequence[int] = RESNET18,
    width: int = 64,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    join: Callable = Sum(),
    stem: Stem = Stem(),
    head: AbstractHead = LinearHead(),
    *,
    key: Array,
) -> Sequential:
    """SEW-ResNet, by default of 18 layers: what a block adds to its input are spikes.

    With `a = body(x)` and the skip `s`, each in every step:

    | name | `join` | out |
    |---|---|---|
    | ADD | `snn.Sum()` | `a + s`, a number of spikes; a silent body is the identity |
    | AND | `snn.Product()` | `a * s` |
    | IAND | `snn.models.InverseAnd()` | `(1 - a) * s`; a silent body is the identity |

    **Arguments:**

    - `classes`: number of outputs.
    - `in_channels`: of the images.
    - `blocks`: of every stage: `RESNET18`, `RESNET34`, or others.
    - `width`: channels of the first stage; every other one has twice those of the one before.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `norm`: makes a layer from the number of channels.
    - `join`: see above.
    - `stem`: the first layers.
    - `head`: `LinearHead()`, `LeakyHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_channels, height, width)` to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.sew_resnet(10, blocks=(1, 1), width=4, key=k1)
    final, scores = snn.unroll(model, jax.random.normal(k2, (5, 3, 8, 8)))
    assert scores.shape == (5, 10)

    # That of the paper, for images of 224 by 224.
    stem = snn.models.Stem(7, 2, eqx.nn.MaxPool2d(3, 2, 1))
    make = lambda key: snn.models.sew_resnet(1000, blocks=snn.models.RESNET34, stem=stem, key=key)
    assert snn.models.parameter_count(eqx.filter_eval_shape(make, k1)) == 21797672
    ```

    Source: W. Fang, Z. Yu, Y. Chen, T. Huang, T. Masquelier and Y. Tian, Deep residual learning in spiking neural
    networks, 2021; there with batch norm.
    """
    check_sizes("sew_resnet", classes=classes, in_channels=in_channels, blocks=tuple(blocks), width=width)
    k1, k2, k3 = jr.split(key, 3)
    first = stem(in_channels, width, norm, [neuron], key=k1)
    block = functools.partial(sew_block, neuron=neuron, norm=norm, join=join)
    layers, channels = stages(block, width, blocks, k2)
    return Sequential(*first, *layers, mean_over_space, head(channels, classes, key=k3))
