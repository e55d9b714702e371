"""Exact rules that make faithful Python what a programmer would have written. Pure.

Every rule looks at one function and gives the whole text after one change of it, or None. Changes
are made in the text, so comments and layout stay. They are exact under what the emitted code holds:
an attribute with a picture never leaves its range, and `self` is used by its attributes only. The
proof is asked behind them all the same.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from slmcode.features.translation import dataflow
from slmcode.features.translation.dataflow import is_written, name_of, reads_first, uses
from slmcode.features.translation.facts import Fact, facts_of
from slmcode.features.translation.places import Function, Place, places

_MOST = 200  # changes of one rule on one function: it would not end otherwise
_LONGEST = 400_000  # characters of a text; a parse of the whole stands behind every change
_WORK = 2_000_000  # characters times functions
_POWER = 40  # COBOL's numbers have 38 digits
_WIDTH = 88
_NEVER_RETURN = {"stop", "goback"}
_NOT = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
}


class Rule(NamedTuple):
    """`what` says in a few words what was done."""

    what: str
    apply: Callable[[Code, Place], str | None]
    is_small: bool = False  # alone it does not make a function idiomatic


class Code:
    """A text with its tree, and where nodes stand in it.

    `facts` is what the faithful text says of its data, by class: attributes, and the local
    variables they have become.
    """

    def __init__(self, text: str, facts: Mapping[str, Mapping[str, Fact]]) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.places = places(text)
        self.lines = text.splitlines(keepends=True)
        self.data = facts
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))
        attributes = [n for n in ast.walk(self.tree) if isinstance(n, ast.Attribute)]
        self.n_attributes = Counter(n.attr for n in attributes)
        self.read = {n.attr for n in attributes if isinstance(n.ctx, ast.Load)}

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Offsets in code points."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def whole(self, first: ast.stmt, last: ast.stmt | None = None) -> tuple[int, int]:
        """The whole lines of statements, with what stands behind them on the last line."""
        end = (last or first).end_lineno
        assert end is not None
        return self._starts[first.lineno - 1], self._starts[min(end, len(self.lines))]

    def comment_behind(self, node: ast.stmt) -> str:
        """What stands behind a statement on its last line."""
        assert node.end_lineno is not None
        line_end = self._starts[node.end_lineno]
        return self.text[self.span(node)[1] : line_end].strip()

    def _offset(self, line: int, column: int) -> int:
        text = self.lines[line - 1]
        if text.isascii():
            return self._starts[line - 1] + column
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def owner(self, place: Place) -> str:
        return place.key.rpartition(".")[0]

    def facts(self, place: Place) -> Mapping[str, Fact]:
        return self.data.get(self.owner(place), {})

    def methods(self, owner: str) -> dict[str, Function]:
        return {
            key.rpartition(".")[2]: p.node
            for key, p in self.places.items()
            if key.rpartition(".")[0] == owner and isinstance(p.node, Function)
        }


def tidied(
    text: str, keys: Sequence[str], rules: Sequence[Rule], faithful: str = ""
) -> tuple[str, dict[str, list[Rule]]]:
    """The text with the rules used on the functions `keys`; and by function, the rules that served.

    In a long program only the first functions are looked at, so that it ends in about a minute.
    `faithful` is the text as it was emitted, "" for this one: it says what the data are. A function
    that is not there is passed over; a text that does not parse, or is very long, stays as it is.
    """
    done: dict[str, list[Rule]] = {}
    if not text or len(text) > _LONGEST:
        return text, done
    try:
        facts = _all_facts(faithful or text)
        code = Code(text, facts)
    except SyntaxError:
        return text, done
    for key in keys[: max(1, _WORK // len(text))]:
        for rule in rules:
            for _ in range(_MOST):
                place = code.places.get(key)
                if place is None or not isinstance(place.node, Function):
                    break
                new = rule.apply(code, place)
                if new is None or new == code.text:
                    break
                try:
                    code = Code(new, facts)
                except SyntaxError:
                    break  # a change that does not fit the layout: it is not made
                served = done.setdefault(key, [])
                if rule not in served:
                    served.append(rule)
    return without_unused_imports(code.text) if done else text, done


def without_unused_imports(text: str) -> str:
    """The text without imported names that it does not use, those of the runtime and others."""
    try:
        code = Code(text, {})
    except SyntaxError:
        return text
    used = {n.id for n in ast.walk(code.tree) if isinstance(n, ast.Name)}
    edits = []
    for node in code.tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module == "__future__" or node.level:
            continue
        kept = [a.name for a in node.names if a.name in used]
        if len(kept) == len(node.names) or any(a.asname or a.name == "*" for a in node.names):
            continue
        line = f"from {node.module} import {', '.join(kept)}"
        if len(line) > _WIDTH:
            names = "".join(f"    {name},\n" for name in kept)
            line = f"from {node.module} import (\n{names})"
        edits.append((code.span(node), line) if kept else (code.whole(node), ""))
    return _edited(code, edits)


def _all_facts(text: str) -> dict[str, dict[str, Fact]]:
    found = places(text)
    out: dict[str, dict[str, Fact]] = {}
    for key, place in found.items():
        if isinstance(place.node, ast.ClassDef):
            facts = facts_of(text, found, key)
            taken = {n.id for n in ast.walk(place.node) if isinstance(n, ast.Name)}
            for name, fact in list(facts.items()):
                local = name.removeprefix("self.")
                facts |= {v: fact for v in (local, local + "_") if v not in taken}
            out[key] = facts
    return out


def dumped(node: ast.AST) -> str:
    """The node without positions, to compare."""
    return ast.dump(node)


def _edited(code: Code, edits: Sequence[tuple[tuple[int, int], str]]) -> str:
    text = code.text
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in the tree."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                yield body


# Attributes that only one function needs


_LOOK_ALIKE = {"l", "O", "I"}  # with 1 and 0


class _Attribute(NamedTuple):
    """An attribute that becomes a local variable of one function."""

    name: str
    declared: ast.stmt | None  # goes with it; None: other functions still need it
    begins: str  # the value to begin with, "" for none


def _locals(code: Code, place: Place) -> str | None:
    """Attributes whose values no function hands to another become local variables."""
    node, owner = place.node, code.owner(place)
    assert isinstance(node, Function)
    if not owner or node.name == "__init__" or not _plain_self(code, owner):
        return None
    methods = code.methods(owner)
    reach = _reach(methods)
    if node.name in reach[node.name]:
        return None
    init = methods.get("__init__")
    declared = facts_of(code.text, code.places, owner)
    by_method = {
        m: Counter(name_of(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute))
        for m, tree in methods.items()
    }
    found: list[_Attribute] = []
    for name, fact in declared.items():
        users = [m for m in methods if m != "__init__" and by_method[m][name]]
        attr = name.removeprefix("self.")
        if attr not in code.read:
            continue  # it would be a variable that nothing uses
        own = sum(counted[name] for counted in by_method.values())
        if node.name not in users or own != code.n_attributes[attr] or attr in methods:
            continue
        if any(set(users) & reach[m] for m in users) or by_method["__init__"][name] != 1:
            continue  # what is called may change it meanwhile
        alone = users == [node.name]
        if not any(reads_first(methods[m], name) for m in users):
            found.append(_Attribute(name, fact.statement if alone else None, ""))
        elif alone and fact.is_plain and _runs_once(code, owner, node):
            found.append(_Attribute(name, fact.statement, code.of(fact.value)))
    if not found or init is None:
        return None
    return _localized(code, node, init, found)


def _localized(code: Code, node: Function, init: Function, found: Sequence[_Attribute]) -> str:
    edits: list[tuple[tuple[int, int], str]] = []
    taken = _taken_names(code, node)
    first = node.body[1 if _is_docstring(node.body[0]) and len(node.body) > 1 else 0]
    start = code.whole(first)[0]
    indent = code.text[start : code.span(first)[0]]
    above = first.lineno - 2  # comments above the first statement stay with it
    while code.lines[above].lstrip().startswith("#"):
        above -= 1
    start = sum(map(len, code.lines[: above + 1]))
    begun = ""
    for name, declared, begins in found:
        new = name.removeprefix("self.")
        while new in taken:
            new += "_"
        taken.add(new)
        edits += [(code.span(use), new) for use in uses(node, name)]
        if declared is None:
            continue
        comment = code.comment_behind(declared)
        edits.append((code.whole(declared), ""))
        if begins:
            begun += f"{indent}{new} = {begins}{'  ' + comment if comment else ''}\n"
        elif comment:
            edits += _comment_at_first(code, node, name, comment)
    edits.append(((start, start), begun))
    gone = [a.declared for a in found]
    if not [s for s in init.body if s not in gone]:
        at = code.whole(init.body[0])[0]
        edits.append(((at, at), " " * init.body[0].col_offset + "pass\n"))
    return _edited(code, edits)


def _comment_at_first(
    code: Code, node: Function, name: str, comment: str
) -> list[tuple[tuple[int, int], str]]:
    """The declaration's comment goes to the first assignment, where that has none."""
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign) and name_of(statement.targets[0]) == name:
            end = code.span(statement)[1]
            if code.comment_behind(statement):
                return []
            width = len(code.lines[statement.lineno - 1].rstrip()) + 2 + len(comment)
            return [((end, end), f"  {comment}")] if width <= _WIDTH else []
    return []


