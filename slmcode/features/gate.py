"""Is it likely right? The show-gate: how much of a suggestion is worth showing. Pure.

The gate does not only say yes or no. It looks at the pieces of a suggestion that end at a sensible
border (a word, a part of a name, the first line, further whole lines) and picks the one to show,
so that a given share of all that is shown is right. A confident beginning is worth more than a
doubtful whole: the rest is served from memory when the beginning is typed or accepted. A piece is
right if what is typed next begins with it.

The model is a sum: a bias, a weight for each feature, and small trees. It is trained by
`benchmarks/train_gate.py`, stands readable in `gate.json` beside this module and needs no numpy.
What the user accepts and types away from shifts its probabilities a little (slope and offset on
the log-odds); these two numbers and a count are all that is kept, in the user's state folder.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

FILE = "gate.json"  # the calibration in the state folder
SHIPPED = Path(__file__).with_name("gate.json")
FEWEST = 2  # characters that are not blank; showing fewer saves nothing
SINCE_MAX = 20

_LOGPROB_MIN = -12.0  # below that it makes no difference
_STEP = 0.05  # of online learning: twenty equal lessons move the log-odds by about a half
_FORGET = 0.005  # of the calibration a lesson takes back, so that an odd day does not last
_ACCEPT = 0.5  # keys; half of what an accept costs, because what is not shown is seldom lost
_SLOPE = (0.5, 2.0)
_OFFSET = (-1.5, 1.5)


class Situation(msgspec.Struct, frozen=True):
    """What is known of the cursor's place apart from the suggestion."""

    language_id: str
    left: str  # the cursor's line up to the cursor
    right: str  # the rest of the cursor's line
    node: str  # "code", "string" or "comment", as `syntax.scopes.node_kind` says; "" unknown
    in_block: bool  # an empty block is being filled
    recent: float = 0.5  # share of the last shown pieces that were right, newer ones count more
    since_rejection: int = SINCE_MAX  # keys since a shown piece was typed away from
    confirmed: int = 0  # characters of this suggestion that were typed since it was asked for


class Verdict(NamedTuple):
    """How much of a suggestion to show."""

    length: int  # characters; 0: nothing
    score: float  # probability that the piece is right; of the best piece where length is 0
    decided: bool  # more text behind `text` would change nothing


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of a tree: features of at most `at` go to `low`."""

    feature: str
    at: float
    low: Split | float
    high: Split | float


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped file. The log-odds are bias + weights · features + one leaf of each tree."""

    format: int
    provenance: dict[str, object]
    cuts: list[tuple[float, float]]  # `judge`'s threshold, and the least probability shown for it
    bias: float
    weights: dict[str, float]
    trees: list[Split | float]


class Calibration(msgspec.Struct, forbid_unknown_fields=True):
    """What was learned from this user: log-odds shown = slope · log-odds of the model + offset."""

    slope: float = 1.0
    offset: float = 0.0
    lessons: int = 0


