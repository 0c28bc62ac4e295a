"""SpikingJelly's neurons, by their names there: charge, fire, reset in one step, with `dt = 1`.

`v_reset` is a number for a hard reset to it, or None for a soft one; it is also where the membrane starts and, in the
leaky ones, what it decays to. `detach_reset` cuts the gradient through the spike in the reset of the membrane.
`step_mode`, `backend` and `store_v_seq` have no counterpart: `unroll` runs and records.
"""

import math
from typing import Any

import jax.numpy as jnp
import jax.random as jr

from ..._cell import AbstractCell
from ..._integrator import Euler
from ..._neuron import IF, LI, LIF, CubaLIF
from ..._neuron.adaptive_quadratic import AdaptiveQIF
from ..._neuron.exponential_integrate_and_fire import ExpIF
from ..._neuron.parallel_spiking import MaskedParallelSpiking, ParallelSpiking, SlidingParallelSpiking
from ..._neuron.parametric import parametric_lif
from ..._neuron.quadratic import QIF
from ..._reset import NoReset
from ..._surrogate import AbstractSpike, StraightThrough
from ..._types import Key
from .._common import Prepared
from ._options import SIGMOID, begun, check_tau, firing
from .surrogate import ATan, Rect


def IFNode(
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`v = v + x`."""
    return begun(IF(**firing(v_threshold, v_reset, surrogate_function, detach_reset)), v_reset)


def HalfThresholdIFNode(
    v_threshold: Any = 1.0, surrogate_function: AbstractSpike = SIGMOID, detach_reset: bool = False
) -> AbstractCell:
    """`IFNode` with a soft reset, that starts at half of its threshold."""
    return Prepared(IF(**firing(v_threshold, None, surrogate_function, detach_reset)), {"v": v_threshold / 2})


def LIFNode(
    tau: Any = 2.0,
    decay_input: bool = True,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> LIF:
    """`v = v + (x - (v - v_reset)) / tau`, or `v = v - (v - v_reset) / tau + x` without `decay_input`."""
    check_tau(tau)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    return LIF(decay=1 - 1 / tau, rest=0.0 if v_reset is None else v_reset, normalise_input=decay_input, **options)


def ParametricLIFNode(
    init_tau: float = 2.0,
    decay_input: bool = True,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> LIF:
    """`LIFNode` with a trained time constant, `1 / tau = sigmoid(w)`; here `decay.raw = -w`."""
    check_tau(init_tau)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    return parametric_lif(init_tau, rest=0.0 if v_reset is None else v_reset, normalise_input=decay_input, **options)


def CUBALIFNode(
    c_decay: Any = 0.5,
    v_decay: Any = 0.75,
    v_threshold: Any = 0.5,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = Rect(),
) -> AbstractCell:
    """`c = c_decay c + x`, `v = v_decay v + c`."""
    options = firing(v_threshold, v_reset, surrogate_function, False)
    return begun(CubaLIF(decay=v_decay, decay_i=c_decay, **options), v_reset)


def QIFNode(
    tau: Any = 2.0,
    v_c: Any = 0.8,
    a0: Any = 1.0,
    v_threshold: Any = 1.0,
    v_rest: Any = 0.0,
    v_reset: Any = -0.1,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`v = v + (x + a0 (v - v_rest) (v - v_c)) / tau`."""
    check_tau(tau)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    cell = QIF(tau=tau, rest=v_rest, critical=v_c, curvature=a0, dt=1.0, integrator=Euler(), **options)
    return begun(cell, v_reset)


def EIFNode(
    tau: Any = 2.0,
    delta_T: Any = 1.0,
    theta_rh: Any = 0.8,
    v_threshold: Any = 1.0,
    v_rest: Any = 0.0,
    v_reset: Any = -0.1,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`v = v + (x + v_rest - v + delta_T exp((v - theta_rh) / delta_T)) / tau`."""
    check_tau(tau)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    euler = {"dt": 1.0, "integrator": Euler()}
    cell = ExpIF(tau=tau, rest=v_rest, rheobase=theta_rh, slope_factor=delta_T, **euler, **options)
    return begun(cell, v_reset)


def IzhikevichNode(
    tau: Any = 2.0,
    v_c: Any = 0.8,
    a0: Any = 1.0,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    v_rest: Any = -0.1,
    w_rest: Any = 0.0,
    tau_w: Any = 2.0,
    a: Any = 0.0,
    b: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """A quadratic neuron with an adaptation `w`, which hears the new membrane and jumps by `b` at a spike."""
    check_tau(tau)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    constants = {"rest": v_rest, "critical": v_c, "curvature": a0, "tau_w": tau_w, "a": a, "b": b}
    euler = {"dt": 1.0, "integrator": Euler(sequential=True)}
    cell = AdaptiveQIF(tau=tau, resistance=1.0, **constants, **euler, **options)
    return Prepared(cell, {"v": 0.0 if v_reset is None else v_reset, "w": w_rest})


def NonSpikingIFNode() -> IF:
    """`v = v + x`; record `state.v`, and decode it by `snnjax.decode`."""
    return IF(surrogate=StraightThrough(), reset=NoReset())


def NonSpikingLIFNode(tau: Any = 2.0) -> LI:
    """`v = v + (x - v) / tau`, which is put out; decode it by `snnjax.decode`."""
    check_tau(tau)
    return LI(decay=1 - 1 / tau, normalise_input=True)


def _uniform(shape: tuple[int, ...], key: Key) -> Any:
    """What a layer of `shape[-1]` inputs starts with there."""
    if key is None:
        raise ValueError("a parallel spiking neuron was given no key; its weights are drawn, which takes a PRNG key.")
    return jr.uniform(key, shape, minval=-1.0, maxval=1.0) / math.sqrt(shape[-1])


def PSN(T: int, surrogate_function: AbstractSpike = ATan(), *, key: Key) -> ParallelSpiking:
    """`z = H(weight @ x + bias)` over time, future inputs too; `threshold = -bias`, one per step, 1 at first."""
    return ParallelSpiking(_uniform((T, T), key), jnp.ones(T), surrogate_function, causal=False)


def MaskedPSN(
    k: int, T: int, lambda_init: float = 0.0, surrogate_function: AbstractSpike = ATan(), *, key: Key
) -> MaskedParallelSpiking:
    """`PSN` whose weights outside of the last `k` steps count as `1 - lambda` of themselves."""
    # A mask that is complete leaves no future input, and a layer that can be stepped.
    options = {"window": k, "masking": lambda_init, "causal": lambda_init >= 1}
    return MaskedParallelSpiking(_uniform((T, T), key), threshold=jnp.ones(T), surrogate=surrogate_function, **options)


def SlidingPSN(
    k: int, exp_init: bool = True, surrogate_function: AbstractSpike = ATan(), *, key: Key = None
) -> SlidingParallelSpiking:
    """`z = H(sum_i weight_i x[t - k + 1 + i] + bias)`, the same weights in every step; `threshold = -bias`."""
    weight = 2.0 ** jnp.arange(1.0 - k, 1.0) if exp_init else _uniform((k,), key)
    return SlidingParallelSpiking(weight, jnp.ones(()), surrogate_function)
