"""Which names statements may change, and which ones matter only inside a loop: what must be known
to write PERFORM VARYING as `for … in range(…)`.

Names are taken as they stand, without their qualifiers: two items of one name count as one.
"""

from __future__ import annotations

from collections import Counter

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.facts import nodes
from slmcode.translate.cobol.flow import Changes, Flow, walk

# Statements that change nothing but what their bodies do.
_HARMLESS = (
    tree.Comment, tree.If, tree.Evaluate, tree.Display, tree.Continue, tree.Exit, tree.Stop,
    tree.NextSentence, tree.GoTo,
)  # fmt: skip


MOST = 50  # procedures that a loop may reach; beyond that it is not worth the time


def changed(body: tree.Body, flow: Flow, section: int) -> set[str] | None:
    """Names of the items that `body` may change, in what it performs too; None: not known."""
    own = _changes(body, flow, section)
    if own.names is None:
        return None
    found = set(own.names)
    seen: set[int] = set()
    waiting = list(own.performs)
    while waiting:
        first, last = waiting.pop()
        if not flow.plain(first, last):
            return None
        for procedure in flow.procedures[first : last + 1]:
            if procedure.index in seen:
                continue
            seen.add(procedure.index)
            if procedure.changes is None:
                procedure.changes = _changes(procedure.statements, flow, procedure.section)
            if procedure.changes.names is None or len(seen) > MOST:
                return None
            found |= procedure.changes.names
            waiting += procedure.changes.performs
    return found


def _changes(body: tree.Body, flow: Flow, section: int) -> Changes:
    found: set[str] = set()
    performs = []
    for node, _ in walk(body):
        names = _targets(node)
        if names is None:
            return Changes(None, [])
        found.update(names)
        if isinstance(node, tree.Perform) and node.name is not None:
            first, last = flow.range_of(node.name, section)
            if node.through is not None:
                last = flow.range_of(node.through, section)[1]
            performs.append((first, last))
    return Changes(found, performs)


def _targets(node: tree.Statement) -> list[str] | None:
    """What `node` itself stores into; None where that is not known."""
    if isinstance(node, _HARMLESS):
        return []
    if isinstance(node, tree.Move):
        return None if node.corresponding else [ref.name for ref in node.into]
    if isinstance(node, tree.Arithmetic):
        if node.corresponding:
            return None
        targets = [*node.into, *node.giving, *([node.remainder] if node.remainder else [])]
        return [target.ref.name for target in targets]
    if isinstance(node, tree.Perform):
        return [varying.ref.name for varying in node.varying]
    if isinstance(node, tree.Accept):
        return [node.into.name]
    if isinstance(node, tree.String):
        return [ref.name for ref in (node.into, node.pointer) if ref is not None]
    if isinstance(node, tree.Unstring):
        into = [ref for target in node.into for ref in (target.ref, target.delimiter, target.count)]
        return [ref.name for ref in (*into, node.pointer, node.tallying) if ref is not None]
    if isinstance(node, tree.Inspect):
        names = [step.tally.name for step in node.tallying if step.tally is not None]
        return [*names, node.ref.name] if isinstance(node.ref, tree.Ref) else names
    if isinstance(node, tree.SetTo) and node.how in ("TO", "UP", "DOWN"):
        return [ref.name for ref in node.refs if isinstance(ref, tree.Ref)]
    return None


def only_in_loops(program: tree.Program) -> frozenset[str]:
    """Names that stand nowhere but inside in-line PERFORMs that vary them.

    Such a loop sets its variable before anything reads it, so what a loop leaves in it is lost.
    """
    everywhere = Counter(node.name for node in nodes(program) if isinstance(node, tree.Ref))
    inside: Counter[str] = Counter()

    counted: set[int] = set()  # loops inside a loop of the same name
    for section in (*program.declaratives, *program.sections):
        for paragraph in section.paragraphs:
            for sentence in paragraph.sentences:
                for node, _ in walk(sentence):
                    if isinstance(node, tree.Perform) and node.varying and id(node) not in counted:
                        _count(node, inside, counted)
    return frozenset(name for name, count in inside.items() if count == everywhere[name])


def _count(loop: tree.Perform, inside: Counter[str], counted: set[int]) -> None:
    """Add how often the variable of `loop` stands in it, unless its start reads it."""
    name = loop.varying[0].ref.name
    if loop.body is None or _names(loop.varying[0].start, name):
        return
    for node in nodes(loop):
        if isinstance(node, tree.Ref) and node.name == name:
            inside[name] += 1
        elif isinstance(node, tree.Perform) and node.varying and node.varying[0].ref.name == name:
            counted.add(id(node))


def _names(expression: object, name: str) -> bool:
    return any(isinstance(node, tree.Ref) and node.name == name for node in nodes(expression))
