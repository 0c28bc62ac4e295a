"""Dense layers with delays that are learned."""

from collections.abc import Sequence
from typing import Any

import jax.random as jr
from jaxtyping import Array

from .._cell import AbstractCell
from .._container import Sequential
from .._delayed_linear import DelayedLinear
from .._neuron import LI, LIF
from .._parameter import Param
from ._parts import Norm, check_sizes, group_norm


def delay_network(
    in_features: int,
    hidden_sizes: Sequence[int],
    classes: int,
    longest: int,
    sigma: Param | None = None,
    neuron: AbstractCell = LIF(),
    norm: Norm = group_norm,
    readout: AbstractCell = LI(),
    *,
    key: Array,
) -> Sequential:
    """A feed-forward network in which every synapse has a weight and a delay, both trained.

    Layers of `DelayedLinear`, norm and neuron, and a `DelayedLinear` with a readout.

    **Arguments:**

    - `in_features`, `classes`: numbers of inputs and outputs.
    - `hidden_sizes`: neurons of each hidden layer.
    - `longest`: the longest delay, in steps.
    - `sigma`: how far delays are spread, in steps, see `DelayedLinear`: begin with half of `longest`, as
        `Fixed(array)`, narrow it while training, and end with `snn.rounded` layers.
    - `neuron`, `readout`: any elementwise cells.
    - `norm`: makes a layer from the number of its neurons.
    - `key`: a PRNG key for weights and delays.

    **Returns:** a cell from `(in_features,)` to `(classes,)`.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.delay_network(8, (16, 16), 3, longest=10, sigma=5.0, key=k1)
    final, ys = snn.unroll(model, jax.random.normal(k2, (30, 8)))
    assert ys.shape == (30, 3)
    ```

    Source: I. Hammouamri, I. Khalfaoui-Hassani and T. Masquelier, Learning delays in spiking neural networks using
    dilated convolutions with learnable spacings, 2024; there with batch norm.
    """
    check_sizes("delay_network", in_features=in_features, hidden_sizes=tuple(hidden_sizes), classes=classes)
    *layer_keys, last_key = jr.split(key, len(hidden_sizes) + 1)
    layers: list[Any] = []
    size = in_features
    for hidden, layer_key in zip(hidden_sizes, layer_keys, strict=True):
        delayed = DelayedLinear(size, hidden, longest, sigma, use_bias=False, key=layer_key)
        layers += [delayed, norm(hidden), neuron]
        size = hidden
    last = DelayedLinear(size, classes, longest, sigma, use_bias=False, key=last_key)
    return Sequential(*layers, last, readout)
