"""The owner's log of what the model was given, for which file, and what became of the answers.

Off unless the setting `audit_log` is on; then every prompt passes through `AuditLog.listening`,
which stands before the engine, so that none can be sent past it. It notes the tokens and
returns; a second later they are spelled out and written by a thread, behind the answer:

    audit.jsonl      {"time": …, "event": "sent", "kind": "completion", "file": …, "text": …, …}
    audit.1.jsonl    the older entries; both together have `audit_mb` at most
    audit.lock       held while one of them is written, moved or erased

Any number of servers write the same files. The text of an entry is what the model got, but what
looks like a secret is masked here once more: a file on a disk outlives a prompt. `withheld` counts
what was. A server that is killed loses the entries of its last second; what a full or
read-only disk lost is counted, and stands in the log as soon as there can be an entry.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import stat
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from filelock import FileLock

from slmcode.engine.job import Engine, EngineStatus, Job, Priority, Stream
from slmcode.features.edits.outcome import Outcome
from slmcode.features.project import file_of
from slmcode.index import secrets
from slmcode.models import stamps
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Edit, Snapshot

FILE, OLDER, LOCK = "audit.jsonl", "audit.1.jsonl", "audit.lock"

Event = Literal["sent", "shown", "accepted", "accepted in part", "dismissed", "answered", "lost"]
Kind = Literal[
    "completion", "edit", "tests", "names", "module", "explanation", "debugging", "translation"
]
KINDS: tuple[str, ...] = Kind.__args__  # type: ignore[attr-defined]

_BATCH_S = 1.0  # from the first entry to its being written; no answer waits for it
_HELD = 1000  # entries not yet written; beyond these they are counted as lost
_EDITS = 16  # documents whose newest edit is looked for in what the user makes of them
_LOCK_S = 1.0  # a server that ends waits for it, and its editor gives it 2 s
_MB = 1_000_000


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log.

    `id` joins the entries of one request. `text` is what was sent, shown or accepted; `tokens` how
    many the model was given; `model` and `sha256` are the file of weights. `withheld` counts the
    passages of `text` that were masked for the log alone. `detail`: "ahead" where a prompt was read
    before it was asked for, else the verdict, or what there is to say of an event.
    """

    time: str  # UTC, ISO 8601
    event: Event
    kind: str = ""
    file: str = ""
    id: str = ""
    text: str = ""
    tokens: int = 0
    model: str = ""
    sha256: str = ""
    withheld: int = 0
    detail: str = ""


class About(NamedTuple):
    """What a prompt is for. All are empty where nobody said it."""

    kind: str = ""
    file: str = ""  # a path or URI
    id: str = ""


class Weights(NamedTuple):
    """What spells a job's tokens, and the file that reads them; None where it has no file."""

    tokenizer: Tokenizer | None
    path: Path | None


class _Noted(NamedTuple):
    """An entry before its text is spelled out. `said` is a text, or the tokens of `weights`."""

    at: float  # time.time()
    event: Event
    about: About
    said: str | list[int]
    weights: Weights | None = None
    detail: str = ""


_SERVER = uuid.uuid4().hex[:8]  # one for each request would double what naming it costs
_numbers = itertools.count(1)
_about: ContextVar[About | None] = ContextVar("slmcode_audit", default=None)


@contextlib.contextmanager
def request(kind: Kind, file: str) -> Iterator[About]:
    """What is sent within belongs to a new request of that kind; tasks begun within inherit it."""
    about = About(kind, file, f"{_SERVER}-{next(_numbers)}")
    token = _about.set(about)
    try:
        yield about
    finally:
        _about.reset(token)


@contextlib.contextmanager
def on_file(file: str) -> Iterator[None]:
    """Within a request: what is sent is about another of its files."""
    about = _about.get()
    token = _about.set(about._replace(file=file) if about is not None else None)
    try:
        yield
    finally:
        _about.reset(token)


