"""Diagnostics of other programs, run again on files as they would be after an edit.

A tool is the project's own where its environment has one, else what PATH has, and runs in the
sandbox: type checkers load plugins, and `cargo check` runs build scripts; where the sandbox cannot
hold them those are left out. Tools that are not
there, fail or are stopped say nothing, which is None, not an empty list.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from slmcode.verify import sandbox
from slmcode.verify.sandbox import Limits, Ran, SandboxRefused
from slmcode.verify.which import which

_LIMITS = Limits(wall_s=90.0, output_kb=4096)
_BIN = (".venv/bin", "venv/bin", "env/bin", "node_modules/.bin")
_INI_BYTES = 200_000
# Nothing of a project's code or settings makes these run anything. Where there is no bubblewrap
# they are the only ones, and PATH's: nobody has said that the project's code may run.
_RUN_NO_CODE = ("ruff", "gcc", "javac", "tsc")


class Problem(msgspec.Struct, frozen=True):
    """One diagnostic. Line and column count from 1; 0 where the tool does not say them.

    `code` is the tool's name for this kind of problem, "" where it has none.
    """

    path: Path
    line: int
    column: int
    code: str
    message: str


# What editors call the source of a diagnostic, in lower case.
_SOURCES = {
    "ruff": "ruff",
    "pyright": "pyright",
    "basedpyright": "pyright",
    "pylance": "pyright",
    "mypy": "mypy",
    "dmypy": "mypy",
    "ts": "tsc",
    "typescript": "tsc",
    "tsc": "tsc",
    "tsserver": "tsc",
    "go": "go vet",
    "compiler": "go vet",  # gopls
    "go vet": "go vet",
    "vet": "go vet",
    "rustc": "cargo",
    "rust-analyzer": "cargo",
    "cargo": "cargo",
    "java": "javac",
    "javac": "javac",
    "clang": "gcc",
    "clangd": "gcc",
    "gcc": "gcc",
    "c/c++": "gcc",
    "cpptools": "gcc",
}
_LANGUAGES = {
    "ruff": ("python",),
    "pyright": ("python",),
    "mypy": ("python",),
    "tsc": ("typescript", "typescriptreact", "javascript", "javascriptreact"),
    "go vet": ("go",),
    "cargo": ("rust",),
    "javac": ("java",),
    "gcc": ("c", "cpp"),
}


def tool_of(source: str, language_id: str) -> str | None:
    """The tool that finds what `source` reports in that language; None where none is known."""
    tool = _SOURCES.get(source.strip().lower())
    return tool if tool is not None and language_id in _LANGUAGES[tool] else None


def configured(folder: Path) -> str | None:
    """The type checker of Python that the project has settings for: "mypy" or "pyright"."""
    if any((folder / name).is_file() for name in ("mypy.ini", ".mypy.ini")):
        return "mypy"
    tables = _tool_tables(folder)
    if "mypy" in tables or re.search(r"^\[mypy\]", _text(folder / "setup.cfg"), re.MULTILINE):
        return "mypy"
    if {"pyright", "basedpyright"} & tables or (folder / "pyrightconfig.json").is_file():
        return "pyright"
    return None


def _tool_tables(folder: Path) -> set[str]:
    try:
        found = tomllib.loads(_text(folder / "pyproject.toml")).get("tool")
    except tomllib.TOMLDecodeError:
        return set()
    return set(found) if isinstance(found, dict) else set()


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_INI_BYTES)
    except OSError:
        return ""


async def problems(
    tool: str, folder: Path, path: Path, overlay: Mapping[Path, str | None]
) -> list[Problem] | None:
    """What the tool reports of a file, and of others it looks at for that.

    `overlay` as for `sandbox.run`. None where the tool is not there or failed.
    """
    if not path.is_relative_to(folder):
        return None
    if not sandbox.is_closed() and tool not in _RUN_NO_CODE:
        return None
    command = _COMMANDS[tool](folder, path)
    if command is None:
        return None
    try:
        ran = await sandbox.run(command, folder, overlay=overlay, limits=_LIMITS)
    except SandboxRefused:
        return None
    if ran.stopped or ran.exit_code is None or ran.exit_code in (126, 127):
        return None
    try:
        found = [*_PARSERS[tool](ran, path.parent if tool == "go vet" else folder)]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
    return found if found or ran.exit_code == 0 else None


def _program(folder: Path, path: Path, *names: str) -> str | None:
    """The first of these programs in the project's environments, the nearest one, or on PATH."""
    around = [p for p in path.parents if p.is_relative_to(folder)] if sandbox.is_closed() else []
    for name in names:
        for each in around:
            for place in _BIN:
                if (each / place / name).is_file():
                    return str(each / place / name)
    return next((found for name in names if (found := which(name))), None)


