"""Docstrings: planted violations, each refused for its reason; good edits, which must pass."""

from __future__ import annotations

import pytest

from slmcode.features.edits.outcome import Verdict
from tests.features.edits.contracts.judging import judged, replaced

SOURCE = '''\
import os

LIMIT = 10


«def area(width, height=1, *rest, scale=2.0):
    # Negative sizes count as none.
    if width < 0 or height < 0:  # noqa: PLR2004
        return 0
    total = width * height
    for each in rest:
        total += each
        os.stat(f"{each}")
    return total * scale
»

def other():
    """Other things."""
    return area(LIMIT)
'''
HEAD = "def area(width, height=1, *rest, scale=2.0):\n"
DOC = '    """Multiply the sides."""\n'
GOOD = replaced(SOURCE, (HEAD, HEAD + DOC))


def edited(*pairs: tuple[str, str]) -> str:
    """The function with its docstring, and something else done to it."""
    return replaced("«" + GOOD + "»", *pairs)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (edited(("total += each", "total -= each")), "it changes `total += each`"),
        (edited(("total += each", "total += rest")), "it changes `total += each`"),
        (edited(("width * height", "height * width")), "it changes `total = width * height`"),
        (edited(("        total += each\n", "")), "`total += each` is gone"),
        (edited(("return 0", "return 0.0")), "it changes `return 0`"),
        (edited(("return 0", "return False")), "it changes `return 0`"),
        (edited(("< 0 or", "<= 0 or")), "it changes `if width < 0"),
        (edited(("width < 0 or height < 0", "width < height < 0")), "it changes `if width < 0"),
        (edited((" or ", " and ")), "it changes `if width < 0"),
        (edited(("height=1", "height=2")), "it changes `def area"),
        (edited(("height=1", "height")), "it changes `def area"),
        (edited(("*rest, scale", "*rest, factor"), ("* scale", "* factor")), "it changes `def"),
        (edited(("width, height=1", "width, /, height=1")), "it changes `def area"),
        (edited(("def area", "async def area")), "it changes `def area"),
        (edited(("def area", "@cache\ndef area")), "it changes `def area"),
        (edited(('f"{each}"', '"{each}"')), "it changes `os.stat"),
        (edited(('f"{each}"', 'b"{each}"')), "it changes `os.stat"),
        (edited(("    return total * scale", "        return total * scale")), "it adds `return"),
        (edited(("for each in", "for еach in")), "it changes `for each in"),  # a Cyrillic letter
        (edited(("    return total * scale\n", "    pass\n")), "it changes `return total"),
        (HEAD + DOC + "    pass\n", "`if width < 0 or height < 0:  # noqa: PLR2004` is gone"),
        (
            edited(("return total * scale", "return total * scale\n    print()")),
            "it adds `print()`",
        ),
        (edited(("os.stat", "os.lstat")), "it changes `os.stat"),
        (edited(("  # noqa: PLR2004", "")), "the comment `# noqa: PLR2004`, which a program"),
        (
            edited(("        return 0\n", "        return 0  # noqa\n")),
            "it adds the comment `# noqa`",
        ),
        (
            edited(
                ("  # noqa: PLR2004", ""),
                ("        return 0\n", "        return 0  # noqa: PLR2004\n"),
            ),
            "the comment `# noqa: PLR2004`, which a program reads, has moved",
        ),
        (edited(("    # Negative sizes count as none.\n", "")), "the comment `# Negative sizes"),
        (edited(("Negative sizes", "Some sizes")), "the comment `# Negative sizes"),
        (edited((DOC, "")) + "    # text\n", "area has no docstring"),
        (
            edited((DOC, ""), ("        return 0\n", "        return 0\n" + DOC)),
            "the string in line 10 is no",
        ),
        (edited(('"""Multiply', 'f"""Multiply')), "the string in line 7 is an f-string"),
        (edited(('"""Multiply', 'b"""Multiply')), "the string in line 7 is made of bytes"),
        (
            edited((DOC, ""), ("def area", '"""Multiply the sides."""\ndef area')),
            "the string in line 6 is no",
        ),
        (edited(("Multiply the sides.", "")), "the docstring is empty"),
        (edited(("Multiply the sides.", "...")), "the docstring is empty"),
        (
            edited(("Multiply the sides.", "TODO: add docstring here")),
            "the docstring is a placeholder",
        ),
        (edited(("Multiply the sides.", "_summary_")), "the docstring is a placeholder"),
        (
            edited(("Multiply the sides.", "The area function.")),
            "the docstring only repeats the name",
        ),
        (
            edited(("sides.", "sides.\n\n    Args:\n        depth: how deep.\n    ")),
            "the docstring describes depth",
        ),
        (
            edited(
                (
                    "sides.",
                    "sides.\n\n    Parameters\n    ----------\n    depth : int\n        How.\n    ",
                )
            ),
            "the docstring describes depth",
        ),
        (
            edited(("sides.", "sides.\n\n    :param int depth: how deep\n    ")),
            "the docstring describes depth",
        ),
        (
            edited(("sides.", "sides." + "\n    More of it." * 90)),
            "the docstring is too long (91 lines",
        ),
        (
            edited(("sides.", "sides." + "\n    More of the same." * 9)),
            "the docstring repeats itself",
        ),
        (edited(("the sides", r"the \sides")), r"the docstring has the escape \s"),
        (edited(("    if width", "  if width")), "it does not parse"),
    ],
)
def test_planted_violations(new: str, reason: str) -> None:
    judgement = judged("docstring", SOURCE, new)
    assert judgement.fault.startswith(reason)


