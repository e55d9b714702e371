"""What the index costs: building it, keeping it up to date, asking it.

    python -m benchmarks.index                  the repositories at hand, and 1 M lines of Python
    python -m benchmarks.index --lines 300000   fewer lines; --no-repos leaves the repositories out

The Python is the installed standard library with its tests, copied until there are enough lines.
All folders are copied to a temporary place first, which puts every file into the page cache; that
is not counted.

    cold      the build process, from its start to its end, into a new database; the best of 2
    ctags     universal-ctags over the files that were indexed, in turns with `cold`: one process
              (it has no threads), tags only; the index holds references and passages as well
    warm      the build process again, when nothing has changed; the best of 3
    update    a file is written and the index told of it (`told`), or left to notice by itself
              (`seen`, with 50 ms of waiting for more), or a document is edited (`typed`): until a
              reader finds the new definition
    queries   of a reader in a process that does nothing else, at random names and places with a
              fixed seed; `retrieve` is the whole retrieval for a completion, six chunks
    memory    build: the most that the build process and its workers hold together (PSS, looked at
              every 50 ms in a run of its own); held: what a process with an Index and a Reader has
              grown by after all of that
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks import report
from benchmarks.processes import usage
from benchmarks.replay import percentile
from slmcode.config import Config
from slmcode.features.context import Place, retrieve
from slmcode.index.build import State
from slmcode.index.index import Index, Progress
from slmcode.index.reader import Reader
from slmcode.prompt.context import Chunk
from slmcode.syntax.languages import language_of_path
from slmcode.text import Snapshot, TextRange

_LINES, _SHORT_LINES = 1_000_000, 100_000
_ROUNDS = 2  # of cold builds and ctags, in turns
_WARM = 3
_QUERIES, _SHORT_QUERIES = 400, 100
_UPDATES, _SHORT_UPDATES = 20, 5
_SHORT_REPOS = 1
_LIMIT_KB = Config().index_file_kb
_MARKER = "SLMCODE_BENCHMARK"
_LOOK_S = 0.05
_POLL_S = 0.0005
_GIVE_UP_S = 20.0
_QUIET_S = 0.3  # after an update, so that what the watcher says of it is not part of the next
_SEED = 4
_WINDOW = 1600, 400  # characters around a cursor that the model sees
_NAME = re.compile(r"[^\W\d]\w{2,}")


class Bar(NamedTuple):
    """A figure, and what the issue asks of it at 1 M lines."""

    what: str
    key: str
    limit: float | None = None


BARS = (
    Bar("files", "files"),
    Bar("lines", "lines"),
    Bar("symbols", "symbols"),
    Bar("cold build, s", "cold_s", 12.0),
    Bar("  thousand lines a second", "cold_klines_per_s"),
    Bar("universal-ctags, the same files, s", "ctags_s"),
    Bar("warm restart, nothing changed, s", "warm_s", 1.0),
    Bar("file told, visible, p95 ms", "update_told_p95_ms", 50.0),
    Bar("file seen, visible, p95 ms", "update_seen_p95_ms"),
    Bar("document typed, visible, p95 ms", "update_typed_p95_ms"),
    Bar("retrieval for a completion, p50 ms", "retrieve_p50_ms"),
    Bar("retrieval for a completion, p95 ms", "retrieve_p95_ms", 5.0),
    Bar("definitions of 5 names, p95 ms", "definitions_p95_ms"),
    Bar("passages of 12 words, p95 ms", "passages_p95_ms"),
    Bar("symbols by part of a name, p95 ms", "symbols_p95_ms"),
    Bar("  the first one, ms", "symbols_first_ms"),
    Bar("memory: build and workers, MB", "build_mb", 300.0),
    Bar("memory: held by a server, MB", "held_mb", 300.0),
    Bar("database, MB", "database_mb"),
)


class Corpus(NamedTuple):
    """A folder of our own to index."""

    name: str
    folder: Path


# The folders


def standard_library(lines: int) -> Iterator[tuple[Path, str]]:
    """Files of the installed standard library and where they go, until there are enough lines."""
    source = Path(sysconfig.get_path("stdlib"))
    files = sorted(
        path.relative_to(source)
        for path in source.rglob("*.py")
        if "site-packages" not in path.relative_to(source).parts
    )
    if not files:
        sys.exit(f"no standard library in {source}")
    left = lines
    for copy in itertools.count(1):
        for relative in files:
            if left <= 0:
                return
            left -= (source / relative).read_bytes().count(b"\n")
            yield source / relative, f"copy{copy}/{relative.as_posix()}"


def corpora(folder: Path, lines: int, repositories: Sequence[Path]) -> list[Corpus]:
    """Copies of all there is to index, the large one first."""
    large = Corpus("standard library", folder / "library")
    for source, relative in standard_library(lines):
        path = large.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    found = [large]
    for repository in repositories:
        copy = folder / "repositories" / repository.name
        shutil.copytree(repository, copy, symlinks=True)
        found.append(Corpus(repository.name.rpartition("+")[2], copy))
    return found


def repositories() -> list[Path]:
    """The repositories at hand."""
    folder = report.DATA / "repos"
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def read_all(folder: Path) -> None:
    """Put every file into the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.read_bytes()