def _plain_self(code: Code, owner: str) -> bool:
    """Whether methods use `self` by its attributes only, and nothing by a computed name."""
    for tree in code.methods(owner).values():
        bare = {id(n) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "self"}
        for n in ast.walk(tree):
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name):
                bare.discard(id(n.value))
            if isinstance(n, ast.Name) and n.id in ("getattr", "setattr", "vars"):
                return False
        if bare:
            return False
    return True


def _reach(methods: Mapping[str, Function]) -> dict[str, set[str]]:
    """By method, those that may run while it does; also itself, where it is called again."""
    direct = {
        name: {c for c in dataflow.called(tree) if c in methods} for name, tree in methods.items()
    }
    out: dict[str, set[str]] = {}
    for name in methods:
        found: set[str] = set()
        rest = list(direct[name])
        while rest:
            if (at := rest.pop()) not in found:
                found.add(at)
                rest += direct[at]
        out[name] = found
    return out


def _runs_once(code: Code, owner: str, node: Function) -> bool:
    """Whether a method runs once in the life of its object, and that is the main program."""
    methods = code.methods(owner)
    if {"link", "procedures"} & set(methods):
        return False
    if any(c == "goback" for tree in methods.values() for c in dataflow.called(tree)):
        return False
    outside = [
        n
        for n in ast.walk(code.tree)
        if isinstance(n, ast.Name) and n.id == owner.rpartition(".")[2]
    ]
    if len(outside) != 1:
        return False  # made in one place: at the end of the module
    seen: set[str] = set()
    name = node.name
    while name not in seen:
        seen.add(name)
        by = [
            (caller, tree)
            for caller, tree in methods.items()
            for c in dataflow.called(tree)
            if c == name
        ]
        if not by:
            return name in ("main", "start")
        if len(by) != 1 or not _calls_once(by[0][1], name):
            return False
        name = by[0][0]
    return False


