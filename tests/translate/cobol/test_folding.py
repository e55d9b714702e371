"""Long lines are broken: the code stays the same, and fits."""

from __future__ import annotations

import ast

import pytest

from slmcode.translate.cobol.emit.folding import WIDTH, fold, width

LONG = [
    "self.x = whole((self.alpha * self.beta_of + self.gamma_of_it) % 1_000_000 + self.d, 9)",
    'display("a literal that is on", self.value_one, "with (brackets", self.value_two, end="") #',
    'self.x = "' + "abc " * 40 + '"',
    "self.some_name_of_it = self.another_long_name_of_it + self.yet_another_long_name_of_it + 12",
    "self.a[self.index_of_table - 1].first_field_of = self.b[self.index_of_table - 1].other_field",
    "self.call(Sub, self.first_record.storage, bytearray(b'abc'), self.other_record.storage, self)",
    "if self.first_name == 'abc' and self.second_name == 'def' or self.third_of == 12345: pass",
    "# " + "これは日本語のコメントです、とても長い" * 6,
]


@pytest.mark.parametrize("line", LONG)
def test_folded_lines_mean_the_same_and_fit(line: str) -> None:
    head = line.removesuffix(" pass")
    folded = fold(" " * 20 + head)
    assert len(folded) > 1
    assert all(width(part) <= WIDTH for part in folded)
    end = " pass" if head != line else ""
    text = "\n".join(part[20:] for part in folded) + end
    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(line))


def test_a_short_line_stays() -> None:
    assert fold("    x = 1  # one") == ["    x = 1  # one"]
