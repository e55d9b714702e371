"""The parser: text to tree."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from pathlib import Path

import pytest

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.options import Options, from_cobc
from slmcode.translate.cobol.parser import read
from slmcode.translate.cobol.tree import Compare, Number, Ref, Refused, Text

DATA = Path(__file__).parents[4] / "shared" / "data"
FREE = Options(format="free")


def program(text: str, options: Options = FREE) -> tree.Program:
    return read(text, "test.cob", options).programs[0]


def item(text: str) -> tree.Item:
    source = f"PROGRAM-ID. P.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n{text}\n"
    return program(source).working[0]


def statements(text: str, data: str = "") -> tuple[tree.Statement, ...]:
    """The statements of a procedure division; line 1 is the first of `text`."""
    head = f"PROGRAM-ID. P. DATA DIVISION. WORKING-STORAGE SECTION. {data} PROCEDURE DIVISION. "
    sections = program(head + text).sections
    return tuple(
        statement
        for section in sections
        for paragraph in section.paragraphs
        for sentence in paragraph.sentences
        for statement in sentence
    )


def one(text: str, data: str = "") -> tree.Statement:
    (found,) = statements(text, data)
    return found


def ref(name: str, **parts: object) -> Ref:
    return Ref(name, 1, **parts)  # type: ignore[arg-type]


def number(text: str) -> Number:
    return Number(text, 1)


def condition(text: str, data: str = "") -> tree.Condition:
    found = one(f"IF {text} CONTINUE END-IF.", data)
    assert isinstance(found, tree.If)
    return found.condition


def shown(node: object) -> str:
    """A condition or expression in few characters."""
    match node:
        case tree.Compare(operator, left, right):
            return f"{shown(left)}{operator}{shown(right)}"
        case tree.Both(left, right):
            return f"({shown(left)} and {shown(right)})"
        case tree.Either(left, right):
            return f"({shown(left)} or {shown(right)})"
        case tree.Not(of):
            return f"not {shown(of)}"
        case tree.ClassTest(of, name) | tree.SignTest(of, name):
            return f"{shown(of)} is {name}"
        case tree.NameTest(of):
            return f"{shown(of)}?"
        case tree.Binary(operator, left, right):
            return f"({shown(left)}{operator}{shown(right)})"
        case tree.Negated(of):
            return f"-{shown(of)}"
        case tree.Ref(name):
            return name
        case tree.Number(text) | tree.Text(text):
            return text
        case tree.Figurative(name):
            return name
        case tree.FunctionCall(name, arguments):
            return f"{name}({', '.join(map(shown, arguments))})"
    return str(node)


# data


def test_items_nest_by_level() -> None:
    group = item(
        "01 A. 05 B PIC 9. 05 C. 10 D PIC X. 10 FILLER PIC X. 05 E PIC 9. "
        "88 ON-E VALUE 1 THRU 3 5. 77 F PIC X."
    )
    assert [child.name for child in group.children] == ["B", "C", "E"]
    assert [child.name for child in group.children[1].children] == ["D", ""]
    (name,) = group.children[2].conditions
    assert name.values == ((Number("1", 4), Number("3", 4)), Number("5", 4))


def test_clauses() -> None:
    found = item(
        "01 A PIC S9(4)V99 USAGE IS COMP-3 SIGN IS LEADING SEPARATE CHARACTER VALUE IS -1.5 "
        "BLANK WHEN ZERO JUSTIFIED RIGHT SYNC."
    )
    assert (found.picture, found.usage, found.sign) == ("S9(4)V99", "COMP-3", "LEADING SEPARATE")
    assert found.values == (Number("-1.5", 4),)
    assert found.blank_when_zero
    assert found.justified
    assert found.synchronized


def test_occurs() -> None:
    table = item(
        "01 T. 05 E OCCURS 1 TO 9 TIMES DEPENDING ON N ASCENDING KEY IS K INDEXED BY I J. "
        "10 K PIC 9."
    ).children[0]
    assert table.occurs is not None
    assert (table.occurs.least, table.occurs.most) == (Number("1", 4), Number("9", 4))
    assert table.occurs.indexes == ("I", "J")
    assert table.occurs.keys == (("ASCENDING", "K"),)
    assert table.occurs.depending == Ref("N", 4)


def test_renames_stands_in_its_record() -> None:
    group = item("01 A. 05 B PIC X. 05 C PIC X. 66 D RENAMES B THRU C. 01 Z PIC X.")
    assert group.children[2].renames == (Ref("B", 4), Ref("C", 4))


def test_constants() -> None:
    found = item("78 K VALUE 1 + 2 * 3. 01 N CONSTANT AS 5 + 2 * 3.")
    assert shown(found.values[0]) == "((1+2)*3)"
    source = "PROGRAM-ID. P. DATA DIVISION. WORKING-STORAGE SECTION. 01 N CONSTANT AS 5 + 2 * 3."
    constant = program(source).working[0]
    assert (constant.level, shown(constant.values[0])) == (78, "(5+(2*3))")


def test_constants_from_directives() -> None:
    source = (
        '>>SET CONSTANT DOG "Rex"\n>>DEFINE LEVEL AS 7\nPROGRAM-ID. P.\nDATA DIVISION.\n'
        "WORKING-STORAGE SECTION.\n01 L CONSTANT FROM LEVEL.\n"
    )
    found = program(source).working
    assert [(entry.name, shown(entry.values[0])) for entry in found] == [("DOG", "Rex"), ("L", "7")]


def test_concatenated_literals() -> None:
    assert item('01 A PIC X(4) VALUE "AB" & X"43" & SPACE.').values == (Text("ABC ", 4),)


@pytest.mark.parametrize(
    "text",
    [
        "01 A PIC X OCCURS DYNAMIC.",
        "01 A USAGE OBJECT REFERENCE.",
        "51 A PIC X.",
        "88 A VALUE 1.",
        "01 A PIC X 01 B PIC X.",
        "EXEC SQL INCLUDE SQLCA END-EXEC.",
        "78 K VALUE NEXT.",
        "01 A SAME AS B.",
    ],
)
def test_data_that_is_not_translated_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Refused) as refused:
        item(text)
    assert refused.value.line == 4


# environment and files

FILES = """\
PROGRAM-ID. P.
ENVIRONMENT DIVISION.
CONFIGURATION SECTION.
SPECIAL-NAMES.
    SYSERR IS ERR
    SWITCH-1 ON STATUS IS SW-ON OFF IS SW-OFF
    CLASS HEXA IS "0" THRU "9" "AB"
    ALPHABET BACK IS "C" THRU "A"
    SYMBOLIC CHARACTERS BELL IS 8
    CURRENCY SIGN IS "EUR" WITH PICTURE SYMBOL "E"
    DECIMAL-POINT IS COMMA.
