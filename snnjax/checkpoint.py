"""Checkpoints: any pytree in one file, written atomically, read back exactly or not at all.

Nothing is ever pickled or unpickled, so a file from a stranger cannot run code.

A file is a zip archive of uncompressed members. `header.json` lists what the tree is made of, and
every array is one member in numpy's own `.npy` format, so `numpy.load(path)` can look inside too.
The archive ends with a comment, `sha256:` and the checksum of every byte before it: a damaged file
is found before any part of it is interpreted.

What the tree is made of is a flat list of entries, each with its path. An array is data, and is
restored. Everything else that makes the model what it is (Python numbers and strings, functions,
the class of each module, its static fields) is a description, and is compared.
"""

import contextlib
import dataclasses
import enum
import errno
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import secrets
import sys
import types
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
from jaxtyping import PyTree

_FORMAT = "snnjax checkpoint"
_VERSION = 1
_HEADER = "header.json"
_SEAL = b"sha256:"
_DIGEST_SIZE = 64  # hexadecimal digits
_CHUNK = 1 << 20
_MAX_LISTED = 10


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded: a damaged file, or a file of another model.

    The message says what the file holds, what was expected, and what to do.
    """


#
# What a tree is made of
#


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One line of the header. Two trees fit each other if their entries are equal."""

    path: str
    kind: str  # "array", "key": data. "scalar", "other": a description in `value`.
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    value: str | None = None

    def is_data(self) -> bool:
        return self.kind in ("array", "key")

    def __str__(self) -> str:
        if self.is_data():
            return f"{self.kind} {self.dtype}{list(self.shape or ())}"
        text = self.value or ""
        return text if len(text) <= 100 else f"{text[:60]} ... {text[-36:]}"


class _Inventory(NamedTuple):
    entries: list[_Entry]
    leaves: list[tuple[str, Any]]  # path and value of every leaf, in the order of the tree


def _children(node: Any) -> list[tuple[Any, Any]] | None:
    """The direct children of a node with their keys; None if the node is a leaf."""
    children = jtu.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)[0]
    if len(children) == 1 and children[0][0] == ():
        return None
    return children


def _inventory(tree: Any) -> _Inventory:
    entries, leaves, seen = [], [], {}

    def name(keys) -> str:
        # Custom nodes may repeat a key; a number makes the paths unique again.
        path = jtu.keystr(keys) or "(root)"
        seen[path] = seen.get(path, 0) + 1
        return path if seen[path] == 1 else f"{path} #{seen[path]}"

    def visit(keys, node) -> None:
        children = _children(node)
        if children is None:
            path = name(keys)
            entries.append(_leaf_entry(path, node))
            leaves.append((path, node))
            return
        if dataclasses.is_dataclass(node):
            # Two modules can have the same leaves, or none, and compute different things.
            # The module a class lives in may change, its name hardly does: only the name counts.
            class_name = f"class {type(node).__qualname__}"
            entries.append(_Entry(name(keys), "other", value=class_name))
            for field, value in _static_fields(node, children):
                path = name((*keys, jtu.GetAttrKey(field)))
                entries.append(_Entry(path, "other", value=f"static {_describe(value)}"))
        for key, child in children:
            visit(keys + key, child)

    visit((), tree)
    return _Inventory(entries, leaves)


