"""One file of translated units: imports first, each unit, the program last. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

COMMENT = {"python": "# ", "go": "// ", "java": "// ", "rust": "// ", "typescript": "// "}
_IMPORT = {
    "python": r"^(?:import|from)\s.+$",
    "go": r"^import\s+(?:\([^)]*\)|.+)$|^package\s.+$",
    "java": r"^import\s.+;$|^package\s.+;$",
    "rust": r"^use\s[^;]+;$",
    "typescript": r"^import\s.+$",
}
_GO_NAME = re.compile(r"\"[^\"\n]+\"")
_CLASS = re.compile(r"\b(?:public\s+)?(?:final\s+)?class\s+(\w+)")


class Assembled(NamedTuple):
    """The text, and the lines of each unit in it: from 0, the end exclusive."""

    text: str
    lines: tuple[tuple[int, int], ...]


def assembled(codes: Sequence[str], target_language: str, stem: str) -> Assembled:
    """Units in one file. For Java the file is `stem`.java, which its class has to be called."""
    if target_language == "java" and len(codes) == 1 and (found := _CLASS.search(codes[0])):
        text = re.sub(rf"\b{found[1]}\b", stem, codes[0]).strip("\n") + "\n"
        return Assembled(text, ((0, len(text.splitlines())),))
    pattern = re.compile(_IMPORT[target_language], re.M)
    imports: dict[str, None] = {}
    bodies = []
    for code in codes:
        imports |= dict.fromkeys(m[0].strip() for m in pattern.finditer(code))
        bodies.append(pattern.sub("", code).strip("\n"))
    head = _head(list(imports), target_language)
    if target_language == "java":
        head += f"public class {stem} {{\n"
        bodies = [textwrap.indent(_unwrapped(body), "    ") for body in bodies]
    gap = "\n\n\n" if target_language == "python" else "\n\n"
    text, lines = head, []
    for number, body in enumerate(bodies):
        if text and (number or target_language != "java"):
            text = text.rstrip("\n") + gap
        first = text.count("\n")
        text += body + "\n"
        lines.append((first, text.count("\n")))
    if target_language == "java":
        text += "}\n"
    return Assembled(text, tuple(lines))


def commented(code: str, target_language: str, why: str) -> str:
    """The original as a comment, where nothing passed."""
    mark = COMMENT[target_language]
    title = f"{mark}Not translated: {' '.join(why.split())[:200]}"
    lines = [f"{mark}   {line}".rstrip() for line in code.rstrip().splitlines()]
    return "\n".join([title, *lines])


def with_entry(text: str, target_language: str) -> str:
    """The text as it can be compiled, where it has functions only."""
    if target_language == "go" and not re.search(r"^func main\(", text, re.M):
        return text + "\nfunc main() {}\n"
    if target_language == "rust" and not re.search(r"^(?:pub )?fn main\(", text, re.M):
        return text + "\nfn main() {}\n"
    return text


def _head(imports: Sequence[str], target_language: str) -> str:
    if target_language == "go":
        names = dict.fromkeys(n for line in imports for n in _GO_NAME.findall(line))
        listed = "".join(f"\t{name}\n" for name in sorted(names))
        return "package main\n\n" + (f"import (\n{listed})\n\n" if names else "")
    kept = [line for line in imports if not line.startswith("package ")]
    return "".join(f"{line}\n" for line in kept) + ("\n" if kept else "")


def _unwrapped(body: str) -> str:
    """A unit of Java without the class that a model puts around it."""
    found = re.match(r"\s*(?:public\s+)?(?:final\s+)?class\s+\w+\s*\{\n?(.*)\}\s*\Z", body, re.S)
    return textwrap.dedent(found[1]).strip("\n") if found is not None else body
