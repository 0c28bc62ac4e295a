"""SpikingJelly's neurons for networks that were trained without spikes: quantisers, and tables of few spikes."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._container import Sequential
from ..._misc import as_current, resting, starting
from ..._neuron import AbstractNeuron
from ..._order import AbstractOrder, ResetLast
from ..._scale import Scale
from ..._surrogate import AbstractSpike
from ..._types import Key
from ._options import SIGMOID

#: A list of numbers, or an array of one axis.
Numbers: TypeAlias = Sequence[float] | np.ndarray | Array


class BipolarIFState(eqx.Module):
    """State of a `BipolarIF`: the charge that was not sent, in quanta, and the quanta that were."""

    v: Float[Array, "*shape"]
    sent: Float[Array, "*shape"]


class BipolarIF(AbstractNeuron[BipolarIFState]):
    """Fires quanta of either sign until what it sent is its input, rounded and clipped.

    ```
    v = v + x / quantum                               from 1/2
    z = 1 where v >= 1 and sent < most, -1 where v < 0 and sent > least, else 0
    v = v - z
    sent = sent + z
    ```

    **Arguments:**

    - `quantum`: what a spike stands for.
    - `least`, `most`: the fewest and the most quanta that are sent in all.
    - `order`: `ResetLast()`.
    """

    quantum: float
    least: float
    most: float
    order: AbstractOrder = ResetLast()

    def init_state(self, x: Any, *, key: Key = None) -> BipolarIFState:
        del key
        return BipolarIFState(v=starting(x, 0.5), sent=resting(x))

    def integrate(self, state: BipolarIFState, x: Float[Array, "*shape"]) -> BipolarIFState:
        return BipolarIFState(v=state.v + as_current(x, state.v) / self.quantum, sent=state.sent)

    def fire(self, before: BipolarIFState, state: BipolarIFState, key: Key) -> Float[Array, "*shape"]:
        del before, key
        positive = (state.v >= 1) & (state.sent < self.most)
        negative = (state.v < 0) & (state.sent > self.least)
        return positive.astype(state.v.dtype) - negative.astype(state.v.dtype)

    def spiked(self, state: BipolarIFState, z: Float[Array, "*shape"]) -> BipolarIFState:
        return BipolarIFState(v=state.v - z, sent=state.sent + z)


def STBIFNode(
    q_threshold: float, level: int, sym: bool = False, pos_max: float | None = None, neg_min: float | None = None
) -> Sequential:
    """Spike-tracing bipolar neuron: sends `q_threshold` or its negative until the sum is the quantised input.

    ```
    sum of outputs -> q_threshold * clip(floor(sum of inputs / q_threshold + 1/2), neg_min, pos_max)
    ```

    For inference: its spikes have no gradient, where the library refuses to be differentiated.

    **Arguments:**

    - `q_threshold`: the step of the quantiser, above 0.
    - `level`: how many values it has, at least 2.
    - `sym`: whether they lie on both sides of zero: from `-level / 2`, instead of from 0.
    - `pos_max`, `neg_min`: the ends, in steps, instead of those.

    Raises a `ValueError` for values out of range.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import spikingjelly

    _, outs = snn.unroll(spikingjelly.STBIFNode(0.5, level=8), jnp.array([1.25, 0.0, -0.75, 0.0]))
    assert outs.tolist() == [0.5, 0.5, -0.5, 0.0]
    ```

    Source: K. You et al., SpikeZIP-TF: Conversion is all you need for transformer-based SNN, 2024.
    """
    if not q_threshold > 0 or level < 2:
        raise ValueError(
            f"STBIFNode was given q_threshold={q_threshold} and level={level}; it takes a step above 0, and at least 2 "
            f"levels. For a sign use TernaryIFNode."
        )
    most = (level // 2 - 1 if sym else level - 1) if pos_max is None else pos_max
    least = (-level // 2 if sym else 0) if neg_min is None else neg_min
    neuron = BipolarIF(quantum=float(q_threshold), least=float(least), most=float(most))
    return Sequential(neuron, Scale(float(q_threshold)))


def _constants(name: str, values: Numbers, length: int | None = None) -> tuple[float, ...]:
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or numbers.size == 0 or (length is not None and numbers.size != length):
        raise ValueError(
            f"a table of few spikes was given {name} of shape {numbers.shape}; it takes one number for each of the "
            f"same steps, at least 1."
        )
    return tuple(numbers.tolist())


class FewSpikeTable(eqx.Module):
    """What a `FewSpikeNode` does in each of its `K` steps: constants, of which each step has three.

    **Arguments:**

    - `theta`: the thresholds.
    - `h`: what a spike takes off the membrane.
    - `d`: what a spike adds to the output.

    Raises a `ValueError` unless they are as many.
    """

    theta: tuple[float, ...] = eqx.field(static=True)
    h: tuple[float, ...] = eqx.field(static=True)
    d: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, theta: Numbers, h: Numbers, d: Numbers):
        self.theta = _constants("theta", theta)
        self.h, self.d = _constants("h", h, len(self.theta)), _constants("d", d, len(self.theta))


class FewSpikeNode(eqx.Module):
    """A function of one number, computed by few spikes: `f(x)`, near to whatever its table was made for.

    ```
    v = x, and for every step k:
    z = H(v - theta[k])
    v = v - h[k] * z
    f = f + d[k] * z
    ```

    A layer without state: the steps pass within one call. `node.spikes(x)` has the steps on axis 0, `d[k] * z`; the
    library puts those out in its multi-step mode, for the sum of its inputs.

    **Arguments:**

    - `table`: a `FewSpikeTable`.
    - `surrogate_function`: the spike function and its derivative.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import spikingjelly

    binary = [4.0, 2.0, 1.0]
    node = spikingjelly.FewSpikeNode(spikingjelly.FewSpikeTable(binary, binary, binary))
    assert node(jnp.array([5.5, 2.0])).tolist() == [5.0, 2.0]
    ```

    Source: C. Stoeckl and W. Maass, Optimized spiking neurons can classify images with high accuracy through temporal
    coding with two spikes, 2021.
    """

    table: FewSpikeTable
    surrogate_function: AbstractSpike = SIGMOID

    def spikes(self, x: Float[Array, "*shape"]) -> Float[Array, "steps *shape"]:
        table, v, outs = self.table, x, []
        for theta, h, d in zip(table.theta, table.h, table.d, strict=True):
            z = self.surrogate_function.fire(v, theta)
            outs.append(d * z)
            v = v - h * z
        return jnp.stack(outs)

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.spikes(x).sum(0)


class OutlierAwareThresholdNode(eqx.Module):
    """A `FewSpikeNode` of `|x|` with the sign of `x`, and another table for large values.

    **Arguments:**

    - `table`: for values up to `split_threshold`.
    - `outlier_table`: for larger ones; of as many steps.
    - `split_threshold`: at least 0.
    - `clamp_value`: where larger values are clipped; None for no clipping.
    - `surrogate_function`: the spike function and its derivative.

    Raises a `ValueError` for values out of range.
    """

    table: FewSpikeTable
    outlier_table: FewSpikeTable
    split_threshold: float = eqx.field(static=True)
    clamp_value: float | None = eqx.field(default=None, static=True)
    surrogate_function: AbstractSpike = SIGMOID

    def __check_init__(self) -> None:
        most = math.inf if self.clamp_value is None else self.clamp_value
        steps = len(self.table.theta), len(self.outlier_table.theta)
        if (
            not 0 <= self.split_threshold < math.inf
            or not self.split_threshold <= most
            or not most > 0
            or len({*steps}) > 1
        ):
            raise ValueError(
                f"OutlierAwareThresholdNode was given tables of {steps} steps, split_threshold={self.split_threshold} "
                f"and clamp_value={self.clamp_value}; it takes as many steps, a split of at least 0, and a clamp that "
                f"is not below it."
            )

    def spikes(self, x: Float[Array, "*shape"]) -> Float[Array, "steps *shape"]:
        if self.clamp_value is not None:
            inside = jnp.abs(x) <= self.clamp_value
            x = jnp.where(inside, x, jax.lax.stop_gradient(jnp.sign(x) * self.clamp_value))
        sign = jax.lax.stop_gradient(jnp.sign(x))
        usual, outlier = (
            FewSpikeNode(table, self.surrogate_function).spikes(x * sign) for table in (self.table, self.outlier_table)
        )
        return jnp.where(jnp.abs(x)[None] <= self.split_threshold, usual, outlier) * sign[None]

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.spikes(x).sum(0)


class HGNode(eqx.Module):
    """`FewSpikeNode`s for regions of the input, with tables of their own.

    **Arguments:**

    - `tables`: one for each region, of as many steps.
    - `gate_thresholds`: the ends between the regions, rising; each belongs to the region below it.
    - `surrogate_function`: the spike function and its derivative.

    Raises a `ValueError` for other numbers of them, and for ends that do not rise.
    """

    tables: tuple[FewSpikeTable, ...] = eqx.field(converter=tuple)
    gate_thresholds: tuple[float, ...] = eqx.field(static=True, converter=tuple)
    surrogate_function: AbstractSpike = SIGMOID

    def __check_init__(self) -> None:
        steps, ends = {len(table.theta) for table in self.tables}, self.gate_thresholds
        rise = all(a < b for a, b in itertools.pairwise(ends)) and all(map(math.isfinite, ends))
        if len(steps) != 1 or len(ends) != len(self.tables) - 1 or not rise:
            raise ValueError(
                f"HGNode was given {len(self.tables)} tables of {steps} steps and gate_thresholds={ends}; it takes "
                f"tables of as many steps, and one end less than tables, rising."
            )

    def spikes(self, x: Float[Array, "*shape"]) -> Float[Array, "steps *shape"]:
        outs = FewSpikeNode(self.tables[0], self.surrogate_function).spikes(x)
        for table, end in zip(self.tables[1:], self.gate_thresholds, strict=True):
            outs = jnp.where(x[None] > end, FewSpikeNode(table, self.surrogate_function).spikes(x), outs)
        return outs

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.spikes(x).sum(0)
