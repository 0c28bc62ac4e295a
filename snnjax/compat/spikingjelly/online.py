"""Online training through time: neurons that pass on a trace beside their spikes, and layers that learn from it.

A layer between two such neurons puts out what it makes of the spikes, but its gradients are those it has for the trace.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._misc import cast, resting
from ..._neuron import LIF, LIFState
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import SIGMOID
from .other_neurons import SLTTLIFNode

#: Spikes, and their trace.
Traced = tuple[Float[Array, "*shape"], Float[Array, "*shape"]]


class TracedLIFState(eqx.Module):
    """State of a `TracedLIF`: of the neuron, and the trace of its spikes."""

    neuron: LIFState
    trace: Float[Array, "*shape"]


class TracedLIF(AbstractCell[TracedLIFState]):
    """A `LIF` that puts out its spikes, and their trace `trace = decay * trace + z`, which has no gradient."""

    neuron: LIF

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> TracedLIFState:
        return TracedLIFState(neuron=self.neuron.init_state(x, key=key), trace=resting(x))

    def __call__(
        self, state: TracedLIFState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[TracedLIFState, Traced]:
        assert self.neuron.decay is not None  # `OTTTLIFNode` gives it
        neuron, z = self.neuron(state.neuron, x, key=key)
        trace = jax.lax.stop_gradient(cast(self.neuron.decay, state.trace.dtype) * state.trace + z.astype(x.dtype))
        return TracedLIFState(neuron=neuron, trace=trace), (z, trace.astype(x.dtype))


def OTTTLIFNode(
    tau: Any = 2.0,
    decay_input: bool = False,
    v_threshold: Any = 1.0,
    v_reset: Any = None,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = True,
) -> TracedLIF:
    """`SLTTLIFNode` that puts out `(z, trace)`, `trace = (1 - 1 / tau) trace + z`: for layers in `OTTTSequential`.

    As the library has it while training; otherwise it puts out the spikes alone.

    Source: M. Xiao et al., Online training through time for spiking neural networks, 2022.
    """
    return TracedLIF(SLTTLIFNode(tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset))


class GradwithTrace(eqx.Module):
    """A layer of `(z, trace)`: what it puts out is `layer(z)`, its gradients are those of `layer(trace)`.

    The gradient of the input goes to `z`.

    **Arguments:**

    - `module`: an `eqx.nn` layer, or a function.
    """

    module: Callable

    def __call__(self, x: Traced) -> Float[Array, "..."]:
        z, trace = x
        learned = self.module(jax.lax.stop_gradient(trace) + (z - jax.lax.stop_gradient(z)))
        return jax.lax.stop_gradient(self.module(z)) + (learned - jax.lax.stop_gradient(learned))


class SpikeTraceOp(eqx.Module):
    """A layer without parameters of `(z, trace)`: it acts on both, and only the spikes have a gradient.

    **Arguments:**

    - `module`: a function, such as a pooling.
    """

    module: Callable

    def __call__(self, x: Traced) -> Traced:
        z, trace = x
        return self.module(z), jax.lax.stop_gradient(self.module(trace))


def _spikes_alone(x: Traced) -> Float[Array, "*shape"]:
    return x[0]


def OTTTSequential(*args: Any) -> Sequential:
    """`Sequential` of layers and `OTTTLIFNode`s, in which layers with parameters learn from traces.

    A layer with parameters behind a node becomes a `GradwithTrace`, one without a `SpikeTraceOp`. The first layers,
    which hear the input itself, stay as they are. Raises a `ValueError` for other cells than `OTTTLIFNode`.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    k1, k2 = jax.random.split(jax.random.key(0))
    hidden, readout = eqx.nn.Linear(4, 8, key=k1), eqx.nn.Linear(8, 2, key=k2)
    model = spikingjelly.OTTTSequential(hidden, spikingjelly.OTTTLIFNode(), readout)
    assert snn.unroll(model, jnp.ones((5, 4)))[1].shape == (5, 2)
    ```

    Source: M. Xiao et al., Online training through time for spiking neural networks, 2022.
    """
    layers, traced = [], False
    for layer in args:
        if isinstance(layer, TracedLIF):
            layers += [_spikes_alone, layer] if traced else [layer]
            traced = True
        elif isinstance(layer, AbstractCell):
            raise ValueError(
                f"OTTTSequential was given a {type(layer).__name__}; it takes OTTTLIFNode, layers and "
                f"functions. For other cells put GradwithTrace and SpikeTraceOp into a Sequential by hand."
            )
        elif traced and jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array)):
            layers.append(GradwithTrace(layer))
            traced = False
        else:
            layers.append(SpikeTraceOp(layer) if traced else layer)
    return Sequential(*layers)
