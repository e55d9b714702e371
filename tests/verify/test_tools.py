"""Other programs' diagnostics: their output read, and those that are here really run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmcode.verify import tools
from slmcode.verify.sandbox import Ran, SandboxRefused
from slmcode.verify.tools import Problem, configured, problems, tool_of


@pytest.mark.parametrize(
    ("source", "language", "tool"),
    [
        ("Ruff", "python", "ruff"),
        ("Pylance", "python", "pyright"),
        ("basedpyright", "python", "pyright"),
        ("mypy", "python", "mypy"),
        ("ts", "typescript", "tsc"),
        ("ts", "javascriptreact", "tsc"),
        ("compiler", "go", "go vet"),
        ("rust-analyzer", "rust", "cargo"),
        ("Java", "java", "javac"),
        ("clangd", "cpp", "gcc"),
        ("clang", "c", "gcc"),
        ("ts", "python", None),
        ("cSpell", "python", None),
        ("", "python", None),
    ],
)
def test_the_tool_behind_a_source(source: str, language: str, tool: str | None) -> None:
    assert tool_of(source, language) == tool


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        ({"mypy.ini": ""}, "mypy"),
        ({"pyproject.toml": "[tool.mypy]\nstrict = true\n"}, "mypy"),
        ({"setup.cfg": "[metadata]\n[mypy]\n"}, "mypy"),
        ({"pyrightconfig.json": "{}"}, "pyright"),
        ({"pyproject.toml": "[tool.pyright]\n"}, "pyright"),
        ({"pyproject.toml": "[tool.pyright]\n[tool.mypy]\n"}, "mypy"),
        ({"pyproject.toml": "[tool.ruff]\n"}, None),
        ({"pyproject.toml": "[tool.mypy\n"}, None),
        ({"pyproject.toml": 'tool = "mypy"\n'}, None),
        ({}, None),
    ],
)
def test_the_configured_type_checker(
    files: dict[str, str], tool: str | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert configured(tmp_path) == tool


FOLDER = Path("/w")
RUFF = """[{"cell": null, "code": "F401", "filename": "/w/a.py", "fix": null,
 "location": {"column": 8, "row": 1}, "message": "`os` imported but unused"},
 {"code": null, "filename": "/w/a.py", "location": {"column": 5, "row": 3},
 "message": "SyntaxError: Expected an expression"}]"""
PYRIGHT = """{"version": "1.1", "generalDiagnostics": [
 {"file": "/w/a.py", "severity": "error", "message": "\\"x\\" is not defined",
  "range": {"start": {"line": 2, "character": 4}, "end": {"line": 2, "character": 5}},
  "rule": "reportUndefinedVariable"},
 {"file": "/w/a.py", "severity": "information", "message": "hint",
  "range": {"start": {"line": 2, "character": 4}, "end": {"line": 2, "character": 5}}}]}"""
MYPY = """\
/w/a.py:3:5: error: Incompatible return value type (got "int", expected "str")  [return-value]
/w/a.py:3:5: note: See the documentation
a.py:4: error: invalid syntax
"""
TSC = """\
src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.
  Types of property are incompatible.
error TS18003: No inputs were found in config file.
"""
GO = """\
# example.com/p
./a.go:3:2: undefined: y
vet: ./a.go:3:2: undefined: y
a.go:5:1: missing return
"""
JAVAC = """\
src/A.java:3: error: cannot find symbol
        return y;
               ^
  symbol:   variable y
  location: class A
src/A.java:5: warning: [unchecked] unchecked cast
        return (T) x;
                   ^
  required: T
  found:    Object
