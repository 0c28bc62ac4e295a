"""One golden file: what was recorded, and with which settings."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

#: Arrays that went into a recording; everything else in a file came out of it, and is compared.
_INPUTS = {
    "x",
    "W",
    "b",
    "W_in",
    "W_rec",
    "b_rec",
    "loss_w",
    "targets",
    "targets_pop",
    "data",
    "inp",
    "traces",
    "v_mem",
}
_INPUT_PREFIXES = ("init_", "param_", "W0", "W1", "W2", "b0", "b1", "b2", "I_")


class Case(NamedTuple):
    """A golden file. `arrays` are float64 where they are floating point, by their names in the file."""

    name: str
    library: str
    behaviour: str
    params: dict[str, Any]
    meta: dict[str, Any]
    arrays: dict[str, Any]

    @property
    def expected(self) -> dict[str, Any]:
        """What was recorded, and must come out again."""
        return {
            name: array
            for name, array in self.arrays.items()
            if name not in _INPUTS and not name.startswith(_INPUT_PREFIXES)
        }

    @property
    def tolerance(self) -> float:
        """Relative and absolute; two libraries cast spikes to float32 inside."""
        return 5e-6 if self.library in ("sinabs", "snntorch") else 1e-9


def read(path: Path) -> Case:
    """Read a golden file; nothing in it is unpickled."""
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        arrays = {name: file[name] for name in file.files if name != "meta"}
    arrays = {n: a.astype(np.float64) if np.issubdtype(a.dtype, np.floating) else a for n, a in arrays.items()}
    return Case(meta["name"], meta["behaviour"].split(".")[0], meta["behaviour"], meta["params"], meta, arrays)
