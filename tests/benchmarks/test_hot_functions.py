"""The functions every key goes through, each against its bar.

What a bar is about is the 95th percentile. None of these functions waits for anything, so what is
taken is the CPU time of the thread: a machine that does other things too takes the processor away,
which is no fault of ours, and leaves caches cold, which it still counts. Against that the rounds
are taken in ten batches, and the bar must be kept by the p95 of the best batch: code that is
slow is slow in all of them. `pytest --benchmark-only` prints the whole distribution.

Bars of 2, 1 and 4 ms (type-through, gate, prompt build) are those of the project's README. The
others are ours: a twentieth of what a key may take before it counts.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from slmcode import config as settings
from slmcode.engine.job import Chunk, Job
from slmcode.engine.sampling import TokenTable
from slmcode.features import gate
from slmcode.features.anchors import AnchorMaker, Budget
from slmcode.features.suggestions import Suggestion, Suggestions
from slmcode.lsp import positions
from slmcode.models import vocabulary
from slmcode.prompt import fim
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.syntax.parser import SyntaxCache
from slmcode.text import Edit, Snapshot, TextRange
from slmcode.vocabulary import Vocabulary

pytestmark = pytest.mark.benchmark(timer=time.thread_time)

_BATCHES, _ROUNDS = 10, 60  # rounds of a batch: p95 is the fourth slowest
_LINES = 10_000
_LINE_OFFSET = 7_000  # the line that is worked in


@pytest.fixture(scope="session")
def long_text() -> str:
    """10,000 lines of real code, with a little of what is not ASCII in it."""
    package = Path(settings.__file__).parent
    files = itertools.cycle(sorted(package.rglob("*.py")))
    lines: list[str] = []
    while len(lines) < _LINES:
        lines += next(files).read_text(encoding="utf-8").split("\n")
    lines[_LINE_OFFSET] = 'greeting = "schön 😀"  # ' + "é" * 60
    return "\n".join(lines[:_LINES])


@pytest.fixture(scope="session")
def table(fast_weights: Path) -> Vocabulary:
    """The vocabulary of the real weights."""
    return vocabulary.load(fast_weights, settings.cache_folder())


@pytest.fixture(scope="session")
def tokenizer(table: Vocabulary) -> Tokenizer:
    return Tokenizer(table)


def check(
    benchmark: BenchmarkFixture,
    bar_ms: float,
    function: Callable[..., Any],
    arguments: Callable[[], tuple[Any, ...]] = tuple,
) -> None:
    """Run `function`, each round with new `arguments`, and hold the best batch's p95 to the bar."""
    benchmark.pedantic(
        function,
        setup=lambda: (arguments(), {}),
        rounds=_BATCHES * _ROUNDS,
        warmup_rounds=3,
    )
    seconds = benchmark.stats.stats.data
    p95 = [
        sorted(seconds[i : i + _ROUNDS])[round(0.95 * _ROUNDS) - 1]
        for i in range(0, len(seconds), _ROUNDS)
    ]
    assert len(p95) == _BATCHES
    assert min(p95) * 1e3 <= bar_ms, f"p95 of the batches, ms: {[round(p * 1e3, 3) for p in p95]}"


def test_the_bar_is_on_the_best_batch(benchmark: BenchmarkFixture) -> None:
    """What is always slow does not pass."""
    with pytest.raises(AssertionError, match="p95 of the batches"):
        check(benchmark, 0.001, lambda: sum(range(2_000)))


def test_position_to_offset_and_back(benchmark: BenchmarkFixture, long_text: str) -> None:
    rng = random.Random(1)

    def there_and_back(snapshot: Snapshot, line: int) -> None:
        offset = positions.to_offset(snapshot, line, 24, "utf-16")
        positions.to_position(snapshot, offset, "utf-16")

    snapshot = Snapshot("file:///long.py", "python", 1, long_text)
    check(
        benchmark,
        0.2,
        there_and_back,
        lambda: (snapshot, rng.choice((_LINE_OFFSET, rng.randrange(_LINES)))),
    )


def test_edit_and_position_in_the_new_text(benchmark: BenchmarkFixture, long_text: str) -> None:
    """A key: the text is copied, the lines' beginnings behind the cursor are moved."""
    snapshot = Snapshot("file:///long.py", "python", 1, long_text)
    at = snapshot.line_starts[_LINE_OFFSET]

    def press(edit: Edit) -> None:
        positions.to_offset(snapshot.apply(edit, 2), _LINE_OFFSET, 24, "utf-16")

    check(benchmark, 2.0, press, lambda: (Edit(TextRange(at, at), "x"),))


