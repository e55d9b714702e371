"""Exact rules: what they make of a method, and what they leave alone because it would differ.

Every text is run before and after; a rule must not change what it prints.
"""

from __future__ import annotations

import contextlib
import io
import textwrap

import pytest

from slmcode.features.translation import tidy
from slmcode.features.translation.rules import RULES

HEAD = """class Program:
    def run(self):
        try:
            self.main()
        except SystemExit:
            pass

    def stop(self):
        raise SystemExit


def edit(number, picture):
    if picture == "9(4)":
        return str(number).zfill(4)
    return str(number).rjust(6)


def trim(text):
    return text.strip()


class P(Program):
    def __init__(self) -> None:
        super().__init__()
"""
TAIL = """

if __name__ == "__main__":
    P().run()
"""


def program(data: str, *methods: str) -> str:
    body = textwrap.indent(textwrap.dedent(data), " " * 8)
    parts = [textwrap.indent(textwrap.dedent(m), " " * 4) for m in methods]
    return HEAD + body + "".join(f"\n{p}" for p in parts) + TAIL


def printed(text: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "t", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def check(data: str, *methods: str, after: str | None, key: str = "P.main") -> None:
    """`after` is the method afterwards; None: nothing may be changed."""
    before = program(data, *methods)
    text, _ = tidy.tidied(before, [key], RULES)
    assert printed(text) == printed(before)
    if after is None:
        assert text == before
    else:
        assert textwrap.indent(textwrap.dedent(after), " " * 4) in text


def test_a_counter_becomes_a_range() -> None:
    check(
        """\
        self.i = 0  # PIC 9(3)
        self.n = 4  # PIC 9(3)
        """,
        """\
        def main(self) -> None:
            # all of them
            self.i = 1
            while not self.i > self.n:
                print(self.i)  # one
                self.i += 1
        """,
        after="""\
        def main(self) -> None:
            n = 4  # PIC 9(3)
            # all of them
            for i in range(1, n + 1):
                print(i)  # one
        """,
    )


def test_a_counter_that_is_cut_becomes_a_range_where_the_bound_cannot_reach_the_cut() -> None:
    check(
        "self.i = 0  # PIC 9(3)\n",
        """\
        def main(self) -> None:
            self.i = 5
            while self.i <= 7:
                print(self.i)
                self.i = (self.i + 1) % 1_000
        """,
        after="""\
        def main(self) -> None:
            for i in range(5, 8):
                print(i)
        """,
    )


def test_a_counter_that_goes_down() -> None:
    check(
        "self.i = 0  # PIC S9(3)\n",
        """\
        def main(self) -> None:
            self.i = 5
            while self.i >= 1:
                print(self.i)
                self.i -= 2
        """,
        after="""\
        def main(self) -> None:
            for i in range(5, 0, -2):
                print(i)
        """,
    )


@pytest.mark.parametrize(
    "body",
    [
        "while self.i != 3:\n    print(self.i)\n    self.i += 1",  # it may step over its end
        "while self.i <= 3:\n    print(self.i)\n    self.i += 1\nprint(self.i)",  # needed behind
        "while self.i <= self.n:\n    self.n -= 1\n    print(self.i)\n    self.i += 1",
        "while self.i <= 5:\n    self.i += self.i\n    print(self.i)\n    self.i += 1",
        "while self.i <= 5:\n    if self.i == 2:\n        self.i = 4\n        continue\n"
        "    print(self.i)\n    self.i += 1",
        # it begins again: the bound is beyond the cut
        "while self.i <= 9:\n    self.n += 1\n    if self.n > 30:\n        break\n"
        "    print(self.i)\n    self.i = (self.i + 1) % 9",
    ],
)
def test_a_loop_that_does_more_than_count_stays(body: str) -> None:
    data = "self.i = 0  # PIC 9(1)\nself.n = 4  # PIC 9(1)\n"
    method = "def main(self) -> None:\n    self.i = 1\n" + textwrap.indent(body, "    ") + "\n"
    before = program(data, method)
    text, _ = tidy.tidied(before, ["P.main"], RULES)
    assert printed(text) == printed(before)
    assert "while" in text
    assert "range" not in text


def test_an_attribute_that_another_method_reads_stays() -> None:
    check(
        "self.x = 0  # PIC 9\n",
        """\
        def main(self) -> None:
            self.x = 1
            self.show()
        """,
        "def show(self) -> None:\n    print(self.x)\n",
        after=None,
    )


def test_an_attribute_that_each_method_sets_first_is_local_to_each() -> None:
    data = "self.x = 0  # PIC 9\n"
    methods = (
        "def main(self) -> None:\n    self.a()\n    self.b()\n",
        "def a(self) -> None:\n    self.x = 1\n    print(self.x)\n",
        "def b(self) -> None:\n    self.x = 2\n    print(self.x)\n",
    )
    before = program(data, *methods)
    text, _ = tidy.tidied(before, ["P.a", "P.b"], RULES)
    assert "self.x" not in text
    assert printed(text) == printed(before)


def test_what_a_called_method_may_change_stays() -> None:
    check(
        "self.x = 0  # PIC 9\n",
        "def main(self) -> None:\n    self.x = 1\n    self.b()\n    print(self.x)\n",
        "def b(self) -> None:\n    self.x = 2\n    print(self.x)\n",
        after=None,
    )


def test_a_value_kept_from_call_to_call_stays() -> None:
    check(
        "self.x = 0  # PIC 9\n",
        "def main(self) -> None:\n    self.b()\n    self.b()\n",
        "def b(self) -> None:\n    self.x += 1\n    print(self.x)\n",
        after=None,
        key="P.b",
    )


def test_a_value_set_on_one_way_only_begins_as_declared() -> None:
    check(
        'self.x = "no"  # PIC X(2)\nself.n = 3  # PIC 9\n',
        """\
        def main(self) -> None:
            if self.n > 5:
                self.x = "ok"
            print(self.x)
        """,
        after="""\
        def main(self) -> None:
            x = "no"  # PIC X(2)
            n = 3  # PIC 9
            if n > 5:
                x = "ok"
            print(x)
        """,
    )


def test_a_loop_that_ends_at_its_head() -> None:
    check(
        "self.n = 3  # PIC 9\nself.t = 0\n",
        """\
        def main(self) -> None:
            while True:
                if self.n == 0 or self.t > 9:
                    break
                self.n = self.n - 1
                print(self.n)
        """,
        after="""\
        def main(self) -> None:
            n = 3  # PIC 9
            t = 0
            while not (n == 0 or t > 9):
                n -= 1
                print(n)
        """,
    )


def test_what_is_used_at_once_needs_no_variable() -> None:
    check(
        'self.n = 3  # PIC 9\nself.out = "     0"  # PIC Z(5)9\n',
        """\
        def main(self) -> None:
            self.n = len("12345")
            self.out = edit(self.n, "Z(5)9")
            print(trim(self.out))
            print(self.n)
            self.stop()
        """,
        after="""\
        def main(self) -> None:
            n = len("12345")  # PIC 9
            print(str(n))
            print(n)
            self.stop()
        """,
    )


def test_numbers_in_the_formats_python_has() -> None:
    check(
        """\
        self.n = 7  # PIC 9(3)
        self.big = 7  # PIC 9(9)
        self.minus = 7  # PIC S9(3)
        """,
        """\
        def main(self) -> None:
            print(edit(self.n, "Z(5)9"), edit(self.n, "9(4)"), edit(self.n, "ZZZ,ZZ9"))
            print(edit(self.big, "Z(5)9"), edit(self.minus, "Z(5)9"))
        """,
        after="""\
        def main(self) -> None:
            n = 7  # PIC 9(3)
            big = 7  # PIC 9(9)
            minus = 7  # PIC S9(3)
            print(f"{n:6}", f"{n:04}", edit(n, "ZZZ,ZZ9"))
            print(edit(big, "Z(5)9"), edit(minus, "Z(5)9"))
        """,
    )


def test_data_that_nothing_uses_goes_and_an_init_that_does_nothing() -> None:
    text, done = tidy.tidied(
        program("self.x = 0  # PIC 9\n", "def main(self) -> None:\n    print(1)\n"),
        ["P.main"],
        RULES,
    )
    assert "__init__" not in text
    assert printed(text) == "1\n"
    assert all(rule.is_small for rule in done["P.main"])


def test_values_that_nothing_reads_go_but_not_what_reads_a_line() -> None:
    text, _ = tidy.tidied(
        program(
            "self.x = 0  # PIC 9\nself.y = 0\nself.z = 0\nself.n = 1\n",
            """\
            def main(self) -> None:
                self.x = accept_number(3)
                if self.n > 0:
                    self.y = self.n // 2
                if self.n > 5:
                    print(1)
                elif self.n > 0:
                    self.z = 2
                print(self.n)
            """,
        ),
        ["P.main"],
        RULES,
    )
    assert (
        """
        n = 1
        accept_number(3)
        if n > 5:
            print(1)
        elif n > 0:
            pass
        print(n)
"""
        in text
    )


def test_imports_of_the_runtime_that_are_left_over_go() -> None:
    text = "from slmcode_runtime import Program, edit, trim\n\nProgram(trim)\n"
    assert tidy.without_unused_imports(text).startswith(
        "from slmcode_runtime import Program, trim\n"
    )


def test_a_local_variable_takes_no_name_that_means_something() -> None:
    text, _ = tidy.tidied(
        program(
            "self.max = 0  # PIC 9\n",
            "def main(self) -> None:\n    self.max = max(1, 2)\n    print(self.max, self.max)\n",
        ),
        ["P.main"],
        RULES,
    )
    assert "max_ = max(1, 2)" in text
    assert printed(text) == "2 2\n"


def test_values_change_places_at_once() -> None:
    check(
        "self.t = 0  # PIC 9\nself.a = [1, 2]\nself.i = 1  # PIC 9\n",
        """\
        def main(self) -> None:
            self.i = 1
            while self.i < 3:
                self.t = self.a[0]
                self.a[0] = self.a[self.i]
                self.a[self.i] = self.t
                print(self.a)
                self.i += 5
        """,
        after="""\
        def main(self) -> None:
            a = [1, 2]
            for i in range(1, 3, 5):
                a[0], a[i] = a[i], a[0]
                print(a)
        """,
    )


def test_a_value_that_is_needed_again_does_not_change_places() -> None:
    text = program(
        "self.t = 0  # PIC 9\nself.a = 1\nself.b = 2\n",
        "def main(self) -> None:\n    self.t = self.a\n    self.a = self.b\n"
        "    self.b = self.t\n    print(self.t, self.a, self.b)\n",
    )
    after, _ = tidy.tidied(text, ["P.main"], RULES)
    assert "t = a" in after
    assert printed(after) == printed(text) == "1 2 1\n"


def test_umlauts_move_nothing() -> None:
    check(
        "self.n = 3  # PIC 9\n",
        """\
        def main(self) -> None:
            self.n = 1; print("äöü", self.n); self.n = self.n + 1
            print(self.n)
        """,
        after="""\
        def main(self) -> None:
            n = 1; print("äöü", n); n += 1
            print(n)
        """,
    )