1 error
1 warning
"""
GCC = """\
a.c: In function 'f':
a.c:3:12: error: 'y' undeclared (first use in this function)
a.c:3:12: note: each undeclared identifier is reported only once
a.c:4:1: warning: control reaches end of non-void function [-Wreturn-type]
a.c:1:10: fatal error: x.h: No such file or directory
"""
CARGO = """\
{"reason":"compiler-artifact","package_id":"p"}
{"reason":"compiler-message","manifest_path":"/w/Cargo.toml","message":{"level":"error","message":"cannot find value `y`","code":{"code":"E0425"},"spans":[{"is_primary":false,"file_name":"src/b.rs","line_start":1,"column_start":1},{"is_primary":true,"file_name":"src/lib.rs","line_start":3,"column_start":5}]}}
{"reason":"compiler-message","manifest_path":"/w/Cargo.toml","message":{"level":"error","message":"cannot find value `y`","code":{"code":"E0425"},"spans":[{"is_primary":true,"file_name":"src/lib.rs","line_start":3,"column_start":5}]}}
{"reason":"compiler-message","manifest_path":"/w/Cargo.toml","message":{"level":"warning","message":"1 warning emitted","code":null,"spans":[]}}
{"reason":"build-finished","success":false}
"""  # noqa: E501


@pytest.mark.parametrize(
    ("tool", "stdout", "found"),
    [
        (
            "ruff",
            RUFF,
            [
                ("a.py", 1, 8, "F401", "`os` imported but unused"),
                ("a.py", 3, 5, "", "SyntaxError: Expected an expression"),
            ],
        ),
        ("ruff", "[]", None),
        ("ruff", "ruff failed", None),
        ("pyright", PYRIGHT, [("a.py", 3, 5, "reportUndefinedVariable", '"x" is not defined')]),
        ("pyright", "{}", None),
        (
            "mypy",
            MYPY,
            [
                (
                    "a.py",
                    3,
                    5,
                    "return-value",
                    'Incompatible return value type (got "int", expected "str")',
                ),
                ("a.py", 4, 0, "", "invalid syntax"),
            ],
        ),
        ("mypy", "mypy: can't read file", None),
        (
            "tsc",
            TSC,
            [("src/a.ts", 3, 7, "TS2322", "Type 'string' is not assignable to type 'number'.")],
        ),
        ("go vet", GO, [("a.go", 3, 2, "", "undefined: y"), ("a.go", 5, 1, "", "missing return")]),
        (
            "javac",
            JAVAC,
            [
                (
                    "src/A.java",
                    3,
                    0,
                    "",
                    "cannot find symbol\nsymbol:   variable y\nlocation: class A",
                ),
                ("src/A.java", 5, 0, "unchecked", "unchecked cast\nrequired: T\nfound:    Object"),
            ],
        ),
        (
            "gcc",
            GCC,
            [
                ("a.c", 3, 12, "", "'y' undeclared (first use in this function)"),
                ("a.c", 4, 1, "-Wreturn-type", "control reaches end of non-void function"),
                ("a.c", 1, 10, "", "x.h: No such file or directory"),
            ],
        ),
        ("cargo", CARGO, [("src/lib.rs", 3, 5, "E0425", "cannot find value `y`")]),
        ("cargo", "error: no network", None),
    ],
)
def test_output_is_read(
    tool: str,
    stdout: str,
    found: list[tuple[str, int, int, str, str]] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*_: object, **__: object) -> Ran:
        return Ran(1, stdout, "", "", 0.1, (), "")

    monkeypatch.setattr(tools.sandbox, "run", run)
    monkeypatch.setitem(tools._COMMANDS, tool, lambda folder, path: ["x"])
    monkeypatch.setattr(tools, "_beside", lambda package, name: package / name)
    said = asyncio.run(problems(tool, FOLDER, FOLDER / "a", {}))
    wanted = found and [Problem(FOLDER / name, *rest) for name, *rest in found]
    assert said == wanted


@pytest.mark.parametrize(
    ("ran", "found"),
    [
        (Ran(0, "", "", "", 0.1, (), ""), []),
        (Ran(2, "", "mypy: error", "", 0.1, (), ""), None),
        (Ran(127, "", "not found", "", 0.1, (), ""), None),
        (Ran(None, "/w/a.py:1:1: error: x  [y]\n", "", "time", 90.0, (), ""), None),
        (SandboxRefused("no"), None),
    ],
)
def test_a_tool_that_fails_says_nothing(
    ran: Ran | SandboxRefused, found: list[Problem] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(*_: object, **__: object) -> Ran:
        if isinstance(ran, SandboxRefused):
            raise ran
        return ran

    monkeypatch.setattr(tools.sandbox, "run", run)
    monkeypatch.setitem(tools._COMMANDS, "mypy", lambda folder, path: ["x"])
    assert asyncio.run(problems("mypy", FOLDER, FOLDER / "a.py", {})) == found


def test_a_tool_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a.py"
    for tool in tools._COMMANDS:
        assert asyncio.run(problems(tool, tmp_path, path, {path: "x = 1\n"})) is None


def test_a_file_outside_of_the_folder(tmp_path: Path) -> None:
    assert asyncio.run(problems("ruff", tmp_path / "a", tmp_path / "b.py", {})) is None


def test_the_projects_own_tool_comes_first(tmp_path: Path) -> None:
    """A program of the project's environment, which prints what it is."""
    program = tmp_path / ".venv" / "bin" / "ruff"
    program.parent.mkdir(parents=True)
    answer = '[{"code":"X","filename":"/x","location":{"row":1,"column":2},"message":"mine"}]'
    program.write_text(f"#!/bin/sh\necho '{answer}'\nexit 1\n")
    program.chmod(0o755)
    path = tmp_path / "package" / "a.py"
    path.parent.mkdir()
    found = asyncio.run(problems("ruff", tmp_path, path, {path: ""}))
    assert found == [Problem(Path("/x"), 1, 2, "X", "mine")]


