"""A job: programs translated one by one into a folder, resumable after whatever ended it.

    FOLDER/<stem>.<ext>           the translation, where there is one
    FOLDER/<stem>.report.html     source and target side by side; .json: the same as data
    FOLDER/summary.html           of all programs, where there are several
    FOLDER/.slmcode/job.jsonl     what was begun and what is done, a line each

A line is written when everything it speaks of is on the disk, so a kill costs the program that was
at work; a line that was cut off is passed over. Nothing that the job did not write is overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import filelock
import msgspec

from slmcode import __version__
from slmcode.features.translation import report
from slmcode.features.translation.finding import Source, surroundings
from slmcode.features.translation.pipeline import Cannot, Input, Request
from slmcode.features.translation.shape import Refusal, Translated, Verdict

STATE = Path(".slmcode/job.jsonl")
SUMMARY = "summary.html"


class JobError(Exception):
    """The folder cannot be used; the message is a sentence for the user."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How all programs of a job are translated."""

    target: str = "python"
    form: str = "idiomatic"
    inputs: tuple[Input, ...] = ()
    copybooks: tuple[Path, ...] = ()
    format: str = "auto"
    prove: bool = True
    proof_s: float = 20.0

    def request(self, source: Source, folder: Path | None = None) -> Request:
        """What the pipeline is asked; `folder` is where the source's neighbours are, if moved."""
        return Request(
            text=source.text,
            name=source.path.name,
            source_language=source.language,
            target_language=self.target,
            inputs=self.inputs,
            form=self.form,
            folder=folder or source.path.parent,
            copybooks=self.copybooks,
            format=self.format,
            prove=self.prove,
            proof_s=self.proof_s,
        )

    def digest(self, source: Source) -> str:
        """Of all that a translation of the source depends on, hexadecimal."""
        found = hashlib.sha256(f"{__version__} {source.language} {source.digest}".encode())
        plain = msgspec.json.encode([self.target, self.form, self.inputs, self.format])
        found.update(plain + msgspec.json.encode([self.prove, self.proof_s]))
        for path, data in sorted(surroundings(source, self.copybooks).items()):
            found.update(f"{path.name} {len(data)} ".encode() + data)
        return found.hexdigest()


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a program, as summaries show it."""

    source: str  # its path
    digest: str
    verdict: Verdict
    reason: str
    stem: str  # of its files
    files: tuple[str, ...]  # names in the job's folder
    inputs_tried: int = 0
    coverage: float | None = None
    n_units: int = 0
    n_idiomatic: int = 0
    n_lines: int = 0  # of the source
    seconds: float = 0.0
    is_complete: bool = True


class _Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the state: a program was begun, and may leave these files; or it is done."""

    begun: tuple[str, ...] = ()
    done: Done | None = None


