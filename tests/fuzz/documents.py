"""Random changes of documents and notebooks, ours against Microsoft's text documents.

    python -m tests.fuzz.documents --edits 1000000 --seed 1

A sequence is a client's life: documents opened, changed, closed, notebooks with their cells. After
every single change the text must be the one that `vscode-languageserver-textdocument` has, in node
(reference.cjs), and lines, positions and offsets the same. A sequence that differs is made as short
as it goes and printed. `--seed` alone says what a run does; each sequence has a seed of its own.

Operations are lists, as they go to node:

    open uri version text            change uri version changes places offsets
    close uri                        lose uri, whose next change up to a full text cannot be read
    openNotebook uri cells           changeNotebook uri splice closed opened texts   closeNotebook …

`changes` are LSP's; `places` and `offsets` (code points) are asked for when they were made.

Where LSP leaves it open, or the reference is wrong, this holds for us:
- A position inside a UTF-16 pair is there: the pair is taken apart, as in a client whose text is
  UTF-16, and halves that meet are one character. For a completion it means the character's start.
- Inside a character of UTF-8: the character's start, also for changes.
- The reference loses count of lines when a range begins behind the last one. Its text is right; its
  lines are taken from a document made anew. How often that was so is told.
"""

from __future__ import annotations

import argparse
import json
import logging
import queue
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import IO, Any, NamedTuple

from lsprotocol import types

from slmcode.lsp.documents import Documents
from slmcode.lsp.notebooks import Notebooks
from slmcode.lsp.positions import ENCODINGS, Encoding, to_offset, to_position, width
from slmcode.text import Snapshot
from tests.editors import programs

Op = list[Any]

HERE = Path(__file__).parent
_BATCH = 100  # sequences under way in node
_SHRINK_S = 60.0  # longest time to shorten one sequence