def really(
    tool: str, folder: Path, name: str, text: str, wanted: str, disk: str = ""
) -> list[Problem]:
    """What a tool that is here finds in a text that the disk does not have."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(disk)
    found = asyncio.run(problems(tool, folder, path, {path: text}))
    assert path.read_text() == disk
    assert found is not None, f"{tool} said nothing"
    assert [(p.path, p.line) for p in found] == [(path, 3)], found
    assert wanted in found[0].message
    return found


@pytest.fixture(autouse=True)
def own_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our environment's tools, as where it is activated."""
    here = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([here, os.environ["PATH"]]))


def works(tool: str) -> bool:
    """Whether it is there and starts: without its toolchain Rust's launcher does not."""
    version = {"javac": "-version"}.get(tool, "--version")
    try:
        return subprocess.run([tool, version], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize(
    ("tool", "name", "text", "code", "wanted"),
    [
        ("ruff", "a.py", "\n\nimport os\n", "F401", "`os` imported but unused"),
        ("mypy", "a.py", "\n\nx: int = ''\n", "assignment", "Incompatible types"),
        ("gcc", "a.c", "int f(void)\n{\n    return y;\n}\n", "", "undeclared"),
        ("gcc", "a.cpp", "int f()\n{\n    return y;\n}\n", "", "not declared"),
        (
            "javac",
            "p/A.java",
            "package p;\nclass A {\n    int f() { return y; }\n}\n",
            "",
            "variable y",
        ),
    ],
)
def test_real_tools(
    tool: str, name: str, text: str, code: str, wanted: str, tmp_path: Path
) -> None:
    if tool == "javac" and not works(tool):
        pytest.skip("no javac on PATH")
    assert really(tool, tmp_path, name, text, wanted)[0].code == code


def test_cargo_really(tmp_path: Path) -> None:
    if not works("cargo"):
        pytest.skip("no cargo on PATH that works")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "p"\nversion = "0.1.0"\n')
    text = "pub fn f() -> u8 {\n    let x = 1;\n    y\n}\n"
    path = tmp_path / "src" / "lib.rs"
    path.parent.mkdir()
    path.write_text("")
    found = asyncio.run(problems("cargo", tmp_path, path, {path: text}))
    assert found is not None
    assert ("E0425", 3) in [(p.code, p.line) for p in found]
    assert not (tmp_path / "target").exists()


def test_a_clean_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("import os\n")
    assert asyncio.run(problems("ruff", tmp_path, path, {path: "x = 1\n"})) == []
