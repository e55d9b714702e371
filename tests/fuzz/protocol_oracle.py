"""What a server may answer to each message of a session, and whether it did.

Written from the LSP and JSON-RPC specifications and the meta model, not from the server's code:

- a body that is not JSON (NaN, Infinity and numbers out of range are not): -32700 with id null;
- no message of JSON-RPC 2.0, or nested deeper than `MAX_DEPTH`: -32600, with its id if it has one;
- a notification, or any response: never answered;
- a request: answered once. -32002 before `initialize`, -32600 after `shutdown`, for a second
  `initialize` and for an id in use, -32601 for what is no request of the server's, -32602 for
  parameters that are not the meta model's; -32800 only where it was cancelled; -32603 never.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests import lspmeta
from tests.fuzz.protocol_messages import SERVED
from tests.lspmeta import MetaModel

MAX_DEPTH = 200
_MAX_MESSAGE = 1000  # characters of an error's message: it does not send back what it was sent

_PARSE, _INVALID, _METHOD, _PARAMS = -32700, -32600, -32601, -32602
_NOT_INITIALIZED, _CANCELLED, _FAILED, _BY_SERVER = -32002, -32800, -32803, -32802

# Valid parameters are always answered with a result; those of the others may be refused.
_ALWAYS = {
    "initialize",
    "shutdown",
    "textDocument/inlineCompletion",
    "textDocument/codeAction",
    "workspace/symbol",
    "slmcode/lastCompletion",
    "slmcode/prompt",
    "slmcode/why",
}


class Failure(Exception):
    """The server did what it must not. `kind` is what a smaller session has to show too."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.at = 0


@dataclass(eq=False)
class Expected:
    """One request that waits for its answer."""

    method: str
    codes: set[int]
    result: bool  # whether it may be answered with one
    errors: list[str] = field(default_factory=list)  # of its parameters
    body: bytes = b""


def parse(body: bytes) -> Any:
    """The JSON value of a body. Raises ValueError or RecursionError."""
    return json.loads(
        body.decode("utf-8", "surrogatepass"), parse_constant=_refuse, parse_float=_finite
    )


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("out of range")
    return value