# Building


def run_build(
    folder: Path, database: Path, env: Mapping[str, str] | None = None
) -> tuple[State, float]:
    """One run of the build process: its last word, and seconds from its start to its end."""
    command = [sys.executable, "-m", "slmcode.index.build", "--limit-kb", str(_LIMIT_KB)]
    began = time.monotonic()
    run = subprocess.run(
        [*command, str(folder), str(database)], capture_output=True, check=False, env=env
    )
    seconds = time.monotonic() - began
    lines = run.stdout.splitlines()
    state = json.loads(lines[-1]) if lines else {}
    if state.get("state") != "done":
        sys.exit(f"the build of {folder} failed: {state.get('problem') or run.stderr.decode()}")
    return State(**{**state, "skipped": ()}), seconds


def peak_mb(folder: Path, database: Path) -> float:
    """The most memory that the processes of a first build hold together, in MB."""
    value = str(database)
    peak = 0.0
    done = threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.wait(_LOOK_S):
            peak = max(peak, usage(_MARKER, value).pss_mb)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        run_build(folder, database, {**os.environ, _MARKER: value})
    finally:
        done.set()
        watching.join()
    return peak


class Ctags(NamedTuple):
    """The program, as it calls itself."""

    program: str
    version: str


def find_ctags() -> Ctags | None:
    """universal-ctags, if it is installed; other programs of this name are too different."""
    program = shutil.which("ctags-universal") or shutil.which("ctags")
    if program is None:
        return None
    run = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    first = run.stdout.split("\n", 1)[0]
    return Ctags(program, first.split(",")[0]) if first.startswith("Universal Ctags") else None


def run_ctags(ctags: Ctags, folder: Path, files: Sequence[str], tags: Path) -> float:
    """Seconds of one run over the given files, with signatures, scopes, lines and kinds."""
    command = [ctags.program, "--options=NONE", "--fields=+nSsK", "-L", "-", "-f", str(tags)]
    began = time.monotonic()
    run = subprocess.run(
        command, input="\n".join(files), cwd=folder, capture_output=True, text=True, check=False
    )
    if run.returncode:
        sys.exit(f"ctags failed: {run.stderr}")
    return time.monotonic() - began


def measure(
    corpus: Corpus, databases: Path, ctags: Ctags | None, queries: int, updates: int
) -> dict[str, Any]:
    """All figures of one folder."""
    folder, database = corpus.folder, databases / f"{corpus.name}.sqlite"
    read_all(folder)
    cold: list[float] = []
    tags: list[float] = []
    state = State("")
    files: list[str] = []
    for number in range(_ROUNDS):
        _remove(database)
        state, seconds = run_build(folder, database)
        cold.append(seconds)
        if not number:
            reader = Reader(folder, database)
            files = reader.files()
            counts = reader.counts()
            reader.close()
        if ctags is not None:
            tags.append(run_ctags(ctags, folder, files, databases / "tags"))
    build_mb = peak_mb(folder, databases / "memory.sqlite")
    warm = [run_build(folder, database)[1] for _ in range(_WARM)]
    size = sum(p.stat().st_size for p in databases.glob(f"{database.name}*"))
    asked = _probe(folder, database, queries, updates)
    best = min(cold)
    return {
        "files": counts.files,
        "lines": counts.lines,
        "symbols": counts.symbols,
        "passages": counts.passages,
        "bytes": counts.bytes,
        "cold_s": best,
        "cold_all_s": cold,
        "cold_klines_per_s": state.lines / best / 1e3,
        "ctags_s": min(tags, default=None),
        "ctags_all_s": tags,
        "warm_s": min(warm),
        "warm_all_s": warm,
        "build_mb": build_mb,
        "database_mb": size / 1e6,
        **asked,
    }


