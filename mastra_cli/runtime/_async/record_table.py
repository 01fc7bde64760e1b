# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""An index that follows an entity, in the entity's own Postgres: vectors and checkpoint move together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mastra_cli.errors import Conflict, DatabaseFailed, PermissionDenied, VectorIndexNotFound
from mastra_cli.runtime._async.record_checkpoint import FOLLOWER, Checkpoint
from mastra_cli.runtime._async.record_store import (
    Found,
    Shape,
    State,
    TakenOver,
    Work,
    another_model,
)
from mastra_cli.runtime._async.session import Clock, Connected
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime._async.vector_indexes import needs
from mastra_cli.runtime._async.vector_writes import FEW, execute, stage
from mastra_cli.runtime._async.wire import Wire
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.fragments import Fragment
from mastra_cli.runtime.metrics import INDEXED
from mastra_cli.runtime.models_vector import Flat, Hnsw
from mastra_cli.runtime.sql import vectors, vectors_records, vectors_tables
from mastra_cli.runtime.vector_index import Index
from mastra_cli.runtime.vector_rows import COPY_END, COPY_START, Row, blocks

_LOG = logging.getLogger("mastra_cli")
# Up to here every search is exact anyway.
_EXACT = 2_000
_BUILDING = 3_600.0
# Vectors are there that nobody knew of (someone else's, of the same id), or COPY may not: row security.
_INDIRECT = ("23505", "0A000")
# Searches that run hold the switch up, and those that come wait behind it: not for long.
_PATIENCE = "1000"


