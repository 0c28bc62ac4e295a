"""Losses of ONE example.

They return a scalar; a batch is `jax.vmap(loss)(...).mean()`. The `cross_entropy_*` functions read
a sequence `(time, classes)` out with a decoder of `snnjax.decode` and hand the result to
`cross_entropy`:

| readout | loss | when |
|---|---|---|
| spiking, sequences of one length | `cross_entropy_count` | the class that spikes most wins |
| spiking, sequences of many lengths | `cross_entropy_rate` | as above, whatever the length |
| leaky, without spikes | `cross_entropy_max_membrane` | the evidence is a short event |
| leaky, without spikes | `cross_entropy_sum_membrane` | the evidence is spread over time |

`rate_bounds`, `layer_rate_bounds` and `synchrony` are penalties on the spikes of a layer.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Integer

from . import decode
from ._penalties import _check_bounds
from ._penalties import layer_rate_bounds as layer_rate_bounds
from ._penalties import synchrony as synchrony


def _check_logits(logits: Array) -> int:
    """The number of classes."""
    dtype = jnp.result_type(logits)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"logits have dtype {dtype}. Accepted are floating point scores. Convert first: logits.astype(jnp.float32)."
        )
    shape = jnp.shape(logits)
    if len(shape) != 1 or shape[0] == 0:
        raise ValueError(
            f"logits have shape {shape}. Accepted is one example, shape (classes,); where the loss "
            "reads out a sequence (time, classes), logits are what remains without its time axis. "
            "For a batch use jax.vmap, for a sequence one of the cross_entropy_* functions."
        )
    return shape[0]


def _check_integer(labels: object, name: str) -> None:
    dtype = jnp.result_type(labels)
    if not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(
            f"{name} has dtype {dtype}. Accepted are integer class indices. Convert class indices "
            f"with {name}.astype(int); of one-hot vectors take jnp.argmax({name}, axis=-1)."
        )


def _is_class(labels: Array | np.ndarray, classes: int, name: str) -> Array:
    """Where labels are in range; raises if their values are known and one is not."""
    if not isinstance(labels, Tracer):
        # numpy, because under jit even an operation on known values would be traced.
        values = np.asarray(labels)
        outside = (values < 0) | (values >= classes)
        if outside.any():
            raise ValueError(
                f"{name} is {values[outside].flat[0]}, but there are {classes} classes. Accepted "
                f"are 0 to {classes - 1}. Check the number of outputs of the model and where the "
                "labels start; to leave an example out, give it any valid label and weight 0."
            )
    labels = jnp.asarray(labels)
    # An 8 bit label cannot be compared with a larger number of classes.
    wide = labels.astype(jnp.int32) if labels.dtype.itemsize < 4 else labels
    return (wide >= 0) & (wide < classes)


def _one_label(label: int | np.integer | Array | np.ndarray, classes: int) -> tuple[Array, Array]:
    """The index of the class, always in range, and whether the label was."""
    _check_integer(label, "label")
    shape = np.shape(label)
    if shape != ():
        raise ValueError(
            f"label has shape {shape}. Losses and metrics take one example, whose label is one "
            "integer of shape (); time is axis 0 of an example and there is no batch axis. For a "
            "batch use jax.vmap: jax.vmap(loss)(batch, labels). If there are as many labels as "
            "time steps, the usual reason is that the time and batch axes are swapped: time-major "
            "data of shape (time, batch, classes) needs jax.vmap(loss, in_axes=(1, 0))."
        )
    # Python ints become arrays only after the check: a large one would wrap around in 32 bits.
    label = label if isinstance(label, jax.Array) else np.asarray(label)
    valid = _is_class(label, classes, "label")
    return jnp.where(valid, jnp.asarray(label), 0), valid


def cross_entropy(
    logits: Float[Array, " classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
    *,
    smoothing: float | int = 0.0,
) -> Float[Array, ""]:
    r"""Cross entropy between a label and the softmax of the logits.

    $$L = -\sum_c q_c \log p_c, \quad p = \mathrm{softmax}(logits), \quad
    q_c = (1 - smoothing)\,[c = label] + smoothing / classes$$

    **Arguments:**

    - `logits`: one score per class, shape `(classes,)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.
    - `smoothing`: the part of the target that is spread over all classes, in [0, 1).

    **Returns:** the loss in nats, a scalar in the dtype of `logits`.

    **Raises:** `TypeError` if `logits` is not floating point or `label` is not an integer;
    `ValueError` if `logits` is not `(classes,)`, `label` not a single integer, `smoothing` out of
    range, or `label` not in `0 ... classes - 1`. Under a JAX transformation, where the value of the
    label is not known, a label out of range gives a loss and gradients of NaN, never an ordinary
    number (indexing alone would take the nearest class). To leave out padded examples of a batch,
    give them a valid label and weight 0.

    ```python
    import jax
    import jax.numpy as jnp
    from snnjax import losses

    losses.cross_entropy(jnp.array([0.0, 0.0]), 1)  # 0.69314718
    batch, labels = jnp.zeros((3, 2)), jnp.array([0, 1, 1])
    jax.vmap(losses.cross_entropy)(batch, labels).mean()  # 0.69314718
    ```

    Source of the smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the inception
    architecture for computer vision, 2016 (section 7).
    """
    classes = _check_logits(logits)
    if not 0 <= smoothing < 1:
        raise ValueError(
            f"smoothing is {smoothing}. Accepted is 0 <= smoothing < 1, a usual value is 0.1. It "
            "is the part of the target that is taken from the label and spread over all classes."
        )
    index, valid = _one_label(label, classes)
    log_probability = jax.nn.log_softmax(logits)
    loss = -log_probability[index]
    # Not for smoothing = 0: 0 * log(0) would be NaN for a class that is ruled out by -inf.
    if smoothing > 0:
        loss = (1 - smoothing) * loss - smoothing * jnp.mean(log_probability)
    # A product and not a where, so that the gradient of a wrong label is NaN too and not zero.
    return loss * jnp.where(valid, 1.0, jnp.nan).astype(loss.dtype)


def cross_entropy_count(
    zs: Float[Array, "time classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    smoothing: float | int = 0.0,
) -> Float[Array, ""]:
    r"""Cross entropy of the spike counts: the true class should spike most.

    `cross_entropy(decode.count(zs, mask), label)`. For a spiking readout, if all sequences have the
    same length: counts, and with them the confidence, grow with the number of steps.

    **Arguments:**

    - `zs`: spikes of the readout, shape `(time, classes)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.
    - `smoothing`: see `cross_entropy`.

    **Returns:** the loss, a scalar in the dtype of `zs`.

    **Raises:** as `cross_entropy` and `decode.count`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    zs = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    losses.cross_entropy_count(zs, 0)  # 0.31326169
    ```

    Source: Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong, Lu, Training spiking
    neural networks using lessons from deep learning, 2023 (section on spike rate objectives).
    """
    return cross_entropy(decode.count(zs, mask), label, smoothing=smoothing)


def cross_entropy_rate(
    zs: Float[Array, "time classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    smoothing: float | int = 0.0,
) -> Float[Array, ""]:
    r"""Cross entropy of the firing rates: as the counts, whatever the length of the sequence.

    `cross_entropy(decode.rate(zs, mask), label)`. For a spiking readout and sequences of different
    lengths. Rates lie in [0, 1], so that the loss cannot fall below
    $\log(1 + (classes - 1) / e)$ and gradients stay small: scale the spikes where that is too soft.

    **Arguments:**

    - `zs`: spikes of the readout, shape `(time, classes)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.
    - `smoothing`: see `cross_entropy`.

    **Returns:** the loss, a scalar in the dtype of `zs`; NaN if no step is valid.

    **Raises:** as `cross_entropy` and `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    zs = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    losses.cross_entropy_rate(zs, 0)  # 0.31326169
    ```

    Source: Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong, Lu, Training spiking
    neural networks using lessons from deep learning, 2023 (section on spike rate objectives).
    """
    return cross_entropy(decode.rate(zs, mask), label, smoothing=smoothing)


def cross_entropy_max_membrane(
    vs: Float[Array, "time classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    smoothing: float | int = 0.0,
) -> Float[Array, ""]:
    r"""Cross entropy of the largest membranes over time.

    `cross_entropy(decode.max_membrane(vs, mask), label)`. For a leaky readout without spikes, if
    the evidence for a class is a short event whose time is not known (spoken words). Only the step
    of each maximum gets a gradient.

    **Arguments:**

    - `vs`: membranes of the readout, shape `(time, classes)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.
    - `smoothing`: see `cross_entropy`.

    **Returns:** the loss, a scalar in the dtype of `vs`; NaN if no step is valid.

    **Raises:** as `cross_entropy` and `decode.max_membrane`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    vs = jnp.array([[0.0, 0.5], [1.0, -0.5]])
    losses.cross_entropy_max_membrane(vs, 0)  # 0.47407698
    ```

    Source: Cramer, Stradmann, Schemmel, Zenke, The Heidelberg spiking data sets for the systematic
    evaluation of spiking neural networks, 2020 (max-over-time loss).
    """
    return cross_entropy(decode.max_membrane(vs, mask), label, smoothing=smoothing)


def cross_entropy_sum_membrane(
    vs: Float[Array, "time classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    smoothing: float | int = 0.0,
) -> Float[Array, ""]:
    r"""Cross entropy of the membranes summed over time.

    `cross_entropy(decode.sum_membrane(vs, mask), label)`. For a leaky readout without spikes, if
    the evidence is spread over the sequence: each step gets the same gradient, which trains
    steadily. The sum grows with the number of steps; where lengths differ much, use
    `cross_entropy(decode.mean_membrane(vs, mask), label)`.

    **Arguments:**

    - `vs`: membranes of the readout, shape `(time, classes)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.
    - `smoothing`: see `cross_entropy`.

    **Returns:** the loss, a scalar in the dtype of `vs`.

    **Raises:** as `cross_entropy` and `decode.sum_membrane`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    vs = jnp.array([[0.5, 0.25], [0.5, -0.25]])
    losses.cross_entropy_sum_membrane(vs, 0)  # 0.31326169
    ```

    Source: Cramer, Stradmann, Schemmel, Zenke, The Heidelberg spiking data sets for the systematic
    evaluation of spiking neural networks, 2020 (compares readouts over time).
    """
    return cross_entropy(decode.sum_membrane(vs, mask), label, smoothing=smoothing)


def rate_bounds(
    zs: Float[Array, "time *neurons"],
    lower: float | int,
    upper: float | int,
    mask: Bool[Array | np.ndarray, " time"] | None = None,
) -> Float[Array, ""]:
    r"""Penalty on neurons whose mean rate lies outside of [lower, upper].

    $$L = \frac{1}{N} \sum_n \mathrm{relu}(lower - r_n)^2 + \mathrm{relu}(r_n - upper)^2$$

    with $r_n$ the mean number of spikes per step of neuron $n$ over the valid steps. Added to the
    loss with a small weight it wakes silent neurons and calms saturated ones, and has no effect
    on the others.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `lower`, `upper`: bounds in spikes per step, `0 <= lower <= upper`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** the penalty, a scalar in the dtype of `zs`; NaN if no step is valid.

    **Raises:** `ValueError` if the bounds are not in order; as `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import losses

    zs = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    losses.rate_bounds(zs, lower=0.5, upper=0.5)  # 0.25
    ```

    Source: Zenke, Vogels, The remarkable robustness of surrogate gradient learning for instilling
    complex function in spiking neural networks, 2021 (activity regularisation). There the upper
    bound is on the population and counts are penalised; here both are on the rate of each neuron.
    """
    _check_bounds(lower, upper)
    rates = decode.rate(zs, mask)
    too_low, too_high = jax.nn.relu(lower - rates), jax.nn.relu(rates - upper)
    return jnp.mean(too_low**2 + too_high**2)
