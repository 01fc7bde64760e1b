"""At 100,000 records: filters, sorts and pages go through their indexes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.json import Jsonb

from mastra_cli.runtime import operands
from mastra_cli.runtime.filter_sql import compile_sql
from mastra_cli.runtime.filters import FilterCondition, parse
from mastra_cli.runtime.ordering import SortOrder, parse_sort
from mastra_cli.runtime.ordering_sql import after_sql, index_columns, order_sql, statistics_columns
from tests.servers import Server

ENTITY, OTHER = "a" * 32, "b" * 32
ODD = ["it's 100%", 'a"b\\']
FIELDS = {"status": "status", "score": "score", "city": "city", "odd": ODD}


@pytest.fixture(scope="module")
def records(server: Server, admin: psycopg.Connection, template: str) -> Iterator[psycopg.Connection]:
    """An entity of 100,000 records, its fields with what `index_field` makes, beside a smaller one."""
    admin.execute(SQL("CREATE DATABASE plans TEMPLATE {}").format(Identifier(template)))
    with psycopg.connect(server.url("plans"), autocommit=True) as connection:
        for entity in (ENTITY, OTHER):
            connection.execute(
                "INSERT INTO mastra.entity (id, name, connection_id, version, created_at, updated_at)"
                " VALUES (%s, %s, 'c', 0, now(), now())",
                [entity, entity],
            )
        connection.execute(
            """
            INSERT INTO mastra.records
            SELECT e, 'x' || lpad(g::text, 6, '0'), e || g, 't', jsonb_build_object(
                'status', (ARRAY['active', 'lead', 'lost', 'won'])[1 + g %% 4], 'score', g * 7919 %% 100003,
                'email', 'u' || g || '@example.org', 'tags', jsonb_build_array('t' || g %% 1000, g),
                'items', jsonb_build_array(jsonb_build_object('sku', 's' || g %% 5000)),
                'address', jsonb_build_object('zip', g %% 5000), %s::text, jsonb_build_object(%s::text, g %% 700)
            ) || CASE WHEN g %% 10 = 0 THEN '{}' ELSE jsonb_build_object('city', 'C' || g %% 500) END,
            g, g, timestamptz '2026-01-01' + g / 1000 * interval '1 s', now(), NULL
            FROM unnest(%s::text[]) e, generate_series(1, 100000) g WHERE e < 'b' OR g <= 20000
            """,
            [*ODD, [ENTITY, OTHER]],
        )
        for name, field in FIELDS.items():
            path = operands.path(field)
            for suffix, descending in (("asc", False), ("desc", True)):
                connection.execute(
                    SQL("CREATE INDEX {} ON mastra.records {} WHERE entity_id = {}").format(
                        Identifier(f"{name}_{suffix}"),
                        index_columns(path, descending=descending),
                        Literal(ENTITY),
                    )
                )
            connection.execute(
                SQL("CREATE STATISTICS mastra.{} (mcv) ON {} FROM mastra.records").format(
                    Identifier(f"{name}_values"), statistics_columns(path)
                )
            )
        connection.execute("VACUUM ANALYZE mastra.records")
        yield connection
    admin.execute("DROP DATABASE plans WITH (FORCE)")


INDEXED = [operands.path(field) for field in FIELDS.values()]
NOON = datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)


def plan(
    records: psycopg.Connection,
    filters: Any = None,
    sort: Any = None,
    position: Any = None,
    indexed: Any = (),
    entity: str = ENTITY,
    limit: int | None = 50,
) -> tuple[list[str], int]:
    """The plan's steps with the index of each, and the blocks that it read."""
    node, order = parse(filters), parse_sort(sort)
    wheres = [compile_sql(node, SQL("r.data"), indexed=indexed)]
    if position is not None:
        wheres.append(after_sql(order, Identifier("r"), position, indexed=indexed))
    ordered = order_sql(order, Identifier("r"), indexed=indexed)
    statement = SQL(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT r.* FROM mastra.records r"
        " WHERE r.entity_id = %s AND r.deleted_at IS NULL AND {} ORDER BY {} LIMIT %s"
    ).format(SQL(" AND ").join(where.sql for where in wheres), ordered.sql)
    params = [entity, *(param for where in wheres for param in where.params), *ordered.params, limit]
    ((found,),) = records.execute(statement, params).fetchall()
    steps: list[str] = []
    nodes = [found[0]["Plan"]]
    blocks = nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"]
    while nodes:
        step = nodes.pop(0)
        steps.append(f"{step['Node Type']} {step.get('Index Name', '')}".strip())
        nodes += step.get("Plans", [])
    return steps, blocks


