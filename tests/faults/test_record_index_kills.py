"""Clients that die in the middle of `RecordIndex.refresh` and `rebuild`: the next one goes on, and ends equal."""

from __future__ import annotations

import json
import random
import time
from collections import Counter

import psycopg
import pytest

from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.record_index import SyncRecordIndex
from mastra_cli.runtime._sync.session import Pool, sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from tests.faults import calls
from tests.faults.nursery import Nursery

pytestmark = [pytest.mark.timeout(1800)]

COUNT = 400

# Says, whole, what it is about to embed.
CLIENT = """
from mastra_cli import SyncPgVector, SyncPostgresEngine, SyncRecordIndex, sync_connect
def embed(texts):
    say("\\n".join(texts))
    return [[1.0, float(len(text)), float(sum(text.encode()) % 97)] for text in texts]
def client(url, action):
    with sync_connect(url=url) as pool:
        index = SyncRecordIndex(
            engine=SyncPostgresEngine(pool=pool), vector=SyncPgVector(pool=pool), embedder=embed, text="text",
            model="m", batch_size=8, max_concurrency=2, index_name="docs", entity_name="e", connection_id="c")
        say("ready")
        getattr(index, action)()
"""


def vector(text: str) -> list[float]:
    return [1.0, float(len(text)), float(sum(text.encode()) % 97)]


class Bench:
    def __init__(self, url: str, pool: Pool, nursery: Nursery) -> None:
        self.url, self.pool, self.nursery = url, pool, nursery
        self.engine = SyncPostgresEngine(pool=pool)
        self.vector = SyncPgVector(pool=pool)
        self.texts: list[str] = []
        self.index = SyncRecordIndex(
            engine=self.engine,
            vector=self.vector,
            embedder=self.embed,
            text="text",
            model="m",
            index_name="docs",
            entity_name="e",
            connection_id="c",
        )

    def embed(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return [vector(text) for text in texts]

    def change(self, run: int, chance: random.Random) -> None:
        """About half of it: texts, metadata alone, deletes."""
        rows = [
            {"external_id": f"{n:04}", "data": {"text": f"{n} of {chance.choice([0, run])}", "n": run}}
            for n in chance.sample(range(COUNT), COUNT // 2)
        ]
        self.engine.sync_records(name="e", connection_id="c", records=rows)
        entity = self.engine.get_entity(name="e", connection_id="c")
        gone = [f"{n:04}" for n in chance.sample(range(COUNT), 20)]
        self.engine.delete_records(entity_id=entity.id, external_ids=gone)

    def holds(self) -> dict[str, tuple]:
        with psycopg.connect(self.url) as c:
            rows = c.execute(
                "SELECT vector_id, document, metadata, embedding::text FROM mastra.docs"
            ).fetchall()
        assert len({row[0] for row in rows}) == len(rows)
        return {row[0]: (row[1], row[2], json.loads(row[3])) for row in rows}

    def naive(self) -> dict[str, tuple]:
        records = self.engine.get_records(entity_name="e", connection_id="c")
        return {f"0:{r.external_id}": (r.data["text"], r.data, vector(r.data["text"])) for r in records}

    def table(self) -> int:
        """The table that is searched; a rebuild ends with another."""
        with psycopg.connect(self.url) as c:
            [oid] = c.execute("SELECT 'mastra.docs'::regclass::oid::bigint").fetchone() or (0,)
        return oid

    def killed(self, action: str, seconds: float) -> list[str]:
        """What a client embedded, and "done" perhaps, that was killed after so long."""
        said = self.nursery.killed(seconds, url=self.url, action=action)
        # A COMMIT that it had sent may still be at work.
        self.pool.close()
        with psycopg.connect(self.url, autocommit=True) as direct:
            calls.settled(direct)
        self.pool.open()
        return said


@pytest.mark.parametrize(
    "runs", [pytest.param(40, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.nightly)]
)
def test_a_refresh_after_one_that_was_killed_ends_equal(database: str, runs: int) -> None:
    chance = random.Random(5)
    with sync_connect(url=database) as pool, Nursery(CLIENT) as nursery:
        bench = Bench(database, pool, nursery)
        half_way = 0
        for run in range(1, runs + 1):
            bench.change(run, chance)
            before = bench.holds() if run > 1 else {}
            said = bench.killed("refresh", chance.uniform(0, 0.25))
            half_way += bool(said) and said[-1] != "done"
            bench.texts.clear()
            began = time.monotonic()
            bench.index.refresh()
            # The dead one's claim is not waited for.
            assert time.monotonic() - began < 20
            after = bench.holds()
            assert after == bench.naive(), run
            # Unchanged text costs nothing; what was embedded twice is at most what the dead one had in hand.
            new = Counter(text for id, (text, _, _) in after.items() if before.get(id, ("",))[0] != text)
            asked = Counter(bench.texts) + Counter(line for line in said if line != "done")
            assert not new - asked
            assert sum((asked - new).values()) <= 2 * 8, run
        print(f"{half_way} of {runs} were killed half-way")
        assert half_way > runs / 10


@pytest.mark.slow
def test_a_rebuild_that_is_killed_is_gone_on_with(database: str) -> None:
    chance = random.Random(6)
    with sync_connect(url=database) as pool, Nursery(CLIENT) as nursery:
        bench = Bench(database, pool, nursery)
        bench.change(1, chance)
        bench.index.refresh()
        began = time.monotonic()
        bench.index.rebuild()
        took = time.monotonic() - began
        outcomes = Counter[str]()
        for run in range(2, 22):
            bench.change(run, chance)
            before = bench.table()
            said = bench.killed("rebuild", chance.uniform(0, 2 * took))
            # It may be killed between its COMMIT and its last word: then there is nothing to go on with.
            switched = bench.table() != before
            assert switched or "done" not in said
            outcomes["done" if "done" in said else "switched" if switched else "half-way"] += 1
            assert bench.index.search("1 of 0", mode="vector")
            bench.texts.clear()
            if not switched:
                bench.index.rebuild()
                assert bench.table() != before
            embedded = len(bench.texts) + len([line for line in said if line != "done"])
            live = len(bench.naive())
            assert live <= embedded <= live + 2 * 8, (run, switched)
            bench.index.refresh()
            assert bench.holds() == bench.naive()
            assert bench.vector.list_indexes() == ["docs"]
        print(dict(outcomes))
        assert outcomes["half-way"] > 2
