"""Batch normalisation with statistics of its own for each time step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._cell import AbstractSequenceCell, RunPart
from .._misc import state_dtype
from .._parameter import Param
from .._statistics import kept
from .._types import Key, Keys, Trajectory
from ._channels import along_channels, check_channels, check_norm, holding
from ._moments import AxisName, moments, moved, normalised
from ._steps import at_step, check_steps, first_step, steps_from


class StepwiseState(eqx.Module):
    """State of `BatchNormThroughTime`: the next step, and in training the statistics of all steps."""

    step: Float[Array, "..."]
    statistics: eqx.nn.State | None


class BatchNormThroughTime(AbstractSequenceCell[StepwiseState]):
    """Batch norm with weights and statistics of its own for each step: BNTT.

    ```
    training:    m, s = mean and variance of x[t] over batch and space, for each channel
    inference:   m, s = running mean and variance of step t
    out[t] = weight[t] * (x[t] - m) / sqrt(s + eps)
    running[t] = momentum * running[t] + (1 - momentum) * (m, s * n / (n - 1))       n numbers per channel and step
    ```

    No step needs to know of another, so that it may be stepped, streamed, and stand in feedback loops, in training too.
    The channels are axis 0 of a step's input.

    **Arguments:**

    - `size`: number of channels.
    - `num_steps`: steps of the longest sequence.
    - `axis_name`: see `ThresholdBatchNorm`.
    - `momentum`: the weight of the past in the running statistics.
    - `eps`: added to the variance.
    - `dtype`: of weights and running statistics.

    `weight`, `(num_steps, size)`, is trained; there is no bias. For the running statistics see `ThresholdBatchNorm`.

    Raises an `InputError` for inputs of another size, training outside of a `vmap` with this axis name, and sequences
    of more steps; stepped by hand beyond the last step it puts out NaN.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    norm, statistics = eqx.nn.make_with_state(snn.nn.BatchNormThroughTime)(5, num_steps=20)
    xs = jax.random.normal(jax.random.key(0), (16, 20, 5))          # batch, time, channels

    def one(xs, statistics):
        _, ys, statistics = snn.unroll(norm, xs, statistics=statistics)
        return ys, statistics

    ys, statistics = jax.vmap(one, in_axes=(0, None), out_axes=(0, None), axis_name="batch")(xs, statistics)
    ```

    Source: Y. Kim and P. Panda, Revisiting batch normalization for training low-latency deep spiking neural networks
    from scratch, 2021, equations 8 to 10.
    """

    weight: Param
    running: eqx.nn.StateIndex
    eps: float
    momentum: float
    size: int = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)
    axis_name: AxisName = eqx.field(static=True)
    inference: bool

    def __init__(
        self,
        size: int,
        num_steps: int,
        *,
        axis_name: AxisName = "batch",
        momentum: float = 0.9,
        eps: float = 1e-5,
        inference: bool = False,
        dtype: Any = None,
    ):
        shape = (num_steps, size)
        self.size, self.num_steps, self.axis_name, self.inference = size, num_steps, axis_name, inference
        self.eps, self.momentum = eps, momentum
        check_norm(self)
        check_steps(self, num_steps)
        self.weight = jnp.ones(shape, dtype)
        self.running = eqx.nn.StateIndex((jnp.zeros(shape, dtype), jnp.ones(shape, dtype)))

    def init_state(self, x: Any, *, key: Key = None) -> StepwiseState:
        del key
        check_channels(self, x.shape)
        return StepwiseState(first_step(x), None if self.inference else kept(self, self.running))

    def __call__(self, state: StepwiseState, x: Array, *, key: Key = None) -> tuple[StepwiseState, Array]:
        del key
        state, outs = self._some(state, x[None])
        return state, outs[0]

    def scan(
        self, run: RunPart, state: StepwiseState, xs: Trajectory, keys: Keys
    ) -> tuple[StepwiseState, Trajectory, Any]:
        del run, keys
        check_steps(self, self.num_steps, xs.shape[0])
        with jax.named_scope("snn.BatchNormThroughTime"):
            final, outs = self._some(state, xs)
        # A recording shows the statistics as they are in the end.
        steps = state.step + jnp.arange(1, xs.shape[0] + 1).astype(state.step.dtype)
        states = jax.tree.map(lambda a: jnp.broadcast_to(a, (xs.shape[0], *a.shape)), final)
        return final, outs, StepwiseState(steps, states.statistics)

    def _some(self, state: StepwiseState, xs: Array) -> tuple[StepwiseState, Array]:
        """Consecutive steps, each by its own numbers."""
        check_channels(self, xs.shape[1:])
        dtype, total = state_dtype(xs), xs.shape[0]
        along = along_channels(xs.ndim, dtype)
        numbers = xs.astype(dtype)
        statistics = state.statistics
        if statistics is None:
            running = kept(self, self.running).get(self.running)
            mean, variance = (along(at_step(of_all, state.step, total)) for of_all in running)
        else:
            mean, variance, count = moments(numbers, tuple(range(2, xs.ndim)), self.axis_name, type(self).__name__)
            means, variances = statistics.get(self.running)
            before = at_step(means, state.step, total), at_step(variances, state.step, total)
            flat = (total, self.size)
            after = moved(before, mean.reshape(flat), variance.reshape(flat), count, self.momentum)
            where = steps_from(state.step, total)
            means, variances = (a.at[where].set(b, mode="drop") for a, b in zip((means, variances), after, strict=True))
            statistics = holding(self.running, (means, variances))
        outs = along(at_step(self.weight, state.step, total)) * normalised(numbers, mean, variance, self.eps)
        return StepwiseState(state.step + total, statistics), outs.astype(xs.dtype)
