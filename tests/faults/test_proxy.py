"""The fault proxy does what it is told to, and nothing else."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.proxy import Framing, Proxy
from tests.servers import Server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


@contextmanager
def reached(proxy: Proxy, database: str) -> Iterator[psycopg.Connection]:
    connection = psycopg.connect(proxy.url(database), autocommit=True)
    try:
        proxy.arm()
        yield connection
    finally:
        connection.close()


def test_messages_are_found_however_the_bytes_are_cut() -> None:
    ssl = struct.pack("!II", 8, 80877103)
    startup = struct.pack("!II", 12, 196608) + b"a\0b\0"
    query = b"Q" + struct.pack("!I", 13) + b"SELECT 1\0"
    said = ssl + startup + query
    for step in (1, 3, len(said)):
        framing = Framing("client")
        seen = [one for at in range(0, len(said), step) for one in framing.feed(said[at : at + step])]
        assert seen == [("SSL?", ssl), ("Startup", startup), ("Query", query)]


def test_the_refusal_of_tls_is_one_byte() -> None:
    framing = Framing("server")
    framing.single_bytes = 1
    ready = b"Z" + struct.pack("!I", 5) + b"I"
    assert list(framing.feed(b"N" + ready)) == [("N!", b"N"), ("ReadyForQuery", ready)]


def test_without_a_fault_it_is_not_noticed(proxy: Proxy, database: str) -> None:
    with reached(proxy, database) as c:
        assert c.execute("SELECT repeat('x', 300000)").fetchone() == ("x" * 300_000,)
        with c.cursor().copy("COPY (SELECT generate_series(1, 5)) TO STDOUT") as copy:
            assert len(list(copy.rows())) == 5
        with pytest.raises(psycopg.errors.DivisionByZero):
            c.execute("SELECT 1/0")
        assert proxy.messages[:5] == [
            "client:Query",
            "server:RowDescription",
            "server:DataRow",
            "server:CommandComplete",
            "server:ReadyForQuery",
        ]


def test_latency_holds_each_direction(proxy: Proxy, database: str) -> None:
    with reached(proxy, database) as c:
        proxy.latency = 0.05
        began = time.monotonic()
        c.execute("SELECT 1")
        assert time.monotonic() - began >= 0.1


def test_slices_of_one_byte_make_the_same_answer(proxy: Proxy, database: str) -> None:
    with reached(proxy, database) as c:
        proxy.slice = 1
        assert c.execute("SELECT repeat('x', 2000)").fetchone() == ("x" * 2000,)


def test_a_connection_is_reset_after_so_many_bytes(proxy: Proxy, database: str) -> None:
    with reached(proxy, database) as c:
        proxy.reset_after(1000)
        with pytest.raises(psycopg.OperationalError):
            c.execute("SELECT repeat('x', 2000)")
    with reached(proxy, database) as c:
        assert c.execute("SELECT repeat('x', 2000)").fetchone() == ("x" * 2000,)


@pytest.mark.parametrize(("side", "written"), [("client", 0), ("server", 1)])
def test_a_black_hole_swallows_the_request_or_the_reply(
    proxy: Proxy, database: str, side: str, written: int
) -> None:
    with psycopg.connect(database, autocommit=True) as direct:
        direct.execute("CREATE TABLE mastra.seen (n int)")
        with reached(proxy, database) as c:
            proxy.hole = {side}  # type: ignore[arg-type]
            c.pgconn.send_query(b"INSERT INTO mastra.seen VALUES (1)")
            c.pgconn.flush()
            time.sleep(0.1)
            assert direct.execute("SELECT count(*) FROM mastra.seen").fetchone() == (written,)
            c.pgconn.consume_input()
            assert c.pgconn.is_busy()
            proxy.cut()


def test_a_kill_at_a_message_passes_on_those_before_it_alone(proxy: Proxy, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as direct:
        direct.execute("CREATE TABLE mastra.seen (n int)")
        written = []
        for message in range(1, 4):
            with reached(proxy, database) as c:
                proxy.kill_at(message)
                with pytest.raises(psycopg.OperationalError):
                    c.execute("INSERT INTO mastra.seen VALUES (1)")
            assert proxy.fired
            time.sleep(0.05)
            [count] = direct.execute("SELECT count(*) FROM mastra.seen").fetchone() or ()
            written.append(count)
        # Query, CommandComplete, ReadyForQuery: the first never arrived, the others came back too late.
        assert written == [0, 1, 2]
        with reached(proxy, database) as c:
            proxy.kill_at(4)
            c.execute("INSERT INTO mastra.seen VALUES (1)")
            assert not proxy.fired
            proxy.heal()


def test_after_a_kill_the_way_may_stay_shut(proxy: Proxy, database: str) -> None:
    with reached(proxy, database) as c:
        proxy.kill_at(1, stay_down=True)
        with pytest.raises(psycopg.OperationalError):
            c.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.url(database))
    proxy.heal()
    with reached(proxy, database) as c:
        assert c.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("then", ["reset", "silence"])
def test_the_answer_to_commit_is_swallowed_and_the_commit_is_not(
    proxy: Proxy, database: str, then: str
) -> None:
    with psycopg.connect(database, autocommit=True) as direct:
        direct.execute("CREATE TABLE mastra.seen (n int)")
        with reached(proxy, database) as c:
            proxy.swallow_commit(then)  # type: ignore[arg-type]
            c.execute("BEGIN")
            c.execute("INSERT INTO mastra.seen VALUES (1)")
            if then == "reset":
                with pytest.raises(psycopg.OperationalError):
                    c.execute("COMMIT")
            else:
                c.pgconn.send_query(b"COMMIT")
                c.pgconn.flush()
                time.sleep(0.1)
                c.pgconn.consume_input()
                assert c.pgconn.is_busy()
            assert proxy.fired
            assert direct.execute("SELECT count(*) FROM mastra.seen").fetchone() == (1,)
