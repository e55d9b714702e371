"""A tree as a sequence: its comments, its literals, and all of it without its comments.

Any thread. Bytes are those of the tree's data; `Tree.offset` has the offsets in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import tree_sitter

from slmcode.syntax.parser import Tree, grammar_language


class Leaf(NamedTuple):
    """The beginning or the end ("") of a node, or text that belongs to it directly."""

    kind: str
    text: bytes  # b"" for a node with children
    byte: int


# In nodes of these types blanks between the children are text.
_RAW = re.compile(r"string|char|literal|heredoc|regex|template|text|content|raw")
_NUMBER = re.compile(r"(?:^|_)(?:number|integer|float|int|decimal)(?:_|$)|numeric")
_STRING = re.compile(r"string|template|heredoc")


def comment_bytes(tree: Tree) -> list[tuple[int, int]]:
    """Where comments begin and end, in their order; none lies in another."""
    query = _query(tree.grammar)
    if query is None:
        return []
    nodes = tree_sitter.QueryCursor(query).captures(tree.root).get("comment", [])
    found: list[tuple[int, int]] = []
    for start, minus_end in sorted({(n.start_byte, -n.end_byte) for n in nodes}):
        if not found or start >= found[-1][1]:
            found.append((start, -minus_end))
    return found


def leaves(tree: Tree) -> Iterator[Leaf]:
    """The nodes that are no comments, outer ones first.

    Equal for two texts if and only if they have the same nodes with the same texts.
    """
    kinds, data = _kinds(tree.grammar), tree.data
    stack: list[tree_sitter.Node | Leaf] = [tree.root]
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf):
            yield node
            continue
        start, end, kind = node.start_byte, node.end_byte, node.type
        if kind in kinds:
            continue
        children = node.children
        if not children:
            yield Leaf(kind, data[start:end], start)
            continue
        yield Leaf(kind, b"", start)
        at, raw = start, bool(_RAW.search(kind))
        parts: list[tree_sitter.Node | Leaf] = []
        for child in children:
            parts += _between(data[at : child.start_byte], at, raw)
            parts.append(child)
            at = child.end_byte
        parts += _between(data[at:end], at, raw)
        parts.append(Leaf("", b"", max(start, end - 1)))
        stack.extend(reversed(parts))


def _between(text: bytes, at: int, raw: bool) -> list[Leaf]:
    """Text that no child covers; blanks count where they are `raw`."""
    text = text if raw else text.strip()
    return [Leaf("", text, at)] if text else []


def literals(tree: Tree, start: int, end: int) -> Iterator[tuple[str, str]]:
    """Kind ("number" or "text") and text of the literals between two bytes."""
    stack = [tree.root]
    while stack:
        node = stack.pop()
        if node.end_byte <= start or node.start_byte >= end:
            continue
        kind, children = node.type, node.children
        text = tree.data[node.start_byte : node.end_byte].decode("utf-8", "replace")
        inside = start <= node.start_byte and node.end_byte <= end
        if inside and not children and _NUMBER.search(kind) and text[:1].isdigit():
            yield "number", text
        elif (
            inside
            and node.is_named
            and _STRING.search(kind)
            and not any(_STRING.search(child.type) for child in children)
        ):
            yield "text", text
        stack.extend(children)


@cache
def _kinds(grammar: str) -> frozenset[str]:
    """The types of nodes that are comments; Perl's documentation is one."""
    language = grammar_language(grammar)
    kinds = ((i, language.node_kind_for_id(i)) for i in range(language.node_kind_count))
    return frozenset(
        kind
        for i, kind in kinds
        if kind
        and language.node_kind_is_named(i)
        and (kind.endswith("comment") or kind == "pod")
        and not kind.startswith("_")
    )


@cache
def _query(grammar: str) -> tree_sitter.Query | None:
    language = grammar_language(grammar)
    patterns = []
    for kind in sorted(_kinds(grammar)):
        pattern = f"({kind}) @comment"
        try:
            tree_sitter.Query(language, pattern)
        except tree_sitter.QueryError:
            continue  # no tree has it under this name
        patterns.append(pattern)
    return tree_sitter.Query(language, "\n".join(patterns)) if patterns else None
