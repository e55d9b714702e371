"""Incremental trees equal full ones, for any edits; what has no tree; bytes and code points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.syntax.languages import all_rows, comment_marker, language, language_of_path
from slmcode.syntax.parser import MAX_CHARS, SyntaxCache, grammar_language, parse
from slmcode.text import Edit, Snapshot, TextRange

PIECES = ["def f(x):\n", "    return ", "x", "é", "😀", "\r", "\r\n", "\n", "(", ")", '"', "{", "}"]
PIECES += ["if (x) {", ";", "\t", "# a", "// b", "/*", "*/", "'''", "\ud800", "\f", "\u2028", " "]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(
    st.sampled_from(["python", "typescript", "go", "ruby"]),
    TEXTS,
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3), TEXTS), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_incremental_parse_equals_full_parse(
    language_id: str, text: str, edits: list[tuple[float, float, str]]
) -> None:
    """Same nodes with the same ranges, after each of several edits."""
    cache = SyntaxCache()
    snapshot = Snapshot("file:///a", language_id, 0, text)
    cache.tree(snapshot)
    for at, length, new_text in edits:
        start = int(at * len(snapshot.text))
        end = min(len(snapshot.text), start + int(length * len(snapshot.text)))
        snapshot = snapshot.apply(Edit(TextRange(start, end), new_text), None)
        tree = cache.tree(snapshot, budget_ms=0)
        full = parse(language_id, snapshot.text)
        assert tree is not None
        assert tree.data == full.data
        assert outline(tree.root) == outline(full.root)


def outline(node: object) -> list[object]:
    """Type and byte range of a node and all below it."""
    return [
        (node.type, node.start_byte, node.end_byte, node.start_point),  # type: ignore[attr-defined]
        [outline(c) for c in node.children],  # type: ignore[attr-defined]
    ]


@given(st.text(alphabet="aé😀\ud800\n", max_size=20))
def test_bytes_and_offsets_are_inverse(text: str) -> None:
    tree = parse("python", text)
    offsets = list(range(len(text) + 1))
    assert [tree.offset(tree.byte(i)) for i in offsets] == offsets
    assert tree.offsets([tree.byte(i) for i in offsets]) == offsets


@pytest.mark.parametrize("language_id", ["zig", "", "x"])
def test_parse_names_the_language_it_has_no_grammar_for(language_id: str) -> None:
    with pytest.raises(LookupError, match=repr(language_id)):
        parse(language_id, "x")


def test_an_exhausted_budget_gives_the_moved_tree_and_time_repairs_it() -> None:
    """60 ms of work for one open bracket at 10,000 lines cannot be done in one."""
    source = "function f(a) {\n  let x = g(a);\n  return x;\n}\n" * 2500
    cache = SyntaxCache()
    snapshot = Snapshot("file:///a", "typescript", 1, source)
    cache.tree(snapshot)
    at = source.index("let x", len(source) // 2)
    snapshot = snapshot.apply(Edit(TextRange(at, at), "const é = a.map((x) =>"), 2)
    tree = cache.tree(snapshot, budget_ms=1)
    assert tree is not None
    assert tree.stale
    last = tree.root.children[-1]
    begin, end = tree.offset(last.start_byte), tree.offset(last.end_byte)
    assert snapshot.text[begin:end] == "function f(a) {\n  let x = g(a);\n  return x;\n}"
    exact = cache.tree(snapshot, budget_ms=0)
    assert exact is not None
    assert not exact.stale
    assert outline(exact.root) == outline(parse("typescript", snapshot.text).root)


def test_same_text_gives_the_same_tree() -> None:
    cache = SyntaxCache()
    first = cache.tree(Snapshot("file:///a", "python", 1, "x = 1\n"))
    assert cache.tree(Snapshot("file:///a", "python", 2, "x = 1\n")) is first


def test_a_document_that_changes_language_is_parsed_anew() -> None:
    cache = SyntaxCache()
    cache.tree(Snapshot("file:///a", "python", 1, "x = 1\n"))
    tree = cache.tree(Snapshot("file:///a", "javascript", 1, "x = 1\n"))
    assert tree is not None
    assert tree.root.type == "program"


@pytest.mark.parametrize(
    ("language_id", "text"),
    [("zig", "x"), ("", "x"), ("abap", "x"), ("python", "x" * (MAX_CHARS + 1))],
)
def test_no_tree_for_unknown_languages_and_huge_texts(language_id: str, text: str) -> None:
    assert SyntaxCache().tree(Snapshot("file:///a", language_id, 1, text)) is None


def test_least_recently_used_tree_is_dropped() -> None:
    cache = SyntaxCache()
    snapshots = [Snapshot(f"file:///{i}", "python", 1, f"x = {i}\n") for i in range(17)]
    trees = [cache.tree(s) for s in snapshots[:16]]
    cache.tree(snapshots[0])
    cache.tree(snapshots[16])
    assert cache.tree(snapshots[0]) is trees[0]
    assert cache.tree(snapshots[1]) is not trees[1]


@pytest.mark.parametrize(
    ("path", "language_id", "marker"),
    [
        ("a/b.py", "python", "#"),
        ("a.TSX", "typescriptreact", "//"),
        ("x.lua", "lua", "--"),
        ("Makefile", "", ""),
        ("x.f90", "fortran-modern", "!"),
        ("X.FOR", "fortran", "!"),
        ("x.cpy", "cobol", "*>"),
    ],
)
def test_language_of_path(path: str, language_id: str, marker: str) -> None:
    assert language_of_path(path) == language_id
    assert comment_marker(language_id) == marker


def test_editor_aliases_mean_the_same_language() -> None:
    assert language("bash") is language("shellscript")
    assert language("FortranFixedForm") is language("fortran")


def test_an_extension_belongs_to_one_language() -> None:
    """And every grammar there is a row for is in the language pack."""
    extensions = [extension for row in all_rows() for extension in row.extensions]
    assert len(extensions) == len(set(extensions))
    for row in all_rows():
        assert row.grammar
        assert grammar_language(row.grammar)
