"""Does a translation behave as its original? Both are run on the same inputs and compared.

Compared are standard output, exit code and the files written, byte by byte, and whether something
was written to standard error; where the original gave up with an error of its runtime, that the
translation gives up too, not by which words. Inputs on which the original does not end are not
comparable, and neither is an original that does not do the same twice.
"""

from __future__ import annotations

import enum
import re
import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from slmcode.verify import sandbox
from slmcode.verify.coverage import Coverage
from slmcode.verify.inputs import Facts, Generated, why_not
from slmcode.verify.programs import MALFORMED, Input, Outcome, Runnable, run_all
from slmcode.verify.variants import smaller, weight

_LEAST_S = 10.0  # of processors, for the translation on one input
_SLOWER = 200  # times the original it may be
_SHRINKING_S = 20.0
_STEPS = 48  # smaller inputs tried in one sandbox
_EARLY = 8  # inputs in the first sandbox where the first difference ends it
_ORIGINAL_S = 10.0
_SUSPECTS = 20  # lines named at most


class Verdict(enum.StrEnum):
    PROVED = "proved"
    DIFFERS = "differs"
    NOT_PROVED = "not proved"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest input found on which the two do not behave alike."""

    input: Input
    expected: Outcome  # of the original
    actual: Outcome
    what: str  # "stdout, line 3", "exit code", "file OUT.DAT", "the translation does not end"
    unit: str = ""  # the suspected one of `Facts.units`, "" where there is no suspicion
    source_lines: tuple[int, ...] = ()  # of the original, most suspicious first, from 1
    line: int = 0  # of the translation, where its error was raised, from 1; 0 for none


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict and what it stands on."""

    verdict: Verdict
    reason: str  # one sentence
    inputs_tried: int = 0  # compared, malformed ones apart
    coverage: Coverage | None = None  # of the original
    difference: Difference | None = None
    failing: tuple[Input, ...] = ()  # all inputs that differ, not shrunk
    malformed_tried: int = 0
    malformed: Difference | None = None  # on malformed input only
    discarded: dict[str, int] = {}  # inputs that could not be compared: reason -> how many
    weaker: str = ""  # barriers that are not held here
    seconds: float = 0.0


async def compare(
    original: Runnable,
    translation: Runnable,
    inputs: Generated,
    facts: Facts | None = None,
    *,
    shrink: bool = True,
    stop_early: bool = False,
) -> Comparison:
    """Run the translation on the inputs and compare with what the original did.

    The original's outcomes are those in `inputs`; it is run again for shrinking, and on inputs that
    differ, to see that it does the same twice. `stop_early`: the first difference ends it, as is
    enough for a step of polishing. Raises SandboxRefused.
    """
    began = time.monotonic()
    pairs = list(zip(inputs.inputs, inputs.outcomes, strict=True))
    discarded = Counter(inputs.discarded)
    comparable = []
    for one, expected in pairs:
        # on a given input an error is what the program does; without an end there is nothing
        if "signal" in expected.error:
            discarded["the original crashed"] += 1
        elif expected.stopped in ("", "output"):
            comparable.append((one, expected))
        else:
            discarded[why_not(expected)] += 1
    if not comparable:
        return _nothing(inputs, discarded, began)
    actual = await _translated(translation, comparable, stop_early)
    tried = [
        (*pair, outcome)
        for pair, outcome in zip(comparable, actual, strict=False)
        if outcome.stopped != "late"
    ]
    discarded["the time was over before the translation was run"] += sum(
        outcome.stopped == "late" for outcome in actual
    )
    differing = [one for one in tried if difference(one[1], one[2])]
    steady = await _steady(original, differing)
    discarded["the original does not do the same twice"] += len(differing) - len(steady)
    discarded += Counter()  # without zeros
    unsteady = len(differing) - len(steady)
    decisive = [one for one in steady if one[0].kind != MALFORMED]
    odd = [one for one in steady if one[0].kind == MALFORMED]
    count = sum(one[0].kind != MALFORMED for one in tried) - unsteady
    smallest = await _smallest(original, translation, decisive, tried, facts, shrink, inputs.checks)
    if count <= 0:
        return _nothing(inputs, discarded, began)
    verdict = Verdict.DIFFERS if smallest else Verdict.PROVED
    reason = _reason(smallest, count, len(decisive), inputs.coverage)
    if not smallest and all(_says_nothing(expected) for _, expected, _ in tried):
        verdict = Verdict.NOT_PROVED  # an empty translation would behave alike
        reason = (
            f"the original prints nothing, writes nothing and does not fail on {_inputs(count)}:"
            " there was nothing to compare"
        )
    return Comparison(
        verdict=verdict,
        reason=reason,
        inputs_tried=count,
        coverage=inputs.coverage,
        difference=smallest,
        failing=tuple(one[0] for one in decisive),
        malformed_tried=len(tried) - count - unsteady,
        malformed=await _smallest(original, translation, odd, tried, facts, False),
        discarded=dict(discarded),
        weaker="" if _held() else "project code is not kept from this machine here",
        seconds=time.monotonic() - began,
    )


