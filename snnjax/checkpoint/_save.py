"""Writing a checkpoint, at once and complete."""

import contextlib
import json
import os
import pathlib
import secrets
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import jax
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

from ._file import DIGEST_SIZE, FORMAT, HEADER, SEAL, VERSION, digest_of, package_version, raw_dtype
from ._inventory import Inventory, is_key


def save(path: str | os.PathLike[str], tree: PyTree, metadata: Mapping[str, Any] | None = None) -> None:
    """Writes a pytree into one file: a model, an optimiser state, a PRNG key, a step, or all.

    The file appears at once and complete: it is written beside `path` under another name, flushed
    to the disk and then renamed. Whenever the process is killed, `path` is the old file or the new
    one. A killed save may leave a file `.NAME.*.tmp` behind, which is never read and can be
    deleted. Folders that do not exist are made.

    **Arguments:**

    - `path`: the file, with any ending.
    - `tree`: any pytree. Arrays (JAX or numpy, of any shape; bools, integers, floats with bfloat16
        and float8, complex numbers) and PRNG keys are stored exactly. Other leaves, the classes
        of modules and their static fields are stored as a description, which [`load`][] compares:
        numbers and strings by value, functions and classes by module and name, other objects by
        their type. So a step counter should be an array or stand in `metadata`.
    - `metadata`: a dictionary for your own notes: strings, numbers, bools, None, lists and
        dictionaries with string keys. Tuples come back as lists.

    **Returns:**

    Nothing. Raises a `TypeError` for a leaf or a metadata entry that cannot be stored, and a
    `ValueError` for an array whose values are not in this process; then nothing is written.

    ```python
    import tempfile
    import jax
    import jax.numpy as jnp
    from snnjax import checkpoint

    path = tempfile.mkdtemp() + "/run/last.ckpt"
    state = {"weight": jnp.ones((2, 3)), "key": jax.random.key(0), "step": jnp.array(7)}
    checkpoint.save(path, state, metadata={"accuracy": 0.9})
    ```
    """
    path = pathlib.Path(path)
    metadata = {} if metadata is None else dict(metadata)
    _check_metadata(metadata, "metadata")
    inventory = Inventory(tree)
    for leaf_path, leaf in inventory.leaves:
        _check_has_values(leaf_path, leaf)
    header = json.dumps(_header(inventory, metadata)).encode()

    path.parent.mkdir(parents=True, exist_ok=True)
    # A name that no other process or thread uses, on this machine or on one that shares the folder.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            _write_archive(file, header, inventory)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _header(inventory: Inventory, metadata: dict[str, Any]) -> dict[str, Any]:
    leaves = dict(inventory.leaves)
    entries = []
    for index, entry in enumerate(inventory.entries):
        line = {name: value for name, value in vars(entry).items() if value is not None}
        if entry.is_data():
            line["member"] = f"{index}.npy"
        if entry.kind == "key":
            line["impl"] = _key_impl(entry.path, leaves[entry.path])
        entries.append(line)
    return {
        "format": FORMAT,
        "version": VERSION,
        "written_by": {name: package_version(name) for name in ("snnjax", "jax", "numpy")},
        "entries": entries,
        "metadata": metadata,
    }


def _key_impl(path: str, key: Any) -> str:
    impl = jr.key_impl(key)
    if not isinstance(impl, str):
        raise TypeError(
            f"The key {path} has the PRNG implementation {impl}, which has no registered name. "
            "Checkpoints hold keys of named implementations, such as jax.random.key(0) makes. "
            "Store jax.random.key_data(key) instead."
        )
    return impl


def _check_has_values(path: str, leaf: Any) -> None:
    if isinstance(leaf, jax.ShapeDtypeStruct):
        raise TypeError(
            f"The leaf {path} is a {leaf}, which has no values. save takes arrays; only load takes "
            "a ShapeDtypeStruct. Pass the tree with its arrays."
        )
    if not isinstance(leaf, jax.Array):
        return
    if leaf.is_deleted():
        raise ValueError(
            f"The array {path} has been deleted; it was donated to a jitted function. Checkpoints "
            "need its values. Save what that function returned, or save before calling it."
        )
    if not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        raise ValueError(
            f"The array {path} is spread over several processes: {leaf.sharding}. save takes "
            "arrays of which this process has every part. Gather it first, for example with "
            "jax.experimental.multihost_utils.process_allgather, and save in one process."
        )


def _check_metadata(value: Any, where: str) -> None:
    if value is None or isinstance(value, bool | int | float | str):
        return
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_metadata(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                # JSON would turn it into a string without a word.
                raise TypeError(
                    f"{where} has the key {key!r} of type {type(key).__name__}. Metadata has "
                    "strings as keys. Use str(key)."
                )
            _check_metadata(item, f"{where}[{key!r}]")
    else:
        raise TypeError(
            f"{where} is of type {type(value).__name__}. Metadata can hold strings, numbers, "
            "bools, None, lists and dictionaries with string keys. Convert it, for example with "
            "float(x) or x.tolist(), or put it into the tree if it is an array."
        )


def _write_archive(file: BinaryIO, header: bytes, inventory: Inventory) -> None:
    leaves = dict(inventory.leaves)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = SEAL + b"0" * DIGEST_SIZE
        # ZipInfo has a fixed date: the same tree gives the same bytes.
        archive.writestr(zipfile.ZipInfo(HEADER), header)
        for index, entry in enumerate(inventory.entries):
            if entry.is_data():
                info = zipfile.ZipInfo(f"{index}.npy")
                with archive.open(info, "w", force_zip64=True) as member:
                    array = _raw(leaves[entry.path])
                    np.lib.format.write_array(member, array, allow_pickle=False)
    digest = digest_of(file)
    file.seek(-DIGEST_SIZE, os.SEEK_END)
    file.write(digest)


def _raw(leaf: Any) -> np.ndarray:
    """The values of a leaf as an array of a dtype that numpy's file format knows."""
    array = np.asarray(jr.key_data(leaf) if is_key(leaf) else leaf, order="C")
    return array.view(raw_dtype(array.dtype))


def _sync_folder(folder: pathlib.Path) -> None:
    """Makes the new name survive a power cut; not every system and file system can."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
