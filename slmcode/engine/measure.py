"""How fast weights are on this CPU, and what they answer.

    python -m slmcode.engine.measure REQUEST ANSWER

REQUEST and ANSWER are files of msgpack. Each line on stdout says how much of the work is done, from
0 to 1. A process of its own, because a fault in native code would end it, and so that what is
measured has no other model in its caches.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from slmcode.engine.offline import Offline

_PROMPT = 256  # tokens in the context while decoding is measured: a usual prompt
_PREFILL = 128  # tokens of which prefill is measured
_UBATCH = 64  # tokens evaluated together, as in backend.py
_DECODED = 8  # tokens a round
BATCHES = (1, 2, 3, 4, 6, 8, 12, 16)  # tokens evaluated together: what drafts cost


class SpeedRequest(msgspec.Struct, frozen=True, tag="speed"):
    """Measure `files` in turns: whatever else the machine does falls on all of them."""

    files: dict[str, str]  # any name -> path
    kv_types: dict[str, str]  # name -> type of its KV cache; "f16" where none is given
    threads: int
    rounds: int


class Costs(msgspec.Struct, frozen=True):
    """Medians over the rounds, in ms."""

    decode_ms: float  # one token
    prefill_ms: float  # a prompt token
    batch_ms: dict[int, float]  # tokens evaluated together -> all of them


class AnswersRequest(msgspec.Struct, frozen=True, tag="answers"):
    """What the weights at `path` would write, given the true text before."""

    path: str
    texts: list[list[int]]  # token ids
    starts: list[int]  # of each text: the first token that is asked for, 1 or more
    threads: int


class Answers(msgspec.Struct, frozen=True):
    """For each text and each token asked for: the first choice, and ln p of the true token."""

    choices: list[list[int]]
    log_probabilities: list[list[float]]


Told = Callable[[float], None]


def speed(request: SpeedRequest, told: Told) -> dict[str, Costs]:
    """The costs of each file. Raises Unusable."""
    models = {
        name: Offline(
            Path(path),
            threads=request.threads,
            n_ctx=_PROMPT + _DECODED + max(BATCHES),
            batch=_UBATCH,
            kv_type=request.kv_types.get(name, "f16"),
        )
        for name, path in request.files.items()
    }
    decode: dict[str, list[float]] = {name: [] for name in models}
    prefill: dict[str, list[float]] = {name: [] for name in models}
    batches: dict[str, dict[int, list[float]]] = {n: {b: [] for b in BATCHES} for n in models}
    rng = np.random.default_rng(0)
    most = min(5_000, *(model.n_vocab for model in models.values()))  # frequent in any table
    prompt = rng.integers(min(300, most // 2), most, _PROMPT + _DECODED).tolist()
    for done in range(request.rounds):
        for name, model in models.items():
            model.keep(0)
            for pos in range(0, _PROMPT, _UBATCH):
                ms = _timed(model, prompt[pos : pos + _UBATCH], pos)
                if pos >= _PROMPT - _PREFILL:
                    prefill[name].append(ms / _UBATCH)
            for n in BATCHES:
                batches[name][n].append(_timed(model, prompt[:n], _PROMPT, n))
                model.keep(_PROMPT)
            for i in range(_DECODED):
                decode[name].append(_timed(model, [prompt[_PROMPT + i]], _PROMPT + i))
        told((done + 1) / request.rounds)
    for model in models.values():
        model.close()
    return {
        name: Costs(
            statistics.median(decode[name]),
            statistics.median(prefill[name]),
            {n: statistics.median(times) for n, times in batches[name].items()},
        )
        for name in models
    }


def answers(request: AnswersRequest, told: Told) -> Answers:
    """Evaluate each text once and read off what greedy decoding would choose at each place."""
    longest = max(len(text) for text in request.texts)
    model = Offline(
        Path(request.path), threads=request.threads, n_ctx=-(-longest // 64) * 64, batch=longest
    )
    choices: list[list[int]] = []
    log_probabilities: list[list[float]] = []
    for done, (text, start) in enumerate(zip(request.texts, request.starts, strict=True)):
        model.keep(0)
        logits = model.evaluate(text[:-1], 0, len(text) - start).astype(np.float64)
        true = np.array(text[start:])
        top = logits.max(axis=1)
        log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        choices.append(logits.argmax(axis=1).tolist())
        log_probabilities.append((logits[np.arange(len(true)), true] - log_sum).tolist())
        told((done + 1) / len(request.texts))
    model.close()
    return Answers(choices, log_probabilities)


def _timed(model: Offline, tokens: Sequence[int], pos: int, n_logits: int = 1) -> float:
    """ms of one evaluation."""
    begin = time.perf_counter()
    model.evaluate(tokens, pos, n_logits)
    return (time.perf_counter() - begin) * 1000


def main(argv: Sequence[str]) -> None:
    """See the module's docstring."""
    request = msgspec.msgpack.decode(Path(argv[0]).read_bytes(), type=SpeedRequest | AnswersRequest)

    def told(part: float) -> None:
        print(f"{part:.4f}", flush=True)

    result = speed(request, told) if isinstance(request, SpeedRequest) else answers(request, told)
    Path(argv[1]).write_bytes(msgspec.msgpack.encode(result))


if __name__ == "__main__":
    main(sys.argv[1:])
