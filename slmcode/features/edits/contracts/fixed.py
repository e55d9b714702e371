"""The contract of a fix: the problem is gone, and there is no new one.

The tool that reported it is run on both texts where it is known and there. Otherwise a syntax error
is gone when the file parses; of any other problem nobody knows, which is what the user is told. A
comment that silences the problem is no fix. Names may go only where the problem speaks of them.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections import Counter

from slmcode.features.edits.contracts import basics, comments, substance
from slmcode.features.edits.contracts.base import Asked, Diagnostic, State
from slmcode.features.edits.contracts.python import (
    Code,
    Fault,
    both,
    compile_error,
    definitions,
    invented,
    names,
)
from slmcode.features.edits.contracts.rerun import Problems, new_problems
from slmcode.features.edits.outcome import Judgement, Verdict
from slmcode.syntax.errors import errors
from slmcode.verify import tools
from slmcode.verify.tools import Problem

_NEAR = 1  # lines between where the editor shows a problem and where the tool says it is
_SAME = "it parses and the names it uses are defined"
# Problems that are mended by taking something out.
_SUPERFLUOUS = re.compile(
    r"unused|never (?:used|read)|not (?:used|accessed|read)|imported but|redefin|duplicate"
    r"|unnecessary|redundant|superfluous|unreachable|dead code|remove|delete|obsolete",
    re.IGNORECASE,
)
_UNDEFINED = re.compile(
    r"undefined name [`'\"‘]?(\w+)|name [`'\"‘](\w+)[`'\"’] is not defined"
    r"|[`'\"‘](\w+)[`'\"’] is (?:not defined|possibly unbound|unbound)",
    re.IGNORECASE,
)
_SILENCED = re.compile(
    r"#!?\[(?:allow|expect)\(|@SuppressWarnings|#pragma\s+(?:warning\s+disable|GCC\s+diagnostic)"
    r"|\bcast\(\s*[\"']?Any\b|\bas any\b|\bas unknown as\b"
)
_WORD = re.compile(r"\w+")


class Fixed:
    """The problem is gone, and there is no new one."""

    name = "fixed"
    promise = "the problem is gone and there is no new one"

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """May run the tool that found the problem, twice, in the sandbox."""
        diagnostic = asked.diagnostic
        message = asked.instruction if diagnostic is None else diagnostic.message
        superfluous = bool(_SUPERFLUOUS.search(message))
        fault = basics.fault(before, after, "remove" if superfluous else "")
        if fault:
            return Judgement(fault)
        try:
            await asyncio.to_thread(_judge, before, after, message, superfluous)
            if diagnostic is None:
                return Judgement("", f"{_SAME}; whether the problem is gone is not known")
            checked, verified = await _gone(before, after, asked, diagnostic)
        except Fault as e:
            return Judgement(str(e))
        except RecursionError:
            return Judgement("the code is nested too deeply to be compared")
        verdict = Verdict.VERIFIED if verified else Verdict.NOT_VERIFIED
        return Judgement("", checked, verdict)


def _judge(before: State, after: State, message: str, superfluous: bool) -> None:
    """What needs no tool. Raises Fault."""
    substance.nothing_left_out(before, after)
    _not_silenced(before, after)
    if superfluous:
        _only_what_is_spoken_of(before, after, message)
    if before.tree is None or before.tree.grammar != "python":
        return
    old, new = before.snapshot.text, after.snapshot.text
    unknown = invented(old, new)
    if unknown:
        raise Fault(f"it uses {', '.join(unknown)}, which is not defined")
    named = {g for m in _UNDEFINED.finditer(message) for g in m.groups() if g}
    still = sorted(named & names(new).unresolved & names(old).unresolved)
    if still:
        raise Fault(f"{still[0]} is still not defined")
    try:
        code = both(before, after)
    except Fault:
        return  # there are syntax errors that the fix need not mend
    empty = _empty(code.after) - _empty(code.before)
    if empty:
        raise Fault(f"nothing is left of {min(empty)}")


def _empty(code: Code) -> set[str]:
    """The functions and classes that do nothing."""
    return {
        d.name
        for d in definitions(code.tree)
        if all(
            isinstance(s, ast.Pass)
            or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            or (isinstance(s, ast.Raise) and "NotImplemented" in ast.unparse(s))
            for s in d.body
        )
    }


def _not_silenced(before: State, after: State) -> None:
    """Raises Fault for a new comment or attribute that only hides problems."""
    grammar = before.tree.grammar if before.tree is not None else ""
    counts = []
    for state in (before, after):
        read = [c.text for c in comments.comments(state) if comments.is_directive(c.text, grammar)]
        counts.append(Counter([*read, *_SILENCED.findall(state.snapshot.text)]))
    fresh = counts[1] - counts[0]
    if fresh:
        shown = comments.shown(next(iter(fresh)))
        raise Fault(f"`{shown}` hides the problem and does not mend it")


def _only_what_is_spoken_of(before: State, after: State, message: str) -> None:
    """Raises Fault where a name is gone that the problem does not name."""
    said = {*_WORD.findall(message)}
    gone = _defined(before) - _defined(after)
    other = sorted(name for name in gone if not {*_WORD.findall(name)} & said)
    if other:
        raise Fault(f"{other[0]} is not defined any more")


def _defined(state: State) -> set[str]:
    found = {d.name for d in state.outline.definitions}
    for imported in state.outline.imports:
        brought = {here for _, here in imported.names}
        found |= brought or {imported.alias or imported.module}
    return found


async def _gone(
    before: State, after: State, asked: Asked, diagnostic: Diagnostic
) -> tuple[str, bool]:
    """What is known of the problem, and whether that is sure. Raises Fault."""
    tool = tools.tool_of(diagnostic.source, before.snapshot.language_id)
    if tool is not None:
        found = await new_problems(tool, before, after, asked)
        if isinstance(found, str):
            why = f"{tool} was not asked: {found}"
        elif not (reported := _reported(before, asked, diagnostic, found)):
            why = f"{tool} does not report it here without the edit either"
        else:
            _is_gone(reported, after, asked, found, tool)
            return f"{tool} does not report it any more, and nothing new", True
    else:
        name = diagnostic.source or "the program that reported it"
        why = f"{name} cannot be asked again"
    parses = await asyncio.to_thread(_parses_again, before, after, diagnostic)
    if parses:
        return parses, True
    return f"{_SAME}; whether the problem is gone is not known ({why})", False


def _reported(
    before: State, asked: Asked, diagnostic: Diagnostic, found: Problems
) -> list[Problem]:
    """The tool's own problems that the diagnostic may be."""
    snapshot = before.snapshot
    first = snapshot.line_at(diagnostic.range.start) + 1 - _NEAR
    last = snapshot.line_at(diagnostic.range.end) + 1 + _NEAR
    here = [p for p in found.before if p.path == asked.place.path and first <= p.line <= last]
    by_code = [p for p in here if p.code and p.code == diagnostic.code]
    by_text = [p for p in here if _alike(p.message, diagnostic.message)]
    return [p for p in by_code if p in by_text] or by_code or by_text


