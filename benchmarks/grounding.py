"""Names that do not exist: how often the checker is wrong, and what it keeps from being shown.

    python -m benchmarks.grounding --alarms 4000
    python -m benchmarks.grounding --alarms 0 --n 150

False alarms: lines of the repositories as they are, drawn at random. The checker is given the file
without the line, and an index that does not know what the line defines. A settled unknown name in
the true line is a false alarm. Beside it: how many lines it sees in which one name was changed,
which tells how many names it judges at all.

Undefined names: at places in Python files, half of them inside a line, the model writes a line in
this process, through the product's own path, with and without the checker and with no context from
other files. `benchmarks/undefined.py` judges the result in its file; it knows nothing of the
checker. Places at which it has something against the true line are left out. Lines it cannot parse
with their surroundings are shown but not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.undefined import Judge
from slmcode import config as settings
from slmcode.engine.backend import LlamaBackend
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, EngineState, EngineStatus, Job
from slmcode.engine.scheduler import Scheduler
from slmcode.features.answer import Completion
from slmcode.features.grounding import Checker, Reader, Remembered
from slmcode.features.naming import KEYWORDS, masked
from slmcode.features.resources import Model
from slmcode.features.session import Completer
from slmcode.index import build
from slmcode.index.reader import Reader as IndexReader
from slmcode.index.rows import FileImport, Symbol
from slmcode.models import store as store_of_models
from slmcode.models import vocabulary
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax import parser
from slmcode.syntax.languages import language_of_path
from slmcode.syntax.scopes import node_kind
from slmcode.text import Snapshot

LANGUAGES = ("python", "typescript", "go", "c")
_LIMIT_KB = 1000
_N_CTX = 2048
_PREFIX, _SUFFIX = 128, 32  # tokens: what is read while typing, before the first pause


class Line(NamedTuple):
    """A line of a file as it is, and the file without it."""

    repository: str
    path: str
    language: str
    number: int
    file: str  # its text
    start: int  # behind the indentation
    end: int

    @property
    def before(self) -> str:
        return self.file[: self.start]

    @property
    def text(self) -> str:
        return self.file[self.start : self.end].rstrip()

    @property
    def after(self) -> str:
        return self.file[self.end :]


class Without:
    """An index that does not know what one line of one file defines."""

    def __init__(self, reader: Reader, path: str, line: int) -> None:
        self._reader = reader
        self._path = path
        self._line = line

    def _others(self, symbols: list[Symbol]) -> list[Symbol]:
        return [s for s in symbols if s.path != self._path or s.line != self._line]

    def definitions(self, names: Collection[str], limit: int = 50) -> list[Symbol]:
        return self._others(self._reader.definitions(names, limit))

    def outline(self, path: str) -> list[Symbol]:
        return self._others(self._reader.outline(path))

    def imports(self, path: str) -> list[FileImport]:
        rows = self._reader.imports(path)
        return [r for r in rows if path != self._path or r.line != self._line]

    def known(self, names: Collection[str]) -> set[str]:
        return {s.name for s in self.definitions(names, 500)}

    def text(self, path: str, line: int, end_line: int) -> str | None:
        return self._reader.text(path, line, end_line)


def lines_of(repository: Path, path: str) -> Iterator[Line]:
    """Every line of code of a file; strings and comments left out."""
    language = language_of_path(path)
    if language not in LANGUAGES:
        return
    text = (repository / path).read_text("utf-8", "replace")
    tree = parser.parse(language, text)
    at = 0
    for number, line in enumerate(text.split("\n")):
        start, end = at + len(line) - len(line.lstrip()), at + len(line)
        if line.strip() and node_kind(tree, start) == "code":
            yield Line(repository.name, path, language, number, text, start, end)
        at = end + 1


def alarms(lines: list[Line], readers: dict[str, IndexReader], show: bool) -> dict[str, Any]:
    """How many true lines have a name that the checker calls unknown, by language.

    And of how many lines it sees that one name, drawn among those that are not new in the line,
    was changed: what is judged at all.
    """
    seen: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    found: Counter[str] = Counter()
    took: list[float] = []
    draw = random.Random(0)
    for line in lines:
        reader = Without(readers[line.repository], line.path, line.number)
        snapshot = Snapshot("file:///x", line.language, 1, line.before + line.after)
        checker = Checker(Remembered(reader), line.path, snapshot)
        unknown = checker.first_unknown(len(line.before), line.text + "\n", final=False)
        started = time.perf_counter()  # again, as for the next token
        checker.first_unknown(len(line.before), line.text + "\n", final=False)
        took.append((time.perf_counter() - started) * 1e3)
        seen[line.language] += 1
        if unknown is not None and unknown.settled:
            wrong[line.language] += 1
            if show:
                print(f"{line.path}:{line.number + 1} {unknown.name!r}: {line.text}")
        names = [
            m for m in _LONG_NAME.finditer(masked(line.text, line.language)) if m[0] not in KEYWORDS
        ]
        if names:
            name = draw.choice(names)
            text = f"{line.text[: name.end()]}Qz{line.text[name.end() :]}\n"
            changed[line.language] += 1
            other = checker.first_unknown(len(line.before), text, final=False)
            found[line.language] += other is not None and other.settled
    took.sort()
    return {
        "languages": [(k, n, wrong[k], found[k], changed[k]) for k, n in seen.items()],
        "check_ms": {"p50": took[len(took) // 2], "p95": took[len(took) * 95 // 100]},
    }


_LONG_NAME = re.compile(r"[^\W\d]\w{2,}")


class LocalStream:
    """A job of the engine in this process."""

    def __init__(self, engine: LocalEngine, job: Job) -> None:
        self.done: Done | None = None
        self._engine = engine
        self._items: asyncio.Queue[Chunk | Done] = asyncio.Queue()
        self._id = engine.submit(job, self._items.put_nowait)

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[Chunk]:
        while self.done is None:
            item = await self._items.get()
            if isinstance(item, Chunk):
                yield item
            else:
                self.done = item

    def cancel(self) -> None:
        self._engine.scheduler.cancel(self._id, self._items.put_nowait)
        self._engine.wake.set()


class LocalEngine:
    """Implements `Engine` on the event loop: one decode whenever it is free."""

    def __init__(self, path: Path) -> None:
        self.status = EngineStatus(EngineState.READY)
        backend = LlamaBackend(path, threads=1, memory_mb=64, n_ctx_seq=_N_CTX)
        self.scheduler = Scheduler(Runner(backend))
        self.wake = asyncio.Event()
        self._n = 0
        self._task = asyncio.get_running_loop().create_task(self._work())

    def submit(self, job: Job, send: Callable[[Chunk | Done], None]) -> int:
        self._n += 1
        self.scheduler.submit(self._n, job, send)
        self.wake.set()
        return self._n

    def stream(self, job: Job) -> LocalStream:
        return LocalStream(self, job)

    async def _work(self) -> None:
        while True:
            while self.scheduler.step():  # noqa: ASYNC110
                await asyncio.sleep(0)
            self.wake.clear()
            await self.wake.wait()


class NamesOnly:
    """A `Project` that knows names and puts nothing into prompts."""

    def __init__(self, reader: Reader, path: str) -> None:
        index = SimpleNamespace(progress=SimpleNamespace(running=False), generation=id(self))
        self._found = SimpleNamespace(reader=reader, index=index), path

    def find(self, uri: str) -> Any:
        return self._found

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class Shown(NamedTuple):
    """What was offered at a place: without a gate and with it, "" for nothing, and its names."""

    whole: str
    gated: str
    reason: str
    undefined: frozenset[str] | None  # in `whole`; None where it cannot be parsed


def with_line(line: Line, text: str) -> Iterator[tuple[str, int]]:
    """The file with `text` on the line, made whole in several ways, and the text's last line."""
    left = line.before[line.before.rfind("\n") + 1 :]
    indent = left[: len(left) - len(left.lstrip())]
    closers = "".join(
        {"(": ")", "[": "]", "{": "}"}[char] for char in reversed(_open_brackets(left + text))
    )
    last = line.number + 1 + text.count("\n")
    for ending in ("", closers, f"\n{indent}    pass", closers + ":\n" + indent + "    pass", " 0"):
        yield line.before + text.rstrip() + ending + line.after, last


