"""What a lending library consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

LOAN_DAYS = 28
FEE_PER_DAY = 20  # cents


@dataclass(frozen=True)
class Book:
    """A title the library owns one or more copies of."""

    isbn: str
    title: str
    author: str
    copies: int = 1


@dataclass(frozen=True)
class Member:
    """Somebody who may borrow."""

    number: int
    name: str
    email: str


@dataclass
class Loan:
    """One copy of a book in the hands of a member."""

    book: Book
    member: Member
    start: date
    returned: date | None = None

    @property
    def due(self) -> date:
        """The last day the book may be brought back without a fee."""
        return self.start + timedelta(days=LOAN_DAYS)

    def is_overdue(self, today: date) -> bool:
        """Is the book still out after its due date?"""
        return self.returned is None and today > self.due

    def fee(self, today: date) -> int:
        """The fee so far, in cents."""
        end = self.returned or today
        days = max((end - self.due).days, 0)
        return days * FEE_PER_DAY


@dataclass
class Library:
    """The books, the members and all loans, finished ones too."""

    books: dict[str, Book] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    loans: list[Loan] = field(default_factory=list)