def _remove(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()


# Asking and updating, in a process of its own


def _probe(folder: Path, database: Path, queries: int, updates: int) -> dict[str, Any]:
    """Figures of a process that holds the index."""
    command = [sys.executable, "-m", "benchmarks.index", "--probe", str(folder), str(database)]
    command += ["--queries", str(queries), "--updates", str(updates)]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=report.ROOT)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def probe(folder: Path, database: Path, queries: int, updates: int) -> dict[str, Any]:
    """What `_probe` runs: hold an index, ask it, change files. Raises TimeoutError."""
    before = _rss_mb()
    ready = threading.Event()

    def on_progress(progress: Progress) -> None:
        if not progress.running:
            ready.set()

    index = Index(folder, database, limit_kb=_LIMIT_KB, on_progress=on_progress)
    index.start()
    try:
        if not ready.wait(_GIVE_UP_S):
            raise TimeoutError("the index is not ready")
        reader = index.reader()
        random_ = random.Random(_SEED)
        figures = ask(folder, reader, random_, queries)
        figures |= update(folder, index, reader, random_, updates)
        reader.close()
    finally:
        index.close()
    return figures | {"held_mb": _rss_mb() - before}


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def ask(folder: Path, reader: Reader, random_: random.Random, n: int) -> dict[str, Any]:
    """Latencies of queries, p50 and p95 in ms."""
    places = [p for p in (_place(folder, reader, random_) for _ in range(n)) if p is not None]
    if not places:
        return {}
    words = [_NAME.findall(_around(place)) for place in places]
    first_ms = _timed(lambda: reader.symbols("a", 20))
    parts = [random_.choice(w)[: random_.randint(2, 6)] for w in words if w]
    timed: dict[str, list[float]] = {
        "definitions": [_timed(partial(reader.definitions, set(w[:5]))) for w in words],
        "passages": [_timed(partial(reader.passages, w[:12], 6)) for w in words],
        "symbols": [_timed(partial(reader.symbols, part, 50)) for part in parts],
        "retrieve": [_timed(partial(_chunks, reader, place)) for place in places],
    }
    return {"symbols_first_ms": first_ms} | _percentiles(timed)


