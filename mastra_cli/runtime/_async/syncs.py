# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Syncs, their ledger and the change feed, as every engine has them."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress

from mastra_cli.errors import (
    DatabaseUnreachable,
    InvalidArgument,
    InvalidCursor,
    MassDeletionRefused,
    MastraError,
)
from mastra_cli.runtime._async.draining import Records, drain
from mastra_cli.runtime._async.store import Source, Store, checked, known, optional, pair, there, totals
from mastra_cli.runtime.batches import Batch, checked_mode
from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.models import Change, Mode, OnError, Page, Record, SyncResult, SyncRun
from mastra_cli.runtime.selection import page_limit, whole

_NOTE = 5.0


class Syncs(Store):
    """Syncs, what became of them, and what changed."""

    async def sync_records(
        self,
        *,
        name: str,
        connection_id: str,
        records: Records,
        last_sync_id: str | None = None,
        mode: Mode = "replace",
        delete_missing: bool = False,
        allow_mass_delete: bool = False,
        on_error: OnError = "raise",
        timeout: float | None = None,
    ) -> SyncResult:
        """Bring an entity up to date with its source, in one transaction, its checkpoint included.

        The entity is made when it is missing. `delete_missing=True` says that `records` is everything: what
        is not in it is soft-deleted, unless that is suspiciously much (`MassDeletionRefused`). A run that
        fails writes no record, but stands in `list_sync_runs`; its error carries its `run_id`.
        """
        id, mode_, timeout = pair(connection_id, name), checked_mode(mode), checked(timeout)
        for flag, value in (("delete_missing", delete_missing), ("allow_mass_delete", allow_mass_delete)):
            if not isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidArgument(f"{flag} must be True or False, and is {value!r}")
        source = Source(
            run_id=uuid.uuid4().hex,
            batch=Batch(on_error=on_error, keep_present=delete_missing, few=self._few),
            mode=mode_,
            last_sync_id=optional(last_sync_id, "last_sync_id"),
            delete_missing=delete_missing,
            allow_mass_delete=allow_mass_delete,
            began=time.monotonic(),
        )
        try:
            left = await drain(source.batch, records, timeout)
            entity, counts = await self._sync(id, name, connection_id, source, left)
        except Exception as error:
            with suppress(AttributeError):
                error.run_id = source.run_id  # pyright: ignore[reportAttributeAccessIssue]
            if not isinstance(error, DatabaseUnreachable):
                # Not at the price of the call's deadline, and not for long where it has none.
                left = _NOTE if timeout is None else timeout - (time.monotonic() - source.began)
                with suppress(MastraError):
                    await self._note_failure(
                        id,
                        name,
                        connection_id,
                        source,
                        _words(error),
                        _status(error),
                        min(_NOTE, max(0.1, left)),
                    )
            raise
        finally:
            source.batch.close()
        return SyncResult(
            **totals(source.batch, counts),
            rejections=source.batch.rejections,
            entity=entity,
            run_id=source.run_id,
            deleted=counts.deleted,
            last_sync_id=entity.last_sync_id,
        )

    async def list_sync_runs(
        self, *, entity_id: str, limit: int = 20, timeout: float | None = None
    ) -> list[SyncRun]:
        """The entity's runs, newest first."""
        size = page_limit(limit)
        return there(await self._runs(known(entity_id), size, checked(timeout)), entity_id)

    async def changes(
        self, *, entity_id: str, since: int | str = 0, limit: int = 1000, timeout: float | None = None
    ) -> Page[Change]:
        """What was created, updated, deleted after `since`, in order, without gaps, each record once.

        `since` is the version of the last change that was seen, or a page's `next_cursor`.
        """
        size, scope = page_limit(limit), ("changes", entity_id)
        if isinstance(since, str):
            after, began, floor_then = decode_cursor(since, (int, int, int), *scope)
        else:
            after = began = whole(since, "since")
            floor_then = None
        feed = there(await self._feed(known(entity_id), after, size + 1, checked(timeout)), entity_id)
        if 0 < after < feed.floor and floor_then != feed.floor:
            raise InvalidCursor(
                f"tombstones up to version {feed.floor} were purged, and this reader stands at {after}",
                hint="start again with since=0",
            )
        items = [_change(record, created, began) for record, created in feed.rows[:size]]
        more = len(feed.rows) > size
        return Page(
            items, encode_cursor((items[-1].version, began, feed.floor), *scope) if more and items else None
        )


def _change(record: Record, created_version: int, since: int) -> Change:
    if record.deleted_at is not None:
        return Change(record.version, "deleted", record)
    return Change(record.version, "created" if created_version > since else "updated", record)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000].replace("\0", "").encode("utf-8", "replace").decode()


def _status(error: Exception) -> str:
    return "refused" if isinstance(error, MassDeletionRefused) else "failed"
