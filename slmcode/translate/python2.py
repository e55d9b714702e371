"""Python 2 to Python 3: fissix's fixers for names and syntax, our own rules for what only differs
when it runs (division, ordering, rounding), and a list of what is left to look at.

`/` on two whole numbers cut in Python 2. Where the operands' types are evident it becomes `//` or
stays; elsewhere it becomes a call of `_divide`, a function put into the module, which asks when it
runs. The same holds for `cmp` and `round`. Comments and layout stay as they are.
"""

from __future__ import annotations

import ast
import functools
import logging
import re
from collections.abc import Callable, Iterator

import msgspec
from fissix import pygram, refactor
from fissix.pgen2 import token
from fissix.pgen2.parse import ParseError
from fissix.pgen2.tokenize import TokenError
from fissix.pytree import Leaf, Node

_syms = pygram.python_symbols

HELPERS = {
    "_divide": '''def _divide(a, b):
    """Divide as Python 2 did: whole numbers give a whole number, rounded down."""
    return a // b if isinstance(a, int) and isinstance(b, int) else a / b
''',
    "_cmp": '''def _cmp(a, b):
    """Python 2's cmp: -1, 0 or 1."""
    return (a > b) - (a < b)
''',
    "_round": '''def _round(number, digits=0):
    """Round as Python 2 did: halves away from zero, and the result is a float."""
    if not math.isfinite(number):
        return number
    with decimal.localcontext(prec=400):
        step = decimal.Decimal(1).scaleb(-digits)
        return float(decimal.Decimal(number).quantize(step, decimal.ROUND_HALF_UP))
''',
}
_MODULES = {"_round": ("decimal", "math")}
_INT = {"len", "int", "long", "ord", "hash", "id", "cmp"}
_FLOAT = {"float", "sqrt", "sin", "cos", "tan", "log", "log10", "exp", "atan2"}
_FLOAT |= {"time.time", "time.clock", "random.random", "random.uniform"}
_COMPARING = {"__cmp__": "__lt__ and __eq__", "__getslice__": "__getitem__ with a slice"}
_RENAMED = {"__div__": "__truediv__", "__rdiv__": "__rtruediv__", "__idiv__": "__itruediv__"}


_STRING = {
    "letters": "ascii_letters",
    "lowercase": "ascii_lowercase",
    "uppercase": "ascii_uppercase",
}


class NotPython2(ValueError):
    """The text cannot be parsed as Python 2; the message names the line."""


class Left(msgspec.Struct, frozen=True):
    """Something the rules leave to the eye, or to the model. `line` counts from 1 in the source."""

    line: int
    what: str


class Fixed(msgspec.Struct, frozen=True):
    """Python 3, and what to look at."""

    text: str
    left: tuple[Left, ...]


def to_python3(text: str) -> Fixed:
    """Python 2 text as Python 3 that behaves alike, as far as rules reach.

    Line ends are kept. Raises NotPython2.
    """
    crlf = "\r\n" in text
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if plain and not plain.endswith("\n"):
        plain += "\n"
    tool = _tool("from __future__ import print_function" in plain)
    try:
        tree = tool.driver.parse_string(plain)
    except (ParseError, TokenError, IndentationError) as error:
        raise NotPython2(_place(error)) from None
    tree.future_features = refactor._detect_future_features(plain)
    left = list(_left(tree))
    helpers = _rules(tree, true_division="division" in tree.future_features)
    tool.refactor_tree(tree, "")
    fixed = _with_helpers(str(tree), helpers)
    if plain != text and not text.replace("\r\n", "\n").replace("\r", "\n").endswith("\n"):
        fixed = fixed.removesuffix("\n")
    return Fixed(fixed.replace("\n", "\r\n") if crlf else fixed, tuple(left))


@functools.cache
def _tool(print_function: bool) -> refactor.RefactoringTool:
    logging.getLogger("RefactoringTool").setLevel(logging.ERROR)
    fixers = [
        name
        for name in refactor.get_fixers_from_package("fissix.fixes")
        if not name.endswith(("fix_idioms", "fix_ws_comma", "fix_set_literal", "fix_buffer"))
    ]
    return refactor.RefactoringTool(fixers, {"print_function": print_function})


