"""Where a text does not follow its grammar."""

from __future__ import annotations

import warnings

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


def python_error(text: str) -> str:
    """Why this Python does not compile text, with the line; "" where it does.

    The grammar takes more than Python does: `def f():` without a body, `return` outside of a
    function. Nothing is run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "", "exec", dont_inherit=True)
    except SyntaxError as e:
        return f"line {e.lineno}: {e.msg}"
    except (ValueError, RecursionError, MemoryError) as e:
        return type(e).__name__
    return ""
