"""The process rope runs in: requests on standard input, replies on standard output.

It ends with its input, also in the midst of a request, so that none is left when its parent dies.
"""

from __future__ import annotations

import io
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable

import msgspec
from rope.base.exceptions import RopeError

from slmcode.refactor import (
    extract,
    imports,
    inline,
    move,
    parameters,  # noqa: F401  # mends rope
    rename,
    signature,
)
from slmcode.refactor.messages import CannotDo, Changed, Reply, Request, receive, send
from slmcode.refactor.workspace import Workspace

OPERATIONS: dict[str, Callable[[Workspace, Request], list[Changed]]] = {
    "extract-variable": extract.variable,
    "extract-function": extract.function,
    "inline": inline.inline,
    "rename": rename.rename,
    "move": move.move,
    "signature": signature.change,
    "organize-imports": imports.organize,
}


def perform(request: Request) -> Reply:
    """What a request asks for. Never raises: what fails is refused."""
    notes: list[str] = []
    try:
        workspace = Workspace(request.folder, request.texts, request.ignored)
        notes = workspace.notes
        changes = OPERATIONS[request.operation](workspace, request)
        changes = [c for c in changes if c.before != c.after]
        if not changes:
            return Reply(notes=notes, refused="there is nothing to change")
    except CannotDo as e:
        return Reply(notes=notes, refused=str(e))
    except RopeError as e:
        words = str(e).strip().rstrip(".")
        return Reply(notes=notes, refused=words[:1].lower() + words[1:] or "rope cannot do it")
    except Exception as e:  # rope fails in ways of its own on code it does not understand
        return Reply(
            notes=notes, refused=f"rope does not understand this code ({type(e).__name__})"
        )
    return Reply(changes, notes)


def _read(requests: queue.SimpleQueue[bytes]) -> None:
    """Thread: the next request; at the end of the input the process ends at once."""
    while message := receive(sys.stdin.buffer):
        requests.put(message)
    os._exit(0)


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's Ctrl-C ends our input
    warnings.simplefilter("ignore")  # of code that is parsed
    replies, sys.stdout = sys.stdout.buffer, io.StringIO()  # nothing else may write there
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    decoder = msgspec.msgpack.Decoder(Request)
    while True:
        send(replies, perform(decoder.decode(requests.get())))


if __name__ == "__main__":
    main()
