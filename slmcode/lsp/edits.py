"""Edits, renames, explanations and plans between LSP and the features.

Every method is a plain function that takes the document as it is now and returns a value or a
coroutine, as `handlers` wants it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from slmcode.features.edits import actions
from slmcode.features.edits.outcome import Outcome, Refused
from slmcode.lsp import convert, messages
from slmcode.lsp.asking import REQUEST_FAILED, Asking
from slmcode.lsp.positions import to_offset
from slmcode.lsp.progress import Work
from slmcode.lsp.protocol import INVALID_PARAMS, RequestError
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.edits.modules import Plan, Result, UnitDone

Answer = Coroutine[Any, Any, dict[str, Any]]

_PLANS = 8  # kept; a plan holds a document's text

# What `initialize` says can be asked for.
ABILITIES: dict[str, Any] = {
    "edit": True,
    "explain": True,
    "debug": True,
    "modules": True,
    "willEdit": True,
    "actions": list(actions.IDS),
}


def rename_options(capabilities: types.ClientCapabilities) -> types.RenameOptions | None:
    """What the server says of renaming to this client; None to one that does not rename."""
    document = capabilities.text_document
    rename = document.rename if document else None
    if rename is None:
        return None
    return types.RenameOptions(prepare_provider=rename.prepare_support or None)


class Edits:
    """What one client asks of the editing features, code actions apart."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    # Rewriting

    def edit(self, params: messages.Edit) -> Answer:
        """`slmcode/edit`."""
        snapshot = self._asking.open(params.text_document.uri)
        text_range = self._asking.range(snapshot, params.range)
        return self._working(
            params,
            "slmcode: editing",
            lambda work: self._asking.act(
                actions.INSTRUCTION, snapshot, text_range, work, instruction=params.instruction
            ),
        )

    def action(self, params: messages.Action) -> Answer:
        """`slmcode/action`."""
        if params.action not in actions.IDS:
            known = ", ".join(actions.IDS)
            raise RequestError(INVALID_PARAMS, f"the action is one of: {known}")
        snapshot = self._asking.open(params.text_document.uri)
        text_range = self._asking.range(snapshot, params.range)
        told = params.diagnostic
        diagnostic = None if told is None else self._asking.diagnostic(snapshot, told)
        return self._working(
            params,
            "slmcode: editing",
            lambda work: self._asking.act(
                params.action, snapshot, text_range, work, diagnostic=diagnostic
            ),
        )

    def will_edit(self, params: messages.WillEdit) -> Coroutine[Any, Any, None] | None:
        """`slmcode/willEdit`: the prompt is evaluated while the user types the instruction."""
        snapshot = self._asking.documents.get(params.text_document.uri)
        if snapshot is None:
            return None
        text_range = self._asking.range(snapshot, params.range)
        return self._asking.requests.warm(snapshot, text_range)

    async def _working(
        self,
        params: messages.Work,
        title: str,
        begin: Callable[[Work], Awaitable[Outcome]],
    ) -> dict[str, Any]:
        with Work(self._asking.protocol, params, title) as work:
            outcome = await begin(work)
        return self._asking.answer(outcome)

    # Renaming

    def prepare_rename(
        self, params: types.PrepareRenameParams
    ) -> Coroutine[Any, Any, types.PrepareRenamePlaceholder]:
        """`textDocument/prepareRename`."""
        snapshot = self._asking.open(params.text_document.uri)
        return self._prepare_rename(snapshot, self._offset(snapshot, params.position))

    async def _prepare_rename(
        self, snapshot: Snapshot, offset: int
    ) -> types.PrepareRenamePlaceholder:
        try:
            found = await self._asking.requests.refactoring.prepare_rename(snapshot, offset)
        except Refused as e:
            raise RequestError(REQUEST_FAILED, str(e)) from None
        where = convert.lsp_range(snapshot, found, self._asking.documents.encoding)
        return types.PrepareRenamePlaceholder(where, snapshot.text[slice(*found)])

    def rename(self, params: types.RenameParams) -> Coroutine[Any, Any, types.WorkspaceEdit]:
        """`textDocument/rename`."""
        snapshot = self._asking.open(params.text_document.uri)
        offset = self._offset(snapshot, params.position)
        return self._rename(snapshot, offset, params)

    async def _rename(
        self, snapshot: Snapshot, offset: int, params: types.RenameParams
    ) -> types.WorkspaceEdit:
        token = messages.Work(work_done_token=params.work_done_token)
        with Work(self._asking.protocol, token, "slmcode: renaming"):
            outcome = await self._asking.requests.refactoring.rename(
                snapshot, offset, params.new_name
            )
        answer = self._asking.answer(outcome)
        edit: types.WorkspaceEdit | None = answer["edit"]
        if edit is None:
            raise RequestError(REQUEST_FAILED, answer["reason"])
        return edit

    # Explaining and debugging

    def explain(self, params: messages.Explain) -> Coroutine[Any, Any, dict[str, str]]:
        """`slmcode/explain`."""
        explaining = self._asking.requests.explaining
        if params.trace is not None:
            folder, trace = self._folder("", params.text_document), params.trace
            return self._explain(
                params, lambda on_piece: explaining.explain_trace(trace, folder, on_piece)
            )
        if params.text_document is None:
            raise RequestError(INVALID_PARAMS, "either a document or a trace is to be explained")
        snapshot = self._asking.open(params.text_document.uri)
        told = params.diagnostic
        where = params.range or (told.range if told is not None else None)
        if where is None:
            raise RequestError(INVALID_PARAMS, "there is no range and no diagnostic")
        text_range = self._asking.range(snapshot, where)
        diagnostic = None if told is None else self._asking.diagnostic(snapshot, told)
        return self._explain(
            params,
            lambda on_piece: explaining.explain(snapshot, text_range, on_piece, diagnostic),
        )

    async def _explain(
        self,
        params: messages.Explain,
        begin: Callable[[Callable[[str], None]], Awaitable[str]],
    ) -> dict[str, str]:
        with Work(self._asking.protocol, params, "slmcode: explaining") as work:
            try:
                text = await begin(lambda piece: work.part({"text": piece}))
            except Refused as e:
                raise RequestError(REQUEST_FAILED, str(e)) from None
        return {"text": text}

    def debug(self, params: messages.Debug) -> Answer:
        """`slmcode/debug`."""
        folder = self._folder(params.folder, params.text_document)
        if folder is None or not _is_folder(folder):
            raise RequestError(INVALID_PARAMS, "there is no folder to run the command in")
        return self._working(
            params,
            "slmcode: debugging",
            lambda work: self._asking.requests.debugging.debug(
                params.command,
                folder,
                self._asking.report(work),
                lambda step: _step(work, step),
            ),
        )

    def _folder(self, uri: str, document: messages.Document | None) -> Path | None:
        """The folder that a request is about: the one it names, its document's, or the first."""
        from slmcode.features.project import file_of

        if uri:
            return file_of(uri)
        snapshot = None if document is None else self._asking.documents.get(document.uri)
        if snapshot is not None:
            return self._asking.requests.folder(snapshot)
        first = next(iter(self._asking.documents.folders), None)
        return None if first is None else file_of(first)

    # Whole modules

    def plan_module(self, params: messages.PlanModule) -> dict[str, Any]:
        """`slmcode/planModule`."""
        snapshot = self._asking.open(params.text_document.uri)
        try:
            plan = self._asking.requests.modules.plan(snapshot, params.instruction)
        except Refused as e:
            raise RequestError(REQUEST_FAILED, str(e)) from None
        plan_id = str(uuid.uuid4())
        self._plans[plan_id] = plan
        if len(self._plans) > _PLANS:
            self._plans.popitem(last=False)
        return {
            "planId": plan_id,
            "instruction": plan.instruction,
            "units": [
                {
                    "name": unit.name,
                    "range": self._lines(plan, unit.lines),
                    "after": list(unit.after),
                }
                for unit in plan.units
            ],
            "leftOut": [{"name": name, "reason": reason} for name, reason in plan.left_out],
        }

    def refactor_module(self, params: messages.RefactorModule) -> Answer:
        """`slmcode/refactorModule`. Cancelled, it is answered with what is done."""
        plan = self._plans.get(params.plan_id)
        if plan is None:
            raise RequestError(INVALID_PARAMS, "there is no such plan any more")
        return self._refactor_module(plan, params)

    async def _refactor_module(self, plan: Plan, params: messages.RefactorModule) -> dict[str, Any]:
        modules = self._asking.requests.modules
        n_wanted = len(plan.units if params.units is None else params.units)
        done: tuple[Result, ...] = ()

        def on_unit(unit: UnitDone) -> None:
            nonlocal done
            done = unit.done
            work.report(
                f"{len(done)} of {n_wanted}: {unit.newest.unit.name}",
                min(100, 100 * len(done) // max(1, n_wanted)),
            )
            work.part({"units": self._results(plan, done)})

        with Work(self._asking.protocol, params, "slmcode: refactoring the module") as work:
            try:
                outcome = await modules.refactor(
                    plan, params.units, on_unit, self._asking.report(work)
                )
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()  # it ends in order: with what is done
                outcome = modules.outcome(plan, done)
        return self._asking.answer(outcome) | {"units": self._results(plan, done)}

    def _results(self, plan: Plan, done: Sequence[Result]) -> list[dict[str, Any]]:
        return [
            {
                "name": result.unit.name,
                "verdict": result.verdict.value,
                "reason": result.reason,
                "range": self._lines(plan, result.unit.lines),
            }
            for result in done
        ]

    def _lines(self, plan: Plan, lines: TextRange) -> types.Range:
        return convert.lsp_range(plan.snapshot, lines, self._asking.documents.encoding)

    def _offset(self, snapshot: Snapshot, position: types.Position) -> int:
        encoding = self._asking.documents.encoding
        return to_offset(snapshot, position.line, position.character, encoding)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a loop of links
        return False


def _step(work: Work, step: str) -> None:
    work.report(step)
    work.part({"step": step})
