"""The language server, put together: pygls' server, our protocol, our handlers.

`build_server` makes no connection and starts nothing; `stdio.run(server.protocol, …)` serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from slmcode import __version__
from slmcode.config import Config
from slmcode.lsp import messages
from slmcode.lsp.handlers import Handlers, MakeCompleter
from slmcode.lsp.protocol import Protocol, converter


class Server(LanguageServer):
    """pygls' server with the repaired protocol."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("slmcode", __version__, protocol_cls=Protocol, converter_factory=converter)


def build_server(
    make_completer: MakeCompleter,
    config: Config | None = None,
    problems: Iterable[str] = (),
    targets: Mapping[str, Sequence[str]] | None = None,
) -> Server:
    """A server that will ask the completer `make_completer` returns.

    `make_completer(config, on_status, on_warning)` is called once, on the event loop, right after
    `initialize` was answered. It returns at once: engine, model and tokenizer are started or
    awaited by tasks of its own, which report through both callbacks (event loop only). Its `close`
    is awaited when the client has left. `config` are the settings known before the client's;
    `problems` found in them are shown to the user. `targets` are the languages that the completer's
    translator offers, by the source language's identifier, "" for all that are not named: a client
    is told of them before there is a completer.
    """
    server = Server()
    handlers = Handlers(server, make_completer, config or Config(), problems, targets or {})
    server.protocol.handlers = {
        types.INITIALIZE: handlers.initialize,
        types.INITIALIZED: handlers.initialized,
        types.SHUTDOWN: handlers.shutdown,
        types.TEXT_DOCUMENT_DID_OPEN: handlers.did_open,
        types.TEXT_DOCUMENT_DID_CHANGE: handlers.did_change,
        types.TEXT_DOCUMENT_DID_CLOSE: handlers.did_close,
        types.NOTEBOOK_DOCUMENT_DID_OPEN: handlers.notebooks.did_open,
        types.NOTEBOOK_DOCUMENT_DID_CHANGE: handlers.notebooks.did_change,
        types.NOTEBOOK_DOCUMENT_DID_SAVE: handlers.notebooks.did_save,
        types.NOTEBOOK_DOCUMENT_DID_CLOSE: handlers.notebooks.did_close,
        types.TEXT_DOCUMENT_INLINE_COMPLETION: handlers.inline_completion,
        types.WORKSPACE_EXECUTE_COMMAND: handlers.execute_command,
        types.WORKSPACE_DID_CHANGE_CONFIGURATION: handlers.did_change_configuration,
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: handlers.did_change_workspace_folders,
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES: handlers.did_change_watched_files,
        types.WORKSPACE_SYMBOL: handlers.workspace_symbol,
        types.WINDOW_WORK_DONE_PROGRESS_CANCEL: handlers.progress_cancel,
        types.TEXT_DOCUMENT_CODE_ACTION: lambda p: handlers.code_actions.offered(p),
        types.CODE_ACTION_RESOLVE: lambda p: handlers.code_actions.resolve(p),
        types.TEXT_DOCUMENT_PREPARE_RENAME: lambda p: handlers.edits.prepare_rename(p),
        types.TEXT_DOCUMENT_RENAME: lambda p: handlers.edits.rename(p),
        messages.EDIT: lambda p: handlers.edits.edit(p),
        messages.ACTION: lambda p: handlers.edits.action(p),
        messages.WILL_EDIT: lambda p: handlers.edits.will_edit(p),
        messages.EXPLAIN: lambda p: handlers.edits.explain(p),
        messages.DEBUG: lambda p: handlers.edits.debug(p),
        messages.PLAN_MODULE: lambda p: handlers.edits.plan_module(p),
        messages.REFACTOR_MODULE: lambda p: handlers.edits.refactor_module(p),
        messages.WHY: handlers.why,
        messages.CURSOR_MOVED: handlers.cursor_moved,
        messages.LAST_COMPLETION: handlers.last_completion,
        messages.DID_SHOW_COMPLETION: handlers.did_show_completion,
        messages.PROMPT: handlers.prompt,
        messages.TRANSLATE: handlers.translate,
        messages.DID_DISMISS_COMPLETION: handlers.did_dismiss_completion,
        messages.DID_PARTIALLY_ACCEPT_COMPLETION: handlers.did_partially_accept,
    }
    return server