def _static_fields(node: Any, children: list[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass that are part of the tree's structure, not children."""
    keys = [key[0] for key, _ in children]
    names = [key.name for key in keys if isinstance(key, jtu.GetAttrKey)]
    if len(names) != len(keys):
        return  # a class with its own flattening: its children cannot be told from its fields
    for field in dataclasses.fields(node):
        if field.name not in names and hasattr(node, field.name):
            yield field.name, getattr(node, field.name)


def _leaf_entry(path: str, leaf: Any) -> _Entry:
    if isinstance(leaf, jax.core.Tracer):
        raise TypeError(
            f"The leaf {path} is traced: {leaf}. Checkpoints hold values. "
            "Call save and load outside of jit, grad, vmap and scan."
        )
    if _is_key(leaf):
        return _Entry(path, "key", tuple(leaf.shape), leaf.dtype.name)
    if _is_array(leaf):
        dtype = np.dtype(leaf.dtype)
        if dtype.kind not in "biufc" and not _is_extended(dtype):
            raise TypeError(
                f"The leaf {path} is an array of dtype {dtype}. Checkpoints hold arrays of bools, "
                "integers, floats, complex numbers and PRNG keys. Convert it, take it out of the "
                "tree, or put it into metadata as a list."
            )
        return _Entry(path, "array", tuple(leaf.shape), dtype.name)
    if isinstance(leaf, np.ndarray):
        raise TypeError(
            f"The leaf {path} is a {type(leaf).__name__}, which holds more than its numbers. "
            "Checkpoints hold plain numpy arrays. Convert it with numpy.array."
        )
    kind = "scalar" if isinstance(leaf, bool | int | float | complex | str) else "other"
    return _Entry(path, kind, value=_describe(leaf))


def _is_array(leaf: Any) -> bool:
    """Whether the leaf is data; a PRNG key is."""
    if isinstance(leaf, np.ndarray):
        # A masked array or a matrix would come back as something else.
        return type(leaf) in (np.ndarray, np.memmap)
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.generic)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and jnp.issubdtype(
        leaf.dtype, jax.dtypes.prng_key
    )


def _is_extended(dtype: np.dtype) -> bool:
    """bfloat16, float8 and their like, which numpy's file format cannot name."""
    return dtype.isbuiltin == 2


def _describe(value: Any) -> str:
    """A text that is equal in every process for equal values.

    Objects that say nothing about themselves are described by their type alone.
    """
    name = type(value).__name__
    if value is None or value is Ellipsis:
        return repr(value)
    if isinstance(value, enum.Enum):
        return f"{_qualified(type(value))}.{value.name}"
    if type(value) in (bool, int, float, complex, str, bytes):
        return f"{name} {value!r}"
    if isinstance(value, np.dtype):
        return f"dtype {value.name}"
    if isinstance(value, np.ndarray | np.generic):
        return f"numpy {value.dtype}{list(value.shape)} {value.tolist()}"
    if isinstance(value, list | tuple):
        return f"{name} ({', '.join(map(_describe, value))})"
    if isinstance(value, set | frozenset):
        return f"{name} {{{', '.join(sorted(map(_describe, value)))}}}"
    if isinstance(value, dict):
        items = sorted(f"{_describe(key)}: {_describe(item)}" for key, item in value.items())
        return f"{name} {{{', '.join(items)}}}"
    if isinstance(value, functools.partial):
        arguments = _describe((value.args, value.keywords))
        return f"{name} of {_describe(value.func)} with {arguments}"
    if isinstance(value, types.MethodType):
        return f"method {value.__func__.__qualname__} of {_describe(value.__self__)}"
    if isinstance(value, type):
        return f"class {_qualified(value)}"
    if callable(value) and hasattr(value, "__name__"):
        return f"function {_qualified(value)}"
    if dataclasses.is_dataclass(value):
        fields = {
            field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)
        }
        return f"{_qualified(type(value))} with {_describe(fields)}"
    return f"object of class {_qualified(type(value))}"


def _qualified(thing: Any) -> str:
    """Module and name of a class or function, without what may change between versions."""
    module = getattr(thing, "__module__", None) or ""
    if module == "__main__":
        module = _main_name()
    # Libraries move their functions between private modules: `jax._src.nn` is `jax` here.
    parts = []
    for part in module.split("."):
        if part.startswith("_"):
            break
        parts.append(part)
    name = getattr(thing, "__qualname__", None) or thing.__name__
    return f"{'.'.join(parts)}:{name}"


