"""What is known of a translation's behaviour, and how the pipeline asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from slmcode import translate
from slmcode.features.translation.shape import Difference, Verdict
from slmcode.verify import differential, inputs, toolchains
from slmcode.verify.differential import Comparison
from slmcode.verify.inputs import Facts, Generated
from slmcode.verify.programs import Input, Outcome, Runnable
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.toolchains import BuildFailed, Missing, Toolchain

RUNTIME = Path(translate.__file__).parent / "runtime" / "slmcode_runtime"
_SHOWN = 160  # characters of an input or output in a message to the model
_KEPT = 4000  # and in a report
_AFRESH = 0.3  # of the time and inputs of a proof


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison found."""

    verdict: Verdict
    reason: str  # one sentence for the user
    inputs_tried: int = 0
    coverage: float | None = None  # branches of the original reached, 0 to 1
    difference: Difference | None = None
    line: int = -1  # of the translation, where its error was raised, from 0
    toolchain: str = ""

    @property
    def is_proved(self) -> bool:
        return self.verdict is Verdict.PROVED

    @property
    def fault(self) -> str:
        """For the model: on which input it went wrong, and how; "" where it did not."""
        if self.is_proved:
            return ""
        if self.difference is None:
            return self.reason
        d = self.difference
        given = d.stdin[:_SHOWN].decode("utf-8", "backslashreplace")
        return (
            f"on the input {given!r} it must give {d.expected[:_SHOWN]!r}, and it gave "
            f"{d.actual[-_SHOWN:]!r} ({d.what})"
        )


class Prover(Protocol):
    """Compares texts of one translation with the original. Cancelling the task ends it."""

    async def prove(self, text: str) -> Judged:
        """On the given inputs, and on new ones until no more branches are found."""
        ...

    async def again(self, text: str) -> Judged:
        """On every input that `prove` has found so far; the first difference ends it."""
        ...

    async def afresh(self, text: str) -> Judged:
        """On inputs that no step so far has been measured by; `again` tries them too then."""
        ...


class NoProof:
    """Where nothing can be compared."""

    def __init__(self, reason: str) -> None:
        self._judged = Judged(verdict=Verdict.NOT_PROVED, reason=reason)

    async def prove(self, text: str) -> Judged:
        return self._judged

    async def again(self, text: str) -> Judged:
        return self._judged

    async def afresh(self, text: str) -> Judged:
        return self._judged


class Pair(NamedTuple):
    """Both sides of a proof: files of the original, main first, and what stands beside the target.

    `main` is the name of the target's file.
    """

    source_language: str
    sources: Mapping[str, bytes]
    flags: Sequence[str]
    target_language: str
    main: str
    beside: Mapping[str, bytes]
    needs_runtime: bool
    facts: Facts


class Effort(NamedTuple):
    """How much a proof may take."""

    seconds: float = 20.0
    inputs: int = 200
    seed: int = 0


class _NothingToCompare(Exception):
    """The text is the reason, one sentence."""


