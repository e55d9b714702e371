"""Programs among each other: who can CALL whom, arguments, functions of the user's own.

Arguments are storage: bytes of the caller that the called program's LINKAGE records are laid over,
as cobc does it; what is passed BY CONTENT is a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import expressions
from slmcode.translate.cobol.emit.base import (
    Num,
    Out,
    Txt,
    emits,
    integer,
    is_numeric,
    store,
    text,
)
from slmcode.translate.cobol.emit.data import record_of, storage
from slmcode.translate.cobol.emit.names import class_name
from slmcode.translate.cobol.flow import Flow
from slmcode.translate.cobol.layout import Field, Layout, layout


@dataclass(slots=True)
class Linked:
    """A program of the source and those around it."""

    program: tree.Program
    class_name: str
    parent: Linked | None
    contained: list[Linked] = field(default_factory=list)
    beside: dict[str, Linked] = field(default_factory=dict)  # outermost programs of the source
    layout: Layout | None = None

    def find(self, name: str) -> Linked | None:
        """The program that CALL `name` means here; None when the source has none of it."""
        for found in self.contained:
            if found.program.name.upper() == name:
                return found
        above = self.parent
        while above is not None:
            for found in above.contained:
                if found.program.name.upper() == name and found.program.common:
                    return found
            above = above.parent
        if self.program.name.upper() == name and self.program.recursive:
            return self
        return self.beside.get(name)


def link(source: tree.Source) -> list[Linked]:
    """All programs of `source`, the outer before the inner, with names for their classes."""
    taken: set[str] = set()
    beside: dict[str, Linked] = {}

    def visit(program: tree.Program, parent: Linked | None) -> Iterator[Linked]:
        linked = Linked(program, _class_name(program.name, taken), parent, beside=beside)
        if parent is None:
            beside[program.name.upper()] = linked
        else:
            parent.contained.append(linked)
        yield linked
        for inner in program.nested:
            yield from visit(inner, linked)

    return [linked for program in source.programs for linked in visit(program, None)]


def _class_name(name: str, taken: set[str]) -> str:
    found = class_name(name, taken | _TAKEN)
    taken.add(found)
    return found


_TAKEN = frozenset(("Program", "Record", "Jump", "Decimal", "Storage", "CallError", "SizeError"))


def prepare(made: Layout, linked: Linked) -> None:
    """Tell `made` of the functions its program may use."""
    linked.layout = made
    for name, other in linked.beside.items():
        if other.program.is_function:
            made.user_functions[name] = other.program


def _linked(out: Out) -> Linked:
    linked = out.place.linked
    assert isinstance(linked, Linked)
    return linked


# The head of a program that is called


def link_method(out: Out) -> None:
    """Write `link`: PROCEDURE DIVISION USING."""
    out.source = out.layout.program.line
    parameters: list[tuple[str, Field]] = []
    for ref, _ in out.layout.program.using:
        found = out.layout.find(ref)
        if found.item.any_length:
            raise tree.Refused(found.item.line, "ANY LENGTH")
        # "l" alone is too much like a one for those who check style.
        parameters.append(("l_" if found.attribute == "l" else found.attribute, found))
    storage = out.use("Storage")
    head = ", ".join(f"{name}: {storage} | None = None" for name, _ in parameters)
    with out.block(f"def link(self, {head}) -> None:"):
        for name, found in parameters:
            with out.block(f"if {name} is not None:"):
                out.line(f"{record_of(out, found)} = {found.class_name}({name})")


def returning(out: Out) -> None:
    """Write what PROCEDURE DIVISION RETURNING names, as the last of `__init__`."""
    program = out.layout.program
    if program.returning is not None:
        found = out.layout.find(program.returning)
        storage = f"bytearray({found.size})"  # at first NUL bytes, as in cobc
        out.line(f"self.returning = {record_of(out, found)} = {found.class_name}({storage})")


def handlers(out: Out, flow: Flow) -> None:
    """Write who is called when a file's operation fails: DECLARATIVES."""
    found: dict[str, str] = {}
    for part in flow.parts:
        words = part.use.replace(",", " ").split()
        if not words or words[0] == "DEBUGGING":
            continue
        if words[0] not in ("ERROR", "EXCEPTION"):
            raise tree.Refused(part.line, f"USE {part.use}")
        part.used = True
        run = flow.run(part.first, part.last)[0]
        handler = run.removesuffix("()") if flow.plain(part.first, part.last) else f"lambda: {run}"
        for word in words[1:]:
            found[word] = handler
    if found:
        pairs = ", ".join(f'"{name}": {handler}' for name, handler in found.items())
        out.line(f"self.handlers = {{{pairs}}}")


# CALL

