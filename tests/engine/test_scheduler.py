"""Who gets the model thread, and what is reused: schedules on a scripted model."""

from __future__ import annotations

import time

import pytest

from slmcode.engine.fake import END, MIDDLE, N_VOCAB, FakeBackend, writes
from slmcode.engine.job import Priority, Stop
from tests.engine.harness import Answer, Bench, fim

LONG = b"x = 1\n" * 40  # 240 tokens: several prefill batches


def test_generates_until_the_line_ends() -> None:
    bench = Bench()
    _, answer = bench.submit("a", fim(b"def f(a, b):\n"), stop_lines=1)
    bench.run()
    assert answer.data == b"return a + b\n"
    assert answer.stop is Stop.LINES


def test_ends_where_the_model_ends() -> None:
    bench = Bench(FakeBackend(writes(b"pass")))
    _, answer = bench.submit("a", fim(b"def f():\n"))
    bench.run()
    assert (answer.data, answer.stop) == (b"pass", Stop.END)


def test_stops_at_the_length() -> None:
    bench = Bench()
    _, answer = bench.submit("a", fim(b""), max_tokens=3)
    bench.run()
    assert (answer.data, answer.stop) == (b"ret", Stop.LENGTH)


def test_heals_a_half_typed_word() -> None:
    bench = Bench(FakeBackend(lambda tokens: ord("z")))  # the model alone would write z
    _, answer = bench.submit("a", fim(b""), heal=b"retu", max_tokens=6)
    bench.run()
    assert answer.data == b"retuzz"


def test_a_branch_begins_with_another_token() -> None:
    #  behind "re" the model likes t best, then f, then to end; behind "ref" it writes zzz
    def script(tokens: list[int]) -> int | list[int]:
        return [ord("t"), ord("f"), END] if tokens[-1] == ord("e") else ord("z")

    bench = Bench(FakeBackend(script))
    data = []
    for branch in range(3):
        _, answer = bench.submit("a", fim(b""), heal=b"re", max_tokens=4, branch=branch)
        bench.run()
        data.append((answer.data, answer.stop))
    assert data == [(b"retz", Stop.LENGTH), (b"refz", Stop.LENGTH), (b"re", Stop.END)]
    _, none = bench.submit("a", fim(b""), heal=b"re", max_tokens=4, branch=N_VOCAB)
    bench.run()
    assert (none.data, none.stop) == (b"re", Stop.END)


def test_one_of_the_choices_is_spelt_and_then_the_word_ends() -> None:
    #  the model writes "self.getter(x)"; of what is allowed it likes letters by the script's order
    def script(tokens: list[int]) -> int | list[int]:
        return list(b"geter(x)") if tokens[-1] != ord("(") else END

    bench = Bench(FakeBackend(script))
    data = []
    for choices in ((b"get", b"set"), (b"set", b"size"), (b"get", b"gets"), (b"x",)):
        _, answer = bench.submit("a", fim(b""), heal=b".", max_tokens=9, choices=choices)
        bench.run()
        data.append((answer.data, answer.stop))
    assert data == [
        (b".get(", Stop.END),
        (b".set(", Stop.END),
        (b".get(", Stop.END),
        (b".x(", Stop.END),
    ]


def test_behind_a_choice_the_text_may_end() -> None:
    bench = Bench(FakeBackend(lambda tokens: list(b"n") if tokens[-1] == ord(".") else END))
    _, answer = bench.submit("a", fim(b"self."), max_tokens=9, choices=(b"n", b"none"))
    bench.run()
    assert (answer.data, answer.stop) == (b"n", Stop.END)


def test_choices_are_not_drafted() -> None:
    text = b"x = self.name + self.name + self.name\n"
    bench = Bench(FakeBackend(writes(text)))
    _, answer = bench.submit(
        "a", fim(b""), heal=b"x = self.", choices=(b"size",), max_tokens=30, draft=list(text)
    )
    bench.run()
    assert answer.data.startswith(b"x = self.size")


def test_a_keystroke_in_a_word_evaluates_nothing() -> None:
    bench = Bench()
    for heal in (b"", b"r", b"re", b"ret"):
        _, answer = bench.submit("a", fim(b"def f(a, b):\n"), heal=heal, stop_lines=1)
        bench.run()
        assert answer.data == b"return a + b\n"
    assert answer.done is not None
    assert answer.done.timings.prompt_n == 0
    assert answer.done.timings.cache_n == len(fim(b"def f(a, b):\n"))


def test_only_what_differs_is_evaluated() -> None:
    bench = Bench()
    bench.submit("a", fim(LONG), stop_lines=1)
    bench.run()
    _, answer = bench.submit("a", fim(LONG, b"re"), stop_lines=1)
    bench.run()
    assert answer.data == b"turn a + b\n"
    assert answer.done is not None
    # "re" had been generated, so nothing but the token whose logits are needed is evaluated.
    assert answer.done.timings.prompt_n == 1
    assert answer.done.timings.cache_n == len(fim(LONG)) + 1


def test_urgent_goes_first() -> None:
    #  translation  t t       t t t ...
    #  completion       c c c
    bench = Bench()
    _, slow = bench.submit("t", fim(b"a"), Priority.TRANSLATION)
    bench.step()
    bench.step()
    _, fast = bench.submit("c", fim(b"b"), stop_lines=1)
    while fast.done is None:
        before = len(slow.data)
        assert bench.step()
        assert len(slow.data) == before, "the translation moved while a completion waited"
    bench.run()
    assert slow.data == fast.data == b"return a + b\n"


