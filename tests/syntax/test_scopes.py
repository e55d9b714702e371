"""Scopes and blocks: each language's annotated sample, and half-written code with a cursor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tree_sitter

from slmcode.syntax import scopes
from slmcode.syntax.languages import grammars_folder, language_of_path, query_text
from slmcode.syntax.parser import SyntaxCache, Tree, grammar_language
from slmcode.text import Snapshot

SAMPLES = sorted(grammars_folder().glob("*/sample.*"))
GRAMMARS = sorted(p.parent.name for p in grammars_folder().glob("*/scopes.scm"))


def cursor(language_id: str, marked: str) -> tuple[Tree | None, Snapshot, int]:
    """Tree, snapshot and offset of the cursor `ˇ` in `marked`."""
    offset = marked.index("ˇ")
    snapshot = Snapshot("file:///a", language_id, 1, marked.replace("ˇ", ""))
    return SyntaxCache().tree(snapshot), snapshot, offset


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_every_query_has_a_sample(grammar: str) -> None:
    assert [p for p in SAMPLES if p.parent.name == grammar]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.parent.name)
def test_scopes_begin_where_the_sample_says(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    snapshot = Snapshot("file:///a", language_of_path(sample), 1, text)
    tree = SyntaxCache().tree(snapshot)
    assert tree is not None
    assert not tree.root.has_error
    query = tree_sitter.Query(
        grammar_language(tree.grammar), query_text(tree.grammar, "scopes") or ""
    )
    found = tree_sitter.QueryCursor(query).captures(tree.root)["scope"]
    marked = [n for n, line in enumerate(text.splitlines()) if n and "@scope" in line]
    assert sorted({node.start_point.row for node in found}) == marked[("php" in sample.name) :]


def _blocks() -> list[tuple[Path, int]]:
    """(sample, line) of each line that opens a block; the first two lines may be the legend."""
    return [
        (sample, n)
        for sample in SAMPLES
        for n, line in enumerate(sample.read_text(encoding="utf-8").splitlines())
        if n > 1 and "@block" in line
    ]


@pytest.mark.parametrize(("sample", "line"), _blocks(), ids=lambda v: getattr(v, "name", str(v)))
def test_block_of_sample_is_open_without_its_body_only(sample: Path, line: int) -> None:
    lines = sample.read_text(encoding="utf-8").splitlines()
    indent = re.match(r"\s*", lines[line]).group()  # type: ignore[union-attr]
    body_end = line + 1
    while body_end < len(lines) and (
        not lines[body_end].strip()
        or len(lines[body_end]) - len(lines[body_end].lstrip()) > len(indent)
    ):
        body_end += 1
    head, tail = lines[: line + 1], lines[body_end:]
    language_id = language_of_path(sample)
    empty = "\n".join([*head, indent + "    ˇ", *tail])
    assert scopes.block_indent(*cursor(language_id, empty)) is not None
    filled = "\n".join([*head, indent + "    ˇ", *lines[line + 1 :]])
    assert scopes.block_indent(*cursor(language_id, filled)) is None


OPEN = [
    ("python", "def f():\n    ˇ"),
    ("python", "def f():ˇ"),
    ("python", "class A:\n    def f(self,\n          x):\n        ˇ\n\n    def g(self): pass\n"),
    ("python", "if x:\n    ˇ\nelse:\n    pass\n"),
    ("python", "for x in {1: 2}:\n    ˇ"),
    ("javascript", "if (x) {\n  ˇ"),
    ("javascript", "function f() {ˇ}\n"),
    ("javascript", "const f = () => {\n  ˇ\n};\n"),
    ("javascript", "foo(function () {\n  ˇ\n})"),
    ("typescriptreact", "function f(\n  a,\n  b,\n) {\n  ˇ\n}\n"),
    ("java", "class A {\n  void f() throws E {\n    ˇ\n\n  void g() { }\n}"),
    ("go", "func f() {\nˇ\n}\n"),
    ("rust", "fn f() -> u8 {\n    ˇ\n"),
    ("c", "int f(void)\n{\n    ˇ\n}\n"),
    ("ruby", "if x\n  ˇ"),
    ("ruby", "x = if y\n  ˇ"),
    ("lua", "x.f = function(a)\n  ˇ\nend"),
    ("shellscript", "for x in a; do\n  ˇ\ndone"),
    ("fortran", "      subroutine f(x)\n      ˇ\n      end"),
    ("fortran-modern", "do i = 1, 3\n  ˇ\nend do"),
    ("pascal", "procedure F;\nbegin\n  ˇ"),
    ("kotlin", "fun f() {\n    ˇ\n}"),
    ("zig", "fn f() {\n    ˇ\n}"),
]


@pytest.mark.parametrize(("language_id", "marked"), OPEN)
def test_opens_block_with_and_without_a_tree(language_id: str, marked: str) -> None:
    tree, snapshot, offset = cursor(language_id, marked)
    assert scopes.block_indent(tree, snapshot, offset) is not None
    assert scopes.block_indent(None, snapshot, offset) is not None


@pytest.mark.parametrize(
    ("language_id", "marked"),
    [
        ("python", "def f():\n    ˇ\n    return 1\n"),
        ("python", "x = {\n    ˇ\n}"),
        ("python", "# if x:\n    ˇ"),
        ("python", "'''\nif x:\n    ˇ\n'''"),
        ("python", "x = lambda:\n    ˇ"),
        ("python", "def f():\n    x = 1\n    ˇ"),
        ("python", "d = {a:\n    ˇ"),
        ("python", "def f(a):ˇ return a"),
        ("javascript", "const x = {\n  ˇ\n};\n"),
        ("javascript", "// if (x) {\n  ˇ\n"),
        ("javascript", "f({\n  ˇ\n})"),
        ("javascript", "if (x) {\n  ˇ\n  y();\n}\n"),
        ("javascript", "`if (x) {\n ˇ`;"),
        ("go", "x := Foo{\n\tˇ\n}\n"),
        ("java", "int[] a = {\n  ˇ\n};"),
        ("ruby", "def f = 1\nˇ"),
        ("ruby", "def f; end\nˇ"),
        ("lua", "local x = redo\nˇ"),
    ],
)
def test_no_empty_block_here(language_id: str, marked: str) -> None:
    assert scopes.block_indent(*cursor(language_id, marked)) is None


@pytest.mark.parametrize(
    ("language_id", "marked", "column"),
    [
        ("python", "class A:\n    def f(self,\n          x):\n        ˇ", 4),
        ("typescript", "  function f(\n    a,\n  ) {\n    ˇ\n  }\n", 2),
        ("go", "\tif x {\n\t\tˇ\n\t}\n", 8),
        ("python", "x = 1\nˇ", None),
    ],
)
def test_block_indent_is_that_of_the_headers_first_line(
    language_id: str, marked: str, column: int | None
) -> None:
    assert scopes.block_indent(*cursor(language_id, marked)) == column


@pytest.mark.parametrize(
    ("language_id", "marked", "kind"),
    [
        ("python", "x = 'aˇb'", "string"),
        ("python", "x = 'ab'ˇ", "code"),
        ("python", "x = f'a{bˇ}'", "code"),
        ("python", "x = 'aˇ", "string"),
        ("python", "x = 1  # noteˇ", "comment"),
        ("python", "x = 1  # note\nˇ", "code"),
        ("javascript", "`a ${bˇ}`", "code"),
        ("javascript", "`aˇ ${b}`", "string"),
        ("c", "/* aˇ */", "comment"),
        ("c", "/* a */ˇ", "code"),
        ("cpp", '// é😀\nx = "é😀ˇ";', "string"),
        ("rust", "let x: &'ˇa str;", "code"),
        ("zig", '"ˇ"', "code"),
        ("python", "ˇ", "code"),
    ],
)
def test_node_kind(language_id: str, marked: str, kind: str) -> None:
    tree, _, offset = cursor(language_id, marked)
    assert scopes.node_kind(tree, offset) == kind


METHODS = (
    "import os\n\nclass A:\n    def f(self):\n        é = 1\n\n    def g(self):\n        x = 2\n"
)


@pytest.mark.parametrize(
    ("indent", "reach", "begins"),
    [
        ("        ", "import os", "import os"),  # the whole file
        ("        ", "os\n", "class A"),  # the first definition in reach
        ("        ", "lass A", "    def f"),
        ("        ", "def g", "        x = 2"),  # its line is out of reach: a line start
        ("", "lass A", "    def f"),
    ],
)
def test_window_begins_at_a_definition(indent: str, reach: str, begins: str) -> None:
    tree, snapshot, offset = cursor("python", METHODS + indent + "ˇ")
    max_chars = offset - snapshot.text.index(reach)
    start = scopes.window_start(tree, snapshot, offset, max_chars)
    assert snapshot.text[start:].startswith(begins)
    assert start == snapshot.line_start(start)
    assert offset - max_chars <= start <= offset


def test_window_without_tree_begins_at_a_line() -> None:
    snapshot = Snapshot("file:///a", "zig", 1, "aaaa\nbbbb\ncccc\n")
    assert scopes.window_start(None, snapshot, 15, 11) == 5
    assert scopes.window_start(None, snapshot, 15, 10) == 5
    assert scopes.window_start(None, snapshot, 15, 9) == 10
    assert scopes.window_start(None, snapshot, 15, 15) == 0


def test_window_in_one_endless_line_is_cut_anywhere() -> None:
    snapshot = Snapshot("file:///a", "zig", 1, "x" * 100)
    assert scopes.window_start(None, snapshot, 90, 20) == 70
