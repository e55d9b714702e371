"""JSON-RPC and the life of an LSP server: what pygls 2.1.1 gets wrong is put right here.

A message comes in as bytes (`receive`) and is answered through `writer`. `handlers` are plain
functions of the typed parameters; one that has to wait takes what it needs from the present
state and returns a coroutine. The message behind it in the queue may be a change, and an
`async def` handler would begin after that.

Nothing of a message but its method, and of an exception but its type and our own frames, is
ever logged: a message holds source text, and exceptions quote what they were given.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import json
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, get_args, get_origin

import cattrs
import msgspec
from cattrs.cols import list_structure_factory
from lsprotocol import types
from pygls.protocol import LanguageServerProtocol, default_converter

from slmcode.lsp import messages
from slmcode.lsp.logs import where
from slmcode.lsp.record import Recorder

logger = logging.getLogger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
SERVER_CANCELLED = -32802

MsgId = int | str

_CAPABILITIES_READ = {
    "general": ("positionEncodings",),
    "window": ("workDoneProgress",),
    "workspace": ("configuration", "didChangeWatchedFiles", "workspaceEdit"),
    "textDocument": ("codeAction", "rename"),
    "experimental": ("slmcode",),
}
_MAX_DEPTH = 200  # of arrays and objects; ours have about 10. What echoes a value recurs over it.
_MAX_NAME = 100  # characters of a method's name that are repeated, and
_MAX_PROBLEM = 500  # of what is wrong with parameters
_SHUTDOWN_S = 1.0  # for running requests to end after `shutdown`; usually one turn of the loop


class RequestError(Exception):
    """Raised by a handler to answer a request with an error. The message goes to the client."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def converter() -> cattrs.Converter:
    """lsprotocol's converter, taking values as they are.

    As it comes, it turns a missing text (null) into "None" and a column 1.5 into 1, an object into
    an empty list, lets anything be a token or a kind, and refuses diagnostics in Markdown.
    """
    result: cattrs.Converter = default_converter()  # type: ignore[no-untyped-call]
    for primitive in (int, str, bool):  # and their subclasses: enumerations come here too
        result.register_structure_hook(primitive, _exactly)
    for names in (types.CodeActionKind, types.LanguageKind, types.PositionEncodingKind):
        for kind in (names | str, names | str | None):
            result.register_structure_hook(kind, _text)
    for token in (int | str, int | str | None):
        result.register_structure_hook(token, _token)

    @result.register_structure_hook_factory(_is_sequence)
    def _(kind: Any) -> Callable[[Any, Any], Any]:
        plain = list_structure_factory(kind, result)

        def structure(value: Any, wanted: Any) -> Any:
            if type(value) is not list:
                raise TypeError("no array")
            return plain(value, wanted)

        return structure

    diagnostic = result.get_structure_hook(types.Diagnostic)

    def with_markup(value: Any, wanted: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("message"), dict):
            markup = result.structure(value["message"], types.MarkupContent)
            value = value | {"message": markup.value}
        return diagnostic(value, wanted)

    result.register_structure_hook(types.Diagnostic, with_markup)
    return result


def _is_sequence(kind: Any) -> bool:
    return get_origin(kind) in (Sequence, list)


def _text(value: Any, wanted: Any) -> str | None:
    """A name that an enumeration knows, or another one. Null passes where it may be left out."""
    if type(value) is not str and (value is not None or type(None) not in get_args(wanted)):
        raise TypeError("no string")
    return value


def _token(value: Any, wanted: Any) -> int | str | None:
    """An integer of 32 bits or a string. Null passes where it may be left out."""
    if type(value) is int and -(2**31) <= value < 2**31:
        return value
    return _text(value, wanted)


def _exactly(value: Any, wanted: type) -> Any:
    if issubclass(wanted, enum.Enum):
        if type(value) not in (int, str):  # true and 1.0 are equal to 1
            raise TypeError(wanted.__name__)
        return wanted(value)
    if type(value) is not wanted:
        raise TypeError(wanted.__name__)
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("out of range")
    return value


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


