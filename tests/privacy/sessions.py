"""Sessions of every door, one after another: `python -m tests.privacy.sessions FOLDER MODEL`.

A real server over LSP (completion, edit, translation), and the commands that read source. Prints
one JSON object: what each of them came to. Nothing here makes a socket of its own but local ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from slmcode.lsp.client import Client, ResponseError

SOURCE = "def add(first, second):\n    return first + \n\n\nprint(add(1, 2))\n"
TEXT = "def add(first, second):\n    return first + second\n"
COBOL = """\
       IDENTIFICATION DIVISION.
       PROGRAM-ID. ADDUP.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01 TOTAL PIC 9(4) VALUE 0.
       PROCEDURE DIVISION.
           ADD 1 TO TOTAL.
           DISPLAY TOTAL.
           STOP RUN.
"""
SECONDS = 600  # for a traced process on a busy machine; seconds otherwise


def main(folder: Path, model: Path) -> None:
    """Run them all in `folder`, which is the test's own."""
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "add.py").write_text(SOURCE)
    (project / "sum.py").write_text(TEXT)
    (project / "addup.cob").write_text(COBOL)
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    config = folder / "config.toml"
    config.write_text(
        f'model = "{model}"\nedit_model = "{model}"\nthreads = 1\nengine_idle_s = 1\n'
        "max_tokens = 8\nedit_tokens = 1024\nedit_limit_s = 30\n"
        "show_probability = 0\ninvoked_deadline_ms = 20000\n"
    )
    env = dict(os.environ, SLMCODE_CONFIG=str(config))
    for name in ("RUNTIME", "STATE", "CACHE"):
        env[f"SLMCODE_{name}"] = str(folder / name.lower())
    found = asyncio.run(over_the_wire(project, env))
    found |= by_commands(project, env)
    print(json.dumps(found))


async def over_the_wire(project: Path, env: dict[str, str]) -> dict[str, Any]:
    """A server as an editor starts it."""
    argv = [sys.executable, "-P", "-m", "slmcode.cli", "serve"]
    client = await Client.start(argv, env=env, cwd=project)
    try:
        async with asyncio.timeout(SECONDS):
            await client.initialize(folders=[(project.as_uri(), project.name)])
            settled = ("ready", "downloadNeeded", "degraded")
            status = await client.wait_for(
                "slmcode/status", lambda s: s["state"] in settled, SECONDS
            )
            uri = (project / "add.py").as_uri()
            client.open(uri, "python", SOURCE)
            await client.inline_completion(uri, 1, 19, invoked=True)
            told = await client.request("slmcode/lastCompletion", {"textDocument": {"uri": uri}})
            edit = {
                "textDocument": {"uri": uri, "version": 1},
                "range": {
                    "start": {"line": 0, "character": 0},
                    "end": {"line": 2, "character": 0},
                },
                "instruction": "add a docstring",
            }
            cobol = (project / "addup.cob").as_uri()
            client.open(cobol, "cobol", COBOL)
            translate = {
                "textDocument": {"uri": cobol, "version": 1},
                "targetLanguage": "python",
                "form": "faithful",
            }
            return {
                "state": status["state"],
                "completion": told,
                "edit": await answer(client, "slmcode/edit", edit),
                "translation": await answer(client, "slmcode/translate", translate),
            }
    finally:
        await client.stop()


async def answer(client: Client, method: str, params: dict[str, Any]) -> Any:
    """The result, or the words of a refusal: the model is a tiny one that knows nothing."""
    try:
        return await client.request(method, params)
    except ResponseError as e:
        return f"refused: {e}"


def by_commands(project: Path, env: dict[str, str]) -> dict[str, Any]:
    """What the commands printed, by exit code."""
    commands = {
        "complete": ["complete", "add.py:2:20", "--json"],
        "edit command": ["edit", "sum.py", "--instruction", "add a docstring", "--json"],
        "translate": ["translate", "addup.cob", "--to", "python", "--faithful", "--limit-s", "1"],
        "index": ["index", ".", "--json"],
        "search": ["search", "add", "--json"],
        "map": ["map", ".", "--json"],
    }
    found = {}
    for name, command in commands.items():
        argv = [sys.executable, "-P", "-m", "slmcode.cli", *command]
        done = subprocess.run(
            argv, cwd=project, env=env, capture_output=True, text=True, timeout=SECONDS
        )
        found[name] = [done.returncode, done.stdout, done.stderr[-2000:]]
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
