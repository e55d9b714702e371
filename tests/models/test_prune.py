"""The cut vocabulary: every text still encodes, and code encodes as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmcode.config import Config
from slmcode.models import catalog, corpus, header, prune, store, vocabulary
from slmcode.models.catalog import Refused
from slmcode.prompt.tokenizer import Tokenizer
from slmcode.vocabulary import Vocabulary
from tests import tiny_model

Both = tuple[Vocabulary, Tokenizer, Vocabulary, Tokenizer]


@pytest.fixture(scope="module")
def values(fast_weights: Path) -> dict[str, Any]:
    """The metadata of the official file; `fast_weights` may be a tuned one."""
    return header.read(store.path_of(catalog.find("fast"), Config())).values


@pytest.fixture(scope="module")
def both(values: dict[str, Any]) -> Both:
    """The official vocabulary and the cut one, each with its tokenizer."""
    whole = vocabulary.build(values, "whole")
    cut = vocabulary.build(prune.pruned(values, prune.kept_tokens(values)), "cut")
    return whole, Tokenizer(whole), cut, Tokenizer(cut)


HARD = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("\x00\x01\x07\x0b\x0c\x1b\x7f\x85\u2028\ufeff\ufffd"),
        st.sampled_from("編集者 정수 ключ مرحبا ∑∂é 👩‍👩‍👧 🇨🇭 😀 e\u0301"),
        st.sampled_from("def return ()[]{}:;\n\t "),
    ),
    max_size=60,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HARD)
def test_every_text_encodes_and_comes_back(both: Both, text: str) -> None:
    _, _, _, tokenizer = both
    assert tokenizer.decode(tokenizer.encode(text)).decode("utf-8") == text


def test_each_byte_is_a_token(both: Both) -> None:
    _, _, cut, _ = both
    assert sorted(cut.tokens[:256]) == [bytes([b]) for b in range(256)]


def test_kept_tokens_are_merged_from_kept_tokens(values: dict[str, Any]) -> None:
    kept = {values[prune.TOKENS][i] for i in prune.kept_tokens(values)}
    for merge in prune.pruned(values, prune.kept_tokens(values))[prune.MERGES]:
        left, right = merge.split(b" ")
        assert {left, right, left + right} <= kept


def test_text_of_kept_tokens_has_the_same_tokens(both: Both, values: dict[str, Any]) -> None:
    """Checked on real code in eight languages, file by file."""
    whole, whole_tokenizer, cut, cut_tokenizer = both
    kept = set(prune.kept_tokens(values).tolist())
    same = 0
    excerpts = corpus.load(corpus.HELD_OUT)
    for excerpt in excerpts:
        before = whole_tokenizer.encode(excerpt.prefix)
        after = cut_tokenizer.encode(excerpt.prefix)
        if kept.issuperset(before):
            assert [whole.tokens[t] for t in before] == [cut.tokens[t] for t in after]
            same += 1
    assert same > len(excerpts) / 3


def test_special_tokens_stay(both: Both) -> None:
    whole, _, cut, _ = both

    def names(v: Vocabulary, ids: list[int]) -> set[bytes]:
        return {v.tokens[i] for i in ids if not v.tokens[i].startswith(b"[PAD")}

    assert names(cut, cut.special_ids) == names(whole, whole.special_ids)
    assert names(cut, cut.end_ids) == names(whole, whole.end_ids)
    assert whole.fim is not None
    assert cut.fim is not None
    for part in ("prefix", "suffix", "middle", "file_separator", "repository", "pad"):
        assert cut.tokens[getattr(cut.fim, part)] == whole.tokens[getattr(whole.fim, part)]


def test_list_is_for_one_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    tiny_model.write_vocabulary_gguf(path)
    with pytest.raises(Refused, match="another vocabulary"):
        prune.kept_tokens(header.read(path).values)


def test_list_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.gguf"
    tiny_model.write_vocabulary_gguf(path)
    values = header.read(path).values
    n = len(values[prune.MERGES])
    keep = np.arange(n) % 3 != 0
    monkeypatch.setattr(prune, "shipped", lambda: prune.list_of(keep, values[prune.MERGES]))
    kept = prune.kept_tokens(values)
    merges = kept[(kept >= 256) & (kept < 256 + n)] - 256
    assert merges.tolist() == np.flatnonzero(keep).tolist()
    unused = values[prune.TOKENS].index(b"[PAD0]")
    assert unused not in kept
