"""Decoders: from a sequence with time on axis 0 to one value per element.

They take ONE example of shape `(time, *shape)`; a batch is `jax.vmap`. Sequences that were padded
to a common length come with `mask`, True where there is data. Masked steps have no effect, neither
on the value nor on the gradient, even if they hold NaN or infinity. NaN in a step that counts is
never hidden.

What an all-False mask gives is undefined for means, maxima and times, and is NaN there; sums are 0.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float


def _sequence_and_mask(ys: Array, mask: Array | np.ndarray | None, name: str) -> tuple[Array, Array, Array]:
    """The checked sequence, its mask (time,), and the mask with the rank of the sequence."""
    dtype = jnp.result_type(ys)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"{name} has dtype {dtype}. Decoders take floating point sequences and give their "
            f"result in the same dtype. Convert first: {name}.astype(jnp.float32)."
        )
    ys = jnp.asarray(ys)
    if ys.ndim == 0 or ys.shape[0] == 0:
        raise ValueError(
            f"{name} has shape {ys.shape}. Accepted is (time, *shape) with at least one time step. Put time on axis 0."
        )
    if mask is None:
        mask = jnp.ones(ys.shape[0], bool)
    if jnp.result_type(mask) != jnp.bool_:
        raise TypeError(
            f"mask has dtype {jnp.result_type(mask)}. Accepted are booleans, True where there is "
            "data, or None. Convert first: mask.astype(bool)."
        )
    if jnp.shape(mask) != ys.shape[:1]:
        raise ValueError(
            f"mask has shape {jnp.shape(mask)} for {name} of shape {ys.shape}. Accepted is one "
            f"bool per time step, shape {ys.shape[:1]}, or None. These functions take one example "
            "with time on axis 0: for a batch of sequences and masks use jax.vmap over both."
        )
    mask = jnp.asarray(mask)
    return ys, mask, mask.reshape(mask.shape + (1,) * (ys.ndim - 1))


def _sum(ys: Array, mask: Array | np.ndarray | None, name: str) -> Array:
    ys, _, valid = _sequence_and_mask(ys, mask, name)
    return jnp.sum(ys, axis=0, where=valid)


def _mean(ys: Array, mask: Array | np.ndarray | None, name: str) -> Array:
    ys, mask, valid = _sequence_and_mask(ys, mask, name)
    # A number of steps above 65504 would be infinite in float16, and the mean silently zero.
    wide = jnp.float32 if jnp.finfo(ys.dtype).bits < 32 else ys.dtype
    total = jnp.sum(ys, axis=0, where=valid, dtype=wide)
    return (total / jnp.sum(mask).astype(wide)).astype(ys.dtype)


def count(
    zs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Number of spikes, $\sum_t z_t$ over the valid steps.

    **Arguments:**

    - `zs`: spikes, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** counts in the dtype of `zs` (float16 is exact to 2048, bfloat16 to 256), shape
    `(*shape)`; 0 if no step is valid.

    **Raises:** `ValueError` for a mask that is not `(time,)` or a sequence without a step,
    `TypeError` for a sequence that is not floating point or a mask that is not bool.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    zs = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    decode.count(zs)  # [2.0, 1.0]
    decode.count(zs, mask=jnp.array([True, True, False]))  # [2.0, 0.0]
    ```
    """
    return _sum(zs, mask, "zs")


