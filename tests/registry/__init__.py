"""Entries of the registries, a file per family: `cells` (elementwise), `containers`, `surrogates`, `resets`."""

import importlib
import pkgutil
from typing import Any


def collected(kind: str) -> dict[str, Any]:
    """All entries of a kind, from every file of this package."""
    entries: dict[str, Any] = {}
    for module in pkgutil.iter_modules(__path__):
        found = getattr(importlib.import_module(f"{__name__}.{module.name}"), kind, {})
        assert not entries.keys() & found.keys()
        entries |= found
    return entries
