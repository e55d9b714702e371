"""Paragraphs, sections and jumps: which procedure is a plain method, and which one must tell
where control goes on.

A program's paragraphs stand in one line, and control falls from each into the next. PERFORM a
THRU b starts at a and comes back when the end of b is reached, whatever was jumped over between;
GO TO leaves the line anywhere (cobc does it so, with a label to return to on a stack).

    plain     no jump leaves the paragraph: a method that is called
    loops     GO TO its own start, not from within an in-line loop: its body is a `while True:`
    next      GO TO the paragraph behind it, and nothing returns at its end: `return`
    jumps     any other GO TO: the method returns the procedure that goes on, `return self.done`,
              and whoever performs it does so through `Program.perform(first, last)`

Pure on the tree; nothing is emitted here. EXIT SECTION and NEXT SENTENCE need places that have no
name in the source; they get paragraphs of their own, so that they are jumps like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields

from slmcode.translate.cobol import tree


@dataclass(slots=True)
class Changes:
    """What statements store into, None where that is not known, and what they perform."""

    names: set[str] | None
    performs: list[tuple[int, int]]  # first and last procedure


@dataclass(slots=True)
class Procedure:
    """A paragraph, or a part of one that something jumps to."""

    index: int
    name: str  # COBOL's, "" where it has none
    section: int
    method: str
    sentences: tuple[tree.Body, ...]
    line: int
    last_line: int
    comments: tuple[str, ...] = ()
    jumps: bool = False
    loops: bool = False
    ends: bool = True  # its end can be reached
    altered: bool = False
    changes: Changes | None = None  # kept here by `changes.changed`
    paragraph_end: int = 0  # the procedure at whose end EXIT PARAGRAPH goes on
    section_end: int = 0  # the same of EXIT SECTION

    @property
    def statements(self) -> tuple[tree.Statement, ...]:
        return tuple(statement for sentence in self.sentences for statement in sentence)

    @property
    def empty(self) -> bool:
        """True when there is nothing to do: EXIT, CONTINUE, or no statement at all."""
        return all(_does_nothing(statement) for statement in self.statements)


@dataclass(slots=True)
class Part:
    """A section: its procedures are first..last, both included."""

    name: str
    method: str
    first: int
    last: int
    line: int
    last_line: int
    use: str = ""
    comments: tuple[str, ...] = ()
    used: bool = False  # it is performed as a whole: worth a method of its own


@dataclass(slots=True)
class Flow:
    """The procedures of one program in their order, and how to run them."""

    procedures: list[Procedure] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    declared: int = 0  # the first `declared` procedures are DECLARATIVES
    returns_at: set[int] = field(default_factory=set)  # where some PERFORM comes back
    _paragraphs: dict[tuple[str, int], int] = field(default_factory=dict)  # (name, section)
    _sections: dict[str, int] = field(default_factory=dict)
    _anywhere: dict[str, int] = field(default_factory=dict)  # a paragraph's first section

    @property
    def jumps(self) -> bool:
        return any(procedure.jumps for procedure in self.procedures)

    def range_of(self, ref: tree.Ref, section: int) -> tuple[int, int]:
        """First and last procedure of a paragraph or section named from within `section`.

        Raises `tree.Refused` when the name is not that of a procedure.
        """
        name = ref.name
        if not self._sections:
            self._index()
        if ref.qualifiers:
            sections = [self._sections.get(ref.qualifiers[0], -1)]
        else:
            sections = [section, self._anywhere.get(name, -1)]
        if (name, sections[0]) not in self._paragraphs and not ref.qualifiers:
            at = self._sections.get(name)
            if at is not None:
                return self.parts[at].first, self.parts[at].last
        for at in sections:
            first = self._paragraphs.get((name, at))
            if first is not None:
                return first, self.procedures[first].paragraph_end
        raise tree.Refused(ref.line, name, "no paragraph or section has this name")

    def _index(self) -> None:
        for at, part in enumerate(self.parts):
            self._sections.setdefault(part.name, at)
            for procedure in self.procedures[part.first : part.last + 1]:
                if procedure.name:
                    self._paragraphs.setdefault((procedure.name, at), procedure.index)
                    self._anywhere.setdefault(procedure.name, at)

    def returns(self, procedure: Procedure, target: int) -> bool:
        """True when going to `target`, or to its end if that is `procedure`, is `return`."""
        if target == procedure.index:
            return True
        return target == procedure.index + 1 and procedure.index not in self.returns_at

    def plain(self, first: int, last: int) -> bool:
        """True when running first..last is calling each in turn."""
        return first <= last and not any(
            procedure.jumps for procedure in self.procedures[first : last + 1]
        )

    def run(self, first: int, last: int) -> list[str]:
        """The statements that perform first..last, as calls on `self`."""
        if not self.plain(first, last):
            start = f"self.{self.procedures[first].method}"
            if first == last:
                return [f"self.perform({start})"]
            return [f"self.perform({start}, self.{self.procedures[last].method})"]
        part = self.parts[self.procedures[first].section]
        if (part.first, part.last) == (first, last) and part.method:
            return [f"self.{part.method}()"]
        return self.sequence(first, last) or ["pass"]

    def sequence(self, first: int, last: int) -> list[str]:
        """Calls of first..last in turn, up to one that never ends; empty ones are left out."""
        calls = []
        for procedure in self.procedures[first : last + 1]:
            if not procedure.empty:
                calls.append(f"self.{procedure.method}()")
            if not procedure.ends:
                break
        return calls

    def start(self) -> list[str]:
        """The statements that run the procedure division from its beginning."""
        line = self.procedures[self.declared :]
        reached: list[Procedure] = []
        for procedure in line:
            reached.append(procedure)
            if procedure.jumps:
                return [f"self.flow(self.{line[0].method})"]
            if not procedure.ends:
                break
        if not reached:
            return []
        return self.sequence(reached[0].index, reached[-1].index)


def analyse(program: tree.Program, python_name: Callable[[str], str], taken: set[str]) -> Flow:
    """The flow of `program`'s procedure division.

    `taken` holds the names of its other attributes; the methods' names are added to it.
    """
    flow = Flow()
    names = _Names(python_name, taken)
    for section in program.declaratives:
        # Debugging sections run only where COB_SET_DEBUG says so when the program runs.
        if not section.use.startswith("DEBUGGING"):
            _add_section(flow, section, names)
    flow.declared = len(flow.procedures)
    for section in program.sections:
        _add_section(flow, section, names)
    _name_sections(flow, names)
    _ranges(flow)
    _classify(flow)
    _find_ends(flow)
    return flow


class _Names:
    def __init__(self, python_name: Callable[[str], str], taken: set[str]) -> None:
        self._python_name = python_name
        self.taken = taken

    def new(self, name: str) -> str:
        base = self._python_name(name)
        found, count = base, 1
        while found in self.taken:
            count += 1
            found = f"{base}_{count}"
        self.taken.add(found)
        return found


def _add_section(flow: Flow, section: tree.Section, names: _Names) -> None:
    at = len(flow.parts)
    first = len(flow.procedures)
    leaves = False
    paragraphs = section.paragraphs or (tree.Paragraph("", section.line, section.line, ()),)
    several = len(paragraphs) > 1
    for position, paragraph in enumerate(paragraphs):
        if paragraph.name:
            title = paragraph.name
        elif section.name:
            title = f"{section.name}-START" if several else section.name
        else:
            title = "MAIN"
        start = len(flow.procedures)
        groups = _groups(paragraph)
        is_end = position == len(paragraphs) - 1 and len(groups) == 1
        leaves = leaves or (not is_end and _leaves_section(paragraph))
        for count, sentences in enumerate(groups):
            comments = paragraph.comments if count == 0 else ()
            if not several and section.name and not paragraph.name and count == 0:
                comments = section.comments + comments
            flow.procedures.append(
                Procedure(
                    len(flow.procedures),
                    paragraph.name if count == 0 else "",
                    at,
                    names.new(title if count == 0 else f"{title}-NEXT"),
                    sentences,
                    _first_line(sentences, paragraph.line) if count else paragraph.line,
                    paragraph.last_line,
                    comments,
                    paragraph_end=start + len(groups) - 1,
                )
            )
    if leaves:  # the place EXIT SECTION goes to, behind the last paragraph's own end
        title = f"{section.name or 'MAIN'}-END"
        end = len(flow.procedures)
        flow.procedures.append(
            Procedure(end, "", at, names.new(title), (), -1, -1, paragraph_end=end)
        )
    last = len(flow.procedures) - 1
    for procedure in flow.procedures[first:]:
        procedure.section_end = last
    last_line = paragraphs[-1].last_line
    flow.parts.append(
        Part(section.name, "", first, last, section.line, last_line, section.use, section.comments)
    )


def _first_line(sentences: tuple[tree.Body, ...], otherwise: int) -> int:
    return next((s.line for sentence in sentences for s in sentence), otherwise)


def _leaves_section(paragraph: tree.Paragraph) -> bool:
    return any(
        isinstance(node, tree.Exit) and node.what == "SECTION"
        for sentence in paragraph.sentences
        for node, _ in walk(sentence)
    )


def _name_sections(flow: Flow, names: _Names) -> None:
    for part in flow.parts:
        if part.name and part.first != part.last:
            part.method = names.new(part.name)


def _groups(paragraph: tree.Paragraph) -> list[tuple[tree.Body, ...]]:
    """The sentences in groups: a NEXT SENTENCE that jumps is only ever in a group's last one.

    Behind several groups stands an empty one where EXIT PARAGRAPH needs it to go to.
    """
    groups = list(_split(paragraph.sentences))
    if len(groups) > 1 and any(
        isinstance(node, tree.Exit) and node.what == "PARAGRAPH"
        for sentence in paragraph.sentences
        for node, _ in walk(sentence)
    ):
        groups.append(())
    return groups


def _split(sentences: tuple[tree.Body, ...]) -> Iterator[tuple[tree.Body, ...]]:
    group: list[tree.Body] = []
    for position, sentence in enumerate(sentences):
        group.append(sentence)
        if position < len(sentences) - 1 and jumping_next_sentence(sentence):
            yield tuple(group)
            group = []
    yield tuple(group)


def jumping_next_sentence(sentence: tree.Body) -> bool:
    """True when a NEXT SENTENCE in it skips something, rather than stand where it ends anyway."""
    found = sum(1 for node, _ in walk(sentence) if isinstance(node, tree.NextSentence))
    return found > len(idle_next_sentences(sentence))


def idle_next_sentences(body: tree.Body) -> set[int]:
    """The ids of the NEXT SENTENCEs in the last place of `body`: they do nothing."""
    if not body:
        return set()
    last = body[-1]
    if isinstance(last, tree.NextSentence):
        return {id(last)}
    if isinstance(last, tree.If):
        return idle_next_sentences(last.then) | idle_next_sentences(last.otherwise)
    found: set[int] = set()
    if isinstance(last, tree.Evaluate):
        for inner in (*(when.body for when in last.whens), last.otherwise or ()):
            found |= idle_next_sentences(inner)
    return found


# Who performs what


def _ranges(flow: Flow) -> None:
    whole = {(part.first, part.last): part for part in flow.parts}
    for procedure in flow.procedures:
        for sentence in procedure.sentences:
            for node, _ in walk(sentence):
                for first, last in _performs(node):
                    start = flow.range_of(first, procedure.section)[0]
                    end = flow.range_of(last or first, procedure.section)[1]
                    if (start, end) in whole:
                        whole[start, end].used = True
                    flow.returns_at.add(end)
    for part in flow.parts:
        if part.use:
            flow.returns_at.add(part.last)


def _performs(node: tree.Statement) -> Iterator[tuple[tree.Ref, tree.Ref | None]]:
    if isinstance(node, tree.Perform) and node.name is not None:
        yield node.name, node.through
    elif isinstance(node, tree.Sort):
        for pair in (node.input, node.output):
            if pair is not None:
                yield pair


def _classify(flow: Flow) -> None:
    """Fill `jumps` and `loops`. A jump from within a loop goes through `return`, always."""
    altered = set()
    for procedure in flow.procedures:
        for sentence in procedure.sentences:
            for node, _ in walk(sentence):
                if isinstance(node, tree.Alter):
                    for place, _ in node.pairs:
                        altered.add(flow.range_of(place, procedure.section)[0])
    for procedure in flow.procedures:
        procedure.altered = procedure.index in altered
        procedure.jumps = procedure.altered
        for sentence in procedure.sentences:
            for node, looping in walk(sentence):
                if isinstance(node, tree.GoTo):
                    for name in node.names:
                        target = flow.range_of(name, procedure.section)[0]
                        if target == procedure.index and not looping and node.depending is None:
                            procedure.loops = True
                        elif target == procedure.index or not flow.returns(procedure, target):
                            procedure.jumps = True
                elif isinstance(node, tree.Exit) and node.what in ("SECTION", "PARAGRAPH"):
                    end = procedure.section_end
                    if node.what == "PARAGRAPH":
                        end = procedure.paragraph_end
                    if not flow.returns(procedure, end):
                        procedure.jumps = True
    for procedure in flow.procedures:
        if procedure.altered:
            procedure.loops = False


def _find_ends(flow: Flow) -> None:
    """Fill `ends`: what performs something endless has no end either.

    From the last procedure to the first, as callees mostly stand behind their callers; what three
    rounds do not find is taken to end, which costs a call that is never reached.
    """
    for _ in range(3):
        for procedure in reversed(flow.procedures):
            if procedure.ends and not procedure.jumps and _endless(flow, procedure):
                procedure.ends = False


def _endless(flow: Flow, procedure: Procedure) -> bool:
    def goes_on(target: tree.Ref) -> bool:
        return flow.range_of(target, procedure.section)[0] != procedure.index

    exits = any(
        (isinstance(node, tree.Exit) and node.what in ("PARAGRAPH", "SECTION"))
        or isinstance(node, tree.NextSentence)
        or (isinstance(node, tree.GoTo) and any(goes_on(name) for name in node.names))
        for sentence in procedure.sentences
        for node, _ in walk(sentence)
    )
    return not exits and _never_ends(procedure.statements, flow, procedure.section)


def _never_ends(body: tree.Body, flow: Flow, section: int) -> bool:
    return any(_stops(statement, flow, section) for statement in body)


def _stops(node: tree.Statement, flow: Flow, section: int) -> bool:
    """True when control never goes on behind `node`."""
    if isinstance(node, tree.Stop):
        return node.what != "LITERAL"
    if isinstance(node, tree.GoTo):
        return node.depending is None and bool(node.names)
    if isinstance(node, tree.If):
        return _never_ends(node.then, flow, section) and _never_ends(node.otherwise, flow, section)
    if isinstance(node, tree.Evaluate):
        return node.otherwise is not None and all(
            _never_ends(body, flow, section)
            for body in (*(when.body for when in node.whens), node.otherwise)
        )
    if isinstance(node, tree.Perform) and node.name is not None and _once(node):
        first, last = flow.range_of(node.name, section)
        if node.through is not None:
            last = flow.range_of(node.through, section)[1]
        return flow.plain(first, last) and any(
            not procedure.ends for procedure in flow.procedures[first : last + 1]
        )
    return False


def _once(node: tree.Perform) -> bool:
    return node.times is None and node.until is None and not node.varying and not node.forever


def _does_nothing(node: tree.Statement) -> bool:
    if isinstance(node, tree.Exit):
        return node.what in ("", "PARAGRAPH")
    return isinstance(node, (tree.Continue, tree.Comment))


# Walking

_FIELDS: dict[type, tuple[str, ...]] = {}
_NESTS = (
    "body then otherwise whens on_exception on_other on_error on_overflow at_end not_at_end "
    "invalid not_invalid at_eop not_at_eop".split()
)


def walk(body: tree.Body, looping: bool = False) -> Iterator[tuple[tree.Statement, bool]]:
    """Every statement of `body` with those inside it, and whether it is in an in-line PERFORM."""
    for node in body:
        yield node, looping
        kind = type(node)
        names = _FIELDS.get(kind)
        if names is None:
            present = {part.name for part in fields(node)}
            names = _FIELDS[kind] = tuple(name for name in _NESTS if name in present)
        inner = looping or kind is tree.Perform
        for name in names:
            value = getattr(node, name)
            if not value:
                continue
            if name == "whens":
                for when in value:
                    yield from walk(when.body if isinstance(when, tree.When) else when[1], inner)
            else:
                yield from walk(value, inner)
