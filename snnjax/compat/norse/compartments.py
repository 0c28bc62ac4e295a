"""Norse's cells of several compartments: neurons whose membranes are coupled."""

import dataclasses
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._misc import cast, split_key
from ..._neuron import CubaLIF
from ..._neuron.current_based import CubaLIFState
from ..._surrogate import AbstractSurrogate
from ..._synapse import NextStep
from ..._types import Key
from .neurons import LIFCell, LIFRefracState, countdown
from .parameters import LIFParameters, LIFRefracParameters
from .threshold import surrogate
from .weights import drawn, recurrent


class _Compartments(AbstractCell[CubaLIFState]):
    """A step of the cell, and then the membranes draw on each other: `v = v + dt g_coupling v`."""

    cell: CubaLIF
    g_coupling: Float[Array, "hidden hidden"]
    dt: Any

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> CubaLIFState:
        return self.cell.init_state(x, key=key)

    def __call__(self, state: CubaLIFState, x: Any, *, key: Key = None) -> tuple[CubaLIFState, Any]:
        after, z = self.cell(state, x, key=key)
        drawn_in = cast(self.dt, after.v.dtype) * (cast(self.g_coupling, after.v.dtype) @ after.v)
        return CubaLIFState(v=after.v + drawn_in, i=after.i), z


class _RefractoryCompartments(AbstractCell[LIFRefracState]):
    """The leak and the current are held back while a counter runs; the coupling, the spikes and the reset go on."""

    cell: CubaLIF
    g_coupling: Float[Array, "hidden hidden"]
    rho_reset: Any
    spike: AbstractSurrogate

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LIFRefracState:
        state = self.cell.init_state(x, key=key)
        return LIFRefracState(lif=state, rho=jnp.zeros_like(state.v))

    def __call__(self, state: LIFRefracState, x: Any, *, key: Key = None) -> tuple[LIFRefracState, Any]:
        before, held = state.lif, self.spike(state.rho)
        after = self.cell.integrate(before, x)
        v = (1 - held) * after.v + held * before.v + cast(self.g_coupling, before.v.dtype) @ before.v
        after = CubaLIFState(v=v, i=after.i)
        z = self.cell.fire(before, after, key)
        rho = countdown(state.rho, held, z, self.rho_reset)
        return LIFRefracState(lif=self.cell.spiked(after, z), rho=rho), z.astype(x.dtype)


def _coupling(g_coupling: Array | None, hidden_size: int, key: Key) -> Float[Array, "hidden hidden"]:
    if g_coupling is None:
        return drawn(key, hidden_size, hidden_size, 1 / math.sqrt(hidden_size))
    if g_coupling.shape != (hidden_size, hidden_size):
        raise ValueError(
            f"g_coupling was given the shape {g_coupling.shape}; it takes {(hidden_size, hidden_size)}, a row per "
            f"neuron. Give one of that shape, or a key, and it is drawn."
        )
    return g_coupling


def LIFMCRecurrentCell(
    input_size: int,
    hidden_size: int,
    p: LIFParameters = LIFParameters(),
    g_coupling: Array | None = None,
    dt: Any = 0.001,
    *,
    key: Key = None,
    **weights: Any,
) -> Sequential:
    """`LIFRecurrentCell` whose membranes are coupled: `v = v + dt g_coupling v`, after the reset.

    ```
    j = i + input_weights x + recurrent_weights z
    v = v + dt tau_mem_inv (v_leak - v + j)
    i = j - dt tau_syn_inv j
    z = H(v - v_th),  v = (1 - z) v + z v_reset
    v = v + dt g_coupling v
    ```

    **Arguments:**

    - `input_size`, `hidden_size`: how many inputs and neurons.
    - `p`: the constants, in 1/s and in units of the membrane.
    - `g_coupling`: conductances between the neurons, in 1/s, shape `(hidden_size, hidden_size)`. A weighted sum, not
        one of differences: the diagonal is taken as it is given. Drawn if None, with the deviation
        `1 / sqrt(hidden_size)`.
    - `dt`: length of a step, in s.
    - `key`, `weights`: those of `recurrent`.

    Raises a `ValueError` for conductances of another shape, and for neither weights nor a key. The feed-forward step of
    the library has no cell there; it couples before the leak instead, and is left out.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import norse

    _, zs = snn.unroll(norse.LIFMCRecurrentCell(3, 4, key=jax.random.key(0)), jnp.ones((20, 3)))
    assert zs.shape == (20, 4)
    ```
    """
    k1, k2 = split_key(key, 2)
    cell = LIFCell(p, dt, detach_reset=True)
    coupled = _Compartments(cell, _coupling(g_coupling, hidden_size, k1), dt)
    return recurrent(coupled, input_size, hidden_size, key=k2, **weights)


def LIFMCRefracRecurrentCell(
    input_size: int,
    hidden_size: int,
    p: LIFRefracParameters = LIFRefracParameters(),
    g_coupling: Array | None = None,
    dt: Any = 0.001,
    *,
    key: Key = None,
    **weights: Any,
) -> Sequential:
    """Coupled membranes with a refractory period of `rho_reset` steps; an input is heard a step later.

    ```
    m = H(rho)
    v = v + (1 - m) dt tau_mem_inv (v_leak - v + i) + g_coupling v
    i = i - dt tau_syn_inv i + input_weights x + recurrent_weights z
    z = H(v - v_th),  v = (1 - z) v + z v_reset
    rho = (1 - z) relu(rho - m) + z rho_reset
    ```

    Three things differ from `LIFMCRecurrentCell`, and are here as they are there: the coupling is per step, whatever
    `dt` is; it goes on in the refractory period, in which a neuron may so fire again; and the spike in the reset has a
    gradient.

    **Arguments:** those of `LIFMCRecurrentCell`, with `g_coupling` per step.

    Raises a `ValueError` for conductances of another shape, and for neither weights nor a key.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import norse

    cell = norse.LIFMCRefracRecurrentCell(3, 4, g_coupling=jnp.zeros((4, 4)), key=jax.random.key(0))
    _, zs = snn.unroll(cell, jnp.ones((20, 3)))
    assert zs.shape == (20, 4)
    ```
    """
    k1, k2 = split_key(key, 2)
    cell = dataclasses.replace(LIFCell(p.lif, dt), arrival=NextStep())
    spike = surrogate(p.lif.method, p.lif.alpha)
    coupled = _RefractoryCompartments(cell, _coupling(g_coupling, hidden_size, k1), p.rho_reset, spike)
    return recurrent(coupled, input_size, hidden_size, key=k2, **weights)
