"""Fuzzes the language server over stdio: 10⁶ messages of every kind, in every order.

    python -m tests.fuzz.protocol --messages 1000000 --seed 1 [--session N] [--verbose]

Each session is a server process of its own (tests/fuzz/protocol_server.py) and is made by
(seed, session) alone. The messages are those of `protocol_messages`, the rules those of
`protocol_oracle`; beside them: the process does not end unasked, nothing takes longer than
`BOUND_S`, no error and no source text is in the log, memory does not grow, and again and again a
completion is asked for that must be exactly the scripted one. A session that fails is made smaller
and printed, with the seed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.protocol_messages import BROKEN, MARKER, Generator, Item
from tests.fuzz.protocol_oracle import Failure, Oracle
from tests.lspmeta import MetaModel

ROOT = Path(__file__).parents[2]
BOUND_S = 180.0  # for anything, at low priority on a busy machine
_WINDOW = 100  # messages between two checks that all is answered
_ALIVE = 5  # windows between two completions
_WARM = 0.4  # of a session, before its memory is measured
_GROWTH_MB = 12.0  # of a session's memory after that, at most
_BEFORE, _AFTER = 30, 30  # messages before `initialize` and after `shutdown`, at most


class Plan(NamedTuple):
    """A session, complete."""

    items: list[Item]
    answers: str  # to the server's requests: "right", "error", "garbage" or "never"
    hangs: bool  # some requests end only when they are cancelled
    end: str  # how it ends
    is_steady: bool  # nothing in it is large: memory is measured


class Summary(NamedTuple):
    """What a session was."""

    sent: int
    answered: dict[str, int]
    growth_mb: float


def plan(models: tuple[MetaModel, MetaModel], seed: int, session: int, n: int) -> Plan:
    """The session number `session`, of about `n` messages."""
    chance = random.Random(f"{seed}/{session}")
    hangs, is_steady = chance.random() < 0.5, chance.random() < 0.5
    generator = Generator(models[0], f"{seed}/{session}/m", hanging=hangs, huge=not is_steady)
    items = [generator.item() for _ in range(chance.randrange(_BEFORE))]
    items += [generator.initialize(valid=False) for _ in range(chance.randrange(4))]
    items += [generator.initialize(valid=True)]
    if chance.random() < 0.9:
        items.append(_message({"jsonrpc": "2.0", "method": "initialized", "params": {}}))
    items += [generator.item() for _ in range(n)]
    end = chance.choice(("exit", "close", "broken", "half"))
    if chance.random() < 0.8:
        items.append(_message({"jsonrpc": "2.0", "method": "shutdown", "id": "the end"}))
        items += [generator.item() for _ in range(chance.randrange(_AFTER))]
    answers = chance.choice(("right", "right", "error", "garbage", "never"))
    return Plan(items, answers, hangs, end, is_steady)


def _message(message: dict[str, Any]) -> Item:
    return Item(json.dumps(message).encode())


class Server:
    """The process. A thread reads; each frame it sent is in `frames`, None is its end."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log.txt"
        environment = os.environ | {
            "SLMCODE_CONFIG": str(folder / "config.toml"),
            "SLMCODE_STATE": str(folder),
            "SLMCODE_CACHE": str(folder),
            "SLMCODE_RUNTIME": str(folder),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.protocol_server"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        self.frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for message in self._messages():
                self.frames.put(message)
        except Exception as e:  # what stands on the wire is under test: any of it is a finding
            self.frames.put(Failure("the wire", repr(e)[:300]))
        self.frames.put(None)

    def _messages(self) -> Iterator[Any]:
        assert self.process.stdout is not None
        buffer = bytearray()
        fd = self.process.stdout.fileno()
        while data := os.read(fd, 1 << 16):
            buffer += data
            while (end := buffer.find(b"\r\n\r\n")) >= 0:
                name, _, digits = bytes(buffer[:end]).partition(b": ")
                if name != b"Content-Length" or not digits.isdigit():
                    raise ValueError(bytes(buffer[:200]))
                if len(buffer) < end + 4 + int(digits):
                    break
                body = bytes(buffer[end + 4 : end + 4 + int(digits)])
                del buffer[: end + 4 + int(digits)]
                yield json.loads(body.decode("ascii"), parse_constant=_no_json)
        if buffer:
            raise ValueError(bytes(buffer[:200]))

    def write(self, data: bytes) -> None:
        """Raises OSError when the server is gone."""
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def close_stdin(self) -> None:
        """No more will be written."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def memory_mb(self) -> float:
        """Resident now, on Linux; 0 elsewhere."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def kill(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


class Session:
    """One plan against one server. `run` raises Failure."""

    def __init__(self, models: tuple[MetaModel, MetaModel], session: Plan, folder: Path) -> None:
        self._plan = session
        self._oracle = Oracle(*models)
        self._server = Server(folder)
        self._out = bytearray()
        self._probes = 0
        self._completed: dict[str, Any] = {}  # the answer to the newest completion of ours
        self.sent = 0
        self.at = 0  # items sent

    def run(self) -> Summary:
        """All of it."""
        before, after = 0.0, 0.0
        try:
            for i, item in enumerate(self._plan.items, 1):
                self.at = i
                self._send(item)
                if i % _WINDOW == 0:
                    self._settle()
                    if i // _WINDOW % _ALIVE == 0:
                        self._check_alive()
                    if self._plan.is_steady and self._oracle.state == "initialized":
                        after = self._server.memory_mb()
                        if before == 0.0 and i >= _WARM * len(self._plan.items):
                            before = after
            self._settle()
            self._check_alive()
            self._end()
        finally:
            self._server.kill()
        self._check_log()
        growth = after - before if before else 0.0
        if growth > _GROWTH_MB:
            raise Failure("memory", f"{before:.1f} MB became {after:.1f} MB")
        return Summary(self.sent, self._oracle.answered, growth)

    # Sending

    def _send(self, item: Item) -> None:
        body = self._filled(item.body)
        header = item.header if item.header and body == item.body else b""
        frame = (header or b"Content-Length: %d\r\n\r\n" % len(body)) + body
        self._oracle.sent(body)
        self.sent += 1
        self._out += frame
        if item.pieces > 1:
            size = max(1, len(self._out) // item.pieces)
            while self._out:
                self._write(bytes(self._out[:size]))
                del self._out[:size]
        elif not item.joined:
            self._flush()
        if self._oracle.state == "new" and b'"initialize"' in body:
            self._flush()
            self._wait()  # what the next messages are answered with depends on it
        self._read_ready()

    def _filled(self, body: bytes) -> bytes:
        for place, value in (
            (b'"@plan@"', self._oracle.plan),
            (b'"@data@"', self._oracle.data),
            (b'"@token@"', self._oracle.token),
        ):
            if place in body:
                body = body.replace(place, json.dumps(value).encode())
        return body

    def _flush(self) -> None:
        if self._out:
            self._write(bytes(self._out))
            self._out.clear()

    def _write(self, data: bytes) -> None:
        try:
            self._server.write(data)
        except OSError:
            self._ended()

    def _call(self, message: dict[str, Any]) -> None:
        self._send(Item(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    # Receiving

    def _read_ready(self) -> None:
        while not self._server.frames.empty():
            self._take(self._server.frames.get())

    def _take(self, message: Any) -> None:
        if message is None:
            self._ended()
        if isinstance(message, Failure):
            raise message
        asked = self._oracle.received(message)
        if str(message.get("id")).startswith("alive "):
            self._completed = message
        if asked is not None and (answer := self._answer(asked)) is not None:
            self._call(answer)

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        msg_id = asked["id"]
        match self._plan.answers:
            case "right":
                settings = (
                    [{"deadline_ms": 200}] if asked["method"].endswith("figuration") else None
                )
                return {"id": msg_id, "result": settings}
            case "error":
                return {"id": msg_id, "error": {"code": -32601, "message": MARKER}}
            case "garbage":
                wrong: list[Any] = [{}, [], 5, MARKER, [[[MARKER]]], None, [1, 2], {"a": [None]}]
                return {"id": msg_id, "result": wrong[self.sent % len(wrong)]}
        return None

    def _settle(self) -> None:
        """Wait until all is answered. What ends only when it is cancelled is cancelled."""
        self._flush()
        if self._plan.hangs and self._oracle.state == "initialized":
            for kind, value in list(self._oracle.pending):
                if kind in ("int", "str"):
                    self._call({"method": "$/cancelRequest", "params": {"id": value}})
        self._probes += 1
        self._call({"id": f"probe {self._probes}", "method": "slmcode/nothing"})
        self._flush()
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + BOUND_S
        while self._oracle.pending or self._oracle.orphans:
            self._flush()
            try:
                message = self._server.frames.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                self._oracle.check_all_answered()
                raise AssertionError from None
            self._take(message)

    def _check_alive(self) -> None:
        """A completion in a new document is what the script says."""
        if self._oracle.state != "initialized":
            return
        self._probes += 1
        uri, at = f"file:///alive/{self._probes}.py", {"line": 1, "character": 4}
        document = {"uri": uri, "languageId": "python", "version": 1, "text": "a\nx = 2\n"}
        self._call({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        self._call(
            {
                "method": "textDocument/didChange",
                "params": {
                    "textDocument": {"uri": uri, "version": 2},
                    "contentChanges": [
                        {"range": {"start": at, "end": {"line": 1, "character": 5}}, "text": "yz"}
                    ],
                },
            }
        )
        msg_id = f"alive {self._probes}"
        where = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 6}}
        self._call(
            {
                "id": msg_id,
                "method": "textDocument/inlineCompletion",
                "params": {**where, "context": {"triggerKind": 2}},
            }
        )
        self._flush()
        until = time.monotonic() + BOUND_S
        while msg_id != self._completed.get("id"):
            try:
                message = self._server.frames.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise Failure("hang", "no completion") from None
            self._take(message)
        found = self._completed["result"]
        item = found["items"][0] if found and found["items"] else {}
        start, end = {"line": 1, "character": 0}, {"line": 1, "character": 6}
        if item.get("insertText") != "x = yz😀 = 1\nnext" or item.get("range") != {
            "start": start,
            "end": end,
        }:
            raise Failure("wrong completion", repr(found))
        self._call({"method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}})

    # The end

    def _ended(self) -> None:
        code = self._server.process.wait(BOUND_S)
        raise Failure(f"the server ended with {code}", self._server.log.read_text()[-2000:])

    def _end(self) -> None:
        """Leave, as the plan says; the process follows, with the right exit code."""
        match self._plan.end:
            case "exit":
                body = b'{"jsonrpc":"2.0","method":"exit"}'
                self._out += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            case "broken":
                self._out += random.Random(self.sent).choice(BROKEN)
            case "half":
                self._out += b"Content-Length: 1000000000\r\n\r\n{"
        self._flush()
        if self._plan.end != "exit":
            self._server.close_stdin()
        try:
            code = self._server.process.wait(BOUND_S)
        except subprocess.TimeoutExpired:
            raise Failure("hang", f"it does not end ({self._plan.end})") from None
        wanted = 0 if self._oracle.state == "shut down" else 1
        if code != wanted:
            raise Failure(f"exit code {code} for {wanted}", self._plan.end)

    def _check_log(self) -> None:
        log = self._server.log.read_text(errors="replace")
        if MARKER in log:
            raise Failure("source text in the log", log[max(0, log.find(MARKER) - 500) :][:1000])
        for line in log.splitlines():
            is_expected = "base protocol" in line and self._plan.end == "broken"
            wrong = any(w in line for w in (" ERROR ", " CRITICAL ", "Traceback", "Exception"))
            if wrong and not is_expected:
                raise Failure(f"logged {line[24:90]}", log[log.find(line) :][:3000])


def run(models: tuple[MetaModel, MetaModel], plan: Plan) -> Summary:
    """One session. Raises Failure, which says behind how many messages."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(models, plan, Path(folder))
        try:
            return session.run()
        except Failure as e:
            e.at = session.at
            raise


def shrink(
    models: tuple[MetaModel, MetaModel], session: Plan, found: Failure, seconds: float
) -> Plan:
    """A smaller session that fails in the same way; the smallest one found in the time there is."""
    until = time.monotonic() + seconds

    def fails(items: list[Item]) -> bool:
        try:
            run(models, session._replace(items=items))
        except Failure as e:
            return e.kind == found.kind
        return False

    items = session.items
    if fails(items[: found.at]):
        items = items[: found.at]
    size = max(1, len(items) // 2)
    while time.monotonic() < until:
        at = 0
        while at < len(items) and time.monotonic() < until:
            fewer = items[:at] + items[at + size :]
            if fails(fewer):
                items = fewer
            else:
                at += size
        if size == 1:
            break
        size = max(1, size // 2)
    return session._replace(items=items)


def fuzz(
    n_messages: int,
    seed: int,
    *,
    length: int = 4000,
    first: int = 0,
    verbose: bool = False,
    shrink_s: float = 300.0,
) -> int:
    """Sessions until so many messages were sent; the number that failed (at most 1: it stops)."""
    models = MetaModel(), MetaModel(strict=False)
    sent, session, began = 0, first, time.monotonic()
    answered: Counter[str] = Counter()
    growth = 0.0
    while sent < n_messages:
        made = plan(models, seed, session, min(length, n_messages - sent))
        try:
            done = run(models, made)
        except Failure as e:
            print(f"FAILED: --seed {seed} --session {session} --length {length}\n{e}", flush=True)
            _print(shrink(models, made, e, shrink_s))
            return 1
        sent, session = sent + done.sent, session + 1
        answered.update(done.answered)
        growth = max(growth, done.growth_mb)
        if verbose:
            s = time.monotonic() - began
            print(f"{sent:,} messages, {session - first} sessions, {s:.0f} s", flush=True)
    s = time.monotonic() - began
    print(f"{sent:,} messages in {session - first} sessions, {s:.0f} s; 0 failures; seed {seed}")
    print(f"  answered: {dict(answered.most_common())}; memory grew by at most {growth:.1f} MB")
    return 0


def _print(session: Plan) -> None:
    print(f"smallest found: {len(session.items)} messages, {session[1:]}")
    for item in session.items[:40]:
        rest = f" {item[1:]}" if item[1:] != (b"", 1, False) else ""
        print(f"  {item.body[:600]!r}{rest}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="fuzz the language server")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--session", type=int, default=0, help="the first one")
    parser.add_argument("--length", type=int, default=4000, help="messages of a session")
    parser.add_argument("--shrink", type=float, default=300.0, help="seconds for a smaller one")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    sys.exit(
        fuzz(
            options.messages,
            seed,
            length=options.length,
            first=options.session,
            verbose=options.verbose,
            shrink_s=options.shrink,
        )
    )


if __name__ == "__main__":
    main()
