"""Originals against translations: the verdict, the smallest input, what is not comparable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from slmcode.verify import differential
from slmcode.verify.coverage import Coverage
from slmcode.verify.differential import Comparison, Verdict, compare, difference
from slmcode.verify.inputs import Facts, Generated, facts, generate
from slmcode.verify.programs import GIVEN, MALFORMED, Input, Outcome, Runnable
from tests.verify.toolchain import built, cobol

SUM = cobol(
    "01 N PIC 9(3).\n01 I PIC 9(3).\n01 S PIC 9(5).\n01 A PIC 9(3).",
    "MAIN-PART.",
    "ACCEPT N.",
    "PERFORM ADD-ONE N TIMES.",
    "DISPLAY S.",
    "STOP RUN.",
    "ADD-ONE.",
    "ACCEPT A.",
    "IF A > 100 ADD 1 TO S ELSE ADD A TO S.",
)
RIGHT = """\
n = int(input())
s = 0
for _ in range(n):
    a = int(input())
    s += 1 if a > 100 else a
print(f"{s:05}")
"""


def made(
    original: Runnable,
    given: Sequence[str | Input],
    known: Facts | None = None,
    *,
    most: int = 200,
    budget_s: float = 30.0,
) -> Generated:
    inputs = [i if isinstance(i, Input) else Input(stdin=i.encode()) for i in given]
    return asyncio.run(
        generate(original, inputs, known or Facts(), seed=3, budget_s=budget_s, most=most)
    )


def only(original: Runnable, *texts: str) -> Generated:
    """No further inputs than these."""
    return made(original, texts, budget_s=0)


def compared(
    original: Runnable, translation: Runnable, inputs: Generated, text: str = "", **options: bool
) -> Comparison:
    known = facts(text, "cobol") if text else None
    return asyncio.run(compare(original, translation, inputs, known, **options))


def python(folder: Path, text: str) -> Runnable:
    return built("python", folder, text)


@pytest.fixture(scope="module")
def summed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Runnable, Generated]:
    """The original with inputs made for it."""
    folder = tmp_path_factory.mktemp("sum") / "b"
    original = built("cobol", folder, SUM, measured=True)
    return original, made(original, ["2\n5\n7\n"], facts(SUM, "cobol"), most=90, budget_s=60)


def test_inputs_reach_every_branch_and_keep_the_shape(summed: tuple[Runnable, Generated]) -> None:
    _, inputs = summed
    assert (inputs.coverage.reached, inputs.coverage.branches) == (4, 4)
    assert inputs.coverage.how == "branches by gcov"
    assert inputs.inputs[0] == Input(stdin=b"2\n5\n7\n", kind=GIVEN)
    shaped = [i for i in inputs.inputs if i.kind != MALFORMED]
    assert len(shaped) >= 60
    for one in shaped:
        first, *others = one.stdin.decode().split()
        assert len(others) == int(first)
    assert len({i.stdin for i in inputs.inputs}) == len(inputs.inputs)


def test_proved(summed: tuple[Runnable, Generated], tmp_path: Path) -> None:
    original, inputs = summed
    found = compared(original, python(tmp_path / "t", RIGHT), inputs)
    assert (found.verdict, found.difference) == (Verdict.PROVED, None)
    assert found.inputs_tried == sum(i.kind != MALFORMED for i in inputs.inputs)
    assert "reach 4 of 4 of the original's branches" in found.reason
    assert found.malformed_tried > 0
    assert found.malformed is not None, "int() refuses what ACCEPT takes"


def test_differs_with_the_smallest_input_and_the_unit(
    summed: tuple[Runnable, Generated], tmp_path: Path
) -> None:
    original, inputs = summed
    wrong = python(tmp_path / "t", RIGHT.replace("a > 100", "a >= 100"))
    found = compared(original, wrong, inputs, SUM)
    assert found.verdict is Verdict.DIFFERS
    assert found.difference is not None
    assert found.difference.input.stdin == b"1\n100\n"
    assert found.difference.expected.stdout == b"00100\n"
    assert found.difference.actual.stdout == b"00001\n"
    assert found.difference.what == "stdout, line 1"
    assert found.difference.unit == "ADD-ONE"
    assert 0 < len(found.failing) < found.inputs_tried
    early = compared(original, wrong, inputs, shrink=False, stop_early=True)
    assert early.verdict is Verdict.DIFFERS


def test_a_translation_that_crashes_or_loops(
    summed: tuple[Runnable, Generated], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differential, "_LEAST_S", 1.0)
    original, _ = summed
    inputs = only(original, "1\n101\n")
    crash = RIGHT.replace("    s +=", "    s += {}[a] if a == 101 else")
    found = compared(original, python(tmp_path / "c", crash), inputs, shrink=False)
    assert found.difference is not None
    assert found.difference.what == "the translation ends with an error"
    assert found.difference.line == 5
    loop = RIGHT.replace("s = 0", "s = 0\nwhile n: pass")
    found = compared(original, python(tmp_path / "l", loop), inputs, shrink=False)
    assert found.reason == "differs on 1 of 1 input: the translation does not end"


def test_files_and_exit_codes_are_compared(tmp_path: Path) -> None:
    text = "import sys\nopen('OUT.DAT', 'w').write({0})\nsys.exit({1})\n"
    original = python(tmp_path / "o", text.format("'a'", 4))
    inputs = only(original, "x")
    for n, (other, what) in enumerate(
        [
            (text.format("'a'", 4), ""),
            (text.format("'b'", 4), "file OUT.DAT"),
            (text.format("'a'", 0), "exit code"),
            ("import sys\nprint('oops', file=sys.stderr)\n" + text.format("'a'", 4), "stderr"),
        ]
    ):
        found = compared(original, python(tmp_path / f"t{n}", other), inputs, shrink=False)
        assert (found.difference.what if found.difference else "") == what


def test_an_original_that_does_not_end_is_not_comparable(tmp_path: Path) -> None:
    original = python(tmp_path / "o", "while input() == 'loop': pass\nprint(1)\n")
    other = python(tmp_path / "t", "print(2)\n")
    stopped = Outcome(stdout=b"", stderr=b"", exit_code=-1, stopped="time")
    crashed = Outcome(stdout=b"", stderr=b"", exit_code=139, error="killed by signal 11")
    for outcome, why in ((stopped, "did not end in time"), (crashed, "crashed")):
        generated = Generated(
            inputs=(Input(stdin=b"loop\n"),),
            outcomes=(outcome,),
            coverage=Coverage(0, 0, "not measured"),
        )
        found = compared(original, other, generated)
        assert found.verdict is Verdict.NOT_PROVED
        assert f"the original {why} (1 input)" in found.reason


def test_an_original_that_is_not_the_same_twice_is_not_comparable(tmp_path: Path) -> None:
    original = python(tmp_path / "o", "import secrets\nprint(secrets.token_hex())\n")
    found = compared(original, python(tmp_path / "t", "print(1)\n"), only(original, "x"))
    assert found.verdict is Verdict.NOT_PROVED
    assert "does not do the same twice" in found.reason
    assert found.inputs_tried == 0


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        ("", Verdict.NOT_PROVED),
        ("print(1)", Verdict.PROVED),
        ("open('made.txt', 'w').write('1')", Verdict.PROVED),
        ("raise SystemExit(3)", Verdict.PROVED),
    ],
)
def test_where_nothing_is_to_be_seen_nothing_is_proved(
    ending: str, verdict: Verdict, tmp_path: Path
) -> None:
    """An original that prints nothing is alike with an empty translation, as its checks may be."""
    original = python(
        tmp_path / "o", f"def f(x):\n    return x + 1\n\nassert f(1) == 2\n{ending}\n"
    )
    found = compared(original, python(tmp_path / "t", f"{ending}\n"), only(original, "x"))
    assert found.verdict is verdict
    assert ("nothing to compare" in found.reason) is (verdict is Verdict.NOT_PROVED)


def test_a_program_without_input_is_compared_once(tmp_path: Path) -> None:
    original = built("cobol", tmp_path / "o", cobol("01 N PIC 9.", "DISPLAY 'x'."), measured=True)
    inputs = made(original, ["1 2\n"])
    assert [i.stdin for i in inputs.inputs] == [b"1 2\n"]
    assert inputs.coverage.share is None
    assert inputs.coverage.how == "branches by gcov: it has none"
    found = compared(original, python(tmp_path / "t", "print('x')\n"), inputs)
    assert (
        found.reason == "alike on 1 input; coverage of the original: branches by gcov: it has none"
    )


def test_beyond_a_table_nothing_is_compared_in_earnest(tmp_path: Path) -> None:
    text = cobol(
        "01 N PIC 9(4).\n01 T.\n  03 X PIC 9 OCCURS 5 VALUE 3.\n01 U PIC X(9) VALUE '777777777'.",
        "ACCEPT N.",
        "DISPLAY X(N).",
    )
    original = built("cobol", tmp_path / "o", text, measured=True)
    inputs = made(original, ["3\n"], facts(text, "cobol"), most=12)
    kinds = {int(i.stdin): i.kind for i in inputs.inputs if i.stdin.strip().isdigit()}
    assert {n for n, kind in kinds.items() if kind != MALFORMED} <= {1, 2, 3, 4, 5}
    assert {1, 2} <= set(kinds)


def test_the_same_seed_gives_the_same_inputs(tmp_path: Path) -> None:
    original = python(tmp_path / "o", "print(sum(map(int, input().split())))\n")
    first, second = (made(original, ["3 4\n"], most=20) for _ in range(2))
    assert first.inputs == second.inputs
    assert first.coverage.how == "not measured: nothing here counts branches of python"


def test_what_was_not_run_was_not_compared(
    summed: tuple[Runnable, Generated], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, _ = summed
    inputs = only(original, "1\n2\n")

    async def late(*_: object, **__: object) -> list[Outcome]:
        return [Outcome(stdout=b"", stderr=b"", exit_code=-1, stopped="late")]

    monkeypatch.setattr(differential, "run_all", late)
    found = compared(original, original, inputs)
    assert found.verdict is Verdict.NOT_PROVED
    assert found.inputs_tried == 0
    assert "before the translation was run" in found.reason


def test_by_outcomes_alone() -> None:
    def outcome(**fields: object) -> Outcome:
        return Outcome(**{"stdout": b"", "stderr": b"", "exit_code": 0, **fields})  # type: ignore[arg-type]

    fine = outcome(stdout=b"ab\nc", stdout_digest="1")
    assert difference(fine, fine) == ""
    failed = outcome(exit_code=1, error="libcob: error", stderr=b"libcob: error")
    other = outcome(exit_code=3, error="ValueError: no", stderr=b"Traceback")
    assert difference(failed, other) == "", "an error is an error, whatever its words"
    assert difference(failed, outcome()) == "the error is not there"
    endless = outcome(stopped="output", stdout=b"yyyy")
    assert difference(endless, outcome(stopped="output", stdout=b"yyyyyy")) == ""
    assert difference(endless, outcome(stopped="output", stdout=b"yyn")) == "stdout, line 1"
    assert (
        difference(endless, outcome(stdout=b"yyyy"))
        == "the translation ends, the original does not"
    )
    assert difference(outcome(files={"A": "1"}), outcome(files={"B": "1"})) == "file A"
    assert difference(outcome(files={"A": "1"}), outcome(files={"A": ""})) == "file A"
    assert difference(fine, outcome(stdout=b"ab\nd", stdout_digest="2")) == "stdout, line 2"
