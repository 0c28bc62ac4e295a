"""Excitatory and inhibitory inputs."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Shaped

from .._errors import InputError
from .._parameter import Param, as_parameter
from .._primitive import rows
from .._types import Key
from ._operands import add_bias, operands
from ._signed import Signed


class DaleLinear(eqx.Module):
    """A linear layer that obeys Dale's law: all weights of an input have one sign, whatever training does.

    `out = weight @ x + bias`, `weight[o, i] = sign[i] * exp(raw[o, i])`, and `raw` is trained. The first inputs are
    excitatory, the others inhibitory. In the beginning the weights are exponentially distributed; excitation and
    inhibition by inputs that are equally active cancel on average, and squared they add up to 1/3 per output, as in
    `eqx.nn.Linear`.

    **Arguments:**

    - `in_features`, `out_features`: the numbers of inputs and outputs.
    - `excitatory`: the part of the inputs that is excitatory, from 0 to 1.
    - `use_bias`: whether there is a bias, which has either sign and begins at 0.
    - `key`: for the weights.

    **Attributes:** `weight`, a `Signed` of shape `(out_features, in_features)`, `bias`, `(out_features,)` or None. A
    sparse layer that obeys the law is `SparseLinear(synapses, weight=Signed(values))`.

    Raises an `InputError` for arguments out of range, and inputs of another size.

    ```python
    import jax
    import snnjax as snn

    layer = snn.nn.DaleLinear(100, 10, excitatory=0.8, key=jax.random.key(0))
    weight = layer.weight.resolve()
    assert (weight[:, :80] > 0).all() and (weight[:, 80:] < 0).all()
    ```

    Source: J. Cornford et al., Learning to live with Dale's principle: ANNs with separate excitatory and inhibitory
    units, 2021, for networks with a sign per column; that logarithms are trained is a choice of this library.
    """

    weight: Param = eqx.field(converter=as_parameter)
    bias: Float[Array, " out"] | None

    def __init__(
        self, in_features: int, out_features: int, excitatory: float = 0.8, use_bias: bool = True, *, key: Array
    ):
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if size < 1:
                raise InputError(f"DaleLinear.{name} was given {size}; it takes a number of at least 1.")
        if not 0 <= excitatory <= 1:
            raise InputError(
                f"DaleLinear.excitatory was given {excitatory}; it takes the part of the inputs, from 0 to 1. For a "
                f"number of inputs divide it by {in_features}."
            )
        exciting = round(excitatory * in_features)
        inhibiting = in_features - exciting
        # Of an exponential distribution the mean square is twice the squared mean.
        if exciting and inhibiting:
            mean = 1 / math.sqrt(6 * exciting * (1 + exciting / inhibiting))
            means = [mean] * exciting + [-mean * exciting / inhibiting] * inhibiting
        else:
            means = [(1 if exciting else -1) / math.sqrt(6 * in_features)] * in_features
        drawn = jr.exponential(key, (out_features, in_features))
        # Never zero, or it would stay there.
        self.weight = Signed(jnp.maximum(drawn, 1e-6) * jnp.asarray(means, drawn.dtype)[None])
        self.bias = jnp.zeros(out_features, drawn.dtype) if use_bias else None

    def __call__(self, x: Shaped[Array, " in"], *, key: Key = None) -> Float[Array, " out"]:
        del key
        weight = jnp.asarray(self.weight)
        x, weight = operands(self, x, weight.shape[1], weight)
        with jax.named_scope("snn.DaleLinear"):
            return add_bias(rows(x, weight, over=1), self.bias)
