"""Names of languages, as editors say them."""

from __future__ import annotations

import pytest

from slmcode.syntax.languages import ALIASES, all_rows, canonical, language, language_of_path


def test_an_alias_means_a_row_and_is_none_itself() -> None:
    rows = {row.language_id for row in all_rows()}
    assert set(ALIASES.values()) <= rows
    assert not ALIASES.keys() & rows


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("cs", "Program.cs"),
        ("sh", "build.sh"),
        ("zsh", "build.bash"),
        ("typescript.tsx", "App.tsx"),
        ("javascript.jsx", "App.jsx"),
        ("typescriptreact", "App.tsx"),
        ("COBOL", "pay.cbl"),
        ("FortranFixedForm", "dgemm.f"),
        ("objectpascal", "unit1.pas"),
        ("jsonc", "settings.json"),
    ],
)
def test_editors_and_file_names_mean_the_same(said: str, path: str) -> None:
    assert canonical(said) == language_of_path(path)
    row = language(said)
    assert row is not None
    assert row.language_id == language_of_path(path)


def test_an_unknown_language_keeps_its_name() -> None:
    assert canonical("brainfuck") == "brainfuck"
    assert canonical("") == ""
    assert language("brainfuck") is None
