"""Random messages for the protocol fuzzer: valid ones of the meta model, nearly valid, garbage.

A message is made without looking at the server, from one `random.Random`: the same seed makes the
same session. What only the server can name (a plan, an action's data, a progress token) stands as a
string of `PLACES` and is put in when the message is sent.
"""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

from tests import lspmeta
from tests.lspmeta import MetaModel, Type

MARKER = "kfzq_MARKER_never_in_a_log"  # stands in texts: the log must not have it
PLACES = ("@plan@", "@data@", "@token@")
HANGING = "hang"  # documents of this language are answered when the request is cancelled

_ANY = lspmeta._ref("LSPAny")
_OURS: dict[str, Type] = lspmeta.REQUESTS | {
    method: kind for method, (way, kind) in lspmeta.CUSTOM.items() if way == "c2s"
}
_DEEP, _TOO_DEEP, _BOTTOMLESS = 100, 500, 100_000
_HUGE = 10_000_000

_URIS = [
    *(f"file:///w/{name}.py" for name in "abcdefgh"),
    *(f"untitled:Untitled-{i}" for i in range(3)),
    "file:///w/sub%20dir/%C3%A4.py",
    "vscode-notebook-cell:/w/n.ipynb#W0",
    "vscode-notebook-cell:/w/n.ipynb#W1",
    "file:///w/n.ipynb",
]
_STRANGE_URIS = [
    "file:///",
    "file:///%00",
    "file:///%ff%fe",
    "file://host/share/x.py",
    "file://[::1",
    "file:///dev/zero",
    "file:///dev/stdin",
    "file:///proc/self/mem",
    "file:relative",
    "file:///" + "a/" * 3000,
    "",
    "no uri",
    "\ud800:x",
    "http://example.org:99999/",
]
_WORDS = ["", "a", "x = 1", "old", "new", "ä😀", "\ud83d", "\x00", "a\r\nb\rc\n", "\u2028", MARKER]
_TEXTS = [
    "",
    "old = 1\nprint(old)\nold += 2\n",
    f"# {MARKER}\ndef f(old):\n\treturn old\n\n\n",
    "😀 old\r\n\r\nä = old\rx\n",
    "\x0c\x0b\u2028\x85 old\nslow\n",
    "generated old\nold\nold\nold\n",
    "\ud800 old \udc00\n" * 3,
]
_LANGUAGES = ["python", "python", "empty", "cobol", "plaintext", "", "Python", HANGING, "wait"]
_CHOICES: dict[str, list[Any]] = {
    "text": _TEXTS,
    "languageId": _LANGUAGES,
    "instruction": ["shorter", "a new file", "slowly", "", MARKER],
    "planId": ["@plan@", "@plan@", "none"],
    "data": ["@data@", "@data@", None, 5, {"uri": "file:///w/a.py"}],
    "command": ["slmcode.accept", "slmcode.accept", "echo", ""],
    "targetLanguage": ["python", "java", ""],
    "newName": ["new", "old", ""],
    "trace": ["ValueError: x", "no trace"],
    "completionId": ["id-1", ""],
    "workDoneToken": [1, 2, "w", "@token@", "slmcode/index/1"],
    "partialResultToken": [1, 3, "p"],
    "token": [1, 2, "w", "@token@", "slmcode/index/1", "none"],
    "arguments": [["id-1"], ["id-1"], [], [1], ["a", "b"]],
    "version": [0, 1, 2, 3, 7, -1, 2**31 - 1],
    "settings": [
        None,
        {},
        {"slmcode": {"deadline_ms": 300}},
        {"slmcode": {"deadline_ms": "x", "nonsense": [MARKER]}},
        {"log_level": "info"},
        [1],
    ],
}
_WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, -(2**31) - 1, 10**400, 2**53 + 1, "", "x", "1", [], {}, [[]],
    {"a": 1}, [None], "\udfff", -0.0, 1e300, MARKER,
]  # fmt: skip
_IDS: list[Any] = [
    None, True, False, 1.5, 1.0, [], [1], {}, -1, 0, "", "0", 2**31, 10**300, "\ud800", "x" * 5000,
]  # fmt: skip
_UNKNOWN = [
    "",
    "x",
    "$/",
    "$/whatever",
    "textDocument/",
    "slmcode/",
    "rpc.discover",
    "\ud800",
    "é\n",
]
_STRANGE_METHODS: list[Any] = [None, 5, True, [], {}, ["shutdown"], 1.5]
_BODIES = [
    b"", b"{", b"}", b"nul", b"\xff\xfe\xff", b"[]", b"[1,2]", b"17", b'"x"', b"null", b"true",
    b"{}", b'{"jsonrpc":"2.0"}', b'{"jsonrpc":"2.0","id":5}', b'{"jsonrpc":"2.0","id":"x"}',
    b'{"jsonrpc":"2.0","id":1,"method":"shutdown",}', b"{'jsonrpc':'2.0'}", b"\xef\xbb\xbf{}",
    b'{"jsonrpc":"2.0","method":"initialized","params":NaN}', b"NaN", b"-Infinity", b"1e999",
    b'{"jsonrpc":"2.0","id":7,"method":"slmcode/why","params":{"a":1e999}}',
    b'{"jsonrpc":"2.0","id":7,"method":"slmcode/why","params":{"a":-Infinity}}',
    b'{"jsonrpc":"2.0","id":7,"method":"slmcode/why","params":' + b"9" * 5000 + b"}",
    b'{"jsonrpc":"2.0","id":"\xc3\x28","method":"x"}', b"\x00" * 8, b"{\x00}\x00", b'{"a":"\n"}',
    '{"jsonrpc":"2.0","id":3,"method":"x"}'.encode("utf-16"),
    '{"jsonrpc":"2.0","id":3,"method":"x"}'.encode("utf-32-le"),
    b'[{"jsonrpc":"2.0","id":1,"method":"x"},{"jsonrpc":"2.0","id":2,"method":"y"}]',
]  # fmt: skip
_HEADERS = [
    b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
    b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: %d\r\n\r\n",
    b"content-length:%d\r\n\r\n",
    b"CONTENT-LENGTH:   %d  \r\nX-Unknown: \xff\xfe\r\n\r\n",
    b"X: " + b"y" * 4000 + b"\r\nContent-Length: %d\r\n\r\n",
]
# What stands where a header should: nobody knows where the next message begins.
BROKEN = [
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"Content-Length: -5\r\n\r\n{}",
    b"Content-Length: five\r\n\r\n{}",
    b"Content-Length: 99999999999999999999\r\n\r\n{}",
    b"Content-Length:\r\n\r\n",
    b"Content-Length 5\r\n\r\n{}",
    b"x" * 20_000,
    b'{"jsonrpc":"2.0","id":1,"method":"shutdown"}' * 400,
    b"\x00\xff" * 10_000,
    b"Content-Length: 1e2\r\n\r\n",
]


