"""Drafts: what is guessed, when it pays, and that the text is the same with and without."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmcode.engine.backend import Interrupted, Logits
from slmcode.engine.decode import Runner
from slmcode.engine.fake import END, FakeBackend, Script, writes
from slmcode.engine.job import Job, Priority, Stop
from slmcode.engine.scheduler import Scheduler
from slmcode.engine.speculative import (
    MAX_DRAFT,
    NEAR_TIE,
    Acceptance,
    BatchCosts,
    Drafting,
    Match,
    Speculator,
    Text,
)
from tests.engine.harness import Answer, Bench, fim, typical_ms

BEFORE = b"".join(b"line %d of the text\n" % i for i in range(20))
AFTER = BEFORE.replace(b"line 7 of", b"line seven of")


def rewrite(bench: Bench, after: bytes = AFTER, **more: object) -> Answer:
    """Have the model rewrite BEFORE; it writes `after`, whatever is drafted."""
    bench.backend.script = writes(after)
    values: dict[str, object] = {"max_tokens": 600, "draft": list(BEFORE), **more}
    _, answer = bench.submit("a", fim(BEFORE), Priority.EDIT, **values)  # type: ignore[arg-type]
    bench.run()
    return answer


def decodes(bench: Bench, answer: Answer) -> float:
    """ms of all decodes in plain tokens."""
    assert answer.done is not None
    return answer.done.timings.predicted_ms / typical_ms(1)


# What is guessed.


def test_the_longest_match_wins() -> None:
    text = Text(list(b"abcdX bcdY cdZ"))
    assert text.match(b"..abcd") == Match(4, 4)
    assert text.match(b"-bcd") == Match(9, 3)
    assert text.match(b"-cd") == Match(13, 2)  # of equal ones the last
    assert text.match(b"-cd", near=5) == Match(9, 2)  # or the first behind a place
    assert text.match(b"-d") is None  # one token is no match
    assert text.match(b"-d", near=3) == Match(4, 1)  # but close behind a place
    assert text.match(b"-X", near=6) is None
    assert text.match(b"cdZ") is None  # nothing follows
    assert text.match(b"") is None


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 2), max_size=10))
def test_a_match_is_what_it_says(ids: list[int], newest: list[int]) -> None:
    found = Text(ids).match(newest)

    def run(at: int) -> int:
        n = 0
        while n < min(at, len(newest)) and ids[at - 1 - n] == newest[-1 - n]:
            n += 1
        return n

    lengths = {at: run(at) for at in range(1, len(ids))}
    longest = max(lengths.values(), default=0)
    if longest < 2:
        assert found is None
    else:
        assert found == Match(max(at for at, n in lengths.items() if n == longest), longest)


def test_old_text_is_forgotten() -> None:
    text = Text(capacity=100)
    text.extend(list(b"the beginning"))
    for _ in range(10):
        text.extend([0] * 50)
        text.extend(list(b"again and"))
    assert text.match(b"the beg") is None
    assert text.match(b"again a") is not None


def test_the_draft_is_tried_from_its_beginning() -> None:
    drafting = Speculator().begin(list(b"prompt"), list(b"a draft"))
    assert bytes(drafting.guess(4)) == b"a dr"


def test_a_draft_is_left_and_found_again() -> None:
    drafting = Speculator().begin(list(b"prompt"), list(b"one two three"))
    for token in b"one 2":
        drafting.guess(8)
        drafting.wrote(token)
    assert drafting.guess(8) == []
    for token in b" th":
        drafting.wrote(token)
    assert bytes(drafting.guess(8)) == b"ree"


def drafting(before: bytes) -> Drafting:
    """Drafting behind a short prompt."""
    return Speculator().begin(list(b"prompt"), list(before))


def guesses(drafting: Drafting, text: bytes, n: int = 8) -> list[bytes]:
    """What is guessed before each token of `text` and behind it, when it is written."""
    out = []
    for token in text:
        out.append(bytes(drafting.guess(n)))
        drafting.wrote(token)
    return [*out, bytes(drafting.guess(n))]


def test_the_place_is_kept_inside_a_batch() -> None:
    """A draft of which some was right: what comes next is near the place where it was left."""
    found = drafting(b"aXbc, defXghi jklXmno pqrYstu vw")
    assert bytes(found.guess(20)) == b"aXbc, defXghi jklXmn"
    for token in b"aXbc, defXghi jklX?":  # left at "mno", 18 tokens behind that guess
        found.wrote(token)
    assert guesses(found, b"?Y")[-1] == b"stu vw"


def test_after_inserted_text_the_draft_goes_on() -> None:
    assert guesses(drafting(b"one two three"), b"one NEW two")[-1] == b" three"


def test_after_deleted_text_the_draft_goes_on() -> None:
    assert guesses(drafting(b"one two three four"), b"one three")[-1] == b" four"


def test_a_replacement_is_guessed_where_it_comes_again() -> None:
    found = drafting(b"f(ab) + g(ab) - h(ab)")
    assert guesses(found, b"f(xyz) + ", 12)[-1] == b"g(xyz) - h(xyz)"[:12]
    assert guesses(found, b"g(x")[-1] == b"yz) - h("  # also when a batch ended inside


def test_a_replacement_that_does_not_come_is_forgotten() -> None:
    found = drafting(b"f(ab) + g(ab) - h(ab)")
    guesses(found, b"f(xyz) + g(")
    assert guesses(found, b"ab) ")[-1] == b"- h(ab)"


def test_insertions_and_long_passages_are_not_repeated() -> None:
    found = drafting(b"f(ab) + g(ab) - h(ab)")
    assert guesses(found, b"f(not, ab) + ")[-1] == b"g(ab) - "
    found = drafting(b"f(ab) + g(ab) - h(ab)")
    assert guesses(found, b"f(" + b"x" * 13 + b") + ")[-1] == b"g(ab) - "


def test_a_long_draft_is_known_from_its_beginning() -> None:
    long = b"".join(b"%d " % i for i in range(1000))
    found = drafting(long)
    assert bytes(found.guess(8)) == long[:8]
    assert guesses(found, long[:3000])[-1] == long[3000:3008]


def test_a_place_near_by_is_better_than_a_longer_match_far_away() -> None:
    text = Text(list(b"-----abX" + b"." * 30 + b"(1234+abY"))
    assert text.match(b"*ab") == Match(46, 2)
    assert text.match(b"*ab", near=6) == Match(7, 2)
    assert text.match(b"*34+ab", near=6) == Match(7, 2)  # of 5 and 2 tokens
    assert text.match(b"*234+ab", near=6) == Match(46, 6)


# When it pays.


def shares(hits: int, of: int) -> Speculator:
    """A speculator that saw guesses with matches of 16 and more be right so often."""
    speculator = Speculator()
    speculator.costs.saw(1, 26.0)
    for i in range(300):
        speculator.acceptance.saw("context", 16, i % of < hits)
    return speculator


def test_a_draft_is_as_long_as_pays() -> None:
    lengths = []
    for hits in range(11):
        speculator = shares(hits, 10)
        chances = speculator.acceptance.of("context", 20, MAX_DRAFT)
        lengths.append(speculator.length(chances, 1e9))
    assert lengths[:5] == [0] * 5  # a coin that is right half the time does not pay a batch
    assert lengths[-1] > 10
    assert all(a <= b for a, b in pairwise(lengths))


def test_somebody_who_waits_gets_a_short_draft() -> None:
    speculator = shares(10, 10)
    n = speculator.length([0.99] * MAX_DRAFT, 80.0)
    assert 0 < n < 5
    assert speculator.costs.of(n + 1) * 26 <= 80


def test_costs_are_learned_and_bounded() -> None:
    costs = BatchCosts()
    prior = costs.of(8)
    costs.saw(8, 1.0)  # before any plain token: it says nothing
    assert costs.of(8) == prior
    costs.saw(1, 10.0)
    for _ in range(50):
        costs.saw(8, 30.0)
    assert costs.of(8) == pytest.approx(3.0, rel=0.01)
    assert costs.of(16) < BatchCosts().of(16)  # never seen: follows in proportion
    for _ in range(50):
        costs.saw(8, 1000.0)
    assert costs.of(8) == pytest.approx(2 * prior, rel=0.01)


def test_acceptance_of_a_job_begins_with_that_of_all() -> None:
    shared = Acceptance(100)
    for _ in range(100):
        shared.saw("draft", 5, False)
    job = Acceptance(20, shared)
    assert job.of("draft", 5, 1)[0] < 0.1
    for _ in range(20):
        job.saw("draft", 6, True)
    assert job.of("draft", 5, 1)[0] > 0.6
    assert Acceptance(20, shared).of("draft", 5, 1)[0] < 0.4


# The text, and what it costs.


def test_rewriting_costs_less_than_half() -> None:
    plain, drafted = Bench(speculate=False), Bench()
    without, with_drafts = rewrite(plain), rewrite(drafted)
    assert without.data == with_drafts.data == AFTER
    assert with_drafts.done is not None
    assert with_drafts.done.timings.draft_n_accepted > 0.8 * len(AFTER)
    assert decodes(drafted, with_drafts) < decodes(plain, without) / 2.2


CODE = """\
def total(items, rate):
    \"\"\"The sum of all prices.\"\"\"
    result = 0
    for item in items:
        if item.price is None:
            continue
        price = item.price * rate
        if item.count > 1:
            price = price * item.count
        result = result + price
        log(item, price, result)
    if result < 0:
        raise ValueError(result)
    for check in checks:
        check(items, rate, result)
    return round(result, 2)
