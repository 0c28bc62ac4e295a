"""A recurrent network with neurons that adapt."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from .._container import Recurrent, Sequential
from .._errors import InputError
from .._neuron import ALIF, LI
from .._parameter import Fixed
from .._surrogate import AbstractSpike, Triangle
from .._surrogate.damped import Damped
from ._heads import AbstractHead, LeakyHead
from ._parts import check_sizes


def lsnn(
    in_features: int,
    regular: int,
    adaptive: int,
    classes: int,
    tau: float = 20.0,
    tau_a: float = 200.0,
    strength: float = 1.8,
    surrogate: AbstractSpike = Damped(Triangle(), 0.3),
    head: AbstractHead = LeakyHead(LI(tau=20.0)),
    *,
    key: Array,
) -> Sequential:
    """LSNN: a layer of leaky neurons, some of which adapt, that hear each other one step later.

    A threshold that rises with every spike, and falls again slowly, is what remembers: for about `tau_a` steps.

    **Arguments:**

    - `in_features`, `classes`: numbers of inputs and outputs.
    - `regular`, `adaptive`: neurons without and with adaptation, in this order in the layer; one of them may be 0.
    - `tau`, `tau_a`: time constants of membranes and of the adaptation, in steps.
    - `strength`: by how much a neuron that fires in every step raises its threshold of 1.
    - `surrogate`: the spike function and its derivative.
    - `head`: `LeakyHead()`, `LinearHead()`, `PopulationHead()`.
    - `key`: a PRNG key for the weights.

    **Returns:** a cell from `(in_features,)` to `(classes,)`; its neurons are one `ALIF` with `normalise_adaptation`,
    whose `strength` is `Fixed`, and 0 for regular ones.

    Raises an `InputError` (a `ValueError`) for sizes below 1.

    ```python
    import jax
    import snnjax as snn

    k1, k2 = jax.random.split(jax.random.key(0))
    model = snn.models.lsnn(8, 12, 10, 3, key=k1)
    xs = jax.random.uniform(k2, (4, 50, 8))                                         # batch, time, inputs
    model = snn.init.match_rates(model, xs)
    assert jax.vmap(lambda x: snn.unroll(model, x)[1])(xs).shape == (4, 50, 3)
    ```

    Source: G. Bellec, D. Salaj, A. Subramoney, R. Legenstein and W. Maass, Long short-term memory and learning-to-learn
    in networks of spiking neurons, 2018; without its refractory periods and delays, for which there are `Refractory`
    and `Graph`.
    """
    check_sizes("lsnn", in_features=in_features, classes=classes)
    if min(regular, adaptive) < 0 or regular + adaptive < 1:
        raise InputError(
            f"lsnn was given regular={regular} and adaptive={adaptive}; it takes numbers of at least 0, and "
            f"one of them above."
        )
    k1, k2, k3 = jr.split(key, 3)
    size = regular + adaptive
    neuron = ALIF(
        tau=tau,
        tau_a=tau_a,
        strength=Fixed(jnp.concatenate([jnp.zeros(regular), jnp.full(adaptive, strength)])),
        surrogate=surrogate,
        normalise_adaptation=True,
    )
    first = eqx.nn.Linear(in_features, size, use_bias=False, key=k1)
    feedback = eqx.nn.Linear(size, size, use_bias=False, key=k2)
    return Sequential(first, Recurrent(neuron, feedback), head(size, classes, key=k3))
