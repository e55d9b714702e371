"""What every request about code has in common: its document, its progress, its answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from slmcode.features.edits.outcome import Outcome, Refused, refused
from slmcode.lsp import changes, convert, documents, messages
from slmcode.lsp.changes import Client
from slmcode.lsp.documents import Documents
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import INVALID_PARAMS, Protocol, RequestError
from slmcode.lsp.settle import CHANGED, settled
from slmcode.text import Edit, Snapshot, TextRange

if TYPE_CHECKING:  # import the tokenizer, which `initialize` need not wait for
    from slmcode.features.edits.contracts.base import Diagnostic
    from slmcode.features.edits.requests import Requests
    from slmcode.features.session import Completer

REQUEST_FAILED = -32803

_EVERY = 8  # tokens between two reports
_PROGRESS_S = 1.0  # to wait for a client's leave to show progress


class Asking:
    """One client's way to the editing features."""

    def __init__(
        self, protocol: Protocol, documents: Documents, completer: Completer, client: Client
    ) -> None:
        self.protocol = protocol
        self.documents = documents
        self.completer = completer
        self.client = client

    @property
    def requests(self) -> Requests:
        """The editing features."""
        return self.completer.requests

    # Convert in

    def open(self, uri: str) -> Snapshot:
        """The document as it is now. Raises RequestError where it is not open."""
        snapshot = self.documents.get(uri)
        if snapshot is None:
            if self.documents.is_lost(uri):
                raise RequestError(INVALID_PARAMS, documents.lost(uri))
            raise RequestError(INVALID_PARAMS, "the document is not open")
        return snapshot

    def range(self, snapshot: Snapshot, where: types.Range | messages.Span) -> TextRange:
        """A range as offsets."""
        return convert.text_range(snapshot, where, self.documents.encoding)

    def diagnostic(
        self, snapshot: Snapshot, told: types.Diagnostic | messages.Diagnostic
    ) -> Diagnostic:
        """A diagnostic as the features have it."""
        from slmcode.features.edits.contracts.base import Diagnostic

        message = told.message if isinstance(told.message, str) else told.message.value
        code = "" if told.code is None else str(told.code)
        return Diagnostic(self.range(snapshot, told.range), message, told.source or "", code)

    # While it runs

    async def act(
        self,
        action_id: str,
        snapshot: Snapshot,
        text_range: TextRange,
        work: Work,
        *,
        instruction: str = "",
        diagnostic: Diagnostic | None = None,
    ) -> Outcome:
        """What `Requests.act` makes of a document that may change meanwhile.

        A change of the lines the model works on ends the work at once.
        """
        lines = self.requests.editing.lines(snapshot, text_range) or text_range
        report = self.report(work)
        seen = snapshot

        def on_progress(tokens: int) -> None:
            nonlocal seen
            now = self.documents.get(snapshot.uri)
            if now is not seen and self._reached(snapshot, lines):
                raise Refused(CHANGED)
            seen = now or snapshot
            report(tokens)

        outcome = await self.requests.act(
            action_id,
            snapshot,
            text_range,
            instruction=instruction,
            diagnostic=diagnostic,
            on_progress=on_progress,
        )
        if outcome.changes and self._reached(snapshot, lines):
            return refused(outcome.title, CHANGED, outcome.contract)
        return outcome

    def report(self, work: Work) -> Callable[[int], None]:
        """Tells the client now and then how many tokens were written."""
        reported = 0

        def report(tokens: int) -> None:
            nonlocal reported
            if tokens // _EVERY > reported:
                reported = tokens // _EVERY
                work.report(f"{tokens} tokens")

        return report

    def _reached(self, snapshot: Snapshot, lines: TextRange) -> bool:
        """Whether these lines were changed since, or the document is gone."""
        from slmcode.features.edits.rebasing import rebase

        now = self.documents.get(snapshot.uri)
        if now is snapshot or (now is not None and now.text == snapshot.text):
            return False
        later = self.documents.since(snapshot)
        return later is None or rebase(snapshot, [Edit(lines, "")], later) is None

    async def token(self) -> str | None:
        """A token for progress of our own; None where the client does not show it."""
        if not self.client.progress:
            return None
        token = f"slmcode/edit/{uuid.uuid4()}"
        create = self.protocol.send_request_async(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE, types.WorkDoneProgressCreateParams(token)
        )
        try:
            await asyncio.wait_for(create, _PROGRESS_S)
        except (RequestError, TimeoutError):
            return None
        return token

    # Convert out

    def answer(self, outcome: Outcome) -> dict[str, Any]:
        """An outcome as our own requests are answered; `edit` is null where it is refused."""
        outcome = settled(outcome, self.documents)
        edit = None
        if outcome.changes:
            try:
                edit = changes.workspace_edit(outcome, self.client, self.documents.encoding)
            except Refused as e:
                outcome = refused(outcome.title, str(e), outcome.contract)
        return {
            "edit": edit,
            "verdict": outcome.verdict.value,
            "reason": outcome.reason,
            "title": outcome.title,
            "contract": outcome.contract,
            "model": outcome.model,
            "confidence": outcome.confidence,
            "tries": outcome.tries,
        }
