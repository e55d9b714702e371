"""Code actions: what can be done at a place, and doing it when one is chosen.

Neither finding them nor showing them asks the model. An action carries what is to be done; it is
done when the client resolves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from lsprotocol import types

from slmcode.features.edits import actions
from slmcode.lsp import messages
from slmcode.lsp.asking import REQUEST_FAILED, Asking
from slmcode.lsp.logs import where
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import INVALID_PARAMS, SERVER_CANCELLED, RequestError
from slmcode.lsp.settle import CHANGED
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.edits.contracts.base import Diagnostic
    from slmcode.features.edits.refactoring import Offer

logger = logging.getLogger(__name__)

_REWRITE = types.CodeActionKind.RefactorRewrite
_FIX = types.CodeActionKind.QuickFix
_EXACT = (
    types.CodeActionKind.RefactorExtract,
    types.CodeActionKind.RefactorInline,
    types.CodeActionKind.RefactorMove,
    types.CodeActionKind.SourceOrganizeImports,
)
_MOST_FIXES = 3
_OFFERS_S = 0.3  # a menu does not wait longer for the exact refactorings,
_PATIENCE_S = 2.0  # and one that the user opened, or that is for some kinds only, not longer


def options() -> types.CodeActionOptions:
    """What the server says in `initialize`."""
    return types.CodeActionOptions(
        code_action_kinds=[_REWRITE, _FIX, *_EXACT], resolve_provider=True
    )


_Offset = Annotated[int, msgspec.Meta(ge=0)]


class _Problem(msgspec.Struct, frozen=True):
    """A diagnostic, as a code action carries it."""

    start: _Offset
    end: _Offset
    message: str
    source: str
    code: str


class _Chosen(msgspec.Struct, frozen=True):
    """What a code action carries. Offsets belong to the document of that version."""

    uri: str
    version: int | None
    start: _Offset
    end: _Offset
    action: str = ""  # an id of `actions`, or
    offer: str = ""  # one of `refactoring`
    problem: _Problem | None = None


class CodeActions:
    """The code actions of one client."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._looking: asyncio.Task[list[Offer]] | None = None
        self._warming: asyncio.Task[None] | None = None

    def offered(
        self, params: types.CodeActionParams
    ) -> list[types.CodeAction] | Coroutine[Any, Any, list[types.CodeAction]]:
        """`textDocument/codeAction`."""
        asking, context = self._asking, params.context
        snapshot = asking.documents.get(params.text_document.uri)
        if snapshot is None or not asking.client.resolves:
            return []
        selection = asking.range(snapshot, params.range)
        # A menu that opens with every move of the cursor is for what was selected.
        automatic = context.trigger_kind is types.CodeActionTriggerKind.Automatic
        in_passing = automatic and selection.start == selection.end and context.only is None
        found: list[types.CodeAction] = []
        if asking.requests.is_ready and not (automatic and asking.requests.protected(snapshot)):
            if _wanted(_FIX, context.only):
                found += self._fixes(snapshot, context.diagnostics)
            if _wanted(_REWRITE, context.only) and not in_passing:
                found += self._rewrites(snapshot, selection, context)
        if in_passing or not any(_wanted(kind, context.only) for kind in (_REWRITE, *_EXACT)):
            return found
        invoked = context.trigger_kind is types.CodeActionTriggerKind.Invoked
        wait_s = _PATIENCE_S if invoked or context.only is not None else _OFFERS_S
        return self._with_offers(found, snapshot, selection, context.only, wait_s)

    def _fixes(
        self, snapshot: Snapshot, diagnostics: Sequence[types.Diagnostic]
    ) -> list[types.CodeAction]:
        found = []
        for told in diagnostics[:_MOST_FIXES]:
            diagnostic = self._asking.diagnostic(snapshot, told)
            lines = self._asking.requests.editing.lines_around(snapshot, diagnostic.range)
            if lines is not None:
                title = actions.fix(snapshot, diagnostic.range, diagnostic.message).title
                chosen = _chosen(snapshot, lines, action=actions.FIX, problem=_carried(diagnostic))
                found.append(_action(title, _FIX, chosen, [told]))
        return found

    def _rewrites(
        self, snapshot: Snapshot, selection: TextRange, context: types.CodeActionContext
    ) -> list[types.CodeAction]:
        requests = self._asking.requests
        lines = requests.editing.lines(snapshot, selection)
        if lines is None:
            return []
        first = requests.editing.first_definition(snapshot, lines)
        likely = actions.rewrites(snapshot.language_id, first)
        if context.only and context.trigger_kind is types.CodeActionTriggerKind.Invoked:
            # The user has asked for just these and takes a second to choose.
            if self._warming is not None:
                self._warming.cancel()
            self._warming = asyncio.ensure_future(requests.warm(snapshot, lines, likely))
        return [
            _action(action.title, _REWRITE, _chosen(snapshot, lines, action=action.id))
            for action in likely
        ]

    async def _with_offers(
        self,
        found: list[types.CodeAction],
        snapshot: Snapshot,
        selection: TextRange,
        only: Sequence[str] | None,
        wait_s: float,
    ) -> list[types.CodeAction]:
        """The exact refactorings too, if they are known in time."""
        if self._looking is not None:
            self._looking.cancel()
        looking = self._looking = asyncio.ensure_future(
            self._asking.requests.refactoring.offers(snapshot, selection)
        )
        await asyncio.wait({looking}, timeout=wait_s)
        if not looking.done() or looking.cancelled():
            return found
        if (error := looking.exception()) is not None:
            logger.error("offers failed: %s", where(error))
            return found
        return found + [
            _action(
                offer.title,
                offer.kind,
                _chosen(snapshot, selection, offer=offer.id),
            )
            for offer in looking.result()
            if _wanted(offer.kind, only)
        ]

    def resolve(self, action: types.CodeAction) -> Coroutine[Any, Any, types.CodeAction]:
        """`codeAction/resolve`: do it. Raises RequestError where it is refused."""
        try:
            chosen = msgspec.convert(action.data, _Chosen)
        except (msgspec.ValidationError, UnicodeEncodeError):  # the latter: a lone surrogate
            raise RequestError(INVALID_PARAMS, "not an action of this server") from None
        snapshot = self._asking.documents.get(chosen.uri)
        if snapshot is None or snapshot.version != chosen.version:
            raise RequestError(REQUEST_FAILED, CHANGED)
        if not _is_in(snapshot, chosen):
            raise RequestError(INVALID_PARAMS, "not an action of this server")
        return self._resolve(snapshot, action, chosen)

    async def _resolve(
        self, snapshot: Snapshot, action: types.CodeAction, chosen: _Chosen
    ) -> types.CodeAction:
        try:
            return await self._resolved(snapshot, action, chosen)
        except asyncio.CancelledError:  # by its progress, or at the end: null is no action
            raise RequestError(SERVER_CANCELLED, f"{action.title}: cancelled") from None

    async def _resolved(
        self, snapshot: Snapshot, action: types.CodeAction, chosen: _Chosen
    ) -> types.CodeAction:
        asking = self._asking
        token = messages.Work(work_done_token=await asking.token())
        text_range = TextRange(chosen.start, chosen.end)
        with Work(asking.protocol, token, f"slmcode: {action.title}") as work:
            if chosen.offer:
                outcome = await asking.requests.refactoring.perform(
                    snapshot, text_range, chosen.offer
                )
            else:
                diagnostic = _diagnostic(chosen.problem) if chosen.problem is not None else None
                outcome = await asking.act(
                    chosen.action, snapshot, text_range, work, diagnostic=diagnostic
                )
        answer = asking.answer(outcome)
        action.edit = answer.pop("edit")
        if action.edit is None:
            raise RequestError(REQUEST_FAILED, f"{action.title}: {answer['reason']}")
        action.data = msgspec.to_builtins(chosen) | {"outcome": answer}
        return action


