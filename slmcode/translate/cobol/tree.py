"""The tree of a COBOL source: what the parser makes and everything behind it reads.

Names are in upper case, as the language has no other. Nothing here is resolved: a `Ref` is words
as they stand; `layout` finds what they mean. Every node that can be the reason of a refusal has
`line`, counted from 1, of the text the user sees (a copybook's statement: the line of its COPY).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

# Values


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric literal, `text` with a point for the decimal point: "-12.50", "1E3"."""

    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """An alphanumeric literal: Latin-1 characters that stand for the bytes of the file."""

    text: str
    line: int = 0
    kind: str = ""  # "" | "Z" (a NUL follows) | "N" (national)


@dataclass(frozen=True, slots=True)
class Figurative:
    """ZERO, SPACE, QUOTE, HIGH-VALUE, LOW-VALUE, NULL; or ALL "literal"."""

    name: str  # "ALL" with `text`, else the singular
    text: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ref:
    """A name with its qualifiers (innermost first), subscripts and reference modification.

    Also special registers (RETURN-CODE, TALLY, LINAGE-COUNTER), mnemonic names and file names:
    what it is depends on where it stands. A subscript is an expression, or "ALL".
    """

    name: str
    line: int = 0
    qualifiers: tuple[str, ...] = ()
    subscripts: tuple[Expression | str, ...] = ()
    start: Expression | None = None  # of a reference modification, counted from 1
    length: Expression | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """FUNCTION name(arguments), reference-modified or not; also a user's own function."""

    name: str
    arguments: tuple[Expression | str, ...]  # a text is a keyword: LEADING, TRAILING, ALL, …
    line: int = 0
    start: Expression | None = None
    length: Expression | None = None


@dataclass(frozen=True, slots=True)
class LengthOf:
    of: Expression
    line: int = 0


@dataclass(frozen=True, slots=True)
class AddressOf:
    of: Ref
    line: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # + - * / **
    left: Expression
    right: Expression
    line: int = 0


@dataclass(frozen=True, slots=True)
class Negated:
    of: Expression
    line: int = 0


Expression: TypeAlias = (
    Number | Text | Figurative | Ref | FunctionCall | LengthOf | AddressOf | Binary | Negated
)

# Conditions: abbreviated ones are written out by the parser


@dataclass(frozen=True, slots=True)
class Compare:
    operator: str  # = <> < > <= >=
    left: Expression
    right: Expression
    line: int = 0


@dataclass(frozen=True, slots=True)
class ClassTest:
    """IS NUMERIC, ALPHABETIC, ALPHABETIC-LOWER, ALPHABETIC-UPPER, or a class of SPECIAL-NAMES."""

    of: Expression
    name: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class SignTest:
    of: Expression
    sign: str  # POSITIVE | NEGATIVE | ZERO
    line: int = 0


@dataclass(frozen=True, slots=True)
class NameTest:
    """A condition-name (level 88) or a switch status."""

    of: Ref
    line: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition
    line: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    left: Condition
    right: Condition
    line: int = 0


@dataclass(frozen=True, slots=True)
class Either:
    left: Condition
    right: Condition
    line: int = 0


Condition: TypeAlias = Compare | ClassTest | SignTest | NameTest | Not | Both | Either

# Data


@dataclass(frozen=True, slots=True)
class Occurs:
    most: Expression  # a literal or a constant
    least: Expression | None = None
    depending: Ref | None = None
    indexes: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()  # ("ASCENDING" | "DESCENDING", name)


