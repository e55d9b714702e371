"""Reads along while the model writes, and acts on names that do not exist.

The first one in what would be shown sends the choice of the token back, once: the generation is
broken off and goes on from where the name begins, with the names that exist there to choose from.
Where there are none, none is likely, or the new text has an unknown name too, the suggestion ends
before the line that holds it. If that is the cursor's own line, the beginning of it is left to the
gate, which may show words in front of the name.
"""

from __future__ import annotations

import enum
import logging
import math
import re
from dataclasses import dataclass

from slmcode.engine.job import Chunk, Job, Priority
from slmcode.features.anchors import Anchor
from slmcode.features.grounding import Checker, Remembered, Unknown
from slmcode.features.project import Folder
from slmcode.features.resources import Resources
from slmcode.features.suggestions import Suggestion
from slmcode.prompt.fim import utf8
from slmcode.text import Snapshot

log = logging.getLogger(__name__)

_LEAST_LOGPROB = math.log(0.01)  # of a known name in place of an unknown one
_EXPRESSION = re.compile(r"[\w.]*\Z")
_WORD = re.compile(r"\w*")


class Found(enum.Enum):
    """What a look at a suggestion led to."""

    NOTHING = "nothing"
    SENT_BACK = "sent back"  # the text was cut: `Proof.job` writes it anew from there
    ENDED = "ended"  # the text was cut, and that is the end of it


@dataclass(eq=False)
class Proof:
    """One suggestion being read. `start` and `cursor` are offsets in `snapshot`."""

    checker: Checker
    anchor: Anchor
    snapshot: Snapshot
    start: int  # of the suggestion
    cursor: int
    at: int  # the cursor in the suggestion's text
    may_send_back: bool
    name: str = ""  # that was sent back
    name_start: int = 0  # in the suggestion's text; negative where it begins in what was typed
    choices: tuple[str, ...] = ()
    logprob: float | None = None  # of the name chosen instead, while it is being written
    kept: str = ""  # the suggestion's text when it was sent back

    def read(self, suggestion: Suggestion, *, final: bool) -> Found:
        """Look at the text as far as it is written. `final`: nothing comes behind it.

        Afterwards the suggestion holds back what may still turn out unknown.
        """
        text = suggestion.text[self.at :]
        try:
            unknown = self.checker.first_unknown(self.cursor, text, final=final)
        except Exception as e:  # a fault here must not cost the suggestion
            log.error("looking for unknown names failed: %s", type(e).__name__)
            unknown = None
        if unknown is None:
            suggestion.held_back = 0
            return Found.NOTHING
        if not unknown.settled:
            suggestion.held_back = len(text) - max(0, unknown.start)
            return Found.NOTHING
        end, _ = suggestion.visible(self.at)
        if self.may_send_back and unknown.choices and self.at + unknown.start <= end:
            self._send_back(suggestion, unknown)
            return Found.SENT_BACK
        self._end(suggestion, unknown.name, self.at + unknown.start)
        return Found.ENDED

    def likely(self, suggestion: Suggestion, chunk: Chunk) -> bool:
        """Whether the name chosen in place of an unknown one is likely enough; cuts if it is not.

        To be asked for each chunk behind a text that was sent back.
        """
        if self.logprob is None:
            return True
        written = suggestion.text[max(0, self.name_start) :]
        if len(suggestion.text) > len(self.kept):
            self.logprob += sum(chunk.logprobs)
        if self.logprob < _LEAST_LOGPROB:
            self._end(suggestion, self.name, self.name_start)
            return False
        if _WORD.sub("", written, 1):  # something stands behind the name
            self.logprob = None
        return True

    def job(self, resources: Resources) -> tuple[Job, int]:
        """What to generate after a text was sent back, and how many bytes of it stand already."""
        anchors, config = resources.anchors, resources.config
        assert anchors is not None
        prompt = anchors.prompt_behind(self.anchor, self.snapshot, self._cut_at, self.kept)
        job = Job(
            sequence=self.anchor.sequence,
            tokens=prompt.tokens,
            priority=Priority.COMPLETION,
            heal=prompt.heal,
            choices=tuple(utf8(choice) for choice in self.choices),
            max_tokens=config.max_tokens,
            stop_lines=config.max_lines + 1,
        )
        typed = self.snapshot.text[self._cut_at : self.start]
        return job, len(prompt.heal) + len(utf8(typed))

    @property
    def _cut_at(self) -> int:
        """Where in the snapshot the prompt goes over into generated text."""
        return self.start + min(0, self.name_start)

    def _send_back(self, suggestion: Suggestion, unknown: Unknown) -> None:
        self.may_send_back = False
        self.name, self.name_start = unknown.name, self.at + unknown.start
        self.choices = unknown.choices
        self.logprob = 0.0
        suggestion.stream.cancel()
        suggestion.cut(max(0, self.name_start))
        self.kept = suggestion.text

    def _end(self, suggestion: Suggestion, name: str, name_start: int) -> None:
        """End the text before the line that holds the name, or before the name."""
        suggestion.stream.cancel()
        line_start = suggestion.text.rfind("\n", self.at, max(self.at, name_start)) + 1
        in_block = suggestion.block is not None and suggestion.block_end is None
        if line_start and (not in_block or suggestion.text[self.at : line_start].strip()):
            suggestion.cut(line_start)
            if in_block:
                suggestion.block_end = len(suggestion.text.rstrip())
        else:
            kept = _EXPRESSION.sub("", suggestion.text[: max(self.at, name_start)])
            suggestion.cut(max(self.at, len(kept)))
        suggestion.unknown = name
        suggestion.end()


class Proofreader:
    """Makes proofs for the documents of a workspace. Keeps what it learned of the index."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._remembered: tuple[Folder, int, Remembered] | None = None
        self._checker: tuple[Snapshot, Remembered, Checker] | None = None

    def begin(
        self,
        suggestion: Suggestion,
        anchor: Anchor,
        snapshot: Snapshot,
        cursor: int,
        at: int,
        *,
        may_send_back: bool,
    ) -> Proof | None:
        """For what is generated at `cursor`, `at` in the suggestion; None without an index."""
        if suggestion.node in ("string", "comment") or self._resources.project is None:
            return None
        found = self._resources.project.find(snapshot.uri)
        if found is None or found[0].index.progress.running:
            return None
        checker = self._checker_for(*found, snapshot)
        return Proof(checker, anchor, snapshot, suggestion.start, cursor, at, may_send_back)

    def _checker_for(self, folder: Folder, path: str, snapshot: Snapshot) -> Checker:
        generation = folder.index.generation
        if self._remembered is None or self._remembered[:2] != (folder, generation):
            self._remembered = folder, generation, Remembered(folder.reader)
        reader = self._remembered[2]
        if self._checker is None or self._checker[:2] != (snapshot, reader):
            self._checker = snapshot, reader, Checker(reader, path, snapshot)
        return self._checker[2]
