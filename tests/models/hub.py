"""A hub on the loopback interface: enough of its `resolve` protocol for the hub's own client.

A test scripts the answers to come; a request without a script gets the file. Every request
is kept with its Range header.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What to do with one GET: a status, or the file up to `stop_at` and then cut or hang."""

    status: int = 200
    stop_at: int | None = None  # offset in the file
    hang: bool = False  # instead of cutting: keep silent until the server is closed


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    range: str | None


class Hub:
    """Serves `data` at any path below /<repository>/resolve/. Close it to free hanging clients."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.requests: list[Request] = []
        self.head_status = 200
        self.answers: deque[Answer] = deque()
        self.closing = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.keep(self)
                self.head(hub.head_status, len(hub.data))

            def do_GET(self) -> None:
                hub.keep(self)
                answer = hub.answers.popleft() if hub.answers else Answer()
                if answer.status != 200:
                    self.head(answer.status, 0)
                    return
                wanted = self.headers.get("Range")
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                stop = len(hub.data) if answer.stop_at is None else answer.stop_at
                self.head(206 if wanted else 200, len(hub.data) - start)
                self.wfile.write(hub.data[start:stop])
                self.wfile.flush()
                if answer.hang:
                    hub.closing.wait()
                self.close_connection = True

            def head(self, status: int, length: int) -> None:
                self.send_response(status)
                self.send_header("ETag", '"0123456789abcdef"')
                self.send_header("X-Repo-Commit", "0" * 40)
                self.send_header("Content-Length", str(length))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def keep(self, handler: BaseHTTPRequestHandler) -> None:
        """Remember a request."""
        wanted = handler.headers.get("Range")
        self.requests.append(Request(handler.command, handler.path, wanted))

    def ranges(self) -> list[str | None]:
        """The Range header of each GET so far."""
        return [r.range for r in self.requests if r.method == "GET"]

    def close(self) -> None:
        """Stop; the port refuses connections from then on."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
