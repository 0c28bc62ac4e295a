"""SpikingJelly's losses and small functions."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer

from ... import losses


def kernel_dot_product(
    x: Float[Array, "first features"], y: Float[Array, "second features"], kernel: str = "linear", *args: Any
) -> Float[Array, "first second"]:
    """How similar every row of `x` is to every row of `y`.

    ```
    linear:      x . y
    polynomial:  (x . y)^d                            args: d
    sigmoid:     sigmoid(alpha * x . y)               args: alpha
    gaussian:    exp(-|x - y|^2 / (2 sigma^2))        args: sigma
    ```

    Raises a `ValueError` for another kernel, and for a `sigma` that is not above 0.
    """
    product = x @ y.T
    if kernel == "linear":
        return product
    if kernel == "polynomial":
        return product ** args[0]
    if kernel == "sigmoid":
        return jax.nn.sigmoid(args[0] * product)
    if kernel != "gaussian":
        raise ValueError(
            f"kernel_dot_product was given kernel={kernel!r}; it takes 'linear', 'polynomial', 'sigmoid' or 'gaussian'."
        )
    if not args[0] > 0:
        raise ValueError(f"kernel_dot_product was given sigma={args[0]}; it takes widths above 0.")
    distance = (x**2).sum(1)[:, None] + (y**2).sum(1)[None, :] - 2 * product
    return jnp.exp(-distance / (2 * args[0] * args[0]))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _binary_cross_entropy(p: Float[Array, "..."], target: Float[Array, "..."]) -> Float[Array, "..."]:
    """With logarithms of at least -100."""
    low = jnp.full_like(p, -100.0)
    return -(target * jnp.maximum(jnp.log(p), low) + (1 - target) * jnp.maximum(jnp.log1p(-p), low))


@_binary_cross_entropy.defjvp
def _binary_cross_entropy_jvp(target: Array, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (p,), (tangent,) = primals, tangents
    slope = (p - target) / jnp.maximum(p * (1 - p), jnp.full_like(p, 1e-12))  # finite at 0 and 1
    return _binary_cross_entropy(p, target), slope * tangent


def spike_similar_loss(
    spikes: Float[Array, "batch *shape"],
    labels: Float[Array, "batch classes"],
    kernel_type: str = "linear",
    loss_type: str = "mse",
    *args: Any,
) -> Float[Array, ""]:
    """Examples of one class should spike alike, those of two classes should not.

    ```
    wanted = min(labels @ labels.T, 1)
    found = kernel_dot_product(spikes, spikes)        linear: of spikes of length 1, so the cosine of their angle
    loss = mean over pairs of loss_type(found, wanted)
    ```

    The one loss of a whole batch, which is on axis 0; not for `jax.vmap`.

    **Arguments:**

    - `spikes`: of any shape behind the batch, time included.
    - `labels`: one-hot, or of several classes.
    - `kernel_type`, `args`: see `kernel_dot_product`.
    - `loss_type`: 'mse', 'l1' or 'bce'; the last takes similarities between 0 and 1.

    Raises a `ValueError` for another kernel or loss.

    ```python
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import functional

    spikes = jnp.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    labels = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert abs(functional.spike_similar_loss(spikes, labels) - 2 / 9) < 1e-6
    ```
    """
    rows = spikes.reshape(len(spikes), -1)
    found = kernel_dot_product(rows, rows, kernel_type, *args)
    if kernel_type == "linear":
        squares = (rows**2).sum(1)
        # The derivative of a length is not finite at zero; examples without spikes get none.
        length = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
        found = found / (length[:, None] * length[None, :] + 1e-8)
    wanted = jnp.minimum(labels @ labels.T, jnp.ones((), labels.dtype)).astype(found.dtype)
    if loss_type == "mse":
        return jnp.mean((found - wanted) ** 2)
    if loss_type == "l1":
        error = found - wanted
        return jnp.mean(error * jax.lax.stop_gradient(jnp.sign(error)))  # `abs` has the derivative 1 at zero
    if loss_type == "bce":
        return jnp.mean(_binary_cross_entropy(found, jax.lax.stop_gradient(wanted)))
    raise ValueError(f"spike_similar_loss was given loss_type={loss_type!r}; it takes 'mse', 'l1' or 'bce'.")


def temporal_efficient_training_cross_entropy(
    x_seq: Float[Array, "time classes *shape"], target: int | Integer[Array, "*shape"]
) -> Float[Array, ""]:
    """The mean over the steps of the cross entropy of every step by itself.

    Of one example; a batch is the mean over `jax.vmap`. An output with more axes, such as a segmentation, takes a label
    for each place, and is the mean over them. A label out of range raises or is NaN, as `losses.cross_entropy`; the
    -100 with which the library leaves a place out is one.

    ```python
    import jax.numpy as jnp
    from snnjax.compat.spikingjelly import functional

    loss = functional.temporal_efficient_training_cross_entropy(jnp.zeros((4, 2)), 1)
    assert abs(loss - jnp.log(2)) < 1e-6
    ```

    Source: S. Deng et al., Temporal efficient training of spiking neural network via gradient re-weighting, 2022.
    """
    if x_seq.ndim == 2:
        return jax.vmap(lambda logits: losses.cross_entropy(logits, target))(x_seq).mean()
    labels = jnp.broadcast_to(jnp.asarray(target), (x_seq.shape[0], *x_seq.shape[2:])).reshape(-1)
    logits = jnp.moveaxis(x_seq, 1, -1).reshape(len(labels), -1)
    return jax.vmap(losses.cross_entropy)(logits, labels).mean()


def redundant_one_hot(labels: Integer[Array, "*shape"], num_classes: int, n: int) -> Float[Array, "*shape neurons"]:
    """One-hot labels for `n` neurons per class, each class's side by side."""
    return jnp.repeat(jax.nn.one_hot(labels, num_classes), n, axis=-1)


def first_spike_index(spikes: Float[Array, "*shape time"]) -> Bool[Array, "*shape time"]:
    """Where the first spike of every neuron is. Time is the LAST axis here, as in the library."""
    return (spikes != 0) & (jnp.cumsum(spikes, axis=-1) == 1)


def delay(x_seq: Float[Array, "time *shape"], delay_steps: int) -> Float[Array, "time *shape"]:
    """A sequence some steps later, after zeros, and as long as before. As a layer it is `snnjax.Delay`."""
    if delay_steps < 0:
        raise ValueError(f"delay was given delay_steps={delay_steps}; it takes whole numbers from 0.")
    return jnp.concatenate([jnp.zeros_like(x_seq), x_seq])[len(x_seq) - min(delay_steps, len(x_seq)) :][: len(x_seq)]
