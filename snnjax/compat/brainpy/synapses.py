"""The synapses of `brainpy.state`, and how a conductance becomes a current there.

Inputs are jumps of the conductance, or presynaptic spikes for the receptors and for plasticity. Times are in ms.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import cast, starting
from ..._parameter import Param, as_parameter
from ..._synapse import AfterDecay, ExponentialSynapse
from ..._synapse.alpha import AlphaSynapse
from ..._synapse.double_exponential import DoubleExponentialSynapse
from ..._synapse.nmda import NMDA
from ..._synapse.output import ConductanceOutput, CurrentOutput, MagnesiumBlock
from ..._synapse.receptor import AMPA as _AMPA
from ..._synapse.short_term_plasticity import ShortTermDepression, ShortTermPlasticity
from ..._types import Key
from ._base import Size, zeros_of
from ._units import plain


class ClockedState(eqx.Module):
    """State of a receptor: its own, when the last spike came, and how many steps there were."""

    state: Any
    spike_arrival_time: Float[Array, "..."]
    step: Float[Array, "..."]


class _Clocked(AbstractCell[ClockedState]):
    """A receptor whose transmitter is there while `t - spike_arrival_time < duration`, in whole steps.

    The core counts what is left of the pulse instead; the times of the library round, and a pulse may last a step
    longer for it.
    """

    cell: _AMPA | NMDA
    duration: Param

    def init_state(self, x: Any, *, key: Key = None) -> ClockedState:
        return ClockedState(self.cell.init_state(x, key=key), starting(x, -1e7), starting(x, 0.0))

    def __call__(self, state: ClockedState, x: Any, *, key: Key = None) -> tuple[ClockedState, Any]:
        dtype = state.step.dtype
        dt = jnp.zeros_like(state.step) + cast(self.cell.dt, dtype)
        now = state.step * dt
        last = jnp.where(x > 0, now, state.spike_arrival_time)
        remaining = jnp.where(now - last < cast(self.duration, dtype), dt, jnp.zeros_like(dt))
        inner = eqx.tree_at(lambda s: s.remaining, state.state, remaining)
        inner, out = self.cell(inner, jnp.zeros_like(x), key=key)
        return ClockedState(inner, last, state.step + 1), out


class Synapse(AbstractCell):
    """A synapse of the library as one of the core: `update(state, x)` gives the state after a step and the output."""

    cell: AbstractCell
    start: dict[str, Any]
    gain: Param = eqx.field(converter=as_parameter)
    in_size: Size = eqx.field(static=True)
    names: tuple[tuple[str, str], ...] = eqx.field(static=True)
    name: str | None = eqx.field(default=None, static=True)

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any = None, *, batch_size: int | None = None, key: Key = None) -> Any:
        """The state before the first step, for one step's input or, without one, for a `batch_size`."""
        del key
        zeros = zeros_of(self, x, batch_size)
        state = self.cell.init_state(zeros)
        inner = state.state if isinstance(state, ClockedState) else state
        for field, value in self.start.items():
            inner = eqx.tree_at(lambda s, f=field: getattr(s, f), inner, starting(zeros, value))
        return eqx.tree_at(lambda s: s.state, state, inner) if isinstance(state, ClockedState) else inner

    def reset_state(self, batch_size: int | None = None) -> Any:
        """The state before the first step, again."""
        return self.init_state(batch_size=batch_size)

    def update(self, state: Any, x: Any) -> tuple[Any, Float[Array, "..."]]:
        """One step: the state after it, and the output."""
        state, out = self.cell(state, x)
        return state, cast(self.gain, out.dtype) * out

    def __call__(self, state: Any, x: Any, *, key: Key = None) -> tuple[Any, Float[Array, "..."]]:
        del key
        return self.update(state, x)

    def variables(self, state: Any) -> dict[str, Any]:
        """The variables of a state by the library's names."""
        inner = state.state if isinstance(state, ClockedState) else state
        found = {there: getattr(inner, here) for there, here in self.names}
        return {**found, "spike_arrival_time": state.spike_arrival_time} if inner is not state else found


def Expon(
    in_size: Size, name: str | None = None, tau: Any = 8.0, g_initializer: Any = 0.0, *, dt: Any = 0.1
) -> Synapse:
    """`g = g exp(-dt / tau) + x`."""
    cell = ExponentialSynapse(tau_i=plain(tau, "ms"), dt=plain(dt, "ms"))
    return Synapse(cell, {"i": plain(g_initializer, "mS")}, 1.0, in_size, (("g", "i"),), name)


def DualExpon(
    in_size: Size,
    name: str | None = None,
    tau_decay: Any = 10.0,
    tau_rise: Any = 1.0,
    amplitude: Any = 1.0,
    normalize: bool = True,
    g_initializer: Any = 0.0,
    *,
    dt: Any = 0.1,
) -> Synapse:
    """`amplitude (g_decay - g_rise)`, scaled so that a single input peaks at `amplitude` with `normalize`."""
    times = {"tau_i": plain(tau_decay, "ms"), "tau_rise": plain(tau_rise, "ms"), "dt": plain(dt, "ms")}
    cell = DoubleExponentialSynapse(**times, normalise_peak=normalize)
    start = {field: plain(g_initializer, "mS") for field in ("slow", "fast")}
    return Synapse(cell, start, amplitude, in_size, (("g_decay", "slow"), ("g_rise", "fast")), name)


