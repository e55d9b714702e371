"""A whole Python module: its imports, the classes of its programs, and where every line is from.

    write(source, name, options) -> Written(text, line_map, units)

A program is a class, a paragraph or section a method; what stands above a program in comments is
the class's docstring. Only names that are used are imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.changes import only_in_loops
from slmcode.translate.cobol.emit import (  # each registers its statements  # noqa: F401
    arithmetic,
    conditions,
    console,
    control,
    files,
    functions,
    moves,
    programs,
    sorting,
    strings,
    tables,
)
from slmcode.translate.cobol.emit.base import Out, Sheet, printable
from slmcode.translate.cobol.emit.control import Place, altered_name, altered_start, procedure_body
from slmcode.translate.cobol.emit.data import declare, declare_local, record_classes
from slmcode.translate.cobol.emit.folding import WIDTH, fold, width, wrap_comment
from slmcode.translate.cobol.emit.names import python_name
from slmcode.translate.cobol.emit.programs import Linked
from slmcode.translate.cobol.flow import Flow, Part, Procedure, analyse, walk
from slmcode.translate.cobol.layout import Layout, layout
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Unit:
    """A paragraph, section or program. Lines count from 1; a range is (first, last)."""

    name: str  # COBOL's
    kind: str  # paragraph | section | program
    source_lines: tuple[int, int]
    lines: tuple[int, int]
    calls: tuple[str, ...] = ()  # names of units of this module
    program: str = ""  # the program it belongs to
    method: str = ""  # its name in the module: a method's or a class's


@dataclass(frozen=True, slots=True)
class Written:
    text: str
    line_map: tuple[int, ...]
    units: tuple[Unit, ...]


@dataclass(slots=True)
class _Page:
    """Lines with the source line of each."""

    lines: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)

    def line(self, code: str = "", source: int = 0) -> None:
        self.lines.append(code)
        self.sources.append(source)

    def blank(self, count: int = 1) -> None:
        """At least `count` empty lines, unless at the start."""
        have = 0
        while have < len(self.lines) and not self.lines[-1 - have]:
            have += 1
        for _ in range(count - have if self.lines else 0):
            self.line()

    def add(self, out: Out) -> None:
        """What was written on `out`, its lines folded."""
        for code, source in zip(out.lines, out.sources, strict=True):
            if code.strip() == "#":  # an empty comment is a blank line, if anything
                continue
            for part in fold(code):
                self.line(part, source)


def write(source: tree.Source, name: str, options: Options) -> Written:
    """The module of `source`, read from a file called `name`.

    Raises `Refusals` for all constructs that are not translated.
    """
    writer = _Writer(name, Sheet(options))
    linked = programs.link(source)
    writer.classes.update(program.class_name for program in linked)
    for program in linked:
        writer.program(program)
    if writer.refusals:
        raise Refusals(writer.refusals)
    return writer.finish(linked)


class _Writer:
    def __init__(self, name: str, sheet: Sheet) -> None:
        self.name = name
        self.sheet = sheet
        self.page = _Page()
        self.units: list[Unit] = []
        self.refusals: list[tree.Refused] = []
        self.layouts: dict[int, Layout] = {}  # by id of the program
        self.classes = {"I", "O"}  # their names; these two look like digits
        self.counters: frozenset[str] = frozenset()  # of the program being written

    def program(self, linked: Linked) -> None:
        """Write the classes of one program."""
        program = linked.program
        outer = None if linked.parent is None else self.layouts.get(id(linked.parent.program))
        try:
            found = layout(program, self.sheet.options, outer, self.classes)
        except tree.Refused as refused:
            self.refusals.append(refused)
            return
        self.layouts[id(program)] = found
        programs.prepare(found, linked)
        try:
            flow = analyse(program, python_name, found.attributes)
        except tree.Refused as refused:
            self.refusals.append(refused)
            return
        self.counters = only_in_loops(program)
        first_unit = len(self.units)
        self.units.append(Unit(program.name, "program", (0, 0), (0, 0)))
        records = Out(self.sheet, found)
        if self._try(lambda: record_classes(records)) and records.lines:
            self.page.blank(2)
            self.page.add(records)
        self.page.blank(2)
        start = len(self.page.lines) + 1
        self.page.line(f"class {linked.class_name}({self.sheet_use('Program')}):", program.line)
        self._class_head(linked)
        self._init(found, flow, linked)
        for part in flow.parts:
            self._section(flow, part, program)
            for procedure in flow.procedures[part.first : part.last + 1]:
                self._procedure(found, flow, procedure, part, linked)
        self._order(flow)
        self.units[first_unit] = Unit(
            program.name,
            "program",
            (program.line, program.last_line),
            (start, len(self.page.lines)),
            tuple(dict.fromkeys(_calls_of(node for p in flow.procedures for node in _nodes(p)))),
            program.name,
            linked.class_name,
        )

    def sheet_use(self, name: str) -> str:
        self.sheet.used.add(name)
        return name

    def _try(self, action: object) -> bool:
        try:
            action()  # type: ignore[operator]
        except tree.Refused as refused:
            self.refusals.append(refused)
            return False
        return True

    def _class_head(self, linked: Linked) -> None:
        program = linked.program
        comments = _prose(program.comments)
        text = comments or [f"{program.name} of {self.name}."]
        for code in _docstring(text, 4):
            self.page.line(code, program.line if comments else 0)
        self.page.line()
        settings = []
        if program.name.upper() != linked.class_name.upper():
            settings.append(f'    name = "{program.name}"')
        if program.initial or program.is_function or program.recursive:
            settings.append("    initial = True")
        if program.common:
            settings.append("    common = True")
        for code in settings:
            self.page.line(code, program.line)
        if settings:
            self.page.line()

    def _init(self, found: Layout, flow: Flow, linked: Linked) -> None:
        program = linked.program
        out = Out(self.sheet, found, "__init__", 1)
        out.source = program.line
        with out.block(
            f"def __init__(self, parent: {self.sheet_use('Program')} | None = None) -> None:"
        ):
            out.line("super().__init__(parent)")
            self._try(lambda: declare(out))
            self._try(lambda: files.declare(out))
            for procedure in flow.procedures:
                if procedure.altered:
                    start = altered_start(flow, procedure)
                    hint = f": {self.sheet_use('Jump')}"
                    out.line(f"self.{altered_name(procedure)}{hint} = {start}", procedure.line)
            self._try(lambda: programs.handlers(out, flow))
            self._try(lambda: programs.returning(out))
        if not _only_super(out.lines):
            self.page.add(out)
            self.page.line()
        if program.local:
            local = Out(self.sheet, found, "local_storage", 1)
            with local.block("def local_storage(self) -> None:"):
                self._try(lambda: declare_local(local))
            self.page.add(local)
            self.page.line()
        if program.using:
            link = Out(self.sheet, found, "link", 1)
            self._try(lambda: programs.link_method(link))
            self.page.add(link)
            self.page.line()
        lines = flow.start()
        if program.local:
            lines.insert(0, "self.local_storage()")
        if lines != ["self.main()"]:
            body = Out(self.sheet, found, "start", 1)
            with body.block("def start(self) -> None:"):
                for line in lines:
                    body.line(line, 0)
            self.page.add(body)
            self.page.line()

    def _procedure(
        self, found: Layout, flow: Flow, procedure: Procedure, part: Part, linked: Linked
    ) -> None:
        if procedure.empty and not flow.jumps:
            return
        result = self.sheet_use("Jump") if procedure.jumps or flow.jumps else "None"
        if not procedure.jumps:
            result = "None"
        out = Out(self.sheet, found, procedure.method, 1)
        out.source = max(procedure.line, 0)
        try:
            with out.block(f"def {procedure.method}(self) -> {result}:"):
                for line in _docstring(_prose(procedure.comments), 0):
                    out.line(line, 0)
                procedure_body(out, Place(flow, procedure, linked, self.counters))
        except tree.Refused as refused:
            self.refusals.append(refused)
            self._more_refusals(found, flow, procedure, linked)
            return
        start = len(self.page.lines) + 1
        self.page.add(out)
        end = len(self.page.lines)
        self.page.line()
        if procedure.line > 0:
            is_section = part.first == part.last and bool(part.name) and not procedure.name
            name = part.name if is_section else procedure.name
            self.units.append(
                Unit(
                    name or procedure.method.upper().replace("_", "-"),
                    "section" if is_section else "paragraph",
                    (procedure.line, procedure.last_line),
                    (start, end),
                    tuple(dict.fromkeys(_calls_of(_nodes(procedure)))),
                    linked.program.name,
                    procedure.method,
                )
            )

    def _more_refusals(
        self, found: Layout, flow: Flow, procedure: Procedure, linked: Linked
    ) -> None:
        """What else of `procedure` is refused, statement by statement."""
        for node in procedure.statements:
            out = Out(self.sheet, found, procedure.method, 1)
            part = Procedure(
                procedure.index, "", procedure.section, procedure.method, ((node,),), node.line, 0
            )
            try:
                procedure_body(out, Place(flow, part, linked, self.counters))
            except tree.Refused as refused:
                if all(refused.line != other.line for other in self.refusals):
                    self.refusals.append(refused)

    def _section(self, flow: Flow, part: Part, program: tree.Program) -> None:
        """The method of a section with several paragraphs that is performed as a whole."""
        if not part.method or not part.used or not flow.plain(part.first, part.last):
            return
        start = len(self.page.lines) + 1
        self.page.line(f"    def {part.method}(self) -> None:", part.line)
        for line in _docstring(_prose(part.comments), 8):
            self.page.line(line)
        for line in flow.sequence(part.first, part.last) or ["pass"]:
            self.page.line(f"        {line}", part.line)
        self.units.append(
            Unit(
                part.name,
                "section",
                (part.line, part.last_line),
                (start, len(self.page.lines)),
                tuple(p.name for p in flow.procedures[part.first : part.last + 1] if p.name),
                program.name,
                part.method,
            )
        )
        self.page.line()

    def _order(self, flow: Flow) -> None:
        if not flow.jumps:
            while not self.page.lines[-1]:
                self.page.lines.pop()
                self.page.sources.pop()
            return
        self.sheet_use("Jump")
        self.sheet.modules.add("collections.abc.Callable")
        self.page.line("    def procedures(self) -> tuple[Callable[[], Jump], ...]:")
        self.page.line('        """The order in which control falls from one into the next."""')
        self.page.line("        return (")
        for procedure in flow.procedures:
            self.page.line(f"            self.{procedure.method},")
        self.page.line("        )")

    def finish(self, linked: Sequence[Linked]) -> Written:
        """The whole text with its head and foot."""
        words = set(re.findall(r"\w+", "\n".join(self.page.lines)))
        self.sheet.used &= words  # what was asked for on lines that were given up again
        self.sheet.modules = {m for m in self.sheet.modules if m.rpartition(".")[2] in words}
        head = _Page()
        main = next((p for p in linked if not p.program.is_function), linked[0])
        title = f"{main.program.name}, translated from {self.name} by slmcode."
        for line in _docstring([title], 0):
            head.line(line)
        head.line()
        if any("| None" in line for line in self.page.lines):
            head.line("from __future__ import annotations")
            head.line()
        for line in self._imports():
            head.line(line)
        offset = len(head.lines) + 2
        page = self.page
        nested = [program for program in linked if program.contained]
        if nested:
            page.blank(2)
            for program in nested:
                names = ", ".join(found.class_name for found in program.contained)
                for code in fold(f"{program.class_name}.contained = ({names},)"):
                    page.line(code)
        page.blank(2)
        page.line('if __name__ == "__main__":')
        page.line(f"    {main.class_name}().run()")
        lines = [*head.lines, "", "", *page.lines]
        sources = [*head.sources, 0, 0, *page.sources]
        units = tuple(_moved(unit, offset) for unit in self.units)
        return Written("\n".join(lines) + "\n", tuple(sources), units)

    def _imports(self) -> Iterator[str]:
        by_module: dict[str, set[str]] = {}
        plain = []
        for name in self.sheet.modules:
            module, _, imported = name.rpartition(".")
            if module:
                by_module.setdefault(module, set()).add(imported)
            else:
                plain.append(name)
        for name in sorted(plain):
            yield f"import {name}"
        for module in sorted(by_module):
            yield from fold(f"from {module} import {', '.join(sorted(by_module[module]))}")
        if plain or by_module:
            yield ""
        names = sorted(self.sheet.used, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
        line = f"from slmcode_runtime import {', '.join(names)}"
        if width(line) <= WIDTH:
            yield line
            return
        yield "from slmcode_runtime import ("
        for name in names:
            yield f"    {name},"
        yield ")"


def _moved(unit: Unit, offset: int) -> Unit:
    first, last = unit.lines
    return Unit(
        unit.name,
        unit.kind,
        unit.source_lines,
        (first + offset, last + offset),
        unit.calls,
        unit.program,
        unit.method,
    )


def _only_super(lines: list[str]) -> bool:
    return len(lines) == 2


def _nodes(procedure: Procedure) -> Iterator[tree.Statement]:
    for sentence in procedure.sentences:
        for node, _ in walk(sentence):
            yield node


def _calls_of(nodes: Iterator[tree.Statement]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, tree.Perform) and node.name is not None:
            yield node.name.name
            if node.through is not None:
                yield node.through.name
        elif isinstance(node, tree.GoTo):
            for name in node.names:
                yield name.name
        elif isinstance(node, tree.CallProgram) and isinstance(node.program, tree.Text):
            yield node.program.text.upper()


# Comments


def _prose(comments: Sequence[str]) -> list[str]:
    """Comment lines as text: boxes and rulers of stars and dashes left out."""
    found = []
    for comment in comments:
        text = printable(comment).strip().strip("*").strip()
        text = "".join(c if c.isprintable() else " " for c in text)
        if any(c.isalnum() for c in text):
            found.append(text)
    return found


def _docstring(lines: Sequence[str], indent: int) -> list[str]:
    """`lines` as a docstring."""
    space = " " * indent
    wrapped: list[str] = []
    for line in lines:
        shown = line.replace("\\", "\\\\").replace('"""', "'''")
        wrapped += [part[2:] for part in wrap_comment(shown, WIDTH - indent - 6)]
    if not wrapped:
        return []
    if len(wrapped) == 1:
        end = " " if wrapped[0].endswith('"') else ""
        return [f'{space}"""{wrapped[0]}{end}"""']
    first, *rest = wrapped
    return [f'{space}"""{first}', *(f"{space}{line}".rstrip() for line in rest), f'{space}"""']
