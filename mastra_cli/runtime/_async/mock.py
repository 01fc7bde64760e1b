# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""`MockMastraEngine`: the same promises over dicts, for tests without a database."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime._async.engine import MastraEngine
from mastra_cli.runtime._async.store import Counts, Feed, Source
from mastra_cli.runtime.batches import Batch
from mastra_cli.runtime.models import Entity, Record, SyncRun
from mastra_cli.runtime.ordering import position, position_key, sort_key
from mastra_cli.runtime.shelf import Shelf, bury, copied, matching, merge, new_shelf

if TYPE_CHECKING:
    from mastra_cli.runtime.filter_tree import Node, Path
    from mastra_cli.runtime.selection import Selection


class MockMastraEngine(MastraEngine):
    """An engine in this process's memory. What it gives out are copies; nothing outlives it."""

    _few: ClassVar[int] = sys.maxsize

    def __init__(self, *, url: str = "mock://localhost") -> None:
        if not isinstance(url, str) or not url.startswith("mock://"):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument("url must begin with mock://", hint="PostgresEngine takes a database's URL")
        self._shelves: dict[str, Shelf] = {}
        self._guard = threading.RLock()
        self._closed = False

    async def open(self) -> None:
        self._closed = False

    async def close(self) -> None:
        """What it holds is there again after `open`."""
        self._closed = True

    async def __aenter__(self) -> MockMastraEngine:
        self._closed = False
        return self

    # -- entities -----------------------------------------------------------------------------------------

    async def _create_entity(
        self, id: str, name: str, connection_id: str, timeout: float | None
    ) -> Entity | None:
        with self._guard:
            if self._shelf(id):
                return None
            self._shelves[id] = new_shelf(id, name, connection_id)
            return self._shelves[id].entity

    async def _entity(self, id: str, timeout: float | None) -> Entity | None:
        shelf = self._shelf(id)
        return shelf.entity if shelf else None

    async def _entities(
        self,
        connection_id: str | None,
        name: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        timeout: float | None,
    ) -> list[Entity]:
        self._check_open()
        with self._guard:
            found = [
                shelf.entity
                for shelf in self._shelves.values()
                if connection_id in (None, shelf.entity.connection_id) and name in (None, shelf.entity.name)
            ]
        found.sort(key=lambda entity: (entity.created_at, entity.id))
        return [e for e in found if after is None or (e.created_at, e.id) > after][:limit]

    async def _set_last_sync_id(self, id: str, sync_id: str, timeout: float | None) -> Entity | None:
        with self._guard:
            shelf = self._shelf(id)
            if shelf is None:
                return None
            shelf.entity = replace(shelf.entity, last_sync_id=sync_id, updated_at=shelf.now())
            return shelf.entity

    async def _delete_entity(self, id: str, timeout: float | None) -> Entity | None:
        with self._guard:
            self._check_open()
            shelf = self._shelves.pop(id, None)
            return shelf.entity if shelf else None

    # -- writes -------------------------------------------------------------------------------------------

    async def _upsert(self, entity_id: str, batch: Batch, mode: str, timeout: float | None) -> Counts | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            if shelf is None:
                return None
            rows = batch.settle(mode).rows
            return Counts(*merge(shelf, rows, mode, missing=[]), len(rows))

    async def _sync(
        self, id: str, name: str, connection_id: str, source: Source, timeout: float | None
    ) -> tuple[Entity, Counts]:
        with self._guard:
            shelf = self._shelf(id) or new_shelf(id, name, connection_id)
            began = max(datetime.now(UTC), shelf.entity.created_at)
            rows = source.batch.settle(source.mode).rows
            missing: list[str] = []
            if source.delete_missing:
                present = {row.external_id for row in rows}.union(source.batch.present)
                live = [key for key, kept in shelf.kept.items() if kept.record.deleted_at is None]
                missing = [key for key in live if key not in present]
                source.guard(live=len(live), would_delete=len(missing))
            counts = Counts(*merge(shelf, rows, source.mode, missing), len(rows))
            if source.last_sync_id is not None:
                shelf.entity = replace(shelf.entity, last_sync_id=source.last_sync_id, updated_at=shelf.now())
            self._shelves[id] = shelf
            shelf.runs.append(_run(id, source, counts, "succeeded", None, began))
            return shelf.entity, counts

    async def _note_failure(
        self,
        id: str,
        name: str,
        connection_id: str,
        source: Source,
        words: str,
        status: str,
        timeout: float,
    ) -> None:
        with self._guard:
            shelf = self._shelves[id] = self._shelf(id) or new_shelf(id, name, connection_id)
            shelf.runs.append(_run(id, source, Counts(0, 0, 0, 0), status, words, datetime.now(UTC)))

    async def _delete(
        self, entity_id: str, external_ids: list[str] | None, purge: bool, timeout: float | None
    ) -> int | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            if shelf is None:
                return None
            keys = shelf.kept if external_ids is None else {key for key in external_ids if key in shelf.kept}
            gone = sorted(
                key
                for key in keys
                if (shelf.kept[key].text if purge else shelf.kept[key].record.deleted_at is None)
            )
            bury(shelf, gone, purge=purge)
            return len(gone)

    async def _purge(self, entity_id: str, before_version: int, timeout: float | None) -> int | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            if shelf is None:
                return None
            dead = [
                key
                for key, kept in shelf.kept.items()
                if not kept.text and kept.record.version < before_version
            ]
            for key in dead:
                del shelf.kept[key]
            shelf.floor = max(shelf.floor, min(before_version, shelf.version))
            return len(dead)

    # -- reads --------------------------------------------------------------------------------------------

    async def _record(self, entity_id: str, external_id: str, timeout: float | None) -> Record | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            kept = shelf.kept.get(external_id) if shelf else None
            return copied(kept.record) if kept and kept.record.deleted_at is None else None

    async def _select(self, chosen: Selection, timeout: float | None) -> list[Record]:
        with self._guard:
            shelf = self._shelf(chosen.entity_id)
            found = [] if shelf is None else matching(shelf, chosen.node, chosen.include_deleted)
        found.sort(key=sort_key(chosen.sort))
        if chosen.after is not None:
            order = position_key(chosen.sort)
            limit = order(chosen.after)
            found = [record for record in found if limit < order(position(chosen.sort, record))]
        end = None if chosen.limit is None else chosen.offset + chosen.limit
        return [copied(record) for record in found[chosen.offset : end]]

    async def _iterate(self, chosen: Selection, timeout: float | None) -> AsyncGenerator[Record, None]:
        for record in await self._select(chosen, timeout):
            yield record

    async def _count(self, entity_id: str, node: Node, timeout: float | None) -> int:
        with self._guard:
            shelf = self._shelf(entity_id)
            return 0 if shelf is None else len(matching(shelf, node, include_deleted=False))

    async def _runs(self, entity_id: str, limit: int, timeout: float | None) -> list[SyncRun] | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            return None if shelf is None else shelf.runs[::-1][:limit]

    async def _feed(self, entity_id: str, after: int, limit: int, timeout: float | None) -> Feed | None:
        with self._guard:
            shelf = self._shelf(entity_id)
            if shelf is None:
                return None
            found = sorted(
                (kept for kept in shelf.kept.values() if kept.record.version > after),
                key=lambda kept: kept.record.version,
            )
            return Feed(shelf.floor, [(copied(kept.record), kept.created_version) for kept in found[:limit]])

    async def _set_index(self, entity_id: str, path: Path, wanted: bool, timeout: float | None) -> None:
        """Accepted: everything is as fast as it gets."""

    def _shelf(self, id: str) -> Shelf | None:
        self._check_open()
        return self._shelves.get(id)

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidArgument("this engine is closed", hint="open() opens it again")


def _run(id: str, source: Source, counts: Counts, status: str, error: str | None, began: datetime) -> SyncRun:
    return SyncRun(
        id=source.run_id,
        entity_id=id,
        sync_id=source.last_sync_id,
        mode=source.mode,
        status=status,
        **source.counted(counts),
        started_at=began,
        finished_at=max(datetime.now(UTC), began),
        error=error,
    )
