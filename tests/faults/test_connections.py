"""Broken, silent, slow and refused connections, through every room of the library."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli import PgMemory, PgVector, PostgresEngine, connect
from mastra_cli.errors import (
    DatabaseUnreachable,
    DeadlineExceeded,
    MastraError,
    OutcomeUnknown,
    ReadOnly,
)
from tests.faults import calls
from tests.faults.calls import DOCS, World
from tests.faults.proxy import Proxy
from tests.servers import Server

READS: dict[str, Callable[..., Any]] = {
    "engine": lambda w, **o: w.engine.get_entity_by_id(id=DOCS, **o),
    "memory": lambda w, **o: w.memory.get_context_window(thread_id="t", **o),
    "vector": lambda w, **o: w.vector.query(index_name="idx", query_vector=[1.0, 2.0, 3.0], **o),
    "index": lambda w, **o: w.index.search("record", **o),
}
WRITES: dict[str, Callable[..., Any]] = {
    "upsert_records": lambda w, **o: w.engine.upsert_records(entity_id=DOCS, records=calls.some("q"), **o),
    "sync_records": lambda w, **o: w.engine.sync_records(name="docs", connection_id="c", records=calls.some("q"), **o),
    "save_messages": lambda w, **o: w.memory.save_messages(thread_id="t", messages=calls.TURN, **o),
    "upsert": lambda w, **o: w.vector.upsert(index_name="idx", **calls.vectors(80), **o),
}  # fmt: skip
ANY = {**READS, **WRITES}


@pytest.fixture
def furnished(database: str) -> str:
    with calls.world(database) as w:
        calls.furnish(w)
    return database


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def refused(work: Callable[[], Any], within: float) -> MastraError:
    began = time.monotonic()
    with pytest.raises((DeadlineExceeded, DatabaseUnreachable, OutcomeUnknown)) as error:
        work()
    assert time.monotonic() - began < within
    return error.value


def idle_in_transaction(url: str) -> int:
    """How many connections stay in a transaction; the server is given a moment to see who hung up."""
    with psycopg.connect(url, autocommit=True) as c:
        for _ in range(50):
            [count] = c.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
            ).fetchone() or (0,)
            if not count:
                break
            time.sleep(0.01)
        return count


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_black_hole_in_either_direction_ends_at_the_deadline(
    furnished: str, proxy: Proxy, side: str
) -> None:
    with calls.world(proxy.url(furnished)) as w:
        for call in ANY.values():  # warm
            call(w)
        for name, call in ANY.items():
            proxy.hole = {side}  # type: ignore[arg-type]
            error = refused(lambda: call(w, timeout=0.15), 2.5)  # noqa: B023
            assert name in WRITES or not isinstance(error, OutcomeUnknown)
            proxy.heal()
            call(w, timeout=5)


def test_a_listener_that_never_speaks_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as deaf:
        url = f"postgresql://postgres@127.0.0.1:{deaf.getsockname()[1]}/x"
        with calls.world(url, timeout=0.3) as w:
            for call in ANY.values():
                error = refused(lambda: call(w, timeout=0.3), 1.5)  # noqa: B023
                assert "no answer in time" in str(error)


def test_a_stopped_backend_ends_at_the_deadline_for_memory_and_vectors_too(furnished: str) -> None:
    with calls.world(furnished, max_size=1) as w:
        for name, call in ANY.items():
            row = w.pool.row("SELECT pg_backend_pid()")
            assert row
            os.kill(row[0], signal.SIGSTOP)
            try:
                refused(lambda: call(w, timeout=0.15), 2.5)  # noqa: B023
            finally:
                os.kill(row[0], signal.SIGCONT)
            calls_after = READS.get(name, READS["engine"])
            calls_after(w, timeout=5)


@pytest.mark.parametrize("count", [1, 700, 5_000])
def test_a_read_that_is_reset_in_the_middle_of_its_result_is_read_again(
    furnished: str, proxy: Proxy, count: int
) -> None:
    with calls.world(proxy.url(furnished)) as w:
        w.engine.upsert_records(entity_id=DOCS, records=[x for n in range(300) for x in calls.some(f"m{n}")])
        whole = w.engine.get_records_by_entity_id(entity_id=DOCS)
        proxy.reset_after(count)
        assert w.engine.get_records_by_entity_id(entity_id=DOCS) == whole
        assert proxy.fired


def test_what_travels_in_single_bytes_arrives_whole(furnished: str, proxy: Proxy) -> None:
    proxy.slice = 1
    with calls.world(proxy.url(furnished)) as w:
        for call in ANY.values():
            call(w)
        assert w.engine.get_record(entity_id=DOCS, external_id="q")


def test_the_first_call_after_a_killed_backend_works(furnished: str) -> None:
    def walk(w: World) -> int:
        return len(list(w.engine.iter_records(entity_name="docs", connection_id="c")))

    with calls.world(furnished) as w, psycopg.connect(furnished, autocommit=True) as admin:
        for call in (*ANY.values(), walk):
            call(w)
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            call(w)


LONE = {
    "upsert_records": WRITES["upsert_records"],
    "save_messages": WRITES["save_messages"],
    "update_vector": lambda w, **o: w.vector.update_vector(
        index_name="idx", id="v1", metadata={"n": 100}, **o
    ),
}


@pytest.mark.parametrize("name", LONE)
def test_a_write_that_was_never_sent_is_no_unknown_outcome(furnished: str, proxy: Proxy, name: str) -> None:
    with calls.world(proxy.url(furnished)) as w, psycopg.connect(furnished, autocommit=True) as direct:
        LONE[name](w)
        before = calls.state(direct)
        proxy.down = True
        proxy.cut()
        time.sleep(0.05)
        with pytest.raises(DatabaseUnreachable):
            LONE[name](w, timeout=0.2)
        assert calls.state(direct) == before
        proxy.heal()
        LONE[name](w)


@pytest.mark.parametrize("name", LONE)
def test_a_write_whose_session_the_server_ended_is_no_unknown_outcome(
    furnished: str, proxy: Proxy, name: str
) -> None:
    """It waits for a lock when its backend is told to end; then there is no server any more."""
    with calls.world(proxy.url(furnished)) as w, psycopg.connect(furnished, autocommit=True) as direct:
        LONE[name](w)
        before = calls.state(direct)

        def end() -> None:
            for _ in range(200):
                proxy.down = True
                rows = direct.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
                ).fetchall()
                if rows:
                    return
                time.sleep(0.01)

        with psycopg.connect(furnished) as other:
            other.execute("LOCK TABLE mastra.records, mastra.message, mastra.idx IN SHARE MODE")
            ending = threading.Thread(target=end)
            ending.start()
            with pytest.raises(DatabaseUnreachable):
                LONE[name](w, timeout=2)
            ending.join()
        assert calls.state(direct) == before


def test_a_server_without_a_free_connection_says_so(furnished: str, admin: psycopg.Connection) -> None:
    admin.execute("DROP ROLE IF EXISTS crowded")
    admin.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 1")
    try:
        url = furnished.replace("postgres@", "crowded@")
        with psycopg.connect(url), calls.world(url, timeout=0.5) as w:
            began = time.monotonic()
            with pytest.raises(DatabaseUnreachable, match="too many connections for role") as error:
                w.engine.list_entities()
            assert error.value.transient
            assert time.monotonic() - began < 2
    finally:
        admin.execute("DROP ROLE crowded")


def test_a_server_that_takes_no_writes_is_read_only_to_every_writer(furnished: str) -> None:
    with calls.world(f"{furnished}?options=-c%20default_transaction_read_only%3Don") as w:
        for call in WRITES.values():
            with pytest.raises(ReadOnly, match="the server takes no writes"):
                call(w)
        for call in READS.values():
            call(w)


async def test_a_cancelled_task_leaves_no_connection_in_a_transaction(furnished: str, proxy: Proxy) -> None:
    """Cancelled at many moments, under latency; what comes after on the same pool works."""
    proxy.latency = 0.004
    async with connect(url=proxy.url(furnished), max_size=4) as pool:
        engine, memory, vector = PostgresEngine(pool=pool), PgMemory(pool=pool), PgVector(pool=pool)
        work: list[Callable[[], Any]] = [
            lambda: engine.sync_records(
                name="docs", connection_id="c", records=calls.some("q", at=time.time())
            ),
            lambda: engine.delete_records(entity_id=DOCS, external_ids=["q"]),
            lambda: memory.save_messages(thread_id="t", messages=calls.TURN),
            lambda: memory.delete_messages(message_ids=["t1"], thread_id="t"),
            lambda: vector.upsert(index_name="idx", **calls.vectors(80)),
            lambda: vector.query(index_name="idx", query_vector=[1.0, 2.0, 3.0]),
        ]
        for turn in range(6):
            for call in work:
                task = asyncio.ensure_future(call())
                await asyncio.sleep(0.01 * turn)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                assert idle_in_transaction(furnished) == 0
        proxy.heal()
        for call in work:
            await call()
    assert idle_in_transaction(furnished) == 0


def test_a_source_that_raises_in_the_middle_leaves_no_transaction(furnished: str) -> None:
    def broken() -> Iterator[Any]:
        yield from calls.some("x1", "x2")
        raise RuntimeError("the source is broken")

    def no_vectors() -> Iterator[Any]:
        for n in range(500):
            yield [float(n), 1.0, 2.0]
        raise RuntimeError("the source is broken")

    with calls.world(furnished) as w, psycopg.connect(furnished, autocommit=True) as direct:
        before = calls.state(direct)
        for work in (
            lambda: w.engine.sync_records(name="docs", connection_id="c", records=broken()),
            lambda: w.vector.upsert(index_name="idx", vectors=no_vectors()),
        ):
            with pytest.raises(RuntimeError, match="the source is broken"):
                work()
            assert idle_in_transaction(furnished) == 0
            assert calls.state(direct) == before


def test_a_fork_makes_connections_of_its_own_in_every_room(furnished: str) -> None:
    with calls.world(furnished) as w:
        expected = {name: calls.plain(call(w)) for name, call in READS.items()}
        child = os.fork()
        if not child:
            status = 1
            try:
                status = 0 if all(calls.plain(call(w)) == expected[n] for n, call in READS.items()) else 2
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert {name: calls.plain(call(w)) for name, call in READS.items()} == expected


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("idle", [1, 8, 32])
def test_every_room_works_within_a_second_after_a_restart(mode: str, idle: int) -> None:
    from mastra_cli.local import migrations

    server = Server(settings={"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"})
    try:
        migrations.migrate(server.url())
        with calls.world(server.url(), max_size=32, timeout=30) as w:
            calls.furnish(w)
            w.pool._sizes = (idle, 32)
            w.pool.open()
            for call in READS.values():
                call(w)
            server.stop(mode)
            with pytest.raises(DatabaseUnreachable):
                w.engine.get_entity_by_id(id=DOCS, timeout=0.3)
            server.start()
            began = time.monotonic()
            for call in READS.values():
                call(w)
            took = time.monotonic() - began
            print(f"{mode}, {idle} idle: {took * 1000:.0f} ms")
            assert took < 1
    finally:
        server.close()


@pytest.mark.parametrize(
    ("call", "words", "hint"),
    [
        (
            lambda w, **o: w.memory.save_memory(
                resource_id="r", thread_id="t", user_messages=[{"role": "user", "content": "x"}], **o
            ),
            "the messages are saved in the thread 't', and its window could not be read",
            "get_context_window reads it; do not save them again",
        ),
        (
            lambda w, **o: w.vector.create_index(index_name="fresh", dimension=3, **o),
            "the index fresh is there, and could not be looked at",
            "describe_index() looks again",
        ),
    ],
    ids=["save_memory", "create_index"],
)
def test_what_is_done_when_the_rest_of_the_answer_is_lost_is_said(
    furnished: str, proxy: Proxy, call: Callable[..., Any], words: str, hint: str
) -> None:
    with calls.world(proxy.url(furnished)) as w:
        w.pool.open()
        proxy.arm()
        call(w)
        count = len(proxy.messages)
        w.vector.delete_index(index_name="fresh") if "index" in words else None
    with calls.world(proxy.url(furnished)) as w:
        w.pool.open()
        proxy.kill_at(count - 1, stay_down=True)
        with pytest.raises(OutcomeUnknown) as error:
            call(w, timeout=0.3)
        assert (error.value.message, error.value.hint) == (words, hint)
