"""What a file defines and what it imports, by `grammars/<grammar>/symbols.scm`.

A query names things as tree-sitter's own tags do; one match is one definition or one imported name:

    @definition.<kind>   the node of a definition, with @name, and @body where it has one
    @receiver            the type a method belongs to that is written outside of it; not needed
                         where @name is qualified with `::`
    @scope               a node that gives what it holds a scope and defines nothing, with @name
    @import              an import statement, with @import.module; where that holds the
                         @import.name at its end, the module ends before it
    @import.name         one name of the module it brings in; @import.alias what it is called here,
                         without a name: what the module is called here
    @import.prefix       the text from it to its @import.list begins the modules in that list
    (#set! import.name "default")   the same as @import.name, where the source does not write it

Where two patterns find one name the earlier pattern holds, and a name that an import brings in is
no definition. What a function keeps to itself is left out: its variables and constants, prototypes
in it, and fields unless they belong to a type around it. Variables, constants and fields are listed
once a scope. Whatever the query calls them, a function right inside a type is a method, a variable
there a field, and, where case means something, a variable in capitals a constant. What a
definition's signature and doc comment are is the same for all languages and stands here.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, cast

import msgspec
import tree_sitter

from slmcode.syntax.languages import comment_marker, query_text
from slmcode.syntax.nesting import nested
from slmcode.syntax.parser import Tree, encode, grammar_language
from slmcode.text import line_starts

MAX_SIGNATURE = 200  # characters
MAX_DOC = 120
_MAX_COMMENT = 40  # lines of a comment that are read for its first one
_MAX_HEADER = 4000  # characters of a header that are read for a signature


class Definition(msgspec.Struct, frozen=True, array_like=True):
    """One definition. Offsets are code points of the text the tree was made for.

    `kind` is one of class, interface, struct, enum, type, function, method, field, constant,
    variable, macro, module, paragraph. `scope` holds the names of the enclosing definitions,
    outermost first, joined by dots; "" at the top. `signature` is the header without the body on
    one line. `doc` is the first line of its comment or docstring, "" without one.
    """

    name: str
    kind: str
    scope: str
    signature: str
    doc: str
    start: int
    end: int
    line: int  # from 0
    end_line: int  # the last line, inclusive


class Import(msgspec.Struct, frozen=True, array_like=True):
    """One import statement. `module` is spelled as in the source, dots and quotes as the language
    has them, quotes removed ("..pkg.mod", "./util", "net/http", "crate::a::b", "util.h").

    `names` are what it brings in, as (name there, name here); empty where it is the module itself.
    `alias` is the name of the module here, "" where the language's default holds.
    """

    module: str
    names: tuple[tuple[str, str], ...]
    alias: str
    line: int


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """Definitions and imports of one file, in the order of the source."""

    definitions: tuple[Definition, ...]
    imports: tuple[Import, ...]


class _Found(NamedTuple):
    """One definition or scope as the query found it. Sorts outer ones before what they hold."""

    start: int
    minus_end: int
    name: tuple[int, int]
    pattern: int
    kind: str  # "" for a scope
    body: int  # where it begins; -1 without one
    receiver: tuple[int, int] | None
    node: tree_sitter.Node


class _Enclosing(NamedTuple):
    """One level of nesting, while definitions are read in order."""

    start: int
    end: int
    line: int
    kind: str
    path: str  # its scope and name


Captures = dict[str, list[tree_sitter.Node]]

_NOTHING = Outline((), ())
_FUNCTIONS = ("function", "method")
_VALUES = ("variable", "constant", "field")
_ONE_LINE = (*_VALUES, "macro")
_TYPES = ("class", "interface", "struct", "enum", "type", "")
_IN_A_TYPE = {"function": "method", "variable": "field"}
_PREFIX = "definition."


def outline(tree: Tree, text: str) -> Outline:
    """What `text`, of which `tree` was made, defines and imports. Empty without a query.

    Strings in the result have U+FFFD for lone surrogates, as the tree has.
    """
    rules = _rules(tree.grammar)
    if rules is None:
        return _NOTHING
    found: dict[int, _Found] = {}
    imports: list[tuple[int, Captures]] = []
    imported: set[int] = set()  # where names stand that an import brings in
    kinds = rules.kinds
    for pattern, captures in tree_sitter.QueryCursor(rules.query).matches(tree.root):
        kind = kinds[pattern]
        if kind is None:
            imports.append((pattern, captures))
            for node in (*captures.get("import.name", ()), *captures.get("import.alias", ())):
                imported.add(node.start_byte)
            continue
        name = captures["name"][0]
        node = captures[_PREFIX + kind if kind else "scope"][0]
        at, name_end = name.start_byte, name.end_byte
        other = found.get(at)
        if at == name_end or (other is not None and other.pattern < pattern):
            continue  # a name that the parser made up, or one that has a better pattern
        body, receiver = captures.get("body"), captures.get("receiver")
        found[at] = _Found(
            node.start_byte,
            -node.end_byte,
            (at, name_end),
            pattern,
            kind,
            body[0].start_byte if body else -1,
            (receiver[0].start_byte, receiver[-1].end_byte) if receiver else None,
            node,
        )
    ordered = sorted(f for at, f in found.items() if at not in imported)
    source = _Source(tree, text, rules)
    if not source.bytes_are_code_points:
        ordered = [_in_code_points(source, f) for f in ordered]
    return Outline(
        nested(tree.grammar, tuple(_definitions(source, ordered)), source.text),
        tuple(_imports(source, rules, imports)) if imports else (),
    )


class _Rules(NamedTuple):
    """The compiled query of a grammar and what each of its patterns is about."""

    query: tree_sitter.Query
    kinds: tuple[str | None, ...]  # of the definition; "" for a scope, None for an import
    names: tuple[str, ...]  # imported names that the source does not write
    marker: str  # begins a line comment
    docstrings: bool
    capitals: bool  # tell a constant


@cache
def _rules(grammar: str) -> _Rules | None:
    text = query_text(grammar, "symbols")
    if text is None:
        return None
    query = tree_sitter.Query(grammar_language(grammar), text)
    data = text.encode()
    kinds: list[str | None] = []
    names = []
    for pattern in range(cast(int, query.pattern_count)):  # the stubs take it for a method
        span = slice(query.start_byte_for_pattern(pattern), query.end_byte_for_pattern(pattern))
        kind = re.search(rb"@(?:definition\.(\w+)|scope\b)", data[span])
        kinds.append((kind[1] or b"").decode() if kind else None)
        names.append(str(query.pattern_settings(pattern).get("import.name") or ""))
    return _Rules(
        query,
        tuple(kinds),
        tuple(names),
        comment_marker(grammar),
        docstrings=grammar == "python",
        capitals=grammar not in ("cobol", "fortran", "pascal"),  # where case has no meaning
    )


class _Source:
    """The text of a tree: code points for bytes, lines, headers, comments above."""

    def __init__(self, tree: Tree, text: str, rules: _Rules) -> None:
        self.text = text if text.isascii() else encode(text).decode()
        self.marker = rules.marker
        self.docstrings = rules.docstrings
        self.capitals = rules.capitals
        self.flat = tree.grammar == "cobol"  # scopes come later, from `nested`
        self.line_starts = line_starts(text)
        self._rewritten = tree if tree.rewritten else None
        self._later_bytes: list[int] = []
        if len(tree.data) != len(text) and not tree.rewritten:
            self._later_bytes = [m.start() for m in _LATER_BYTE.finditer(tree.data)]

    @property
    def bytes_are_code_points(self) -> bool:
        return self._rewritten is None and not self._later_bytes

    def at(self, byte: int) -> int:
        """The code point that begins at `byte`."""
        if self._rewritten is not None:
            return self._rewritten.offset(byte)
        return byte - bisect_left(self._later_bytes, byte)

    def between(self, start: int, end: int) -> str:
        """The text between two bytes."""
        return self.text[self.at(start) : self.at(end)]

    def node_text(self, node: tree_sitter.Node) -> str:
        return self.between(node.start_byte, node.end_byte)

    def line(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset) - 1

    def signature(self, found: _Found) -> str:
        """The header of a definition, or its first line where it is a value or a macro."""
        start, end = found.start, -found.minus_end
        if found.body >= 0:
            end = max(start, min(found.body, end))
        header = self.text[start : min(end, start + _MAX_HEADER)]
        if header[:1] in ("@", "[", "#") and found.name[0] > start:
            header = _ANNOTATIONS.sub("", header, 1)
        if found.kind in _ONE_LINE:
            line_end = _LINE_END.search(header)
            header = header[: line_end.start()] if line_end else header
            return " ".join(header.split()).rstrip("\\,; ")[:MAX_SIGNATURE]
        if self.marker in header or "/*" in header:
            header = self._without_comments(self.text[start:end], found.node, end)
            header = _ANNOTATIONS.sub("", header, 1)
        if "\n" in header:  # brackets that stood on lines of their own
            header = " ".join(header.split()).replace("( ", "(").replace(", )", ")")
            header = header.replace(" )", ")")
        else:
            header = " ".join(header.split())
        if found.body >= 0:
            header = header.removesuffix("=>").rstrip(" {:=")
        return header.rstrip(" ;,")[:MAX_SIGNATURE]

    def _without_comments(self, header: str, node: tree_sitter.Node, end: int) -> str:
        """A header with its comments blanked; `end` is the code point at which it ends."""
        start = self.at(node.start_byte)
        nodes = list(reversed(node.children))
        while nodes:
            child = nodes.pop()
            first = self.at(child.start_byte)
            if first >= end:
                break
            if "comment" in child.type:
                last = min(self.at(child.end_byte), start + len(header))
                blanks = " " * (last - first)
                header = header[: first - start] + blanks + header[last - start :]
            else:
                nodes.extend(reversed(child.children))
        return header

    def doc(self, found: _Found, line: int) -> str:
        """The first line of a definition's docstring, or of the comment right above `line`."""
        if self.docstrings and found.body >= 0:
            quoted = _DOCSTRING.match(self.text, found.body, found.body + _MAX_HEADER)
            if quoted is not None:
                return quoted[2].partition(quoted[1])[0].strip()[:MAX_DOC]
        if line == 0:
            return ""
        above = self._stripped_line(line - 1)
        while line > 1 and _NOT_CODE.match(above):
            line -= 1
            above = self._stripped_line(line - 1)
        lines: list[str] = []
        if above.endswith("*/"):
            end = self.text.index("*/", self.line_starts[line - 1])
            opened = self.text.rfind("/*", 0, end)
            lines = _LINE_END.split(self.text[opened + 2 : end]) if opened >= 0 else []
        elif self.marker and above.startswith(self.marker):
            while above.startswith(self.marker) and len(lines) < _MAX_COMMENT:
                lines.insert(0, above)
                line -= 1
                above = self._stripped_line(line - 1) if line else ""
        for part in lines:
            words = _TAG.sub("", part.strip(_COMMENT_MARKS)).strip()
            if words.strip("[]"):  # Lua's block comments begin and end with them
                return words[:MAX_DOC]
        return ""

    def _stripped_line(self, line: int) -> str:
        return self.text[self.line_starts[line] : self.line_starts[line + 1]].strip()