def test_the_order_of_priorities() -> None:
    bench = Bench()
    least_urgent_first = sorted(Priority, reverse=True)
    answers = {p: bench.submit(p.name, fim(b"x"), p)[1] for p in least_urgent_first}
    ended: list[Priority] = []
    while bench.step():
        ended += [p for p, a in answers.items() if a.done is not None and p not in ended]
    assert ended == sorted(Priority)


def test_a_prefill_is_broken_off_for_an_urgent_job() -> None:
    backend = FakeBackend(writes(b"return a + b\n"))
    bench = Bench(backend)
    _, warm = bench.submit("w", fim(LONG), Priority.WARM, max_tokens=0)
    bench.step()
    held = len(backend.held[0])
    assert 0 < held < len(fim(LONG))
    urgent: list[Answer] = []

    def arrive_during_decode() -> None:
        if not urgent:
            urgent.append(bench.submit("c", fim(b"b"), stop_lines=1)[1])

    backend._gate = arrive_during_decode
    bench.step()  # the warm-up's next batch, interrupted
    assert len(backend.held[0]) == held
    while urgent[0].done is None:
        bench.step()
        assert len(backend.held[0]) == held
    bench.run()
    assert urgent[0].data == b"return a + b\n"
    assert warm.stop is Stop.LENGTH
    assert backend.held[0] == fim(LONG)


def test_a_cancelled_prefill_is_reused() -> None:
    bench = Bench()
    job = bench.submit("a", fim(LONG))
    bench.step()
    bench.cancel(job)
    bench.step()
    assert job[1].stop is Stop.CANCELLED
    held = len(bench.backend.held[0])
    assert held > 0
    _, answer = bench.submit("a", fim(LONG), stop_lines=1)
    bench.run()
    assert answer.done is not None
    assert answer.done.timings.cache_n == held
    assert answer.data == b"return a + b\n"


def test_a_newer_job_on_a_sequence_ends_the_older_one() -> None:
    bench = Bench()
    _, old = bench.submit("a", fim(b"x"))
    bench.step()
    _, new = bench.submit("a", fim(b"x", b"re"), stop_lines=1)
    bench.run()
    assert old.stop is Stop.CANCELLED
    assert new.data == b"turn a + b\n"


def test_a_less_urgent_job_waits_for_its_sequence() -> None:
    bench = Bench()
    _, completion = bench.submit("a", fim(b"x"), stop_lines=1)
    bench.step()
    _, warm = bench.submit("a", fim(b"y"), Priority.WARM, max_tokens=0)
    bench.run()
    assert completion.data == b"return a + b\n"
    assert warm.stop is Stop.LENGTH


def test_the_deadline_ends_a_job_between_two_decodes() -> None:
    bench = Bench(FakeBackend(lambda tokens: ord("z")))
    _, answer = bench.submit("a", fim(b"x"), deadline=time.monotonic() + 1e9, max_tokens=5)
    bench.run()
    assert answer.stop is Stop.LENGTH
    _, late = bench.submit("a", fim(b"x"), deadline=time.monotonic() - 1, max_tokens=5)
    bench.run()
    assert (late.stop, late.data) == (Stop.DEADLINE, b"")


def test_the_least_recently_used_sequence_goes() -> None:
    bench = Bench(FakeBackend(writes(b"x"), n_seq=2))
    for name in ("a", "b", "a", "c"):
        bench.submit(name, fim(name.encode() * 30))
        bench.run()
    assert bench.scheduler.pool.names() == ["a", "c"]


def test_a_new_sequence_begins_with_what_another_shares() -> None:
    bench = Bench()
    bench.submit("a", fim(LONG), stop_lines=1)
    bench.run()
    _, answer = bench.submit("b", fim(LONG + b"y = 2\n"), stop_lines=1)
    bench.run()
    assert answer.done is not None
    assert answer.done.timings.cache_n == 1 + len(LONG)
    assert bench.backend.held[0][-1] != MIDDLE  # the first one still holds its own


def test_with_every_sequence_at_work_a_job_waits() -> None:
    bench = Bench(FakeBackend(writes(b"abc"), n_seq=1))
    _, edit = bench.submit("a", fim(b"x"), Priority.EDIT)
    bench.step()
    _, completion = bench.submit("b", fim(b"y"))
    bench.run()
    assert edit.data == completion.data == b"abc"


def test_a_failed_decode_ends_the_job_and_keeps_the_record_exact() -> None:
    backend = FakeBackend(writes(b"return a + b\n"))
    backend.fail_at = 20
    bench = Bench(backend)
    _, failed = bench.submit("a", fim(LONG))
    bench.run()  # the harness compares record and memory after every step
    assert failed.stop is Stop.FAILED
    assert failed.done is not None
    assert "as the test wanted" in failed.done.message
    _, again = bench.submit("a", fim(LONG), stop_lines=1)
    bench.run()
    assert again.data == b"return a + b\n"
    assert again.done is not None
    assert again.done.timings.cache_n == 20


def test_memory_that_cannot_be_cut_is_cleared() -> None:
    backend = FakeBackend(writes(b"return a + b\n"))
    backend.can_cut = False
    bench = Bench(backend)
    bench.submit("a", fim(b"hello"), stop_lines=1)
    bench.run()
    _, answer = bench.submit("a", fim(b"help"), stop_lines=1)
    bench.run()
    assert answer.data == b"return a + b\n"
    assert answer.done is not None
    assert answer.done.timings.cache_n == 0


@pytest.mark.parametrize("tokens", [[], [0] * 2000])
def test_prompts_that_cannot_be_done(tokens: list[int]) -> None:
    bench = Bench()
    _, answer = bench.submit("a", tokens)
    bench.run()
    assert answer.stop is (Stop.FULL if tokens else Stop.FAILED)
