"""STRING, UNSTRING, INSPECT: Python's own methods of text where these do the same."""

from __future__ import annotations

from collections.abc import Sequence

from slmcode.translate.cobol import tree
from slmcode.translate.cobol.emit import expressions
from slmcode.translate.cobol.emit.base import (
    ATOM,
    SUM,
    Num,
    Out,
    Txt,
    emits,
    integer,
    number,
    place,
    store,
    store_number,
    text,
)
from slmcode.translate.cobol.tree import Refused


def _outcome(
    out: Out, overflow: str, on_overflow: tree.Body | None, on_other: tree.Body | None
) -> None:
    """ON OVERFLOW and NOT ON OVERFLOW."""
    if on_overflow:
        with out.block(f"if {overflow}:"):
            out.body(on_overflow)
        if on_other:
            with out.block("else:"):
                out.body(on_other)
    elif on_other:
        with out.block(f"if not {overflow}:"):
            out.body(on_other)


@emits(tree.String)
def string(out: Out, node: tree.String) -> None:
    pieces: list[Txt] = []
    for part in node.parts:
        value = text(out, part.value)
        if part.delimiter is not None:
            delimiter = text(out, part.delimiter)
            value = Txt(f"{out.use('before')}({value.code}, {delimiter.code})")
        pieces.append(value)
    joined = " + ".join(piece.at(SUM) for piece in pieces)
    into = text(out, node.into)
    pointer = ", " + integer(out, node.pointer).code if node.pointer is not None else ""
    if node.pointer is None and not node.on_overflow and not node.on_other:
        code = f"{out.use('overlay')}({into.code}, {joined})"
        _store_text(out, node.into, Txt(code, into.length))
        return
    result = out.local("joined")
    at = out.local("pointer") if node.pointer is not None else "_"
    overflow = out.local("overflow") if node.on_overflow or node.on_other else "_"
    out.line(f"{result}, {at}, {overflow} = {out.use('string')}({into.code}, {joined}{pointer})")
    _store_text(out, node.into, Txt(result, into.length))
    if node.pointer is not None:
        store(out, node.pointer, Num(at, 0))
    _outcome(out, overflow, node.on_overflow, node.on_other)


def _store_text(out: Out, ref: tree.Ref, value: Txt) -> None:
    """Characters into an item as they are, whatever its picture."""
    found = place(out, ref)
    if ref.start is None and found.owner and found.field.kind in ("int", "decimal"):
        kept = f'{value.at(ATOM)}.encode("latin-1")'
        out.line(f"{found.descriptor}.bytes_of({found.owner})[:] = {kept}")
    else:
        store(out, ref, value)


@emits(tree.Unstring)
def unstring(out: Out, node: tree.Unstring) -> None:
    source = text(out, node.source)
    arguments = [source.code]
    if node.delimiters:
        arguments.append(str(len(node.into)))
        for delimiter, every in node.delimiters:
            code = text(out, delimiter).code
            arguments.append(f"{out.use('Every')}({code})" if every else code)
    else:
        for target in node.into:
            size = text(out, target.ref).length
            if size is None:
                raise Refused(node.line, "UNSTRING", "into an item whose size varies")
            arguments.append(str(size))
    if node.pointer is not None:
        arguments.append(f"pointer={integer(out, node.pointer).code}")
    found = out.local("found")
    function = out.use("unstring" if node.delimiters else "cut")
    out.line(f"{found} = {function}({', '.join(arguments)})")
    for at, target in enumerate(node.into):
        with out.block(f"if len({found}) > {at}:" if at else f"if {found}:"):
            store(out, target.ref, Txt(f"{found}[{at}].text"))
            if target.delimiter is not None:
                store(out, target.delimiter, Txt(f"{found}[{at}].delimiter"))
            if target.count is not None:
                store(out, target.count, Num(f"{found}[{at}].count", 0))
    if node.pointer is not None:
        store(out, node.pointer, Num(f"{found}.pointer", 0))
    if node.tallying is not None:
        _count(out, node.tallying, f"len({found})")
    _outcome(out, f"{found}.overflow", node.on_overflow, node.on_other)


def _count(out: Out, ref: tree.Ref, code: str) -> None:
    """Add to a counter."""
    total = expressions.add(out, number(out, ref), Num(code, 0, 10**9 - 1))
    store_number(out, tree.Target(ref), total)


# INSPECT


@emits(tree.Inspect)
def inspect(out: Out, node: tree.Inspect) -> None:
    if node.tallying:
        _tallying(out, node)
    if node.replacing:
        _put_back(out, node, _replacing(out, node.replacing, _inspected(out, node.ref)))
    if node.converting is not None:
        _put_back(out, node, _converting(out, node, _inspected(out, node.ref)))


