"""Lists of statements: verbs to the functions that parse them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from slmcode.translate.cobol.parser.cursor import Cursor
from slmcode.translate.cobol.tree import Body, Statement

Parse = Callable[[Cursor], Statement]
Parser = TypeVar("Parser", bound=Parse)

VERBS: dict[str, Parse] = {}


def verb(*words: str) -> Callable[[Parser], Parser]:
    """Register a statement's parser under its verbs; it is called with the verb stepped over."""

    def register(parse: Parser) -> Parser:
        for word in words:
            VERBS[word] = parse
        return parse

    return register


def body(p: Cursor) -> Body:
    """The statements up to a word that begins none."""
    statements: list[Statement] = []
    words = p.words
    verbs = VERBS
    while True:
        word = words[p.at]
        parse = verbs.get(word)
        if parse is None:
            if word != "." and p.comment_at <= p.at and statements:
                # above END-IF, ELSE …; those above a paragraph's name stay for the paragraph
                comment = p.comment_statement() if words[p.at + 1] != "." else None
                if comment is not None:
                    statements.append(comment)
            return tuple(statements)
        if p.comment_at <= p.at:
            comment = p.comment_statement()
            if comment is not None:
                statements.append(comment)
        p.at += 1
        statements.append(parse(p))


def needed(p: Cursor) -> Body:
    """Statements where one at least must stand."""
    found = body(p)
    if not found and not p.options.relaxed:
        p.unexpected("a statement")
    return found


def phrases(
    p: Cursor, word: str, noise: tuple[str, ...] = ("ON",), *, also: tuple[str, ...] = ()
) -> tuple[Body | None, Body | None]:
    """`[ON] word … [NOT [ON] word …]`, in either order: what each does, None where it is absent.

    `also` are words that may stand behind `word`, as SIZE ERROR and INVALID KEY have them.
    """
    happened: Body | None = None
    other: Body | None = None
    words = p.words
    while True:
        at = p.at
        negated = words[at] == "NOT"
        if negated:
            at += 1
        while words[at] in noise:
            at += 1
        if words[at] != word:
            return happened, other
        p.at = at + 1
        p.skip(*also)
        found = body(p)
        if negated:
            other = found
        else:
            happened = found


def line_before(p: Cursor) -> int:
    """The line of the verb that has just been stepped over."""
    return p.lines[p.at - 1]
