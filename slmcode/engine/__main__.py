"""`python -m slmcode.engine SOCKET MODEL OPTIONS`: the engine process, as a server starts it."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Close the network, then serve the weights; return the exit code."""
    from slmcode import network

    barriers = network.close()  # first of all: numpy starts threads when it is imported

    import msgspec

    from slmcode.engine.host import serve_weights
    from slmcode.engine.job import EngineOptions

    socket_path, model_path, options = sys.argv[1:]
    decoded = msgspec.json.decode(options, type=EngineOptions)
    return serve_weights(Path(socket_path), Path(model_path), decoded, barriers)


if __name__ == "__main__":
    sys.exit(main())
