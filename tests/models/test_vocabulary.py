"""The token table: exact bytes, the right special tokens, and a cache that may break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest

from slmcode.models import header, vocabulary
from slmcode.models.catalog import Refused
from slmcode.vocabulary import Vocabulary
from tests import tiny_model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The toy model with FIM tokens."""
    out = tmp_path / "tiny.gguf"
    tiny_model.write_vocabulary_gguf(out)
    return out


def write(path: Path, tokens: list[str], merges: list[str] | None = None, **keys: Any) -> None:
    """A GGUF with these tokens only; `keys` are put under tokenizer.ggml."""
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(64)
    writer.add_tokenizer_model(keys.pop("model", "gpt2"))
    writer.add_token_list(tokens)
    writer.add_token_merges(merges if merges is not None else ["a b"])
    for key, value in keys.items():
        writer.add_uint32(f"tokenizer.ggml.{key}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def names(v: Vocabulary, ids: list[int]) -> set[str]:
    return {v.tokens[i].decode() for i in ids}


def test_every_byte_is_a_token(path: Path, tmp_path: Path) -> None:
    v = vocabulary.load(path, tmp_path / "cache")
    assert sorted(v.tokens[:256]) == [bytes([b]) for b in range(256)]


def test_tokens_and_merges_are_bytes(path: Path, tmp_path: Path) -> None:
    v = vocabulary.load(path, tmp_path / "cache")
    assert v.merges[:4] == [b"  ", b"    ", b" " * 8, b"in"]
    assert len(v.merges) == len(tiny_model.MERGES)
    assert v.tokens[256 : 256 + len(v.merges)] == v.merges
    assert "é".encode() in v.merges
    assert b":\n" in v.merges


def test_special_tokens(path: Path, tmp_path: Path) -> None:
    v = vocabulary.load(path, tmp_path / "cache")
    special = [*tiny_model.CONTROL, *tiny_model.FIM, *tiny_model.USER_DEFINED, *tiny_model.UNUSED]
    assert names(v, v.special_ids) == set(special)
    assert v.fim is not None
    fim = [v.fim.prefix, v.fim.middle, v.fim.suffix, v.fim.pad, v.fim.repository]
    assert [v.tokens[i].decode() for i in [*fim, v.fim.file_separator] if i] == tiny_model.FIM
    ends = {"<|endoftext|>", "<|im_end|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"}
    assert names(v, v.end_ids) == ends


def test_the_turns_of_a_chat(path: Path, tmp_path: Path) -> None:
    v = vocabulary.load(path, tmp_path / "cache")
    assert v.chat is not None
    assert [v.tokens[i] for i in (v.chat.start, v.chat.end)] == [b"<|im_start|>", b"<|im_end|>"]
    assert {v.chat.start, v.chat.end} <= set(v.special_ids)


def test_a_model_without_the_tokens_of_a_turn_does_not_chat(tmp_path: Path) -> None:
    write(tmp_path / "base.gguf", ["a", "b", "ab", "<|endoftext|>", "<|im_end|>"])
    assert vocabulary.load(tmp_path / "base.gguf", tmp_path / "cache").chat is None


def test_metadata(path: Path, tmp_path: Path) -> None:
    v = vocabulary.load(path, tmp_path / "cache")
    assert (v.architecture, v.name, v.pre) == ("qwen2", "tiny", "qwen2")
    assert v.context_length == tiny_model.CONTEXT_LENGTH


def test_no_fim_tokens(tmp_path: Path) -> None:
    tiny_model.write_vocabulary_gguf(tmp_path / "chat.gguf", fim=False)
    v = vocabulary.load(tmp_path / "chat.gguf", tmp_path / "cache")
    assert v.fim is None
    assert names(v, v.end_ids) == {"<|endoftext|>", "<|im_end|>"}


@pytest.mark.parametrize(
    "trio",
    [
        ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
        ("<PRE>", "<SUF>", "<MID>"),
        ("▁<PRE>", "▁<SUF>", "▁<MID>"),
        ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ],
)
def test_fim_tokens_by_other_names(tmp_path: Path, trio: tuple[str, str, str]) -> None:
    write(tmp_path / "own.gguf", ["a", "b", "ab", *trio])
    fim = vocabulary.load(tmp_path / "own.gguf", tmp_path / "cache").fim
    assert fim is not None
    assert (fim.prefix, fim.suffix, fim.middle, fim.pad) == (3, 4, 5, None)


def test_fim_tokens_by_key_win_over_names(tmp_path: Path) -> None:
    tokens = ["a", "b", "ab", "<x>", "<y>", "<z>", "<|fim_prefix|>"]
    keys: dict[str, Any] = {"fim_pre_token_id": 3, "fim_suf_token_id": 4, "fim_mid_token_id": 5}
    write(tmp_path / "own.gguf", tokens, **keys)
    v = vocabulary.load(tmp_path / "own.gguf", tmp_path / "cache")
    assert v.fim is not None
    assert (v.fim.prefix, v.fim.suffix, v.fim.middle) == (3, 4, 5)
    assert {3, 4, 5} <= set(v.special_ids)


def test_fim_needs_all_three(tmp_path: Path) -> None:
    write(tmp_path / "own.gguf", ["a", "b", "ab", "<fim_prefix>", "<fim_suffix>"])
    assert vocabulary.load(tmp_path / "own.gguf", tmp_path / "cache").fim is None


@pytest.mark.parametrize(
    ("tokens", "merges", "model", "message"),
    [
        (["a"], [], "llama", "its tokenizer is 'llama'"),
        (["a", "日本"], [], "gpt2", "byte alphabet"),
        (["a"], ["nospace"], "gpt2", "no usable vocabulary"),
    ],
)
def test_unusable_vocabularies_are_refused(
    tmp_path: Path, tokens: list[str], merges: list[str], model: str, message: str
) -> None:
    write(tmp_path / "own.gguf", tokens, merges or ["a a"], model=model)
    with pytest.raises(Refused, match=message):
        vocabulary.load(tmp_path / "own.gguf", tmp_path / "cache")


def test_header_without_vocabulary_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "own.gguf", "qwen2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(Refused, match=r"tokenizer\.ggml\.model is missing"):
        vocabulary.load(tmp_path / "own.gguf", tmp_path / "cache")


def test_header_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    tiny_model.write_vocabulary_gguf(path, tensor_size=1000)
    ours = header.read(path)
    theirs = gguf.GGUFReader(path)
    for key, field in theirs.fields.items():
        if not key.startswith("GGUF."):
            assert plain(ours.values[key]) == field.contents(), key
    assert ours.needed_size <= path.stat().st_size
    last = theirs.tensors[-1]
    assert ours.needed_size == last.data_offset + last.n_bytes


def plain(value: Any) -> Any:
    """Strings of the header as the other reader has them."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.decode() if isinstance(value, bytes) else value


# The cache


def cached(cache: Path) -> Path:
    (file,) = (cache / "vocabulary").iterdir()
    return file


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> header.Header:
        raise AssertionError("the GGUF was read again")

    monkeypatch.setattr(header, "read", fail)


def test_second_load_reads_no_gguf(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = vocabulary.load(path, tmp_path / "cache")
    forbid_reading(monkeypatch)
    assert vocabulary.load(path, tmp_path / "cache") == first


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "json"])
def test_damaged_cache_is_made_anew(path: Path, tmp_path: Path, damage: str) -> None:
    first = vocabulary.load(path, tmp_path / "cache")
    file = cached(tmp_path / "cache")
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[good.index(b"import")] ^= 1  # still valid msgpack
    file.write_bytes(
        {"empty": b"", "cut": good[:-9], "flipped": bytes(flipped), "json": b"{}"}[damage]
    )
    assert vocabulary.load(path, tmp_path / "cache") == first
    assert file.read_bytes() == good


def test_changed_gguf_is_read_again(path: Path, tmp_path: Path) -> None:
    first = vocabulary.load(path, tmp_path / "cache")
    tiny_model.write_vocabulary_gguf(path, fim=False)
    second = vocabulary.load(path, tmp_path / "cache")
    assert first.fim is not None
    assert second.fim is None
    assert first.digest != second.digest


def test_unwritable_cache_is_no_error(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert vocabulary.load(path, tmp_path / "cache").name == "tiny"
