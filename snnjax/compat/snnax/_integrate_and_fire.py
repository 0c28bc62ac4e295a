"""The neurons of snnax without a leak, or with a constant one."""

from collections.abc import Callable
from typing import Any, ClassVar

from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import cast, check_finite, resting
from ..._neuron import IF as _IF
from ..._neuron import AbstractNeuron, CubaLIFState
from ..._neuron._base import fire_membrane, leak, reset_membrane
from ..._order import AbstractOrder, ResetLast
from ..._parameter import Param, parameter
from ..._reset import AbstractReset, ZeroReset
from ..._surrogate import AbstractSpike
from ..._synapse import AbstractArrival, NextStep
from ..._synapse.exponential import exponential_current
from ..._types import Key
from ._arguments import Constants, Shape, decays, end_reset, leaks, prepared
from ._surrogate import DEFAULT_SPIKE, SpikeFunction, spike_function


def SimpleIAF(
    leak: Any = 0.0,
    threshold: Param = 1.0,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    shape: Shape | None = None,
    init_fn: Callable | None = None,
) -> AbstractCell:
    """`v = v - leak + x`, `z = H(v - threshold)`; then `v = 0`, or `v - reset_val` if that is given."""
    neuron = _IF(
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        reset=end_reset(reset_val, stop_reset_grad),
        leak=leaks(leak, shape),
    )
    return prepared(neuron, shape, init_fn)


class LeakingCubaIF(AbstractNeuron[CubaLIFState]):
    """Integrate-and-fire neuron with an exponential current, a constant leak and, with `decay`, a decay too.

    ```
    v = v - leak + i                              decay * (v - leak) + (1 - decay) * i with decay
    i = decay_i * i + (1 - decay_i) * x
    z = H(v - threshold),  v = reset(v, z, threshold)
    ```
    """

    decay_i: Param
    decay: Param | None = parameter(None)
    leak: Param = parameter(0.0)
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = DEFAULT_SPIKE
    reset: AbstractReset = ZeroReset()
    order: AbstractOrder = ResetLast()

    # What the core's equations read besides.
    tau: ClassVar[float] = 20.0
    tau_i: ClassVar[float] = 5.0
    dt: ClassVar[float] = 1.0
    rest: ClassVar[float] = 0.0
    normalise_input: ClassVar[bool] = True
    normalise_current: ClassVar[bool] = True
    arrival: ClassVar[AbstractArrival] = NextStep()

    def __check_init__(self) -> None:
        check_finite(self, "leak", "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFState:
        del key
        return CubaLIFState(v=resting(x), i=resting(x))

    def integrate(self, state: CubaLIFState, x: Float[Array, "*shape"]) -> CubaLIFState:
        i, heard = exponential_current(self, state.i, x)
        v = state.v - cast(self.leak, state.v.dtype)
        return CubaLIFState(v=v + heard if self.decay is None else leak(self, v, heard), i=i)

    fire = fire_membrane
    spiked = reset_membrane


def IAF(
    decay_constants: Constants,
    leak: Any = 0.0,
    threshold: Param = 1.0,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
) -> AbstractCell:
    """`v = v - leak + i`, `i = decay i + (1 - decay) x`, `z = H(v - threshold)`; reset as `SimpleIAF`.

    One constant is the decay of the current, as the library computes. Two are those of the membrane and of the
    current, as it documents: `v = decay (v - leak) + (1 - decay) i`.
    """
    *membrane, current = decays(decay_constants, "IAF.decay_constants", (1, 2), shape)
    neuron = LeakingCubaIF(
        decay_i=current,
        decay=membrane[0] if membrane else None,
        leak=leaks(leak, shape),
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        reset=end_reset(reset_val, stop_reset_grad),
    )
    return prepared(neuron, shape, init_fn)
