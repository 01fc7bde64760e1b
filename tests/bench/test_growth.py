"""The same calls on ten times the data: what each costs there, against what it costs here, in turn."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from mastra_cli import QueryOptions, SyncPgMemory, SyncPgVector, SyncPostgresEngine
from mastra_cli.runtime.packed import Packed, PackedDumper
from tests.bench import plans, workload
from tests.bench.conftest import Place
from tests.bench.measuring import Figure, apart, each, rounds, together
from tests.bench.results import Row
from tests.bench.test_memory import LAST, PAGE, messages
from tests.bench.test_records import PAGE as RECORDS_PAGE
from tests.bench.test_records import QUERY, STATISTICS
from tests.bench.test_vectors import FILTERED, NEAREST
from tests.postgres.test_memory_plans import FILL

# What the library has to say of a slow build is no failure here.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), pytest.mark.filterwarnings("default")]

ROUNDS, DIMENSION, EF = 7, 384, 100
BY_HAND = ("query, top 10", "filtered query, 1 % match", "filtered query, 100 rows match")
Call = Callable[[], Any]


def compare(
    keep: Callable[[Row], None],
    what: str,
    here: dict[str, Call],
    there: dict[str, Call],
    calls: int,
    evidence: str = "",
) -> None:
    """A row of how many times what it costs here it costs there, for ours and, where it is there, the ceiling."""
    sizes = {"1x": {name: each(call, calls) for name, call in here.items()},
             "10x": {name: each(call, calls) for name, call in there.items()}}  # fmt: skip
    few, many = apart(rounds(together(sizes), ROUNDS), sizes).values()
    row = Row("Growth", what, "x", 1, "<= 1.5", absolute=True, evidence=evidence)
    for name in here:
        ratios = [b / a for a, b in zip(few.figures[name].rounds, many.figures[name].rounds, strict=False)]
        told = f"{few.figures[name].middle * 1000:.2f} ms, then {many.figures[name].middle * 1000:.2f} ms"
        row.figures[name] = Figure(ratios, told)
    keep(row)


def by_hand(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    connection.adapters.register_dumper(Packed, PackedDumper)
    connection.execute(f"SET hnsw.ef_search = {EF}")
    return connection


def of_hand(table: str, chosen: Any) -> str:
    """The same in SQL: the ANN index alone, or all that match compared."""
    statement = NEAREST if chosen is None else FILTERED
    return statement.replace("mastra.docs", f"mastra.{table}").replace("::vector", "::halfvec")


def half(vector: Any) -> Packed:
    return Packed(struct.pack(">HH", DIMENSION, 0) + vector.astype(">f2").tobytes())


def test_growth_of_embeddings(place: Place, sized: Callable[[int], int], keep: Callable[[Row], None]) -> None:
    """With an index of half the precision: the graph of 500,000 vectors fits into the memory it is built in."""
    sizes = {"1x": sized(50_000), "10x": sized(500_000)}
    url = place.database("growth")
    asked: dict[str, workload.Vectors] = {}
    with SyncPgVector(connection_string=url, timeout=3600) as loading:
        for name, count in sizes.items():
            # More documents are of more subjects: ten times as many of each would be another, harder question.
            data = workload.Vectors(count, DIMENSION, clusters=max(200, count // 250))
            loading.create_index(
                index_name=f"docs_{name}", dimension=DIMENSION, vector_type="halfvec", build_index=False
            )
            metadata = [{**each, "few": number % (count // 100)} for number, each in enumerate(data.metadata)]
            loading.upsert(index_name=f"docs_{name}", vectors=data.vectors, ids=data.ids, metadata=metadata)
            loading.build_index(index_name=f"docs_{name}")
            asked[name] = data
        loading._pool.rows("VACUUM ANALYZE")
    # What it knows of an index it takes for true for half a minute: this one knows of the statistics.
    with SyncPgVector(connection_string=url, timeout=600) as vector:
        fresh, raw = itertools.count(), by_hand(url)
        for what, chosen in (
            ("query, top 10", None),
            ("filtered query, half of them match", {"hundredth": {"$lt": 50}}),
            ("filtered query, 1 % match", {"hundredth": 7}),
            ("filtered query, 100 rows match", {"few": 7}),
        ):
            calls: dict[str, dict[str, Call]] = {}
            recall: dict[str, str] = {}
            for name, data in asked.items():

                def ask(question: Any, name: str = name, chosen: Any = chosen) -> list[str]:
                    found = vector.query(
                        index_name=f"docs_{name}", query_vector=question, filter=chosen, ef=EF
                    )
                    return [hit.id for hit in found]

                def hand(question: Any, name: str = name, chosen: Any = chosen) -> list[str]:
                    statement, value = of_hand(f"docs_{name}", chosen), half(question)
                    asked_for = [value, value] if chosen is None else [json.dumps(chosen), value]
                    rows = raw.execute(statement.encode(), asked_for, binary=True, prepare=True).fetchall()
                    return [row[0] for row in rows]

                if chosen is None or chosen == {"hundredth": 7}:
                    recall[name] = data.recall(
                        [ask(question) for question in data.questions], chosen is not None
                    )
                of = {"ours": ask, **({"ceiling": hand} if what in BY_HAND else {})}
                calls[name] = {
                    who: lambda call=call, turns=itertools.cycle(data.questions): call(next(turns))
                    for who, call in of.items()
                }
            told = plans.evidence(url, calls["10x"]["ours"])
            said = "; ".join(f"{name} {words}" for name, words in recall.items())
            compare(keep, f"PgVector.{what}, {sizes['10x']:,} against {sizes['1x']:,}", calls["1x"], calls["10x"], 50,
                    f"{told}; {said}")  # fmt: skip

        def put(name: str) -> None:
            data = asked[name]
            ids = [f"new{next(fresh)}" for _ in range(100)]
            vector.upsert(
                index_name=f"docs_{name}", vectors=data.vectors[:100], ids=ids, metadata=data.metadata[:100]
            )

        def put_by_hand(name: str) -> None:
            data = asked[name]
            rows = [
                (f"new{next(fresh)}", half(data.vectors[n]), json.dumps(data.metadata[n])) for n in range(100)
            ]
            with raw.transaction(), raw.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO mastra.docs_{name} (vector_id, embedding, metadata) VALUES (%s, %s::halfvec, %s::jsonb)".encode(),
                    rows,
                )

        of_size = [
            {"ours": lambda name=name: put(name), "ceiling": lambda name=name: put_by_hand(name)}
            for name in sizes
        ]
        compare(keep, f"PgVector.upsert of 100, {sizes['10x']:,} against {sizes['1x']:,}", *of_size, 2)
        raw.close()
    place.drop("growth")


def test_growth_of_entities(place: Place, sized: Callable[[int], int], keep: Callable[[Row], None]) -> None:
    sizes = {"1x": sized(100_000), "10x": sized(1_000_000)}
    calls: dict[str, dict[str, dict[str, Call]]] = {}
    proof: dict[str, str] = {}
    engines: list[Any] = []
    for name, count in sizes.items():
        url = place.database(f"growth_{name}")
        engine, raw = SyncPostgresEngine(url=url), psycopg.connect(url, autocommit=True)
        engines += [engine, raw]
        engine.sync_records(name="bench", connection_id="c", records=workload.records(count, 0))
        entity_id = engine.get_entity(name="bench", connection_id="c").id
        engine.index_field(entity_id=entity_id, field="score")
        raw.execute("CREATE SCHEMA ceiling")
        raw.execute("CREATE TABLE ceiling.records (LIKE mastra.records INCLUDING ALL)")
        raw.execute("INSERT INTO ceiling.records SELECT 'e', r.external_id, r.id, r.entity_type, r.data, r.version, r.created_version, "
                    "r.created_at, r.updated_at, r.deleted_at FROM mastra.records r")  # fmt: skip
        raw.execute("CREATE INDEX ON ceiling.records (((data ->> 'score')::numeric) DESC, external_id)")
        raw.execute(STATISTICS)
        raw.execute("VACUUM ANALYZE")
        cursor, far = None, count * 9 // 10
        for _ in range(far // 500):
            cursor = engine.page_records(
                entity_name="bench", connection_id="c", cursor=cursor, limit=500
            ).next_cursor
        order = "SELECT created_at, external_id FROM ceiling.records ORDER BY created_at, external_id LIMIT 1 OFFSET %s"
        key = raw.execute(order, [far]).fetchone()
        fresh, options = (
            itertools.count(),
            QueryOptions(
                filters={"status": "active"}, sort={"field": "score", "direction": "DESC"}, limit=50
            ),
        )
        rare = QueryOptions(filters={"tags": {"$contains": "t7"}, "address.zip": 7}, limit=50)
        of: dict[str, Call] = {
            "get_record": lambda e=engine, i=entity_id, n=count: e.get_record(entity_id=i, external_id=f"x{n // 2:07}"),
            "upsert_records of one": lambda e=engine, i=entity_id, f=fresh: e.upsert_records(
                entity_id=i, records=[{"external_id": f"one{next(f)}", "data": {"n": 1}}]
            ),
            "upsert_records of 1,000": lambda e=engine, i=entity_id, f=fresh: e.upsert_records(
                entity_id=i, records=[{"external_id": f"many{next(f)}", "data": {"n": 1}} for _ in range(1_000)]
            ),
            "get_records, filter and sort by an indexed field": lambda e=engine, o=options: e.get_records(
                entity_name="bench", connection_id="c", options=o
            ),
            "get_records, a filter that few meet": lambda e=engine, o=rare: e.get_records(
                entity_name="bench", connection_id="c", options=o
            ),
            "page_records of 50 at 90 %": lambda e=engine, c=cursor: e.page_records(
                entity_name="bench", connection_id="c", cursor=c, limit=50
            ),
        }  # fmt: skip
        by_hand: dict[str, Call] = {
            "get_records, filter and sort by an indexed field": lambda r=raw: r.execute(
                QUERY, prepare=True
            ).fetchall(),
            "page_records of 50 at 90 %": lambda r=raw, k=key: r.execute(
                RECORDS_PAGE, k, prepare=True
            ).fetchall(),
        }
        for what, call in of.items():
            calls.setdefault(what, {})[name] = {
                "ours": call,
                **({"ceiling": by_hand[what]} if what in by_hand else {}),
            }
            if name == "10x" and "upsert" not in what:
                proof[what] = plans.evidence(url, call)
    for what, of_size in calls.items():
        compare(keep, f"{what}, {sizes['10x']:,} against {sizes['1x']:,}", of_size["1x"], of_size["10x"],
                2 if "1,000" in what else 30, proof.get(what, ""))  # fmt: skip
    for each_ in engines:
        each_.close()
    place.drop(*(f"growth_{name}" for name in sizes))


def test_growth_of_a_thread(place: Place, sized: Callable[[int], int], keep: Callable[[Row], None]) -> None:
    sizes = {"1x": sized(100_000), "10x": sized(1_000_000)}
    url = place.database("growth")
    with psycopg.connect(url, autocommit=True) as raw, SyncPgMemory(connection_string=url) as memory:
        for name, count in sizes.items():
            raw.execute(FILL, {"id": name, "n": count})
        raw.execute("VACUUM ANALYZE")
        one = [{"role": "user", "content": workload.TEXT}]

        def of(name: str) -> dict[str, tuple[Call, Call | None]]:
            anchor = f"{name}-{sizes[name] * 9 // 10}"
            return {
                "save_messages of one": (lambda: memory.save_messages(thread_id=name, messages=one), None),
                "save_messages of 100": (lambda: memory.save_messages(thread_id=name, messages=one * 100), None),
                "last 20": (
                    lambda: memory.get_messages(thread_id=name, last=20),
                    lambda: messages(raw.execute(LAST.encode(), [name, 20], prepare=True).fetchall()),
                ),
                "window of 400 tokens": (lambda: memory.get_context_window(thread_id=name, max_tokens=400), None),
                "page of 50 at 90 %": (
                    lambda: memory.get_messages(thread_id=name, after=anchor, limit=50),
                    lambda: messages(raw.execute(PAGE.encode(), [name, name, anchor], prepare=True).fetchall()),
                ),
            }  # fmt: skip

        few, many = of("1x"), of("10x")
        for what in few:
            pairs = [
                {"ours": ours, **({"ceiling": hand} if hand else {})}
                for ours, hand in (few[what], many[what])
            ]
            told = "" if "save" in what else plans.evidence(url, many[what][0])
            compare(keep, f"{what}, a thread of {sizes['10x']:,} messages against {sizes['1x']:,}", pairs[0], pairs[1],
                    5 if "100" in what else 50, told)  # fmt: skip
    place.drop("growth")
