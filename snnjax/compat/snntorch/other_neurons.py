"""snntorch's neurons of another kind: one that fires at changes, one without reset, and a spiking LSTM."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._misc import as_current, cast, check_finite, resting
from ..._neuron import AbstractNeuron, LIFState
from ..._neuron._base import fire_membrane, reset_membrane
from ..._order import AbstractOrder, ResetFirst, ResetLast
from ..._parameter import Param, parameter
from ..._reset import AbstractReset, NoReset
from ..._surrogate import AbstractSpike, ATan
from ..._types import Key
from ._options import (
    Number,
    Quantiser,
    clamped,
    graded,
    layer_in,
    number,
    refuse_calling_style,
    resets,
    spike,
    unbounded,
)


class DeltaLIF(AbstractNeuron[LIFState]):
    """Leaky integrator that fires where its membrane has moved: `v = decay v + x`, `z = H(|v - v_before| - threshold)`.

    There is no reset.

    **Arguments:**

    - `decay`: the factor per step; any number.
    - `threshold`: of the movement, in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.
    """

    decay: Param = parameter(0.9)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_finite(self, "decay", "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        del key
        return LIFState(v=resting(x))

    def integrate(self, state: LIFState, x: Float[Array, "*shape"]) -> LIFState:
        return LIFState(v=cast(self.decay, state.v.dtype) * state.v + as_current(x, state.v))

    def fire(self, before: LIFState, state: LIFState, key: Key) -> Float[Array, "*shape"]:
        return self.surrogate.fire(jnp.abs(state.v - before.v), self.threshold, key=key)

    def spiked(self, state: LIFState, z: Float[Array, "*shape"]) -> LIFState:
        del z
        return state


def DeltaLeaky(
    delta_threshold: Number = 1.0,
    beta: Number = 0.9,
    *,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    learn_beta: bool = False,
) -> DeltaLIF:
    """Fires where the membrane has moved by more than `delta_threshold`; see `DeltaLIF`.

    It has no threshold of its own, reset, inhibition, or graded spikes: the library takes them and drops them. `beta`
    is not cut to [0, 1] here.
    """
    refuse_calling_style("DeltaLeaky", init_hidden, False)
    return DeltaLIF(
        decay=unbounded(beta, learn_beta, "beta"),
        threshold=number(delta_threshold, False, "delta_threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
    )


class RectifiedLIF(AbstractNeuron[LIFState]):
    """Leaky integrator that never falls below zero and is never reset: `v = max(0, decay v + x)`.

    **Arguments:**

    - `decay`: the factor per step; any number.
    - `threshold`: in the unit of the membrane.
    - `surrogate`: the spike function and its derivative.
    """

    decay: Param = parameter(0.9)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)
    reset: AbstractReset = NoReset()
    order: AbstractOrder = ResetLast()

    def __check_init__(self) -> None:
        check_finite(self, "decay", "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        del key
        return LIFState(v=resting(x))

    def integrate(self, state: LIFState, x: Float[Array, "*shape"]) -> LIFState:
        return LIFState(v=jax.nn.relu(cast(self.decay, state.v.dtype) * state.v + as_current(x, state.v)))

    fire = fire_membrane
    spiked = reset_membrane


def LeakyParallel(
    input_size: int,
    hidden_size: int,
    beta: Number = 0.9,
    bias: bool = True,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    graded_spikes_factor: Number = 1.0,
    learn_graded_spikes_factor: bool = False,
    *,
    key: Key = None,
) -> AbstractCell:
    """A linear layer and neurons without reset: `v = max(0, beta v + W x + b)`; see `RectifiedLIF`.

    `beta` is one number or one per neuron (which the library leaves as they were drawn), cut to [0, 1] once; trained,
    it is one per neuron. `bias` is the sum of the two that the library has.
    """
    if key is None:
        raise ValueError(
            "LeakyParallel was given no key; its weights are drawn, which takes one. Give `key=jax.random.key(0)`."
        )
    decay = clamped(beta, False, "beta")
    if learn_beta:
        decay = unbounded(jnp.broadcast_to(cast(decay, jnp.result_type(float)), (hidden_size,)) + 0.0, True, "beta")
    cell = RectifiedLIF(
        decay=decay,
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
    )
    layer = eqx.nn.Linear(input_size, hidden_size, use_bias=bias, key=key)
    return Sequential(layer, graded(cell, graded_spikes_factor, learn_graded_spikes_factor))


class SpikingLSTMState(eqx.Module):
    """State of a `SpikingLSTM` or a `SpikingConvLSTM`: its output as a membrane, and its cell state."""

    v: Float[Array, "*shape"]
    i: Float[Array, "*shape"]


class SpikingLSTM(AbstractNeuron[SpikingLSTMState]):
    """An LSTM that fires where its output is above a threshold.

    ```
    v, i = lstm(x, (v, i))
    z = H(v - threshold)
    ```

    **Arguments:**

    - `lstm`: the layer.
    - `threshold`: of its output, which lies between -1 and 1.
    - `surrogate`: the spike function and its derivative.
    - `reset`: what a spike does to the output.
    """

    lstm: eqx.nn.LSTMCell
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = ATan(slope=2.0)
    reset: AbstractReset = NoReset()
    order: AbstractOrder = ResetFirst(late=True)

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> SpikingLSTMState:
        del key
        zeros = jnp.broadcast_to(resting(x)[:1], (self.lstm.hidden_size,))
        return SpikingLSTMState(v=zeros, i=zeros)

    def integrate(self, state: SpikingLSTMState, x: Float[Array, " inputs"]) -> SpikingLSTMState:
        v, i = layer_in(self.lstm, state.v.dtype)(as_current(x, state.v), (state.v, state.i))
        return SpikingLSTMState(v=v, i=i)

    fire = fire_membrane
    spiked = reset_membrane


def SLSTM(
    input_size: int,
    hidden_size: int,
    bias: bool = True,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    learn_threshold: bool = False,
    reset_mechanism: str = "none",
    state_quant: Quantiser = False,
    output: bool = False,
    *,
    key: Key = None,
) -> SpikingLSTM:
    """A spiking LSTM; see `SpikingLSTM`. `bias` is the sum of the two that the library has.

    The sizes must be equal: with others the library forgets its states in every step.
    """
    refuse_calling_style("SLSTM", init_hidden, output)
    if input_size != hidden_size or key is None:
        raise ValueError(
            f"SLSTM was given input_size={input_size}, hidden_size={hidden_size} and key={key}; it takes equal sizes "
            f"(the library keeps its states only for these), and a key. Put an `eqx.nn.Linear` in front."
        )
    return SpikingLSTM(
        lstm=eqx.nn.LSTMCell(input_size, hidden_size, use_bias=bias, key=key),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        **resets(reset_mechanism, True, True, False, state_quant),
    )
