"""Every example in the README, in docs/ and in docstrings runs."""

import ast
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.mark.parametrize("page", ["README.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))])
def test_pages(page, tmp_path, monkeypatch):
    """The blocks of a page run one after the other, as a reader would."""
    path = ROOT / page if page == "README.md" else ROOT / "docs" / page
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page}
    for block in BLOCK.findall(path.read_text()):
        exec(compile(block, page, "exec"), namespace)


def _docstrings():
    import snnjax

    for info in pkgutil.walk_packages(snnjax.__path__, "snnjax."):
        if info.name == "snnjax.data._make":
            continue
        source = Path(inspect.getsourcefile(__import__(info.name, fromlist=["_"]))).read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                for i, block in enumerate(BLOCK.findall(ast.get_docstring(node) or "")):
                    name = getattr(node, "name", "module")
                    yield pytest.param(block, id=f"{info.name}.{name}-{i}")


@pytest.mark.parametrize("block", list(_docstrings()))
def test_docstrings(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docstring", "exec"), {"__name__": "docstring"})


def test_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
