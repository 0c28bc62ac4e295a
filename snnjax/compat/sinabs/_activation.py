"""Spikes, their derivatives, and resets."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from ..._misc import cast, check_finite, check_positive
from ..._parameter import Param, parameter
from ..._reset import AbstractReset, SubtractReset
from ..._surrogate import AbstractSpike
from ..._types import Key

Number = float | int


class Heaviside(eqx.Module):
    """Derivative `1 / spike_threshold` where `v_mem >= spike_threshold - window`, else 0.

    **Arguments:**

    - `window`: how far below the threshold it begins, in the unit of the membrane (sinabs says "relative to the
        threshold", and computes this).

    Raises a `ValueError` for a window that is not finite.
    """

    window: Number = 1.0

    def __check_init__(self) -> None:
        check_finite(self, "window")

    def __call__(self, v_mem: Float[Array, "*shape"], spike_threshold: Param) -> Float[Array, "*shape"]:
        threshold = cast(spike_threshold, v_mem.dtype)
        return (v_mem >= threshold - self.window).astype(v_mem.dtype) / threshold


class Gaussian(eqx.Module):
    """Derivative `grad_scale * N(v_mem - spike_threshold; mu, sigma)`, a normal density.

    **Arguments:**

    - `mu`, `sigma`: mean and standard deviation, in the unit of the membrane.
    - `grad_scale`: factor.

    Raises a `ValueError` for a `sigma` that is not above 0.
    """

    mu: Number = 0.0
    sigma: Number = 0.5
    grad_scale: Number = 1.0

    def __check_init__(self) -> None:
        check_positive(self, "sigma")

    def __call__(self, v_mem: Float[Array, "*shape"], spike_threshold: Param) -> Float[Array, "*shape"]:
        distance = v_mem - cast(spike_threshold, v_mem.dtype)
        return self.grad_scale * norm.pdf(distance, self.mu, self.sigma)


class MultiGaussian(eqx.Module):
    """A normal density less two wider ones beside it: a derivative that is negative far from the threshold.

    ```
    d = v_mem - spike_threshold
    (1 + h) * N(d; mu, sigma) - h * N(d; sigma, s * sigma) - h * N(d; -sigma, s * sigma)
    ```

    **Arguments:**

    - `mu`, `sigma`: mean and standard deviation of the one in the middle, in the unit of the membrane.
    - `h`: size of the negative parts.
    - `s`: how many times wider they are.
    - `grad_scale`: factor of all.

    Raises a `ValueError` for a `sigma` or an `s` that is not above 0.

    Source: B. Yin, F. Corradi and S. M. Bohte, Accurate and efficient time-domain classification with adaptive
    spiking recurrent neural networks, 2021.
    """

    mu: Number = 0.0
    sigma: Number = 0.5
    h: Number = 0.15
    s: Number = 6
    grad_scale: Number = 1.0

    def __check_init__(self) -> None:
        check_positive(self, "sigma", "s")

    def __call__(self, v_mem: Float[Array, "*shape"], spike_threshold: Param) -> Float[Array, "*shape"]:
        distance = v_mem - cast(spike_threshold, v_mem.dtype)
        wide = self.s * self.sigma
        sides = norm.pdf(distance, self.sigma, wide) + norm.pdf(distance, -self.sigma, wide)
        return self.grad_scale * ((1 + self.h) * norm.pdf(distance, self.mu, self.sigma) - self.h * sides)


class SingleExponential(eqx.Module):
    """Derivative `grad_scale / w * exp(-|v_mem - spike_threshold| / w)`, with `w = grad_width * spike_threshold`.

    **Arguments:**

    - `grad_width`: as a part of the threshold.
    - `grad_scale`: factor.

    Raises a `ValueError` for a width that is not above 0.

    Source: S. B. Shrestha and G. Orchard, SLAYER: spike layer error reassignment in time, 2018.
    """

    grad_width: Number = 0.5
    grad_scale: Number = 1.0

    def __check_init__(self) -> None:
        check_positive(self, "grad_width")

    def __call__(self, v_mem: Float[Array, "*shape"], spike_threshold: Param) -> Float[Array, "*shape"]:
        threshold = cast(spike_threshold, v_mem.dtype)
        width = self.grad_width * threshold
        # Bounded for raised thresholds below zero, where the exponential would grow.
        exponent = jnp.minimum(-jnp.abs(v_mem - threshold) / width, jnp.full_like(v_mem, 30.0))
        return self.grad_scale / width * jnp.exp(exponent)


class PeriodicExponential(eqx.Module):
    """Derivative `grad_scale * exp(-|d| / grad_width)`: a peak at every multiple of the threshold, for many spikes.

    `d` is the distance to the threshold below it. Above, it is two times the distance to the nearest multiple.

    **Arguments:**

    - `grad_width`: in the unit of the membrane.
    - `grad_scale`: the height of a peak.

    Raises a `ValueError` for a width that is not above 0.

    Source: P. Weidel and S. Sheik, WaveSense: efficient temporal convolutions with spiking neural networks for keyword
    spotting, 2021.
    """

    grad_width: Number = 0.5
    grad_scale: Number = 1.0

    def __check_init__(self) -> None:
        check_positive(self, "grad_width")

    def __call__(self, v_mem: Float[Array, "*shape"], spike_threshold: Param) -> Float[Array, "*shape"]:
        threshold = cast(spike_threshold, v_mem.dtype)
        shifted = v_mem / threshold - 0.5
        above = threshold * (2 * (shifted - jnp.floor(shifted)) - 1)
        distance = jnp.where(v_mem < threshold, v_mem - threshold, above)
        return self.grad_scale * jnp.exp(-jnp.abs(distance) / self.grad_width)


class SpikeFunction(AbstractSpike):
    """A spike with any forward function and any derivative with respect to the membrane.

    The derivative with respect to the threshold is zero, as in sinabs. To write another one, subclass it and give
    the method `count`.
    """

    surrogate: eqx.AbstractVar[Callable]

    @abc.abstractmethod
    def count(self, v: Float[Array, "*shape"], threshold: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """How many spikes a membrane makes."""

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        del key
        return _fire(v, jnp.broadcast_to(cast(threshold, v.dtype), v.shape), self)


@eqx.filter_custom_jvp
def _fire(v: Array, threshold: Array, spike: SpikeFunction) -> Array:
    return spike.count(v, threshold)


@_fire.def_jvp
def _fire_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    v, threshold, spike = primals
    if tangents[0] is None:
        return _fire(*primals), jnp.zeros_like(v)
    return _fire(*primals), spike.surrogate(v, threshold) * tangents[0]


class SingleSpike(SpikeFunction):
    """One spike where `v_mem >= spike_threshold`.

    **Arguments:**

    - `surrogate`: the derivative, a function `(v_mem, spike_threshold)`. A layer puts its `surrogate_grad_fn` here.
    """

    surrogate: Callable = SingleExponential()

    def count(self, v: Float[Array, "*shape"], threshold: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return (v >= threshold).astype(v.dtype)


class MultiSpike(SpikeFunction):
    """As many spikes as whole thresholds fit into the membrane.

    **Arguments:**

    - `surrogate`: the derivative, a function `(v_mem, spike_threshold)`. A layer puts its `surrogate_grad_fn` here.
    """

    surrogate: Callable = SingleExponential()

    def count(self, v: Float[Array, "*shape"], threshold: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(v > 0, jnp.trunc(v / threshold), jnp.zeros_like(v))


class MaxSpike(SpikeFunction):
    """As many spikes as whole thresholds fit into the membrane, at most so many; the derivative does not notice.

    **Arguments:**

    - `max_num_spikes_per_bin`: the most spikes per step; None for no limit.
    - `surrogate`: the derivative, a function `(v_mem, spike_threshold)`. A layer puts its `surrogate_grad_fn` here.

    Raises a `ValueError` for a limit below 1.
    """

    max_num_spikes_per_bin: int | None = eqx.field(default=None, static=True)
    surrogate: Callable = SingleExponential()

    def __check_init__(self) -> None:
        limit = self.max_num_spikes_per_bin
        if limit is not None and limit < 1:
            raise ValueError(
                f"MaxSpike.max_num_spikes_per_bin was given {limit}; it takes a whole number of at least 1, or None. "
                f"For a layer without spikes use ExpLeak."
            )

    def count(self, v: Float[Array, "*shape"], threshold: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        spikes = MultiSpike().count(v, threshold)
        limit = self.max_num_spikes_per_bin
        return spikes if limit is None else jnp.minimum(spikes, jnp.full_like(v, limit))


class Membrane(AbstractSpike):
    """No spikes: the membrane itself is put out, before anything is done to it."""

    def fire(self, v: Float[Array, "*shape"], threshold: Param, *, key: Key = None) -> Float[Array, "*shape"]:
        del threshold, key
        return v


class MembraneSubtract(AbstractReset):
    """Subtract the threshold, or another value, for every spike.

    **Arguments:**

    - `subtract_value`: None for the threshold (in an `ALIF`, the raised one).
    - `detach`: cut the gradient through the spike; sinabs never does.

    Raises a `ValueError` for a value that is not finite.
    """

    subtract_value: Param | None = parameter(None)
    detach: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        if self.subtract_value is not None:
            check_finite(self, "subtract_value")

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        return SubtractReset().apply(v, z, threshold if self.subtract_value is None else self.subtract_value)


class MembraneReset(AbstractReset):
    """Set the membrane to zero where it spiked, then add a value everywhere.

    `v_mem = v_mem * (spikes == 0) + reset_value`: a value other than zero also shifts every neuron that did not spike,
    in every step. That is what sinabs computes, and not what it says; `snn.ValueReset` moves only what spiked.

    **Arguments:**

    - `reset_value`: what is added, in the unit of the membrane.
    - `detach`: accepted so that all resets are made alike: no gradient goes through the comparison anyway.

    Raises a `ValueError` for a value that is not finite.
    """

    reset_value: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def __check_init__(self) -> None:
        check_finite(self, "reset_value")

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        del threshold
        return v * (z == 0).astype(v.dtype) + cast(self.reset_value, v.dtype)


class Clipped(AbstractReset):
    """A reset that keeps the membrane above a value; unlike `snn.Floor` it has no gradient exactly at it either."""

    reset: AbstractReset
    lowest: Param = parameter(0.0)
    detach: bool = eqx.field(default=False, static=True)

    def apply(self, v: Float[Array, "..."], z: Float[Array, "..."], threshold: Param) -> Float[Array, "..."]:
        lowest = cast(self.lowest, v.dtype)
        return jax.nn.relu(self.reset(v, z, threshold) - lowest) + lowest
