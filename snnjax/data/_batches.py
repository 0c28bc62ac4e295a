"""Cuts a data set into batches that all have the same shape."""

import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float32, Int, PRNGKeyArray

from ._buckets import Buckets


class Batch(NamedTuple):
    """Some examples, and which of them count.

    - `example`: the same pytree as was given to [`snnjax.data.batches`][], with `batch_size` rows.
    - `weight`: `(batch,)`, 1 for a real row and 0 for a row that only fills the last batch up. A
      mean over the real rows is `sum(weight * value) / sum(weight)`.
    """

    example: Any
    weight: Float32[np.ndarray, " batch"]


def _number_of_rows(examples: Any) -> int:
    """The length that all leaves share along axis 0."""
    rows = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(examples):
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "the array"
        # Other containers (a data frame, a list of strings) may index columns, or not at all.
        if not isinstance(leaf, np.ndarray | jax.Array):
            raise TypeError(
                f"`batches` got a {type(leaf).__name__} as {name}. Every leaf must be a numpy or "
                "jax array with examples on axis 0. Convert it with `np.asarray`, or leave it out."
            )
        if leaf.ndim == 0:
            raise ValueError(
                f"`batches` got a single number as {name}. Every leaf must be an array with "
                "examples on axis 0. Repeat it for each example, or leave it out."
            )
        rows[name] = leaf.shape[0]
    if not rows:
        raise ValueError(
            "`batches` got no arrays. It takes a pytree (NamedTuple, tuple, dict, ...) of arrays "
            "with examples on axis 0. Pass at least one array."
        )
    if len(set(rows.values())) > 1:
        listing = ", ".join(f"{name} has {count} rows" for name, count in rows.items())
        raise ValueError(
            f"`batches` got arrays of different length: {listing}. All must have the same number "
            "of rows (axis 0 is the example). Check that no array has time or channels on axis 0."
        )
    count = next(iter(rows.values()))
    if count == 0:
        raise ValueError(
            f"`batches` got 0 examples ({', '.join(rows)} with an axis 0 of length 0). It needs at "
            "least one. Check the selection that made the data."
        )
    return count


def _generator(key: Any) -> np.random.Generator | None:
    """What shuffles, decided by the key."""
    if key is None:
        return None
    try:
        words = np.asarray(jax.random.key_data(key))
    except TypeError as error:
        raise TypeError(
            f"`batches` got a {type(key).__name__} as key. It takes None (rows in their order) or "
            "a jax key (rows shuffled). Make one with `jax.random.key(0)`."
        ) from error
    if words.ndim != 1:
        raise ValueError(
            f"`batches` got an array of keys of shape {words.shape[:-1]}. It takes one key, of "
            "shape (). Pass one of them, for example `keys[0]`."
        )
    return np.random.default_rng(words)


def _order(count: int, generator: np.random.Generator | None) -> Int[np.ndarray, " example"]:
    """The order of the rows: as they are, or a permutation."""
    return np.arange(count) if generator is None else generator.permutation(count)


def _take(examples: Any, rows: Int[np.ndarray, " batch"]) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], examples)


def _generate(parts: list[tuple], batch_size: int, starts: list[tuple[int, int]]) -> Iterator[Batch]:
    for part, start in starts:
        examples, order = parts[part]
        rows = order[start : start + batch_size]
        weight = (np.arange(batch_size) < rows.size).astype(np.float32)
        # Filled up with a real example and not with zeros: zeros can give NaN (a norm, a mask
        # without a step), and NaN times a weight of 0 is still NaN.
        filling = np.full(batch_size - rows.size, order[0])
        yield Batch(_take(examples, np.concatenate([rows, filling])), weight)


def _parts(split: Any) -> tuple:
    """What batches are cut from: arrays of one shape."""
    return split.splits if isinstance(split, Buckets) else (split,)


def count_batches(split: Any, batch_size: int) -> int:
    """How many batches `batches` gives."""
    return sum(-(-_number_of_rows(part) // batch_size) for part in _parts(split))


def batches(split: Any, batch_size: int, *, key: PRNGKeyArray | None = None) -> Iterator[Batch]:
    """Go once through the examples, in batches that all have exactly `batch_size` rows.

    A jitted step so compiles once. The last batch is filled up with copies of the first row of this
    epoch's order, whose `weight` is 0: use the weight in the loss and in the count of examples.

    **Arguments:**

    - `split`: a [`snnjax.data.Split`][] or any other pytree (NamedTuple, tuple, dict, ...) of numpy
      or jax arrays with examples on axis 0. None stays None. Or [`snnjax.data.Buckets`][]: then each
      batch is from one of them, whose last one is filled up.
    - `batch_size`: rows per batch, at least 1. It may be larger than the number of examples.
    - `key`: None goes through the rows in their order. A jax key shuffles them, by a numpy
      generator seeded with the key's data: the same key gives the same order, so give each epoch
      its own (`jax.random.fold_in(key, epoch)`).

    **Returns:** an iterator over [`snnjax.data.Batch`][]es, `ceil(examples / batch_size)` of them.
    Every example is in one of them, once, with weight 1. Rows are copies.

    **Raises:** `ValueError` or `TypeError`, at the call and not at the first batch, for a
    `batch_size` below 1, no examples, arrays of different length, or leaves that are not arrays.

    ```python
    import jax
    from snnjax import data

    train = data.load("digits").train
    for example, weight in data.batches(train, 64, key=jax.random.key(0)):
        assert example.x.shape == (64, 64) and weight.shape == (64,)
    assert weight.sum() == 1437 % 64  # the last batch: 29 real rows, 35 that fill it up
    ```
    """
    size = operator.index(batch_size)
    if size < 1:
        raise ValueError(
            f"`batches` got batch_size={size}. It must be at least 1. For all examples in one batch, pass their number."
        )
    generator = _generator(key)
    parts = [(part, _order(_number_of_rows(part), generator)) for part in _parts(split)]
    starts = [(i, start) for i, (_, order) in enumerate(parts) for start in range(0, order.size, size)]
    if generator is not None and len(parts) > 1:  # otherwise the rows are shuffled enough
        generator.shuffle(starts)
    return _generate(parts, size, starts)