_LATER_BYTE = re.compile(rb"[\x80-\xbf]")  # of a character, after its first
_LINE_END = re.compile(r"\r\n|\n|\r")
_ANNOTATIONS = re.compile(
    r"\A(?:@(?!interface\b)[\w.:]+(?:\((?:[^()]|\([^()]*\))*\))?\s*|#?\[\[?[^\]]*\]\]?\s*)+"
)
_NOT_CODE = re.compile(r"(?:@|#?\[|template\b)")  # lines between a comment and its definition
_COMMENT_MARKS = " \t/#*!|^-;"
_TAG = re.compile(r"^<\w[^>]*>|</\w+>$")
_DOCSTRING = re.compile(r"""[rRuU]?("{3}|'{3}|["'])\s*([^\r\n]*)""")


def _definitions(source: _Source, ordered: list[_Found]) -> Iterator[Definition]:
    """Definitions with their scopes; `ordered` has outer ones before what they hold."""
    stack: list[_Enclosing] = []
    values: set[tuple[str, str]] = set()  # each value of a scope is listed once
    text = source.text
    for found in ordered:
        start, end, kind = found.start, -found.minus_end, found.kind
        # `a = b = 1` and `int a, b;` define things beside each other, not in each other.
        while stack and (
            stack[-1].end <= start
            or (
                stack[-1].end == end
                and (stack[-1].start == start or (kind in _VALUES and stack[-1].kind in _VALUES))
            )
        ):
            stack.pop()
        name = text[found.name[0] : found.name[1]]
        if name[0] in "\"':":
            name = _plain(name)
        outer, _, name = name.rstrip(":").rpartition("::") if kind else ("", "", _dotted(name))
        if not name:
            continue
        inner = _dotted(name) if kind == "module" else name
        scope = stack[-1].path if stack else ""
        if (
            stack
            and stack[-1].kind in _FUNCTIONS
            and (kind in _VALUES or (kind == "function" and found.body < 0))
        ):
            if kind != "field":
                continue
            owner = next((e for e in reversed(stack) if e.kind not in _FUNCTIONS), None)
            if owner is None:
                continue
            scope = owner.path
        if stack and stack[-1].kind in _TYPES:
            kind = _IN_A_TYPE.get(kind, kind)
        if found.receiver is not None:
            outer = text[found.receiver[0] : found.receiver[1]]
        if outer:
            receiver = _dotted(outer)
            scope = f"{scope}.{receiver}" if scope and receiver else scope or receiver
        line = source.line(start)
        commented = not stack or stack[-1].line != line  # else what is above is about that one
        stack.append(_Enclosing(start, end, line, kind, f"{scope}.{inner}" if scope else inner))
        if not kind:
            continue
        if kind in _VALUES:
            if (scope, name) in values and not source.flat:
                continue
            values.add((scope, name))
            if kind == "variable" and source.capitals and name.isupper():
                kind = "constant"
        yield Definition(
            name,
            kind,
            scope,
            source.signature(found),
            source.doc(found, line if commented else 0),
            start,
            end,
            line,
            source.line(max(start, end - 1)),
        )