def _wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether the client asked for this kind, or for one that includes it."""
    if only is None:
        return True
    kinds = [o.value if isinstance(o, types.CodeActionKind) else o for o in only]
    kind = kind.value if isinstance(kind, types.CodeActionKind) else kind
    return any(o in ("", kind) or kind.startswith(f"{o}.") for o in kinds)


def _is_in(snapshot: Snapshot, chosen: _Chosen) -> bool:
    """Whether what a client sent back is in the document, and something there is."""
    places: list[_Chosen | _Problem] = [chosen]
    if chosen.problem is not None:
        places.append(chosen.problem)
    return all(p.start <= p.end <= len(snapshot.text) for p in places) and (
        bool(chosen.offer) or chosen.action in actions.IDS
    )


def _carried(diagnostic: Diagnostic) -> _Problem:
    return _Problem(*diagnostic.range, diagnostic.message, diagnostic.source, diagnostic.code)


def _diagnostic(problem: _Problem) -> Diagnostic:
    from slmcode.features.edits.contracts.base import Diagnostic

    where = TextRange(problem.start, problem.end)
    return Diagnostic(where, problem.message, problem.source, problem.code)


def _chosen(
    snapshot: Snapshot,
    lines: TextRange,
    *,
    action: str = "",
    offer: str = "",
    problem: _Problem | None = None,
) -> _Chosen:
    return _Chosen(snapshot.uri, snapshot.version, *lines, action, offer, problem)


def _action(
    title: str,
    kind: str,
    chosen: _Chosen,
    diagnostics: list[types.Diagnostic] | None = None,
) -> types.CodeAction:
    return types.CodeAction(
        title=title, kind=kind, diagnostics=diagnostics, data=msgspec.to_builtins(chosen)
    )