def _calls_once(tree: Function, name: str) -> bool:
    """Whether the method is called by a statement that is in no loop."""
    return any(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and name_of(s.value.func) == f"self.{name}"
        for s in tree.body
    )


def _taken_names(code: Code, node: Function) -> set[str]:
    """What a local variable of the function cannot be called."""
    taken = set(dir(builtins)) | _LOOK_ALIKE | {*keyword.kwlist, *keyword.softkwlist}
    taken |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    taken |= {a.arg for a in node.args.args}
    for n in code.tree.body:
        if isinstance(n, (ast.ImportFrom, ast.Import)):
            taken |= {(a.asname or a.name).partition(".")[0] for a in n.names}
        elif isinstance(n, ast.Assign):
            taken |= {name_of(t) for t in n.targets}
        taken.add(getattr(n, "name", ""))
    return taken


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# Conditions


def _leading_break(code: Code, place: Place) -> str | None:
    """`while True: if c: break; …` becomes `while not c: …`."""
    for node in ast.walk(place.node):
        if not isinstance(node, ast.While) or len(node.body) < 2 or node.orelse:
            continue
        first = node.body[0]
        if not (isinstance(node.test, ast.Constant) and node.test.value is True):
            continue
        if not isinstance(first, ast.If) or first.orelse or len(first.body) != 1:
            continue
        if (
            not isinstance(first.body[0], ast.Break)
            or "#" in code.text[code.span(node.test)[1] : code.span(node.body[1])[0]]
        ):
            continue
        return _edited(
            code, [(code.span(node.test), _negated(code, first.test)), (code.whole(first), "")]
        )
    return None


