"""The layer of neurons with an adaptive threshold."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._misc import cast
from ..._neuron import ALIF as _ALIF
from ..._parameter import Param, parameter
from ..._reset import AbstractReset
from ..._synapse import BeforeDecay, ExponentialSynapse
from .._common import Unchecked
from ._activation import MembraneSubtract, SingleExponential, SingleSpike
from ._lif import LIF, Shape, alpha, decaying, set_time_constant


class ALIF(LIF):
    """Leaky integrate-and-fire neurons whose threshold rises with every spike.

    ```
    alpha = exp(-1 / tau)
    i_syn = alpha_syn * (i_syn + x)                        with tau_syn; else x
    i_syn = (1 - alpha_mem) * i_syn                        with norm_input
    v_mem = alpha_mem * v_mem + i_syn
    raised = spike_threshold + adapt_scale * b
    spikes = spike_fn(v_mem, raised)
    v_mem = reset_fn(v_mem, spikes, raised)
    b = alpha_adapt * b + (1 - alpha_adapt) * spikes
    v_mem = max(v_mem, min_v_mem)
    ```

    With `norm_input` it is the scaled current that is kept and decays, unlike in a `LIF`. A reset subtracts the raised
    threshold, and leaves `b` alone. That is what sinabs computes; its documentation says otherwise.

    **Arguments:** those of `LIF`, with `SingleSpike` by default, and

    - `tau_adapt`: time constant of the adaptation, in steps.
    - `adapt_scale`: how much the adaptation raises the threshold; trained if it is an array.
    - `spike_threshold`: at rest; trained through the reset if it is an array.
    - `train_alphas`: train `alpha_adapt` too.
    - `record_states`: let `run` return `v_mem`, `b`, the raised `spike_threshold` (and `i_syn`) over time.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    layer = sinabs.ALIF(tau_mem=20.0, tau_adapt=50.0, norm_input=False, record_states=True)
    assert layer.run(0.3 * jnp.ones((1, 100, 4))).recordings["spike_threshold"].max() > 1.0
    ```

    Source: sinabs 3.1.3, `sinabs.layers.ALIF`.
    """

    tau_adapt: Param | None = parameter(None)
    alpha_adapt: Param | None = parameter(None)
    adapt_scale: Param = parameter(1.8)

    def __init__(
        self,
        tau_mem: Param,
        tau_adapt: Param,
        tau_syn: Param | None = None,
        adapt_scale: Param = 1.8,
        spike_threshold: Param = 1.0,
        spike_fn: Any = SingleSpike,
        reset_fn: AbstractReset = MembraneSubtract(),
        surrogate_grad_fn: Callable = SingleExponential(),
        min_v_mem: Param | None = None,
        shape: Shape | None = None,
        train_alphas: bool = False,
        norm_input: bool = True,
        record_states: bool = False,
    ):
        spiking = spike_threshold, spike_fn, reset_fn, surrogate_grad_fn, min_v_mem
        super().__init__(tau_mem, tau_syn, *spiking, train_alphas, shape, norm_input, record_states)
        self.spike_threshold, self.adapt_scale = spike_threshold, adapt_scale
        set_time_constant(self, "adapt", tau_adapt, train_alphas)

    @property
    def alpha_adapt_calculated(self) -> Array:
        """The decay of the adaptation per step, from whichever is a parameter."""
        return alpha(self.tau_adapt, self.alpha_adapt)

    @property
    def cell(self) -> AbstractCell:
        adaptation = {**decaying("_a", self.tau_adapt, self.alpha_adapt), "strength": self.adapt_scale}
        options = {**self._options(), **adaptation, "normalise_adaptation": True, "reset_raised": True}
        if not self._has_synapse:
            return _ALIF(**options)
        factor = 1 - self.alpha_mem_calculated if self.norm_input else 1.0
        decay = Unchecked(factor * jnp.asarray(self.alpha_syn_calculated))
        synapse = ExponentialSynapse(decay_i=decay, arrival=BeforeDecay())
        return Sequential(synapse, _ALIF(**{**options, "normalise_input": False}))

    def leaves(self, state: PyTree) -> dict[str, Any]:
        synapse, neuron = state if self._has_synapse else (None, state)
        named = {"v_mem": neuron.v, "b": neuron.a}
        return named if synapse is None else {"i_syn": synapse.i, **named}

    def derived(self, named: dict[str, Any]) -> dict[str, Any]:
        b = named["b"]
        return {"spike_threshold": cast(self.spike_threshold, b.dtype) + cast(self.adapt_scale, b.dtype) * b}