def Alpha(
    in_size: Size, name: str | None = None, tau: Any = 8.0, g_initializer: Any = 0.0, *, dt: Any = 0.1
) -> Synapse:
    """`h = h exp(-dt / tau) + x`; `g` by exponential Euler of `(h - g) / tau` with the old `h`, and put out."""
    options = {"normalise_peak": False, "exact": False, "arrival": AfterDecay()}
    cell = AlphaSynapse(tau_i=plain(tau, "ms"), dt=plain(dt, "ms"), **options)
    start = {field: plain(g_initializer, "mS") for field in ("i", "h")}
    return Synapse(cell, start, 1.0, in_size, (("g", "i"), ("h", "h")), name)


def _pulse(alpha: Any, beta: Any, T: Any, dt: Any) -> dict[str, Any]:
    rates = {"binding": plain(alpha, "1/(mM*ms)"), "unbinding": plain(beta, "kHz")}
    return {**rates, "concentration": plain(T, "mM"), "dt": plain(dt, "ms")}


def AMPA(
    in_size: Size,
    name: str | None = None,
    alpha: Any = 0.98,
    beta: Any = 0.18,
    T: Any = 0.5,
    T_dur: Any = 0.5,
    g_initializer: Any = 0.0,
    *,
    dt: Any = 0.1,
) -> Synapse:
    """`g' = alpha T (1 - g) - beta g`, with the transmitter `T` for `T_dur` after a spike."""
    cell = _Clocked(_AMPA(**_pulse(alpha, beta, T, dt)), plain(T_dur, "ms"))
    return Synapse(cell, {"g": plain(g_initializer, "mS")}, 1.0, in_size, (("g", "g"),), name)


def GABAa(
    in_size: Size,
    name: str | None = None,
    alpha: Any = 0.53,
    beta: Any = 0.18,
    T: Any = 1.0,
    T_dur: Any = 1.0,
    g_initializer: Any = 0.0,
    *,
    dt: Any = 0.1,
) -> Synapse:
    """`AMPA` with other constants."""
    return AMPA(in_size, name, alpha, beta, T, T_dur, g_initializer, dt=dt)


def BioNMDA(
    in_size: Size,
    name: str | None = None,
    alpha1: Any = 2.0,
    beta1: Any = 0.01,
    alpha2: Any = 1.0,
    beta2: Any = 0.5,
    T: Any = 1.0,
    T_dur: Any = 0.5,
    g_initializer: Any = 0.0,
    x_initializer: Any = 0.0,
    *,
    dt: Any = 0.1,
) -> Synapse:
    """`g' = alpha1 x (1 - g) - beta1 g` with the new `x`, `x' = alpha2 T (1 - x) - beta2 x`."""
    opening = {"opening": plain(alpha1, "kHz"), "closing": plain(beta1, "kHz"), "sequential": True}
    cell = _Clocked(NMDA(**opening, **_pulse(alpha2, beta2, T, dt)), plain(T_dur, "ms"))
    start = {"g": plain(g_initializer, "mS"), "bound": x_initializer}
    return Synapse(cell, start, 1.0, in_size, (("g", "g"), ("x", "bound")), name)


def STP(
    in_size: Size, name: str | None = None, U: Any = 0.15, tau_f: Any = 1500.0, tau_d: Any = 200.0, *, dt: Any = 0.1
) -> Synapse:
    """Facilitation and depression; puts out `u x` at a spike, with the `x` before it. It begins at `u = U`."""
    times = {"tau_u": plain(tau_f, "ms"), "tau_r": plain(tau_d, "ms"), "dt": plain(dt, "ms")}
    cell = ShortTermPlasticity(utilisation=U, **times, jump_before_decay=True)
    return Synapse(cell, {"u": U}, 1.0, in_size, (("u", "u"), ("x", "r")), name)


def STD(in_size: Size, name: str | None = None, tau: Any = 200.0, U: Any = 0.07, *, dt: Any = 0.1) -> Synapse:
    """Depression; puts out the `x` before a spike."""
    cell = ShortTermDepression(utilisation=U, tau_r=plain(tau, "ms"), dt=plain(dt, "ms"), jump_before_decay=True)
    return Synapse(cell, {}, 1.0, in_size, (("x", "r"),), name)


def COBA(E: Any) -> ConductanceOutput:
    """`g (E - V)`."""
    return ConductanceOutput(plain(E, "mV"))


def CUBA(scale: Any = 1.0) -> CurrentOutput:
    """`scale g`."""
    return CurrentOutput(scale)


def MgBlock(
    E: Any = 0.0, cc_Mg: Any = 1.2, alpha: Any = 0.062, beta: Any = 3.57, V_offset: Any = 0.0
) -> MagnesiumBlock:
    """`g (E - V) / (1 + cc_Mg / beta exp(alpha (V_offset - V)))`."""
    return MagnesiumBlock(
        reversal=plain(E, "mV"), concentration=cc_Mg, slope=alpha, half_block=beta, offset=plain(V_offset, "mV")
    )
