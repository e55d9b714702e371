"""Borrowing and bringing back."""

from __future__ import annotations

from datetime import date

from .models import Book, Library, Loan, Member


class LendingError(Exception):
    """A loan that cannot be made; the message is for the person at the desk."""


def add_book(library: Library, book: Book) -> None:
    """Put a book on the shelves."""
    library.books[book.isbn] = book


def add_member(library: Library, member: Member) -> None:
    """Enrol a member."""
    library.members[member.number] = member


def open_loans(library: Library) -> list[Loan]:
    """Loans whose book is still out."""
    return [loan for loan in library.loans if loan.returned is None]


def copies_left(library: Library, isbn: str) -> int:
    """How many copies of a book stand on the shelf."""
    book = library.books[isbn]
    out = sum(1 for loan in open_loans(library) if loan.book.isbn == isbn)
    return book.copies - out


def borrow(library: Library, isbn: str, number: int, today: date) -> Loan:
    """Hand a copy to a member. Raises LendingError where that cannot be done."""
    if isbn not in library.books:
        raise LendingError(f"there is no book {isbn}")
    if number not in library.members:
        raise LendingError(f"there is no member {number}")
    if copies_left(library, isbn) == 0:
        raise LendingError(f"all copies of {isbn} are out")
    loan = Loan(library.books[isbn], library.members[number], today)
    library.loans.append(loan)
    return loan


def bring_back(library: Library, loan: Loan, today: date) -> int:
    """Take a copy back; returns the fee to be paid, in cents."""
    loan.returned = today
    return loan.fee(today)