def _inspected(out: Out, ref: tree.Expression) -> Txt:
    """The characters that are looked at: those of a number have no sign."""
    if isinstance(ref, tree.Ref) and ref.start is None and _is_signed(out, ref):
        field = out.layout.find(ref)
        if field.scale == 0:
            return Txt(f'f"{{abs({place(out, ref).code}):0{field.digits}d}}"', field.digits)
    return text(out, ref)


def _is_signed(out: Out, ref: tree.Ref) -> bool:
    field = out.layout.find(ref)
    return field.kind in ("int", "decimal") and field.signed


def _put_back(out: Out, node: tree.Inspect, value: Txt) -> None:
    if not isinstance(node.ref, tree.Ref):
        raise Refused(node.line, "INSPECT REPLACING", "of something that is no item")
    if node.ref.start is None and _is_signed(out, node.ref):
        code = place(out, node.ref).code
        digits = f"{out.use('number_from')}({value.code})"
        store(out, node.ref, Num(f"({digits} if {code} >= 0 else -{digits})", kind="number"))
    else:
        _store_text(out, node.ref, value)


def _limits(out: Out, limits: Sequence[tree.InspectLimit]) -> str:
    """The arguments after= and before=."""
    return "".join(
        f", {'before' if limit.before else 'after'}={text(out, limit.value).code}"
        for limit in limits
    )


def _phrase(out: Out, step: tree.InspectStep) -> str:
    value = text(out, step.value).code if step.value is not None else '""'
    code = f"{out.use('Phrase')}({out.use(step.what)}, {value}"
    if step.by is not None:
        code += f", {_by(out, step).code}"
    return code + _limits(out, step.limits) + ")"


def _by(out: Out, step: tree.InspectStep) -> Txt:
    """What replaces: a figurative constant is as long as what it replaces."""
    assert step.by is not None
    size = 1 if step.value is None else text(out, step.value).length
    return text(out, step.by, size)


def _tallying(out: Out, node: tree.Inspect) -> None:
    source = _inspected(out, node.ref)
    steps = node.tallying
    refs = [step.tally for step in steps]
    if len(steps) == 1:
        ref = refs[0]
        assert ref is not None
        _count(out, ref, _one_count(out, steps[0], source))
        return
    counts = out.local("counts")
    phrases = ", ".join(_phrase(out, step) for step in steps)
    out.line(f"{counts} = {out.use('tallied')}({source.code}, {phrases})")
    done: list[tree.Ref] = []
    for ref in refs:
        assert ref is not None
        if ref in done:
            continue
        done.append(ref)
        terms = [f"{counts}[{at}]" for at, other in enumerate(refs) if other == ref]
        _count(out, ref, terms[0] if len(terms) == 1 else f"({' + '.join(terms)})")


def _one_count(out: Out, step: tree.InspectStep, source: Txt) -> str:
    """Code of how often a phrase that stands alone matches."""
    if not step.limits:
        if step.value is None:
            return f"len({source.code})"
        value = text(out, step.value)
        if step.what == "ALL" and value.literal:
            return f"{source.at(ATOM)}.count({value.code})"
        if step.what in ("LEADING", "TRAILING") and value.literal and len(value.literal) == 1:
            method = "lstrip" if step.what == "LEADING" else "rstrip"
            length = source.length or f"len({source.code})"
            return f"({length} - len({source.at(ATOM)}.{method}({value.code})))"
    return f"{out.use('tallied')}({source.code}, {_phrase(out, step)})[0]"


def _replacing(out: Out, steps: Sequence[tree.InspectStep], source: Txt) -> Txt:
    if len(steps) == 1 and not steps[0].limits and steps[0].value is not None:
        value, by = text(out, steps[0].value), _by(out, steps[0])
        if value.literal and by.length == value.length and steps[0].what in ("ALL", "FIRST"):
            once = ", 1" if steps[0].what == "FIRST" else ""
            return Txt(f"{source.at(ATOM)}.replace({value.code}, {by.code}{once})", source.length)
    phrases = ", ".join(_phrase(out, step) for step in steps)
    return Txt(f"{out.use('substituted')}({source.code}, {phrases})", source.length)


def _converting(out: Out, node: tree.Inspect, source: Txt) -> Txt:
    assert node.converting is not None
    old = text(out, node.converting[0])
    new = text(out, node.converting[1], old.length)
    limits = _limits(out, node.converting_limits)
    code = f"{out.use('converted')}({source.code}, {old.code}, {new.code}{limits})"
    return Txt(code, source.length)
