"""What of a Python document is selected, or named at the cursor: what could be done with it.

Told from the tree alone, for menus that must be quick; what is done then is proved by others.
"""

from __future__ import annotations

import tree_sitter

from slmcode.syntax.locals import Locals, Uncertain, exact_node
from slmcode.syntax.parser import Tree
from slmcode.text import TextRange

_EXPRESSIONS = frozenset(
    (
        *("binary_operator", "comparison_operator", "boolean_operator", "not_operator", "call"),
        *("unary_operator", "attribute", "subscript", "list", "dictionary", "set", "tuple"),
        *("list_comprehension", "dictionary_comprehension", "set_comprehension", "string"),
        *("generator_expression", "integer", "float", "conditional_expression", "await"),
        *("parenthesized_expression", "concatenated_string"),
    )
)


def selected(tree: Tree, text: str, text_range: TextRange) -> set[str]:
    """Of "expression" and "statements" what a selection is, blanks at its ends aside."""
    start, end = text_range
    code = text[start:end]
    start, end = start + len(code) - len(code.lstrip()), end - len(code) + len(code.rstrip())
    if start >= end:
        return set()
    node = exact_node(tree, start, end)
    if node is not None and node.type in _EXPRESSIONS:
        return {"expression"}
    return {"statements"} if _is_statements(tree, start, end) else set()


def _is_statements(tree: Tree, start: int, end: int) -> bool:
    first, last = tree.byte(start), tree.byte(end)
    node = tree.root.descendant_for_byte_range(first, last)
    while node is not None and node.type not in ("block", "module"):
        node = node.parent
    if node is None:
        return False
    children = [c for c in node.named_children if c.type != "comment"]
    return first in {c.start_byte for c in children} and last in {c.end_byte for c in children}


def named(tree: Tree, offset: int) -> set[str]:
    """What the name at an offset is.

    Of "variable to inline", "function to inline", "definition of the module", "unused parameter".
    """
    leaf = _leaf(tree, offset)
    owner = leaf.parent if leaf is not None else None
    if leaf is None or owner is None:
        return set()
    kinds = ("function_definition", "class_definition")
    if owner.type in kinds and owner.child_by_field_name("name") == leaf:
        return _definition(owner)
    try:
        local = Locals(tree).at(offset)
    except Uncertain:
        return set()
    definition = _leaf(tree, local.definitions[0].start)
    owner = definition.parent if definition is not None else None
    if len(local.definitions) != 1 or owner is None or definition is None:
        return set()
    if owner.type == "assignment" and owner.child_by_field_name("right") is not None:
        return {"variable to inline"} if len(local.uses) > 1 else set()
    if len(local.uses) == 1 and _is_parameter(definition):
        return {"unused parameter"}
    return set()


def _definition(owner: tree_sitter.Node) -> set[str]:
    found = set()
    around = owner.parent
    if around is not None and around.type == "decorated_definition":
        around = around.parent
    outer = around.parent if around is not None else None
    in_class = outer is not None and outer.type == "class_definition"
    if owner.type == "function_definition" and _is_one_return(owner) and not in_class:
        found.add("function to inline")
    if around is not None and around.type == "module":
        found.add("definition of the module")
    return found


def _is_one_return(function: tree_sitter.Node) -> bool:
    body = function.child_by_field_name("body")
    children = [c for c in body.named_children if c.type != "comment"] if body is not None else []
    return len(children) == 1 and children[0].type == "return_statement"


def _is_parameter(node: tree_sitter.Node) -> bool:
    """Whether an identifier is a parameter of a function of the module that is not decorated."""
    owner = node.parent
    while owner is not None and owner.type != "function_definition":
        owner = owner.parent
    if owner is None or owner.parent is None or owner.parent.type != "module":
        return False
    parameters = owner.child_by_field_name("parameters")
    return parameters is not None and parameters.start_byte < node.start_byte < parameters.end_byte


def identifier(tree: Tree, offset: int) -> TextRange | None:
    """The identifier at an offset or right before it."""
    for at in (offset, offset - 1):
        node = _leaf(tree, at) if at >= 0 else None
        if node is not None and node.type == "identifier":
            return TextRange(tree.offset(node.start_byte), tree.offset(node.end_byte))
    return None


def function_name(tree: Tree, offset: int) -> int | None:
    """Where the innermost function around an offset has its name."""
    node = _leaf(tree, offset)
    while node is not None and node.type != "function_definition":
        node = node.parent
    name = node.child_by_field_name("name") if node is not None else None
    return None if name is None else tree.offset(name.start_byte)


def has_imports(tree: Tree) -> bool:
    """Whether the module imports anything at its top."""
    return any(child.type.startswith("import") for child in tree.root.children)


def _leaf(tree: Tree, offset: int) -> tree_sitter.Node | None:
    byte = tree.byte(offset)
    return tree.root.descendant_for_byte_range(byte, byte + 1)