NUMPY = (
    "sides.\n"
    "\n"
    "    Parameters\n"
    "    ----------\n"
    "    width, height : int\n"
    "        The sides.\n"
    "    *rest\n"
    "        More.\n"
    "\n"
    "    Returns\n"
    "    -------\n"
    "    int\n"
    "        The area.\n"
    "    "
)
GOOGLE = (
    "sides.\n"
    "\n"
    "    Args:\n"
    "        width (int): one side.\n"
    "            Or: none.\n"
    "        *rest: more.\n"
    "        scale: A factor.\n"
    "\n"
    "    Returns:\n"
    "        float: the area.\n"
    "    "
)
SPHINX = "sides.\n\n    :param width: one side\n    :type width: int\n    :returns: the area\n    "


@pytest.mark.parametrize(
    "new",
    [
        GOOD,
        edited(("Multiply the sides.", "Größe. 平方")),
        edited(('"""Multiply the sides."""', "'Multiply the sides.'")),
        edited(('"""Multiply the sides."""', r'r"""Multiply \sides."""')),
        edited(("sides.", NUMPY)),
        edited(("sides.", GOOGLE)),
        edited(("sides.", SPHINX)),
        edited(
            ("    # Negative sizes count as none.\n", ""),
            ("sides.", "sides.\n\n    Negative sizes count as none.\n    "),
        ),
        edited(("    total =", "    # Without the rest.\n    total =")),
        edited(("total * scale", "(total * scale)")),
        edited(
            ("(width, height=1, *rest, scale=2.0)", "(\n    width, height=1, *rest, scale=2.0\n)")
        ),
    ],
)
def test_good_edits(new: str) -> None:
    judgement = judged("docstring", SOURCE, new)
    assert judgement.fault == ""
    assert judgement.verdict is Verdict.VERIFIED
    assert judgement.checked == "the code is the same apart from comments and docstrings"


