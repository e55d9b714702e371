"""The language server with a scripted completer, as the fuzzer wants it: it reports nothing.

tests/lsp/scripted_server.py says what documents do. Translation into Python is offered.
"""

from __future__ import annotations

import sys
from typing import Any

from slmcode.config import Config, load
from slmcode.lsp.main import serve
from tests.lsp.scripted_server import ScriptedCompleter, ScriptedTranslator


class QuietCompleter(ScriptedCompleter):
    """Says nothing of its calls, and prints nothing."""

    def _report(self, *call: Any) -> None:
        pass

    def last_completion(self, uri: str) -> dict[str, Any] | None:
        return {"uri": uri} if uri else None

    def accepted(self, completion_id: str) -> None:
        pass

    async def close(self) -> None:
        pass


def main() -> None:
    """Serve over stdio."""

    def start(config: Config, on_status: Any, on_warning: Any) -> Any:
        completer = QuietCompleter(config, on_status)
        completer.translator = ScriptedTranslator()
        return completer

    settings, problems = load()
    sys.exit(serve(start, settings, problems, targets={"": ("python",)}))


if __name__ == "__main__":
    main()
