"""The file: a zip archive whose last bytes are the checksum of all others."""

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ._inventory import is_extended

FORMAT = "snnjax checkpoint"
VERSION = 1
HEADER = "header.json"
SEAL = b"sha256:"
DIGEST_SIZE = 64  # hexadecimal digits
CHUNK = 1 << 20


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded: a damaged file, or a file of another model.

    The message says what the file holds, what was expected, and what to do.
    """


def package_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def digest_of(file: BinaryIO) -> bytes:
    """The checksum of a whole file except for the place of the checksum, its last bytes."""
    remaining = file.seek(0, os.SEEK_END) - DIGEST_SIZE
    file.seek(0)
    digest = hashlib.sha256()
    while remaining > 0:
        chunk = file.read(min(CHUNK, remaining))
        if not chunk:
            break  # the file became shorter: the checksum will not match
        digest.update(chunk)
        remaining -= len(chunk)
    return digest.hexdigest().encode()


def raw_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * dtype.itemsize}") if is_extended(dtype) else dtype


@contextlib.contextmanager
def open_checked(path: pathlib.Path) -> Iterator[BinaryIO]:
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
        file.seek(max(size - DIGEST_SIZE - len(SEAL), 0))
        tail = file.read()
        if not tail.startswith(SEAL):
            raise CheckpointError(
                f"{path} ({size} bytes) does not end with the checksum of a checkpoint. It is "
                "another kind of file, or was cut off. Only files written by "
                "snnjax.checkpoint.save can be loaded, unchanged: copy it again, or load an "
                "earlier checkpoint."
            )
        if digest_of(file) != tail.removeprefix(SEAL):
            raise CheckpointError(
                f"{path} is damaged: its checksum does not match. Only unchanged files can be "
                "loaded: copy it again, or load an earlier checkpoint."
            )
        yield file


@contextlib.contextmanager
def interpreting(path: pathlib.Path) -> Iterator[None]:
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


def open_member(archive: zipfile.ZipFile, name: str):
    info = archive.getinfo(name)
    # A compressed member could be far larger than the file.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"the member {name} is compressed")
    return archive.open(info)


def read_header(archive: zipfile.ZipFile, path: pathlib.Path) -> dict[str, Any]:
    with open_member(archive, HEADER) as member:
        header = json.loads(member.read())
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {header['format']!r}, not {FORMAT!r}")
    if type(header["version"]) is not int or type(header["metadata"]) is not dict:
        raise ValueError("its header is malformed")
    if header["version"] > VERSION:
        raise CheckpointError(
            f"{path} has version {header['version']} of the checkpoint format, written by snnjax "
            f"{header.get('written_by', {}).get('snnjax', 'unknown')}. This snnjax "
            f"({package_version('snnjax')}) reads versions up to {VERSION}. Install a newer "
            "snnjax, or save the checkpoint with this one."
        )
    return header


def read_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """One `.npy` member, which must have exactly this shape and dtype.

    The numbers are copied and never unpickled; objects are refused by their dtype.
    """
    with open_member(archive, name) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"the member {name} has version {version} of numpy's format")
        stored_shape, fortran_order, stored_dtype = np.lib.format.read_array_header_1_0(member)
        stored_dtype = np.dtype(stored_dtype)
        same_dtype = stored_dtype.newbyteorder("=") == dtype and not stored_dtype.hasobject
        if stored_shape != shape or not same_dtype:
            raise ValueError(f"the member {name} is {stored_dtype}{list(stored_shape)}, not what the header says")
        flat = np.empty(math.prod(shape), stored_dtype)
        _read_into(member, flat.view(np.uint8))
        array = flat.reshape(shape, order="F" if fortran_order else "C")
        return np.asarray(array.astype(dtype, copy=False), order="C")


def _read_into(member: Any, target: np.ndarray) -> None:
    position = 0
    while position < target.size:
        chunk = member.read(min(CHUNK, target.size - position))
        if not chunk:
            raise ValueError("an array is cut off")
        target[position : position + len(chunk)] = np.frombuffer(chunk, np.uint8)
        position += len(chunk)
    if member.read(1):  # reading to the end also makes zipfile compare its own checksum
        raise ValueError("an array is longer than its shape says")
