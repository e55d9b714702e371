"""Checks captured LSP traffic, both directions, against the protocol's machine-readable model.

Strict: a property the model does not name is an error. Messages beyond the standard are looked
up in `CUSTOM`, written down here by hand from the documentation, not taken from the server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "shared/data/lsp/metaModel-3.18.json"

Type = dict[str, Any]


def _ref(name: str) -> Type:
    return {"kind": "reference", "name": name}


def _base(name: str) -> Type:
    return {"kind": "base", "name": name}


def _object(**fields: Type) -> Type:
    properties = [{"name": name, "type": kind} for name, kind in fields.items()]
    return {"kind": "literal", "value": {"properties": properties}}


def _optional(object_type: Type, *names: str) -> Type:
    for each in object_type["value"]["properties"]:
        each["optional"] = each["name"] in names
    return object_type


_ACTIONS = ("docstring", "type-hints", "simplify", "modernize", "clear-names", "tests", "fix")
_STATES = ("starting", "downloadNeeded", "loading", "ready", "degraded")

CUSTOM: dict[str, tuple[str, Type]] = {
    "slmcode/cursorMoved": (
        "c2s",
        _object(textDocument=_ref("TextDocumentIdentifier"), position=_ref("Position")),
    ),
    "textDocument/didShowCompletion": ("c2s", _object(item=_ref("InlineCompletionItem"))),
    "textDocument/didPartiallyAcceptCompletion": (
        "c2s",
        _object(item=_ref("InlineCompletionItem"), acceptedLength=_base("uinteger")),
    ),
    "slmcode/status": (
        "s2c",
        _object(
            state={"kind": "or", "items": [{"kind": "stringLiteral", "value": s} for s in _STATES]},
            message=_base("string"),
            model=_base("string"),
            downloadBytes=_base("uinteger"),
        ),
    ),
    "slmcode/willEdit": (
        "c2s",
        _object(textDocument=_ref("TextDocumentIdentifier"), range=_ref("Range")),
    ),
    "slmcode/didDismissCompletion": ("c2s", _object(item=_ref("InlineCompletionItem"))),
    "slmcode/refresh": (
        "s2c",
        _object(textDocument=_ref("TextDocumentIdentifier"), position=_ref("Position")),
    ),
}

_TOKENS = {"workDoneToken": _ref("ProgressToken"), "partialResultToken": _ref("ProgressToken")}


def _work(*optional: str, **fields: Type) -> Type:
    """Parameters of a long request."""
    return _optional(_object(**fields, **_TOKENS), *_TOKENS, *optional)


REQUESTS: dict[str, Type] = {
    "slmcode/lastCompletion": _object(textDocument=_ref("TextDocumentIdentifier")),
    "slmcode/prompt": _object(textDocument=_ref("TextDocumentIdentifier")),
    "slmcode/edit": _work(
        textDocument=_ref("TextDocumentIdentifier"),
        range=_ref("Range"),
        instruction=_base("string"),
    ),
    "slmcode/action": _work(
        "diagnostic",
        textDocument=_ref("TextDocumentIdentifier"),
        range=_ref("Range"),
        action={
            "kind": "or",
            "items": [{"kind": "stringLiteral", "value": action} for action in _ACTIONS],
        },
        diagnostic=_ref("Diagnostic"),
    ),
    "slmcode/explain": _work(
        "textDocument",
        "range",
        "diagnostic",
        "trace",
        textDocument=_ref("TextDocumentIdentifier"),
        range=_ref("Range"),
        diagnostic=_ref("Diagnostic"),
        trace=_base("string"),
    ),
    "slmcode/debug": _work(
        "folder",
        "textDocument",
        command=_base("string"),
        folder=_base("URI"),
        textDocument=_ref("TextDocumentIdentifier"),
    ),
    "slmcode/planModule": _object(
        textDocument=_ref("TextDocumentIdentifier"), instruction=_base("string")
    ),
    "slmcode/refactorModule": _work(
        "units", planId=_base("string"), units={"kind": "array", "element": _base("string")}
    ),
    "slmcode/translate": _work(
        "range",
        "inputs",
        "form",
        textDocument=_ref("TextDocumentIdentifier"),
        range=_ref("Range"),
        targetLanguage=_base("string"),
        inputs={"kind": "array", "element": _base("URI")},
        form={
            "kind": "or",
            "items": [{"kind": "stringLiteral", "value": v} for v in ("faithful", "idiomatic")],
        },
    ),
    "slmcode/why": _optional(
        _object(textDocument=_ref("TextDocumentIdentifier"), completionId=_base("string")),
        "completionId",
    ),
}


def _or_null(kind: Type) -> Type:
    return {"kind": "or", "items": [kind, _base("null")]}


def _rows(**fields: Type) -> Type:
    return {"kind": "array", "element": _object(**fields)}


_OUTCOME = {
    "edit": _or_null(_ref("WorkspaceEdit")),
    "verdict": {
        "kind": "or",
        "items": [
            {"kind": "stringLiteral", "value": verdict}
            for verdict in ("exact", "verified", "not verified", "refused")
        ],
    },
    "reason": _base("string"),
    "title": _base("string"),
    "contract": _base("string"),
    "model": _base("string"),
    "confidence": _or_null(_base("decimal")),
    "tries": _base("uinteger"),
}
_UNITS = _rows(
    name=_base("string"),
    verdict=_OUTCOME["verdict"],
    reason=_base("string"),
    range=_ref("Range"),
)
_VERDICTS: Type = {
    "kind": "or",
    "items": [
        {"kind": "stringLiteral", "value": verdict}
        for verdict in ("proved", "differs", "not proved", "refused")
    ],
}
_NAMES: Type = {"kind": "array", "element": _base("string")}

# What those of our requests answer that have a fixed shape.
RESULTS: dict[str, Type] = {
    "slmcode/edit": _object(**_OUTCOME),
    "slmcode/action": _object(**_OUTCOME),
    "slmcode/debug": _object(**_OUTCOME),
    "slmcode/explain": _object(text=_base("string")),
    "slmcode/planModule": _object(
        planId=_base("string"),
        instruction=_base("string"),
        units=_rows(name=_base("string"), range=_ref("Range"), after=_NAMES),
        leftOut=_rows(name=_base("string"), reason=_base("string")),
    ),
    "slmcode/refactorModule": _object(**_OUTCOME, units=_UNITS),
    "slmcode/translate": _object(
        languageId=_base("string"),
        name=_base("string"),
        text=_base("string"),
        verdict=_VERDICTS,
        reason=_base("string"),
        inputsTried=_base("uinteger"),
        coverage=_or_null(_base("decimal")),
        lookFirst=_rows(what=_base("string"), line=_base("integer"), sourceLine=_base("integer")),
        units=_rows(
            name=_base("string"),
            sourceRange=_ref("Range"),
            range=_ref("Range"),
            verdict=_VERDICTS,
            reason=_base("string"),
            form=_base("string"),
        ),
        lineMap={"kind": "array", "element": _base("integer")},
        isComplete=_base("boolean"),
    ),
}

_DIRECTIONS = {"clientToServer": {"c2s"}, "serverToClient": {"s2c"}, "both": {"c2s", "s2c"}}


def _is_int(value: Any, low: int) -> bool:
    return type(value) is int and low <= value < 2**31


_BASE = {
    "string": lambda v: isinstance(v, str),
    "DocumentUri": lambda v: isinstance(v, str) and ":" in v,
    "URI": lambda v: isinstance(v, str) and ":" in v,
    "RegExp": lambda v: isinstance(v, str),
    "integer": lambda v: _is_int(v, -(2**31)),
    "uinteger": lambda v: _is_int(v, 0),
    "decimal": lambda v: type(v) in (int, float),
    "boolean": lambda v: type(v) is bool,
    "null": lambda v: v is None,
}


class MetaModel:
    """The protocol's model, indexed.

    Where it is not `strict`, unknown properties are no errors, nor is null for what may be left
    out: so some clients say that they leave it out.
    """

    def __init__(self, path: Path = PATH, *, strict: bool = True) -> None:
        model = json.loads(path.read_text(encoding="utf-8"))
        self._strict = strict
        self.requests = {r["method"]: r for r in model["requests"]}
        self.notifications = {n["method"]: n for n in model["notifications"]}
        self.structures = {s["name"]: s for s in model["structures"]}
        self.enumerations = {e["name"]: e for e in model["enumerations"]}
        self._merged: dict[str, dict[str, Type]] = {}
        self.aliases = {a["name"]: a["type"] for a in model["typeAliases"]}

    def errors(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        """Everything that is wrong with `value`, which stands at the path `at`."""
        yield from getattr(self, "_" + wanted["kind"])(value, wanted, at)

    def _base(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        if not _BASE[wanted["name"]](value):
            yield f"{at}: {value!r:.40} is no {wanted['name']}"

    def _reference(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        name = wanted["name"]
        if name in ("LSPAny", "LSPObject", "LSPArray"):
            return
        if name in self.structures:
            yield from self._fields(value, self.properties(name), at)
        elif name in self.aliases:
            yield from self.errors(value, self.aliases[name], at)
        else:
            enumeration = self.enumerations[name]
            if enumeration.get("supportsCustomValues"):
                yield from self.errors(value, enumeration["type"], at)
            elif all(
                type(value) is not type(v["value"]) or value != v["value"]
                for v in enumeration["values"]
            ):
                yield f"{at}: {value!r:.40} is not in {name}"

    def _array(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: no array"
            return
        for i, element in enumerate(value):
            yield from self.errors(element, wanted["element"], f"{at}[{i}]")

    def _tuple(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        if not isinstance(value, list) or len(value) != len(wanted["items"]):
            yield f"{at}: no tuple of {len(wanted['items'])}"
            return
        for i, (element, kind) in enumerate(zip(value, wanted["items"], strict=True)):
            yield from self.errors(element, kind, f"{at}[{i}]")

    def _map(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: no map"
            return
        for key, element in value.items():
            yield from self.errors(element, wanted["value"], f"{at}[{key!r}]")

    def _literal(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        yield from self._fields(value, {p["name"]: p for p in wanted["value"]["properties"]}, at)

    def _and(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        merged: dict[str, Type] = {}
        for item in wanted["items"]:
            merged.update(self.properties(item["name"]))
        yield from self._fields(value, merged, at)

    def _or(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        tried = [list(self.errors(value, item, at)) for item in wanted["items"]]
        yield from min(tried, key=len)

    def _stringLiteral(self, value: Any, wanted: Type, at: str) -> Iterator[str]:
        if value != wanted["value"]:
            yield f"{at}: {value!r:.40} is not {wanted['value']!r}"

    def properties(self, name: str) -> dict[str, Type]:
        """The properties of a structure by name, inherited ones too."""
        if name not in self._merged:
            self._merged[name] = self._merge(name)
        return self._merged[name]

    def _merge(self, name: str) -> dict[str, Type]:
        structure = self.structures[name]
        merged: dict[str, Type] = {}
        for parent in (*structure.get("extends", ()), *structure.get("mixins", ())):
            merged.update(self.properties(parent["name"]))
        return merged | {p["name"]: p for p in structure["properties"]}

    def _fields(self, value: Any, properties: dict[str, Type], at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: no object"
            return
        for name, field in properties.items():
            if name not in value and not field.get("optional"):
                yield f"{at}: {name!r} is missing"
        for name, element in value.items():
            if name in properties:
                if element is None and properties[name].get("optional") and not self._strict:
                    continue
                yield from self.errors(element, properties[name]["type"], f"{at}.{name}")
            elif self._strict:
                yield f"{at}: unknown property {name!r}"


class Session:
    """The messages of one connection, in their order.

    `pending` holds the requests without an answer: (direction, id) -> method.
    """

    def __init__(self, model: MetaModel) -> None:
        self._model = model
        self.pending: dict[tuple[str, Any], str] = {}

    def check(self, direction: str, message: dict[str, Any]) -> list[str]:
        """What is wrong with the next message."""
        errors = [f"unknown member {k!r}" for k in message if k not in _MEMBERS]
        if message.get("jsonrpc") != "2.0":
            errors.append("jsonrpc is not 2.0")
        if "method" in message:
            return errors + list(self._call(direction, message))
        return errors + list(self._response(direction, message))

    def _call(self, direction: str, message: dict[str, Any]) -> Iterator[str]:
        method, is_request = message["method"], "id" in message
        if is_request:
            if (direction, message["id"]) in self.pending:
                yield f"{method}: id {message['id']!r} is in use"
            self.pending[direction, message["id"]] = method
        if method in CUSTOM and not is_request:
            wanted_direction, wanted = CUSTOM[method]
            if direction != wanted_direction:
                yield f"{method}: wrong direction"
            yield from self._model.errors(message.get("params"), wanted, method)
            return
        if method in REQUESTS and is_request and direction == "c2s":
            yield from self._model.errors(message.get("params"), REQUESTS[method], method)
            return
        known = self._model.requests if is_request else self._model.notifications
        spec = known.get(method)
        if spec is None:
            yield f"unknown method {method}"
            return
        if direction not in _DIRECTIONS[spec["messageDirection"]]:
            yield f"{method}: wrong direction"
        if "params" in spec:
            yield from self._model.errors(message.get("params"), spec["params"], method)
        elif "params" in message:
            yield f"{method}: has no params"

    def _response(self, direction: str, message: dict[str, Any]) -> Iterator[str]:
        other = "s2c" if direction == "c2s" else "c2s"
        method = self.pending.pop((other, message.get("id")), None)
        if method is None:
            yield f"an answer to nothing, id {message.get('id')!r}"
        if ("result" in message) == ("error" in message):
            yield f"{method}: a response has either a result or an error"
        if "error" in message:
            error = message["error"]
            if type(error.get("code")) is not int or not isinstance(error.get("message"), str):
                yield f"{method}: malformed error"
        elif method in RESULTS:
            wanted = _or_null(RESULTS[method])  # null: the user took it back
            yield from self._model.errors(message["result"], wanted, f"{method} result")
        elif method in self._model.requests:
            wanted = self._model.requests[method]["result"]
            yield from self._model.errors(message["result"], wanted, f"{method} result")


_MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")


def check_all(model: MetaModel, messages: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """All errors of a session of (direction, message) pairs, unanswered requests included."""
    session = Session(model)
    errors = [f"{d} {e}" for d, message in messages for e in session.check(d, message)]
    return errors + [f"{d} {method}: unanswered" for (d, _), method in session.pending.items()]
