"""What a data set is: two splits, and the facts about it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32


class Split(NamedTuple):
    """Examples with their labels, as numpy arrays; axis 0 is the example.

    - `x`: the inputs. `(example, feature)`, or `(example, time, channel)` for sequences, which are
      zero after their own end.
    - `label`: the class of each example, `0 .. num_classes - 1`.
    - `mask`: `(example, time)`, True where a sequence has data and False after its end. None where
      the examples have no time axis.

    Time comes after the example here, as it does for a list of sequences; one example `x[i]` has
    time on axis 0, which is what `snnjax.unroll` takes, under `jax.vmap` for many.
    """

    x: Float32[np.ndarray, "example ..."]
    label: Int32[np.ndarray, " example"]
    mask: Bool[np.ndarray, "example time"] | None


class Dataset(NamedTuple):
    """A data set: what to learn from, what to be judged by, and where it comes from.

    - `train`, `test`: the two [`snnjax.data.Split`][]s. They share no example.
    - `num_classes`: how many classes there are; labels are `0 .. num_classes - 1`.
    - `source`: authors, title, year, link, licence and what was changed, in one string. The licence
      asks that you pass it on with the data.
    - `name`: the name it was loaded by.
    """

    train: Split
    test: Split
    num_classes: int
    source: str
    name: str
