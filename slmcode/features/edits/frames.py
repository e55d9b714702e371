"""Stack traces and error messages of other programs, read into frames. Pure.

Python's own tracebacks and pytest's, Node, Java and Kotlin, Go, Rust, Ruby, C#, Perl, gdb and the
sanitizers, and what compilers print. Every trace has its innermost frame last, whichever way its
language prints them. An exception with a cause is several traces, the cause where it is printed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_CHARS = 400_000  # of an output, from its end: what failed last is what is asked about
_MESSAGE = 300  # characters
_GAP = 12  # lines of source or notes between two frames of one trace


class Frame(NamedTuple):
    """One place in a trace. `path` is spelled as printed; `name` is "" where none is printed.

    Java prints a file without its folder; its path here is the one the package names.
    """

    path: str
    line: int  # from 1
    name: str


class Trace(NamedTuple):
    """One error and the way to it, innermost frame last; `message` is one line, "" without one."""

    message: str
    frames: tuple[Frame, ...]


class _Style(NamedTuple):
    """How a language prints frames. `frame` has the groups path, line and, at times, name.

    `message` finds the error's own words, with a group `text`; it is looked for among the
    lines above the first frame, or behind the last one where `below`. `head` begins a new trace.
    """

    frame: re.Pattern[str]
    message: re.Pattern[str] | None = None
    head: re.Pattern[str] | None = None
    below: bool = False
    innermost_first: bool = True


_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ANY = re.compile(r"\s*(?P<text>\S.*)")
_DEF = re.compile(r"\s*>?\s*(?:async\s+)?def (\w+)\(")
# fmt: off
_STYLES = (
    _Style(  # Python; exception groups draw a line of `|` at their left
        re.compile(r'[ |+\-]*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$'),
        re.compile(r"[|+ ]*(?P<text>[A-Za-z_][\w.]*(?:: .*)?)$"),
        re.compile(r"[ |+\-]*(?:Exception Group )?Traceback \(most recent call last\):"),
        below=True, innermost_first=False,
    ),
    _Style(  # pytest
        re.compile(r"(?P<path>[^\s:][^:]*\.py):(?P<line>\d+):(?: in (?P<name>\S+)| [\w.]*)?$"),
        re.compile(r"E\s+(?P<text>\S.*)"),
        re.compile(r"_{3,} .+ _{3,}$|={3,} .* ={3,}$"),
        below=True, innermost_first=False,
    ),
    _Style(  # Node, and other engines of JavaScript
        re.compile(
            r"\s+at (?:(?:async )?(?P<name>[^()]+?) \()?(?:file://)?"
            r"(?P<path>(?:[A-Za-z]:)?[^():]+\.[cm]?[jt]sx?):(?P<line>\d+):\d+\)?$"
        ),
        re.compile(r"\s*(?P<text>(?!at )\S.*)"),
    ),
    _Style(  # Java, Kotlin, Scala
        re.compile(
            r"\s+at (?:[\w.@\-]+/)*(?P<name>[\w$.<>]+)"
            r"\((?P<path>\w+\.(?:java|kt|scala)):(?P<line>\d+)\)"
        ),
        re.compile(
            r'\s*(?:Exception in thread "[^"]*" |Caused by: )?(?P<text>(?!at |\.\.\. )\S.*)'
        ),
        re.compile(r"\s*(?:Exception in thread|Caused by:|Suppressed:)"),
    ),
    _Style(  # Go
        re.compile(r"\t(?P<path>\S.*\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$"),
        re.compile(r"(?:panic|fatal error): (?P<text>.+)"),
        re.compile(r"goroutine \d+ "),
    ),
    _Style(  # Rust, with RUST_BACKTRACE
        re.compile(r"\s+at (?P<path>\S+\.rs):(?P<line>\d+)(?::\d+)?$"),
        re.compile(r"(?P<text>thread '.*' panicked at .*)"),
        re.compile(r"stack backtrace:"),
    ),
    _Style(  # Ruby
        re.compile(r"\s*(?:from )?(?P<path>\S+\.rb):(?P<line>\d+):in [`'](?P<name>[^']+)'"),
        re.compile(r"\S+\.rb:\d+:in [`'][^']+': (?P<text>.+)"),
    ),
    _Style(  # .NET
        re.compile(r"\s+at (?P<name>[^()]+)\(.*\) in (?P<path>.+):line (?P<line>\d+)$"),
        re.compile(r"(?:Unhandled exception\. )?(?P<text>(?!\s+at )\S.*)"),
    ),
    _Style(  # gdb and the sanitizers
        re.compile(
            r"\s*#\d+\s+(?:0x[0-9a-f]+ in )?(?P<name>[^\s(]+)\s*(?:\(.*\) at )?"
            r"(?P<path>[^\s():]+):(?P<line>\d+)(?::\d+)?$"
        ),
        re.compile(r"(?:==\d+==)?(?P<text>\S.*)"),
        re.compile(r"\s*#0 "),
    ),
)
# One line, one trace: what compilers, checkers, asserts and Rust's and Perl's last words say.
_LINES = tuple(map(re.compile, (
    r"(?P<path>(?:[A-Za-z]:)?[^\s:()]+):(?P<line>\d+)(?::\d+)?: (?P<text>(?:fatal )?error:? ?.*)$",
    r"(?P<path>[^\s:()]+\.[jt]sx?)\((?P<line>\d+),\d+\): (?P<text>error .*)$",
    r"\s*(?P<path>[^\s:()]+\.go):(?P<line>\d+)(?::\d+)?: (?P<text>.+)$",
    r"(?P<path>[^\s:()]+\.java):(?P<line>\d+): (?P<text>error: .*)$",
    r"\S+: (?P<path>[^\s:()]+\.\w+):(?P<line>\d+): (?P<text>(?P<name>[^:]+): Assertion .*)$",
    r"\s*-->\s(?P<path>\S+\.rs):(?P<line>\d+):\d+$",
    r"thread '(?P<name>[^']*)' (?:\(\d+\) )?panicked at (?P<path>[^\s']+\.rs):(?P<line>\d+):\d+:?$",
    r"thread '[^']*' panicked at '(?P<text>.*)', (?P<path>\S+\.rs):(?P<line>\d+):\d+$",
    r"(?P<text>\S.*) at (?P<path>\S+) line (?P<line>\d+)\.$",
)))
# fmt: on


class _Open(NamedTuple):
    """A trace that is being read."""

    style: _Style
    first: int  # lines of the text
    last: int
    frames: list[Frame]


def traces(text: str) -> list[Trace]:
    """The traces in a program's output, in the order of the text. Never raises.

    Of a longer output than 400,000 characters the end is read.
    """
    lines = _ANSI.sub("", text[-_MAX_CHARS:]).split("\n")
    lines = [line.rstrip() for line in lines]
    found: list[Trace] = []
    trace: _Open | None = None
    begun = 0  # the line behind the trace before
    name = ""
    for n, line in enumerate(lines):
        if (defined := _DEF.match(line)) is not None:
            name = defined[1]
        if trace is not None:
            head = trace.style.head
            if n - trace.last > _GAP or (head is not None and head.match(line)):
                found.append(_closed(trace, lines, begun))
                begun, trace = trace.last + 1, None
        match, style = _frame(line)
        if match is None or style is None:
            single = None if trace is not None else _single(lines, n)
            if single is not None:
                found.append(single)
                begun = n + 1
            continue
        if trace is not None and trace.style is not style:
            found.append(_closed(trace, lines, begun))
            begun, trace = trace.last + 1, None
        frame = _read(match, lines, n)
        if style is _STYLES[1] and not frame.name:
            frame, name = frame._replace(name=name), ""
        if trace is None:
            trace = _Open(style, n, n, [])
        trace.frames.append(frame)
        trace = trace._replace(last=n)
    if trace is not None:
        found.append(_closed(trace, lines, begun))
    return found


def _frame(line: str) -> tuple[re.Match[str] | None, _Style | None]:
    for style in _STYLES:
        if (match := style.frame.match(line)) is not None:
            return match, style
    return None, None


def _read(match: re.Match[str], lines: list[str], n: int) -> Frame:
    path, name = match["path"], match.groupdict().get("name") or ""
    if path.endswith((".java", ".kt", ".scala")):
        package = name.split("$")[0].split(".")[:-1]
        package = package if "$" in name else package[:-1]
        name = name.rpartition(".")[2]
        path = "/".join([*package, path])
    above = lines[n - 1].strip() if n else ""
    if path.endswith(".go") and not name and above.endswith(")"):
        name = re.sub(r"\([^()]*\)$", "", above.removeprefix("created by ")).rpartition(".")[2]
    if path.endswith(".rs") and (numbered := re.match(r"\d+: +(?:0x\w+ - )?(.+)", above)):
        name = re.sub(r"::h[0-9a-f]{16}$", "", numbered[1]).rpartition("::")[2]
    return Frame(path, int(match["line"]), name.strip())


def _single(lines: list[str], n: int) -> Trace | None:
    """The trace that one line is, with the words around it where it has none of its own."""
    for pattern in _LINES:
        if (match := pattern.match(lines[n])) is None:
            continue
        groups = match.groupdict()
        message = groups.get("text") or ""
        if not message:  # Rust: a compiler's words stand above, a panic's below
            beside = n - 1 if "-->" in lines[n] else n + 1
            message = lines[beside] if 0 <= beside < len(lines) else ""
        frame = Frame(match["path"], int(match["line"]), groups.get("name") or "")
        return Trace(message.strip()[:_MESSAGE], (frame,))
    return None


def _closed(trace: _Open, lines: list[str], begun: int) -> Trace:
    frames, style = trace.frames, trace.style
    if style.innermost_first:
        frames = frames[::-1]
    return Trace(_message(trace, lines, begun)[:_MESSAGE], tuple(frames))


def _message(trace: _Open, lines: list[str], begun: int) -> str:
    style = trace.style
    if style.message is None:
        return ""
    if style is _STYLES[1]:  # pytest says it between the source and the place, or behind it
        places = [*range(begun, trace.last), *range(trace.last, trace.last + _GAP)]
    elif style.below:
        places = [*range(trace.last + 1, trace.last + _GAP)]
    else:
        places = [*range(trace.first, max(begun - 1, trace.first - _GAP), -1)]
    for n in places:
        if not 0 <= n < len(lines):
            continue
        if n > trace.last and style.head is not None and style.head.match(lines[n]):
            break
        match = style.message.match(lines[n])
        if match is not None and (style.frame.match(lines[n]) is None or style is _STYLES[6]):
            return match["text"].strip()
    return ""
