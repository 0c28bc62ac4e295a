"""Short-term plasticity: synapses that facilitate and get tired."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import cast, check_positive, decay_factor, resting
from .._parameter import Param, concrete, parameter
from .._types import Key, Params
from ._release import released


class ShortTermPlasticityState(eqx.Module):
    """State of a `ShortTermPlasticity`: the fraction of the resources that a spike uses, and how many there are."""

    u: Float[Array, "*shape"]
    r: Float[Array, "*shape"]


class ShortTermDepressionState(eqx.Module):
    """State of a `ShortTermDepression`: the fraction of the resources that is available."""

    r: Float[Array, "*shape"]


def _recovered(params: Params, r: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The resources after a step without a spike."""
    return 1 + decay_factor(params.tau_r, None, params.dt, r.dtype) * (r - 1)


def _check_utilisation(owner: Any) -> None:
    check_positive(owner, "utilisation")
    values = concrete(owner.utilisation)
    if values is not None and not (values <= 1).all():
        raise ValueError(
            f"{type(owner).__name__}.utilisation was given {owner.utilisation}; it takes values above 0 and up to 1, a "
            f"fraction of the resources. To scale what the synapse puts out use Scale."
        )


class ShortTermPlasticity(AbstractCell[ShortTermPlasticityState]):
    """Synapse of Tsodyks and Markram, whose spikes use up resources, and raise the fraction that the next one uses.

    ```
    u = exp(-dt / tau_u) * u
    r = 1 + exp(-dt / tau_r) * (r - 1)
    used = u + utilisation * (1 - u)
    out = used * r * x
    u = u + (used - u) * x
    r = r - used * r * x
    ```

    The first spike of a resting synapse puts out `utilisation`. The input is the spike of one presynaptic neuron, and
    weights come behind the synapse; what is outside of 0 and 1 counts as 0 or 1.

    **Arguments:**

    - `utilisation`: the fraction of the resources that a spike uses at rest, above 0 and up to 1.
    - `tau_u`: time constant of the facilitation, in the unit of `dt` (steps by default).
    - `tau_r`: time constant of the recovery of the resources, in the same unit.
    - `dt`: length of a step.
    - `jump_before_decay`: take `(1 - u)`, and the `r` that is used up, from before the decay of this step, as a
        forward Euler step does; of first order.

    **Returns** from a step the state, and the released resources in the dtype of the input. Raises a `ValueError` for
    values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    synapse = snn.ShortTermPlasticity(utilisation=0.5, tau_u=20.0, tau_r=800.0)
    _, out = snn.unroll(synapse, jnp.ones(5))
    assert out[0] == 0.5 and out[4] < 0.1
    ```

    Source: H. Markram, Y. Wang and M. Tsodyks, Differential signaling via the same axon of neocortical pyramidal
    neurons, 1998, the recursion for a train of spikes.
    """

    utilisation: Param = parameter(0.15)
    tau_u: Param = parameter(1500.0)
    tau_r: Param = parameter(200.0)
    dt: Param = parameter(1.0)
    jump_before_decay: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "tau_u", "tau_r", "dt")
        _check_utilisation(self)

    def init_state(self, x: Any, *, key: Key = None) -> ShortTermPlasticityState:
        del key
        rest = resting(x)
        return ShortTermPlasticityState(u=rest, r=jnp.ones_like(rest))

    def __call__(
        self, state: ShortTermPlasticityState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ShortTermPlasticityState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.ShortTermPlasticity"):
            spike, dtype = released(x, state.u), state.u.dtype
            u, r = decay_factor(self.tau_u, None, self.dt, dtype) * state.u, _recovered(self, state.r)
            met_u, met_r = (state.u, state.r) if self.jump_before_decay else (u, r)
            used = u + cast(self.utilisation, dtype) * (1 - met_u)
            state = ShortTermPlasticityState(u=u + (used - u) * spike, r=r - used * met_r * spike)
            return state, (used * r * spike).astype(x.dtype)


class ShortTermDepression(AbstractCell[ShortTermDepressionState]):
    """Synapse whose spikes use up resources, always the same fraction of what there is.

    ```
    r = 1 + exp(-dt / tau_r) * (r - 1)
    out = r * x
    r = r - utilisation * r * x
    ```

    The first spike of a resting synapse puts out 1. The input is the spike of one presynaptic neuron, and weights come
    behind the synapse; what is outside of 0 and 1 counts as 0 or 1.

    **Arguments:**

    - `utilisation`: the fraction of the resources that a spike uses, above 0 and up to 1.
    - `tau_r`: time constant of the recovery of the resources, in the unit of `dt` (steps by default).
    - `dt`: length of a step.
    - `jump_before_decay`: take the `r` that is used up from before the decay of this step, as a forward Euler step
        does; of first order.

    **Returns** from a step the state, and the available resources where there is a spike, in the dtype of the input.
    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    _, out = snn.unroll(snn.ShortTermDepression(utilisation=0.5, tau_r=1e6), jnp.array([1.0, 0.0, 1.0]))
    assert 0.5 < out[2] < 0.51
    ```

    Source: L. F. Abbott, J. A. Varela, K. Sen and S. B. Nelson, Synaptic depression and cortical gain control, 1997,
    with one depression factor.
    """

    utilisation: Param = parameter(0.07)
    tau_r: Param = parameter(200.0)
    dt: Param = parameter(1.0)
    jump_before_decay: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_positive(self, "tau_r", "dt")
        _check_utilisation(self)

    def init_state(self, x: Any, *, key: Key = None) -> ShortTermDepressionState:
        del key
        return ShortTermDepressionState(r=jnp.ones_like(resting(x)))

    def __call__(
        self, state: ShortTermDepressionState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[ShortTermDepressionState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.ShortTermDepression"):
            spike, dtype = released(x, state.r), state.r.dtype
            r = _recovered(self, state.r)
            used = cast(self.utilisation, dtype) * (state.r if self.jump_before_decay else r) * spike
            return ShortTermDepressionState(r=r - used), (r * spike).astype(x.dtype)
