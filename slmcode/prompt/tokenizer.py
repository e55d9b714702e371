"""Text to token ids without the model: a `tiktoken.Encoding` made from a GGUF's vocabulary.

The ids equal llama.cpp's for every text, checked for each Unicode code point and on real files
in `tests/prompt/test_tokenizer.py`, with one difference that is wanted: special tokens
are ids, never text. `<|fim_prefix|>` or `<tool_call>` in a file is tokenized like any other text
(llama.cpp recognises the second, a "user-defined" token, whatever it is asked to do).

A text is first split into *words* by the vocabulary's regular expression, then each word is
merged pair by pair. tiktoken does both; `last_boundary` needs the words alone and finds them with
`re` on a copy in which each character beyond ASCII is replaced by one that stands for its class.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

import tiktoken

from slmcode.vocabulary import Vocabulary

# llama.cpp, src/llama-vocab.cpp (llm_tokenizer_bpe), by tokenizer.ggml.pre. Classes stand in
# brackets so that they can be replaced by characters. llama.cpp cuts "starcoder" at digits first
# and runs GPT-2's expression on each part: white space before a digit is at the end of its part.
_QWEN2 = (
    r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?[\p{L}]+|[\p{N}]"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3 = _QWEN2.replace(r"|[\p{N}]|", r"|[\p{N}]{1,3}|")
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_STARCODER = r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+|[\p{N}]| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
_WORDS = {
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "llama-bpe": _LLAMA3,
    "gpt-2": _GPT2,
    "starcoder": _STARCODER,
    "refact": _STARCODER,
}

_LETTER, _NUMBER, _SPACE, _OTHER = "\xe5", "\xb2", "\v", "\xac"  # stand for their class
_SPACES = " \t\n\r\f\v"  # what \s matches under re.ASCII; str.isspace() also takes 0x1c-0x1f
_SURROGATE = re.compile("[\ud800-\udfff]")
_SLICE = 100_000  # characters; tiktoken's regex engine panics on a million spaces in a row


class UnsupportedVocabulary(ValueError):
    """The vocabulary cannot be tokenized exactly; the message says why."""


class Tokenizer:
    """Text to ids and back, for one vocabulary. Immutable; any thread.

    Takes 0.25 s for 151,000 tokens, nearly all of it in tiktoken. Raises
    UnsupportedVocabulary for an unknown pre-tokenizer or an incomplete token table.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        words = _WORDS.get(vocabulary.pre)
        if words is None:
            raise UnsupportedVocabulary(
                f"pre-tokenizer {vocabulary.pre!r} is not supported (known: {', '.join(_WORDS)})"
            )
        self._tokens = vocabulary.tokens
        self._special = frozenset(vocabulary.special_ids)
        ranks, self._ids = _ranks(vocabulary)
        self._encoding = tiktoken.Encoding(
            vocabulary.digest, pat_str=words, mergeable_ranks=ranks, special_tokens={}
        )
        letters, numbers = "A-Za-z" + _LETTER, "0-9" + _NUMBER
        self._words = re.compile(
            words.replace(r"\p{L}", letters).replace(r"\p{N}", numbers), re.ASCII
        )
        self._classes = _Classes()

    def encode(self, text: str) -> list[int]:
        """The ids of `text`. Lone surrogates are replaced by U+FFFD.

        Texts over 100,000 characters are taken in slices, each tokenized for itself.
        """
        if len(text) > _SLICE:
            slices = (text[i : i + _SLICE] for i in range(0, len(text), _SLICE))
            return [token for part in slices for token in self.encode(part)]
        if not text.isascii():
            text = _SURROGATE.sub("\ufffd", text)
        ranks = self._encoding.encode_ordinary(text)
        return ranks if self._ids is None else [self._ids[rank] for rank in ranks]

    def decode(self, tokens: Iterable[int]) -> bytes:
        """The bytes of `tokens`, special tokens left out. May end inside a UTF-8 character."""
        return b"".join(self._tokens[t] for t in tokens if t not in self._special)

    def spelled(self, tokens: Iterable[int]) -> str:
        """All of `tokens` as people read them: special tokens by name, the others as their text."""
        return b"".join(self._tokens[t] for t in tokens).decode("utf-8", "replace")

    def token_name(self, token: int) -> str:
        """The token as people read it: a special token's name, else its text."""
        return self._tokens[token].decode("utf-8", "backslashreplace")

    def last_boundary(self, text: str) -> int:
        """The offset to back up to before more is written behind `text`.

        With b the result, encode(text + x) begins with encode(text[:b]) for every x, as long as
        it is not over 100,000 characters. This is where the last word begins, but for white space:
        a last word of it would be joined to one before it by one more line end
        (`\\s*[\\r\\n]+`), and two words of it before the last become one when the text ends
        behind them (`\\s+(?!\\S)`). In both cases those words are given back too. So is a
        quote before the last word: in GPT-2's expression `'l` is two words and `'ll` is one.
        """
        classes = text if text.isascii() else text.translate(self._classes)
        spans = deque((m.span() for m in self._words.finditer(classes)), maxlen=4)
        words = [classes[start:end] for start, end in spans]
        if words[-2:-1] == ["'"] and words[-1] in ("l", "r", "v"):
            spans.pop()
            words.pop()
        if not spans:
            return 0
        boundary = spans[-1][0]
        spaces = [not word.strip(_SPACES) for word in words[-3:]]
        if spaces[-2:] == [True, True]:
            return spans[-2][0]
        if spaces == [True, True, False]:
            start, end = spans[-3]
            cut_there = self._words.match(classes, start, boundary)
            if cut_there is None or cut_there.end() != end:
                return start
        return boundary


