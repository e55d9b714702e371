"""Names that do not exist: which are seen, which are left alone, and what becomes of the text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from slmcode.config import Config
from slmcode.engine.fake import END, MIDDLE, Script, writes
from slmcode.features.grounding import Checker, Unknown
from slmcode.features.names import class_around, evident_type
from slmcode.index.analysis import analyse
from slmcode.index.build import build
from slmcode.index.imports import Resolver
from slmcode.index.reader import Reader
from slmcode.index.rows import FileImport, Symbol
from slmcode.syntax.languages import language_of_path
from slmcode.text import Snapshot
from tests.features.harness import Completion, Desk, Empty, Reason, split

FILES = {
    "shop/__init__.py": "from shop.order import Order\n",
    "shop/base.py": """\
class Base:
    def __init__(self):
        self.created = 0
        self.first, self.second = 1, 2

    def save(self):
        pass
""",
    "shop/order.py": """\
from shop.base import Base
from elsewhere import Strange

LIMIT = 3


class Order(Base):
    def __init__(self, customer):
        self.customer = customer

    def add_line(self, article):
        pass


class Odd(Strange):
    pass


class Loose:
    pass
""",
    "shop/lazy.py": "def __getattr__(name):\n    return 1\n\n\nknown = 1\n",
    "shop/stars.py": "from shop.order import *\nown = 1\n",
    "web/shape.ts": """\
export interface Shape { area: number }
export class Circle {
  radius = 1;
  grow(by: number): void {}
}
export const PI = 3;
""",
    "web/round.ts": """\
import { Circle } from './shape';
export class Ball extends Circle {
  bounce() {}
}
""",
    "go.mod": "module example.com/m\n",
    "store/store.go": """\
package store

type Store struct {
\tName string
}

func Open() *Store { return nil }
""",
    "store/more.go": "package store\n\nfunc (s *Store) Close() {}\n\nvar Default = 1\n",
    "Parent.java": "class Parent {\n    int size;\n    void grow() {}\n}\n",
    "list.h": "struct List {\n    int length;\n    struct List *next;\n};\n",
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The files above, indexed."""
    folder = tmp_path_factory.mktemp("workspace")
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    database = tmp_path_factory.mktemp("database") / "index.sqlite"
    assert build(folder, database, limit_kb=100, n_workers=1).state == "done"
    return Reader(folder, database)


class WithDocument:
    """The index as it is once an open document stands in it."""

    def __init__(self, reader: Reader, path: str, text: str) -> None:
        self.definitions, self.known, self.text = reader.definitions, reader.known, reader.text
        self._reader, self._path = reader, path
        language = language_of_path(path)
        entry = analyse(path, language, text, size=0, mtime_ns=0, digest=b"")
        self._symbols = [
            Symbol(path, d.name, d.kind, d.scope, d.signature, d.doc, d.line, d.end_line + 1)
            for d in entry.definitions
        ]
        resolver = Resolver(reader.files(), FILES.get)
        self._imports = [
            FileImport(i.module, i.names, i.alias, i.line, target)
            for i in entry.imports
            for target in resolver.resolve(language, i.module, i.names, path) or ("",)
        ]

    def outline(self, path: str) -> list[Symbol]:
        return self._symbols if path == self._path else self._reader.outline(path)

    def imports(self, path: str) -> list[FileImport]:
        return self._imports if path == self._path else self._reader.imports(path)


def first(
    reader: Reader, source: str, text: str, path: str = "shop/new.py", *, final: bool = True
) -> Unknown | None:
    before, offset = split(source)
    snapshot = Snapshot("file:///w/x", language_of_path(path), 1, before)
    checker = Checker(WithDocument(reader, path, before), path, snapshot)
    return checker.first_unknown(offset, text, final=final)


ORDER = "from shop.order import Order\n\n\ndef bill(order: Order):\n    ˇ\n"
IN_CLASS = """\
from shop.base import Base


class Bill(Base):
    def __init__(self):
        self.total = 0

    def show(self):
        ˇ
"""


