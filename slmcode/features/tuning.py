"""`slmcode models tune`: weights fitted to this machine, and the evidence that they are as good.

    calibrate   what the matrices are multiplied with, on code     engine/calibrate.py
    quantize    four bits a weight, errors made up for             models/quantize.py
    build       the forms to choose from                           models/rewrite.py
    check       their answers on held-out code                     engine/measure.py
    measure     their speed beside the official file's             engine/measure.py
    install     the fastest that loses at most a point             models/tuned.py

Everything is made in `<models>/.partial/tune-<role>`, which is removed at the end, whatever the
end is; a killed run leaves it to the next one. Nothing else changes before `install`.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import math
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from filelock import FileLock, Timeout

import slmcode
from slmcode.config import Config, models_folder
from slmcode.engine import calibrate, measure
from slmcode.engine.backend import physical_cores
from slmcode.models import corpus, store, tuned, vocabulary
from slmcode.models.catalog import Model, ModelError
from slmcode.models.forms import Source, input_of
from slmcode.models.rewrite import Data
from slmcode.models.stamps import sha256_of
from slmcode.models.tuned import Form, Quality, Record, Speed
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import FimTokens, Vocabulary

Progress = Callable[[str, float], None]  # what is done now, and how much of it, 0 to 1
Told = Callable[[float], None]  # how much is done, 0 to 1

MAY_LOSE = 1.0  # points, of first lines and of next tokens
_LONGEST = 448  # tokens of an excerpt
_MOMENTS_BYTES = 2_500_000_000  # calibrated at once, in memory and on disk
_ROUNDS = 5  # of each form against the official file
_SLACK = 64 << 20  # bytes to leave free


class TuneError(ModelError):
    """No tuned file was made. The message says why and what to do."""


class Outcome(msgspec.Struct, frozen=True):
    """What a run found. `path` is None if no form was both faster and good enough."""

    path: Path | None
    record: Record


def tune(model: Model, config: Config, progress: Progress) -> Outcome:
    """Make, check, measure and install. Minutes of all cores.

    Raises NotPulled or Refused if the official file cannot be used, TuneError if the disk is full,
    another process tunes the same model, or llama.cpp fails. Whatever is raised, also
    KeyboardInterrupt, what was installed before stays as it was.
    """
    folder = models_folder(config)
    official = store.path_of(model, config)
    store.check(official, model)
    work = folder / ".partial" / f"tune-{model.role}"
    work.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work.with_suffix(".lock"), timeout=0), _scratch(work):
            return _tune(model, config, official, work, progress)
    except Timeout:
        raise TuneError(
            f"another process is tuning {model.name}; wait until it has ended"
        ) from None
    except OSError as e:
        raise TuneError(f"tuning {model.name} failed in {folder}: {e.strerror or e}") from e


def _tune(model: Model, config: Config, official: Path, work: Path, progress: Progress) -> Outcome:
    threads = config.threads or physical_cores()
    source = Source(official)
    candidates = source.forms()
    _require_space(work, sum(source.size(form) for form in candidates))
    table = vocabulary.read(official, model.sha256)
    assert table.fim is not None, "a model of the catalogue can fill in the middle"
    tokenizer = Tokenizer(table)
    texts = [_prompt(tokenizer, table.fim, e)[0] for e in corpus.load(corpus.CALIBRATION)]
    solved: dict[str, Data] = {}
    names = source.solvable()
    for group in source.groups(names, _MOMENTS_BYTES):
        _calibrate(official, group, texts, threads, work, progress)
        for name in group:
            solved[name] = source.solve(name, work)
            progress("rounding weights", len(solved) / len(names))
        for file in work.glob("*.npy"):
            file.unlink()
    reference = _answers(official, table, threads, work, "official weights", progress)
    found: dict[str, Form] = {}
    for form in candidates:
        path = work / f"{form.name}.gguf"
        progress(f"writing {form.name}", 0.0)
        source.write(form, solved, path, added={"slmcode.tuned_from": model.sha256})
        table = vocabulary.read(path, form.name)
        given = _answers(path, table, threads, work, form.name, progress)
        quality = _quality(reference, given)
        speed = _speed(official, path, threads, work, form.name, progress)
        found[form.name] = Form(form.name, path.stat().st_size, speed, quality, _good(quality))
    best = _best(found.values())
    path = work / f"{best}.gguf"
    record = Record(
        source_sha256=model.sha256,
        sha256=sha256_of(path) if best else "",
        size=path.stat().st_size if best else 0,
        form=best,
        versions=_versions(),
        cpu=_cpu(),
        threads=threads,
        made=datetime.date.today().isoformat(),
        calibration_sha256=hashlib.sha256(corpus.read(corpus.CALIBRATION)).hexdigest(),
        forms=list(found.values()),
        kv_decode_ms=_kv_types(path, threads, work, progress) if best else {},
    )
    if not best:
        return Outcome(None, record)
    return Outcome(tuned.install(models_folder(config), model, path, record), record)


def _good(quality: Quality) -> bool:
    """Loses at most a point, as far as a standard error can tell."""
    lost = (-quality.line_points - quality.line_error, -quality.token_points - quality.token_error)
    return max(lost) <= MAY_LOSE


def _best(found: Iterable[Form]) -> str:
    """The name of the fastest form that is good and faster than the official file, or ""."""
    share = {
        form.name: form.speed.decode_ms / form.speed.official_decode_ms
        for form in found
        if form.kept
    }
    best = min(share, key=share.__getitem__, default="")
    return best if best and share[best] < 1 else ""


def _prompt(tokenizer: Tokenizer, fim: FimTokens, excerpt: corpus.Excerpt) -> tuple[list[int], int]:
    """The tokens of an excerpt as in an anchored prompt, cut at `_LONGEST`, and where its middle
    begins."""
    prefix = tokenizer.encode(excerpt.prefix)
    if not excerpt.middle:
        return prefix[:_LONGEST], 1
    suffix, middle = tokenizer.encode(excerpt.suffix), tokenizer.encode(excerpt.middle)
    tokens = [fim.prefix, *prefix, fim.suffix, *suffix, fim.middle, *middle]
    return tokens[:_LONGEST], len(tokens) - len(middle)


def _calibrate(
    official: Path,
    names: Sequence[str],
    texts: list[list[int]],
    threads: int,
    work: Path,
    progress: Progress,
) -> None:
    inputs = sorted({input_of(name) for name in names})
    request = calibrate.Request(str(official), texts, inputs, str(work), threads)
    file = work / "request.msgpack"
    file.write_bytes(msgspec.msgpack.encode(request))
    _process("slmcode.engine.calibrate", [str(file)], lambda p: progress("reading code", p))


Spans = dict[tuple[int, int, int], tuple[bytes, bool]]
"""(text, first byte, end) of a token asked for -> the first choice's bytes, and whether it is
the true token."""


class _Given(NamedTuple):
    """Answers of one file: next tokens by place, and whether each line was right."""

    tokens: Spans
    lines: dict[tuple[int, int], bool]  # (text, byte of the line's end) -> right


def _answers(
    path: Path, table: Vocabulary, threads: int, work: Path, name: str, progress: Progress
) -> _Given:
    """What the weights at `path` would write in the held-out excerpts.

    A line is right if greedy decoding, with the true text before it, writes it to its end: if
    each of its tokens is the first choice.
    """
    assert table.fim is not None
    tokenizer = Tokenizer(table)
    prompts = [_prompt(tokenizer, table.fim, e) for e in corpus.load(corpus.HELD_OUT)]
    prompts = [(tokens, start) for tokens, start in prompts if start < len(tokens)]
    request = measure.AnswersRequest(
        str(path), [tokens for tokens, _ in prompts], [start for _, start in prompts], threads
    )
    answers = _measure(request, measure.Answers, work, lambda p: progress(f"checking {name}", p))
    spans: Spans = {}
    lines: dict[tuple[int, int], bool] = {}
    for index, ((tokens, start), choices) in enumerate(zip(prompts, answers.choices, strict=True)):
        pieces = [table.tokens[t] for t in tokens[start:]]
        chosen = [table.tokens[t] for t in choices]
        ends = list(accumulate(len(piece) for piece in pieces))
        for piece, choice, end in zip(pieces, chosen, ends, strict=True):
            spans[index, end - len(piece), end] = (choice, choice == piece)
        lines |= {(index, end): hit for end, hit in line_hits(pieces, chosen).items()}
    return _Given(spans, lines)


def line_hits(pieces: Sequence[bytes], chosen: Sequence[bytes]) -> dict[int, bool]:
    """For each line that ends in `pieces` and is not blank: was it the first choice?

    By the place of the line's end, in bytes. `pieces` are the true tokens, `chosen` the first
    choices in their places. What a choice says behind the line's end does not count.
    """
    hits: dict[int, bool] = {}
    line, right, at = b"", True, 0
    for piece, choice in zip(pieces, chosen, strict=True):
        head, newline, tail = piece.partition(b"\n")
        right = right and (choice.startswith(head + newline) if newline else choice == piece)
        line += head
        if newline:
            if line.strip():
                hits[at + len(head)] = right
            line = tail.rpartition(b"\n")[2]  # blank lines may be in one token with the line's end
            right = choice == piece or not line
        at += len(piece)
    return hits


def _quality(official: _Given, form: _Given) -> Quality:
    """The form's answers against the official file's, line by line and token by token.

    Tokens are compared where both vocabularies cut the text alike.
    """
    shared = sorted(official.tokens.keys() & form.tokens.keys())
    before = [official.tokens[s][1] for s in shared]
    after = [form.tokens[s][1] for s in shared]
    lines = sorted(official.lines.keys() & form.lines.keys())
    lines_before = [official.lines[line] for line in lines]
    lines_after = [form.lines[line] for line in lines]
    line_points, line_error = paired_points(lines_before, lines_after)
    token_points, token_error = paired_points(before, after)
    agreed = [official.tokens[s][0] == form.tokens[s][0] for s in shared]
    return Quality(
        lines=len(lines),
        line_hits=_share(lines_after),
        official_line_hits=_share(lines_before),
        line_points=line_points,
        line_error=line_error,
        tokens=len(shared),
        token_hits=_share(after),
        official_token_hits=_share(before),
        token_points=token_points,
        token_error=token_error,
        agreement=_share(agreed),
    )


def paired_points(before: Sequence[bool], after: Sequence[bool]) -> tuple[float, float]:
    """The mean of `after` - `before` and its standard error, both in points (hundredths).

    The same tasks in the same order, so what makes a task hard cancels out.
    """
    differences = [a - b for a, b in zip(after, before, strict=True)]
    n = len(differences)
    if n < 2:
        return 0.0, 0.0
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    return 100 * mean, 100 * math.sqrt(variance / n)


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0


def _speed(
    official: Path, path: Path, threads: int, work: Path, name: str, progress: Progress
) -> Speed:
    """The form and the official file in turns, in one process."""
    files = {"official": str(official), "form": str(path)}
    costs = _costs(files, {}, threads, work, lambda p: progress(f"measuring {name}", p))
    return Speed(
        decode_ms=costs["form"].decode_ms,
        prefill_ms=costs["form"].prefill_ms,
        batch_ms=costs["form"].batch_ms,
        official_decode_ms=costs["official"].decode_ms,
        official_prefill_ms=costs["official"].prefill_ms,
        official_batch_ms=costs["official"].batch_ms,
    )


def _kv_types(path: Path, threads: int, work: Path, progress: Progress) -> dict[str, float]:
    """ms a token for each type of KV cache. Evidence only: the engine uses f16."""
    files = {"f16": str(path), "q8_0": str(path)}
    kinds = {name: name for name in files}
    costs = _costs(files, kinds, threads, work, lambda p: progress("measuring KV types", p))
    return {name: cost.decode_ms for name, cost in costs.items()}


def _costs(
    files: dict[str, str], kv_types: dict[str, str], threads: int, work: Path, told: Told
) -> dict[str, measure.Costs]:
    request = measure.SpeedRequest(files, kv_types, threads, _ROUNDS)
    return _measure(request, dict[str, measure.Costs], work, told)


_T = TypeVar("_T")


def _measure(
    request: measure.SpeedRequest | measure.AnswersRequest,
    answer: type[_T],
    work: Path,
    told: Told,
) -> _T:
    asked, answered = work / "request.msgpack", work / "answer.msgpack"
    asked.write_bytes(msgspec.msgpack.encode(request))
    _process("slmcode.engine.measure", [str(asked), str(answered)], told)
    return msgspec.msgpack.decode(answered.read_bytes(), type=answer)


def _process(module: str, arguments: list[str], told: Told) -> None:
    """Run one of the engine's modules to its end. It does not outlive this call."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        for line in process.stdout:
            told(float(line))
        error = process.stderr.read().strip()
        if process.wait() != 0:
            last = error.splitlines()[-1] if error else f"it ended with {process.returncode}"
            raise TuneError(f"{module} failed: {last}")
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _scratch(work: Path) -> Iterator[None]:
    """An empty folder that is gone afterwards."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_space(work: Path, forms_size: int) -> None:
    needed = forms_size + _MOMENTS_BYTES + _SLACK
    free = shutil.disk_usage(work).free
    if free < needed:
        raise TuneError(
            f"tuning needs {needed / 1e9:.1f} GB of disk for a while and {work.parent.parent} has"
            f" {free / 1e9:.1f} GB left"
        )


def _versions() -> dict[str, str]:
    names = ("llama-cpp-python", "numpy")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"slmcode": slmcode.__version__, **found}


def _cpu() -> str:
    """What the machine calls its processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
