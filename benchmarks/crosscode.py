"""Does context from other files help? The places, what a hit is, and pairing, as pure logic.

Two sets (data/README.md):

crosscode  CrossCodeEval-100: each task brings five chunks of other files that its authors'
           retrieval found. A hit is an *exact match*: the completion's first lines equal those of
           the ground truth, as many as it has, white space around lines and blank lines aside. The
           ground truth is the rest of a statement, mostly of one line; where it ends is told to
           nobody but the judge.
replay     places in files of real commits: the start of the text of a line that was added, its
           indentation given. The rest of its span is not there yet, the commit's other spans
           are. A hit is a *first-line hit*.

The chunks of a crosscode task stand in their authors' order, which looked at the cursor's lines
as a whole. `by_overlap` orders them by what an index can tell too: the names next to the cursor.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.infilling import difference, first_line_hit
from benchmarks.replay import something_would_be_right, split_of
from slmcode.text import line_starts

LANGUAGES = ("python", "java", "typescript", "csharp")
PER_SPAN = 3  # places of one span at most: neighbours are much alike
_QUERY_ABOVE, _QUERY_BELOW = 5, 3  # lines; with twenty the needed names come no further forward
_SHORT = 20  # words; keeps chunks of a line or two from winning by their length alone
_TELLING = 12  # characters
_Z95 = 1.96

_NAME = re.compile(r"[^\W\d]\w+")
_STRING = re.compile(r"""\"[^"\n]*"|'[^'\n]*'|`[^`\n]*`""")
_KEYWORDS = frozenset(
    "and as async await auto bool break case catch char class const continue def default defer del"
    " do double elif else enum except export extends extern false False final finally float for"
    " foreach from func go if implements import in inline int interface is lambda let long match"
    " mut namespace new nil None not null or out override package pass private protected public"
    " raise range readonly ref return self short sizeof static string struct super switch this"
    " throw throws true True try type typedef typeof undefined unsigned using var virtual void"
    " while with yield".split()
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Chunk(NamedTuple):
    """A piece of another file."""

    path: str
    text: str


class Task(NamedTuple):
    """A cursor in a file and what stands behind it in truth. `chunks` come with the task."""

    task_id: str
    language: str
    repository: str
    path: str
    prefix: str
    suffix: str
    truth: str
    chunks: tuple[Chunk, ...] = ()


def crosscode(folder: Path) -> list[Task]:
    """All tasks, languages in turn. Raises OSError where the data is absent."""
    by_language = []
    for language in LANGUAGES:
        rows = (folder / language / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
        by_language.append([_crosscode_task(language, json.loads(row)) for row in rows])
    return [task for tasks in zip(*by_language, strict=True) for task in tasks]


def _crosscode_task(language: str, row: Mapping[str, Any]) -> Task:
    about = row["metadata"]
    return Task(
        about["task_id"],
        language,
        about["repository"].rpartition("-")[0],  # "owner-name-commit"
        about["file"],
        row["prompt"],
        row["right_context"],
        row["groundtruth"],
        tuple(
            Chunk(c["filename"], c["retrieved_chunk"].strip("\n"))
            for c in row["crossfile_context"]["list"]
            if c["retrieved_chunk"].strip()
        ),
    )


def files_of(task: Task) -> dict[str, str]:
    """What is known of the files of a task's workspace: chunks of one file in one text."""
    texts: dict[str, str] = {}
    for path, text in task.chunks:
        texts[path] = f"{texts[path]}\n\n{text}" if path in texts else text
    return texts | {task.path: task.prefix + task.suffix}


def replay(rows: Iterable[Mapping[str, Any]], *, split: str, n: int, seed: int) -> list[Task]:
    """`n` places in files of the split, at most PER_SPAN of a span; the same for a seed.

    Repositories in turn, so that a large one does not drown the others. Lines on which nothing
    could be right (fewer than two characters) are no places.
    """
    rng = random.Random(seed)
    by_repository: dict[str, list[Task]] = defaultdict(list)
    for row in rows:
        if split_of(row["repo"], row["path"]) == split and "\r" not in row["after"]:
            for span in row["spans"]:
                places = places_of(row, span)
                by_repository[row["repo"]] += rng.sample(places, min(PER_SPAN, len(places)))
    for places in by_repository.values():
        rng.shuffle(places)
    out: list[Task] = []
    while len(out) < n and any(by_repository.values()):
        turn = [by_repository[r].pop() for r in sorted(by_repository) if by_repository[r]]
        out += turn[: n - len(out)]
    return out


def places_of(row: Mapping[str, Any], span: Mapping[str, int]) -> list[Task]:
    """The places of one span of a commit-replay row."""
    text: str = row["after"]
    bounds = [*line_starts(text), len(text) + 1]
    first, end = span["start_line"] - 1, span["start_line"] - 1 + span["n_lines"]
    if end >= len(bounds):
        return []
    out = []
    for line in range(first, end):
        content = text[bounds[line] : bounds[line + 1] - 1]
        start = bounds[line] + len(content) - len(content.lstrip(" \t"))
        truth = text[start : bounds[line + 1] - 1]
        if something_would_be_right(truth):
            name = f"{row['repo']} {row['commit'][:10]} {row['path']}:{line + 1}"
            suffix = text[bounds[end] - 1 :]
            out.append(
                Task(name, row["lang"], row["repo"], row["path"], text[:start], suffix, truth)
            )
    return out


def lines(text: str) -> list[str]:
    """The lines that are not blank, without the white space around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def exact_match(completion: str, truth: str) -> bool:
    """Does the completion begin with the lines of the truth?"""
    wanted = lines(truth)
    return lines(completion)[: len(wanted)] == wanted


def line_hit(completion: str, truth: str) -> bool:
    """Is the completion's first line `truth`, which is the whole rest of its line?"""
    return first_line_hit(completion, f"{truth}\n")


def stands_in(truth: str, text: str) -> bool:
    """Is the first line of the truth in `text`, word for word? A short one says nothing."""
    line = lines(truth)[0]
    return len(line) >= _TELLING and line in text


def names(text: str) -> set[str]:
    """The names in code, keywords and what stands in strings aside."""
    return {n for n in _NAME.findall(_STRING.sub("", text)) if n not in _KEYWORDS}


def words(text: str) -> set[str]:
    """The names in a text and their parts split at case and underscore, in lower case."""
    out = set()
    for name in _NAME.findall(text):
        out.add(name.lower())
        out.update(part.lower() for part in _PART.findall(name))
    return out


def by_overlap(task: Task) -> list[Chunk]:
    """The task's chunks by the words they share with the lines next to the cursor.

    A word counts for more the fewer chunks have it; a long chunk counts for less.
    """
    above = task.prefix.split("\n")[-_QUERY_ABOVE:]
    below = task.suffix.split("\n")[:_QUERY_BELOW]
    asked = words("\n".join([*above, *below]))
    found = [words(chunk.text) for chunk in task.chunks]
    n = len(found)
    having = Counter(word for each in found for word in each)

    def score(i: int) -> float:
        rarity = sum(
            math.log(1 + (n - having[w] + 0.5) / (having[w] + 0.5)) for w in found[i] & asked
        )
        return rarity / math.sqrt(len(found[i]) + _SHORT)

    return [task.chunks[i] for i in sorted(range(n), key=lambda i: -score(i))]


class Interval(NamedTuple):
    """A difference of two shares on the same tasks with its 95 % confidence interval, in points."""

    points: float
    low: float
    high: float


def interval(a: Sequence[bool], b: Sequence[bool], groups: Sequence[Hashable]) -> Interval:
    """Hits of b minus hits of a. Tasks of one group (such as a file) are not independent.

    The standard error is the one for clusters: that of independent tasks where every task is a
    group of its own. Raises ValueError for unequal lengths or no tasks.
    """
    if not a:
        raise ValueError("no tasks")
    mean = (sum(b) - sum(a)) / len(a)
    sums: dict[Hashable, float] = defaultdict(float)
    for x, y, group in zip(a, b, groups, strict=True):
        sums[group] += y - x - mean
    error = math.sqrt(sum(s**2 for s in sums.values())) / len(a)
    return Interval(100 * mean, 100 * (mean - _Z95 * error), 100 * (mean + _Z95 * error))


def compare(tasks: Sequence[Task], hits: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    """Shares and differences of each variant to the first, over all tasks and by language.

    `hits` has for each variant one truth value per task.
    """
    out = {"all": _compare(tasks, hits)}
    for language in sorted({t.language for t in tasks}):
        chosen = [i for i, t in enumerate(tasks) if t.language == language]
        out[language] = _compare(
            [tasks[i] for i in chosen], {v: [h[i] for i in chosen] for v, h in hits.items()}
        )
    return out


def _compare(tasks: Sequence[Task], hits: Mapping[str, Sequence[bool]]) -> dict[str, Any]:
    first, *others = hits
    groups = [(t.repository, t.path) for t in tasks]
    return {
        "n": len(tasks),
        "files": len(set(groups)),
        "hits": {v: sum(h) / len(h) for v, h in hits.items()},
        "against": first,
        "differences": {
            v: difference(hits[first], hits[v])._asdict()
            | {"interval": interval(hits[first], hits[v], groups)[1:]}
            for v in others
        },
    }
