"""Norse's cells without weights."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._integrator import Euler
from ..._misc import cast
from ..._neuron import ALIF, CubaLIF
from ..._neuron import IF as _IF
from ..._neuron import LI as _LI
from ..._neuron import LIF as _LIF
from ..._neuron.adex import AdEx
from ..._neuron.conductance_based import CobaLIF
from ..._neuron.exponential_integrate_and_fire import ExpIF
from ..._neuron.izhikevich import Izhikevich as _Izhikevich
from ..._order import AbstractOrder, ResetLast
from ..._reset import AbstractReset, SubtractReset, ValueReset
from ..._surrogate import AbstractSurrogate
from ..._synapse import BeforeDecay, ExponentialSynapse, HeardUndecayed, NextStep
from ..._synapse.output import ConductanceOutput
from ..._types import Key
from .._common import DetachedResetLast, Prepared, Unchecked
from .parameters import (
    CobaLIFParameters,
    IAFParameters,
    IzhikevichSpikingBehavior,
    LIBoxParameters,
    LIFAdExParameters,
    LIFAdExRefracParameters,
    LIFBoxParameters,
    LIFExParameters,
    LIFParameters,
    LIFRefracParameters,
    LIParameters,
    LSNNParameters,
)
from .threshold import surrogate


def reset_value(z: Array, v: Array, reset: Any, th: Any) -> Array:
    """`(1 - z) v + z reset`; the threshold `th` is not used."""
    return ValueReset(reset).apply(v, z, th)


def reset_subtract(z: Array, v: Array, reset: Any, th: Any) -> Array:
    """`v - z th`; the value `reset` is not used."""
    del reset
    return SubtractReset().apply(v, z, th)


def _order(recurrent: bool) -> AbstractOrder:
    return DetachedResetLast() if recurrent else ResetLast()


def _decay(rate: Any, dt: Any) -> Unchecked:
    return Unchecked(1 - dt * rate)


def _firing(p: Any) -> dict[str, Any]:
    return {"surrogate": surrogate(p.method, p.alpha), "reset": ValueReset(p.v_reset)}


def LIFCell(p: LIFParameters = LIFParameters(), dt: Any = 0.001, *, detach_reset: bool = False) -> CubaLIF:
    """`j = i + x`, `v = v + dt tau_mem_inv (v_leak - v + j)`, `i = j - dt tau_syn_inv j`, reset to `v_reset`."""
    return CubaLIF(
        decay=_decay(p.tau_mem_inv, dt),
        decay_i=_decay(p.tau_syn_inv, dt),
        threshold=p.v_th,
        rest=p.v_leak,
        normalise_input=True,
        arrival=HeardUndecayed(),
        order=_order(detach_reset),
        **_firing(p),
    )


def LIFBoxCell(p: LIFBoxParameters = LIFBoxParameters(), dt: Any = 0.001) -> _LIF:
    """`v = v + dt tau_mem_inv (v_leak - v + x)`."""
    if p.reset_method not in ("value", "subtract", reset_value, reset_subtract):
        raise ValueError(
            f"reset_method was given {p.reset_method!r}; it takes 'value' or 'subtract', or the functions reset_value "
            f"and reset_subtract. Another reset is an option of the core's LIF."
        )
    subtracts = p.reset_method in ("subtract", reset_subtract)
    reset: AbstractReset = SubtractReset() if subtracts else ValueReset(p.v_reset)
    return _LIF(
        decay=_decay(p.tau_mem_inv, dt),
        threshold=p.v_th,
        rest=p.v_leak,
        normalise_input=True,
        surrogate=surrogate(p.method, p.alpha),
        reset=reset,
    )


def _synapse(p: Any, dt: Any) -> ExponentialSynapse:
    return ExponentialSynapse(decay_i=_decay(p.tau_syn_inv, dt), arrival=HeardUndecayed())


def LIFExCell(p: LIFExParameters = LIFExParameters(), dt: Any = 0.001) -> Sequential:
    """`LIFCell` with the upstroke `delta_T exp((v - v_th) / delta_T)`: a synapse and an `ExpIF`."""
    neuron = ExpIF(
        tau=1 / p.tau_mem_inv,
        rest=p.v_leak,
        rheobase=p.v_th,
        slope_factor=p.delta_T,
        threshold=p.v_th,
        dt=dt,
        integrator=Euler(),
        **_firing(p),
    )
    return Sequential(_synapse(p, dt), neuron)


def LIFAdExCell(p: LIFAdExParameters = LIFAdExParameters(), dt: Any = 0.001) -> Sequential:
    """`LIFExCell` with an adaptation current: a synapse and an `AdEx`."""
    neuron = AdEx(
        capacitance=1 / p.tau_mem_inv,
        leak_conductance=1.0,
        rest=p.v_leak,
        rheobase=p.v_th,
        slope_factor=p.delta_T,
        tau_w=1 / p.tau_ada_inv,
        a=p.adaptation_current,
        b=p.adaptation_spike,
        threshold=p.v_th,
        dt=dt,
        integrator=Euler(),
        **_firing(p),
    )
    return Sequential(_synapse(p, dt), neuron)


class LIFRefracState(eqx.Module):
    """State of a refractory cell: that of the neuron (and its synapse), and how many steps it is still refractory."""

    lif: PyTree
    rho: Float[Array, "*shape"]


def membrane(state: PyTree) -> Any:
    """The membrane in the state of a cell, or of a synapse and a cell."""
    return (state[-1] if isinstance(state, tuple) else state).v


def countdown(rho: Array, held: Array, z: Array, rho_reset: Any) -> Array:
    """The steps that are left of a refractory period, which a spike starts."""
    return (1 - z) * jax.nn.relu(rho - held) + z * cast(rho_reset, z.dtype)


class _Refractory(AbstractCell[LIFRefracState]):
    """The membrane and the spikes are held while a counter runs; all else goes on. The hold has a gradient there."""

    cell: AbstractCell
    rho_reset: Any
    spike: AbstractSurrogate

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LIFRefracState:
        state = self.cell.init_state(x, key=key)
        return LIFRefracState(lif=state, rho=jnp.zeros_like(membrane(state)))

    def __call__(self, state: LIFRefracState, x: Any, *, key: Key = None) -> tuple[LIFRefracState, Any]:
        after, z = self.cell(state.lif, x, key=key)
        held = self.spike(state.rho)
        after = eqx.tree_at(membrane, after, (1 - held) * membrane(after) + held * membrane(state.lif))
        z = (1 - held) * z.astype(held.dtype)
        rho = countdown(state.rho, held, z, self.rho_reset)
        return LIFRefracState(lif=after, rho=rho), z.astype(x.dtype)


def LIFRefracCell(
    p: LIFRefracParameters = LIFRefracParameters(), dt: Any = 0.001, *, detach_reset: bool = False
) -> AbstractCell:
    """`LIFCell`, refractory for `rho_reset` steps."""
    cell = LIFCell(p.lif, dt, detach_reset=detach_reset)
    return _Refractory(cell, p.rho_reset, surrogate(p.lif.method, p.lif.alpha))


def LIFAdExRefracCell(p: LIFAdExRefracParameters = LIFAdExRefracParameters(), dt: Any = 0.001) -> AbstractCell:
    """`LIFAdExCell`, refractory for `rho_reset` steps.

    The adaptation jumps at every spike of the neuron inside, also at one that the refractory period keeps back.
    """
    return _Refractory(LIFAdExCell(p.lif_adex, dt), p.rho_reset, surrogate(p.lif_adex.method, p.lif_adex.alpha))


def LSNNCell(p: LSNNParameters = LSNNParameters(), dt: Any = 0.001, *, detach_reset: bool = False) -> Sequential:
    """A synapse that is heard a step later, and a neuron whose threshold `b` relaxes to `v_th` and jumps by `beta`.

    In the state, `b = v_th + beta a`.
    """
    neuron = ALIF(
        decay=_decay(p.tau_mem_inv, dt),
        decay_a=_decay(p.tau_adapt_inv, dt),
        threshold=p.v_th,
        strength=p.beta,
        rest=p.v_leak,
        normalise_input=True,
        decay_before_fire=True,
        order=_order(detach_reset),
        **_firing(p),
    )
    synapse = ExponentialSynapse(decay_i=_decay(p.tau_syn_inv, dt), arrival=NextStep())
    return Sequential(synapse, neuron)


def LICell(p: LIParameters = LIParameters(), dt: Any = 0.001) -> Sequential:
    """A synapse and a leaky integrator, without spikes."""
    return Sequential(_synapse(p, dt), LIBoxCell(LIBoxParameters(p.tau_mem_inv, p.v_leak), dt))


def LIBoxCell(p: LIBoxParameters = LIBoxParameters(), dt: Any = 0.001) -> _LI:
    """`v = v + dt tau_mem_inv (v_leak - v + x)`, which is put out."""
    return _LI(decay=_decay(p.tau_mem_inv, dt), rest=p.v_leak, normalise_input=True)


def IAFCell(p: IAFParameters = IAFParameters()) -> Prepared:
    """`v = v + x`, reset to `v_reset`, where it starts. There is no leak, and so no `dt`."""
    return Prepared(_IF(threshold=p.v_th, **_firing(p)), {"v": p.v_reset})


def _signs(x: Float[Array, "*shape"]) -> Float[Array, "2 *shape"]:
    """The two signs of an input apart; an input of zero has no gradient there, to either."""
    return jax.nn.relu(jnp.stack([x, -x]))


def CobaLIFCell(p: CobaLIFParameters = CobaLIFParameters(), dt: Any = 0.001) -> Sequential:
    """Conductances that a signed input raises; forward Euler. The membrane starts at 0.

    The recurrent step of the library forgets its input; this is its feed-forward one.
    """
    neuron = CobaLIF(
        tau=1 / (p.c_m_inv * p.g_l),
        decay_excitatory=_decay(p.tau_syn_exc_inv, dt),
        decay_inhibitory=_decay(p.tau_syn_inh_inv, dt),
        excitatory=ConductanceOutput(p.e_rev_E),
        inhibitory=ConductanceOutput(p.e_rev_I),
        resistance=1 / p.g_l,
        rest=p.v_rest,
        threshold=p.v_thresh,
        dt=dt,
        arrival=BeforeDecay(),
        separate=True,
        integrator=Euler(),
        **_firing(p),
    )
    return Sequential(_signs, Prepared(neuron, {"v": 0.0}))


def IzhikevichCell(spiking_method: IzhikevichSpikingBehavior, dt: Any = 0.001) -> AbstractCell:
    """Forward Euler with steps of `dt * tau_inv` ms."""
    p = spiking_method.p
    neuron = _Izhikevich(
        a=p.a,
        b=p.b,
        d=p.d,
        threshold=p.v_th,
        dt=dt * p.tau_inv,
        surrogate=surrogate(p.method, p.alpha),
        reset=ValueReset(p.c),
        quadratic=p.sq,
        linear=p.mn,
        constant=p.bias,
        peak=1e30,
        integrator=Euler(),
    )
    return Prepared(neuron, {"v": spiking_method.v, "u": spiking_method.u})


# Over time `unroll` runs a cell, so that the layers have the names of their cells.
LIF, LIFBox, LIFEx, LIFAdEx, LSNN, IAF = LIFCell, LIFBoxCell, LIFExCell, LIFAdExCell, LSNNCell, IAFCell
LI, LIBox, CobaLIFLayer, Izhikevich = LICell, LIBoxCell, CobaLIFCell, IzhikevichCell
