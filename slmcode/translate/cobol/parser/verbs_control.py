"""IF, EVALUATE, PERFORM, GO TO, EXIT, STOP and the like."""

from __future__ import annotations

from slmcode.translate.cobol.lexer import END, NUMBER
from slmcode.translate.cobol.parser.conditions import (
    CONDITIONS,
    at_relation,
    condition,
    condition_or_value,
    test_of,
)
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.expressions import expression, reference, starts_value, value
from slmcode.translate.cobol.parser.statements import VERBS, body, line_before, phrases, verb
from slmcode.translate.cobol.tree import (
    Alter,
    Argument,
    Body,
    CallProgram,
    Cancel,
    Condition,
    Continue,
    Evaluate,
    Exit,
    Expression,
    GoTo,
    If,
    NextSentence,
    Number,
    Perform,
    Range,
    Ref,
    Statement,
    Stop,
    Unsupported,
    Varying,
    When,
)


@verb("IF")
def _if(p: Cursor) -> Statement:
    line = line_before(p)
    test = condition(p)
    p.accept("THEN")
    then = _branch(p)
    otherwise: Body = ()
    if p.accept("ELSE"):
        otherwise = _branch(p)
    p.accept("END-IF")
    return If(line, test, then, otherwise)


def _branch(p: Cursor) -> Body:
    found = body(p)
    if not found and p.word not in ("ELSE", "END-IF"):
        p.unexpected("a statement")
    return found


@verb("NEXT")
def _next_sentence(p: Cursor) -> Statement:
    line = line_before(p)
    p.expect("SENTENCE")
    return NextSentence(line)


@verb("CONTINUE")
def _continue(p: Cursor) -> Statement:
    line = line_before(p)
    if p.accept("AFTER"):
        raise p.refuse("CONTINUE AFTER", line=line)
    return Continue(line)


@verb("EVALUATE")
def _evaluate(p: Cursor) -> Statement:
    line = line_before(p)
    subjects = [_subject(p)]
    while p.accept("ALSO"):
        subjects.append(_subject(p))
    whens: list[When] = []
    otherwise: Body | None = None
    while p.word == "WHEN":
        start = p.line
        groups: list[tuple[object, ...]] = []
        while p.accept("WHEN"):
            if p.accept("OTHER"):
                otherwise = body(p)
                break
            groups.append(_tests(p, subjects))
        if otherwise is not None:
            break
        whens.append(When(tuple(groups), body(p), start))
    p.accept("END-EVALUATE")
    return Evaluate(line, tuple(subjects), tuple(whens), otherwise)


def _subject(p: Cursor) -> Expression | Condition:
    word = p.word
    if word in ("TRUE", "FALSE"):
        p.at += 1
        return Ref(word, p.lines[p.at - 1])
    return condition_or_value(p)


def _tests(p: Cursor, subjects: list[Expression | Condition]) -> tuple[object, ...]:
    tests = [_test(p, subjects[0])]
    while p.accept("ALSO"):
        if len(tests) == len(subjects):
            raise p.refuse("WHEN with more tests than EVALUATE has subjects")
        tests.append(_test(p, subjects[len(tests)]))
    if len(tests) != len(subjects):
        raise p.refuse("WHEN with fewer tests than EVALUATE has subjects")
    return tuple(tests)


def _test(p: Cursor, subject: Expression | Condition) -> Range:
    word = p.word
    if p.accept("ANY"):
        return Range(None)
    if word in ("TRUE", "FALSE"):
        p.at += 1
        return Range(Ref(word, p.lines[p.at - 1]))
    if isinstance(subject, CONDITIONS) or (
        isinstance(subject, Ref) and subject.name in ("TRUE", "FALSE")
    ):
        return Range(condition(p))
    if at_relation(p):
        return Range(test_of(p, subject))
    negated = bool(p.accept("NOT"))
    at = p.at
    first = expression(p)
    if p.accept("THRU", "THROUGH"):
        return Range(first, expression(p), negated)
    if at_relation(p) or p.word in ("OR", "AND"):
        p.at = at
        return Range(condition(p), None, negated)
    return Range(first, None, negated)


