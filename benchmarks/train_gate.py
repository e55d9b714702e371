"""Trains the show-gate: collects what the model would offer at real keys, fits, writes gate.json.

    python -m benchmarks.train_gate collect --model FILE --out artifacts/gate.jsonl --minutes 40
    python -m benchmarks.train_gate train --data artifacts/gate.jsonl --weights "official Q4_K_M"

Only files of the "held-out" half of commit-replay are used; the typing benchmark measures on the
"dev" half. `collect` types regions key by key in process, as the server would see them: anchored
prompt, greedy text to the end of the line (of a few lines where a block is being filled), served
from memory as long as it is typed along. `train` fits boosted trees on pieces of that text.
"""

from __future__ import annotations

import argparse
import codecs
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeRegressor  # type: ignore[import-untyped]

from benchmarks import report
from benchmarks.replay import Region, region_of, something_would_be_right, split_of
from slmcode import config as settings
from slmcode.cli.typist import accepted_part, is_right, keys
from slmcode.engine.backend import LlamaBackend
from slmcode.engine.decode import Runner
from slmcode.engine.job import Chunk, Done, Job, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.features import gate, postprocess
from slmcode.features.anchors import Anchor, AnchorMaker, Budget
from slmcode.features.feedback import Feedback
from slmcode.models import vocabulary
from slmcode.prompt.fim import FimPrompt
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.syntax.scopes import block_indent, node_kind
from slmcode.text import Snapshot

_BUDGET = Budget(320, 64)
_N_CTX = 1024
_LINE_TOKENS, _BLOCK_TOKENS = 32, 48  # generated at most; what is longer is hardly ever right
_BLOCK_LINES = 3
_REANCHOR = 0.3  # of the newlines are pauses, in which the server sets a new anchor
_REMAINING = 600  # characters of what is typed next that are kept
_BELOW = 4000
_FINISHED = 3  # lines per region that are asked for at their end once all is typed

_RISING = frozenset({"sum", "mean", "lowest", "first", "last"})  # more of these is never worse
# Features that did not pay. Brier score of the first pieces, 34 regions, official weights: 0.191
# with the user's record and 0.190 without it, for the typist of the replay accepts whatever is
# right and his habits tell nothing. Whether a piece stands in the line above or below did not
# pay either (0.196 with that, 0.195 without) and is no feature.
_LEFT_OUT = frozenset(map(gate.FEATURES.index, ("recent", "since_rejection", "left")))
_LOOSE = 1.0  # inverse regularization of the logistic regression
_DEPTH, _RATE = 4, 0.1
_LEAST_SHARE = 0.01  # of all samples in a leaf
_LATER = 0.6  # weight of a piece against the next shorter one: few are reached
_CUTS_FOR_VISITS = (0.2, 0.4)
_CUTS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_STEPS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MARGIN = 0.01  # of precision, for files unlike those here
_EARLY_TOKENS = 4  # what a busy machine has by the deadline
_FIGURES = ("precision", "coverage", "saved", "quiet", "quiet_finished")


@dataclass
class Generated:
    """Greedy text from `start` on, and its tokens."""

    start: int
    text: str = ""
    ends: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    final: bool = False
    header: int | None = None