@pytest.mark.weights
def test_prompt_behind_an_anchor_that_holds(
    benchmark: BenchmarkFixture, long_text: str, table: Vocabulary, tokenizer: Tokenizer
) -> None:
    assert table.fim is not None
    maker = AnchorMaker(tokenizer, table.fim, SyntaxCache())
    snapshot = Snapshot("file:///long.py", "python", 1, long_text)
    cursor = snapshot.line_starts[_LINE_OFFSET + 10]
    anchor = maker.make(snapshot, cursor, Budget(320, 64), "s", None)
    typed = "    def __init__(self, values: list[float], *, name: str = 'week') -> None:\n"
    typed += "        self.values = [float(v) for v in values if v is not None"
    text = long_text[:cursor] + typed + long_text[cursor:]
    after = Snapshot("file:///long.py", "python", 2, text)
    rng = random.Random(1)
    check(
        benchmark,
        4.0,
        maker.prompt,
        lambda: (anchor, after, cursor + rng.randrange(1, len(typed))),
    )


@pytest.mark.weights
def test_prompt_on_a_new_anchor(
    benchmark: BenchmarkFixture, long_text: str, table: Vocabulary, tokenizer: Tokenizer
) -> None:
    """The window is found in the syntax tree and its text tokenized anew, as after a jump."""
    assert table.fim is not None
    maker = AnchorMaker(tokenizer, table.fim, SyntaxCache())
    snapshot = Snapshot("file:///long.py", "python", 1, long_text)
    lines = [n for n, line in enumerate(long_text.split("\n")) if n > 100 and line.strip()]
    rng = random.Random(1)

    def build(cursor: int) -> fim.FimPrompt:
        anchor = maker.make(snapshot, cursor, Budget(320, 64), "s", None)
        return maker.prompt(anchor, snapshot, cursor)

    check(benchmark, 4.0, build, lambda: (snapshot.line_end(_start(snapshot, rng.choice(lines))),))


def _start(snapshot: Snapshot, line: int) -> int:
    return snapshot.line_starts[line]


class Silent:
    """A stream of which nothing more comes."""

    done = None

    def __init__(self, job: Job) -> None:
        self.job = job

    def __aiter__(self) -> Any:
        raise NotImplementedError

    def cancel(self) -> None:
        pass


def test_lookup_of_what_is_typed_along(benchmark: BenchmarkFixture, long_text: str) -> None:
    """The suggestion that fits is the oldest of those held; the file has 10,000 lines."""
    start = Snapshot("", "python", 1, long_text).line_starts[_LINE_OFFSET + 10]
    before, suffix = long_text[start - 1200 : start], long_text[start : start + 300]
    text = "    total = sum(v for v in values if v is not None)\n    return total / len(values)\n"
    held = Suggestions()
    for other in (text, "    pass\n" * 4, "    raise ValueError(name)\n", "    return 0.0\n"):
        suggestion = Suggestion(before, suffix, start, Silent(Job(sequence="s", tokens=[])))
        suggestion.add(Chunk(1, other.encode(), [0], [-0.1]))
        suggestion.end()
        held.hold(suggestion)
    rng = random.Random(1)

    def key() -> tuple[Snapshot, int]:
        cursor = start + rng.randrange(10, len(text) - 2)
        typed = long_text[:start] + text[: cursor - start] + long_text[start:]
        return Snapshot("", "python", 2, typed), cursor

    def press(snapshot: Snapshot, cursor: int) -> None:
        held.did_change([Edit(TextRange(cursor - 1, cursor - 1), snapshot.text[cursor - 1])])
        found = held.lookup(snapshot, cursor)
        assert found is not None
        assert found.text == text

    check(benchmark, 2.0, press, key)


@pytest.mark.weights
def test_healing_mask(benchmark: BenchmarkFixture, table: Vocabulary) -> None:
    """Which of 151,000 tokens may come: after a blank those are a third of them."""
    tokens = TokenTable(table.tokens)
    words = [b" ", b"r", b"ret", b" self.val", b"\n        ", "schö".encode(), b"(", b"__init"]
    rng = random.Random(1)
    check(benchmark, 5.0, tokens.spelling, lambda: (rng.choice(words),))


def test_gate(benchmark: BenchmarkFixture) -> None:
    """The shipped model judges suggestions of several lines."""
    judge, warning = gate.load(None)
    assert not warning
    line = "    total = sum(v for v in values if v is not None)\n"
    text = line * 8 + "    return total / len(values)"
    rng = random.Random(1)
    situation = gate.Situation(
        language_id="python",
        left="",
        right="",
        node="code",
        in_block=True,
    )

    def suggestion() -> tuple[str, list[int], list[float]]:
        length = rng.randrange(len(line), len(text))
        ends = [*range(4, length, 4), length]
        return text[:length], ends, [-rng.random() / 20 for _ in ends]

    check(
        benchmark,
        1.0,
        lambda t, ends, logprobs: judge.judge(
            situation, t, ends, logprobs, final=True, threshold=0.5
        ),
        suggestion,
    )
