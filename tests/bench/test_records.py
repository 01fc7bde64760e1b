"""PostgresEngine beside hand-written psycopg on a table with the same indexes: bulk upserts, single ones, queries, pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli import PostgresEngine, QueryOptions, SyncPostgresEngine
from tests.bench import plans, workload
from tests.bench.conftest import Place
from tests.bench.measuring import (
    Contender,
    Outcome,
    apart,
    each,
    each_async,
    growth,
    rounds,
    rounds_async,
    rounds_of,
    timed,
    together,
)
from tests.bench.peer import Peer
from tests.bench.results import Row

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

ROUNDS, QUERY_ROUNDS = 3, 5
STAGE = 'CREATE TEMPORARY TABLE stage (external_id text COLLATE "C", data jsonb) ON COMMIT DROP'
COPY = "COPY stage FROM STDIN"
COLUMNS = "(entity_id, external_id, id, entity_type, data, version, created_version, created_at, updated_at)"
UPDATE = """ON CONFLICT (entity_id, external_id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at
WHERE r.data IS DISTINCT FROM excluded.data"""
MERGE = f"""INSERT INTO ceiling.records AS r {COLUMNS}
SELECT 'e', external_id, md5(external_id), 't', data, 1, 1, now(), now() FROM stage {UPDATE}"""
ONE = f"""INSERT INTO ceiling.records AS r {COLUMNS}
VALUES ('e', %s, md5(%s), 't', %s::jsonb, 1, 1, now(), now()) {UPDATE}"""
SELECT = "SELECT id, external_id, entity_type, data, created_at, updated_at FROM ceiling.records WHERE entity_id = 'e'"
QUERY = f"""{SELECT} AND deleted_at IS NULL AND data ->> 'status' = 'active'
ORDER BY (data ->> 'score')::numeric DESC, external_id LIMIT 50"""
RARE = f"""{SELECT} AND deleted_at IS NULL AND data @> '{{"tags": ["t7"]}}'
ORDER BY (data ->> 'score')::numeric, external_id LIMIT 50"""
# Without it the planner takes one record in 200 to be active, and now and then sorts them all.
STATISTICS = "CREATE STATISTICS ceiling.active ON (data ->> 'status') FROM ceiling.records"
PAGE = f"""{SELECT} AND deleted_at IS NULL AND (created_at, external_id) > (%s, %s)
ORDER BY created_at, external_id LIMIT 51"""
KINDS = ("new", "changed", "unchanged")
NO_QUERY = {
    "dlt": "a loader: it does not query",
    "langgraph": "its search can not order by a field of the data",
}
LOADERS = ("langgraph", "@mastra/engine", "dlt")


class Table:
    """Ours in the schema `mastra`, the ceiling's in `ceiling`, in one database."""

    def __init__(self, place: Place, count: int) -> None:
        self.count = count
        self.url = place.database("records")
        self.raw = psycopg.connect(self.url, autocommit=True)
        self.raw.execute("CREATE SCHEMA ceiling")
        self.raw.execute("CREATE TABLE ceiling.records (LIKE mastra.records INCLUDING ALL)")
        self.engine = SyncPostgresEngine(url=self.url)
        self.batches = {
            kind: list(workload.records(count, turn)) for kind, turn in (("new", 0), ("changed", 1))
        }
        self.batches["unchanged"] = self.batches["changed"]
        self.files = {kind: workload.written(batch, kind) for kind, batch in self.batches.items()}
        self.wal = 0
        self.entity_id = ""

    def settle(self, schema: str, kind: str) -> None:
        """The table as a round finds it: empty before `new`, vacuumed before the others."""
        if kind == "new" and schema == "mastra":
            self.raw.execute("TRUNCATE mastra.records, mastra.entity, mastra.sync_run")
            self.entity_id = self.engine.create_entity(name="bench", connection_id="c").id
        elif kind == "new":
            self.raw.execute("TRUNCATE ceiling.records")
        self.raw.execute(f"VACUUM ANALYZE {schema}.records")
        self.raw.execute("CHECKPOINT")

    def ours(self, kind: str) -> float:
        self.settle("mastra", kind)
        before = self._wal()
        seconds = timed(
            lambda: self.engine.upsert_records(entity_id=self.entity_id, records=self.batches[kind])
        )
        self.wal = self._wal() - before
        return seconds

    def by_hand(self, kind: str) -> float:
        self.settle("ceiling", kind)

        def merge() -> None:
            with self.raw.transaction():
                self.raw.execute(STAGE)
                with self.raw.cursor().copy(COPY) as copy:
                    for record in self.batches[kind]:
                        copy.write_row((record["external_id"], json.dumps(record["data"])))
                self.raw.execute(MERGE)

        return timed(merge)

    def ours_async(self, kind: str) -> float:
        self.settle("mastra", kind)

        async def upsert() -> float:
            async with PostgresEngine(url=self.url) as engine:
                await engine.open()
                loop = asyncio.get_running_loop()
                began = loop.time()
                await engine.upsert_records(entity_id=self.entity_id, records=self.batches[kind])
                return loop.time() - began

        return asyncio.run(upsert())

    def by_hand_async(self, kind: str) -> float:
        self.settle("ceiling", kind)

        async def upsert() -> float:
            raw = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
            loop = asyncio.get_running_loop()
            async with raw:
                began = loop.time()
                async with raw.transaction():
                    await raw.execute(STAGE)
                    async with raw.cursor().copy(COPY) as copy:
                        for record in self.batches[kind]:
                            await copy.write_row((record["external_id"], json.dumps(record["data"])))
                    await raw.execute(MERGE)
                return loop.time() - began

        return asyncio.run(upsert())

    def _wal(self) -> int:
        [found] = self.raw.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone() or (0,)
        return found

    def close(self) -> None:
        self.engine.close()
        self.raw.close()


@pytest.fixture
def table(place: Place, sized: Callable[[int], int]) -> Iterator[Table]:
    table = Table(place, sized(100_000))
    yield table
    table.close()
    place.drop("records")


def test_records(table: Table, peers: Callable[[str], Peer], keep: Callable[[Row], None]) -> None:
    # Changed rows need new ones: a round is all three, one after another.
    contenders: dict[str, Callable[[], dict[str, float]]] = {
        "ours": lambda: {kind: table.ours(kind) for kind in KINDS},
        "ceiling": lambda: {kind: table.by_hand(kind) for kind in KINDS},
    }
    for name in LOADERS:
        contenders[name] = lambda name=name: {
            kind: peers(name).ask("upsert", path=table.files[kind], reset=kind == "new")["seconds"]
            for kind in KINDS
        }
    title = f"upsert_records, {table.count:,}"
    for kind, outcome in rounds_of(contenders, ROUNDS, budget=60).items():
        row = Row("Records", f"{title} {kind}, sync", "/s", table.count, ">= 0.8").add(outcome)
        if kind == "unchanged":
            row.evidence = f"ours wrote {table.wal:,} bytes of WAL"
        keep(row)
    pair = {
        "ours": lambda: {kind: table.ours_async(kind) for kind in KINDS},
        "ceiling": lambda: {kind: table.by_hand_async(kind) for kind in KINDS},
    }
    for kind, outcome in rounds_of(pair, ROUNDS).items():
        keep(Row("Records", f"{title} {kind}, async", "/s", table.count, ">= 0.8").add(outcome))
    one_by_one(table, peers, keep)
    rare(table, keep)
    queries(table, peers, keep)
    pages(table, peers, keep)


def one_by_one(table: Table, peers: Callable[[str], Peer], keep: Callable[[Row], None]) -> None:
    few = table.batches["new"][: max(100, table.count // 200)]
    path, turns = workload.written(few, "few"), iter(range(1_000_000))

    def ours() -> float:
        rows = [{**row, "external_id": f"one{next(turns)}"} for row in few]
        return timed(
            lambda: [table.engine.upsert_records(entity_id=table.entity_id, records=[r]) for r in rows]
        )

    def by_hand() -> float:
        rows = [(f"one{next(turns)}", json.dumps(row["data"])) for row in few]
        return timed(lambda: [table.raw.execute(ONE, [key, key, data]) for key, data in rows])

    contenders: dict[str, Contender] = {"ours": ours, "ceiling": by_hand}
    for name in ("langgraph", "@mastra/engine"):
        contenders[name] = lambda name=name: peers(name).ask("one", path=path, prefix=f"one{next(turns)}-")[
            "seconds"
        ]
    outcome = rounds(contenders, ROUNDS)
    outcome.missing["dlt"] = "a loader: no single rows"
    keep(Row("Records", "upsert_records, one at a time, sync", "/s", len(few)).add(outcome))

    async def both() -> Outcome:
        raw = await psycopg.AsyncConnection.connect(table.url, autocommit=True)
        async with PostgresEngine(url=table.url) as engine, raw:

            async def ours() -> None:
                one = {**few[0], "external_id": f"one{next(turns)}"}
                await engine.upsert_records(entity_id=table.entity_id, records=[one])

            async def by_hand() -> None:
                key = f"one{next(turns)}"
                await raw.execute(ONE, [key, key, json.dumps(few[0]["data"])])

            pair = {"ours": each_async(ours, len(few)), "ceiling": each_async(by_hand, len(few))}
            return await rounds_async(pair, ROUNDS)

    keep(Row("Records", "upsert_records, one at a time, async", "/s", 1).add(asyncio.run(both())))


def rare(table: Table, keep: Callable[[Row], None]) -> None:
    """A filter that one record in a thousand meets, and a sort, with no index but the GIN index on all of data."""
    options = QueryOptions(filters={"tags": {"$all": ["t7"]}}, sort={"field": "score"}, limit=50)

    def ask() -> None:
        assert len(table.engine.get_records(entity_name="bench", connection_id="c", options=options)) >= 1

    def by_hand() -> None:
        assert len(table.raw.execute(RARE, prepare=True).fetchall()) >= 1

    table.raw.execute("VACUUM ANALYZE mastra.records, ceiling.records")
    title = f"get_records: filter that {table.count // 1000:,} of {table.count:,} meet, sort, limit 50, sync"
    row = Row("Records", title, "/s", 1)
    row.add(rounds({"ours": each(ask, 50), "ceiling": each(by_hand, 50)}, QUERY_ROUNDS))
    row.evidence = plans.evidence(table.url, ask)
    keep(row)


def queries(table: Table, peers: Callable[[str], Peer], keep: Callable[[Row], None]) -> None:
    options = QueryOptions(
        filters={"status": "active"}, sort={"field": "score", "direction": "DESC"}, limit=50
    )
    fits = 50

    def ask() -> None:
        found = table.engine.get_records(entity_name="bench", connection_id="c", options=options)
        assert len(found) >= fits

    def by_hand() -> None:
        assert len(table.raw.execute(QUERY).fetchall()) >= fits

    for kind, calls, goal in (("without an index", 5, ">= 0.15"), ("after index_field", 100, ">= 0.8")):
        title = f"get_records: filter, sort, limit 50 of {table.count:,}, {kind}"
        if calls == 5:
            table.raw.execute(
                "CREATE INDEX ON ceiling.records (((data ->> 'score')::numeric) DESC, external_id)"
            )
            table.raw.execute(STATISTICS)
            table.raw.execute("ANALYZE ceiling.records")
        else:
            table.engine.index_field(entity_id=table.entity_id, field="score")
        contenders: dict[str, Contender] = {
            "ours": each(ask, calls),
            "ceiling": each(by_hand, calls),
            "@mastra/engine": peers("@mastra/engine").each("query", 5, filtered=True, limit=50, offset=0),
        }
        outcome = rounds(contenders, QUERY_ROUNDS)
        outcome.missing |= NO_QUERY
        # What both goals are measured by is the indexed query: ours without its index, and with it.
        row = Row("Records", f"{title}, sync", "/s", 1, goal).add(outcome)
        row.evidence = plans.evidence(table.url, ask)
        keep(row)
        found = asyncio.run(queries_async(table, options, calls))
        keep(Row("Records", f"{title}, async", "/s", 1, goal).add(found))


async def queries_async(table: Table, options: QueryOptions, calls: int) -> Outcome:
    raw = await psycopg.AsyncConnection.connect(table.url, autocommit=True)
    async with PostgresEngine(url=table.url) as engine, raw:

        async def ours() -> None:
            await engine.get_records(entity_name="bench", connection_id="c", options=options)

        async def by_hand() -> None:
            await (await raw.execute(QUERY)).fetchall()

        pair = {"ours": each_async(ours, calls), "ceiling": each_async(by_hand, calls)}
        return await rounds_async(pair, QUERY_ROUNDS)


def pages(table: Table, peers: Callable[[str], Peer], keep: Callable[[Row], None]) -> None:
    """A page of 50 near the beginning and near the end."""
    reached: dict[int, str | None] = {}
    cursor, seen, wanted = None, 0, (table.count // 100, table.count * 9 // 10)
    while seen < wanted[1]:
        size = min(500, (wanted[0] if seen < wanted[0] else wanted[1]) - seen)
        page = table.engine.page_records(entity_name="bench", connection_id="c", cursor=cursor, limit=size)
        cursor, seen = page.next_cursor, seen + len(page.items)
        if seen in wanted:
            reached[seen] = cursor
    operations: dict[str, dict[str, Contender]] = {}
    calls: dict[str, Callable[[], object]] = {}
    for at, where in zip(wanted, ("1 %", "90 %"), strict=True):
        here = reached[at]
        order = "SELECT created_at, external_id FROM ceiling.records ORDER BY created_at, external_id LIMIT 1 OFFSET %s"
        key = table.raw.execute(order, [at - 1]).fetchone()

        def ours(here: str | None = here) -> None:
            found = table.engine.page_records(entity_name="bench", connection_id="c", cursor=here, limit=50)
            assert len(found.items) == 50

        def by_hand(key: Any = key) -> None:
            table.raw.execute(PAGE, key, binary=True, prepare=True).fetchall()

        title = f"page_records, 50 rows at {where} of {table.count:,}, sync"
        calls[title] = ours
        operations[title] = {
            "ours": each(ours, 50),
            "ceiling": each(by_hand, 50),
            "@mastra/engine": peers("@mastra/engine").each("query", 3, filtered=False, limit=50, offset=at),
            "langgraph": peers("langgraph").each("page", 3, offset=at, size=50),
        }
    outcomes = apart(rounds(together(operations), QUERY_ROUNDS, budget=20), operations)
    for title, outcome in outcomes.items():
        outcome.missing["dlt"] = NO_QUERY["dlt"]
        row = Row("Records", title, "ms", 1, "<= 2 x").add(outcome)
        row.evidence = plans.evidence(table.url, calls[title])
        keep(row)
    flat = Row("Records", "page_records: cost at 90 % against 1 %", "x", 1, "<= 1.5", absolute=True)
    flat.figures = growth(list(outcomes.values()))
    keep(flat)
