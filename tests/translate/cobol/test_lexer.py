"""Tokens: literals, numbers, pictures, comments."""

from __future__ import annotations

import pytest

from slmcode.translate.cobol.lexer import END, NUMBER, PICTURE, TEXT, Tokens, tokens
from slmcode.translate.cobol.tree import Number, Refused, Text


def lexed(*lines: str) -> Tokens:
    return tokens(list(enumerate(lines, 1)))


def words(*lines: str) -> list[str]:
    return [word for word in lexed(*lines).words if word != END]


def values(*lines: str) -> list[object]:
    return list(lexed(*lines).values.values())


def test_words_are_in_upper_case_and_numbers_and_literals_have_marks() -> None:
    assert words('move "a" to b-1 (3)') == ["MOVE", TEXT, "TO", "B-1", "(", NUMBER, ")"]


def test_a_comma_counts_in_parentheses_alone() -> None:
    assert words("A, B; C (1, 2) , D") == ["A", "B", "C", "(", NUMBER, ",", NUMBER, ")", "D"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        ("-1.50", "-1.50"),
        ("+.5", "+.5"),
        ("1.5E-3", ".0015"),
        ("+1.25E1", "+12.5"),
        ("007", "007"),
    ],
)
def test_numbers(text: str, number: str) -> None:
    assert values(f"X {text} .") == [Number(number, 1)]


def test_a_sign_behind_an_operand_without_a_blank_is_an_operator() -> None:
    assert words("(A)-1") == ["(", "A", ")", "-", NUMBER]
    assert words("A -1") == ["A", NUMBER]
    assert words("12.35-2") == [NUMBER, "-", NUMBER]


def test_a_word_may_touch_a_literal() -> None:
    assert words('A"x"B') == ["A", TEXT, "B"]


def test_words_may_begin_with_digits() -> None:
    assert words("0100-MAIN. 1ST-PARA.") == ["0100-MAIN", ".", "1ST-PARA", "."]


def test_decimal_point_is_comma() -> None:
    found = lexed("SPECIAL-NAMES. DECIMAL-POINT IS COMMA.", "MOVE 1,5 TO A. MOVE 2 TO B.")
    assert list(found.values.values()) == [Number("1.5", 2), Number("2", 2)]


def test_a_comma_that_touches_a_digit_is_a_decimal_point_among_arguments_too() -> None:
    found = lexed("SPECIAL-NAMES. DECIMAL-POINT IS COMMA.", "F (3,,,,,,5)")
    assert list(found.values.values()) == [Number("3", 2), Number(".5", 2)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"say ""so"""', Text('say "so"', 1)),
        ("'it''s'", Text("it's", 1)),
        ('X"41 42"', Text("AB", 1)),
        ('x"FF"', Text("\xff", 1)),
        ("Z'ab'", Text("ab", 1, "Z")),
        ('N"ab"', Text("ab", 1, "N")),
        ('B"101"', Number("5", 1)),
        ('H"ff"', Number("255", 1)),
        ('"*> none"', Text("*> none", 1)),
    ],
)
def test_literals(text: str, value: object) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize("text", ['X"4G"', 'B"12"', '"open', "'open"])
def test_literals_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="line 1"):
        lexed(text)


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("PIC 9(5).", "9(5)"),
        ("PIC IS X(3) VALUE 'a'.", "X(3)"),
        ("PICTURE ZZ,ZZ9.99.", "ZZ,ZZ9.99"),
        ("pic s9(4)v99 comp-3.", "S9(4)V99"),
        ("PIC ***,**9.99CR, VALUE 1.", "***,**9.99CR"),
        ("PIC X.", "X"),
    ],
)
def test_pictures_are_one_token(text: str, picture: str) -> None:
    found = lexed(text)
    at = found.words.index(PICTURE)
    assert found.values[at] == picture
    assert found.words[found.words.index(END) - 1] == "."


def test_a_picture_may_stand_on_the_next_line() -> None:
    found = lexed("05 A PIC", "   99.")
    assert found.values[found.words.index(PICTURE)] == "99"
    assert found.lines[found.words.index(PICTURE)] == 2


def test_comments_point_at_the_token_behind_them() -> None:
    found = lexed("*> above", "MOVE A TO B. *> beside", "STOP RUN.")
    assert found.comments == [(0, 1, "above"), (0, 2, "beside")]


def test_paragraphs_of_remarks_may_hold_anything() -> None:
    found = words("AUTHOR. O'Neil, \"me.", "  and more (", "DATA DIVISION.")
    assert found == ["DATA", "DIVISION", "."]


def test_latin_1_bytes_are_letters_of_words_and_of_literals() -> None:
    found = lexed("MOVE 'caf\xc3\xa9' TO \xc3\xa9t\xc3\xa9.")
    assert list(found.values.values()) == [Text("caf\xc3\xa9", 1)]
    assert len([word for word in found.words if word != END]) == 5
