# Generated from the _async twin by `nox -s sync`: edit that one.
"""What is lost on the way: connections, answers, turns. After each, all of a call is there, or nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Callable
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import (
    DatabaseUnreachable,
    DeadlineExceeded,
    NotMigrated,
    OutcomeUnknown,
    PermissionDenied,
    ReadOnly,
    SyncInProgress,
)
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.wire import Wire
from mastra_cli.runtime.models import RecordInput

SIZE = 1200
# At the write to `sync_run`, the last of a sync, so many times: sequences do not roll back.
TROUBLE = """
CREATE SEQUENCE mastra.times;
CREATE FUNCTION mastra.trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('mastra.times') <= TG_ARGV[0]::int THEN
        IF TG_ARGV[1] = 'kill' THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
            PERFORM pg_sleep(5);
        END IF;
        RAISE EXCEPTION 'trouble' USING ERRCODE = TG_ARGV[1];
    END IF;
    RETURN NEW;
END $$;
"""


def trouble(database: str, times: int, kind: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(TROUBLE)
        connection.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON mastra.sync_run FOR EACH ROW "
            f"EXECUTE FUNCTION mastra.trouble('{times}', '{kind}')"
        )


def once(count: int = SIZE) -> Iterator[RecordInput]:
    """A source that can be read once."""
    for number in range(count):
        yield RecordInput(f"r{number}", {"n": number})


def check_whole(engine: SyncPostgresEngine, run_id: str) -> None:
    records = engine.get_records_by_entity_name(name="docs", connection_id="c")
    assert {record.external_id: record.data["n"] for record in records} == {f"r{n}": n for n in range(SIZE)}
    runs = engine.list_sync_runs(entity_id=records[0].entity_id)
    assert [(run.id, run.status, run.created) for run in runs] == [(run_id, "succeeded", SIZE)]


def losing(monkeypatch: pytest.MonkeyPatch, statement: str, *, before: bool, times: int = 1) -> None:
    """Cut the connection at this statement, before it is sent or before its answer is read."""
    execute = psycopg.Cursor.execute
    left = [times]

    def cut(self: psycopg.Cursor, query: Any, *args: Any, **kwargs: Any) -> Any:
        if not (isinstance(query, str) and query.startswith(statement) and left[0]):
            return execute(self, query, *args, **kwargs)
        left[0] -= 1
        if not before:
            execute(self, query, *args, **kwargs)
        self.connection.close()
        raise psycopg.OperationalError("cut")

    monkeypatch.setattr(psycopg.Cursor, "execute", cut)


@pytest.mark.parametrize("kind", ["40001", "40P01", "kill"])
def test_a_one_shot_source_goes_through_a_failure_before_commit_once(database: str, kind: str) -> None:
    trouble(database, 2, kind)
    with SyncPostgresEngine(url=database) as engine:
        result = engine.sync_records(name="docs", connection_id="c", records=once(), last_sync_id="s")
        assert (result.created, result.received) == (SIZE, SIZE)
        check_whole(engine, result.run_id)


@pytest.mark.parametrize("before", [True, False], ids=["request", "answer"])
def test_a_one_shot_source_goes_through_a_lost_commit_once(
    database: str, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    with SyncPostgresEngine(url=database) as engine:
        losing(monkeypatch, "COMMIT", before=before)
        result = engine.sync_records(name="docs", connection_id="c", records=once(), last_sync_id="s")
        assert (result.created, result.last_sync_id) == (SIZE, "s")
        check_whole(engine, result.run_id)


def test_a_commit_that_can_not_be_asked_for_is_outcome_unknown(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyncPostgresEngine(url=database) as engine:
        engine.create_entity(name="x", connection_id="c")
        losing(monkeypatch, "COMMIT", before=False)

        def unreachable(*_: Any, **__: Any) -> Any:
            raise psycopg.OperationalError("unreachable")

        monkeypatch.setattr(Wire, "dial", unreachable)
        with pytest.raises(OutcomeUnknown, match="lost at COMMIT") as error:
            engine.sync_records(name="docs", connection_id="c", records=once(), timeout=1)
        assert error.value.run_id
        assert error.value.hint


def test_a_lone_statement_whose_answer_is_lost_is_repeated(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="x", connection_id="c")
        losing(monkeypatch, "WITH locked", before=False)
        result = engine.upsert_records(entity_id=entity.id, records=[RecordInput("a", {"x": 1})])
        assert result.received == 1
        [change] = (engine.changes(entity_id=entity.id)).items
        assert (change.record.external_id, change.record.data) == ("a", {"x": 1})


def test_a_lone_write_that_can_not_be_repeated_is_outcome_unknown(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="x", connection_id="c")
        losing(monkeypatch, "WITH locked", before=False, times=10**6)
        with pytest.raises(OutcomeUnknown, match="whether it took effect could not be found out"):
            engine.upsert_records(entity_id=entity.id, records=[RecordInput("a", {})], timeout=0.5)


@pytest.mark.parametrize("call", ["few", "many", "sync", "delete", "checkpoint", "entity"])
def test_a_writer_waits_for_its_turn_until_its_deadline(database: str, call: str) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")
        with psycopg.connect(database) as other:
            other.execute("SELECT FROM mastra.entity FOR UPDATE")
            calls: dict[str, Callable[[], Any]] = {
                "few": lambda: engine.upsert_records(entity_id=entity.id, records=once(3), timeout=0.4),
                "many": lambda: engine.upsert_records(entity_id=entity.id, records=once(), timeout=0.4),
                "sync": lambda: engine.sync_records(
                    name="docs", connection_id="c", records=once(3), timeout=0.4
                ),
                "delete": lambda: engine.delete_records(entity_id=entity.id, external_ids=["a"], timeout=0.4),
                "checkpoint": lambda: engine.update_entity_last_sync_id(
                    id=entity.id, sync_id="s", timeout=0.4
                ),
                "entity": lambda: engine.delete_entity_by_id(id=entity.id, timeout=0.4),
            }
            began = time.monotonic()
            with pytest.raises(SyncInProgress, match="another writer held the entity"):
                calls[call]()
            assert 0.2 < time.monotonic() - began < 1.5
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []


def test_a_source_is_drained_before_any_lock_is_taken(database: str) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")

        def source() -> Iterator[RecordInput]:
            yield RecordInput("a", {})
            with SyncPostgresEngine(url=database) as other:
                other.upsert_records(entity_id=entity.id, records=[RecordInput("b", {})], timeout=2)
            yield RecordInput("c", {})

        assert (engine.sync_records(name="docs", connection_id="c", records=source())).created == 2


def test_no_call_outlives_its_deadline(database: str) -> None:
    with SyncPostgresEngine(url=database) as engine:
        engine.create_entity(name="docs", connection_id="c")
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE mastra.records, mastra.entity")
            for call in (engine.get_entity_by_id, engine.delete_entity_by_id):
                began = time.monotonic()
                with pytest.raises((DeadlineExceeded, SyncInProgress)):
                    call(id="0" * 32, timeout=0.3)
                assert time.monotonic() - began < 1.3


def test_when_all_connections_are_lost_new_ones_are_made(database: str) -> None:
    with SyncPostgresEngine(url=database, min_size=4) as engine:
        engine.open()
        entity = engine.create_entity(name="docs", connection_id="c")
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        began = time.monotonic()
        assert engine.get_entity_by_id(id=entity.id) == entity
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://postgres:s3cret@127.0.0.1:1/x", "takes no connection: Connection refused"),
        ("postgresql://postgres:s3cret@127.0.0.1:{port}/no_such", 'database "no_such" does not exist'),
        (
            "postgresql://postgres:s3cret@no.such.host.invalid/x",
            "takes no connection: its host's name leads nowhere (",
        ),
        ("postgresql://nobody:s3cret@127.0.0.1:{port}/postgres", 'role "nobody" does not exist'),
    ],
)
def test_a_database_that_can_not_be_reached_is_said_at_once(server: Any, url: str, words: str) -> None:
    engine = SyncPostgresEngine(url=url.format(port=server.port))
    began = time.monotonic()
    with pytest.raises(DatabaseUnreachable) as error:
        engine.open()
    assert time.monotonic() - began < 2
    assert words in str(error.value)
    assert "s3cret" not in f"{error.value} {error.value.hint} {error.value.__cause__} {engine._pool!r}"
    engine.close()


def test_a_password_that_is_not_percent_encoded_is_not_quoted() -> None:
    engine = SyncPostgresEngine(url="postgresql://me:top@s3cret@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnreachable) as error:
        engine.open()
    assert "s3cret" not in f"{error.value} {error.value.hint}"
    engine.close()


def test_a_database_without_the_schema_is_not_migrated(empty_database: str) -> None:
    with SyncPostgresEngine(url=empty_database) as engine:
        with pytest.raises(NotMigrated) as error:
            engine.create_entity(name="x", connection_id="c")
        assert error.value.hint == "run `mastra engine migrate`"


def test_a_database_that_takes_no_writes_is_read_only(database: str) -> None:
    with SyncPostgresEngine(url=f"{database}?options=-c%20default_transaction_read_only%3Don") as engine:
        with pytest.raises(ReadOnly):
            engine.create_entity(name="x", connection_id="c")
        assert (engine.list_entities()).items == []


def test_a_role_without_ddl_rights_does_everything_but_indexes(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS application")
        admin.execute("CREATE ROLE application LOGIN")
        admin.execute("GRANT USAGE ON SCHEMA mastra TO application")
        admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mastra TO application")
        try:
            with SyncPostgresEngine(url=database.replace("postgres@", "application@")) as engine:
                result = engine.sync_records(name="docs", connection_id="c", records=once())
                engine.upsert_records(entity_id=result.entity.id, records=[RecordInput("r1", {})])
                engine.delete_records(entity_id=result.entity.id, external_ids=["r2"], purge=True)
                with pytest.raises(PermissionDenied, match="by the owner of the table alone") as error:
                    engine.index_field(entity_id=result.entity.id, field="n")
                assert error.value.hint == "connect as the role that migrates"
                engine.delete_entity_by_id(id=result.entity.id)
        finally:
            admin.execute("DROP OWNED BY application")
            admin.execute("DROP ROLE application")
