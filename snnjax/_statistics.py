"""What a model keeps between sequences, in an `eqx.nn.State`: put into it before a run, read off its final state."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from ._errors import InputError
from ._misc import type_name


def with_statistics(model: PyTree, statistics: eqx.nn.State) -> PyTree:
    """A model with what it keeps between sequences inside, for all that takes a model and no statistics.

    `eqx.nn.make_with_state` takes the first values out of a model; this puts the present ones in their place. With them
    a model in inference mode can be streamed, explained, exported and measured. In training write
    `unroll(..., statistics=statistics)`, which also returns the new ones.

    **Arguments:**

    - `model`: as `eqx.nn.make_with_state` made it, or trained since.
    - `statistics`: what it returned with the model, or what `unroll` returned last.

    **Returns:** the model. `snn.trainable` tells the statistics from parameters.

    Raises an `InputError` (a `ValueError`) for statistics of another model.

    ```python
    import equinox as eqx
    import jax.numpy as jnp
    import snnjax as snn

    model, statistics = eqx.nn.make_with_state(lambda: snn.Sequential(snn.nn.ThresholdBatchNorm(3), snn.LIF()))()
    ready = snn.with_statistics(eqx.nn.inference_mode(model), statistics)
    stream = snn.Stream(ready)
    z = stream(jnp.ones(3))
    ```
    """

    def put(node: Any) -> Any:
        if not _is_index(node):
            return node
        try:
            value = statistics.get(node)
        except KeyError:
            raise InputError(
                f"the statistics that were given lack those of {node.marker}; a model takes its own. Pass what "
                f"`eqx.nn.make_with_state` returned with it, or what `unroll` returned for it."
            ) from None
        return eqx.tree_at(lambda index: index.init, node, value)

    return jax.tree.map(put, model, is_leaf=_is_index)


def _is_index(node: Any) -> bool:
    return isinstance(node, eqx.nn.StateIndex)


def held(model: PyTree) -> eqx.nn.State | None:
    """The statistics inside of a model, or None if it has none."""
    indices = [node for node in jax.tree.leaves(model, is_leaf=_is_index) if _is_index(node)]
    return kept(model, indices) if indices else None


def updated_by(statistics: eqx.nn.State, final: Any) -> eqx.nn.State:
    """The statistics with what cells have of them in their final states."""

    def is_kept(node: Any) -> bool:
        return isinstance(node, eqx.nn.State)

    for node in filter(is_kept, jax.tree.leaves(final, is_leaf=is_kept)):
        statistics = statistics.update(node)
    return statistics


def kept(owner: Any, part: Any) -> eqx.nn.State:
    """What `part` keeps between sequences, as it was put into the model before this one."""
    try:
        return eqx.nn.State(part)
    except ValueError as error:
        raise InputError(
            f"{type_name(owner)} keeps statistics in an `eqx.nn.State`, and was given none. Pass the one that "
            f"`eqx.nn.make_with_state` returned with the model: `unroll(model, xs, statistics=statistics)`, or put it "
            f"into the model by `with_statistics`."
        ) from error
