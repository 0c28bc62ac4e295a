"""A transformer of spikes."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._container import Parallel, Residual, Sequential
from .._errors import InputError
from .._neuron import LIF
from ._heads import AbstractHead, LinearHead
from ._parts import Norm, check_sizes, convolution, group_norm, mean_over_space


class SpikingAttention(eqx.Module):
    """Attention of spikes without a softmax: `out = (Q K^T) V * scale`, over the tokens of one step, head by head.

    **Arguments:**

    - `heads`: between which the channels are divided.
    - `scale`: by what the counts of spikes are multiplied.

    Called with the list of queries, keys and values, each `(channels, tokens)`; it joins the branches of a `Parallel`.
    Because there is no softmax, `Q (K^T V)` is the same: whichever is less work is computed, so that many tokens do not
    cost their square.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    q, k, v = jnp.ones((4, 6)), jnp.ones((4, 6)), jnp.ones((4, 6))
    out = snn.models.SpikingAttention(heads=2, scale=0.25)([q, k, v])
    assert out.tolist() == (0.25 * 2 * 6 * v).tolist()
    ```

    Source: Z. Zhou, Y. Zhu, C. He, Y. Wang, S. Yan, Y. Tian and L. Yuan, Spikformer: when spiking neural network meets
    transformer, 2023, section 3.2.
    """

    heads: int = eqx.field(default=1, static=True)
    scale: float = 0.25

    def __call__(self, outs: Sequence[Float[Array, "channels tokens"]]) -> Float[Array, "channels tokens"]:
        channels, tokens = outs[0].shape
        if channels % self.heads:
            raise InputError(
                f"SpikingAttention was given {channels} channels for {self.heads} heads; it takes a multiple of them."
            )
        q, k, v = (out.reshape(self.heads, -1, tokens) for out in outs)
        with jax.named_scope("snn.SpikingAttention"):
            if tokens > q.shape[1]:
                mixed = jnp.einsum("hdm,hem->hde", k, v)
                out = jnp.einsum("hdn,hde->hen", q, mixed)
            else:
                scores = jnp.einsum("hdn,hdm->hnm", q, k)
                out = jnp.einsum("hnm,hem->hen", scores, v)
            return self.scale * out.reshape(channels, tokens)


def _spiking(size_in: int, size_out: int, neuron: AbstractCell, norm: Norm, key: Array) -> Sequential:
    """A linear layer of every token, with norm and neuron."""
    return Sequential(eqx.nn.Conv1d(size_in, size_out, 1, key=key), norm(size_out), neuron)


def attention_block(
    channels: int,
    heads: int,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    scale: float = 0.25,
    *,
    key: Array,
) -> Sequential:
    """A block of `spikformer`: attention and two layers of every token, each with a skip.

    **Arguments:** as in `spikformer`.

    **Returns:** a cell from `(channels, tokens)` to the same.

    ```python
    import jax
    import snnjax as snn

    block = snn.models.attention_block(8, heads=2, key=jax.random.key(0))
    final, ys = snn.unroll(block, jax.random.uniform(jax.random.key(1), (5, 8, 6)).round())
    assert ys.shape == (5, 8, 6)
    ```
    """
    k1, k2, k3, k4, k5, k6 = jr.split(key, 6)
    branches = (_spiking(channels, channels, neuron, norm, k) for k in (k1, k2, k3))
    attention = Sequential(
        Parallel(*branches, combine=SpikingAttention(heads, scale)),
        neuron,
        _spiking(channels, channels, neuron, norm, k4),
    )
    dense = Sequential(
        _spiking(channels, 4 * channels, neuron, norm, k5), _spiking(4 * channels, channels, neuron, norm, k6)
    )
    return Sequential(Residual(attention), Residual(dense))


def _tokens(x: Float[Array, "channels height width"]) -> Float[Array, "channels tokens"]:
    return x.reshape(x.shape[0], -1)


def spikformer(
    classes: int,
    in_channels: int = 3,
    width: int = 384,
    depth: int = 4,
    heads: int = 12,
    neuron: AbstractCell = LIF(decay=0.5, normalise_input=True),
    norm: Norm = group_norm,
    scale: float = 0.25,
    head: AbstractHead = LinearHead(),
    *,
    key: Array,
) -> Sequential:
    """Spikformer, by default Spikformer-4-384: patches by convolutions, attention of spikes without a softmax, a head.

    Four convolutions of 3 by 3 with norm and neurons, with an eighth, a quarter, a half and all of the channels, the
    last two with max pooling, make a token of every 4 by 4 pixels; a fifth, with a skip, tells where it is. Then come
    `depth` blocks of

    ```
    Q, K, V = neuron(norm(W x)), three times              (channels, tokens)
    x = x + neuron(norm(W neuron((Q K^T) V * scale)))
    x = x + neuron(norm(W neuron(norm(W x))))             with four times as many channels between
    ```

    The scale of the paper is 0.125 with a threshold of 0.5 behind it; here it is 0.25 with the threshold of the others.

    **Arguments:**

    - `classes`: number of outputs.
    - `in_channels`: of the images.
    - `width`: channels of a token; a multiple of 8 and of `heads`.
    - `depth`: number of blocks.
    - `heads`: of the attention.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `norm`: makes a layer from the number of channels, which are axis 0.
    - `scale`: of the attention.
    - `head`: `LinearHead()`, `LeakyHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_channels, height, width)` to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1, and for a width that cannot be divided.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.spikformer(10, width=16, depth=1, heads=2, key=k1)
    final, scores = snn.unroll(model, jax.random.normal(k2, (5, 3, 8, 8)))
    assert scores.shape == (5, 10)
    ```

    Source: Z. Zhou, Y. Zhu, C. He, Y. Wang, S. Yan, Y. Tian and L. Yuan, Spikformer: when spiking neural network meets
    transformer, 2023; there with batch norm.
    """
    check_sizes("spikformer", classes=classes, in_channels=in_channels, width=width, depth=depth, heads=heads)
    if width % 8 or width % heads:
        raise InputError(
            f"spikformer was given width={width} and heads={heads}; it takes a multiple of 8 and of heads."
        )
    *keys, k1, k2 = jr.split(key, 4 + depth + 2)
    layers, channels = [], in_channels
    for out, pools, layer_key in zip((8, 4, 2, 1), (False, False, True, True), keys, strict=False):
        layers += [convolution(channels, width // out, key=layer_key), norm(width // out), neuron]
        layers += [eqx.nn.MaxPool2d(3, 2, 1)] if pools else []
        channels = width // out
    place = Residual(Sequential(convolution(width, width, key=k1), norm(width), neuron))
    blocks = (attention_block(width, heads, neuron, norm, scale, key=k) for k in keys[4:])
    return Sequential(*layers, place, _tokens, *blocks, mean_over_space, head(width, classes, key=k2))
