"""Completions and edits of documents that change meanwhile: right, or none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from random import Random

import pytest
from lsprotocol import types

from slmcode.config import Config
from slmcode.features.answer import Answer, Completion
from slmcode.features.edits.outcome import Change, Outcome, Verdict
from slmcode.lsp import convert
from slmcode.lsp.changes import Client, workspace_edit
from slmcode.lsp.documents import Documents
from slmcode.lsp.positions import ENCODINGS, Encoding
from slmcode.lsp.settle import settled
from slmcode.text import Edit, Snapshot, TextRange
from tests.features.harness import Desk, writes
from tests.fuzz import documents as fuzz
from tests.lsp.test_positions import units

SEQUENCES = 40  # of a user's doings while completions are under way
CASES = 1000  # of edits of a document that moves
TRUTH = "total = alpha + beta * gamma"
URI = "untitled:1"


def places(text: str, encoding: Encoding) -> dict[tuple[int, int], int]:
    """The offset of every position there is, found by walking."""
    found: dict[tuple[int, int], int] = {}
    line = column = 0
    for i, c in enumerate(text):
        found.setdefault((line, column), i)
        if c == "\n" or (c == "\r" and text[i + 1 : i + 2] != "\n"):
            line, column = line + 1, 0
        elif c != "\r":
            column += units(c, encoding)
    found.setdefault((line, column), len(text))
    return found


def put_in(text: str, edits: list[types.TextEdit], encoding: Encoding) -> str:
    """The text with edits of one state of it, as a client makes them."""
    found = places(text, encoding)
    for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character))[::-1]:
        start, end = (found[p.line, p.character] for p in (edit.range.start, edit.range.end))
        text = text[:start] + edit.new_text + text[end:]
    return text


# Completions


class User:
    """Types along a line, or away from it, while others change the lines around, and asks.

    Every answer is looked at when it comes: put into the document as it is then, it goes on with
    the line as the model would have it, and changes nothing else.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._encoding: Encoding = rng.choice(ENCODINGS)
        self._end = rng.choice(["\n", "\r\n"])
        above = "".join(rng.choice(["# 😀", "import é", "", "\f"]) + self._end for _ in range(3))
        self.desk = Desk(
            f"{above}totˇ{self._end}done(){self._end}",
            writes(TRUTH.encode()),
            config=Config(deadline_ms=300, show_probability=0, work_ahead="always"),
        )
        self._asked: set[asyncio.Task[None]] = set()
        self.n_right = 0

    async def work(self) -> None:
        """Twenty doings."""
        doings = [self._type] * 4 + [self._mistake, self._take_back, self._above, self._below]
        doings += [self._ask] * 4 + [self._hold, self._ask_by_command]
        for _ in range(20):
            self._rng.choice(doings)()
            for _ in range(self._rng.choice([0, 0, 1, 3, 40])):
                await asyncio.sleep(0)
        self.desk.engine.release()
        await asyncio.gather(*self._asked)

    def _left(self) -> str:
        """The line up to the cursor."""
        snapshot, offset = self.desk.snapshot, self.desk.offset
        return snapshot.text[snapshot.line_start(offset) : offset]

    def _type(self) -> None:
        left = self._left()
        if TRUTH.startswith(left):
            self.desk.type(TRUTH[len(left) : len(left) + self._rng.randint(1, 4)])

    def _mistake(self) -> None:
        self.desk.type(self._rng.choice(["x", "  ", "(", "é", "😀"]))

    def _take_back(self) -> None:
        count = min(self._rng.randint(1, 3), len(self._left()))
        self.desk.edit(self.desk.offset - count, self.desk.offset, "")

    def _elsewhere(self, first: int, last: int) -> None:
        """Somebody else changes something in these lines; the cursor stays with its text."""
        desk, rng = self.desk, self._rng
        text, cursor = desk.snapshot.text, desk.offset
        if last < first:
            return
        starts = desk.snapshot.line_starts
        at = starts[rng.randint(first, last)]
        end = desk.snapshot.line_end(at)
        new = rng.choice(["", "😀", f"a{self._end}", f"{self._end}", "é" * 9])
        if rng.random() < 0.3 and end > at:
            desk.edit(at, end, new)
        else:
            end = at
            desk.edit(at, at, new)
        shift = len(desk.snapshot.text) - len(text)
        desk.offset = cursor + shift if end <= cursor and at < cursor else cursor

    def _above(self) -> None:
        self._elsewhere(0, self.desk.snapshot.line_at(self.desk.offset) - 1)

    def _below(self) -> None:
        snapshot = self.desk.snapshot
        last = len(snapshot.line_starts) - 1
        self._elsewhere(snapshot.line_at(self.desk.offset) + 1, last)

    def _hold(self) -> None:
        if self.desk.engine.hold:
            self.desk.engine.release()
        else:
            self.desk.engine.hold = True

    def _ask(self, invoked: bool = False) -> None:
        task = asyncio.ensure_future(self._look(invoked))
        self._asked.add(task)
        if self._rng.random() < 0.1:
            asyncio.get_running_loop().call_soon(task.cancel)
            self._asked.discard(task)

    def _ask_by_command(self) -> None:
        self._ask(invoked=True)

    async def _look(self, invoked: bool) -> None:
        answer: Answer = await self.desk.ask(invoked=invoked)
        now, cursor = self.desk.snapshot, self.desk.offset
        if not isinstance(answer, Completion):
            return
        assert answer.range == TextRange(cursor, cursor), (answer, now.text, cursor)
        items = convert.inline_completions(now, answer, self._encoding)
        assert items is not None
        left = self._left()
        for i, item in enumerate(items.items):
            assert isinstance(item.insert_text, str)
            assert item.range is not None
            edit = types.TextEdit(item.range, item.insert_text)
            after = put_in(now.text, [edit], self._encoding)
            line = left + item.insert_text
            if i == 0:  # the others are what the model would not say
                assert TRUTH.startswith(line), (left, item.insert_text)
            assert after == now.text[:cursor] + item.insert_text + now.text[cursor:]
            self.n_right += 1


