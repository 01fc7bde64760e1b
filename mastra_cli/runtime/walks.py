"""Which selections are best answered along the order of an index: what the server planned for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_KEPT = 256
_FRESH = 30.0


class Walks:
    """What is known of the selections asked for last; about one that comes again the server is asked."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[Hashable, tuple[float, bool]] = {}

    def said(self, selection: Hashable) -> bool | None:
        """Whether it is; None: the server is to be asked now, for it is not the first time."""
        known = self._known.pop(selection, None)
        if known is None:
            # As though it had been known: the next time is soon enough to ask.
            self._keep(selection, (self._now(), False))
            return False
        self._keep(selection, known)
        until, walks = known
        return walks if self._now() < until else None

    def learn(self, selection: Hashable, walks: bool) -> None:
        self._known.pop(selection, None)
        self._keep(selection, (self._now() + _FRESH, walks))

    def _keep(self, selection: Hashable, known: tuple[float, bool]) -> None:
        self._known[selection] = known
        while len(self._known) > _KEPT:
            self._known.pop(next(iter(self._known)), None)
