"""SpikingJelly's complementary leaky neuron."""

from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..._misc import cast, decay_factor, resting
from ..._neuron import LIF, AbstractNeuron, LIFState
from ..._order import AbstractOrder, ResetLast
from ..._surrogate import AbstractSpike
from ..._types import Key
from .neurons import LIFNode
from .surrogate import Rect


class ComplementaryLIFState(eqx.Module):
    """State of a `ComplementaryLIF`: the membrane after the reset, and the complementary potential."""

    v: Float[Array, "*shape"]
    m: Float[Array, "*shape"]


class ComplementaryLIF(AbstractNeuron[ComplementaryLIFState]):
    """A `LIF` with a soft reset that is the stronger, the more it has fired.

    ```
    v = charged(v, x)                                 as the neuron charges
    m = m * sigmoid((1 - decay) * v)
    z = H(v - threshold)
    m = m + z
    v = v - z * (threshold + sigmoid(m))
    ```

    **Arguments:**

    - `neuron`: a `LIF`, whose reset is handed the raised threshold.
    - `order`: `ResetLast()`.
    """

    neuron: LIF
    order: AbstractOrder = ResetLast()

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> ComplementaryLIFState:
        return ComplementaryLIFState(v=self.neuron.init_state(x, key=key).v, m=resting(x))

    def integrate(self, state: ComplementaryLIFState, x: Float[Array, "*shape"]) -> ComplementaryLIFState:
        v = self.neuron.integrate(LIFState(v=state.v), x).v
        decay = decay_factor(self.neuron.tau, self.neuron.decay, self.neuron.dt, v.dtype)
        return ComplementaryLIFState(v=v, m=state.m * jax.nn.sigmoid((1 - decay) * v))

    def fire(self, before: ComplementaryLIFState, state: ComplementaryLIFState, key: Key) -> Float[Array, "*shape"]:
        return self.neuron.fire(LIFState(v=before.v), LIFState(v=state.v), key)

    def spiked(self, state: ComplementaryLIFState, z: Float[Array, "*shape"]) -> ComplementaryLIFState:
        m = state.m + z
        raised = cast(self.neuron.threshold, m.dtype) + jax.nn.sigmoid(m)
        return ComplementaryLIFState(v=self.neuron.reset(state.v, z, raised), m=m)


def ComplementaryLIFNode(
    tau: Any = 2.0, v_threshold: Any = 1.0, surrogate_function: AbstractSpike = Rect()
) -> ComplementaryLIF:
    """`LIFNode` with a soft reset by more than the threshold, `z (v_threshold + sigmoid(m))`.

    ```
    v = v - v / tau + x
    m = m sigmoid(v / tau) + z
    ```

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    final, zs = snn.unroll(spikingjelly.ComplementaryLIFNode(), jnp.array([2.0]))
    assert zs.tolist() == [1.0] and final.m == 1.0 and final.v < 0.5
    ```

    Source: Y. Huang et al., CLIF: Complementary leaky integrate-and-fire neuron for spiking neural networks, 2024.
    """
    return ComplementaryLIF(neuron=LIFNode(tau, False, v_threshold, None, surrogate_function))
