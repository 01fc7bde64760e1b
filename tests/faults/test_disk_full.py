"""A database server without space: what the caller is told, nothing partial, and work goes on once there is space."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import DatabaseFailed, DatabaseUnreachable, MastraError, OutcomeUnknown
from mastra_cli.local import migrations
from tests.faults import calls
from tests.faults.calls import DOCS, World
from tests.servers import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk that is small"),
]

NOISE = base64.b64encode(random.Random(5).randbytes(20_000)).decode()  # no space is saved on it
# Each needs some MB.
WRITES: dict[str, Callable[[World], Any]] = {
    "upsert_records": lambda w: w.engine.upsert_records(entity_id=DOCS, records=large(80)),
    "upsert_records/bulk": lambda w: w.engine.upsert_records(entity_id=DOCS, records=iter(large(900, 4_000))),
    "sync_records": lambda w: w.engine.sync_records(
        name="docs", connection_id="c", records=iter(large(900, 4_000)), last_sync_id="9", delete_missing=True,
        allow_mass_delete=True,
    ),
    "save_messages": lambda w: w.memory.save_messages(
        thread_id="t", messages=[{"id": f"x{n}", "role": "user", "content": f"{n} {shuffled(n)}"} for n in range(80)]
    ),
    "upsert": lambda w: w.vector.upsert(
        index_name="idx", ids=[f"v{n}" for n in range(300)], vectors=[[n + 1.0, 1.0, 1.0] for n in range(300)],
        metadata=[{"text": shuffled(n)} for n in range(300)],
    ),
    "create_index": lambda w: [w.vector.create_index(index_name=f"made{n}", dimension=3) for n in range(40)],
}  # fmt: skip


def shuffled(n: int, length: int = 20_000) -> str:
    return NOISE[n * 37 % 997 :][:length]


def large(count: int, length: int = 20_000) -> list[dict[str, Any]]:
    return [{"external_id": f"big{n}", "data": {"text": shuffled(n, length)}} for n in range(count)]


class Disk:
    """A small file system of its own; `fill` takes what is free of it but for so many bytes, `free` gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, but: int) -> None:
        status = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - but)

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(server: Server, megabytes: int) -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="mastra-disk-", dir="/var/tmp"))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "mastra-tests", folder], check=True
    )
    try:
        (folder / "of-the-server").mkdir()
        os.chown(folder / "of-the-server", server.data.stat().st_uid, server.data.stat().st_gid)
        yield Disk(folder)
    finally:
        server.close()
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def back(server: Server) -> None:
    """It tries to come back by itself, and may have given up."""
    for _ in range(100):
        try:
            psycopg.connect(server.url()).close()
            return
        except psycopg.OperationalError:
            if not (server.data / "postmaster.pid").exists():
                server.start()
        time.sleep(0.1)
    raise AssertionError("the server does not come back")


def test_a_table_that_can_not_grow_is_told_and_nothing_of_the_call_is_there() -> None:
    server = Server()
    with small_disk(server, 120) as disk:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder / 'of-the-server'}'".encode())
            admin.execute("CREATE DATABASE tight TABLESPACE small")
        url = server.url("tight")
        migrations.migrate(url)
        with calls.world(url) as w, psycopg.connect(url, autocommit=True) as direct:
            calls.furnish(w)
            before = calls.state(direct)
            disk.fill(but=300_000)
            for name, call in WRITES.items():
                with pytest.raises(DatabaseFailed) as error:
                    call(w)
                assert error.value.sqlstate == "53100", name
                assert error.value.message.startswith("the database's disk is full: could not"), name
                assert error.value.hint == "make room on the database server's disk, then try again"
                if name != "create_index":  # many calls, each for itself
                    assert calls.state(direct) == before, name
                # What needs no space goes on.
                assert w.engine.get_record(entity_id=DOCS, external_id="a")
                assert w.vector.query(index_name="idx", query_vector=[1.0, 2.0, 3.0])
            disk.free()
            for call in WRITES.values():
                call(w)
            assert w.engine.get_entity_by_id(id=DOCS).last_sync_id == "9"
            assert w.engine.count_records(entity_name="docs", connection_id="c") == 900
            assert len(w.vector.list_indexes()) > 40


def test_a_server_that_ends_for_want_of_space_leaves_all_of_a_call_or_nothing() -> None:
    """Without space for its log a server ends at once, and can not come back before there is some."""
    kept = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on")
    server = Server(settings={"min_wal_size": "32MB", "max_wal_size": "32MB", "wal_recycle": "off", **kept})
    with small_disk(server, 160) as disk:
        migrations.migrate(server.url())
        with calls.world(server.url()) as w:
            calls.furnish(w)
        server.stop("fast")
        log, moved = server.data / "pg_wal", disk.folder / "of-the-server/pg_wal"
        subprocess.run(["mv", log, moved], check=True)
        log.symlink_to(moved)
        server.start()
        turn = -1

        def sync(w: World) -> Any:
            records = [{**one, "data": {**one["data"], "turn": turn}} for one in large(700, 2_000)]
            return w.engine.sync_records(
                name="much", connection_id="c", records=iter(records), last_sync_id=str(turn)
            )

        with calls.world(server.url()) as w:
            w.hurry(2)
            disk.fill(but=0)
            seen: MastraError | None = None
            while seen is None:
                turn += 1
                try:
                    sync(w)
                except (DatabaseFailed, DatabaseUnreachable, OutcomeUnknown) as error:
                    seen = error
                assert turn < 200
            assert getattr(seen, "sqlstate", None) in (None, "53100", "57P02", "57P03")
            print(f"call {turn + 1}: {seen!r}")
            disk.free()
            back(server)
            w.hurry(30)
            entity = w.engine.get_entity(name="much", connection_id="c")
            now = int(entity.last_sync_id or -1) if entity else -1
            # All that was answered is there.
            assert now in ((turn - 1, turn) if isinstance(seen, OutcomeUnknown) else (turn - 1,))
            rows = w.engine.get_records(entity_name="much", connection_id="c") if entity else []
            assert {row.data["turn"] for row in rows} <= {now}
            assert len(rows) == (700 if now >= 0 else 0)
            assert sync(w).received == 700
            w.memory.save_messages(thread_id="t", messages=calls.TURN)