class Gate:
    """The model with the calibration of one user. `judge` is pure; `learn` is not."""

    def __init__(self, model: Model, calibration: Calibration | None = None) -> None:
        """Raises ValueError for a model that cannot be evaluated."""
        if model.format != FORMAT:
            raise ValueError(f"format {model.format}, not {FORMAT}")
        unknown = set(model.weights) - set(FEATURES)
        if unknown:
            raise ValueError(f"unknown feature {min(unknown)!r}")
        if model.cuts != sorted(model.cuts):
            raise ValueError("the cuts are not in order")
        self.model = model
        self._weights = [(_INDEX[name], weight) for name, weight in model.weights.items()]
        self._trees = [_compiled(tree) for tree in model.trees]
        self.calibration = calibration or Calibration()

    def judge(
        self,
        situation: Situation,
        text: str,
        ends: Sequence[int],
        logprobs: Sequence[float],
        *,
        final: bool,
        threshold: float,
    ) -> Verdict:
        """The piece of `text` to show so that `threshold` of what is shown is right on the whole.

        `text` is what could be shown, in whole words, from the cursor on. `ends[i]` is the offset
        in it behind token i, `logprobs[i]` that token's log-probability. The first token is the
        first that ends behind the cursor; the last ones may end behind `text`, where that was cut.
        `final`: no more text comes.

        A longer piece is shown for the key that a second accept costs, and puts the shorter one at
        risk: it is worth that while its probability falls by less than `_ACCEPT` / length. Further
        lines put nothing at risk, the first one can be accepted alone; each needs `threshold`. As a
        longer piece is never likelier than a shorter one, more text never changes a verdict that
        stopped before the end of `text`. 0 shows everything.
        """
        length, score = 0, 0.0
        cut = self._cut(threshold)
        bar = 0.0  # for the next piece of the first line
        for piece, chance in self._chances(situation, text, ends, logprobs):
            if chance < cut or chance < (bar if piece.line_n == 1 else threshold):
                return Verdict(length, score if length else chance, True)
            length, score = piece.length, chance
            if threshold > 0:
                bar = max(bar, chance * (1 - _ACCEPT / length))
        return Verdict(length, score, final)

    def is_likely(
        self,
        situation: Situation,
        text: str,
        ends: Sequence[int],
        logprobs: Sequence[float],
        *,
        least: float,
    ) -> bool:
        """Whether all of `text` is right with at least the probability `least`."""
        chance = 0.0
        for _, chance in self._chances(situation, text, ends, logprobs):
            if chance < least:
                return False
        return chance >= least

    def _chances(
        self,
        situation: Situation,
        text: str,
        ends: Sequence[int],
        logprobs: Sequence[float],
    ) -> Iterator[tuple[Piece, float]]:
        """Each piece with its probability, which never rises: a longer one contains the shorter."""
        place = place_of(situation)
        least = 1.0
        for piece in pieces(text, ends):
            least = min(least, self.probability(features(place, text, ends, logprobs, piece)))
            yield piece, least

    def _cut(self, threshold: float) -> float:
        """The least probability at which what is shown is right with `threshold` on the whole."""
        low, cut = 0.0, 0.0
        for high, next_cut in (*self.model.cuts, (1.0, 1.0)):
            if threshold < high:
                return cut + (next_cut - cut) * (threshold - low) / (high - low)
            low, cut = high, next_cut
        return 1.0

    def learn(self, score: float, accepted: bool) -> None:
        """A suggestion shown with that score was accepted, or typed away from.

        One step of gradient descent on the log-loss, both numbers kept within bounds.
        """
        c = self.calibration
        score = min(max(score, 0.01), 0.99)
        raw = (math.log(score / (1 - score)) - c.offset) / c.slope
        error = float(accepted) - score
        c.slope += _STEP * error * max(-3.0, min(3.0, raw)) - _FORGET * (c.slope - 1)
        c.offset += _STEP * error - _FORGET * c.offset
        c.slope = min(max(c.slope, _SLOPE[0]), _SLOPE[1])
        c.offset = min(max(c.offset, _OFFSET[0]), _OFFSET[1])
        c.lessons += 1

    def save(self, folder: Path) -> None:
        """Write the calibration. Raises OSError; the old file is whole until the new one is."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{FILE}.{os.getpid()}.partial"
        partial.write_bytes(msgspec.json.encode(self.calibration))
        os.replace(partial, folder / FILE)

    def probability(self, values: Sequence[float]) -> float:
        """That the piece with these `features` is right, calibrated."""
        odds = self.calibration.slope * self.odds(values) + self.calibration.offset
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def odds(self, values: Sequence[float]) -> float:
        """The model's log-odds for these `features`, not calibrated."""
        odds = self.model.bias
        for index, weight in self._weights:
            odds += weight * values[index]
        for node in self._trees:
            while type(node) is tuple:
                node = node[2] if values[node[0]] <= node[1] else node[3]
            odds += node  # type: ignore[operator]  # a leaf
        return odds


def load(folder: Path | None, shipped: Path = SHIPPED) -> tuple[Gate, str]:
    """The gate, calibrated by the file in `folder` (None: not calibrated), and a warning or "".

    A file that is damaged is ignored and named in the warning. Without a usable model the
    probability is that of the tokens.
    """
    warning = ""
    try:
        gate = Gate(msgspec.json.decode(shipped.read_bytes(), type=Model))
    except (OSError, msgspec.MsgspecError, ValueError) as e:
        warning = f"the show-gate {shipped} is ignored: {e}"
        gate = Gate(_BARE)
    if folder is not None:
        path = folder / FILE
        try:
            gate.calibration = _calibration(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError, ValueError) as e:
            warning = warning or f"the gate's calibration {path} is ignored: {e}"
    return gate, warning


def _calibration(data: bytes) -> Calibration:
    """Raises MsgspecError, or ValueError for numbers that `learn` cannot have written."""
    found = msgspec.json.decode(data, type=Calibration)
    inside = _SLOPE[0] <= found.slope <= _SLOPE[1] and _OFFSET[0] <= found.offset <= _OFFSET[1]
    if not inside:
        raise ValueError(f"slope {found.slope} or offset {found.offset} is out of bounds")
    return found


# Pieces


class Piece(NamedTuple):
    """A beginning of a suggestion that could be shown for itself."""

    length: int
    token_n: int  # tokens that reach into it
    line_n: int


_BLANK = " \t\n\r"


