"""Local names of a document: where one is bound and used, as far as the syntax makes it certain.

Scopes come from `grammars/<grammar>/locals.scm`:

    @function    a function, which is a scope; what is local is local to the outermost one
    @scope       a block that may bind names of its own
    @definition  an identifier that binds a name in the scope around it
    @definition.outer   the same, in the scope around that one: the name of an inner function
    @fixed       an identifier that binds a name which others may know: not renamed
    @other       an identifier that is no variable: a field, a label, a method
    @opaque      code in which a name may mean something else than it seems to

Whatever is not certain raises Uncertain with the reason, half a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import NamedTuple

import tree_sitter

from slmcode.syntax.languages import all_rows, language, query_text
from slmcode.syntax.parser import Tree, grammar_language, parse
from slmcode.text import Edit, TextRange

_NAMES = {"identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"}
_NAMES |= {"shorthand_field_identifier"}
_SHORTHANDS = _NAMES - {"identifier"}
# Languages in which a second definition in one scope sets the same variable anew.
_REBINDS = {"python"}
_PREPROCESSED = {"c", "cpp"}
# Identifiers by which code sees the names around it.
_SEES_NAMES = {
    "python": {"eval", "exec", "locals", "vars"},
    "javascript": {"eval"},
    "typescript": {"eval"},
    "tsx": {"eval"},
    "lua": {"debug"},
}
_WORD = re.compile(r"[^\W\d]\w*\Z")
# Macros of Rust's standard library, which use their arguments as functions do.
_MACROS = {
    *("println", "print", "eprintln", "eprint", "format", "write", "writeln", "panic", "vec"),
    *("assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "todo"),
    *("unreachable", "unimplemented", "dbg"),
}


class Uncertain(Exception):
    """What was asked cannot be said for certain; the message is half a sentence."""


class Name(NamedTuple):
    """A local variable or parameter with all places that bind or use it, in order."""

    text: str
    definitions: tuple[TextRange, ...]
    uses: tuple[TextRange, ...]  # the definitions among them


class _Scope(NamedTuple):
    node: tree_sitter.Node
    is_function: bool


@cache
def _query(grammar: str) -> tree_sitter.Query | None:
    text = query_text(grammar, "locals")
    return tree_sitter.Query(grammar_language(grammar), text) if text is not None else None


def has_locals(language_id: str) -> bool:
    """Whether local names of a language can be told."""
    row = language(language_id)
    return row is not None and bool(row.grammar) and _query(row.grammar) is not None


class Locals:
    """The local names of one tree. Raises Uncertain for a tree with errors or without scopes."""

    def __init__(self, tree: Tree) -> None:
        query = _query(tree.grammar)
        if query is None:
            raise Uncertain("local names of this language are not known")
        if tree.stale or tree.rewritten:
            raise Uncertain("the document is not parsed yet")
        if tree.root.has_error:
            raise Uncertain("the file does not parse")
        self._tree = tree
        found = tree_sitter.QueryCursor(query).captures(tree.root)
        self._functions = {n.id for n in found.get("function", [])}
        self._scopes = self._functions | {n.id for n in found.get("scope", [])}
        self._definitions = {n.id for n in found.get("definition", [])}
        self._outer = {n.id for n in found.get("definition.outer", [])}
        self._fixed = {n.id for n in found.get("fixed", [])}
        self._other = {n.id for n in found.get("other", [])}
        self._opaque = {n.id for n in found.get("opaque", [])}

    def at(self, offset: int) -> Name:
        """The local name at an offset, or right before it. Raises Uncertain."""
        node = self._identifier(offset)
        if node.id in self._other:
            raise Uncertain(f"`{_text(node)}` is not a local name")
        return self._name(node)

    def every(self, start: int, end: int) -> list[Name]:
        """The local names that are bound between two offsets, those that are certain."""
        found: dict[TextRange, Name] = {}
        first, last = self._tree.byte(start), self._tree.byte(end)
        for leaf in _leaves(self._tree.root):
            bound = leaf.id in self._definitions or leaf.id in self._outer
            if not bound or not first <= leaf.start_byte < last:
                continue
            try:
                name = self._name(leaf)
            except Uncertain:
                continue
            found.setdefault(name.uses[0], name)
        return list(found.values())

    def rename(self, offset: int, new: str) -> list[Edit]:
        """The edits that give the local name at an offset another one. Raises Uncertain."""
        node = self._identifier(offset)
        name = self.at(offset)
        if not _WORD.match(new) or new == name.text:
            raise Uncertain(f"`{new}` is not a new name")
        function = self._outermost(node)
        for leaf in _leaves(function):
            if _text(leaf) == new or (leaf.child_count == 0 and new in _words(_text(leaf))):
                raise Uncertain(f"`{new}` is already used in the function")
        if re.search(rf"(?m)^\s*#\s*define\b.*\b{re.escape(new)}\b", self._source):
            raise Uncertain(f"`{new}` is used in a macro")
        edits = []
        for place in name.uses:
            leaf = self._leaf(place.start)
            short = leaf.type in _SHORTHANDS or _is_shorthand(leaf)
            edits.append(Edit(place, f"{name.text}: {new}" if short else new))
        self._check(edits)
        return edits

    @cached_property
    def _source(self) -> str:
        return self._tree.data.decode("utf-8", "replace")

    def _check(self, edits: list[Edit]) -> None:
        """Raises Uncertain unless the text after the edits has the same shape."""
        text = self._source
        for (start, end), new in reversed(edits):
            text = text[:start] + new + text[end:]
        after = parse(_language_of(self._tree.grammar), text)
        if after.root.has_error or _shape(after.root) != _shape(self._tree.root):
            raise Uncertain("the file would not parse as it does now")

    def _identifier(self, offset: int) -> tree_sitter.Node:
        for at in (offset, offset - 1):
            if at >= 0:
                node = self._leaf(at)
                if node.type in _NAMES:
                    return node
        raise Uncertain("there is no name at the cursor")

    def _leaf(self, offset: int) -> tree_sitter.Node:
        byte = self._tree.byte(offset)
        node = self._tree.root.descendant_for_byte_range(byte, byte + 1)
        assert node is not None
        return node

    def _range(self, node: tree_sitter.Node) -> TextRange:
        return TextRange(self._tree.offset(node.start_byte), self._tree.offset(node.end_byte))

    def _outermost(self, node: tree_sitter.Node) -> tree_sitter.Node:
        """The outermost function around a node. Raises Uncertain."""
        found = [n for n in _around(node) if n.id in self._functions]
        if not found:
            raise Uncertain(f"`{_text(node)}` is not local to a function")
        return found[-1]

    def _scope(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        """The scope in which a definition binds its name; None for the file."""
        scopes = [n for n in _around(node) if n.id in self._scopes]
        if node.id in self._outer:
            scopes = scopes[1:]
        return scopes[0] if scopes else None

    def _name(self, node: tree_sitter.Node) -> Name:
        text = _text(node)
        function = self._outermost(node)
        leaves = [n for n in _leaves(function) if n.type in _NAMES and _text(n) == text]
        leaves = [n for n in leaves if n.id not in self._other]
        bound: dict[int, list[tree_sitter.Node]] = {}
        scopes: dict[int, tree_sitter.Node] = {}
        for leaf in leaves:
            if leaf.id in self._fixed:
                raise Uncertain(f"`{text}` may be known by its name elsewhere")
            if leaf.id in self._definitions or leaf.id in self._outer:
                scope = self._scope(leaf)
                if scope is None or not _inside(scope, function):
                    raise Uncertain(f"`{text}` is not local to a function")
                bound.setdefault(scope.id, []).append(leaf)
                scopes[scope.id] = scope
        for a in scopes.values():
            if any(a.id != b.id and _inside(a, b) for b in scopes.values()):
                raise Uncertain(f"`{text}` is bound in more than one scope around")
        own = next((s for s in _around(node) if s.id in scopes), None)
        if own is None:
            raise Uncertain(f"`{text}` is not a local name")
        definitions = bound[own.id]
        if len(definitions) > 1 and self._tree.grammar not in _REBINDS:
            raise Uncertain(f"`{text}` is bound more than once")
        uses = [leaf for leaf in leaves if _inside(leaf, own)]
        first = min(d.start_byte for d in definitions)
        if self._tree.grammar not in _REBINDS and any(u.start_byte < first for u in uses):
            raise Uncertain(f"`{text}` is used before it is bound")
        if not all(any(_inside(leaf, s) for s in scopes.values()) for leaf in leaves):
            raise Uncertain(f"`{text}` means something else in the same function")
        self._check_certain(text, function, own, uses)
        ranges = tuple(self._range(u) for u in uses)
        return Name(text, tuple(self._range(d) for d in definitions), ranges)

    def _check_certain(
        self,
        text: str,
        function: tree_sitter.Node,
        scope: tree_sitter.Node,
        uses: list[tree_sitter.Node],
    ) -> None:
        """Raises Uncertain where a use may mean something else, or a name is used unseen."""
        for use in uses:
            for outer in _around(use):
                if outer.id == scope.id:
                    break
                if outer.id in self._opaque:
                    raise Uncertain(f"`{text}` is used where it may mean something else")
                if outer.type == "macro_invocation":
                    macro = outer.child_by_field_name("macro")
                    if macro is None or _text(macro) not in _MACROS:
                        raise Uncertain(f"`{text}` is used in a macro")
                if outer.type == "call_expression" and self._tree.grammar in _PREPROCESSED:
                    called = outer.child_by_field_name("function")
                    if called is not None and called.id != use.id and _text(called).isupper():
                        raise Uncertain(f"`{text}` is used in a macro")
                if (
                    outer.type.startswith("jsx_")
                    and outer.type.endswith("element")
                    and (use.parent is not None and use.parent.id == outer.id)
                ):
                    raise Uncertain(f"`{text}` is the name of an element")
        unseen = _SEES_NAMES.get(self._tree.grammar, set())
        for node in _walk(function):
            kind = node.type
            sees = kind == "identifier" and node.id not in self._other and _text(node) in unseen
            if sees or (kind == "with_statement" and self._tree.grammar != "python"):
                raise Uncertain("the function has code that sees its names while it runs")
            if kind.startswith("preproc") and text in _words(_text(node)):
                raise Uncertain(f"`{text}` is used in a preprocessor's line")
            if kind == "macro_invocation" and re.search(rf"\{{{re.escape(text)}\b", _text(node)):
                raise Uncertain(f"`{text}` is used in a macro's string")
        if re.search(rf"(?m)^\s*#\s*define\b.*\b{re.escape(text)}\b", self._source):
            raise Uncertain(f"`{text}` is used in a macro")


class _Extraction(NamedTuple):
    """How a language declares a variable, and which expressions keep their meaning in one."""

    template: str
    expressions: frozenset[str]
    blocks: frozenset[str]
    statements: frozenset[str]


_SCRIPT = _Extraction(
    "const {name} = {value};",
    frozenset({"call_expression", "member_expression", "binary_expression", "new_expression"})
    | {"template_string", "subscript_expression", "unary_expression"},
    frozenset({"statement_block", "program"}),
    frozenset({"expression_statement", "return_statement", "lexical_declaration"})
    | {"variable_declaration", "if_statement", "throw_statement"},
)
_EXTRACTIONS = {
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "javascript": _SCRIPT,
    "go": _Extraction(
        "{name} := {value}",
        frozenset({"call_expression", "selector_expression", "index_expression"}),
        frozenset({"block", "statement_list"}),
        frozenset({"expression_statement", "return_statement", "short_var_declaration"})
        | {"assignment_statement", "if_statement"},
    ),
    "lua": _Extraction(
        "local {name} = {value}",
        frozenset({"binary_expression", "dot_index_expression", "bracket_index_expression"}),
        frozenset({"block", "chunk"}),
        frozenset({"return_statement", "variable_declaration", "function_call"}),
    ),
}
_EFFECTS = re.compile(
    r"call|new_expression|assignment|update|await|yield|inc_|dec_|receive|unary_expression"
)
_LAZY = re.compile(
    r"function(?!_call)|arrow|lambda|closure|class|ternary|conditional|method|while|for_|switch|jsx|do_"
    r"|optional|template_substitution|chain|func_literal"
)
_CHAIN = re.compile(r"member|call|subscript|non_null")
_SHORT_CIRCUIT = {"&&", "||", "??", "and", "or"}


def extract_variable(tree: Tree, text: str, start: int, end: int, name: str) -> list[Edit]:
    """The edits that give the selected expression a name. Raises Uncertain."""
    how = _EXTRACTIONS.get(tree.grammar)
    if how is None:
        raise Uncertain("in this language the meaning of a variable depends on its type")
    if tree.stale or tree.root.has_error:
        raise Uncertain("the file does not parse")
    selected = text[start:end]
    start += len(selected) - len(selected.lstrip())
    end -= len(selected) - len(selected.rstrip())
    node = exact_node(tree, start, end)
    if node is None or node.type not in how.expressions:
        raise Uncertain("the selection is no expression that can be named for certain")
    if name in _words(text):
        raise Uncertain(f"`{name}` is already used in the file")
    statement = _statement(node, how)
    place = tree.offset(statement.start_byte)
    line = max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1
    indent = text[line:place]
    if indent.strip():
        raise Uncertain("its statement does not begin its line")
    eol = "\r\n" if "\r\n" in text else "\n"
    value = text[start:end]
    if "\n" in value or "\r" in value:
        raise Uncertain("the selection has more than one line")
    declaration = how.template.format(name=name, value=value)
    edits = [
        Edit(TextRange(line, line), f"{indent}{declaration}{eol}"),
        Edit(TextRange(start, end), name),
    ]
    after = text[:line] + edits[0].new_text + text[line:start] + name + text[end:]
    if not _WORD.match(name) or parse(_language_of(tree.grammar), after).root.has_error:
        raise Uncertain("the file would not parse")
    return edits


def exact_node(tree: Tree, start: int, end: int) -> tree_sitter.Node | None:
    """The outermost node that stands exactly between two offsets."""
    first, last = tree.byte(start), tree.byte(end)
    node = tree.root.descendant_for_byte_range(first, last)
    while node is not None and (node.start_byte, node.end_byte) == (first, last):
        parent = node.parent
        if node.is_named and (
            parent is None or (parent.start_byte, parent.end_byte) != (first, last)
        ):
            return node
        node = parent
    return None


def _statement(node: tree_sitter.Node, how: _Extraction) -> tree_sitter.Node:
    """The statement around an expression, before which it can be evaluated. Raises Uncertain."""
    inner, outer = node, node.parent
    parent = node.parent
    if parent is not None and parent.type in ("call_expression", "function_call", "new_expression"):
        if parent.child_by_field_name("function") == node:
            raise Uncertain("it is what is called")
        if parent.child_by_field_name("constructor") == node:
            raise Uncertain("it is what is made")
    if any(re.search("await|yield", n.type) for n in _walk(node)):
        raise Uncertain("it waits or yields")
    if parent is not None and parent.type == "expression_statement":
        raise Uncertain("the selection is a whole statement")
    if node.type == "template_string" and parent is not None and "call" in parent.type:
        raise Uncertain("its place matters")
    if "?." in _text(node) and parent is not None and _CHAIN.search(parent.type):
        raise Uncertain("it is not always evaluated")
    while outer is not None:
        if inner.type in how.statements and outer.type in how.blocks:
            return inner
        before = outer.children[: [c.id for c in outer.children].index(inner.id)]
        if any(_EFFECTS.search(n.type) for b in before for n in _walk(b)):
            raise Uncertain("something that is called earlier in its statement would run after it")
        if any(_text(b) in _SHORT_CIRCUIT for b in before):
            raise Uncertain("it is not always evaluated")
        if _LAZY.search(outer.type):
            raise Uncertain("it is evaluated at another time than its statement, or not always")
        if outer.type == "if_statement" and outer.child_by_field_name("condition") != inner:
            raise Uncertain("it is not always evaluated")
        if re.search(r"assignment|update|unary|spread|reference|pattern", outer.type) and (
            outer.child_by_field_name("left") == inner
            or (inner is node and "assign" not in outer.type)
        ):
            raise Uncertain("its place matters")
        if (
            outer.type == "argument_list"
            and node is inner
            and outer.named_child_count == 1
            and ("call" in node.type and how.template.endswith(":= {value}"))
        ):
            raise Uncertain("it may have more than one value")
        if outer.type == "expression_list" and outer.named_child_count == 1:
            other = outer.parent.child_by_field_name("left") if outer.parent is not None else None
            if (other is not None and other.named_child_count > 1) or (
                outer.parent is not None
                and outer.parent.type == "return_statement"
                and "call" in node.type
            ):
                raise Uncertain("it may have more than one value")
        inner, outer = outer, outer.parent
    raise Uncertain("it is not part of a statement before which a line can be put")


def _language_of(grammar: str) -> str:
    return next(row.language_id for row in all_rows() if row.grammar == grammar)


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _around(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    here = node.parent
    while here is not None:
        yield here
        here = here.parent


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += reversed(here.children)


def _leaves(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    return (n for n in _walk(node) if n.child_count == 0)


def _inside(node: tree_sitter.Node, outer: tree_sitter.Node) -> bool:
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte


def _is_shorthand(node: tree_sitter.Node) -> bool:
    return node.parent is not None and node.parent.type == "shorthand_field_initializer"


def _shape(node: tree_sitter.Node) -> list[str]:
    """The types of all nodes; a short property and a whole one count alike."""
    found = []
    for n in _walk(node):
        parent = n.parent.type if n.parent is not None else ""
        if n.type in (":", "property_identifier", "field_identifier") and parent in (
            *("pair", "pair_pattern", "field_pattern", "field_initializer"),
        ):
            continue
        kind = n.type
        if kind in ("pair", "pair_pattern", "shorthand_field_initializer", "field_initializer"):
            continue
        if kind in _NAMES or kind == "object_assignment_pattern" or kind == "assignment_pattern":
            kind = "name" if kind in _NAMES else "default"
        found.append(kind)
    return found
