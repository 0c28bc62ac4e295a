"""The parametric leaky integrate-and-fire neuron: a `LIF` whose decay is trained."""

from typing import Any

from jaxtyping import Array, Float

from .._parameter import Interval, concrete
from .leaky import LIF


def parametric_lif(tau: float | int | Float[Array, "..."] = 2.0, **options: Any) -> LIF:
    """Leaky integrate-and-fire neuron with a trained time constant: a `LIF`, nothing more.

    ```
    decay = 1 - 1 / tau = sigmoid(raw)                raw is trained
    v = decay * v + (1 - decay) * x
    z = H(v - threshold)
    v = reset(v, z, threshold)
    ```

    The decay stays between 0 and 1 whatever training does. The published parameter is `w = -raw`.

    **Arguments:**

    - `tau`: where the time constant starts, in steps, above 1. A number is shared by all neurons, an array has one
        for each.
    - `options`: further fields of `LIF`; `normalise_input` is True unless given.

    **Returns:** a `LIF`. Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.parametric_lif(2.0, reset=snn.ZeroReset())
    _, zs = snn.unroll(neuron, 1.5 * jnp.ones((10, 4)))
    ```

    Source: W. Fang et al., Incorporating learnable membrane time constant to enhance learning of spiking neural
    networks, 2021 (the parametric LIF, PLIF).
    """
    seen = concrete(tau)
    if seen is not None and not (seen > 1).all():
        raise ValueError(
            f"parametric_lif was given tau={tau}; it takes time constants above 1 step, because the membrane moves by "
            f"1 / tau of the way in a step. Take at least 1.01, or shorter steps."
        )
    return LIF(decay=Interval(1 - 1 / tau, 0, 1), **{"normalise_input": True, **options})
