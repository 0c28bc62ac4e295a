"""Norse's cells."""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PyTree

from ..._cell import AbstractCell
from ..._container import Recurrent, Sequential
from ..._integrator import Euler
from ..._misc import cast
from ..._neuron import ALIF, AbstractNeuron, CubaLIF
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
    LIFBoxParameters,
    LIFExParameters,
    LIFParameters,
    LIFRefracParameters,
    LIParameters,
    LSNNParameters,
)
from .threshold import surrogate


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
    if p.reset_method not in ("value", "subtract"):
        raise ValueError(f"reset_method was given {p.reset_method!r}; it takes 'value' or 'subtract'.")
    reset: AbstractReset = SubtractReset() if p.reset_method == "subtract" else ValueReset(p.v_reset)
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
    """State of a `LIFRefracCell`: that of the neuron, and how many steps it is still refractory."""

    lif: PyTree
    rho: Float[Array, "*shape"]


class _Refractory(AbstractCell[LIFRefracState]):
    """The membrane and the spikes are held while a counter runs; the current goes on. The hold has a gradient there."""

    cell: AbstractNeuron
    rho_reset: Any
    spike: AbstractSurrogate

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> LIFRefracState:
        state = self.cell.init_state(x, key=key)
        return LIFRefracState(lif=state, rho=jnp.zeros_like(state.v))

    def __call__(self, state: LIFRefracState, x: Any, *, key: Key = None) -> tuple[LIFRefracState, Any]:
        after, z = self.cell(state.lif, x, key=key)
        held = self.spike(state.rho)
        after = eqx.tree_at(lambda s: s.v, after, (1 - held) * after.v + held * state.lif.v)
        z = (1 - held) * z.astype(held.dtype)
        rho = (1 - z) * jax.nn.relu(state.rho - held) + z * cast(self.rho_reset, z.dtype)
        return LIFRefracState(lif=after, rho=rho), z.astype(x.dtype)


def LIFRefracCell(
    p: LIFRefracParameters = LIFRefracParameters(), dt: Any = 0.001, *, detach_reset: bool = False
) -> AbstractCell:
    """`LIFCell`, refractory for `rho_reset` steps."""
    cell = LIFCell(p.lif, dt, detach_reset=detach_reset)
    return _Refractory(cell, p.rho_reset, surrogate(p.lif.method, p.lif.alpha))


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


class _WithoutAutapses(eqx.Module):
    """Recurrent weights whose diagonal counts as zero, and is not trained."""

    weight: Float[Array, "hidden hidden"]

    def __call__(self, z: Float[Array, " hidden"]) -> Float[Array, " hidden"]:
        return (self.weight - jnp.diag(jnp.diag(self.weight))).astype(z.dtype) @ z


class _Weights(eqx.Module):
    """Weights without a bias."""

    weight: Float[Array, "hidden inputs"]

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " hidden"]:
        return self.weight.astype(x.dtype) @ x


def recurrent(
    cell: AbstractCell,
    input_size: int,
    hidden_size: int,
    *,
    input_weights: Array | None = None,
    recurrent_weights: Array | None = None,
    autapses: bool = False,
    key: Key = None,
) -> Sequential:
    """A recurrent cell of Norse: input weights, and a cell that hears its spikes of the step before.

    Weights that are not given are drawn, normal with the deviation `sqrt(2 / hidden_size)`. Without `autapses` no
    neuron hears itself.
    """
    if key is None and (input_weights is None or recurrent_weights is None):
        raise ValueError("a recurrent cell was given neither weights nor a key; without weights they are drawn.")
    k1, k2 = (None, None) if key is None else jr.split(key)
    deviation = math.sqrt(2 / hidden_size)
    if input_weights is None:
        assert k1 is not None
        input_weights = deviation * jr.normal(k1, (hidden_size, input_size))
    if recurrent_weights is None:
        assert k2 is not None
        recurrent_weights = deviation * jr.normal(k2, (hidden_size, hidden_size))
    feedback = _Weights(recurrent_weights) if autapses else _WithoutAutapses(recurrent_weights)
    return Sequential(_Weights(input_weights), Recurrent(cell, feedback))


def LIFRecurrentCell(
    input_size: int, hidden_size: int, p: LIFParameters = LIFParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFCell` that hears itself; the keyword arguments are those of `recurrent`."""
    return recurrent(LIFCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def LIFExRecurrentCell(
    input_size: int, hidden_size: int, p: LIFExParameters = LIFExParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFExCell` that hears itself."""
    return recurrent(LIFExCell(p, dt), input_size, hidden_size, **weights)


def LIFAdExRecurrentCell(
    input_size: int, hidden_size: int, p: LIFAdExParameters = LIFAdExParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFAdExCell` that hears itself."""
    return recurrent(LIFAdExCell(p, dt), input_size, hidden_size, **weights)


def LIFRefracRecurrentCell(
    input_size: int, hidden_size: int, p: LIFRefracParameters = LIFRefracParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LIFRefracCell` that hears itself."""
    return recurrent(LIFRefracCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def LSNNRecurrentCell(
    input_size: int, hidden_size: int, p: LSNNParameters = LSNNParameters(), dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`LSNNCell` that hears itself."""
    return recurrent(LSNNCell(p, dt, detach_reset=True), input_size, hidden_size, **weights)


def IzhikevichRecurrentCell(
    input_size: int, hidden_size: int, spiking_method: IzhikevichSpikingBehavior, dt: Any = 0.001, **weights: Any
) -> Sequential:
    """`IzhikevichCell` that hears itself."""
    return recurrent(IzhikevichCell(spiking_method, dt), input_size, hidden_size, **weights)


# Over time `unroll` runs a cell, so that the layers have the names of their cells.
LIF, LIFRecurrent, LIFBox, LI, LIBox = LIFCell, LIFRecurrentCell, LIFBoxCell, LICell, LIBoxCell
LIFEx, LIFExRecurrent, LIFAdEx, LIFAdExRecurrent = LIFExCell, LIFExRecurrentCell, LIFAdExCell, LIFAdExRecurrentCell
LSNN, LSNNRecurrent, IAF, CobaLIFLayer = LSNNCell, LSNNRecurrentCell, IAFCell, CobaLIFCell
Izhikevich, IzhikevichRecurrent = IzhikevichCell, IzhikevichRecurrentCell
