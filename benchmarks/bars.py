"""The project's bars, and what was measured last for each. Read by the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.vitals import most_over_least
from slmcode.models import tuned

Document = Mapping[str, Any]
Event = Mapping[str, Any]


class Data(NamedTuple):
    """All there is to show."""

    docs: Sequence[Document]  # of all benchmarks, the oldest first
    warm: Sequence[Event]  # the event log of the last typing replay
    load: Sequence[Event]  # and of the last one with processes beside it
    tune: tuned.Record | None

    def newest(
        self, benchmark: str, wanted: Callable[[Document], bool] = lambda d: True
    ) -> Document | None:
        """The last document of a benchmark."""
        found = [d for d in self.docs if d["benchmark"] == benchmark and wanted(d)]
        return found[-1] if found else None


class Kind(NamedTuple):
    """How a figure is written."""

    write: Callable[[float], str]


SHARE = Kind(lambda v: f"{100 * v:.1f} %")
MS = Kind(lambda v: f"{v:,.0f} ms")
COUNT = Kind(lambda v: f"{v:,.0f}")
TIMES = Kind(lambda v: f"{v:.2f} ×")
POINTS = Kind(lambda v: f"{v:+.1f} points".replace("-", "−"))


class Bar(NamedTuple):
    """A figure that has to be at least, or at most, `limit`. `value` is None where unmeasured."""

    what: str
    limit: float
    at_least: bool
    kind: Kind
    value: float | None
    source: str

    @property
    def met(self) -> bool | None:
        """None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


_FULL = 10  # files of a typing replay; CI's has fewer
_EDITORS = 20  # servers at once
_HOUR = 60  # minutes of a soak


def warm(doc: Document) -> bool:
    """Of a typing replay: the default weights, nothing beside it."""
    return _usual(doc) and not doc["settings"].get("beside")


def loaded(doc: Document) -> bool:
    """Of a typing replay: the default weights, two processes beside it."""
    return _usual(doc) and bool(doc["settings"].get("beside") == 2)


def _usual(doc: Document) -> bool:
    settings = doc["settings"]
    usual = settings.get("model", "fast") == "fast" and settings.get("tuned", True)
    return bool(usual and settings.get("context", True) and not settings.get("index_beside"))


def replay_of(data: Data, wanted: Callable[[Document], bool]) -> Document | None:
    """The last typing replay, a short one only where there is no other."""
    full = data.newest("typing", lambda d: wanted(d) and d["settings"]["files"] >= _FULL)
    return full or data.newest("typing", wanted)


def paired(doc: Document) -> bool:
    """Of fim: two models on all random spans."""
    spans = doc["result"]["sets"].get("RandomSpan", {})
    return len(doc["result"].get("weights", ())) == 2 and bool(spans.get("n") == 1010)


def source(doc: Document | None) -> str:
    """Where a figure is from, in a few words."""
    if doc is None:
        return ""
    told = f"{doc['date'][:16].replace('T', ' ')}, {doc['commit'] or 'no commit'}"
    if "files" in doc["settings"]:
        n = doc["settings"]["files"]
        told += f", {n} file{'' if n == 1 else 's'}"
    return told


def figure(doc: Document | None, name: str) -> float | None:
    """A figure of all languages of a typing replay."""
    found: float | None = doc["result"]["figures"]["all"].get(name) if doc else None
    return found


def speed_of(record: tuned.Record | None) -> tuned.Speed | None:
    """Of the form that is used."""
    if record is None:
        return None
    return next((form.speed for form in record.forms if form.name == record.form), None)


_WARM = (
    ("in time (≤ 100 ms), warm", 0.99, True, SHARE, "in_time"),
    ("late, warm", 0.01, False, SHARE, "late"),
    ("generated answers, p50", 60, False, MS, "generated_p50_ms"),
    ("generated answers, p95", 95, False, MS, "generated_p95_ms"),
    ("generated text stands there, p50", 60, False, MS, "generated_text_p50_ms"),
    ("generated text stands there, p95", 95, False, MS, "generated_text_p95_ms"),
    ("first key after a jump, in time", 0.95, True, SHARE, "jump_in_time"),
    ("keys saved", 0.5, True, SHARE, "saved"),
    ("precision", 0.5, True, SHARE, "precision"),
    ("coverage", 0.5, True, SHARE, "coverage"),
    ("quiet where nothing is right", 0.8, True, SHARE, "quiet_positions"),
)
_LOAD = (
    ("two processes beside it: in time", 0.8, True, SHARE, "in_time"),
    ("two processes beside it: late", 0.1, False, SHARE, "late"),
    ("two processes beside it: longest stall", 500, False, MS, "stall_ms"),
)


def bars(data: Data) -> list[Bar]:
    """Every bar that a benchmark measures."""
    out: list[Bar] = []
    for rows, doc in ((_WARM, replay_of(data, warm)), (_LOAD, replay_of(data, loaded))):
        out += [
            Bar(what, limit, at_least, kind, figure(doc, name), source(doc))
            for what, limit, at_least, kind, name in rows
        ]
    out += _tuned(data) + _speculation(data) + _idle(data) + _edits(data) + _translation(data)
    return out + _clients(data) + _soak(data)


