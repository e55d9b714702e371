"""Names that the model proposes; what is done with them follows rules. Event loop only."""

from __future__ import annotations

import ast
import asyncio
import builtins
import keyword
import re
import uuid
from typing import TYPE_CHECKING

from slmcode.features.edits.actions import CLEAR_NAMES
from slmcode.features.edits.contracts.base import State, state
from slmcode.features.edits.headers import first_header, parameters_of
from slmcode.features.edits.outcome import Change, Outcome, Refused, Verdict, refused
from slmcode.features.edits.reply import OnProgress, Writer, open_writer
from slmcode.features.edits.rewriting import hunks
from slmcode.features.edits.selection import selected
from slmcode.features.resources import Resources
from slmcode.prompt.edit import TooLong
from slmcode.prompt.naming import clear_names, one_name
from slmcode.syntax.locals import Locals, Uncertain
from slmcode.syntax.symbols import outline
from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.edits.refactoring import Refactoring

_LIMIT_S = 3.0  # for the name of something extracted; then it gets a plain one
_LONGEST = 40  # characters of a name
_MOST = 24  # names that are asked about at once
_CHARS = 2000  # of code that is shown for a name
_PLAIN = {
    "extract-variable": ("value", "extracted", "extracted_value"),
    "extract-function": ("extracted", "extracted_function", "helper"),
}
_WORD = re.compile(r"[^\W\d]\w*")
_PAIR = re.compile(r"^\W*(\w+)\W*?(?:->|=>|→|:)\W*(\w+)\W*$", re.MULTILINE)


async def propose(
    resources: Resources, snapshot: Snapshot, text_range: TextRange, operation: str
) -> str:
    """A name for what is extracted, which the document does not hold yet.

    The model's if it has a good one within three seconds, else a plain one.
    """
    taken = set(re.findall(r"\w+", snapshot.text))
    plain = [name for name in _PLAIN[operation] if name not in taken]
    fallback = plain[0] if plain else f"extracted_{uuid.uuid4().hex[:6]}"
    try:
        async with asyncio.timeout(_LIMIT_S):
            found = await _asked(resources, snapshot, text_range, operation)
    except (Refused, TooLong, TimeoutError):
        return fallback
    found = _in_style(found, snapshot.language_id)
    return found if is_name(found) and found not in taken else fallback


async def _asked(
    resources: Resources, snapshot: Snapshot, text_range: TextRange, operation: str
) -> str:
    """The model's answer. Raises Refused or TooLong."""
    writer = await open_writer(resources)
    model = writer.model
    start, end = text_range
    kind = "variable" if operation == "extract-variable" else "function"
    prompt = one_name(
        model.tokenizer,
        model.chat,
        snapshot.language_id,
        snapshot.text[max(0, start - _CHARS) : start],
        snapshot.text[start : min(end, start + _CHARS)],
        kind,
        n_ctx=model.n_ctx,
    )
    answer = await writer.write(
        prompt, f"name {uuid.uuid4()}", lambda text: bool(re.search(r"\w\W", text))
    )
    match = _WORD.search(answer.text)
    return match[0] if match is not None else ""


def _in_style(name: str, language_id: str) -> str:
    """Python's names have underscores."""
    if language_id != "python" or not name or "_" in name:
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_name(name: str) -> bool:
    """Whether a proposal can be a name: short, plain, and without a meaning of its own."""
    return (
        bool(_WORD.fullmatch(name))
        and len(name) <= _LONGEST
        and name.isascii()
        and not name.startswith("_")
        and not keyword.iskeyword(name)
        and not keyword.issoftkeyword(name)
        and not hasattr(builtins, name)
    )


def _parameters(before: State) -> set[str]:
    """Those of the function: callers may give them by name, so they are not its own to rename."""
    header = first_header(before)
    if header is None or isinstance(header.node, ast.ClassDef):
        return set()
    return {parameter.arg for parameter in parameters_of(header.node.args)}


