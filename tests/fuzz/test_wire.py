"""Changes at random over a real wire: what the server holds, and what it answers meanwhile."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from slmcode.lsp.client import Client, ResponseError
from slmcode.lsp.positions import ENCODINGS, Encoding
from tests.fuzz import documents as fuzz
from tests.fuzz.test_moving import places
from tests.lsp.conftest import Lab
from tests.lsp.test_edits import ANNOTATIONS, CANCELLED, EditLab

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="session")]

SEQUENCES = 60  # in each encoding
SESSIONS = 12  # of a user with the real features


@pytest_asyncio.fixture(loop_scope="session")
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path)
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def features(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EditLab]:
    """Real features; the model follows a script."""
    lab = EditLab(tmp_path_factory.mktemp("moving"))
    try:
        yield lab
        await lab.close()
    finally:
        for client in lab.clients:
            await client.kill()


# What the server holds


class Told:
    """Tells a server the operations of sequences, and writes down what it must say of each."""

    def __init__(self, lab: Lab, client: Client) -> None:
        self._lab = lab
        self._client = client
        self._texts: dict[str, str] = {}
        self.calls: list[list[Any]] = []
        self.offsets: list[int] = []  # of the places that a completion was asked for at

    def tell(self, op: fuzz.Op, results: list[list[Any]]) -> None:
        kind, *args = op
        getattr(self, f"_{kind}")(*args)
        if kind in ("open", "change", "close", "lose"):
            subjects = [args[0]]
        elif kind == "openNotebook":
            subjects = [args[0], *(uri for uri, *_ in args[1])]
        elif kind == "changeNotebook":
            notebook, splice, closed, opened, texts = args
            subjects = [] if splice is None else [notebook]
            subjects += [*closed, *(uri for uri, *_ in opened), *(uri for uri, *_ in texts)]
        else:
            subjects = [args[0], *args[1]]
        for subject, result in zip(subjects, results, strict=True):
            self._expect(subject, *result)
        if kind == "change" and results[0][1] is not None and args[3]:
            self._client.inline_completion(args[0], *args[3][0])
            self.offsets.append(results[0][4][0])

    def _expect(self, uri: str, kind: str, *result: Any) -> None:
        if kind == "open":
            text, lines = result
            self._texts[uri] = text
            self.calls.append(["open", uri, "python", len(text), lines])
        elif kind == "change":
            if result[0] is None:
                return
            version, texts, *_ = result
            self._texts[uri] = text = [self._texts[uri], *texts][-1]
            self.calls.append(["change", uri, version, text if len(text) < 1000 else ""])
        elif kind == "cells":
            self.calls.append(["cells", uri, *result])
        elif result[0]:
            self.calls.append(["close", uri])

    def said(self) -> list[list[Any]]:
        """What the server's features were told."""
        n = {"open": 5, "change": 4, "cells": 3, "close": 2}
        calls = [json.loads(s["message"])[1:] for s in self._client.received("slmcode/status")]
        return [call[: n[call[0]]] for call in calls if call[0] in n]

    def completed_at(self) -> list[int]:
        calls = [json.loads(s["message"])[1:] for s in self._client.received("slmcode/status")]
        return [call[3] for call in calls if call[0] == "complete"]

    def _open(self, uri: str, version: int, text: str) -> None:
        self._client.notify("textDocument/didOpen", {"textDocument": _item(uri, version, text)})

    def _change(self, uri: str, version: int, changes: Any, *_: Any) -> None:
        self._client.notify("textDocument/didChange", _changed(uri, version, changes))

    def _close(self, uri: str) -> None:
        self._client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def _lose(self, uri: str) -> None:
        params = _changed(uri, 1, [{"text": None}])
        message = {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}
        self._lab.send_wrong(self._client, message)

    def _openNotebook(self, uri: str, cells: Any) -> None:
        notebook = {"uri": uri, "notebookType": "jupyter", "version": 1}
        self._client.notify(
            "notebookDocument/didOpen",
            {
                "notebookDocument": notebook | {"cells": [_listed(cell) for cell, *_ in cells]},
                "cellTextDocuments": [_item(*cell) for cell in cells],
            },
        )

    def _changeNotebook(self, uri: str, splice: Any, closed: Any, opened: Any, texts: Any) -> None:
        cells: dict[str, Any] = {}
        if splice is not None:
            start, delete_count, put_in = splice
            array = {"start": start, "deleteCount": delete_count}
            cells["structure"] = {
                "array": array | {"cells": [_listed(cell) for cell in put_in]},
                "didOpen": [_item(*cell) for cell in opened],
                "didClose": [{"uri": cell} for cell in closed],
            }
        cells["textContent"] = [
            {"document": {"uri": cell, "version": version}, "changes": changes}
            for cell, version, changes, *_ in texts
        ]
        notebook = {"uri": uri, "version": 1}
        self._client.notify(
            "notebookDocument/didChange", {"notebookDocument": notebook, "change": {"cells": cells}}
        )

    def _closeNotebook(self, uri: str, cells: Any) -> None:
        documents = [{"uri": cell} for cell in cells]
        self._client.notify(
            "notebookDocument/didClose",
            {"notebookDocument": {"uri": uri}, "cellTextDocuments": documents},
        )


