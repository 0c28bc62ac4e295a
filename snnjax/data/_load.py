"""Reads the data sets that ship with the library."""

import hashlib
import importlib.resources
import io

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from ._dataset import Dataset, Split
from ._sources import EMBEDDED

_DIRECTORY = importlib.resources.files("snnjax.data")
_VOWELS_TIME = 29  # the longest utterance

_REPAIR = (
    "Reinstall snnjax, or, in a source tree, make the file again: "
    "`pip install 'snnjax[data]'`, then `python -m snnjax.data._make`."
)


def _verified_bytes(name: str) -> bytes:
    """The file's bytes, after their hash was checked: nothing unknown is ever parsed."""
    path = _DIRECTORY / f"{name}.npz"
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The embedded data set {name!r} is missing: there is no file {path}. It is part of "
            f"the installed package. {_REPAIR}"
        ) from error
    found, expected = hashlib.sha256(content).hexdigest(), EMBEDDED[name].sha256
    if found != expected:
        raise RuntimeError(
            f"The embedded data set {name!r} is damaged: {path} holds {len(content)} bytes with "
            f"SHA-256 {found}. Only the file with SHA-256 {expected} is accepted. {_REPAIR}"
        )
    return content


def _read(name: str) -> dict[str, Shaped[np.ndarray, "..."]]:
    with np.load(io.BytesIO(_verified_bytes(name)), allow_pickle=False) as file:
        return dict(file)


def _digits() -> tuple[Split, Split]:
    arrays = _read("digits")
    x = arrays["pixel"].astype(np.float32) / np.float32(16)  # exact: 0..16 over a power of two
    label = arrays["label"].astype(np.int32)
    # The rows of the two splits are part of the file: no random generator can move them.
    train, test = arrays["train"], arrays["test"]
    return Split(x[train], label[train], None), Split(x[test], label[test], None)


def _padded(
    frame: Float32[np.ndarray, "frame channel"], length: Shaped[np.ndarray, " example"]
) -> tuple[Float32[np.ndarray, "example time channel"], Bool[np.ndarray, "example time"]]:
    mask = np.arange(_VOWELS_TIME) < length[:, None]
    x = np.zeros((length.size, _VOWELS_TIME, frame.shape[1]), np.float32)
    x[mask] = frame  # a mask selects row by row, which is the order in which frames are stored
    return x, mask


def _vowels() -> tuple[Split, Split]:
    arrays = _read("vowels")

    def split(part: str) -> Split:
        x, mask = _padded(arrays[f"{part}_frame"], arrays[f"{part}_length"])
        return Split(x, arrays[f"{part}_label"].astype(np.int32), mask)

    return split("train"), split("test")


_READERS = {"digits": _digits, "vowels": _vowels}


def load(name: str) -> Dataset:
    """Load one of the real data sets that ship with the library; nothing is downloaded.

    | `name` | one example | train / test | classes |
    |---|---|---|---|
    | `"digits"` | 8 x 8 image of a digit as 64 values in [0, 1] | 1437 / 360 | 10 digits |
    | `"vowels"` | spoken /ae/: 7 to 29 steps of 12 cepstrum coefficients | 270 / 370 | 9 speakers |

    The split is part of the data: it was fixed in advance and is the same on every machine.
    "vowels" keeps the split and the order of its authors; its steps are 6.4 ms apart. "digits" was
    divided once, stratified by class (`train_test_split` of scikit-learn with `test_size=360,
    random_state=0`), so both of its splits hold digits of the same writers. The values of "vowels"
    are raw, not standardised; statistics for that must come from the train split, under its mask.

    **Arguments:**

    - `name`: `"digits"` or `"vowels"`.

    **Returns:** a [`snnjax.data.Dataset`][] of fresh numpy arrays, so that writing into them
    changes no later load.

    - digits: `x` float32 `(example, 64)`, `label` int32 `(example,)`, `mask` None.
    - vowels: `x` float32 `(example, 29, 12)`, zero after the end of an utterance, `label` int32
      `(example,)`, `mask` bool `(example, 29)`, True where there is data.

    **Raises:** `ValueError` for an unknown name; `FileNotFoundError` for a missing file and
    `RuntimeError` for a damaged one (its SHA-256 is checked before anything is parsed).

    ```python
    from snnjax import data

    vowels = data.load("vowels")
    assert vowels.train.x.shape == (270, 29, 12)
    assert vowels.num_classes == 9
    print(vowels.source)
    ```

    Sources: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, 1998,
    <https://doi.org/10.24432/C50P49>; M. Kudo, J. Toyama and M. Shimbo, *Japanese Vowels*, 1999,
    <https://doi.org/10.24432/C5NS47>. Both CC BY 4.0, UCI Machine Learning Repository; LICENSES.md
    beside the data has the details.
    """
    if name not in _READERS:
        raise ValueError(
            f"There is no embedded data set named {name!r}. The known names are "
            f"{', '.join(map(repr, _READERS))}. Pass one of them to `snnjax.data.load`; your own "
            "arrays need no loading: give them to `snnjax.data.batches` as they are."
        )
    train, test = _READERS[name]()
    return Dataset(train, test, EMBEDDED[name].num_classes, EMBEDDED[name].source, name)
