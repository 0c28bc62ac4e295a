"""Norse's encoders: inputs of any shape, spikes with time on axis 0."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from ..._errors import InputError
from ..._neuron import LIF
from ..._neuron.exponential_integrate_and_fire import ExpIFState
from ..._neuron.leaky import LIFState
from ..._types import Key
from ..._unroll import unroll
from .._common import Prepared
from .neurons import LIFBoxCell, LIFExCell
from .parameters import LIFBoxParameters, LIFExParameters, LIFParameters


def _box(p: LIFParameters, dt: Any) -> LIF:
    return LIFBoxCell(LIFBoxParameters(p.tau_mem_inv, p.v_leak, p.v_th, p.v_reset, p.method, p.alpha), dt)


def constant_current_lif_encode(
    input_current: Float[Array, "*shape"], seq_length: int, p: LIFParameters = LIFParameters(), dt: Any = 0.001
) -> Float[Array, "time *shape"]:
    """The spikes of a neuron without a synapse under a constant current; it starts at 0."""
    xs = jnp.broadcast_to(input_current, (seq_length, *input_current.shape))
    return unroll(Prepared(_box(p, dt), {"v": 0.0}), xs)[1]


def spike_latency_encode(input_spikes: Float[Array, "time *shape"]) -> Float[Array, "time *shape"]:
    """Only the first spike of every channel."""
    earlier = jnp.cumsum(input_spikes, axis=0) - input_spikes
    return jnp.where(earlier > 0, jnp.zeros_like(input_spikes), input_spikes)


def spike_latency_lif_encode(
    input_current: Float[Array, "*shape"], seq_length: int, p: LIFParameters = LIFParameters(), dt: Any = 0.001
) -> Float[Array, "time *shape"]:
    """The first spike of `constant_current_lif_encode`."""
    return spike_latency_encode(constant_current_lif_encode(input_current, seq_length, p, dt))


def lif_current_encoder(
    input_current: Float[Array, "*shape"],
    voltage: Float[Array, "*shape"],
    p: LIFParameters = LIFParameters(),
    dt: Any = 0.001,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """One step of `constant_current_lif_encode`: the spikes, and the membrane after the reset."""
    state, z = _box(p, dt)(LIFState(v=voltage), input_current)
    return z, state.v


def lif_ex_current_encoder(
    input_current: Float[Array, "*shape"],
    voltage: Float[Array, "*shape"],
    p: LIFExParameters = LIFExParameters(),
    dt: Any = 0.001,
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """`lif_current_encoder` with the upstroke of `LIFExCell`.

    The library's encoder of `LIFAdEx` puts the derivative of the adaptation in its place, and is left out.
    """
    state, z = LIFExCell(p, dt)[1](ExpIFState(v=voltage), input_current)
    return z, state.v


def gaussian_rbf(distance: Float[Array, "*shape"], sigma: float = 1.0) -> Float[Array, "*shape"]:
    """`exp(-distance / (2 sigma^2))`."""
    return jnp.exp(-distance / (2 * sigma**2))


def euclidean_distance(x: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
    """`(x - y)^2`."""
    return (x - y) ** 2


def population_encode(
    input_values: Float[Array, "*shape"],
    out_features: int,
    scale: Any = None,
    kernel: Callable = gaussian_rbf,
    distance_function: Callable = euclidean_distance,
) -> Float[Array, "*shape features"]:
    """The response of `out_features` receptive fields, with centres from 0 to `scale`; it multiplies distances too."""
    scale = jnp.max(input_values) if scale is None or scale == 0 else jnp.asarray(scale, input_values.dtype)
    centres = jnp.linspace(0.0, 1.0, out_features, dtype=input_values.dtype) * scale
    centres = jnp.broadcast_to(centres, (*input_values.shape, out_features))
    values = jnp.broadcast_to(input_values[..., None], centres.shape)
    return kernel(distance_function(values, centres) * scale)


def poisson_encode_step(
    input_values: Float[Array, "*shape"], f_max: float = 1000.0, dt: float = 0.001, *, key: Key
) -> Float[Array, "*shape"]:
    """One step of `poisson_encode`."""
    return poisson_encode(input_values, 1, f_max, dt, key=key)[0]


def signed_poisson_encode_step(
    input_values: Float[Array, "*shape"], f_max: float = 1000.0, dt: float = 0.001, *, key: Key
) -> Float[Array, "*shape"]:
    """One step of `signed_poisson_encode`."""
    return signed_poisson_encode(input_values, 1, f_max, dt, key=key)[0]


def poisson_encode(
    input_values: Float[Array, "*shape"], seq_length: int, f_max: float = 100.0, dt: float = 0.001, *, key: Key
) -> Float[Array, "time *shape"]:
    """Spikes with the probability `dt f_max x` in every step."""
    if key is None:
        raise InputError(
            "poisson_encode was given no key; it draws random spikes, and takes a PRNG key: `key=jax.random.key(0)`."
        )
    drawn = jr.uniform(key, (seq_length, *input_values.shape), input_values.dtype)
    return (drawn < jnp.broadcast_to(dt * f_max * input_values, drawn.shape)).astype(input_values.dtype)


def signed_poisson_encode(
    input_values: Float[Array, "*shape"], seq_length: int, f_max: float = 100.0, dt: float = 0.001, *, key: Key
) -> Float[Array, "time *shape"]:
    """`poisson_encode` of the size of the input, with its sign."""
    zs = poisson_encode(jnp.abs(input_values), seq_length, f_max, dt, key=key)
    return zs * jnp.broadcast_to(jnp.sign(input_values), zs.shape)
