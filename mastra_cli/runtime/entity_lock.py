"""The entity's row as the lock of its writers: how long one waits for it, and what it means not to get it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from mastra_cli.errors import LockBusy, SyncInProgress
from mastra_cli.runtime.timing import Clock

# The wait ends a little before the call's deadline: its error tells more.
_MARGIN = 0.05
# 24 days: the server's settings end there.
_LONGEST = 2**31 - 1


def patience(clock: Clock) -> str:
    """The wait in milliseconds, as the server's setting takes it."""
    left = clock.left()
    return str(min(max(1, int((left - min(_MARGIN, left / 10)) * 1000)), _LONGEST))


@contextmanager
def in_turn() -> Generator[None, None, None]:
    """A lock that was not had in time is another writer's."""
    try:
        yield
    except LockBusy as error:
        raise SyncInProgress(
            "another writer held the entity until the time was up",
            hint="try again when it is done, or give a longer timeout",
        ) from error
