"""Batch normalisation with running statistics, as a cell."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._cell import AbstractCell
from ..._errors import InputError
from ..._misc import as_current, cast, check_finite, resting
from ..._parameter import Fixed, Param, parameter
from ..._types import Key


class BatchNormState(eqx.Module):
    """State of a `BatchNormLayer`.

    Running mean and variance start at zero, as in the library, so that after a few steps they are too small by the
    factor `weight`, the sum of the weights of all batches so far.
    """

    mean: Float[Array, "*shape"]
    variance: Float[Array, "*shape"]
    weight: Float[Array, ""]


class BatchNormLayer(AbstractCell[BatchNormState]):
    """Normalises every value over the batch, and keeps running statistics for the time without a batch.

    ```
    training:    m, s = mean and variance of x over the batch
                 mean = (1 - forget_weight) * mean + forget_weight * m         variance with s, weight with 1
                 out = gamma * (x - m) / sqrt(s + eps)
    inference:   out = gamma * (x - mean / weight) / sqrt(variance / weight + eps)
    ```

    The library never uses its running statistics; inference is ours. Without any statistics yet it takes a mean of 0
    and a variance of 1.

    **Arguments:**

    - `eps`: added to the variance.
    - `forget_weight`: the weight of the newest batch, in (0, 1] (the library's text says of the previous ones; this is
        what it computes).
    - `gamma`: the scale of the output. An array is trained.
    - `axis_name`: of the `jax.vmap` over the batch.
    - `inference`: use the running statistics; `eqx.nn.inference_mode(model)` switches it on.
    - `statistics`: what a sequence begins with; see `with_statistics`.

    Raises a `ValueError` for numbers out of range, and an `InputError` for training outside of such a `vmap`.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat.snnax import BatchNormLayer

    xs = jax.random.normal(jax.random.key(0), (10, 32, 4))                        # time, batch, features
    norm = BatchNormLayer(1e-5, 0.2)
    run = lambda x: snn.unroll(norm, x)
    state, ys = jax.vmap(run, in_axes=1, out_axes=(None, 1), axis_name="batch_axis")(xs)
    ready = eqx.nn.inference_mode(norm.with_statistics(state))
    _, ys = snn.unroll(ready, xs[:, 0])                                           # one example alone
    ```

    Source: S. Ioffe and C. Szegedy, Batch normalization: accelerating deep network training by reducing internal
    covariate shift, 2015, algorithms 1 and 2.
    """

    eps: float | int
    forget_weight: float | int
    gamma: Param = parameter(0.8)
    axis_name: str = eqx.field(default="batch_axis", static=True)
    inference: bool = False
    statistics: Any = None

    def __check_init__(self) -> None:
        check_finite(self, "gamma")
        if not 0 <= self.eps < float("inf"):
            raise ValueError(
                f"BatchNormLayer.eps was given {self.eps}; it takes finite numbers of at least 0. Give 1e-5."
            )
        if not 0 < self.forget_weight <= 1:
            raise ValueError(
                f"BatchNormLayer.forget_weight was given {self.forget_weight}; it takes numbers above 0 and up to 1. "
                f"0.1 means that about ten steps are remembered."
            )

    def with_statistics(self, state: BatchNormState) -> "BatchNormLayer":
        """The layer that begins every sequence with these statistics, which are not trained.

        **Arguments:**

        - `state`: this layer's part of a final state, of one example: it is the same for a whole batch, so run with
            `out_axes=None` for it, or take one of them.
        """
        return eqx.tree_at(
            lambda norm: norm.statistics, self, jax.tree.map(Fixed, state), is_leaf=lambda node: node is None
        )

    def init_state(self, x: Any, *, key: Key = None) -> BatchNormState:
        del key
        zeros = resting(x)
        empty = BatchNormState(mean=zeros, variance=zeros, weight=jnp.zeros_like(zeros, shape=()))
        if self.statistics is None:
            return empty
        known: BatchNormState = self.statistics
        mean, variance, weight = (cast(value, zeros.dtype) for value in (known.mean, known.variance, known.weight))
        if mean.shape != zeros.shape:
            raise InputError(
                f"BatchNormLayer has statistics of shape {mean.shape} and was given a step of shape {zeros.shape}; it "
                f"takes one step of one example. A final state of a batch has a batch axis: take one of them."
            )
        return BatchNormState(mean=zeros + mean, variance=zeros + variance, weight=empty.weight + weight)

    def _batch_mean(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        try:
            return jax.lax.pmean(x, axis_name=self.axis_name)
        except NameError:
            raise InputError(
                f"BatchNormLayer was run outside of `jax.vmap(..., axis_name={self.axis_name!r})`; in training it "
                f"takes a batch, mapped with this name. For one example alone use `eqx.nn.inference_mode(model)`."
            ) from None

    def __call__(
        self, state: BatchNormState, x: Float[Array, "*shape"], *, key: Key = None
    ) -> tuple[BatchNormState, Float[Array, "*shape"]]:
        del key
        with jax.named_scope("snn.BatchNormLayer"):
            v = as_current(x, state.mean)
            dtype = v.dtype
            eps, gamma = cast(self.eps, dtype), cast(self.gamma, dtype)
            if self.inference:
                seen = state.weight > 0
                weight = jnp.where(seen, state.weight, jnp.ones_like(state.weight))
                mean = state.mean / weight
                variance = jnp.where(seen, state.variance / weight, jnp.ones_like(v))
            else:
                mean = self._batch_mean(v)
                variance = self._batch_mean((v - mean) ** 2)
                new = cast(self.forget_weight, dtype)
                state = BatchNormState(
                    mean=(1 - new) * state.mean + new * mean,
                    variance=(1 - new) * state.variance + new * variance,
                    weight=(1 - new) * state.weight + new,
                )
            return state, (gamma * (v - mean) / jnp.sqrt(variance + eps)).astype(x.dtype)