"""
_BODY = CODE.index("    result = 0")
REWRITES = {
    "one line": CODE.replace("round(result, 2)", "result"),
    "inserted lines": CODE.replace(
        "    if result <", "    seen = set(items)\n    assert seen\n    if result <"
    ),
    "deleted lines": CODE.replace(
        "        if item.price is None:\n            continue\n", ""
    ).replace("    for check in checks:\n        check(items, rate, result)\n", ""),
    "a name everywhere": CODE.replace("result", "sum_of_prices"),
    "deeper": CODE[:_BODY]
    + "    with lock:\n"
    + "".join(f"    {line}\n" for line in CODE[_BODY:].splitlines()),
}


def words(text: str, known: dict[str, int]) -> list[int]:
    """One id for each word or mark with the blank before it, as a vocabulary has them."""
    return [known.setdefault(w, len(known)) for w in re.findall(r"\n *| ?\w+| ?[^\w\s]| +", text)]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("one line", 0.42),
        ("inserted lines", 0.57),
        ("deleted lines", 0.55),  # without a preference for what is near 0.61
        ("a name everywhere", 0.62),  # without replacements 0.73
        ("deeper", 0.73),  # and 0.98
    ],
)
def test_what_a_rewrite_costs(name: str, most: float) -> None:
    """Time for each token, in plain ones, of the first edit of an engine: 120 tokens.

    The costs of batches are those of 2 cores: 32 tokens take as long as 12 plain ones.
    """
    known: dict[str, int] = {}
    before, after = words(CODE, known), words(REWRITES[name], known)
    bench = Bench(FakeBackend(writes(bytes(after))))
    _, answer = bench.submit("a", fim(bytes(before)), Priority.EDIT, max_tokens=600, draft=before)
    bench.run()
    assert answer.data == bytes(after)
    assert decodes(bench, answer) < most * len(after)


def test_without_a_draft_text_the_prompt_is_searched() -> None:
    bench = Bench()
    answer = rewrite(bench, draft=[])
    assert answer.data == AFTER
    assert decodes(bench, answer) < len(AFTER) / 2


def test_fresh_text_costs_nothing() -> None:
    # Nothing that is matched goes on as it did before: every pair of bytes comes twice.
    pairs = [bytes([a, b]) for a in range(65, 90) for b in range(97, 110)]
    fresh = b"".join(pairs + pairs[::-1])
    bench = Bench()
    answer = rewrite(bench, fresh, draft=[])
    assert answer.data == fresh[:600]
    assert decodes(bench, answer) < 600 * 1.02


@pytest.mark.parametrize("lines", [1, 3, 12])
def test_line_endings_inside_a_draft(lines: int) -> None:
    answer = rewrite(Bench(), stop_lines=lines)
    assert answer.data == b"".join(AFTER.splitlines(keepends=True)[:lines])
    assert answer.stop is Stop.LINES


@pytest.mark.parametrize("n", [1, 2, 50, 151])
def test_the_length_is_kept_inside_a_draft(n: int) -> None:
    answer = rewrite(Bench(), max_tokens=n)
    assert (answer.data, answer.stop) == (AFTER[:n], Stop.LENGTH)
    assert answer.done is not None
    assert answer.done.timings.predicted_n == n


@pytest.mark.parametrize("n", [0, 1, 50, 151])
def test_the_end_inside_a_draft(n: int) -> None:
    answer = rewrite(Bench(), BEFORE[:n])
    assert (answer.data, answer.stop) == (BEFORE[:n], Stop.END)


def test_a_draft_with_end_tokens() -> None:
    answer = rewrite(Bench(), BEFORE, draft=[*BEFORE[:50], END, *BEFORE[50:]])
    assert (answer.data, answer.stop) == (BEFORE, Stop.END)


@settings(deadline=None)  # of each example; other programs may have the processor
@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(1, 70), st.integers(0, 3))
def test_any_draft_leaves_the_text_as_it_is(
    text: bytes, draft: bytes, max_tokens: int, lines: int
) -> None:
    answers = []
    for speculate in (False, True):
        bench = Bench(FakeBackend(writes(text)), speculate, costs_ms=lambda n: 10 + n)
        _, answer = bench.submit(
            "a", fim(draft), draft=list(draft + text), max_tokens=max_tokens, stop_lines=lines
        )
        bench.run()
        answers.append((answer.data, answer.stop))
    assert answers[0] == answers[1]


class Typed(FakeBackend):
    """Somebody types beside: a key every 300 ms, until some time, breaks off what runs."""

    def __init__(self, script: Script, keys_until_ms: float) -> None:
        super().__init__(script)
        self.now_ms = 0.0
        self._keys_until_ms = keys_until_ms

    def decode(
        self, seq_id: int, pos: int, tokens: Sequence[int], *, n_logits: int = 1, abortable: bool
    ) -> Logits:
        takes = 2 * typical_ms(len(tokens))
        key = (self.now_ms // 300 + 1) * 300
        if abortable and key < self._keys_until_ms and self.now_ms + takes > key:
            self.now_ms = key
            raise Interrupted
        self.now_ms += takes
        return super().decode(seq_id, pos, tokens, n_logits=n_logits, abortable=abortable)


@pytest.mark.parametrize("keys_until_ms", [1e9, 15_000])
def test_an_edit_goes_on_while_somebody_types(keys_until_ms: float) -> None:
    """Long batches would be broken off again and again; when the keys end they come back."""
    backend = Typed(writes(BEFORE), keys_until_ms)
    runner = Runner(backend, clock=lambda: backend.now_ms / 1e3)
    scheduler, answer = Scheduler(runner), Answer()
    draft = list(BEFORE)
    edit = Job(
        sequence="e", tokens=fim(BEFORE), priority=Priority.EDIT, max_tokens=600, draft=draft
    )
    scheduler.submit(1, edit, answer)
    while answer.done is None:
        scheduler.step()
        assert backend.now_ms < 60_000
    assert answer.data == BEFORE
    late = [n for _, pos, n in backend.batches if pos > len(fim(BEFORE)) + 250]
    assert max(late) <= 4 if keys_until_ms > 1e6 else max(late) >= 24


def test_healing_is_not_drafted() -> None:
    bench = Bench()
    answer = rewrite(bench, heal=b"line 0 of", max_tokens=12)
    assert answer.data == AFTER[:12]
    prompt = len(fim(BEFORE))
    spelled = [n for _, pos, n in bench.backend.batches if prompt <= pos < prompt + 8]
    assert spelled == [1] * 8


class Noisy(FakeBackend):
    """The second best token is only a little behind, and batches see it in front."""

    lead = 0.9 * NEAR_TIE

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.wrong_rows = 0

    def decode(
        self, seq_id: int, pos: int, tokens: Sequence[int], *, n_logits: int = 1, abortable: bool
    ) -> Logits:
        rows = super().decode(seq_id, pos, tokens, n_logits=n_logits, abortable=abortable)
        for n, row in enumerate(rows):
            best = int(row.argmax())
            if (pos + n) % 7 == 0:  # a near tie
                row[best ^ 1] = row[best] + (self.lead if n_logits > 1 else -self.lead)
                self.wrong_rows += n_logits > 1
        return rows


def test_a_batch_does_not_decide_near_ties() -> None:
    backend = Noisy(writes(AFTER))
    answer = rewrite(Bench(backend))
    assert backend.wrong_rows > 10
    assert answer.data == AFTER


def test_the_noise_of_the_test_before_would_be_seen() -> None:
    backend = Noisy(writes(AFTER))
    backend.lead = 1.1 * NEAR_TIE
    assert rewrite(Bench(backend)).data != AFTER


def test_memory_that_cannot_be_cut_ends_drafting() -> None:
    backend = FakeBackend(writes(AFTER))
    backend.can_cut = False
    bench = Bench(backend)
    answer = rewrite(bench)
    assert answer.data == AFTER
    assert not bench.runner.speculator.enabled


def test_a_draft_that_was_broken_off() -> None:
    backend = FakeBackend(writes(AFTER))
    bench = Bench(backend)
    urgent: list[Answer] = []

    def arrive_during_a_draft() -> None:
        if len(backend.batches) > 20 and backend.batches[-1][2] > 8 and not urgent:
            urgent.append(bench.submit("c", fim(b"b"), stop_lines=1)[1])

    backend._gate = arrive_during_a_draft
    answer = rewrite(bench)
    assert answer.data == AFTER
    assert urgent[0].stop is Stop.LINES