@pytest.mark.parametrize(
    ("source", "text", "name"),
    [
        (IN_CLASS, "return self.totel", "totel"),
        (IN_CLASS, "return self.total + self.saved", "saved"),
        (IN_CLASS, "return self.total + self.created + self.first + self.save()", None),
        (IN_CLASS, "self.shown = self.shown_before", "shown_before"),
        (IN_CLASS, "self.shown = 1\n        return self.shown", None),
        (IN_CLASS, "return self.__class__", None),
        (IN_CLASS, "return 'self.nothing'  # self.nothing", None),
        (IN_CLASS, "return f'{self.nothing}'", None),
        (ORDER, "return order.client", "client"),
        (ORDER, "return order.customer", None),
        (ORDER, "return Order.nothing", "nothing"),
        (ORDER, "return order.line().nothing", "line"),
        (ORDER, "order.extra = 1", None),
        ("from shop.order import Odd\n\nodd = Odd()\nˇ\n", "odd.anything()", None),
        ("from shop import Order\n\norder = Order(1)\nˇ\n", "order.client()", "client"),
        (
            "from shop.order import Order\norder = Order(1)\norder = f()\nˇ\n",
            "order.client()",
            None,
        ),
        ("try:\n    from y import O\nexcept E:\n    class O: ...\no = O()\nˇ\n", "o.x, O.x", None),
        ("import shop.order as orders\nˇ\n", "orders.LIMITS", "LIMITS"),
        ("import shop.order as orders\nˇ\n", "orders.LIMIT, orders.Base", None),
        ("from shop import order\nˇ\n", "order.LIMITS", "LIMITS"),
        ("from shop import lazy, stars\nˇ\n", "lazy.anything, stars.anything", None),
        ("import numpy as np\nˇ\n", "np.anything()", None),
        ("ˇ\n", "from shop.order import Order, Invoice\n", "Invoice"),
        ("ˇ\n", "from shop.order import Order as Other, LIMIT\n", None),
        ("ˇ\n", "from .order import Invoice\n", "Invoice"),
        ("ˇ\n", "from shop import order, stars\n", None),
        ("ˇ\n", "from numpy import anything\n", None),
        ("x = 1\nˇ\n", "y = frobnicate(x)\n", "frobnicate"),
        ("x = 1\nˇ\n", "print(len(x), bill, Order)\n", "bill"),
        ("x = 1\nˇ\n", "f(count=x)\n", "f"),
        ("x = 1\nˇ\n", "print(end=x)\n", None),
        ("x = 1\nˇ\n", "print([y + z for y, z in x])\n", None),
        ("x = 1\nˇ\n", "print(lambda a, *b: a + b)\n", None),
        ("x = 1\nˇ\n", "with open(x) as file:\n    file.read()\n", None),
        ("x = 1\nˇ\n", "def g(a, b=1, *c, **d) -> int:\n    return g(a, b, c, d)\n", None),
        ("x = 1\nˇ\n", "if (n := x) > 1:\n    a, (b, c) = n\n    print(a, b, c)\n", None),
        ("x = 1\nˇ\n", "except_ = x\n", None),
        ("def f(\n    ˇ\n", "a: Nothing, b=None\n", "Nothing"),
        ("x = any(\n    ˇ\n", "frob(y)\n", None),
        ("x = any(\n    ˇ\n", "frob(y),\n", "frob"),
        ("import io\nx = io.StringIO()\nˇ\n", "y = StringIO()\n", "StringIO"),
        ("x = 1\nˇ\n", "add_line(x)\n", "add_line"),
        ("def g():\n    a = 1\n\ndef f():\n    ˇ\n", "return a\n", "a"),
        ("if x:\n    import a\n\ndef f(b):\n    def g():\n        ˇ\n", "return a, b\n", None),
        ("from x import (\n    a as b,\n    c,\n)\ndef f():\n    ˇ\n", "b(a, c)\n", None),
        ("def f():\n    ˇ\n    b = a\n", "return a\n", "a"),
        ("def f():\n    ˇ\n    def a(): ...\nb = 1\n", "return a, b\n", None),
        ("from x import *\nˇ\n", "y = frobnicate(x)\n", None),
        ("def f(\n    a,\n    ˇ\n", "b,\n", None),
    ],
)
def test_python(reader: Reader, source: str, text: str, name: str | None) -> None:
    found = first(reader, source, text)
    assert (found.name if found else None) == name
    if found is not None:
        assert text[found.start : found.end] == name


