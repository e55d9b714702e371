"""Secrets planted in many forms and files: none comes into a prompt, a log, a trace or a database.

The user's own document is another matter: the lines that a completion continues and an edit
rewrites go to the model as they are, on this machine; what is masked there is tested below. None of
it comes into a file either.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from slmcode import trace
from slmcode.engine.fake import writes
from slmcode.engine.job import EngineState, Job
from slmcode.features.context import Place, retrieve
from slmcode.features.edits import actions, editing
from slmcode.features.edits.contracts.base import Diagnostic
from slmcode.features.edits.debugging import _instruction
from slmcode.features.edits.suspects import Folder, Suspect, evidence
from slmcode.features.project import Project, database_of
from slmcode.index.secrets import mask
from slmcode.syntax.parser import SyntaxCache
from slmcode.text import Snapshot, TextRange
from slmcode.verify.testrun import TestRun
from tests.boundaries.planted import AROUND, Secret, Seeded, all_secrets, tokens
from tests.engine.test_process import Connect, gone, reach
from tests.engine.test_process import connect as connect  # a fixture
from tests.features.edits.desk import Desk as EditDesk
from tests.features.edits.desk import answers
from tests.features.test_project import CONFIG, desk_in, head, pause, until

SECRETS = all_secrets(8)
FORMS = (
    ".py",
    ".py",
    ".yml",
    ".py",
    ".json",
    ".toml",
    ".ini",
    ".java",
    ".sh",
    ".cob",
    ".txt",
    ".go",
    ".ts",
)


def seen(secret: Secret, text: str) -> list[str]:
    """The parts of a secret that stand in a text."""
    return [needle for needle in secret.needles if needle in text]


def shown(text: str) -> list[str]:
    """The kinds of all secrets of which a part stands in a text."""
    return [s.kind for s in SECRETS if seen(s, text)]


# One text


def test_there_are_enough_of_them() -> None:
    assert len(SECRETS) >= 200
    assert len({s.kind for s in SECRETS}) == len(SECRETS)
    assert all(needle in s.text for s in SECRETS for needle in s.needles)


@pytest.mark.parametrize("seed", range(6))
def test_every_secret_is_masked(seed: int) -> None:
    """218 kinds for each seed; the text around stays."""
    missed = []
    for secret in all_secrets(seed):
        masked = mask(f"def first():\n    pass\n\n{secret.text}\n\nlast = 1\n")
        assert masked.startswith("def first():\n    pass\n\n")
        if not secret.kind.endswith("cut off"):  # of such a key everything behind it goes
            assert masked.endswith("\n\nlast = 1\n")
        if seen(secret, masked):
            missed.append(secret.kind)
    assert missed == []


@pytest.mark.parametrize("around", AROUND)
def test_a_token_is_masked_wherever_it_stands(around: str) -> None:
    """71 kinds in each of 24 surroundings."""
    template = AROUND[around]
    missed = [s.kind for s in tokens(Seeded(5)) if seen(s, mask(template.replace("{}", s.text)))]
    assert missed == []


@pytest.mark.parametrize(
    "line",
    [
        "token = lexer.next_token2()",
        'token = "identifier2"',
        "key: cache_key_v2_for_users",
        'self.assertEqual(tokens, "left2 right3")',
        "password = settings.DATABASE_PASSWORD_2",
        'getpass.getpass("Password for user1: ")',
        "raise PasswordError2",
        "password authentication2 failed",
        "basic authorization of AbstractSingletonProxyFactoryBean1",
        "<password>${DB_PASSWORD}</password>",
        "curl -u $USER:$PASSWORD https://example.org",
        "sort.key=created_at_2",
        "           MOVE WS-INPUT TO WS-PASSWORD",
        "           MOVE SPACES TO WS-PASSWORD",
        "       01  WS-PASSWORD  PIC X(17) VALUE SPACES.",
        'props.put("db.password", System.getenv("DB_PASSWORD1"));',
        "identified by its number2",
        "total=$1$2",
        "Bearer tokens are explained in chapter 12 of the handbook",
        "do_v1_migration()",
        "key-value-store-with-32-characters",
        "https://example.org/?page=2&sort=name&token=none",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert mask(line) == line


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "-" * 200_000 + "key1=",
        "password " * 30_000 + "1",
        "token(" * 30_000 + "1",
        "curl -u " * 30_000 + "1",
        "secret pic " * 20_000 + "1",
        "<password>" * 25_000 + "1</",
        "move '" + "a' to " * 30_000 + "password 1",
        "$2a$" * 100_000,
        "://{" * 100_000 + "@",
        "key-data" * 30_000 + "=1",
    ],
    ids=[
        "dashes",
        "names",
        "calls",
        "curl",
        "pictures",
        "elements",
        "moves",
        "hashes",
        "urls",
        "key",
    ],
)
def test_odd_texts_end_soon(text: str) -> None:
    """200 kB in one line; expressions that try again from every place took minutes on these."""
    began = time.process_time()
    mask(text)
    assert time.process_time() - began < 20


# A workspace


PER_FILE = 5


def planted(folder: Path) -> None:
    """Put the secrets into files, each with words and a function to find it by."""
    for n in range(0, len(SECRETS), PER_FILE):
        turn = n // PER_FILE
        pieces = [
            f"def quaggle_{i}(zorble_{i}, plimsy_{i}):\n    return zorble_{i}\n\n\n"
            f"{secret.text}\n\n\n# quaggle_{i} zorble_{i} plimsy_{i}\n\n\n"
            for i, secret in enumerate(SECRETS[n : n + PER_FILE], n)
        ]
        text = "".join(pieces)
        if turn % 5 == 1:
            text = re.sub(r"\r?\n", "\r\n", text)
        if turn % 5 == 2:
            text = f"# Grüße → 日本\n{text}"
        if turn % 5 == 3:
            text = f"# Grüße\n{text}"
        path = folder / f"part{turn % 7}" / f"unit_{turn}{FORMS[turn % len(FORMS)]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("latin-1" if turn % 5 == 3 else "utf-8"))


HIDDEN = {  # files that nothing may be read from at all; each holds a word of its own
    ".env": "",
    "config/.env.production": "",
    "id_rsa": "",
    "certs/server.pem": "",
    "secrets.yml": "",
    ".aws/credentials": "",
    "ignored_by_git.py": "",
    "private/notes.py": "",
    "left_out.py": "",
    "node_modules/x/index.js": "",
    ".git/config": "",
    "terraform.tfvars": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLMCODE_CACHE", str(tmp_path / "cache"))
    workspace, other = tmp_path / "w", tmp_path / "other"
    for root in (workspace, other):
        root.mkdir()
    planted(workspace)
    for n, path in enumerate(HIDDEN):
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"def hidden_{n}(vonkle):\n    hush_{n} = 'Yohzwrdle{n}'\n")
    (workspace / ".gitignore").write_text("ignored_by_git.py\nprivate/\n")
    (workspace / ".slmcodeignore").write_text("left_out.py\n")
    outside = tmp_path / "outside.py"
    outside.write_text("def outside(vonkle):\n    hush = 'Yohzwrdle99'\n")
    (workspace / "link.py").symlink_to(outside)
    (workspace / "innocent.py").symlink_to(workspace / ".env")
    (workspace / "way").symlink_to(tmp_path / "other", target_is_directory=True)
    (workspace / "main.py").write_text("")
    (other / "far_1.py").write_text(
        "".join(f"def distant_{n}():\n    pass\n\n{s.text}\n\n" for n, s in enumerate(SECRETS[:40]))
    )  # another folder of the same window
    return workspace


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert shown(caplog.text) == []
    assert "Yohzwrdle" not in caplog.text


@pytest_asyncio.fixture
async def project(folder: Path, logged: pytest.LogCaptureFixture) -> AsyncIterator[Project]:
    found = Project(CONFIG, lambda folder, progress: None)
    found.change_folders([folder.as_uri(), (folder.parent / "other").as_uri()], [])
    await until(lambda: found.is_indexed)
    yield found
    found.close()


@pytest.mark.slow
async def test_none_is_in_what_other_files_give_to_a_prompt(project: Project, folder: Path) -> None:
    """Every chunk that can be found by the words around a secret, from all sources."""
    found = project.find((folder / "main.py").as_uri())
    assert found is not None
    reader = found[0].reader
    n_reached, leaked = 0, []
    for n, secret in enumerate(SECRETS):
        text = f"x = quaggle_{n}(zorble_{n}, plimsy_{n})\ny = hidden_{n % 12}(vonkle)\n"
        snapshot = Snapshot((folder / "main.py").as_uri(), "python", 1, text)
        place = Place(snapshot, "main.py", 10, TextRange(0, len(text)))
        chunks = list(retrieve(reader, place))
        n_reached += any("***" in chunk.text for chunk in chunks)
        for chunk in chunks:
            leaked += seen(secret, chunk.text)
            assert shown(chunk.text) == []
            assert "Yohzwrdle" not in chunk.text
    assert leaked == []
    assert n_reached > len(SECRETS) * 0.8, "else nothing was tried"


async def test_none_is_in_the_database(project: Project, folder: Path) -> None:
    """Neither as it is written nor in lower case, as words are kept."""
    project.close()
    database = database_of(folder.resolve())
    files = list(database.parent.glob("*"))
    assert database in files
    data = b"".join(path.read_bytes() for path in files).lower()
    assert b"quaggle" in data
    for secret in SECRETS:
        for needle in secret.needles:
            run = max(re.findall(r"[A-Za-z0-9]+", needle), key=len)[:24]
            if len(run) > 5:
                assert run.lower().encode() not in data, secret.kind
    assert b"yohzwrdle" not in data
    assert b"hush" not in data


async def test_none_is_in_a_completions_prompt_of_other_files_nor_in_its_trace(
    project: Project, folder: Path
) -> None:
    trace.recent.clear()
    for n in range(0, len(SECRETS), 12):
        desk = desk_in(project, folder, f"x = quaggle_{n}(zorble_{n}, plimsy_{n})\ny = ˇ")
        await pause(desk)
        await desk.ask()
        await desk.engine.settle()
        assert shown(head(desk)) == []
        assert "Yohzwrdle" not in head(desk)
    assert trace.recent
    assert shown(json.dumps([span.to_json() for span in trace.recent])) == []


async def test_none_is_in_an_explanation_of_code_that_uses_the_file(
    project: Project, folder: Path
) -> None:
    n_shown = 0
    for n in range(0, len(SECRETS), 6):
        uses = "".join(f"    quaggle_{i}()\n" for i in range(n, min(n + 3, len(SECRETS))))
        desk = EditDesk(f"«def f():\n{uses}»", answers("It calls them."))
        desk.snapshot = Snapshot((folder / "main.py").as_uri(), "python", 1, desk.snapshot.text)
        desk.resources.project = project
        text = await desk.explaining.explain(desk.snapshot, desk.range)
        (prompt,) = desk.prompts()
        n_shown += prompt.count("defines quaggle_")
        assert shown(prompt) == shown(text) == []
    assert n_shown > 10, "else nothing was tried"


async def test_none_is_in_the_cells_above(project: Project) -> None:
    for n, secret in enumerate(SECRETS):
        above = Snapshot(f"vscode-notebook-cell:/w/n.ipynb#{n}", "python", 1, secret.text + "\n")
        cell = Snapshot("vscode-notebook-cell:/w/n.ipynb#here", "python", 1, "x = ")
        project.cells.arranged(
            "untitled:n.ipynb", [above.uri, cell.uri], {above.uri: above, cell.uri: cell}.get
        )
        (chunk,) = project.cells.above(cell, "n.ipynb")
        assert not seen(secret, chunk.text), secret.kind


async def test_an_unsaved_file_is_indexed_as_a_saved_one(project: Project, folder: Path) -> None:
    """What stands only in the editor, in a file that is ignored or secret too."""
    found = project.find((folder / "main.py").as_uri())
    assert found is not None
    index, reader = found[0].index, found[0].reader
    for path in (".env", "ignored_by_git.py", "certs/new.pem", "link.py"):
        uri = (folder / path).as_uri()
        project.rests(Snapshot(uri, "python", 2, "def unsaved_hidden():\n    hush = 'Wumble'\n"))
    for n, secret in enumerate(SECRETS[:60]):
        text = f"def unsaved_{n}():\n    pass\n\n{secret.text}\n"
        project.rests(Snapshot((folder / f"new_{n}.py").as_uri(), "python", 2, text))
    await until(lambda: reader.definitions(["unsaved_59"]))
    assert index is not None
    assert reader.definitions(["unsaved_hidden"]) == []
    for n, secret in enumerate(SECRETS[:60]):
        text = f"unsaved_{n}()\n"
        snapshot = Snapshot((folder / "main.py").as_uri(), "python", 1, text)
        for chunk in retrieve(reader, Place(snapshot, "main.py", 3, TextRange(0, len(text)))):
            assert not seen(secret, chunk.text), secret.kind


# What other programs say


@pytest.mark.parametrize("secret", SECRETS[::1], ids=lambda s: s.kind)
def test_none_is_in_what_a_fix_a_debugging_or_an_edit_tells_the_model(secret: Secret) -> None:
    snapshot = Snapshot("file:///w/t.py", "python", 1, f"{secret.text}\nx = 1\n{secret.text}\n")
    told = actions.fix(snapshot, TextRange(0, 1), f"it failed on\n{secret.text}")
    assert not seen(secret, told.instruction + told.title)
    at = snapshot.text.index("x = 1")
    around = editing._shown(snapshot, TextRange(at, at + 6))
    assert not seen(secret, around.above + around.below)
    assert around.code == "x = 1\n"
    suspect = Suspect(Path("a.py"), snapshot, TextRange(0, 0), "f in a.py", secret.text)
    run = TestRun(False, frozenset({"t"}), None, f"Traceback\n{secret.text}\nKeyError", "", 1.0, "")
    for test in ("", f"def test_it():\n    {secret.text}\n"):
        assert not seen(secret, _instruction(suspect, test, run, f"still\n{secret.text}"))


async def test_none_is_in_an_explained_trace(tmp_path: Path) -> None:
    for secret in SECRETS:
        if "\n" in secret.text or len(secret.text) > 250:
            continue
        desk = EditDesk("«x»", answers("No."))
        frames = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x\n'
        text = await desk.explaining.explain_trace(f"{frames}E: {secret.text}\n", None)
        assert not seen(secret, text), secret.kind


async def test_none_is_in_an_explained_problem() -> None:
    for secret in SECRETS[::6]:
        desk = EditDesk("def f():\n«    return 1»\n", answers("No."))
        diagnostic = Diagnostic(desk.range, f"bad: {secret.text}", "ruff", "X1")
        text = await desk.explaining.explain(desk.snapshot, desk.range, diagnostic=diagnostic)
        assert shown(text + "".join(desk.prompts())) == [], secret.kind


def test_debugging_reads_nothing_that_is_hidden(folder: Path) -> None:
    """A program can print any path, and each is where a model would be asked to write."""
    files = Folder(folder, {}, SyntaxCache())
    printed = [*HIDDEN, "link.py", "innocent.py", "way/far_1.py", "../outside.py"]
    output = "".join(f"it died at {path} line 2.\n" for path in printed)
    output += "".join(f'  File "{folder / path}", line 2, in f\n' for path in printed)
    output += f'  File "{folder.parent / "outside.py"}", line 1, in f\n'
    assert [s.path for s in evidence(files, output).suspects] == []
    there = evidence(files, 'Traceback (most recent call last):\n  File "main.py", line 1, in f\n')
    assert [s.path.name for s in there.suspects] == ["main.py"]


# The user's own document


async def test_the_own_document_is_in_no_trace(project: Project, folder: Path) -> None:
    """Its window is what a completion continues: verbatim, to the model of this machine alone."""
    trace.recent.clear()
    for n in range(0, len(SECRETS), 20):
        secret = SECRETS[n]
        desk = desk_in(project, folder, f"{secret.text}\nx = ˇ")
        await desk.ask()
        await desk.engine.settle()
        assert shown(json.dumps([desk.completer.last_completion(desk.snapshot.uri)])) == []
    assert trace.recent
    assert shown(json.dumps([span.to_json() for span in trace.recent])) == []


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT])
async def test_a_crash_of_the_engine_leaves_none(
    connect: Connect, runtime: Path, how: signal.Signals
) -> None:
    """Native code dies with prompts in its memory; faulthandler writes frames."""
    client = connect()
    await reach(client, EngineState.READY)
    for secret in SECRETS[::20]:
        stream = client.stream(
            Job(sequence=secret.kind, tokens=[256, *secret.text.encode()[:400], 258], max_tokens=3)
        )
        async for _ in stream:
            pass
    pid = client.engine_pid
    assert pid is not None
    await client.close()  # else it would start another engine, with a log of its own
    os.kill(pid, how)
    await gone(pid)
    crashed = client.launch.log
    log = crashed.read_text(encoding="utf-8")
    assert "Fatal Python error" in log
    assert shown(log) == []
    for path in runtime.rglob("*"):
        if path.is_file():
            assert shown(path.read_bytes().decode("latin-1")) == [], path


def test_a_scripted_model_is_no_leak() -> None:
    """What `shown` would say if there were one."""
    assert shown(SECRETS[3].text) == [SECRETS[3].kind]
    assert writes(b"x")([1]) != 0
