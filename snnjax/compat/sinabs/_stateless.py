"""Layers without time constants: pooling, rounding, reshaping."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._misc import check_positive, resting
from ..._types import Key
from ..._unroll import unroll

Size = int | tuple[int, int]


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _pooled(x: Array, reduce: Callable, size: Size, stride: Size) -> Array:
    """A reduction over windows of the last two axes."""
    leading = (1,) * (x.ndim - 2)
    start = np.asarray(0 if reduce is jax.lax.add else -np.inf, x.dtype)
    return jax.lax.reduce_window(x, start, reduce, (*leading, *_pair(size)), (*leading, *_pair(stride)), "VALID")


class SumPool2d(eqx.Module):
    """Sums over windows of the last two axes.

    It is the pooling by norm, with the norm of order 1: a sum is what it should be for inputs that are not below
    zero, and has no gradient where it is zero. A window that `ceil_mode` adds at the border gives its mean times the
    size of a whole window.

    **Arguments:**

    - `kernel_size`: of a window, a number or (height, width).
    - `stride`: between windows; None for `kernel_size`.
    - `ceil_mode`: keep windows that reach over the border.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    assert sinabs.SumPool2d(2)(jnp.ones((1, 4, 4))).tolist() == [[[4.0, 4.0], [4.0, 4.0]]]
    ```
    """

    kernel_size: Size = eqx.field(static=True)
    stride: Size | None = eqx.field(default=None, static=True)
    ceil_mode: bool = eqx.field(default=False, static=True)

    def __call__(self, x: Float[Array, "*batch height width"]) -> Float[Array, "*batch rows columns"]:
        size = _pair(self.kernel_size)
        stride = size if self.stride is None else _pair(self.stride)
        weights = np.ones((1, 1), x.dtype)
        if self.ceil_mode:
            for axis, (n, k, s) in enumerate(zip(x.shape[-2:], size, stride, strict=True)):
                windows = -(-(n - k) // s) + 1
                windows -= (windows - 1) * s >= n  # a window begins inside
                starts = s * np.arange(windows)
                missing = max(0, int(starts[-1]) + k - n)
                x = jnp.pad(x, [(0, missing if i == x.ndim - 2 + axis else 0) for i in range(x.ndim)])
                weight = k / (np.minimum(starts + k, n) - starts)
                weights = weights * np.expand_dims(weight.astype(x.dtype), 1 - axis)
        sums = _pooled(x, jax.lax.add, size, stride)
        sums = sums * jnp.broadcast_to(weights, sums.shape)
        return jnp.sign(sums) * jax.nn.relu(jnp.abs(sums))


class SpikingMaxPooling2dLayer(AbstractCell[Array]):
    """Lets those spikes of a window pass whose neuron has fired the most so far.

    A cell of one step of one example, (channels, height, width); its state is the number of spikes so far.

    **Arguments:**

    - `pool_size`: of a window, a number or (height, width).
    - `strides`: between windows; None for `pool_size`.
    - `padding`: zeros on the (left, right, top, bottom).

    ```python
    import jax.numpy as jnp
    from snnjax.compat import sinabs

    layer = sinabs.SpikingMaxPooling2dLayer(pool_size=(2, 2))
    assert layer.forward(jnp.ones((5, 1, 4, 4))).shape == (5, 1, 2, 2)         # (time, channels, height, width)
    ```
    """

    pool_size: Size = eqx.field(static=True)
    strides: Size | None = eqx.field(default=None, static=True)
    padding: tuple[int, int, int, int] = eqx.field(default=(0, 0, 0, 0), static=True)

    def _pool(self, x: Array) -> Array:
        left, right, top, bottom = self.padding
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 2), (top, bottom), (left, right)])
        return _pooled(x, jax.lax.max, self.pool_size, self.pool_size if self.strides is None else self.strides)

    def init_state(self, x: Any, *, key: Key = None) -> Array:
        del key
        return resting(x)

    def __call__(
        self, state: Float[Array, "*batch height width"], x: Float[Array, "*batch height width"], *, key: Key = None
    ) -> tuple[Float[Array, "*batch height width"], Float[Array, "*batch rows columns"]]:
        del key
        count = state + x.astype(state.dtype)
        passes = self._pool(count * (x > 0).astype(count.dtype)) >= self._pool(count)
        return count, passes.astype(x.dtype) * self._pool(x)

    def forward(self, binary_input: Float[Array, "time channels height width"]) -> Float[Array, "time channels _ _"]:
        """The outputs over time, from the first step on."""
        return unroll(self, binary_input)[1]


def _straight_through(value: Array, x: Array) -> Array:
    return jax.lax.stop_gradient(value) + (x - jax.lax.stop_gradient(x))


class Quantize(eqx.Module):
    """Rounds down; the derivative is 1. Called as `Quantize()(x)`, or as `Quantize.apply(x)`."""

    @staticmethod
    def apply(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """`x` rounded down."""
        return _straight_through(jnp.floor(x), x)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.apply(x)


class StochasticRounding(eqx.Module):
    """Rounds up with the probability of the part after the point, else down; the derivative is 1.

    Called as `StochasticRounding()(x, key=key)`, or as `StochasticRounding.apply(x, key=key)`. Raises an `InputError`
    without a key.
    """

    @staticmethod
    def apply(x: Float[Array, "*shape"], *, key: Key = None) -> Float[Array, "*shape"]:
        """`x` rounded up or down."""
        if key is None:
            raise InputError(
                "StochasticRounding draws random numbers and was given no key; it takes a PRNG key. Pass "
                "`key=jax.random.key(0)`."
            )
        below = jnp.floor(x)
        return _straight_through(below + (jr.uniform(key, x.shape, x.dtype) < x - below).astype(x.dtype), x)

    def __call__(self, x: Float[Array, "*shape"], *, key: Key = None) -> Float[Array, "*shape"]:
        return self.apply(x, key=key)


class QuantizeLayer(eqx.Module):
    """Rounds down; the derivative is 1.

    **Arguments:**

    - `quantize`: False to do nothing.
    """

    quantize: bool = eqx.field(default=True, static=True)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return Quantize.apply(x) if self.quantize else x


class NeuromorphicReLU(eqx.Module):
    """A rectified and rounded value, as a spike count is: for networks that are converted later.

    **Arguments:**

    - `quantize`: round; the derivative is that of the rectifier.
    - `fanout`: how many synapses a spike reaches, for `activity`.
    - `stochastic_rounding`: round up or down at random while training (takes a key), and to the nearest number, without
        a gradient, in inference. Else round down.
    - `inference`: not training; `eqx.nn.inference_mode` sets it.

    Raises a `ValueError` for a `fanout` that is not above 0.
    """

    quantize: bool = eqx.field(default=True, static=True)
    fanout: float | int = 1
    stochastic_rounding: bool = eqx.field(default=False, static=True)
    inference: bool = False

    def __check_init__(self) -> None:
        check_positive(self, "fanout")

    def __call__(self, x: Float[Array, "*shape"], *, key: Key = None) -> Float[Array, "*shape"]:
        x = jax.nn.relu(x)
        if not self.quantize:
            return x
        if not self.stochastic_rounding:
            return Quantize.apply(x)
        return jnp.round(x) if self.inference else StochasticRounding.apply(x, key=key)

    def activity(self, output: Float[Array, "batch *shape"]) -> Array:
        """Synaptic operations per example of a batch of outputs."""
        return jnp.sum(output) / len(output) * self.fanout


class Merge(eqx.Module):
    """Adds two arrays; where their sizes differ, the smaller one has zeros at its end.

    Raises an `InputError` for different numbers of axes.
    """

    def __call__(self, data1: Float[Array, "..."], data2: Float[Array, "..."]) -> Float[Array, "..."]:
        if data1.ndim != data2.ndim:
            raise InputError(
                f"Merge was given arrays of shape {data1.shape} and {data2.shape}; it takes as many axes in both. Add "
                f"axes of size 1."
            )
        shape = tuple(map(max, data1.shape, data2.shape))

        def padded(data: Array) -> Array:
            return jnp.pad(data, [(0, size - given) for size, given in zip(shape, data.shape, strict=True)])

        return padded(data1) + padded(data2)


class Repeat(eqx.Module):
    """A layer of one step of one example, for arrays with axes (batch, time, ...).

    **Arguments:**

    - `module`: any function or Equinox layer.
    """

    module: Callable

    def __call__(self, x: Float[Array, "batch time *shape"]) -> Float[Array, "batch time ..."]:
        return jax.vmap(jax.vmap(self.module))(x)


class FlattenTime(eqx.Module):
    """From (batch, time, ...) to (batch * time, ...)."""

    def __call__(self, x: Float[Array, "batch time *shape"]) -> Float[Array, "steps *shape"]:
        return x.reshape(-1, *x.shape[2:])


class UnflattenTime(eqx.Module):
    """From (batch * time, ...) to (batch, time, ...).

    **Arguments:**

    - `batch_size`: how many examples.

    Raises an `InputError` if they are not all of one length.
    """

    batch_size: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "steps *shape"]) -> Float[Array, "batch time *shape"]:
        if x.shape[0] % self.batch_size:
            raise InputError(
                f"UnflattenTime was given {x.shape[0]} steps for {self.batch_size} examples; it takes as many for all. "
                f"Look at batch_size."
            )
        return x.reshape(self.batch_size, -1, *x.shape[1:])
