"""What is retrieved for a cursor: each source finds what it is for, in a workspace on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from slmcode.features.context import SOURCES, Place, retrieve
from slmcode.index.build import build
from slmcode.index.reader import Reader
from slmcode.prompt.context import Chunk
from slmcode.syntax.languages import language_of_path
from slmcode.text import Snapshot, TextRange
from tests.features.harness import split

FILES = {
    "shop/order.py": '''\
class Order:
    """What a customer wants."""

    def __init__(self, customer):
        self.customer = customer
        self.lines = []

    def add_line(self, article, count):
        """Put `count` of an article in."""
        self.lines.append((article, count))

    def total(self):
        return sum(article.price * count for article, count in self.lines)
''',
    "shop/pricing.py": '''\
MAX_DISCOUNT = 40


def discount(order, percent):
    """Lower the price, never by more than MAX_DISCOUNT."""
    return order.total() * (100 - min(percent, MAX_DISCOUNT)) / 100
''',
    "shop/stock.py": """\
from shop.order import Order


class Storage:
    def reserve(self, article, count):
        raise NotImplementedError

    def release(self, article, count):
        raise NotImplementedError
""",
    "shop/invoice.py": """\
def print_invoice(order, printer):
    printer.feed_paper()
    printer.write_heading(order.customer)
    for article, count in order.lines:
        printer.write_line(article, count)
    printer.cut_paper()
""",
    "shop/keys.py": """\
def connect_to_bank():
    return BankSession(password="hunter2-{secret}", zone="eu")
""".replace("{secret}", "8f3Kq" + "Zt71LmX"),
    "tests/test_pricing.py": """\
from shop.pricing import discount


def test_discount_is_capped():
    assert discount(order_of(100), 50) == 60
""",
    "old/pricing.py": "def discount(order):\n    return order\n",
    "shop/imports.py": "from .pricing import discount as lower\n\nprice = lower\n",
    "shop/modules.py": "import shop.pricing\n\nprice = shop.pricing.discount\n",
    "shop/shelf.py": "from .stock import Storage\n\n\nclass Shelf(Storage):\n    a = 1\n    ",
    "web/cart.ts": """\
export interface Cart {
  items: string[];
  owner: string;
}

