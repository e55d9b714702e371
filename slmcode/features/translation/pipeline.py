"""A translation from source text to report data: parse, faithful text, proof, polish, proof.

    source -> units -> faithful text -> proof -> polish, callees first -> proof -> Translated
                            |             |             `- each step kept only while the proof holds
                            |             `- verify.differential: the original, built and run
                            `- rules (COBOL, Python 2), or the model (other pairs)

Whenever it ends, also through `stopped`, what it gives is the last text that was proved.
"""

from __future__ import annotations

import ast
import asyncio
import re
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path, PurePath

import msgspec

from slmcode.features.edits.outcome import Refused
from slmcode.features.resources import Resources
from slmcode.features.translation import faithful, modelled, results
from slmcode.features.translation.asking import Asker, open_asker
from slmcode.features.translation.faithful import Faithful, RefusedSource
from slmcode.features.translation.polish import Polish, callees_first
from slmcode.features.translation.proving import (
    Differential,
    Effort,
    Judged,
    NoProof,
    Pair,
    Prover,
)
from slmcode.features.translation.results import Report
from slmcode.features.translation.shape import IDIOMATIC, Translated, Verdict
from slmcode.features.translation.stopping import Stopped, unless
from slmcode.syntax.languages import language, language_of_path
from slmcode.text import Snapshot, TextRange
from slmcode.verify.programs import Input as Input

_OTHERS = ("python", "java", "go", "rust", "typescript")
TARGETS: dict[str, tuple[str, ...]] = {  # source language -> target languages
    "cobol": ("python",),
    "python2": ("python",),
    **dict.fromkeys(("fortran", "perl", "pascal", "c"), _OTHERS),
}
_PYTHON2 = re.compile(
    r"^#!.*python2|\b(?:xrange|unicode|raw_input|unichr|basestring|reduce)\(|"
    r"\.(?:has_key|iteritems|itervalues|iterkeys)\(|"
    r"^\s*(?:import|from) (?:urllib2|ConfigParser|StringIO|cStringIO|Queue|cPickle)\b",
    re.M,
)
_LONGEST = 4_000_000  # characters of a source


class Cannot(Exception):
    """There is nothing to translate, or not this way; the message is a sentence for the user."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be translated. `text` is the whole program; `text_range` what of it is wanted."""

    text: str
    name: str  # of the file, "sortnum.cob"
    source_language: str  # a key of TARGETS
    target_language: str = "python"
    text_range: TextRange | None = None
    inputs: tuple[Input, ...] = ()
    form: str = IDIOMATIC  # "faithful": not polished
    folder: Path | None = None  # the source's own: called programs and copybooks are looked up here
    copybooks: tuple[Path, ...] = ()  # folders, before `folder`
    format: str = "auto"  # of COBOL: auto, fixed, free, variable
    flags: tuple[str, ...] = ()  # for the original's own compiler
    prove: bool = True
    proof_s: float = 20.0  # for finding further inputs
    proof_inputs: int = 200  # and how many at most
    seed: int = 0


class Progress(msgspec.Struct, frozen=True):
    """Where the work is. `done` of `total` units, both 0 before they are known."""

    phase: str  # "translating", "proving", "polishing"
    done: int = 0
    total: int = 0
    unit: str = ""  # the one at work


OnPart = Callable[[Translated], None]
OnProgress = Callable[[Progress], None]


def source_language(name: str, language_id: str, text: str) -> str | None:
    """The key of TARGETS for a file, None where it cannot be translated."""
    row = language(language_id)
    if row is None or row.grammar is None:  # "plaintext", of an editor that does not know COBOL
        row = language(language_of_path(name)) or row
    grammar = row.grammar if row is not None else language_id
    if grammar == "python":
        return "python2" if _is_python2(text) else None
    return grammar if grammar in TARGETS else None


