"""Which procedures are plain methods, which loop, which jump."""

from __future__ import annotations

from slmcode.translate.cobol import parser
from slmcode.translate.cobol.flow import Flow, analyse
from slmcode.translate.cobol.options import Options

HEAD = (
    "PROGRAM-ID. P.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n01 I PIC 9.\nPROCEDURE DIVISION.\n"
)


def flow(procedures: str) -> Flow:
    source = parser.read(HEAD + procedures, "p.cob", Options(format="free"))
    return analyse(source.programs[0], lambda name: name.lower().replace("-", "_"), set())


def kinds(procedures: str) -> dict[str, str]:
    """Every procedure's method with what is special of it."""
    found = {}
    for procedure in flow(procedures).procedures:
        words = [name for name in ("jumps", "loops", "altered") if getattr(procedure, name)]
        found[procedure.method] = " ".join(words if procedure.ends else [*words, "endless"])
    return found


def test_what_is_performed_is_called() -> None:
    text = "M. PERFORM A THRU C. STOP RUN. A. DISPLAY 1. B. EXIT. C. DISPLAY 2. D. DISPLAY 3."
    assert kinds(text) == {"m": "endless", "a": "", "b": "", "c": "", "d": ""}
    found = flow(text)
    assert found.start() == ["self.m()"]
    assert found.run(1, 3) == ["self.a()", "self.c()"]


def test_control_falls_through_to_the_end() -> None:
    assert flow("M. DISPLAY 1. A. DISPLAY 2.").start() == ["self.m()", "self.a()"]


def test_going_to_the_own_start_is_a_loop_and_to_the_next_a_return() -> None:
    text = "M. PERFORM A THRU B. STOP RUN. A. IF I > 5 GO TO B. ADD 1 TO I. GO TO A. B. EXIT."
    assert kinds(text)["a"] == "loops"


def test_going_to_the_next_leaves_a_range_that_ends_there() -> None:
    text = "M. PERFORM A. STOP RUN. A. GO TO B. B. DISPLAY 1."
    assert kinds(text)["a"] == "jumps"
    assert flow(text).run(1, 1) == ["self.perform(self.a)"]


def test_a_loop_from_within_a_loop_jumps() -> None:
    text = "A. PERFORM 3 TIMES GO TO A END-PERFORM. STOP RUN."
    assert kinds(text)["a"] == "jumps"


def test_jumping_over_a_paragraph_of_the_range() -> None:
    text = "M. PERFORM A THRU C. STOP RUN. A. IF I = 1 GO TO C. B. DISPLAY 1. C. EXIT."
    found = flow(text)
    assert found.run(1, 3) == ["self.perform(self.a, self.c)"]
    assert [procedure.jumps for procedure in found.procedures] == [False, True, False, False]


def test_next_sentence_that_skips_splits_a_paragraph() -> None:
    text = (
        "M. PERFORM A. STOP RUN. A. IF I = 1 NEXT SENTENCE END-IF DISPLAY 1. DISPLAY 2. DISPLAY 3."
    )
    found = flow(text)
    assert [procedure.method for procedure in found.procedures] == ["m", "a", "a_next"]
    assert found.run(*found.range_of(_ref("A"), 0)) == ["self.a()", "self.a_next()"]


def test_next_sentence_in_the_last_place_is_nothing() -> None:
    text = "A. IF I = 1 NEXT SENTENCE ELSE DISPLAY 1. DISPLAY 2."
    assert kinds(text) == {"a": ""}


def test_exit_section_goes_behind_its_last_paragraph() -> None:
    text = "S SECTION. A. IF I = 1 EXIT SECTION. B. DISPLAY 1. T SECTION. DISPLAY 2."
    assert kinds(text) == {"a": "jumps", "b": "", "s_end": "", "t": ""}


def test_a_name_means_that_of_the_own_section_first() -> None:
    found = flow("S SECTION. A. DISPLAY 1. T SECTION. A. DISPLAY 2.")
    assert found.range_of(_ref("A"), 1) == (1, 1)
    assert found.range_of(_ref("A", "S"), 1) == (0, 0)


def _ref(name: str, *qualifiers: str):  # type: ignore[no-untyped-def]
    from slmcode.translate.cobol.tree import Ref

    return Ref(name, 1, qualifiers)