DOCUMENTED = '''\
import doctest

«class Sum:
    """Adds.

    >>> Sum().of(1)
    1
    """

    def of(self, *numbers: int) -> int:
        """Add numbers."""
        return sum(numbers)

    def twice(self): pass
»'''
DOCUMENTED_CODE = DOCUMENTED.partition("«")[2][:-1]


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (replaced(DOCUMENTED, ('        """Add numbers."""\n', "")), "the docstring of of is gone"),
        (replaced(DOCUMENTED, (">>> Sum().of(1)\n    1\n", "")), "an example in the docstring"),
        (replaced(DOCUMENTED, ("    1\n", "    2\n")), "an example in the docstring"),
        (replaced(DOCUMENTED, ("Sum().of(1)", "Sum().of(2)")), "an example in the docstring"),
        (DOCUMENTED_CODE + "# The end.\n", "no docstring is new or changed"),
        (replaced(DOCUMENTED, ('"""Add numbers."""', "# Add numbers.")), "the docstring of of"),
        (
            replaced(DOCUMENTED, ("*numbers", "*number"), ("sum(numbers)", "sum(number)")),
            "it changes",
        ),
        (replaced(DOCUMENTED, (": int) ->", ") ->")), "it changes"),
        (
            replaced(DOCUMENTED, ("pass", '\n        """The second, too."""\n        return None')),
            "it adds",
        ),
    ],
)
def test_planted_violations_in_documented_code(new: str, reason: str) -> None:
    assert judged("docstring", DOCUMENTED, new).fault.startswith(reason)


def test_the_only_statement_may_become_a_docstring() -> None:
    new = replaced(DOCUMENTED, ("pass", '\n        """Add it two times."""'))
    assert judged("docstring", DOCUMENTED, new).fault == ""


def test_new_examples_are_not_run_which_is_said() -> None:
    new = replaced(
        DOCUMENTED, ("Add numbers.", "Add numbers.\n\n        >>> 1\n        1\n        ")
    )
    judgement = judged("docstring", DOCUMENTED, new)
    assert judgement.fault == ""
    assert judgement.verdict is Verdict.NOT_VERIFIED
    assert judgement.checked.endswith("the examples in the docstring were not run")


def test_a_docstring_the_program_reads_stays() -> None:
    source = '«"""Usage: x"""\nprint(__doc__)\n»'
    judgement = judged("docstring", source, '"""Use: x, with care"""\nprint(__doc__)\n')
    assert judgement.fault.startswith("the program reads its own docstring")


def test_a_coding_line_stays_in_its_line() -> None:
    source = "«# coding: latin-1\nx = 1\n»"
    new = '# One.\n# Two.\n# coding: latin-1\n"""A module of one."""\nx = 1\n'
    assert "which a program reads, has moved" in judged("docstring", source, new).fault


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_endings_do_not_matter(end: str) -> None:
    source, new = SOURCE.replace("\n", end), GOOD.replace("\n", end)
    assert judged("docstring", source, new).fault == ""
    changed = new.replace("+=", "-=")
    assert judged("docstring", source, changed).fault.startswith("it changes `total += each`")


def test_a_file_with_a_syntax_error_elsewhere_is_judged_by_its_lines() -> None:
    source = "print 'Python 2'\n\nclass A:\n«    def f(self):\n        return 1\n»\n"
    judgement = judged(
        "docstring", source, '    def f(self):\n        """Give one."""\n        return 1\n'
    )
    assert judgement.fault == ""
    assert judgement.verdict is Verdict.NOT_VERIFIED
    assert "the selected lines were looked at alone" in judgement.checked
    bad = judged(
        "docstring", source, '    def f(self):\n        """Give one."""\n        return 2\n'
    )
    assert bad.fault.startswith("it changes `return 1` to `return 2`")


def test_lines_with_a_syntax_error_are_refused() -> None:
    source = "«def f(self):\n    print 'x'\n»"
    judgement = judged("docstring", source, "def f(self):\n    '''Print it.'''\n    print 'x'\n")
    assert judgement.fault.startswith("the code has a syntax error")


JAVA = """\
class A {
«    int f(int x, int y) {
        // Why not.
        return x + 1; // NOLINT
    }
»    int g() { return f(1, 2); }
}
"""
JAVA_HEAD = "    int f(int x, int y) {\n"
JAVA_DOC = "    /**\n     * Adds one.\n     * @param x a number\n     */\n"
SCRIPT = """\
// eslint-disable-next-line no-unused-vars
«export function f(x) {
  // @ts-ignore
  const text = 'a b';
  return `${x} ${text}`;
}
»f();
"""
SCRIPT_DOC = "/** Joins it. */\n"
GO = (
    "package p\n"
    "\n"
    "«//go:noinline\n"
    "func F(x int) int {\n"
    "\treturn x * 60\n"
    "}\n"
    "»\n"
    "func G() int {\n"
    "\treturn F(1)\n"
    "}\n"
    ""
)
RUST = "«#[inline]\npub fn f(x: u8) -> u8 {\n    x + 1\n}\n»\nfn g() {\n}\n"
C = "«int f(int x)\n{\n#ifdef A\n    return x ? 'a' : \"b  c\"[0];\n#endif\n    return 1;\n}\n»"
COBOL = """\
       IDENTIFICATION DIVISION.
       PROGRAM-ID. A.
       PROCEDURE DIVISION.
«       MAIN-PARA.
           DISPLAY 'A'.
»           STOP RUN.
"""
COBOL_DOC = "      * Shows it.\n"