def _percentiles(timed: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    return {
        f"{name}_p{round(100 * share)}_ms": percentile(values, share)
        for name, values in timed.items()
        for share in (0.5, 0.95)
    }


def _chunks(reader: Reader, place: Place) -> list[Chunk]:
    """More than a prompt of 256 tokens takes in, which is three or four."""
    return list(itertools.islice(retrieve(reader, place), 6))


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def _place(folder: Path, reader: Reader, random_: random.Random) -> Place | None:
    """A cursor behind a random word of a random file of code; None in a short one."""
    files = [f for f in reader.files() if language_of_path(f)]
    path = random_.choice(files)
    text = (folder / path).read_text(encoding="utf-8", errors="replace")
    names = list(_NAME.finditer(text))
    if len(names) < 20:
        return None
    offset = random_.choice(names).end()
    window = TextRange(max(0, offset - _WINDOW[0]), min(len(text), offset + _WINDOW[1]))
    snapshot = Snapshot("", language_of_path(path), None, text)
    assert snapshot.line_starts  # known in a server: they follow from the version before
    return Place(snapshot, path, offset, window)


def _around(place: Place) -> str:
    return place.snapshot.text[max(0, place.offset - 200) : place.offset + 100]


def update(
    folder: Path, index: Index, reader: Reader, random_: random.Random, n: int
) -> dict[str, Any]:
    """Until a change is visible to a reader: p50 and p95 in ms."""
    files = [f for f in reader.files() if f.endswith((".py", ".ts", ".go", ".c", ".js"))]
    if not files:
        return {}

    def told(path: str, text: str) -> None:
        (folder / path).write_text(text, encoding="utf-8")
        index.files_changed([path])

    def seen(path: str, text: str) -> None:
        (folder / path).write_text(text, encoding="utf-8")

    def typed(path: str, text: str) -> None:
        index.buffer_changed(path, language_of_path(path), text)

    timed: dict[str, list[float]] = {}
    for change in (told, seen, typed):
        found = timed[f"update_{change.__name__}"] = []
        for number in range(n):
            path = random_.choice(files)
            text = (folder / path).read_text(encoding="utf-8", errors="replace")
            name = f"visible_{change.__name__}_{number}"
            found.append(_until_visible(reader, name, change, path, definition(path, name) + text))
            if change is typed:
                index.buffer_closed(path)
            time.sleep(_QUIET_S)
    return _percentiles(timed)


def definition(path: str, name: str) -> str:
    """A new function, in the language of a file; it is put first, where no error is before it."""
    return {
        "python": f"def {name}():\n    pass\n\n\n",
        "go": f"func {name}() {{}}\n\n",
        "c": f"int {name}(void) {{ return 0; }}\n\n",
    }.get(language_of_path(path), f"export function {name}() {{}}\n\n")


def _until_visible(
    reader: Reader, name: str, change: Callable[[str, str], None], path: str, text: str
) -> float:
    """Milliseconds from the change to the definition."""
    began = time.perf_counter()
    change(path, text)
    while not reader.definitions([name]):
        if time.perf_counter() - began > _GIVE_UP_S:
            raise TimeoutError(f"a change of {path} was not seen")
        time.sleep(_POLL_S)
    return (time.perf_counter() - began) * 1e3


# Showing


def show(found: Mapping[str, Mapping[str, Any]]) -> None:
    """The large folder beside the bars; the others beside each other."""
    (large, figures), *others = found.items()
    rows = [
        [bar.what, written(figures.get(bar.key)), f"≤ {bar.limit:g}" if bar.limit else ""]
        for bar in BARS
    ]
    report.table(f"Index, {large}", ["", f"{figures['lines']:,} lines", "bar, 1 M lines"], rows)
    if others:
        rows = [[bar.what, *(written(f.get(bar.key)) for _, f in others)] for bar in BARS]
        report.table("Index, repositories", ["", *(name for name, _ in others)], rows)


def written(value: float | None) -> str:
    """A figure with three digits or so."""
    if value is None:
        return "–"
    return f"{value:,.{0 if value >= 100 or isinstance(value, int) else 1 if value >= 10 else 2}f}"


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.index", description=__doc__)
    parser.add_argument("--lines", type=int, default=None, help=f"default {_LINES:,}")
    parser.add_argument("--no-repos", action="store_true", help="only the standard library")
    parser.add_argument("--short", action="store_true", help=f"{_SHORT_LINES:,} lines, one folder")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    parser.add_argument("--queries", type=int, default=None)
    parser.add_argument("--updates", type=int, default=None)
    parser.add_argument("--probe", nargs=2, type=Path, metavar=("FOLDER", "DATABASE"))
    args = parser.parse_args(argv)
    queries = args.queries or (_SHORT_QUERIES if args.short else _QUERIES)
    updates = args.updates or (_SHORT_UPDATES if args.short else _UPDATES)
    if args.probe:
        folder, database = args.probe
        return probe(folder, database, queries, updates)
    lines = args.lines or (_SHORT_LINES if args.short else _LINES)
    chosen = [] if args.no_repos else repositories()[: _SHORT_REPOS if args.short else None]
    ctags = find_ctags()
    if ctags is None:
        print("universal-ctags is not installed (Debian: universal-ctags): nothing to compare with")
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        databases = Path(name, "databases")
        databases.mkdir()
        found = {
            corpus.name: measure(corpus, databases, ctags, queries, updates)
            for corpus in corpora(Path(name, "source"), lines, chosen)
        }
    show(found)
    settings = {"lines": lines, "queries": queries, "updates": updates, "rounds": _ROUNDS}
    doc = report.document(
        "index", settings, {"folders": found, "ctags": ctags.version if ctags else None}
    )
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
