"""A server that falls silent: no call waits past its deadline, and the first after it works."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli.errors import DatabaseUnreachable, DeadlineExceeded, MastraError, OutcomeUnknown
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from tests.servers import Server


class Valve:
    """A forwarder on a port of its own; shut, it takes everything and passes nothing on."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.shut = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.sockets += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                while self.shut:
                    time.sleep(0.01)
                b.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        self.shut = False
        for one in self.sockets:
            one.close()


@pytest.fixture
def valve(server: Server) -> Iterator[Valve]:
    valve = Valve(server.port)
    yield valve
    valve.close()


def through(valve: Valve, database: str) -> str:
    return f"postgresql://postgres@127.0.0.1:{valve.port}/{database.rpartition('/')[2]}"


@pytest.mark.parametrize("colour", ["async", "sync"])
def test_a_network_that_swallows_everything_is_given_up_at_the_deadline(
    database: str, valve: Valve, colour: str
) -> None:
    url = through(valve, database)
    seen: list[tuple[type[BaseException], float]] = []

    def note(error: BaseException, began: float) -> None:
        seen.append((type(error), time.monotonic() - began))

    async def in_async() -> None:
        async with PostgresEngine(url=url) as engine:
            entity = await engine.create_entity(name="docs", connection_id="c")
            valve.shut = True
            one: list[Any] = [{"external_id": "a", "data": {}}]
            for call in (
                lambda: engine.get_entity_by_id(id=entity.id, timeout=0.4),
                lambda: engine.upsert_records(entity_id=entity.id, records=one, timeout=0.4),
                lambda: engine.sync_records(name="docs", connection_id="c", records=one, timeout=0.4),
            ):
                began = time.monotonic()
                try:
                    await call()
                except MastraError as error:
                    note(error, began)

    def in_sync() -> None:
        with SyncPostgresEngine(url=url) as engine:
            entity = engine.create_entity(name="docs", connection_id="c")
            valve.shut = True
            one: list[Any] = [{"external_id": "a", "data": {}}]
            calls: list[Callable[[], Any]] = [
                lambda: engine.get_entity_by_id(id=entity.id, timeout=0.4),
                lambda: engine.upsert_records(entity_id=entity.id, records=one, timeout=0.4),
                lambda: engine.sync_records(name="docs", connection_id="c", records=one, timeout=0.4),
            ]
            for call in calls:
                began = time.monotonic()
                try:
                    call()
                except MastraError as error:
                    note(error, began)

    if colour == "async":
        asyncio.run(in_async())
    else:
        in_sync()
    assert len(seen) == 3
    assert {kind for kind, _ in seen} <= {DeadlineExceeded, DatabaseUnreachable, OutcomeUnknown}
    assert max(seconds for _, seconds in seen) < 1.9


def test_a_bulk_call_without_a_deadline_ends_when_the_network_is_silent(database: str, valve: Valve) -> None:
    with SyncPostgresEngine(url=through(valve, database), timeout=0.5) as engine:
        engine.open()
        valve.shut = True
        began = time.monotonic()
        with pytest.raises(DatabaseUnreachable):
            engine.sync_records(name="docs", connection_id="c", records=[{"external_id": "a", "data": {}}])
        assert time.monotonic() - began < 10
        valve.shut = False
        assert engine.list_entities().items == []


def slow_inserts(database: str, seconds: float) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE FUNCTION mastra.slow() RETURNS trigger LANGUAGE plpgsql AS $$ "
                      f"BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$".encode())  # fmt: skip
        admin.execute("CREATE TRIGGER slow BEFORE INSERT ON mastra.records EXECUTE FUNCTION mastra.slow()")


def test_a_bulk_call_goes_on_while_the_server_is_busy_for_it(database: str) -> None:
    slow_inserts(database, 2)
    with SyncPostgresEngine(url=database, timeout=0.5) as engine:
        result = engine.sync_records(
            name="docs", connection_id="c", records=[{"external_id": "a", "data": {}}]
        )
        assert result.created == 1