def _item(uri: str, version: int, text: str) -> dict[str, Any]:
    return {"uri": uri, "languageId": "python", "version": version, "text": text}


def _listed(uri: str) -> dict[str, Any]:
    return {"kind": 2, "document": uri}


def _changed(uri: str, version: int, changes: Any) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}


def _renamed(value: Any, name: str) -> Any:
    """The same with every URI made one of this sequence's own."""
    if isinstance(value, list):
        return [_renamed(part, name) for part in value]
    starts = ("untitled:", "cell:", "file:///a.ipynb")
    is_uri = isinstance(value, str) and value.startswith(starts)
    return f"{value}/{name}" if is_uri else value


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_the_server_holds_what_the_client_has(lab: Lab, encoding: Encoding) -> None:
    client = await lab.ready(encodings=(encoding,))
    seed, told = secrets.token_hex(4), Told(lab, client)
    with fuzz.reference() as node:
        i = n = 0
        while n < SEQUENCES:
            name = f"{seed}/{i}"
            i += 1
            sequence = fuzz.played(name)
            if sequence.encoding != encoding:
                continue
            n += 1
            ops = _renamed(sequence.ops, name)
            node.ask(encoding, ops, texts=True)
            for op, results in zip(ops, node.answer(), strict=True):
                told.tell(op, results)
            await lab.told(client)
    said = told.said()
    for right, found in zip(told.calls, said, strict=False):
        assert found == right, seed
    assert len(said) == len(told.calls), seed
    assert told.completed_at() == told.offsets, seed
    assert len(told.offsets) > SEQUENCES


# A change that cannot be read


async def test_a_document_that_was_lost_is_not_guessed_at(features: EditLab) -> None:
    """Nothing is answered for it, and why, until its text is known again; the user is told once."""
    client = await features.editor()
    uri, text = "file:///w/lost%20one.py", "x = '😀'\ny = \n"
    rule = {"after": "y = ", "text": "1\n"}
    features.model_says(writes=[rule])
    client.open(uri, "python", text)
    assert len((await client.inline_completion(uri, 1, 4))["items"]) == 1
    for changes in ([{"text": None}], [{"range": {"start": {"line": -1}}, "text": "x"}], 7):
        message = {"jsonrpc": "2.0", "method": "textDocument/didChange"}
        features.send_wrong(client, message | {"params": _changed(uri, 2, changes)})
    client.replace(uri, (0, 0), (0, 1), "zzz")  # in a text that nobody knows
    answer = await client.inline_completion(uri, 1, 4)
    assert not answer or answer["items"] == []
    last = await client.request("slmcode/lastCompletion", {"textDocument": {"uri": uri}})
    assert last["reason"] == "lost"
    assert "lost one.py" in last["message"]
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 2, "character": 0}}
    edit = {"textDocument": {"uri": uri}, "range": where, "instruction": "Do."}
    with pytest.raises(ResponseError, match=r"lost one\.py that cannot be read"):
        await client.request("slmcode/edit", edit)
    said = [m["message"] for m in client.received("window/showMessage")]
    assert len([message for message in said if "lost one.py" in message]) == 1
    client.change(uri, [{"text": "y = \n"}])
    (item,) = (await client.inline_completion(uri, 0, 4))["items"]
    assert (item["insertText"], item["range"]["start"]["line"]) == ("1", 0)


