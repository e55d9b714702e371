"""Fields of records against cobc: the bytes that MOVE leaves, and what DISPLAY shows of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from slmcode_runtime import Binary, DecimalDisplay, Display, Packed, Record
from tests.translate.runtime.reference import run_cobol

VALUES = ["0", "1", "-1", "12.34", "-12.345", "99999", "-123456.78", "0.009", "40000"]


class Fields(Record):
    size = 46
    unsigned = Display(0, 4)
    signed = Display(4, 4, 0, True)
    leading = DecimalDisplay(8, 5, 2, True, "leading")
    before = DecimalDisplay(13, 5, 2, True, "leading separate")
    behind = Display(19, 3, 0, True, "trailing separate")
    packed = Packed(23, 5, 2)
    bare = Packed(26, 5, 0, bare=True)
    short = Binary(29, 2, 4, 0, True)
    long = Binary(31, 4, 9)
    places = Binary(35, 4, 7, 2, True)
    last = DecimalDisplay(39, 7, 3, True)


CLAUSES = {
    "unsigned": "9(4)", "signed": "s9(4)", "leading": "s9(3)v99 sign leading",
    "before": "s9(3)v99 sign leading separate", "behind": "s9(3) sign trailing separate",
    "packed": "s9(3)v99 comp-3", "bare": "9(5) comp-6", "short": "s9(4) comp",
    "long": "9(9) comp", "places": "s9(5)v99 comp", "last": "s9(4)v999",
}  # fmt: skip


def test_stored_and_shown(tmp_path: Path) -> None:
    data = ["01 g."] + [f"05 f{n} pic {clause}." for n, clause in enumerate(CLAUSES.values())]
    statements, ours = [], []
    record = Fields()
    for name in CLAUSES:
        setattr(record, name, 0)
    for value in VALUES:
        number = Decimal(value) if "." in value else int(value)
        for place, name in enumerate(CLAUSES):
            statements += [f"move {value} to f{place} display f{place}"]
            setattr(record, name, number)
            ours.append(f"{name} {value} {getattr(Fields, name).show(record)}")
    got = run_cobol(tmp_path, data, statements)
    cases = [f"{name} {value} " for value in VALUES for name in CLAUSES]
    assert ours == [case + line for case, line in zip(cases, got, strict=True)]