def pieces(text: str, ends: Sequence[int]) -> Iterator[Piece]:
    """The pieces of `text`, shortest first: to the borders of words in the first line that has
    something in it, then to the ends of whole lines. Trailing blanks belong to no piece.
    """
    length = len(text.rstrip(_BLANK))
    first_end = text.find("\n", len(text) - len(text.lstrip(_BLANK)))
    if first_end < 0 or first_end > length:
        first_end = length
    # The end of the first line may lie behind the last token that is known.
    borders = [*ends, first_end] if not ends or ends[-1] < first_end else ends
    last = 0
    for i, token_end in enumerate(borders):
        at = len(text[: min(token_end, first_end)].rstrip(_BLANK))
        if at > last and _is_border(text, at) and _visible(text[:at]) >= FEWEST:
            last = at
            yield Piece(at, min(i + 1, len(ends)), 1)
        if token_end >= first_end:
            break
    end, line_n, token_n = first_end, 1, 1
    while end < length:
        newline = text.find("\n", end + 1)
        end = length if newline < 0 else min(newline, length)
        line_n += 1
        if text[end - 1] in _BLANK:
            continue
        while token_n < len(ends) and ends[token_n - 1] < end:
            token_n += 1
        yield Piece(end, token_n, line_n)


def _is_border(text: str, at: int) -> bool:
    """Whether a word, or a part of a name such as `get` in `get_user`, ends at `at`."""
    if at == len(text) or not (_is_word(text[at - 1]) and _is_word(text[at])):
        return True
    return bool(_PART_BORDER.match(text, at - 1))


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _visible(text: str) -> int:
    """Characters that are not blank, counted up to `FEWEST`."""
    n = 0
    for char in text:
        n += char not in _BLANK
        if n == FEWEST:
            break
    return n


# Features

FORMAT = 1
FEATURES = (
    # of the piece
    "sum",  # log-probability of its tokens: of all,
    "mean",
    "lowest",  # of the least likely,
    "first",
    "last",
    "tokens",
    "characters",
    "lines",
    "letters",  # share of its characters that stand in words
    "begins_word",
    "begins_blank",
    "part_of_word",  # the word it ends in goes on
    # of the place
    "word_left",  # characters of the word the cursor is behind
    "left",  # characters of the line left of the cursor, indentation aside
    "right",  # and right of it
    "after_blank",
    "after_dot",
    "after_open",  # an opening bracket
    "after_quote",
    "after_mark",  # any other character that is in no word
    "comment",
    "string",
    "block",
    "confirmed",
    "recent",  # of the user
    "since_rejection",
)
_INDEX = {name: i for i, name in enumerate(FEATURES)}
_WORD_LEFT = re.compile(r"\w*\Z")
_WORD = re.compile(r"\w")
_PART_BORDER = re.compile(r"[^\W_]_|_[^\W_]|[a-z0-9][A-Z]")


def place_of(situation: Situation) -> tuple[float, ...]:
    """The part of the features that is the same for every piece of a suggestion."""
    left = situation.left
    stripped = left.strip()
    found = _WORD_LEFT.search(left)
    word_n = len(found[0]) if found else 0
    char = left[-1:]
    values = (
        min(word_n, 12),
        min(len(stripped), 60),
        min(len(situation.right.strip()), 10),
        char in ("", " ", "\t"),
        char == "." or left.endswith(("->", "::")),
        char in ("(", "[", "{"),
        char in ('"', "'", "`"),
        bool(char) and not word_n and char not in " \t.([{\"'`",
        situation.node == "comment",
        situation.node == "string",
        situation.in_block,
        min(situation.confirmed, 20),
        situation.recent,
        min(situation.since_rejection, SINCE_MAX),
    )
    return tuple(map(float, values))


def features(
    place: Sequence[float], text: str, ends: Sequence[int], logprobs: Sequence[float], piece: Piece
) -> tuple[float, ...]:
    """The values of `FEATURES` for one piece."""
    length, token_n, line_n = piece
    own = [max(p, _LOGPROB_MIN) for p in logprobs[:token_n]] or [_LOGPROB_MIN]
    total = sum(own)
    shown = text[:length]
    bare = shown.strip()
    part = length < len(text) and _is_word(text[length]) and _is_word(shown[-1])
    return (
        max(total, 3 * _LOGPROB_MIN),
        total / len(own),
        min(own),
        own[0],
        own[-1],
        float(min(len(own), 30)),
        float(min(length, 80)),
        float(min(line_n, 4)),
        len(_WORD.findall(bare)) / max(1, len(bare)),
        float(_is_word(shown[:1])),
        float(shown[:1] in _BLANK),
        float(part),
        *place,
    )


# A node is (index of the feature, at, low, high), a leaf a number.
_Node = tuple[int, float, "_Node", "_Node"] | float


def _compiled(node: Split | float) -> _Node:
    """Raises ValueError for a feature this version does not know."""
    if not isinstance(node, Split):
        return float(node)
    if node.feature not in _INDEX:
        raise ValueError(f"unknown feature {node.feature!r}")
    return (_INDEX[node.feature], node.at, _compiled(node.low), _compiled(node.high))


_BARE = Model(format=FORMAT, provenance={}, cuts=[], bias=0.0, weights={"sum": 1.0}, trees=[])