class ClearNames:
    """Clearer names for the local variables of a function."""

    def __init__(self, resources: Resources, refactoring: Refactoring) -> None:
        self._resources = resources
        self._refactoring = refactoring

    async def rename(
        self,
        snapshot: Snapshot,
        text_range: TextRange,
        on_progress: OnProgress = lambda tokens: None,
    ) -> Outcome:
        """The function at the cursor or in the selection, its local names renamed."""
        try:
            return await self._rename(snapshot, text_range, on_progress)
        except (Refused, TooLong, Uncertain) as e:
            return refused(CLEAR_NAMES.title, str(e))

    async def _rename(
        self, snapshot: Snapshot, text_range: TextRange, on_progress: OnProgress
    ) -> Outcome:
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        if tree is None:
            raise Refused("local names of this language are not known")
        known = Locals(tree)
        lines = selected(snapshot, text_range, outline(tree, snapshot.text).definitions)
        parameters = _parameters(state(self._resources.syntax, snapshot, lines))
        names = [
            name.text
            for name in known.every(*lines)
            if name.text not in parameters and name.text.strip("_")
        ]
        names = list(dict.fromkeys(names))[:_MOST]
        if not names:
            raise Refused("the function has no local names that can be renamed for certain")
        writer = await open_writer(self._resources, on_progress)
        wanted = await self._proposals(writer, snapshot, lines, names)
        done, skipped, here = await self._renamed(snapshot, lines, wanted)
        outcome = self._outcome(snapshot, here, done, skipped)
        outcome_cost = {"model": writer.model.name, "tries": 1, "spent": writer.spent}
        return Outcome(**{**outcome.__dict__, **outcome_cost})

    async def _proposals(
        self, writer: Writer, snapshot: Snapshot, lines: TextRange, names: list[str]
    ) -> dict[str, str]:
        """What the model would call which name. Raises Refused or TooLong."""
        model = writer.model
        code = snapshot.text[slice(*lines)]
        prompt = clear_names(
            model.tokenizer, model.chat, snapshot.language_id, code, names, n_ctx=model.n_ctx
        )
        sequence = f"names {uuid.uuid4()}"
        answer = await writer.write(prompt, sequence, lambda text: prompt.fence in text)
        pairs = _PAIR.findall(answer.text.partition(prompt.fence)[0])
        return {old: new for old, new in pairs if old in names and old != new}

    async def _renamed(
        self, snapshot: Snapshot, lines: TextRange, wanted: dict[str, str]
    ) -> tuple[list[str], list[str], Snapshot]:
        """What was renamed, what was not and why, and the document afterwards."""
        done: list[str] = []
        skipped: list[str] = []
        here, end = snapshot, lines.end
        for old, new in wanted.items():
            if not is_name(new):
                skipped.append(f"`{old}` (`{new}` is no good name)")
                continue
            place = self._place(here, TextRange(lines.start, end), old)
            if place is None:
                skipped.append(f"`{old}` (not certain)")
                continue
            outcome = await self._refactoring.rename(here, place, new)
            if len(outcome.changes) != 1 or outcome.changes[0].uri != snapshot.uri:
                why = outcome.reason if not outcome.changes else "other files use it"
                skipped.append(f"`{old}` ({why})")
                continue
            after = outcome.changes[0].after
            end += len(after) - len(here.text)
            here = Snapshot(snapshot.uri, snapshot.language_id, snapshot.version, after)
            done.append(f"{old} -> {new}")
        return done, skipped, here

    def _place(self, snapshot: Snapshot, lines: TextRange, name: str) -> int | None:
        """Where a local name is bound in the lines."""
        tree = self._resources.syntax.tree(snapshot, budget_ms=0)
        if tree is None:
            return None
        for found in Locals(tree).every(*lines):
            if found.text == name:
                return found.definitions[0].start
        return None

    def _outcome(
        self, snapshot: Snapshot, after: Snapshot, done: list[str], skipped: list[str]
    ) -> Outcome:
        left = f"; left as they are: {', '.join(skipped)}" if skipped else ""
        if not done:
            raise Refused("the model has no clearer names" + left)
        reason = f"renamed by rules: {', '.join(done)}{left}"
        change = Change(snapshot.uri, snapshot, tuple(hunks(0, snapshot.text, after.text)))
        return Outcome(CLEAR_NAMES.title, Verdict.EXACT, reason, changes=(change,))