# NaN and the like would go back to clients whose parsers refuse the whole message.
_JSON = json.JSONDecoder(parse_float=_number, parse_constant=_no_number)


def _parse(body: bytes) -> Any:
    """The value of a body, which is UTF-8. Raises ValueError, or RecursionError where it is deep.

    Lone surrogates pass, also when they are not escaped: some editors' texts hold them.
    """
    return _JSON.decode(body.decode("utf-8", "surrogatepass"))


def _is_too_deep(value: Any) -> bool:
    """Whether arrays and objects are nested deeper than `_MAX_DEPTH`."""
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _answers(method: str) -> bool:
    """Whether a message with this name is a request, not a notification."""
    custom = messages.CUSTOM.get(method)
    return bool(custom.result) if custom else types.METHOD_TO_TYPES[method][1] is not None


def _with_capabilities_we_read(raw: Any) -> Any:
    """Parameters of `initialize` without the capabilities that are not ours to check.

    A mistake in one of the some 300 others, or a newer protocol, must not keep an editor out.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("capabilities"), dict):
        return raw
    kept: dict[str, Any] = {}
    for part, names in _CAPABILITIES_READ.items():
        values = raw["capabilities"].get(part)
        if isinstance(values, dict):
            kept[part] = {name: values[name] for name in names if name in values}
    return raw | {"capabilities": kept}


class Protocol(LanguageServerProtocol):
    """One connection. Event loop only; `receive` never raises.

    Differences from pygls, each one a fault of it:
    - its own handlers (documents, workspace, initialize, exit, …) are not used: they corrupt
      text at form feeds, keep a future for every notification, and exit with the wrong code;
    - only the outermost object of a message is one: pygls looks for "jsonrpc" at every depth;
    - the other faults are named where they are repaired.
    """

    def __init__(self, server: Any, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self.handlers: dict[str, Callable[[Any], Any]] = {}
        self.arrived = 0.0  # time.monotonic() of the message being handled
        self.recorder: Recorder | None = None
        self.shutdown_requested = False
        self.ended: asyncio.Future[int] | None = None  # set to the exit code, by `end`
        self._initialize_seen = False
        self.on_initialize_answered: Callable[[], None] = lambda: None
        # A notification that could not be taken in: its method and parameters.
        self.on_ignored: Callable[[str, Any], None] = lambda method, params: None
        self.on_end: Callable[[], Awaitable[None]] | None = None
        self._background: set[asyncio.Task[Any]] = set()  # begun by notifications
        self._running: dict[MsgId, asyncio.Task[Any]] = {}
        self._cancelled_by_client: set[MsgId] = set()

    def receive(self, body: bytes, arrived: float) -> None:
        """Handle one message. Answers it, or has started a task that will."""
        self.arrived = arrived
        try:
            message = _parse(body)
        except (ValueError, RecursionError):  # pygls: a pop-up, no answer
            self._answer_error(None, PARSE_ERROR, "the body is not JSON")
            return
        try:
            if self.recorder is not None and isinstance(message, dict):
                self._record(message)
            self._dispatch(message)
        except Exception as e:
            logger.error("handling a message failed: %s", where(e))

    def _record(self, message: dict[str, Any]) -> None:
        """A record that cannot be written ends; the session goes on."""
        assert self.recorder is not None
        try:
            self.recorder.client_sent(message, self.arrived)
        except (OSError, RecursionError) as e:
            logger.error("nothing more is recorded: %s", where(e))
            self.recorder = None

    def end(self, code: int) -> None:
        """Stop serving with this exit code; the first call counts."""
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(code)

    def connection_lost(self) -> None:
        """The client is gone: fine after `shutdown`, an error before."""
        self.end(0 if self.shutdown_requested else 1)

    def shut_down(self) -> Awaitable[None]:
        """Take no more requests, from this call on, and cancel the running ones.

        Await it for their answers. The call itself counts because a client may say `exit`, or
        close the pipe as Neovim 0.11 does, without waiting for anything.
        """
        self.shutdown_requested = True
        return self._cancel_running()

    async def _cancel_running(self) -> None:
        current = asyncio.current_task()
        running = [task for task in self._running.values() if task is not current]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_SHUTDOWN_S)

    def _dispatch(self, message: Any) -> None:
        if not isinstance(message, dict):
            self._answer_error(None, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
            return
        method, msg_id = message.get("method"), message.get("id")
        if method is None and ("result" in message or "error" in message):
            # Never answered: two sides that answer each other's errors would not end.
            if isinstance(msg_id, int | str):
                self._on_response(msg_id, message)
            return
        known_id = msg_id if _is_id(msg_id) else None
        if message.get("jsonrpc") != "2.0":
            self._answer_error(known_id, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
        elif isinstance(method, str) and "id" not in message:
            self._on_notification(method, message)
        elif known_id is None:
            self._answer_error(None, INVALID_REQUEST, "an id is a number or a string")
        elif not isinstance(method, str):
            self._answer_error(known_id, INVALID_REQUEST, "neither a request nor a response")
        elif _is_too_deep(message):
            self._answer_error(known_id, INVALID_REQUEST, f"nested deeper than {_MAX_DEPTH}")
        else:
            self._on_request(known_id, method, message.get("params"))

    def _on_request(self, msg_id: MsgId, method: str, raw: Any) -> None:
        try:
            self._check_state(method)
            handler = self.handlers.get(method)
            if handler is None or not _answers(method):
                raise RequestError(METHOD_NOT_FOUND, f"unknown request {method[:_MAX_NAME]}")
            if msg_id in self._running:
                raise RequestError(INVALID_REQUEST, "a request with this id is being worked on")
            result = handler(self._params(method, raw))
        except RequestError as e:
            self._answer_error(msg_id, e.code, e.message)
            return
        except Exception as e:
            logger.error("%s failed: %s", method, where(e))
            self._answer_error(msg_id, INTERNAL_ERROR, f"{type(e).__name__} in the server")
            return
        if inspect.iscoroutine(result):
            self._run(msg_id, method, result)
            return
        self._answer(msg_id, result)
        if method == types.INITIALIZE:
            self._initialize_seen = True
            self.on_initialize_answered()

    def _check_state(self, method: str) -> None:
        """Requests outside of the server's life. pygls: -32603 before, no answer after it."""
        if self.shutdown_requested:
            raise RequestError(INVALID_REQUEST, "the server was shut down")
        if method == types.INITIALIZE:
            if self._initialize_seen:  # pygls: accepted
                raise RequestError(INVALID_REQUEST, "the server is initialized already")
        elif not self._initialize_seen:
            raise RequestError(SERVER_NOT_INITIALIZED, "the server is not initialized")

    def _run(self, msg_id: MsgId, method: str, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._running[msg_id] = task
        task.add_done_callback(lambda t: self._on_finished(msg_id, method, t))

    def _on_finished(self, msg_id: MsgId, method: str, task: asyncio.Task[Any]) -> None:
        del self._running[msg_id]
        error = None if task.cancelled() else task.exception()
        by_client = msg_id in self._cancelled_by_client
        self._cancelled_by_client.discard(msg_id)
        if by_client and (task.cancelled() or error is not None):
            self._answer_error(msg_id, REQUEST_CANCELLED, "cancelled by the client")
        elif task.cancelled():  # by us: VS Code throws on a -32800 it did not ask for
            self._answer(msg_id, None)
        elif isinstance(error, RequestError):
            self._answer_error(msg_id, error.code, error.message)
        elif error is not None:
            logger.error("%s failed: %s", method, where(error))
            self._answer_error(msg_id, INTERNAL_ERROR, f"{type(error).__name__} in the server")
        else:
            self._answer(msg_id, task.result())

    def _on_notification(self, method: str, message: dict[str, Any]) -> None:
        if method == types.EXIT:  # pygls: exit code 0 also without `shutdown`
            self.connection_lost()
            return
        if not self._initialize_seen or self.shutdown_requested:
            return
        handler = self._cancel if method == types.CANCEL_REQUEST else self.handlers.get(method)
        if handler is None or (method != types.CANCEL_REQUEST and _answers(method)):
            logger.debug("notification %s is not for us", method[:_MAX_NAME])
            return
        raw = message.get("params")
        try:
            if _is_too_deep(message):
                raise RequestError(INVALID_REQUEST, "nested too deep")
            result = handler(self._params(method, raw))
            if inspect.iscoroutine(result):
                task = asyncio.ensure_future(result)
                self._background.add(task)
                task.add_done_callback(lambda t: self._on_background_finished(method, t))
        except RequestError:  # pygls: a pop-up with the exception in it
            logger.warning("ignored a notification %s with malformed parameters", method)
            self.on_ignored(method, raw)
        except Exception as e:
            logger.error("%s failed: %s", method, where(e))
            self.on_ignored(method, raw)

    def _on_background_finished(self, method: str, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed: %s", method, where(error))

    def _cancel(self, params: types.CancelParams) -> None:
        msg_id = params.id
        task = self._running.get(msg_id)
        if task is not None and task.cancel():
            self._cancelled_by_client.add(msg_id)

    def _on_response(self, msg_id: MsgId, message: dict[str, Any]) -> None:
        """The client's answer to a request of ours, put into its future as plain JSON values."""
        future = self._request_futures.get(msg_id)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(RequestError(INTERNAL_ERROR, "the client answered an error"))
        else:
            future.set_result(message["result"])

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MsgId | None = None,
    ) -> Future[Any]:
        """Ask the client. What it has not answered when the future is cancelled is forgotten."""
        msg_id = msg_id if msg_id is not None else str(uuid.uuid4())
        future: Future[Any] = super().send_request(method, params, callback, msg_id)
        self._result_types.pop(msg_id, None)
        future.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))
        return future

    def _params(self, method: str, raw: Any) -> Any:
        """Typed parameters. Raises RequestError(INVALID_PARAMS): pygls answers nothing at all."""
        try:
            custom = messages.CUSTOM.get(method)
            if custom is not None:
                if isinstance(raw, dict):  # null is how some clients leave out what they may
                    raw = {name: value for name, value in raw.items() if value is not None}
                return msgspec.convert(raw, custom.params)
            if method == types.CANCEL_REQUEST and isinstance(raw, dict) and _is_id(raw.get("id")):
                return types.CancelParams(
                    raw["id"]
                )  # any id is taken, also one of more than 32 bits
            if method == types.INITIALIZE:
                raw = _with_capabilities_we_read(raw)
            wanted: Any = types.METHOD_TO_TYPES[method][2]
            return None if wanted is None else self._converter.structure(raw, wanted)
        except msgspec.ValidationError as e:
            raise RequestError(INVALID_PARAMS, f"{method}: {str(e)[:_MAX_PROBLEM]}") from None
        except Exception as e:
            problems = "; ".join(cattrs.transform_error(e))
            raise RequestError(INVALID_PARAMS, f"{method}: {problems[:_MAX_PROBLEM]}") from None

    def _answer(self, msg_id: MsgId, result: Any) -> None:
        self._send_data({"jsonrpc": "2.0", "id": msg_id, "result": result})

    def _answer_error(self, msg_id: MsgId | None, code: int, message: str) -> None:
        error = {"code": code, "message": message}
        self._send_data({"jsonrpc": "2.0", "id": msg_id, "error": error})

    def _serialize_message(self, data: Any) -> Any:
        if isinstance(data, msgspec.Struct):
            return msgspec.to_builtins(data)
        return super()._serialize_message(data)

    def _send_data(self, data: Any) -> None:
        """Write one message. ASCII only, so that lone surrogates pass as escapes.

        pygls logs every body at INFO here, and the text of the exception when writing fails.
        """
        body = json.dumps(data, default=self._serialize_message).encode("ascii")
        try:
            assert self.writer is not None
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        except OSError:
            self.connection_lost()