class AuditLog:
    """What this process has to write. Event loop only, but for `write`.

    `limit_mb` is for both files together. `weights_of` names what reads a job. `on_problem` is told
    once, in a sentence for the user, that entries cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        limit_mb: int,
        weights_of: Callable[[Job], Weights],
        on_problem: Callable[[str], None],
    ) -> None:
        self.limit_mb = limit_mb
        self._folder = folder
        self._weights_of = weights_of
        self._on_problem = on_problem
        self._told = False
        self._noted: list[_Noted] = []
        self._n_lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._edits: OrderedDict[str, tuple[About, str]] = OrderedDict()  # by URI: text with it
        self._digests: dict[Path, str] = {}

    def listening(self, engine: Engine) -> Engine:
        """The engine, with everything it is given noted."""
        return _Listening(engine, self)

    def sent(self, job: Job) -> None:
        """A prompt goes to the model."""
        about = _about.get() or About()
        detail = "ahead" if job.priority is Priority.WARM else ""
        self._note(_Noted(time.time(), "sent", about, job.tokens, self._weights_of(job), detail))

    def became(self, event: Event, about: About, text: str = "", detail: str = "") -> None:
        """What became of an answer."""
        self._note(_Noted(time.time(), event, about, text, None, detail))

    def edited(self, about: About, outcome: Outcome) -> None:
        """An edit is shown, or refused. A document that becomes what it says accepts it."""
        detail = f"{outcome.verdict.value}: {outcome.reason}"
        if not outcome.changes:
            self.became("answered", about, detail=detail)
        changed: dict[str, tuple[Snapshot | None, list[Edit]]] = {}
        for change in outcome.changes:
            changed.setdefault(change.uri, (change.before, []))[1].extend(change.edits)
        for uri, (before, edits) in changed.items():
            edits.sort()
            where = about._replace(file=uri)
            self.became("answered", where, _hunks(before, edits), detail)
            text = before.text if before is not None else ""
            for (start, end), new_text in reversed(edits):
                text = text[:start] + new_text + text[end:]
            self._edits[uri] = where, text
            self._edits.move_to_end(uri)
            if len(self._edits) > _EDITS:
                self._edits.popitem(last=False)

    def document_is(self, snapshot: Snapshot) -> None:
        """A document was opened or changed."""
        about, text = self._edits.get(snapshot.uri, (None, ""))
        if about is not None and len(text) == len(snapshot.text) and text == snapshot.text:
            del self._edits[snapshot.uri]
            self.became("accepted", about)

    def _note(self, noted: _Noted) -> None:
        if len(self._noted) >= _HELD:
            self._n_lost += 1
            return
        self._noted.append(noted)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_S, self._write_behind)

    def _write_behind(self) -> None:
        """Let a thread write what was noted."""
        self._timer = None
        batch, self._noted = self._noted, []
        writing = asyncio.get_running_loop().run_in_executor(None, self._write, batch)
        writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        try:
            writing.result()
        except OSError as e:
            self._tell(e)

    def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._noted = self._noted, []
        try:
            self._write(batch)
        except OSError as e:
            self._tell(e)

    def _tell(self, e: OSError) -> None:
        if not self._told:
            self._told = True
            self._on_problem(
                f"the audit log in {self._folder} cannot be written: {e.strerror or e};"
                " its entries are lost until it can be"
            )

    def _write(self, batch: list[_Noted]) -> None:
        """Any thread. Raises OSError; then the batch is counted as lost."""
        if not batch:
            return
        n_lost, self._n_lost = self._n_lost, 0
        entries = [self._entry(noted) for noted in batch]
        if n_lost:
            lost = f"{n_lost} entries before this one could not be written"
            entries.insert(0, Entry(time=_iso(time.time()), event="lost", detail=lost))
        try:
            append(self._folder, entries, self.limit_mb * _MB)
        except OSError:
            self._n_lost += n_lost + len(batch)
            raise

    def _entry(self, noted: _Noted) -> Entry:
        weights = noted.weights or Weights(None, None)
        said, tokens = noted.said, 0
        if not isinstance(said, str):
            tokens = len(said)
            said = weights.tokenizer.spelled(said) if weights.tokenizer is not None else ""
        return Entry(
            time=_iso(noted.at),
            event=noted.event,
            kind=noted.about.kind,
            file=_path(noted.about.file),
            id=noted.about.id,
            text=secrets.mask(said),
            tokens=tokens,
            model=weights.path.name if weights.path is not None else "",
            sha256=self._digest(weights.path) if weights.path is not None else "",
            withheld=len(secrets.spans(said)),
            detail=noted.detail,
        )

    def _digest(self, path: Path) -> str:
        """The file's SHA-256: its stamp's, else it is hashed, once; "" where it is gone."""
        if path not in self._digests:
            stamp = stamps.stamp_of(path)
            try:
                self._digests[path] = stamp.digest if stamp else stamps.sha256_of(path)
            except OSError:
                return ""
        return self._digests[path]


class _Listening:
    """An engine whose prompts are noted on their way."""

    def __init__(self, engine: Engine, log: AuditLog) -> None:
        self._engine = engine
        self._log = log

    @property
    def status(self) -> EngineStatus:
        return self._engine.status

    def stream(self, job: Job) -> Stream:
        self._log.sent(job)
        return self._engine.stream(job)


# The files


def append(folder: Path, entries: list[Entry], limit: int) -> None:
    """Write the entries behind what there is; both files have `limit` bytes at most afterwards.

    Whole lines or, where the disk is full, nothing of the last file. Raises OSError.
    """
    half = limit // 2
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_line(entry, half) for entry in entries]
    with FileLock(folder / LOCK, timeout=_LOCK_S, mode=0o600):
        while lines:
            file = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                found = os.fstat(file)
                if os.name == "posix" and stat.S_ISREG(found.st_mode):
                    os.fchmod(file, 0o600)  # whoever made it
                size = found.st_size
                n = 0
                room = half - size
                while n < len(lines) and len(lines[n]) <= room:
                    room -= len(lines[n])
                    n += 1
                if n:
                    _write_whole(file, b"".join(lines[:n]), size)
            finally:
                os.close(file)
            del lines[:n]
            if lines:
                os.replace(folder / FILE, folder / OLDER)


def _write_whole(file: int, data: bytes, size: int) -> None:
    """Write all of it, or leave the file `size` bytes long as it was. Raises OSError."""
    try:
        if os.write(file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise


def _line(entry: Entry, most: int) -> bytes:
    """The entry as a line of at most `most` bytes: a text that is too long ends early."""
    line = msgspec.json.encode(entry) + b"\n"
    while len(line) > most:
        kept = entry.text[: len(entry.text) // 2]
        entry = msgspec.structs.replace(entry, text=kept, detail="the text is cut: audit_mb")
        line = msgspec.json.encode(entry) + b"\n"
    return line


def read(folder: Path) -> Iterator[Entry]:
    """All entries, oldest first. What is no entry, cut by a crash say, is passed over.

    Raises OSError where there is a file that cannot be read.
    """
    decoder = msgspec.json.Decoder(Entry)
    for name in (OLDER, FILE):
        try:
            file = (folder / name).open("rb")
        except FileNotFoundError:
            continue
        with file:
            for line in file:
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    yield decoder.decode(line)


def erase(folder: Path) -> None:
    """Remove both files. Servers that run begin new ones. Raises OSError."""
    if not folder.is_dir():
        return
    with FileLock(folder / LOCK, timeout=_LOCK_S, mode=0o600):
        for name in (FILE, OLDER):
            (folder / name).unlink(missing_ok=True)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _path(file: str) -> str:
    """The path of a `file:` URI; anything else as it is."""
    path = file_of(file) if file.startswith("file:") else None
    return str(path) if path is not None else file


def _hunks(before: Snapshot | None, edits: list[Edit]) -> str:
    """What edits put where, by lines counted from 1."""
    pieces = []
    for (start, end), new_text in edits:
        first, last = (before.line_at(start), before.line_at(end)) if before else (0, 0)
        pieces.append(f"@@ {first + 1}-{last + 1} @@\n{new_text}")
    return "\n".join(pieces)
