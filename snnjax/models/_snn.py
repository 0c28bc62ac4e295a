"""The dense spiking classifier."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from .._container import Sequential
from .._errors import InputError
from .._neuron import LIF
from .._parameter import Param
from .._reset import AbstractReset, SubtractReset
from .._surrogate import AbstractSpike, SuperSpike
from .._types import Key
from .._unroll import unroll
from ..decode import rate
from ..encode import direct


class SNN(eqx.Module):
    """Spiking classifier: dense layers of leaky integrate-and-fire neurons, read out as firing rates.

    ```
    v = beta * v + W @ x,   beta = exp(-1 / tau)      in every layer and step; the same x in every step
    z = H(v - threshold)                              exactly 0 or 1, in training too
    v = reset(v, z, threshold)
    out = mean of z over the steps, of the last layer
    ```

    **Arguments:**

    - `input_size`: number of inputs.
    - `hidden_sizes`: neurons of each hidden layer.
    - `output_size`: number of classes.
    - `num_timesteps`: for how many steps an input is presented.
    - `tau`: membrane time constant in steps.
    - `threshold`: of the membranes.
    - `reset`: `SubtractReset()` (soft) or `ZeroReset()` (hard).
    - `surrogate`: the spike function and its derivative.
    - `use_bias`: whether the layers have a bias.
    - `gain`: by which the initial weights are multiplied, so that the first spikes come at once.
    - `key`: a PRNG key for the weights.

    Call it with one input `(input_size,)` or a batch `(batch, input_size)`: rates `(output_size,)` or
    `(batch, output_size)` in [0, 1]. `network` is a cell, for `unroll`, probes and recordings. Raises a `ValueError`
    for sizes below 1, and for inputs of another size.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    model = snn.models.SNN(64, (32,), 10, key=jax.random.key(0))
    assert model(jnp.ones((5, 64))).shape == (5, 10)
    ```

    Source: E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in spiking neural networks, 2019.
    """

    network: Sequential
    num_timesteps: int = eqx.field(static=True)

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int] = (256, 128),
        output_size: int = 10,
        num_timesteps: int = 25,
        tau: Param = 2.0,
        threshold: Param = 1.0,
        *,
        reset: AbstractReset = SubtractReset(),
        surrogate: AbstractSpike = SuperSpike(slope=25.0),
        use_bias: bool = False,
        gain: float = 2.0,
        key: Array,
    ):
        sizes = [input_size, *hidden_sizes, output_size]
        if any(size < 1 for size in sizes) or num_timesteps < 1:
            raise ValueError(
                f"SNN was given the sizes {sizes} and {num_timesteps} steps; it takes sizes and steps of at least 1. "
                f"For no hidden layer pass `hidden_sizes=()`."
            )
        layers = []
        for size_in, size_out, layer_key in zip(sizes, sizes[1:], jr.split(key, len(sizes) - 1), strict=False):
            linear = eqx.nn.Linear(size_in, size_out, use_bias=use_bias, key=layer_key)
            linear = eqx.tree_at(lambda layer: layer.weight, linear, replace_fn=lambda w: gain * w)
            layers += [linear, LIF(tau=tau, threshold=threshold, reset=reset, surrogate=surrogate)]
        self.network = Sequential(*layers)
        self.num_timesteps = num_timesteps

    def __call__(self, x: Float[Array, "*batch inputs"], *, key: Key = None) -> Float[Array, "*batch outputs"]:
        if x.ndim not in (1, 2):
            raise InputError(
                f"SNN was given an input of shape {x.shape}; it takes one example (input_size,) or a batch "
                f"(batch, input_size). Flatten images, and use `unroll(model.network, xs)` for sequences."
            )
        if x.ndim == 2:
            keys = None if key is None else jr.split(key, len(x))
            return jax.vmap(lambda x, key: self._rates(x, key))(x, keys)
        return self._rates(x, key)

    def _rates(self, x: Float[Array, " inputs"], key: Key) -> Float[Array, " outputs"]:
        _, zs = unroll(self.network, direct(jnp.asarray(x), self.num_timesteps), key=key)
        return rate(zs)
