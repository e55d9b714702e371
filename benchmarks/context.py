"""Does context from other files help? Hits with and without it, on the same places.

    python -m benchmarks.context --set crosscode --out artifacts/context.jsonl
    python -m benchmarks.context --set replay --n 60

`crosscode`: exact matches on CrossCodeEval-100. The repositories are not at hand, only the chunks
that its authors retrieved. They are used in their order (`given`), ordered by the names next to the
cursor (`overlap`), and as the files of a small workspace, beside the edited file itself, from which
our own retrieval chooses (`retrieved`).

`replay`: first-line hits at lines that real commits added, with chunks our own retrieval finds in
the repository's working tree, and with each of its sources switched off in turn. The tree is of a
later day than the commit. The edited file stands in the index as it was at the place, without
the span that is being written, but other files may know what the commit did: `verbatim` counts
the places whose true line stands word for word in a chunk, and the figures are given without
those places too. Files that no longer exist under their name are left out: their later copy would
tell. What the user edited or looked at before is unknown here, so that source finds nothing.

Beside the hits: at how many places some or all names that the truth needs, and the window has not,
stand in the chunks. `--names` tells only that, in seconds and for any change of the retrieval.

`benchmarks/crosscode.py` defines both sets and what a hit is. With --out a run that was broken off
is continued; a completion is kept under the digest of its prompt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
from rich.console import Console
from rich.progress import track

from benchmarks import crosscode, report
from benchmarks.crosscode import Task
from benchmarks.fim import Loaded
from benchmarks.infilling import Results
from benchmarks.typing import rows, workspace_of
from benchmarks.writer import Writer
from slmcode import config as settings
from slmcode.engine.backend import LlamaBackend
from slmcode.features.context import SOURCES, Place, retrieve
from slmcode.index import content
from slmcode.index.ignore import Ignored
from slmcode.index.index import Index, Progress
from slmcode.models import catalog, vocabulary
from slmcode.prompt import context, fim
from slmcode.prompt.context import Chunk
from slmcode.prompt.fim import FimPrompt
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.text import Snapshot, TextRange
from slmcode.vocabulary import Vocabulary

STYLES = ("separators", "comments")
EVERYTHING = frozenset(SOURCES) - {"recent"}  # nobody was anywhere before
NONE, WITHOUT = "none", "without "
CROSSCODE = ("retrieved", "overlap", "given")  # variants beside none
REPLAY = ("all", *(f"{WITHOUT}{source}" for source in SOURCES if source in EVERYTHING))
_SETS = {"crosscode": 100, "replay": 200}  # places
_VARIANTS = {"crosscode": CROSSCODE, "replay": REPLAY}
_HIT = {"crosscode": "Exact matches", "replay": "First-line hits"}
_SHORT_N = 3  # places of each set in CI: that it runs, not what it says
_MAX_TOKENS = 128  # one ground truth is longer, a URL nobody could guess
_N_CTX = 2048
_COMMENT = {"python": "#"}  # the others of both sets: //
_INDEX_S = 300.0
_SHOWN_S = 60.0
_POLL_S = 0.002


class Prompt(NamedTuple):
    """A prompt with what the chunks in it cost."""

    prompt: FimPrompt
    window: TextRange  # of the text around the cursor
    chunks: tuple[Chunk, ...]
    context_n: int  # tokens of the chunks and the file's path

    @property
    def digest(self) -> str:
        """The same for the same prompt, so that it is completed once."""
        data = array("q", self.prompt.tokens).tobytes() + self.prompt.heal
        return hashlib.blake2b(data, digest_size=16).hexdigest()


Complete = Callable[[Task, Prompt], str]


class Prompts:
    """Makes the product's prompts: its budgets, the anchor at the start of the cursor's line."""

    def __init__(self, table: Vocabulary, *, budget: int, style: str) -> None:
        """`budget` in tokens is for chunks and the file's path. Raises Refused without FIM."""
        if table.fim is None:
            raise catalog.Refused(f"{table.name} has no fill-in-the-middle tokens")
        self._fim = table.fim
        self._tokenizer = Tokenizer(table)
        self._budget = budget
        self._style = style
        self._config = settings.Config()

    def make(self, task: Task, chunks: Sequence[Chunk]) -> Prompt:
        """The prompt for a task with as many of `chunks`, best first, as fit."""
        anchor = task.prefix.rfind("\n") + 1
        typed = task.prefix[anchor:]
        head = fim.head(
            self._tokenizer,
            self._fim,
            task.prefix[:anchor],
            task.suffix,
            prefix_tokens=self._config.prefix_tokens,
            suffix_tokens=self._config.suffix_tokens,
        )
        window = TextRange(anchor - len(head.prefix), len(task.prefix) + len(head.suffix))
        found = context.fit(self._tokenizer, self._fim, task.path, chunks, budget=self._budget)
        first, *others = head.tokens
        if self._style == "comments":
            mark = _COMMENT.get(task.language, "//")
            comments = "".join(_commented(mark, chunk) for chunk in found.chunks)
            told = self._tokenizer.encode(comments)
            tokens = [first, *told, *others]
        else:
            told = list(found.tokens)
            tokens = [*told, first, *others]
        head = msgspec.structs.replace(head, tokens=tokens)
        return Prompt(fim.anchored(self._tokenizer, head, typed), window, found.chunks, len(told))


