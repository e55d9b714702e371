"""Translation led by a model: for pairs of languages that no rules are there for.

Headers of functions are fixed first, where types are simple. Then unit by unit, callees first: the
model writes it, the compiler judges the file as far as it is there, and its message goes back to
the model, three tries in all. The whole program is compared with the original then, and what
differs is asked for once more. A unit that nothing passed for stays as a comment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import msgspec

from slmcode.features.edits.outcome import Refused
from slmcode.features.translation import pieces
from slmcode.features.translation.asking import Asker
from slmcode.features.translation.assembling import Assembled, assembled, commented, with_entry
from slmcode.features.translation.checks import EVERY, UNDEFINED, Lint
from slmcode.features.translation.pieces import Piece
from slmcode.features.translation.polish import callees_first
from slmcode.features.translation.proving import (
    Differential,
    Effort,
    Judged,
    NoProof,
    Pair,
    Prover,
)
from slmcode.features.translation.results import EXTENSIONS
from slmcode.features.translation.shape import (
    FAITHFUL,
    IDIOMATIC,
    Look,
    Translated,
    Unit,
    Verdict,
)
from slmcode.features.translation.stopping import Stopped, unless
from slmcode.prompt import translation as prompts
from slmcode.prompt.edit import TooLong
from slmcode.text import TextRange, line_starts
from slmcode.verify import inputs, toolchains
from slmcode.verify.programs import Input
from slmcode.verify.sandbox import SandboxRefused
from slmcode.verify.toolchains import BuildFailed, Missing, Toolchain

_TRIES = 3
_ALL = "program"  # kind of the piece that holds what no function does
_SHORT = 60  # lines of a program that is translated in one piece


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be translated, and how much may be spent on its proof."""

    text: str
    name: str
    source_language: str
    target_language: str
    flags: tuple[str, ...] = ()
    given: tuple[Input, ...] = ()
    effort: Effort = Effort()
    prove: bool = True
    text_range: TextRange | None = None


@dataclass
class _State:
    """What became of one piece."""

    piece: Piece
    code: str = ""  # "" while there is none that compiles
    tries: int = 0
    confidence: float | None = None
    why: str = ""  # it has none


OnUnit = Callable[[int, int, str], None]


async def translate(
    job: Job,
    asker: Asker | None,
    why: str,
    folder: Path,
    on_unit: OnUnit,
    on_part: Callable[[Translated], None],
    stopped: asyncio.Event | None,
) -> Translated:
    """The translation. `why` says why there is no `asker`. `folder` is the caller's, and empty."""
    found = await asyncio.to_thread(_pieces, job)
    work = _Work(job, asker, folder, on_part, found)
    try:
        if asker is None:
            for state in work.states:
                state.why = why
        else:
            await work.write(on_unit, stopped)
            await work.prove(stopped)
    except Stopped:
        return work.result(is_complete=False)
    return work.result(is_complete=True)


def _pieces(job: Job) -> list[Piece]:
    stem = PurePath(job.name).stem
    found = pieces.pieces(job.text, job.source_language, job.target_language, stem)
    is_program = any(p.kind == "program" for p in found)
    if not found or (is_program and len(job.text.splitlines()) <= _SHORT):
        return [pieces.whole(job.text, stem)]
    return found


