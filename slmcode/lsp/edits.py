"""Edits and explanations between LSP and the features: code actions, `slmcode/edit`,
`slmcode/explain`.

Every method is a plain function that takes the document as it is now and returns a list or a
coroutine, as `handlers` wants it. Code actions carry an instruction; the model is asked when
one is resolved. An edit for a document that has changed meanwhile is refused.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lsprotocol import types

from slmcode.features import actions
from slmcode.features.actions import Action
from slmcode.features.outcome import Edited, Refused, Verdict
from slmcode.features.rewriting import hunks
from slmcode.lsp import convert, messages
from slmcode.lsp.documents import Documents
from slmcode.lsp.positions import Encoding
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import INVALID_PARAMS, Protocol, RequestError
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:  # imports the tokenizer, which `initialize` need not wait for
    from slmcode.features.session import Completer

REQUEST_FAILED = -32803

_REWRITE = types.CodeActionKind.RefactorRewrite
_FIX = types.CodeActionKind.QuickFix
_MOST_FIXES = 3
_ANNOTATION = "slmcode"
_EVERY = 8  # tokens between two reports
_PROGRESS_S = 1.0  # to wait for a client's leave to show progress


class Client(NamedTuple):
    """What a client can do with edits."""

    resolves: bool  # asks for the edit of a code action when it was chosen
    versions: bool  # takes edits with the document's version
    confirms: bool  # shows annotated edits before it makes them
    progress: bool  # shows progress that the server begins


def client_of(capabilities: types.ClientCapabilities) -> Client:
    """What these capabilities say."""
    document, workspace = capabilities.text_document, capabilities.workspace
    actions = document.code_action if document else None
    resolve = actions.resolve_support if actions else None
    edits = workspace.workspace_edit if workspace else None
    return Client(
        resolves=bool(
            actions
            and actions.code_action_literal_support
            and actions.data_support
            and resolve
            and "edit" in resolve.properties
        ),
        versions=bool(edits and edits.document_changes),
        confirms=bool(edits and edits.document_changes and edits.change_annotation_support),
        progress=convert.shows_progress(capabilities),
    )


def options() -> types.CodeActionOptions:
    """What the server says in `initialize`."""
    return types.CodeActionOptions(code_action_kinds=[_REWRITE, _FIX], resolve_provider=True)


class _Chosen(msgspec.Struct, frozen=True):
    """What a code action carries. Offsets belong to the document of that version."""

    uri: str
    version: int | None
    start: int
    end: int
    instruction: str


class Edits:
    """What one client asks of the editing features."""

    def __init__(
        self, protocol: Protocol, documents: Documents, completer: Completer, client: Client
    ) -> None:
        self._protocol = protocol
        self._documents = documents
        self._completer = completer
        self._client = client

    # Requests of our own

    def edit(self, params: messages.Edit) -> Coroutine[Any, Any, dict[str, Any]]:
        """`slmcode/edit`."""
        snapshot = self._open(params.text_document)
        return self._edit(snapshot, self._range(snapshot, params.range), params)

    async def _edit(
        self, snapshot: Snapshot, text_range: TextRange, params: messages.Edit
    ) -> dict[str, Any]:
        with Work(self._protocol, params, "slmcode: editing") as work:
            edited = await self._ask(snapshot, text_range, params.instruction, work)
        edit = None
        if edited.new_text is not None:
            edit = self._workspace_edit(snapshot, edited, edited.title)
        return {
            "edit": edit,
            "verdict": edited.verdict.value,
            "reason": edited.reason,
            "title": edited.title,
        }

    def explain(self, params: messages.Explain) -> Coroutine[Any, Any, dict[str, str]]:
        """`slmcode/explain`."""
        snapshot = self._open(params.text_document)
        return self._explain(snapshot, self._range(snapshot, params.range), params)

    async def _explain(
        self, snapshot: Snapshot, text_range: TextRange, params: messages.Explain
    ) -> dict[str, str]:
        with Work(self._protocol, params, "slmcode: explaining") as work:
            try:
                text = await self._completer.explaining.explain(
                    snapshot, text_range, lambda piece: work.part({"text": piece})
                )
            except Refused as e:
                raise RequestError(REQUEST_FAILED, str(e)) from None
        return {"text": text}

    # Code actions

    def code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """What can be done at a range. The model is not asked, so this is quick."""
        snapshot = self._documents.get(params.text_document.uri)
        editing = self._completer.editing
        if snapshot is None or not self._client.resolves or not editing.is_ready:
            return []
        context = params.context
        found = []
        if _wanted(_FIX, context.only):
            for diagnostic in context.diagnostics[:_MOST_FIXES]:
                place = self._range(snapshot, diagnostic.range)
                lines = editing.lines_around(snapshot, place)
                if lines is not None:
                    action = actions.fix(snapshot, place, _message(diagnostic))
                    found.append(_offered(snapshot, lines, action, _FIX, diagnostic))
        selection = self._range(snapshot, params.range)
        # A menu that opens with every move of the cursor is for what was selected.
        automatic = context.trigger_kind is types.CodeActionTriggerKind.Automatic
        if _wanted(_REWRITE, context.only) and not (automatic and selection.start == selection.end):
            lines = editing.lines(snapshot, selection)
            if lines is not None:
                first = editing.first_definition(snapshot, lines)
                found += [
                    _offered(snapshot, lines, action, _REWRITE)
                    for action in actions.rewrites(snapshot.language_id, first)
                ]
        return found

    def resolve(self, action: types.CodeAction) -> Coroutine[Any, Any, types.CodeAction]:
        """`codeAction/resolve`: make the edit. Raises RequestError where it is refused."""
        try:
            chosen = msgspec.convert(action.data, _Chosen)
        except msgspec.ValidationError as e:
            raise RequestError(INVALID_PARAMS, f"not an action of this server: {e}") from None
        snapshot = self._documents.get(chosen.uri)
        if snapshot is None or snapshot.version != chosen.version:
            raise RequestError(REQUEST_FAILED, _CHANGED)
        return self._resolve(snapshot, action, chosen)

    async def _resolve(
        self, snapshot: Snapshot, action: types.CodeAction, chosen: _Chosen
    ) -> types.CodeAction:
        work = messages.Work(work_done_token=await self._token())
        text_range = TextRange(chosen.start, chosen.end)
        with Work(self._protocol, work, f"slmcode: {action.title}") as shown:
            edited = await self._ask(snapshot, text_range, chosen.instruction, shown)
        if edited.new_text is None:
            raise RequestError(REQUEST_FAILED, f"{action.title}: {edited.reason}")
        action.edit = self._workspace_edit(snapshot, edited, action.title)
        return action

    async def _token(self) -> str | None:
        """A token for progress; None where the client does not show it."""
        if not self._client.progress:
            return None
        token = f"slmcode/edit/{uuid.uuid4()}"
        create = self._protocol.send_request_async(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(token)
        )
        try:
            await asyncio.wait_for(create, _PROGRESS_S)
        except (RequestError, TimeoutError):
            return None
        return token

    # Both

    async def _ask(
        self, snapshot: Snapshot, text_range: TextRange, instruction: str, work: Work
    ) -> Edited:
        """The edit, refused where the document is not the same any more."""

        def report(tokens: int) -> None:
            if self._has_changed(snapshot):
                raise Refused(_CHANGED)
            if tokens % _EVERY == 0:
                work.report(f"{tokens} tokens")

        edited = await self._completer.editing.edit(snapshot, text_range, instruction, report)
        if edited.new_text is not None and self._has_changed(snapshot):
            return msgspec.structs.replace(
                edited, new_text=None, verdict=Verdict.REFUSED, reason=_CHANGED
            )
        return edited

    def _has_changed(self, snapshot: Snapshot) -> bool:
        now = self._documents.get(snapshot.uri)
        return now is not snapshot and (now is None or now.text != snapshot.text)

    def _workspace_edit(
        self, snapshot: Snapshot, edited: Edited, label: str
    ) -> types.WorkspaceEdit:
        now = self._documents.get(snapshot.uri) or snapshot  # the same text, maybe a newer version
        return workspace_edit(now, edited, label, self._client, self._documents.encoding)

    def _open(self, document: messages.Document) -> Snapshot:
        """The document as it is now. Raises RequestError where it is not open."""
        snapshot = self._documents.get(document.uri)
        if snapshot is None:
            raise RequestError(INVALID_PARAMS, "the document is not open")
        return snapshot

    def _range(self, snapshot: Snapshot, where: types.Range | messages.Span) -> TextRange:
        return convert.text_range(snapshot, where, self._documents.encoding)


_CHANGED = "the document has changed; nothing was edited"


def _wanted(kind: types.CodeActionKind, only: Sequence[str] | None) -> bool:
    """Whether the client asked for this kind, or for one that includes it."""
    if only is None:
        return True
    kinds = [o.value if isinstance(o, types.CodeActionKind) else o for o in only]
    return any(o in ("", kind.value) or kind.value.startswith(f"{o}.") for o in kinds)


def _message(diagnostic: types.Diagnostic) -> str:
    message = diagnostic.message
    return message if isinstance(message, str) else message.value


def _offered(
    snapshot: Snapshot,
    lines: TextRange,
    action: Action,
    kind: types.CodeActionKind,
    diagnostic: types.Diagnostic | None = None,
) -> types.CodeAction:
    chosen = _Chosen(snapshot.uri, snapshot.version, *lines, action.instruction)
    return types.CodeAction(
        title=action.title,
        kind=kind,
        diagnostics=None if diagnostic is None else [diagnostic],
        data=msgspec.to_builtins(chosen),
    )


def workspace_edit(
    snapshot: Snapshot, edited: Edited, label: str, client: Client, encoding: Encoding
) -> types.WorkspaceEdit:
    """The accepted edit as the least edits of lines, so that cursor, folds and undo survive.

    Clients that can show it first are told what was checked, and asked to confirm.
    """
    assert edited.new_text is not None
    old = snapshot.text[slice(*edited.range)]
    edits = [
        types.TextEdit(convert.lsp_range(snapshot, edit.range, encoding), edit.new_text)
        for edit in hunks(edited.range.start, old, edited.new_text)
    ]
    if not client.versions:
        return types.WorkspaceEdit(changes={snapshot.uri: edits})
    document = types.OptionalVersionedTextDocumentIdentifier(snapshot.uri, snapshot.version)
    if not client.confirms:
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, edits)])
    annotated = [types.AnnotatedTextEdit(_ANNOTATION, e.range, e.new_text) for e in edits]
    said = f"{edited.verdict.value}: {edited.reason}"
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, annotated)],
        change_annotations={
            _ANNOTATION: types.ChangeAnnotation(label, needs_confirmation=True, description=said)
        },
    )