def _positive(code: Code, place: Place) -> str | None:
    """`not a > b` becomes `a <= b`; `not not a` goes too."""
    for node in ast.walk(place.node):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = node.operand
            if _can_negate(inner):
                return _edited(code, [(code.span(node), _negated(code, inner))])
    return None


def _can_negate(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NOT


def _negated(code: Code, node: ast.expr) -> str:
    if isinstance(node, ast.Compare) and _can_negate(node):
        left, right = code.of(node.left), code.of(node.comparators[0])
        return f"{left} {_NOT[type(node.ops[0])]} {right}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return code.of(node.operand)
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
        return f"not {code.of(node)}"
    return f"not ({code.of(node)})"


# Loops that count


class _Counter(NamedTuple):
    """A loop that counts a local variable: `before` sets it, the body's last statement adds."""

    before: ast.Assign
    loop: ast.While
    name: str
    start: ast.expr
    stop: str  # of the range
    step: int


def _range_loop(code: Code, place: Place) -> str | None:
    """A while loop that counts a local variable becomes a for loop over a range."""
    for body in _blocks(place.node):
        for before, loop in itertools.pairwise(body):
            found = _counter(code, place, before, loop)
            if found is None:
                continue
            step = f", {found.step}" if found.step != 1 else ""
            start = code.of(found.start)
            ends = f"{start}, {found.stop}{step}"
            if start == "0" and not step:
                ends = found.stop
            head_start = code.span(found.loop)[0]
            head_end = code.span(found.loop.test)[1]
            last = found.loop.body[-1]
            edits = [
                ((head_start, head_end), f"for {found.name} in range({ends})"),
                (code.whole(last), ""),
            ]
            comment = code.comment_behind(found.before)
            indent = " " * found.before.col_offset
            kept = f"{indent}{comment}\n" if comment and not _is_picture(comment) else ""
            edits.append((code.whole(found.before), kept))
            return _edited(code, edits)
    return None


def _counter(code: Code, place: Place, before: ast.stmt, loop: ast.stmt) -> _Counter | None:
    if not isinstance(before, ast.Assign) or not isinstance(loop, ast.While) or loop.orelse:
        return None
    test, name = loop.test, name_of(before.targets[0])
    if len(before.targets) != 1 or not name or name.startswith("self.") or len(loop.body) < 2:
        return None
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or name_of(test.left) != name:
        return None
    facts = code.facts(place)
    step = _added(loop.body[-1], name)
    if step is None or not _is_int(before.value, facts):
        return None
    bound, op = test.comparators[0], test.ops[0]
    if not _is_int(bound, facts) or uses(bound, name):
        return None
    if (step.by > 0) != isinstance(op, (ast.Lt, ast.LtE)):
        return None
    if step.by < 0 and not isinstance(op, (ast.Gt, ast.GtE)):
        return None
    high = _high(bound, facts)
    if step.modulus and (step.by != 1 or high is None or high >= step.modulus):
        return None  # it may wrap round before it gets there
    rest = loop.body[:-1]
    if any(is_written(s, name) for s in rest) or _goes_on(rest):
        return None
    if not _stays(code, place, bound, rest):
        return None
    node = place.node
    assert isinstance(node, Function)
    if reads_first(node, name, forgets=loop):
        return None  # what the loop leaves in it is needed
    stop = code.of(bound)
    if isinstance(op, (ast.LtE, ast.GtE)):
        stop = _plus(bound, stop, 1 if step.by > 0 else -1)
    return _Counter(before, loop, name, before.value, stop, step.by)


def _is_picture(comment: str) -> bool:
    """Whether it says no more than a declaration's picture."""
    return comment.lstrip("# ").startswith("PIC ")


class _Step(NamedTuple):
    by: int
    modulus: int  # 0: it does not wrap


def _added(node: ast.stmt, name: str) -> _Step | None:
    if isinstance(node, ast.AugAssign) and name_of(node.target) == name:
        by = _whole(node.value)
        if by and isinstance(node.op, ast.Add):
            return _Step(by, 0)
        if by and isinstance(node.op, ast.Sub):
            return _Step(-by, 0)
        return None
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    if name_of(node.targets[0]) != name:
        return None
    value, modulus = node.value, 0
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mod):
        modulus = _whole(value.right) or 0
        value = value.left
        if not modulus:
            return None
    if isinstance(value, ast.BinOp) and name_of(value.left) == name:
        by = _whole(value.right)
        if by and isinstance(value.op, ast.Add):
            return _Step(by, modulus)
        if by and isinstance(value.op, ast.Sub) and not modulus:
            return _Step(-by, 0)
    return None


