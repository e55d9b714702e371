"""COBOL text to its tree: `read`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from slmcode.translate.cobol import copybooks, lexer
from slmcode.translate.cobol.lexer import NUMBER, TEXT
from slmcode.translate.cobol.options import Options
from slmcode.translate.cobol.parser import (  # noqa: F401  (they register their verbs)
    verbs_arithmetic,
    verbs_control,
    verbs_data,
    verbs_files,
    verbs_text,
)
from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.parser.data import constant_item
from slmcode.translate.cobol.parser.programs import programs
from slmcode.translate.cobol.source import Reader, check_text, format_of
from slmcode.translate.cobol.tree import Number, Refused, Source, Text

# The others keep, show and work out numbers in ways of their own
_DIALECTS = frozenset({"default", "cobol85", "cobol2002", "cobol2014", "xopen"})


def read(text: str, name: str, options: Options) -> Source:
    """The tree of a source, one character of `text` per byte of its file.

    A format that is not given is found out; where the text does not parse in the likely one, the
    other is tried. Raises `Refused` with line and construct for what is no COBOL, or no COBOL
    that is translated.
    """
    check_text(text)
    if options.std not in _DIALECTS:
        hint = f"of cobc's dialects {', '.join(sorted(_DIALECTS))} are translated"
        raise Refused(1, f"-std={options.std}", hint)
    if options.format != "auto":
        return _read(text, name, options)
    likely = format_of(text)
    try:
        return _read(text, name, replace(options, format=likely))
    except Refused as refused:
        other = "fixed" if likely == "free" else "free"
        try:
            return _read(text, name, replace(options, format=other))
        except Refused:
            raise refused from None


def _read(text: str, name: str, options: Options) -> Source:
    reader = Reader(options, text)
    lines = copybooks.expand(reader.read(text), reader, options)
    p = Cursor(lexer.tokens(lines), options)
    p.constants = tuple(
        constant_item(constant, *values[0])
        for constant, values in reader.directives.constants.items()
        if len(values) == 1
    )
    _put_in(p, reader.directives.constants)
    p.source = lines
    p.defined = reader.directives.defined
    try:
        return Source(name, programs(p))
    except RecursionError:
        raise Refused(p.line, "statements nested too deeply") from None


def _put_in(p: Cursor, constants: Mapping[str, list[tuple[Number | Text, int]]]) -> None:
    """Put the value of every constant that is defined more than once where its name stands."""
    several = {name: values for name, values in constants.items() if len(values) > 1}
    if not several:
        return
    for at, word in enumerate(p.words):
        if word in several:
            values = several[word]
            passed = [value for value, line in values if line <= p.lines[at]]
            value = replace(passed[-1] if passed else values[0][0], line=p.lines[at])
            p.values[at] = value
            p.words[at] = TEXT if isinstance(value, Text) else NUMBER
