# Generated from the _async twin by `nox -s sync`: edit that one.
"""The threads of `PgMemory`, and what belongs to a resource as a whole: export, deletion, retention."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from mastra_cli.errors import Conflict, InvalidArgument, ThreadNotFound, kind_of
from mastra_cli.runtime._sync.session import Connected
from mastra_cli.runtime.checks import checked_title, kept_date
from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.identity import checked
from mastra_cli.runtime.message_rows import export_of, metadata_text, new_id, thread_of
from mastra_cli.runtime.models import Page
from mastra_cli.runtime.models_memory import DeletedResource, ExportedResource, Pruned, Thread, ThreadOrder
from mastra_cli.runtime.selection import page_limit
from mastra_cli.runtime.sql import statements

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.wire import Wire
    from mastra_cli.runtime.timing import Clock

THREAD, TOOL_RESULT = statements("thread"), statements("tool_result")

# Keys beyond every id and every time: where a list begins.
_LAST_ID = "\U0010ffff" * 256
_BATCH = 100
_FIELDS = tuple(field.name for field in fields(Thread))


class Threads(Connected):
    """Creates, finds, lists, changes and deletes threads."""

    def create_thread(
        self,
        *,
        resource_id: str,
        thread_id: str | None = None,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Thread:
        """A new thread; `Conflict` when one of that id is there."""
        clock = self._clock(timeout)
        resource_id = checked(resource_id, "resource_id")
        title, text = checked_title(title), metadata_text(metadata)
        id = new_id() if thread_id is None else checked(thread_id, "thread_id")
        thread = self._insert_thread(id, resource_id, title, text, clock)
        if thread is None:
            raise Conflict(f"there is a thread {id!r} already", hint="leave thread_id out for a new one")
        return thread

    def get_thread_by_id(self, *, thread_id: str, timeout: float | None = None) -> Thread | None:
        """The thread, or None."""
        return self._thread(checked(thread_id, "thread_id"), self._clock(timeout))

    def get_threads_by_resource_id(
        self, *, resource_id: str, timeout: float | None = None
    ) -> list[Thread]:
        """All threads of a resource, the newest first."""
        params = {"resource_id": checked(resource_id, "resource_id")}
        rows = self._pool.rows(THREAD["of_resource"], params, timeout=self._clock(timeout))
        return [thread_of(row) for row in rows]

    def list_threads(
        self,
        *,
        resource_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        order_by: ThreadOrder = "updated_at",
        limit: int = 50,
        cursor: str | None = None,
        timeout: float | None = None,
    ) -> Page[Thread]:
        """A page of threads, the last updated (or created: `order_by="created_at"`) first.

        `metadata`: those whose metadata contains it.
        """
        clock, size = self._clock(timeout), page_limit(limit)
        if order_by not in ("updated_at", "created_at"):
            raise InvalidArgument(f'order_by must be "updated_at" or "created_at", and is {order_by!r}')
        resource_id = None if resource_id is None else checked(resource_id, "resource_id")
        text = metadata_text(metadata)
        scope = ("thread", resource_id, metadata and json.dumps(metadata, sort_keys=True), order_by)
        at, id = (
            decode_cursor(cursor, (datetime, str), *scope) if cursor is not None else ("infinity", _LAST_ID)
        )
        name = f"list_{order_by.removesuffix('_at')}{'' if resource_id is None else '_of'}"
        params = {"resource_id": resource_id, "metadata": text, "at": at, "id": id, "limit": size + 1}
        rows = self._pool.rows(THREAD[name], params, timeout=clock)
        threads = [thread_of(row) for row in rows[:size]]
        if len(rows) <= size:
            return Page(threads)
        end = threads[-1]
        position = end.updated_at if order_by == "updated_at" else end.created_at
        return Page(threads, encode_cursor((cast(datetime, position), end.id), *scope))

    def save_thread(
        self, *, thread: Thread | Mapping[str, Any], timeout: float | None = None
    ) -> Thread:
        """The thread as given, inserted or in place of the one of its id; another resource's: `Conflict`."""
        if isinstance(thread, Mapping):
            try:
                thread = Thread(**thread)
            except TypeError as error:
                raise InvalidArgument(
                    f"this is no thread: {sorted(map(str, thread))}",
                    hint=f"a dict with the fields of a Thread: {', '.join(_FIELDS)}",
                ) from error
        elif not isinstance(thread, Thread):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"thread must be a Thread, and is {kind_of(thread)}")
        params = {
            "id": checked(thread.id, "the id of a thread"),
            "resource_id": checked(thread.resource_id, "resource_id"),
            "title": checked_title(thread.title),
            "metadata": metadata_text(thread.metadata),
            "created_at": kept_date(thread.created_at, "created_at"),
            "updated_at": kept_date(thread.updated_at, "updated_at"),
        }
        row = self._pool.row(THREAD["save"], params, timeout=self._clock(timeout), writes=True)
        if row is None:
            raise Conflict(f"the thread {thread.id!r} is another resource's")
        return thread_of(row)

    def update_thread(
        self,
        *,
        thread_id: str,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Thread:
        """The thread with a new title, and with these keys laid over its metadata; what is None stays."""
        params = {
            "id": checked(thread_id, "thread_id"),
            "title": checked_title(title),
            "metadata": metadata_text(metadata),
        }
        row = self._pool.row(THREAD["update"], params, timeout=self._clock(timeout), writes=True)
        if row is None:
            raise no_thread(thread_id)
        return thread_of(row)

    def delete_thread(self, *, thread_id: str, timeout: float | None = None) -> bool:
        """Delete a thread with its messages, cached results, embeddings; whether it was there."""
        clock = self._clock(timeout, bulk=True)
        params = {"ids": [checked(thread_id, "thread_id")], "patience": patience(clock)}

        def work(wire: Wire) -> bool:
            wire.execute(THREAD["doom"], params)
            row = (wire.execute(THREAD["delete"], params)).fetchone()
            return row is not None and row[0] == 1

        return self._pool.transaction(work, timeout=clock)

    # -- a resource as a whole ----------------------------------------------------------------------------

    def delete_resource(self, *, resource_id: str, timeout: float | None = None) -> DeletedResource:
        """Delete everything of a resource, in one transaction."""
        clock = self._clock(timeout, bulk=True)
        params = {"resource_id": checked(resource_id, "resource_id"), "patience": patience(clock)}

        def work(wire: Wire) -> DeletedResource:
            doomed = (wire.execute(THREAD["doom_resource"], params)).fetchall()
            ids = {"ids": [row[0] for row in doomed]}
            gone = (wire.execute(THREAD["delete"], ids)).fetchone() or (0, 0, 0, 0)
            shared = (wire.execute(THREAD["delete_shared"], params)).fetchone() or (0, 0)
            return DeletedResource(gone[0], gone[1], gone[2] + shared[0], gone[3] + shared[1])

        return self._pool.transaction(work, timeout=clock)

    def export_resource(self, *, resource_id: str, timeout: float | None = None) -> ExportedResource:
        """Everything that is stored of a resource, as of one moment, with counts."""
        params = {"resource_id": checked(resource_id, "resource_id")}
        rows = self._pool.rows(THREAD["export"], params, timeout=self._clock(timeout))
        return export_of(resource_id, rows)

    def prune(
        self, *, older_than: datetime | timedelta, dry_run: bool = False, timeout: float | None = None
    ) -> Pruned:
        """Delete threads last updated before a moment, or longer ago than that; and expired tool results.

        In batches, each a transaction of its own: what is done stays done. `dry_run` only counts. A moment
        that is still to come, which would mean all threads of everybody, is `InvalidArgument`.
        """
        clock = self._clock(timeout, bulk=True)
        row = self._pool.row(THREAD["moment"], _since(older_than), timeout=clock)
        moment = row[0] if row else None
        if dry_run:
            row = self._pool.row(THREAD["count_prunable"], {"moment": moment}, timeout=clock)
            return Pruned(*(row or (0, 0, 0)))
        params = {"moment": moment, "batch": _BATCH}

        def some_threads(wire: Wire) -> tuple[Any, ...]:
            doomed = (wire.execute(THREAD["doom_old"], params)).fetchall()
            ids = {"ids": [row[0] for row in doomed]}
            return (wire.execute(THREAD["delete"], ids)).fetchone() or (0, 0)

        def some_results(wire: Wire) -> tuple[Any, ...]:
            expired = wire.execute(TOOL_RESULT["prune"], {"batch": 100 * _BATCH})
            return expired.fetchone() or (0,)

        threads = messages = results = 0
        while (gone := self._pool.transaction(some_threads, timeout=clock))[0]:
            threads, messages = threads + gone[0], messages + gone[1]
        while (gone := self._pool.transaction(some_results, timeout=clock))[0]:
            results += gone[0]
        return Pruned(threads, messages, results)

    # -- for the other rooms of the memory ----------------------------------------------------------------

    def _thread(self, thread_id: str, clock: Clock) -> Thread | None:
        row = self._pool.row(THREAD["get"], {"id": thread_id}, timeout=clock)
        return thread_of(row) if row else None

    def _insert_thread(
        self, id: str, resource_id: str, title: str | None, metadata: str | None, clock: Clock
    ) -> Thread | None:
        """The new thread; None when its id is taken."""
        params = {"id": id, "resource_id": resource_id, "title": title, "metadata": metadata}

        # A transaction, for its COMMIT can be asked for: repeated, it would take its own row for another's.
        def work(wire: Wire) -> Thread | None:
            row = (wire.execute(THREAD["create"], params)).fetchone()
            return thread_of(row) if row else None

        return self._pool.transaction(work, timeout=clock)


def patience(clock: Clock) -> str:
    """How long a deletion, which may have no deadline, waits for a lock: as the server's setting takes it."""
    return str(min(max(1, int(clock.patience * 1000)), 2**31 - 1))


def _since(older_than: Any) -> dict[str, Any]:
    """The parameters of a moment that has passed, or of an age."""
    now = datetime.now(UTC)
    if isinstance(older_than, timedelta):
        if older_than < timedelta(0):
            raise InvalidArgument(f"older_than must not be below 0, and is {older_than!r}")
        if older_than > now - datetime.min.replace(year=2, tzinfo=UTC):
            raise InvalidArgument(f"older_than reaches back before the year 2, and is {older_than!r}")
        return {"older_than": None, "age": older_than}
    if not isinstance(older_than, datetime):
        raise InvalidArgument(
            f"older_than must be an aware datetime or a timedelta, and is {older_than!r:.60}",
            hint="timedelta(days=30), say",
        )
    moment = kept_date(older_than, "older_than")
    if moment is not None and moment > now:
        raise InvalidArgument(f"older_than is in the future: {older_than!r}")
    return {"older_than": moment, "age": None}


def no_thread(thread_id: str) -> ThreadNotFound:
    return ThreadNotFound(f"no thread {thread_id!r}", hint="create_thread makes one; so does save_memory")
