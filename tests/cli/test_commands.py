"""The commands as a user runs them: a process each, with folders of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slmcode.cli import COMMANDS, doctor, load
from slmcode.cli.complete import parse_place
from slmcode.lsp import record
from slmcode.trace import Span
from slmcode.verify import toolchains

ROOT = Path(__file__).parents[2]
SESSION = ROOT / "benchmarks" / "sessions" / "typing.jsonl"
HEAVY = {
    "gguf",
    "huggingface_hub",
    "llama_cpp",
    "lsprotocol",
    "numpy",
    "pygls",
    "tiktoken",
    "tree_sitter",
}
OPTIONS = {
    "demo": ["FILE"],
    "complete": ["FILE:LINE:COL", "--json", "--model"],
    "edit": ["FILE", "--range", "--instruction", "--action", "--write", "--json"],
    "translate": ["FILE|DIR...", "--to", "--output", "--input", "--json", "--force", "--copybooks"],
    "index": ["DIR", "--json", "--workers", "--rebuild", "--skipped"],
    "search": ["QUERY", "--dir", "--json", "--limit", "--text"],
    "map": ["DIR", "--tokens", "--json", "--focus"],
    "serve": ["--record", "--socket"],
    "models": ["list", "pull", "verify", "path", "tune"],
    "bundle": ["OUT.tar", "--quality", "--package", "--wheels", "--force"],
    "settings": ["--json"],
    "doctor": ["--verify", "--measure", "--privacy", "--json"],
    "stats": ["--json", "--reset"],
    "audit": ["--file", "--since", "--kind", "--json", "--erase", "--yes"],
    "trace": ["SESSION", "--slowest", "--chrome", "--speed"],
    "engine": ["--model"],
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One engine for the tests of this module; it leaves soon after the last of them."""
    folder = tmp_path_factory.mktemp("cli")
    config = folder / "config.toml"
    config.write_text("engine_idle_s = 3\nthreads = 1\n")
    return {
        "SLMCODE_RUNTIME": str(folder / "run"),
        "SLMCODE_STATE": str(folder / "state"),
        "SLMCODE_CONFIG": str(config),
        "COLUMNS": "100",
    }