def _whole(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _whole(node.operand)
        return -inner if inner is not None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _whole(node.left), _whole(node.right)
        small = base is not None and power is not None and 0 <= power <= _POWER
        return base**power if small and base is not None and power is not None else None
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _is_int(node: ast.expr, facts: Mapping[str, Fact]) -> bool:
    if _whole(node) is not None:
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        return _is_int(node.left, facts) and _is_int(node.right, facts)
    if isinstance(node, ast.Call) and name_of(node.func) in ("len", "int"):
        return True
    fact = facts.get(name_of(node))
    return fact is not None and fact.is_int


def _high(node: ast.expr, facts: Mapping[str, Fact]) -> int | None:
    whole = _whole(node)
    if whole is not None:
        return whole
    fact = facts.get(name_of(node))
    return fact.high if fact is not None else None


def _goes_on(body: Sequence[ast.stmt]) -> bool:
    """Whether a `continue` of the loop itself is in the body."""
    for node in body:
        if isinstance(node, ast.Continue):
            return True
        if isinstance(node, (ast.While, ast.For, ast.FunctionDef)):
            continue
        for inner in _blocks(node):
            if inner is not body and _goes_on(inner):
                return True
    return False


def _stays(code: Code, place: Place, bound: ast.expr, body: Sequence[ast.stmt]) -> bool:
    """Whether the body cannot change what the bound is made of."""
    if any(isinstance(n, (ast.Subscript, ast.Call)) for n in ast.walk(bound)):
        return False
    names = {name_of(n) for n in ast.walk(bound)} - {"", "self"}
    methods = code.methods(code.owner(place)) if code.owner(place) else {}
    reach = _reach(methods)
    facts = code.facts(place)
    used = {c for s in body for c in dataflow.called(s)}
    behind = {m for c in used if c in methods for m in {c, *reach[c]}}
    strange = {c for c in used - set(methods) - _NEVER_RETURN if f"self.{c}" not in facts}
    for name in names:
        if any(is_written(s, name) for s in body):
            return False
        if name.startswith("self.") and (
            strange or any(is_written(methods[m], name) for m in behind)
        ):
            return False
    return True


def _plus(node: ast.expr, text: str, n: int) -> str:
    """The expression and `n`, computed where that is possible."""
    whole = _whole(node)
    if whole is not None:
        return str(whole + n)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        right = _whole(node.right)
        if right is not None:
            total = (right if isinstance(node.op, ast.Add) else -right) + n
            left = text[: text.rindex("+" if isinstance(node.op, ast.Add) else "-")].rstrip()
            if not total:
                return left
            return f"{left} + {total}" if total > 0 else f"{left} - {-total}"
    return f"{text} + {n}" if n > 0 else f"{text} - {-n}"


# Small forms


def _augmented(code: Code, place: Place) -> str | None:
    """`x = x + 1` becomes `x += 1`."""
    for node in ast.walk(place.node):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        name, value = name_of(node.targets[0]), node.value
        if not name or not isinstance(value, ast.BinOp) or name_of(value.left) != name:
            continue
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}.get(type(value.op))
        if sign and isinstance(value.right, (ast.Constant, ast.Name, ast.Attribute, ast.Call)):
            new = f"{code.of(node.targets[0])} {sign}= {code.of(value.right)}"
            return _edited(code, [(code.span(node), new)])
    return None


