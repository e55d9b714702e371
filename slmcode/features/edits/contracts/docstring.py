"""The contract of a docstring or doc comment: the program is the same.

- Python: the syntax trees are equal once docstrings are taken out. The definition asked for has a
  docstring, in its place; some docstring is new or changed, and none is gone.
- Other languages: the trees are equal, comments aside. There is a comment above the definition
  asked for, and some comment is new or changed. No new comment shares a line with code.
- Directives, which are comments that programs read, stay where they are. Other comments stay too,
  unless their words went into the docstring.
- What the docstring says is checked as far as it can be, see `documentation`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import PurePath

from slmcode.features.edits.contracts import basics, comments, documentation
from slmcode.features.edits.contracts.base import Asked, State
from slmcode.features.edits.contracts.comments import Comment
from slmcode.features.edits.contracts.python import (
    FUNCTIONS,
    Code,
    Definition,
    Fault,
    asked_for,
    both,
    definitions,
    docstring,
    parameters,
    same,
)
from slmcode.features.edits.outcome import Judgement, Verdict
from slmcode.syntax.symbols import MAX_SIGNATURE
from slmcode.syntax.symbols import Definition as Outlined

_NAMES_READ = re.compile(r"\b__doc__\b")
_MARKS = " \t/#*!|^-;{}"
_CALLABLES = ("function", "method")
# Lines between a comment and its definition.
_ANNOTATION = re.compile(r"@|#?\[|template\b|export\b")


class Docstring:
    """The same program, with a docstring."""

    name = "docstring"
    promise = "the code is the same apart from comments and docstrings"

    async def judge(self, before: State, after: State, asked: Asked) -> Judgement:
        """Nothing is run."""
        fault = basics.fault(before, after, asked.instruction)
        if fault:
            return Judgement(fault)
        try:
            return await asyncio.to_thread(_judge, before, after)
        except Fault as e:
            return Judgement(str(e))
        except RecursionError:
            return Judgement("the code is nested too deeply to be compared")


def _judge(before: State, after: State) -> Judgement:
    if before.tree is None or after.tree is None:
        raise Fault("there is no grammar for this language, so the code cannot be compared")
    return _python(before, after) if before.tree.grammar == "python" else _other(before, after)


def _python(before: State, after: State) -> Judgement:
    old, new, note = both(before, after)
    wanted = asked_for(old)
    nodes: list[list[Definition | ast.Module]] = []
    for code in (old, new):
        nodes.append([code.tree, *sorted(definitions(code.tree), key=_position)])
    docs = [[docstring(node) for node in side] for side in nodes]
    for side, found in zip(nodes, docs, strict=True):
        for node, doc in zip(side, found, strict=True):
            _without(node, doc)
    _no_stray_string(old, new)
    same(old, new)
    changed = False
    absorbed = []
    examples = False
    for node, partner, was, now in zip(*nodes, *docs, strict=True):
        name = getattr(node, "name", "") or PurePath(before.snapshot.uri).stem
        if was is not None and now is None:
            raise Fault(f"the docstring of {name} is gone")
        if now is None:
            if node is wanted or (wanted is None and isinstance(node, ast.Module) and not note):
                _missing(new, partner, name)
            continue
        text = _text(now)
        absorbed.append(text)
        if was is not None and _text(was, clean=False) == _text(now, clean=False):
            continue
        changed = True
        _text_is_right(new, partner, name, now)
        if was is not None and not _kept(_examples(_text(was)), _examples(text)):
            raise Fault(f"an example in the docstring of {name} is gone or changed")
        if was is not None and isinstance(node, ast.Module) and _NAMES_READ.search(old.text):
            raise Fault("the program reads its own docstring (__doc__), so it must stay as it is")
        examples |= _examples(text) != (_examples(_text(was)) if was is not None else [])
    comments.added(before, after, " ".join(absorbed))
    if not changed:
        raise Fault("no docstring is new or changed")
    checked = "the code is the same apart from comments and docstrings"
    unsure = [note] if note else []
    if _NAMES_READ.search(old.text):
        unsure.append("the file reads docstrings (__doc__), so they may matter when it runs")
    if examples:
        unsure.append("the examples in the docstring were not run")
    verdict = Verdict.NOT_VERIFIED if unsure else Verdict.VERIFIED
    return Judgement("", "; ".join([checked, *unsure]), verdict)


def _position(node: Definition) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _without(node: Definition | ast.Module, doc: ast.Expr | None) -> None:
    """Take the docstring out. A body without it is that of `pass`."""
    if doc is not None:
        node.body.remove(doc)
    if len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
        node.body.clear()


def _no_stray_string(old: Code, new: Code) -> None:
    """Raises Fault for a string that was meant for a docstring and is none."""
    was, now = _strings(old.tree), _strings(new.tree)
    if len(now) <= len(was):
        return
    known = {ast.dump(s) for s in was}
    stray = next((s for s in now if ast.dump(s) not in known), now[-1])
    line = stray.lineno + new.offset
    if isinstance(stray.value, ast.JoinedStr):
        raise Fault(f"the string in line {line} is an f-string, which is no docstring")
    assert isinstance(stray.value, ast.Constant)
    if isinstance(stray.value.value, bytes):
        raise Fault(f"the string in line {line} is made of bytes, which is no docstring")
    raise Fault(f"the string in line {line} is no docstring: it must stand first in the body")


def _strings(tree: ast.AST) -> list[ast.Expr]:
    """The statements that are nothing but a string, docstrings having been taken out."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and (
            isinstance(node.value, ast.JoinedStr)
            or (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str | bytes))
        )
    ]


