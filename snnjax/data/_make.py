"""Makes the embedded data files from the copies in scikit-learn and aeon.

    pip install 'snnjax[data]'
    python -m snnjax.data._make              # rewrites the files if they are what load() expects
    python -m snnjax.data._make --accept     # writes them even if they differ from it

It prints the SHA-256 of each file. They are the same bytes every time: no compression (its output
depends on the zlib at hand), fixed time stamps, fixed byte order. A file that differs from the
SHA-256 in `_sources.py` is written with `--accept` only; then put the printed value there.
Nothing here is used by `snnjax.data.load`.
"""

import argparse
import hashlib
import importlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ._sources import EMBEDDED

_Arrays = dict[str, Shaped[np.ndarray, "..."]]


def _module(name: str) -> Any:
    # By name, since type checkers run where these packages are not installed.
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"Cannot import `{name}`: {error}. Making the embedded data takes scikit-learn and "
            "aeon. Install both with `pip install 'snnjax[data]'`."
        ) from error


def _digits() -> _Arrays:
    """All images in scikit-learn's order, and the rows of the two splits in theirs."""
    pixel, label = _module("sklearn.datasets").load_digits(return_X_y=True)
    # Decided before any model was trained on it; not to be changed.
    train, test = _module("sklearn.model_selection").train_test_split(
        range(1797), test_size=360, random_state=0, stratify=label
    )
    return {
        "pixel": np.asarray(pixel, "u1"),  # whole numbers 0..16
        "label": np.asarray(label, "u1"),
        "train": np.asarray(train, "<u2"),
        "test": np.asarray(test, "<u2"),
    }


def _vowels() -> _Arrays:
    """The utterances of each split one after the other, without padding, and their lengths."""
    load_japanese_vowels = _module("aeon.datasets").load_japanese_vowels
    arrays = {}
    for part in ("train", "test"):
        # A list of (channel, time) arrays of unequal length, in the authors' order, with the raw
        # values (six decimals). aeon also has an equal-length version, which is padded: not it.
        utterances, speaker = load_japanese_vowels(split=part.upper())
        frame = np.concatenate([utterance.T for utterance in utterances])
        arrays[f"{part}_frame"] = np.asarray(frame, "<f4")
        arrays[f"{part}_length"] = np.asarray([u.shape[1] for u in utterances], "u1")
        arrays[f"{part}_label"] = np.asarray(speaker.astype(int) - 1, "u1")
    return arrays


_MAKERS: dict[str, Callable[[], _Arrays]] = {"digits": _digits, "vowels": _vowels}


def _packed(arrays: _Arrays) -> bytes:
    """An npz file as `np.savez` writes it, but with the same bytes every time and everywhere."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else it names the operating system
            entry.external_attr = 0o644 << 16
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            file.writestr(entry, member.getvalue())
    return content.getvalue()


def make(name: str) -> bytes:
    """The content of the file of the data set `name`."""
    return _packed(_MAKERS[name]())


def main(arguments: list[str] | None = None) -> int:
    """Make all files; returns 1 if one differs from what is expected and was not accepted."""
    parser = argparse.ArgumentParser(prog="python -m snnjax.data._make", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--accept", action="store_true", help="write files that differ as well")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: the package's own folder")
    options = parser.parse_args(arguments)
    status = 0
    for name in _MAKERS:
        content = make(name)
        found = hashlib.sha256(content).hexdigest()
        expected = found == EMBEDDED[name].sha256
        if expected or options.accept:
            (options.out / f"{name}.npz").write_bytes(content)
        else:
            status = 1
        remark = "as expected" if expected else "differs from _sources.py"
        remark += "" if expected or options.accept else ", not written"
        print(f"{name}.npz  {len(content)} bytes  SHA-256 {found}  {remark}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