def depth_of(value: Any) -> int:
    """How deep arrays and objects are nested; 0 for a value that is neither."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        level = [i for v in level for i in (v.values() if isinstance(v, dict) else v)]
    return depth


class Oracle:
    """Follows one session, both directions. Every method may raise Failure."""

    def __init__(self, strict: MetaModel, lenient: MetaModel) -> None:
        self._strict = strict
        self._lenient = lenient
        self._body = b""
        self.state = "new"  # initialized, shut down
        self.pending: dict[Any, list[Expected]] = {}
        self._answers: dict[Any, list[dict[str, Any]]] = {}  # to those of them that share an id
        self.orphans: deque[tuple[int, bytes]] = deque()  # errors that cannot name a request
        self.asked: dict[Any, str] = {}  # requests of the server
        self.plan = "none"
        self.data: Any = None
        self.token: Any = "none"
        self.answered: dict[str, int] = {}  # how often with which code, or "result"

    # Client to server

    def sent(self, body: bytes) -> None:
        """The client sends a body."""
        self._body = body
        try:
            message = parse(body)
        except (ValueError, RecursionError):
            self.orphans.append((_PARSE, body))
            return
        if not isinstance(message, dict):
            self.orphans.append((_INVALID, body))
            return
        msg_id, method = message.get("id"), message.get("method")
        has_id = type(msg_id) in (int, str)
        if method is None and ("result" in message or "error" in message):
            self.asked.pop(_key(msg_id), None)
            return  # a response
        if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
            self._expect_refusal(msg_id, has_id, body)
        elif "id" not in message:
            self._notified(method, message.get("params"))
        elif not has_id:
            self.orphans.append((_INVALID, body))
        elif depth_of(message) > MAX_DEPTH:
            self._expect_refusal(msg_id, has_id, body)
        else:
            self._requested(msg_id, method, message.get("params"))

    def _expect_refusal(self, msg_id: Any, has_id: bool, body: bytes) -> None:
        if has_id:
            self._expect(msg_id, Expected("no message", {_INVALID}, False))
        else:
            self.orphans.append((_INVALID, body))

    def _expect(self, msg_id: Any, expected: Expected) -> None:
        others = self.pending.setdefault(_key(msg_id), [])
        if others and expected.method in _REQUESTS:
            expected.codes.add(_INVALID)  # the id is in use, as far as we know
        others.append(expected)
        expected.body = self._body[:600]

    def _notified(self, method: str, params: Any) -> None:
        if method == "$/cancelRequest" and self.state == "initialized" and isinstance(params, dict):
            for expected in self.pending.get(_key(params.get("id")), ()):
                expected.codes.add(_CANCELLED)

    def _requested(self, msg_id: Any, method: str, params: Any) -> None:
        if self.state == "shut down":
            expected = Expected(method, {_INVALID}, False)
        elif method == "initialize":
            expected = self._initialize(params)
        elif self.state == "new":
            expected = Expected(method, {_NOT_INITIALIZED}, False)
        elif method not in _REQUESTS:
            expected = Expected(method, {_METHOD}, False)
        else:
            expected = self._served(method, params)
        self._expect(msg_id, expected)
        if method == "shutdown" and self.state == "initialized":
            self.state = "shut down"

    def _initialize(self, params: Any) -> Expected:
        if self.state == "initialized":
            return Expected("initialize", {_INVALID}, False)
        kind = self._lenient.requests["initialize"]["params"]
        errors = list(self._lenient.errors(params, kind, "initialize"))
        # What the server does not read may be wrong: a mistake there must not keep an editor out.
        codes = {_PARAMS} if errors else set()
        return Expected("initialize", codes, isinstance(params, dict), errors)

    def _served(self, method: str, params: Any) -> Expected:
        kind = lspmeta.REQUESTS.get(method)
        if kind is None:
            kind = self._lenient.requests[method].get("params")
        errors = [] if kind is None else list(self._lenient.errors(params, kind, method))
        errors = [error for error in errors if not _is_free(error)]
        if errors:
            return Expected(method, {_PARAMS}, False, errors)
        codes = set() if method in _ALWAYS else {_PARAMS, _FAILED}
        if method == "codeAction/resolve":
            codes.add(_BY_SERVER)  # its progress, or the session, was ended
        return Expected(method, codes, True)

    # Server to client

    def received(self, message: Any) -> dict[str, Any] | None:
        """The server sent a message. Returns it where the client owes it an answer."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise Failure("no message", repr(message)[:300])
        if unknown := message.keys() - {"jsonrpc", "id", "method", "params", "result", "error"}:
            raise Failure("unknown member", repr(unknown))
        if "method" in message:
            return self._called(message)
        if ("result" in message) == ("error" in message) or "id" not in message:
            raise Failure("no response", repr(message)[:300])
        if "error" in message:
            self._check_error(message["error"])
        if message["id"] is None:
            self._orphan(message)
        else:
            self._answered(message)
        return None

    def _check_error(self, error: Any) -> None:
        if not isinstance(error, dict) or type(error.get("code")) is not int:
            raise Failure("malformed error", repr(error)[:300])
        text = error.get("message")
        if not isinstance(text, str) or len(text) > _MAX_MESSAGE:
            raise Failure("an error's message is no sentence", repr(error)[:300])

    def _orphan(self, message: dict[str, Any]) -> None:
        code = message.get("error", {}).get("code")
        wanted, body = self.orphans.popleft() if self.orphans else (None, b"")
        self._count(code)
        if code != wanted:
            raise Failure(f"{code} with id null for {wanted}", f"{message} for {body[:300]!r}")

    def _count(self, code: Any) -> None:
        name = "result" if code is None else str(code)
        self.answered[name] = self.answered.get(name, 0) + 1

    def _answered(self, message: dict[str, Any]) -> None:
        key = _key(message["id"])
        waiting = self.pending.get(key, [])
        self._count(message["error"]["code"] if "error" in message else None)
        answers = self._answers.setdefault(key, [])
        answers.append(message)
        if len(answers) > len(waiting):
            raise Failure("an answer to nothing", repr(message)[:300])
        # Requests with the same id: each answer must be one of them's, in whatever order.
        taken: dict[int, int] = {}  # waiting -> answers
        for i in range(len(answers)):
            if not self._assign(i, answers, waiting, taken, set()):
                self._fail(message, waiting)
        if len(waiting) == len(answers):
            for w, a in taken.items():
                if "result" in answers[a]:
                    self._learn(waiting[w].method, answers[a]["result"])
            del self.pending[key], self._answers[key]

    def _assign(
        self,
        i: int,
        answers: list[dict[str, Any]],
        waiting: list[Expected],
        taken: dict[int, int],
        seen: set[int],
    ) -> bool:
        """Find a request for answer `i`; others' are given other ones where that helps."""
        for w, expected in enumerate(waiting):
            if w not in seen and self._fits(answers[i], expected):
                seen.add(w)
                if w not in taken or self._assign(taken[w], answers, waiting, taken, seen):
                    taken[w] = i
                    return True
        return False

    def _fits(self, answer: dict[str, Any], expected: Expected) -> bool:
        if "error" in answer:
            return answer["error"]["code"] in expected.codes
        return expected.result and not self._wrong(expected.method, answer["result"])

    def _fail(self, message: dict[str, Any], waiting: list[Expected]) -> None:
        code = message["error"]["code"] if "error" in message else None
        for each in waiting:
            if code is None and each.result and (w := self._wrong(each.method, message["result"])):
                raise Failure(f"wrong result of {each.method}", f"{w} {message!r:.500}")
        first = waiting[0]
        raise Failure(
            f"{code} to {first.method}",
            f"{message!r:.400}, not {sorted(first.codes)} {first.errors[:2]!r:.500}"
            f" for {[each.body for each in waiting]!r:.2000}",
        )

    def _wrong(self, method: str, result: Any) -> list[str]:
        if method in lspmeta.RESULTS:
            kind = lspmeta._or_null(lspmeta.RESULTS[method])
        elif method in self._strict.requests:
            kind = self._strict.requests[method]["result"]
        else:
            return []
        return list(self._strict.errors(_with_uris(result), kind, "result"))

    def _learn(self, method: str, result: Any) -> None:
        if method == "initialize":
            self.state = "initialized"
        elif method == "slmcode/planModule" and result:
            self.plan = result["planId"]
        elif method == "textDocument/codeAction" and result:
            self.data = result[-1].get("data")

    def _called(self, message: dict[str, Any]) -> dict[str, Any] | None:
        method, params = message["method"], message.get("params")
        if self.state == "new":
            raise Failure("sent before initialize", method)
        if "id" in message:
            spec = self._strict.requests.get(method)
            if _key(message["id"]) in self.asked:
                raise Failure("the server's id is in use", method)
            self.asked[_key(message["id"])] = method
        else:
            spec = self._strict.notifications.get(method)
        if spec is not None and spec["messageDirection"] != "clientToServer":
            kind = spec.get("params")
        elif "id" not in message and lspmeta.CUSTOM.get(method, ("", {}))[0] == "s2c":
            kind = lspmeta.CUSTOM[method][1]
        else:
            raise Failure(f"unknown {method} from the server", repr(message)[:300])
        wrong = list(self._strict.errors(params, kind, method)) if kind else []
        if method == "$/progress" and not wrong:
            value = params["value"]
            if isinstance(value, dict) and value.get("kind") in _PROGRESS:
                progress = lspmeta._ref(_PROGRESS[value["kind"]])
                wrong = list(self._strict.errors(value, progress, method))
        if wrong:
            raise Failure(f"wrong {method} from the server", f"{wrong} {message!r:.500}")
        if method == "window/workDoneProgress/create":
            self.token = params["token"]
        return message if "id" in message else None

    # At the end

    def check_all_answered(self) -> None:
        """Nothing is waited for any more."""
        for waiting in self.pending.values():
            raise Failure(f"{waiting[0].method} unanswered", repr(self.pending)[:500])
        if self.orphans:
            raise Failure(f"{self.orphans[0][0]} unanswered", repr(self.orphans)[:500])


