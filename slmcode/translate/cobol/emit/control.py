"""IF, EVALUATE, PERFORM, GO TO, EXIT, STOP: statements that say where control goes on.

Everything that leaves a procedure is a `return`: bare where control falls into the next procedure
anyway, else with the procedure that goes on (see flow). EXIT PERFORM is `break`; EXIT PERFORM
CYCLE does what stands at the loop's end and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.changes import changed
from slmcode.translate.cobol.emit.base import SUM, Num, Out, condition, emits, number
from slmcode.translate.cobol.emit.base import place as place_of
from slmcode.translate.cobol.facts import nodes
from slmcode.translate.cobol.flow import Flow, Procedure, idle_next_sentences


@dataclass(slots=True)
class Loop:
    """An in-line PERFORM around the statement being written."""

    at_end: Callable[[], None] | None = None  # writes what comes before the next turn


@dataclass(slots=True)
class Place:
    """Where the statement being written stands: `Out.place` of a procedure's method."""

    flow: Flow
    procedure: Procedure
    linked: object = None  # the program, see programs.Linked
    counters: frozenset[str] = frozenset()  # variables that matter inside their loops only
    loops: list[Loop] = field(default_factory=list)
    idle: set[int] = field(default_factory=set)  # ids of NEXT SENTENCEs that skip nothing


def procedure_body(out: Out, place: Place) -> None:
    """Write the statements of a procedure, whose method's head is written."""
    procedure = place.procedure
    out.place = place
    if procedure.altered:
        _altered(out, procedure)
        return
    for sentence in procedure.sentences:
        place.idle.update(idle_next_sentences(sentence))
    if procedure.loops:
        with out.block("while True:"):
            out.body(procedure.statements)
            if not _leaves(procedure.statements):
                out.line("return None" if procedure.jumps else "return")
        return
    out.body(procedure.statements)
    if procedure.jumps and not _leaves(procedure.statements):
        out.line("return None")


def calls(out: Out, first: tree.Ref, last: tree.Ref | None = None) -> list[str]:
    """The lines that perform `first` [THRU `last`], as seen from where `out` stands."""
    place = _place(out)
    start, end = place.flow.range_of(first, place.procedure.section)
    if last is not None:
        end = place.flow.range_of(last, place.procedure.section)[1]
    return place.flow.run(start, end)


def _place(out: Out) -> Place:
    place = out.place
    assert isinstance(place, Place)
    return place


def _leaves(body: Sequence[tree.Statement]) -> bool:
    """True when the last statement written is a `return` or one like it on every path."""
    statements = [node for node in body if not isinstance(node, tree.Comment)]
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, tree.GoTo):
        return last.depending is None
    if isinstance(last, tree.If):
        return _leaves(last.then) and _leaves(last.otherwise)
    if isinstance(last, tree.Evaluate):
        return last.otherwise is not None and all(
            _leaves(body) for body in (*(when.body for when in last.whens), last.otherwise)
        )
    return isinstance(last, tree.Exit) and last.what in ("PARAGRAPH", "SECTION")


# Choices


@emits(tree.If)
def if_(out: Out, node: tree.If) -> None:
    word = "if"
    while True:
        then, otherwise = node.then, node.otherwise
        if _idle(out, then) and not _idle(out, otherwise):
            with out.block(f"{word} {condition(out, tree.Not(node.condition, node.line))}:"):
                out.body(otherwise)
            return
        with out.block(f"{word} {condition(out, node.condition)}:"):
            out.body(then)
        if _idle(out, otherwise):
            return
        if len(otherwise) == 1 and isinstance(otherwise[0], tree.If):
            node, word = otherwise[0], "elif"
            continue
        with out.block("else:"):
            out.body(otherwise)
        return


def _idle(out: Out, body: tree.Body) -> bool:
    idle = _place(out).idle
    return all(
        isinstance(node, tree.Continue)
        or (isinstance(node, tree.Exit) and node.what == "")
        or (isinstance(node, tree.NextSentence) and id(node) in idle)
        for node in body
    )


@emits(tree.Evaluate)
def evaluate(out: Out, node: tree.Evaluate) -> None:
    word = "if"
    for when in node.whens:
        test = _any_of([_group(node.subjects, group, when.line) for group in when.groups])
        if test is True:
            if word == "if":
                out.body(when.body)
            else:
                with out.block("else:"):
                    out.body(when.body)
            return
        code = "False" if test is False else condition(out, test)
        with out.block(f"{word} {code}:"):
            out.body(when.body)
        word = "elif"
    if node.otherwise is None or _idle(out, node.otherwise):
        return
    if word == "if":
        out.body(node.otherwise)
        return
    with out.block("else:"):
        out.body(node.otherwise)


Test = tree.Condition | bool