class _Work:
    """One translation on its way."""

    def __init__(
        self,
        job: Job,
        asker: Asker | None,
        folder: Path,
        on_part: Callable[[Translated], None],
        found: Sequence[Piece],
    ) -> None:
        self.states = [_State(piece) for piece in found]
        self._job = job
        self._asker = asker
        self._folder = folder
        self._on_part = on_part
        self._stem = _class_name(job.name) if job.target_language == "java" else _stem(job.name)
        self._judged = Judged(verdict=Verdict.NOT_PROVED, reason="nothing was compared yet")
        self._compiler: Toolchain | Missing | None = None
        self._n_built = 0
        self._chosen = _chosen(job, self.states)

    async def write(self, on_unit: OnUnit, stopped: asyncio.Event | None) -> None:
        """Every piece, callees first. Raises Stopped."""
        by_name = {s.piece.name: s for s in self.states}
        order = callees_first({s.piece.name: s.piece.calls for s in self.states})
        for done, name in enumerate(order):
            on_unit(done, len(order), name)
            await self._piece(by_name[name], "", stopped)
            self._on_part(self.result(is_complete=False))

    async def prove(self, stopped: asyncio.Event | None) -> None:
        """Compare, and repair what differs while there are tries left. Raises Stopped."""
        prover = self._prover()
        self._judged = await unless(stopped, prover.prove(self._text().text))
        while self._judged.verdict is Verdict.DIFFERS:
            state = self._suspect()
            if state is None or state.tries >= _TRIES:
                return
            before = state.code
            await self._piece(state, self._judged.fault, stopped)
            if state.code == before:
                return
            judged = await unless(stopped, prover.prove(self._text().text))
            if judged.verdict is Verdict.NOT_PROVED:
                state.code = before  # worse than a known difference
                return
            self._judged = judged

    def _suspect(self) -> _State | None:
        """The unit to ask for again: the suspected one, else the only one, else the program."""
        unit = self._judged.difference.unit if self._judged.difference is not None else ""
        named = [s for s in self.states if s.piece.name == unit]
        named += [s for s in self.states if s.piece.kind == "program"]
        return named[0] if named else None

    async def _piece(self, state: _State, fault: str, stopped: asyncio.Event | None) -> None:
        """Ask for one piece until it compiles. What was there stays where nothing better comes."""
        asker, job, piece = self._asker, self._job, state.piece
        assert asker is not None
        source = prompts.Source(
            job.source_language,
            job.target_language,
            piece.code,
            piece.header,
            tuple(self._known(piece)),
            piece.kind == "program",
        )
        model = asker.model
        begun = f"{piece.header}\n" if piece.header else ""
        while state.tries < _TRIES:
            try:
                prompt = prompts.translated(
                    model.tokenizer, model.chat, source, fault=fault, n_ctx=model.n_ctx
                )
                state.tries += 1
                written = await unless(stopped, asker.ask(prompt, begun))
            except (Refused, TooLong) as e:
                state.why = str(e)
                return
            if not written.is_whole:
                fault = f"it is longer than {prompt.max_tokens} tokens"
            elif not written.code.strip():
                fault = "it is empty"
            else:
                fault = await unless(stopped, self._fault(state, written.code))
                if not fault:
                    state.code, state.confidence, state.why = written.code, written.confidence, ""
                    return
            state.why = fault

    def _known(self, piece: Piece) -> list[str]:
        """Headers of what the piece may call, as they were written."""
        out = []
        for state in self.states:
            if state.piece.name in piece.calls:
                first = state.piece.header or _header(state.code, self._job.target_language)
                out.append(first.rstrip(" {:"))
        return [line for line in out if line]

    async def _fault(self, state: _State, code: str) -> str:
        """What the compiler says of the file with this piece in it, "" where it is content."""
        text = self._text({id(state): code}, only_written=True).text
        target = self._job.target_language
        if target == "python":
            # Style is worth another try, and no reason to have nothing.
            return await Lint(EVERY if state.tries < _TRIES else UNDEFINED).fault(text)
        if self._compiler is None:
            self._compiler = await asyncio.to_thread(toolchains.find, target)
        if isinstance(self._compiler, Missing):
            return ""
        self._n_built += 1
        built = self._folder / f"compiled-{self._n_built}"
        try:
            text = with_entry(text, target)
            await toolchains.build(self._compiler, {self._file(): text.encode()}, built)
        except BuildFailed as e:
            return f"the compiler says: {e}"
        except SandboxRefused:
            return ""  # that says nothing of the code; the proof tells it
        return ""

    def _text(self, instead: dict[int, str] | None = None, only_written: bool = False) -> Assembled:
        codes, target = [], self._job.target_language
        for state in self.states:
            code = (instead or {}).get(id(state), state.code)
            if code:
                codes.append(code)
            elif not only_written:
                codes.append(commented(state.piece.code, target, state.why or "not yet"))
        return assembled(codes, target, self._stem)

    def _file(self) -> str:
        return self._stem + EXTENSIONS[self._job.target_language]

    def _prover(self) -> Prover:
        job = self._job
        if not job.prove:
            return NoProof("it was not asked for")
        left = [s.piece.name for s in self.states if not s.code]
        if left:
            return NoProof(f"not translated: {', '.join(left)}")
        if not any(s.piece.kind == "program" for s in self.states) or not pieces.has_program(
            job.text, job.source_language
        ):
            return NoProof("it holds functions only, and nothing that runs them")
        facts = inputs.facts(job.text, job.source_language)
        pair = Pair(
            job.source_language,
            {PurePath(job.name).name: job.text.encode("utf-8")},
            job.flags,
            job.target_language,
            self._file(),
            {},
            False,
            facts,
        )
        return Differential(pair, job.given, job.effort, self._folder / "proof")

    def result(self, *, is_complete: bool) -> Translated:
        job, judged, made = self._job, self._judged, self._text()
        units = []
        for number, (state, lines) in enumerate(zip(self.states, made.lines, strict=True)):
            if number not in self._chosen:
                continue
            verdict, reason = judged.verdict, judged.reason
            if not state.code:
                verdict, reason = Verdict.NOT_PROVED, f"not translated: {state.why or 'not yet'}"
            units.append(
                Unit(
                    name=state.piece.name,
                    kind=state.piece.kind,
                    source_lines=state.piece.lines,
                    lines=lines,
                    verdict=verdict,
                    reason=reason,
                    form=IDIOMATIC if state.code else FAITHFUL,
                    calls=state.piece.calls,
                    tries=state.tries,
                    confidence=state.confidence,
                    why=state.why,
                )
            )
        left = [s for s in self.states if not s.code]
        return Translated(
            language_id=job.target_language,
            text=made.text,
            verdict=judged.verdict,
            reason=judged.reason if not left or not is_complete else _left(left),
            units=tuple(units),
            name=job.name,
            source_language=job.source_language,
            stem=self._stem,
            extension=EXTENSIONS[job.target_language],
            line_map=self._line_map(made),
            inputs_tried=judged.inputs_tried,
            coverage=judged.coverage,
            look_first=tuple(_look(judged, units)),
            difference=judged.difference,
            toolchain=judged.toolchain,
            model=self._asker.model.name if self._asker is not None else "",
            is_complete=is_complete,
        )

    def _line_map(self, made: Assembled) -> tuple[int, ...]:
        """A model's lines have no known origin; those of a unit point to where the unit begins."""
        out = [-1] * len(made.text.splitlines())
        for state, (start, end) in zip(self.states, made.lines, strict=True):
            out[start:end] = [state.piece.lines[0]] * (end - start)
        return tuple(out)