_PROGRESS = {
    "begin": "WorkDoneProgressBegin",
    "report": "WorkDoneProgressReport",
    "end": "WorkDoneProgressEnd",
}
_REQUESTS = {"initialize", "shutdown", *lspmeta.REQUESTS} | {
    method
    for method in SERVED
    if not method.endswith(("initialized", "/cancel")) and "/did" not in method
}


def _key(msg_id: Any) -> Any:
    """1, "1" and 1.0 are three."""
    return (type(msg_id).__name__, msg_id if isinstance(msg_id, int | str | float) else None)


def _with_uris(value: Any) -> Any:
    """With a scheme before what is no URI: a document keeps the name its client gave it."""
    if isinstance(value, list):
        return [_with_uris(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"client:{each}"
        if key == "uri" and isinstance(each, str) and ":" not in each
        else _with_uris(each)
        for key, each in value.items()
    }


_UNREAD = ("severity", "codeDescription", "tags", "relatedInformation", "data")


def _is_free(error: str) -> bool:
    """Whether a server may take what is wrong here.

    URIs are opaque keys to it, and of a diagnostic it reads five properties.
    """
    path, _, problem = error.partition(": ")
    if problem.startswith("'") and problem.endswith((" is no DocumentUri", " is no URI")):
        return True
    return path.startswith("slmcode/") and any(f".diagnostic.{name}" in path for name in _UNREAD)
