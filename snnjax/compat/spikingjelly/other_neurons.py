"""SpikingJelly's variants of its integrate-and-fire neurons that are the core's own under another order or spike.

Conventions as in `neurons`: `dt = 1`, and `v_reset` is a number for a hard reset or None for a soft one.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._misc import cast, split_key
from ..._neuron import IF, LIF
from ..._order import AbstractOrder
from ..._parameter import Fixed, Param
from ..._surrogate import AbstractSpike
from ..._types import Key, Params
from .._common import Prepared
from ._options import SIGMOID, begun, check_tau, firing
from .neurons import LIFNode
from .surrogate import MultiLevelSpikeCount


class Activated(AbstractOrder):
    """`ResetLast` that puts out a function of the membrane before the reset; the spikes only reset.

    **Arguments:**

    - `act`: the function, or a module with parameters.
    - `threshold_related`: whether it hears `v - threshold` instead of `v`.
    """

    act: Callable
    threshold_related: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        after = model.integrate(params, state, x)
        z = model.fire(params, state, after, key)
        heard = after.v - cast(params.threshold, after.v.dtype) if self.threshold_related else after.v
        return model.spiked(params, after, z), self.act(heard)


class TwoSided(AbstractOrder):
    """`ResetLast` with spikes of either sign: those of `v`, less those of `-v`.

    **Arguments:**

    - `hard`: whether spikes of either sign reset to the same value, instead of taking off their own sign.
    """

    hard: bool = eqx.field(default=False, static=True)

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        k1, k2 = split_key(key, 2)
        after = model.integrate(params, state, x)
        positive = model.fire(params, state, after, k1)
        negative = model.fire(params, state, eqx.tree_at(lambda s: s.v, after, -after.v), k2)
        z = positive - negative
        return model.spiked(params, after, positive + negative if self.hard else z), z


class Online(AbstractOrder):
    """`ResetLast` without any gradient from a step to the one before."""

    def __call__(self, model: Any, params: Params, state: Any, x: Any, key: Key) -> tuple[Any, Float[Array, "..."]]:
        before = jax.tree.map(jax.lax.stop_gradient, state)
        after = model.integrate(params, before, x)
        z = model.fire(params, before, after, key)
        return model.spiked(params, after, z), z


class Counted(AbstractSpike):
    """A count of spikes, `surrogate(v / threshold)`."""

    surrogate: MultiLevelSpikeCount

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        del key
        return self.surrogate(v / cast(threshold, v.dtype))


class Offset(AbstractSpike):
    """A spike that hears `v + offset`."""

    surrogate: AbstractSpike
    offset: Param

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        return self.surrogate.fire(v + cast(self.offset, v.dtype), threshold, key=key)


def SimpleIFNode(
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> IF:
    """`IFNode` whose membrane starts at 0, wherever it is reset to."""
    return IF(**firing(v_threshold, v_reset, surrogate_function, detach_reset))


def SimpleLIFNode(
    tau: Any,
    decay_input: bool,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`LIFNode` whose membrane starts at 0, wherever it is reset to.

    Raises a `ValueError` for `v_reset=None`, which the library takes and then fails on.
    """
    if v_reset is None:
        raise ValueError("SimpleLIFNode was given v_reset=None; it takes a number. For a soft reset use LIFNode.")
    return Prepared(LIFNode(tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset), {"v": 0.0})


def LIAFNode(act: Callable, threshold_related: bool, *args: Any, **kwargs: Any) -> LIF:
    """`LIFNode` that puts out `act(v)` of the membrane before the reset, or `act(v - v_threshold)`; spikes only reset.

    **Arguments:**

    - `act`: a function of arrays of any shape, or a module with parameters, which are trained.
    - `threshold_related`: see above.
    - `args`, `kwargs`: those of `LIFNode`.

    ```python
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    node = spikingjelly.LIAFNode(jax.nn.relu, False, tau=2.0)
    assert snn.unroll(node, jnp.array([1.0, 1.0, 4.0]))[1].tolist() == [0.5, 0.75, 2.375]
    ```

    Source: Z. Wu et al., LIAF-Net: Leaky integrate and analog fire network for lightweight and efficient spatiotemporal
    information processing, 2022.
    """
    return dataclasses.replace(LIFNode(*args, **kwargs), order=Activated(act, threshold_related))


def ILIFNode(
    tau: Any = 4 / 3,
    v_threshold: Any = 1.0,
    surrogate_function: MultiLevelSpikeCount = MultiLevelSpikeCount(4),
    detach_reset: bool = False,
) -> LIF:
    """Integer LIF with more spikes per step, `z = round(clip(v / v_threshold, 0, maximum))`, `v = v - z v_threshold`.

    ```
    v = v - v / tau + x
    ```

    The maximum, and where the derivative of the rounding is 1, are those of `surrogate.MultiLevelSpikeCount`. Raises a
    `ValueError` for another surrogate, and for one with `spiking=False`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    _, zs = snn.unroll(spikingjelly.ILIFNode(), jnp.array([2.25, 0.125, 9.0]))
    assert zs.tolist() == [2.0, 0.0, 4.0]
    ```

    Source: X. Luo et al., Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection, 2024.
    """
    if not isinstance(surrogate_function, MultiLevelSpikeCount) or not surrogate_function.spiking:
        raise ValueError(
            f"ILIFNode was given surrogate_function={surrogate_function}; it takes a MultiLevelSpikeCount with "
            f"spiking=True. For one spike per step use LIFNode."
        )
    return LIFNode(tau, False, v_threshold, None, Counted(surrogate_function), detach_reset)


