"""From what the pipeline knows to what is shown: units with their verdicts, what to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from slmcode.features.translation.faithful import Faithful, Part, RefusedSource
from slmcode.features.translation.places import Place, moved, places
from slmcode.features.translation.polish import Change, Polish
from slmcode.features.translation.proving import Judged
from slmcode.features.translation.shape import (
    FAITHFUL,
    IDIOMATIC,
    Look,
    Refusal,
    Translated,
    Unit,
    Verdict,
)
from slmcode.text import TextRange, line_starts

EXTENSIONS = {
    "go": ".go",
    "java": ".java",
    "python": ".py",
    "rust": ".rs",
    "typescript": ".ts",
}
_UNSURE = 0.5  # confidence of the model below which a human should look
_FEW = 0.8  # share of branches below which the proof says little


class Report:
    """One translation by rules: what was made, and what is known of it so far."""

    def __init__(self, made: Faithful, name: str, source_language: str, source: str) -> None:
        self.made = made
        self.text = made.text
        self.judged = Judged(verdict=Verdict.NOT_PROVED, reason="nothing was compared yet")
        self.changes: Mapping[str, Change] = {}
        self.chosen = {part.name for part in made.parts}
        self.model = ""
        self.note = ""  # on all units that stayed faithful
        self._name = name
        self._source_language = source_language
        self._source = source
        self._line_map = made.line_map

    def choose(self, text_range: TextRange | None) -> None:
        """Only the units that the range touches are polished and listed; all where it has none."""
        if text_range is None:
            return
        starts = line_starts(self._source)
        first = sum(start <= text_range.start for start in starts) - 1
        last = sum(start < max(text_range.end, text_range.start + 1) for start in starts) - 1
        touched = {
            p.name
            for p in self.made.parts
            if p.source_lines[0] <= last and first < p.source_lines[1] and p.kind != "program"
        }
        self.chosen = touched or self.chosen

    def take(self, polish: Polish) -> None:
        """The text as far as it was polished."""
        self.text, self.changes = polish.text, polish.changes
        self._line_map = moved(self.made.line_map, self.made.text, polish.text)

    def back(self, text: str, why: str) -> None:
        """An earlier text again, for this reason: the rules' one, or the faithful one."""
        keeps_rules = text != self.made.text
        self.text = text
        self._line_map = moved(self.made.line_map, self.made.text, text)
        self.note = why
        self.changes = {
            key: Change(change.rules if keeps_rules else [], tries=change.tries, why=why)
            for key, change in self.changes.items()
        }

    def result(self, seconds: float, *, is_complete: bool) -> Translated:
        made, judged = self.made, self.judged
        try:
            found = places(self.text)
        except SyntaxError:
            found = {}
        units = tuple(self._unit(part, found) for part in made.parts if part.name in self.chosen)
        return Translated(
            language_id="python",
            text=self.text,
            verdict=judged.verdict,
            reason=judged.reason,
            units=units,
            name=self._name,
            source_language=self._source_language,
            stem=made.stem,
            extension=".py",
            faithful=made.text,
            line_map=self._line_map,
            inputs_tried=judged.inputs_tried,
            coverage=judged.coverage,
            look_first=tuple(self._look(units)),
            difference=judged.difference,
            called=made.called,
            needs_runtime=made.needs_runtime,
            toolchain=judged.toolchain,
            model=self.model if any(c.by_model for c in self.changes.values()) else "",
            seconds=seconds,
            is_complete=is_complete,
        )

    def _unit(self, part: Part, found: Mapping[str, Place]) -> Unit:
        change = self.changes.get(part.key, Change()) if part.key else Change()
        place = found.get(part.key)
        verdict, reason = self._verdict(part)
        return Unit(
            name=part.name,
            kind=part.kind,
            source_lines=part.source_lines,
            lines=(place.start, place.end) if place is not None else self._lines(part),
            verdict=verdict,
            reason=reason,
            form=IDIOMATIC if self._is_idiomatic(part) else FAITHFUL,
            calls=part.calls,
            rules=tuple(rule.what for rule in change.rules),
            tries=change.tries,
            confidence=change.confidence,
            why="" if change.by_model else change.why or self.note,
        )

    def _is_idiomatic(self, part: Part) -> bool:
        """Of a program: whether all its units are."""
        if part.kind != "program":
            return part.key in self.changes and self.changes[part.key].is_idiomatic
        keys = [p.key for p in self.made.parts if p.kind != "program"]
        found = [self.changes.get(key, Change()).is_idiomatic for key in keys]
        return bool(found) and all(found)

    def _lines(self, part: Part) -> tuple[int, int]:
        """Of a unit that is no function: all lines that came from its lines."""
        low, high = part.source_lines
        lines = [n for n, source in enumerate(self._line_map) if low <= source < high]
        return (min(lines), max(lines) + 1) if lines else (0, 0)

    def _verdict(self, part: Part) -> tuple[Verdict, str]:
        judged = self.judged
        if judged.verdict is not Verdict.DIFFERS or judged.difference is None:
            return judged.verdict, judged.reason
        suspect = judged.difference.unit
        if part.name == suspect or (not suspect and part.kind == "program"):
            return Verdict.DIFFERS, judged.reason
        where = f"in {suspect}" if suspect else "and it is not known where"
        return Verdict.NOT_PROVED, f"the program differs, {where}"

    def _look(self, units: tuple[Unit, ...]) -> list[Look]:
        """Most urgent first."""
        judged, out = self.judged, []
        if judged.difference is not None:
            suspects = [u for u in units if u.verdict is Verdict.DIFFERS]
            line = judged.line if judged.line >= 0 else next((u.lines[0] for u in suspects), -1)
            source = next((u.source_lines[0] for u in suspects), -1)
            out.append(Look(f"it differs: {judged.difference.what}", line, source))
        elif judged.verdict is Verdict.NOT_PROVED:
            out.append(Look(f"it was not proved: {judged.reason}"))
        out += [Look(f"{name} is called and was not found") for name in self.made.missing]
        out += self.made.look
        if judged.is_proved and judged.coverage is not None and judged.coverage < _FEW:
            share = f"{judged.coverage:.0%}"
            out.append(Look(f"the inputs reach {share} of the branches; the rest was not tried"))
        for unit in units:
            if unit.confidence is not None and unit.confidence < _UNSURE:
                what = f"the model was not sure of {unit.name}"
                out.append(Look(what, unit.lines[0], unit.source_lines[0]))
        return out


def refused(name: str, target_language: str, why: RefusedSource) -> Translated:
    """What is shown of a source that cannot be translated."""
    refusals: tuple[Refusal, ...] = why.refusals
    return Translated(
        language_id=target_language,
        text="",
        verdict=Verdict.REFUSED,
        reason=str(why),
        name=name,
        stem=PurePath(name).stem,
        extension=EXTENSIONS[target_language],
        refusals=refusals,
        look_first=tuple(Look(f"not supported: {r.construct}", -1, r.line) for r in refusals),
    )


def path_of(uri: str) -> str:
    """The path of a file's URI, "" for any other."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else ""