_Tried = tuple[Input, Outcome, Outcome]


def difference(expected: Outcome, actual: Outcome) -> str:
    """In what the two differ, "" where they do not."""
    if expected.stopped or actual.stopped:
        return _stopped_difference(expected, actual)
    if expected.stdout_digest != actual.stdout_digest:
        if actual.error and not expected.error:
            return "the translation ends with an error"
        return f"stdout, line {_line_of(expected.stdout, actual.stdout)}"
    if bool(expected.error) != bool(actual.error):
        return "the translation ends with an error" if actual.error else "the error is not there"
    if expected.error:
        if actual.exit_code == 0:
            return "exit code"
    elif expected.exit_code != actual.exit_code:
        return "exit code"
    elif bool(expected.stderr) != bool(actual.stderr):
        return "stderr"
    for name in sorted({*expected.files, *actual.files}):
        if expected.files.get(name) != actual.files.get(name):
            return f"file {name}"
    return ""


def _stopped_difference(expected: Outcome, actual: Outcome) -> str:
    shorter = min(len(expected.stdout), len(actual.stdout))
    if expected.stdout[:shorter] != actual.stdout[:shorter]:
        return f"stdout, line {_line_of(expected.stdout, actual.stdout)}"
    if expected.stopped == actual.stopped:
        return ""
    if actual.stopped:
        return {
            "time": "the translation does not end",
            "output": "the translation prints without end",
        }.get(actual.stopped, f"the translation takes too much {actual.stopped}")
    return "the translation ends, the original does not"


def _line_of(expected: bytes, actual: bytes) -> int:
    same = 0
    for a, b in zip(expected, actual, strict=False):
        if a != b:
            break
        same += 1
    return expected.count(b"\n", 0, same) + 1


async def _translated(
    translation: Runnable, pairs: Sequence[tuple[Input, Outcome]], stop_early: bool
) -> list[Outcome]:
    """How the translation ends on the inputs; on the first of them where a difference ends it."""
    cpu_s = max(_LEAST_S, *(_SLOWER * expected.seconds for _, expected in pairs))
    found: list[Outcome] = []
    size = _EARLY if stop_early else len(pairs)
    while len(found) < len(pairs):
        part = pairs[len(found) : len(found) + size]
        outcomes = await run_all(translation, [p[0] for p in part], cpu_s=cpu_s, wall_s=600)
        found += outcomes
        size = len(pairs)
        if stop_early and any(difference(p[1], o) for p, o in zip(part, outcomes, strict=True)):
            break
    return found


async def _steady(original: Runnable, differing: Sequence[_Tried]) -> list[_Tried]:
    """Those on which the original, run again, does what it did. At most one sandbox of them."""
    if not differing:
        return []
    again = await run_all(original, [d[0] for d in differing], cpu_s=_ORIGINAL_S)
    return [d for d, o in zip(differing, again, strict=True) if not difference(d[1], o)]


