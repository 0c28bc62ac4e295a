"""What a tree is made of: data, and descriptions of everything else."""

import dataclasses
import enum
import functools
import pathlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
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


class Inventory:
    """All entries and leaves of a tree, in its order."""

    def __init__(self, tree: Any):
        self.entries: list[Entry] = []
        self.leaves: list[tuple[str, Any]] = []  # paths and values
        self._times_used: dict[str, int] = {}
        self._visit((), tree)

    def _visit(self, keys: tuple[Any, ...], node: Any) -> None:
        children = _children(node)
        if children is None:
            path = self._name(keys)
            self.entries.append(_leaf_entry(path, node))
            self.leaves.append((path, node))
            return
        if dataclasses.is_dataclass(node):
            # Two modules can have the same leaves, or none, and compute different things.
            # The module a class lives in may change, its name hardly does: only the name counts.
            self._note(keys, f"class {type(node).__qualname__}")
            for field, value in _static_fields(node, children):
                self._note((*keys, jtu.GetAttrKey(field)), f"static {_describe(value)}")
        elif isinstance(node, functools.partial):  # jax.tree_util.Partial: all but its arguments
            self._note(keys, f"{type(node).__name__} of {_describe(node.func)}")
        for key, child in children:
            self._visit(keys + key, child)

    def _note(self, keys: tuple[Any, ...], description: str) -> None:
        self.entries.append(Entry(self._name(keys), "other", value=description))

    def _name(self, keys: tuple[Any, ...]) -> str:
        # Custom nodes may repeat a key; a number makes the paths unique again.
        path = jtu.keystr(keys) or "(root)"
        times = self._times_used[path] = self._times_used.get(path, 0) + 1
        return path if times == 1 else f"{path} #{times}"


def _children(node: Any) -> list[tuple[Any, Any]] | None:
    """The direct children of a node with their keys; None if the node is a leaf."""
    children = jtu.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)[0]
    if len(children) == 1 and children[0][0] == ():
        return None
    return children


def _static_fields(node: Any, children: list[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass that are part of the tree's structure, not children."""
    keys = [key[0] for key, _ in children]
    names = [key.name for key in keys if isinstance(key, jtu.GetAttrKey)]
    if len(names) != len(keys):
        return  # a class with its own flattening: its children cannot be told from its fields
    for field in dataclasses.fields(node):
        if field.name not in names and hasattr(node, field.name):
            yield field.name, getattr(node, field.name)


def _leaf_entry(path: str, leaf: Any) -> Entry:
    if isinstance(leaf, jax.core.Tracer):
        raise TypeError(
            f"The leaf {path} is traced: {leaf}. Checkpoints hold values. "
            "Call save and load outside of jit, grad, vmap and scan."
        )
    if is_key(leaf):
        return Entry(path, "key", tuple(leaf.shape), leaf.dtype.name)
    if is_array(leaf):
        dtype = np.dtype(leaf.dtype)
        if dtype.kind not in "biufc" and not is_extended(dtype):
            raise TypeError(
                f"The leaf {path} is an array of dtype {dtype}. Checkpoints hold arrays of bools, "
                "integers, floats, complex numbers and PRNG keys. Convert it, take it out of the "
                "tree, or put it into metadata as a list."
            )
        return Entry(path, "array", tuple(leaf.shape), dtype.name)
    if isinstance(leaf, np.ndarray):
        raise TypeError(
            f"The leaf {path} is a {type(leaf).__name__}, which holds more than its numbers. "
            "Checkpoints hold plain numpy arrays. Convert it with numpy.array."
        )
    kind = "scalar" if isinstance(leaf, bool | int | float | complex | str) else "other"
    return Entry(path, kind, value=_describe(leaf))


def is_array(leaf: Any) -> bool:
    """Whether the leaf is data; a PRNG key is."""
    if isinstance(leaf, np.ndarray):
        # A masked array or a matrix would come back as something else.
        return type(leaf) in (np.ndarray, np.memmap)
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.generic)


def is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def is_extended(dtype: np.dtype) -> bool:
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
    base: Any
    for base in (bool, int, float, complex, str, bytes):
        if isinstance(value, base) and not isinstance(value, np.generic):
            name = name if type(value) is base else _qualified(type(value))
            return f"{name} {base.__repr__(value)}"
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
        fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        return f"{_qualified(type(value))} with {_describe(fields)}"
    return f"object of class {_qualified(type(value))}"


def _qualified(thing: Any) -> str:
    """Module and name of a class or function, without what may change between versions."""
    module = getattr(thing, "__module__", None) or ""
    if module == "__main__":
        module = _main_name()
    # Libraries move their functions between private modules: of `a._b.c` only `a` counts.
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
