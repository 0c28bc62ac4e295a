"""The shape of the package: imports go down, and nothing optional is imported."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "snnjax"

# From the bottom up: a module may import from modules further up this list only.
LAYERS = [
    ["_types", "_errors", "_progress", "_lazy", "_primitive", "checkpoint"],
    ["_parameter"],
    ["_misc"],
    ["_kernel", "_events"],
    ["_statistics"],
    ["_surrogate", "_reset", "_cell", "_loop", "_order", "_integrator", "_scale"],
    ["_delay", "_whole_sequence"],
    ["_unroll", "_container", "_delayed_linear", "_spike", "_synapse"],
    ["_neuron"],
    ["_probe", "functional", "plan", "stream"],
    ["_tap"],
    ["_gradients"],
    ["data", "decode", "encode", "export"],
    ["_penalties"],
    ["losses"],
    ["metrics", "plot"],
    ["init", "train"],
    ["nn"],
    ["cli", "models"],
    ["__init__"],
    ["compat"],
]
RANK = {name: i for i, names in enumerate(LAYERS) for name in names}


def _top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The top-level modules of the package that a file imports."""
    inside = path.relative_to(PACKAGE).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = inside[: len(inside) - (node.level - 1)]
            parts = [*base, *(node.module.split(".") if node.module else [])]
            names |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("snnjax"):
            raise AssertionError(f"{path}: import from inside the package with a relative import")
    return names


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = _top(path)
    for name in _imported(path) - {here}:
        assert RANK[name] < RANK[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_short_and_public_rooms_only(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert "eqx.internal" not in text
    assert "jax._src" not in text
    assert "pickle" not in text.replace("allow_pickle=False", "").replace("unpickle", "")


def test_import_takes_nothing_optional_along():
    code = (
        "import sys, jax, equinox; before = set(sys.modules); import snnjax; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "snnjax" in loaded
    optional = {
        "matplotlib",
        "tqdm",
        "optax",
        "sklearn",
        "aeon",
        "nir",
        "pandas",
        "chex",
        "IPython",
    }
    assert not loaded & optional


def test_public_names_are_documented():
    import snnjax

    for name in dir(snnjax):
        value = getattr(snnjax, name)
        if not name.startswith("_") and "snnjax" in str(getattr(value, "__module__", value)):
            assert value.__doc__, name


@pytest.mark.parametrize("file", ["__init__.py", "functional.py"])
def test_lazy_names_are_those_that_type_checkers_see(file):
    tree = ast.parse((PACKAGE / file).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    (table,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    seen = {
        alias.name: f".{node.module}" if node.module else f".{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == ast.literal_eval(table)