def _ruff(folder: Path, path: Path) -> list[str] | None:
    program = _program(folder, path, "ruff")
    options = ("check", "--output-format", "json", "--no-cache", "--no-fix", "--force-exclude")
    return [program, *options, str(path)] if program else None


def _pyright(folder: Path, path: Path) -> list[str] | None:
    program = _program(folder, path, "pyright", "basedpyright")
    return [program, "--outputjson", str(path)] if program else None


def _mypy(folder: Path, path: Path) -> list[str] | None:
    program = _program(folder, path, "mypy")
    options = ["--show-error-codes", "--show-column-numbers", "--no-error-summary", "--no-pretty"]
    options += ["--no-color-output", "--hide-error-context", "--show-absolute-path"]
    return [program, *options, str(path)] if program else None


def _tsc(folder: Path, path: Path) -> str | None:
    program = _program(folder, path, "tsc")
    if program is None:
        return None
    around = [p for p in path.parents if p.is_relative_to(folder)]
    project = next((p for p in around if (p / "tsconfig.json").is_file()), None)
    options = ["--noEmit", "--pretty", "false"]
    if project is not None:
        return shlex.join([program, *options, "-p", str(project)])
    script = ["--allowJs", "--checkJs"] if path.suffix in (".js", ".jsx", ".mjs", ".cjs") else []
    return shlex.join([program, *options, *script, str(path)])


def _go(folder: Path, path: Path) -> str | None:
    program = _program(folder, path, "go")
    if program is None:
        return None
    return f"cd {shlex.quote(str(path.parent))} && {shlex.quote(program)} vet ."


def _cargo(folder: Path, path: Path) -> str | None:
    program = _program(folder, path, "cargo")
    around = [p for p in path.parents if p.is_relative_to(folder)]
    package = next((p for p in around if (p / "Cargo.toml").is_file()), None)
    if program is None or package is None:
        return None
    options = "check --offline --quiet --all-targets --message-format json"
    return f"cd {shlex.quote(str(package))} && {shlex.quote(program)} {options}"


_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)


def _javac(folder: Path, path: Path) -> list[str] | None:
    program = _program(folder, path, "javac")
    if program is None:
        return None
    found = _PACKAGE.search(_text(path))
    depth = len(found[1].split(".")) if found else 0
    root = path.parents[depth] if depth < len(path.parents) else path.parent
    options = ("-proc:none", "-Xlint:all", "-Xdiags:verbose", "-Xmaxerrs", "1000", "-d", "/tmp")
    return [program, *options, "-sourcepath", str(root), str(path)]


