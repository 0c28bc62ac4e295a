"""Installs what pictures and progress bars need, so that one command is one command."""

import importlib.metadata
import importlib.util
import subprocess
import sys

_MODULES = ("matplotlib", "tqdm")


def _requirements(extra: str) -> list[str]:
    """What `pip install snnjax[extra]` would install, as the package itself declares it."""
    lines = importlib.metadata.requires("snnjax") or []
    return [line.split(";")[0].strip() for line in lines if f"extra == '{extra}'" in line.replace('"', "'")]


def ensure_pictures() -> bool:
    """Whether pictures can be made; installs the `plot` extra if it is missing, and says so."""
    if all(importlib.util.find_spec(name) for name in _MODULES):
        return True
    requirements = _requirements("plot")
    print(f"pictures and progress bars need {' and '.join(_MODULES)}: installing (--no-plots does without)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *requirements], check=False)
    if done.returncode != 0:
        print(
            "the installation failed; going on without pictures. Later: python -m pip install 'snnjax[plot]'",
            file=sys.stderr,
        )
    importlib.invalidate_caches()
    return all(importlib.util.find_spec(name) for name in _MODULES)
