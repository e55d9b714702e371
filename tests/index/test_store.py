"""Asking a database, and databases that cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from slmcode.index import analysis, store
from slmcode.index.build import State, build
from slmcode.index.reader import Reader
from slmcode.index.store import Writer

SHOP = {
    "shop/cart.py": '''\
from shop.money import Price, total_of
import os as system


class Cart:
    """What a customer is about to buy."""

    limit = 10

    def add_item(self, name, price):
        """Put one more in."""
        self.items.append((name, price))

    def clear(self):
        self.items.clear()


def empty_cart():
    return Cart()
''',
    "shop/money.py": "class Price:\n    pass\n\n\ndef total_of(prices):\n    return sum(prices)\n",
    "shop/__init__.py": "",
    "test_cart.py": "from shop.cart import Cart\n\n\ndef test_clear():\n    Cart().clear()\n",
    "README.md": "# The shop\n\nA cart holds items.\n",
}


class Workspace:
    """A folder, its database, and a reader of it."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "workspace"
        self.folder.mkdir()
        self.database = path / "cache" / "index.sqlite"
        self.reader = Reader(self.folder, self.database)

    def write(self, files: dict[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(self) -> State:
        state = build(self.folder, self.database, limit_kb=1024, n_workers=1)
        self.reader.reopen(self.database)
        return state


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.write(SHOP)
    assert workspace.build().state == "done"
    return workspace


def test_definitions_by_name_say_where_and_what(shop: Workspace) -> None:
    (found,) = shop.reader.definitions(["Cart", "unheard_of"])
    assert (found.path, found.kind, found.scope) == ("shop/cart.py", "class", "")
    assert (found.line, found.end_line) == (4, 15)
    assert found.doc == "What a customer is about to buy."
    (method,) = shop.reader.definitions(["add_item"])
    assert (method.scope, method.signature) == ("Cart", "def add_item(self, name, price)")


def test_rare_names_come_before_common_ones(workspace: Workspace) -> None:
    workspace.write({f"m{i}.py": "def run(): pass\n" for i in range(9)})
    workspace.write({"a.py": "def rare(): pass\n"})
    workspace.build()
    found = workspace.reader.definitions(["run", "rare"], limit=4)
    assert [symbol.name for symbol in found] == ["rare", "run", "run", "run"]


def test_members_are_those_of_the_class_itself(shop: Workspace) -> None:
    found = shop.reader.members("shop/cart.py", "Cart")
    assert [symbol.name for symbol in found] == ["limit", "add_item", "clear"]


def test_outline_is_everything_in_order(shop: Workspace) -> None:
    names = [symbol.name for symbol in shop.reader.outline("shop/cart.py")]
    assert names == ["Cart", "limit", "add_item", "clear", "empty_cart"]
    assert shop.reader.outline("no/such.py") == []


def test_imports_mean_files(shop: Workspace) -> None:
    money, system = shop.reader.imports("shop/cart.py")
    assert (money.module, money.target) == ("shop.money", "shop/money.py")
    assert money.names == (("Price", "Price"), ("total_of", "total_of"))
    assert (system.module, system.alias, system.target) == ("os", "system", "")
    assert shop.reader.importers("shop/money.py") == ["shop/cart.py"]


def test_known_are_the_names_that_are_defined(shop: Workspace) -> None:
    assert shop.reader.known(["Cart", "clear", "Basket"]) == {"Cart", "clear"}


def test_passages_have_parts_of_identifiers(shop: Workspace) -> None:
    found = shop.reader.passages(["totalAmount"], 5)
    assert {passage.path for passage in found} == {"shop/cart.py", "shop/money.py"}
    assert found[0].score > 0


def test_a_passage_with_more_and_rarer_words_is_better(workspace: Workspace) -> None:
    workspace.write({f"common{i}.py": f"y{i} = parse(tree)\n" for i in range(8)})
    workspace.write({f"other{i}.py": f"z{i} = walk(path)\n" for i in range(40)})
    workspace.write({"both.py": "parse(tree, quokka)\n", "rare.py": "q = quokka\n"})
    workspace.build()
    found = workspace.reader.passages(["parse", "quokka"], 3)
    assert [passage.path for passage in found[:2]] == ["both.py", "rare.py"]
    assert found[0].score > found[1].score > found[2].score


def test_passages_of_one_file_can_be_left_out(shop: Workspace) -> None:
    paths = {p.path for p in shop.reader.passages(["Cart"], 9, but_not="shop/cart.py")}
    assert paths == {"test_cart.py", "README.md"}


def test_passage_at_a_line_holds_it(shop: Workspace) -> None:
    found = shop.reader.passage_at("shop/cart.py", 10)
    assert found is not None
    assert found.line <= 10 < found.end_line
    assert shop.reader.passage_at("shop/cart.py", 1000) is None


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("cart", "Cart"),
        ("additem", "add_item"),
        ("EMPTYC", "empty_cart"),
        ("totof", "total_of"),
        ("test", "test_clear"),
    ],
)
def test_symbols_by_a_few_letters(shop: Workspace, query: str, best: str) -> None:
    assert shop.reader.symbols(query, 5)[0].name == best


