"""A matrix of weights, some of which do not exist."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Shaped

from .._errors import InputError
from .._parameter import Fixed, Param, as_parameter
from .._primitive import rows
from .._types import Key
from ._operands import add_bias, operands


class MaskedLinear(eqx.Module):
    """A linear layer with a mask that survives training: `out = (weight * mask) @ x + bias`.

    The mask multiplies the weights where they are used, so that whatever an optimiser, or weight decay, does to a
    masked weight, it counts as zero and gets no gradient. For few synapses among many take `SparseLinear`, which stores
    only those that exist.

    **Arguments:**

    - `mask`: `(out_features, in_features)`, True or 1 where there is a synapse; other numbers scale the weight.
    - `use_bias`: whether there is a bias.
    - `key`: for the weights, uniform within `1 / sqrt(number of synapses of the output)`.

    **Attributes:** `weight`, `(out_features, in_features)`, `mask`, a `Fixed` of the same shape, `bias` or None.

    Raises an `InputError` for a mask that is not a matrix, and inputs of another size.

    ```python
    import jax
    import snnjax as snn

    synapses = snn.nn.fixed_probability(20, 10, 0.3, key=jax.random.key(0))
    layer = snn.nn.MaskedLinear(synapses.mask(), key=jax.random.key(1))
    final, zs = snn.unroll(snn.Sequential(layer, snn.LIF()), jax.random.normal(jax.random.key(2), (50, 20)))
    ```
    """

    weight: Param = eqx.field(converter=as_parameter)
    mask: Param
    bias: Float[Array, " out"] | None

    def __init__(self, mask: Any, use_bias: bool = True, *, key: Array):
        given = np.asarray(mask)
        if given.ndim != 2 or 0 in given.shape:
            raise InputError(
                f"MaskedLinear was given a mask of shape {given.shape}; it takes a matrix, (out_features, in_features)."
            )
        wkey, bkey = jr.split(key)
        degrees = np.maximum((given != 0).sum(axis=1, keepdims=True), 1)
        drawn = jr.uniform(wkey, given.shape, minval=-1)
        bound = jnp.asarray(1 / np.sqrt(degrees), drawn.dtype)
        self.weight = drawn * bound
        self.bias = jr.uniform(bkey, given.shape[:1], minval=-1) * bound[:, 0] if use_bias else None
        self.mask = Fixed(jnp.asarray(given, drawn.dtype))

    def __call__(self, x: Shaped[Array, " in"], *, key: Key = None) -> Float[Array, " out"]:
        del key
        mask = jnp.asarray(self.mask)
        x, weight = operands(self, x, mask.shape[1], self.weight)
        with jax.named_scope("snn.MaskedLinear"):
            return add_bias(rows(x, weight * mask.astype(weight.dtype), over=1), self.bias)