def _place(error: Exception) -> str:
    if isinstance(error, ParseError):
        return f"line {error.context[1][0]}: {error.value!r} is not expected here"
    if isinstance(error, TokenError):
        return f"line {error.args[1][0]}: {error.args[0]}"
    return str(error)


# What behaves differently


def _rules(tree: Node, true_division: bool) -> set[str]:
    """Rewrite what runs differently; the helpers that are needed now."""
    helpers: set[str] = set()
    kinds = _Kinds(tree)
    defined = {name.value for name in _names(tree) if _is_definition(name) or kinds.binds(name)}
    for node in list(tree.post_order()):
        if isinstance(node, Leaf):
            if node.type == token.NAME and node.value in _RENAMED and _is_definition(node):
                node.value = _RENAMED[node.value]
            elif node.type == token.NAME and _of_string(node) in _STRING:
                node.value = _STRING[node.value]
            elif node.type == token.NAME and node.value == "xrange" and "xrange" not in defined:
                node.value = "range"  # fissix renames it where it is called
            elif node.type == token.NAME and node.value in ("cmp", "round"):
                helpers |= _called(node, defined)
        elif node.type == _syms.term and not true_division:
            helpers |= _division(node, kinds)
        elif node.type == _syms.expr_stmt and not true_division:
            helpers |= _division_in_place(node, kinds)
    return helpers


def _division(term: Node, kinds: _Kinds) -> set[str]:
    """Each `/` of a chain a * b / c, from left to right."""
    operands = list(term.children)
    if not any(isinstance(child, Leaf) and child.value == "/" for child in operands):
        return set()
    prefix = term.prefix
    first = operands[0]
    kind = kinds.of(first)
    text = str(first).removeprefix(first.prefix)
    needed: set[str] = set()
    for sign, operand in zip(operands[1::2], operands[2::2], strict=True):
        other = kinds.of(operand)
        right = str(operand)
        if sign.value == "/" and kind == other == "int":
            text += f"{sign.prefix}//{right}"
        elif sign.value == "/" and "float" not in (kind, other):
            needed.add("_divide")
            text = f"_divide({_bare(text)}, {_bare(right.strip())})"
        else:
            text += f"{sign}{right}"
        kind = _joined(sign.value, kind, other)
    term.replace(Leaf(token.NAME, text, prefix=prefix))
    return needed


def _bare(operand: str) -> str:
    """Without the parentheses around the whole, which a call does not need."""
    if operand.startswith("(") and "," not in operand and "\n" not in operand:
        depth = 0
        for place, character in enumerate(operand):
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return operand[1:-1].strip() if place == len(operand) - 1 else operand
    return operand


def _division_in_place(statement: Node, kinds: _Kinds) -> set[str]:
    """`a /= b`."""
    if len(statement.children) != 3 or str(statement.children[1]).strip() != "/=":
        return set()
    target, sign, value = statement.children
    pair = kinds.of(target), kinds.of(value)
    if "float" in pair:
        return set()
    if pair == ("int", "int"):
        sign.value = "//="
        return set()
    name = str(target).strip()
    if not re.fullmatch(r"[\w.]+", name):  # its parts would run twice
        return set()
    sign.value = "="
    call = f"_divide({name}, {str(value).strip()})"
    value.replace(Leaf(token.NAME, call, prefix=value.prefix))
    return {"_divide"}


def _called(name: Leaf, defined: set[str]) -> set[str]:
    """cmp and round where they mean Python's own; sorting by cmp is fissix's."""
    before = name.prev_sibling
    after = name.next_sibling
    if name.value in defined or (isinstance(before, Leaf) and before.value in (".", "import")):
        return set()
    if isinstance(after, Leaf) and after.value == "=":  # a keyword argument's name
        return set()
    name.value = f"_{name.value}"
    return {name.value}


def _of_string(name: Leaf) -> str:
    """The attribute's name in `string.name`, else ""."""
    trailer = name.parent
    owner = trailer.prev_sibling if trailer is not None else None
    dotted = name.prev_sibling is not None and str(name.prev_sibling) == "."
    return name.value if dotted and str(owner or "").strip() == "string" else ""


def _is_definition(name: Leaf) -> bool:
    return name.prev_sibling is not None and str(name.prev_sibling).strip() == "def"