class Differential:
    """Builds the original once, runs every text beside it. `folder` is the caller's, and empty."""

    def __init__(self, pair: Pair, given: Sequence[Input], effort: Effort, folder: Path) -> None:
        self._pair = pair
        self._given = tuple(given)
        self._effort = effort
        self._folder = folder
        self._numbers = itertools.count()
        self._original: Runnable | None = None
        self._made: Generated | None = None
        self._python: Runnable | None = None
        self._toolchain = ""

    async def prove(self, text: str) -> Judged:
        return await self._judged(text, thorough=True)

    async def again(self, text: str) -> Judged:
        return await self._judged(text, thorough=False)

    async def afresh(self, text: str) -> Judged:
        made = self._made
        if made is None:
            return await self.prove(text)
        try:
            new = await self._generate(self._effort.seed + 1, _AFRESH)
        except (_NothingToCompare, SandboxRefused) as e:
            return Judged(verdict=Verdict.NOT_PROVED, reason=str(e))
        both = {
            (i.stdin, i.arguments, *sorted(i.files.items())): (i, o)
            for found in (made, new)
            for i, o in zip(found.inputs, found.outcomes, strict=True)
        }.values()
        best = max((made.coverage, new.coverage), key=lambda c: c.reached)
        self._made = msgspec.structs.replace(
            made,
            inputs=tuple(i for i, _ in both),
            outcomes=tuple(o for _, o in both),
            coverage=best,
        )
        return await self.prove(text)

    async def _judged(self, text: str, *, thorough: bool) -> Judged:
        try:
            if self._original is None:
                self._original = await self._build_original()
            if self._made is None:
                self._made = await self._generate(self._effort.seed, 1.0)
            program = await self._build(text)
            found = await differential.compare(
                self._original,
                program,
                self._made,
                self._pair.facts,
                shrink=thorough,
                stop_early=not thorough,
            )
        except (_NothingToCompare, SandboxRefused) as e:
            return Judged(verdict=Verdict.NOT_PROVED, reason=str(e), toolchain=self._toolchain)
        return _told(found, self._toolchain)

    async def _build_original(self) -> Runnable:
        pair = self._pair
        chain = await _working(pair.source_language)
        self._toolchain = chain.label
        try:
            return await toolchains.build(
                chain, pair.sources, self._folder / "original", flags=pair.flags, measured=True
            )
        except BuildFailed as e:
            said = " ".join(str(e).split())[:_SHOWN]
            raise _NothingToCompare(
                f"the original does not compile with {chain.label}: {said}"
            ) from None

    async def _generate(self, seed: int, share: float) -> Generated:
        assert self._original is not None
        made = await inputs.generate(
            self._original,
            self._given,
            self._pair.facts,
            seed=seed,
            budget_s=self._effort.seconds * share,
            most=max(1, int(self._effort.inputs * share)),
        )
        if not made.inputs:
            why = max(made.discarded, key=lambda r: made.discarded[r], default="none was found")
            raise _NothingToCompare(f"there is no input on which the original ends in order: {why}")
        return made

    async def _build(self, text: str) -> Runnable:
        """A built translation. Python is laid once and then only written anew."""
        pair = self._pair
        if self._python is not None:
            (self._python.folder / pair.main).write_bytes(text.encode("utf-8"))
            return self._python
        chain = await _working(pair.target_language)
        folder = self._folder / f"translation-{next(self._numbers)}"
        sources = {pair.main: text.encode("utf-8"), **pair.beside}
        packages = (RUNTIME,) if pair.needs_runtime else ()
        try:
            built = await toolchains.build(chain, sources, folder, packages=packages)
        except BuildFailed as e:
            raise _NothingToCompare(f"the translation does not compile: {e}") from None
        if pair.target_language == "python":
            self._python = built
        return built


async def _working(language: str) -> Toolchain:
    chain = toolchains.find(language)
    if isinstance(chain, Missing):
        raise _NothingToCompare(f"{chain.reason}; {chain.install}")
    missing = await toolchains.preflight(chain)
    if missing is not None:
        raise _NothingToCompare(f"{missing.reason}; {missing.install}")
    return chain


def _told(found: Comparison, toolchain: str) -> Judged:
    d = found.difference
    difference = None
    if d is not None:
        difference = Difference(
            stdin=d.input.stdin,
            files=d.input.files,
            expected=_shown(d.expected),
            actual=_shown(d.actual),
            what=d.what,
            unit=d.unit,
        )
    return Judged(
        verdict=Verdict(found.verdict.value),
        reason=found.reason,
        inputs_tried=found.inputs_tried,
        coverage=found.coverage.share if found.coverage is not None else None,
        difference=difference,
        line=d.line - 1 if d is not None else -1,
        toolchain=toolchain,
    )


def _shown(outcome: Outcome) -> str:
    text = outcome.stdout[:_KEPT].decode("utf-8", "backslashreplace")
    if outcome.error:
        text += f"\n[{outcome.error}]"
    elif outcome.stopped:
        text += f"\n[stopped: {outcome.stopped}]"
    elif outcome.exit_code:
        text += f"\n[exit code {outcome.exit_code}]"
    return text
