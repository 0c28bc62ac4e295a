"""Metrics: numbers to look at, not to differentiate (their derivative is zero).

`is_correct`, `firing_rate`, `silent_fraction`, `saturated_fraction` and `synchrony` take ONE example. For a
batch pass them through `jax.vmap` and average:

    jax.vmap(metrics.silent_fraction)(zs).mean()     # zs: (batch, time, *neurons)

`accuracy` and `confusion_matrix` compare whole arrays of predictions with labels; `firing_rates` and
`gradient_report` look into a model, on a batch.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, PyTree

from . import decode
from ._gradients import GradientReport as GradientReport
from ._gradients import gradient_report as gradient_report
from ._penalties import synchrony as synchrony
from ._probe import observations, probe
from ._types import Key
from ._unroll import unroll
from .losses import _check_integer, _check_logits, _is_class, _one_label


def is_correct(
    logits: Float[Array, " classes"],
    label: int | np.integer | Integer[Array | np.ndarray, ""],
) -> Float[Array, ""]:
    r"""1 if the largest logit is the one of the label, else 0.

    $[\mathrm{argmax}(logits) = label]$. Of equal logits the first counts: a network whose outputs
    are all silent predicts class 0.

    **Arguments:**

    - `logits`: one score per class, shape `(classes,)`.
    - `label`: index of the true class: a Python int or an integer of shape `()`.

    **Returns:** 1.0 or 0.0, a scalar in the dtype of `logits`; NaN if a logit is NaN.

    **Raises:** `ValueError` for shapes other than `(classes,)` and `()`, or a label out of range
    (under a JAX transformation the result is NaN instead); `TypeError` for a label that is not an
    integer or logits that are not floating point.

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    metrics.is_correct(jnp.array([0.1, 0.7, 0.2]), 1)  # 1.0
    ```
    """
    index, valid = _one_label(label, _check_logits(logits))
    known = valid & ~jnp.any(jnp.isnan(logits))
    return jnp.where(known, (jnp.argmax(logits) == index).astype(logits.dtype), jnp.nan)


def accuracy(logits: Float[Array, "n classes"], labels: Integer[Array | np.ndarray, " n"]) -> Float[Array, ""]:
    r"""Fraction of examples whose largest logit is the one of the label.

    The mean of `is_correct` over a batch.

    **Arguments:**

    - `logits`: scores of `n` examples, shape `(n, classes)`.
    - `labels`: indices of the true classes, shape `(n,)`.

    **Returns:** a scalar in [0, 1] in the dtype of `logits`; NaN if a logit is NaN.

    **Raises:** `ValueError` if the shapes do not fit or a label is out of range (under a JAX
    transformation the result is NaN instead); `TypeError` for labels that are not integers.

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    logits = jnp.array([[0.9, 0.1], [0.2, 0.8]])
    metrics.accuracy(logits, jnp.array([0, 0]))  # 0.5
    ```
    """
    shape, labels_shape = jnp.shape(logits), jnp.shape(labels)
    if len(shape) != 2 or labels_shape != shape[:1] or 0 in shape:
        raise ValueError(
            f"logits have shape {shape} and labels have shape {labels_shape}. Accepted are "
            "(n, classes) and (n,) with n, classes >= 1. Read the sequence out first (see "
            "snnjax.decode), and put the examples on axis 0 of both."
        )
    _check_integer(labels, "labels")
    # Once for the whole array: inside vmap the values of the labels are no longer known.
    _is_class(labels, shape[1], "labels")
    return jnp.mean(jax.vmap(is_correct)(jnp.asarray(logits), jnp.asarray(labels)))


def firing_rate(
    zs: Float[Array, "time *neurons"], mask: Bool[Array | np.ndarray, " time"] | None = None
) -> Float[Array, ""]:
    r"""Mean number of spikes per neuron and valid step.

    The mean of `decode.rate` over the neurons of one example. For a batch:
    `jax.vmap(firing_rate)(zs).mean()`.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** a scalar in the dtype of `zs`; NaN if no step is valid.

    **Raises:** as `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    metrics.firing_rate(jnp.array([[1.0, 0.0], [0.0, 0.0]]))  # 0.25
    ```
    """
    return jnp.mean(decode.rate(zs, mask))


@eqx.filter_jit
def firing_rates(model: PyTree, xs: Array, *, key: Key = None) -> dict[str, Float[Array, ""]]:
    """The mean firing rate of every spiking layer on a batch, in spikes per neuron and step.

    **Arguments:**

    - `model`: a cell or a container.
    - `xs`: a batch of sequences, `(batch, time, *shape)`.
    - `key`: for stochastic layers.

    **Returns:** a dictionary from the layer's name to its rate.

    ```python
    import jax.numpy as jnp
    import snnjax as snn

    xs = 0.5 * jnp.ones((5, 12, 3))                                # batch, time, neurons
    snn.metrics.firing_rates(snn.IF(), xs)["IF"]  # 0.4166666666666667
    ```
    """

    def one(x: Array, key: Key) -> dict:
        _, seen = unroll(probe(model), x, key=key, record=observations)
        return {name: firing_rate(p.out) for name, p in seen.items() if p.spiking}

    keys = None if key is None else jr.split(key, xs.shape[0])
    rates = jax.vmap(one, in_axes=(0, None if keys is None else 0), axis_name="batch")(xs, keys)
    return jax.tree.map(jnp.mean, rates)


def _active_steps(zs: Array, mask: Array | np.ndarray | None) -> tuple[Array, Array]:
    """Number of valid steps with a spike, and whether it is known, per neuron."""
    # From the decoder come its checks, and NaN where a valid step (or the whole mask) is unknown.
    known = ~jnp.isnan(decode.rate(zs, mask))
    valid = jnp.ones(zs.shape[0], bool) if mask is None else jnp.asarray(mask)
    valid = valid.reshape(valid.shape + (1,) * (zs.ndim - 1))
    # Integers, because 16 bit floats cannot count far. Negative (signed) spikes are activity too.
    return jnp.sum(zs != 0, axis=0, where=valid), known


def silent_fraction(
    zs: Float[Array, "time *neurons"], mask: Bool[Array | np.ndarray, " time"] | None = None
) -> Float[Array, ""]:
    r"""Fraction of neurons that never fire in the valid steps.

    A step with `z != 0` counts as firing. For a batch, `jax.vmap(silent_fraction)(zs).mean()` is
    the mean fraction that is silent in an example. A neuron that is silent in ALL examples is a
    stricter thing: join the examples in time first, `silent_fraction(jnp.concatenate(zs))`.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.

    **Returns:** a scalar in [0, 1] in the dtype of `zs`; NaN if no step is valid, or a valid step
    is NaN.

    **Raises:** as `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    metrics.silent_fraction(jnp.array([[1.0, 0.0], [0.0, 0.0]]))  # 0.5
    ```
    """
    active, known = _active_steps(zs, mask)
    return jnp.mean(jnp.where(known, (active == 0).astype(zs.dtype), jnp.nan))


def saturated_fraction(
    zs: Float[Array, "time *neurons"],
    mask: Bool[Array | np.ndarray, " time"] | None = None,
    *,
    limit: float | int = 0.9,
) -> Float[Array, ""]:
    r"""Fraction of neurons that fire in at least `limit` of the valid steps.

    A step with `z != 0` counts as firing. For a batch: `jax.vmap(saturated_fraction)(zs).mean()`.

    **Arguments:**

    - `zs`: spikes, shape `(time, *neurons)`.
    - `mask`: True where there is data, shape `(time,)`, or `None` for all steps.
    - `limit`: fraction of steps from which on a neuron counts as saturated, in (0, 1].

    **Returns:** a scalar in [0, 1] in the dtype of `zs`; NaN if no step is valid, or a valid step
    is NaN.

    **Raises:** `ValueError` if `limit` is not in (0, 1]; as `decode.rate`.

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    zs = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    metrics.saturated_fraction(zs)  # 0.5
    ```
    """
    if not 0 < limit <= 1:
        raise ValueError(
            f"limit is {limit}. Accepted is 0 < limit <= 1, a fraction of the time steps. Pass e.g. limit=0.9."
        )
    active, known = _active_steps(zs, mask)
    steps = jnp.asarray(zs.shape[0] if mask is None else jnp.sum(jnp.asarray(mask)))
    # The slack keeps 9 of 10 steps at limit 0.9 saturated, however the product is rounded.
    least = limit * (1 - 1e-6) * steps.astype(jnp.float32)
    saturated = active.astype(jnp.float32) >= least
    return jnp.mean(jnp.where(known, saturated.astype(zs.dtype), jnp.nan))


def confusion_matrix(
    predictions: Integer[Array | np.ndarray, " n"],
    labels: Integer[Array | np.ndarray, " n"],
    classes: int,
) -> Int[Array, "classes classes"]:
    r"""How often each class was predicted for each true class.

    $M_{ij}$ is the number of examples of true class $i$ (row) that were predicted as $j$ (column).
    Matrices of several batches may be added.

    **Arguments:**

    - `predictions`: predicted class indices, shape `(n,)`.
    - `labels`: indices of the true classes, shape `(n,)`.
    - `classes`: number of classes.

    **Returns:** integer counts, shape `(classes, classes)`.

    **Raises:** `ValueError` if the shapes differ, `classes < 1`, or an index is out of range;
    `TypeError` if indices are not integers. Under a JAX transformation an index out of range is
    neither dropped nor wrapped: integers have no NaN, so the program stops with a runtime error
    (`equinox.error_if`).

    ```python
    import jax.numpy as jnp
    from snnjax import metrics

    predictions, labels = jnp.array([0, 1, 1]), jnp.array([0, 0, 1])
    metrics.confusion_matrix(predictions, labels, classes=2)  # [[1, 1], [0, 1]]
    ```
    """
    shape, labels_shape = jnp.shape(predictions), jnp.shape(labels)
    if len(shape) != 1 or shape != labels_shape:
        raise ValueError(
            f"predictions have shape {shape} and labels have shape {labels_shape}. Accepted are "
            "two vectors of the same length (n,). Of logits take jnp.argmax(logits, axis=-1) first."
        )
    if classes < 1:
        raise ValueError(f"classes is {classes}. Accepted is classes >= 1. Pass their number.")
    _check_integer(predictions, "predictions")
    _check_integer(labels, "labels")
    in_range = _is_class(predictions, classes, "predictions") & _is_class(labels, classes, "labels")
    counts = jnp.zeros((classes, classes), int)
    counts = counts.at[jnp.asarray(labels), jnp.asarray(predictions)].add(1)
    return eqx.error_if(
        counts,
        ~jnp.all(in_range),
        f"predictions or labels are out of range. Accepted are class indices 0 to {classes - 1}. "
        "Check the number of outputs of the model and where the labels start.",
    )
