"""In which order a neuron integrates its input, fires, and resets.

A spiking model is written once, as three functions: `integrate` moves the state, `fire` finds the spikes, `spiked`
is what a spike does to the state. An order puts them together to one step. The library's own is `ResetLast`; the
others exist because published models and other libraries use them.
"""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ._types import Key, Params


class AbstractOrder(eqx.Module):
    """One step of a spiking model, made of its three parts."""

    @abc.abstractmethod
    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        """One step.

        **Arguments:**

        - `model`: the class that holds the functions `integrate(params, state, x)`,
            `fire(params, before, state, key)` and `spiked(params, state, z)`.
        - `params`: the neuron, or anything with its fields.
        - `state`: the state before the step.
        - `x`: one step's input.
        - `key`: a PRNG key, or None.

        **Returns:** the state after the step, and the spikes in the dtype of the state.
        """


class ResetLast(AbstractOrder):
    """Integrate, fire, reset, in the same step: no delay, and the stored membrane is the one after the reset.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(order=snn.ResetLast())                    # the default
    assert neuron(neuron.init_state(jnp.zeros(1)), jnp.array([1.75]))[0].v.item() == 0.75
    ```
    """

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        after = model.integrate(params, state, x)
        z = model.fire(params, state, after, key)
        return model.spiked(params, after, z), z


class ResetFirst(AbstractOrder):
    """Reset by the spike of the step before, integrate, fire: the stored membrane is the one before the reset.

    The earlier spike is found again from the stored membrane, so it needs no place in the state.

    **Arguments:**

    - `late`: reset after the integration instead of before it, so that the reset does not decay.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    neuron = snn.LIF(order=snn.ResetFirst())
    assert neuron(neuron.init_state(jnp.zeros(1)), jnp.array([1.75]))[0].v.item() == 1.75
    ```
    """

    late: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        earlier = model.fire(params, state, state, key)
        if self.late:
            after = model.spiked(params, model.integrate(params, state, x), earlier)
        else:
            after = model.integrate(params, model.spiked(params, state, earlier), x)
        return after, model.fire(params, state, after, key)


class FireFirst(AbstractOrder):
    """Fire from the stored membrane, reset, integrate: an input is heard one step later.

    **Arguments:**

    - `late`: reset after the integration instead of before it, so that the reset does not decay.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, zs = snn.unroll(snn.LIF(order=snn.FireFirst()), jnp.array([1.75, 0.0]))
    assert zs.tolist() == [0.0, 1.0]
    ```
    """

    late: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        z = model.fire(params, state, state, key)
        if self.late:
            return model.spiked(params, model.integrate(params, state, x), z), z
        return model.integrate(params, model.spiked(params, state, z), x), z
