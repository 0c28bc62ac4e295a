"""Synapses with a delay each."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ._cell import AbstractSequenceCell, RunPart
from ._errors import InputError
from ._misc import check_positive
from ._parameter import Fixed, Interval, Param, concrete, resolve
from ._types import Key, Keys, Trajectory

_SIZES = ("in_features", "out_features", "longest")


class DelayedLinear(AbstractSequenceCell[Array]):
    """Every output is a sum of inputs with a weight and a delay of its own for each, all of which can be trained.

    `out[t, o] = sum over i and k of weight[o, i] g(k - delay[o, i]) x[t - k, i] + bias[o]`, `k` from 0 to `longest`.

    With `sigma` a delay is spread over steps, `g(u) = exp(-u^2 / (2 sigma^2))` divided by its sum over `k`: the wider,
    the farther away is felt what a longer or shorter delay would hear. Begin wide (half of `longest`) and narrow it
    while training, to about a half; `snn.rounded` then makes whole delays. Without `sigma` the two steps around a delay
    are mixed, `g(u) = max(0, 1 - |u|)`.

    **Arguments:**

    - `in_features`, `out_features`: the numbers of inputs and outputs.
    - `longest`: the longest delay, in whole steps.
    - `sigma`: the width in steps: a number, `Fixed(array)` to change it without compiling anew, or None.
    - `use_bias`: whether there is a bias.
    - `key`: for the weights, uniform within `1 / sqrt(in_features)`, and the delays, uniform over most of their range.

    **Attributes:** `weight` and `delay`, `(out_features, in_features)`, `bias`, `(out_features,)` or None. The delays
    are an `Interval` from 0 to `longest`; another parameter may take its place, and counts as the end it is beyond.

    Raises an `InputError` for sizes below 1, and for inputs of another size.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.Sequential(snn.DelayedLinear(8, 4, longest=10, sigma=2.0, key=k1), snn.LIF())
    final, zs = snn.unroll(model, jax.random.normal(k2, (50, 8)))
    ```

    Source: Hammouamri, Khalfaoui-Hassani and Masquelier, "Learning Delays in Spiking Neural Networks using Dilated
    Convolutions with Learnable Spacings", 2024.
    """

    weight: Float[Array, "out in"]
    delay: Param
    bias: Float[Array, " out"] | None
    sigma: Param | None
    longest: int = eqx.field(static=True)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        longest: int,
        sigma: Param | None = None,
        use_bias: bool = True,
        *,
        key: Array,
    ):
        for name, size, least in zip(_SIZES, (in_features, out_features, longest), (1, 1, 0), strict=True):
            if size < least:
                raise InputError(f"DelayedLinear.{name} was given {size}; it takes a number of at least {least}.")
        k1, k2, k3 = jr.split(key, 3)
        bound = 1 / math.sqrt(in_features)
        shape = (out_features, in_features)
        self.weight = jr.uniform(k1, shape, minval=-bound, maxval=bound)
        delay = jr.uniform(k2, shape, minval=0.05, maxval=0.95) * longest
        self.delay = Interval(delay, 0, longest) if longest else Fixed(delay)
        self.bias = jr.uniform(k3, (out_features,), minval=-bound, maxval=bound) if use_bias else None
        self.sigma = sigma
        self.longest = longest

    def __check_init__(self) -> None:
        if self.sigma is not None:
            check_positive(self, "sigma")

    def kernel(self) -> Float[Array, "lags out in"]:
        """The weight of every input that is so many steps old, for 0 to `longest` steps."""
        layer = resolve(self)
        delay = jnp.clip(jnp.asarray(layer.delay), 0, self.longest)[None]
        away = jnp.arange(self.longest + 1, dtype=delay.dtype).reshape(-1, 1, 1) - delay
        if self.sigma is None:
            spread = jnp.maximum(0, 1 - jnp.abs(away))
        else:
            # As a softmax, which is never a division of zero by zero, however narrow.
            spread = jax.nn.softmax(-jnp.square(away) / (2 * jnp.square(jnp.asarray(layer.sigma, delay.dtype))), axis=0)
        return layer.weight[None] * spread

    def init_state(self, x: Any, *, key: Key = None) -> Array:
        del key
        if jnp.shape(x) != self.weight.shape[1:]:
            raise InputError(
                f"DelayedLinear was given one step of shape {jnp.shape(x)}; it takes ({self.weight.shape[1]},). Time "
                f"is axis 0 of the sequence, a batch is `jax.vmap` over `unroll`."
            )
        return jnp.broadcast_to(jnp.zeros_like(x, dtype=self.weight.dtype), (self.longest, *x.shape))

    def _out(self, line: Array, steps: int) -> Array:
        """What is put out in so many steps, from the inputs of these steps and of the `longest` before them."""

        def add(total: Array, lag: Any) -> tuple[Array, None]:
            age, kernel = lag
            heard = jax.lax.dynamic_slice_in_dim(line, self.longest - age, steps)
            return total + heard @ kernel.T, None

        zero = jnp.zeros_like(line, shape=(steps, self.weight.shape[0]))
        lags = jnp.arange(self.longest + 1), self.kernel()
        total, _ = jax.lax.scan(jax.checkpoint(add, prevent_cse=False), zero, lags)
        return total if self.bias is None else total + self.bias[None]

    def __call__(self, state: Array, x: Array, *, key: Key = None) -> tuple[Array, Array]:
        del key
        line = jnp.concatenate([state, x[None].astype(state.dtype)])
        return line[1:], jnp.einsum("ki,koi->o", line[::-1], self.kernel()) + (0 if self.bias is None else self.bias)

    def scan(self, run: RunPart, state: Array, xs: Trajectory, keys: Keys) -> tuple[Array, Trajectory, Array]:
        del run, keys
        with jax.named_scope("snn.DelayedLinear"):
            line = jnp.concatenate([state, xs.astype(state.dtype)])
            total = xs.shape[0]
            windows = jnp.arange(total)[:, None] + jnp.arange(1, self.longest + 1)[None, :]
            return line[total:], self._out(line, total), line[windows]


def rounded(layer: DelayedLinear) -> DelayedLinear:
    """The layer with the whole delays that are nearest to its own, and without spread.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    layer = snn.rounded(snn.DelayedLinear(3, 2, longest=5, sigma=0.5, key=jax.random.key(0)))
    assert jnp.all(layer.delay == jnp.round(layer.delay))
    ```
    """
    delay = np.clip(np.round(np.asarray(concrete(layer.delay))), 0, layer.longest)
    return eqx.tree_at(
        lambda layer: (layer.delay, layer.sigma),
        layer,
        (jnp.asarray(delay, layer.weight.dtype), None),
        is_leaf=lambda node: node is None,
    )
