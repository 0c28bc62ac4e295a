"""Layers of neurons without adaptation: which cell of snnjax each is, with which options."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._cell import AbstractCell
from ..._misc import check_finite, check_positive
from ..._neuron import LIF as _LIF
from ..._neuron import CubaLIF as _CubaLIF
from ..._parameter import Fixed, Param, as_float_array, parameter, resolve
from ..._reset import AbstractReset, NoReset
from ..._surrogate import AbstractSpike
from ..._synapse import BeforeDecay
from .._common import Unchecked
from ._activation import Clipped, Membrane, MembraneSubtract, MultiSpike, SingleExponential, SpikeFunction
from ._layer import StatefulLayer

Shape = tuple[int, ...]


def set_time_constant(layer: Any, name: str, tau: Param | None, train_alphas: bool) -> None:
    """Set the fields `tau_NAME` and `alpha_NAME`: the one that is a parameter, and None for the other."""
    setattr(layer, f"tau_{name}", tau)
    setattr(layer, f"alpha_{name}", None)
    if tau is None:
        return
    check_positive(layer, f"tau_{name}")
    if train_alphas:
        setattr(layer, f"tau_{name}", None)
        setattr(layer, f"alpha_{name}", jnp.exp(-1.0 / as_float_array(resolve(tau), f"tau_{name}")))


def alpha(tau: Param | None, alpha: Param | None) -> Any:
    """The decay per step, None without either."""
    if alpha is not None:
        return jnp.asarray(resolve(alpha))
    return None if tau is None else jnp.exp(-1.0 / jnp.asarray(resolve(tau)))


def _tau(tau: Param | None, alpha: Param | None) -> Array | None:
    """The time constant in steps."""
    if tau is not None:
        return jnp.asarray(resolve(tau))
    return None if alpha is None else -1.0 / jnp.log(jnp.asarray(resolve(alpha)))


def decaying(suffix: str, tau: Param | None, alpha: Param | None) -> dict[str, Any]:
    """The arguments of a cell of snnjax that say how fast something decays."""
    return {f"tau{suffix}": tau} if alpha is None else {f"decay{suffix}": Unchecked(alpha)}


def _constant(value: Any) -> Any:
    """An array as one that is not trained."""
    return Fixed(value) if isinstance(value, jax.Array | np.ndarray) else value


def _spike(spike_fn: Any, surrogate_grad_fn: Callable) -> AbstractSpike:
    """The spike function of a layer: a class or an instance of sinabs gets the derivative, others have their own."""
    if spike_fn is None:
        return Membrane()
    spike = spike_fn() if isinstance(spike_fn, type) else spike_fn
    if isinstance(spike, SpikeFunction):
        return eqx.tree_at(lambda s: s.surrogate, spike, surrogate_grad_fn)
    if not isinstance(spike, AbstractSpike):
        raise TypeError(
            f"spike_fn was given {spike_fn!r}; it takes SingleSpike, MultiSpike, MaxSpike(n), another SpikeFunction, "
            f"or a spike function of snnjax. Subclass SpikeFunction for one of your own."
        )
    return spike


class LIF(StatefulLayer):
    """Leaky integrate-and-fire neurons, with a synaptic current or without.

    ```
    alpha = exp(-1 / tau)
    i_syn = alpha_syn * (i_syn + x)                        with tau_syn; else the current is x
    v_mem = alpha_mem * v_mem + (1 - alpha_mem) * i_syn    with norm_input; else + i_syn
    spikes = spike_fn(v_mem, spike_threshold)
    v_mem = reset_fn(v_mem, spikes, spike_threshold)
    v_mem = max(v_mem, min_v_mem)
    ```

    **Arguments:**

    - `tau_mem`: time constant of the membrane, in steps; a number, or an array that is trained, for all neurons or
        one for each.
    - `tau_syn`: time constant of the current, in steps; None for no synapse.
    - `spike_threshold`: in the unit of the membrane. Never trained.
    - `spike_fn`: `SingleSpike`, `MultiSpike`, `MaxSpike(n)`, or another `SpikeFunction`. A spike function of snnjax
        may be given too and brings its own derivative. None puts out the membrane.
    - `reset_fn`: `MembraneSubtract()`, `MembraneReset()`, or a reset of snnjax.
    - `surrogate_grad_fn`: the derivative of a spike, a function `(v_mem, spike_threshold)` such as
        `SingleExponential()`, `Gaussian()`, `MultiGaussian()`, `Heaviside()`, `PeriodicExponential()`.
    - `min_v_mem`: the lowest membrane, in its own unit; None for none. A membrane that is held there has no gradient.
        Never trained.
    - `train_alphas`: train `alpha_mem` and `alpha_syn`, with no range, in place of the time constants.
    - `shape`: (batch, ...) of the states that `reset_states` makes.
    - `norm_input`: scale the current by `1 - alpha_mem`.
    - `record_states`: let `run` return `v_mem` (and `i_syn`) over time.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    layer = sinabs.LIF(tau_mem=20.0, tau_syn=5.0, spike_fn=sinabs.SingleSpike, norm_input=False)
    spikes = layer.forward(0.2 * jnp.ones((3, 100, 8)))        # (batch, time, ...)
    assert spikes.shape == (3, 100, 8)
    ```

    Source: sinabs 3.1.3, `sinabs.layers.LIF`.
    """

    tau_mem: Param | None = parameter(None)
    tau_syn: Param | None = parameter(None)
    spike_threshold: Param = parameter(1.0)
    spike_fn: AbstractSpike = MultiSpike()
    reset_fn: AbstractReset = MembraneSubtract()
    min_v_mem: Param | None = parameter(None)
    alpha_mem: Param | None = parameter(None)
    alpha_syn: Param | None = parameter(None)
    train_alphas: bool = eqx.field(default=False, static=True)
    shape: Shape | None = eqx.field(default=None, static=True)
    norm_input: bool = eqx.field(default=True, static=True)
    record_states: bool = eqx.field(default=False, static=True)

    def __init__(
        self,
        tau_mem: Param,
        tau_syn: Param | None = None,
        spike_threshold: Param = 1.0,
        spike_fn: Any = MultiSpike,
        reset_fn: AbstractReset = MembraneSubtract(),
        surrogate_grad_fn: Callable = SingleExponential(),
        min_v_mem: Param | None = None,
        train_alphas: bool = False,
        shape: Shape | None = None,
        norm_input: bool = True,
        record_states: bool = False,
    ):
        set_time_constant(self, "mem", tau_mem, train_alphas)
        set_time_constant(self, "syn", tau_syn, train_alphas)
        self.spike_threshold = _constant(spike_threshold)
        self.spike_fn = _spike(spike_fn, surrogate_grad_fn)
        self.reset_fn = reset_fn
        self.min_v_mem = _constant(min_v_mem)
        self.train_alphas, self.shape = train_alphas, shape
        self.norm_input, self.record_states = norm_input, record_states

    def __check_init__(self) -> None:
        check_positive(self, "spike_threshold")
        if self.min_v_mem is not None:
            check_finite(self, "min_v_mem")

    @property
    def alpha_mem_calculated(self) -> Array:
        """The decay of the membrane per step, from whichever is a parameter."""
        return alpha(self.tau_mem, self.alpha_mem)

    @property
    def alpha_syn_calculated(self) -> Array | None:
        """The decay of the current per step, or None."""
        return alpha(self.tau_syn, self.alpha_syn)

    @property
    def tau_mem_calculated(self) -> Array | None:
        """The time constant of the membrane, from whichever is a parameter."""
        return _tau(self.tau_mem, self.alpha_mem)

    @property
    def tau_syn_calculated(self) -> Array | None:
        """The time constant of the current, or None."""
        return _tau(self.tau_syn, self.alpha_syn)

    @property
    def _has_synapse(self) -> bool:
        return self.tau_syn is not None or self.alpha_syn is not None

    def _options(self) -> dict[str, Any]:
        """What all neurons of snnjax take: the membrane, its spikes, its reset."""
        reset = self.reset_fn if self.min_v_mem is None else Clipped(reset=self.reset_fn, lowest=self.min_v_mem)
        options = {"threshold": self.spike_threshold, "surrogate": self.spike_fn, "reset": reset}
        return {**options, **decaying("", self.tau_mem, self.alpha_mem), "normalise_input": self.norm_input}

    @property
    def cell(self) -> AbstractCell:
        if not self._has_synapse:
            return _LIF(**self._options())
        current = decaying("_i", self.tau_syn, self.alpha_syn)
        return _CubaLIF(**self._options(), **current, arrival=BeforeDecay())

    def leaves(self, state: PyTree) -> dict[str, Any]:
        return {"v_mem": state.v, "i_syn": state.i} if self._has_synapse else {"v_mem": state.v}


class IAF(LIF):
    """Integrate-and-fire neurons: a `LIF` whose membrane does not decay, `v_mem = v_mem + i_syn`.

    **Arguments:** those of `LIF` that it has: `spike_threshold`, `spike_fn`, `reset_fn`, `surrogate_grad_fn`,
    `tau_syn`, `min_v_mem`, `shape`, `record_states`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    assert sinabs.IAF().forward(jnp.array([[[2.5], [0.5], [0.0]]])).tolist() == [[[2.0], [1.0], [0.0]]]
    ```

    Source: sinabs 3.1.3, `sinabs.layers.IAF`.
    """

    def __init__(
        self,
        spike_threshold: Param = 1.0,
        spike_fn: Any = MultiSpike,
        reset_fn: AbstractReset = MembraneSubtract(),
        surrogate_grad_fn: Callable = SingleExponential(),
        tau_syn: Param | None = None,
        min_v_mem: Param | None = None,
        shape: Shape | None = None,
        record_states: bool = False,
    ):
        spiking = spike_threshold, spike_fn, reset_fn, surrogate_grad_fn, min_v_mem
        super().__init__(1.0, tau_syn, *spiking, False, shape, False, record_states)
        self.tau_mem, self.alpha_mem = None, 1.0

    @property
    def tau_mem_calculated(self) -> None:
        """None: there is no time constant."""


class ExpLeak(LIF):
    """Leaky integrators without spikes.

    ```
    v_mem = alpha_mem * v_mem + x                          (1 - alpha_mem) * x with norm_input
    out = v_mem
    v_mem = max(v_mem, min_v_mem)
    ```

    The output is the membrane before it is clipped.

    **Arguments:** those of `LIF` that it has: `tau_mem`, `shape`, `train_alphas`, `min_v_mem`, `norm_input` (False by
    default), `record_states`.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    assert sinabs.ExpLeak(10.0, min_v_mem=0.0).forward(-jnp.ones((1, 2, 1))).tolist() == [[[-1.0], [-1.0]]]
    ```

    Source: sinabs 3.1.3, `sinabs.layers.ExpLeak`.
    """

    def __init__(
        self,
        tau_mem: Param,
        shape: Shape | None = None,
        train_alphas: bool = False,
        min_v_mem: Param | None = None,
        norm_input: bool = False,
        record_states: bool = False,
    ):
        super().__init__(
            tau_mem,
            spike_fn=None,
            reset_fn=NoReset(),
            min_v_mem=min_v_mem,
            train_alphas=train_alphas,
            shape=shape,
            norm_input=norm_input,
            record_states=record_states,
        )
