"""From a model's answer to tests that say what the code does, by rules. Pure.

A small model calls a function sensibly and is often wrong about what comes back. So every test runs
once with its asserts turned into questions (`observing`), and is then put right with the answers
(`settled`): a wrong literal becomes the value that was seen, an assert that cannot be put right is
left out, and what stands behind a statement that fails is cut off.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from slmcode.verify.trials import Tried

_VALUES = 10_000  # numbers of `_seen` from here on are values of variables
_MISSING = re.compile(
    r"TypeError: (\w+)\.__init__\(\) missing \d+ required (?:positional|keyword-only) "
    r"arguments?: (.+)"
)
_MOCKS = ("Mock", "MagicMock", "AsyncMock", "patch")
_FROM = {
    "Path": "pathlib", "SimpleNamespace": "types", "BytesIO": "io", "StringIO": "io",
    "Decimal": "decimal", "timedelta": "datetime", "timezone": "datetime", "date": "datetime",
    "OrderedDict": "collections", "defaultdict": "collections", "Counter": "collections",
    "namedtuple": "collections", "dataclass": "dataclasses", "Enum": "enum", "Any": "typing",
    **dict.fromkeys(_MOCKS, "unittest.mock"),
}  # fmt: skip
_MODULES = (
    "array", "ast", "asyncio", "base64", "collections", "copy", "csv", "datetime", "decimal",
    "enum", "fractions", "functools", "io", "itertools", "json", "logging", "math", "operator",
    "os", "pathlib", "pytest", "re", "string", "struct", "sys", "tempfile", "textwrap", "types",
    "typing", "unittest", "uuid",
)  # fmt: skip


class Written(NamedTuple):
    """One test function without parameters; `source` is its text, from `def` to its last line."""

    name: str
    source: str


class Answer(NamedTuple):
    """What an answer holds: imports it wrote, one a text, other definitions, and tests."""

    imports: tuple[str, ...]
    helpers: tuple[str, ...]
    tests: tuple[Written, ...]


class Settled(NamedTuple):
    """A test as it is kept; `observed`: it says what was seen, not what the model expected."""

    test: Written
    observed: bool


def read(code: str) -> Answer:
    """The parts of an answer. What does not parse is left out, with all that stands behind it.

    Left out too are tests with parameters or decorators, and a test that is there already.
    """
    tree, code = _parsed(code)
    imports, helpers, tests = [], [], []
    names: set[str] = set()
    bodies: set[str] = set()
    for node in tree.body:
        text = ast.get_source_segment(code, node) or ""
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += [ast.unparse(one) for one in _single(node)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_test(node):
            body = ast.dump(ast.Module(node.body, []))
            if node.decorator_list or body in bodies or ast.unparse(node.args):
                continue
            bodies.add(body)
            if isinstance(node, ast.AsyncFunctionDef):
                text = _run_by_asyncio(text, node)
            name = _free(node.name, names)
            names.add(name)
            head, _, tail = text.partition("(")
            tests.append(Written(name, head.replace(node.name, name) + "(" + tail))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign):
            helpers.append(text)
    return Answer(tuple(imports), tuple(helpers), tuple(tests))


def observing(test: Written) -> str:
    """The test as a program that asserts nothing and tells `_seen` what there is to see.

    For the assert n, in the order of `ast.walk`: `_seen(2 n, whether it holds)` and, where the
    value it is about is compared with a literal, `_seen(2 n + 1, value)`.
    """
    tree = ast.parse(test.source)
    function = _function(tree)
    numbers = {id(node): n for n, node in enumerate(_asserts(function))}
    _Asking(numbers).visit(function)
    body: list[ast.stmt] = []
    for n, statement in enumerate(function.body):
        body.append(statement)
        if (name := _assigned(statement)) is not None:
            seen = _seen(_VALUES + n, ast.Name(name, ast.Load()))
            body.append(ast.Expr(seen))
    function.body = body
    return ast.unparse(ast.fix_missing_locations(tree))


def with_arguments(test: Written, error: str) -> Written | None:
    """The test with `Mock()` for what an object could not be made without; None for other errors.

    `error` is how the test ended.
    """
    match = _MISSING.match(error)
    if match is None:
        return None
    more = ", ".join(f"{name}=Mock()" for name in re.findall(r"'(\w+)'", match[2]))
    lines = [line.encode() for line in test.source.split("\n")]
    calls = [n for n in ast.walk(ast.parse(test.source)) if isinstance(n, ast.Call)]
    made = [c for c in calls if ast.unparse(c.func).split(".")[-1] == match[1]]
    if not made:
        return None
    for call in sorted(made, key=_end, reverse=True):
        line, end = _end(call)
        before = lines[line - 1][: end - 1]
        comma = b"" if before.rstrip().endswith((b"(", b",")) or not before.strip() else b", "
        lines[line - 1] = before + comma + more.encode() + lines[line - 1][end - 1 :]
    source = b"\n".join(lines).decode()
    try:
        ast.parse(source)
    except SyntaxError:
        return None
    return Written(test.name, source)


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


def settled(test: Written, tried: Tried, name: str, *, has_pytest: bool) -> Settled | None:
    """The test of the function `name` with what was seen; None where nothing is left of it.

    `tried` is how `observing(test)` ended.
    """
    tree = ast.parse(test.source)
    function = _function(tree)
    lines = _Lines(test.source)
    observed = raises = False
    body = function.body
    if tried.error:
        n = _failed_at(test, tried.line)
        failed = body[n] if n < len(body) else None
        body = body[:n]
        if failed is not None:
            lines.cut_from(failed)
            if has_pytest and tried.raised_here and _can_be_expected(failed, tried.kind, name):
                lines.append(f"with pytest.raises({tried.kind}):", test, failed)
                observed = raises = True
    kept = raises
    for n, node in enumerate(_asserts(function)):
        if not any(_holds(statement, node) for statement in body):
            continue
        holds = tried.seen.get(str(2 * n), "")
        new = ""
        if holds != "True":
            seen = tried.seen.get(str(2 * n + 1), "")
            new = _put_right(node, seen, test.source)
            observed = observed or bool(new)
            lines.replace(node, new or "pass")
        kept = kept or holds == "True" or bool(new)
    if not kept:
        for n in range(len(body) - 1, -1, -1):
            value = tried.seen.get(str(_VALUES + n), "")
            variable = _assigned(body[n])
            if value and variable is not None:
                lines.append(_equals(variable, value))
                observed = kept = True
                break
    if not kept:
        return None
    source = lines.text()
    try:
        source = _without_passes(source)
    except SyntaxError:
        return None
    return Settled(Written(test.name, source), observed)


def undefined(source: str) -> list[str]:
    """Names that a program uses and does not bind anywhere in it, sorted."""
    used: set[str] = set()
    bound: set[str] = {"_seen"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return sorted(used - bound - set(dir(builtins)))


def defined(helper: str) -> str:
    """The name that a helper of an answer has."""
    node = ast.parse(helper).body[0]
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return node.name


def imports_for(
    names: Iterable[str], module: str, source: str, own: Iterable[str], is_package: bool = False
) -> list[str]:
    """Import statements that bind the names: as the module of that source does, as the answer did.

    `own` are the answer's own imports; of these only what is in the standard library is believed.
    A name that nobody explains has no import.
    """
    known: dict[str, str] = {}
    for text in own:
        node = ast.parse(text).body[0]
        if isinstance(node, ast.Import | ast.ImportFrom) and _is_standard(node):
            known[_binds(node)] = text
    known |= bindings(module, source, is_package)
    found = []
    for name in names:
        if name in known:
            found.append(known[name])
        elif name in _MODULES:
            found.append(f"import {name}")
        elif name in _FROM:
            found.append(f"from {_FROM[name]} import {name}")
    return found


def bindings(module: str, source: str, is_package: bool = False) -> dict[str, str]:
    """What a module has at its top level, with the statement that imports it from elsewhere."""
    found: dict[str, str] = {}
    for node in _top_level(ast.parse(source).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for one in _single(node):
                if isinstance(one, ast.ImportFrom):
                    if one.module == "__future__":
                        continue
                    one = _absolute(one, module, is_package)
                found[_binds(one)] = ast.unparse(one)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = f"from {module} import {node.name}"
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = f"from {module} import {target.id}"
    return found


def rendered(imports: Iterable[str], helpers: Iterable[str], tests: Iterable[Written]) -> str:
    """The text of a test file."""
    groups: list[list[str]] = [[], [], []]
    for text in sorted(set(imports), key=lambda t: (t.startswith("from"), t)):
        root = re.split(r"[\s.]+", text)[1]
        standard = root in sys.stdlib_module_names
        groups[0 if standard else 1 if root == "pytest" else 2].append(text)
    head = "\n\n".join("\n".join(_merged(group)) for group in groups if group)
    parts = [head, *helpers, *(test.source for test in tests)]
    return "\n\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _merged(imports: list[str]) -> list[str]:
    """`from a import b` and `from a import c` as one statement."""
    out: dict[str, list[str]] = {}
    for text in imports:
        head, _, name = text.partition(" import ")
        out.setdefault(head, []).extend([name] if name else [])
    return [f"{head} import {', '.join(names)}" if names else head for head, names in out.items()]


def _parsed(code: str) -> tuple[ast.Module, str]:
    """The longest beginning of the code, up to the end of a line, that compiles."""
    lines = code.split("\n")
    while lines:
        code = "\n".join(lines)
        try:
            compile(code, "<answer>", "exec", dont_inherit=True)  # finds more than a parse
            return ast.parse(code), code
        except SyntaxError as e:
            del lines[max(0, min(e.lineno or 0, len(lines)) - 1) :]
        except ValueError:
            break
    return ast.Module([], []), ""


def _is_test(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return node.name.startswith("test")


def _single(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    for alias in node.names:
        one = copy.copy(node)
        one.names = [alias]
        yield one


def _binds(node: ast.Import | ast.ImportFrom) -> str:
    alias = node.names[0]
    return alias.asname or alias.name.split(".")[0]


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
    return (module or "").split(".")[0] in {*sys.stdlib_module_names, "pytest"}


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> ast.ImportFrom:
    if not node.level:
        return node
    parts = module.split(".")
    up = node.level - 1 if is_package else node.level
    base = parts[: len(parts) - up]
    name = ".".join([*base, *([node.module] if node.module else [])])
    return ast.ImportFrom(name, node.names, 0)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _top_level(node.body)
            yield from _top_level(node.orelse)


def _run_by_asyncio(text: str, node: ast.AsyncFunctionDef) -> str:
    """A plain test of the coroutine: not every project has a plug-in of pytest for it."""
    inner = text.replace(f"async def {node.name}", "async def scenario", 1)
    indented = textwrap.indent(inner, "    ")
    return f"def {node.name}():\n{indented}\n\n    asyncio.run(scenario())"


def _free(name: str, names: set[str]) -> str:
    n, found = 2, name
    while found in names:
        found, n = f"{name}_{n}", n + 1
    return found


def _function(tree: ast.Module) -> ast.FunctionDef:
    (node,) = tree.body
    assert isinstance(node, ast.FunctionDef)
    return node


def _asserts(function: ast.FunctionDef) -> list[ast.Assert]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Assert)]


def _holds(statement: ast.stmt, node: ast.AST) -> bool:
    return any(inner is node for inner in ast.walk(statement))


def _seen(n: int, value: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("_seen", ast.Load()), [ast.Constant(n), value], [])


class _Asking(ast.NodeTransformer):
    def __init__(self, numbers: Mapping[int, int]) -> None:
        self._numbers = numbers

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        n = self._numbers[id(node)]
        subject = _subject(node.test)
        test = node.test
        if subject is test:
            test = _seen(2 * n + 1, test)
        elif isinstance(test, ast.Compare) and subject is test.left:
            test.left = _seen(2 * n + 1, test.left)
        elif isinstance(test, ast.Compare) and subject is not None:
            test.comparators = [_seen(2 * n + 1, subject)]
        elif isinstance(test, ast.UnaryOp) and subject is not None:
            test.operand = _seen(2 * n + 1, subject)
        holds = ast.Call(ast.Name("bool", ast.Load()), [test], [])
        return ast.Expr(_seen(2 * n, holds))


def _subject(test: ast.expr) -> ast.expr | None:
    """What an assert is about: the side that is no literal, or the whole of a plain truth."""
    if isinstance(test, ast.Compare):
        if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
            return None
        left, right = test.left, test.comparators[0]
        if _is_literal(left):
            return None if _is_literal(right) else right
        return left
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand if isinstance(test.operand, ast.Call | ast.Name) else None
    if isinstance(test, ast.Call) and ast.unparse(test.func) != "isinstance":
        return test
    return test if isinstance(test, ast.Name) else None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _put_right(node: ast.Assert, value: str, source: str) -> str:
    subject = _subject(node.test)
    if subject is None or not value:
        return ""
    return _equals(ast.get_source_segment(source, subject) or ast.unparse(subject), value)


def _equals(subject: str, value: str) -> str:
    node = ast.parse(subject.strip(), mode="eval").body
    if "\n" in subject:
        subject = ast.unparse(node)
    if not isinstance(node, ast.Call | ast.Name | ast.Attribute | ast.Subscript):
        subject = f"({subject})"
    if value.startswith("repr="):
        return f"assert repr({subject}) == {value[5:]}"
    if value.startswith("type="):
        return f"assert type({subject}).__name__ == {value[5:]}"
    operator = "is" if value in ("None", "True", "False") else "=="
    return f"assert {subject} {operator} {value}"


def _assigned(statement: ast.stmt) -> str | None:
    """The variable that gets the result of a call."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) else None
    return None


