"""What a docstring or a doc comment may say, as far as that can be checked. Pure.

It must say more than the name of what it documents, must not go on for ever, and must not describe
parameters that are not there. Whether the rest is true nobody checks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

MAX_CHARS = 4000
MAX_LINES = 80
_REPEATS = 4  # times a line stands in a docstring that repeats itself
_SHARE = 0.3  # of all lines with text
_SHORT = 12  # characters; shorter lines may be repeated
_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FILLERS = {"a", "an", "the", "this", "function", "method", "class", "module", "constructor", "of"}
# Without these words a placeholder says nothing.
_EMPTY = {
    *("todo", "fixme", "tbd", "xxx", "docstring", "doc", "string", "documentation", "description"),
    *(
        "comment",
        "summary",
        "add",
        "write",
        "insert",
        "your",
        "here",
        "goes",
        "is",
        "to",
        "be",
        "in",
    ),
    *("fill", "placeholder", "text", "some", "docs"),
}
_TEMPLATE = re.compile(
    r"\b_(?:summary|description|type)_\b|\[(?:description|summary|type)\]|<description>"
)
_GOOGLE = re.compile(
    r"^([ \t]*)(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters)"
    r":[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_GOOGLE_NAME = re.compile(r"[-+•\s]*`{0,2}(\\?\*{0,2}\w+)`{0,2}\s*(?:\([^)]*\)+|\[[^\]]*\])?\s*:")
_BULLET = re.compile(r"[-*+•]\s+(?=\S)")
_NUMPY = re.compile(
    r"^([ \t]*)(?:Other )?(?:Parameters|Arguments|Args)[ \t]*\n\1[-=]{3,}[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_NUMPY_NAME = re.compile(r"(\\?\*{0,2}\w+(?:\s*,\s*\\?\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(
    r"^\s*[:@\\](?:param|parameter|arg|argument|key|keyword|kwarg|type)\b([^:\n]*):", re.MULTILINE
)
_TAG = re.compile(
    r"[@\\]param(?:\[\w+(?:,\s*\w+)*\])?[ \t]+(?:\{[^}\n]*\}+[ \t]*)?"
    r"(\S+[ \t]+\$\w+|\[?[$\w.]+|<\w+>)"
)
_XML = re.compile(r"<param\s+name=[\"'](\w+)[\"']")


def fault(text: str, name: str) -> str:
    """Why a text documents nothing, as half a sentence; "" where it may."""
    said = [w.lower() for w in _WORD.findall(text)]
    if not any(w.isalpha() for w in said):
        return "the docstring is empty"
    if {*said} <= _EMPTY | _FILLERS or _TEMPLATE.search(text):
        return "the docstring is a placeholder"
    named = [w.lower() for w in _WORD.findall(_CAMEL.sub(" ", name))]
    rest = [w for w in said if w not in _FILLERS]
    if "".join(rest) == "".join(w for w in named if w not in _FILLERS) or said == named:
        return f"the docstring only repeats the name {name}"
    n_lines = text.count("\n") + 1
    if len(text) > MAX_CHARS or n_lines > MAX_LINES:
        return f"the docstring is too long ({n_lines} lines; at most {MAX_LINES})"
    lines = Counter(line.strip() for line in text.splitlines() if len(line.strip()) > _SHORT)
    most = max(lines.values(), default=0)
    if most >= _REPEATS and most > lines.total() * _SHARE:
        return "the docstring repeats itself"
    return ""


def unknown_parameters(text: str, known: Collection[str]) -> list[str]:
    """Parameters that a docstring describes and that are not among the known ones."""
    found: dict[str, None] = {}
    for name in described(text):
        if name not in known:
            found[name] = None
    return list(found)


def described(text: str) -> Iterator[str]:
    """The parameters that a Python docstring describes, in any of the three common forms."""
    for match in _GOOGLE.finditer(text):
        for line in _section(text, match.end(), len(match[1].expandtabs()), deeper=True):
            name = _GOOGLE_NAME.match(_BULLET.sub("", line.strip()))
            if name is not None:
                yield name[1].lstrip("\\*")
    for match in _NUMPY.finditer(text):
        for line in _section(text, match.end(), len(match[1].expandtabs()), deeper=False):
            name = _NUMPY_NAME.match(line.strip())
            if name is not None:
                for each in name[1].split(","):
                    yield each.strip().lstrip("\\*")
    for match in _FIELD.finditer(text):
        words = match[1].replace("\\*", "").replace("*", "").replace("`", "").split()
        if words and words[-1].isidentifier():
            yield words[-1]


def _section(text: str, start: int, indent: int, *, deeper: bool) -> Iterator[str]:
    """The lines of a section that begin its entries.

    Of NumPy's sections the entries stand at the column of the heading, of Google's deeper.
    """
    column: int | None = None
    lines = text[start:].split("\n")[1:]
    for i, line in enumerate(lines):
        if not line.strip():
            if deeper and i == 0:
                continue
            if deeper and column is None:
                return
            if not deeper and i + 1 < len(lines) and not lines[i + 1].strip():
                return
            continue
        expanded = line.expandtabs()
        here = len(expanded) - len(expanded.lstrip())
        if (deeper and here <= indent) or here < indent:
            return
        if not deeper and i + 1 < len(lines) and re.fullmatch(r"\s*[-=]{3,}\s*", lines[i + 1]):
            return
        if column is None:
            column = here
        if here == column:
            yield line


def tagged(text: str) -> Iterator[str]:
    """The parameters that a doc comment of another language describes."""
    for match in _TAG.finditer(text):
        name = match[1].split()[-1].lstrip("[$&.").partition(".")[0].partition("[")[0]
        if name and not name.startswith("<") and name != "return":
            yield name
    for match in _XML.finditer(text):
        yield match[1]
