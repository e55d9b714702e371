"""The audit log of a real server with tiny weights, and what `slmcode audit` says of it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from slmcode.cli import app
from slmcode.features import audit
from slmcode.features.audit import Entry
from slmcode.lsp.client import Client
from slmcode.models import stamps
from tests.faults.desk import Desk
from tests.lsp.conftest import ROOT

KEY = "AKIAQYLPMN5HHHFPZAM2"  # the form of a key of AWS, of nobody
TEXT = f'aws_key = "{KEY}"\ncounter = 3\nfor step in range(counter):\n    print(step)\n\n'
LAST = TEXT.count("\n")


@pytest_asyncio.fixture
async def desk(tmp_path: Path, runtime: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path, runtime)
    desk.settings["audit_log"] = True
    try:
        yield desk
    finally:
        await desk.close()


def run(desk: Desk, *arguments: str, columns: int = 120) -> Result:
    """A command in this process: starting one takes a second."""
    env = {**desk.env, "COLUMNS": str(columns)}
    return CliRunner().invoke(app, arguments, input="", env=env)


def entries(desk: Desk) -> list[Entry]:
    return list(audit.read(desk.state))


async def complete(client: Client, uri: str) -> dict[str, Any]:
    """The first item of a completion asked for by command."""
    answer = await client.inline_completion(uri, LAST, 0, invoked=True)
    item: dict[str, Any] = answer["items"][0]
    return item


def accept(client: Client, item: dict[str, Any]) -> Any:
    command = item["command"]
    params = {"command": command["command"], "arguments": command["arguments"]}
    return client.request("workspace/executeCommand", params)


async def test_what_is_sent_shown_and_accepted_is_logged(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "a b.py"
    client = await desk.start()
    await desk.ready(client)
    client.open(path.as_uri(), "python", TEXT)
    item = await complete(client, path.as_uri())
    client.notify("textDocument/didShowCompletion", {"item": item})
    part = {"item": item, "acceptedLength": 2}
    client.notify("textDocument/didPartiallyAcceptCompletion", part)
    await accept(client, item)
    client.notify("slmcode/didDismissCompletion", {"item": item})
    assert await client.stop() == 0

    log = entries(desk)
    mode = stat.S_IMODE((desk.state / audit.FILE).stat().st_mode)
    assert mode == 0o600
    sent = [e for e in log if e.event == "sent" and e.detail != "ahead"]
    assert sent
    for entry in sent:
        assert (entry.kind, entry.file) == ("completion", str(path))
        assert entry.tokens > 0
        assert "<|fim_prefix|>" in entry.text
        assert "for step in range(counter):" in entry.text
        assert (entry.model, entry.sha256) == ("tiny.gguf", stamps.sha256_of(desk.model))
    became = {e.event: e for e in log if e.event != "sent"}
    text = item["insertText"]
    assert became["shown"].text == became["accepted"].text == text
    assert became["accepted in part"].text == text[:2]
    assert {e.id for e in became.values()} == {sent[0].id}
    assert {e.file for e in became.values()} == {str(path)}

    counters = json.loads(run(desk, "stats", "--json").stdout)
    assert counters["accepted_characters"] == len(text)
    assert counters["server_cpu_s"] > 0
    assert counters["engine_cpu_s"] > 0


async def test_a_secret_is_not_in_the_log(desk: Desk, tmp_path: Path) -> None:
    client = await desk.start()
    await desk.ready(client)
    uri = (tmp_path / "a.py").as_uri()
    client.open(uri, "python", TEXT)
    await complete(client, uri)
    assert await client.stop() == 0
    assert "aws_key" in (desk.state / audit.FILE).read_text()
    assert KEY not in (desk.state / audit.FILE).read_text()
    assert KEY not in run(desk, "audit", "--json").stdout


async def test_explanations_and_edits_are_logged_with_what_they_said(
    desk: Desk, tmp_path: Path
) -> None:
    """The tiny model writes nonsense, so the edit is refused: that is logged too."""
    desk.settings |= {"edit_model": str(desk.model)}
    path = tmp_path / "a.py"
    client = await desk.start()
    await desk.ready(client)
    client.open(path.as_uri(), "python", "a = 1\n")
    document = {"textDocument": {"uri": path.as_uri()}}
    lines = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}}
    answer = await client.request(
        "slmcode/edit", {**document, "range": lines, "instruction": "Rename a."}
    )
    assert await client.stop() == 0
    said = [e for e in entries(desk) if e.event == "answered"]
    assert [e.kind for e in said] == ["edit"]
    assert said[0].file == str(path)
    assert answer["reason"] in said[0].detail


async def test_off_writes_nothing_and_switching_it_off_ends_it(desk: Desk, tmp_path: Path) -> None:
    desk.settings["audit_log"] = False
    client = await desk.start()
    await desk.ready(client)
    uri = (tmp_path / "a.py").as_uri()
    client.open(uri, "python", TEXT)
    await complete(client, uri)
    assert not list(desk.state.glob("audit*"))

    def switch(on: bool) -> None:
        settings = {"slmcode": {"audit_log": on}}
        client.notify("workspace/didChangeConfiguration", {"settings": settings})

    switch(True)
    await complete(client, uri)
    switch(False)
    await client.request("slmcode/lastCompletion", {"textDocument": {"uri": uri}})
    n_logged = len(entries(desk))  # written when it was switched off
    assert n_logged > 0
    await complete(client, uri)
    assert await client.stop() == 0
    assert len(entries(desk)) == n_logged


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_said_once_and_breaks_no_completion(
    desk: Desk, tmp_path: Path
) -> None:
    desk.state.mkdir()
    (desk.state / audit.FILE).symlink_to("/dev/full")
    client = await desk.start()
    await desk.ready(client)
    uri = (tmp_path / "a.py").as_uri()
    client.open(uri, "python", TEXT)

    def is_ours(params: Any) -> bool:
        return "audit log" in params["message"]

    await complete(client, uri)
    said = await client.wait_for("window/showMessage", is_ours)
    assert "No space left" in said["message"]
    assert (await complete(client, uri))["insertText"]
    (desk.state / audit.FILE).unlink()  # there is room again
    client.replace(uri, (LAST, 0), (LAST, 0), "total = counter + ")
    await client.inline_completion(uri, LAST, 18, invoked=True)
    assert await client.stop() == 0
    assert len([m for m in client.received("window/showMessage") if is_ours(m)]) == 1
    first = entries(desk)[0]
    assert first.event == "lost"
    assert "could not be written" in first.detail


# slmcode audit


def write(desk: Desk) -> None:
    """A log of three files, made a week and an hour ago."""
    now = datetime.now(UTC)
    week, hour = (
        (now - d).isoformat(timespec="milliseconds") for d in (timedelta(7), timedelta(hours=1))
    )
    digest = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    sent = {"event": "sent", "id": "1", "tokens": 612, "model": "qwen.gguf", "sha256": digest}
    log = [
        Entry(time=week, kind="edit", file="/w/old.py", text="<|im_start|>old", **sent),  # type: ignore[arg-type]
        Entry(time=hour, kind="completion", file="/w/src/new.py", text="a\nb = new(", **sent),  # type: ignore[arg-type]
        Entry(
            time=hour, event="accepted", kind="completion", file="/w/src/new.py", id="1", text="c)"
        ),
        Entry(
            time=hour,
            event="answered",
            kind="explanation",
            file="/w/[x].py",
            text="It [bold]adds[/bold].",
        ),
    ]
    audit.append(desk.state, log, 1_000_000)


async def test_the_log_can_be_read_at_80_and_120_columns(desk: Desk) -> None:
    write(desk)
    for columns in (80, 120):
        shown = run(desk, "audit", columns=columns).stdout.splitlines()
        assert max(map(len, shown)) <= columns
        text = "\n".join(shown)
        for word in ("sent", "accepted", "answered", "new.py", "b = new(", "c)", "[x].py"):
            assert word in text
        assert "It [bold]adds[/bold]." in text
        assert ("1d961463 qwen.gguf" in text) == ("612" in text) == (columns == 120)


async def test_it_is_chosen_by_file_time_and_kind(desk: Desk) -> None:
    write(desk)

    def texts(*arguments: str) -> list[str]:
        done = run(desk, "audit", "--json", *arguments)
        assert done.exit_code == 0
        return [json.loads(line)["text"] for line in done.stdout.splitlines()]

    assert len(texts()) == 4
    assert texts("--file", "/w/src/new.py") == texts("--file", "/w/src") == ["a\nb = new(", "c)"]
    assert texts("--kind", "edit") == ["<|im_start|>old"]
    assert texts("--since", "2h", "--kind", "edit") == []
    assert len(texts("--since", "2h")) == 3
    assert len(texts("--since", "2020-01-01")) == 4
    assert "There is no such entry" in run(desk, "audit", "--kind", "names").stdout
    assert run(desk, "audit", "--kind", "jokes").exit_code == 2
    assert run(desk, "audit", "--since", "soon").exit_code == 2


async def test_erasing_asks_and_says_what(desk: Desk) -> None:
    write(desk)
    kept = run(desk, "audit", "--erase")  # nobody answers
    assert kept.exit_code == 1
    assert "4 entries" in kept.stdout
    assert len(entries(desk)) == 4
    assert run(desk, "audit", "--erase", "--kind", "edit").exit_code == 2
    assert len(entries(desk)) == 4
    erased = run(desk, "audit", "--erase", "--yes")
    assert erased.exit_code == 0
    assert f"erased 4 entries, 0.0 MB: {desk.state / audit.FILE}" in erased.stdout
    assert not (desk.state / audit.FILE).exists()
    assert "There is no audit log" in run(desk, "audit").stdout
    assert "there is no audit log" in run(desk, "audit", "--erase", "--yes").stdout


# The files


def _append_many(arguments: tuple[str, int]) -> None:
    folder, number = arguments
    for n in range(40):
        entry = Entry(time="2026-11-23T00:00:00.000+00:00", event="sent", id=f"{number} {n}")
        audit.append(Path(folder), [entry] * 5, 1_000_000)


async def test_servers_that_write_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        list(pool.map(_append_many, [(str(tmp_path), n) for n in range(3)]))
    lines = (tmp_path / audit.FILE).read_bytes().splitlines()
    found = [json.loads(line)["id"] for line in lines]
    assert sorted(found) == sorted(f"{p} {n}" for p in range(3) for n in range(40) for _ in "12345")


async def test_both_files_stay_within_the_limit_and_the_newest_are_kept(tmp_path: Path) -> None:
    limit = 100_000
    for n in range(60):
        text = "x" * (n * 37 % 5000)
        time = "2026-11-23T00:00:00.000+00:00"
        audit.append(tmp_path, [Entry(time=time, event="sent", id=str(n), text=text)] * 3, limit)
        sizes = [path.stat().st_size for path in tmp_path.glob("audit*.jsonl")]
        assert sum(sizes) <= limit
    found = [int(entry.id) for entry in audit.read(tmp_path)]
    assert found == sorted(found)
    assert found[-1] == 59
    assert sum(sizes) > limit // 2
    audit.append(tmp_path, [Entry(time="", event="sent", id="long", text="y" * limit)], limit)
    *_, last = audit.read(tmp_path)
    assert (last.id, "cut" in last.detail) == ("long", True)
    assert sum(path.stat().st_size for path in tmp_path.glob("audit*.jsonl")) <= limit
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.glob("audit*")} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="needs RLIMIT_FSIZE")
async def test_a_disk_that_fills_up_in_a_batch_leaves_whole_lines(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from slmcode.cli import app
from slmcode.features import audit
folder = Path(sys.argv[1])
entry = audit.Entry(time="", event="sent", text="x" * 1000)
audit.append(folder, [entry], 1_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))
try:
    audit.append(folder, [entry] * 5, 1_000_000)
except OSError:
    sys.exit(7)
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), cwd=ROOT
    )
    assert await process.wait() == 7
    assert len(list(audit.read(tmp_path))) == 1
    assert (tmp_path / audit.FILE).read_bytes().endswith(b"\n")
