"""A real server with real weights at work for minutes or hours, and whether it stays as it was.

    python -m benchmarks.soak --minutes 10 [--seed 7]
    make soak HOURS=8

A user who never tires, drawn at random from a seed that is printed, works in a git repository of
its own through a real client: types lines that were deleted, as in the typing replay; accepts what
is right, sometimes what is wrong, sends some of it away; jumps; opens, saves and closes files;
switches branches under the open documents; changes settings; asks for ghost text by command, and
every minute for a docstring by the edit model ("quality", or "fast" where that is absent),
which it takes back when it rests or, one in three, sooner.

Once a minute the user rests: all documents but two are closed and what is under way is waited for.
Then server and engine are looked at and a line is printed. The first samples are warm-up: a quarter
of the run, 2 minutes at least and 15 at most, until caches have their size, the edit model is
loaded and the allocator's arenas have met their largest job. What counts are the samples behind
them. A run of an hour or more begins by filling those caches: so many files are opened, and the
edit model reads a function of each, which touches the memory it was given. Growth is that of a
straight line through the samples (`vitals.growth`).

    resident memory of server and of engine     at most 2 % over the run
    file handles, threads                       0 more: medians of the last third and the first
    from a key to its first answer, median      at most 10 % more, in ms: the deadline is
    from a key to text, median                  at most 25 % more, in decode units
    the server's own share of an answer         at most 1 ms more
    answers                                     every request has one
    server, engine                              the same processes to the end

A run shorter than an hour has few samples and histories that still fill: 3 % more, and what two
standard errors of the line say is noise, at most as much again as the bar, are allowed on top for
memory there. Times are a mixture of answers from memory and generated ones: their noise is always
allowed on top, whatever it is. The decode unit is the time of a token in the generations of the
same minute. Exit code 1 where a bar is not kept.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import report
from benchmarks.replay import percentile
from benchmarks.session import text_after
from benchmarks.typing import ready
from benchmarks.vitals import Growth, Vitals, engine_of, gained, growth, vitals
from slmcode import config as settings
from slmcode.cli.desk import Desk, Shown, utf16_length
from slmcode.cli.typist import accepted_part, gap_s, keys
from slmcode.config import Config
from slmcode.lsp.client import Client, Request, ResponseError
from slmcode.lsp.messages import ACTION, CAN_REFRESH
from slmcode.models import store
from slmcode.models.catalog import ModelError

_MARKER = "SLMCODE_RUNTIME"
_SHORT_MINUTES = 10.0
_LONG_S = 3600.0  # from here on memory has no excuse
_FILLING = 0.03  # of memory in shorter runs: histories of edits and caches are not full yet
_WARM_UP = (0.25, 120.0, 900.0)  # share of the run, at least, at most
_SAMPLE_S = 60.0
_SHORT_SAMPLE_S = 20.0  # a short run has samples enough for a line
_EDIT_S = 60.0  # the weights of edits, which leave when idle for 300 s, stay
_EDIT_MORE_S = 15.0  # that one has to its end when everybody else rests
_EDIT_WITHIN_S = 300.0
_OPEN = 12  # documents at most
_PINNED = 2  # of them stay open to the end
_FILLED = 30  # files that a long run reads first
_FILL_S = 10.0  # that the edit model has for a function of each
_QUIET_S = 3.0  # between the last key and a sample
_ANSWER_S = 30.0  # a request without an answer by then has none
_BARS = {  # of growth, as shares
    "server's memory": 0.02,
    "engine's memory": 0.02,
    "time to an answer": 0.10,
    "time to text": 0.25,
}
_OWN_MS = 1.0  # that the server's own share may grow by
_CONFIGURED = (  # that need no other engine
    {"deadline_ms": 60},
    {"deadline_ms": 150},
    {"show_probability": 0},
    {"show_probability": 0.7},
    {"max_lines": 4},
    {"idle_ms": 300},
    {"enabled": False},
    {"index": False},
    {"index_file_kb": 512},
)


@dataclass
class Open:
    """A document as the editor has it."""

    path: Path
    text: str
    pinned: bool = False

    @property
    def uri(self) -> str:
        return self.path.as_uri()


@dataclass
class Minute:
    """What was measured since the last sample. Times in ms."""

    answers: list[float] = field(default_factory=list)  # key to first answer
    texts: list[float] = field(default_factory=list)  # key to text
    own: list[float] = field(default_factory=list)  # the server's share of an answer
    tokens: list[float] = field(default_factory=list)  # the decode unit


class Sample(NamedTuple):
    """Server and engine at rest, and the latencies since the sample before; None: none."""

    at_s: float
    server: Vitals
    engine: Vitals
    waiting: int  # requests without an answer, before the rest
    unit_ms: float | None
    answer_p50_ms: float | None
    p50_units: float | None
    p95_units: float | None
    text_p50_units: float | None
    text_p95_units: float | None
    own_p50_ms: float | None
    keys: int


class Repository:
    """A git repository with two branches, made of this project's own sources."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.branch = "main"
        self._git("init", "-q", "-b", "main")
        for source in sorted((report.ROOT / "slmcode").rglob("*.py")):
            target = folder / source.relative_to(report.ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        self._commit()
        self._git("checkout", "-q", "-b", "other")
        for n, path in enumerate(self.files()):
            lines = path.read_text("utf-8").splitlines(keepends=True)
            if n % 7 == 0:
                path.unlink()
            elif n % 2 == 0 and len(lines) > 20:
                at = rng.randrange(10, len(lines))
                path.write_text("".join(lines[:at] + lines[at + 5 :]), "utf-8")
            elif n % 5 == 0:
                (path.parent / f"new_{path.name}").write_text("".join(lines), "utf-8")
        self._commit()
        self._git("checkout", "-q", "main")

    def files(self) -> list[Path]:
        """Those of the branch that is checked out, with something in them."""
        found = sorted(self.folder.rglob("*.py"))
        return [path for path in found if path.stat().st_size > 1000]

    def switch(self) -> None:
        """Check the other branch out; what was saved is lost."""
        self.branch = "other" if self.branch == "main" else "main"
        self._git("checkout", "-q", "-f", self.branch)

    def _commit(self) -> None:
        self._git("add", "-A")
        self._git("-c", "user.name=soak", "-c", "user.email=soak@localhost", "commit", "-qm", "x")

    def _git(self, *words: str) -> None:
        env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *words], cwd=self.folder, env=env, check=True, capture_output=True)


