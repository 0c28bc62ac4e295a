"""The two models of snnax that feed their spikes back instead of being reset: sigma-delta and spike response."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._container import Sequential
from ..._neuron import LI
from ..._neuron.sigma_delta import SigmaDelta as _SigmaDelta
from ..._neuron.spike_response import SpikeResponse
from ..._parameter import AbstractParameter, Param, parameter
from ..._types import Key
from .._common import Unchecked
from ._arguments import Constants, Shape, clipped, constants, decays, prepared
from ._surrogate import DEFAULT_SPIKE, SpikeFunction, spike_function


def SigmaDelta(
    decay_constants: Constants | None = None,
    threshold: Param = 1.0,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    init_fn: Callable | None = None,
    shape: Shape | None = None,
) -> AbstractCell:
    """Decays of the input, the membrane and the feedback, not clipped.

    `i = d0 i + x`, `v = d1 v + i - f`, `z = H(v - threshold)`, `f = d2 f + z`. Without constants they are 1, 0 and 1,
    and not trained: the membrane is then all input so far less all spikes so far, as the library documents.
    """
    if decay_constants is None:
        given = [1.0, 0.0, 1.0]
    else:
        given = constants(decay_constants, "SigmaDelta.decay_constants", (3,), shape)
    decay_i, decay, decay_f = (value if isinstance(value, AbstractParameter) else Unchecked(value) for value in given)
    surrogate = spike_function(spike_fn)
    neuron = _SigmaDelta(decay_i=decay_i, decay=decay, decay_f=decay_f, threshold=threshold, surrogate=surrogate)
    return prepared(neuron, shape, init_fn)


class _Squared(AbstractParameter):
    """The square of what is stored."""

    value: Param = parameter(0.0)

    def resolve(self) -> Float[Array, "..."]:
        return jnp.square(jnp.asarray(self.value))


def SRM(
    layer: Any = None,
    *,
    decay_constants: Constants,
    r_decay_constants: Constants = 0.9,
    spike_fn: SpikeFunction = DEFAULT_SPIKE,
    threshold: Param = 1.0,
    reset_val: Constants | None = None,
    stop_reset_grad: bool = True,
    init_fn: Callable | None = None,
    input_shape: Shape | None = None,
    shape: Shape | None = None,
    key: Key = None,
) -> Sequential:
    """Input filtered twice, a layer, and a spike response: `decay_constants = [d0, d1]`.

    `p = d0 p + (1 - d0) x`, `q = d1 q + (1 - d1) p`, `r = d2 r + reset_val z_before`,
    `z = H(layer(q) - reset_val r - threshold)`; `reset_val`, clipped to [0, 2], enters twice. The state is a tuple:
    `state[0].v` is `p`, `state[1].v` is `q`, and `reset_val * state[3].r` is what `r` will be in the next step, before
    it decays.

    **Arguments:**

    - `layer`: an Equinox layer from filtered inputs to membranes. Without one it is an `eqx.nn.Linear` from
        `input_shape` to `shape` with weights drawn by `key`; without these either, the input itself.
    - `decay_constants`, `r_decay_constants`: of the two filters, and of the refractoriness.
    - `reset_val`: how strong the refractoriness is; None for none.
    - `stop_reset_grad`: cut the gradient through the spikes into the refractoriness.
    - `init_fn`: `init_fn(shape, key)` is where `p` starts.
    - `input_shape`, `shape`: of one step before and behind the layer; they make parameters per input and per neuron.

    Raises a `ValueError` for other numbers of constants, and for a layer to be drawn without a key.
    """
    filters = decays(decay_constants, "SRM.decay_constants", (2,), input_shape)
    (decay_r,) = decays(r_decay_constants, "SRM.r_decay_constants", (1,), shape)
    strength: Param = 0.0
    if reset_val is not None:
        (value,) = constants(reset_val, "SRM.reset_val", (1,), shape)
        strength = _Squared(clipped(value, 0.0, 2.0))
    first, second = (LI(decay=decay, normalise_input=True) for decay in filters)
    # Filtered already: the response to an input is the input.
    neuron = SpikeResponse(
        decay_p=Unchecked(0.0),
        decay_q=Unchecked(0.0),
        decay_r=decay_r,
        strength=strength,
        threshold=threshold,
        surrogate=spike_function(spike_fn),
        detach=stop_reset_grad,
    )
    between = _between(layer, input_shape, shape, key)
    return Sequential(prepared(first, input_shape, init_fn), second, between, prepared(neuron, shape, None))


def _between(layer: Any, input_shape: Shape | None, shape: Shape | None, key: Key) -> Any:
    if layer is not None:
        return layer
    if input_shape is None or shape is None:
        return _same
    sizes = [given if isinstance(given, int) else tuple(given) for given in (input_shape, shape)]
    sizes = [size if isinstance(size, int) else size[0] for size in sizes if isinstance(size, int) or len(size) == 1]
    if len(sizes) != 2 or key is None:
        raise ValueError(
            f"SRM was given no layer for the shapes {input_shape} and {shape}, and the key {key}; a layer is drawn for "
            f"vectors, with a key. Give `layer=`, or one number for each shape and `key=`."
        )
    return eqx.nn.Linear(sizes[0], sizes[1], key=key)


def _same(x: Any) -> Any:
    return x
