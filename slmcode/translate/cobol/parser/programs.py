"""Programs: the divisions, sections and paragraphs of each, nested or one behind the other."""

from __future__ import annotations

from typing import Any

from slmcode.translate.cobol.lexer import END, NUMBER, TEXT
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.data import items
from slmcode.translate.cobol.parser.environment import Environment, environment
from slmcode.translate.cobol.parser.expressions import reference
from slmcode.translate.cobol.parser.files import file_section
from slmcode.translate.cobol.parser.statements import body
from slmcode.translate.cobol.parser.verbs_arithmetic import MODES
from slmcode.translate.cobol.parser.verbs_control import value_size
from slmcode.translate.cobol.tree import (
    Body,
    Paragraph,
    Program,
    Ref,
    Section,
    SpecialNames,
)

_PLACES = {"WORKING-STORAGE": "working", "LOCAL-STORAGE": "local", "LINKAGE": "linkage"}


def programs(p: Cursor) -> tuple[Program, ...]:
    """All programs of the text, in their order."""
    found: list[Program] = []
    while p.word != END:
        found.append(_program(p, SpecialNames()))
    if not found:
        raise p.refuse("no program", "PROGRAM-ID expected")
    return tuple(found)


def _at_program(p: Cursor) -> bool:
    return p.word in ("PROGRAM-ID", "FUNCTION-ID") or (
        p.word in ("IDENTIFICATION", "ID") and p.words[p.at + 1] == "DIVISION"
    )


def _program(p: Cursor, outer: SpecialNames) -> Program:
    comments = p.take_comments()
    line = p.line
    clauses: dict[str, Any] = {}
    if p.accept("IDENTIFICATION", "ID"):
        p.expect("DIVISION")
        p.expect(".")
    name = _identification(p, clauses)
    found = Environment(special=outer)
    comments += _take_all(p)
    if p.phrase("ENVIRONMENT", "DIVISION"):
        p.expect(".")
    environment(p, found)
    comments += _take_all(p)
    _data(p, clauses, found)
    if p.constants:
        clauses["working"] = p.constants + clauses.get("working", ())
    if p.phrase("PROCEDURE", "DIVISION"):
        _procedure_head(p, clauses)
        clauses["sections"] = _sections(p, clauses, found.debugging)
    nested: list[Program] = []
    while _at_program(p):
        nested.append(_program(p, found.special))
    last_line = p.lines[p.at - 1]
    if p.accept("END"):
        p.expect("PROGRAM", "FUNCTION")
        ended = _program_name(p)
        if ended != name:
            raise p.refuse(f"END of {ended} in {name}", line=p.lines[p.at - 1])
        last_line = p.lines[p.at - 1]
        p.accept(".")
    elif p.word != END:
        p.unexpected()
    return Program(
        name,
        line,
        last_line,
        special=found.special,
        nested=tuple(nested),
        debugging=found.debugging,
        comments=comments,
        **clauses,
    )


def _take_all(p: Cursor) -> tuple[str, ...]:
    found = p.take_comments()
    return found if any(text.strip() for text in found) else ()


def _program_name(p: Cursor) -> str:
    """A literal or a word; reserved words too, as far as cobc goes along."""
    if p.word == TEXT:
        return p.text().text.upper()
    if not p.word[:1].isalnum() or p.word == NUMBER:
        p.unexpected("a name")
    p.at += 1
    return p.words[p.at - 1]


def _identification(p: Cursor, clauses: dict[str, Any]) -> str:
    kind = p.expect("PROGRAM-ID", "FUNCTION-ID")
    clauses["is_function"] = kind == "FUNCTION-ID"
    p.accept(".")
    name = _program_name(p)
    if p.accept("AS"):
        p.text()
    p.accept("IS")
    while p.word in ("COMMON", "INITIAL", "RECURSIVE", "PROTOTYPE"):
        word = p.word
        if word == "PROTOTYPE":
            raise p.refuse("PROTOTYPE")
        clauses[word.lower()] = True
        p.at += 1
    p.accept("PROGRAM")
    p.accept(".")
    if p.accept("OPTIONS"):
        p.expect(".")
        _options(p, clauses)
    return name


def _options(p: Cursor, clauses: dict[str, Any]) -> None:
    while True:
        if p.phrase("DEFAULT", "ROUNDED"):
            p.skip("MODE", "IS")
            if p.word not in MODES:
                p.unexpected("a rounding mode")
            clauses["default_rounded"] = p.default_rounded = p.word
            p.at += 1
        elif p.accept("ARITHMETIC"):
            p.accept("IS")
            clauses["arithmetic"] = p.name()
        elif p.phrase("ENTRY-CONVENTION"):
            p.accept("IS")
            p.name()
        elif p.word in ("INTERMEDIATE", "INITIALIZE", "FLOAT-BINARY", "FLOAT-DECIMAL"):
            raise p.refuse(f"OPTIONS {p.word}")
        else:
            p.accept(".")
            return