class Job:
    """The folder of a job, which this process alone has while the `with` block runs.

    `force`: files that the job did not write may be overwritten, and nothing counts as done.
    Raises JobError.
    """

    def __init__(self, folder: Path, sources: Sequence[Source], *, force: bool = False) -> None:
        self.folder = folder
        self.sources = sources
        self._force = force
        self._stems = stems(sources)
        self._own: set[str] = set()  # names of files that the job has written, or may have
        self._done: dict[str, Done] = {}  # by the path of the source
        self._lock = filelock.FileLock(folder / STATE.parent / "lock", timeout=0)

    def __enter__(self) -> Job:
        try:
            (self.folder / STATE.parent).mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._read()
        except filelock.Timeout:
            raise JobError(f"another slmcode is translating into {self.folder}") from None
        except OSError as e:
            raise JobError(f"{self.folder} cannot be used: {e.strerror or e}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._lock.release()

    def _read(self) -> None:
        path = self.folder / STATE
        data = path.read_bytes() if path.exists() else b""
        for line in data.splitlines():
            with contextlib.suppress(msgspec.DecodeError):  # cut off by a kill
                row = msgspec.json.decode(line, type=_Row)
                self._own.update(row.begun)
                if row.done is not None:
                    self._own.update(row.done.files)
                    self._done[row.done.source] = row.done
        if data and not data.endswith(b"\n"):
            self._append(b"\n")

    def finished(self, source: Source, options: Options) -> Done | None:
        """What an earlier run made of it, if nothing that matters has changed since."""
        done = self._done.get(str(source.path))
        if self._force or done is None or not done.is_complete:
            return None
        is_there = all((self.folder / name).exists() for name in done.files)
        return done if is_there and done.digest == options.digest(source) else None

    def check(self, options: Options, extension: str) -> None:
        """Nothing that is to be made is in the way. Raises JobError."""
        if self._force:
            return
        for source in self.sources:
            if self.finished(source, options) is None:
                stem = self._stems[source.path]
                wanted = (f"{stem}{extension}", *_reports(stem))
                self._refuse(wanted, self._done.get(str(source.path)))

    def _refuse(self, names: Iterable[str], before: Done | None) -> None:
        is_edited = before is not None and before.is_complete
        for name in names:
            path = self.folder / name
            if path.exists() and (name not in self._own or is_edited):
                what = "was made from an older source or with other options" if is_edited else ""
                raise JobError(
                    f"{path} exists{' and ' + what if what else ''}:"
                    " it is overwritten with --force only"
                )

    def begin(self, source: Source, extension: str) -> None:
        """Say that files of this program may be found from now on. Raises JobError."""
        stem = self._stems[source.path]
        self._write_row(_Row(begun=(f"{stem}{extension}", *_reports(stem))))

    def finish(self, source: Source, options: Options, result: Translated) -> Done:
        """Write the files of a program and then that it is done. Raises JobError."""
        stem = self._stem(source, result)
        files = dict.fromkeys(_reports(stem), b"")
        page, data = files
        files[page] = report.page(result, source.text, str(source.path)).encode()
        files[data] = report.as_json(result, source.text, str(source.path))
        if result.text:
            files = {f"{stem}{result.extension}": result.text.encode("utf-8"), **files}
        before = self._done.get(str(source.path))
        if not self._force:
            self._refuse([name for name in files if name not in self._own], before)
        self._write_row(_Row(begun=tuple(files)))
        try:
            for name, content in files.items():
                _write(self.folder / name, content)
        except OSError as e:
            raise JobError(f"{self.folder} cannot be written: {e.strerror or e}") from None
        done = Done(
            source=str(source.path),
            digest=options.digest(source),
            verdict=result.verdict,
            reason=result.reason,
            stem=stem,
            files=tuple(files),
            inputs_tried=result.inputs_tried,
            coverage=result.coverage,
            n_units=len(result.units),
            n_idiomatic=sum(unit.form == "idiomatic" for unit in result.units),
            n_lines=source.text.count("\n"),
            seconds=result.seconds,
            is_complete=result.is_complete,
        )
        self._write_row(_Row(done=done))
        self._done[done.source] = done
        return done

    def summarize(self, done: Sequence[Done]) -> Path:
        """Write the page of all programs; where it is. Raises JobError."""
        path = self.folder / SUMMARY
        try:
            _write(path, report.summary(done, len(self.sources)).encode())
        except OSError as e:
            raise JobError(f"{path} cannot be written: {e.strerror or e}") from None
        return path

    def _stem(self, source: Source, result: Translated) -> str:
        """The pipeline's, which may follow its language's rules, where it is no other program's."""
        own = self._stems[source.path]
        is_unique = own == source.stem
        return result.stem if is_unique and result.stem else own

    def _write_row(self, row: _Row) -> None:
        self._own.update(row.begun)
        try:
            self._append(msgspec.json.encode(row) + b"\n")
        except OSError as e:
            raise JobError(f"{self.folder} cannot be written: {e.strerror or e}") from None

    def _append(self, data: bytes) -> None:
        with (self.folder / STATE).open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _reports(stem: str) -> tuple[str, str]:
    return f"{stem}.report.html", f"{stem}.report.json"


def _write(path: Path, data: bytes) -> None:
    """In one step: there is never half a file."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    os.replace(new, path)


def stems(sources: Iterable[Source]) -> dict[Path, str]:
    """A name for the files of each program; those that share one get their folder's before it."""
    by_stem: dict[str, list[Source]] = {}
    for source in sources:
        by_stem.setdefault(source.stem, []).append(source)
    found: dict[Path, str] = {}
    taken = {stem for stem, rows in by_stem.items() if len(rows) == 1}
    for stem, rows in by_stem.items():
        for source in rows:
            name = stem
            parts = list(source.path.parent.parts[1:])
            while len(rows) > 1 and (name in taken or name == stem):
                folder = parts.pop() if parts else ""
                name = re.sub(r"\W", "_", f"{folder.lower()}_{name}", flags=re.ASCII)
            taken.add(name)
            found[source.path] = name
    return found


Translate = Callable[[Source, Request], Awaitable[Translated]]


async def results(
    job: Job, options: Options, translate: Translate, is_stopped: Callable[[], bool]
) -> AsyncIterator[tuple[Source, Translated | Done]]:
    """The programs of a job one after the other: what an earlier run made, or a new result."""
    for source in job.sources:
        if is_stopped():
            return
        done = job.finished(source, options)
        if done is not None:
            yield source, done
            continue
        try:
            yield source, await translate(source, options.request(source))
        except Cannot as e:
            yield source, refused(source, options.target, str(e))


def refused(source: Source, target: str, reason: str) -> Translated:
    """The result for a program that cannot be translated as a whole."""
    return Translated(
        language_id=target,
        text="",
        verdict=Verdict.REFUSED,
        reason=reason,
        name=source.path.name,
        source_language=source.language,
        stem=source.stem,
        refusals=(Refusal(0, reason),),
    )