def test_completions_while_the_document_changes() -> None:
    seed, n_right = secrets.token_hex(4), 0

    async def play(name: str) -> int:
        user = User(Random(name))
        await user.work()
        return user.n_right

    for i in range(SEQUENCES):
        name = f"{seed}/{i}"
        try:
            n_right += asyncio.run(play(name))
        except AssertionError as e:
            raise AssertionError(f"seed {name}: {e}") from e
    assert n_right > SEQUENCES // 4, "hardly anything was answered"


# Edits

Character = tuple[str, int | None]  # and where it stood in the text the edits are for
ALL = Client(resolves=True, versions=True, confirms=False, creates=True, moves=True, progress=True)


def edits_of(rng: Random, before: Snapshot) -> list[Edit]:
    """What a model might want: lines or parts of lines replaced, put in, taken out."""
    n = len(before.text)
    borders = [rng.choice([*before.line_starts, rng.randint(0, n), n]) for _ in range(4)]
    borders = sorted((before.text[b - 1 : b + 1] == "\r\n" and b - 1) or b for b in borders)
    pairs = [(borders[0], borders[1]), (borders[2], borders[3])][: rng.randint(1, 2)]
    if borders[1] == borders[2]:
        pairs = pairs[:1]
    return [Edit(TextRange(*pair), rng.choice(["", "NEW", "NEW\n"])) for pair in pairs]


def case(rng: Random) -> Iterator[tuple[Snapshot, list[Edit], Snapshot, list[Character], Outcome]]:
    """A document, edits of it, the document later with where its characters came from, and what
    becomes of the edits; once for each change."""
    encoding: Encoding = rng.choice(ENCODINGS)
    documents = Documents(encoding)
    text = "".join(
        fuzz.some_text(rng, 8) + rng.choice(["\n", "\n", "\r\n", "\r"]) for _ in range(5)
    )
    before = documents.open(URI, "python", 1, text)
    edits = edits_of(rng, before)
    kept: list[Character] = [(c, i) for i, c in enumerate(before.text)]
    drawn = fuzz.Generator(rng, encoding, documents)
    outcome = Outcome("t", Verdict.VERIFIED, "r", "c", (Change(URI, before, tuple(edits)),))
    for _ in range(3):
        uri, version, changes, *_ = drawn.change(URI)
        changed = documents.change(uri, version, fuzz.events(changes))
        assert changed is not None
        now, made = changed
        for (start, end), new_text in made:
            kept[start:end] = [(c, None) for c in new_text]
        yield before, edits, now, kept, settled(outcome, documents)


def wanted(edits: list[Edit], kept: list[Character]) -> str:
    """The later text with the edits. Fails where what one replaces is not there any more."""
    kept = list(kept)
    for (start, end), new_text in reversed(edits):
        came_from = [i for _, i in kept]
        if start in came_from:
            at = came_from.index(start)
        elif start - 1 in came_from:
            at = came_from.index(start - 1) + 1
        else:
            assert start == 0 or all(i is None for i in came_from), "its place is gone"
            at = len(came_from) if start else 0
        assert came_from[at : at + end - start] == list(range(start, end)), "what it replaces"
        kept[at : at + end - start] = [(c, None) for c in new_text]
    return "".join(c for c, _ in kept)


def test_edits_while_the_document_changes() -> None:
    """Made to the text as it is now they change what they were for, and nothing else."""
    seed, n_merged, n_refused = secrets.token_hex(4), 0, 0
    for i in range(CASES):
        name = f"{seed}/{i}"
        for before, edits, now, kept, outcome in case(Random(name)):
            if not outcome.changes:
                n_refused += 1
                continue
            n_merged += now.text != before.text
            (change,) = outcome.changes
            assert change.before is now, name
            if now.text == before.text:
                continue
            for encoding in ENCODINGS:
                edit = workspace_edit(outcome, ALL, encoding)
                assert edit.document_changes is not None
                (document,) = edit.document_changes
                assert isinstance(document, types.TextDocumentEdit)
                assert document.text_document.version == now.version
                made = [e for e in document.edits if isinstance(e, types.TextEdit)]
                after = put_in(now.text, made, encoding)
                assert after == wanted(edits, kept), (name, before.text, edits, now.text)
    assert min(n_merged, n_refused) > CASES // 20, (n_merged, n_refused)


@pytest.mark.parametrize("reach", ["inside", "over its beginning", "over its end", "all of it"])
def test_an_edit_that_is_reached_is_refused(reach: str) -> None:
    documents = Documents("utf-16")
    before = documents.open(URI, "python", 1, "one\ntwo 😀 three\nfour\n")
    edit = Edit(TextRange(8, 9), "new")
    lines = {
        "inside": ((1, 4), (1, 5)),  # half of it
        "over its beginning": ((0, 2), (1, 4)),
        "over its end": ((1, 6), (2, 1)),
        "all of it": ((1, 0), (2, 0)),
    }
    start, end = (types.Position(*place) for place in lines[reach])
    change = types.TextDocumentContentChangePartial(types.Range(start, end), "x")
    documents.change(URI, 2, [change])
    outcome = Outcome("t", Verdict.VERIFIED, "r", "c", (Change(URI, before, (edit,)),))
    assert settled(outcome, documents).changes == ()
