"""A file from afar."""

from __future__ import annotations

import pytest

from slmcode.syntax.parser import parse
from slmcode.syntax.statements import names, statements


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("python", '"""Doc é."""\nimport os\n# no\nx = "é"\nf()\n', ['x = "é"', "f()"]),
        ("python", "from a import b\nif x:\n    y = 1\n", ["if x:\n    y = 1"]),
        ("go", 'package a\n\nimport "b"\n\nvar x = 1\n', ["var x = 1"]),
        ("c", "#include <a.h>\n/* no */\nint x = 1;\n", ["int x = 1;"]),
        ("javascript", "#!/usr/bin/node\nimport a from 'b';\nx();\n", ["x();"]),
    ],
)
def test_what_is_code_at_the_top(language: str, text: str, code: list[str]) -> None:
    found = statements(parse(language, text))
    assert [text[s.start : s.end] for s in found if s.is_code] == code


def test_names_stand_where_the_text_has_them() -> None:
    text = '# é a\nx = "é b" + f(y.z)\n'
    found = names(parse("python", text))
    assert [name for _, name in found] == ["x", "f", "y", "z"]
    assert all(text.startswith(name, at) for at, name in found)
