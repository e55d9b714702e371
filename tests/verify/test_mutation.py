"""Seeded faults: each is one small thing, and the rest of the text is as it was."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from pathlib import Path

import pytest

from slmcode.verify import mutation
from slmcode.verify.mutation import faults, mutants


def changed(source: str) -> set[str]:
    """The lines that the mutants have in place of those of `source`, stripped."""
    source = textwrap.dedent(source)
    last = source.count("\n") + 1
    lines = source.split("\n")
    found = set()
    for mutant in mutants(source, 1, last, 1000):
        new = mutant.text.split("\n")
        assert len(new) == len(lines)
        (line,) = (b.strip() for a, b in zip(lines, new, strict=True) if a != b)
        found.add(line)
    return found


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("return a == b", "return a != b"),
        ("return a < b", "return a <= b"),
        ("return (a) is  not (b)", "return (a) is (b)"),
        ("return a not in b", "return a in b"),
        ("return a < b <= c", "return a < b < c"),
        ("return a + b", "return a - b"),
        ("return a // b", "return a * b"),
        ("return 'é' + a * b", "return 'é' + a / b"),
        ("return (a ** (b))", "return (a * (b))"),
        ("return a and b", "return a or b"),
        ("return not a", "return   a"),
        ("return -a", "return  a"),
        ("return a", "return None"),
        ("return 7", "return 8"),
        ("return 2.5", "return 3.5"),
        ("return True", "return False"),
        ("return 'abc'", 'return ""'),
        ("return ''", 'return "x"'),
        ("return b'abc'", 'return b""'),
        ("return [x for x in a if x]", "return [x for x in a if not (x)]"),
        ("return b if a else c", "return b if not (a) else c"),
        ("a.append(b)", "pass"),
        ("a.b = c", "pass"),
        ("a += b", "a -= b"),
        ("a += b", "pass"),
        ("raise ValueError('x')", "pass"),
        ("for x in range(a): print(x)", "for x in range((a) - 1): print(x)"),
        ("for x in range(a, b): print(x)", "for x in range(a, (b) - 1): print(x)"),
        ("for x in a: continue", "for x in a: break"),
        ("x: int = 1", "x: int = 2"),
    ],
)
def test_each_kind_of_fault(body: str, wanted: str) -> None:
    found = changed(f"def f(a, b, c):\n    {body}\n")
    assert wanted in found


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """One 1 + 1."""\n',
        "def f(a: Literal[1]) -> Literal['x']:\n    pass\n",
        "@decorated(1)\ndef f():\n    pass\n",
        "def f(a):\n    return None\n",
        "def f(a):\n    x = f'{a + 1}'\n",
        "def f(:\n    return 1\n",
        "",
        "x = '\ud800'",
        "x = 1\0",
    ],
)
def test_where_nothing_is_to_be_made_wrong(source: str) -> None:
    assert mutants(source, 1, 100, 100) == []


def test_only_the_lines_asked_for() -> None:
    source = "a = 1\ndef f():\n    return 2\nb = 3\n"
    assert {m.line for m in mutants(source, 2, 3, 100)} == {3}


def test_an_operator_inside_of_brackets_or_strings_is_not_taken_for_the_operator() -> None:
    assert "x = (a, '+') - b" in changed("x = (a, '+') + b\n")
    assert "x = ((a)) - (b)" in changed("x = ((a)) + (b)\n")


def test_line_endings_and_form_feeds_stay() -> None:
    source = "def f(a):\r\n    \f\r\n    b = 'x\\\r\ny'\r\n    return a + b\r\n"
    found = [m.text for m in mutants(source, 4, 5, 100)]
    assert source.replace("a + b", "a - b") in found


def test_few_mutants_are_spread_over_the_function() -> None:
    source = "def f(a):\n" + "    a += 1\n" * 99 + "    return a\n"
    lines = [m.line for m in mutants(source, 1, 101, 5)]
    assert lines == [2, 101, 52, 27, 77]


def test_the_same_source_gives_the_same_mutants() -> None:
    source = inspect.getsource(mutation)
    assert mutants(source, 1, 400, 50) == mutants(source, 1, 400, 50)


def test_mutants_of_our_own_code_compile_and_differ_in_one_place() -> None:
    path = Path(mutation.__file__)
    source = path.read_text(encoding="utf-8")
    found = mutants(source, 1, source.count("\n"), 1000)
    assert len(found) > 100
    tree = ast.dump(ast.parse(source))
    for mutant in found[::10]:
        assert ast.dump(ast.parse(mutant.text)) != tree
        opcodes = difflib.SequenceMatcher(
            None, source.split("\n"), mutant.text.split("\n"), autojunk=False
        ).get_opcodes()
        assert sum(code[0] != "equal" for code in opcodes) == 1


def test_faults_of_a_translation_are_drawn_by_seed() -> None:
    text = (
        "class P:\n    def __init__(self):\n        self.n = 5\n\n"
        "    def main(self):\n        if self.n > 3:\n            self.n += 1\n"
        "        print(self.n * 2)\n\n\nif __name__ == '__main__':\n    P().main()\n"
    )
    found = faults(text, 4, seed=1)
    assert len(found) == 4
    assert found == faults(text, 4, seed=1)
    assert found != faults(text, 4, seed=2)
    every = faults(text, 1000, seed=1)
    assert {one.line for one in every} == {6, 7, 8}, "nothing of what fields begin with"
    assert len({one.text for one in every}) == len(every)
    assert faults("def (", 3, seed=1) == []
