"""Syntax trees of snapshots, kept up to date key by key. UTF-8 bytes stop in this package.

The cache compares the new text with the one it parsed last, tells tree-sitter the one range that
differs and parses again: the unchanged rest of the tree is reused. A tree never changes
after it was returned.

At 10,000 lines of Python or TypeScript one key costs 2 ms or less at the median, but an open
bracket or changed indentation makes tree-sitter look for a repair in the whole rest of the file:
20 to 70 ms. So parsing has a budget; when it is used up, the last tree with its positions moved
by the edit serves instead. Its nodes outside the edited text are right, which is what scopes
need. Ask for the exact tree (budget 0) when idle.

COBOL and fixed-form Fortran are rewritten first (`syntax/legacy.py`); a tree of them speaks offsets
of the text as it was written, while its `data` and its rows' columns are those of the rewritten
one.
"""

from __future__ import annotations

import re
import time
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

import tree_sitter
import tree_sitter_language_pack as language_pack

from slmcode.syntax.difference import common_prefix, common_suffix
from slmcode.syntax.languages import Language, language
from slmcode.syntax.legacy import Normalized, normalize, normalize_again
from slmcode.text import Snapshot

MAX_CHARS = 1_000_000  # a first parse of this much takes about 0.2 s
BUDGET_MS = 2  # of the 5 ms that the server may add to a key
_CACHED = 16  # documents
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tree:
    """A syntax tree with the bytes it was made for. Offsets are code points, as everywhere.

    `data` is UTF-8 of the text as the grammar got it: in legacy formats characters are replaced,
    inserted or left out. Cut what people or the model see from the text, by `offset`.
    `stale` is True where the budget ran out: nodes inside the latest edits may be wrong.
    """

    __slots__ = ("_ascii", "_positions", "data", "grammar", "normalized", "root", "stale", "tree")

    def __init__(
        self,
        grammar: str,
        tree: tree_sitter.Tree,
        data: bytes,
        n_chars: int,
        stale: bool = False,
        normalized: Normalized | None = None,
    ) -> None:
        self.grammar = grammar
        self.stale = stale
        self.tree = tree
        self.root = tree.root_node
        self.data = data
        self._ascii = len(data) == n_chars
        self.normalized = normalized
        self._positions = None if normalized is None else normalized.positions

    @property
    def rewritten(self) -> bool:
        """Whether `data` is not the text's own UTF-8 and its offsets are found by a map."""
        return self._positions is not None

    def byte(self, offset: int) -> int:
        """The byte at which the code point `offset` begins."""
        if self._positions is not None:
            return self._positions.to_normalized(offset)
        if self._ascii:
            return offset
        return len(self.data.decode()[:offset].encode())

    def offset(self, byte: int) -> int:
        """The code point that begins at `byte`."""
        if self._positions is not None:
            return self._positions.to_original(byte)
        return byte if self._ascii else len(self.data[:byte].decode("utf-8", "replace"))

    def offsets(self, sorted_bytes: Sequence[int]) -> list[int]:
        """`offset` of each of many bytes, in ascending order, in one pass over the text."""
        if self._positions is not None:
            return self._positions.to_originals(sorted_bytes)
        if self._ascii:
            return list(sorted_bytes)
        found = []
        last = offset = 0
        for byte in sorted_bytes:
            offset += len(self.data[last:byte].decode("utf-8", "replace"))
            last = byte
            found.append(offset)
        return found


class _Entry(NamedTuple):
    language_id: str
    text: str
    tree: Tree


