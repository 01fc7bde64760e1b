"""Many writers, killed writers, large inputs: one row a key, all or nothing, nothing skipped."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import EntityNotFound
from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime.models import Change, UpsertResult

ROOT = Path(__file__).parent.parent.parent
WRITERS = 16
KEYS = 40


def at_once(work: Any, count: int = WRITERS) -> list[BaseException]:
    """Run `work(0)`, `work(1)` ... in threads of their own; what they raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
@pytest.mark.parametrize("size", [1, KEYS, 700], ids=["one", "few", "many"])
def test_sixteen_writers_of_one_entity_leave_one_row_a_key_and_a_feed_without_gaps(
    database: str, isolation: str, size: int
) -> None:
    name = database.rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'".encode())
    rounds = {1: 10, KEYS: 4, 700: 1}[size]
    results: list[UpsertResult] = []
    seen: list[Change] = []
    done = threading.Event()
    with SyncPostgresEngine(url=database, max_size=WRITERS + 1, timeout=60) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")

        def write(number: int) -> None:
            for turn in range(rounds):
                keys = [f"k{key:04}" for key in range(size)]
                random.Random(number * 100 + turn).shuffle(keys)
                records = [{"external_id": key, "data": {"by": number, "turn": turn}} for key in keys]
                results.append(engine.upsert_records(entity_id=entity.id, records=records))

        def read() -> None:
            since = 0
            while True:
                last = done.is_set()
                page = engine.changes(entity_id=entity.id, since=since, limit=100)
                seen.extend(page.items)
                if page.items:
                    since = page.items[-1].version
                elif last:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        errors = at_once(write)
        done.set()
        reader.join()
        assert errors == []
        assert len(results) == WRITERS * rounds
        assert sum(result.created for result in results) == size
        for result in results:
            assert result.created + result.updated + result.unchanged == result.received == size
        now = engine.changes(entity_id=entity.id, limit=10_000).items
        assert [change.record.external_id for change in now] == [f"k{key:04}" for key in range(size)]
        # One writer's whole batch came last, and its numbers are dense.
        assert len({str(change.record.data) for change in now}) == 1
        assert [change.version for change in now] == list(range(now[0].version, now[0].version + size))
        versions = [change.version for change in seen]
        assert versions == sorted(set(versions))
        # Who replays what the reader saw stands where the entity stands: nothing was skipped.
        replayed = {change.record.external_id: change.version for change in seen}
        assert replayed == {change.record.external_id: change.version for change in now}


def test_syncs_of_one_entity_never_interleave(database: str) -> None:
    with SyncPostgresEngine(url=database, max_size=8, timeout=60) as engine:

        def sync(number: int) -> None:
            engine.sync_records(
                name="docs",
                connection_id="c",
                records=[{"external_id": f"w{number}-{key}", "data": {}} for key in range(30)],
                last_sync_id=f"s{number}",
                delete_missing=True,
                allow_mass_delete=True,
            )

        assert at_once(sync, 8) == []
        records = engine.get_records_by_entity_name(name="docs", connection_id="c")
        writers = {record.external_id.split("-")[0] for record in records}
        entity = engine.get_entity(name="docs", connection_id="c")
        assert entity is not None
        assert {f"w{(entity.last_sync_id or '')[1:]}"} == writers
        assert len(records) == 30
        assert len(engine.list_sync_runs(entity_id=entity.id)) == 8


def test_entities_are_made_once_under_a_race_and_deleted_under_writers(database: str) -> None:
    with SyncPostgresEngine(url=database, max_size=8, timeout=60) as engine:

        def work(number: int) -> None:
            for turn in range(10):
                made = engine.sync_records(
                    name="docs", connection_id="c", records=[{"external_id": f"r{number}-{turn}", "data": {}}]
                )
                if turn % 3 == number % 3:
                    with suppress(EntityNotFound):
                        engine.delete_entity_by_id(id=made.entity.id)

        assert at_once(work, 8) == []
        with psycopg.connect(database) as connection:
            orphans = (
                "SELECT count(*) FROM mastra.records WHERE entity_id NOT IN (SELECT id FROM mastra.entity)"
            )
            assert connection.execute(orphans).fetchone() == (0,)


def unchanged_wal(database: str, count: int) -> tuple[int, int]:
    """WAL in bytes of a first sync and of the same one again."""

    def records() -> Iterator[dict[str, Any]]:
        for number in range(count):
            yield {"external_id": f"r{number}", "data": {"n": number, "text": "x" * 100}}

    with SyncPostgresEngine(url=database) as engine, psycopg.connect(database, autocommit=True) as admin:
        written: list[int] = []
        for expected in ("created", "unchanged"):
            admin.execute("CHECKPOINT")
            [before] = admin.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or ()
            result = engine.sync_records(name="docs", connection_id="c", records=records())
            assert getattr(result, expected) == count
            [size] = admin.execute("SELECT pg_current_wal_insert_lsn() - %s", [before]).fetchone() or ()
            written.append(int(size))
    return written[0], written[1]


def test_a_sync_without_changes_writes_next_to_no_wal(database: str) -> None:
    first, again = unchanged_wal(database, 10_000)
    assert again < 100_000 < first


@pytest.mark.slow
def test_a_sync_of_100000_without_changes_writes_next_to_no_wal(database: str) -> None:
    first, again = unchanged_wal(database, 100_000)
    print(f"WAL: first {first:,} bytes, again {again:,} bytes")
    assert again < 1_000_000 < first


MILLION = """
    import re, sys
    from pathlib import Path
    from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
    count = int(sys.argv[2])
    with SyncPostgresEngine(url=sys.argv[1]) as engine:
        engine.sync_records(name="warm", connection_id="c", records=[{"external_id": "a", "data": {}}])
        peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
        before = peak()
        result = engine.sync_records(
            name="docs", connection_id="c", delete_missing=True,
            records=({"external_id": f"r{n}", "data": {"n": n, "text": "x" * 100}} for n in range(count)),
        )
        assert result.created == count, result
        walked = sum(1 for _ in engine.iter_records(entity_name="docs", connection_id="c"))
        assert walked == count
        print(peak() - before)
"""


def grown(database: str, count: int) -> int:
    """By how many kilobytes a client grows while it syncs and walks that many records."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MILLION), database, str(count)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        text=True,
    )
    return int(done.stdout)


def test_a_sync_from_a_generator_needs_little_memory(database: str) -> None:
    assert grown(database, 30_000) < 40_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_records_from_a_generator_need_constant_memory(database: str) -> None:
    kilobytes = grown(database, 1_000_000)
    print(f"a million records: {kilobytes:,} kB over the baseline")
    assert kilobytes < 100_000


def test_the_mock_is_whole_under_threads() -> None:
    engine = SyncMockMastraEngine()
    entity = engine.create_entity(name="docs", connection_id="c")

    def write(number: int) -> None:
        for turn in range(20):
            records = [{"external_id": f"k{key}", "data": {"by": number, "turn": turn}} for key in range(20)]
            engine.upsert_records(entity_id=entity.id, records=records)

    assert at_once(write, 8) == []
    now = engine.changes(entity_id=entity.id).items
    assert len({str(change.record.data) for change in now}) == 1
