"""Pooling that lets the spikes of the strongest neuron of each window pass."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractCell
from .._misc import resting
from .._types import Key
from ._windows import Size, check_windows, spread, windows_of


class AbstractScore(eqx.Module):
    """How `GatedMaxPool` finds the strongest neuron: by the largest score, which is zero before the first step."""

    @abc.abstractmethod
    def __call__(self, score: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The score of every neuron after a step with the spikes `x`."""


class SpikeCount(AbstractScore):
    """The strongest neuron is the one with the most spikes so far: `score = score + x`."""

    def __call__(self, score: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return score + x


class FirstSpike(AbstractScore):
    """The strongest neuron is the one that fired first: the score is the number of steps since its first spike."""

    def __call__(self, score: Float[Array, "*shape"], x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(score > 0, score + 1, (x > 0).astype(score.dtype))


class GatedMaxPool(AbstractCell[Float[Array, "*shape"]]):
    """Lets the spikes of the strongest neuron of each window pass, and no others.

    ```
    score = update(score, x)                                       its state
    out = max over the window of x[i], of those i whose score is the largest in the window
    ```

    With `SpikeCount()` a window fires at the rate of its most active neuron, which is what max pooling of rates is;
    `SpikingMaxPool` fires at a higher one. Where several neurons have the largest score, the spikes of each of them
    pass. Over any number of spatial axes.

    **Arguments:**

    - `kernel_size`: of a window; a number for all spatial axes, or one for each.
    - `stride`: between windows; None for `kernel_size`.
    - `padding`: silent neurons on both sides.
    - `score`: `SpikeCount()` or `FirstSpike()`.

    A cell for one step `(channels, *space)`; the scores get no gradient. Raises an `InputError` (a `ValueError`) for
    other numbers of axes, and for windows that do not fit.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    zs = jnp.array([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]])                    # (time, channels, length)
    assert snn.unroll(snn.nn.GatedMaxPool(2, score=snn.nn.FirstSpike()), zs)[1].ravel().tolist() == [1, 0, 1]
    ```

    Source: B. Rueckauer, I.-A. Lungu, Y. Hu, M. Pfeiffer and S.-C. Liu, Conversion of continuous-valued deep networks
    to efficient event-driven networks for image classification, 2017.
    """

    kernel_size: Size = eqx.field(static=True)
    stride: Size | None = eqx.field(default=None, static=True)
    padding: Size = eqx.field(default=0, static=True)
    score: AbstractScore = SpikeCount()

    def __check_init__(self) -> None:
        check_windows(self)

    def init_state(self, x: Any, *, key: Key = None) -> Float[Array, "..."]:
        del key
        windows_of(self, x.shape)
        return resting(x)

    def __call__(
        self, state: Float[Array, "*shape"], x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[Float[Array, "*shape"], Float[Array, "..."]]:
        del key
        with jax.named_scope("snn.GatedMaxPool"):
            windows = windows_of(self, x.shape)
            state = jax.lax.stop_gradient(self.score(state, x.astype(state.dtype)))
            scores, spikes = spread(state, windows), spread(x, windows)
            strongest = scores == jnp.max(scores, axis=0, keepdims=True)
            return state, jnp.max(jnp.where(strongest, spikes, jnp.zeros_like(spikes)), axis=0)