def _open_brackets(text: str) -> list[str]:
    opened: list[str] = []
    for char in masked(text, "python"):
        if char in "([{":
            opened.append(char)
        elif char in ")]}" and opened:
            opened.pop()
    return opened


def undefined_in(judge: Judge, path: Path, line: Line, text: str) -> frozenset[str] | None:
    """Undefined names of a line with that text; None if no way makes it whole."""
    for source, last in with_line(line, text):
        found = judge.undefined(path, source, line.number + 1, last)
        if found is not None:
            return frozenset(found)
    return None


async def generate(
    lines: list[Line], readers: dict[str, IndexReader], model: Path, seconds: float, show: bool
) -> list[tuple[Shown, Shown]]:
    """What is offered at the places without and with the checker."""
    table = vocabulary.load(model, settings.cache_folder())
    assert table.fim is not None
    engine = LocalEngine(model)
    completer = Completer(settings.Config(), engine, Model(Tokenizer(table), table.fim))
    results = []
    started = time.monotonic()
    for number, line in enumerate(lines):
        if time.monotonic() - started > seconds:
            break
        repository = report.DATA / "repos" / line.repository
        judge, path = Judge(repository), repository / line.path
        truth = undefined_in(judge, path, line, line.text)
        if truth is None or truth:
            continue  # the judge does not understand this file
        reader = Without(readers[line.repository], line.path, line.number)
        pair = []
        for project in (None, NamesOnly(reader, line.path)):
            completer._resources.project = project  # type: ignore[assignment]
            snapshot = Snapshot(f"file:///{number}", line.language, 1, line.before + line.after)
            texts, reason = [], ""
            completer.did_open(snapshot)
            completer._ahead._prefill_ms = 1.0  # what it learned would make prompts differ
            for threshold in (0.0, settings.Config().show_probability):
                completer.configure(
                    settings.Config(
                        deadline_ms=60_000,
                        show_probability=threshold,
                        work_ahead="never",
                        prefix_tokens=_PREFIX,
                        suffix_tokens=_SUFFIX,
                    )
                )
                answer = await completer.complete(
                    snapshot, len(line.before), arrived=time.monotonic() + 600.0, invoked=False
                )
                texts.append(answer.text if isinstance(answer, Completion) else "")
                if not threshold and not isinstance(answer, Completion):
                    reason = answer.reason.value
            completer.did_close(snapshot.uri)
            judged = undefined_in(judge, path, line, texts[0])
            pair.append(Shown(texts[0], texts[1], reason, judged))
        results.append((pair[0], pair[1]))
        if show and (pair[0] != pair[1] or pair[0].undefined):
            print(f"{line.path}:{line.number + 1} true: {line.text}", flush=True)
            for shown in pair:
                print(f"    {shown.whole!r} | {shown.gated!r} {shown.reason} {shown.undefined}")
    return results