_CPP = (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx")


def _gcc(folder: Path, path: Path) -> list[str] | None:
    is_cpp = path.suffix in _CPP
    names = ("g++", "clang++") if is_cpp else ("gcc", "clang")
    program = _program(folder, path, *names)
    if program is None:
        return None
    options = ["-fsyntax-only", "-Wall", "-Wextra", "-fno-diagnostics-show-caret"]
    options += ["-fno-diagnostics-color", "-x", "c++" if is_cpp else "c"]
    for place in (folder, folder / "include", folder / "src"):
        if place.is_dir():
            options += ["-I", str(place)]
    return [program, *options, str(path)]


_COMMANDS: dict[str, Callable[[Path, Path], Sequence[str] | str | None]] = {
    "ruff": _ruff,
    "pyright": _pyright,
    "mypy": _mypy,
    "tsc": _tsc,
    "go vet": _go,
    "cargo": _cargo,
    "javac": _javac,
    "gcc": _gcc,
}


def _read_ruff(ran: Ran, folder: Path) -> Iterator[Problem]:
    for row in msgspec.json.decode(ran.stdout):
        at = row["location"]
        code = row["code"] or ""
        yield Problem(Path(row["filename"]), at["row"], at["column"], code, row["message"])


def _read_pyright(ran: Ran, folder: Path) -> Iterator[Problem]:
    for row in msgspec.json.decode(ran.stdout)["generalDiagnostics"]:
        if row["severity"] == "information":
            continue
        at = row["range"]["start"]
        path, code = Path(row["file"]), row.get("rule", "")
        yield Problem(path, at["line"] + 1, at["character"] + 1, code, row["message"])


_MYPY = re.compile(
    r"^(?P<path>.+?):(?P<line>\d+):(?:(?P<column>\d+):)? error: (?P<message>.*?)"
    r"(?:  \[(?P<code>[\w-]+)\])?$",
    re.MULTILINE,
)
_TSC = re.compile(
    r"^(?P<path>[^\s(][^(\n]*)\((?P<line>\d+),(?P<column>\d+)\): \w+ (?P<code>TS\d+): "
    r"(?P<message>.*)$",
    re.MULTILINE,
)
_GO = re.compile(
    r"^(?:vet: )?(?P<path>[^\s:#][^:\n]*\.go):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.*)$",
    re.MULTILINE,
)
_JAVAC = re.compile(
    r"^(?P<path>[^\s:][^:\n]*\.java):(?P<line>\d+): (?:error|warning|note): "
    r"(?:\[(?P<code>[\w-]+)\] )?(?P<message>.*(?:\n(?:  .*|(?:required|found|reason):.*))*)",
    re.MULTILINE,
)
_GCC = re.compile(
    r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:(?P<column>\d+):)? (?:fatal )?(?:error|warning): "
    r"(?P<message>.*?)(?: \[(?P<code>-W[\w=+-]+)\])?$",
    re.MULTILINE,
)


def _reader(pattern: re.Pattern[str]) -> Callable[[Ran, Path], Iterator[Problem]]:
    """Reads lines of text; paths are relative to the folder the tool ran in."""

    def read(ran: Ran, folder: Path) -> Iterator[Problem]:
        for found in pattern.finditer(ran.stdout + "\n" + ran.stderr):
            row: dict[str, Any] = found.groupdict()
            column = int(row.get("column") or 0)
            message = "\n".join(_message(row["message"].split("\n")))
            path = folder / row["path"]
            yield Problem(path, int(row["line"]), column, row.get("code") or "", message)

    return read


def _message(lines: list[str]) -> Iterator[str]:
    """What a message says, without the line of source that javac shows in it."""
    yield lines[0].strip()
    for line in lines[1:]:
        if re.match(r"\s*(?:symbol|location|required|found|reason)\s*:", line):
            yield line.strip()


def _read_go(ran: Ran, folder: Path) -> Iterator[Problem]:
    seen = set()
    for problem in _reader(_GO)(ran, folder):
        if problem not in seen:
            seen.add(problem)
            yield problem


def _read_cargo(ran: Ran, folder: Path) -> Iterator[Problem]:
    seen = set()
    for line in ran.stdout.splitlines():
        if not line.startswith("{"):
            continue
        row = msgspec.json.decode(line)
        if row.get("reason") != "compiler-message":
            continue
        message = row["message"]
        spans = [span for span in message["spans"] if span["is_primary"]]
        if message["level"] not in ("error", "warning") or not spans:
            continue
        package = Path(row["manifest_path"]).parent
        at = spans[0]
        code = (message["code"] or {}).get("code", "")
        path = _beside(package, at["file_name"])
        problem = Problem(path, at["line_start"], at["column_start"], code, message["message"])
        if problem not in seen:  # one for each target that holds the file
            seen.add(problem)
            yield problem


def _beside(package: Path, name: str) -> Path:
    """The file that rustc names from the workspace's root, which is the package or above it."""
    return next((p / name for p in (package, *package.parents) if (p / name).exists()), Path(name))


_PARSERS: dict[str, Callable[[Ran, Path], Iterator[Problem]]] = {
    "ruff": _read_ruff,
    "pyright": _read_pyright,
    "mypy": _reader(_MYPY),
    "tsc": _reader(_TSC),
    "go vet": _read_go,
    "cargo": _read_cargo,
    "javac": _reader(_JAVAC),
    "gcc": _reader(_GCC),
}
