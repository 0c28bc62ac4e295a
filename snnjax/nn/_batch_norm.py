"""Batch normalisation over time and batch, with the threshold for a scale."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._cell import RunPart
from .._errors import InputError
from .._misc import check_finite, check_positive, state_dtype
from .._parameter import Param
from .._statistics import kept
from .._types import Key, Keys, Trajectory
from .._whole_sequence import AbstractWholeSequenceCell, AllSeen, advice
from ._channels import along_channels, check_channels, check_norm, holding
from ._moments import AxisName, moments, moved, normalised


class ThresholdBatchNorm(AbstractWholeSequenceCell[Any]):
    """Batch norm whose output varies as much as the threshold behind it: tdBN.

    ```
    training:    m, s = mean and variance of x over batch, time and space, for each channel
    inference:   m, s = running mean and variance
    out = weight * alpha * threshold * (x - m) / sqrt(s + eps) + bias
    running = momentum * running + (1 - momentum) * (m, s * n / (n - 1))       n numbers per channel
    ```

    With the default threshold of 1 it is ordinary batch norm, over time as over the batch. The channels are axis 0 of a
    step's input: `(size,)`, `(size, length)`, `(size, height, width)`.

    Training needs the whole sequence at once: such a network is run layer by layer over all steps, and loops other than
    `BPTT()` cut the time of each part for itself. In inference mode it is an affine map, and everything goes.

    **Arguments:**

    - `size`: number of channels.
    - `threshold`: of the neurons behind it.
    - `alpha`: 1 in front of a neuron; `1 / sqrt(2)` where two such outputs are added.
    - `axis_name`: of the `jax.vmap` over the batch; a tuple inside of a `jax.shard_map` (which then needs
        `check_vma=False`, since JAX checks no means over both); None for statistics of one sequence.
    - `momentum`: the weight of the past in the running statistics.
    - `eps`: added to the variance.
    - `dtype`: of weights and running statistics.

    `weight` and `bias`, `(size,)`, are trained. The running statistics are in the `eqx.nn.State` that
    `eqx.nn.make_with_state` makes; `unroll(..., statistics=statistics)` takes and returns it.

    Raises an `InputError` for inputs of another size, training outside of a `vmap` with this axis name, and for a
    sequence in pieces.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    def build(key):
        return snn.Sequential(eqx.nn.Linear(8, 5, key=key), snn.nn.ThresholdBatchNorm(5), snn.LIF())

    model, statistics = eqx.nn.make_with_state(build)(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (16, 20, 8))          # batch, time, features

    def one(model, statistics, xs):
        _, zs, statistics = snn.unroll(model, xs, statistics=statistics)
        return zs, statistics

    over_batch = jax.vmap(one, in_axes=(None, None, 0), out_axes=(0, None), axis_name="batch")
    zs, statistics = over_batch(model, statistics, xs)              # training
    zs, _ = over_batch(eqx.nn.inference_mode(model), statistics, xs)
    ```

    Source: H. Zheng, Y. Wu, L. Deng, Y. Hu and G. Li, Going deeper with directly-trained larger spiking neural
    networks, 2021, equations 5 to 9.
    """

    weight: Param
    bias: Param
    running: eqx.nn.StateIndex
    threshold: Param
    alpha: float
    eps: float
    momentum: float
    size: int = eqx.field(static=True)
    axis_name: AxisName = eqx.field(static=True)
    inference: bool

    def __init__(
        self,
        size: int,
        threshold: Param = 1.0,
        alpha: float = 1.0,
        *,
        axis_name: AxisName = "batch",
        momentum: float = 0.9,
        eps: float = 1e-5,
        inference: bool = False,
        dtype: Any = None,
    ):
        self.weight, self.bias = jnp.ones(size, dtype), jnp.zeros(size, dtype)
        self.running = eqx.nn.StateIndex((jnp.zeros(size, dtype), jnp.ones(size, dtype)))
        self.threshold, self.alpha, self.eps, self.momentum = threshold, alpha, eps, momentum
        self.size, self.axis_name, self.inference = size, axis_name, inference
        check_positive(self, "alpha")
        check_finite(self, "threshold")
        check_norm(self)

    @property
    def needs_all(self) -> bool:
        return not self.inference

    def init_state(self, x: Any, *, key: Key = None) -> AllSeen | None:
        del key
        check_channels(self, x.shape)
        return None if self.inference else AllSeen(kept(self, self.running))

    def __call__(self, state: AllSeen | None, x: Array, *, key: Key = None) -> tuple[AllSeen | None, Array]:
        del key
        state, outs = self._all(state, x[None])
        return state, outs[0]

    def scan(
        self, run: RunPart, state: AllSeen | None, xs: Trajectory, keys: Keys
    ) -> tuple[AllSeen | None, Trajectory, Any]:
        del run, keys
        with jax.named_scope("snn.ThresholdBatchNorm"):
            final, outs = self._all(state, xs)
        return final, outs, jax.tree.map(lambda a: jnp.broadcast_to(a, (xs.shape[0], *a.shape)), final)

    def _all(self, state: AllSeen | None, xs: Array) -> tuple[AllSeen | None, Array]:
        check_channels(self, xs.shape[1:])
        dtype = state_dtype(xs)
        along = along_channels(xs.ndim, dtype)
        numbers = xs.astype(dtype)
        if state is None:
            mean, variance = map(along, kept(self, self.running).get(self.running))
        elif state.seen:
            raise InputError(f"{type(self).__name__} was given a sequence in pieces.{advice(state)}")
        else:
            axes = (0, *range(2, xs.ndim))
            mean, variance, count = moments(numbers, axes, self.axis_name, type(self).__name__)
            before = state.statistics.get(self.running)
            after = moved(before, mean.reshape(-1), variance.reshape(-1), count, self.momentum)
            state = AllSeen(holding(self.running, after), seen=True)
        scale = along(self.weight) * jnp.asarray(self.alpha * self.threshold, dtype)
        outs = scale * normalised(numbers, mean, variance, self.eps) + along(self.bias)
        return state, outs.astype(xs.dtype)