class _Kinds:
    """Which expressions are evidently whole numbers, or evidently floats.

    A local name is what all its bindings are. Parameters, attributes and names of other scopes are
    unknown.
    """

    def __init__(self, tree: Node) -> None:
        self._bindings: dict[tuple[int, str], list[Node | Leaf | str]] = {}
        self._asked: set[tuple[int, str]] = set()
        self._known: dict[tuple[int, str], str] = {}
        for node in tree.pre_order():
            self._bind(node)

    def of(self, node: Node | Leaf) -> str:
        """ "int", "float" or ""."""
        if isinstance(node, Leaf):
            if node.type == token.NUMBER:
                return _literal(node.value)
            return self._name(node) if node.type == token.NAME else ""
        if node.type == _syms.factor:
            return self.of(node.children[1])
        if node.type == _syms.atom and len(node.children) == 3 and str(node.children[0])[-1] == "(":
            return self.of(node.children[1])
        if node.type in (_syms.arith_expr, _syms.term):
            kind = self.of(node.children[0])
            for sign, operand in zip(node.children[1::2], node.children[2::2], strict=True):
                kind = _joined(sign.value, kind, self.of(operand))
            return kind
        if node.type == _syms.power:
            return _of_call(node)
        return ""

    def binds(self, name: Leaf) -> bool:
        """Whether the scope the name stands in gives it a value."""
        return (_scope(name), name.value) in self._bindings

    def _name(self, name: Leaf) -> str:
        key = (_scope(name), name.value)
        if key in self._known:
            return self._known[key]
        bindings = self._bindings.get(key)
        if not bindings:
            return ""
        if key in self._asked:  # a name in its own binding: what the others are
            return "same"
        self._asked.add(key)
        kinds = {b if isinstance(b, str) else self.of(b) for b in bindings} - {"same"}
        self._asked.discard(key)
        kind = kinds.pop() if len(kinds) == 1 else ""
        if not self._asked:
            self._known[key] = kind
        return kind

    def _bind(self, node: Node | Leaf) -> None:
        if isinstance(node, Leaf):
            if node.type == token.NAME and node.value in ("global", "nonlocal"):
                for name in _names(node.parent):
                    self._add(name, "")
            return
        if node.type == _syms.expr_stmt:
            parts = node.children
            sign = str(parts[1]).strip()
            if sign == "=":
                for target in parts[:-1:2]:
                    self._bind_target(target, parts[-1])
            elif isinstance(parts[0], Leaf):
                exact = sign in ("+=", "-=", "*=", "//=", "%=", "/=")
                self._add(parts[0], parts[2] if exact else "")
        elif node.type in (_syms.for_stmt, _syms.comp_for):
            start = 1 if str(node.children[0]).strip() == "for" else 2
            ranged = re.match(r"\s*x?range\s*\(", str(node.children[start + 2]))
            for name in _names(node.children[start]):
                self._add(name, "int" if ranged else "")
        elif node.type in (_syms.parameters, _syms.varargslist, _syms.typedargslist):
            for name in _names(node):
                self._bindings.setdefault((_scope(node.children[0]), name.value), []).append("")
        elif node.type in (_syms.with_stmt, _syms.except_clause, _syms.import_as_name):
            for name in _names(node):
                self._add(name, "")

    def _bind_target(self, target: Node | Leaf, value: Node | Leaf) -> None:
        if isinstance(target, Leaf):
            if target.type == token.NAME:
                self._add(target, value)
            return
        lists = (_syms.testlist, _syms.exprlist, _syms.testlist_star_expr, _syms.testlist_gexp)
        alike = len(target.children) == len(value.children) if value.children else False
        if alike and target.type in lists and isinstance(value, Node) and value.type in lists:
            for part, given in zip(target.children[::2], value.children[::2], strict=True):
                self._bind_target(part, given)
            return
        if target.type in (_syms.power,):  # an attribute or a part: binds no name
            return
        for name in _names(target):
            self._add(name, "")

    def _add(self, name: Leaf, value: Node | Leaf | str) -> None:
        self._bindings.setdefault((_scope(name), name.value), []).append(value)


def _literal(number: str) -> str:
    if number[-1] in "jJ":
        return ""
    if number[:2].lower() in ("0x", "0b", "0o"):
        return "int"
    return "float" if re.search(r"[.eE]", number) else "int"