def _any_of(tests: Sequence[Test]) -> Test:
    found: Test = False
    for test in tests:
        if test is True or found is True:
            return True
        if test is not False:
            found = test if found is False else tree.Either(_node(found), _node(test))
    return found


def _node(test: Test) -> tree.Condition:
    assert not isinstance(test, bool)
    return test


def _group(subjects: Sequence[object], group: Sequence[object], line: int) -> Test:
    """All tests of one WHEN, a subject each, as one condition."""
    if len(group) > len(subjects):
        raise tree.Refused(line, "WHEN with more tests than EVALUATE has subjects")
    found: Test = True
    for subject, test in zip(subjects, group, strict=False):
        assert isinstance(test, tree.Range)
        one = _test(subject, test, line)
        if one is False or found is False:
            found = False
        elif one is not True:
            found = one if found is True else tree.Both(_node(found), _node(one), line)
    return found


_CONDITIONS = (
    tree.Compare, tree.ClassTest, tree.SignTest, tree.NameTest, tree.Not, tree.Both, tree.Either
)  # fmt: skip


def _test(subject: object, test: tree.Range, line: int) -> Test:
    value = test.value
    if value is None:
        return True
    wanted = _truth(subject)
    if wanted is None and _truth(value) is not None:
        subject, value, wanted = value, subject, _truth(value)
    if wanted is not None:
        constant = _truth(value)
        found: Test
        if constant is not None:
            found = constant == wanted
            return found != test.negated
        if isinstance(value, tree.Ref):
            value = tree.NameTest(value, line)
        assert isinstance(value, _CONDITIONS)
        return value if wanted != test.negated else tree.Not(value, line)
    if isinstance(subject, _CONDITIONS) or isinstance(value, _CONDITIONS):
        if not isinstance(value, _CONDITIONS):
            raise tree.Refused(line, "EVALUATE of a condition with a WHEN that is none")
        if isinstance(subject, _CONDITIONS):  # both true, or both false
            neither = tree.Both(tree.Not(subject, line), tree.Not(value, line), line)
            value = tree.Either(tree.Both(subject, value, line), neither, line)
        return tree.Not(value, line) if test.negated else value  # else WHEN > 5 written out
    if test.through is not None:
        both = tree.Both(
            tree.Compare(">=", subject, value, line),  # type: ignore[arg-type]
            tree.Compare("<=", subject, test.through, line),  # type: ignore[arg-type]
            line,
        )
        return tree.Not(both, line) if test.negated else both
    operator = "<>" if test.negated else "="
    return tree.Compare(operator, subject, value, line)  # type: ignore[arg-type]


def _truth(value: object) -> bool | None:
    if isinstance(value, tree.Ref) and not value.subscripts and value.name in ("TRUE", "FALSE"):
        return value.name == "TRUE"
    return None


# PERFORM


@emits(tree.Perform)
def perform(out: Out, node: tree.Perform) -> None:
    if node.body is not None:
        inner = node.body

        def body() -> None:
            out.body(inner)
    else:
        assert node.name is not None
        lines = calls(out, node.name, node.through)

        def body() -> None:
            for line in lines:
                out.line(line)

    place = _place(out)
    place.loops.append(Loop())
    try:
        _perform(out, node, body)
    finally:
        place.loops.pop()


def _perform(out: Out, node: tree.Perform, body: Callable[[], None]) -> None:
    loop = _place(out).loops[-1]
    if node.varying:
        _varying(out, node, body)
    elif node.times is not None:
        with out.block(f"for _ in range({_integer(out, node.times)}):"):
            body()
    elif node.until is not None and not node.test_after:
        with out.block(_while(out, node.until)):
            body()
    elif node.until is not None:
        until = node.until

        def at_end() -> None:
            with out.block(f"if {condition(out, until)}:"):
                out.line("break")

        loop.at_end = at_end
        with out.block("while True:"):
            body()
            at_end()
    elif node.forever:
        with out.block("while True:"):
            body()
    elif node.body is None:
        body()
    elif _exits(node.body):
        with out.block("while True:"):  # once: EXIT PERFORM leaves it

            def leave() -> None:
                out.line("break")

            loop.at_end = leave
            body()
            leave()
    else:
        body()


def _while(out: Out, until: tree.Condition) -> str:
    return f"while {condition(out, tree.Not(until))}:"


def _integer(out: Out, expression: tree.Expression) -> str:
    found = number(out, expression)
    return found.code if found.scale == 0 else f"int({found.code})"


def _exits(body: tree.Body) -> bool:
    """True when an EXIT PERFORM in `body` belongs to the PERFORM whose body it is."""
    for node in body:
        if isinstance(node, tree.Exit) and node.what.startswith("PERFORM"):
            return True
        if isinstance(node, tree.Perform):
            continue
        if any(_exits(inner) for inner in bodies(node)):
            return True
    return False


