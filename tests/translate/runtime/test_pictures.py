"""Edited pictures against cobc: every picture with every value that fits its form."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from slmcode_runtime import deedit, edit
from tests.translate.runtime.reference import run_cobol

PICTURES = """
Z(5)9 ZZZZ ZZ9.99 ZZZ.99 ZZZ.ZZ Z,ZZZ,ZZ9.99 Z,ZZZ.ZZ **** ***9.99 **,***.** *,***,**9 999.99
9,999 -9(4) +9(4) 9(4)- 9(4)+ -(5)9 +(5)9 -(6) +(6) --,--9.99 ++,+++.++ --,---.-- -ZZ9 +ZZ9.9 ZZ9-
ZZ9+ Z(4)- Z(4)+ $9(4) $ZZ9.99 $$$9.99 $$,$$9.99 $$,$$$.$$ $***9.99 $(6) 9(4)CR 9(4)DB ZZ9.99CR
Z(4)DB $$$9.99CR 99/99/99 99B99B99 9(4)00 00999 0099.900 Z0Z9 ZB99 ZZBZZ ZZ/ZZ Z,ZB9 9(4).9 .99
ZV99 ZZZ9V99 ZZ9PP  -.99 $.99 +$ZZ9.99 -$ZZ9 +$9(3) $ZZ9- $$$9- **9- -**9 +**9.9
B99 BZ9 0Z9 /Z9 Z9B ZZZ, $BZZ9 -B999 $B$$9 ZZZ9B- Z(3)9.9B $$B$$9 --B--9 99.B9 ***.**CR
***,***.** +***,***.** ***B***
""".split()

VALUES = [
    "0", "1", "-1", "7.5", "-7.5", "0.05", "-0.05", "12", "123", "-123.45", "1234", "1234.56",
    "-12345.67", "100000", "-99999.99", "1000000", "0.5", "10.01", "-1000",
]  # fmt: skip


def number(text: str) -> int | Decimal:
    return Decimal(text) if "." in text else int(text)


def compare_all(
    folder: Path, pictures: list[str], special: str, clause: str, **options: object
) -> None:
    data, statements, expected = [], [], []
    for place, picture in enumerate(pictures):
        data.append(f"01 e{place} pic {picture}{clause}.")
        for value in VALUES:
            written = value.replace(".", ",") if options.get("comma") else value
            statements += [f"move {written} to e{place}", f'display "[" e{place} "]"']
            expected.append((picture, value))
    got = run_cobol(folder, data, statements, special)
    wrong = []
    for (picture, value), line in zip(expected, got, strict=True):
        ours = f"[{edit(number(value), picture, **options)}]"  # type: ignore[arg-type]
        if ours != line:
            wrong.append(f"{value} in {picture}: {ours}, cobc {line}")
    assert not wrong, f"{len(wrong)} of {len(got)}\n" + "\n".join(wrong[:40])


def test_numbers(tmp_path: Path) -> None:
    compare_all(tmp_path, PICTURES, "", "")


def test_blank_when_zero(tmp_path: Path) -> None:
    pictures = [p for p in PICTURES if "*" not in p and not p.endswith(",")]
    compare_all(tmp_path, pictures, "", " blank when zero", blank=True)


def test_decimal_comma(tmp_path: Path) -> None:
    swap = str.maketrans(".,", ",.")
    pictures = [p.translate(swap) for p in PICTURES if not p.endswith(",")]
    compare_all(tmp_path, pictures, "decimal-point is comma", "", comma=True)


def test_currency(tmp_path: Path) -> None:
    pictures = [p.replace("$", "F") for p in PICTURES if "$" in p]
    compare_all(tmp_path, pictures, 'currency sign is "F"', "", currency="F")


def test_texts(tmp_path: Path) -> None:
    pictures = ["XXBXX", "X(3)/X(3)", "0XX0", "AABAA", "XX99", "X(5)B", "BX"]
    values = ["ABCDEFG", "AB", "", "12345"]
    data = [f"01 e{place} pic {picture}." for place, picture in enumerate(pictures)]
    statements = [
        f'move "{value or " "}" to e{place} display "[" e{place} "]"'
        for place in range(len(pictures))
        for value in values
    ]
    got = run_cobol(tmp_path, data, statements)
    ours = [f"[{edit(value, picture)}]" for picture in pictures for value in values]
    assert got == ours


def test_deedit(tmp_path: Path) -> None:
    pictures = ["Z(5)9.99-", "$$,$$9.99CR", "-(6)9.99", "99/99/99", "***,**9.99DB", "+Z(5)9"]
    data = ["01 n pic s9(7)v99."]
    data += [f"01 e{place} pic {picture}." for place, picture in enumerate(pictures)]
    statements, ours = [], []
    for place, picture in enumerate(pictures):
        for value in VALUES:
            statements += [f"move {value} to e{place} move e{place} to n display n"]
            ours.append(Decimal(deedit(edit(number(value), picture))))
    got = [Decimal(line) for line in run_cobol(tmp_path, data, statements)]
    assert got == ours