def procedure_name(p: Cursor) -> Ref:
    """A paragraph's or section's name, perhaps of digits, perhaps with its section."""
    line = p.line
    found = p.values.get(p.at)
    if p.word == NUMBER and isinstance(found, Number):
        p.at += 1
        name = found.text
    else:
        name = p.name()
    section = (p.name(),) if p.accept("OF", "IN") else ()
    return Ref(name, line, section)


@verb("PERFORM")
def _perform(p: Cursor) -> Statement:
    line = line_before(p)
    words = p.words
    name: Ref | None = None
    through: Ref | None = None
    times: Expression | None = None
    word = words[p.at]
    if word == NUMBER and words[p.at + 1] != "TIMES":
        name = procedure_name(p)
    elif starts_value(p) or word in ("(", "-"):
        at = p.at
        if p.at_name():
            reference(p)
            inline = words[p.at] in ("TIMES", "+", "-", "*", "/", "**")
            p.at = at
        else:
            inline = True
        if inline:
            times = expression(p)
            p.expect("TIMES")
        else:
            name = procedure_name(p)
    if name is not None:
        if p.accept("THRU", "THROUGH"):
            through = procedure_name(p)
        if starts_value(p) or p.word == "(":
            times = expression(p)
            p.expect("TIMES")
    test_after = _test_place(p)
    until: Condition | None = None
    varying: tuple[Varying, ...] = ()
    forever = False
    if times is None:
        if p.accept("FOREVER"):
            forever = True
        elif p.accept("UNTIL"):
            if p.accept("EXIT"):
                forever = True
            else:
                until = condition(p)
        elif p.accept("VARYING"):
            varying = _varying(p)
    found: Body | None = None
    if name is None:
        test_after = test_after or _test_place(p)
        found = body(p)
        p.expect("END-PERFORM")
    return Perform(line, found, name, through, times, until, varying, test_after, forever)


def _test_place(p: Cursor) -> bool:
    """[WITH] TEST BEFORE | AFTER: whether it is AFTER."""
    at = p.at
    p.accept("WITH")
    if not p.accept("TEST"):
        p.at = at
        return False
    return p.expect("BEFORE", "AFTER") == "AFTER"


def _varying(p: Cursor) -> tuple[Varying, ...]:
    loops = []
    while True:
        ref = reference(p)
        p.expect("FROM")
        start = expression(p)
        step: Expression = Number("1", p.line)
        if p.accept("BY"):
            step = expression(p)
        p.expect("UNTIL")
        loops.append(Varying(ref, start, step, condition(p)))
        if not p.accept("AFTER"):
            return tuple(loops)


@verb("GO")
def _go(p: Cursor) -> Statement:
    line = line_before(p)
    p.accept("TO")
    names = []
    while p.at_name() or p.word == NUMBER:
        names.append(procedure_name(p))
    depending: Ref | None = None
    if p.accept("DEPENDING"):
        p.accept("ON")
        depending = reference(p)
    elif len(names) > 1:
        p.unexpected("DEPENDING")
    return GoTo(line, tuple(names), depending)


@verb("ALTER")
def _alter(p: Cursor) -> Statement:
    line = line_before(p)
    pairs = []
    while p.at_name() or p.word == NUMBER:
        source = procedure_name(p)
        p.expect("TO")
        if p.accept("PROCEED"):
            p.expect("TO")
        pairs.append((source, procedure_name(p)))
    if not pairs:
        p.unexpected("a paragraph's name")
    return Alter(line, tuple(pairs))


@verb("EXIT")
def _exit(p: Cursor) -> Statement:
    line = line_before(p)
    what = p.accept("PARAGRAPH", "SECTION", "PERFORM", "PROGRAM", "FUNCTION")
    if what == "PERFORM" and p.accept("CYCLE"):
        what = "PERFORM CYCLE"
    returning: Expression | None = None
    if what in ("PROGRAM", "FUNCTION") and p.accept("RETURNING", "GIVING"):
        returning = value(p)
    return Exit(line, what, returning)


