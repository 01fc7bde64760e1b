"""Clients that die in the middle of `RecordIndex.refresh` and `rebuild`: the next one goes on, and ends equal."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.record_index import SyncRecordIndex
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parent.parent.parent
RUNS = 200
COUNT = 400

# Says, whole, what it is about to embed.
CLIENT = """
import os, sys
from mastra_cli import SyncPgVector, SyncPostgresEngine, SyncRecordIndex, sync_connect
url, action = sys.argv[1:]
def embed(texts):
    os.write(1, "".join(f"{text}\\n" for text in texts).encode())
    return [[1.0, float(len(text)), float(sum(text.encode()) % 97)] for text in texts]
with sync_connect(url=url) as pool:
    index = SyncRecordIndex(
        engine=SyncPostgresEngine(pool=pool), vector=SyncPgVector(pool=pool), embedder=embed, text="text",
        model="m", batch_size=8, max_concurrency=2, index_name="docs", entity_name="e", connection_id="c")
    print("ready", flush=True)
    sys.stdin.readline()
    getattr(index, action)()
    print("done", flush=True)
"""


def vector(text: str) -> list[float]:
    return [1.0, float(len(text)), float(sum(text.encode()) % 97)]


class Bench:
    def __init__(self, url: str, pool) -> None:
        self.url, self.engine = url, SyncPostgresEngine(pool=pool)
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

    def killed(self, action: str, seconds: float) -> list[str]:
        """What a client said that was killed after so long."""
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, self.url, action],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        client.stdin.write("\n")
        client.stdin.flush()
        time.sleep(seconds)
        client.kill()
        return client.communicate()[0].splitlines()


def test_a_refresh_after_one_that_was_killed_ends_equal(database: str) -> None:
    chance = random.Random(5)
    with sync_connect(url=database) as pool:
        bench = Bench(database, pool)
        half_way = 0
        for run in range(1, RUNS + 1):
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
        assert half_way > RUNS / 10


def test_a_rebuild_that_is_killed_is_gone_on_with(database: str) -> None:
    chance = random.Random(6)
    with sync_connect(url=database) as pool:
        bench = Bench(database, pool)
        bench.change(1, chance)
        bench.index.refresh()
        for run in range(2, 22):
            bench.change(run, chance)
            said = bench.killed("rebuild", chance.uniform(0, 0.4))
            assert bench.index.search("1 of 0", mode="vector")
            bench.texts.clear()
            if "done" not in said:
                bench.index.rebuild()
                total = Counter(bench.texts) + Counter(said)
                live = len(bench.naive())
                assert live <= sum(total.values()) <= live + 2 * 8
            bench.index.refresh()
            assert bench.holds() == bench.naive()
            assert bench.vector.list_indexes() == ["docs"]