def _main_name() -> str:
    """The name under which the running script would be imported."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name
    return pathlib.Path(getattr(main, "__file__", None) or "").stem


#
# Saving
#


def save(
    path: str | os.PathLike[str], tree: PyTree, metadata: Mapping[str, Any] | None = None
) -> None:
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
    inventory = _inventory(tree)
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


def _header(inventory: _Inventory, metadata: dict[str, Any]) -> dict[str, Any]:
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
        "format": _FORMAT,
        "version": _VERSION,
        "written_by": {name: _package_version(name) for name in ("snnjax", "jax", "numpy")},
        "entries": entries,
        "metadata": metadata,
    }


def _package_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


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


def _write_archive(file: BinaryIO, header: bytes, inventory: _Inventory) -> None:
    leaves = dict(inventory.leaves)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = _SEAL + b"0" * _DIGEST_SIZE
        # ZipInfo has a fixed date: the same tree gives the same bytes.
        archive.writestr(zipfile.ZipInfo(_HEADER), header)
        for index, entry in enumerate(inventory.entries):
            if entry.is_data():
                info = zipfile.ZipInfo(f"{index}.npy")
                with archive.open(info, "w", force_zip64=True) as member:
                    array = _raw(leaves[entry.path])
                    np.lib.format.write_array(member, array, allow_pickle=False)
    digest = _digest(file)
    file.seek(-_DIGEST_SIZE, os.SEEK_END)
    file.write(digest)


def _raw(leaf: Any) -> np.ndarray:
    """The values of a leaf as an array of a dtype that numpy's file format knows."""
    array = np.asarray(jr.key_data(leaf) if _is_key(leaf) else leaf, order="C")
    if _is_extended(array.dtype):
        return array.view(_raw_dtype(array.dtype))
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _raw_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * dtype.itemsize}") if _is_extended(dtype) else dtype


def _digest(file: BinaryIO) -> bytes:
    """The checksum of a whole file except for the place of the checksum, its last bytes."""
    remaining = file.seek(0, os.SEEK_END) - _DIGEST_SIZE
    file.seek(0)
    digest = hashlib.sha256()
    while remaining > 0:
        chunk = file.read(min(_CHUNK, remaining))
        if not chunk:
            break  # the file became shorter: the checksum will not match
        digest.update(chunk)
        remaining -= len(chunk)
    return digest.hexdigest().encode()


