"""The real server with an engine that follows a script; see `scripted_engine` for the script.

    python -m tests.editors.scripted_server SCRIPT.json

Protocol, documents, sessions, index and everything else are those of `slmcode serve`. In place of
the engine's process there is the script, and in place of the weights the tokenizer of a tiny model.
Two settings differ from the defaults, unless the script says otherwise: everything is shown
(`show_probability` 0), and work is done ahead however busy the machine is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import traceback
from pathlib import Path

import msgspec

from slmcode.config import Config, cache_folder, load, overlay
from slmcode.features.workspace import OnStatus, OnWarning, Workspace, load_model
from slmcode.lsp.main import serve
from slmcode.models import vocabulary
from tests.editors.scripted_engine import Script, ScriptedEngine, ScriptedTranslator, ScriptFile
from tests.tiny_model import write_vocabulary_gguf

EXACT: dict[str, object] = {
    "show_probability": 0.0,
    "work_ahead": "always",
    "prefix_tokens": 2000,  # a token of the tiny vocabulary is a letter or two
    "suffix_tokens": 400,
    "max_tokens": 1000,
}


class ScriptedWorkspace(Workspace):
    """A workspace whose engine is the script."""

    def __init__(
        self, config: Config, on_status: OnStatus, on_warning: OnWarning, path: Path
    ) -> None:
        self._file = ScriptFile(path)
        super().__init__(self._put_over(config), on_status, on_warning)
        self._resources.edit_models = None  # the script is the one model there is
        self._editors = config  # before the script's settings
        self.translator = ScriptedTranslator(self._file)

    def begin(self) -> None:
        super().begin()
        for task in (self._begun, self._resources.spawn(self._file.watch())):
            assert task is not None
            task.add_done_callback(_failed)

    def _put_over(self, config: Config) -> Config:
        values = EXACT | self._file.read().settings
        changed, problems = overlay(config, values)
        assert not problems, problems
        return changed

    def configure(self, config: Config) -> None:
        self._editors = config
        super().configure(self._put_over(config))

    async def _begin(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            gguf = Path(folder) / "tiny.gguf"
            write_vocabulary_gguf(gguf)
            vocab = vocabulary.load(gguf, cache_folder())
            self.set_engine(ScriptedEngine(self._file, vocab))
            self.set_model(load_model(gguf))
        self._file.on_change = self._script_changed
        self._script_changed()

    def _script_changed(self) -> None:
        super().configure(self._put_over(self._editors))
        status = self._file.read().status
        if status != self._last:
            self._report(status.state, status.message)


def _failed(task: asyncio.Task[None]) -> None:
    """A mistake of a script is to be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)


def main() -> None:
    """Serve one client over stdio."""
    path = Path(sys.argv[1])

    def start(config: Config, on_status: OnStatus, on_warning: OnWarning) -> Workspace:
        workspace = ScriptedWorkspace(config, on_status, on_warning, path)
        workspace.begin()
        return workspace

    script = msgspec.json.decode(path.read_bytes(), type=Script)
    settings, problems = load()
    sys.exit(serve(start, settings, problems, targets={"": script.translate.languages}))


if __name__ == "__main__":
    main()