class Writer:
    """The engine without its process, on one thread."""

    def __init__(self, path: Path, threads: int) -> None:
        table = vocabulary.load(path, settings.cache_folder())
        assert table.fim is not None
        self.tokenizer = Tokenizer(table)
        self.fim = table.fim
        backend = LlamaBackend(path, threads=threads, memory_mb=26, n_ctx_seq=_N_CTX)
        self._scheduler = Scheduler(Runner(backend, speculate=False))
        self._jobs = 0

    def write(
        self, prompt: FimPrompt, out: Generated, stop_lines: int, ended: Callable[[str], int | None]
    ) -> None:
        """Fill `out`. `ended` gives the length at which the text is complete, None before."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        ends: list[Done] = []
        self._jobs += 1

        def send(message: Chunk | Done) -> None:
            if isinstance(message, Done):
                ends.append(message)
                return
            out.text += decoder.decode(message.data).replace("\r", "")
            out.ends.append(len(out.text))
            out.logprobs += message.logprobs

        job = Job(
            sequence="gate",
            tokens=prompt.tokens,
            heal=prompt.heal,
            max_tokens=_LINE_TOKENS if stop_lines == 1 else _BLOCK_TOKENS,
            stop_lines=stop_lines,
        )
        self._scheduler.submit(self._jobs, job, send)
        while not ends:
            self._scheduler.step()
            length = ended(out.text)
            if length is not None and not ends:
                self._scheduler.cancel(self._jobs, send)
                while not ends:
                    self._scheduler.step()
                out.text = out.text[:length]
                out.final = True
        if ends[0].stop not in (Stop.END, Stop.LINES, Stop.LENGTH, Stop.CANCELLED):
            raise RuntimeError(f"the engine ended with {ends[0].stop}: {ends[0].message}")
        out.final = out.final or ends[0].stop is not Stop.LENGTH


def regions(rows: list[dict[str, Any]], seed: int) -> Iterator[Region]:
    """Regions of held-out files without end of the same text twice, languages and files in turn."""
    rng = random.Random(seed)
    by_language: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in rows:
        if split_of(row["repo"], row["path"]) == "held-out":
            files = by_language.setdefault(row["lang"], {})
            files.setdefault(f"{row['repo']}/{row['path']}", []).append(row)
    seen: set[str] = set()
    for _ in range(12):
        order = {name: rng.sample(sorted(files), len(files)) for name, files in by_language.items()}
        while any(order.values()):
            for name in sorted(order):
                if not order[name]:
                    continue
                versions = by_language[name][order[name].pop()]
                for _ in range(8):
                    region = region_of(rng.choice(versions), rng)
                    if region is None:
                        continue
                    lines = {
                        line.strip() for line in region.typed.split("\n") if len(line.strip()) > 8
                    }
                    if lines and len(lines & seen) <= len(lines) // 4:
                        seen |= lines
                        yield region
                        break


class Collector:
    """Types regions and notes, key by key, what would be offered and what is typed next."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._syntax = SyntaxCache()
        self._maker = AnchorMaker(writer.tokenizer, writer.fim, self._syntax)

    def type(self, region: Region, rng: random.Random) -> Iterator[dict[str, Any]]:
        """One record a key, and some at the end of lines when all is there."""
        text, remaining = region.before, region.typed
        uri = f"{region.repository}/{region.path}"
        snapshot = Snapshot(uri, region.language, None, text + region.after)
        anchor = self._anchor(snapshot, len(text), None)
        held: Generated | None = None
        for n, key in enumerate(keys(region.typed)):
            text += key
            remaining = remaining[len(key) :]
            snapshot = Snapshot(uri, region.language, None, text + region.after)
            at = len(text)
            pause = key.startswith("\n") and rng.random() < _REANCHOR
            if pause or not anchor.holds(snapshot, at):
                anchor = self._anchor(snapshot, at, anchor)
            if held is None or not _goes_on(held, text):
                held = self._generate(anchor, snapshot, at)
            yield self._record(region, snapshot, at, held, remaining) | {"n": n, "kind": "typed"}
        starts = [
            i for i, c in enumerate(region.typed) if c == "\n" and region.typed[i - 1] != "\n"
        ]
        for end in rng.sample(starts, min(_FINISHED, len(starts))):
            at = len(region.before) + end
            anchor = self._anchor(snapshot, at, anchor)
            held = self._generate(anchor, snapshot, at)
            yield self._record(region, snapshot, at, held, "") | {"n": -1, "kind": "finished"}
        self._syntax.forget(uri)

    def _anchor(self, snapshot: Snapshot, at: int, previous: Anchor | None) -> Anchor:
        return self._maker.make(snapshot, at, _BUDGET, "gate", previous)

    def _generate(self, anchor: Anchor, snapshot: Snapshot, at: int) -> Generated:
        prompt = self._maker.prompt(anchor, snapshot, at)
        header = block_indent(self._syntax.tree(snapshot, 0), snapshot, at)
        typed_n = len(prompt.heal_text)
        out = Generated(at - typed_n, header=header)
        after = snapshot.text[at : at + _BELOW]

        def ended(text: str) -> int | None:
            if header is None:
                return None
            end = postprocess.complete_block(
                text[typed_n:], header, snapshot.language_id, after, _BLOCK_LINES
            )
            return None if end is None else typed_n + end

        self._writer.write(prompt, out, 1 if header is None else _BLOCK_LINES + 1, ended)
        return out

    def _record(
        self, region: Region, snapshot: Snapshot, at: int, held: Generated, remaining: str
    ) -> dict[str, Any]:
        typed_n = at - held.start
        start, end = snapshot.line_start(at), snapshot.line_end(at)
        left, right = snapshot.text[start:at], snapshot.text[at:end]
        text = _fitted(
            held.text[typed_n:], held.final, left, right, snapshot.text[at : at + _BELOW]
        )
        tokens = [
            (e - typed_n, round(p, 4))
            for e, p in zip(held.ends, held.logprobs, strict=True)
            if e > typed_n
        ]
        return {
            "file": f"{region.repository}/{region.path}",
            "region": hash(region) & 0xFFFFFFFF,
            "language_id": region.language,
            "left": left,
            "right": right,
            "node": node_kind(self._syntax.tree(snapshot, 0), at),
            "in_block": held.header is not None,
            "typed_n": typed_n,
            "raw": held.text[typed_n:],
            "text": text,
            "ends": [t[0] for t in tokens],
            "logprobs": [t[1] for t in tokens],
            "final": held.final,
            "remaining": remaining[:_REMAINING],
        }