def _used_at_once(code: Code, place: Place) -> str | None:
    """A local variable that is set, and read by the next statement only, is not needed."""
    node = place.node
    assert isinstance(node, Function)
    for body in _blocks(node):
        for first, second in itertools.pairwise(body):
            if not isinstance(first, ast.Assign) or len(first.targets) != 1:
                continue
            name = name_of(first.targets[0])
            comment = code.comment_behind(first)
            if not name or name.startswith("self.") or (comment and not _is_picture(comment)):
                continue
            if not isinstance(second, ast.Expr) or not isinstance(second.value, ast.Call):
                continue
            read = uses(second, name)
            if len(read) != 1 or is_written(second, name) or not _is_pure(first.value):
                continue
            if not _is_first(second.value, read[0]) or len(uses(node, name)) != 2:
                continue
            gap = code.text[code.whole(first)[1] : code.whole(second)[0]]
            text = code.of(first.value)
            width = len(code.lines[second.lineno - 1].rstrip()) - len(name) + len(text)
            if gap.strip() or "\n" in text or width > _WIDTH:
                continue
            return _edited(code, [(code.whole(first), ""), (code.span(read[0]), text)])
    return None


def _is_pure(node: ast.expr) -> bool:
    """Whether computing it changes nothing, and reads nothing from outside."""
    for n in ast.walk(node):
        if isinstance(n, ast.Call) and (not isinstance(n.func, ast.Name) or n.func.id not in _PURE):
            return False
        if isinstance(n, (ast.NamedExpr, ast.Await, ast.Yield, ast.Lambda)):
            return False
    return True


def _swapped(code: Code, place: Place) -> str | None:
    """Two values change places without a third variable."""
    node = place.node
    assert isinstance(node, Function)
    for body in _blocks(node):
        for first, second, third in zip(body, body[1:], body[2:], strict=False):
            assigned = [s for s in (first, second, third) if isinstance(s, ast.Assign)]
            if len(assigned) < 3 or any(len(s.targets) != 1 for s in assigned):
                continue
            a, b, c = assigned
            kept, left, right = name_of(a.targets[0]), code.of(a.value), code.of(b.value)
            if not kept or kept.startswith("self.") or name_of(c.value) != kept:
                continue
            if (code.of(b.targets[0]), code.of(c.targets[0])) != (left, right) or left == right:
                continue
            if any(isinstance(n, ast.Call) for s in assigned for n in ast.walk(s)):
                continue
            comments = [code.comment_behind(s) for s in assigned]
            between = code.text[code.span(a)[1] : code.span(c)[0]].count("#")
            if any(not _is_picture(x) for x in comments if x) or between > len(
                [x for x in comments[:2] if x]
            ):
                continue
            if reads_first(node, kept, forgets=c):
                continue
            line = " " * a.col_offset + f"{left}, {right} = {right}, {left}\n"
            return _edited(code, [(code.whole(a, c), line)])
    return None


# Numbers as text


