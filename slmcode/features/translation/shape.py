"""What a translation is: the shape that editors and reports show, and who can make one.

A session without a `Translator` does not offer to translate. Imports little: a starting server
imports it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from slmcode.text import Snapshot, TextRange

if TYPE_CHECKING:
    from slmcode.features.translation.pipeline import Input, Progress


class Verdict(enum.StrEnum):
    """What is known of a unit, or of the whole: the worst of its units."""

    PROVED = "proved"  # behaves alike on every input tried
    DIFFERS = "differs"  # an input was found on which it does not
    NOT_PROVED = "not proved"  # nothing was compared: the reason says why
    REFUSED = "refused"  # holds a construct that cannot be translated


FAITHFUL, IDIOMATIC = "faithful", "idiomatic"


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A part translated as a whole. Lines are counted from 0, the end is exclusive."""

    name: str
    source_lines: tuple[int, int]
    lines: tuple[int, int]  # of the translation
    verdict: Verdict
    reason: str  # one sentence: inputs tried, the difference, or what is missing
    form: str  # "faithful" or "idiomatic"
    kind: str = ""  # "program", "section", "paragraph", "function", "class", …
    calls: tuple[str, ...] = ()  # names of units
    rules: tuple[str, ...] = ()  # what the exact rules changed, a few words each
    tries: int = 0  # of the model
    confidence: float | None = None  # of the model's kept answer, 0 to 1
    why: str = ""  # why it stayed faithful, or what the model changed: half a sentence


class Look(msgspec.Struct, frozen=True):
    """A place a human must look at. Lines count from 0; -1: there is none."""

    what: str
    line: int = -1  # of the translation
    source_line: int = -1


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest input found on which the two differ; the outputs may be cut."""

    stdin: bytes
    files: dict[str, bytes] = {}
    expected: str  # what the original did: output, exit code
    actual: str
    what: str  # "stdout", "exit code", "file OUT.DAT", …
    unit: str = ""  # the suspected one


class Refusal(msgspec.Struct, frozen=True):
    """A construct that cannot be translated. `line` counts from 0."""

    line: int
    construct: str


class Translated(msgspec.Struct, frozen=True, kw_only=True):
    """A translation, or as much of it as there is.

    `text` is "" where the source was refused. `line_map` has, for every line of `text`, the line of
    the source it came from, both from 0, -1 for none.
    """

    language_id: str
    text: str
    verdict: Verdict
    reason: str
    units: tuple[Unit, ...] = ()
    name: str = ""  # of the source file
    source_language: str = ""
    stem: str = ""  # of the file to write
    extension: str = ""  # with its dot
    faithful: str = ""  # the text before it was polished; "" where there is none
    line_map: tuple[int, ...] = ()
    inputs_tried: int = 0
    coverage: float | None = None  # branches of the original reached, 0 to 1; None: not measured
    look_first: tuple[Look, ...] = ()  # most urgent first
    difference: Difference | None = None
    refusals: tuple[Refusal, ...] = ()
    called: tuple[str, ...] = ()  # programs of other files
    needs_runtime: bool = False  # imports slmcode_runtime
    toolchain: str = ""  # "GnuCOBOL 3.1.2": what built the original
    model: str = ""  # what wrote or polished units, "" for none
    seconds: float = 0.0
    is_complete: bool = True  # False for a part, and where it was cancelled


class Translator(Protocol):
    """Translates. Cancelling the task ends it."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The target languages."""
        ...

    async def translate(
        self,
        snapshot: Snapshot,
        text_range: TextRange | None,
        target_language: str,
        on_part: Callable[[Translated], None],
        *,
        inputs: tuple[Input, ...] = (),
        form: str = IDIOMATIC,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Translated:
        """Translate a document, or the units that a range of it touches."""
        ...
