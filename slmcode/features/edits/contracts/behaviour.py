"""The contract of a rewrite: those who use the code notice nothing.

- Python: it defines the same names with the same signatures, see `interface`; every name it uses
  is defined, and what it raises, says and calls is as before, see `substance`.
- Other languages: the signatures of what the lines define, and the numbers and texts in them.
- Where the user named a test command, it is run on both; no test fails that did not before. Without
  one nobody knows whether the code does the same, which is what the user is told.
"""

from __future__ import annotations

import asyncio
import re

from slmcode.features.edits.contracts import basics, interface, substance
from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.contracts.python import Fault, both, difference
from slmcode.features.edits.contracts.rerun import Tests
from slmcode.features.edits.outcome import Judgement, Verdict

_CALLABLES = ("function", "method")
_SCRIPTS = ("javascript", "typescript", "tsx")


class Behaviour:
    """The same names, signatures and, as far as tests tell, results."""

    name = "behaviour"
    promise = "it defines the same names with the same signatures, and the tests pass"

    def __init__(self) -> None:
        self._tests = Tests()

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """Runs the project's tests in the sandbox, where there is a command for them."""
        fault = basics.fault(before, after, asked.instruction)
        if fault:
            return Judgement(fault)
        try:
            checked = await asyncio.to_thread(_judge, before, after, asked)
            said, verified = await self._tests.compare(before, after, asked)
        except Fault as e:
            return Judgement(str(e))
        except RecursionError:
            return Judgement("the code is nested too deeply to be compared")
        verdict = Verdict.VERIFIED if verified else Verdict.NOT_VERIFIED
        return Judgement("", f"{checked}; {said}", verdict)


def _judge(before: State, after: State, asked: Asked) -> str:
    """What was checked without running anything. Raises Fault."""
    substance.nothing_left_out(before, after)
    if before.tree is None or after.tree is None:
        return "there is no grammar for this language: nothing was compared"
    if before.tree.grammar != "python":
        _same_signatures(before, after)
        substance.same_literals(before, after)
        return "it defines the same names with the same signatures"
    code = both(before, after)
    if difference(code.before.tree, code.after.tree) is None:
        raise Fault("it changes nothing but comments and blanks")
    interface.same(code.before.tree, code.after.tree)
    substance.kept(code, asked.place.folder, asked.place.path)
    substance.is_old_enough(code.after, asked.place.folder)
    parts = ["it defines the same names with the same signatures", code.note]
    return "; ".join(filter(None, parts))


def _same_signatures(before: State, after: State) -> None:
    """Raises Fault where a definition in the lines has another signature."""
    old, new = _signatures(before), _signatures(after)
    for (scope, name), signature in old.items():
        if (scope, name) in new and signature != new[scope, name]:
            raise Fault(f"it changes the signature of {name}")
        if (scope, name) not in new:
            raise Fault(f"{name} is gone")


def _signatures(state: State) -> dict[tuple[str, str], list[str]]:
    assert state.tree is not None
    start, end = state.lines
    found: dict[tuple[str, str], list[str]] = {}
    for d in state.outline.definitions:
        if start <= d.start < end and d.kind in _CALLABLES:
            text = d.signature
            if state.tree.grammar in _SCRIPTS:  # a function may become an arrow
                text = ("async" if re.search(r"\basync\b", text) else "") + _arguments(text)
            found.setdefault((d.scope, d.name), []).append("".join(text.split()))
    return found


def _arguments(signature: str) -> str:
    """From the first bracket on, arrows left out; `x =>` is `(x)`."""
    bare = re.search(r"=\s*(?:async\s+)?([\w$]+)\s*(?:=>|$)", signature)
    if "(" not in signature and bare is not None:
        return f"({bare[1]})"
    return signature[signature.find("(") :].replace("=>", "").strip()
