"""What the audit log holds of each feature, against a scripted model."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from slmcode.config import Config
from slmcode.engine.fake import writes
from slmcode.engine.job import Job
from slmcode.features import audit
from slmcode.features.answer import Completion
from slmcode.features.audit import About, AuditLog, Entry, Weights
from slmcode.features.edits.debugging import Debugging
from slmcode.features.edits.modules import Modules
from slmcode.features.edits.requests import Requests
from slmcode.features.resources import Model, Resources
from slmcode.features.session import Completer
from slmcode.features.translation import pipeline
from slmcode.text import Snapshot, TextRange
from tests.features import harness
from tests.features.edits.desk import CHAT, FIM, ROOMY, TOKENIZER, answers
from tests.features.edits.desk import Desk as EditDesk
from tests.features.translation.test_pipeline import request, without_toolchain

__all__ = ["without_toolchain"]  # a fixture


def log_of(resources: Resources, folder: Path) -> AuditLog:
    """A log before the engine, as a workspace puts it there."""
    problems: list[str] = []
    log = AuditLog(folder, 1, lambda job: Weights(TOKENIZER, None), problems.append)
    resources.audit = log
    assert resources.engine is not None
    resources.engine = log.listening(resources.engine)
    return log


def spelled(jobs: list[Job]) -> list[str]:
    return [TOKENIZER.spelled(job.tokens) for job in jobs]


def written(log: AuditLog, folder: Path) -> list[Entry]:
    log.close()
    return list(audit.read(folder))


def test_every_prompt_of_a_session_is_in_the_log_as_the_model_got_it(tmp_path: Path) -> None:
    async def session() -> None:
        desk = harness.Desk("def f(a):\n    return ˇ\n", writes(b"    return a + 1\n"))
        log = log_of(desk.completer._resources, tmp_path)
        answer = await desk.ask()
        desk.type("a")
        await desk.ask(invoked=True)
        desk.edit(0, 0, "import os\n")
        await desk.ask()
        await desk.engine.settle()
        assert isinstance(answer, Completion)
        log_entries = written(log, tmp_path)
        sent = [e for e in log_entries if e.event == "sent"]
        assert [e.text for e in sent] == spelled(desk.engine.jobs)
        assert {(e.kind, e.file) for e in sent} == {("completion", "/w/t")}
        assert all(e.tokens == len(j.tokens) for e, j in zip(sent, desk.engine.jobs, strict=True))

    asyncio.run(session())


def test_an_accepted_completion_is_joined_to_its_prompt(tmp_path: Path) -> None:
    async def session() -> None:
        desk = harness.Desk("def f(a):\n    return ˇ\n", writes(b"    return a + 1\n"))
        log = log_of(desk.completer._resources, tmp_path)
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        desk.completer.shown(answer.completion_id)
        desk.type("a")
        rest = await desk.ask()  # typed along: the same completion, one letter less
        assert isinstance(rest, Completion)
        assert rest.completion_id == answer.completion_id
        desk.completer.shown(rest.completion_id)
        desk.completer.accepted(rest.completion_id)
        log_entries = written(log, tmp_path)
        by_event = {e.event: [x for x in log_entries if x.event == e.event] for e in log_entries}
        assert [e.text for e in by_event["shown"]] == [answer.text]  # the rest was shown with it
        assert [e.text for e in by_event["accepted"]] == [rest.text]
        assert by_event["accepted"][0].id == by_event["sent"][0].id
        assert desk.completer.statistics.counters.accepted_characters == len(rest.text)

    asyncio.run(session())


def test_parts_are_not_counted_twice(tmp_path: Path) -> None:
    async def session() -> None:
        desk = harness.Desk("def f(a):\n    return ˇ\n", writes(b"    return a + 1\n"))
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        for length in (1, 3):
            desk.completer.partially_accepted(answer.completion_id, length)
        assert desk.completer.statistics.counters.accepted_characters == 3
        desk.completer.accepted(answer.completion_id)
        assert desk.completer.statistics.counters.accepted_characters == len(answer.text)

    asyncio.run(session())


def test_an_edit_is_answered_and_accepted_when_the_document_is_what_was_shown(
    tmp_path: Path,
) -> None:
    async def session() -> None:
        engine = harness.ScriptedEngine(answers("b = 2\n```"))
        completer = Completer(ROOMY, engine, Model(TOKENIZER, FIM, CHAT))
        log = log_of(completer._resources, tmp_path)
        snapshot = Snapshot("file:///w/t", "python", 1, "a = 1\nb = 1\n")
        completer.did_open(snapshot)
        outcome = await completer.requests.act(
            "instruction", snapshot, TextRange(6, 11), instruction="Make it two."
        )
        assert outcome.changes, outcome.reason
        (edit,) = outcome.changes[0].edits
        completer.did_change(snapshot.apply(edit, 2), [edit])
        log_entries = written(log, tmp_path)
        sent = [e for e in log_entries if e.event == "sent" and e.kind == "edit"]
        assert sent
        assert "Make it two." in sent[0].text
        answered, accepted = [e for e in log_entries if e.event != "sent"]
        assert (answered.event, accepted.event) == ("answered", "accepted")
        assert "2" in answered.text
        assert {answered.id, accepted.id} == {sent[0].id}

    asyncio.run(session())


def test_an_explanation_is_logged(tmp_path: Path) -> None:
    async def session() -> None:
        desk = EditDesk("«a = 1\n»", answers("It sets `a` [1].\n"))
        log = log_of(desk.resources, tmp_path)
        text = await desk.explaining.explain(desk.snapshot, desk.range)
        log_entries = written(log, tmp_path)
        assert [(e.event, e.kind) for e in log_entries] == [
            *[("sent", "explanation")] * len(desk.engine.jobs),
            ("answered", "explanation"),
        ]
        assert log_entries[-1].text == text

    asyncio.run(session())


def test_a_module_is_one_request(tmp_path: Path) -> None:
    async def session() -> None:
        source = "def low(values):\n    result = min(values)\n    return result\n«»"
        desk = EditDesk(source, answers("def low(values):\n    return min(values)\n```\n"))
        log = log_of(desk.resources, tmp_path)
        modules = Modules(desk.resources, desk.editing)
        plan = modules.plan(desk.snapshot, "Simplify it.")
        await modules.refactor(plan, None, lambda unit: None)
        log_entries = written(log, tmp_path)
        *sent, answered = log_entries
        assert [e.text for e in sent] == spelled(desk.engine.jobs)
        assert sent
        assert {e.kind for e in log_entries} == {"module"}
        assert len({e.id for e in log_entries}) == 1
        assert answered.event == "answered"
        assert "return min(values)" in answered.text

    asyncio.run(session())


def test_debugging_is_logged_with_the_file_it_looked_at(tmp_path: Path) -> None:
    async def session() -> None:
        project = tmp_path / "project"
        project.mkdir()
        (project / "calc.py").write_text(
            "def twice(a):\n    return a + 3\n\n\nassert twice(2) == 4\n"
        )
        desk = EditDesk("«x»", answers("def twice(a):\n    return a * 2\n```"))
        log = log_of(desk.resources, tmp_path)
        debugging = Debugging(desk.resources, desk.editing)
        outcome = await debugging.debug(f"{sys.executable} calc.py", project)
        log_entries = written(log, tmp_path)
        sent = [e for e in log_entries if e.event == "sent"]
        assert [e.text for e in sent] == spelled(desk.engine.jobs)
        assert sent, outcome.reason
        assert {e.file for e in sent} == {str(project / "calc.py")}
        assert {e.kind for e in log_entries} == {"debugging"}
        assert log_entries[-1].event == "answered"

    asyncio.run(session())


@pytest.mark.usefixtures("without_toolchain")
def test_a_translation_is_logged_with_its_prompts(tmp_path: Path) -> None:
    async def session() -> None:
        desk = EditDesk("«x»", answers("nothing of use\n```\n"))
        log = log_of(desk.resources, tmp_path)
        asked = request(folder=tmp_path, name="sum.cob")
        result = await pipeline.translate(asked, resources=desk.resources)
        await desk.stop()
        log_entries = written(log, tmp_path)
        *sent, answered = log_entries
        assert [e.text for e in sent] == spelled(desk.engine.jobs)
        assert sent
        assert {e.kind for e in log_entries} == {"translation"}
        assert {e.file for e in log_entries} == {str(tmp_path / "sum.cob")}
        assert answered.text == result.text

    asyncio.run(session())


def test_no_answer_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a batch is stuck on its way to the disk, requests are answered and noted."""
    stuck, free = threading.Event(), threading.Event()
    append = audit.append

    def slow(folder: Path, entries: list[Entry], limit: int) -> None:
        stuck.set()
        assert free.wait(30)
        append(folder, entries, limit)

    monkeypatch.setattr(audit, "append", slow)
    monkeypatch.setattr(audit, "_BATCH_S", 0.0)

    async def session() -> None:
        desk = harness.Desk("def f(a):\n    return ˇ\n", writes(b"    return a + 1\n"))
        log = log_of(desk.completer._resources, tmp_path)
        await desk.ask()
        assert await asyncio.to_thread(stuck.wait, 30)
        desk.type("a")
        assert isinstance(await desk.ask(), Completion)
        assert isinstance(await desk.ask(invoked=True), Completion)
        assert not (tmp_path / audit.FILE).exists()
        free.set()
        log.close()
        await asyncio.get_running_loop().shutdown_default_executor()
        sent = [e for e in audit.read(tmp_path) if e.event == "sent"]
        assert sorted(e.text for e in sent) == sorted(spelled(desk.engine.jobs))

    asyncio.run(session())


def test_more_than_can_be_held_is_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_HELD", 3)

    async def session() -> None:
        log = AuditLog(tmp_path, 1, lambda job: Weights(TOKENIZER, None), lambda sentence: None)
        for n in range(5):
            log.became("shown", About("completion", "/w/t", str(n)), str(n))
        first, *rest = written(log, tmp_path)
        assert (first.event, first.detail[:9]) == ("lost", "2 entries")
        assert [e.text for e in rest] == ["0", "1", "2"]

    asyncio.run(session())


def test_without_a_log_requests_are_not_told_apart(tmp_path: Path) -> None:
    async def session() -> None:
        resources = Resources(Config(), None)
        with resources.request("edit", "file:///w/t") as about:
            assert about is None
        assert Requests(resources).is_ready is False
        assert not list(tmp_path.iterdir())

    asyncio.run(session())
