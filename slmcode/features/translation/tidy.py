"""Exact rules that make faithful Python what a programmer would have written. Pure.

Here they are used, as often as they find something; `rules` has them. The proof is asked behind
them all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from slmcode.features.translation.facts import Fact, facts_of
from slmcode.features.translation.places import Function, places
from slmcode.features.translation.rules.code import WIDTH, Code, Rule, edited

_MOST = 200  # changes of one rule on one function: it would not end otherwise
_LONGEST = 400_000  # characters of a text; a parse of the whole stands behind every change
_WORK = 2_000_000  # characters times functions


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
        if len(line) > WIDTH:
            names = "".join(f"    {name},\n" for name in kept)
            line = f"from {node.module} import (\n{names})"
        edits.append((code.span(node), line) if kept else (code.whole(node), ""))
    return edited(code, edits)


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
