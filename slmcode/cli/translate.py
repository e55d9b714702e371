"""`slmcode translate FILE|DIR...`: legacy code into a modern language, with a verdict."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from slmcode.cli import close_network

if TYPE_CHECKING:
    from rich.console import Console

    from slmcode.config import Config
    from slmcode.features.translation import Translated
    from slmcode.features.translation.batch import Done, Job, Options
    from slmcode.features.translation.finding import Source
    from slmcode.features.translation.pipeline import Progress, Request

_USAGE, _DIFFERS, _REFUSED, _INTERRUPTED = 2, 3, 4, 130  # exit codes
_RUNTIME = "slmcode_runtime"
_COLOURS = {"proved": "green", "differs": "red", "not proved": "yellow", "refused": "magenta"}
_EXTENSIONS = {"python": ".py", "java": ".java", "go": ".go", "rust": ".rs", "typescript": ".ts"}


class Target(StrEnum):
    """What is translated to."""

    PYTHON = "python"
    JAVA = "java"
    GO = "go"
    RUST = "rust"
    TYPESCRIPT = "typescript"


class Format(StrEnum):
    """How the lines of a COBOL source are laid out."""

    AUTO = "auto"
    FIXED = "fixed"
    FREE = "free"
    VARIABLE = "variable"


def translate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR...",
            help="Programs, or folders of them: what is called is translated before what calls.",
        ),
    ],
    to: Annotated[
        Target,
        typer.Option(
            help="The language to translate to. COBOL and Python 2 become Python;"
            " Fortran 77, Perl, Pascal and C become any of them.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the results are written.")
    ] = Path("translated"),
    input_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="What a run of the program reads on its standard input; may be given several"
            " times. More inputs are made from these and from the program itself.",
        ),
    ] = None,
    idiomatic: Annotated[
        bool,
        typer.Option(
            "--idiomatic/--faithful",
            help="Let the model rewrite the faithful translation unit by unit, each rewriting kept"
            " only while the proof holds; or leave it as the rules made it.",
        ),
    ] = True,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="A JSON array on stdout, an object a program: source, file, verdict, reason,"
            " inputs_tried, coverage, units, look_first, difference, refusals, line_map, …;"
            " lines count from 1.",
        ),
    ] = False,
    with_runtime: Annotated[
        bool,
        typer.Option(
            "--with-runtime",
            help=f"Also copy the package {_RUNTIME} into DIR: the results run as they stand there.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Overwrite files in DIR, and do again what is done."),
    ] = False,
    copybooks: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Where COBOL's copybooks are looked up before the program's own folder; may be"
            " given several times.",
        ),
    ] = None,
    source_format: Annotated[
        Format, typer.Option("--format", help="How COBOL's lines are laid out; auto looks at them.")
    ] = Format.AUTO,
    encoding: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How the sources are encoded, such as latin-1, or cp037, cp273, cp500, cp1140 for"
            " EBCDIC; default: UTF-8, else Latin-1.",
            show_default=False,
        ),
    ] = "",
    proof: Annotated[
        bool,
        typer.Option(
            "--proof/--no-proof",
            help="Run the original and the translation on the same inputs and compare; without it"
            " everything is “not proved”.",
        ),
    ] = True,
    limit_s: Annotated[
        float,
        typer.Option(
            "--limit-s", min=0, metavar="S", help="How long more inputs are looked for, a program."
        ),
    ] = 20.0,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Translate on this Dask cluster, such as tcp://10.0.0.5:8786; needs the extra"
            " “cluster”. Each worker uses a model of its own.",
            show_default=False,
        ),
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            help="fast, quality or a GGUF file; default: the settings'.", show_default=False
        ),
    ] = "",
) -> None:
    """Translate legacy programs, prove the results, and say what to look at first.

    Rules translate faithfully; the original, built by its own compiler, and the translation run on
    the same inputs in a sandbox, output and files compared byte by byte; then a model makes the
    code idiomatic, unit by unit, as long as the proof holds. Nothing leaves this machine.

    For each program DIR gets the translation, STEM.report.html (source and target side by side)
    and STEM.report.json; for several also summary.html. A run that was interrupted goes on where it
    was when it is started again. Files are not overwritten without --force.

    Exit code 0: every program is proved, or there was nothing to prove it on; 3: one differs from
    its original; 4: none differs, but one holds a construct that cannot be translated; 2: wrong
    usage, or a file that cannot be used; 130: interrupted.
    """
    if not scheduler:
        close_network()  # before anything that starts threads is imported
    from slmcode.features.translation.batch import Job, JobError, Options
    from slmcode.features.translation.finding import SourceError, find
    from slmcode.features.translation.pipeline import Input

    for folder in copybooks or ():
        if not folder.is_dir():
            raise typer.BadParameter(f"{folder} is not a folder", param_hint="--copybooks")
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"there is no {path}", param_hint="FILE|DIR...")
    options = Options(
        target=to.value,
        form="idiomatic" if idiomatic else "faithful",
        inputs=tuple(Input(stdin=_read_input(path)) for path in input_files or ()),
        copybooks=tuple(folder.resolve() for folder in copybooks or ()),
        format=source_format.value,
        prove=proof,
        proof_s=limit_s,
    )
    config = _settings(model)
    if scheduler:
        if config.offline:
            _fail('the setting "offline" forbids --scheduler: a cluster is reached by the network')
        typer.echo(
            f"slmcode: the network of this process stays open, and your programs go to {scheduler}",
            err=True,
        )
    try:
        sources = find(paths, encoding, besides=output)
        _check_pairs(sources, to.value)
        with Job(output, sources, force=force) as job:
            job.check(options, _EXTENSIONS[to.value])
            if with_runtime:
                _copy_runtime(output, force=force)
            run = _Run(job, options, config, as_json=as_json, scheduler=scheduler)
            run.run()
    except (SourceError, JobError) as e:
        _fail(str(e))
    raise typer.Exit(run.exit_code)


def _fail(message: str) -> NoReturn:
    typer.echo(f"slmcode: {message}", err=True)
    raise typer.Exit(_USAGE)


def _read_input(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise typer.BadParameter(
            f"{path} cannot be read: {e.strerror or e}", param_hint="--input"
        ) from None


def _check_pairs(sources: list[Source], target: str) -> None:
    """Every source can become the target. Raises SourceError."""
    from slmcode.features.translation.finding import LANGUAGES, SourceError
    from slmcode.features.translation.pipeline import TARGETS

    for source in sources:
        targets = TARGETS[source.language]
        if target not in targets:
            language = LANGUAGES[source.language]
            raise SourceError(
                f"{source.path}: {language} is translated to {', '.join(targets)}, not to {target}"
            )


def _settings(model: str) -> Config:
    from slmcode import config

    settings, problems = config.load()
    changes: dict[str, Any] = {"work_ahead": "never", "index": False}
    if model:
        changes["edit_model"] = model
    settings, _ = config.overlay(settings, changes)
    for problem in problems:
        typer.echo(f"slmcode: {problem}", err=True)
    return settings


def _copy_runtime(folder: Path, *, force: bool) -> None:
    """Put the runtime package beside the results. Raises JobError."""
    from slmcode.features.translation.batch import JobError

    spec = importlib.util.find_spec(_RUNTIME)
    if spec is None or spec.origin is None:
        raise JobError(f"the package {_RUNTIME} is not installed")
    source, target = Path(spec.origin).parent, folder / _RUNTIME
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    for name in (name for name in names if "__pycache__" not in name.parts):
        new, old = source / name, target / name
        if old.exists() and not force and old.read_bytes() != new.read_bytes():
            raise JobError(f"{old} exists and is another one: it is overwritten with --force only")
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(new, old)


class _Run:
    """All programs of a job, with what the user is shown."""

    def __init__(
        self, job: Job, options: Options, config: Config, *, as_json: bool, scheduler: str
    ) -> None:
        from rich.console import Console

        self._job = job
        self._options = options
        self._config = config
        self._as_json = as_json
        self._scheduler = scheduler
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._done: list[Done] = []
        self._is_stopped = False
        self._stop: Callable[[], None] = lambda: None

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        verdicts = {done.verdict.value for done in self._done}
        if self._is_stopped:
            return _INTERRUPTED
        return _DIFFERS if "differs" in verdicts else _REFUSED if "refused" in verdicts else 0

    def run(self) -> None:
        """Translate what is not done yet; tell. Raises JobError."""
        import asyncio

        from slmcode.cli.ending import ended_as_interrupted

        for source in self._job.sources:
            if source.notice:
                self._say(source.notice)
        try:
            with ended_as_interrupted():
                asyncio.run(self._work())
        except KeyboardInterrupt:  # a second one
            self._is_stopped = True
        if len(self._job.sources) > 1:
            self._say(f"summary: {self._job.summarize(self._done)}")
        if self._is_stopped:
            n = len(self._job.sources)
            n_whole = sum(done.is_complete for done in self._done)
            n_parts = len(self._done) - n_whole
            self._say(
                f"interrupted: {n_whole} of {n} programs are done,"
                f" {f'{n_parts} in part, ' if n_parts else ''}and kept in {self._job.folder};"
                " the same command goes on from there"
            )
        if self._as_json:
            self._print_json()

    async def _work(self) -> None:
        import asyncio
        import signal

        stopped = asyncio.Event()

        def stop() -> None:
            if stopped.is_set():  # the user means it
                raise KeyboardInterrupt
            stopped.set()
            self._is_stopped = True
            self._say("stopping at the last proved text; Ctrl-C again stops at once")

        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop)
        try:
            if self._scheduler:
                await self._on_cluster(stopped)
            else:
                await self._here(stopped)
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)

    async def _here(self, stopped: Any) -> None:
        from slmcode.features.translation import batch, pipeline
        from slmcode.features.translation.local import Local

        async with Local(self._config, self._say) as local:
            with self._progress() as shown:

                async def translate(source: Source, request: Request) -> Translated:
                    shown.begin(source)
                    self._job.begin(source, _EXTENSIONS[self._options.target])
                    resources = await local.resources_for(request)
                    return await pipeline.translate(
                        request, resources=resources, on_progress=shown.on_progress, stopped=stopped
                    )

                found = batch.results(self._job, self._options, translate, stopped.is_set)
                async for source, result in found:
                    self._tell(source, self._finish(source, result))

    async def _on_cluster(self, stopped: Any) -> None:
        from slmcode.features.translation import cluster

        with self._progress() as shown:
            shown.all(len(self._job.sources))
            found = cluster.results(self._job, self._options, self._scheduler, stopped)
            async for source, result in found:
                self._tell(source, self._finish(source, result))
                shown.one_done()

    def _finish(self, source: Source, result: Translated | Done) -> Done:
        from slmcode.features.translation.batch import Done

        if isinstance(result, Done):
            done = result
        else:
            done = self._job.finish(source, self._options, result)
        self._done.append(done)
        return done

    # What the user sees

    def _progress(self) -> _Shown:
        return _Shown(self._console, len(self._job.sources))

    def _say(self, sentence: str) -> None:
        self._console.print(f"slmcode: {sentence}", markup=False)

    def _tell(self, source: Source, done: Done) -> None:
        from rich.text import Text

        verdict = Text(done.verdict.value, style=f"bold {_COLOURS[done.verdict.value]}")
        line = Text.assemble(source.path.name, ": ", verdict, f": {done.reason}")
        if done.n_idiomatic:
            line.append(f" ({done.n_idiomatic} of {done.n_units} units idiomatic)")
        self._console.print(line)
        for look in self._report(done).get("look_first", [])[:3]:
            at = f"line {look['source_line']}: " if look["source_line"] else ""
            self._console.print(f"  {at}{look['what']}", markup=False)
        names = [self._job.folder / name for name in done.files if not name.endswith(".json")]
        self._console.print(f"  {', '.join(map(str, names))}", markup=False, style="dim")

    def _report(self, done: Done) -> dict[str, Any]:
        path = self._job.folder / f"{done.stem}.report.json"
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found

    def _print_json(self) -> None:
        rows = [self._report(done) for done in self._done]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")


class _Shown:
    """Where the work is, on a terminal; elsewhere nothing."""

    def __init__(self, console: Console, n_programs: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._programs = self._bars.add_task("programs", total=n_programs, visible=n_programs > 1)
        self._units = self._bars.add_task("", total=None, visible=False)
        self._n_begun = 0
        self._name = ""

    def __enter__(self) -> _Shown:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def all(self, n_programs: int) -> None:
        """So many programs are at work together."""
        self._bars.update(self._programs, total=n_programs, visible=True)

    def one_done(self) -> None:
        """One of them is done."""
        self._bars.advance(self._programs)

    def begin(self, source: Source) -> None:
        """The next program is at work."""
        self._bars.update(self._programs, completed=self._n_begun)
        self._n_begun += 1
        self._name = source.path.name
        self._bars.reset(self._units, description=self._name, visible=True, total=None)

    def on_progress(self, progress: Progress) -> None:
        """The pipeline went on."""
        what = f"{self._name}: {progress.phase} {progress.unit}".rstrip()
        self._bars.update(
            self._units, description=what, completed=progress.done, total=progress.total or None
        )
