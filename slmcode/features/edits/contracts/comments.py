"""Comments under a contract, in any language with a grammar; and trees without their comments.

A directive is a comment that a program reads: `# noqa`, `//go:build`, `// @ts-ignore`, a shebang.
Such a one must stay with its code. Other comments may be added. Pure, any thread.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import zip_longest
from typing import NamedTuple

from slmcode.features.edits.contracts.base import State
from slmcode.features.edits.contracts.python import Fault
from slmcode.syntax.leaves import comment_bytes, leaves
from slmcode.syntax.parser import Tree

_SHOWN = 60  # characters of a comment
_DIRECTIVE = re.compile(
    r"""\A(?:
    \#! | \{\$ | \(\*\$ | [!cC]\$(?:omp|acc|OMP|ACC)\b | [!cC](?:DIR|GCC|DEC)\$ | //export\s
    | \#line\b | //line\s | /\*\s*(?:globals?|exported)\s | \#\s*/// | \#\s*(?:%%|In\[)
    | //?\#?\s*(?:end)?region\b | \#\s*(?:end)?region\b | <!--
    | [#/*!\s{(;-]*(?:
        type:\s | noqa\b | nopep8 | pragma:?\s | pylint: | mypy: | pyright: | pytype: | pyre-
        | ruff: | flake8:
        | isort: | fmt: | yapf: | black: | autopep8: | nosec\b | bandit: | codespell:
        | cython: | distutils: | doctest: | noinspection\b | NOSONAR | PYTHON_ARGCOMPLETE | -\*-
        | vim?:\s | coding[:=] | encoding[:=] | frozen_string_literal: | warn_indent: | typed:\s
        | shareable_constant_value: | rubocop: | :nocov: | shellcheck\s(?:disable|source|shell)
        | go: | \+build | nolint | lint: | cgo\b
        | eslint[\s-] | jshint\s | jslint\s | tslint: | prettier-ignore | biome-ignore | deno-lint-
        | istanbul\s | [cv]8\s(?:ignore|next) | webpack\w+: | @vite-ignore | @ts- | @flow | @noflow
        | @jsx | @jest- | [#@]__ | [#@]\s*sourceMappingURL | reference\s+\w+= | @preserve | @license
        | <reference\b | <amd- | \$FlowFixMe | spell-?checker: | cspell: | language=
        | NOLINT | clang-format | IWYU | cppcheck- | coverity\[ | LCOV_ | GCOVR? | ktlint-
        | (?i:fall[-\s]?through\.?[\s*/]*$) | phpcs: | @phpstan- | @psalm- | @codeCoverageIgnore
        | @formatter: | (?i:checkstyle[:.\s]) | SPDX- | (?i:copyright\b) | \([cC]\)\s | perltidy
    ))""",
    re.VERBOSE,
)
_INSIDE = re.compile(r"(?:\bSPDX-License|#\s*(?:noqa|type:\s*ignore)\b)")
_ANNOTATION = re.compile(r"^\s*\*?\s*@[A-Z]\w*\\?\w*\(", re.MULTILINE)  # what PHP reads
_WORD = re.compile(r"\w+")


class Comment(NamedTuple):
    """One comment. `text` is without indentation; `beside` is the code a directive is about.

    `heads` says that no code stands above it.
    """

    text: str
    start: int  # offsets in the document
    end: int
    line: int  # from 0
    alone: bool  # nothing else stands in its lines
    beside: str
    heads: bool


def is_directive(text: str, grammar: str = "") -> bool:
    """Whether a program reads this comment."""
    if _DIRECTIVE.match(text) or _INSIDE.search(text):
        return True
    return grammar == "php" and bool(_ANNOTATION.search(text))


def comments(state: State) -> list[Comment]:
    """All comments of a document, in their order."""
    tree, snapshot = state.tree, state.snapshot
    if tree is None:
        return []
    if _is_fixed(tree):  # what was parsed is not the text, and a comment is a line
        starts = [at for at in snapshot.line_starts if _is_legacy(tree.grammar, snapshot.text, at)]
        ends = [snapshot.line_end(at) for at in starts]
    else:
        found_bytes = comment_bytes(tree)
        starts = tree.offsets([start for start, _ in found_bytes])
        ends = tree.offsets([end for _, end in found_bytes])
    found: list[Comment] = []
    for start, end in zip(starts, ends, strict=True):
        text = snapshot.text[start:end].rstrip()
        end = start + len(text)
        head = snapshot.text[snapshot.line_start(start) : start].strip()
        tail = snapshot.text[end : snapshot.line_end(end)].strip()
        beside = head or tail
        last = snapshot.line_at(end)
        if not beside and last + 1 < len(snapshot.line_starts):
            below = snapshot.line_starts[last + 1]
            beside = snapshot.text[below : snapshot.line_end(below)].strip()
        at = found[-1].end if found else 0
        heads = (not found or found[-1].heads) and not snapshot.text[at:start].strip(
            "\ufeff \t\r\n"
        )
        lines = "\n".join(line.strip() for line in text.splitlines())
        alone = not (head or tail)
        line = snapshot.line_at(start)
        found.append(Comment(lines, start, end, line, alone, beside, heads))
    return found


# Lines of cards that are comments, by column 7 and column 1.
_LEGACY = {"cobol": re.compile(r"[^\r\n]{6}[*/]"), "fortran": re.compile(r"[cC*!]")}


def _is_fixed(tree: Tree) -> bool:
    """Whether the text is of a fixed format, which is rewritten before it is parsed."""
    return tree.normalized is not None and tree.normalized.form == "fixed"


def _is_legacy(grammar: str, text: str, start: int) -> bool:
    """Whether the line of fixed format that begins at `start` is a comment."""
    pattern = _LEGACY.get(grammar)
    return pattern is not None and pattern.match(text, start) is not None


def added(
    before: State, after: State, absorbed: str = "", replaced: frozenset[str] = frozenset()
) -> list[Comment]:
    """The comments that an edit added or changed.

    Raises Fault where it touches a directive, or drops a comment whose words are not in `absorbed`
    and whose text is not in `replaced`.
    """
    grammar = before.tree.grammar if before.tree is not None else ""
    _directives(_read(comments(before), grammar), _read(comments(after), grammar))
    return fresh(before, after, absorbed, replaced)


def fresh(
    before: State, after: State, absorbed: str = "", replaced: frozenset[str] = frozenset()
) -> list[Comment]:
    """As `added`, but a directive may stand beside other code."""
    old, new = comments(before), comments(after)
    rest = Counter(c.text for c in new)
    words = " ".join(_WORD.findall(absorbed.lower()))
    kept = []
    for comment in old:
        if rest[comment.text]:
            rest[comment.text] -= 1
            kept.append(comment.text)
            continue
        said = " ".join(_WORD.findall(comment.text.lower()))
        if said and said not in words and comment.text not in replaced:
            raise Fault(f"the comment `{shown(comment.text)}` is gone")
    if kept != _common(kept, [c.text for c in new]):
        raise Fault("it moves comments")
    there = Counter(kept)
    found = []
    for comment in new:
        if there[comment.text]:
            there[comment.text] -= 1
        else:
            found.append(comment)
    return found


def _common(wanted: list[str], there: list[str]) -> list[str]:
    """The longest beginning of `wanted` that stands in `there` in its order."""
    rest = iter(there)
    found = []
    for text in wanted:
        if text not in rest:
            break
        found.append(text)
    return found


def _read(found: list[Comment], grammar: str) -> list[tuple[str, str, int]]:
    """The directives: what they say, beside what, and their line where that matters."""
    read = []
    for comment in found:
        coding = comment.line < 2 and _BY_LINE.search(comment.text)
        if coding or is_directive(comment.text, grammar):
            of_file = comment.heads and comment.alone and not _NEXT.search(comment.text)
            line = comment.line if _BY_LINE.search(comment.text) else 0
            read.append((comment.text, "" if of_file else comment.beside, line))
    return read


_NEXT = re.compile(r"next|ignore|expect|^//go:(?!build)|noinspection|NOLINT|noqa")
_BY_LINE = re.compile(r"\A#!|coding[:=]")


def _directives(old: list[tuple[str, str, int]], new: list[tuple[str, str, int]]) -> None:
    """Raises Fault unless they are the same, beside the same code."""
    texts = Counter(text for text, _, _ in new)
    for text, _, _ in old:
        if not texts[text]:
            raise Fault(f"the comment `{shown(text)}`, which a program reads, is gone")
        texts[text] -= 1
    for text in +texts:
        raise Fault(f"it adds the comment `{shown(text)}`, which a program reads")
    if Counter(old) != Counter(new):
        moved = next(iter(Counter(old) - Counter(new)))[0]
        raise Fault(f"the comment `{shown(moved)}`, which a program reads, has moved")


def shown(text: str) -> str:
    """A comment, to be quoted."""
    return text.partition("\n")[0][:_SHOWN]


def same(before: State, after: State) -> None:
    """Raises Fault with the first difference of two trees, comments aside. Both must be there."""
    assert before.tree is not None
    assert after.tree is not None
    if _is_fixed(before.tree) or _is_fixed(after.tree):
        _same_lines(before, after)
        return
    old, new = leaves(before.tree), leaves(after.tree)
    while True:
        a, b = next(old, None), next(new, None)
        if a is None and b is None:
            return
        if a is None or b is None or a[:2] != b[:2]:
            break
    if b is None:
        assert a is not None
        raise Fault(f"{_at(before, a[2])} is gone")
    if a is None:
        raise Fault(f"it adds {_at(after, b[2])}")
    was, now = _at(before, a[2]), _at(after, b[2])
    raise Fault(f"it changes {was} to {now}" if was != now else f"it changes {was}")


def _same_lines(before: State, after: State) -> None:
    """The same for fixed formats, where comments are lines."""
    sides = []
    for state in (before, after):
        assert state.tree is not None
        text, grammar = state.snapshot.text, state.tree.grammar
        starts = [at for at in state.snapshot.line_starts if not _is_legacy(grammar, text, at)]
        sides.append([text[at : state.snapshot.line_end(at)] for at in starts])
    for old, new in zip_longest(*sides):
        if old != new:
            was = (old if old is not None else new).strip()
            raise Fault(f"it changes `{was[:_SHOWN]}`")


def _at(state: State, byte: int) -> str:
    assert state.tree is not None
    snapshot, offset = state.snapshot, state.tree.offset(byte)
    line = snapshot.text[snapshot.line_start(offset) : snapshot.line_end(offset)].strip()
    return f"`{line[:_SHOWN]}`"
