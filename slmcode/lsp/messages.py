"""Every message and command beyond the LSP standard, in one table.

Names under `textDocument/` are those of GitHub Copilot's language server; ours begin with
`slmcode/`. `CUSTOM` is what the README's table and the tests' validation are compared with.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

ACCEPT_COMMAND = "slmcode.accept"  # workspace/executeCommand, arguments: [completion id]


class Direction(enum.StrEnum):
    """Who sends a message."""

    CLIENT_TO_SERVER = "client → server"
    SERVER_TO_CLIENT = "server → client"


class Params(msgspec.Struct, frozen=True, rename="camel"):
    """Parameters of a message of our own. Unknown fields are ignored, as LSP wants it."""


class Document(Params, frozen=True):
    """LSP's TextDocumentIdentifier."""

    uri: str


class Cursor(Params, frozen=True):
    """LSP's Position."""

    line: Annotated[int, Meta(ge=0, lt=2**31)]
    character: Annotated[int, Meta(ge=0, lt=2**31)]


class Span(Params, frozen=True):
    """LSP's Range."""

    start: Cursor
    end: Cursor


Token = Annotated[int, Meta(ge=-(2**31), lt=2**31)] | str


class Work(Params, frozen=True, kw_only=True):
    """What every long request may carry: tokens for progress and for partial results."""

    work_done_token: Token | None = None
    partial_result_token: Token | None = None


class CursorMoved(Params, frozen=True):
    """The cursor rests at a position: the server works ahead."""

    text_document: Document
    position: Cursor


class ItemCommand(Params, frozen=True):
    """The command of an offered item; its argument is the completion id."""

    command: str
    arguments: list[Any] = msgspec.field(default_factory=list)


class Item(Params, frozen=True):
    """An InlineCompletionItem sent back by the client; only what we read of it."""

    insert_text: Any = ""
    command: ItemCommand | None = None


class DidShowCompletion(Params, frozen=True):
    """The item became visible."""

    item: Item


class DidPartiallyAcceptCompletion(Params, frozen=True):
    """The first `accepted_length` UTF-16 units of the item's text were accepted so far."""

    item: Item
    accepted_length: Annotated[int, Meta(ge=0, lt=2**31)]


class DidDismissCompletion(Params, frozen=True):
    """The user sent the item away, as with Escape."""

    item: Item


class Refresh(Params, frozen=True):
    """A place in a document where there is more text now than the last answer had."""

    text_document: Document
    position: Cursor


class LastCompletion(Params, frozen=True):
    """Which document's newest completion is asked about."""

    text_document: Document


class Why(Params, frozen=True):
    """Which suggestion is asked about: the one with this id, or the document's newest."""

    text_document: Document
    completion_id: str = ""


class Prompt(Params, frozen=True):
    """Which document's newest prompt is asked for."""

    text_document: Document


class Edit(Work, frozen=True):
    """Rewrite a range as the instruction says."""

    text_document: Document
    range: Span
    instruction: str


class Markup(Params, frozen=True):
    """LSP's MarkupContent."""

    kind: Literal["plaintext", "markdown"]
    value: str


class Diagnostic(Params, frozen=True):
    """LSP's Diagnostic; only what we read of it."""

    range: Span
    message: str | Markup
    source: str | None = None
    code: Token | None = None


class Action(Work, frozen=True):
    """Do what an action says with a range; `diagnostic` is what "fix" fixes."""

    text_document: Document
    range: Span
    action: str
    diagnostic: Diagnostic | None = None


class WillEdit(Params, frozen=True):
    """The user is about to say what is to be done with a range."""

    text_document: Document
    range: Span


class Explain(Work, frozen=True):
    """Explain a range (an empty one stands for the function around it), a diagnostic or a trace."""

    text_document: Document | None = None
    range: Span | None = None
    diagnostic: Diagnostic | None = None
    trace: str | None = None


class Debug(Work, frozen=True):
    """Make a failing command succeed, in a folder or in the one of a document."""

    command: str
    folder: str = ""
    text_document: Document | None = None


class PlanModule(Params, frozen=True):
    """Which parts of a document an instruction is for."""

    text_document: Document
    instruction: str