def java(*pairs: tuple[str, str]) -> str:
    return JAVA_DOC + replaced(JAVA, *pairs)


def script(*pairs: tuple[str, str]) -> str:
    return SCRIPT_DOC + replaced(SCRIPT, *pairs)


@pytest.mark.parametrize(
    ("language", "source", "new", "reason"),
    [
        ("java", JAVA, java(("x + 1", "x + 2")), "it changes `return x + 1;"),
        ("java", JAVA, java(("x + 1", "x - 1")), "it changes `return x + 1;"),
        ("java", JAVA, java(("x + 1", "1 + x")), "it changes `return x + 1;"),
        ("java", JAVA, java(("int x, int y", "int y, int x")), "it changes `int f(int x, int y)"),
        ("java", JAVA, java(("    int f", "    public int f")), "it changes `int f(int x"),
        (
            "java",
            JAVA,
            java(("        return x + 1; // NOLINT\n", "")),
            "it changes `return x + 1; // NOLINT` to `}`",
        ),
        (
            "java",
            JAVA,
            java((" // NOLINT", "")),
            "the comment `// NOLINT`, which a program reads, is",
        ),
        ("java", JAVA, java(("        // Why not.\n", "")), "the comment `// Why not.` is gone"),
        ("java", JAVA, java().replace("param x", "param z"), "the comment describes z, which f"),
        (
            "java",
            JAVA,
            java().replace("Adds one.", "f").replace("     * @param x a number\n", ""),
            "the comment only repeats",
        ),
        (
            "java",
            JAVA,
            replaced(JAVA, ("// Why not.", "// Why not.\n        // More.")),
            "there is no new comment right above f",
        ),
        (
            "java",
            JAVA,
            replaced(JAVA, ("f(int x", "f(/* the\n sum */ int x")),
            "the comment `/* the` shares",
        ),
        ("javascript", SCRIPT, script(("'a b'", "'a  b'")), "it changes `const text = 'a b';`"),
        ("javascript", SCRIPT, script(("'a b'", '"a b"')), "it changes `const text = 'a b';`"),
        ("javascript", SCRIPT, script(("const", "let")), "it changes `const text"),
        ("javascript", SCRIPT, script(("${x} ${text}", "${x}  ${text}")), "it changes `return"),
        (
            "javascript",
            SCRIPT,
            script(("  // @ts-ignore\n", "")),
            "the comment `// @ts-ignore`, which",
        ),
        (
            "javascript",
            SCRIPT,
            script(),
            "the comment `// eslint-disable-next-line no-unused-vars`, which",
        ),
        (
            "go",
            GO,
            "// F is it, all.\n" + replaced(GO, ("60", "3600")),
            "it changes `return x * 60`",
        ),
        (
            "go",
            GO,
            "// F is it, all.\n" + replaced(GO, ("//go:noinline\n", "")),
            "the comment `//go:noinline`",
        ),
        (
            "go",
            GO,
            replaced(GO, ("noinline\n", "noinline\n// F is it, all.\n")),
            "the comment `//go:noinline`",
        ),
        ("rust", RUST, "/// Adds one.\n" + replaced(RUST, ("#[inline]\n", "")), "it changes"),
        (
            "rust",
            RUST,
            "//! Adds one.\n" + replaced(RUST),
            "the comment `//! Adds one.` must begin",
        ),
        (
            "rust",
            RUST,
            "/// Adds one.\n" + replaced(RUST, ("x + 1\n", "x + 1\n    /// It.\n")),
            "nothing follows",
        ),
        ("c", C, "/* Or so. */\n" + replaced(C, ("b  c", "b c")), "it changes"),
        ("cobol", COBOL, COBOL_DOC + replaced(COBOL, ("'A'", "'B'")), "it changes `DISPLAY 'A'"),
        ("cobol", COBOL, COBOL_DOC + replaced(COBOL, ("           DISP", "      *    DISP")), "it"),
        ("c", C, "/* Or so. */\n" + replaced(C, ("#ifdef", "#ifndef")), "it changes"),
        ("c", C, "// C:\\\n" + replaced(C), "f is not defined any more"),
    ],
)
def test_planted_violations_in_other_languages(
    language: str, source: str, new: str, reason: str
) -> None:
    assert judged("docstring", source, new, language=language).fault.startswith(reason)