@verb("STOP", "GOBACK")
def _stop(p: Cursor) -> Statement:
    line = line_before(p)
    if p.words[p.at - 1] == "GOBACK":
        returning = value(p) if p.accept("RETURNING", "GIVING") else None
        return Stop(line, "GOBACK", returning)
    if not p.accept("RUN"):
        return Stop(line, "LITERAL", value(p))
    if p.accept("RETURNING", "GIVING"):
        return Stop(line, "RUN", value(p))
    at = p.at
    p.accept("WITH")
    if p.accept("ERROR", "NORMAL"):
        error = p.words[p.at - 1] == "ERROR"
        p.accept("STATUS")
        status: Expression = Number("1" if error else "0", line)
        return Stop(line, "RUN", value(p) if starts_value(p) else status)
    p.at = at
    return Stop(line, "RUN", value(p) if starts_value(p) else None)


@verb("CALL")
def _call(p: Cursor) -> Statement:
    line = line_before(p)
    if p.accept("STATIC") or (p.at_name() and p.words[p.at + 1] in ('"',)):
        p.at += p.words[p.at + 1] == '"' and p.at_name()
    program = value(p)
    using: list[Argument] = []
    returning: Ref | None = None
    while True:
        if p.accept("USING"):
            using = _arguments(p)
        elif p.accept("RETURNING", "GIVING"):
            if p.accept("NOTHING", "OMITTED"):
                continue
            p.accept("INTO")
            returning = reference(p)
        else:
            break
    happened, other = phrases(p, "EXCEPTION")
    if happened is None and other is None:
        happened, other = phrases(p, "OVERFLOW")
    p.accept("END-CALL")
    return CallProgram(line, program, tuple(using), returning, happened, other)


def _arguments(p: Cursor) -> list[Argument]:
    found: list[Argument] = []
    by = "REFERENCE"
    while True:
        if p.accept("BY"):
            by = p.expect("REFERENCE", "CONTENT", "VALUE")
        elif p.word in ("REFERENCE", "CONTENT", "VALUE"):
            by = p.word
            p.at += 1
        if by == "VALUE":
            value_size(p)
        if p.accept("OMITTED"):
            found.append(Argument(None, by))
        elif starts_value(p) or p.word in ("-", "+", "("):
            found.append(Argument(expression(p), by))
        else:
            return found


def value_size(p: Cursor) -> None:
    """[UNSIGNED] SIZE … of a parameter BY VALUE: how it goes over, which is no matter here."""
    p.accept("UNSIGNED")
    if p.accept("SIZE"):
        p.accept("IS")
        if not p.accept("AUTO", "DEFAULT"):
            p.integer()


@verb("CANCEL")
def _cancel(p: Cursor) -> Statement:
    line = line_before(p)
    programs = [value(p)]
    while starts_value(p):
        programs.append(value(p))
    return Cancel(line, tuple(programs))


@verb("EXEC", "EXECUTE")
def _exec(p: Cursor) -> Statement:
    line = line_before(p)
    construct = f"EXEC {p.word}"
    start = p.at
    while p.word not in ("END-EXEC", END):
        p.at += 1
    if p.word == END:
        raise p.refuse(f"{construct} without END-EXEC", line=line)
    words = _written(p, start)
    p.at += 1
    return Unsupported(line, construct, words)


def _written(p: Cursor, start: int) -> str:
    """The words from `start` to here, as far as tokens keep them."""
    return " ".join(_spelled(p, at) for at in range(start, p.at))


def _spelled(p: Cursor, at: int) -> str:
    found = p.values.get(at)
    if found is None:
        return p.words[at]
    return found if isinstance(found, str) else found.text


def _unsupported(p: Cursor) -> Statement:
    """A verb that is known and not translated: its words up to the next verb or period."""
    line = line_before(p)
    verb_word = p.words[p.at - 1]
    start = p.at
    while p.word not in (".", END) and p.word not in VERBS and not p.word.startswith("END-"):
        p.at += 1
    words = _written(p, start)
    p.accept("END-" + verb_word)
    return Unsupported(line, verb_word, words)


for _word in """ALLOCATE FREE ENTRY COMMIT ROLLBACK UNLOCK GENERATE INITIATE TERMINATE SUPPRESS
    RAISE RESUME INVOKE VALIDATE XML JSON SEND RECEIVE ENABLE DISABLE PURGE DESTROY INQUIRE
    MODIFY EXHIBIT READY RESET TRANSFORM CHAIN""".split():
    VERBS[_word] = _unsupported