class RefactorModule(Work, frozen=True):
    """Do what was planned, with these units or with all."""

    plan_id: str
    units: list[str] | None = None


class Translate(Work, frozen=True):
    """Translate a document, or a range of it, into another language.

    `inputs` are files, each what a run of the program reads on its standard input.
    """

    text_document: Document
    target_language: str
    range: Span | None = None
    inputs: list[str] = []
    form: Literal["faithful", "idiomatic"] = "idiomatic"


class StatusState(enum.StrEnum):
    """What the user can expect just now."""

    STARTING = "starting"
    DOWNLOAD_NEEDED = "downloadNeeded"
    LOADING = "loading"
    READY = "ready"
    DEGRADED = "degraded"


class Status(Params, frozen=True):
    """State of the engine, and a sentence for the user or an empty string.

    `model` is the role or file the settings name, `download_bytes` its size where it has to be
    fetched first.
    """

    state: StatusState
    message: str
    model: str = ""
    download_bytes: int = 0


class CustomMessage(NamedTuple):
    """One row of the table: a notification, or a request where `result` says what it answers."""

    method: str
    direction: Direction
    params: type[Params]
    purpose: str
    result: str = ""


CURSOR_MOVED = "slmcode/cursorMoved"
DID_SHOW_COMPLETION = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT_COMPLETION = "textDocument/didPartiallyAcceptCompletion"
STATUS = "slmcode/status"
LAST_COMPLETION = "slmcode/lastCompletion"
REFRESH = "slmcode/refresh"
WHY = "slmcode/why"
PROMPT = "slmcode/prompt"
DID_DISMISS_COMPLETION = "slmcode/didDismissCompletion"
EDIT = "slmcode/edit"
ACTION = "slmcode/action"
WILL_EDIT = "slmcode/willEdit"
EXPLAIN = "slmcode/explain"
DEBUG = "slmcode/debug"
PLAN_MODULE = "slmcode/planModule"
REFACTOR_MODULE = "slmcode/refactorModule"
TRANSLATE = "slmcode/translate"

# What a client says in `initialize` that asks again when it is sent `slmcode/refresh`.
CAN_REFRESH = {"experimental": {"slmcode": {"refresh": True}}}

_OUTCOME = (
    "{edit, verdict, reason, title, contract, model, confidence, tries}: edit null and verdict "
    '"refused" where nothing is shown, for that reason'
)

