"""The equalities through the whole of llama.cpp on a model of our own making: fast, always run."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from slmcode.engine.backend import LlamaBackend, ModelRefused
from slmcode.engine.scheduler import Scheduler
from tests.engine.equalities import Equalities, Prompt, forced, run
from tests.tiny_model import write_tiny_model, write_vocabulary_gguf

NOISE = 0.11  # largest change of a logit between batches of 64, 25, 8 and 1; 120 prompts
NEAR_TIE = 1.0  # ten times that, so that other processors may round otherwise


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.gguf"
    write_tiny_model(path)
    return path


@pytest.fixture(scope="module")
def backend(weights: Path) -> LlamaBackend:
    return LlamaBackend(weights, threads=1, memory_mb=16, n_ctx_seq=512)


@pytest.fixture(scope="module")
def prompts() -> list[Prompt]:
    """Those of the seeds 0 to 99 without a near tie and with the most varied texts."""
    return [
        Prompt(np.random.default_rng(seed).integers(0, 256, 200).tolist()) for seed in (29, 97, 69)
    ]


class TestTinyModel(Equalities):
    near_tie: ClassVar[float] = NEAR_TIE

    def test_one_of_the_choices_is_spelt(
        self, backend: LlamaBackend, scheduler: Scheduler, prompts: list[Prompt]
    ) -> None:
        for prompt in prompts:
            answer = run(scheduler, self._job(prompt, choices=(b"name", b"names", b"size")))
            text = b"".join(backend.pieces[token] for token in answer.tokens)
            assert re.match(rb"(names?|size)(?![0-9A-Za-z_\x80-\xff])", text)

    def test_what_the_model_writes_anyway_is_no_constraint(
        self,
        backend: LlamaBackend,
        scheduler: Scheduler,
        prompts: list[Prompt],
        cold: list[list[int]],
    ) -> None:
        n_words = 0
        for prompt, text in zip(prompts, cold, strict=True):
            spelled = b"".join(backend.pieces[token] for token in text)
            word = re.match(rb"[^0-9A-Za-z_\x80-\xff]*[0-9A-Za-z_\x80-\xff]+", spelled)
            if word is None or word.end() == len(spelled):
                continue
            n_words += 1
            answer = run(scheduler, self._job(prompt, choices=(b"zz", word[0])))
            assert answer.tokens == text
        assert n_words

    def test_no_text_has_a_near_tie(self, cold: list[list[int]]) -> None:
        assert [len(text) for text in cold] == [self.length] * 3


def test_the_text_depends_on_the_prompt(backend: LlamaBackend, prompts: list[Prompt]) -> None:
    """Else the equalities would hold of any mistake."""
    tokens = prompts[0].tokens
    (logits,) = forced(backend, tokens, [])
    before = logits.copy()
    for i in (0, 100, 199):
        changed = [*tokens]
        changed[i] ^= 1
        (logits,) = forced(backend, changed, [])
        assert np.abs(logits - before).max() > 5 * NOISE


@pytest.mark.parametrize("batch", [64, 25, 8, 1])
def test_the_shape_of_batches_moves_logits_by_the_stated_noise(
    backend: LlamaBackend, prompts: list[Prompt], batch: int
) -> None:
    for prompt in prompts:
        (logits,) = forced(backend, prompt.tokens, [])
        before = logits.copy()
        (logits,) = forced(backend, prompt.tokens, [], batch)
        assert np.abs(logits - before).max() < NEAR_TIE / 2


def test_sequences_and_snapshots_share_the_memory(weights: Path) -> None:
    # 2 layers, 2 heads of 16 for keys and for values, 2 bytes each: 256 bytes a token
    small = LlamaBackend(weights, threads=1, memory_mb=1, n_ctx_seq=512)
    assert small.n_seq == 500_000 // (512 * 256)
    assert small.snapshot_bytes == 1_000_000 - small.n_seq * 512 * 256


def test_without_a_limit_two_sequences_and_snapshots_of_one(weights: Path) -> None:
    second = LlamaBackend(weights, threads=1, n_ctx_seq=300, completes=False)
    assert (second.n_seq, second.snapshot_bytes) == (2, 300 * 256)


def test_two_contexts_share_weights(backend: LlamaBackend, prompts: list[Prompt]) -> None:
    """A job names the engine's own weights, for a longer context than completions have."""
    tokens = prompts[0].tokens
    (logits,) = forced(backend, tokens, [])
    before = logits.copy()
    second = LlamaBackend(
        Path("not read"), threads=1, n_ctx_seq=1024, completes=False, same=backend
    )
    (logits,) = forced(second, tokens, [])
    assert np.array_equal(logits, before)
    assert second.pieces is backend.pieces
    assert second.n_ctx_seq > backend.n_ctx_seq
    second.close()
    (logits,) = forced(backend, tokens, [])
    assert np.array_equal(logits, before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_closing_frees_the_memory(weights: Path) -> None:
    n_ctx = 100_000  # 51 MB for two sequences

    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    LlamaBackend(weights, threads=1, n_ctx_seq=n_ctx).close()
    before = resident_mb()
    for _ in range(5):
        LlamaBackend(weights, threads=1, n_ctx_seq=n_ctx).close()
    assert resident_mb() < before + 2 * n_ctx * 256 / 1e6


def test_loading_ends_when_it_is_not_wanted_any_more(weights: Path) -> None:
    asked: list[int] = []

    def wanted() -> bool:
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(ModelRefused, match="the engine is leaving"):
        LlamaBackend(weights, threads=1, n_ctx_seq=300, wanted=wanted)
    assert len(asked) in (3, 4)  # llama.cpp did not go on


def test_control_tokens_stand_for_no_text(backend: LlamaBackend) -> None:
    assert all(backend.pieces[i] == b"" for i in backend.end_ids)
    assert {len(backend.pieces[i]) for i in range(256)} == {1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist. Run: slmcode models pull fast"),
        (b"", "is not a GGUF file"),
        (b"<html>not found</html>", "is not a GGUF file"),
        (b"GGUF" + bytes(2000), "llama.cpp cannot load"),
    ],
)
def test_files_that_are_no_weights(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "weights.gguf"
    if content is not None:
        path.write_bytes(content)
    _refused(path, sentence)


def test_weights_cut_short(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(weights.read_bytes()[:-1000])
    _refused(path, "damaged. Check it with: slmcode models verify")


def test_weights_without_layers(tmp_path: Path) -> None:
    path = tmp_path / "weights.gguf"
    write_vocabulary_gguf(path)
    _refused(path, "llama.cpp cannot load")


def test_weights_that_cannot_fill_in(tmp_path: Path) -> None:
    path = tmp_path / "chat.gguf"
    write_tiny_model(path, fim=False)
    _refused(path, "chat.gguf has no fill-in-the-middle tokens")


def test_a_folder(tmp_path: Path) -> None:
    _refused(tmp_path, "cannot be read: Is a directory")


def _refused(path: Path, sentence: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        LlamaBackend(path, threads=1, memory_mb=16, n_ctx_seq=512)
    assert sentence in str(refused.value)
