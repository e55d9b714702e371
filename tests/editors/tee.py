"""Stands between an editor and its server and writes down what both say.

    python tee.py FILE COMMAND…

One line per message, as in `slmcode.lsp.record`, and a last one, {"exit": code}, when the server
is gone. No bytes are changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import IO

LOCK = threading.Lock()


def copy(source: IO[bytes], sink: IO[bytes], direction: str, log: IO[str]) -> None:
    """Pass messages on until `source` ends, then close `sink`.

    What nobody reads any more is still written down: Neovim does not wait for the last answer.
    """
    head, length = b"", 0
    while line := source.readline():
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line.strip():
            continue
        body = source.read(length)
        row = {"t": time.monotonic(), "dir": direction, "msg": json.loads(body)}
        with LOCK:
            log.write(json.dumps(row) + "\n")
            log.flush()
        with contextlib.suppress(BrokenPipeError):
            sink.write(head + body)
            sink.flush()
        head = b""
    with contextlib.suppress(BrokenPipeError):
        sink.close()


def main() -> None:
    """Run the command with its stdin and stdout copied."""
    with (
        open(sys.argv[1], "a", encoding="utf-8") as log,
        subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        ends = (
            (sys.stdin.buffer, server.stdin, "c2s", log),
            (server.stdout, sys.stdout.buffer, "s2c", log),
        )
        threads = [threading.Thread(target=copy, args=end, daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        code = server.wait()
        threads[1].join()
        log.write(json.dumps({"exit": code}) + "\n")
        log.flush()
        os._exit(code)  # the other thread may sit in a read of stdin


if __name__ == "__main__":
    main()
