"""Dropout with one mask for a whole sequence."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._errors import InputError
from .._misc import resting
from .._types import Key


class SequenceDropout(AbstractCell[Float[Array, "*shape"]]):
    """Dropout with one mask for the whole sequence: a neuron that is left out is silent in every step.

    `out = mask * x`, where every element of `mask` is 0 with probability `p`, and else `1 / (1 - p)`.

    The mask is the state. It is drawn with the state, from the `key` of `unroll`; chunks of a sequence share it.
    `eqx.nn.Dropout`, which works as a layer too, draws another mask for every step: a neuron that integrates over many
    steps hears the mean of them, and hardly notices.

    **Arguments:**

    - `p`: the fraction of elements that are left out, from 0 up to, but without, 1.
    - `inference`: whether nothing is left out; set by `eqx.nn.inference_mode(model)`.

    Raises an `InputError` (a `ValueError`) for another `p`, and where a mask is needed and there is no key.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    layer = snn.nn.SequenceDropout(0.5)
    mask, ys = snn.unroll(layer, jnp.ones((10, 8)), key=jax.random.key(0))
    assert jnp.all(ys == mask[None])
    assert jnp.all(snn.unroll(eqx.nn.inference_mode(layer), jnp.ones((10, 8)))[1] == 1)
    ```

    Source: Y. Gal and Z. Ghahramani, A theoretically grounded application of dropout in recurrent neural networks,
    2016; in spiking networks C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, Enabling spike-based
    backpropagation for training deep neural network architectures, 2020.
    """

    p: float = 0.5
    inference: bool = False

    def __check_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise InputError(
                f"SequenceDropout.p was given {self.p}; it takes the fraction that is left out, from 0 up to, but "
                f"without, 1."
            )

    def init_state(self, x: Any, *, key: Key = None) -> Float[Array, "..."]:
        zeros = resting(x)
        if self.inference or self.p == 0:
            return zeros + 1
        if key is None:
            raise InputError(
                "SequenceDropout draws random numbers and was given no key; it takes a PRNG key. Pass "
                "`key=jax.random.key(0)` to `unroll`, or use `eqx.nn.inference_mode(model)`."
            )
        kept = jr.bernoulli(key, 1 - self.p, zeros.shape)
        return jnp.where(kept, zeros + 1 / (1 - self.p), zeros)

    def __call__(
        self, state: Float[Array, "*shape"], x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.SequenceDropout"):
            # A mask that was drawn in training does nothing in inference.
            return state, x if self.inference else x * state.astype(x.dtype)