def test_a_bulk_call_without_a_deadline_ends_when_the_server_shows_no_progress(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that is stopped at its work looks busy; it is believed for an hour, here for less."""
    monkeypatch.setattr("mastra_cli.runtime._sync.wire._UNMOVED", 2.0)
    slow_inserts(database, 60)
    stopped: list[int] = []

    def stop() -> None:
        with psycopg.connect(database, autocommit=True) as admin:
            while not stopped:
                found = admin.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
                ).fetchone()
                if found:
                    os.kill(found[0], signal.SIGSTOP)
                    stopped.append(found[0])

    with SyncPostgresEngine(url=database, timeout=0.5, max_size=1) as engine:
        stopping = threading.Thread(target=stop)
        stopping.start()
        try:
            began = time.monotonic()
            with pytest.raises(DatabaseUnreachable, match=r"has not answered for [2-9] s"):
                engine.sync_records(
                    name="docs", connection_id="c", records=[{"external_id": "a", "data": {}}]
                )
            assert 2 < time.monotonic() - began < 8
            assert engine.list_entities().items == []
        finally:
            stopping.join()
            os.kill(stopped[0], signal.SIGCONT)


def test_a_statement_that_works_for_too_long_without_a_deadline_is_cancelled(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mastra_cli.runtime._sync.wire._UNMOVED", 1.0)
    with SyncPostgresEngine(url=database, timeout=0.4) as engine:
        with pytest.raises(DeadlineExceeded) as error:
            engine._pool.transaction(lambda wire: wire.execute("SELECT pg_sleep(60)"), bulk=True)
        assert error.value.hint == "allow it more time"


def test_an_index_is_built_for_as_long_as_it_gets_on(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mastra_cli.runtime._sync.wire._UNMOVED", 0.3)
    with SyncPostgresEngine(url=database, timeout=0.2) as engine:
        pool = engine._pool
        # A page for each row: pages are what is counted.
        pool.rows("CREATE TABLE mastra.slow (n int, pad text) WITH (fillfactor = 10)", timeout=20)
        pool.rows(
            "INSERT INTO mastra.slow SELECT n, repeat('x', 1000) FROM generate_series(1, 60) AS n", timeout=20
        )
        pool.rows(
            "CREATE FUNCTION mastra.slowly(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ "
            "BEGIN PERFORM pg_sleep(0.03); RETURN n; END $$",
            timeout=20,
        )
        began = time.monotonic()
        pool.transaction(
            lambda wire: wire.execute("CREATE INDEX ON mastra.slow (mastra.slowly(n))"), bulk=True
        )
        assert time.monotonic() - began > 1.5


def test_a_stopped_backend_is_given_up_at_the_deadline_and_replaced(database: str) -> None:
    with SyncPostgresEngine(url=database, max_size=1) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")
        row = engine._pool.row("SELECT pg_backend_pid()")
        assert row
        os.kill(row[0], signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded, match="the database did not answer"):
                engine.get_entity_by_id(id=entity.id, timeout=0.4)
            assert time.monotonic() - began < 1.5
            assert engine.get_entity_by_id(id=entity.id) == entity
        finally:
            os.kill(row[0], signal.SIGCONT)


def test_a_fork_gets_connections_of_its_own(database: str) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")
        child = os.fork()
        if not child:
            status = 1
            try:
                status = 0 if engine.get_entity_by_id(id=entity.id) == entity else 2
                engine.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert engine.get_entity_by_id(id=entity.id) == entity


def test_an_engine_may_be_used_from_one_event_loop_after_another(database: str) -> None:
    engine = PostgresEngine(url=database)
    for number in range(3):
        made = asyncio.run(engine.create_entity(name=f"e{number}", connection_id="c"))
        assert made.name == f"e{number}"
    asyncio.run(engine.close())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("idle", [1, 8, 32])
def test_the_first_success_comes_within_a_second_after_a_restart(mode: str, idle: int) -> None:
    from mastra_cli.local import migrations

    server = Server(settings={"fsync": "on", "synchronous_commit": "on"})
    try:
        migrations.migrate(server.url())
        with SyncPostgresEngine(url=server.url(), min_size=idle, max_size=32) as engine:
            engine.open()
            entity = engine.create_entity(name="docs", connection_id="c")
            server.stop(mode)
            with pytest.raises(DatabaseUnreachable):
                engine.get_entity_by_id(id=entity.id, timeout=0.3)
            server.start()
            began = time.monotonic()
            assert engine.get_entity_by_id(id=entity.id) == entity
            assert time.monotonic() - began < 1
    finally:
        server.close()