def _in_code_points(source: _Source, found: _Found) -> _Found:
    at = source.at
    return found._replace(
        start=at(found.start),
        minus_end=-at(-found.minus_end),
        name=(at(found.name[0]), at(found.name[1])),
        body=at(found.body) if found.body >= 0 else -1,
        receiver=found.receiver and (at(found.receiver[0]), at(found.receiver[1])),
    )


def _plain(name: str) -> str:
    """A name without the quotes or the colon of a literal that holds it."""
    return name.strip("\"'`").lstrip(":")


def _dotted(name: str) -> str:
    """The words of a type's name, joined by dots: `a::Stack<T>` is a.Stack."""
    return ".".join(_WORD.findall(_ARGUMENTS.sub("", name)))


_WORD = re.compile(r"\w+")
_ARGUMENTS = re.compile(r"<.*>|\[.*\]", re.DOTALL)


def _imports(
    source: _Source, rules: _Rules, matches: list[tuple[int, Captures]]
) -> Iterator[Import]:
    """Matches of one module in one statement, joined into one import each."""
    prefixes = sorted(
        (start.start_byte, names.start_byte, names.end_byte)
        for _, c in matches
        for start, names in zip(c.get("import.prefix", ()), c.get("import.list", ()), strict=True)
    )
    statements: dict[int, _Statement] = {}
    for pattern, captures in matches:
        module, name, alias = (captures.get(key) for key in _IMPORT_PARTS)
        first = (module or name or alias or (None,))[0]
        if first is None:
            continue
        at = first.start_byte
        around = [prefix for prefix in prefixes if prefix[1] <= at < prefix[2]]
        spelled = "".join(source.between(start, names).strip() for start, names, _ in around)
        if module:
            end = module[0].end_byte
            inside = name is not None and at <= name[0].start_byte < end
            part = source.between(at, name[0].start_byte if name and inside else end)
            spelled += _plain(part).strip("<> ")
            if inside:
                spelled = spelled.rstrip(".")
        name_there = _plain(source.node_text(name[0])) if name else rules.names[pattern]
        if not spelled:
            spelled, name_there = name_there, ""
        name_here = source.node_text(alias[0]) if alias else ""
        key = at if module or not around else around[-1][0]
        whole = captures.get("import")
        start = whole[0].start_byte if whole else (around[0][0] if around else at)
        statement = statements.setdefault(
            key, _Statement(spelled.rstrip(":\\"), {}, "", source.line(source.at(start)))
        )
        if name_there:
            statement.names[name_there, name_here or name_there] = None
        elif name_here:
            statement.alias = name_here
    for key in sorted(statements):
        found = statements[key]
        if found.module:
            yield Import(found.module, tuple(found.names), found.alias, found.line)


class _Statement(msgspec.Struct):
    """One import while its matches are read; `names` is an ordered set."""

    module: str
    names: dict[tuple[str, str], None]
    alias: str
    line: int


_IMPORT_PARTS = ("import.module", "import.name", "import.alias")
