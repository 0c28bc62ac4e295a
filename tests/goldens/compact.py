"""Make the compact traces: `python -m tests.goldens.compact FOLDER` writes every behaviour once into `traces`.

The smallest file of each behaviour is taken. Left out is what follows from the rest (the drive before the neuron), or
what a shorter trace shows as well: long simulations keep every tenth sample of their states, or their first steps.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

TRACES = Path(__file__).parent / "traces"
LONGEST = 600  # steps of a trace without gradients


def compact(arrays: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a file that are kept."""
    arrays = {name: array for name, array in arrays.items() if not (name == "cur" and "W" in arrays)}
    if meta["behaviour"].startswith("brian2."):
        sampled = ("t_ms", "state_", "v_dt_quarter")
        return {name: array[::10] if name.startswith(sampled) else array for name, array in arrays.items()}
    steps = len(arrays.get("spikes", ()))
    if steps > LONGEST and "loss" not in arrays:
        return {name: array[:LONGEST] if len(array) == steps else array for name, array in arrays.items()}
    return arrays


def main() -> None:
    """Write the folder anew."""
    parser = argparse.ArgumentParser(prog="python -m tests.goldens.compact", description=__doc__)
    parser.add_argument("folder", type=Path)
    smallest: dict[str, Path] = {}
    for path in sorted(parser.parse_args().folder.glob("*.npz"), key=lambda path: (path.stat().st_size, path.name)):
        with np.load(path, allow_pickle=False) as file:
            behaviour = json.loads(str(file["meta"]))["behaviour"]
        smallest.setdefault(behaviour, path)
    TRACES.mkdir(exist_ok=True)
    for old in TRACES.glob("*.npz"):
        old.unlink()
    total = 0
    for path in smallest.values():
        with np.load(path, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            arrays = compact({name: file[name] for name in file.files if name != "meta"}, meta)
        np.savez_compressed(TRACES / path.name, meta=np.array(json.dumps(meta)), **arrays)
        total += (TRACES / path.name).stat().st_size
    print(f"{len(smallest)} behaviours, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