def _goes_on(held: Generated, text: str) -> bool:
    """Is what was typed since `held` began what it says, with more to come?"""
    typed = text[held.start :]
    return held.text.startswith(typed) and len(held.text) > len(typed)


def _fitted(text: str, final: bool, left: str, right: str, below: str) -> str:
    """What the server makes of generated text before it offers it; "" for nothing."""
    if not text.strip():
        return ""
    text = postprocess.balance(postprocess.last_piece(text, final).rstrip(), left, right)
    return postprocess.clean(postprocess.cut_repetition(text, left, below), "\n")


def collect(args: argparse.Namespace) -> None:
    """Write records until the time is over."""
    files = sorted((report.DATA / "commit-replay").glob("*.jsonl"))
    rows = [json.loads(line) for f in files for line in f.read_text("utf-8").splitlines()]
    collector = Collector(Writer(args.model, args.threads))
    until = time.monotonic() + args.minutes * 60
    rng = random.Random(args.seed)
    n = 0
    with args.out.open("a", encoding="utf-8") as out:
        for i, region in enumerate(regions(rows, args.seed)):
            if i < args.skip:
                continue
            if time.monotonic() > until:
                break
            for record in collector.type(region, rng):
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
                n += 1
            out.flush()
            print(f"{i + 1} regions, {n} keys, {region.path}", file=sys.stderr, flush=True)


# Learning


class Visit(NamedTuple):
    """A key at which the gate is asked, with what it knows of the user by then."""

    record: Mapping[str, Any]
    recent: float = 0.5
    since_rejection: int = gate.SINCE_MAX


class Samples(NamedTuple):
    """Pieces of visited keys. Arrays have one row a piece."""

    values: npt.NDArray[np.float64]  # (n, len(gate.FEATURES))
    right: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]  # one divided among the pieces of a key
    group: npt.NDArray[np.int64]  # the file


