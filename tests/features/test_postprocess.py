"""What is taken off a suggestion, in tables. `ˇ` is the cursor."""

from __future__ import annotations

import pytest

from slmcode.features import postprocess


@pytest.mark.parametrize(
    ("line", "suggestion", "kept"),
    [
        ("foo(ˇ)", "a)", "a"),
        ("foo(ˇ", "a)", "a)"),
        ("foo(bar(ˇ)", "a))", "a)"),
        ("foo(bar(ˇ))", "a))", "a"),
        ("foo(ˇ)", "bar(x)", "bar(x)"),
        ("if (ˇ) {", "x) {", "x"),
        ("def f(ˇ):", "a, b):\n    return a", "a, b"),
        ("x = [ˇ]", "1, 2]", "1, 2"),
        ("x[ˇ]", "y[0]", "y[0]"),
        ("  ˇ)", "a) + (b", "a"),  # opened on a line above
        ("  ˇ", "a)", "a)"),
        ("print('ˇ')", "hello')", "hello"),
        ("print(ˇ)", "'a)'", "'a)'"),  # a bracket in a string closes nothing
        ("let x = ˇ;", "f();", "f()"),
        ("let x = f(ˇ);", "g(1);", "g(1);"),
        ("f(ˇ, b)", "a, b)", "a"),
        ("don't(ˇ)", "x)", "x"),
        ("ˇ", "", ""),
        ("f(ˇ)", ")", ""),
    ],
)
def test_balance(line: str, suggestion: str, kept: str) -> None:
    left, right = line.split("ˇ")
    assert postprocess.balance(suggestion, left, right) == kept


@pytest.mark.parametrize(
    ("document", "suggestion", "kept"),
    [
        ("x = 1\nˇ\nreturn x\n", "return x", ""),
        ("    ˇ\n    return x\n", "y = 2\n    return x", "y = 2"),
        ("    ˇ\n    return x\n", "y = 2\n    return x\n", "y = 2"),
        ("    ˇ\n    return x\n", "y = 2\n    return y", "y = 2\n    return y"),
        ("    ˇ\n}\n", "a();\n}", "a();"),
        ("    ˇ\n}\n", "if (x) {\n        a();\n    }", "if (x) {\n        a();\n    }"),
        ("    ˇ\n}\n", "a();\n}\n\nb();", "a();"),
        ("ret = ˇ\nret = 2\n", "2", ""),
        ("foo(ˇ)\n2\n", "2", "2"),
        ("ˇ\n\n\nimport os\n", "import sys\nimport os\n", "import sys"),
        ("ˇ", "x = 1\ny = 2", "x = 1\ny = 2"),
        ("ˇ\na = 1\nb = 2\n", "b = 2", "b = 2"),  # only what follows at once is a repetition
    ],
)
def test_cut_repetition(document: str, suggestion: str, kept: str) -> None:
    before, after = document.split("ˇ")
    assert postprocess.cut_repetition(suggestion, before.split("\n")[-1], after) == kept


@pytest.mark.parametrize(
    ("language_id", "base_indent", "text", "after", "block"),
    [
        ("python", 0, "return 1\n\ndef g", "", "return 1"),
        ("python", 0, "\n    return 1\nx", "", "\n    return 1"),
        ("python", 0, "x = 1\n    if x:\n        y\n    z", "", None),
        ("python", 4, "if x:\n            y\n    def g", "", "if x:\n            y"),
        ("python", 0, "x = 1\n\n\n    y = 2\n", "", "x = 1"),
        ("python", 0, "x = 1\n\n    y = 2\n", "", None),
        ("python", 0, "x = 1\n    return x\n", "\n    return x\n", "x = 1"),
        ("javascript", 0, "a();\n}\nb();", "", "a();\n}"),
        ("javascript", 0, "a();\n}", "", None),  # `});` may follow
        ("javascript", 0, "a();\n}\n", "\n}\n", "a();"),
        ("javascript", 2, "a();\n  }\n  b();", "\n}\n", "a();\n  }"),
        ("javascript", 0, "if (a) {\n    b();\n  }\n", "\n}\n", None),
        ("javascript", 0, " a(); }\n", "}", " a();"),
        ("ruby", 0, "x\nend\ndef g", "", "x\nend"),
        ("ruby", 0, "x\nend\n", "\nend\n", "x"),
        ("lua", 0, "x()\nelse\n  y()\nend\n", "", "x()"),
        ("python", -1, "a\nb\nc\nd\ne\nf", "", "a\nb\nc\nd\ne"),  # five lines at most
        ("python", -1, "a\nb\nc\nd\ne", "", None),
        ("python", -1, "a\nb\n```\n\nThis is", "", "a\nb"),  # the model goes on as a chat
        ("python", 0, "\n    x = 1\n    ```", "", None),  # in a docstring, perhaps
        ("markdown", -1, "a\n```\nb", "", None),
    ],
)
def test_complete_block(
    language_id: str, base_indent: int, text: str, after: str, block: str | None
) -> None:
    end = postprocess.complete_block(text, base_indent, language_id, after, max_lines=5)
    assert (None if end is None else text[:end]) == block


def test_a_block_once_closed_stays_closed_while_the_text_grows() -> None:
    """Streaming asks again with every token: later text must not move an end that was found."""
    text = "if (a) {\n    b();\n  }\n  c();\n}\nd();\n\n\ne();\n"
    ends = [
        postprocess.complete_block(text[:n], 0, "javascript", "", 12) for n in range(len(text) + 1)
    ]
    closed = [end for end in ends if end is not None]
    assert set(closed) == {text.index("}\nd") + 1}
    assert ends.index(closed[0]) == text.index("d();")


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("return fo", "return"),
        ("return foo(", "return foo("),
        ("fo", "fo"),
        ("a = 1\nb = fo", "a = 1"),
        ("\n    retu", "\n    retu"),
        ("\n    return x", "\n    return"),
        ("", ""),
        ("x = 'é", "x = '"),
    ],
)
def test_last_piece(text: str, piece: str) -> None:
    assert postprocess.last_piece(text, final=False) == piece
    assert postprocess.last_piece(text, final=True) == text


@pytest.mark.parametrize(
    ("text", "ending", "cleaned"),
    [
        ("a  \n\n  b\t\n", "\n", "a\n\n  b"),
        ("a\n  b", "\r\n", "a\r\n  b"),
        ("a\r\nb", "\r\n", "a\r\nb"),
        ("a\x0cb\x00\ufffd", "\n", "ab"),
        (" \n ", "\n", ""),
        ("\n    x", "\r", "\r    x"),
    ],
)
def test_clean(text: str, ending: str, cleaned: str) -> None:
    assert postprocess.clean(text, ending) == cleaned


@pytest.mark.parametrize(
    ("text", "ending"), [("a\r\nb\n", "\r\n"), ("a\nb\r\n", "\n"), ("a\rb", "\r"), ("a", "\n")]
)
def test_line_ending_is_that_of_the_first_line(text: str, ending: str) -> None:
    assert postprocess.line_ending(text) == ending
