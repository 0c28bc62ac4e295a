"""Sequences of many lengths, padded to a few, so that a few programs serve them all."""

import bisect
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Shaped

from ._dataset import Split


class Buckets(NamedTuple):
    """Sequences grouped by length: one `Split` for each length that they are padded to, the shortest first.

    `batches`, `train.fit` and `train.evaluate` take it in place of a `Split`; every batch is of one length.
    """

    splits: tuple[Split, ...]


def _bucket_length(steps: int, lengths: Sequence[int] | None) -> int:
    """The next power of two, or the next of the lengths."""
    if lengths is None:
        return 1 << (steps - 1).bit_length()
    if not lengths or any(a >= b for a, b in zip([0, *lengths], lengths, strict=False)):
        raise ValueError(
            f"lengths is {list(lengths)}. Accepted are numbers of steps of at least 1, each larger than the one "
            f"before, or None for powers of two. Sort them and leave out what is double."
        )
    if steps > lengths[-1]:
        raise ValueError(
            f"A sequence has {steps} steps, and the longest of the lengths is {lengths[-1]}. Every sequence must fit "
            f"into one. Add a longer length, or cut the sequence."
        )
    return lengths[bisect.bisect_left(lengths, steps)]


def _steps(xs: Any) -> int:
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(xs)]
    if not shapes or any(shape[:1] in ((), (0,)) or shape[0] != shapes[0][0] for shape in shapes):
        raise ValueError(
            f"A sequence has arrays of shapes {shapes}. Accepted are arrays with time on axis 0, all with the same "
            f"number of steps, at least 1. Leave empty sequences out."
        )
    return shapes[0][0]


def pad(xs: Any, lengths: Sequence[int] | None = None) -> tuple[Any, Bool[np.ndarray, " time"]]:
    """Pad one sequence with zeros at its end, so that sequences of many lengths come in a few.

    A compiled function is compiled again for every new length. Padded to powers of two, all sequences of up to 1000
    steps are of 11 lengths. Decoders and losses take the mask, and leave the padding out. Steps do not look ahead, so
    that what the model puts out before the padding is what it puts out without it; with `record` the same goes for
    states.

    **Arguments:**

    - `xs`: one sequence, `(time, *shape)`, or a pytree of such arrays. It is padded with numpy, which compiles nothing.
    - `lengths`: the lengths to pad to, in increasing order; None for powers of two.

    **Returns:** the padded sequence, as numpy arrays, and the mask `(time,)`, True where there is data.

    **Raises:** `ValueError` for a sequence without steps, one that is longer than all `lengths`, and `lengths` that do
    not increase.

    ```python
    import equinox as eqx
    import jax
    import numpy as np
    import snnjax as snn

    model = snn.Sequential(eqx.nn.Linear(3, 2, key=jax.random.key(0)), snn.LI())


    @jax.jit
    def scores_and_state(xs, mask):
        _, (states, ys) = snn.unroll(model, xs, record=lambda state, out: (state, out))
        end = mask.sum() - 1                                   # the last step with data
        return snn.decode.max_membrane(ys, mask), jax.tree.map(lambda a: a[end], states)


    for steps in (9, 12, 16):                                  # compiled once
        scores, state = scores_and_state(*snn.data.pad(np.ones((steps, 3), np.float32)))
    ```
    """
    steps = _steps(xs)
    length = _bucket_length(steps, lengths)

    def padded(leaf: Any) -> Shaped[np.ndarray, "time ..."]:
        leaf = np.asarray(leaf)
        return np.pad(leaf, [(0, length - steps), *[(0, 0)] * (leaf.ndim - 1)])

    return jax.tree.map(padded, xs), np.arange(length) < steps


def bucket(sequences: Sequence[Any], labels: Any, lengths: Sequence[int] | None = None) -> Buckets:
    """Group sequences of many lengths by the length that `pad` pads them to.

    A training step is then compiled once per bucket and not once per length, and no sequence is padded to the length of
    the longest.

    **Arguments:**

    - `sequences`: arrays `(time, *shape)`, of any lengths.
    - `labels`: the class of each, `(example,)`.
    - `lengths`: the lengths to pad to, in increasing order; None for powers of two. Fewer lengths mean fewer
        compilations, and more padding.

    **Returns:** `Buckets`, for `batches`, `train.fit` and `train.evaluate`. In each the order is that of `sequences`.

    **Raises:** `ValueError` if there is not one label per sequence, for shapes that differ in more than time, and as
    `pad`.

    ```python
    import numpy as np
    import snnjax as snn

    spoken = [np.ones((steps, 12), np.float32) for steps in (7, 8, 20, 29)]
    buckets = snn.data.bucket(spoken, [0, 1, 0, 1])
    assert [split.x.shape for split in buckets.splits] == [(2, 8, 12), (2, 32, 12)]
    ```
    """
    label = np.asarray(labels)
    if label.shape != (len(sequences),) or not len(sequences):
        raise ValueError(
            f"`bucket` got {len(sequences)} sequences and labels of shape {label.shape}. Accepted are one or more "
            f"sequences, and as many labels, (example,). Check that both come from the same split."
        )
    shapes = {np.shape(xs)[1:] for xs in sequences}
    if len(shapes) > 1:
        raise ValueError(
            f"`bucket` got sequences with steps of shapes {sorted(shapes)}. All must have the same. Time is axis 0 of "
            f"each; transpose those that have it elsewhere."
        )
    rows: dict[int, list[int]] = {}
    padded = [pad(np.asarray(xs), lengths) for xs in sequences]
    for i, (_, mask) in enumerate(padded):
        rows.setdefault(mask.size, []).append(i)

    def split(chosen: list[int]) -> Split:
        xs, masks = zip(*(padded[i] for i in chosen), strict=True)
        return Split(np.stack(xs), label[chosen].astype(np.int32), np.stack(masks))

    return Buckets(tuple(split(rows[length]) for length in sorted(rows)))
