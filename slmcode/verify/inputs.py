"""Further inputs for a program, from those that are given and from what its source says.

A given input is varied within its shape: see `shapes` for lines, fields and counts, `variants` for
what becomes of them. Kept are inputs by which the original reaches a branch, or a branch another
number of times, then others up to a number; it is run on all of them, many in one sandbox. Not kept
are those on which the original does not end in order. Those of another shape, and those on which
it reaches beyond a table or a text, are "malformed": what happens then is nobody's intention.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from slmcode.verify.coverage import Coverage
from slmcode.verify.programs import GENERATED, GIVEN, MALFORMED, Input, Outcome, Runnable, run_all
from slmcode.verify.variants import Facts, Varied

_ROUND = 40  # inputs in one sandbox
_ENOUGH = 50  # comparable inputs, where they bring no new branch any more
_QUIET_ROUNDS = 3
_MALFORMED = 15  # of them are kept at most
_GIVEN_CPU_S = 10.0  # for the original on a given input
_LEAST_CPU_S = 0.3

__all__ = ["Facts", "Generated", "facts", "generate"]


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs worth comparing, the given ones first, with what the original did on them."""

    inputs: tuple[Input, ...]
    outcomes: tuple[Outcome, ...]  # of the original, one each
    coverage: Coverage
    discarded: dict[str, int] = {}  # tried inputs that cannot be compared: reason -> how many
    checks: int | None = None  # which of the original's checked programs told malformed ones
    seconds: float = 0.0


async def generate(
    original: Runnable,
    given: Sequence[Input],
    facts: Facts,
    *,
    seed: int = 0,
    budget_s: float = 20.0,
    most: int = 200,
) -> Generated:
    """Inputs on which the original ends in order, chosen by the branches they reach.

    `original` should be built `measured`; else inputs are kept that make it print something new.
    Ends after `budget_s`, when there are `most`, or when there are enough and several rounds
    brought nothing new. The same arguments give the same inputs, unless the budget ended it.
    Given inputs are kept whatever the original does on them. Raises SandboxRefused.
    """
    began = time.monotonic()
    kept = _Kept(most)
    varied = Varied(facts, given, random.Random(seed))
    first = list(given) or varied.from_facts()
    outcomes = await run_all(original, first, cpu_s=_GIVEN_CPU_S)
    checks = await _checks(original, given)
    for one, outcome in zip(first, outcomes, strict=True):
        if one.kind == GIVEN or not why_not(outcome):
            kept.add(one, outcome)
    cpu_s = max(_LEAST_CPU_S, *(20 * o.seconds for o in outcomes))
    quiet = stale = rounds = 0
    while len(kept.inputs) < most and time.monotonic() - began < budget_s:
        batch = varied.batch(_ROUND, kept.fruitful(), malformed=rounds % 4 == 1)
        if not batch:
            break
        left = max(budget_s - (time.monotonic() - began), 1.0)
        outcomes = await run_all(original, batch, cpu_s=cpu_s, wall_s=left)
        if checks is not None:
            wanted = [kept.wants(o) for o in outcomes]
            batch = await _judged(original, checks, batch, wanted, cpu_s, left)
        tried = kept.tried
        news = kept.choose(batch, outcomes)
        rounds += 1
        stale = stale + 1 if kept.tried - tried < _ROUND // 20 else 0
        if kept.ignores_input():
            break
        quiet = 0 if news else quiet + 1
        if (
            rounds > 1
            and kept.comparable >= _ENOUGH
            and (quiet >= _QUIET_ROUNDS or kept.reaches_all())
        ):
            break
        if quiet >= 4 * _QUIET_ROUNDS or stale >= _QUIET_ROUNDS:
            break  # there are no more, or none that the original ends on
    return Generated(
        inputs=tuple(kept.inputs),
        outcomes=tuple(kept.outcomes),
        coverage=kept.coverage(original),
        discarded=dict(kept.discarded),
        checks=checks,
        seconds=time.monotonic() - began,
    )


async def _checks(original: Runnable, given: Sequence[Input]) -> int | None:
    """The strictest of the original's checked programs that lets the given inputs pass.

    A program that goes beyond its bounds on an intended input does so on purpose.
    """
    for number in range(len(original.checked)):
        outcomes = await run_all(original, given, checked=number, cpu_s=_GIVEN_CPU_S)
        if not any(o.error for o in outcomes):
            return number
    return None