def bodies(node: tree.Statement) -> list[tree.Body]:
    """The statements right inside `node`, by phrase."""
    found: list[tree.Body] = []
    for name in (
        "body then otherwise on_exception on_other on_error on_overflow at_end not_at_end invalid "
        "not_invalid at_eop not_at_eop"
    ).split():
        value = getattr(node, name, None)
        if value:
            found.append(value)
    for when in getattr(node, "whens", ()):
        found.append(when.body if isinstance(when, tree.When) else when[1])
    return found


def _varying(out: Out, node: tree.Perform, body: Callable[[], None], at: int = 0) -> None:
    """The loop of `node.varying[at]` and those inside it, in cobc's order of steps.

    cobc sets an inner variable to its start at the head of every outer turn, before the outer
    condition is looked at.
    """
    varying = node.varying[at]
    line = node.line
    step = tree.Arithmetic(line, "ADD", (varying.step,), (tree.Target(varying.ref),))
    counted = _counted(out, node)
    if counted is not None:
        with out.block(counted):
            body()
        return
    if at == 0:
        out.body((tree.Move(line, varying.start, (varying.ref,)),))
    following = node.varying[at + 1] if at + 1 < len(node.varying) else None
    loop = _place(out).loops[-1]

    def write_step() -> None:
        out.body((step,))

    def check() -> None:
        with out.block(f"if {condition(out, varying.until)}:"):
            out.line("break")

    def check_and_step() -> None:
        check()
        write_step()

    if following is None:
        loop.at_end = check_and_step if node.test_after else write_step
        if node.test_after:
            with out.block("while True:"):
                body()
                check_and_step()
        else:
            with out.block(_while(out, varying.until)):
                body()
                write_step()
        return
    leaves = node.body is not None and _exits_whole(node.body)
    if leaves and (node.test_after or at + 2 < len(node.varying)):
        raise tree.Refused(
            line, "EXIT PERFORM in a PERFORM with AFTER that tests AFTER or is threefold"
        )
    with out.block("while True:"):
        out.body((tree.Move(line, following.start, (following.ref,)),))
        if not node.test_after:
            check()
        _varying(out, node, body, at + 1)
        if leaves:  # the inner loop's `else` is reached when it was not left
            with out.block("else:"):
                write_step()
                out.line("continue")
            out.line("break")
            return
        if node.test_after:
            check()
        write_step()


def _counted(out: Out, node: tree.Perform) -> str | None:
    """The head of `for … in range(…)` where that is provably the same; else None.

    Nothing may change the variable or the bound meanwhile, the variable must hold the value that
    ends the loop (one more than the last, else it starts again from 0), and nobody may read it
    afterwards: `range` leaves it at the last.
    """
    place, varying = _place(out), node.varying[0]
    ref, until = varying.ref, varying.until
    if len(node.varying) > 1 or node.test_after or node.body is None or ref.subscripts:
        return None
    if ref.name not in place.counters or not isinstance(until, tree.Compare):
        return None
    variable = out.layout.find(ref)
    step = _constant(out, varying.step)
    if variable.view or variable.kind != "int" or not step:
        return None
    operator, bound = until.operator, until.right
    if not _is(until.left, ref):
        if not _is(until.right, ref):
            return None
        operator, bound = _MIRRORED[operator], until.left
    changes = changed(node.body, place.flow, place.procedure.section)
    if changes is None or ref.name in changes:
        return None
    for inner in nodes(bound):
        if isinstance(inner, tree.Ref):
            if inner.name in changes or inner.name == ref.name or out.layout.find(inner).view:
                return None
        elif not isinstance(inner, (tree.Number, tree.Binary, tree.Negated)):
            return None
    first, end = number(out, varying.start), number(out, bound)
    least, most = variable.bounds
    if (
        first.kind != "int" or end.kind != "int" or least is None or most is None
        or first.low is None or first.high is None or end.low is None or end.high is None
        or first.low < least or first.high > most
    ):  # fmt: skip
        return None
    beyond = {">": 1, ">=": 0, "<": -1, "<=": 0}.get(operator)
    if operator == "=":
        if first.constant is None or end.constant is None or step not in (1, -1):
            return None
        if (end.constant - first.constant) * step < 0:
            return None
        beyond = 0
    elif beyond is None or (step > 0) != (operator in (">", ">=")):
        return None
    if step > 0 and end.high + beyond + step - 1 > most:
        return None
    if step < 0 and end.low + beyond + step + 1 < least:
        return None
    stop = _plus(end, beyond)
    code = f"for {place_of(out, ref).code} in range("
    if step != 1:
        return f"{code}{first.code}, {stop}, {step}):"
    return f"{code}{first.code}, {stop}):" if first.constant != 0 else f"{code}{stop}):"