def _data(p: Cursor, clauses: dict[str, Any], found: Environment) -> None:
    if p.phrase("DATA", "DIVISION"):
        p.expect(".")
    while p.words[p.at + 1] == "SECTION":
        word = p.word
        if word in _PLACES:
            p.at += 2
            p.expect(".")
            place = _PLACES[word]
            clauses[place] = clauses.get(place, ()) + items(p)
        elif word == "FILE":
            p.at += 2
            p.expect(".")
            clauses["files"] = file_section(p, found.selects)
        elif word in ("SCREEN", "REPORT", "COMMUNICATION"):
            raise p.refuse(f"{word} SECTION")
        else:
            break
    declared = {file.name for file in clauses.get("files", ())}
    for select in found.selects.values():
        if select.name not in declared:
            raise p.refuse(f"SELECT {select.name} without FD", line=select.line)


def _procedure_head(p: Cursor, clauses: dict[str, Any]) -> None:
    using: list[tuple[Ref, str]] = []
    if p.accept("USING", "CHAINING"):
        if p.words[p.at - 1] == "CHAINING":
            raise p.refuse("PROCEDURE DIVISION CHAINING")
        by = "REFERENCE"
        while True:
            if p.accept("BY"):
                by = p.expect("REFERENCE", "VALUE")
            elif p.word in ("REFERENCE", "VALUE"):
                by = p.word
                p.at += 1
            if by == "VALUE":
                value_size(p)
            p.accept("OPTIONAL")
            if not p.at_name():
                break
            using.append((reference(p), by))
    if p.accept("RETURNING", "GIVING") and not p.accept("OMITTED"):
        clauses["returning"] = reference(p)
    clauses["using"] = tuple(using)
    p.expect(".")


def _sections(p: Cursor, clauses: dict[str, Any], debugging: bool) -> tuple[Section, ...]:
    if p.phrase("DECLARATIVES"):
        p.expect(".")
        found = _section_list(p)
        p.expect("END")
        p.expect("DECLARATIVES")
        p.expect(".")
        # USE FOR DEBUGGING is a comment unless the program is in debugging mode
        clauses["declaratives"] = tuple(
            section for section in found if debugging or not section.use.startswith("DEBUGGING")
        )
    return _section_list(p)


def _section_list(p: Cursor) -> tuple[Section, ...]:
    sections: list[Section] = []
    words = p.words
    while True:
        if words[p.at + 1] == "SECTION" and _at_label(p):
            comments = p.take_comments()
            line = p.line
            name = _label(p)
            p.at += 1
            if p.word == NUMBER:  # a segment
                p.at += 1
            p.expect(".")
            use = _use(p) if p.word == "USE" else ""
            sections.append(Section(name, line, _paragraphs(p), use, comments))
            continue
        paragraphs = () if sections else _paragraphs(p)
        if not paragraphs:
            return tuple(sections)
        sections.append(Section("", paragraphs[0].line, paragraphs))


def _at_label(p: Cursor) -> bool:
    return p.at_name() or p.word == NUMBER


def _label(p: Cursor) -> str:
    found = p.values.get(p.at)
    word = p.word
    p.at += 1
    return word if found is None else str(getattr(found, "text", found))


def _use(p: Cursor) -> str:
    """USE …: the words that say for what, without noise."""
    p.at += 1
    p.skip("GLOBAL", "FOR", "AFTER", "STANDARD", "ON")
    kind = p.word
    if kind not in ("ERROR", "EXCEPTION", "DEBUGGING"):
        raise p.refuse(f"USE {kind}")
    p.at += 1
    kind = "DEBUGGING" if kind == "DEBUGGING" else "ERROR"
    p.skip("PROCEDURE", "ON")
    words = []
    while p.word not in (".", END):
        words.append(p.word)
        p.at += 1
    p.expect(".")
    return " ".join([kind, *words])


def _paragraphs(p: Cursor) -> tuple[Paragraph, ...]:
    """The paragraphs up to the next section or the end of the division."""
    paragraphs: list[Paragraph] = []
    words = p.words
    name = ""
    line = p.line
    comments: tuple[str, ...] = ()
    sentences: list[Body] = []
    while True:
        word = words[p.at]
        following = words[p.at + 1] if word else ""
        label = following in (".", "SECTION") and _at_label(p)
        ends = (
            not word
            or (label and following == "SECTION")
            or (word == "END" and following in ("PROGRAM", "FUNCTION", "DECLARATIVES"))
            or _at_program(p)
        )
        if label or ends:
            if ends and following != "SECTION" and (left := p.comment_statement()) is not None:
                sentences.append((left,))
            if name or sentences:
                last = p.lines[p.at - 1]
                paragraphs.append(Paragraph(name, line, last, tuple(sentences), comments))
            if ends:
                return tuple(paragraphs)
            comments = p.take_comments()
            line = p.line
            name = _label(p)
            sentences = []
            p.expect(".")
            continue
        sentence = body(p)
        if not sentence and p.word != ".":
            p.unexpected("a statement")
        p.expect(".")
        if sentence:
            sentences.append(sentence)
