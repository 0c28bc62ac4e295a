"""Rules that say who is connected with whom: lists of synapses, made outside of `jax.jit`."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int

from .._errors import InputError


class Synapses(eqx.Module):
    """A list of synapses between `in_features` inputs and `out_features` outputs.

    **Arguments:**

    - `pre`, `post`: whole numbers of shape `(synapses,)`, from which input and to which output each goes. In any order;
        they are kept sorted by `pre`, then `post`. A pair that stands twice is connected by two synapses.
    - `in_features`, `out_features`: the numbers of inputs and outputs.

    Raises an `InputError` for lists of different lengths, other dtypes, and indices out of range.

    ```python
    import snnjax as snn

    ring = snn.nn.Synapses([0, 1, 2], [1, 2, 0], in_features=3, out_features=3)
    assert ring.count == 3 and ring.in_degrees.tolist() == [1, 1, 1]
    ```
    """

    pre: Int[np.ndarray, " synapses"]
    post: Int[np.ndarray, " synapses"]
    in_features: int = eqx.field(static=True)
    out_features: int = eqx.field(static=True)

    def __init__(self, pre: Any, post: Any, in_features: int, out_features: int):
        pre, post = (_indices(name, a, n) for name, a, n in (("pre", pre, in_features), ("post", post, out_features)))
        if pre.size != post.size:
            raise InputError(
                f"Synapses was given {pre.size} numbers for pre and {post.size} for post; it takes one of each for "
                f"every synapse."
            )
        order = np.lexsort((post, pre))
        self.pre, self.post = pre[order], post[order]
        self.in_features, self.out_features = in_features, out_features

    @property
    def count(self) -> int:
        """The number of synapses."""
        return self.pre.size

    @property
    def in_degrees(self) -> Int[np.ndarray, " out"]:
        """How many synapses each output has."""
        return np.bincount(self.post, minlength=self.out_features)

    @property
    def out_degrees(self) -> Int[np.ndarray, " in"]:
        """How many synapses each input has."""
        return np.bincount(self.pre, minlength=self.in_features)

    def mask(self) -> Bool[np.ndarray, "out in"]:
        """Which pairs are connected, as a matrix."""
        matrix = np.zeros((self.out_features, self.in_features), bool)
        matrix[self.post, self.pre] = True
        return matrix


def _indices(name: str, values: Any, size: int) -> Int[np.ndarray, " synapses"]:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, np.int32)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() >= size:
        raise InputError(
            f"Synapses.{name} was given an array of shape {array.shape} and dtype {array.dtype}"
            f", from {array.min()} to {array.max()}; it takes a list of whole numbers from 0 to {size - 1}."
        )
    return array.astype(np.int32)


def _generator(key: Array) -> np.random.Generator:
    """The size of a random list is known only when it is drawn, so that it is drawn by NumPy."""
    return np.random.default_rng(np.asarray(jr.bits(key, (4,), "uint32")))


def _targets(in_features: int, out_features: int, self_connections: bool) -> int:
    """How many outputs an input may be connected with."""
    for name, size in (("in_features", in_features), ("out_features", out_features)):
        if size < 1:
            raise InputError(f"{name} was given {size}; it takes a number of at least 1.")
    if self_connections:
        return out_features
    if in_features != out_features:
        raise InputError(
            f"self_connections=False was given {in_features} inputs and {out_features} outputs; it takes as many of "
            f"both, since input i and output i are the same neuron. Leave it out between populations."
        )
    return out_features - 1


def fixed_probability(
    in_features: int, out_features: int, probability: float, *, self_connections: bool = True, key: Array
) -> Synapses:
    """Every pair is connected with the same probability, independently of the others.

    Time and memory grow with the number of synapses, not with that of pairs.

    **Arguments:**

    - `in_features`, `out_features`: the numbers of inputs and outputs.
    - `probability`: from 0 to 1.
    - `self_connections`: whether input `i` may be connected with output `i`.
    - `key`: a PRNG key.

    **Returns:** the synapses. Raises an `InputError` for arguments out of range.

    ```python
    import jax
    import snnjax as snn

    synapses = snn.nn.fixed_probability(1000, 1000, 0.02, self_connections=False, key=jax.random.key(0))
    assert abs(synapses.count - 20_000) < 1000
    ```
    """
    targets = _targets(in_features, out_features, self_connections)
    if not 0 <= probability <= 1:
        raise InputError(f"fixed_probability was given {probability}; it takes a probability from 0 to 1.")
    pairs, generator = in_features * targets, _generator(key)
    found = [np.zeros(0, np.int64)]
    last = -1 if probability > 0 else pairs
    while last < pairs - 1:
        # From one connected pair to the next: the waiting times of independent trials.
        expected = (pairs - 1 - last) * probability
        gaps = generator.geometric(probability, int(expected + 4 * math.sqrt(expected) + 10))
        found.append(last + np.cumsum(np.minimum(gaps, pairs)))
        last = int(found[-1][-1])
    pair = np.concatenate(found)
    pre, post = np.divmod(pair[pair < pairs], max(targets, 1))
    return Synapses(pre, _skipped(post, pre, self_connections), in_features, out_features)


def _skipped(post: np.ndarray, pre: np.ndarray, self_connections: bool) -> np.ndarray:
    """Numbers among all targets, from numbers among all but the neuron itself."""
    return post if self_connections else post + (post >= pre)


def _partners(
    neurons: int, candidates: int, number: int, excluded: bool, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For each neuron so many different candidates, all sets equally likely."""
    if not 0 <= number <= candidates:
        raise InputError(
            f"a fixed number of {number} synapses per neuron was asked for; there can be 0 to {candidates}, each with "
            f"another partner."
        )
    if number == 0:
        return np.zeros(0, int), np.zeros(0, int)
    chosen = np.stack([generator.choice(candidates, number, replace=False, shuffle=False) for _ in range(neurons)])
    own = np.repeat(np.arange(neurons), number)
    return own, _skipped(chosen.ravel(), own, not excluded)