def _failed_at(test: Written, line: int) -> int:
    """Which statement of the test failed, from the line in `observing(test)`; 0 if not known."""
    function = _function(ast.parse(observing(test)))
    n = -1
    for statement in function.body:
        n += not re.match(r"_seen\(\d{5}, ", ast.unparse(statement))
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            return n
    return 0


def _can_be_expected(failed: ast.stmt, kind: str, name: str) -> bool:
    if not isinstance(failed, ast.Expr | ast.Assign | ast.Assert):
        return False
    error = getattr(builtins, kind, None)
    if not (isinstance(error, type) and issubclass(error, Exception)):
        return False
    called = [n for n in ast.walk(failed) if isinstance(n, ast.Call)]
    return any(ast.unparse(call.func).split(".")[-1] == name for call in called)


class _Lines:
    """A test's source while it is put right. Statements are replaced from the last to the first."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines = source.split("\n")
        self._end = len(self._lines)
        self._new: list[tuple[int, int, str]] = []
        self._more: list[str] = []

    def cut_from(self, statement: ast.stmt) -> None:
        self._end = statement.lineno - 1

    def replace(self, node: ast.stmt, text: str) -> None:
        """The comment behind a replaced statement may speak of what it was, so it goes too."""
        self._new.append((node.lineno - 1, node.end_lineno or node.lineno, text))

    def append(
        self, text: str, test: Written | None = None, statement: ast.stmt | None = None
    ) -> None:
        """Another statement at the end of the test; `statement` of `test` becomes its body."""
        self._more.append(text)
        if test is not None and statement is not None:
            inner: ast.AST = statement
            if isinstance(statement, ast.Assert):
                calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
                inner = calls[0]
            elif isinstance(statement, ast.Assign | ast.Expr):
                inner = statement.value
            self._more.append("    " + ast.unparse(inner))

    def text(self) -> str:
        lines = self._lines[: self._end]
        for start, end, text in sorted(self._new, reverse=True):
            blanks = len(lines[start]) - len(lines[start].lstrip())
            lines[start:end] = [" " * blanks + text]
        while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
            lines.pop()
        return "\n".join([*lines, *("    " + text for text in self._more)])


def _without_passes(source: str) -> str:
    """The test without the `pass` of asserts that went, where something else stands beside it."""
    tree = ast.parse(source)
    lines = source.split("\n")
    drop = set()
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if not isinstance(body, list) or not body:
                continue
            passes = [s for s in body if isinstance(s, ast.Pass)]
            if len(passes) == len(body):
                passes = passes[1:]
            drop |= {s.lineno - 1 for s in passes if lines[s.lineno - 1].strip() == "pass"}
    return "\n".join(line for n, line in enumerate(lines) if n not in drop)
