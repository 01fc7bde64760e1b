# Generated from the _async twin by `nox -s sync`: edit that one.
"""`PostgresEngine`: the engine's promises, kept by statements."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import TupleRow

from mastra_cli.errors import MastraError, OutcomeUnknown
from mastra_cli.runtime import identity
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime._sync.field_indexes import FieldIndexes
from mastra_cli.runtime._sync.session import Connected, Pool
from mastra_cli.runtime._sync.store import Counts, Feed, Source
from mastra_cli.runtime._sync.wire import Wire
from mastra_cli.runtime.batches import Batch
from mastra_cli.runtime.entity_lock import in_turn, patience
from mastra_cli.runtime.models import Entity, Record, SyncRun
from mastra_cli.runtime.ordering_sql import may_tie
from mastra_cli.runtime.sql import selections, statements
from mastra_cli.runtime.timing import Clock
from mastra_cli.runtime.walks import Walks

if TYPE_CHECKING:
    from typing import LiteralString

    from mastra_cli.runtime.filter_tree import Node, Path
    from mastra_cli.runtime.selection import Selection

ENTITY = statements("entity")
RECORDS = statements("records")
SYNC_RUN = statements("sync_run")


class SyncPostgresEngine(Connected, SyncMastraEngine):
    """Entities, records and syncs in Postgres.

    Without `url` and `pool` the database is found as the command line finds it: in the environment, then in
    `.env`.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        pool: Pool | None = None,
        min_size: int = 1,
        max_size: int = 10,
        timeout: float = 30.0,
    ) -> None:
        super().__init__(url=url, pool=pool, min_size=min_size, max_size=max_size, timeout=timeout)
        self._indexes = FieldIndexes(self._pool)
        self._walks = Walks()

    # -- entities -----------------------------------------------------------------------------------------

    def _create_entity(
        self, id: str, name: str, connection_id: str, timeout: float | None
    ) -> Entity | None:
        params = {"id": id, "name": name, "connection_id": connection_id}

        def work(wire: Wire) -> TupleRow | None:
            return _one(wire, ENTITY["create"], params)

        return _entity(self._pool.transaction(work, timeout=self._clock(timeout)))

    def _entity(self, id: str, timeout: float | None) -> Entity | None:
        return _entity(self._pool.row(ENTITY["get"], {"id": id}, timeout=self._clock(timeout)))

    def _entities(
        self,
        connection_id: str | None,
        name: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        timeout: float | None,
    ) -> list[Entity]:
        after_time, after_id = after or (None, None)
        params = {
            "connection_id": connection_id,
            "name": name,
            "after_time": after_time,
            "after_id": after_id,
            "limit": limit,
        }
        found = self._pool.rows(ENTITY["list"], params, timeout=self._clock(timeout), prepare=False)
        return [entity for row in found if (entity := _entity(row))]

    def _set_last_sync_id(self, id: str, sync_id: str, timeout: float | None) -> Entity | None:
        clock = self._clock(timeout)
        return _entity(
            self._locked(id, ENTITY["set_last_sync_id"], {"id": id, "sync_id": sync_id}, clock)
        )

    def _delete_entity(self, id: str, timeout: float | None) -> Entity | None:
        clock = self._clock(timeout, bulk=True)
        return _entity(self._locked(id, ENTITY["delete"], {"id": id}, clock))

    # -- writes -------------------------------------------------------------------------------------------

    def _upsert(self, entity_id: str, batch: Batch, mode: str, timeout: float | None) -> Counts | None:
        clock = self._clock(timeout, bulk=True)
        if not batch.few:

            def bulk(wire: Wire) -> Counts | None:
                distinct = _stage(wire, batch, mode)
                if _lock(wire, entity_id, clock) is None:
                    return None
                return _merge_stage(wire, entity_id, mode, distinct, delete_missing=False)

            with in_turn():
                return self._pool.transaction(bulk, timeout=clock)
        rows = batch.settle(mode).rows
        params: dict[str, Any] = {
            "entity_id": entity_id,
            "patience": patience(clock),
            "merge": mode == "merge",
        }
        if len(rows) == 1:
            statement = RECORDS["merge_one"]
            params |= rows[0]._asdict() | {"id": identity.record_id(entity_id, rows[0].external_id)}
        else:
            statement = RECORDS["merge"]
            params["external_ids"] = [row.external_id for row in rows]
            params["entity_types"] = [row.entity_type for row in rows]
            params["data"] = [row.data for row in rows]
        began = time.monotonic()
        with in_turn():
            try:
                done = self._pool.row(statement, params, timeout=clock, writes=True, once=True)
            except OutcomeUnknown as error:
                if clock.left() <= 0:
                    raise
                external_ids = [row.external_id for row in rows]
                done = self._upsert_again(
                    entity_id, external_ids, statement, params, began, clock, error
                )
            if done is not None and not done[0]:
                # Another writer came between: in line, then.
                done = self._locked(entity_id, statement, params, clock)
        return Counts(done[1], done[2], 0, len(rows)) if done else None

    def _upsert_again(
        self,
        entity_id: str,
        external_ids: list[str],
        statement: LiteralString,
        params: Mapping[str, Any],
        began: float,
        clock: Clock,
        lost: OutcomeUnknown,
    ) -> TupleRow | None:
        """The counts of a statement whose answer was lost: done now, or found to be done already."""

        def work(wire: Wire) -> TupleRow | None:
            if _lock(wire, entity_id, clock) is None:
                return None
            done = _one(wire, statement, params, prepare=False)
            if done is None or done[1] or done[2]:
                return done
            since = {
                "entity_id": entity_id,
                "external_ids": external_ids,
                "seconds": time.monotonic() - began,
            }
            return _one(wire, RECORDS["written"], since, prepare=False)

        try:
            return self._pool.transaction(work, timeout=clock)
        except MastraError as error:
            raise lost from error

    def _sync(
        self, id: str, name: str, connection_id: str, source: Source, timeout: float | None
    ) -> tuple[Entity, Counts]:
        clock = self._clock(timeout, bulk=True)
        batch = source.batch
        names = {"id": id, "name": name, "connection_id": connection_id}

        def work(wire: Wire) -> tuple[Entity, Counts]:
            distinct = _stage(wire, batch, source.mode)
            while _lock(wire, id, clock) is None:
                wire.execute(ENTITY["create"], names)
            if source.delete_missing:
                missing = _one(wire, RECORDS["missing"], {"entity_id": id}, prepare=False)
                assert missing is not None
                source.guard(live=missing[0], would_delete=missing[1])
            counts = _merge_stage(wire, id, source.mode, distinct, delete_missing=source.delete_missing)
            if source.last_sync_id is None:
                row = _one(wire, ENTITY["get"], {"id": id})
            else:
                row = _one(wire, ENTITY["set_last_sync_id"], {"id": id, "sync_id": source.last_sync_id})
            entity = _entity(row)
            assert entity is not None
            wire.execute(SYNC_RUN["record"], _run_params(id, source, counts, "succeeded", None))
            return entity, counts

        with in_turn():
            return self._pool.transaction(work, timeout=clock)

    def _note_failure(
        self,
        id: str,
        name: str,
        connection_id: str,
        source: Source,
        words: str,
        status: str,
        timeout: float,
    ) -> None:
        names = {"id": id, "name": name, "connection_id": connection_id}
        params = _run_params(id, source, Counts(0, 0, 0, 0), status, words)

        def work(wire: Wire) -> None:
            wire.execute(ENTITY["create"], names)
            wire.execute(SYNC_RUN["record"], params)

        self._pool.transaction(work, timeout=timeout)

    def _delete(
        self, entity_id: str, external_ids: list[str] | None, purge: bool, timeout: float | None
    ) -> int | None:
        params = {"entity_id": entity_id, "external_ids": external_ids, "purge": purge}
        clock = self._clock(timeout, bulk=True)
        deleted = self._locked(entity_id, RECORDS["delete"], params, clock)
        return deleted[0] if deleted else None

    def _purge(self, entity_id: str, before_version: int, timeout: float | None) -> int | None:
        params = {"entity_id": entity_id, "before_version": before_version}
        clock = self._clock(timeout, bulk=True)
        purged = self._locked(entity_id, RECORDS["purge_tombstones"], params, clock)
        return purged[0] if purged else None

    def _locked(
        self, entity_id: str, statement: LiteralString, params: Mapping[str, Any], clock: Clock
    ) -> TupleRow | None:
        """The first row of a statement that runs under the entity's lock; None without the entity."""

        def work(wire: Wire) -> TupleRow | None:
            if _lock(wire, entity_id, clock) is None:
                return None
            return _one(wire, statement, params, prepare=False)

        with in_turn():
            return self._pool.transaction(work, timeout=clock)

    # -- reads --------------------------------------------------------------------------------------------

    def _record(self, entity_id: str, external_id: str, timeout: float | None) -> Record | None:
        params = {"entity_id": entity_id, "external_id": external_id}
        row = self._pool.row(RECORDS["get"], params, timeout=self._clock(timeout))
        return _record(row) if row else None

    def _select(self, chosen: Selection, timeout: float | None) -> list[Record]:
        clock = self._clock(timeout)
        indexed = self._indexes.of(chosen.entity_id, selections.paths(chosen), clock)
        walk = self._walk(chosen, indexed, clock)
        # An index has the rows in their order, but for ids that begin alike over a length that few ids have.
        for total in (False, True):
            kept = None if total else walk
            sql, params = kept or selections.rendered(chosen, indexed, total)
            rows = self._pool.rows(sql, params, timeout=clock, prepare=None if kept else False)
            if not may_tie(chosen.sort, (row[2] for row in rows), indexed=indexed):
                break
        return [_record(row) for row in rows]

    def _walk(
        self, chosen: Selection, indexed: frozenset[Path], clock: Clock
    ) -> selections.Statement | None:
        """The statement whose plan is kept, where it is what the server would do anyway."""
        walk = selections.walk(chosen, indexed, self._indexes.magnitude)
        walks = walk is not None and self._walks.said((chosen, indexed))
        if walks is None:
            sql, params = selections.rendered(chosen, indexed, False)
            found = self._pool.rows(selections.EXPLAIN + sql, params, timeout=clock, prepare=False)
            walks = selections.walks(found[0][0], chosen, indexed)
            self._walks.learn((chosen, indexed), walks)
        return walk if walks else None

    def _iterate(self, chosen: Selection, timeout: float | None) -> Generator[Record, None]:
        clock = self._clock(timeout, bulk=True)
        indexed = self._indexes.of(chosen.entity_id, selections.paths(chosen), clock)
        sql, params = selections.rendered(chosen, indexed)
        with closing(self._pool.stream(sql, params, timeout=clock)) as blocks:
            for block in blocks:
                for row in block:
                    yield _record(row)

    def _count(self, entity_id: str, node: Node, timeout: float | None) -> int:
        clock = self._clock(timeout)
        indexed = self._indexes.of(entity_id, selections.filtered(node), clock)
        query = selections.count(entity_id, node, indexed)
        row = self._pool.row(query.sql, query.params, timeout=clock, prepare=False)
        return row[0] if row else 0

    def _runs(self, entity_id: str, limit: int, timeout: float | None) -> list[SyncRun] | None:
        params = {"entity_id": entity_id, "limit": limit}
        rows = self._pool.rows(SYNC_RUN["list"], params, timeout=self._clock(timeout))
        if not rows:
            return None
        return [SyncRun(*_in_utc(row)) for row in rows if row[0] is not None]

    def _feed(self, entity_id: str, after: int, limit: int, timeout: float | None) -> Feed | None:
        params = {"entity_id": entity_id, "after": after, "limit": limit}
        rows = self._pool.rows(RECORDS["changes"], params, timeout=self._clock(timeout))
        if not rows:
            return None
        return Feed(rows[0][0], [(_record(row[2:]), row[1]) for row in rows if row[2] is not None])

    def _set_index(self, entity_id: str, path: Path, wanted: bool, timeout: float | None) -> None:
        self._indexes.set(entity_id, path, wanted, self._clock(timeout, bulk=True))


