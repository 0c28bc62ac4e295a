"""Weights from the fluctuations that a membrane should have."""

import math
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from .._cell import as_cell
from .._delayed_linear import DelayedLinear
from .._errors import InputError
from .._misc import type_name
from .._parameter import resolve
from .._reset import AbstractReset, NoReset
from .._tap import Tap, taps
from .._types import Key
from .._unroll import unroll
from ._places import Place, Weights, places, without_dropout


class _Response(NamedTuple):
    """Of one place: the distance from rest to threshold; and of each layer that drives it, feedback last (and zeros
    after it), the mean and the variance of what one weight of 1 puts on the membrane."""

    distance: Float[Array, ""]
    mean: Float[Array, " layers"]
    variance: Float[Array, " layers"]


def fluctuation_driven(
    model: PyTree,
    xs: Array,
    *,
    sigma: float = 1.0,
    mean: float = 0.0,
    alpha: float = 0.9,
    key: Array,
) -> PyTree:
    r"""Draw the weights in front of each spiking layer so that its membranes fluctuate as wanted.

    Without resets a membrane is a sum of filtered inputs, $U - rest = \sum_j w_j\, y_j$, $y_j = \epsilon * x_j$, with
    the kernel $\epsilon$ of the neuron. For $n$ independent inputs and weights of mean $\mu_W$ and variance
    $\sigma_W^2$

    $$\mu_U = n\, \mu_W\, E[y], \qquad \sigma_U^2 = n\, (\sigma_W^2 + \mu_W^2)\, Var[y]$$

    and solved for the weights, with $\mu_U = mean\,(threshold - rest)$ and $\sigma_U = sigma\,(threshold - rest)$,

    $$\mu_W = \frac{\mu_U}{n\, E[y]}, \qquad \sigma_W^2 = \frac{\sigma_U^2}{n\, Var[y]} - \mu_W^2$$

    For Poisson spikes of rate $\nu$ these are $E[y] = \nu \bar\epsilon$ and $Var[y] = \nu \hat\epsilon$, with
    $\bar\epsilon = \sum_s \epsilon_s$ and $\hat\epsilon = \sum_s \epsilon_s^2$; for `LIF` $\bar\epsilon = 1 / (1 -
    decay)$ and $\hat\epsilon = 1 / (1 - decay^2)$. Here both are taken from the sample, over time and examples, with
    the kernel that the neuron has (the response of `v` to a small current, averaged over the neurons of a layer). So
    inputs may be correlated in time, or be constant currents that only differ between examples.

    Where there is feedback, of `Recurrent` or a step late in a `Graph`, the variance is divided: $\alpha\sigma_U^2$
    comes from what is in front and $(1 - \alpha)\sigma_U^2$ from the feedback. For that the layer's own spikes are
    taken as they are without feedback. Several layers that drive one place get equal parts.

    The weights are normally distributed, biases are 0. Layer by layer, one forward pass each, two with feedback.

    **Arguments:**

    - `model`: a cell or a container. What drives a spiking layer is an `eqx.nn.Linear`, an `eqx.nn.Conv` or a
        `DelayedLinear`, in a container of this library; the neuron has a `threshold`, and a membrane `v` in its state.
    - `xs`: a sample batch of encoded sequences, `(batch, time, *shape)`.
    - `sigma`: standard deviation of the membranes, in units of the distance from rest to threshold. The paper's $\xi$,
        the distance from mean to threshold in standard deviations, is `(1 - mean) / sigma`.
    - `mean`: mean of the membranes above rest, in the same units; feedback does not contribute to it.
    - `alpha`: the part of the variance that does not come from feedback, above 0, at most 1.
    - `key`: for the weights, and for stochastic layers.

    **Returns:** the model with new weights. `match_rates` after it makes sure of the rates.

    Raises an `InputError` (a `ValueError`) for arguments out of range, for a layer driven by something else, for inputs
    that do not vary, and for a mean that makes larger fluctuations than `sigma` by itself. Inside of `jax.jit` the last
    two are runtime errors.

    ```python
    import equinox as eqx
    import jax
    import snnjax as snn

    k1, k2, k3, k4 = jax.random.split(jax.random.key(0), 4)
    model = snn.Sequential(
        eqx.nn.Linear(64, 32, key=k1), snn.LIF(), eqx.nn.Linear(32, 32, key=k2), snn.CubaLIF()
    )
    xs = jax.random.poisson(k3, 0.05, (8, 100, 64)).astype(float)
    model = snn.init.fluctuation_driven(model, xs, sigma=1.0, key=k4)
    assert all(0.01 < rate < 0.6 for rate in snn.metrics.firing_rates(model, xs).values())
    ```

    Source: J. Rossbroich, J. Gygax and F. Zenke, Fluctuation-driven initialization for spiking neural network
    training, 2022. There the rates of hidden layers are assumed, and the inputs are Poisson spikes.
    """
    if not (sigma > 0 and math.isfinite(mean) and 0 < alpha <= 1):
        raise InputError(
            f"fluctuation_driven was given sigma={sigma}, mean={mean} and alpha={alpha}; it takes sigma > 0, a finite "
            f"mean, and alpha above 0 and at most 1."
        )
    done: set[str] = set()
    found = places(model)
    for place in found:
        _check(model, place)
    for index, place in enumerate(found):
        weight_key, run_key = jr.split(jr.fold_in(key, index))
        own = [w for w in place.heard.weights if w.path not in done]
        back = [w for w in place.heard.feedback if w.path not in done]
        if not own:
            continue
        keys = list(jr.split(weight_key, len(own) + len(back)))
        share = 1 / len(place.heard.weights)
        model = _silenced(model, back)
        response = _respond(model, xs, jnp.asarray(index), run_key)
        forward = [(w, i, share, mean * share) for i, w in enumerate(place.heard.weights) if w in own]
        if back:
            model = _drawn(model, place, forward, response, sigma, keys)
            response = _respond(model, xs, jnp.asarray(index), run_key)
            first, part = len(place.heard.weights), (1 - alpha) / len(back)
            forward = [(w, i, alpha * share, m) for w, i, _, m in forward]
            forward += [(w, first + i, part, 0.0) for i, w in enumerate(place.heard.feedback) if w in back]
        model = _drawn(model, place, forward, response, sigma, keys)
        done |= {w.path for w in (*own, *back)}
    return model