def counted(shown: list[tuple[str, frozenset[str] | None]]) -> dict[str, Any]:
    """How many texts there are, could be judged, and have an undefined name."""
    texts = [(text, names) for text, names in shown if text.strip()]
    judged = [names for _, names in texts if names is not None]
    wrong = sum(bool(names) for names in judged)
    share = wrong / len(judged) if judged else None
    return {"shown": len(texts), "judged": len(judged), "undefined": wrong, "share": share}


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    cli = argparse.ArgumentParser(prog="benchmarks.grounding", description=__doc__)
    cli.add_argument("--alarms", type=int, default=2000, help="true lines of each language")
    cli.add_argument("--n", type=int, default=0, help="places at which the model writes")
    cli.add_argument("--seconds", type=float, default=3600.0, help="no new place after that")
    cli.add_argument("--model", default="fast", help="a role or the path of a GGUF file")
    cli.add_argument("--show", action="store_true", help="print every case")
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = cli.parse_args(argv)
    draw = random.Random(args.seed)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        readers: dict[str, IndexReader] = {}
        lines: dict[str, list[Line]] = {}
        for repository in sorted((report.DATA / "repos").iterdir()):
            database = Path(folder) / f"{repository.name}.sqlite"
            build.build(repository, database, limit_kb=_LIMIT_KB, n_workers=1)
            readers[repository.name] = IndexReader(repository, database)
            for path in readers[repository.name].files():
                for line in lines_of(repository, path):
                    lines.setdefault(line.language, []).append(line)
        if args.alarms:
            chosen = {k: draw.sample(v, min(args.alarms, len(v))) for k, v in lines.items()}
            result |= alarms([line for v in chosen.values() for line in v], readers, args.show)
            rows = [
                [k, str(n), report.percent(a / n), f"{c} of {t}"]
                for k, n, a, c, t in result["languages"]
            ]
            report.table(
                "Names called unknown in code as it is, and after one letter was changed",
                ["language", "true lines", "false alarms", "changed names found"],
                rows,
            )
        if args.n:
            places = [cut(line, draw) for line in draw.sample(lines["python"], args.n)]
            model = store_of_models.resolve(
                settings.overlay(settings.load()[0], {"model": args.model})[0]
            )
            pairs = asyncio.run(generate(places, readers, model, args.seconds, args.show))
            for name, pick in (("without a gate", whole), ("with the gate", gated)):
                result[name] = {
                    side: counted([pick(pair, n) for pair in pairs])
                    for n, side in enumerate(("before", "after"))
                }
                report.table(
                    f"Shown first lines with an undefined name, {name}, {len(pairs)} places",
                    ["", "shown", "judged", "undefined", "share"],
                    [
                        [
                            k,
                            str(v["shown"]),
                            str(v["judged"]),
                            str(v["undefined"]),
                            report.percent(v["share"]),
                        ]
                        for k, v in result[name].items()
                    ],
                )
            result["withheld"] = Counter(p[1].reason for p in pairs if p[1].reason)
    doc = report.document(
        "grounding", {"n": args.n, "alarms": args.alarms, "seed": args.seed}, result
    )
    if args.record:
        report.record(doc)
    return doc


Judged = tuple[str, frozenset[str] | None]


def whole(pair: tuple[Shown, Shown], side: int) -> Judged:
    """The first line that is shown without a gate, and its undefined names."""
    return pair[side].whole, pair[side].undefined


def gated(pair: tuple[Shown, Shown], side: int) -> Judged:
    """What the gate shows of a line; the judge is asked about whole lines, not about pieces."""
    judged = [shown.undefined for shown in pair if shown.undefined is not None]
    words = set(re.findall(r"\w+", pair[side].gated))
    return pair[side].gated, frozenset(words & frozenset().union(*judged)) if judged else None


def cut(line: Line, draw: random.Random) -> Line:
    """A line as it is half of the time, else with the cursor behind one of its words or dots."""
    borders = [m.end() for m in re.finditer(r"[\w)\]]\s|\.|\(", line.text)]
    if not borders or draw.random() < 0.5:
        return line
    at = draw.choice(borders)
    return line._replace(start=line.start + at)


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
