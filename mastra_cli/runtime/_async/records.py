# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Records, as every engine has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime import identity
from mastra_cli.runtime._async.draining import Records as Incoming
from mastra_cli.runtime._async.draining import drain
from mastra_cli.runtime._async.store import Store, checked, known, pair, there, totals
from mastra_cli.runtime.batches import Batch, checked_mode
from mastra_cli.runtime.filters import Filters, parse
from mastra_cli.runtime.models import Mode, OnError, Page, Record, UpsertResult
from mastra_cli.runtime.operands import path
from mastra_cli.runtime.selection import Options, page_limit, selection, unpaged, whole


class Records(Store):
    """Records: written, read, counted, deleted."""

    async def upsert_records(
        self,
        *,
        entity_id: str,
        records: Incoming,
        mode: Mode = "replace",
        on_error: OnError = "raise",
        timeout: float | None = None,
    ) -> UpsertResult:
        """Insert what is new, update what changed, leave the rest; all of it or nothing.

        `mode="merge"` lays top-level keys over the stored ones. A record that can not be stored raises
        `RecordRejected`; with `on_error="collect"` it is reported, and the others are stored.
        """
        mode_, timeout, id = checked_mode(mode), checked(timeout), known(entity_id)
        batch = Batch(on_error=on_error, few=self._few)
        try:
            left = await drain(batch, records, timeout)
            counts = there(await self._upsert(id, batch, mode_, left), entity_id)
        finally:
            batch.close()
        return UpsertResult(**totals(batch, counts), rejections=batch.rejections)

    async def get_record(
        self, *, entity_id: str, external_id: str, timeout: float | None = None
    ) -> Record | None:
        """The live record of that external id."""
        external_id = identity.checked(external_id, "external_id")
        if not identity.is_made(entity_id):
            return None
        return await self._record(entity_id, external_id, checked(timeout))

    async def get_records_by_entity_id(self, *, entity_id: str, timeout: float | None = None) -> list[Record]:
        """All live records, oldest first."""
        if not identity.is_made(entity_id):
            return []
        return await self._select(selection(entity_id, None), checked(timeout))

    async def get_records_by_entity_name(
        self, *, name: str, connection_id: str, timeout: float | None = None
    ) -> list[Record]:
        """All live records, oldest first; an unknown entity is `EntityNotFound`."""
        return await self.get_records(entity_name=name, connection_id=connection_id, timeout=timeout)

    async def get_records_by_entity_name_and_external_id(
        self, *, entity_name: str, connection_id: str, external_id: str, timeout: float | None = None
    ) -> list[Record]:
        """The live record of that external id in a list, or none; unknown entity: `EntityNotFound`."""
        id, timeout = pair(connection_id, entity_name), checked(timeout)
        found = await self._record(id, identity.checked(external_id, "external_id"), timeout)
        if found is None:
            await self._must_exist(id, entity_name, connection_id, timeout)
        return [found] if found else []

    async def get_records(
        self,
        *,
        entity_name: str,
        connection_id: str,
        options: Options | None = None,
        timeout: float | None = None,
    ) -> list[Record]:
        """The records that the options select, in their order."""
        id, timeout = pair(connection_id, entity_name), checked(timeout)
        found = await self._select(selection(id, options), timeout)
        if not found:
            await self._must_exist(id, entity_name, connection_id, timeout)
        return found

    async def page_records(
        self,
        *,
        entity_name: str,
        connection_id: str,
        options: Options | None = None,
        cursor: str | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> Page[Record]:
        """A page of the selection: a row that is there throughout stands on exactly one page."""
        id, timeout = pair(connection_id, entity_name), checked(timeout)
        chosen, size = unpaged(selection(id, options), options), page_limit(limit)
        if cursor is not None:
            chosen = chosen.from_cursor(cursor)
        found = await self._select(replace(chosen, limit=size + 1), timeout)
        if not found:
            await self._must_exist(id, entity_name, connection_id, timeout)
        return Page(found[:size], chosen.cursor(found[size - 1]) if len(found) > size else None)

    async def iter_records(
        self,
        *,
        entity_name: str,
        connection_id: str,
        options: Options | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Record]:
        """The records that the options select, one by one, from one snapshot, in constant memory."""
        id, timeout = pair(connection_id, entity_name), checked(timeout)
        chosen = selection(id, options)
        empty = True
        async with aclosing(self._iterate(chosen, timeout)) as found:
            async for record in found:
                empty = False
                yield record
        if empty:
            await self._must_exist(id, entity_name, connection_id, timeout)

    async def count_records(
        self,
        *,
        entity_name: str,
        connection_id: str,
        filters: Filters | None = None,
        timeout: float | None = None,
    ) -> int:
        """How many live records meet the filter."""
        id, timeout = pair(connection_id, entity_name), checked(timeout)
        number = await self._count(id, parse(filters), timeout)
        if not number:
            await self._must_exist(id, entity_name, connection_id, timeout)
        return number

    async def delete_records(
        self,
        *,
        entity_id: str,
        external_ids: Iterable[str],
        purge: bool = False,
        timeout: float | None = None,
    ) -> int:
        """How many were deleted: softly, or with `purge` their data erased for good."""
        if isinstance(external_ids, str | bytes) or not isinstance(external_ids, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument("external_ids must be a list of ids")
        ids = [identity.checked(id, "external_id") for id in external_ids]
        return await self._delete_checked(entity_id, ids, purge, timeout)

    async def delete_records_by_entity_id(
        self, *, id: str, purge: bool = False, timeout: float | None = None
    ) -> int:
        """How many were deleted: all of the entity's records, softly, or with `purge` their data erased."""
        return await self._delete_checked(id, None, purge, timeout)

    async def purge_tombstones(
        self, *, entity_id: str, before_version: int, timeout: float | None = None
    ) -> int:
        """How many rows of purged records, changed before that version, are gone for good.

        The change feed's floor moves up to there: who has read less far starts again from 0.
        """
        before = whole(before_version, "before_version")
        return there(await self._purge(known(entity_id), before, checked(timeout)), entity_id)

    async def index_field(
        self, *, entity_id: str, field: str | Sequence[str], timeout: float | None = None
    ) -> None:
        """Make equality on this field, and sorting by it, fast for this entity; answers stay the same."""
        await self._index(entity_id, field, True, timeout)

    async def drop_field_index(
        self, *, entity_id: str, field: str | Sequence[str], timeout: float | None = None
    ) -> None:
        """Undo `index_field`; nothing when there is no such index."""
        await self._index(entity_id, field, False, timeout)

    async def _index(
        self, entity_id: str, field: str | Sequence[str], wanted: bool, timeout: float | None
    ) -> None:
        keys, timeout = path(field), checked(timeout)
        there(await self._entity(known(entity_id), timeout), entity_id)
        await self._set_index(entity_id, keys, wanted, timeout)

    async def _delete_checked(
        self, entity_id: str, ids: list[str] | None, purge: bool, timeout: float | None
    ) -> int:
        if not isinstance(purge, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"purge must be True or False, and is {purge!r}")
        return there(await self._delete(known(entity_id), ids, purge, checked(timeout)), entity_id)