def _alike(a: str, b: str) -> bool:
    """Whether two messages say the same: editors shorten them, and quote in other ways."""
    x, y = (" ".join(_WORD.findall(text.lower())) for text in (a, b))
    return bool(x and y) and (x in y or y in x)


def _is_gone(
    reported: list[Problem], after: State, asked: Asked, found: Problems, tool: str
) -> None:
    """Raises Fault where the tool still reports the problem, or another one."""
    wanted = reported[0]
    before = [p for p in found.before if _kind(p) == _kind(wanted)]
    still = [p for p in found.after if _kind(p) == _kind(wanted)]
    if len(still) >= len(before):
        raise Fault(f"{tool} still reports it: {wanted.message}")
    if found.new:
        new = found.new[0]
        where = f"line {new.line}" if new.path == asked.place.path else new.path.name
        raise Fault(f"{tool} reports something new in {where}: {new.message}")


def _kind(problem: Problem) -> tuple[object, str, str]:
    return problem.path, problem.code, problem.message


def _parses_again(before: State, after: State, diagnostic: Diagnostic) -> str:
    """What to say where the problem was a syntax error, which is gone; "" where it was none."""
    if before.tree is None or after.tree is None:
        return ""
    old, new = errors(before.tree), errors(after.tree)
    if before.tree.grammar == "python" and compile_error(before.snapshot.text):
        return "" if compile_error(after.snapshot.text) else "the file had an error and compiles"
    return "the file had a syntax error and parses" if old and not new else ""