@pytest.fixture
def run(folders: dict[str, str]) -> Run:
    """`run("stats", "--json", SLMCODE_STATE=…)` is that command in that environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "slmcode.cli", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env={**os.environ, **folders, **environment},
            timeout=100,
        )

    return run


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "add.py"
    path.write_text("def add(first, second):\n    return first + \n\n\nprint(add(1, 2))\n")
    return path


# All commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_options(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in OPTIONS[name]:
        assert option in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say(name: str) -> None:
    first_paragraph = (load(name).help or "").split("\n\n")[0]
    assert " ".join(first_paragraph.split()) == COMMANDS[name]


def test_help_lists_every_command(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "serve",
        "complete",
        "index",
        "search",
        "map",
        "settings",
        "doctor",
        "stats",
        "audit",
        "trace",
        "engine",
    ],
)
def test_a_command_is_light_until_it_runs(name: str) -> None:
    code = f"import sys; from slmcode.cli import load; load({name!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & {module.partition(".")[0] for module in done.stdout.split()}


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("slmcode 0.")


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    done = run("compleat")
    assert done.returncode == 2
    assert "No such command 'compleat'" in done.stderr


# complete


@pytest.mark.weights
def test_complete_as_json(run: Run, code: Path, fast_weights: Path) -> None:
    done = run("complete", f"{code}:2:20", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["text"].strip() == "second"
    assert found["reason"] is None
    assert found["final"] is True
    kinds = [piece["kind"] for piece in found["prompt"]]
    assert kinds == ["special", "prefix", "special", "suffix", "special", "typed", "heal"]
    special = [piece["text"] for piece in found["prompt"] if piece["kind"] == "special"]
    assert special == ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
    assert {"kind", "source", "token_count", "text"} == set(found["prompt"][0])
    timings = found["timings"]
    n_tokens = sum(piece["token_count"] for piece in found["prompt"])
    assert timings["cache_n"] + timings["prompt_n"] == n_tokens
    assert timings["predicted_n"] > 0
    assert {"draft_n", "draft_n_accepted", "prompt_ms", "predicted_ms"} <= set(timings)
    assert found["trace"]["name"] == "completion"
    spans = [c["name"] for c in found["trace"]["children"]]
    assert spans[-3:] == ["prompt", "wait", "alternatives"]


@pytest.mark.weights
def test_complete_for_people(run: Run, code: Path, fast_weights: Path) -> None:
    done = run("complete", f"{code}:2:99")
    assert done.returncode == 0
    assert "line 2 of" in done.stderr
    assert "ends at column 20; completing there" in done.stderr
    assert "<|fim_middle|>" in done.stdout
    assert "    return first + second\n" in done.stdout
    (tree,) = (line for line in done.stdout.splitlines() if "  completion  " in line)
    assert "from_memory=no" in tree  # on one line, however long


@pytest.mark.weights
@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [(b"\x7fELF\0\0\0\1", "1:5", "binary"), (b"x = '" + b"a" * 5000, "1:9", "long_line")],
)
def test_nothing_to_offer_is_an_answer(
    run: Run, tmp_path: Path, fast_weights: Path, data: bytes, place: str, reason: str
) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(data)
    done = run("complete", f"{path}:{place}", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["text"], found["reason"]) == ("", reason)
    assert reason in run("complete", f"{path}:{place}").stdout


@pytest.mark.parametrize("place", ["add.py", "add.py:1", "add.py:0:1", "add.py:1:x", ":1:1", ""])
def test_a_place_that_is_none_is_wrong_usage(run: Run, place: str) -> None:
    done = run("complete", place)
    assert done.returncode == 2
    assert "is not FILE:LINE:COL" in done.stderr


def test_places() -> None:
    assert parse_place("a/b.py:3:4") == (Path("a/b.py"), 3, 4)
    assert parse_place("C:\\x.py:3:4") == (Path("C:\\x.py"), 3, 4)
    assert parse_place("a:1:2:3") == (Path("a:1"), 2, 3)


def test_files_that_cannot_be_completed(run: Run, code: Path, tmp_path: Path) -> None:
    for place, message in {
        f"{tmp_path / 'none.py'}:1:1": f"there is no file {tmp_path / 'none.py'}",
        f"{tmp_path}:1:1": f"{tmp_path} is a folder, not a file",
        f"{code}:7:1": f"{code} has 6 lines; there is no line 7",
    }.items():
        done = run("complete", place)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"slmcode: {message}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="a file nobody can read, on Linux")
def test_a_file_that_cannot_be_read(run: Run) -> None:
    done = run("complete", "/proc/self/mem:1:1")
    assert done.returncode == 1
    assert done.stderr == "slmcode: /proc/self/mem cannot be read: Input/output error\n"


def test_without_a_model_the_command_to_run_is_named(run: Run, code: Path, tmp_path: Path) -> None:
    done = run("complete", f"{code}:2:20", SLMCODE_CACHE=str(tmp_path / "cache"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run: slmcode models pull fast\n")


def test_a_model_that_is_none_is_refused(run: Run, code: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"not weights")
    done = run("complete", f"{code}:2:20", "--model", str(weights))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(weights) in done.stderr
    assert "GGUF" in done.stderr


def test_an_engine_that_cannot_start_is_said(
    run: Run, code: Path, tmp_path: Path, fast_weights: Path
) -> None:
    runtime = str(tmp_path / ("long" * 30))
    done = run("complete", f"{code}:2:20", SLMCODE_RUNTIME=runtime)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("slmcode: the engine ")
    assert done.stderr.count("\n") == 1


# engine


@pytest.mark.weights
@pytest.mark.skipif(sys.platform == "win32", reason="ends the engine with a signal")
def test_doctor_sees_the_engine(run: Run, tmp_path: Path, fast_weights: Path) -> None:
    runtime = str(tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-m", "slmcode.cli", "engine"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "SLMCODE_RUNTIME": runtime, "SLMCODE_CONFIG": str(tmp_path / "none")},
    ) as engine:
        try:
            assert engine.stdout is not None
            assert engine.stdout.readline() == b"listening\n"
            found = checks(run("doctor", "--json", SLMCODE_RUNTIME=runtime))["engine"]
        finally:
            engine.terminate()
    assert engine.returncode == 0
    assert f"pid {engine.pid} " in found["says"]


# doctor


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.weights
def test_doctor_finds_this_machine_well(run: Run, fast_weights: Path) -> None:
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stdout
    found = checks(done)
    assert list(found) == [
        "interpreter",
        "settings",
        "processors",
        "native library",
        "network barrier",
        "grammars",
        "weights",
        "tokenizer",
        "cache folder",
        "state folder",
        "index",
        "project code",
        *(f"toolchain {language}" for language in toolchains.LANGUAGES),
        "socket folder",
        "engine",
        "memory",
    ]
    assert json.loads(done.stdout)["ok"] is True
    assert "audit hook" in found["network barrier"]["says"]
    assert "the digest is right" in found["weights"]["says"]
    assert "parse their samples" in found["grammars"]["says"]
    assert found["toolchain python"]["mark"] == "ok"
    assert sys.executable in found["toolchain python"]["says"]


def test_doctor_says_what_to_do_about_each_fault(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('deadline_ms = "soon"\nthreads = 200\n')
    blocked = tmp_path / "file"
    blocked.touch()
    done = run(
        "doctor",
        "--json",
        SLMCODE_CACHE=str(blocked / "cache"),
        SLMCODE_RUNTIME=str(tmp_path / ("long" * 30)),
        SLMCODE_STATE=str(blocked / "state"),
        SLMCODE_CONFIG=str(config),
    )
    assert done.returncode == 1
    found = checks(done)
    marks = {name: check["mark"] for name, check in found.items()}
    assert {name for name, mark in marks.items() if mark == "fail"} == {
        "settings",
        "weights",
        "cache folder",
        "state folder",
        "socket folder",
    }
    assert "deadline_ms" in found["settings"]["says"]
    assert str(config) in found["settings"]["advice"]
    assert found["weights"]["advice"] == "run: slmcode models pull fast"
    assert "$SLMCODE_STATE" in found["state folder"]["advice"]
    assert "too long for a socket" in found["socket folder"]["says"]
    assert "$SLMCODE_RUNTIME" in found["socket folder"]["advice"]
    assert '"threads"' in found["processors"]["advice"]


def test_doctor_says_that_the_index_is_off(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("index = false\n")
    found = checks(run("doctor", "--json", SLMCODE_CONFIG=str(config)))
    assert found["index"]["mark"] == "warn"
    assert "setting index" in found["index"]["says"]


def test_doctor_for_people(run: Run, tmp_path: Path) -> None:
    done = run("doctor", SLMCODE_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "→ run: slmcode models pull fast" in done.stdout
    assert "1 check failed." in done.stdout


def test_a_crash_in_native_code_is_a_line_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, crash = doctor._run(["-c", "print('{}', flush=True); import os; os.abort()"])
    assert (lines, crash) == ([{}], "it crashed (SIGABRT)")
    check = doctor._native(None, crash)
    assert check.mark is doctor.Mark.FAIL
    assert "SIGABRT" in check.says
    assert "make clean setup" in check.advice


def test_doctor_knows_what_the_library_was_built_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_cpu_flags", lambda: {"avx2", "avx512f"})
    found = {"version": "0", "features": ["AVX2"]}
    assert "this CPU has AVX512 too" in doctor._native(found, "").advice
    found["features"] = ["AVX2", "AVX512"]
    assert doctor._native(found, "").mark is doctor.Mark.OK


def test_doctor_on_a_system_without_network_namespaces() -> None:
    found = {"barriers": ["audit hook"], "python": "refused", "native": ""}
    assert doctor._network(found, "").mark is doctor.Mark.WARN
    found["python"] = ""
    assert doctor._network(found, "").mark is doctor.Mark.FAIL


def test_the_demo_gets_its_model_by_a_process_of_its_own(run: Run, tmp_path: Path) -> None:
    """And that one obeys the setting."""
    config = tmp_path / "config.toml"
    config.write_text("offline = true\n")
    done = run("demo", SLMCODE_CONFIG=str(config), SLMCODE_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "slmcode: Qwen2.5-Coder-0.5B-Instruct" in done.stderr
    assert 'the setting "offline" forbids it' in done.stderr


# stats


@pytest.mark.weights
def test_stats_after_a_completion(run: Run, code: Path, tmp_path: Path, fast_weights: Path) -> None:
    state = str(tmp_path / "state")
    assert "Nothing is counted yet" in run("stats", SLMCODE_STATE=state).stdout
    assert run("complete", f"{code}:2:20", SLMCODE_STATE=state).returncode == 0
    counters = json.loads(run("stats", "--json", SLMCODE_STATE=state).stdout)
    assert (counters["requests"], counters["completions"]) == (1, 1)
    shown = run("stats", "--reset", SLMCODE_STATE=state).stdout
    assert "100 %" in shown
    assert "█" in shown
    assert "Nothing is counted yet" in run("stats", SLMCODE_STATE=state).stdout


# trace


@pytest.mark.weights
def test_trace_of_the_shipped_session(run: Run, tmp_path: Path, fast_weights: Path) -> None:
    chrome = tmp_path / "chrome.json"
    done = run("trace", str(SESSION), "--speed", "2", "--slowest", "2", "--chrome", str(chrome))
    assert done.returncode == 0, done.stderr
    n_requests = sum(
        m.msg.get("method") == "textDocument/inlineCompletion" for m in record.read(SESSION)
    )
    assert f"{n_requests}: " in done.stdout
    assert "the server's own share" in done.stdout
    trees = [line for line in done.stdout.splitlines() if "  completion  " in line]
    assert 1 <= len(trees) <= 2  # on a busy machine most are superseded by the next key
    events = json.loads(chrome.read_text())["traceEvents"]
    assert {"completion", "lookup"} <= {event["name"] for event in events}


def test_trace_without_a_model(run: Run, tmp_path: Path) -> None:
    done = run("trace", str(SESSION), SLMCODE_CACHE=str(tmp_path))
    assert done.returncode == 1
    assert "slmcode models pull fast" in done.stderr


@pytest.mark.parametrize(
    "text", [None, "", "not a record\n", '{"t": 0, "dir": "c2s", "msg": {}}\n']
)
def test_trace_of_what_is_no_session(run: Run, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "session"
    if text is not None:
        path.write_text(text)
    done = run("trace", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"slmcode: {path}")
    assert done.stderr.count("\n") == 1


def test_spans_survive_json() -> None:
    root = Span("completion", 10.0, 10.5, {"version": 3})
    root.add("wait", 10.125, 10.25, tokens=7).add("inner", 10.125, 10.1875)
    again = Span.from_json(root.to_json(), start=10.0)
    assert again.to_json() == root.to_json()
    assert again == root
