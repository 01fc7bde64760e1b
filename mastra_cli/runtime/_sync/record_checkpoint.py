# Generated from the _async twin by `nox -s sync`: edit that one.
"""The row that says how far an index follows its entity, and who works on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime._sync.record_store import Look, RecordStore, Shape, State, TakenOver
from mastra_cli.runtime._sync.session import Clock, Connected
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.sql import statements
from mastra_cli.runtime.vector_index import checked_name

FOLLOWER = statements("record_index")


class Checkpoint(SyncPgVector, RecordStore):
    """The entity's feed, read up to a version that stands beside it."""

    def __init__(
        self, vector: SyncPgVector, engine: Connected, entity_id: str, name: str, timeout: float
    ) -> None:
        SyncPgVector.__init__(self, pool=vector._pool, schema=vector._schema, timeout=timeout)
        RecordStore.__init__(self, entity_id, checked_name(name, self._schema))
        self._engine_pool = engine._pool
        self._checked = self._engine_pool is self._pool
        self._row_key = {"entity_id": entity_id, "index_name": self._qualified(name)}

    def _qualified(self, name: str) -> str:
        return f"{self._schema}.{name}"

    def check(self, clock: Clock) -> None:
        if not self._checked:
            pools = (self._pool, self._engine_pool)
            here, there = [pool.row(FOLLOWER["database"], timeout=clock) for pool in pools]
            if here != there:
                raise two_databases()
            self._checked = True

    def look(self, limit: int, clock: Clock) -> Look | None:
        rows = self._pool.rows(
            FOLLOWER["look"], {**self._row_key, "limit": limit}, timeout=clock, writes=True
        )
        if not rows:
            return None
        first = rows[0]
        records = [_record(row[11:]) for row in rows[1:]]
        return Look(first[0], first[1], first[2], _state(first[3:10]), first[10], records)

    def begin(self, generation: str, model: str | None, born: datetime, clock: Clock) -> None:
        params = {**self._row_key, "generation": generation, "model": model, "born": born}
        self._pool.rows(FOLLOWER["begin"], params, timeout=clock)

    def take(self, me: str, clock: Clock) -> bool:
        params = {**self._row_key, "holder": me, "seconds": self.lease}
        return self._pool.row(FOLLOWER["take"], params, timeout=clock) is not None

    def keep(self, me: str, seconds: float, clock: Clock) -> None:
        params = {**self._row_key, "holder": me, "seconds": seconds}
        if self._pool.row(FOLLOWER["keep"], params, timeout=clock) is None:
            raise TakenOver

    def release(self, me: str, clock: Clock) -> None:
        self._pool.rows(FOLLOWER["release"], {**self._row_key, "holder": me}, timeout=clock)

    def restart(self, me: str, born: datetime, lost: bool, clock: Clock) -> None:
        params = {**self._row_key, "holder": me, "born": born, "lost": lost}
        if self._pool.row(FOLLOWER["restart"], params, timeout=clock) is None:
            raise TakenOver

    def skipped(self, me: str, after: str, limit: int, clock: Clock) -> list[tuple[str, Record | None]]:
        params = {**self._row_key, "holder": me, "after": after, "limit": limit}
        rows = self._pool.rows(FOLLOWER["skipped"], params, timeout=clock)
        return [(row[0], None if row[1] is None else _record(row[1:])) for row in rows]

    def lookup(
        self, external_ids: Sequence[str], clock: Clock
    ) -> tuple[State | None, dict[str, Record]] | None:
        params = {**self._row_key, "external_ids": list(external_ids)}
        rows = self._pool.rows(FOLLOWER["lookup"], params, timeout=clock)
        if not rows:
            return None
        found = [_record(row[8:]) for row in rows if row[8] is not None]
        return _state(rows[0][1:8]), {record.external_id: record for record in found}

    def behind(self, version: int, clock: Clock) -> int:
        params = {"entity_id": self.entity_id, "version": version}
        row = self._pool.row(FOLLOWER["behind"], params, timeout=clock)
        return row[0] if row else 0

    def _advance(
        self, me: str, state: State, version: int, shape: Shape | None, *, swept: bool
    ) -> dict[str, Any]:
        return {
            **self._row_key,
            "holder": me,
            "generation": state.generation,
            "since": state.version,
            "version": version,
            "dimension": shape.dimension if shape else None,
            "swept": swept,
            "seconds": self.lease,
        }


def _state(row: Sequence[Any]) -> State | None:
    if row[0] is None:
        return None
    generation, model, dimension, version, born, sweeping, refreshed_at = row
    at = None if refreshed_at is None else refreshed_at.astimezone(UTC)
    return State(generation, model, dimension, version, born.astimezone(UTC), sweeping, at)


def _record(row: Sequence[Any]) -> Record:
    # Times come in the server's zone, which is nobody's concern; most servers are in UTC already.
    times: list[Any] = [at if at is None or at.tzinfo is UTC else at.astimezone(UTC) for at in row[5:8]]
    return Record(row[0], row[1], row[2], row[3], row[4], times[0], times[1], times[2], row[8])


def two_databases() -> InvalidArgument:
    return InvalidArgument(
        "engine and vector are in two databases, and an index can only follow records of its own",
        hint="give both the same pool, or the same URL",
    )
