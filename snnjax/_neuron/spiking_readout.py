"""The spiking readout: weights, and leaky integrate-and-fire neurons behind them."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from .._container import Sequential
from .leaky import LIF


def spiking_readout(in_features: int, out_features: int, *, key: Array | PRNGKeyArray, **options: Any) -> Sequential:
    """Readout that fires: weights without a bias, and one `LIF` for each output.

    ```
    v = decay * v + (1 - decay) * W @ x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    **Arguments:**

    - `in_features`, `out_features`: numbers of inputs and outputs.
    - `key`: a PRNG key for the weights.
    - `options`: fields of `LIF`; `normalise_input` is True unless given.

    **Returns:** a `Sequential` of an `eqx.nn.Linear` and a `LIF`: its output are the spikes, and the membranes are
    recorded with `record=lambda state, out: state[1].v`. For membranes without spikes use `LI`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    readout = snn.spiking_readout(8, 3, tau=5.0, key=jax.random.key(0))
    _, zs = snn.unroll(readout, jnp.ones((20, 8)))
    assert zs.shape == (20, 3)
    ```

    Source: E. O. Neftci, H. Mostafa and F. Zenke, Surrogate gradient learning in spiking neural networks, 2019.
    """
    weights = eqx.nn.Linear(in_features, out_features, use_bias=False, key=key)
    return Sequential(weights, LIF(**{"normalise_input": True, **options}))
