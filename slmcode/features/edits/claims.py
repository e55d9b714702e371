"""What a model says of code, sentence by sentence, with places that exist or a mark. Pure.

A small model cites badly: asked for the line of each claim it counts 1, 2, 3. So what it cites is a
proposal. Each sentence is given places here, by its words:

- A name in it (in backticks, or written as code is: `a_b`, `aB`, `a()`, `a.b`) that stands in the
  sources the model was shown: the line that holds most of the sentence's names and words.
- A name that stands elsewhere in the indexed code: where that is defined or used.
- A name that stands in neither: "not in the indexed code".
- No name, but words that the code has too: the line that has most of them.
- A line the model cites is taken only if it is a line of a source and has a name or word of the
  sentence, or nothing has.

A sentence without any of these makes no claim about code and is left. What the model writes of
links, pictures, HTML and bare addresses becomes plain text, so that an answer loads and opens
nothing but files of the workspace.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

from slmcode.features.naming import GLOBALS, KEYWORDS
from slmcode.prompt.explaining import Source

_MOST_PLACES = 3  # behind one sentence
_NAME_WORTH = 4.0  # words
_PROPOSED = 1.0  # word that a line is worth more because the model names it: it counts them up
_NOT_THERE = "not in the indexed code"

_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_CITED = re.compile(
    r"\s*[\[(](?:source )?(?P<source>\d{1,3})(?:(?::|, ?)\s*(?:lines? )?(?P<line>\d{1,6})"
    r"(?:\s*[-–]\s*\d{1,6})?)?[\])]"
)
_LINES = re.compile(
    r"(?:\s*\b(?:[Oo]n|[Ii]n|[Aa]t|[Ff]rom))?\s*(?<![\w/])[Ll]ines? (?P<line>\d{1,6})"
    r"(?:(?:\s*[-–]\s*|,? (?:to|and|through) (?:line )?)\d{1,6})*(?![\w.]*\w)"
)
_MARKER = re.compile(r"\s*(?:(?:[-*+]|\d{1,3}[.)])\s+|#{1,6}\s+|>\s*)*")
_LEADING = re.compile(
    r"\**(?P<word>[Ll]ines? )?(?P<line>\d{1,6})(?:\s*(?:[-–,]|to|and)\s*\d{1,6})*\**"
    r"(?::|(?(word)(?: ?[-–—.,](?= ))|:))\**\s*"
)
_ENDING = re.compile(r"[.!?:;,]*[*_]*\s*$")
_IMAGE = re.compile(r"!?\[([^\[\]]*)\]\s*\([^()\s]*(?:\([^()]*\)[^()]*)*[^()]*\)")
_ADDRESS = re.compile(r"(?:\b[A-Za-z][\w+.-]*://|\bwww\.|\bmailto:|\bcommand:)\S+")
_MARKUP = re.compile(r"[\[\]<|]")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_AS_CODE = re.compile(
    r"(?<![\w.])(?:"
    r"(?:[^\W\d]\w*(?:\.|::))*[^\W\d]\w*\(\)"  # a(), a.b()
    r"|[^\W\d]\w+(?:(?:\.|::)[^\W\d]\w+)+"  # a.b
    r"|_*[^\W\d_]\w*_\w+|_+[^\W\d_]\w+"  # a_b, _a
    r"|[a-z]+[A-Z]\w*"  # aB
    r"|[A-Z][a-z0-9]+[A-Z]\w*"  # AbC
    r")(?![\w(])"
)
_FILE = re.compile(r"[\w./\\-]*\w\.[A-Za-z]\w{0,3}")
_WORD = re.compile(r"[^\W\d_]{3,}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_SUFFIX = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
_REMARK = re.compile(r"[rRbBuUfF]?(?:\"\"\"|''')|#(?!include)|//|/?\*|--|<!--")
_NO_NAMES = frozenset(
    "JavaScript TypeScript GitHub GitLab NumPy PyPI OpenAI YouTube LaTeX PowerShell NodeJS".split()
)
_PLAIN = frozenset(
    "the and for with from this that these those are was were has have had not but its it into onto"
    " than then when while where which what who whose will would can could may might must shall"
    " should does did done been being over under each any all some only also else such other"
    " there here they them their one two out use used uses using code function method class"
    " line lines if list object type value string number given".split()
)


class Spot(NamedTuple):
    """One line of a file, from 1. `uri` "" where nothing can be opened."""

    path: str
    uri: str
    line: int


Find = Callable[[str], Sequence[Spot]]  # where a name stands in the indexed code, best first


class _Line(NamedTuple):
    spot: Spot
    source: int  # from 0
    text: str
    names: frozenset[str]
    words: frozenset[str]


def link(spot: Spot) -> str:
    """The place as Markdown: `path:line`, which opens the file where it has a URI."""
    label = _escaped(f"{spot.path}:{spot.line}")
    if not spot.uri.startswith("file:"):
        return label
    return f"[{label}]({quote(spot.uri, safe=':/%@+,;=~-._')}#L{spot.line})"


def plain(text: str) -> str:
    """Any text as one line of Markdown that shows it as it is."""
    return _escaped(" ".join(text.split()))


class Claims:
    """Checks the sentences of one answer."""

    def __init__(self, sources: Sequence[Source], find: Find, language_id: str = "") -> None:
        self._sources = sources
        self._find = find
        self._known = KEYWORDS | GLOBALS.get(language_id, frozenset()) | GLOBALS["python"]
        self.n_cited = 0  # sentences that got a place
        self.n_missing = 0  # that name what is not there

    @cached_property
    def _lines(self) -> list[_Line]:
        return [
            _Line(
                Spot(source.path, source.uri, source.line + n),
                i,
                _spaced(line),
                frozenset(_IDENTIFIER.findall(line)),
                frozenset(_words(line)),
            )
            for i, source in enumerate(self._sources)
            for n, line in enumerate(source.lines)
        ]

    @cached_property
    def _having(self) -> Counter[str]:
        """How many lines have a word."""
        return Counter(word for line in self._lines for word in line.words)

    def sentence(self, text: str) -> str:
        """One sentence with its places behind it. White space at both ends stays."""
        if not text.strip():
            return text
        marker = _MARKER.match(text)
        assert marker is not None
        head, body = marker[0], text[marker.end() :]
        cited: list[tuple[int, int]] = []
        body, spans = self._parts(body, cited)
        names, missing, quoted = self._names(body, spans)
        places = self._places(body, spans, [*names, *missing], quoted, cited)
        for name in names:
            if len(places) < _MOST_PLACES and not self._is_shown(name):
                places += [spot for spot in self._elsewhere(name)[:1] if spot not in places]
        behind = [link(spot) for spot in places[:_MOST_PLACES]]
        if missing:
            what = ", ".join(f"`{name}`" for name in missing)
            behind.append(f"({what}: {_NOT_THERE})")
        self.n_cited += bool(places)
        self.n_missing += bool(missing)
        ending = _ENDING.search(body)
        at = ending.start() if ending is not None else len(body)
        shown, end = _woven(body[:at].rstrip(), spans), body[at:]
        return head + " ".join([part for part in (shown, *behind) if part]) + end

    def block(self, text: str) -> str:
        """Code in fences that the model wrote, with where it stands or that it does not."""
        lines = text.strip("\n").split("\n")
        code = [_spaced(line) for line in lines[1:] if not line.lstrip().startswith("```")]
        told = [line for line in code if len(line) > 1]
        there = {line.text: line.spot for line in reversed(self._lines)}
        fence = "`" * max(3, *(len(run) for run in re.findall("`+", text)))
        language = re.sub(r"\W", "", lines[0].strip().strip("`"))
        inner = "\n".join(line for line in lines[1:] if not line.lstrip().startswith("```"))
        shown = f"{fence}{language}\n{inner}\n{fence}\n"
        if not told:
            return shown
        if any(line not in there for line in told):
            self.n_missing += 1
            return f"{shown}\n({_NOT_THERE}, as it is written here)\n\n"
        self.n_cited += 1
        return f"{shown}\n{link(there[told[0]])}\n\n"

    # Parts of a sentence

    def _parts(self, body: str, cited: list[tuple[int, int]]) -> tuple[str, list[str]]:
        """The prose, safe as Markdown, with \\0 in place of each code span; the spans.

        What the model cites goes to `cited`, as source and line, from 0 and 1.
        """
        leading = _LEADING.match(body)
        if leading is not None:
            cited.append((0, int(leading["line"])))
            body = body[leading.end() :]
            body = body[:1].upper() + body[1:]
        spans: list[str] = []

        def keep(match: re.Match[str]) -> str:
            spans.append(match[2])
            return "\0"

        body = _SPAN.sub(keep, body.replace("\0", "")).replace("`", "'")
        for pattern in (_CITED, _LINES):
            for match in pattern.finditer(body):
                groups = match.groupdict()
                source = int(groups["source"]) - 1 if groups.get("source") else 0
                if pattern is _CITED and match[0].strip()[0] == "(" and not groups["line"]:
                    continue  # a number in brackets
                cited.append((source, int(groups["line"] or 0)))
                body = body.replace(match[0], "", 1).lstrip()
                body = body[:1].upper() + body[1:]
        body = _IMAGE.sub(r"\1", body)
        body = _ADDRESS.sub(lambda m: keep_address(m[0], spans), body)
        return _MARKUP.sub(lambda m: "\\" + m[0], body), spans

    def _names(self, body: str, spans: list[str]) -> tuple[list[str], list[str], list[str]]:
        """The names in a sentence that are somewhere, those that are nowhere, and code as it stands
        in a line of the sources.
        """
        texts: dict[str, None] = {}
        quoted = []
        for span in spans:
            whole = _spaced(span)
            if len(whole) > 1 and any(whole in line.text for line in self._lines):
                quoted.append(whole)
                texts |= dict.fromkeys(n for n in _IDENTIFIER.findall(whole) if self._is_shown(n))
            elif _FILE.fullmatch(span) and not self._is_dotted_name(span):
                if not any(source.path.endswith(span) for source in self._sources):
                    texts[span] = None
            elif "://" not in span:
                texts |= dict.fromkeys(_IDENTIFIER.findall(_QUOTED.sub("", span)))
        for found in _AS_CODE.finditer(body):
            if found[0] not in _NO_NAMES:
                texts |= dict.fromkeys(_IDENTIFIER.findall(found[0]))
        names = [n for n in texts if self._is_shown(n) or n not in self._known]
        there = [n for n in names if self._is_shown(n) or self._elsewhere(n)]
        return there, [n for n in names if n not in there], quoted

    def _is_dotted_name(self, span: str) -> bool:
        """Whether `a.b` is names and not a file: the code has one of them."""
        return any(self._is_shown(name) for name in _IDENTIFIER.findall(span))

    def _is_shown(self, name: str) -> bool:
        return any(name in line.names for line in self._lines)

    def _elsewhere(self, name: str) -> Sequence[Spot]:
        if name not in self._found:
            self._found[name] = list(self._find(name))
        return self._found[name]

    @cached_property
    def _found(self) -> dict[str, list[Spot]]:
        return {}

    # Places

    def _places(
        self,
        body: str,
        spans: list[str],
        names: list[str],
        quoted: list[str],
        cited: list[tuple[int, int]],
    ) -> list[Spot]:
        """Lines that hold what the sentence names, else what it says."""
        words = set(_words(" ".join([body, *spans])))
        left = {name for name in names if self._is_shown(name)}
        proposed = [
            line
            for line in self._lines
            for source, number in cited
            if line.source == source and line.spot.line == number
        ]
        if names and not left and not quoted:
            return []
        if not left and not quoted:
            best = self._best(set(), words, quoted, proposed)
            if best is not None:
                return [best.spot]
            return [proposed[0].spot] if proposed else []
        found: list[Spot] = []
        while (left or quoted) and len(found) < _MOST_PLACES:
            best = self._best(left, words, quoted, proposed)
            if best is None:
                break
            found.append(best.spot)
            left -= best.names
            quoted = [code for code in quoted if code not in best.text]
        return found

    def _best(
        self, names: set[str], words: set[str], quoted: list[str], proposed: list[_Line]
    ) -> _Line | None:
        """The line with most of it, the first of equals; of `proposed` any that has some."""
        best, most = None, 0.0
        for line in self._lines:
            has = _NAME_WORTH * (
                len(line.names & names) + 2 * sum(code in line.text for code in quoted)
            )
            if not has and (names or quoted):
                continue
            score = has + sum(1 / self._having[word] for word in line.words & words)
            if score and line in proposed:
                score += _PROPOSED * (2 if has else 1)
            if score and line.source == 0:
                score += 0.2
            if _REMARK.match(line.text):
                score *= 0.5
            if score > most:
                best, most = line, score
        return best


def keep_address(address: str, spans: list[str]) -> str:
    """An address as a code span, in which nothing is a link; the stop behind it stays outside."""
    kept = address.rstrip(".,;:!?)'\"")
    spans.append(kept.replace("\0", ""))
    return "\0" + address[len(kept) :]


def _woven(body: str, spans: list[str]) -> str:
    """The prose with its code spans back."""
    for span in spans:
        runs = re.findall("`+", span)
        fence = "`" * (max(map(len, runs), default=0) + 1)
        pad = " " if runs else ""
        body = body.replace("\0", f"{fence}{pad}{span}{pad}{fence}", 1)
    return body


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _words(text: str) -> Iterator[str]:
    """What a line or sentence speaks of: words of its names, without their endings."""
    for word in _WORD.findall(text):
        for part in _PART.findall(word):
            lower = part.lower()
            if len(lower) > 2 and lower not in _PLAIN:
                yield _SUFFIX.sub("", lower)


_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


class Sentences:
    """Cuts an answer that grows into sentences and blocks of code. Joined they are the answer."""

    def __init__(self) -> None:
        self._done = 0

    def feed(self, text: str) -> list[str]:
        """What is whole of `text`, all that was written so far, and was not given before."""
        found = []
        while (end := _end(text, self._done)) is not None:
            found.append(text[self._done : end])
            self._done = end
        return found

    def rest(self, text: str) -> str:
        """What is left when nothing follows."""
        left, self._done = text[self._done :], len(text)
        return left


_FENCE = re.compile(r"[ \t]*(`{3,})[^\n]*")
_STOP = re.compile(r"[.!?][)\"'*_`]*[ \t]+(?=\S)|\n+(?=[^\n])|\n\s*\n")
_NO_STOP = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|resp|approx|[A-Z])\.|^\s*\d{1,3}\."
    r"|^\s*(?:[-*+]\s+)?[Ll]ines? [\d, –-]+\.)\s*$"
)


def is_block(text: str) -> bool:
    """Whether a piece of `Sentences` is code in fences."""
    return _FENCE.match(text) is not None


def _end(text: str, start: int) -> int | None:
    """Where the sentence or block that begins at `start` ends; None if that is not known yet."""
    at = start
    while text[at : at + 1] == "\n":
        at += 1
    line_end = text.find("\n", at)
    if line_end < 0 and len(text[at:].lstrip(" \t")) < 4:
        return None  # it may become a fence
    fence = _FENCE.match(text, at)
    if fence is not None:
        closing = re.compile(rf"^[ \t]*{fence[1]}`*[ \t]*\n", re.MULTILINE).search(
            text, fence.end()
        )
        return closing.end() if closing is not None else None
    for stop in _STOP.finditer(text, at):
        end = stop.end()
        if "\n" in stop[0]:
            return end
        if _NO_STOP.search(text[at : stop.end()]) or text[at:end].count("`") % 2:
            continue
        if text[end] in "[(":  # a citation that stands behind the stop
            closed = re.compile(r"[\])][.]?").search(text, end, end + 24)
            if closed is None:
                if len(text) < end + 24 and "\n" not in text[end:]:
                    return None
                return end
            if _CITED.match(text, end):
                return closed.end()
        return end
    return None