class Item(NamedTuple):
    """One step of a session. A body goes out as a frame, with `header` where it has its own."""

    body: bytes
    header: bytes = b""
    pieces: int = 1  # the frame is written in so many writes
    joined: bool = False  # in one write with the next one


class Values:
    """Random values of the meta model's types."""

    def __init__(self, model: MetaModel, chance: random.Random, *, hanging: bool) -> None:
        self._model = model
        self._chance = chance
        self._choices = dict(_CHOICES)
        if not hanging:
            self._choices["languageId"] = _LANGUAGES[:-2]
            self._choices["instruction"] = ["shorter", "a new file", "", MARKER]

    def of(self, kind: Type, name: str = "", depth: int = 0) -> Any:
        """A value; `name` is the property it is for."""
        if name in self._choices and self._chance.random() < 0.9:
            return self._chance.choice(self._choices[name])
        return getattr(self, "_" + kind["kind"])(kind, depth)

    def _base(self, kind: Type, depth: int) -> Any:
        chance = self._chance
        match kind["name"]:
            case "DocumentUri" | "URI":
                return chance.choice(_URIS if chance.random() < 0.95 else _STRANGE_URIS)
            case "integer":
                return chance.choice((0, 1, -1, 5, 2**31 - 1, -(2**31)))
            case "uinteger":
                return chance.choice((0, 0, 1, 1, 2, 3, 5, 12, 999, 2**31 - 1))
            case "decimal":
                return chance.choice((0, 0.5, 1, -1e300))
            case "boolean":
                return chance.random() < 0.5
            case "null":
                return None
        return chance.choice(_WORDS)

    def _reference(self, kind: Type, depth: int) -> Any:
        name = kind["name"]
        if name in ("LSPAny", "LSPObject", "LSPArray"):
            return self.any(depth, name)
        if name in self._model.structures:
            return self._properties(self._model.properties(name), depth)
        if name in self._model.aliases:
            return self.of(self._model.aliases[name], "", depth)
        return self._chance.choice(self._model.enumerations[name]["values"])["value"]

    def any(self, depth: int = 0, name: str = "LSPAny") -> Any:
        """Any JSON value."""
        inner = range(self._chance.randrange(3) if depth < 6 else 0)
        if name == "LSPObject" or (name == "LSPAny" and self._chance.random() < 0.2):
            return {self._chance.choice(_WORDS): self.any(depth + 1) for _ in inner}
        if name == "LSPArray" or self._chance.random() < 0.2:
            return [self.any(depth + 1) for _ in inner]
        return self._chance.choice([w for w in _WRONG if not isinstance(w, list | dict)])

    def _array(self, kind: Type, depth: int) -> Any:
        most = 3 if depth < 8 else 1
        return [
            self.of(kind["element"], "", depth + 1) for _ in range(self._chance.randrange(most))
        ]

    def _tuple(self, kind: Type, depth: int) -> Any:
        return [self.of(item, "", depth + 1) for item in kind["items"]]

    def _map(self, kind: Type, depth: int) -> Any:
        n = self._chance.randrange(3)
        return {
            self.of(kind["key"], "", 9): self.of(kind["value"], "", depth + 1) for _ in range(n)
        }

    def _or(self, kind: Type, depth: int) -> Any:
        return self.of(self._chance.choice(kind["items"]), "", depth)

    def _and(self, kind: Type, depth: int) -> Any:
        merged: dict[str, Type] = {}
        for item in kind["items"]:
            merged |= self._model.properties(item["name"])
        return self._properties(merged, depth)

    def _literal(self, kind: Type, depth: int) -> Any:
        return self._properties({p["name"]: p for p in kind["value"]["properties"]}, depth)

    def _stringLiteral(self, kind: Type, depth: int) -> Any:
        return kind["value"]

    def _properties(self, properties: dict[str, Type], depth: int) -> Any:
        given = 0.5 if depth < 4 else 0.2 if depth < 8 else 0.0
        return {
            name: self.of(field["type"], name, depth + 1)
            for name, field in properties.items()
            if not field.get("optional") or self._chance.random() < given
        }