def _commented(mark: str, chunk: Chunk) -> str:
    """A chunk as a comment, as other tools write it inside of the prefix."""
    lines = [f"Compare this snippet from {chunk.path}:", *chunk.text.rstrip("\n").split("\n")]
    return "".join(f"{mark} {line}\n" for line in lines)


class Workspace(Protocol):
    """A repository's working tree in which a task's file is shown as it is at the place."""

    def show(self, task: Task) -> None:
        """Let the task's file stand in the index as it is at the place."""
        ...

    def retrieve(self, task: Task, window: TextRange, sources: frozenset[str]) -> list[Chunk]:
        """The chunks for a task whose file is shown, best first."""
        ...

    def close(self) -> None:
        """End the index's work."""
        ...


class IndexedWorkspace:
    """A folder with the product's index of it, complete when the object is made.

    Raises TimeoutError, and so does `show`.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        done = threading.Event()

        def progressed(progress: Progress) -> None:
            if not progress.running:
                done.set()

        self._limit_kb = settings.Config().index_file_kb
        self._ignored = Ignored(folder)
        self._index = Index(folder, database, limit_kb=self._limit_kb, on_progress=progressed)
        self._index.start()
        if not done.wait(_INDEX_S):
            raise TimeoutError(f"the index of {folder.name} was not made in {_INDEX_S:.0f} s")
        self._reader = self._index.reader()
        self._shown: set[str] = set()

    def show(self, task: Task) -> None:
        """As documents in an editor: the task's file, and the files its own chunks are from."""
        texts = crosscode.files_of(task)
        closed = self._shown - texts.keys()
        written = self._index.generation + len(closed)  # each one is a write
        for path in closed:
            self._index.buffer_closed(path)
        self._wait(lambda: self._index.generation >= written)
        for path, text in texts.items():
            self._index.buffer_changed(path, task.language, text)
        for path, text in texts.items():
            if self._is_indexed(path, text):
                self._wait(partial(self._stands, path, text))
        self._shown = set(texts)

    def _is_indexed(self, path: str, text: str) -> bool:
        """Not so a generated file, for one."""
        data = text.encode()
        refused = content.refusal(path, data[: content.HEAD], len(data), self._limit_kb)
        return not refused and not self._ignored.match(path, False)

    def _stands(self, path: str, text: str) -> bool:
        return self._reader.text(path, 0, sys.maxsize) == text

    def _wait(self, happened: Callable[[], bool]) -> None:
        until = time.monotonic() + _SHOWN_S
        while not happened():
            if time.monotonic() > until:
                raise TimeoutError(f"a document did not appear in the index in {_SHOWN_S:.0f} s")
            time.sleep(_POLL_S)

    def retrieve(self, task: Task, window: TextRange, sources: frozenset[str]) -> list[Chunk]:
        snapshot = Snapshot("", task.language, None, task.prefix + task.suffix)
        place = Place(snapshot, task.path, len(task.prefix), window)
        return list(retrieve(self._reader, place, sources))

    def close(self) -> None:
        self._reader.close()
        self._index.close()


