"""What the server does with each message: convert in, ask a feature, convert out.

Every handler is a plain function on the event loop. Snapshot and offset are taken in it, before
anything is awaited; `protocol.Protocol` says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from slmcode import __version__
from slmcode.config import Config, overlay
from slmcode.engine.job import EngineState, EngineStatus
from slmcode.lsp import (
    changes,
    code_actions,
    convert,
    documents,
    edits,
    logs,
    messages,
    notebooks,
    translations,
)
from slmcode.lsp.asking import Asking
from slmcode.lsp.code_actions import CodeActions
from slmcode.lsp.documents import Documents
from slmcode.lsp.edits import Edits
from slmcode.lsp.notebooks import Notebooks
from slmcode.lsp.positions import to_offset, to_position
from slmcode.lsp.progress import IndexProgress, Work
from slmcode.lsp.protocol import INVALID_PARAMS, RequestError
from slmcode.text import Snapshot

if TYPE_CHECKING:  # imports the tokenizer, which `initialize` need not wait for
    from slmcode.features.workspace import Workspace
    from slmcode.lsp.server import Server

logger = logging.getLogger(__name__)

StatusListener = Callable[[EngineStatus], None]
WarningListener = Callable[[str], None]
MakeCompleter = Callable[[Config, StatusListener, WarningListener], "Workspace"]


_SYMBOLS = 200  # answered to workspace/symbol; editors ask again with every letter
_EVERY_FILE = types.Registration(
    id="slmcode/files",
    method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
    register_options=types.DidChangeWatchedFilesRegistrationOptions(
        [types.FileSystemWatcher(glob_pattern="**/*")]
    ),
)


class Handlers:
    """The state of one client's session, and the handlers that work on it.

    Those of `edits` and `code_actions` are there when the completer is.
    The completer is made when `initialize` has been answered; no other message is let through
    before. What the user is to read (`_say`, status) waits until the client is `initialized`.
    """

    def __init__(
        self,
        server: Server,
        make_completer: MakeCompleter,
        config: Config,
        problems: Iterable[str],
        targets: Mapping[str, Sequence[str]],
    ) -> None:
        self._server = server
        self._make_completer = make_completer
        self._targets = targets
        self._base = config  # before initializationOptions and pushed settings
        self._config = config
        self._documents = Documents()
        self.notebooks = Notebooks(self, self._cells_arranged)
        self._can_pull_settings = False
        self._settings_asked: asyncio.Future[Any] | None = None
        self._can_refresh = False
        self._shows_status = False
        self._shows_progress = False
        self._edits_of = changes.client_of(types.ClientCapabilities())
        self._watches_files = False
        self._completer: Workspace
        self.edits: Edits
        self.code_actions: CodeActions
        self._client_ready = False
        self._waiting: list[Callable[[], None]] = []
        self._said: set[str] = set()
        self._status: messages.Status | None = None
        server.protocol.on_initialize_answered = self._start
        server.protocol.on_ignored = self._ignored
        self._warn_of(problems)

    # Life of the session

    def initialize(self, params: types.InitializeParams) -> types.InitializeResult:
        capabilities = params.capabilities
        self._documents.encoding = convert.choose_encoding(capabilities)
        self._documents.change_folders(convert.folders(params), ())
        self._shows_progress = convert.shows_progress(capabilities)
        self._watches_files = convert.watches_files(capabilities)
        self._can_refresh = convert.can(capabilities, "refresh")
        self._shows_status = convert.can(capabilities, "status")
        self._edits_of = changes.client_of(capabilities)
        self._can_pull_settings = bool(
            capabilities.workspace and capabilities.workspace.configuration
        )
        self._base = self._configured(params.initialization_options)
        self._config = self._base
        return types.InitializeResult(
            capabilities=types.ServerCapabilities(
                position_encoding=types.PositionEncodingKind(self._documents.encoding),
                text_document_sync=types.TextDocumentSyncOptions(
                    open_close=True, change=types.TextDocumentSyncKind.Incremental
                ),
                notebook_document_sync=notebooks.SYNC,
                inline_completion_provider=types.InlineCompletionOptions(),
                execute_command_provider=types.ExecuteCommandOptions(
                    commands=[messages.ACCEPT_COMMAND]
                ),
                workspace_symbol_provider=True,
                code_action_provider=code_actions.options(),
                rename_provider=edits.rename_options(capabilities),
                workspace=types.WorkspaceOptions(
                    workspace_folders=types.WorkspaceFoldersServerCapabilities(
                        supported=True, change_notifications=True
                    )
                ),
                experimental={
                    "slmcode": {
                        **edits.ABILITIES,
                        **translations.abilities(self._targets),
                    }
                },
            ),
            server_info=types.ServerInfo("slmcode", __version__),
        )

    def _start(self) -> None:
        logs.set_level(self._config)
        self._completer = self._make_completer(
            self._config, self.on_status, lambda sentence: self._warn_of([sentence])
        )
        asking = Asking(self._server.protocol, self._documents, self._completer, self._edits_of)
        self.edits, self.code_actions = Edits(asking), CodeActions(asking)
        if self._can_refresh:
            self._completer.on_refresh = self._refresh
        if self._shows_progress:
            self._completer.on_index = IndexProgress(self._server.protocol).report
        self._completer.project.change_folders(self._documents.folders, ())
        self._server.protocol.on_end = self._close

    async def _close(self) -> None:
        await self._completer.close()
        await self._completer.requests.close()

    def initialized(self, params: types.InitializedParams) -> None:
        if self._client_ready:
            return
        self._client_ready = True
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell()
        if self._watches_files:
            self._server.protocol.send_request(
                types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([_EVERY_FILE])
            )

    def shutdown(self, params: None) -> Awaitable[None]:
        return self._server.protocol.shut_down()

    # Documents

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        d = params.text_document
        language = d.language_id
        language_id = language.value if isinstance(language, types.LanguageKind) else language
        self._completer.did_open(self._documents.open(d.uri, language_id, d.version, d.text))

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        d = params.text_document
        changed = self._documents.change(d.uri, d.version, params.content_changes)
        if changed is not None:
            self._completer.did_change(*changed)

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        if self._documents.close(params.text_document.uri):
            self._completer.did_close(params.text_document.uri)

    def _ignored(self, method: str, params: Any) -> None:
        """A notification could not be taken in: texts it may have changed are not known now."""
        for uri in self.notebooks.reached(method, params):
            if self._documents.lose(uri):
                self._completer.did_close(uri)
                self._say(types.MessageType.Warning, f"slmcode: {documents.lost(uri)}")

    def _cells_arranged(self, notebook: str, cells: Sequence[str]) -> None:
        self._completer.project.cells.arranged(notebook, cells, self._documents.get)

    # Completions

    def inline_completion(
        self, params: types.InlineCompletionParams
    ) -> Awaitable[types.InlineCompletionList | None] | None:
        place = self._place(params.text_document.uri, params.position)
        if place is None:
            return None
        invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
        return self._complete(*place, self._server.protocol.arrived, invoked)

    async def _complete(
        self, snapshot: Snapshot, offset: int, arrived: float, invoked: bool
    ) -> types.InlineCompletionList | None:
        answer = await self._completer.complete(snapshot, offset, arrived=arrived, invoked=invoked)
        now = self._documents.get(snapshot.uri)  # the answer's range moved with it
        if now is None:
            return None
        return convert.inline_completions(now, answer, self._documents.encoding)

    def _refresh(self, snapshot: Snapshot, offset: int) -> None:
        place = to_position(snapshot, offset, self._documents.encoding)
        params = messages.Refresh(messages.Document(snapshot.uri), messages.Cursor(*place))
        self._server.protocol.notify(messages.REFRESH, params)

    def cursor_moved(self, params: messages.CursorMoved) -> None:
        place = self._place(params.text_document.uri, params.position)
        if place is not None:
            self._completer.cursor_moved(*place)

    def last_completion(self, params: messages.LastCompletion) -> dict[str, Any] | None:
        uri = params.text_document.uri
        if self._documents.is_lost(uri):
            return {"reason": "lost", "message": documents.lost(uri)}
        return self._completer.last_completion(uri)

    def why(self, params: messages.Why) -> dict[str, Any] | None:
        uri = params.text_document.uri
        found = self._completer.why(uri, params.completion_id)
        if found is None:
            return None
        place = self._completer.project.place_of(uri)
        return convert.why(place[0].path if place is not None else None, found)

    def prompt(self, params: messages.Prompt) -> dict[str, Any] | None:
        uri = params.text_document.uri
        pieces = self._completer.last_prompt(uri)
        return convert.prompt(pieces, self._completer.last_text(uri))

    def execute_command(self, params: types.ExecuteCommandParams) -> None:
        completion_id = convert.completion_id(params.command, params.arguments)
        if completion_id is None:
            raise RequestError(INVALID_PARAMS, "unknown command, or not its arguments")
        self._completer.accepted(completion_id)

    def did_show_completion(self, params: messages.DidShowCompletion) -> None:
        completion_id = convert.item_id(params.item)
        if completion_id is not None:
            self._completer.shown(completion_id)

    def did_dismiss_completion(self, params: messages.DidDismissCompletion) -> None:
        completion_id = convert.item_id(params.item)
        if completion_id is not None:
            self._completer.dismissed(completion_id)

    def did_partially_accept(self, params: messages.DidPartiallyAcceptCompletion) -> None:
        completion_id = convert.item_id(params.item)
        if completion_id is not None:
            length = convert.accepted_code_points(params)
            self._completer.partially_accepted(completion_id, length)

    def _place(
        self, uri: str, position: types.Position | messages.Cursor
    ) -> tuple[Snapshot, int] | None:
        snapshot = self._documents.get(uri)
        if snapshot is None:
            return None
        encoding = self._documents.encoding
        return snapshot, to_offset(snapshot, position.line, position.character, encoding)

    # Progress, translation

    def progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        Work.cancel(params.token)

    def translate(self, params: messages.Translate) -> Awaitable[dict[str, Any]]:
        snapshot = self._documents.get(params.text_document.uri)
        text_range = None
        if snapshot is not None and params.range is not None:
            text_range = convert.text_range(snapshot, params.range, self._documents.encoding)
        translator = self._completer.translator
        return translations.translate(
            self._server.protocol, translator, snapshot, text_range, params
        )

    # Settings and workspace

    def did_change_configuration(
        self, params: types.DidChangeConfigurationParams
    ) -> Awaitable[None] | None:
        if params.settings is None and self._can_pull_settings:
            return self._pull_settings()
        self._configure(params.settings)
        return None

    async def _pull_settings(self) -> None:
        item = types.ConfigurationItem(section="slmcode")
        asked = self._server.protocol.send_request_async(
            types.WORKSPACE_CONFIGURATION, types.ConfigurationParams([item])
        )
        if self._settings_asked is not None:
            self._settings_asked.cancel()  # the newest answer counts; a client may never give one
        self._settings_asked = asked
        try:
            values = await asked
        except RequestError:
            return  # it has none
        self._configure(values[0] if isinstance(values, list) and values else None)

    def _configure(self, values: Any) -> None:
        self._config = self._configured(values)
        logs.set_level(self._config)
        self._completer.configure(self._config)

    def _configured(self, values: Any) -> Config:
        config, problems = overlay(self._base, convert.settings_of(values))
        self._warn_of(problems)
        return config

    def did_change_workspace_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        added, removed = params.event.added, params.event.removed
        self._documents.change_folders(added, removed)
        self._completer.project.change_folders([f.uri for f in added], [f.uri for f in removed])

    def did_change_watched_files(self, params: types.DidChangeWatchedFilesParams) -> None:
        self._completer.project.files_changed(change.uri for change in params.changes)

    async def workspace_symbol(
        self, params: types.WorkspaceSymbolParams
    ) -> list[types.WorkspaceSymbol]:
        found = await self._completer.project.symbols(params.query, _SYMBOLS)
        return [convert.workspace_symbol(folder.path, symbol) for folder, symbol in found]

    # To the user

    def on_status(self, engine: EngineStatus) -> None:
        """Tell the client the engine's state; what the user must do about it is said once."""
        status = convert.status(engine, self._config.model)
        if status == self._status:
            return
        self._status = status
        self._tell(lambda: self._server.protocol.notify(messages.STATUS, status))
        if self._shows_status:
            return
        if engine.state is EngineState.NO_MODEL:
            self._say(types.MessageType.Warning, self._pull_advice())
        elif engine.state is EngineState.REFUSED:
            self._say(types.MessageType.Error, f"slmcode: {engine.message}")

    def _pull_advice(self) -> str:
        role = self._config.model
        if role not in ("fast", "quality"):
            return f"slmcode: there is no model at {role}; completions are off."
        return f"slmcode has no model yet. In a terminal run: slmcode models pull {role}"

    def _warn_of(self, problems: Iterable[str]) -> None:
        if lines := list(problems):
            self._say(types.MessageType.Warning, "slmcode: " + "; ".join(lines))

    def _say(self, kind: types.MessageType, message: str) -> None:
        if message in self._said:
            return
        self._said.add(message)
        self._tell(lambda: self._server.window_show_message(types.ShowMessageParams(kind, message)))

    def _tell(self, send: Callable[[], None]) -> None:
        if self._client_ready:
            send()
        else:
            self._waiting.append(send)