class User:
    """Works at random. `did` counts what was done."""

    def __init__(self, client: Client, repository: Repository, rng: random.Random) -> None:
        self._client = client
        self._repository = repository
        self._rng = rng
        self._open: dict[Path, Open] = {}
        self._edit: asyncio.Task[None] | None = None
        self._taken_back = asyncio.Event()
        self._edited_at = -_EDIT_S  # at once: the weights are loaded while warming up
        self.did: Counter[str] = Counter()
        self.minute = Minute()
        self.unanswered = 0
        self.unit_ms: float | None = None  # the newest that was measured

    def begin(self) -> None:
        """Open what stays open."""
        for path in self._rng.sample(self._repository.files(), _PINNED):
            self._open_file(path).pinned = True

    async def fill(self) -> None:
        """Have server and engine meet many files, so that what they keep of them has its size."""
        for _ in range(_FILLED):
            closed = [path for path in self._repository.files() if path not in self._open]
            document = self._open_file(self._rng.choice(closed))
            if (lines := _function(document.text, self._rng)) is not None:
                await self._ask_docstring(document, lines, _FILL_S)
            self._close(document)
            self._client.messages.clear()

    async def act(self) -> None:
        """One thing that users do."""
        if time.monotonic() > self._edited_at + _EDIT_S and self._edit is None:
            self._edited_at = time.monotonic()
            self._edit = asyncio.create_task(self._docstring())
        actions = (
            (self._type, 60),
            (self._jump, 12),
            (self._open_another, 8),
            (self._close_one, 5),
            (self._save, 5),
            (self._by_command, 4),
            (self._paste, 2),
            (self._configure, 2),
            (self._switch, 1),
        )
        names, weights = zip(*actions, strict=True)
        (action,) = self._rng.choices(names, weights)
        self.did[action.__name__.strip("_")] += 1
        await action()
        self._client.messages.clear()  # hours of them are not to be kept

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._client._requests)

    async def rest(self) -> None:
        """Close what is not pinned, and wait for what is under way."""
        for document in [d for d in self._open.values() if not d.pinned]:
            self._close(document)
        if self._edit is not None:
            await asyncio.wait([self._edit], timeout=_EDIT_MORE_S)
            self._taken_back.set()
            await self._edit
            self._edit = None
        if under_way := list(self._client._requests.values()):
            await asyncio.wait(under_way, timeout=_ANSWER_S)
        self.unanswered += self.waiting
        self._client._requests.clear()
        await asyncio.sleep(_QUIET_S)

    # Documents

    def _any(self) -> Open:
        return self._rng.choice(list(self._open.values()))

    def _open_file(self, path: Path) -> Open:
        document = self._open[path] = Open(path, path.read_text("utf-8"))
        self._client.open(document.uri, "python", document.text)
        return document

    def _close(self, document: Open) -> None:
        del self._open[document.path]
        self._client.close(document.uri)

    async def _open_another(self) -> None:
        if len(self._open) >= _OPEN:
            await self._close_one()
        closed = [path for path in self._repository.files() if path not in self._open]
        document = self._open_file(self._rng.choice(closed))
        self._client.cursor_moved(document.uri, *_position(document.text, self._place(document)))
        await self._pause(0.2, 1.5)

    async def _close_one(self) -> None:
        others = [document for document in self._open.values() if not document.pinned]
        if others:
            self._close(self._rng.choice(others))

    async def _save(self) -> None:
        document = self._any()
        document.path.write_text(document.text, "utf-8")

    async def _switch(self) -> None:
        await asyncio.to_thread(self._repository.switch)
        for document in list(self._open.values()):
            if not document.path.exists():
                pinned = document.pinned
                self._close(document)
                if pinned:
                    closed = [p for p in self._repository.files() if p not in self._open]
                    self._open_file(self._rng.choice(closed)).pinned = True
            else:
                self._replace_all(document, document.path.read_text("utf-8"))
        await self._pause(0.5, 2.0)

    def _replace_all(self, document: Open, text: str) -> None:
        if text != document.text:
            document.text = text
            self._client.change(document.uri, [{"text": text}])

    async def _paste(self) -> None:
        """A few hundred lines of another file, taken back after a while."""
        document, before = self._any(), self._any().text
        at = _position(document.text, self._place(document))
        kept = document.text
        self._client.replace(document.uri, at, at, before[:20_000])
        await self._pause(0.2, 1.0)
        document.text = ""  # as is known to nobody but the server
        self._replace_all(document, kept)

    async def _configure(self) -> None:
        self._client.settings["slmcode"] = self._rng.choice(_CONFIGURED)
        self._client.notify("workspace/didChangeConfiguration", {"settings": None})
        await self._type()
        self._client.settings["slmcode"] = {}
        self._client.notify("workspace/didChangeConfiguration", {"settings": None})

    # Places and keys

    def _place(self, document: Open) -> int:
        """The end of some line."""
        lines = document.text.splitlines(keepends=True)
        n = self._rng.randrange(len(lines))
        return len("".join(lines[: n + 1]).removesuffix("\n"))

    async def _jump(self) -> None:
        document = self._any()
        self._client.cursor_moved(document.uri, *_position(document.text, self._place(document)))
        await self._pause(0.2, 2.0)

    async def _by_command(self) -> None:
        document = self._any()
        at = self._place(document)
        desk = Desk(self._client, document.uri, "python", document.text[:at], document.text[at:])
        desk.ask(invoked=True)
        await desk.answer(_ANSWER_S)

    async def _type(self) -> None:
        """Delete one to four lines and type them again."""
        document = self._any()
        lines = document.text.splitlines(keepends=True)
        if len(lines) < 12:
            self._replace_all(document, document.path.read_text("utf-8"))
            return
        first = self._rng.randrange(5, len(lines) - 4)
        last = first + self._rng.randint(1, 4)
        before, gone = "".join(lines[:first]), "".join(lines[first:last])
        after = "".join(lines[last:])
        before, gone, after = (
            before.removesuffix("\n"),
            "\n" + gone.removesuffix("\n"),
            "\n" + after,
        )
        self._client.replace(
            document.uri,
            _position(document.text, len(before)),
            _position(document.text, len(before + gone)),
            "",
        )
        desk = Desk(self._client, document.uri, "python", before, after)
        document.text = before + await self._keys(desk, gone) + after

    async def _keys(self, desk: Desk, wanted: str) -> str:
        """Type a text; what stands there afterwards."""
        typed, rest = "", wanted
        while rest:
            key = next(keys(rest))
            seen = len(self._client.messages)
            desk.press(key)
            typed, rest = typed + key, rest[len(key) :]
            shown = await desk.rest(gap_s(key, self._rng))
            if shown is None:
                continue
            self.minute.answers.append(shown.after_s * 1e3)
            if (after := text_after(self._client.messages[seen:])) is not None:
                self.minute.texts.append(after * 1e3)
            await self._look(desk)
            part = accepted_part(shown.text, rest)
            if part and self._rng.random() < 0.8:
                self.did["accepted"] += 1
                desk.accept(shown, part)
                typed, rest = typed + part, rest[len(part) :]
                await desk.rest(0.15)
            elif shown.item is not None and self._rng.random() < 0.1:
                self._dismiss(shown)
            elif shown.text and self._rng.random() < 0.02:
                self.did["accepted wrong"] += 1
                desk.accept(shown, shown.text)
                return typed + shown.text
        return typed

    def _dismiss(self, shown: Shown) -> None:
        self.did["dismissed"] += 1
        self._client.notify("textDocument/didDismissCompletion", {"item": shown.item})

    async def _look(self, desk: Desk) -> None:
        """What the server says of its answer, now and then."""
        if self._rng.random() > 0.2:
            return
        details = await desk.details()
        timings = details.get("timings") or {}
        if timings.get("predicted_n", 0) >= 3 and not timings["draft_n"]:
            self.minute.tokens.append(timings["predicted_ms"] / timings["predicted_n"])
        if details.get("server_ms", -1) >= 0:
            self.minute.own.append(details["server_ms"])

    # Edits

    async def _docstring(self) -> None:
        """Ask for a docstring of some function; nobody accepts it. One in three is taken back."""
        places = [(d, _function(d.text, self._rng)) for d in self._open.values()]
        wanted = [(document, lines) for document, lines in places if lines]
        if not wanted:
            return
        limit = self._rng.uniform(0.5, 8) if self._rng.random() < 0.3 else _EDIT_WITHIN_S
        self._taken_back.clear()
        await self._ask_docstring(*self._rng.choice(wanted), limit)

    async def _ask_docstring(self, document: Open, lines: tuple[int, int], limit: float) -> None:
        """Wait so long in s, or until it is taken back."""
        start, end = ({"line": n, "character": 0} for n in lines)
        request = self._client.request(
            ACTION,
            {
                "textDocument": {"uri": document.uri},
                "range": {"start": start, "end": end},
                "action": "docstring",
            },
        )
        taken_back = asyncio.create_task(self._taken_back.wait())
        await asyncio.wait([request, taken_back], timeout=limit, return_when="FIRST_COMPLETED")
        taken_back.cancel()
        if not request.done():
            self._client.cancel(request)
        self.did[f"edit {await _verdict(request)}"] += 1

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._rng.uniform(least, most))