def _missing(new: Code, node: Definition | ast.Module, name: str) -> None:
    """Raises Fault for the definition asked for, which has no docstring."""
    above = getattr(node, "lineno", 0) - 1
    if new.line(above).startswith("#") or new.line(above).endswith(('"""', "'''")):
        raise Fault(f"{name} has no docstring: it must stand first in its body, as a string")
    raise Fault(f"{name} has no docstring")


def _text(doc: ast.Expr, clean: bool = True) -> str:
    assert isinstance(doc.value, ast.Constant)
    assert isinstance(doc.value.value, str)
    return inspect.cleandoc(doc.value.value) if clean else doc.value.value


def _text_is_right(code: Code, node: Definition | ast.Module, name: str, doc: ast.Expr) -> None:
    """Raises Fault for a docstring that says nothing, or something wrong for certain."""
    text = _text(doc)
    fault = documentation.fault(text, name)
    if fault:
        raise Fault(fault)
    known = _parameters(node)
    unknown = documentation.unknown_parameters(text, known) if known is not None else []
    if unknown:
        raise Fault(f"the docstring describes {', '.join(unknown)}, which {name} does not have")
    source = ast.get_source_segment(code.text, doc) or ""
    prefix = source[: min((source.find(q) for q in "\"'" if q in source), default=0)]
    if "r" not in prefix.lower():
        for match in re.finditer(r"\\(.)", source):
            if match[1] not in "\\'\"abfnrtvxNuU01234567":
                raise Fault(f"the docstring has the escape {match[0]}, which Python does not know")


def _parameters(node: Definition | ast.Module) -> set[str] | None:
    """What a docstring may describe as parameters; None where that is not certain."""
    if isinstance(node, ast.Module):
        return None
    if isinstance(node, FUNCTIONS):
        if node.args.kwarg is not None:
            return None
        return {a.arg for a in parameters(node)}
    inits = [f for f in node.body if isinstance(f, FUNCTIONS) and f.name == "__init__"]
    if not inits or node.decorator_list:
        return None
    return _parameters(inits[-1])


