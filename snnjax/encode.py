"""Encoders: from values to spikes (or currents) with time on axis 0.

They take ONE example; a batch is `jax.vmap`. No gradient passes through a spike encoder: what
comes out of `rate`, `poisson`, `latency` and `delta` has derivative zero in its input. Only
`direct` is differentiable.

Values that an encoder cannot represent are never clipped. Outside of a JAX transformation they
raise a `ValueError`; under `jax.jit`, `jax.vmap` or `jax.grad`, where values are not known while
Python runs, every step of the element concerned is NaN.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

# jax.random.poisson works in float32 and returns int32: far above this mean its variance is wrong,
# and further up the counter saturates without a word.
_LARGEST_POISSON_MEAN = 1e6
_SCALE = "Scale the data first, e.g. (x - x.min()) / (x.max() - x.min())."


def _check_float(x: Array | np.ndarray, name: str) -> None:
    dtype = jnp.result_type(x)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"{name} has dtype {dtype}. Encoders take floating point values and give their result "
            f"in the same dtype. Convert first: {name}.astype(jnp.float32), and scale where it is "
            f"needed (8 bit images: {name}.astype(jnp.float32) / 255)."
        )


def _check_steps(steps: int) -> None:
    if not isinstance(steps, int | np.integer):
        raise TypeError(
            f"steps is {steps!r} of type {type(steps).__name__}. It is the length of the time axis "
            "and must be a Python int (under jax.jit: a static argument). Pass e.g. steps=100."
        )
    if steps < 1:
        raise ValueError(f"steps is {steps}. At least one time step is needed: pass steps >= 1.")


def _check_threshold(threshold: float | int, low_allowed: bool, high: float) -> None:
    above_low = threshold >= 0 if low_allowed else threshold > 0
    if not (above_low and threshold < high):
        low_sign = "<=" if low_allowed else "<"
        raise ValueError(
            f"threshold is {threshold}. Accepted is 0 {low_sign} threshold < {high}. "
            "Choose it in the units of the encoded values."
        )


def _at_least_float32(x: Array) -> Array:
    """16 bit floats resolve neither small probabilities nor times above some hundred steps."""
    return x.astype(jnp.float32) if jnp.finfo(x.dtype).bits < 32 else x


def _is_within(x: Array | np.ndarray, high: float, name: str, remedy: str) -> Array:
    """Where 0 <= x <= high (NaN is not); raises if the values are known and one is outside."""
    if not isinstance(x, Tracer):
        # numpy, because under jit even an operation on known values would be traced.
        values = np.asarray(x, np.float64)
        outside = ~((values >= 0) & (values <= high))
        if outside.any():
            raise ValueError(
                f"{name} has {outside.sum()} of {outside.size} values outside [0, {high:g}] (or "
                f"NaN), the first of them {values[outside].flat[0]:g}. Accepted are values in "
                f"[0, {high:g}]. {remedy}"
            )
    x = _at_least_float32(jnp.asarray(x))
    return (x >= 0) & (x <= high)


def _nan_unless(valid: Array, zs: Array) -> Array:
    return jnp.where(valid[None], zs, jnp.nan)


def direct(x: Float[Array | np.ndarray, "*shape"], steps: int) -> Float[Array, "steps *shape"]:
    r"""The value itself, presented as a constant current at each step.

    $xs_t = x$. The first layer of neurons turns it into spikes, so that nothing is lost to noise
    and few steps suffice. Under `jax.jit` it is a broadcast without a copy. Any float is accepted.

    **Arguments:**

    - `x`: values of one example, shape `(*shape)`.
    - `steps`: length of the time axis.

    **Returns:** currents, shape `(steps, *shape)`, differentiable in `x`.

    **Raises:** `TypeError` if `x` is not floating point, `ValueError` if `steps < 1`.

    ```python
    import jax.numpy as jnp
    from snnjax import encode

    encode.direct(jnp.array([0.2, 0.7]), steps=2)  # [[0.2, 0.7], [0.2, 0.7]]
    ```

    Source: Rueckauer, Lungu, Hu, Pfeiffer, Liu, Conversion of continuous-valued deep networks to
    efficient event-driven networks for image classification, 2017 (section 2.2, "analog input").
    """
    _check_float(x, "x")
    _check_steps(steps)
    x = jnp.asarray(x)
    return jnp.broadcast_to(x, (steps, *x.shape))


def rate(x: Float[Array | np.ndarray, "*shape"], steps: int, *, key: PRNGKeyArray) -> Float[Array, "steps *shape"]:
    r"""Bernoulli spikes: at each step a spike with probability `x`.

    $P(z_t = 1) = x$, independent over steps and elements. The numbers are drawn in the dtype of
    `x`, or in float32 where that is a 16 bit float (whose coarse numbers would bias small `x`).

    **Arguments:**

    - `x`: spike probabilities per step in [0, 1], shape `(*shape)`.
    - `steps`: length of the time axis.
    - `key`: a JAX random key, `jax.random.key` or `jax.random.PRNGKey`.

    **Returns:** spikes 0 or 1 in the dtype of `x`, shape `(steps, *shape)`.

    **Raises:** `TypeError` if `x` is not floating point, `ValueError` if `steps < 1` or a value
    lies outside [0, 1]. Under a JAX transformation such an element is NaN at each step instead.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax import encode

    zs = encode.rate(jnp.array([0.0, 1.0]), steps=3, key=jax.random.key(0))
    zs  # [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    ```

    Source: Heeger, Poisson model of spike generation, 2000 (section "generating Poisson spike
    trains": at most one spike per bin).
    """
    _check_float(x, "x")
    _check_steps(steps)
    valid = _is_within(x, 1.0, "x", _SCALE)
    x = jnp.asarray(x)
    probability = _at_least_float32(x)
    uniform = jr.uniform(key, (steps, *x.shape), probability.dtype)
    return _nan_unless(valid, (uniform < probability[None]).astype(x.dtype))


def poisson(
    x: Float[Array | np.ndarray, "*shape"],
    steps: int,
    *,
    key: PRNGKeyArray,
    dt: float | int = 1.0,
) -> Float[Array, "steps *shape"]:
    r"""Poisson spike counts: several spikes may fall into one step.

    $z_t \sim \mathrm{Poisson}(x \cdot dt)$, independent over steps and elements. Where
    $x \cdot dt \ll 1$ this is nearly `rate(x * dt, ...)`.

    **Arguments:**

    - `x`: firing rates >= 0 in spikes per unit of time, shape `(*shape)`.
    - `steps`: length of the time axis.
    - `key`: a JAX random key, `jax.random.key` or `jax.random.PRNGKey` (threefry, JAX's default:
        `jax.random.poisson` knows no other).
    - `dt`: length of a step in the unit of time of `x`.

    **Returns:** counts 0, 1, 2, ... in the dtype of `x`, shape `(steps, *shape)`. (Counts above
    2048 are rounded in float16, above 256 in bfloat16.)

    **Raises:** `TypeError` if `x` is not floating point; `ValueError` if `steps < 1`, `dt` is not
    positive, or a rate is negative, not finite, or above 1e6 spikes per step (where the 32 bit
    sampler is no longer Poisson). Under a JAX transformation such an element is NaN at each step.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax import encode

    rates = jnp.array([0.0, 40.0])  # Hz
    zs = encode.poisson(rates, steps=1000, key=jax.random.key(0), dt=0.001)
    zs.shape  # (1000, 2)
    ```

    Source: Heeger, Poisson model of spike generation, 2000.
    """
    _check_float(x, "x")
    _check_steps(steps)
    if not 0 < dt < float("inf"):
        raise ValueError(
            f"dt is {dt}. The length of a step must be positive and finite: pass it in the unit of "
            "time in which x counts spikes (0.001 for x in Hz and steps of 1 ms)."
        )
    remedy = "Rates are in spikes per unit of time, see dt; shift or rectify negative values first."
    # For a tiny dt the bound overflows float32, and infinity would be within it.
    highest = min(_LARGEST_POISSON_MEAN / dt, float(np.finfo(np.float32).max))
    valid = _is_within(x, highest, "x", remedy)
    x = jnp.asarray(x)
    # stop_gradient: the sampler is a while loop, which has no reverse mode.
    mean = jax.lax.stop_gradient(_at_least_float32(jnp.where(valid, x, 0.0)) * dt)
    counts = jr.poisson(key, mean, (steps, *x.shape))
    return _nan_unless(valid, counts.astype(x.dtype))


def latency(
    x: Float[Array | np.ndarray, "*shape"],
    steps: int,
    *,
    tau: float | int | None = None,
    threshold: float | int = 0.01,
) -> Float[Array, "steps *shape"]:
    r"""One spike per value, the earlier the larger the value is.

    With `tau=None` time is linear in the value,

    $$t = \mathrm{round}\left((1 - x)(steps - 1)\right)$$

    and with `tau` it is the time which a membrane $\tau\, dv/dt = x - v$, $v(0) = 0$, needs to
    reach the threshold,

    $$t = \min\left(\mathrm{round}\left(\tau \log\frac{x}{x - threshold}\right), steps - 1\right).$$

    In both, a value `x <= threshold` never spikes. Halves are rounded to the even step.

    **Arguments:**

    - `x`: values in [0, 1], shape `(*shape)`.
    - `steps`: length of the time axis.
    - `tau`: membrane time constant in steps, or `None` for linear times.
    - `threshold`: smallest value (excluded) that spikes, in [0, 1); above 0 with `tau`.

    **Returns:** spikes 0 or 1 in the dtype of `x`, shape `(steps, *shape)`, at most one per
    element.

    **Raises:** `TypeError` if `x` is not floating point; `ValueError` if `steps < 1`, `tau` or
    `threshold` is out of range, or a value lies outside [0, 1]. Under a JAX transformation such an
    element is NaN at each step instead.

    ```python
    import jax.numpy as jnp
    from snnjax import encode

    zs = encode.latency(jnp.array([1.0, 0.5, 0.0]), steps=3)
    zs  # [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    ```

    Source: Thorpe, Delorme, Van Rullen, Spike-based strategies for rapid processing, 2001; the
    charging time: Gerstner, Kistler, Spiking neuron models, 2002 (section 4.1).
    """
    _check_float(x, "x")
    _check_steps(steps)
    _check_threshold(threshold, low_allowed=tau is None, high=1.0)
    if tau is not None and not 0 < tau < float("inf"):
        raise ValueError(
            f"tau is {tau}. A time constant must be positive and finite, in steps. Pass tau > 0, "
            "or tau=None for spike times that are linear in x."
        )
    valid = _is_within(x, 1.0, "x", _SCALE)
    x = jnp.asarray(x)
    x_wide = _at_least_float32(x)
    fires = x_wide > threshold
    if tau is None:
        time = (1 - x_wide) * (steps - 1)
    else:
        # The inner where keeps the logarithm off values that never reach the threshold.
        charged = jnp.where(fires, x_wide, 1.0)
        time = jnp.minimum(tau * jnp.log(charged / (charged - threshold)), steps - 1)
    time = jnp.where(fires & valid, jnp.round(time), -1).astype(jnp.int32)
    step = jnp.arange(steps, dtype=jnp.int32).reshape((steps,) + (1,) * x.ndim)
    return _nan_unless(valid, (step == time[None]).astype(x.dtype))


# Not inside of delta: a new function in each call would be compiled in each call.
def _delta_step(carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
    reference, threshold = carry
    moved = x - reference
    on_off = jnp.stack([moved > threshold, moved < -threshold], axis=-1)
    known = jnp.isfinite(moved)
    reference = jnp.where(jnp.any(on_off, axis=-1) & known, x, reference)
    return (reference, threshold), jnp.where(known[..., None], on_off.astype(x.dtype), jnp.nan)


def delta(xs: Float[Array | np.ndarray, "time *shape"], threshold: float | int = 0.1) -> Float[Array, "time *shape 2"]:
    r"""ON and OFF spikes where a signal has moved by more than the threshold (send-on-delta).

    Each element keeps a reference level $r$, at first $r = xs_0$. In each step

    $$on_t = [xs_t - r > threshold], \quad off_t = [xs_t - r < -threshold]$$

    and after a spike of either kind the reference moves to the current value, $r = xs_t$; otherwise
    it stays. A slow drift is thus noticed, and after each step $|xs_t - r| \le threshold$. A jump
    of several thresholds within a step gives one spike, and the reference takes the whole jump. The
    first step never spikes.

    **Arguments:**

    - `xs`: a signal, shape `(time, *shape)`.
    - `threshold`: the movement (excluded) that spikes, >= 0, in the units of `xs`.

    **Returns:** spikes 0 or 1 in the dtype of `xs`, shape `(time, *shape, 2)`: ON in `[..., 0]`,
    OFF in `[..., 1]`.

    **Raises:** `TypeError` if `xs` is not floating point; `ValueError` if it has no time axis or no
    step, if `threshold` is negative or not finite, or if a value is NaN or infinite. Under a JAX
    transformation a step whose distance to the reference is not finite gives NaN, and the reference
    stays as it was (so that all steps are NaN if the first value is).

    ```python
    import jax.numpy as jnp
    from snnjax import encode

    zs = encode.delta(jnp.array([0.0, 0.25, 0.5, 0.0]), threshold=0.4)
    zs  # [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    ```

    Source: Miskowicz, Send-on-delta concept: an event-based data reporting strategy, 2006;
    Lichtsteiner, Posch, Delbruck, A 128x128 120 dB 15 us latency asynchronous temporal contrast
    vision sensor, 2008 (ON and OFF events).
    """
    _check_float(xs, "xs")
    if xs.ndim == 0 or xs.shape[0] == 0:
        raise ValueError(
            f"xs has shape {xs.shape}. Accepted is (time, *shape) with at least one time step. Put time on axis 0."
        )
    _check_threshold(threshold, low_allowed=True, high=float("inf"))
    if not isinstance(xs, Tracer) and not np.isfinite(np.asarray(xs)).all():
        raise ValueError(
            "xs contains NaN or infinite values, whose movement is unknown. Accepted are finite "
            "values. Fill gaps first, e.g. with the last known value."
        )

    xs = jnp.asarray(xs)
    wide = _at_least_float32(jax.lax.stop_gradient(xs))
    _, zs = jax.lax.scan(_delta_step, (wide[0], jnp.asarray(threshold, wide.dtype)), wide)
    return zs.astype(xs.dtype)
