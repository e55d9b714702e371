"""Between LSP's values and ours. Pure functions; UTF-16 stops here and in `positions`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from slmcode.engine.job import EngineState, EngineStatus
from slmcode.features.answer import Answer, Completion, PromptPiece, Reason, Why
from slmcode.index.rows import Symbol
from slmcode.lsp import messages
from slmcode.lsp.positions import ENCODINGS, Encoding, prefix_length, to_offset, to_position
from slmcode.models.catalog import MODELS
from slmcode.text import Snapshot, TextRange, one_line_end

_EDITOR_KEYS = frozenset({"server", "trace"})  # read by the editors' extensions, not by us

_SYMBOL_KINDS = {
    "class": types.SymbolKind.Class,
    "interface": types.SymbolKind.Interface,
    "struct": types.SymbolKind.Struct,
    "enum": types.SymbolKind.Enum,
    "type": types.SymbolKind.Class,
    "function": types.SymbolKind.Function,
    "method": types.SymbolKind.Method,
    "field": types.SymbolKind.Field,
    "constant": types.SymbolKind.Constant,
    "variable": types.SymbolKind.Variable,
    "macro": types.SymbolKind.Constant,
    "module": types.SymbolKind.Module,
    "paragraph": types.SymbolKind.Function,
}

_STATES = {
    EngineState.STARTING: messages.StatusState.STARTING,
    EngineState.LOADING: messages.StatusState.LOADING,
    EngineState.READY: messages.StatusState.READY,
    EngineState.NO_MODEL: messages.StatusState.DOWNLOAD_NEEDED,
    EngineState.REFUSED: messages.StatusState.DEGRADED,
    EngineState.DOWN: messages.StatusState.DEGRADED,
}


def choose_encoding(capabilities: types.ClientCapabilities) -> Encoding:
    """The first encoding the client lists that we know; utf-16 where it lists none of them."""
    general = capabilities.general
    for offered in (general.position_encodings if general else None) or ():
        value = offered.value if isinstance(offered, types.PositionEncodingKind) else offered
        for known in ENCODINGS:
            if value == known:
                return known
    return "utf-16"


def can(capabilities: types.ClientCapabilities, ours: str) -> bool:
    """Whether the client names one of our capabilities: "refresh" or "status"."""
    experimental: Any = capabilities.experimental
    own = experimental.get("slmcode") if isinstance(experimental, Mapping) else None
    return isinstance(own, Mapping) and own.get(ours) is True


def settings_of(values: Any) -> dict[str, Any]:
    """Our settings in what a client sent: below "slmcode" or directly; null means not set.

    Lone surrogates, which whoever reads settings refuses, are question marks.
    """
    if not isinstance(values, Mapping):
        return {}
    own = values.get("slmcode", values)
    if not isinstance(own, Mapping):
        return {}
    kept = {k: v for k, v in own.items() if v is not None and k not in _EDITOR_KEYS}
    text = json.dumps(kept, ensure_ascii=False)
    return kept if text.isascii() else json.loads(text.encode("utf-8", "replace"))


def lsp_range(snapshot: Snapshot, text_range: TextRange, encoding: Encoding) -> types.Range:
    """A range of a snapshot as LSP has it."""
    start, end = (to_position(snapshot, offset, encoding) for offset in text_range)
    return types.Range(types.Position(*start), types.Position(*end))


def text_range(
    snapshot: Snapshot, where: types.Range | messages.Span, encoding: Encoding
) -> TextRange:
    """A range of LSP as offsets of a snapshot; one that runs backwards is turned round."""
    ends = (to_offset(snapshot, p.line, p.character, encoding) for p in (where.start, where.end))
    return TextRange(*sorted(ends))


def inline_completions(
    snapshot: Snapshot, answer: Answer, encoding: Encoding
) -> types.InlineCompletionList | None:
    """An answer for the document as it is now, `snapshot`; None (null) if it was superseded.

    The range is always given: without one Neovim inserts at the cursor of arrival. A superseded
    request is no error: VS Code reports a cancellation it did not ask for. Lines end with \n
    whatever the document's end with: Neovim 0.12 splits at \n and would insert \r as text, and
    every editor writes its own line ends.
    """
    if not isinstance(answer, Completion):
        superseded = answer.reason is Reason.SUPERSEDED
        return None if superseded else types.InlineCompletionList(items=[])
    where = lsp_range(snapshot, answer.range, encoding)
    items = [
        types.InlineCompletionItem(
            insert_text=one_line_end(text),
            range=where,
            command=types.Command(
                title="Accept completion",
                command=messages.ACCEPT_COMMAND,
                arguments=[answer.completion_id],
            ),
        )
        for text in (answer.text, *answer.alternatives)
    ]
    return types.InlineCompletionList(items=items)


def completion_id(command: str, arguments: Sequence[Any] | None) -> str | None:
    """The completion a command of ours stands for, or None if it is not ours."""
    if command != messages.ACCEPT_COMMAND or not arguments or len(arguments) != 1:
        return None
    return arguments[0] if isinstance(arguments[0], str) else None


def item_id(item: messages.Item) -> str | None:
    """The completion an item sent back by the client stands for, or None if it is not ours."""
    return completion_id(item.command.command, item.command.arguments) if item.command else None


def accepted_code_points(params: messages.DidPartiallyAcceptCompletion) -> int:
    """The accepted length in code points. A text given as a snippet holds it under "value"."""
    text = params.item.insert_text
    if isinstance(text, Mapping):
        text = text.get("value", "")
    return prefix_length(str(text), params.accepted_length, "utf-16")


def status(engine: EngineStatus, model: str) -> messages.Status:
    """The engine's state in the words of the protocol; `model` is what the settings name."""
    state = _STATES[engine.state]
    size = 0
    if state is messages.StatusState.DOWNLOAD_NEEDED:
        size = next((m.size for m in MODELS if model in (m.role, m.name)), 0)
    return messages.Status(state, engine.message, model, size)


