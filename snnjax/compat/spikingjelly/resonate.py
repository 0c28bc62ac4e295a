"""SpikingJelly's resonate-and-fire neuron."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._neuron import AbstractNeuron
from ..._neuron.resonate_and_fire import ResonateAndFire, ResonateAndFireState
from ..._order import AbstractOrder, ResetLast
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import SIGMOID, begun, firing


class RAF(AbstractNeuron[ResonateAndFireState]):
    """A `ResonateAndFire` whose reset is that of the membrane alone: the current swings on.

    **Arguments:**

    - `neuron`: a `ResonateAndFire`; its reset acts on `v` itself.
    - `order`: `ResetLast()`.
    """

    neuron: ResonateAndFire
    order: AbstractOrder = ResetLast()

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> ResonateAndFireState:
        return self.neuron.init_state(x, key=key)

    def integrate(self, state: ResonateAndFireState, x: Float[Array, "*shape"]) -> ResonateAndFireState:
        return self.neuron.integrate(state, x)

    def fire(self, before: ResonateAndFireState, state: ResonateAndFireState, key: Key) -> Float[Array, "*shape"]:
        return self.neuron.fire(before, state, key)

    def spiked(self, state: ResonateAndFireState, z: Float[Array, "*shape"]) -> ResonateAndFireState:
        return ResonateAndFireState(u=state.u, v=self.neuron.reset(state.v, z, self.neuron.threshold))


def RAFNode(
    b: float = -0.2,
    omega: float = 1.0,
    dt: float = 1.0,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """Resonate-and-fire: `u + i v` turns by `omega dt` in a step, and decays by `exp(b dt)`; the input enters `u`.

    A spike resets `v` alone, to `v_reset` or by the threshold. Raises a `ValueError` unless `b < 0`, `omega > 0` and
    `dt > 0`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    xs = 2.0 * (jnp.arange(20) == 0)
    assert snn.unroll(spikingjelly.RAFNode(), xs)[1].sum() > 0
    ```

    Source: E. M. Izhikevich, Resonate-and-fire neurons, 2001.
    """
    if not (b < 0 and omega > 0 and dt > 0):
        raise ValueError(
            f"RAFNode was given b={b}, omega={omega} and dt={dt}; it takes a b below 0, and the others above 0. For a "
            f"reset of the whole swing use ResonateAndFire."
        )
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    return begun(RAF(neuron=ResonateAndFire(tau=-1 / b, omega=omega, dt=dt, **options)), v_reset)