def _formats(code: Code, place: Place) -> str | None:
    """`edit` with a picture that Python has a format for; its `trim` is `str`."""
    facts = code.facts(place)
    for node in ast.walk(place.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "trim" and len(node.args) == 1 and not node.keywords:
            found = _edited_number(node.args[0], facts)
            if found is not None:
                return _edited(code, [(code.span(node), f"str({code.of(found[0])})")])
        found = _edited_number(node, facts)
        if found is not None and not _is_trimmed(place.node, node):
            shown = code.of(found[0])
            if "{" not in shown and '"' not in shown:
                return _edited(code, [(code.span(node), f'f"{{{shown}:{found[1]}}}"')])
    return None


def _edited_number(node: ast.expr, facts: Mapping[str, Fact]) -> tuple[ast.expr, str] | None:
    """The number, and Python's format for its picture; None where there is none that is exact."""
    if not isinstance(node, ast.Call) or name_of(node.func) != "edit" or len(node.args) != 2:
        return None
    number, picture = node.args
    fact = facts.get(name_of(number))
    if node.keywords or fact is None or not fact.is_int or fact.low != 0 or fact.high is None:
        return None
    if not isinstance(picture, ast.Constant) or not isinstance(picture.value, str):
        return None
    found = _PICTURE.fullmatch(picture.value)
    if found is None:
        return None
    blanks = sum(int(n or 1) for n in _RUN.findall(found[1]))
    digits = sum(int(n or 1) for n in _RUN.findall(found[2]))
    if fact.high >= 10 ** (blanks + digits) or (blanks and digits > 1):
        return None
    width = blanks + digits
    return number, str(width) if digits == 1 else f"0{width}"


def _is_trimmed(tree: ast.AST, call: ast.Call) -> bool:
    return any(
        isinstance(n, ast.Call) and name_of(n.func) == "trim" and call in n.args
        for n in ast.walk(tree)
    )


_PICTURE = re.compile(r"((?:Z(?:\(\d+\))?)*)((?:9(?:\(\d+\))?)+)", re.I)
_RUN = re.compile(r"[Z9](?:\((\d+)\))?", re.I)


# What is left over


def _never_read(code: Code, place: Place) -> str | None:
    """A value that is stored where nothing reads it is not computed.

    Where computing it has an effect, such as reading a line, that stays.
    """
    node, owner = place.node, code.owner(place)
    assert isinstance(node, Function)
    if not owner or node.name == "__init__" or not _plain_self(code, owner):
        return None
    methods = code.methods(owner)
    declared = facts_of(code.text, code.places, owner)
    for body in _blocks(node):
        for statement in body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            name = name_of(statement.targets[0])
            if name not in declared or name.removeprefix("self.") in code.read:
                continue
            own = sum(len(uses(tree, name)) for tree in methods.values())
            if own != code.n_attributes[name.removeprefix("self.")]:
                continue
            value = statement.value
            if isinstance(value, ast.Call) and name_of(value.func) in _READING:
                return _edited(code, [(code.span(statement), code.of(value))])
            if _has_no_effect(value):
                return _without(code, node, statement)
    return None


def _without(code: Code, node: Function, statement: ast.stmt) -> str:
    """The text without a statement, and without a condition that was for it alone."""
    for around in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            if getattr(around, name, None) != [statement]:
                continue
            if isinstance(around, ast.If) and name == "body" and not around.orelse:
                is_elif = code.of(around).startswith("elif")
                alone = any(around in body and len(body) > 1 for body in _blocks(node))
                if _has_no_effect(around.test) and alone and not is_elif:
                    return _edited(code, [(code.whole(around), "")])
            return _edited(code, [(code.span(statement), "pass")])
    return _edited(code, [(code.whole(statement), "")])


def _has_no_effect(node: ast.expr) -> bool:
    """Whether computing it changes nothing. Where it would fail the faithful text is wrong."""
    return all(
        not isinstance(n, (ast.NamedExpr, ast.Await, ast.Yield, ast.Lambda))
        and (not isinstance(n, ast.Call) or name_of(n.func) in _NO_EFFECT)
        for n in ast.walk(node)
    )


_READING = {"accept", "accept_number"}
_NO_EFFECT = {"abs", "edit", "int", "len", "max", "min", "number_from", "pad", "str", "trim"}
_NO_EFFECT |= {"stored_length", "whole"}


def _unused(code: Code, place: Place) -> str | None:
    """Data that nothing uses; then an __init__ that does nothing of its own."""
    owner = code.owner(place)
    init = code.methods(owner).get("__init__") if owner else None
    if init is None or not _plain_self(code, owner):
        return None
    gone = [
        fact.statement
        for name, fact in facts_of(code.text, code.places, owner).items()
        if fact.is_plain and code.n_attributes[name.removeprefix("self.")] == 1
    ]
    if len(gone) == len(init.body):
        return None
    if gone:
        return _edited(code, [(code.whole(statement), "") for statement in gone])
    (first, *others) = init.body
    if others or not isinstance(first, ast.Expr) or "super().__init__(" not in code.of(first):
        return None
    start, end = code.whole(init)
    after = code.text[end:]
    return code.text[:start] + after.lstrip("\n") if after.startswith("\n") else None


_PURE = {"edit", "trim", "str", "int", "len", "abs", "max", "min", "upper", "lower", "reverse"}


def _is_first(call: ast.Call, read: ast.expr) -> bool:
    """Whether all of the call's expression can wait for `read`: nothing else in it has effects."""
    return all(
        not isinstance(n, ast.Call) or n is call or _is_pure(n) for n in ast.walk(call)
    ) and any(n is read for n in ast.walk(call))


RULES = (
    Rule("no values that nothing reads", _never_read),
    Rule("local variables for attributes that nothing else needs", _locals),
    Rule("conditions at the head of loops", _leading_break),
    Rule("conditions without not", _positive, is_small=True),
    Rule("for loops over a range", _range_loop),
    Rule("augmented assignments", _augmented, is_small=True),
    Rule("no variable for what is used at once", _used_at_once),
    Rule("values that change places at once", _swapped),
    Rule("Python's own formats of numbers", _formats),
    Rule("no data that nothing uses", _unused, is_small=True),
)
