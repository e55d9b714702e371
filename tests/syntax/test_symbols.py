"""What files define and import: each language's annotated sample, headers, comments, odd text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
import tree_sitter

from slmcode.syntax.languages import comment_marker, grammars_folder, language_of_path, query_text
from slmcode.syntax.parser import Tree, grammar_language, parse
from slmcode.syntax.symbols import MAX_DOC, MAX_SIGNATURE, Outline, outline

GRAMMARS = sorted(p.parent.name for p in grammars_folder().glob("*/symbols.scm"))
SAMPLES = [p for g in GRAMMARS for p in sorted((grammars_folder() / g).glob("sample.*"))]
_ANNOTATION = re.compile(
    r"@(class|interface|struct|enum|type|function|method|field|constant|variable|macro|module"
    r"|paragraph|import) ((?:(?! @).)*)"
)


def outlined(language_id: str, text: str) -> Outline:
    return outline(parse(language_id, text), text)


def _tree(grammar: str, text: str) -> Tree:
    sample = next((grammars_folder() / grammar).glob("sample.*"))
    return parse(language_of_path(sample), text)


def annotated(text: str, marker: str) -> tuple[set[tuple[int, str, str]], set[tuple[int, str]]]:
    """(line, kind, name with scope) and (line, import) of each annotation."""
    definitions, imports = set(), set()
    for n, line in enumerate(text.splitlines()):
        for kind, value in _ANNOTATION.findall(line.partition(f"{marker} ")[2]):
            if kind == "import":
                imports.add((n, value.strip()))
            else:
                definitions.add((n, kind, value.strip()))
    return definitions, imports


def defined(found: Outline) -> list[tuple[int, str, str]]:
    return [
        (d.line, d.kind, f"{d.scope}.{d.name}" if d.scope else d.name) for d in found.definitions
    ]


def written(found: Outline) -> list[tuple[int, str]]:
    """Imports as annotations spell them: the module, its names, `there=here`, `=alias`."""
    return [
        (
            i.line,
            " ".join(
                [i.module]
                + [there if there == here else f"{there}={here}" for there, here in i.names]
                + ([f"={i.alias}"] if i.alias else [])
            ),
        )
        for i in found.imports
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.parent.name)
def test_definitions_and_imports_are_those_the_sample_names(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    language_id = language_of_path(sample)
    found = outlined(language_id, text)
    definitions, imports = annotated(text, comment_marker(language_id))
    assert definitions
    assert imports
    assert sorted(defined(found)) == sorted(definitions)
    assert sorted(written(found)) == sorted(imports)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_each_pattern_of_a_query_is_about_one_thing(grammar: str) -> None:
    text = query_text(grammar, "symbols")
    assert text is not None
    query = tree_sitter.Query(grammar_language(grammar), text)
    data = text.encode()
    for pattern in range(cast(int, query.pattern_count)):
        start, end = query.start_byte_for_pattern(pattern), query.end_byte_for_pattern(pattern)
        captures = set(re.findall(rb"@[\w.]+", data[start:end]))
        about = [c for c in captures if c == b"@scope" or c.startswith(b"@definition.")]
        if about:
            assert len(about) == 1
            assert b"@name" in captures
        else:
            assert captures & {b"@import.module", b"@import.name", b"@import.prefix"}


def headers(language_id: str, text: str) -> dict[str, str]:
    return {d.name: d.signature for d in outlined(language_id, text).definitions}


def docs(language_id: str, text: str) -> dict[str, str]:
    return {d.name: d.doc for d in outlined(language_id, text).definitions if d.doc}


@pytest.mark.parametrize(
    ("language_id", "text", "expected"),
    [
        (
            "python",
            "@dec(1)\nasync def f(\n    a: int = 1,  # why\n    *b,\n) -> str:  # noqa\n    pass\n",
            {"f": "async def f(a: int = 1, *b) -> str"},
        ),
        (
            "python",
            "class A(B, metaclass=M):\n    x: int = {  # kept\n    }\n",
            {"A": "class A(B, metaclass=M)", "x": "x: int = { # kept"},
        ),
        (
            "python",
            "def f(a='#', b=\"/*\"): return {1: 2}\n",
            {"f": "def f(a='#', b=\"/*\")"},
        ),
        ("javascript", "export const f = async (x) => {\n  y\n};\n", {"f": "const f = async (x)"}),
        (
            "typescript",
            "class A {\n  @Input({ a: f() }) name: string;\n"
            "  get<T>(a: T /* b */): T { return a; }\n}\n",
            {"A": "class A", "name": "name: string", "get": "get<T>(a: T ): T"},
        ),
        (
            "java",
            '@Entity(name = "a")\n@Other\npublic class A<T> extends B\n    implements C {\n'
            "  @Override\n  public void f(int a,\n      int b) throws E {\n  }\n}\n",
            {
                "A": "public class A<T> extends B implements C",
                "f": "public void f(int a, int b) throws E",
            },
        ),
        (
            "go",
            "package a\nfunc (s *S[T]) F(x int) (int, error) {\n}\n",
            {"F": "func (s *S[T]) F(x int) (int, error)"},
        ),
        (
            "rust",
            "impl A {\n pub fn f<T>(&self, x: T) -> Vec<T>\n where T: B,\n {\n }\n}\n",
            {"f": "pub fn f<T>(&self, x: T) -> Vec<T> where T: B"},
        ),
        (
            "c",
            "static int\nf(int a, // one\n  char *b)\n{\n}\nint g(\n  void);\n",
            {"f": "static int f(int a, char *b)", "g": "int g(void)"},
        ),
        (
            "cpp",
            "template <class T>\nint A<T>::f() const {\n}\n",
            {"f": "int A<T>::f() const"},
        ),
        (
            "csharp",
            "[Serializable]\nclass A : B {\n  public int P { get; set; }\n  int F() => 1;\n}\n",
            {"A": "class A : B", "P": "public int P { get; set; }", "F": "int F()"},
        ),
        (
            "ruby",
            "class A < B\n  def f(x, y = 1)\n    @z = x\n  end\nend\n",
            {"A": "class A < B", "f": "def f(x, y = 1)", "@z": "@z = x"},
        ),
        (
            "php",
            "<?php\n#[Attr]\nfinal class A extends B {\n  function f(int $x): ?int {}\n}\n",
            {"A": "final class A extends B", "f": "function f(int $x): ?int"},
        ),
        (
            "kotlin",
            "@Anno\ndata class A(val x: Int) : B() {\n  fun f(y: Int): Int = y\n}\n",
            {"A": "data class A(val x: Int) : B()", "x": "val x: Int", "f": "fun f(y: Int): Int"},
        ),
        (
            "lua",
            "function M.f(a, b)\n  return a\nend\nfunction g() end\n",
            {"f": "function M.f(a, b)", "g": "function g()"},
        ),
        ("shellscript", "f() {\n  :\n}\nX=1 # why\n", {"f": "f()", "X": "X=1"}),
    ],
)
def test_signatures_are_headers_on_one_line(
    language_id: str, text: str, expected: dict[str, str]
) -> None:
    assert headers(language_id, text) == expected


@pytest.mark.parametrize(
    ("language_id", "text", "expected"),
    [
        (
            "python",
            'def f():\n    """\n\n    First line.\n\n    More.\n    """\n',
            {"f": "First line."},
        ),
        ("python", "# About f.\n# More.\n@dec\ndef f(): pass\n", {"f": "About f."}),
        (
            "python",
            "class A:\n    r'''One. '''\n    # About x.\n    x = 1\n",
            {"A": "One.", "x": "About x."},
        ),
        ("python", "# Apart.\n\ndef f(): pass\n\nx = 1  # behind\ny = 2\n", {}),
        (
            "typescript",
            "/**\n * About A.\n * @x y\n */\nexport class A {\n  /* One. */\n  f() {}\n}\n",
            {"A": "About A.", "f": "One."},
        ),
        ("javascript", "const url = 'http://a';\nfunction f() {}\n", {}),
        (
            "java",
            "/** About A. */\n@Entity\nclass A {\n  // About f.\n  // More.\n  @Override\n"
            "  void f() {}\n}\n",
            {"A": "About A.", "f": "About f."},
        ),
        ("go", "package a\n\n// F does.\n//\n// More.\nfunc F() {}\n", {"F": "F does."}),
        ("rust", "/// About A.\n#[derive(Debug)]\nstruct A;\n", {"A": "About A."}),
        (
            "c",
            "#define X 1\nint f(void);\n/* About g.\n   More. */\nint g(void);\n",
            {"g": "About g."},
        ),
        ("cpp", "// About f.\ntemplate <class T>\nvoid f(T x) {}\n", {"f": "About f."}),
        ("ruby", "# About f.\ndef f\n  1\nend\n", {"f": "About f."}),
        ("php", "<?php\n/** About f. */\nfunction f() {}\n", {"f": "About f."}),
        ("lua", "--- About f.\nfunction f() end\n", {"f": "About f."}),
        ("lua", "--[[ Apart\n]]\nfunction f() end\n", {}),
        ("kotlin", "/** About A. */\nclass A(val x: Int) {}\n", {"A": "About A."}),
        ("shellscript", "#!/bin/sh\n\n# About f.\nf() { :; }\n", {"f": "About f."}),
        (
            "csharp",
            "/// <summary>\n/// About A.\n/// </summary>\n[Attr]\nclass A {}\n",
            {"A": "About A."},
        ),
    ],
)
def test_docs_are_the_first_line_of_the_comment_or_docstring(
    language_id: str, text: str, expected: dict[str, str]
) -> None:
    assert docs(language_id, text) == expected


def test_long_headers_and_docs_are_cut() -> None:
    text = f"# {'d' * 300}\ndef f({', '.join(f'a{n}' for n in range(2000))}):\n    pass\n"
    (found,) = outlined("python", text).definitions
    assert len(found.signature) == MAX_SIGNATURE
    assert found.doc == "d" * MAX_DOC


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_those_of_the_editor(ending: str) -> None:
    lines = [
        "import a", "", "class A:", '    """Doc."""', "", "    # Über f.", "    def f(self):",
        "        pass", "", "X = 1", "",
    ]  # fmt: skip
    text = ending.join(lines)
    found = outlined("python", text)
    assert [(d.name, d.line, d.end_line, d.doc) for d in found.definitions] == [
        ("A", 2, 7, "Doc."),
        ("f", 6, 7, "Über f."),
        ("X", 9, 9, ""),
    ]
    assert [text[d.start : d.end].split("\r")[0].split("\n")[0] for d in found.definitions] == [
        "class A:",
        "def f(self):",
        "X = 1",
    ]


def test_a_lone_cr_ends_a_line_though_the_grammar_does_not_know() -> None:
    text = "/* About f. */\rint f(void) {\r  return 1;\r}\rint g;\r\nint h;\n"
    found = outlined("c", text).definitions
    assert [(d.name, d.line, d.end_line, d.doc) for d in found] == [
        ("f", 1, 3, "About f."),
        ("g", 4, 4, ""),
        ("h", 5, 5, ""),
    ]


def test_form_feeds_and_line_separators_end_no_line() -> None:
    text = "x = 'a\u2028b'\n\x0c\ndef f():\n    pass\n"
    assert [(d.name, d.line) for d in outlined("python", text).definitions] == [("x", 0), ("f", 2)]


def test_offsets_count_code_points() -> None:
    text = (
        "å = '日本語 😀'\n\n\ndef größe(ß='é'):\n    '''Maß.'''\n\n\nclass Ж:\n    ключ = 1\n"
        "from é import ü as ö\n"
    )
    found = outlined("python", text)
    assert [(d.name, d.scope, d.signature, d.doc) for d in found.definitions] == [
        ("å", "", "å = '日本語 😀'", ""),
        ("größe", "", "def größe(ß='é')", "Maß."),
        ("Ж", "", "class Ж", ""),
        ("ключ", "Ж", "ключ = 1", ""),
    ]
    assert [text[d.start : d.end].split("\n")[0] for d in found.definitions] == [
        "å = '日本語 😀'",
        "def größe(ß='é'):",
        "class Ж:",
        "ключ = 1",
    ]
    assert [(d.line, d.end_line) for d in found.definitions] == [(0, 0), (3, 4), (7, 8), (8, 8)]
    assert written(found) == [(9, "é ü=ö")]


def test_lone_surrogates_keep_offsets_and_leave_text_that_can_be_stored() -> None:
    text = "A = '\ud800'\ndef f(x='\udfff'): pass\n"
    found = outlined("python", text).definitions
    assert [text[d.start : d.start + 3] for d in found] == ["A =", "def"]
    assert [d.signature for d in found] == ["A = '\ufffd'", "def f(x='\ufffd')"]


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n", "\ufeff", "((((", "\x00\x00"])
def test_files_without_code_define_nothing(grammar: str, text: str) -> None:
    assert outline(_tree(grammar, text), text) == Outline((), ())


def test_a_grammar_without_a_query_defines_nothing() -> None:
    assert query_text("json", "symbols") is None
    assert outlined("json", '{"a": 1}') == Outline((), ())


@pytest.mark.parametrize(
    ("language_id", "text", "names"),
    [
        (
            "python",
            "import a\ndef f():\n    pass\n\ndef h():\n    x = = 1\n\ndef g():\n    pass\n",
            {"f", "g"},
        ),
        (
            "typescript",
            'import a from "a";\nfunction f() {}\nconst x = ;\nfoo(1, ;\nfunction g() {}\n',
            {"f", "g"},
        ),
        (
            "c",
            "#include <a.h>\nint f(void) { return 1; }\nint h(void) { return (1; }\n"
            "int g(void) { return 2; }\n",
            {"f", "g"},
        ),
        (
            "java",
            "import a.B;\nclass A {\n void f() {}\n void h() { = ; )\n }\n void g() {}\n}\n",
            {"A", "f", "g"},
        ),
        (
            "go",
            'package a\nimport "a"\nfunc f() {}\nfunc h() { = ; ) }\nfunc g() {}\n',
            {"f", "g"},
        ),
        ("rust", "use a::b;\nfn f() {}\nfn h() { = ; ) }\nfn g() {}\n", {"f", "g"}),
    ],
)
def test_a_syntax_error_leaves_definitions_and_imports_around_it(
    language_id: str, text: str, names: set[str]
) -> None:
    tree = parse(language_id, text)
    assert tree.root.has_error
    found = outline(tree, text)
    assert names <= {d.name for d in found.definitions}
    assert len(found.imports) == 1


def test_definitions_come_in_the_order_of_the_source_outer_ones_first() -> None:
    text = (
        "class A:\n    class B:\n        def f(self): pass\n    def g(self): pass\ndef h(): pass\n"
    )
    found = outlined("python", text).definitions
    assert [(d.scope, d.name) for d in found] == [
        ("", "A"),
        ("A", "B"),
        ("A.B", "f"),
        ("A", "g"),
        ("", "h"),
    ]


def test_what_a_function_keeps_to_itself_is_no_definition() -> None:
    text = "void f(void) {\n  int a = 1;\n  int g(int);\n  struct s { int x; };\n}\n"
    assert [d.name for d in outlined("c", text).definitions] == ["f", "s", "x"]
