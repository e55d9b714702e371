"""The problem that "fix" is for, where nobody names one: what the project's tools find."""

from __future__ import annotations

from slmcode.features.edits.contracts.base import Diagnostic
from slmcode.features.edits.outcome import Refused
from slmcode.features.edits.place import Place
from slmcode.text import Snapshot, TextRange
from slmcode.verify import tools
from slmcode.verify.tools import Problem

# The tools of a language, in the order they are asked; Python's type checker is the project's.
_TOOLS = {
    "python": ("ruff",),
    "typescript": ("tsc",),
    "typescriptreact": ("tsc",),
    "javascript": ("tsc",),
    "javascriptreact": ("tsc",),
    "go": ("go vet",),
    "rust": ("cargo",),
    "java": ("javac",),
    "c": ("gcc",),
    "cpp": ("gcc",),
}


async def first_problem(snapshot: Snapshot, text_range: TextRange, place: Place) -> Diagnostic:
    """The first problem that begins in the range's lines. Runs the tools, in the sandbox.

    Raises Refused where there is none, or nothing that finds one.
    """
    folder, path = place.folder, place.path
    if folder is None or path is None:
        raise Refused("this document has no file that a tool could look at")
    names: tuple[str, ...] = _TOOLS.get(snapshot.language_id, ())
    if snapshot.language_id == "python" and (checker := tools.configured(folder)):
        names = (*names, checker)
    if not names:
        raise Refused(f"no tool is known that finds problems in {snapshot.language_id or 'it'}")
    overlay = {**place.unsaved, path: snapshot.text}
    first, last = snapshot.line_at(text_range.start), snapshot.line_at(text_range.end)
    asked = []
    for name in names:
        found = await tools.problems(name, folder, path, overlay)
        if found is None:
            continue
        asked.append(name)
        here = [p for p in found if p.path == path and first <= p.line - 1 <= last]
        if here:
            return _diagnostic(snapshot, min(here, key=lambda p: (p.line, p.column)), name)
    if not asked:
        raise Refused(f"{' and '.join(names)} cannot be run here, so no problem is known")
    raise Refused(f"{' and '.join(asked)} found no problem in these lines")


def _diagnostic(snapshot: Snapshot, problem: Problem, tool: str) -> Diagnostic:
    start = snapshot.line_starts[min(problem.line, len(snapshot.line_starts)) - 1]
    at = min(start + max(0, problem.column - 1), snapshot.line_end(start))
    return Diagnostic(TextRange(at, at), problem.message, tool, problem.code)