TS_CLASS = """\
import { Ball } from './round';
import * as shapes from './shape';
class Toy extends Ball {
  colour = '';
  play() {
    ˇ
  }
}
"""
MAIN = "package main\n\nfunc f(s *Server) {\n\tˇ\n}\n"
STORE = "package store\n\nfunc f(s *Store) {\n\tˇ\n}\n"
LIST = '#include "list.h"\nint f(struct List *l) {\n    ˇ\n}\n'


@pytest.mark.parametrize(
    ("path", "source", "text", "name"),
    [
        ("web/toy.ts", TS_CLASS, "this.bounce(this.colour, this.radius);", None),
        ("web/toy.ts", TS_CLASS, "this.bounce(this.color);", "color"),
        ("web/toy.ts", TS_CLASS, "shapes.PI + shapes.TAU", "TAU"),
        ("web/toy.ts", TS_CLASS, "const ball = new Ball(); ball.roll();", None),
        ("web/toy.ts", "ˇ\n", "import { Circle, Square } from './shape';", "Square"),
        ("web/toy.ts", "ˇ\n", "import { Circle, type Shape } from './shape';", None),
        ("web/toy.ts", TS_CLASS, "frobnicate(1);", "frobnicate"),
        ("web/toy.ts", TS_CLASS, "setTimeout(() => parseInt('1'), 1);", None),
        ("web/toy.ts", TS_CLASS, "const go = (a) => a(1); go(2);", None),
        ("web/toy.ts", "class A {\n  ˇ\n}\n", "run(a: number): void {", None),
        ("web/toy.tsx", "const x = 1;\nˇ\n", "frobnicate(x)", "frobnicate"),
        (
            "main.go",
            'package main\n\nimport "example.com/m/store"\n\nfunc f() {\n\tˇ\n}\n',
            "s := store.Opened()",
            "Opened",
        ),
        (
            "main.go",
            'package main\n\nimport "example.com/m/store"\n\nfunc f() {\n\tˇ\n}\n',
            "s, err := store.Open(), store.Default",
            None,
        ),
        (
            "main.go",
            MAIN,
            "for i := range s { f(i) }",
            None,
        ),
        ("main.go", MAIN, "frobnicate(s)", "frobnicate"),
        ("store/x.go", STORE, "s.Close(s.Nome)", "Nome"),
        ("store/x.go", STORE, "s.Close(s.Name)", None),
        (
            "Child.java",
            "class Child extends Parent {\n    void f() {\n        ˇ\n    }\n}\n",
            "this.shrink(size);",
            "shrink",
        ),
        (
            "Child.java",
            "class Child extends Parent {\n    void f() {\n        ˇ\n    }\n}\n",
            "grow(); shrink();",
            "shrink",
        ),
        (
            "Child.java",
            "class Child extends Foreign {\n    void f() {\n        ˇ\n    }\n}\n",
            "this.shrink(); shrink();",
            None,
        ),
        (
            "x.c",
            LIST,
            "return l->size;",
            "size",
        ),
        ("x.c", LIST, "return l->next;", None),
        ("x.c", "int f(int a) {\n    ˇ\n}\n", "return strlen(a);", None),
        ("x.rb", "ˇ\n", "anything.at_all", None),
    ],
)
def test_other_languages(
    reader: Reader, path: str, source: str, text: str, name: str | None
) -> None:
    found = first(reader, source, text, path)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("text", "type_name"),
    [
        ("def f(order: Order, n):\n    order.x", "Order"),
        ('def f(order: "shop.Order | None"):\n    order', ""),
        ("order = await Order(1)", "Order"),
        ("const order = new Order();", "Order"),
        ("func (order *Order) Total() int {", "Order"),
        ("func f(order *Order, n int) {\nfunc g(order string) {", ""),
        ("int f(struct list *order) {", "list"),
        ("Order order = make();", "Order"),
        ("order: Order\norder: list[Order]", ""),
        ("order: Order\nfor order in orders:", ""),
        ("order: Order\nwith x as order:", ""),
        ("order: Order\ndef f(a, order, b):", ""),
        ("order: Order\norder = find()", ""),
        ("order: Order\norders.map((order) => 1)", ""),
        ("Order(order.id)", ""),
    ],
)
def test_evident_types(text: str, type_name: str) -> None:
    assert evident_type(text, "order") == type_name


