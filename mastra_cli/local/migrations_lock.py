"""One migration at a time: the lock, who holds it, and who stands in a migration's way."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from mastra_cli.errors import DatabaseUnreachable, LockBusy
from mastra_cli.local.migrations_session import backend
from mastra_cli.local.reporter import Reporter

KEY = int.from_bytes(b"mastra", "big")
"""Of the advisory lock; advisory locks are per database."""

_HOLDER = """
SELECT l.pid, a.application_name, a.usename,
       to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = current_database()
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""

_BLOCKERS = """
SELECT DISTINCT b.pid, a.application_name, a.usename,
       to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
  FROM unnest(pg_catalog.pg_blocking_pids(%s)) b (pid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
 ORDER BY b.pid
"""


@dataclass(frozen=True, slots=True)
class Session:
    """Another session of the server. What this role may not see of it is None."""

    pid: int
    application: str | None
    user: str | None
    since: str | None
    """When the holder of the lock connected; when a blocker's transaction began."""

    def __str__(self) -> str:
        facts = (self.application, self.user and f"user {self.user}", self.since and f"since {self.since}")
        known = ", ".join(fact for fact in facts if fact)
        return f"pid {self.pid} ({known})" if known else f"pid {self.pid}"


@contextmanager
def held(connection: psycopg.Connection, *, wait: float, report: Reporter) -> Generator[None]:
    """The migration lock of this database, while the connection lives; `LockBusy` after `wait` seconds."""
    deadline = time.monotonic() + wait
    told = False
    while not _try(connection):
        rows = connection.execute(_HOLDER, (KEY,)).fetchall()
        holder = Session(*rows[0]) if rows else None
        left = deadline - time.monotonic()
        if left <= 0:
            by = f"{holder} holds it" if holder else "others were faster each time"
            end = f", or end it: SELECT pg_terminate_backend({holder.pid});" if holder else ""
            raise LockBusy(
                f"the migration lock was not free within {wait:g} s: {by}",
                hint=f"wait for the other migration (--lock-wait){end}",
            )
        if holder and not told:
            told = True
            report.say(f"another migration is at work: {holder}; waiting {left:.0f} s at most")
        time.sleep(min(left, random.uniform(0.05, 0.25)))
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (KEY,))


def _try(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (KEY,)).fetchone()
    assert row is not None
    return row[0]


class Watch:
    """While `worker` migrates: looks, over the lock's connection, who blocks it and whether the lock lives.

    A context manager. When the lock's connection is lost, the worker's statement is cancelled.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        worker: psycopg.Connection,
        report: Reporter,
        *,
        every: float = 0.5,
    ) -> None:
        self.blockers: tuple[Session, ...] = ()
        """Who stood in the worker's way when it last had to wait."""
        self.lost = False
        self._connection = connection
        self._worker = worker
        self._pid = backend(worker)
        self._report = report
        self._every = every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="mastra-migration-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def check(self, **_: object) -> None:
        """`DatabaseUnreachable` when the lock is lost: nothing may be committed without it.

        Alembic's `on_version_apply` calls it too, before each commit, with words of its own.
        """
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            self.lost = True
        if self.lost:
            raise DatabaseUnreachable(
                "the connection that held the migration lock was lost; what was not finished was rolled back",
                transient=True,
                hint="run `mastra engine migrate` again: it goes on where this one ended",
            )

    def _look(self) -> None:
        told: set[int] = set()
        while not self._done.wait(self._every):
            try:
                rows = self._connection.execute(_BLOCKERS, (self._pid,)).fetchall()
            except psycopg.Error:
                self.lost = True
                with suppress(psycopg.Error):
                    self._worker.cancel_safe(timeout=5)
                return
            if rows:
                self.blockers = tuple(Session(*row) for row in rows)
                for blocker in self.blockers:
                    if blocker.pid not in told:
                        told.add(blocker.pid)
                        self._report.say(f"waiting for a lock that {blocker} holds")
