"""Reading a checkpoint, exactly or not at all."""

import os
import pathlib
import zipfile
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

from ._file import CheckpointError, interpreting, open_checked, raw_dtype, read_array, read_header
from ._inventory import Entry, Inventory, is_array, is_extended, is_key

_MAX_LISTED = 10


def load(path: str | os.PathLike[str], like: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """Reads a file written by [`save`][] into the structure of `like`, exactly or not at all.

    **Arguments:**

    - `path`: the file.
    - `like`: a tree with the structure, shapes and dtypes of the saved one, such as a freshly
        made model and optimiser state. Arrays may be `jax.ShapeDtypeStruct`s, so that
        `eqx.filter_eval_shape(make_model)` serves too. Its values are not used, except that
        everything which is not an array must be equal to what was saved.

    **Returns:**

    The pair `(tree, metadata)`. Each array is of the sort `like` has: a numpy array for a numpy
    array, else a JAX array with the same sharding and, where the dtype is JAX's default one, the
    same weak type, so that functions compiled for `like` are not compiled again.

    Raises a [`CheckpointError`][] if the file is damaged, is not a checkpoint, was written in a
    newer format, or differs from `like`; the message lists the paths that differ. Raises a
    `FileNotFoundError` if there is no file.

    ```python
    import tempfile
    import jax.numpy as jnp
    from snnjax import checkpoint

    path = tempfile.mkdtemp() + "/last.ckpt"
    checkpoint.save(path, {"weight": jnp.ones((2, 3))}, metadata={"accuracy": 0.9})
    fresh = {"weight": jnp.zeros((2, 3))}
    state, metadata = checkpoint.load(path, fresh)
    assert (state["weight"] == 1).all() and metadata == {"accuracy": 0.9}
    ```
    """
    path = pathlib.Path(path)
    with open_checked(path) as file:
        with interpreting(path):
            archive = zipfile.ZipFile(file)
            header = read_header(archive, path)
            lines = {line["path"]: line for line in header["entries"]}
            found = [entry_of(line) for line in header["entries"]]
        wanted = Inventory(like)
        # Shapes are compared before any array is made: the file cannot ask for much memory.
        _check_equal(path, found, wanted.entries)
        with interpreting(path):
            stored = {
                leaf_path: _read_leaf(archive, lines[leaf_path], leaf)
                for leaf_path, leaf in wanted.leaves
                if is_array(leaf)
            }
    leaves = [
        _restore(leaf_path, stored[leaf_path], leaf) if leaf_path in stored else leaf
        for leaf_path, leaf in wanted.leaves
    ]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), header["metadata"]


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the metadata of a checkpoint, for which no model is needed.

    The whole file is checked for damage, as in [`load`][].

    **Arguments:**

    - `path`: a file written by [`save`][].

    **Returns:**

    The dictionary that was given to `save`; an empty one if there was none. Raises a
    [`CheckpointError`][] or a `FileNotFoundError`, as `load` does.

    ```python
    import tempfile
    from snnjax import checkpoint

    path = tempfile.mkdtemp() + "/last.ckpt"
    checkpoint.save(path, tree=None, metadata={"accuracy": 0.9})
    assert checkpoint.read_metadata(path) == {"accuracy": 0.9}
    ```
    """
    path = pathlib.Path(path)
    with open_checked(path) as file, interpreting(path):
        return read_header(zipfile.ZipFile(file), path)["metadata"]


def entry_of(line: dict[str, Any]) -> Entry:
    shape = line.get("shape")
    return Entry(
        line["path"],
        line["kind"],
        None if shape is None else tuple(shape),
        line.get("dtype"),
        line.get("value"),
    )


def _check_equal(path: pathlib.Path, found: list[Entry], wanted: list[Entry]) -> None:
    in_file = {entry.path: entry for entry in found}
    in_model = {entry.path: entry for entry in wanted}
    differences = []
    for name, entry in in_model.items():
        if name not in in_file:
            differences.append(f"{name}: missing in the file, {entry} in the model")
        elif in_file[name] != entry:
            differences.append(f"{name}: {in_file[name]} in the file, {entry} in the model")
    for name, entry in in_file.items():
        if name not in in_model:
            differences.append(f"{name}: {entry} in the file, not in the model")
    if not differences:
        return
    lines = differences[:_MAX_LISTED]
    if len(differences) > _MAX_LISTED:
        lines.append(f"and {len(differences) - _MAX_LISTED} more")
    raise CheckpointError(
        "\n  ".join([f"{path} was saved from another tree than the one given as `like`:", *lines])
        + "\nEvery array must have the same path, shape and dtype, and everything else must be "
        "equal. Make `like` with the settings of the saved model. Values that change while "
        "training belong into arrays or into metadata."
    )


class Stored(NamedTuple):
    array: np.ndarray
    impl: str | None  # of a PRNG key


def _read_leaf(archive: zipfile.ZipFile, line: dict[str, Any], like: Any) -> Stored:
    if is_key(like):
        struct = jax.eval_shape(jr.key_data, jax.ShapeDtypeStruct(like.shape, like.dtype))
        array = read_array(archive, line["member"], struct.shape, np.dtype(struct.dtype))
        return Stored(array, line["impl"])
    dtype = np.dtype(like.dtype)
    native = raw_dtype(dtype).newbyteorder("=")
    array = read_array(archive, line["member"], tuple(like.shape), native)
    if is_extended(dtype):
        return Stored(array.view(dtype), None)
    return Stored(array.astype(dtype, copy=False), None)


def _restore(path: str, stored: Stored, like: Any) -> Any:
    """A value of the sort that `like` is."""
    if isinstance(like, np.ndarray):
        return stored.array
    if isinstance(like, np.generic):
        return stored.array[()]
    array = jnp.asarray(stored.array)
    if stored.impl is not None:
        array = jr.wrap_key_data(array, impl=stored.impl)
    elif like.weak_type:
        array = _weakly_typed(array)
    if array.dtype != like.dtype:
        raise CheckpointError(
            f"{path} is {like.dtype} in the file and in `like`, but JAX made it {array.dtype}. "
            "Arrays are restored exactly. Switch on 64 bits by "
            'jax.config.update("jax_enable_x64", True), as they were when it was saved.'
        )
    committed = like.committed if isinstance(like, jax.Array) else like.sharding is not None
    return jax.device_put(array, like.sharding) if committed else array


def _weakly_typed(array: jax.Array) -> jax.Array:
    """The same array with a weak type, if JAX's default dtype of its kind is the array's own.

    There is no public cast to a weak type. But an array filled with a Python number has it, and
    keeps it when all its values are replaced.
    """
    zero = array.dtype.type(0).item()
    weak = jnp.full(array.shape, zero)
    return weak.at[...].set(array) if weak.dtype == array.dtype else array