class Known:
    """Completions by prompt, from the file of --out or from the model, which is loaded late."""

    def __init__(self, path: Path, results: Results, threads: int) -> None:
        self._path = path
        self._results = results
        self._threads = threads
        self._model: Writer | None = None

    def complete(self, task: Task, prompt: Prompt) -> str:
        """The completion of a task's prompt."""
        completion = self._results.get(task.task_id, prompt.digest)
        if completion is None:
            if self._model is None:
                backend = LlamaBackend(
                    self._path, threads=self._threads, memory_mb=16, n_ctx_seq=_N_CTX
                )
                self._model = Writer(backend)
            completion = self._model.write(prompt.prompt, task.truth.count("\n") + 1, _MAX_TOKENS)
            self._results.put(task.task_id, prompt.digest, completion)
        return completion

    @property
    def unit_ms(self) -> float | None:
        """As of the model."""
        return self._model.unit_ms if self._model else None


@dataclass
class Measured:
    """What came of the tasks, a value per task in every list."""

    is_hit: Callable[[str, str], bool]  # completion, truth
    tasks: list[Task] = field(default_factory=list)
    hits: dict[str, list[bool]] = field(default_factory=dict)  # by variant
    context_n: dict[str, list[int]] = field(default_factory=dict)  # tokens, by variant
    told: dict[str, list[float]] = field(default_factory=dict)  # as `add` says, by variant
    verbatim: list[bool] = field(default_factory=list)  # the truth stands in some variant's chunks
    reasons: Counter[str] = field(default_factory=Counter)  # chunks of the second variant

    def add(self, task: Task, found: Mapping[str, tuple[Prompt, str]]) -> None:
        """A task's prompt and completion by every variant.

        Of the names the truth needs and the window has not, `told` is the share that stands in the
        chunks. A task that needs none is not in those lists.
        """
        self.tasks.append(task)
        text = task.prefix + task.suffix
        windows = {prompt.window for prompt, _ in found.values()}
        shown = "".join(text[slice(*window)] for window in windows)
        needed = crosscode.names(task.truth) - crosscode.names(shown)
        for variant, (prompt, completion) in found.items():
            self.hits.setdefault(variant, []).append(self.is_hit(completion, task.truth))
            self.context_n.setdefault(variant, []).append(prompt.context_n)
            if needed:
                present = crosscode.names("\n".join(c.text for c in prompt.chunks))
                share = len(needed & present) / len(needed)
                self.told.setdefault(variant, []).append(share)
        chunks = [chunk for prompt, _ in found.values() for chunk in prompt.chunks]
        self.verbatim.append(any(crosscode.stands_in(task.truth, c.text) for c in chunks))
        _, (second, _), *_ = found.values()
        self.reasons.update(chunk.reason for chunk in second.chunks)

    def names(self) -> dict[str, Any]:
        """What the chunks tell, whatever a model makes of it. `*_names` count places."""
        return {
            "n": len(self.tasks),
            "needing_names": len(self.told[NONE]) if self.told else 0,
            "some_names": {v: sum(map(bool, t)) for v, t in self.told.items()},
            "all_names": {v: sum(share == 1 for share in t) for v, t in self.told.items()},
            "verbatim": sum(self.verbatim),
            "context_tokens": {v: sum(n) / len(n) for v, n in self.context_n.items()},
            "with_context": {v: sum(map(bool, n)) / len(n) for v, n in self.context_n.items()},
            "chunks": dict(self.reasons.most_common()),
        }

    def figures(self) -> dict[str, Any]:
        """The hits; `fresh` are those of the places whose truth stands in no chunk."""
        kept = [i for i, told in enumerate(self.verbatim) if not told]
        fresh = {v: [h[i] for i in kept] for v, h in self.hits.items()}
        return {
            "places": crosscode.compare(self.tasks, self.hits),
            "fresh": crosscode.compare([self.tasks[i] for i in kept], fresh)["all"]
            if kept
            else None,
        }


def given(task: Task) -> list[Chunk]:
    """A crosscode task's chunks in their authors' order."""
    return _as_chunks(task.chunks, "given")


def overlap(task: Task) -> list[Chunk]:
    """A crosscode task's chunks by the names next to the cursor."""
    return _as_chunks(crosscode.by_overlap(task), "overlap")


def _as_chunks(chunks: Sequence[crosscode.Chunk], reason: str) -> list[Chunk]:
    return [
        Chunk(c.path, 0, c.text.count("\n") + 1, c.text, 1.0 / (i + 1), reason)
        for i, c in enumerate(chunks)
    ]


