"""Where a text does not follow its grammar."""

from __future__ import annotations

from slmcode.syntax.parser import Tree


def errors(tree: Tree) -> list[int]:
    """Offsets of all error nodes and of all nodes the parser made up, ascending.

    Only subtrees with errors are walked: nothing for a text without any.
    """
    found = []
    nodes = [tree.root]
    while nodes:
        node = nodes.pop()
        if node.is_error or node.is_missing:
            found.append(node.start_byte)
        if node.has_error:
            nodes.extend(node.children)
    return tree.offsets(sorted(found))