async def test_a_notebook_change_that_cannot_be_read_loses_its_cells(lab: Lab) -> None:
    client = await lab.ready()
    notebook, cells = "file:///w/a.ipynb", ["cell:1", "cell:2"]
    told = Told(lab, client)
    told._openNotebook(notebook, [[cell, 1, "x"] for cell in cells])
    client.open("file:///w/other.py", "python", "x")
    params = {
        "notebookDocument": {"uri": notebook, "version": 2},
        "change": {"cells": {"structure": {"array": {"start": "0", "deleteCount": 1}}}},
    }
    message = {"jsonrpc": "2.0", "method": "notebookDocument/didChange", "params": params}
    lab.send_wrong(client, message)
    for cell in cells:
        assert await client.inline_completion(cell, 0, 1) is None
    assert len((await client.inline_completion("file:///w/other.py", 0, 1))["items"]) == 1
    told._openNotebook(notebook, [[cell, 2, "y"] for cell in cells])
    for cell in cells:
        assert len((await client.inline_completion(cell, 0, 1))["items"]) == 1


# What is answered meanwhile


async def test_a_late_completion_is_for_the_document_as_it_is_then(features: EditLab) -> None:
    client, uri = await features.editor(), "file:///w/late.py"
    rule = {"after": "late = ", "text": "alpha + beta\n"}
    features.model_says(writes=[rule | {"hold": True}])
    client.open(uri, "python", "# 1\nlate = \n")
    request = client.inline_completion(uri, 1, 7)
    await features.told(client)  # it has begun
    client.replace(uri, (0, 0), (0, 0), "# 😀\n\n")
    client.replace(uri, (3, 7), (3, 7), "alpha +")
    await features.told(client)
    features.model_says(writes=[rule])
    (item,) = (await request)["items"]
    place = {"line": 3, "character": 14}
    assert (item["insertText"], item["range"]) == (" beta", {"start": place, "end": place})


TRUTH = "total = alpha + beta * gamma"
State = tuple[str, int]  # a text, and the cursor in it


class Typist:
    """A user over the wire: his states, and what he may be answered in them."""

    def __init__(self, client: Client, uri: str, rng: Random) -> None:
        self._client, self._uri, self._rng = client, uri, rng
        self._states: list[State] = [("# 😀\n\ntotal = \ndone()\n", 13)]
        self._asked: list[asyncio.Task[None]] = []
        self.n_right = 0
        client.open(uri, "python", self._states[0][0])

    async def work(self) -> None:
        for _ in range(25):
            doing = self._rng.choice([self._type, self._type, self._elsewhere, self._ask])
            doing()
            if self._rng.random() < 0.5:
                await asyncio.sleep(self._rng.random() / 50)
        await asyncio.gather(*self._asked)

    def _replace(self, start: int, end: int, text: str, cursor: int) -> None:
        before = self._states[-1][0]
        at = {offset: place for place, offset in places(before, "utf-16").items()}
        self._client.replace(self._uri, at[start], at[end], text)
        self._states.append((before[:start] + text + before[end:], cursor))

    def _type(self) -> None:
        text, cursor = self._states[-1]
        left = _left(text, cursor)
        more = TRUTH[len(left) : len(left) + self._rng.randint(1, 3)]
        self._replace(cursor, cursor, more, cursor + len(more))

    def _elsewhere(self) -> None:
        text, cursor = self._states[-1]
        new = self._rng.choice(["# 😀\n", "\n", "é = 1\n"])
        if self._rng.random() < 0.6:
            self._replace(0, 0, new, cursor + len(new))
        else:
            self._replace(len(text), len(text), new, cursor)

    def _ask(self) -> None:
        self._asked.append(asyncio.ensure_future(self._look()))

    async def _look(self) -> None:
        text, cursor = self._states[-1]
        since = len(self._states) - 1
        line, column = {o: p for p, o in places(text, "utf-16").items()}[cursor]
        request = self._client.inline_completion(self._uri, line, column)
        if self._rng.random() < 0.1:
            self._client.cancel(request)
        try:
            answer = await request
        except ResponseError as e:
            if e.code != CANCELLED:
                raise
            return
        for item in (answer or {"items": []})["items"]:
            assert any(_is_right(item, *state) for state in self._states[since:]), item
            self.n_right += 1


def _left(text: str, cursor: int) -> str:
    return text[text.rfind("\n", 0, cursor) + 1 : cursor]