def _nested(depth: int) -> Any:
    value: Any = 0
    for i in range(depth):
        value = [value] if i % 2 else {"a": value}
    return value


class Generator:
    """The messages of one session, one after the other."""

    def __init__(
        self, model: MetaModel, seed: str, *, hanging: bool = False, huge: bool = True
    ) -> None:
        self._model = model
        self._chance = random.Random(seed)
        self._values = Values(model, self._chance, hanging=hanging)
        self._hanging = hanging
        self._huge = huge
        self._ids: list[Any] = [0]
        self._next = 0
        self._kinds: dict[str, Type | None] = {}
        served, other = [], []
        for method, message in (model.requests | model.notifications).items():
            self._kinds[method] = message.get("params")
            if method not in ("exit", "shutdown", "initialize"):
                (served if method in SERVED else other).append(method)
        self._kinds |= _OURS
        self._served = served + list(_OURS)
        self._other = other

    def item(self) -> Item:
        """The next message of any kind."""
        roll = self._chance.random()
        if roll < 0.08:
            body = self._garbage()
        elif roll < 0.12:
            body = self._dump(self._strange_envelope())
        elif roll < 0.15:
            body = self._dump(self._response())
        else:
            body = self._text_of(self._message())
        return self._written(body)

    def initialize(self, *, valid: bool) -> Item:
        """A request to begin the session."""
        params = self._values.of(self._kinds["initialize"])  # type: ignore[arg-type]
        if not valid:
            params = self._mutated(params)
        message = {"jsonrpc": "2.0", "id": self._id(), "method": "initialize", "params": params}
        return Item(self._dump(message))

    # Of the meta model

    def _message(self) -> dict[str, Any]:
        chance = self._chance
        roll = chance.random()
        if roll < 0.70:
            method = chance.choice(self._served)
        elif roll < 0.85:
            method = chance.choice(self._other)
        elif roll < 0.90:
            return self._cancel()
        elif roll < 0.95:
            return self._call(chance.choice(_UNKNOWN), self._values.any(), chance.random() < 0.5)
        elif roll < 0.97:
            return self._twice_initialized()
        else:
            method = chance.choice(self._served)
            params = self._params(method)
            return self._call(method, params, not self._is_request(method))
        return self._call(method, self._params(method), self._is_request(method))

    def _is_request(self, method: str) -> bool:
        return method in self._model.requests or method in lspmeta.REQUESTS

    def _params(self, method: str) -> Any:
        kind = self._kinds.get(method)
        if kind is None:
            return None if self._chance.random() < 0.7 else self._values.any()
        if method in self._other and self._chance.random() < 0.8:
            return {}
        params = self._values.of(kind)
        if self._chance.random() < 0.4:
            params = self._mutated(params)
        return params

    def _call(self, method: Any, params: Any, is_request: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None or self._chance.random() < 0.5:
            message["params"] = params
        if is_request:
            message["id"] = self._id()
        return message

    def _id(self) -> Any:
        roll = self._chance.random()
        if roll < 0.9:
            self._next += 1
            new: Any = self._next if roll < 0.6 else f"s{self._next}"
        elif roll < 0.95:
            return self._chance.choice(self._ids)
        else:
            new = self._chance.choice([-1, 0, "", "0", 2**31, "\ud800", 10**30, "x" * 5000])
        self._ids = [*self._ids[-20:], new]
        return new

    def _cancel(self) -> dict[str, Any]:
        if self._chance.random() < 0.3:
            params = {"token": self._chance.choice(_CHOICES["token"])}
            return self._call("window/workDoneProgress/cancel", params, False)
        chosen = self._chance.choice(self._ids if self._chance.random() < 0.9 else _IDS)
        return self._call("$/cancelRequest", {"id": chosen}, False)

    def _twice_initialized(self) -> dict[str, Any]:
        if self._chance.random() < 0.5:
            return self._call("initialized", {}, self._chance.random() < 0.2)
        params = self._values.of(self._kinds["initialize"])  # type: ignore[arg-type]
        return self._call("initialize", params, self._chance.random() < 0.5)

    # Nearly

    def _mutated(self, value: Any) -> Any:
        """The value with one thing wrong somewhere; it may be right by chance."""
        chance = self._chance
        value = json.loads(json.dumps(value))  # a copy: the values are shared
        places: list[tuple[Any, Any]] = []
        _places(value, places)
        if not places or chance.random() < 0.05:
            return chance.choice(_WRONG)
        holder, key = chance.choice(places)
        roll = chance.random()
        if roll < 0.3:
            del holder[key]
        elif roll < 0.4:
            holder[key] = None
        elif roll < 0.8:
            wrong = chance.choice(_WRONG)
            holder[key] = wrong if wrong != MARKER or key != "uri" else "uri"  # names are logged
        elif roll < 0.85:
            holder[key] = chance.choice(_STRANGE_URIS)
        elif roll < 0.88:
            holder[key] = _nested(chance.choice((_DEEP, _TOO_DEEP)))
        elif roll < 0.881 and self._huge:
            holder[key] = chance.choice(("x", "\\", "\n", "😀")) * (_HUGE // 4)
        elif isinstance(holder, dict):
            holder[chance.choice(("extra", "params", "", "__class__", "jsonrpc"))] = chance.choice(
                _WRONG
            )
        else:
            holder.append(chance.choice(_WRONG))
        return value

    def _strange_envelope(self) -> Any:
        chance = self._chance
        message = self._message()
        roll = chance.random()
        if roll < 0.3:
            message["id"] = chance.choice(_IDS)
        elif roll < 0.4:
            message["method"] = chance.choice(_STRANGE_METHODS)
        elif roll < 0.5:
            message.pop("jsonrpc")
        elif roll < 0.6:
            message["jsonrpc"] = chance.choice(["1.0", 2.0, None, "2", ["2.0"]])
        elif roll < 0.7:
            message["extra"] = message.copy()
        elif roll < 0.8:
            message["params"] = _nested(chance.choice((_DEEP, _TOO_DEEP)))
        elif roll < 0.9:
            message["params"] = chance.choice(_WRONG)
        else:
            return [message, self._message()]
        return message

    def _response(self) -> dict[str, Any]:
        chance = self._chance
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": chance.choice((*self._ids, *_IDS))}
        error = {"code": chance.choice((-32601, 0, None)), "message": MARKER}
        roll = chance.random()
        if roll < 0.6:
            message["result"] = self._values.any()
        if roll > 0.5:
            message["error"] = chance.choice((error, None, [], MARKER))
        return message

    def _garbage(self) -> bytes:
        chance = self._chance
        roll = chance.random()
        if roll < 0.6:
            return chance.choice(_BODIES)
        if roll < 0.61:
            return b"[" * _BOTTOMLESS
        if roll < 0.62:
            return b'{"jsonrpc":"2.0","id":1,"params":' + b'{"a":' * _BOTTOMLESS
        body = bytearray(self._dump(self._message()))
        if roll < 0.8:
            return bytes(body[: chance.randrange(len(body))])
        for _ in range(chance.randrange(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        return bytes(body)

    # Bytes

    def _dump(self, message: Any) -> bytes:
        return json.dumps(message, ensure_ascii=self._chance.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )

    def _text_of(self, message: dict[str, Any]) -> bytes:
        body = self._dump(message)
        if self._chance.random() < 0.03:  # a duplicated key: the last one counts
            wrong = json.dumps(self._chance.choice(_WRONG)).encode()
            key = self._chance.choice((b"jsonrpc", b"id", b"method", b"params", b"uri", b"line"))
            at = body.find(b'"%b"' % key)
            if at >= 0:
                body = body[:at] + b'"%b": %b, ' % (key, wrong) + body[at:]
        return body

    def _written(self, body: bytes) -> Item:
        roll = self._chance.random()
        if roll < 0.03:
            return Item(body, self._chance.choice(_HEADERS) % len(body))
        if roll < 0.05 and len(body) < 2000:
            return Item(body, pieces=self._chance.choice((2, 3, len(body) + 1)))
        return Item(body, joined=roll < 0.5)


def _places(value: Any, found: list[tuple[Any, Any]]) -> None:
    pairs: Any = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in pairs:
        found.append((value, key))
        _places(inner, found)


# The standard messages the server does something with.
SERVED = {
    "initialized",
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didClose",
    "notebookDocument/didOpen",
    "notebookDocument/didChange",
    "notebookDocument/didSave",
    "notebookDocument/didClose",
    "textDocument/inlineCompletion",
    "workspace/executeCommand",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWorkspaceFolders",
    "workspace/didChangeWatchedFiles",
    "workspace/symbol",
    "window/workDoneProgress/cancel",
    "textDocument/codeAction",
    "codeAction/resolve",
    "textDocument/prepareRename",
    "textDocument/rename",
}
