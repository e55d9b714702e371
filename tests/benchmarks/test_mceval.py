"""The set of programs that check themselves: what is read, and what counts as a pass.

Originals and translations are run in the sandbox; the translator is scripted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mceval, planting
from benchmarks.mceval import Judged, Task
from slmcode.features.translation.pipeline import Request
from slmcode.features.translation.shape import FAITHFUL, IDIOMATIC, Translated, Unit, Verdict

C = {
    "task_id": "C/1",
    "prompt": "#include <assert.h>\nint twice(int n)",
    "canonical_solution": "{\n    return 2 * n;\n}",
    "test": """int main() {
    assert(twice(2) == 4);
    assert(twice(0) == 0); // not twice(1) == 3
    // assert(twice(7) == 15);
    return 0;
}""",
    "entry_point": "twice",
}
PERL = {
    "task_id": "Perl/1",
    "prompt": "sub is_even {\n# whether it is even",
    "canonical_solution": "my ($n) = @_;\nreturn $n % 2 == 0 ? 1 : 0;\n}",
    "test": """sub check {
my $func = shift;
# die "Test failed!" unless &$func(8) == 1;
die "Expected 1, got " . &$func(2) unless &$func(2) == 1;
die "Test failed!" if &$func(3);
die "Test failed!" if $func->(4) != 1;
print "All tests passed!\\n";
}

