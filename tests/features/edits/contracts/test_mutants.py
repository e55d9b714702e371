"""Faults seeded by a program, none of which may pass for a docstring or for type hints."""

from __future__ import annotations

import inspect

import pytest

from slmcode.features.edits.contracts import python
from slmcode.verify.mutation import mutants
from tests.features.edits.contracts.judging import judged

SOURCE = inspect.getsource(python)
FUNCTIONS = (python.both, python.difference, python.asked_for, python.names)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_mutant_is_refused(function: object) -> None:
    code = inspect.getsource(inspect.unwrap(function))  # type: ignore[arg-type]
    assert SOURCE.count(code) == 1
    first = SOURCE[: SOURCE.index(code)].count("\n") + 1
    last = first + code.count("\n") - 1
    source = SOURCE.replace(code, f"«{code}»")
    found = mutants(SOURCE, first, last, 8)
    assert len(found) >= 4
    for mutant in found:
        lines = mutant.text.splitlines(keepends=True)
        below = SOURCE.count("\n") - last
        new = "".join(lines[first - 1 : len(lines) - below])
        for name in ("docstring", "type_hints"):
            fault = judged(name, source, new).fault
            assert fault.startswith("it ") or fault.endswith(" is gone"), mutant.what
            assert not fault.startswith("it adds no"), mutant.what
