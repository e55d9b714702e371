"""What files define and import: each language's annotated sample, headers, comments, odd text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slmcode.syntax.languages import comment_marker, grammars_folder, language_of_path
from slmcode.syntax.parser import parse
from slmcode.syntax.symbols import Outline, outline

MINE = (
    "python typescript tsx javascript java go rust c cpp csharp ruby php lua bash kotlin"
).split()
SAMPLES = [next((grammars_folder() / grammar).glob("sample.*")) for grammar in MINE]
_ANNOTATION = re.compile(
    r"@(class|interface|struct|enum|type|function|method|field|constant|variable|macro|module"
    r"|import) ((?:(?! @).)*)"
)


def outlined(language_id: str, text: str) -> Outline:
    return outline(parse(language_id, text), text)


def annotated(text: str, marker: str) -> tuple[set[tuple[int, str, str]], set[tuple[int, str]]]:
    """(line, kind, name with scope) and (line, import) of each annotation."""
    definitions, imports = set(), set()
    for n, line in enumerate(text.splitlines()):
        for kind, value in _ANNOTATION.findall(line.partition(f"{marker} ")[2]):
            if kind == "import":
                imports.add((n, value.strip()))
            else:
                definitions.add((n, kind, value.strip()))
    return definitions, imports


def defined(found: Outline) -> list[tuple[int, str, str]]:
    return [
        (d.line, d.kind, f"{d.scope}.{d.name}" if d.scope else d.name) for d in found.definitions
    ]


def written(found: Outline) -> list[tuple[int, str]]:
    """Imports as annotations spell them: the module, its names, `there=here`, `=alias`."""
    return [
        (
            i.line,
            " ".join(
                [i.module]
                + [there if there == here else f"{there}={here}" for there, here in i.names]
                + ([f"={i.alias}"] if i.alias else [])
            ),
        )
        for i in found.imports
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.parent.name)
def test_definitions_and_imports_are_those_the_sample_names(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    language_id = language_of_path(sample)
    found = outlined(language_id, text)
    definitions, imports = annotated(text, comment_marker(language_id))
    assert definitions
    assert imports
    assert sorted(defined(found)) == sorted(definitions)
    assert sorted(written(found)) == sorted(imports)
