"""`slmcode search QUERY`: definitions by name, or passages by their words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from slmcode.cli.index import enclosing_project, existing_folder, up_to_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

    from slmcode.index.reader import Reader
    from slmcode.index.rows import Symbol

_LIMIT = 20
_MEMBERS = 2000  # symbols of one name that are looked at for the right class
_AROUND = 1  # lines shown above and below the best line of a passage
_SIGNATURE = 40  # columns that a signature needs to stand beside its place
_SEPARATOR = re.compile(r"\.|::|#|->|/")
_WORD = re.compile(r"[^\W\d]\w*")


class Excerpt(NamedTuple):
    """The lines of a passage around the one that answers best; `line` counts from 0."""

    path: str
    line: int
    best: int
    score: float
    lines: list[str]


def search(
    query: Annotated[
        str,
        typer.Argument(help="A name or a part of one, Class.method, or words to look for."),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where; default: the project around here."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most results.")] = _LIMIT,
    text: Annotated[
        bool, typer.Option("--text", help="Look for words in the text, not for names.")
    ] = False,
) -> None:
    """Find definitions by name, or passages by their words.

    Names may be given in part: `gua` finds get_user_agent. Where no name is like QUERY, and with
    --text, passages with its words are shown, the best first (BM25). The index is brought up to
    date before. Finding nothing is an answer too (exit code 0).
    """
    found = up_to_date(enclosing_project() if folder is None else existing_folder(folder))
    if not found.reader.counts().files:
        typer.echo(f"slmcode: nothing in {found.folder} is indexed", err=True)
    symbols = [] if text else named(found.reader, query, limit)
    excerpts = [] if symbols else passages(found.reader, query, limit)
    if as_json:
        from slmcode.index.walk import printable

        document = {
            "folder": printable(str(found.folder)),
            "query": printable(query),
            "symbols": [_symbol_as_json(symbol) for symbol in symbols],
            "passages": [_excerpt_as_json(excerpt) for excerpt in excerpts],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    if not symbols and not excerpts:
        typer.echo(f"slmcode: nothing like {query!r} in {found.folder}", err=True)
        return
    from rich.console import Console

    console = Console(highlight=False)
    if symbols:
        _show_symbols(console, symbols)
    else:
        if not text:
            typer.echo(f"slmcode: no name is like {query!r}; passages with its words:", err=True)
        _show_excerpts(console, excerpts, query)


def named(reader: Reader, query: str, limit: int) -> list[Symbol]:
    """Definitions whose names are like a query, best first; `Class.method` asks for both."""
    parts = [part for part in _SEPARATOR.split("".join(query.split())) if part]
    *scope, name = parts or [""]
    if not scope:
        return reader.symbols(name, limit)
    asked = [part.lower() for part in scope]
    found: list[tuple[int, int, Symbol]] = []
    for number, symbol in enumerate(reader.symbols(name, _MEMBERS)):
        holders = symbol.scope.lower().split(".")[-len(asked) :]
        if len(holders) < len(asked):
            continue
        if holders == asked:
            found.append((0, number, symbol))
        elif all(h.startswith(a) for h, a in zip(holders, asked, strict=True)):
            found.append((1, number, symbol))
    return [symbol for *_, symbol in sorted(found, key=lambda f: f[:2])[:limit]]


def passages(reader: Reader, query: str, limit: int) -> list[Excerpt]:
    """What stands around the best line of each passage with words of a query, best first."""
    words = _WORD.findall(query)
    wanted = _pattern(words)
    if wanted is None:
        return []
    found = []
    for passage in reader.passages(words, limit):
        text = reader.text(passage.path, passage.line, passage.end_line)
        if text is None:
            continue  # the file has changed since
        lines = text.split("\n")
        told = [_told(wanted, line) for line in lines]
        best = max(range(len(lines)), key=lambda i: (told[i], -i))
        first = max(0, best - _AROUND)
        found.append(
            Excerpt(
                passage.path,
                passage.line + first,
                passage.line + best,
                passage.score,
                lines[first : best + _AROUND + 1],
            )
        )
    return found


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """What is highlighted: whole words, then the parts that the index knows them by."""
    from slmcode.index.chunks import terms_of

    terms = dict.fromkeys([word.lower() for word in words])
    terms.update(dict.fromkeys(term for word in words for term in terms_of(word)))
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    if not longest_first:
        return None
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


def _told(wanted: re.Pattern[str], line: str) -> int:
    """How much of the words a line has, in characters, each word once."""
    return sum(map(len, {match.lower() for match in wanted.findall(line)}))


def _symbol_as_json(symbol: Symbol) -> dict[str, Any]:
    """Lines are counted from 1, as editors show them; `end_line` is the last one."""
    import msgspec

    return msgspec.structs.asdict(symbol) | {"line": symbol.line + 1}


def _excerpt_as_json(excerpt: Excerpt) -> dict[str, Any]:
    return {
        "path": excerpt.path,
        "line": excerpt.line + 1,
        "best_line": excerpt.best + 1,
        "score": excerpt.score,
        "text": "\n".join(excerpt.lines),
    }


def _show_symbols(console: Console, symbols: Sequence[Symbol]) -> None:
    """A line each where places and signatures fit beside each other, else two."""
    from rich.text import Text

    places = [f"{symbol.path}:{symbol.line + 1}" for symbol in symbols]
    kinds = max(len(symbol.kind) for symbol in symbols)
    width = max(map(len, places))
    beside = width + kinds + 4 + _SIGNATURE <= console.width
    for place, symbol in zip(places, symbols, strict=True):
        signature = Text(symbol.signature or symbol.name)
        signature.highlight_words([symbol.name], "bold")
        if symbol.scope:
            signature.append(f"  in {symbol.scope}", style="dim")
        kind = (f"{symbol.kind:{kinds}}  ", "dim")
        if beside:
            _print(console, Text.assemble((f"{place:{width}}  ", "cyan"), kind, signature))
        else:
            _print(console, Text(place, style="cyan"))
            _print(console, Text.assemble("    ", kind, signature))


def _show_excerpts(console: Console, excerpts: Sequence[Excerpt], query: str) -> None:
    from rich.text import Text

    wanted = _pattern(_WORD.findall(query))
    assert wanted is not None
    for number, excerpt in enumerate(excerpts):
        if number:
            console.print()
        _print(console, Text(f"{excerpt.path}:{excerpt.best + 1}", style="cyan"))
        for line, said in enumerate(excerpt.lines, excerpt.line):
            text = Text(said.expandtabs(4), style="" if line == excerpt.best else "dim")
            text.highlight_regex(wanted, "bold yellow not dim")
            _print(console, Text.assemble((f"{line + 1:>6}  ", "dim"), text))


def _print(console: Console, text: Text) -> None:
    """One line; cut at the width of a terminal, whole in a file or a pipe."""
    if console.is_terminal:
        text.truncate(console.width, overflow="ellipsis")
    console.print(text, soft_wrap=True)
