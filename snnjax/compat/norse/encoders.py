"""Norse's encoders as modules: their settings are given once."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from ..._types import Key
from . import encode
from .parameters import LIFParameters


class ConstantCurrentLIFEncoder(eqx.Module):
    """`constant_current_lif_encode` with its settings."""

    seq_length: int = eqx.field(static=True)
    p: LIFParameters = LIFParameters()
    dt: Any = 0.001

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "time *shape"]:
        return encode.constant_current_lif_encode(x, self.seq_length, self.p, self.dt)


class SpikeLatencyLIFEncoder(eqx.Module):
    """`spike_latency_lif_encode` with its settings."""

    seq_length: int = eqx.field(static=True)
    p: LIFParameters = LIFParameters()
    dt: Any = 0.001

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "time *shape"]:
        return encode.spike_latency_lif_encode(x, self.seq_length, self.p, self.dt)


class SpikeLatencyEncoder(eqx.Module):
    """`spike_latency_encode`."""

    def __call__(self, x: Float[Array, "time *shape"]) -> Float[Array, "time *shape"]:
        return encode.spike_latency_encode(x)


class PopulationEncoder(eqx.Module):
    """`population_encode` with its settings."""

    out_features: int = eqx.field(static=True)
    scale: Any = None
    kernel: Callable = encode.gaussian_rbf
    distance_function: Callable = encode.euclidean_distance

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape features"]:
        return encode.population_encode(x, self.out_features, self.scale, self.kernel, self.distance_function)


class PoissonEncoder(eqx.Module):
    """`poisson_encode` with its settings, called with a key."""

    seq_length: int = eqx.field(static=True)
    f_max: float = 100.0
    dt: float = 0.001

    def __call__(self, x: Float[Array, "*shape"], *, key: Key) -> Float[Array, "time *shape"]:
        return encode.poisson_encode(x, self.seq_length, self.f_max, self.dt, key=key)


class SignedPoissonEncoder(eqx.Module):
    """`signed_poisson_encode` with its settings, called with a key."""

    seq_length: int = eqx.field(static=True)
    f_max: float = 100.0
    dt: float = 0.001

    def __call__(self, x: Float[Array, "*shape"], *, key: Key) -> Float[Array, "time *shape"]:
        return encode.signed_poisson_encode(x, self.seq_length, self.f_max, self.dt, key=key)


class PoissonEncoderStep(eqx.Module):
    """`poisson_encode_step` with its settings: a layer of a `Sequential`, which `unroll` hands its keys."""

    f_max: float = 1000.0
    dt: float = 0.001

    def __call__(self, x: Float[Array, "*shape"], *, key: Key) -> Float[Array, "*shape"]:
        return encode.poisson_encode_step(x, self.f_max, self.dt, key=key)


class SignedPoissonEncoderStep(eqx.Module):
    """`signed_poisson_encode_step` with its settings: a layer of a `Sequential`, which `unroll` hands its keys."""

    f_max: float = 1000.0
    dt: float = 0.001

    def __call__(self, x: Float[Array, "*shape"], *, key: Key) -> Float[Array, "*shape"]:
        return encode.signed_poisson_encode_step(x, self.f_max, self.dt, key=key)