INPUT-OUTPUT SECTION.
FILE-CONTROL.
    SELECT OPTIONAL BOOKS ASSIGN TO "books.dat"
        ORGANIZATION IS INDEXED ACCESS MODE IS DYNAMIC
        RECORD KEY IS BOOK-ID
        ALTERNATE RECORD KEY IS BOOK-NAME WITH DUPLICATES
        FILE STATUS IS FS.
    SELECT REPORT-FILE ASSIGN TO PRINTER LINE SEQUENTIAL.
    SELECT WORK ASSIGN DISK.
DATA DIVISION.
FILE SECTION.
FD BOOKS RECORD CONTAINS 20 CHARACTERS LABEL RECORDS ARE STANDARD.
01 BOOK. 05 BOOK-ID PIC 9(5). 05 BOOK-NAME PIC X(15).
FD REPORT-FILE LINAGE IS 60 LINES WITH FOOTING AT 55 LINES AT TOP 2.
01 REPORT-LINE PIC X(80).
SD WORK.
01 WORK-RECORD PIC X(9).
WORKING-STORAGE SECTION.
01 FS PIC XX.
01 P PIC 9,99 VALUE 1,5.
"""


def test_special_names() -> None:
    special = program(FILES).special
    assert special.mnemonics == {"ERR": "SYSERR"}
    assert special.switches == {"SW-ON": ("SWITCH-1", True), "SW-OFF": ("SWITCH-1", False)}
    assert special.classes == {"HEXA": (("0", "9"), ("A", "A"), ("B", "B"))}
    assert special.alphabets["BACK"][:4] == "CBA\0"
    assert len(special.alphabets["BACK"]) == 256
    assert special.symbolic == {"BELL": 8}
    assert special.currency == (("EUR", "E"),)
    assert special.decimal_point_is_comma


def test_files() -> None:
    books, report, work = program(FILES).files
    assert books.assign == Text("books.dat", 14)
    assert (books.organization, books.access, books.optional) == ("INDEXED", "DYNAMIC", True)
    assert books.record_key == Ref("BOOK-ID", 16)
    assert books.alternate_keys == ((Ref("BOOK-NAME", 17), True),)
    assert books.record_most == 20
    assert report.organization == "LINE SEQUENTIAL"
    assert [shown(part) for part in report.linage] == ["60", "55", "2", "0"]
    assert work.is_sort
    assert work.records[0].name == "WORK-RECORD"


def test_a_word_that_a_file_is_assigned_to_is_kept_as_written() -> None:
    found = program(FILES.replace("PRINTER LINE", "outFile LINE"))
    report = found.files[1]
    assert (report.assign, report.assign_name) == (Ref("OUTFILE", 19), "outFile")


def test_a_comma_as_the_decimal_point() -> None:
    point = program(FILES).working[1]
    assert (point.picture, point.values) == ("9,99", (Number("1.5", 31),))


def test_a_select_without_fd_is_refused() -> None:
    with pytest.raises(Refused, match=r"line 20: SELECT WORK"):
        program(FILES.replace("SD WORK.\n01 WORK-RECORD PIC X(9).\n", ""))


# conditions

NAMES = "01 X PIC X. 88 EVEN VALUE 2."


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("A = 1", "A=1"),
        ("A IS NOT EQUAL TO B", "A<>B"),
        ("A GREATER THAN OR EQUAL TO B", "A>=B"),
        ("A NOT LESS THAN B", "A>=B"),
        ("A IS NUMERIC", "A is NUMERIC"),
        ("A IS NOT ALPHABETIC", "not A is ALPHABETIC"),
        ("A IS NOT ZERO", "not A is ZERO"),
        ("A = ZERO", "A=ZERO"),
        ("EVEN", "EVEN?"),
        ("NOT EVEN AND A = 1", "(not EVEN? and A=1)"),
        ("A = 1 OR 2 OR 3", "((A=1 or A=2) or A=3)"),
        ("A = 1 OR B = 2 AND C = 3", "(A=1 or (B=2 and C=3))"),
        ("A > 1 AND < 5", "(A>1 and A<5)"),
        ("A > 1 AND NOT < 5", "(A>1 and A>=5)"),
        ("A NOT = 1 AND 2", "(A<>1 and A<>2)"),
        ("A = 1 OR NOT 5", "(A=1 or not A=5)"),
        ("A = 1 OR EVEN", "(A=1 or EVEN?)"),
        ("A = (1 OR 2)", "(A=1 or A=2)"),
        ("A = (B + 1) * 2", "A=((B+1)*2)"),
        ("(A + 1) * 2 > B", "((A+1)*2)>B"),
        ("(A = 1 OR B = 2) AND C = 3", "((A=1 or B=2) and C=3)"),
        ("((A = 1))", "A=1"),
        ("NOT (A = 1 OR EVEN)", "not (A=1 or EVEN?)"),
        ("(EVEN OR A = 1)", "(EVEN? or A=1)"),
        ("A - 1 IS POSITIVE", "(A-1) is POSITIVE"),
        ("FUNCTION MOD(A, 2) = 0", "MOD(A, 2)=0"),
    ],
)
def test_conditions_are_written_out(text: str, meaning: str) -> None:
    assert shown(condition(text, NAMES)) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 + 2 * 3 ** 2", "(1+(2*(3**2)))"),
        ("(1 + 2) * 3", "((1+2)*3)"),
        ("A - B - C", "((A-B)-C)"),
        ("- A ** 2", "(-A**2)"),
        ("A * -2", "(A*-2)"),
        ("A -1", "(A-1)"),
        ("A / B * C", "((A/B)*C)"),
        ("2 ** 3 ** 2", "(2**(3**2))"),
        ("FUNCTION MAX(A -1)", "MAX(A, -1)"),
        ("FUNCTION MAX(A - 1, B)", "MAX((A-1), B)"),
        ("FUNCTION SUM(T(ALL))", "SUM(T)"),
        ("FUNCTION LENGTH(A)", "LENGTH(A)"),
    ],
)
def test_expressions(text: str, meaning: str) -> None:
    found = one(f"COMPUTE R = {text}.")
    assert isinstance(found, tree.Arithmetic)
    assert shown(found.operands[0]) == meaning


def test_references() -> None:
    found = one("MOVE A OF B IN C (I, 2) (3:N - 1) TO D(1)(2:).")
    assert found == tree.Move(
        1,
        ref(
            "A",
            qualifiers=("B", "C"),
            subscripts=(ref("I"), number("2")),
            start=number("3"),
            length=tree.Binary("-", ref("N"), number("1"), 1),
        ),
        (ref("D", subscripts=(number("1"),), start=number("2")),),
    )


def test_a_function_may_be_reference_modified() -> None:
    found = one("MOVE FUNCTION CURRENT-DATE (1:8) TO D.")
    assert isinstance(found, tree.Move)
    assert found.source == tree.FunctionCall("CURRENT-DATE", (), 1, number("1"), number("8"))


def test_functions_of_the_repository_need_no_word() -> None:
    text = (
        "PROGRAM-ID. P. ENVIRONMENT DIVISION. CONFIGURATION SECTION. REPOSITORY. "
        "FUNCTION ALL INTRINSIC FUNCTION OWN. PROCEDURE DIVISION. "
        "MOVE TRIM(A, LEADING) TO B. COMPUTE R = OWN(1) + LENGTH(TRIM(A))."
    )
    move, compute = (sentence[0] for sentence in program(text).sections[0].paragraphs[0].sentences)
    assert isinstance(move, tree.Move)
    assert move.source == tree.FunctionCall("TRIM", (ref("A"), "LEADING"), 1)
    assert isinstance(compute, tree.Arithmetic)
    assert shown(compute.operands[0]) == "(OWN(1)+LENGTH(TRIM(A)))"


# statements


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (
            "ADD 1 A TO B ROUNDED C.",
            tree.Arithmetic(
                1,
                "ADD",
                (number("1"), ref("A")),
                (tree.Target(ref("B"), "NEAREST-AWAY-FROM-ZERO"), tree.Target(ref("C"))),
            ),
        ),
        (
            "ADD A TO B GIVING C.",
            tree.Arithmetic(
                1, "ADD", (ref("A"),), base=ref("B"), giving=(tree.Target(ref("C")),)
            ),
        ),
        (
            "SUBTRACT 1 FROM 5 GIVING C.",
            tree.Arithmetic(
                1, "SUBTRACT", (number("1"),), base=number("5"), giving=(tree.Target(ref("C")),)
            ),
        ),
        (
            "MULTIPLY A BY B GIVING C.",
            tree.Arithmetic(
                1, "MULTIPLY", (ref("A"), ref("B")), giving=(tree.Target(ref("C")),)
            ),
        ),
        (
            "DIVIDE A INTO B GIVING C REMAINDER D.",
            tree.Arithmetic(
                1,
                "DIVIDE",
                (ref("B"), ref("A")),
                giving=(tree.Target(ref("C")),),
                remainder=tree.Target(ref("D")),
            ),
        ),
        (
            "DIVIDE A BY 2 GIVING C.",
            tree.Arithmetic(
                1, "DIVIDE", (ref("A"), number("2")), giving=(tree.Target(ref("C")),)
            ),
        ),
        (
            "COMPUTE A ROUNDED MODE IS NEAREST-EVEN = 1 ON SIZE ERROR CONTINUE END-COMPUTE.",
            tree.Arithmetic(
                1,
                "COMPUTE",
                (number("1"),),
                giving=(tree.Target(ref("A"), "NEAREST-EVEN"),),
                on_error=(tree.Continue(1),),
            ),
        ),
        ("PERFORM A THRU B.", tree.Perform(1, None, ref("A"), ref("B"))),
        ("PERFORM A 3 TIMES.", tree.Perform(1, None, ref("A"), times=number("3"))),
        (
            "PERFORM N TIMES CONTINUE END-PERFORM.",
            tree.Perform(1, (tree.Continue(1),), times=ref("N")),
        ),
        (
            "PERFORM WITH TEST AFTER UNTIL A = 1 CONTINUE END-PERFORM.",
            tree.Perform(
                1,
                (tree.Continue(1),),
                until=Compare("=", ref("A"), number("1"), 1),
                test_after=True,
            ),
        ),
        (
            "PERFORM A VARYING I FROM 1 BY 2 UNTIL I > 9 AFTER J FROM 1 BY 1 UNTIL J > 5.",
            tree.Perform(
                1,
                None,
                ref("A"),
                varying=(
                    tree.Varying(
                        ref("I"), number("1"), number("2"), Compare(">", ref("I"), number("9"), 1)
                    ),
                    tree.Varying(
                        ref("J"), number("1"), number("1"), Compare(">", ref("J"), number("5"), 1)
                    ),
                ),
            ),
        ),
        ("PERFORM UNTIL EXIT EXIT PERFORM CYCLE END-PERFORM.",
            tree.Perform(1, (tree.Exit(1, "PERFORM CYCLE"),), forever=True)),
        ("GO TO A.", tree.GoTo(1, (ref("A"),))),
        ("GO TO A B DEPENDING ON N.", tree.GoTo(1, (ref("A"), ref("B")), ref("N"))),
        ("ALTER A TO PROCEED TO B.", tree.Alter(1, ((ref("A"), ref("B")),))),
        ("STOP RUN RETURNING 3.", tree.Stop(1, "RUN", number("3"))),
        ("GOBACK.", tree.Stop(1, "GOBACK")),
        ("STOP 'x'.", tree.Stop(1, "LITERAL", Text("x", 1))),
        ("DISPLAY A 'b' UPON SYSERR WITH NO ADVANCING.",
            tree.Display(1, (ref("A"), Text("b", 1)), "SYSERR", False)),
        ("ACCEPT A FROM DATE YYYYMMDD.", tree.Accept(1, ref("A"), "DATE YYYYMMDD")),
        ("INITIALIZE A B REPLACING NUMERIC DATA BY 5.",
            tree.Initialize(1, (ref("A"), ref("B")), replacing=(("NUMERIC", number("5")),))),
        ("SET A B UP BY 2.", tree.SetTo(1, (ref("A"), ref("B")), "UP", number("2"))),
        ("SET A TO TRUE.", tree.SetTo(1, (ref("A"),), "TRUE")),
        ("SET A TO ADDRESS OF B.", tree.SetTo(1, (ref("A"),), "TO", tree.AddressOf(ref("B"), 1))),
        ("OPEN INPUT A OUTPUT B C.",
            tree.Open(1, (("INPUT", "A"), ("OUTPUT", "B"), ("OUTPUT", "C")))),
        ("CLOSE A B WITH LOCK.", tree.Close(1, ("A", "B"))),
        ("WRITE R FROM A AFTER ADVANCING 2 LINES.",
            tree.Write(1, ref("R"), False, ref("A"), False, number("2"))),
        ("REWRITE R INVALID KEY CONTINUE END-REWRITE.",
            tree.Write(1, ref("R"), True, invalid=(tree.Continue(1),))),
        ("START F KEY IS NOT LESS THAN K.", tree.Start(1, "F", ">=", ref("K"))),
        ("DELETE F RECORD.", tree.Delete(1, "F")),
        ("RELEASE R FROM A.", tree.Release(1, ref("R"), ref("A"))),
        ("RETURN F AT END CONTINUE.", tree.Return(1, "F", None, (tree.Continue(1),))),
        ("CALL 'SUB' USING A BY CONTENT 5 BY VALUE C RETURNING R.",
            tree.CallProgram(1, Text("SUB", 1),
                (tree.Argument(ref("A")), tree.Argument(number("5"), "CONTENT"),
                 tree.Argument(ref("C"), "VALUE")), ref("R"))),
        ("CANCEL 'SUB'.", tree.Cancel(1, (Text("SUB", 1),))),
        ("EXEC CICS RETURN END-EXEC.", tree.Unsupported(1, "EXEC CICS", "CICS RETURN")),
    ],
)  # fmt: skip
def test_statements(text: str, statement: tree.Statement) -> None:
    assert one(text) == statement


def test_read_with_both_outcomes() -> None:
    found = one("READ F NEXT RECORD INTO A AT END MOVE 1 TO B NOT AT END ADD 1 TO C END-READ.")
    assert isinstance(found, tree.Read)
    assert (found.direction, found.into) == ("NEXT", ref("A"))
    assert found.at_end == (tree.Move(1, number("1"), (ref("B"),)),)
    assert found.not_at_end is not None


def test_sort() -> None:
    found = one(
        "SORT W ON ASCENDING KEY A B ON DESCENDING KEY C WITH DUPLICATES IN ORDER "
        "INPUT PROCEDURE IS P1 THRU P2 GIVING G."
    )
    assert isinstance(found, tree.Sort)
    assert [(order, key.name) for order, key in found.keys] == [
        ("ASCENDING", "A"), ("ASCENDING", "B"), ("DESCENDING", "C"),
    ]  # fmt: skip
    assert found.input == (ref("P1"), ref("P2"))
    assert found.giving == ("G",)
    assert found.duplicates


def test_string_and_unstring() -> None:
    string = one(
        "STRING A B DELIMITED BY SPACE 'x' DELIMITED BY SIZE INTO C WITH POINTER P "
        "ON OVERFLOW CONTINUE END-STRING."
    )
    assert isinstance(string, tree.String)
    assert [shown(part.delimiter) for part in string.parts] == ["SPACE", "SPACE", "None"]
    assert string.pointer == ref("P")
    unstring = one(
        "UNSTRING A DELIMITED BY ALL ',' OR ';' INTO B DELIMITER IN D COUNT IN N C TALLYING IN T."
    )
    assert isinstance(unstring, tree.Unstring)
    assert unstring.delimiters == ((Text(",", 1), True), (Text(";", 1), False))
    assert unstring.into == (
        tree.UnstringTarget(ref("B"), ref("D"), ref("N")),
        tree.UnstringTarget(ref("C")),
    )
    assert unstring.tallying == ref("T")


def test_inspect() -> None:
    found = one(
        "INSPECT A TALLYING N FOR ALL 'a' 'b' BEFORE INITIAL 'c' LEADING 'd' "
        "M FOR CHARACTERS AFTER 'x' REPLACING FIRST 'e' BY 'f' CHARACTERS BY '*'."
    )
    assert isinstance(found, tree.Inspect)
    assert [
        (step.what, shown(step.value), step.tally and step.tally.name, len(step.limits))
        for step in found.tallying
    ] == [
        ("ALL", "a", "N", 0),
        ("ALL", "b", "N", 1),
        ("LEADING", "d", "N", 0),
        ("CHARACTERS", "None", "M", 1),
    ]
    assert [(step.what, shown(step.by)) for step in found.replacing] == [
        ("FIRST", "f"),
        ("CHARACTERS", "*"),
    ]


def test_evaluate() -> None:
    found = one(
        "EVALUATE TRUE ALSO A WHEN B > 1 ALSO 1 THRU 3 WHEN EVEN ALSO NOT 5 CONTINUE "
        "WHEN ANY ALSO > 7 CONTINUE WHEN OTHER EXIT END-EVALUATE.",
        NAMES,
    )
    assert isinstance(found, tree.Evaluate)
    first, second = found.whens
    assert len(first.groups) == 2
    assert first.groups[0][1] == tree.Range(number("1"), number("3"))
    assert first.groups[1][0] == tree.Range(tree.NameTest(ref("EVEN"), 1))
    assert first.groups[1][1] == tree.Range(number("5"), None, True)
    assert second.groups[0][0] == tree.Range(None)
    assert second.groups[0][1] == tree.Range(Compare(">", ref("A"), number("7"), 1))
    assert found.otherwise == (tree.Exit(1),)


def test_a_period_ends_every_open_statement() -> None:
    first, second = statements("IF A = 1 IF B = 2 CONTINUE ELSE DISPLAY 1. DISPLAY 2.")
    assert isinstance(first, tree.If)
    assert isinstance(first.then[0], tree.If)
    assert first.otherwise == ()
    assert first.then[0].otherwise != ()
    assert isinstance(second, tree.Display)


def test_not_belongs_to_the_statement_that_has_the_phrase() -> None:
    found = one("READ F AT END ADD 1 TO A ON SIZE ERROR CONTINUE END-ADD NOT AT END GOBACK.")
    assert isinstance(found, tree.Read)
    assert found.not_at_end == (tree.Stop(1, "GOBACK"),)


# programs


def test_paragraphs_sections_and_declaratives() -> None:
    found = program(
        "PROGRAM-ID. P.\nPROCEDURE DIVISION.\nDECLARATIVES.\nD SECTION.\nUSE AFTER STANDARD "
        "ERROR PROCEDURE ON F.\nD1.\nCONTINUE.\nEND DECLARATIVES.\nDISPLAY 0.\nA SECTION 50.\n"
        "DISPLAY 1.\nB.\nDISPLAY 2. DISPLAY 3.\n100.\nEXIT.\n"
    )
    assert [(section.name, section.use) for section in found.declaratives] == [("D", "ERROR F")]
    assert [
        (section.name, [paragraph.name for paragraph in section.paragraphs])
        for section in found.sections
    ] == [("", [""]), ("A", ["", "B", "100"])]
    paragraph = found.sections[1].paragraphs[1]
    assert (paragraph.line, paragraph.last_line, len(paragraph.sentences)) == (12, 13, 2)


def test_nested_programs_and_programs_behind_each_other() -> None:
    source = read(
        "PROGRAM-ID. A.\nPROCEDURE DIVISION.\nGOBACK.\n"
        "ID DIVISION. PROGRAM-ID. B IS COMMON INITIAL PROGRAM.\n"
        "PROCEDURE DIVISION USING X BY VALUE Y RETURNING Z.\nGOBACK.\nEND PROGRAM B.\n"
        "END PROGRAM A.\nFUNCTION-ID. F.\nPROCEDURE DIVISION RETURNING R.\nEND FUNCTION F.\n",
        "test.cob",
        FREE,
    )
    first, second = source.programs
    (nested,) = first.nested
    assert (nested.name, nested.common, nested.initial) == ("B", True, True)
    assert nested.using == ((Ref("X", 5), "REFERENCE"), (Ref("Y", 5), "VALUE"))
    assert nested.returning == Ref("Z", 5)
    assert (first.line, first.last_line) == (1, 8)
    assert (second.name, second.is_function, second.line) == ("F", True, 9)


def test_options_say_what_a_bare_rounded_means() -> None:
    found = program(
        "PROGRAM-ID. P.\nOPTIONS.\n  DEFAULT ROUNDED MODE IS TRUNCATION.\n"
        "PROCEDURE DIVISION.\nCOMPUTE A ROUNDED = B.\n"
    )
    assert found.default_rounded == "TRUNCATION"
    (compute,) = found.sections[0].paragraphs[0].sentences[0]
    assert isinstance(compute, tree.Arithmetic)
    assert compute.giving[0].rounded == "TRUNCATION"


@pytest.mark.parametrize(("mode", "kept"), [("", 0), (" WITH DEBUGGING MODE", 1)])
def test_use_for_debugging_is_a_comment_without_debugging_mode(mode: str, kept: int) -> None:
    found = program(
        "PROGRAM-ID. P.\nENVIRONMENT DIVISION.\nCONFIGURATION SECTION.\n"
        f"SOURCE-COMPUTER. X{mode}.\n"
        "PROCEDURE DIVISION.\nDECLARATIVES.\nD SECTION.\nUSE FOR DEBUGGING ON ALL PROCEDURES.\n"
        "D1.\nDISPLAY DEBUG-ITEM.\nEND DECLARATIVES.\nA SECTION.\nGOBACK.\n"
    )
    assert len(found.declaratives) == kept


def test_a_constant_that_is_defined_again_has_its_value_by_place() -> None:
    found = program(
        '>>SET CONSTANT DOG "Rex"\nPROGRAM-ID. P.\nPROCEDURE DIVISION.\nDISPLAY DOG.\n'
        '>>DEFINE CONSTANT DOG AS "Max" OVERRIDE\nDISPLAY DOG.\n'
    )
    first, second = (sentence[0] for sentence in found.sections[0].paragraphs[0].sentences)
    assert isinstance(first, tree.Display)
    assert isinstance(second, tree.Display)
    assert (first.values, second.values) == ((Text("Rex", 4),), (Text("Max", 6),))


def test_a_dialect_that_works_otherwise_is_refused() -> None:
    with pytest.raises(Refused, match="-std=ibm"):
        program("PROGRAM-ID. P.\n", Options(std="ibm"))


def test_comments_stay_where_they_belong() -> None:
    found = program(
        "*> The program\nPROGRAM-ID. P.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n*> How many\n"
        "01 N PIC 9.\nPROCEDURE DIVISION.\n*> Begin\nMAIN.\n*> first\nDISPLAY 1.\n"
        "IF N = 1\n*> inside\nDISPLAY 2 *> beside\nEND-IF.\n*> Next\nOTHER-P.\nSTOP RUN.\n"
    )
    assert found.comments == ("The program",)
    assert found.working[0].comments == ("How many",)
    main, other = found.sections[0].paragraphs
    assert (main.comments, other.comments) == (("Begin",), ("Next",))
    assert main.sentences[0][0] == tree.Comment(10, ("first",))
    inner = main.sentences[1][0]
    assert isinstance(inner, tree.If)
    assert inner.then[0] == tree.Comment(13, ("inside", "beside"))


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("DISPLAY 'x' AT 0101.", "DISPLAY … AT"),
        ("ACCEPT A LINE 5.", "ACCEPT … LINE"),
        ("PERFORM A UNTIL.", "unexpected ."),
        ("IF A = 1 DISPLAY 1 END-PERFORM.", "unexpected END-PERFORM"),
        ("MOVE 1.", "unexpected ."),
        ("MOVE TO A.", "unexpected TO"),
        ("FROBNICATE A.", "unexpected FROBNICATE"),
        ("DISPLAY 1", "unexpected the end of the text"),
        ("EXEC SQL SELECT.", "EXEC SQL without END-EXEC"),
    ],
)
def test_what_is_wrong_or_not_translated_is_named(text: str, construct: str) -> None:
    with pytest.raises(Refused) as refused:
        statements(text)
    assert refused.value.line == 1
    assert refused.value.construct == construct


@pytest.mark.parametrize("text", ["", "\n", "hello world\n", "\0\1\2", "PROGRAM-ID.", "%PDF-1.4\n"])
def test_no_program_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read(text, "x.cob", Options())


def test_screen_section_is_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"line 3: SCREEN SECTION"):
        program("PROGRAM-ID. P.\nDATA DIVISION.\nSCREEN SECTION.\n01 S.\n")


# whole files


def sources() -> list[tuple[str, str, Options]]:
    """Every COBOL text of the shared data, with the options it was compiled with."""
    found: list[tuple[str, str, Options]] = []
    for path in sorted(DATA.glob("codenet-cobol/*/*.cob")):
        found.append((path.parent.name, path.read_text("latin-1"), Options()))
    rows = (DATA / "gnucobol-programs" / "programs.jsonl").read_text("utf-8").splitlines()
    for row in map(json.loads, rows):
        text = row["program"].encode().decode("latin-1")
        found.append((row["id"], text, from_cobc(tuple(row["cobc_flags"]), None)))
    for path in sorted(DATA.glob("exercism/cobol/*/.meta/*.cob")):
        found.append((path.parent.parent.name, path.read_text("latin-1"), Options()))
    return found


def test_every_shared_program_parses() -> None:
    refused = {}
    for name, text, options in sources():
        try:
            read(text, name, options)
        except Refused as error:
            refused[name] = error.construct
    assert refused == {
        "run_misc.at:78 VALUE": "78 VALUE NEXT",
        "run_misc.at:OSVS Arithmetic Test (2)": "-std=ibm",
    }


def test_the_format_found_out_gives_the_same_tree_as_the_right_one() -> None:
    for name, text, options in sources():
        if name.startswith("p0"):
            right = read(text, name, Options(format="free"))
            assert read(text, name, options) == right, name


def test_every_beginning_of_a_program_parses_or_is_refused() -> None:
    """Nothing but `Refused` may come out, wherever the text breaks off or is disturbed."""
    chance = random.Random(7)
    words = "( ) . , : = \" ' == - * COPY REPLACE END-IF NOT FUNCTION OF PIC 88 IS".split()
    for name, text, options in sources()[::9]:
        lines = text.split("\n")
        broken = ["\n".join(lines[:end]) for end in range(0, len(lines), 3)]
        pieces = re.split(r"(\s+)", text)
        for _ in range(8):
            changed = list(pieces)
            changed[chance.randrange(len(changed))] = f" {chance.choice(words)} "
            broken.append("".join(changed))
        for beginning in broken:
            with contextlib.suppress(Refused):
                read(beginning, name, options)


def large(paragraphs: int) -> str:
    body = "".join(
        f"P-{n}.\n    ADD 1 TO A.\n    IF A > {n} AND B NOT = 3\n        MOVE B TO C (A)\n"
        f'        DISPLAY "A is " A\n    ELSE\n        PERFORM P-{max(n - 1, 0)}\n    END-IF.\n'
        f"    COMPUTE B = A * 2 + {n}.\n"
        for n in range(paragraphs)
    )
    return (
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. LARGE.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n"
        "01 A PIC 9(5).\n01 B PIC 9(5).\n01 T.\n  05 C PIC 9(5) OCCURS 9.\nPROCEDURE DIVISION.\n"
        + body
    )


def test_twenty_thousand_lines() -> None:
    found = program(large(2222))
    assert len(found.sections[0].paragraphs) == 2222
    assert found.sections[0].paragraphs[-1].line == 10 + 2221 * 9


def test_twice_the_lines_take_about_twice_the_time() -> None:
    def spent(text: str) -> float:
        start = time.process_time()
        program(text)
        return time.process_time() - start

    short, long = large(250), large(2000)
    least = min(spent(short) for _ in range(3))
    assert min(spent(long) for _ in range(3)) < 8 * least * 2.5


def test_deep_nesting_is_refused_not_a_crash() -> None:
    text = "IF A = 1 " * 5000 + "CONTINUE" + " END-IF" * 5000 + "."
    with pytest.raises(Refused, match="nested too deeply"):
        statements(text)
    with pytest.raises(Refused, match="nested too deeply"):
        statements("COMPUTE A = " + "(" * 5000 + "1" + ")" * 5000 + ".")


def test_long_expressions_and_conditions_are_no_matter() -> None:
    statements("COMPUTE A = 1" + " + 1" * 5000 + ".")
    statements("IF A = 1" + " OR 2" * 5000 + " CONTINUE.")