async def _judged(
    original: Runnable,
    checks: int,
    batch: Sequence[Input],
    wanted: Sequence[bool],
    cpu_s: float,
    wall_s: float,
) -> list[Input]:
    """The inputs; those are "malformed" now on which the checks of bounds stop the original."""
    found = list(batch)
    places = [n for n, one in enumerate(batch) if wanted[n] and one.kind == GENERATED]
    again = await run_all(
        original, [batch[n] for n in places], checked=checks, cpu_s=2 * cpu_s, wall_s=wall_s
    )
    for place, outcome in zip(places, again, strict=True):
        if outcome.error:
            found[place] = msgspec.structs.replace(batch[place], kind=MALFORMED)
    return found


_STOPPED = {
    "time": "the original did not end in time",
    "output": "the original printed without end",
    "late": "the time was over before the original was run",
}


def why_not(outcome: Outcome) -> str:
    """Why what the original did on a generated input cannot be compared, "" where it can."""
    if outcome.stopped:
        return {
            "time": "the original did not end in time",
            "output": "the original printed without end",
        }.get(outcome.stopped, f"the original took too much {outcome.stopped}")
    if outcome.error:
        return "the original ended with an error of its runtime"
    return ""


class _Kept:
    """The inputs chosen so far, and what the original reached by them."""

    def __init__(self, most: int) -> None:
        self.inputs: list[Input] = []
        self.outcomes: list[Outcome] = []
        self.discarded: Counter[str] = Counter()
        self.comparable = 0
        self.tried = 0  # different generated inputs
        self._most = most
        self._branches: set[int] = set()
        self._paths: set[int] = set()
        self._printed: set[str] = set()
        self._fruitful: list[Input] = []
        self._seen: set[bytes] = set()
        self._points = 0

    def add(self, one: Input, outcome: Outcome) -> None:
        """Keep it."""
        self._seen.add(_identity(one))
        self.inputs.append(one)
        self.outcomes.append(outcome)
        self._points = max(self._points, outcome.points)
        if one.kind == MALFORMED:
            return
        self.comparable += 1
        further = outcome.branches - self._branches or outcome.paths - self._paths
        if one.kind == GIVEN or further:
            self._fruitful.append(one)
        self._branches |= outcome.branches
        self._paths |= outcome.paths
        self._printed.add(_signature(outcome))

    def news(self, outcome: Outcome) -> int:
        """2: a branch never reached; 1: a number of times, or an output, never seen; else 0."""
        if outcome.branches - self._branches:
            return 2
        return int(bool(outcome.paths - self._paths) or _signature(outcome) not in self._printed)

    def wants(self, outcome: Outcome) -> bool:
        """Whether it is to be kept, if its input is well-formed."""
        if why_not(outcome) or len(self.inputs) >= self._most:
            return False
        return bool(self.news(outcome)) or self.comparable < _ENOUGH

    def choose(self, batch: Sequence[Input], outcomes: Sequence[Outcome]) -> bool:
        """Keep what is worth it; whether a branch was reached for the first time."""
        new_branch = False
        for one, outcome in zip(batch, outcomes, strict=True):
            if _identity(one) in self._seen or outcome.stopped == "late":
                continue
            self._seen.add(_identity(one))
            self.tried += 1
            reason = why_not(outcome)
            if reason:
                self.discarded[reason] += 1
            elif one.kind == MALFORMED:
                if sum(i.kind == MALFORMED for i in self.inputs) < _MALFORMED:
                    self.add(one, outcome)
            elif self.wants(outcome):
                new_branch |= self.news(outcome) == 2
                self.add(one, outcome)
        return new_branch

    def fruitful(self) -> list[Input]:
        """What further inputs are made of."""
        return self._fruitful or self.inputs

    def reaches_all(self) -> bool:
        return 0 < self._points == len(self._branches)

    def ignores_input(self) -> bool:
        """All inputs of the first rounds made no difference at all: one says as much as many."""
        if self.tried < _ROUND // 2 or len(self._printed) > 1 or self.discarded:
            return False
        alike = {(o.branches, o.paths, _signature(o)) for o in self.outcomes}
        if len(alike) > 1:
            return False
        one = next((n for n, i in enumerate(self.inputs) if i.kind == GIVEN), 0)
        self.inputs, self.outcomes = [self.inputs[one]], [self.outcomes[one]]
        return True

    def coverage(self, original: Runnable) -> Coverage:
        how = {"gcov": "branches by gcov", "trace": "statements by tracing"}.get(
            original.measures, f"not measured: nothing here counts branches of {original.language}"
        )
        if original.measures and not self._points:
            how = "branches by gcov: it has none" if self._ran() else "not measured: no run ended"
        return Coverage(len(self._branches), self._points, how)

    def _ran(self) -> bool:
        return any(o.lines for o in self.outcomes)