def _ranks(vocabulary: Vocabulary) -> tuple[dict[bytes, int], list[int] | None]:
    """tiktoken's table, and the id of each rank, or None where the rank is the id.

    tiktoken merges the pair whose result has the lowest rank, llama.cpp the pair that comes
    first in the list of merges: ranks must follow that list, whatever the ids are. Only single
    bytes and results of merges may stand in the table; other tokens cannot arise from text.
    """
    tokens, merges = vocabulary.tokens, vocabulary.merges
    n_bytes = 256
    singles = {t for t in tokens[:n_bytes] if len(t) == 1}
    if len(singles) == n_bytes and tokens[n_bytes : n_bytes + len(merges)] == merges:
        ordered = tokens[: n_bytes + len(merges)]
        ranks = dict(zip(ordered, range(len(ordered)), strict=True))
        if len(ranks) == len(ordered):
            return ranks, None
    special = set(vocabulary.special_ids)
    ids = {t: i for i, t in enumerate(tokens) if i not in special}
    table = list(dict.fromkeys([bytes([b]) for b in range(n_bytes)] + merges))
    missing = [t for t in table if t not in ids]
    if missing:
        raise UnsupportedVocabulary(
            f"{len(missing)} bytes or merges have no token, such as {missing[0]!r}"
        )
    return {t: rank for rank, t in enumerate(table)}, [ids[t] for t in table]


class _Classes(dict[int, str]):
    """For `str.translate`: ASCII stays, other characters become one that stands for their class.

    The classes are asked of tiktoken's regex engine, one character at a time and once each:
    Python's own tables are of another Unicode version.
    """

    def __init__(self) -> None:
        super().__init__((c, chr(c)) for c in range(128))
        ranks = {bytes([b]): b for b in range(256)}
        self._letter, self._number = (
            tiktoken.Encoding(p, pat_str=p, mergeable_ranks=ranks, special_tokens={})
            for p in (r"\p{L}", r"\p{N}")
        )

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if 0xD800 <= code < 0xE000:
            kind = _OTHER
        elif char.isspace():  # beyond ASCII the same 19 characters as Unicode's White_Space
            kind = _SPACE
        elif self._letter.encode_ordinary(char):
            kind = _LETTER
        elif self._number.encode_ordinary(char):
            kind = _NUMBER
        else:
            kind = _OTHER
        self[code] = kind
        return kind