_LETTERS = list("abcxyz01 _.,()=:'\t")
_ODD = [
    *("\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "    \n", "\r\n\r\n"),
    *("\f", "\v", "\x00", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\ufeff", "\x7f"),
    *("é", "e\u0301", "ß", "語", "א", "\u200d", "\ufffd", "\uffff"),
    *("😀", "👩\u200d👩\u200d👧", "🇨🇭", "𝔘", "\U0010ffff", "\U00010000"),
    *("\ud83d", "\ude00", "\udbff", "\udc00", "\ud800\udc00"),
]


# Generating


def some_text(rng: Random, longest: int = 12) -> str:
    """A few characters, every kind of them; now and then more."""
    if (chance := rng.random()) < 0.25:
        return ""
    if chance > 0.995:
        return rng.choice(["x" * 5000, "é😀" * 3000, "a\r\n" * 2000, "\n" * 300, "😀" * 4097])
    pieces = (rng.choice(_ODD if rng.random() < 0.5 else _LETTERS) for _ in range(longest))
    return "".join(piece for piece, _ in zip(pieces, range(rng.randint(1, longest)), strict=False))


class Generator:
    """The operations of one sequence; it looks at the documents to aim at what is there."""

    def __init__(self, rng: Random, encoding: Encoding, documents: Documents) -> None:
        self._rng = rng
        self._encoding = encoding
        self._documents = documents
        self._version = 1
        self._n_cells = 0
        self._order: list[str] = []

    def sequence(self) -> Iterator[Op]:
        """The operations one after the other; the one before has been made."""
        if self._rng.random() < 0.15:
            yield from self._of_notebook()
            return
        uri = "untitled:1"
        yield ["open", uri, self._next_version(), some_text(self._rng, 60)]
        for _ in range(self._rng.randint(1, 10)):
            chance = self._rng.random()
            if chance < 0.02:
                yield [self._rng.choice(["close", "lose"]), uri]
            elif chance < 0.06:
                yield ["open", uri, self._next_version(), some_text(self._rng, 60)]
            else:
                yield ["change", *self.change(uri)]

    def _of_notebook(self) -> Iterator[Op]:
        rng, notebook = self._rng, "file:///a.ipynb"
        yield ["openNotebook", notebook, [self._cell() for _ in range(rng.randint(0, 3))]]
        for _ in range(rng.randint(1, 8)):
            splice, closed, opened = None, [], []
            if rng.random() < 0.5:
                start = rng.randint(0, len(self._order) + 1)
                n_out = rng.randint(0, 2)
                out = self._order[start : start + n_out]
                opened = [self._cell() for _ in range(rng.randint(0, 2))]
                put_in = [uri for uri, *_ in opened]
                if out and rng.random() < 0.5:  # one that moves inside of what is exchanged
                    put_in.insert(rng.randint(0, len(put_in)), out[0])
                closed = [uri for uri in out if uri not in put_in and rng.random() < 0.7]
                splice = [start, n_out, put_in]
                self._order = [uri for uri in self._order if uri not in put_in] + put_in
            texts = [self.change(uri) for uri in self._order if rng.random() < 0.4]
            yield ["changeNotebook", notebook, splice, closed, opened, texts]
        yield ["closeNotebook", notebook, list(self._order)]

    def _cell(self) -> list[Any]:
        self._n_cells += 1
        uri = f"cell:{self._n_cells}"
        if self._rng.random() < 0.9:
            self._order.append(uri)
        return [uri, self._next_version(), some_text(self._rng, 30)]

    def _next_version(self) -> int:
        """Usually the next; clients skip some, repeat them and begin again."""
        self._version += self._rng.choice([1, 1, 1, 1, 0, 2, 100, -self._version])
        return self._version

    def change(self, uri: str) -> list[Any]:
        """The arguments of a change of a document."""
        rng = self._rng
        snapshot = self._documents.get(uri) or Snapshot(uri, "", 0, "")
        changes = []
        for _ in range(rng.choice([1, 1, 1, 1, 1, 2, 3, 6, 12, 0])):
            change: dict[str, Any] = {"text": some_text(rng)}
            if rng.random() > 0.02:
                change["range"] = self._range(snapshot)
            changes.append(change)
        places = [list(self._place(snapshot).values()) for _ in range(2)]
        offsets = [rng.randint(0, len(snapshot.text) + 2) for _ in range(2)]
        return [uri, self._next_version(), changes, places, offsets]

    def _range(self, snapshot: Snapshot) -> dict[str, Any]:
        start = self._place(snapshot)
        chance = self._rng.random()
        if chance < 0.45:
            return {"start": start, "end": start}
        if chance < 0.8:
            character = min(start["character"] + self._rng.randint(1, 4), 2**31 - 1)
            return {"start": start, "end": start | {"character": character}}
        return {"start": start, "end": self._place(snapshot)}  # also one that runs backwards

    def _place(self, snapshot: Snapshot) -> dict[str, int]:
        """Anywhere on a line, a little behind its end, or far behind everything."""
        rng, starts = self._rng, snapshot.line_starts
        line = rng.randrange(len(starts))
        if (chance := rng.random()) < 0.04:
            line = rng.choice([len(starts), len(starts) + 3, 2**31 - 1])
        size = 5
        if line < len(starts):
            end = snapshot.line_end(starts[line])
            size = width(
                snapshot.text[starts[line] : min(end, starts[line] + 9000)], self._encoding
            )
        character = rng.randint(0, size + 2)
        if chance > 0.97:
            character = rng.choice([size, 2**31 - 1])
        elif chance > 0.94:
            character = max(size - 1, 0)
        return {"line": line, "character": character}


# Ours


class Ours:
    """Our documents and notebooks, and what they answer to operations."""

    def __init__(self, encoding: Encoding, texts: bool = False) -> None:
        self.documents = Documents(encoding)
        self._notebooks = Notebooks(self, self._arranged)
        self._encoding = encoding
        self._texts = texts  # in place of digests
        self._results: list[Any] = []
        self._asked: list[tuple[Any, Any]] = []

    def run(self, op: Op) -> list[Any]:
        """The results of one operation, as the reference gives them."""
        self._results = []
        kind, *args = op
        try:
            getattr(self, f"_{kind}")(*args)
        except Exception as e:
            self._results.append(["error", f"{type(e).__name__}: {e}"])
        return self._results

    # What the handlers of text documents do

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        d = params.text_document
        assert isinstance(d.language_id, str)
        snapshot = self.documents.open(d.uri, d.language_id, d.version, d.text)
        self._results.append(["open", self._digest(snapshot.text), len(snapshot.line_starts)])

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        d, (places, offsets) = params.text_document, self._asked.pop(0)
        before = self.documents.get(d.uri)
        changed = self.documents.change(d.uri, d.version, params.content_changes)
        if changed is None:
            self._results.append(["change", None])
            return
        after, edits = changed
        digests, text = [], before.text if before is not None else ""
        for (start, end), new_text in edits:
            text = text[:start] + new_text + text[end:]
            digests.append(self._digest(text))
        assert text == after.text, "the edits are not those that were made"
        at = [to_offset(after, line, column, self._encoding) for line, column in places]
        kept = [min(offset, len(text)) for offset in offsets]
        positions = [list(to_position(after, offset, self._encoding)) for offset in kept]
        lines = len(after.line_starts)
        self._results.append(["change", after.version, digests, lines, at, positions])

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._results.append(["close", self.documents.close(params.text_document.uri)])

    def _arranged(self, notebook: str, cells: Sequence[str]) -> None:
        self._results.append(["cells", list(cells)])

    def _digest(self, text: str) -> Any:
        """By UTF-16 units, which is what a text is for the reference."""
        data = text.encode("utf-16-le", "surrogatepass")
        if self._texts:
            return data.decode("utf-16-le", "surrogatepass")
        return [zlib.crc32(data), len(data) // 2]

    # Operations

    def _open(self, *cell: Any) -> None:
        self.did_open(types.DidOpenTextDocumentParams(_item(*cell)))

    def _change(self, uri: str, version: int, changes: Any, places: Any, offsets: Any) -> None:
        self._asked = [(places, offsets)]
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.did_change(types.DidChangeTextDocumentParams(document, events(changes)))

    def _close(self, uri: str) -> None:
        self.did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def _lose(self, uri: str) -> None:
        self._results.append(["lose", self.documents.lose(uri)])

    def _openNotebook(self, uri: str, cells: Any) -> None:
        notebook = types.NotebookDocument(uri, "jupyter", 1, [_listed(cell[0]) for cell in cells])
        items = [_item(*cell) for cell in cells]
        self._notebooks.did_open(types.DidOpenNotebookDocumentParams(notebook, items))

    def _changeNotebook(self, uri: str, splice: Any, closed: Any, opened: Any, texts: Any) -> None:
        self._asked = [(places, offsets) for *_, places, offsets in texts]
        structure = None
        if splice is not None:
            start, delete_count, cells = splice
            structure = types.NotebookDocumentCellChangeStructure(
                types.NotebookCellArrayChange(start, delete_count, [_listed(c) for c in cells]),
                did_open=[_item(*cell) for cell in opened],
                did_close=[types.TextDocumentIdentifier(cell) for cell in closed],
            )
        contents = [
            types.NotebookDocumentCellContentChanges(
                types.VersionedTextDocumentIdentifier(version, cell), events(changes)
            )
            for cell, version, changes, *_ in texts
        ]
        change = types.NotebookDocumentCellChanges(structure, None, contents)
        self._notebooks.did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(1, uri),
                types.NotebookDocumentChangeEvent(cells=change),
            )
        )

    def _closeNotebook(self, uri: str, cells: Any) -> None:
        self._notebooks.did_close(
            types.DidCloseNotebookDocumentParams(
                types.NotebookDocumentIdentifier(uri),
                [types.TextDocumentIdentifier(cell) for cell in cells],
            )
        )


def _item(uri: str, version: int, text: str) -> types.TextDocumentItem:
    return types.TextDocumentItem(uri, "python", version, text)


def _listed(uri: str) -> types.NotebookCell:
    return types.NotebookCell(types.NotebookCellKind.Code, uri)


def events(changes: Any) -> list[types.TextDocumentContentChangeEvent]:
    events: list[types.TextDocumentContentChangeEvent] = []
    for change in changes:
        if "range" not in change:
            events.append(types.TextDocumentContentChangeWholeDocument(change["text"]))
            continue
        start, end = (types.Position(**change["range"][side]) for side in ("start", "end"))
        events.append(
            types.TextDocumentContentChangePartial(types.Range(start, end), change["text"])
        )
    return events


# The reference


class Reference:
    """The node process. Sequences are asked for, and their results taken in the same order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._answers: queue.Queue[bytes] = queue.Queue()
        self.faults = 0  # of the reference itself
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self._answers.put(line)
        self._answers.put(b"")

    def ask(self, encoding: str, ops: Sequence[Op], texts: bool = False) -> None:
        assert self._process.stdin is not None
        request = {"encoding": encoding, "ops": ops, "texts": texts}
        self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")

    def answer(self) -> list[list[Any]]:
        """The results of each operation of the sequence that was asked for first.

        Raises ValueError where it was none.
        """
        assert self._process.stdin is not None
        self._process.stdin.flush()
        line = self._answers.get(timeout=120)
        if not line:
            raise RuntimeError(f"node has ended with {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        self.faults += len(answer["faults"])
        results: list[list[Any]] = answer["results"]
        return results


@contextmanager
def reference() -> Iterator[Reference]:
    """A running reference. Ends the test where node cannot be had; see `programs`."""
    argv = [programs.node(), HERE / "reference.cjs", programs.node_modules()]
    pipe = subprocess.PIPE
    with subprocess.Popen([str(arg) for arg in argv], stdin=pipe, stdout=pipe) as process:
        try:
            yield Reference(process)
        finally:
            process.kill()


# Comparing


class Played(NamedTuple):
    """A sequence, and what we answered to each operation of it."""

    seed: str
    encoding: Encoding
    ops: list[Op]
    ours: list[list[Any]]


def played(seed: str) -> Played:
    """The sequence of a seed, made by us while it is drawn."""
    rng = Random(seed)
    encoding = rng.choice(ENCODINGS)
    ours = Ours(encoding)
    generator = Generator(rng, encoding, ours.documents).sequence()
    ops, results = [], []
    for op in generator:
        ops.append(op)
        results.append(ours.run(op))
    return Played(seed, encoding, ops, results)


def count(ops: Sequence[Op]) -> int:
    """Single changes in these operations."""
    total = 0
    for kind, *args in ops:
        texts = [args] if kind == "change" else args[4] if kind == "changeNotebook" else []
        total += sum(len(changes) for _, _, changes, *_ in texts)
    return total


def difference(encoding: Encoding, ops: Sequence[Op], node: Reference) -> tuple[Any, Any] | None:
    """The first results that differ, ours and the reference's, with texts; None where none do."""
    ours = Ours(encoding, texts=True)
    node.ask(encoding, ops, texts=True)
    for op, right in zip(ops, node.answer(), strict=True):
        result = ours.run(op)
        if result != right:
            return result, right
    return None


def shortened(
    ops: list[Op], fails: Callable[[list[Op]], bool], seconds: float = _SHRINK_S
) -> list[Op]:
    """The smallest operations found that still fail: parts are left out, texts and numbers cut."""
    until = time.monotonic() + seconds
    found = True
    while found and time.monotonic() < until:
        found = False
        for smaller in _smaller(ops):
            if time.monotonic() >= until:
                break
            if fails(smaller):
                ops, found = smaller, True
                break
    return ops


def _smaller(value: Any) -> Iterator[Any]:
    """Values with the shape of this one and a little less in them; nearly nothing first."""
    if isinstance(value, str):
        for size in (len(value), len(value) // 2, 1):
            if size:
                for at in range(0, min(len(value), 200), size):
                    yield value[:at] + value[at + size :]
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        yield from sorted({0, value // 2, max(value - 1, 0)} - {value})
    elif isinstance(value, dict):
        for key, part in value.items():
            for smaller in _smaller(part):
                yield value | {key: smaller}
    elif isinstance(value, list):
        is_op = bool(value) and isinstance(value[0], str) and len(value) > 1
        if not is_op and not all(isinstance(part, int) for part in value):
            size = len(value)
            while size:
                for at in range(0, len(value), size):
                    yield value[:at] + value[at + size :]
                size //= 2
        for i, part in enumerate(value):
            if is_op and isinstance(part, str) and (i == 0 or ":" in part):
                continue  # the kind, a URI
            for smaller in _smaller(part):
                yield [*value[:i], smaller, *value[i + 1 :]]


def run(
    edits: int,
    seed: str,
    node: Reference,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[int, int, list[str]]:
    """Compare until `edits` single changes were made: how many, in how many sequences, and each
    sequence that differs, as text."""
    waiting: list[Played] = []
    problems: list[str] = []
    done = n_sequences = 0
    while done < edits or waiting:
        while done < edits and len(waiting) < _BATCH:
            sequence = played(f"{seed}/{n_sequences}")
            n_sequences += 1
            done += count(sequence.ops)
            node.ask(sequence.encoding, sequence.ops)
            waiting.append(sequence)
            if n_sequences % 2000 == 0:
                on_progress(done, len(problems))
        sequence = waiting.pop(0)
        if sequence.ours != node.answer():
            while waiting:  # their answers stand before those of shortening
                other = waiting.pop(0)
                if other.ours != node.answer():
                    problems.append(f"{other.seed}: differs too")
            problems.append(report(sequence, node))
            if len(problems) > 20:
                break
    return done, n_sequences, problems


def report(sequence: Played, node: Reference) -> str:
    """The smallest sequence like this one that differs, to be read and to be pasted."""
    encoding = sequence.encoding
    if difference(encoding, sequence.ops, node) is None:
        return f"{sequence.seed}: differs only with digests, or not every time: {sequence.ops!r}"
    ops = shortened(sequence.ops, lambda ops: fails(encoding, ops, node))
    ours, right = difference(encoding, ops, node) or (None, None)
    lines = [f"{sequence.seed} ({encoding})", *(f"    {json.dumps(op)}" for op in ops)]
    return "\n".join([*lines, f"  ours      {ours!a}", f"  reference {right!a}"])


def fails(encoding: Encoding, ops: list[Op], node: Reference) -> bool:
    """Whether these differ."""
    try:
        return difference(encoding, ops, node) is not None
    except ValueError:  # cut to something that is no sequence any more
        return False


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.documents")
    parser.add_argument("--edits", type=int, default=1_000_000, help="single changes to make")
    parser.add_argument("--seed", default=None, help="says what is drawn; else the time does")
    options = parser.parse_args()
    seed = options.seed or str(time.time_ns())
    logging.getLogger("slmcode").setLevel(logging.ERROR)  # changes of what is not open, thousands
    began = time.monotonic()

    def on_progress(done: int, problems: int) -> None:
        print(f"{done:,} edits, {problems} sequences differ", file=sys.stderr, flush=True)

    with reference() as node:
        done, n_sequences, problems = run(options.edits, seed, node, on_progress)
        faults = node.faults
    for problem in problems:
        print(problem)
    print(
        f"documents: seed {seed}, {done:,} edits in {n_sequences:,} sequences, {len(problems)} "
        f"differ; the reference lost count of its lines {faults:,} times; "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