async def _verdict(request: Request) -> str:
    try:
        outcome = await asyncio.wait_for(request, _EDIT_WITHIN_S)
    except ResponseError as e:
        return "cancelled" if e.code == -32800 else "failed"
    except TimeoutError:
        return "without an answer"
    return "cancelled" if outcome is None else str(outcome["verdict"])


def _function(text: str, rng: random.Random) -> tuple[int, int] | None:
    """First line and the one behind the last of some short function."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        return None
    found = [
        (node.lineno - 1, node.end_lineno)
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    short = [place for place in found if place[1] - place[0] <= 30]
    return rng.choice(short) if short else None


def _position(text: str, offset: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, start), utf16_length(text[start:offset])


def _sample(user: User, server: int, engine: int, began: float, waiting: int) -> Sample:
    """Look at both. Raises OSError where one has ended."""
    minute, user.minute = user.minute, Minute()
    unit_ms = user.unit_ms = percentile(minute.tokens, 0.5) or user.unit_ms

    def units(values: list[float], share: float) -> float | None:
        ms = percentile(values, share)
        return None if ms is None or not unit_ms else ms / unit_ms

    return Sample(
        time.monotonic() - began,
        vitals(server),
        vitals(engine),
        waiting,
        unit_ms,
        percentile(minute.answers, 0.5),
        units(minute.answers, 0.5),
        units(minute.answers, 0.95),
        units(minute.texts, 0.5),
        units(minute.texts, 0.95),
        percentile(minute.own, 0.5),
        len(minute.answers),
    )


async def run(seconds: float, seed: int, folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Work for so long. Raises RuntimeError with a sentence where a process ended."""
    rng = random.Random(seed)
    workspace = folder / "workspace"
    workspace.mkdir()
    repository = Repository(workspace, rng)
    samples: list[Sample] = []
    every = _SAMPLE_S if seconds >= _LONG_S / 2 else _SHORT_SAMPLE_S
    client = await Client.start([sys.executable, "-m", "slmcode.cli", "serve"], env=env)
    try:
        client.settings["slmcode"] = {}
        folders = [(workspace.as_uri(), "workspace")]
        await client.initialize(folders=folders, capabilities=CAN_REFRESH)
        await ready(client)
        engine = engine_of(_MARKER, env[_MARKER])
        assert engine is not None
        user = User(client, repository, rng)
        user.begin()
        if seconds >= _LONG_S:
            await user.fill()
        began = time.monotonic()
        print(_LINE.format(*_TITLES), flush=True)
        while (now := time.monotonic()) < began + seconds - every / 2:
            until = now + every
            while time.monotonic() < until:
                await user.act()
            waiting = user.waiting
            await user.rest()
            try:
                samples.append(_sample(user, client.process.pid, engine, began, waiting))
            except OSError:
                raise RuntimeError("server or engine has ended") from None
            if engine_of(_MARKER, env[_MARKER]) != engine:
                raise RuntimeError("the engine was started anew")
            _print(samples[-1])
        for document in list(user._open.values()):
            user._close(document)
    finally:
        with contextlib.suppress(Exception):
            await client.stop()
    return summary(samples, seconds, user.unanswered) | {"did": dict(user.did.most_common())}


