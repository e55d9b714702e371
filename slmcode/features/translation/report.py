"""What a translation is worth, for people and for programs: a page and the same as data.

A page is one file that loads nothing: it can be mailed, and opened where there is no network.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import msgspec

from slmcode.features.translation.shape import Difference, Translated, Unit, Verdict

if TYPE_CHECKING:
    from slmcode.features.translation.batch import Done

_ORDER = (Verdict.DIFFERS, Verdict.REFUSED, Verdict.NOT_PROVED, Verdict.PROVED)  # worst first
_SHOWN = 4_000  # characters of an input or an output


def as_json(result: Translated, source_text: str, path: str) -> bytes:
    """The report as JSON; lines count from 1 and 0 is none, as in editors and compilers."""
    units = [
        {
            "name": unit.name,
            "kind": unit.kind,
            "verdict": unit.verdict.value,
            "reason": unit.reason,
            "form": unit.form,
            "why": unit.why,
            "tries": unit.tries,
            "confidence": unit.confidence,
            "rules": list(unit.rules),
            "calls": list(unit.calls),
            "source_lines": _from_1(unit.source_lines),
            "lines": _from_1(unit.lines),
        }
        for unit in result.units
    ]
    found = {
        "source": path,
        "source_language": result.source_language,
        "language": result.language_id,
        "file": f"{result.stem}{result.extension}" if result.text else None,
        "verdict": result.verdict.value,
        "reason": result.reason,
        "is_complete": result.is_complete,
        "inputs_tried": result.inputs_tried,
        "coverage": result.coverage,
        "toolchain": result.toolchain,
        "model": result.model,
        "seconds": round(result.seconds, 3),
        "source_line_count": len(_lines(source_text)),
        "line_count": len(_lines(result.text)),
        "look_first": [
            {"what": look.what, "line": look.line + 1, "source_line": look.source_line + 1}
            for look in result.look_first
        ],
        "difference": result.difference and _difference(result.difference),
        "refusals": [
            {"line": refusal.line + 1, "construct": refusal.construct}
            for refusal in result.refusals
        ],
        "called": list(result.called),
        "needs_runtime": result.needs_runtime,
        "units": units,
        "line_map": [line + 1 for line in result.line_map],
    }
    return json.dumps(found, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _lines(text: str) -> list[str]:
    """Its lines as editors count them: a form feed ends none."""
    return text.removesuffix("\n").split("\n") if text else []


def _from_1(lines: tuple[int, int]) -> list[int]:
    """First and last line, both included, of lines that count from 0 with an exclusive end."""
    return [lines[0] + 1, max(lines[1], lines[0] + 1)]


def _difference(found: Difference) -> dict[str, object]:
    return {
        "what": found.what,
        "unit": found.unit,
        "stdin": _readable(found.stdin),
        "files": {name: _readable(data) for name, data in found.files.items()},
        "expected": found.expected,
        "actual": found.actual,
    }


def _readable(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


# A program's page


def page(result: Translated, source_text: str, path: str) -> str:
    """Source and target side by side, and before them what there is to know."""
    name = result.name or Path(path).name
    head = [
        f"<header><h1>{_text(name)} → {_text(result.language_id)} {_badge(result.verdict)}</h1>",
        f"<p>{_text(result.reason)}</p>" if result.reason else "",
        "" if result.is_complete else "<p><strong>It was stopped before its end.</strong></p>",
        f'<p class="facts">{" · ".join(_facts(result, source_text))}</p></header>',
    ]
    body = [*head, _look_first(result), _shown_difference(result), _units(result)]
    body.append(_sides(result, source_text, name))
    return _filled(f"{name} → {result.language_id}", "\n".join(filter(None, body)), result.line_map)


def _filled(title: str, body: str, line_map: Sequence[int] = ()) -> str:
    template = resources.files(__package__).joinpath("report.html").read_text("utf-8")
    plain = msgspec.json.encode(line_map).decode()
    return Template(template).substitute(title=_text(title), body=body, map=plain)


def _text(value: object) -> str:
    return html.escape(str(value).encode("utf-8", "replace").decode())


def _badge(verdict: Verdict) -> str:
    return f'<span class="verdict {_class(verdict)}">{verdict.value}</span>'


def _class(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "-")


def _facts(result: Translated, source_text: str) -> list[str]:
    facts = [
        f"{len(_lines(source_text)):,} lines of source,"
        f" {len(_lines(result.text)):,} of the translation",
        f"{result.inputs_tried:,} inputs tried" if result.inputs_tried else "no input tried",
    ]
    if result.coverage is not None:
        facts.append(f"{result.coverage:.0%} of the original’s branches reached")
    if result.units:
        n = sum(unit.form == "idiomatic" for unit in result.units)
        rest = ", the others faithful" if n < len(result.units) else ""
        facts.append(f"{n} of {len(result.units)} units idiomatic{rest}")
    if result.toolchain:
        facts.append(f"original built by {_text(result.toolchain)}")
    if result.model:
        facts.append(f"polished by {_text(result.model)}")
    return [*facts, f"{result.seconds:.1f} s"]


def _look_first(result: Translated) -> str:
    rows = [(look.what, look.source_line, look.line) for look in result.look_first]
    seen = {line for _, line, _ in rows}
    rows += [
        (f"not translated: {refusal.construct}", refusal.line, -1)
        for refusal in result.refusals
        if refusal.line not in seen
    ]
    if not rows:
        return ""
    items = []
    for what, source_line, line in rows:
        places = [_link("s", source_line, "source line"), _link("t", line, "translation line")]
        at = ", ".join(filter(None, places))
        items.append(f"<li>{_text(what)}{f' ({at})' if at else ''}</li>")
    return f"<section><h2>Look at first</h2><ol>{''.join(items)}</ol></section>"


def _link(side: str, line: int, what: str) -> str:
    return "" if line < 0 else f'<a href="#{side}{line + 1}">{what} {line + 1}</a>'


def _shown_difference(result: Translated) -> str:
    found = result.difference
    if found is None:
        return ""
    at = f", first suspected: <code>{_text(found.unit)}</code>" if found.unit else ""
    files = "".join(
        f"<p>File <code>{_text(name)}</code></p><pre>{_text(_cut(_readable(data)))}</pre>"
        for name, data in found.files.items()
    )
    stdin = _text(_cut(_readable(found.stdin))) or "(empty)"
    return (
        f"<section><h2>The smallest input on which they differ: {_text(found.what)}{at}</h2>"
        f"<pre>{stdin}</pre>{files}"
        f'<div class="two"><div><p>The original</p><pre>{_text(_cut(found.expected))}</pre></div>'
        f"<div><p>The translation</p><pre>{_text(_cut(found.actual))}</pre></div></div></section>"
    )


def _cut(text: str) -> str:
    rest = len(text) - _SHOWN
    return text if rest <= 0 else f"{text[:_SHOWN]}\n… and {rest:,} characters more"


def _units(result: Translated) -> str:
    if not result.units:
        return ""
    rows = []
    for unit in sorted(result.units, key=lambda unit: _ORDER.index(unit.verdict)):
        sure = "" if unit.confidence is None else f"{unit.confidence:.2f}"
        reason = "" if unit.reason == result.reason else unit.reason
        why = "; ".join(filter(None, [unit.why, ", ".join(unit.rules)]))
        rows.append(
            f'<tr><td><a href="#s{unit.source_lines[0] + 1}"><code>{_text(unit.name)}</code></a>'
            f"</td><td>{_badge(unit.verdict)}</td><td>{_text(reason)}</td>"
            f"<td>{_text(unit.form)}</td><td>{_text(why)}</td>"
            f'<td class="n">{unit.tries or ""}</td><td class="n">{sure}</td></tr>'
        )
    return (
        "<section><h2>Units</h2><table><tr><th>unit</th><th>verdict</th><th>reason</th>"
        '<th>form</th><th>what was done</th><th class="n">tries</th><th class="n">confidence</th>'
        f"</tr>{''.join(rows)}</table></section>"
    )


def _sides(result: Translated, source_text: str, name: str) -> str:
    source, target = _lines(source_text), _lines(result.text)
    linked = {line for line in result.line_map if line >= 0}
    refused = {refusal.line for refusal in result.refusals}
    of_source = _verdicts(len(source), ((unit.source_lines, unit) for unit in result.units))
    of_target = _verdicts(len(target), ((unit.lines, unit) for unit in result.units))
    for line in refused:
        if 0 <= line < len(source):
            of_source[line] = "u-refused"
    left = "".join(
        _line("s", at, text, of_source[at], is_linked=at in linked)
        for at, text in enumerate(source)
    )
    right = "".join(
        _line("t", at, text, of_target[at], is_linked=_at(result.line_map, at) >= 0)
        for at, text in enumerate(target)
    )
    file = f"{result.stem}{result.extension}" if target else "no translation"
    right = f'<div class="code">{right}</div>'
    if not target:
        right = '<p class="empty">Nothing was written: see above.</p>'
    return (
        f'<div class="sides"><div class="side" id="s"><h2>{_text(name)}</h2>'
        f'<div class="code">{left}</div></div>'
        f'<div class="side" id="t"><h2>{_text(file)}</h2>'
        f"{right}</div></div>"
    )


def _verdicts(n_lines: int, spans: Iterable[tuple[tuple[int, int], Unit]]) -> list[str]:
    """The class of each line; inner units come over outer ones."""
    found = [""] * n_lines
    for (first, end), unit in sorted(spans, key=lambda each: each[0][0] - each[0][1]):
        for line in range(max(0, first), min(end, n_lines)):
            found[line] = f"u-{_class(unit.verdict)}"
    return found


def _at(line_map: Sequence[int], line: int) -> int:
    return line_map[line] if line < len(line_map) else -1


def _line(side: str, at: int, text: str, unit: str, *, is_linked: bool) -> str:
    names = " ".join(filter(None, [unit, "linked" if is_linked else ""]))
    kind = f' class="{names}"' if names else ""
    return f'<div id="{side}{at + 1}" data-n="{at + 1}"{kind}>{_text(text)}</div>'


# A job's page


def summary(done: Sequence[Done], n_programs: int) -> str:
    """All programs of a job, those to look at first at the top."""
    counts = [
        f"{n:,} {_badge(verdict)}"
        for verdict in _ORDER[::-1]
        if (n := sum(each.verdict is verdict for each in done))
    ]
    n_lines = sum(each.n_lines for each in done)
    n_units = sum(each.n_units for each in done)
    n_idiomatic = sum(each.n_idiomatic for each in done)
    rest = n_programs - len(done)
    rows = []
    for each in sorted(done, key=lambda each: (_ORDER.index(each.verdict), each.source)):
        page = f"{each.stem}.report.html"
        covered = "" if each.coverage is None else f"{each.coverage:.0%}"
        stopped = "" if each.is_complete else " (stopped)"
        rows.append(
            f'<tr><td><a href="{_text(page)}" title="{_text(each.source)}">'
            f"<code>{_text(Path(each.source).name)}</code></a></td>"
            f"<td>{_badge(each.verdict)}{stopped}</td><td>{_text(each.reason)}</td>"
            f'<td class="n">{each.inputs_tried or ""}</td><td class="n">{covered}</td>'
            f'<td class="n">{each.n_idiomatic} / {each.n_units}</td>'
            f'<td class="n">{each.n_lines:,}</td><td class="n">{each.seconds:.1f}</td></tr>'
        )
    title = f"{len(done):,} of {n_programs:,} programs done"
    body = (
        f"<header><h1>{title}</h1><p>{' · '.join(counts)}</p>"
        f'<p class="facts">{n_lines:,} lines of source · {n_idiomatic:,} of {n_units:,} units'
        f" idiomatic{f' · {rest:,} not reached yet' if rest else ''}</p></header>"
        "<section><table><tr><th>program</th><th>verdict</th><th>reason</th>"
        '<th class="n">inputs</th><th class="n">branches</th><th class="n">idiomatic</th>'
        f'<th class="n">lines</th><th class="n">s</th></tr>{"".join(rows)}</table></section>'
    )
    return _filled(title, body)