check(\\&is_even);""",
    "entry_point": "is_even",
}
TWICE = "def twice(n):\n    return 2 * n\n\n\n"
CHECKS = "assert twice(2) == 4\nassert twice(0) == 0\n"


def tasks_of(folder: Path, c: Sequence[Any] = (C,), perl: Sequence[Any] = (PERL,)) -> list[Task]:
    for name, rows in (("C", c), ("Perl", perl)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return mceval.tasks(folder)


@pytest.fixture
def twice(tmp_path: Path) -> Task:
    return tasks_of(tmp_path)[0]


# Reading


def test_a_task_is_a_whole_program_and_languages_take_turns(tmp_path: Path) -> None:
    found = tasks_of(tmp_path, c=[C, C | {"task_id": "C/2"}])
    assert [task.file for task in found] == ["c1.c", "perl1.pl", "c2.c"]
    parts = C["prompt"], C["canonical_solution"], C["test"]
    assert found[0].text == "\n".join(parts) + "\n"
    assert [task.name for task in mceval.tasks(tmp_path, every=2)] == ["C/1", "Perl/1"]


def test_remarks_and_messages_are_no_calls(tmp_path: Path) -> None:
    assert [mceval.calls(task) for task in tasks_of(tmp_path)] == [2, 3]


def test_what_the_checks_want_is_read_off_the_original(tmp_path: Path) -> None:
    c, perl = tasks_of(tmp_path)
    assert mceval.wanted(c) == [4, 0]
    assert mceval.wanted(perl) == [1, False, 1]
    assert isinstance(mceval.wanted(perl)[1], bool)  # its truth only


@pytest.mark.parametrize(
    ("check", "value"),
    [
        ("assert(f(1) == -2);", -2),
        ("assert(f(0x1F, 'a') == 'b');", "b"),
        ("assert(f(1) == false);", 0),
        ('assert(strcmp(f("a", 1), "b c") == 0);', "b c"),
        ("assert(fabs(f(1, 2) - 2.5) < 1e-6);", 2.5),
        ("assert(a == 2 && b == 3);", None),
    ],
)
def test_checks_of_c(check: str, value: object) -> None:
    task = Task("C/1", "c", "", check, "f")
    assert mceval.wanted(task) == ([] if value is None else [value])


# Judging


async def test_a_right_translation_passes(twice: Task) -> None:
    assert (await mceval.judge(twice, TWICE + CHECKS, "")).passed


async def test_checks_in_a_table_under_another_spelling_pass(tmp_path: Path) -> None:
    task = tasks_of(tmp_path)[1]
    python = (
        "def isEven(n):\n    return n % 2 == 0\n\n\n"
        "for n, even in ((2, True), (3, False), (4, True)):\n"
        "    if isEven(n) is not even:\n        raise SystemExit('Test failed!')\n"
        "print('All tests passed!')\n"
    )
    assert await mceval.judge(task, python, "All tests passed!\n") == Judged(True)
    assert await mceval.judge(task, python, "") == Judged(False)  # it prints more


async def test_a_wrong_translation_does_not_pass(twice: Task) -> None:
    wrong = TWICE.replace("2 * n", "3 * n") + CHECKS
    assert await mceval.judge(twice, wrong, "") == Judged(False)
    assert await mceval.judge(twice, "def twice(n:\n", "") == Judged(False)


@pytest.mark.parametrize(
    ("python", "lost"),
    [
        ("", "there is no twice"),
        (TWICE, "0 of 2 wrong results are noticed"),
        (TWICE + "assert twice(2) == 4\n", "1 of 2 wrong results are noticed"),
        (TWICE + "assert twice(2) == 4\ntwice(0)\n", "1 of 2 wrong results are noticed"),
        (f"{TWICE}def main():\n    assert twice(2) == 4\n", "0 of 2 wrong results are noticed"),
        (
            TWICE.replace("2 * n", "3 * n") + CHECKS.replace("4", "6"),
            "no call answers 4 in its turn any more",
        ),
        (TWICE + CHECKS.replace("0", "1", 1).replace("0", "2"), "no call answers 0"),
    ],
    ids=["empty", "none", "one left", "one unchecked", "never called", "bent", "another"],
)
async def test_a_translation_that_lost_its_checks_does_not_pass(
    twice: Task, python: str, lost: str
) -> None:
    judged = await mceval.judge(twice, python, "")
    assert judged.alike
    assert judged.lost.startswith(lost)
    assert not judged.passed


async def test_a_result_given_through_an_argument_is_spoilt_too() -> None:
    task = Task("C/1", "c", "", "int main() { f(a); assert(a[0] == 2); }", "f")
    python = "def f(a):\n    a[0] = 2\n\n\na = [1]\nf(a)\n"
    assert (await mceval.judge(task, python + "assert a[0] == 2\n", "")).passed
    assert (await mceval.judge(task, python, "")).lost == "0 of 1 wrong results are noticed"


async def test_calls_of_itself_are_not_counted() -> None:
    task = Task("C/1", "c", "", "assert(f(3) == 6); assert(f(1) == 1);", "f")
    python = "def f(n):\n    return n + f(n - 1) if n > 1 else 1\n\n\nassert f(3) == 6\n"
    assert (await mceval.judge(task, python, "")).lost == "1 of 2 wrong results are noticed"


@pytest.mark.parametrize("value", [True, 0, 7, 1e300, "", "a", b"a", (), (1, "a"), [], {1: 2}, {1}])
def test_a_wrong_result_is_another_one_of_its_type(value: object) -> None:
    wrong = planting.other(value)
    assert wrong != value
    assert type(wrong) is type(value)


@pytest.mark.parametrize(
    ("value", "got", "is_so"),
    [
        (1, True, True),
        (1, 2, False),
        (1, "one", False),
        (True, 2, True),
        (False, [], True),
        (2.5, 2.50001, True),
        (2.5, 2.6, False),
        ("b", 98, True),  # a character of C may be its number
        ("b", "c", False),
        ("1,2", [1, 2], True),
    ],
)
def test_what_is_wanted(value: object, got: object, is_so: bool) -> None:
    assert mceval.is_wanted(value, got) is is_so


# A whole run


def translated(text: str, verdict: Verdict, tries: int = 1, form: str = IDIOMATIC) -> Translated:
    unit = Unit(
        name="a",
        source_lines=(0, 1),
        lines=(0, 1),
        verdict=verdict,
        reason="",
        form=form,
        tries=tries,
    )
    return Translated(language_id="python", text=text, verdict=verdict, reason="", units=(unit,))


async def test_a_run_tells_passed_lost_untranslated_and_unusable(tmp_path: Path) -> None:
    wrong = C["canonical_solution"].replace("2", "3")
    rows = [C | {"task_id": f"C/{n}"} for n in range(4)]
    rows.append(C | {"task_id": "C/4", "canonical_solution": wrong})
    answers = {
        "c0.c": translated(TWICE + CHECKS, Verdict.PROVED),
        "c1.c": translated(TWICE + CHECKS, Verdict.PROVED, tries=2),
        "c2.c": translated("", Verdict.PROVED),
        "c3.c": translated("# not translated\n", Verdict.NOT_PROVED, 3, FAITHFUL),
        "perl1.pl": translated("print('All tests failed!')\n", Verdict.DIFFERS),
    }

    async def translate(request: Request) -> Translated:
        assert request.source_language == ("perl" if request.name.endswith(".pl") else "c")
        return answers[request.name]

    seen: list[dict[str, Any]] = []
    found = await mceval.run(tasks_of(tmp_path, rows), translate, seen.append)
    assert seen == found
    told = mceval.told(found)
    assert told["c"] == {
        "programs": 4,
        "unusable": 1,
        "translated": 3,
        "proved": 3,
        "differs": 0,
        "not_proved": 1,
        "passed": 2,
        "passed_at_first": 1,
        "checks_lost": 1,
        "proved_and_passed": 2,
    }
    perl = {key: n for key, n in told["perl"].items() if n}
    assert perl == {"programs": 1, "translated": 1, "differs": 1}