def shows_progress(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client shows `$/progress`."""
    return bool(capabilities.window and capabilities.window.work_done_progress)


def watches_files(capabilities: types.ClientCapabilities) -> bool:
    """Whether the client can be asked to report changes of files."""
    workspace = capabilities.workspace
    watched = workspace.did_change_watched_files if workspace else None
    return bool(watched and watched.dynamic_registration)


def folders(params: types.InitializeParams) -> list[types.WorkspaceFolder]:
    """The workspace folders, or the one root that older clients name."""
    if params.workspace_folders:
        return list(params.workspace_folders)
    uri = params.root_uri
    return [types.WorkspaceFolder(uri, uri.rstrip("/").rpartition("/")[2])] if uri else []


def workspace_symbol(folder: Path, symbol: Symbol) -> types.WorkspaceSymbol:
    """A definition of the index; its range are whole lines, which is what the index holds."""
    return types.WorkspaceSymbol(
        location=types.Location(_uri(folder, symbol.path), _lines(symbol.line, symbol.end_line)),
        name=symbol.name,
        kind=_SYMBOL_KINDS.get(symbol.kind, types.SymbolKind.Variable),
        container_name=symbol.scope or symbol.path,
    )


def why(folder: Path | None, found: Why) -> dict[str, Any]:
    """The answer to `slmcode/why`."""
    context = found.context
    chunks = [
        {
            "uri": chunk.uri or (_uri(folder, chunk.path) if folder is not None else None),
            "path": chunk.path,
            "range": _lines(chunk.line, chunk.end_line),
            "tokens": token_count,
            "score": round(chunk.score, 3),
            "reason": chunk.reason,
            "text": chunk.text,
        }
        for chunk, token_count in zip(context.chunks, context.token_counts, strict=True)
    ]
    return {"completionId": found.completion_id, "chunks": chunks, "note": found.note}


def prompt(pieces: Sequence[PromptPiece], generated: str) -> dict[str, Any] | None:
    """The answer to `slmcode/prompt`."""
    if not pieces:
        return None
    rows = [
        {"kind": p.kind, "source": p.source, "tokenCount": p.token_count, "text": p.text}
        for p in pieces
    ]
    tokens = sum(p.token_count for p in pieces)
    return {"pieces": rows, "tokens": tokens, "generated": generated}


def _uri(folder: Path, path: str) -> str:
    return (folder / path).as_uri()


def _lines(line: int, end_line: int) -> types.Range:
    return types.Range(types.Position(line, 0), types.Position(end_line, 0))