def fixed_in_degree(
    in_features: int, out_features: int, number: int, *, self_connections: bool = True, key: Array
) -> Synapses:
    """Every output is connected with the same number of inputs, all different, drawn at random.

    **Arguments:**

    - `in_features`, `out_features`: the numbers of inputs and outputs.
    - `number`: of synapses per output.
    - `self_connections`: whether input `i` may be connected with output `i`.
    - `key`: a PRNG key.

    **Returns:** the synapses. Raises an `InputError` for arguments out of range.

    ```python
    import jax
    import snnjax as snn

    synapses = snn.nn.fixed_in_degree(100, 50, 10, key=jax.random.key(0))
    assert (synapses.in_degrees == 10).all()
    ```
    """
    _targets(in_features, out_features, self_connections)
    candidates = in_features - (not self_connections)
    post, pre = _partners(out_features, candidates, number, not self_connections, _generator(key))
    return Synapses(pre, post, in_features, out_features)


def fixed_out_degree(
    in_features: int, out_features: int, number: int, *, self_connections: bool = True, key: Array
) -> Synapses:
    """Every input is connected with the same number of outputs, all different, drawn at random.

    **Arguments:**

    - `in_features`, `out_features`: the numbers of inputs and outputs.
    - `number`: of synapses per input.
    - `self_connections`: whether input `i` may be connected with output `i`.
    - `key`: a PRNG key.

    **Returns:** the synapses. Raises an `InputError` for arguments out of range.

    ```python
    import jax
    import snnjax as snn

    synapses = snn.nn.fixed_out_degree(100, 50, 10, key=jax.random.key(0))
    assert (synapses.out_degrees == 10).all()
    ```
    """
    candidates = _targets(in_features, out_features, self_connections)
    pre, post = _partners(in_features, candidates, number, not self_connections, _generator(key))
    return Synapses(pre, post, in_features, out_features)


def distance_dependent(
    pre_positions: Any,
    post_positions: Any,
    probability: Callable[[np.ndarray], Any],
    *,
    period: float | None = None,
    self_connections: bool = True,
    key: Array,
) -> Synapses:
    """Every pair is connected with a probability that depends on its distance.

    Memory grows with the number of synapses, time with that of pairs.

    **Arguments:**

    - `pre_positions`, `post_positions`: `(inputs, dimensions)` and `(outputs, dimensions)`, in any unit of length.
    - `probability`: from an array of distances to one of probabilities, such as `GaussianProfile(0.1)`,
        `ExponentialProfile(0.1)` or `DiscProfile(0.1)`; what is outside of 0 to 1 counts as the end it is beyond.
    - `period`: on a torus, the length of every side; distances are those of the shorter way round.
    - `self_connections`: whether input `i` may be connected with output `i`.
    - `key`: a PRNG key.

    **Returns:** the synapses. Raises an `InputError` for positions of other shapes.

    ```python
    import jax
    import numpy as np
    import snnjax as snn

    positions = np.random.default_rng(0).random((400, 2))
    profile = snn.nn.GaussianProfile(scale=0.1)
    key = jax.random.key(0)
    synapses = snn.nn.distance_dependent(positions, positions, profile, self_connections=False, key=key)
    lengths = np.linalg.norm(positions[synapses.pre] - positions[synapses.post], axis=1)
    assert 0.05 < lengths.mean() < 0.2
    ```
    """
    pre_positions, post_positions = np.asarray(pre_positions, float), np.asarray(post_positions, float)
    if pre_positions.ndim != 2 or post_positions.ndim != 2 or pre_positions.shape[1] != post_positions.shape[1]:
        raise InputError(
            f"distance_dependent was given positions of shapes {pre_positions.shape} and {post_positions.shape}; it "
            f"takes (inputs, dimensions) and (outputs, dimensions). On a line use `x[:, None]`."
        )
    in_features, out_features = len(pre_positions), len(post_positions)
    _targets(in_features, out_features, self_connections)
    generator, found = _generator(key), []
    for i, position in enumerate(pre_positions):
        apart = np.abs(post_positions - position)
        apart = apart if period is None else np.minimum(apart % period, period - apart % period)
        chance = np.asarray(probability(np.sqrt(np.square(apart).sum(axis=1))))
        hit = generator.random(out_features) < chance
        hit[i : i + 1] &= self_connections or i >= out_features
        found.append(np.flatnonzero(hit))
    pre = np.repeat(np.arange(in_features), [len(f) for f in found])
    return Synapses(pre, np.concatenate(found), in_features, out_features)
