"""PICTURE strings, without cobc: category, size, digits, scale, sign."""

from __future__ import annotations

import pytest

from slmcode.translate.cobol.picture import parse
from slmcode.translate.cobol.tree import Refused


@pytest.mark.parametrize(
    ("text", "category", "size", "digits", "scale", "signed"),
    [
        ("9", "numeric", 1, 1, 0, False),
        ("9(5)", "numeric", 5, 5, 0, False),
        ("S9(3)V99", "numeric", 5, 5, 2, True),
        ("V9(4)", "numeric", 4, 4, 4, False),
        ("9(3)PP", "numeric", 3, 3, -2, False),
        ("VPP99", "numeric", 2, 2, 4, False),
        ("PP99", "numeric", 2, 2, 4, False),
        ("SP9", "numeric", 1, 1, 2, True),
        ("X(12)", "alphanumeric", 12, 0, 0, False),
        ("A9X", "alphanumeric", 3, 0, 0, False),
        ("A(4)", "alphabetic", 4, 0, 0, False),
        ("XXBXX/00", "alphanumeric-edited", 8, 0, 0, False),
        ("Z(5)9", "numeric-edited", 6, 6, 0, False),
        ("Z,ZZ9.99-", "numeric-edited", 9, 6, 2, True),
        ("$$,$$9.99CR", "numeric-edited", 11, 6, 2, True),
        ("+(4)9V9", "numeric-edited", 6, 5, 1, True),
        ("**9", "numeric-edited", 3, 3, 0, False),
        ("99/99/9999", "numeric-edited", 10, 8, 0, False),
    ],
)
def test_what_a_picture_means(
    text: str, category: str, size: int, digits: int, scale: int, signed: bool
) -> None:
    picture = parse(text)
    assert (picture.category, picture.size) == (category, size)
    assert (picture.digits, picture.scale, picture.signed) == (digits, scale, signed)


def test_decimal_point_is_comma() -> None:
    picture = parse("Z.ZZ9,99", comma=True)
    assert (picture.size, picture.digits, picture.scale) == (8, 6, 2)


def test_another_currency_symbol() -> None:
    picture = parse("EE,EE9", currency="E")
    assert (picture.category, picture.digits) == ("numeric-edited", 4)


@pytest.mark.parametrize("text", ["", "9(3", "S", "9V9V9", "QQ", "9S", "9(39)", "X(999999999)"])
def test_no_picture_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text, 7)
    assert refused.value.line == 7