@pytest.mark.parametrize(
    ("language", "source", "new"),
    [
        ("java", JAVA, java()),
        ("java", JAVA, "    // Adds one.\n" + replaced(JAVA)),
        ("go", GO, "// F is it, all.\n" + replaced(GO)),
        ("rust", RUST, "/// Adds one.\n" + replaced(RUST)),
        ("c", C, "/* Or so. */\n" + replaced(C)),
        ("c", "«/* Old. */\nint f(void);\n»", "/* New words. */\nint f(void);\n"),
        (
            "shellscript",
            '«f() {\n  echo "$1  #x"\n}\n»f a\n',
            '# Prints it.\nf() {\n  echo "$1  #x"\n}\n',
        ),
        (
            "lua",
            "«local function f(x)\n  return x\nend\n»",
            "-- Gives it back.\nlocal function f(x)\n  return x\nend\n",
        ),
        (
            "php",
            "<?php\n«function f($x) {\n  return $x;\n}\n»",
            "/**\n * Gives it.\n * @param int $x it\n */\nfunction f($x) {\n  return $x;\n}\n",
        ),
        (
            "cobol",
            COBOL,
            COBOL_DOC + replaced(COBOL),
        ),
        ("typescript", "«@dec()\nclass A {}\n»", "/** Holds nothing. */\n@dec()\nclass A {}\n"),
        (
            "csharp",
            "class B {\n«    int F(int x) => x;\n»}\n",
            '    /// <summary>It.</summary>\n    /// <param name="x">x</param>\n'
            "    int F(int x) => x;\n",
        ),
    ],
)
def test_good_edits_in_other_languages(language: str, source: str, new: str) -> None:
    judgement = judged("docstring", source, new, language=language)
    assert judgement == ("", "the code is the same apart from comments", Verdict.VERIFIED)


def test_a_doc_comment_above_the_selection_is_not_doubled() -> None:
    source = "class A {\n    /** One. */\n«    int f() { return 1; }\n»}\n"
    new = "    /** It is one. */\n    int f() { return 1; }\n"
    judgement = judged("docstring", source, new, language="java")
    assert judgement.fault == "f has a doc comment already: select that too"


LONG = "".join(f"def f{n}(a):\n    return a\n\n\n" for n in range(30))


@pytest.mark.parametrize("at", [0, 1, 29])
def test_only_what_may_have_changed_is_compared(at: int) -> None:
    """Functions above and below are left out; those in the lines are not."""
    function = f"def f{at}(a):\n    return a\n"
    source = LONG.replace(function, f"«{function}»")
    good = f'def f{at}(a):\n    """Give it back."""\n    return a\n'
    assert judged("docstring", source, good).fault == ""
    bad = good.replace("return a", "return -a")
    assert judged("docstring", source, bad).fault == "it changes `return a` to `return -a`"


def test_a_module_may_get_its_docstring() -> None:
    source = "«import os\n»\n\ndef f():\n    return os\n"
    assert judged("docstring", source, '"""What it is for."""\nimport os\n').fault == ""
    wrong = judged("docstring", source, 'import os\n"""What it is for."""\n')
    assert wrong.fault.startswith("the string in line 2 is no docstring")