def _is_python2(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return True
    return _PYTHON2.search(text) is not None


async def translate(
    request: Request,
    *,
    resources: Resources | None = None,
    on_part: OnPart = lambda part: None,
    on_progress: OnProgress = lambda progress: None,
    stopped: asyncio.Event | None = None,
) -> Translated:
    """Translate one program.

    `resources` None, or without an engine: nothing is asked of a model. Setting `stopped` ends the
    work soon with the last proved text, `is_complete` False; cancelling the task ends it with
    CancelledError after the last part was given to `on_part`. A refused construct is a result with
    verdict REFUSED. Raises Cannot.
    """
    _check(request)
    if resources is None:
        return await _translated(request, None, on_part, on_progress, stopped)
    file = str(request.folder / request.name) if request.folder is not None else request.name
    with resources.request("translation", file) as about:
        result = await _translated(request, resources, on_part, on_progress, stopped)
    resources.became("answered", about, result.text, f"{result.verdict.value}: {result.reason}")
    return result


async def _translated(
    request: Request,
    resources: Resources | None,
    on_part: OnPart,
    on_progress: OnProgress,
    stopped: asyncio.Event | None,
) -> Translated:
    with tempfile.TemporaryDirectory(prefix="slmcode-") as folder:
        work = _Work(request, resources, on_part, on_progress, stopped, Path(folder))
        try:
            return await work.run()
        except RefusedSource as e:
            return results.refused(request.name, request.target_language, e)


def _check(request: Request) -> None:
    targets = TARGETS.get(request.source_language, ())
    if request.target_language not in targets:
        known = ", ".join(targets) or "no language"
        raise Cannot(f"{request.source_language} can be translated to {known}")
    if not request.text.strip():
        raise Cannot("the document is empty")
    if "\0" in request.text:
        raise Cannot("this is a binary file")
    if (n := len(request.text)) > _LONGEST:
        raise Cannot(f"the document has {n:,} characters; at most {_LONGEST:,} can be")


class _Work:
    """One translation on its way."""

    def __init__(
        self,
        request: Request,
        resources: Resources | None,
        on_part: OnPart,
        on_progress: OnProgress,
        stopped: asyncio.Event | None,
        folder: Path,
    ) -> None:
        self._request = request
        self._resources = resources
        self._on_part = on_part
        self._on_progress = on_progress
        self._stopped = stopped
        self._folder = folder
        self._began = time.monotonic()

    async def run(self) -> Translated:
        self._on_progress(Progress("translating"))
        if self._request.source_language not in ("cobol", "python2"):
            return await self._by_model()
        made = await asyncio.to_thread(_by_rules, self._request)
        report = Report(made, self._request.name, self._request.source_language, self._request.text)
        report.choose(self._request.text_range)
        self._tell(report)
        prover = self._prover(made)
        try:
            self._on_progress(Progress("proving"))
            report.judged = await unless(self._stopped, prover.prove(made.text))
            self._tell(report)
            if self._request.form == IDIOMATIC:
                await self._polish(report, prover)
        except Stopped:
            return self._result(report, is_complete=False)
        return self._result(report, is_complete=True)

    def _prover(self, made: Faithful) -> Prover:
        request = self._request
        if not request.prove:
            return NoProof("it was not asked for")
        if made.missing:
            names = ", ".join(made.missing)
            return NoProof(f"it calls {names}, which is not in its folder")
        pair = Pair(
            request.source_language,
            made.sources,
            made.flags,
            request.target_language,
            f"{made.stem}.py",
            made.beside,
            made.needs_runtime,
            made.facts,
        )
        effort = Effort(request.proof_s, request.proof_inputs, request.seed)
        return Differential(pair, request.inputs, effort, self._folder)

    async def _polish(self, report: Report, prover: Prover) -> None:
        """Raises Stopped; what was reached is in `report` then too."""
        if not report.judged.is_proved:
            report.note = "units without a proof stay faithful"
            return
        asker = await self._asker(report)
        polish = Polish(report.made.text, prover, asker, self._stopped)
        parts = report.made.parts
        order = callees_first({p.name: p.calls for p in parts})
        keys = [
            p.key
            for name in order
            for p in parts  # nested programs may have paragraphs of one name
            if p.name == name and p.key and name in report.chosen
        ]
        total = len(keys)

        def on_unit(key: str) -> None:
            done = keys.index(key) if key else total
            self._on_progress(Progress("polishing", done, total, key.rpartition(".")[2]))
            if report.text != polish.text:
                report.take(polish)
                self._tell(report)

        try:
            if report.made.needs_runtime:  # a fixer's result is what its author wrote
                await polish.run(keys, on_unit)
        finally:
            report.take(polish)
        await self._afresh(report, prover, polish.ruled)

    async def _afresh(self, report: Report, prover: Prover, ruled: str) -> None:
        """What the model wrote is tried on inputs that chose nothing of it."""
        if not any(change.by_model for change in report.changes.values()):
            return
        self._on_progress(Progress("proving"))
        judged: Judged = await unless(self._stopped, prover.afresh(report.text))
        why = f"further inputs showed a difference: {judged.fault}"
        for text in dict.fromkeys((ruled, report.made.text)):
            if judged.is_proved:
                break
            report.back(text, why)
            judged = await unless(self._stopped, prover.prove(text))
        report.judged = judged

    async def _asker(self, report: Report) -> Asker | None:
        if self._resources is None:
            return None
        try:
            asker = await open_asker(self._resources)
        except Refused as e:
            report.note = f"no model was asked: {e}"
            return None
        report.model = asker.model.name
        return asker

    async def _by_model(self) -> Translated:
        request = self._request
        asker = None
        why = "no model was asked"
        if self._resources is not None:
            try:
                asker = await open_asker(self._resources)
            except Refused as e:
                why = str(e)
        job = modelled.Job(
            text=request.text,
            name=request.name,
            source_language=request.source_language,
            target_language=request.target_language,
            flags=request.flags,
            given=request.inputs,
            effort=Effort(request.proof_s, request.proof_inputs, request.seed),
            prove=request.prove,
            text_range=request.text_range,
        )

        def on_unit(done: int, total: int, unit: str) -> None:
            self._on_progress(Progress("translating", done, total, unit))

        found = await modelled.translate(
            job, asker, why, self._folder, on_unit, self._on_part, self._stopped
        )
        return msgspec.structs.replace(found, seconds=time.monotonic() - self._began)

    def _tell(self, report: Report) -> None:
        self._on_part(self._result(report, is_complete=False))

    def _result(self, report: Report, *, is_complete: bool) -> Translated:
        return report.result(time.monotonic() - self._began, is_complete=is_complete)


def _by_rules(request: Request) -> Faithful:
    if request.source_language == "python2":
        return faithful.from_python2(request.text, request.name)
    return faithful.from_cobol(
        request.text,
        PurePath(request.name).name,
        request.folder,
        request.copybooks,
        request.format,
        request.flags,
    )


class PipelineTranslator:
    """The `Translator` of a server."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @property
    def languages(self) -> tuple[str, ...]:
        return _OTHERS

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: OnPart,
        *,
        inputs: tuple[Input, ...] = (),
        form: str = IDIOMATIC,
        on_progress: OnProgress = lambda progress: None,
        stopped: asyncio.Event | None = None,
    ) -> Translated:
        """Translate a document. Never raises; what cannot be translated is a refused result."""
        path = results.path_of(snapshot.uri)
        name = PurePath(path).name or "program"
        source = source_language(name, snapshot.language_id, snapshot.text)
        try:
            if source is None:
                raise Cannot(f"{snapshot.language_id} is not translated")
            request = Request(
                text=snapshot.text,
                name=name,
                source_language=source,
                target_language=target_language,
                text_range=text_range,
                inputs=inputs,
                form=form,
                folder=Path(path).parent if path else None,
            )
            return await translate(
                request,
                resources=self._resources,
                on_part=on_part,
                on_progress=on_progress,
                stopped=stopped,
            )
        except Cannot as e:
            return Translated(
                language_id=target_language, text="", verdict=Verdict.REFUSED, reason=str(e)
            )
