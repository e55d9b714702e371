"""Which files and definitions matter most, on small workspaces kept in dictionaries."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from slmcode.index import map as ranking
from slmcode.index.map import Ranked, is_helper, outline, page_rank, rank, render, shown
from slmcode.index.rows import FileImport, Symbol

_SYMBOL = re.compile(r"^( *)(?:class|def) (\w+).*$")


class Workspace:
    """What a Reader says of some Python files: classes and functions, and the imports given."""

    def __init__(self, texts: Mapping[str, str], imports: Mapping[str, list[FileImport]]) -> None:
        self._texts = texts
        self._imports = imports

    def files(self) -> list[str]:
        return list(self._texts)

    def outline(self, path: str) -> list[Symbol]:
        symbols = []
        holder = ""
        for number, line in enumerate(self._texts[path].split("\n")):
            found = _SYMBOL.match(line)
            if found is None:
                continue
            scope = holder if found[1] else ""
            kind = "class" if "class " in line else "method" if scope else "function"
            if kind == "class":
                holder = found[2]
            end = self._texts[path].count("\n") + 1 if kind == "class" else number + 1
            signature = line.strip().rstrip(":")
            symbols.append(Symbol(path, found[2], kind, scope, signature, "", number, end))
        return symbols

    def imports(self, path: str) -> list[FileImport]:
        return self._imports.get(path, [])

    def text(self, path: str, line: int, end_line: int) -> str | None:
        return "\n".join(self._texts[path].split("\n")[line:end_line])


def names(target: str, *names: str, module: str = "m") -> FileImport:
    """`from module import names`, which means the file `target`."""
    return FileImport(module, tuple((name, name) for name in names), "", 0, target)


def paths(ranked: list[Ranked]) -> list[str]:
    return [file.path for file in ranked]


def worth(ranked: list[Ranked], name: str) -> float:
    return sum(w for file in ranked for symbol, w in file.symbols if symbol.name == name)


def test_page_rank_of_a_chain_is_what_the_formula_says() -> None:
    # a -> b, both begin alike. Of a's rank 1 part of (1 + _STAYS) goes along the edge.
    d, stays = ranking._DAMPING, ranking._STAYS
    a, b = page_rank([{1: 1.0}, {}], [1.0, 1.0])
    assert a + b == pytest.approx(1.0)
    anew = (1 - d + d * (a * stays / (1 + stays) + b)) / 2
    assert a == pytest.approx(anew, abs=1e-6)
    assert b == pytest.approx(anew + d * a / (1 + stays), abs=1e-6)


def test_page_rank_of_nothing_and_of_no_start() -> None:
    assert page_rank([], []) == []
    assert page_rank([{}, {}], [0.0, 0.0]) == pytest.approx([0.5, 0.5])


def test_what_many_use_comes_first() -> None:
    space = Workspace(
        {
            "core.py": "class TaskStore:\n    def save_task(self): pass",
            "a.py": "class A:\n    pass\nTaskStore()",
            "b.py": "class B:\n    pass\nTaskStore()",
            "lonely.py": "class Lonely:\n    pass",
        },
        {path: [names("core.py", "TaskStore")] for path in ("a.py", "b.py")},
    )
    ranked = rank(space)
    assert paths(ranked)[0] == "core.py"
    assert sum(file.score for file in ranked) == pytest.approx(1.0)
    assert ranked[0].symbols[0][0].name == "TaskStore"


def test_the_import_says_which_of_two_definitions_is_meant() -> None:
    space = Workspace(
        {
            "new.py": "class JobQueue:\n    pass",
            "old.py": "class JobQueue:\n    pass",
            "user.py": "def main(): pass\nJobQueue(JobQueue)",
        },
        {"user.py": [names("new.py", "JobQueue")]},
    )
    new, old = (next(f for f in rank(space) if f.path == path) for path in ("new.py", "old.py"))
    assert new.score > old.score
    assert new.symbols[0][1] > 0
    assert old.symbols[0][1] == 0


def test_names_are_followed_through_files_that_pass_them_on() -> None:
    space = Workspace(
        {
            "pkg/__init__.py": "",
            "pkg/_impl.py": "class JobQueue:\n    pass",
            "user.py": "def main(): pass\nJobQueue()",
        },
        {
            "pkg/__init__.py": [names("pkg/_impl.py", "JobQueue")],
            "user.py": [names("pkg/__init__.py", "JobQueue")],
        },
    )
    assert worth(rank(space), "JobQueue") > 0


def test_who_uses_a_class_uses_its_members() -> None:
    space = Workspace(
        {
            "store.py": "class TaskStore:\n    def __init__(self): pass\n    def save(self): pass\n"
            "    def _hide(self): pass",
            "user.py": "def main(): pass\nTaskStore()",
        },
        {"user.py": [names("store.py", "TaskStore")]},
    )
    ranked = rank(space)
    assert worth(ranked, "TaskStore") > worth(ranked, "save") > 0
    assert worth(ranked, "__init__") == worth(ranked, "save")
    assert worth(ranked, "_hide") == 0


def test_two_files_that_pass_a_name_to_each_other() -> None:
    space = Workspace(
        {"a.py": "JobQueue", "b.py": "JobQueue", "user.py": "JobQueue"},
        {
            "a.py": [names("b.py", "JobQueue")],
            "b.py": [names("a.py", "JobQueue")],
            "user.py": [names("a.py", "JobQueue")],
        },
    )
    assert set(paths(rank(space))) == {"a.py", "b.py", "user.py"}


def test_a_stub_stands_for_its_module() -> None:
    space = Workspace(
        {
            "pb2.py": "_globals = 1",
            "pb2.pyi": "class SendRequest:\n    pass",
            "user.py": "def main(): pass\nSendRequest()",
        },
        {"user.py": [names("pb2.py", "SendRequest")], "pb2.py": [names("", "x")]},
    )
    assert worth(rank(space), "SendRequest") > 0


def test_members_of_foreign_modules_are_not_ours() -> None:
    texts = {
        "theme.go": "class Command:\n    pass",
        "main.go": "def main(): pass\ncobra.Command{}",
    }
    foreign = {"main.go": [FileImport("github.com/spf13/cobra", (), "", 0, "")]}
    assert worth(rank(Workspace(texts, foreign)), "Command") == 0
    assert worth(rank(Workspace(texts, {})), "Command") > 0


def test_a_foreign_name_is_not_ours() -> None:
    space = Workspace(
        {
            "ours.py": "class Console:\n    pass",
            "user.py": "def main(): pass\nConsole()",
        },
        {"user.py": [names("", "Console", module="rich.console")]},
    )
    assert worth(rank(space), "Console") == 0


def test_languages_do_not_mean_each_others_names() -> None:
    space = Workspace(
        {"a.py": "class TaskStore:\n    pass", "b.go": "def main(): pass\nTaskStore"}, {}
    )
    assert worth(rank(space), "TaskStore") == 0


def test_what_only_tests_use_is_behind_what_the_program_uses() -> None:
    space = Workspace(
        {
            "used.py": "class UsedThing:\n    pass",
            "tested.py": "class TestedThing:\n    pass",
            "program.py": "def main(): pass\nUsedThing",
            **{f"tests/test_{i}.py": "def check(): pass\nTestedThing" for i in range(5)},
        },
        {
            "program.py": [names("used.py", "UsedThing")],
            **{f"tests/test_{i}.py": [names("tested.py", "TestedThing")] for i in range(5)},
        },
    )
    order = paths(rank(space))
    assert order[0] == "used.py"
    assert not any(is_helper(path) for path in order[:3])


@pytest.mark.parametrize(
    ("path", "helper"),
    [
        ("tests/a.py", True),
        ("src/pkg/test_a.py", True),
        ("a_test.go", True),
        ("src/a.spec.ts", True),
        ("tools/parallel-benchmark/x.c", True),
        ("third_party/lz4.c", True),
        ("src/contest.py", False),
        ("src/latest/a.py", False),
        ("testament.py", False),
    ],
)
def test_helpers_are_told_by_their_path(path: str, helper: bool) -> None:
    assert is_helper(path) is helper


def test_focus_finds_what_a_file_uses_and_who_uses_it() -> None:
    space = Workspace(
        {
            "core.py": "class CoreThing:\n    pass",
            "focus.py": "class FocusThing:\n    pass\nHelperThing()",
            "helper.py": "class HelperThing:\n    pass",
            "caller.py": "def main(): pass\nFocusThing()",
            **{f"other{i}.py": "def main(): pass\nCoreThing()" for i in range(4)},
        },
        {
            "focus.py": [names("helper.py", "HelperThing")],
            "caller.py": [names("focus.py", "FocusThing")],
            **{f"other{i}.py": [names("core.py", "CoreThing")] for i in range(4)},
        },
    )
    assert paths(rank(space))[0] == "core.py"
    focused = rank(space, ["focus.py"])
    assert paths(focused)[:3] == ["focus.py", "helper.py", "caller.py"]
    assert focused[3].score == 0
    assert paths(rank(space, ["no such file"])) == paths(rank(space))


def test_the_order_of_files_changes_nothing() -> None:
    texts = {
        "b.py": "class TaskStore:\n    pass",
        "a.py": "class JobQueue:\n    pass\nTaskStore",
        "c.py": "class Third:\n    pass\nTaskStore JobQueue",
    }
    turned = dict(reversed(texts.items()))
    assert rank(Workspace(texts, {})) == rank(Workspace(turned, {}))


def test_a_file_that_changed_since_says_nothing() -> None:
    class Changed(Workspace):
        def text(self, path: str, line: int, end_line: int) -> str | None:
            return None

    space = Changed({"a.py": "class TaskStore:\n    pass", "b.py": "def main(): pass"}, {})
    assert worth(rank(space), "TaskStore") == 0


def _ranked(path: str, *symbols: tuple[Symbol, float]) -> Ranked:
    return Ranked(path, 0.5, symbols)


_CLASS = Symbol("a.py", "Store", "class", "", "class Store", "", 0, 9)
_METHOD = Symbol("a.py", "save", "method", "Store", "def save(self)", "", 4, 5)
_OTHER = Symbol("b.py", "load_all", "function", "", "def load_all(path)", "", 2, 3)


def test_a_definition_brings_what_holds_it() -> None:
    ranked = [_ranked("a.py", (_METHOD, 0.9), (_CLASS, 0.0)), _ranked("b.py", (_OTHER, 0.1))]
    assert render(ranked, 200) == (
        "a.py\n    class Store\n        def save(self)\n\nb.py\n    def load_all(path)\n"
    )


def test_an_outline_keeps_to_its_length() -> None:
    symbols = [
        Symbol("a.py", f"function_{i}", "function", "", f"def function_{i}(a, b)", "", i, i)
        for i in range(200)
    ]
    ranked = [_ranked("a.py", *((symbol, 1.0) for symbol in symbols))]
    for tokens in (50, 200, 500):
        length = len(render(ranked, tokens)) / ranking.CHARS_PER_TOKEN
        assert 0.8 * tokens < length <= tokens


def test_one_file_leaves_room_for_others() -> None:
    many = [
        Symbol("a.py", f"function_{i}", "function", "", f"def function_{i}(a, b)", "", i, i)
        for i in range(200)
    ]
    ranked = [_ranked("a.py", *((s, 1.0) for s in many)), _ranked("b.py", (_OTHER, 0.001))]
    assert [file.path for file in outline(ranked, 200)] == ["a.py", "b.py"]


def test_unused_values_and_unused_definitions_of_tests_are_left_out() -> None:
    value = Symbol("a.py", "count", "variable", "", "count = 0", "", 0, 0)
    test = Symbol("tests/test_a.py", "test_it", "function", "", "def test_it()", "", 0, 1)
    main = Symbol("main.py", "main", "function", "", "def main()", "", 0, 1)
    ranked = [
        _ranked("a.py", (value, 0.0)),
        _ranked("tests/test_a.py", (test, 0.0)),
        _ranked("main.py", (main, 0.0)),
    ]
    assert [file.path for file in outline(ranked, 200)] == ["main.py"]
    assert [file.path for file in outline(ranked[1:2], 200)] == ["tests/test_a.py"]


def test_a_signature_without_the_name_gets_it_and_a_long_one_is_cut() -> None:
    anonymous = Symbol("a.h", "Cmd", "struct", "", "typedef struct {", "", 0, 3)
    assert shown(anonymous) == "typedef struct … Cmd"
    long = Symbol("a.py", "f", "function", "", f"def f({'a, ' * 100}b)", "", 0, 0)
    assert len(shown(long)) == ranking.MAX_LINE