export function emptyCart(owner: string): Cart {
  return { items: [], owner };
}
""",
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("workspace")
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    database = tmp_path_factory.mktemp("cache") / "index.sqlite"
    assert build(folder, database, limit_kb=1024, n_workers=1).state == "done"
    found = Reader(folder, database)
    yield found
    found.close()


def find(
    reader: Reader,
    source: str,
    *,
    path: str = "shop/new.py",
    window: TextRange | None = None,
    recent: Sequence[tuple[str, int]] = (),
    sources: Sequence[str] = SOURCES,
) -> list[Chunk]:
    text, offset = split(source)
    snapshot = Snapshot(f"file:///w/{path}", language_of_path(path), 1, text)
    place = Place(snapshot, path, offset, window or TextRange(0, len(text)), recent)
    return list(retrieve(reader, place, sources))


def places(chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
    return [(chunk.reason, f"{chunk.path}:{chunk.line + 1}") for chunk in chunks]


def test_members_of_the_receivers_class(reader: Reader) -> None:
    """The class is longer than what is shown whole: header and signatures stand for it."""
    chunks = find(reader, "def f(order: Order):\n    order.ˇ\n")
    assert places(chunks)[0] == ("receiver", "shop/order.py:1")
    assert "def total(self)" in chunks[0].text
    assert "def add_line(self, article, count)" in chunks[0].text
    assert "sum(" not in chunks[0].text


@pytest.mark.parametrize(
    "source",
    [
        "order = Order('me')\norder.ˇ\n",
        "def f(order: Optional[Order] = None):\n    return order.toˇ\n",
        "from shop.order import Order\n\nOrder.ˇ\n",
    ],
)
def test_the_receivers_class_is_read_from_the_file(reader: Reader, source: str) -> None:
    assert places(find(reader, source, sources=["receiver"])) == [("receiver", "shop/order.py:1")]


def test_the_called_function(reader: Reader) -> None:
    chunks = find(reader, "price = discount(order, ˇ)\n")
    assert places(chunks)[0] == ("call", "shop/pricing.py:4")
    assert chunks[0].text.startswith("def discount(order, percent):")


def test_a_closed_call_is_not_meant(reader: Reader) -> None:
    assert find(reader, "price = discount(order, 3) + ˇ\n", sources=["call"]) == []


def test_imported_names_mean_the_imported_file(reader: Reader) -> None:
    """`lower` is `discount` of shop/pricing.py, and not the one of old/pricing.py."""
    text = FILES["shop/imports.py"]
    chunks = find(reader, text + "ˇ", path="shop/imports.py", sources=["import", "name"])
    assert places(chunks) == [("import", "shop/pricing.py:4")]


def test_names_of_an_imported_module(reader: Reader) -> None:
    source = FILES["shop/modules.py"] + "ˇ"
    chunks = find(reader, source, path="shop/modules.py", sources=["import"])
    assert places(chunks) == [("import", "shop/pricing.py:4")]


def test_the_classes_around_the_cursor_is_made_from(reader: Reader) -> None:
    text = FILES["shop/shelf.py"]
    chunks = find(reader, text + "ˇ", path="shop/shelf.py", sources=["base"])
    assert places(chunks) == [("base", "shop/stock.py:4")]


def test_the_files_that_import_this_one(reader: Reader) -> None:
    source = FILES["shop/pricing.py"] + "\ndiscount = ˇ"
    chunks = find(reader, source, path="shop/pricing.py", sources=["sibling"])
    assert "tests/test_pricing.py" in {chunk.path for chunk in chunks}
    importers = {"tests/test_pricing.py", "shop/imports.py", "shop/modules.py"}
    assert {chunk.path for chunk in chunks} <= importers


def test_names_used_near_the_cursor(reader: Reader) -> None:
    chunks = find(reader, "limit = MAX_DISCOUNT\nˇ\n", sources=["name"])
    assert places(chunks) == [("name", "shop/pricing.py:1")]


def test_a_nearer_name_counts_more(reader: Reader) -> None:
    source = "print_invoice\n" + "\n" * 20 + "MAX_DISCOUNT\nˇ\n"
    chunks = find(reader, source, sources=["name"])
    assert places(chunks) == [("name", "shop/pricing.py:1"), ("name", "shop/invoice.py:1")]
    assert chunks[0].score > chunks[1].score


def test_where_the_user_was_before(reader: Reader) -> None:
    chunks = find(reader, "ˇ\n", recent=[("shop/invoice.py", 2), ("shop/stock.py", 4)])
    assert places(chunks)[:2] == [("recent", "shop/invoice.py:1"), ("recent", "shop/stock.py:1")]


def test_the_same_words(reader: Reader) -> None:
    source = "def print_label(parcel, printer):\n    printer.feed_paper()\n    ˇ\n"
    chunks = find(reader, source, sources=["lexical"])
    assert places(chunks)[0] == ("lexical", "shop/invoice.py:1")


def test_nothing_that_stands_in_the_window(reader: Reader) -> None:
    """Also where the same lines stand under another path."""
    copied = FILES["shop/pricing.py"] + "\n\nprice = discount(ˇ)\n"
    found = {c.path for c in find(reader, copied)}
    assert "shop/pricing.py" not in found


def test_the_own_file_beyond_the_window(reader: Reader) -> None:
    """`discount` is defined at the top, the model sees the last line only."""
    source = FILES["shop/pricing.py"] + "\n" * 60 + "price = discount(ˇ)\n"
    text, offset = split(source)
    window = TextRange(offset - 40, len(text))
    chunks = find(reader, source, path="shop/pricing.py", window=window)
    assert places(chunks)[0] == ("call", "shop/pricing.py:4")
    seen = find(reader, source, path="shop/pricing.py", window=TextRange(0, len(text)))
    assert ("call", "shop/pricing.py:4") not in places(seen)


def test_no_place_stands_in_two_chunks(reader: Reader) -> None:
    chunks = find(reader, "discount(Order(ˇ\nprint_invoice\nMAX_DISCOUNT\n")
    spans = [(c.path, line) for c in chunks for line in range(c.line, c.end_line)]
    assert len(spans) == len(set(spans))
    assert len(chunks) > 2


def test_secrets_are_masked(reader: Reader) -> None:
    (chunk,) = find(reader, "connect_to_bank(ˇ\n", sources=["call"])
    assert "hunter2" not in chunk.text
    assert 'zone="eu"' in chunk.text


def test_the_same_every_time(reader: Reader) -> None:
    source = "def f(order: Order):\n    discount(order.ˇ\n    print_invoice()\n"
    assert find(reader, source) == find(reader, source)


@pytest.mark.parametrize(
    "source", ["ˇ", "\0\0ˇ\0", "\ud800.ˇ", "x" * 5000 + ".ˇ", "(" * 3000 + "ˇ"]
)
def test_odd_text_finds_nothing_and_fails_in_no_way(reader: Reader, source: str) -> None:
    assert find(reader, source, path="odd.xyz", sources=SOURCES[:5]) == []
