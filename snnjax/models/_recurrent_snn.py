"""Layers of neurons that hear each other."""

from collections.abc import Sequence

import equinox as eqx
import jax.random as jr
from jaxtyping import Array

from .._cell import AbstractCell
from .._container import Recurrent, Sequential
from .._neuron import LIF
from ._heads import AbstractHead, LeakyHead
from ._parts import check_sizes


def recurrent_snn(
    in_features: int,
    hidden_sizes: Sequence[int],
    classes: int,
    neuron: AbstractCell = LIF(),
    head: AbstractHead = LeakyHead(),
    *,
    key: Array,
) -> Sequential:
    """A recurrent spiking network: dense layers whose neurons hear each other one step later.

    `z[t] = neuron(W x[t] + b + V z[t - 1])` in every hidden layer, and a head.

    **Arguments:**

    - `in_features`, `classes`: numbers of inputs and outputs.
    - `hidden_sizes`: neurons of each hidden layer.
    - `neuron`: any elementwise cell; every layer gets parameters of its own.
    - `head`: `LeakyHead()`, `LinearHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_features,)` to `(classes,)`. Give its weights the right size with
    `snn.init.match_rates`. Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.recurrent_snn(8, (32, 16), 3, key=k1)
    xs = jax.random.uniform(k2, (4, 20, 8))                                         # batch, time, inputs
    model = snn.init.match_rates(model, xs)
    assert jax.vmap(lambda x: snn.unroll(model, x)[1])(xs).shape == (4, 20, 3)
    ```

    Source: E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in spiking neural networks, 2019.
    """
    check_sizes("recurrent_snn", in_features=in_features, hidden_sizes=tuple(hidden_sizes), classes=classes)
    layers, size = [], in_features
    *layer_keys, head_key = jr.split(key, len(hidden_sizes) + 1)
    for hidden, layer_key in zip(hidden_sizes, layer_keys, strict=True):
        k1, k2 = jr.split(layer_key)
        feedback = eqx.nn.Linear(hidden, hidden, use_bias=False, key=k2)
        layers += [eqx.nn.Linear(size, hidden, key=k1), Recurrent(neuron, feedback)]
        size = hidden
    return Sequential(*layers, head(size, classes, key=head_key))
