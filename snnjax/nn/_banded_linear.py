"""Every neuron hears its neighbours."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Shaped

from .._errors import InputError
from .._parameter import Param, as_parameter
from .._types import Key
from ._operands import add_bias, operands

# Enough neighbours per turn that the loop over them costs nothing, few enough that it compiles fast.
_AT_ONCE = 16


class BandedLinear(eqx.Module):
    """A linear layer on a line: every output hears the inputs within a radius, each with a weight of its own.

    `out[o] = sum over d from 0 to 2 radius of weight[d, o] * x[o + d - radius] + bias[o]`

    As a matrix it would be a band; only the band is stored. With weights that are shared along the line this is
    `eqx.nn.Conv1d`; for neighbours in a plane see `distance_dependent` with a `DiscProfile`.

    **Arguments:**

    - `features`: the number of inputs, and of outputs.
    - `radius`: how many neighbours on either side are heard, besides the input at the same place.
    - `use_bias`: whether there is a bias.
    - `circular`: whether the line is a ring; else inputs beyond its ends are 0.
    - `key`: for the weights and the bias, uniform within `1 / sqrt(2 radius + 1)`.

    **Attributes:** `weight`, `(2 radius + 1, features)`, `bias`, `(features,)` or None.

    Raises an `InputError` for arguments out of range, and inputs of another size.

    ```python
    import jax
    import snnjax as snn

    layer = snn.nn.BandedLinear(1000, radius=3, circular=True, key=jax.random.key(0))
    assert layer.weight.shape == (7, 1000)
    final, zs = snn.unroll(snn.Recurrent(snn.LIF(), layer), jax.random.normal(jax.random.key(1), (50, 1000)))
    ```
    """

    weight: Param = eqx.field(converter=as_parameter)
    bias: Float[Array, " features"] | None
    circular: bool = eqx.field(static=True)

    def __init__(self, features: int, radius: int, use_bias: bool = True, circular: bool = False, *, key: Array):
        if features < 1 or not 0 <= radius < features or (circular and 2 * radius + 1 > features):
            raise InputError(
                f"BandedLinear was given features={features} and radius={radius}; it takes at least one input, and a "
                f"radius of at least 0, below `features`, on a ring below half of them. Who hears all is a Linear."
            )
        wkey, bkey = jr.split(key)
        width = 2 * radius + 1
        bound = 1 / math.sqrt(width)
        self.weight = jr.uniform(wkey, (width, features), minval=-bound, maxval=bound)
        self.bias = jr.uniform(bkey, (features,), minval=-bound, maxval=bound) if use_bias else None
        self.circular = circular

    def __call__(self, x: Shaped[Array, " features"], *, key: Key = None) -> Float[Array, " features"]:
        del key
        weight = jnp.asarray(self.weight)
        width, features = weight.shape
        x, weight = operands(self, x, features, weight)
        line = jnp.pad(x, width // 2, mode="wrap" if self.circular else "constant")

        def add(total: Array, neighbour: Any) -> tuple[Array, None]:
            d, weight = neighbour
            return total + weight * jax.lax.dynamic_slice(line, (d,), (features,)), None

        with jax.named_scope("snn.BandedLinear"):
            step = jax.checkpoint(add, prevent_cse=False)
            neighbours = jnp.arange(width), weight
            y, _ = jax.lax.scan(step, jnp.zeros_like(x), neighbours, unroll=min(width, _AT_ONCE))
            return add_bias(y, self.bias)