def test_the_class_around() -> None:
    text = "class A:\n    def f(self):\n        if x:\n\n            a\n\ndef g():\n    b\n"
    assert class_around(text, text.index("a\n")) == "A"
    assert class_around(text, text.index("b")) == ""
    assert class_around("impl Show for Order {\n    fn f() {\n        c", 45) == "Order"


def test_a_name_is_settled_when_nothing_can_change_it(reader: Reader) -> None:
    def settled(source: str, text: str) -> bool | None:
        found = first(reader, source, text, final=False)
        return found.settled if found else None

    assert settled(ORDER, "return order.client") is False
    assert settled(ORDER, "return order.client ") is True
    assert settled(ORDER, "x = [frob(a) ") is False  # … for frob, a in order]
    assert settled(ORDER, "x = [\n        frob\n") is False
    assert settled(ORDER, "x = frob\n") is True


def test_choices_begin_with_what_is_typed(reader: Reader) -> None:
    found = first(reader, ORDER.replace("ˇ", "return order.cˇ"), "lient\n")
    assert found is not None
    assert (found.start, found.name) == (-1, "client")
    assert found.choices == ("created", "customer")
    assert first(reader, ORDER.replace("ˇ", "return order.clientˇ"), " + 1\n") is None
    nearest = first(reader, ORDER, "order.add_row(1)\n")
    assert nearest is not None
    assert nearest.choices[0] == "add_line"


# Through the desk


class FakeProject:
    """What the proofreader and the rest of a session ask of a `Project`."""

    def __init__(self, reader: WithDocument, *, running: bool = False) -> None:
        index = SimpleNamespace(progress=SimpleNamespace(running=running), generation=1)
        self._folder = SimpleNamespace(reader=reader, index=index)

    def find(self, uri: str) -> tuple[Any, str]:
        return self._folder, "shop/new.py"

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None  # told of documents, asked for context


def likes(*texts: str) -> Script:
    """A model that wants the first of the texts that goes on with what stands there, and so on."""

    def script(tokens: list[int]) -> list[int]:
        if MIDDLE not in tokens:  # the prompt is being read
            return [END]
        at = len(tokens) - 1 - tokens[::-1].index(MIDDLE)
        so_far = bytes(t for t in tokens[at + 1 :] if t < 256)
        wanted = [
            t.encode()[len(so_far)]
            for t in texts
            if t.encode().startswith(so_far) and len(t.encode()) > len(so_far)
        ]
        return [*dict.fromkeys(wanted), END]

    return script


def at_desk(
    reader: Reader,
    source: str,
    script: Script,
    play: Callable[[Desk], Awaitable[None]],
    config: Config | None = None,
    *,
    running: bool = False,
) -> None:
    text, _ = split(source)
    project = FakeProject(WithDocument(reader, "shop/new.py", text), running=running)

    async def run() -> None:
        desk = Desk(source, script, config=config)
        desk.completer._resources.project = project  # type: ignore[assignment]
        await play(desk)

    asyncio.run(run())


WANTED = "    return order.client + 1\n"
SECOND = "    return order.customer + 1\n"


