"""Local names and extracted variables by syntax, each exactly right or refused for its reason.

`cases/locals.txt` holds blocks: `==== language | title`, the document with the cursor `ˇ` on a name
that becomes `fresh`, or with an expression in `«»` that gets that name, and what comes of it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slmcode.syntax.locals import Locals, Uncertain, extract_variable, has_locals
from slmcode.syntax.parser import parse
from slmcode.text import Edit, TextRange

_BLOCK = re.compile(
    r"^==== (?P<language>\w+) \| (?P<title>[^\n]+)\n(?P<source>.*?)"
    r"^---- (?:gives\n(?P<after>.*?)|is refused: (?P<reason>[^\n]+)\n)(?=\n==== |\Z)",
    re.MULTILINE | re.DOTALL,
)
TEXT = (Path(__file__).parent / "cases" / "locals.txt").read_text(encoding="utf-8")
CASES = list(_BLOCK.finditer(TEXT))


def edits(language_id: str, source: str) -> tuple[str, list[Edit]]:
    """The text, and what is done to it. Raises Uncertain."""
    if "ˇ" in source:
        text = source.replace("ˇ", "")
        return text, Locals(parse(language_id, text)).rename(source.index("ˇ"), "fresh")
    start, end = source.index("«"), source.index("»") - 1
    text = source.replace("«", "").replace("»", "")
    return text, extract_variable(parse(language_id, text), text, start, end, "fresh")


def outcome(language_id: str, source: str) -> str:
    """The text afterwards, or the reason behind a `!`."""
    try:
        text, found = edits(language_id, source)
    except Uncertain as e:
        return f"!{e}"
    for (start, end), new in reversed(found):
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case['language']}: {case['title']}" for case in CASES]
)
def test_it_is_right_or_refused(case: re.Match[str]) -> None:
    expected = case["after"] if case["reason"] is None else f"!{case['reason']}"
    assert outcome(case["language"], case["source"]) == expected


def test_every_block_is_read() -> None:
    assert len(CASES) == TEXT.count("==== ") >= 80


def test_line_endings_and_tabs_stay() -> None:
    after = outcome("javascript", "function f(a) {\r\n\treturn g(«a.b»);\r\n}\r\n")
    assert after == "function f(a) {\r\n\tconst fresh = a.b;\r\n\treturn g(fresh);\r\n}\r\n"


def test_offsets_are_code_points() -> None:
    after = outcome("javascript", "function f(a) {\n  return '😀ä' + aˇ;\n}\n")
    assert after == "function f(fresh) {\n  return '😀ä' + fresh;\n}\n"


def test_a_reserved_word_is_no_name() -> None:
    tree = parse("javascript", "function f(a) {\n  return a;\n}\n")
    with pytest.raises(Uncertain, match="would not parse"):
        Locals(tree).rename(11, "class")


def test_every_local_name_between_two_offsets() -> None:
    text = "int f(int a) {\n  int b = a;\n  return b;\n}\nint g(int c) { return c; }\n"
    found = Locals(parse("c", text)).every(0, text.index("int g"))
    assert [(name.text, len(name.uses)) for name in found] == [("a", 2), ("b", 2)]
    assert found[0].definitions == (TextRange(10, 11),)


def test_languages_without_scopes_say_so() -> None:
    assert has_locals("python")
    assert not has_locals("ruby")
    assert not has_locals("nothing")