class RecordTable(Checkpoint):
    """A table of `PgVector` whose vectors move in one transaction with the checkpoint."""

    def __init__(
        self, vector: PgVector, engine: Connected, entity_id: str, name: str, language: str, timeout: float
    ) -> None:
        super().__init__(vector, engine, entity_id, name, timeout)
        self._words = language

    # -- the vectors --------------------------------------------------------------------------------------

    async def shape(self, clock: Clock) -> Shape | None:
        index = await self._found(self.index_name, clock)
        return None if index is None else Shape(index.kind, index.dimension, index.metric)

    async def known(self, external_ids: Sequence[str], clock: Clock) -> dict[str, list[bytes]]:
        async def work(index: Index) -> dict[str, list[bytes]]:
            digests: dict[str, list[bytes]] = {}
            for external_id, _, digest in await self._rows(vectors_records.known(index, external_ids), clock):
                digests.setdefault(external_id, []).append(bytes(digest))
            return digests

        return await self._on(self.index_name, clock, work)

    async def write(self, me: str, work: Work, clock: Clock) -> list[str]:
        index, pieces = await self._table(me, work, clock)
        rows = [Row(*row) for row in work.rows]
        many = len(rows) > FEW
        straight = many and work.fresh and index is not None and index.documents and index.namespaced
        params = self._advance(me, work.state, work.version, work.shape, swept=False)

        async def together(wire: Wire) -> list[str]:
            await _held(wire, params)
            for piece in pieces:
                await execute(wire, piece)
            moved: list[str] = []
            if index is not None:
                if work.gone:
                    await execute(
                        wire, vectors.delete(index, vectors.with_ids(work.gone), vectors_records.NAMESPACE)
                    )
                if straight:
                    await _copy(wire, index, rows)
                elif many:
                    await stage(wire, index, rows)
                    await execute(wire, vectors.merge(index, vectors_records.NAMESPACE, repeated=False))
                elif rows:
                    await execute(wire, vectors.insert(index, rows, vectors_records.NAMESPACE))
                if work.moved:
                    ids, metadata = zip(*work.moved, strict=True)
                    moved = await _column(wire, vectors_records.move_metadata(index, ids, metadata))
            if work.refused or work.mended:
                await wire.execute(FOLLOWER["skip"], {**self._row_key, **_skips(me, work)})
            return moved

        try:
            try:
                moved = await self._pool.transaction(together, timeout=clock, bulk=True)
            except DatabaseFailed as error:
                if not straight or error.sqlstate not in _INDIRECT:
                    raise
                straight = False
                moved = await self._pool.transaction(together, timeout=clock, bulk=True)
        except PermissionDenied as error:
            if not pieces:
                raise
            raise needs(
                error,
                f"making the index {self.index_name}",
                f"USAGE and CREATE on the schema {self._schema}, or an index that an admin has made, empty",
            ) from error
        if pieces:
            self._indexes.pop(self.index_name, None)
        return moved

    async def _table(self, me: str, work: Work, clock: Clock) -> tuple[Index | None, list[Fragment]]:
        """The table to write to, and what makes it when it is not there."""
        shape = work.shape
        if work.state.dimension is not None:
            return await self._index(self.index_name, clock), []
        if shape is None:
            return None, []
        found = await self._found(self.index_name, clock)
        if found is not None:
            # Made empty by somebody for this: taken as it is.
            claimed = await self._pool.row(FOLLOWER["claimed"], self._row_key, timeout=clock)
            if claimed == (True,) or await self._row(vectors_records.more_than(found, 0), clock):
                # Or it is ours, and the one that took over has made and filled it.
                await self.keep(me, self.lease, clock)
                raise Conflict(
                    f"the index {found.name} is there already, for other vectors than this entity's",
                    hint="choose another index_name, or delete_index() first",
                )
            if found.dimension != shape.dimension:
                raise another_model(found.name, found.dimension, shape.dimension, "dimension")
            return found, []
        extension, version = await self._extension(clock)
        language = await self._language(self._words, clock)
        quantize = "binary" if shape.dimension > INDEXED["halfvec"] else None
        index = Index(
            self._schema,
            self.index_name,
            extension,
            version,
            shape.kind,
            shape.dimension,
            shape.metric,
            Hnsw(quantize=quantize),
            language=language,
        )
        text_index = vectors_tables.create_text_index(index, concurrently=False)
        return index, [*vectors_tables.create_table(index), text_index]

    async def sweep(self, me: str, state: State, clock: Clock) -> list[str]:
        index = None if state.dimension is None else await self._index(self.index_name, clock)
        params = self._advance(me, state, state.version, None, swept=True)

        async def work(wire: Wire) -> list[str]:
            await _held(wire, params)
            if index is None:
                return []
            return await _column(wire, vectors_records.sweep(index, self.entity_id))

        return await self._pool.transaction(work, timeout=clock, bulk=True)

    async def finish(self, me: str, clock: Clock) -> None:
        try:
            index = await self._index(self.index_name, clock)
        except VectorIndexNotFound:
            return
        if index.ready or isinstance(index.config, Flat):
            return
        if await self._row(vectors_records.more_than(index, _EXACT), clock):
            await self.keep(me, _BUILDING, clock)
            try:
                await self.build_index(index_name=self.index_name)
            except (PermissionDenied, Conflict) as error:
                _LOG.warning("searches of %s are exact, and slower: %s", self.index_name, error)

    async def nearest(
        self, vector: Sequence[float], limit: int, filter: Filters | None, clock: Clock
    ) -> list[Found]:
        found = await self.query(
            index_name=self.index_name,
            query_vector=vector,
            top_k=limit,
            filter=filter,
            timeout=max(0.001, clock.left()),
        )
        return [Found(each.id, each.score or 0.0, each.document or "") for each in found]

    async def worded(self, query: str, limit: int, filter: Filters | None, clock: Clock) -> list[Found]:
        condition = vectors.condition(filter)

        async def work(index: Index) -> list[Found]:
            rows = await self._rows(vectors_records.worded(index, query, condition, limit), clock)
            return [Found(id, score, text or "") for id, score, text in rows]

        return await self._on(self.index_name, clock, work)

    async def counts(self, clock: Clock) -> tuple[int, int]:
        async def work(index: Index) -> tuple[int, int]:
            [(vectors, records)] = await self._rows(vectors_records.counts(index), clock)
            return vectors, records

        return await self._on(self.index_name, clock, work)

    # -- the whole ----------------------------------------------------------------------------------------

    async def drop(self, others: Sequence[str], clock: Clock) -> None:
        names = [self.index_name, *others]
        keys = {"entity_id": self.entity_id, "index_names": [self._qualified(name) for name in names]}

        async def work(wire: Wire) -> None:
            rows = await (await wire.execute(FOLLOWER["lock"], keys)).fetchall()
            # Without a dimension it has no table of its own.
            own = {row[0] for row in rows if row[2] is not None}
            for name in names:
                if self._qualified(name) in own:
                    await execute(wire, vectors_records.drop(self._schema, name))
            await wire.execute(FOLLOWER["forget"], keys)

        await self._pool.transaction(work, timeout=clock, bulk=True)
        for name in names:
            self._indexes.pop(name, None)

    async def replace(self, other: str, me: str, clock: Clock) -> None:
        mine, its = self._qualified(self.index_name), self._qualified(other)
        keys = {"entity_id": self.entity_id, "index_names": [mine, its]}
        index = await self._found(other, clock)

        async def work(wire: Wire) -> None:
            await wire.execute(FOLLOWER["patience"], {"patience": _PATIENCE})
            rows = await (await wire.execute(FOLLOWER["lock"], keys)).fetchall()
            if (its, me) not in {(row[0], row[1]) for row in rows}:
                raise TakenOver
            if any(row[0] == mine and row[2] is not None for row in rows):
                await execute(wire, vectors_records.drop(self._schema, self.index_name))
            if index is not None:
                for piece in vectors_records.rename_table(index, self.index_name):
                    await execute(wire, piece)
            await wire.execute(FOLLOWER["forget"], {**keys, "index_names": [mine]})
            await wire.execute(FOLLOWER["rename"], {**self._row_key, "from": its, "to": mine})

        await self._pool.transaction(work, timeout=clock, bulk=True)
        for name in (self.index_name, other):
            self._indexes.pop(name, None)


async def _held(wire: Wire, params: dict[str, Any]) -> None:
    if await (await wire.execute(FOLLOWER["advance"], params)).fetchone() is None:
        raise TakenOver


async def _copy(wire: Wire, index: Index, rows: Sequence[Row]) -> None:
    """Into the table itself: what is certainly new needs no stage."""
    async with wire.cursor() as cursor:
        async with cursor.copy(vectors.whole(vectors_records.copy(index))) as copy:
            await copy.write(COPY_START)
            for block in blocks(rows, vectors_records.NAMESPACE):
                await copy.write(block)
            await copy.write(COPY_END)


async def _column(wire: Wire, statement: Fragment) -> list[str]:
    cursor = await wire.execute(vectors.whole(statement), statement.params or None)
    return [row[0] for row in await cursor.fetchall()]


def _skips(me: str, work: Work) -> dict[str, Any]:
    return {
        "holder": me,
        "mended": work.mended,
        "refused": [each.id for each in work.refused],
        "reasons": [each.reason for each in work.refused],
    }
