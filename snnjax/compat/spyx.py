"""spyx: its neurons, activations, losses and metrics, by their names there.

Its neurons fire from the stored membrane before the input enters, `order=FireFirst`: an input is heard one step later
than in the core, in every layer. Decays are clipped to [0, 1] and trained; one that is given is one number for all
neurons, one that is not is drawn per neuron. `hidden_shape` is the shape of one step of one example. What is a
`rngs` there is a `key` here; states come from `init_state`.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PyTree

from .._cell import AbstractCell
from .._errors import InputError
from .._neuron import ALIF as _ALIF
from .._neuron import IF as _IF
from .._neuron import LI as _LI
from .._neuron import LIF as _LIF
from .._neuron import AbstractNeuron
from .._neuron import CubaLIF as _CubaLIF
from .._neuron.parallel_lif import ParallelLIF
from .._order import FireFirst
from .._surrogate import AbstractSpike, ATan, SuperSpike, Triangle
from .._surrogate.boxcar import Boxcar
from .._surrogate.damped import Damped
from .._surrogate.tanh import Tanh
from .._types import Key
from ._common import Clipped, CustomSpike, Prepared

Shape = int | Sequence[int]


# --- activations (`spyx.axn`): a spike function here is called as `activation(v - threshold)` too ---


def superspike(k: float = 25.0) -> SuperSpike:
    """Derivative `1 / (1 + k|v|)^2`."""
    return SuperSpike(slope=k)


def arctan(k: float = 2.0) -> Damped:
    """Derivative `1 / (pi (1 + (pi k v)^2))`."""
    return Damped(ATan(slope=2 * k), 1 / (jnp.pi * k))


def triangular(k: float = 2.0) -> Damped:
    """Derivative `max(0, 1 - k|v|)`."""
    return Damped(Triangle(slope=k), 1 / k)


def tanh(k: float = 1.0) -> Tanh:
    """Derivative `1 / cosh(k v)^2`."""
    return Tanh(slope=k)


def boxcar(width: float = 2.0, height: float = 0.5) -> Damped:
    """Derivative `height` where `|v| < width / 2`, else 0."""
    return Damped(Boxcar(slope=1 / width), height * width)


def _identity(v: Float[Array, "..."]) -> Float[Array, "..."]:
    return v


def custom(bwd: Callable = _identity, fwd: Callable | None = None) -> CustomSpike:
    """Any derivative. The default is `v` itself: called a straight-through estimator there, which it is not."""
    if fwd is not None:
        raise ValueError(
            f"custom was given fwd={fwd!r}; a spike of snnjax is 0 or 1, fired above the threshold. Leave fwd out, or "
            f"write a subclass of AbstractSpike."
        )
    return CustomSpike(bwd)


# --- neurons (`spyx.nn`) ---


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _decay(value: Any, name: str, shape: Shape, key: Key) -> Clipped:
    """A given decay is one trained number; otherwise one per neuron, drawn around 1/2."""
    if value is not None:
        return Clipped(jnp.asarray(value, jnp.result_type(float)) if isinstance(value, int | float) else value)
    if key is None:
        raise InputError(
            f"{name} was not given, and no key either; without a value it is drawn, which takes a PRNG key. Give "
            f"`{name}=0.9`, or `key=jax.random.key(0)`."
        )
    # A standard normal cut at two deviations, then scaled.
    return Clipped(0.5 + 0.25 * jr.truncated_normal(key, -2.0, 2.0, _shape(shape)))


def _keys(key: Key, count: int) -> Sequence[Key]:
    return [None] * count if key is None else list(jr.split(key, count))


def _weights(weights: Array | None, shape: Shape, deviation: float, key: Key) -> Array:
    if len(_shape(shape)) != 1:
        raise InputError(
            f"a recurrent layer was given hidden_shape={shape}; it takes one number of neurons, whose spikes a matrix "
            f"feeds back. Flatten its input."
        )
    if weights is not None:
        return weights
    if key is None:
        raise InputError(
            "a recurrent layer was given neither recurrent_w nor a key; weights that are not given are drawn."
        )
    return deviation * jr.truncated_normal(key, -2.0, 2.0, 2 * _shape(shape))


class _HearsItself(AbstractCell):
    """A neuron that fires first, and hears its own spikes of the same step: `x + z @ recurrent_w`."""

    cell: AbstractNeuron
    recurrent_w: Float[Array, "neurons neurons"]

    is_neuron: ClassVar[bool] = True

    def init_state(self, x: Any, *, key: Key = None) -> PyTree:
        return self.cell.init_state(x, key=key)

    def __call__(self, state: PyTree, x: Any, *, key: Key = None) -> tuple[PyTree, Any]:
        z = self.cell.fire(state, state, key)
        return self.cell(state, x + (z @ self.recurrent_w.astype(z.dtype)).astype(x.dtype), key=key)


_DEFAULT = SuperSpike(slope=25.0)


def IF(hidden_shape: Shape, threshold: Any = 1.0, activation: AbstractSpike = _DEFAULT) -> AbstractCell:
    """`z = H(v - threshold)`, `v = v + x - z threshold`."""
    neuron = _IF(threshold=threshold, surrogate=activation, order=FireFirst(late=True))
    return Prepared(neuron, shape=_shape(hidden_shape))


def LIF(
    hidden_shape: Shape,
    beta: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    key: Key = None,
) -> AbstractCell:
    """`z = H(v - threshold)`, `v = beta v + x - z threshold`."""
    decay = _decay(beta, "beta", hidden_shape, key)
    neuron = _LIF(decay=decay, threshold=threshold, surrogate=activation, order=FireFirst(late=True))
    return Prepared(neuron, shape=_shape(hidden_shape))


def ALIF(
    hidden_shape: Shape,
    beta: Any = None,
    gamma: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    key: Key = None,
) -> AbstractCell:
    """`z = H(v - threshold - a)`, `v = beta v + x - z (threshold + a)`, `a = gamma a + (1 - gamma) z`."""
    k1, k2 = _keys(key, 2)
    neuron = _ALIF(
        decay=_decay(beta, "beta", hidden_shape, k1),
        decay_a=_decay(gamma, "gamma", hidden_shape, k2),
        threshold=threshold,
        strength=1.0,
        surrogate=activation,
        normalise_adaptation=True,
        reset_raised=True,
        order=FireFirst(late=True),
    )
    return Prepared(neuron, shape=_shape(hidden_shape))


def _cuba(alpha: Any, beta: Any, threshold: Any, activation: AbstractSpike, shape: Shape, key: Key) -> _CubaLIF:
    k1, k2 = _keys(key, 2)
    return _CubaLIF(
        decay_i=_decay(alpha, "alpha", shape, k1),
        decay=_decay(beta, "beta", shape, k2),
        threshold=threshold,
        surrogate=activation,
        order=FireFirst(),
    )


def CuBaLIF(
    hidden_shape: Shape,
    alpha: Any = None,
    beta: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    key: Key = None,
) -> AbstractCell:
    """`z = H(v - threshold)`, `i = alpha i + x`, `v = beta (v - z threshold) + i`."""
    return Prepared(_cuba(alpha, beta, threshold, activation, hidden_shape, key), shape=_shape(hidden_shape))


def LI(layer_shape: Shape, beta: Any = 0.8) -> AbstractCell:
    """`v = beta v + x`, which is put out."""
    return Prepared(_LI(decay=_decay(beta, "beta", layer_shape, None)), shape=_shape(layer_shape))


def PSU_LIF(
    hidden_shape: Shape,
    beta: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    key: Key = None,
) -> ParallelLIF:
    """`v = beta v + x`, `z = H(v - threshold)`, without a reset, by an associative scan."""
    return ParallelLIF(decay=_decay(beta, "beta", hidden_shape, key), threshold=threshold, surrogate=activation)


def RIF(
    hidden_shape: Shape,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    recurrent_w: Array | None = None,
    key: Key = None,
) -> AbstractCell:
    """`IF` that hears its own spikes, `x + z @ recurrent_w`."""
    neuron = _IF(threshold=threshold, surrogate=activation, order=FireFirst(late=True))
    return Prepared(_HearsItself(neuron, _weights(recurrent_w, hidden_shape, 0.01, key)), shape=_shape(hidden_shape))


def RLIF(
    hidden_shape: Shape,
    beta: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    recurrent_w: Array | None = None,
    key: Key = None,
) -> AbstractCell:
    """`LIF` that hears its own spikes, `x + z @ recurrent_w`."""
    k1, k2 = _keys(key, 2)
    decay = _decay(beta, "beta", hidden_shape, k1)
    neuron = _LIF(decay=decay, threshold=threshold, surrogate=activation, order=FireFirst(late=True))
    return Prepared(_HearsItself(neuron, _weights(recurrent_w, hidden_shape, 0.01, k2)), shape=_shape(hidden_shape))


def RCuBaLIF(
    hidden_shape: Shape,
    alpha: Any = None,
    beta: Any = None,
    threshold: Any = 1.0,
    activation: AbstractSpike = _DEFAULT,
    *,
    recurrent_w: Array | None = None,
    key: Key = None,
) -> AbstractCell:
    """`CuBaLIF` that hears its own spikes, `x + z @ recurrent_w`."""
    k1, k2 = _keys(key, 2)
    neuron = _cuba(alpha, beta, threshold, activation, hidden_shape, k1)
    return Prepared(_HearsItself(neuron, _weights(recurrent_w, hidden_shape, 0.01, k2)), shape=_shape(hidden_shape))


# --- losses and metrics (`spyx.fn`): traces `(batch, time, classes)`, targets `(batch,)` ---


def _smooth_labels(targets: Int[Array, " batch"], classes: int, smoothing: float, dtype: Any) -> Float[Array, "b c"]:
    return jax.nn.one_hot(targets, classes, dtype=dtype) * (1 - smoothing) + smoothing / classes


def integral_crossentropy(smoothing: float = 0.3, time_axis: int = 1) -> Callable[[Array, Array], Array]:
    """Cross-entropy of the membranes summed over time, with smoothed labels, averaged over the batch."""

    def loss(traces: Float[Array, "..."], targets: Int[Array, " batch"]) -> Float[Array, ""]:
        logits = traces.sum(axis=time_axis)
        labels = _smooth_labels(targets, logits.shape[-1], smoothing, logits.dtype)
        return -jnp.mean(jnp.sum(labels * jax.nn.log_softmax(logits), axis=-1))

    return loss


def mse_spikerate(
    sparsity: float = 0.25, smoothing: float = 0.0, time_axis: int = 1
) -> Callable[[Array, Array], Array]:
    """Squared error between mean rates and `labels * sparsity * steps` (a count: so it is there), averaged."""

    def loss(traces: Float[Array, "..."], targets: Int[Array, " batch"]) -> Float[Array, ""]:
        rates = traces.mean(axis=time_axis)
        labels = _smooth_labels(targets, rates.shape[-1], smoothing, rates.dtype)
        return jnp.mean((rates - labels * (sparsity * traces.shape[time_axis])) ** 2)

    return loss


def integral_accuracy(time_axis: int = 1) -> Callable[[Array, Array], tuple[Array, Array]]:
    """The accuracy of the largest sum over time, and the predictions."""

    def metric(traces: Float[Array, "..."], targets: Int[Array, " batch"]) -> tuple[Array, Array]:
        predictions = jnp.argmax(traces.sum(axis=time_axis), axis=-1)
        return jnp.mean(predictions == targets, dtype=traces.dtype), predictions

    return metric


def silence_reg(min_spikes: float) -> Callable[[PyTree], Array]:
    """Squared shortfall of every neuron's batch mean below `min_spikes`, summed; spikes `(batch, ...)`."""

    def loss(spikes: PyTree) -> Float[Array, ""]:
        def shortfall(x: Array) -> Array:
            mean = x.reshape(x.shape[0], -1).mean(axis=0)
            return jnp.sum(jnp.maximum(min_spikes - mean, jnp.zeros_like(mean)) ** 2)

        return jnp.sum(jnp.stack([shortfall(x) for x in jax.tree.leaves(spikes)]))

    return loss


def _huber(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.where(jnp.abs(x) <= 1, x**2 / 2, jnp.abs(x) - 0.5)


def sparsity_reg(max_spikes: float, norm: Callable = _huber) -> Callable[[PyTree], Array]:
    """`norm` of what every example's mean over the layer exceeds `max_spikes` by, summed; spikes `(batch, ...)`."""

    def loss(spikes: PyTree) -> Float[Array, ""]:
        def excess(x: Array) -> Array:
            mean = x.reshape(x.shape[0], -1).mean(axis=-1)
            return jnp.sum(norm(jnp.maximum(mean - max_spikes, jnp.zeros_like(mean))))

        return jnp.sum(jnp.stack([excess(x) for x in jax.tree.leaves(spikes)]))

    return loss