def load(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The records of `collect`, with `confirmed`: how much of the text was typed along."""
    out: list[dict[str, Any]] = []
    for path in paths:
        previous: dict[str, Any] = {}
        for line in path.read_text("utf-8").splitlines():
            record = json.loads(line)
            before = previous.get("region") == record["region"] and record["n"] > 0
            typed_n = record["typed_n"] - previous.get("typed_n", 0)
            along = before and typed_n > 0 and previous["raw"][typed_n:] == record["raw"]
            record["confirmed"] = previous["confirmed"] + typed_n if along else 0
            out.append(record)
            previous = record
    return out


def situation(visit: Visit) -> gate.Situation:
    """What the server would tell the gate."""
    r = visit.record
    return gate.Situation(
        r["language_id"],
        r["left"],
        r["right"],
        r["node"],
        r["in_block"],
        visit.recent,
        visit.since_rejection,
        r["confirmed"],
    )


def samples(visits: Sequence[Visit], files: Mapping[str, int]) -> Samples:
    """Every piece of every visited key."""
    values: list[Sequence[float]] = []
    right: list[float] = []
    weight: list[float] = []
    group: list[int] = []
    for visit in visits:
        r = visit.record
        place = gate.place_of(situation(visit))
        found = list(gate.pieces(r["text"], r["ends"]))
        for i, piece in enumerate(found):
            row = gate.features(place, r["text"], r["ends"], r["logprobs"], piece)
            values.append([0.0 if i in _LEFT_OUT else value for i, value in enumerate(row)])
            right.append(float(r["remaining"].startswith(r["text"][: piece.length])))
            weight.append(_LATER**i)
            group.append(files[r["file"]])
    return Samples(np.array(values), np.array(right), np.array(weight), np.array(group))


def fit(data: Samples, n_trees: int) -> gate.Model:
    """A logistic regression, and trees boosted on what it leaves (Newton steps, log-loss)."""
    mean, scale = data.values.mean(axis=0), data.values.std(axis=0) + 1e-9
    linear = LogisticRegression(C=_LOOSE, max_iter=300)
    linear.fit((data.values - mean) / scale, data.right, sample_weight=data.weight)
    weights = linear.coef_[0] / scale
    bias = float(linear.intercept_[0] - mean @ weights)
    odds = data.values @ weights + bias
    rising = [int(name in _RISING) for name in gate.FEATURES]
    trees: list[gate.Split | float] = []
    for _ in range(n_trees):
        chance = 1 / (1 + np.exp(-odds))
        tree = DecisionTreeRegressor(
            max_depth=_DEPTH,
            min_weight_fraction_leaf=_LEAST_SHARE,
            monotonic_cst=rising,
            random_state=0,
        )
        tree.fit(data.values, data.right - chance, sample_weight=data.weight)
        leaf = tree.apply(data.values)
        size = tree.tree_.node_count
        gradient = np.bincount(leaf, data.weight * (data.right - chance), size)
        curvature = np.bincount(leaf, data.weight * chance * (1 - chance), size)
        step = _RATE * gradient / (curvature + 1.0)
        odds += step[leaf]
        trees.append(_exported(tree.tree_, step, 0))
    return gate.Model(
        format=gate.FORMAT,
        provenance={},
        cuts=[],
        bias=round(bias, 4),
        weights={
            name: round(float(weight), 5)
            for i, (name, weight) in enumerate(zip(gate.FEATURES, weights, strict=True))
            if i not in _LEFT_OUT
        },
        trees=trees,
    )


def _exported(tree: Any, step: npt.NDArray[np.float64], node: int) -> gate.Split | float:
    if tree.children_left[node] < 0:
        return round(float(step[node]), 4)
    return gate.Split(
        gate.FEATURES[tree.feature[node]],
        float(f"{tree.threshold[node]:.5g}"),
        _exported(tree, step, tree.children_left[node]),
        _exported(tree, step, tree.children_right[node]),
    )


# Judging


@dataclass
class Tally:
    """The figures of the typing replay, without the clock."""

    keys: int = 0
    plain: int = 0
    requests: int = 0
    shown: int = 0
    right: int = 0
    nothing: int = 0
    quiet: int = 0
    finished: int = 0
    finished_quiet: int = 0
    shown_characters: int = 0

    def add(self, other: Tally) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, float]:
        return {
            "precision": self.right / max(1, self.shown),
            "coverage": self.shown / max(1, self.requests),
            "saved": 1 - self.keys / max(1, self.plain),
            "quiet": self.quiet / max(1, self.nothing),
            "quiet_finished": self.finished_quiet / max(1, self.finished),
            "characters": self.shown_characters / max(1, self.shown),
        }


def by_region(records: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The records of each region, in the order of its keys."""
    out: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for r in records:
        out.setdefault((r["file"], r["region"]), []).append(r)
    return list(out.values())


def type_region(
    region: Sequence[dict[str, Any]], judge: Callable[[Visit], gate.Verdict]
) -> tuple[Tally, list[Visit]]:
    """Type one region with acceptance; the figures, and the keys at which the gate was asked."""
    typed = [r for r in region if r["kind"] == "typed"]
    tally = Tally(plain=len(typed))
    visits: list[Visit] = []
    feedback = Feedback(gate.load(None)[0])
    uri = region[0]["file"]
    text = ""
    at = 0
    tally.keys = 1
    while True:
        r = typed[at]
        feedback.key(Snapshot(uri, "", None, text), len(text))
        visit = Visit(r, feedback.recent, feedback.since_rejection)
        visits.append(visit)
        shown = r["text"][: judge(visit).length]
        remaining = r["remaining"]
        tally.requests += 1
        tally.shown += bool(shown)
        tally.shown_characters += len(shown)
        right = is_right(shown, remaining)
        tally.right += right
        if not something_would_be_right(remaining):
            tally.nothing += 1
            tally.quiet += not shown
        if not remaining:
            break
        accepted = accepted_part(shown, remaining)
        key = accepted or next(keys(remaining))
        if shown:
            feedback.answered(uri, str(at), len(text), shown, 0.5)
            feedback.shown(str(at))
        text += key
        tally.keys += 1
        n_keys = sum(1 for _ in keys(key))
        at += n_keys
        if at >= len(typed):
            break
    for r in region:
        if r["kind"] == "finished":
            visit = Visit(r, feedback.recent, feedback.since_rejection)
            visits.append(visit)
            tally.finished += 1
            tally.finished_quiet += not judge(visit).length
    return tally, visits


class Validation:
    """Cross-validation by file: every figure is of a gate that has not seen the file."""

    def __init__(self, records: Sequence[dict[str, Any]], n_folds: int, n_trees: int) -> None:
        names = sorted({r["file"] for r in records})
        random.Random(1).shuffle(names)
        self._files = {name: i for i, name in enumerate(names)}
        self._n_folds, self._n_trees = n_folds, n_trees
        self._regions = by_region(records)

    def gates(self, visits: Sequence[Visit]) -> list[gate.Gate]:
        """For each fold the gate that was fitted on all the others."""
        return [
            gate.Gate(fit(self.samples(visits, without=fold), self._n_trees))
            for fold in range(self._n_folds)
        ]

    def samples(self, visits: Sequence[Visit], without: int | None = None) -> Samples:
        """The samples of these visits, but for one fold."""
        kept = [v for v in visits if self._fold(v.record["file"]) != without]
        return samples(kept, self._files)

    def replay(
        self, gates: Sequence[gate.Gate], cut: float, tokens: int | None = None
    ) -> tuple[dict[str, Tally], list[Visit]]:
        """Type every region with the gate of its fold; the figures by language, and the keys."""
        languages: dict[str, Tally] = {}
        visits: list[Visit] = []
        for region in self._regions:
            g = with_cut(gates[self._fold(region[0]["file"])], cut)
            tally, seen = type_region(region, partial(judge, g, tokens))
            languages.setdefault(region[0]["language_id"], Tally()).add(tally)
            visits += seen
        return languages, visits

    def chances(
        self, gates: Sequence[gate.Gate], visits: Sequence[Visit]
    ) -> tuple[Samples, npt.NDArray[np.float64]]:
        """All samples, and the log-odds that the gate of their fold gives them."""
        data = self.samples(visits)
        odds = np.array(
            [
                gates[group % self._n_folds].odds(values)
                for values, group in zip(data.values, data.group, strict=True)
            ]
        )
        return data, odds

    def _fold(self, file: str) -> int:
        return self._files[file] % self._n_folds


def with_cut(g: gate.Gate, cut: float) -> gate.Gate:
    """The same gate, showing at a threshold of 0.5 what has at least the probability `cut`."""
    return gate.Gate(msgspec.structs.replace(g.model, cuts=[(0.5, cut)]))


def judge(g: gate.Gate, tokens: int | None, visit: Visit) -> gate.Verdict:
    """What the server would show at a key. `tokens`: with no more than these by the deadline."""
    r = visit.record
    text, ends, final = r["text"], r["ends"], r["final"]
    if tokens is not None:
        # Keys are so far apart that a generation goes on by about as much until the next one.
        known = tokens * (1 + r["confirmed"])
        if known < len(ends) and ends[known - 1] < len(text):
            text = postprocess.last_piece(text[: ends[known - 1]], False)
            ends, final = ends[:known], False
    return g.judge(situation(visit), text, ends, r["logprobs"], final=final, threshold=0.5)


def once(visits: Sequence[Visit]) -> list[Visit]:
    """One visit of each key, drawn from those of several replays."""
    by_key: dict[int, list[Visit]] = {}
    for visit in visits:
        by_key.setdefault(id(visit.record), []).append(visit)
    rng = random.Random(1)
    return [rng.choice(same) for same in by_key.values()]


def straightened(model: gate.Model, slope: float, offset: float) -> gate.Model:
    """The model with its log-odds scaled and shifted."""

    def scaled(node: gate.Split | float) -> gate.Split | float:
        if isinstance(node, gate.Split):
            return msgspec.structs.replace(node, low=scaled(node.low), high=scaled(node.high))
        return round(node * slope, 4)

    return msgspec.structs.replace(
        model,
        bias=round(model.bias * slope + offset, 4),
        weights={name: round(weight * slope, 5) for name, weight in model.weights.items()},
        trees=[scaled(tree) for tree in model.trees],
    )


def train(args: argparse.Namespace) -> None:
    """Cross-validate by file, say what came of it, fit on everything, write the model."""
    records = load(args.data)
    validation = Validation(records, args.folds, args.trees)
    gates = validation.gates([Visit(r) for r in records[::3]])  # neighbours say the same
    # The keys that matter are those a user comes to who accepts what the gate shows.
    visits = once([v for cut in _CUTS_FOR_VISITS for v in validation.replay(gates, cut)[1]])
    gates = validation.gates(visits)
    data, odds = validation.chances(gates, visits)
    platt = LogisticRegression(C=100.0).fit(odds[:, None], data.right, sample_weight=data.weight)
    slope, offset = float(platt.coef_[0][0]), float(platt.intercept_[0])
    gates = [gate.Gate(straightened(g.model, slope, offset)) for g in gates]
    chance = 1 / (1 + np.exp(-slope * odds - offset))

    rows, precisions = [], []
    for cut in _CUTS:
        total = sum_of(validation.replay(gates, cut)[0]).figures()
        rows.append([f"{cut:.2f}", *(report.percent(total[name]) for name in _FIGURES)])
        precisions.append(total["precision"])
    report.table("Shown from which probability", ["cut", *_FIGURES], rows)
    precisions = list(np.maximum.accumulate(precisions))
    cuts = [(t, round(float(np.interp(t + _MARGIN, precisions, _CUTS)), 3)) for t in _STEPS]
    languages, _ = validation.replay(gates, dict(cuts)[0.5])
    early, _ = validation.replay(gates, dict(cuts)[0.5], tokens=_EARLY_TOKENS)
    by_name = {"all": sum_of(languages), "all, 4 tokens a key": sum_of(early), **languages}
    report.table(
        "At the threshold 0.5",
        ["", *_FIGURES, "keys"],
        [
            [name, *(report.percent(t.figures()[f]) for f in _FIGURES), str(t.requests)]
            for name, t in by_name.items()
        ],
    )
    reliability = []
    for low in range(10):
        at = (chance * 10).astype(int) == low
        if at.any():
            mean = float(np.average(chance[at], weights=data.weight[at]))
            share = float(np.average(data.right[at], weights=data.weight[at]))
            reliability.append([low / 10, int(at.sum()), round(mean, 3), round(share, 3)])
    report.table(
        "Calibration of the pieces",
        ["from", "pieces", "probability", "right"],
        [[str(x) for x in row] for row in reliability],
    )
    auc = roc_auc_score(data.right, chance, sample_weight=data.weight)
    brier = float(np.average((chance - data.right) ** 2, weights=data.weight))
    print(f"AUC {auc:.3f}, Brier {brier:.3f}, {len(data.right)} pieces of {len(visits)} keys")

    everything = fit(validation.samples(visits), args.trees)
    figures = {name: round(float(v), 3) for name, v in sum_of(languages).figures().items()}
    provenance = {
        "made": "by benchmarks/train_gate.py from the held-out half of commit-replay",
        "date": datetime.now(UTC).date().isoformat(),
        "weights": args.weights,
        "files": len({r["file"] for r in records}),
        "regions": len(by_region(records)),
        "keys": len(visits),
        "pieces": len(data.right),
        "validation": f"by file, {args.folds} folds",
        "auc": round(float(auc), 3),
        "brier": round(brier, 3),
        "calibration": reliability,
        "at_threshold_0.5": figures,
    }
    model = msgspec.structs.replace(
        straightened(everything, slope, offset), provenance=provenance, cuts=cuts
    )
    gate.Gate(model)  # raises if it cannot be loaded
    args.out.write_text(written(model), encoding="utf-8")


def sum_of(tallies: Mapping[str, Tally]) -> Tally:
    """All of them together."""
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    return total


def written(model: gate.Model) -> str:
    """The model as JSON that people can read: a tree a line."""
    fields = msgspec.to_builtins(model)
    trees = ",\n".join("    " + json.dumps(tree) for tree in fields.pop("trees"))
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
    return "{\n" + ",\n".join([*lines, f'  "trees": [\n{trees}\n  ]']) + "\n}\n"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.train_gate", description=__doc__)
    commands = parser.add_subparsers(required=True)
    sub = commands.add_parser("collect")
    sub.add_argument("--out", type=Path, required=True)
    sub.add_argument("--minutes", type=float, default=40)
    sub.add_argument("--model", type=Path, required=True)
    sub.add_argument("--threads", type=int, default=1)
    sub.add_argument("--seed", type=int, default=1)
    sub.add_argument("--skip", type=int, default=0)
    sub.set_defaults(run=collect)
    sub = commands.add_parser("train")
    sub.add_argument("--data", type=Path, nargs="+", required=True)
    sub.add_argument("--folds", type=int, default=8)
    sub.add_argument("--trees", type=int, default=24)
    sub.add_argument("--weights", required=True, help="which weights wrote the data, for the file")
    sub.add_argument("--out", type=Path, default=gate.SHIPPED)
    sub.set_defaults(run=train)
    args = parser.parse_args(argv)
    args.run(args)


if __name__ == "__main__":
    main()
