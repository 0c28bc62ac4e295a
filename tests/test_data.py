"""The embedded data against what is known about it, and batches against their promises."""

import hashlib
import re
import shutil
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnjax import data
from snnjax.data import _batches, _load
from snnjax.data._make import _packed, main, make
from snnjax.data._sources import EMBEDDED

NAMES = ["digits", "vowels"]
FOLDER = Path(data.__file__).parent


# --- what is known about the data ---------------------------------------------------------------


def test_digits_shapes_and_counts():
    digits = data.load("digits")
    assert digits.name == "digits"
    assert digits.num_classes == 10
    for split, count in ((digits.train, 1437), (digits.test, 360)):
        assert split.x.shape == (count, 64)
        assert split.x.dtype == np.float32
        assert split.label.shape == (count,)
        assert split.label.dtype == np.int32
        assert split.mask is None
        assert split.x.min() == 0
        assert split.x.max() == 1
        assert np.all(split.x * 16 == np.round(split.x * 16))  # pixel counts
    # the class counts published with the data set (its test part)
    label = np.concatenate([digits.train.label, digits.test.label])
    assert np.bincount(label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # stratified: each class within one example of its share
    share = np.bincount(label) * 360 / 1797
    assert np.all(np.abs(np.bincount(digits.test.label) - share) <= 1)


def test_digits_splits_are_disjoint_and_complete():
    with np.load(FOLDER / "digits.npz", allow_pickle=False) as file:
        train, test, pixel = file["train"], file["test"], file["pixel"]
    assert sorted([*train, *test]) == list(range(1797))
    # the first image of the data set is a 0; its first two rows as published
    assert pixel[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    digits = data.load("digits")
    np.testing.assert_array_equal(digits.train.x, np.float32(pixel[train] / 16))
    np.testing.assert_array_equal(digits.test.x, np.float32(pixel[test] / 16))


def test_vowels_shapes_and_counts():
    vowels = data.load("vowels")
    assert vowels.name == "vowels"
    assert vowels.num_classes == 9
    for split, count in ((vowels.train, 270), (vowels.test, 370)):
        assert split.x.shape == (count, 29, 12)
        assert split.x.dtype == np.float32
        assert split.label.shape == (count,)
        assert split.label.dtype == np.int32
        assert split.mask is not None
        assert split.mask.shape == (count, 29)
        assert split.mask.dtype == np.bool_
        assert np.all(np.diff(split.label) >= 0)  # the official order: speaker after speaker
    assert np.bincount(vowels.train.label).tolist() == [30] * 9
    assert np.bincount(vowels.test.label).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_vowels_mask_and_padding():
    vowels = data.load("vowels")
    lengths, frames = [], []
    for split in (vowels.train, vowels.test):
        assert split.mask is not None
        length = split.mask.sum(axis=1)
        lengths.extend(length)
        frames.append(length.sum())
        # True first, then False: no gaps
        np.testing.assert_array_equal(split.mask, np.arange(29) < length[:, None])
        assert np.all(split.x[~split.mask] == 0)
        assert np.all(np.any(split.x[split.mask] != 0, axis=-1))  # and no padding before the end
        assert np.all(np.isfinite(split.x))
    assert min(lengths) == 7
    assert max(lengths) == 29
    assert frames == [4274, 5687]  # lines of the official files


def test_vowels_are_the_raw_values():
    # Values of the official file ae.train: the first frames of utterances 1 and 2, and the 601st
    # frame, in utterance 4 of the second speaker. Order, lengths and scale are right only together.
    train = data.load("vowels").train
    assert train.mask is not None
    first = [1.860936, -0.207383, 0.261557, -0.214562, -0.171253]
    np.testing.assert_array_equal(train.x[0, 0, :5], np.array(first, np.float32))
    second = [1.303905, 0.067256, 0.597720, -0.271474, -0.236808]
    np.testing.assert_array_equal(train.x[1, 0, :5], np.array(second, np.float32))
    later = [0.357779, -0.937038, 0.183809, -0.487891, 0.416678]
    np.testing.assert_array_equal(train.x[train.mask][600, :5], np.array(later, np.float32))
    assert np.argwhere(train.mask)[600, 0] == 30 + 3


@pytest.mark.parametrize("name", NAMES)
def test_source_gives_authors_licence_and_link(name):
    source = data.load(name).source
    licences = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    for part in ("UCI Machine Learning Repository", "CC BY 4.0", "Changes:"):
        assert part in source
    (link,) = re.findall(r"https://doi\.org/[\w./]+\w", source)
    assert link in licences
    assert f"{name}.npz" in licences


@pytest.mark.parametrize("name", NAMES)
def test_a_write_does_not_reach_the_next_load(name):
    before = data.load(name)
    expected = jax.tree.map(np.copy, before.train), jax.tree.map(np.copy, before.test)
    for leaf in jax.tree.leaves((before.train, before.test)):
        leaf[...] = 0
    after = data.load(name)
    jax.tree.map(np.testing.assert_array_equal, (after.train, after.test), expected)


# --- the files ----------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """`load` reads from a copy of the files, which the test may damage."""
    for name in NAMES:
        shutil.copy(FOLDER / f"{name}.npz", tmp_path)
    monkeypatch.setattr(_load, "_DIRECTORY", tmp_path)
    data.load("digits")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_one_flipped_bit_raises(copied, name):
    path = copied / f"{name}.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"damaged.*SHA-256.*Reinstall snnjax.*_make"):
        data.load(name)


@pytest.mark.parametrize("name", NAMES)
def test_truncated_raises(copied, name):
    path = copied / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RuntimeError, match=r"damaged.*holds 1000 bytes.*Reinstall"):
        data.load(name)


def test_missing_raises(copied):
    (copied / "vowels.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"'vowels' is missing.*vowels\.npz.*Reinstall"):
        data.load("vowels")


def test_nothing_is_parsed_before_the_hash(copied, monkeypatch):
    (copied / "digits.npz").write_bytes(b"not the file")
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(RuntimeError, match="damaged"):
        data.load("digits")


def test_unknown_name():
    with pytest.raises(ValueError, match=r"named 'mnist'.*'digits', 'vowels'.*Pass one of them"):
        data.load("mnist")


def test_the_files_are_small_and_part_of_the_package():
    assert sum((FOLDER / f"{name}.npz").stat().st_size for name in NAMES) < 700_000
    pyproject = FOLDER.parents[1] / "pyproject.toml"
    if not pyproject.exists():
        pytest.skip("not a source tree")
    wheel = tomllib.loads(pyproject.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    # Everything below a package goes into the wheel, unless it is told otherwise.
    assert wheel["packages"] == ["snnjax"]
    assert not {"exclude", "include", "only-include"} & set(wheel)


@pytest.mark.parametrize("name", NAMES)
def test_packing_the_arrays_again_gives_the_same_bytes(name):
    path = FOLDER / f"{name}.npz"
    with np.load(path, allow_pickle=False) as file:
        assert _packed(dict(file)) == path.read_bytes()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == EMBEDDED[name].sha256


@pytest.mark.filterwarnings("ignore")  # those of other people's packages
def test_the_script_reproduces_the_files(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("aeon")
    assert main(["--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for name in NAMES:
        assert EMBEDDED[name].sha256 in printed
        assert (tmp_path / f"{name}.npz").read_bytes() == (FOLDER / f"{name}.npz").read_bytes()


def test_the_script_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)  # as if not installed
    with pytest.raises(ModuleNotFoundError, match=r"`aeon\.datasets`.*'snnjax\[data\]'"):
        make("vowels")


def test_the_script_does_not_replace_a_file_by_another(tmp_path, capsys, monkeypatch):
    other = {"x": np.zeros(3, "u1")}
    monkeypatch.setattr("snnjax.data._make._MAKERS", {"digits": lambda: other})
    assert main(["--out", str(tmp_path)]) == 1
    assert "differs from _sources.py, not written" in capsys.readouterr().out
    assert not (tmp_path / "digits.npz").exists()
    assert main(["--out", str(tmp_path), "--accept"]) == 0
    assert (tmp_path / "digits.npz").read_bytes() == _packed(other)


# --- batches ------------------------------------------------------------------------------------


def numbered(count):
    """Examples that carry their own number, in every leaf."""
    number = np.arange(count, dtype=np.int32)
    return data.Split(np.stack([number, -number], 1).astype(np.float32), number, None)


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    seed=st.none() | st.integers(0, 2**31 - 1),
)
def test_every_row_once_and_one_shape(count, batch_size, seed):
    key = None if seed is None else jr.key(seed)
    seen, found = Counter(), list(data.batches(numbered(count), batch_size, key=key))
    assert len(found) == -(-count // batch_size)
    first = found[0].example.label[0]
    for index, (example, weight) in enumerate(found):
        assert example.x.shape == (batch_size, 2)
        assert example.x.dtype == np.float32
        assert example.label.shape == weight.shape == (batch_size,)
        assert example.label.dtype == np.int32
        assert example.mask is None
        assert weight.dtype == np.float32
        # the leaves stay together
        np.testing.assert_array_equal(example.x[:, 0], example.label)
        np.testing.assert_array_equal(example.x[:, 1], -example.label)
        real = min(batch_size, count - index * batch_size)
        np.testing.assert_array_equal(weight, np.arange(batch_size) < real)
        assert np.all(example.label[real:] == first)
        seen.update(example.label[:real].tolist())
    assert seen == Counter(range(count))


def order(key, count=100):
    found = data.batches(numbered(count), 7, key=key)
    return np.concatenate([batch.example.label[batch.weight == 1] for batch in found]).tolist()


def test_order():
    assert order(None) == list(range(100))
    assert order(jr.key(0)) == order(jr.key(0))
    assert order(jr.key(0)) != order(jr.key(1))
    assert order(jr.key(0)) != order(None)
    # as documented: a numpy generator seeded with the key's data
    expected = np.random.default_rng(np.asarray(jr.key_data(jr.key(3)))).permutation(100)
    assert order(jr.key(3)) == expected.tolist()


def test_a_key_of_the_old_style_gives_the_same_order():
    assert order(jr.PRNGKey(5)) == order(jr.key(5))


def test_shuffling_is_fair(getkey):
    # Where row 0 of 10 ends up: uniform. chi-square with 9 degrees of freedom, 1e-6 quantile 46.
    places = [order(key, 10).index(0) for key in jr.split(getkey(), 200)]
    counts = np.bincount(places, minlength=10)
    assert np.sum((counts - 20) ** 2 / 20) < 46


def test_a_step_is_compiled_once(getkey):
    vowels = data.load("vowels").train

    @jax.jit
    @eqx.debug.assert_max_traces(max_traces=1)
    def step(batch):
        example, weight = batch
        return jnp.sum(jnp.where(weight == 1, example.mask.sum(1), 0)), jnp.sum(weight)

    totals = [step(batch) for batch in data.batches(vowels, 64, key=getkey())]
    assert len(totals) == 5
    assert sum(int(steps) for steps, _ in totals) == 4274
    assert sum(int(rows) for _, rows in totals) == 270


class Nested(NamedTuple):
    first: dict
    second: tuple


def test_any_pytree(getkey):
    a, b, c = np.arange(5), jnp.arange(10.0).reshape(5, 2), np.arange(5) > 2
    tree = Nested({"a": a, "none": None}, (b, (c,)))
    (batch,) = data.batches(tree, 8, key=getkey())
    assert jax.tree.structure(batch.example) == jax.tree.structure(tree)
    rows = batch.example.first["a"]
    assert isinstance(rows, np.ndarray)
    assert isinstance(batch.example.second[0], jax.Array)
    assert batch.example.second[0].dtype == b.dtype
    np.testing.assert_array_equal(batch.example.second[0], b[rows])
    np.testing.assert_array_equal(batch.example.second[1][0], c[rows])
    # an array alone is a pytree, too
    (first, second) = data.batches(a, 3)
    np.testing.assert_array_equal(first.example, [0, 1, 2])
    np.testing.assert_array_equal(second.example, [3, 4, 0])
    np.testing.assert_array_equal(second.weight, [1, 1, 0])


def test_batches_are_copies():
    split = numbered(6)
    for batch in data.batches(split, 3):
        batch.example.x[...] = 99
    np.testing.assert_array_equal(split.x, numbered(6).x)


# Errors come at the call, before the first batch is asked for.


@pytest.mark.parametrize("batch_size", [0, -3])
def test_batch_size_below_one(batch_size):
    with pytest.raises(ValueError, match=rf"batch_size={batch_size}\. It must be at least 1.*pass"):
        data.batches(numbered(4), batch_size)


def test_no_examples():
    with pytest.raises(ValueError, match=r"got 0 examples \(x, label with.*at least one"):
        data.batches(numbered(0), 4)


@pytest.mark.parametrize("tree", [(), {"x": None}, None])
def test_no_arrays(tree):
    with pytest.raises(ValueError, match=r"no arrays.*Pass at least one"):
        data.batches(tree, 4)


def test_different_lengths():
    split = data.Split(np.zeros((100, 3), np.float32), np.zeros(99, np.int32), None)
    with pytest.raises(ValueError, match="x has 100 rows, label has 99 rows"):
        data.batches(split, 4)
    with pytest.raises(ValueError, match=r"a\.0 has 2 rows, b has 3 rows"):
        data.batches({"a": (np.zeros(2),), "b": np.zeros(3)}, 4)


def test_leaves_that_are_not_arrays():
    with pytest.raises(TypeError, match=r"got a float as scale.*Convert it"):
        data.batches({"x": np.zeros(3), "scale": 2.0}, 4)
    with pytest.raises(ValueError, match=r"single number as scale.*Repeat it"):
        data.batches({"x": np.zeros(3), "scale": np.array(2.0)}, 4)


def test_keys_that_are_not_one_key():
    # the helper, since the type checker of the tests stops a wrong type earlier
    with pytest.raises(TypeError, match=r"got a int as key.*jax\.random\.key\(0\)"):
        _batches._generator(0)
    with pytest.raises(TypeError, match=r"got a ndarray as key.*None"):
        _batches._generator(np.zeros(2))
    with pytest.raises(ValueError, match=r"array of keys of shape \(3,\).*Pass one"):
        _batches._generator(jr.split(jr.key(0), 3))
