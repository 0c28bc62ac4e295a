"""Norse's correlation sensors, and the neuron that holds two of them."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Recurrent
from ..._container.recurrent import RecurrentState
from ..._misc import cast
from ..._types import Key
from .neurons import LIFCell
from .parameters import LIFParameters
from .weights import recurrent


class CorrelationSensorParameters(eqx.Module):
    """Constants of a `correlation_sensor_step`: jumps, and inverse time constants in 1/s."""

    eta_p: Any = 1.0
    eta_m: Any = 1.0
    tau_ac_inv: Any = 1 / 100e-3
    tau_c_inv: Any = 1 / 100e-3


class CorrelationSensorState(eqx.Module):
    """State of the sensors of a synapse array: which side spiked last, and the two traces."""

    post_pre: Float[Array, "inputs hidden"]
    correlation_trace: Float[Array, "inputs hidden"]
    anti_correlation_trace: Float[Array, "inputs hidden"]


class LIFCorrelationParameters(eqx.Module):
    """Constants of a `LIFCorrelation`."""

    lif_parameters: LIFParameters = LIFParameters()
    input_correlation_parameters: CorrelationSensorParameters = CorrelationSensorParameters()
    recurrent_correlation_parameters: CorrelationSensorParameters = CorrelationSensorParameters()


class LIFCorrelationState(eqx.Module):
    """State of a `LIFCorrelation`: of the recurrent neurons, and of the sensors of both synapse arrays."""

    lif_state: RecurrentState
    input_correlation_state: CorrelationSensorState
    recurrent_correlation_state: CorrelationSensorState


def correlation_sensor_step(
    z_pre: Float[Array, " inputs"],
    z_post: Float[Array, " hidden"],
    state: CorrelationSensorState,
    p: CorrelationSensorParameters = CorrelationSensorParameters(),
    dt: Any = 0.001,
) -> CorrelationSensorState:
    """One step of the sensors between the neurons of two layers.

    ```
    correlation = correlation - (1 - post_pre) dt tau_c_inv correlation + eta_p z_pre
    anti_correlation = anti_correlation - post_pre dt tau_ac_inv anti_correlation + eta_m z_post
    post_pre = H(post_pre + z_post - z_pre)
    ```

    `post_pre` is 1 after a spike behind the synapse, 0 after one in front of it, and has no gradient. The update of
    weights of the library, `correlation_based_update`, changes its arguments in place, and is left out.
    """
    dtype = state.post_pre.dtype
    pre = jnp.broadcast_to(z_pre.astype(dtype)[:, None], state.post_pre.shape)
    post = jnp.broadcast_to(z_post.astype(dtype)[None, :], state.post_pre.shape)
    correlation_decay = cast(dt, dtype) * cast(p.tau_c_inv, dtype) * (1 - state.post_pre)
    anti_correlation_decay = cast(dt, dtype) * cast(p.tau_ac_inv, dtype) * state.post_pre
    return CorrelationSensorState(
        post_pre=(state.post_pre + post - pre > 0).astype(dtype),
        correlation_trace=state.correlation_trace * (1 - correlation_decay) + cast(p.eta_p, dtype) * pre,
        anti_correlation_trace=state.anti_correlation_trace * (1 - anti_correlation_decay)
        + cast(p.eta_m, dtype) * post,
    )


def _sensors(inputs: Float[Array, " inputs"], hidden: Float[Array, " hidden"]) -> CorrelationSensorState:
    zeros = jnp.zeros_like(inputs, dtype=hidden.dtype)[:, None] * jnp.zeros_like(hidden)[None, :]
    return CorrelationSensorState(post_pre=zeros, correlation_trace=zeros, anti_correlation_trace=zeros)


class _Correlated(AbstractCell[LIFCorrelationState]):
    """Recurrent neurons, with sensors at their input and at their recurrent synapses."""

    weights: Any
    lif: Recurrent
    input_parameters: CorrelationSensorParameters
    recurrent_parameters: CorrelationSensorParameters
    dt: Any

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LIFCorrelationState:
        x = jnp.zeros_like(x)
        state = self.lif.init_state(self.weights(x), key=key)
        v = state.cell.v
        return LIFCorrelationState(state, _sensors(x, v), _sensors(v, v))

    def __call__(self, state: LIFCorrelationState, x: Any, *, key: Key = None) -> tuple[LIFCorrelationState, Any]:
        lif, z = self.lif(state.lif_state, self.weights(x), key=key)
        inputs = correlation_sensor_step(x, z, state.input_correlation_state, self.input_parameters, self.dt)
        back = correlation_sensor_step(
            state.lif_state.out, z, state.recurrent_correlation_state, self.recurrent_parameters, self.dt
        )
        return LIFCorrelationState(lif, inputs, back), z


def LIFCorrelation(
    input_size: int,
    hidden_size: int,
    p: LIFCorrelationParameters = LIFCorrelationParameters(),
    dt: Any = 0.001,
    **weights: Any,
) -> AbstractCell:
    """`LIFRecurrentCell` with a correlation sensor at every synapse; see `correlation_sensor_step`.

    The library hands the weights over in every step, and every neuron may hear itself; here they are given once, as to
    `recurrent`, and `autapses` are True unless told otherwise.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import norse

    final, _ = snn.unroll(norse.LIFCorrelation(3, 4, key=jax.random.key(0)), jnp.ones((20, 3)))
    assert final.input_correlation_state.correlation_trace.shape == (3, 4)
    ```
    """
    cell = LIFCell(p.lif_parameters, dt, detach_reset=True)
    linear, lif = recurrent(cell, input_size, hidden_size, **{"autapses": True, **weights}).layers
    return _Correlated(linear, lif, p.input_correlation_parameters, p.recurrent_correlation_parameters, dt)