class SyntaxCache:
    """The last tree of each of 16 documents, least recently used ones dropped. One thread only."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, _Entry] = OrderedDict()

    def tree(self, snapshot: Snapshot, budget_ms: int = BUDGET_MS) -> Tree | None:
        """The tree of `snapshot`; None for an unknown language or over a million characters.

        The first parse of a document takes as long as it takes (40 to 60 ms at 10,000 lines), later
        ones `budget_ms` and then answer with a stale tree; 0 waits for the exact one.
        """
        row = language(snapshot.language_id)
        if row is None or not row.grammar or len(snapshot.text) > MAX_CHARS:
            return None
        entry = self._last.get(snapshot.uri)
        last = entry.tree if entry and entry.language_id == row.language_id else None
        if entry is None or last is None or entry.text != snapshot.text:
            text_before = entry.text if entry else ""
            tree = _parse(row, snapshot.text, last, text_before, budget_ms)
        elif last.stale and not budget_ms:
            tree = _parse(row, snapshot.text, last, snapshot.text, 0)
        else:
            tree = last
        self._last[snapshot.uri] = _Entry(row.language_id, snapshot.text, tree)
        self._last.move_to_end(snapshot.uri)
        if len(self._last) > _CACHED:
            self._last.popitem(last=False)
        return tree

    def forget(self, uri: str) -> None:
        """Drop the tree of a closed document."""
        self._last.pop(uri, None)


def parse(language_id: str, text: str) -> Tree:
    """A tree made from scratch. Raises LookupError for a language that has no grammar."""
    tree = parse_within(language_id, text, 0, 0)
    assert tree is not None  # there was no limit
    return tree


def parse_within(language_id: str, text: str, limit_ms: int, slice_ms: int) -> Tree | None:
    """A tree made from scratch, or None if that took longer than `limit_ms` (0: no limit).

    Other threads run after each `slice_ms`. Raises LookupError for a language without a grammar.
    """
    row = language(language_id)
    if row is None or not row.grammar:
        raise LookupError(f"no grammar for {language_id!r}")
    normalized = normalize(row.language_id, text)
    data = encode(normalized.text)
    sliced = parser(row.grammar, slice_ms)
    end = time.monotonic() + limit_ms / 1000
    while True:
        try:
            return _tree(row.grammar, sliced.parse(data), data, normalized)
        except ValueError:  # it goes on where its time was up when it gets the same text again
            if limit_ms and time.monotonic() > end:
                sliced.reset()
                return None
            time.sleep(0)


def encode(text: str) -> bytes:
    """UTF-8, lone surrogates as U+FFFD, so that code points keep their number."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


@cache
def grammar_language(grammar: str) -> tree_sitter.Language:
    """The compiled grammar. Raises LookupError if the language pack does not have it."""
    return language_pack.get_language(cast(language_pack.SupportedLanguage, grammar))


@cache
def parser(grammar: str, budget_ms: int = 0) -> tree_sitter.Parser:
    """A parser, made once per grammar and budget (0: none); `parse` raises ValueError at its end.

    The limit is deprecated, but the progress callback that is to replace it ends the process with a
    segmentation fault (tree-sitter 0.25.2), so its warning is silenced.
    """
    if not budget_ms:
        return tree_sitter.Parser(grammar_language(grammar))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return tree_sitter.Parser(grammar_language(grammar), timeout_micros=budget_ms * 1000)


def _tree(
    grammar: str, tree: tree_sitter.Tree, data: bytes, normalized: Normalized, stale: bool = False
) -> Tree:
    return Tree(grammar, tree, data, len(normalized.text), stale, normalized)


def _parse(row: Language, text: str, last: Tree | None, text_before: str, budget_ms: int) -> Tree:
    """Parse `text`; where there is a `last` tree, of `text_before`, from that and within the
    budget (0: none).
    """
    grammar = row.grammar
    if last is None or last.normalized is None:
        normalized = normalize(row.language_id, text)
    else:
        normalized = normalize_again(row.language_id, text, text_before, last.normalized)
    data = encode(normalized.text)
    if last is None:
        return _tree(grammar, parser(grammar).parse(data), data, normalized)
    old = last.tree if last.data == data else _edited(last, data)
    try:
        return _tree(grammar, parser(grammar, budget_ms).parse(data, old), data, normalized)
    except ValueError:
        parser(grammar, budget_ms).reset()
        return _tree(grammar, old, data, normalized, stale=True)


def _edited(last: Tree, data: bytes) -> tree_sitter.Tree:
    """A copy of the last tree told of the one range in which `data` differs."""
    old = last.data
    start = common_prefix(old, data)
    while start and start < len(old) and old[start] & 0xC0 == 0x80:
        start -= 1  # not inside a UTF-8 character
    room = min(len(old), len(data)) - start
    end = common_suffix(old, data, room)
    while end and old[len(old) - end] & 0xC0 == 0x80:
        end -= 1
    old_end, new_end = len(old) - end, len(data) - end
    start_point = _point(data, 0, (0, 0), start)
    tree = last.tree.copy()
    tree.edit(
        start,
        old_end,
        new_end,
        start_point,
        _point(old, start, start_point, old_end),
        _point(data, start, start_point, new_end),
    )
    return tree


def _point(data: bytes, start: int, point: tuple[int, int], end: int) -> tuple[int, int]:
    """tree-sitter's row and column (in bytes) of `end`, counted on from those of `start`."""
    rows = data.count(b"\n", start, end)
    if not rows:
        return point[0], point[1] + end - start
    return point[0] + rows, end - 1 - data.rfind(b"\n", start, end)
