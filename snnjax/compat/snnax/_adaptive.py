"""The adaptive neuron of snnax."""

from collections.abc import Callable
from typing import Any, ClassVar

from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import as_current, cast, check_finite, resting
from ..._neuron import AbstractNeuron, ALIFState
from ..._neuron._base import fire_membrane, leak
from ..._order import AbstractOrder, ResetLast
from ..._parameter import Param, parameter
from ..._reset import AbstractReset, ZeroReset
from ..._surrogate import AbstractSpike
from ..._types import Key
from .._common import SubtractValue
from ._arguments import Constants, Shape, clipped, constants, decays, end_reset, prepared
from ._surrogate import DEFAULT_SPIKE, SpikeFunction, spike_function


class AdaptiveCurrentLIF(AbstractNeuron[ALIFState]):
    """Leaky integrate-and-fire neuron with an adaptation current that follows the membrane.

    ```
    v = decay * v + (1 - decay) * (x + a)
    z = H(v - threshold)
    a = jump((1 - decay_a) * coupling * v + decay_a * a, z)       jump takes the step off at a spike
    v = reset(v, z, threshold)
    ```
    """

    decay: Param
    decay_a: Param
    coupling: Param
    jump: AbstractReset
    threshold: Param = parameter(1.0)
    surrogate: AbstractSpike = DEFAULT_SPIKE
    reset: AbstractReset = ZeroReset()
    order: AbstractOrder = ResetLast()

    # What the core's equations read besides.
    tau: ClassVar[float] = 20.0
    dt: ClassVar[float] = 1.0
    rest: ClassVar[float] = 0.0
    normalise_input: ClassVar[bool] = True

    def __check_init__(self) -> None:
        check_finite(self, "threshold")

    def init_state(self, x: Any, *, key: Key = None) -> ALIFState:
        del key
        return ALIFState(v=resting(x), a=resting(x))

    def integrate(self, state: ALIFState, x: Float[Array, "*shape"]) -> ALIFState:
        return ALIFState(v=leak(self, state.v, as_current(x, state.v) + state.a), a=state.a)

    fire = fire_membrane

    def spiked(self, state: ALIFState, z: Float[Array, "*shape"]) -> ALIFState:
        decay_a, coupling = cast(self.decay_a, state.a.dtype), cast(self.coupling, state.a.dtype)
        a = (1 - decay_a) * coupling * state.v + decay_a * state.a
        return ALIFState(v=self.reset(state.v, z, self.threshold), a=self.jump(a, z, self.threshold))


def AdaptiveLIF(
    decay_constants: Constants,
    ada_decay_constant: Constants = 0.8,
    ada_step_val: Constants = 1.0,
    ada_coupling_var: Constants = 0.5,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    threshold: Param = 1.0,
    stop_reset_grad: bool = True,
    reset_val: Param | None = None,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> AbstractCell:
    """An adaptation `a` that is added to the input, follows the membrane, and falls by the step at a spike.

    `v = decay v + (1 - decay) (x + a)`, `z = H(v - threshold)`, `a = (1 - decay_a) coupling v + decay_a a - step z`;
    reset as `SimpleIAF`. The coupling is clipped to [-1, 1], the step to [0, 2]; the spike in `a` has no gradient.
    """
    del key
    (decay,) = decays(decay_constants, "AdaptiveLIF.decay_constants", (1,), shape)
    (decay_a,) = decays(ada_decay_constant, "AdaptiveLIF.ada_decay_constant", (1,), shape)
    (step,) = constants(ada_step_val, "AdaptiveLIF.ada_step_val", (1,), shape)
    (coupling,) = constants(ada_coupling_var, "AdaptiveLIF.ada_coupling_var", (1,), shape)
    neuron = AdaptiveCurrentLIF(
        decay=decay,
        decay_a=decay_a,
        coupling=clipped(coupling, -1.0, 1.0),
        jump=SubtractValue(value=clipped(step, 0.0, 2.0), detach=True),
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        reset=end_reset(reset_val, stop_reset_grad),
    )
    return prepared(neuron, shape, init_fn)
