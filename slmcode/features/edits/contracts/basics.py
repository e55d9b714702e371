"""What every edit must keep, whatever it was told to do. Other contracts ask this one first.

- The document parses no worse: there are no more error nodes, or nodes the parser had to make up,
  in the edited lines than there were, and none more outside of them. Python that compiled
  compiles, in files of up to 100,000 characters.
- Each name that the lines defined at their outermost level is still defined there, and the lines
  define no name anew that stands outside of them already. Where the instruction says rename, remove
  or delete, names may go.
- What the document defines outside of the lines is as before.
- An edit by instruction uses no name that is not bound anywhere in the file (Python).

This is about syntax and names. Whether the code does the same, or the right thing, it cannot say.
Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.contracts.python import invented
from slmcode.features.edits.outcome import Judgement
from slmcode.syntax.errors import errors, python_error
from slmcode.syntax.symbols import Import
from slmcode.text import Snapshot, TextRange

# What is asked for gives names up: then the user is told which, and nothing is refused for it.
_NAMES_MAY_GO = re.compile(
    r"\b(?:renam|remov|delet|drop|replac|convert|merg|combin|split|restructur|object[- ]orient"
    r"|chang\w*\s[^.\n]{0,40}\bname|turn\b[^.\n]{0,60}\binto)",
    re.IGNORECASE,
)
_VALUES = ("variable", "constant", "field")  # listed once a scope, where they come first
_SHOWN = 60  # characters of a line
_COMPILED = 100_000  # characters; these take 0.05 s, in which nothing else is answered

Name = tuple[str, str]  # scope and name


class _Names(NamedTuple):
    inside: set[Name]  # at the outermost level of the lines
    outside: set[Name]
    definitions_outside: Counter[Name]


class Basics:
    """The contract of an edit by instruction."""

    name = "instruction"
    promise = "it parses, and defines the names it did"

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """Nothing is run, so this is quick: 0.05 s for 100,000 characters of Python."""
        broken = fault(before, after, asked.instruction) or _made_up(before, after)
        return Judgement(broken, kept(before, after))


def _made_up(before: State, after: State) -> str:
    """Names of Python that nothing binds, where all were bound before."""
    if before.tree is None or before.tree.grammar != "python":
        return ""
    if len(after.snapshot.text) > _COMPILED:
        return ""
    unknown = invented(before.snapshot.text, after.snapshot.text)
    return f"it uses {_list(unknown)}, which {_is(unknown)} not defined" if unknown else ""


def names_may_go(instruction: str) -> bool:
    """Whether the instruction asks for something that names can fall to: renaming, replacing."""
    return bool(_NAMES_MAY_GO.search(instruction))


def fault(before: State, after: State, instruction: str) -> str:
    """How the edit breaks the contract, as half a sentence; "" where it keeps it."""
    if after.snapshot.text == before.snapshot.text:
        return "it changed nothing"
    if after.lines.start == after.lines.end and not names_may_go(instruction):
        return "it is empty"
    broken = _new_error(before, after)
    if broken:
        return f"it does not parse ({broken})"
    old, new = _names(before), _names(after)
    may_go = names_may_go(instruction)
    gone = sorted(name for _, name in old.inside - new.inside)
    if gone and not may_go:
        return f"{_list(gone)} {_is(gone)} not defined any more"
    again = sorted(name for _, name in (new.inside - old.inside) & old.outside)
    if again:
        return f"it defines {_list(again)}, which stands outside of the selection already"
    if old.definitions_outside != new.definitions_outside and not may_go:
        return "it changes what the code outside of the selection defines"
    return ""


def kept(before: State, after: State) -> str:
    """What was checked of an edit without a fault, as a sentence."""
    if after.tree is None:
        return "there is no grammar for this language: nothing was checked"
    gone = sorted(name for _, name in _names(before).inside - _names(after).inside)
    if gone:
        names = f"{_list(gone)} {_is(gone)} gone, as the instruction may mean"
        return f"it parses; {names}; nothing else was checked"
    return "it parses and defines the same names; nothing else was checked"


def _new_error(before: State, after: State) -> str:
    """Where and why the document does not parse any more; "" where it does as well as before."""
    if before.tree is None or after.tree is None:
        return ""
    old_in, old_out = _split(errors(before.tree), before.lines)
    new_in, new_out = _split(errors(after.tree), after.lines)
    if len(new_in) > len(old_in):
        return _quoted(after.snapshot, new_in[0])
    if len(new_out) > len(old_out):
        return _quoted(after.snapshot, new_out[0])
    is_python = before.tree.grammar == "python" and len(before.snapshot.text) <= _COMPILED
    compiled = is_python and not python_error(before.snapshot.text)
    return python_error(after.snapshot.text) if compiled else ""


def _split(offsets: list[int], lines: TextRange) -> tuple[list[int], list[int]]:
    inside = [o for o in offsets if lines.start <= o < lines.end]
    return inside, [o for o in offsets if not lines.start <= o < lines.end]


def _names(state: State) -> _Names:
    (start, end), snapshot = state.lines, state.snapshot
    inside: set[Name] = set()
    outside: set[Name] = set()
    definitions: Counter[Name] = Counter()
    covered = start  # up to here the lines' definitions hold what is defined
    for d in sorted(state.outline.definitions, key=lambda d: (d.start, -d.end)):
        name = (d.scope, d.name)
        if not start <= d.start < end:
            outside.add(name)
            if d.kind not in _VALUES:
                definitions[name] += 1
        elif d.start >= covered:
            inside.add(name)
            covered = d.end
    for imported in state.outline.imports:
        at = snapshot.line_starts[imported.line]
        (inside if start <= at < end else outside).update(("", n) for n in _brought_in(imported))
    return _Names(inside, outside, definitions)


def _brought_in(imported: Import) -> set[str]:
    names = {here for _, here in imported.names}
    return names or {imported.alias or imported.module}


def _list(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _is(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _quoted(snapshot: Snapshot, offset: int) -> str:
    line = snapshot.text[snapshot.line_start(offset) : snapshot.line_end(offset)].strip()
    return f"line {snapshot.line_at(offset) + 1}: {line[:_SHOWN]}"
