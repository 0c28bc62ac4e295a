"""Gains that bring the firing rate of every layer into a range."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, PyTree

from .._types import Key
from ..metrics import firing_rates
from ._places import Place, places, scaled, without_dropout

_LOWEST_GAIN, _HIGHEST_GAIN = 1e-3, 1e3
_FIRST_STRIDE = math.log(2.0)
_TRIES = 40  # per layer: the interval is then far below what float32 can tell apart


class _Search(NamedTuple):
    """The gains so far, as logarithms, and an interval for that of the layer that is being looked at.

    `first` is the rate with which that layer was met, and `layer` the number of layers when all are in the range.
    """

    gains: Float[Array, " layers"]
    layer: Int[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    stride: Float[Array, ""]
    first: Float[Array, ""]
    tries: Int[Array, ""]
    trials: Int[Array, ""]
    stuck: Bool[Array, ""]


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
    nearest layers with weights in front (their biases included) is found, by steps that double until it is between
    two that were tried, and then by halving, on a logarithmic scale. It takes a few forward passes per layer, all in
    one compiled program, and works inside of `jax.jit` and `jax.vmap`. A deep network initialised in the usual way is
    silent from its second or third layer on, and then nothing learns. Layers whose rate is in the range already are
    left as they are.

    "In front" is what the containers and graphs say; feedback (of `Recurrent`, or a step late in a `Graph`) is not
    scaled. What a `Residual` puts out is scaled by the last weights of its body. In a cell of your own the fields are
    taken for layers in their order; one that fires itself is scaled by its own `weight`, or its own `eqx.nn` layers.

    **Arguments:**

    - `model`: a cell or a container; dropout is off while the rates are measured, and norms with
        statistics of the batch normalise the sample.
    - `xs`: a sample batch of encoded sequences, `(batch, time, *shape)`; a few dozen will do.
    - `lower`, `upper`: the range, in spikes per neuron and step.
    - `key`: for stochastic layers; the same numbers are used for every gain that is tried.

    **Returns:** the model with scaled weights.

    Raises a `ValueError` for an empty range, and for a layer that no gain between 0.001 and 1000 brings into the
    range: silent inputs, nothing to scale in front of it, or a range narrower than its rate changes in. Inside of
    `jax.jit` this is a runtime error (`equinox.error_if`).

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
    found = places(model)
    if not found:
        return model
    search = _find_gains(model, xs, (jnp.asarray(lower), jnp.asarray(upper)), key)
    gains = _checked(search, found, lower, upper)
    for place, gain in zip(found, gains, strict=True):
        model = scaled(model, place.heard.weights, gain)
    return model


@eqx.filter_jit
def _find_gains(model: PyTree, xs: Array, bounds: tuple[Array, Array], key: Key) -> _Search:
    """Change the gain of the first layer that is out of the range, until there is none.

    Later layers do not matter to it, except where there is feedback; and then it is looked at again.
    """
    found, model = places(model), without_dropout(model)

    def measure(gains: Array) -> Array:
        tried = model
        for i, place in enumerate(found):
            tried = scaled(tried, place.heard.weights, jnp.exp(gains[i]))
        rates = firing_rates(tried, xs, key=key)
        return jnp.stack([rates[place.name] for place in found])

    dtype = jax.eval_shape(measure, jnp.zeros(len(found))).dtype
    lower, upper = (bound.astype(dtype) for bound in bounds)
    limits = math.log(_LOWEST_GAIN), math.log(_HIGHEST_GAIN)
    infinite, zero = jnp.asarray(jnp.inf, dtype), jnp.asarray(0)
    stride = jnp.asarray(_FIRST_STRIDE, dtype)

    def try_again(s: _Search) -> Bool[Array, ""]:
        return (s.layer < len(found)) & ~s.stuck & (s.trials < _TRIES * len(found))

    def trial(s: _Search) -> _Search:
        rates = measure(s.gains)
        out = ~((lower <= rates) & (rates <= upper))
        index = jnp.where(out.any(), jnp.argmax(out), len(found))
        is_new = index != s.layer
        rate, gain = rates[index], s.gains[index]
        low = jnp.where(is_new, -infinite, s.low)
        high = jnp.where(is_new, infinite, s.high)
        is_low = rate < lower
        low, high = jnp.where(is_low, gain, low), jnp.where(is_low, high, gain)
        step = jnp.where(is_new, stride, s.stride)
        beyond = jnp.clip(gain + jnp.where(is_low, step, -step), *limits)
        is_between = jnp.isfinite(low) & jnp.isfinite(high)
        gain = jnp.where(is_between, (low + high) / 2, beyond)
        tries = jnp.where(is_new, 0, s.tries) + 1
        stuck = (index < len(found)) & ((gain == s.gains[index]) | (tries > _TRIES))
        return _Search(
            # Nothing is set where the index is that of no layer.
            s.gains.at[index].set(gain, mode="drop"),
            index,
            low,
            high,
            2 * step,
            jnp.where(is_new, rate, s.first),
            tries,
            s.trials + 1,
            stuck,
        )

    gains = jnp.zeros(len(found), dtype)
    nothing = _Search(gains, zero - 1, -infinite, infinite, stride, infinite, zero, zero, zero > 0)
    return jax.lax.while_loop(try_again, trial, nothing)


def _checked(search: _Search, found: list[Place], lower: float, upper: float) -> Array:
    """The gains; an error if there are none that do. Under a transformation it is raised when the program runs."""
    messages = [
        f"and no gain of the weights in front of it brings the rate between {lower} and {upper}. Check that its "
        f"input is not silent, that a layer with weights stands in front of it, or widen the range."
    ]
    gains = jnp.exp(search.gains)
    if isinstance(search.layer, Tracer):
        messages = [f"match_rates was given {place.name} {messages[0]}" for place in found]
        index = jnp.minimum(search.layer, len(found) - 1)
        return eqx.branched_error_if(gains, search.layer < len(found), index, messages)
    if (index := int(search.layer)) < len(found):
        name = found[index].name
        raise ValueError(f"match_rates was given {name} with a rate of {float(search.first):.4f}, {messages[0]}")
    return gains
