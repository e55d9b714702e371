"""`make report`: what was measured, as one page that works offline.

    python -m benchmarks.html [--out artifacts/report.html]

Read are the records (`results.jsonl`), the last run (`artifacts/bench.json`), the event logs of the
last typing replays (`artifacts/typing*.jsonl`) and the record of `slmcode models tune`. What is
absent is named on the page. The page holds text that was typed, so it is not for the repository.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from benchmarks import bars, events, report, timeline
from benchmarks.bars import Data, Event
from benchmarks.guard import documents
from benchmarks.replay import UNDECIDED
from benchmarks.svg import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VIOLET,
    Mark,
    Series,
    counts,
    curves,
    distribution,
    history,
    legend,
    steps,
    svg,
)
from slmcode import config as settings
from slmcode.models import catalog, tuned

Form = Callable[[float | None], str]


def collect(folder: Path) -> Data:
    """Read everything; what is not there is empty."""
    logs = [events.read(folder / name) for name in ("typing.jsonl", "typing-beside.jsonl")]
    found = [p for p in (report.RESULTS, folder / "bench.json") if p.exists()]
    docs = [*documents(found), *(log[0] for log in logs if log)]
    unique = {(d["benchmark"], d["date"]): d for d in docs}
    config, _ = settings.load()
    try:
        kept = tuned.find(settings.models_folder(config), catalog.find("fast"))
    except catalog.ModelError as e:
        print(f"the tune evidence is left out: {e}", file=sys.stderr)
        kept = None
    warm, load = logs
    in_order = sorted(unique.values(), key=lambda d: d["date"])
    return Data(in_order, warm, load, kept.record if kept else None)


# Pieces of the page


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, raw: bool = False) -> str:
    """A table; cells are escaped unless they are `raw` HTML."""
    safe = (lambda s: s) if raw else escape
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{safe(c)}</td>" for c in r) + "</tr>" for r in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def absent(sentence: str) -> str:
    """What stands where there is nothing to show."""
    return f'<p class="absent">{escape(sentence)}</p>'


def bars_section(data: Data) -> str:
    """Key figures against the bars, in colours."""
    rows = []
    for bar in bars.bars(data):
        state = {None: "none", True: "met", False: "missed"}[bar.met]
        word = {None: "not measured", True: "met", False: "not met"}[bar.met]
        value = "–" if bar.value is None else bar.kind.write(bar.value)
        rows.append(
            [
                escape(bar.what),
                escape(f"{'≥' if bar.at_least else '≤'} {bar.kind.write(bar.limit)}"),
                f"<b>{escape(value)}</b>",
                f'<span class="state {state}">{word}</span>',
                f'<span class="source">{escape(bar.source)}</span>',
            ]
        )
    return (
        table(["figure", "bar", "measured", "", "from"], rows, raw=True)
        + "<p>Type-through (≤ 2 ms), gate (≤ 1 ms) and prompt build (≤ 4 ms) are held to their"
        " bars by tests/benchmarks/test_hot_functions.py in every test run.</p>"
    )


def _keys(log: Sequence[Event]) -> list[Event]:
    return [e for e in log if e["event"] == "key"]


def _probes(log: Sequence[Event], *kinds: str) -> list[Event]:
    return [e for e in log if e["event"] == "probe" and e["kind"] in kinds]


def _unit(log: Sequence[Event]) -> float | None:
    found: float | None = log[0]["result"]["decode_unit_ms"] if log else None
    return found


def _settled_ms(event: Event) -> float | None:
    """Until there was text, or a verdict that there is none; None where neither came."""
    if event.get("text"):
        found: float = event["text_after_ms"] or event["after_ms"]
        return found
    return event["after_ms"] if event.get("reason") not in (None, UNDECIDED) else None


def _curves(data: Data) -> list[tuple[str, str, list[float], int, float | None, bool]]:
    """Label, colour, milliseconds, requests, decode unit, dashed."""
    out = []
    runs = (("warm", BLUE, data.warm), ("two processes beside", ORANGE, data.load))
    for label, colour, log in runs:
        keys = _keys(log)
        if keys:
            first = [e["after_ms"] for e in keys if "after_ms" in e]
            out.append((f"{label}: first answer", colour, first, len(keys), _unit(log), False))
            out.append(_settled(f"{label}: text or a verdict", colour, keys, _unit(log)))
    for label, colour, kinds in (
        ("after a jump, or back in a file: text or a verdict", GREEN, ("jump", "back")),
        ("cold, first key in a new file: text or a verdict", VIOLET, ("cold",)),
    ):
        probes = _probes(data.warm, *kinds)
        if probes:
            out.append(_settled(label, colour, probes, _unit(data.warm)))
    return out


def _settled(
    label: str, colour: str, found: Sequence[Event], unit: float | None
) -> tuple[str, str, list[float], int, float | None, bool]:
    ms = [at for e in found if (at := _settled_ms(e)) is not None]
    return label, colour, ms, len(found), unit, True


def latency_section(data: Data) -> str:
    """Latency distributions in ms and in decode units."""
    curves = _curves(data)
    if not curves:
        return absent("No event log: run make bench-typing first.")
    in_ms = [
        Series(f"{label} ({n} keys)", colour, steps(ms, n), dashed)
        for label, colour, ms, n, _, dashed in curves
    ]
    in_units = [
        Series(label, colour, steps([v / unit for v in ms], n), dashed)
        for label, colour, ms, n, unit, dashed in curves
        if unit
    ]
    ms_ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    unit_ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    units = ", ".join(
        f"{unit:.1f} ms {label}"
        for label, unit in (("warm", _unit(data.warm)), ("of the run under load", _unit(data.load)))
        if unit
    )
    return (
        "<p>Share of the keys that had their first answer within a time (whole lines), and that had"
        " text or a verdict, such as gated (dashed): a first answer may say that there is nothing"
        " yet. Keys that got neither before the next key keep a curve below 100 %.</p>"
        + svg(560, 17 * len(in_ms) + 8, legend(in_ms, 46, 16), "legend")
        + '<div class="charts">'
        + distribution(in_ms, (1, 5000), ms_ticks, "ms", 100)
        + distribution(in_units, (0.1, 200), unit_ticks, "decode units", 0)
        + f"</div><p>A decode unit is what a plain token takes: {escape(units)}.</p>"
    )


def timeline_section(data: Data) -> str:
    """One region, key by key."""
    keys = timeline.chosen(_keys(data.warm))
    if not keys:
        return absent("No event log: run make bench-typing first.")
    of_kind = Counter(timeline.category(e) for e in keys)
    boxes = "".join(
        f'<span class="key"><i style="background:{colour}"></i>{escape(label)}: {of_kind[name]}'
        "</span>"
        for name, (colour, label) in timeline.CATEGORIES.items()
    )
    accepted = sum(len(e["key"]) for e in keys if e["took"])
    return (
        f"<p>{escape(keys[0]['path'])}, {len(keys)} keys, {accepted} characters by accepting (⇥)."
        " Bars: ms to the first answer; a thin line above a bar reaches to the text that came with"
        " a second one. Violet fractions: draft tokens kept of those tried. Point at a bar for what"
        f" was shown.</p><p>{boxes}</p>" + timeline.draw(keys)
    )


def language_section(data: Data) -> str:
    """The figures of the last warm run, a column a language."""
    doc = bars.replay_of(data, bars.warm)
    if doc is None:
        return absent("No typing replay was recorded.")
    percent, number = report.percent, report.number
    lines: list[tuple[str, str, Form]] = [
        ("in time", "in_time", percent),
        ("in time with text or a verdict", "decided_in_time", percent),
        ("late", "late", percent),
        ("coverage", "coverage", percent),
        ("precision", "precision", percent),
        ("keys saved", "saved", percent),
        ("quiet positions", "quiet_positions", percent),
        ("after a jump, in time", "jump_in_time", percent),
        ("cold first key, p50 ms", "cold_p50_ms", lambda v: number(v, 0)),
        ("generated p50, ms", "generated_p50_ms", number),
        ("generated p95, ms", "generated_p95_ms", number),
        ("generated text there p50, ms", "generated_text_p50_ms", number),
        ("generated text there p95, ms", "generated_text_p95_ms", number),
        ("CPU s per accepted character", "cpu_s_per_accepted_character", lambda v: number(v, 3)),
        ("requests", "requests", lambda v: number(v, 0)),
    ]
    by_name = doc["result"]["figures"]
    rows = [[title, *(form(f.get(key)) for f in by_name.values())] for title, key, form in lines]
    reasons = by_name["all"].get("reasons") or {}
    whole = max(reasons.values(), default=0)
    drawn = counts([(name, n, str(n), GREY) for name, n in reasons.items()], whole)
    return (
        f"<p>{escape(bars.source(doc))}</p>"
        + table(["", *by_name], rows)
        + (f"<h3>Why an answer was empty</h3>{drawn}" if reasons else "")
    )


def history_section(data: Data) -> str:
    """The records, the oldest to the left."""
    docs = [d for d in data.docs if d["benchmark"] == "typing" and bars.warm(d)]
    if not docs:
        return absent("No typing replay was recorded.")
    out = []
    for title, name, share, bar in (
        ("in time", "in_time", True, 0.99),
        ("late", "late", True, 0.01),
        ("keys saved", "saved", True, 0.5),
        ("precision", "precision", True, 0.5),
        ("coverage", "coverage", True, 0.5),
        ("generated p95, decode units", "generated_p95_units", False, None),
    ):
        marks = [
            Mark(d["commit"] or "–", f"{bars.source(d)}: {value:.4g}", value)
            for d in docs
            if (value := bars.figure(d, name)) is not None
        ]
        out.append(history(title, marks, share=share, bar=bar))
    return f'<div class="charts">{"".join(out)}</div>'


def tune_section(record: tuned.Record | None) -> str:
    """The evidence of `slmcode models tune`."""
    if record is None:
        return absent("The fast model was not tuned on this machine: run make tune.")
    if not record.forms:
        return absent("The tuned file has no evidence beside it: run make tune.")
    rows = []
    for form in record.forms:
        s, q = form.speed, form.quality
        name = escape(form.name)
        chosen = form.name == record.form
        rows.append(
            [
                f"<b>{name}</b>" if chosen else name,
                f"{form.size / 1e6:,.0f}",
                f"{s.decode_ms:.1f} ({s.decode_ms / s.official_decode_ms:.2f} ×)",
                f"{s.prefill_ms:.2f} ({s.official_prefill_ms / s.prefill_ms:.2f} ×)",
                _signed(f"{q.line_points:+.1f} ± {q.line_error:.1f} of {q.lines}"),
                _signed(f"{q.token_points:+.2f} ± {q.token_error:.2f} of {q.tokens:,}"),
                report.percent(q.agreement),
                '<span class="state met">kept</span>'
                if chosen
                else "good enough"
                if form.kept
                else '<span class="state missed">loses too much</span>',
            ]
        )
    head = ["form", "MB", "decode ms (× official)", "prefill ms a token (faster by)"]
    head += ["first lines, points", "next tokens, points", "same token", ""]
    kv = ", ".join(f"{name} {ms:.1f} ms" for name, ms in record.kv_decode_ms.items())
    told = (
        f"{record.cpu}, {record.threads} threads, {record.made}; official"
        f" {record.source_sha256[:12]}, tuned {record.sha256[:12]}; a token by type of the KV"
        f" cache: {kv or 'not measured'}"
    )
    return f"<p>{escape(told)}</p>" + table(head, rows, raw=True) + batch_chart(record)


def _signed(written: str) -> str:
    return written.replace("-", "−")


def batch_chart(record: tuned.Record) -> str:
    """What several tokens in one batch cost: what drafts are paid with."""
    speed = bars.speed_of(record)
    if speed is None:
        return ""
    series = [
        Series(label, colour, [(float(n), ms) for n, ms in sorted(costs.items())])
        for label, colour, costs in (
            ("official", GREY, speed.official_batch_ms),
            (record.form, BLUE, speed.batch_ms),
        )
    ]
    drawn = curves(series, "tokens evaluated together; ms for all of them")
    return f"<h3>Cost of a batch</h3>{drawn}"


def speculation_section(data: Data) -> str:
    """Tokens a second with and without drafts."""
    doc = data.newest("speculation")
    if doc is None:
        return absent("No speculation benchmark was recorded: run make bench-speculation.")
    number = report.number
    rows = []
    for name, f in doc["result"]["sets"].items():
        low, high = f["ratio_quartiles"]
        rows.append(
            [
                name,
                str(f["pairs"]),
                number(f["plain_tokens_per_s"]),
                number(f["drafted_tokens_per_s"]),
                number(f["ratio"], 2),
                f"{number(low, 2)} to {number(high, 2)}",
                f"{f['draft_n_accepted']:,} of {f['draft_n']:,}",
                f"{f['identical']} of {f['pairs']}",
            ]
        )
    head = ["text", "pairs", "plain, tokens/s", "with drafts", "ratio, median", "quartiles"]
    head += ["draft tokens kept", "same text"]
    return f"<p>{escape(bars.source(doc))}</p>" + table(head, rows)


_STYLE = """
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#202124;
 background:#f6f7f9;margin:0}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:0 0 10px}