def warm_up_s(seconds: float) -> float:
    """The part of a run that does not count."""
    share, least, most = _WARM_UP
    return min(max(share * seconds, least), most)


def summary(samples: list[Sample], seconds: float, unanswered: int) -> dict[str, Any]:
    """Growth behind the warm-up, and what of it is out of bounds."""
    kept = [s for s in samples if s.at_s > warm_up_s(seconds)]
    at = [s.at_s for s in kept]
    found: dict[str, list[float | None]] = {
        "server's memory": [s.server.rss_mb for s in kept],
        "engine's memory": [s.engine.rss_mb for s in kept],
        "time to an answer": [s.answer_p50_ms for s in kept],
        "time to text": [s.text_p50_units for s in kept],
    }
    grown = {name: _growth(at, values) for name, values in found.items()}
    held: dict[str, list[int]] = {
        "server's handles": [s.server.handles for s in kept],
        "engine's handles": [s.engine.handles for s in kept],
        "server's threads": [s.server.threads for s in kept],
        "engine's threads": [s.engine.threads for s in kept],
    }
    more = {name: gained(values) if values else 0 for name, values in held.items()}
    bad = [f"{name}: {n} more" for name, n in more.items() if n > 0]
    for name, line in grown.items():
        bar = _BARS[name]
        if line is None:
            bad.append(f"{name}: too few samples")
            continue
        timed = name.startswith("time")
        excuse = line.noise if timed else 0.0  # of a mixture of answers from memory and generated
        if not timed and seconds < _LONG_S:
            excuse = _FILLING + min(line.noise, bar)
        if line.share > bar + excuse:
            bad.append(f"{name}: {100 * line.share:+.1f} %, at most {100 * (bar + excuse):.1f}")
    own = [s.own_p50_ms for s in kept if s.own_p50_ms is not None]
    third = max(len(own) // 3, 1)
    own_gained = percentile(own[-third:], 0.5) or 0.0
    own_gained -= percentile(own[:third], 0.5) or 0.0
    if own_gained > _OWN_MS:
        bad.append(f"the server's own share: {own_gained:+.1f} ms, at most {_OWN_MS:.1f}")
    if unanswered:
        bad.append(f"{unanswered} requests without an answer")
    return {
        "warm_up_s": warm_up_s(seconds),
        "samples": [_plain(s) for s in samples],
        "growth": {name: line and line._asdict() for name, line in grown.items()},
        "own_gained_ms": own_gained,
        "gained": more,
        "unanswered": unanswered,
        "keys": sum(s.keys for s in samples),
        "out_of_bounds": bad,
    }


def _growth(at: list[float], values: list[float | None]) -> Growth | None:
    """Of what was measured; some figures are missing where little was typed."""
    there = [(t, value) for t, value in zip(at, values, strict=True) if value is not None]
    return growth([t for t, _ in there], [value for _, value in there])


def _plain(sample: Sample) -> dict[str, Any]:
    server, engine = sample.server._asdict(), sample.engine._asdict()
    return sample._asdict() | {"server": server, "engine": engine}


_LINE = "{:>6} {:>13} {:>13} {:>9} {:>9} {:>8} {:>7} {:>15} {:>15} {:>7} {:>6}"
_TITLES = (
    *("min", "server MB", "engine MB", "handles", "threads", "waiting", "unit"),
    *("answer, units", "text, units", "own ms", "keys"),
)


def _print(s: Sample) -> None:
    number = report.number
    print(
        _LINE.format(
            number(s.at_s / 60),
            f"{s.server.rss_mb:.1f}/{s.server.pss_mb:.1f}",
            f"{s.engine.rss_mb:.1f}/{s.engine.pss_mb:.1f}",
            f"{s.server.handles}+{s.engine.handles}",
            f"{s.server.threads}+{s.engine.threads}",
            s.waiting,
            number(s.unit_ms),
            f"{number(s.p50_units)} {number(s.p95_units)}",
            f"{number(s.text_p50_units)} {number(s.text_p95_units)}",
            number(s.own_p50_ms),
            s.keys,
        ),
        flush=True,
    )


def show(result: dict[str, Any]) -> None:
    """What it comes to."""
    rows = [
        [name, report.percent(f and f["share"]), report.percent(f and f["noise"])]
        for name, f in result["growth"].items()
    ]
    rows += [[name, str(n), ""] for name, n in result["gained"].items()]
    minutes = result["warm_up_s"] / 60
    report.table(f"Growth behind {minutes:.1f} minutes of warm-up", ["", "", "noise"], rows)
    print("done: " + ", ".join(f"{name} {n}" for name, n in result["did"].items()))
    bad = result["out_of_bounds"]
    print(f"out of bounds: {'; '.join(bad)}" if bad else "everything is within its bounds")


def edit_model(config: Config) -> str:
    """The model for edits where it is there, else the one that completes."""
    try:
        store.resolve(msgspec.structs.replace(config, model=config.edit_model))
    except ModelError:
        return config.model
    return config.edit_model


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document; its `result.out_of_bounds` is empty if all is well."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=_SHORT_MINUTES)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--seed", type=int, help="default: at random, and printed")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    seconds = args.hours * 3600 or args.minutes * 60
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1_000_000)
    config = settings.load()[0]
    try:
        store.resolve(config)
    except ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    model = edit_model(config)
    print(f"soak of {seconds / 60:.0f} minutes, edits by {model}; seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="slmcode-") as name:
        folder = Path(name)
        (folder / "cache").mkdir()
        (folder / "config.toml").write_text(
            f"engine_idle_s = 5\nedit_model = {json.dumps(model)}\n"
            f"models_folder = {json.dumps(str(settings.models_folder(config)))}\n"
        )
        env = os.environ | {
            _MARKER: name,
            "SLMCODE_CONFIG": str(folder / "config.toml"),
            "SLMCODE_STATE": str(folder / "state"),
            "SLMCODE_CACHE": str(folder / "cache"),
        }
        try:
            result = asyncio.run(run(seconds, seed, folder, env))
        except RuntimeError as e:
            sys.exit(f"the soak has failed: {e}")
    show(result)
    doc = report.document("soak", {"minutes": seconds / 60, "seed": seed, "edits": model}, result)
    if args.record:
        report.record(doc)
    return doc


if __name__ == "__main__":
    document = main()
    print(json.dumps(document, ensure_ascii=False))
    sys.exit(1 if document["result"]["out_of_bounds"] else 0)
