"""Names of COBOL as names of Python."""

from __future__ import annotations

import keyword
import re

_KEYWORDS = frozenset(keyword.kwlist) | {"self", "print", "int", "str", "range", "len", "abs"}
# Attributes that slmcode_runtime.Program has.
RESERVED = frozenset(
    "accept call call_function cancel common contained exit_program external files find flow "
    "goback handlers initial link local_storage name parent perform procedures return_code "
    "returning run start stop switches tally sort_return declare".split()
)
RECORD_RESERVED = frozenset({"group", "size", "storage"})


def python_name(cobol_name: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """`cobol_name` in snake_case, with a number behind it where it is `taken`; not added there."""
    name = re.sub(r"[^a-z0-9]+", "_", cobol_name.lower()).strip("_") or "filler"
    if name[0].isdigit():
        name = f"n_{name}"
    if name in _KEYWORDS:
        name += "_"
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def class_name(cobol_name: str, taken: set[str] | frozenset[str] = frozenset()) -> str:
    """The same in CapWords."""
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", cobol_name) if part]
    name = "".join(part[:1].upper() + part[1:].lower() for part in parts) or "Filler"
    if name[0].isdigit():
        name = f"N{name}"
    if keyword.iskeyword(name):
        name += "_"
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}{count}"
    return found