def _identity(one: Input) -> bytes:
    files = sorted(one.files.items())
    return repr((one.stdin, files, one.arguments)).encode()


def _signature(outcome: Outcome) -> str:
    return f"{outcome.stdout_digest} {outcome.exit_code} {sorted(outcome.files.items())}"


# What is known of a source without a front end

_QUOTED = r"\"([^\"\n]{1,40})\"|'([^'\n]{1,40})'"
_NUMBER = re.compile(r"(?<![\w.$-])-?\d{1,18}(?:\.\d{1,9})?(?![\w.-])")
_CONDITION = re.compile(
    r"\b(?:IF|UNTIL|WHEN|EVALUATE|WHILE|while|if|unless|until|elif|elsif|case)\b[^\n]*"
)
_UNITS = {
    "fortran": r"(?im)^\s*(?:[\w*]+\s+)?(?:subroutine|function|program)\s+(\w+)",
    "perl": r"(?m)^\s*sub\s+(\w+)",
    "pascal": r"(?im)^\s*(?:procedure|function)\s+(\w+)",
    "python2": r"(?m)^(?:def|class)\s+(\w+)",
    "c": r"(?m)^[A-Za-z_][\w *]*?\b(\w+)\s*\([^;{}]*\)\s*\{",
    "cobol": r"(?im)^(?: {0,11}|.{6} {1,5})([A-Z0-9][\w-]*)(?:\s+SECTION)?\s*\.\s*(?:\*>.*)?$",
}

_NO_PARAGRAPH = re.compile(r"(?i)(END-.*|END|RUN|EXIT|GOBACK|CONTINUE|ELSE|PROGRAM)$")


def facts(text: str, language: str) -> Facts:
    """What regular expressions find in a source; a front end knows more."""
    conditions = "\n".join(found[0] for found in _CONDITION.finditer(text))
    numbers = _unique([*_NUMBER.findall(conditions), *_NUMBER.findall(text)])
    quoted = [*re.findall(_QUOTED, conditions), *re.findall(_QUOTED, text)]
    texts = _unique(a or b for a, b in quoted)
    accepted: list[tuple[str, str]] = []
    units_text, offset = text, 0
    if language == "cobol":
        for name in re.findall(r"(?im)^.*?\bACCEPT\s+([A-Z0-9][\w-]*)(?!.*\bFROM\b)", text):
            pattern = rf"(?im)^.*?\b\d\d?\s+{re.escape(name)}\s.*?\bPIC(?:TURE)?(?:\s+IS)?\s+(\S+)"
            picture = re.search(pattern, text)
            accepted.append((name, picture[1].rstrip(".") if picture else ""))
        start = re.search(r"(?i)procedure\s+division", text)
        offset = start.end() if start else 0
        units_text = text[offset:]
    found = re.finditer(_UNITS[language], units_text) if language in _UNITS else ()
    starts = [
        (m[1], text.count("\n", 0, offset + m.start(1)) + 1)
        for m in found
        if language != "cobol" or not _NO_PARAGRAPH.match(m[1])
    ]
    last = text.count("\n") + 1
    ends = [*(line - 1 for _, line in starts[1:]), last]
    units = tuple((name, line, end) for (name, line), end in zip(starts, ends, strict=False))
    return Facts(
        numbers=tuple(numbers[:60]),
        texts=tuple(texts[:60]),
        accepted=tuple(accepted),
        units=units,
    )


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
