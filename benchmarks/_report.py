"""What every report says beside its numbers."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


class Page:
    """What is printed, kept for the report and the documentation; Markdown."""

    def __init__(self) -> None:
        self.text = ""

    def say(self, text: str) -> None:
        print(text, flush=True)
        self.text += text + "\n"


def commit() -> str:
    """The commit that was measured, marked if the tree was changed since; empty outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def write(folder: Path, name: str, report: dict[str, Any], page: Page) -> Path:
    """Write a report as JSON, with the machine, the versions, the commit, and what was printed."""
    installed = {package: metadata.version(package) for package in ("snnjax", "jax", "jaxlib", "equinox", "numpy")}
    about = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": {"processor": _processor(), "cores": os.cpu_count(), "machine": platform.machine()},
        "load_at_the_end": os.getloadavg()[0],
        "versions": installed | {"python": platform.python_version()},
        "commit": commit(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(about | report | {"page": page.text}, indent=2) + "\n")
    return path
