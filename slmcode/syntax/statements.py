"""A file from afar: the statements at its top, and the names in it. Any thread."""

from __future__ import annotations

from typing import NamedTuple

import tree_sitter

from slmcode.syntax.parser import Tree

# What makes a text a module of its language, and does nothing.
_HEADS = ("package", "import", "use_", "preproc_include", "hash_bang")


class Statement(NamedTuple):
    """A node right below the root, in code points.

    `is_code` is False for comments, a text alone (such as a docstring), imports and errors.
    """

    start: int
    end: int
    is_code: bool


def statements(tree: Tree) -> list[Statement]:
    """The nodes right below the root, in the order of the source."""
    nodes = tree.root.children
    ends = sorted({byte for node in nodes for byte in (node.start_byte, node.end_byte)})
    at = dict(zip(ends, tree.offsets(ends), strict=True))
    return [Statement(at[n.start_byte], at[n.end_byte], _is_code(n)) for n in nodes]


def _is_code(node: tree_sitter.Node) -> bool:
    kind = node.type
    if not node.is_named or node.is_error or "comment" in kind or kind == "string":
        return False
    alone = node.named_child_count == 1 and node.named_children[0].type == "string"
    return not alone and not kind.startswith(_HEADS)


def names(tree: Tree) -> list[tuple[int, str]]:
    """Leaves that may be names, each with its offset, in the order of the source.

    Nothing of comments and texts. Takes 0.1 s for 10,000 lines.
    """
    found: list[tuple[int, str]] = []
    nodes = [tree.root]
    starts = []
    while nodes:
        node = nodes.pop()
        if "comment" in node.type:
            continue
        if children := node.children:
            nodes.extend(reversed(children))
        elif node.is_named and "string" not in node.type:
            starts.append(node.start_byte)
            found.append((0, tree.data[node.start_byte : node.end_byte].decode("utf-8", "replace")))
    offsets = tree.offsets(starts)
    return [(at, text) for at, (_, text) in zip(offsets, found, strict=True)]