def test_the_name_is_chosen_again_among_those_that_exist(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "return order.customer + 1"
        await desk.engine.settle()
        first, second = desk.completions_asked
        names = {"created", "customer", "add_line", "save"}
        assert {choice.decode() for choice in second.choices} >= names
        assert first.sequence == second.sequence

    at_desk(reader, ORDER, likes(WANTED, SECOND), play)


def test_an_unlikely_choice_is_not_taken(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Empty)
        assert (answer.reason, answer.detail) == (Reason.UNKNOWN_NAME, "client")

    at_desk(reader, ORDER, writes(WANTED.encode()), play)


def test_a_second_unknown_name_ends_it(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Empty)
        assert (answer.reason, answer.detail) == (Reason.UNKNOWN_NAME, "price")
        assert len(desk.completions_asked) == 2

    second = "    return order.customer + order.price\n"
    at_desk(reader, ORDER, likes(WANTED, second), play)


def test_the_rest_of_a_name_that_is_being_typed(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "ustomer + 1"
        desk.type("us")
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert (answer.text, answer.from_memory) == ("tomer + 1", True)

    source = ORDER.replace("ˇ", "return order.cˇ")
    at_desk(reader, source, likes(WANTED, SECOND), play)


def test_with_a_gate_the_words_in_front_may_be_shown(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert "return".startswith(answer.text.strip())

    config = Config(deadline_ms=2000, show_probability=0.01, work_ahead="always")
    at_desk(reader, ORDER, writes(WANTED.encode()), play, config)


def test_a_block_ends_before_the_line_with_the_name(reader: Reader) -> None:
    source = "from shop.order import Order\n\n\ndef bill(order: Order):ˇ\n"
    text = "def bill(order: Order):\n    order.save()\n    order.print()\n    return 1\n\n\nx = 1\n"

    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "\n    order.save()"

    at_desk(reader, source, writes(text.encode()), play)


def test_what_is_generated_ahead_ends_before_the_name(reader: Reader) -> None:
    source = ORDER.replace("ˇ", "x = 1\n    ˇ\n    y = 2")

    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "order.save()"
        await desk.engine.settle()
        assert len(desk.completions_asked) == len(desk.engine.jobs)  # nothing is tried behind it
        assert "print" not in desk.completer._documents[desk.snapshot.uri].suggestions.newest_text

    at_desk(reader, source, writes(b"    order.save()\n    order.print()\n    return 1\n"), play)


@pytest.mark.parametrize("running", [True, False])
def test_nothing_is_judged_while_the_index_is_made(reader: Reader, running: bool) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion) is running

    at_desk(reader, ORDER, writes(WANTED.encode()), play, running=running)


def test_nothing_is_judged_in_a_string(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "order.client"

    source = ORDER.replace("ˇ", 'text = """\n    ˇ\n    """')
    at_desk(reader, source, writes(b"    order.client\n"), play)


def test_a_half_name_is_not_shown_at_the_deadline(reader: Reader) -> None:
    async def play(desk: Desk) -> None:
        desk.engine.hold = True
        asked = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        doc = desk.completer._documents[desk.snapshot.uri]
        assert doc.running is not None
        for _ in range(200):
            if len(doc.running.text) >= len("    return order.clie"):
                break
            desk.engine.scheduler.step()
            await asyncio.sleep(0)
        assert doc.running.text[: doc.running.visible(4)[0]] == "    return order."
        desk.engine.release()
        answer = await asked
        assert isinstance(answer, Completion)
        assert answer.text == "return order.customer + 1"

    at_desk(reader, ORDER, likes(WANTED, SECOND), play)


def test_a_fault_in_the_checker_costs_no_suggestion(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Checker, *args: Any, **kwargs: Any) -> None:
        raise ValueError("secret source text")

    monkeypatch.setattr(Checker, "first_unknown", fail)

    async def play(desk: Desk) -> None:
        answer = await desk.ask()
        assert isinstance(answer, Completion)
        assert answer.text == "return order.client + 1"

    at_desk(reader, ORDER, writes(WANTED.encode()), play)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
