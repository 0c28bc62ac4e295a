"""The slope of the surrogates: set in a whole model, chosen by the gradients, changed while training."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree

from .._errors import InputError
from .._gradients import gradient_report
from .._parameter import Fixed
from .._surrogate import AbstractSurrogate
from .._types import Key

#: From nearly flat to nearly a step, a factor of about two apart.
SLOPES = (0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)


def _has_slope(node: Any) -> bool:
    """Whether a surrogate has a slope of its own; those made of another one have that of the other."""
    return isinstance(node, AbstractSurrogate) and any(field.name == "slope" for field in dataclasses.fields(node))


def with_slope(model: PyTree, slope: ArrayLike) -> PyTree:
    """The model with the same slope in all of its surrogates; spikes stay the same.

    The slope becomes a `Fixed` array: it is not trained, and setting another one does not compile anew.

    **Arguments:**

    - `model`: any pytree.
    - `slope`: what `slope` means in the surrogates that the model has: see there. Above 0.

    Raises an `InputError` (a `ValueError`) for a model without a slope to set, and a `ValueError` for one that is not
    above 0.

    ```python
    import snnjax as snn

    neuron = snn.train.with_slope(snn.LIF(), 2.0)
    assert snn.resolve(neuron).surrogate.slope == 2.0
    ```
    """
    if not any(map(_has_slope, jax.tree.leaves(model, is_leaf=_has_slope))):
        raise InputError(
            "with_slope was given a model without surrogates; it takes one in which a cell fires. Look whether its "
            "neurons have a `surrogate` field that holds an `AbstractSurrogate`."
        )

    def change(node: Any) -> Any:
        return dataclasses.replace(node, slope=Fixed(slope)) if _has_slope(node) else node

    return jax.tree.map(change, model, is_leaf=_has_slope)


def choose_slope(
    model: PyTree,
    loss: Callable[..., Any],
    xs: Array,
    targets: PyTree = None,
    *,
    slopes: Sequence[float | int] = SLOPES,
    key: Key = None,
) -> float:
    """The slope with which the gradient is passed on through the layers most evenly.

    With steep surrogates the gradient vanishes on its way through many layers, with flat ones it explodes. Every
    slope is tried on a sample (one forward and one backward pass each; compiled once), and the one is taken for which
    the layers' gradient norms spread least: the least standard deviation of their logarithms, `GradientReport.spread`.
    Bring the firing rates into range first, with `init.match_rates`.

    **Arguments:**

    - `model`: a cell or a container.
    - `loss`, `xs`, `targets`, `key`: as for `metrics.gradient_report`.
    - `slopes`: what to choose from.

    **Returns:** one of `slopes`, for `with_slope`; of those that are equally good the first.

    Raises an `InputError` (a `ValueError`) if with every slope some layer gets no gradient at all, or one that is not
    finite.

    ```python
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import snnjax as snn

    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    model = snn.Sequential(eqx.nn.Linear(8, 16, key=k1), snn.LIF(), eqx.nn.Linear(16, 2, key=k2), snn.LI())
    xs, labels = jax.random.uniform(k3, (4, 20, 8)), jnp.array([0, 1, 0, 1])
    slope = snn.train.choose_slope(model, snn.losses.cross_entropy_max_membrane, xs, labels)
    model = snn.train.with_slope(model, slope)
    ```
    """
    spreads = {}
    for slope in slopes:
        report = gradient_report(with_slope(model, float(slope)), loss, xs, targets, key=key)
        spreads[float(slope)] = float(report.spread())
    best = min(spreads, key=lambda slope: spreads[slope], default=math.nan)
    if not math.isfinite(spreads.get(best, math.inf)):
        raise InputError(
            f"choose_slope was given the slopes {tuple(spreads)}, and with each of them some layer gets no finite "
            f"gradient above 0; it takes a model through which gradients flow. Look at "
            f"`print(metrics.gradient_report(model, loss, xs, targets))`, and bring the rates into range with "
            f"`init.match_rates`."
        )
    return best