def _one(
    wire: Wire, statement: LiteralString, params: Mapping[str, Any], *, prepare: bool | None = None
) -> TupleRow | None:
    cursor = wire.execute(statement, params, binary=True, prepare=prepare)
    return cursor.fetchone()


def _lock(wire: Wire, id: str, clock: Clock) -> TupleRow | None:
    return _one(wire, ENTITY["lock"], {"id": id, "patience": patience(clock)})


def _stage(wire: Wire, batch: Batch, mode: str) -> int:
    """How many keys the stage has now, each with one row."""
    wire.execute(RECORDS["create_stage"])
    with wire.cursor() as cursor:
        with cursor.copy(RECORDS["fill_stage"]) as copy:
            for block in batch.blocks():
                copy.write(block)
                waiting.sleep(0)  # a socket that takes all at once lets nobody else run
    counts = _one(wire, RECORDS["count_stage"], {}, prepare=False)
    assert counts is not None
    rows, keys = counts
    if keys < rows:
        if mode == "merge":
            wire.execute(RECORDS["fold_stage"])
        wire.execute(RECORDS["settle_stage"])
    return keys


def _merge_stage(
    wire: Wire, entity_id: str, mode: str, distinct: int, *, delete_missing: bool
) -> Counts:
    params = {"entity_id": entity_id, "merge": mode == "merge", "delete_missing": delete_missing}
    counts = _one(wire, RECORDS["merge_stage"], params, prepare=False)
    assert counts is not None
    return Counts(counts[0], counts[1], counts[2], distinct)


def _run_params(id: str, source: Source, counts: Counts, status: str, error: str | None) -> dict[str, Any]:
    return {
        "entity_id": id,
        "id": source.run_id,
        "sync_id": source.last_sync_id,
        "mode": source.mode,
        "status": status,
        "took": time.monotonic() - source.began,
        "error": error,
        **source.counted(counts),
    }


def _entity(row: TupleRow | None) -> Entity | None:
    return None if row is None else Entity(*_in_utc(row))


def _record(row: TupleRow) -> Record:
    # Done for each of many: what is in UTC already stays as it is, and no other value is looked at.
    id, entity_id, external_id, kind, data, created, updated, deleted, version = row
    if created.tzinfo is not UTC:
        created, updated = created.astimezone(UTC), updated.astimezone(UTC)
        deleted = None if deleted is None else deleted.astimezone(UTC)
    return Record(id, entity_id, external_id, kind, data, created, updated, deleted, version)


def _in_utc(row: TupleRow) -> TupleRow:
    """The row with its times, which come in the server's zone, in UTC."""
    return tuple([value.astimezone(UTC) if isinstance(value, datetime) else value for value in row])