def rate(
    zs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Firing rate, the mean number of spikes per valid step.

    $\frac{1}{n} \sum_t z_t$ over the $n$ valid steps. Unlike `count` it does not grow with the
    length of the sequence.

    **Arguments:**

    - `zs`: spikes, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** rates in spikes per step, shape `(*shape)`; NaN if no step is valid.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    zs = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    decode.rate(zs)  # [0.5, 0.25]
    ```
    """
    return _mean(zs, mask, "zs")


def max_membrane(
    vs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Largest membrane over time, $\max_t v_t$ over the valid steps.

    The gradient goes to the step of the maximum; equal maxima share it.

    **Arguments:**

    - `vs`: membranes of a readout, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** the maxima, shape `(*shape)`; NaN if no step is valid.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    vs = jnp.array([[0.1, 0.5], [0.9, 0.2]])
    decode.max_membrane(vs)  # [0.9, 0.5]
    ```

    Source: Cramer, Stradmann, Schemmel, Zenke, The Heidelberg spiking data sets for the systematic
    evaluation of spiking neural networks, 2020 (max-over-time readout).
    """
    vs, mask, valid = _sequence_and_mask(vs, mask, "vs")
    largest = jnp.max(vs, axis=0, where=valid, initial=-jnp.inf)
    return jnp.where(jnp.any(mask), largest, jnp.nan)


def sum_membrane(
    vs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Membrane summed over time, $\sum_t v_t$ over the valid steps.

    **Arguments:**

    - `vs`: membranes of a readout, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** the sums, shape `(*shape)`; 0 if no step is valid.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    decode.sum_membrane(jnp.array([[0.25, 0.5], [0.5, 0.0]]))  # [0.75, 0.5]
    ```
    """
    return _sum(vs, mask, "vs")


def mean_membrane(
    vs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Mean membrane over time, $\frac{1}{n} \sum_t v_t$ over the $n$ valid steps.

    **Arguments:**

    - `vs`: membranes of a readout, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** the means, shape `(*shape)`; NaN if no step is valid.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    decode.mean_membrane(jnp.array([[0.25, 0.5], [0.75, 0.0]]))  # [0.5, 0.25]
    ```
    """
    return _mean(vs, mask, "vs")


def last(
    ys: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""The last valid step of a sequence.

    $y_{t^*}$ with $t^*$ the largest `t` where `mask[t]` is True. Padding may stand anywhere.

    **Arguments:**

    - `ys`: any sequence, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** one step, shape `(*shape)`; NaN if no step is valid.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    ys = jnp.array([[1.0], [2.0], [3.0]])
    decode.last(ys, mask=jnp.array([True, True, False]))  # [2.0]
    ```
    """
    ys, mask, _ = _sequence_and_mask(ys, mask, "ys")
    index = jnp.max(jnp.where(mask, jnp.arange(mask.size), 0))
    return jnp.where(jnp.any(mask), ys[index], jnp.nan)


def first_spike(
    zs: Float[Array, "time *shape"], mask: Bool[Array | np.ndarray, "time"] | None = None
) -> Float[Array, "*shape"]:
    r"""Time of the first spike, as the number of valid steps before it.

    For a sequence without padding, or padded at its end, this is the index of the first step with
    `z > 0`. An element that never spikes gets the number of valid steps, one more than the latest
    time there is. The derivative in `zs` is zero: a time read off a grid moves in jumps.

    **Arguments:**

    - `zs`: spikes, shape `(time, *shape)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** times in steps in the dtype of `zs` (float16 is exact to 2048, bfloat16 to 256),
    shape `(*shape)`; NaN if no step is valid, or if a valid step of the element is NaN.

    **Raises:** as `count`.

    ```python
    import jax.numpy as jnp
    from snnjax import decode

    zs = jnp.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    decode.first_spike(zs)  # [2.0, 3.0]
    ```
    """
    zs, mask, valid = _sequence_and_mask(zs, mask, "zs")
    fired = (zs > 0) & valid
    # Step t has this many valid steps before it; an element that never fires has all of them.
    steps = mask.astype(jnp.int32)
    through = jnp.cumsum(steps, dtype=jnp.int32)
    before = (through - steps)[jnp.argmax(fired, axis=0)]
    time = jnp.where(jnp.any(fired, axis=0), before, through[-1])
    unknown = jnp.any(jnp.isnan(zs) & valid, axis=0) | ~jnp.any(mask)
    return jnp.where(unknown, jnp.nan, time.astype(zs.dtype))
