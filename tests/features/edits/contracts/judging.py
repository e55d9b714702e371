"""One document, an edit of it, and what a contract says."""

from __future__ import annotations

import asyncio
from pathlib import Path

from slmcode.config import Config
from slmcode.features.edits.contracts import contract
from slmcode.features.edits.contracts.base import Asked, Contract, Diagnostic, State
from slmcode.features.edits.outcome import Judgement
from slmcode.features.edits.place import Place
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot, TextRange


def state(language: str, above: str, code: str, below: str) -> State:
    """The document with `code` as the lines that are edited."""
    text = above + code + below
    tree = parse(language, text)
    lines = TextRange(len(above), len(above) + len(code))
    return State(Snapshot("file:///w/module", language, 1, text), lines, tree, outline(tree, text))


def judged(
    name: str,
    source: str,
    new: str,
    *,
    language: str = "python",
    folder: Path | None = None,
    path: Path | None = None,
    config: Config | None = None,
    diagnostic: Diagnostic | None = None,
    promised: Contract | None = None,
) -> Judgement:
    """What the contract says of putting `new` in the place of the selection «» of `source`."""
    above, _, rest = source.partition("«")
    code, _, below = rest.partition("»")
    before, after = state(language, above, code, below), state(language, above, new, below)
    place = Place(folder, path, {}, config or Config())
    asked = Asked("Do it. Change nothing else.", place, diagnostic)
    return asyncio.run((promised or contract(name)).judge(before, after, asked))


def replaced(source: str, *pairs: tuple[str, str]) -> str:
    """The selection with parts of it replaced, each of which stands in it once."""
    code = source.partition("«")[2].partition("»")[0]
    for old, new in pairs:
        assert code.count(old) == 1, f"{old!r} stands {code.count(old)} times"
        code = code.replace(old, new)
    return code
