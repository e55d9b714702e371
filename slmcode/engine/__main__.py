"""`python -m slmcode.engine`: the engine process, as a server starts it. Light on imports."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from slmcode.engine.host import main
from slmcode.engine.job import EngineOptions

if __name__ == "__main__":
    socket_path, model_path, options = sys.argv[1:]
    sys.exit(
        main(Path(socket_path), Path(model_path), msgspec.json.decode(options, type=EngineOptions))
    )
