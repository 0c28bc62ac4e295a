"""Names that are imported when they are first used: most programs need few of the many models."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a module, some of whose names live elsewhere.

    **Arguments:**

    - `package`: the module's `__name__`.
    - `homes`: from names to the modules that define them, relative to the package of `snnjax`; a name that ends a
        module's own name is the module itself.

    **Returns:** the two functions.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name], "snnjax")
        value = module if homes[name] == f".{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)  # the next time it is found without this detour
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
