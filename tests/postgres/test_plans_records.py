"""The engine's own queries at 100,000 records: the plan uses its index, and pages do not get dearer with depth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime.models import QueryOptions
from mastra_cli.runtime.operands import path
from mastra_cli.runtime.selection import selection
from mastra_cli.runtime.sql import selections, statements
from tests.conftest import _drop

NAMES = ("mine", "other")


@pytest.fixture(scope="module")
def filled(
    template: str, _create: Callable[[str], str], admin: psycopg.Connection
) -> Iterator[tuple[psycopg.Connection, dict[str, str]]]:
    """Two entities of 100,000 records, one with an index on `score`."""
    url = _create(template)
    with SyncPostgresEngine(url=url) as engine, psycopg.connect(url, autocommit=True) as connection:
        ids = {name: engine.create_entity(name=name, connection_id="c").id for name in NAMES}
        for id in ids.values():
            engine.upsert_records(
                entity_id=id,
                records=(
                    {
                        "external_id": f"r{n:06}",
                        "data": {"email": f"u{n}@example.org", "score": n * 7919 % 100003},
                    }
                    for n in range(100_000)
                ),
            )
        engine.index_field(entity_id=ids["mine"], field="score")
        connection.execute("VACUUM ANALYZE")
        yield connection, ids
    _drop(admin, url)


def plan(connection: psycopg.Connection, query: Any, params: Any) -> tuple[str, int]:
    """The names of what the plan reads, and the buffers it touched."""
    text = query if isinstance(query, bytes) else query.encode()
    [[answer]] = connection.execute(b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + text, params).fetchall()
    [top] = answer
    return json.dumps(top["Plan"]), top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]


def explained(filled: Any, options: QueryOptions, entity: str = "mine", **more: Any) -> tuple[str, int]:
    connection, ids = filled
    chosen = selection(ids[entity], options)
    indexed = frozenset({path("score")}) if entity == "mine" else frozenset()
    return plan(connection, *selections.rendered(chosen, indexed, total=False))


def test_an_equality_filter_uses_the_gin_index(filled: Any) -> None:
    text, buffers = explained(filled, QueryOptions(filters={"email": "u77777@example.org"}))
    assert "records_data_idx" in text
    assert buffers < 50


KEPT = "SELECT statement, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%mastra.records%'"


def test_where_the_server_goes_along_an_index_one_plan_is_kept_for_all_values(
    filled: Any, server: Any
) -> None:
    connection, _ = filled
    with SyncPostgresEngine(url=server.url(connection.info.dbname), max_size=1) as engine:
        for least in ("u1", "u2", "it's \\ 100 % %s"):
            filters = {"email": {"$gt": least}}
            for sort in (None, {"field": "score"}, {"field": "score", "direction": "DESC"}):
                options = QueryOptions(filters=filters, sort=sort, limit=50)
                found = [
                    engine.get_records(entity_name="mine", connection_id="c", options=options)
                    for _ in range(12)
                ]
                all_of_them = engine.get_records(
                    entity_name="mine", connection_id="c", options=QueryOptions(filters=filters, sort=sort)
                )
                assert found == [all_of_them[:50]] * 12
        kept = engine._pool.rows(KEPT, prepare=False)
    assert len(kept) == 3
    assert all(generic > 0 and "$1" in text and "it's" not in text for text, generic in kept)


@pytest.mark.parametrize(
    "options",
    [
        QueryOptions(filters={"email": "u77777@example.org"}, sort={"field": "score"}, limit=50),
        QueryOptions(filters={"score": 77}, sort={"field": "score"}, limit=50),
        QueryOptions(filters={"email": "u77777@example.org"}, limit=50),
        QueryOptions(filters={"email": {"$gt": "u1"}}, sort={"field": "email"}, limit=50),
    ],
    ids=["rare", "by the index", "rare, oldest first", "no index"],
)
def test_where_it_would_not_go_along_an_index_each_value_has_a_plan_of_its_own(
    filled: Any, server: Any, options: QueryOptions
) -> None:
    connection, _ = filled
    with SyncPostgresEngine(url=server.url(connection.info.dbname), max_size=1) as engine:
        for _ in range(8):
            engine.get_records(entity_name="mine", connection_id="c", options=options)
        assert engine._pool.rows(KEPT, prepare=False) == []


def test_a_plan_is_not_kept_when_the_table_has_grown(database: str) -> None:
    options = QueryOptions(limit=5)
    with SyncPostgresEngine(url=database, max_size=1) as engine:
        id = engine.create_entity(name="mine", connection_id="c").id
        engine.index_field(entity_id=id, field="email")
        for size in (1_000, 5_000):
            rows = [{"external_id": f"r{n}", "data": {"email": f"u{n:06}"}} for n in range(size)]
            engine.upsert_records(entity_id=id, records=rows)
            engine._pool.rows("ANALYZE mastra.records")
            engine._indexes._looked_at = -30.0  # half a minute later
            options = QueryOptions(sort={"field": "email"}, limit=5)
            for _ in range(8):
                found = engine.get_records(entity_name="mine", connection_id="c", options=options)
                assert [record.external_id for record in found] == ["r0", "r1", "r2", "r3", "r4"]
        assert len(engine._pool.rows(KEPT, prepare=False)) == 2


async def test_one_of_many_readers_looks_at_the_catalogue_again(database: str) -> None:
    options = QueryOptions(sort={"field": "score"}, limit=5)
    looks = 0
    async with PostgresEngine(url=database) as engine:
        look = engine._indexes._look

        async def counted(clock: Any) -> None:
            nonlocal looks
            looks += 1
            await look(clock)

        engine._indexes._look = counted
        await engine.create_entity(name="mine", connection_id="c")
        for ago, expected in ((0.0, 1), (0.0, 0), (30.0, 1), (0.0, 0)):
            looks, engine._indexes._looked_at = 0, engine._indexes._looked_at - ago
            if ago == 0:
                await engine.get_records(entity_name="mine", connection_id="c", options=options)
            else:
                reads = [
                    engine.get_records(entity_name="mine", connection_id="c", options=options)
                    for _ in range(30)
                ]
                await asyncio.gather(*reads)
            assert looks == expected


class Liar(str):
    """A string that prints as another, as a member of an Enum or a wrapper of a secret does."""

    def __str__(self) -> str:
        return "x' OR ''='"

    def __format__(self, spec: str) -> str:
        return str(self)


def test_what_a_string_prints_as_never_becomes_sql(filled: Any, server: Any) -> None:
    connection, ids = filled
    with SyncPostgresEngine(url=server.url(connection.info.dbname), max_size=1) as engine:
        least = sorted(n * 7919 % 100003 for n in range(100_000) if f"u{n}" > "u5")[:5]
        for number in range(16):
            lies = number % 2 == 0
            sort = {"field": [Liar("score") if lies else "score"]}
            options = QueryOptions(
                filters={"email": {"$gt": Liar("u5") if lies else "u5"}}, sort=sort, limit=5
            )
            found = engine.get_records(
                entity_name=Liar("mine") if lies else "mine", connection_id="c", options=options
            )
            assert [record.data["score"] for record in found] == least
            assert {record.entity_id for record in found} == {ids["mine"]}
        few = engine.create_entity(name="few", connection_id="c").id
        engine.upsert_records(entity_id=few, records=[{"external_id": "f0", "data": {}}])
        for entity_id in (Liar(few), few) * 8:
            found = engine.get_records_by_entity_id(entity_id=entity_id)
            assert [record.external_id for record in found] == ["f0"]


def test_a_field_with_an_index_is_filtered_and_sorted_in_index_order(filled: Any) -> None:
    for options in (
        QueryOptions(filters={"score": 77}),
        QueryOptions(sort={"field": "score"}, limit=50),
        QueryOptions(sort={"field": "score", "direction": "DESC"}, limit=50),
    ):
        text, buffers = explained(filled, options)
        assert "records_field_" in text
        assert ("Sort Key" in text) == (options.sort is None)
        assert buffers < 150


def test_the_list_of_an_entity_comes_in_index_order_and_skips_the_others(filled: Any) -> None:
    text, buffers = explained(filled, QueryOptions(limit=50))
    assert "records_created_idx" in text
    assert buffers < 50


def test_ids_that_begin_alike_are_in_order_too_where_an_index_does_not_tell_them_apart(database: str) -> None:
    ids = [f"{'x' * 150}{n:02}" for n in range(40)]
    with SyncPostgresEngine(url=database) as engine:
        id = engine.create_entity(name="mine", connection_id="c").id
        engine.upsert_records(entity_id=id, records=[{"external_id": x, "data": {"k": 1}} for x in ids[::-1]])
        engine.index_field(entity_id=id, field="k")
        for direction in ("ASC", "DESC"):
            sort, cursor, seen = {"field": "k", "direction": direction}, None, []
            for offset in (0, 7):
                options = QueryOptions(sort=sort, limit=10, offset=offset)
                found = engine.get_records(entity_name="mine", connection_id="c", options=options)
                assert [record.external_id for record in found] == ids[offset : offset + 10]
            while cursor is not None or not seen:
                page = engine.page_records(
                    entity_name="mine",
                    connection_id="c",
                    options=QueryOptions(sort=sort),
                    cursor=cursor,
                    limit=7,
                )
                seen, cursor = [*seen, *(record.external_id for record in page.items)], page.next_cursor
            assert seen == ids


@pytest.mark.parametrize("sort", [None, {"field": "score", "direction": "DESC"}], ids=["oldest", "score"])
def test_a_page_at_90_percent_costs_what_the_first_one_does(filled: Any, sort: Any) -> None:
    connection, ids = filled
    indexed = frozenset({path("score")})
    chosen = selection(ids["mine"], QueryOptions(sort=sort, limit=101))
    engine_rows = connection.execute(
        *selections.rendered(selection(ids["mine"], QueryOptions(sort=sort, offset=90_000, limit=1)), indexed)
    ).fetchall()
    from dataclasses import replace

    from mastra_cli.runtime.models import Record
    from mastra_cli.runtime.ordering import position

    far = replace(chosen, after=position(chosen.sort, Record(*engine_rows[0])))
    _, first = plan(connection, *selections.rendered(chosen, indexed))
    _, deep = plan(connection, *selections.rendered(far, indexed))
    assert deep <= 1.5 * first + 10


def test_changes_come_from_the_index_on_versions(filled: Any) -> None:
    connection, ids = filled
    [since] = connection.execute(
        "SELECT max(version) - 100 FROM mastra.records WHERE entity_id = %s", [ids["mine"]]
    ).fetchone()
    params = {"entity_id": ids["mine"], "after": since, "limit": 1000}
    text, buffers = plan(connection, statements("records")["changes"], params)
    assert "records_version_idx" in text
    assert buffers < 150


def test_one_record_is_one_probe_of_the_primary_key(filled: Any) -> None:
    connection, ids = filled
    params = {"entity_id": ids["mine"], "external_id": "r000500"}
    text, buffers = plan(connection, statements("records")["get"], params)
    assert "records_pkey" in text
    assert buffers < 10
