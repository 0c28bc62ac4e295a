"""Initial weights that make every layer of a spiking network fire."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, PyTree

from ._cell import AbstractCell
from ._container import Parallel, Recurrent, Residual, Sequential
from ._probe import is_spiking
from ._types import Key
from .metrics import firing_rates

_LOWEST_GAIN, _HIGHEST_GAIN = 1e-3, 1e3
_HALVINGS = 24  # of that range on a logarithmic scale: the gain is then known to a part in a million

_Get = Callable[[PyTree], Any]


class _Place(NamedTuple):
    """A spiking layer by the name of its probe, and the nearest layer with weights in front of it."""

    name: str
    weights: _Get | None


def _then(get: _Get, step: _Get) -> _Get:
    return lambda model: step(get(model))


def _places(node: Any, path: str, get: _Get, weights: _Get | None) -> Iterator[_Place]:
    """The spiking layers inside `node` in the order of computation; `weights` is what feeds it."""
    if isinstance(node, Sequential):
        for i, layer in enumerate(node.layers):
            here = _then(get, lambda m, i=i: m.layers[i])
            yield from _places(layer, f"{path}.layers[{i}]", here, weights)
            weights = here if _has_weights(layer) else weights
    elif isinstance(node, Parallel):
        for i, branch in enumerate(node.branches):
            here = _then(get, lambda m, i=i: m.branches[i])
            yield from _places(branch, f"{path}.branches[{i}]", here, weights)
    elif isinstance(node, Residual):
        yield from _places(node.body, f"{path}.body", _then(get, lambda m: m.body), weights)
    elif isinstance(node, Recurrent):
        yield from _places(node.cell, f"{path}.cell", _then(get, lambda m: m.cell), weights)
    elif isinstance(node, AbstractCell) and is_spiking(node):
        kind = type(node).__name__
        yield _Place(f"{path.removeprefix('.')} ({kind})" if path else kind, weights)


def _has_weights(layer: Any) -> bool:
    is_layer = isinstance(layer, eqx.Module) and not isinstance(layer, AbstractCell)
    return is_layer and bool(jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array)))


def _scaled(model: PyTree, weights: _Get, gain: float) -> PyTree:
    layer = jax.tree.map(lambda a: a * gain if eqx.is_inexact_array(a) else a, weights(model))
    return eqx.tree_at(weights, model, layer)


def match_rates(
    model: PyTree,
    xs: Array,
    *,
    lower: float = 0.05,
    upper: float = 0.25,
    key: Key = None,
) -> PyTree:
    """Scale the weights in front of each spiking layer until its firing rate lies in a range.

    Layer by layer, from the input on: if the mean rate on the sample lies outside of the range, one gain for the
    nearest layer with weights in front (its bias included) is found by halving an interval on a logarithmic
    scale. A deep network initialised in the usual way is silent from its second or third layer on, and then
    nothing learns. Layers whose rate is in the range already are left as they are.

    **Arguments:**

    - `model`: a cell or a container.
    - `xs`: a sample batch of encoded sequences, `(batch, time, *shape)`; a few dozen will do.
    - `lower`, `upper`: the range, in spikes per neuron and step.
    - `key`: for stochastic layers; the same numbers are used for every gain that is tried.

    **Returns:** the model with scaled weights.

    Raises a `ValueError` for an empty range, and for a layer that no gain between 0.001 and 1000 brings into the
    range: silent inputs, nothing to scale in front of it, or a range narrower than its rate changes in.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    model = snn.Sequential(
        eqx.nn.Linear(64, 32, key=k1), snn.LIF(), eqx.nn.Linear(32, 32, key=k2), snn.LIF()
    )
    xs = jax.random.uniform(k3, (16, 20, 64))
    model = snn.init.match_rates(model, xs, lower=0.05, upper=0.15)
    assert all(0.05 <= rate <= 0.15 for rate in snn.metrics.firing_rates(model, xs).values())
    ```
    """
    if not 0 < lower < upper < 1:
        raise ValueError(
            f"match_rates was given the range {lower} to {upper}; it takes 0 < lower < upper < 1, in spikes per "
            f"neuron and step."
        )
    for place in list(_places(model, "", lambda m: m, None)):
        gain = _find_gain(eqx.nn.inference_mode(model), place, xs, lower, upper, key)
        if gain is not None and place.weights is not None:
            model = _scaled(model, place.weights, gain)
    return model


def _find_gain(model: PyTree, place: _Place, xs: Array, lower: float, upper: float, key: Key) -> float | None:
    """The factor that brings one layer's rate into the range; None if it is there already."""
    first = float(firing_rates(model, xs, key=key)[place.name])
    if lower <= first <= upper:
        return None
    low, high = math.log(_LOWEST_GAIN), math.log(_HIGHEST_GAIN)
    for _ in range(_HALVINGS):
        if place.weights is None:
            break
        gain = math.exp((low + high) / 2)
        reached = float(firing_rates(_scaled(model, place.weights, gain), xs, key=key)[place.name])
        if lower <= reached <= upper:
            return gain
        low, high = (math.log(gain), high) if reached < lower else (low, math.log(gain))
    raise ValueError(
        f"match_rates was given {place.name} with a rate of {first:.4f}, and no gain of the weights in front of it "
        f"brings the rate between {lower} and {upper}. Check that its input is not silent, that a layer with "
        f"weights stands in front of it, or widen the range."
    )
