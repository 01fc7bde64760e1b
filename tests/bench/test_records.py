"""PostgresEngine beside hand-written psycopg on a table with the same indexes: bulk upserts, single ones, queries."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli.local import migrations
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime.models import QueryOptions
from tests.servers import Server

ROWS = 100_000
ROUNDS = 3
STATUS = ("active", "lead", "lost", "won")
STAGE = 'CREATE TEMPORARY TABLE stage (external_id text COLLATE "C", data jsonb) ON COMMIT DROP'
MERGE = """
INSERT INTO ceiling.records AS r
    (entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)
SELECT 'e', external_id, md5(external_id), 't', data, 1, 1, now(), now() FROM stage
ON CONFLICT (entity_id, external_id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at
WHERE r.data IS DISTINCT FROM excluded.data
"""
ONE = """
INSERT INTO ceiling.records AS r
    (entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)
VALUES ('e', %s, md5(%s), 't', %s::jsonb, 1, 1, now(), now())
ON CONFLICT (entity_id, external_id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at
WHERE r.data IS DISTINCT FROM excluded.data
"""
QUERY = """
SELECT id, external_id, entity_type, data, created_at, updated_at FROM ceiling.records
WHERE entity_id = 'e' AND deleted_at IS NULL AND data ->> 'status' = 'active'
ORDER BY (data ->> 'score')::numeric DESC, external_id LIMIT 50
"""


def records(turn: int) -> list[dict[str, Any]]:
    return [
        {
            "external_id": f"x{number:06}",
            "data": {
                "name": f"Name {number}", "email": f"u{number}@example.org", "status": STATUS[number % 4],
                "score": number * 7919 % 100003, "turn": turn, "tags": ["a", f"t{number % 1000}"],
                "address": {"zip": number % 5000, "city": "Berlin"},
            },
        }
        for number in range(ROWS)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[psycopg.Connection, SyncPostgresEngine]]:
    """A server of its own: a hand-written connection and our engine."""
    server = Server()
    migrations.migrate(server.url())
    with (
        psycopg.connect(server.url(), autocommit=True) as raw,
        SyncPostgresEngine(url=server.url()) as engine,
    ):
        raw.execute("CREATE SCHEMA ceiling")
        raw.execute("CREATE TABLE ceiling.records (LIKE mastra.records INCLUDING ALL)")
        yield raw, engine
    server.close()


def by_hand(raw: psycopg.Connection, batch: list[dict[str, Any]]) -> None:
    with raw.transaction():
        raw.execute(STAGE)
        with raw.cursor().copy("COPY stage FROM STDIN") as copy:
            for record in batch:
                copy.write_row((record["external_id"], json.dumps(record["data"])))
        raw.execute(MERGE)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def line(name: str, count: int, ours: list[float], ceiling: list[float], more: str = "") -> None:
    a, b = statistics.median(ours), statistics.median(ceiling)
    spread = max(ours) / min(ours)
    print(f"| {name} | {count / a:,.0f} | {count / b:,.0f} | {b / a:.2f} | {spread:.2f} | {more} |")


@pytest.mark.bench
def test_records_beside_hand_written_psycopg(places: tuple[psycopg.Connection, SyncPostgresEngine]) -> None:
    raw, engine = places
    print("\n| operation | ours /s | ceiling /s | ratio | spread | |\n|---|---|---|---|---|---|")
    times: dict[str, tuple[list[float], list[float]]] = {k: ([], []) for k in ("new", "changed", "unchanged")}
    wal = 0
    for turn in range(ROUNDS):
        raw.execute("TRUNCATE ceiling.records, mastra.records, mastra.entity, mastra.sync_run")
        entity = engine.create_entity(name="bench", connection_id="c")
        for kind, batch in (("new", records(turn)), ("changed", records(-1)), ("unchanged", records(-1))):
            raw.execute("CHECKPOINT")
            [before] = raw.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or ()
            ours = timed(lambda id=entity.id, batch=batch: engine.upsert_records(entity_id=id, records=batch))
            [wal] = raw.execute("SELECT pg_current_wal_insert_lsn() - %s", [before]).fetchone() or ()
            times[kind][0].append(ours)
            times[kind][1].append(timed(lambda batch=batch: by_hand(raw, batch)))
            raw.execute("VACUUM ANALYZE mastra.records, ceiling.records")
    for kind, (ours, ceiling) in times.items():
        more = f"WAL {int(wal):,} bytes" if kind == "unchanged" else ""
        line(f"upsert_records, {ROWS:,} {kind}", ROWS, ours, ceiling, more)

    one: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS):
        data = [{"external_id": f"one{turn}-{number}", "data": {"n": number}} for number in range(1000)]
        one[0].append(
            timed(lambda d=data: [engine.upsert_records(entity_id=entity.id, records=[r]) for r in d])
        )
        one[1].append(
            timed(
                lambda d=data: [
                    raw.execute(ONE, [r["external_id"], r["external_id"], json.dumps(r["data"])]) for r in d
                ]
            )
        )
    line("upsert_records, one by one", 1000, *one)

    options = QueryOptions(
        filters={"status": "active"}, sort={"field": "score", "direction": "DESC"}, limit=50
    )

    def query() -> None:
        assert len(engine.get_records(entity_name="bench", connection_id="c", options=options)) == 50

    for kind, calls in (("without an index", 5), ("after index_field", 100)):
        if kind == "after index_field":
            raw.execute("CREATE INDEX ON ceiling.records (((data ->> 'score')::numeric) DESC, external_id)")
            raw.execute("ANALYZE ceiling.records")
            engine.index_field(entity_id=entity.id, field="score")
        found: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            found[0].append(timed(lambda n=calls: [query() for _ in range(n)]))
            found[1].append(timed(lambda n=calls: [raw.execute(QUERY).fetchall() for _ in range(n)]))
        line(f"get_records, filter + sort + limit 50 of {ROWS:,}, {kind}", calls, *found)
