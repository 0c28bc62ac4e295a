"""SpikingJelly's leaky neuron with a trained steepness."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._misc import cast
from ..._neuron import LIF, AbstractNeuron, LIFState
from ..._order import AbstractOrder, ResetLast
from ..._parameter import Param, parameter
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import SIGMOID
from .neurons import LIFNode


class KLIF(AbstractNeuron[LIFState]):
    """A `LIF` whose membrane is scaled and rectified when it has been charged.

    ```
    v = relu(k * charged(v, x))                       as the neuron charges
    z = H(v - threshold)
    v = reset(v, z, threshold)                        or reset(v / k, z, threshold / k) with scale_reset
    ```

    **Arguments:**

    - `neuron`: a `LIF`.
    - `k`: the scale; an array is trained.
    - `scale_reset`: see above.
    - `order`: `ResetLast()`.
    """

    neuron: LIF
    k: Param = parameter(1.0)
    scale_reset: bool = eqx.field(default=False, static=True)
    order: AbstractOrder = ResetLast()

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LIFState:
        return self.neuron.init_state(x, key=key)

    def integrate(self, state: LIFState, x: Float[Array, "*shape"]) -> LIFState:
        v = self.neuron.integrate(state, x).v
        return LIFState(v=jax.nn.relu(cast(self.k, v.dtype) * v))

    def fire(self, before: LIFState, state: LIFState, key: Key) -> Float[Array, "*shape"]:
        return self.neuron.fire(before, state, key)

    def spiked(self, state: LIFState, z: Float[Array, "*shape"]) -> LIFState:
        if not self.scale_reset:
            return self.neuron.spiked(state, z)
        k = cast(self.k, z.dtype)
        return LIFState(v=self.neuron.reset(state.v / k, z, cast(self.neuron.threshold, z.dtype) / k))


def KLIFNode(
    scale_reset: bool = False,
    tau: Any = 2.0,
    decay_input: bool = True,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> KLIF:
    """`LIFNode` with a trained scale `k`, one for all neurons, that starts at 1.

    ```
    v = relu(k (v + (x - (v - v_reset)) / tau))
    ```

    **Arguments:**

    - `scale_reset`: divide the membrane by `k` again before the reset, and the threshold that a soft one takes off.
    - the others: those of `LIFNode`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    final, zs = snn.unroll(spikingjelly.KLIFNode(v_reset=None), jnp.array([3.0, -1.5]))
    assert zs.tolist() == [1.0, 0.0] and final.v.item() == 0.0    # not below zero
    ```

    Source: C. Jiang and Y. Zhang, KLIF: An optimized spiking neuron unit for tuning surrogate gradient slope and
    membrane potential, 2023.
    """
    neuron = LIFNode(tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset)
    return KLIF(neuron=neuron, k=jnp.array(1.0), scale_reset=scale_reset)
