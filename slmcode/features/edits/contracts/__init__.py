"""What a change must keep. One module a contract; `base` is what they share."""

from __future__ import annotations

import importlib
from typing import cast

from slmcode.features.edits.contracts.base import Contract

# By name: module and class. A contract's module is imported when it is first asked for.
_CONTRACTS = {
    "instruction": ("basics", "Basics"),
    "docstring": ("docstring", "Docstring"),
    "type_hints": ("type_hints", "TypeHints"),
    "behaviour": ("behaviour", "Behaviour"),
    "fixed": ("fixed", "Fixed"),
}


def contract(name: str) -> Contract:
    """The contract an action names."""
    module, kind = _CONTRACTS[name]
    found = importlib.import_module(f"{__name__}.{module}")
    return cast(Contract, getattr(found, kind)())