_Driven = list[tuple[Weights, int, float, float]]  # a layer, its number, its part of the variance, its part of the mean


def _check(model: PyTree, place: Place) -> None:
    weights = [*place.heard.weights, *place.heard.feedback]
    bad = [w.get(model) for w in weights if not isinstance(w.get(model), eqx.nn.Linear | eqx.nn.Conv | DelayedLinear)]
    if bad or not place.heard.weights:
        driven = type_name(bad[0]) if bad else "nothing that has weights"
        raise InputError(
            f"fluctuation_driven was given {place.name} driven by {driven}; it takes layers driven by eqx.nn.Linear, "
            f"eqx.nn.Conv or DelayedLinear. Initialise this model with `init.match_rates`."
        )


def _silenced(model: PyTree, weights: list[Weights]) -> PyTree:
    return model if not weights else _replace(model, weights, [0 * w.get(model).weight for w in weights])


def _replace(model: PyTree, weights: list[Weights], arrays: list[Array]) -> PyTree:
    """The model with these weights, and biases of 0."""
    layers = []
    for w, array in zip(weights, arrays, strict=True):
        layer = eqx.tree_at(lambda layer: layer.weight, w.get(model), array)
        if layer.bias is not None:
            layer = eqx.tree_at(lambda layer: layer.bias, layer, jnp.zeros_like(layer.bias))
        layers.append(layer)
    return eqx.tree_at(lambda m: [w.get(m) for w in weights], model, layers)


def _drawn(
    model: PyTree, place: Place, driven: _Driven, response: _Response, sigma: float, keys: list[Array]
) -> PyTree:
    arrays = []
    for (weights, i, part, mean), key in zip(driven, keys, strict=False):
        old = weights.get(model).weight
        fan_in = math.prod(old.shape[1:])
        varies = response.variance[i] > 0
        weight_mean = mean * response.distance / (fan_in * response.mean[i]) if mean else 0.0
        square = part * (sigma * response.distance) ** 2 / (fan_in * jnp.where(varies, response.variance[i], 1))
        variance = square - jnp.square(weight_mean)
        variance = _checked(variance, varies, place, "an input that does not vary in the sample")
        variance = _checked(variance, variance >= 0, place, "a mean that makes larger fluctuations than sigma")
        noise = jr.normal(key, old.shape, old.dtype)
        arrays.append(jnp.asarray(weight_mean, old.dtype) + jnp.sqrt(variance).astype(old.dtype) * noise)
    return _replace(model, [w for w, *_ in driven], arrays)


