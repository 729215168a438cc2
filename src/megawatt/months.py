"""Calendar months, written ``YYYY-MM``."""

from __future__ import annotations

__all__ = ["month_after", "month_number", "months_between"]


def month_number(month: str) -> int:
    """Months from January of the year 0."""
    year, number = map(int, month.split("-"))
    return year * 12 + number - 1


def months_between(start: str, month: str) -> int:
    """Months from one month to another."""
    return month_number(month) - month_number(start)


def month_after(month: str, later: int) -> str:
    """The month so many months later."""
    number = month_number(month) + later
    return f"{number // 12}-{number % 12 + 1:02d}"