def _left(left: Sequence[_State]) -> str:
    names = ", ".join(s.piece.name for s in left)
    return f"not translated: {names} ({left[0].why or 'not yet'})"


def _look(judged: Judged, units: Sequence[Unit]) -> list[Look]:
    out = []
    if judged.difference is not None:
        out.append(Look(f"it differs: {judged.difference.what}", judged.line))
    for unit in units:
        if unit.form != IDIOMATIC:
            out.append(Look(f"{unit.name} is not translated", unit.lines[0], unit.source_lines[0]))
    if judged.verdict is Verdict.NOT_PROVED:
        out.append(Look(f"it was not proved: {judged.reason}"))
    return out


def _chosen(job: Job, states: Sequence[_State]) -> set[int]:
    """The units that the selection touches; all without one."""
    every = set(range(len(states)))
    if job.text_range is None:
        return every
    starts = line_starts(job.text)
    first = sum(start <= job.text_range.start for start in starts) - 1
    last = sum(start < max(job.text_range.end, job.text_range.start + 1) for start in starts) - 1
    selected = set(range(first, last + 1))
    functions = {
        n: set(range(*s.piece.lines)) for n, s in enumerate(states) if s.piece.kind != _ALL
    }
    touched = {n for n, lines in functions.items() if lines & selected}
    if selected - {line for lines in functions.values() for line in lines}:
        touched |= every - set(functions)  # a line of the program itself
    return touched or every


def _header(code: str, target_language: str) -> str:
    """The first line of a function, as written."""
    opens = {"python": "def ", "go": "func ", "rust": "fn ", "typescript": "function "}
    words = opens.get(target_language, "(")
    return next((line.strip() for line in code.splitlines() if words in line), "")


def _stem(name: str) -> str:
    stem = re.sub(r"\W", "_", PurePath(name).stem) or "program"
    return f"_{stem}" if stem[0].isdigit() else stem


def _class_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in _stem(name).split("_")) or "Program"
