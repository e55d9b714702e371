"""Is it worse than before? A run's figures against the committed baseline.

    python -m benchmarks.guard                       what `python -m benchmarks` left, in CI
    python -m benchmarks.guard run.json              another run
    python -m benchmarks.guard --update a.json b.json c.json     a new baseline: their medians

Compared are shares and times in decode units. A figure is worse when it is off by more than its
margin, which stands in `baseline.json` with the noise it was chosen from: the margin is twice the
range of the runs the baseline was made of, and never less than `least` below. Exit code 1 when any
figure is worse or missing. On another kind of machine than the baseline's, times in decode units
compare as before; a share that depends on 100 ms of clock time is printed and does not fail.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report

BASELINE = Path(__file__).with_name("baseline.json")
_OF_NOISE = 2.0  # margin over the range of the runs: two runs in one range differ by up to one

Document = Mapping[str, Any]  # of one benchmark, as `report.document` makes it


class Figure(NamedTuple):
    """What is guarded. `least`: the smallest margin, in the figure's own unit.

    `portable`: means the same on a slower or faster machine.
    """

    benchmark: str
    name: str
    unit: str  # "share", "units" (decode units), "ratio" (without a unit)
    higher_is_better: bool
    portable: bool
    least: float
    read: Callable[[Mapping[str, Any]], float | None]  # from the document's `result`


def _typing(key: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda result: result["figures"]["all"].get(key)


def _ratio(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda result: result["sets"].get(name, {}).get("ratio")


def _in_units(seconds: float | None, result: Mapping[str, Any]) -> float | None:
    unit_ms = result.get("decode_unit_ms")
    return None if seconds is None or not unit_ms else seconds * 1e3 / unit_ms


def _hits(result: Mapping[str, Any]) -> float | None:
    found: float | None = result["sets"]["RandomSpan"]["hits"].get("anchored+heal")
    return found


FIGURES = (
    Figure("fim", "hits", "share", True, True, 0.03, _hits),
    Figure("typing", "in_time", "share", True, False, 0.02, _typing("in_time")),
    Figure("typing", "decided", "share", True, False, 0.03, _typing("decided_in_time")),
    Figure("typing", "late", "share", False, False, 0.02, _typing("late")),
    Figure("typing", "coverage", "share", True, False, 0.04, _typing("coverage")),
    Figure("typing", "precision", "share", True, False, 0.05, _typing("precision")),
    Figure("typing", "saved", "share", True, False, 0.05, _typing("saved")),
    Figure("typing", "jump_in_time", "share", True, False, 0.15, _typing("jump_in_time")),
    Figure("typing", "quiet_positions", "share", True, True, 0.15, _typing("quiet_positions")),
    Figure("typing", "generated_p50", "units", False, True, 0.3, _typing("generated_p50_units")),
    Figure("typing", "generated_p95", "units", False, True, 0.3, _typing("generated_p95_units")),
    Figure(
        "typing",
        "cpu_per_accepted_character",
        "units",
        False,
        True,
        1.0,
        lambda r: _in_units(_typing("cpu_s_per_accepted_character")(r), r),
    ),
    Figure(
        "startup",
        "suggestion",
        "units",
        False,
        True,
        15.0,
        lambda r: _in_units(r["suggestion_s"], r),
    ),
    Figure("speculation", "rewriting", "ratio", True, True, 0.25, _ratio("rewriting")),
    Figure("speculation", "fresh", "ratio", True, True, 0.1, _ratio("fresh")),
    Figure("startup", "idle_cpu", "share", False, True, 0.005, lambda r: r["idle_cpu"]),
)


class Row(NamedTuple):
    """One figure of a comparison.

    `verdict`: "ok", "worse", "missing"; "new" is not in the baseline; "elsewhere" would be worse,
    and is of another kind of machine than the baseline.
    """

    name: str
    unit: str
    baseline: float | None
    limit: float | None
    now: float | None
    verdict: str


def documents(paths: Sequence[Path]) -> list[Document]:
    """The benchmark documents in files: a run of all, single ones, or one a line."""
    out: list[Document] = []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("{"):
                found = json.loads(line)
                out += [found] if "benchmark" in found else list(found.values())
    return out


def values(figure: Figure, docs: Sequence[Document]) -> list[float]:
    """The figure in each document of its benchmark that has it."""
    read = [figure.read(d["result"]) for d in docs if d["benchmark"] == figure.benchmark]
    return [v for v in read if v is not None]


def compare(baseline: Mapping[str, Any], docs: Sequence[Document]) -> list[Row]:
    """Each figure now (the median, of several runs) against the baseline."""
    rows = []
    elsewhere = _kind(docs) != _kind([baseline])
    for figure in FIGURES:
        name = f"{figure.benchmark}.{figure.name}"
        found = values(figure, docs)
        now = statistics.median(found) if found else None
        kept = baseline["figures"].get(name)
        if kept is None:
            if now is not None:
                rows.append(Row(name, figure.unit, None, None, now, "new"))
            continue
        sign = -1 if figure.higher_is_better else 1
        limit = kept["value"] + sign * kept["margin"]
        verdict = "missing"
        if now is not None:
            verdict = "worse" if sign * (now - limit) > 0 else "ok"
        if verdict == "worse" and elsewhere and not figure.portable:
            verdict = "elsewhere"
        rows.append(Row(name, figure.unit, kept["value"], limit, now, verdict))
    return rows


def baseline_of(docs: Sequence[Document]) -> dict[str, Any]:
    """A baseline: medians of the documents, with margins from their noise. Needs a document."""
    figures: dict[str, Any] = {}
    for figure in FIGURES:
        found = values(figure, docs)
        if found:
            noise = max(found) - min(found)
            figures[f"{figure.benchmark}.{figure.name}"] = {
                "value": _rounded(statistics.median(found)),
                "margin": _rounded(max(figure.least, _OF_NOISE * noise)),
                "unit": figure.unit,
                "noise": _rounded(noise),
                "runs": len(found),
            }
    return {
        "margins": f"{_OF_NOISE:g} times the noise, at least what guard.py says; noise: largest"
        " minus smallest value of the runs",
        "machine": docs[0]["machine"] | {"load": None},
        "runs": [
            {k: d[k] for k in ("benchmark", "date", "commit", "settings")}
            | {"load": d["machine"]["load"]}
            for d in docs
        ],
        "figures": figures,
    }


def notes(baseline: Mapping[str, Any], docs: Sequence[Document]) -> list[str]:
    """What should be known of a comparison: another machine, other settings."""
    out = []
    ours, theirs = _kind(docs), _kind([baseline])
    if ours != theirs:
        out.append(
            f"The baseline is of another machine ({theirs[0]}, {theirs[1]} cores; here {ours[0]},"
            f" {ours[1]} cores). Times in decode units compare all the same: a unit is what a"
            " token takes here. Shares that depend on 100 ms are shown only."
        )
    for doc in docs:
        name = doc["benchmark"]
        known = [run["settings"] for run in baseline["runs"] if run["benchmark"] == name]
        if known and doc["settings"] not in known:
            out.append(f"The baseline of {name} was run with other settings.")
    return out


def _kind(docs: Sequence[Document]) -> tuple[str, int]:
    """The kind of machine."""
    return docs[0]["machine"]["cpu"], docs[0]["machine"]["cores"]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _shown(value: float | None, unit: str) -> str:
    if unit == "share":
        return report.percent(value)
    return report.number(value, 2)


def main(argv: list[str] | None = None) -> Any:
    """Compare and print, or write a new baseline; returns the JSON document."""
    parser = argparse.ArgumentParser(prog="benchmarks.guard", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="default: artifacts/bench.json")
    parser.add_argument("--update", action="store_true", help="write a new baseline")
    args = parser.parse_args(argv)
    paths = args.files or [report.ARTIFACTS / "bench.json"]
    try:
        docs = documents(paths)
    except OSError as e:
        sys.exit(f"there is no run to compare: {e}")
    if not docs:
        sys.exit("there is no benchmark document in the files named")
    if args.update:
        made = baseline_of(docs)
        BASELINE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(f"{BASELINE.name}: {len(made['figures'])} figures of {len(docs)} documents")
        return made
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    rows = compare(baseline, docs)
    report.table(
        f"Against {BASELINE.name}",
        ["figure", "unit", "baseline", "may be", "is", ""],
        [
            [
                r.name,
                r.unit,
                _shown(r.baseline, r.unit),
                _shown(r.limit, r.unit),
                _shown(r.now, r.unit),
                r.verdict,
            ]
            for r in rows
        ],
    )
    for note in notes(baseline, docs):
        print(note)
    bad = [r.name for r in rows if r.verdict in ("worse", "missing")]
    print(f"worse or missing: {', '.join(bad)}" if bad else "nothing is worse than the baseline")
    return {"ok": not bad, "figures": [r._asdict() for r in rows]}


if __name__ == "__main__":
    found = main()
    print(json.dumps(found, ensure_ascii=False))
    sys.exit(0 if found.get("ok", True) else 1)
