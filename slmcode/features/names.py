"""What a document says of its names: the class around a line, the types of variables.

By lines and indentation alone: half-written code has both, and seldom a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OCCURRENCES = 60  # of a variable; one that is used more often is looked at where it comes first
_CLASS = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|abstract|final|static|sealed|data"
    r"|pub(?:\([^)]*\))?)\s+)*(class|interface|struct|impl|enum|record)\b\s*(?:<[^>]*>\s*)?(\w+)"
    r"(?:\s*<[^>]*>)?(?:\s+for\s+(\w+))?"
)
# Behind a name and before it: it gets a value or a type of which nothing is understood.
_UNTYPED = re.compile(
    r"\s*(?::?=(?!=)|,[\w\s,]*=(?!=)|in\b|\)?\s*=>|,[^()]*\)\s*=>|\??:(?![:=])[^\S\n]*\S)"
    r"|\s+[*\[\]]*[a-z][\w.]*\s*[,)]"
)
_BINDERS = re.compile(
    r"(?:\bas|\bfor\b.*?[\s(,]|\b(?:def|lambda|func|function)\b.*[\s(,*]"
    r"|\b(?!(?:return|and|or|not|in|is|if|else|await|yield|new|delete|case|print|assert|del|raise"
    r"|throw|from|import|go|defer|struct)\b)[a-z]\w*\s*[ *&]+)\s*$"
)


def occurrences(text: str, name: str) -> Iterator[int]:
    """Where `name` stands as a whole word, from the beginning on."""
    length = len(name)
    at = text.find(name)
    while at >= 0:
        end = at + length
        if not (at and _in_word(text[at - 1])) and not (end < len(text) and _in_word(text[end])):
            yield at
        at = text.find(name, end)


def occurs(text: str, name: str) -> bool:
    """Whether `name` stands anywhere in the text as a whole word, in comments and strings too."""
    return next(occurrences(text, name), None) is not None


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def class_around(text: str, offset: int) -> str:
    """The class whose lines hold `offset`, going by the indentation; "" for none.

    Of Rust's `impl Trait for Type` it is the type.
    """
    line_start = text.rfind("\n", 0, offset) + 1
    indent = _indent(text, line_start, offset)
    end = line_start - 1
    for _ in range(3000):
        if end <= 0 or indent == 0:
            return ""
        start = text.rfind("\n", 0, end) + 1
        here = _indent(text, start, end)
        if here < indent and text[start:end].strip():
            found = _CLASS.match(text, start + here, end)
            if found is not None:
                return found[3] or found[2]
            if text[start + here] not in ")]}":
                indent = here
        end = start - 1
    return ""


def function_around(text: str, offset: int) -> int | None:
    """Where the outermost function of Python around `offset` begins, decorators left out.

    None outside of functions.
    """
    line_start = text.rfind("\n", 0, offset) + 1
    indent = _indent(text, line_start, offset)
    end = line_start - 1
    found = None
    for _ in range(3000):
        if end <= 0 or indent == 0:
            return found
        start = text.rfind("\n", 0, end) + 1
        here = _indent(text, start, end)
        if here < indent and text[start:end].strip() and text[start + here] not in ")]}":
            indent = here
            if text.startswith(("def ", "async def "), start + here):
                found = start
            elif text.startswith("class ", start + here):
                return found
        end = start - 1
    return 0


def _indent(text: str, start: int, end: int) -> int:
    at = start
    while at < end and text[at] in " \t":
        at += 1
    return at - start


def evident_type(text: str, name: str) -> str:
    """The one type that a variable evidently has in all of the text; "" where in doubt.

    Evident are annotations, declarations and calls of constructors. Doubt is a value of another
    kind, a second type, or a parameter, loop variable or `as` without a type.
    """
    word = re.escape(name)
    typed = (
        re.compile(rf"{word}\??\s*:\s*(?:&|mut\s|readonly\s)*\"?(?:\w+\.)*([A-Z]\w*)\"?\s*(.)?"),
        re.compile(rf"{word}\s*:?=\s*(?:await\s+|new\s+|&)*(?:\w+\.)*([A-Z]\w*)\s*(?:\(|\{{)()"),
        re.compile(rf"{word}\s+\*?(?:\w+\.)?([A-Z]\w*)\b()"),
    )
    declared = re.compile(rf"\b([A-Z]\w*|(?<=struct )\w+)\s*[ *&]+\s*{word}\s*[;,=)]")
    types: set[str] = set()
    for n, at in enumerate(occurrences(text, name)):
        if n == _OCCURRENCES:
            break
        start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if text[max(start, at - 1) : at] in (".", "'", '"'):
            continue
        found = next((m for p in typed if (m := p.match(text, at, end))), None)
        if found is not None:
            if found[2] and found[2] in "[|.<":  # a container or a union
                return ""
            types.add(found[1])
            continue
        before = next((m for m in declared.finditer(text, start, end) if m.end() > at), None)
        if before is not None:
            types.add(before[1])
        elif (
            _UNTYPED.match(text, at + len(name), end)
            or _BINDERS.search(text[start:at])
            or text[start:end].strip(" \t*,") == name  # a parameter on a line of its own
        ):
            return ""
    return types.pop() if len(types) == 1 else ""
