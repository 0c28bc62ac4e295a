"""snntorch's recurrent neurons: they hear their own spikes of the step before.

Each is a `Recurrent` of a core cell, `feedback` what is `recurrent` there: a trained `Linear` with bias, a `Conv2d`, or
one number per neuron. Their resets are those of `Synaptic`, to zero after the integration.
"""

from collections.abc import Sequence

import equinox as eqx
import jax

from ..._container import Recurrent
from ..._neuron import LIF, AbstractNeuron, CubaLIF
from ..._parameter import Fixed
from ..._scale import Scale
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import Number, Quantiser, clamped, number, refuse_calling_style, resets, spike

Kernel = int | Sequence[int] | None


def _layer(linear_features: int | None, channels: int | None, kernel: Kernel, key: Key) -> eqx.Module:
    if key is None:
        raise ValueError(
            "a recurrent neuron with all_to_all=True was given no key; its weights are drawn, which takes a PRNG key. "
            "Give `key=jax.random.key(0)`."
        )
    if linear_features is not None and channels is None and kernel is None:
        return eqx.nn.Linear(linear_features, linear_features, key=key)
    if linear_features is None and channels is not None and kernel is not None:
        size = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
        return eqx.nn.Conv2d(channels, channels, size, padding=[k // 2 for k in size], key=key)
    raise ValueError(
        f"a recurrent neuron with all_to_all=True was given linear_features={linear_features}, "
        f"conv2d_channels={channels}, kernel_size={kernel}; it takes either the first, or both of the others. Give the "
        f"shape of the layer's output, or all_to_all=False for one weight per neuron."
    )


def _recurrent(
    cell: AbstractNeuron,
    V: Number,
    all_to_all: bool,
    linear_features: int | None,
    channels: int | None,
    kernel: Kernel,
    learned: bool,
    key: Key,
) -> Recurrent:
    if all_to_all:
        layer = _layer(linear_features, channels, kernel, key)
        if not learned:
            layer = jax.tree.map(lambda a: Fixed(a) if eqx.is_inexact_array(a) else a, layer)
        return Recurrent(cell, layer)
    if not (linear_features is None and channels is None and kernel is None):
        raise ValueError(
            f"a recurrent neuron with all_to_all=False was given linear_features={linear_features}, "
            f"conv2d_channels={channels}, kernel_size={kernel}; it has one weight per neuron, V. Leave them out."
        )
    return Recurrent(cell, Scale(number(V, learned, "V")))


def RLeaky(
    beta: Number,
    V: Number = 1.0,
    all_to_all: bool = True,
    linear_features: int | None = None,
    conv2d_channels: int | None = None,
    kernel_size: Kernel = None,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    learn_recurrent: bool = True,
    reset_mechanism: str = "subtract",
    state_quant: Quantiser = False,
    output: bool = False,
    reset_delay: bool = True,
    *,
    key: Key = None,
) -> Recurrent:
    """`Leaky` with feedback: `v = beta v + x + feedback(z_before) - r threshold`, or `(...)(1 - r)` ("zero").

    `all_to_all=True` takes `linear_features`, or `conv2d_channels` and `kernel_size`, and a `key` to draw the weights;
    `all_to_all=False` multiplies by `V`, which is trained too unless `learn_recurrent=False`.
    """
    refuse_calling_style("RLeaky", init_hidden, output)
    cell = LIF(
        decay=clamped(beta, learn_beta, "beta"),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        **resets(reset_mechanism, True, reset_delay, inhibition, state_quant),
    )
    return _recurrent(cell, V, all_to_all, linear_features, conv2d_channels, kernel_size, learn_recurrent, key)


def RSynaptic(
    alpha: Number,
    beta: Number,
    V: Number = 1.0,
    all_to_all: bool = True,
    linear_features: int | None = None,
    conv2d_channels: int | None = None,
    kernel_size: Kernel = None,
    threshold: Number = 1.0,
    spike_grad: AbstractSpike | None = None,
    surrogate_disable: bool = False,
    init_hidden: bool = False,
    inhibition: bool = False,
    learn_alpha: bool = False,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    learn_recurrent: bool = True,
    reset_mechanism: str = "subtract",
    state_quant: Quantiser = False,
    output: bool = False,
    reset_delay: bool = True,
    *,
    key: Key = None,
) -> Recurrent:
    """`Synaptic` with feedback: `i = alpha i + x + feedback(z_before)`; weights as in `RLeaky`.

    `reset_delay=False` changes nothing, as there: the library computes the second reset and drops it.
    """
    refuse_calling_style("RSynaptic", init_hidden, output)
    del reset_delay
    cell = CubaLIF(
        decay=clamped(beta, learn_beta, "beta"),
        decay_i=clamped(alpha, learn_alpha, "alpha"),
        threshold=number(threshold, learn_threshold, "threshold"),
        surrogate=spike(spike_grad, surrogate_disable),
        **resets(reset_mechanism, True, True, inhibition, state_quant),
    )
    return _recurrent(cell, V, all_to_all, linear_features, conv2d_channels, kernel_size, learn_recurrent, key)
