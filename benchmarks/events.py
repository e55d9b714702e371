"""The event log of a typing replay: what `make report` draws the timeline and distributions from.

One JSON object a line, `event` says which:

    run     the run's document (`report.document`): settings, machine, commit, figures
    key     a key: path, language, at_s (since the region's first key), gap_s (to the next one),
            key (the text it put in), took (it accepted what was shown), fits, right, accepted_n,
            and the answer's fields where one came
    probe   a request at a place (`places.py`): kind, path, language, and the answer's fields

Fields of an answer: after_ms, text_after_ms, text, reason, from_memory, generated, in_time,
decided (in time), timings. The texts are those of the data, whose licences are not ours: the log
belongs into `artifacts/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import Probe
from benchmarks.replay import Answer, Request


def write(path: Path, doc: Any, requests: Sequence[Request], probes: Sequence[Probe]) -> None:
    """Write the log of one run, in place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for row in _rows(doc, requests, probes):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All events of a log, in their order; none where there is no such file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _rows(
    doc: Any, requests: Sequence[Request], probes: Sequence[Probe]
) -> Iterator[Mapping[str, Any]]:
    yield {"event": "run", **doc}
    for r in requests:
        yield {"event": "key", **key_row(r)}
    for p in probes:
        yield {
            "event": "probe",
            "kind": p.kind,
            "path": p.path,
            "language": p.language,
            **_answer(p.answer),
        }


def key_row(r: Request) -> dict[str, Any]:
    """What a key's line says."""
    return {
        "path": r.path,
        "language": r.language,
        "at_s": round(r.at_s, 4),
        "gap_s": round(r.gap_s, 4),
        "key": r.key,
        "took": r.took,
        "fits": r.fits,
        "right": r.right,
        "accepted_n": r.accepted_n,
        **_answer(r.answer),
    }


def _answer(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    return {
        "after_ms": round(answer.after_s * 1e3, 2),
        "text_after_ms": None
        if answer.text_after_s is None
        else round(answer.text_after_s * 1e3, 2),
        "text": answer.text,
        "reason": answer.reason,
        "from_memory": answer.from_memory,
        "generated": answer.generated,
        "in_time": answer.in_time,
        "decided": answer.decided_in_time,
        "timings": dict(answer.timings),
    }