h3{font-size:15px;margin:18px 0 6px}
section{background:#fff;border:1px solid #e3e6ea;border-radius:8px;padding:18px 22px;margin:18px 0}
p{margin:6px 0;color:#3c4043}.absent{color:#80868b;font-style:italic}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;margin:6px 0}
th,td{padding:5px 14px 5px 0;border-bottom:1px solid #edeff2;text-align:right;white-space:nowrap}
th{color:#5f6368;font-weight:600;font-size:13px}
th:first-child,td:first-child{text-align:left;white-space:normal}
.bars td:last-child,.bars th:last-child{text-align:left}
.state{display:inline-block;min-width:86px;text-align:center;border-radius:10px;padding:1px 10px;
 font-size:12px;font-weight:600}
.met{background:#e3f3e5;color:#1b5e20}.missed{background:#fde8e8;color:#a61b1b}
.none{background:#eef0f2;color:#5f6368}.source{color:#80868b;font-size:12px}
.charts{display:flex;flex-wrap:wrap;gap:14px 18px}.charts svg{flex:1 1 340px}
svg{width:100%;height:auto;display:block;font-family:inherit}
.key{display:inline-block;margin-right:18px;font-size:13px}
.key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;
 vertical-align:-1px}
.wide{overflow-x:auto}
"""


def page(data: Data) -> str:
    """The whole page."""
    doc = data.docs[-1] if data.docs else None
    told = "Nothing was measured yet: run make bench."
    if doc:
        machine = doc["machine"]
        told = (
            f"{machine['cpu']}, {machine['cores']} cores, {', '.join(machine['instructions'])},"
            f" {machine['memory_gb']} GB, {machine['system']}. Last run {bars.source(doc)}."
        )
    sections = (
        ("Figures against their bars", f'<div class="bars wide">{bars_section(data)}</div>'),
        ("How long a key waits", latency_section(data)),
        ("A typing session", f'<div class="wide">{timeline_section(data)}</div>'),
        ("By language", f'<div class="wide">{language_section(data)}</div>'),
        ("Speculative decoding", speculation_section(data)),
        ("Weights fitted to this machine", f'<div class="wide">{tune_section(data.tune)}</div>'),
        ("History", history_section(data)),
    )
    body = "".join(f"<section><h2>{escape(name)}</h2>{inner}</section>" for name, inner in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>slmcode: measured</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>slmcode, measured</h1><p>{escape(told)}</p>{body}</main></body></html>\n"
    )


def main(argv: list[str] | None = None) -> None:
    """Write the page and say where."""
    parser = argparse.ArgumentParser(prog="benchmarks.html", description=__doc__)
    parser.add_argument("--out", type=Path, default=report.ARTIFACTS / "report.html")
    parser.add_argument("--artifacts", type=Path, default=report.ARTIFACTS)
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(page(collect(args.artifacts)), encoding="utf-8")
    print(args.out)


if __name__ == "__main__":
    main()