def _sync_folder(folder: pathlib.Path) -> None:
    """Makes the new name survive a power cut; not every system and file system can."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


#
# Loading
#


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
    wanted = _inventory(like)
    with _open(path) as file:
        with _interpreting(path):
            archive = zipfile.ZipFile(file)
            header = _read_header(archive, path)
            lines = {line["path"]: line for line in header["entries"]}
            found = [_entry(line) for line in header["entries"]]
        # Shapes are compared before any array is made: the file cannot ask for much memory.
        _check_equal(path, found, wanted.entries)
        with _interpreting(path):
            stored = {
                leaf_path: _read_leaf(archive, lines[leaf_path], leaf)
                for leaf_path, leaf in wanted.leaves
                if _is_array(leaf)
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
    with _open(path) as file, _interpreting(path):
        return _read_header(zipfile.ZipFile(file), path)["metadata"]


@contextlib.contextmanager
def _open(path: pathlib.Path) -> Iterator[BinaryIO]:
    """The file, after its checksum was found to be right."""
    if not path.exists():
        where = "is there" if path.parent.is_dir() else "does not exist"
        raise FileNotFoundError(
            errno.ENOENT,
            f"There is no checkpoint of this name; its folder {where}. A file written by "
            "snnjax.checkpoint.save is needed. Check the name, its ending included",
            str(path),
        )
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _DIGEST_SIZE - len(_SEAL), 0))
        tail = file.read()
        if not tail.startswith(_SEAL):
            raise CheckpointError(
                f"{path} ({size} bytes) does not end with the checksum of a checkpoint. It is "
                "another kind of file, or was cut off. Only files written by "
                "snnjax.checkpoint.save can be loaded, unchanged: copy it again, or load an "
                "earlier checkpoint."
            )
        if _digest(file) != tail.removeprefix(_SEAL):
            raise CheckpointError(
                f"{path} is damaged: its checksum does not match. Only unchanged files can be "
                "loaded: copy it again, or load an earlier checkpoint."
            )
        yield file


@contextlib.contextmanager
def _interpreting(path: pathlib.Path) -> Iterator[None]:
    """Tells of a file with a right checksum that `save` cannot have written.

    Such a file was made on purpose, and the readers of zip, JSON and numpy raise all sorts of
    errors for what it may hold.
    """
    try:
        yield
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path} is not a checkpoint of snnjax ({type(error).__name__}: {error}). Only files "
            "written by snnjax.checkpoint.save can be loaded: save the tree again."
        ) from error


def _open_member(archive: zipfile.ZipFile, name: str):
    info = archive.getinfo(name)
    # A compressed member could be far larger than the file.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"the member {name} is compressed")
    return archive.open(info)


def _read_header(archive: zipfile.ZipFile, path: pathlib.Path) -> dict[str, Any]:
    with _open_member(archive, _HEADER) as member:
        header = json.loads(member.read())
    if header["format"] != _FORMAT:
        raise ValueError(f"its format is {header['format']!r}, not {_FORMAT!r}")
    if type(header["version"]) is not int or type(header["metadata"]) is not dict:
        raise ValueError("its header is malformed")
    if header["version"] > _VERSION:
        raise CheckpointError(
            f"{path} has version {header['version']} of the checkpoint format, written by snnjax "
            f"{header.get('written_by', {}).get('snnjax', 'unknown')}. This snnjax "
            f"({_package_version('snnjax')}) reads versions up to {_VERSION}. Install a newer "
            "snnjax, or save the checkpoint with this one."
        )
    return header


def _entry(line: dict[str, Any]) -> _Entry:
    shape = line.get("shape")
    return _Entry(
        line["path"],
        line["kind"],
        None if shape is None else tuple(shape),
        line.get("dtype"),
        line.get("value"),
    )


def _check_equal(path: pathlib.Path, found: list[_Entry], wanted: list[_Entry]) -> None:
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


class _Stored(NamedTuple):
    array: np.ndarray
    impl: str | None  # of a PRNG key


def _read_leaf(archive: zipfile.ZipFile, line: dict[str, Any], like: Any) -> _Stored:
    if _is_key(like):
        struct = jax.eval_shape(jr.key_data, jax.ShapeDtypeStruct(like.shape, like.dtype))
        array = _read_array(archive, line["member"], struct.shape, np.dtype(struct.dtype))
        return _Stored(array, line["impl"])
    dtype = np.dtype(like.dtype)
    raw_dtype = _raw_dtype(dtype)
    native = raw_dtype.newbyteorder("=")
    array = _read_array(archive, line["member"], tuple(like.shape), native)
    if _is_extended(dtype):
        return _Stored(array.view(dtype), None)
    return _Stored(array.astype(dtype, copy=False), None)


def _read_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    """One `.npy` member, which must have exactly this shape and dtype.

    The numbers are copied and never unpickled; objects are refused by their dtype.
    """
    with _open_member(archive, name) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"the member {name} has version {version} of numpy's format")
        stored_shape, fortran_order, stored_dtype = np.lib.format.read_array_header_1_0(member)
        stored_dtype = np.dtype(stored_dtype)
        same_dtype = stored_dtype.newbyteorder("=") == dtype and not stored_dtype.hasobject
        if stored_shape != shape or not same_dtype:
            raise ValueError(
                f"the member {name} is {stored_dtype}{list(stored_shape)}, not what the header says"
            )
        flat = np.empty(math.prod(shape), stored_dtype)
        _read_into(member, flat.view(np.uint8))
        array = flat.reshape(shape, order="F" if fortran_order else "C")
        return np.asarray(array.astype(dtype, copy=False), order="C")


def _read_into(member: Any, target: np.ndarray) -> None:
    position = 0
    while position < target.size:
        chunk = member.read(min(_CHUNK, target.size - position))
        if not chunk:
            raise ValueError("an array is cut off")
        target[position : position + len(chunk)] = np.frombuffer(chunk, np.uint8)
        position += len(chunk)
    if member.read(1):  # reading to the end also makes zipfile compare its own checksum
        raise ValueError("an array is longer than its shape says")


def _restore(path: str, stored: _Stored, like: Any) -> Any:
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
