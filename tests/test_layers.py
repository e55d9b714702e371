"""Who may import whom: the layer table of the README, read from the code."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SLMCODE = Path(__file__).parent.parent / "slmcode"
ROWS = {
    **dict.fromkeys(("cli",), 5),
    **dict.fromkeys(("lsp",), 4),
    **dict.fromkeys(("features",), 3),
    **dict.fromkeys(("prompt", "index", "engine", "models", "refactor", "verify", "translate"), 2),
    **dict.fromkeys(("syntax",), 1),
    **dict.fromkeys(("text", "config", "trace", "network", "vocabulary", "__init__"), 0),
}
ANYWHERE = {"msgspec", "platformdirs"}
THIRD_PARTY = {
    "lsp": {"pygls", "lsprotocol", "cattrs"},
    "cli": {"typer", "rich"},
    "prompt": {"tiktoken"},
    "index": {"watchdog", "pathspec", "filelock"},
    "features": {"filelock", "psutil", "distributed"},
    "engine": {"llama_cpp", "numpy", "filelock"},
    "models": {"huggingface_hub", "gguf", "filelock", "numpy"},
    "refactor": {"rope"},
    "translate": {"fissix", "slmcode_runtime"},
    "syntax": {"tree_sitter", "tree_sitter_language_pack"},
}
MODULES = sorted(
    p for p in SLMCODE.rglob("*.py") if not {"samples", "slmcode_runtime"} & set(p.parts)
)


def package_of(path: Path) -> str:
    """The row's name for a module: its package, or its own name right under slmcode/."""
    first = path.relative_to(SLMCODE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Full names of the modules a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SLMCODE)))
def test_a_module_imports_only_from_rows_below(path: Path) -> None:
    package = package_of(path)
    assert package in ROWS, f"{package} has no row in the layer table"
    for name in imported(path):
        top, *rest = name.split(".")
        if top == "slmcode":
            other = rest[0] if rest and rest[0] in ROWS else "__init__"
            assert other == package or ROWS[other] < ROWS[package], f"{package} knows {name}"
        elif top not in sys.stdlib_module_names:
            allowed = ANYWHERE | THIRD_PARTY.get(package, set())
            assert top in allowed, f"{package} imports {name}"


RUNTIME = SLMCODE / "translate" / "runtime" / "slmcode_runtime"


@pytest.mark.parametrize("path", sorted(RUNTIME.glob("*.py")), ids=lambda p: p.name)
def test_what_users_ship_needs_only_the_standard_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names, f"{path.name} imports {name}"
