"""Branches of an original that inputs reach: which there are, what one run reached."""

from __future__ import annotations

import msgspec


class Coverage(msgspec.Struct, frozen=True):
    """Of the original, by all inputs together. `share` is None where nothing was measured."""

    reached: int
    branches: int
    how: str  # "branches by gcov", "lines", or why nothing was measured

    @property
    def share(self) -> float | None:
        return self.reached / self.branches if self.branches else None
