"""The law of the layers, the size of files and functions, and words that no file may contain."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import transjet

ROOT = Path(__file__).parents[1]
PACKAGE = Path(transjet.__file__).parent

# From left to right: a module imports only from its left.
LAYERS = (
    "targets",
    "paths",
    "collocation",
    "pilot",
    "models",
    "equations",
    "optim",
    "train",
    "transport",
    "path_losses",
)
LAYERS += ("metrics", "diagnostics")
LEAVES = (
    "io",
    "plots",
    "config_checks",
    "config_methods",
    "config_plan",
    "config",
    "problems",
    "recipes",
    "sampler_checks",
    "sampler_base",
    "sampler",
    "robust",
    "cli",
)
ORDER = LAYERS + LEAVES
OPS_USERS = ("models", "equations", "optim")
# The environment report and the times of kernels are shown by the command line, and are about the backends; runs note
# the version that made them.
EXCEPTIONS = {
    ("cli", "transjet.backend.info"),
    ("cli", "transjet.ops.tuning"),
    ("cli", "transjet.__version__"),
    ("__main__", "transjet.cli"),
}

SOURCES = sorted(PACKAGE.rglob("*.py"))
SUFFIXES = (".py", ".cpp", ".h", ".cu", ".cuh", ".cmake")
FOLDERS = ("python", "csrc", "kernels", "cmake", "tests", "bench", "examples", "docs")


def layer_of(module: str) -> str:
    """The part below transjet: "models" for "transjet.models.mlp", "" for transjet itself."""
    return f"{module}.".split(".")[1]


def imports(tree: ast.AST) -> Iterator[str]:
    """Modules of transjet that a file imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports within transjet are absolute"
            names = [node.module or ""]
            if node.module == "transjet":
                names = [f"transjet.{alias.name}" for alias in node.names]
            elif node.module == "transjet.backend":
                names = [f"transjet.backend.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "transjet")


def allowed(importer: str, module: str) -> bool:
    """Whether code in layer `importer` may import `module`."""
    imported = layer_of(module)
    if importer in ("", imported) or imported == "errors" or (importer, module) in EXCEPTIONS:
        return True
    if imported == "backend":
        return importer == "ops"
    if imported == "ops":
        return importer in OPS_USERS
    return importer in ORDER and imported in ORDER[: ORDER.index(importer)]


def texts() -> Iterator[tuple[Path, str]]:
    """The project's own files of text."""
    for path in sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file()):
        if path.suffix in (*SUFFIXES, ".md", ".txt", ".toml", ".in", ".ipynb"):
            yield path, path.read_text(encoding="utf-8")
    for path in sorted(p for p in ROOT.iterdir() if p.is_file()):
        if path.suffix in (".md", ".txt", ".toml", ".py", ".cfg"):
            yield path, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_come_from_the_left(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    importer = "" if parts == ("__init__",) else parts[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wrong = sorted({module for module in imports(tree) if not allowed(importer, module)})
    assert not wrong, f"{importer} may not import {wrong}"


@pytest.mark.parametrize(
    ("importer", "module", "verdict"),
    [
        ("models", "transjet.targets", True),
        ("targets", "transjet.models.mlp", False),
        ("train", "transjet.ops", False),
        ("optim", "transjet.ops", True),
        ("models", "transjet.backend", False),
        ("backend", "transjet.ops", False),
        ("metrics", "transjet.io", False),
        ("cli", "transjet.sampler", True),
        ("io", "transjet.cli", False),
        ("cli", "transjet.backend.info", True),
        ("plots", "transjet.backend.info", False),
        ("unheard_of", "transjet.targets", False),
        ("backend", "transjet.errors", True),
    ],
)
def test_the_law_itself(importer: str, module: str, verdict: bool) -> None:
    assert allowed(importer, module) is verdict


def test_every_part_of_the_package_is_known() -> None:
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in SOURCES}
    assert parts <= {"__init__", "__main__", "errors", "ops", "backend", *ORDER}


def test_only_the_seam_touches_the_compiled_module_and_only_the_backend_knows_jax_inside() -> None:
    for path in SOURCES:
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(PACKAGE))
        assert "jax._src" not in text, name
        assert name == "backend/ffi.py" or "transjet._core" not in text, name
        if not name.startswith("backend/"):
            assert not re.search(r"\bjax\.ffi\b|\bimport triton\b|jax\.__version__|jax\.extend", text), name


def test_files_are_short() -> None:
    lengths = {path: text.count("\n") for path, text in texts() if path.suffix in SUFFIXES}
    too_long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 400}
    assert not too_long
    assert statistics.median(lengths.values()) <= 160


def test_functions_are_short() -> None:
    lengths = [
        node.end_lineno - node.body[0].lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    assert statistics.median(lengths) <= 12


# Brackets keep this file from containing what it looks for.
FORBIDDEN = (
    r"\bTOD[O]\b",
    r"\bFIXM[E]\b",
    r"\bXX[X]\b",
    r"/wor[k]/",
    r"/tm[p]/",
    r"/roo[t]/",
    r"\bshare[d]/",
    r"[p]ypi\.org",
)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_file_contains(pattern: str) -> None:
    found = [str(path.relative_to(ROOT)) for path, text in texts() if re.search(pattern, text)]
    assert not found


def test_every_package_has_tests() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    tested = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert packages <= tested