def _tuned(data: Data) -> list[Bar]:
    speed = speed_of(data.tune)
    made = f"tune.json, {data.tune.made}" if data.tune else ""
    decode = speed.decode_ms / speed.official_decode_ms if speed else None
    prefill = speed.official_prefill_ms / speed.prefill_ms if speed else None
    compared = data.newest("fim", paired)
    lost: float | None = None
    if compared:
        (difference,) = compared["result"]["sets"]["RandomSpan"]["differences"].values()
        lost = difference["points"]
    what = "first-line hits, tuned against official, 1,010 tasks"
    return [
        Bar("time of a token, tuned against official", 0.5, False, TIMES, decode, made),
        Bar("prefill speed, tuned against official", 1.4, True, TIMES, prefill, made),
        Bar(what, -1.0, True, POINTS, lost, source(compared)),
    ]


def _speculation(data: Data) -> list[Bar]:
    doc = data.newest("speculation")
    sets = doc["result"]["sets"] if doc else {}
    return [
        Bar(
            f"tokens a second with drafts, {name}",
            limit,
            True,
            TIMES,
            sets.get(name, {}).get("ratio"),
            source(doc),
        )
        for name, limit in (("rewriting", 2.2), ("fresh", 0.98))
    ]


def _idle(data: Data) -> list[Bar]:
    doc = data.newest("startup")
    idle: float | None = doc["result"]["idle_cpu"] if doc else None
    return [Bar("CPU of a core while nothing is done", 0.01, False, SHARE, idle, source(doc))]


def _edits(data: Data) -> list[Bar]:
    """Of edits: the newest run of each set, whatever its size; the source says how many."""
    tasks, functions = data.newest("edits-canitedit"), data.newest("edits-functions")
    out = [
        Bar(
            f"CanItEdit, right as shown, {kind} instructions",
            limit,
            True,
            SHARE,
            tasks["result"].get(kind, {}).get("passes") if tasks else None,
            _numbered(tasks),
        )
        for kind, limit in (("descriptive", 0.37), ("lazy", 0.30))
    ]
    for kind in ("docstring", "type-hints"):
        shown = functions["result"].get(kind, {}).get("shown") if functions else None
        what = f"{kind} actions that are accepted"
        out.append(Bar(what, 0.9, True, SHARE, shown, _numbered(functions)))
    return out


_TRANSLATED = (  # set, what, limit, at least, kind, the figure's way in the result
    ("codenet", "CodeNet COBOL, identical on the given input", 0.95, True, SHARE, ("identical",)),
    (
        "codenet",
        "CodeNet COBOL, alike on ≥ 20 generated inputs",
        0.92,
        True,
        SHARE,
        ("proved_with_20_inputs",),
    ),
    ("gnucobol", "GnuCOBOL's programs, exact", 0.8, True, SHARE, ("exact",)),
    ("gnucobol", "GnuCOBOL's programs, wrong", 0.03, False, SHARE, ("wrong",)),
    ("idiomatic", "units idiomatic and proved", 0.4, True, SHARE, ("units_idiomatic",)),
    ("mutants", "planted faults found", 0.85, True, SHARE, ("found",)),
    ("speed", "faithful translation, source lines a second", 5000, True, COUNT, ("lines_per_s",)),
    (
        "speed",
        "a loop that cobc compiles to machine code",
        60,
        False,
        TIMES,
        ("loops", "native (COMP-5), adding only", "ratio"),
    ),
)


def _translation(data: Data) -> list[Bar]:
    """Of translations: the newest run of each set, whatever its size; the source says which."""
    out = []
    for name, what, limit, at_least, kind, way in _TRANSLATED:
        doc = data.newest("translation", lambda d, name=name: name in d["result"])  # type: ignore[misc]
        value: Any = doc["result"][name] if doc else None
        for key in way:
            value = value.get(key) if value else None
        told = f"{source(doc)}, {_size(doc['result'][name])}" if doc else ""
        out.append(Bar(what, limit, at_least, kind, value, told))
    return out


def _clients(data: Data) -> list[Bar]:
    """Of many clients: the newest run of twenty servers, a short one where there is no other."""
    full = data.newest("clients", lambda d: d["settings"]["servers"] >= _EDITORS)
    doc = full or data.newest("clients")
    result = doc["result"] if doc else None
    told = f"{source(doc)}, {doc['settings']['seconds']:.0f} s" if doc else ""
    served = most_over_least(result["turns"]["served"]) if result else None
    answered = result["flood"]["answered"] if result else None
    return [
        Bar("20 clients typing at once, most served over least", 2, False, TIMES, served, told),
        Bar("100 requests a second, half taken back: answered", 1, True, SHARE, answered, told),
    ]


_SOAKED = (
    ("server's memory", 0.02, SHARE),
    ("engine's memory", 0.02, SHARE),
    ("server's handles", 0, COUNT),
    ("engine's handles", 0, COUNT),
)


def _soak(data: Data) -> list[Bar]:
    """Of the soak: the newest of an hour or more, a shorter one where there is no other."""
    doc = data.newest("soak", lambda d: d["settings"]["minutes"] >= _HOUR) or data.newest("soak")
    told = f"{source(doc)}, {doc['settings']['minutes']:.0f} minutes" if doc else ""
    out = []
    for name, limit, kind in _SOAKED:
        value: float | None = None
        if doc:
            grown = doc["result"]["growth"].get(name) or {}
            value = grown.get("share") if kind is SHARE else doc["result"]["gained"][name]
        out.append(Bar(f"soak: growth of the {name}", limit, False, kind, value, told))
    return out


def _size(result: Mapping[str, Any]) -> str:
    return f"{result['n']} in all" if "n" in result else "one run"


def _numbered(doc: Document | None) -> str:
    return f"{source(doc)}, {doc['settings']['n']} edits" if doc else ""
