# Generated from the _async twin by `nox -s sync`: edit that one.
"""The indexes on fields of records: which there are, and how they are made and dropped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mastra_cli.errors import Conflict, PermissionDenied
from mastra_cli.runtime._sync.session import Pool
from mastra_cli.runtime.sql import selections, statements
from mastra_cli.runtime.timing import Clock

if TYPE_CHECKING:
    from mastra_cli.runtime.filter_tree import Path

RECORDS = statements("records")

# How long what the catalogue said is taken for true. No answer depends on it.
_FRESH = 30.0
_BUILDS = 5


class FieldIndexes:
    """What is known of them, looked up now and then."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._names: frozenset[str] = frozenset()
        self.magnitude = 0
        """How large the table was, as a power of two of blocks; 0: not known."""
        self._looked_at = -_FRESH

    def of(self, entity_id: str, paths: set[Path], clock: Clock) -> frozenset[Path]:
        """Which of these fields have one, for this entity."""
        if not paths:
            return frozenset()
        if time.monotonic() - self._looked_at >= _FRESH:
            if self._looked_at > 0:
                self._looked_at = time.monotonic()  # who asks meanwhile goes by what was known
            self._look(clock)
        if not self._names:
            return frozenset()
        return frozenset(path for path in paths if self._has(entity_id, path))

    def set(self, entity_id: str, path: Path, wanted: bool, clock: Clock) -> None:
        """Build those of a field, unless they are there; or drop them."""
        self._look(clock)
        if wanted and self._has(entity_id, path):
            return
        try:
            for _ in range(_BUILDS):
                # What a killed build left behind is not valid, and stands in the way of its name.
                for statement in selections.drop_indexes(entity_id, path):
                    self._pool.rows(statement, timeout=clock, writes=True)
                for statement in selections.create_indexes(entity_id, path) if wanted else ():
                    self._pool.rows(statement, timeout=clock, writes=True)
                self._look(clock)
                # A build that lost its connection is repeated, and takes what the first one left for done.
                if not wanted or self._has(entity_id, path):
                    return
        except PermissionDenied as error:
            raise PermissionDenied(
                f"an index on a field is made and dropped by the owner of the table alone: {error.message}",
                hint="connect as the role that migrates",
            ) from error
        raise Conflict(
            "the index on the field was built, and dropped again by another session",
            hint="call index_field() again",
        )

    def _has(self, entity_id: str, path: Path) -> bool:
        return self._names.issuperset(selections.index_names(entity_id, path))

    def _look(self, clock: Clock) -> None:
        found = self._pool.rows(RECORDS["field_indexes"], timeout=clock)
        self._names = frozenset(name for _, name in found if name is not None)
        self.magnitude = int(found[0][0]).bit_length()
        self._looked_at = time.monotonic()
