"""Penalties on the spikes of a layer, of one example."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from . import decode


def _check_bounds(lower: float | int, upper: float | int) -> None:
    if not 0 <= lower <= upper:
        raise ValueError(
            f"lower is {lower} and upper is {upper}. Accepted is 0 <= lower <= upper, in spikes "
            "per step. Use lower=0 or upper=1 for a bound that should not bind."
        )


def layer_rate_bounds(
    zs: Float[Array, "time *neurons"],
    lower: float | int,
    upper: float | int,
    mask: Bool[Array | np.ndarray, " time"] | None = None,
) -> Float[Array, ""]:
    r"""Penalty on a layer whose mean rate lies outside of [lower, upper].

    $$L = \mathrm{relu}(lower - r)^2 + \mathrm{relu}(r - upper)^2, \quad r = \frac{1}{N} \sum_n r_n$$

    with $r_n$ as in `rate_bounds`, which bounds every neuron by itself. Here neurons may specialise: some may be
    silent for this example as long as the layer as a whole is not.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `lower`, `upper`: bounds in spikes per neuron and step, `0 <= lower <= upper`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** the penalty, a scalar in the dtype of `zs`; NaN if no step is valid.

    **Raises:** as `rate_bounds`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    zs = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    losses.layer_rate_bounds(zs, lower=0.0, upper=0.25)  # 0.0625
    ```

    Source: Zenke, Vogels, The remarkable robustness of surrogate gradient learning for instilling
    complex function in spiking neural networks, 2021 (the upper bound on the population).
    """
    _check_bounds(lower, upper)
    rate = jnp.mean(decode.rate(zs, mask))
    return jax.nn.relu(lower - rate) ** 2 + jax.nn.relu(rate - upper) ** 2


def synchrony(
    zs: Float[Array, "time *neurons"],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    width: int = 1,
) -> Float[Array, ""]:
    r"""How much the neurons of a layer fire together: 0 if independently, 1 if all at once.

    $$\chi^2 = \frac{Var_t[\frac{1}{N} \sum_n c_n(t)]}{\frac{1}{N} \sum_n Var_t[c_n(t)]}, \qquad
    L = \frac{N \chi^2 - 1}{N - 1}$$

    with $c_n(t)$ the number of spikes of neuron $n$ in the last `width` steps. The variance of a sum of independent
    neurons is the sum of their variances, so $\chi^2 = 1/N$; $L$ is $\chi^2$ measured from there, and equals the mean
    covariance of two neurons divided by their mean variance. It is at least $-1/(N-1)$, where neurons avoid each
    other. Rates that rise and fall together, with the input, count as firing together. 0 for a layer whose counts
    never change, and for a single neuron.

    Added to the loss with a small weight, `jax.nn.relu(losses.synchrony(zs))` keeps a layer from firing in volleys.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps. Windows count that lie in the data.
    - `width`: in how many steps spikes are together, at least 1.

    **Returns:** a scalar in the dtype of `zs`; NaN if no window is valid.

    **Raises:** `ValueError` for a width below 1, or of more steps than there are; as `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    losses.synchrony(jnp.array([[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]))  # 1.0
    losses.synchrony(jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))  # -1.0
    ```

    Source: Golomb, Rinzel, Clustering in globally coupled inhibitory neurons, 1994, who introduced $\chi$ (for
    membranes); Golomb, Neuronal synchrony measures, 2007. The shift and scale, so that independent neurons have 0
    whatever their number, are ours.
    """
    decode.rate(zs, mask)  # its checks
    steps = zs.shape[0]
    if not 1 <= width <= steps:
        raise ValueError(
            f"width is {width}, of {steps} steps. Accepted is 1 <= width <= steps. Pass the number of steps within "
            "which spikes are together."
        )
    starts = steps - width + 1
    zs = zs.reshape(steps, -1)
    neurons = zs.shape[1]
    counts = jnp.stack([zs[i : i + starts] for i in range(width)]).sum(axis=0)
    valid = jnp.ones(steps, bool) if mask is None else jnp.asarray(mask)
    valid = jnp.stack([valid[i : i + starts] for i in range(width)]).all(axis=0)[:, None]
    if neurons == 1:
        return jnp.where(jnp.any(valid), 0, jnp.nan).astype(zs.dtype)
    # Not `jnp.var`, whose gradient is NaN where nothing is valid even if the result is not used.
    total = jnp.sum(valid.astype(zs.dtype))
    away = jnp.where(valid, counts - jnp.sum(counts, axis=0, keepdims=True, where=valid) / jnp.maximum(total, 1), 0)
    of_sum, sum_of = jnp.sum(jnp.sum(away, axis=1) ** 2), jnp.sum(away**2)
    ratio = of_sum / jnp.where(sum_of == 0, 1, sum_of)  # N chi^2
    together = jnp.where(sum_of == 0, 0, (ratio - 1) / (neurons - 1))
    return jnp.where(total > 0, together, jnp.nan)