def _is_right(item: Any, text: str, cursor: int) -> bool:
    """Whether it goes on with the line at this state's cursor, and changes nothing else."""
    found = places(text, "utf-16")
    start, end = (
        found.get((item["range"][side]["line"], item["range"][side]["character"]))
        for side in ("start", "end")
    )
    if start is None or end is None:
        return False
    after = text[:start] + item["insertText"] + text[end:]
    line = after[after.rfind("\n", 0, start) + 1 :].partition("\n")[0]
    behind = text[cursor:].partition("\n")[2]
    return start == end == cursor and TRUTH.startswith(line) and after.endswith(behind)


async def test_completions_while_the_document_changes(features: EditLab) -> None:
    client, seed, n_right = await features.editor(), secrets.token_hex(4), 0
    for i in range(SESSIONS):
        rng = Random(f"{seed}/{i}")
        times = {"first_ms": rng.choice([0, 5, 40]), "token_ms": rng.choice([0, 3, 20])}
        features.model_says(writes=[_total(times)])
        typist = Typist(client, f"file:///w/typist-{seed}-{i}.py", rng)
        try:
            await typist.work()
        except AssertionError as e:
            raise AssertionError(f"seed {seed}/{i}: {e}") from e
        n_right += typist.n_right
    assert n_right > SESSIONS // 4, "hardly anything was answered"


def _total(times: dict[str, Any]) -> dict[str, Any]:
    return {"after": "\ntotal = ", "text": TRUTH.removeprefix("total = ") + "\n", **times}


SOURCE = "# 😀\n\n\ndef add(a, b):\n    return a - b\n\n\ndef other():\n    return 1\n"
LINE = "\n    return a - b\n"
FIXED = "def add(a, b):\n    return a + b\n```\n"


def _edit_doings(rng: Random, text: str) -> Iterator[tuple[int, int, str]]:
    """What a user does meanwhile: mostly elsewhere, sometimes in the lines that are edited."""
    for _ in range(rng.randint(0, 4)):
        chance = rng.random()
        if chance < 0.4:
            at = 0
        elif chance < 0.7:
            at = len(text)
        elif chance < 0.85:
            at = text.index("def other")
        else:
            at = text.index("return a - b") + rng.randint(0, 8)
        new = rng.choice(["# é\n", "\n", "x = '😀'\n"]) if chance < 0.85 else "q"
        text = text[:at] + new + text[at:]
        yield at, at, new
        if chance >= 0.85:
            return


async def test_edits_while_the_document_changes(features: EditLab) -> None:
    client, seed = await features.editor(workspace_edit=ANNOTATIONS), secrets.token_hex(4)
    n_merged = n_refused = 0
    for i in range(SESSIONS):
        rng, uri = Random(f"{seed}/{i}"), f"file:///w/edited-{seed}-{i}.py"
        rule = {"contains": "Add them", "text": FIXED, "token_ms": rng.choice([0, 5, 15])}
        features.model_says(chat=[rule])
        client.open(uri, "python", SOURCE)
        texts = [SOURCE]  # by version - 1
        where = {"start": {"line": 3, "character": 0}, "end": {"line": 5, "character": 0}}
        params = {"textDocument": {"uri": uri}, "range": where, "instruction": "Add them."}
        request = client.request("slmcode/edit", params)
        for start, end, new in _edit_doings(rng, SOURCE):
            at = {offset: place for place, offset in places(texts[-1], "utf-16").items()}
            client.replace(uri, at[start], at[end], new)
            texts.append(texts[-1][:start] + new + texts[-1][end:])
            await asyncio.sleep(rng.random() / 50)
        answer = await request
        if answer["edit"] is None:
            assert "changed meanwhile" in answer["reason"], (seed, i, answer["reason"])
            assert LINE not in texts[-1], (seed, i)
            n_refused += 1
            continue
        (document,) = answer["edit"]["documentChanges"]
        text = texts[document["textDocument"]["version"] - 1]
        after = text
        found = places(text, "utf-16")
        for edit in sorted(document["edits"], key=lambda e: -e["range"]["start"]["line"]):
            a, b = (
                found[edit["range"][side]["line"], edit["range"][side]["character"]]
                for side in ("start", "end")
            )
            after = after[:a] + edit["newText"] + after[b:]
        assert LINE in text, (seed, i)
        assert after == text.replace("a - b", "a + b"), (seed, i)
        n_merged += 1
    assert n_merged, "no edit was made"
