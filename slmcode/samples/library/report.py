"""What the librarian reads in the morning."""

from __future__ import annotations

from collections import Counter
from datetime import date

from .lending import open_loans
from .models import Library, Loan


def overdue_loans(library: Library, today: date) -> list[Loan]:
    """Loans that are overdue, the oldest first."""
    overdue = [loan for loan in open_loans(library) if loan.is_overdue(today)]
    return sorted(overdue, key=lambda loan: loan.due)


def total_fees(library: Library, today: date) -> int:
    """Everything members owe today, in cents."""
    return sum(loan.fee(today) for loan in open_loans(library))


def most_borrowed(library: Library, n: int = 10) -> list[tuple[str, int]]:
    """The titles borrowed most often, with their number of loans."""
    counts = Counter(loan.book.title for loan in library.loans)
    return counts.most_common(n)


def reminder(loan: Loan, today: date) -> str:
    """The text of the letter to a member whose book is overdue."""
    days = (today - loan.due).days
    return (
        f"Dear {loan.member.name},\n"
        f"please bring back {loan.book.title}. It was due {days} days ago.\n"
    )