def test_symbols_beginning_with_the_letters_come_first(shop: Workspace) -> None:
    assert [s.name for s in shop.reader.symbols("c", 10)][:2] == ["Cart", "clear"]
    assert [s.name for s in shop.reader.symbols("clear", 10)] == ["clear", "test_clear"]
    assert shop.reader.symbols("zz", 10) == []
    assert shop.reader.symbols(" ", 10) == []


def test_counts_and_files(shop: Workspace) -> None:
    counts = shop.reader.counts()
    assert shop.reader.files() == sorted(SHOP)
    assert counts.files == 5
    assert counts.lines == sum(text.count("\n") for text in SHOP.values())
    assert counts.bytes == sum(map(len, SHOP.values()))
    assert counts.symbols == 8


def test_text_is_that_of_the_file_until_it_changes(shop: Workspace) -> None:
    assert shop.reader.text("shop/money.py", 0, 2) == "class Price:\n    pass"
    (shop.folder / "shop/money.py").write_text("something else\n")
    assert shop.reader.text("shop/money.py", 0, 2) is None
    assert shop.reader.text("no/such.py", 0, 2) is None


def test_a_name_a_database_cannot_match_is_just_not_found(shop: Workspace) -> None:
    assert shop.reader.definitions(["a'b\"; drop table files", "\ud800", ""]) == []
    assert shop.reader.passages(["\ud800", "'", ""], 3) == []
    assert shop.reader.symbols("\ud800", 3) == []
    assert shop.reader.outline("\ud800") == []
    assert shop.reader.text("\ud800", 0, 1) is None
    assert shop.reader.counts().files == 5


def test_without_a_database_a_reader_has_nothing(workspace: Workspace) -> None:
    assert workspace.reader.files() == []
    assert workspace.reader.counts().files == 0
    assert workspace.reader.passages(["x"], 3) == []
    assert workspace.reader.symbols("x", 3) == []


def test_only_the_user_may_read_it(shop: Workspace) -> None:
    assert stat.S_IMODE(shop.database.stat().st_mode) == 0o600


def test_nothing_is_written_into_the_workspace(shop: Workspace) -> None:
    files = {p.relative_to(shop.folder).as_posix() for p in shop.folder.rglob("*") if p.is_file()}
    assert files == set(SHOP)


def corrupt(database: Path) -> None:
    database.write_bytes(b"this is no database" * 100)


def cut_off(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def of_another_program(database: Path) -> None:
    database.unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("create table theirs (x)")
    connection.close()


def from_a_newer_version(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute(f"pragma user_version={store.SCHEMA_VERSION + 1}")
    connection.close()


def made_with_other_queries(database: Path) -> None:
    """The same files define other things to them."""
    with sqlite3.connect(database) as connection:
        connection.execute("update meta set value = value + 1 where key = 'made_by'")
    connection.close()


@pytest.mark.parametrize(
    "spoil",
    [corrupt, cut_off, of_another_program, from_a_newer_version, made_with_other_queries],
    ids=lambda f: f.__name__,
)
def test_a_database_that_cannot_be_used_is_built_again(shop: Workspace, spoil) -> None:  # type: ignore[no-untyped-def]
    shop.reader.close()
    spoil(shop.database)
    state = shop.build()
    assert state.state == "done"
    assert state.rebuilt
    assert shop.reader.known(["Cart"]) == {"Cart"}
    assert shop.reader.counts().files == 5


def test_a_reader_of_a_damaged_database_finds_nothing_and_says_why(shop: Workspace) -> None:
    shop.reader.close()
    corrupt(shop.database)
    shop.reader.reopen(shop.database)
    assert shop.reader.definitions(["Cart"]) == []
    assert "not a database" in shop.reader.problem


def entry(path: str, text: str) -> analysis.Entry:
    return analysis.analyse(path, "python", text, size=len(text), mtime_ns=1, digest=text.encode())


def test_a_file_written_often_leaves_nothing_behind(shop: Workspace) -> None:
    connection = store.open_writer(shop.database)
    writer = Writer(connection)

    def rows() -> tuple[int, ...]:
        tables = ("files", "symbols", "passages", "imports", "postings")
        return tuple(connection.execute(f"select count(*) from {t}").fetchone()[0] for t in tables)

    for text in ("def first(): pass\n", "def second(): pass\n"):
        one = entry("new.py", text)
        with writer:
            writer.add([one], analysis.postings([one]), own=True)
    assert shop.reader.known(["first", "second"]) == {"second"}
    assert shop.reader.passages(["first"], 3) == []
    before = rows()
    for _ in range(5):
        with writer:
            writer.add([one], analysis.postings([one]), own=True)
    assert rows() == before
    connection.close()


def test_compaction_keeps_what_is_there_and_drops_the_rest(shop: Workspace) -> None:
    connection = store.open_writer(shop.database)
    writer = Writer(connection)
    for i in range(2000):
        one = entry("often.py", f"def version{i}(): pass\n")
        with writer:
            writer.add([one], analysis.postings([one]))
    with writer:
        writer.compact()
    segments = connection.execute("select count(distinct segment) from postings").fetchone()[0]
    assert segments == 1
    assert connection.execute("select 1 from postings where term = 'version7'").fetchone() is None
    connection.close()
    assert [p.path for p in shop.reader.passages(["version1999"], 3)] == ["often.py"]
    assert [p.path for p in shop.reader.passages(["customer"], 3)] == ["shop/cart.py"]
