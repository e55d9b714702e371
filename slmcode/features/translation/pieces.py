"""A source in units for translation by a model: functions, and the program that calls them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import Definition, outline

_KINDS = ("function", "method")
_PROGRAM = {
    "c": r"\bmain\s*\(",
    "pascal": r"(?im)^\s*program\b|^begin\b.*?^end\s*\.",
    "fortran": r"(?im)^[ \t]+program\b",
}
_NO_CASE = ("pascal", "fortran")
_NOT_OURS = re.compile(  # what a Perl module has at its top and is no work
    r"^\s*(?:#.*|use\b.*|no\b.*|package\b.*|our\b.*|1;|__END__|\}|\{|)$"
)
_C_TYPES = {
    "python": {"int": "int", "long": "int", "unsigned": "int", "double": "float", "float": "float"},
    "go": {"int": "int", "long": "int64", "unsigned": "uint32", "double": "float64"},
    "java": {"int": "int", "long": "long", "double": "double", "float": "float"},
    "rust": {"int": "i32", "long": "i64", "unsigned": "u32", "double": "f64", "float": "f32"},
    "typescript": dict.fromkeys(("int", "long", "unsigned", "double", "float"), "number"),
}
_C_HEADER = re.compile(r"^(?:static\s+|inline\s+)*(\w+)\s+(\w+)\s*\(([^()]*)\)$")
_PASCAL_HEADER = re.compile(r"(?is)^(?:function|procedure)\s+(\w+)\s*(?:\(([^()]*)\))?")
_FORTRAN_HEADER = re.compile(r"(?is)\b(?:function|subroutine)\s+(\w+)\s*(?:\(([^()]*)\))?")
_WORD = re.compile(r"\w+")


class Piece(NamedTuple):
    """A unit of a source. Lines count from 0, the end is exclusive."""

    name: str
    kind: str  # "function" or "program"
    code: str
    lines: tuple[int, int]
    calls: tuple[str, ...] = ()
    header: str = ""  # of its translation, "" where it is free


def whole(text: str, name: str) -> Piece:
    """All of the source as one unit."""
    return Piece(name, "program", text, (0, len(text.splitlines())))


def pieces(text: str, source_language: str, target_language: str, name: str) -> list[Piece]:
    """Its functions in their order, then what is left of the program, where it does anything."""
    lines = text.splitlines(keepends=True)
    functions = [d for d in _functions(text, source_language) if not _is_main(d, source_language)]
    names = [d.name for d in functions]
    out = []
    for d in functions:
        code = "".join(lines[d.line : d.end_line + 1])
        out.append(
            Piece(
                d.name,
                "function",
                code,
                (d.line, d.end_line + 1),
                _called(code, names, d.name, source_language),
                header(d.signature, source_language, target_language),
            )
        )
    taken = {n for d in functions for n in range(d.line, d.end_line + 1)}
    rest = [n for n in range(len(lines)) if n not in taken]
    code = "".join(lines[n] for n in rest)
    if has_program(text, source_language):
        busy = [n for n in rest if lines[n].strip()] or [0]
        calls = _called(code, names, "", source_language)
        out.append(Piece(name, "program", code, (busy[0], busy[-1] + 1), calls))
    return out


def has_program(text: str, source_language: str) -> bool:
    """Whether the source does something when it is run; otherwise it only defines functions."""
    if source_language == "perl":
        lines = text.splitlines()
        taken = {n for d in _functions(text, "perl") for n in range(d.line, d.end_line + 1)}
        return any(_NOT_OURS.match(line) is None for n, line in enumerate(lines) if n not in taken)
    return re.search(_PROGRAM[source_language], text, re.S) is not None


def header(signature: str, source_language: str, target_language: str) -> str:
    """The first line of a function's translation, where its types are simple; else ""."""
    if source_language == "c":
        return _from_c(signature, target_language)
    if target_language != "python":
        return ""
    if source_language == "pascal" and (found := _PASCAL_HEADER.match(signature)):
        groups = (found[2] or "").split(";")
        if any(re.match(r"(?i)\s*(?:var|out)\b", group) for group in groups):
            return ""  # it gives back through its parameters: Python needs another header
        names = [n for group in groups for n in _WORD.findall(group.partition(":")[0])]
        names = [n for n in names if n.lower() != "const"]
        return f"def {found[1].lower()}({', '.join(n.lower() for n in names)}):"
    if source_language == "fortran" and (found := _FORTRAN_HEADER.search(signature)):
        if not re.search(r"(?i)function", signature):
            return ""  # a subroutine gives back through its parameters
        return f"def {found[1].lower()}({', '.join(_WORD.findall((found[2] or '').lower()))}):"
    return ""


def _from_c(signature: str, target: str) -> str:
    found = _C_HEADER.match(signature.strip())
    if found is None:
        return ""
    types, given = _C_TYPES[target], found[3].strip()
    parameters = [] if given in ("", "void") else [p.split() for p in given.split(",")]
    if any(len(p) != 2 or p[0] not in types for p in parameters):
        return ""
    if found[1] not in types and found[1] != "void":
        return ""
    name, result = found[2], types.get(found[1], "")
    pairs = [(p[1], types[p[0]]) for p in parameters]
    typed = ", ".join(f"{n}: {t}" for n, t in pairs)
    if target == "python":
        return f"def {name}({typed}) -> {result or 'None'}:"
    if target == "go":
        listed = ", ".join(f"{n} {t}" for n, t in pairs)
        return f"func {name}({listed}) {result}".rstrip() + " {"
    if target == "java":
        listed = ", ".join(f"{t} {n}" for n, t in pairs)
        return f"static {result or 'void'} {name}({listed}) {{"
    if target == "rust":
        mutable = ", ".join(f"mut {n}: {t}" for n, t in pairs)
        return f"fn {name}({mutable}){f' -> {result}' if result else ''} {{"
    return f"function {name}({typed}): {result or 'void'} {{"


def _functions(text: str, source_language: str) -> list[Definition]:
    """Functions that stand in no other."""
    found = [d for d in outline(parse(source_language, text), text).definitions if d.kind in _KINDS]
    out: list[Definition] = []
    for d in sorted(found, key=lambda d: (d.start, -d.end)):
        if not out or d.line > out[-1].end_line:
            out.append(d)
    return out


def _is_main(d: Definition, source_language: str) -> bool:
    return source_language == "c" and d.name == "main"


def _called(code: str, names: Sequence[str], own: str, source_language: str) -> tuple[str, ...]:
    fold = source_language in _NO_CASE
    words = {w.lower() if fold else w for w in _WORD.findall(code)}
    return tuple(n for n in names if n != own and (n.lower() if fold else n) in words)
