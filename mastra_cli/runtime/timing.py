"""Deadlines: when a call must be over, and how long a single wait in it may take."""

from __future__ import annotations

import math
from time import monotonic
from typing import Any, NamedTuple

from mastra_cli.errors import InvalidArgument


class Clock(NamedTuple):
    """The clock of one call; `until` may be infinite, `patience` is not."""

    until: float
    patience: float

    def left(self) -> float:
        """Seconds that a wait which begins now may take."""
        return min(self.until - monotonic(), self.patience)


def checked_timeout(timeout: Any) -> float:
    """A number of seconds above 0, or `InvalidArgument`."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise InvalidArgument(f"timeout must be a number of seconds above 0, and is {timeout!r:.60}")
    return float(timeout)


def clock(timeout: float | None, *, usual: float, bulk: bool = False) -> Clock:
    """The clock of a call that begins now; without a `timeout` it has the usual one, with `bulk` no end."""
    if timeout is None:
        return Clock(math.inf if bulk else monotonic() + usual, usual)
    return Clock(monotonic() + checked_timeout(timeout), max(usual, timeout))