async def _smallest(
    original: Runnable,
    translation: Runnable,
    differing: Sequence[_Tried],
    tried: Sequence[_Tried],
    facts: Facts | None,
    shrink: bool,
    checks: int | None = None,
) -> Difference | None:
    """The smallest input that differs, looked for by ever smaller ones of its shape."""
    if not differing:
        return None
    best = min(differing, key=lambda one: weight(one[0]))
    until = time.monotonic() + _SHRINKING_S
    while shrink and time.monotonic() < until:
        candidates = sorted(smaller(best[0]), key=weight)
        if len(candidates) > _STEPS:  # from all sizes
            candidates = candidates[:: len(candidates) // _STEPS + 1]
        found = await _first_that_differs(original, checks, translation, candidates, best)
        if found is None:
            break
        best = found
    one, expected, actual = best
    lines = _suspects(differing, tried)
    return Difference(
        input=one,
        expected=expected,
        actual=actual,
        what=difference(expected, actual),
        unit=_unit(lines, facts),
        source_lines=lines,
        line=_error_line(actual, translation),
    )


async def _first_that_differs(
    original: Runnable,
    checks: int | None,
    translation: Runnable,
    candidates: Sequence[Input],
    best: _Tried,
) -> _Tried | None:
    if not candidates:
        return None
    cpu_s = max(1.0, 20 * best[1].seconds)
    expected = await run_all(original, candidates, cpu_s=cpu_s, wall_s=_SHRINKING_S)
    fit = [(c, e) for c, e in zip(candidates, expected, strict=True) if not why_not(e)]
    if best[1].error:  # then an error is what it is about
        fit = [(c, e) for c, e in zip(candidates, expected, strict=True) if not e.stopped]
    if fit and checks is not None and not best[1].error:
        again = await run_all(original, [c for c, _ in fit], checked=checks, cpu_s=2 * cpu_s)
        fit = [pair for pair, o in zip(fit, again, strict=True) if not o.error]
    if not fit:
        return None
    # a translation that loops is asked about few of them
    slow = best[2].stopped == "time"
    fit = fit[:4] if slow else fit
    actual = await run_all(
        translation, [c for c, _ in fit], cpu_s=2.0 if slow else _LEAST_S, wall_s=_SHRINKING_S
    )
    for (one, before), after in zip(fit, actual, strict=True):
        if after.stopped != "late" and difference(before, after):
            return one, before, after
    return None


def _suspects(differing: Sequence[_Tried], tried: Sequence[_Tried]) -> tuple[int, ...]:
    """Lines of the original executed where the two differ and seldom elsewhere (Ochiai)."""
    failing = {id(one) for one in differing}
    bad: Counter[int] = Counter()
    all_runs: Counter[int] = Counter()
    for one in tried:
        all_runs.update(one[1].lines)
        if id(one) in failing:
            bad.update(one[1].lines)
    score = {line: n / (len(differing) * all_runs[line]) ** 0.5 for line, n in bad.items()}
    order = sorted(score, key=lambda line: (-score[line], all_runs[line], line))
    return tuple(order[:_SUSPECTS])


def _unit(lines: Sequence[int], facts: Facts | None) -> str:
    """The innermost unit of the first line that is in one."""
    units = facts.units if facts else ()
    for line in lines:
        inside = [(end - first, name) for name, first, end in units if first <= line <= end]
        if inside:
            return min(inside)[1]
    return ""


def _error_line(actual: Outcome, translation: Runnable) -> int:
    """Where in the translation its error came from, by what its runtime printed."""
    if not translation.sources or not actual.error:
        return 0
    name = re.escape(translation.sources[0])
    text = actual.stderr.decode("utf-8", "replace")
    found = re.findall(rf'{name}"?(?:, line |:)(\d+)', text)
    return int(found[-1]) if found else 0


def _reason(
    smallest: Difference | None, count: int, differing: int, coverage: Coverage | None
) -> str:
    inputs = _inputs(count)
    if smallest is not None:
        return f"differs on {differing} of {inputs}: {smallest.what}"
    if coverage is None or coverage.share is None:
        how = coverage.how if coverage else "not measured"
        return f"alike on {inputs}; coverage of the original: {how}"
    return (
        f"alike on {inputs}; they reach {coverage.reached} of {coverage.branches} of the original's"
        f" {coverage.how}"
    )


def _says_nothing(outcome: Outcome) -> bool:
    """Whether there is nothing to see of a run but that it ended."""
    o = outcome
    return not (o.stdout or o.stderr or o.files or o.exit_code or o.error or o.stopped)


def _inputs(count: int) -> str:
    return f"{count} input" + ("" if count == 1 else "s")


def _nothing(inputs: Generated, discarded: Counter[str], began: float) -> Comparison:
    """Nothing could be compared."""
    causes = [f"{reason} ({_inputs(n)})" for reason, n in discarded.most_common(2) if n]
    return Comparison(
        verdict=Verdict.NOT_PROVED,
        reason="no input could be compared: " + ("; ".join(causes) or "there is none"),
        coverage=inputs.coverage,
        discarded={reason: n for reason, n in discarded.items() if n},
        seconds=time.monotonic() - began,
    )


def _held() -> bool:
    return not sandbox.advice()