def _joined(sign: str, left: str, right: str) -> str:
    if "same" in (left, right):
        other = right if left == "same" else left
        return other if other in ("int", "same") else ""
    if sign == "%" and left == "":  # may be a text to be formatted
        return ""
    if "float" in (left, right):
        return "float"
    return "int" if left == right == "int" else ""


def _of_call(power: Node) -> str:
    name = "".join(str(child).strip() for child in power.children[:-1])
    last = power.children[-1]
    if not isinstance(last, Node) or last.type != _syms.trailer or str(last).strip()[0] != "(":
        return ""
    if name in _INT:
        return "int"
    return "float" if name in _FLOAT or name.removeprefix("math.") in _FLOAT else ""


def _scope(node: Node | Leaf) -> int:
    at = node.parent
    while at is not None and at.type not in (_syms.funcdef, _syms.lambdef, _syms.classdef):
        at = at.parent
    return id(at)


def _names(node: Node | Leaf | None) -> Iterator[Leaf]:
    if node is None:
        return
    for leaf in node.leaves():
        if leaf.type == token.NAME:
            yield leaf


# What is left


def _left(tree: Node) -> Iterator[Left]:
    """What Python 3 does otherwise and no rule decides."""
    for leaf in tree.leaves():
        if leaf.type != token.NAME:
            continue
        line = leaf.get_lineno()
        before = str(leaf.prev_sibling).strip() if leaf.prev_sibling is not None else ""
        if leaf.value in _COMPARING and _is_definition(leaf):
            yield Left(line, f"{leaf.value} is not asked any more: write {_COMPARING[leaf.value]}")
        elif before == ".":
            said = _METHODS.get(leaf.value)
            if said:
                yield Left(line, said)
        elif leaf.value in _FUNCTIONS:
            said = _FUNCTIONS[leaf.value](leaf)
            if said:
                yield Left(line, said)


def _of_open(leaf: Leaf) -> str:
    call = str(leaf.parent)
    if not re.search(r"\bopen\s*\(", call) or re.search(r"""["'][rwa+U]*b""", call):
        return ""
    return "open gives text decoded by the locale; Python 2 gave bytes"


def _of_map(leaf: Leaf) -> str:
    if re.search(r"\bmap\s*\(\s*None\b", str(leaf.parent)):
        return "map(None, …) filled the shorter with None: itertools.zip_longest"
    return ""


_METHODS = {
    "encode": "encode gives bytes, which do not mix with text",
    "decode": "only bytes can be decoded",
    "maxint": "whole numbers have no largest value any more",
    "next": "an iterator's method is __next__ now",
}
_FUNCTIONS: dict[str, Callable[[Leaf], str]] = {
    "open": _of_open,
    "map": _of_map,
    "coerce": lambda _: "coerce does not exist any more",
}


# The module's head


def _with_helpers(text: str, helpers: set[str]) -> str:
    if not helpers:
        return text
    imports = [
        f"import {module}"
        for name in sorted(helpers)
        for module in _MODULES.get(name, ())
        if not re.search(rf"^import .*\b{module}\b", text, re.M)
    ]
    functions = [HELPERS[name] for name in sorted(helpers) if name in HELPERS]
    lines = text.splitlines(keepends=True)
    at = _head(lines)
    head = "".join(line + "\n" for line in imports)
    body = "".join(f"\n\n{function}" for function in functions)
    after = _imports_end(lines, at)
    return (
        "".join(lines[:at])
        + head
        + "".join(lines[at:after])
        + body
        + ("\n\n" if body and "".join(lines[after:]).strip() else "")
        + "".join(lines[after:]).lstrip("\n" if body else "")
    )


def _head(lines: list[str]) -> int:
    """Where imports may begin: behind comments, the docstring and __future__."""
    body = ast.parse("".join(lines)).body
    at = 0
    for statement in body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (docstring or future):
            break
        at = statement.end_lineno or at
    if at == 0:
        while at < len(lines) and lines[at].startswith("#"):
            at += 1
    return at


def _imports_end(lines: list[str], at: int) -> int:
    end = at
    for statement in ast.parse("".join(lines)).body:
        if statement.lineno <= at:
            continue
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        end = statement.end_lineno or end
    return end