# Routines of cobc's library that the runtime has.
ROUTINES = frozenset(("SYSTEM", "C$SLEEP"))  # those of the runtime
_ROUTINE = re.compile(r"(CBL_|C\$|X\"|\x91|\xe5|\xf4).*", re.IGNORECASE)


@emits(tree.CallProgram)
def call(out: Out, node: tree.CallProgram) -> None:
    code = _call(out, node)
    if node.on_exception is None and node.on_other is None:
        out.line(code)
        _returning(out, node)
        return
    if node.on_exception is None:
        # cobc 3.1 never runs NOT ON EXCEPTION of a CALL that succeeds.
        out.line(code)
        _returning(out, node)
        return
    with out.block("try:"):
        out.line(code)
        _returning(out, node)
    with out.block(f"except {out.use('CallError')}:"):
        out.body(node.on_exception)
        if node.on_other:  # cobc 3.1 runs both, and none of them when the CALL succeeds
            out.body(node.on_other)


def _call(out: Out, node: tree.CallProgram) -> str:
    arguments = [program_code(out, node.program)]
    parameters = _parameters(out, node.program)
    for at, argument in enumerate(node.using):
        if parameters is not None and at >= len(parameters):
            break  # nobody sees what is passed beyond
        value = argument.value
        if value is None:
            arguments.append("None")
            continue
        if argument.by == "VALUE" and is_numeric(out, value):
            code = integer(out, value).code
            arguments.append(f'bytearray(({code}).to_bytes(8, "little", signed=True))')
            continue
        if isinstance(value, tree.Text) and parameters is not None:
            value = replace(value, text=value.text.ljust(parameters[at].size))
        copy = argument.by != "REFERENCE" or not isinstance(value, tree.Ref)
        arguments.append(storage(out, value, copy))
    return f"self.call({', '.join(arguments)})"


def _parameters(out: Out, program: tree.Expression) -> list[Field] | None:
    """The items of PROCEDURE DIVISION USING of what is called, as far as they are known here."""
    linked = _target(out, program)
    if linked is None:
        return None
    made = _layout_of(out, linked)
    return [made.find(ref) for ref, _ in linked.program.using]


def _layout_of(out: Out, linked: Linked) -> Layout:
    if linked.layout is None:  # it stands behind its use
        linked.layout = layout(linked.program, out.options)
    return linked.layout


def _returning(out: Out, node: tree.CallProgram) -> None:
    if node.returning is None:
        return
    linked = _target(out, node.program)
    if linked is not None and linked.program.returning is not None:
        raise tree.Refused(node.line, "CALL RETURNING of a program with RETURNING")
    store(out, node.returning, Num("self.return_code", -(2**31), 2**31 - 1))


def _target(out: Out, program: tree.Expression) -> Linked | None:
    if isinstance(program, tree.Text):
        return _linked(out).find(program.text.strip().upper())
    return None


def program_code(out: Out, program: tree.Expression) -> str:
    """A program as an argument of `Program.call`: its class, else its name."""
    if isinstance(program, tree.Text):
        name = program.text.strip()
        found = _target(out, program)
        if found is not None:
            return found.class_name
        if _ROUTINE.fullmatch(name) and name.upper() not in ROUTINES:
            raise tree.Refused(program.line, f'CALL "{name}"', "a routine of cobc's library")
        return f'"{name}"'
    return text(out, program).code


@emits(tree.Cancel)
def cancel(out: Out, node: tree.Cancel) -> None:
    for program in node.programs:
        out.line(f"self.cancel({program_code(out, program)})")


# Functions of the user's own


def user_function(out: Out, call: tree.FunctionCall) -> Num | Txt:
    """The value of FUNCTION name(arguments) where this source defines it."""
    code, found = _function(out, call)
    if found.kind == "group":
        return Txt(f"{code}.group", found.size)
    if found.kind == "text":
        return Txt(f"{code}.value", found.size)
    low, high = found.bounds
    return Num(f"{code}.value", low, high, found.scale, found.kind)


def _function(out: Out, call: tree.FunctionCall) -> tuple[str, Field]:
    """Code of the record that a function of the user's returns, and its item."""
    linked = _linked(out).beside[call.name]
    returning = linked.program.returning
    if returning is None:
        raise tree.Refused(call.line, f"FUNCTION {call.name}", "it returns nothing")
    arguments = [linked.class_name]
    for argument in call.arguments:
        if isinstance(argument, str):
            raise tree.Refused(call.line, f"{argument} as an argument of FUNCTION {call.name}")
        if isinstance(argument, tree.FunctionCall) and argument.name in out.layout.user_functions:
            arguments.append(f"{_function(out, argument)[0]}.storage")
        else:
            arguments.append(storage(out, argument, not isinstance(argument, tree.Ref)))
    found = _layout_of(out, linked).find(returning)
    return f"self.call_function({', '.join(arguments)})", found


expressions.USER_FUNCTION.append(user_function)
