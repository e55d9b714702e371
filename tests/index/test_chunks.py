"""Passages and terms of texts."""

from __future__ import annotations

from slmcode.index import chunks
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import outline


def pieces(language_id: str, text: str) -> list[list[str]]:
    """The lines of each passage."""
    lines = text.split("\n")
    definitions = outline(parse(language_id, text), text).definitions if language_id else ()
    return [lines[start:end] for start, end in chunks.cut(lines, definitions)]


def function(name: str, n_lines: int, indent: str = "") -> str:
    body = "".join(f"{indent}    x{i} = {i}\n" for i in range(n_lines - 1))
    return f"{indent}def {name}():\n{body}"


def test_small_neighbours_stand_together() -> None:
    text = "\n\n".join(function(name, 5) for name in ("a", "b", "c"))
    assert len(pieces("python", text)) == 1


def test_no_passage_breaks_a_function_that_fits() -> None:
    text = "\n\n".join(function(f"f{i}", 25) for i in range(6))
    found = pieces("python", text)
    assert len(found) == 6
    assert [piece[0] for piece in found] == [f"def f{i}():" for i in range(6)]
    assert all(len(piece) == 25 for piece in found)


def test_the_header_of_a_long_class_is_a_passage_of_its_own() -> None:
    methods = "\n".join(function(f"m{i}", 20, "    ") for i in range(3))
    found = pieces("python", f'class A(B):\n    """What it is for."""\n\n    size = 3\n\n{methods}')
    assert found[0] == ["class A(B):", '    """What it is for."""', "", "    size = 3"]
    assert [piece[0].strip() for piece in found[1:]] == ["def m0():", "def m1():", "def m2():"]


def test_a_comment_goes_with_the_function_below_it() -> None:
    text = function("a", 30) + "\n# About b.\n@cached\n" + function("b", 30)
    assert [piece[0] for piece in pieces("python", text)] == ["def a():", "# About b."]


def test_a_long_function_is_cut_at_a_blank_line() -> None:
    body = "".join(f"    x{i} = {i}\n" + ("\n" if i == 29 else "") for i in range(60))
    found = pieces("python", "def f():\n" + body)
    assert found[0][-1] == "    x29 = 29"
    assert found[1][0] == "    x30 = 30"


def test_every_line_of_code_is_in_exactly_one_passage() -> None:
    methods = "\n".join(function(f"m{i}", i, "    ") for i in range(2, 60, 7))
    text = f"import os\n\nclass A:\n{methods}\n\n\nx = 1\n" + function("g", 90)
    lines = text.split("\n")
    covered = [
        number
        for start, end in chunks.cut(lines, outline(parse("python", text), text).definitions)
        for number in range(start, end)
    ]
    assert covered == sorted(set(covered))
    assert [i for i, line in enumerate(lines) if line.strip() and i not in covered] == []


def test_a_text_of_no_known_language_is_cut_at_its_paragraphs() -> None:
    paragraphs = [f"Title {i}\n" + f"  words {i}\n" * 19 for i in range(4)]
    found = pieces("", "\n".join(paragraphs))
    assert [piece[0] for piece in found] == ["Title 0", "Title 1", "Title 2", "Title 3"]


def test_no_passage_is_longer_than_the_limit() -> None:
    assert all(len(piece) <= chunks.MAX_LINES for piece in pieces("", "x y z\n" * 1000))


def test_an_empty_text_has_no_passages() -> None:
    assert pieces("", "") == []
    assert pieces("", "\n\n  \n") == []


def test_an_identifier_is_found_whole_and_by_its_parts() -> None:
    assert set(chunks.terms_of("parseHTTPResponse2")) == {
        "parsehttpresponse2",
        "parse",
        "http",
        "response",
    }
    assert set(chunks.terms_of("_read_UserName")) == {"read_username", "read", "user", "name"}


def test_words_that_say_nothing_are_no_terms() -> None:
    assert chunks.terms("return self if x else None") == []


def test_terms_are_distinct_and_of_any_alphabet() -> None:
    assert sorted(chunks.terms("größe = größe + count(größe)")) == ["count", "größe"]
    assert sorted(chunks.terms("count = count + 1")) == ["count"]
