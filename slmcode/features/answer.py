"""What a completion request is answered with: a completion, or a named reason for none."""

from __future__ import annotations

import enum

import msgspec

from slmcode.engine.job import Timings
from slmcode.prompt.context import Context
from slmcode.text import TextRange


class Reason(enum.StrEnum):
    """Why nothing was offered. Stands in traces, statistics and `slmcode complete`."""

    DISABLED = "disabled"  # switched off, for all or for this language
    NO_MODEL = "no_model"  # weights missing or refused, or the tokenizer cannot be built
    ENGINE_DOWN = "engine_down"  # crashed, starting or loading; the next request may work
    TOO_LARGE = "too_large"  # the document is over max_file_kb
    BINARY = "binary"  # the document holds NUL characters
    LONG_LINE = "long_line"  # the cursor's line is too long to be code
    INSIDE_WORD = "inside_word"  # letters right of the cursor
    DEADLINE = "deadline"  # nothing complete in time; the work goes on
    STALE = "stale"  # the document changed in a way that does not fit the answer
    SUPERSEDED = "superseded"  # a newer request replaced this one
    CANCELLED = "cancelled"  # the client took the request back
    END_OF_LINE = "end_of_line"  # the model says the line is finished
    REPEATS_SUFFIX = "repeats_suffix"  # it would only repeat what stands to the right or below
    UNKNOWN_NAME = "unknown-name"  # it has a name that does not exist, which is the detail
    GATED = "gated"  # not likely enough to be right; the detail is the probability
    DISMISSED = "dismissed"  # the user sent this suggestion away
    BLANK = "blank"  # white space only
    FULL = "full"  # the prompt does not fit the model's context
    BUSY = "busy"  # other editors, or too many requests of this one, keep the engine busy
    FAILED = "failed"  # the engine reported an error for this job


_SENTENCES = {
    Reason.DISABLED: "completions are switched off here (settings enabled, disabled_languages)",
    Reason.NO_MODEL: "there is no model that can be used; slmcode doctor says what to do",
    Reason.ENGINE_DOWN: "the engine is not ready yet",
    Reason.TOO_LARGE: "the document is larger than the setting max_file_kb allows",
    Reason.BINARY: "the document holds NUL characters: it is not text",
    Reason.LONG_LINE: "the line is too long to be code written by hand",
    Reason.INSIDE_WORD: "the cursor stands inside a word; ask by command to complete here",
    Reason.DEADLINE: "nothing was ready by the deadline (setting deadline_ms); more may come",
    Reason.STALE: "the document changed meanwhile",
    Reason.SUPERSEDED: "a newer request took its place",
    Reason.CANCELLED: "the editor took the request back",
    Reason.END_OF_LINE: "the model thinks the line is complete",
    Reason.REPEATS_SUFFIX: "it would only have repeated what stands to the right or below",
    Reason.UNKNOWN_NAME: "it used a name that is not defined here",
    Reason.GATED: "not likely enough to be right (setting show_probability)",
    Reason.DISMISSED: "you sent this suggestion away",
    Reason.BLANK: "the model had only white space to add",
    Reason.FULL: "the prompt does not fit the model's context; lower prefix_tokens",
    Reason.BUSY: "the engine has more to do than it can",
    Reason.FAILED: "the engine reported an error; its log says more",
}


def sentence(reason: Reason, detail: str = "") -> str:
    """Why nothing was shown, for people, with what there is to say beside the name."""
    said = _SENTENCES[reason]
    return f"{said}: {detail}" if detail else said


class PromptPiece(msgspec.Struct, frozen=True):
    """One part of a prompt, for people: `text` shows special tokens by name."""

    kind: str  # "chunk", "path", "special", "prefix", "suffix", "typed", or "heal": not evaluated
    source: str  # where the text is from: "12:1-20:5" of the document, a file, or "vocabulary"
    token_count: int
    text: str


class Why(msgspec.Struct, frozen=True):
    """What stood in the prompt of a suggestion beside its own document.

    `note` is one sentence on why there is nothing of it, "" where there is, or nothing was found.
    """

    completion_id: str
    context: Context
    note: str


class Completion(msgspec.Struct, frozen=True):
    """Text to be put at `range` (one line, maybe empty) of the document as it is when this comes.

    `final` is False for a deadline answer whose generation goes on.
    """

    completion_id: str
    text: str
    range: TextRange
    final: bool
    from_memory: bool  # served without a new generation (type-through)
    mean_logprob: float
    timings: Timings
    alternatives: tuple[str, ...] = ()  # other texts for the same place, for a request by command


class Empty(msgspec.Struct, frozen=True):
    """No completion, and why."""

    reason: Reason
    detail: str = ""
    timings: Timings = msgspec.field(default_factory=Timings)


Answer = Completion | Empty