def _check_ternary(v_threshold: Any, v_reset: Any) -> None:
    if not 0 < v_threshold < math.inf or not (v_reset is None or -v_threshold < v_reset < v_threshold):
        raise ValueError(
            f"a ternary node was given v_threshold={v_threshold} and v_reset={v_reset}; it takes a threshold above 0, "
            f"and a reset strictly between the two thresholds. For a soft reset give None."
        )


def TernaryIFNode(
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`IFNode` with spikes of either sign: `z = H(v - v_threshold) - H(-v - v_threshold)`.

    A soft reset takes off `z v_threshold`; a hard one goes to `v_reset` after either spike. Raises a `ValueError` for a
    threshold that is not above 0, and for a reset that is not between the two thresholds.

    Source: Y. Guo et al., Ternary spike: Learning ternary spikes for spiking neural networks, 2024.
    """
    _check_ternary(v_threshold, v_reset)
    options = firing(v_threshold, v_reset, surrogate_function, detach_reset)
    return begun(IF(order=TwoSided(v_reset is not None), **options), v_reset)


def TernaryLIFNode(
    tau: Any = 2.0,
    decay_input: bool = True,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> LIF:
    """`LIFNode` with spikes of either sign, as `TernaryIFNode`.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    node = spikingjelly.TernaryLIFNode(v_reset=None)
    final, zs = snn.unroll(node, jnp.array([3.0, -4.0]))
    assert zs.tolist() == [1.0, -1.0] and final.v.item() == -0.75
    ```
    """
    _check_ternary(v_threshold, v_reset)
    cell = LIFNode(tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset)
    return dataclasses.replace(cell, order=TwoSided(v_reset is not None))


def _per_channel(name: str, values: ArrayLike, channel_dim: int) -> Param:
    """A number as it is; one number per channel as an array that broadcasts against one example."""
    shape = np.shape(values)
    if len(shape) > 1 or (shape and channel_dim >= 0):
        raise ValueError(
            f"ActivationAwareIFNode was given {name} of shape {shape} and channel_dim={channel_dim}; it takes one "
            f"number, or one per channel with a channel_dim below 0: an example has no batch axis to count from."
        )
    return Fixed(jnp.reshape(jnp.asarray(values), (-1, *(1,) * (-channel_dim - 1)))) if shape else values


def ActivationAwareIFNode(
    v_threshold: ArrayLike = 1.0,
    v_offset: ArrayLike = 0.0,
    channel_dim: int = -1,
    v_reset: Any = None,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = False,
) -> AbstractCell:
    """`IFNode` with a soft reset that fires at `v + v_offset >= v_threshold`; both may differ between channels.

    **Arguments:**

    - `v_threshold`, `v_offset`: one number, or one per channel, `(channels,)`. Arrays are constants here.
    - `channel_dim`: the axis of the channels, counted from the last, so below 0.
    - `v_reset`: a number for a hard reset.

    Raises a `ValueError` for thresholds that are not above 0, and for an axis that is counted from the first.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    node = spikingjelly.ActivationAwareIFNode(jnp.array([1.0, 2.0]), 0.5)
    assert snn.unroll(node, jnp.full((3, 2), 0.5))[1].tolist() == [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    ```
    """
    known = np.asarray(v_threshold)
    if not ((known > 0) & np.isfinite(known)).all():
        raise ValueError(
            f"ActivationAwareIFNode was given v_threshold={v_threshold}; it takes finite values above 0. Move the "
            f"point of firing by v_offset."
        )
    threshold = _per_channel("v_threshold", v_threshold, channel_dim)
    spike = Offset(surrogate_function, _per_channel("v_offset", v_offset, channel_dim))
    return begun(IF(**firing(threshold, v_reset, spike, detach_reset)), v_reset)


def SLTTLIFNode(
    tau: Any = 2.0,
    decay_input: bool = True,
    v_threshold: Any = 1.0,
    v_reset: Any = 0.0,
    surrogate_function: AbstractSpike = SIGMOID,
    detach_reset: bool = True,
) -> LIF:
    """`LIFNode` without any gradient through time: a spike hears its own step's input only.

    As the library has it while training; what it does otherwise has the same spikes.

    Source: Q. Meng et al., Towards memory- and time-efficient backpropagation for training spiking neural networks,
    2023 (spatial learning through time).
    """
    check_tau(tau)
    cell = LIFNode(tau, decay_input, v_threshold, v_reset, surrogate_function, detach_reset)
    return dataclasses.replace(cell, order=Online())