@dataclass(frozen=True, slots=True)
class ConditionName:
    """Level 88: the values, each one value or (from, through)."""

    name: str
    values: tuple[Expression | tuple[Expression, Expression], ...]
    line: int
    false: Expression | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One data description entry with what stands below it."""

    level: int  # 1–49, 66, 77, 78 (a constant; also 01 CONSTANT)
    name: str  # "" for FILLER
    line: int
    picture: str = ""  # as written, upper case, without PIC
    # DISPLAY, COMP (BINARY, COMP-4), COMP-1, COMP-2, COMP-3 (PACKED-DECIMAL), COMP-5, COMP-6,
    # COMP-X, INDEX, POINTER, NATIONAL, BINARY-CHAR/-SHORT/-LONG/-DOUBLE, FLOAT-…; "" is inherited
    usage: str = ""
    unsigned: bool = False  # of BINARY-LONG UNSIGNED and its like
    sign: str = ""  # "" | LEADING | TRAILING | LEADING SEPARATE | TRAILING SEPARATE
    occurs: Occurs | None = None
    redefines: str = ""
    renames: tuple[Ref, Ref | None] | None = None  # level 66
    values: tuple[Expression, ...] = ()  # more than one for a table
    blank_when_zero: bool = False
    justified: bool = False
    synchronized: bool = False
    external: bool = False
    is_global: bool = False
    based: bool = False
    any_length: bool = False
    conditions: tuple[ConditionName, ...] = ()
    children: tuple[Item, ...] = ()
    comments: tuple[str, ...] = ()  # comment lines right above, without their mark


@dataclass(frozen=True, slots=True)
class File:
    """SELECT, and the FD or SD of the same name."""

    name: str
    line: int
    assign: Expression | None = (
        None  # a literal, or a Ref: a data name or a name of the environment
    )
    assign_name: str = ""  # a bare word of ASSIGN as it is written
    organization: str = "SEQUENTIAL"  # or LINE SEQUENTIAL, INDEXED, RELATIVE
    access: str = "SEQUENTIAL"  # or RANDOM, DYNAMIC
    optional: bool = False
    record_key: Ref | None = None
    alternate_keys: tuple[tuple[Ref, bool], ...] = ()  # (key, WITH DUPLICATES)
    relative_key: Ref | None = None
    status: Ref | None = None
    is_sort: bool = False
    is_global: bool = False
    external: bool = False
    record_least: int | None = None  # RECORD CONTAINS / VARYING, bytes
    record_most: int | None = None
    record_depending: Ref | None = None
    linage: tuple[Expression, ...] = ()
    records: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecialNames:
    decimal_point_is_comma: bool = False
    currency: tuple[tuple[str, str], ...] = ()  # (sign as printed, symbol in pictures)
    mnemonics: dict[str, str] = field(
        default_factory=dict
    )  # name -> SYSERR, CONSOLE, C01, SWITCH-1 …
    switches: dict[str, tuple[str, bool]] = field(
        default_factory=dict
    )  # status name -> (switch, ON)
    classes: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # ranges
    alphabets: dict[str, str] = field(
        default_factory=dict
    )  # name -> NATIVE, EBCDIC, or 256 Latin-1
    symbolic: dict[str, int] = field(default_factory=dict)  # character -> ordinal, from 1
    collating: str = ""  # PROGRAM COLLATING SEQUENCE
    crt_status: Ref | None = None
    functions: tuple[str, ...] = ()  # REPOSITORY: FUNCTION names that go without the word
    user_functions: tuple[str, ...] = ()


# Statements: every one has `line`. An `on_…` is None where the phrase is absent, () where empty.


@dataclass(frozen=True, slots=True)
class Statement:
    line: int


Body: TypeAlias = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Comment(Statement):
    """Comment lines where they stand, without their mark."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accept(Statement):
    into: Ref
    source: str = ""  # "" (the console) | DATE | DATE YYYYMMDD | DAY | TIME | COMMAND-LINE | …
    name: Expression | None = None  # of an environment variable, a mnemonic, ARGUMENT-VALUE
    on_exception: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class Display(Statement):
    values: tuple[Expression, ...]
    upon: str = ""  # a mnemonic or device, "" for stdout
    advancing: bool = True
    on_exception: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class Move(Statement):
    source: Expression
    into: tuple[Ref, ...]
    corresponding: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where an arithmetic result goes."""

    ref: Ref
    rounded: str = ""  # "" | NEAREST-AWAY-FROM-ZERO (bare ROUNDED) | TRUNCATION | NEAREST-EVEN | …


@dataclass(frozen=True, slots=True)
class Arithmetic(Statement):
    """ADD, SUBTRACT, MULTIPLY, DIVIDE, COMPUTE.

    ADD a b TO t / GIVING: operands a b, into t, giving. SUBTRACT a b FROM t. MULTIPLY a BY t.
    DIVIDE a INTO t; DIVIDE a BY b and DIVIDE b INTO a … GIVING have operands (dividend, divisor).
    Without `giving` a target is an operand too. COMPUTE has one operand.
    """

    verb: str
    operands: tuple[Expression, ...]
    into: tuple[Target, ...] = ()  # TO, FROM, BY, INTO: operands that are replaced
    base: Expression | None = None  # of ADD a TO b GIVING c: b; SUBTRACT a FROM b GIVING c: b
    giving: tuple[Target, ...] = ()
    remainder: Target | None = None
    corresponding: bool = False
    on_error: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class If(Statement):
    condition: Condition
    then: Body
    otherwise: Body = ()


@dataclass(frozen=True, slots=True)
class When:
    """One WHEN … of EVALUATE: for each subject a test; several groups share the body."""

    groups: tuple[
        tuple[object, ...], ...
    ]  # each test: ANY | Range | Value | Condition, see Evaluate
    body: Body
    line: int


@dataclass(frozen=True, slots=True)
class Range:
    """In EVALUATE: [NOT] value [THRU value]; or a condition; or ANY."""

    value: Expression | Condition | None  # None is ANY; Ref "TRUE"/"FALSE" are those words
    through: Expression | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Evaluate(Statement):
    """Subjects are expressions, conditions, or Ref("TRUE") / Ref("FALSE"). Tests are `Range`."""

    subjects: tuple[Expression | Condition, ...]
    whens: tuple[When, ...]
    otherwise: Body | None = None


@dataclass(frozen=True, slots=True)
class Varying:
    ref: Ref
    start: Expression
    step: Expression
    until: Condition


@dataclass(frozen=True, slots=True)
class Perform(Statement):
    """In-line where `body` is given, else of a procedure [THRU another]."""

    body: Body | None = None
    name: Ref | None = None
    through: Ref | None = None
    times: Expression | None = None
    until: Condition | None = None
    varying: tuple[Varying, ...] = ()  # the first and the AFTERs
    test_after: bool = False
    forever: bool = False  # UNTIL EXIT


@dataclass(frozen=True, slots=True)
class GoTo(Statement):
    names: tuple[Ref, ...]
    depending: Ref | None = None


@dataclass(frozen=True, slots=True)
class Alter(Statement):
    pairs: tuple[tuple[Ref, Ref], ...]


@dataclass(frozen=True, slots=True)
class Exit(Statement):
    what: str = ""  # "" | PARAGRAPH | SECTION | PERFORM | PERFORM CYCLE | PROGRAM | FUNCTION
    returning: Expression | None = None


@dataclass(frozen=True, slots=True)
class Continue(Statement):
    pass


@dataclass(frozen=True, slots=True)
class NextSentence(Statement):
    pass


@dataclass(frozen=True, slots=True)
class Stop(Statement):
    """STOP RUN, GOBACK; STOP literal."""

    what: str = "RUN"  # RUN | GOBACK | LITERAL
    returning: Expression | None = None  # of RUN and GOBACK; the literal


@dataclass(frozen=True, slots=True)
class Initialize(Statement):
    refs: tuple[Ref, ...]
    with_filler: bool = False
    to_value: tuple[str, ...] = ()  # categories, ("ALL",)
    replacing: tuple[tuple[str, Expression], ...] = ()
    to_default: bool = False


@dataclass(frozen=True, slots=True)
class SetTo(Statement):
    """SET refs TO value | UP BY | DOWN BY; conditions TO TRUE/FALSE; switches TO ON/OFF."""

    refs: tuple[Expression, ...]  # Ref or AddressOf
    how: str  # TO | UP | DOWN | TRUE | FALSE | ON | OFF
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class StringPart:
    value: Expression
    delimiter: Expression | None  # None is SIZE


@dataclass(frozen=True, slots=True)
class String(Statement):
    parts: tuple[StringPart, ...]
    into: Ref
    pointer: Ref | None = None
    on_overflow: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class UnstringTarget:
    ref: Ref
    delimiter: Ref | None = None
    count: Ref | None = None


@dataclass(frozen=True, slots=True)
class Unstring(Statement):
    source: Expression
    delimiters: tuple[tuple[Expression, bool], ...]  # (value, ALL)
    into: tuple[UnstringTarget, ...]
    pointer: Ref | None = None
    tallying: Ref | None = None
    on_overflow: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class InspectLimit:
    before: bool  # else AFTER
    value: Expression


@dataclass(frozen=True, slots=True)
class InspectStep:
    what: str  # CHARACTERS | ALL | LEADING | TRAILING | FIRST
    value: Expression | None  # None of CHARACTERS
    by: Expression | None = None  # of REPLACING
    tally: Ref | None = None  # of TALLYING
    limits: tuple[InspectLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspect(Statement):
    ref: Expression
    tallying: tuple[InspectStep, ...] = ()
    replacing: tuple[InspectStep, ...] = ()
    converting: tuple[Expression, Expression] | None = None
    converting_limits: tuple[InspectLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Search(Statement):
    table: Ref
    whens: tuple[tuple[Condition, Body], ...]
    varying: Ref | None = None
    all: bool = False
    at_end: Body | None = None


@dataclass(frozen=True, slots=True)
class Argument:
    value: Expression | None  # None is OMITTED
    by: str = "REFERENCE"  # CONTENT | VALUE


@dataclass(frozen=True, slots=True)
class CallProgram(Statement):
    program: Expression  # a literal or a data name
    using: tuple[Argument, ...] = ()
    returning: Ref | None = None
    on_exception: Body | None = None
    on_other: Body | None = None


@dataclass(frozen=True, slots=True)
class Cancel(Statement):
    programs: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Open(Statement):
    files: tuple[tuple[str, str], ...]  # (INPUT | OUTPUT | I-O | EXTEND, file)


@dataclass(frozen=True, slots=True)
class Close(Statement):
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read(Statement):
    file: str
    direction: str = ""  # "" | NEXT | PREVIOUS
    into: Ref | None = None
    key: Ref | None = None
    at_end: Body | None = None  # AT END, INVALID KEY: the organization says which
    not_at_end: Body | None = None
    invalid: Body | None = None
    not_invalid: Body | None = None


@dataclass(frozen=True, slots=True)
class Write(Statement):
    record: Ref  # or a file's name, with FILE
    rewrite: bool = False
    source: Expression | None = None  # FROM
    before: bool | None = None  # BEFORE / AFTER ADVANCING
    advancing: Expression | str | None = None  # lines, or "PAGE", or a mnemonic
    at_eop: Body | None = None
    not_at_eop: Body | None = None
    invalid: Body | None = None
    not_invalid: Body | None = None


@dataclass(frozen=True, slots=True)
class Delete(Statement):
    file: str
    invalid: Body | None = None
    not_invalid: Body | None = None


@dataclass(frozen=True, slots=True)
class Start(Statement):
    file: str
    operator: str = "="
    key: Ref | None = None
    first: str = ""  # FIRST | LAST
    invalid: Body | None = None
    not_invalid: Body | None = None


@dataclass(frozen=True, slots=True)
class Sort(Statement):
    """SORT or MERGE of a file; SORT of a table."""

    name: Ref
    merge: bool
    keys: tuple[tuple[str, Ref], ...]  # ("ASCENDING" | "DESCENDING", key)
    duplicates: bool = False
    collating: str = ""
    using: tuple[str, ...] = ()
    giving: tuple[str, ...] = ()
    input: tuple[Ref, Ref | None] | None = None  # INPUT PROCEDURE first [THRU last]
    output: tuple[Ref, Ref | None] | None = None


@dataclass(frozen=True, slots=True)
class Release(Statement):
    record: Ref
    source: Expression | None = None


@dataclass(frozen=True, slots=True)
class Return(Statement):
    file: str
    into: Ref | None = None
    at_end: Body | None = None
    not_at_end: Body | None = None


@dataclass(frozen=True, slots=True)
class Unsupported(Statement):
    """A statement that is recognized and not translated: `construct` names it ("EXEC CICS")."""

    construct: str
    words: str  # as written


# Procedures and programs


@dataclass(frozen=True, slots=True)
class Paragraph:
    name: str  # "" for statements before the first name
    line: int
    last_line: int
    sentences: tuple[Body, ...]
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    name: str  # "" where the division has none
    line: int
    paragraphs: tuple[Paragraph, ...]
    use: str = ""  # in DECLARATIVES: "ERROR file…", "DEBUGGING …"
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    line: int
    last_line: int
    special: SpecialNames = field(default_factory=SpecialNames)
    files: tuple[File, ...] = ()
    working: tuple[Item, ...] = ()
    local: tuple[Item, ...] = ()
    linkage: tuple[Item, ...] = ()
    using: tuple[tuple[Ref, str], ...] = ()  # (parameter, REFERENCE | VALUE)
    returning: Ref | None = None
    declaratives: tuple[Section, ...] = ()
    sections: tuple[Section, ...] = ()
    nested: tuple[Program, ...] = ()
    is_function: bool = False
    common: bool = False
    initial: bool = False
    recursive: bool = False
    default_rounded: str = ""  # OPTIONS: DEFAULT ROUNDED MODE
    arithmetic: str = ""  # OPTIONS: ARITHMETIC
    debugging: bool = False  # WITH DEBUGGING MODE
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A whole file: its programs in their order, the first is the main one."""

    name: str
    programs: tuple[Program, ...]


class Refused(Exception):
    """A construct that is not translated, or text that is no COBOL: named, with its line."""

    def __init__(self, line: int, construct: str, hint: str = "") -> None:
        super().__init__(f"line {line}: {construct}" + (f": {hint}" if hint else ""))
        self.line = line
        self.construct = construct
        self.hint = hint
