"""Arguments that several rooms of the memory check alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mastra_cli.errors import InvalidArgument

__all__ = ["checked_date", "checked_title", "kept_date"]

# In whichever zone a server, or a reader, says them: these years are still in Python's calendar.
_YEARS = range(2, 9_999)


def checked_title(title: Any) -> str | None:
    """A title, or None; else `InvalidArgument`."""
    if title is not None and (
        not isinstance(title, str) or "\0" in title or any("\ud800" <= c <= "\udfff" for c in title)
    ):
        raise InvalidArgument("title must be a str without NUL and lone surrogates")
    return title


def checked_date(date: Any, what: str) -> datetime | None:
    """An aware datetime, or None; else `InvalidArgument`."""
    if date is not None and (not isinstance(date, datetime) or date.tzinfo is None):
        raise InvalidArgument(f"{what} must be an aware datetime, and is {date!r}", hint="give it a tzinfo")
    return date


def kept_date(date: Any, what: str) -> datetime | None:
    """A date to be stored, in UTC, or None; one that not every zone can show is `InvalidArgument`."""
    found = checked_date(date, what)
    if found is None:
        return None
    try:
        moment = found.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise InvalidArgument(f"{what} must be in the years {_YEARS[0]} to {_YEARS[-1]:,}, and is {date!r}")
    return moment
