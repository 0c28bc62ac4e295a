"""Comparing what snnjax computes with what was recorded."""

import importlib
from typing import Any

import numpy as np

from ._case import Case

#: One module per library, each with a function `run(case) -> {name of an array in the file: array}`, or, where the
#: arrays agree only within limits of their own, `compare(case) -> what does not agree, a line each`.
LIBRARIES = (
    "aidotnet",
    "brainpy",
    "braintools",
    "brian2",
    "edifice",
    "norse",
    "sinabs",
    "snnax",
    "snntorch",
    "spikingjelly",
    "spyx",
)


class Unsupported(Exception):
    """A behaviour that snnjax does not have."""


def differences(case: Case, found: dict[str, Any]) -> list[str]:
    """What does not agree, a line each. Everything that was recorded must have been computed."""
    lines = []
    for name, wanted in case.expected.items():
        if name not in found:
            lines.append(f"{name}: not computed")
            continue
        got = np.asarray(found[name])
        if got.shape != wanted.shape:
            if got.size != wanted.size or got.size != 1:
                lines.append(f"{name}: shape {got.shape}, recorded {wanted.shape}")
                continue
            got = got.reshape(wanted.shape)
        if not np.allclose(got, wanted, rtol=case.tolerance, atol=case.tolerance, equal_nan=True):
            error = np.abs(got.astype(float) - wanted.astype(float))
            where = np.unravel_index(np.nanargmax(error), error.shape) if error.ndim else ()
            lines.append(f"{name}: differs by {np.nanmax(error):.3g} at {tuple(map(int, where))}")
    return lines


def check(case: Case) -> list[str]:
    """Run a case. Empty if all agrees; raises `Unsupported`."""
    if case.library not in LIBRARIES:
        raise Unsupported(f"no adapter for {case.library}")
    adapter = importlib.import_module(f".{case.library}", __package__)
    if hasattr(adapter, "compare"):
        return adapter.compare(case)
    return differences(case, adapter.run(case))