def measure_crosscode(
    tasks: Sequence[Task],
    prompts: Prompts,
    complete: Complete,
    workspace: Workspace,
    variants: Sequence[str] = CROSSCODE,
) -> Measured:
    """Exact matches without context, with what we retrieve, and with the given chunks.

    The workspace is an empty folder: the files of a task are shown in it, and no others.
    """
    measured = Measured(crosscode.exact_match)
    for task in _progress(tasks, "crosscode"):
        prompt = prompts.make(task, [])
        workspace.show(task)
        chunks = {
            "retrieved": workspace.retrieve(task, prompt.window, EVERYTHING),
            "overlap": overlap(task),
            "given": given(task),
        }
        found = {NONE: (prompt, complete(task, prompt))}
        for name in variants:
            prompt = prompts.make(task, chunks[name])
            found[name] = (prompt, complete(task, prompt))
        measured.add(task, found)
    return measured


def measure_replay(
    tasks: Sequence[Task],
    prompts: Prompts,
    complete: Complete,
    open_workspace: Callable[[str], Workspace],
    variants: Sequence[str] = REPLAY,
) -> Measured:
    """First-line hits without and with all sources, and without each."""
    measured = Measured(crosscode.line_hit)
    for repository in sorted({t.repository for t in tasks}):
        with closing(open_workspace(repository)) as workspace:
            for task in _progress([t for t in tasks if t.repository == repository], repository):
                workspace.show(task)
                prompt = prompts.make(task, [])
                found = {NONE: (prompt, complete(task, prompt))}
                for name in variants:
                    sources = EVERYTHING - {name.removeprefix(WITHOUT)}
                    chunks = workspace.retrieve(task, prompt.window, sources)
                    prompt = prompts.make(task, chunks)
                    found[name] = (prompt, complete(task, prompt))
                measured.add(task, found)
    return measured


def _progress(tasks: Sequence[Task], title: str) -> Iterator[Task]:
    silent = not sys.stderr.isatty()
    yield from track(tasks, title, console=Console(stderr=True), disable=silent)


def show(title: str, figures: Mapping[str, Any]) -> None:
    """The tables of hits: a row a variant, then a row a language."""
    places = figures["places"]
    tokens = figures["context_tokens"]
    _show_variants(title, places["all"], tokens)
    if figures["fresh"] and figures["verbatim"]:
        _show_variants(f"{title}, the truth in no chunk", figures["fresh"], tokens)
    report.table(
        f"{title}, by language",
        ["language", "n", *places["all"]["hits"]],
        [
            [name, str(found["n"]), *map(report.percent, found["hits"].values())]
            for name, found in places.items()
        ],
    )


def _show_variants(title: str, found: Mapping[str, Any], tokens: Mapping[str, float]) -> None:
    body = []
    for variant, hit in found["hits"].items():
        row = [variant, report.percent(hit), "–", "–", "–", report.number(tokens[variant], 0)]
        if variant in found["differences"]:
            d = found["differences"][variant]
            low, high = d["interval"]
            row[2:5] = [f"{d['points']:+.1f}", f"{low:+.1f} … {high:+.1f}", f"{d['p_value']:.2g}"]
        body.append(row)
    report.table(
        f"{title}, {found['n']} places in {found['files']} files",
        ["context", "hits", f"points against {found['against']}", "95 %", "p", "tokens"],
        body,
    )


def show_names(name: str, figures: Mapping[str, Any]) -> None:
    """The table of what the chunks tell."""
    n, needing = figures["n"], figures["needing_names"]
    report.table(
        f"Names in chunks, {name}, {needing} of {n} places need some",
        ["context", "places with some", "with all", "with any context", "tokens"],
        [
            [
                v,
                str(some),
                str(figures["all_names"][v]),
                report.percent(figures["with_context"][v]),
                report.number(figures["context_tokens"][v], 0),
            ]
            for v, some in figures["some_names"].items()
        ],
    )
    chunks = ", ".join(f"{reason} {n}" for reason, n in figures["chunks"].items())
    print(f"chunks: {chunks or 'none'}; at {figures['verbatim']} places the truth stands in one")