CUSTOM = {
    row.method: row
    for row in (
        CustomMessage(
            CURSOR_MOVED,
            Direction.CLIENT_TO_SERVER,
            CursorMoved,
            "The cursor rests here; the server works ahead.",
        ),
        CustomMessage(
            DID_SHOW_COMPLETION,
            Direction.CLIENT_TO_SERVER,
            DidShowCompletion,
            "An item became visible (Copilot's verb).",
        ),
        CustomMessage(
            DID_PARTIALLY_ACCEPT_COMPLETION,
            Direction.CLIENT_TO_SERVER,
            DidPartiallyAcceptCompletion,
            "A part of an item was accepted; the length is in UTF-16 units and cumulative.",
        ),
        CustomMessage(
            STATUS,
            Direction.SERVER_TO_CLIENT,
            Status,
            "The engine's state changed: starting, downloadNeeded, loading, ready, degraded. "
            "`{state, message, model, downloadBytes}`. A client whose capabilities say "
            "`experimental.slmcode.status` shows it itself and gets no pop-up about it.",
        ),
        CustomMessage(
            REFRESH,
            Direction.SERVER_TO_CLIENT,
            Refresh,
            "There is text now where the last answer had none or less: ask again. Only to a client "
            "whose capabilities say `experimental.slmcode.refresh`; any other one gets its first "
            "answer later instead.",
        ),
        CustomMessage(
            LAST_COMPLETION,
            Direction.CLIENT_TO_SERVER,
            LastCompletion,
            "Request: how the newest completion of a document came about; null without one.",
            "{reason, message, from_memory, score, timings, server_ms, trace}: why it was empty "
            "or null, as a name and as a sentence, "
            "whether it came from memory, the gate's probability, the engine's figures "
            "(zero when served from memory), the server's own share in ms, the span tree",
        ),
        CustomMessage(
            WHY,
            Direction.CLIENT_TO_SERVER,
            Why,
            "Request: which pieces of other files stood in a suggestion's prompt: "
            "`{completionId, chunks: [{uri, path, range, tokens, score, reason, text}], note}`; "
            "the note says why there are none. Without `completionId` the document's newest, or "
            "what stands ready for the next. Null where there is nothing of that kind.",
            "{completionId, chunks, note}",
        ),
        CustomMessage(
            PROMPT,
            Direction.CLIENT_TO_SERVER,
            Prompt,
            "Request: what the model was given last for a document, piece by piece, special tokens "
            "by name; null where it was given nothing.",
            "{pieces: [{kind, source, tokenCount, text}], tokens, generated}",
        ),
        CustomMessage(
            DID_DISMISS_COMPLETION,
            Direction.CLIENT_TO_SERVER,
            DidDismissCompletion,
            "The user sent an item away (Escape).",
        ),
        CustomMessage(
            EDIT,
            Direction.CLIENT_TO_SERVER,
            Edit,
            "Request: a range rewritten as an instruction says. Long: work-done progress, and "
            "cancelled by `$/cancelRequest` or the progress.",
            _OUTCOME,
        ),
        CustomMessage(
            ACTION,
            Direction.CLIENT_TO_SERVER,
            Action,
            "Request: a range changed as one of `experimental.slmcode.actions` says, for clients "
            'that do not resolve code actions. "fix" without a `diagnostic` is for the first '
            "problem that the project's tools find there.",
            _OUTCOME,
        ),
        CustomMessage(
            WILL_EDIT,
            Direction.CLIENT_TO_SERVER,
            WillEdit,
            "The user begins to type an instruction for this range; the server reads it ahead.",
        ),
        CustomMessage(
            EXPLAIN,
            Direction.CLIENT_TO_SERVER,
            Explain,
            "Request: a range, a diagnostic or a pasted `trace` explained in Markdown, with the "
            "places it speaks of; pieces come as partial results `{text}`.",
            "{text}",
        ),
        CustomMessage(
            DEBUG,
            Direction.CLIENT_TO_SERVER,
            Debug,
            "Request: an edit after which a failing command succeeds. The command runs in a "
            "sandbox, in `folder`, the document's or the first one. Steps come as partial results "
            "`{step}`.",
            _OUTCOME,
        ),
        CustomMessage(
            PLAN_MODULE,
            Direction.CLIENT_TO_SERVER,
            PlanModule,
            "Request: the units of a document that an instruction is for, in the order they are "
            "edited in; `after` are the ones a unit needs. Nothing is done yet.",
            "{planId, instruction, units: [{name, range, after}], leftOut: [{name, reason}]}",
        ),
        CustomMessage(
            REFACTOR_MODULE,
            Direction.CLIENT_TO_SERVER,
            RefactorModule,
            "Request: what was planned, done unit by unit; each unit is a part of the edit that "
            "the user can refuse. Partial results `{units}` hold all so far. Cancelled, it is "
            "answered with what is done.",
            "{edit, verdict, reason, title, contract, model, confidence, tries, units: [{name, "
            "verdict, reason, range}]}",
        ),
        CustomMessage(
            TRANSLATE,
            Direction.CLIENT_TO_SERVER,
            Translate,
            "Request: a document, or the units of a range, in another language, with a verdict for "
            "each unit. Only where the server's `experimental.slmcode.translate` lists target "
            "languages; `translateFrom` has those of each source language. `inputs` are URIs of "
            'files to prove it on, `form` is "faithful" or "idiomatic". Partial results have the '
            "shape of the result and hold all there is so far. `lineMap` has the source line of "
            "each line, -1 for none.",
            "{languageId, name, text, verdict, reason, inputsTried, coverage, lookFirst: [{what, "
            "line, sourceLine}], units: [{name, sourceRange, range, verdict, reason, form}], "
            "lineMap, isComplete}",
        ),
    )
}
