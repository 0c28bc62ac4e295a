"""Weights for the synapses there are."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from .._errors import InputError
from .._parameter import Param, as_parameter
from .._primitive import spread, spread_onto
from .._types import Key
from ._operands import add_bias, operands
from ._wiring import Synapses


class SparseLinear(eqx.Module):
    """A linear layer that has weights for existing synapses only.

    `out[o] = sum over the synapses s to o of weight[s] * x[pre[s]] + bias[o]`

    Memory is proportional to the number of synapses: two indices and a weight each. On a CPU the time of a step is
    proportional to the number of synapses whose input is not zero, so that spikes cost what they reach and silence
    costs a look at the inputs; there is no limit to how many may spike. The gradient takes time in proportion to all
    synapses; outside of a `Recurrent` its part for the weights only to those whose input was not zero.

    **Arguments:**

    - `synapses`: the list, from `fixed_probability` and its kind, or `Synapses(pre, post, ...)`.
    - `weight`: one for every synapse, in the order of the list, an array or a wrapped parameter such as
        `Signed(array)`; None for weights that are uniform within `1 / sqrt(number of synapses of the output)`.
    - `use_bias`: whether there is a bias.
    - `key`: for the weights and the bias; may be left out where neither is drawn.

    **Attributes:** `weight`, `(synapses,)`, `bias`, `(out_features,)` or None, and `pre` and `post`, `(synapses,)`.

    Raises an `InputError` for weights of another shape, a missing key, and inputs of another size.

    ```python
    import jax
    import snnjax as snn

    k1, k2, k3, k4 = jax.random.split(jax.random.key(0), 4)
    forward = snn.nn.SparseLinear(snn.nn.fixed_probability(700, 128, 0.1, key=k1), key=k2)
    ring = snn.nn.SparseLinear(snn.nn.fixed_in_degree(128, 128, 10, key=k3), use_bias=False, key=k4)
    model = snn.Sequential(forward, snn.Recurrent(snn.LIF(), ring))
    final, zs = snn.unroll(model, jax.random.normal(k1, (50, 700)))
    ```
    """

    weight: Param = eqx.field(converter=as_parameter)
    bias: Float[Array, " out"] | None
    pre: Int[Array, " synapses"]
    post: Int[Array, " synapses"]
    start: Int[Array, " in+1"]
    in_features: int = eqx.field(static=True)
    out_features: int = eqx.field(static=True)
    longest: int = eqx.field(static=True)

    def __init__(self, synapses: Synapses, weight: Param | None = None, use_bias: bool = True, *, key: Key = None):
        if key is None and (weight is None or use_bias):
            raise InputError(
                "SparseLinear was given no key; it takes one to draw weights and a bias. Pass `key=`, or `weight=` and "
                "`use_bias=False`."
            )
        wkey, bkey = (None, None) if key is None else jr.split(key, 2)
        if weight is None:
            assert wkey is not None
            bound = 1 / np.sqrt(np.maximum(synapses.in_degrees, 1))
            drawn = jr.uniform(wkey, (synapses.count,), minval=-1)
            weight = drawn * jnp.asarray(bound[synapses.post], drawn.dtype)
        if (shape := jnp.asarray(weight).shape) != (synapses.count,):
            raise InputError(
                f"SparseLinear was given weights of shape {shape}; it takes ({synapses.count},), one for "
                f"every synapse. For equal weights use `jnp.full(synapses.count, value)`."
            )
        self.weight = weight
        bound = 1 / math.sqrt(max(synapses.count / synapses.out_features, 1))
        self.bias = (
            jr.uniform(bkey, (synapses.out_features,), minval=-bound, maxval=bound)
            if use_bias and bkey is not None
            else None
        )
        degrees = synapses.out_degrees
        self.pre, self.post = jnp.asarray(synapses.pre), jnp.asarray(synapses.post)
        self.start = jnp.asarray(np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32))
        self.in_features, self.out_features = synapses.in_features, synapses.out_features
        self.longest = int(degrees.max(initial=0))

    def dense(self) -> Float[Array, "out in"]:
        """The same weights as a matrix, zero where there is no synapse."""
        weight = jnp.asarray(self.weight)
        return jnp.zeros((self.out_features, self.in_features), weight.dtype).at[self.post, self.pre].add(weight)

    def __call__(self, x: Shaped[Array, " in"], *, key: Key = None) -> Float[Array, " out"]:
        del key
        x, weight = operands(self, x, self.in_features, self.weight)
        with jax.named_scope("snn.SparseLinear"):
            lists = self.pre, self.post, self.start
            return add_bias(spread(x, weight, *lists, size=self.out_features, longest=self.longest), self.bias)

    def add_to(self, total: Float[Array, " out"], x: Shaped[Array, " in"]) -> Float[Array, " out"]:
        """`total + layer(x)`, for currents that go on: without spikes no output is looked at.

        In a cell of your own, an exponential current of all synapses of a kind is
        `i = decay * layer.add_to(i, z)`. Raises an `InputError` for sizes that do not fit.
        """
        x, weight = operands(self, x, self.in_features, self.weight)
        if total.shape != (self.out_features,):
            raise InputError(
                f"SparseLinear.add_to was given a total of shape {total.shape}; it takes ({self.out_features},), the "
                f"number of outputs."
            )
        with jax.named_scope("snn.SparseLinear"):
            total = add_bias(total.astype(x.dtype), self.bias)
            return spread_onto(total, x, weight, self.pre, self.post, self.start, longest=self.longest)