def main(argv: list[str] | None = None) -> Any:
    """Run, print, return the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.context", description=__doc__)
    parser.add_argument("--set", choices=(*_SETS, "both"), default="both")
    parser.add_argument("--n", type=int, help="places of each set; default 100 and 200")
    parser.add_argument("--budget", type=int, default=settings.Config().context_tokens)
    parser.add_argument("--style", choices=STYLES, default=STYLES[0])
    parser.add_argument("--split", choices=("dev", "held-out"), default="dev", help="of replay")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="fast", help="a role, a role-official, or a GGUF file")
    parser.add_argument("--threads", type=int, default=0, help="0: one per physical core")
    parser.add_argument(
        "--names", action="store_true", help="complete nothing, only look for names in the chunks"
    )
    parser.add_argument("--out", type=Path, help="keep completions here and continue from it")
    parser.add_argument(
        "--variants", help=f"of {', '.join((*CROSSCODE, *REPLAY))}; none is always there"
    )
    parser.add_argument("--short", action="store_true", help="the few places of CI")
    parser.add_argument("--record", action="store_true", help="append to results.jsonl")
    args = parser.parse_args(argv)
    n = args.n or (_SHORT_N if args.short else None)
    short = "retrieved,all" if args.short else ",".join((*CROSSCODE, *REPLAY))
    wanted = (args.variants or short).split(",")
    if unknown := set(wanted) - {*CROSSCODE, *REPLAY}:
        parser.error(f"unknown variants: {', '.join(sorted(unknown))}")
    for name in [name for name in _SETS if args.set in (name, "both")]:
        if not set(wanted) & set(_VARIANTS[name]):
            parser.error(f"no variant of {name} is among them")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    try:
        loaded = Loaded(args.model)
        prompts = Prompts(
            vocabulary.load(loaded.path, settings.cache_folder()),
            budget=args.budget,
            style=args.style,
        )
        known = Known(loaded.path, Results(args.out, loaded.key), args.threads)
        complete = _nothing if args.names else known.complete
        for name in _SETS if args.set == "both" else (args.set,):
            with tempfile.TemporaryDirectory(prefix="slmcode-") as folder:
                if name == "crosscode":
                    tasks = crosscode.crosscode(report.DATA / "crosscodeeval-100")
                    empty = Path(folder, "workspace")
                    empty.mkdir()
                    with closing(IndexedWorkspace(empty, Path(folder, "x.sqlite"))) as workspace:
                        measured = measure_crosscode(
                            tasks[: n or _SETS[name]],
                            prompts,
                            complete,
                            workspace,
                            [v for v in CROSSCODE if v in wanted],
                        )
                else:
                    tasks = crosscode.replay(
                        _replay_rows(), split=args.split, n=n or _SETS[name], seed=args.seed
                    )
                    opened = partial(_open, databases=Path(folder))
                    measured = measure_replay(
                        tasks, prompts, complete, opened, [v for v in REPLAY if v in wanted]
                    )
            found[name] = measured.names()
            show_names(name, found[name])
            if not args.names:
                found[name] |= measured.figures()
                show(f"{_HIT[name]}, {name}, {loaded.name}", found[name])
    except TimeoutError as e:
        sys.exit(str(e))
    except OSError as e:
        sys.exit(f"the benchmark data is absent: {e}")
    except catalog.ModelError as e:
        sys.exit(f"the model cannot be used: {e}")
    print(f"decode unit {report.number(known.unit_ms)} ms")
    doc = report.document(
        "context",
        {
            "n": n,
            "seed": args.seed,
            "split": args.split,
            "budget": args.budget,
            "style": args.style,
            "model": loaded.name,
            "names": args.names,
            "variants": wanted,
        },
        {"decode_unit_ms": known.unit_ms, "weights": loaded.path.name, "sets": found},
    )
    if args.record:
        report.record(doc)
    return doc


def _nothing(task: Task, prompt: Prompt) -> str:
    return ""


def _replay_rows() -> list[dict[str, Any]]:
    """Rows of commit-replay whose file is still in its repository's working tree."""
    return [r for r in rows() if (workspace_of(r["repo"]) / r["path"]).is_file()]


def _open(repository: str, databases: Path) -> IndexedWorkspace:
    name = repository.replace("/", "+")
    return IndexedWorkspace(workspace_of(repository), databases / f"{name}.sqlite")


if __name__ == "__main__":
    print(json.dumps(main(), ensure_ascii=False))