def _examples(text: str) -> list[str]:
    """The examples that doctest would run, with what they must print."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        inside = bool(line.strip()) and (inside or line.lstrip().startswith(">>>"))
        if inside:
            found.append(line.strip())
    return found


def _kept(old: list[str], new: list[str]) -> bool:
    rest = iter(new)
    return all(line in rest for line in old)


def _other(before: State, after: State) -> Judgement:
    """For the languages that have comments instead of docstrings."""
    comments.same(before, after)
    wanted, now = _outlined(before), _outlined(after)
    old_doc = _above(before, wanted) if wanted is not None else []
    doc = _above(after, now) if now is not None else []
    inside = [c.text for c in old_doc if c.start >= before.lines.start]
    text = "\n".join(c.text for c in doc)
    fresh = comments.added(before, after, text, frozenset(inside))
    if not fresh:
        raise Fault("no comment is new or changed")
    for comment in fresh:
        _stands_apart(after, comment)
    if now is not None:
        if not {c.text for c in doc} & {c.text for c in fresh}:
            raise Fault(f"there is no new comment right above {now.name}")
        if len(inside) < len(old_doc):
            raise Fault(f"{now.name} has a doc comment already: select that too")
        _says_something(now, "\n".join(_bare(c.text) for c in doc))
    checked = "the code is the same apart from comments"
    assert after.tree is not None
    if after.tree.root.has_error:
        note = "the file has a syntax error, so this is not certain"
        return Judgement("", f"{checked}; {note}", Verdict.NOT_VERIFIED)
    return Judgement("", checked, Verdict.VERIFIED)


def _outlined(state: State) -> Outlined | None:
    start, end = state.lines
    return next((d for d in state.outline.definitions if start <= d.start < end), None)


def _above(state: State, definition: Outlined) -> list[Comment]:
    """The comments right above a definition and its annotations, directives left out."""
    assert state.tree is not None
    snapshot, grammar = state.snapshot, state.tree.grammar
    by_last_line = {snapshot.line_at(c.end): c for c in comments.comments(state) if c.alone}
    found: list[Comment] = []
    line = definition.line - 1
    while line >= 0:
        comment = by_last_line.get(line)
        start = snapshot.line_starts[line]
        text = snapshot.text[start : snapshot.line_end(start)].strip()
        if comment is not None:
            found.insert(0, comment)
            line = comment.line
        elif not _ANNOTATION.match(text):
            break
        line -= 1
    return [c for c in found if not comments.is_directive(c.text, grammar)]


def _bare(comment: str) -> str:
    """What a comment says, without its marks."""
    return "\n".join(line.strip(_MARKS) for line in comment.split("\n"))


def _stands_apart(after: State, comment: Comment) -> None:
    """Raises Fault for a new comment that may mean something where it stands."""
    assert after.tree is not None
    text, grammar = comment.text, after.tree.grammar
    if not comment.alone and "\n" in text:
        raise Fault(f"the comment `{comments.shown(text)}` shares a line with code")
    if grammar == "go" and re.match(r'import\s+"C"', comment.beside):
        raise Fault('it adds a comment above `import "C"`, which is C code')
    if grammar == "rust" and text.startswith(("//!", "/*!")):
        raise Fault(f"the comment `{comments.shown(text)}` must begin with `///`")
    if (
        grammar == "rust"
        and re.match(r"///(?!/)|/\*\*(?![*/])", text)
        and comment.beside[:1] in ("", "}")
    ):
        raise Fault(f"nothing follows the comment `{comments.shown(text)}`")


def _says_something(definition: Outlined, text: str) -> None:
    """Raises Fault for a comment that says nothing, or something wrong for certain."""
    fault = documentation.fault(text, definition.name)
    if fault:
        raise Fault(fault.replace("the docstring", "the comment"))
    signature = definition.signature
    if definition.kind not in _CALLABLES or len(signature) >= MAX_SIGNATURE or "{" in signature:
        return
    known = {word.lstrip("$") for word in re.findall(r"[\w$]+", signature)}
    unknown = [name for name in documentation.tagged(text) if name not in known]
    if unknown:
        names = ", ".join(unknown)
        raise Fault(f"the comment describes {names}, which {definition.name} does not have")
