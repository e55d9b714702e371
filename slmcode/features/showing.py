"""How much of a suggestion is shown: the gate, asked with what is known of the place."""

from __future__ import annotations

from slmcode.features import postprocess
from slmcode.features.feedback import Feedback
from slmcode.features.gate import Gate, Situation, Verdict
from slmcode.features.suggestions import Suggestion
from slmcode.text import Snapshot

_LIKELY = 0.35  # probability of the visible text at which it is worth going on behind it
_LIKELY_END = -0.7  # log-probability of the line end, where the line is finished


class Showing:
    """The gate of one user, and what became of what it let through."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.feedback = Feedback(gate)

    def verdict(
        self, snapshot: Snapshot, offset: int, suggestion: Suggestion, at: int, threshold: float
    ) -> tuple[str, Verdict]:
        """The whole words visible from `at` on, and how much of them to show."""
        text, ends, logprobs, settled = _visible(suggestion, at)
        situation = self._situation(snapshot, offset, suggestion, at)
        return text, self.gate.judge(
            situation, text, ends, logprobs, final=settled, threshold=threshold
        )

    def is_likely(self, snapshot: Snapshot, offset: int, suggestion: Suggestion) -> bool:
        """Whether what is visible at the cursor is likely enough to go on behind it."""
        typed = suggestion.typed(snapshot, offset)
        if typed is None:
            return False
        at = len(typed)
        end, _ = suggestion.visible(at)
        if not suggestion.text[at:end].strip():  # the line is finished, says the model
            line_ends = [t.logprob for t in suggestion.tokens if t.end > end]
            return bool(line_ends) and line_ends[0] >= _LIKELY_END
        text, ends, logprobs, _ = _visible(suggestion, at)
        situation = self._situation(snapshot, offset, suggestion, at)
        return self.gate.is_likely(situation, text, ends, logprobs, least=_LIKELY)

    def _situation(
        self, snapshot: Snapshot, offset: int, suggestion: Suggestion, at: int
    ) -> Situation:
        return Situation(
            language_id=snapshot.language_id,
            left=snapshot.text[snapshot.line_start(offset) : offset],
            right=snapshot.text[offset : snapshot.line_end(offset)],
            node=suggestion.node,
            in_block=suggestion.block is not None,
            recent=self.feedback.recent,
            since_rejection=self.feedback.since_rejection,
            confirmed=max(0, at - suggestion.asked_at),
        )


def _visible(suggestion: Suggestion, at: int) -> tuple[str, list[int], list[float], bool]:
    """Whole words visible from `at` on, ends and log-probabilities of their tokens, settled?"""
    end, settled = suggestion.visible(at)
    text = postprocess.last_piece(suggestion.text[at:end], settled)
    ends, logprobs = [], []
    for token in suggestion.tokens:
        if token.end > at:
            ends.append(token.end - at)
            logprobs.append(token.logprob)
        if token.end >= at + len(text):
            break
    return text, ends, logprobs, settled
