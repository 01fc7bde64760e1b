# Generated from the _async twin by `nox -s sync`: edit that one.
"""Pools: shared or one's own, lazy, bounded, safe behind a pooler and after a fork."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mastra_cli.errors import DatabaseFailed, DeadlineExceeded, InvalidArgument, NoDatabaseUrl
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.session import sync_connect
from tests.faults.pooler import Pooler


def test_a_shared_pool_is_closed_by_its_owner_alone(database: str) -> None:
    with sync_connect(url=database) as pool:
        with SyncPostgresEngine(pool=pool) as one, SyncPostgresEngine(pool=pool) as other:
            entity = one.create_entity(name="x", connection_id="c")
            assert other.get_entity_by_id(id=entity.id) == entity
        assert pool.row("SELECT 1") == (1,)
    with pytest.raises(InvalidArgument, match="closed"):
        pool.row("SELECT 1")
    pool.open()
    assert pool.row("SELECT 1") == (1,)
    pool.close()


def test_a_pool_opens_at_its_first_use_and_knows_no_password() -> None:
    pool = sync_connect(url="postgresql://me:s3cret@127.0.0.1:1/x")
    assert "s3cret" not in repr(pool)
    pool.close()


def test_the_url_is_found_in_the_working_directorys_env_file(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SyncPostgresEngine() as engine:
        with pytest.raises(NoDatabaseUrl, match="no database URL"):
            engine.list_entities()
    (tmp_path / ".env").write_text(f"DB_URL={database}\n")
    with SyncPostgresEngine() as engine:
        assert (engine.list_entities()).items == []
    assert "DB_URL" not in os.environ


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "mysql://x"}, "must be a postgresql:// URL"),
        ({"url": 5}, "url must be a str"),
        ({"url": "postgresql://u:s3cret@h:5432/x?nonsense=1"}, "url can not be parsed"),
        ({"min_size": 2, "max_size": 1}, "min_size and max_size must be whole numbers"),
        ({"max_size": 0, "min_size": 0}, "min_size and max_size must be whole numbers"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0"),
        ({"pool": "postgresql://x"}, "pool must be one that"),
    ],
)
def test_arguments_are_checked_where_they_are_given(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        SyncPostgresEngine(**arguments)
    assert words in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_pool_of_something_else_is_told_who_makes_one() -> None:
    with pytest.raises(InvalidArgument, match="made, and is a str") as error:
        SyncPostgresEngine(pool="postgresql://x/x")  # pyright: ignore[reportArgumentType]
    assert error.value.hint == "connect() for the async classes, sync_connect() for the Sync ones"


def test_a_url_and_a_pool_are_one_too_many() -> None:
    with pytest.raises(InvalidArgument, match="url and pool are both given"):
        SyncPostgresEngine(url="postgresql://x", pool=sync_connect(url="postgresql://x"))


def test_who_finds_no_free_connection_is_told_so_in_time(database: str) -> None:
    with sync_connect(url=database, max_size=1) as pool:
        walk = pool.stream("SELECT generate_series(1, 1000)", size=10)
        assert len(next(walk)) == 10
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="none of the pool's 1 connections came free"):
            pool.row("SELECT 1", timeout=0.2)
        assert time.monotonic() - began < 1
        walk.close()
        assert pool.row("SELECT 1", timeout=1) == (1,)


def test_many_at_once_share_a_few_connections(database: str) -> None:
    with sync_connect(url=database, max_size=3) as pool:

        def one(number: int) -> int:
            row = pool.row("SELECT %s::int, pg_sleep(0.01)", [number])
            assert row is not None
            return row[0]

        assert waiting.gather(one, range(60), limit=20) == list(range(60))
        row = pool.row("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mastra'")
        assert row is not None
        assert row[0] <= 3


def test_a_statement_past_its_deadline_is_cancelled_on_the_server(database: str) -> None:
    with sync_connect(url=database) as pool:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="the call's time was up"):
            pool.row("SELECT pg_sleep(30)", timeout=0.3)
        assert time.monotonic() - began < 1.3
        assert pool.row(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(30)' AND state = 'active'", []
        ) == (0,)


def test_behind_a_pooler_nothing_is_prepared_and_every_answer_is_ones_own(
    server: Any, database: str
) -> None:
    pooler = Pooler(server, size=2)
    try:
        with SyncPostgresEngine(url=pooler.url(database.rpartition("/")[2]), max_size=8) as engine:

            def one(number: int) -> bool:
                name = f"entity-{number % 8}"
                made = engine.sync_records(
                    name=name,
                    connection_id="c",
                    records=[{"external_id": f"r{number}", "data": {"n": number}}],
                )
                got = engine.get_record(entity_id=made.entity.id, external_id=f"r{number}")
                return got is not None and got.data == {"n": number} and made.entity.name == name

            assert all(waiting.gather(one, range(64), limit=8))
            walked = [
                record for record in engine.iter_records(entity_name="entity-1", connection_id="c")
            ]
            assert len(walked) == 8
            row = engine._pool.row("SELECT count(*) FROM pg_prepared_statements")
            assert row == (0,)
    finally:
        pooler.close()


def test_a_direct_connection_prepares_what_comes_often(database: str) -> None:
    with SyncPostgresEngine(url=database, max_size=1) as engine:
        entity = engine.create_entity(name="x", connection_id="c")
        for _ in range(8):
            engine.get_entity_by_id(id=entity.id)
        row = engine._pool.row("SELECT count(*) FROM pg_prepared_statements", prepare=False)
        assert row == (1,)


def test_a_statement_that_comes_again_answers_as_the_first_time(database: str) -> None:
    """Its cursor is kept: through a failure, other types, a changed table, and more statements than are kept."""
    with sync_connect(url=database, max_size=1) as pool:
        divided = "SELECT 6 / %s"
        assert pool.rows(divided, [2]) == [(3,)]
        with pytest.raises(DatabaseFailed, match="division by zero"):
            pool.rows(divided, [0])
        assert pool.rows(divided, [3]) == [(2,)]
        assert pool.rows(divided, [None]) == [(None,)]
        for statement in [f"SELECT {n}" for n in range(80)] * 2:
            assert pool.row(statement) == (int(statement[7:]),)
        pool.rows("CREATE TABLE public.t AS SELECT 1 AS a", writes=True)
        everything = "SELECT * FROM public.t"
        for _ in range(8):
            assert pool.rows(everything) == [(1,)]
        pool.rows("DROP TABLE public.t", writes=True)
        pool.rows("CREATE TABLE public.t AS SELECT 'x'::text AS a, 1.5 AS b", writes=True)
        assert pool.rows(everything) == [("x", Decimal("1.5"))]
        assert pool.rows("DELETE FROM public.t WHERE a = %s", ["x"], writes=True) == []


def test_a_connection_at_rest_holds_no_rows_and_no_large_parameters(database: str) -> None:
    with sync_connect(url=database, max_size=1) as pool:
        rows = pool.rows(
            "SELECT pg_catalog.repeat('x', %s) FROM pg_catalog.generate_series(1, 99)", [9]
        )
        assert rows == [("x" * 9,)] * 99
        assert pool.row("SELECT pg_catalog.length(%s)", ["x" * 30_000]) == (30_000,)
        assert pool.row("SELECT pg_catalog.cardinality(%s::text[])", [["x"] * 30_000]) == (30_000,)
        with pool._lease(pool._clock_of(None)) as wire:
            kept = [cursor for _, cursor in wire._cursors.values()]
            assert len(kept) == 1
            assert [cursor.pgresult.ntuples for cursor in kept] == [0]


def test_no_expression_is_compiled_unless_somebody_asked_for_it(database: str) -> None:
    for options, jit in (("", "off"), ("?options=-c%20jit%3Don", "on")):
        with sync_connect(url=database + options) as pool:
            assert pool.row("SHOW jit") == (jit,)


def test_utc_has_its_name_and_any_other_zone_stays(database: str) -> None:
    for zone, shown in (("Etc/UTC", "UTC"), ("Zulu", "UTC"), ("Asia/Tokyo", "Asia/Tokyo")):
        with sync_connect(url=f"{database}?options=-c%20TimeZone%3D{zone}") as pool:
            assert pool.row("SHOW TimeZone") == (shown,)
            [at] = pool.row("SELECT pg_catalog.to_timestamp(0)")
            assert at == datetime(1970, 1, 1, tzinfo=UTC)
            assert (at.tzinfo is UTC) == (shown == "UTC")


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, -2.5, 1e3, true, null], "ü\U0001f600": {"\\u0001": "\\"\\\\"}}', "[]", '" x "', "7", "null",
     "123456789012345678901234567890", "0.1000"],
)  # fmt: skip
def test_jsonb_comes_as_json_says(database: str, text: str) -> None:
    with sync_connect(url=database) as pool:
        assert pool.rows("SELECT %s::jsonb, %s::json", [text, f" {text}\n"]) == [
            (json.loads(text), json.loads(text))
        ]