def _checked(value: Array, is_good: Array, place: Place, given: str) -> Array:
    message = (
        f"fluctuation_driven was given {place.name} with {given}; no weights do that. Look at the sample, take a "
        f"larger sigma or a smaller mean, or use `init.match_rates`."
    )
    if isinstance(is_good, Tracer):
        return eqx.error_if(value, ~is_good, message)
    if not is_good:
        raise InputError(message)
    return value


@eqx.filter_jit
def _respond(model: PyTree, xs: Array, index: Array, key: Array) -> _Response:
    """What the layers that drive a place put on its membranes, per weight."""
    model, found = without_dropout(model), places(model)
    nodes = {place.name: place.get for place in found}
    nodes |= {w.path: w.get for place in found for w in (*place.heard.weights, *place.heard.feedback)}

    def heard(x: Array, key: Key) -> dict[str, Array]:
        def get(model: PyTree) -> list:
            return [get(model) for get in nodes.values()]

        tapped = [Tap(as_cell(node), name) for name, node in zip(nodes, get(model), strict=True)]
        tapped = eqx.tree_at(get, model, tapped)
        return unroll(tapped, x, key=key, record=lambda s, out: {n: t.heard for n, t in taps(s).items()})[1]

    ears = jax.vmap(heard, axis_name="batch")(xs, jr.split(key, xs.shape[0]))
    most = max(len(place.heard.weights) + len(place.heard.feedback) for place in found)
    # All places in one program, so that it is compiled once; only one of them is computed.
    return jax.lax.switch(index, [partial(_response, model, place, ears, most) for place in found])


def _response(model: PyTree, place: Place, ears: dict[str, Array], most: int) -> _Response:
    kernel, distance = _kernel(place, resolve(place.get(model)), ears[place.name])
    steps = kernel.shape[0]
    spectrum = jnp.fft.rfft(kernel, 2 * steps)[None, :, None]  # twice as long, so that the end does not reach the start

    def moments(x: Array) -> tuple[Array, Array]:
        x = x.reshape(x.shape[0], steps, -1).astype(kernel.dtype)
        y = jnp.fft.irfft(jnp.fft.rfft(x, 2 * steps, axis=1) * spectrum, 2 * steps, axis=1)[:, :steps]
        return jnp.mean(y), jnp.mean(jnp.var(y, axis=(0, 1)))

    driving = [*place.heard.weights, *place.heard.feedback]
    means, variances = zip(*[moments(ears[w.path]) for w in driving], strict=True)
    unused = (0, most - len(driving))
    numbers = jnp.pad(jnp.stack(means), unused), jnp.pad(jnp.stack(variances), unused)
    return jax.tree.map(lambda a: a.astype(jnp.result_type(float)), _Response(distance, *numbers))


def _kernel(place: Place, neuron: Any, currents: Array) -> tuple[Float[Array, " time"], Float[Array, ""]]:
    """The response of the membrane to a current of 1 in the first step, and the distance from rest to threshold."""
    threshold, state = getattr(neuron, "threshold", None), neuron.init_state(currents[0, 0])
    if threshold is None or not eqx.is_array(getattr(state, "v", None)):
        raise InputError(
            f"fluctuation_driven was given {place.name}; it takes neurons with a `threshold` and a membrane `v` in "
            f"their state. Initialise this model with `init.match_rates`."
        )
    distance = jnp.mean(jnp.asarray(threshold, state.v.dtype) - state.v)
    unreset = jax.tree.map(
        lambda node: NoReset() if isinstance(node, AbstractReset) else node,
        neuron,
        is_leaf=lambda node: isinstance(node, AbstractReset),
    )
    small = 0.01 * distance  # no spike, and so no other effect of one

    def membrane(x: Array) -> Array:
        return unroll(unreset, x, record=lambda state, out: state.v)[1]

    silence = jnp.zeros_like(currents[0])
    difference = membrane(silence.at[0].set(small.astype(silence.dtype))) - membrane(silence)
    return difference.reshape(difference.shape[0], -1).mean(axis=1) / small, distance