@pytest.mark.parametrize(
    "filters",
    [
        [FilterCondition("email", "eq", "u77@example.org")],
        [FilterCondition("data.address.zip", "eq", 77)],
        [FilterCondition("email", "in", ["u77@example.org", "u78@example.org"])],
        [FilterCondition("tags", "contains", 77)],
        [FilterCondition("tags", "contains", ["t77", 77])],
        [FilterCondition("address", "eq", {"zip": 77})],
        [FilterCondition("email", "eq", "u77@example.org"), FilterCondition("score", "gt", 0)],
        [FilterCondition("email", "eq", "u77@example.org"), FilterCondition("status", "not_eq", "lost")],
        [
            FilterCondition(
                None, "or", [FilterCondition("email", "eq", "u7"), FilterCondition("tags", "contains", 7)]
            )
        ],
        {"email": "u77@example.org"},
        {"address": {"zip": {"$eq": 77}}},
        {"email": {"$in": ["u77@example.org", 78]}},
        {"tags": {"$all": ["t77", 77]}},
        {"items": {"$elemMatch": {"sku": "s77"}}},
        {"$or": [{"email": "u77@example.org"}, {"address.zip": 77}]},
    ],
)
def test_an_equality_filter_uses_the_gin_index(records: psycopg.Connection, filters: Any) -> None:
    steps, blocks = plan(records, filters)
    assert "Bitmap Index Scan records_data_idx" in steps
    assert blocks < 500


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", ["score", "city", "status", "odd"])
def test_a_sort_by_an_indexed_field_reads_in_index_order(
    records: psycopg.Connection, field: str, direction: str
) -> None:
    steps, blocks = plan(records, None, SortOrder(FIELDS[field], direction), indexed=INDEXED)
    assert steps == ["Limit", "Incremental Sort", f"Index Scan {field}_{direction}"]
    assert blocks < 150


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("indexed", [INDEXED, [("score",)]])
def test_equality_and_sort_and_limit_read_in_index_order(
    records: psycopg.Connection, indexed: Any, direction: str
) -> None:
    filters = [FilterCondition("status", "eq", "active")]
    steps, blocks = plan(records, filters, SortOrder("score", direction), indexed=indexed)
    assert steps == ["Limit", "Incremental Sort", f"Index Scan score_{direction}"]
    assert blocks < 500


@pytest.mark.parametrize(
    ("field", "value", "index"),
    [
        ("city", "C77", "city_asc"),
        ("score", 77, "score_asc"),
        ("score", 77.0, "score_asc"),
        (ODD, 77, "odd_asc"),
    ],
)
def test_equality_on_an_indexed_field_uses_its_index(
    records: psycopg.Connection, field: Any, value: Any, index: str
) -> None:
    for operator, operand in (("eq", value), ("in", [value, "C78"])):
        steps, blocks = plan(records, [FilterCondition(field, operator, operand)], indexed=INDEXED)
        assert [step for step in steps if index in step]
        assert blocks < 500


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize(
    ("field", "position"),
    [
        ("score", ("2", Decimal(90_000), NOON, "x000100")),
        ("score", ("2", Decimal(10_000), NOON, "x000100")),
        ("city", ("1C77", Decimal(0), NOON, "x000100")),
    ],
)
def test_a_page_deep_in_an_indexed_sort_costs_what_the_first_does(
    records: psycopg.Connection, field: str, position: Any, direction: str
) -> None:
    steps, blocks = plan(records, None, SortOrder(field, direction), position, indexed=INDEXED)
    assert steps == ["Limit", "Incremental Sort", f"Index Scan {field}_{direction}"]
    assert blocks < 300


def test_a_page_deep_in_many_ties_costs_what_the_first_does(records: psycopg.Connection) -> None:
    steps, blocks = plan(
        records, None, SortOrder("status"), ("1lost", Decimal(0), NOON, "x090000"), indexed=INDEXED
    )
    assert steps == ["Limit", "Incremental Sort", "Index Scan status_asc"]
    assert blocks < 150


def test_a_page_deep_in_the_default_order_costs_what_the_first_does(records: psycopg.Connection) -> None:
    steps, blocks = plan(records, position=(NOON, "x090000"))
    assert steps == ["Limit", "Index Scan records_created_idx"]
    assert blocks < 100


def test_the_answers_are_the_same_with_an_index_and_without(records: psycopg.Connection) -> None:
    for filters, sort in (
        ([FilterCondition("status", "eq", "active")], SortOrder("score", "DESC")),
        ([FilterCondition("city", "in", ["C77", "C78", None])], SortOrder("city")),
        ([FilterCondition("score", "not_in", [1, 2])], SortOrder("city", "DESC")),
    ):
        answers = []
        for indexed in (INDEXED, ()):
            where = compile_sql(parse(filters), SQL("r.data"), indexed=indexed)
            order = order_sql(parse_sort(sort), Identifier("r"), indexed=indexed)
            rows = records.execute(
                SQL(
                    "SELECT external_id FROM mastra.records r WHERE entity_id = %s AND {} ORDER BY {} LIMIT 300"
                ).format(where.sql, order.sql),
                [ENTITY, *where.params, *order.params],
            ).fetchall()
            answers.append(rows)
        assert answers[0]
        assert answers[0] == answers[1]


def test_ten_thousand_values_are_not_searched_one_by_one(records: psycopg.Connection) -> None:
    filters = [FilterCondition("email", "in", [f"u{n}@example.org" for n in range(10_000)])]
    steps, _ = plan(records, filters)
    assert not [step for step in steps if "records_data_idx" in step]


def test_the_largest_values_fit_an_index(records: psycopg.Connection) -> None:
    rng = random.Random(1)
    wide = "".join(chr(rng.randrange(0x10000, 0x1FFFF)) for _ in range(100_000))
    digits = int("".join(rng.choice("123456789") for _ in range(4_000)))
    for name, value in (("wide", wide), ("long", digits), ("deep", {"a": [wide]})):
        external_id = name + "".join(chr(rng.randrange(0x10000, 0x1FFFF)) for _ in range(255))
        records.execute(
            "INSERT INTO mastra.records VALUES (%s, %s, %s, 't', %s, 0, 0, now(), now(), NULL)",
            [ENTITY, external_id, name, Jsonb({"city": value, "score": value})],
        )
        node = parse([FilterCondition("city", "eq", value)])
        for indexed in (INDEXED, ()):
            where = compile_sql(node, SQL("r.data"), indexed=indexed)
            rows = records.execute(
                SQL("SELECT id FROM mastra.records r WHERE entity_id = %s AND {}").format(where.sql),
                [ENTITY, *where.params],
            ).fetchall()
            assert rows == [(name,)]
