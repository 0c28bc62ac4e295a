"""Norse's decoders and filters: sequences have time on axis 0."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._container import Sequential
from ..._synapse import ExponentialSynapse
from ..._types import Key


def sum_decode(tensor: Float[Array, "..."], dimension: int = 0) -> Float[Array, "..."]:
    """The sum over an axis, by default over time."""
    return jnp.sum(tensor, axis=dimension)


@jax.custom_jvp
def _spike_times(zs: Array) -> Array:
    steps = jnp.arange(zs.shape[0], dtype=zs.dtype).reshape(-1, *(1,) * (zs.ndim - 1))
    return jnp.sort(jnp.where(zs > 0, jnp.broadcast_to(steps, zs.shape), jnp.full_like(zs, jnp.inf)), axis=0)


@_spike_times.defjvp
def _spike_times_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    times = _spike_times(*primals)
    found = jnp.isfinite(times)
    steps = jnp.where(found, times, jnp.zeros_like(times)).astype(jnp.int32)
    # A more of a spike is an earlier spike.
    earlier = -jnp.take_along_axis(tangents[0], steps, axis=0)
    return times, jnp.where(found, earlier, jnp.zeros_like(times))


class SpikesToTimesDecoder(eqx.Module):
    """The times of the first spikes of every channel, in ascending order; infinity where there are no more.

    The derivative of a time by its spike is -1 (times `dt`), and 0 by all else. The library's derivative fails where a
    channel has fewer than `spike_count` spikes; this one does not.

    **Arguments:**

    - `spike_count`: how many times per channel; at most as many as there are steps come out.
    - `convert_indices_to_times`: times in s, or whole steps.
    - `dt`: length of a step, in s.

    Raises a `ValueError` for a `spike_count` below 1.

    ```python
    import jax.numpy as jnp
    from snnjax.compat import norse

    zs = jnp.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    times = norse.SpikesToTimesDecoder(convert_indices_to_times=False)(zs)
    assert times.tolist() == [[1.0, float("inf")]]
    ```
    """

    spike_count: int = eqx.field(default=1, static=True)
    convert_indices_to_times: bool = eqx.field(default=True, static=True)
    dt: Any = 1e-3

    def __check_init__(self) -> None:
        if self.spike_count < 1:
            raise ValueError(
                f"SpikesToTimesDecoder.spike_count was given {self.spike_count}; it takes a whole number from 1 on. "
                f"Give 1 for the first spikes."
            )

    def __call__(self, zs: Float[Array, "time *shape"]) -> Float[Array, "count *shape"]:
        times = _spike_times(zs)[: self.spike_count]
        return times * self.dt if self.convert_indices_to_times else times


def exp_filter_step(
    old_value: Float[Array, "*shape"], new_value: Float[Array, "*shape"], parameter: Any
) -> Float[Array, "*shape"]:
    """`parameter * old_value + new_value`."""
    return parameter * old_value + new_value


def ExpFilter(
    input_size: int,
    output_size: int,
    tau_filter_inv: Any = 1e3,
    dt: Any = 1e-3,
    input_weights: Array | None = None,
    bias: bool = True,
    *,
    key: Key = None,
) -> Sequential:
    """A linear layer, and an exponential filter: `out = exp(-dt tau_filter_inv) out + weight x + bias`.

    **Arguments:**

    - `input_size`, `output_size`: of the linear layer.
    - `tau_filter_inv`: inverse time constant of the filter, above 0, in 1/s.
    - `dt`: length of a step, in s.
    - `input_weights`: of shape `(output_size, input_size)`; drawn if None.
    - `bias`: whether the linear layer has one, which is drawn.
    - `key`: for what is drawn.

    Raises a `ValueError` for a time constant out of range, for weights of another shape, and if something is drawn
    without a key.

    ```python
    import jax.numpy as jnp
    import snnjax as snn
    from snnjax.compat import norse

    layer = norse.ExpFilter(1, 1, tau_filter_inv=0.5, dt=1.0, input_weights=jnp.ones((1, 1)), bias=False)
    _, out = snn.unroll(layer, jnp.array([[1.0], [0.0]]))
    assert abs(out[1, 0] - 0.60653) < 1e-5
    ```
    """
    if isinstance(tau_filter_inv, int | float) and not tau_filter_inv > 0:
        raise ValueError(
            f"tau_filter_inv was given as {tau_filter_inv}; ExpFilter takes values above 0, in 1/s. To sum without "
            f"forgetting use `jnp.cumsum`."
        )
    if key is None and (bias or input_weights is None):
        raise ValueError(
            "ExpFilter was given no key; it draws its bias, and weights that are not given. Pass "
            "`key=jax.random.key(0)`, or weights and `bias=False`."
        )
    linear = eqx.nn.Linear(input_size, output_size, use_bias=bias, key=jax.random.key(0) if key is None else key)
    if input_weights is not None:
        if input_weights.shape != (output_size, input_size):
            raise ValueError(
                f"input_weights were given the shape {input_weights.shape}; ExpFilter takes "
                f"{(output_size, input_size)}, a row for every output. Transpose them, or change the sizes."
            )
        linear = eqx.tree_at(lambda layer: layer.weight, linear, input_weights)
    return Sequential(linear, ExponentialSynapse(tau_i=1 / tau_filter_inv, dt=dt))