def _is(expression: object, ref: tree.Ref) -> bool:
    return isinstance(expression, tree.Ref) and replace(expression, line=ref.line) == ref


_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "=": "=", "<>": "<>"}


def _plus(value: Num, more: int) -> str:
    if value.constant is not None:
        return str(value.constant + more)
    if more == 0:
        return value.code
    return f"{value.at(SUM)} {'+' if more > 0 else '-'} {abs(more)}"


def _constant(out: Out, expression: tree.Expression) -> int | None:
    found = number(out, expression)
    return found.constant if found.kind == "int" else None


def _exits_whole(body: tree.Body) -> bool:
    for node in body:
        if isinstance(node, tree.Exit) and node.what == "PERFORM":
            return True
        if not isinstance(node, tree.Perform) and any(_exits_whole(b) for b in bodies(node)):
            return True
    return False


# Jumps


@emits(tree.GoTo)
def go_to(out: Out, node: tree.GoTo) -> None:
    place = _place(out)
    if node.depending is not None:
        with out.block(f"match {_integer(out, node.depending)}:"):
            for position, name in enumerate(node.names, 1):
                with out.block(f"case {position}:"):
                    out.line(_jump(place, name))
        return
    if not node.names:
        raise tree.Refused(node.line, "GO TO without a name that nothing ALTERs")
    out.line(_jump(place, node.names[0]))


def _jump(place: Place, name: tree.Ref) -> str:
    procedure = place.procedure
    target = place.flow.range_of(name, procedure.section)[0]
    if target == procedure.index:
        if procedure.loops and not place.loops:
            return "continue"
    elif place.flow.returns(procedure, target):
        return _return(procedure)
    return f"return self.{place.flow.procedures[target].method}"


def _return(procedure: Procedure) -> str:
    return "return None" if procedure.jumps else "return"


def _altered(out: Out, procedure: Procedure) -> None:
    """A paragraph that ALTER changes is nothing but its GO TO."""
    goes = [node for node in procedure.statements if isinstance(node, tree.GoTo)]
    if not goes:
        raise tree.Refused(procedure.line, "ALTER of a paragraph that is not a GO TO")
    out.line(f"return self.{altered_name(procedure)}")


def altered_name(procedure: Procedure) -> str:
    """The attribute that holds where an ALTERed paragraph goes to."""
    return f"{procedure.method}_goes_to"


def altered_start(flow: Flow, procedure: Procedure) -> str:
    """Where an ALTERed paragraph goes to before any ALTER: an expression."""
    for node in procedure.statements:
        if isinstance(node, tree.GoTo) and node.names:
            target = flow.range_of(node.names[0], procedure.section)[0]
            return f"self.{flow.procedures[target].method}"
    return "None"


@emits(tree.Alter)
def alter(out: Out, node: tree.Alter) -> None:
    place = _place(out)
    flow, section = place.flow, place.procedure.section
    for altered, goes_to in node.pairs:
        procedure = flow.procedures[flow.range_of(altered, section)[0]]
        target = flow.procedures[flow.range_of(goes_to, section)[0]]
        out.line(f"self.{altered_name(procedure)} = self.{target.method}")


@emits(tree.NextSentence)
def next_sentence(out: Out, node: tree.NextSentence) -> None:
    place = _place(out)
    out.line("pass" if id(node) in place.idle else _return(place.procedure))


@emits(tree.Continue)
def continue_(out: Out, node: tree.Continue) -> None:
    """Nothing: an empty body gets its `pass` from `Out.block`."""


@emits(tree.Exit)
def exit_(out: Out, node: tree.Exit) -> None:
    place = _place(out)
    procedure = place.procedure
    if node.what == "":
        return
    if node.what in ("PARAGRAPH", "SECTION"):
        end = procedure.paragraph_end if node.what == "PARAGRAPH" else procedure.section_end
        if place.flow.returns(procedure, end):
            out.line(_return(procedure))
        else:
            out.line(f"return self.{place.flow.procedures[end].method}")
    elif node.what.startswith("PERFORM"):
        if not place.loops:
            raise tree.Refused(node.line, f"EXIT {node.what} outside an in-line PERFORM")
        if node.what == "PERFORM":
            out.line("break")
            return
        at_end = place.loops[-1].at_end
        if at_end is not None:
            at_end()
        out.line("continue")
    elif node.what == "PROGRAM":
        if node.returning is not None:
            out.line(f"self.return_code = {_integer(out, node.returning)}")
        out.line("self.exit_program()")
    else:
        out.line("self.goback()")


@emits(tree.Stop)
def stop(out: Out, node: tree.Stop) -> None:
    if node.what == "LITERAL":
        raise tree.Refused(node.line, "STOP literal")
    method = "stop" if node.what == "RUN" else "goback"
    code = "" if node.returning is None else _integer(out, node.returning)
    out.line(f"self.{method}({code})")
